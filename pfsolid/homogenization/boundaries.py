"""What boundaries of grains do to the conductivity, what a brick-layer model would say, and what errors of inputs mean."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..arrays import Floats
from ..conduction.dissipation import PAIRS, Dissipation
from ..config.phases import PhasesConfig
from ..config.resistances import sides_of
from ..grid import AXES, three
from ..results.conduction import BoundariesResult, BoundaryKind, BrickLayer, PowerShare
from ..text import percent, to_digits
from ..units import M2_PER_CM2, NM_PER_M, S_PER_M
from .found import Conduction

_OHM_CM2 = M2_PER_CM2 * NM_PER_M  # nm/(S/m) in one
_CM_PER_NM = 1e-7
_ALIKE = 1e-9
_DIGITS = 1e-3  # of brick layers: a model's


def power_shares(found: Dissipation, names: Mapping[int, str]) -> dict[str, PowerShare]:
    """Shares of power and voltage by the names of phases and rules, as result.json has them.

    Parameters
    ----------
    found : Dissipation
    names : mapping of int to str
        Of labels.

    Returns
    -------
    dict of str to PowerShare
    """
    parts = {names.get(label, f"label {label}"): part for label, part in found.phases.items()}
    parts |= {f"interfaces {name}": part for name, part in found.interfaces.items()}
    parts |= {"plates": found.plates} if found.plates is not None else {}
    return {name: PowerShare(power_share=part.power, power_share_error=part.error, voltage_share=part.voltage)
            for name, part in parts.items()}


def boundaries_result(found: Conduction, sigma_eff: float) -> BoundariesResult | None:
    """Boundaries that resist, and what the brick-layer model makes of them.

    For grains of one conductivity that fill the volume 1 / sigma_app = 1 / sigma_eff - 1 / sigma is the apparent resistivity
    of boundaries, and bricks of edge D say 1 / sigma_eff = 1 / sigma + R / D.

    Parameters
    ----------
    found : Conduction
    sigma_eff : float
        S/m, mean of the diagonal.

    Returns
    -------
    BoundariesResult or None
        None where no boundary has a finite resistance above 0.
    """
    surfaces = found.interfaces
    if surfaces is None or not surfaces.rules:
        return None
    kinds = {name: BoundaryKind(area_per_nm=area, resistance_ohm_cm2=resistance / _OHM_CM2)
             for name, (area, resistance, _) in surfaces.rules.items()}
    total = sum(kind.area_per_nm for kind in kinds.values())
    mean = sum(kind.area_per_nm * kind.resistance_ohm_cm2 for kind in kinds.values()) / total
    grain, apparent = _grain_conductivity(found), None
    bricks: tuple[BrickLayer | None, BrickLayer | None] = (None, None)
    if grain is not None and sigma_eff > 0:
        extra = S_PER_M * (1 / sigma_eff - 1 / grain)  # ohm cm
        apparent = 1 / extra if extra > 0 else math.inf
        bricks = (_brick(3 / total, mean, grain, sigma_eff), _brick(2 / total, mean, grain, sigma_eff))
    return BoundariesResult(
        area_per_nm=total, resistance_ohm_cm2=mean, grain_S_per_cm=None if grain is None else grain / S_PER_M,
        apparent_S_per_cm=apparent, brick_layer_3=bricks[0], brick_layer_2=bricks[1], kinds=kinds)


def _grain_conductivity(found: Conduction) -> float | None:
    """S/m of grains that conduct alike along all axes and fill the volume; else None."""
    there = found.fractions > 0
    values = found.sigma[there]
    if values.ndim == 3:
        if np.any(values[:, ~np.eye(3, dtype=bool)]):
            return None
        values = np.diagonal(values, axis1=1, axis2=2)
    low, high = float(values.min()), float(values.max())
    return high if low > 0 and high - low <= _ALIKE * high else None


def staircase_shares(found: Conduction, spacing: float) -> Floats:
    """How far sigma_eff may be too low, relative along each axis, because currents along oblique interfaces cross them.

    Where R is small beside h / sigma the current does not care for the steps of a staircase and pays R |n|_1 on each, in all
    sum_i |n|_1 |n_i| = |n|_1^2 times what the interface costs, 2.27 times for all directions alike.  Where R is large it
    avoids them.  So of an interface's share of the power (1 - 1 / <|n|_1^2>) / (1 + R sigma / h) may be the steps'.

    Parameters
    ----------
    found : Conduction
    spacing : float
        h, in the unit of the grid.

    Returns
    -------
    ndarray (3,)
    """
    shares = np.zeros(3)
    if found.interfaces is None:
        return shares
    along = np.diagonal(found.sigma, axis1=1, axis2=2) if found.sigma.ndim == 3 else found.sigma
    conducts = (found.fractions > 0) & (along > 0 if along.ndim == 1 else along.max(axis=1) > 0)
    sigma = float(np.average(along[conducts].reshape(conducts.sum(), -1).mean(axis=1), weights=found.fractions[conducts]))
    for axis, currents in found.currents.items():
        power = {} if currents.dissipation is None else currents.dissipation.interfaces
        shares[axis] = sum(power[name].power * steps / (1 + resistance * sigma / spacing)
                           for name, (_, resistance, steps) in found.interfaces.rules.items() if name in power)
    return shares


def _brick(size_nm: float, resistance: float, grain: float, sigma_eff: float) -> BrickLayer:
    """Bricks of an edge (nm), and the resistance (ohm cm^2) that they would infer from sigma_eff (both S/m)."""
    value = 1 / (1 / grain + resistance / (_CM_PER_NM * size_nm) / S_PER_M)
    return BrickLayer(D_nm=size_nm, sigma_S_per_cm=value / S_PER_M, relative_difference=value / sigma_eff - 1,
                      inferred_resistance_ohm_cm2=_CM_PER_NM * size_nm * S_PER_M * (1 / sigma_eff - 1 / grain))


def boundary_lines(found: Conduction, names: Mapping[int, str], result: BoundariesResult | None,
                   inputs: tuple[float | None, float | None, float | None] | None) -> list[str]:
    """For a person: areas and resistances, who takes the voltage, sensitivities, brick layers, errors of inputs.

    Parameters
    ----------
    found : Conduction
    names : mapping of int to str
        Of labels.
    result : BoundariesResult or None
    inputs : PerAxis or None
        Relative errors that inputs' errors make.

    Returns
    -------
    list of str
    """
    lines = []
    axis, currents = next(iter(found.currents.items()), (0, None))
    if result is not None:
        lines.append(f"boundaries that resist: {result.area_per_nm:.3g} nm^2 in a nm^3, {result.resistance_ohm_cm2:.3g} ohm "
                     "cm^2 in the mean" + _of_kinds(result))
    if currents is not None and currents.dissipation is not None and (result is not None or inputs is not None):
        parts = power_shares(currents.dissipation, names)
        lines.append(f"power for a field along {AXES[axis]}, which is d ln sigma_eff / d ln sigma and -d ln sigma_eff / d "
                     f"ln R: {', '.join(f'{name} {_share(part)}' for name, part in parts.items())}")
    if result is not None and result.brick_layer_3 is not None and result.brick_layer_2 is not None:
        app = result.apparent_S_per_cm
        lines.append("apparent conductivity of boundaries, 1 / (1 / sigma_eff - 1 / sigma_grain): "
                     + (f"{to_digits(app, 5e-3 * app)} S/cm" if app is not None and math.isfinite(app) else "infinite"))
        lines += [_brick_line(f"{times} / S_V", brick, result)
                  for times, brick in ((3, result.brick_layer_3), (2, result.brick_layer_2))]
    if inputs is not None:
        lines.append("errors of the inputs make sigma_eff uncertain by " + ", ".join(
            f"{percent(error)} along {AXES[axis]}" for axis, error in enumerate(inputs) if error is not None))
    return lines


def _of_kinds(result: BoundariesResult) -> str:
    if len(result.kinds) < 2:
        return ""
    return "; " + ", ".join(f"{name} {100 * kind.area_per_nm / result.area_per_nm:.3g} % of the area, "
                            f"{kind.resistance_ohm_cm2:.3g} ohm cm^2" for name, kind in list(result.kinds.items())[:6])


def _share(part: PowerShare) -> str:
    error = part.power_share_error or 0.0
    return f"{part.power_share:.3f}" + (f" ± {error:.1g}" if error > 5e-4 else "")


def _brick_line(name: str, brick: BrickLayer, result: BoundariesResult) -> str:
    wrong = brick.inferred_resistance_ohm_cm2 / result.resistance_ohm_cm2 - 1
    value = brick.sigma_S_per_cm
    return (f"brick layer with D = {name} = {brick.D_nm:.3g} nm: {to_digits(value, _DIGITS * value)} S/cm, "
            f"{100 * brick.relative_difference:+.2g} %; from sigma_eff it would infer R = "
            f"{brick.inferred_resistance_ohm_cm2:.3g} ohm cm^2, {100 * wrong:+.2g} %")


def input_errors(found: Conduction, phases: PhasesConfig) -> tuple[float | None, float | None, float | None] | None:
    """Relative standard deviation of sigma_eff along each axis, from those of conductivities and resistances.

    sqrt(sum (d ln sigma_eff / d ln p)^2 (dp / p)^2): inputs are taken as independent, labels of one class as one input.

    Parameters
    ----------
    found : Conduction
    phases : PhasesConfig
        As it was given, before classes were given to their labels.

    Returns
    -------
    PerAxis or None
        None where no input has an error.
    """
    given: dict[str, float] = phases.relative_errors
    if not given:
        return None
    values: list[float | None] = [None, None, None]
    for axis, currents in found.currents.items():
        if currents.dissipation is not None:
            values[axis] = _input_error(currents.dissipation, phases, given)
    return three(values)


def _input_error(power: Dissipation, phases: PhasesConfig, given: Mapping[str, float]) -> float:
    shares = dict.fromkeys(given, 0.0)
    for label, part in power.phases.items():
        source = phases.source_of(label)
        if source in shares:
            shares[source] += part.power
    single = [name for name in given if ":" in name and all(side.isdigit() for side in sides_of(name))]
    for name, part in power.interfaces.items():
        rule = name.split(" ")[0]
        if name == PAIRS and single:  # that count together: by the least known
            rule = max(single, key=lambda one: given[one])
        if rule in shares:
            shares[rule] += part.power
    terms: Floats = np.array([shares[name] * error for name, error in given.items()])
    return float(np.sqrt(np.sum(terms**2)))
