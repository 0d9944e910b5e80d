"""The flood over packed faces against connected components of SciPy's graphs."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pfsolid.morphology.clusters import axes_percolating_through_faces
from pfsolid.morphology.flood import reaches_far_electrode, surely_wraps
from pfsolid.parallel.collective import PlaneExchange, Reducer
from pfsolid.parallel.communicator import world


def random_faces(shape, share, seed, periodic):
    """Faces open by lot; the wrapping ones agree with each other, or are closed along y and z."""
    n0, n1, n2 = shape
    rng = np.random.default_rng(seed)
    along = rng.random((3, n0 + 1, n1, n2)) < share
    if periodic:
        along[0, 0] = along[0, -1]
    else:
        along[1, :, -1] = along[2, :, :, -1] = False
    along[1:, 0] = False
    return (along * np.array([1, 2, 4]).reshape(3, 1, 1, 1)).sum(axis=0).astype(np.uint8)


def joins_electrodes(open_faces) -> bool:
    """By components of the graph of voxels and two electrodes."""
    n0, n1, n2 = open_faces.shape[0] - 1, *open_faces.shape[1:]
    number = np.arange(n0 * n1 * n2).reshape(n0, n1, n2)
    low, high = number.size, number.size + 1
    before = np.concatenate([np.full((1, n1, n2), low), number])
    after = np.concatenate([number, np.full((1, n1, n2), high)])
    pairs = [np.stack([before, after])[:, open_faces & 1 > 0]]
    for axis, bit in ((1, 2), (2, 4)):
        pairs.append(np.stack([number, np.roll(number, -1, axis)])[:, open_faces[1:] & bit > 0])
    one, other = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(one.size), (one, other)), shape=(high + 1, high + 1))
    _, cluster = connected_components(graph, directed=False)
    return bool(cluster[low] == cluster[high])


SHAPES = ((6, 7, 5), (4, 3, 64), (5, 4, 65), (3, 5, 130), (1, 6, 9), (9, 1, 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_from_electrode_to_electrode(shape):
    """Open shares around the threshold of bonds, 0.25, and far from it."""
    for seed in range(40):
        faces = random_faces(shape, (0.15, 0.25, 0.3, 0.6)[seed % 4], seed, periodic=False)
        found = reaches_far_electrode(faces)
        assert found is None or found == joins_electrodes(faces)
        assert axes_percolating_through_faces(faces, Reducer(world()), PlaneExchange(world(), mirrored=True),
                                              periodic=False) == (joins_electrodes(faces), False, False)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_surely_wraps_does(shape, monkeypatch):
    """Union-find knows of every axis that a flood has found; where most faces are open it finds all of them."""
    for seed in range(40):
        faces = random_faces(shape, (0.2, 0.3, 0.9)[seed % 3], seed, periodic=True)
        found = surely_wraps(faces)
        with monkeypatch.context() as patch:
            patch.setattr("pfsolid.morphology.clusters.surely_wraps", lambda faces: (False,) * 3)
            known = axes_percolating_through_faces(faces, Reducer(world()), PlaneExchange(world()))
        assert all(known[axis] for axis in range(3) if found[axis])
        if seed % 3 == 2 and min(shape) > 1:
            assert found == (True, True, True)


def test_a_serpentine_is_left_to_union_find():
    """A channel that turns back 30 times: more sweeps than a flood makes."""
    n = 64
    conducts = np.zeros((3, n, n), bool)
    conducts[1, :, ::2] = True
    conducts[1, 0, 3::4] = conducts[1, -1, 1::4] = True
    conducts[0, 0, 0] = conducts[2, -1 if (n // 2) % 2 else 0, n - 2] = True
    padded = np.zeros((5, n + 1, n + 1), bool)
    padded[1:-1, :-1, :-1] = conducts
    padded[0], padded[-1] = padded[1], padded[-2]
    one = padded[:, :-1, :-1]
    faces = ((one[:-1] & one[1:]) * 1).astype(np.uint8)
    faces[1:] |= ((conducts & padded[1:-1, 1:, :-1]) * 2 + (conducts & padded[1:-1, :-1, 1:]) * 4).astype(np.uint8)
    assert joins_electrodes(faces)
    assert axes_percolating_through_faces(faces, Reducer(world()), PlaneExchange(world(), mirrored=True), periodic=False)[0]
