"""What a measure of a divided field needs to know of its division."""

from __future__ import annotations

from typing import Protocol

from ..grid import PeriodicGrid
from .collective import PlaneExchange, Reducer


class Slab(Protocol):
    """A grid divided along x: a transform is one, without its being asked to transform anything.

    Attributes
    ----------
    grid : PeriodicGrid
        The whole.
    reducer : Reducer
    ghosts : PlaneExchange
    periodic : bool
        Whether the field goes on beyond its faces as it begins on the other side.
    first_plane : int
        Global x index of this rank's first plane.
    """

    grid: PeriodicGrid
    reducer: Reducer
    ghosts: PlaneExchange
    periodic: bool

    @property
    def first_plane(self) -> int: ...
