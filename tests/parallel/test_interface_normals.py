"""Normals at faces do not depend on how the cell is divided, however thin the slabs."""

import numpy as np
import pytest

from pfsolid.morphology.interface_normals import face_norms
from pfsolid.parallel.collective import PlaneExchange
from tests.builders import ALONE


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
