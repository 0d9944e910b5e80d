"""A few injections of the faults that faults/fault_campaign.py repeats at random, and the campaign's own judgement."""

import json
import random
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "campaign" / "faults"))

import fault_campaign  # noqa: E402
from fault_injection import Bench  # noqa: E402
from fault_runs import differences, reference  # noqa: E402
from helpers.faults import damage  # noqa: E402

# Sweeps are in test_sweep_faults.py.
KINDS = ("run-kill-process", "run-kill-rank", "run-kill-writing", "run-damage", "run-disk-full", "run-read-only",
         "run-clock", "image-kill", "image-signal", "image-damage", "image-disk-full", "two-writers", "force-mistake",
         "force-kill", "force-disk-full", "launch-screen", "launch-cache", "launch-signal")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.mark.timeout(900)  # a launch that hangs is found by its processor time
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_wrong_or_hangs(kind, bench, monkeypatch):
    if reason := fault_campaign.why_not(kind):
        pytest.skip(reason)
    for module in ("fault_runs", "fault_studies", "fault_launches"):
        monkeypatch.setattr(f"{module}._INJECTIONS", 1)
    monkeypatch.setattr("fault_studies._SIZE", 36)  # less than half the voxels, and the same faults
    rows, number = [], 0
    while not rows and number < 5:  # a fault that comes when all is written is none
        number += 1
        rows = fault_campaign.run_chain(kind, number, 1, bench)
    assert rows and not [row for row in rows if row.bad]


def test_differences_are_seen(bench, tmp_path):
    """One bit of the density, one digit of the tensor or one row of the history."""
    undisturbed = reference(bench, None)
    again = tmp_path / "run"
    shutil.copytree(undisturbed, again)
    assert differences(again, undisturbed) == ""
    result = json.loads((again / "result.json").read_text())
    result["sigma_eff_S_per_cm"][0][0] *= 1 + 1e-15
    (again / "result.json").write_text(json.dumps(result))
    lines = (again / "history.csv").read_text().splitlines(keepends=True)
    (again / "history.csv").write_text("".join(lines[:-1]))
    assert differences(again, undisturbed) == "sigma_eff_S_per_cm, history.csv"
    damage(again / "result.json", random.Random(1))
    assert differences(again, undisturbed)


def test_campaign_goes_on_from_its_file(bench, tmp_path, monkeypatch):
    """Rows that are there count, and the summary adds them up."""
    done = []
    monkeypatch.setattr(fault_campaign, "run_chain", lambda kind, number, seed, bench: done.append(number) or
                        [_row(bench, number, verdict) for verdict in ("ok", "lost")])
    path = tmp_path / "faults.csv"
    for count in (4, 4, 6):
        fault_campaign.fill("run-damage", count, 1, bench, path)
    assert done == [1, 2, 3]
    assert "| run-damage | 6 | 3 | 3 | 0 | 0 | 0 | 0 |" in fault_campaign.summary(fault_campaign.read_rows(path))


def _row(bench, number, verdict):
    return fault_campaign.Row("run-damage", 1, "", number, 1, 1, "somewhere", 0, "", verdict, 1.0)
