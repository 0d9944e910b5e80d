"""Normals at faces do not depend on how the cell is divided, however thin the slabs."""

import numpy as np
import pytest
from helpers.builders import ALONE

from pfsolid.morphology.interface_normals import face_norms
from pfsolid.morphology.straighten import straighten_halved
from pfsolid.pairs import PairValues
from pfsolid.parallel.collective import PlaneExchange


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("planes", [1, 3, 9])
def test_same_on_any_number_of_ranks(comm, planes, mirrored):
    total, first = planes * comm.size, planes * comm.rank
    whole = np.random.default_rng(5).integers(0, 4, (total, 6, 5)).astype(np.uint8)

    def norms(labels, comm):
        ghosted = np.zeros((labels.shape[0] + 2, *labels.shape[1:]), labels.dtype)
        ghosted[1:-1] = labels
        return face_norms(ghosted, (1.0, 0.8, 1.1), PlaneExchange(comm, mirrored), not mirrored, "float64")

    ours, alone = norms(whole[first:first + planes], comm), norms(whole, ALONE)
    assert np.array_equal(ours[:, 1:], alone[:, 1 + first:1 + first + planes])
    assert np.array_equal(ours[0, 0], alone[0, first])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("planes", [1, 3])
def test_straightened_alike_on_any_number_of_ranks(comm, planes, mirrored):
    """Slabs may begin with the second half of a voxel."""
    total, first = 2 * planes * comm.size, 2 * planes * comm.rank - (comm.rank > 0)
    last = total if comm.rank == comm.size - 1 else first + 2 * planes - (comm.rank == 0)
    coarse = np.random.default_rng(6).integers(0, 3, (total // 2, 5, 6)).astype(np.uint8)
    whole = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)

    def straightened(labels, first, comm):
        ghosted = np.zeros((labels.shape[0] + 2, *labels.shape[1:]), labels.dtype)
        ghosted[1:-1] = labels
        straighten_halved(ghosted, (2, 2, 2), first, PairValues.of({}, 1.0), PlaneExchange(comm, mirrored), not mirrored)
        return ghosted[1:-1]

    assert np.array_equal(straightened(whole[first:last], first, comm), straightened(whole, 0, ALONE)[first:last])
