"""Commands that compute nothing in parallel start at once: they load neither MPI nor what else takes long."""

import shutil
import subprocess
import sys

import pytest

from pfsolid.parallel.launch import environment_for_mpirun, python_module

HEAVY = {"mpi4py.MPI", "numba", "h5py", "matplotlib", "scipy", "pydantic"}
TABLE = ("emt", "--porosity", "0.3", "--surface-depth-nm", "1.4", "--pore-radius-nm", "20")
# What `pfsolid ...` does, and then what it has loaded.
PROBE = """
import sys
sys.argv = ["pfsolid", *sys.argv[1:]]
from pfsolid.cli import main
try:
    main()
except SystemExit as end:
    sys.stdout = sys.__stdout__
    print()
    print("loaded", end.code, *sys.modules)
"""
# Python's own start is 70 modules, 90 where the site adds its own; MPI and NumPy bring 300 more, the numerical part 1200.
FEW, WITH_NUMPY = 185, 350
# 385 of them are Python's start in this kind of environment.
MOST_FILE_CALLS = 1200


@pytest.mark.parametrize("arguments, status, most", [
    (("--version",), "0", FEW), (("--help",), "0", FEW), (("emt", "--help"), "0", FEW), (("materials", "list"), "0", FEW),
    (("materials", "show", "beta-Li3PS4"), "0", FEW), (TABLE, "0", WITH_NUMPY)])
def test_light_commands_load_little(arguments, status, most):
    done = subprocess.run([sys.executable, "-P", "-c", PROBE, *arguments], capture_output=True, text=True, timeout=60,
                          env=environment_for_mpirun())
    assert not done.stderr
    word, ended, *loaded = done.stdout.splitlines()[-1].split()
    assert (word, ended) == ("loaded", status)
    assert not HEAVY & set(loaded)
    assert len(loaded) < most


def test_the_version_is_told_with_few_calls_of_the_file_system(tmp_path):
    tracer = shutil.which("strace")
    record = tmp_path / "calls"
    if tracer is None or subprocess.run([tracer, "-o", record, "true"], capture_output=True).returncode:
        pytest.skip("strace is not there, or may not trace")
    subprocess.run([tracer, "-f", "-e", "trace=file", "-o", record, *python_module("pfsolid"), "--version"], check=True,
                   capture_output=True, timeout=60, env=environment_for_mpirun() | {"LANG": "en_US.UTF-8"})
    assert len(record.read_text().splitlines()) <= MOST_FILE_CALLS


def test_under_mpirun_one_rank_speaks():
    command = ["mpirun", "-n", "2", "--oversubscribe", *python_module("pfsolid")]
    for arguments, line in ((["--version"], "pfsolid "), (TABLE, "porosity")):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=100,
                              env=environment_for_mpirun())
        assert done.returncode == 0, done.stderr
        assert sum(one.startswith(line) for one in done.stdout.splitlines()) == 1
