r"""Conductivity as a function of temperature: one or several Arrhenius branches, each with its range.

A branch is anchored at a value that was measured, not at a prefactor: ``sigma(T_0) = sigma_0`` and

.. math:: \sigma T = \sigma_0 T_0 \exp\left[-\frac{Q}{k_B}\left(\frac1T - \frac1{T_0}\right)\right]

which is what hopping and the Nernst-Einstein relation give, or the same without the two factors T where a source fitted
ln(sigma) itself.  The form matters: the two activation energies of the same data differ by about k_B T, 0.026 eV at room
temperature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InputError

BOLTZMANN = 1.380649e-23  # J/K, exact in the SI of 2019
ELEMENTARY_CHARGE = 1.602176634e-19  # C, and J in one eV; exact

# "Room temperature" is 293 to 300 K in different papers, and 25 C is 298 K to one and 298.15 K to another.
RANGE_MARGIN = 1.0  # K


@dataclass(frozen=True)
class Branch:
    """One Arrhenius branch.

    Attributes
    ----------
    value : float
        sigma_0 (S/m) at ``reference``.
    reference : float
        T_0 (K).
    activation_energy : float or None
        Q (J); None: nothing is known but the value at its temperature.
    times_temperature : bool
        Whether Q is that of sigma T (the default) or of sigma.
    lowest, highest : float
        The range it holds in (K).
    """

    value: float
    reference: float
    activation_energy: float | None
    times_temperature: bool = True
    lowest: float = 0.0
    highest: float = math.inf

    def __post_init__(self):
        if self.activation_energy is None:
            object.__setattr__(self, "lowest", self.reference)
            object.__setattr__(self, "highest", self.reference)

    def at(self, temperature: float) -> float:
        """sigma (S/m) at a temperature (K), wherever that is."""
        if self.activation_energy is None:
            return self.value
        exponent = self.activation_energy / BOLTZMANN * (1 / temperature - 1 / self.reference)
        factor = self.reference / temperature if self.times_temperature else 1.0
        return self.value * factor * math.exp(-exponent)

    @property
    def prefactor(self) -> float:
        """A of sigma T = A exp(-Q/k_B T) (S K/m), or of sigma = A exp(-Q/k_B T) (S/m)."""
        return self.value * (self.reference if self.times_temperature else 1.0) * math.exp(
            (self.activation_energy or 0.0) / (BOLTZMANN * self.reference))

    def distance(self, temperature: float) -> float:
        """How far a temperature lies outside the range (K); 0 inside."""
        return max(self.lowest - temperature, temperature - self.highest, 0.0)


def conductivity(branches, temperature: float | None, extrapolate: bool = False) -> float:
    """sigma (S/m) of the branch that holds at a temperature.

    Parameters
    ----------
    branches : sequence of Branch
        Where two meet, the first one counts.
    temperature : float
        K; there is no default.
    extrapolate : bool
        Outside all ranges, follow the nearest branch.

    Returns
    -------
    float
        S/m.

    Raises
    ------
    InputError
        Without a temperature, or outside the ranges unless asked; always where no activation energy is known.
    """
    temperature = checked_temperature(temperature)
    nearest = min(branches, key=lambda branch: branch.distance(temperature))
    if nearest.distance(temperature) > RANGE_MARGIN:
        if nearest.activation_energy is None:
            raise InputError(f"known at {nearest.reference:g} K only, without an activation energy, so not at "
                             f"{temperature:g} K")
        if not extrapolate:
            raise InputError(f"its source gives it {ranges_text(branches)}, not at {temperature:g} K "
                             "(extrapolate follows it all the same)")
    return nearest.at(temperature)


def checked_temperature(temperature) -> float:
    """A temperature in K, or an InputError that says one is needed."""
    if temperature is None:
        raise InputError("needs a temperature in K; there is no default")
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature = {temperature!r}: must be above 0 K")
    return float(temperature)


def ranges_text(branches) -> str:
    """The temperature ranges in words."""
    return " and ".join(_range_text(branch) for branch in branches)


def _range_text(branch: Branch) -> str:
    if branch.lowest == branch.highest:
        return f"at {branch.lowest:g} K"
    if branch.highest == math.inf:
        return f"above {branch.lowest:g} K" if branch.lowest > 0 else "everywhere"
    return f"from {branch.lowest:g} to {branch.highest:g} K" if branch.lowest > 0 else f"below {branch.highest:g} K"


def surface_from_bulk(sigma_bulk: float, bulk_energy: float, surface_energy: float, temperature: float | None) -> float:
    r"""Conductivity of a surface that hops as the bulk does, with another activation energy.

    .. math:: \sigma_{surf} = \sigma_{bulk} \exp[(Q_{bulk} - Q_{surf}) / k_B T]

    Parameters
    ----------
    sigma_bulk : float
        At this temperature; the result has its unit.
    bulk_energy, surface_energy : float
        J.
    temperature : float
        K.

    Returns
    -------
    float
        In the unit of ``sigma_bulk``.

    Notes
    -----
    Eq. 12 of J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292: the prefactors are
    taken to be equal.  8.93e-7 S/cm, 0.47 and 0.26 eV give 3.17e-3 S/cm at 298.15 K (the paper prints 3.14e-3).
    """
    return sigma_bulk * math.exp((bulk_energy - surface_energy) / (BOLTZMANN * checked_temperature(temperature)))


@dataclass(frozen=True)
class ArrheniusFit:
    """Effective activation energy of a conductivity series.

    Attributes
    ----------
    prefactor : float
        A of sigma T = A exp(-Q/k_B T) (S K/m).
    activation_energy, standard_error : float
        Q and its standard error (J); the error is None for two temperatures, which any line meets.
    largest_residual : float
        Largest |ln(sigma / fit)|: what curvature there is.
    """

    prefactor: float
    activation_energy: float
    standard_error: float | None
    largest_residual: float


def fit_arrhenius(temperatures, sigma) -> ArrheniusFit:
    """Least squares of ln(sigma T) against 1/(k_B T).

    Parameters
    ----------
    temperatures : array_like
        K, two different ones or more.
    sigma : array_like
        S/m, above 0.

    Returns
    -------
    ArrheniusFit

    Raises
    ------
    InputError
        If there are too few, or one is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> temperatures = np.array([300.0, 350.0])
    >>> fit = fit_arrhenius(temperatures, np.exp(-0.3 * ELEMENTARY_CHARGE / (BOLTZMANN * temperatures)) / temperatures)
    >>> round(fit.activation_energy / ELEMENTARY_CHARGE, 9)                  # eV
    0.3
    """
    import numpy as np  # nothing else here needs it, and `pfsolid materials` is to start at once

    temperatures, sigma = np.asarray(temperatures, float), np.asarray(sigma, float)
    if temperatures.shape != sigma.shape or len(np.unique(temperatures)) < 2:
        raise InputError("an activation energy needs the conductivity at two different temperatures or more")
    if not (np.all(sigma > 0) and np.all(temperatures > 0)):
        raise InputError("an activation energy needs conductivities and temperatures above 0")
    x, y = 1 / (BOLTZMANN * temperatures), np.log(sigma * temperatures)
    spread = np.sum((x - x.mean()) ** 2)
    slope = np.sum((x - x.mean()) * (y - y.mean())) / spread
    residuals = y - y.mean() - slope * (x - x.mean())
    error = None
    if len(x) > 2:
        error = float(np.sqrt(np.sum(residuals**2) / (len(x) - 2) / spread))
    return ArrheniusFit(float(np.exp(y.mean() - slope * x.mean())), -float(slope), error, float(np.abs(residuals).max()))
