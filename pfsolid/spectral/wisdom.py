"""What FFTW measured, kept for each kind of processor: the same plans, hence the same bits."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..regular import refuse_special


def plan_cache(dtype) -> Path:
    """Where FFTW's measurements of this kind of processor are kept: $PFSOLID_CACHE, or ~/.cache/pfsolid."""
    base = os.environ.get("PFSOLID_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pfsolid")
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor()
    return Path(base) / f"fftw-{np.dtype(dtype).name}-{hashlib.sha256(model.encode()).hexdigest()[:12]}.wisdom"


def read_or_nothing(path: Path) -> str:
    try:
        refuse_special(path)
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def write_if_possible(path: Path, text: str) -> None:
    # A read-only home costs the time of measuring again, no more.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="ascii") as file:
            file.write(text)
        os.replace(file.name, path)


def export_wisdom(library) -> str:
    # FFTW's interface here is by file name only.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "wisdom")
        library.export_wisdom(bytearray(path, "utf-8"))
        with open(path, encoding="ascii") as file:
            return file.read()


def import_wisdom(library, wisdom: str) -> None:
    if not wisdom:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "wisdom")
        with open(path, "w", encoding="ascii") as file:
            file.write(wisdom)
        library.import_wisdom(bytearray(path, "utf-8"))
