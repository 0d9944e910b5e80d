"""Clusters whose winding is known by construction, and invariances, on one rank; answers are exact."""

import itertools

import numpy as np
import pytest
from scipy import ndimage, sparse

from pfsolid.errors import InputError
from pfsolid.morphology.clusters import find_clusters, percolating_axes
from pfsolid.parallel.collective import PlaneExchange, Reducer
from pfsolid.parallel.communicator import world

reducer, ghosts = Reducer(world()), PlaneExchange(world())


def analyse(mask, connectivity=6):
    clusters = find_clusters(mask, reducer, ghosts, connectivity)
    assert percolating_axes(mask, reducer, ghosts, connectivity) == clusters.percolates
    assert clusters.sizes.sum() == np.count_nonzero(mask)
    counts = np.bincount(clusters.labels.ravel(), minlength=clusters.num_clusters + 1)
    assert np.array_equal(counts[1:], clusters.sizes)
    assert np.array_equal(clusters.winding_rank > 0, clusters.wraps.any(axis=1))
    return clusters


def walk(shape, start, moves):
    """Mask of the voxels on a path of unit steps; a move is (axis, signed number of steps)."""
    mask = np.zeros(shape, bool)
    at = np.array(start)
    mask[tuple(at)] = True
    for axis, steps in moves:
        for _ in range(abs(steps)):
            at[axis] += np.sign(steps)
            mask[tuple(at % shape)] = True
    return mask


def follow(shape, points):
    """Mask of a curve given by closely spaced points (unwrapped, in voxels), joined by faces."""
    cells = np.floor(points).astype(int)
    moves = [(axis, step[axis]) for step in np.diff(cells, axis=0) for axis in range(3) if step[axis]]
    return walk(shape, cells[0], moves)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_straight_channel_wraps_its_own_axis_only(axis):
    mask = walk((5, 6, 7), (2, 3, 4), [(axis, 7)])
    clusters = analyse(mask)
    assert clusters.num_clusters == 1
    assert clusters.percolates == tuple(i == axis for i in range(3))
    assert clusters.winding_rank.tolist() == [1]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_channel_with_one_voxel_missing_wraps_nothing(axis):
    mask = walk((5, 6, 7), (2, 3, 4), [(axis, 7)])
    for gap in range(mask.shape[axis]):
        cut = mask.copy()
        np.moveaxis(cut, axis, 0)[gap] = False
        clusters = analyse(cut)
        assert clusters.num_clusters == 1  # its ends still touch through the periodic face
        assert not clusters.wraps.any()


@pytest.mark.parametrize(
    "windings", [(1, 1, 0), (2, 1, 0), (1, 0, 3), (0, 2, 3), (1, 2, 3), (-1, 2, 0), (1, -1, 1)])
def test_a_slanted_channel_closes_after_several_windings(windings):
    shape = np.array([24, 25, 26])
    along = np.linspace(0, 1, 4000)[:, None]
    clusters = analyse(follow(shape, along * (np.array(windings) * shape) + 0.5))
    assert clusters.num_clusters == 1
    assert clusters.percolates == tuple(w != 0 for w in windings)
    assert clusters.winding_rank.tolist() == [1]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("turns", [1, 4])
@pytest.mark.parametrize("shift", [(0, 0, 0), (7, 8, 9)])
def test_a_helix_wraps_its_axis_only(axis, turns, shift):
    t = np.linspace(0, 1, 5000)
    angle = 2 * np.pi * turns * t
    points = np.stack([24 * t, 9 + 6 * np.cos(angle), 9 + 6 * np.sin(angle)], axis=1)
    mask = np.moveaxis(follow((24, 18, 18), points), 0, axis)
    clusters = analyse(np.roll(mask, shift, axis=(0, 1, 2)))
    assert clusters.num_clusters == 1
    assert clusters.percolates == tuple(i == axis for i in range(3))
    assert clusters.winding_rank.tolist() == [1]


def test_a_path_that_crosses_a_face_forth_and_back_does_not_wrap():
    forth_and_back = [(0, 6), (1, 3), (0, -6), (2, 3), (0, 4), (1, -3), (0, -4), (2, -3)]
    clusters = analyse(walk((8, 8, 8), (5, 6, 6), forth_and_back))
    assert clusters.num_clusters == 1
    assert not clusters.wraps.any()


def test_a_loop_through_all_three_faces_does_not_wrap():
    # Out along x, y, z across the faces, and home in the same order of axes, so another way.  It reaches 8 of
    # the 9 planes along each axis: a gap of one voxel is all that keeps it from its own periodic image.
    mask = walk((9, 9, 9), (4, 4, 4), [(0, 7), (1, 7), (2, 7), (0, -7), (1, -7), (2, -7)])
    assert mask.sum() == 42
    assert [np.any(mask, axis=tuple({0, 1, 2} - {i})).sum() for i in range(3)] == [8, 8, 8]
    clusters = analyse(mask)
    assert clusters.num_clusters == 1
    assert not clusters.wraps.any()
    assert analyse(mask | walk((9, 9, 9), (4, 4, 4), [(0, -2)])).percolates == (True, False, False)


@pytest.mark.parametrize("shift", [(0, 0, 0), (20, 0, 0), (15, 15, 15)])
def test_a_knot_that_spans_the_box_does_not_wrap(shift):
    t = np.linspace(0, 2 * np.pi, 20000)
    # Turned about z by 0.3: straight on, the two ends of the knot along x would meet through the face.
    turn = np.exp(0.3j)
    in_plane = turn * (np.sin(t) + 2 * np.sin(2 * t) + 1j * (np.cos(t) - 2 * np.cos(2 * t)))
    trefoil = np.stack([in_plane.real, in_plane.imag, -np.sin(3 * t)], axis=1)
    low, high = trefoil.min(axis=0), trefoil.max(axis=0)
    shape = (30, 31, 32)
    mask = follow(shape, (trefoil - low) / (high - low) * (np.array(shape) - 1e-6))
    for axis in range(3):
        first, last = np.take(mask, 0, axis), np.take(mask, -1, axis)
        assert first.any() and last.any()  # it spans the box
        assert not (first & last).any()  # and does not touch its image
    clusters = analyse(np.roll(mask, shift, axis=(0, 1, 2)))
    assert clusters.num_clusters == 1
    assert not clusters.wraps.any()


def test_sheets_and_networks_have_their_winding_rank():
    shape = (12, 12, 12)
    x_and_y = walk(shape, (0, 0, 0), [(0, 12), (1, 12)])
    assert analyse(x_and_y).winding_rank.tolist() == [2]
    assert analyse(x_and_y | walk(shape, (5, 0, 0), [(2, 12)])).winding_rank.tolist() == [3]
    diagonals = walk(shape, (0, 0, 0), [(0, 1), (1, 1)] * 12) | walk(shape, (0, 0, 0), [(0, -1), (1, 1)] * 12)
    assert analyse(diagonals).winding_rank.tolist() == [2]
    assert analyse(diagonals).percolates == (True, True, False)
    apart = walk(shape, (0, 0, 0), [(0, 12)]) | walk(shape, (0, 0, 6), [(1, 12)]) | walk(shape, (6, 6, 3), [])
    clusters = analyse(apart)
    assert clusters.wraps.tolist() == [[True, False, False], [False, True, False], [False, False, False]]
    assert clusters.sizes.tolist() == [12, 12, 1]
    assert clusters.percolating_fraction == (12 / 25, 12 / 25, 0)
    assert clusters.largest_fraction == 12 / 25


@pytest.mark.parametrize("shape", [*itertools.product([1, 2, 3], repeat=3), (1, 1, 9), (8, 7, 1), (6, 1, 5)])
@pytest.mark.parametrize("connectivity", [6, 26])
def test_full_and_empty_phases(shape, connectivity):
    full = analyse(np.ones(shape, bool), connectivity)
    assert full.num_clusters == 1
    assert full.percolates == (True, True, True)
    assert full.winding_rank.tolist() == [3]
    assert full.percolating_fraction == (1, 1, 1) and full.largest_fraction == 1
    empty = analyse(np.zeros(shape, bool), connectivity)
    assert empty.num_clusters == 0
    assert empty.percolates == (False, False, False)
    assert empty.percolating_fraction == (0, 0, 0) and empty.largest_fraction == 0


def test_a_single_voxel_wraps_the_axes_of_one_voxel():
    for shape in itertools.product([1, 2, 3], repeat=3):
        mask = np.zeros(shape, bool)
        mask[tuple(n - 1 for n in shape)] = True
        clusters = analyse(mask)
        assert clusters.percolates == tuple(n == 1 for n in shape)
        assert clusters.winding_rank[0] == shape.count(1)


def test_both_voxels_of_an_axis_of_two_wrap_it():
    mask = np.zeros((2, 4, 4), bool)
    mask[:, 1, 1] = True
    assert analyse(mask).percolates == (True, False, False)


def test_corners_connect_with_26_neighbours_only():
    mask = np.zeros((6, 6, 6), bool)
    diagonal = np.arange(6)
    mask[diagonal, diagonal, diagonal] = True
    assert analyse(mask, 6).num_clusters == 6
    clusters = analyse(mask, 26)
    assert clusters.num_clusters == 1
    assert clusters.percolates == (True, True, True)
    assert clusters.winding_rank.tolist() == [1]
    mask[diagonal, diagonal, diagonal] = False
    mask[diagonal, -diagonal, 2] = True
    assert analyse(mask, 26).percolates == (True, True, False)


@pytest.mark.parametrize("axes", itertools.permutations(range(3)))
def test_two_contacts_that_differ_only_in_the_face_they_cross_both_count(axes):
    # Four arms of one body meet through the x face in two contacts that follow each other in memory: one
    # stays in the cell along y, the other leaves it.  Their windings are (1, 0, 0) and (1, 1, 0).
    shape = (7, 7, 9)
    arms = [((3, 3, 2), [(0, 3), (1, 2)]), ((3, 3, 2), [(1, 3), (0, -3)]),
            ((3, 3, 6), [(0, 3), (1, 3)]), ((3, 3, 6), [(1, -3), (0, -3)])]
    mask = walk(shape, (3, 3, 2), [(2, 4)])
    for start, moves in arms:
        mask |= walk(shape, start, moves)
    clusters = analyse(mask.transpose(axes), 26)
    assert clusters.num_clusters == 1
    assert clusters.winding_rank.tolist() == [2]
    assert clusters.percolates == tuple(axis != 2 for axis in axes)


def test_labels_follow_the_first_voxels():
    mask = np.zeros((4, 4, 6), bool)
    mask[0, 0, 3] = mask[1, 1, 1] = mask[3, 3, 5] = True
    mask[0, 2, 0] = mask[0, 2, 5] = True  # one cluster, through the face
    clusters = analyse(mask)
    assert clusters.labels.dtype == np.int32
    voxels = [(0, 0, 3), (0, 2, 0), (0, 2, 5), (1, 1, 1), (3, 3, 5)]
    assert [clusters.labels[voxel] for voxel in voxels] == [1, 2, 2, 3, 4]


def label_with_scipy(mask):
    """Periodic labels in the order of first voxels: scipy's for the open box, joined across the faces."""
    labels, count = ndimage.label(mask)
    a, b = (np.concatenate([np.take(labels, end, axis).ravel() for axis in range(3)]) for end in (-1, 0))
    a, b = a[(a > 0) & (b > 0)], b[(a > 0) & (b > 0)]
    joined = sparse.coo_matrix((np.ones(a.size), (a, b)), shape=(count + 1, count + 1))
    labels = sparse.csgraph.connected_components(joined, directed=False)[1][labels]
    found, first = np.unique(labels[mask], return_index=True)
    renumber = np.zeros(labels.max() + 1, int)
    renumber[found[np.argsort(first)]] = np.arange(1, found.size + 1)
    return np.where(mask, renumber[labels], 0)


@pytest.mark.parametrize("density", [0.1, 0.25, 0.32, 0.4, 0.6, 0.9])
def test_labels_agree_with_scipy(density):
    mask = np.random.default_rng(1).random((33, 40, 29)) < density
    clusters = analyse(mask)
    assert np.array_equal(clusters.labels, label_with_scipy(mask))


@pytest.mark.parametrize("density", [0.2, 0.3, 0.35, 0.5])
def test_clusters_do_not_depend_on_where_the_cell_starts_or_how_it_lies(density):
    rng = np.random.default_rng(2)
    mask = rng.random((13, 10, 11)) < density

    def described(mask, axes=(0, 1, 2)):
        clusters = analyse(mask)
        wraps = clusters.wraps[:, np.argsort(axes)]
        return sorted(zip(clusters.sizes.tolist(), wraps.tolist(), clusters.winding_rank.tolist()))

    expected = described(mask)
    for _ in range(10):
        axes = rng.permutation(3)
        moved = np.roll(mask, rng.integers(0, 13, 3), axis=(0, 1, 2))
        moved = moved[::rng.choice([-1, 1]), ::rng.choice([-1, 1])]
        assert described(moved.transpose(axes), axes) == expected


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32"])
def test_any_nonzero_value_and_any_memory_order_is_taken(dtype):
    mask = np.random.default_rng(3).random((7, 8, 9)) < 0.4
    values = np.asfortranarray((3 * mask).astype(dtype))
    kept = values.copy()
    assert np.array_equal(analyse(values).labels, analyse(mask).labels)
    assert np.array_equal(values, kept)


def test_another_connectivity_is_refused():
    with pytest.raises(InputError, match="connectivity 18"):
        find_clusters(np.ones((2, 2, 2), bool), reducer, ghosts, 18)
