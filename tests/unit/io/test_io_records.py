"""Text files of a run and its directory."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.files import without_permission, write_field

from pfsolid.errors import CheckpointError, OutputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io import provenance as provenance_module
from pfsolid.io.checkpoint import write_checkpoint
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.provenance import provenance
from pfsolid.io.records import CsvHistory, atomic_write_text, write_json
from pfsolid.parallel.communicator import world

comm = world()
COLUMNS = ("step", "time_s", "energy_J")


# --- text and JSON ------------------------------------------------------------------------------------------


def test_text_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "result.json"
    atomic_write_text(path, "one")
    atomic_write_text(path, "zwei ü")
    assert path.read_text(encoding="utf-8") == "zwei ü" and list(tmp_path.iterdir()) == [path]


def test_text_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="cannot write .*gone/a.txt: No such file or directory"):
        atomic_write_text(tmp_path / "gone" / "a.txt", "a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write .*folder: Is a directory"):
        atomic_write_text(tmp_path / "folder", "a")
    with without_permission(tmp_path), pytest.raises(OutputError, match="Permission denied"):
        atomic_write_text(tmp_path / "a.txt", "a")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_json_takes_numpy_and_has_no_nan(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"tensor": np.eye(2), "n": np.int64(3), "x": np.float32(0.5), "flag": np.True_,
                      3: ("a", 0.1 + 0.2), "path": Path("/a"), "none": None, "bad": [np.nan, np.inf, 1.0],
                      "nan": np.array([np.nan])})
    assert json.loads(path.read_text()) == {
        "tensor": [[1.0, 0.0], [0.0, 1.0]], "n": 3, "x": 0.5, "flag": True, "3": ["a", 0.1 + 0.2],
        "path": "/a", "none": None, "bad": [None, None, 1.0], "nan": [None]}
    with pytest.raises(TypeError, match="object cannot be stored as JSON"):
        write_json(path, {"a": object()})


def test_checkpoints_and_fields_in_an_unwritable_folder(tmp_path):
    array = DistributedArray(np.zeros((2, 2, 2)), (2, 2, 2), (slice(0, 2),) * 3)
    grid = PeriodicGrid((2, 2, 2), (1.0, 1.0, 1.0))
    (tmp_path / "folder").mkdir()
    with without_permission(tmp_path / "folder"):
        with pytest.raises(OutputError, match="cannot write .*folder/step_00000001.h5: Permission denied"):
            write_checkpoint(tmp_path / "folder", {"a": array}, {}, comm, 1)
        with pytest.raises(OutputError, match="cannot make the directory .*deeper: Permission denied"):
            write_checkpoint(tmp_path / "folder" / "deeper", {"a": array}, {}, comm, 1)
        with pytest.raises(OutputError, match="cannot write .*fields.h5: Permission denied"):
            write_field(tmp_path / "folder" / "fields.h5", "a", array, grid, "1", {}, comm)
    assert list((tmp_path / "folder").iterdir()) == []


# --- history ------------------------------------------------------------------------------------------------


def row(step):
    return {"step": step, "time_s": step / 3, "energy_J": np.float64(1e-18 / (step + 1))}


def steps(path):
    return [int(line.split(",")[0]) for line in path.read_text().splitlines()[1:]]


def test_history_is_in_the_file_at_once_and_exact(tmp_path):
    history = CsvHistory(tmp_path / "history.csv", COLUMNS, comm)
    for step in range(3):
        history.append(row(step))
        assert steps(history.path) == list(range(step + 1))
    history.close()
    header, *lines = history.path.read_text().splitlines()
    assert header == "step,time_s,energy_J"
    assert [float(value) for value in lines[1].split(",")] == [1, 1 / 3, 1e-18 / 2]


def test_history_goes_on_after_the_resumed_step(tmp_path):
    path = tmp_path / "history.csv"
    history = CsvHistory(path, COLUMNS, comm)
    for step in range(10):
        history.append(row(step))
    history.close()
    with open(path, "a") as file:
        file.write("10,3.3")  # the line a kill has cut off
    history = CsvHistory(path, COLUMNS, comm, resume_after=6)
    history.append(row(7))
    history.close()
    assert steps(path) == list(range(8))
    CsvHistory(path, COLUMNS, comm, resume_after=100).close()
    assert steps(path) == list(range(8))
    CsvHistory(path, COLUMNS, comm).close()
    assert steps(path) == []


def test_history_of_a_cut_off_line_with_all_columns(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("step,time_s,energy_J\n1,0.5,2.5\n2,1.0,2.4")  # was perhaps 2.4999
    CsvHistory(path, COLUMNS, comm, resume_after=5).close()
    assert steps(path) == [1]


def test_history_resumed_without_a_file_or_with_another_one(tmp_path):
    path = tmp_path / "history.csv"
    CsvHistory(path, COLUMNS, comm, resume_after=6).close()
    assert path.read_text() == "step,time_s,energy_J\n"
    with pytest.raises(CheckpointError, match="has the columns step, time_s, energy_J and not step, mass"):
        CsvHistory(path, ("step", "mass"), comm, resume_after=6)
    path.write_text("step,time_s,energy_J\nx,y,z\n")
    with pytest.raises(CheckpointError, match="history.csv"):
        CsvHistory(path, COLUMNS, comm, resume_after=6)


def test_history_with_missing_columns(tmp_path):
    history = CsvHistory(tmp_path / "history.csv", COLUMNS, comm)
    with pytest.raises(ValueError, match="has the columns step, time_s, energy_J, not step"):
        history.append({"step": 1})
    history.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_history_on_a_full_disk(tmp_path):
    history = CsvHistory(tmp_path / "history.csv", COLUMNS, comm)
    history._file.close()
    history._file = open("/dev/full", "w")
    with pytest.raises(OutputError, match="history.csv: No space left on device"):
        history.append(row(1))


# --- provenance ---------------------------------------------------------------------------------------------


def test_provenance():
    record = provenance(comm, seed=7, threads=2, input_text="a = 1").to_dict()
    assert record["seed"] == 7 and record["threads_per_rank"] == 2 and record["num_ranks"] == comm.Get_size()
    assert record["input_sha256"] == hashlib.sha256(b"a = 1").hexdigest()
    assert record["created"].endswith("+00:00")
    for name in ("python", "numpy", "mpi4py", "mpi", "transform", "fftw", "h5py", "hdf5"):
        assert record[f"{name}_version"]
    assert record["fftw_version"].startswith("fftw-3.")
    assert (record["mpi_version"], record["transform_version"].split()[0]) == ("not used", "pyfftw")
    json.dumps(record)


def test_git_commit_belongs_to_the_package(tmp_path, monkeypatch):
    """Installed into a folder inside somebody's checkout, the package has not that checkout's commit."""
    git_commit = provenance_module.git_commit.__wrapped__  # not what it remembers

    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
                       check=True, capture_output=True)

    package = tmp_path / "lib" / "pfsolid"
    (package / "io").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(provenance_module, "__file__", str(package / "io" / "provenance.py"))
    assert git_commit() is None
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "theirs")
    assert git_commit() is None
    git("add", "-A")
    git("commit", "-q", "-m", "ours")
    assert len(git_commit()) == 40
    (package / "__init__.py").write_text("changed = True")
    assert git_commit().endswith("+")
    monkeypatch.setenv("PATH", "/nowhere")
    assert git_commit() is None
