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
    """Chords of the pores and of the walls along x, y and z, exact.  Collective.

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
    walls = int(cell.reducer.sum(np.count_nonzero(solid[1:-1]))[0])
    changes = np.tile(changes_along_axes(solid, cell), (2, 1))
    return tuple(measure_phase_chords(solid, cell, (cell.grid.num_voxels - walls, walls), changes))


def measure_phase_chords(phase: np.ndarray, cell: Slab, voxels, changes: np.ndarray) -> list[Chords]:
    """Chords of each phase along x, y and z, exact; those that ends or what lies outside cut are not counted.

    Collective.  For those along x each rank is sent whole lines, as many bytes as it has voxels.

    Parameters
    ----------
    phase : ndarray of uint8, local (n0 + 2, n1, n2)
        Numbers from 0 on; voxels of ``len(voxels)`` and above are outside.  The ghost planes are not looked at.
    voxels : sequence of int (num_phases,)
        Of each phase.
    changes : ndarray (num_phases, 3)
        Faces that each phase shares with others, normal to x, y, z.
    """
    reducer, slab = cell.reducer, phase[1:-1]
    rows = np.linspace(0, slab.shape[1], reducer.size + 1).astype(int)
    whole_x = np.concatenate(reducer.exchange([slab[:, a:b] for a, b in zip(rows, rows[1:])]))
    lines = whole_x.transpose(1, 2, 0), slab.transpose(0, 2, 1), slab.transpose(0, 1, 2)
    counts, uniform = [], []
    for along, wraps in zip(lines, wrapping_axes(cell)):
        histograms = np.zeros((along.shape[0], len(voxels), along.shape[2] + 1), np.int64)
        endless = np.zeros((along.shape[0], len(voxels)), np.int64)
        kernels.chords_on_lines(along, wraps, histograms, endless)
        counts.append(_total(histograms, cell))
        uniform.append(_total(endless, cell))
    return [_chords([count[index] for count in counts], [lines[index] for lines in uniform], int(number),
                    tuple(changes[index].tolist()), cell.grid) for index, number in enumerate(voxels)]


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
