"""Conduction anew on the density that a run or a file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config.estimate import PROGRAM_BYTES, conduction_bytes_per_voxel
from ..config.run import RunConfig, config_from_text, to_toml
from ..errors import InputError, damage_is_a_mistake
from ..grid import PeriodicGrid
from ..homogenization.solve import check_solver
from ..io.images.slab import check_density
from ..io.run_directory import FIELDS, INPUT, LOG, RunDirectory, new_run
from ..io.series import describe_field, read_field
from ..parallel.collective import agreed_errors, on_root
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..phasefield.observables import is_separated
from ..results.run import SCHEMA_VERSION, Result
from ..spectral.transform import check_rank_count, slab_of
from ..text import as_word
from .console import log_to
from .image import is_image_study
from .run import SEPARATED, UNSEPARATED, finish, grid_of, made_by, warn_of_unseparated
from .simulate import thresholds

_HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


def conduct(source: Path, config: RunConfig | None, overrides, directory: Path, session: Session,
            force: bool = False) -> Result:
    """Solve conduction on the stored density of a run or a fields file, with other conductivities.  Collective.

    Parameters
    ----------
    source : Path
        A run directory, or an HDF5 file with a field ``rho`` as pfsolid writes it.
    config : RunConfig, optional
        Where the conductivities are; default: the input stored with the density.
    overrides : sequence of str
        ``conduction.key=value``, applied to the stored input.
    directory : Path
        Where the result goes.

    Returns
    -------
    Result
        What result.json holds.
    """
    source = Path(source)
    on_root(session.comm, check_source, source)
    path = source / FIELDS if source.is_dir() else source
    with damage_is_a_mistake():
        info = describe_field(path, "rho", session.comm)
    if info.num_components != 1 or info.dtype.kind not in "fiu":
        raise InputError(f"{path}: rho is no density: {info.num_components} components of type {info.dtype} a voxel")
    check_rank_count(info.grid_nm, session.reducer.size)
    if config is None:
        text = info.file_attributes.get("input")
        if text is None:
            raise InputError(f"{path} does not say which conductivities to use: give an input file with --input")
        config = on_root(session.comm, config_from_text, text, f"the input stored in {path}", overrides)
    if config.conduction is None:
        raise InputError(f"the input of {source} has no [conduction] section; give one with --input")
    check_solver(config.conduction, session.comm)
    check_memory(info.grid_nm.num_voxels, conduction_bytes_per_voxel(config.conduction, info.grid_nm), PROGRAM_BYTES,
                 session.comm, str(path))
    # Values that cannot be used are refused here, before anything is replaced.
    rho = _read(path, info.grid_nm, session)
    session.limit_s = config.evolution.wall_clock_limit_s
    about = {"density": str(path.resolve())}
    with new_run(directory, to_toml(config), force, session.comm, about, [source, path], session.lose) as place:
        log_to(place.path / LOG, session)
        for note in config.conduction.notes:
            session.say(note)
        return _leave_results(path, rho, info.grid_nm, config, place, session)


def go_on(path: Path, config: RunConfig, place: RunDirectory, session: Session) -> Result:
    """Go on with conduction on the density of a file, leaving everything but the figures in a directory.  Collective."""
    with damage_is_a_mistake():
        grid_nm = describe_field(path, "rho", session.comm).grid_nm
    return _leave_results(path, _read(path, grid_nm, session), grid_nm, config, place, session)


def _read(path: Path, grid_nm: PeriodicGrid, session: Session) -> np.ndarray:
    slices = slab_of(grid_nm, session.comm)
    with damage_is_a_mistake():
        rho = read_field(path, "rho", slices, session.comm).astype(np.float64)
    with agreed_errors(session.comm):
        check_density(str(path), rho, slices)
    return rho


def _leave_results(path: Path, rho: np.ndarray, grid_nm: PeriodicGrid, config: RunConfig, place: RunDirectory,
                   session: Session) -> Result:
    # Sums and porosity of this rho, not of the input: the file may come from elsewhere.
    mean = session.reducer.sum(float(rho.sum()))[0] / grid_nm.num_voxels
    result = Result(schema_version=SCHEMA_VERSION, title=config.title, source=str(path), state=_state(rho, config, session),
                    mean_density=mean, porosity=1 - mean, grid=grid_of(grid_nm), provenance=made_by(config, session))
    on_root(session.comm, (place.path / FIELDS).unlink, True)  # what an interrupted attempt left
    return finish(result, rho, config, place.path, session)


def _state(rho: np.ndarray, config: RunConfig, session: Session) -> str:
    """As of a run that ends with this density; what is of one phase throughout had nothing to separate.  Collective."""
    rho_pore, rho_bulk = thresholds(config)
    counts = [float(np.count_nonzero(rho < rho_pore)), float(np.count_nonzero(rho > rho_bulk)), float(rho.size)]
    pore, bulk, size = session.reducer.sum(counts)
    pore, surface, bulk = pore / size, (size - pore - bulk) / size, bulk / size
    if surface == 0 or is_separated(pore, surface, bulk):
        return SEPARATED
    warn_of_unseparated(pore, surface, bulk, session)
    return UNSEPARATED


def check_source(source: Path) -> None:
    """Raise InputError if this can be no density that pfsolid has stored; for one rank."""
    if not source.exists():
        raise InputError(f"{source} does not exist")
    if source.is_dir() and is_image_study(source):
        raise InputError(f"{source} is a study of an image and holds no density; to solve it with other settings: pfsolid "
                         f"conduct {as_word(source / INPUT)} --set SECTION.KEY=VALUE -o OTHER")
    if source.is_dir() and not (source / FIELDS).exists():
        raise InputError(f"{source} holds no {FIELDS}")
    if source.is_file() and source.suffix.lower() not in _HDF5_SUFFIXES and not _is_hdf5(source):
        raise InputError(f"{source} is not a density in HDF5; of an image of labels give the conductivities, such as "
                         "--sigma 0=0,1=1e-3")


def _is_hdf5(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def default_directory(source: Path) -> Path:
    """Where the result goes without -o: ``conduct`` inside the run directory, or beside the file."""
    return source / "conduct" if source.is_dir() else source.with_name(f"{source.stem}_conduct")
