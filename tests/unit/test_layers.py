"""The directions in which modules may import each other: down the list only."""

import ast
from pathlib import Path

import pytest

import pfsolid

ROOT = Path(pfsolid.__file__).parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))

# Top to bottom; a folder stands for its modules.  Those of one line do not import each other.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["api"],
    ["pages"],
    ["plots"],
    ["sweeps"],
    ["machine"],
    ["workflows"],
    ["homogenization"],
    ["io", "conduction", "config"],
    ["phasefield", "morphology", "polycrystals", "hexagonal"],
    ["pairs"],
    ["labels"],
    ["spectral"],
    ["parallel"],
    ["theory", "materials"],
    ["results"],
    ["orientation"],
    ["grid", "text", "units"],
    ["aligned", "arrays", "errors", "json_values", "kernel", "process", "regular"],
    ["__init__"],  # the version
]

# The same inside the folders where several concerns meet.
INSIDE = {
    "api": [["electrode", "run"], ["growth"], ["impedance", "report", "representative"],
            ["conductivity", "grains", "morphology", "tubules"], ["study"], ["image"], ["sweep"], ["plot"],
            ["optional", "pictures", "sinks"], ["arguments"]],
    "cli": [["__init__"], ["main"], ["impedance", "rev"],
            ["completion", "conduct", "grains", "materials", "run", "sweep", "theory", "tubules"],
            ["hopping", "info", "label_tables"], ["options"]],
    "config": [["review"], ["sweep"], ["estimate", "execution", "image"], ["impedance", "phases"],
               ["resistances"],
               ["electrode", "grains", "rev", "tubules"], ["run"], ["material"], ["classes", "sigma_table"],
               ["conduction", "made", "naming", "resolved"], ["text"]],
    "homogenization": [["representative"], ["subvolumes"], ["carriers", "spectra"],
                       ["battery", "density", "image", "report"],
                       ["boundaries", "parts", "split", "watch"], ["impedance", "resistances", "solve"],
                       ["contacts", "electrode", "found", "medium"], ["grid_error"]],
    "results": [["measured"], ["run"], ["conduction", "electrode", "impedance", "morphology", "representative"],
                ["record"]],
    "plots": [["run", "sweep"], ["clusters", "sweep_gallery", "sweep_phases"], ["sweep_table", "theory", "sweep_curves"],
              ["conduction", "electrode", "evolution", "impedance", "morphology", "representative", "structure"], ["figure"],
              ["box", "planes", "run_files"], ["colours", "rays"]],
    "sweeps": [["launch"], ["worker"], ["pick", "collect"], ["image_columns"], ["state"], ["plan"], ["dataset", "kinds"]],
    "io": [["xdmf"], ["checkpoint", "orientations", "peek"], ["seal", "series"],
           ["images", "provenance", "run_directory", "sealed_json", "transfer"],
           ["hdf5_sources", "readback"], ["hdf5", "one_writer", "records"], ["claims"], ["files"]],
    "workflows": [["resume"], ["rev"], ["carriers", "case", "export", "impedance", "measure_file", "save", "stored_density"],
                  ["grains", "labelled", "measured_grains"], ["measured_source", "run"],
                  ["density", "fit_sweep", "image", "simulate"],
                  ["console", "fields", "grain_images", "image_review", "measure", "sinks", "solved", "start", "theory",
                   "tubules"], ["made"]],
}

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

PARALLEL_LIBRARIES = {"mpi4py", "mpi4py_fft", "pyfftw", "h5py", "petsc4py"}
MAY_USE_THEM = ("parallel/", "spectral/", "io/", "conduction/petsc")


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


def part(name: str, depth: int = 0) -> str:
    """The file or folder at a depth below the package that a file or an import belongs to; empty where there is none."""
    names = name.removesuffix(".py").replace("/", ".").split(".")
    return names[depth] if len(names) > depth else ""


def inner_imports(module: str) -> set[str]:
    """What a module imports of the package, without the package's name; the package itself is its ``__init__``."""
    inside = {name.removeprefix("pfsolid.") for name in imports_of(module) if name.startswith("pfsolid.")}
    return {name if part(name) in LEVEL else "__init__" for name in inside}


def test_imports_are_read_wherever_they_stand():
    source = ("import a.b\nfrom . import c\nfrom ..d import e\n"
              "def f():\n    from ...g.h import i\n")
    assert imported_names(source, "p.q.r") == {"a.b", "p.q.r.c", "p.q.d.e", "p.g.h.i"}


def test_every_module_has_its_layer():
    assert {part(module) for module in MODULES} <= set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    own = part(module)
    above = {name for name in inner_imports(module) if part(name) != own and LEVEL[part(name)] <= LEVEL[own]}
    assert not above


@pytest.mark.parametrize("folder", INSIDE)
def test_every_module_of_a_folder_has_its_place(folder):
    inside = {part(module, 1) for module in MODULES if part(module) == folder} - {"__init__"}
    assert inside == {name for names in INSIDE[folder] for name in names} - {"__init__"}


@pytest.mark.parametrize("module", [module for module in MODULES if part(module) in INSIDE])
def test_imports_point_down_inside_a_folder(module):
    folder, own = part(module), part(module, 1)
    level = {name: level for level, names in enumerate(INSIDE[folder]) for name in names}
    names = {part(name, 1) for name in inner_imports(module) if part(name) == folder} & set(level) - {own}
    above = {name for name in names if level[name] <= level.get(own, len(level))}
    assert not above


@pytest.mark.parametrize("module", MODULES)
def test_parallel_libraries_stay_where_they_belong(module):
    used = {name.split(".")[0] for name in imports_of(module)} & PARALLEL_LIBRARIES
    assert not used or module.startswith(MAY_USE_THEM)
