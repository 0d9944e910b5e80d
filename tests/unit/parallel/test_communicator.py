"""Who is alone and who is not, and that one rank by itself can do all that the package asks of a communicator."""

import ast
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pfsolid
from pfsolid.errors import InputError
from pfsolid.parallel import communicator
from pfsolid.parallel.communicator import Communicator, is_communicator, rank_by_launcher, several_ranks, world
from pfsolid.parallel.launch import environment_for_mpirun
from pfsolid.parallel.serial import ONE_RANK, OneRank

PACKAGE = Path(pfsolid.__file__).parent
ASKED_FOR = {name for name in vars(Communicator) if name[0].isalpha()}
# By `largest`, `smallest` and `node_of`, which ask MPI only where there are several ranks.
OF_COMMUNICATORS = r"(.*\.)?_?comm|node|world\(\)|alone\(\)"
OF_SEVERAL_RANKS = {"allreduce", "Split_type"}


@pytest.fixture
def no_launcher(monkeypatch):
    for name in (*communicator._SIZES, *communicator._RANKS, communicator._SWITCH):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variables, several", [
    ({}, False),
    ({"OMPI_COMM_WORLD_SIZE": "3"}, True),
    ({"OMPI_COMM_WORLD_SIZE": "1"}, False),
    ({"PMI_SIZE": "2", "PMI_RANK": "1"}, True),
    ({"PMIX_RANK": "0"}, True),                                                        # a launch whose size is not said
    ({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"}, True),
    ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}, False),          # a batch script is one process
    ({"OMPI_COMM_WORLD_SIZE": "1", "SLURM_STEP_NUM_TASKS": "4"}, False),               # mpirun in a step: the innermost
    ({"PFSOLID_MPI": "1"}, True),
    ({"PFSOLID_MPI": "0", "PMI_SIZE": "2"}, False),
])
def test_who_is_alone(monkeypatch, no_launcher, variables, several):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
    assert several_ranks() is several
    if not several:
        assert world() is ONE_RANK


def test_several_ranks_without_mpi4py(monkeypatch, no_launcher):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)  # another test may have started it
    with pytest.raises(InputError, match=r"extra \[mpi\].* without mpirun") as caught:
        world()
    assert "\n" not in str(caught.value) and rank_by_launcher() == 2


@pytest.mark.parametrize("rank, lines", [("0", 1), ("1", 0)])
def test_the_command_line_says_so_once(rank, lines):
    """As a rank of a launch that mpi4py is missing in: one line, of the first rank alone, and status 2."""
    without = "import sys; sys.modules['mpi4py'] = None; from pfsolid.cli.main import main; main(['doctor'])"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True,
                          env=environment_for_mpirun() | {"PMI_SIZE": "2", "PMI_RANK": rank})
    assert done.returncode == 2 and done.stderr.count("\n") == lines and done.stdout == ""
    assert "mpi4py" in done.stderr or not lines


def test_a_launcher_of_another_mpi_is_noticed(monkeypatch, no_launcher):
    """mpi4py there finds itself alone, and every process would compute the whole."""
    pytest.importorskip("mpi4py")
    code = "from pfsolid.parallel.communicator import world; world()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=environment_for_mpirun() | {"MV2_COMM_WORLD_SIZE": "2"})
    assert "2 processes were started and each is alone to MPI" in done.stderr


def test_all_that_is_asked_of_a_communicator_is_in_the_protocol():
    """By the names of the package's own communicators: comm, node, self._comm."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and re.fullmatch(OF_COMMUNICATORS, ast.unparse(node.value)):
                found.add(node.attr)
    assert found - OF_SEVERAL_RANKS <= ASKED_FOR
    assert ASKED_FOR <= set(dir(OneRank))


def test_one_rank_by_itself():
    comm = ONE_RANK
    assert (comm.Get_rank(), comm.Get_size()) == (0, 1)
    assert comm.bcast("a") == "a" and comm.gather(1) == comm.allgather(1) == comm.alltoall([1]) == [1]
    assert comm.Split(3, 0) is comm and comm.Ibarrier().Test()
    received = np.zeros((1, 2))
    comm.Allgather(np.array([1.0, 2.0]), received)
    assert received.tolist() == [[1, 2]]
    comm.Sendrecv(np.array([3.0, 4.0]), 0, 1, received[0], 0, 1)
    assert received.tolist() == [[3, 4]]
    assert pickle.loads(pickle.dumps(comm)) is comm


def test_what_a_communicator_can_be():
    assert is_communicator(ONE_RANK) and not is_communicator("world") and not is_communicator(None)


IN_A_PROCESS_OF_ITS_OWN = """
import sys
import numpy as np
import pfsolid as pf
{code}
assert not any(name.startswith("mpi4py") for name in sys.modules), "MPI was imported"
"""


@pytest.mark.parametrize("code", [
    "pf.conductivity(np.arange(512).reshape(8, 8, 8) % 2, sigma={0: 1e-6, 1: 1e-3}, voxel_nm=20, threads=1)",
    "import tempfile; from pathlib import Path; from pfsolid.machine.selftest import selftest; "
    "from pfsolid.parallel.communicator import world; assert not selftest(world())",  # transform, checkpoint, conduction
])
def test_nothing_of_mpi_without_a_communicator(code):
    done = subprocess.run([sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN.format(code=code)], capture_output=True, text=True,
                          env=environment_for_mpirun() | {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive")})
    assert done.returncode == 0, done.stderr
