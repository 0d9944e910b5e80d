"""Resistances of interfaces as an input gives them: numbers, laws, what boundaries conduct, films, by misorientation."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from ..errors import InputError
from ..materials.arrhenius import conductivity
from .conduction import MAX_CONDUCTIVITY, BranchConfig, Conductivity, as_conductivity, conductivity_at
from .naming import CLASS_NAME, as_label, put_once
from .run import LENGTH_LIMITS, as_tuple
from .text import Section, key, problems_of, shown

ANY_PAIR = "*:*"  # of two labels that differ
RESISTANCES = ("a table of pairs of labels or classes with a resistance from 0 (inf blocks), for example { \"0:1\" = 10.0, "
               "\"grain:grain\" = 30.0 }, \"*:*\" for all other pairs")
_FORMS = ("a number from 0, a law { value, at_K, activation_energy_eV }, { apparent_S_per_cm, D_nm }, { specific_S_per_cm, "
          "delta_nm }, { film_S_per_cm, delta_nm } or { misorientation_deg, ohm_cm2 }")
_CM_PER_NM = 1e-7
_S_PER_CM = f"a number above 0 or a law {{ value, at_K, activation_energy_eV }} up to {MAX_CONDUCTIVITY:g}"
_ANGLES = "rising angles in degrees between 0 and 180 in brackets"
_OF_ANGLES = "resistances from 0 in brackets, one more than angles"


def _as_boundary(value: Any) -> Any:
    """A conductivity that a resistance is made from: not 0."""
    found = as_conductivity(value)
    if found == 0:
        raise ValueError(_S_PER_CM)
    return found


def _as_numbers(value: Any) -> Any:
    values = as_tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not values or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in values):
        raise ValueError("numbers in brackets")
    return tuple(map(float, values))


BoundaryConductivity = Annotated[Conductivity, BeforeValidator(_as_boundary)]


class ResistanceLawConfig(BranchConfig):
    """One branch of a law: 1 / R follows Arrhenius' law."""

    value: float = key("ohm cm^2, resistance at at_K", gt=0, le=1e12)


class ApparentConfig(Section):
    """What a spectrum gives: R = D / sigma."""

    apparent_S_per_cm: BoundaryConductivity = key("S/cm, apparent conductivity of boundaries", allowed=_S_PER_CM)
    D_nm: float = key("nm, size of grains that it was found with", **LENGTH_LIMITS)


class SpecificConfig(Section):
    """That of the boundary's own material: R = delta / sigma."""

    specific_S_per_cm: BoundaryConductivity = key("S/cm, specific conductivity of boundaries", allowed=_S_PER_CM)
    delta_nm: float = key("nm, thickness of boundaries", **LENGTH_LIMITS)


class FilmConfig(Section):
    """A film in the place of grain: R = delta (1 / sigma_film - 1 / sigma_grain)."""

    film_S_per_cm: BoundaryConductivity = key("S/cm, conductivity of the film", allowed=_S_PER_CM)
    delta_nm: float = key("nm, thickness of the film", **LENGTH_LIMITS)


class AnglesConfig(Section):
    """By the angle of misorientation between two crystals."""

    misorientation_deg: Annotated[tuple[float, ...], BeforeValidator(_as_numbers)] = key(
        "degrees, rising: where one resistance ends and the next begins", allowed=_ANGLES)
    ohm_cm2: Annotated[tuple[float, ...], BeforeValidator(_as_numbers)] = key(
        "ohm cm^2: up to the first angle, to the second ... and above the last", allowed=_OF_ANGLES)

    @model_validator(mode="after")
    def _fits(self) -> AnglesConfig:
        angles = self.misorientation_deg
        if not all(0 < one < 180 for one in angles) or any(a >= b for a, b in zip(angles, angles[1:])):
            raise ValueError(f"misorientation_deg = {list(angles)}: must be {_ANGLES}")
        if len(self.ohm_cm2) != len(angles) + 1 or not all(one >= 0 for one in self.ohm_cm2):
            raise ValueError(f"ohm_cm2 = {list(self.ohm_cm2)}: must be {_OF_ANGLES}")
        return self


Rule = float | tuple[ResistanceLawConfig, ...] | ApparentConfig | SpecificConfig | FilmConfig | AnglesConfig
_BY_KEY: dict[str, type[ApparentConfig] | type[SpecificConfig] | type[FilmConfig] | type[AnglesConfig]] = {
    "apparent_S_per_cm": ApparentConfig, "D_nm": ApparentConfig, "specific_S_per_cm": SpecificConfig,
    "film_S_per_cm": FilmConfig, "misorientation_deg": AnglesConfig, "ohm_cm2": AnglesConfig,
}


def _as_rule(value: Any) -> Rule:
    """A resistance in one of its forms; ValueError says what is wrong."""
    if isinstance(value, Section) or isinstance(value, tuple) and value and isinstance(value[0], Section):
        taken: Rule = value  # type: ignore[assignment]
        return taken
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not value >= 0:
            raise ValueError("a resistance from 0")
        return float(value)
    if isinstance(value, dict):
        for name, kind in _BY_KEY.items():
            if name in value:
                if problems := problems_of(kind, value):
                    raise ValueError(problems[0])
                return kind.model_validate(value)
    tables = [value] if isinstance(value, dict) else value
    if not (isinstance(tables, (list, tuple)) and tables and all(isinstance(table, dict) for table in tables)):
        raise ValueError(_FORMS)
    for table in tables:
        if problems := problems_of(ResistanceLawConfig, table):
            raise ValueError(f"{_FORMS}; {problems[0]}")
    as_conductivity([dict(table) | {"value": 1.0} for table in tables])  # ranges that follow each other
    return tuple(ResistanceLawConfig.model_validate(table) for table in tables)


def as_resistances(value: Any) -> dict[str, Rule]:
    """Rules by pairs in one order, 'a:b'; ValueError says what is wrong.

    Parameters
    ----------
    value : object
        A table of an input, with numbers for names of labels.

    Returns
    -------
    dict of str to rule
        Keys are two labels, the lower first, two classes or a class and a label, or ``*:*``.

    Raises
    ------
    ValueError
    """
    if not isinstance(value, dict):
        raise ValueError(RESISTANCES)
    found: dict[str, Rule] = {}
    for name, given in value.items():
        try:
            pair = _pair(str(name))
        except ValueError:
            raise ValueError(f"{RESISTANCES}; {shown(name)} = {shown(given)}") from None
        try:
            rule = _as_rule(given)
        except ValueError as error:
            raise ValueError(f"{RESISTANCES}; {shown(name)} = {shown(given)}: must be {error}") from None
        if isinstance(rule, AnglesConfig) and sides_of(pair)[0].isdigit() and sides_of(pair)[1].isdigit():
            raise ValueError(f"{RESISTANCES}; {shown(name)}: two labels have one angle: give their resistance")
        put_once(found, pair, rule, f"the pair {pair}")
    return found


def _pair(text: str) -> str:
    """In one order: labels before classes, the lower label and the earlier name first."""
    sides = [side.strip() for side in text.split(":")]
    if sides == ["*", "*"]:
        return ANY_PAIR
    if len(sides) != 2:
        raise ValueError("no pair")
    labels = sorted(as_label(side) for side in sides if side.isdigit())
    names = sorted(side for side in sides if not side.isdigit())
    if not all(re.fullmatch(CLASS_NAME, name) for name in names) or len(labels) == 2 and labels[0] == labels[1]:
        raise ValueError("no pair")
    return ":".join([*map(str, labels), *names])


def sides_of(pair: str) -> tuple[str, str]:
    """The two sides of a key of `as_resistances`."""
    a, _, b = pair.partition(":")
    return a, b


def is_resisting_law(rule: Rule) -> bool:
    """Whether a resistance depends on the temperature."""
    if isinstance(rule, (ApparentConfig, SpecificConfig, FilmConfig)):
        return isinstance(_sigma(rule), tuple)
    return isinstance(rule, tuple)


def resists_finitely(rule: Rule) -> bool:
    """Whether it is neither 0 nor blocks."""
    values = rule.ohm_cm2 if isinstance(rule, AnglesConfig) else (rule,)
    return any(not isinstance(one, float) or 0 < one < math.inf for one in values)


def thickness_nm(rule: Rule) -> float | None:
    """Of a boundary that has one."""
    return rule.delta_nm if isinstance(rule, (SpecificConfig, FilmConfig)) else None


def _sigma(rule: ApparentConfig | SpecificConfig | FilmConfig) -> Any:
    return getattr(rule, next(iter(type(rule).model_fields)))


def resistance_at(name: str, rule: Rule, temperature: float | None, extrapolate: bool,
                  resistivity: tuple[float, float]) -> list[float]:
    """Resistance (ohm cm^2) at a temperature: one, or one for each range of angles.

    Parameters
    ----------
    name : str
        Of the rule, for messages.
    rule : Rule
    temperature : float or None
        K.
    extrapolate : bool
        Follow laws beyond their ranges.
    resistivity : (float, float)
        1 / sigma (ohm cm) of what lies on either side, for films; infinite or NaN where there is not one.

    Returns
    -------
    list of float

    Raises
    ------
    InputError
        A law does not hold there, or a film conducts better than the grains it lies between.
    """
    if isinstance(rule, float):
        return [rule]
    if isinstance(rule, AnglesConfig):
        return list(rule.ohm_cm2)
    key_name = f"phases.interface_resistance_ohm_cm2 = {name!r}"
    if isinstance(rule, tuple):
        branches = [table.model_copy(update={"value": 1 / table.value}).branch for table in rule]
        try:
            return [100 / conductivity(branches, temperature, extrapolate)]  # branches count in S/m
        except InputError as error:
            raise InputError(f"{key_name}: {error}") from None
    sigma = _sigma(rule)
    if isinstance(sigma, tuple):
        sigma = conductivity_at(key_name, sigma, temperature, extrapolate) / 100
    if isinstance(rule, ApparentConfig):
        return [_CM_PER_NM * rule.D_nm / sigma]
    if isinstance(rule, SpecificConfig):
        return [_CM_PER_NM * rule.delta_nm / sigma]
    return [_excess(key_name, rule, sigma, temperature, resistivity)]


def _excess(name: str, rule: FilmConfig, sigma: float, temperature: float | None, resistivity: tuple[float, float]) -> float:
    """delta (1 / sigma_film - 1 / sigma_grain), half the film in the place of each side."""
    grain = 0.5 * sum(resistivity)
    if not math.isfinite(grain):
        raise InputError(f"{name}: a film in the place of grain needs one conductivity above 0 on each of its sides, the "
                         "same along all axes; give R, or specific_S_per_cm and delta_nm")
    excess = _CM_PER_NM * rule.delta_nm * (1 / sigma - grain)
    if excess < -1e-9 * _CM_PER_NM * rule.delta_nm / sigma:  # beyond rounding where both are alike
        at = "" if temperature is None else f" at {temperature:g} K"
        raise InputError(f"{name}: the film conducts better ({sigma:.3g} S/cm) than the grains ({1 / grain:.3g} S/cm){at}, "
                         "which no resistance says: give it voxels and a label of its own")
    return max(excess, 0.0)
