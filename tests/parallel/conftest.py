"""Lets pytest run under mpirun: every rank runs every test, and all ranks agree on how each one ended.

Without agreement a test that fails on one rank leaves the others waiting in their next collective call. Here
each phase of a test (set-up, call, teardown) ends with an exchange of outcomes: failed anywhere is failed
everywhere, skipped anywhere is skipped everywhere. A test that hangs, on one rank or on all, ends the launch.
"""

import faulthandler
import os
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

HERE = Path(__file__).parent
OUTCOMES = ("passed", "skipped", "failed")  # the worst last
FAILED = OUTCOMES.index("failed")
PATIENCE = 30.0  # seconds a rank whose test failed waits for the others, who may hang because of it

world = MPI.COMM_WORLD
agreement = world.Dup()  # its own channel: no exchange of a test's can be taken for one of these


# --- fixtures -------------------------------------------------------------------------------------


@pytest.fixture
def comm():
    """All ranks of this launch."""
    return world


@pytest.fixture
def shared_tmp_path(tmp_path):
    """One temporary directory for all ranks (`tmp_path` is another one on each)."""
    return world.bcast(tmp_path)


# --- the same tests on every rank -----------------------------------------------------------------


def pytest_collection_modifyitems(config, items):
    """`@pytest.mark.ranks(2, 4)`: only at these numbers of ranks."""
    kept, dropped = [], []
    for item in items:
        marker = item.get_closest_marker("ranks")
        (kept if marker is None or world.size in marker.args else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_collection_finish(session):
    collected = agreement.allgather([item.nodeid for item in session.items])
    for rank, names in enumerate(collected):
        if names != collected[0]:
            odd = sorted(set(names) ^ set(collected[0])) or ["the same tests in another order"]
            raise pytest.UsageError(f"ranks 0 and {rank} collected different tests: {', '.join(odd[:5])}")


# --- the same outcome on every rank ---------------------------------------------------------------


def _gather_outcomes(outcome: int) -> list[int]:
    outcomes = np.empty(world.size, dtype="i4")
    request = agreement.Iallgather(np.array([outcome], dtype="i4"), outcomes)
    deadline = time.monotonic() + PATIENCE
    while not request.Test():
        if outcome == FAILED and time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(2e-4)  # with more ranks than cores, the one waited for needs this core
    return outcomes.tolist()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    try:
        outcomes = _gather_outcomes(OUTCOMES.index(report.outcome))
    except TimeoutError:
        _end_launch(f"{report.longreprtext}\n{item.nodeid} failed here; the others did not return from it")
    worst = max(outcomes)
    if worst == OUTCOMES.index("passed"):
        return
    # A skip's text is a tuple (file, line, reason), which other hooks rely on.
    text = report.longrepr if isinstance(report.longrepr, tuple) else report.longreprtext
    texts = agreement.allgather(text)
    first = outcomes.index(worst)
    if worst == FAILED and world.size > 1:
        ranks = ", ".join(str(rank) for rank, outcome in enumerate(outcomes) if outcome == FAILED)
        header = f"failed on rank {ranks} of {world.size}"
        if report.outcome == "failed":
            report.sections.append(("ranks", header))
        else:
            report.longrepr = f"{header}; the first of them says:\n{texts[first]}"
    elif report.outcome == "passed":
        skip = texts[first]
        report.longrepr = skip if isinstance(skip, tuple) else (str(item.path), 0, f"skipped on rank {first}")
    report.outcome = OUTCOMES[worst]


# --- a hang ends the launch -----------------------------------------------------------------------

_stderr = 2  # replaced by a copy of the real one: pytest points 2 at a file while a test runs
_timer = None


def pytest_configure(config):
    global _stderr
    _stderr = os.dup(2)


def _end_launch(message: str):
    os.write(_stderr, f"\nrank {world.rank} of {world.size}: {message}\n".encode())
    time.sleep(2)  # the others are likely to be at this point too, and Abort cuts off what they have to say
    world.Abort(1)


def _hung(nodeid: str, seconds: float):
    frames = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident])
    names = [frame.filename for frame in frames]
    start = max(i for i, name in enumerate(names) if "_pytest" in name or "pluggy" in name) + 1
    stack = "".join(traceback.format_list(frames[start:] or frames[-3:]))
    _end_launch(f"{nodeid} did not end within {seconds:g} s; it is here:\n{stack}")


def pytest_timeout_set_timer(item, settings):
    """In place of pytest-timeout's own timers, whose signal is not seen while a rank waits inside MPI."""
    global _timer
    if not item.path.is_relative_to(HERE):
        return None
    pytest_runtest_logfinish()
    _timer = threading.Timer(settings.timeout, _hung, (item.nodeid, settings.timeout))
    _timer.daemon = True
    _timer.start()
    # The timer's thread needs the interpreter's lock, which PETSc and HDF5 keep while waiting. Not this one:
    faulthandler.dump_traceback_later(settings.timeout + 10, exit=True, file=_stderr)
    return True


def pytest_timeout_cancel_timer(item):
    """pytest-timeout stops its timer at a test's first failure; here it goes on: the teardown may hang."""
    return True if item.path.is_relative_to(HERE) else None


def pytest_runtest_logfinish():
    if _timer is not None:
        _timer.cancel()
        faulthandler.cancel_dump_traceback_later()
