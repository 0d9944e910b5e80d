"""Folders of slices: one picture for each place along z, in the natural order of their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .description import ArrayLayout, describe_array

SLICES = (".tif", ".tiff", ".png")


class _Stack(NamedTuple):
    """What all slices are together."""

    shape: tuple[int, int, int]
    dtype: np.dtype


def slices_in(folder: Path) -> list[Path]:
    """Pictures of a folder in natural order: slice_9 before slice_10.  Hidden files are none."""
    found = [path for path in Path(folder).iterdir() if path.suffix.lower() in SLICES and not path.name.startswith(".")]
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple:
    parts = re.split(r"(\d+)", path.name)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), path.name


@contextmanager
def open_folder(path: Path, layout: ArrayLayout, open_slice: Callable):
    """ImageInfo and pages of a folder; ``open_slice(file)`` opens one picture.

    Raises
    ------
    InputError
        Files of several kinds, sizes or types, or with several pages: the first that is unlike the others is named.
    """
    files = slices_in(path)
    other = next((file for file in files if file.suffix.lower() != files[0].suffix.lower()), None)
    if other:
        raise InputError(f"{path} has slices of several kinds, {files[0].name} and {other.name}: put those that are meant "
                         "in a folder of their own")
    first = None
    for file in files:
        with open_slice(file) as (info, _):
            if info.shape[2] != 1:
                raise InputError(f"{file} has {info.shape[2]} pages, and a slice of a folder one: name a stack by itself")
            here = f"{info.shape[0]} x {info.shape[1]} {info.dtype}"
        first = first or (here, info)
        if here != first[0]:
            raise InputError(f"{path}: the slices make no image: {files[0].name} has {first[0]}, {file.name} has {here}")
    columns, rows, _ = first[1].shape
    order = f"slices {files[0].name} to {files[-1].name} in natural order{_missing(files)}"
    yield (describe_array(path, None, _Stack((len(files), rows, columns), first[1].dtype), None, layout, ("zyx", order)),
           lambda index, first, second: _read(files[index], open_slice, first, second))


def _read(file: Path, open_slice: Callable, rows, columns) -> np.ndarray:
    with open_slice(file) as (_, page):
        return page(0, rows, columns)


def _missing(files: list[Path]) -> str:
    """The first number that is missing, where names count by one."""
    numbers = [re.findall(r"\d+", file.stem) for file in files]
    if not all(numbers):
        return ""
    counted = {int(found[-1]) for found in numbers}
    left_out = sorted(set(range(min(counted), max(counted) + 1)) - counted) if max(counted) - min(counted) < 10**6 else []
    if not left_out or len(left_out) >= len(files) // 2:
        return ""
    return f" (without number {left_out[0]}{' and others' if len(left_out) > 1 else ''})"
