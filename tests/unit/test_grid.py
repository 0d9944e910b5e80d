"""The periodic grid: sizes and what it refuses."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid


def test_sizes():
    grid = PeriodicGrid((4, 5, 6), (0.5, 1.0, 2.0))
    assert grid.num_voxels == 120
    assert grid.lengths == (2.0, 5.0, 12.0)
    assert grid.volume == 120.0


def test_unit_of_length():
    grid = PeriodicGrid((4, 5, 6), (0.5, 1.0, 2.0)).in_units_of(0.5)
    assert grid == PeriodicGrid((4, 5, 6), (1.0, 2.0, 4.0))


def test_numpy_numbers_become_plain_ones():
    # What is written to JSON and compared with a restarted run.
    grid = PeriodicGrid(tuple(np.array([4, 5, 6])), tuple(np.array([1.0, 1.0, 1.0])))
    assert grid == PeriodicGrid((4, 5, 6), (1.0, 1.0, 1.0))
    assert all(type(n) is int for n in grid.shape) and all(type(h) is float for h in grid.spacing)


def test_grid_is_frozen_and_can_be_a_key():
    grid = PeriodicGrid((4, 5, 6), (1.0, 1.0, 1.0))
    with pytest.raises(FrozenInstanceError):
        grid.shape = (1, 1, 1)
    assert hash(grid) == hash(PeriodicGrid((4, 5, 6), (1, 1, 1)))


@pytest.mark.parametrize("shape", [(0, 4, 4), (-4, 4, 4), (4.5, 4, 4), (4, 4), (4, 4, 4, 4)])
def test_bad_shapes(shape):
    with pytest.raises(InputError, match="shape"):
        PeriodicGrid(shape, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("spacing", [(0.0, 1, 1), (-1, 1, 1), (math.nan, 1, 1), (math.inf, 1, 1), (1, 1)])
def test_bad_spacings(spacing):
    with pytest.raises(InputError, match="spacing"):
        PeriodicGrid((4, 4, 4), spacing)
