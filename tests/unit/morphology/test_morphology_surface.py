"""Area, fractions and Newnham's class of structures whose answers are known, on one rank."""

import numpy as np
import pytest
from helpers.builders import grow_density, make_transform, periodic_distance, tanh_profile
from skimage.measure import marching_cubes, mesh_surface_area

from pfsolid.morphology.areas import _crofton_directions, area_by_crofton
from pfsolid.morphology.connectivity import classify
from pfsolid.morphology.surface import survey_surface


def survey(rho, spacing=1.0, thresholds=(0.1, 0.9)):
    return survey_surface(rho, make_transform(rho.shape, spacing), *thresholds)[0]


def class_of(filler):
    transform = make_transform(filler.shape)
    return classify(filler, transform.reducer, transform.ghosts)


# --- area -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.0, 2.0)])
def test_the_area_of_a_laminate_is_exact_by_the_gradient(axis, spacing):
    shape = [5, 5, 5]
    shape[axis] = 24
    rho = np.ones(shape)
    np.moveaxis(rho, axis, 0)[7:15] = 0
    surface = survey(rho, spacing)
    assert surface.area_per_volume == pytest.approx(2 / (24 * spacing[axis]), rel=1e-12)
    assert surface.porosity_by_threshold == surface.porosity_by_mean == 1 / 3
    # A layer of thickness d: 3 phi / S = 3 d / 2.
    assert surface.filler_radius_spheres == pytest.approx(12 * spacing[axis])
    assert surface.filler_radius_pillars == pytest.approx(8 * spacing[axis])


@pytest.mark.parametrize("normal", [(1, 1, 0), (1, 1, 1), (2, 1, 0), (2, 1, 1)])
def test_the_area_of_an_oblique_plane_is_right_to_the_accuracy_stated(normal):
    n, depth = 60, 2.8
    index = np.indices((n, n, n if normal[2] else 1)) + 0.5
    norm = np.linalg.norm(normal)
    phase = (sum(a * i for a, i in zip(normal, index)) / n + 0.123) % 1
    rho = tanh_profile((np.abs(phase - 0.5) - 0.25) * n / norm, depth)
    surface = survey(rho)
    assert surface.area_per_volume == pytest.approx(2 * norm / n, rel=3e-3)
    assert surface.area_by_crofton == pytest.approx(2 * norm / n, rel=0.08)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 1.5)])
@pytest.mark.parametrize("centre", [(18.0, 17.5, 18.2), (0.3, 35.0, 1.0)])
def test_the_area_of_a_sphere_wherever_it_lies(centre, spacing):
    shape, radius, depth = (36, 38, 36), 12.0, 2.8
    rho = tanh_profile(periodic_distance(shape, spacing, centre) - radius, depth)
    surface = survey(rho, spacing)
    volume = np.prod(shape) * np.prod(spacing)
    # <r^2> over the profile, with the weight 6 rho (1 - rho) of the levels.
    averaged = 4 * np.pi * (radius**2 + (np.pi**2 - 6) * depth**2 / 48)
    assert surface.area_per_volume * volume == pytest.approx(averaged, rel=4e-3)
    # 12 voxels of radius: voxels leave 1 %, more where they are long.
    rel = 0.01 if spacing[2] == 1 else 0.02
    assert surface.area_by_crofton * volume == pytest.approx(4 * np.pi * radius**2, rel=rel)
    assert surface.filler_radius_spheres == pytest.approx(radius, rel=0.03)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_area_of_a_pillar(axis):
    shape, radius = [32, 32, 32], 9.3
    shape[axis] = 5
    axes = [i for i in range(3) if i != axis]
    rho = tanh_profile(periodic_distance(shape, (1.0,) * 3, (1.0, 2.0, 3.0), axes) - radius, 2.0)
    surface = survey(rho)
    assert surface.area_per_volume == pytest.approx(2 * np.pi * radius / 32**2, rel=5e-3)
    # Thirteen directions at one orientation of the axis.
    assert surface.area_by_crofton == pytest.approx(2 * np.pi * radius / 32**2, rel=0.04)
    assert surface.filler_radius_pillars == pytest.approx(radius, rel=0.02)


def test_the_three_estimates_agree_on_a_grown_structure():
    rho = grow_density((48, 48, 48), 0.4, time=40.0)
    surface = survey(rho)
    tiled = np.pad(rho, ((0, 1),) * 3, mode="wrap")
    area = mesh_surface_area(*marching_cubes(tiled, 0.5)[:2]) / rho.size
    # Triangles cut about 1 % off a surface that bends over some voxels; the gradient averages over levels.
    assert surface.area_by_crofton == pytest.approx(area, rel=0.02)
    assert surface.area_per_volume == pytest.approx(area, rel=0.02)


def test_the_weights_of_the_directions_are_those_of_the_literature():
    # Ohser & Mücklich: axes 0.0457785, face diagonals 0.0369806, space diagonals 0.0351956 of the sphere.
    lengths, shares = _crofton_directions((1.0, 1.0, 1.0))
    expected = {1: 0.0457785, 2: 0.0369806, 3: 0.0351956}
    for length, share in zip(lengths, shares):
        assert share / 2 == pytest.approx(expected[round(length**2)], abs=1e-6)
    assert _crofton_directions((1.0, 2.0, 3.0))[1].sum() == pytest.approx(1)


def test_phase_changes_are_those_of_rolled_copies():
    for shape in [(7, 6, 5), (4, 1, 6), (1, 1, 3), (2, 2, 2), (1, 5, 1)]:
        solid = (np.random.default_rng(1).random(shape) < 0.5).astype(np.uint8)
        transform = make_transform(shape, (1.0, 1.5, 2.0))
        ghosted = np.pad(solid, ((1, 1), (0, 0), (0, 0)), mode="wrap")
        lengths, shares = _crofton_directions((1.0, 1.5, 2.0))
        steps = [s for s in np.ndindex(3, 3, 3) if s > (1, 1, 1)]
        changes = [np.count_nonzero(solid != np.roll(solid, [1 - i for i in s], (0, 1, 2))) for s in steps]
        expected = 2 * sum(c * w / length for c, w, length in zip(changes, shares, lengths)) / solid.size
        assert area_by_crofton(ghosted, transform) == pytest.approx(expected, rel=1e-12, abs=1e-15)


# --- fractions ------------------------------------------------------------------------------------


def test_fractions_count_the_thresholds_to_the_surface():
    rho = np.array([0.0, 0.1, 0.3, 0.5, 0.9, 1.0, 1.02, -0.01]).reshape(2, 2, 2)
    surface = survey(rho)
    assert (surface.pore_fraction, surface.surface_fraction, surface.bulk_fraction) == (2 / 8, 4 / 8, 2 / 8)
    assert surface.porosity_by_threshold == 4 / 8
    assert surface.porosity_by_mean == pytest.approx(1 - rho.mean())


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 1), (1, 1, 1)])
def test_a_uniform_cell_has_no_surface(value, shape):
    surface = survey(np.full(shape, value))
    assert surface.area_per_volume == surface.area_by_crofton == 0
    assert surface.porosity_by_threshold == surface.porosity_by_mean == 1 - value
    assert np.isnan(surface.filler_radius_spheres)


# --- class ----------------------------------------------------------------------------------------


def cell_with(*boxes):
    filler = np.zeros((6, 7, 8), bool)
    for box in boxes:
        filler[box] = True
    return filler


ALL = slice(None)
CLASSES = [
    ("0-3", "", "xyz", cell_with(np.s_[2:4, 2:4, 2:4])),
    ("1-3", "y", "xyz", cell_with(np.s_[2:4, :, 2:4])),
    ("2-3", "xz", "xyz", cell_with(np.s_[2:4, 2, :], np.s_[:, 5, 2:4])),
    ("2-2", "xy", "xy", cell_with(np.s_[:, :, 3:5])),
    ("3-3", "xyz", "xyz", cell_with(np.s_[2, 2, :], np.s_[:, 2, 2], np.s_[2, :, 2])),
    ("3-0", "xyz", "", ~cell_with(np.s_[2:4, 2:4, 2:4])),
    ("0-3", "", "xyz", cell_with()),
    ("3-0", "xyz", "", ~cell_with()),
]


@pytest.mark.parametrize(("label", "filler_axes", "matrix_axes", "filler"), CLASSES)
def test_newnhams_class(label, filler_axes, matrix_axes, filler):
    found = class_of(filler)
    assert (found.label, found.filler_axes, found.matrix_axes) == (label, filler_axes, matrix_axes)
    order = (2, 0, 1)
    moved = class_of(np.roll(filler, (3, 2, 5), (0, 1, 2)).transpose(order))
    names = str.maketrans({"xyz"[old]: "xyz"[new] for new, old in enumerate(order)})
    assert moved.label == label
    assert moved.filler_axes == "".join(sorted(filler_axes.translate(names)))


def test_shares_of_the_percolating_clusters():
    filler = cell_with(np.s_[1, 1, :], np.s_[4, 4, 4])
    found = class_of(filler)
    assert found.filler.fraction == (0, 0, pytest.approx(8 / 9))
    assert found.filler.largest_fraction == pytest.approx(8 / 9)
    assert (found.filler.num_clusters, found.filler.dimension) == (2, 1)
    assert found.matrix.fraction == (1, 1, 1)
    assert found.surface is None


def test_a_slanted_channel_is_two_in_newnhams_count_and_one_in_dimension():
    filler = np.zeros((6, 6, 6), bool)
    i = np.arange(6)
    filler[i, i, 2] = filler[(i + 1) % 6, i, 2] = True
    found = class_of(filler)
    assert (found.label, found.filler_axes, found.filler.dimension) == ("2-3", "xy", 1)
