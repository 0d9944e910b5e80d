"""What of the machine pfsolid can use, and whether it works: the first thing to run on a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import numba

from ..io.hdf5 import has_parallel_hdf5
from ..io.provenance import library_versions
from ..parallel.collective import on_root
from ..parallel.launch import environment_for_mpirun, python_module
from .selftest import selftest

_SELFTEST_TIMEOUT_S = 300
_PETSC_IS_FOR = 'needed by conduction.solver = "petsc" only'
_PETSC = ("import petsc4py; petsc4py.init(['-no_signal_handler']); from petsc4py import PETSc; "
          "print('.'.join(map(str, PETSc.Sys.getVersion())), PETSc.ScalarType.__name__)")


def examine(comm, say) -> tuple[bool, list[str]]:
    """Whether the installation works, and the last lines of a report.  Collective; under mpirun the test uses its ranks.

    Parameters
    ----------
    say : callable
        Is given the first lines at once: the test takes up to a minute.
    """
    say(on_root(comm, _report))
    say([_line("self-test", "running, with kernels still to be compiled up to a minute")])
    if comm.Get_size() > 1:
        failures = selftest(comm)
        text = f"on {comm.Get_size()} ranks: " + ("passed" if not failures else "; ".join(failures))
        healthy = not failures
    else:
        healthy, text = _selftest_on_two_ranks()
    return healthy, [_line("self-test", text)]


def _report() -> list[str]:
    versions = library_versions()
    cores = len(os.sched_getaffinity(0))
    lines = [_line(name, versions[key]) for name, key in (
        ("Python", "python"), ("MPI", "mpi"), ("mpi4py", "mpi4py"), ("mpi4py-fft", "mpi4py_fft"), ("FFTW", "fftw"),
        ("h5py", "h5py"), ("HDF5", "hdf5"), ("NumPy", "numpy"))]
    lines.append(_line("numba", f"{numba.__version__}, {cores} cores for this process"))
    lines.append(_line("PETSc", _petsc()))
    if not has_parallel_hdf5():
        lines.append(_line("note", "h5py has no parallel HDF5: files are written plane by plane through rank 0"))
    if os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        lines.append(_line("note", "OMP_WAIT_POLICY is not passive: with threads, steps take up to 2.5 times as long"))
    return lines


def _petsc() -> str:
    # In a process of its own: a PETSc built for another MPI can end the one it is loaded into.
    try:
        found = subprocess.run([sys.executable, "-P", "-c", _PETSC], capture_output=True, text=True, timeout=60,
                               env=environment_for_mpirun())
    except subprocess.TimeoutExpired:
        return "does not answer; " + _PETSC_IS_FOR
    if found.returncode:
        return "not found; " + _PETSC_IS_FOR
    return found.stdout.strip()


def _selftest_on_two_ranks() -> tuple[bool, str]:
    mpirun = shutil.which("mpirun") or shutil.which("mpiexec")
    if mpirun is None:
        return False, "no mpirun on PATH: load the MPI module pfsolid was built with"
    command = [mpirun, "-n", "2", *python_module("pfsolid.machine.selftest")]
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
