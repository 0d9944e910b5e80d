"""What a run records while it grows: rows of the history, snapshots, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from ..config.run import RunConfig, to_toml
from ..errors import CheckpointError, Interrupted, damage_is_a_mistake
from ..grid import PeriodicGrid
from ..io.checkpoint import Checkpoint, write_checkpoint
from ..io.hdf5 import DistributedArray
from ..io.records import CsvHistory
from ..io.run_directory import CHECKPOINTS, HISTORY, SNAPSHOTS
from ..io.series import Field, drop_snapshots_after, write_snapshot
from ..io.xdmf import write_series_xdmf
from ..parallel.session import Session
from ..phasefield.growth import GrowthState
from ..phasefield.steppers import ON_TIME
from ..results.run import HISTORY_COLUMNS, HistoryRow
from ..spectral.transform import slab_of

_STATE = ("time", "last_step", "next_step", "energy", "num_steps")
_ARRAYS = ("rho_hat", "rho_hat_before", "g_hat_before")


class Rows:
    """Each row of the history, and that of the end.

    Parameters
    ----------
    take : callable
        ``take(row)`` on every rank; may raise to stop.
    """

    def __init__(self, take: Callable[[HistoryRow], object]):
        self._take = take

    def due(self, state: GrowthState) -> bool:
        """Where the structure was looked at, and at the end."""
        return state.row is not None or state.reason is not None

    def write(self, state: GrowthState) -> None:
        """Hand it on.  Collective."""
        self._take(state.measured())


class History(Rows):
    """history.csv, which goes on after the rows of an earlier launch.  Collective; closed at the end of a ``with`` block.

    Raises
    ------
    InputError
        The table that is there is not as it was written.
    """

    def __init__(self, directory: Path, session: Session, checkpoint: Checkpoint | None):
        # The row of a stop stands between those of the intervals: a run that was never stopped has none there.
        kept = None if checkpoint is None else checkpoint.step - checkpoint.state.get("has_row_of_stop", False)
        # A table that is not as it was written is a mistake of whoever changed it, and nothing is lost yet.
        with damage_is_a_mistake():
            self._table = CsvHistory(directory / HISTORY, HISTORY_COLUMNS, session.comm, kept)
        super().__init__(lambda row: self._table.append(row.to_dict()))

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()


class Snapshots:
    """The density at equal times, from 0 on, as a series for ParaView.

    Parameters
    ----------
    attributes : dict
        Provenance for the files.
    """

    def __init__(self, config: RunConfig, directory: Path, session: Session, attributes: dict[str, object]):
        self._interval = config.output.snapshot_interval_reduced_time or math.inf
        self._folder, self._grid_nm = directory / SNAPSHOTS, config.grid_nm
        self._attributes, self._comm = attributes, session.comm

    def forget_after(self, step: int) -> None:
        """Remove those of later steps, which come anew.  Collective."""
        if drop_snapshots_after(self._folder, step, self._comm):
            write_series_xdmf(self._folder, self._comm)

    def next_time(self, time: float) -> float:
        """The next multiple of the interval."""
        if math.isinf(self._interval):
            return math.inf
        return self._interval * (math.floor(time / self._interval * (1 + 1e-12)) + 1)

    def due(self, state: GrowthState) -> bool:
        """At the beginning, and where a multiple of the interval was met."""
        if state.step == 0:
            return not math.isinf(self._interval)
        return state.time >= self.next_time(state.before) * ON_TIME

    def write(self, state: GrowthState) -> None:
        """One file, and the list of all.  Collective."""
        array = DistributedArray(state.density, self._grid_nm.shape, slab_of(self._grid_nm, self._comm))
        write_snapshot(self._folder, state.step, state.time, {"rho": Field(array, "1", dtype="float32")}, self._grid_nm,
                       self._attributes, self._comm)
        write_series_xdmf(self._folder, self._comm)


class Checkpoints:
    """The whole state, every so many seconds, when the launch is to end, and when growth has ended.

    Parameters
    ----------
    wall_clock_s : callable
        Seconds of growing over all launches.
    history : History, optional
        Which gets the row of a stop.
    save_at_end : bool
        False: at the end only after growing for longer than between two checkpoints.
    """

    def __init__(self, config: RunConfig, directory: Path, session: Session, wall_clock_s: Callable[[], float],
                 history: History | None, save_at_end: bool):
        self._config, self._folder, self._session = config, directory / CHECKPOINTS, session
        self._wall_clock_s, self._history, self._save_at_end = wall_clock_s, history, save_at_end
        self._interval_s = config.output.checkpoint_interval_s
        self._last_s = session.elapsed_s
        self._why = ""

    def due(self, state: GrowthState) -> bool:
        """Signals, the wall clock and the time of the last one, agreed over the ranks: each is one rank's observation."""
        session = self._session
        if state.reason is not None:
            return self._save_at_end or session.reducer.max(self._wall_clock_s()) > self._interval_s
        if state.step == 0:
            return False
        self._why, is_due = session.look_around(session.elapsed_s - self._last_s >= self._interval_s)
        return bool(self._why) or is_due

    def write(self, state: GrowthState) -> None:
        """Save it.  Collective.

        Raises
        ------
        Interrupted
            The launch is to end.
        """
        row_of_stop = False
        if self._why and state.row is None and self._history is not None:
            self._history.write(state)
            row_of_stop = True
        path = self._save(state, row_of_stop)
        if self._why:
            raise Interrupted(f"{stopped_at(state)}, because {self._why}; checkpoint {path}")
        if state.reason is None:
            self._session.say(f"checkpoint {path.name}")

    def _save(self, state: GrowthState, row_of_stop: bool) -> Path:
        stepper = state.stepper
        transform = stepper.transform
        arrays = {name: DistributedArray(getattr(stepper, name), _spectral_shape(transform.grid), transform.spectral_slice)
                  for name in _ARRAYS}
        kept = {"finished": state.reason, "grid": transform.grid.shape, "ending": state.ending,
                "history_energy": state.row_energy, "history_time": state.row_time, "has_row_of_stop": row_of_stop,
                **{name: getattr(stepper, name) for name in _STATE},
                "wall_clock_s": self._wall_clock_s(), "input": to_toml(self._config),
                "fftw_wisdom": transform.wisdom, "threads": self._session.threads}
        path = write_checkpoint(self._folder, arrays, kept, self._session.comm, state.step)
        self._last_s = self._session.elapsed_s
        return path


def stopped_at(state: GrowthState) -> str:
    """Where a launch that is to end has come to."""
    return f"stopped at step {state.step}, reduced time {state.time:.6g}"


def _spectral_shape(grid: PeriodicGrid) -> tuple[int, int, int]:
    n0, n1, n2 = grid.shape
    return n0, n1, n2 // 2 + 1


def grid_shape_of(checkpoint: Checkpoint, config: RunConfig) -> tuple[int, int, int]:
    """Voxels of the grid on which growth stood."""
    return tuple(checkpoint.state.get("grid", config.grid.shape))


def restore(state: GrowthState, checkpoint: Checkpoint) -> None:
    """Put growth into the state of a checkpoint, bit by bit.  Collective.

    Parameters
    ----------
    state : GrowthState
        Its stepper on the grid of `grid_shape_of`.
    checkpoint : Checkpoint

    Raises
    ------
    CheckpointError
        If it is of another precision, or lacks an array of this shape.
    """
    stepper, kept = state.stepper, checkpoint.state
    shape = _spectral_shape(stepper.transform.grid)
    for name in _ARRAYS:
        if checkpoint.shapes.get(name) != shape:
            raise CheckpointError(f"{checkpoint.path}: array {name} of shape {shape} is needed, and there is "
                                  f"{checkpoint.shapes.get(name, 'none')}")
        target = getattr(stepper, name)
        if checkpoint.dtypes.get(name) != target.dtype:
            raise CheckpointError(f"{checkpoint.path}: {name} is {checkpoint.dtypes.get(name)}, not {target.dtype}; "
                                  "parallel.precision has changed")
        target[...] = checkpoint.load(name, stepper.transform.spectral_slice)
    stepper.refresh()
    for name in _STATE:
        setattr(stepper, name, kept[name])
    state.reason, state.before = kept.get("finished"), state.time
    state.ending = tuple(kept["ending"]) if kept.get("ending") else None
    state.row_energy, state.row_time = kept.get("history_energy"), kept.get("history_time")
