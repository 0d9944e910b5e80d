"""A launch at a terminal or in a batch job: its session, signals caught, messages to standard output and a log."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path

import numba

from ..parallel.collective import Reducer, agreed_errors
from ..parallel.communicator import world
from ..parallel.launch import under_mpirun
from ..parallel.session import LOGGER, Session, on_terminal
from ..parallel.threads import remarks_on_limits, remarks_on_waiting, take_threads
from ..process import early_signal


def open_session(threads: int | None = None, comm=None, catch_signals: bool = True) -> Session:
    """Collective: take the threads asked for, catch the signals, send messages to standard output.

    What it changes of the process is changed back when the session is closed.

    Parameters
    ----------
    threads : int, optional
        Of each rank; default: see `pfsolid.parallel.threads.default_threads`.
    catch_signals : bool
        Note SIGTERM, SIGHUP, Ctrl-C and SIGUSR1 in ``stop_requested``, which the computation is to look at; False: leave
        them as they are.  In a thread they are left alone in any case.

    Raises
    ------
    InputError
        If there are fewer cores than threads, or numba cannot start them.
    """
    comm = world() if comm is None else comm
    reducer = Reducer(comm)
    remarks = remarks_on_limits()
    with agreed_errors(comm):
        threads, before = take_threads(threads, reducer.size)
    session = Session(comm, reducer, threads)
    session.on_close.callback(numba.set_num_threads, before)
    if catch_signals and threading.current_thread() is threading.main_thread():
        _catch_signals(session)
    _take_log(session)
    for text in remarks + remarks_on_waiting(threads):
        session.warn(text)
    return session


def log_to(path: Path, session: Session, only: bool = False) -> None:
    """Also (or only) write messages to a file, on root, with the time of day; after what it holds already.

    A log that cannot be written costs a warning, and nothing else.
    """
    if not session.is_root:
        return
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is not a file")
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        session.warn(f"no log: cannot write {path}: {error.strerror or error}")
        return
    if only:
        LOGGER.handlers.clear()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%dT%H:%M:%S"))
    LOGGER.addHandler(handler)
    session.on_close.callback(_end_log, handler)


def _end_log(handler: logging.Handler) -> None:
    LOGGER.removeHandler(handler)
    handler.close()


class _LogFile(logging.FileHandler):
    def handleError(self, record):
        """Say nothing of a log on a full disk: what matters is refused, in its own words, where it is written."""


class _StandardOutput(logging.Handler):
    """Lines on whatever is standard output now; a progress line in place is cleared first."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stdout is not None:
            clear = "\r\033[K" if on_terminal() else ""
            sys.stdout.write(f"{clear}{record.getMessage()}\n")
            sys.stdout.flush()


def _take_log(session: Session) -> None:
    before = LOGGER.handlers[:], LOGGER.propagate, LOGGER.level

    def give_back() -> None:
        LOGGER.handlers[:], LOGGER.propagate = before[:2]
        LOGGER.setLevel(before[2])

    session.on_close.callback(give_back)
    LOGGER.handlers.clear()
    LOGGER.propagate = False
    LOGGER.setLevel(logging.DEBUG if session.is_root else logging.CRITICAL)
    LOGGER.addHandler(_StandardOutput(logging.INFO))


def _catch_signals(session: Session) -> None:
    # SIGUSR1 is what SLURM sends before a limit.  SIGTERM and Ctrl-C are left alone under mpirun, which ends the ranks
    # itself before a handler could act.
    signals = [signal.SIGUSR1]
    if session.reducer.size == 1 and not under_mpirun():
        signals += [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    session.stop_requested = early_signal()

    def note(number, _frame):
        session.stop_requested = signal.Signals(number).name

    for number in signals:
        before = signal.getsignal(number)
        if before is not signal.SIG_IGN:  # nohup, or in the background of a script
            signal.signal(number, note)
            session.signals.callback(signal.signal, number, before or signal.SIG_DFL)
