"""What is computed for Hu 2017: sweeps of pfsolid by figure and size, run and resumed as `pfsolid sweep` does.

J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292.
"""

from __future__ import annotations

import copy
import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pfsolid.api.sweep import sweep as plan_sweep
from pfsolid.errors import InputError
from pfsolid.parallel.agreement import on_root
from pfsolid.parallel.communicator import world
from pfsolid.phasefield.free_energy import SPINODAL_LOW
from pfsolid.sweeps.collect import table_of
from pfsolid.sweeps.launch import Launch, run_sweep
from pfsolid.sweeps.plan import load_plan
from pfsolid.sweeps.state import look

SIZES = ("quick", "standard", "full")
DEPTHS = (0.9, 1.4)
POROSITY, DEPTH = "microstructure.porosity", "material.surface_depth_nm"
X, Y = "microstructure.shape_factor_x", "microstructure.shape_factor_y"
SEED, TIME, SIZE = "microstructure.seed", "evolution.max_reduced_time", "evolution.mean_pore_size_nm"
START, RATIO = "microstructure.start", "material.mobility_ratio_pore_to_solid"
NESTED = "evolution.nested_grids"
GRID = "grid.shape", "grid.voxel_size_nm"

BASE = {
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "grid": {"voxel_size_nm": 0.5},
    "evolution": {"max_reduced_time": 300.0},
    "conduction": {"sigma_pore_S_per_cm": 0.0, "sigma_bulk_S_per_cm": 8.93e-7, "sigma_surf_S_per_cm": 3.14e-3,
                   "rho_pore": 0.1, "rho_bulk": 0.9, "profile": "steps", "relative_tolerance": 1e-3, "grid_error": "none"},
}


@dataclass(frozen=True)
class Part:
    """A sweep of the reproduction at one size.

    Attributes
    ----------
    axes : dict
        As `pfsolid.sweep` takes them.
    base : dict of dict
        What differs from `BASE`.
    """

    axes: dict
    base: dict = field(default_factory=dict)
    replicas: int = 1


def _cube(n: int) -> dict:
    return {"grid": {"shape": [n] * 3}}


def _aged(depths, time: float) -> dict:
    """Depths of the same age in seconds: with the same gamma and M the unit of time goes as depth cubed.

    At the same age in that unit they would be the same structures but for the scale, with the same lambda/r and sigma_eff.
    """
    return {(DEPTH, TIME): [(depth, float(f"{time * (1.4 / depth)**3:.6g}")) for depth in depths]}


def _spinodal(n: int, porosities, seeds: int, depths=DEPTHS, time: float = 300.0, **evolution) -> Part:
    return Part(_aged(depths, time) | {POROSITY: list(porosities)}, _cube(n) | {"evolution": evolution}, seeds)


def _large(depth: float, porosities) -> Part:
    """The paper's cell: nested grids from noise; outside the spinodal nuclei, and one grid."""
    nested = [(p, "on" if SPINODAL_LOW < p < 1 - SPINODAL_LOW else "auto") for p in porosities]
    return Part(_aged((depth,), 300.0) | {(POROSITY, NESTED): nested}, _cube(256))


# 21 to 24 % lie just inside the spinodal, where noise takes longer to separate than this time: those begin with nuclei.
_POROSITIES = (0.25, 0.28, 0.30, 0.32, 0.34, 0.37, 0.40, 0.435, 0.50, 0.55, 0.58, 0.61, 0.64, 0.67, 0.70, 0.73, 0.77)
_FEWER_POROSITIES = (0.25, 0.28, 0.30, 0.32, 0.34, 0.37, 0.435, 0.50, 0.61, 0.67, 0.70, 0.73)
_QUICK_POROSITIES = (0.28, 0.32, 0.37, 0.45, 0.58, 0.64, 0.70, 0.75)
_SIX_POROSITIES = (0.10, 0.20, 0.32, 0.435, 0.61, 0.70)
_NUCLEATED = (0.08, 0.10, 0.13, 0.16, 0.19, 0.22)
_PILLARS = (0.061, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.487, 0.55, 0.60, 0.70)
_NINE = ([1.0, 1.0], [3000.0, 1.0], [1.0, 3000.0], [20.0, 20.0], [3000.0, 3000.0], [20.0, 1.0], [1.0, 20.0],
         [3000.0, 20.0], [20.0, 3000.0])


def _nucleated(n: int, porosities, seeds: int) -> Part:
    base = _cube(n) | {"microstructure": {"start": "nucleation"}}
    return Part(_aged(DEPTHS, 300.0) | {POROSITY: list(porosities)}, base, seeds)


def _factors(n: int, count: int) -> Part:
    values = [float(f"{value:.10g}") for value in np.geomspace(0.5, 6000, count)]
    return Part({X: values, Y: values}, _cube(n) | {"microstructure": {"porosity": 0.19}})


def _nine(cells, seeds: int = 1, points=_NINE) -> Part:
    together = {(X, Y): [tuple(point) for point in points], GRID: [([n] * 3, h) for n, h in cells]}
    return Part(together, {"microstructure": {"porosity": 0.19}}, seeds)


def _pillars(n: int, porosities, seeds: int, grids) -> Part:
    """In one cell of n half nanometres: as published, and with voxels that resolve sqrt(0.1) lambda across x and y."""
    base = {"microstructure": {"shape_factor_x": 0.1, "shape_factor_y": 0.1, "start": "auto"}}
    shapes = {"published": ([n] * 3, [0.5] * 3), "resolved": ([5 * n // 2, 5 * n // 2, n], [0.2, 0.2, 0.5])}
    return Part({GRID: [shapes[name] for name in grids], POROSITY: list(porosities)}, base, seeds)


def _coarsening(n: int, sizes, seeds: int, depths=(1.4,), nested: str = "auto") -> Part:
    """Each to its pore size; with sizes in geometric series the smaller ones cost a fraction of the largest."""
    return Part({DEPTH: list(depths), SIZE: list(sizes)},
                _cube(n) | {"microstructure": {"porosity": 0.32},
                            "evolution": {"max_reduced_time": 30000.0, "nested_grids": nested}}, seeds)


def _asymmetric(n: int, porosities, seeds: int, ratios=(0.1, 10.0)) -> Part:
    return Part({RATIO: list(ratios), POROSITY: list(porosities)},
                _cube(n) | {"evolution": {"max_reduced_time": 150.0}}, seeds)


# Figures, then the parts at the three sizes; a part that is missing at a size is not computed there.
SWEEPS: dict[str, tuple[tuple[str, ...], dict[str, Part]]] = {
    "porosity": (("2a", "S4", "2b"), {
        "quick": _spinodal(48, _QUICK_POROSITIES, 2, (1.4,), 150.0), "standard": _spinodal(64, _FEWER_POROSITIES, 2),
        "full": _spinodal(128, _POROSITIES, 5, nested_grids="on")}),
    "nucleated": (("2a", "S4"), {
        "quick": _nucleated(64, (0.08, 0.19), 1), "standard": _nucleated(64, _NUCLEATED, 2),
        "full": _nucleated(128, (0.03, 0.054, *_NUCLEATED), 5)}),
    "dilute": (("2a", "2b"), {
        "standard": Part({POROSITY: [0.03, 0.054]}, _cube(128)),
        "full": Part({POROSITY: [0.03, 0.054]}, _cube(256))}),
    "coarsening": (("1e",), {
        "quick": _coarsening(48, (8.0, 10.0), 1), "standard": _coarsening(96, (9.0, 13.0, 18.0), 2),
        "full": _coarsening(256, (14.0, 20.0, 28.0, 40.0), 2, nested="on")}),
    "aged": (("1e",), {"standard": _coarsening(128, (20.0, 28.0, 40.0), 3, nested="on")}),
    "large": (("2a", "1f"), {"full": _large(1.4, _SIX_POROSITIES)}),
    "large_thin": (("2a",), {"full": _large(0.9, _SIX_POROSITIES)}),
    "pillars": (("3a", "3b", "S4"), {
        "quick": _pillars(48, (0.061, 0.25, 0.487), 1, ("published",)),
        "standard": _pillars(48, _PILLARS[::2] + _PILLARS[-1:], 1, ("published", "resolved")),
        "full": _pillars(128, _PILLARS, 5, ("published", "resolved"))}),
    "classes": (("4c", "4d"), {
        "quick": _nine([(64, 0.5)], points=_NINE[:5]), "standard": _nine([(64, 0.5), (128, 0.5)], points=_NINE[:5]),
        "full": _nine([(64, 0.5), (128, 0.5), (256, 0.5)])}),
    "factors": (("4a", "4b"), {
        "quick": _factors(48, 5), "standard": _factors(64, 12), "full": _factors(64, 40)}),
    "factors_large": (("4a", "4b"), {"full": _factors(128, 20)}),
    "asymmetric": (("61",), {
        "standard": _asymmetric(64, (0.28, 0.32, 0.36, 0.60, 0.64, 0.68, 0.72), 2, (0.1,)),
        "full": _asymmetric(96, (0.28, 0.30, 0.32, 0.34, 0.36, 0.40, 0.58, 0.61, 0.64, 0.67, 0.70, 0.73), 5)}),
}
# In the order in which the issue asks for them: what is stopped half-way has the most important part.
ORDER = ("porosity", "large", "coarsening", "aged", "large_thin", "factors", "factors_large", "pillars", "dilute",
         "nucleated", "classes", "asymmetric")


def sweeps_of(figures, size: str) -> list[str]:
    """Names of the sweeps that figures need at a size."""
    return [name for name in ORDER if size in SWEEPS[name][1] and (not figures or set(figures) & set(SWEEPS[name][0]))]


def plan(name: str, size: str, directory: Path, seeds: int | None = None) -> Path:
    """Plan a sweep, or find it planned, in ``directory/sweeps``, with so many seeds at most; collective."""
    part, place = SWEEPS[name][1][size], directory / "sweeps" / f"{name}_{size}"
    base = copy.deepcopy(BASE)
    for section, values in part.base.items():
        base.setdefault(section, {}).update(values)
    replicas = min(part.replicas, seeds or part.replicas)
    on_root(world(), lambda: plan_sweep(base, part.axes, replicas, place, keep=["rho"], force=True))
    return place


def run(place: Path, slice_: tuple[int, int] | None, workers: int | None, threads: int | None, ranks: int = 1) -> int:
    """Do what of a sweep is not done; collective; the exit status of `pfsolid sweep run`."""
    return run_sweep(Launch(place, slice_, ranks, workers, threads), world())


def rows_of(place: Path) -> list[dict]:
    """Rows of the cases that are done, with ``edge``, the voxels along z; none where nothing is."""
    try:
        rows, plan = table_of(place)[0], load_plan(place)
    except InputError:
        return []
    cases = {case.id: case for case in plan.cases}
    shape = plan.base["grid"].get("shape")
    return [row | {"edge": cases[row["case"]].values.get(GRID[0], shape)[2]} for row in rows]


def data_file(name: str, size: str) -> str:
    """Name of the CSV file of a sweep; that of the paper's sizes stands beside the smaller one's."""
    return f"hu2017_{name}_full.csv" if size == "full" else f"hu2017_{name}.csv"


def is_begun(place: Path) -> bool:
    return place.exists() and bool(look(place).done)


def write_rows(rows: list[dict], path: Path) -> None:
    """As a CSV file with what the figures and the table of statements read, and where it was computed."""
    left_out = {"warnings", "activation_energy_eV", "stopped_because"}
    names = [name for name in rows[0] if name not in left_out]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([[_short(row[name]) for name in names] for row in rows])


def _short(value):
    return "" if value is None else f"{value:.7g}" if isinstance(value, float) else value


def read_rows(path: Path) -> list[dict]:
    """What `write_rows` wrote: numbers as numbers, empty cells as None."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str):
    if text == "":
        return None
    try:
        return float(text)
    except ValueError:
        return text
