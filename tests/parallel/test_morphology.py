"""Every measure on slabs against the same on one rank: one reference makes it the same at every rank count."""

import numpy as np
import pytest
from helpers.builders import ALONE, gather, grow_density, make_open_image, make_transform

from pfsolid.errors import InputError
from pfsolid.morphology.correlation import padded_grid
from pfsolid.morphology.measure import measure
from pfsolid.morphology.sizes import measure_chords
from pfsolid.morphology.thickness import squared_distances


def compare(one, other, where="report"):
    """Counts, classes and shapes are equal; what is summed over ranks agrees to rounding."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            compare(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other)):
            compare(a, b, f"{where}[{i}]")
    elif isinstance(one, float) and isinstance(other, float):
        # Written with 8 digits; a covariance near its zeros is known to rounding only.
        assert other == pytest.approx(one, rel=1e-7, abs=1e-9), where
    else:
        assert one == other, where


def check_open(rho, comm, spacing=(0.5, 0.6, 0.8)):
    """The same of an image that ends at its faces."""
    found = []
    for where in (ALONE, comm):
        image = make_open_image(rho.shape, spacing, where)
        transform = make_transform(padded_grid(image.grid).shape, spacing, where)
        found.append(measure(rho[image.local_slice].copy(), transform, distributions=True, image=image).result().to_dict())
    compare(*found)
    assert len({str(report) for report in comm.allgather(found[1])}) == 1


def check(rho, comm, spacing=(0.5, 0.6, 0.8)):
    options = dict(surface_depth=1.4, distributions=True)
    alone = measure(rho.copy(), make_transform(rho.shape, spacing), **options)
    transform = make_transform(rho.shape, spacing, comm)
    found = measure(rho[transform.local_slice].copy(), transform, **options)
    compare(alone.result().to_dict(), found.result().to_dict())
    assert len({str(report) for report in comm.allgather(found.result().to_dict())}) == 1
    return found


@pytest.mark.parametrize("porosity", [0.25, 0.4, 0.6])
def test_a_grown_structure(porosity, comm):
    check(grow_density((16, 20, 24), porosity), comm)
    check_open(grow_density((16, 20, 24), porosity), comm)


def test_random_boxes(comm):
    rng = np.random.default_rng(1)
    size = comm.Get_size()
    for _ in range(12):
        shape = (*rng.integers(size, size + 6, 2).tolist(), int(rng.integers(1, 7)))
        # Powers of a uniform number: from nearly empty to nearly full.
        rho = rng.random(shape) ** rng.choice([0.1, 0.5, 1, 2, 8])
        check(rho, comm)
        check_open(rho, comm)


@pytest.mark.parametrize("planes", [1, 2])
def test_few_planes_on_each_rank(planes, comm):
    size = comm.Get_size()
    rng = np.random.default_rng(2)
    for density in (0.1, 0.5, 0.9):
        rho = (rng.random((planes * size, size, 5)) < density).astype(float)
        check(rho, comm)
        check_open(rho, comm)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_and_full_cells(value, comm):
    check(np.full((comm.Get_size() + 1, 4, 3), value), comm)
    check_open(np.full((comm.Get_size() + 1, 4, 3), value), comm)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_laminates_through_the_faces(axis, comm):
    rho = np.ones((8, 8, 8))
    np.moveaxis(rho, axis, 0)[[0, 1, 7]] = 0
    found = check(rho, comm)
    assert found.connectivity.label == "2-2"
    assert found.surface.area_per_volume == pytest.approx(2 / (8 * (0.5, 0.6, 0.8)[axis]))
    assert found.pores.mean == pytest.approx(3 * (0.5, 0.6, 0.8)[axis])


def test_chords_that_span_several_slabs(comm):
    """Lengths from one voxel to all but one, beginning in every plane."""
    n = 2 * comm.Get_size() + 1
    solid = np.zeros((n, n, n), np.uint8)
    for start in range(n):
        for length in range(n):
            solid[(start + np.arange(length)) % n, start, length] = 1
    transform = make_transform(solid.shape, 1.0, comm)
    planes = np.arange(transform.first_plane - 1, transform.first_plane + transform.local_shape[0] + 1) % n
    pores, walls = measure_chords(solid[planes], transform)
    assert walls.counts[0].tolist() == [0] + [n] * (n - 1)
    assert pores.counts[0].tolist() == [0] + [n] * (n - 1)
    assert pores.wrapping_fraction[0] == pytest.approx(n * n / np.count_nonzero(solid == 0))
    assert walls.wrapping_fraction[0] == 0


def test_distances_that_reach_over_several_slabs(comm):
    shape, spacing = (13, 5, 6), (0.7, 1.0, 1.3)
    for point in [(0, 0, 0), (6, 4, 5), (12, 2, 3)]:
        targets = np.zeros(shape, bool)
        targets[point] = True
        transform = make_transform(shape, spacing, comm)
        found = gather(squared_distances(targets[transform.local_slice], transform), comm)
        steps = [np.abs((np.arange(n) - p + n // 2) % n - n // 2) * h for n, p, h in zip(shape, point, spacing)]
        expected = sum(np.square(d) for d in np.ix_(*steps))
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_bad_density_on_one_rank_is_refused_on_all(comm):
    transform = make_transform((6, 6, 6), 1.0, comm)
    rho = np.ones(transform.local_shape)
    if comm.Get_rank() == comm.Get_size() - 1:
        rho[-1, 0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        measure(rho, transform)
    wrong = np.ones((7, 6, 6)) if comm.Get_rank() == 0 else np.ones(transform.local_shape)
    with pytest.raises(InputError, match="on rank 0"):
        measure(wrong, transform)
