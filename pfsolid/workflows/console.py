"""A launch at a terminal or in a batch job: its session, signals caught, messages to standard output and a log."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import numba

from ..errors import InputError
from ..parallel.collective import Reducer, world
from ..parallel.launch import under_mpirun
from ..parallel.session import LOGGER, Session, on_terminal


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
    LOGGER.handlers.clear()
    LOGGER.propagate = False
    LOGGER.setLevel(logging.DEBUG if session.is_root else logging.CRITICAL)
    LOGGER.addHandler(_StandardOutput(logging.INFO))
    return session


def log_to(path: Path, session: Session, only: bool = False) -> None:
    """Also (or only) write messages to a file, on root, with the time of day; after what it holds already."""
    if session.is_root:
        if only:
            LOGGER.handlers.clear()
        handler = _LogFile(path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%dT%H:%M:%S"))
        LOGGER.addHandler(handler)


class _LogFile(logging.FileHandler):
    def handleError(self, record):
        """Say nothing of a log on a full disk: what matters is refused, in its own words, where it is written."""


class _StandardOutput(logging.Handler):
    """Lines on whatever is standard output now; a progress line in place is cleared first."""

    def emit(self, record: logging.LogRecord) -> None:
        clear = "\r\033[K" if on_terminal() else ""
        sys.stdout.write(f"{clear}{record.getMessage()}\n")
        sys.stdout.flush()


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
