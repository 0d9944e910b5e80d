"""The finite-volume conduction operator with its FFT preconditioner, in the fused form conjugate gradients want."""

from __future__ import annotations

import numpy as np

from ..spectral import SlabTransform
from . import kernels
from .phases import face_conductances

# Blocks of planes for each thread in the direction update: some slack for threads that run at unequal speed.
_BLOCKS_PER_THREAD = 4


class ConductionSystem:
    """A u = b with A u = -div(sigma grad u) on voxels, b for a unit field along one axis; u periodic.

    The preconditioner is the inverse of the discrete Laplacian, sum_i (2 - 2 cos k_i h_i) / h_i^2, by FFT.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.
    sigma : ndarray (num_labels,)
        Conductivity of each label; the unit carries over to the result.
    transform : SlabTransform
        Single precision is enough: the recurrences stay in double.
    """

    def __init__(self, labels: np.ndarray, sigma: np.ndarray, transform: SlabTransform):
        self.transform = transform
        self.spacing = transform.grid.spacing
        self.labels = labels
        self.table = face_conductances(sigma, self.spacing)
        conducting = np.asarray(sigma)[np.asarray(sigma) > 0]
        self.spectrum_start = conducting.min() / conducting.max() if conducting.size else 1.0
        n0, n1, n2 = transform.local_shape
        self._direction = np.zeros((n0 + 2, n1, n2))
        self.potential = np.zeros(transform.local_shape)
        self.residual = np.empty(transform.local_shape)
        self._symbols = transform.difference_symbols()
        num_blocks = min(n0, _BLOCKS_PER_THREAD * transform.threads)
        self._block_starts = np.linspace(0, n0, num_blocks + 1).astype(np.int64)
        self._plane_energy = np.empty((n0, 2))
        self._plane_sums = np.empty(n0)
        self._spectral_sums = np.empty(transform.spectral_shape[0])

    def start(self, axis: int) -> float:
        """Collective: set b for a unit field along ``axis`` and u = 0; the arithmetic mean of the conductances."""
        h = self.spacing[axis]
        self._direction[...] = 0.0
        self.potential[...] = 0.0
        kernels.right_hand_side(self.labels, self.table[axis] * h**2, h, axis, self.residual, self.transform.real,
                                self._plane_sums)
        return self._mean(self._plane_sums.sum())

    def precondition(self) -> float:
        """Collective: z = P r in ``transform.real``; r . z divided by the number of voxels."""
        transform = self.transform
        n = transform.grid.num_voxels
        transform.forward()
        kernels.apply_green(transform.spectral, self._symbols, 1 / n, transform.holds_mean, transform.weights,
                            self._spectral_sums)
        # By Parseval r . z = sum |r_k|^2 / symbol_k / n, before the backward transform and in double.
        r_z = self._mean(self._spectral_sums.sum()) / n
        transform.backward()
        return r_z

    def advance_direction(self, beta: float) -> float:
        """Collective: p = z + beta p; p . A p divided by the number of voxels."""
        kernels.advance_direction(self._direction, self.transform.real, beta, self.labels, self.table,
                                  self._block_starts, self._plane_energy)
        self.transform.ghosts.fill(self._direction)
        kernels.faces_between_blocks(self._direction, self.labels, self.table, self._block_starts, self._plane_energy)
        return self._mean(self._plane_energy.sum())

    def update(self, alpha: float) -> None:
        """u += alpha p, r -= alpha A p; r also into ``transform.real``."""
        kernels.update(self._direction, alpha, self.labels, self.table, self.potential, self.residual,
                       self.transform.real)

    def mean_flux(self, axis: int) -> np.ndarray:
        """Collective: <J> for the present potential and a unit field along ``axis``."""
        next_plane = np.empty(self.potential.shape[1:])
        self.transform.ghosts.next_plane(self.potential, next_plane)
        sums = np.empty((self.potential.shape[0], 3))
        kernels.mean_fluxes(self.potential, next_plane, self.labels, self.table, self.spacing, axis, sums)
        return self._mean(sums.sum(axis=0))

    def current_density(self, axis: int, dtype=np.float32) -> np.ndarray:
        """Collective: cell-centred J, local (n0, n1, n2, 3), for a unit field along ``axis``."""
        self._direction[1:-1] = self.potential
        self.transform.ghosts.fill(self._direction)
        out = np.empty(self.potential.shape + (3,), dtype=dtype)
        kernels.current_density(self._direction, self.labels, self.table, self.spacing, axis, out)
        return out

    def mean_product(self, a: np.ndarray, b: np.ndarray) -> float:
        """Collective: <a b> over the voxels, plane by plane."""
        return self._mean(sum(float(np.vdot(x, y)) for x, y in zip(a, b)))

    def _mean(self, local):
        total = self.transform.reducer.sum(local) / self.transform.grid.num_voxels
        return total if np.ndim(local) else float(total[0])
