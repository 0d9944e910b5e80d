"""Labelled voxels and what they conduct: the one place that knows in which unit a system counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..arrays import Floats, Labels
from ..conduction.effective import ROUNDING, EffectiveConductivity, Solve, SolveMemory, solve_tensor
from ..conduction.elements import ElementSystem
from ..conduction.finite_volumes import ConductionSystem, FiniteVolumes
from ..conduction.krylov import Solver, conjugate_gradients
from ..conduction.phases import check_conductivities, check_resistances, open_faces_of_labels
from ..conduction.system import System
from ..errors import InputError
from ..grid import AXES
from ..labels import count_labels
from ..morphology.clusters import axes_percolating_through_faces, open_faces_of, percolating_axes
from ..pairs import PairValues
from ..spectral.transform import SlabTransform

PerAxisFlag = tuple[bool, bool, bool]


@dataclass(frozen=True)
class Medium:
    """Labelled voxels and what they conduct.

    Attributes
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        With ghost planes.
    sigma_at : callable
        ``sigma_at(temperature or None)``: conductivity of each label (S/m), (num_labels[, 3[, 3]]).
    transform : SlabTransform
        A CosineSlabTransform for plane electrodes, the field along its first axis.
    axis_names : str
        What the axes of the grid are called.
    interface_resistance : PairValues, dict or callable
        {(a, b): R} in spacing / (S/m); or ``resistance(temperature or None)``, a `PairValues` of them.
    interface_normals : {'smoothed', 'faces'}
        By what the faces of an interface that resists are weighted.
    plate_resistance : (float, float)
        Of the electrodes at the low and the high end, in spacing / (S/m).
    contacts : (ndarray (n1, n2) or None, likewise)
        Share of each face at either end, of the whole grid, that its electrode touches; None: all of it.
    make_system : callable, optional
        ``make_system(sigma of each label)`` where the faces do not follow from the labels alone.
    mirrored : tuple of 3 bool
        Axes along which the second half of the cell is the mirror image of the first.
    groups : ndarray of int (num_labels,), optional
        For each label the one it counts with where the current is shared out.
    """

    labels: Labels
    sigma_at: Callable[[float | None], Floats]
    transform: SlabTransform
    axis_names: str = AXES
    interface_resistance: PairValues | Mapping[tuple[int, int], float] | Callable[[float | None], PairValues] = field(
        default_factory=PairValues)
    interface_normals: str = "smoothed"
    plate_resistance: tuple[float, float] = (0.0, 0.0)
    contacts: tuple[Floats | None, Floats | None] = (None, None)
    make_system: Callable[[Floats], FiniteVolumes] | None = None
    mirrored: PerAxisFlag = (False, False, False)
    groups: npt.NDArray[np.int64] | None = None

    @cached_property
    def counts(self) -> Floats:
        """Voxels of each label up to the highest that occurs, over all ranks.  Collective when it is first asked for."""
        return count_labels(self.labels[1:-1], self.transform.reducer)

    def counts_of(self, num_labels: int) -> Floats:
        """The same of so many labels, those that do not occur included.  Likewise."""
        return np.append(self.counts, np.zeros(num_labels))[:num_labels]

    def at(self, temperature: float | None = None) -> Problem:
        """What is to be solved at a temperature (K), its conductivities in units of the largest.  Collective.

        Raises
        ------
        InputError
            If a conductivity or resistance is not allowed, or a label has none.
        """
        sigma = np.asarray(self.sigma_at(temperature), dtype=float)
        check_conductivities(sigma)
        highest = int(np.flatnonzero(self.counts)[-1])
        if highest >= len(sigma):
            raise InputError(f"label {highest} has no conductivity: {len(sigma)} are given, for labels 0 to "
                             f"{len(sigma) - 1}")
        unit = float(np.max(sigma)) or 1.0
        resistance = self.resistance_at(temperature, len(sigma))
        system = self._system(sigma, unit, resistance)
        counts = self.counts_of(len(sigma))
        along = sigma if sigma.ndim < 3 else np.diagonal(sigma, axis1=1, axis2=2)
        mean = np.broadcast_to(counts @ along / counts.sum() / unit, 3)
        real = self.transform.grid.real_axes
        x, y, z = (bool(wraps) and axis in real for axis, wraps in enumerate(self._percolating(system, sigma, resistance)))
        return Problem(sigma, unit, mean, system, (x, y, z))

    def resistance_at(self, temperature: float | None, num_labels: int) -> PairValues:
        """R of pairs of labels at a temperature (K), in spacing / (S/m).

        Parameters
        ----------
        temperature : float or None
        num_labels : int
            With a conductivity.

        Returns
        -------
        PairValues

        Raises
        ------
        InputError
            If one is not allowed, or its law does not hold there.
        """
        given = self.interface_resistance
        return check_resistances(given(temperature) if callable(given) else given, num_labels)

    def _system(self, sigma: Floats, unit: float, resistance: PairValues) -> System:
        """Elements where a tensor is full, else volumes, with conductivities counted in a unit."""
        if self.make_system is not None:
            return self.make_system(sigma / unit)
        if is_full(sigma):
            if not resistance.is_zero or any(self.plate_resistance):
                raise InputError("resistances of interfaces or plates do not go with full conductivity tensors: give "
                                 "numbers or three numbers along the axes")
            return ElementSystem(self.labels, sigma / unit, self.transform, self.mirrored)
        plates = tuple(value * unit for value in self.plate_resistance)
        return ConductionSystem(self.labels, sigma / unit, self.transform, resistance.scaled(unit), self.interface_normals,
                                plates, self.contacts)

    def _percolating(self, system: System, sigma: Floats, resistance: PairValues) -> PerAxisFlag:
        """Axes along which current can wrap the cell through faces that conduct, or join the electrodes.  Collective."""
        if isinstance(system, FiniteVolumes) and self.make_system is not None:
            # Faces cut inside the voxels can pass a wall that is thinner than a voxel: its voxels' centres tell.
            transform, conducting = self.transform, (sigma > 0)[self.labels[1:-1]]
            by_voxels = percolating_axes(conducting, transform.reducer, transform.ghosts)
            by_faces = axes_percolating_through_faces(open_faces_of(system.faces), transform.reducer, transform.ghosts)
            x, y, z = (voxels and faces for voxels, faces in zip(by_voxels, by_faces))
            return x, y, z
        return self.percolating_by_faces(sigma, resistance)

    def percolating_by_faces(self, sigma: Floats, resistance: PairValues) -> PerAxisFlag:
        """Axes along which open faces between voxels lead through the cell, or from plate to plate.  Collective.

        Parameters
        ----------
        sigma : ndarray (num_labels[, 3[, 3]])
        resistance : PairValues

        Returns
        -------
        tuple of 3 bool
        """
        transform = self.transform
        if np.isinf(self.plate_resistance).any():
            return False, False, False
        # Elements also conduct through edges and corners, ever less on finer grids: not counted.
        along = np.diagonal(sigma, axis1=1, axis2=2) if sigma.ndim == 3 else sigma
        open_faces = open_faces_of_labels(self.labels, along, resistance, transform.periodic)
        for plane, share, touched in zip((0, -1), transform.ghosts.end_shares, self.contacts):
            if touched is not None and share == 0.5:  # the end is this rank's; of a face along x the bit is 1
                open_faces[plane][touched == 0] &= 0xFE
        return axes_percolating_through_faces(open_faces, transform.reducer, transform.ghosts, transform.periodic)


@dataclass(frozen=True)
class Problem:
    """A medium at one temperature, ready to be solved.

    Attributes
    ----------
    sigma : ndarray (num_labels[, 3[, 3]])
        S/m.
    unit : float
        S/m, in which the system counts conductivities.
    mean : ndarray (3,)
        Conductivity along each axis, the mean over the voxels, in that unit.
    system : System
    percolating : tuple of 3 bool
        Of axes of more than one voxel.
    """

    sigma: Floats
    unit: float
    mean: Floats
    system: System
    percolating: PerAxisFlag

    def solve(self, axes: Sequence[int] = (0, 1, 2), rtol: float = 1e-4, max_iterations: int = 5000,
              solver: Solver = conjugate_gradients, *, guesses: Mapping[int, Floats] | None = None,
              on_iteration: Callable[[int, int, float, float], object] | None = None,
              on_solved: Callable[[int, System], object] | None = None,
              settle: Callable[[int, Solve], object] | None = None,
              memory: SolveMemory | None = None) -> EffectiveConductivity:
        """The tensor in S/m; exactly 0 along axes that nothing percolates along.  Collective.

        Parameters
        ----------
        axes : sequence of int
            To solve for where something percolates along them.
        rtol, max_iterations, solver, guesses, on_solved, settle, memory
            As for :func:`pfsolid.conduction.effective.solve_tensor`.
        on_iteration : callable, optional
            ``on_iteration(axis, iteration, value, relative_error)`` with the value in S/m; may raise to stop.

        Returns
        -------
        EffectiveConductivity

        Raises
        ------
        ConvergenceError
            If ``rtol`` is not met in ``max_iterations``.
        """
        report = None
        if on_iteration is not None:
            def report(axis: int, iteration: int, value: float, relative_error: float) -> None:
                on_iteration(axis, iteration, value * self.unit, relative_error)

        found = solve_tensor(self.system, self.wanted(axes), rtol, max_iterations, solver, guesses, report, on_solved,
                             settle, memory)
        return self._without_rounding(found)

    def wanted(self, axes: Sequence[int]) -> list[int]:
        """Those of some axes that there is something to solve for along; none where nothing conducts."""
        return [axis for axis in axes if self.percolating[axis] and self.sigma.max() > 0]

    def _without_rounding(self, found: EffectiveConductivity) -> EffectiveConductivity:
        """In S/m.  Tensors that conduct in a plane or along a line only may block an axis that all faces conduct along."""
        tensor, percolating = found.tensor * self.unit, np.array(self.percolating)
        if is_full(self.sigma):
            blocked = percolating & (np.diag(found.tensor) <= ROUNDING * self.mean)
            tensor[blocked] = tensor[:, blocked] = 0.0
            percolating &= ~blocked
        x, y, z = percolating.tolist()
        return replace(found, tensor=tensor, percolating=(x, y, z))


def is_full(sigma: Floats) -> bool:
    """Whether a conductivity has elements off the diagonal."""
    return sigma.ndim == 3 and bool(np.any(sigma[:, ~np.eye(3, dtype=bool)]))
