"""The directions in which modules may import each other, design section 4: down the list only."""

import ast
from pathlib import Path

import pytest

import pfsolid

ROOT = Path(pfsolid.__file__).parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))

# Top to bottom.  Those of one line do not import each other; a package stands for its modules.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["plots"],
    ["workflows"],
    ["config", "io"],
    ["phasefield", "morphology", "conduction"],
    ["noise", "spectral"],
    ["parallel"],
    ["theory", "materials"],
    ["grid"],
    ["errors"],
    ["__init__"],  # the version
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

PARALLEL_LIBRARIES = {"mpi4py", "mpi4py_fft", "h5py", "petsc4py"}
MAY_USE_THEM = ("parallel.py", "spectral.py", "io/", "conduction/petsc")


def imported_names(source: str, package: str) -> set[str]:
    """Absolute names of all that a module imports, anywhere in it; ``package`` is the one it lies in."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[:len(package.split(".")) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            names.update(".".join(base + [alias.name]) for alias in node.names)
    return names


def imports_of(module: str) -> set[str]:
    path = ROOT / module
    return imported_names(path.read_text(), ".".join(["pfsolid", *path.relative_to(ROOT).parts[:-1]]))


def layer_of(name: str) -> str:
    """What a file or an import counts as in LAYERS; config_text, split off config, counts as config."""
    first = name.removesuffix(".py").replace("/", ".").split(".")[0]
    whole = first.split("_")[0]
    return whole if whole in LEVEL else first


def owned_imports(module: str) -> set[str]:
    """Layers of pfsolid that a module imports, other than its own."""
    inside = {name.removeprefix("pfsolid.") for name in imports_of(module) if name.startswith("pfsolid.")}
    known = {layer_of(name) if layer_of(name) in LEVEL else "__init__" for name in inside}
    return known - {layer_of(module)}


def test_imports_are_read_wherever_they_stand():
    source = ("import a.b\nfrom . import c\nfrom ..d import e\n"
              "def f():\n    from ...g.h import i\n")
    assert imported_names(source, "p.q.r") == {"a.b", "p.q.r.c", "p.q.d.e", "p.g.h.i"}


def test_every_module_has_its_layer():
    assert {layer_of(module) for module in MODULES} <= set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    above = {name for name in owned_imports(module) if LEVEL[name] <= LEVEL[layer_of(module)]}
    assert not above


@pytest.mark.parametrize("module", MODULES)
def test_parallel_libraries_stay_where_they_belong(module):
    used = {name.split(".")[0] for name in imports_of(module)} & PARALLEL_LIBRARIES
    assert not used or module.startswith(MAY_USE_THEM)
