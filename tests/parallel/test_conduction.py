"""Effective conductivity divided over ranks against the same on one."""

import numpy as np
import pytest
from helpers.builders import (
    ALONE,
    HU_SIGMA,
    conduct,
    divide_labels,
    effective_conductivity,
    gather,
    grow_labels,
    make_transform,
)

from pfsolid.conduction.phases import labels_from_density
from pfsolid.errors import ConvergenceError, InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform

SHAPES = [(15, 9, 7), (16, 16, 16), (12, 10, 1)]
SIGMAS = {"contrast 25": (0.2, 1.0, 5.0), "with zeros": (0.0, 1.0, 0.1)}


def random_labels(shape):
    # Few enough insulating voxels for the rest to percolate.
    return np.random.default_rng(1).choice(3, shape, p=[0.1, 0.5, 0.4]).astype(np.uint8)


def assert_same(divided, alone):
    """Rounding is another one on each rank count, and the tensor is a sum over voxels: 1e-9."""
    assert divided.iterations == alone.iterations and divided.percolating == alone.percolating
    assert np.allclose(divided.tensor, alone.tensor, rtol=0, atol=1e-9 * np.abs(alone.tensor).max())
    assert divided.relative_error == pytest.approx(alone.relative_error, rel=1e-5)
    assert divided.asymmetry == pytest.approx(alone.asymmetry, abs=1e-7)


@pytest.mark.parametrize("sigma", SIGMAS.values(), ids=SIGMAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_tensor(comm, shape, sigma):
    labels = random_labels(shape)
    options = {"spacing": (1.0, 0.7, 1.3), "dtype": "float64", "rtol": 1e-6}
    assert_same(conduct(labels, sigma, comm=comm, **options), conduct(labels, sigma, comm=ALONE, **options))


def test_grown_microstructure(comm):
    """The paper's conductivities, contrast 3516 and zeros, with the single-precision transform of a normal run."""
    labels = grow_labels((24, 18, 21), 0.4)
    assert_same(conduct(labels, HU_SIGMA, comm=comm), conduct(labels, HU_SIGMA, comm=ALONE))


@pytest.mark.parametrize("axis", range(3))
def test_blocked_axis_is_exactly_zero_on_all_ranks(comm, axis):
    labels = np.ones((12, 10, 8), np.uint8)
    labels[tuple(slice(3, 4) if i == axis else slice(None) for i in range(3))] = 0
    result = conduct(labels, (0.0, 1.0), comm=comm)
    assert result.tensor[axis, axis] == 0.0 and result.iterations[axis] == 0
    expected = [0.0 if i == axis else 1 - 1 / labels.shape[axis] for i in range(3)]
    assert np.allclose(np.diag(result.tensor), expected, rtol=1e-14)


def test_labels_and_their_ghost_planes(comm):
    rho = np.random.default_rng(2).random((15, 9, 7))
    transform = make_transform(rho.shape, comm=comm)
    labels = labels_from_density(rho[transform.local_slice], 0.3, 0.7, transform)
    whole = np.where(rho < 0.3, 0, np.where(rho > 0.7, 2, 1))
    start, stop = transform.local_slice[0].start, transform.local_slice[0].stop
    assert np.array_equal(labels, whole.take(range(start - 1, stop + 1), axis=0, mode="wrap"))


def test_current_density(comm):
    labels, sigma = random_labels((15, 9, 7)), (0.0, 1.0, 0.1)
    kept = []
    for one in (comm, ALONE):
        def keep(axis, system):
            if axis == 1:
                kept.append(system.current_density(axis, dtype=np.float64))

        conduct(labels, sigma, comm=one, rtol=1e-8, dtype="float64", on_solved=keep)
    # First order in an error whose square is the tensor's; the two runs stop at the same one.
    assert np.allclose(gather(kept[0], comm), kept[1], atol=1e-9)


def test_every_rank_sees_the_same_progress(comm):
    progress = []
    conduct(random_labels((15, 9, 7)), (0.2, 1.0, 5.0), comm=comm, on_iteration=lambda *values: progress.append(values))
    assert len(progress) > 5 and len(set(comm.allgather(tuple(progress)))) == 1


def test_errors_are_raised_on_all_ranks(comm):
    labels = random_labels((15, 9, 7))
    transform = make_transform(labels.shape, comm=comm)
    local = divide_labels(labels, transform)
    with pytest.raises(InputError):
        effective_conductivity(local, (np.nan, 1.0, 1.0), transform, (True,) * 3)
    with pytest.raises(ConvergenceError):
        effective_conductivity(local, (0.2, 1.0, 5.0), transform, (True,) * 3, max_iterations=2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_between_electrodes(comm, shape, dtype):
    labels, results = random_labels(shape), []
    for one in (comm, ALONE):
        transform = CosineSlabTransform(PeriodicGrid(shape, (1.0, 0.7, 1.3)), one, dtype, planning="estimate")
        results.append(effective_conductivity(divide_labels(labels, transform), (0.2, 1.0, 5.0), transform,
                                              (True, False, False), rtol=1e-6, interface_resistance={(1, 2): 0.5},
                                              plate_resistance=(0.2, 3.0)))
    assert_same(*results)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_interfaces_that_resist(comm, shape, dtype):
    """Normals and what they weigh do not depend on the slabs."""
    labels, results = random_labels(shape), []
    for one in (comm, ALONE):
        transform = make_transform(shape, (1.0, 0.7, 1.3), one, dtype=dtype)
        results.append(effective_conductivity(divide_labels(labels, transform), (0.2, 1.0, 5.0), transform, (True,) * 3,
                                              rtol=1e-6, interface_resistance={(1, 2): 0.5, (0, 1): np.inf}))
    assert_same(*results)


def test_warm_start(comm):
    labels, kept = random_labels((15, 9, 7)), []
    for one in (comm, ALONE):
        transform = make_transform(labels.shape, comm=one)
        part = transform.local_slice
        guess = {0: np.random.default_rng(3).standard_normal(labels.shape)[part]}
        kept.append(effective_conductivity(divide_labels(labels, transform), (0.2, 1.0, 5.0), transform, (True,) * 3,
                                           rtol=1e-6, guesses=guess))
    assert_same(*kept)
