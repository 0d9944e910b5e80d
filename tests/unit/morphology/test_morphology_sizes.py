"""Chords, distances and local thickness against brute force and known bodies, on one rank."""

import itertools

import numpy as np
import pytest
from helpers.builders import make_transform, periodic_distance

from pfsolid.morphology.sizes import measure_chords
from pfsolid.morphology.thickness import measure_thickness, squared_distances

SHAPES = [(7, 6, 5), (9, 1, 4), (1, 8, 3), (5, 4, 1), (1, 1, 6), (2, 2, 2), (1, 1, 1)]


def chords_of(solid, spacing=1.0):
    ghosted = np.pad(solid.astype(np.uint8), ((1, 1), (0, 0), (0, 0)), mode="wrap")
    return measure_chords(ghosted, make_transform(solid.shape, spacing))


def runs_on(line):
    """(value, length) of each run on a periodic line, or (value, None) if it has only one."""
    if np.all(line == line[0]):
        return [(int(line[0]), None)]
    first = next(i for i in range(line.size) if line[i] != line[i - 1])
    return [(int(value), len(list(run))) for value, run in itertools.groupby(np.roll(line, -first))]


def thickness_of(phase, spacing=1.0):
    return measure_thickness(phase, make_transform(phase.shape, spacing))


# --- chords ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_chords_agree_with_runs_counted_one_by_one(shape, density):
    solid = np.random.default_rng(3).random(shape) < density
    found = chords_of(solid, (1.0, 1.5, 2.0))
    for axis in range(3):
        lines = np.moveaxis(solid, axis, 2).reshape(-1, shape[axis])
        runs = [run for line in lines for run in runs_on(line)]
        for phase, chords in enumerate(found):
            expected = np.bincount([n for value, n in runs if value == phase and n], minlength=1)
            assert np.array_equal(chords.counts[axis], np.trim_zeros(expected, "b"))
            wrapped = shape[axis] * sum(value == phase and n is None for value, n in runs)
            volume = np.count_nonzero(solid == phase)
            expected = wrapped / max(volume, 1) if shape[axis] > 1 else np.nan  # an axis of one voxel is none
            assert chords.wrapping_fraction[axis] == pytest.approx(expected, nan_ok=True)
            changes = sum(len(runs_on(line)) for line in lines if not np.all(line == line[0]))
            mean = 2 * volume * (1.0, 1.5, 2.0)[axis] / changes if changes else np.inf if volume else np.nan
            assert chords.mean_xyz[axis] == pytest.approx(mean, nan_ok=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_chords_of_a_laminate(axis):
    spacing = (0.5, 1.0, 2.0)
    shape = [4, 4, 4]
    shape[axis] = 12
    solid = np.ones(shape, bool)
    np.moveaxis(solid, axis, 0)[[0, 1, 11]] = False  # three voxels through the face
    pores, walls = chords_of(solid, spacing)
    across = [i == axis for i in range(3)]
    assert pores.mean == pytest.approx(3 * spacing[axis])
    assert walls.mean == pytest.approx(9 * spacing[axis])
    assert np.array_equal(np.isinf(pores.mean_xyz), np.logical_not(across))
    assert walls.wrapping_fraction == tuple(0.0 if a else 1.0 for a in across)


def test_the_mean_chord_of_a_sphere_is_two_thirds_of_its_diameter():
    shape, spacing = (40, 40, 20), (1.0, 1.0, 2.0)
    pores, _ = chords_of(periodic_distance(shape, spacing, (1.0, 2.0, 3.0)) > 15, spacing)
    assert pores.mean == pytest.approx(20, rel=0.02)  # voxels on a radius of 15
    assert pores.mean_xyz == pytest.approx((20, 20, 20), rel=0.04)  # fewer, where they are longer


# --- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 0.7, 2.3)])
def test_distances_agree_with_brute_force(shape, spacing):
    rng = np.random.default_rng(4)
    for number in (1, 2, 5):
        targets = np.zeros(shape, bool)
        targets.flat[rng.integers(0, targets.size, number)] = True
        points = np.argwhere(targets)
        expected = np.min([periodic_distance(shape, spacing, (p + 0.5) * spacing) for p in points], axis=0)
        transform = make_transform(shape, spacing)
        assert np.sqrt(squared_distances(targets, transform)) == pytest.approx(expected, rel=1e-6, abs=1e-6)
        capped = np.sqrt(squared_distances(targets, transform, 1.8))
        assert capped == pytest.approx(np.minimum(expected, 1.8), rel=1e-6, abs=1e-6)


def test_without_a_target_every_distance_is_infinite():
    assert np.all(np.isinf(squared_distances(np.zeros((4, 3, 5), bool), make_transform((4, 3, 5)))))


# --- thickness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("layer", [1, 2, 3, 4, 7])
def test_a_layer_is_as_thick_everywhere_as_it_is(axis, layer):
    phase = np.zeros((16, 16, 16), bool)
    np.moveaxis(phase, axis, 0)[np.arange(layer) - 2] = True
    found = thickness_of(phase, 0.5)
    voxels = layer + (0.5 if layer % 2 else -0.5)
    assert found.largest == found.mean == pytest.approx(0.5 * voxels)
    assert np.all(found.larger == 1)


def test_balls_of_two_sizes():
    shape = (40, 40, 40)
    large = periodic_distance(shape, (1.0,) * 3, (0.5, 2.5, 1.5)) < 9
    small = periodic_distance(shape, (1.0,) * 3, (20.5, 20.5, 21.5)) < 5
    found = thickness_of(large | small)
    assert found.largest == pytest.approx(18, abs=1)
    share = np.count_nonzero(small) / np.count_nonzero(large | small)
    # Thickness jumps from one diameter to the other; digital balls lose a few of their corner voxels.
    assert np.interp(13, found.diameters, found.larger) == pytest.approx(1 - share, abs=0.03)
    assert found.quantile(0.05) == pytest.approx(10, abs=1.5)
    assert np.all(np.diff(found.larger) <= 0) and found.larger[0] == 1


def test_thickness_is_that_of_the_largest_ball_around_each_voxel():
    rng = np.random.default_rng(5)
    spacing = (1.0, 1.0, 1.5)
    phase = rng.random((9, 8, 7)) < 0.93
    room = np.sqrt(squared_distances(~phase, make_transform(phase.shape, spacing)))
    thickness = np.zeros(phase.shape)
    for point in np.argwhere(phase):
        inside = periodic_distance(phase.shape, spacing, (point + 0.5) * spacing) < room[tuple(point)] * (1 - 1e-5)
        thickness[inside] = np.maximum(thickness[inside], 2 * room[tuple(point)] - 0.5)
    found = thickness_of(phase, spacing)
    # Diameters are sampled: a thickness counts as the sampled one next below it.
    for diameter, larger in zip(found.diameters, found.larger):
        assert larger == pytest.approx(np.mean(thickness[phase] >= diameter - 1e-4), abs=0.02)


@pytest.mark.parametrize("full", [True, False])
def test_an_empty_or_full_phase_has_no_thickness(full):
    found = thickness_of(np.full((4, 5, 6), full))
    assert found.diameters.size == found.larger.size == 0
    assert np.isnan([found.mean, found.largest, found.quantile(0.5)]).all()
