"""The part of the grid in the error of sigma_eff: from what a solve leaves behind, or from one on another grid.

How far the limit of fine grids lies from the value, as multiples of what is at hand, was measured: docs/conduction.md, by
scripts/docs/study_grid_error.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Floats
from ..orientation import Orientation


@dataclass(frozen=True)
class GridPart:
    """Where the limit of fine grids is taken to be; for each axis, NaN where nothing was solved.

    Attributes
    ----------
    method : str
        What it was estimated from, for a person.
    best, low, high : ndarray (3,)
        S/m: the best estimate of a diagonal element, and the interval; it holds the value itself.
    tensor : ndarray (3, 3) or None
        S/m, on the other grid if there is one.
    reach : float
        How many times the change to that grid the error may be.
    """

    method: str
    best: Floats
    low: Floats
    high: Floats
    tensor: Floats | None = None
    reach: float = 0.0

    def turned(self, orientation: Orientation) -> GridPart:
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
        """With an interval so many times as wide."""
        return replace(self, low=times * self.low, high=times * self.high)


_FROM_FLUXES = "estimated on this grid, from how the flux changes within each voxel"
_FROM_HALF = "estimated from the same density on half the voxels along each axis"
_FROM_TWICE = "estimated from twice the voxels along each axis"
# Of the jumps of the flux (FiniteVolumes.flux_jumps), on voxels whose faces are the interface: the limit of split voxels.
IMAGE_JUMPS = Shares(_FROM_FLUXES, best=2.3, low=0.0, high=6.7)
# Where more than this part of the faces lie between unlike voxels an image consists of single voxels: structures that the
# grid resolves have 0.03 to 0.2, voxels drawn by lot 0.5 to 0.7.
UNRESOLVED = 0.4
UNRESOLVED_JUMPS = Shares(f"{_FROM_FLUXES}; roughly, as the image consists of single voxels", best=5.0, low=0.0, high=10.0)
# With electrodes that touch a part of the image only, whose edges are off by a part of a voxel to either side.
CONTACT_JUMPS = Shares(_FROM_FLUXES, best=1.0, low=-3.0, high=6.7)
# The same where thresholds made the voxels of a density: the limit of its finer grids.  It is below the value where the best
# conductor does not percolate.
STEPS_JUMPS = Shares(_FROM_FLUXES, best=3.5, low=-2.5, high=5.5)
# Of the change from half the voxels along each axis to the grid, with faces below the voxel; the jumps of the flux beside it
# stand for what that change misses where it happens to be small.
BELOW_HALF = Shares(f"{_FROM_HALF}, and from how the flux changes within each voxel", best=0.5, low=-1.4, high=1.4)
BELOW_JUMPS = 0.7
# Where sigma_eff is less than this part of the best conductivity the best conductor does not percolate, or hardly, and its
# islands that nearly touch decide: the value is too high by 3.3 times the jumps, whatever half the voxels say.
POOR = 0.02
POOR_JUMPS = 4.5
MOST_CHANGE = 0.5  # that is believed, of the value
# Of the change from half the voxels along each axis to the grid: first order in the voxel.
LINEAR_HALF = Shares(_FROM_HALF, best=0.5, low=-0.85, high=0.85)
# Of the change to twice the voxels along each axis.
STEPS_TWICE = Shares(_FROM_TWICE, 2.0, -2.5, 2.5)
BELOW_TWICE = Shares(_FROM_TWICE, 1.9, -5.5, 5.5)
LINEAR_TWICE = Shares(_FROM_TWICE, 1.5, -2.5, 2.5)
IMAGE_TWICE = Shares(_FROM_TWICE, 1.75, -2.3, 2.3)
# With interfaces that resist the limit was 0.4 to 3.9 times the change away, 2.2 in the median: layers at seven angles,
# neutral balls, cubes in a matrix and Voronoi grains (67 values, grains of 5 to 30 voxels).  Grains that are smaller than
# the filter that finds the normals have a wider bar.
INTERFACES_TWICE = Shares(f"{_FROM_TWICE}, with interfaces straightened", 2.0, -4.0, 4.0)
WIDER = 1.5


def below_jumps(values: Floats, jumps: Floats, best_sigma: float) -> Floats:
    """What the jumps of the flux add to the error of faces below the voxel; all in one unit.

    Parameters
    ----------
    values, jumps : ndarray (3,)
        Diagonal of sigma_eff, and :meth:`pfsolid.conduction.finite_volumes.FiniteVolumes.flux_jumps`.
    best_sigma : float
        Of the phases that occur.

    Returns
    -------
    ndarray (3,)
    """
    found: Floats = np.where(values < POOR * best_sigma, POOR_JUMPS, BELOW_JUMPS) * jumps
    return found


def grid_part(values: Floats, changes: Floats, shares: Shares, tensor: Floats | None = None,
              more: Floats | float = 0.0) -> GridPart:
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
        Another part of the error, on both sides and independent of ``changes`` (S/m): added in quadrature.

    Returns
    -------
    GridPart
    """
    ends = np.sort([shares.low * changes, shares.high * changes], axis=0)
    low, high = -np.hypot(np.minimum(ends[0], 0), more), np.hypot(np.maximum(ends[1], 0), more)
    best = np.maximum(values + shares.best * changes, 0)
    return GridPart(shares.method, best, np.maximum(values + low, 0), values + high, tensor,
                    max(-shares.low, shares.high))
