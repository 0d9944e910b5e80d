"""Images that end at their faces: clusters, chords, distances and correlations against other programs and sums."""

import itertools
import json

import numpy as np
import pytest
from helpers.builders import grow_density, make_open_image, make_transform
from scipy import ndimage

from pfsolid.morphology.connectivity import find_percolation
from pfsolid.morphology.correlation import correlate_open, padded_grid
from pfsolid.morphology.measure import measure
from pfsolid.morphology.sizes import measure_chords
from pfsolid.morphology.thickness import measure_thickness, squared_distances

SHAPES = [(7, 6, 5), (9, 1, 4), (1, 8, 3), (5, 4, 1), (1, 1, 6), (2, 2, 2), (3, 2, 9), (1, 1, 1)]
SPACING = (1.0, 1.5, 2.0)


def measured(rho, spacing=1.0, **options):
    image = make_open_image(rho.shape, spacing)
    return measure(np.array(rho, float), make_transform(padded_grid(image.grid).shape, spacing), image=image, **options)


def ghosted(solid):
    return np.pad(solid.astype(np.uint8), ((1, 1), (0, 0), (0, 0)), mode="edge")


# --- percolation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES + [(12, 12, 12)])
@pytest.mark.parametrize("density", [0.1, 0.35, 0.6])
def test_percolation_is_from_face_to_face(shape, density):
    rng = np.random.default_rng(1)
    image = make_open_image(shape)
    for _ in range(10):
        mask = rng.random(shape) < density
        found = find_percolation(mask, image.reducer, image.ghosts, periodic=False)
        labels, number = ndimage.label(mask)
        assert found.num_clusters == number and found.dimension is None
        fractions = []
        for axis in range(3):
            ends = set(labels.take(0, axis).flat) & set(labels.take(-1, axis).flat) - {0}
            crossing = np.isin(labels, list(ends)).sum() if shape[axis] > 1 else 0  # one voxel is no axis
            fractions.append(crossing / max(mask.sum(), 1))
        assert found.fraction == pytest.approx(tuple(fractions))
        assert found.axes == "".join(axis for axis, fraction in zip("xyz", fractions) if fraction > 0)


def test_a_channel_that_leaves_elsewhere_than_it_enters():
    """From face to face, but not periodic: with electrodes it conducts."""
    mask = np.zeros((8, 6, 6), bool)
    mask[:5, 1, 1] = mask[4, 1:5, 1] = mask[4:, 4, 1] = True
    image, transform = make_open_image(mask.shape), make_transform(mask.shape)
    assert find_percolation(mask, image.reducer, image.ghosts, periodic=False).axes == "x"
    assert find_percolation(mask, transform.reducer, transform.ghosts).axes == ""


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_axis_of_one_voxel_is_none(order):
    """A laminate in two dimensions: along the layers each of them percolates, and there is one such axis."""
    laminate = np.zeros((40, 60, 1))
    laminate[:20] = 1
    laminate = laminate.transpose(order)
    along = "xyz"[order.index(1)]
    for found in (measured(laminate), measure(laminate, make_transform(laminate.shape))):
        assert found.connectivity.label == "1-1"
        assert found.connectivity.filler.axes == found.connectivity.matrix.axes == along
        assert found.result().connectivity.axes == "".join(sorted("xyz"[order.index(axis)] for axis in (0, 1)))
    line = np.zeros((1, 1, 12))
    line[..., :6] = 1
    assert measure(line, make_transform(line.shape)).connectivity.label == "0-0"


# --- chords ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_chords_agree_with_runs_counted_one_by_one(shape, density):
    solid = np.random.default_rng(3).random(shape) < density
    for phase, chords in enumerate(measure_chords(ghosted(solid), make_open_image(shape, SPACING))):
        volume = np.count_nonzero(solid == phase)
        for axis, n in enumerate(shape):
            whole, endless = [], 0
            for line in np.moveaxis(solid, axis, 2).reshape(-1, n):
                runs = [(int(value), len(list(run))) for value, run in itertools.groupby(line)]
                whole += [length for value, length in runs[1:-1] if value == phase]
                endless += n * (len(runs) == 1 and runs[0][0] == phase)
            assert np.array_equal(chords.counts[axis], np.trim_zeros(np.bincount(whole, minlength=1), "b"))
            if n > 1 and volume:
                assert chords.wrapping_fraction[axis] == pytest.approx(endless / volume)
                assert chords.cut_fraction[axis] == pytest.approx((volume - sum(whole) - endless) / volume)


def test_the_mean_chord_does_not_depend_on_where_an_image_is_cut():
    """Layers of 3 and 5: cut where they may be, their mean chords are 3 and 5, though four of ten chords are cut."""
    layers = np.arange(1000) % 8 < 3
    image = make_open_image((20, 1, 1))
    means = np.array([[chords.mean for chords in measure_chords(ghosted(~layers[at:at + 20, None, None]), image)]
                      for at in range(400)])
    # 2 x length / changes is a ratio, of whose parts the means are exact: lengths 7.5 and 12.5, changes 5.
    lengths = np.array([layers[at:at + 20].sum() for at in range(400)])
    changes = 2 * lengths / means[:, 0]
    assert lengths.mean() == pytest.approx(7.5) and changes.mean() == pytest.approx(5.0)


# --- distances and thickness ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_distances_are_those_of_scipy(shape):
    rng = np.random.default_rng(4)
    image = make_open_image(shape, SPACING)
    for number in (1, 2, 5):
        targets = np.zeros(shape, bool)
        targets.flat[rng.integers(0, targets.size, number)] = True
        expected = ndimage.distance_transform_edt(~targets, SPACING)
        assert np.sqrt(squared_distances(targets, image)) == pytest.approx(expected, rel=1e-6, abs=1e-6)
        capped = np.sqrt(squared_distances(targets, image, 1.8))
        assert capped == pytest.approx(np.minimum(expected, 1.8), rel=1e-6, abs=1e-6)


def test_a_layer_at_the_end_is_not_joined_to_the_other_end():
    phase = np.zeros((16, 8, 8), bool)
    phase[:3] = phase[-3:] = True
    cells = make_open_image(phase.shape), make_transform(phase.shape)
    open_, periodic = (measure_thickness(phase, cell) for cell in cells)
    # Beyond the end the layer may go on: a sphere around a voxel of its end plane fits, as if mirrored there.
    assert open_.largest == periodic.largest == pytest.approx(5.5)
    one = np.zeros((16, 8, 8), bool)
    one[:3] = True
    assert measure_thickness(one, make_open_image(one.shape)).largest == pytest.approx(5.5)
    assert measure_thickness(one, make_transform(one.shape)).largest == pytest.approx(3.5)


# --- correlation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_correlation_is_the_mean_over_all_pairs(shape):
    field = np.random.default_rng(6).random(shape) < 0.4
    image = make_open_image(shape, SPACING)
    found = correlate_open(field, image, make_transform(padded_grid(image.grid).shape, SPACING))
    assert found.mean == pytest.approx(field.mean()) and found.variance == pytest.approx(field.var(), abs=1e-12)
    assert found.k is found.mean_k is None and np.isnan([found.spacing, *found.spacing_xyz]).all()
    for axis, n in enumerate(shape):
        lines = np.moveaxis(field, axis, 0)
        direct = [np.mean(lines[:n - m] & lines[m:]) for m in range(n // 2 + 1)]
        if field.any() and not field.all():
            assert found.covariance_xyz[axis] + found.mean**2 == pytest.approx(np.array(direct), abs=1e-12)
    pairs = {}
    for a, b in itertools.product(np.ndindex(shape), repeat=2):
        step = np.subtract(b, a)
        pairs.setdefault(tuple(step), []).append(field[a] * field[b])
    axes = image.grid.extended_axes or (0, 1, 2)
    width = min(SPACING[axis] for axis in axes)
    distance = {step: np.linalg.norm(np.multiply(step, SPACING)) for step in pairs}
    shells = {}
    for step, values in pairs.items():
        shells.setdefault(int(distance[step] / width + 0.5 + 1e-9), []).append(np.mean(values))
    expected = [np.mean(shells[shell]) for shell in sorted(shells)][:found.r.size]
    if field.any() and not field.all():
        assert found.covariance + found.mean**2 == pytest.approx(np.array(expected), abs=1e-12)


# --- all of it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", [0.0, 1.0, None])
@pytest.mark.parametrize("labels", [False, True])
def test_thin_empty_and_full_images_give_a_report(shape, value, labels):
    rho = np.full(shape, value) if value is not None else np.random.default_rng(9).random(shape)
    report = measured(np.rint(rho) if labels else rho, distributions=True, labels=labels).result().to_dict()
    json.dumps(report, allow_nan=False)
    assert "structure_factor" not in report
    assert ("pore_chords" in report, "surface" in report["connectivity"]) == (not labels, not labels)
    assert ("filler_chords" in report) == labels


def test_a_mirror_image_percolates_and_has_chords_as_what_it_is_made_of():
    """From face to face of a part is endlessly through its mirror images; a chord that is cut there is doubled."""
    part = grow_density((20, 24, 16), 0.5)
    mirrored = part
    for axis in range(3):
        mirrored = np.concatenate([mirrored, np.flip(mirrored, axis)], axis)
    one, other = measured(part), measure(mirrored.copy(), make_transform(mirrored.shape, 1.0))
    for name in ("filler", "matrix", "surface"):
        found, expected = getattr(one.connectivity, name), getattr(other.connectivity, name)
        assert found.axes == expected.axes and found.fraction == pytest.approx(expected.fraction)
    assert one.pores.wrapping_fraction == pytest.approx(other.pores.wrapping_fraction)
    assert one.surface.area_by_faces == pytest.approx(other.surface.area_by_faces)
    # The other counts no phase changes in the half voxels at the ends, of 16 to 24.
    assert one.pores.mean == pytest.approx(other.pores.mean, rel=0.06)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_axes_exchanged_are_results_exchanged(order):
    rho = grow_density((20, 24, 16), 0.5)
    spacing = (0.5, 0.6, 0.7)
    one = measured(rho, spacing, distributions=True)
    other = measured(np.ascontiguousarray(rho.transpose(order)), tuple(spacing[i] for i in order), distributions=True)

    def turned(values):
        return [values[i] for i in order]

    assert other.connectivity.filler.fraction == tuple(turned(one.connectivity.filler.fraction))
    for name in ("area_by_gradient", "area_by_faces", "area_by_normals", "area_by_crofton"):
        assert getattr(other.surface, name) == pytest.approx(getattr(one.surface, name))
    for a, b in ((one.pores, other.pores), (one.walls, other.walls)):
        assert all(np.array_equal(x, y) for x, y in zip(turned(a.counts), b.counts))
        assert b.mean_xyz == pytest.approx(turned(a.mean_xyz)) and b.cut_fraction == pytest.approx(turned(a.cut_fraction))
    assert other.filler.covariance == pytest.approx(one.filler.covariance, abs=1e-12)
    assert other.pore_thickness.larger == pytest.approx(one.pore_thickness.larger, abs=1e-3)  # ties in distance
