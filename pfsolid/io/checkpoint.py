"""Checkpoints: ``folder/step_00001234.h5``, complete and sealed or not there at all.

A checkpoint holds distributed arrays bit by bit (any dtype, each in its own global layout, so that another
number of ranks can read them), and the run's state as JSON.  It is written under a temporary name, sealed
(`seal`), synchronised and renamed.  On reading, the seal is verified before HDF5 sees the file.  The last two
checkpoints are kept; an older one goes only after the two newest have been found good: read in full once, when they were
written or when the run went on from them.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import CheckpointError
from ..parallel.collective import agreed_errors, on_root
from .files import damage_errors, make_folder, output_errors, replaced_file, temporary_name
from .hdf5 import DistributedArray, Layout, create_file, h5py
from .records import plain
from .seal import SEAL_BYTES, check_seal, write_seal
from .transfer import check_inside, read_into, write_unread

FORMAT = "pfsolid checkpoint"
SCHEMA_VERSION = 1
ARRAYS = "arrays"
STATE = "state.json"

_good: dict[Path, tuple | None] = {}  # checkpoints found whole, and what the file system said of them then; on root


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint.

    Attributes
    ----------
    path : Path
    step : int
    state : dict
        What the run stored, with lists in place of tuples and NumPy arrays.
    attributes : dict
        pfsolid_version, created (UTC), num_ranks, ...
    shapes : dict
        Global shape of each stored array by name.
    dtypes : dict
        numpy.dtype of each.
    """

    path: Path
    step: int
    state: dict
    attributes: dict
    shapes: dict
    dtypes: dict
    _comm: object

    def load(self, name: str, slices: tuple[slice, ...]) -> np.ndarray:
        """This rank's part of a stored array.  Collective.

        Raises
        ------
        CheckpointError
            If there is no such array, or the slices lie outside it, on any rank.
        """
        with agreed_errors(self._comm):
            check_inside(f"{self.path}: array {name}", slices, _stored_shape(self, name))
        out = np.empty(tuple(s.stop - s.start for s in slices), self.dtypes[name])
        read_into(out, self.path, f"{ARRAYS}/{name}", slices, self._comm)
        return out


def checkpoint_path(folder: Path, step: int) -> Path:
    """Name of the checkpoint of a step."""
    return Path(folder) / f"step_{step:08d}.h5"


def write_checkpoint(folder, arrays: dict[str, DistributedArray], state: dict, comm, step: int) -> Path:
    """Write a checkpoint and drop those before the last two.  Collective.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    arrays : dict of DistributedArray
        The same names, global shapes and dtypes on every rank.
    state : dict
        Root's is stored: numbers, strings, None, lists, dicts, NumPy scalars and arrays.  Floats keep all
        bits.
    comm : Communicator
    step : int

    Returns
    -------
    Path
        The file, complete and on the disk.

    Raises
    ------
    OutputError
        On all ranks, naming the reason (disk full, no permission ...).  Earlier checkpoints are untouched and
        nothing is left under the new name.
    """
    folder = Path(folder)
    path = checkpoint_path(folder, step)
    on_root(comm, _prepare, folder, path)
    stored = {f"{ARRAYS}/{name}": array for name, array in arrays.items()}
    with replaced_file(path, comm) as temporary:
        on_root(comm, _create, temporary, stored, state, step, comm.Get_size())
        written = write_unread(temporary, stored, comm)
        write_seal(temporary, SCHEMA_VERSION, comm, written)
    on_root(comm, _remember_as_good, path)
    _drop_old(folder, path, comm)
    return path


def read_checkpoint(path, comm, expected: dict[str, tuple[int, ...]] | None = None) -> Checkpoint:
    """Verify a checkpoint and read its state.  Collective.

    Parameters
    ----------
    path : Path
    comm : Communicator
    expected : dict, optional
        Global shapes of arrays that must be there.

    Raises
    ------
    CheckpointError
        On all ranks: missing, truncated, damaged, foreign, of another schema, an expected array missing or of
        another shape.
    """
    path = Path(path)
    check_seal(path, SCHEMA_VERSION, comm)
    on_root(comm, _remember_as_good, path)
    checkpoint = Checkpoint(path, *on_root(comm, _read_contents, path), comm)
    for name, shape in (expected or {}).items():
        stored = _stored_shape(checkpoint, name)
        if stored != tuple(shape):
            raise CheckpointError(f"{path}: array {name} has shape {stored}, and {tuple(shape)} is needed")
    return checkpoint


def load_latest(folder, comm,
                expected: dict[str, tuple[int, ...]] | None = None) -> tuple[Checkpoint, list[str]]:
    """The newest good checkpoint of a folder, and why each newer one was refused.  Collective.

    Raises
    ------
    CheckpointError
        If there is none, or with all the reasons if none is good.
    """
    folder = Path(folder)
    refusals = []
    for path in on_root(comm, list_checkpoints, folder):
        try:
            return read_checkpoint(path, comm, expected), refusals
        except CheckpointError as error:  # the same on all ranks
            refusals.append(str(error))
    if not refusals:
        raise CheckpointError(f"{folder} holds no checkpoint")
    raise CheckpointError(f"{folder} holds no usable checkpoint: " + "; ".join(refusals))


def list_checkpoints(folder) -> list[Path]:
    """Files named as checkpoints, newest step first, good or not."""
    folder = Path(folder)
    with damage_errors(folder):
        found = [entry for entry in folder.iterdir() if _step(entry) is not None]
    return sorted(found, key=_step, reverse=True)


def _step(path: Path) -> int | None:
    name = re.fullmatch(r"step_(\d+)\.h5", path.name)
    return int(name[1]) if name else None


def _stored_shape(checkpoint: Checkpoint, name: str) -> tuple[int, ...]:
    if name not in checkpoint.shapes:
        stored = ", ".join(checkpoint.shapes) or "none"
        raise CheckpointError(f"{checkpoint.path} has no array {name} (it has {stored})")
    return checkpoint.shapes[name]


# --- on root ------------------------------------------------------------------------------------------------


def _prepare(folder: Path, path: Path) -> None:
    make_folder(folder)
    with output_errors(path):
        for leftover in folder.glob(temporary_name(path.with_name("step_*.h5")).name):
            leftover.unlink(missing_ok=True)  # of a run that was killed while writing


def _create(path: Path, arrays: dict[str, DistributedArray], state: dict, step: int, num_ranks: int) -> None:
    layouts = {name: Layout(array.global_shape, array.local.dtype) for name, array in arrays.items()}
    attributes = dict(format=FORMAT, schema_version=SCHEMA_VERSION, pfsolid_version=__version__, step=step,
                      num_ranks=num_ranks, created=datetime.now(UTC).isoformat(timespec="seconds"))
    texts = {STATE: json.dumps(state, default=plain)}
    create_file(path, layouts, attributes, texts, userblock_bytes=SEAL_BYTES)


def _read_contents(path: Path) -> tuple[int, dict, dict, dict, dict]:
    with damage_errors(path), h5py.File(path, "r") as file:
        attributes = {name: plain(value) for name, value in file.attrs.items()}
        if attributes["format"] != FORMAT:
            raise CheckpointError(f"{path} is not a pfsolid checkpoint")
        state = json.loads(file[STATE][()])
        datasets = dict(file.get(ARRAYS, {}))
        shapes = {name: dataset.shape for name, dataset in datasets.items()}
        dtypes = {name: dataset.dtype for name, dataset in datasets.items()}
        return attributes["step"], state, attributes, shapes, dtypes


# --- keeping two --------------------------------------------------------------------------------------------


def _drop_old(folder: Path, newest: Path, comm) -> None:
    """Remove all but ``newest`` and the last good one before it; nothing if there is no such.  Collective.

    Files of later steps go as well: the run has left that history by starting from an earlier step.
    """
    others = [path for path in on_root(comm, list_checkpoints, folder) if path != newest]
    previous = next((path for path in others if _step(path) < _step(newest) and _is_good(path, comm)), None)
    if previous is not None:
        on_root(comm, _remove, [path for path in others if path != previous])


def _is_good(path: Path, comm) -> bool:
    """Whether a checkpoint is whole; one that this process has found so, and nobody has touched since, is not read again."""
    if on_root(comm, lambda: path in _good and _good[path] == _identity(path)):
        return True
    try:
        check_seal(path, SCHEMA_VERSION, comm)
    except CheckpointError:
        return False
    return True


def _remember_as_good(path: Path) -> None:
    _good[path] = _identity(path)


def _identity(path: Path) -> tuple | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _remove(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # the new checkpoint is safe: no reason to end the run
            logging.getLogger("pfsolid").warning("cannot remove the old checkpoint %s: %s", path,
                                                 error.strerror)
