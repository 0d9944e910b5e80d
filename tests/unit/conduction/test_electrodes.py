"""A cell between plane electrodes with insulating sides: the periodic cell of its eight mirror images, an eighth of it."""

import numpy as np
import pytest
from helpers.builders import ALONE, conduct, divide_labels, effective_conductivity, make_transform

from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform

SPACING = (1.0, 0.7, 1.3)
SHAPES = [(9, 8, 7), (6, 5, 8), (8, 6, 1), (8, 1, 6), (1, 6, 5), (5, 4, 2), (2, 1, 1)]
SIGMA = (0.0, 1.0, 0.1)
ALONG_X = (True, False, False)


def labels_of(shape):
    # Few enough insulating voxels for the rest to percolate.
    return np.random.default_rng(1).choice(3, shape, p=[0.1, 0.5, 0.4]).astype(np.uint8)


def electrodes(shape, spacing=SPACING, dtype="float64") -> CosineSlabTransform:
    return CosineSlabTransform(PeriodicGrid(shape, spacing), ALONE, dtype, planning="estimate")


def solve(labels, sigma=SIGMA, spacing=SPACING, dtype="float64", **options):
    transform = electrodes(labels.shape, spacing, dtype)
    return effective_conductivity(divide_labels(labels, transform), sigma, transform, ALONG_X, **options)


def mirrored(field):
    """The field and its images beyond the upper end of each axis."""
    for axis in range(3):
        field = np.concatenate([field, np.flip(field, axis)], axis)
    return field


@pytest.mark.parametrize("shape", SHAPES)
def test_as_the_mirrored_periodic_cell(shape):
    labels = labels_of(shape)
    ours, whole = solve(labels, rtol=1e-10), conduct(mirrored(labels), SIGMA, SPACING, dtype="float64", rtol=1e-10)
    # Both to 1e-10, and the same iteration but for rounding.
    assert ours.tensor[0, 0] == pytest.approx(whole.tensor[0, 0], rel=2e-10)
    assert abs(ours.iterations[0] - whole.iterations[0]) <= 1
    assert np.count_nonzero(ours.tensor) == 1 and ours.percolating == ALONG_X


def test_fields_are_those_of_the_mirrored_cell():
    labels, kept = labels_of((6, 5, 7)), []

    def keep(axis, system):
        if axis == 0:
            kept.append((system.potential.copy(), system.current_density(axis, np.float64), system.mean_flux(axis)))

    sigma = [(0.0, 0.0, 0.0), (1.0, 2.0, 0.5), (0.1, 0.0, 3.0)]
    solve(labels, sigma, rtol=1e-16, on_solved=keep)
    transform = make_transform(mirrored(labels).shape, SPACING)
    effective_conductivity(divide_labels(mirrored(labels), transform), sigma, transform, ALONG_X, rtol=1e-16, on_solved=keep)
    (u, current, flux), (u_whole, current_whole, flux_whole) = kept
    conducts = labels > 0
    n0, n1, n2 = labels.shape
    # An energy error of 1e-16 is one of 1e-8 in the fields; the potential of a voxel that touches nothing is arbitrary.
    touched = np.abs(current).sum(axis=-1) > 1e-6
    assert np.allclose((u - u_whole[:n0, :n1, :n2])[conducts & touched], 0, atol=1e-6)
    assert np.allclose(current, current_whole[:n0, :n1, :n2], atol=1e-6)
    assert flux[0] == pytest.approx(flux_whole[0], abs=1e-7)
    assert np.all(current[~conducts] == 0)


def test_interface_resistance_and_diagonal_conductivity():
    labels = labels_of((7, 6, 5))
    options = {"rtol": 1e-10, "interface_resistance": {(1, 2): 2.5}}
    sigma = [(0.0, 0.0, 0.0), (1.0, 2.0, 0.5), (0.1, 0.0, 3.0)]
    transform = make_transform(mirrored(labels).shape, SPACING)
    whole = effective_conductivity(divide_labels(mirrored(labels), transform), sigma, transform, ALONG_X, **options)
    assert solve(labels, sigma, **options).tensor[0, 0] == pytest.approx(whole.tensor[0, 0], rel=2e-10)


def test_uniform_medium_needs_no_iteration():
    result = solve(np.ones((6, 5, 4), np.uint8), (0.0, 2.5), (1.0, 1.0, 1.0))
    assert result.tensor[0, 0] == 2.5 and result.iterations == (0, 0, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_in_series(dtype):
    """The electrodes are the outer faces: each layer counts with its whole width."""
    labels = np.repeat(np.arange(3), [2, 3, 5]).astype(np.uint8)[:, None, None] * np.ones((1, 4, 3), np.uint8)
    sigma = np.array([1.0, 1e-3, 30.0])
    expected = 1 / (np.array([0.2, 0.3, 0.5]) @ (1 / sigma))
    # Single precision keeps the faces to 6e-8, the value to its square.
    assert solve(labels, sigma, dtype=dtype, rtol=1e-12).tensor[0, 0] == pytest.approx(expected, rel=1e-11)


def test_sides_are_insulating():
    """A channel that would close on itself through the side ends there: dead ends on both sides of a straight one."""
    labels = np.zeros((6, 5, 5), np.uint8)
    labels[:, 2, 2] = 1
    straight = solve(labels, (0.0, 1.0)).tensor[0, 0]
    assert straight == pytest.approx(1 / 25, rel=1e-14)
    labels[2, 0:2, 2] = labels[4, 3:5, 2] = labels[2, 2, :] = 1
    assert solve(labels, (0.0, 1.0), rtol=1e-10).tensor[0, 0] == pytest.approx(straight, rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_touches_no_electrode(dtype):
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:, 1:3, 1:3] = 1
    alone = solve(labels, (0.0, 1.0), dtype=dtype).tensor[0, 0]
    labels[2:5, 5:7, 5:7] = 1
    labels[0:2, 5, 1] = 1  # touches one of them
    assert solve(labels, (0.0, 1.0), dtype=dtype, rtol=1e-9).tensor[0, 0] == pytest.approx(alone, rel=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocked_but_said_to_percolate(dtype):
    labels = labels_of((9, 8, 7))
    labels[4] = 0
    result = solve(labels, dtype=dtype, max_iterations=200)
    assert abs(result.tensor[0, 0]) < 1e-12
    assert np.all(solve(np.zeros((4, 4, 4), np.uint8), dtype=dtype).tensor == 0)


def test_single_precision_does_not_matter():
    labels = labels_of((20, 18, 16))
    single, double = solve(labels, dtype="float32", rtol=1e-6), solve(labels, rtol=1e-6)
    assert abs(single.iterations[0] - double.iterations[0]) <= 1
    assert single.tensor[0, 0] == pytest.approx(double.tensor[0, 0], rel=1e-6)


def test_warm_start():
    labels, kept = labels_of((9, 8, 7)), {}

    def keep(axis, system):
        kept[axis] = system.potential.copy()

    cold = solve(labels, rtol=1e-6, on_solved=keep)
    warm = solve(labels, rtol=1e-6, guesses=kept)
    assert warm.iterations[0] <= 2 and warm.tensor[0, 0] == pytest.approx(cold.tensor[0, 0], rel=2e-6)


@pytest.mark.parametrize("axis", [1, 2])
def test_only_along_x(axis):
    transform = electrodes((4, 4, 4))
    system = ConductionSystem(np.ones((6, 4, 4), np.uint8), (0.0, 1.0), transform)
    with pytest.raises(InputError, match="permute the axes"):
        system.start(axis)


@pytest.mark.parametrize("shape", SHAPES)
def test_preconditioner_inverts_the_laplacian(shape):
    """On a uniform medium the first direction is the solution, whatever the right-hand side."""
    transform = electrodes(shape)
    system = ConductionSystem(np.ones((shape[0] + 2, *shape[1:]), np.uint8), (0.0, 1.0), transform)
    system.start(0)
    system.update(0.0)
    system.residual[...] = np.random.default_rng(2).standard_normal(shape)
    system.update(0.0)  # hands the residual to the transform
    r_z = system.precondition()
    assert system.advance_direction(0.0) == pytest.approx(r_z, rel=1e-12)
    scale = np.abs(system.residual).max()
    system.update(1.0)
    assert np.abs(system.residual).max() < 1e-12 * scale
