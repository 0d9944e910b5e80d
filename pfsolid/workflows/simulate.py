"""Grow a microstructure: the time loop with its history, snapshots, checkpoints and stop conditions."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.conduction import DEFAULT_THRESHOLDS
from ..config.run import RunConfig, to_toml
from ..errors import CheckpointError, Interrupted, damage_is_a_mistake
from ..io.checkpoint import Checkpoint, write_checkpoint
from ..io.hdf5 import DistributedArray
from ..io.records import CsvHistory
from ..io.run_directory import CHECKPOINTS, HISTORY, SNAPSHOTS
from ..io.series import Field, drop_snapshots_after, write_series_xdmf, write_snapshot
from ..parallel.session import Session
from ..phasefield.free_energy import separation_time
from ..phasefield.mobility import LARGEST_STEP, VariableMobilityCahnHilliard, mobility
from ..phasefield.nucleation_in_time import insert_nuclei, plan_events
from ..phasefield.observables import Observer, is_separated, low_mode_strengths, mean_density, mean_spacing
from ..phasefield.steppers import LONGEST_STEP, CahnHilliard, StepControl
from ..results.run import HISTORY_COLUMNS, GrowthResult, HistoryRow
from ..spectral.transform import SlabTransform
from ..text import in_words
from .start import fill_initial, precision_of

# |d ln F / d ln t| of a run with no bound of its own that has come to rest without having separated.
_AT_REST = 1e-3
_STATE = ("time", "last_step", "next_step", "energy", "num_steps")
_ARRAYS = ("rho_hat", "rho_hat_before", "g_hat_before")


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
         attributes: dict | None = None, with_history: bool = True, save_at_end: bool = True, on_row=None) -> Growth:
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
    on_row : callable, optional
        ``on_row(row)`` with each row of the history, a `HistoryRow`, on every rank; may raise to stop.

    Raises
    ------
    Interrupted
        On a signal or at the wall-clock limit, after a checkpoint.
    ConvergenceError, OutputError
    """
    with SlabTransform(config.reduced_grid, session.comm, precision_of(config), session.threads,
                       wisdom=None if checkpoint is None else checkpoint.state["fftw_wisdom"]) as transform:
        stepper, state = _begin(config, directory, session, transform, checkpoint)
        # The row of a stop stands between those of the intervals: a run that was never stopped has none there.
        kept = None if checkpoint is None else stepper.num_steps - state.pop("has_row_of_stop")
        written = with_history and directory is not None
        with _open_history(directory, session, kept) if written else nullcontext() as history:
            if checkpoint is not None and drop_snapshots_after(directory / SNAPSHOTS, stepper.num_steps, session.comm):
                write_series_xdmf(directory / SNAPSHOTS, session.comm)
            loop = _Loop(config, directory, session, stepper, history, state, attributes or {}, on_row)
            if state["finished"] is None:
                session.check_start_up("evolution.wall_clock_limit_s")
                state["finished"] = loop.run()
                session.got_on = True
                if directory is not None and (
                        save_at_end or session.reducer.max(loop.wall_clock_s) > config.output.checkpoint_interval_s):
                    loop.save()
            rho = stepper.density().copy()
            census = loop.observer(rho, 1.0)
            last = loop.row(census, None)
            low_modes = low_mode_strengths(stepper.rho_hat, transform)
    summary = GrowthResult(reason=state["finished"], steps=stepper.num_steps, wall_clock_s=loop.wall_clock_s, final=last)
    return Growth(rho, summary, census.separated, low_modes)


def _begin(config: RunConfig, directory: Path | None, session: Session, transform: SlabTransform,
           checkpoint: Checkpoint | None) -> tuple[CahnHilliard, dict]:
    """A stepper at the start or at the checkpoint, and what is to be remembered besides."""
    stepper = _make_stepper(config, transform)
    state = {"finished": None, "history_energy": None, "history_time": None, "wall_clock_s": 0.0, "has_row_of_stop": False}
    if checkpoint is None:
        fill_initial(config, transform, session)
        stepper.start(config.evolution.initial_step_reduced)
        return stepper, state
    state.update({name: checkpoint.state[name] for name in state if name in checkpoint.state})
    restore(stepper, checkpoint)
    return stepper, state


def _open_history(directory: Path, session: Session, resume_after: int | None) -> CsvHistory:
    """Collective.  A table that is not as it was written is a mistake of whoever changed it, and nothing is lost yet."""
    with damage_is_a_mistake():
        return CsvHistory(directory / HISTORY, HISTORY_COLUMNS, session.comm, resume_after)


def _make_stepper(config: RunConfig, transform: SlabTransform) -> CahnHilliard:
    material = config.material
    if material.mobility_ratio_pore_to_solid == 1 and material.interface_diffusion == 0:
        return CahnHilliard(transform, config.reduced_kappa)
    return VariableMobilityCahnHilliard(transform, config.reduced_kappa,
                                        pore_ratio=material.mobility_ratio_pore_to_solid,
                                        surface_fraction=material.interface_diffusion)


def restore(stepper: CahnHilliard, checkpoint: Checkpoint) -> None:
    """Put a stepper into the state of a checkpoint, bit by bit.  Collective.

    Raises
    ------
    CheckpointError
        If it is of another precision.
    """
    for name in _ARRAYS:
        target = getattr(stepper, name)
        if checkpoint.dtypes.get(name) != target.dtype:
            raise CheckpointError(f"{checkpoint.path}: {name} is {checkpoint.dtypes.get(name)}, not {target.dtype}; "
                                  "parallel.precision has changed")
        target[...] = checkpoint.load(name, stepper.transform.spectral_slice)
    stepper.refresh()
    for name in _STATE:
        setattr(stepper, name, checkpoint.state[name])


def thresholds(config: RunConfig) -> tuple[float, float]:
    """Densities between which a voxel is surface."""
    conduction = config.conduction
    return (conduction.rho_pore, conduction.rho_bulk) if conduction else DEFAULT_THRESHOLDS


def spectral_shape(config: RunConfig) -> tuple[int, int, int]:
    """Global shape of the arrays in a checkpoint."""
    n0, n1, n2 = config.grid.shape
    return n0, n1, n2 // 2 + 1


def checkpoint_arrays(config: RunConfig) -> dict[str, tuple[int, int, int]]:
    """What a checkpoint of this run must contain."""
    return {name: spectral_shape(config) for name in _ARRAYS}


class _Loop:
    """The time loop and what it records."""

    def __init__(self, config, directory, session, stepper, history, state, attributes, on_row):
        self.config, self.directory, self.session = config, directory, session
        self.stepper, self.history, self.state, self.attributes = stepper, history, state, attributes
        self.on_row = on_row
        self.observer = Observer(stepper.transform, *thresholds(config))
        self.units = config.units
        self.seconds = self.units.time
        self.end = _end_time(config)
        self.patience = _patience(config)
        self.plan, self.events = _scheduled_nuclei(config)
        self.last_checkpoint_s = session.elapsed_s
        self.start_s, self.start_time = session.elapsed_s, stepper.time

    @property
    def wall_clock_s(self) -> float:
        """Of growing, over all sessions."""
        return self.state["wall_clock_s"] + self.session.elapsed_s - self.start_s

    def run(self) -> str:
        """Step until a stop condition; its description."""
        evolution = self.config.evolution
        longest = LARGEST_STEP if isinstance(self.stepper, VariableMobilityCahnHilliard) else LONGEST_STEP
        control = StepControl(evolution.step_tolerance, min(evolution.max_step_reduced or longest, LONGEST_STEP))
        interval = self.config.output.history_interval_steps
        if self.stepper.num_steps == 0 and self._next_snapshot() < math.inf:
            self._write_snapshot()
        while True:
            snapshot = self._next_snapshot()
            due = (self.stepper.num_steps + 1) % interval == 0
            before = self.stepper.time
            until = min(self.end, snapshot, self.events.next_time(before) if self.events else math.inf)
            report = self.stepper.step(control, until, self.observer if due else None)
            row = self._record(report) if due else None
            if self.events:
                self._nucleate(before)
            if report.time >= snapshot * (1 - 1e-12):
                self._write_snapshot()
            reason = self._stop_reason(report, row)
            if reason:
                if row is None:
                    self._record_stop(report)
                return reason
            self._attend(report, row)

    def row(self, census, report) -> HistoryRow:
        """One row of the history; collective."""
        stepper, depth = self.stepper, self.config.material.surface_depth_nm
        energy = stepper.energy * self.units.energy_density
        return HistoryRow(
            step=stepper.num_steps, reduced_time=stepper.time,
            time_s=None if self.seconds is None else stepper.time * self.seconds,
            reduced_step=stepper.last_step, energy_J_per_m3=energy,
            mean_density=mean_density(stepper.rho_hat, stepper.transform), porosity=census.porosity,
            pore_fraction=census.pore, surface_fraction=census.surface, bulk_fraction=census.bulk,
            pore_size_nm=_finite(census.pore_size * depth), wall_size_nm=_finite(census.wall_size * depth),
            spacing_nm=_finite(mean_spacing(stepper.rho_hat, stepper.transform) * depth),
            energy_rate=self._energy_rate(), step_error=None if report is None else report.error,
            rejections=None if report is None else report.rejections)

    def save(self) -> Path:
        """Write a checkpoint; collective."""
        transform = self.stepper.transform
        arrays = {name: DistributedArray(getattr(self.stepper, name), spectral_shape(self.config),
                                         transform.spectral_slice) for name in _ARRAYS}
        state = {**self.state, **{name: getattr(self.stepper, name) for name in _STATE},
                 "wall_clock_s": self.wall_clock_s, "input": to_toml(self.config),
                 "fftw_wisdom": transform.wisdom, "threads": self.session.threads}
        path = write_checkpoint(self.directory / CHECKPOINTS, arrays, state, self.session.comm, self.stepper.num_steps)
        self.last_checkpoint_s = self.session.elapsed_s
        return path

    def _record_stop(self, report) -> None:
        """A row for the last state, where none was due."""
        if not (self.history or self.on_row):
            return
        row = self.row(self.observer(self.stepper.density(), 1.0), report)
        self.stepper.refresh()
        if self.history:
            self.history.append(row.to_dict())
        if self.on_row is not None:
            self.on_row(row)

    def _record(self, report) -> HistoryRow:
        row = self.row(report.observed, report)
        self.state.update(history_energy=self.stepper.energy, history_time=report.time)
        if self.history:
            self.history.append(row.to_dict())
        if self.on_row is not None:
            self.on_row(row)
        self.session.progress(lambda: self._progress_text(row))
        return row

    def _energy_rate(self) -> float | None:
        """|d ln F / d ln t| since the last row."""
        energy, time = self.state["history_energy"], self.state["history_time"]
        if energy is None or time == self.stepper.time or not min(energy, self.stepper.energy) > 0:
            return None
        return abs(math.log(self.stepper.energy / energy) / math.log(self.stepper.time / time))

    def _next_snapshot(self) -> float:
        interval = self.config.output.snapshot_interval_reduced_time
        if interval is None or self.directory is None:
            return math.inf
        return interval * (math.floor(self.stepper.time / interval * (1 + 1e-12)) + 1)

    def _nucleate(self, before: float) -> None:
        """The events since the last step, before any checkpoint of this one."""
        due = self.events.due(before, self.stepper.time)
        if len(due):
            placed = insert_nuclei(self.stepper, self.plan, due, self.config.evolution.initial_step_reduced)
            if placed:
                self.session.say(f"{placed} nucle{'us' if placed == 1 else 'i'} at reduced time {self.stepper.time:.6g}")

    def _write_snapshot(self) -> None:
        transform = self.stepper.transform
        array = DistributedArray(self.stepper.density(), self.config.grid.shape, transform.local_slice)
        write_snapshot(self.directory / SNAPSHOTS, self.stepper.num_steps, self.stepper.time,
                       {"rho": Field(array, "1", dtype="float32")}, self.config.grid_nm, self.attributes,
                       self.session.comm)
        write_series_xdmf(self.directory / SNAPSHOTS, self.session.comm)
        self.stepper.refresh()

    def _stop_reason(self, report, row) -> str | None:
        evolution = self.config.evolution
        if report.time >= self.end * (1 - 1e-12):
            return f"reached reduced time {report.time:.6g}"
        if evolution.max_steps is not None and self.stepper.num_steps >= evolution.max_steps:
            return f"made {self.stepper.num_steps} steps (max_steps)"
        if row is None:
            return None
        # Of noise neither a pore size nor a slow change of F means anything.
        if not is_separated(row.pore_fraction, row.surface_fraction, row.bulk_fraction):
            return self._hopelessness(row.energy_rate)
        size, rate = row.pore_size_nm, row.energy_rate
        if evolution.mean_pore_size_nm is not None and size is not None and size >= evolution.mean_pore_size_nm:
            return f"mean pore size reached {size:.4g} nm"
        if evolution.energy_rate_tolerance is not None and rate is not None and rate < evolution.energy_rate_tolerance:
            return f"|d ln F/d ln t| fell to {rate:.3g} (energy_rate_tolerance)"
        return None

    def _hopelessness(self, rate: float | None) -> str | None:
        """Why a run that would stop by its structure only will never have one, such as that all nuclei have dissolved."""
        evolution, time = self.config.evolution, self.stepper.time
        if evolution.energy_rate_tolerance is None and evolution.mean_pore_size_nm is None:
            return None
        last_event = self.events.times[-1] if self.events else 0.0
        if rate is None or rate >= (evolution.energy_rate_tolerance or _AT_REST) or time - last_event < self.patience:
            return None
        return f"|d ln F/d ln t| fell to {rate:.3g} at reduced time {time:.6g} and the phases have not separated"

    def _attend(self, report, row: HistoryRow | None) -> None:
        """Signals, the wall clock and the next checkpoint, agreed over the ranks: each is one rank's observation."""
        since = self.session.elapsed_s - self.last_checkpoint_s
        why, checkpoint_due = self.session.look_around(
            self.directory is not None and since >= self.config.output.checkpoint_interval_s)
        if why and self.directory is None:
            raise Interrupted(f"stopped at step {self.stepper.num_steps}, reduced time {report.time:.6g}, because {why}")
        if why:
            if row is None and self.history:
                self._record_stop(report)
                self.state["has_row_of_stop"] = True
            path = self.save()
            raise Interrupted(f"stopped at step {self.stepper.num_steps}, reduced time {report.time:.6g}, "
                              f"because {why}; checkpoint {path}")
        if checkpoint_due:
            self.session.say(f"checkpoint {self.save().name}")

    def _progress_text(self, row: HistoryRow) -> str:
        size = "-" if row.pore_size_nm is None else f"{row.pore_size_nm:.2f} nm"
        return (f"step {row.step:6d}  t {row.reduced_time:10.4g}  dt {row.reduced_step:9.3g}  "
                f"F {row.energy_J_per_m3:.5g} J/m^3  pores {size}  "
                f"{in_words(self.wall_clock_s)}{self._remaining()}")

    def _remaining(self) -> str:
        """Steps lengthen as the structure coarsens, about as t^(2/3): the cost of reaching t grows as t^(1/3)."""
        time = self.stepper.time
        if not math.isfinite(self.end) or time <= self.start_time:
            return ""
        done = time ** (1 / 3) - self.start_time ** (1 / 3)
        left = self.end ** (1 / 3) - time ** (1 / 3)
        return f", about {in_words((self.session.elapsed_s - self.start_s) * left / done)} to go"


def _scheduled_nuclei(config: RunConfig):
    """Plan and schedule of nucleation during the run; (None, None) where there is none."""
    duration = config.nucleation.duration_reduced_time
    if duration is None or not config.nucleates or config.microstructure.initial_field is not None:
        return None, None
    plan = config.plan_nuclei()
    return plan, plan_events(plan, config.microstructure.seed, duration)


def _patience(config: RunConfig) -> float:
    """Reduced time in which the phases of a run separate if they ever do."""
    material = config.material
    return separation_time(config.mean_density, config.reduced_edges, config.reduced_kappa, mobility(
        config.mean_density, material.mobility_ratio_pore_to_solid, material.interface_diffusion))


def _end_time(config: RunConfig) -> float:
    """Reduced time at which to stop."""
    evolution = config.evolution
    ends = [math.inf]
    if evolution.max_reduced_time is not None:
        ends.append(evolution.max_reduced_time)
    if evolution.max_time_s is not None:
        ends.append(evolution.max_time_s / config.units.time)
    return min(ends)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
