"""What every use case needs around its computation: ranks, threads, messages, progress, the clock."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from ..errors import InputError, Interrupted
from ..text import in_words
from .collective import Reducer
from .communicator import Communicator
from .launch import under_mpirun

LOGGER = logging.getLogger("pfsolid")
_PLAIN_INTERVAL_S = 10.0
_TERMINAL_INTERVAL_S = 0.2


@dataclass
class Session:
    """One launch of the program, or one call from Python.  Made by `open_session`, ended by `close` or a `with` block.

    Attributes
    ----------
    comm : Communicator
    reducer : Reducer
    threads : int
        On each rank.
    stop_requested : str or None
        On this rank: what asks for an end, such as the name of a signal that has come.
    limit_s : float or None
        Wall-clock time after which it is to end.
    got_on : bool
        Something was done that the next launch need not do again.
    signals, on_close : ExitStack
        What gives back to the process the signals, and all else that the session has taken of it.
    """

    comm: Communicator
    reducer: Reducer
    threads: int
    started: float = field(default_factory=time.monotonic)
    stop_requested: str | None = None
    limit_s: float | None = None
    got_on: bool = False
    signals: ExitStack = field(default_factory=ExitStack, repr=False)
    on_close: ExitStack = field(default_factory=ExitStack, repr=False)
    _last_progress: float = 0.0

    def begin(self) -> None:
        """Set the clock to zero: for the next of several cases."""
        self.started, self.got_on = time.monotonic(), False

    def close(self) -> None:
        """Leave the process as it was."""
        self.signals.close()
        self.on_close.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def is_root(self) -> bool:
        return self.reducer.rank == 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def look_around(self, due: bool = False) -> tuple[str, bool]:
        """Why the work is to end now, empty if it is not, and whether something is due on root; agreed.  Collective."""
        out_of_time = self.is_root and self.limit_s is not None and self.elapsed_s >= self.limit_s
        seen = self.stop_requested is not None, out_of_time, self.is_root and due
        signalled, late, is_due = self.reducer.sum([float(one) for one in seen]) > 0
        why = "a signal came" if signalled else f"the wall-clock limit of {self.limit_s:g} s is reached" if late else ""
        return why, bool(is_due)

    def attend(self, doing: str) -> None:
        """Raise Interrupted if the work is to end now.  Collective.

        The time limit counts where this launch has got on (`got_on`) only: what it stops here is done again by the next.
        """
        why, _ = self.look_around()
        if why and (self.got_on or self.reducer.any(self.stop_requested is not None)):
            raise Interrupted(f"stopped while {doing}, because {why}")

    def check_start_up(self, key: str) -> None:
        """Raise InputError if the time limit is over before the work begins: it would never get anywhere.  Collective."""
        if self.limit_s is None:
            return
        needed = self.reducer.from_root(self.elapsed_s)
        if needed >= self.limit_s:
            raise InputError(f"{key} = {self.limit_s:g}: starting up alone took {in_words(needed)}, so no launch would get "
                             "anywhere; allow some minutes (a run is resumed with another limit by pfsolid resume DIR --set "
                             f"{key}=SECONDS)")

    def lose(self) -> None:
        """Note that another launch has taken the work over, after this one had been frozen for minutes."""
        self.stop_requested = self.stop_requested or "another launch has taken the directory over"

    def say(self, text: str) -> None:
        """A line for the person and the log, from root."""
        if self.is_root:
            LOGGER.info(text)

    def announce(self, text: str) -> None:
        """What is about to take a while, before it begins."""
        self.say(text)

    def note(self, text: str) -> None:
        """A line for the log alone, from root."""
        if self.is_root:
            LOGGER.debug(text)

    def warn(self, text: str) -> None:
        if self.is_root:
            LOGGER.warning("warning: %s", text)

    def hold_progress(self) -> None:
        """Something begins: what `progress` has to say is due an interval from now."""
        self._last_progress = time.monotonic()

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
    return sys.stdout is not None and sys.stdout.isatty() and not under_mpirun()
