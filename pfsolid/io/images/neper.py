"""Neper's raster tessellations (``.tesr``): labels of cells, x fastest, and the cells' orientations.

The format is described in Neper's documentation (https://neper.info/doc/fileformat.html): sections ``**general``,
``**cell``, ``**data`` and fields that begin with one asterisk.  Lengths have no unit.
"""

from __future__ import annotations

import mmap
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ...errors import InputError
from .arrays import pages_of
from .description import ArrayLayout, ImageInfo

_TYPES = {"binary8": "u1", "binary16": "<i2", "binary16_big": ">i2", "binary32": "<i4", "binary32_big": ">i4"}
_PARAMETERS = {"rodrigues": 3, "euler-bunge": 3, "rotmat": 9, "quaternion": 4, "axis-angle": 4}
_MOST_CELLS = 1 << 24


@dataclass(frozen=True)
class Tessellation:
    """What the head of a file says.

    Attributes
    ----------
    shape : tuple of 3 int
        Voxels along x, y, z.
    spacing : tuple of 3 float
        Without a unit; a plane is as thick as its first edge.
    ids : ndarray of int or None
        Labels of cells 1, 2 ... where they have others.
    angles : ndarray (num_cells, 3) or None
        Bunge's Euler angles, degrees.
    data : Path
        File that holds the voxels.
    kind : str
        'ascii' or one of the binary types.
    offset : int
        Of the first voxel in that file.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    ids: np.ndarray | None
    angles: np.ndarray | None
    data: Path
    kind: str
    offset: int


@contextmanager
def open_tesr(path: Path, _, layout: ArrayLayout):
    """ImageInfo and pages of a file; the labels are the cells', 0 is void."""
    if layout.axes is not None:
        raise InputError(f'the order of axes "{layout.axes}" is asked for, and {path} is a tessellation of Neper, where x '
                         "is fastest: leave the order out")
    found = read_head(path)
    cells = _voxels(found).reshape(found.shape[::-1])
    ids = None if found.ids is None else np.concatenate([[0], found.ids]).astype(np.uint32)
    dtype = np.dtype(np.uint32) if ids is not None else cells.dtype.newbyteorder("=")
    info = ImageInfo(path, None, found.shape, dtype, None, "zyx", "x fastest, as in any tessellation of Neper",
                     spacing=found.spacing)
    page_of_cells = pages_of(cells)

    def page(index, rows, columns):
        cells = page_of_cells(index, rows, columns)
        if ids is None:
            return cells
        if cells.size and not 0 <= cells.min() <= cells.max() < len(ids):
            raise InputError(f"{path} has a voxel of cell {int(cells.max())}, and it lists {len(ids) - 1} cells")
        return ids[cells]

    yield info, page


def read_head(path: Path) -> Tessellation:
    """All but the voxels; for one rank.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        It is no tessellation, or incomplete.
    """
    with open(path, "rb") as file:
        if file.read(7) != b"***tesr":
            raise InputError(f"cannot read {path}: it is no raster tessellation of Neper, which begins with ***tesr")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            marker = re.search(rb"^\s*\*\*data\s*?\n", raw, re.MULTILINE)
            if marker is None:
                raise InputError(f"cannot read {path}: it has no section **data")
            head = raw[:marker.start()].decode("ascii", "replace")
            first = raw[marker.end():marker.end() + 4096]
    general = _field(head, "**general").split()
    try:
        dimension = int(general[0])
        shape = [int(one) for one in general[1:1 + dimension]]
        spacing = [float(one) for one in general[1 + dimension:1 + 2 * dimension]]
    except (IndexError, ValueError):
        dimension, shape, spacing = 0, [], []
    if dimension not in (2, 3) or len(spacing) < dimension or min(shape) < 1:
        raise InputError(f"cannot read {path}: **general must be 2 or 3, as many numbers of voxels and as many edges")
    kinds = _field(head, "**format").split()[1:]  # of version 2.0, behind its number
    data, kind, offset = _place_of_data(path, first, marker.end(), kinds[0] if kinds else "")
    cells = _field(head, "**cell").split()
    number = int(cells[0]) if cells and cells[0].isdigit() else 0
    ids = np.array(_field(head, "*id").split(), dtype=np.int64) if "*id" in head else None
    if ids is not None and (len(ids) != number or number > _MOST_CELLS or ids.min(initial=0) < 0):
        raise InputError(f"cannot read {path}: *id must have a number from 0 for each of its {number} cells")
    if ids is not None and np.array_equal(ids, np.arange(1, number + 1)):
        ids = None
    shape, spacing = shape + [1] * (3 - dimension), spacing + spacing[:3 - dimension]
    return Tessellation(tuple(shape), tuple(spacing), ids, _orientations(path, head, number), data, kind, offset)


def _field(head: str, name: str) -> str:
    """What follows a name up to the next one; empty where it is not there."""
    found = re.search(rf"^\s*{re.escape(name)}(?=\s)([^*]*)", head, re.MULTILINE)
    return found[1] if found else ""


def _place_of_data(path: Path, first: bytes, start: int, kind: str) -> tuple[Path, str, int]:
    """File, type and place of the first voxel; ``first`` are the bytes that follow the line **data."""
    length = 0
    if not kind:
        line = re.match(rb"[ \t]*([a-z0-9_]*)[ \t]*\n", first)
        kind, length = (line[1].decode(), line.end()) if line else ("", 0)
    if kind not in ("ascii", *_TYPES):
        raise InputError(f"cannot read {path}: **data is ascii or one of {', '.join(_TYPES)}, not {kind[:40]!r}")
    elsewhere = re.match(rb"[ \t]*\*file[ \t]+(\S+)", first[length:])
    if elsewhere is None:
        return path, kind, start + length
    return path.parent / elsewhere[1].decode("utf-8", "replace"), kind, 0


def _voxels(found: Tessellation) -> np.ndarray:
    number = int(np.prod(found.shape, dtype=np.int64))
    if found.kind != "ascii":
        dtype = np.dtype(_TYPES[found.kind])
        if found.data.stat().st_size - found.offset < number * dtype.itemsize:
            raise InputError(f"{found.data} is cut short: {number} voxels of {found.kind} were to come")
        return np.memmap(found.data, dtype, "r", found.offset, (number,))
    with open(found.data, "rb") as file:
        file.seek(found.offset)
        text = file.read().partition(b"*")[0]
    cells = np.array(text.split(), dtype=np.int32)
    if len(cells) != number:
        raise InputError(f"{found.data} has {len(cells)} voxels, and {number} were to come")
    return cells


def _orientations(path: Path, head: str, number: int) -> np.ndarray | None:
    words = _field(head, "*ori").split()
    if not words:
        return None
    descriptor, _, convention = words[0].partition(":")
    count = _PARAMETERS.get(descriptor)
    if count is None or convention not in ("", "active", "passive"):
        raise InputError(f"cannot read {path}: orientations are {', '.join(_PARAMETERS)}, not {words[0][:40]!r}")
    values = np.array(words[1:], dtype=float)
    if len(values) != count * number:
        raise InputError(f"cannot read {path}: *ori has {len(values)} numbers, and {number} cells need {count} each")
    values = values.reshape(number, count)
    if descriptor == "euler-bunge":
        turns = Rotation.from_euler("ZXZ", values, degrees=True)
    elif descriptor == "rotmat":
        turns = Rotation.from_matrix(values.reshape(-1, 3, 3))
    elif descriptor == "quaternion":
        turns = Rotation.from_quat(np.roll(values, -1, axis=1))
    elif descriptor == "axis-angle":
        axes = values[:, :3] / np.linalg.norm(values[:, :3], axis=1, keepdims=True)
        turns = Rotation.from_rotvec(np.radians(values[:, 3:]) * axes)
    else:  # tan(w/2) along the axis
        turns = Rotation.from_quat(np.column_stack([values, np.ones(number)]))
    return bunge_angles(turns.inv() if convention == "passive" else turns)


def bunge_angles(turns: Rotation) -> np.ndarray:
    """phi1, Phi, phi2 in degrees of turns that take the sample's axes to the crystals', (n, 3)."""
    quats = turns.as_quat()
    x, y, z, w = quats.T
    # Where Phi is 0 or 180 only a sum or a difference of the others is known, which phi1 takes.
    plus, minus = np.arctan2(z, w), np.arctan2(y, x)
    middle = 2 * np.arctan2(np.hypot(x, y), np.hypot(z, w))
    flat, upright = np.hypot(x, y) < 1e-12, np.hypot(z, w) < 1e-12
    first = np.where(flat, 2 * plus, np.where(upright, 2 * minus, plus + minus))
    last = np.where(flat | upright, 0.0, plus - minus)
    return np.column_stack([np.degrees(first) % 360, np.degrees(middle), np.degrees(last) % 360])
