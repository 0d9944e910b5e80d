"""Trilinear finite elements, one a voxel: the second discretisation, and the one for full conductivity tensors.

Nodes are the corners of the voxels.  The energy is minimised over continuous potentials, so sigma_eff is never below that
of the voxel image itself, in the sense of quadratic forms and up to the solver's error.  Finite volumes with harmonic faces
(:mod:`pfsolid.conduction.finite_volumes`) are never above it: their fluxes, taken as linear between opposite faces of a
voxel, conserve current exactly, and the scheme sums J^2 / sigma by the trapezoidal rule, which exceeds the integral.  The
two bracket the value of the voxel image, whatever the contrast.  (That the scheme is a mixed finite element method with
this quadrature: Arbogast, Wheeler & Yotov, doi:10.1137/S0036142994262585.)

Voxels that touch along an edge or in a corner conduct here, by less and less as the grid is refined and not at all in the
limit.  Which axes percolate is therefore decided by faces, as for finite volumes; the others are not to be solved for.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..spectral.transform import SlabTransform
from . import element_kernels as kernels
from .phases import check_conductivities

# Blocks of planes for each thread: some slack for threads that run at unequal speed.
_BLOCKS_PER_THREAD = 4
# An eigenvalue below this part of the largest one is 0 but for rounding in a rotated tensor.
_ROUNDING = 1e-12


class ElementSystem:
    """A u = b for trilinear elements, integrated exactly; u periodic, at the corners of the voxels.

    A `System`; ``potential[i, j, k]`` belongs to the corner of voxel
    (i, j, k) with the lowest coordinates.  The preconditioner is the inverse of the elements of a uniform medium, by FFT:
    element by element the energies compare as the conductivities do, so the spectrum of P A lies between the extreme
    eigenvalues of these, and at 0.  Besides the labels and the transform's buffers 32 bytes a voxel.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.
    sigma : ndarray (num_labels,), (num_labels, 3) or (num_labels, 3, 3)
        Conductivity of each label: a number, three along the axes, or a symmetric tensor; the unit carries over.
    transform : SlabTransform
        Single precision is enough: the recurrences stay in double.
    mirrored : tuple of 3 bool
        Axes along which the second half of the cell is the mirror image of the first.  It has mirrored tensors: elements
        with one index along that axis the other way round.

    Raises
    ------
    InputError
        If a conductivity is not allowed, or the cell is not periodic.
    """

    def __init__(self, labels: np.ndarray, sigma, transform: SlabTransform, mirrored=(False, False, False)):
        if not transform.periodic:
            raise InputError("the element discretisation knows periodic cells only, not plane electrodes")
        self.transform = transform
        self.spacing = transform.grid.spacing
        self.labels = labels
        self.tensors = conductivity_tensors(sigma)
        eigenvalues = np.linalg.eigvalsh(self.tensors)
        conducting = eigenvalues[eigenvalues > _ROUNDING * eigenvalues.max()]
        self.spectrum_start = conducting.min() if conducting.size else 1.0
        self._table = _element_table(self.tensors, self.spacing)
        self._full = bool(np.any(self._table[:, 3:]))
        self._signs = _signs(transform, mirrored)
        n0, n1, n2 = transform.local_shape
        self.potential = np.zeros(transform.local_shape)
        self.residual = np.empty(transform.local_shape)
        self._direction = np.zeros((n0 + 2, n1, n2))
        self._product = np.empty(transform.local_shape)
        self._stiffness = transform.difference_symbols()
        self._mass = tuple(1 - k * h**2 / 6 for k, h in zip(self._stiffness, self.spacing))
        num_blocks = min(n0, _BLOCKS_PER_THREAD * transform.threads)
        self._block_starts = np.linspace(0, n0, num_blocks + 1).astype(np.int64)
        self._scratch = np.empty((num_blocks, 11, n2 + 1))
        self._plane_sums = np.empty(n0)
        self._spectral_sums = np.empty(transform.spectral_shape[0])

    def start(self, axis: int, guess: np.ndarray | None = None) -> float:
        """Collective: set b for a unit field along ``axis``, u = ``guess`` or 0, r = b - A u; the energy of u."""
        self.potential[...] = 0.0 if guess is None else guess
        flux = self.mean_flux(axis)[axis]
        self._apply(np.eye(3)[axis])
        np.negative(self._product, out=self.residual)
        self.resume()
        return float(flux - self.mean_work())

    def resume(self) -> None:
        """Make ready for a solve that goes on from the u and r of now."""
        self.transform.real[...] = self.residual
        self._direction[...] = 0.0

    def precondition(self) -> float:
        """Collective: z = P r in ``transform.real``; r . z divided by the number of voxels."""
        transform = self.transform
        n = transform.grid.num_voxels
        transform.forward()
        kernels.apply_green(transform.spectral, self._stiffness, self._mass, 1 / n, transform.weights,
                            self._spectral_sums)
        # By Parseval r . z = sum |r_k|^2 / symbol_k / n, before the backward transform and in double.
        r_z = self._mean(self._spectral_sums.sum()) / n
        transform.backward()
        return r_z

    def advance_direction(self, beta: float) -> float:
        """Collective: p = z + beta p; p . A p divided by the number of voxels."""
        kernels.advance(self._direction, self.transform.real, beta)
        self.transform.ghosts.fill(self._direction)
        self._apply(np.zeros(3))
        return self._mean(self._plane_sums.sum())

    def update(self, alpha: float) -> None:
        """u += alpha p, r -= alpha A p; r also into ``transform.real``."""
        kernels.update(self._direction, self._product, alpha, self.potential, self.residual, self.transform.real)

    def mean_flux(self, axis: int) -> np.ndarray:
        """Collective: <J> for the present potential and a unit field along ``axis``; a solve after it needs a start."""
        self._take_potential()
        sums = np.empty((self.potential.shape[0], 3))
        kernels.mean_currents(self._direction, self.labels, self.tensors, *self._signs, self.spacing, axis, sums)
        return self._mean(sums.sum(axis=0))

    def mean_work(self) -> float:
        """Collective: see `System`."""
        return self.mean_product(self.potential, self.residual)

    def current_density(self, axis: int, dtype=np.float32) -> np.ndarray:
        """Collective: mean J of each voxel, local (n0, n1, n2, 3), for a unit field along ``axis``; likewise."""
        self._take_potential()
        out = np.empty(self.potential.shape + (3,), dtype=dtype)
        kernels.current_density(self._direction, self.labels, self.tensors, *self._signs, self.spacing, axis, out)
        return out

    def phase_currents(self, axis: int) -> None:
        """See `System`: voxels are whole."""
        return None

    def voxel_potential(self) -> np.ndarray:
        """Collective: u at the centres of the voxels, the mean of their corners, local (n0, n1, n2); likewise."""
        self._take_potential()
        total = self._direction[1:-1] + self._direction[2:]
        for axis in (1, 2):
            total += np.roll(total, -1, axis)
        return total / 8

    def mean_product(self, a: np.ndarray, b: np.ndarray) -> float:
        """Collective: <a b> over the nodes, plane by plane."""
        return self._mean(sum(float(np.vdot(x, y)) for x, y in zip(a, b)))

    def _apply(self, field: np.ndarray) -> None:
        """``_product`` = A (p - field . r); the sums of its products with p over planes.  Needs the ghost planes of p."""
        # As a Hadamard transform of corners a field along x is 4 h in H_x.
        kernels.apply(self._direction, self.labels, self._table, self._full, *self._signs, -4 * field * self.spacing,
                      self._block_starts, self._scratch, self._product, self._plane_sums)

    def _take_potential(self) -> None:
        self._direction[1:-1] = self.potential
        self.transform.ghosts.fill(self._direction)

    def _mean(self, local):
        total = self.transform.reducer.sum(local) / self.transform.grid.num_voxels
        return total if np.ndim(local) else float(total[0])


def _signs(transform: SlabTransform, mirrored) -> list[np.ndarray]:
    """1 and, in the mirrored half of an axis, -1 for each plane of voxels: ghosted along x, all along y and z."""
    first, planes = transform.first_plane, transform.local_shape[0]
    signs = []
    for axis, (length, is_mirrored) in enumerate(zip(transform.grid.shape, mirrored)):
        index = np.arange(first - 1, first + planes + 1) % length if axis == 0 else np.arange(length)
        signs.append(np.where(is_mirrored & (index >= length // 2), -1.0, 1.0))
    return signs


def conductivity_tensors(sigma) -> np.ndarray:
    """Conductivities in any shape that is allowed as symmetric tensors, (num_labels, 3, 3).

    Raises
    ------
    InputError
        If one is not finite, not symmetric or negative along some direction.
    """
    sigma = np.asarray(sigma, dtype=float)
    check_conductivities(sigma)
    if sigma.ndim == 3:
        return (sigma + sigma.transpose(0, 2, 1)) / 2
    return sigma.reshape(len(sigma), -1, 1) * np.eye(3)


def _element_table(tensors: np.ndarray, spacing) -> np.ndarray:
    """xx, yy, zz, yz, xz, xy of each label, element ab over 16 h_a h_b."""
    scaled = tensors / (16 * np.multiply.outer(spacing, spacing))
    return np.stack([scaled[:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))], axis=1)
