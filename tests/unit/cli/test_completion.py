"""What the shell completes: asked of bash itself, by the script that `pfsolid completion` prints."""

import shutil
import subprocess

import pytest

from pfsolid.cli.completion import script_of
from pfsolid.cli.main import _build_parser

BASH = shutil.which("bash")
ASK = """
COMP_WORDS=(pfsolid "$@")
COMP_CWORD=$#
_pfsolid
echo "${COMPREPLY[*]}"
"""


@pytest.fixture(scope="module")
def script():
    return script_of(_build_parser())


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize("typed, offered", [
    (["me"], "measure"), (["sweep", "p"], "plan plot"), (["emt", "--exponent", "1", "m"], "map"),
    (["measure", "x.tif", "--bo"], "--boundary"), (["measure", "x.tif", "--boundary", "m"], "mirror"),
    (["plot", "run", "--format", ""], "png pdf svg"),
    (["conduct", "--set", "conduction.rel"], "conduction.relative_tolerance="),
    (["run", "--set", "image.bou"], "image.boundary="), (["completion", "z"], "zsh"), (["run", "inputs/qu"], "")])
def test_what_is_offered(script, typed, offered):
    done = subprocess.run([BASH, "-c", f"{script}{ASK}", "bash", *typed], capture_output=True, text=True, timeout=20)
    assert not done.stderr and done.stdout.strip() == offered


def test_the_command_prints_it(run_cli, script):
    status, out, error = run_cli("completion")
    assert (status, out, error) == (0, script, "")
    assert run_cli("completion", "zsh")[1].splitlines()[1].startswith("autoload")
