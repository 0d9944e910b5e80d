"""`pfsolid impedance`: an image to a directory with its spectra."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..conduction.admittance import AdmittanceSystem
from ..config.execution import physics_of
from ..config.image import ImageStudyConfig
from ..errors import CheckpointError, InputError, Interrupted
from ..homogenization.impedance import Point
from ..homogenization.medium import Medium
from ..homogenization.parts import Part, tell_of_spacing
from ..homogenization.spectra import ImageSpectra, Place, lines_of
from ..io.files import make_folder
from ..io.provenance import provenance
from ..io.records import atomic_write_text, csv_text
from ..io.run_directory import FIELDS, KNOWN_POINTS, RESULT, SOLVED, SPECTRA, SPECTRUM, RunDirectory
from ..io.sealed_json import read_sealed_json, write_sealed_json, write_stamped_json
from ..io.xdmf import write_xdmf
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..results.impedance import ImpedanceResult, SpectrumResult
from ..results.run import SCHEMA_VERSION, GridOf, Result
from ..text import as_word, plural
from .fields import FieldStore
from .image import Prepared, in_directory, read_study, with_order
from .solved import digest_of


def impedance_of_image(study: ImageStudyConfig, directory: Path, session: Session, force: bool = False) -> Result:
    """Solve spectra and leave result.json, spectrum.csv and the input in a directory.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
        With a section [impedance].
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


def prepare(study: ImageStudyConfig, session: Session) -> Prepared[ImageSpectra]:
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
    if study.rev is not None:
        raise InputError("the section [rev] is for pfsolid rev, which asks whether the image is large enough")
    return read_study(ImageSpectra, study, session)


def leave_results(prepared: Prepared[ImageSpectra], place: RunDirectory, session: Session) -> Result:
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
    spectra, directory = prepared.problem, place.path
    study, problem = spectra.study, spectra.problem
    grid = problem.parts[0].image_grid_nm
    session.say(f"pfsolid: impedance of {study.title or spectra.info.name}: {' x '.join(map(str, grid.shape))} voxels, "
                f"{study.image.boundary}, {len(spectra.asked.frequencies_Hz)} frequencies, on "
                f"{plural(session.reducer.size, 'rank')} x {plural(session.threads, 'thread')}")
    session.say(spectra.info.order_line)
    tell_of_spacing(study, spectra.info, session)
    made = provenance(session.comm, seed=spectra.asked.seed if spectra.asked.noise else None, threads=session.threads,
                      input_text=prepared.text)
    seen = digest_of(problem.first_labels, session.reducer)
    seen += "".join(hashlib.sha256(mask.tobytes()).hexdigest() for mask in problem.masks.values())
    physics = f"{physics_of(with_order(study, spectra.info))} {seen}"
    known: dict[Place, Point] = on_root(session.comm, _known, directory, physics, session)
    on_root(session.comm, (directory / FIELDS).unlink, True)  # maps are made anew

    def keep(at: Place, point: Point) -> None:
        known[at] = point
        on_root(session.comm, _write_known, directory, physics, known)

    def store_map(part: Part, medium: Medium, at: Place, system: AdmittanceSystem) -> None:
        direction, temperature, frequency = at
        of = "" if temperature is None else f"_{temperature:g}K"
        store = FieldStore(directory / FIELDS, part.image_grid_nm, medium.transform, session,
                           made.to_dict() | {"input": prepared.text}, part.orientation)
        store.write(f"current_{direction}_{frequency:g}Hz{of}", system.current_magnitude() / abs(system.value()), "1")

    try:
        found = spectra.solve(known, keep, store_map if spectra.asked.map_frequencies_Hz else None)
    except Interrupted as error:
        raise Interrupted(f"{error}; what is solved is stored; go on with: pfsolid resume {as_word(place.home)}") from error
    for line in lines_of(found):
        session.say(line)
    result = Result(
        schema_version=SCHEMA_VERSION, title=study.title, source=str(study.image.file), boundary=study.image.boundary,
        axes_order=spectra.info.axes, impedance=found, grid=GridOf(shape=grid.shape, voxel_size_nm=grid.spacing),
        interface_normals=study.phases.interface_normals if study.phases.interface_resistance_ohm_cm2 else None,
        plate_resistance_ohm_cm2=plates if any(plates := study.image.plate_resistance_ohm_cm2) else None,
        provenance=made)
    if spectra.asked.map_frequencies_Hz:
        write_xdmf(directory / FIELDS, session.comm)
    on_root(session.comm, _write_tables, directory, found)
    on_root(session.comm, write_stamped_json, directory / RESULT, result.to_dict())
    on_root(session.comm, _forget, directory)
    return result


def _write_tables(directory: Path, found: ImpedanceResult) -> None:
    first, *others = found.spectra
    atomic_write_text(directory / SPECTRUM, spectrum_text(found, first))
    for one in others:
        make_folder(directory / SPECTRA)
        of = "" if one.temperature_K is None else f"_{one.temperature_K:g}K"
        atomic_write_text(directory / SPECTRA / f"{one.direction}{of}.csv", spectrum_text(found, one))


def spectrum_text(found: ImpedanceResult, one: SpectrumResult) -> str:
    """A spectrum as a table whose first line is a comment: f, Z', Z'' as other programs read them, and the sample's y.

    Parameters
    ----------
    found : ImpedanceResult
    one : SpectrumResult
        Of it.

    Returns
    -------
    str
    """
    unit = found.impedance_unit.replace(" ", "_").replace("^", "")
    head = ["# f_Hz", f"Z_real_{unit}", f"Z_imag_{unit}", "sigma_real_S_per_cm", "sigma_imag_S_per_cm", "permittivity"]
    rows = zip(found.frequencies_Hz, one.Z_real, one.Z_imag, one.sigma_real_S_per_cm, one.sigma_imag_S_per_cm,
               one.permittivity)
    return csv_text([head, *rows])


# --- what is solved, between launches ---------------------------------------------------------------------------


def _write_known(directory: Path, physics: str, known: dict[Place, Point]) -> None:
    make_folder(directory / SOLVED)
    write_sealed_json(directory / SOLVED / KNOWN_POINTS, {"physics": physics, "points": [
        [*at, point.admittivity.real, point.admittivity.imag, point.relative_error, point.iterations, point.restarts]
        for at, point in known.items()]})


def _known(directory: Path, physics: str, session: Session) -> dict[Place, Point]:
    """What an earlier launch has solved; nothing where it is damaged or another input's.  For one rank."""
    path = directory / SOLVED / KNOWN_POINTS
    if not path.exists():
        return {}
    try:
        data = read_sealed_json(path)
    except CheckpointError as error:
        session.warn(f"{error}; what it held is solved again")
        return {}
    if data["physics"] != physics:
        return {}
    found = {(direction, temperature, frequency): Point(complex(real, imaginary), error, iterations, restarts)
             for direction, temperature, frequency, real, imaginary, error, iterations, restarts in data["points"]}
    session.say(f"going on after {len(found)} solved points")
    return found


def _forget(directory: Path) -> None:
    path = directory / SOLVED / KNOWN_POINTS
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
