"""Conduction of several carriers on an image of labels: from a file to a directory with the conductivity of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.execution import physics_of
from ..config.image import ImageStudyConfig
from ..errors import Interrupted
from ..homogenization.carriers import PROFILE_COLUMNS, CarriersConduction, profile_rows
from ..homogenization.medium import Medium
from ..homogenization.parts import Part, tell_of_spacing
from ..homogenization.report import conduction_lines, solver_lines
from ..io.files import make_folder
from ..io.provenance import provenance
from ..io.records import atomic_write_text, csv_text
from ..io.run_directory import FIELDS, PROFILES, RESULT, RunDirectory
from ..io.sealed_json import write_stamped_json
from ..io.xdmf import write_xdmf
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.electrode import ElectrodeAxis, ElectrodeResult
from ..results.run import SCHEMA_VERSION, GridOf, Result
from ..text import as_word
from .image import FieldsKeeper, Prepared, headline_of, in_directory, read_study
from .image import memory_of as memory_of_image
from .image import prepare as prepare_image
from .image import solved as solved_image
from .solved import SolvedOnDisk, digest_of


def conduct_carriers(study: ImageStudyConfig, directory: Path, session: Session, force: bool = False) -> Result:
    """Solve for each carrier, and leave everything in ``directory``.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
        With carriers.
    directory : Path
    session : Session
    force : bool
        Replace an earlier result.

    Returns
    -------
    Result
        What result.json holds.

    Raises
    ------
    InputError
        Before anything is computed.
    Interrupted, ConvergenceError, OutputError
    """
    return in_directory(prepare(study, session), leave_results, directory, session, force)


def prepare(study: ImageStudyConfig, session: Session) -> Prepared[CarriersConduction]:
    """What cannot be used is refused here, before anything is replaced.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
    session : Session

    Returns
    -------
    Prepared
    """
    return read_study(CarriersConduction, study, session)


def leave_results(prepared: Prepared[CarriersConduction], place: RunDirectory, session: Session) -> Result:
    """Solve, and write everything but the figures into a directory.  Collective.

    Parameters
    ----------
    prepared : Prepared
    place : RunDirectory
    session : Session

    Returns
    -------
    Result
        What result.json holds.

    Raises
    ------
    Interrupted
        What is solved is stored.
    """
    problem, directory = prepared.problem, place.path
    on_root(session.comm, (directory / FIELDS).unlink, True)  # what an interrupted attempt left, perhaps damaged
    made = provenance(session.comm, seed=None, threads=session.threads, input_text=prepared.text)
    first = problem.studies[problem.names[0]]
    keeper = FieldsKeeper(first, directory / FIELDS, made.to_dict() | {"input": prepared.text}, session)
    memory = memory_of(prepared, directory, session)
    try:
        result = solved(prepared, session, memory, lambda name, part, medium: keeper.watch(part, medium, name))
    except Interrupted as error:
        raise Interrupted(f"{error}; what is solved is stored; go on with: pfsolid resume {as_word(place.home)}") from error
    if rows := profile_rows(problem, result.electrode):
        on_root(session.comm, atomic_write_text, directory / PROFILES, csv_text([PROFILE_COLUMNS, *rows]))
    write_xdmf(directory / FIELDS, session.comm)
    on_root(session.comm, write_stamped_json, directory / RESULT, result.to_dict())
    memory.clear()
    return result


def memory_of(prepared: Prepared[CarriersConduction], directory: Path, session: Session) -> SolvedOnDisk:
    """What earlier launches have solved of a study in a directory.  Collective.

    Parameters
    ----------
    prepared : Prepared
    directory : Path
    session : Session

    Returns
    -------
    SolvedOnDisk
    """
    problem = prepared.problem
    physics = f"{physics_of(problem.study)} {digest_of(problem.first.first_labels, session.reducer)}"
    return SolvedOnDisk(directory, session, physics).load()


def solved(prepared: Prepared[CarriersConduction], session: Session, memory: SolvedOnDisk | None = None,
           watch: Callable[[str, Part, Medium], Any] | None = None) -> Result:
    """Solve for each carrier: what result.json holds.  Collective; nothing is written but by what is passed.

    Parameters
    ----------
    prepared : Prepared
    session : Session
    memory : SolvedOnDisk, optional
    watch : callable, optional
        See `CarriersConduction.solve`.

    Returns
    -------
    Result

    Raises
    ------
    Interrupted, ConvergenceError
    """
    problem, info = prepared.problem, prepared.info
    study, grid = problem.study, problem.parts[0].unmirrored_grid_nm
    session.say(headline_of(study, info, problem.parts[0], session))
    session.say(info.order_line)
    tell_of_spacing(study, info, session)
    found = problem.solve(watch, memory)
    results = problem.results(found)
    for name, one in found.items():
        session.note("\n".join(solver_lines(one)))
        for line in conduction_lines(one, problem.studies[name].names, results[name]):
            session.say(f"{name}: {line}")
    electrode = problem.electrode(results)
    for line in [] if electrode is None else electrode_lines(electrode):
        session.say(line)
    return Result(schema_version=SCHEMA_VERSION, title=study.title, source=str(study.image.file),
                  boundary=study.image.boundary, axes_order=info.axes, carriers=results, electrode=electrode,
                  grid=GridOf(shape=grid.shape, voxel_size_nm=grid.spacing),
                  provenance=provenance(session.comm, seed=None, threads=session.threads, input_text=prepared.text))


def run_study_case(study: ImageStudyConfig, folder: Path, session: Session) -> Result:
    """A case of a sweep over images: its result, and nothing else left when it is done.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
    folder : Path
        For what is solved, which a later launch goes on with.
    session : Session

    Returns
    -------
    Result

    Raises
    ------
    InputError, Interrupted, ConvergenceError, OutputError
    """
    on_root(session.comm, make_folder, folder)
    if is_of_carriers(study):
        with prepare(study, session) as several:
            return solved(several, session, memory_of(several, folder, session))
    with prepare_image(study, session) as one:
        return solved_image(one, session, memory_of_image(one, folder, session))


def electrode_lines(found: ElectrodeResult) -> list[str]:
    """What two carriers do together, for a person.

    Parameters
    ----------
    found : ElectrodeResult

    Returns
    -------
    list of str
    """
    lines = []
    for axis, one in found.axes.items():
        parts = [f"ambipolar {one.ambipolar_S_per_cm:.4g} S/cm"]
        if one.transport_number is not None:
            parts.append(f"transport number of {found.carriers[0]} {one.transport_number:.4g}")
        parts += _reached(found, one)
        if one.electrode_tortuosity is not None:
            parts.append(f"electrode tortuosity {one.electrode_tortuosity:.4g}")
        if one.front is not None:
            parts.append(f"penetration depth {one.front.penetration_depth_nm / 1000:.4g} um, nu {one.front.nu:.3g}")
        lines.append(f"along {axis}: {'; '.join(parts)}")
    if not found.active:
        lines.append("no active material: no label conducts both carriers; name it with --active-material")
    return [*lines, found.valid]


def _reached(found: ElectrodeResult, one: ElectrodeAxis) -> list[str]:
    if one.active_reached_by is None or one.active_reached_by_both is None:
        return []
    each = ", ".join(f"{name} {100 * share:.3g} %" for name, share in one.active_reached_by.items())
    return [f"of {' + '.join(found.active)} reached by {each}, by both {100 * one.active_reached_by_both:.3g} %"]


def is_of_carriers(study: Any) -> bool:
    """Whether a study of an image is one of several carriers."""
    return isinstance(study, ImageStudyConfig) and bool(study.phases.carriers_S_per_cm)
