"""Conduction anew on the density that a run or a file holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config.estimate import PROGRAM_BYTES, conduction_bytes_per_voxel
from ..config.run import RunConfig, config_from_text, to_toml
from ..errors import InputError, damage_is_a_mistake
from ..homogenization.solve import check_solver
from ..io.images.slab import check_density
from ..io.records import atomic_write_text
from ..io.run_directory import FIELDS, INPUT, LOG, prepare_run_directory
from ..io.series import describe_field, read_field
from ..parallel.collective import agreed_errors, on_root
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..spectral.transform import check_rank_count, slab_of
from .console import log_to
from .run import finish


def conduct(source: Path, config: RunConfig | None, overrides, directory: Path | None, session: Session,
            force: bool = False) -> Path:
    """Solve conduction on the stored density of a run or a fields file, with other conductivities.  Collective.

    Parameters
    ----------
    source : Path
        A run directory, or an HDF5 file with a field ``rho`` as pfsolid writes it.
    config : RunConfig, optional
        Where the conductivities are; default: the input stored with the density.
    overrides : sequence of str
        ``conduction.key=value``, applied to the stored input.
    directory : Path, optional
        Where the result goes; default: ``conduct`` inside the run directory, or beside the file.

    Returns
    -------
    Path
        Where the result went.
    """
    source = Path(source)
    on_root(session.comm, _check_exists, source)
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
    check_solver(config.conduction, session)
    check_memory(info.grid_nm.num_voxels, conduction_bytes_per_voxel(config.conduction, info.grid_nm), PROGRAM_BYTES,
                 session.comm, str(path))
    # Values that cannot be used are refused here, before anything is replaced.
    slices = slab_of(info.grid_nm, session.comm)
    with damage_is_a_mistake():
        rho = read_field(path, "rho", slices, session.comm).astype(np.float64)
    with agreed_errors(session.comm):
        check_density(str(path), rho, slices)
    directory = prepare_run_directory(directory or _beside(source), force, session.comm)
    log_to(directory / LOG, session)
    for note in config.conduction.notes:
        session.say(note)
    on_root(session.comm, atomic_write_text, directory / INPUT, to_toml(config))
    # Sums and porosity of this rho, not of the input: the file may come from elsewhere.
    mean = session.reducer.sum(float(rho.sum()))[0] / info.grid_nm.num_voxels
    result = {"title": config.title, "source": str(path), "mean_density": mean, "porosity": 1 - mean}
    finish(result, rho, info.grid_nm, config, directory, session)
    return directory


def _check_exists(source: Path) -> None:
    if not source.exists():
        raise InputError(f"{source} does not exist")
    if source.is_dir() and not (source / FIELDS).exists():
        raise InputError(f"{source} holds no {FIELDS}")


def _beside(source: Path) -> Path:
    return source / "conduct" if source.is_dir() else source.with_name(f"{source.stem}_conduct")
