"""Launches that have nothing to do with physics: screens that go away, odd encodings, early signals, foreign folders."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.faults import SmallDisk, can_mount
from helpers.inputs import run_text

from pfsolid.parallel.launch import environment_for_mpirun, python_module

TIMEOUT_S = 250


def input_of(steps: int) -> str:
    return run_text([12, 10, 8], 0.7, 0.4, steps, title="Li₃PS₄", conduction=None, history_interval_steps=10)


_CAUGHT, _IGNORED = "SigCgt", "SigIgn"


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(input_of(25), encoding="utf-8")
    return path


def program(*arguments) -> list:
    """In a folder of the tests, so not ``python -m``, which would look there first."""
    return [*python_module("pfsolid"), *arguments]


def start(*arguments, **options) -> subprocess.Popen:
    environment = environment_for_mpirun() | options.pop("environment", {})
    return subprocess.Popen(program(*arguments), env=environment, **options)


def assert_finished(directory: Path) -> None:
    assert (directory / "result.json").exists()
    assert "done in" in (directory / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize("screen", ["reader that goes away", "full", "closed", "all closed"])
def test_a_run_goes_on_without_a_screen(case, tmp_path, screen):
    out = tmp_path / "out"
    if screen == "reader that goes away":
        process = start("run", case, "-o", out, "--threads", "1", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(1)
        process.stdout.close()
        process.stderr.close()
    elif screen == "full":
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        with open("/dev/full", "w") as full:
            process = start("run", case, "-o", out, "--threads", "1", stdout=full, stderr=full)
    else:
        closed = ">&-" if screen == "closed" else ">&- 2>&- <&-"
        command = program("run", case, "-o", out, "--threads", "1")
        process = subprocess.Popen(["sh", "-c", f'exec "$@" {closed}', "sh", *command], env=environment_for_mpirun())
    assert process.wait(TIMEOUT_S) == 0
    assert_finished(out)


def test_a_command_that_prints_ends_well_on_a_closed_screen(case):
    for arguments in (["validate", case], ["--help"], ["--version"]):
        with open(os.devnull) as nothing_can_be_written_here:
            assert start(*arguments, stdout=nothing_can_be_written_here).wait(TIMEOUT_S) == 0


def test_an_encoding_without_the_letters_of_the_title(case, tmp_path):
    process = start("run", case, "-o", tmp_path / "out", "--threads", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    environment={"PYTHONIOENCODING": "ascii"})
    printed = process.communicate(timeout=TIMEOUT_S)[0].decode("ascii")
    assert process.returncode == 0 and "Li3PS4" in printed
    assert "Li₃PS₄" in (tmp_path / "out" / "log").read_text(encoding="utf-8")


def test_names_that_are_not_utf8(case, tmp_path):
    odd = os.fsencode(tmp_path) + b"/\xff"
    process = start("run", case, "-o", odd, "--threads", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = process.communicate(timeout=TIMEOUT_S)[0].decode()
    assert process.returncode == 0, printed
    assert os.path.exists(odd + b"/result.json")
    # What would have to stand in the stored input cannot be so named.
    np.save(os.fsdecode(odd + b".npy"), np.ones((4, 4, 4), "u1"))
    for arguments in (["conduct", odd + b".npy", "--sigma", "1=1", "--voxel-nm", "1", "-o", tmp_path / "image"],
                      ["run", case, "--set", b"title=\xff", "-o", tmp_path / "title"]):
        process = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        printed, error = (raw.decode() for raw in process.communicate(timeout=TIMEOUT_S))
        assert process.returncode == 2 and "is not UTF-8" in error and len(error.splitlines()) == 1, printed + error
    assert not (tmp_path / "image").exists() and not (tmp_path / "title").exists()


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_a_log_that_cannot_be_written_is_a_warning(case, tmp_path, kind):
    out = tmp_path / "out"
    first = start("run", case, "-o", out, "--threads", "1", "--set", "evolution.max_steps=100000",
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (out / "history.csv").exists():  # it grows, and its signals are caught
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGUSR1)
    assert first.wait(TIMEOUT_S) == 85
    (out / "log").unlink()
    (out / "log").mkdir() if kind == "directory" else os.mkfifo(out / "log")
    again = start("resume", out, "--threads", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = again.communicate(timeout=TIMEOUT_S)[0]
    assert "warning: no log: cannot write" in printed and "Traceback" not in printed


# --- signals ------------------------------------------------------------------------------------------------


def has(pid: int, field: str, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(field))
    return bool(mask >> (number - 1) & 1)


def wait_until(condition, process) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)


def test_a_request_to_stop_during_start_up_is_remembered(tmp_path):
    case = tmp_path / "case.toml"
    case.write_text(input_of(100_000), encoding="utf-8")
    process = start("run", case, "-o", tmp_path / "out", "--threads", "1", stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, text=True)
    wait_until(lambda: has(process.pid, _CAUGHT, signal.SIGUSR1), process)  # the first thing that the program does
    process.send_signal(signal.SIGUSR1)
    _, error = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 85, error
    assert "pfsolid resume" in error or "nothing was computed yet" in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_measurement_ends_at_once(tmp_path, number):
    np.save(tmp_path / "rho.npy", np.random.default_rng(1).random((96, 96, 96)))
    process = start("measure", tmp_path / "rho.npy", "--voxel-nm", "1", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True)
    process.stdout.readline()  # it is at work
    process.send_signal(number)
    sent = time.monotonic()
    _, error = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == -number and "Traceback" not in error
    assert time.monotonic() - sent < 20  # on a crowded machine


def test_signals_that_the_shell_had_ignored_stay_ignored(tmp_path):
    """`nohup pfsolid run ...` outlives its terminal."""
    case = tmp_path / "case.toml"
    case.write_text(input_of(100_000), encoding="utf-8")
    process = start("run", case, "-o", tmp_path / "out", "--threads", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(lambda: has(process.pid, _CAUGHT, signal.SIGTERM), process)
    assert has(process.pid, _IGNORED, signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 85, printed


# --- where it is started --------------------------------------------------------------------------------------


def test_processes_of_ours_import_nothing_from_the_users_folder(tmp_path):
    (tmp_path / "numba.py").write_text("raise SystemExit('executed')")
    (tmp_path / "pfsolid").mkdir()  # the folder above a checkout
    done = subprocess.run(program("--version"), cwd=tmp_path, env=environment_for_mpirun(), capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    assert done.returncode == 0 and done.stdout.startswith("pfsolid "), done.stderr


@pytest.fixture
def full_disk(tmp_path):
    if not can_mount():
        yield None
        return
    disk = SmallDisk(tmp_path / "disk", 1_000_000)
    disk.fill()
    yield disk.folder
    disk.close()


def test_a_full_temporary_directory_and_no_home(case, tmp_path, full_disk):
    """What FFTW measured can be kept nowhere then, and the run is done all the same."""
    nowhere = dict.fromkeys(("HOME", "PFSOLID_CACHE", "XDG_CACHE_HOME"), "/proc/nowhere")
    if full_disk:
        nowhere |= {"TMPDIR": str(full_disk)}
    process = start("run", case, "-o", tmp_path / "out", "--threads", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, environment=nowhere)
    printed = process.communicate(timeout=TIMEOUT_S)[0]
    assert process.returncode == 0, printed
    assert_finished(tmp_path / "out")


IN_MEMORY = """
import sys
import pfsolid.kernel as kernel
kernel._can_be_written = lambda folder: False
kernel.private_temporary_folder = lambda: None
from pfsolid.cli.main import main
main(sys.argv[1:])
"""


def test_where_no_folder_can_be_written_kernels_are_compiled_in_memory(case):
    done = subprocess.run([sys.executable, "-P", "-c", IN_MEMORY, "validate", case], env=environment_for_mpirun(),
                          capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0 and done.stderr == ""


SAID = """
import pfsolid.kernel as kernel
kernel._can_be_written = lambda folder: False
kernel.private_temporary_folder = lambda: None
from pfsolid.machine.warmup import ensure_compiled
from pfsolid.workflows.console import open_session
with open_session(1) as session:
    ensure_compiled(None, session)
"""


def test_that_kernels_are_compiled_at_each_start_is_said_in_one_line():
    done = subprocess.run([sys.executable, "-P", "-c", SAID], env=environment_for_mpirun(), capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 and "NUMBA_CACHE_DIR" in done.stdout
