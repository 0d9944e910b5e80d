"""What a worker makes of the ways in which a case can end; the cases themselves are played."""

import os
from functools import partial

import pytest
from helpers.sweeps import plan_in, record_of

from pfsolid.errors import ConvergenceError, Interrupted, OutputError
from pfsolid.io.claims import beating, take
from pfsolid.parallel.collective import alone
from pfsolid.sweep import worker as sweep_run
from pfsolid.sweep.pick import tidy
from pfsolid.sweep.state import look, read_failure, result_path, shard_of, status_of
from pfsolid.sweep.worker import work
from pfsolid.workflows.console import open_session


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
        result = record_of(case)["result"]
        result["growth"]["wall_clock_s"] = result["morphology"]["seconds"] = 0.0
        return result


@pytest.fixture
def sweep(tmp_path):
    plan, directory = plan_in(tmp_path)
    tidy(plan, directory)
    return plan, directory


def play(sweep, monkeypatch, **acts):
    """The tally, what was reported, and the player."""
    plan, directory = sweep
    player, said = Played(plan, **acts), []
    monkeypatch.setattr(sweep_run, "run_case", player)
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
    assert not tally.stopped and tally.done == 5 and len(player.calls) == 6
    seen = look(sweep[1])
    assert len(seen.done) == 5 and len(seen.work) == 1 and not seen.claims and not seen.failed


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
    monkeypatch.setattr(sweep_run, "run_case", player)
    tally = work(plan, directory, open_session(1, alone()), 0, "", lambda _: None)
    assert tally.stopped and tally.done == 1
