"""Exceptions that carry a message for a person, and the exit status that goes with each.

Every error a user can cause or a run can meet is one of these.  The command line turns them into one line on
root and the status below; anything else that escapes is a bug and ends every rank with a traceback.  Each is also of the
kind that Python programmers expect (ValueError, RuntimeError, OSError), so a script need not know these classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_CHECKPOINTED = 85


class PfsolidError(Exception):
    """Base class: the message is complete and fit to be shown as it is."""

    exit_status = EXIT_FAULT


class InputError(PfsolidError, ValueError):
    """The user asked for something that is not possible; nothing was computed or overwritten."""

    exit_status = EXIT_INPUT


class ConvergenceError(PfsolidError, RuntimeError):
    """An iteration stopped short of its tolerance."""


class CheckpointError(PfsolidError, OSError):
    """A checkpoint or result file is truncated, damaged, foreign or of another schema."""


class OutputError(PfsolidError, OSError):
    """Writing failed (disk full, directory removed, no permission)."""


class Interrupted(PfsolidError):
    """A signal asked the run to stop; a checkpoint was written and the run can be resumed."""

    exit_status = EXIT_CHECKPOINTED


@contextmanager
def damage_is_a_mistake() -> Iterator[None]:
    """What is wrong with a file that a command was pointed at, and only reads, is a mistake in the command."""
    try:
        yield
    except CheckpointError as error:
        raise InputError(str(error)) from error


class PfsolidWarning(UserWarning):
    """Something computed means less than it seems to; for those who call pfsolid from Python."""
