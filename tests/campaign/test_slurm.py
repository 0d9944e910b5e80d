"""The job templates on a real SLURM: what is killed, runs out of time or is requeued loses nothing and changes no bit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.inputs import run_text
from helpers.sweeps import POROSITIES, dataset, plan_in
from slurm_lab import missing_programs, running_lab, wait_until

from pfsolid.io.claims import claim_path, read_holder
from pfsolid.io.sealed_json import read_sealed_json
from pfsolid.parallel.launch import environment_for_mpirun
from pfsolid.sweeps.state import look, result_path, shard_of
from pfsolid.workflows.run import read_result

pytestmark = [
    pytest.mark.skipif(bool(missing_programs()), reason=f"SLURM is not installed (no {', '.join(missing_programs())}): "
                                                        "scripts/install_slurm_lab.sh"),
    pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "jobs"
TEMPLATES = ("run", "sweep_array", "sweep_allocation")
# Twelve cases of a third of a second to a second, with checkpoints in the middle.
SWEEP = dict(steps=2500, axes="""
[base.output]
checkpoint_interval_s = 0.05
""" + POROSITIES + """
[[axis]]
key = "grid.shape"
values = [[16, 16, 16], [22, 20, 18]]
""")
# Long enough that a signal finds it growing: of a quiet machine 1200 steps took one second, as long as scancel may.
RUN = run_text([24, 24, 24], 0.9, 0.40, 8000)
# On a quiet machine all of it takes a few seconds, and the delay of a requeued job (6 to 14 s) comes on top; on a crowded
# one it has been seen to take ten times as long.
PATIENCE_S = 300
# Ranks that wait let others have the core: on a busy machine two that spin are ten times slower.
POLITE = {"OMPI_MCA_mpi_yield_when_idle": "1"}
COMPILE_S = 280  # the first run after an installation compiles the kernels


@pytest.fixture(scope="module")
def lab():
    with running_lab(POLITE) as lab:
        yield lab


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The dataset without SLURM."""
    _, directory = plan_in(tmp_path_factory.mktemp("undisturbed"), **SWEEP)
    done = pfsolid("sweep", "run", directory)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dataset(directory)
    assert len(rows) == 12
    return rows


@pytest.fixture
def sweep(tmp_path):
    return plan_in(tmp_path, **SWEEP)[1]


def pfsolid(*arguments, ranks=None):
    launcher = [] if ranks is None else [shutil.which("mpirun"), "-n", str(ranks)]
    return subprocess.run([*launcher, sys.executable, "-m", "pfsolid", *map(str, arguments)], capture_output=True, text=True,
                          timeout=COMPILE_S, env=environment_for_mpirun() | POLITE)


def submit(lab, template, *arguments, options=()):
    """Submit one of the templates; what jobs print goes to the lab's folder, from where it is submitted."""
    return lab.submit(JOBS / f"{template}.sbatch", *arguments, options=[f"--export=ALL,PFSOLID_ROOT={ROOT}", *options])


def submit_array(lab, directory, tasks, parts, *options):
    return submit(lab, "sweep_array", directory, parts, options=[f"--array={tasks}", "--cpus-per-task=1", *options])


def states(jobs) -> list[tuple[str, str]]:
    return [(job["JobState"], job["ExitCode"]) for job in jobs]


def assert_whole(directory, undisturbed):
    assert dataset(directory) == undisturbed  # to the last bit
    seen = look(directory)
    assert not seen.claims and not seen.work and not seen.failed


def checkpoints(folder: Path) -> list[Path]:
    return list((folder / "checkpoints").glob("step_*.h5"))


def holders(directory) -> dict[str, dict]:
    """Who holds which case."""
    found = {}
    for case_id, generation in look(directory).claims.items():
        try:
            found[case_id] = read_holder(claim_path(shard_of(directory, case_id), case_id, generation))
        except (OSError, ValueError):
            continue  # given back or being written in this moment
    return found


def pause_in_cases(directory, num_jobs: int) -> dict[str, tuple[int, str]]:
    """Stop the process of each job in the middle of a case that has a checkpoint; process and case by the job's number."""
    paused = {}

    def pause_any():
        # All in one look: each has but a second's work, and who waits for one may miss the others.
        for case_id, holder in holders(directory).items():
            pid = holder["pid"]
            if holder["job"] in paused or not any(map(checkpoints, look(directory, case_id).work.get(case_id, []))):
                continue
            os.kill(pid, signal.SIGSTOP)
            if not result_path(directory, case_id).exists() and case_id in look(directory).claims:
                paused[holder["job"]] = pid, case_id
            else:
                os.kill(pid, signal.SIGCONT)
        return len(paused) == num_jobs

    wait_until(pause_any, lambda: f"{num_jobs} jobs in the middle of a case, only {paused}", PATIENCE_S, poll_s=0.01)
    return paused


def has_signal(pid: int, field: str, number: int) -> bool:
    """Whether a signal waits for a process (ShdPnd) or is caught by it (SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(field))
    return bool(mask >> (number - 1) & 1)


def listening_scripts() -> list[int]:
    """Shells of jobs that have set their trap."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError, StopIteration):
            if b"/slurm_script\0" in path.read_bytes() and has_signal(int(path.parent.name), "SigCgt", signal.SIGUSR1):
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("template", TEMPLATES)
def test_template_is_accepted_as_it_stands(lab, template):
    script = JOBS / f"{template}.sbatch"
    assert subprocess.run(["bash", "-n", script], capture_output=True, text=True).stderr == ""
    assert "to start at" in lab.command("sbatch", "--test-only", script, "a", "b").stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_template_without_arguments_says_what_it_needs(template):
    done = subprocess.run(["bash", JOBS / f"{template}.sbatch"], capture_output=True, text=True)
    assert done.returncode != 0 and "usage: sbatch" in done.stderr


def test_array_finishes(lab, sweep, undisturbed):
    """Four tasks of three cases, two at a time."""
    job = submit_array(lab, sweep, "1-4%2", 4)
    assert states(lab.wait_for_end(job, PATIENCE_S)) == [("COMPLETED", "0:0")] * 4, lab.describe(job)
    assert_whole(sweep, undisturbed)


def test_array_survives_what_clusters_do(lab, sweep, undisturbed):
    """In the middle of a case, one task is cancelled, one killed, one comes to its time limit and one is requeued."""
    job = submit_array(lab, sweep, "1-4", 4, "--time=10", "--signal=B:USR1@30")
    tasks = [f"{job}_{number}" for number in (1, 2, 3, 4)]
    cancelled, killed, limited, requeued = tasks
    found = pause_in_cases(sweep, len(tasks))
    hit = {task: found[lab.jobs(task)[0]["JobId"]] for task in tasks}
    paused = time.monotonic()

    lab.command("scontrol", "update", f"JobId={limited}", "TimeLimit=1")
    lab.command("scancel", cancelled)
    lab.command("scontrol", "requeue", requeued)
    for task in (cancelled, requeued):
        os.kill(hit[task][0], signal.SIGCONT)
    os.kill(hit[killed][0], signal.SIGKILL)
    assert states(lab.wait_for_end(killed, PATIENCE_S)) == [("FAILED", "137:0")]
    assert lab.wait_for_end(cancelled, PATIENCE_S)[0]["JobState"] == "CANCELLED"
    again = submit_array(lab, sweep, "1,2", 4)

    # SLURM looks at limits every 30 s, and sends the signal up to so much early.
    pid, _ = hit[limited]
    wait_until(lambda: has_signal(pid, "ShdPnd", signal.SIGUSR1), lambda: lab.describe(job), PATIENCE_S)
    paused = time.monotonic() - paused
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: lab.jobs(limited)[0]["Restarts"] == "1", lambda: lab.describe(job), PATIENCE_S)
    lab.command("scontrol", "update", f"JobId={limited}", "TimeLimit=10")

    for number in (again, limited, requeued):
        ended = lab.wait_for_end(number, PATIENCE_S)
        assert set(states(ended)) == {("COMPLETED", "0:0")}, lab.describe(number)
    assert lab.jobs(limited)[0]["Restarts"] == lab.jobs(requeued)[0]["Restarts"] == "1"
    assert_whole(sweep, undisturbed)
    # It went on from the checkpoint: growing took the pause as well, and thus longer than the whole of the last turn.
    record = read_sealed_json(result_path(sweep, hit[limited][1]))
    assert record["result"]["growth"]["wall_clock_s"] > max(paused, record["seconds"])


def test_allocation_requeues_itself(lab, sweep, undisturbed):
    """Two ranks, each with its own cases; stopped by USR1 under mpirun."""
    job = submit(lab, "sweep_allocation", sweep, options=["--ntasks=2", "--ntasks-per-node=2"])
    wait_until(lambda: len(look(sweep).done) >= 2, lambda: lab.describe(job), PATIENCE_S, poll_s=0.02)
    lab.command("scancel", "--batch", "--signal=USR1", job)
    wait_until(lambda: lab.jobs(job)[0]["Restarts"] == "1", lambda: lab.describe(job), PATIENCE_S)
    assert len(look(sweep).done) < 12
    assert states(lab.wait_for_end(job, PATIENCE_S)) == [("COMPLETED", "0:0")], lab.describe(job)
    assert_whole(sweep, undisturbed)


def test_large_run_comes_to_its_end(lab, tmp_path):
    """Two ranks: USR1 at start-up and later, each time requeued by itself; cancelled (mpirun then kills them), and submitted
    again."""
    (tmp_path / "case.toml").write_text(RUN)
    directory, log = tmp_path / "run", tmp_path / "run" / "log"

    def submit_run():
        return submit(lab, "run", tmp_path / "case.toml", directory, options=["--ntasks=2", "--ntasks-per-node=2"])

    def logged() -> str:
        return log.read_text() if log.exists() else ""

    def wait_for(job, text, after=0):
        wait_until(lambda: text in logged()[after:], lambda: lab.describe(job), PATIENCE_S, poll_s=0.02)

    job = submit_run()
    wait_until(listening_scripts, lambda: lab.describe(job), PATIENCE_S, poll_s=0.01)
    lab.command("scancel", "--batch", "--signal=USR1", job)  # while the shell, mpirun or Python starts
    wait_until(lambda: lab.jobs(job)[0]["Restarts"] == "1", lambda: lab.describe(job), PATIENCE_S)
    wait_for(job, "  t ", len(logged()))  # it grows
    lab.command("scancel", "--batch", "--signal=USR1", job)
    wait_until(lambda: lab.jobs(job)[0]["Restarts"] == "2", lambda: lab.describe(job), PATIENCE_S)
    wait_for(job, "resuming", len(logged()))
    assert "exit status 85, which mpirun takes for a failure and calls an abort" in lab.describe(job)
    lab.command("scancel", job)
    ended = lab.wait_for_end(job, PATIENCE_S)[0]
    assert (ended["JobState"], ended["Restarts"]) == ("CANCELLED", "2")
    job = submit_run()
    assert states(lab.wait_for_end(job, PATIENCE_S)) == [("COMPLETED", "0:0")], lab.describe(job)

    assert log.read_text().count("resuming") in (2, 3)  # the first time there may have been nothing yet
    alone = tmp_path / "alone"
    done = pfsolid("run", tmp_path / "case.toml", "-o", alone, ranks=2)
    assert done.returncode == 0, done.stdout + done.stderr
    with h5py.File(directory / "fields.h5") as first, h5py.File(alone / "fields.h5") as second:
        assert np.array_equal(first["rho"], second["rho"])
    assert read_result(directory).to_dict()["sigma_eff_S_per_cm"] == read_result(alone).to_dict()["sigma_eff_S_per_cm"]

    job = submit_run()
    assert states(lab.wait_for_end(job, PATIENCE_S)) == [("COMPLETED", "0:0")]
    assert "is finished" in lab.describe(job)
