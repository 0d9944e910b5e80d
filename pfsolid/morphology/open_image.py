"""An image that ends at its faces, where a transform stands for a periodic cell."""

from __future__ import annotations

from dataclasses import dataclass

from ..grid import PeriodicGrid
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.slab import Slab


@dataclass(frozen=True)
class OpenImage:
    """What the measures ask of a transform, for an image beyond whose faces nothing is known.

    Densities of what is counted along an axis (areas, phase changes) take the outer half of the end voxels to be as what
    lies beside it: nothing is seen there, since the faces of the image are no interfaces.  They are then right for what
    lies inside the image and, on average, for what is cut by its ends (left out, an area is 1/64 too small at 64).

    Attributes
    ----------
    grid : PeriodicGrid
        Shape and spacing.
    reducer : Reducer
    ghosts : PlaneExchange
        One that mirrors at the ends, so that no phase changes there.
    local_slice : tuple of 3 slice
        This rank's slab, `pfsolid.spectral.transform.slab_of`.
    mirrored : bool
        It goes on beyond its faces as its mirror image: nothing there is unseen, and no end voxel stands for more.
    """

    grid: PeriodicGrid
    reducer: Reducer
    ghosts: PlaneExchange
    local_slice: tuple[slice, slice, slice]
    mirrored: bool = False
    periodic = False

    @property
    def local_shape(self) -> tuple[int, int, int]:
        return tuple(part.stop - part.start for part in self.local_slice)

    @property
    def first_plane(self) -> int:
        """Global x index of the slab's first plane."""
        return self.local_slice[0].start


def wrapping_axes(cell: Slab) -> tuple[bool, bool, bool]:
    """Axes along which a cell, a transform's or an `OpenImage`, goes on by itself: of one voxel it is uniform for ever."""
    return tuple(cell.periodic or n == 1 for n in cell.grid.shape)


def fills_ends(cell: Slab) -> bool:
    """Whether what is counted beside the ends of a cell stands for the half voxel beyond them too."""
    return isinstance(cell, OpenImage) and not cell.mirrored
