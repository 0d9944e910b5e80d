"""Finite volumes at a frequency: complex admittivities of faces, of voxels and of boundaries that resist and store charge.

Each label has y = sigma + i omega eps_0 eps_r, each boundary 1 / R + i omega C per area, in series with the half voxels on
its sides.  div [y (E - grad u)] = 0 for a unit field E, and y_eff = <y (E - grad u)>, which is stationary in u: its error is
r . A^-1 r, without conjugation, for the residual r.
"""

from __future__ import annotations

import numpy as np

from ..aligned import aligned_empty, aligned_zeros
from ..errors import InputError
from ..grid import AXES
from ..morphology.interface_normals import face_norms
from ..pairs import PairValues
from ..spectral.transform import SlabTransform
from . import admittance_kernels as kernels

_HALF = 0.5  # the share of a sum over faces that those at an electrode have


class AdmittanceSystem:
    """A u = b with A u = -div(y grad u), b that of a unit field, and u complex.  Collective but where it is said.

    Real and imaginary parts lie in arrays of their own: ``[0]`` and ``[1]``.  Direction and faces have the precision of the
    transform, potential and residual are double.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        With ghost planes.
    transform : SlabTransform or CosineSlabTransform
        Of the latter the first axis lies between plane electrodes, as for `FiniteVolumes`.
    resistance, capacitance : PairValues
        Of boundaries, per area: R in spacing / sigma, C so that omega C is sigma / spacing.  A capacitance without a
        resistance has no meaning.
    interface_normals : {'smoothed', 'faces'}
        As for :class:`pfsolid.conduction.finite_volumes.ConductionSystem`.
    plate_resistance, contacts
        Likewise.

    Attributes
    ----------
    potential, residual : ndarray of float64, local (2, n0, n1, n2)
        u and r = b - A u.
    direction : ndarray, local (2, n0 + 2, n1, n2)
        p, with ghost planes.
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    start_value : complex
        <y> of the faces along the field: y_eff of u = 0.
    """

    def __init__(self, labels: np.ndarray, transform: SlabTransform, resistance: PairValues, capacitance: PairValues,
                 interface_normals: str = "smoothed", plate_resistance=(0.0, 0.0), contacts=(None, None)):
        self.labels, self.transform, self.spacing = labels, transform, transform.grid.spacing
        self._resistance, self._capacitance = resistance, capacitance
        self._plate_resistance, self._contacts = plate_resistance, contacts
        self._inverse_h2 = tuple(1 / h**2 for h in self.spacing)
        n0, n1, n2 = transform.local_shape
        real = transform.real.dtype
        self.faces = aligned_empty((2, 3, n0 + 1, n1, n2), real)
        self.potential, self.residual = aligned_zeros((2, n0, n1, n2)), aligned_zeros((2, n0, n1, n2))
        self.direction = aligned_zeros((2, n0 + 2, n1, n2), real)
        self._norms = np.empty((0, 0, 0, 0), np.float32)
        if not resistance.is_zero:
            self._norms = face_norms(labels, self.spacing, transform.ghosts, transform.periodic, pairs=resistance)
            if interface_normals == "faces":
                self._norms[self._norms > 0] = 1.0
        self._axis, self.start_value = 0, 0j

    def at(self, y: np.ndarray, omega: float) -> None:
        """Set the faces.

        Parameters
        ----------
        y : ndarray of complex (num_labels, 3)
            Of each label along x, y, z.
        omega : float
            What capacitances are multiplied with.
        """
        transform = self.transform
        kernels.faces_of_admittivities(self.labels, y, self._resistance.table, self._capacitance.table, omega,
                                       tuple(1 / h for h in self.spacing), transform.periodic, self._norms, self.faces)
        for end, share, resists, touched in zip((0, -1), transform.ghosts.end_shares, self._plate_resistance,
                                                self._contacts):
            if share != _HALF:
                continue
            plane = self.faces[0, 0, end] + 1j * self.faces[1, 0, end]
            if resists:
                plane = plane / (1 + 2 * resists / self.spacing[0] * plane)
            if touched is not None:
                plane = plane * touched
            self.faces[0, 0, end], self.faces[1, 0, end] = plane.real, plane.imag

    def boundary_area(self) -> float:
        """Of all boundaries that resist, per volume; 0 where there are none."""
        if not self._norms.size:
            return 0.0
        sums = np.zeros(self.labels.shape[0] - 2)
        for axis, h in enumerate(self.spacing):
            norms = self._norms[axis, 1:]
            areas = np.divide(1.0, norms, out=np.zeros(norms.shape), where=norms > 0)
            sums += areas.sum(axis=(1, 2)) / h
        return float(self.transform.reducer.concatenate(sums).sum() / self.transform.grid.num_voxels)

    def start(self, axis: int) -> complex:
        """Set b for a unit field along ``axis``, u = 0 and r = b; the value of u = 0, the mean of the admittivities.

        Raises
        ------
        InputError
            If a field is not along x between electrodes.
        """
        if axis != 0 and not self.transform.periodic:
            raise InputError(f"a field along {AXES[axis]} between plane electrodes: they stand at the ends of the x axis")
        kernels.right_hand_side(self.faces, self.spacing[axis], axis, self.residual)
        self.potential[...] = 0.0
        self._axis = axis
        ahead = self.faces[:, axis, 1:].sum(axis=(2, 3), dtype=np.float64)
        if axis == 0:
            behind = self.faces[:, 0, :-1].sum(axis=(2, 3), dtype=np.float64)
            ahead = 0.5 * (ahead + behind)
        self.start_value = self._mean(ahead.T)
        return self.start_value

    def value(self) -> complex:
        """y_eff of the present u: <(E - grad u) y (E - grad u)> = <y> - b . u - r . u, in error by r . A^-1 r."""
        sums = np.empty((self.potential.shape[1], 2))
        kernels.work(self.faces, self.potential, self.spacing[self._axis], self._axis, sums)
        return self.start_value - self._mean(sums) - self.dot(self.potential, self.residual)

    def advance(self, real: np.ndarray, imaginary: np.ndarray, beta: complex) -> complex:
        """p = z + beta p with z = real + i imaginary; p . A p.

        Parameters
        ----------
        real, imaginary : ndarray, local (n0, n1, n2)
        beta : complex

        Returns
        -------
        complex
            A mean over the voxels.
        """
        kernels.advance(self.direction, real, imaginary, complex(beta))
        self.fill_ghosts(self.direction)
        return self.product(self.direction, self.direction)

    def fill_ghosts(self, field: np.ndarray) -> None:
        """Of a field with ghost planes, local (2, n0 + 2, n1, n2)."""
        for part in field:
            self.transform.ghosts.fill(part, odd=True)

    def product(self, p: np.ndarray, q: np.ndarray) -> complex:
        """p . A q.

        Parameters
        ----------
        p, q : ndarray, local (2, n0 + 2, n1, n2)
            With ghost planes that are filled.

        Returns
        -------
        complex
            A mean over the voxels.
        """
        sums = np.empty((p.shape[1] - 2, 2))
        kernels.energy(p, q, self.faces, self._inverse_h2, self.transform.ghosts.end_shares, sums)
        return self._mean(sums)

    def update(self, alpha: complex) -> None:
        """u += alpha p, r -= alpha A p.  Not collective."""
        kernels.update(self.direction, complex(alpha), self.faces, self._inverse_h2, self.potential, self.residual)

    def dot(self, a: np.ndarray, b: np.ndarray) -> complex:
        """a . b.

        Parameters
        ----------
        a, b : ndarray, local (2, n0, n1, n2)

        Returns
        -------
        complex
            A mean over the voxels.
        """
        sums = np.empty((a.shape[1], 2))
        kernels.dot(a, b, sums)
        return self._mean(sums)

    def modulus(self) -> np.ndarray:
        """|y| of the faces, local (3, n0 + 1, n1, n2).  Not collective."""
        out = aligned_empty(self.faces.shape[1:], self.faces.dtype)
        kernels.modulus(self.faces, out)
        return out

    def current_magnitude(self) -> np.ndarray:
        """|J| in the centres of the voxels for the present potential and field, local (n0, n1, n2)."""
        edges = np.empty((2, 4, *self.potential.shape[2:]))
        for part, of_part in zip(edges, self.potential):
            part[1], part[2] = of_part[0], of_part[-1]
            self.transform.ghosts.fill(part, odd=True)
        out = np.empty(self.potential.shape[1:], np.float32)
        kernels.current_magnitude(self.potential, edges, self.faces, self.spacing, self._axis, out)
        return out

    def _mean(self, planes: np.ndarray) -> complex:
        """Of sums of planes, (n0, 2), added in the order of all planes: the same bits on any number of ranks."""
        total = self.transform.reducer.concatenate(planes).sum(axis=0) / self.transform.grid.num_voxels
        return complex(total[0], total[1])
