"""A session inside somebody's own Python process: no handlers, no prints, nothing left changed."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numba

from ..errors import InputError, PfsolidWarning
from .collective import Reducer, agreed_errors
from .communicator import alone, is_communicator, launched_ranks, rank_by_launcher
from .launch import under_mpirun
from .session import Session
from .threads import remarks_on_limits, remarks_on_waiting, take_threads

_PACKAGE = str(Path(__file__).resolve().parents[1]) + os.sep
_INTERVAL_S = 0.2
_said: set[str] = set()


@dataclass
class QuietSession(Session):
    """What is said goes to the logger ``pfsolid``, which is left as it is; warnings are Python's.

    Attributes
    ----------
    show : callable, optional
        ``show(text)`` with how far things are, on root; may raise to stop.
    """

    show: Callable[[str], object] | None = None

    def warn(self, text: str) -> None:
        """A `PfsolidWarning` at the line outside the package that led here, on root."""
        if self.is_root:
            warnings.warn(text, PfsolidWarning, stacklevel=_outside())

    def hold_progress(self) -> None:
        """Nothing is held from somebody's own function."""

    def announce(self, text: str) -> None:
        """Also to whoever asked for progress."""
        super().announce(text)
        if self.show is not None and self.is_root:
            self.show(text)

    def progress(self, make_text) -> None:
        """Hand the text to ``show``, five times a second at the most."""
        now = time.monotonic()
        if self.show is None or not self.is_root or now - self._last_progress < _INTERVAL_S:
            return
        self._last_progress = now
        self.show(make_text())


@contextmanager
def quiet_session(comm=None, threads: int | None = None, progress=None) -> Iterator[QuietSession]:
    """A session for a block; the number of numba's threads is put back after it.  Collective.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm, optional
        None: this process by itself.
    threads : int, optional
        None: see `pfsolid.parallel.threads.default_threads`.
    progress : bool or callable, optional
        True: a line in place on standard error; or what is called with the text.

    Raises
    ------
    InputError
        If one of them is something else.
    """
    if comm is not None and not is_communicator(comm):
        raise InputError(f"comm = {comm!r}: must be a communicator of mpi4py, such as MPI.COMM_WORLD, or None")
    if comm is None and under_mpirun():
        _say_once("pfsolid is called under mpirun without comm: every rank computes the whole; give comm=MPI.COMM_WORLD to "
                  "divide it")
    line = _Line() if progress is True else None
    show = line or progress or None
    if show is not None and not callable(show):
        raise InputError(f"progress = {progress!r}: must be True, False or a function that is called with a text")
    comm = comm if comm is not None else alone()
    reducer = Reducer(comm)
    remarks = remarks_on_limits()
    with agreed_errors(comm):
        # Ranks that each compute for themselves share the cores as well.
        threads, before = take_threads(threads, launched_ranks())
    for text in remarks + remarks_on_waiting(threads):
        _say_once(text)
    try:
        yield QuietSession(comm, reducer, threads, show=show)
    finally:
        numba.set_num_threads(before)
        if line is not None:
            line.end()


class _Line:
    """A line in place on a terminal, lines elsewhere."""

    def __init__(self):
        self._shown = False

    def __call__(self, text: str) -> None:
        self._shown = True
        sys.stderr.write(f"\r\033[K{text}" if sys.stderr.isatty() else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear what stands in place."""
        if self._shown and sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _say_once(text: str) -> None:
    """As a warning, by the first rank of the launch."""
    if text in _said:
        return
    _said.add(text)
    if rank_by_launcher() == 0:
        warnings.warn(text, PfsolidWarning, stacklevel=_outside())


def _outside() -> int:
    """How many calls above the caller the first line outside the package is, as `warnings.warn` counts."""
    frame, level = sys._getframe(1), 1
    while frame is not None and (frame.f_code.co_filename.startswith(_PACKAGE) or "contextlib" in frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    return level
