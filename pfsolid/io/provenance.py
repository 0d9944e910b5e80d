"""Where a result comes from: version, commit, libraries, ranks, seed, date."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import mpi4py
import mpi4py_fft
import numpy as np
from mpi4py import MPI

from .. import __version__
from ..parallel.collective import on_root
from .hdf5 import h5py, has_parallel_hdf5
from .records import UNITS


def provenance(comm, *, seed: int | None, threads: int, input_text: str) -> dict:
    """Which program, libraries, machine and input made a result, as root sees it.  Collective.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    seed : int or None
    threads : int
        On each rank.
    input_text : str
        The input as resolved; its SHA-256 is recorded.

    Returns
    -------
    dict
        Of strings and numbers, the same on every rank.
    """
    def collect() -> dict:
        return {
            "program": "pfsolid",
            "pfsolid_version": __version__,
            "git_commit": git_commit(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "platform": platform.platform(),
            "num_ranks": comm.Get_size(),
            "threads_per_rank": threads,
            "seed": seed,
            "input_sha256": hashlib.sha256(input_text.encode("utf-8")).hexdigest(),
            "units": UNITS,
            **{f"{name}_version": version for name, version in library_versions().items()},
        }

    return on_root(comm, collect)


def library_versions() -> dict[str, str]:
    """Versions of what is underneath: python, numpy, mpi4py, mpi, mpi4py_fft, fftw, h5py, hdf5."""
    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "mpi4py": mpi4py.__version__,
        "mpi": MPI.Get_library_version().split(",")[0].strip("\0 \n"),
        "mpi4py_fft": mpi4py_fft.__version__,
        "fftw": _fftw_version(),
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version + (" parallel" if has_parallel_hdf5() else " serial"),
    }


def _fftw_version() -> str:
    # FFTW's C interface has it as a string constant, reached through the extension module linked to it.
    with suppress(KeyError, OSError, ValueError):
        library = ctypes.CDLL(sys.modules["mpi4py_fft.fftw.fftw_xfftn"].__file__)
        return ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "fftw_version"))).decode()
    return "unknown"


@functools.cache
def git_commit() -> str | None:
    """Commit of the checkout this package runs from, with '+' if its files were changed; None outside one."""
    package = Path(__file__).resolve().parents[1]

    def git(*arguments) -> str:
        done = subprocess.run(["git", "-C", str(package), *arguments], capture_output=True, text=True,
                              check=True, timeout=10, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"})
        return done.stdout.strip()

    with suppress(OSError, subprocess.SubprocessError):
        git("ls-files", "--error-unmatch", "__init__.py")  # or is it installed inside another checkout?
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    return None
