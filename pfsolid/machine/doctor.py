"""What of the machine pfsolid can use, whether it works, and what to install for more: the first thing to run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec

import numba

from ..errors import PfsolidError
from ..io.provenance import library_versions
from ..parallel.collective import on_root
from ..parallel.communicator import Communicator
from ..parallel.launch import environment_for_mpirun, python_module
from ..parallel.serial import ONE_RANK
from .selftest import selftest

_SELFTEST_TIMEOUT_S = 300
_PETSC_IS_FOR = 'needed by conduction.solver = "petsc" only'
_PETSC = ("import petsc4py; petsc4py.init(['-no_signal_handler']); from petsc4py import PETSc; "
          "print('.'.join(map(str, PETSc.Sys.getVersion())), PETSc.ScalarType.__name__)")
_MPI = ("from mpi4py import MPI, __version__; "
        "print(MPI.Get_library_version().split(',')[0].strip('\\0 \\n') + ', mpi4py', __version__)")
_TRANSFORM = "from pfsolid.spectral.distributed import versions; print(', '.join(versions().values()))"
# Where there are several ranks Debian's h5py takes another HDF5 than on one.
_HDF5 = ("import os; os.environ['PFSOLID_MPI'] = '1'; from pfsolid.io.hdf5 import has_parallel_hdf5, h5py; "
         "print(h5py.version.hdf5_version, 'parallel' if has_parallel_hdf5() else 'serial')")
_PACKAGES_OF_MPI = "mpi4py", "mpi4py_fft"
_FOR_SEVERAL_RANKS = 'for several ranks install the extra [mpi], or run scripts/setup.sh (docs/install.md)'


def examine(comm: Communicator, say: Callable[[list[str]], object]) -> tuple[bool, list[str]]:
    """Whether the installation works, and the last lines of a report.  Collective; under mpirun the test uses its ranks.

    Parameters
    ----------
    say : callable
        Is given the first lines at once: the test takes up to a minute.
    """
    missing = _missing_for_mpi()
    say(on_root(comm, _report, missing))
    say([_line("self-test", "running, with kernels still to be compiled up to a minute")])
    if comm.Get_size() > 1 or missing:
        healthy, text = _selftest_here(comm)
    else:
        healthy, text = _selftest_on_two_ranks()
    return healthy, [_line("self-test", text)]


def _missing_for_mpi() -> list[str]:
    """Looked up, not imported: that would start MPI."""
    missing = [name.replace("_", "-") for name in _PACKAGES_OF_MPI if find_spec(name) is None]
    return missing + (["mpirun"] if _mpirun() is None else [])


def _mpirun() -> str | None:
    return shutil.which("mpirun") or shutil.which("mpiexec")


def _report(missing: list[str]) -> list[str]:
    versions = library_versions(ONE_RANK)
    cores = len(os.sched_getaffinity(0))
    lines = [_line(name, versions[key]) for name, key in (("Python", "python"), ("NumPy", "numpy"))]
    lines.append(_line("numba", f"{numba.__version__}, {cores} cores for this process"))
    lines.append(_line("one rank", f"{versions['transform']}, {versions['fftw']}"))
    if missing:
        lines.append(_line("more ranks", f"no: {', '.join(missing)} not found; {_FOR_SEVERAL_RANKS}"))
    else:
        lines.append(_line("more ranks", _of_another_process(_TRANSFORM, _FOR_SEVERAL_RANKS)))
        lines.append(_line("MPI", _of_another_process(_MPI, _FOR_SEVERAL_RANKS)))
    hdf5 = "" if missing else _of_another_process(_HDF5, _FOR_SEVERAL_RANKS)
    lines.append(_line("h5py", versions["h5py"]))
    lines.append(_line("HDF5", versions["hdf5"] + (f"; on several ranks {hdf5}" if hdf5 else "")))
    lines.append(_line("PETSc", _of_another_process(_PETSC, _PETSC_IS_FOR)))
    if hdf5.endswith("serial"):
        lines.append(_line("note", "h5py has no parallel HDF5: several ranks write plane by plane through rank 0"))
    if os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        lines.append(_line("note", "OMP_WAIT_POLICY is not passive: with threads, steps take up to 2.5 times as long"))
    return lines


def _of_another_process(code: str, otherwise: str) -> str:
    """What it prints.  A library that was built for another MPI can end the process it is loaded into."""
    try:
        found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60,
                               env=environment_for_mpirun())
    except subprocess.TimeoutExpired:
        return "does not answer; " + otherwise
    if found.returncode:
        return "not found; " + otherwise
    return found.stdout.strip()


def _selftest_here(comm: Communicator) -> tuple[bool, str]:
    try:
        failures = selftest(comm)
    except PfsolidError as problem:
        failures = [str(problem)]
    ranks = f"on {comm.Get_size()} ranks: " if comm.Get_size() > 1 else "on one rank: "
    return not failures, ranks + ("passed" if not failures else "; ".join(failures))


def _selftest_on_two_ranks() -> tuple[bool, str]:
    command = [_mpirun(), "-n", "2", *python_module("pfsolid.machine.selftest")]
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment_for_mpirun(),
                                  timeout=_SELFTEST_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return False, f"{' '.join(command)} did not end in {_SELFTEST_TIMEOUT_S} s"
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
    if done.returncode == 0 and any("passed" in line for line in lines):
        return True, "two ranks: passed"
    return False, f"{' '.join(command)} failed with status {done.returncode}:\n" + "\n".join(lines[-15:])


def _line(name: str, text: str) -> str:
    return f"{name:<12}{text}"
