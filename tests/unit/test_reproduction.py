"""scripts/reproduce_hu2017.py: what it plans, what it says of the numbers, and that the page is what it writes."""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "scripts" / "docs")]

import reproduce_hu2017  # noqa: E402
from hu2017 import closer, explanations, numbers, report, statements, sweeps  # noqa: E402

from pfsolid.sweeps.plan import load_plan  # noqa: E402

PAGE = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
NOTHING = numbers.Data(Path("nowhere"))


def test_every_size_is_planned_in_the_order_asked_for():
    for size in sweeps.SIZES:
        names = sweeps.sweeps_of(None, size)
        assert names == [name for name in sweeps.ORDER if name in names] and names[0] == "porosity"
    assert "large" in sweeps.sweeps_of(None, "full") and "large" not in sweeps.sweeps_of(None, "quick")
    assert sweeps.sweeps_of(["3a"], "quick") == ["pillars"]
    assert {figure for figures, _ in sweeps.SWEEPS.values() for figure in figures} <= set(report.FIGURES)


def test_the_depths_have_one_age_in_seconds():
    """The unit of time, lambda^2/(16 w M) with w = 3 gamma/(4 lambda), goes as lambda^3."""
    axes = sweeps.SWEEPS["porosity"][1]["full"].axes
    (thin, late), (thick, early) = axes[sweeps.DEPTH, sweeps.TIME]
    assert (thin, thick) == (0.9, 1.4) and late * thin**3 == pytest.approx(early * thick**3, rel=1e-5)


def test_a_quick_sweep_is_planned_run_and_written(tmp_path, monkeypatch):
    part = sweeps.Part({sweeps.POROSITY: [0.4]}, {"grid": {"shape": [20] * 3}, "evolution": {"max_reduced_time": 40.0}}, 2)
    monkeypatch.setitem(sweeps.SWEEPS, "porosity", (("2a",), {"quick": part}))
    place = sweeps.plan("porosity", "quick", tmp_path)
    assert sweeps.run(place, None, 1, 1) == 0
    reproduce_hu2017._gather("porosity", "quick", tmp_path)
    data = numbers.Data(tmp_path / "data")
    rows = data.rows("porosity")
    assert len(rows) == 2 and all(row["volume_below_01"] < 0.4 < row["volume_below_09"] for row in rows)
    assert all(0 < row[numbers.SIGMA] < row[numbers.RESOLVED] < 3.14e-3 for row in rows)
    before = (place / "closer.jsonl").read_text()
    reproduce_hu2017._gather("porosity", "quick", tmp_path)
    assert (place / "closer.jsonl").read_text() == before


def test_more_seeds_are_added_and_both_sizes_are_read(tmp_path, monkeypatch):
    part = sweeps.Part({sweeps.POROSITY: [0.4]}, {"grid": {"shape": [20] * 3}}, 3)
    monkeypatch.setitem(sweeps.SWEEPS, "porosity", (("2a",), {"full": part}))
    one, all_ = (load_plan(sweeps.plan("porosity", "full", tmp_path, seeds)).cases for seeds in (1, None))
    assert [case.id for case in all_][:1] == [case.id for case in one] and len(all_) == 3

    def row(case, edge, porosity):
        return {"case": case, "state": "separated", "edge": edge, sweeps.POROSITY: porosity}

    sweeps.write_rows([row("a", 64, 0.3), row("b", 64, 0.4)], tmp_path / sweeps.data_file("porosity", "standard"))
    sweeps.write_rows([row("a", 64, 0.3), row("c", 128, 0.3)], tmp_path / sweeps.data_file("porosity", "full"))
    rows = numbers.Data(tmp_path).rows("porosity")
    assert [one["case"] for one in rows] == ["a", "b", "c"]
    assert [one["case"] for one in numbers.in_largest_cell(rows)] == ["c", "b"]


def test_what_is_not_there_is_not_run(monkeypatch):
    monkeypatch.setattr(explanations, "sphere_on_voxels", lambda voxel_nm: 1.0)  # takes a second each
    found = {(where, said): verdict for where, said, _, verdict, _ in statements.rows(NOTHING)}
    assert set(found.values()) <= {statements.YES, statements.REMARK, statements.NO, statements.NOT_RUN}
    assert found["Fig 3a", "6.1 % of pillars raise σ_zz markedly"] == statements.NOT_RUN
    assert found["eq 2", "f″ = 0 at ρ = 0.21 and 0.79"] == statements.YES
    assert [row[3] for row in explanations.rows(NOTHING) if row[2] == "–"].count("not run") == 7


def test_the_page_has_every_statement():
    for where, said, _ in statements.STATEMENTS:
        assert f"| {where} | {said} |" in PAGE
    for number, explanation, _ in explanations.EXPLANATIONS:
        assert f"| {number} | {explanation} |" in PAGE


def test_clusters_that_span_need_not_touch_by_faces():
    diagonal = np.zeros((4, 4, 4), dtype=bool)
    diagonal[range(4), range(4), 0] = True
    assert closer.spanned_axes(diagonal, closer._CORNERS) == "xy" and closer.spanned_axes(diagonal, closer._FACES) == ""
    assert closer.percolation_by_words(np.where(diagonal, 0.0, 1.0))["volume_below_01"] == 4 / 64


def test_the_bricks_give_their_ratio_back():
    """sigma_zz = (g/g_f)(1 - g_f) sigma_s + ...: 10 % of pores with lambda/r = 0.23 by hand."""
    sigma = 0.1 * (1.23**2 - 1) * 3.14e-3 + (1 - 0.1 * 1.23**2) * 8.93e-7
    assert statements._ratio_of_bricks(0.1, sigma) == pytest.approx(0.23, rel=1e-3)


def test_bars():
    mean, bar = numbers.mean_bar([1.0, 3.0, None])
    assert mean == 2 and bar == pytest.approx(1) and math.isnan(numbers.mean_bar([1.0])[1])
    assert numbers.text(1.5e-4, math.nan) == "1.50e-04" and numbers.text(1.5e-4, 2e-5) == "1.50e-04 ± 2e-05"


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b"])
def test_slices_that_are_none(text):
    with pytest.raises(argparse.ArgumentTypeError, match="I/N"):
        reproduce_hu2017._slice(text)
