"""What a process of ours is started with: nothing of the launch it is started from, all of the user's settings."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.builders import ALONE

import pfsolid
from pfsolid.machine import doctor
from pfsolid.parallel.launch import environment_for_mpirun, python_module

JOBS = Path(pfsolid.__file__).parents[1] / "jobs"


@pytest.mark.parametrize("name", [
    "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE", "PMI_FD", "SLURM_PROCID", "SLURM_JOB_ID", "SRUN_CPUS_PER_TASK",
    "PALS_RANKID", "FLUX_TASK_RANK", "HYDRA_BSTRAP", "HYDI_CONTROL_FD", "I_MPI_HYDRA_BOOTSTRAP", "MPI_LOCALNRANKS",
    "CRAY_PMI_X", "OMPI_MCA_ess_base_jobid"])
def test_variables_of_a_launcher_are_dropped(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert name not in environment_for_mpirun()


@pytest.mark.parametrize("name", ["OMPI_MCA_btl", "PRTE_MCA_rmaps_default_mapping_policy", "PATH", "OMP_NUM_THREADS",
                                  "PFSOLID_CACHE", "SLURMISH", "MPICC"])
def test_settings_are_kept(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert environment_for_mpirun()[name] == "1"


def test_modules_are_run_without_the_users_folder():
    assert python_module("pfsolid") == [sys.executable, "-P", "-m", "pfsolid"]
    sources = Path(pfsolid.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if re.search(r'sys\.executable, "-[mc]"', path.read_text())] == []


@pytest.mark.parametrize("template", sorted(JOBS.glob("*.sbatch")), ids=lambda path: path.stem)
def test_templates_requeue_on_a_signal_that_came_too_early_to_be_heard(template):
    """128 + 10: SIGUSR1 before Python could take it."""
    assert re.search(r"case \$status in 85 \| 138\) scontrol requeue", template.read_text())


# Stands for mpirun and pfsolid: deaf while it starts, then it ends with 85 when it is asked to.
_DEAF_AT_FIRST = """#!/bin/bash
trap '' USR1
touch "$PLACE/deaf"
while [ ! -e "$PLACE/asked" ]; do /bin/sleep 0.02; done
trap 'exit 85' USR1
while :; do /bin/sleep 0.02; done
"""
_SLOW_ENV = """
touch "$PLACE/starting"
while [ ! -e "$PLACE/asked" ]; do /bin/sleep 0.02; done
"""


@pytest.mark.parametrize("moment, env", [("deaf", ""), ("starting", _SLOW_ENV)])
@pytest.mark.parametrize("template", sorted(JOBS.glob("*.sbatch")), ids=lambda path: path.stem)
def test_templates_pass_a_signal_on_until_it_is_heard(tmp_path, template, moment, env):
    """What comes while the shell starts, or before mpirun has ranks to forward it to, was lost."""
    programs = {"mpirun": _DEAF_AT_FIRST, "pfsolid": _DEAF_AT_FIRST, "sleep": "#!/bin/sh\nexec /bin/sleep 0.05\n",
                "scontrol": '#!/bin/sh\necho "$@" >"$PLACE/requeued"\n'}
    (tmp_path / "bin").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "env.sh").write_text(env)
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    job = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "1",
           "SLURM_CPUS_PER_TASK": "1", "PFSOLID_ROOT": str(tmp_path), "PLACE": str(tmp_path)}
    process = subprocess.Popen(["bash", template, tmp_path / "input.toml", tmp_path / "out"],
                               env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"} | job, stderr=subprocess.DEVNULL)
    while not (tmp_path / moment).exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.1)
    (tmp_path / "asked").touch()
    assert process.wait(60) == 85 and (tmp_path / "requeued").read_text().startswith("requeue 7")
    assert (tmp_path / "deaf").exists() == (moment == "deaf")


def test_doctor_says_what_petsc_is_for():
    said = doctor._of_another_process("raise SystemExit(1)", doctor._PETSC_IS_FOR)
    assert said == 'not found; needed by conduction.solver = "petsc" only'


def test_doctor_without_mpi_says_what_to_install_and_tests_one_rank(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "_mpirun", lambda: None)
    monkeypatch.setattr(doctor, "_of_another_process", lambda code, otherwise: "not found; " + otherwise)
    said = []
    healthy, last = doctor.examine(ALONE, said.extend)
    assert healthy and last == ["self-test   on one rank: passed"]
    line = next(line for line in said if line.startswith("more ranks"))
    assert "mpi4py, mpi4py-fft, mpirun not found" in line and "[mpi]" in line
    assert not any(line.startswith("MPI ") for line in said)


def test_doctor_speaks_before_its_test(monkeypatch):
    said = []
    monkeypatch.setattr(doctor, "_selftest_on_two_ranks", lambda: said.append("tested") or (True, "two ranks: passed"))
    healthy, last = doctor.examine(ALONE, said.extend)
    assert healthy and last == ["self-test   two ranks: passed"]
    assert said[-1] == "tested" and "running" in said[-2] and len(said) > 8
