"""A sweep in one launch: groups of ranks that take cases as they come give the dataset of one rank after another."""

import pytest
from helpers.sweeps import POROSITIES, dataset, plan_in
from mpi4py import MPI

from pfsolid.errors import InputError
from pfsolid.parallel.collective import on_root, split_into_groups
from pfsolid.sweeps.launch import Launch, run_sweep
from pfsolid.sweeps.plan import load_plan
from pfsolid.sweeps.state import look, status_of

# The second value stops conduction after one iteration, which does not reach the tolerance.
ITERATIONS = POROSITIES + '[[axis]]\nkey = "conduction.max_iterations"\nvalues = [5000, 1]\n'


def planned(comm, folder, name, **parts):
    # Ranks that share a core wait for each other at every step: no more of them than the phases need to separate.
    return on_root(comm, lambda: plan_in(folder, name, **{"steps": 90} | parts)[1])


def run_on(comm, directory, ranks_per_case=1) -> int:
    return run_sweep(Launch(directory, ranks_per_case=ranks_per_case, workers=1), comm)


def test_one_rank_a_case(comm, shared_tmp_path):
    """To the last bit: each case is computed by one rank here and there."""
    directory, alone = (planned(comm, shared_tmp_path, name) for name in ("together", "alone"))
    assert run_on(comm, directory) == 0
    if comm.rank == 0:
        assert run_on(MPI.COMM_SELF, alone) == 0
        rows = dataset(directory)
        assert len(rows) == 6 and rows == dataset(alone)
        assert len({row["sigma_xx_S_per_cm"] for row in rows}) == 6  # they are different cases
        assert not look(directory).claims and not look(directory).work
    comm.Barrier()


@pytest.mark.ranks(2, 4)
def test_two_ranks_a_case(comm, shared_tmp_path):
    """To the last bit: by one group or by several, each of two ranks."""
    directory, alone = (planned(comm, shared_tmp_path, name, head="") for name in ("together", "alone"))
    assert run_on(comm, directory, 2) == 0
    pair = split_into_groups(comm, 2)
    if comm.rank < 2:
        assert run_on(pair, alone, 2) == 0
    comm.Barrier()
    if comm.rank == 0:
        rows = dataset(directory)
        assert len(rows) == 3 and rows == dataset(alone)
        assert {row["ranks"] for row in rows} == {"2"}
    pair.Free()
    comm.Barrier()


def test_failures_cost_nothing_but_themselves(comm, shared_tmp_path):
    directory = planned(comm, shared_tmp_path, "sweep", head="", axes=ITERATIONS)
    for _ in range(2):  # the second launch does not try them again
        assert run_on(comm, directory, comm.size) == 1
        status = on_root(comm, lambda: status_of(load_plan(directory), directory))
        assert (len(status.done), len(status.failed), len(status.missing)) == (3, 3, 0)
        assert all("conduction.max_iterations" in reason or "iterations" in reason for reason in status.failed.values())


def test_groups_must_divide_the_ranks(comm, shared_tmp_path):
    directory = planned(comm, shared_tmp_path, "sweep")
    for wrong in {comm.size + 1, comm.size - 1 if comm.size > 2 else 0}:
        with pytest.raises(InputError, match="must divide the number of ranks"):
            run_on(comm, directory, wrong)


def test_more_ranks_than_planes(comm, shared_tmp_path):
    directory = planned(comm, shared_tmp_path, "sweep",
                        axes=POROSITIES + '[[axis]]\nkey = "grid.shape"\nvalues = [[12, 10, 8], [40, 1, 40]]\n')
    if comm.size > 1:
        with pytest.raises(InputError, match="too many"):
            run_on(comm, directory, comm.size)
