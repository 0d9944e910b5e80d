"""What a worker makes of the ways in which a case can end; the cases themselves are played."""

import os
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers.sweeps import plan_in, record_of

from pfsolid.errors import ConvergenceError, InputError, Interrupted, OutputError
from pfsolid.io.claims import beating, take
from pfsolid.io.files import make_folder
from pfsolid.parallel.communicator import alone
from pfsolid.sweeps import kinds, launch
from pfsolid.sweeps import worker as sweep_run
from pfsolid.sweeps.launch import Progress
from pfsolid.sweeps.pick import tidy
from pfsolid.sweeps.state import look, read_failure, read_records, result_path, shard_of, status_of, work_path
from pfsolid.sweeps.worker import work
from pfsolid.workflows import case, run
from pfsolid.workflows.console import open_session

ONE_CASE = """
[[axis]]
key = "evolution.wall_clock_limit_s"
values = [600]
[[axis]]
key = "microstructure.porosity"
values = [0.40]
"""


class Played:
    """Stands in for `run_case`: at its n-th call does what it is told for that case, and else ends well."""

    def __init__(self, plan, **acts):
        self.plan, self.acts, self.calls = plan, acts, []

    def __call__(self, config, folder, session, kept):
        number = len(self.calls)
        self.calls.append(folder)
        act = self.acts.get(f"at{number}")
        if act:
            act(folder, session)
        case = next(case for case in self.plan.cases if folder.name.startswith(case.id))
        session.warn("played")
        return record_of(case).result


@pytest.fixture
def sweep(tmp_path):
    plan, directory = plan_in(tmp_path)
    tidy(plan, directory)
    return plan, directory


def play(sweep, monkeypatch, **acts):
    """The tally, what was reported, and the player."""
    plan, directory = sweep
    player, said = Played(plan, **acts), []
    monkeypatch.setattr(kinds, "run_case", player)
    tally = work(plan, directory, open_session(1, alone()), 0, "launch", said.append)
    return tally, [text for text in said if text], player


def raising(error):
    def act(_folder, _session):
        raise error
    return act


def test_all_goes_well(sweep, monkeypatch):
    plan, directory = sweep
    tally, said, _ = play(sweep, monkeypatch)
    assert (tally.done, tally.failed, tally.stopped, tally.fault, said) == (6, 0, False, "", [])
    seen = look(directory)
    assert seen.done == {case.id for case in plan.cases} and not seen.claims
    assert len(status_of(plan, directory).done) == 6


@pytest.mark.parametrize("error, reason", [(ConvergenceError("it does\nnot converge"), "it does not converge"),
                                           (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug")])
def test_a_case_that_fails_is_recorded_and_the_next_done(sweep, monkeypatch, error, reason):
    plan, directory = sweep
    tally, said, _ = play(sweep, monkeypatch, at1=raising(error))
    assert (tally.done, tally.failed) == (5, 1)
    (failed,) = look(directory).failed
    assert read_failure(directory, failed) == reason and not look(directory).claims
    assert len(said) == 1 and failed in said[0]
    log = "".join(path.read_text() for path in (directory / "logs").iterdir())
    assert ("Traceback" in log) == isinstance(error, ZeroDivisionError)


def test_a_full_disk_is_not_the_cases_fault(sweep, monkeypatch):
    tally, _, player = play(sweep, monkeypatch, at2=raising(OutputError("cannot write x: No space left on device")))
    assert tally.fault.endswith("No space left on device") and tally.done == 2 and len(player.calls) == 3
    seen = look(sweep[1])
    assert not seen.failed and not seen.claims and len(seen.done) == 2


def test_a_signal_ends_the_work(sweep, monkeypatch):
    def stop(_folder, session):
        session.stop_requested = "SIGUSR1"
        raise Interrupted("a signal came")

    tally, _, player = play(sweep, monkeypatch, at1=stop)
    assert tally.stopped and tally.done == 1 and len(player.calls) == 2
    assert not look(sweep[1]).claims


def test_the_wall_clock_limit_of_a_case_ends_this_case_only(sweep, monkeypatch):
    """It keeps its checkpoint and is not begun again by the same launch."""
    tally, _, player = play(sweep, monkeypatch, at0=lambda folder, _: (folder.mkdir(), raising(Interrupted("limit"))(0, 0)))
    assert not tally.stopped and (tally.done, tally.late) == (5, 1) and len(player.calls) == 6
    seen = look(sweep[1])
    assert len(seen.done) == 5 and len(seen.work) == 1 and not seen.claims and not seen.failed


@pytest.mark.parametrize("moment", ["characterize", "homogenize"])
def test_the_limit_is_heard_while_measuring_and_while_solving(tmp_path, monkeypatch, moment, capsys):
    """The hour passes in the middle of what follows growth; the next launch grows and measures nothing again."""
    plan, directory = plan_in(tmp_path, head="", axes=ONE_CASE)
    sound = {name: getattr(run, name) for name in ("characterize", "homogenize")}
    calls, late = [], [True]

    def passing(name):
        def call(*arguments, **options):
            calls.append(name)
            if late[0] and name == moment:
                session.started -= 3600
            return sound[name](*arguments, **options)
        return call

    for name in sound:
        monkeypatch.setattr(run, name, passing(name))
    for late[0] in (True, False):
        tidy(plan, directory)
        with open_session(1, alone()) as session:
            tally = work(plan, directory, session, 0, "launch", print)
        assert (tally.done, tally.late, tally.failed) == ((0, 1, 0) if late[0] else (1, 0, 0))
        # Counted as begun and missing, and then as done.
        status = status_of(plan, directory)
        assert len(status.stopped) == len(status.missing) == late[0]
    assert calls == (["characterize"] * 2 if moment == "characterize" else ["characterize", "homogenize"]) + ["homogenize"]
    log = "".join(path.read_text() for path in (directory / "logs").iterdir())
    assert "stopped while" in log and "going on at step 100" in log and "pfsolid resume" not in log
    (record,) = (record for _, record in read_records(directory, [plan.cases[0].id]))
    undisturbed = case.run_case(plan.config_of(plan.cases[0]), tmp_path / "alone", open_session(1, alone()))
    assert replace(record.result.morphology, seconds=0) == replace(undisturbed.morphology, seconds=0)
    # Gone on with from a potential half-way: the same within the solver's tolerance, 1e-4.
    assert record.result.conduction.sigma_eff_S_per_cm == pytest.approx(
        undisturbed.conduction.sigma_eff_S_per_cm, rel=2e-4, abs=1e-9)
    assert not look(directory).work


def test_a_launch_whose_cases_came_to_their_limit_is_to_be_gone_on_with(tmp_path, capsys):
    """Status 85, with which a job is queued again, and how many of them are begun."""
    plan, directory = plan_in(tmp_path)
    tidy(plan, directory)
    progress = Progress(plan, directory)
    make_folder(work_path(directory, plan.cases[0].id, 0))
    assert progress.end("", stopped=False, late=True) == 85
    assert f"(1 of those left are begun); go on with: pfsolid sweep run {directory}" in capsys.readouterr().out
    assert progress.end("", stopped=False, late=False) == 0  # others are at work on them


def test_a_case_that_was_taken_over_is_left_to_the_other(sweep, monkeypatch):
    """As after a pause so long that others took this worker for dead: nothing of it is published."""
    plan, directory = sweep
    taken = []

    def lose(folder, session):
        case_id = folder.name.split(".")[0]
        taken.append(take(shard_of(directory, case_id), case_id, 1))
        os.unlink(shard_of(directory, case_id) / f"{case_id}.claim0")
        while session.stop_requested is None:
            pass
        raise Interrupted("stopped")

    monkeypatch.setattr(sweep_run, "beating", partial(beating, beat_s=0.01))
    tally, _, player = play(sweep, monkeypatch, at0=lose)
    assert tally.done == 5 and not tally.stopped
    assert taken[0].is_mine() and not result_path(directory, player.calls[0].name.split(".")[0]).exists()


def test_an_orphan_stops_after_its_case(sweep, monkeypatch):
    """A worker whose launcher was killed does not go on for ever."""
    plan, directory = sweep
    player = Played(plan, at0=lambda *_: monkeypatch.setattr(os, "getppid", lambda: 1))
    monkeypatch.setattr(kinds, "run_case", player)
    tally = work(plan, directory, open_session(1, alone()), 0, "", lambda _: None)
    assert tally.stopped and tally.done == 1


def test_where_the_current_goes_is_found_only_for_who_keeps_it(tmp_path):
    """What settles for the currents is not iterated otherwise, and the error bar has all its parts in both."""
    plan, _ = plan_in(tmp_path, axes=ONE_CASE)
    config = plan.config_of(plan.cases[0])
    without, having = (case.run_case(config, tmp_path / name, open_session(1, alone()), frozenset(kept)).conduction
                       for name, kept in (("a", ()), ("b", ("currents",))))
    assert not without.currents and set(having.currents) == set("xyz")
    assert sum(without.iterations_xyz) < sum(having.iterations_xyz)
    # Of jumps that were seen at another iteration, within the tolerance both.
    assert without.error_bar.grid_relative_xyz == pytest.approx(having.error_bar.grid_relative_xyz, rel=0.05)
    # Each within the tolerance of the exact value of this grid.
    tolerance = config.conduction.relative_tolerance
    assert np.diag(without.sigma_eff_S_per_cm) == pytest.approx(np.diag(having.sigma_eff_S_per_cm), rel=2 * tolerance)


# --- one case -----------------------------------------------------------------------------------------------


@pytest.fixture
def one(sweep, monkeypatch):
    """Runs a case by itself, played; the status and how often it was begun."""
    plan, directory = sweep
    monkeypatch.setattr(launch, "_prepare", lambda *arguments: None)

    def go(name, **acts):
        player = Played(plan, **acts)
        monkeypatch.setattr(kinds, "run_case", player)
        return launch.run_case(directory, name, alone()), len(player.calls)

    return go


def test_one_case_by_its_id_or_row(one, sweep):
    plan, directory = sweep
    assert one(plan.cases[2].id) == (0, 1) and look(directory).done == {plan.cases[2].id}
    assert one("3") == (0, 0)  # is done
    assert one("1") == (0, 1) and look(directory).done == {plan.cases[2].id, plan.cases[0].id}
    for name in ("0", "7", "x123", "-1", "1.5"):
        with pytest.raises(InputError, match=f"CASE {name}: the sweep has no such case"):
            one(name)


def test_one_case_that_fails_or_stops(one, sweep, capsys):
    """1 and why, also when asked again; 85 where a later call goes on, and where another worker is at it."""
    plan, directory = sweep

    def stop(_folder, session):
        session.stop_requested = "SIGUSR1"
        raise Interrupted("a signal came")

    case_id = plan.cases[0].id
    assert one("1", at0=stop) == (85, 1) and one("1", at0=raising(Interrupted("its limit"))) == (85, 1)
    assert not look(directory).claims
    claim = take(shard_of(directory, case_id), case_id, 0, "")
    with beating(claim, lambda: None):
        assert one("1") == (85, 0)
    claim.release()
    for calls in (1, 0):
        assert one("1", at0=raising(ConvergenceError("it does not converge"))) == (1, calls)
        assert f"pfsolid sweep retry {directory} {case_id}" in capsys.readouterr().err
    assert one("2", at0=raising(OutputError("disk full"))) == (1, 1) and not look(directory, plan.cases[1].id).failed
