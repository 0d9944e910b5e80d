"""Sub-volumes: where they lie, and that each is what it would be as an image of its own."""

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.homogenization.subvolumes import sizes_for, sub_volumes


@pytest.mark.parametrize("shape, spacing, size", [((20, 21, 13), (1, 1, 1), 6), ((20, 30, 12), (3, 2, 5), 8),
                                                  ((30, 31, 1), (1, 1, 9), 10)])
def test_they_do_not_overlap_and_lie_in_the_image(shape, spacing, size):
    grid = PeriodicGrid(shape, spacing)
    places = sub_volumes(size, grid, 1000)
    covered = np.zeros(shape, int)
    for place in places:
        covered[place.slices] += 1
        unit = min(spacing[axis] for axis in grid.real_axes)
        for axis in grid.real_axes:  # cubes in nm, to half a voxel
            assert abs(place.shape[axis] * spacing[axis] - size * unit) <= spacing[axis] / 2
    assert covered.max() == 1 and covered.sum() == sum(np.prod(place.shape) for place in places)
    assert len(places) == np.prod([n // m for n, m in zip(shape, places[0].shape)])


def test_some_are_drawn_of_many_and_always_the_same():
    grid = PeriodicGrid((32, 32, 32), (1, 1, 1))
    some = sub_volumes(4, grid, 20)
    assert len(some) == len(set(some)) == 20 and some == sub_volumes(4, grid, 20)
    assert set(some) < set(sub_volumes(4, grid, 512))


def test_sizes_are_parts_of_the_shortest_edge():
    assert sizes_for(PeriodicGrid((128, 128, 128), (1, 1, 1))) == [64, 42, 32]
    assert sizes_for(PeriodicGrid((256, 256, 64), (1, 1, 1)))[0] == 64
    assert sizes_for(PeriodicGrid((90, 90, 1), (1, 1, 1))) == [30, 22, 15]


@pytest.mark.parametrize("size, said", [(40, "do not fit"), (18, "holds 1 such sub-volume side"),
                                        (16, "holds 2 such sub-volumes side")])
def test_too_large_or_too_few(size, said):
    with pytest.raises(InputError, match=said):
        sub_volumes(size, PeriodicGrid((32, 18, 18), (1, 1, 1)), 64)


@pytest.fixture(scope="module")
def found():
    labels = np.random.default_rng(3).choice([0, 1, 2], (20, 16, 17), p=[0.3, 0.5, 0.2]).astype(np.uint8)
    sigma = {0: 0.0, 1: 1e-3, 2: [1e-3, 2e-3, 5e-3]}
    options = dict(sigma=sigma, voxel_nm=(10, 10, 10), boundary=("electrodes", "periodic"))
    return labels, sigma, pf.rev(labels, sizes=[8, 5], directions="xz", tolerance=1e-3, **options)


def test_each_is_what_it_is_as_an_image_of_its_own(found):
    labels, sigma, whole = found
    table = whole.subvolumes
    for row in (0, 5, len(table["first_x"]) - 1):
        x, y, z = (int(table[f"first_{axis}"][row]) for axis in "xyz")
        nx, ny, nz = (int(table[f"voxels_{axis}"][row]) for axis in "xyz")
        part = labels[z:z + nz, y:y + ny, x:x + nx]
        for boundary in ("electrodes", "periodic"):
            one = pf.conductivity(part, sigma, 10, boundary, "xz", fields=False, error="none", tolerance=1e-3)
            for axis, name in ((0, "x"), (2, "z")):
                # both are solved to 1e-3, from other potentials where currents were wanted
                value = table[f"sigma_{name}{name}_{boundary}_S_per_cm"][row]
                assert value == pytest.approx(one.tensor[axis, axis], rel=2e-3)
        for label in range(3):
            assert table[f"fraction_{label}"][row] == np.mean(part == label)
    assert table["size_voxels"][-1] == 0 and table["voxels_x"][-1] == 17  # the whole image


def test_statistics_are_those_of_the_table(found):
    _, _, whole = found
    table, one = whole.subvolumes, whole.of("sigma_mean", "periodic")
    for size in one.sizes:
        rows = table["size_voxels"] == size.voxels[0]
        values = (table["sigma_xx_periodic_S_per_cm"][rows] + table["sigma_zz_periodic_S_per_cm"][rows]) / 2
        assert size.number == rows.sum() and size.mean == pytest.approx(values.mean())
        assert size.standard_deviation == pytest.approx(values.std(ddof=1))
    assert one.value == (table["sigma_xx_periodic_S_per_cm"][-1] + table["sigma_zz_periodic_S_per_cm"][-1]) / 2
    assert one.low < one.value < one.high
    assert whole.of("sigma_xx").boundary == "electrodes"
    with pytest.raises(InputError, match="no 'sigma_yy'; there are fraction of label 0, .*sigma_mean"):
        whole.of("sigma_yy")


def test_sub_volumes_outside_the_field_of_view_are_left_out():
    labels = np.random.default_rng(1).integers(0, 2, (24, 24, 24)).astype(np.uint8)
    labels[:, :, :3] = 9
    path_less = pf.rev(labels != 9, voxel_nm=1, sizes=[12, 8])
    assert path_less.of("fraction of label 1").value == pytest.approx(21 / 24)
    percolating = pf.rev(labels, {0: 1.0, 1: 1.0, 9: 1.0}, 1, "periodic", "z", [8, 6])
    assert percolating.result.outside == 0


@pytest.mark.parametrize("wrong, said", [
    (dict(boundary="open"), "boundary = 'open': must be one or several of electrodes, periodic, mirror"),
    (dict(sizes=[9]), "sizes = 9: .* voxels do not fit into the image of 8 x 8 x 8"),
    (dict(sizes=[8]), "sizes = 8: the image of 8 x 8 x 8 voxels holds 1 such sub-volume side by side"),
    (dict(), "too small to be divided"), (dict(sizes=[4], relative_error=0.0), "relative_error"),
    (dict(sizes=[4], most=3), "most = 3: must be from 4"), (dict(sizes=4), "sizes = 4")])
def test_mistakes_in_python(wrong, said):
    with pytest.raises(InputError, match=said) as caught:
        pf.rev(np.zeros((8, 8, 8), int), {0: 1.0}, 1, **wrong)
    assert "\n" not in str(caught.value) and "rev." not in str(caught.value).replace("pfsolid.rev", "")
