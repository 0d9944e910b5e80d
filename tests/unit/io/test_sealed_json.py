"""JSON with a checksum over its bytes."""

import json
import math

import numpy as np
import pytest

from pfsolid.errors import CheckpointError
from pfsolid.io.sealed_json import read_sealed_json, read_stamped_json, write_sealed_json, write_stamped_json

DATA = {"tensor": np.eye(2), "nothing": None, "not a number": float("nan"), "text": "σ → \n"}


def test_it_is_json_and_comes_back(tmp_path):
    path = tmp_path / "a.json"
    write_sealed_json(path, DATA)
    expected = {"tensor": [[1.0, 0.0], [0.0, 1.0]], "nothing": None, "not a number": None, "text": "σ → \n"}
    assert read_sealed_json(path) == expected
    assert json.loads(path.read_text())["data"] == expected


def test_every_changed_bit_and_every_truncation_is_found(tmp_path):
    path = tmp_path / "a.json"
    write_sealed_json(path, DATA)
    whole = path.read_bytes()
    damaged = [whole[:n] for n in range(len(whole))] + [whole + b" "]
    damaged += [whole[:i] + bytes([whole[i] ^ (1 << i % 8)]) + whole[i + 1:] for i in range(len(whole))]
    for raw in damaged:
        path.write_bytes(raw)
        with pytest.raises(CheckpointError, match=r"a\.json"):
            read_sealed_json(path)


def test_missing(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        read_sealed_json(tmp_path / "a.json")


def test_stamped_file_reads_as_plain_json_and_notices_any_change(tmp_path):
    path, data = tmp_path / "result.json", {"title": "β", "sigma": [1.25e-4, math.nan]}
    write_stamped_json(path, data)
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert list(plain) == ["sha256", "title", "sigma"] and plain["sigma"] == [1.25e-4, None]
    assert read_stamped_json(path) == plain
    whole = path.read_bytes()
    for position in range(whole.index(b": "), len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1:])
        with pytest.raises(CheckpointError, match="damaged"):
            read_stamped_json(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged"):
            read_stamped_json(path)


def test_file_without_a_stamp_is_taken_as_it_is(tmp_path):
    path = tmp_path / "result.json"
    path.write_text('{"title": "of an earlier version"}')
    assert read_stamped_json(path) == {"title": "of an earlier version"}
