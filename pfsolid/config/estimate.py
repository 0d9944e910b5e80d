"""What a run will take: memory, disk and time, and whether this machine has it."""

from __future__ import annotations

import math
import os

from ..grid import PeriodicGrid
from ..text import in_binary_units, in_words
from .conduction import SolverConfig
from .run import DEFAULT_STEP_TOLERANCE, RunConfig

PHASEFIELD_BYTES_PER_VOXEL = 75
COURSE_BYTES_PER_VOXEL = 8  # rho of two steps in single precision, whatever the run's
CONDUCTION_BYTES_PER_VOXEL = 70  # with the density, or the image, beside it
PETSC_BYTES_PER_VOXEL = 400
PROGRAM_BYTES = 300e6  # of a rank: code, compiled kernels, pieces on their way to a file
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
# Of those, from nuclei all placed at the start: 58 to 191 steps, mean 85, to 300 (the 1600 of Hu 2017's Figure 4, 64^3).
STEPS_FROM_NUCLEI = 0.3
# 64 iterations to 1e-4 at 32 % porosity, 256^3 and zero pore conductivity, about as many for each decade.
ITERATIONS_PER_DECADE = 16
NUM_FIELDS = 3
# Of `conduct` on an image for each field, reading, solving, currents and files together: three phases of 128^3, all
# conducting or one alone, 1.1 and 1.2 s a field on one core.
SECONDS_PER_IMAGE_VOXEL_FIELD = 5e-7


def estimate(config: RunConfig, num_ranks: int = 1) -> tuple[float, float | None]:
    """Bytes of the fullest rank without the program's own, and core-seconds; None if nothing says how many steps."""
    voxels, steps = config.grid_nm.num_voxels, _expected_steps(config)
    seconds = None if steps is None else SECONDS_PER_VOXEL_STEP * voxels * steps * _share_of_voxels(config)
    if seconds is not None and config.conduction is not None:
        seconds += SECONDS_PER_VOXEL_ITERATION * voxels * _expected_iterations(config)
    return _rank_bytes(config, num_ranks), seconds


def conduction_seconds(voxels_solved: float) -> float:
    """Core-seconds of conduction on an image by multigrid, roughly.

    Parameters
    ----------
    voxels_solved : float
        Of all fields and temperatures together.

    Returns
    -------
    float
    """
    return SECONDS_PER_IMAGE_VOXEL_FIELD * voxels_solved


def resources(config: RunConfig, num_ranks: int, threads: int, num_cores: int | None) -> list[tuple[str, str, str]]:
    """Rows of name, value and unit; without ``num_cores``, of this machine."""
    num_cores = num_cores or _machine_cores()
    shape, voxels = config.grid.shape, config.grid_nm.num_voxels
    rows = [
        ("ranks x threads", f"{num_ranks} x {threads}", f"of {num_cores} cores"),
        ("most ranks possible", str(min(shape[:2])), ""),
        ("memory of a rank", in_binary_units(PROGRAM_BYTES + _rank_bytes(config, num_ranks)), ""),
        ("disk", in_binary_units(_disk_bytes(config)), ""),
    ]
    cores = min(num_ranks * threads, num_cores)
    step = SECONDS_PER_VOXEL_STEP * voxels / cores
    num_steps = _expected_steps(config)
    limit = config.evolution.wall_clock_limit_s
    if num_steps is None:
        time = f"{in_words(step)} a step, how many is not known beforehand"
    else:
        count = num_steps if num_steps < 1e6 else f"{num_steps:.2g}"
        time = f"{in_words(step * num_steps * _share_of_voxels(config))} (about {count} steps)"
    rows.append(("rough time, phase field", time, ""))
    if limit is not None:
        rows.append(("wall-clock limit", in_words(limit), ""))
    if config.conduction is not None:
        iterations = _expected_iterations(config)
        time = SECONDS_PER_VOXEL_ITERATION * voxels * iterations / cores
        rows.append(("rough time, conduction", f"{in_words(time)} (about {iterations} iterations)", ""))
    return rows


def _rank_bytes(config: RunConfig, num_ranks: int) -> float:
    """Peak memory of the rank with the thickest slab; conduction starts when the phase field is gone."""
    n0, n1, n2 = config.grid.shape
    return run_bytes_per_voxel(config) * math.ceil(n0 / num_ranks) * n1 * n2


def run_bytes_per_voxel(config: RunConfig) -> float:
    """Peak memory for a voxel of a run."""
    single = config.parallel.precision == "single"
    each = COURSE_BYTES_PER_VOXEL + (PHASEFIELD_BYTES_PER_VOXEL / 2 if single else PHASEFIELD_BYTES_PER_VOXEL)
    if config.conduction is not None:
        each = max(each, conduction_bytes_per_voxel(config.conduction, config.grid_nm))
    return each


def conduction_bytes_per_voxel(conduction: SolverConfig, grid: PeriodicGrid) -> float:
    """Peak memory for a voxel of the grid, as measured at 128^3 to 208^3; of PETSc and halved voxels where asked for."""
    each = PETSC_BYTES_PER_VOXEL if conduction.solver == "petsc" else CONDUCTION_BYTES_PER_VOXEL
    if conduction.grid_error == "refinement":
        each *= grid.halved().num_voxels / grid.num_voxels
    return each


def _disk_bytes(config: RunConfig) -> float:
    each = CHECKPOINTS_KEPT * CHECKPOINT_BYTES_PER_VOXEL
    each += DENSITY_BYTES_PER_VOXEL * (1 + _expected_snapshots(config))
    if config.conduction is not None and config.output.save_current:
        each += CURRENT_BYTES_PER_VOXEL
    return each * config.grid_nm.num_voxels


def _expected_snapshots(config: RunConfig) -> int:
    end, interval = config.end_time, config.output.snapshot_interval_reduced_time
    return 0 if math.isinf(end) or interval is None else 1 + math.ceil(end / interval)  # the first at t = 0


def _expected_steps(config: RunConfig) -> int | None:
    evolution, end = config.evolution, config.end_time
    counts = [] if evolution.max_steps is None else [evolution.max_steps]
    if not math.isinf(end):
        steps = STEPS_TO_TIME_ONE * end**STEPS_TIME_EXPONENT
        steps *= (evolution.step_tolerance / DEFAULT_STEP_TOLERANCE) ** STEPS_TOLERANCE_EXPONENT
        if config.nucleates and config.nucleation.duration_reduced_time is None:
            steps *= STEPS_FROM_NUCLEI
        if evolution.max_step_reduced is not None:
            steps = max(steps, end / evolution.max_step_reduced)
        counts.append(math.ceil(steps))
    return min(counts, default=None)


def _share_of_voxels(config: RunConfig) -> float:
    """Of a step on the whole grid, what one costs in the mean: the early ones may be made on coarser grids."""
    end, begin, share = config.end_time, 0.0, 0.0
    if math.isinf(end):
        return 1.0
    for stage in config.stages():
        until = min(stage.until, end)
        share += stage.grid.num_voxels * (until**STEPS_TIME_EXPONENT - begin**STEPS_TIME_EXPONENT)
        begin = until
    return share / (config.grid_nm.num_voxels * end**STEPS_TIME_EXPONENT)


def _expected_iterations(config: RunConfig) -> int:
    """Of all fields and temperatures together."""
    iterations = math.ceil(-ITERATIONS_PER_DECADE * math.log10(config.conduction.relative_tolerance))
    solves = NUM_FIELDS * max(1, len(config.conduction.temperatures))
    return solves * min(iterations, config.conduction.max_iterations)


def machine_warnings(config: RunConfig, num_ranks: int, threads: int, num_cores: int | None) -> list[str]:
    """More ranks and threads than cores, or more memory than there is."""
    warnings = []
    cores = num_cores or _machine_cores()
    if num_ranks * threads > cores:
        threads_text = "1 thread" if threads == 1 else f"{threads} threads"
        remedy = f"--threads {cores // num_ranks}" if num_ranks <= cores else f"at most {cores} ranks"
        warnings.append(f"{num_ranks} ranks x {threads_text} share {cores} cores, which slows all of them; "
                        f"use {remedy}")
    memory = (PROGRAM_BYTES + _rank_bytes(config, num_ranks)) * (num_ranks if num_cores is None else 1)
    machine = _machine_bytes()
    if machine is not None and memory > machine:
        warnings.append(f"grid.shape = {list(config.grid.shape)}: needs {in_binary_units(memory)} of memory and this "
                        f"machine has {in_binary_units(machine)}; use a smaller grid, or ranks on more machines")
    return warnings


def _machine_cores() -> int:
    # Not the affinity: mpirun binds a rank to one core, which says nothing about the others.
    return os.cpu_count() or 1


def _machine_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
