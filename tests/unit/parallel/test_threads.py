"""How many threads a rank takes: the same from a terminal and from Python, within the limits of the site."""

import os
import warnings

import numba
import pytest
from helpers.builders import ALONE

from pfsolid.errors import InputError, PfsolidWarning
from pfsolid.parallel import quiet, threads
from pfsolid.parallel.quiet import quiet_session
from pfsolid.workflows.console import open_session

SESSIONS = (open_session, lambda number=None, comm=None: next(quiet_session(comm, number).gen))


@pytest.fixture(autouse=True)
def of_no_site(monkeypatch, tmp_path):
    """Four cores of eight, and no control groups."""
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "OMP_WAIT_POLICY", "NUMBA_NUM_THREADS", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 8)
    monkeypatch.setattr(threads, "_CGROUPS", tmp_path)
    monkeypatch.setattr(numba, "set_num_threads", lambda _: None)
    monkeypatch.setattr(quiet, "_said", set())


def launches():
    """Threads by default of a launch at a terminal and of a call from Python, and what is said of it, warnings or lines."""
    with open_session(None, ALONE) as session:
        first = session.threads
    with warnings.catch_warnings(record=True) as caught, quiet_session() as session:
        warnings.simplefilter("always")
        return {first, session.threads}, [str(one.message) for one in caught if one.category is PfsolidWarning]


@pytest.mark.parametrize("settings, right", [
    ({}, 4), ({"OMP_NUM_THREADS": "1"}, 1), ({"OMP_NUM_THREADS": "3,2"}, 3), ({"SLURM_CPUS_PER_TASK": "2"}, 2),
    ({"OMP_NUM_THREADS": "3", "SLURM_CPUS_PER_TASK": "2"}, 2), ({"OMP_NUM_THREADS": "64"}, 4),
    ({"OMP_NUM_THREADS": "many"}, 4), ({"OMP_NUM_THREADS": "0"}, 4), ({"SLURM_CPUS_PER_TASK": "-1"}, 4)])
def test_limits_of_the_environment(monkeypatch, capsys, settings, right):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found, said = launches()
    assert found == {right}
    odd = [f"{name}={value} is no number of threads and not heeded" for name, value in settings.items()
           if value in ("many", "0", "-1")]
    assert said == odd and [line for line in capsys.readouterr().out.splitlines() if "heeded" in line] == [
        f"warning: {text}" for text in odd]
    assert threads.default_threads(2) == 1


def test_what_numba_was_started_with(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 3)
    assert launches() == ({3}, [])


@pytest.mark.parametrize("files, right", [
    ({"cpu.max": "250000 100000"}, 2), ({"cpu.max": "50000 100000"}, 1), ({"cpu.max": "max 100000"}, 4),
    ({"cpu.max": "?"}, 4), ({"cpu.max": "6400000 100000"}, 4),
    ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 4)])
def test_processor_time_of_a_container(tmp_path, files, right):
    """More threads than that are halted together."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert launches() == ({right}, [])


@pytest.mark.parametrize("make", SESSIONS)
@pytest.mark.parametrize("most, everything, says", [
    (1, 64, "gives a rank 1 core of 64; give it more: mpirun --map-by slot:PE=4, srun --cpus-per-task=4, or"),
    (2, 2, "this machine has 2 cores")])
def test_too_many_threads_are_told_the_remedy(monkeypatch, make, most, everything, says):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", most)
    monkeypatch.setattr(os, "cpu_count", lambda: everything)
    with pytest.raises(InputError, match=f"^threads = 4: .*{says}"):
        make(4, comm=ALONE)


@pytest.mark.parametrize("number", [0, -1, 1.5, "2", True])
def test_what_is_no_number_of_threads(number):
    with pytest.raises(InputError, match="^threads = .*: must be a whole number from 1 to 8"):
        next(quiet_session(None, number).gen)


def test_numbas_own_limit_is_named(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    with pytest.raises(InputError, match="NUMBA_NUM_THREADS=1 allows no more"):
        open_session(2, ALONE)
