"""The section [conduction]: what each phase conducts, at which temperatures, and how the solver goes about it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, PrivateAttr, model_validator

from ..errors import InputError
from ..materials.arrhenius import ELEMENTARY_CHARGE, Branch, conductivity
from ..units import S_PER_M
from .text import Section, key, problems_of, shown

DEFAULT_THRESHOLDS = (0.1, 0.9)  # densities between which a voxel is surface: where the profile has its ends
MAX_CONDUCTIVITY = 1e12  # S/cm; far outside anything physical: it keeps products from overflowing
TEMPERATURE_LIMITS: dict[str, Any] = dict(ge=1, le=1e4)
MAX_TEMPERATURES = 200

CONDUCTIVITY_TEXT = (f"from 0 to {MAX_CONDUCTIVITY:g}, or a law {{ value, at_K, activation_energy_eV }}, or several with "
                     "from_K, to_K")
TEMPERATURE_TEXT = "a temperature from 1 to 10000 K, or a list of different ones"


class BranchConfig(Section):
    """One branch of a law: an inline table in place of a number."""

    value: float = key("S/cm, conductivity at at_K", gt=0, le=MAX_CONDUCTIVITY)
    at_K: float = key("K, temperature of the value", **TEMPERATURE_LIMITS)
    activation_energy_eV: float | None = key("eV, activation energy", None, ge=0, le=10)
    times_temperature: bool = key("the activation energy is that of sigma T (true) or of sigma (false)", True)
    from_K: float | None = key("K, lowest temperature it holds at", None, **TEMPERATURE_LIMITS)
    to_K: float | None = key("K, highest temperature it holds at", None, **TEMPERATURE_LIMITS)

    @property
    def branch(self) -> Branch:
        """In SI."""
        energy = None if self.activation_energy_eV is None else ELEMENTARY_CHARGE * self.activation_energy_eV
        return Branch(S_PER_M * self.value, self.at_K, energy, self.times_temperature,
                      0.0 if self.from_K is None else self.from_K, math.inf if self.to_K is None else self.to_K)


def as_conductivity(value: Any) -> Any:
    """A number, or a tuple of branches; ValueError says what is wrong."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value <= MAX_CONDUCTIVITY:
            raise ValueError(CONDUCTIVITY_TEXT if math.isfinite(value) else "a finite number")
        return float(value)
    tables = [value] if isinstance(value, (dict, BranchConfig)) else value
    if not (isinstance(tables, (list, tuple)) and tables and all(isinstance(t, (dict, BranchConfig)) for t in tables)):
        raise ValueError(f"a number {CONDUCTIVITY_TEXT}")
    for table in tables:
        problems = problems_of(BranchConfig, table) if isinstance(table, dict) else []
        if problems:
            raise ValueError(f"a number {CONDUCTIVITY_TEXT}; {problems[0]}")
    branches = tuple(BranchConfig.model_validate(table) for table in tables)
    for branch in branches:
        if (branch.from_K or 0) > (branch.to_K or math.inf):
            raise ValueError(f"a law whose from_K = {branch.from_K!r} is not above its to_K = {branch.to_K!r}")
    for low, high in pairwise(branches):
        if (low.to_K or math.inf) > (high.from_K or 0):
            raise ValueError("a list of laws whose ranges follow each other: the to_K of one is not above the from_K of the "
                             "next")
    return branches


def _as_temperatures(value: Any) -> Any:
    temperatures = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not 1 <= len(temperatures) <= MAX_TEMPERATURES:
        raise ValueError(TEMPERATURE_TEXT)
    for temperature in temperatures:
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
            raise ValueError(TEMPERATURE_TEXT)
        if not TEMPERATURE_LIMITS["ge"] <= temperature <= TEMPERATURE_LIMITS["le"]:
            raise ValueError(TEMPERATURE_TEXT)
    if len(set(temperatures)) < len(temperatures):
        raise ValueError(TEMPERATURE_TEXT)
    return tuple(float(temperature) for temperature in temperatures)


Conductivity = Annotated[float | tuple[BranchConfig, ...], BeforeValidator(as_conductivity)]
Temperatures = Annotated[tuple[float, ...], BeforeValidator(_as_temperatures)]
_NUMBER_OR_LAW = f"a number {CONDUCTIVITY_TEXT}"


def conductivity_at(name: str, branches, temperature: float | None, extrapolate: bool) -> float:
    """A law's value (S/m) at a temperature (K); the InputError names the key."""
    try:
        return conductivity([table.branch for table in branches], temperature, extrapolate)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


class SolverConfig(Section):
    """What every conduction problem is told, whatever its voxels come from."""

    temperature_K: Temperatures | None = key("K, one or a list for sigma_eff(T); laws need it", None,
                                             allowed=TEMPERATURE_TEXT)
    extrapolate: bool = key("follow laws beyond the temperatures their sources give", False)
    solver: Literal["auto", "multigrid", "fft", "petsc", "perturbation", "split"] = key(
        "who solves; auto picks and says so; split: full tensors and resistances together, a check to 64^3 voxels", "auto")
    petsc_options: str = key("options passed to PETSc, as on its command line", "")
    grid_error: Literal["estimate", "refinement", "none"] = key(
        "grid part of the error bar: from what is there and a solve on half the voxels along each axis, or on twice as many",
        "estimate")
    relative_tolerance: float = key("relative error allowed in sigma_eff", 1e-4, ge=1e-12, le=0.1)
    max_iterations: int = key("limit of the conjugate gradient iterations", 5000, ge=1)
    applied_field_V_per_m: float = key("V/m, field of the stored current density", 10.0, gt=0, le=1e12)

    _notes: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _older_keys(cls, data, handler):
        """Keys of older versions as what they stand for, with a line for each that says so."""
        notes: list[str] = []
        section = handler(cls._translated(dict(data), notes) if isinstance(data, dict) else data)
        if notes:
            section._notes = tuple(notes)
        return section

    @classmethod
    def _translated(cls, data: dict, notes: list[str]) -> dict:
        if data.get("grid_error") == "discretisation":
            data["grid_error"] = "estimate"
            notes.append('conduction.grid_error = "discretisation" is of an older version: read as "estimate"')
        return data

    @property
    def notes(self) -> tuple[str, ...]:
        """How keys of older versions were read; one line each."""
        return self._notes

    @model_validator(mode="after")
    def _options_are_used(self) -> Self:
        if self.petsc_options and self.solver not in ("auto", "petsc"):
            raise ValueError(f"conduction.petsc_options = {self.petsc_options!r}: has no meaning with "
                             f"conduction.solver = {self.solver!r}")
        return self

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Temperatures asked for (K); none where the conductivities are plain numbers and none was given."""
        return self.temperature_K or ()

    def check_laws(self, laws: list[str]) -> None:
        """ValueError unless there is a temperature where conductivities (named in ``laws``) depend on it, one elsewhere."""
        if laws and not self.temperature_K:
            raise ValueError(f"missing key conduction.temperature_K: must be {TEMPERATURE_TEXT}, for "
                             f"{', '.join(laws)} depend{'s' if len(laws) == 1 else ''} on it")
        if not laws and len(self.temperatures) > 1:
            raise ValueError(f"conduction.temperature_K: {len(self.temperatures)} temperatures are given and no "
                             "conductivity depends on them; give one as a law { value, at_K, activation_energy_eV }")


class ConductionConfig(SolverConfig):
    sigma_pore_S_per_cm: Conductivity = key(
        "S/cm, where rho < rho_pore: 0 for pores, a filler's own where it conducts", 0.0, allowed=_NUMBER_OR_LAW)
    sigma_bulk_S_per_cm: Conductivity = key("S/cm, conductivity where rho > rho_bulk", allowed=_NUMBER_OR_LAW)
    sigma_surf_S_per_cm: Conductivity = key("S/cm, conductivity of the surface between them", allowed=_NUMBER_OR_LAW)
    rho_pore: float = key("density below which a voxel is pore", DEFAULT_THRESHOLDS[0], gt=0, lt=1)
    rho_bulk: float = key("density above which a voxel is bulk solid", DEFAULT_THRESHOLDS[1], gt=0, lt=1)
    profile: Literal["subvoxel", "steps", "linear"] = key(
        "subvoxel: three phases, cut where rho passes the thresholds inside the voxels; steps: whole voxels, as Hu 2017; "
        "linear: sigma of rho, by way of sigma_surf half-way from rho_pore to rho_bulk", "subvoxel")

    @classmethod
    def _translated(cls, data: dict, notes: list[str]) -> dict:
        data = super()._translated(data, notes)
        if "subvoxel" not in data:
            return data
        subvoxel, profile = data.pop("subvoxel"), data.get("profile")
        if not isinstance(subvoxel, bool):
            raise ValueError(f"conduction.subvoxel = {shown(subvoxel)}: must be true or false, of an older version; today "
                             'conduction.profile = "subvoxel" or "steps"')
        if (subvoxel and profile == "linear") or (not subvoxel and profile == "subvoxel"):
            raise ValueError(f"conduction.subvoxel = {shown(subvoxel)}, of an older version: contradicts "
                             f"conduction.profile = {shown(profile)}; leave it out")
        if profile != "linear":
            data["profile"] = "subvoxel" if subvoxel else "steps"
        if profile is None or subvoxel:  # an older input with all its keys says the same twice
            notes.append(f"conduction.subvoxel = {shown(subvoxel)} is of an older version: read as conduction.profile = "
                         f"{shown(data['profile'])}")
        return data

    @model_validator(mode="after")
    def _has_faces(self) -> Self:
        if self.solver == "split":
            raise ValueError("conduction.solver = \"split\": is for images of labels; use another")
        return self

    @model_validator(mode="after")
    def _conducts(self) -> Self:
        self.check_laws([name for name in SIGMA_KEYS if isinstance(getattr(self, name), tuple)])
        try:
            values = [self.sigma_S_per_m_at(temperature) for temperature in self.temperatures or (None,)]
        except InputError as error:
            raise ValueError(str(error)) from None
        if max(values[0]) == 0:
            raise ValueError("conduction: at least one of sigma_pore_S_per_cm, sigma_bulk_S_per_cm and "
                             "sigma_surf_S_per_cm must be above 0")
        if self.rho_pore >= self.rho_bulk:
            raise ValueError(f"conduction.rho_pore = {self.rho_pore!r}: must be below "
                             f"conduction.rho_bulk = {self.rho_bulk!r}")
        return self

    @property
    def sigma_S_per_m(self) -> tuple[float, float, float]:
        """Conductivities of pore, surface and bulk (S/m), in the order of the labels, at the first temperature."""
        return self.sigma_S_per_m_at(self.temperatures[0] if self.temperatures else None)

    def sigma_S_per_m_at(self, temperature: float | None) -> tuple[float, float, float]:
        """As `sigma_S_per_m`, at a temperature (K); only laws look at it.

        Raises
        ------
        InputError
            Where a law does not hold at it and `extrapolate` is not set.
        """
        return tuple(self._sigma_at(name, temperature) for name in SIGMA_KEYS)

    def _sigma_at(self, name: str, temperature: float | None) -> float:
        value = getattr(self, name)
        if not isinstance(value, tuple):
            return S_PER_M * value
        return conductivity_at(f"conduction.{name}", value, temperature, self.extrapolate)


# In the order of the labels.
SIGMA_KEYS = ("sigma_pore_S_per_cm", "sigma_surf_S_per_cm", "sigma_bulk_S_per_cm")
