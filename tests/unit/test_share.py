"""Processes that share the serial tests run each of them once."""

from pathlib import Path
from types import SimpleNamespace

import share

ROOT = Path("/x")
FILES = ["tests/campaign/test_a.py", "tests/unit/io/test_b.py", "tests/unit/test_c.py", "tests/unit/theory/test_d.py"]


def session_of(names):
    items = [SimpleNamespace(path=ROOT / name, name=f"{name}::{i}") for i in range(2) for name in names]  # not file by file
    return SimpleNamespace(items=items, config=SimpleNamespace(rootpath=ROOT))


def test_what_compiles_and_what_does_not_are_at_opposite_ends():
    first, second = (share.in_order([ROOT / name for name in FILES], ROOT, number) for number in (1, 2))
    assert [file.name[5] for file in first] == ["a", "c", "b", "d"] and second == first[::-1]


def test_each_test_is_run_once(tmp_path, monkeypatch):
    monkeypatch.setenv(share.FOLDER, str(tmp_path))
    ran = {1: [], 2: []}
    takers = []
    for number in ran:
        monkeypatch.setenv(share.NUMBER, str(number))
        takers.append((ran[number], share.taken(session_of(FILES))))
        ran[number].append(next(takers[-1][1]).name)
    for step in range(9):
        for names, items in takers:
            names += [item.name for item in (next(items, None),) if item]
    assert sorted(ran[1] + ran[2]) == sorted(item.name for item in session_of(FILES).items)
    assert {name.split("::")[0] for name in ran[1]}.isdisjoint(name.split("::")[0] for name in ran[2])
