"""Claims on a shared folder: one holder at a time, no dead one for ever, whatever the clocks say."""

import json
import os
import subprocess
import sys
import time

import pytest

from pfsolid.errors import OutputError
from pfsolid.io.claims import Watch, beating, claim_path, exclusive, read_holder, split_name, take

EXPIRY_S = 0.2


def rewrite(path, **changes):
    """Make a claim look like another holder's."""
    holder = read_holder(path)
    count = changes.pop("count", holder.pop("count"))
    path.write_text(f"{count}\n{json.dumps(holder | changes)}\n")


def wait_until(condition, patience_s=10.0):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_only_the_first_gets_it(tmp_path):
    claim = take(tmp_path, "a")
    assert claim.is_mine() and take(tmp_path, "a") is None and take(tmp_path, "b") is not None
    claim.release()
    assert not claim.is_mine() and take(tmp_path, "a") is not None


def test_names(tmp_path):
    assert split_name(claim_path(tmp_path, "3fa9.x", 12).name) == ("3fa9.x", 12)
    assert split_name("3fa9.json") is None


def test_many_processes_at_once(tmp_path):
    """Of 4 processes that try 50 pieces each, exactly one gets each."""
    code = ("import sys; from pathlib import Path; from pfsolid.io.claims import take\n"
            "print(*[i for i in range(50) if take(Path(sys.argv[1]), str(i))])")
    started = [subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
               for _ in range(4)]
    got = [number for process in started for number in process.communicate(timeout=100)[0].split()]
    assert sorted(got, key=int) == [str(i) for i in range(50)]


def test_holder_of_this_machine(tmp_path):
    claim = take(tmp_path, "a")
    assert Watch().state(claim.path) == "alive"
    rewrite(claim.path, started="1")  # the process number was given to another process since
    assert Watch().state(claim.path) == "dead"
    ended = subprocess.Popen(["true"])
    ended.wait()
    rewrite(claim.path, pid=ended.pid)
    assert Watch().state(claim.path) == "dead"
    claim.path.unlink()
    assert Watch().state(claim.path) == "gone"


def test_process_that_was_killed_and_not_yet_buried_is_dead(tmp_path):
    claim = take(tmp_path, "a")
    child = subprocess.Popen([sys.executable, "-c", f"""
from pathlib import Path
from pfsolid.io.claims import take
take(Path({str(tmp_path)!r}), "b")
import time; time.sleep(100)"""])
    try:
        path = claim_path(tmp_path, "b", 0)
        wait_until(lambda: path.exists() and Watch().state(path) == "alive")
        child.kill()
        wait_until(lambda: Watch().state(path) == "dead")  # a zombie: nobody has waited for it
        assert Watch().state(claim.path) == "alive"
    finally:
        child.kill()
        child.wait()


def test_holder_of_another_machine(tmp_path):
    """Alive if its number changes, dead if it has not for long enough; files' times and sizes of clocks play no part."""
    claim = take(tmp_path, "a")
    rewrite(claim.path, machine="another")
    watch = Watch(EXPIRY_S)
    for moment in (0.0, 2e9, 9e9):  # 1970, 2033 and 2255, for a clock that jumps
        os.utime(claim.path, (moment, moment))
        assert watch.state(claim.path) == "unknown"
    rewrite(claim.path, count="000000000001")
    assert watch.state(claim.path) == "alive"
    time.sleep(1.5 * EXPIRY_S)
    assert watch.state(claim.path) == "dead"
    assert Watch(EXPIRY_S).state(claim.path) == "unknown"  # somebody else has only begun to watch


def test_time_of_day_is_not_looked_at(tmp_path, monkeypatch):
    claim = take(tmp_path, "a")
    rewrite(claim.path, machine="another")
    watch = Watch(EXPIRY_S)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert watch.state(claim.path) == "unknown"
    monkeypatch.setattr(time, "time", lambda: 1.0)
    assert watch.state(claim.path) == "unknown"


def test_claim_that_was_never_written_expires(tmp_path):
    path = claim_path(tmp_path, "a", 0)
    path.touch()
    watch = Watch(EXPIRY_S)
    assert watch.state(path) == "unknown"
    time.sleep(1.5 * EXPIRY_S)
    assert watch.state(path) == "dead"


def test_ranks_of_ones_own_launch_live(tmp_path):
    claim = take(tmp_path, "a", launch="mine")
    rewrite(claim.path, machine="another")
    assert Watch(launch="mine").state(claim.path) == "alive"
    assert Watch(launch="").state(claim.path) == "unknown"


def test_beating_is_seen_and_a_takeover_noticed(tmp_path):
    claim, lost = take(tmp_path, "a"), []
    with beating(claim, lambda: lost.append(True), beat_s=0.01):
        before = read_holder(claim.path)["count"]
        wait_until(lambda: read_holder(claim.path)["count"] > before)
        assert not lost
        taken = take(tmp_path, "a", 1)
        taken.release()  # removes those of earlier generations too
        wait_until(lambda: lost)
    assert list(tmp_path.iterdir()) == []


def test_release_of_a_lost_claim_leaves_the_new_holder_alone(tmp_path):
    claim = take(tmp_path, "a")
    claim.path.unlink()
    another = take(tmp_path, "a")
    claim.release()
    assert another.is_mine()


def test_exclusive_takes_turns_and_outlives_the_dead(tmp_path):
    code = ("import sys, time; from pathlib import Path; from pfsolid.io.claims import exclusive\n"
            "with exclusive(Path(sys.argv[1]), 'turn'):\n"
            "    (Path(sys.argv[1]) / 'in').mkdir(); time.sleep(0.1); (Path(sys.argv[1]) / 'in').rmdir()\n")
    dead = take(tmp_path, "turn")
    rewrite(dead.path, started="1")
    started = [subprocess.Popen([sys.executable, "-c", code, tmp_path], stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.wait(100) for process in started] == [0, 0, 0]
    with exclusive(tmp_path, "turn"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        take(tmp_path / "nowhere", "a")
