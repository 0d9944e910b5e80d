"""Effective-medium theory against limits, closed forms, high-precision arithmetic and bounds."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from pfsolid.errors import InputError
from pfsolid.theory import bricks, fit
from pfsolid.theory.bounds import comparison_average, hashin_shtrikman_bounds, wiener_bounds
from pfsolid.theory.effective_medium import (
    CYLINDER,
    CoatedPores,
    Reading,
    bruggeman,
    coated_bruggeman,
    coated_composite,
    coated_maxwell_garnett,
    core_fraction,
    gem,
    maxwell_garnett,
    parallel_composite,
    phase_fractions,
    three_phase_gem,
)

EXACT = 1e-13  # a few roundings of numbers of order one
HU = CoatedPores(core=0.0, surface=3.14e-3, matrix=8.93e-7)


def random_mixtures(num_phases, count=500, seed=1):
    """Fractions that add up to 1 exactly, multiples of 1/64, and conductivities over twelve decades."""
    rng = np.random.default_rng(seed)
    fractions = rng.multinomial(64, np.full(num_phases, 1 / num_phases), count).T / 64
    return fractions, 10.0 ** rng.uniform(-12, 0, (num_phases, count))


# --- the root of the general equation -------------------------------------------------------------------------


def residual(trial, fractions, sigmas, threshold, exponent):
    """Σ f_i (x_i - x) / (x_i + A x) in sixty digits, of arguments taken as exact; falls with the trial."""
    power = 1 / Decimal(exponent)
    ratio = 1 / Decimal(threshold) - 1
    x = Decimal(trial) ** power
    parts = [Decimal(f) for f in fractions[:-1]]
    parts.append(1 - sum(parts))  # the last of 0.3 and 0.7 is not 1 - 0.3 in doubles, and 1e-17 is felt at a threshold
    terms = [(Decimal(s) ** power if s else Decimal(0), f) for f, s in zip(parts, sigmas)]
    return sum(f * (y - x) / (y + ratio * x) for y, f in terms)


@pytest.mark.parametrize("fractions, sigmas, threshold", [
    ((0.3, 0.7), (1.0, 1e-12), 0.3),  # at the threshold, where the equation is flat over 1e-12 ... 1
    ((0.25, 0.75), (1.0, 1e-12), 0.25),
    ((0.75, 0.25), (1e-12, 1.0), 0.25),
    ((0.5, 0.5), (1.0, 0.0), 0.32),
    ((0.2, 0.8), (1.0, 1e-12), 0.32),
    ((0.9, 0.1), (1.0, 1e-3), 0.32),
    ((0.25, 0.5, 0.25), (1.0, 1e-12, 1e-6), 0.25),
    ((0.25, 0.5, 0.25), (1.0, 1e-12, 0.0), 0.25),
    ((0.5, 0.25, 0.25), (1e-3, 1.0, 1e-12), 0.125),
    ((0.25, 0.25, 0.25, 0.25), (1.0, 0.0, 1e-9, 1e-3), 0.5),
])
@pytest.mark.parametrize("exponent", [0.6, 0.85, 1.0, 2.0])
def test_root_to_twelve_digits(fractions, sigmas, threshold, exponent):
    root = gem(fractions, sigmas, threshold, exponent)
    with localcontext() as context:
        context.prec = 60
        below, above = Decimal(float(root)) * (1 - Decimal("1e-12")), Decimal(float(root)) * (1 + Decimal("1e-12"))
        assert residual(below, fractions, sigmas, threshold, exponent) > 0
        assert residual(above, fractions, sigmas, threshold, exponent) < 0


def test_two_equal_phases_count_as_one():
    (first, second, third), (rich, poor, _) = random_mixtures(3)
    for threshold, exponent in ((0.25, 1.3), (1 / 3, 1.0), (0.6, 0.8)):
        two = gem([first, second + third], [rich, poor], threshold, exponent)
        three = gem([first, second, third], [rich, poor, poor], threshold, exponent)
        # Closed form and bisection; 1e-12 is what the module promises.
        assert np.allclose(two, three, rtol=1e-12, atol=0)


def test_order_of_phases_and_unit_do_not_matter():
    fractions, sigmas = random_mixtures(3)
    value = gem(fractions, sigmas, 0.3, 1.5)
    assert np.allclose(gem(fractions[::-1], sigmas[::-1], 0.3, 1.5), value, rtol=1e-12)
    assert np.allclose(gem(fractions, 100 * sigmas, 0.3, 1.5), 100 * value, rtol=1e-12)


def test_everything_broadcasts():
    porosity, depth = np.linspace(0, 0.5, 6)[:, None], np.array([0.01, 0.1])
    table = three_phase_gem(porosity, depth, HU, 0.32, 0.85)
    assert table.shape == (6, 2)
    assert table[3, 1] == three_phase_gem(porosity[3, 0], 0.1, HU, 0.32, 0.85)
    assert gem([porosity, 1 - porosity], [1.0, depth], 0.3, np.full((4, 1, 1), 2.0)).shape == (4, 6, 2)
    for function in (coated_maxwell_garnett, coated_bruggeman, bricks.parallel_pillars):
        assert function(porosity, depth, HU).shape == (6, 2)
    assert np.ndim(three_phase_gem(0.3, 0.1, HU, 0.32, 0.85)) == 0


# --- limits ---------------------------------------------------------------------------------------------------


def test_bruggeman_of_two_phases_is_landauers_formula():
    fractions, sigmas = random_mixtures(2)
    with localcontext() as context:
        context.prec = 60  # the formula cancels where beta < 0
        for (first, second), (a, b), value in zip(fractions.T, sigmas.T, bruggeman(fractions, sigmas)):
            first, second, a, b = (Decimal(float(number)) for number in (first, second, a, b))
            beta = (3 * first - 1) * a + (3 * second - 1) * b
            assert value == pytest.approx(float((beta + (beta**2 + 8 * a * b).sqrt()) / 4), rel=EXACT)


@pytest.mark.parametrize("threshold, exponent", [(0.16, 2.0), (0.32, 0.85), (1 / 3, 1.0), (0.7, 1.6)])
def test_percolation_laws(threshold, exponent):
    fraction = np.linspace(0, 1, 41)
    among_insulators = gem([fraction, 1 - fraction], [2.0, 0.0], threshold, exponent)
    law = 2.0 * (np.clip(fraction - threshold, 0, None) / (1 - threshold)) ** exponent
    assert np.allclose(among_insulators, law, rtol=EXACT, atol=0)
    # Perfect conductors of fraction f below the threshold: sigma (p / (p - f))^t.
    fraction = np.linspace(0, 0.9 * threshold, 11)
    among_metal = gem([fraction, 1 - fraction], [1e200, 1.0], threshold, max(exponent, 1.0))
    assert np.allclose(among_metal, (threshold / (threshold - fraction)) ** max(exponent, 1.0), rtol=1e-12)


def test_half_power_at_the_threshold():
    # A x² = x_1 x_2 there, but for terms of (x_2/x_1)^(1/2): sigma = sqrt(s1 s2) A^(-t/2).
    for threshold, exponent in ((0.25, 2.0), (0.32, 0.85)):
        value = gem([threshold, 1 - threshold], [1.0, 1e-10], threshold, exponent)
        assert value == pytest.approx(1e-5 * (1 / threshold - 1) ** (-exponent / 2), rel=2 * 1e-10 ** (0.5 / exponent))


def test_dilute_limit():
    small, inclusion, matrix = 1e-7, 7.0, 2.0
    maxwell = 3 * (inclusion - matrix) / (inclusion + 2 * matrix)
    for formula in (maxwell_garnett(small, inclusion, matrix), bruggeman([small, 1 - small], [inclusion, matrix])):
        assert (formula / matrix - 1) / small == pytest.approx(maxwell, rel=1e-5)  # the next term is of order `small`
    x_i, x_m, p, t = inclusion ** (1 / 0.85), matrix ** (1 / 0.85), 0.32, 0.85
    slope = t * (x_i - x_m) / (p * (x_i + (1 / p - 1) * x_m))
    value = gem([small, 1 - small], [inclusion, matrix], p, t)
    assert (value / matrix - 1) / small == pytest.approx(slope, rel=1e-5)


def test_pure_phases_and_equal_phases():
    for formula in (lambda f, s: gem(f, s, 0.3, 1.4), bruggeman, lambda f, s: wiener_bounds(f, s).upper,
                    lambda f, s: wiener_bounds(f, s).lower, lambda f, s: hashin_shtrikman_bounds(f, s).lower,
                    lambda f, s: hashin_shtrikman_bounds(f, s).upper):
        assert formula([0.2, 0.3, 0.5], [4.0, 4.0, 4.0]) == pytest.approx(4.0, rel=EXACT)
        for phase, sigma in enumerate((0.0, 1e-9, 3.0)):
            pure = np.eye(3)[phase]
            assert formula(pure, [0.0, 1e-9, 3.0]) == pytest.approx(sigma, rel=EXACT)
        assert formula([0.5, 0.5], [0.0, 0.0]) == 0


# --- coated spheres -------------------------------------------------------------------------------------------


def dipole_of_coated_sphere(core_radius, core, shell, outside):
    """Dipole coefficient of a coated unit sphere in a unit field, from Laplace's equation in its three regions.

    Potentials a r cos, (b r + c / r²) cos, (-r + d / r²) cos; continuous, and so are sigma du/dr.
    """
    k = core_radius
    equations = [[k, -k, -1 / k**2, 0], [core, -shell, 2 * shell / k**3, 0],
                 [0, 1, 1, -1], [0, shell, -2 * shell, 2 * outside]]
    return np.linalg.solve(equations, [0, 0, -1, -outside])[3]


@pytest.mark.parametrize("sigma_core, sigma_shell", [(0.0, 3.0), (5.0, 0.2), (1.0, 1.0), (1e3, 1.0)])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_coated_composite_is_invisible_in_itself(fraction, sigma_core, sigma_shell):
    composite = coated_composite(fraction, CoatedPores(sigma_core, sigma_shell, 1.0))
    assert abs(dipole_of_coated_sphere(fraction ** (1 / 3), sigma_core, sigma_shell, composite)) < EXACT
    parallel = parallel_composite(fraction, CoatedPores(sigma_core, sigma_shell, 1.0))
    assert parallel >= composite * (1 - EXACT)


def test_maxwell_garnett_is_a_hashin_shtrikman_bound():
    (fraction, rest), (a, b) = random_mixtures(2)
    rich, poor = np.maximum(a, b), np.minimum(a, b)
    bounds = hashin_shtrikman_bounds([fraction, rest], [rich, poor])
    inside = (fraction > 0) & (fraction < 1)
    assert np.allclose(maxwell_garnett(fraction, rich, poor)[inside], bounds.lower[inside], rtol=EXACT)
    assert np.allclose(maxwell_garnett(rest, poor, rich)[inside], bounds.upper[inside], rtol=EXACT)


def test_no_surface_layer_leaves_pores_in_the_matrix():
    porosity = np.linspace(0, 0.9, 10)
    alike = maxwell_garnett(porosity, 0.0, HU.matrix)
    assert np.allclose(coated_maxwell_garnett(porosity, 0.0, HU), alike, rtol=EXACT)
    assert np.allclose(coated_bruggeman(porosity, 0.0, HU), HU.matrix * np.clip(1 - 1.5 * porosity, 0, None), rtol=EXACT)


def test_threshold_of_particles_or_porosity():
    core = core_fraction(0.1)
    insulating = CoatedPores(0.0, HU.surface, 0.0)
    for threshold_of, porosity in (("particles", 0.32 * core), ("porosity", 0.32)):
        reading = Reading(threshold_of=threshold_of)
        below, above = three_phase_gem(porosity + np.array([-1e-6, 1e-6]), 0.1, insulating, 0.32, 0.85, reading)
        assert below == 0 < above
    assert three_phase_gem(0.4, 0.1, HU, 0.32, 0.85, Reading(threshold_of="porosity")) == pytest.approx(
        three_phase_gem(0.4, 0.1, HU, 0.32 / core, 0.85), rel=EXACT)


def test_composites_that_fill_everything():
    core = core_fraction(0.1)
    assert three_phase_gem(core, 0.1, HU, 0.32, 0.85) == pytest.approx(parallel_composite(core, HU), rel=EXACT)
    assert coated_maxwell_garnett(core, 0.1, HU) == pytest.approx(coated_composite(core, HU), rel=EXACT)


# --- bounds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_phases", [2, 3])
def test_order_of_bounds(num_phases):
    fractions, sigmas = random_mixtures(num_phases)
    wiener, isotropic = wiener_bounds(fractions, sigmas), hashin_shtrikman_bounds(fractions, sigmas)
    chain = [wiener.lower, isotropic.lower, bruggeman(fractions, sigmas), isotropic.upper, wiener.upper]
    for low, high in zip(chain, chain[1:]):
        assert np.all(low <= high * (1 + 1e-12))


def test_bounds_against_their_usual_form():
    fractions, sigmas = np.array([0.2, 0.3, 0.5]), np.array([1.0, 5.0, 20.0])
    bounds = hashin_shtrikman_bounds(fractions, sigmas)
    for bound, reference in zip(bounds, (1.0, 20.0)):
        assert bound == pytest.approx(1 / np.sum(fractions / (sigmas + 2 * reference)) - 2 * reference, rel=EXACT)
    assert wiener_bounds(fractions, sigmas) == pytest.approx((1 / np.sum(fractions / sigmas), fractions @ sigmas), rel=EXACT)


def test_insulator_makes_the_lower_bounds_zero():
    for bounds in (wiener_bounds, hashin_shtrikman_bounds):
        assert bounds([0.1, 0.9], [0.0, 1.0]).lower == 0
        assert bounds([0.0, 1.0], [0.0, 1.0]).lower == 1  # none of it is there


def test_upper_bound_does_not_cancel():
    # 1/S - 2 sigma_0 would leave nothing of 1e-18 beside 1.
    assert hashin_shtrikman_bounds([1e-30, 1.0], [1.0, 1e-18]).upper == pytest.approx(1e-18, rel=1e-9)


def test_across_cylinders():
    # Maxwell–Garnett in two dimensions: (s - m)/(s + m) = f (i - m)/(i + m).
    value = maxwell_garnett(0.3, 5.0, 2.0, CYLINDER)
    assert (value - 2) / (value + 2) == pytest.approx(0.3 * 3 / 7, rel=EXACT)
    assert comparison_average([0.3, 0.7], [5.0, 2.0], 2.0, CYLINDER) == value


# --- brick layers ---------------------------------------------------------------------------------------------


def test_pillars_conduct_in_parallel():
    porosity = np.linspace(0, 0.6, 7)
    upper = wiener_bounds(phase_fractions(porosity, 0.23, CYLINDER), [HU.core, HU.surface, HU.matrix]).upper
    assert np.allclose(bricks.parallel_pillars(porosity, 0.23, HU), upper, rtol=EXACT)


def test_apparent_and_specific_boundary_conductivity():
    apparent = bricks.apparent_boundary_conductivity(4e-8, 2e-9, 1e-6)
    assert apparent == pytest.approx(2e-5, rel=EXACT)  # S/cm stays S/cm: a factor D / δ of 500
    assert bricks.specific_boundary_conductivity(apparent, 2e-9, 1e-6) == pytest.approx(4e-8, rel=EXACT)
    assert bricks.series_conductivity(1e-3, apparent) == pytest.approx(1e-3 * 2e-5 / 1.02e-3, rel=EXACT)
    assert bricks.series_conductivity(1e-3, 0.0) == 0


def test_brick_layer_between_its_limits():
    grain_size = np.array([2.0, 50.0])
    grains = (1 - 1 / grain_size) ** 3
    for specific in (0.0, 1e-6, 1.0, 50.0):
        value = bricks.brick_layer(1.0, specific, 1.0, grain_size)
        bounds = wiener_bounds([1 - grains, grains], [specific, 1.0])
        assert np.all((bounds.lower <= value) & (value <= bounds.upper * (1 + EXACT)))
    assert bricks.brick_layer(1.0, 1.0, 1.0, 3.0) == pytest.approx(1.0, rel=EXACT)
    # Thin walls that conduct badly: the series model but for the share of the walls' own volume, 3 δ/D at most.
    apparent = bricks.apparent_boundary_conductivity(1e-5, 1e-3, 1.0)
    assert bricks.brick_layer(1.0, 1e-5, 1e-3, 1.0) == pytest.approx(
        bricks.series_conductivity(1.0, apparent), rel=3e-3)
    # Walls that conduct perfectly: two of three carry the current.
    assert bricks.brick_layer(0.0, 1.0, 1e-4, 1.0) == pytest.approx(2e-4, rel=1e-4)


# --- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call, message", [
    (lambda: three_phase_gem(0.8, 0.1, HU, 0.32, 0.85), "porosity 0.8: .* the porosity may be at most 0.7513"),
    (lambda: coated_maxwell_garnett([0.1, 0.9], 0.1, HU), "porosity 0.9: .* at most 0.7513"),
    (lambda: bricks.parallel_pillars(0.9, 0.1, HU), "porosity 0.9: .* at most 0.8264"),
    (lambda: three_phase_gem(-0.1, 0.1, HU, 0.32, 0.85), "porosity -0.1: must lie between 0 and 1"),
    (lambda: three_phase_gem(np.nan, 0.1, HU, 0.32, 0.85), "porosity nan"),
    (lambda: three_phase_gem(0.3, -0.1, HU, 0.32, 0.85), "over pore radius -0.1: must be finite and at least 0"),
    (lambda: three_phase_gem(0.3, 0.1, HU, 1.0, 0.85), "percolation threshold 1: must lie between 0 and 1"),
    (lambda: three_phase_gem(0.3, 0.1, HU, 0.0, 0.85), "percolation threshold 0"),
    (lambda: three_phase_gem(0.3, 0.1, HU, 0.8, 1.0, Reading(threshold_of="porosity")), "0.8: as a porosity .* 0.7513"),
    (lambda: Reading("serial"), "composite serial"),
    (lambda: gem([0.5, 0.5], [1, 2], [0.2, 1.2], 1.0), "percolation threshold 1.2"),
    (lambda: gem([0.5, 0.5], [1, 2], 0.3, 0.0), "exponent 0: must be finite and above 0"),
    (lambda: gem([0.5, 0.5], [1, 1e-12], 0.3, 0.01), "exponent 0.01: too small"),
    (lambda: gem([0.5, 0.6], [1, 2], 0.3, 1.0), "add up to 1.1"),
    (lambda: gem([1.5, -0.5], [1, 2], 0.3, 1.0), "volume fraction -0.5"),
    (lambda: wiener_bounds([0.5, 0.5], [1, -2]), "sigma -2: a conductivity must be finite and at least 0"),
    (lambda: CoatedPores(0.0, -1.0, 1.0), "conductivity of the surface -1"),
    (lambda: CoatedPores(0.0, 1.0, np.inf), "conductivity of the matrix inf"),
    (lambda: bricks.apparent_boundary_conductivity(1.0, 2.0, 1.0), "must not exceed the grain size"),
    (lambda: bricks.brick_layer(1.0, 1.0, 0.0, 1.0), "boundary thickness 0: must be finite and above 0"),
    (lambda: bricks.series_conductivity(-1.0, 1.0), "grain conductivity -1"),
    (lambda: fit.fit_percolation([0.1, 0.2], [1, 2], 0.1, HU), "2 samples at 2 porosities"),
    (lambda: fit.fit_percolation([0.1, 0.2, 0.3, 0.4], [1, 2, 0, 3], 0.1, HU), "not positive"),
    (lambda: fit.fit_percolation([0.1, 0.2, 0.3, 0.8], [1, 2, 3, 3], 0.1, HU), "porosity 0.8"),
    (lambda: fit.fit_percolation([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 3], 0.1, HU, confidence=95), "confidence 95"),
    (lambda: fit.fit_percolation([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 3], 0.1, CoatedPores(0, 1, 0)), "matrix 0"),
])
def test_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


# --- the fit --------------------------------------------------------------------------------------------------


POROSITIES = np.repeat(np.arange(0.05, 0.5, 0.05), 3)


def samples(threshold, exponent, scatter, seed, depth=0.1):
    """Conductivities of the theory with a log-normal scatter."""
    noise = np.random.default_rng(seed).normal(0, scatter, POROSITIES.size)
    return three_phase_gem(POROSITIES, depth, HU, threshold, exponent) * np.exp(noise)


@pytest.mark.parametrize("threshold, exponent", [(0.32, 0.85), (0.16, 2.0), (0.5, 1.3)])
@pytest.mark.parametrize("reading", [Reading(), Reading("coated"), Reading(threshold_of="porosity")], ids=str)
def test_fit_finds_what_made_the_data(threshold, exponent, reading):
    depth = 0.05 + 0.1 * POROSITIES
    sigma = three_phase_gem(POROSITIES, depth, HU, threshold, exponent, reading)
    found = fit.fit_percolation(POROSITIES, sigma, depth, HU, reading=reading)
    # Without noise only the stop of the least squares remains.
    assert (found.percolation_threshold, found.exponent) == pytest.approx((threshold, exponent), rel=1e-6)
    assert found.scatter < 1e-6 and found.num_points == POROSITIES.size


def test_intervals_cover_the_truth_as_often_as_they_say():
    truth, sets = (0.36, 0.9), 200
    inside = np.zeros((sets, 2), bool)
    for seed in range(sets):
        found = fit.fit_percolation(POROSITIES, samples(*truth, 0.2, seed), 0.1, HU, confidence=0.9)
        intervals = found.threshold_interval, found.exponent_interval
        inside[seed] = [low <= value <= high for value, (low, high) in zip(truth, intervals)]
    # Binomial: 0.9 ± 0.021 for 200 sets; three standard deviations either way.
    assert np.all(np.abs(inside.mean(axis=0) - 0.9) < 0.064)


def test_bootstrap_agrees_with_the_likelihood_where_the_theory_holds():
    sigma = samples(0.36, 0.9, 0.2, seed=7)
    likelihood = fit.fit_percolation(POROSITIES, sigma, 0.1, HU)
    drawn = fit.bootstrap_percolation(POROSITIES, sigma, 0.1, POROSITIES.round(3), HU, num_draws=150)
    again = fit.bootstrap_percolation(POROSITIES, sigma, 0.1, POROSITIES.round(3), HU, num_draws=150)
    assert np.array_equal(drawn, again)  # seeded
    widths = np.array([likelihood.threshold_interval, likelihood.exponent_interval])
    ratio = np.ptp(drawn, axis=1) / np.ptp(widths, axis=1)
    # Three replicas drawn again spread by sqrt(2/3) of theirs, and 150 draws tell a quantile to some 15 %.
    assert np.all((0.5 < ratio) & (ratio < 1.2))


def test_data_that_say_nothing_leave_the_interval_open():
    found = fit.fit_percolation([0.01, 0.01, 0.02, 0.03], [9.3e-7, 8.8e-7, 9.0e-7, 9.2e-7], 0.1, HU)
    assert found.exponent_interval[0] == pytest.approx(0.1) or found.exponent_interval[1] == pytest.approx(10)


def test_agreement_range():
    porosity = [0.5, 0.1, 0.2, 0.3, 0.4, 0.6]
    ratio = [1.1, 0.9, 1.9, 0.45, 0.8, 1.0]
    assert fit.agreement_range(porosity, ratio) == (0.4, 0.6)
    assert fit.agreement_range(porosity, ratio, 3.0) == (0.1, 0.6)
    assert fit.agreement_range([0.1], [5.0]) is None


def test_radius_from_chord():
    # A line through a sphere of radius r: mean chord 4 V/S = 4 r / 3.
    offset = np.sqrt(np.random.default_rng(1).random(100_000))
    chord = 2 * np.sqrt(1 - offset**2)
    assert fit.radius_from_chord(chord.mean()) == pytest.approx(1.0, rel=5e-3)  # sampling: 0.35/sqrt(1e5) and margin
