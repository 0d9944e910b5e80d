"""Distances to the nearest voxel of a phase, and from them how wide pores and walls are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..parallel.collective import Reducer
from ..parallel.slab import Slab
from . import kernels
from .open_image import wrapping_axes
from .surface import outer_planes

_MOST_RADII = 24
# Distances that are equal on paper differ by rounding in float32, by the axis they are measured along.
_SLACK = 1e-5


@dataclass(frozen=True)
class Thickness:
    """Distribution over the volume of a phase of its local thickness; lengths in the unit of the grid's spacing.

    The local thickness of a point is the diameter of the largest sphere that contains it and lies in the phase
    (T. Hildebrand, P. Rüegsegger, J. Microsc. 185 (1997) 67, doi:10.1046/j.1365-2818.1997.1340694.x).

    Attributes
    ----------
    diameters : ndarray (num_diameters,)
        Rising from 0 to that of the largest sphere; empty if the phase is, or if it is everywhere.
    larger : ndarray (num_diameters,)
        Fraction of the phase's volume whose thickness is at least this.
    """

    diameters: np.ndarray
    larger: np.ndarray

    @property
    def largest(self) -> float:
        """Diameter of the largest sphere that fits; NaN without a distribution."""
        return float(self.diameters[-1]) if self.diameters.size else math.nan

    @property
    def mean(self) -> float:
        """Volume average; NaN without a distribution."""
        if not self.diameters.size:
            return math.nan
        return float((self.larger[1:] + self.larger[:-1]) @ np.diff(self.diameters)) / 2

    def quantile(self, share: float) -> float:
        """Thickness that a ``share`` of the volume falls short of; NaN without a distribution."""
        if not self.diameters.size:
            return math.nan
        return float(np.interp(share, 1 - self.larger, self.diameters))


def squared_distances(targets: np.ndarray, cell: Slab, cap: float = math.inf, wraps: tuple | None = None) -> np.ndarray:
    """Squared distance from the centre of each voxel to that of the nearest target, exact.

    Collective.  Within each plane first, then over planes at 1, 2, 3 ... spacings to either side, which come in from
    the neighbouring ranks one at a time.  That ends when the next is farther than the greatest distance left, so
    memory and messages grow with the size of the pores, not with the cell.

    Parameters
    ----------
    targets : ndarray of bool or uint8, local (n0, n1, n2)
    cell : Slab
        A transform's, or an `OpenImage`.
    cap : float
        Distances beyond it are not looked for.
    wraps : tuple of 3 bool, optional
        False along axes beyond whose ends there are no targets; by default those of the cell.

    Returns
    -------
    ndarray of float32, local (n0, n1, n2)
        ``cap`` squared where there is no target as near.
    """
    grid = cell.grid
    wraps = wrapping_axes(cell) if wraps is None else wraps
    squared = np.empty(targets.shape, np.float32)
    targets = np.ascontiguousarray(targets).view(np.uint8)
    kernels.plane_distances(targets, np.array(grid.spacing[1:]), np.float32(cap**2), tuple(wraps[1:]), squared)
    planes = list(squared.copy())
    shifted = np.empty(squared.shape[1:], np.float32)
    num_planes = len(planes)
    for step in range(1, grid.shape[0] // 2 + 1 if wraps[0] else grid.shape[0]):
        offset = np.float32((step * grid.spacing[0]) ** 2)
        if offset >= cell.reducer.max(float(squared.max())):
            break
        # What is now around the slab came from the neighbours; their neighbours' planes follow it.
        reach = step - 1
        before, after = _planes_beyond(planes, reach, num_planes, cell)
        if not wraps[0]:
            _clear_beyond_ends(before, after, cell.reducer, cap)
        planes = [before, *planes, after]
        for i, plane in enumerate(squared):
            np.minimum(planes[i], planes[i + 2 * step], out=shifted)
            shifted += offset
            np.minimum(plane, shifted, out=plane)
    return squared


def _clear_beyond_ends(before: np.ndarray, after: np.ndarray, reducer: Reducer, cap: float) -> None:
    """What the first and the last slab are sent is not there: nothing is as near as ``cap``."""
    if reducer.rank == 0:
        before[...] = cap**2
    if reducer.rank == reducer.size - 1:
        after[...] = cap**2


def _planes_beyond(planes: list, reach: int, num_planes: int, cell: Slab) -> tuple:
    """The two planes that come next around a slab that already has ``reach`` planes of its neighbours on each side.

    They come from the neighbours: their own, or what they have received.
    """
    edges = np.stack([planes[2 * reach], planes[num_planes - 1]])
    return outer_planes(edges, cell)


def measure_thickness(phase: np.ndarray, cell: Slab, others: np.ndarray | None = None) -> Thickness:
    """Local thickness of the voxels where ``phase`` is not zero, by opening with spheres of falling radius.

    Collective.  A sphere fits around a voxel if it ends before the nearest voxel of the other phase, at distance D,
    and covers the voxels whose centres are nearer than that; its diameter counts as 2 D - h/2, h the smallest
    spacing, which is right on average for layers: n - 1/2 voxels for an even number n, n + 1/2 for an odd one.  Bodies
    whose centres lie at voxel corners come out smaller, a ball by two voxels.  At most 25 diameters, h or more apart.
    An open image is taken to go on beyond its ends as it must for the spheres inside to fit.

    Parameters
    ----------
    phase : ndarray of bool, local (n0, n1, n2)
    cell : Slab
        A transform's, or an `OpenImage`.
    others : ndarray of bool, local (n0, n1, n2), optional
        What bounds the spheres, if that is not all the rest: what lies outside the field of view is taken to go on likewise.
    """
    phase = np.asarray(phase, bool)
    counts, diameters = [np.count_nonzero(phase)], [0.0]
    for diameter, covered in _openings(phase, cell, others):
        counts.insert(1, np.count_nonzero(covered & phase))
        diameters.insert(1, diameter)
    volume = cell.reducer.sum(counts[0])[0]
    if len(counts) == 1:
        return Thickness(np.empty(0), np.empty(0))
    return Thickness(np.array(diameters), cell.reducer.sum(counts) / volume)


def local_thickness(phase: np.ndarray, cell: Slab) -> np.ndarray:
    """Local thickness of each voxel, as in `measure_thickness`, rounded down to its diameters; 0 outside the phase.

    Collective.

    Parameters
    ----------
    phase : ndarray of bool, local (n0, n1, n2)
    cell : Slab

    Returns
    -------
    ndarray of float32, local (n0, n1, n2)
        In the unit of the grid's spacing; 0 everywhere if there is no such phase, or no other.
    """
    phase = np.asarray(phase, bool)
    thickness = np.zeros(phase.shape, np.float32)
    for diameter, covered in _openings(phase, cell):
        thickness[covered & phase & (thickness == 0)] = diameter
    return thickness


def _openings(phase: np.ndarray, cell: Slab, others: np.ndarray | None = None):
    """Diameters, falling to the smallest above 0, and what spheres of these cover; none without a phase or another."""
    others = ~phase if others is None else others
    smallest = min((cell.grid.spacing[axis] for axis in cell.grid.extended_axes), default=1.0)
    if not cell.reducer.any(bool(phase.any())) or not cell.reducer.any(bool(others.any())):
        return
    room = np.where(phase, np.sqrt(squared_distances(others, cell)), 0)
    least = smallest / 4  # the radius that counts as none
    largest = cell.reducer.max(float(room.max())) - least
    num_steps = max(1, min(_MOST_RADII, math.floor(2 * largest / smallest + _SLACK)))
    radii = least + np.linspace(0, largest, num_steps + 1)
    covered = np.zeros(phase.shape, bool)
    for radius in radii[:0:-1]:
        centres = room >= radius * (1 - _SLACK)
        covered |= squared_distances(centres, cell, radius) < (radius * (1 - _SLACK)) ** 2
        yield 2 * (radius - least), covered
