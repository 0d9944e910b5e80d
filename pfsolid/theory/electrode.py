"""Two carriers in one porous electrode: ambipolar conductivity, transport numbers, and where a thick electrode reacts.

Effective conductivities of both carriers go in, each a conduction problem of its own.  SI units throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from ..errors import InputError
from .validity import check_conductivities

FARADAY = 96485.33212  # C/mol
GAS_CONSTANT = 8.314462618  # J/(mol K)


def ambipolar_conductivity(ionic: ArrayLike, electronic: ArrayLike) -> Any:
    """sigma_i sigma_e / (sigma_i + sigma_e): what moves the neutral component, limited by the slower carrier.

    Holds for two carriers that exchange nothing on the way, each with one effective conductivity: not where they meet at
    every interface of a composite and react there.

    Parameters
    ----------
    ionic, electronic : array_like
        Any one unit; 0 for both gives 0.

    Returns
    -------
    ndarray
        In that unit.

    Raises
    ------
    InputError
        If one is negative or not finite.

    Notes
    -----
    C. Wagner, Z. Phys. Chem. B 21 (1933) 25, doi:10.1515/zpch-1933-2105.

    Examples
    --------
    >>> round(float(ambipolar_conductivity(1e-4, 9e-4)), 9)
    9e-05
    """
    ionic, electronic = _carriers(ionic, electronic)
    total = ionic + electronic
    return np.divide(ionic * electronic, total, out=np.zeros_like(total), where=total > 0)[()]


def transport_number(ionic: ArrayLike, electronic: ArrayLike) -> Any:
    """sigma_i / (sigma_i + sigma_e), the ions' share of the current between plates that pass both carriers.

    Parameters
    ----------
    ionic, electronic : array_like
        Conductivities, in any one unit.

    Returns
    -------
    ndarray
        Between 0 and 1.

    Raises
    ------
    InputError
        If one is negative or not finite, or nothing conducts.

    Examples
    --------
    >>> round(float(transport_number(9e-4, 1e-4)), 9)
    0.9
    """
    ionic, electronic = _carriers(ionic, electronic)
    if np.any(ionic + electronic == 0):
        raise InputError("transport_number: neither carrier conducts, so there is no share")
    return (ionic / (ionic + electronic))[()]


def _carriers(ionic: ArrayLike, electronic: ArrayLike) -> list[npt.NDArray[Any]]:
    check_conductivities({"ionic": ionic, "electronic": electronic})
    return list(np.broadcast_arrays(np.asarray(ionic, float), np.asarray(electronic, float)))


@dataclass(frozen=True)
class PorousElectrode:
    """A porous electrode between a separator, x = 0, and a current collector, x = L, with linear kinetics.

        kappa phi'' = a i0 F/(R T) eta,   sigma psi'' = -a i0 F/(R T) eta,   eta = psi - phi

    The ions enter at the separator, the electrons at the collector; phi and psi are their potentials.  Concentrations are
    constant and |eta| is small against R T / F (25 mV).

    Parameters
    ----------
    thickness : float
        L, m.
    ionic, electronic : float
        Effective conductivities kappa and sigma, S/m.
    area_per_volume : float
        a, area of active material that both carriers reach, in the volume of the electrode, 1/m.
    exchange_current : float
        i0, A/m^2.
    temperature : float
        T, K.

    Raises
    ------
    InputError
        If a value is not positive and finite.

    Notes
    -----
    J. S. Newman and C. W. Tobias, J. Electrochem. Soc. 109 (1962) 1183, doi:10.1149/1.2425269.

    Examples
    --------
    >>> cathode = PorousElectrode(100e-6, ionic=0.02, electronic=1.0, area_per_volume=5e5, exchange_current=1.0)
    >>> round(cathode.penetration_depth * 1e6, 2)            # um: the reaction stays near the separator
    31.74
    """

    thickness: float
    ionic: float
    electronic: float
    area_per_volume: float
    exchange_current: float
    temperature: float = 298.15

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (isinstance(value, (int, float)) and 0 < value < np.inf):
                raise InputError(f"PorousElectrode: {name} = {value!r}: must be a positive number")

    @property
    def penetration_depth(self) -> float:
        """L/nu = sqrt(R T / (a i0 F) kappa sigma/(kappa + sigma)), m: how far from its faces a thick electrode reacts."""
        kinetics = self.area_per_volume * self.exchange_current * FARADAY / (GAS_CONSTANT * self.temperature)
        return float(np.sqrt(ambipolar_conductivity(self.ionic, self.electronic) / kinetics))

    @property
    def nu(self) -> float:
        """nu = L over the penetration depth; below 1 the electrode reacts evenly."""
        return self.thickness / self.penetration_depth

    def overpotential(self, x: ArrayLike, current: float = 1.0) -> Any:
        """|eta|(x) = I L/(nu sinh nu) [cosh(nu (1 - x/L))/kappa + cosh(nu x/L)/sigma].

        Parameters
        ----------
        x : array_like
            m from the separator, 0 to L.
        current : float
            I, A/m^2 of the electrode's cross-section.

        Returns
        -------
        ndarray
            V.

        Raises
        ------
        InputError
            If x lies outside the electrode.
        """
        place = np.asarray(x, float) / self.thickness
        if not np.all((place >= 0) & (place <= 1)):
            raise InputError(f"PorousElectrode.overpotential: x must lie between 0 and {self.thickness:g} m")
        near, far = (_cosh_over_sinh(self.nu, where) for where in (1 - place, place))
        return (current * self.thickness / self.nu * (near / self.ionic + far / self.electronic))[()]

    def reaction_rate(self, x: ArrayLike, current: float = 1.0) -> Any:
        """Current that passes from ions to electrons at x: a i0 F/(R T) |eta|; its integral over x is I.

        Parameters
        ----------
        x, current
            As for `overpotential`.

        Returns
        -------
        ndarray
            A/m^3.
        """
        kinetics = self.area_per_volume * self.exchange_current * FARADAY / (GAS_CONSTANT * self.temperature)
        return kinetics * self.overpotential(x, current)

    @property
    def resistance(self) -> float:
        """Area resistance from separator to collector, ohm m^2.

        R = L/(kappa + sigma) [1 + (2 + (sigma/kappa + kappa/sigma) cosh nu)/(nu sinh nu)]
        """
        ratio = self.electronic / self.ionic
        nu = self.nu
        bracket = 2 * _cosh_over_sinh(nu, 0.0) + (ratio + 1 / ratio) * _cosh_over_sinh(nu, 1.0)
        return float(self.thickness / (self.ionic + self.electronic) * (1 + bracket / nu))


def _cosh_over_sinh(nu: float, share: Any) -> Any:
    """cosh(nu share)/sinh(nu) for share in [0, 1], without overflow."""
    return (np.exp(nu * (share - 1)) + np.exp(-nu * (share + 1))) / -np.expm1(-2 * nu)
