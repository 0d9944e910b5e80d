"""The stepper's arithmetic, its step control and its state; the physics is in tests/verification."""

import math

import numba
import numpy as np
import pytest
from helpers.builders import make_transform, run_until, start_from, start_from_noise
from helpers.steppers import assert_looking_changes_nothing, assert_state_can_be_carried_over

from pfsolid.errors import ConvergenceError
from pfsolid.phasefield.free_energy import REDUCED_KAPPA, bulk_energy
from pfsolid.phasefield.nucleation import plan_nucleation, seed_nuclei
from pfsolid.phasefield.observables import mean_density
from pfsolid.phasefield.steppers import LONGEST_STEP, STABILISATION, CahnHilliard, StepControl, sbdf2_coefficients

SHAPE, SPACING = (12, 10, 9), 0.5


def noisy(**options):
    return start_from_noise(make_transform(SHAPE, SPACING, **options), 0.6)


def energy_by_hand(rho, spacing):
    """F / V from numpy's transform: the bulk part by sampling, the gradient part by Parseval."""
    k = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n, spacing) for n in rho.shape), indexing="ij")
    gradient = sum(k_i**2 for k_i in k) * np.abs(np.fft.fftn(rho) / rho.size) ** 2
    return bulk_energy(rho).mean() + 0.5 * REDUCED_KAPPA * gradient.sum()


# --- one step -----------------------------------------------------------------------------------------------


def test_first_step_is_euler():
    assert sbdf2_coefficients(0.1, None) == (1, 0, 1, 0, 1)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 1.5])
def test_coefficients_are_of_second_order(ratio):
    """Exact for rho = 1, t, t^2: lead rho_new - now rho - before rho_before = step rho'(t_new), g extrapolated."""
    step = 0.1
    now, before, g_now, g_before, lead = sbdf2_coefficients(step, step / ratio)
    t_new, t, t_before = step, 0.0, -step / ratio
    for power in range(3):
        slope = power * t_new ** max(power - 1, 0)
        assert lead * t_new**power - now * t**power - before * t_before**power == pytest.approx(
            step * slope, abs=1e-15)
    for power in range(2):
        assert g_now * t**power + g_before * t_before**power == pytest.approx(t_new**power, abs=1e-15)


def test_first_step_against_its_formula():
    stepper = noisy()
    rho = stepper.density().copy()
    stepper.refresh()
    stepper.step(StepControl(0))
    k_squared = sum(k**2 for k in np.ix_(*(2 * np.pi * f for f in (
        np.fft.fftfreq(12, 0.5), np.fft.fftfreq(10, 0.5), np.fft.rfftfreq(9, 0.5)))))
    explicit = 2 * rho * (1 - rho) * (1 - 2 * rho) - STABILISATION * rho
    step = 1e-3
    new = (np.fft.rfftn(rho) - step * k_squared * np.fft.rfftn(explicit)) / (
        1 + step * k_squared * (REDUCED_KAPPA * k_squared + STABILISATION))
    assert np.allclose(stepper.density(), np.fft.irfftn(new, SHAPE), atol=1e-14)


def test_energy_is_that_of_the_field():
    stepper = noisy()
    assert stepper.energy == pytest.approx(energy_by_hand(stepper.density(), SPACING), rel=1e-13)
    stepper.refresh()
    run_until(stepper, 1.0)
    assert stepper.energy == pytest.approx(energy_by_hand(stepper.density(), SPACING), rel=1e-13)


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_a_uniform_field_rests(rho):
    stepper = start_from(rho, make_transform(SHAPE, SPACING))
    run_until(stepper, 5.0)
    assert np.allclose(stepper.density(), rho, rtol=0, atol=1e-14)


# --- control of the step ------------------------------------------------------------------------------------


def test_times_are_met_exactly():
    stepper = noisy()
    for time in (0.1, 0.37, 1.0):
        run_until(stepper, time)
        assert stepper.time == pytest.approx(time, rel=1e-14)


def test_meeting_a_time_does_not_shrink_later_steps():
    """The step before a stop is cut short, the wanted one kept: no trail of small steps after each output."""
    free, stopped = noisy(), noisy()
    run_until(free, 2.0)
    for time in np.linspace(0.1, 2.0, 20):
        run_until(stopped, time)
    assert stopped.num_steps <= free.num_steps + 2 * 20
    assert stopped.next_step > 0.5 * free.next_step


def test_the_error_is_kept_to():
    reports = run_until(noisy(), 5.0, StepControl(1e-3))
    # The controller aims at 0.9^2 of the tolerance and lets pass what is 20 % above it.
    assert max(report.error for report in reports) <= 1.2e-3
    assert np.median([report.error for report in reports]) > 0.3e-3


def test_longest_step():
    reports = run_until(noisy(), 3.0, StepControl(1e-2, max_step=0.02))
    assert max(report.step for report in reports) == pytest.approx(0.02)


def test_zero_tolerance_keeps_the_step():
    stepper = noisy()
    steps = [stepper.step(StepControl(0)).step for _ in range(10)]
    assert steps == [1e-3] * 10 and stepper.time == pytest.approx(1e-2)


def test_growth_is_limited():
    stepper = start_from_noise(make_transform(SHAPE, SPACING), 0.6, first_step=1e-6)
    steps = [stepper.step(StepControl(1e-2)).step for _ in range(20)]
    # Below 1 + sqrt(2), where a two-step method stops being stable.
    assert np.max(np.divide(steps[1:], steps[:-1])) <= 1.5 + 1e-12


def test_a_step_too_long_is_tried_again():
    stepper = noisy()
    run_until(stepper, 0.5)
    before = stepper.rho_hat.copy(), stepper.time
    stepper.next_step *= 50
    report = stepper.step(StepControl(1e-3))
    assert report.rejections >= 1 and report.error <= 1.2e-3
    # The rejected trials have left nothing behind: the same step at once gives the same field.
    again = noisy()
    run_until(again, 0.5)
    assert np.array_equal(again.rho_hat, before[0]) and again.time == before[1]
    again.next_step = report.step
    assert again.step(StepControl(1e-3)).rejections == 0
    assert np.array_equal(again.rho_hat, stepper.rho_hat)


# --- the first step -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [0.03, 3e-3])
def test_a_first_step_of_50_is_brought_down(tolerance):
    """Its error is as small as that of any other, and what is grown is what a short first step gives."""
    fields = []
    for first_step in (1e-5, 50.0):
        stepper = start_from_noise(make_transform((24, 24, 24), SPACING), 0.6, first_step=first_step)
        report = stepper.step(StepControl(tolerance))
        assert report.error <= 1.2 * tolerance
        assert (report.rejections > 2) == (first_step == 50.0)
        assert stepper.num_steps == 1 and stepper.time == report.step < 0.01
        run_until(stepper, 3.0, StepControl(tolerance))
        fields.append(stepper.density().copy())
    difference = (fields[0] - fields[1]).std() / fields[0].std()
    # Errors of the growing modes, relative to themselves, add up over some 100 steps of which each is below the tolerance.
    assert difference < 3 * tolerance


def test_the_error_of_a_first_step():
    """Against the difference from 200 steps over the same time, whose error is smaller by more than that factor.

    Of a smooth field, so that no mode is stiff: there the estimate is held back as the step is.  Its amplitude is so small
    that the rms, which is relative, is above the largest error, which is not.
    """
    def smooth(transform):
        x, y, z = transform.coordinates()
        return 0.5 + 4e-3 * np.cos(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 6) + 2e-3 * np.sin(2 * np.pi * z / 4)

    def stepped(num_steps):
        stepper = start_from(smooth, make_transform((24, 24, 24), 0.5), first_step=0.02 / num_steps)
        for _ in range(num_steps):
            report = stepper.step(StepControl(0 if num_steps > 1 else 1.0))
        return stepper.density().copy(), report

    (fine, _), (coarse, report) = stepped(200), stepped(1)
    assert report.rejections == 0 and report.step == 0.02
    # The next order in h is left out on either side.
    assert report.error == pytest.approx((coarse - fine).std() / fine.std(), rel=0.1)


def test_a_first_step_taken_back_leaves_nothing_behind():
    tried, at_once = noisy(), noisy()
    tried.next_step = 3.0
    report = tried.step(StepControl(1e-3))
    assert report.rejections > 0
    at_once.next_step = report.step
    assert at_once.step(StepControl(1e-3)).rejections == 0
    for stepper in (tried, at_once):
        run_until(stepper, 0.1)
    assert np.array_equal(tried.rho_hat, at_once.rho_hat) and tried.time == at_once.time


# --- the largest error --------------------------------------------------------------------------------------


def extremes(stepper, time, control):
    """Lowest and highest rho over all steps, and the reports."""
    reports = []
    while stepper.time < time * (1 - 1e-12):
        reports.append(stepper.step(control, time, lambda field, scale: (scale * field.min(), scale * field.max())))
    return min(r.observed[0] for r in reports), max(r.observed[1] for r in reports), reports


def test_particles_that_vanish_are_followed():
    """17 nuclei, of which the small dissolve into the large: the rms alone lets rho reach 1.34 as one goes at t = 285."""
    transform = make_transform((48, 48, 48), 0.5 / 1.4)
    seed_nuclei(transform, plan_nucleation(transform.grid, 0.81), seed=1)
    stepper = CahnHilliard(transform)
    stepper.start(1e-3)
    low, high, reports = extremes(stepper, 300.0, StepControl(0.03))
    assert -0.05 < low and high < 1.05
    assert max(report.error for report in reports) <= 1.2 * 0.03
    # The bound is what shortens steps, and tries them again.
    assert sum(report.rejections for report in reports) > 5


def test_a_coarsening_structure_stays_in_its_wells():
    """To t = 130 at 32 % porosity, where the rms alone lets rho reach 1.10; fine steps give -0.035 ... 1.00."""
    stepper = start_from_noise(make_transform((48, 48, 48), 0.5 / 1.4), 0.68)
    low, high, reports = extremes(stepper, 130.0, StepControl(0.03))
    assert -0.05 < low and high < 1.05
    # 263 steps without a bound on the largest error, 322 with it.
    assert len(reports) < 350


def test_time_stays_a_number_in_equilibrium():
    """Left alone a uniform field keeps any tolerance; steps that grew by 1.5 each would pass 1e308 after 1770 of them."""
    stepper = start_from(np.full((4, 4, 4), 0.6), make_transform((4, 4, 4), SPACING))
    for _ in range(2000):
        report = stepper.step(StepControl(1e-3))
    assert report.step == LONGEST_STEP and math.isfinite(report.time) and math.isfinite(report.energy)
    assert np.abs(stepper.density() - 0.6).max() < 1e-9  # rounding


def test_a_field_that_is_not_finite_is_reported():
    field = np.full(SHAPE, 0.5)
    field[3, 4, 5] = math.nan
    stepper = start_from(field, make_transform(SHAPE, SPACING))
    with pytest.raises(ConvergenceError, match="not finite"):
        for _ in range(3):
            stepper.step(StepControl(1e-3))


# --- state --------------------------------------------------------------------------------------------------


def test_looking_at_the_field_changes_nothing():
    assert_looking_changes_nothing(noisy)


def test_state_can_be_carried_over():
    assert_state_can_be_carried_over(noisy)


def test_observer_sees_the_accepted_field():
    stepper = noisy()
    report = stepper.step(StepControl(1e-3), observe=lambda field, scale: field * scale)
    assert np.allclose(report.observed, stepper.density(), atol=1e-14)


def test_single_precision_follows_double():
    single, double = noisy(dtype="float32"), noisy()
    for stepper in (single, double):
        run_until(stepper, 1.0)
    assert single.density().dtype == np.float32
    # Noise of 1e-7 has grown by about exp(2) in a unit of time.
    assert np.allclose(single.density(), double.density(), atol=1e-5)
    assert mean_density(single.rho_hat, single.transform) == pytest.approx(0.6, abs=1e-6)


def test_kernels_do_not_depend_on_their_threads():
    def run(num_threads):
        numba.set_num_threads(num_threads)
        try:
            stepper = noisy()
            run_until(stepper, 0.3)
            return stepper.rho_hat
        finally:
            numba.set_num_threads(1)

    assert np.array_equal(run(1), run(min(2, numba.config.NUMBA_NUM_THREADS)))
