"""A whole run: from an input file to a directory with its conductivity, and the ways back into it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..conduction.phases import BULK, NAMES, PORE, SURFACE
from ..config.estimate import PROGRAM_BYTES, run_bytes_per_voxel
from ..config.execution import physics_of
from ..config.review import review
from ..config.run import RunConfig, config_from_text, to_toml
from ..errors import CheckpointError, InputError, Interrupted
from ..grid import PeriodicGrid
from ..homogenization.report import conduction_lines, conduction_result, solver_lines
from ..homogenization.solve import check_solver
from ..io.checkpoint import Checkpoint, load_latest
from ..io.hdf5 import DistributedArray
from ..io.provenance import provenance
from ..io.run_directory import (
    CHECKPOINTS,
    FIELDS,
    INPUT,
    LOG,
    RESULT,
    SNAPSHOTS,
    RunDirectory,
    home_of,
    new_run,
)
from ..io.sealed_json import read_stamped_json, write_stamped_json
from ..io.series import Field, list_snapshots, write_fields
from ..io.xdmf import write_series_xdmf, write_xdmf
from ..parallel.collective import on_root
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..results.conduction import ConductionResult
from ..results.morphology import MorphologyResult
from ..results.run import (
    SCHEMA_VERSION,
    SEPARATED,
    UNSEPARATED,
    GridOf,
    MaterialOf,
    Provenance,
    ReducedUnits,
    Result,
)
from ..spectral.transform import slab_of
from ..text import as_word, in_words, plural
from .console import log_to
from .density import homogenize
from .measure import characterize, morphology_lines
from .simulate import Growth, grow, thresholds
from .solved import SolvedOnDisk, digest_of
from .start import check_initial_field

# Curved and young interfaces pass the wells by up to 0.04, time steps that are too long by more.
_OVERSHOOT = 0.05
_MORPHOLOGY = "morphology"


def default_directory(path) -> Path:
    """Where a run goes without -o: runs/<name of the input file>."""
    return Path("runs") / Path(path).stem


def run(config: RunConfig, directory: Path, session: Session, force: bool = False) -> Result:
    """Grow a microstructure, solve conduction on it, leave everything in ``directory``.  Collective.

    Returns
    -------
    Result
        What result.json holds.

    Raises
    ------
    InputError
        Before anything is computed: the input asks for what cannot be, or the directory is in use.
    Interrupted, ConvergenceError, OutputError
    """
    checked = review(config, session.reducer.size, session.threads)
    checked.raise_errors()
    check_memory(config.grid_nm.num_voxels, run_bytes_per_voxel(config), PROGRAM_BYTES, session.comm,
                 f"grid.shape = {list(config.grid.shape)}", "use a smaller grid, or more nodes")
    if config.conduction is not None:
        check_solver(config.conduction, session.comm)
    config, sources = _with_order(config, session)
    session.limit_s = config.evolution.wall_clock_limit_s
    with new_run(directory, to_toml(config), force, session.comm, sources=sources, on_lost=session.lose) as place:
        log_to(place.path / LOG, session)
        if place.goes_on:
            result = go_on(config, place, session)
        else:
            session.say(_headline(config, session, directory))
            for warning in checked.warnings:
                session.warn(warning)
            result = _compute(config, place.path, session, None)
    session.say(f"done in {in_words(session.elapsed_s)}: {directory / RESULT}")
    return result


def _with_order(config: RunConfig, session: Session) -> tuple[RunConfig, list[Path]]:
    """The input with the order of axes of its initial field, where neither it nor the file says one, and that file.

    Collective.
    """
    start = config.microstructure
    if start.initial_field is None:
        return config, []
    info = on_root(session.comm, check_initial_field, config)
    if not info.axes_said:
        config = config.model_copy(update={"microstructure": start.model_copy(update={"initial_field_axes": info.axes})})
    return config, [info.path]


def check_initial_limits(config: RunConfig, session: Session) -> None:
    """Refuse what this launch cannot do, and take up its time limit.  Collective."""
    review(config, session.reducer.size, session.threads).raise_errors()
    session.limit_s = config.evolution.wall_clock_limit_s


def go_on(config: RunConfig, place: RunDirectory, session: Session) -> Result:
    """Go on with a run from its last good checkpoint, leaving everything in its directory.  Collective."""
    damage = on_root(session.comm, damage_of_result, place.path)
    if damage:
        session.warn(f"{damage}; the run is resumed to make it anew")
    checkpoint = last_checkpoint(config, place.path, session)
    if checkpoint is None:
        session.say(f"{place.home} holds no checkpoint yet: starting from the beginning")
    else:
        session.say(f"resuming {place.home} at step {checkpoint.step}, reduced time {checkpoint.state['time']:.6g} "
                    f"(written on {plural(checkpoint.attributes['num_ranks'], 'rank')}, now {session.reducer.size})")
    return _compute(config, place.path, session, checkpoint)


def _compute(config: RunConfig, directory: Path, session: Session, checkpoint: Checkpoint | None) -> Result:
    made = made_by(config, session)
    attributes = attributes_of(made, config)
    try:
        growth = grow(config, directory, session, checkpoint, attributes)
    except Interrupted as error:
        raise Interrupted(f"{error}; go on with: pfsolid resume {as_word(home_of(directory))}") from error
    report_growth(growth, session)
    rho = growth.rho
    store_density(rho, "float64", directory, config, attributes, session)
    result = result_of(growth, config, made)
    del growth
    return finish(result, rho, config, directory, session)


def report_growth(growth: Growth, session: Session) -> None:
    """How it went, and warnings of a density that means little.  Collective."""
    final = growth.summary.final
    session.say(f"grown: {growth.summary.reason}; {growth.summary.steps} steps in "
                f"{in_words(growth.summary.wall_clock_s)}; surface fraction {final.surface_fraction:.3f}")
    if not growth.separated:
        warn_of_unseparated(final.pore_fraction, final.surface_fraction, final.bulk_fraction, session)
    rho = growth.rho
    low, high = session.reducer.min(float(rho.min())), session.reducer.max(float(rho.max()))
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        session.warn(f"the density runs from {low:.3g} to {high:.3g}: the time steps are too long; set a smaller "
                     "evolution.step_tolerance or evolution.max_step_reduced")


def warn_of_unseparated(pore: float, surface: float, bulk: float, session: Session) -> None:
    """By the fractions of the volume."""
    session.warn(f"unseparated: the phases have not separated: {100 * surface:.0f} % of the volume counts as surface, "
                 f"{100 * pore:.0f} % as pore and {100 * bulk:.0f} % as bulk, so there is no conductivity to be had; let "
                 "the run go on for longer")


def store_density(rho: np.ndarray, dtype: str, directory: Path, config: RunConfig, attributes: dict,
                   session: Session) -> None:
    array = DistributedArray(rho, config.grid.shape, slab_of(config.grid_nm, session.comm))
    # The first of the fields: what an interrupted attempt left, perhaps damaged, is not looked at.
    write_fields(directory / FIELDS, {"rho": Field(array, "1", dtype=dtype)}, config.grid_nm, attributes, session.comm,
                 keep_others=False)


def result_of(growth: Growth, config: RunConfig, made: Provenance) -> Result:
    """The part of result.json that is known when the microstructure is grown."""
    units, mean_density = config.units, growth.summary.final.mean_density
    return Result(
        schema_version=SCHEMA_VERSION, title=config.title, state=SEPARATED if growth.separated else UNSEPARATED,
        mean_density=mean_density, porosity=1 - mean_density, growth=growth.summary,
        reduced_units=ReducedUnits(length_m=units.length, energy_density_J_per_m3=units.energy_density, time_s=units.time),
        kappa_J_per_m=units.kappa, barrier_J_per_m3=units.barrier, surface_energy_J_per_m2=units.surface_energy,
        grid=grid_of(config.grid_nm), provenance=made)


def grid_of(grid_nm: PeriodicGrid) -> GridOf:
    """For result.json."""
    return GridOf(shape=grid_nm.shape, voxel_size_nm=grid_nm.spacing)


def finish(result: Result, rho: np.ndarray, config: RunConfig, directory: Path, session: Session) -> Result:
    """Morphology and conduction, then result.json: the last to be written of what makes a run complete."""
    result = replace(result, provenance=made_by(config, session))
    try:
        memory = solved_before(result, rho, config, directory, session)
        result = with_properties(result, rho, config, directory, session, memory)
    except Interrupted as error:
        raise Interrupted(f"{error}; the microstructure and what is solved are stored; go on with: "
                          f"pfsolid resume {as_word(home_of(directory))}") from error
    if on_root(session.comm, (directory / FIELDS).exists):  # of a stored density that has not separated there are none
        write_xdmf(directory / FIELDS, session.comm)
    if on_root(session.comm, list_snapshots, directory / SNAPSHOTS):
        write_series_xdmf(directory / SNAPSHOTS, session.comm)
    on_root(session.comm, write_stamped_json, directory / RESULT, result.to_dict())
    memory.clear()
    return result


def with_properties(result: Result, rho: np.ndarray, config: RunConfig, directory: Path | None, session: Session,
                    memory: SolvedOnDisk | None = None, with_currents: bool = True) -> Result:
    """``result`` with morphology, and conduction if it is asked for.  Collective.

    Of what has not separated there is no conduction.

    Parameters
    ----------
    directory : Path, optional
        Where fields are stored.
    memory : SolvedOnDisk, optional
        What earlier launches have measured and solved, and this one finds.
    with_currents : bool
        Whether the statistics of the current are wanted too.

    Raises
    ------
    Interrupted, ConvergenceError, OutputError
    """
    grid_nm = PeriodicGrid(result.grid.shape, result.grid.voxel_size_nm)
    morphology = _measured(rho, grid_nm, config, session, memory)
    result = replace(result, morphology=morphology)
    if config.material.sources:
        sources = MaterialOf(name=config.material.name, sources=tuple(config.material.sources))
        result = replace(result, material=sources)
    if result.state == UNSEPARATED:
        return result
    for line in morphology_lines(morphology):
        session.say(line)
    if config.conduction is None:
        return result
    conducted = _conduct(result, rho, config, directory, session, memory, with_currents)
    return replace(result, conduction=conducted, rho_pore=config.conduction.rho_pore, rho_bulk=config.conduction.rho_bulk)


def _conduct(result: Result, rho: np.ndarray, config: RunConfig, directory: Path | None, session: Session,
             memory: SolvedOnDisk | None, with_currents: bool) -> ConductionResult:
    """Solve conduction on a density, and tell of it.  Collective."""
    conduction, grid_nm = config.conduction, PeriodicGrid(result.grid.shape, result.grid.voxel_size_nm)
    attributes = attributes_of(result.provenance, config)
    solved = homogenize(rho, grid_nm, conduction, directory, session, config.output, attributes, memory,
                        with_currents=with_currents)
    conducted = conduction_result(solved, NAMES, conduction, axes_alike=axes_alike(config, grid_nm))
    for line in solver_lines(solved):
        session.note(line)
    # What the thresholds cut off is not the porosity.
    names = {PORE: f"pore (rho < {conduction.rho_pore:g})", SURFACE: "surface",
             BULK: f"bulk (rho > {conduction.rho_bulk:g})"}
    for line in conduction_lines(solved, names, conducted):
        session.say(line)
    return conducted


def _measured(rho: np.ndarray, grid_nm: PeriodicGrid, config: RunConfig, session: Session,
              memory: SolvedOnDisk | None) -> MorphologyResult:
    """The morphology; what a launch that was stopped while solving has measured is not measured again.  Collective."""
    noted = memory and memory.noted(_MORPHOLOGY, 0)
    if noted:
        found = MorphologyResult.from_dict(noted)
    else:
        found = characterize(rho, grid_nm, thresholds(config), config.material.surface_depth_nm, session)
    if memory:
        memory.note(_MORPHOLOGY, 0, found.to_dict())
    return found


def axes_alike(config: RunConfig, grid_nm) -> bool:
    """But for chance: grown here in a cube or square, with one width of the surface for all directions."""
    structure, lengths = config.microstructure, [grid_nm.lengths[axis] for axis in grid_nm.real_axes]
    return (structure.initial_field is None and structure.shape_factor_x == structure.shape_factor_y == 1
            and not any(structure.off_diagonal) and math.isclose(min(lengths), max(lengths), rel_tol=1e-6))


def solved_before(result: Result, rho: np.ndarray, config: RunConfig, directory: Path, session: Session) -> SolvedOnDisk:
    """What earlier launches have kept of the solves on a density that is grown.  Collective."""
    return SolvedOnDisk(directory, session, _physics(result, rho, config, session)).load()


def _physics(result: Result, rho: np.ndarray, config: RunConfig, session: Session) -> str:
    """What decides a solve: the input, and how far the structure has grown or, of one that was read, itself."""
    # A grown density has other last bits on another number of ranks.
    of = digest_of(rho, session.reducer) if result.growth is None else f"step {result.growth.steps}"
    return f"{physics_of(config)} {of}"


def made_by(config: RunConfig, session: Session) -> Provenance:
    """Provenance of what is made now.  Collective."""
    return provenance(session.comm, seed=config.microstructure.seed, threads=session.threads, input_text=to_toml(config))


def attributes_of(made: Provenance, config: RunConfig) -> dict:
    """Provenance of a file of fields, with the whole input."""
    return {**made.to_dict(), "input": to_toml(config)}


def _headline(config: RunConfig, session: Session, directory: Path) -> str:
    shape = " x ".join(map(str, config.grid.shape))
    title = " ".join(config.title.split()) or directory.name
    return (f"pfsolid: {title}: {shape} voxels on {plural(session.reducer.size, 'rank')} x "
            f"{plural(session.threads, 'thread')}, in {directory}")


def last_checkpoint(config: RunConfig, directory: Path, session: Session) -> Checkpoint | None:
    folder = directory / CHECKPOINTS
    if not on_root(session.comm, _holds_checkpoints, folder):
        return None
    checkpoint, refusals = load_latest(folder, session.comm)
    for reason in refusals:
        session.warn(f"checkpoint refused: {reason}")
    # By what it says, not letter by letter: another version has other keys and comments.
    if physics_of(config_from_text(checkpoint.state["input"], str(checkpoint.path))) != physics_of(config):
        raise CheckpointError(f"{checkpoint.path} belongs to another input than {directory / INPUT}: that file was "
                              "edited; put it back, or start a new run with -o")
    return checkpoint


def _holds_checkpoints(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("step_*.h5"))


def read_result(directory: Path) -> Result:
    """result.json of a finished run, of this version or an older one; for one rank.

    Raises
    ------
    InputError
        If there is none, or not one of pfsolid's.
    """
    path = Path(directory) / RESULT
    if not path.exists():
        raise InputError(f"{directory} holds no {RESULT}: the run is not finished, or it is not a run")
    try:
        data = read_stamped_json(path)
    except CheckpointError as error:
        raise InputError(str(error)) from None
    try:
        return Result.from_dict(data)
    except InputError as error:
        raise InputError(f"{path} is not a result of pfsolid: {error}") from None


def damage_of_result(directory: Path) -> str:
    """What is wrong with a result that is there; empty if nothing.  For one rank."""
    try:
        if (directory / RESULT).exists():
            read_result(directory)
    except InputError as error:
        return str(error)
    return ""
