"""Grow the microstructure that an input describes, and record it as the input asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.conduction import DEFAULT_THRESHOLDS
from ..config.run import RunConfig
from ..errors import Interrupted
from ..grid import PeriodicGrid
from ..io.checkpoint import Checkpoint
from ..parallel.session import Session
from ..phasefield.free_energy import separation_time
from ..phasefield.growth import GrowthState, Kinetics, Nucleation, Sink, Stop
from ..phasefield.growth import grow as step_to_the_end
from ..phasefield.mobility import mobility
from ..phasefield.nested import NestedGrids
from ..phasefield.nucleation_in_time import plan_events
from ..phasefield.observables import low_mode_strengths
from ..results.run import GrowthResult, HistoryRow
from ..spectral.transform import SlabTransform
from ..text import in_words
from .sinks import Checkpoints, History, Snapshots, grid_shape_of, restore, stopped_at
from .start import fill_initial, precision_of


@dataclass(frozen=True)
class Growth:
    """A grown microstructure.

    Attributes
    ----------
    rho : ndarray, local (n0, n1, n2)
    summary : GrowthResult
        Reason it stopped, steps, times, the last row of the history.
    separated : bool
        By the run's thresholds, see `pfsolid.phasefield.observables.is_separated`; if not, rho is no microstructure.
    low_modes : ndarray
        What samples are told apart by, see `pfsolid.phasefield.observables.low_mode_strengths`.
    """

    rho: np.ndarray
    summary: GrowthResult
    separated: bool
    low_modes: np.ndarray


def grow(config: RunConfig, directory: Path | None, session: Session, checkpoint: Checkpoint | None = None,
         attributes: dict[str, object] | None = None, with_history: bool = True, save_at_end: bool = True,
         sinks: Sequence[Sink] = ()) -> Growth:
    """Phase separation from noise, or from a checkpoint, until the first stop condition is met.  Collective.

    Parameters
    ----------
    directory : Path, optional
        Where history.csv, snapshots and checkpoints go; None: nothing is written.
    attributes : dict, optional
        Provenance for the snapshot files.
    with_history : bool
        Write history.csv.
    save_at_end : bool
        Write a checkpoint when it is done, so that a stop in what follows costs no growing; False: only after growing for
        longer than between two checkpoints.
    sinks : sequence of Sink
        What else is to record it, or to end it: asked before those of the run.

    Returns
    -------
    Growth

    Raises
    ------
    Interrupted
        On a signal or at the wall-clock limit, after a checkpoint.
    ConvergenceError, OutputError
    """
    kinetics, nucleation = kinetics_of(config), _nucleation(config)
    stop = _stop(config, nucleation)
    with _grids(config, stop, kinetics, session, checkpoint) as grids, ExitStack() as opened:
        state = _begin(config, kinetics, session, grids, checkpoint)
        clock = _Clock(session, checkpoint)
        if directory is not None:
            history = opened.enter_context(History(directory, session, checkpoint)) if with_history else None
            snapshots = Snapshots(config, directory, session, attributes or {})
            if checkpoint is not None:
                snapshots.forget_after(state.step)
            sinks = [*sinks, *([history] if history else []), snapshots,
                     Checkpoints(config, directory, session, clock, history, save_at_end)]
        if state.reason is None:
            session.check_start_up("evolution.wall_clock_limit_s")
            watch = _Watch(session, clock, stop.time, state.time, ends_launch=directory is None)
            step_to_the_end(state, kinetics, stop, look_every=config.output.history_interval_steps, nucleation=nucleation,
                            watch=watch, sinks=sinks)
            session.got_on = True
        rho = state.density.copy()
        census = state.at_rest()
        low_modes = low_mode_strengths(state.stepper.rho_hat, state.stepper.transform)
        summary = GrowthResult(reason=state.reason, steps=state.step, wall_clock_s=clock(), final=state.measured())
    return Growth(rho, summary, census.separated, low_modes)


def kinetics_of(config: RunConfig) -> Kinetics:
    """How the density moves, by the sections [material] and [evolution]."""
    material, evolution = config.material, config.evolution
    return Kinetics(config.reduced_kappa, material.mobility_ratio_pore_to_solid, material.interface_diffusion,
                    evolution.step_tolerance, evolution.initial_step_reduced, evolution.max_step_reduced,
                    config.reduced_off_diagonal)


def thresholds(config: RunConfig) -> tuple[float, float]:
    """Densities between which a voxel is surface."""
    conduction = config.conduction
    return (conduction.rho_pore, conduction.rho_bulk) if conduction else DEFAULT_THRESHOLDS


def _grids(config: RunConfig, stop: Stop, kinetics: Kinetics, session: Session,
           checkpoint: Checkpoint | None) -> NestedGrids:
    """The grids of a run, the coarsest first."""
    wisdom = None if checkpoint is None else checkpoint.state["fftw_wisdom"]

    def open_transform(grid: PeriodicGrid) -> SlabTransform:
        return SlabTransform(grid, session.comm, precision_of(config), session.threads, wisdom=wisdom)

    return NestedGrids(config.stages(session.reducer.size), open_transform, kinetics.stepper)


def _begin(config: RunConfig, kinetics: Kinetics, session: Session, grids: NestedGrids,
           checkpoint: Checkpoint | None) -> GrowthState:
    """At the start or at the checkpoint.  Collective."""
    if checkpoint is None:
        stepper = grids.begin(lambda transform: fill_initial(config, transform, session), kinetics.first_step)
    else:
        stepper = grids.reopen(grid_shape_of(checkpoint, config))
    state = GrowthState(stepper, config.units, config.material.surface_depth_nm, thresholds(config), grids)
    if checkpoint is not None:
        restore(state, checkpoint)
    return state


def _nucleation(config: RunConfig) -> Nucleation | None:
    """Nuclei that come during the run."""
    duration = config.nucleation.duration_reduced_time
    if duration is None or not config.nucleates or config.microstructure.initial_field is not None:
        return None
    plan = config.plan_nuclei()
    return Nucleation(plan, plan_events(plan, config.microstructure.seed, duration))


def _stop(config: RunConfig, nucleation: Nucleation | None) -> Stop:
    evolution, material = config.evolution, config.material
    patience = separation_time(config.mean_density, config.reduced_edges, config.reduced_kappa, mobility(
        config.mean_density, material.mobility_ratio_pore_to_solid, material.interface_diffusion),
        config.reduced_off_diagonal)
    return Stop(config.end_time, evolution.max_steps, evolution.mean_pore_size_nm, evolution.energy_rate_tolerance, patience,
                float(nucleation.events.times[-1]) if nucleation else 0.0)


class _Clock:
    """Seconds of growing, over all launches."""

    def __init__(self, session: Session, checkpoint: Checkpoint | None):
        self._session, self._start_s = session, session.elapsed_s
        self._before_s = 0.0 if checkpoint is None else checkpoint.state.get("wall_clock_s", 0.0)

    @property
    def of_this_launch_s(self) -> float:
        return self._session.elapsed_s - self._start_s

    def __call__(self) -> float:
        return self._before_s + self.of_this_launch_s


class _Watch:
    """Says how far growth is, and ends the launch where no checkpoint does."""

    def __init__(self, session: Session, clock: _Clock, end: float, start: float, ends_launch: bool):
        self._session, self._clock, self._end, self._start, self._ends_launch = session, clock, end, start, ends_launch

    def __call__(self, state: GrowthState) -> None:
        if state.placed:
            self._session.say(f"{state.placed} nucle{'us' if state.placed == 1 else 'i'} at reduced time {state.time:.6g}")
        row = state.row
        if row is not None:
            self._session.progress(lambda: self._progress_text(row))
        if self._ends_launch and state.reason is None:
            why, _ = self._session.look_around()
            if why:
                raise Interrupted(f"{stopped_at(state)}, because {why}")

    def _progress_text(self, row: HistoryRow) -> str:
        size = "-" if row.pore_size_nm is None else f"{row.pore_size_nm:.2f} nm"
        return (f"step {row.step:6d}  t {row.reduced_time:10.4g}  dt {row.reduced_step:9.3g}  "
                f"F {row.energy_J_per_m3:.5g} J/m^3  pores {size}  "
                f"{in_words(self._clock())}{self._remaining(row.reduced_time)}")

    def _remaining(self, time: float) -> str:
        """Steps lengthen as the structure coarsens, about as t^(2/3): the cost of reaching t grows as t^(1/3)."""
        if not math.isfinite(self._end) or time <= self._start:
            return ""
        done = time ** (1 / 3) - self._start ** (1 / 3)
        left = self._end ** (1 / 3) - time ** (1 / 3)
        return f", about {in_words(self._clock.of_this_launch_s * left / done)} to go"
