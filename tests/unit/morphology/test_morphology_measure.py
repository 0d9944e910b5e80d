"""Correlations against direct sums, invariances of the whole measurement, and its report, on one rank."""

import json

import numpy as np
import pytest
from helpers.builders import grow_density, make_transform

from pfsolid.errors import InputError
from pfsolid.morphology.correlation import correlate, find_first_zero
from pfsolid.morphology.measure import measure
from pfsolid.phasefield.observables import mean_spacing

SHAPES = [(8, 6, 10), (7, 5, 9), (6, 1, 8), (1, 1, 9), (1, 7, 1), (1, 1, 1)]


def measured(rho, spacing=0.5, **options):
    return measure(np.array(rho), make_transform(rho.shape, spacing), **options)


def numbers_in(value):
    """All numbers of a nested report, with their path."""
    if isinstance(value, dict):
        return {f"{key}.{rest}": v for key, item in value.items() for rest, v in numbers_in(item).items()}
    if isinstance(value, list):
        return {f"{i}.{rest}": v for i, item in enumerate(value) for rest, v in numbers_in(item).items()}
    return {"": value}


# --- correlation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_covariance_and_power_along_the_axes_are_those_of_direct_sums(shape):
    spacing = (1.0, 0.5, 2.0)
    field = np.random.default_rng(6).random(shape)
    found = correlate(field, make_transform(shape, spacing))
    part = field - field.mean()
    power = np.abs(np.fft.fftn(part) / part.size) ** 2 * part.size * np.prod(spacing)
    assert found.mean == pytest.approx(field.mean()) and found.variance == pytest.approx(field.var(), abs=1e-15)
    for axis, n in enumerate(shape):
        direct = [np.mean(part * np.roll(part, -m, axis)) for m in range(n // 2 + 1)]
        assert found.covariance_xyz[axis] == pytest.approx(np.array(direct), abs=1e-12)
        assert found.r_xyz[axis] == pytest.approx(spacing[axis] * np.arange(n // 2 + 1))
        line = np.take(np.moveaxis(power, axis, 0)[:, 0, 0], range(1, n // 2 + 1))
        assert found.structure_factor_xyz[axis] == pytest.approx(line, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_shells_are_those_of_direct_sums(shape):
    spacing = (1.0, 0.5, 2.0)
    field = np.random.default_rng(7).random(shape)
    found = correlate(field, make_transform(shape, spacing))
    part = field - field.mean()
    power = np.abs(np.fft.fftn(part) / part.size) ** 2
    covariance = np.fft.ifftn(power).real * part.size
    long_axes = [i for i in range(3) if shape[i] > 1] or [0, 1, 2]
    index = [np.fft.fftfreq(n, 1 / n) for n in shape]
    r = np.sqrt(sum(np.square(i * h) for i, h in zip(np.ix_(*index), spacing)))
    k = np.sqrt(sum(np.square(2 * np.pi * i / (n * h)) for i, n, h in zip(np.ix_(*index), shape, spacing)))
    width = min(spacing[i] for i in long_axes)
    shell = np.floor(r / width + 0.5 + 1e-9)
    expected = [covariance[shell == s].mean() for s in np.unique(shell)][:found.r.size]
    assert found.covariance == pytest.approx(np.array(expected), abs=1e-12)
    assert found.r == pytest.approx(np.array([r[shell == s].mean() for s in np.unique(shell)][:found.r.size]))
    shell = np.floor(k / (2 * np.pi / max(shape[i] * spacing[i] for i in long_axes)) + 0.5 + 1e-9)
    volume = part.size * np.prod(spacing)
    expected = [volume * power[shell == s].mean() for s in np.unique(shell)[1:]][:found.k.size]
    assert found.structure_factor == pytest.approx(np.array(expected), abs=1e-12)
    if part.any():
        assert found.mean_k == pytest.approx((k * power).sum() / power.sum())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cosine_has_its_wavelength_and_its_zero(axis):
    shape, spacing = (24, 24, 24), (0.5, 1.0, 2.0)
    x = np.arange(24).reshape([-1 if i == axis else 1 for i in range(3)]) / 24
    found = correlate(0.5 + 0.2 * np.cos(6 * np.pi * x) + np.zeros(shape), make_transform(shape, spacing))
    wavelength = 8 * spacing[axis]
    assert found.spacing == pytest.approx(wavelength)
    assert found.spacing_xyz[axis] == pytest.approx(wavelength)
    assert found.variance == pytest.approx(0.02)
    assert found.first_zero_xyz[axis] == pytest.approx(wavelength / 4)
    along = found.structure_factor_xyz[axis]
    # All the power is in a pair of modes: 2 S = V * variance.
    assert np.argmax(along) == 2 and along[2] == pytest.approx(0.01 * np.prod(shape) * np.prod(spacing))


def test_the_spacing_is_that_of_the_history():
    rho = grow_density((24, 24, 24), 0.4)
    transform = make_transform(rho.shape, 0.5)
    transform.real[...] = rho
    expected = mean_spacing(transform.forward().copy(), transform)
    assert correlate(rho, transform).spacing == pytest.approx(expected, rel=1e-12)


def test_s2_of_a_phase_starts_at_its_fraction_and_ends_at_its_square():
    rng = np.random.default_rng(8)
    report = measured((rng.random((24, 24, 24)) < 0.7).astype(float)).result().to_dict()["two_point_correlation"]
    s2 = np.array(report["S2"])
    assert s2[0] == pytest.approx(report["filler_fraction"])
    assert s2[1:] == pytest.approx(report["filler_fraction"] ** 2, abs=0.01)  # no correlation between voxels


def test_the_first_zero_lies_between_two_samples():
    r = np.arange(4.0)
    assert find_first_zero(r, np.array([1.0, 0.5, -0.5, 0.2])) == 1.5
    assert np.isnan(find_first_zero(r, np.array([1.0, 0.5, 0.4, 0.2])))
    assert np.isnan(find_first_zero(r, np.zeros(4)))


# --- the whole measurement ------------------------------------------------------------------------


@pytest.mark.parametrize("porosity", [0.4, 0.65])
def test_nothing_depends_on_where_the_cell_starts(porosity):
    rho = grow_density((20, 24, 16), porosity)
    expected = numbers_in(measured(rho, distributions=True).result().to_dict())
    moved = np.roll(rho, (7, 11, 5), (0, 1, 2))
    found = numbers_in(measured(moved, distributions=True).result().to_dict())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # Written with 8 digits; the covariance near its zeros is known to rounding only.
        assert found[name] == (pytest.approx(value, rel=1e-6, abs=1e-7) if isinstance(value, float) else value)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_axes_exchanged_are_results_exchanged(order):
    rho = grow_density((20, 24, 16), 0.5)
    spacing = (0.5, 0.6, 0.7)
    one = measured(rho, spacing, surface_depth=1.4, distributions=True)
    other = measured(np.ascontiguousarray(rho.transpose(order)), tuple(spacing[i] for i in order), distributions=True)

    def turned(values):
        return [values[i] for i in order]

    assert other.connectivity.label == one.connectivity.label
    assert other.connectivity.filler.fraction == tuple(turned(one.connectivity.filler.fraction))
    assert other.surface.area_per_volume == pytest.approx(one.surface.area_per_volume)
    assert other.surface.area_by_crofton == pytest.approx(one.surface.area_by_crofton)
    for a, b in ((one.pores, other.pores), (one.walls, other.walls)):
        assert all(np.array_equal(x, y) for x, y in zip(turned(a.counts), b.counts))
        assert b.mean == pytest.approx(a.mean)
    assert other.density.spacing_xyz == pytest.approx(turned(one.density.spacing_xyz))
    assert other.filler.covariance == pytest.approx(one.filler.covariance, abs=1e-12)
    assert other.pore_thickness.larger == pytest.approx(one.pore_thickness.larger, abs=1e-3)  # ties in distance


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("value", [0.0, 1.0, None])
def test_thin_empty_and_full_cells_give_a_report(shape, value):
    rho = np.random.default_rng(9).random(shape) if value is None else np.full(shape, value)
    report = measured(rho, surface_depth=1.4, distributions=True).result().to_dict()
    json.dumps(report, allow_nan=False)
    if value is not None:
        extended = sum(n > 1 for n in shape)  # axes of one voxel are none
        assert report["connectivity"]["class"] == (f"0-{extended}" if value else f"{extended}-0")
        assert report["structure_factor"]["spacing_nm"] is None
        assert report["pore_chords"]["mean_nm"] is None
        assert report["pore_thickness"]["mean_nm"] is None
        assert report["filler_radius_nm"]["spheres"] is report["lambda_over_r"]["spheres"] is None


def test_lengths_of_the_report_are_in_nm():
    rho = grow_density((20, 24, 16), 0.5)
    in_nm = measured(rho, 0.5, surface_depth=1.4, distributions=True).result().to_dict()
    reduced = measured(rho, 0.5 / 1.4, surface_depth=1.0, distributions=True).result(unit_nm=1.4).to_dict()
    for (name, a), b in zip(numbers_in(in_nm).items(), numbers_in(reduced).values(), strict=True):
        assert b == (pytest.approx(a, rel=1e-6, abs=1e-7) if isinstance(a, float) else a), name
    radius = in_nm["filler_radius_nm"]
    assert in_nm["lambda_over_r"]["spheres"] == pytest.approx(1.4 / radius["spheres"])
    assert radius["spheres"] == pytest.approx(1.5 * radius["pillars"])


def test_a_report_without_distributions_or_depth_says_so():
    report = measured(grow_density((20, 24, 16), 0.5)).result().to_dict()
    assert "pore_thickness" not in report
    assert report["lambda_over_r"] == {"spheres": None, "pillars": None}


def test_the_density_may_lie_in_the_buffer_of_the_transform():
    rho = grow_density((20, 24, 16), 0.5)
    transform = make_transform(rho.shape, 0.5)
    transform.real[...] = rho
    assert measure(transform.real, transform).result().to_dict() == measured(rho).result().to_dict()


def test_single_precision_gives_the_same_to_its_digits():
    rho = grow_density((20, 24, 16), 0.5)
    transform = make_transform(rho.shape, 0.5, dtype="float32")
    single = measure(rho.astype(np.float32), transform)
    double = measured(rho)
    assert single.connectivity == double.connectivity
    assert single.surface.area_per_volume == pytest.approx(double.surface.area_per_volume, rel=1e-5)
    assert single.density.mean_k == pytest.approx(double.density.mean_k, rel=1e-5)


@pytest.mark.parametrize(("change", "message"), [
    ({"rho_pore": 0.0}, "rho_pore 0.0"), ({"rho_pore": 0.6}, "rho_pore 0.6"), ({"rho_bulk": 1.0}, "rho_bulk 1.0"),
    ({"rho_bulk": float("nan")}, "rho_bulk nan"),
])
def test_thresholds_out_of_range_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        measured(np.ones((3, 3, 3)), **change)


def test_a_density_of_another_shape_or_not_finite_is_refused():
    with pytest.raises(InputError, match=r"shape \(3, 3, 4\)"):
        measure(np.ones((3, 3, 4)), make_transform((3, 3, 3)))
    for bad in (np.nan, np.inf, -np.inf):
        rho = np.ones((3, 3, 3))
        rho[1, 2, 0] = bad
        with pytest.raises(InputError, match="not finite"):
            measured(rho)
