"""Surface layers on slabs against the same on one rank: the same voxels at every rank count."""

import numpy as np
import pytest
from helpers.builders import ALONE, divide_labels, gather, make_transform

from pfsolid.morphology.layers import surface_layer


def lay(image, comm, width, spacing, periodic):
    transform = make_transform(image.shape, spacing, comm)
    labels = divide_labels(image, transform)
    count = surface_layer(labels, 1, (0, 3), width, transform, 2, periodic)
    found = gather(labels[1:-1], comm)
    assert count == np.count_nonzero(found == 2)
    return found


@pytest.mark.parametrize("periodic", [(True, True, True), (False, False, False), (False, True, True)])
def test_layers_that_reach_over_several_slabs(comm, periodic):
    rng = np.random.default_rng(1)
    for shape, spacing in (((9, 5, 6), 1.0), ((5, 6, 1), 0.7), ((13, 4, 4), (0.5, 1.0, 0.8))):
        image = rng.choice([0, 1, 3], shape, p=[0.05, 0.9, 0.05])
        for width in (1.0, 2.0, 6.0):
            expected = lay(image, ALONE, width, spacing, periodic)
            assert np.array_equal(lay(image, comm, width, spacing, periodic), expected)


def test_a_single_voxel_reaches_all_ranks(comm):
    """From the first plane, and from the last, which periodically is its neighbour."""
    shape = (3 * comm.Get_size(), comm.Get_size(), 1)
    for plane in (0, -1):
        image = np.ones(shape, int)
        image[plane] = 0
        reached = lay(image, comm, shape[0], 1.0, (False, True, True)) == 2
        assert np.array_equal(reached, image == 1)
        near = lay(image, comm, 1.0, 1.0, (True, True, True)) == 2
        assert np.array_equal(np.flatnonzero(near[:, 0, 0]), [1, shape[0] - 1] if plane == 0 else [0, shape[0] - 2])
