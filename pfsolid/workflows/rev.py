"""`pfsolid rev`: an image to a directory that says whether it is large enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.execution import physics_of
from ..config.image import ImageStudyConfig, study_to_toml
from ..errors import CheckpointError, Interrupted
from ..homogenization.parts import tell_of_spacing
from ..homogenization.representative import (
    Survey,
    begin_survey,
    columns_of,
    lines_of,
    representative_of,
    survey,
    with_rev,
)
from ..homogenization.subvolumes import Measured, SubVolume
from ..io.files import make_folder
from ..io.images.formats import ImageInfo
from ..io.provenance import provenance
from ..io.records import atomic_write_text, csv_text
from ..io.run_directory import KNOWN_SUBVOLUMES, RESULT, SOLVED, SUBVOLUMES, RunDirectory
from ..io.sealed_json import read_sealed_json, write_sealed_json, write_stamped_json
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.run import SCHEMA_VERSION, GridOf, Result
from ..text import as_word, plural
from .image import in_directory, source_of, with_order
from .solved import digest_of


@dataclass(frozen=True)
class Prepared:
    """A survey whose image has been looked at: nothing of it is refused any more."""

    found: Survey
    study: ImageStudyConfig  # as it is written

    @property
    def text(self) -> str:
        """The input as it is written."""
        return study_to_toml(self.study)

    @property
    def info(self) -> ImageInfo:
        """Of the image."""
        return self.found.info

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def survey_image(study: ImageStudyConfig, directory: Path, session: Session, force: bool = False) -> Result:
    """Leave result.json, subvolumes.csv and the input in a directory.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
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


def prepare(study: ImageStudyConfig, session: Session) -> Prepared:
    """What cannot be used is refused here, before anything is replaced.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
    session : Session

    Returns
    -------
    Prepared
    """
    session.limit_s = study.parallel.wall_clock_limit_s
    study = with_rev(study)
    found = begin_survey(study, source_of(study), session, digest_of)
    session.check_start_up("parallel.wall_clock_limit_s")
    return Prepared(found, with_order(study, found.info))


def leave_results(prepared: Prepared, place: RunDirectory, session: Session) -> Result:
    """Measure, and write everything but the figure into a directory.  Collective.

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
        What is measured is stored.
    """
    found, directory = prepared.found, place.path
    study = found.study
    tell_of_spacing(study, found.info, session)
    sizes = ", ".join(map(str, dict.fromkeys(place.size for place in found.places)))
    session.say(f"pfsolid: {plural(len(found.places), 'sub-volume')} of {found.info.name} with edges of {sizes} voxels, "
                f"{' and '.join(found.boundaries) or 'volume fractions only'}")
    physics = f"{physics_of(prepared.study)} {found.digest}"
    found.rows.update(on_root(session.comm, _known, directory, physics, session))

    def keep(rows: dict[SubVolume, Measured | None]) -> None:
        make_folder(directory / SOLVED)
        write_sealed_json(directory / SOLVED / KNOWN_SUBVOLUMES, {"physics": physics, "rows": [
            [place.size, place.first, place.shape, _plain(row)] for place, row in rows.items()]})

    try:
        survey(found, source_of(study), session, keep)
    except Interrupted as error:
        advice = f"go on with: pfsolid resume {as_word(place.home)}"
        raise Interrupted(f"{error}; what is measured is stored; {advice}") from error
    representative = representative_of(found)
    for line in lines_of(representative):
        session.say(line)
    result = Result(
        schema_version=SCHEMA_VERSION, title=study.title, source=str(study.image.file),
        boundary=next(iter(found.boundaries), "open"), axes_order=found.info.axes, representative=representative,
        grid=GridOf(shape=found.grid_nm.shape, voxel_size_nm=found.grid_nm.spacing),
        provenance=provenance(session.comm, seed=None, threads=session.threads, input_text=prepared.text))
    names, rows = columns_of(found)
    on_root(session.comm, atomic_write_text, directory / SUBVOLUMES, csv_text([names, *rows]))
    on_root(session.comm, write_stamped_json, directory / RESULT, result.to_dict())
    on_root(session.comm, _forget, directory)
    return result


def _plain(row: Measured | None) -> list[Any] | None:
    if row is None:
        return None
    return [{str(label): share for label, share in row.fractions.items()},
            [[*one, value, row.percolates[one]] for one, value in row.sigma_S_per_cm.items()]]


def _known(directory: Path, physics: str, session: Session) -> dict[SubVolume, Measured | None]:
    """What an earlier launch has measured; nothing where it is damaged or another input's.  For one rank."""
    path = directory / SOLVED / KNOWN_SUBVOLUMES
    if not path.exists():
        return {}
    try:
        data = read_sealed_json(path)
    except CheckpointError as error:
        session.warn(f"{error}; what it held is measured again")
        return {}
    if data["physics"] != physics:
        return {}
    known = {}
    for size, first, shape, row in data["rows"]:
        measured = None
        if row is not None:
            measured = Measured({int(label): share for label, share in row[0].items()},
                                {(boundary, axis): value for boundary, axis, value, _ in row[1]},
                                {(boundary, axis): through for boundary, axis, _, through in row[1]})
        known[SubVolume(size, tuple(first), tuple(shape))] = measured
    session.say(f"going on after {plural(len(known), 'sub-volume')}")
    return known


def _forget(directory: Path) -> None:
    path = directory / SOLVED / KNOWN_SUBVOLUMES
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
