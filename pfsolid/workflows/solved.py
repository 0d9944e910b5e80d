"""What has been solved of a study or a run, kept on the disk between launches.

``solved/first`` holds the potential of the very first solve, with which fields.h5 is made anew; ``solved/x``, ``y``, ``z``
the last one along each axis of the grid, ``solved/stopped`` one that was stopped half-way.  Each is a folder of checkpoints,
whose state has the numbers of all axes solved until then; the newest counts.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..conduction.effective import SolvedAxis
from ..errors import CheckpointError
from ..grid import AXES
from ..io.checkpoint import Checkpoint, load_latest, write_checkpoint
from ..io.hdf5 import DistributedArray
from ..io.run_directory import SOLVED
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..spectral.transform import SlabTransform

_FIRST, _STOPPED = "first", "stopped"
_SLOTS = (_FIRST, *AXES, _STOPPED)
_POTENTIAL = "potential"


@dataclass
class SolvedOnDisk:
    """A `pfsolid.homogenization.solve.Memory`.

    Attributes
    ----------
    folder : Path
        The directory of the study or run.
    physics : str
        What decides the result: what another input has solved is not taken.
    """

    folder: Path
    session: Session
    physics: str
    _records: dict = field(default_factory=dict)
    _notes: dict = field(default_factory=dict)
    _slots: dict[str, Checkpoint] = field(default_factory=dict)
    _number: int = 0

    def load(self) -> SolvedOnDisk:
        """Take up what an earlier launch has left; nothing where it is damaged or another input's.  Collective."""
        for slot in on_root(self.session.comm, self._slots_there):
            try:
                checkpoint, refusals = load_latest(self.folder / SOLVED / slot, self.session.comm)
            except CheckpointError as error:  # the same on all ranks
                self.session.warn(f"{error}; what it held is solved again")
                continue
            for reason in refusals:
                self.session.warn(f"checkpoint refused: {reason}")
            if checkpoint.state["physics"] == self.physics:
                self._slots[slot] = checkpoint
        newest = max(self._slots.values(), key=lambda one: one.step, default=None)
        if newest is not None:
            self._number, self._records, self._notes = newest.step, newest.state["records"], newest.state["notes"]
            done = len(self._records)
            self.session.say(f"going on after {done} solved {'axis' if done == 1 else 'axes'}"
                             + (", and from within one" if self._stopped() else ""))
        return self

    def clear(self) -> None:
        """Remove it: the results are there.  Collective."""
        on_root(self.session.comm, shutil.rmtree, self.folder / SOLVED, True)

    def of(self, name: str, transform: SlabTransform) -> OneTensor:
        """See `Memory`."""
        return OneTensor(self, name, transform)

    def note(self, name: str, axis: int, data: dict) -> None:
        """See `Memory`."""
        self._notes[_key(name, axis)] = data

    def noted(self, name: str, axis: int) -> dict | None:
        """See `Memory`."""
        return self._notes.get(_key(name, axis))

    # --- for OneTensor --------------------------------------------------------------------------------------

    def record(self, key: str) -> dict | None:
        return self._records.get(key)

    def is_first(self, key: str) -> bool:
        """Whether this is the first solve, of which fields are stored."""
        return key == next(iter(self._records), key)

    def potential(self, key: str, transform: SlabTransform) -> np.ndarray | None:
        """Collective."""
        for checkpoint in self._slots.values():
            if checkpoint.state["key"] == key and checkpoint.shapes[_POTENTIAL] == transform.grid.shape:
                return checkpoint.load(_POTENTIAL, transform.local_slice)
        return None

    def stopped(self, key: str) -> int | None:
        """Iterations of the solve that was stopped, if it is this one."""
        state = self._stopped()
        return state["iterations"] if state and state["key"] == key + _STOPPED else None

    def add(self, key: str, axis: int, record: dict, potential: np.ndarray, transform: SlabTransform) -> None:
        """Take up an axis and write it.  Collective."""
        self._records[key] = record
        self.write(_FIRST if self.is_first(key) else AXES[axis], key, potential, transform)

    def write(self, slot: str, key: str, potential: np.ndarray, transform: SlabTransform, **more) -> None:
        """Collective."""
        self._number += 1
        array = DistributedArray(potential, transform.grid.shape, transform.local_slice)
        state = {"physics": self.physics, "key": key, "records": self._records, "notes": self._notes, **more}
        write_checkpoint(self.folder / SOLVED / slot, {_POTENTIAL: array}, state, self.session.comm, self._number)

    def _slots_there(self) -> list[str]:
        return [slot for slot in _SLOTS if any((self.folder / SOLVED / slot).glob("step_*.h5"))]

    def _stopped(self) -> dict | None:
        """State of the solve that was stopped, unless more has been solved since."""
        checkpoint = self._slots.get(_STOPPED)
        return checkpoint.state if checkpoint is not None and checkpoint.step == self._number else None


@dataclass(frozen=True)
class OneTensor:
    """A `pfsolid.conduction.effective.SolveMemory`."""

    all: SolvedOnDisk
    name: str
    transform: SlabTransform

    def recall(self, axis: int, axes) -> SolvedAxis | None:
        """See `SolveMemory`."""
        key = _key(self.name, axis)
        record = self.all.record(key)
        if record is None:
            return None
        potential = self.all.potential(key, self.transform)
        open_yet = any(self.all.record(_key(self.name, one)) is None for one in axes)
        if potential is None and (open_yet or self.all.is_first(key)):
            return None
        return SolvedAxis(record["relative_error"], record["iterations"], np.array(record["flux"]), np.array(record["row"]),
                          potential)

    def guess(self, axis: int) -> tuple[np.ndarray, int] | None:
        """See `SolveMemory`."""
        key = _key(self.name, axis)
        iterations = self.all.stopped(key)
        potential = None if iterations is None else self.all.potential(key + _STOPPED, self.transform)
        return None if potential is None else (potential, iterations)

    def keep(self, axis: int, solved: SolvedAxis) -> None:
        """See `SolveMemory`."""
        record = {"relative_error": solved.relative_error, "iterations": solved.iterations, "flux": solved.flux,
                  "row": solved.row}
        self.all.add(_key(self.name, axis), axis, record, solved.potential, self.transform)

    def stop(self, axis: int, potential: np.ndarray, iterations: int) -> None:
        """See `SolveMemory`."""
        self.all.write(_STOPPED, _key(self.name, axis) + _STOPPED, potential, self.transform, iterations=iterations)


def digest_of(local: np.ndarray, reducer) -> str:
    """SHA-256 of a field divided along its first axis, the same on any number of ranks.  Collective."""
    planes = [int.from_bytes(hashlib.sha256(np.ascontiguousarray(plane)).digest()[:8], "big") for plane in local]
    whole = reducer.concatenate(np.array(planes, dtype=np.uint64))
    return hashlib.sha256(whole.tobytes()).hexdigest()


def _key(name: str, axis: int) -> str:
    return f"{name} {AXES[axis]} "
