"""Conduction on an image of labels: from a file to a directory with its conductivity."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from ..config.estimate import PROGRAM_BYTES, conduction_bytes_per_voxel, conduction_seconds
from ..config.execution import physics_of
from ..config.image import ImageStudyConfig, study_to_toml
from ..config.review import Review
from ..config.text import read_text
from ..errors import InputError, Interrupted
from ..grid import AXES, PeriodicGrid
from ..homogenization.found import Conduction
from ..homogenization.image import ImageConduction, WatchParts
from ..homogenization.medium import Medium
from ..homogenization.parts import Part, asked_axes, layout_of, parts_of, tell_of_spacing
from ..homogenization.report import conduction_lines, conduction_result, solver_lines
from ..io.images.description import ArrayImage
from ..io.images.formats import ImageInfo
from ..io.images.slab import describe_image
from ..io.provenance import provenance
from ..io.run_directory import FIELDS, INPUT, LOG, RESULT, RunDirectory, new_run
from ..io.sealed_json import write_stamped_json
from ..io.xdmf import write_xdmf
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.run import SCHEMA_VERSION, GridOf, Result
from ..spectral.transform import check_rank_count
from ..text import as_word, in_binary_units, in_words, plural
from ..units import NM_PER_M
from .console import log_to
from .fields import FieldStore, store_solution
from .grain_images import image_of_grains
from .solved import SolvedOnDisk, digest_of
from .tubules import image_of


def conduct_image(study: ImageStudyConfig, directory: Path, session: Session, force: bool = False) -> Result:
    """Read an image, lay its layer, solve conduction, leave everything in ``directory``.  Collective.

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


class Prepares(Protocol):
    """A study of an image of which nothing is refused any more.  Holds memory until its `with` block ends."""

    @property
    def text(self) -> str:
        """The input as it is written."""

    @property
    def info(self) -> ImageInfo:
        """Of the image."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(self, *_: object) -> None:
        """Give back the memory."""


P = TypeVar("P", bound=Prepares)


def in_directory(prepared: P, leave: Callable[[P, RunDirectory, Session], Result], directory: Path, session: Session,
                 force: bool) -> Result:
    """Compute a study and leave everything in a directory, with its log.  Collective.

    Parameters
    ----------
    prepared : Prepares
    leave : callable
        ``leave(prepared, place, session)`` computes and writes, and gives what result.json holds.
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
    with prepared, new_run(directory, prepared.text, force, session.comm, sources=[prepared.info.path],
                           on_lost=session.lose) as place:
        log_to(place.path / LOG, session)
        result = leave(prepared, place, session)
    session.say(f"done in {in_words(session.elapsed_s)}: {Path(directory) / RESULT}")
    return result


class Conducts(Protocol):
    """Conduction on an image that has been read."""

    info: ImageInfo

    def close(self) -> None:
        """Give back the memory."""


C = TypeVar("C", bound=Conducts)


@dataclass(frozen=True)
class Prepared(Generic[C]):
    """A study whose image has been read."""

    problem: C
    text: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.problem.close()

    @property
    def info(self) -> ImageInfo:
        """Of the image."""
        return self.problem.info


def read_study(make: Callable[[ImageStudyConfig, Any, Session], C], study: ImageStudyConfig,
               session: Session) -> Prepared[C]:
    """The image read, and what cannot be used refused.  Collective.

    Parameters
    ----------
    make : callable
        ``make(study, source, session)`` reads the image.
    study : ImageStudyConfig
    session : Session

    Returns
    -------
    Prepared
    """
    session.limit_s = study.parallel.wall_clock_limit_s
    with ExitStack() as until_checked:
        problem = until_checked.enter_context(closing(make(study, source_of(study), session)))
        session.check_start_up("parallel.wall_clock_limit_s")
        until_checked.pop_all()
    return Prepared(problem, study_to_toml(with_order(study, problem.info)))


def prepare(study: ImageStudyConfig, session: Session) -> Prepared[ImageConduction]:
    """What cannot be used is refused here, before anything is replaced.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
    session : Session

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
    """
    if study.phases.carriers_S_per_cm:
        raise InputError("phases.carriers_S_per_cm: several carriers are conducted by pfsolid conduct alone")
    if study.rev is not None:
        raise InputError("the section [rev] is for pfsolid rev, which asks whether the image is large enough")
    if study.impedance is not None:
        raise InputError("the section [impedance] is for pfsolid impedance, which solves spectra")
    return read_study(ImageConduction, study, session)


def leave_results(prepared: Prepared[ImageConduction], place: RunDirectory, session: Session) -> Result:
    """Solve, and write everything but the figures into a directory.  Collective."""
    directory = place.path
    on_root(session.comm, (directory / FIELDS).unlink, True)  # what an interrupted attempt left, perhaps damaged
    made = provenance(session.comm, seed=None, threads=session.threads, input_text=prepared.text)
    keeper = FieldsKeeper(prepared.problem.study, directory / FIELDS, made.to_dict() | {"input": prepared.text}, session)
    memory = memory_of(prepared, directory, session)
    try:
        result = solved(prepared, session, memory, keeper.watch)
    except Interrupted as error:
        raise Interrupted(f"{error}; what is solved is stored; go on with: pfsolid resume {as_word(place.home)}") from error
    write_xdmf(directory / FIELDS, session.comm)
    on_root(session.comm, write_stamped_json, directory / RESULT, result.to_dict())
    memory.clear()
    return result


def memory_of(prepared: Prepared[ImageConduction], directory: Path, session: Session) -> SolvedOnDisk:
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
    seen = digest_of(problem.first_labels, session.reducer)
    seen += "".join(hashlib.sha256(mask.tobytes()).hexdigest() for mask in problem.masks.values())
    return SolvedOnDisk(directory, session, f"{physics_of(problem.study)} {seen}").load()


def solved(prepared: Prepared[ImageConduction], session: Session, memory: SolvedOnDisk | None = None,
           watch: WatchParts | None = None) -> Result:
    """Solve a study: what result.json holds.  Collective; nothing is written but by what is passed.

    Parameters
    ----------
    prepared : Prepared
    session : Session
    memory : SolvedOnDisk, optional
    watch : callable, optional
        See `ImageConduction.solve`.

    Returns
    -------
    Result

    Raises
    ------
    Interrupted, ConvergenceError
    """
    problem, info = prepared.problem, prepared.info
    study, image_grid = problem.study, problem.parts[0].image_grid_nm
    _announce(problem, session)
    found = problem.solve(watch, memory)
    conducted = conduction_result(found, study.names, study.conduction, study.phases.reference)
    for line in solver_lines(found):
        session.note(line)
    for line in conduction_lines(found, study.names, conducted):
        session.say(line)
    if study.image.contact is not None:
        _tell_of_contacts(found, image_grid, session)
    return Result(
        schema_version=SCHEMA_VERSION, title=study.title, source=str(study.image.file), boundary=study.image.boundary,
        axes_order=info.axes, conduction=conducted, grid=GridOf(shape=image_grid.shape, voxel_size_nm=image_grid.spacing),
        interface_normals=study.phases.interface_normals if study.phases.interface_resistance_ohm_cm2 else None,
        plate_resistance_ohm_cm2=plates if any(plates := study.image.plate_resistance_ohm_cm2) else None,
        contact=None if study.image.contact is None else tuple(
            one if isinstance(one, str) else f"{one:g}" for one in study.image.contact),
        provenance=provenance(session.comm, seed=None, threads=session.threads, input_text=prepared.text))


def review_study(study: ImageStudyConfig, num_ranks: int = 1) -> Review:
    """What a study would do on so many ranks, from its input and what its image says of itself; for one rank."""
    try:
        source = source_of(study)
        info = describe_image(source, layout_of(study))
        parts = laid_out(study)
        for part in parts:
            check_rank_count(part.grid_nm, num_ranks, part.orientation.names)
    except InputError as error:
        return Review([("image", study.image.file, "")], errors=[str(error)])
    grid, image_grid = parts[0].grid_nm, parts[0].image_grid_nm
    planes = math.ceil(grid.shape[0] / num_ranks) / grid.shape[0]
    memory = PROGRAM_BYTES + conduction_bytes_per_voxel(study.conduction, grid) * grid.num_voxels * planes
    solves = sum(len(part.fields) for part in parts) * max(1, len(study.conduction.temperatures))
    solves *= max(1, len(study.phases.carriers_S_per_cm))
    return Review([
        ("image", info.name, ""), ("order of axes", info.order_line.partition(": ")[2], ""),
        ("grid", " x ".join(map(str, image_grid.shape)), "voxels"),
        ("voxel edge", " x ".join(f"{edge:g}" for edge in image_grid.spacing), "nm"),
        ("boundary", study.image.boundary, ""),
        ("voxels that are solved", str(grid.num_voxels), ""), ("fields to solve for", str(solves), ""),
        ("memory of a rank", in_binary_units(memory), ""),
        ("rough time", in_words(conduction_seconds(grid.num_voxels * solves)), "of one core")])


def check_image(study: ImageStudyConfig) -> None:
    """Raise InputError if the image is not there or is none; for one rank."""
    describe_image(source_of(study), layout_of(study))


def source_of(study: ImageStudyConfig) -> str | ArrayImage:
    """Where the labels of a study are: its file, or what its section [tubules] or [grains] makes.

    Parameters
    ----------
    study : ImageStudyConfig

    Returns
    -------
    str or ArrayImage
    """
    if study.grains is not None:
        return image_of_grains(study.grains)
    return study.image.file if study.tubules is None else image_of(study.tubules.tubules)


def laid_out(study: ImageStudyConfig) -> list[Part]:
    """The grids that a study is computed on, from what its image says of itself; for one rank.

    Parameters
    ----------
    study : ImageStudyConfig

    Returns
    -------
    list of Part

    Raises
    ------
    InputError
        The image is not there, is none, or smaller than its crop.
    """
    source = source_of(study)
    return parts_of(study, source, describe_image(source, layout_of(study)))


def is_image_study(directory: Path) -> bool:
    """Whether a directory holds one.  For one rank."""
    path = Path(directory) / INPUT
    return path.is_file() and is_study(read_text(path))


def is_study(text: str) -> bool:
    """Whether a resolved input is that of a study."""
    return "\n[image]\n" in text


def _announce(problem: ImageConduction, session: Session) -> None:
    """What is about to be computed, for a person."""
    study, info, part = problem.study, problem.info, problem.parts[0]
    session.say(headline_of(study, info, part, session))
    session.say(info.order_line)
    tell_of_spacing(study, info, session)
    flat = [name for axis, name in enumerate(AXES) if axis not in part.image_grid_nm.real_axes and name in asked_axes(study)]
    if flat:
        session.say(f"no field along {', '.join(flat)}: the image is one voxel thick there, so that is no axis of it")
    if part.between_plates and part.is_periodic:
        session.say(f"full tensors between electrodes: solved with the mirror images, {part.grid_nm.num_voxels} voxels")
    for note in study.conduction.notes:
        session.say(note)


def _tell_of_contacts(found: Conduction, grid_nm: PeriodicGrid, session: Session) -> None:
    """What is measured between patches is a resistance."""
    for axis in found.axes:
        value = found.effective.tensor[axis, axis]
        across = math.prod(length for other, length in enumerate(grid_nm.lengths) if other != axis)
        if value > 0:
            session.say(f"between the contacts along {AXES[axis]}: L / (A sigma) = "
                        f"{grid_nm.lengths[axis] * NM_PER_M / (value * across):.5g} ohm")


def headline_of(study: ImageStudyConfig, info: ImageInfo, part: Part, session: Session) -> str:
    """What is conducted on, for a person.

    Parameters
    ----------
    study : ImageStudyConfig
    info : ImageInfo
    part : Part
    session : Session

    Returns
    -------
    str
    """
    shape = " x ".join(map(str, part.image_grid_nm.shape))
    title = " ".join(study.title.split()) or info.name
    return (f"pfsolid: conduction on {title}: {shape} voxels, {study.image.boundary}, on "
            f"{plural(session.reducer.size, 'rank')} x {plural(session.threads, 'thread')}")


def with_order(study: ImageStudyConfig, info: ImageInfo) -> ImageStudyConfig:
    """The study with the order of the axes, where neither it nor the file says one: read again it means the same."""
    if info.axes_said:
        return study
    return study.model_copy(update={"image": study.image.model_copy(update={"axes": info.axes})})


class FieldsKeeper:
    """Stores the labels and, of each carrier, the first current that is solved."""

    def __init__(self, study: ImageStudyConfig, path: Path, attributes: dict, session: Session):
        self._study, self._path, self._attributes, self._session = study, path, attributes, session
        self._stored: set[str] = set()

    def watch(self, part: Part, medium: Medium, carrier: str = ""):
        """For `ImageConduction.solve`.

        Parameters
        ----------
        part : Part
        medium : Medium
        carrier : str
            Its name, where there are several.

        Returns
        -------
        callable
            ``on_solved``.
        """
        solution = f"solution {carrier}"
        store = FieldStore(self._path, part.image_grid_nm, medium.transform, self._session, self._attributes,
                           part.orientation)
        if "phase" not in self._stored:
            self._stored.add("phase")
            names = ", ".join(f"{label} {name}" for label, name in self._study.names.items())
            labels = medium.labels[1:-1]
            if medium.groups is not None:
                store.write("label", labels, "1")
                labels = medium.groups.astype(labels.dtype)[labels]
            store.write("phase", labels, "1", phases=names)

        def keep(axis, system, unit):
            if solution not in self._stored:
                self._stored.add(solution)
                of = f"{carrier}_" if carrier else ""
                store_solution(store, system, axis, of + part.orientation.names[axis], unit, self._study.output,
                               self._study.conduction.applied_field_V_per_m)

        return keep
