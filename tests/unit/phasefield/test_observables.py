"""Phase fractions and sizes of structures whose measures are known by counting."""

import math

import numpy as np
import pytest
from helpers.builders import grow_density, make_transform

from pfsolid.morphology.measure import measure
from pfsolid.phasefield.observables import Observer, mean_density, mean_spacing


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
