"""Chord lengths of pores and walls along the axes.

A chord is what one phase cuts out of a line along an axis.  Lines that lie in one phase for ever have no chord of
finite length; they are left out of the means and reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..spectral.transform import SlabTransform
from . import kernels

PORE, WALL = 0, 1


@dataclass(frozen=True)
class Chords:
    """The chords of one phase; lengths in the unit of the grid's spacing.

    Attributes
    ----------
    counts : tuple of 3 ndarray of int64
        ``counts[i][m]`` chords of m voxels along axis i, m = 0 ... the longest.
    spacing : tuple of 3 float
        Length of a voxel along each axis.
    wrapping_fraction : tuple of 3 float
        Fraction of the phase's volume on lines along x, y, z that never leave it, which have no chord; 0 for an
        empty phase.  1 on an axis of one voxel.
    """

    counts: tuple[np.ndarray, np.ndarray, np.ndarray]
    spacing: tuple[float, float, float]
    wrapping_fraction: tuple[float, float, float]

    @property
    def mean_xyz(self) -> tuple[float, float, float]:
        """Mean over the chords along x, y, z; NaN where there are none."""
        return tuple(_mean(h * self._voxels(i), self.counts[i].sum()) for i, h in enumerate(self.spacing))

    @property
    def mean(self) -> float:
        """Mean over the chords of test lines of equal length along each axis that has chords; NaN without any."""
        voxels = sum(self._voxels(i) for i in range(3))
        return _mean(voxels, sum(self.counts[i].sum() / h for i, h in enumerate(self.spacing)))

    def _voxels(self, axis: int) -> int:
        return int(np.arange(self.counts[axis].size) @ self.counts[axis])


def _mean(total: float, number: float) -> float:
    return float(total / number) if number else math.nan


def measure_chords(solid: np.ndarray, transform: SlabTransform) -> tuple[Chords, Chords]:
    """Chords of the pores and of the walls along x, y and z, periodic and exact.

    Collective.  Chords along x are counted by the rank in whose slab they begin; how far they go on in the following
    slabs is passed back from rank to rank, in as many exchanges of a plane as the longest spans slabs.

    Parameters
    ----------
    solid : ndarray of uint8, local (n0 + 2, n1, n2)
        The phase, 0 pore and 1 wall, with ghost planes.

    Returns
    -------
    pores, walls : Chords
    """
    n0, n1, n2 = transform.grid.shape
    planes = solid.shape[0] - 2
    along_x, wrapping_x = _chords_along_x(solid, transform)
    along_y = np.zeros((planes, 2, n1 + 1), np.int64)
    along_z = np.zeros((planes, 2, n2 + 1), np.int64)
    wrapping = np.zeros((planes, 2, 2), np.int64)
    kernels.chords_in_planes(solid, along_y, along_z, wrapping)
    counts = [_total(histograms, transform) for histograms in (along_x, along_y, along_z)]
    lines = np.concatenate([_total(wrapping_x, transform)[None], _total(wrapping, transform)])
    return tuple(_chords([count[phase] for count in counts], lines[:, phase], transform) for phase in (PORE, WALL))


def _total(histograms: np.ndarray, transform: SlabTransform) -> np.ndarray:
    # As float64 in the reduction, which is exact up to 2^53.
    return transform.reducer.sum(histograms.sum(axis=0)).astype(np.int64)


def _chords(counts, wrapping_lines, transform: SlabTransform) -> Chords:
    voxels = max(1, *(int(np.arange(c.size) @ c) + lines * n
                      for c, lines, n in zip(counts, wrapping_lines, transform.grid.shape)))
    wrapping = tuple(float(lines * n / voxels) for lines, n in zip(wrapping_lines, transform.grid.shape))
    return Chords(tuple(np.trim_zeros(c, "b") for c in counts), transform.grid.spacing, wrapping)


def _chords_along_x(solid: np.ndarray, transform: SlabTransform) -> tuple[np.ndarray, np.ndarray]:
    """Histograms [y, phase, length] of the chords that begin here, and lines [1, phase] that wrap (on root)."""
    planes = solid.shape[0] - 2
    n0, n1, n2 = transform.grid.shape
    heads = np.empty((n1, n2), np.int32)
    kernels.measure_heads(solid, heads)
    goes_on = solid[-2] == solid[-1]
    whole = (heads == planes) & goes_on
    # From the slab's first plane to the end of the chord there, wherever that is; n0 if it has none.
    reach, continued, before = heads.copy(), np.empty_like(heads), None
    while before is None or transform.reducer.any(not np.array_equal(reach, before)):
        before = reach
        transform.ghosts.next_plane(reach[None], continued)
        reach = np.minimum(np.where(whole, heads + continued, heads), n0).astype(np.int32)
    transform.ghosts.next_plane(reach[None], continued)
    histograms = np.zeros((n1, 2, n0 + 1), np.int64)
    kernels.chords_along_x(solid, np.where(goes_on, continued, 0).astype(np.int32), histograms)
    wraps = (reach == n0) & (heads == planes) & goes_on
    lines = np.bincount(solid[1][wraps], minlength=2)[None] if transform.first_plane == 0 else np.zeros((1, 2), int)
    return histograms, lines
