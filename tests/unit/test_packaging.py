"""What an installation brings: nothing of MPI by itself, the six packages of the design with its extras, its data."""

import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest

import pfsolid

CHECKOUT = Path(__file__).parents[2]
SOURCES = CHECKOUT / "pfsolid"
DESIGN = {"mpi4py", "mpi4py-fft", "numpy", "h5py", "petsc4py", "pytest"}
BOUND_TO_MPI = {"mpi4py", "mpi4py-fft", "petsc4py"}


def required(*extras):
    """Names of what `pip install pfsolid[extras]` asks for."""
    names = set()
    for line in requires("pfsolid"):
        extra = re.search(r"extra == ['\"](.+)['\"]", line)
        if extra is None or extra[1] in extras:
            names.add(re.match(r"[\w.-]+", line)[0].lower())
    return names


def test_a_plain_installation_takes_nothing_of_mpi():
    assert not required() & BOUND_TO_MPI and {"numpy", "h5py", "pyfftw"} <= required()


def test_the_extras_give_the_packages_of_the_design():
    assert required("mpi", "petsc") >= DESIGN


def test_the_version_is_the_same_everywhere():
    assert version("pfsolid") == pfsolid.__version__
    assert f"\nversion: {pfsolid.__version__}\n" in (CHECKOUT / "CITATION.cff").read_text()


@pytest.mark.skipif(not SOURCES.is_dir(), reason="the sources lie elsewhere")
def test_every_file_of_the_package_that_is_no_module_is_packaged():
    patterns = re.search(r'package_data=\{"pfsolid": \[(.*?)\]\}', (CHECKOUT / "setup.py").read_text())[1]
    packaged = {path for pattern in re.findall(r'"(.+?)"', patterns) for path in SOURCES.glob(pattern)}
    files = {path for path in SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} <= packaged
