"""The command line inside the process of the tests."""

from importlib import import_module

import pytest

cli = import_module("pfsolid.cli.main")  # the attribute of that name is the function


@pytest.fixture
def run_cli(capsys, monkeypatch):
    """Run the command line in this process; exit status, standard output, standard error."""
    def left(_comm, status):
        raise SystemExit(status)

    monkeypatch.setattr(cli, "leave_together", left)
    monkeypatch.setattr(cli, "end_all_ranks_on_uncaught_errors", lambda _advice: None)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return run
