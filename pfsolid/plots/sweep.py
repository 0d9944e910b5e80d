"""The figures of a sweep, drawn from its dataset: conductivity over what varies, and the phase diagram in shape factors.

An unfinished sweep is drawn as far as it is collected; what is missing stays blank.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..config.text import shown
from ..errors import InputError
from ..grid import AXES
from ..theory.effective_medium import CoatedPores, core_fraction
from ..theory.models import Theory
from ..units import S_PER_M
from .figure import Look, save_figure
from .sweep_curves import BARS, Point, draw_points, make_zero_strip, point_of
from .sweep_gallery import draw_gallery, has_pictures
from .sweep_phases import draw_phase_diagram
from .sweep_table import POROSITY, SHAPE_FACTORS, Table, described, evenly, label_of, read_table
from .theory import EXPERIMENT, LINES, new_figure

LI3PS4 = 0.0, 3.14e-3, 8.93e-7  # S/cm, pore, surface and bulk of Hu 2017, to which the experiment belongs
PAPER_RADIUS_NM = 14.0  # of the pores, in the paper's effective-medium curves
MOST_CURVES, CURVE_POINTS, TITLE_LETTERS = 5, 200, 55
COMPONENT_COLOURS = LINES[0], LINES[2], LINES[3]
SIGMA = "effective conductivity (S/cm)"
MEAN = r"effective conductivity, mean of $\sigma_{xx}, \sigma_{yy}, \sigma_{zz}$ (S/cm)"


def plot_sweep(directory: Path, look: Look = Look()) -> tuple[list[Path], list[str]]:
    """Draw what can be drawn of a collected sweep into ``directory/figures``.  For one process.

    ``sigma_porosity.png`` needs an axis of porosities, ``phase_diagram.png`` both shape factors as axes, ``gallery.png``
    the kept field ``phase``; ``sigma_axes.png`` shows the conductivity over each axis, whatever it is, the
    others held.

    Parameters
    ----------
    directory : Path
        Of a sweep, with its dataset.
    look : Look

    Returns
    -------
    list of Path
        The figures made.
    list of str
        What is not drawn, and why.

    Raises
    ------
    InputError
        The directory is not that of a sweep, has no dataset, or nothing in it can be drawn.
    CheckpointError
        A file is damaged.
    OutputError
    """
    table = read_table(Path(directory))
    varied, conducts = table.varied(), np.isfinite(table.numbers["sigma_mean_S_per_cm"]).any()
    drawings, left_out = {}, []
    if conducts:
        if POROSITY in varied:
            drawings["sigma_porosity"] = _porosity_figure
        if varied:
            drawings["sigma_axes"] = _axes_figure
    else:
        several = "carriers_S_per_cm" in table.plan.base.get("phases", {})
        left_out.append("no conductivities: " + ("those of several carriers are not drawn; dataset.csv has them" if several
                                                 else "no case has one that means something"))
    if set(SHAPE_FACTORS) <= set(varied) and any(table.connectivity):
        drawings["phase_diagram"] = draw_phase_diagram
    if has_pictures(table):
        drawings["gallery"] = draw_gallery
    elif table.plan.kind.has_seeds:
        left_out.append('no gallery: no phases are kept; plan the sweep with keep = ["phase"]')
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: {'; '.join(left_out)}")
    made = [save_figure(table.directory, name, lambda draw=draw: draw(table), look) for name, draw in drawings.items()]
    return made, left_out


# --- conductivity over porosity -----------------------------------------------------------------------------


def _porosity_figure(table: Table) -> Figure:
    """Mean over porosity, a curve for each combination of further axes, with experiment and EMT."""
    figure = new_figure(5.0)
    axes = figure.subplots()
    axes.set_yscale("log")
    further = [key for key in table.varied() if key != POROSITY]
    known = np.isfinite(table.numbers["sigma_mean_S_per_cm"])
    curves = [(values, rows[known[rows]]) for values, rows in table.groups(further) if known[rows].any()]
    chosen = evenly(curves, MOST_CURVES)
    for (values, rows), colour in zip(chosen, LINES):
        draw_points(axes, _porosity_points(table, rows), colour, described(further, values) or "simulated")
    if not set(SHAPE_FACTORS) & set(further):  # the theory is of spheres
        _draw_theories(axes, table, [rows for _, rows in chosen])
    if _is_li3ps4(table):
        axes.axhline(EXPERIMENT, color="black", linewidth=0.8, linestyle="-.",
                     label="experiment, 1.64e-4 S/cm (Liu 2013 in Hu 2017, porosity not given)")
    make_zero_strip([axes])
    axes.set(xlabel="porosity (%)", ylabel=MEAN)
    axes.grid(True, color="0.92", linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=2)
    left_out = f"; {len(chosen)} of {len(curves)} curves" if len(chosen) < len(curves) else ""
    figure.suptitle(f"{table.caption}{left_out}\nsamples and their means; {BARS}", fontsize=9)
    return figure


def _porosity_points(table: Table, rows: np.ndarray) -> list[Point]:
    """At the mean porosity that the samples of a point have come to."""
    by_value: dict = {}
    for row in rows:
        by_value.setdefault(table.cases[row].values[POROSITY], []).append(row)
    return [_point(table, 100 * table.numbers["porosity"][here].mean(), np.array(here), "sigma_mean_S_per_cm")
            for _, here in sorted(by_value.items())]


def _point(table: Table, at: float, rows: np.ndarray, column: str) -> Point:
    sample = None
    if column == "sigma_mean_S_per_cm":  # the dataset counts copies of a sample once
        stored = table.numbers["sample_relative_error"][rows]
        sample = float(stored[0]) if np.isfinite(stored).all() else None
    return point_of(at, table.numbers[column][rows], table.numbers["grid_relative_error"][rows], sample)


def _draw_theories(axes, table: Table, curves: list[np.ndarray]) -> None:
    """The paper's effective-medium theory at the conductivities and surface depth of each curve, equal ones once."""
    lines = {}
    for rows, colour in zip(curves, LINES):
        sigmas, depth = _sigmas(table, rows[0]), float(table.numbers["surface_depth_nm"][rows[0]])
        if sigmas is not None and np.isfinite(depth):
            lines.setdefault((*sigmas, depth), colour)
    percent = 100 * table.numbers["porosity"][np.concatenate(curves)]
    for (*sigmas, depth), colour in lines.items():
        ratio, theory = depth / PAPER_RADIUS_NM, Theory("gemt", CoatedPores(*sigmas))
        porosity = np.linspace(percent.min(), percent.max(), CURVE_POINTS) / 100
        porosity = porosity[porosity <= core_fraction(ratio)]
        axes.plot(100 * porosity, theory.conductivity(porosity, ratio), "--", linewidth=1.1,
                  color=colour if len(lines) > 1 else "0.35",
                  label=f"EMT as in Hu 2017 (p$_c$ = {theory.percolation_threshold:g}, t = {theory.exponent:g}, "
                        f"r = {PAPER_RADIUS_NM:g} nm), λ = {depth:g} nm")


def _sigmas(table: Table, row: int) -> tuple[float, float, float] | None:
    """Conductivities of pore, surface and bulk of a case in S/cm."""
    conduction = table.plan.config_of(table.cases[row]).conduction
    return None if conduction is None else tuple(value / S_PER_M for value in conduction.sigma_S_per_m)


def _is_li3ps4(table: Table) -> bool:
    sigmas = _sigmas(table, 0)
    return sigmas is not None and np.allclose(sigmas, LI3PS4, rtol=0.02)


# --- conductivity over any axis -----------------------------------------------------------------------------


def _axes_figure(table: Table) -> Figure:
    """sigma_xx, yy, zz over each axis alone, a panel each; all others have the values that stand above it."""
    keys = table.varied()
    lines = -(-len(keys) // 2)
    figure = new_figure(0.7 + 2.9 * lines)
    panels = figure.subplots(lines, min(len(keys), 2), sharey=True, squeeze=False)
    for axes, key in zip(panels.flat, keys):
        _draw_axis(axes, table, key)
    make_zero_strip(list(panels.flat[:len(keys)]))
    for axes in panels.flat[len(keys):]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel(SIGMA)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"{table.caption}\nmeans of the samples; {BARS}", fontsize=9)
    return figure


def _draw_axis(axes, table: Table, key: str) -> None:
    axes.set_yscale("log")
    held, values, groups = _along(table, key)
    numeric = all(isinstance(value, (int, float)) for value, _ in groups)
    places = np.array([value for value, _ in groups], float) if numeric else np.arange(len(groups), dtype=float)
    order = np.argsort(places, kind="stable")
    for number, (axis, colour, marker) in enumerate(zip(AXES, COMPONENT_COLOURS, "os^")):
        column = f"sigma_{axis}{axis}_S_per_cm"
        if not np.isfinite(table.numbers[column]).any():  # an axis that two-dimensional runs do not have
            continue
        shift = 0.0 if numeric else 0.12 * (number - 1)
        points = [_point(table, places[i] + shift, groups[i][1], column) for i in order]
        draw_points(axes, points, colour, f"σ$_{{{axis}{axis}}}$", marker, line=numeric, samples=False)
    if not numeric:
        axes.set_xticks(places, [shown(value) for value, _ in groups])
    elif places.min() > 0 and places.max() / places.min() > 30:
        axes.set_xscale("log")
    axes.set_xlabel(label_of(key))
    if held:
        axes.set_title(textwrap.fill(f"at {described(held, values)}", TITLE_LETTERS), fontsize=8, loc="left")
    axes.grid(True, color="0.92", linewidth=0.6)


def _along(table: Table, key: str) -> tuple[list[str], tuple, list[tuple]]:
    """The other keys with the values they are held at, and the rows at each value of ``key`` there.

    Keys that go with this one, because they were varied together, are not held.  Of the combinations of the others the one
    with the most values of the key is taken, of several the one in the middle.
    """
    held = [other for other in table.varied() if other != key and not _goes_with(table, key, other)]
    lines = [(values, rows) for values, rows in table.groups(held)]
    rows_at = [_by_value(table, key, rows) for _, rows in lines]
    most = max(map(len, rows_at))
    best = [i for i, found in enumerate(rows_at) if len(found) == most]
    chosen = best[len(best) // 2]
    return held, lines[chosen][0], rows_at[chosen]


def _by_value(table: Table, key: str, rows: np.ndarray) -> list[tuple]:
    """Values of a key among rows that have a conductivity, and the rows with each."""
    known = np.isfinite(table.numbers["sigma_mean_S_per_cm"])
    return [(value, inside) for (value,), there in table.groups([key])
            if (inside := np.array([row for row in there if known[row] and row in rows], int)).size]


def _goes_with(table: Table, key: str, other: str) -> bool:
    """Whether each value of a key occurs with one of the other alone, and the other way round."""
    pairs = {(shown(case.values[key]), shown(case.values[other])) for case in table.plan.cases}
    return len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
