r"""Effective conductivities as battery models want them: tortuosity factor and transport efficiency, under their names.

Cell models correct the conductivity :math:`\sigma_0` of one phase by a transport efficiency

.. math:: B = \sigma_\mathrm{eff} / \sigma_0 = \varepsilon / \tau

with its volume fraction :math:`\varepsilon`.  B is the inverse MacMullin number of that phase, whatever else conducts; with
:math:`\tau = \varepsilon / B` the model comes back to :math:`\sigma_\mathrm{eff}`.  (This tau is <sigma>/sigma_eff only
where one phase conducts alone.)  What is handed over is either B or tau beside sigma_0, or sigma_eff as such, never both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import AXES
from ..json_values import finite
from ..results.conduction import ConductionResult
from ..units import S_PER_M

DOMAINS = ("negative electrode", "separator", "positive electrode")
COMPONENTS = ("electrolyte", "electrode")


@dataclass(frozen=True)
class TransportEfficiency:
    """Of one direction and one phase.

    Attributes
    ----------
    direction : {'x', 'y', 'z'}
    phase : str
        The one whose conductivity is sigma_0.
    volume_fraction : float
        epsilon.
    phase_S_per_m, effective_S_per_m : float
        sigma_0 and sigma_eff.
    """

    direction: str
    phase: str
    volume_fraction: float
    phase_S_per_m: float
    effective_S_per_m: float

    @property
    def efficiency(self) -> float:
        """B = sigma_eff / sigma_0, the inverse MacMullin number."""
        return self.effective_S_per_m / self.phase_S_per_m

    @property
    def tortuosity_factor(self) -> float:
        """tau = epsilon / B."""
        return self.volume_fraction / self.efficiency

    def to_dict(self) -> dict[str, Any]:
        """With units in the names."""
        return {"phase": self.phase, "volume_fraction": self.volume_fraction, "tortuosity_factor": self.tortuosity_factor,
                "transport_efficiency": self.efficiency, "macmullin_number": 1 / self.efficiency,
                "phase_conductivity_S_per_m": self.phase_S_per_m,
                "effective_conductivity_S_per_m": self.effective_S_per_m}


def transport_along(result: ConductionResult, direction: str | None = None, phase: str | None = None) -> TransportEfficiency:
    """What a battery model needs of one direction.

    Parameters
    ----------
    result : ConductionResult
        The conduction part of result.json.
    direction : {'x', 'y', 'z'}, optional
        Through the cell; needed where fields were applied along several.
    phase : str, optional
        Name of the phase that is corrected; by default the reference of the MacMullin number, the best conductor.

    Returns
    -------
    TransportEfficiency

    Raises
    ------
    InputError
        If there is no value along it, nothing percolates, or the phase is not there or does not conduct.
    """
    asked = result.field_axes
    if direction is None and len(asked) > 1:
        raise InputError(f"along which of {', '.join(asked)} does the cell lie: that direction has to be given")
    direction = direction or asked
    if direction not in tuple(asked):
        raise InputError(f"direction {direction!r}: fields were applied along {', '.join(asked)}")
    axis = AXES.index(direction)
    effective = float(result.sigma_eff_S_per_m[axis, axis])
    if not effective:
        raise InputError(f"nothing that conducts percolates along {direction}: its tortuosity factor is infinite, which no "
                         "battery model takes")
    phases = result.phases
    if phase is None:
        label = (result.transport or {})[direction].reference_label
        phase = next(name for name, one in phases.items() if one.label == label)
    if phase not in phases:
        raise InputError(f"phase {phase!r}: there are {', '.join(phases)}")
    given = np.asarray(phases[phase].sigma_S_per_cm)  # a number, three along the axes, or a tensor
    sigma = float(given[(axis,) * given.ndim])
    if not (sigma > 0 and phases[phase].fraction > 0):
        raise InputError(f"phase {phase!r} does not conduct along {direction}, or is not there: it is none to refer to")
    return TransportEfficiency(direction, phase, float(phases[phase].fraction), sigma * S_PER_M, effective)


def to_pybamm(result: ConductionResult, domain: str, component: str = "electrolyte", direction: str | None = None,
              phase: str | None = None, porosity: float | None = None) -> dict[str, float]:
    """Parameters of PyBaMM for the option {"transport efficiency": "tortuosity factor"}.

    That submodel takes porosity / tau_e of the electrolyte's conductivity, and (1 - porosity) / tau_s of an electrode's.
    The conductivity of the electrolyte itself stays the parameter set's own.

    Parameters
    ----------
    result, direction, phase
        As for `transport_along`.
    domain : {'negative electrode', 'separator', 'positive electrode'}
    component : {'electrolyte', 'electrode'}
        Whose conductivity this is: that of the ions in the electrolyte, or of the electrons in the electrode.
    porosity : float, optional
        Volume fraction of the electrolyte that the cell model counts with; by default that of the phase, or for an
        electrode what the phase leaves.  tau goes with it, so that the model has sigma_eff.

    Returns
    -------
    dict of str to float

    Raises
    ------
    InputError
    """
    found, name = _checked(result, domain, component, direction, phase), domain.capitalize()
    if component == "electrolyte":
        porosity = _fraction(found.volume_fraction if porosity is None else porosity)
        return {f"{name} porosity": porosity, f"{name} tortuosity factor (electrolyte)": porosity / found.efficiency}
    porosity = _fraction(1 - found.volume_fraction if porosity is None else porosity)
    return {f"{name} porosity": porosity, f"{name} tortuosity factor (electrode)": (1 - porosity) / found.efficiency,
            f"{name} conductivity [S.m-1]": found.phase_S_per_m}


def to_bpx(result: ConductionResult, domain: str, component: str = "electrolyte", direction: str | None = None,
           phase: str | None = None) -> dict[str, Any]:
    """The part of a BPX file (Battery Parameter eXchange 1.0) that follows: to be merged into one.

    "Transport efficiency" is B of the electrolyte, "Conductivity [S.m-1]" of an electrode its effective conductivity, which
    nobody corrects again.

    Parameters
    ----------
    result, domain, component, direction, phase
        As for `to_pybamm`.

    Returns
    -------
    dict

    Raises
    ------
    InputError
    """
    found = _checked(result, domain, component, direction, phase)
    if component == "electrode":
        part = {"Conductivity [S.m-1]": found.effective_S_per_m}
    else:
        part = {"Porosity": found.volume_fraction, "Transport efficiency": found.efficiency}
    return {"Parameterisation": {domain.capitalize(): part}}


def both_to_pybamm(ions: ConductionResult, electrons: ConductionResult, domain: str, direction: str | None = None
                   ) -> dict[str, float]:
    """Parameters of PyBaMM for an electrode, both of its carriers counted with one porosity, that of the electrolyte.

    Parameters
    ----------
    ions, electrons : ConductionResult
        Of the carrier in the electrolyte and of that in the electrode's own conductor.
    domain : {'negative electrode', 'positive electrode'}
    direction : {'x', 'y', 'z'}, optional
        As for `transport_along`.

    Returns
    -------
    dict of str to float

    Raises
    ------
    InputError
    """
    found = to_pybamm(ions, domain, "electrolyte", direction)
    porosity = found[f"{domain.capitalize()} porosity"]
    return found | to_pybamm(electrons, domain, "electrode", direction, porosity=porosity)


def both_to_bpx(ions: ConductionResult, electrons: ConductionResult, domain: str, direction: str | None = None
                ) -> dict[str, Any]:
    """The part of a BPX file that follows for an electrode with both carriers.

    Parameters
    ----------
    ions, electrons, domain, direction
        As for `both_to_pybamm`.

    Returns
    -------
    dict

    Raises
    ------
    InputError
    """
    parts = [to_bpx(one, domain, component, direction)["Parameterisation"][domain.capitalize()]
             for one, component in ((ions, "electrolyte"), (electrons, "electrode"))]
    return {"Parameterisation": {domain.capitalize(): parts[0] | parts[1]}}


def to_plain(result: ConductionResult, phase: str | None = None) -> dict[str, Any]:
    """Tortuosity factor, efficiency and conductivities of every direction that conducts, with units in the names.

    Parameters
    ----------
    result : ConductionResult
        The conduction part of result.json.
    phase : str, optional
        As for `transport_along`.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        As for `transport_along`.
    """
    axes = [name for name in result.field_axes if result.sigma_eff_S_per_m[(AXES.index(name),) * 2]]
    return {"sigma_eff_S_per_m": finite(result.sigma_eff_S_per_m),
            "directions": {name: transport_along(result, name, phase).to_dict() for name in axes}}


def _checked(result: ConductionResult, domain: str, component: str, direction: str | None,
             phase: str | None) -> TransportEfficiency:
    if domain not in DOMAINS:
        raise InputError(f"domain {domain!r}: must be one of {', '.join(DOMAINS)}")
    if component not in COMPONENTS:
        raise InputError(f"component {component!r}: must be one of {', '.join(COMPONENTS)}")
    if domain == "separator" and component == "electrode":
        raise InputError("a separator has no component 'electrode': nothing but its electrolyte conducts")
    return transport_along(result, direction, phase)


def _fraction(value: float) -> float:
    if not 0 < value < 1:
        raise InputError(f"porosity = {value!r}: must lie between 0 and 1")
    return value
