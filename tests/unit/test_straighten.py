"""Voxels of half the edge with straightened interfaces, against images of the same structure on such a grid."""

import numpy as np
import pytest
from helpers.builders import divide_labels, make_transform

from pfsolid.morphology.straighten import straighten_halved
from pfsolid.pairs import PairValues


def halved(labels, pairs=None):
    """The image on voxels of half the edge."""
    times = [2 if n > 1 else 1 for n in labels.shape]
    for axis, n in enumerate(times):
        labels = labels.repeat(n, axis)
    transform = make_transform(labels.shape)
    ghosted = divide_labels(labels, transform)
    straighten_halved(ghosted, times, 0, pairs or PairValues.of({}, 1.0), transform.ghosts, True)
    return ghosted[1:-1], labels


@pytest.mark.parametrize("direction", [(1, 1, 0), (2, 1, 0), (1, 1, 1)])
def test_planes_become_planes(direction):
    """A staircase of half the step, with as many voxels on either side."""
    shape = tuple(24 if d else 1 for d in direction)
    steps = sum(d * i for d, i in zip(direction, np.indices(shape)))
    found, cut = halved((steps % 24 < 12).astype(np.uint8))
    # A plane through the middle between the voxels' centres, and a little off those it meets.
    centres = sum(d * ((i + 0.5) / 2 - 0.5) for d, i in zip(direction, np.indices(found.shape)) if d)
    shift = sum(d * s for d, s in zip(direction, (0.05, 0.035, 0.02)))
    assert np.array_equal(found, ((centres + shift + 0.5) % 24 < 12).astype(np.uint8))
    assert not np.array_equal(found, cut)


@pytest.mark.parametrize("edge", [1, 3, 4])
def test_boxes_stay(edge):
    i = np.indices((2 * edge,) * 3) // edge
    found, cut = halved((i[0] + 2 * i[1] + 4 * i[2]).astype(np.uint8))
    assert np.array_equal(found, cut)


def test_thin_walls_and_threads_stay():
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[:, 5] = 1
    labels[3, 9] = 2
    found, cut = halved(labels)
    assert np.array_equal(found, cut)


def test_only_between_pairs():
    steps = np.indices((24, 24, 1)).sum(axis=0)
    labels = (steps % 24 // 8).astype(np.uint8)
    pairs = PairValues.of({(0, 1): 1.0})
    found, cut = halved(labels, pairs)
    assert np.array_equal(found == 2, cut == 2) and not np.array_equal(found, cut)
