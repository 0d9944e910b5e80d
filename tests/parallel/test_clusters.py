"""Clusters of random media in slabs, against a flood fill of the whole box that tracks the periodic cell.

The reference numbers clusters by their first voxels too, so everything is compared exactly; one reference for
every rank count makes the results the same at every rank count.
"""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from pfsolid.grid import PeriodicGrid
from pfsolid.morphology.clusters import (
    axes_percolating_through_faces,
    find_clusters,
    find_clusters_through_faces,
    open_faces_of,
    percolating_axes,
)
from pfsolid.morphology.connectivity import connects_electrodes
from pfsolid.parallel.collective import PlaneExchange, Reducer
from pfsolid.spectral.transform import slab_of


def steps_to_neighbours(connectivity):
    steps = [s for s in itertools.product([-1, 0, 1], repeat=3) if any(s)]
    return [s for s in steps if connectivity == 26 or sum(map(abs, s)) == 1]


def flood_fill(mask, connectivity):
    """Labels and one list of winding vectors a cluster, by walking over the endless lattice of cells.

    A voxel is entered at a position of that lattice; met again at another, the difference is a winding.
    """
    shape = mask.shape
    steps = steps_to_neighbours(connectivity)
    labels = np.zeros(shape, int)
    windings, position = [], {}
    for start in zip(*(axis.tolist() for axis in np.nonzero(mask))):
        if labels[start]:
            continue
        windings.append(set())
        labels[start] = len(windings)
        position[start] = start
        front = [start]
        while front:
            here = front.pop()
            x, y, z = position[here]
            for dx, dy, dz in steps:
                there = (x + dx, y + dy, z + dz)
                voxel = (there[0] % shape[0], there[1] % shape[1], there[2] % shape[2])
                if not mask[voxel]:
                    continue
                if not labels[voxel]:
                    labels[voxel] = len(windings)
                    position[voxel] = there
                    front.append(voxel)
                elif position[voxel] != there:
                    windings[-1].add(tuple((a - b) // n for a, b, n in zip(there, position[voxel], shape)))
    return labels, [np.array(sorted(w), dtype=int).reshape(-1, 3) for w in windings]


def cut(num_planes, size, rng):
    """Random slab boundaries, at least one plane in each slab; the same on every rank for the same rng."""
    inner = rng.choice(np.arange(1, num_planes), size - 1, replace=False) if size > 1 else []
    return [0, *sorted(int(i) for i in inner), num_planes]


def check(mask, connectivity, comm, rng):
    bounds = cut(mask.shape[0], comm.Get_size(), rng)
    planes = slice(*bounds[comm.Get_rank():][:2])
    reducer, ghosts = Reducer(comm), PlaneExchange(comm)
    clusters = find_clusters(mask[planes], reducer, ghosts, connectivity)
    labels, windings = flood_fill(mask, connectivity)
    assert np.array_equal(clusters.labels, labels[planes])
    assert clusters.num_clusters == len(windings)
    assert np.array_equal(clusters.sizes, np.bincount(labels.ravel(), minlength=len(windings) + 1)[1:])
    assert np.array_equal(clusters.wraps, np.array([(w != 0).any(axis=0) for w in windings]).reshape(-1, 3))
    ranks = [np.linalg.matrix_rank(w) if len(w) else 0 for w in windings]
    assert clusters.winding_rank.tolist() == ranks
    assert percolating_axes(mask[planes], reducer, ghosts, connectivity) == clusters.percolates
    return clusters


@pytest.mark.parametrize("density", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_random_media(density, comm):
    rng = np.random.default_rng(int(100 * density))
    size = comm.Get_size()
    for i in range(30):
        shape = (int(rng.integers(size, size + 5)), *rng.integers(1, 8, 2).tolist())
        check(rng.random(shape) < density, (6, 26)[i % 2], comm, rng)


@pytest.mark.parametrize(("connectivity", "density"), [(6, 0.31), (26, 0.1)])
def test_sparse_media_near_their_threshold(connectivity, density, comm):
    """Few contacts through the faces, so that each one that is lost shows."""
    rng = np.random.default_rng(11)
    for _ in range(20):
        shape = (int(rng.integers(6, 12)), *rng.integers(6, 12, 2).tolist())
        check(rng.random(shape) < density * rng.uniform(0.8, 1.3), connectivity, comm, rng)


@pytest.mark.parametrize("connectivity", [6, 26])
def test_one_plane_on_each_rank(connectivity, comm):
    rng = np.random.default_rng(7)
    for density in np.repeat([0.15, 0.3, 0.45, 0.6], 10):
        check(rng.random((comm.Get_size(), 5, 4)) < density, connectivity, comm, rng)


@pytest.mark.parametrize("connectivity", [6, 26])
def test_channels_that_wind_through_the_slabs(connectivity, comm):
    """Large winding numbers, several generators and thin walls: what random media rarely have."""
    rng = np.random.default_rng(8)
    for _ in range(30):
        shape = rng.integers(max(4, comm.Get_size()), 12, 3)
        mask = np.zeros(shape, bool)
        for _ in range(rng.integers(1, 4)):
            windings = rng.integers(-3, 4, 3)
            at = rng.integers(0, shape)
            moves = np.repeat([0, 1, 2], abs(windings * shape))
            # in two orders: straight stretches, and mixed steps
            for axis in moves if rng.random() < 0.5 else rng.permutation(moves):
                at[axis] += np.sign(windings[axis])
                mask[tuple(at % shape)] = True
        check(mask, connectivity, comm, rng)


def test_shares_and_contents_of_a_two_channel_medium(comm):
    n = comm.Get_size() + 2
    mask = np.zeros((n, 6, 5), bool)
    mask[:, 1, 1] = True
    mask[n - 1, 4, :] = True
    mask[0, 4, 3] = True  # touches the channel along z through the face
    clusters = check(mask, 6, comm, np.random.default_rng(9))
    assert clusters.sizes.tolist() == [n, 6]
    assert clusters.wraps.tolist() == [[True, False, False], [False, False, True]]
    assert clusters.percolates == (True, False, True)
    assert clusters.percolating_fraction == (n / (n + 6), 0, 6 / (n + 6))
    assert clusters.largest_fraction == max(n, 6) / (n + 6)


def test_a_slab_without_any_voxel_of_the_phase(comm):
    n = comm.Get_size() + 1
    mask = np.zeros((n, 3, 3), bool)
    check(mask, 6, comm, np.random.default_rng(10))
    mask[n // 2, 1, :] = True
    assert check(mask, 6, comm, np.random.default_rng(10)).percolates == (False, False, True)


def test_electrodes_are_connected_where_a_path_reaches_both(comm):
    """Against scipy's labels without any wrapping; the site threshold 0.31 lies amid these densities."""
    rng = np.random.default_rng(5)
    grid = PeriodicGrid((9, 6, 7), (1.0,) * 3)
    found = []
    for density in np.repeat([0.2, 0.3, 0.35, 0.4, 0.5], 12):
        mask = rng.random(grid.shape) < density
        labels = ndimage.label(mask)[0]
        expected = bool(set(labels[0][mask[0]]) & set(labels[-1][mask[-1]]))
        local = mask[slab_of(grid, comm)]
        assert connects_electrodes(local, Reducer(comm), PlaneExchange(comm)) == expected
        found.append(expected)
    assert 10 < sum(found) < 50


# --- through faces --------------------------------------------------------------------------------


def divided_faces(faces, comm):
    """This rank's part of open faces (3, n0, n1, n2) ahead of each voxel, and of those behind the first plane."""
    grid = PeriodicGrid(faces.shape[1:], (1.0,) * 3)
    planes = slab_of(grid, comm)[0]
    local = np.zeros((3, planes.stop - planes.start + 1, *faces.shape[2:]), np.float32)
    local[:, 1:] = faces[:, planes]
    local[0, 0] = faces[0, planes.start - 1]
    return open_faces_of(local)


def masked_faces(mask):
    return np.array([mask & np.roll(mask, -1, axis) for axis in range(3)])


@pytest.mark.parametrize("seed", range(6))
def test_faces_of_a_mask_are_the_mask(comm, seed):
    """Open between the voxels of a phase: the clusters of more than one voxel, in the same order."""
    mask = np.random.default_rng(seed).random((12, 7, 9)) < (0.3, 0.4, 0.5)[seed % 3]
    reducer, ghosts = Reducer(comm), PlaneExchange(comm)
    local = mask[slab_of(PeriodicGrid(mask.shape, (1.0,) * 3), comm)]
    plain = find_clusters(local, reducer, ghosts)
    ours = find_clusters_through_faces(divided_faces(masked_faces(mask), comm), reducer, ghosts)
    kept = plain.sizes > 1
    assert np.array_equal(ours.sizes, plain.sizes[kept]) and np.array_equal(ours.wraps, plain.wraps[kept])
    assert np.array_equal(ours.winding_rank, plain.winding_rank[kept])
    number = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)])
    assert np.array_equal(ours.labels, number[plain.labels])


def wraps_of_faces(faces):
    """By a walk over the endless lattice of cells: which axes some path winds around."""
    shape = faces.shape[1:]
    found, seen = np.zeros(3, bool), {}
    for start in np.ndindex(*shape):
        if start in seen:
            continue
        seen[start] = start
        front = [start]
        while front:
            at = front.pop()
            for axis, step in itertools.product(range(3), (1, -1)):
                to = list(at)
                to[axis] += step
                face = tuple(np.mod(at if step == 1 else to, shape))
                if not faces[(axis, *face)]:
                    continue
                home, to = tuple(np.mod(to, shape)), tuple(to)
                if home in seen:
                    found |= np.subtract(seen[home], to) != 0
                else:
                    seen[home] = to
                    front.append(to)
    return tuple(found.tolist())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", [(8, 6, 5), (4, 1, 7), (5, 6, 1)])
def test_faces_by_lot(comm, shape, seed):
    """Around the threshold of bonds, with another chance along each axis."""
    rng = np.random.default_rng(seed)
    faces = rng.random((3, *shape)) < rng.uniform(0.1, 0.5, 3)[:, None, None, None]
    found = axes_percolating_through_faces(divided_faces(faces, comm), Reducer(comm), PlaneExchange(comm))
    assert found == wraps_of_faces(faces)


@pytest.mark.parametrize("seed", range(12))
def test_between_electrodes(comm, seed):
    """Faces at the plates count; the ghost planes of such a cell are mirror images, which must not close it."""
    rng = np.random.default_rng(seed)
    shape = (9, 4, 5)
    faces = rng.random((3, *shape)) < rng.uniform(0.15, 0.5, 3)[:, None, None, None]
    faces[1, :, -1] = faces[2, :, :, -1] = False
    behind = rng.random(shape[1:]) < 0.5
    local = divided_faces(faces, comm)
    if comm.rank == 0:
        local[0] = behind
    found = axes_percolating_through_faces(local, Reducer(comm), PlaneExchange(comm, mirrored=True), periodic=False)
    # Flood from the lower plate.
    wet = np.zeros(shape, bool)
    wet[0] = behind
    for _ in range(wet.size):
        wet[1:] |= wet[:-1] & faces[0, :-1]
        wet[:-1] |= wet[1:] & faces[0, :-1]
        wet[:, 1:] |= wet[:, :-1] & faces[1, :, :-1]
        wet[:, :-1] |= wet[:, 1:] & faces[1, :, :-1]
        wet[:, :, 1:] |= wet[:, :, :-1] & faces[2, :, :, :-1]
        wet[:, :, :-1] |= wet[:, :, 1:] & faces[2, :, :, :-1]
    assert found == (bool(np.any(wet[-1] & faces[0, -1])), False, False)


def test_mirrored_ghosts_do_not_join_electrodes(comm):
    """A cell blocked near its first plate is blocked, also where the last slab alone would conduct."""
    mask = np.ones((4 * comm.size, 3, 3), bool)
    mask[1] = False
    local = mask[slab_of(PeriodicGrid(mask.shape, (1.0,) * 3), comm)]
    assert not connects_electrodes(local, Reducer(comm), PlaneExchange(comm, mirrored=True))
