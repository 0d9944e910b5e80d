"""Surface layers laid on an image: flat walls, balls, planes of any orientation, cells with walls."""

import numpy as np
import pytest
from helpers.builders import make_transform
from scipy.ndimage import distance_transform_edt

from pfsolid.errors import InputError
from pfsolid.morphology.layers import surface_layer

SOLID, LAYER = 1, 2


def lay(image, width, on=SOLID, facing=0, spacing=1.0, **options):
    """The image with its layer (label 2), on one rank; what is said of its size is checked."""
    image = np.asarray(image)
    transform = make_transform(image.shape, spacing)
    labels = np.full((image.shape[0] + 2, *image.shape[1:]), 9, np.uint8)
    labels[1:-1] = image
    count = surface_layer(labels, on, facing, width, transform, LAYER, **options)
    assert np.array_equal(labels[0], labels[-2]) and np.array_equal(labels[-1], labels[1])
    found = labels[1:-1]
    assert count == np.count_nonzero(found == LAYER) - np.count_nonzero(image == LAYER)
    assert np.array_equal(found[found != LAYER], image[found != LAYER])
    return found


def distances_to_point(n, centre):
    return np.sqrt(sum((x + 0.5 - c) ** 2 for x, c in zip(np.ogrid[:n, :n, :n], centre)))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("width, voxels", [(1, 1), (1.7, 1), (1.8, 2), (2, 2), (3, 3), (4, 4), (99, 5)])
def test_flat_walls_on_both_sides_of_a_slab(axis, width, voxels):
    """The slab is cut by the periodic faces: its layers wrap."""
    shape = np.roll((12, 3, 2), axis)
    profile = np.array([1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1])  # nine voxels of solid
    image = np.broadcast_to(np.expand_dims(profile, tuple({0, 1, 2} - {axis})), shape)
    found = np.moveaxis(lay(image, 0.5 * width, spacing=0.5), axis, 0)
    expected = profile.copy()
    for depth in range(voxels):
        expected[[3 - depth, (7 + depth) % 12]] = LAYER
    assert (found == expected[:, None, None]).all()


@pytest.mark.parametrize("width, most", [(2, 0.07), (3, 0.02), (4, 0.05)])
@pytest.mark.parametrize("inside", [False, True])
def test_shells_of_balls(width, most, inside):
    """4/3 pi ((r + w)^3 - r^3) outside, 4/3 pi (r^3 - (r - w)^3) inside: as many percent off as the docstring says."""
    radius, rng, volumes = 8, np.random.default_rng(1), []
    for _ in range(4):
        ball = distances_to_point(28, 14 + rng.uniform(-0.5, 0.5, 3)) < radius
        found = lay(ball == inside, width)
        volumes.append(np.count_nonzero(found == LAYER))
    outer, inner = (radius, radius - width) if inside else (radius + width, radius)
    # A ball of voxels in place of a sphere of radius 8 is another percent off.
    assert np.mean(volumes) == pytest.approx(4 / 3 * np.pi * (outer**3 - inner**3), rel=most + 0.01)


def test_planes_of_random_orientation_are_right_on_average():
    """The mean over orientations and widths from 1 to 5 voxels is the width, to a twentieth of a voxel."""
    rng, n = np.random.default_rng(2), 32
    centred = np.stack(np.meshgrid(*[np.arange(n) + 0.5 - n / 2] * 3, indexing="ij"), axis=-1)
    errors = []
    for width in np.arange(1, 5.1, 0.5):
        for _ in range(6):
            normal = rng.normal(size=3)
            normal /= np.linalg.norm(normal)
            height = centred @ normal
            column = np.linalg.norm(centred - height[..., None] * normal, axis=-1) < 6
            found = lay((height > rng.uniform(-0.5, 0.5)).astype(int), width)
            # The other boundary of the half space is that of the periodic cell, beyond the column.
            layer = (found == LAYER) & column & (np.abs(height) < 9)
            errors.append(np.count_nonzero(layer) / (np.pi * 36) - width)
    # A plane is off by 0.15 voxels (one standard deviation): the mean of 54 of them by 0.02.
    assert abs(np.mean(errors)) < 0.05


def test_against_another_distance_transform_on_flat_voxels():
    image = (np.random.default_rng(3).random((9, 10, 7)) > 0.15).astype(int)
    spacing = (1.0, 1.5, 0.8)
    tiled = distance_transform_edt(np.tile(image, (3, 3, 3)), sampling=spacing)[9:18, 10:20, 7:14]
    for width in (1.5, 2.1, 2.6):
        expected = np.where((image == 1) & (tiled <= width + 0.2), LAYER, image)
        assert np.array_equal(lay(image, width, spacing=spacing), expected)


@pytest.mark.parametrize("periodic", [(False, False, False), (False, True, True), (True, False, True), (True, True, False)])
def test_nothing_lies_behind_a_wall(periodic):
    """Against copies of the image along the periodic axes only, with widths below and far beyond the cell's."""
    shape = (6, 5, 7)
    image = (np.random.default_rng(4).random(shape) > 0.05).astype(int)
    assert (image == 0).any()
    tiles = [5 if wraps else 1 for wraps in periodic]
    middle = tuple(slice(t // 2 * n, (t // 2 + 1) * n) for t, n in zip(tiles, shape))
    distance = distance_transform_edt(np.tile(image, tiles))[middle]
    for width in (1, 2, 3.2, 5, 9):
        expected = np.where((image == 1) & (distance <= width + 0.25), LAYER, image)
        assert np.array_equal(lay(image, width, periodic=periodic), expected)


def test_a_mirrored_image_gives_what_walls_do():
    image = (np.random.default_rng(5).random((6, 5, 4)) > 0.1).astype(int)
    doubled = image
    for axis in range(3):
        doubled = np.concatenate([doubled, np.flip(doubled, axis)], axis)
    for width in (1, 2, 3.5):
        expected = lay(image, width, periodic=(False, False, False))
        assert np.array_equal(lay(doubled, width)[:6, :5, :4], expected)


def test_only_between_the_named_phases():
    """Pore 0, filler 1, matrix 3, 4: a layer inside the filler, one in the matrix, one that faces two."""
    profile = np.repeat([0, 1, 3, 4], 3)
    image = np.broadcast_to(profile[:, None, None], (12, 4, 4))
    for on, facing, changed in ((1, 3, [5]), (3, 1, [6]), (1, [0, 3], [3, 5]), ([3, 4], 1, [6]), (0, 1, [2]),
                                ([3, 4], [0, 1], [6, 11]), (7, 1, []), (1, 7, [])):
        found = lay(image, 1, on, facing)[:, 0, 0]
        assert np.flatnonzero(found == LAYER).tolist() == changed
    assert (lay(image, 99, 1, 0)[3:6] == LAYER).all()


@pytest.mark.parametrize("shape, around, in_the_corner", [((12, 9, 1), 20, 7), ((12, 1, 1), 4, 2), ((1, 12, 1), 4, 2)])
def test_cells_one_voxel_thick(shape, around, in_the_corner):
    """Voxels within 2.25 of one in the corner; the spacing along an axis of one voxel, 50, is no limit to the width."""
    image = np.ones(shape, int)
    image.flat[0] = 0
    spacing = tuple(50.0 if n == 1 else 1.0 for n in shape)
    assert np.count_nonzero(lay(image, 2, spacing=spacing) == LAYER) == around
    walled = lay(image, 2, spacing=spacing, periodic=(False, False, False))
    assert np.count_nonzero(walled == LAYER) == in_the_corner


@pytest.mark.parametrize("change, words", [
    (dict(width=0.9), "width 0.9 is 0.9 of a voxel of 1: it must be at least one voxel wide; refine"),
    (dict(width=1, spacing=(0.5, 2, 1)), "width 1 is 0.5 of a voxel of 2"), (dict(width=np.nan), "width nan"),
    (dict(width=-1), "width -1"), (dict(width=2, on=[0, 1]), "no label can be on both sides"),
    (dict(width=2, on=2**24), "label 16777216: whole numbers"), (dict(width=2, facing=[-1]), "label -1"),
    (dict(width=2, on=0.5), "label 0.5")])
def test_what_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        lay(np.ones((4, 4, 4), int), **change)
