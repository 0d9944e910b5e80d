"""Means with their bars, thresholds and crossings from the rows of sweeps; what figures and statements share."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from common import DATA
from study_microstructure_report import threshold as threshold_text

from pfsolid.theory.effective_medium import CoatedPores
from pfsolid.theory.models import Theory

from .sweeps import DEPTH, GRID, POROSITY, data_file, read_rows

SIGMA, RESOLVED = "sigma_mean_S_per_cm", "sigma_resolved_S_per_cm"
LI3PS4 = CoatedPores(core=0.0, surface=3.14e-3, matrix=8.93e-7)  # S/cm
DENSE, EXPERIMENT = 8.93e-7, 1.64e-4  # S/cm
RADIUS_NM = 14.0  # of the pores in the paper's EMT
GEMT = Theory("gemt", LI3PS4, 0.32, 0.85)
PILLARS = Theory("brick", LI3PS4)


class Data:
    """The CSV files of a directory, read when they are asked for; an empty list for what has not been computed."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.rows = functools.cache(self._rows)

    def _rows(self, name: str) -> list[dict]:
        """Rows of a sweep at its smaller size and at the paper's, each case once; ``edge`` says the voxels of its cell."""
        both = [row for size in ("standard", "full") for row in read_rows(self.directory / data_file(name, size))]
        return list({row["case"]: row for row in both if row["state"] == "separated"}.values())

    def bulk(self, depth: float | None = None) -> list[dict]:
        """Isotropic structures at every porosity: from noise, from nuclei, the dilute ones, and the paper's cell."""
        rows = [row for name in ("porosity", "nucleated", "dilute", "large", "large_thin") for row in self.rows(name)]
        return [row for row in rows if depth is None or row["surface_depth_nm"] == depth]

    def aged(self) -> list[dict]:
        """Structures at 32 % that have grown to a pore size."""
        return [row for name in ("coarsening", "aged") for row in self.rows(name)]

    def diagram(self) -> list[dict]:
        """The cases of Figures 4a, b of the sweep that has most of them."""
        found = (read_rows(self.directory / data_file("factors", size)) for size in ("full", "standard"))
        return [row for row in max(found, key=len) if row["state"] == "separated"]


def by(rows: list[dict], *keys: str) -> dict:
    """Rows by the values of some columns, in ascending order."""
    groups: dict = {}
    for row in rows:
        place = tuple(row[key] for key in keys)
        groups.setdefault(place[0] if len(keys) == 1 else place, []).append(row)
    return dict(sorted(groups.items()))


def in_largest_cell(rows: list[dict]) -> list[dict]:
    """At each porosity the rows of the largest cell that there is."""
    groups = by(rows, POROSITY).values()
    return [row for group in groups for row in group if row["edge"] == max(one["edge"] for one in group)]


def mean_bar(values) -> tuple[float, float]:
    """Mean and its standard error over samples; NaN, no bar, of one sample."""
    values = np.array([value for value in values if value is not None], dtype=float)
    if values.size == 0:
        return np.nan, np.nan
    if values.size == 1:
        return float(values[0]), np.nan
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))


def curve(rows: list[dict], key: str, column: str) -> np.ndarray:
    """(n, 3): value of a key, mean of a column, its bar."""
    return np.array([(value, *mean_bar(row[column] for row in group)) for value, group in by(rows, key).items()
                     if any(row.get(column) is not None for row in group)]).reshape(-1, 3)


def text(mean: float, bar: float, form: str = "{:.2e}") -> str:
    return form.format(mean) + ("" if np.isnan(bar) or bar == 0 else " ± " + ("{:.0e}" if "e" in form else form).format(bar))


def threshold(rows: list[dict], column: str, rising: bool, low: float, high: float) -> str:
    """Porosity (%) at which half the axes percolate, with its uncertainty, as docs/microstructure.md has it."""
    adapted = [{"case": {"porosity": row[POROSITY]}, "phase": {"axes": row[column] or ""}} for row in rows if column in row]
    return threshold_text(adapted, "phase", rising, low, high)


def at(rows: list[dict], porosity: float, column: str = SIGMA) -> tuple[float, float]:
    return mean_bar(row[column] for row in rows if abs(row[POROSITY] - porosity) < 1e-9)


def emt(porosity, depth_nm: float, radius_nm: float = RADIUS_NM) -> np.ndarray:
    """Eq 8 with the paper's parameters (S/cm); NaN where coated pores would fill more than the volume."""
    porosity, ratio = np.atleast_1d(np.asarray(porosity, float)), depth_nm / radius_nm
    valid = porosity <= (1 + ratio) ** -3
    return np.where(valid, GEMT.conductivity(np.where(valid, porosity, 0.1), ratio), np.nan)


def depth_ratio(data: Data) -> np.ndarray:
    """(n, 3): porosity, sigma at 1.4 nm over sigma at 0.9 nm, bar; in the largest cell that has both and a bar."""
    thick, thin = (by([r for r in data.bulk(d) if DEPTH in r], POROSITY, "edge") for d in (1.4, 0.9))
    found = {}
    for place in sorted(set(thick) & set(thin), key=lambda one: (min(len(thick[one]), len(thin[one])) > 1, one[1])):
        (a, da), (b, db) = (mean_bar(r[SIGMA] for r in group[place]) for group in (thick, thin))
        if b > 0:
            found[place[0]] = place[0], a / b, a / b * np.hypot(da / a, db / b) if a > 0 else np.nan
    return np.array([found[porosity] for porosity in sorted(found)]).reshape(-1, 3)


def pillar_grids(data: Data) -> list[tuple[str, list[dict]]]:
    """Rows of pillars by voxel and cell, the paper's voxel and the larger cell first, each with its name."""
    groups = by([r | {"voxel": float(str(r[GRID[1]]).strip("[]").split(",")[0])} for r in data.rows("pillars")],
                "voxel", "edge")
    return [(f"{voxel:g} nm, cell {edge / 2:.0f} nm", group) for (voxel, edge), group in reversed(groups.items())]


def committed(name: str = "micro_percolation") -> list[dict]:
    """A data file of docs/data with the columns of a sweep: structures of docs/microstructure.md, λ = 1.4 nm, t = 300."""
    names = {"porosity": POROSITY, "class": "connectivity", "pore_axes": "filler_percolates",
             "solid_axes": "matrix_percolates", "surface_axes": "surface_percolates", "surface_volume": "surface_fraction"}
    return [{names.get(key, key): value for key, value in row.items()} for row in read_rows(DATA / f"{name}.csv")]
