"""How ranks are launched and how they leave."""

from __future__ import annotations

import os
import re
import sys
import traceback

from ..errors import EXIT_FAULT
from .agreement import all_come
from .communicator import Communicator, world

_OF_LAUNCHERS = re.compile("(OMPI|PMIX|CRAY_PMI|PMI2?|PRTE|ORTE|OPAL|SLURM|SLURMD|SRUN|PALS|FLUX|HYDRA|HYDI|I_MPI|MPI_LOCAL|"
                           "MPIR|MPIEXEC|MV2_COMM|ALPS)_|PMI_?FD$|PFSOLID_MPI$|MPI_LOCALNRANKS$|MPI_LOCALRANKID$")


def end_all_ranks_on_uncaught_errors(advice=lambda: "") -> None:
    """Make an uncaught exception on one rank end the whole launch instead of leaving the others waiting.

    Parameters
    ----------
    advice : callable
        Returns what is to be said after the traceback, such as how to resume.
    """

    def hook(kind, value, trace):
        comm = world()
        sys.stderr.write(f"pfsolid: rank {comm.Get_rank()} failed:\n")
        traceback.print_exception(kind, value, trace)
        sys.stderr.write(advice())
        sys.stderr.flush()
        if comm.Get_size() > 1:
            comm.Abort(EXIT_FAULT)

    sys.excepthook = hook


def environment_for_mpirun() -> dict[str, str]:
    """The environment in which to start an mpirun, or a process by itself, from one that has loaded MPI.

    Without the variables of this process's own launcher, whichever it is: with them mpirun fails without a word, and a
    single process takes itself for a rank of this launch.  The settings of Open MPI are kept.
    """
    settings = ("OMPI_MCA_", "OMPI_ALLOW_", "PRTE_MCA_")
    environment = {name: value for name, value in os.environ.items()
                   if not _OF_LAUNCHERS.match(name) or name.startswith(settings)}
    # What Open MPI 4 sets in its own processes is named like a setting.
    for name in [name for name in environment if re.match("OMPI_MCA_(ess|orte|pmix|shmem|initial)", name)]:
        del environment[name]
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    if len(os.sched_getaffinity(0)) < 2:
        environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
    return environment


def leave_together(comm: Communicator, status: int, patience_s: float = 10.0) -> None:
    """Exit with ``status`` when all ranks have come here; end those that do not come.

    An error is meant to be raised on every rank at once.  Should one rank be alone with it all the same, the others
    would wait for it for ever.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if not all_come(comm, patience_s):
        comm.Abort(status or EXIT_FAULT)
    sys.exit(status)


def python_module(name: str) -> list[str]:
    """The command that runs a module of this installation, whatever lies in the folder the user happens to be in."""
    return [sys.executable, "-P", "-m", name]


def under_mpirun() -> bool:
    return "OMPI_COMM_WORLD_SIZE" in os.environ or "PMI_SIZE" in os.environ
