"""What conduction found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .record import Array, PerAxis, Record, key

Ends = tuple[float, float] | None
_OUTSIDE = "over all voxels where some lie outside the field of view"


@dataclass(frozen=True, eq=False, kw_only=True)
class FocusingErrors(Record):
    """How far percentiles and maximum may be off because the potential is not exact."""

    percentile_50: float = key("of the median")
    percentile_90: float = key("of the 90th percentile")
    percentile_99: float = key("of the 99th percentile")
    percentile_99_9: float = key("of the 99.9th percentile", name="percentile_99.9")
    maximum: float = key("of the maximum")


@dataclass(frozen=True, eq=False, kw_only=True)
class Focusing(Record):
    """How the current density |J| / <J_axis> is distributed over the voxels of a phase, or of the cell."""

    percentile_50: float | None = key("that half of the voxels do not exceed", absent=_OUTSIDE)
    percentile_90: float | None = key("that 90 % of the voxels do not exceed", absent=_OUTSIDE)
    percentile_99: float | None = key("that 99 % of the voxels do not exceed", absent=_OUTSIDE)
    percentile_99_9: float | None = key("that 99.9 % of the voxels do not exceed", absent=_OUTSIDE, name="percentile_99.9")
    maximum: float = key("largest")
    maximum_at_voxel: tuple[int, int, int] = key("the first voxel where it is, along x, y, z", unit="voxels")
    errors: FocusingErrors | None = key("how far they may be off", absent="in files of 0.1")


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseCurrents(Record):
    """What a phase does for the current."""

    fraction: float = key("of the volume")
    current_share: float = key("of the current; all add to 1, one may be negative where current flows back")
    current_share_error: float | None = key("how far the share may be off", older=None)
    current_over_mean: Focusing = key("its current density")


@dataclass(frozen=True, eq=False, kw_only=True)
class PowerShare(Record):
    """What a phase, a kind of interface or the plates take of power and voltage."""

    power_share: float = key("of the whole; d ln sigma_eff / d ln sigma of a phase, -d ln sigma_eff / d ln R of "
                             "an interface; all add to 1")
    power_share_error: float | None = key("how far it may be off; null: not known", older=None)
    voltage_share: float = key("of the voltage along the field, the mean over all lines")


@dataclass(frozen=True, eq=False, kw_only=True)
class Currents(Record):
    """The currents of a field along one axis."""

    field_along: str = key("the axis, x, y or z", pattern="[xyz]")
    current_over_mean: Focusing = key("current density of all voxels, those that carry nothing included")
    phases: dict[str, PhaseCurrents] = key("the same by phase, under its name")
    power: dict[str, PowerShare] | None = key(
        "where power and voltage go, by the names of phases, `interfaces ` and their rule, `plates`",
        absent="where faces do not follow from labels: of a density, of full tensors, of partial contacts")


@dataclass(frozen=True, eq=False, kw_only=True)
class Transport(Record):
    """How much worse the structure conducts than its phases, along one axis."""

    tortuosity_factor: float | None = key("<sigma> / sigma_eff; null: infinite")
    macmullin_number: float | None = key("sigma of the reference / sigma_eff; null: infinite")
    formation_factor: float | None = key("the same, by Archie's name")
    reference_label: int = key("label of the phase that it refers to")


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseOfMedium(Record):
    """A phase that conduction was solved for."""

    label: int | None = key("its number in the image", older=None)
    fraction: float = key("of the volume")
    sigma_S_per_cm: float | Array = key("its conductivity: a number, three along x, y, z, or a tensor", "S/cm")
    current_share_for_field_along: dict[str, float] | None = key("its share of the current, by the axis of the field",
                                                                 older=None)


@dataclass(frozen=True, eq=False, kw_only=True)
class GridInterval(Record):
    """Where the limit of fine grids is taken to be."""

    grid_interval_S_per_cm_xyz: tuple[Ends, Ends, Ends] = key(
        "interval of sigma_xx, yy, zz that holds it; null where nothing was solved", "S/cm")
    grid_best_S_per_cm_xyz: PerAxis = key("best estimate of it; null of axes not asked for", "S/cm")
    grid_other_S_per_cm: Array | None = key("the tensor on another grid; null where none was solved on", "S/cm",
                                                 shape=(3, 3), older=None)
    grid_error_S_per_cm: Array | None = key("how far each component may be off", "S/cm", shape=(3, 3), older=None)


@dataclass(frozen=True, eq=False, kw_only=True)
class ErrorBar(Record):
    """The three parts of the error of sigma_eff."""

    solver_relative_xyz: PerAxis = key("of the iteration, of sigma_xx, yy, zz, relative")
    grid_relative_xyz: PerAxis = key(
        "of the voxels, of sigma_xx, yy, zz, relative; null where it was not estimated or nothing was solved")
    grid_method: str | None = key("how it was estimated; null: it was not", older=None)
    grid: GridInterval | None = key("the interval", inline=True, absent="where `grid_method` is null")
    sample_relative_of_mean: float | None = key(
        "of the sample, of the mean of the diagonal, relative; null where one sample says nothing of it", older=None)
    sample_method: str = key("how it was estimated, or why not", older="")
    inputs_relative_xyz: PerAxis | None = key("standard deviation that errors of conductivities and resistances make, "
                                              "relative", absent="where no input has an error")


@dataclass(frozen=True, eq=False, kw_only=True)
class BoundaryKind(Record):
    """Boundaries that one rule of resistances is for."""

    area_per_nm: float = key("area per volume, between conductors", "1/nm")
    resistance_ohm_cm2: float = key("R, the mean over the area", "ohm cm^2")


@dataclass(frozen=True, eq=False, kw_only=True)
class BrickLayer(Record):
    """What bricks of one edge would say."""

    D_nm: float = key("edge of the bricks", "nm")
    sigma_S_per_cm: float = key("1 / (1 / sigma_grain + R / D)", "S/cm")
    relative_difference: float = key("to sigma_eff, relative")
    inferred_resistance_ohm_cm2: float = key("R that they would infer: D (1 / sigma_eff - 1 / sigma_grain)", "ohm cm^2")


@dataclass(frozen=True, eq=False, kw_only=True)
class BoundariesResult(Record):
    """Boundaries that resist, and what the brick-layer model makes of them."""

    area_per_nm: float = key("S_V, area per volume of boundaries between conductors with a finite resistance", "1/nm")
    resistance_ohm_cm2: float = key("R, the mean over the area", "ohm cm^2")
    grain_S_per_cm: float | None = key("of grains; null where they do not all conduct alike, or do not fill the volume",
                                       "S/cm")
    apparent_S_per_cm: float | None = key("1 / (1 / sigma_eff - 1 / sigma_grain), of the mean of the diagonal; null "
                                          "likewise", "S/cm")
    brick_layer_3: BrickLayer | None = key("bricks with the same area per volume, D = 3 / S_V; null likewise")
    brick_layer_2: BrickLayer | None = key("bricks as large as the mean intercept, D = 2 / S_V; null likewise")
    kinds: dict[str, BoundaryKind] = key("by the rules of resistances")


@dataclass(frozen=True, eq=False, kw_only=True)
class AtTemperature(Record):
    """What conduction found at one temperature."""

    temperature_K: float = key("temperature", "K")
    sigma_eff_S_per_cm: Array = key("effective conductivity", "S/cm", shape=(3, 3))
    mean_S_per_cm: float = key("mean of the diagonal over the axes asked for", "S/cm")
    solver_relative_error_xyz: PerAxis = key("estimated error of the iteration, relative")
    iterations_xyz: tuple[int, int, int] = key("iterations")


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Record):
    """Arrhenius' law through the temperatures."""

    activation_energy_eV: float = key("of sigma T", "eV")
    activation_energy_standard_error_eV: float | None = key("its standard error; null of two temperatures", "eV", older=None)
    activation_energy_of: str = key("what it was fitted to", older="")
    largest_deviation_from_arrhenius: float | None = key("largest |ln(sigma T) - fit|", older=None)


@dataclass(frozen=True, eq=False, kw_only=True)
class ConductionResult(Record):
    """Effective conductivity with its error, where the current goes, and how it was found.

    Rows and columns of axes that no field was asked for along are NaN, null in JSON; 0 is exact: nothing percolates there.
    """

    sigma_eff_S_per_cm: Array = key("effective conductivity, rows and columns x, y, z", "S/cm", shape=(3, 3))
    sigma_eff_S_per_m: Array = key("the same", "S/m", shape=(3, 3))
    mean_S_per_cm: float = key("mean of the diagonal over `field_axes`", "S/cm")
    field_axes: str = key("axes that a field was applied along", older="xyz", pattern="x?y?z?")
    error_bar: ErrorBar = key("the parts of its error")
    solver: str = key("who solved, and why", older="")
    solver_relative_error_xyz: PerAxis = key("as in `error_bar`")
    iterations_xyz: tuple[int, int, int] = key("iterations for a field along x, y, z")
    conducting_phases_percolate_xyz: tuple[bool, bool, bool] = key("whether what conducts percolates along x, y, z")
    flux_asymmetry: float | None = key("largest |<J_i> for E_j - <J_j> for E_i| by the mean of the diagonal", older=None)
    phases: dict[str, PhaseOfMedium] = key("the phases, under their names")
    transport: dict[str, Transport] | None = key("tortuosity and the like, by axis, where something conducts along it",
                                                 older=None)
    currents: dict[str, Currents] | None = key("currents, by the axis of the field, where one flows", older=None)
    boundaries: BoundariesResult | None = key("boundaries that resist", absent="where none does")
    relative_tolerance: float | None = key("error of the iteration that was allowed", older=None)
    applied_field_V_per_m: float = key("of the stored current density and potential", "V/m")
    conduction_seconds: float | None = key("wall clock of the solves", "s", older=None)
    temperature_K: float | None = key("of all the above", "K", absent="where no temperature was given")
    temperature_series: tuple[AtTemperature, ...] | None = key("every temperature",
                                                               absent="where no temperature was given")
    activation: Activation | None = key("Arrhenius' law", inline=True,
                                        absent="for a single temperature, and where nothing conducts")
    headline: str = key("the line for a paper", older="")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], place: str = "") -> Self:
        """As `Record.from_dict`; the first files of 0.1 knew of no error but the iteration's.

        Parameters
        ----------
        data : mapping
        place : str
            Where it stands, for the message.

        Returns
        -------
        ConductionResult

        Raises
        ------
        InputError
        """
        if "error_bar" not in data and "solver_relative_error_xyz" in data:
            bar = {"solver_relative_xyz": data["solver_relative_error_xyz"], "grid_relative_xyz": [None] * 3}
            data = {**data, "error_bar": bar}
        return super().from_dict(data, place)
