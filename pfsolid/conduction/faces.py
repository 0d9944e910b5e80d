"""Conductivities of faces from a density that is known between the voxels' centres, instead of from labels.

Where the conductivity varies smoothly with the density a face has the harmonic mean of its two voxels.  Where it jumps at
thresholds of a diffuse interface, what matters is where the interface cuts the link between two centres and the face
between them: :func:`subvoxel_faces` finds both.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..spectral.transform import SlabTransform
from . import face_kernels
from .finite_volumes import FiniteVolumes, lowest_of
from .phases import check_conductivities

# Where the density is closer to 0 or 1 than this the distance from the interface has no digits left.
_SATURATED = 1e-4


class FaceSystem(FiniteVolumes):
    """Finite volumes with the faces that :func:`smooth_faces` or :func:`subvoxel_faces` give.  Collective.

    Parameters
    ----------
    faces : ndarray of float32 or float64, local (3, n0 + 1, n1, n2)
        As for :class:`pfsolid.conduction.finite_volumes.FiniteVolumes`.
    transform : SlabTransform
    """

    def __init__(self, faces: np.ndarray, transform: SlabTransform):
        super().__init__(faces, transform, lowest_of(faces, transform.reducer))


class SubvoxelSystem(FaceSystem):
    """Finite volumes with the faces of :func:`subvoxel_faces`, whose parameters these are.  Collective.

    What each phase carries is shared out within the voxels, as the faces are cut.
    """

    def __init__(self, rho: np.ndarray, thresholds, sigma, transform: SlabTransform, dtype=np.float32, best_percolates=True):
        self._rho = rho
        self._cuts = _cuts(thresholds, sigma, best_percolates)
        super().__init__(subvoxel_faces(rho, thresholds, sigma, transform, dtype, best_percolates), transform)

    def phase_currents(self, axis: int) -> np.ndarray:
        """See `FiniteVolumes`."""
        distance = _with_ghosts(_distance_of(self._rho), self.transform)
        sums = np.empty((self.potential.shape[0], self._cuts[1].size))
        face_kernels.share_out_fluxes(distance, *self._cuts, self.spacing, self.potential, self._edges(), self.faces, axis,
                                      sums)
        return self._mean(sums.sum(axis=0))


def smooth_faces(rho: np.ndarray, sigma_of_rho, transform: SlabTransform, dtype=np.float32) -> np.ndarray:
    """Faces of a conductivity that varies smoothly with the density: the harmonic mean of the two voxels.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    sigma_of_rho : sequence of (float, float)
        Points (rho, sigma) with ascending rho: linear between them, constant outside.
    transform : SlabTransform
    dtype : {float32, float64}

    Returns
    -------
    ndarray, local (3, n0 + 1, n1, n2)
        In the unit of sigma; exactly 0 beside a voxel with sigma = 0.

    Raises
    ------
    InputError
        If rho does not ascend, or a conductivity is negative or not finite.
    """
    points = np.asarray(sigma_of_rho, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or not np.all(np.diff(points[:, 0]) > 0):
        raise InputError(f"conductivity as a function of the density: {points.tolist()} must be pairs (rho, sigma) with "
                         "ascending rho")
    check_conductivities(points[:, 1])
    sigma = _with_ghosts(np.interp(rho, *points.T), transform)
    faces = np.empty((3, rho.shape[0] + 1, *rho.shape[1:]), dtype=dtype)
    face_kernels.harmonic_faces(sigma, faces)
    return faces


def subvoxel_faces(rho: np.ndarray, thresholds, sigma, transform: SlabTransform, dtype=np.float32,
                   best_percolates=True) -> np.ndarray:
    """Faces of phases that thresholds of a diffuse interface separate, resolved below the voxel.  Collective.

    Between voxels not rho is interpolated but artanh(2 rho - 1): across an interface in equilibrium, rho = 1/2 [1 +
    tanh(2 x / depth)], it is the distance 2 x / depth, hence linear.  A plane through a face and its two voxels cuts the
    link between their centres in lengths l_m and the face in areas a_m of the phases m (of a voxel's).  The phases that
    conduct are mixed as a laminate with the plane's normal n, and what insulates only narrows the face:

        sigma_face = (1 - n_i^2) sum_m a_m sigma_m + n_i^2 (sum_m a_m) (sum_m l_m) / (sum_m l_m / sigma_m)

    with sums over the phases that conduct.  Insulating walls are second order in the voxel that way (open areas of faces:
    Ng, Min & Gibou, doi:10.1016/j.jcp.2009.08.032); other interfaces first, with a small constant (laminates in composite
    voxels: Kabel, Merkert & Schneider, doi:10.1016/j.cma.2015.06.003, here for one component).

    It supposes that current runs along interfaces, as it does in a good conductor that spans the cell.  Along an axis that
    the best conductor does not percolate along, the current meets its islands head on, and at faces normal to that axis
    the mean along the link alone, n_i^2 = 1, is taken: second order for perfect conductors, and islands that nearly touch
    stay apart.  At high contrast either is a poor choice for the other case.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    thresholds : sequence of float (num_phases - 1,)
        Ascending, between 0 and 1.
    sigma : sequence of float (num_phases,)
        Conductivity of each phase, from the lowest densities to the highest.
    transform : SlabTransform
    dtype : {float32, float64}
    best_percolates : bool or sequence of 3 bool
        Whether the phase with the highest conductivity wraps the cell along x, y and z, or along all or none.

    Returns
    -------
    ndarray, local (3, n0 + 1, n1, n2)
        In the unit of sigma; exactly 0 where less than 1 % of a face is open.

    Raises
    ------
    InputError
        If a threshold or a conductivity is not allowed.

    Notes
    -----
    Neighbouring voxels that both conduct by the thresholds have an open face between them, so an axis that percolates
    by voxels does by faces.  The reverse need not be: a neck thinner than a voxel can be open by faces only.
    """
    levels, sigma, in_series = _cuts(thresholds, sigma, best_percolates)
    distance = _with_ghosts(_distance_of(rho), transform)
    faces = np.empty((3, rho.shape[0] + 1, *rho.shape[1:]), dtype=dtype)
    face_kernels.subvoxel_faces(distance, levels, sigma, in_series, transform.grid.spacing, faces)
    return faces


def _cuts(thresholds, sigma, best_percolates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances at which the phases meet, their conductivities, and for each axis whether its faces are in series."""
    thresholds, sigma = np.asarray(thresholds, dtype=float), np.asarray(sigma, dtype=float)
    if sigma.ndim != 1 or sigma.size != thresholds.size + 1:
        raise InputError(f"faces below the voxel: {thresholds.size} thresholds need {thresholds.size + 1} conductivities, "
                         f"one number a phase, not an array of shape {sigma.shape}")
    check_conductivities(sigma)
    if not (np.all(thresholds > 0) and np.all(thresholds < 1) and np.all(np.diff(thresholds) > 0)):
        raise InputError(f"thresholds {thresholds.tolist()} must ascend and lie between 0 and 1")
    in_series = ~np.broadcast_to(np.asarray(best_percolates, dtype=bool), 3)
    return np.arctanh(2 * thresholds - 1), sigma, in_series


def _distance_of(rho: np.ndarray) -> np.ndarray:
    """From the interface, in half depths."""
    return np.arctanh(np.clip(2 * rho - 1, 2 * _SATURATED - 1, 1 - 2 * _SATURATED))


def _with_ghosts(field: np.ndarray, transform: SlabTransform) -> np.ndarray:
    if not transform.periodic:
        raise InputError("faces from a density are made for periodic cells only, not for plane electrodes")
    ghosted = np.empty((field.shape[0] + 2, *field.shape[1:]))
    ghosted[1:-1] = field
    transform.ghosts.fill(ghosted)
    return ghosted
