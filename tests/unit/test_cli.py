"""The program as a user starts it: in a process of its own, judged by exit status, messages and files."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pfsolid.io.checkpoint import list_checkpoints, read_checkpoint
from pfsolid.parallel import environment_for_mpirun, world

INPUT = """
title = "small"
[grid]
shape = [24, 20, 18]
voxel_size_nm = 0.5
[material]
surface_energy_eV_per_A2 = 0.020
surface_depth_nm = 1.4
[microstructure]
porosity = 0.4
[evolution]
max_steps = 120
[conduction]
sigma_bulk_S_per_cm = 8.93e-7
sigma_surf_S_per_cm = 3.14e-3
[output]
history_interval_steps = 5
figures = false
"""
ARRAYS = ("rho_hat", "rho_hat_before", "g_hat_before")


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(INPUT)
    return path


def pfsolid(*arguments, ranks=None, timeout=200, **options):
    """Run the program; the completed process."""
    command = [sys.executable, "-m", "pfsolid", *map(str, arguments)]
    if ranks is not None:
        command = [shutil.which("mpirun"), "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment_for_mpirun(),
                          **options)


def start_and_signal(directory: Path, case: Path, number, *arguments, ranks=None):
    """Start a run, send it a signal once it has written some history; its exit status and standard error."""
    command = [sys.executable, "-m", "pfsolid", "run", str(case), "-o", str(directory), *arguments]
    if ranks is not None:
        command = [shutil.which("mpirun"), "-n", str(ranks), *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment_for_mpirun())
    try:
        deadline = time.monotonic() + 120
        while not _rows(directory) >= 3:
            assert time.monotonic() < deadline and process.poll() is None, "the run wrote no history"
            time.sleep(0.01)
        process.send_signal(number)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, error


def _rows(directory: Path) -> int:
    history = directory / "history.csv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0


def final_state(directory: Path) -> dict:
    """Arrays and scalars of the last checkpoint."""
    checkpoint = read_checkpoint(list_checkpoints(directory / "checkpoints")[0], world())
    whole = {name: tuple(slice(0, n) for n in checkpoint.shapes[name]) for name in ARRAYS}
    state = {name: checkpoint.load(name, whole[name]) for name in ARRAYS}
    return state | {name: checkpoint.state[name] for name in ("time", "last_step", "next_step", "energy", "num_steps")}


def assert_same_bits(a: dict, b: dict):
    for name, value in a.items():
        assert np.array_equal(value, b[name]), name


def test_run_leaves_everything(case, tmp_path):
    out = tmp_path / "out"
    done = pfsolid("run", case, "-o", out, "--set", "output.figures=true", "--threads", "1")
    assert done.returncode == 0, done.stderr
    for name in ("input.toml", "log", "history.csv", "fields.h5", "fields.xdmf", "result.json", "checkpoints", "figures"):
        assert (out / name).exists(), name
    result = json.loads((out / "result.json").read_text())
    tensor = np.array(result["sigma_eff_S_per_cm"])
    assert np.array_equal(tensor, tensor.T)
    assert np.allclose(100 * tensor, result["sigma_eff_S_per_m"], rtol=1e-14)
    assert 0 < result["mean_S_per_cm"] < 3.14e-3  # below the best phase: Wiener
    assert result["provenance"]["num_ranks"] == 1 and result["provenance"]["seed"] == 1
    assert f"{result['mean_S_per_cm']:.5e}" in done.stdout
    with open(out / "history.csv", newline="") as file:
        energies = [float(row["energy_J_per_m3"]) for row in csv.DictReader(file)]
    assert len(energies) == 24 and all(np.diff(energies) < 0)
    for command in ("info", "plot"):
        told = pfsolid(command, out)
        assert told.returncode == 0, told.stderr
    again = pfsolid("run", case, "-o", out)
    assert again.returncode == 2 and "--force" in again.stderr
    finished = pfsolid("resume", out)
    assert finished.returncode == 2 and "finished" in finished.stderr


@pytest.mark.parametrize("number, ranks", [(signal.SIGUSR1, None), (signal.SIGTERM, None), (signal.SIGINT, None),
                                           (signal.SIGUSR1, 2)])
def test_resumed_run_has_the_bits_of_the_undisturbed_one(case, tmp_path, number, ranks):
    # Longer, so that the signal comes well before the end; without conduction, which has no part in this.
    grown = ("--set", "evolution.max_steps=1500", "--set", "evolution.max_step_reduced=0.05", "--threads", "1")
    if ranks is None:
        status, error = start_and_signal(tmp_path / "b", case, number, *grown)
    else:
        status, error = start_and_signal(tmp_path / "b", case, number, *grown, ranks=ranks)
    assert status == 85, error
    assert "pfsolid resume" in error
    steps = final_state(tmp_path / "b")["num_steps"]
    assert 0 < steps < 1500
    resumed = pfsolid("resume", tmp_path / "b", "--threads", "1", ranks=ranks)
    assert resumed.returncode == 0, resumed.stderr
    # The same bits need the same FFTW plans: the second run finds those of the first in the cache.
    whole = pfsolid("run", case, "-o", tmp_path / "a", *grown, ranks=ranks)
    assert whole.returncode == 0, whole.stderr
    a, b = final_state(tmp_path / "a"), final_state(tmp_path / "b")
    assert a["num_steps"] == b["num_steps"] == 1500
    assert (tmp_path / "a" / "history.csv").read_text() == (tmp_path / "b" / "history.csv").read_text()
    assert_same_bits(a, b)
