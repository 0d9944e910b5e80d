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
    assert "bashcompinit" in run_cli("completion", "zsh")[1]


# As zsh's bashcompinit calls it, in the options that it sets.  Of what is offered zsh takes what fits the word by itself.
ASK_ZSH = """
emulate -L sh
setopt kshglob noshglob braceexpand
COMP_WORDS=(pfsolid "$@")
COMP_CWORD=$#
_pfsolid
echo "${COMPREPLY[*]}"
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize("typed, offered", [
    (["sweep", "p"], "plan plot"), (["conduct", "--set", "conduction.rel"], "conduction.relative_tolerance=")])
def test_what_zsh_is_offered(typed, offered):
    script = script_of(_build_parser(), "zsh")
    done = subprocess.run(["zsh", "-f", "-c", f"{script}\nask() {{{ASK_ZSH}}}\nask \"$@\"", "zsh", *typed],
                          capture_output=True, text=True, timeout=60)
    assert not done.stderr and set(offered.split()) <= set(done.stdout.split())
    assert not {"periodic", "measure"} & set(done.stdout.split())  # of another option, of another command
