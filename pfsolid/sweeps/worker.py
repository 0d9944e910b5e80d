"""A worker of a sweep: one process, or a group of ranks, that does one case after another until none is left."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import time
import traceback
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..errors import Interrupted, OutputError, PfsolidError
from ..io.claims import beating
from ..io.files import make_folder, output_errors
from ..io.run_directory import FIELDS, HISTORY
from ..io.sealed_json import write_sealed_json
from ..parallel.collective import all_come, on_root
from ..parallel.session import Session
from ..results.run import Result
from ..text import in_words
from ..workflows.console import log_to
from .pick import Job, Picker
from .plan import Plan, describe
from .state import LOGS, CaseRecord, failure_path, kept_path, result_path

_FILES = {"rho": FIELDS, "phase": FIELDS, "history": HISTORY}
_PATIENCE_S = 10.0
_TAKEN = "another worker has taken the case over"
_LOG = logging.getLogger("pfsolid")


@dataclass
class Tally:
    """What one worker did.

    Attributes
    ----------
    stopped : bool
        On request.
    late : int
        Cases that came to their own time limit, for a later launch to go on with.
    fault : str
        Why it cannot go on, such as a full disk; empty if it came to the end.
    seconds, solver_seconds : float
        Of the done cases: all, and what growth, measurement and conduction took.
    """

    done: int = 0
    failed: int = 0
    stopped: bool = False
    late: int = 0
    fault: str = ""
    seconds: float = 0.0
    solver_seconds: float = 0.0

    def text(self) -> str:
        """For the log."""
        share = 100 * (1 - self.solver_seconds / self.seconds) if self.seconds else 0.0
        return (f"{self.done} cases done in {self.seconds:.1f} s, {share:.1f} % of it outside growth, measurement and "
                f"conduction; {self.failed} failed, {self.late} stopped at their time limit")


def work(plan: Plan, directory: Path, session: Session, number: int, launch: str, report) -> Tally:
    """Do cases until there are no more or a signal comes.  Collective over the session's communicator.

    Parameters
    ----------
    number : int
        Of this worker among those that start together.
    launch : str
        As for `claims.take`; empty for a process that a launcher of this machine watches.
    report : callable
        Called on root after each case, with a text if it failed and None if not.
    """
    log_to(on_root(session.comm, _log_file, directory), session, only=True)
    launcher, tally = os.getppid(), Tally()

    def should_stop() -> bool:
        orphaned = not launch and os.getppid() != launcher
        return session.stop_requested is not None or orphaned

    picker = Picker(plan, directory, number, should_stop, launch)
    while not tally.fault and not tally.stopped:
        try:
            job = on_root(session.comm, picker.next)
        except OutputError as error:
            tally.fault = str(error)
            break
        if job is None:
            break
        began = time.monotonic()
        kind, text = _do(job, plan, directory, session, tally)
        if kind == "done":
            tally.done += 1
            tally.seconds += time.monotonic() - began
        tally.failed += kind == "failed"
        tally.late += kind == "late"
        tally.fault = text if kind == "fault" else ""
        picker.put_back.add(job.case.id)
        if session.is_root:
            report(f"case {job.case.id} ({describe(job.case)}) failed: {text}" if kind == "failed" else None)
        tally.stopped = session.reducer.any(should_stop())
    tally.stopped = session.reducer.any(should_stop())
    session.say(tally.text())
    return tally


def _log_file(directory: Path) -> Path:
    make_folder(directory / LOGS)
    return directory / LOGS / f"{socket.gethostname()}-{os.getpid()}.log"


def _do(job: Job, plan: Plan, directory: Path, session: Session, tally: Tally) -> tuple[str, str]:
    """Run one case and put what came of it into its place: 'done', 'failed', 'stopped', 'late' or 'fault', and why."""
    warnings = _Warnings()
    session.begin()
    session.say(f"case {job.case.id}: {describe(job.case)}" + (f", attempt {job.attempts}" if job.attempts > 1 else ""))

    def lost() -> None:
        session.stop_requested = session.stop_requested or _TAKEN

    _LOG.addHandler(warnings)
    with beating(job.claim, lost) if session.is_root else nullcontext():
        kind, text, result = _attempt(job, plan, directory, session)
    _LOG.removeHandler(warnings)
    session.say(f"case {job.case.id}: {kind} in {in_words(session.elapsed_s)}{': ' if text else ''}{text}")
    if session.reducer.any(session.stop_requested == _TAKEN):
        session.stop_requested = None if session.stop_requested == _TAKEN else session.stop_requested
        return "stopped", _TAKEN
    try:
        if kind == "done":
            # A resumed case has grown in earlier launches too.
            tally.solver_seconds += min(_solver_seconds(result), session.elapsed_s)
            on_root(session.comm, _publish, job, result, warnings.texts, plan, directory, session)
        elif kind == "failed":
            on_root(session.comm, _record_failure, job, text, directory)
    except OutputError as error:
        kind, text = "fault", str(error)
    on_root(session.comm, job.claim.release)
    return kind, text


def _attempt(job: Job, plan: Plan, directory: Path, session: Session) -> tuple[str, str, Result | None]:
    """The kind of outcome, why, and the result if it is done.  Errors are the same on all ranks, or end the launch."""
    try:
        return "done", "", plan.kind.run(plan.config_of(job.case), job.folder, session, frozenset(plan.keep))
    except Interrupted as error:
        return ("stopped" if session.reducer.any(session.stop_requested is not None) else "late"), str(error), None
    except OutputError as error:
        return "fault", str(error), None
    except PfsolidError as error:
        return "failed", str(error), None
    except Exception as error:  # a bug must not cost the cases after it
        session.say(traceback.format_exc())
        text = f"{type(error).__name__}: {error}"
        if not all_come(session.comm, _PATIENCE_S):
            # The other ranks wait in something that this one has left: say why here, and end the launch.
            _record_failure(job, text, directory)
            raise
        return "failed", session.reducer.from_root(text), None


def _publish(job: Job, result: Result, warnings: list[str], plan: Plan, directory: Path, session: Session) -> None:
    """Root's part: what is kept into its place, then the result, which makes the case done."""
    case = job.case
    for name in _FILES.keys() & plan.keep:
        file = job.folder / _FILES[name]
        with output_errors(file):
            if file.exists():
                os.replace(file, kept_path(directory, case.id, name))
    record = CaseRecord(case=case.id, values=case.values, replica=case.replica, seed=case.seed, seconds=session.elapsed_s,
                        ranks=session.reducer.size, threads=session.threads, attempts=job.attempts, warnings=tuple(warnings),
                        result=result)
    write_sealed_json(result_path(directory, case.id), record.to_dict())
    shutil.rmtree(job.folder, ignore_errors=True)


def _record_failure(job: Job, reason: str, directory: Path) -> None:
    write_sealed_json(failure_path(directory, job.case.id), {
        "case": job.case.id, "values": job.case.values, "seed": job.case.seed, "attempts": job.attempts,
        "reason": " ".join(reason.split()), "host": socket.gethostname()})
    shutil.rmtree(job.folder, ignore_errors=True)


def _solver_seconds(result: Result) -> float:
    conducted = [result.conduction, *(result.carriers or {}).values()]
    conduction = sum(one.conduction_seconds or 0.0 for one in conducted if one is not None)
    grown = 0.0 if result.growth is None else result.growth.wall_clock_s
    return grown + (0.0 if result.morphology is None else result.morphology.seconds) + conduction


class _Warnings(logging.Handler):
    """Keeps what a case warns of, for its record."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage().removeprefix("warning: "))
