"""Tortuosity, MacMullin number and formation factor of an effective conductivity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..results.conduction import Transport


@dataclass(frozen=True)
class TransportNumbers:
    """How much worse a structure conducts than its phases, along one axis; infinite where it does not conduct.

    Attributes
    ----------
    tortuosity_factor : float
        tau = <sigma> / sigma_eff with <sigma> the mean over the volume; eps sigma_0 / sigma_eff for one conducting
        phase of volume fraction eps (S. J. Cooper et al., SoftwareX 5 (2016) 203, doi:10.1016/j.softx.2016.09.002).
        1 is the least: Wiener's bound.
    macmullin_number : float
        N_M = sigma_ref / sigma_eff, tau / eps for one conducting phase (J. Landesfeind et al., J. Electrochem. Soc. 163
        (2016) A1373, doi:10.1149/2.1141607jes).
    reference : int
        The label of sigma_ref.
    """

    tortuosity_factor: float
    macmullin_number: float
    reference: int

    @property
    def formation_factor(self) -> float:
        """F = sigma_ref / sigma_eff, Archie's name for the MacMullin number."""
        return self.macmullin_number

    def result(self) -> Transport:
        """For result.json; None for what is infinite."""
        numbers = {"tortuosity_factor": self.tortuosity_factor, "macmullin_number": self.macmullin_number,
                   "formation_factor": self.formation_factor}
        return Transport(reference_label=self.reference,
                         **{name: value if math.isfinite(value) else None for name, value in numbers.items()})


def transport_numbers(sigma_eff: float, sigma, fractions, reference: int | None = None) -> TransportNumbers:
    """Tortuosity factor, MacMullin number and formation factor of one axis.

    Parameters
    ----------
    sigma_eff : float
        Diagonal element of the effective conductivity.
    sigma : sequence of float (num_labels,)
        Conductivity of each label along that axis, in the same unit; those that do not occur are not looked at.
    fractions : sequence of float (num_labels,)
        Of the volume.
    reference : int, optional
        Label whose conductivity is sigma_ref; default: the best conductor of those that occur.

    Raises
    ------
    InputError
        If nothing conducts, or the reference does not.
    """
    sigma, fractions = np.asarray(sigma, float), np.asarray(fractions, float)
    sigma = np.where(fractions > 0, sigma, 0.0) if reference is None else sigma
    if reference is None:
        reference = int(sigma.argmax())
    if not (0 <= reference < sigma.size and sigma[reference] > 0):
        raise InputError(f"label {reference} does not conduct: it is no reference for the MacMullin number")
    mean = float(np.sum(sigma[fractions > 0] * fractions[fractions > 0]))
    if sigma_eff <= 0:
        return TransportNumbers(math.inf, math.inf, reference)
    return TransportNumbers(mean / sigma_eff, float(sigma[reference]) / sigma_eff, reference)
