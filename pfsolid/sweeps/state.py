"""What the directory of a sweep says of its cases: the only memory that launches, workers and commands share.

    plan.json, cases.csv          the plan
    cases/3/3fa91c….json          the result of a case, sealed: it is done
    cases/3/3fa91c….failed.json   why it failed
    cases/3/3fa91c….claim0        somebody works on it, see `pfsolid.io.claims`
    cases/3/3fa91c….work0/        checkpoints of a case under way
    cases/3/3fa91c….h5, ….csv     what is kept besides: fields, history
    logs/                         one file a worker

Cases lie in sixteen folders by the first digit of their id, so that a look at a sweep is sixteen listings and no file is
opened for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, InputError
from ..io.claims import Watch, claim_path, read_holder, split_name
from ..io.files import output_errors
from ..io.sealed_json import read_sealed_json
from ..phasefield.observables import LARGEST_SURFACE
from ..results.record import Record, key
from ..results.run import UNSEPARATED, Result
from ..text import as_word, in_words
from .plan import ID_LETTER, Plan, describe, load_plan

CASES, LOGS = "cases", "logs"
KEPT_SUFFIXES = {"rho": ".h5", "phase": ".h5", "history": ".csv"}
# Reading many small files waits for the file system, not for the processor.
_READERS = 16
_BATCH = 256
_FAILURES_SHOWN = 20


def shard_of(directory: Path, case_id: str) -> Path:
    """The folder of a case's files."""
    return Path(directory) / CASES / case_id.removeprefix(ID_LETTER)[0]


def result_path(directory: Path, case_id: str) -> Path:
    return shard_of(directory, case_id) / f"{case_id}.json"


def failure_path(directory: Path, case_id: str) -> Path:
    return shard_of(directory, case_id) / f"{case_id}.failed.json"


def work_path(directory: Path, case_id: str, generation: int) -> Path:
    return shard_of(directory, case_id) / f"{case_id}.work{generation}"


def kept_path(directory: Path, case_id: str, kept: str) -> Path:
    """Where a case's fields or history are."""
    return shard_of(directory, case_id) / f"{case_id}{KEPT_SUFFIXES[kept]}"


@dataclass
class Seen:
    """One look at the folders: ids of what is there.

    Attributes
    ----------
    claims : dict
        Highest generation of each claimed case.
    work : dict
        Folders of cases under way.
    """

    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    claims: dict[str, int] = field(default_factory=dict)
    work: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Note one file or folder by its name."""
        name = path.name
        claim = split_name(name)
        if claim:
            self.claims[claim[0]] = max(claim[1], self.claims.get(claim[0], 0))
        elif name.startswith("."):
            return
        elif name.endswith(".failed.json"):
            self.failed.add(name.removesuffix(".failed.json"))
        elif name.endswith(".json"):
            self.done.add(name.removesuffix(".json"))
        elif work := re.fullmatch(r"(.+)\.work\d+", name):
            self.work.setdefault(work[1], []).append(path)


def look(directory: Path, case_id: str | None = None) -> Seen:
    """What stands in the folders of all cases, or in that of one.  For one rank."""
    seen = Seen()
    root = Path(directory) / CASES
    for shard in [shard_of(directory, case_id).name] if case_id else _names(root):
        for name in _names(root / shard):
            seen.add(root / shard / name)
    seen.failed -= seen.done
    return seen


def _names(folder: Path) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)
    return []


@dataclass(frozen=True, eq=False, kw_only=True)
class CaseRecord(Record):
    """The result of a case, with how it came about."""

    case: str = key("id of the case")
    values: dict[str, Any] = key("of the keys that the sweep varies")
    replica: int = key("number of the sample at its point")
    seed: int | None = key("of the noise; null where nothing is random")
    seconds: float = key("wall clock of the last attempt", "s")
    ranks: int = key("MPI ranks")
    threads: int = key("threads of each rank")
    attempts: int = key("workers that began the case")
    warnings: tuple[str, ...] = key("what it warned of")
    result: Result = key("as of a run")


def read_records(directory: Path, ids) -> Iterator[tuple[str, CaseRecord | CheckpointError]]:
    """Records of done cases in the order of ``ids``, each verified; the error of a damaged one in its place."""
    def read(case_id: str):
        path = result_path(directory, case_id)
        try:
            return case_id, CaseRecord.from_dict(read_sealed_json(path))
        except CheckpointError as error:
            return case_id, error
        except InputError as error:
            return case_id, CheckpointError(f"{path} is no result of a case: {error}")

    ids = list(ids)
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(ids), _BATCH):  # not all at once: the records of a large sweep would fill the memory
            yield from pool.map(read, ids[start:start + _BATCH])


def has_separated(record: CaseRecord) -> bool:
    """Whether a record of a done case has a conductivity that means something."""
    result = record.result
    if result.state is not None:
        return result.state != UNSEPARATED
    # Older versions solved conduction whatever had come of the growth.
    return result.growth is None or not result.growth.final.surface_fraction > LARGEST_SURFACE


def read_failure(directory: Path, case_id: str) -> str:
    """Why a case failed, in one line."""
    try:
        return read_sealed_json(failure_path(directory, case_id))["reason"]
    except CheckpointError as error:
        return str(error)


# --- status -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Status:
    """Where a sweep stands.

    Attributes
    ----------
    unseparated : tuple of str
        Done, but without a conductivity: growth ended before the phases had separated.  They are not tried again.
    running : dict
        Case id: who works on it.
    failed : dict
        Case id: the reason.
    damaged : dict
        Case id: what is wrong with its result; the next `sweep run` computes it anew.
    stopped : tuple of str
        Cases that have begun and that nobody works on: the next `sweep run` goes on with them.
    missing : tuple of str
        All that are neither done, running nor failed, those that stopped included.
    core_seconds : float
        That the cases took which are done, unseparated ones included.
    remaining_core_seconds : float or None
        Expected of the missing and running ones; None before the first case is done.
    """

    done: tuple[str, ...]
    unseparated: tuple[str, ...]
    running: dict[str, str]
    failed: dict[str, str]
    damaged: dict[str, str]
    stopped: tuple[str, ...]
    missing: tuple[str, ...]
    core_seconds: float
    remaining_core_seconds: float | None


def status_of(plan: Plan, directory: Path) -> Status:
    """Look at every case and verify every result.  For one rank."""
    seen, watch = look(directory), Watch()
    cost = {case.id: cost for case, cost in zip(plan.cases, plan.costs)}
    running, failed, stopped, missing = {}, {}, [], []
    for case_id in cost:
        if case_id in seen.done:
            continue
        if case_id in seen.failed:
            failed[case_id] = read_failure(directory, case_id)
            continue
        if case_id in seen.claims:
            path = claim_path(shard_of(directory, case_id), case_id, seen.claims[case_id])
            if watch.state(path) in ("alive", "unknown"):
                running[case_id] = _holder(path)
                continue
        missing.append(case_id)
        if case_id in seen.work or case_id in seen.claims:
            stopped.append(case_id)
    done, unseparated, damaged, spent, expected = [], [], {}, 0.0, 0.0
    for case_id, record in read_records(directory, [case_id for case_id in cost if case_id in seen.done]):
        if isinstance(record, CheckpointError):
            damaged[case_id] = str(record)
            continue
        (done if has_separated(record) else unseparated).append(case_id)
        spent += record.seconds * record.ranks * record.threads
        expected += cost[case_id]
    left = sum(cost[case_id] for case_id in (*missing, *running, *damaged))
    return Status(tuple(done), tuple(unseparated), running, failed, damaged, tuple(stopped), tuple(missing), spent,
                  left * spent / expected if expected else None)


def _holder(path: Path) -> str:
    try:
        holder = read_holder(path)
    except (OSError, ValueError):
        return "unknown"
    job = f", job {holder['job']}" if holder["job"] else ""
    return f"{holder['host']}, process {holder['pid']}{job}"


def status_lines(plan: Plan, directory: Path) -> list[str]:
    """What `pfsolid sweep status` prints."""
    status, cases = status_of(plan, directory), {case.id: case for case in plan.cases}
    counts = {"done": status.done, "unseparated": status.unseparated, "running": status.running, "failed": status.failed,
              "damaged": status.damaged, "missing": status.missing}
    lines = [f"sweep {plan.name} in {directory}: {len(cases)} cases"]
    lines += [f"  {name:<11} {len(which):>4}" + (f"   ({len(status.stopped)} of them begun)"
                                             if name == "missing" and status.stopped else "")
              for name, which in counts.items() if which or name not in ("unseparated", "damaged")]
    if status.done or status.unseparated:
        lines.append(_rate_line(status))
    for name, which in (("running", status.running), ("failed", status.failed), ("damaged", status.damaged)):
        shown = list(which.items())[:_FAILURES_SHOWN]
        lines += [f"{name} {case_id} ({describe(cases[case_id])}): {text}" for case_id, text in shown]
        if len(which) > len(shown):
            lines.append(f"... and {len(which) - len(shown)} more that {'are running' if name == 'running' else name}")
    if status.unseparated:
        lines.append("unseparated: done, but the phases had not separated when growth ended, so there is no conductivity; "
                     "let growth go on for longer in another sweep")
    if status.failed:
        lines.append(f"to have failed cases run again: pfsolid sweep retry {as_word(directory)}")
    if status.missing or status.damaged:
        lines.append(f"to go on: pfsolid sweep run {as_word(directory)}")
    return lines


def _rate_line(status: Status) -> str:
    each = status.core_seconds / (len(status.done) + len(status.unseparated))
    text = f"{each:.3g} core-seconds a case"
    if not status.remaining_core_seconds:
        return text
    left, at_once = status.remaining_core_seconds, len(status.running)
    if at_once:
        return f"{text}, {60 * at_once / each:.3g} cases a minute; about {in_words(left / at_once)} to go as it runs now"
    return f"{text}; {left / 3600:.2g} core-hours to go, and nobody works on it"


# --- retry --------------------------------------------------------------------------------------------------


def retry(directory: Path, ids=()) -> list[str]:
    """Forget why cases failed, so that the next `sweep run` tries them again; all, or those named.  For one rank.

    Raises
    ------
    InputError
        A case that is named has not failed.
    """
    cases = {case.id for case in load_plan(directory).cases}
    failed = look(directory).failed & cases
    for case_id in ids:
        if case_id not in failed:
            raise InputError(f"{case_id}: " + ("has not failed" if case_id in cases else f"no case of {directory}"))
    chosen = sorted(ids or failed)
    for case_id in chosen:
        with output_errors(failure_path(directory, case_id)):
            failure_path(directory, case_id).unlink(missing_ok=True)
    return chosen
