"""Tubules and columns: as the image of a study, and written as one."""

from __future__ import annotations

from pathlib import Path

from ..config.estimate import PROGRAM_BYTES
from ..config.tubules import TubulesConfig, tubules_toml
from ..hexagonal import Tubules
from ..io.images.description import ArrayImage
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..spectral.transform import check_rank_count, slab_of
from .made import check_made, write_labels

_BYTES_PER_VOXEL = 2  # labels, and what of them is on its way to the file


def image_of(tubules: Tubules) -> ArrayImage:
    """An image z, y, x, as files have them, that takes no more memory than its sections.

    Parameters
    ----------
    tubules : Tubules

    Returns
    -------
    ArrayImage
    """
    hx, hy, hz = tubules.grid_nm.spacing
    return ArrayImage(tubules.pages(), "tubules", (hz, hy, hx), ("zyx", "as pfsolid makes tubules"))


def check_output(path: Path, force: bool) -> None:
    """See that the image may be written.  For one rank.

    Parameters
    ----------
    path : Path
    force : bool
        It may be replaced.

    Raises
    ------
    InputError
        It may not.
    """
    check_made(path, force, "tubules")


def write_tubules(config: TubulesConfig, path: Path, session: Session) -> Tubules:
    """Write an image of tubules.  Collective.

    Parameters
    ----------
    config : TubulesConfig
    path : Path
    session : Session

    Returns
    -------
    Tubules

    Raises
    ------
    InputError
        More ranks than planes, or less memory than it takes.
    OutputError
        Disk full, no permission.
    """
    tubules = config.tubules
    grid = tubules.grid_nm
    check_rank_count(grid, session.comm.Get_size())
    check_memory(grid.num_voxels, _BYTES_PER_VOXEL, PROGRAM_BYTES, session.comm, "the image")
    labels = tubules.labels(slab_of(grid, session.comm)[0])
    write_labels(path, labels, grid, tubules_toml(config), None, session)
    return tubules


def tubules_lines(tubules: Tubules) -> list[str]:
    """What is said of them.

    Parameters
    ----------
    tubules : Tubules

    Returns
    -------
    list of str
    """
    drawn = tubules.drawn_fractions()
    shares = ", ".join(f"{name} {share:.4f} ({drawn[name]:.4f} without voxels)"
                       for name, share in tubules.area_fractions().items())
    lines = [tubules.described(), f"labels 0 between, 1 wall, 2 inside, 3 root; area fractions across z: {shares}"]
    if tubules.runs_through:
        lines.append("along z they conduct the sum of area fraction times conductivity, exactly")
    return lines
