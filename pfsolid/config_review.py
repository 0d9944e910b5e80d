"""What a configuration means before it is run: derived physics, resources, and what is likely to go wrong."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from .config import DEFAULT_STEP_TOLERANCE, NM, RunConfig
from .errors import InputError
from .grid import AXES
from .phasefield.free_energy import SPINODAL_HIGH, SPINODAL_LOW, fastest_growing_wavelength, inside_spinodal
from .spectral import check_rank_count

PHASEFIELD_BYTES_PER_VOXEL = 75
CONDUCTION_BYTES_PER_VOXEL = 60
CHECKPOINT_BYTES_PER_VOXEL = 24
CHECKPOINTS_KEPT = 2
DENSITY_BYTES_PER_VOXEL = 8
CURRENT_BYTES_PER_VOXEL = 12

# Of one core, from 256^3 on 2 ranks (640 steps in 150 s); 64^3 takes 0.7 times this.
SECONDS_PER_VOXEL_STEP = 2.6e-8
SECONDS_PER_VOXEL_ITERATION = 2.4e-8
# Steps lengthen as the structure coarsens.  Measured from noise at tolerance 0.03: 317 to reduced time 300 (64^3), 461 to
# 2000 (128^3), 640 to 14 600 (256^3); at 2000 and 64^3: 440 at tolerance 0.03 and 2375 at 0.004.
STEPS_TO_TIME_ONE, STEPS_TIME_EXPONENT, STEPS_TOLERANCE_EXPONENT = 114, 0.18, -0.8
# 64 iterations to 1e-4 at 32 % porosity, 256^3 and zero pore conductivity, about as many for each decade.
ITERATIONS_PER_DECADE = 16
NUM_FIELDS = 3

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
    parameters = _physics(config) + _resources(config, num_ranks, threads, num_cores or _machine_cores())
    warnings = (_resolution_warnings(config) + _box_warnings(config) + _start_warnings(config)
                + _shape_warnings(config)
                + _machine_warnings(config, num_ranks, threads, num_cores))
    return Review(parameters, warnings, _errors(config, num_ranks))


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
    return rows


def _anisotropy(config: RunConfig) -> list[tuple[str, str, str]]:
    """Nothing for an isotropic run."""
    if len(set(config.reduced_kappa)) == 1:
        return []
    return [("shape factors x, y", f"{config.microstructure.shape_factor_x:g}, {config.microstructure.shape_factor_y:g}",
             ""),
            ("interface width along x, y, z", ", ".join(_number(w) for w in _interface_widths_nm(config)), "nm")]


def _interface_widths_nm(config: RunConfig) -> list[float]:
    """From rho = 0.1 to 0.9 along each axis: (ln 9 / 2) lambda sqrt(kappa_ii / kappa_33)."""
    kappa = config.reduced_kappa
    return [math.log(9) / 2 * config.material.surface_depth_nm * math.sqrt(k / kappa[2]) for k in kappa]


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


def _resources(config: RunConfig, num_ranks: int, threads: int, num_cores: int) -> list[tuple[str, str, str]]:
    shape, voxels = config.grid.shape, config.grid_nm.num_voxels
    rows = [
        ("ranks x threads", f"{num_ranks} x {threads}", f"of {num_cores} cores"),
        ("most ranks possible", str(min(shape[:2])), ""),
        ("memory of a rank", _bytes(_rank_bytes(config, num_ranks)), ""),
        ("disk", _bytes(_disk_bytes(config)), ""),
    ]
    cores = min(num_ranks * threads, num_cores)
    step = SECONDS_PER_VOXEL_STEP * voxels / cores
    num_steps = _expected_steps(config)
    limit = config.evolution.wall_clock_limit_s
    if num_steps is None:
        time = f"{_duration(step)} a step, how many is not known beforehand"
    else:
        count = num_steps if num_steps < 1e6 else f"{num_steps:.2g}"
        time = f"{_duration(step * num_steps)} (about {count} steps)"
    rows.append(("rough time, phase field", time, ""))
    if limit is not None:
        rows.append(("wall-clock limit", _duration(limit), ""))
    if config.conduction is not None:
        iterations = math.ceil(-ITERATIONS_PER_DECADE * math.log10(config.conduction.relative_tolerance))
        iterations = NUM_FIELDS * min(iterations, config.conduction.max_iterations)
        time = SECONDS_PER_VOXEL_ITERATION * voxels * iterations / cores
        rows.append(("rough time, conduction", f"{_duration(time)} (about {iterations} iterations)", ""))
    return rows


def _rank_bytes(config: RunConfig, num_ranks: int) -> float:
    """Peak memory of the rank with the thickest slab; conduction starts when the phase field is gone."""
    n0, n1, n2 = config.grid.shape
    single = config.parallel.precision == "single"
    each = PHASEFIELD_BYTES_PER_VOXEL / 2 if single else PHASEFIELD_BYTES_PER_VOXEL
    if config.conduction is not None:
        each = max(each, CONDUCTION_BYTES_PER_VOXEL)
    return each * math.ceil(n0 / num_ranks) * n1 * n2


def _disk_bytes(config: RunConfig) -> float:
    each = CHECKPOINTS_KEPT * CHECKPOINT_BYTES_PER_VOXEL
    each += DENSITY_BYTES_PER_VOXEL * (1 + _expected_snapshots(config))
    if config.conduction is not None and config.output.save_current:
        each += CURRENT_BYTES_PER_VOXEL
    return each * config.grid_nm.num_voxels


def _end_time(config: RunConfig) -> float | None:
    """The reduced time at which the run ends at the latest, if that is known."""
    evolution = config.evolution
    ends = [] if evolution.max_reduced_time is None else [evolution.max_reduced_time]
    if evolution.max_time_s is not None:
        ends.append(evolution.max_time_s / config.units.time)
    return min(ends, default=None)


def _expected_snapshots(config: RunConfig) -> int:
    end, interval = _end_time(config), config.output.snapshot_interval_reduced_time
    return 0 if end is None or interval is None else math.ceil(end / interval)


def _expected_steps(config: RunConfig) -> int | None:
    evolution, end = config.evolution, _end_time(config)
    counts = [] if evolution.max_steps is None else [evolution.max_steps]
    if end is not None:
        steps = STEPS_TO_TIME_ONE * end**STEPS_TIME_EXPONENT
        steps *= (evolution.step_tolerance / DEFAULT_STEP_TOLERANCE) ** STEPS_TOLERANCE_EXPONENT
        if evolution.max_step_reduced is not None:
            steps = max(steps, end / evolution.max_step_reduced)
        counts.append(math.ceil(steps))
    return min(counts, default=None)


def _errors(config: RunConfig, num_ranks: int) -> list[str]:
    errors = []
    low, high = POROSITY_LIMITS
    porosity = config.microstructure.porosity
    if config.microstructure.initial_field is not None:
        pass  # what the file holds is checked when it is read
    elif config.nucleates:
        try:
            config.plan_nuclei()
        except InputError as error:
            errors.append(str(error))
    elif not inside_spinodal(config.mean_density):
        errors.append(f"microstructure.start = 'noise' with microstructure.porosity = {porosity!r}: noise grows only "
                      f"between {low:.4f} and {high:.4f}, the spinodal limits; use start = \"nucleation\" or \"auto\"")
    else:
        # A mode grows when it is longer than the fastest growing one over sqrt(2).
        shortest = _wavelength_nm(config) / math.sqrt(2)
        longest_edge = max(_edges(config).values())
        if longest_edge < shortest:
            errors.append(f"grid: the box is {longest_edge:.4g} nm long and no wave shorter than "
                          f"{shortest:.4g} nm grows at this porosity, so the noise would decay; use a box of "
                          f"{MIN_WAVELENGTHS * _wavelength_nm(config):.4g} nm or more")
    try:
        check_rank_count(config.grid_nm, num_ranks)
    except InputError as error:
        errors.append(str(error))
    return errors


def _resolution_warnings(config: RunConfig) -> list[str]:
    grid, depth = config.grid_nm, config.material.surface_depth_nm
    voxels = {axis: depth / h for axis, n, h in zip(AXES, grid.shape, grid.spacing) if n > 1}
    coarse = [axis for axis, count in voxels.items() if count < MIN_SURFACE_VOXELS]
    if not coarse:
        return []
    return [f"material.surface_depth_nm = {depth!r}: only {min(voxels.values()):.3g} voxels along "
            f"{', '.join(coarse)}; below {MIN_SURFACE_VOXELS} the surface is not resolved, sticks to the "
            "grid, and sigma_eff is off by tens of percent; use a grid.voxel_size_nm of "
            f"{depth / MIN_SURFACE_VOXELS:.3g} or less"]


def _box_warnings(config: RunConfig) -> list[str]:
    if not inside_spinodal(config.mean_density):
        return []
    warnings, edges = [], _edges(config)
    wavelength, shortest = _wavelength_nm(config), min(edges.values())
    needed = MIN_WAVELENGTHS * wavelength
    small = [axis for axis, length in edges.items() if length < needed]
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


def _machine_warnings(config: RunConfig, num_ranks: int, threads: int, num_cores: int | None) -> list[str]:
    warnings = []
    cores = num_cores or _machine_cores()
    if num_ranks * threads > cores:
        threads_text = "1 thread" if threads == 1 else f"{threads} threads"
        remedy = f"--threads {cores // num_ranks}" if num_ranks <= cores else f"at most {cores} ranks"
        warnings.append(f"{num_ranks} ranks x {threads_text} share {cores} cores, which slows all of them; "
                        f"use {remedy}")
    memory = _rank_bytes(config, num_ranks) * (num_ranks if num_cores is None else 1)
    machine = _machine_bytes()
    if machine is not None and memory > machine:
        warnings.append(f"grid.shape = {list(config.grid.shape)}: needs {_bytes(memory)} of memory and this "
                        f"machine has {_bytes(machine)}; use a smaller grid, or ranks on more machines")
    return warnings


def _edges(config: RunConfig) -> dict[str, float]:
    """Box edges (nm) by axis, without the thickness of a 2-D run."""
    grid = config.grid_nm
    return {axis: length for axis, n, length in zip(AXES, grid.shape, grid.lengths) if n > 1}


def _wavelength_nm(config: RunConfig) -> float:
    return fastest_growing_wavelength(config.mean_density) * config.units.length / NM


def _machine_cores() -> int:
    # Not the affinity: mpirun binds a rank to one core, which says nothing about the others.
    return os.cpu_count() or 1


def _machine_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _number(value: float) -> str:
    return f"{value:.5g}"


def _each(values) -> str:
    """One number where all axes are alike."""
    texts = [_number(v) for v in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def _bytes(count: float) -> str:
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.3g} {unit}"
    return f"{count / 1000:.3g} TB"


def _duration(seconds: float) -> str:
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min"), (1, "s")):
        if seconds >= length:
            break
    else:
        seconds, length, unit = 1000 * seconds, 1, "ms"
    value = seconds / length
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
