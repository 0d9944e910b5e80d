"""What every use case needs around its computation: ranks, threads, messages, progress, the clock."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass, field

from .collective import Reducer
from .launch import under_mpirun

LOGGER = logging.getLogger("pfsolid")
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
            LOGGER.info(text)

    def note(self, text: str) -> None:
        """A line for the log alone, from root."""
        if self.is_root:
            LOGGER.debug(text)

    def warn(self, text: str) -> None:
        if self.is_root:
            LOGGER.warning("warning: %s", text)

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
            LOGGER.info(make_text())


def on_terminal() -> bool:
    # mpirun gives its ranks a terminal of its own making even where its output goes to a file.
    return sys.stdout.isatty() and not under_mpirun()
