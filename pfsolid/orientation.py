"""The order of axes, and what it does to everything that has a direction: the one place where axes are exchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Array
from .errors import InputError
from .grid import AXES, PeriodicGrid, T, three

ORDERS = 'an order of the axes, first index first: "zyx", "xyz" or another, "yx" or "xy" in two dimensions'


def order_of_axes(text: str) -> str | None:
    """'zyx' of 'zyx', 'Z Y X' or 'z, y, x', and 'yx' in two dimensions; None of what is no order of the axes."""
    letters = re.sub(r"[\s,]+", "", text).lower()
    return letters if sorted(letters) in (list(AXES), list(AXES[:2])) else None


@dataclass(frozen=True)
class Orientation:
    """A permutation of the axes: axis i of what is turned is axis ``axes[i]`` of what is given.

    An image is turned with all that has a direction: its voxels and their edges, its conductivities, the axes of the
    applied fields.  What is found on it is turned back by the `inverse`: tensors, whatever there is one of for each
    axis, coordinates of voxels, scalar and vector fields.  What lies between two labels, such as a resistance, has no
    direction.

    Raises
    ------
    InputError
        If ``axes`` are not 0, 1 and 2 in some order.
    """

    axes: tuple[int, int, int] = (0, 1, 2)

    def __post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2]:
            raise InputError(f"axes {self.axes}: x, y and z must each stand there once")

    @classmethod
    def named(cls, names: str) -> Orientation:
        """From names in order: 'zyx' turns x, y, z into z, y, x."""
        found = [AXES.find(name) for name in names]
        if len(found) != 3:
            raise InputError(f"axes {names!r}: x, y and z must each stand there once")
        return cls(three(found))

    @classmethod
    def beginning_with(cls, axis: int) -> Orientation:
        """That axis first, then the others in their order."""
        return cls(three((axis, *(other for other in range(3) if other != axis))))

    @property
    def names(self) -> str:
        """Of the turned axes, by those of what is given: 'zyx'."""
        return "".join(AXES[axis] for axis in self.axes)

    @property
    def inverse(self) -> Orientation:
        return Orientation(three(self.axes.index(axis) for axis in range(3)))

    def turn(self, values: Sequence[T]) -> tuple[T, T, T]:
        """What there is one of for each axis: edges, numbers of voxels, slices, coordinates of a voxel, errors."""
        return three(values[axis] for axis in self.axes)

    def turn_axis(self, axis: int) -> int:
        """Where an axis has gone."""
        return self.axes.index(axis)

    def turn_grid(self, grid: PeriodicGrid) -> PeriodicGrid:
        return PeriodicGrid(self.turn(grid.shape), self.turn(grid.spacing))

    def turn_tensor(self, values: Array, rank: int = 2) -> Array:
        """Scalars (rank 0), vectors or diagonals (1) or tensors (2), whose components are the last axes of an array."""
        for last in range(1, rank + 1):
            values = np.take(values, self.axes, axis=-last)
        return values

    def turn_field(self, field: Array) -> Array:
        """A scalar (n0, n1, n2), as a view, or a vector with its components last (n0, n1, n2, 3), as a copy if it turns."""
        turned = field.transpose(*self.axes, *range(3, field.ndim))
        return turned if field.ndim == 3 or self == Orientation() else self.turn_tensor(turned, rank=1)
