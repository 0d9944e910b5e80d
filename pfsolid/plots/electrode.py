"""The figure of several carriers: what conducts each along the field, its local tortuosity, where the electrode reacts."""

from __future__ import annotations

import csv
from typing import Any

from matplotlib.figure import Figure

from ..grid import AXES
from ..io.run_directory import PROFILES
from .colours import COLOURS
from .figure import new_figure
from .run_files import RunFiles

_NM_PER_UM = 1000.0


def has_profiles(run: RunFiles) -> bool:
    """Whether there is something to draw."""
    return run.fields_path.with_name(PROFILES).exists() and bool(run.result and run.result.carriers)


def electrode_figure(run: RunFiles) -> Figure:
    """Columns: the axes that were solved for; rows: area fraction, local tortuosity and, with kinetics, the reaction."""
    with open(run.fields_path.with_name(PROFILES), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    axes = [name for name in AXES if any(row["along"] == name for row in rows)]
    kinds = ["area_fraction", "tortuosity"] + (["reaction"] if any(row["reaction"] for row in rows) else [])
    figure = new_figure(run, 0.9 + 1.9 * len(kinds), "two plates: along the field")
    panels = figure.subplots(len(kinds), len(axes), squeeze=False, sharex="col", sharey="row")
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.6 / figure.get_figheight(),
                           top=1 - 0.62 / figure.get_figheight(), hspace=0.12, wspace=0.08)
    for column, name in enumerate(axes):
        own = [row for row in rows if row["along"] == name]
        for row, kind in enumerate(kinds):
            _draw(panels[row, column], own, kind, column == 0)
            panels[row, column].set_ylim(0, 1.08 * max(float(one[kind]) for one in rows if one[kind]))
        panels[-1, column].set_xlabel(f"{name} (µm)")
    panels[0, 0].legend(loc="best")
    return figure


def _draw(axes: Any, rows: list[dict[str, str]], kind: str, labelled: bool) -> None:
    carriers = list(dict.fromkeys(row["carrier"] for row in rows))
    for number, carrier in enumerate(carriers if kind != "reaction" else carriers[:1]):
        own = [row for row in rows if row["carrier"] == carrier and row[kind]]
        place = [float(row["position_nm"]) / _NM_PER_UM for row in own]
        colour = "0.25" if kind == "reaction" else COLOURS[number % len(COLOURS)]
        axes.plot(place, [float(row[kind]) for row in own], color=colour, label=carrier)
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    if labelled:
        axes.set_ylabel({"area_fraction": "area that conducts", "tortuosity": "local tortuosity",
                         "reaction": "reaction / mean"}[kind])
