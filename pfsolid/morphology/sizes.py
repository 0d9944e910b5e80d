"""Chord lengths of pores and walls along the axes.

A chord is what one phase cuts out of a line along an axis.  The mean chord is that of stereology, 2 x length in the phase /
number of phase changes: lines that lie in one phase for ever and chords that an end of the image cuts have no length of
their own, but they count in it, so that it is right on average also where the structure is large for the cell; left out,
they would make it too short.  The distribution is of those that are whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..grid import PeriodicGrid
from ..parallel.slab import Slab
from . import kernels
from .areas import changes_along_axes
from .open_image import wrapping_axes

PORE, WALL = 0, 1


@dataclass(frozen=True)
class Chords:
    """The chords of one phase; lengths in the unit of the grid's spacing.

    Attributes
    ----------
    counts : tuple of 3 ndarray of int64
        ``counts[i][m]`` whole chords of m voxels along axis i, m = 0 ... the longest.
    spacing : tuple of 3 float
        Length of a voxel along each axis.
    wrapping_fraction : tuple of 3 float
        Fraction of the phase's volume on lines along x, y, z that never leave it, which have no chord; 0 for an
        empty phase, NaN on an axis of one voxel, which is none.
    cut_fraction : tuple of 3 float
        The same for chords that an end of an open image cuts.
    voxels : int
        Of the phase.
    changes : tuple of 3 float
        Phase changes on all lines along x, y, z.
    """

    counts: tuple[np.ndarray, np.ndarray, np.ndarray]
    spacing: tuple[float, float, float]
    wrapping_fraction: tuple[float, float, float]
    cut_fraction: tuple[float, float, float]
    voxels: int
    changes: tuple[float, float, float]

    @property
    def mean_xyz(self) -> tuple[float, float, float]:
        """Mean chord along x, y, z: 2 x length in the phase / phase changes; infinite without, NaN for an empty phase."""
        return tuple(_mean(2 * h * self.voxels, change) for h, change in zip(self.spacing, self.changes))

    @property
    def mean(self) -> float:
        """Mean chord of test lines of equal length along each axis along which the phase changes; infinite without any.

        The harmonic mean of the finite ones of `mean_xyz`; 4 phi / S_V where the interface has no preferred direction.
        """
        axes = np.count_nonzero(self.changes)
        return _mean(2 * axes * self.voxels, sum(change / h for change, h in zip(self.changes, self.spacing)))


def _mean(total: float, number: float) -> float:
    if not total:
        return math.nan
    return float(total / number) if number else math.inf


def measure_chords(solid: np.ndarray, cell: Slab) -> tuple[Chords, Chords]:
    """Chords of the pores and of the walls along x, y and z, exact.

    Collective.  Chords along x are counted by the rank in whose slab they begin; how far they go on in the following
    slabs is passed back from rank to rank, in as many exchanges of a plane as the longest spans slabs.

    Parameters
    ----------
    solid : ndarray of uint8, local (n0 + 2, n1, n2)
        The phase, 0 pore and 1 wall, with ghost planes.
    cell : Slab
        A transform's, or an `OpenImage`.

    Returns
    -------
    pores, walls : Chords
    """
    n0, n1, n2 = cell.grid.shape
    planes = solid.shape[0] - 2
    wraps = wrapping_axes(cell)
    along_x, uniform_x = _chords_along_x(solid, cell, wraps[0])
    along_y = np.zeros((planes, 2, n1 + 1), np.int64)
    along_z = np.zeros((planes, 2, n2 + 1), np.int64)
    uniform = np.zeros((planes, 2, 2), np.int64)
    kernels.chords_in_planes(solid, wraps[1:], along_y, along_z, uniform)
    counts = [_total(histograms, cell) for histograms in (along_x, along_y, along_z)]
    lines = np.concatenate([_total(uniform_x, cell)[None], _total(uniform, cell)])
    walls = int(cell.reducer.sum(np.count_nonzero(solid[1:-1]))[0])
    changes = tuple(changes_along_axes(solid, cell).tolist())
    return tuple(_chords([count[phase] for count in counts], lines[:, phase], voxels, changes, cell.grid)
                 for phase, voxels in ((PORE, cell.grid.num_voxels - walls), (WALL, walls)))


def _total(histograms: np.ndarray, cell: Slab) -> np.ndarray:
    # As float64 in the reduction, which is exact up to 2^53.
    return cell.reducer.sum(histograms.sum(axis=0)).astype(np.int64)


def _chords(counts, uniform_lines, voxels: int, changes, grid: PeriodicGrid) -> Chords:
    endless, cut = [math.nan] * 3, [math.nan] * 3
    for axis in grid.extended_axes:
        on_whole = int(np.arange(counts[axis].size) @ counts[axis])
        on_endless = int(uniform_lines[axis]) * grid.shape[axis]
        endless[axis] = on_endless / max(voxels, 1)
        cut[axis] = (voxels - on_whole - on_endless) / max(voxels, 1)
    return Chords(tuple(np.trim_zeros(c, "b") for c in counts), grid.spacing, tuple(endless), tuple(cut), voxels, changes)


def _chords_along_x(solid: np.ndarray, cell: Slab, wraps: bool) -> tuple[np.ndarray, np.ndarray]:
    """Histograms [y, phase, length] of the chords that begin here, and lines [1, phase] of one phase (on root)."""
    planes = solid.shape[0] - 2
    n0, n1, n2 = cell.grid.shape
    heads = np.empty((n1, n2), np.int32)
    kernels.measure_heads(solid, heads)
    goes_on = solid[-2] == solid[-1]
    whole = (heads == planes) & goes_on
    ends_here = not wraps and cell.first_plane + planes == n0

    def followed_by(reach):
        received = np.empty_like(reach)
        cell.ghosts.next_plane(reach[None], received)
        return np.full_like(reach, n0) if ends_here else received  # beyond the end of an open image no chord ends

    # From the slab's first plane to the end of the chord there, wherever that is; n0 if it has none.
    reach, before = heads.copy(), None
    while before is None or cell.reducer.any(not np.array_equal(reach, before)):
        before = reach
        reach = np.minimum(np.where(whole, heads + followed_by(reach), heads), n0).astype(np.int32)
    continued = np.where(goes_on, followed_by(reach), 0).astype(np.int32)
    histograms = np.zeros((n1, 2, n0 + 1), np.int64)
    kernels.chords_along_x(solid, continued, n0, histograms)
    uniform = (reach == n0) & (heads == planes) & goes_on
    lines = np.bincount(solid[1][uniform], minlength=2)[None] if cell.first_plane == 0 else np.zeros((1, 2), int)
    return histograms, lines
