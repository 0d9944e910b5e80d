"""What a configuration means before it is run: derived physics, and what is likely to go wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..errors import InputError
from ..grid import AXES
from ..phasefield.free_energy import (
    SPINODAL_HIGH,
    SPINODAL_LOW,
    fastest_growing_wavelength,
    inside_spinodal,
    largest_growth_rate,
)
from ..spectral.transform import check_rank_count
from ..units import NM, S_PER_M
from .conduction import ConductionConfig
from .estimate import machine_warnings, resources
from .material import split_note
from .run import RunConfig

MIN_SURFACE_VOXELS = 2
MIN_WAVELENGTHS = 4
SPINODAL_MARGIN = 0.02

POROSITY_LIMITS = (1 - SPINODAL_HIGH, 1 - SPINODAL_LOW)


@dataclass(frozen=True)
class Review:
    """What `review` found.

    Attributes
    ----------
    parameters : list of (name, value, unit), all text
    warnings, errors : list of str
        One line each: why, and what to do.  With errors the run cannot go ahead.
    """

    parameters: list[tuple[str, str, str]]
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def raise_errors(self) -> None:
        """Raise InputError if there are errors, one line each."""
        if self.errors:
            raise InputError("\n".join(self.errors))


def review(config: RunConfig, num_ranks: int = 1, threads: int = 1, num_cores: int | None = None) -> Review:
    """Say what a run would do on so many ranks and threads a rank, without doing it.

    Parameters
    ----------
    config : RunConfig
    num_ranks, threads : int
    num_cores : int, optional
        Cores of all nodes together; None: the ranks are taken to share this machine.
    """
    parameters = _physics(config) + resources(config, num_ranks, threads, num_cores)
    warnings = (_resolution_warnings(config) + _box_warnings(config) + _start_warnings(config)
                + _shape_warnings(config) + list(config.conduction.notes if config.conduction else ())
                + machine_warnings(config, num_ranks, threads, num_cores))
    return Review(parameters, warnings, find_errors(config, num_ranks))


def _physics(config: RunConfig) -> list[tuple[str, str, str]]:
    units, grid = config.units, config.grid_nm
    depth = config.material.surface_depth_nm
    low, high = POROSITY_LIMITS
    spinodal = inside_spinodal(config.mean_density)
    rows = [
        ("grid", " x ".join(map(str, grid.shape)), "voxels"),
        ("box", _each(grid.lengths), "nm"),
        ("voxel edge", _each(grid.spacing), "nm"),
        ("surface energy gamma", _number(units.surface_energy), "J/m^2"),
        ("gradient coefficient kappa", _number(units.kappa), "J/m"),
        ("energy barrier w", _number(units.barrier), "J/m^3"),
        ("surface depth lambda", _number(depth), "nm"),
        ("lambda / voxel edge", _each(depth / h for h in grid.spacing), "voxels"),
        ("porosity", _number(config.microstructure.porosity), ""),
        ("spinodal limits in porosity", f"{low:.4f} to {high:.4f}", ""),
        ("regime", "spinodal" if spinodal else "metastable", ""),
        ("start", config.microstructure.initial_field or ("nucleation" if config.nucleates else "noise"), ""),
        *_anisotropy(config),
        *_stages(config),
    ]
    if config.nucleates and config.microstructure.initial_field is None:
        rows += _nuclei(config)
    elif spinodal:
        wavelength = _wavelength_nm(config)
        ratios = _each(length / wavelength for length in grid.lengths)
        rows += [("fastest growing wavelength", _number(wavelength), "nm"),
                 ("box / fastest growing wavelength", ratios, "")]
    seconds = units.time
    rows.append(("reduced time unit lambda^2/(16 w M)",
                 "unknown (no mobility or diffusivity given)" if seconds is None else _number(seconds),
                 "" if seconds is None else "s"))
    if config.conduction is not None:
        rows.append(("surface layer on a flat surface", _number(surface_layer_nm(config)), "nm"))
        rows += _conductivities(config.conduction)
    return rows + [split_note(note) for note in config.material.sources]


def _conductivities(conduction: ConductionConfig) -> list[tuple[str, str, str]]:
    """One row a temperature."""
    rows = []
    for temperature in conduction.temperatures or (None,):
        at = "" if temperature is None else f" at {temperature:g} K"
        values = ", ".join(_number(sigma / S_PER_M) for sigma in conduction.sigma_S_per_m_at(temperature))
        rows.append((f"sigma of pore, surface, bulk{at}", values, "S/cm"))
    return rows


def _anisotropy(config: RunConfig) -> list[tuple[str, str, str]]:
    """Nothing for an isotropic run."""
    turned = config.microstructure.off_diagonal
    if len(set(config.reduced_kappa)) == 1 and not any(turned):
        return []
    rows = [("shape factors yz, xz, xy", ", ".join(f"{value:g}" for value in turned), "")] if any(turned) else []
    factors = f"{config.microstructure.shape_factor_x:g}, {config.microstructure.shape_factor_y:g}"
    return [*rows, ("shape factors x, y", factors, ""),
            ("interface width along x, y, z", ", ".join(_number(w) for w in _interface_widths_nm(config)), "nm")]


def _stages(config: RunConfig) -> list[tuple[str, str, str]]:
    """Nothing for a run on one grid."""
    stages = config.stages()
    texts = [" x ".join(map(str, stage.grid.shape)) + ("" if math.isinf(stage.until) else f" to t = {stage.until:g}")
             for stage in stages]
    return [("grown on", ", ".join(texts), "voxels")] if len(stages) > 1 else []


def _interface_widths_nm(config: RunConfig) -> list[float]:
    """From rho = 0.1 to 0.9 along each axis: (ln 9 / 2) lambda sqrt(kappa_ii / kappa_33)."""
    return [math.log(9) / 2 * config.material.surface_depth_nm * stretch for stretch in _stretches(config)]


def _stretches(config: RunConfig) -> list[float]:
    """Lengths along each axis over those along z: sqrt(kappa_ii / kappa_33)."""
    kappa = config.reduced_kappa
    return [math.sqrt(k / kappa[2]) for k in kappa]


def _nuclei(config: RunConfig) -> list[tuple[str, str, str]]:
    rows = []
    if config.barrier_in_kt is not None:
        rows.append(("nucleation barrier", f"{config.barrier_in_kt:.4g}", "k_B T"))
    try:
        plan = config.plan_nuclei()
    except InputError as error:
        return rows + [("nuclei", f"none: {error}", "")]
    depth = config.material.surface_depth_nm
    return rows + [("critical radius of a sphere", _number(plan.critical_radius * depth), "nm"),
                   ("nuclei", f"{plan.expected:.4g} expected, room for {plan.max_number}", ""),
                   ("nucleus", f"{plan.shape}, semi-axes {', '.join(_number(a * depth) for a in plan.semi_axes)}", "nm")]


def surface_layer_nm(config: RunConfig) -> float:
    """Thickness over which a flat equilibrium surface is between rho_pore and rho_bulk (nm).

    rho = (1 + tanh(2x/lambda))/2 puts rho at x = (lambda/4) ln(rho/(1 - rho)).
    """
    ends = (config.conduction.rho_pore, config.conduction.rho_bulk)
    start, end = (math.log(rho / (1 - rho)) for rho in ends)
    return config.material.surface_depth_nm / 4 * (end - start)


def find_errors(config: RunConfig, num_ranks: int = 1) -> list[str]:
    """Why a run could not go ahead, one line each."""
    errors = []
    low, high = POROSITY_LIMITS
    porosity = config.microstructure.porosity
    if config.microstructure.initial_field is not None:
        pass  # what the file holds is checked when it is read
    elif config.nucleates and any(config.microstructure.off_diagonal):
        errors.append(f"microstructure.porosity = {porosity!r}: begins with nuclei, whose shape is known for a diagonal "
                      "kappa only; without shape_factor_xy, shape_factor_xz and shape_factor_yz, or with an initial_field")
    elif config.nucleates:
        try:
            config.plan_nuclei()
        except InputError as error:
            errors.append(str(error))
    elif not inside_spinodal(config.mean_density):
        errors.append(f"microstructure.start = 'noise' with microstructure.porosity = {porosity!r}: noise grows only "
                      f"between {low:.4f} and {high:.4f}, the spinodal limits; use start = \"nucleation\" or \"auto\"")
    elif not largest_growth_rate(config.mean_density, config.reduced_edges, config.reduced_kappa,
                                 config.reduced_off_diagonal):
        # A mode grows when it is longer than the fastest growing one over sqrt(2), times the root of the shape factor.
        shortest = _wavelength_nm(config) / math.sqrt(2)
        stiff = " (times the root of its shape factor along x or y)" if len(set(config.reduced_kappa)) > 1 else ""
        errors.append(f"grid: the box is {max(_edges(config).values()):.4g} nm long and no wave shorter than "
                      f"{shortest:.4g} nm grows{stiff} at this porosity, so the noise would decay; use a box of "
                      f"{MIN_WAVELENGTHS * _wavelength_nm(config):.4g} nm or more")
    try:
        check_rank_count(config.grid_nm, num_ranks)
    except InputError as error:
        errors.append(str(error))
    return errors


def _resolution_warnings(config: RunConfig) -> list[str]:
    grid, depth = config.grid_nm, config.material.surface_depth_nm
    smallest = config.microstructure.smallest_shape_factor
    # A turned interface has its smallest width along no axis.
    depths = [depth * (math.sqrt(smallest) if any(config.microstructure.off_diagonal) else stretch)
              for stretch in _stretches(config)]
    voxels = {axis: length / h for axis, n, h, length in zip(AXES, grid.shape, grid.spacing, depths) if n > 1}
    coarse = [axis for axis, count in voxels.items() if count < MIN_SURFACE_VOXELS]
    if not coarse:
        return []
    of = "" if set(depths) == {depth} else " of sqrt(kappa_ii/kappa_33) lambda"
    needed = min(depths[AXES.index(axis)] for axis in coarse) / MIN_SURFACE_VOXELS
    return [f"material.surface_depth_nm = {depth!r}: only {min(voxels.values()):.3g} voxels along "
            f"{', '.join(coarse)}{of}; below {MIN_SURFACE_VOXELS} the surface is not resolved, sticks to the "
            f"grid, and sigma_eff is off by tens of percent; use a grid.voxel_size_nm of {needed:.3g} or less"
            + (f" along {', '.join(coarse)}" if of else "")]


def _box_warnings(config: RunConfig) -> list[str]:
    if not inside_spinodal(config.mean_density):
        return []
    warnings, edges = [], _edges(config)
    wavelength, shortest = _wavelength_nm(config), min(edges.values())
    needed = MIN_WAVELENGTHS * wavelength
    # Where kappa_ii is smaller, so are the waves; where it is larger, `_shape_warnings` says when that is too much.
    small = [axis for axis, length in edges.items() if length < needed * min(1, _stretches(config)[AXES.index(axis)])]
    if small:
        warnings.append(f"grid: the box is {shortest:.4g} nm along {', '.join(small)}, fewer than "
                        f"{MIN_WAVELENGTHS} of the fastest growing waves of {wavelength:.4g} nm; it holds "
                        f"few pores, so that sigma_eff differs from seed to seed; use {needed:.4g} nm or "
                        "more, or average over seeds")
    size = config.evolution.mean_pore_size_nm
    if size is not None and size > shortest / 2:
        warnings.append(f"evolution.mean_pore_size_nm = {size!r}: more than half the box of {shortest:.4g} "
                        "nm, so it may never be reached; use a larger box, or another stop condition as well")
    return warnings


def _shape_warnings(config: RunConfig) -> list[str]:
    widths = dict(zip(AXES, _interface_widths_nm(config)))
    wide = [axis for axis, length in _edges(config).items() if widths[axis] > length]
    if not wide:
        return []
    return [f"an interface across {', '.join(wide)} would be wider than the cell "
            f"({', '.join(f'{widths[axis]:.4g} nm' for axis in wide)}): the structure cannot vary along "
            f"{' and '.join(wide)}, whatever the shape factor; take a larger cell to see where it ends"]


def _start_warnings(config: RunConfig) -> list[str]:
    warnings = []
    if config.nucleates:
        return warnings
    rho, noise = config.mean_density, config.microstructure.noise_amplitude
    # The largest of N unit Gaussians is about sqrt(2 ln N).
    peak = math.sqrt(2 * math.log(config.grid_nm.num_voxels))
    room = min(rho, 1 - rho)
    if noise * peak > room:
        warnings.append(f"microstructure.noise_amplitude = {noise!r}: the noise reaches {noise * peak:.2g} "
                        f"from the mean, so that rho leaves the range from 0 to 1; use "
                        f"{room / peak:.2g} or less")
    low, high = POROSITY_LIMITS
    porosity = config.microstructure.porosity
    if low < porosity < high and min(porosity - low, high - porosity) < SPINODAL_MARGIN:
        warnings.append(f"microstructure.porosity = {porosity!r}: within {SPINODAL_MARGIN} of a spinodal "
                        f"limit ({low:.4f}, {high:.4f}), where phase separation starts slowly and with long "
                        "waves; allow a longer time and a larger box")
    return warnings


def _edges(config: RunConfig) -> dict[str, float]:
    """Box edges (nm) by axis, without the thickness of a 2-D run."""
    grid = config.grid_nm
    return {axis: length for axis, n, length in zip(AXES, grid.shape, grid.lengths) if n > 1}


def _wavelength_nm(config: RunConfig) -> float:
    return fastest_growing_wavelength(config.mean_density) * config.units.length / NM


def _number(value: float) -> str:
    return f"{value:.5g}"


def _each(values) -> str:
    """One number where all axes are alike."""
    texts = [_number(v) for v in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)
