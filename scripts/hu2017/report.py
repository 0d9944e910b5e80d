"""Tables, figures and the page docs/reproduction.md from the CSV files and kept densities of a directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import matplotlib.style
from common import ROOT, STYLE, put_tables, table

from . import explanations, figures, pictures, statements
from .numbers import Data

FIGURES = ("1d", "1e", "1f", "2a", "2b", "2c", "2d", "3a", "3b", "3c", "3d", "S4", "4a", "4b", "4c", "4d", "61")
PAGE = ROOT / "docs" / "reproduction.md"
_CURVES = {"1d": figures.profile, "1e": figures.coarsening, "2a": figures.conductivity, "3a": figures.pillars,
           "S4": figures.surface}
_NEEDS = {"1e": ("coarsening", "aged"), "2a": ("porosity", "nucleated"), "3a": ("pillars",), "S4": ("porosity", "pillars")}
_PICTURES = {"1f": "1f", "2b": "2b", "3b": "3b", "4c": "4c", "4d": "4c"}


def write(directory: Path, chosen) -> None:
    """All figures, or those chosen, for which there is data; the page with the tables as far as they are known."""
    data, wanted = Data(directory / "data"), chosen or FIGURES
    made = directory / "figures"
    with matplotlib.style.context(STYLE):
        for name, draw in _CURVES.items():
            if name in wanted and (name not in _NEEDS or any(data.rows(one) for one in _NEEDS[name])):
                draw(data, made)
        for name in dict.fromkeys(_PICTURES[one] for one in wanted if one in _PICTURES):
            pictures.draw(name, directory / "data", directory / "sweeps", made)
        if {"4a", "4b"} & set(wanted):
            pictures.phase_diagram(directory / "sweeps", made)
    if {"2c", "2d", "3c", "3d"} & set(wanted):
        figures.maps(made)
    page = directory / "reproduction.md"
    if page.resolve() != PAGE.resolve():
        shutil.copyfile(PAGE, page)
    put_tables(page, tables(data))
    print(f"written {page}, {made}")


def tables(data: Data) -> dict[str, str]:
    """The two tables of the page."""
    head = ["where", "the paper", "here (± standard error over samples)", "verdict", "why"]
    found = statements.rows(data)
    counts = {verdict: sum(row[3] == verdict for row in found)
              for verdict in (statements.YES, statements.REMARK, statements.NO, statements.NOT_RUN)}
    return {"counts": ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f"; {len(found)} in all.",
            "statements": table(head, found),
            "explanations": table(["number", "explanation", "found", "verdict", "why"], explanations.rows(data))}
