"""Interrupted image studies, stored densities and runs: 85, `pfsolid resume`, and what may change in between."""

import json
import shutil

import numpy as np
import pytest
from helpers.inputs import HU_2017, run_text

from pfsolid.parallel.session import Session
from pfsolid.workflows.solved import OneTensor

# Solved to 1e-8: a solve that was stopped and gone on with ends elsewhere within that.
OPTIONS = ("--voxel-nm", "5", "--axes-order", "xyz", "--tolerance", "1e-8", "--threads", "1",
           "--set", "output.figures=false", "--temperature", "298,330",
           "--sigma", "0=1e-6,1={value=1e-3,at_K=298,activation_energy_eV=0.3}")
STOPPED = dict(rtol=0, atol=1e-10)
TRANSIENT = ("provenance", "sha256", "conduction_seconds", "growth", "morphology", "source")
RUN = run_text([16, 14, 12], 0.7, 0.42, 250, conduction=HU_2017 | {"relative_tolerance": 1e-8})


@pytest.fixture
def image(tmp_path):
    labels = (np.random.default_rng(5).random((16, 14, 12)) < 0.5).astype(np.uint8)
    np.save(tmp_path / "image.npy", labels)
    return tmp_path / "image.npy"


@pytest.fixture
def stop_after(monkeypatch):
    """Let a signal come at the n-th look for one."""
    original = Session.look_around

    def set_number(number):
        seen = []

        def look(self, due=False):
            why, is_due = original(self, due)
            seen.append(1)
            return ("a signal came" if number is not None and len(seen) == number else why), is_due

        monkeypatch.setattr(Session, "look_around", look)

    return set_number


@pytest.fixture
def die_after(monkeypatch):
    """Let the process die when the n-th axis has been kept."""
    original = OneTensor.keep

    def set_number(number):
        kept = []

        def keep(self, axis, solved):
            original(self, axis, solved)
            kept.append(1)
            if number is not None and len(kept) == number:
                raise SystemExit(99)

        monkeypatch.setattr(OneTensor, "keep", keep)

    return set_number


def result_of(directory):
    return json.loads((directory / "result.json").read_text())


def lasting(directory):
    return {name: value for name, value in result_of(directory).items() if name not in TRANSIENT}


def tensors(directory):
    found = result_of(directory)
    return np.array([one["sigma_eff_S_per_cm"] for one in found.get("temperature_series", [found])], dtype=float)


@pytest.mark.parametrize("how", [(), ("--boundary", "electrodes"), ("--set", "conduction.grid_error=refinement")],
                         ids=["periodic", "electrodes", "refinement"])
def test_a_killed_study_goes_on_with_the_bits_of_the_undisturbed_one(image, tmp_path, run_cli, die_after, how):
    command = ("conduct", image, *OPTIONS, *how)
    assert run_cli(*command, "-o", tmp_path / "whole")[0] == 0
    launches, out = 0, tmp_path / "out"
    while not (out / "result.json").exists():
        die_after(2)  # two axes a launch
        status, said, error = run_cli(*(("resume", out, "--threads", "1") if launches else (*command, "-o", out)))
        assert status in (0, 99), error
        assert launches == 0 or "going on after" in said
        launches += 1
        assert launches < 12
    assert launches > 3 and not (out / "solved").exists()
    assert lasting(out) == lasting(tmp_path / "whole")
    fields = [(folder / "fields.h5").read_bytes() for folder in (out, tmp_path / "whole")]
    assert len(fields[0]) == len(fields[1])


def test_a_stopped_study_comes_to_its_end(image, tmp_path, run_cli, stop_after):
    """Though each launch has time for a few iterations only; by resume and by the same command again."""
    command = ("conduct", image, *OPTIONS)
    assert run_cli(*command, "-o", tmp_path / "whole")[0] == 0
    launches, out = 0, tmp_path / "out"
    while not (out / "result.json").exists():
        stop_after(3)
        again = ("resume", out, "--threads", "1") if launches % 2 else (*command, "-o", out)
        status, said, error = run_cli(*again)
        assert status == 0 or status == 85 and f"go on with: pfsolid resume {out}" in error, error
        launches += 1
        assert launches < 60
    assert launches > 4
    np.testing.assert_allclose(tensors(out), tensors(tmp_path / "whole"), **STOPPED)
    assert run_cli("resume", out)[0] == 2
    status, _, error = run_cli(*command, "-o", out)
    assert status == 2 and "pfsolid resume" not in error and "--force" in error  # they do not send the user to and fro


def test_a_result_that_was_changed_is_noticed_and_made_anew(image, tmp_path, run_cli):
    out = tmp_path / "out"
    assert run_cli("conduct", image, *OPTIONS, "-o", out)[0] == 0
    whole = (out / "result.json").read_text()
    mean = f'"mean_S_per_cm": {result_of(out)["mean_S_per_cm"]!r}'
    (out / "result.json").write_text(whole.replace(mean, '"mean_S_per_cm": 1.0'))
    status, _, error = run_cli("info", out)
    assert status == 2 and "damaged" in error
    assert run_cli("resume", out, "--threads", "1")[0] == 0
    assert mean in (out / "result.json").read_text() and run_cli("info", out)[0] == 0


def test_what_another_image_has_solved_is_not_taken(image, tmp_path, run_cli, die_after):
    out = tmp_path / "out"
    die_after(2)
    assert run_cli("conduct", image, *OPTIONS, "-o", out)[0] == 99
    die_after(None)
    np.save(image, np.load(image)[::-1, :, :].T.copy())
    status, said, _ = run_cli("resume", out, "--threads", "1")
    assert status == 0 and "going on" not in said
    assert run_cli("conduct", image, *OPTIONS, "-o", tmp_path / "whole")[0] == 0
    assert lasting(out) == lasting(tmp_path / "whole")


def test_how_it_is_executed_may_change_and_the_physics_not(image, tmp_path, run_cli, die_after):
    out = tmp_path / "out"
    die_after(2)
    assert run_cli("conduct", image, *OPTIONS, "-o", out)[0] == 99
    die_after(None)
    before = (out / "input.toml").read_text()
    for change, names in (("image.boundary=mirror", "image.boundary"), ("conduction.relative_tolerance=1e-3", "tolerance")):
        status, _, error = run_cli("resume", out, "--set", change)
        assert status == 2 and error.count("\n") == 1 and names in error and "decides the result" in error, error
        assert "parallel.wall_clock_limit_s" in error and f"pfsolid conduct {out}/input.toml --set" in error
    assert run_cli("resume", out, "--set", "image.bundary=mirror")[0] == 2
    assert (out / "input.toml").read_text() == before
    status, said, error = run_cli("resume", out, "--set", "output.save_potential=true", "--set", "parallel.threads=1",
                                  "--set", "image.boundary=periodic")
    assert status == 0 and "going on after 2 solved axes" in said, error
    assert "save_potential = true" in (out / "input.toml").read_text()


@pytest.fixture
def grown(tmp_path, run_cli):
    (tmp_path / "run.toml").write_text(RUN)
    assert run_cli("run", tmp_path / "run.toml", "-o", tmp_path / "run", "--threads", "1")[0] == 0
    return tmp_path / "run"


def test_conduction_on_a_stored_density_is_gone_on_with(grown, tmp_path, run_cli, die_after):
    """From the density: nothing is grown again."""
    die_after(1)
    command = ("conduct", grown, "--set", "conduction.sigma_bulk_S_per_cm=1e-4", "--threads", "1")
    assert run_cli(*command)[0] == 99
    die_after(None)
    status, said, error = run_cli("resume", grown / "conduct", "--threads", "1")
    assert status == 0 and "grown" not in said and "going on after 1 solved axis" in said, error
    assert run_cli(*command, "-o", tmp_path / "whole")[0] == 0
    assert lasting(grown / "conduct") == lasting(tmp_path / "whole")


def test_a_run_stopped_while_solving_goes_on_there(grown, tmp_path, run_cli, die_after):
    die_after(2)
    out = tmp_path / "out"
    assert run_cli("run", tmp_path / "run.toml", "-o", out, "--threads", "1")[0] == 99
    die_after(None)
    status, said, error = run_cli("resume", out, "--threads", "1", "--set", "evolution.wall_clock_limit_s=1000")
    assert status == 0 and "going on after 2 solved axes" in said, error
    assert lasting(out) == lasting(grown)
    shutil.copytree(out / "checkpoints", out / "solved" / "x")  # as where it is killed before it has tidied up
    status, _, error = run_cli("resume", out, "--set", "microstructure.porosity=0.3")
    assert status == 2 and "finished" in error and not (out / "solved").exists()


def test_time_that_start_up_takes_is_no_time_to_work(grown, tmp_path, image, run_cli):
    """Refused in one line with nothing changed, instead of one step a launch for ever; a resumed run keeps what it has."""
    before = result_of(grown)
    for command in (("run", tmp_path / "run.toml", "--set", "evolution.wall_clock_limit_s=1e-6"),
                    ("conduct", image, *OPTIONS, "--set", "parallel.wall_clock_limit_s=1e-6")):
        for out in (tmp_path / "new", grown):
            status, _, error = run_cli(*command, "-o", out, "--force")
            assert status == 2 and "starting up alone took" in error and error.count("\n") == 1, error
    assert not (tmp_path / "new").exists() and result_of(grown) == before


def test_the_limit_is_heard_while_growing_and_while_solving(tmp_path, image, run_cli, monkeypatch):
    monkeypatch.setattr(Session, "check_start_up", lambda *_: None)
    (tmp_path / "run.toml").write_text(RUN)
    for command, key in ((("run", tmp_path / "run.toml", "--threads", "1"), "evolution"),
                         (("conduct", image, *OPTIONS), "parallel")):
        limit = "--set", f"{key}.wall_clock_limit_s=0.01"
        status, _, error = run_cli(*command, *limit, "-o", tmp_path / key)
        assert status == 85 and "because the wall-clock limit of 0.01 s is reached" in error, error
        status, _, error = run_cli("resume", tmp_path / key, "--threads", "1", "--set", f"{key}.wall_clock_limit_s=1000")
        assert status == 0, error


LATE = {
    "is its source": lambda path: ("conduct", path / "run"),
    "a label that is not there": lambda path: ("conduct", path / "image.npy", *OPTIONS, "--resistance", "1:9=1"),
    "another porosity": lambda path: ("run", path / "run.toml", "--set",
                                      f"microstructure.initial_field={path / 'half.npy'}"),
    "itself as initial field": lambda path: ("run", path / "run.toml", "--set",
                                             f"microstructure.initial_field={path / 'run'}"),
    "memory": lambda path: ("run", path / "run.toml", "--set", "grid.shape=[4096, 4096, 4096]"),
    "options of petsc": lambda path: ("conduct", path / "image.npy", *OPTIONS, "--solver", "petsc", "--set",
                                      "conduction.petsc_options=nonsense"),
}


@pytest.mark.parametrize("name", LATE)
def test_force_with_a_mistake_leaves_the_old_results(grown, tmp_path, image, run_cli, name):
    np.save(tmp_path / "half.npy", np.full((16, 14, 12), 0.3))
    (grown / "figures").mkdir()
    (grown / "figures" / "mine.png").write_bytes(b"mine")

    def contents():
        return {str(path.relative_to(grown)): path.read_bytes() for path in grown.rglob("*") if path.is_file()}

    before = contents()
    status, _, error = run_cli(*LATE[name](tmp_path), "-o", grown, "--force")
    assert status == 2 and error.count("\n") == 1, error
    assert contents() == before


def test_measure_replaces_only_what_it_has_written(grown, tmp_path, image, run_cli):
    """Not its source, nor a file of a run or of somebody else's."""
    notes = tmp_path / "notes.json"
    notes.write_text("[1]")
    shutil.copy(image, tmp_path / "other.npy")
    for source, output in ((image, image), (grown, grown / "fields.h5"), (grown, grown / "history.csv"), (image, notes),
                           (image, tmp_path / "other.npy"), (image, tmp_path)):
        before = output.read_bytes() if output.is_file() else None
        status, _, error = run_cli("measure", source, *(("--filler", "1", "--voxel-nm", "5") if source == image else ()),
                                   "-o", output, "--force", "--threads", "1")
        assert status == 2 and error.count("\n") == 1, error
        assert before is None or output.read_bytes() == before
    for _ in range(2):
        assert run_cli("measure", grown, "--force", "--threads", "1")[0] == 0
