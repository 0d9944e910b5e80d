"""Every compiled kernel is on the list that the warm-up walks, the warm-up compiles them all, and what is kept is sound."""

import ast
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.builders import ALONE

import pfsolid
from pfsolid import kernel as kernel_module
from pfsolid.errors import Interrupted
from pfsolid.kernel import _CheckedFiles, is_whole, private_temporary_folder, processor
from pfsolid.machine import warmup
from pfsolid.workflows.console import open_session

ROOT = Path(pfsolid.__file__).parent

# Prints what is left uncompiled after both kinds of runs, of the kernels that Python calls: those that other kernels call
# come along with them, also out of the cache.
UNCOMPILED = """
from pfsolid.kernel import KERNELS
from pfsolid.machine.warmup import USUAL, compile_all
compile_all([USUAL | {"grains": True}, USUAL | {"interface_diffusion": 1.0}])
called = {id(k.py_func.__globals__.get(name)) for k in KERNELS for name in k.py_func.__code__.co_names}
print("left:", *(f"{k.__module__}.{k.__name__}" for k in KERNELS if not k.signatures and id(k) not in called))
"""


def test_kernels_are_made_by_one_decorator():
    """numba's own decorators stand in kernel.py alone, so that no kernel is missing from the list."""
    users = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "numba":
                users |= {path.name for alias in node.names if alias.name != "prange"}
    assert users == {"kernel.py"}


def test_warm_up_compiles_every_kernel():
    found = subprocess.run([sys.executable, "-c", UNCOMPILED], capture_output=True, text=True, timeout=280, check=True)
    assert found.stdout.splitlines()[-1] == "left:"


# --- what is kept on disk -------------------------------------------------------------------------------------

MODULE = """
from pfsolid.kernel import kernel
@kernel()
def doubled(x):
    return 2 * x
"""
USE = "import kept; from pfsolid.kernel import cache_files; print(kept.doubled({argument}), len(cache_files()), {misses})"
MISSES = "sum(kept.doubled.stats.cache_misses.values())"


@pytest.fixture
def use(tmp_path):
    """Calls a kernel in a process of its own: its value, the number of files that are kept, how often it was compiled."""
    (tmp_path / "kept.py").write_text(MODULE)

    def call(argument="21"):
        done = subprocess.run([sys.executable, "-c", USE.format(argument=argument, misses=MISSES)], cwd=tmp_path,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return call


def test_machine_code_is_kept(use):
    assert use() == ["42", "2", "1"] and use() == ["42", "2", "0"]
    assert use("1.5") == ["3.0", "3", "1"]  # another type is another file beside it


CALLER = """
from pfsolid.kernel import kernel
from inner import added
OFFSET = 1
@kernel()
def doubled(x):
    return 2 * added(x) - OFFSET
"""
INNER = """
from pfsolid.kernel import kernel
@kernel()
def added(x):
    return x + {}
"""


def test_a_change_of_a_called_kernel_is_noticed_and_a_touch_is_none(use, tmp_path):
    (tmp_path / "kept.py").write_text(CALLER)
    (tmp_path / "inner.py").write_text(INNER.format(1))
    assert use()[::2] == ["43", "1"] and use()[::2] == ["43", "0"]
    for name in ("kept.py", "inner.py"):
        os.utime(tmp_path / name, (1, 1))
    assert use()[::2] == ["43", "0"]
    (tmp_path / "inner.py").write_text(INNER.format(2))
    assert use()[::2] == ["45", "1"]


def test_a_copy_of_the_sources_needs_no_compiling(use, tmp_path):
    use()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy, ignore=shutil.ignore_patterns("copy"))  # as files are copied: with new times
    (copy / "kept.py").touch()
    done = subprocess.run([sys.executable, "-c", USE.format(argument="21", misses=MISSES)], cwd=copy, capture_output=True,
                          text=True, timeout=120)
    assert done.stdout.split() == ["42", "2", "0"], done.stderr


# At the same time for four types, for one of them twice; then whether each loads its own.
AT_ONCE = """
import os
import numpy as np
import kept
from pfsolid.kernel import cache_files
kinds = [3, 1.5, 2j, np.float32(4), 3]
children = []
for kind in kinds:
    children.append(os.fork())
    if not children[-1]:
        kept.doubled(kind)
        os._exit(sum(kept.doubled.stats.cache_misses.values()))
asked = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
print(len(cache_files()), [kept.doubled(kind) for kind in kinds] == [6, 3.0, 4j, 8, 6],
      sum(kept.doubled.stats.cache_misses.values()), asked)
"""


def test_processes_that_compile_one_kernel_take_turns(use, tmp_path):
    """Each type in a file of its own and on the list, where numba would give several of them the same name."""
    done = subprocess.run([sys.executable, "-c", AT_ONCE], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["5", "True", "0", "4"], done.stderr


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [lambda raw: raw[:len(raw) // 2],
                                    lambda raw: raw[:100] + bytes([raw[100] ^ 1]) + raw[101:]], ids=["truncated", "bit"])
def test_damaged_machine_code_is_made_anew(use, tmp_path, kind, damage):
    use()
    path = next((tmp_path / "__pycache__").glob(f"*.{kind}"))
    path.write_bytes(damage(path.read_bytes()))
    assert not is_whole(path)
    assert use() == ["42", "2", "1"]
    assert is_whole(path) and use() == ["42", "2", "0"]


def test_what_counts_as_whole(tmp_path):
    whole = b"code" + kernel_module._checksum(b"code")
    for raw in (whole, b"", whole[:-1], whole + b"x", bytes(len(whole)), b"c0de" + whole[4:], whole[:4]):
        (tmp_path / "file").write_bytes(raw)
        assert is_whole(tmp_path / "file") == (raw == whole)
    assert not is_whole(tmp_path) and not is_whole(tmp_path / "none")


def test_a_full_disk_costs_only_the_time(tmp_path, monkeypatch):
    files = _CheckedFiles(str(tmp_path), "name", "stamp")

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pfsolid.kernel.os.replace", no_room)
    files.save("key", "data")
    monkeypatch.undo()
    assert files.load("key") is None
    files.save("key", "data")
    assert files.load("key") == "data"


@pytest.mark.parametrize("writable, expected", [
    (["asked", "source", "cache"], "asked"), (["source", "cache"], "beside"), (["cache", "home"], "cache"),
    (["home"], "home"), ([], None)])
def test_the_first_place_that_can_be_written(tmp_path, monkeypatch, writable, expected):
    places = {"asked": tmp_path / "asked", "source": tmp_path / "source" / "__pycache__",
              "cache": tmp_path / "cache" / "numba", "home": tmp_path / "home" / "pfsolid" / "numba"}
    monkeypatch.setattr(kernel_module.numba.config, "CACHE_DIR", str(places["asked"]))
    monkeypatch.setenv("PFSOLID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kernel_module, "_can_be_written", lambda folder: folder in [places[name] for name in writable])
    monkeypatch.setattr(kernel_module, "private_temporary_folder", lambda: None)
    found = kernel_module._place_for.__wrapped__(tmp_path / "source")
    assert found == (places.get(expected) if expected != "beside" else "")


def test_a_temporary_folder_of_another_user_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = private_temporary_folder()
    assert folder.parent == tmp_path and stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)  # somebody may have put machine code there
    assert private_temporary_folder() is None
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert private_temporary_folder() is None


# --- compiled beforehand -------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """The warm-up with a helper that only notes that it was called, and a folder of its own."""
    calls = []
    kept = tmp_path / "a.nbi"
    machine = [("linux", "cpu", "+avx")]

    def compile_elsewhere(_kinds, stamps, _session):
        calls.append(machine[0])
        kept.write_bytes(b"code" + kernel_module._checksum(b"code"))
        stamps[0].write_text(str(kept))

    monkeypatch.setattr(warmup, "_compile_elsewhere", compile_elsewhere)
    monkeypatch.setattr(warmup, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(warmup, "processor", lambda: machine[0])
    with open_session(1, ALONE) as session:
        yield calls, kept, machine, lambda: warmup.ensure_compiled(None, session)


def test_each_kind_of_processor_compiles_once(compiled):
    calls, _, machine, ensure = compiled
    ensure()
    ensure()
    machine[0] = ("linux", "another", "+avx512f")
    ensure()
    ensure()
    assert calls == [("linux", "cpu", "+avx"), ("linux", "another", "+avx512f")]


@pytest.mark.parametrize("harm", [lambda kept: kept.unlink(), lambda kept: kept.write_bytes(b"code")])
def test_what_is_lost_or_damaged_is_compiled_again_beforehand(compiled, harm):
    calls, kept, _, ensure = compiled
    ensure()
    harm(kept)
    ensure()
    assert len(calls) == 2


def test_what_the_command_compiles_holds_what_runs_look_for():
    """By the same keys and values: a run after `pfsolid warmup` would start a helper otherwise."""
    assert warmup._kind_of(None) in warmup.EVERY and all(list(kind) == list(warmup.USUAL) for kind in warmup.EVERY)


def test_processor_is_numbas_own_key():
    system, model, features = processor()
    assert system and model and isinstance(features, str)


def test_a_signal_ends_the_helper(monkeypatch, tmp_path):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], stderr=subprocess.PIPE)
    with open_session(1, ALONE) as session, helper:
        session.stop_requested = "SIGTERM"
        with pytest.raises(Interrupted, match="nothing was computed yet"):
            warmup._wait_for(helper, session)
    assert helper.returncode == -15


def test_a_helper_that_fails_is_spoken_of():
    helper = subprocess.Popen([sys.executable, "-c", "raise SystemExit('no room')"], stderr=subprocess.PIPE)
    with open_session(1, ALONE) as session, helper:
        assert warmup._wait_for(helper, session) == "status 1: no room"
