"""Structures and current densities: Figures 1e, f, 2b, 3b, 4c, d and the diagrams 4a, b, from kept densities."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pfsolid.api.conductivity import FieldKeeper
from pfsolid.grid import AXES
from pfsolid.parallel.quiet import quiet_session
from pfsolid.plots.box import draw_structure, view_size
from pfsolid.plots.planes import CURRENT_MAP, DENSITY_MAP, NO_CURRENT, log_limits, relative_current, show_plane
from pfsolid.plots.sweep import plot_sweep
from pfsolid.sweeps.collect import collect
from pfsolid.sweeps.dataset import read_stored
from pfsolid.sweeps.plan import load_plan
from pfsolid.sweeps.state import kept_path, look
from pfsolid.workflows.density import homogenize

from .figures import save
from .sweeps import DEPTH, POROSITY, SIZES, X, Y, data_file, read_rows

FIELD_V_PER_M = 10.0
WIDE, STRUCTURE, PLANE = 3.5, 2.3, 1.9  # inches: a case, the picture of its cell, the plane of its current

# Figure: sweep, direction of the field, and the cases it shows (a title, what their columns must be).
_SHOWN = {
    "1f": (("large", "porosity"), "x", [("32 %, λ = 1.4 nm", {POROSITY: 0.32, DEPTH: 1.4})]),
    "2b": (("dilute", "porosity"), "x", [("5.4 %", {POROSITY: 0.054}), ("43.5 %", {POROSITY: 0.435, DEPTH: 1.4})]),
    "3b": (("pillars",), "z", [("6.1 %", {POROSITY: 0.061}), ("48.7 %", {POROSITY: 0.487})]),
    "4c": (("classes",), "x", [(f"({x}, {y})", {X: x, Y: y}) for x, y in ((1, 1), (3000, 1), (20, 20), (3000, 3000))]),
}


def draw(figure: str, data: Path, sweeps: Path, directory: Path) -> None:
    """Structure and current density of each case that is there."""
    names, along, wanted = _SHOWN[figure]
    found = [(title, *case) for title, values in wanted if (case := _find(names, values, data, sweeps))]
    if not found:
        return
    size = Figure(figsize=(WIDE * len(found), STRUCTURE + PLANE + 2.0))
    for number, (title, rho, config, row) in enumerate(found):
        _draw_case(size, number, title, rho, config, row, along)
    save(size, directory, figure)


def _find(names, values: dict, data: Path, sweeps: Path):
    """Density, configuration and row of the first case of these values whose density was kept."""
    for name in names:
        rows = [row for size in reversed(SIZES[1:]) for row in read_rows(data / data_file(name, size))
                if all(row.get(key) in (None, value) for key, value in values.items()) and values.items() & row.items()]
        for place in (sweeps / f"{name}_{size}" for size in reversed(SIZES)):
            if not place.exists():
                continue
            plan = load_plan(place)
            cases = {case.id: case for case in plan.cases}
            for row in sorted(rows, key=lambda row: -(row.get("edge") or 0)):  # in the largest cell
                path = kept_path(place, row["case"], "rho")
                if row["case"] in cases and path.exists():
                    return read_stored(path, "rho")[0].transpose(2, 1, 0), plan.config_of(cases[row["case"]]), row
    return None


def _draw_case(figure: Figure, number: int, title: str, rho: np.ndarray, config, row: dict, along: str) -> None:
    width, height = figure.get_size_inches()
    grid = config.grid_nm
    size = view_size(grid.lengths)
    wide, high = size * min(STRUCTURE / size)
    left, bottom = 0.55 + WIDE * number, PLANE + 1.5
    axes = figure.add_axes([(left + (STRUCTURE - wide) / 2) / width, bottom / height, wide / width, high / height])
    edges = tuple(np.linspace(0, length, n + 1) for n, length in zip(grid.shape, grid.lengths))
    draw_structure(axes, rho, edges, matplotlib.colormaps[DENSITY_MAP])
    figure.text((left + STRUCTURE / 2) / width, 1 - 0.1 / height, f"{title}: {row['connectivity']}", ha="center", va="top",
                fontsize=9)
    current = current_density(rho, config, along)
    if current is None:
        return
    axis = AXES.index(along)
    normal = 1 if axis != 1 else 2
    mean = float(current[..., axis].mean())
    magnitude = np.moveaxis(np.linalg.norm(current, axis=-1) / mean, normal, 0)
    plane = magnitude[int(np.argmax(magnitude.mean(axis=(1, 2))))]  # with the most current in it
    low, high = log_limits(magnitude)
    panel = figure.add_axes([left / width, 0.5 / height, PLANE / width, PLANE / height])
    bar = figure.add_axes([(left + PLANE + 0.1) / width, 0.5 / height, 0.09 / width, PLANE / height])
    colours = matplotlib.colormaps[CURRENT_MAP].with_extremes(bad=NO_CURRENT)
    image = show_plane(panel, np.ma.masked_less_equal(plane, 0), normal, grid, cmap=colours,
                       norm=LogNorm(min(low, high / 20), high), interpolation="nearest")
    figure.colorbar(image, cax=bar, label=relative_current(axis), extend="both")
    panel.set_title(f"⟨J_{along}⟩ = {mean:.3g} A/m² at 10 V/m", fontsize=8)
    bar.tick_params(labelsize=6.5)


def current_density(rho: np.ndarray, config, along: str) -> np.ndarray | None:
    """J (A/m^2; x, y, z, component) in 10 V/m; None where nothing percolates along that axis."""
    keeper = FieldKeeper("xyz")
    with quiet_session(None, None, None) as session:
        homogenize(np.ascontiguousarray(rho, dtype=np.float64), config.grid_nm, config.conduction, None, session,
                   watch=lambda grid_nm, transform: keeper.keeper_of(grid_nm, transform))
    return FIELD_V_PER_M * keeper.kept[along].array if along in keeper.kept else None


def phase_diagram(sweeps: Path, directory: Path) -> None:
    """Figures 4a, b, as `pfsolid sweep plot` draws them, of the sweep of which most is done."""
    places = [place for size in SIZES if (place := sweeps / f"factors_{size}").exists()]
    if not places:
        return
    most = max(places, key=lambda place: len(look(place).done))
    collect(most)
    for made in plot_sweep(most)[0]:
        if made.stem == "phase_diagram":
            directory.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, directory / "hu2017_4ab.png")
