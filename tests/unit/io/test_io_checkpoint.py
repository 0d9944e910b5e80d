"""Damaged, foreign and incompatible checkpoint files, on one rank."""

import numpy as np
import pytest

from pfsolid.errors import CheckpointError
from pfsolid.io.checkpoint import load_latest, read_checkpoint, write_checkpoint
from pfsolid.io.hdf5 import DistributedArray, h5py
from pfsolid.io.seal import MAGIC, SEAL_BYTES
from pfsolid.parallel.communicator import world

comm = world()
SHAPE = (6, 5, 4)
STATE = {"time": 0.1, "input": "[grid]\nshape = [6, 5, 4]\n", "wisdom": "x" * 100_000}


@pytest.fixture
def path(tmp_path):
    values = np.random.default_rng(0).random(SHAPE)
    array = DistributedArray(values, SHAPE, tuple(slice(0, n) for n in SHAPE))
    return write_checkpoint(tmp_path, {"rho": array}, STATE, comm, 5)


def refusal(path):
    with pytest.raises(CheckpointError) as refused:
        read_checkpoint(path, comm, {"rho": SHAPE})
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
    return str(refused.value)


def test_the_file_is_readable_by_others(path):
    with h5py.File(path, "r") as file:
        assert file.attrs["format"] == "pfsolid checkpoint" and file.attrs["schema_version"] == 1
        assert file.userblock_size == SEAL_BYTES
        assert np.array_equal(file["arrays/rho"][()], np.random.default_rng(0).random(SHAPE))
    assert path.read_bytes().startswith(b"pfsolid checkpoint\nschema 1\nbytes ")
    assert read_checkpoint(path, comm).state == STATE


def test_random_bit_flips_anywhere(path):
    whole = path.read_bytes()
    bits = np.random.default_rng(1).choice(8 * len(whole), 300, replace=False)
    for bit in bits.tolist():
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        refusal(path)


def test_every_bit_of_the_seal(path):
    whole = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        for bit in range(8 * SEAL_BYTES):
            byte = bit // 8
            file.seek(byte)
            file.write(bytes([whole[byte] ^ 1 << bit % 8]))
            refusal(path)
            file.seek(byte)
            file.write(whole[byte:byte + 1])
    assert read_checkpoint(path, comm).state == STATE


def test_several_bytes_damaged_at_once(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    for size in (2, 16, 512, 4096):
        for start in rng.integers(0, len(whole) - size, 10).tolist():
            path.write_bytes(whole[:start] + rng.bytes(size) + whole[start + size:])
            refusal(path)
            path.write_bytes(whole[:start] + bytes(size) + whole[start + size:])
            if path.read_bytes() != whole:  # zeros over zeros are harmless
                refusal(path)


@pytest.mark.parametrize("kept", [0, 1, 100, SEAL_BYTES - 1, SEAL_BYTES, SEAL_BYTES + 8, 3000, -2048, -1])
def test_truncated(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    assert "truncated" in refusal(path)


def test_longer_than_it_was(path):
    path.write_bytes(path.read_bytes() + b"\0")
    assert "1 bytes stand after its end" in refusal(path)


def test_foreign_files(path, tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["rho"] = np.zeros(SHAPE)
    assert "an HDF5 file but not a pfsolid checkpoint" in refusal(tmp_path / "foreign.h5")
    (tmp_path / "notes.h5").write_text("remember the milk\n" * 100)
    assert "is not a pfsolid checkpoint" in refusal(tmp_path / "notes.h5")
    (tmp_path / "folder.h5").mkdir()
    assert "Is a directory" in refusal(tmp_path / "folder.h5")
    assert "does not exist" in refusal(tmp_path / "none.h5")
    whole = path.read_bytes()
    path.write_bytes(bytes(SEAL_BYTES) + whole[SEAL_BYTES:])
    assert "was not completed" in refusal(path)


def test_other_schema(path):
    whole = path.read_bytes()
    path.write_bytes(whole.replace(MAGIC + b"schema 1\n", MAGIC + b"schema 7\n"))
    assert "has checkpoint schema 7; this pfsolid reads 1" in refusal(path)


def test_load_latest_reports_every_refusal(path, tmp_path):
    newer = tmp_path / "step_00000010.h5"
    newer.write_bytes(path.read_bytes().replace(b"schema 1\n", b"schema 2\n"))
    newest = tmp_path / "step_123456789.h5"
    newest.write_bytes(b"")
    (tmp_path / "step_5.h5.bak").write_bytes(b"")
    checkpoint, refusals = load_latest(tmp_path, comm)
    assert checkpoint.path == path and checkpoint.step == 5
    assert [str(p) in reason for p, reason in zip((newest, newer), refusals, strict=True)] == [True, True]
