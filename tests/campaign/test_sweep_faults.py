"""A sweep as a user starts it, while workers are killed, launchers meet and files are damaged: nothing is lost or wrong."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.sweeps import POROSITIES, dataset, plan_in, write_sweep

from pfsolid.io.claims import claim_path, read_holder
from pfsolid.parallel.launch import environment_for_mpirun
from pfsolid.sweeps import launch as sweep_launch
from pfsolid.sweeps.launch import Launch
from pfsolid.sweeps.state import look, result_path, shard_of
from pfsolid.workflows.console import open_session

# Half a second a case: time enough to hit one.
LARGER = dict(steps=1500, axes=POROSITIES + '[[axis]]\nkey = "grid.shape"\nvalues = [[26, 22, 20]]\n')


def command(*arguments, ranks=None):
    launcher = [] if ranks is None else [shutil.which("mpirun"), "-n", str(ranks)]
    return [*launcher, sys.executable, "-m", "pfsolid", "sweep", *map(str, arguments)]


def pfsolid(*arguments, ranks=None):
    return subprocess.run(command(*arguments, ranks=ranks), capture_output=True, text=True, timeout=100,
                          env=environment_for_mpirun())


def start(*arguments, ranks=None):
    return subprocess.Popen(command(*arguments, ranks=ranks), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment_for_mpirun())


def holders(directory) -> dict[str, int]:
    """Process numbers of those who hold cases now."""
    found = {}
    for case_id, generation in look(directory).claims.items():
        try:
            found[case_id] = read_holder(claim_path(shard_of(directory, case_id), case_id, generation))["pid"]
        except (OSError, ValueError):
            continue
    return found


def wait_for_holder(directory, num_done=0, patience_s=60) -> int:
    """The process number of somebody who is in the middle of a case."""
    deadline = time.monotonic() + patience_s
    while True:
        held = holders(directory)
        if held and len(look(directory).done) >= num_done:
            time.sleep(0.03)
            still = holders(directory)
            common = [pid for case_id, pid in held.items() if still.get(case_id) == pid]
            if common:
                return common[0]
        assert time.monotonic() < deadline, "nobody works"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    _, directory = plan_in(folder, **LARGER)
    done = pfsolid("run", directory, "--workers", "1")
    assert done.returncode == 0, done.stderr
    rows = dataset(directory)
    assert len(rows) == 6
    return rows


@pytest.fixture
def directory(tmp_path):
    return plan_in(tmp_path, **LARGER)[1]


def assert_whole(directory, undisturbed):
    for row, expected in zip(dataset(directory), undisturbed, strict=True):
        assert row == expected  # to the last bit
    seen = look(directory)
    assert not seen.claims and not seen.work and not seen.failed


def test_a_worker_is_killed(directory, undisturbed):
    """Its launcher starts another, its case is done by somebody else."""
    launcher = start("run", directory, "--workers", "2")
    os.kill(wait_for_holder(directory), signal.SIGKILL)
    output, _ = launcher.communicate(timeout=100)
    assert launcher.returncode == 0, output
    assert "killed by SIGKILL; its case is taken over" in output and "6 of 6 cases done" in output
    assert_whole(directory, undisturbed)


def test_everything_is_killed_and_started_again(directory, undisturbed):
    launcher = start("run", directory, "--workers", "2")
    wait_for_holder(directory, num_done=1)
    launcher.kill()  # first, for it would start others
    launcher.wait()
    for pid in holders(directory).values():
        os.kill(pid, signal.SIGKILL)
    assert "begun" in pfsolid("status", directory).stdout
    done = pfsolid("run", directory)
    assert done.returncode == 0, done.stderr
    assert_whole(directory, undisturbed)


def test_a_rank_is_killed(directory, undisturbed):
    """mpirun ends the others; the next launch goes on."""
    launcher = start("run", directory, ranks=2)
    os.kill(wait_for_holder(directory), signal.SIGKILL)
    output, _ = launcher.communicate(timeout=100)
    assert launcher.returncode != 0, output
    done = pfsolid("run", directory, ranks=2)
    assert done.returncode == 0, done.stderr
    assert_whole(directory, undisturbed)


def test_two_launchers_at_once(directory, undisturbed):
    """Each case is computed once."""
    launchers = [start("run", directory, "--workers", "1") for _ in range(2)]
    outputs = [launcher.communicate(timeout=100)[0] for launcher in launchers]
    assert [launcher.returncode for launcher in launchers] == [0, 0], outputs
    logs = "".join(path.read_text() for path in (directory / "logs").iterdir())
    computed = re.findall(r"case (\w+): done", logs)
    assert len(computed) == 6 and len(set(computed)) == 6
    assert_whole(directory, undisturbed)


def test_slices_do_the_whole(directory, undisturbed):
    for part in (1, 2):
        done = pfsolid("run", directory, "--slice", f"{part}/2")
        assert done.returncode == 0 and "3 of 3 cases done" in done.stdout, done.stderr
    assert_whole(directory, undisturbed)


@pytest.mark.parametrize("number, ranks", [(signal.SIGUSR1, None), (signal.SIGTERM, None), (signal.SIGINT, None),
                                           (signal.SIGUSR1, 2)])
def test_stopped_by_a_signal_and_resumed(directory, undisturbed, number, ranks):
    """Exit status 85 with a checkpoint of the case under way, from which the next launch goes on with the same bits."""
    launcher = start("run", directory, *([] if ranks else ["--workers", "2"]), ranks=ranks)
    wait_for_holder(directory)
    launcher.send_signal(number)
    output, _ = launcher.communicate(timeout=100)
    assert launcher.returncode == 85, output
    assert "go on with: pfsolid sweep run" in output
    seen = look(directory)
    assert not seen.claims and len(seen.done) < 6
    checkpoints = [path for folders in seen.work.values() for folder in folders
                   for path in (folder / "checkpoints").glob("step_*.h5")]
    done = pfsolid("run", directory, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert_whole(directory, undisturbed)
    assert checkpoints or len(seen.done) + 2 >= 6  # unless it came between two cases


def test_damaged_results_are_computed_anew(directory, undisturbed):
    assert pfsolid("run", directory, "--workers", "1").returncode == 0
    first, second = (result_path(directory, row["case"]) for row in undisturbed[:2])
    first.write_bytes(first.read_bytes()[:-100])
    raw = bytearray(second.read_bytes())
    raw[3000] ^= 4
    second.write_bytes(raw)
    assert "damaged        2" in pfsolid("status", directory).stdout
    done = pfsolid("run", directory, "--workers", "1")
    assert done.returncode == 0 and done.stdout.count("is damaged") == 2, done.stdout
    assert_whole(directory, undisturbed)


def test_failed_cases_and_retry(tmp_path):
    """Conduction after one iteration fails; it is told once, not tried again, and tried again when asked."""
    one_iteration = '[[axis]]\nkey = "conduction.max_iterations"\nvalues = [1]\n'
    _, directory = plan_in(tmp_path, head="", axes=POROSITIES + one_iteration)
    done = pfsolid("run", directory, "--workers", "2")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.count(") failed: ") == 3 and "0 of 3 cases done, 3 failed" in done.stdout
    again = pfsolid("run", directory, "--workers", "1").stdout
    assert re.search(r"0 of 3 cases done, 3 failed, 0 left after \S+ m?s\n", again)
    assert "3 cases to be tried again" in pfsolid("retry", directory).stdout
    assert pfsolid("run", directory).stderr.count(") failed: ") == 3
    assert pfsolid("collect", directory).returncode == 2  # there is nothing


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk(tmp_path):
    """The workers end and say why; no case is marked as failed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        _, directory = plan_in(disk, head="replicas = 2")
        done = pfsolid("run", directory, "--workers", "1")
        assert done.returncode == 1 and "No space left" in done.stderr and "Traceback" not in done.stderr
        seen = look(directory)
        assert not seen.failed and not seen.claims and len(seen.done) < 6
        assert "done" in pfsolid("status", directory).stdout
    finally:
        subprocess.run(["umount", disk], check=True)


def test_workers_that_die_at_once_are_not_started_for_ever(tmp_path, monkeypatch, capsys):
    plan, directory = plan_in(tmp_path)
    started = []

    def start_dying(_launch, number):
        started.append(number)
        return subprocess.Popen(["sh", "-c", "kill -9 $$"])

    monkeypatch.setattr(sweep_launch, "_start_worker", start_dying)
    session = open_session(1)
    assert sweep_launch._watch_workers(plan, Launch(directory), session, 1) == 1
    assert len(started) == 4
    assert "is there enough memory" in capsys.readouterr().err


@pytest.mark.parametrize("arguments, says", [
    (["plan", "nothing.toml"], "nothing.toml: no such file"),
    (["plan", "SWEEP", "-o", "FOLDER"], "is not the directory of a sweep"),
    (["plan", "SWEEP", "--set", "evolution.max_step=3"], "did you mean"),
    (["run", "nowhere"], "nowhere does not exist"),
    (["run", "FOLDER"], "is not the directory of a sweep"),
    (["run", "DIR", "--slice", "3"], "--slice 3: must be I/N"),
    (["run", "DIR", "--slice", "3/2"], "--slice 3/2"),
    (["run", "DIR", "--workers", "0"], "--workers 0: a whole number from 1"),
    (["run", "DIR", "--ranks-per-case", "2"], "must divide the number of ranks, 1; start it as: mpirun"),
    (["run", "DIR", "--threads", "99999"], "threads = 99999"),
    (["status", "FOLDER"], "is not the directory of a sweep"),
    (["retry", "DIR", "abc"], "abc: no case of"),
    (["collect", "DIR"], "no case that is done"),
])
def test_mistakes_of_a_user(tmp_path, arguments, says):
    places = {"DIR": plan_in(tmp_path)[1], "SWEEP": write_sweep(tmp_path), "FOLDER": Path(tmp_path)}
    done = pfsolid(*[places.get(a, a) for a in arguments])
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert says in done.stderr and "Traceback" not in done.stderr
