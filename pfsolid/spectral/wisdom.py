"""What FFTW measured, kept for each kind of processor: the same plans, hence the same bits."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np

from ..kernel import private_temporary_folder, user_caches
from ..regular import refuse_special

_PATIENCE_S = 2.0


def plan_caches(library: str, dtype) -> list[Path]:
    """Where an FFTW's measurements of this kind of processor may be kept: the user's caches, else a temporary folder."""
    name = f"{library}-{np.dtype(dtype).name}-{hashlib.sha256(_processor().encode()).hexdigest()[:12]}.wisdom"
    last = private_temporary_folder()
    return [folder / name for folder in (*user_caches(), *([last] if last else []))]


@cache
def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def read_or_nothing(paths: list[Path]) -> str:
    """The first that is there; not a pipe, which would wait for somebody to write."""
    for path in paths:
        with suppress(OSError, UnicodeDecodeError):
            refuse_special(path)
            return path.read_text(encoding="ascii")
    return ""


@contextmanager
def others_kept_out(paths: list[Path]) -> Iterator[None]:
    """While what stands in the file is read, added to and written: else one of two processes loses what it has measured.

    Not for longer than seconds: who holds the lock may have been stopped, and file systems without locks have none.
    """
    descriptor = None
    for path in paths:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path.with_suffix(".lock"), flags, 0o600)
            break
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while descriptor is not None and not _locked(descriptor) and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here: nothing to wait for
        pass
    return True


def write_if_possible(paths: list[Path], text: str) -> None:
    """Into the first that can be written.  That none can costs the time of measuring again, no more."""
    for path in paths:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="ascii") as file:
                try:
                    file.write(text)
                    file.flush()
                except OSError:
                    os.unlink(file.name)
                    raise
            os.replace(file.name, path)
            return
