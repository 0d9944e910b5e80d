"""Images of labels that are made: one dataset in an HDF5 file, with the input that it follows from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..arrays import Labels
from ..errors import CheckpointError, InputError, OutputError
from ..grid import PeriodicGrid
from ..io.hdf5 import DistributedArray
from ..io.provenance import provenance
from ..io.records import atomic_write_text
from ..io.series import Field, attributes_of_any, write_fields
from ..io.xdmf import write_xdmf
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..spectral.transform import slab_of

LABELS = "labels"


def check_made(path: Path, force: bool, command: str, beside: Sequence[Path] = ()) -> None:
    """See that an image and what goes beside it may be written.  For one rank.

    Parameters
    ----------
    path : Path
        Of the image.
    force : bool
        They may be replaced.
    command : str
        Which makes it, and its section in the input.
    beside : sequence of Path

    Raises
    ------
    InputError
        They may not.
    """
    if path.suffix != ".h5":
        raise InputError(f"-o {path}: an image of {command} is an HDF5 file; give it a name that ends with .h5")
    for file in (path, *beside):
        if file.exists() and not force:
            raise InputError(f"-o {file}: is there already; give --force to replace it, or another name")
    if path.exists() and not _is_made(path, command):
        raise InputError(f"-o {path}: was not written by pfsolid {command}, so --force does not touch it; give another name")
    if not path.absolute().parent.is_dir():
        raise InputError(f"-o {path}: there is no folder {path.parent}")


def _is_made(path: Path, section: str) -> bool:
    try:
        _, of_file = attributes_of_any(path, LABELS)
    except (CheckpointError, OSError):  # another dataset, damaged, or no file at all
        return False
    return f"[{section}]" in str(of_file.get("input", ""))


def write_labels(path: Path, labels: Labels, grid_nm: PeriodicGrid, text: str, seed: int | None, session: Session,
                 beside: Mapping[Path, str] | None = None) -> None:
    """Write an image, and texts beside it.  Collective; all whole or not there.

    Parameters
    ----------
    path : Path
    labels : ndarray, local (n0, n1, n2)
        This rank's slab.
    grid_nm : PeriodicGrid
    text : str
        The input.
    seed : int or None
    session : Session
    beside : dict of Path to str

    Raises
    ------
    OutputError
        Disk full, no permission.
    """
    array = DistributedArray(labels, grid_nm.shape, slab_of(grid_nm, session.comm))
    made = provenance(session.comm, seed=seed, threads=session.threads, input_text=text)
    attributes: dict[str, Any] = made.to_dict() | {"input": text}
    try:
        write_fields(path, {LABELS: Field(array, "1")}, grid_nm, attributes, session.comm, keep_others=False)
        for file, what in (beside or {}).items():
            on_root(session.comm, atomic_write_text, file, what)
        write_xdmf(path, session.comm)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
