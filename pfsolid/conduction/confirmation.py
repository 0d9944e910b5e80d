"""Conjugate gradients with the FFT preconditioner, whose stop a multigrid cycle confirms.

What the coefficients of conjugate gradients say of the error misses eigenvalues that the iteration has not found yet: behind
pinholes and around isolated good conductors the estimate was up to 26 times too small.  A preconditioner M that is
spectrally equivalent to A does not depend on what has been found: r . A^-1 r is r . M r within a factor, and at least the
energy gained by one step along M r.

Elements are confirmed by finite volumes between their nodes: an edge conducts like the mean of the four voxels around it.
Voxel by voxel the energy of trilinear elements is between 1/9 and 1 of that of its twelve edges where the conductivity is
diagonal, whatever the edges of the voxel: along each axis the two differ by the mass matrix of the other two, whose
eigenvalues are 1/3 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .elements import ElementSystem
from .finite_volumes import FiniteVolumes
from .krylov import CGResult, conjugate_gradients
from .multigrid import Multigrid

# What r . M r, or the energy of a step along M r, is multiplied with (docs/verification.md has the stops), and by what the
# iteration's own estimate has to fall before it is asked again.
_FACTOR, _ASK_AGAIN = 4.0, 0.5


class CheckedConjugateGradients:
    """Conjugate gradients that stop where a multigrid cycle agrees.  Collective.

    Called like :func:`pfsolid.conduction.krylov.conjugate_gradients`.
    """

    def __init__(self) -> None:
        self._system = self._check = None

    def __call__(self, system, is_converged, max_iterations: int, on_iteration=None) -> CGResult:
        confirmed, ask_below = 0.0, np.inf

        def is_confirmed(energy, estimate):
            nonlocal confirmed, ask_below
            if estimate > ask_below or not is_converged(energy, estimate):
                return False
            if system is not self._system:
                self._check, self._system = Multigrid(_volumes(system)), system
            confirmed = max(estimate, _FACTOR * self._check.remaining_energy())
            ask_below = _ASK_AGAIN * estimate
            return is_converged(energy, confirmed)

        result = conjugate_gradients(system, is_confirmed, max_iterations, on_iteration)
        return replace(result, error_estimate=max(result.error_estimate, confirmed))


@dataclass(frozen=True)
class _Volumes:
    """What multigrid wants of a system of finite volumes.

    Attributes
    ----------
    transform : SlabTransform
    spacing : ndarray (3,)
    faces : ndarray, local (3, n0 + 1, n1, n2)
    residual, potential : ndarray, local (n0, n1, n2)
    """

    transform: object
    spacing: np.ndarray
    faces: np.ndarray
    residual: np.ndarray
    potential: np.ndarray


def _volumes(system):
    """Finite volumes that are spectrally equivalent to a system, with its residual; itself if it is of that kind."""
    if isinstance(system, FiniteVolumes):
        return system
    return _Volumes(system.transform, system.spacing, node_conductivities(system), system.residual, system.potential)


def node_conductivities(system: ElementSystem) -> np.ndarray:
    """Of the edges between the nodes of elements, local (3, n0 + 1, n1, n2): the mean of the four voxels around each.

    An edge belongs to the node it starts from; plane 0 holds the edges along x from the slab before, and nothing else.
    """
    labels = system.labels
    faces = np.zeros((3, labels.shape[0] - 1, *labels.shape[1:]), np.float32)
    along = np.diagonal(system.tensors, axis1=1, axis2=2).astype(np.float32) / 4
    for axis in range(3):
        for plane in range(min(axis, 1), faces.shape[1]):
            values = along[labels[plane], axis]
            if axis > 0:  # The voxels behind the node along x, too.
                values = values + along[labels[plane - 1], axis]
            for beside in {1, 2} - {axis}:
                values = values + np.roll(values, 1, beside - 1)
            faces[axis, plane] = values
    return faces
