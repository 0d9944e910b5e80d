"""The double well, its units and its linear stability, each against an independent form of the same fact."""

import math

import numpy as np
import pytest

from pfsolid.phasefield import free_energy as fe

# Hu 2017: gamma = 0.020 eV/A^2 = 0.3204 J/m^2, lambda = 1.4 nm.
GAMMA, LAMBDA = 0.020 * 1.602176634e-19 / 1e-20, 1.4e-9


def test_units_from_the_surface():
    units = fe.ReducedUnits.from_surface(GAMMA, LAMBDA)
    assert units.length == LAMBDA
    assert units.barrier == pytest.approx(0.75 * GAMMA / LAMBDA, rel=1e-14)
    assert units.kappa == pytest.approx(1.5 * GAMMA * LAMBDA, rel=1e-14)
    assert units.surface_energy == pytest.approx(GAMMA, rel=1e-14)
    assert units.time is None


def test_unit_of_time():
    units = fe.ReducedUnits.from_surface(GAMMA, LAMBDA, mobility=1e-28)
    # lambda^2 / (16 w M): what makes d rho/dt = M laplacian(mu) free of constants.
    assert units.time == pytest.approx(LAMBDA**2 / (16 * units.barrier * 1e-28), rel=1e-14)


def test_surface_energy_is_the_integral_over_the_profile():
    # For rho = (1 + tanh 2x) / 2 both parts of the energy are equal, so gamma = 2 int f dx, here by
    # quadrature.
    x = np.linspace(-6, 6, 20001)
    integral = 2 * fe.bulk_energy(0.5 * (1 + np.tanh(2 * x))).sum() * (x[1] - x[0])
    assert integral == pytest.approx(fe.ReducedUnits(1.0, 1.0).surface_energy, rel=1e-7)


def test_derivatives():
    rho, h = np.linspace(-0.2, 1.2, 29), 1e-5
    slope = (fe.bulk_energy(rho + h) - fe.bulk_energy(rho - h)) / (2 * h)
    curvature = (fe.bulk_potential(rho + h) - fe.bulk_potential(rho - h)) / (2 * h)
    # Central differences are exact to h^2 times the next derivative and rounding / h.
    assert np.allclose(fe.bulk_potential(rho), slope, atol=1e-8)
    assert np.allclose(fe.bulk_curvature(rho), curvature, atol=1e-8)


def test_wells_and_barrier():
    assert fe.bulk_energy(0.0) == fe.bulk_energy(1.0) == fe.bulk_potential(0.0) == fe.bulk_potential(1.0) == 0
    assert fe.bulk_energy(0.5) == 1 / 16


def test_spinodal():
    assert fe.SPINODAL_LOW == pytest.approx(0.2113, abs=5e-5)
    assert fe.SPINODAL_HIGH == pytest.approx(0.7887, abs=5e-5)
    assert abs(fe.bulk_curvature(fe.SPINODAL_LOW)) < 1e-15
    assert fe.inside_spinodal(0.68) and not fe.inside_spinodal(0.8) and not fe.inside_spinodal(0.2)


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.68])
def test_fastest_growing_wave(rho):
    k = np.linspace(0.01, 4, 40000)
    fastest = k[np.argmax(fe.growth_rate(rho, k))]
    assert fe.fastest_growing_wavelength(rho) == pytest.approx(2 * math.pi / fastest, rel=1e-4)  # the mesh of k


# --- whether a cell can separate ----------------------------------------------------------------------------


def test_growth_in_a_large_cell_is_that_of_the_fastest_wave():
    """f''^2 / (4 kappa), as the derivative of k^2 (-f'' - kappa k^2) has it; a cell of 20 such waves has one within 3 %."""
    rho = 0.6
    expected = fe.bulk_curvature(rho) ** 2 / (4 * fe.REDUCED_KAPPA)
    edge = 20 * fe.fastest_growing_wavelength(rho)
    assert fe.largest_growth_rate(rho, (edge,) * 3) == pytest.approx(expected, rel=1e-3)
    assert fe.largest_growth_rate(rho, (edge, 0.0, 0.0)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("kappa, off_diagonal", [((0.125,) * 3, fe.NONE), ((2.5, 0.125, 0.125), fe.NONE),
                                                 ((375.0, 0.2, 0.125), fe.NONE), ((0.3, 0.2, 0.125), (-0.1, 0.05, 0.1))])
def test_growth_in_a_small_cell_by_trying_every_wave(kappa, off_diagonal):
    rho, lengths = 0.65, (5.0, 4.0, 3.3)
    waves = [[2 * np.pi * n / length for n in range(-12, 13)] for length in lengths]
    k = np.stack(np.meshgrid(*waves), axis=-1).reshape(-1, 3)
    (yz, xz, xy), (x, y, z) = off_diagonal, k.T
    cost = k**2 @ kappa + 2 * (yz * y * z + xz * x * z + xy * x * y)
    rates = (k**2).sum(axis=1) * (-fe.bulk_curvature(rho) - cost)
    assert fe.largest_growth_rate(rho, lengths, kappa, off_diagonal) == pytest.approx(rates.max(), rel=1e-12)


def test_nothing_grows_outside_the_spinodal_or_in_a_cell_shorter_than_any_wave():
    shortest = fe.fastest_growing_wavelength(0.6) / math.sqrt(2)
    assert fe.largest_growth_rate(0.85, (50.0,) * 3) == 0
    assert fe.largest_growth_rate(0.6, (0.99 * shortest,) * 3) == 0
    assert fe.largest_growth_rate(0.6, (1.01 * shortest, 0.1, 0.1)) > 0
    # A stiff axis needs the root of its factor more.
    assert fe.largest_growth_rate(0.6, (9.9 * shortest, 0, 0), (12.5, 0.125, 0.125)) == 0


def test_separation_time():
    rate = fe.largest_growth_rate(0.6, (30.0,) * 3)
    assert fe.separation_time(0.6, (30.0,) * 3) == pytest.approx(100 / rate)
    assert fe.separation_time(0.6, (30.0,) * 3, mobility=0.5) == pytest.approx(200 / rate)
    # f''(1) = 2.
    assert fe.separation_time(0.85, (30.0, 20.0, 10.0)) == pytest.approx(100 * 30**2 / (8 * math.pi**2))
    assert fe.separation_time(0.85, (30.0,) * 3, mobility=0.0) == math.inf
