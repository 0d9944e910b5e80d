"""Who does which case, and what status, retry and collect say of a directory; nothing is computed here."""

import csv
import time

import h5py
import numpy as np
import pytest
from helpers.results import conduction_of, result_of
from helpers.sweeps import POROSITIES, TENSOR, plan_in, record_of

from pfsolid.errors import InputError
from pfsolid.io.claims import claim_path, read_holder, take
from pfsolid.io.sealed_json import write_sealed_json
from pfsolid.sweeps.collect import COLUMNS, collect, half_interval
from pfsolid.sweeps.pick import Picker, tidy
from pfsolid.sweeps.state import failure_path, look, result_path, retry, shard_of, status_lines, status_of, work_path


def finish(directory, case, **changes):
    write_sealed_json(result_path(directory, case.id), record_of(case, **changes).to_dict())


def fail(directory, case, reason="does not converge"):
    write_sealed_json(failure_path(directory, case.id), {"case": case.id, "reason": reason})


def die(claim):
    """Make a claim look like one whose holder has been killed."""
    text = claim.path.read_text()
    claim.path.write_text(text.replace(f'"started": "{read_holder(claim.path)["started"]}"', '"started": "1"'))


@pytest.fixture
def sweep(tmp_path):
    plan, directory = plan_in(tmp_path)
    tidy(plan, directory)
    return plan, directory


def picker(sweep, first=0, stop=lambda: False):
    return Picker(*sweep, first, stop)


def drain(one: Picker, directory, limit=100) -> list[str]:
    """Do all cases that a picker hands out."""
    got = []
    while (job := one.next()) and len(got) < limit:
        got.append(job.case.id)
        finish(directory, job.case)
        job.claim.release()
    return got


def test_longest_first(tmp_path):
    steps = '[[axis]]\nkey = "evolution.max_steps"\nvalues = [10, 400, 50]\n'
    plan, directory = plan_in(tmp_path, head="", axes=steps + POROSITIES)
    tidy(plan, directory)
    got = drain(picker((plan, directory)), directory)
    length = {case.id: case.values["evolution.max_steps"] for case in plan.cases}
    assert [length[one] for one in got] == [400] * 3 + [50] * 3 + [10] * 3


def test_two_workers_never_get_the_same_case(sweep):
    plan, _ = sweep
    first, second = picker(sweep), picker(sweep, 1)
    jobs = [one.next() for _ in range(3) for one in (first, second)]
    assert {job.case.id for job in jobs} == {case.id for case in plan.cases}
    assert first.next() is None and second.next() is None  # the others are being done by a process that lives: this one


def test_workers_do_not_all_try_the_same_case_first(sweep):
    plan, _ = sweep
    assert picker(sweep, 2).next().case == plan.cases[2]


def test_a_worker_that_has_not_looked_lately_does_nothing_twice(sweep):
    """Between looks another worker does all the rest; its results are found after claiming, before computing."""
    plan, directory = sweep
    slow, quick = picker(sweep), picker(sweep)
    job = slow.next()
    done = drain(quick, directory)
    assert len(done) == 5 and job.case.id not in done
    assert slow.next() is None
    assert look(directory).claims.keys() == {job.case.id}


def test_stop(sweep):
    assert picker(sweep, stop=lambda: True).next() is None


def test_dead_workers_case_is_taken_over_last_with_its_checkpoints(sweep):
    plan, directory = sweep
    job = picker(sweep).next()
    job.folder.mkdir()
    (job.folder / "checkpoint").touch()
    die(job.claim)
    other = picker(sweep)
    *before, last = [other.next() for _ in range(6)]
    assert last.case == job.case and last.attempts == 2
    assert (last.folder / "checkpoint").exists() and not job.folder.exists()
    assert not job.claim.beat(1) or last.claim.is_mine()
    last.claim.release()
    assert job.case.id not in look(directory).claims
    assert len(before) == 5


def test_only_one_takes_over(sweep):
    plan, directory = sweep
    job = picker(sweep).next()
    die(job.claim)
    for case in plan.cases[1:]:
        finish(directory, case)
    one, two = picker(sweep), picker(sweep)
    assert (one.next() is None) + (two.next() is None) == 1


def test_waits_for_a_worker_of_another_machine_until_it_is_known_to_live(sweep, monkeypatch):
    plan, directory = sweep
    for case in plan.cases[1:]:
        finish(directory, case)
    claim = take(shard_of(directory, plan.cases[0].id), plan.cases[0].id)
    machine = read_holder(claim.path)["machine"]
    claim.path.write_text(claim.path.read_text().replace(machine, "another"))
    waits = []

    def beat_at_third_wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            claim.beat(7)

    monkeypatch.setattr(time, "sleep", beat_at_third_wait)
    assert picker(sweep).next() is None
    assert len(waits) == 3


def test_tidy_sets_damaged_results_aside_and_frees_the_dead(sweep):
    plan, directory = sweep
    first, second, third, *_ = plan.cases
    finish(directory, first)
    path = result_path(directory, first.id)
    path.write_bytes(path.read_bytes()[:-20])
    dead, alive = (take(shard_of(directory, case.id), case.id) for case in (second, third))
    die(dead)
    (found,) = tidy(plan, directory)
    assert first.id in found and "damaged" in found
    seen = look(directory)
    assert seen.done == set() and seen.claims.keys() == {third.id} and alive.is_mine()
    assert len(drain(picker(sweep), directory)) == 5


def test_a_case_that_killed_several_workers_comes_last(sweep):
    plan, directory = sweep
    suspect = plan.cases[0]
    for generation in range(3):
        die(take(shard_of(directory, suspect.id), suspect.id, generation))
    tidy(plan, directory)
    got = drain(picker(sweep), directory)
    assert len(got) == 6 and got[-1] == suspect.id


# --- status and retry ---------------------------------------------------------------------------------------


def test_status(sweep):
    plan, directory = sweep
    done, running, failed, damaged, stopped, missing = plan.cases
    finish(directory, done)
    take(shard_of(directory, running.id), running.id)
    fail(directory, failed)
    finish(directory, damaged)
    result_path(directory, damaged.id).write_text("{}")
    work_path(directory, stopped.id, 0).mkdir()
    status = status_of(plan, directory)
    assert status.done == (done.id,) and list(status.running) == [running.id]
    assert status.failed == {failed.id: "does not converge"} and list(status.damaged) == [damaged.id]
    assert status.stopped == (stopped.id,) and status.missing == (stopped.id, missing.id)
    assert status.core_seconds == 2.0
    # All six are expected to take the same, and four are not done or failed.
    assert status.remaining_core_seconds == pytest.approx(8.0)
    text = "\n".join(status_lines(plan, directory))
    for words in ("done           1", "missing        2   (1 of them begun)", f"failed {failed.id} (porosity = ",
                  "does not converge", "30 cases a minute; about 8 s to go", "sweep retry", "sweep run"):
        assert words in text


def test_a_case_of_a_dead_worker_is_not_running(sweep):
    plan, directory = sweep
    die(take(shard_of(directory, plan.cases[0].id), plan.cases[0].id))
    status = status_of(plan, directory)
    assert not status.running and status.stopped == (plan.cases[0].id,)


def test_retry(sweep):
    plan, directory = sweep
    for case in plan.cases[:3]:
        fail(directory, case)
    assert retry(directory, [plan.cases[0].id]) == [plan.cases[0].id]
    with pytest.raises(InputError, match="has not failed"):
        retry(directory, [plan.cases[0].id])
    with pytest.raises(InputError, match="no case of"):
        retry(directory, ["nonsense"])
    assert len(retry(directory)) == 2 and retry(directory) == []


# --- collect ------------------------------------------------------------------------------------------------


def read_csv(directory):
    with open(directory / "dataset.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_collect_an_unfinished_sweep(sweep):
    plan, directory = sweep
    first, second, third, fourth, *_ = plan.cases
    finish(directory, second)
    finish(directory, first)
    fail(directory, third)
    finish(directory, fourth)
    result_path(directory, fourth.id).write_text("{}")
    said = "\n".join(collect(directory))
    assert "2 of 6 cases; without a result: 1 failed, 1 damaged, 2 missing" in said
    rows = read_csv(directory)
    assert [row["case"] for row in rows] == [first.id, second.id]  # in the order of the plan
    row = rows[0]
    assert list(row) == ["case", "microstructure.porosity", *COLUMNS]
    assert float(row["sigma_xx_S_per_cm"]) == 3e-4 and float(row["sigma_xy_S_per_cm"]) == 1e-5
    assert float(row["solver_relative_error"]) == 9e-5 and float(row["surface_depth_nm"]) == 1.4
    assert row["wall_size_nm"] == "" and row["connectivity"] == "3-3" and row["warnings"] == "not separated"
    with h5py.File(directory / "dataset.h5") as file:
        assert np.array_equal(file["sigma_eff_S_per_cm"], [TENSOR] * 2)
        assert np.isnan(file["cases/wall_size_nm"][...]).all() and file["cases/seed"].dtype == "i8"
        assert file["cases/connectivity"].asstr()[0] == "3-3"
        assert "S/cm" in file["cases/sigma_xx_S_per_cm"].attrs["meaning"]
        assert list(file["missing/state"].asstr()) == ["failed", "damaged", "missing", "missing"]
        assert file.attrs["planned"] == 6
    card = (directory / "dataset.md").read_text()
    for words in ("2 of 6", "- 1 failed", f"- {third.id}, failed: does not converge",
                  "| microstructure.porosity | 0.35, 0.4, 0.45 |", "commit c0ffee: 2 cases",
                  "| sigma_xx_S_per_cm | S/cm", "2 cases warned"):
        assert words in card, words


def with_mean(case, mean, low_modes=None, **changes):
    """A result of a case; ``low_modes`` tell samples apart."""
    conduction = None if mean is None else conduction_of(TENSOR, mean_S_per_cm=mean)
    return result_of(conduction, low_modes=low_modes, **changes)


def test_error_of_the_sample_is_that_of_the_replicas(sweep):
    """t s / sqrt(2) of two: by hand 12.706 * 1.4142e-4 / 1.4142 / 2e-4; none of one replica, none shared between points."""
    plan, directory = sweep
    for case, mean in zip(plan.cases[:3], (1e-4, 3e-4, 5e-4)):  # two replicas of one point, one of the next
        finish(directory, case, result=with_mean(case, mean))
    collect(directory)
    rows = read_csv(directory)
    errors = [row["sample_relative_error"] for row in rows]
    assert [float(error) for error in errors[:2]] == [pytest.approx(6.353, rel=1e-4)] * 2 and errors[2] == ""
    assert [row["samples"] for row in rows] == ["2", "2", "1"]


@pytest.mark.parametrize("n, t", [(2, 12.706), (3, 4.303), (10, 2.262), (1000, 1.962)])
def test_half_interval(n, t):
    """Of n values of mean 1 and standard deviation s: t s / sqrt(n), t from a printed table of Student's distribution."""
    values = 1 + 0.01 * np.linspace(-1, 1, n)
    assert half_interval(values) == pytest.approx(t * values.std(ddof=1) / np.sqrt(n), rel=1e-3)
    assert half_interval(values[:1]) is half_interval([]) is half_interval([0.0, 0.0]) is None


def test_half_interval_holds_the_mean_in_95_of_100():
    """Of 2000 samples of three Gaussians; the share has a standard error of 0.5 %."""
    draws = np.random.default_rng(1).normal(1.0, 0.1, (2000, 3))
    held = [abs(draw.mean() - 1) <= half_interval(draw) * draw.mean() for draw in draws]
    assert 0.93 < np.mean(held) < 0.97


def test_copies_count_once(tmp_path):
    """Four replicas, two of which are shifted copies: three samples; four copies are one sample, and have no error."""
    plan, directory = plan_in(tmp_path, head="replicas = 4")
    tidy(plan, directory)
    strengths = [0.5, 0.3, 0.2], [0.5001, 0.2999, 0.2], [0.7, 0.2, 0.1], [0.4, 0.35, 0.25]
    for case, mean, low_modes in zip(plan.cases[:4], (1e-4, 1.00001e-4, 2e-4, 3e-4), strengths):
        finish(directory, case, result=with_mean(case, mean, low_modes))
    for case in plan.cases[4:8]:
        finish(directory, case, result=with_mean(case, 1e-4 * (1 + 2e-8 * case.replica), strengths[0]))
    collect(directory)
    rows = read_csv(directory)
    assert [row["samples"] for row in rows] == ["3"] * 4 + ["1"] * 4
    # t = 4.3027 for two degrees of freedom; s = 1e-4 about 2e-4.
    assert [float(row["sample_relative_error"]) for row in rows[:4]] == [pytest.approx(4.3027 / 3**0.5 / 2, rel=1e-4)] * 4
    assert {row["sample_relative_error"] for row in rows[4:]} == {""}


def test_unseparated_cases_are_done_without_a_conductivity(sweep):
    plan, directory = sweep
    first, second, third, *_ = plan.cases
    finish(directory, first, result=with_mean(first, 1e-4))
    finish(directory, second, result=with_mean(second, None, state="unseparated"))
    # As an older version stored it, with a value that means nothing.
    old = with_mean(third, 3.14e-3, state=None, final={"surface_fraction": 1.0})
    finish(directory, third, result=old)
    status = status_of(plan, directory)
    assert status.done == (first.id,) and status.unseparated == (second.id, third.id)
    assert status.core_seconds == 6.0 and not {second.id, third.id} & {*status.missing, *status.failed}
    text = "\n".join(status_lines(plan, directory))
    assert "done           1" in text and "unseparated    2" in text and "no conductivity" in text
    assert "2 of them unseparated" in "\n".join(collect(directory))
    rows = read_csv(directory)
    assert [row["state"] for row in rows] == ["separated", "unseparated", "unseparated"]
    for row in rows[1:]:
        assert {row[name] for name in ("sigma_xx_S_per_cm", "sigma_mean_S_per_cm", "pore_size_nm", "connectivity",
                                       "solver_relative_error", "sample_relative_error", "samples")} == {""}
    # The separated replica of the same point is alone.
    assert rows[0]["samples"] == "1" and rows[0]["sample_relative_error"] == ""
    with h5py.File(directory / "dataset.h5") as file:
        assert np.isnan(file["sigma_eff_S_per_cm"][1:]).all() and np.isfinite(file["sigma_eff_S_per_cm"][0]).all()
    assert "had not separated" in (directory / "dataset.md").read_text()


def test_collect_without_conduction(sweep):
    plan, directory = sweep
    finish(directory, plan.cases[0], result=result_of())
    collect(directory)
    (row,) = read_csv(directory)
    assert row["sigma_xx_S_per_cm"] == row["solver_relative_error"] == ""


def test_collect_nothing(sweep):
    plan, directory = sweep
    with pytest.raises(InputError, match="no case that is done"):
        collect(directory)
    finish(directory, plan.cases[0])
    with pytest.raises(InputError, match="keeps none"):
        collect(directory, with_fields=True)


def test_damaged_failure_is_told_as_such(sweep):
    plan, directory = sweep
    failure_path(directory, plan.cases[0].id).write_text("nothing")
    assert "damaged" in status_of(plan, directory).failed[plan.cases[0].id]


def test_claims_of_dropped_cases_do_not_matter(sweep):
    _, directory = sweep
    path = claim_path(directory / "cases" / "0", "0123", 0)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert picker(sweep).next() is not None
