"""The same seed gives the same global field, to the last bit, at every rank count."""

import numpy as np
import pytest
from helpers.builders import gather, make_transform

from pfsolid.phasefield.initial import fill_noise
from pfsolid.spectral.noise import fill_gaussian

SHAPES = [(15, 9, 7), (16, 16, 16), (12, 10, 1), (7, 4, 4)]  # 7 and 15 planes do not divide evenly


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_same_bits_as_alone(comm, shape, seed):
    fields = []
    for transform in (make_transform(shape, comm=comm), make_transform(shape)):
        fill_gaussian(transform.real, transform.first_plane, seed, transform.reducer)
        fields.append(transform.real)
    assert np.array_equal(gather(fields[0], comm), fields[1])
    assert abs(fields[1].mean()) < 1e-15


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_initial_field(comm, dtype):
    divided, alone = make_transform((15, 9, 7), comm=comm, dtype=dtype), make_transform((15, 9, 7), dtype=dtype)
    for transform in (divided, alone):
        fill_noise(transform, 0.68, 0.02, seed=5)
    assert np.array_equal(gather(divided.real, comm), alone.real)
    assert alone.real.mean(dtype=float) == pytest.approx(0.68, abs=1e-15 if dtype == "float64" else 1e-8)
    assert alone.real.std() == pytest.approx(0.02, rel=0.1)
