"""Arrays as images: without axes of one voxel that are none, and page by page."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ...grid import AXES


class Squeezed:
    """An array, in memory or a file's, without some axes of one voxel; looked at by three slices or numbers.

    Attributes
    ----------
    shape, dtype, ndim
        Of what is left.
    kept : tuple of int
        Its axes among those of the array.
    """

    def __init__(self, array, kept: tuple[int, ...]):
        self._array, self.kept = array, kept
        self.shape = tuple(int(array.shape[axis]) for axis in kept)
        self.dtype, self.ndim = np.dtype(array.dtype), len(kept)

    def take(self, values) -> list:
        """What there is one of for each axis of the array, for those that are left."""
        return [values[axis] for axis in self.kept]

    def __getitem__(self, index) -> np.ndarray:
        whole = [0] * len(self._array.shape)
        for axis, one in zip(self.kept, index):
            whole[axis] = one
        return np.asarray(self._array[tuple(whole)])


def squeezed(name: str, array, axes=()) -> Squeezed:
    """An array of three axes at the most: axes of one voxel beyond them go, those called other than x, y, z first.

    Parameters
    ----------
    name : str
        For messages.
    array : array-like with shape and dtype
    axes : sequence of str
        What the axes are called, where that is known.

    Raises
    ------
    InputError
        Where more than three are left, or several channels or times.
    """
    shape = tuple(int(n) for n in array.shape)
    kept = list(range(len(shape)))
    if len(axes) == len(shape):
        for axis, called in enumerate(axes):
            if str(called).lower() not in AXES and shape[axis] > 1:
                raise InputError(f"{name} has {shape[axis]} values along its axis {called}, and one is needed: store the "
                                 "one that is meant by itself")
        kept = [axis for axis, called in enumerate(axes) if str(called).lower() in AXES]
    while len(kept) > 3:
        flat = [axis for axis in kept if shape[axis] == 1]
        if not flat:
            raise InputError(f"{name} has the shape {shape}; two or three dimensions are needed, and axes of one voxel")
        kept.remove(kept[-1] if kept[-1] in flat else flat[0])
    return Squeezed(array, tuple(kept))


def pages_of(array):
    """``page(index, rows, columns)`` of an array of two or three axes."""
    if len(array.shape) == 3:
        return lambda index, rows, columns: array[index, rows, columns]
    return lambda index, rows, columns: array[rows, columns]
