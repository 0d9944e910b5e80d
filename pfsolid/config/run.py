"""The validated input of a run.

Keys carry the unit a person writes; the properties of :class:`RunConfig` give SI and reduced quantities.
Reading is plain, without MPI: read on root and broadcast, a configuration pickles.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from ..errors import InputError
from ..grid import PeriodicGrid
from ..materials.arrhenius import BOLTZMANN
from ..orientation import ORDERS, order_of_axes
from ..phasefield.free_energy import REDUCED_KAPPA, ReducedUnits, inside_spinodal, kappa_matrix
from ..phasefield.nested import Stage, plan_stages
from ..phasefield.nucleation import (
    RADIUS_FACTOR,
    NucleationPlan,
    driving_force,
    nucleation_barrier,
    nucleation_rate,
    nucleus_density,
    plan_nucleation,
)
from ..text import as_word
from ..units import EV_PER_A2, NM
from .conduction import ConductionConfig
from .material import expand_material, fill_from_material, material_overrides
from .resolved import was_written_without, write_toml
from .text import Section, apply_overrides, encodable, key, parse_toml, read_text, validated

_HEADING = "pfsolid input, with every default filled in"

DEFAULT_STEP_TOLERANCE = 0.03
# Between them pairs of runs agree in the mean of sigma_eff too; nearer to a threshold one neck decides, and it scatters.
NESTED_POROSITIES = 0.36, 0.64
DEFAULT_INITIAL_STEP = 1e-3

MIN_VOXELS = 8

# Far outside anything physical: they keep products of the values from overflowing or underflowing.
LENGTH_LIMITS: dict[str, Any] = dict(ge=1e-6, le=1e9)
ENERGY_LIMITS = dict(ge=1e-9, le=1e9)
RATE_LIMITS = dict(ge=1e-60, le=1e20)
TIME_LIMITS = dict(ge=1e-12, le=1e15)

SMALLEST_SHAPE_FACTOR, LARGEST_SHAPE_FACTOR = 0.05, 6000
SHAPE_FACTOR_LIMITS = dict(ge=SMALLEST_SHAPE_FACTOR, le=LARGEST_SHAPE_FACTOR)
TILT_LIMITS = dict(ge=-LARGEST_SHAPE_FACTOR, le=LARGEST_SHAPE_FACTOR)

STOP_CONDITIONS = ("max_reduced_time", "max_time_s", "max_steps", "energy_rate_tolerance",
                   "mean_pore_size_nm", "wall_clock_limit_s")


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def as_edges(value: Any) -> Any:
    """One edge length stands for three equal ones."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (value,) * 3
    return as_tuple(value)


def as_order(value: Any) -> Any:
    """An order of axes as `order_of_axes` spells it."""
    return (order_of_axes(value) if isinstance(value, str) else None) or _refuse(ORDERS)


def _refuse(allowed: str) -> Any:
    raise ValueError(allowed)


VoxelCount = Annotated[int, Field(ge=1, le=4096)]
Length = Annotated[float, Field(**LENGTH_LIMITS)]
Title = Annotated[str, AfterValidator(encodable)]
AxesOrder = Annotated[str, BeforeValidator(as_order)]


class GridConfig(Section):
    shape: Annotated[tuple[VoxelCount, VoxelCount, VoxelCount], BeforeValidator(as_tuple)] = key(
        "voxels along x, y, z; 1 along z for a 2-D run",
        allowed=f"three whole numbers from 1 to 4096, {MIN_VOXELS} voxels or more in all")
    voxel_size_nm: Annotated[tuple[Length, Length, Length], BeforeValidator(as_edges)] = key(
        "nm, edge of a voxel along x, y, z",
        allowed="a length from 1e-06 to 1e+09, or three in brackets")

    @field_validator("shape")
    @classmethod
    def _enough_voxels(cls, shape):
        if math.prod(shape) < MIN_VOXELS:
            raise ValueError(f"{MIN_VOXELS} voxels or more in all")
        return shape


class MaterialConfig(Section):
    name: str | None = key("electrolyte of `pfsolid materials list`: gives what is not given here or in [conduction]", None)
    sources: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = key(
        "written by pfsolid: what it took from that electrolyte, and where that comes from", (), allowed="a list of texts")
    surface_energy_eV_per_A2: float | None = key("eV/A^2, surface energy gamma", None, **ENERGY_LIMITS)
    surface_energy_J_per_m2: float | None = key("J/m^2, surface energy gamma", None, **ENERGY_LIMITS)
    surface_depth_nm: float = key(
        "nm, surface depth lambda: rho goes from 0.1 to 0.9 over 1.0986 lambda", **LENGTH_LIMITS)
    mobility_m5_per_J_s: float | None = key(
        "m^5/(J s), mobility M: gives the time its seconds", None, **RATE_LIMITS)
    diffusivity_m2_per_s: float | None = key(
        "m^2/s, diffusivity D in the solid: gives M = D/(32 w)", None, **RATE_LIMITS)
    mobility_ratio_pore_to_solid: float = key("M_p/M_s, mobility in the pores over that in the solid", 1.0, ge=0, le=1e6)
    interface_diffusion: float = key("a: 0 bulk diffusion, 1 interface diffusion only", 0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _one_of_each(self):
        energies = [self.surface_energy_eV_per_A2, self.surface_energy_J_per_m2]
        if energies.count(None) != 1:
            given = "both are" if energies.count(None) == 0 else "none is"
            raise ValueError("material: exactly one of surface_energy_eV_per_A2 and surface_energy_J_per_m2 "
                             f"must be given, {given}")
        if self.mobility_m5_per_J_s is not None and self.diffusivity_m2_per_s is not None:
            raise ValueError("material: at most one of mobility_m5_per_J_s and diffusivity_m2_per_s may be "
                             "given, both are")
        return self


class MicrostructureConfig(Section):
    porosity: float = key("the volume fraction of pores", gt=0, lt=1)
    seed: int = key("the number the random noise follows from", 1, ge=0, le=2**63 - 1)
    noise_amplitude: float = key("standard deviation of the Gaussian noise in rho", 0.02, gt=0, le=0.2)
    start: Literal["auto", "noise", "nucleation"] = key(
        "how it begins; auto: noise inside the spinodal, nucleation outside", "auto")
    initial_field: str | None = key(
        "density to begin with instead: .h5[:DATASET], .npy, .tif or a run directory; any grid of the same cell", None)
    initial_field_axes: AxesOrder | None = key(
        "order of its axes, first index first; as the file says, or zyx, if not set", None, allowed=ORDERS)
    shape_factor_x: float = key("kappa_11/kappa_33: large for rods along x, both small for rods along z", 1.0,
                                **SHAPE_FACTOR_LIMITS)
    shape_factor_y: float = key("kappa_22/kappa_33: large for rods along y, both large for plates normal to z", 1.0,
                                **SHAPE_FACTOR_LIMITS)
    shape_factor_xy: float = key("kappa_12/kappa_33, off the diagonal: axes of rods or plates turned about z", 0.0,
                                 **TILT_LIMITS)
    shape_factor_xz: float = key("kappa_13/kappa_33", 0.0, **TILT_LIMITS)
    shape_factor_yz: float = key("kappa_23/kappa_33", 0.0, **TILT_LIMITS)

    @property
    def off_diagonal(self) -> tuple[float, float, float]:
        """kappa_23, kappa_13 and kappa_12 over kappa_33."""
        return self.shape_factor_yz, self.shape_factor_xz, self.shape_factor_xy

    @property
    def smallest_shape_factor(self) -> float:
        """The smallest eigenvalue of kappa over kappa_33: the least kappa of an interface of any direction."""
        matrix = kappa_matrix((self.shape_factor_x, self.shape_factor_y, 1.0), self.off_diagonal)
        return float(np.linalg.eigvalsh(matrix)[0])

    @model_validator(mode="after")
    def _is_a_positive_kappa(self):
        if any(self.off_diagonal) and self.smallest_shape_factor < SMALLEST_SHAPE_FACTOR:
            named = ", ".join(f"{name} = {getattr(self, name)!r}" for name in (
                "shape_factor_x", "shape_factor_y", "shape_factor_xy", "shape_factor_xz", "shape_factor_yz"))
            raise ValueError(f"microstructure: {named}: an interface of some direction would have a kappa of "
                             f"{self.smallest_shape_factor:.3g} kappa_33, the smallest eigenvalue of the matrix; it must be "
                             f"{SMALLEST_SHAPE_FACTOR:g} or more")
        return self

    @model_validator(mode="after")
    def _axes_of_something(self):
        if self.initial_field_axes is not None and self.initial_field is None:
            raise ValueError(f"microstructure.initial_field_axes = \"{self.initial_field_axes}\": there is no initial_field "
                             "whose axes these could be")
        return self


class NucleationConfig(Section):
    number_density_per_um3: float | None = key("1/um^3, nuclei to be expected", None, gt=0, le=1e12)
    sites_per_nm3: float | None = key("1/nm^3, attempts N of the nucleation period; needs a temperature", None, gt=0,
                                      le=1e12)
    effective_temperature_K: float | None = key("K, temperature in exp(-dG*/k_B T)", None, gt=0, le=1e9)
    duration_reduced_time: float | None = key("events come over this time, not all at the start", None, **TIME_LIMITS)
    radius_factor: float = key("radius of a nucleus over the critical one", RADIUS_FACTOR, ge=1, le=5)

    @model_validator(mode="after")
    def _one_way(self):
        if self.number_density_per_um3 is not None and self.sites_per_nm3 is not None:
            raise ValueError("nucleation: at most one of number_density_per_um3 and sites_per_nm3 may be given, "
                             "both are")
        if (self.sites_per_nm3 is None) != (self.effective_temperature_K is None):
            raise ValueError("nucleation: sites_per_nm3 and effective_temperature_K go together")
        if self.duration_reduced_time is not None and self.number_density_per_um3 is None and self.sites_per_nm3 is None:
            raise ValueError(f"nucleation.duration_reduced_time = {self.duration_reduced_time!r}: needs "
                             "number_density_per_um3 or sites_per_nm3, which say how many events there are")
        return self


class EvolutionConfig(Section):
    max_reduced_time: float | None = key("stop at this time, in lambda^2/(16 w M)", None, **TIME_LIMITS)
    max_time_s: float | None = key(
        "s, stop at this time; needs a mobility or diffusivity", None, **TIME_LIMITS)
    max_steps: int | None = key("stop after this many time steps", None, ge=1)
    energy_rate_tolerance: float | None = key("stop when |d ln F/d ln t| falls below this and the phases have separated",
                                              None, gt=0, lt=1)
    mean_pore_size_nm: float | None = key("nm, stop when the pores of what has separated reach this mean size", None, gt=0)
    wall_clock_limit_s: float | None = key("s, stop with a checkpoint after running so long", None, gt=0)
    step_tolerance: float = key("error in rho allowed in a step: of its rms, relative to its fluctuation, and anywhere",
                                DEFAULT_STEP_TOLERANCE, ge=1e-6, le=0.3)
    max_step_reduced: float | None = key(
        "longest time step, in lambda^2/(16 w M); 0.3 with a mobility that depends on rho if not set", None, **TIME_LIMITS)
    initial_step_reduced: float = key(
        "first time step tried, also after a nucleation, in lambda^2/(16 w M)", DEFAULT_INITIAL_STEP, **TIME_LIMITS)
    nested_grids: Literal["auto", "on", "off"] = key(
        "early stages on coarser grids, the end on this one; auto: where it was shown to change nothing", "auto")

    @model_validator(mode="after")
    def _stops(self):
        if not any(getattr(self, name) is not None for name in STOP_CONDITIONS):
            raise ValueError("evolution: at least one stop condition must be given: "
                             f"{', '.join(STOP_CONDITIONS)}")
        if self.max_step_reduced is not None and self.initial_step_reduced > self.max_step_reduced:
            raise ValueError(f"evolution.initial_step_reduced = {self.initial_step_reduced!r}: must be at "
                             f"most evolution.max_step_reduced = {self.max_step_reduced!r}")
        if self.nested_grids == "on" and self.max_steps is not None:
            raise ValueError(f"evolution.nested_grids = \"on\": cannot be with evolution.max_steps = {self.max_steps!r}, "
                             "for the last steps are to be on the finest grid")
        return self


class OutputConfig(Section):
    history_interval_steps: int = key("time steps between lines of history.csv", 10, ge=1)
    checkpoint_interval_s: float = key("s of running between checkpoints", 600.0, gt=0)
    snapshot_interval_reduced_time: float | None = key(
        "store rho this often, in lambda^2/(16 w M)", None, **TIME_LIMITS)
    save_current: bool = key("store the current density with the fields", True)
    save_potential: bool = key("store the potential with the fields", False)
    figures: bool | Literal["png", "pdf", "svg"] = key("draw the figures at the end: as PNG (true), or in this format", True,
                                                       allowed='true, false, "png", "pdf" or "svg"')


class ParallelConfig(Section):
    precision: Literal["double", "single"] = key("floating-point precision of the phase field", "double")
    threads: int | None = key("threads on each rank", None, ge=1, le=4096)


class RunConfig(Section):
    """Everything one run is told.

    Attributes
    ----------
    conduction : ConductionConfig or None
        None: only the microstructure is grown.
    """

    title: Title = key("what this run is", "")
    grid: GridConfig
    material: MaterialConfig
    microstructure: MicrostructureConfig
    evolution: EvolutionConfig
    nucleation: NucleationConfig = NucleationConfig()
    conduction: ConductionConfig | None = None
    output: OutputConfig = OutputConfig()
    parallel: ParallelConfig = ParallelConfig()
    # Of a version that took arrays for x, y, z: it wrote no order of axes.
    _older: bool = PrivateAttr(False)

    @property
    def unsaid_axes(self) -> str:
        """The order of axes of an initial field that does not say its own."""
        return "xyz" if self._older else "zyx"

    @model_validator(mode="after")
    def _seconds_are_known(self):
        if self.evolution.max_time_s is not None and self.units.mobility is None:
            raise ValueError(f"evolution.max_time_s = {self.evolution.max_time_s!r}: needs "
                             "material.mobility_m5_per_J_s or material.diffusivity_m2_per_s, which give the "
                             "time its seconds")
        return self

    @property
    def grid_nm(self) -> PeriodicGrid:
        """The grid with its spacing in nm."""
        return PeriodicGrid(self.grid.shape, self.grid.voxel_size_nm)

    @property
    def reduced_grid(self) -> PeriodicGrid:
        """The grid with its spacing in surface depths."""
        return self.grid_nm.in_units_of(self.material.surface_depth_nm)

    @property
    def reduced_edges(self) -> tuple[float, float, float]:
        """Edges of the cell in surface depths; 0 along an axis of one voxel, along which nothing varies."""
        grid = self.reduced_grid
        return tuple(length if n > 1 else 0.0 for n, length in zip(grid.shape, grid.lengths))

    @property
    def units(self) -> ReducedUnits:
        """What the reduced units are worth in SI; with a time where a mobility or diffusivity is given.

        In the solid f''(1) = 32 w, so a diffusivity D is a mobility M = D / (32 w).
        """
        material = self.material
        gamma = material.surface_energy_J_per_m2
        if gamma is None:
            gamma = EV_PER_A2 * material.surface_energy_eV_per_A2
        units = ReducedUnits.from_surface(gamma, NM * material.surface_depth_nm, material.mobility_m5_per_J_s)
        if material.diffusivity_m2_per_s is None:
            return units
        return replace(units, mobility=material.diffusivity_m2_per_s / (32 * units.barrier))

    @property
    def end_time(self) -> float:
        """Reduced time at which growth ends at the latest; infinite where nothing says so."""
        evolution, ends = self.evolution, [math.inf]
        if evolution.max_reduced_time is not None:
            ends.append(evolution.max_reduced_time)
        if evolution.max_time_s is not None:
            ends.append(evolution.max_time_s / self.units.time)
        return min(ends)

    def stages(self, num_ranks: int = 1) -> tuple[Stage, ...]:
        """The grids on which it grows, the coarsest first: see `pfsolid.phasefield.nested`."""
        if not self._nests:
            return (Stage(self.reduced_grid, math.inf),)
        kappa = self.reduced_kappa
        if any(self.microstructure.off_diagonal):  # thin interfaces lie at an angle to the axes
            kappa = (REDUCED_KAPPA * self.microstructure.smallest_shape_factor,) * 3
        return plan_stages(self.reduced_grid, kappa, self.end_time, num_ranks)

    @property
    def _nests(self) -> bool:
        """Whether coarser grids may be used.

        By itself only where pairs of runs have shown that nothing changes (docs/microstructure.md): from noise in three
        dimensions, with one width of the interface and one mobility for all, away from the thresholds of percolation.
        """
        wanted, start = self.evolution.nested_grids, self.microstructure
        if wanted != "auto" or self.evolution.max_steps is not None:
            return wanted == "on"
        material = self.material
        low, high = NESTED_POROSITIES
        return (start.initial_field is None and low <= start.porosity <= high and not self.nucleates
                and len(set(self.reduced_kappa)) == 1 and not any(start.off_diagonal)
                and material.mobility_ratio_pore_to_solid == 1 and material.interface_diffusion == 0)

    @property
    def mean_density(self) -> float:
        """<rho> = 1 - porosity."""
        return 1 - self.microstructure.porosity

    @property
    def reduced_kappa(self) -> tuple[float, float, float]:
        """Gradient energy coefficients in reduced units."""
        factors = self.microstructure.shape_factor_x, self.microstructure.shape_factor_y, 1.0
        return tuple(REDUCED_KAPPA * factor for factor in factors)

    @property
    def reduced_off_diagonal(self) -> tuple[float, float, float]:
        """kappa_yz, kappa_xz and kappa_xy in reduced units."""
        yz, xz, xy = (REDUCED_KAPPA * factor for factor in self.microstructure.off_diagonal)
        return yz, xz, xy

    @property
    def nucleates(self) -> bool:
        """Whether the run begins with nuclei; else with noise."""
        start = self.microstructure.start
        return start == "nucleation" or (start == "auto" and not inside_spinodal(self.mean_density))

    @property
    def barrier_in_kt(self) -> float | None:
        """Nucleation barrier over k_B T at the effective temperature."""
        temperature = self.nucleation.effective_temperature_K
        if temperature is None:
            return None
        force = driving_force(self.mean_density, nucleus_density(self.mean_density))
        energy = self.units.energy_density * self.units.length**3
        return nucleation_barrier(force, self.reduced_kappa) * energy / (BOLTZMANN * temperature)

    def plan_nuclei(self) -> NucleationPlan:
        """How many nuclei of what size the run begins with.

        Raises
        ------
        InputError
            If none is to be expected, or none fits.
        """
        nucleation, expected = self.nucleation, None
        volume_nm3 = self.grid_nm.volume
        if nucleation.number_density_per_um3 is not None:
            expected = nucleation.number_density_per_um3 * volume_nm3 * 1e-9
        elif nucleation.sites_per_nm3 is not None:
            expected = nucleation_rate(nucleation.sites_per_nm3, self.barrier_in_kt) * volume_nm3
        return plan_nucleation(self.reduced_grid, self.mean_density, self.reduced_kappa, expected,
                               nucleation.radius_factor)


def read_config(path, overrides=()) -> RunConfig:
    """Read and check an input file.

    Parameters
    ----------
    path : str or Path
        A TOML file.
    overrides : sequence of str
        ``section.key=value``, each put in the place of the file's value; the value is read as TOML, a bare
        word as a text.

    Raises
    ------
    InputError
        One line naming file, key, value and what is allowed; with several mistakes a line for each after a
        first one that counts them.
    """
    return config_from_text(read_text(path), str(path), overrides)


def config_from_text(text: str, source: str, overrides=()) -> RunConfig:
    """As `read_config`, from TOML text; ``source`` names it in errors."""
    raw = parse_toml(text, source)
    if "image" in raw and "grid" not in raw:
        raise InputError(f"{source}: is a study of an image: pfsolid conduct {as_word(source)}")
    expand_material(raw)
    places = apply_overrides(raw, material_overrides(overrides))
    fill_from_material(raw, source, places)
    config = validated(RunConfig, raw, source, places)
    config._older = is_of_older_version(text)
    return config


def is_of_older_version(text: str) -> bool:
    """Whether an input was written by a version that took arrays for x, y, z where they do not say."""
    return was_written_without(text, _HEADING, "initial_field_axes")


def config_from_dict(raw: dict, source: str = "input") -> RunConfig:
    """As `read_config`, from nested dictionaries ``{section: {key: value}}``, which stay as they are."""
    raw = {name: dict(section) if isinstance(section, dict) else section for name, section in raw.items()}
    expand_material(raw)
    fill_from_material(raw, source)
    return validated(RunConfig, raw, source)


def to_toml(config: RunConfig) -> str:
    """The resolved input: every key with its value and meaning.  Reads back equal."""
    return write_toml(config, _HEADING)
