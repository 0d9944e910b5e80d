"""A table of cases with their fields in one HDF5 file: what a statistics or machine-learning program reads.

    /cases/<column>        one value a case; attribute ``meaning`` with the unit
    /missing/…             the same for cases without a result
    /sigma_eff_S_per_cm    (cases, 3, 3)
    /fields/<name>         (cases, z, y, x), one chunk a case, compressed
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..io.files import damage_errors, output_errors, publish, temporary_name
from ..io.hdf5 import h5py
from ..io.records import plain

FORMAT = "pfsolid dataset"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Stack:
    """A field of every case.

    Attributes
    ----------
    shape : tuple of 3 int
        z, y, x.
    arrays : iterable of ndarray or None
        In the order of the cases; None is left at the fill value.
    fill : number
        For cases without the field.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    arrays: Iterable
    fill: float
    attributes: dict


def write_dataset(path, tables: dict[str, dict], arrays: dict[str, np.ndarray], stacks: dict[str, Stack],
                  num_cases: int, meanings: dict[str, str], attributes: dict) -> None:
    """Replace the file as a whole.  For one rank.

    Parameters
    ----------
    tables : dict of dict of list
        Groups of columns: numbers, texts or None, which is NaN or an empty text.
    arrays : dict of ndarray
        Datasets of their own.
    stacks : dict of Stack
        Put under ``fields``.
    meanings : dict
        Of columns and arrays, with units.

    Raises
    ------
    OutputError
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        with output_errors(path):
            temporary.unlink(missing_ok=True)
            with h5py.File(temporary, "x") as file:  # follows no link
                file.attrs.update(format=FORMAT, schema_version=SCHEMA_VERSION, **attributes)
                columns = {f"{group}/{name}": _column(values) for group, table in tables.items()
                           for name, values in table.items()}
                for name, values in (columns | arrays).items():
                    dataset = file.create_dataset(name, data=values)
                    dataset.attrs["meaning"] = meanings.get(name.rpartition("/")[2], "")
                for name, stack in stacks.items():
                    _write_stack(file, f"fields/{name}", stack, num_cases)
            publish(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _column(values: list) -> np.ndarray:
    """Whole numbers, numbers or texts, whichever holds all values."""
    if all(isinstance(value, int) for value in values):
        return np.array(values, dtype="i8")
    if all(value is None or isinstance(value, (int, float)) for value in values):
        return np.array([np.nan if value is None else value for value in values], dtype="f8")
    return np.array(["" if value is None else str(value) for value in values], dtype=h5py.string_dtype())


def _write_stack(file, name: str, stack: Stack, num_cases: int) -> None:
    dataset = file.create_dataset(name, (num_cases, *stack.shape), stack.dtype, chunks=(1, *stack.shape), compression="gzip",
                                  compression_opts=1, shuffle=True, fillvalue=stack.fill)
    dataset.attrs.update(stack.attributes)
    for number, array in enumerate(stack.arrays):
        if array is not None:
            dataset[number] = array


def read_stored(path, name: str) -> tuple[np.ndarray, dict]:
    """A whole field of a fields file as it is stored, axes z, y, x, and its attributes.  For one rank.

    Raises
    ------
    CheckpointError
    """
    with damage_errors(path), h5py.File(path, "r") as file:
        return file[name][...], {key: plain(value) for key, value in file[name].attrs.items()}


def stored_columns(path) -> frozenset[str]:
    """Names of the columns of the cases in a dataset.  For one rank.

    Parameters
    ----------
    path : Path

    Returns
    -------
    frozenset of str

    Raises
    ------
    CheckpointError
    """
    with damage_errors(path), h5py.File(path, "r") as file:
        return frozenset(file["cases"])
