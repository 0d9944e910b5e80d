"""The time loop of phase separation: steps, and stops.  It writes nothing; what records it is attached as sinks.

Reduced units (`pfsolid.phasefield.free_energy`) but in the rows of the history.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from ..results.run import HistoryRow
from ..spectral.transform import SlabTransform
from .free_energy import NONE, ReducedUnits
from .mobility import LARGEST_STEP, VariableMobilityCahnHilliard
from .nested import SETTLING, NestedGrids
from .nucleation import NucleationPlan
from .nucleation_in_time import Schedule, insert_nuclei
from .observables import Census, Observer, is_separated, mean_density, mean_spacing
from .steppers import LONGEST_STEP, ON_TIME, CahnHilliard, StepControl, StepReport

# |d ln F / d ln t| of a run with no bound of its own that has come to rest without having separated.
_AT_REST = 1e-3


@dataclass(frozen=True)
class Kinetics:
    """How the density moves, and by which steps that is followed.

    Attributes
    ----------
    kappa : tuple of 3 float
        Gradient energy coefficient along each axis.
    pore_ratio, surface_fraction : float
        Of the mobility, see `pfsolid.phasefield.mobility.VariableMobilityCahnHilliard`; 1 and 0: the same everywhere.
    tolerance : float
        Of a step, see `pfsolid.phasefield.steppers.StepControl`.
    first_step : float
        Also the first after nuclei were put in.
    longest_step : float, optional
        None: what accuracy allows.
    off_diagonal : tuple of 3 float
        kappa_yz, kappa_xz and kappa_xy.
    """

    kappa: tuple[float, float, float]
    pore_ratio: float = 1.0
    surface_fraction: float = 0.0
    tolerance: float = 0.01
    first_step: float = 1e-3
    longest_step: float | None = None
    off_diagonal: tuple[float, float, float] = NONE

    @property
    def is_uniform(self) -> bool:
        """Whether the mobility is the same everywhere."""
        return self.pore_ratio == 1 and self.surface_fraction == 0

    def stepper(self, transform: SlabTransform) -> CahnHilliard:
        """What integrates it on a grid, yet without a density."""
        if self.is_uniform:
            return CahnHilliard(transform, self.kappa, off_diagonal=self.off_diagonal)
        return VariableMobilityCahnHilliard(transform, self.kappa, pore_ratio=self.pore_ratio,
                                            surface_fraction=self.surface_fraction, off_diagonal=self.off_diagonal)

    @property
    def control(self) -> StepControl:
        """What the size of a step keeps to."""
        longest = self.longest_step or (LONGEST_STEP if self.is_uniform else LARGEST_STEP)
        return StepControl(self.tolerance, min(longest, LONGEST_STEP))


@dataclass(frozen=True)
class Nucleation:
    """Nuclei that are put in on the way: what they are, and when and where."""

    plan: NucleationPlan
    events: Schedule


@dataclass(frozen=True)
class Stop:
    """When growth ends: by whichever is met first.  What looks at the structure is asked at the rows of the history.

    Attributes
    ----------
    time : float
        Which the last step meets; infinite: none.
    steps : int, optional
    pore_size_nm : float, optional
        Mean chord of the pores, of a structure that has separated.
    energy_rate : float, optional
        |d ln F / d ln t| below which it rests.
    patience : float
        Time in which the phases separate if they ever do, counted from the last event of nucleation.
    last_event : float
        Its time.
    """

    time: float = math.inf
    steps: int | None = None
    pore_size_nm: float | None = None
    energy_rate: float | None = None
    patience: float = math.inf
    last_event: float = 0.0

    def reason(self, state: GrowthState) -> str | None:
        """Why it ends here; None where it goes on."""
        if state.time >= self.time * ON_TIME:
            return f"reached reduced time {state.time:.6g}"
        if self.steps is not None and state.step >= self.steps:
            return f"made {state.step} steps (max_steps)"
        row = state.row
        if row is None:
            return None
        # Of noise neither a pore size nor a slow change of F means anything.
        if not is_separated(row.pore_fraction, row.surface_fraction, row.bulk_fraction):
            return self._hopelessness(row.energy_rate, state.time)
        size, rate = row.pore_size_nm, row.energy_rate
        if self.pore_size_nm is not None and size is not None and size >= self.pore_size_nm:
            return f"mean pore size reached {size:.4g} nm"
        if self.energy_rate is not None and rate is not None and rate < self.energy_rate:
            return f"|d ln F/d ln t| fell to {rate:.3g} (energy_rate_tolerance)"
        return None

    def _hopelessness(self, rate: float | None, time: float) -> str | None:
        """Why a run that would stop by its structure only will never have one, such as that all nuclei have dissolved."""
        if self.energy_rate is None and self.pore_size_nm is None:
            return None
        if rate is None or rate >= (self.energy_rate or _AT_REST) or time - self.last_event < self.patience:
            return None
        return f"|d ln F/d ln t| fell to {rate:.3g} at reduced time {time:.6g} and the phases have not separated"


class GrowthState:
    """Where growth stands.

    Parameters
    ----------
    stepper : CahnHilliard
    units : ReducedUnits
    depth_nm : float
        Surface depth, the unit of the grid's lengths.
    thresholds : tuple of 2 float
        Densities between which a voxel is surface.
    grids : NestedGrids, optional
        Where the stepper is on the first of several.

    Attributes
    ----------
    ending : tuple of (str, float), optional
        Why it is to end, found on a coarse grid, and the time at which it then does, on the finest.
    row : HistoryRow or None
        Of this step, where it is one of those at which the structure is looked at.
    before : float
        Time before the last step.
    placed : int
        Nuclei that were put in after it.
    reason : str or None
        Why it has ended; None as long as it goes on.
    row_energy, row_time : float or None
        Of the last row, from which the next one's rate is counted.
    """

    def __init__(self, stepper: CahnHilliard, units: ReducedUnits, depth_nm: float,
                 thresholds: tuple[float, float], grids: NestedGrids | None = None):
        self.stepper = stepper
        self.ending: tuple[str, float] | None = None
        self.row: HistoryRow | None = None
        self.before = stepper.time
        self.placed = 0
        self.reason: str | None = None
        self.row_energy: float | None = None
        self.row_time: float | None = None
        self._units, self._depth_nm = units, depth_nm
        self._thresholds, self._grids = thresholds, grids
        self._observe = Observer(stepper.transform, *thresholds)
        self._report: StepReport | None = None
        self._measured: HistoryRow | None = None
        self._buffers_are_used = False

    @property
    def step(self) -> int:
        """Steps made."""
        return self.stepper.num_steps

    @property
    def time(self) -> float:
        """Reduced time."""
        return self.stepper.time

    @property
    def density(self) -> np.ndarray:
        """rho on the grid asked for, local (n0, n1, n2), until the next step: copy what is to be kept.  Collective."""
        rho = self._density_here()
        if self._grids is None or self._grids.are_done(self.stepper):
            return rho
        return self._grids.on_finest(self.stepper.transform)

    def _density_here(self) -> np.ndarray:
        self._buffers_are_used = True
        return self.stepper.density()

    def census(self) -> Census:
        """Phase fractions and sizes, on the grid of this time.  Collective."""
        return self._observe(self._density_here(), 1.0)

    def measured(self) -> HistoryRow:
        """The row of this state, also where none was due.  Collective."""
        if self._measured is None:
            self._measured = self.row_of(self.census())
        return self._measured

    def row_of(self, census: Census) -> HistoryRow:
        """A row of the history from what was counted of this state.  Collective."""
        stepper, report = self.stepper, self._report
        depth, second = self._depth_nm, self._units.time
        return HistoryRow(
            step=stepper.num_steps, reduced_time=stepper.time,
            time_s=None if second is None else stepper.time * second,
            reduced_step=stepper.last_step, energy_J_per_m3=stepper.energy * self._units.energy_density,
            mean_density=mean_density(stepper.rho_hat, stepper.transform), porosity=census.porosity,
            pore_fraction=census.pore, surface_fraction=census.surface, bulk_fraction=census.bulk,
            pore_size_nm=_finite(census.pore_size * depth), wall_size_nm=_finite(census.wall_size * depth),
            spacing_nm=_finite(mean_spacing(stepper.rho_hat, stepper.transform) * depth),
            energy_rate=self._energy_rate(), step_error=None if report is None else report.error,
            rejections=None if report is None else report.rejections)

    def go_to_due_grid(self) -> float:
        """Change the grid if its time has come; until when growth stays on this one.  Collective."""
        if self._grids is None:
            return math.inf
        stepper = self._grids.due(self.stepper, self.ending is not None)
        if stepper is not self.stepper:
            self.stepper = stepper
            self._observe = Observer(stepper.transform, *self._thresholds)
            # F is another one by the error of the coarser grid: no rate of change.
            self.row_energy = self.row_time = None
            self._buffers_are_used = False
        return self.ending[1] if self.ending is not None else self._grids.end_of_stage(stepper)

    def end_by(self, stop: Stop) -> None:
        """Set the reason if it is over: on a coarse grid only after some time on the finest."""
        if self.ending is not None:
            self.reason = self.ending[0] if self.time >= self.ending[1] * ON_TIME else None
            return
        reason = stop.reason(self)
        if reason is None or self._grids is None or self._grids.are_done(self.stepper):
            self.reason = reason
        else:
            self.ending = reason, min(self.time + SETTLING, stop.time)

    def advance(self, control: StepControl, until: float, look: bool) -> None:
        """One step.  Collective.

        Parameters
        ----------
        control : StepControl
        until : float
            Reduced time not to be passed.
        look : bool
            Look at the structure as it is after the step: a row of the history.
        """
        if self._buffers_are_used:
            self.stepper.refresh()
            self._buffers_are_used = False
        self.before, self.row, self._measured, self.placed = self.time, None, None, 0
        self._report = self.stepper.step(control, until, self._observe if look else None)
        if look:
            self.row = self._measured = self.row_of(cast(Census, self._report.observed))
            self.row_energy, self.row_time = self.stepper.energy, self.time

    def at_rest(self) -> Census:
        """Forget the last step, which the row of the end does not tell of; what is counted of it.  Collective."""
        self._report, self.row = None, None
        census = self.census()
        self._measured = self.row_of(census)
        return census

    def _energy_rate(self) -> float | None:
        """|d ln F / d ln t| since the last row."""
        energy, time = self.row_energy, self.row_time
        if energy is None or time is None or time == self.time or not min(energy, self.stepper.energy) > 0:
            return None
        return abs(math.log(self.stepper.energy / energy) / math.log(self.time / time))


class Sink(Protocol):
    """What records growth.  It may also have ``next_time(time)``: the next time after ``time`` that a step is to meet.

    On several ranks both are called on all of them, and `due` must say the same on each.
    """

    def due(self, state: GrowthState) -> bool:
        """Whether there is something to record; asked of the beginning, after each step and at the end."""

    def write(self, state: GrowthState) -> object:
        """Record it; may raise to stop."""


def grow(state: GrowthState, kinetics: Kinetics, stop: Stop, *, look_every: int = 10,
         nucleation: Nucleation | None = None, watch: Callable[[GrowthState], object] | None = None,
         sinks: Sequence[Sink] = ()) -> None:
    """Step until the first stop condition is met, which is the state's `reason` from then on.  Collective.

    Parameters
    ----------
    state : GrowthState
        Its stepper has been started, or stands where an earlier one was.
    kinetics : Kinetics
    stop : Stop
    look_every : int
        Steps from one row of the history to the next.
    nucleation : Nucleation, optional
    watch : callable, optional
        ``watch(state)`` after each step, before the sinks; may raise to stop.
    sinks : sequence of Sink
        In the order in which they are asked.

    Raises
    ------
    ConvergenceError
        The steps have come to nothing.
    """
    control = kinetics.control
    timers = [sink.next_time for sink in sinks if hasattr(sink, "next_time")]
    if nucleation is not None:
        timers.append(nucleation.events.next_time)
    if state.step == 0:
        _offer(state, sinks)
    while state.reason is None:
        until = min([stop.time, state.go_to_due_grid(), *(next_time(state.time) for next_time in timers)])
        state.advance(control, until, (state.step + 1) % look_every == 0)
        if nucleation is not None:
            due = nucleation.events.due(state.before, state.time)
            state.placed = insert_nuclei(state.stepper, nucleation.plan, due, kinetics.first_step) if len(due) else 0
        state.end_by(stop)
        if watch is not None:
            watch(state)
        _offer(state, sinks)


def _offer(state: GrowthState, sinks: Sequence[Sink]) -> None:
    for sink in sinks:
        if sink.due(state):
            sink.write(state)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
