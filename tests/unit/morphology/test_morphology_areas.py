"""Areas of surfaces that are known in closed form, of periodic and of open images, by each of the ways to count."""

import numpy as np
import pytest
from helpers.builders import make_open_image, make_transform, tanh_profile
from skimage.measure import marching_cubes, mesh_surface_area

from pfsolid.morphology.areas import area_by_faces, area_by_normals
from pfsolid.morphology.surface import GRADIENT, NORMALS, survey_surface


def survey(phase, spacing=1.0, periodic=True, with_normals=True):
    """Of a field that is 0 or False in the filler."""
    field = np.asarray(phase, float)
    cell = make_transform(field.shape, spacing) if periodic else make_open_image(field.shape, spacing)
    return survey_surface(field, cell, 0.1, 0.9, with_normals)[0]


def centres(*shape):
    return np.indices(shape) + 0.5


def gyroid(x, y, z):
    return np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)


# --- the normals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("normal", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0), (3, 2, 1), (3, 1, 0)])
def test_planes_at_any_angle(normal, periodic):
    n = 64
    x = centres(n, n, n)
    # Two planes in each of the periods along the normal, of which there is a whole number, so that the area is known.
    phase = (sum(a * i for a, i in zip(normal, x)) * 2 / n + 0.123) % 1 < 0.5
    true = 2 * np.linalg.norm(normal) * 2 / n
    # Measured 0.06 % with taps on all sides.  Where it ends, an image does not say whether a plane lies in its last half
    # voxel: of 2 x 64 times that, steep steps catch all or nothing (0.5 % at 2:1).
    rel = 1e-3 if periodic else 6e-3
    surface = survey(phase, periodic=periodic)
    assert surface.area_by_normals == pytest.approx(true, rel=rel)
    assert surface.area_by_faces == pytest.approx(true * np.abs(normal).sum() / np.linalg.norm(normal), rel=0.02)
    assert surface.area_is_by == NORMALS and surface.area_per_volume == surface.area_by_normals


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("radius", [10, 20, 28])
def test_balls(radius, periodic):
    x, y, z = centres(64, 64, 64)
    ball = (x - 32.2) ** 2 + (y - 31.7) ** 2 + (z - 32) ** 2 < radius**2
    surface = survey(ball, periodic=periodic)
    assert surface.area_by_normals * 64**3 == pytest.approx(4 * np.pi * radius**2, rel=5e-3)
    assert surface.area_by_faces * 64**3 == pytest.approx(6 * np.pi * radius**2, rel=0.03)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_cylinders(axis, periodic):
    """From end to end: their ends are no interface, and an open image does not invent one."""
    shape = np.roll((12, 64, 64), axis)
    a, b = (x for i, x in enumerate(centres(*shape)) if i != axis)
    surface = survey((a - 32) ** 2 + (b - 32) ** 2 < 20**2, periodic=periodic)
    assert surface.area_by_normals == pytest.approx(2 * np.pi * 20 / 64**2, rel=5e-3)


@pytest.mark.parametrize("periodic", [True, False])
def test_a_gyroid(periodic):
    x, k = centres(64, 64, 64), 2 * np.pi / 64
    points = np.meshgrid(*[np.linspace(0, 64, 129)] * 3, indexing="ij")
    # Triangles on twice as many points: 0.04 % below those on four times as many.
    true = mesh_surface_area(*marching_cubes(gyroid(*(k * p for p in points)), 0, spacing=(0.5,) * 3)[:2]) / 64**3
    surface = survey(gyroid(*(k * x)) > 0, periodic=periodic)
    assert surface.area_by_normals == pytest.approx(true, rel=5e-3)
    assert surface.area_by_crofton == pytest.approx(true, rel=1e-2)


def test_unequal_voxels():
    x, y, z = centres(64, 32, 48) * np.array([1.0, 2.0, 1.25]).reshape(3, 1, 1, 1)
    ball = (x - 32) ** 2 + (y - 32) ** 2 + (z - 30) ** 2 < 20**2
    surface = survey(ball, (1.0, 2.0, 1.25), periodic=False)
    # Ten voxels of radius along y.
    assert surface.area_by_normals * 64 * 64 * 60 == pytest.approx(4 * np.pi * 20**2, rel=1e-2)


# --- the faces ------------------------------------------------------------------------------------


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("box", [(3, 4, 5), (1, 1, 1), (8, 2, 6)])
def test_the_faces_of_boxes_are_exact(box, periodic):
    spacing = (1.0, 1.5, 2.0)
    phase = np.zeros((12, 10, 9), bool)
    phase[tuple(slice(2, 2 + n) for n in box)] = True
    edges = np.array(box) * spacing
    volume = phase.size * np.prod(spacing)
    assert survey(phase, spacing, periodic).area_by_faces == pytest.approx(2 * np.prod(edges) * np.sum(1 / edges) / volume)


def test_the_faces_of_an_image_are_no_interface():
    """Half of it filled: one plane between the halves; periodic, there are two."""
    for axis in range(3):
        phase = np.zeros((10, 12, 14), bool)
        half = phase.shape[axis] // 2
        np.moveaxis(phase, axis, 0)[:half] = True
        for periodic, planes in ((False, 1), (True, 2)):
            surface = survey(phase, 0.5, periodic)
            true = planes / (0.5 * phase.shape[axis])
            assert surface.area_by_faces == pytest.approx(true)
            assert surface.area_by_normals == pytest.approx(true)
            assert surface.area_by_gradient == pytest.approx(true)


def test_an_open_part_of_a_periodic_image_has_its_area():
    """Unbiased: a random structure, cut anywhere, has on average the area density of the whole."""
    rng = np.random.default_rng(5)
    noise = np.fft.fftn(rng.standard_normal((96, 96, 96)))
    k = np.sqrt(sum(np.square(f) for f in np.ix_(*[np.fft.fftfreq(96)] * 3)))
    field = np.fft.ifftn(noise * np.exp(-((k / 0.06) ** 2))).real > 0
    whole = survey(field)
    parts = [survey(np.roll(field, shift, (0, 1, 2))[:48, :48, :48], periodic=False)
             for shift in np.ndindex(2, 2, 2) for shift in [tuple(48 * s for s in shift)]]
    # The eight parts are all of it: what is left is the end planes, each seen from one side, and the taps that end there.
    assert np.mean([part.area_by_normals for part in parts]) == pytest.approx(whole.area_by_normals, rel=6e-3)
    assert np.mean([part.area_by_crofton for part in parts]) == pytest.approx(whole.area_by_crofton, rel=6e-3)


# --- which of them --------------------------------------------------------------------------------


def test_a_resolved_density_goes_by_its_gradient_also_where_it_ends():
    n = 48
    x, y, _ = centres(n, n, 6)
    rho = tanh_profile((np.abs((x + y) / n % 1 - 0.5) - 0.25) * n / np.sqrt(2), 2.8)
    for periodic in (True, False):
        surface = survey(rho, periodic=periodic, with_normals=False)
        assert surface.area_is_by == GRADIENT and surface.area_by_normals is None
        # One-sided differences in the two end planes of 48 see an oblique profile half a voxel off.
        assert surface.area_per_volume == pytest.approx(2 * np.sqrt(2) / n, rel=3e-3 if periodic else 6e-3)


def test_a_layer_inside_a_small_open_image_counts_once():
    """Its two faces are all of it, however near the ends: 2 planes in 6, not the share of what an end may hide."""
    solid = np.zeros((8, 6, 6), np.uint8)
    solid[:, 2:4] = 1
    cell = make_open_image((6, 6, 6))
    assert area_by_normals(solid, cell) == pytest.approx(2 / 6) == area_by_faces(solid, cell)
