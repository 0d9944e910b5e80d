"""Which communicator there is, decided in one place: MPI's where there are several ranks, else that of this process alone.

MPI is imported, and with that started, only where a launcher says that this process is one of several ranks, or where
somebody who has started it hands in a communicator.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..errors import InputError
from .serial import ONE_RANK

if TYPE_CHECKING:
    import numpy as np

_SWITCH = "PFSOLID_MPI"
# How many ranks a launcher has started, the innermost first: Open MPI's mpirun and jsrun; MPICH's, Intel's and Cray's, srun
# with PMI-2; MVAPICH; flux; srun, whose batch script by itself has no such variable.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "FLUX_JOB_SIZE", "SLURM_STEP_NUM_TASKS")
# A rank of a launch whose size is not said.
_OF_RANKS = ("PMIX_RANK", "PALS_RANKID", "ALPS_APP_PE", "JSM_NAMESPACE_RANK")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK", "FLUX_TASK_RANK", *_OF_RANKS, "SLURM_PROCID")


class Communicator(Protocol):
    """What the package asks of a communicator: these calls of mpi4py's, and no others."""

    def Get_rank(self) -> int: ...
    def Get_size(self) -> int: ...
    def Abort(self, errorcode: int = 1) -> None: ...
    def Barrier(self) -> None: ...
    def Ibarrier(self): ...
    def Split(self, color: int = 0, key: int = 0) -> Communicator: ...
    def Free(self) -> None: ...
    def bcast(self, value, root: int = 0): ...
    def gather(self, value, root: int = 0) -> list | None: ...
    def allgather(self, value) -> list: ...
    def alltoall(self, values: list) -> list: ...
    def Allgather(self, sent: np.ndarray, received: np.ndarray) -> None: ...
    def Sendrecv(self, sent: np.ndarray, dest: int, sendtag: int,
                 received: np.ndarray, source: int, recvtag: int) -> None: ...
    def Send(self, values: np.ndarray, dest: int) -> None: ...
    def Recv(self, values: np.ndarray, source: int) -> None: ...


def world() -> Communicator:
    """The communicator of all ranks of this launch.

    Raises
    ------
    InputError
        If there are several and mpi4py is missing, or MPI sees another number of them than the launcher has started.
    """
    if not several_ranks():
        return ONE_RANK
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise InputError(f"this is one of several ranks (of mpirun or srun), and mpi4py cannot be imported ({error}): "
                         "install pfsolid with its extra [mpi], or start it without mpirun: it takes all cores") from None
    started = _launched_size()
    if started is not None and started > 1 and MPI.COMM_WORLD.Get_size() == 1:
        raise InputError(f"{started} processes were started and each is alone to MPI: the launcher belongs to another MPI "
                         f"than mpi4py, which has {MPI.Get_library_version().split(',')[0]}; see pfsolid doctor")
    return MPI.COMM_WORLD


def alone() -> Communicator:
    """The communicator of this rank by itself, for what root does with a small field."""
    return ONE_RANK


def several_ranks() -> bool:
    """Whether this process may be one of several ranks, which takes MPI; PFSOLID_MPI=1 or 0 says so for odd launchers."""
    said = os.environ.get(_SWITCH, "")
    return said == "1" if said in ("0", "1") else launched_ranks() > 1


def launched_ranks() -> int:
    """How many ranks were started, without starting MPI; 2 where all that is known is that there may be others."""
    loaded = sys.modules.get("mpi4py.MPI")
    if loaded is not None and loaded.Is_initialized() and not loaded.Is_finalized():
        return loaded.COMM_WORLD.Get_size()
    size = _launched_size()
    if size is not None:
        return size
    return 2 if any(name in os.environ for name in _OF_RANKS) else 1


def rank_by_launcher() -> int:
    """The rank that the launcher gives this process, 0 where there is none: who is to speak where there is no MPI."""
    return next((int(os.environ[name]) for name in _RANKS if os.environ.get(name, "").isdecimal()), 0)


def _launched_size() -> int | None:
    return next((int(os.environ[name]) for name in _SIZES if os.environ.get(name, "").isdecimal()), None)


def is_communicator(value) -> bool:
    """Whether it can be one: whoever has a communicator of MPI's has loaded MPI."""
    loaded = sys.modules.get("mpi4py.MPI")
    return value is ONE_RANK or (loaded is not None and isinstance(value, loaded.Intracomm))


def largest(comm: Communicator, value):
    """Collective: the largest of all ranks' values."""
    if comm.Get_size() == 1:
        return value
    from mpi4py import MPI

    return comm.allreduce(value, op=MPI.MAX)


def smallest(comm: Communicator, value):
    """Collective: the smallest of all ranks' values."""
    if comm.Get_size() == 1:
        return value
    from mpi4py import MPI

    return comm.allreduce(value, op=MPI.MIN)


@contextmanager
def node_of(comm: Communicator) -> Iterator[Communicator]:
    """Collective: the communicator of those of the ranks that share this rank's node, for a block."""
    if comm.Get_size() == 1:
        yield comm
        return
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    try:
        yield node
    finally:
        node.Free()
