"""Shifts of isolated good conductors, found in words of 64 voxels, against a labelling and a count of faces."""

import numpy as np
import pytest
from helpers.multigrid_images import system_of
from scipy import ndimage

from pfsolid.conduction.multigrid import Multigrid

POOR, GOOD = 1e-6, 1.0


def floating(labels, electrodes):
    """Number of each voxel's cluster: at least two good voxels, of which none is at an electrode or at a periodic face."""
    numbers, _ = ndimage.label(labels)
    ends = [numbers[0], numbers[-1]]
    if not electrodes:
        ends += [numbers[:, 0], numbers[:, -1], numbers[:, :, 0], numbers[:, :, -1]]
    reached = np.unique(np.concatenate([end.ravel() for end in ends]))
    alone = np.flatnonzero(np.bincount(numbers.ravel()) < 2)
    numbers[np.isin(numbers, np.union1d(reached, alone))] = 0
    _, found = np.unique(numbers, return_inverse=True)
    return found.reshape(labels.shape)


def shifted(numbers, f, labels):
    """Z D^-1 Z^T f: D counts the faces of a cluster, each of which leads to a poor voxel."""
    conductance = 2 * POOR * GOOD / (POOR + GOOD)
    inside = np.pad(labels, 1, mode="edge")
    out = np.zeros(f.shape)
    for number in range(1, numbers.max() + 1):
        here = numbers == number
        faces = 0
        for axis in range(3):
            for step in (-1, 1):
                faces += np.count_nonzero(here & (np.roll(inside, step, axis)[1:-1, 1:-1, 1:-1] == 0))
        out[here] = f[here].sum() / (conductance * faces)
    return out


@pytest.mark.parametrize("electrodes", [True, False])
@pytest.mark.parametrize("shape", [(8, 7, 9), (7, 7, 64), (7, 8, 65), (7, 7, 130)])
def test_shifts_of_floating_conductors(shape, electrodes):
    rng = np.random.default_rng(sum(shape))
    labels = np.zeros(shape, np.uint8)
    labels[2:-1, 2:-1, 2:-1] = rng.random([n - 3 for n in shape]) < 0.3
    if not electrodes:  # the largest cluster, which stays
        labels[0] = labels[:, 0] = 1
        labels[:, :, 0] = 1
    numbers = floating(labels, electrodes)
    preconditioner = Multigrid(system_of(labels, (POOR, GOOD), electrodes))
    f = rng.standard_normal(shape)
    x = np.zeros((shape[0] + 2, shape[1] + 1, shape[2]))
    clusters = preconditioner._clusters[0]
    assert clusters.num_clusters == numbers.max() >= 2
    clusters.add(f, x)
    # Sums of at most some hundred numbers in double.
    assert x[1:-1, :-1] == pytest.approx(shifted(numbers, f, labels), rel=1e-10, abs=1e-6)
