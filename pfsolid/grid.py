"""The periodic voxel grid: shape and spacing, nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from .errors import InputError

AXES = "xyz"
T = TypeVar("T")


def three(values: Iterable[T]) -> tuple[T, T, T]:
    """What there is one of along each axis, as a tuple."""
    a, b, c = values
    return a, b, c


@dataclass(frozen=True)
class PeriodicGrid:
    """A periodic box of ``shape`` voxels with cell-centred samples.

    Parameters
    ----------
    shape : tuple of 3 int
        Voxels along x, y, z.  A 2-D problem is one voxel thick: ``(nx, ny, 1)``.
    spacing : tuple of 3 float
        Voxel edge along each axis, in whatever length unit the caller works in.

    Raises
    ------
    InputError
        If a shape entry is not a positive integer or a spacing is not positive and finite.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or any(int(n) != n or n < 1 for n in self.shape):
            raise InputError(f"grid shape {self.shape}: three positive whole numbers are needed")
        if len(self.spacing) != 3 or any(not (h > 0 and math.isfinite(h)) for h in self.spacing):
            raise InputError(f"grid spacing {self.spacing}: three positive lengths are needed")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "spacing", tuple(float(h) for h in self.spacing))

    @property
    def extended_axes(self) -> tuple[int, ...]:
        """Axes of more than one voxel: along the others nothing can vary, and they count nowhere."""
        return tuple(axis for axis, n in enumerate(self.shape) if n > 1)

    @property
    def num_voxels(self) -> int:
        return math.prod(self.shape)

    @property
    def real_axes(self) -> tuple[int, ...]:
        """Axes of more than one voxel: along the others nothing varies, there is no length.  All three of a single voxel."""
        return tuple(axis for axis, n in enumerate(self.shape) if n > 1) or (0, 1, 2)

    @property
    def lengths(self) -> tuple[float, float, float]:
        """Edges of the box."""
        return three(n * h for n, h in zip(self.shape, self.spacing))

    @property
    def volume(self) -> float:
        return math.prod(self.lengths)

    def in_units_of(self, length: float) -> PeriodicGrid:
        """The same grid with its spacing divided by ``length``."""
        return PeriodicGrid(self.shape, three(h / length for h in self.spacing))

    def halved(self) -> PeriodicGrid:
        """The same box in voxels of half the edge; an axis of one voxel stays as it is."""
        return PeriodicGrid(three(n if n == 1 else 2 * n for n in self.shape),
                            three(h if n == 1 else h / 2 for n, h in zip(self.shape, self.spacing)))

    def doubled(self) -> PeriodicGrid:
        """The same box in half the voxels along each axis, rounded up; an axis of fewer than four stays as it is."""
        shape = three(n if n < 4 else (n + 1) // 2 for n in self.shape)
        return PeriodicGrid(shape, three(length / n for length, n in zip(self.lengths, shape)))
