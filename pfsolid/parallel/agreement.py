"""Errors and results that all ranks share, and ranks that wait for each other.  Loads neither MPI nor NumPy."""

from __future__ import annotations

import math
import pickle
import time
import traceback
from contextlib import contextmanager

from ..errors import PfsolidError
from .communicator import Communicator, largest


@contextmanager
def agreed_errors(comm: Communicator):
    """Run a block so that an error on any rank is raised on every rank.

    Collective at its end.  The block itself must not contain a collective call after the point where a single rank
    can fail.  The lowest failing rank's error is the one raised, as the same type on every rank.
    """
    error = None
    try:
        yield
    except Exception as caught:
        error = caught
    raise_together(comm, error)


def raise_together(comm: Communicator, error: Exception | None) -> None:
    """Collective: raise the lowest rank's error on every rank, if there is one.

    That rank raises the error itself, the others a copy with the traceback as a note.  One that cannot be copied is a
    RuntimeError there.
    """
    if comm.Get_size() == 1:
        if error is not None:
            raise error
        return
    if not largest(comm, int(error is not None)):
        return
    described = comm.allgather(None if error is None else _described(error))
    first = next(rank for rank, one in enumerate(described) if one is not None)
    if first == comm.Get_rank():
        raise error
    raise _copied(*described[first], first) from error


def _described(error: Exception) -> tuple[bytes | None, str]:
    """An error as bytes, if it comes back from them as what it was, and its text."""
    text = "".join(traceback.format_exception(error))
    try:
        raw = pickle.dumps(error)
        if type(pickle.loads(raw)) is type(error):
            return raw, text
    except Exception:  # whatever a foreign class does when it is pickled
        pass
    return None, text


def _copied(raw: bytes | None, text: str, rank: int) -> Exception:
    if raw is None:
        return RuntimeError(text)
    error = pickle.loads(raw)
    if not isinstance(error, PfsolidError):
        error.add_note(f"on rank {rank}:\n{text}")
    return error


def on_root(comm: Communicator, function, *args, **kwargs):
    """Call ``function`` on root only and return its result on every rank.

    Collective.  An exception on root is raised on every rank.
    """
    result, error = None, None
    if comm.Get_rank() == 0:
        try:
            result = function(*args, **kwargs)
        except Exception as caught:
            error = caught
    raise_together(comm, error)
    return comm.bcast(result, root=0)


def all_come(comm: Communicator, patience_s: float = math.inf) -> bool:
    """A barrier that waits without using the core; False after ``patience_s`` if some rank has not come."""
    if comm.Get_size() == 1:
        return True
    request = comm.Ibarrier()
    deadline = time.monotonic() + patience_s
    while not request.Test():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
