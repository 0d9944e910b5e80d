"""Conduction on labelled voxels, as runs and image studies share it: what percolates, solvers, temperatures, errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import numpy as np

from ..conduction.confirmation import CheckedConjugateGradients
from ..conduction.currents import CurrentStatistics, settled_statistics
from ..conduction.effective import ROUNDING, EffectiveConductivity, SolveMemory, solve_tensor
from ..conduction.elements import ElementSystem
from ..conduction.finite_volumes import ConductionSystem, FiniteVolumes
from ..conduction.multigrid import MultigridSolver
from ..conduction.perturbation import make_perturbation
from ..conduction.petsc import PetscSolver, petsc_is_at_hand
from ..conduction.phases import face_conductances, open_faces_of_labels
from ..conduction.selection import SolverChoice, choose_solver, contrast_of, coordination
from ..config.conduction import SolverConfig
from ..errors import InputError, Interrupted
from ..grid import AXES
from ..labels import count_labels
from ..morphology.clusters import axes_percolating_through_faces, find_clusters, open_faces_of, percolating_axes
from ..orientation import Orientation
from ..parallel.session import Session
from ..spectral.transform import SlabTransform
from ..text import percent
from ..units import S_PER_M
from .grid_error import GridPart

# Looking for a signal takes a reduction over the ranks: not in every iteration, but in the first, for multigrid is done
# within a few.
_ITERATIONS_BETWEEN_LOOKS = 5
# The grid part is percents: its second value need not be known to more.
GRID_RTOL = 1e-3


@dataclass(frozen=True)
class Medium:
    """Labelled voxels and what they conduct.

    Attributes
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.
    sigma_at : callable
        ``sigma_at(temperature or None)``: conductivity of each label (S/m), (num_labels[, 3[, 3]]).
    transform : SlabTransform
        A CosineSlabTransform for plane electrodes, the field along its first axis.
    axis_names : str
        What the axes of the grid are called.
    interface_resistance : dict
        {(a, b): R} in spacing / (S/m).
    interface_normals : {'smoothed', 'faces'}
        By what the faces of an interface that resists are weighted.
    plate_resistance : (float, float)
        Of the electrodes at the low and the high end, in spacing / (S/m).
    make_system : callable, optional
        ``make_system(sigma of each label)`` where the faces do not follow from the labels alone.
    mirrored : tuple of 3 bool
        Axes along which the second half of the cell is the mirror image of the first.
    """

    labels: np.ndarray
    sigma_at: Callable
    transform: SlabTransform
    axis_names: str = AXES
    interface_resistance: dict = field(default_factory=dict)
    interface_normals: str = "smoothed"
    plate_resistance: tuple[float, float] = (0.0, 0.0)
    make_system: Callable | None = None
    mirrored: tuple[bool, bool, bool] = (False, False, False)

    def system(self, sigma: np.ndarray, unit: float):
        """What is solved, with conductivities (S/m) counted in a unit: elements where a tensor is full, else volumes."""
        if self.make_system is not None:
            return self.make_system(sigma / unit)
        if is_full(sigma):
            if any(self.interface_resistance.values()) or any(self.plate_resistance):
                raise InputError("resistances of interfaces or plates do not go with full conductivity tensors: give "
                                 "numbers or three numbers along the axes")
            return ElementSystem(self.labels, sigma / unit, self.transform, self.mirrored)
        resistance = {pair: value * unit for pair, value in self.interface_resistance.items()}
        plates = tuple(value * unit for value in self.plate_resistance)
        return ConductionSystem(self.labels, sigma / unit, self.transform, resistance, self.interface_normals, plates)

    def percolating(self, system, sigma: np.ndarray, session: Session) -> tuple[bool, bool, bool]:
        """Axes along which current can wrap the cell through faces that conduct, or join the electrodes.  Collective."""
        transform = self.transform
        if self.make_system is not None:
            # Faces cut inside the voxels can pass a wall that is thinner than a voxel: its voxels' centres tell.
            conducting = (sigma > 0)[self.labels[1:-1]]
            by_voxels = percolating_axes(conducting, session.reducer, transform.ghosts)
            by_faces = axes_percolating_through_faces(open_faces_of(system.faces), session.reducer, transform.ghosts)
            return tuple(voxels and faces for voxels, faces in zip(by_voxels, by_faces))
        if np.isinf(self.plate_resistance).any():
            return False, False, False
        # Elements also conduct through edges and corners, ever less on finer grids: not counted.
        along = np.diagonal(sigma, axis1=1, axis2=2) if sigma.ndim == 3 else sigma
        table = face_conductances(along, transform.grid.spacing, self.interface_resistance)
        open_faces = open_faces_of_labels(self.labels, table, transform.periodic)
        return axes_percolating_through_faces(open_faces, session.reducer, transform.ghosts, transform.periodic)


# Grains below this many voxels across are smaller than the filter that finds the normals.
FEWEST_VOXELS = 8.0


@dataclass(frozen=True)
class Interfaces:
    """What is known of interfaces that resist.

    Attributes
    ----------
    area_per_volume : float
        1 / (unit of the spacing).
    smallest : float
        6 V / S of the label for which it is least, in the largest voxel edges: the edge of cubes, the diameter of balls,
        three times the width of layers.
    smallest_label : int
    """

    area_per_volume: float
    smallest: float
    smallest_label: int

    @property
    def is_fine(self) -> bool:
        """Whether grains are large enough for their normals to be found."""
        return self.smallest >= FEWEST_VOXELS


@dataclass(frozen=True)
class Conduction:
    """What was found.

    Attributes
    ----------
    axes : tuple of int
        Those along which a field was asked for; of the others nothing is known.
    temperatures : tuple of (float or None)
        K.
    series : tuple of EffectiveConductivity
        S/m, one for each temperature.
    fractions : ndarray (num_labels,)
        Volume fraction of each label.
    sigma : ndarray (num_labels[, 3[, 3]])
        S/m, at the first temperature.
    solver : str
        Who solved, and why.
    currents : dict of int to CurrentStatistics
        For each axis solved for, at the first temperature.
    grid : GridPart or None
        At the first temperature.
    flux_jumps : ndarray (3,)
        S/m, at the first temperature (:meth:`pfsolid.conduction.finite_volumes.FiniteVolumes.flux_jumps`); NaN of axes not
        solved for, and of elements.
    seconds : float
    interfaces : Interfaces or None
        Where some resist and something percolates; None too if their faces were taken as they are.
    percolates_alike : bool
        Of a density: conductors of each quality and better percolate along all axes that were asked for, or along none.
    """

    axes: tuple[int, ...]
    temperatures: tuple
    series: tuple[EffectiveConductivity, ...]
    fractions: np.ndarray
    sigma: np.ndarray
    solver: str
    currents: dict[int, CurrentStatistics]
    grid: GridPart | None
    flux_jumps: np.ndarray
    seconds: float
    interfaces: Interfaces | None = None
    percolates_alike: bool = True

    @property
    def effective(self) -> EffectiveConductivity:
        """At the first temperature."""
        return self.series[0]

    def turned(self, orientation: Orientation) -> Conduction:
        """The same by other axes: all that has a direction, coordinates included."""
        currents = [one.placed(orientation.turn_axis(axis), orientation.turn) for axis, one in self.currents.items()]
        return replace(self, axes=tuple(sorted(map(orientation.turn_axis, self.axes))),
                       grid=self.grid and self.grid.turned(orientation),
                       flux_jumps=orientation.turn_tensor(self.flux_jumps, 1),
                       series=tuple(one.turned(orientation) for one in self.series),
                       sigma=orientation.turn_tensor(self.sigma, self.sigma.ndim - 1),
                       currents={one.axis: one for one in currents})

    def within(self, share: float, excluded: tuple[int, ...]) -> Conduction:
        """The same per volume of a field of view that has that share of the image; ``excluded`` labels lie outside.

        Means over the image are sums over the field of view.  Percentiles over all voxels would count what lies outside:
        they are NaN; those of phases stay.
        """
        grid = self.grid and replace(self.grid, best=self.grid.best / share, low=self.grid.low / share,
                                     high=self.grid.high / share,
                                     tensor=None if self.grid.tensor is None else self.grid.tensor / share)
        fractions = self.fractions / share
        fractions[[label for label in excluded if label < fractions.size]] = 0.0
        return replace(self, grid=grid, fractions=fractions, flux_jumps=self.flux_jumps / share,
                       series=tuple(replace(one, tensor=one.tensor / share) for one in self.series),
                       currents={axis: one.within(share, excluded) for axis, one in self.currents.items()})


def is_full(sigma: np.ndarray) -> bool:
    """Whether a conductivity has elements off the diagonal."""
    return sigma.ndim == 3 and bool(np.any(sigma[:, ~np.eye(3, dtype=bool)]))


def check_solver(settings: SolverConfig, session: Session) -> None:
    """Raise InputError if the solver asked for is not there, or its options cannot be read.  Collective."""
    if settings.solver == "petsc":
        PetscSolver(session.comm, settings.petsc_options)


class Memory(Protocol):
    """What has been solved in all, over several launches, told apart by names."""

    def of(self, name: str, transform: SlabTransform) -> SolveMemory:
        """That of one tensor; potentials are those of the last name alone, and of the very first solve."""

    def note(self, name: str, axis: int, data: dict) -> None:
        """Plain data to be kept with the next axis that is solved.  Collective."""

    def noted(self, name: str, axis: int) -> dict | None:
        """What was noted."""


def solve_conduction(medium: Medium, settings: SolverConfig, session: Session, axes=(0, 1, 2), on_solved=None,
                     memory: Memory | None = None, name: str = "") -> Conduction:
    """Solve for fields along ``axes`` at every temperature; what does not percolate is exactly 0.  Collective.

    Parameters
    ----------
    on_solved : callable, optional
        ``on_solved(axis, system, unit)`` at the first temperature, while the potential of that axis is at hand; the system
        counts conductivities in ``unit`` (S/m).
    memory : Memory, optional
        Of earlier launches, with their ``name`` for this medium.

    Raises
    ------
    InputError, ConvergenceError, Interrupted
    """
    started = time.monotonic()
    temperatures = settings.temperatures or (None,)
    sigma = medium.sigma_at(temperatures[0])
    inner = medium.labels[1:-1]
    counts = count_labels(inner, session.reducer)[:len(sigma)]
    first = _problem(medium, counts, temperatures[0], axes, session)
    make_solver, reason, in_use = _choose(medium, sigma, counts, first.wanted, settings, session)
    currents: dict[int, CurrentStatistics] = {}
    jumps = np.full(3, np.nan)

    for axis in first.wanted if memory else ():
        if noted := memory.noted(name, axis):
            currents[axis], jumps[axis] = CurrentStatistics.from_plain(noted["currents"]), noted["flux_jumps"]

    def settle(axis, solve):
        if not solve.is_zero:
            currents[axis] = settled_statistics(solve, inner, session.reducer)
            if isinstance(solve.system, FiniteVolumes):
                jumps[axis] = first.unit * solve.system.flux_jumps(axis)
            if memory:
                memory.note(name, axis, {"currents": asdict(currents[axis]), "flux_jumps": float(jumps[axis])})

    interfaces = _survey_interfaces(first.system, counts) if first.wanted else None
    with in_use:
        series = _solve_series(medium, counts, first, temperatures, axes, settings, make_solver, session, settle, on_solved,
                               memory and (lambda index: memory.of(f"{name} {index}", medium.transform)))
    series = tuple(replace(one, tensor=_known(one.tensor, axes, medium.mirrored)) for one in series)
    return Conduction(tuple(axes), temperatures, series, counts / medium.transform.grid.num_voxels, sigma, reason, currents,
                      None, jumps, time.monotonic() - started, interfaces)


def _survey_interfaces(system, counts: np.ndarray) -> Interfaces | None:
    area = getattr(system, "interface_area", None)
    if area is None or not area.any():
        return None
    grid = system.transform.grid
    size = np.full(area.size, np.inf)
    np.divide(6 * counts[:area.size] * np.prod(grid.spacing), area, out=size, where=area > 0)
    label = int(size.argmin())
    volume = grid.num_voxels * np.prod(grid.spacing)
    # Each interface counts for the labels on both its sides.
    return Interfaces(float(area.sum() / 2 / volume), float(size[label] / max(grid.spacing)), label)


@dataclass(frozen=True)
class _Problem:
    """What is solved at one temperature.

    Attributes
    ----------
    sigma : ndarray (num_labels[, 3[, 3]])
        S/m.
    unit : float
        S/m, in which the system counts.
    mean : ndarray (3,)
        Conductivity along each axis, the mean over the voxels, in that unit.
    percolating : tuple of 3 bool
    wanted : list of int
        Axes to solve for.
    """

    sigma: np.ndarray
    unit: float
    mean: np.ndarray
    system: object
    percolating: tuple[bool, bool, bool]
    wanted: list[int]


def _problem(medium: Medium, counts: np.ndarray, temperature: float | None, axes, session: Session) -> _Problem:
    """Collective."""
    sigma = medium.sigma_at(temperature)
    unit = float(np.max(sigma)) or 1.0
    system = medium.system(sigma, unit)
    through = medium.percolating(system, sigma, session)
    percolating = tuple(bool(wraps) and axis in medium.transform.grid.real_axes for axis, wraps in enumerate(through))
    along = sigma if sigma.ndim < 3 else np.diagonal(sigma, axis1=1, axis2=2)
    mean = np.broadcast_to(counts @ along / counts.sum() / unit, 3)
    return _Problem(sigma, unit, mean, system, percolating, [axis for axis in axes if percolating[axis]])


def _choose(medium: Medium, sigma: np.ndarray, counts: np.ndarray, axes, settings: SolverConfig, session: Session):
    """``make_solver(sigma of each label)``, who solves and why, and what is to be closed in the end.  Collective."""
    name, reason = settings.solver, f"{settings.solver}, as asked for"
    if name == "auto":
        choice = _pick(medium, sigma, counts, axes, session)
        name, reason = choice.name, choice.reason
    if name == "multigrid":
        multigrid = MultigridSolver()
        return (lambda sigma: multigrid), reason, nullcontext()
    if name == "petsc":
        petsc = PetscSolver(session.comm, settings.petsc_options)
        return (lambda sigma: petsc), reason, closing(petsc)
    if name == "perturbation":
        present = counts > 0 if medium.make_system is None else ...
        return (lambda sigma: make_perturbation(*_extremes(sigma[present]))), reason, nullcontext()
    checked = CheckedConjugateGradients()
    return (lambda sigma: checked), reason, nullcontext()


def _pick(medium: Medium, sigma: np.ndarray, counts: np.ndarray, axes, session: Session) -> SolverChoice:
    """What ``auto`` stands for here."""
    if not axes:
        return SolverChoice("fft", "nobody: nothing percolates")
    if is_full(sigma):
        return SolverChoice("fft", "fft: what is made for full tensors; a multigrid cycle confirms its error, which behind "
                                   "single open voxels can still be several times as large")
    if not medium.transform.periodic or medium.make_system is not None:
        return SolverChoice("multigrid", "multigrid: what is made for electrodes and for faces below the voxel")
    contrast = contrast_of(sigma, counts)
    if not contrast.has_poor:
        return choose_solver(contrast, {}, 1.0, petsc_is_at_hand(session.comm))
    clusters = find_clusters(contrast.good[medium.labels[1:-1]], session.reducer, medium.transform.ghosts)
    margins = {medium.axis_names[axis]: clusters.percolating_fraction[axis] for axis in axes}
    alike = coordination(medium.labels, contrast.good, medium.transform)
    return choose_solver(contrast, margins, alike, petsc_is_at_hand(session.comm))


def _extremes(sigma: np.ndarray) -> tuple[float, float]:
    """Smallest and largest conductivity in any direction, in units of the largest element."""
    values = np.linalg.eigvalsh(sigma) if sigma.ndim == 3 else sigma
    unit = float(sigma.max()) or 1.0
    return max(float(values.min()), 0.0) / unit, float(values.max()) / unit


def _solve_series(medium: Medium, counts: np.ndarray, first: _Problem, temperatures, axes, settings: SolverConfig,
                  make_solver, session: Session, settle, on_solved, memory_of) -> list:
    """The tensor at each temperature, each from the potentials of the one before; at the first one the currents settle."""
    guesses, series = {}, []
    for index, temperature in enumerate(temperatures):
        one, first = first or _problem(medium, counts, temperature, axes, session), None

        def keep(axis, system, unit=one.unit):
            if not series and on_solved is not None:
                on_solved(axis, system, unit)
            if len(temperatures) > 1:
                guesses[axis] = system.potential.copy()

        where = "" if temperature is None else f" at {temperature:g} K"
        solver = make_solver(one.sigma)
        found = solve_tensor(one.system, one.wanted, settings.relative_tolerance, settings.max_iterations, solver,
                             dict(guesses), _watcher(session, medium.axis_names, one.unit, where), keep,
                             None if series else settle, memory_of and memory_of(index))
        series.append(_without_rounding(found, one))
    return series


def _without_rounding(found: EffectiveConductivity, problem: _Problem) -> EffectiveConductivity:
    """In S/m.  Tensors that conduct in a plane or along a line only may block an axis that all faces conduct along."""
    tensor, percolating = found.tensor * problem.unit, np.array(problem.percolating)
    if is_full(problem.sigma):
        blocked = percolating & (np.diag(found.tensor) <= ROUNDING * problem.mean)
        tensor[blocked] = tensor[:, blocked] = 0.0
        percolating &= ~blocked
    return replace(found, tensor=tensor, percolating=tuple(percolating.tolist()))


def settings_of_second(settings: SolverConfig, found: Conduction) -> SolverConfig:
    """For another grid: the first temperature, and no more digits than a grid part needs."""
    return settings.model_copy(update={
        "grid_error": "none", "temperature_K": found.temperatures[:1] if found.temperatures[0] else None,
        "relative_tolerance": max(GRID_RTOL, settings.relative_tolerance)})


def _known(tensor: np.ndarray, axes, mirrored) -> np.ndarray:
    """NaN where no field was asked for; exactly 0 what a mirror image turns round."""
    tensor = tensor.copy()
    for axis in np.flatnonzero(mirrored):
        others = np.arange(3) != axis
        tensor[axis, others] = tensor[others, axis] = 0.0
    for axis in set(range(3)) - set(axes):
        tensor[axis, :] = tensor[:, axis] = np.nan
    return tensor


def _watcher(session: Session, names: str, unit: float, where: str):
    """Shows the iterations; stops on a signal or when the time is over, on all ranks together."""

    def watch(axis, iteration, value, relative_error):
        if iteration == 1:
            session.hold_progress()  # a solve that takes no time has nothing to say
        session.progress(lambda: f"solving along {names[axis]}{where}: {value * unit / S_PER_M:.2e} S/cm so far, error "
                                 f"about {percent(relative_error)}")
        if iteration % _ITERATIONS_BETWEEN_LOOKS == 1 and (why := session.look_around()[0]):
            raise Interrupted(f"stopped while solving for a field along {names[axis]}, because {why}")

    return watch
