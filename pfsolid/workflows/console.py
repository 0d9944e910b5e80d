"""A launch at a terminal or in a batch job: its session, signals caught, messages to standard output and a log."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path

import numba

from ..errors import InputError
from ..parallel.collective import Reducer, agreed_errors, world
from ..parallel.launch import under_mpirun
from ..parallel.session import LOGGER, Session, on_terminal
from ..process import dropped, early_signal
from ..text import plural

_LIMITS = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK")


def open_session(threads: int | None = None, comm=None, catch_signals: bool = True) -> Session:
    """Collective: take the threads asked for, catch the signals, send messages to standard output.

    What it changes of the process is changed back when the session is closed.

    Parameters
    ----------
    threads : int, optional
        Of each rank; default: one under several ranks, else all cores that OMP_NUM_THREADS and SLURM_CPUS_PER_TASK leave.
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
    remarks = _remarks_on_limits()
    with agreed_errors(comm):
        threads = _default_threads(reducer.size) if threads is None else threads
        before = _take_threads(threads)
    session = Session(comm, reducer, threads)
    session.on_close.callback(numba.set_num_threads, before)
    if catch_signals and threading.current_thread() is threading.main_thread():
        _catch_signals(session)
    _take_log(session)
    if threads > 1 and os.environ.get("OMP_WAIT_POLICY", "").lower() == "active":
        remarks.append("OMP_WAIT_POLICY=active: idle threads keep the cores from those that work, and steps take up to 2.5 "
                       "times as long; unset it, or make it passive")
    for text in remarks:
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


# --- threads ------------------------------------------------------------------------------------------------


def _default_threads(num_ranks: int) -> int:
    if num_ranks > 1:
        return 1
    asked = [int(_limit(name)) for name in _LIMITS if _is_number(_limit(name))]
    return min([len(os.sched_getaffinity(0)), numba.config.NUMBA_NUM_THREADS, *asked])


def _limit(name: str) -> str:
    """OMP_NUM_THREADS may be a list, of which the first is for the outermost level."""
    return os.environ.get(name, "").partition(",")[0].strip()


def _is_number(text: str) -> bool:
    return text.isdecimal() and int(text) > 0


def _remarks_on_limits() -> list[str]:
    odd = dropped + [f"{name}={os.environ[name]}" for name in _LIMITS if _limit(name) and not _is_number(_limit(name))]
    remarks = [f"{setting} is no number of threads and not heeded" for setting in odd]
    if numba.config.DISABLE_JIT:
        remarks.append("NUMBA_DISABLE_JIT=1: kernels run as Python, a hundred times slower; unset it")
    return remarks


def _take_threads(threads: int) -> int:
    """The number of them before."""
    most = numba.config.NUMBA_NUM_THREADS
    if threads > most:
        raise InputError(f"threads = {threads}: {_why_no_more(most, threads)}")
    try:
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        return before
    except ValueError as error:  # the layer asked for is not there
        layer = numba.config.THREADING_LAYER
        raise InputError(f"NUMBA_THREADING_LAYER={layer}: {' '.join(str(error).split())}; unset it") from None


def _why_no_more(most: int, threads: int) -> str:
    if "NUMBA_NUM_THREADS" in os.environ:
        return f"NUMBA_NUM_THREADS={most} allows no more than that"
    everything = os.cpu_count() or most
    if most < threads <= everything:
        return (f"this launch gives a rank {plural(most, 'core')} of {everything}; give it more: mpirun --map-by "
                f"slot:PE={threads}, srun --cpus-per-task={threads}, or mpirun --bind-to none")
    return f"this machine has {plural(everything, 'core')}; use at most as many threads for all its ranks together"
