"""Sums, neighbour planes and errors that all ranks agree on."""

import numpy as np
import pytest

from pfsolid.errors import CheckpointError, InputError
from pfsolid.parallel.collective import PlaneExchange, Reducer, agreed_errors, on_root, raise_together


@pytest.fixture
def reducer(comm):
    return Reducer(comm)


def test_sum(comm, reducer):
    assert reducer.sum(comm.rank + 1.0).tolist() == [comm.size * (comm.size + 1) / 2]
    assert reducer.sum([1.0, comm.rank]).tolist() == [comm.size, comm.size * (comm.size - 1) / 2]


def test_sum_is_the_same_on_every_rank(comm, reducer):
    values = np.random.default_rng(comm.rank).standard_normal(50) * 10.0 ** (5 * comm.rank)
    assert len(set(comm.allgather(reducer.sum(values).tobytes()))) == 1


def test_sum_leaves_its_argument_alone(comm, reducer):
    values = np.ones(3)
    total = reducer.sum(values)
    total += 1
    assert np.all(values == 1)


def test_extrema_and_flags(comm, reducer):
    assert reducer.max(float(comm.rank)) == comm.size - 1
    assert reducer.min(float(comm.rank)) == 0
    assert reducer.any(comm.rank == comm.size - 1) is True
    assert reducer.any(False) is False


def test_values_in_rank_order(comm, reducer):
    own = np.full((comm.rank + 1, 2), float(comm.rank))
    joined = reducer.concatenate(own)
    assert joined[:, 0].tolist() == [rank for rank in range(comm.size) for _ in range(rank + 1)]
    assert reducer.gather(str(comm.rank)) == [str(rank) for rank in range(comm.size)]
    assert reducer.from_root(("root", comm.rank)) == ("root", 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
@pytest.mark.parametrize("planes", [1, 3])
def test_ghost_planes(comm, planes, dtype):
    """Slabs of one plane included: then both neighbours get the same one."""
    total = planes * comm.size
    whole = np.broadcast_to(np.arange(total)[:, None, None], (total, 4, 5)).astype(dtype)
    start = planes * comm.rank
    ghosted = np.zeros((planes + 2, 4, 5), dtype)
    ghosted[1:-1] = whole[start:start + planes]
    PlaneExchange(comm).fill(ghosted)
    assert np.array_equal(ghosted, whole.take(range(start - 1, start + planes + 1), axis=0, mode="wrap"))


def test_next_plane(comm):
    slab = np.full((2, 3, 4), float(comm.rank))
    slab[1] = -1
    plane = np.empty((3, 4))
    PlaneExchange(comm).next_plane(slab, plane)
    assert np.all(plane == (comm.rank + 1) % comm.size)


# --- errors -------------------------------------------------------------------------------------------------


def test_no_error(comm):
    with agreed_errors(comm):
        pass
    raise_together(comm, None)


@pytest.mark.parametrize("kind", [InputError, CheckpointError])
def test_an_error_of_one_rank_is_raised_on_all_with_its_type(comm, kind):
    for culprit in range(comm.size):
        with pytest.raises(kind, match=f"^rank {culprit} says no$"):
            with agreed_errors(comm):
                if comm.rank == culprit:
                    raise kind(f"rank {culprit} says no")


def test_the_lowest_rank_is_heard(comm):
    with pytest.raises(InputError, match="^rank 0$"):
        raise_together(comm, InputError(f"rank {comm.rank}"))


def test_a_bug_on_one_rank_is_raised_on_all_with_its_type_and_traceback(comm):
    culprit = comm.size - 1
    with pytest.raises(ZeroDivisionError) as found:
        with agreed_errors(comm):
            if comm.rank == culprit:
                1 / 0  # noqa: B018
    notes = "".join(getattr(found.value, "__notes__", []))
    assert comm.rank == culprit or f"on rank {culprit}" in notes and "ZeroDivisionError" in notes


def test_foreign_errors_keep_what_they_hold(comm):
    with pytest.raises(FileNotFoundError) as found:
        on_root(comm, open, "/nowhere/at all")
    assert found.value.errno == 2 and found.value.filename == "/nowhere/at all"


class _Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("no")


class _TwoArguments(Exception):
    """Pickles, and then cannot be made again."""

    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


@pytest.mark.parametrize("error", [_Unpicklable("of one rank"), _TwoArguments("of one", "rank")])
def test_an_error_that_cannot_be_sent_is_told(comm, error):
    with pytest.raises(type(error) if comm.rank == 0 else RuntimeError, match="of one rank"):
        raise_together(comm, error if comm.rank == 0 else None)


def test_on_root(comm):
    calls = []
    assert on_root(comm, lambda a, b: calls.append(1) or a + b, 2, b=3) == 5
    assert len(calls) == (comm.rank == 0)


def test_an_error_on_root_is_raised_on_all(comm):
    def fail():
        raise InputError("no such file")

    with pytest.raises(InputError, match="no such file"):
        on_root(comm, fail)


def test_ranks_stay_in_step_after_an_error(comm, reducer):
    for _ in range(3):
        with pytest.raises(InputError):
            with agreed_errors(comm):
                if comm.rank == 0:
                    raise InputError("once more")
        assert reducer.sum(1.0)[0] == comm.size


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("planes", [1, 2, 5])
def test_deep_ghost_planes(comm, planes, mirrored):
    """Deeper than a slab, and than the cell."""
    depth, total, start = 4, planes * comm.size, planes * comm.rank
    whole = np.arange(total * 6).reshape(total, 2, 3)
    ghosted = np.zeros((planes + 2 * depth, 2, 3), whole.dtype)
    ghosted[depth:-depth] = whole[start:start + planes]
    PlaneExchange(comm, mirrored).fill_deep(ghosted, depth)
    around = np.pad(whole, ((depth, depth), (0, 0), (0, 0)), mode="symmetric" if mirrored else "wrap")
    assert np.array_equal(ghosted, around[start:start + planes + 2 * depth])
