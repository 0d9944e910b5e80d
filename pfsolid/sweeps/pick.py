"""Which case a worker does next: the longest that nobody has done, has failed at or is doing."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import CheckpointError
from ..io.claims import Claim, Watch, claim_path, take
from ..io.files import make_folder
from .plan import Case, Plan
from .state import Seen, look, read_records, result_path, shard_of, work_path

# Between looks at the folders others' work shows only as a claim that cannot be had, which costs one call each.
_LOOK_S = 5.0
_LOOKS_SHARE = 0.02  # of the time at most
_WAIT_S = 1.0
# A case whose workers died so often may be what killed them: it comes after all others.
_SUSPECT_GENERATION = 2


@dataclass(frozen=True)
class Job:
    """A claimed case.

    Attributes
    ----------
    claim : Claim
    folder : Path
        For its checkpoints; may not exist yet.
    attempts : int
        How many workers have begun it, this one included, since it was last put back in good order.
    """

    case: Case
    claim: Claim
    folder: Path
    attempts: int


class Picker:
    """Hands out the cases of a plan to one worker.  For one rank.

    Parameters
    ----------
    first : int
        Number of the worker: where in the order it begins, so that those who start together do not all try the same case.
    should_stop : callable
        Returns whether to hand out no more.
    launch : str
        As for `claims.take`.
    """

    def __init__(self, plan: Plan, directory: Path, first: int, should_stop, launch: str = ""):
        self.directory, self._should_stop, self._launch = directory, should_stop, launch
        self._order = [plan.cases[i] for i in sorted(range(len(plan.cases)), key=lambda i: (-plan.costs[i], i))]
        self._first, self._watch = first, Watch(launch=launch)
        self._queue: deque[Case] = deque()
        self._next_look = -math.inf
        self.put_back: set[str] = set()

    def next(self) -> Job | None:
        """The next case, claimed; None when there is no more to do here.

        Raises
        ------
        OutputError
        """
        while not self._should_stop():
            seen = self._look() if not self._queue or time.monotonic() > self._next_look else None
            while self._queue:
                job = self._claim(self._queue.popleft(), 0)
                if job:
                    return job
            if seen is None:
                continue
            job, waiting = self._take_over(seen)
            if job or not waiting:
                return job
            time.sleep(_WAIT_S)
        return None

    def _look(self) -> Seen:
        began = time.monotonic()
        seen = look(self.directory)
        self._queue = deque(case for case in self._order if _is_open(case.id, seen) and case.id not in seen.claims
                            and case.id not in self.put_back)
        if self._queue:
            self._queue.rotate(-(self._first % len(self._queue)))
        self._first = 0
        now = time.monotonic()
        self._next_look = now + max(_LOOK_S, (now - began) / _LOOKS_SHARE)
        return seen

    def _take_over(self, seen: Seen) -> tuple[Job | None, bool]:
        """A case of a dead worker; and whether to wait for news of some that may be dead."""
        waiting = False
        for case in self._order:
            if case.id not in seen.claims or not _is_open(case.id, seen) or case.id in self.put_back:
                continue
            generation = seen.claims[case.id]
            state = self._watch.state(claim_path(shard_of(self.directory, case.id), case.id, generation))
            if state == "dead":
                job = self._claim(case, generation + 1)
                if job:
                    return job, False
            waiting |= state in ("unknown", "gone")
        return None, waiting

    def _claim(self, case: Case, generation: int) -> Job | None:
        claim = take(shard_of(self.directory, case.id), case.id, generation, self._launch)
        if claim is None:
            return None
        # Others publish before they let go: what they did since the last look shows now.
        seen = look(self.directory, case.id)
        if not _is_open(case.id, seen) or seen.claims.get(case.id) != generation:
            claim.release()
            return None
        folder = work_path(self.directory, case.id, generation)
        _inherit(seen.work.get(case.id, []), folder)
        return Job(case, claim, folder, generation + 1)


def _is_open(case_id: str, seen: Seen) -> bool:
    return case_id not in seen.done and case_id not in seen.failed


def _inherit(folders: list[Path], folder: Path) -> None:
    """Make an earlier worker's folder this one's.  Should he still live, he cannot write into it any more."""
    *older, newest = sorted(folders, key=lambda path: int(path.name.rpartition("work")[2])) or [folder]
    for path in older:
        shutil.rmtree(path, ignore_errors=True)
    if newest != folder:
        with suppress(FileNotFoundError):
            os.replace(newest, folder)


def tidy(plan: Plan, directory: Path) -> list[str]:
    """Before a launch: make the folders, set damaged results aside, free the cases of dead workers; what was found.

    For one rank at a time.  Cases of workers that live are left alone.

    Raises
    ------
    OutputError
    """
    found, watch = [], Watch()
    for shard in {shard_of(directory, case.id) for case in plan.cases}:
        make_folder(shard)
    seen = look(directory)
    done = [case.id for case in plan.cases if case.id in seen.done]
    for case_id, record in read_records(directory, done):
        if isinstance(record, CheckpointError):
            path = result_path(directory, case_id)
            os.replace(path, path.with_suffix(".damaged"))
            found.append(f"{record}; set aside, the case is computed anew")
    for case_id, generation in seen.claims.items():
        folder = shard_of(directory, case_id)
        suspect = generation >= _SUSPECT_GENERATION and case_id not in seen.done
        if suspect or watch.state(claim_path(folder, case_id, generation)) != "dead":
            continue
        claim = take(folder, case_id, generation + 1)
        if claim:
            if case_id in seen.done:
                for path in seen.work.get(case_id, []):
                    shutil.rmtree(path, ignore_errors=True)
            claim.release()
    return found
