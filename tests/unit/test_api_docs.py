"""The examples are right: those of the docstrings, the blocks of docs/python.md, of the README and of the tutorials."""

import doctest
import inspect
import logging
import re
import shlex
from importlib import import_module

import pytest
from helpers.pages import PAGES, ROOT, blocks_of, is_as_said, outputs_of

import pfsolid as pf
from pfsolid.cli.main import _build_parser

MODULES = ["pfsolid", "pfsolid.theory", "pfsolid.materials", "pfsolid.materials.arrhenius", "pfsolid.materials.hopping",
           "pfsolid.materials.electrolytes", "pfsolid.results.morphology",
           *(f"pfsolid.theory.{name}" for name in ("bounds", "bricks", "effective_medium", "electrode", "fit")),
           "pfsolid.polycrystals.misorientation",
           *(f"pfsolid.api.{name}" for name in ("image", "conductivity", "electrode", "grains", "growth", "morphology",
                                                "plot", "report", "representative", "run", "sweep", "tubules"))]
FUNCTIONS = [pf.conductivity, pf.grow, pf.measure, pf.read_image, pf.Image, pf.Microstructure.measure,
             pf.Microstructure.conductivity, pf.Conductivity.current_density, pf.Conductivity.to_pybamm, pf.report,
             pf.rev, pf.sweep, pf.grains, pf.tubules, pf.electrode]


@pytest.fixture(autouse=True)
def no_handlers_of_commands(monkeypatch):
    """Those that a command of another test has left in this process."""
    monkeypatch.setattr(logging.getLogger("pfsolid"), "handlers", [])


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name, tmp_path):
    found = doctest.testmod(import_module(name), extraglobs={"folder": tmp_path})
    assert found.attempted and not found.failed


@pytest.mark.parametrize("page", ["docs/python.md", "docs/index.md", "README.md"])
def test_blocks_of_pages(page, capsys):
    blocks = blocks_of(ROOT / page)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block.code, page, "exec"), names)
    assert "S/cm" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_print_what_they_say(page, tmp_path):
    for block, printed in outputs_of(page, tmp_path):
        assert block.said is None or is_as_said(printed, block.said), printed


@pytest.mark.parametrize("name", ["inputs.md", "commands.md", "result_json.md", "morphology_json.md"])
def test_reference_is_what_the_code_says(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts" / "docs")
    written = import_module("make_reference").PAGE_WRITERS[name]()
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == written, \
        "run: python scripts/docs/make_reference.py"


SHELL = re.compile(r"^    (?:mpirun -n \d+ )?(pfsolid|bash|sbatch|source) (.*?)(?:  +#.*)?$", re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", *(f"docs/howto/{name}.md" for name in ("cluster", "images", "install"))])
def test_commands_of_pages_are_taken(page, run_cli):
    """Each line of shell in an indented block: options and commands that there are, files that are there.  What checks an
    input is run; `scripts/test_plain.sh` runs the others on tiny cases."""
    found = SHELL.findall((ROOT / page).read_text(encoding="utf-8"))
    assert found
    for program, rest in found:
        for line in filter(None, re.split(r" && (?:pfsolid )?| > \S+", rest)):
            words = shlex.split(re.sub(r"\[([^]]*)\]", r"", line))
            for word in words:
                if re.match(r"(inputs|scripts|jobs)/", word):
                    assert (ROOT / word).exists(), line
            if program == "pfsolid":
                options = _build_parser().parse_args(words)
                if words[0] == "validate":
                    assert run_cli("validate", str(ROOT / options.input))[0] == 0


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_every_parameter_is_described(function):
    described = inspect.getdoc(function)
    for name in inspect.signature(function).parameters:
        if name != "self" and not name.startswith("_"):
            assert re.search(rf"^(\w+, )*{name}\b.*( :|, \w+|$)", described, re.MULTILINE), name
    assert "Parameters\n" in described
    assert ">>>" in described or function is pf.Conductivity.current_density
