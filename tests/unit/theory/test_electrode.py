"""A porous electrode against an independent finite-difference solution, its limits and its own balance."""

import numpy as np
import pytest
from scipy.integrate import trapezoid  # NumPy's name for it depends on the version
from scipy.linalg import solve_banded

from pfsolid.errors import InputError
from pfsolid.theory.electrode import (
    FARADAY,
    GAS_CONSTANT,
    PorousElectrode,
    ambipolar_conductivity,
    transport_number,
)

CATHODE = PorousElectrode(80e-6, ionic=0.03, electronic=0.7, area_per_volume=4e5, exchange_current=2.0, temperature=310.0)


def by_differences(electrode, current, num):
    """eta at the faces of num intervals: eta'' = nu^2/L^2 eta, eta' = -I/kappa at 0 and I/sigma at L, second order."""
    h = electrode.thickness / num
    rate = (electrode.area_per_volume * electrode.exchange_current * FARADAY / (GAS_CONSTANT * electrode.temperature)
            * (1 / electrode.ionic + 1 / electrode.electronic))
    band = np.zeros((3, num + 1))
    band[0, 1:] = band[2, :-1] = 1.0
    band[1] = -2 - rate * h**2
    band[0, 1] = band[2, -2] = 2.0                       # mirrored at either end
    right = np.zeros(num + 1)
    right[0], right[-1] = -2 * h * current / electrode.ionic, -2 * h * current / electrode.electronic
    return solve_banded((1, 1), band, right)


def test_overpotential_against_finite_differences():
    coarse, fine = (by_differences(CATHODE, 30.0, num)[::num // 100] for num in (1600, 3200))
    limit = fine + (fine - coarse) / 3                   # second order
    exact = CATHODE.overpotential(np.linspace(0, CATHODE.thickness, 101), 30.0)
    np.testing.assert_allclose(exact, limit, rtol=1e-7)  # what Richardson leaves of (nu/1600)^4, and rounding


def test_what_reacts_is_the_current():
    x = np.linspace(0, CATHODE.thickness, 20001)
    assert trapezoid(CATHODE.reaction_rate(x, 30.0), x) == pytest.approx(30.0, rel=1e-7)  # trapezia: (nu/20000)^2/12


def test_resistance_is_the_potential_between_the_faces():
    """psi(L) - phi(0), from eta at the separator and the ohmic drop of the electrons on their way there."""
    x = np.linspace(0, CATHODE.thickness, 20001)
    rate = CATHODE.reaction_rate(x, 1.0)
    step = x[1] - x[0]
    electrons = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * step)])
    drop = trapezoid(electrons, x) / CATHODE.electronic
    assert CATHODE.resistance == pytest.approx(CATHODE.overpotential(0.0) + drop, rel=1e-7)


def test_thick_and_thin_electrodes():
    base = dict(ionic=0.03, electronic=0.7, area_per_volume=4e5, exchange_current=2.0)
    thick = PorousElectrode(1.0, **base)                 # nu = 1e4 and more: no overflow
    depth = thick.penetration_depth
    assert thick.overpotential(depth) / thick.overpotential(0.0) == pytest.approx(np.exp(-1), rel=1e-9)
    thin = PorousElectrode(1e-9, **base)
    assert np.ptp(thin.overpotential([0.0, 1e-9])) < 1e-6 * thin.overpotential(0.0)


def test_two_carriers():
    assert ambipolar_conductivity(1e-3, 1e-3) == pytest.approx(5e-4, rel=1e-15)
    assert ambipolar_conductivity(0.0, 0.0) == 0.0
    np.testing.assert_allclose(transport_number([1.0, 3.0], 1.0), [0.5, 0.75], rtol=1e-15)


@pytest.mark.parametrize("call, words", [
    (lambda: PorousElectrode(0.0, 1.0, 1.0, 1.0, 1.0), "thickness = 0.0"),
    (lambda: CATHODE.overpotential(1.0), "between 0 and 8e-05 m"),
    (lambda: transport_number(0.0, 0.0), "neither carrier conducts"),
    (lambda: ambipolar_conductivity(-1.0, 1.0), "ionic"),
])
def test_what_cannot_be(call, words):
    with pytest.raises(InputError, match=words):
        call()
