"""How ranks are launched and how they leave."""

from __future__ import annotations

import os
import re
import sys
import traceback

from mpi4py import MPI

from ..errors import EXIT_FAULT
from .collective import all_come


def end_all_ranks_on_uncaught_errors(advice=lambda: "") -> None:
    """Make an uncaught exception on one rank end the whole launch instead of leaving the others waiting.

    Parameters
    ----------
    advice : callable
        Returns what is to be said after the traceback, such as how to resume.
    """

    def hook(kind, value, trace):
        comm = MPI.COMM_WORLD
        sys.stderr.write(f"pfsolid: rank {comm.Get_rank()} failed:\n")
        traceback.print_exception(kind, value, trace)
        sys.stderr.write(advice())
        sys.stderr.flush()
        if comm.Get_size() > 1:
            comm.Abort(EXIT_FAULT)

    sys.excepthook = hook


def environment_for_mpirun() -> dict[str, str]:
    """The environment in which to start an mpirun from a process that has loaded MPI itself.

    Without the variables of this process's own launcher, with which mpirun would fail without a word; its settings
    are kept.
    """
    settings = ("OMPI_MCA_", "OMPI_ALLOW_", "PRTE_MCA_")
    environment = {name: value for name, value in os.environ.items()
                   if not re.match("(OMPI|PMIX|PMI|PRTE|ORTE|OPAL)_", name) or name.startswith(settings)}
    # What Open MPI 4 sets in its own processes is named like a setting.
    for name in [name for name in environment if re.match("OMPI_MCA_(ess|orte|pmix|shmem|initial)", name)]:
        del environment[name]
    if os.geteuid() == 0:
        environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    if len(os.sched_getaffinity(0)) < 2:
        environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
    return environment


def leave_together(comm: MPI.Comm, status: int, patience_s: float = 10.0) -> None:
    """Exit with ``status`` when all ranks have come here; end those that do not come.

    An error is meant to be raised on every rank at once.  Should one rank be alone with it all the same, the others
    would wait for it for ever.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if not all_come(comm, patience_s):
        comm.Abort(status or EXIT_FAULT)
    sys.exit(status)


def under_mpirun() -> bool:
    return "OMPI_COMM_WORLD_SIZE" in os.environ or "PMI_SIZE" in os.environ
