"""Faces made from a density: where an interface cuts them, and what that gives in cells with a known tensor."""

from functools import partial

import numpy as np
import pytest
from helpers.builders import ALONE, conduct, make_transform
from helpers.systems import solve_faces

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.face_kernels import _area_below, _link_below
from pfsolid.conduction.faces import FaceSystem, SubvoxelSystem, smooth_faces, subvoxel_faces
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform

RNG = np.random.default_rng(1)
SHAPE, SPACING = (9, 8, 7), (1.0, 0.7, 1.3)


def faces_of(build, rho, *arguments, spacing=SPACING):
    return build(rho, *arguments, make_transform(rho.shape, spacing), np.float64)


def equilibrium_layer(num_voxels, depth=3.0, shift=0.0, width=0.5):
    """rho of a layer of solid with its two interfaces, along a line of voxels."""
    x = np.arange(num_voxels) + 0.5 - shift
    distance = width * num_voxels / 2 - np.abs((x % num_voxels) - num_voxels / 2)
    return 0.5 * (1 + np.tanh(2 * distance / depth))


# --- geometry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slopes", [(0.0, 0.0), (1.0, 0.0), (0.0, -0.4), (1.0, 1e-9), (0.7, -0.2), (-0.5, 0.5), (3.0, 2.9)])
def test_area_of_a_cut_square(slopes):
    """Against points of the square; a cell of the point grid at the boundary is 1 / 200 of it."""
    y, z = np.meshgrid(*[(np.arange(400) + 0.5) / 400 - 0.5] * 2)
    values = 0.3 + slopes[0] * y + slopes[1] * z
    for level in np.linspace(values.min() - 0.1, values.max() + 0.1, 13):
        expected = np.mean(values < level)
        assert _area_below(0.3, *slopes, level) == pytest.approx(expected, abs=1 / 200)
    assert _area_below(0.3, *slopes, values.max() + 0.1) == 1.0 and _area_below(0.3, *slopes, values.min() - 0.1) == 0.0


def test_cut_link():
    assert [_link_below(1.0, 3.0, level) for level in (0.5, 1.0, 1.5, 3.0, 4.0)] == [0, 0, 0.25, 1, 1]
    assert _link_below(3.0, 1.0, 1.5) == 0.25
    assert [_link_below(2.0, 2.0, level) for level in (1.9, 2.1)] == [0, 1]


# --- smooth conductivities ----------------------------------------------------------------------------------


def test_smooth_faces_of_labels_are_those_of_finite_volumes():
    labels = RNG.integers(0, 3, SHAPE).astype(np.uint8)
    sigma = (0.0, 0.2, 5.0)
    options = {"spacing": SPACING, "rtol": 1e-10}
    expected = conduct(labels, sigma, dtype="float64", **options)
    axes = np.flatnonzero(expected.percolating)
    found = solve_faces(smooth_faces, labels.astype(float), list(enumerate(sigma)), axes=axes, **options)
    # Both to 1e-10.
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=1e-9)


def test_table_of_conductivities():
    """Linear between its points, constant outside."""
    rho = np.array([-0.1, 0.0, 0.25, 0.5, 1.0, 1.1]).reshape(6, 1, 1)
    faces = faces_of(smooth_faces, rho, [(0.0, 1.0), (0.5, 3.0), (1.0, 2.0)])
    sigma = np.array([1.0, 1.0, 2.0, 3.0, 2.0, 2.0])
    ahead = np.roll(sigma, -1)
    assert np.allclose(faces[0, 1:, 0, 0], 2 * sigma * ahead / (sigma + ahead), rtol=1e-14)
    assert faces[0, 0, 0, 0] == faces[0, -1, 0, 0]  # periodic
    assert np.allclose(faces[1, 1:, 0, 0], sigma, rtol=1e-14)


def test_smooth_conductivity_is_of_second_order():
    """Across layers with sigma = 1 / (2 + cos): the resistances add up to 2 exactly, along them 1 / sqrt(3)."""
    across, along = [], []
    points = np.linspace(-1, 1, 2001)
    for n in (8, 16, 32):
        rho = np.cos(2 * np.pi * (np.arange(n) + 0.3) / n).reshape(n, 1, 1)
        result = solve_faces(smooth_faces, rho, np.column_stack([points, 1 / (2 + points)]), rtol=1e-12)
        across.append(result.tensor[0, 0] - 0.5)
        along.append(result.tensor[1, 1] - 1 / np.sqrt(3))
    # Sums over a period of a smooth function converge faster than any order; the table is good to 1e-6.
    assert np.abs(across).max() < 1e-6 and abs(along[-1]) < 1e-6


# --- below the voxel ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("shift", [0.0, 0.23, 0.5])
def test_flat_interfaces_in_equilibrium(axis, shift):
    """Across and along: exact wherever the interfaces lie between the voxels."""
    n, sigma = 24, np.array([0.02, 1.0, 0.1])
    rho = np.moveaxis(np.broadcast_to(equilibrium_layer(n, shift=shift), (3, 2, n)), 2, axis)
    tensor = solve_faces(subvoxel_faces, rho, (0.1, 0.9), sigma, rtol=1e-12).tensor
    surface = 2 * 3.0 * np.arctanh(0.8) / n  # twice the distance between rho = 0.1 and 0.9, of depth 3
    fractions = np.array([0.5 - surface / 2, surface, 0.5 - surface / 2])
    expected = np.full(3, fractions @ sigma)
    expected[axis] = 1 / (fractions @ (1 / sigma))
    # Across exactly, but for the solver; along, faces see the nearest of their two kinds of edges only at the one cut that
    # they have, so the sum over faces is exact as well.
    assert tensor[axis, axis] == pytest.approx(expected[axis], rel=1e-9)
    along = np.delete(np.diag(tensor), axis)
    assert np.allclose(along, expected[np.arange(3) != axis], rtol=1e-9)


def test_voxels_that_all_conduct_alike():
    """A uniform medium stays one, whatever the thresholds; an insulator as well."""
    rho = RNG.random(SHAPE)
    assert np.allclose(faces_of(subvoxel_faces, rho, (0.3, 0.7), (2.0, 2.0, 2.0))[0], 2.0, rtol=1e-14)
    assert np.all(faces_of(subvoxel_faces, rho, (0.3, 0.7), (0.0, 0.0, 0.0)) == 0)
    assert FaceSystem(np.zeros((3, 10, 8, 7)), make_transform(SHAPE)).spectrum_start == 1.0


def test_saturated_densities():
    """0, 1 and beyond, as in a sharp image or an overshooting field: the interface is half way."""
    rho = np.array([0.0, 0.0, 1.0, 1.02, 1.0, -0.01]).reshape(6, 1, 1)
    faces = faces_of(subvoxel_faces, rho, (0.5,), (1.0, 3.0))
    half = 2 / (1 + 1 / 3)
    assert np.allclose(faces[0, 1:, 0, 0], [1.0, half, 3.0, 3.0, half, 1.0], rtol=1e-12)


def test_bounded_by_the_phases_and_open_where_both_voxels_conduct():
    rho, sigma = RNG.random(SHAPE), np.array([0.0, 3.0, 0.5])
    faces = faces_of(subvoxel_faces, rho, (0.3, 0.7), sigma)
    inner = faces[:, 1:]
    assert inner.min() == 0.0 and inner.max() <= 3.0 * (1 + 1e-14)
    for axis in range(3):
        both = (rho >= 0.3) & (np.roll(rho, -1, axis) >= 0.3)
        assert np.all(inner[axis][both] > 0)
    assert np.array_equal(faces[0, 0], faces[0, -1])
    assert np.all(inner >= 0) and np.all(faces[1:, 0] == 0)


def test_more_of_the_good_phase_conducts_better():
    rho = RNG.random(SHAPE)
    less = faces_of(subvoxel_faces, rho, (0.5,), (0.0, 1.0))
    more = faces_of(subvoxel_faces, rho, (0.4,), (0.0, 1.0))
    # Equal ones differ in rounding.
    assert np.all(more >= less - 1e-14) and more.sum() > less.sum()


def test_islands_of_the_best_conductor_are_met_head_on():
    """Then the mean along the link counts alone, however the interface lies; what insulates still narrows the face."""
    rho = RNG.random(SHAPE)
    distance = np.arctanh(2 * rho - 1)
    faces = faces_of(partial(subvoxel_faces, best_percolates=False), rho, (0.5,), (1.0, 4.0))
    for axis in range(3):
        ahead = np.roll(distance, -1, axis)
        above = np.clip(np.maximum(distance, ahead) / np.abs(ahead - distance), 0, 1)
        assert np.allclose(faces[axis, 1:], 1 / (1 - 0.75 * above), rtol=1e-12)
    # Where one phase conducts only areas count.
    narrow, along = (faces_of(partial(subvoxel_faces, best_percolates=flag), rho, (0.5,), (0.0, 4.0))
                     for flag in (False, True))
    assert np.allclose(narrow, along, rtol=1e-12)


def test_axes_are_treated_alike():
    rho, axes = RNG.random(SHAPE), (1, 2, 0)
    faces = faces_of(subvoxel_faces, rho, (0.3, 0.7), (0.1, 3.0, 0.5))[:, 1:]
    turned = faces_of(subvoxel_faces, rho.transpose(axes).copy(), (0.3, 0.7), (0.1, 3.0, 0.5),
                      spacing=tuple(SPACING[a] for a in axes))[:, 1:]
    for new, old in enumerate(axes):
        assert np.allclose(turned[new], faces[old].transpose(axes), rtol=1e-12)


# --- mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [(0.0, 3.0, 0.5), (0.2, 3.0, 1e-3)])
@pytest.mark.parametrize("normal", range(3))
def test_layers_carry_their_part_of_the_current_wherever_voxels_are_cut(normal, sigma):
    """Along layers each carries sigma times its width, across them its width; the distance is linear, so both are exact."""
    shape = [3, 4, 5]
    shape[normal] = 18
    # To its middle planes, where the distance is not linear, the layer is farther than its surface is deep.
    line = equilibrium_layer(18, shift=0.3).reshape([-1 if axis == normal else 1 for axis in range(3)])
    rho = np.broadcast_to(line, shape).copy()
    surface = 3.0 * np.arctanh(0.8)  # for both its sides: thresholds 0.1 and 0.9, depth 3
    widths = np.array([9 - surface, 2 * surface, 9 - surface])
    system = SubvoxelSystem(rho, (0.1, 0.9), sigma, make_transform(shape, (1.0, 0.7, 1.3)), np.float64)

    def check(axis, system):
        carried = system.phase_currents(axis)
        expected = widths if axis == normal else widths * sigma
        # Of first order in the potential, the root of what the solve leaves of sigma_eff.
        assert carried / carried.sum() == pytest.approx(expected / expected.sum(), abs=1e-6)
        assert carried.sum() == pytest.approx(system.mean_flux(axis)[axis], rel=1e-9)
        assert (carried[0] == 0) == (sigma[0] == 0)

    axes = [axis for axis in range(3) if axis != normal or sigma[0] > 0]
    solve_tensor(system, axes, 1e-12, on_solved=check)


@pytest.mark.parametrize("thresholds, sigma, message", [
    ((0.1, 0.9), (1.0, 2.0), "2 thresholds need 3 conductivities"),
    ((0.5,), [np.eye(3), np.eye(3)], "one number a phase"),
    ((0.9, 0.1), (1.0, 2.0, 3.0), "must ascend"),
    ((0.0,), (1.0, 2.0), "between 0 and 1"),
    ((0.5,), (-1.0, 2.0), "must be finite and not negative"),
])
def test_bad_phases(thresholds, sigma, message):
    with pytest.raises(InputError, match=message):
        faces_of(subvoxel_faces, np.zeros(SHAPE), thresholds, sigma)


def test_periodic_cells_only():
    transform = CosineSlabTransform(PeriodicGrid((4, 4, 4), (1.0, 1.0, 1.0)), ALONE, planning="estimate")
    rho = np.full((4, 4, 4), 0.7)
    for build, arguments in ((smooth_faces, [[(0.0, 1.0), (1.0, 2.0)]]), (subvoxel_faces, [(0.5,), (0.0, 1.0)])):
        with pytest.raises(InputError, match="periodic cells only"):
            build(rho, *arguments, transform)


@pytest.mark.parametrize("points, message", [
    ([(0.0, 1.0), (0.0, 2.0)], "ascending rho"),
    ([0.0, 1.0], "pairs"),
    ([(0.0, 1.0), (1.0, np.nan)], "must be finite"),
])
def test_bad_table(points, message):
    with pytest.raises(InputError, match=message):
        faces_of(smooth_faces, np.zeros(SHAPE), points)
