"""What a permutation of the axes does to each thing that has a direction."""

import itertools

import numpy as np
import pytest

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.orientation import Orientation

ALL = list(map(Orientation, itertools.permutations(range(3))))


def test_names():
    assert Orientation.named("zyx") == Orientation((2, 1, 0)) and Orientation.named("yzx").names == "yzx"
    assert [Orientation.beginning_with(axis).names for axis in range(3)] == ["xyz", "yxz", "zxy"]
    grid = Orientation.named("zyx").turn_grid(PeriodicGrid((4, 5, 6), (1, 2, 3)))
    assert grid == PeriodicGrid((6, 5, 4), (3, 2, 1))


@pytest.mark.parametrize("turned", ALL)
def test_a_tensor_turns_with_its_vectors(turned):
    """sigma E of what is turned is the turned sigma E: indices, diagonals and vectors agree on one permutation."""
    rng = np.random.default_rng(0)
    sigma, field = rng.random((3, 3)), rng.random(3)
    current = np.array(turned.turn(sigma @ field))
    assert turned.turn_tensor(sigma) @ np.array(turned.turn(field)) == pytest.approx(current, rel=1e-14)
    assert np.array_equal(np.diag(turned.turn_tensor(sigma)), turned.turn_tensor(np.diag(sigma), rank=1))
    assert turned.turn_tensor(field, rank=0) is field
    for axis in range(3):
        assert turned.turn(range(3))[turned.turn_axis(axis)] == axis


@pytest.mark.parametrize("turned", ALL)
def test_a_field_turns_with_its_coordinates(turned):
    """The value at a voxel is found at the turned voxel; a vector there has its turned components; and all the way back."""
    scalar = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    vector = np.random.default_rng(1).random((2, 3, 4, 3))
    for voxel in np.ndindex(scalar.shape):
        assert turned.turn_field(scalar)[turned.turn(voxel)] == scalar[voxel]
        assert tuple(turned.turn_field(vector)[turned.turn(voxel)]) == turned.turn(vector[voxel])
    assert np.array_equal(turned.inverse.turn_field(turned.turn_field(vector)), vector)
    assert turned.turn_field(scalar).base is not None


@pytest.mark.parametrize("make", [lambda: Orientation((0, 0, 1)), lambda: Orientation.named("xyw"),
                                  lambda: Orientation.named("xy")])
def test_axes_that_are_no_permutation(make):
    with pytest.raises(InputError, match="x, y and z must each stand there once"):
        make()
