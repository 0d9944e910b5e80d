"""Launching a sweep: as one process with a worker on each core, or as the groups of ranks of one mpirun."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..conduction.effective import preconditioner_precision
from ..config.run import RunConfig
from ..errors import EXIT_CHECKPOINTED, EXIT_FAULT, InputError
from ..io.claims import JOB, exclusive
from ..machine.warmup import ensure_compiled
from ..parallel.collective import all_come, on_root, raise_together, split_into_groups
from ..parallel.launch import environment_for_mpirun, python_module, under_mpirun
from ..parallel.session import Session, on_terminal
from ..spectral.transform import SlabTransform
from ..text import as_word, in_words, plural
from ..workflows.console import open_session
from .pick import tidy
from .plan import Plan, case_bytes, different_grids, load_plan, one_case, slice_of
from .state import LOGS, look, read_failure
from .worker import Tally, work

# Tells a worker process that its launcher has prepared everything; its value is the worker's number.
WORKER = "PFSOLID_SWEEP_WORKER"
_MEMORY_SHARE = 0.8  # of the machine's
_POLL_S = 0.2
_REPORT_S = 10.0
_TERMINAL_REPORT_S = 1.0
# Workers that die without a case being done in between: more means that it is not by chance.
_MAX_DEATHS = 3


@dataclass(frozen=True)
class Launch:
    """What `pfsolid sweep run` was asked for.

    Attributes
    ----------
    part : tuple of int, optional
        (i, n): the i-th of n equal parts of the sweep.
    workers : int, optional
        Processes on this machine, without mpirun; default: one a core.
    threads : int, optional
        Of each rank; default 1.
    """

    directory: Path
    part: tuple[int, int] | None = None
    ranks_per_case: int = 1
    workers: int | None = None
    threads: int | None = None


def run_sweep(launch: Launch, comm) -> int:
    """Do all cases of a sweep, or of a part of it, that are not done.  Collective; the exit status.

    Raises
    ------
    InputError, CheckpointError, OutputError
    """
    plan = on_root(comm, load_plan, launch.directory)
    if launch.part is not None:
        plan = slice_of(plan, *launch.part)
    ranks = launch.ranks_per_case
    if not 1 <= ranks <= comm.Get_size() or comm.Get_size() % ranks:
        raise InputError(f"--ranks-per-case {ranks}: must divide the number of ranks, {comm.Get_size()}"
                         + (f"; start it as: mpirun -n N pfsolid sweep run --ranks-per-case {ranks} "
                            f"{as_word(launch.directory)}"
                            if comm.Get_size() == 1 else ""))
    for config in different_grids(plan):
        plan.kind.check_ranks(config, ranks)
    if WORKER in os.environ:
        with open_session(launch.threads or 1, comm) as session:
            tally = work(plan, launch.directory, session, int(os.environ[WORKER]), "", _say_if_failed)
        return _status_of(tally.fault, tally.stopped or tally.late > 0, 0)
    with open_session(launch.threads or 1, split_into_groups(comm, ranks)) as session:
        return _launch(plan, launch, comm, session)


def run_case(directory: Path, name: str, comm, threads: int | None = None) -> int:
    """Do one case, for whoever decides himself which comes when: a workflow engine, an array of jobs.  Collective.

    Parameters
    ----------
    directory : Path
    name : str
        Id of the case, or its row in cases.csv, from 1.
    comm : Communicator
        All of its ranks share the case.
    threads : int, optional
        Of each rank; default 1.

    Returns
    -------
    int
        0 if it is done, now or before; 1 if it has failed; 85 if it is to be gone on with: stopped by a signal or its own
        limit, or in the hands of another worker.

    Raises
    ------
    InputError, CheckpointError, OutputError
    """
    plan = one_case(on_root(comm, load_plan, directory), name)
    plan.kind.check_ranks(plan.config_of(plan.cases[0]), comm.Get_size())
    case_id = plan.cases[0].id
    with open_session(threads or 1, comm) as session:
        _prepare(plan, directory, session)
        tally = work(plan, directory, session, 0, comm.bcast(uuid.uuid4().hex), lambda text: None)
    seen = on_root(comm, look, directory, case_id)
    if tally.fault or case_id in seen.done:
        return _status_of(tally.fault, False, 0)
    if case_id not in seen.failed:
        return EXIT_CHECKPOINTED
    if comm.Get_rank() == 0:
        _say_if_failed(f"pfsolid: case {case_id} has failed: {read_failure(directory, case_id)}; to let it be tried again: "
                       f"pfsolid sweep retry {as_word(directory)} {case_id}")
    return EXIT_FAULT


def _launch(plan: Plan, launch: Launch, comm, session: Session) -> int:
    number = comm.Get_rank() // launch.ranks_per_case
    error = None
    if number == 0:
        try:
            _prepare(plan, launch.directory, session)
        except Exception as caught:
            error = caught
    all_come(comm)
    raise_together(comm, error)
    if comm.Get_size() == 1 and not under_mpirun():
        num = launch.workers or _workers_that_fit(plan, launch)
        if num > 1:
            return _watch_workers(plan, launch, session, num)
    return _work_in_groups(plan, launch, comm, session, number)


def _work_in_groups(plan: Plan, launch: Launch, comm, session: Session, number: int) -> int:
    token = comm.bcast(uuid.uuid4().hex)
    num = comm.Get_size() // launch.ranks_per_case
    progress = Progress(plan, launch.directory)
    if comm.Get_rank() == 0:
        progress.begin(f"{plural(num, 'worker')} of {plural(launch.ranks_per_case, 'rank')} x {session.threads}")

    def report(text: str | None) -> None:
        _say_if_failed(text)
        if comm.Get_rank() == 0:
            progress.show()

    tally = work(plan, launch.directory, session, number, token, report)
    all_come(comm)
    tallies: list[Tally] = comm.allgather(tally)
    status = None
    if comm.Get_rank() == 0:
        fault = next((one.fault for one in tallies if one.fault), "")
        status = progress.end(fault, any(one.stopped for one in tallies), any(one.late for one in tallies))
    return comm.bcast(status)


def _say_if_failed(text: str | None) -> None:
    if text is not None:
        print(text, file=sys.stderr, flush=True)


def _status_of(fault: str, stopped: bool, num_failed: int) -> int:
    if fault:
        print(f"pfsolid: {fault}", file=sys.stderr, flush=True)
    return EXIT_FAULT if fault else EXIT_CHECKPOINTED if stopped else EXIT_FAULT if num_failed else 0


# --- once for each launch -----------------------------------------------------------------------------------


def _prepare(plan: Plan, directory: Path, session: Session) -> None:
    """What is done once and not for each case: folders, damaged results, kernels, Fourier plans.  Collective in a group.

    Launches take turns, so that two that start together end up with the same Fourier plans, and so with the same bits.
    """
    with ExitStack() as turn:
        if session.is_root:
            turn.enter_context(exclusive(directory, "launch"))
        for text in on_root(session.comm, tidy, plan, directory):
            session.warn(text)
        for config in different_grids(plan):
            ensure_compiled(config, session)
            if isinstance(config, RunConfig):
                _measure_plans(config, session)


def _measure_plans(config: RunConfig, session: Session) -> None:
    """Let FFTW measure what the run will need, so that every worker finds it in the cache."""
    precisions = {"float64", "float64" if config.parallel.precision == "double" else "float32"}
    if config.conduction is not None:
        precisions.add(preconditioner_precision(config.conduction.relative_tolerance))
    for precision in sorted(precisions):
        with SlabTransform(config.grid_nm, session.comm, precision, session.threads):
            pass


# --- worker processes on this machine -----------------------------------------------------------------------


def _workers_that_fit(plan: Plan, launch: Launch) -> int:
    """One for each core and case, as far as the memory goes.

    Two processes of one thread do 1.7 times as many cases of 64^3 on two cores as one process of two threads.
    """
    cores = len(os.sched_getaffinity(0)) // (launch.threads or 1)
    memory = _MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / case_bytes(plan)
    seen = look(launch.directory)
    num_open = sum(case.id not in seen.done and case.id not in seen.failed for case in plan.cases)
    return max(1, min(cores, int(memory), num_open))


def _watch_workers(plan: Plan, launch: Launch, session: Session, num: int) -> int:
    """Start worker processes and stay until they have ended; the exit status."""
    progress = Progress(plan, launch.directory)
    progress.begin(f"{num} workers of {plural(session.threads, 'thread')}")
    workers = {number: _start_worker(launch, number) for number in range(num)}
    faults, deaths, done_before, asked, late = [], 0, -1, False, False
    try:
        while workers:
            time.sleep(_POLL_S)
            progress.show()
            if session.stop_requested and not asked:
                asked = True
                for process in workers.values():
                    process.send_signal(signal.SIGUSR1)
            for number, process in list(workers.items()):
                status = process.poll()
                if status is None:
                    continue
                del workers[number]
                if status >= 0:
                    late |= status == EXIT_CHECKPOINTED and not asked
                    if status not in (0, EXIT_CHECKPOINTED):
                        faults.append(f"worker {number} ended with status {status}; see {launch.directory / LOGS}")
                    continue
                if asked and -status == signal.SIGUSR1:
                    continue  # asked before it could listen: it had nothing in hand
                deaths = 1 if progress.num_done() > done_before else deaths + 1
                done_before = progress.num_done()
                text = f"worker {number} was killed by {signal.Signals(-status).name}"
                session.warn(f"{text}; its case is taken over")
                if deaths > _MAX_DEATHS:
                    faults.append(f"{text}, and so were {_MAX_DEATHS} before it without any case being done; is there "
                                  "enough memory?  (--workers)")
                elif not asked:
                    workers[number] = _start_worker(launch, number)
    finally:
        for process in workers.values():
            process.terminate()
    return progress.end(faults[0] if faults else "", session.stop_requested is not None, late)


def _start_worker(launch: Launch, number: int) -> subprocess.Popen:
    command = [*python_module("pfsolid"), "sweep", "run"]
    if launch.part is not None:
        command += ["--slice", "{}/{}".format(*launch.part)]
    if launch.threads is not None:
        command += ["--threads", str(launch.threads)]
    command += ["--", str(launch.directory)]  # which may begin with a dash
    # A group of its own: Ctrl-C in a terminal goes to the launcher, which tells the workers once.
    job = {name: os.environ[name] for name in (JOB,) if name in os.environ}
    return subprocess.Popen(command, env=environment_for_mpirun() | job | {WORKER: str(number)}, process_group=0)


# --- what is said -------------------------------------------------------------------------------------------


class Progress:
    """Counts of a running sweep for a person, from one rank."""

    def __init__(self, plan: Plan, directory: Path):
        self.plan, self.directory = plan, directory
        self._cost = {case.id: cost for case, cost in zip(plan.cases, plan.costs)}
        self._started = self._last = time.monotonic()
        self._done_at_start = 0.0

    def num_done(self) -> int:
        return len(look(self.directory).done & self._cost.keys())

    def begin(self, who: str) -> None:
        seen = look(self.directory)
        done = seen.done & self._cost.keys()
        self._done_at_start = sum(self._cost[one] for one in done)
        print(f"sweep {self.plan.name}: {len(self._cost)} cases, {len(done)} done; {who}", flush=True)

    def show(self) -> None:
        """A line at intervals; in place on a terminal."""
        now = time.monotonic()
        if now - self._last < (_TERMINAL_REPORT_S if on_terminal() else _REPORT_S):
            return
        self._last = now
        seen = look(self.directory)
        done = sum(self._cost[one] for one in seen.done & self._cost.keys())
        ended = done + sum(self._cost[one] for one in seen.failed & self._cost.keys())
        text = f"{len(seen.done & self._cost.keys())} of {len(self._cost)} done"
        if seen.failed & self._cost.keys():
            text += f", {len(seen.failed & self._cost.keys())} failed"
        if done > self._done_at_start:
            left = (sum(self._cost.values()) - ended) * (now - self._started) / (done - self._done_at_start)
            text += f", about {in_words(left)} to go"
        width = shutil.get_terminal_size().columns
        print(f"\r\033[K{text[:width - 1]}" if on_terminal() else text, end="" if on_terminal() else "\n", flush=True)

    def end(self, fault: str, stopped: bool, late: bool) -> int:
        """The last lines; the exit status.

        Parameters
        ----------
        fault : str
            Why it cannot go on.
        stopped : bool
            On request.
        late : bool
            Some case came to its own time limit.
        """
        seen = look(self.directory)
        done, failed = (ids & self._cost.keys() for ids in (seen.done, seen.failed))
        left = len(self._cost) - len(done) - len(failed)
        clear = "\r\033[K" if on_terminal() else ""
        print(f"{clear}{len(done)} of {len(self._cost)} cases done, {len(failed)} failed, {left} left after "
              f"{in_words(time.monotonic() - self._started)}", flush=True)
        if failed:
            first = min(failed)
            print(f"the first that failed, {first}: {read_failure(self.directory, first)}\n"
                  f"see pfsolid sweep status {as_word(self.directory)}", flush=True)
        if stopped and left:
            print(f"stopped on request; go on with: pfsolid sweep run {as_word(self.directory)}", flush=True)
        elif late and left:
            begun = len(seen.work.keys() & self._cost.keys() - done - failed)
            print(f"cases came to their time limit, evolution.wall_clock_limit_s ({begun} of those left are begun); go on "
                  f"with: pfsolid sweep run {as_word(self.directory)}", flush=True)
        elif left == 0:
            print(f"next: pfsolid sweep collect {as_word(self.directory)}", flush=True)
        return _status_of(fault, (stopped or late) and left > 0, len(failed))
