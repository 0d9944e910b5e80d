"""Polycrystals: made in memory, and written as an image of labels with a table of the grains beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.grains import GrainsConfig, grains_toml
from ..io.records import csv_text
from ..parallel.session import Session
from ..polycrystals.polycrystal import COLUMNS, Polycrystal, plan_polycrystal
from ..spectral.transform import check_rank_count, slab_of
from .made import check_made, write_labels

_DIGITS = 8


def make_grains(config: GrainsConfig, session: Session) -> tuple[Polycrystal, npt.NDArray[Any]]:
    """A polycrystal and this rank's slab of its labels, uint32 (n0, n1, n2).  Collective.

    Parameters
    ----------
    config : GrainsConfig
    session : Session

    Returns
    -------
    Polycrystal
    ndarray

    Raises
    ------
    InputError
        Volumes that cannot be had, or more ranks than planes.
    """
    grid = config.grid_nm
    check_rank_count(grid, session.comm.Get_size())
    diagram, angles = plan_polycrystal(grid, config.number, config.lognormal, config.aspect, config.texture, config.seed)
    slab = slab_of(grid, session.comm)
    labels = np.empty(tuple(part.stop - part.start for part in slab), np.uint32)
    diagram.label(grid, slab[0].start, labels)
    counts = session.reducer.sum(np.bincount(labels.ravel(), minlength=config.number)).astype(np.int64)
    made = Polycrystal(diagram, angles, counts, float(np.prod(grid.spacing)))
    for warning in made.warnings():
        session.warn(warning)
    return made, labels


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


def _shown(row: tuple[float, ...]) -> list[str]:
    return [str(row[0]), *(f"{value:.{_DIGITS}g}" for value in row[1:])]


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
    return [f"{config.number} grains in {' x '.join(f'{length:.4g}' for length in config.grid_nm.lengths)} nm, "
            f"{made.voxels.mean():.4g} voxels each in the mean",
            f"diameters (of spheres of their volumes): mean {diameters.mean():.4g} nm, from {diameters.min():.4g} to "
            f"{diameters.max():.4g}, standard deviation of ln {spread:.3f}"]
