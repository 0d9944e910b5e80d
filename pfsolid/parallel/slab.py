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
    """

    grid: PeriodicGrid
    reducer: Reducer
    ghosts: PlaneExchange
