"""What every use case needs around its computation: ranks, threads, messages, progress, signals, the clock."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numba

from ..errors import InputError
from ..parallel import Reducer, world

_LOG = logging.getLogger("pfsolid")
_PLAIN_INTERVAL_S = 10.0
_TERMINAL_INTERVAL_S = 0.2


@dataclass
class Session:
    """One launch of the program.  Made by `open_session`.

    Attributes
    ----------
    comm : mpi4py.MPI.Comm
    reducer : Reducer
    threads : int
        On each rank.
    stop_requested : bool
        On this rank: a signal has come.
    """

    comm: object
    reducer: Reducer
    threads: int
    started: float = field(default_factory=time.monotonic)
    stop_requested: str | None = None
    _last_progress: float = 0.0

    @property
    def is_root(self) -> bool:
        return self.reducer.rank == 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """A line for the person and the log, from root."""
        if self.is_root:
            _LOG.info(text)

    def warn(self, text: str) -> None:
        if self.is_root:
            _LOG.warning("warning: %s", text)

    def progress(self, make_text) -> None:
        """Show how far things are: in place on a terminal, else as a line every ten seconds.

        ``make_text`` is called only when something is shown.
        """
        if not self.is_root:
            return
        now = time.monotonic()
        terminal = on_terminal()
        if now - self._last_progress < (_TERMINAL_INTERVAL_S if terminal else _PLAIN_INTERVAL_S):
            return
        self._last_progress = now
        if terminal:
            sys.stdout.write("\r\033[K" + make_text())
            sys.stdout.flush()
        else:
            _LOG.info(make_text())


def open_session(threads: int | None = None, comm=None) -> Session:
    """Collective: take the threads asked for, catch the signals, send messages to standard output.

    Threads: as given; else all cores on one rank and one under several.

    Raises
    ------
    InputError
        If there are fewer cores than threads.
    """
    comm = world() if comm is None else comm
    reducer = Reducer(comm)
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if reducer.size == 1 else 1
        threads = min(threads, numba.config.NUMBA_NUM_THREADS)
    if threads > numba.config.NUMBA_NUM_THREADS:
        raise InputError(f"threads = {threads}: this machine gives {numba.config.NUMBA_NUM_THREADS} cores to a rank")
    numba.set_num_threads(threads)
    session = Session(comm, reducer, threads)
    _catch_signals(session)
    _LOG.handlers.clear()
    _LOG.propagate = False
    _LOG.setLevel(logging.INFO if session.is_root else logging.CRITICAL)
    _LOG.addHandler(_StandardOutput())
    return session


def log_to(path: Path, session: Session, only: bool = False) -> None:
    """Also (or only) write messages to a file, on root, with the time of day; after what it holds already."""
    if session.is_root:
        if only:
            _LOG.handlers.clear()
        handler = _LogFile(path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%dT%H:%M:%S"))
        _LOG.addHandler(handler)


class _LogFile(logging.FileHandler):
    def handleError(self, record):
        """Say nothing of a log on a full disk: what matters is refused, in its own words, where it is written."""


class _StandardOutput(logging.Handler):
    """Lines on whatever is standard output now; a progress line in place is cleared first."""

    def emit(self, record: logging.LogRecord) -> None:
        clear = "\r\033[K" if on_terminal() else ""
        sys.stdout.write(f"{clear}{record.getMessage()}\n")
        sys.stdout.flush()


def under_mpirun() -> bool:
    return "OMPI_COMM_WORLD_SIZE" in os.environ or "PMI_SIZE" in os.environ


def on_terminal() -> bool:
    # mpirun gives its ranks a terminal of its own making even where its output goes to a file.
    return sys.stdout.isatty() and not under_mpirun()


def _catch_signals(session: Session) -> None:
    # SIGUSR1 is what SLURM sends before a limit.  SIGTERM and Ctrl-C are left alone under mpirun, which ends the ranks
    # itself before a handler could act.
    signals = [signal.SIGUSR1]
    if session.reducer.size == 1 and not under_mpirun():
        signals += [signal.SIGTERM, signal.SIGINT]

    def note(number, _frame):
        session.stop_requested = signal.Signals(number).name

    for number in signals:
        signal.signal(number, note)


def in_words(seconds: float) -> str:
    """A duration for a person: 42 s, 3 min 20 s, 5 h 12 min."""
    seconds = max(0, int(round(seconds)))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
