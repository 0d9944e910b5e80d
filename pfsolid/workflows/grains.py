"""Polycrystals: made in memory, and written as an image of labels with a table of the grains beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.grains import GrainsConfig, grains_toml
from ..errors import InputError, damage_is_a_mistake
from ..io.images.description import ArrayLayout
from ..io.records import csv_text
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..polycrystals.polycrystal import COLUMNS, Polycrystal, Row
from ..spectral.transform import check_rank_count, slab_of
from .grain_images import fill_grains, planned
from .made import check_made, write_labels
from .measured_source import describe_source

_DIGITS = 8
_PORE_BELOW = 0.5  # of a density


def make_grains(config: GrainsConfig, session: Session,
                pores: npt.NDArray[Any] | None = None) -> tuple[Polycrystal, npt.NDArray[Any]]:
    """A polycrystal and this rank's slab of its labels, uint32 (n0, n1, n2).  Collective.

    Parameters
    ----------
    config : GrainsConfig
    session : Session
    pores : ndarray of bool, local (n0, n1, n2), optional
        Where there are pores; where `GrainsConfig` says, if not given.

    Returns
    -------
    Polycrystal
    ndarray

    Raises
    ------
    InputError
        Volumes that cannot be had, pores of another shape, or more ranks than planes.
    """
    grid = config.grid_nm
    check_rank_count(grid, session.comm.Get_size())
    if pores is None and config.pores_from is not None:
        pores = _read_pores(config, session)
    diagram, angles = planned(config)
    slab = slab_of(grid, session.comm)
    labels = np.empty(tuple(part.stop - part.start for part in slab), np.uint32)
    pore_nm = fill_grains(config, diagram, slab[0].start, labels)
    if pores is not None:
        labels[pores] = config.number + 1
    counts = session.reducer.sum(np.bincount(labels.ravel(), minlength=config.number + 2)).astype(np.int64)
    second, pore_voxels = map(int, counts[-2:])
    made = Polycrystal(diagram, angles, counts[:-2], float(np.prod(grid.spacing)), (second, pore_voxels), pore_nm)
    for warning in made.warnings():
        session.warn(warning)
    return made, labels


def _read_pores(config: GrainsConfig, session: Session) -> npt.NDArray[Any]:
    """Where the image or run that the input names has pores, in this rank's slab.  Collective."""
    source = str(config.pores_from)
    label = None if config.pores_label is None else str(config.pores_label)
    with damage_is_a_mistake():
        asked = on_root(session.comm, describe_source, source, label, config.voxel_size_nm, "periodic", None, ArrayLayout())
    if asked.labelled:
        raise InputError(f"grains.pores_from = {source!r}: is an image of labels; say which of them is the pores' as "
                         "grains.pores_label (--pores-label)")
    if asked.grid_nm.shape != config.shape:
        there, here = (" x ".join(map(str, shape)) for shape in (asked.grid_nm.shape, config.shape))
        raise InputError(f"grains.pores_from = {source!r}: has {there} voxels, and the grains have {here}")
    return np.asarray(asked.read(session.comm)[0] < _PORE_BELOW)


def table_of(path: Path) -> Path:
    """The table that stands beside an image of grains."""
    return path.with_name(f"{path.stem}_grains.csv")


def check_output(path: Path, force: bool) -> None:
    """See that the image and its table may be written.  For one rank.

    Parameters
    ----------
    path : Path
        Of the image.
    force : bool
        They may be replaced.

    Raises
    ------
    InputError
        They may not.
    """
    check_made(path, force, "grains", [table_of(path)])


def write_grains(config: GrainsConfig, path: Path, session: Session) -> Polycrystal:
    """Make a polycrystal and write ``path`` (labels) and ``NAME_grains.csv``.  Collective; both whole or not there.

    Parameters
    ----------
    config : GrainsConfig
    path : Path
    session : Session

    Returns
    -------
    Polycrystal

    Raises
    ------
    InputError
        See `make_grains`.
    OutputError
        Disk full, no permission.
    """
    made, labels = make_grains(config, session)
    table = csv_text([COLUMNS, *map(_shown, made.rows())])
    write_labels(path, labels, config.grid_nm, grains_toml(config), config.seed, session, {table_of(path): table})
    return made


def _shown(row: Row) -> list[str]:
    return ["" if one is None else f"{one:.{_DIGITS}g}" if isinstance(one, float) else str(one) for one in row]


def grains_lines(made: Polycrystal, config: GrainsConfig) -> list[str]:
    """What is said of it.

    Parameters
    ----------
    made : Polycrystal
    config : GrainsConfig

    Returns
    -------
    list of str
    """
    diameters = made.diameters_nm[made.voxels > 0]
    spread = np.log(diameters).std()
    second, pores = made.fractions
    lines = [f"{config.number} grains in {' x '.join(f'{length:.4g}' for length in config.grid_nm.lengths)} nm, "
            f"{made.voxels.mean():.4g} voxels each in the mean",
            f"diameters (of spheres of their volumes): mean {diameters.mean():.4g} nm, from {diameters.min():.4g} to "
            f"{diameters.max():.4g}, standard deviation of ln {spread:.3f}"]
    if config.between.has_second:
        lines.append(f"second phase, label {config.number}: {100 * second:.3g} % of the volume")
    if pores:
        size = f", spheres of {made.pore_nm:.4g} nm that may overlap" if made.pore_nm else ""
        lines.append(f"pores, label {config.number + 1}: {100 * pores:.3g} % of the volume{size}")
    return lines
