"""The part of the grid in the error of sigma_eff: from what a solve leaves behind, or from one on another grid.

How far the limit of fine grids lies from the value, as multiples of what is at hand, was measured: docs/conduction.md, by
scripts/study_grid_error.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class GridPart:
    """Where the limit of fine grids is taken to be; for each axis, NaN where nothing was solved.

    Attributes
    ----------
    method : str
    best, low, high : ndarray (3,)
        S/m: the best estimate of a diagonal element, and the interval; it holds the value itself.
    tensor : ndarray (3, 3) or None
        S/m, on the other grid if there is one.
    reach : float
        How many times the change to that grid the error may be.
    """

    method: str
    best: np.ndarray
    low: np.ndarray
    high: np.ndarray
    tensor: np.ndarray | None = None
    reach: float = 0.0

    def turned(self, orientation) -> GridPart:
        """The same by other axes (:class:`pfsolid.orientation.Orientation`)."""
        best, low, high = (orientation.turn_tensor(values, 1) for values in (self.best, self.low, self.high))
        return replace(self, best=best, low=low, high=high,
                       tensor=None if self.tensor is None else orientation.turn_tensor(self.tensor))


@dataclass(frozen=True)
class Shares:
    """Multiples of what is at hand: the best estimate, and the ends of the interval."""

    method: str
    best: float
    low: float
    high: float

    def widened(self, times: float) -> Shares:
        return replace(self, low=times * self.low, high=times * self.high)


# Of the jumps of the flux (FiniteVolumes.flux_jumps), on voxels whose faces are the interface: the limit of split voxels.
IMAGE_JUMPS = Shares("jumps of the flux between faces, up to 6.7 times", best=2.3, low=0.0, high=6.7)
# Where more than this part of the faces lie between unlike voxels an image consists of single voxels: structures that the
# grid resolves have 0.03 to 0.2, voxels drawn by lot 0.5 to 0.7.
UNRESOLVED = 0.4
UNRESOLVED_JUMPS = Shares("jumps of the flux between faces, up to 10 times: the image consists of single voxels",
                          best=5.0, low=0.0, high=10.0)
# The same where thresholds made the voxels of a density: the limit of its finer grids.
STEPS_JUMPS = Shares("jumps of the flux between faces, up to 4.2 times", best=3.5, low=0.0, high=4.2)
# Of the change from half the voxels along each axis to the grid, with faces below the voxel; the jumps of the flux beside it
# stand for what that change misses where it happens to be small.
BELOW_HALF = Shares("half the voxels along each axis: the change, and half the jumps of the flux between faces",
                    best=0.5, low=-1.0, high=1.0)
BELOW_JUMPS = 0.5
MOST_CHANGE = 0.5  # that is believed, of the value
# Of the change from half the voxels along each axis to the grid: first order in the voxel.
LINEAR_HALF = Shares("half the voxels along each axis: 0.85 times the change", best=0.5, low=-0.85, high=0.85)
# Of the change to twice the voxels along each axis.
STEPS_TWICE = Shares("twice the voxels along each axis: 2.5 times the change", 2.0, -2.5, 2.5)
BELOW_TWICE = Shares("twice the voxels along each axis: 5.5 times the change", 1.9, -5.5, 5.5)
LINEAR_TWICE = Shares("twice the voxels along each axis: 2.5 times the change", 1.5, -2.5, 2.5)
IMAGE_TWICE = Shares("twice the voxels along each axis: 2.3 times the change", 1.75, -2.3, 2.3)
# With interfaces that resist the limit was 0.4 to 3.9 times the change away, 2.2 in the median: layers at seven angles,
# neutral balls, cubes in a matrix and Voronoi grains (67 values, grains of 5 to 30 voxels).  Grains that are smaller than
# the filter that finds the normals have a wider bar.
INTERFACES_TWICE = Shares("voxels of half the edge, interfaces straightened: 4 times the change", 2.0, -4.0, 4.0)
WIDER = 1.5


def grid_part(values: np.ndarray, changes: np.ndarray, shares: Shares, tensor: np.ndarray | None = None,
              more: np.ndarray | float = 0.0) -> GridPart:
    """The part by which ``values`` may be wrong.

    Parameters
    ----------
    values : ndarray (3,)
        Diagonal of sigma_eff (S/m).
    changes : ndarray (3,)
        What is at hand (S/m), with the sign of the limit's distance.
    shares : Shares
    tensor : ndarray (3, 3), optional
        On the other grid.
    more : ndarray (3,) or float
        Added to both ends (S/m).
    """
    ends = np.sort([shares.low * changes, shares.high * changes], axis=0)
    low, high = np.minimum(ends[0] - more, 0), np.maximum(ends[1] + more, 0)
    best = np.maximum(values + shares.best * changes, 0)
    return GridPart(shares.method, best, np.maximum(values + low, 0), values + high, tensor,
                    max(-shares.low, shares.high))
