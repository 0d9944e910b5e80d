"""The finite-volume conduction operator with its FFT preconditioner, in the fused form conjugate gradients want."""

from __future__ import annotations

import numpy as np

from ..aligned import aligned_empty, aligned_zeros
from ..errors import InputError
from ..grid import AXES
from ..labels import count_labels
from ..morphology.interface_normals import face_norms
from ..pairs import PairValues
from ..spectral.transform import SlabTransform
from . import current_kernels, dissipation_kernels, interface_kernels, kernels, label_kernels
from .dissipation import Dissipation, dissipation_of, rows_of_rules
from .phases import check_resistances, diagonal_conductivities

# Blocks of planes or rows for each thread: some slack for threads that run at unequal speed.
_BLOCKS_PER_THREAD = 4
# So few that 100 000 labels take little in each.
_BLOCKS_OF_AREAS = 16
# The share of a sum over faces that those at an electrode have.
_HALF = 0.5


class FiniteVolumes:
    """7-point finite volumes, u at the voxels' centres, with a conductivity for each face; a `System`.

    The transform decides between a periodic cell and one between plane electrodes with insulating sides.  For the latter
    u is fixed on the outer faces of the first and last voxels along x, half a voxel from their centres, as in a periodic
    cell of eight mirror images; only a field along x can be applied.

    The preconditioner is the inverse of the discrete Laplacian: sum_i (2 - 2 cos k_i h_i) / h_i^2 by FFT in the periodic
    cell.

    Parameters
    ----------
    faces : ndarray of float32 or float64, local (3, n0 + 1, n1, n2)
        ``faces[a, i + 1, j, k]``: conductivity between the centres of voxel (i, j, k) and the next one along axis a.
        Plane 0 of axis 0 holds the faces towards the slab before; that of the others is not used.  Between electrodes
        those at the ends of x are the conductivity of half a voxel, and the last along y and z are 0.
    transform : SlabTransform or CosineSlabTransform
        Single precision is enough: what is done in it, the preconditioner and the direction of the search, bears on the
        way to the solution only.
    spectrum_start : float
        Rough lower end of the spectrum of the preconditioned operator: the smallest conductivity above 0.

    Raises
    ------
    InputError
        In `start`, if a field is not along x between electrodes.
    """

    def __init__(self, faces: np.ndarray, transform: SlabTransform, spectrum_start: float):
        self.faces = faces
        self.transform = transform
        self.spacing = transform.grid.spacing
        self.spectrum_start = spectrum_start
        self._inverse_h2 = tuple(1 / h**2 for h in self.spacing)
        self._reordered = not transform.periodic
        self._is_placed = False  # whether `transform.real` holds r, which a solver without transforms has no use for
        n0, n1, n2 = transform.local_shape
        self._direction = np.zeros((n0 + 2, n1, n2), dtype=transform.real.dtype)
        self.potential = aligned_zeros(transform.local_shape)
        self._residual = np.empty(0)
        self._field_axis = 0
        self._axis = None  # whose right-hand side the residual is and nobody has asked for yet
        self._is_used = False  # whether `potential` may hold what a solver has left
        self.starts_from_zero = True  # whether the field began, and still is, at u = 0
        self._apply_green = _make_green(transform)
        self._block_starts = _blocks(n0, transform)
        self._face_sums = np.zeros((n0 + 1, 2))

    def start(self, axis: int, guess: np.ndarray | None = None) -> float:
        """Collective: set b for a unit field along ``axis``, u = ``guess`` or 0, r = b - A u; the energy of u.

        That of u = 0 is the arithmetic mean of the conductances.
        """
        transform = self.transform
        if axis != 0 and not transform.periodic:
            raise InputError(f"a field along {AXES[axis]} between plane electrodes: they stand at the ends of the x axis; "
                             f"permute the axes of the image")
        plane_sums = np.empty(self.potential.shape[0])
        kernels.sum_faces(self.faces, axis, plane_sums)
        energy = self._mean(plane_sums.sum())
        self._field_axis = self._axis = axis
        if self._is_used:
            self.potential[...] = 0.0
        self._is_used = True
        self.starts_from_zero = guess is None
        self._is_placed = False
        if guess is None:
            return energy
        self._direction[1:-1] = guess
        transform.ghosts.fill(self._direction, odd=True)
        energy -= self.mean_product(self._direction[1:-1], self.residual)
        self.update(1.0)
        return energy - self.mean_product(self.potential, self.residual)

    @property
    def residual(self) -> np.ndarray:
        """r, local (n0, n1, n2), in double unless a solver had `residual_as` in single precision."""
        return self.residual_as(self._residual.dtype if self._axis is None else np.float64)

    def residual_as(self, dtype) -> np.ndarray:
        """r in a precision, in which it is kept from now on."""
        if self._residual.dtype != dtype or not self._residual.size:
            before, self._residual = self._residual, aligned_empty(self.transform.local_shape, dtype)
            if self._axis is None and before.size:
                self._residual[...] = before
        if self._axis is not None:
            kernels.right_hand_side(self.faces, self.spacing[self._axis], self._axis, self._residual)
            self._axis = None
        return self._residual

    def refresh_residual(self) -> None:
        """Collective: u rounded to the precision of the faces, and r anew from it in double."""
        self.start(self._field_axis, self.potential.astype(self._direction.dtype))

    def resume(self) -> None:
        """Make ready for a solve that goes on from the u and r of now."""
        self._is_placed = False

    def precondition(self) -> float:
        """Collective: z = P r in ``transform.real``; r . z divided by the number of voxels."""
        if not self._is_placed:
            kernels.place(self.residual, self._reordered, self.transform.real)
        self._is_placed = False
        self.transform.forward()
        # By Parseval, before the backward transform and in double.
        r_z = self._mean(self._apply_green())
        self.transform.backward()
        return r_z

    def advance_direction(self, beta: float) -> float:
        """Collective: p = z + beta p; p . A p divided by the number of voxels."""
        ghosts = self.transform.ghosts
        kernels.advance_direction(self._direction, self.transform.real, self._direction.dtype.type(beta), self._reordered,
                                  self.faces, self._inverse_h2, self._block_starts, self._face_sums)
        ghosts.fill(self._direction, odd=True)
        kernels.faces_between_blocks(self._direction, self.faces, self._inverse_h2, self._block_starts,
                                     ghosts.end_shares, self._face_sums)
        return self._mean(self._face_sums.sum())

    def update(self, alpha: float) -> None:
        """u += alpha p, r -= alpha A p; r also into ``transform.real``."""
        self.starts_from_zero = False
        kernels.update(self._direction, alpha, self.faces, self._inverse_h2, self.potential, self.residual,
                       self._reordered, self.transform.real)
        self._is_placed = True

    @property
    def evaluates_anew(self) -> bool:
        """Whether `mean_flux` computes r from u.

        Else r is that of the solver, and a drift of it, as single precision brings, makes the tensor wrong in first order:
        by 7e-6 between grains that resist a hundred times what they do inside.
        """
        return False

    def mean_flux(self, axis: int) -> np.ndarray:
        """Collective: <J> for the present potential and a unit field along ``axis``."""
        sums = np.empty((self.potential.shape[0], 3))
        kernels.mean_fluxes(self.potential, self._edges(), self.faces, self.spacing, axis, sums)
        return self._mean(sums.sum(axis=0))

    def mean_work(self) -> float:
        """Collective: see `System`."""
        return self.mean_product(self.potential, self.residual)

    def current_density(self, axis: int, dtype=np.float32) -> np.ndarray:
        """Collective: cell-centred J, local (n0, n1, n2, 3), for a unit field along ``axis``."""
        out = np.empty(self.potential.shape + (3,), dtype=dtype)
        kernels.current_density(self.potential, self._edges(), self.faces, self.spacing, axis, out)
        return out

    def phase_currents(self, axis: int) -> np.ndarray | None:
        """Collective: see `System`."""
        return None

    def dissipation(self, axis: int, groups: np.ndarray | None = None) -> Dissipation | None:
        """Collective: see `ConductionSystem`; None where faces do not follow from labels."""
        return None

    def voxel_potential(self) -> np.ndarray:
        """Collective: u at the centres of the voxels, local (n0, n1, n2), where finite volumes have it.

        In a periodic cell its mean is 0: the constant that it is known but for is a solver's own affair.
        """
        if not self.transform.periodic:
            return self.potential
        return self.potential - self._mean(float(self.potential.sum()))

    def flux_jumps(self, axis: int) -> float:
        """Collective: <sum_i (J_i+ - J_i-)^2 / 6 sigma_i>, what an estimate of the grid's error is made from.

        For the present potential and a unit field along ``axis``; J_i- and J_i+ pass the two faces of a voxel along axis i.
        Fluxes that run linearly between opposite faces conserve the current.  Their dissipation is h^3 sum_i (J_i-^2 +
        J_i- J_i+ + J_i+^2) / 3 sigma_i in a voxel, while the scheme counts (J_i-^2 + J_i+^2) / 2 sigma_i: the difference is
        what its dissipation at a given current is too high by, at least (Thomson's principle).  How many times it the whole
        error is was measured (docs/conduction.md).  Only faces carry a flux, so it does not matter what touches by edges or
        corners.  In the unit of sigma; exactly 0 in layers across or along an axis.
        """
        sums = np.empty(self.potential.shape[0])
        self._sum_jumps(axis, sums)
        return self._mean(sums.sum())

    def _sum_jumps(self, axis: int, sums: np.ndarray) -> None:
        """Here sigma_i is the mean of the two faces."""
        current_kernels.flux_jumps_of_faces(self.potential, self._edges(), self.faces, self.spacing, axis, sums)

    def mean_product(self, a: np.ndarray, b: np.ndarray) -> float:
        """Collective: <a b> over the voxels, plane by plane."""
        return self._mean(sum(float(np.vdot(x, y)) for x, y in zip(a, b)))

    def _edges(self) -> np.ndarray:
        """The potential around the ends of the slab: before it, its first and last plane, after it."""
        edges = np.empty((4, *self.potential.shape[1:]))
        edges[1], edges[2] = self.potential[0], self.potential[-1]
        self.transform.ghosts.fill(edges, odd=True)
        return edges

    def _mean(self, local):
        total = self.transform.reducer.sum(local) / self.transform.grid.num_voxels
        return total if np.ndim(local) else float(total[0])


class ConductionSystem(FiniteVolumes):
    """Finite volumes on labelled voxels: the conductivity of a face is the harmonic mean of its two voxels.

    In series with a resistance R between the centres of two voxels h apart it is 1 / [1 / 2 s_a + 1 / 2 s_b + R / h]:
    exactly 0 where either side insulates.  Looked up for each label and each pair that resists, in no table of all pairs.

    An interface that resists is a staircase of faces with |n|_1 = |n_x| + |n_y| + |n_z| times its area, so each face gets R
    |n|_1 (:mod:`pfsolid.morphology.interface_normals`).  Across layers this is exact at 45 degrees and 0.5 % off at most at
    others.  Along an oblique layer the current zigzags through faces that resist: first order in voxels a layer,
    sigma w / (w + 1) at 45 degrees for R = d / sigma and w voxels along an axis.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        With ghost planes.
    sigma : ndarray (num_labels,), (num_labels, 3) or diagonal (num_labels, 3, 3)
        Conductivity of each label; the unit carries over to the result.
    transform : SlabTransform or CosineSlabTransform
        Also decides the precision in which the conductivities of the faces are kept.
    interface_resistance : dict or PairValues, optional
        {(a, b): R}, area-specific resistance between two labels, in units of spacing / sigma; infinity blocks.
    interface_normals : {'smoothed', 'faces'}
        Where n is from: the smoothed labels, or the faces themselves, |n|_1 = 1, which is right for boxes only.
    plate_resistance : (float, float)
        Area-specific resistance between each electrode and the image, at the low and the high end of x.
    contacts : (ndarray (n1, n2) or None, likewise)
        Global: share of each face at the low and the high end of x that its electrode touches; what is free insulates.
        None: all of it.

    Attributes
    ----------
    interface_area : ndarray (num_labels,) or None
        Global, of each label's interfaces that resist; None where there are none, or their faces are taken as they are.
    rules : list of str
        Of resistances, those that count together under one name.
    areas_of_rules : ndarray (num_rules, 3)
        Global: area of the interfaces with a finite resistance above 0, and the integrals of the resistance and of |n|_1^2.

    Raises
    ------
    InputError
        If a conductivity or a resistance is not allowed.
    """

    def __init__(self, labels: np.ndarray, sigma, transform: SlabTransform, interface_resistance=None,
                 interface_normals: str = "smoothed", plate_resistance=(0.0, 0.0), contacts=(None, None)):
        self.labels = labels
        self._sigma = diagonal_conductivities(sigma)
        self._by_axis = np.ascontiguousarray(self._sigma.T)
        if (self._by_axis == self._by_axis[0]).all():
            self._by_axis = self._by_axis[:1]
        resistance = check_resistances(interface_resistance, len(self._sigma))
        n0, n1, n2 = transform.local_shape
        faces = aligned_empty((3, n0 + 1, n1, n2), transform.real.dtype)
        self.interface_area = None
        self._resistance, self._in_contact_everywhere = resistance, not any(one is not None for one in contacts)
        self._kind_rows, self.rules = rows_of_rules(resistance)
        self.areas_of_rules = np.zeros((len(self.rules), 3))
        touched = [one for one in contacts if one is not None]
        self._follows_from_labels = resistance.is_zero and not any(plate_resistance) and not touched
        if resistance.is_zero:
            label_kernels.faces_of_labels(labels, self._by_axis, transform.periodic, _blocks(n0 + 1, transform), faces)
        else:
            self._put_in_series(resistance, interface_normals, transform, faces)
        if any(plate_resistance):
            _put_on_plates(plate_resistance, transform, faces)
        if touched:
            _leave_free(contacts, transform, faces)
        positive = self._sigma[self._sigma > 0]
        lowest = positive.min() if positive.size else 1.0
        if not self._follows_from_labels:
            lowest = lowest_of(faces, transform.reducer)
        # A potential that is raised as a whole is held by the contacts alone.
        super().__init__(faces, transform, lowest * min((one.mean() for one in touched), default=1.0))

    def _put_in_series(self, resistance: PairValues, interface_normals: str, transform: SlabTransform,
                       faces: np.ndarray) -> None:
        """Faces with R |n|_1 / h more; |n|_1 is found in their place, but for those that block."""
        spacing, oblique = transform.grid.spacing, resistance.only(np.isfinite)
        blocks = np.linspace(0, faces.shape[1] - 1, min(_BLOCKS_OF_AREAS, faces.shape[1] - 1) + 1).astype(np.int64)
        if interface_normals == "faces" or oblique.is_zero:
            faces[...] = 1.0
        else:
            face_norms(self.labels, spacing, transform.ghosts, transform.periodic, pairs=oblique, out=faces)
            areas = np.zeros((blocks.size - 1, len(self._sigma)))
            interface_kernels.sum_interfaces(self.labels, faces, np.prod(spacing) / np.array(spacing), blocks, areas)
            self.interface_area = transform.reducer.sum(areas.sum(axis=0))
        by_rule = np.zeros((blocks.size - 1, *self.areas_of_rules.shape))
        dissipation_kernels.areas_of_rules(self.labels, (self._sigma > 0).any(axis=1), faces, resistance.table,
                                           self._kind_rows, transform.periodic, np.prod(spacing) / np.array(spacing),
                                           blocks, by_rule)
        self.areas_of_rules = transform.reducer.sum(by_rule.sum(axis=0).ravel()).reshape(self.areas_of_rules.shape)
        interface_kernels.put_in_series(self.labels, self._sigma, resistance.table, tuple(1 / h for h in spacing),
                                        transform.periodic, faces)

    @property
    def evaluates_anew(self) -> bool:
        """Where faces follow from labels."""
        return self._follows_from_labels

    def mean_flux(self, axis: int) -> np.ndarray:
        """Collective: <J> for the present potential and a unit field along ``axis``; r anew, free of all rounding so far.

        The conductivities are those of the labels, in double.  That of the faces may be single: this makes u wrong by
        6e-8 at the most, and a tensor evaluated from u, <J> and r by the square of it.  Faces that do not follow from the
        labels count as they are: 6e-8 at the most, where the tolerance is above 1e-7.
        """
        if not self._follows_from_labels:
            return super().mean_flux(axis)
        sums = np.empty((self.potential.shape[0], 4))
        label_kernels.residual_of_labels(self.potential, self._edges(), self.labels, self._by_axis, self.transform.periodic,
                                         self.spacing, axis, self._block_starts, self.residual, sums)
        *flux, self._work = self._mean(sums.sum(axis=0))
        return np.array(flux)

    def mean_work(self) -> float:
        """See `System`."""
        return float(self._work) if self._follows_from_labels else super().mean_work()

    def dissipation(self, axis: int, groups: np.ndarray | None = None) -> Dissipation | None:
        """Collective: shares of power and voltage of phases, interfaces and plates.

        None where an electrode touches a part only: its faces are no series.

        Parameters
        ----------
        axis : int
            Of the field.
        groups : ndarray of int (num_labels,), optional
            For each label the one it counts with.

        Returns
        -------
        Dissipation or None
        """
        if not self._in_contact_everywhere:
            return None
        present = np.flatnonzero(count_labels(self.labels[1:-1], self.transform.reducer))
        heads, inverse = np.unique(present if groups is None else groups[present], return_inverse=True)
        rows = np.zeros(len(self._sigma), np.int64)
        rows[present] = inverse.reshape(-1)
        half = np.divide(0.5, self._sigma.T, out=np.zeros(self._sigma.T.shape), where=self._sigma.T > 0)
        sums = np.empty((self.potential.shape[0], 2, heads.size + len(self.rules) + 1))
        dissipation_kernels.dissipation(
            self.potential, self._edges(), self.faces, self.labels, half, rows, self._resistance.table,
            heads.size + self._kind_rows, self.transform.ghosts.end_shares, self.spacing, axis, sums)
        total = self.transform.reducer.sum(sums.sum(axis=0).ravel()).reshape(sums.shape[1:])
        return dissipation_of(total, heads.tolist(), self.rules)

    def _sum_jumps(self, axis: int, sums: np.ndarray) -> None:
        """sigma_i is that of the label."""
        sigma = self._sigma.T
        resistivity = np.divide(1, sigma, out=np.zeros(sigma.shape), where=sigma > 0)
        current_kernels.flux_jumps_of_labels(self.potential, self._edges(), self.faces, self.labels[1:-1], resistivity,
                                             self.spacing, axis, sums)


def lowest_of(faces: np.ndarray, reducer) -> float:
    """Collective: the smallest conductivity above 0; 1 if there is none."""
    # Plane 0 of the other axes is not used and may hold anything.
    used = faces[0], faces[1, 1:], faces[2, 1:]
    low = reducer.min(min(float(np.min(one, where=one > 0, initial=np.inf)) for one in used))
    return low if np.isfinite(low) else 1.0


def _put_on_plates(resistance, transform: SlabTransform, faces: np.ndarray) -> None:
    """1 / (1 / s + 2 R / h): a face to an electrode has half a voxel before it, counted whole to its mirror image."""
    if transform.periodic:
        raise InputError("a resistance of plates is for plane electrodes, and a periodic cell has none")
    for end, share, value in zip((0, -1), transform.ghosts.end_shares, resistance):
        if not value >= 0:
            raise InputError(f"plate resistances {tuple(resistance)}: they must not be negative")
        if share == _HALF:
            plane = faces[0, end].astype(float)
            faces[0, end] = 0.0 if np.isinf(value) else plane / (1 + 2 * value / transform.grid.spacing[0] * plane)


def _leave_free(contacts, transform: SlabTransform, faces: np.ndarray) -> None:
    """What an electrode does not touch of the outer faces insulates."""
    if transform.periodic:
        raise InputError("contacts are for plane electrodes, and a periodic cell has none")
    for end, share, touched in zip((0, -1), transform.ghosts.end_shares, contacts):
        if share == _HALF and touched is not None:
            faces[0, end] *= touched


def _make_green(transform: SlabTransform):
    """A function that applies the inverse of the discrete Laplacian to the spectrum and returns this rank's r . z."""
    symbols = transform.difference_symbols()
    n0, n1 = transform.spectral_shape[:2]
    if transform.periodic:
        n = transform.grid.num_voxels
        sums = np.empty(n0)

        def apply_green():
            kernels.apply_green(transform.spectral, symbols, 1 / n, transform.holds_mean, transform.weights, sums)
            return sums.sum() / n

        return apply_green
    num_in_plane = transform.grid.shape[1] * transform.grid.shape[2]
    parts = transform.spectral.view(transform.real.dtype)
    block_starts = _blocks(n1, transform)
    scratch = np.empty((block_starts.size - 1, n0 + 1, parts.shape[2]))
    sums = np.empty(n1)

    def solve_columns():
        kernels.solve_columns(parts, symbols, transform.grid.spacing[0], 1 / num_in_plane, transform.weights,
                              block_starts, scratch, sums)
        return sums.sum() / num_in_plane

    return solve_columns


def _blocks(num_planes: int, transform: SlabTransform) -> np.ndarray:
    num_blocks = min(num_planes, _BLOCKS_PER_THREAD * transform.threads)
    return np.linspace(0, num_planes, num_blocks + 1).astype(np.int64)
