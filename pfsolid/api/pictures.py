"""Small pictures of planes for notebooks, as text of an HTML page; without matplotlib."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Array, Labels
from ..errors import InputError
from ..grid import AXES
from ..plots.colours import COLOURS, PHASE_COLOURS

PIXELS = 160  # along the longer edge of a picture
_DENSE, _EMPTY = (8, 29, 88), (255, 255, 217)  # ends of the colours of a density


def normal_of(shape: Sequence[int], normal: str | None) -> int:
    """Axis of a plane's normal: as asked for, or the last one of a single voxel, or z.

    Parameters
    ----------
    shape : sequence of 3 int
        Voxels along x, y, z.
    normal : {'x', 'y', 'z'}, optional

    Returns
    -------
    int
        0, 1 or 2 for x, y, z.

    Raises
    ------
    InputError
        If it is no axis.
    """
    if normal is None:
        return next((axis for axis in (2, 1, 0) if shape[axis] == 1), 2)
    if normal not in tuple(AXES):
        raise InputError(f"normal = {normal!r}: must be x, y or z")
    return AXES.index(normal)


def plane_index(count: int, index: int | None) -> int:
    """Number of a plane, the middle one by default.

    Parameters
    ----------
    count : int
        How many there are.
    index : int, optional
        Negative ones count from the end.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If there is none of that number.
    """
    if index is None:
        return count // 2
    if not -count <= index < count:
        raise InputError(f"index = {index}: there are {count} planes, 0 to {count - 1}")
    return index % count


def palette_of(count: int, names: Mapping[int, str]) -> list[str]:
    """A colour for each label below ``count``, '#rrggbb'; phases that have one of their own keep it.

    Parameters
    ----------
    count : int
    names : dict of int to str
        Of the labels.

    Returns
    -------
    list of str
    """
    spare = iter(COLOURS * (count // len(COLOURS) + 1))
    return [PHASE_COLOURS.get(names.get(label, "")) or next(spare) for label in range(count)]


def of_labels(plane: Labels, names: Mapping[int, str]) -> str:
    """An <img> of a plane of labels, b upwards.

    Parameters
    ----------
    plane : ndarray of uint8 (n_a, n_b)
    names : dict of int to str

    Returns
    -------
    str
        HTML.
    """
    palette = palette_of(int(plane.max()) + 1, names)
    colours = np.array([[int(colour[i:i + 2], 16) for i in (1, 3, 5)] for colour in palette], np.uint8)
    return _image(colours[plane])


def of_values(plane: Array, low: float, high: float) -> str:
    """An <img> of a plane of values, b upwards, between two colours.

    Parameters
    ----------
    plane : ndarray (n_a, n_b)
    low, high : float
        Values that have the two colours; beyond them they stay.

    Returns
    -------
    str
        HTML.
    """
    share = np.clip((np.nan_to_num(plane, nan=low) - low) / (high - low), 0, 1)[..., np.newaxis]
    return _image((np.array(_EMPTY) + share * (np.array(_DENSE) - _EMPTY)).astype(np.uint8))


def _image(colours: Array) -> str:
    from PIL import Image  # 20 ms

    step = max(1, -(-max(colours.shape[:2]) // PIXELS))
    picture = Image.fromarray(np.ascontiguousarray(colours[::step, ::step].swapaxes(0, 1)[::-1]))
    scale = max(1, PIXELS // max(picture.size))
    picture = picture.resize([n * scale for n in picture.size], Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return f'<img alt="a plane" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"/>'


def beside(table: str, picture: str) -> str:
    """A table and a picture in one line.

    Parameters
    ----------
    table, picture : str
        HTML; the picture may be empty.

    Returns
    -------
    str
        HTML.
    """
    return f'<div style="display:flex;gap:1em;align-items:center">{table}{picture}</div>' if picture else table
