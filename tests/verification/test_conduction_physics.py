"""Effective conductivities against exact ones, bounds and symmetries; docs/verification.md has the numbers."""

import numpy as np
import pytest
from conduction_cases import (
    SPHERE_ARRAY,
    checkerboard_errors,
    checkerboard_order,
    extrapolated,
    fitted_order,
    sphere_array_errors,
)
from helpers.builders import HU_SIGMA, conduct, grow_labels


def laminate(axis, widths, num_voxels=32):
    profile = np.repeat(np.arange(len(widths)), widths).astype(np.uint8)
    shape = tuple(num_voxels if i == axis else 8 for i in range(3))
    return np.broadcast_to(np.expand_dims(profile, tuple({0, 1, 2} - {axis})), shape).copy()


# Exact on voxels, so what is left is what the solver was asked for.
@pytest.mark.parametrize("rtol, dtype", [(1e-4, "float32"), (1e-10, "float64")])
@pytest.mark.parametrize("axis", range(3))
def test_laminate(axis, rtol, dtype):
    widths, sigma = [5, 11, 16], np.array([1.0, 3516.0, 30.0])
    result = conduct(laminate(axis, widths), sigma, dtype=dtype, rtol=rtol)
    fractions = np.array(widths) / 32
    expected = np.full(3, fractions @ sigma)
    expected[axis] = 1 / (fractions @ (1 / sigma))
    # The estimate is allowed to be half of the true error.
    assert np.allclose(np.diag(result.tensor), expected, rtol=2 * rtol + 1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_laminate_with_an_insulating_layer(axis):
    result = conduct(laminate(axis, [5, 11, 16]), (0.0, 3516.0, 30.0))
    assert np.diag(result.tensor)[axis] == 0.0
    along = np.delete(np.diag(result.tensor), axis)
    assert np.allclose(along, (11 * 3516 + 16 * 30) / 32, rtol=1e-13)


def test_checkerboard():
    """Converges to sqrt(s1 s2) at the order that its corners allow, 0.78 at a ratio of 10."""
    num_voxels, errors = checkerboard_errors()
    assert np.all(np.diff(np.abs(errors)) < 0) and abs(errors[-1]) < 0.02
    # The finest three grids; coarser ones are further from the asymptote.
    assert fitted_order(num_voxels[-3:], errors[-3:]) == pytest.approx(checkerboard_order(), abs=0.05)


@pytest.mark.parametrize("insulating", [False, True], ids=["perfect conductors", "insulators"])
@pytest.mark.parametrize("fraction", SPHERE_ARRAY)
def test_sphere_array(fraction, insulating):
    """First order in the voxel, as a surface of voxels must be; the limit is the multipole solution's.

    The fit over 16 to 64 voxels gives 0.65 to 0.97 and rises towards 1 with the grid.  The limit of a parabola through
    all grids misses the exact value by 0.07 % at most; positions of the spheres are random, so 0.3 % is allowed.
    """
    num_voxels, errors = sphere_array_errors(fraction, insulating)
    assert np.all(np.diff(np.abs(errors)) < 0) and abs(errors[-1]) < 0.015
    assert 0.6 < fitted_order(num_voxels, errors) < 1.1
    assert fitted_order(num_voxels[-3:], errors[-3:]) > fitted_order(num_voxels[:3], errors[:3])
    assert abs(extrapolated(num_voxels, errors)) < 0.003


# --- on a grown microstructure ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def microstructure():
    return grow_labels((40, 36, 32), 0.4, seed=2)


def test_tensor_is_symmetric_to_the_requested_error(microstructure):
    """By its formula exactly; the fluxes of the separate solves, whose error is a root of it, to about its root."""
    for rtol in (1e-3, 1e-5):
        result = conduct(microstructure, HU_SIGMA, rtol=rtol)
        assert np.array_equal(result.tensor, result.tensor.T)
        assert result.asymmetry < np.sqrt(rtol)
        exact = conduct(microstructure, HU_SIGMA, rtol=1e-11, dtype="float64")
        # Off the diagonal an error is bounded by those of the diagonal elements beside it.
        assert np.allclose(result.tensor, exact.tensor, rtol=0, atol=2 * rtol * np.diag(exact.tensor).max())
        assert exact.asymmetry < 1e-5


def test_rotated_sample_rotated_tensor(microstructure):
    """A quarter turn about z: x becomes y, y becomes -x."""
    tensor = conduct(microstructure, HU_SIGMA, rtol=1e-8, dtype="float64").tensor
    turned = conduct(np.rot90(microstructure, axes=(0, 1)).copy(), HU_SIGMA, rtol=1e-8, dtype="float64").tensor
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert np.allclose(turned, quarter @ tensor @ quarter.T, rtol=0, atol=1e-7 * tensor.max())


@pytest.mark.parametrize("sigma", [(0.0, 1.0, 0.1), (1e-3, 1.0, 30.0), HU_SIGMA])
def test_wiener_bounds(microstructure, sigma):
    """Every eigenvalue lies between the harmonic and the arithmetic mean of the voxels."""
    eigenvalues = np.linalg.eigvalsh(conduct(microstructure, sigma).tensor)
    voxels = np.array(sigma)[microstructure]
    harmonic = 0.0 if 0.0 in sigma else 1 / np.mean(1 / voxels)
    assert harmonic < eigenvalues.min() and eigenvalues.max() < voxels.mean()


@pytest.mark.parametrize("ratio", [0.01, 0.2, 5.0, 100.0])
def test_hashin_shtrikman_bounds(ratio):
    """Two phases, pore and the rest, isotropic but for chance: the mean of the diagonal.

    Hashin & Shtrikman, doi:10.1063/1.1728579.
    """
    labels = (grow_labels((48, 48, 48), 0.45, seed=3) > 0).astype(np.uint8)
    solid = labels.mean()
    poor, rich = sorted([1.0, ratio])
    fraction_rich = solid if ratio > 1 else 1 - solid
    lower = poor + fraction_rich / (1 / (rich - poor) + (1 - fraction_rich) / (3 * poor))
    upper = rich + (1 - fraction_rich) / (1 / (poor - rich) + fraction_rich / (3 * rich))
    assert lower < conduct(labels, (1.0, ratio)).mean < upper


def test_more_of_the_good_phase_conducts_better(microstructure):
    """Raising a conductivity anywhere raises the tensor: no eigenvalue of the difference is negative."""
    less = conduct(microstructure, (0.1, 1.0, 3.0), rtol=1e-8, dtype="float64").tensor
    more = conduct(microstructure, (0.1, 1.2, 3.0), rtol=1e-8, dtype="float64").tensor
    assert np.linalg.eigvalsh(more - less).min() > 0


# --- what must not matter -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rtol", [1e-3, 1e-5])
def test_single_precision_transform(microstructure, rtol):
    single, double = (conduct(microstructure, HU_SIGMA, rtol=rtol, dtype=dtype) for dtype in ("float32", "float64"))
    assert single.iterations == double.iterations
    assert np.allclose(single.tensor, double.tensor, rtol=0, atol=0.01 * rtol * double.tensor.max())


def test_voxels_that_are_not_cubes():
    """A laminate and spheres on voxels of another shape: the same physical cell."""
    cubes = conduct(laminate(0, [8, 24]), (1.0, 10.0), spacing=1.0, rtol=1e-8, dtype="float64").tensor
    bricks = conduct(laminate(0, [16, 48], 64), (1.0, 10.0), (0.5, 1.0, 3.0), rtol=1e-8, dtype="float64").tensor
    assert np.allclose(cubes, bricks, rtol=1e-7, atol=1e-10)
    axis = [(np.arange(n) + 0.5) / n - 0.5 for n in (48, 24, 32)]
    sphere = sum(x**2 for x in np.ix_(*axis)) < (3 * 0.2 / 4 / np.pi) ** (2 / 3)
    result = conduct(sphere.astype(np.uint8), (1.0, 0.0), (1 / 48, 1 / 24, 1 / 32))
    # Isotropic again, but for the grid error of the coarsest axis, about 2.4 %.
    assert np.allclose(np.diag(result.tensor), SPHERE_ARRAY[0.2][1], rtol=0.04)
    assert np.diag(result.tensor).std() < 0.01
