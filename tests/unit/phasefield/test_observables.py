"""Phase fractions and sizes of structures whose measures are known by counting."""

import math

import numpy as np
import pytest
from helpers.builders import grow_density, make_transform

from pfsolid.morphology.measure import measure
from pfsolid.phasefield.observables import (
    Observer,
    is_separated,
    low_mode_strengths,
    mean_density,
    mean_spacing,
    value_at,
)


def census(rho, spacing=1.0, thresholds=(0.1, 0.9), scale=1.0):
    transform = make_transform(rho.shape, spacing)
    return Observer(transform, *thresholds)(np.ascontiguousarray(rho) / scale, scale)


def layers(shape, axis, widths):
    """Alternating layers of rho = 0 and 1 along an axis, the first of them pore."""
    profile = np.repeat(np.arange(len(widths)) % 2, widths).astype(float)
    return np.broadcast_to(np.expand_dims(profile, tuple({0, 1, 2} - {axis})), shape).copy()


def test_fractions():
    rho = np.array([0.0, 0.05, 0.1, 0.3, 0.5, 0.9, 0.95, 1.0]).reshape(8, 1, 1)
    result = census(rho)
    # The thresholds themselves, 0.1 and 0.9, belong to the surface; rho = 1/2 is solid.
    assert (result.pore, result.surface, result.bulk) == pytest.approx((2 / 8, 4 / 8, 2 / 8))
    assert result.porosity == 4 / 8


def test_the_field_may_be_scaled():
    # The stepper hands over N rho, as the unnormalised transform leaves it.
    rho = np.random.default_rng(1).random((6, 5, 4))
    assert census(rho, scale=1 / 120) == census(rho)


@pytest.mark.parametrize("axis", range(3))
def test_layers(axis):
    shape = tuple(12 if i == axis else 4 for i in range(3))
    result = census(layers(shape, axis, [3, 5, 1, 3]), spacing=(0.5, 0.5, 0.5))
    # Mean chords along the normal are 2 and 4 voxels; along the layers they are endless, and these axes do not count.
    assert result.porosity == pytest.approx(1 / 3)
    assert result.pore_size == pytest.approx(2 * 0.5)
    assert result.wall_size == pytest.approx(4 * 0.5)


def test_checkerboard_of_cubes():
    index = np.indices((8, 8, 8)) // 2
    result = census((index.sum(axis=0) % 2).astype(float), spacing=0.25)
    assert result.pore_size == result.wall_size == pytest.approx(2 * 0.25)


def test_spacing_differs_by_axis():
    index = np.indices((8, 8, 8)) // 2
    result = census((index.sum(axis=0) % 2).astype(float), spacing=(0.5, 1.0, 2.0))
    assert result.pore_size == pytest.approx(3 / sum(1 / (2 * h) for h in (0.5, 1.0, 2.0)))


def test_an_axis_one_voxel_thick_does_not_count():
    index = np.indices((8, 8, 1)) // 2
    result = census((index.sum(axis=0) % 2).astype(float))
    assert result.pore_size == pytest.approx(2)


def test_sizes_are_the_mean_chords_of_the_morphology():
    """One definition: what a run prints while it grows, stops at and prints at its end is the same number."""
    for shape, spacing in (((20, 24, 16), (0.5, 0.6, 0.7)), ((24, 20, 1), (0.5, 0.6, 0.7))):
        rho = grow_density(shape, 0.4)
        found = measure(np.array(rho), make_transform(shape, spacing))
        sizes = census(rho, spacing)
        assert (sizes.pore_size, sizes.wall_size) == pytest.approx((found.pores.mean, found.walls.mean))
        assert sizes.porosity == pytest.approx(found.surface.porosity_by_threshold)


def test_one_phase_alone():
    solid = census(np.ones((4, 4, 4)))
    assert (solid.porosity, solid.pore_size, solid.wall_size) == (0, 0, math.inf)
    pore = census(np.zeros((4, 4, 4)))
    assert (pore.porosity, pore.pore_size, pore.wall_size) == (1, math.inf, 0)


@pytest.mark.parametrize("shape", [(12, 10, 8), (7, 9, 5), (12, 10, 1)])
def test_spacing_of_a_wave(shape):
    transform = make_transform(shape, (0.5, 1.0, 2.0))
    x, y, z = transform.coordinates()
    transform.real[...] = 0.4 + 0.1 * np.cos(2 * np.pi * 2 * y / transform.grid.lengths[1]) + 0 * x + 0 * z
    transform.forward()
    # One wave, so <k> is its k; what is left of other modes is rounding.
    assert mean_spacing(transform.spectral, transform) == pytest.approx(transform.grid.lengths[1] / 2, rel=1e-12)
    assert mean_density(transform.spectral, transform) == pytest.approx(0.4, rel=1e-14)


def test_spacing_weighs_waves_by_their_power():
    transform = make_transform((16, 1, 1))
    x = 2 * np.pi * transform.coordinates()[0] / 16
    transform.real[...] = 2 * np.cos(x) + np.cos(4 * x)
    transform.forward()
    mean_k = (4 * 1 + 1 * 4) / 5 * 2 * np.pi / 16
    assert mean_spacing(transform.spectral, transform) == pytest.approx(2 * np.pi / mean_k, rel=1e-12)


def test_spacing_of_a_uniform_field():
    transform = make_transform((4, 4, 4))
    transform.real[...] = 0.5
    transform.forward()
    assert mean_spacing(transform.spectral, transform) == math.inf


# --- separated ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fractions, separated", [
    ((0.3, 0.4, 0.3), True), ((0.01, 0.9, 0.09), True), ((0.05, 0.91, 0.04), False), ((0.0, 1.0, 0.0), False),
    ((0.0, 0.2, 0.8), False), ((0.8, 0.2, 0.0), False)])
def test_separated_is_both_phases_and_less_than_90_percent_surface(fractions, separated):
    assert is_separated(*fractions) == separated
    assert is_separated(*np.array([fractions] * 2).T).tolist() == [separated] * 2


def test_separated_by_the_thresholds_of_the_run():
    """Layers of 0.05 and 0.85: the second is bulk above 0.8 and surface above 0.9."""
    rho = 0.05 + 0.8 * layers((8, 4, 4), 0, [4, 4])
    assert census(rho, thresholds=(0.1, 0.8)).separated and not census(rho).separated


# --- telling samples apart ----------------------------------------------------------------------------------


def balls(centres, radius=2.0, n=32, spacing=0.5 / 1.4, kappa=(1.0, 1.0, 1.0)):
    """Pores with equilibrium profiles at places in the cell; transform and its unnormalised spectrum."""
    transform = make_transform((n,) * 3, spacing)
    rho = np.ones(transform.local_shape)
    for centre in centres:
        away = [np.abs(x - c * n * spacing) for x, c in zip(transform.coordinates(), centre)]
        away = [np.minimum(a, n * spacing - a) / np.sqrt(k) for a, k in zip(away, kappa)]
        rho *= 0.5 + 0.5 * np.tanh(2 * (np.sqrt(sum(a**2 for a in away)) - radius))
    transform.real[...] = rho
    return transform.forward().copy(), transform


def distance(one, other):
    one, other = (low_mode_strengths(*balls(**sample)) for sample in (one, other))
    return np.linalg.norm(one - other) / np.linalg.norm(one)


TWO = [(0.21, 0.33, 0.4), (0.7, 0.71, 0.9)]


@pytest.mark.parametrize("shift", [(0, 0, 3 / 32), (0.011, 0.47, 0.123)])
@pytest.mark.parametrize("centres", [TWO[:1], TWO])
def test_shifted_copies_are_alike(centres, shift):
    """By whole voxels to rounding; by parts of one to what 2.8 voxels a surface resolve."""
    moved = [np.add(centre, shift) % 1 for centre in centres]
    assert distance(dict(centres=centres), dict(centres=moved)) < (1e-12 if shift[0] == 0 else 1e-3)


def test_turned_and_mirrored_copies_are_alike():
    turned, mirrored = [np.roll(centre, 1) for centre in TWO], [(1 - x, y, z) for x, y, z in TWO]
    assert distance(dict(centres=TWO), dict(centres=turned)) < 1e-12
    assert distance(dict(centres=TWO), dict(centres=mirrored)) < 1e-12
    rod_x, rod_z = (dict(centres=TWO[:1], kappa=kappa) for kappa in ((9, 1, 1), (1, 1, 9)))
    assert distance(rod_x, rod_z) < 0.02  # of one ellipsoid off the voxels' centres


def test_other_samples_are_not():
    nearer = [TWO[0], (0.6, 0.71, 0.9)]
    assert distance(dict(centres=TWO), dict(centres=nearer)) > 0.1
    assert distance(dict(centres=TWO), dict(centres=TWO[:1])) > 0.1
    assert distance(dict(centres=TWO[:1]), dict(centres=TWO[:1], radius=2.5)) > 0.02


def test_low_modes_of_nothing():
    transform = make_transform((8, 6, 1), 1.0)
    transform.real[...] = 0.7
    assert not low_mode_strengths(transform.forward(), transform)[1:].any()


@pytest.mark.parametrize("shape", [(12, 10, 9), (12, 10, 1), (1, 1, 16)])
def test_value_at_a_point(shape):
    """A sum of waves that the grid has is known everywhere; at the voxels' centres it is the field."""
    transform = make_transform(shape, (0.5, 0.4, 0.3))
    lengths = transform.grid.lengths

    def waves(x, y, z):
        total = 0.6
        for axis, (position, n) in enumerate(zip((x, y, z), shape)):
            if n > 1:
                total = total + 0.1 * (axis + 1) * np.cos(2 * np.pi * 2 * position / lengths[axis] + axis)
        return total

    transform.real[...] = waves(*transform.coordinates())
    field, rho_hat = transform.real.copy(), transform.forward().copy()
    for point in np.random.default_rng(2).random((5, 3)) * lengths:
        assert value_at(point, rho_hat, transform) == pytest.approx(waves(*point), abs=1e-13)
    corner = tuple(0.5 * h for h in transform.grid.spacing)
    assert value_at(corner, rho_hat, transform) == pytest.approx(field[0, 0, 0], abs=1e-13)
