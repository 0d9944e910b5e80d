"""From a medium to its effective conductivity: who solves, at which temperatures, and what else the solves tell.

Runs, studies of images, the functions for Python and the tests come by here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from ..arrays import Floats
from ..conduction.confirmation import CheckedConjugateGradients
from ..conduction.currents import CurrentStatistics, settled_statistics
from ..conduction.effective import EffectiveConductivity, Solve, SolveMemory
from ..conduction.finite_volumes import ConductionSystem, FiniteVolumes
from ..conduction.krylov import Solver
from ..conduction.multigrid import MultigridSolver
from ..conduction.perturbation import make_perturbation
from ..conduction.petsc import PetscSolver, petsc_is_at_hand
from ..conduction.selection import SolverChoice, choose_solver, contrast_of, coordination
from ..conduction.system import System
from ..config.conduction import SolverConfig
from ..morphology.clusters import find_clusters
from ..parallel.communicator import Communicator
from ..spectral.transform import SlabTransform
from .found import Conduction, Interfaces
from .medium import Medium, PerAxisFlag, Problem, is_full

# The grid part is percents: its second value need not be known to more.
GRID_RTOL = 1e-3


@dataclass(frozen=True)
class Progress:
    """How far a solve has come.

    Attributes
    ----------
    along : str
        Name of the axis of the field.
    temperature : float or None
        K.
    iteration : int
    sigma : float
        S/m, along that axis, so far.
    relative_error : float
        Of that, estimated.
    """

    along: str
    temperature: float | None
    iteration: int
    sigma: float
    relative_error: float


S = TypeVar("S", bound=SolverConfig)
Watch = Callable[[Progress], object]
OnSolved = Callable[[int, System, float], object]


def check_solver(settings: SolverConfig, comm: Communicator) -> None:
    """Raise InputError if the solver asked for is not there, or its options cannot be read.  Collective.

    Parameters
    ----------
    settings : SolverConfig
    comm : Communicator
    """
    if settings.solver == "petsc":
        PetscSolver(comm, settings.petsc_options)


class Memory(Protocol):
    """What has been solved in all, over several launches, told apart by names."""

    def of(self, name: str, transform: SlabTransform) -> SolveMemory:
        """That of one tensor; potentials are those of the last name alone, and of the very first solve.

        Parameters
        ----------
        name : str
            Of the medium and the temperature.
        transform : SlabTransform
        """

    def note(self, name: str, axis: int, data: dict[str, Any]) -> None:
        """Keep plain data with the next axis that is solved.  Collective.

        Parameters
        ----------
        name : str
        axis : int
        data : dict
        """

    def noted(self, name: str, axis: int) -> dict[str, Any] | None:
        """What was noted.

        Parameters
        ----------
        name : str
        axis : int
        """


def solve_conduction(medium: Medium, settings: SolverConfig, watch: Watch | None = None, *, axes: Sequence[int] = (0, 1, 2),
                     on_solved: OnSolved | None = None, memory: Memory | None = None, name: str = "",
                     with_currents: bool = True) -> Conduction:
    """Solve for fields along ``axes`` at every temperature; what does not percolate is exactly 0.  Collective.

    Parameters
    ----------
    medium : Medium
    settings : SolverConfig
        Temperatures, solver and tolerances; nothing of the grid's part in the error.
    watch : callable, optional
        ``watch(progress)`` after each iteration, with a `Progress`; may raise to stop.
    axes : sequence of int
        To apply a field along.
    on_solved : callable, optional
        ``on_solved(axis, system, unit)`` at the first temperature, while the potential of that axis is at hand; the system
        counts conductivities in ``unit`` (S/m).
    memory : Memory, optional
        Of earlier launches, with their ``name`` for this medium.
    with_currents : bool
        False: only the tensor is wanted, not the statistics of the current, which take iterations of their own.

    Returns
    -------
    Conduction
        In S/m, by the axes of the medium's grid.

    Raises
    ------
    InputError, ConvergenceError
        And whatever ``watch`` raises.
    """
    started = time.monotonic()
    temperatures = settings.temperatures or (None,)
    first = medium.at(temperatures[0])
    wanted = first.wanted(axes)
    counts = medium.counts_of(len(first.sigma))
    make_solver, reason, in_use = _choose(medium, first.sigma, wanted, settings)
    seen = _Seen(medium, first, memory, name, with_currents)
    seen.recall(wanted)
    interfaces = _survey_interfaces(first.system, counts, first.unit) if wanted else None
    with in_use:
        series = _solve_series(medium, first, axes, settings, make_solver, watch, seen, on_solved)
    known = tuple(replace(one, tensor=_known(one.tensor, axes, medium.mirrored)) for one in series)
    return Conduction(tuple(axes), temperatures, known, counts / medium.transform.grid.num_voxels, first.sigma, reason,
                      seen.currents, None, seen.jumps, time.monotonic() - started, interfaces,
                      groups=medium.groups)


@dataclass
class _Seen:
    """What the solves at the first temperature tell besides the tensor: currents, and the jumps of the flux (S/m)."""

    medium: Medium
    problem: Problem
    memory: Memory | None
    name: str
    with_currents: bool
    currents: dict[int, CurrentStatistics] = field(default_factory=dict)
    jumps: Floats = field(default_factory=lambda: np.full(3, np.nan))

    def recall(self, axes: Sequence[int]) -> None:
        """What earlier launches have seen."""
        if self.memory is None:
            return
        for axis in axes:
            if noted := self.memory.noted(self.name, axis):
                if noted["currents"]:
                    self.currents[axis] = CurrentStatistics.from_plain(noted["currents"])
                self.jumps[axis] = noted["flux_jumps"]

    def settle(self, axis: int, solve: Solve) -> None:
        """Of a solve whose tensor is known.  Collective."""
        if solve.is_zero:
            return
        found = None
        if self.with_currents:
            found = settled_statistics(solve, self.medium.labels[1:-1], self.medium.transform.reducer, self.medium.groups)
            self.currents[axis] = found
        if isinstance(solve.system, FiniteVolumes):
            self.jumps[axis] = self.problem.unit * solve.system.flux_jumps(axis)
        if self.memory is not None:
            self.memory.note(self.name, axis, {"currents": found and asdict(found), "flux_jumps": float(self.jumps[axis])})

    def memory_of(self, index: int) -> SolveMemory | None:
        """Of the tensor at one temperature."""
        return None if self.memory is None else self.memory.of(f"{self.name} {index}", self.medium.transform)


def _survey_interfaces(system: System, counts: Floats, unit: float) -> Interfaces | None:
    """Of a system that counts conductivities in a unit (S/m)."""
    if not isinstance(system, ConductionSystem) or not system.areas_of_rules[:, 0].any() and system.interface_area is None:
        return None
    grid = system.transform.grid
    volume = grid.num_voxels * np.prod(grid.spacing)
    rules = {name: (float(area / volume), float(total / area / unit), float(1 - area / paid))
             for name, (area, total, paid) in zip(system.rules, system.areas_of_rules.tolist()) if area > 0}
    area = system.interface_area
    if area is None or not area.any():
        return Interfaces(sum(one[0] for one in rules.values()), np.inf, 0, rules) if rules else None
    size = np.full(area.size, np.inf)
    np.divide(6 * counts[:area.size] * np.prod(grid.spacing), area, out=size, where=area > 0)
    label = int(size.argmin())
    # Each interface counts for the labels on both its sides.
    return Interfaces(float(area.sum() / 2 / volume), float(size[label] / max(grid.spacing)), label, rules)


_MakeSolver = Callable[[Floats], Solver]


def _choose(medium: Medium, sigma: Floats, axes: Sequence[int],
            settings: SolverConfig) -> tuple[_MakeSolver, str, AbstractContextManager[object]]:
    """``make_solver(sigma of each label)``, who solves and why, and what is to be closed in the end.  Collective."""
    name: str = settings.solver
    reason = f"{name}, as asked for"
    if name == "auto":
        choice = _pick(medium, sigma, axes)
        name, reason = choice.name, choice.reason
    if name == "multigrid":
        multigrid = MultigridSolver()
        return (lambda sigma: multigrid), reason, nullcontext()
    if name == "petsc":
        petsc = PetscSolver(medium.transform.comm, settings.petsc_options)
        return (lambda sigma: petsc), reason, closing(petsc)
    if name == "perturbation":
        present = medium.counts_of(len(sigma)) > 0 if medium.make_system is None else ...
        return (lambda sigma: make_perturbation(*_extremes(sigma[present]))), reason, nullcontext()
    checked = CheckedConjugateGradients()
    return (lambda sigma: checked), reason, nullcontext()


def _pick(medium: Medium, sigma: Floats, axes: Sequence[int]) -> SolverChoice:
    """What ``auto`` stands for here."""
    transform = medium.transform
    if not axes:
        return SolverChoice("fft", "nobody: nothing percolates")
    if is_full(sigma):
        return SolverChoice("fft", "fft: what is made for full tensors; a multigrid cycle confirms its error, which behind "
                                   "single open voxels can still be several times as large")
    if not transform.periodic or medium.make_system is not None:
        return SolverChoice("multigrid", "multigrid: what is made for electrodes and for faces below the voxel")
    contrast = contrast_of(sigma, medium.counts_of(len(sigma)))
    if not contrast.has_poor:
        return choose_solver(contrast, {}, 1.0, petsc_is_at_hand(transform.comm))
    clusters = find_clusters(contrast.good[medium.labels[1:-1]], transform.reducer, transform.ghosts)
    margins = {medium.axis_names[axis]: clusters.percolating_fraction[axis] for axis in axes}
    alike = coordination(medium.labels, contrast.good, transform)
    return choose_solver(contrast, margins, alike, petsc_is_at_hand(transform.comm))


def _extremes(sigma: Floats) -> tuple[float, float]:
    """Smallest and largest conductivity in any direction, in units of the largest element."""
    values = np.linalg.eigvalsh(sigma) if sigma.ndim == 3 else sigma
    unit = float(sigma.max()) or 1.0
    return max(float(values.min()), 0.0) / unit, float(values.max()) / unit


def _solve_series(medium: Medium, first: Problem, axes: Sequence[int], settings: SolverConfig, make_solver: _MakeSolver,
                  watch: Watch | None, seen: _Seen, on_solved: OnSolved | None) -> list[EffectiveConductivity]:
    """The tensor at each temperature, each from the potentials of the one before; at the first one the currents settle."""
    temperatures = settings.temperatures or (None,)
    guesses: dict[int, Floats] = {}
    series: list[EffectiveConductivity] = []
    for index, temperature in enumerate(temperatures):
        one = first if index == 0 else medium.at(temperature)

        def keep(axis: int, system: System, unit: float = one.unit) -> None:
            if not series and on_solved is not None:
                on_solved(axis, system, unit)
            if len(temperatures) > 1:
                guesses[axis] = system.potential.copy()

        series.append(one.solve(
            axes, settings.relative_tolerance, settings.max_iterations, make_solver(one.sigma), guesses=dict(guesses),
            on_iteration=watch and _reported(watch, medium.axis_names, temperature), on_solved=keep,
            settle=None if series else seen.settle, memory=seen.memory_of(index)))
    return series


def _reported(watch: Watch, names: str, temperature: float | None) -> Callable[[int, int, float, float], object]:
    """The iterations at one temperature, as a `Watch` is told of them."""
    return lambda axis, iteration, value, error: watch(Progress(names[axis], temperature, iteration, value, error))


def settings_of_second(settings: S, found: Conduction) -> S:
    """For another grid: the first temperature, and no more digits than a grid part needs.

    Parameters
    ----------
    settings : SolverConfig
    found : Conduction
        On the first grid.

    Returns
    -------
    SolverConfig
        Of the same class.
    """
    return settings.model_copy(update={
        "grid_error": "none", "temperature_K": found.temperatures[:1] if found.temperatures[0] else None,
        "relative_tolerance": max(GRID_RTOL, settings.relative_tolerance)})


def _known(tensor: Floats, axes: Sequence[int], mirrored: PerAxisFlag) -> Floats:
    """NaN where no field was asked for; exactly 0 what a mirror image turns round."""
    tensor = tensor.copy()
    for axis in np.flatnonzero(mirrored):
        others = np.arange(3) != axis
        tensor[axis, others] = tensor[others, axis] = 0.0
    for axis in set(range(3)) - set(axes):
        tensor[axis, :] = tensor[:, axis] = np.nan
    return tensor
