"""Seeded noise on one rank; that it is the same on several is tested in tests/parallel."""

import numpy as np

from pfsolid.parallel.collective import Reducer
from pfsolid.parallel.communicator import alone
from pfsolid.spectral.noise import fill_gaussian, plane_generator

REDUCER = Reducer(alone())


def noise(shape, seed, dtype=float):
    field = np.empty(shape, dtype)
    fill_gaussian(field, 0, seed, REDUCER)
    return field


def test_same_seed_same_field():
    assert np.array_equal(noise((6, 5, 4), 7), noise((6, 5, 4), 7))


def test_seeds_and_planes_differ():
    field = noise((6, 5, 4), 7)
    assert not np.isclose(field, noise((6, 5, 4), 8)).any()
    assert not any(np.isclose(field[i], field[j]).any() for i in range(6) for j in range(i))


def test_statistics():
    field = noise((32, 32, 32), 1)
    # Mean exact but for the rounding of the sum; variance and fourth moment within four standard deviations
    # of what 32768 Gaussian numbers scatter by, sqrt(2/n) and sqrt(96/n).
    assert abs(field.mean()) < 1e-15
    assert abs(field.var() - 1) < 4 * np.sqrt(2 / field.size)
    assert abs((field**4).mean() - 3) < 4 * np.sqrt(96 / field.size)


def test_neighbouring_planes_are_not_correlated():
    field = noise((32, 32, 32), 1)
    for axis in range(3):
        correlation = (field * np.roll(field, 1, axis)).mean()
        assert abs(correlation) < 4 / np.sqrt(field.size)


def test_any_64_bit_seed():
    largest = noise((2, 3, 4), 2**64 - 1)
    assert np.isfinite(largest).all() and not np.allclose(largest, noise((2, 3, 4), 0))


def test_a_plane_does_not_depend_on_the_others():
    # Before the mean is removed: so planes can be drawn by whoever holds them.
    first = plane_generator(3, 5).standard_normal((4, 4))
    assert np.array_equal(first, plane_generator(3, 5).standard_normal((4, 4)))


def test_single_precision_is_the_rounded_field():
    assert np.allclose(noise((6, 5, 4), 7, np.float32), noise((6, 5, 4), 7), atol=1e-6)
