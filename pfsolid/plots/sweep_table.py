"""The collected cases of a sweep as figures need them: by the values of what varies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.text import shown
from ..errors import InputError
from ..grid import AXES
from ..results.run import UNSEPARATED
from ..sweeps.collect import DATASET
from ..sweeps.dataset import read_stored, stored_columns
from ..sweeps.plan import Case, Plan, load_plan
from ..text import as_word

POROSITY = "microstructure.porosity"
SHAPE_FACTORS = "microstructure.shape_factor_x", "microstructure.shape_factor_y"
# Where the key does not say it well: in a line of text, and along an axis of a figure.
NAMES = {SHAPE_FACTORS[0]: ("x =", "shape factor x = κ₁₁/κ₃₃"), SHAPE_FACTORS[1]: ("y =", "shape factor y = κ₂₂/κ₃₃"),
         "evolution.max_reduced_time": ("reduced time", "reduced time of growth, t / (λ²/16wM)")}
UNITS = {"_S_per_cm": "S/cm", "_eV_per_A2": "eV/Å²", "_J_per_m2": "J/m²", "_V_per_m": "V/m", "_nm": "nm", "_K": "K"}
SIGMAS = (*(f"sigma_{a}{a}_S_per_cm" for a in AXES), "sigma_mean_S_per_cm")
NUMBERS = ("porosity", "surface_depth_nm", "grid_relative_error", "sample_relative_error", *SIGMAS)


@dataclass(frozen=True)
class Table:
    """What the figures need of the cases that are done.

    Attributes
    ----------
    cases : tuple of Case
    numbers : dict of ndarray, (cases,)
        `NUMBERS`; NaN where a case has no such result.
    connectivity : tuple of str
        Newnham's class; empty where it is not known.
    separated : ndarray of bool, (cases,)
        Where the phases have not separated, sigma_eff means nothing: conductivities are NaN and the class is empty.
    """

    directory: Path
    plan: Plan
    cases: tuple[Case, ...]
    numbers: dict[str, np.ndarray]
    connectivity: tuple[str, ...]
    separated: np.ndarray

    def varied(self) -> list[str]:
        """Keys with more than one value in the plan."""
        return [key for key in self.plan.keys if len({shown(case.values[key]) for case in self.plan.cases}) > 1]

    def points(self, keys) -> list[tuple[tuple, np.ndarray]]:
        """Values of ``keys`` in the order of the plan, each with the rows that have them; there may be none."""
        found = {}
        for case in self.plan.cases:
            found.setdefault(_place(case, keys), (tuple(case.values[key] for key in keys), []))
        for row, case in enumerate(self.cases):
            found[_place(case, keys)][1].append(row)
        return [(values, np.array(rows, dtype=int)) for values, rows in found.values()]

    def groups(self, keys) -> list[tuple[tuple, np.ndarray]]:
        """`points` without those of which no case is done."""
        return [(values, rows) for values, rows in self.points(keys) if rows.size]

    @property
    def caption(self) -> str:
        """Name of the sweep, how much of it there is, and what means nothing."""
        done, planned, left_out = len(self.cases), len(self.plan.cases), int(np.sum(~self.separated))
        return (f"{self.plan.name}, " + (f"{done} cases" if done == planned else f"{done} of {planned} cases")
                + (f", {left_out} of them left out: not separated" if left_out else ""))


def _place(case: Case, keys) -> tuple[str, ...]:
    """Values of keys as texts, for values may be lists."""
    return tuple(shown(case.values[key]) for key in keys)


def read_table(directory: Path) -> Table:
    """The collected cases of a sweep that its plan still has.

    Raises
    ------
    InputError, CheckpointError
    """
    plan, path = load_plan(directory), directory / DATASET
    if not path.exists():
        raise InputError(f"{path} does not exist; make it with: pfsolid sweep collect {as_word(directory)}")
    known = {case.id: case for case in plan.cases}
    ids = [text.decode() for text in read_stored(path, "cases/case")[0]]
    rows = [row for row, case_id in enumerate(ids) if case_id in known]
    if not rows:
        raise InputError(f"{path} is of another plan; make it anew with: pfsolid sweep collect {as_word(directory)}")
    known_columns = stored_columns(path)  # images have no density, several carriers no conductivity of one
    numbers = {name: read_stored(path, f"cases/{name}")[0].astype(float)[rows] if name in known_columns
               else np.full(len(rows), np.nan) for name in NUMBERS}
    states, classes = (_texts(path, name, rows) if name in known_columns else [""] * len(rows)
                       for name in ("state", "connectivity"))
    separated = np.array([state != UNSEPARATED for state in states])
    for name in SIGMAS:
        numbers[name][~separated] = np.nan
    connectivity = tuple(name if good else "" for name, good in zip(classes, separated))
    return Table(directory, plan, tuple(known[ids[row]] for row in rows), numbers, connectivity, separated)


def _texts(path: Path, name: str, rows: list[int]) -> list[str]:
    """A column of texts; where no case has one it is stored as numbers."""
    return [text.decode() if isinstance(text, bytes) else "" for text in read_stored(path, f"cases/{name}")[0][rows]]


def label_of(key: str) -> str:
    """What an axis of a figure is called, with its unit."""
    name, unit = _name_and_unit(key)
    return NAMES[key][1] if key in NAMES else f"{name} ({unit})" if unit else name


def described(keys, values) -> str:
    """Values of keys, numbers or texts, for a person: numbers to three digits, with their units."""
    return ", ".join(" ".join(filter(None, (_name_and_unit(key)[0], _short(value),
                                            _name_and_unit(key)[1]))) for key, value in zip(keys, values))


def _name_and_unit(key: str) -> tuple[str, str]:
    if key in NAMES:
        return NAMES[key][0], ""
    name = key.rpartition(".")[2]
    suffix = next((suffix for suffix in UNITS if name.endswith(suffix)), "")
    return name.removesuffix(suffix).replace("_", " "), UNITS.get(suffix, "")


def _short(value) -> str:
    """Numbers to three digits, 6000 as such."""
    return f"{float(f'{value:.3g}'):g}" if isinstance(value, float) else shown(value)


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, lowest and highest of what is known; NaN of nothing."""
    known = values[np.isfinite(values)]
    return (known.mean(), known.min(), known.max()) if known.size else (np.nan,) * 3


def evenly(items: list, most: int) -> list:
    """At most so many of the items, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
