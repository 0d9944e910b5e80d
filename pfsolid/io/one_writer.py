"""One launch at a time writes into a run directory.

The lock is the system's (flock) on ``.lock`` in the directory, which ends with the process that holds it, however that ends.
Where the file system has none, a claim with a number that is counted up (`claims`) does the same among machines; a holder on
another machine counts as dead when its number has stood still for `claims.EXPIRY_S`.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import InputError
from ..parallel.collective import on_root
from .claims import Watch, beating, claim_path, read_holder, split_name, take

LOCK = ".lock"
_NAME = ".writer"  # of the claim
PATIENCE_S = 2.0  # a launch that was killed takes a moment to be gone
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF)


@contextmanager
def only_writer(directory: Path, comm, on_lost=lambda: None):
    """The block has the directory, which must exist, to itself.  Collective at its beginning.

    Parameters
    ----------
    on_lost : callable
        Called from another thread on root if the claim was taken away, from a launch that had been frozen for minutes.

    Raises
    ------
    InputError
        On all ranks: another launch is at work there, or nothing can be written.
    """
    with ExitStack() as held:
        on_root(comm, _enter, held, Path(directory), on_lost)
        yield


def _enter(held: ExitStack, directory: Path, on_lost) -> None:
    descriptor = _take_lock(directory)
    held.enter_context(_claimed(directory, on_lost) if descriptor is None else _locked(directory, descriptor))


@contextmanager
def _locked(directory: Path, descriptor: int):
    try:
        with suppress(OSError):  # for the other launch's message only
            os.truncate(descriptor, 0)
            os.write(descriptor, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
        yield
    finally:
        # Removed while it is held: whoever has it open finds that it no longer stands there.
        with suppress(OSError):
            (directory / LOCK).unlink()
        os.close(descriptor)


def _take_lock(directory: Path) -> int | None:
    """The locked file; None where the file system has no locks."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _refusal(directory, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == os.stat(directory / LOCK, follow_symlinks=False).st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # removed by its holder between opening and locking
        except BlockingIOError:
            if time.monotonic() > deadline:
                who = _holder_of_lock(descriptor)
                os.close(descriptor)
                raise _in_use(directory, who) from None
            time.sleep(0.1)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _NO_LOCKS:
                raise _refusal(directory, error) from error
            with suppress(OSError):
                (directory / LOCK).unlink()
            return None
        os.close(descriptor)


def _holder_of_lock(descriptor: int) -> dict:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


@contextmanager
def _claimed(directory: Path, on_lost):
    claim = _take_claim(directory)
    try:
        with beating(claim, on_lost):
            yield
    finally:
        with suppress(OSError):
            claim.release()


def _take_claim(directory: Path):
    """Waits for a holder of another machine to show whether it lives."""
    watch, deadline = Watch(), time.monotonic() + PATIENCE_S
    while True:
        held = [split_name(path.name)[1] for path in directory.glob(f"{_NAME}.claim*")]
        generation = max(held, default=-1)
        path = claim_path(directory, _NAME, generation)
        state = "gone" if generation < 0 else watch.state(path)
        if state == "alive" and time.monotonic() > deadline:
            raise _in_use(directory, _holder_of_claim(path))
        if state in ("dead", "gone"):
            claim = take(directory, _NAME, generation + 1 if state == "dead" else 0)
            if claim is not None:
                return claim
        time.sleep(0.1)


def _holder_of_claim(path: Path) -> dict:
    try:
        return read_holder(path)
    except (OSError, ValueError):
        return {}


def _in_use(directory: Path, holder: dict) -> InputError:
    who = f" (process {holder['pid']} on {holder['host']})" if {"pid", "host"} <= holder.keys() else ""
    return InputError(f"another launch of pfsolid is at work in {directory}{who}: wait until it has ended, or give "
                      "another -o")


def _refusal(directory: Path, error: OSError) -> InputError:
    return InputError(f"cannot write in the output directory {directory}: {error.strerror}")
