"""What the command line and a batch script rely on: one base class and the exit status of each kind."""

import inspect

import pytest

from pfsolid import errors

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)
         if kind.__module__ == errors.__name__ and not issubclass(kind, Warning)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_can_be_caught_as_one_and_shows_its_message(kind):
    assert issubclass(kind, errors.PfsolidError)
    assert str(kind("shape (0, 1, 1): too small")) == "shape (0, 1, 1): too small"


def test_exit_statuses():
    # 85 is what a job script asks for to submit itself again; 2 tells bad input from a failed run.
    assert errors.Interrupted.exit_status == 85
    assert errors.InputError.exit_status == 2
    others = set(KINDS) - {errors.Interrupted, errors.InputError}
    assert {kind.exit_status for kind in others} == {1}


@pytest.mark.parametrize("kind, usual", [(errors.InputError, ValueError), (errors.ConvergenceError, RuntimeError),
                                         (errors.OutputError, OSError), (errors.CheckpointError, OSError)])
def test_a_script_can_catch_them_as_what_python_calls_them(kind, usual):
    assert issubclass(kind, usual)
