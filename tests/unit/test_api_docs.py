"""The examples of the API are right: those of the docstrings, and the blocks of docs/python.md and the README."""

import doctest
import inspect
import logging
import re
from importlib import import_module
from pathlib import Path

import pytest

import pfsolid as pf

ROOT = Path(__file__).parents[2]
MODULES = ["pfsolid", *(f"pfsolid.api.{name}" for name in ("image", "conductivity", "growth", "morphology"))]
FUNCTIONS = [pf.conductivity, pf.grow, pf.measure, pf.read_image, pf.Image, pf.Microstructure.measure,
             pf.Microstructure.conductivity, pf.Conductivity.current_density]


def blocks_of(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def no_handlers_of_commands(monkeypatch):
    """Those that a command of another test has left in this process."""
    monkeypatch.setattr(logging.getLogger("pfsolid"), "handlers", [])


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name, tmp_path):
    found = doctest.testmod(import_module(name), extraglobs={"folder": tmp_path})
    assert found.attempted and not found.failed


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_blocks_of_pages(page, capsys):
    blocks = blocks_of(ROOT / page)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert "S/cm" in capsys.readouterr().out


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_every_parameter_is_described(function):
    described = inspect.getdoc(function)
    for name in inspect.signature(function).parameters:
        if name != "self" and not name.startswith("_"):
            assert re.search(rf"^(\w+, )*{name}\b.*( :|, \w+|$)", described, re.MULTILINE), name
    assert "Parameters\n" in described
    assert ">>>" in described or function is pf.Conductivity.current_density
