"""Run directories: who may write, what --force replaces and when, and what an end at any moment leaves."""

import fcntl
import json
import multiprocessing
import os

import pytest
from helpers.files import without_permission

from pfsolid.errors import ConvergenceError, InputError, Interrupted
from pfsolid.io import one_writer
from pfsolid.io.claims import Watch, take
from pfsolid.io.files import temporary_name
from pfsolid.io.one_writer import LOCK, only_writer
from pfsolid.io.records import atomic_write_text
from pfsolid.io.run_directory import (
    MARKER,
    NEW,
    about_run,
    check_apart,
    finish_exchange,
    interrupted_run,
    is_run_directory,
    new_run,
    unfinished_part,
)
from pfsolid.parallel.communicator import alone

comm = alone()
RESULTS = ("log", "history.csv", "fields.h5", "fields.xdmf", "result.json", "checkpoints/step_00000001.h5",
           "snapshots/rho_00000001.h5", "snapshots/series.xdmf")


def write(path, text, names=RESULTS):
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)


def make_run(home, text="old", force=False, error=None, names=RESULTS, **options):
    """What a run does with its directory, up to an error if one is given."""
    with new_run(home, f"input of {text}", force, comm, **options) as place:
        write(place.path, text, names)
        if error:
            raise error
    return place


def contents(path):
    return {str(p.relative_to(path)): p.read_text() for p in sorted(path.rglob("*")) if p.is_file()}


def test_new_and_empty_directories(tmp_path):
    assert make_run(tmp_path / "a" / "b").path == tmp_path / "a" / "b"
    (tmp_path / "empty").mkdir()
    make_run(tmp_path / "empty")
    make_run(tmp_path / "empty2", force=True)
    for name in ("a/b", "empty", "empty2"):
        assert set(contents(tmp_path / name)) == {*RESULTS, "input.toml", MARKER}


def test_a_run_is_not_overwritten_without_force(tmp_path):
    make_run(tmp_path / "run")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="run exists; give another -o, or --force"):
        make_run(tmp_path / "run", "new")
    assert contents(tmp_path) == before


def test_force_replaces_a_run_and_nothing_else(tmp_path):
    """Also the user's own figures beside those of a run, which are known by their names."""
    run = tmp_path / "run"
    make_run(run, names=(*RESULTS, "figures/slices.png", "figures/clusters.pdf", "snapshots/rho_00000002.h5"))
    own = ("notes.md", "figures/mine.png", "figures/poster.ai", "checkpoints/keep.txt", "data/a.csv", "snapshots/mesh.h5")
    write(run, "mine", own)
    make_run(run, "new", force=True)
    found = contents(run)
    assert {name: found.pop(name) for name in own} == dict.fromkeys(own, "mine")
    assert {name: found[name] for name in RESULTS} == dict.fromkeys(RESULTS, "new")
    assert set(found) == {*RESULTS, "input.toml", MARKER}


@pytest.mark.parametrize("error", [InputError("late"), ConvergenceError("no"), MemoryError(), KeyboardInterrupt()])
def test_old_results_stay_until_the_new_ones_are_whole(tmp_path, error):
    """Whatever ends the launch without a checkpoint: nothing is left of it."""
    make_run(tmp_path / "run")
    before = contents(tmp_path)
    with pytest.raises(type(error)):
        make_run(tmp_path / "run", "new", force=True, error=error, names=("fields.h5",))
    assert contents(tmp_path) == before


def test_mistakes_found_late_leave_no_new_directory(tmp_path):
    with pytest.raises(InputError):
        make_run(tmp_path / "run", error=InputError("late"), names=("log", "fields.h5"))
    assert not (tmp_path / "run").exists()


def test_an_interrupted_replacement_is_gone_on_with(tmp_path):
    """By `resume`, and by the same command again, as a job that is queued again does; another input begins anew."""
    run = tmp_path / "run"
    make_run(run)
    before = contents(run)
    for _ in range(2):
        with pytest.raises(Interrupted):
            make_run(run, "new", force=True, error=Interrupted("85"), names=("checkpoints/step_00000007.h5",))
        assert {name: text for name, text in contents(run).items() if not name.startswith(NEW)} == before
        assert unfinished_part(run) == run / NEW
    with new_run(run, "input of new", True, comm) as place:
        assert place.goes_on and (place.path / "checkpoints" / "step_00000007.h5").exists()
        write(place.path, "new")
    assert contents(run)["result.json"] == "new" and not (run / NEW).exists()
    with pytest.raises(Interrupted):
        make_run(run, "third", force=True, error=Interrupted("85"))
    with interrupted_run(run, comm) as place:
        assert place.path == run / NEW
    assert contents(run)["result.json"] == "third" and contents(run)["input.toml"] == "input of third"
    with pytest.raises(Interrupted):
        make_run(run, "fourth", force=True, error=Interrupted("85"))
    make_run(run, "fifth", force=True, names=RESULTS[:5])
    assert set(contents(run)) == {*RESULTS[:5], "input.toml", MARKER} and contents(run)["log"] == "fifth"


def _replace_until(home, number):
    """A process that dies at the given rename or removal of the exchange."""
    calls = 0

    def counted(act):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == number:
                os._exit(9)
            return act(*arguments, **options)
        return call

    with new_run(home, "input of new", True, comm) as place:
        write(place.path, "new")
        for name in ("replace", "unlink", "rmdir", "mkdir"):
            setattr(os, name, counted(getattr(os, name)))
    os._exit(0)


def test_death_at_any_moment_of_the_exchange_loses_nothing(tmp_path):
    """The next launch brings it to its end, with exactly the new results; before it has begun, the old ones stand."""
    number, status = 0, 9
    while status:
        number += 1
        run = tmp_path / f"run{number}"
        make_run(run)
        write(run, "mine", ("figures/mine.png",))
        process = multiprocessing.get_context("fork").Process(target=_replace_until, args=(run, number))
        process.start()
        process.join()
        status = process.exitcode
        assert status in (0, 9)
        ended = finish_exchange(run, comm)
        found = contents(run)
        # Where the last that is left of it is removed, all is in its place already.
        text = "new" if ended or status == 0 else found["result.json"]
        assert {name: found[name] for name in (*RESULTS, "input.toml")} == (
            dict.fromkeys(RESULTS, text) | {"input.toml": f"input of {text}"}), number
        assert found["figures/mine.png"] == "mine"
        make_run(run, "third", force=True)
        assert set(contents(run)) == {*RESULTS, "input.toml", MARKER, "figures/mine.png"}
    assert number > 20


@pytest.mark.parametrize("names", [("thesis.tex",), ("input.toml",), ("input.toml", "history.csv", "figures/mine.png")])
def test_force_does_not_touch_somebody_elses_folder(tmp_path, names):
    """What it is called does not make it a run: the marker does."""
    write(tmp_path, "mine", names)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="is not a directory of pfsolid .it holds .*does not touch it"):
        make_run(tmp_path, force=True)
    write(tmp_path, "not ours", (MARKER,))
    with pytest.raises(InputError, match="is not a directory of pfsolid"):
        make_run(tmp_path, force=True)
    assert contents(tmp_path) == before | {MARKER: "not ours"}


def test_links_are_not_followed(tmp_path):
    """Neither folders that are links, nor links planted under the names of temporary files."""
    run, elsewhere = tmp_path / "run", tmp_path / "scratch"
    make_run(run)
    (run / "checkpoints").rename(elsewhere)
    (run / "checkpoints").symlink_to(elsewhere)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    temporary_name(run / "result.json").symlink_to(victim)
    atomic_write_text(run / "result.json", "whole")
    (run / NEW).symlink_to(elsewhere)
    make_run(run, "new", force=True, names=("result.json",))
    assert not (run / "checkpoints").exists() and contents(elsewhere) == {"step_00000001.h5": "old"}
    assert victim.read_text() == "precious"


def test_directories_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match="file is a file; the output directory needs a name of its own"):
            make_run(path, force=True)
    (tmp_path / "closed").mkdir()
    make_run(tmp_path / "run")
    before = contents(tmp_path / "run")
    with without_permission(tmp_path / "closed"):
        with pytest.raises(InputError, match="cannot make the output directory .*run: Permission denied"):
            make_run(tmp_path / "closed" / "run")
        with pytest.raises(InputError, match="cannot write in .*closed: Permission denied"):
            make_run(tmp_path / "closed")
    with without_permission(tmp_path / "run"), pytest.raises(InputError, match="Permission denied|no permission"):
        make_run(tmp_path / "run", "new", force=True)
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("output, says", [
    ("run", "holds the source"), (".", "holds the source"), ("run/fields.h5", "is the source"), ("run/figures", "lies in"),
    ("run/.new/x", "lies in"), ("stack/deep/er", "lies in"), ("link", "holds"), ("run/conduct", None), ("other", None),
    ("stack_conduct", None)])
def test_an_output_keeps_apart_from_its_source(tmp_path, output, says):
    make_run(tmp_path / "run")
    (tmp_path / "stack").mkdir()
    (tmp_path / "link").symlink_to("run")
    sources = [tmp_path / "run" / "fields.h5"] if "stack" not in output else [tmp_path / "stack"]
    if "figures" in output or NEW in output:
        sources.append(tmp_path / "run")
    if says is None:
        check_apart(tmp_path / output, sources)
    else:
        before = contents(tmp_path)
        with pytest.raises(InputError, match=says):
            make_run(tmp_path / output, force=True, sources=sources)
        assert contents(tmp_path) == before


def test_what_a_directory_is_of_is_kept(tmp_path):
    make_run(tmp_path / "run", about={"density": "/data/it's \"here\".h5"})
    assert about_run(tmp_path / "run") == {"density": "/data/it's \"here\".h5"} and is_run_directory(tmp_path / "run")
    assert about_run(tmp_path) == {}


# --- one writer ---------------------------------------------------------------------------------------------


def _hold(home, ready, leave):
    with only_writer(home, comm):
        ready.set()
        leave.wait()


@pytest.fixture
def other_writer(tmp_path):
    """Another process that is at work in a directory until it is told to leave, or killed."""
    context = multiprocessing.get_context("fork")
    processes = []

    def start(home):
        ready, leave = context.Event(), context.Event()
        process = context.Process(target=_hold, args=(home, ready, leave))
        process.start()
        processes.append(process)
        assert ready.wait(30)
        return process, leave

    yield start
    for process in processes:
        process.kill()
        process.join()


@pytest.fixture(params=["locks", "no locks"])
def file_system(request, monkeypatch):
    """One whose flock works, and one that has none, as some of clusters do."""
    if request.param == "no locks":
        def refuse(*_):
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(fcntl, "flock", refuse)
    return request.param


def test_one_writer_at_a_time(tmp_path, file_system, other_writer, monkeypatch):
    """The second is refused and changes nothing; an end of any kind makes room."""
    monkeypatch.setattr(one_writer, "PATIENCE_S", 0.2)
    run = tmp_path / "run"
    make_run(run)
    before = set(contents(run))
    for how in ("leaves", "is killed"):
        process, leave = other_writer(run)
        for attempt in (lambda: make_run(run, "new", force=True), lambda: interrupted_run(run, comm).__enter__()):
            with pytest.raises(InputError, match=rf"another launch of pfsolid is at work in .*process {process.pid} on "):
                attempt()
        assert before < set(contents(run)) and contents(run)["result.json"] in ("old", "leaves")
        leave.set() if how == "leaves" else process.kill()
        process.join()
        make_run(run, how, force=True)
        assert contents(run)["result.json"] == how and not (run / LOCK).exists()
        assert not list(run.glob("*.claim*")) and not list(run.glob(".*.claim*"))


def test_a_claim_of_another_machine_is_watched(tmp_path, monkeypatch):
    """Alive where its number is counted up, dead where it stood still for so long."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(37, "No locks available")))
    monkeypatch.setattr(one_writer, "Watch", lambda: Watch(0.3))
    claim = take(tmp_path, ".writer")
    text = claim.path.read_text().split("\n", 1)[1]
    claim.path.write_text("0" * 12 + "\n" + json.dumps(json.loads(text) | {"machine": "elsewhere"}) + "\n")
    with only_writer(tmp_path, comm):
        assert (tmp_path / ".writer.claim1").exists()
    assert not list(tmp_path.glob(".writer.claim*"))
