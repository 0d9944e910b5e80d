"""The process of the command line before anything else is loaded: a screen that may go away, signals that come early.

Whoever imports pfsolid as a library has nothing of this done to his process.
"""

from __future__ import annotations

import codecs
import gc
import io
import os
import select
import signal
import sys
import unicodedata
from contextlib import contextmanager

_NUMBERS = ("NUMBA_NUM_THREADS",)  # where numba ends with a traceback for anything else

_ROOM_SETTING = "OMPI_MCA_orte_tmpdir_base"
_ROOM_BYTES = 16 * 2**20  # of which Open MPI's session takes some

dropped: list[str] = []  # settings of the environment that mean nothing, as NAME=VALUE
_early: list[str] = []  # signals of the time in which nobody could act on them


def prepare() -> None:
    """Once, first of all: MPI takes seconds to load, and gives numbers to files of its own."""
    _fill_standard_descriptors()
    for name in _NUMBERS:
        value = os.environ.get(name)
        if value is not None and not (value.isdecimal() and int(value) > 0):
            dropped.append(f"{name}={os.environ.pop(name)}")
    _find_room_for_mpi()
    codecs.register_error("pfsolid.readable", _readable)
    sys.stdout, sys.stderr = _lasting_stream(1), _lasting_stream(2)
    if signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL:
        signal.signal(signal.SIGUSR1, _note_early)
    # Where nothing is to be saved Ctrl-C ends the process at once, in compiled code too and without a traceback.
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _note_early(number, _frame) -> None:
    _early.append(signal.Signals(number).name)


@contextmanager
def loading():
    """For a `with` block of imports: what they load stays, and is not looked through for garbage again and again.

    The collector would go through some 10^6 objects of numba and matplotlib five times, a tenth of a small run.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def let_signals_end() -> None:
    """For a command that keeps nothing half done: SIGUSR1 ends it as it is, also one that has come before."""
    if signal.getsignal(signal.SIGUSR1) is _note_early:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        if _early:
            signal.raise_signal(signal.SIGUSR1)


def early_signal() -> str | None:
    """The first of the requests to stop that came while the program was being loaded."""
    return _early[0] if _early else None


def _fill_standard_descriptors() -> None:
    """Open what was closed (`>&-`): else the next file to be opened, of results perhaps, gets what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _find_room_for_mpi() -> None:
    """Where the temporary directory is full or gone Open MPI ends the process, unless it is told another folder."""
    if _ROOM_SETTING in os.environ or "OMPI_COMM_WORLD_SIZE" in os.environ or _has_room(os.environ.get("TMPDIR") or "/tmp"):
        return
    for folder in ("/dev/shm", "/var/tmp", "."):
        if _has_room(folder):
            os.environ[_ROOM_SETTING] = os.path.abspath(folder)
            return


def _has_room(folder: str) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK) and found.f_bavail * found.f_frsize > _ROOM_BYTES


class _LastingFile(io.FileIO):
    """A file on which writing does not fail: when its reader has gone, or its disk is full, it becomes /dev/null."""

    def write(self, data) -> int:
        try:
            while (written := super().write(data)) is None:  # somebody has made it non-blocking
                select.select([], [self], [])
            return written
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return len(data)


def _lasting_stream(number: int) -> io.TextIOWrapper:
    """Standard output or error by its number, with Python's encoding."""
    before = sys.__stdout__ if number == 1 else sys.__stderr__
    encoding = getattr(before, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(_LastingFile(number, "w", closefd=False)), encoding, "pfsolid.readable",
                            line_buffering=True)


def _readable(error: UnicodeError) -> tuple[str, int]:
    """What stands for text that an encoding lacks: Li3PS4 for Li₃PS₄, else \\u escapes."""
    text = unicodedata.normalize("NFKD", error.object[error.start:error.end])
    return text.encode("ascii", "backslashreplace").decode(), error.end
