"""Small text files of a run: JSON, the history table, and where the numbers come from."""

from __future__ import annotations

import csv
import ctypes
import functools
import hashlib
import io
import json
import math
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
from ..errors import CheckpointError
from ..parallel import on_root
from .files import damage_errors, output_errors, publish, temporary_name
from .hdf5 import h5py, has_parallel_hdf5

UNITS = "the unit is part of each name (_nm, _s, _S_per_cm ...); a name without one is dimensionless"


def atomic_write_text(path, text: str) -> None:
    """Replace a text file as a whole.  For one rank: ``on_root(comm, atomic_write_text, path, text)``.

    Raises
    ------
    OutputError
    """
    path = Path(path)
    temporary = temporary_name(path)
    with output_errors(path):
        try:
            temporary.write_text(text, encoding="utf-8")
            publish(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise


def write_json(path, data) -> None:
    """Replace a JSON file.  NumPy values become numbers and lists, NaN and infinity, which JSON lacks, null.

    For one rank: ``on_root(comm, write_json, path, data)``.

    Raises
    ------
    OutputError
    """
    atomic_write_text(path, json.dumps(finite(data), indent=2, allow_nan=False) + "\n")


def plain(value):
    """A NumPy scalar or array or a path as what Python's json knows.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
        return value.decode() if isinstance(value, bytes) else value
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def finite(data):
    """Nested data with NumPy values as numbers and lists, and null for what JSON has no number for."""
    if isinstance(data, dict):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    if isinstance(data, np.ndarray):
        return finite(data.tolist())
    if data is None:
        return None
    data = plain(data)
    return None if isinstance(data, float) and not math.isfinite(data) else data


class CsvHistory:
    """A growing table, one row a step, each row in the file as soon as it is appended.

    Collective: made and used by all ranks together, written by root.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Names with their units; the first is ``step``.
    comm : mpi4py.MPI.Comm
    resume_after : int, optional
        Keep the rows of an existing file up to this step and drop those after it, and a last line that was
        not completed.  Without it the file starts anew.

    Raises
    ------
    OutputError
        If the file cannot be written.
    CheckpointError
        If the file to go on with has other columns or is not such a table.
    """

    def __init__(self, path, columns, comm, resume_after: int | None = None):
        self.path = Path(path)
        self.columns = tuple(columns)
        self._comm = comm
        self._file = None
        on_root(comm, self._open, resume_after)

    def append(self, row: dict) -> None:
        """Write one row.  Floats keep all their digits; None is an empty cell.

        Raises
        ------
        OutputError
            On all ranks, if the disk is full.
        """
        on_root(self._comm, self._append, row)

    def close(self) -> None:
        """Close the file."""
        on_root(self._comm, self._close)

    def _open(self, resume_after) -> None:
        kept = [] if resume_after is None or not self.path.exists() else self._rows_until(resume_after)
        atomic_write_text(self.path, csv_text([self.columns, *kept]))
        with output_errors(self.path):
            self._file = open(self.path, "a", encoding="utf-8", newline="")

    def _append(self, row: dict) -> None:
        if set(row) != set(self.columns):
            raise ValueError(f"a row of {self.path.name} has the columns {', '.join(self.columns)}, "
                             f"not {', '.join(row)}")
        with output_errors(self.path):
            values = ["" if row[name] is None else plain(row[name]) for name in self.columns]
            self._file.write(csv_text([values]))
            self._file.flush()

    def _close(self) -> None:
        with output_errors(self.path):
            self._file.close()

    def _rows_until(self, step: int) -> list[list[str]]:
        with damage_errors(self.path):
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
        header, *rows = csv.reader(lines) if lines else [[]]
        if tuple(header) != self.columns:
            raise CheckpointError(f"{self.path} has the columns {', '.join(header)} and not "
                                  f"{', '.join(self.columns)}; move it away to go on without it")
        with damage_errors(self.path):
            return [row for row in rows if len(row) == len(header) and int(row[0]) <= step]


def csv_text(rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# --- provenance ---------------------------------------------------------------------------------------------


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
