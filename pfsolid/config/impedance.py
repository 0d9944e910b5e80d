"""The section [impedance] of an image study: `pfsolid impedance`, the spectrum that an experimenter would measure."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, model_validator

from ..units import VACUUM_PERMITTIVITY
from .naming import CLASS_NAME, REST, as_label, put_once
from .resistances import ANY_PAIR, as_resistances
from .run import LENGTH_LIMITS, as_tuple
from .text import Section, key, problems_of, shown

MOST_FREQUENCIES = 1000
LOWEST_HZ, HIGHEST_HZ = 1e-9, 1e15
HIGHEST_PERMITTIVITY = 1e6
_FREQUENCIES = (f"\"FIRST:LAST:PER_DECADE\", such as \"1:1e9:10\", or rising frequencies in brackets, from {LOWEST_HZ:g} to "
                f"{HIGHEST_HZ:g} Hz, at most {MOST_FREQUENCIES}")
_PERMITTIVITIES = (f"a table of labels or classes with a relative permittivity from 1 to {HIGHEST_PERMITTIVITY:g}, for "
                   "example { \"0\" = 1, \"1\" = 15 }, \"*\" for all others")
_CAPACITANCES = ("a table of pairs of labels or classes that have a resistance with a capacitance from 0, or { delta_nm, "
                 "permittivity } of a film, for example { \"*:*\" = 1e-6 }")
_CPE = "Q above 0 and n from 0 to 1 in brackets"
_MAPS = "frequencies of the spectrum in brackets"


class FilmCapacitance(Section):
    """C = eps_0 eps_r / delta."""

    delta_nm: float = key("nm, thickness of the boundary", **LENGTH_LIMITS)
    permittivity: float = key("relative", ge=1, le=HIGHEST_PERMITTIVITY)

    @property
    def F_per_cm2(self) -> float:
        """F/cm^2."""
        return VACUUM_PERMITTIVITY * self.permittivity / (self.delta_nm * 1e-9) * 1e-4


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_frequencies(value: Any) -> Any:
    if isinstance(value, str):
        parts = value.split(":")
        try:
            first, last, number = (float(part) for part in parts)
        except ValueError:
            raise ValueError(_FREQUENCIES) from None
        if not (LOWEST_HZ <= first < last <= HIGHEST_HZ and 1 <= number <= MOST_FREQUENCIES and number == int(number)):
            raise ValueError(_FREQUENCIES)
        count = int(round(np.log10(last / first) * number)) + 1
        if count > MOST_FREQUENCIES:
            raise ValueError(_FREQUENCIES)
        # Whole decades have the digits that a person would write.
        return tuple(float(f"{one:.6g}") for one in np.geomspace(first, last, max(count, 2)))
    return _rising(as_tuple(value), _FREQUENCIES)


def _rising(values: Any, allowed: str) -> tuple[float, ...]:
    if not (isinstance(values, tuple) and 1 <= len(values) <= MOST_FREQUENCIES and all(map(_is_number, values))):
        raise ValueError(allowed)
    if not all(LOWEST_HZ <= one <= HIGHEST_HZ for one in values) or any(a >= b for a, b in zip(values, values[1:])):
        raise ValueError(allowed)
    return tuple(map(float, values))


def _as_maps(value: Any) -> Any:
    values = as_tuple(value)
    return () if values == () else _rising(values if isinstance(values, tuple) else (values,), _MAPS)


def _as_permittivities(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(_PERMITTIVITIES)
    found: dict[str, float] = {}
    for name, one in value.items():
        text = str(name).strip()
        if not (_is_number(one) and 1 <= one <= HIGHEST_PERMITTIVITY):
            raise ValueError(f"{_PERMITTIVITIES}; {shown(name)} = {shown(one)}")
        if text != REST and not re.fullmatch(CLASS_NAME, text):
            text = str(as_label(text))
        put_once(found, text, float(one), f"label {text}")
    return found


def _as_capacitances(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(_CAPACITANCES)
    found: dict[str, float | FilmCapacitance] = {}
    for name, one in value.items():
        pair = next(iter(as_resistances({name: 1.0})))
        if isinstance(one, dict):
            if problems := problems_of(FilmCapacitance, one):
                raise ValueError(f"{_CAPACITANCES}; {shown(name)}: {problems[0]}")
            one = FilmCapacitance.model_validate(one)
        elif not isinstance(one, FilmCapacitance) and not (_is_number(one) and 0 <= one <= 1e6):
            raise ValueError(f"{_CAPACITANCES}; {shown(name)} = {shown(one)}")
        put_once(found, pair, one if isinstance(one, FilmCapacitance) else float(one), f"the pair {pair}")
    return found


def _as_cpe(value: Any) -> Any:
    values = as_tuple(value)
    if values is None:
        return None
    if not (isinstance(values, tuple) and len(values) == 2 and all(map(_is_number, values))
            and values[0] > 0 and 0 <= values[1] <= 1):
        raise ValueError(_CPE)
    return tuple(map(float, values))


class ImpedanceConfig(Section):
    """What a spectrum is told."""

    frequencies_Hz: Annotated[tuple[float, ...], BeforeValidator(_as_frequencies)] = key(
        "Hz, first and last and how many a decade, or all of them", allowed=_FREQUENCIES)
    permittivity: Annotated[dict[str, float], BeforeValidator(_as_permittivities)] = key(
        "relative permittivity of each label or class; \"*\" for all others", allowed=_PERMITTIVITIES)
    boundary_capacitance_F_per_cm2: Annotated[dict[str, float | FilmCapacitance], BeforeValidator(_as_capacitances)] = key(
        "F/cm^2 of boundaries that resist; \"*:*\" for all that have none of their own", {}, allowed=_CAPACITANCES)
    thickness_um: float | None = key("um, of the sample: impedances are in ohm cm^2 then, else in ohm cm", None, gt=0,
                                     le=1e9)
    area_cm2: float | None = key("cm^2, of the sample with its thickness: impedances are in ohm", None, gt=0, le=1e9)
    double_layer_F_per_cm2: float | None = key("F/cm^2 in series with the sample, of both electrodes together", None,
                                               gt=0, le=1e6)
    cpe_S_sn_per_cm2: Annotated[tuple[float, float] | None, BeforeValidator(_as_cpe)] = key(
        "S s^n/cm^2 and n of a constant-phase element in series", None, allowed=_CPE)
    warburg_ohm_cm2_per_sqrt_s: float | None = key("ohm cm^2 s^-1/2, of a Warburg element in series", None, gt=0, le=1e12)
    map_frequencies_Hz: Annotated[tuple[float, ...], BeforeValidator(_as_maps)] = key(
        "Hz, of the spectrum, at which |J| is stored and drawn", (), allowed=_MAPS)
    fit: Literal["none", "rc", "cpe"] = key(
        "what an experiment would have inferred: two arcs with capacitors, or with constant-phase elements", "none")
    noise: float = key("relative, of what is fitted: one standard deviation of real and imaginary part", 0.0, ge=0, le=0.5)
    seed: int = key("of that noise", 1, ge=0, le=2**32 - 1)

    @model_validator(mode="after")
    def _fits(self) -> ImpedanceConfig:
        if self.area_cm2 is not None and self.thickness_um is None:
            raise ValueError("impedance.area_cm2: goes with impedance.thickness_um (--thickness-um), and that is not given")
        elements = [name for name in ("double_layer_F_per_cm2", "cpe_S_sn_per_cm2", "warburg_ohm_cm2_per_sqrt_s")
                    if getattr(self, name) is not None]
        if elements and self.thickness_um is None:
            raise ValueError(f"impedance.{elements[0]}: an element in series needs impedance.thickness_um (--thickness-um)")
        if self.fit != "none" and len(self.frequencies_Hz) < 4:
            raise ValueError(f"impedance.fit = \"{self.fit}\": needs four frequencies at least, and there are "
                             f"{len(self.frequencies_Hz)}")
        if self.noise and self.fit == "none":
            raise ValueError("impedance.noise: is of what is fitted: give impedance.fit (--fit rc or cpe)")
        for one in self.map_frequencies_Hz:
            if one not in self.frequencies_Hz:
                near = min(self.frequencies_Hz, key=lambda f: abs(np.log(f / one)))
                raise ValueError(f"impedance.map_frequencies_Hz: {one:g} Hz is none of the spectrum; the nearest is "
                                 f"{near:g}")
        return self

    def check(self, phases: Any, image: Any, conduction: Any) -> None:
        """See that the rest of a study goes with a spectrum.

        Parameters
        ----------
        phases, image, conduction
            Its sections.

        Raises
        ------
        ValueError
            It does not.
        """
        if phases.carriers_S_per_cm:
            raise ValueError("impedance: does not go with phases.carriers_S_per_cm: give one carrier's sigma_S_per_cm")
        if phases.tensors:
            raise ValueError(f"impedance: label {next(iter(phases.tensors))} has a full tensor, and faces take numbers or "
                             "three along the axes")
        if conduction.solver not in ("auto", "multigrid"):
            raise ValueError(f"conduction.solver = \"{conduction.solver}\": spectra are solved by \"multigrid\"")
        if conduction.grid_error == "refinement":
            raise ValueError("conduction.grid_error = \"refinement\": a spectrum has no grid part; solve it on finer voxels")
        if np.isinf(image.plate_resistance_ohm_cm2).any():
            raise ValueError("image.plate_resistance_ohm_cm2: inf blocks at every frequency; electrodes that block have "
                             "impedance.double_layer_F_per_cm2 (--double-layer)")
        for name in self.permittivity:
            if name != REST and not name.isdigit() and name not in phases.classes:
                raise ValueError(f"impedance.permittivity: there is no class or name {name!r}")
        for pair in self.boundary_capacitance_F_per_cm2:
            if pair not in phases.interface_resistance_ohm_cm2 and not (
                    pair == ANY_PAIR and phases.interface_resistance_ohm_cm2):
                raise ValueError(f"impedance.boundary_capacitance_F_per_cm2 = {pair!r}: has no resistance in "
                                 "phases.interface_resistance_ohm_cm2 (--resistance), and without one there is no boundary")

    def permittivity_of(self, label: int, of_class: str | None) -> float | None:
        """Of a label, of its class, or of the others; None where nothing is given.

        Parameters
        ----------
        label : int
        of_class : str or None

        Returns
        -------
        float or None
        """
        given = self.permittivity
        return given.get(str(label), given.get(of_class or REST, given.get(REST)))

    def capacitance_F_per_m2(self, pair: str) -> float:
        """Of the rule for a pair."""
        given = self.boundary_capacitance_F_per_cm2
        value = given.get(pair, given.get(ANY_PAIR, 0.0))
        return 1e4 * (value.F_per_cm2 if isinstance(value, FilmCapacitance) else value)
