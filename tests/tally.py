"""A pytest plugin for scripts/test.sh: one line a result in the file $PFSOLID_TALLY, written as it happens.

Unlike pytest's own summary it is still there when a crash or a hang ends the run. Loaded with `-p tally`.
"""

import os


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


def pytest_sessionfinish():
    _write("finished")
