"""Where a result comes from: version, commit, libraries, ranks, seed, date."""

from __future__ import annotations

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

import numpy as np

from .. import __version__
from ..parallel.collective import on_root
from ..parallel.communicator import Communicator
from ..parallel.serial import ONE_RANK
from ..results.run import Provenance
from ..spectral.plans import transform_versions
from .hdf5 import h5py, has_parallel_hdf5
from .records import UNITS

_NO_MPI = "not used"


def provenance(comm, *, seed: int | None, threads: int, input_text: str) -> Provenance:
    """Which program, libraries, machine and input made a result, as root sees it.  Collective.

    Parameters
    ----------
    comm : Communicator
    seed : int or None
    threads : int
        On each rank.
    input_text : str
        The input as resolved; its SHA-256 is recorded.

    Returns
    -------
    Provenance
        The same on every rank.  ``transform_version`` says whose FFTW has made the transforms.
    """
    def collect() -> Provenance:
        return Provenance(
            program="pfsolid",
            pfsolid_version=__version__,
            git_commit=git_commit(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            host=socket.gethostname(),
            platform=platform.platform(),
            num_ranks=comm.Get_size(),
            threads_per_rank=threads,
            seed=seed,
            input_sha256=hashlib.sha256(input_text.encode("utf-8")).hexdigest(),
            units=UNITS,
            **{f"{name}_version": version for name, version in library_versions(comm).items()},
        )

    return on_root(comm, collect)


def library_versions(comm: Communicator) -> dict[str, str]:
    """Versions of what is underneath: python, numpy, mpi4py, mpi, transform, fftw, h5py, hdf5."""
    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        **_mpi_versions(comm),
        **transform_versions(comm),
        "h5py": h5py.__version__,
        "hdf5": h5py.version.hdf5_version + (" parallel" if has_parallel_hdf5() else " serial"),
    }


def _mpi_versions(comm: Communicator) -> dict[str, str]:
    if comm is ONE_RANK:
        return {"mpi4py": _NO_MPI, "mpi": _NO_MPI}
    import mpi4py
    from mpi4py import MPI

    return {"mpi4py": mpi4py.__version__, "mpi": MPI.Get_library_version().split(",")[0].strip("\0 \n")}


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
