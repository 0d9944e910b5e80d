"""A pytest plugin for scripts/test.sh: one line a result in the file $PFSOLID_TALLY, written as it happens.

Unlike pytest's own summary it is still there when a crash or a hang ends the run. Loaded with `-p tally`. It also says in
the end which files have taken the most processor time, which on a crowded machine says more than the clock.
"""

import os
from collections import Counter

import pytest

_FILES_SHOWN = 15
_spent = Counter()  # processor seconds by file, those of ended child processes included


def _write(outcome: str) -> None:
    path = os.environ.get("PFSOLID_TALLY")
    if path:
        with open(path, "a") as file:
            file.write(outcome + "\n")


def pytest_runtest_logreport(report):
    # Set-up and teardown count only where they are not simply passed.
    if report.when == "call" or report.outcome != "passed":
        _write("skipped" if hasattr(report, "wasxfail") else report.outcome)


def pytest_collectreport(report):
    if report.outcome != "passed":
        _write(report.outcome)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    before = sum(os.times()[:4])
    yield
    _spent[item.location[0]] += sum(os.times()[:4]) - before


def pytest_terminal_summary(terminalreporter):
    shown = [f"{file.removeprefix('tests/')} {seconds:.0f}" for file, seconds in _spent.most_common(_FILES_SHOWN)
             if seconds >= 1]
    if shown:
        terminalreporter.write_line(f"processor seconds: {', '.join(shown)}")


def pytest_sessionfinish():
    _write("finished")
