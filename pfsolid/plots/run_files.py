"""What the figures read of a run directory."""

from __future__ import annotations

import csv
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..conduction.phases import PHASES
from ..errors import CheckpointError, InputError
from ..io.files import damage_errors
from ..io.peek import describe, read_plane
from ..io.run_directory import FIELDS, HISTORY, RESULT
from ..io.series import list_fields
from ..results.run import Result
from ..workflows.run import read_result

MAX_PIXELS = 512  # along an axis of a slice
MAX_SAMPLES = 96  # along an axis of the 3-D view and of the statistics


SIZES = (("wall_size_nm", "walls, mean chord", "#0072b2"), ("spacing_nm", "spacing 2π/⟨k⟩", "#009e73"),
         ("pore_size_nm", "pores, mean chord", "#cc79a7"))
NEEDED_COLUMNS = ("reduced_time", "time_s", "reduced_step", "energy_J_per_m3", "mean_density",
                  *(f"{name}_fraction" for name in PHASES), *(name for name, _, _ in SIZES))


@dataclass(frozen=True)
class RunFiles:
    """What the figures of a directory share; empty for what is not there.

    ``state`` says what is known of porosity and time, ``history`` has the columns of history.csv to be drawn.
    """

    fields_path: Path
    title: str
    state: tuple[str, ...]
    history: dict[str, np.ndarray]
    result: Result | None
    fields: tuple[str, ...]


def read_run(directory: Path) -> RunFiles:
    """What the files of a run directory say of it, the fields left on the disk.

    Raises
    ------
    InputError
        If the directory does not exist or result.json is damaged.
    CheckpointError
        If another file is damaged.
    """
    if not directory.is_dir():
        raise InputError(f"{directory} is not a directory")
    fields_path = directory / FIELDS
    history = _read_history(directory / HISTORY) if (directory / HISTORY).exists() else {}
    result = read_result(directory) if (directory / RESULT).exists() else None
    fields = tuple(list_fields(fields_path)) if fields_path.exists() else ()
    title = textwrap.shorten((result and result.title) or directory.resolve().name, 100, placeholder=" ...")
    return RunFiles(fields_path, title, _state(history, result), history, result, fields)


def _read_history(path: Path) -> dict[str, np.ndarray]:
    """The needed columns by name, NaN for what is empty or not finite; empty without a complete row."""
    with damage_errors(path):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # a run is writing it just now, or was killed doing so
            lines.pop()
        rows = list(csv.DictReader(lines))
        missing = [name for name in NEEDED_COLUMNS if rows and name not in rows[0]]
        if missing:
            raise CheckpointError(f"{path} has no column {', '.join(missing)}")
        columns = {name: [float(row[name] or "nan") for row in rows] for name in NEEDED_COLUMNS if rows}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}


def _state(history: dict, result: Result | None) -> tuple[str, ...]:
    porosity = result and result.porosity
    time = result and result.growth and result.growth.final.reduced_time
    if porosity is None and history:
        porosity = 1 - history["mean_density"][-1]
    if time is None and history:
        time = history["reduced_time"][-1]
    described = (("porosity", porosity, ".3f"), ("reduced time", time, ".4g"))
    return tuple(f"{name} {value:{form}}" for name, value, form in described
                 if value is not None and math.isfinite(value))


def flat_axis(shape) -> int | None:
    """The axis that a 2-D grid does not have."""
    return next((axis for axis in (2, 1, 0) if shape[axis] == 1), None)


def thinning(shape, most: int) -> tuple[int, int, int]:
    """Strides that leave at most so many samples along each axis.

    Parameters
    ----------
    shape : tuple of 3 int
    most : int

    Returns
    -------
    tuple of 3 int
    """
    return tuple(-(-n // most) for n in shape)


def middle_plane(run: RunFiles, name: str, normal: int) -> np.ndarray:
    """The plane in the middle of a stored field, thinned to `MAX_PIXELS`.

    Parameters
    ----------
    run : RunFiles
    name : str
        Of the field.
    normal : int
        Axis of the plane's normal.

    Returns
    -------
    ndarray (n_a, n_b) or (n_a, n_b, components)
    """
    shape = describe(run.fields_path, name).grid_nm.shape
    return read_plane(run.fields_path, name, normal, shape[normal] // 2, max(thinning(shape, MAX_PIXELS)))
