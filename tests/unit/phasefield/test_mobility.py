"""Cahn–Hilliard with M(rho): the law, one step against its formula, order, energy and mass."""

from functools import partial

import numpy as np
import pytest
from helpers.builders import make_transform, run_until, start_from_noise
from helpers.steppers import assert_looking_changes_nothing, assert_state_can_be_carried_over

from pfsolid.errors import InputError
from pfsolid.phasefield.free_energy import REDUCED_KAPPA
from pfsolid.phasefield.initial import fill_noise
from pfsolid.phasefield.mobility import VariableMobilityCahnHilliard, largest_mobility, mobility
from pfsolid.phasefield.steppers import STABILISATION, StepControl

SHAPE, SPACING = (12, 10, 9), 0.5
LAWS = [(1.0, 1.0), (1e-3, 0.0), (10.0, 0.5), (0.0, 1.0)]


def start(shape=SHAPE, law=(1.0, 0.0), amplitude=0.02, kappa=(REDUCED_KAPPA,) * 3, **options):
    transform = make_transform(shape, SPACING, **options)
    fill_noise(transform, 0.6, amplitude, seed=1)
    stepper = VariableMobilityCahnHilliard(transform, kappa, pore_ratio=law[0], surface_fraction=law[1])
    stepper.start(1e-3)
    return stepper


# --- the law ------------------------------------------------------------------------------------------------------


def test_values():
    assert mobility(np.array([0, 0.5, 1]), 0.2, 0) == pytest.approx([0.2, 0.6, 1])
    assert mobility(np.array([0, 0.5, 1]), 1.0, 1.0) == pytest.approx([0, 1, 0])
    # 1 - a c^2 with c = 2 rho - 1.
    rho = np.linspace(0, 1, 11)
    assert mobility(rho, 1.0, 0.7) == pytest.approx(1 - 0.7 * (2 * rho - 1) ** 2)
    assert mobility(-0.1, 0.2, 0.5) == mobility(0, 0.2, 0.5)


@pytest.mark.parametrize("law", [(1.0, 0.0), (3.0, 0.0), *LAWS])
def test_largest(law):
    """The parabola between two of 10001 points is higher by 1e-8 of its curvature at most."""
    assert largest_mobility(*law) == pytest.approx(mobility(np.linspace(0, 1, 10001), *law).max(), rel=1e-6)


@pytest.mark.parametrize("law", [(-1.0, 0.0), (1.0, 1.5), (1.0, -0.1), (np.nan, 0.0), (np.inf, 0.0)])
def test_refusals(law):
    with pytest.raises(InputError, match="pore ratio"):
        start(law=law)


# --- one step -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_first_step_against_its_formula(law):
    """Euler with the flux taken in real space by numpy; M_0 at the Nyquist modes of the even axes."""
    stepper = start(law=law, amplitude=0.2)
    rho = stepper.density().copy()
    stepper.refresh()
    stepper.step(StepControl(0))
    k = np.ix_(*(2 * np.pi * f for f in (np.fft.fftfreq(12, 0.5), np.fft.fftfreq(10, 0.5), np.fft.rfftfreq(9, 0.5))))
    odd = [np.where(np.isclose(np.abs(k_i), np.pi / 0.5), 0, k_i) for k_i in k]
    k_squared, odd_squared = (sum(k_i**2 for k_i in each) for each in (k, odd))
    implicit = REDUCED_KAPPA * k_squared + STABILISATION
    mu_hat = np.fft.rfftn(2 * rho * (1 - rho) * (1 - 2 * rho)) + REDUCED_KAPPA * k_squared * np.fft.rfftn(rho)
    reference = largest_mobility(*law)
    change = -reference * (k_squared - odd_squared) * mu_hat
    for k_i in odd:
        flux = mobility(rho, *law) * np.fft.irfftn(1j * k_i * mu_hat, SHAPE)
        change = change + 1j * k_i * np.fft.rfftn(flux)
    step = 1e-3
    new = np.fft.rfftn(rho) + step * change / (1 + step * reference * k_squared * implicit)
    assert np.allclose(stepper.density(), np.fft.irfftn(new, SHAPE), atol=1e-14)


@pytest.mark.parametrize("shape", [SHAPE, (12, 10, 1), (1, 1, 24)])
def test_constant_mobility_is_the_other_stepper(shape):
    variable = start(shape)
    constant = start_from_noise(make_transform(shape, SPACING), 0.6)
    reports = [run_until(stepper, 5.0) for stepper in (variable, constant)]
    assert len(reports[0]) == len(reports[1])
    # Rounding, grown by the few e-foldings of the instability.
    assert np.allclose(variable.density(), constant.density(), rtol=0, atol=1e-11)


def test_eight_transforms():
    stepper = start(law=(1.0, 1.0))
    # The first step of all is tried until its error is small enough.
    stepper.step(StepControl(1e-3))
    transform, calls = stepper.transform, []
    for name in ("forward", "backward"):
        method = getattr(transform, name)
        setattr(transform, name, lambda method=method, name=name: (calls.append(name), method())[1])
    assert stepper.step(StepControl(1e-3)).rejections == 0
    assert len(calls) == 8


def test_a_step_takes_no_memory_of_the_size_of_a_field():
    import tracemalloc
    stepper = start((32, 32, 32), law=(1.0, 1.0))
    stepper.step(StepControl(1e-3))
    tracemalloc.start()
    try:
        stepper.step(StepControl(1e-3))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.1 * stepper.transform.real.nbytes


# --- a run --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
def test_mass_and_energy(law):
    stepper = start((16, 14, 12), law)
    energies = [stepper.energy] + [report.energy for report in run_until(stepper, 30.0)]
    assert np.diff(energies).max() <= 1e-12 * energies[0]
    assert energies[-1] < 0.9 * energies[0]
    assert stepper.density().mean() == pytest.approx(0.6, abs=1e-13)


@pytest.mark.parametrize("law", LAWS)
def test_energy_falls_at_the_rate_of_the_flux(law):
    """dF/dt = -<M |grad mu|^2>: for an odd grid, without Nyquist modes, exact but for the step of 1e-6."""
    stepper = start((15, 11, 9), law, amplitude=0.1)
    run_until(stepper, 1.0)
    rho = stepper.density().copy()
    stepper.refresh()
    k = np.ix_(*(np.fft.fftfreq(n, SPACING) * 2 * np.pi for n in rho.shape))
    k_squared = sum(k_i**2 for k_i in k)
    mu_hat = np.fft.fftn(2 * rho * (1 - rho) * (1 - 2 * rho)) + REDUCED_KAPPA * k_squared * np.fft.fftn(rho)
    dissipation = sum((mobility(rho, *law) * np.fft.ifftn(1j * k_i * mu_hat).real ** 2).mean() for k_i in k)
    before, stepper.next_step = stepper.energy, 1e-6
    report = stepper.step(StepControl(0))
    assert (before - report.energy) / report.step == pytest.approx(dissipation, rel=1e-4)


@pytest.mark.parametrize("law", [(1.0, 1.0), (0.1, 0.0)])
def test_second_order(law):
    """Fixed steps from a developed structure, against one eight times finer."""
    def final(step):
        stepper = start((16, 16, 1), law, amplitude=0.05)
        run_until(stepper, 4.0, StepControl(1e-4))
        stepper.next_step = step
        for _ in range(round(1.6 / step)):
            stepper.step(StepControl(0))
        return stepper.density().copy()

    exact = final(0.0025)
    errors = [np.abs(final(step) - exact).max() for step in (0.04, 0.02)]
    assert np.log2(errors[0] / errors[1]) > 1.8


def test_anisotropic_gradient_energy():
    stepper = start((16, 14, 12), (1.0, 1.0), kappa=(20 / 8, 1 / 8, 3 / 8))
    energies = [report.energy for report in run_until(stepper, 10.0)]
    assert np.diff(energies).max() <= 1e-12 * energies[0]


def test_interface_diffusion_leaves_the_phases_alone():
    """M = 0 at rho = 0 and 1, so a = 1 is slower than a = 0 from the same structure."""
    energies = []
    for surface_fraction in (0.0, 1.0):
        stepper = start((24, 24, 1), (1.0, surface_fraction), amplitude=0.1)
        run_until(stepper, 100.0)
        energies.append(stepper.energy)
    assert energies[0] < energies[1]


def test_state_can_be_carried_over():
    assert_state_can_be_carried_over(partial(start, law=(0.1, 1.0)))


def test_looking_at_the_field_changes_nothing():
    assert_looking_changes_nothing(partial(start, law=(0.1, 1.0)))


def test_single_precision_follows_double():
    single, double = start(law=(0.1, 1.0), dtype="float32"), start(law=(0.1, 1.0))
    for stepper in (single, double):
        run_until(stepper, 1.0)
    assert single.density().dtype == np.float32
    assert np.allclose(single.density(), double.density(), atol=1e-5)
