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
from helpers.inputs import run_text

from pfsolid.io.checkpoint import list_checkpoints, read_checkpoint
from pfsolid.parallel.communicator import world
from pfsolid.parallel.launch import environment_for_mpirun

SIZE = ([24, 20, 18], 0.5, 0.4)
ARRAYS = ("rho_hat", "rho_hat_before", "g_hat_before")


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(run_text(*SIZE, 120, title="small", history_interval_steps=5))
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
    for name in ("input.toml", "log", "history.csv", "fields.h5", "fields.xdmf", "result.json", "checkpoints",
                 "figures"):
        assert (out / name).exists(), name
    result = json.loads((out / "result.json").read_text())
    tensor = np.array(result["sigma_eff_S_per_cm"])
    assert np.array_equal(tensor, tensor.T)
    assert np.allclose(100 * tensor, result["sigma_eff_S_per_m"], rtol=1e-14)
    assert 0 < result["mean_S_per_cm"] < 3.14e-3  # below the best phase: Wiener
    assert result["provenance"]["num_ranks"] == 1 and result["provenance"]["seed"] == 1
    # To the digits of its error for a person, all of them in the log.
    assert f"\n{result['headline']}\n" in done.stdout and f"{tensor[0, 0]:.5e}" in (out / "log").read_text()
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


def test_conduct_with_other_conductivities(case, tmp_path):
    out = tmp_path / "out"
    assert pfsolid("run", case, "-o", out, "--threads", "1").returncode == 0
    # With one conductivity everywhere the answer is that conductivity.
    equal = (f"--set=conduction.sigma_{phase}_S_per_cm=2e-3" for phase in ("pore", "bulk", "surf"))
    done = pfsolid("conduct", out, *equal)
    assert done.returncode == 0, done.stderr
    result = json.loads((out / "conduct" / "result.json").read_text())
    assert np.allclose(result["sigma_eff_S_per_cm"], 2e-3 * np.eye(3), rtol=0, atol=1e-15)
    # The same question again, from the file: the same answer as the run's, to the last bit.
    again = pfsolid("conduct", out / "fields.h5", "-o", tmp_path / "again", "--threads", "1")
    assert again.returncode == 0, again.stderr
    first, second = (json.loads((folder / "result.json").read_text()) for folder in (out, tmp_path / "again"))
    assert first["sigma_eff_S_per_m"] == second["sigma_eff_S_per_m"]


@pytest.mark.parametrize("settings, status, says", [
    (["evolution.max_reduced_time=2.5"], 0, "reached reduced time 2.5"),
    (["material.diffusivity_m2_per_s=1e-14", "evolution.max_time_s=1e-5"], 0, "reached reduced time"),
    (["evolution.max_steps=7"], 0, "made 7 steps"),
    (["evolution.mean_pore_size_nm=2.0"], 0, "mean pore size reached"),
    (["evolution.energy_rate_tolerance=0.9"], 0, "energy_rate_tolerance"),
    (["evolution.wall_clock_limit_s=0.01"], 2, "starting up alone took"),
])
def test_stop_conditions(case, tmp_path, settings, status, says):
    case.write_text(run_text(*SIZE, 5000, conduction=None, history_interval_steps=5))
    done = pfsolid("run", case, "-o", tmp_path / "out", *(f"--set={text}" for text in settings))
    assert done.returncode == status, done.stderr
    assert says in done.stdout + done.stderr
    if says.startswith("made"):
        assert "have not separated" in done.stdout
    if "max_time_s" in settings[-1]:
        with open(tmp_path / "out" / "history.csv", newline="") as file:
            assert float(list(csv.DictReader(file))[-1]["time_s"]) <= 1e-5


REGIMES = {
    "rods": ["microstructure.porosity=0.19", "microstructure.shape_factor_x=3000", "grid.shape=[24, 24, 24]"],
    "nuclei over time": ["microstructure.porosity=0.15", "grid.shape=[24, 24, 24]",
                         "nucleation.number_density_per_um3=3e6", "nucleation.duration_reduced_time=1.0"],
    "variable mobility": ["material.interface_diffusion=1.0", "material.mobility_ratio_pore_to_solid=0.1"],
    "anisotropic voxels": ["grid.voxel_size_nm=[0.5, 0.4, 0.3]"],
}


@pytest.mark.parametrize("overrides", REGIMES.values(), ids=REGIMES)
def test_every_regime_runs_and_resumes(case, tmp_path, overrides):
    settings = [f"--set={text}" for text in [*overrides, "evolution.max_steps=60"]] + ["--threads", "1"]
    whole = pfsolid("run", case, "-o", tmp_path / "a", *settings)
    assert whole.returncode == 0, whole.stderr
    morphology = json.loads((tmp_path / "a" / "result.json").read_text())["morphology"]
    assert morphology["connectivity"]["class"]
    # A checkpoint after every step; then the run is as if it had been killed at the one before the last.
    often = pfsolid("run", case, "-o", tmp_path / "b", *settings, "--set=output.checkpoint_interval_s=1e-6")
    assert often.returncode == 0, often.stderr
    list_checkpoints(tmp_path / "b" / "checkpoints")[0].unlink()
    (tmp_path / "b" / "result.json").unlink()
    resumed = pfsolid("resume", tmp_path / "b", "--threads", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert_same_bits(final_state(tmp_path / "a"), final_state(tmp_path / "b"))


def test_a_coarse_run_seeds_a_fine_one(case, tmp_path):
    assert pfsolid("run", case, "-o", tmp_path / "coarse", "--threads", "1").returncode == 0
    fine = ["--set=grid.shape=[48, 40, 36]", "--set=grid.voxel_size_nm=0.25", "--set=evolution.max_steps=5",
            f"--set=microstructure.initial_field={tmp_path / 'coarse'}", "--threads", "1"]
    done = pfsolid("run", case, "-o", tmp_path / "fine", *fine)
    assert done.returncode == 0, done.stderr
    assert "initial field" in done.stdout
    wrong = pfsolid("run", case, "-o", tmp_path / "wrong", *fine, "--set=microstructure.porosity=0.45")
    assert wrong.returncode == 2 and "give that one" in wrong.stderr


def test_measure(case, tmp_path):
    labels = np.zeros((12, 10, 8), dtype=np.uint8)
    labels[:, 2:5, 3:6] = 7  # a channel along x
    np.save(tmp_path / "image.npy", labels.T)
    done = pfsolid("measure", tmp_path / "image.npy", "--filler", "7", "--voxel-nm", "20")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "image_morphology.json").read_text())["morphology"]
    assert found["connectivity"]["class"] == "1-3"
    # Four faces of 3 voxels by 12, of which the ends of the image are no part.
    assert found["surface"]["area_faces_per_nm"] == pytest.approx(12 / 80 / 20)
    assert "boundary open" in done.stdout and "label 7" in done.stdout
    assert "order of axes in " in done.stdout and "z, y, x" in done.stdout
    np.save(tmp_path / "turned.npy", labels.transpose(1, 2, 0))
    turned = pfsolid("measure", tmp_path / "turned.npy", "--filler", "7", "--voxel-nm", "20", "--axes-order", "yzx")
    assert turned.returncode == 0, turned.stderr
    other = json.loads((tmp_path / "turned_morphology.json").read_text())
    del found["seconds"], other["morphology"]["seconds"]
    assert other["morphology"] == found and other["axes_order"] == "yzx"
    again = pfsolid("measure", tmp_path / "image.npy", "--filler", "7", "--voxel-nm", "20")
    assert again.returncode == 2 and "--force" in again.stderr
    for arguments, says in ((["--filler", "7"], "--voxel-nm"), (["--voxel-nm", "-1"], "positive"),
                            (["--voxel-nm", "1", "--axes-order", "xyy"], "--axes-order xyy: must be an order")):
        refused = pfsolid("measure", tmp_path / "image.npy", "-o", tmp_path / "x.json", *arguments)
        assert refused.returncode == 2 and says in refused.stderr


def test_no_path_through_the_pores_is_exactly_zero(case, tmp_path):
    """Nuclei of solid, apart from each other in a matrix below the threshold of the pores."""
    done = pfsolid("run", case, "-o", tmp_path / "out", "--set", "evolution.max_steps=3", "--set",
                   "microstructure.porosity=0.85", "--set", "conduction.rho_pore=0.3")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["sigma_eff_S_per_cm"] == [[0.0] * 3] * 3 and result["iterations_xyz"] == [0, 0, 0]


def test_damaged_checkpoint_is_refused_and_the_one_before_used(case, tmp_path):
    out = tmp_path / "out"
    done = pfsolid("run", case, "-o", out, "--set", "output.checkpoint_interval_s=1e-6", "--threads", "1")
    assert done.returncode == 0, done.stderr
    newest, previous = list_checkpoints(out / "checkpoints")
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    (out / "result.json").unlink()
    resumed = pfsolid("resume", out, "--threads", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert f"checkpoint refused: {newest}" in resumed.stdout
    assert f"step {int(previous.stem[5:])}" in resumed.stdout
    assert (out / "result.json").exists()
    # A finished run's result that is no longer what was written is made anew, and what stands in fields.h5 does not matter.
    whole = json.loads((out / "result.json").read_text())
    data = bytearray((out / "result.json").read_bytes())
    data[data.index(b'"mean_S_per_cm": ') + len('"mean_S_per_cm": 1.')] ^= 1  # another digit
    (out / "result.json").write_bytes(data)
    (out / "fields.h5").write_bytes(b"damaged")
    assert pfsolid("info", out).returncode == 2
    mended = pfsolid("resume", out, "--threads", "1")
    assert mended.returncode == 0 and "result.json is damaged" in mended.stdout, mended.stderr
    assert json.loads((out / "result.json").read_text())["mean_S_per_cm"] == whole["mean_S_per_cm"]
    for path in list_checkpoints(out / "checkpoints"):
        path.write_bytes(b"not a checkpoint")
    (out / "result.json").unlink()
    refused = pfsolid("resume", out)
    assert refused.returncode == 1 and "no usable checkpoint" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments, says", [
    (["run", "missing.toml"], "missing.toml"),
    (["run", "CASE", "--set", "microstructure.porosity=1.5"], "porosity = 1.5: must be between 0 and 1"),
    (["run", "CASE", "--set", "grid.voxel_size=1"], "did you mean grid.voxel_size_nm"),
    (["run", "CASE", "--set", "grid.shape=[8, 8]"], "grid.shape"),
    (["run", "CASE", "--set", "grid.voxel_size_nm=fine"], "grid.voxel_size_nm"),
    (["run", "CASE", "--set", "microstructure.porosity=0.1", "--set", "microstructure.start=noise"], "0.2113"),
    (["run", "CASE", "--threads", "1000"], "threads = 1000"),
    (["run", "CASE", "--threads", "0"], "--threads 0"),
    (["run", "CASE", "-o", "CASE"], "is a file"),
    (["run", "CASE", "-o", "/proc/nowhere"], "/proc/nowhere"),
    (["resume", "nothing-here"], "nothing-here does not exist"),
    (["info", "."], "not the directory of a run"),
    (["plot", "nothing-here"], "nothing-here"),
    (["conduct", "nothing-here"], "nothing-here does not exist"),
    (["measure", "nothing-here.npy"], "nothing-here.npy"),
    (["measure", "nothing-here.npy", "--voxel-nm", "20um"], "--voxel-nm 20um: must be a positive length"),
    (["conduct", "nothing-here.npy", "--sigma", "0=1", "--voxel-nm", "20um"], "--voxel-nm 20um: must be a positive length"),
    (["run", "CASE", "--set", "microstructure.shape_factor_x=0"], "shape_factor_x = 0: must be from 0.05 to 6000"),
    (["run", "CASE", "--set", "microstructure.porosity=0.1", "--set", "grid.shape=[4, 4, 4]"], "nucle"),
    (["run", "CASE", "--set", "microstructure.initial_field=nothing.npy"], "nothing.npy"),
    (["validate", "CASE", "--set", "grid.shape=[24, 20, 18]", "--ranks", "21"], "too many"),
])
def test_mistakes_of_a_new_user(case, tmp_path, arguments, says):
    arguments = [str(case) if a == "CASE" else a for a in arguments]
    done = pfsolid(*arguments, cwd=tmp_path)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert says in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case.toml"]


def test_too_many_ranks(case, tmp_path):
    done = pfsolid("run", case, "-o", tmp_path / "out", "--set", "grid.shape=[24, 2, 18]", ranks=3)
    assert done.returncode == 2 and "3 ranks are too many" in done.stderr
    assert not (tmp_path / "out").exists()


def test_unresolved_surface_is_warned_of(case):
    done = pfsolid("validate", case, "--set", "grid.voxel_size_nm=1.0")
    assert done.returncode == 0
    assert "warning" in done.stdout and "voxel" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_full_disk(case, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        done = pfsolid("run", case, "-o", disk / "out")
        assert done.returncode == 1
        assert "needs" in done.stderr and "free" in done.stderr and "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", disk], check=True)


def test_doctor():
    done = pfsolid("doctor")
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
