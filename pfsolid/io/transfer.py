"""The values of distributed arrays into and out of HDF5 files, with and without parallel HDF5.

parallel
    Every rank writes and reads its own hyperslabs, collectively, through MPI-IO.
serial
    Where h5py has no parallel HDF5 (or PFSOLID_SERIAL_HDF5=1): root writes, and the others send it their
    parts a few planes at a time, so that root never holds a full field.  Said once on root.  Reading needs no
    such detour: every rank opens the file by itself.

On a full disk, or over a quota, collective MPI-IO is not to be relied on: Open MPI 4.1.4's own (OMPIO) can
report success and leave holes in the file, ROMIO (MPICH's, Intel's) can wait for ever.  So root has the file
system set the room aside first, and what was written is read back and compared (`readback`).  On the serial path the
values go by plain writes to the place HDF5 has allocated; these fail with the system's own reason.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import socket
from pathlib import Path

import numpy as np

from ..errors import CheckpointError, OutputError
from ..parallel.collective import agreed_errors, on_root
from ..parallel.communicator import Communicator, largest
from .files import damage_errors, final_name, output_errors, sync_to_disk
from .hdf5 import SERIAL_SWITCH, DistributedArray, h5py, has_parallel_hdf5
from .readback import DISK_FULL, Place, ReadBack

# Of one transfer: MPI-IO breaks beyond 2 GiB, and a piece may have to be copied to be cast or transposed.
PIECE_BYTES = 32 * 2**20

_said = set()


# --- on one rank --------------------------------------------------------------------------------------------


def _places(path: Path, names) -> dict[str, Place]:
    with h5py.File(path, "r") as file:
        places = {name: Place(file[name].id.get_offset(), file[name].nbytes, file[name].dtype)
                  for name in names}
    for name, place in places.items():
        if place.offset is None and place.num_bytes:
            raise OutputError(f"{path} was not written by pfsolid: {name} is not stored in one piece")
    return places


def _write_at(descriptor: int, values, offset: int) -> None:
    values = memoryview(values).cast("B")
    while values:  # a nearly full disk takes a part, and raises at the next attempt
        written = os.pwrite(descriptor, values, offset)
        values, offset = values[written:], offset + written


def _set_aside(path: Path, names) -> None:
    """Make the file system promise the blocks for the values of datasets that are not yet written."""
    with output_errors(path):
        places = _places(path, names)
        descriptor = os.open(path, os.O_WRONLY)
        try:
            for offset, num_bytes, _ in places.values():
                if num_bytes and not _fallocate(descriptor, offset, num_bytes):
                    for done in range(0, num_bytes, PIECE_BYTES):
                        _write_at(descriptor, bytes(min(PIECE_BYTES, num_bytes - done)), offset + done)
        finally:
            os.close(descriptor)


def _fallocate(descriptor: int, offset: int, num_bytes: int) -> bool:
    """Linux's fallocate; False where there is none.

    Not `os.posix_fallocate`: where the file system has none, the C library makes up for it block by block, over
    NFS for minutes.
    """
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if function is None:
        return False
    number = errno.EINTR
    while number == errno.EINTR:
        if function(descriptor, 0, ctypes.c_long(offset), ctypes.c_long(num_bytes)) == 0:
            return True
        number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number))


def copy_values(source: Path, target: Path, names: list[str]) -> None:
    """Copy the bytes of contiguous datasets between two files that both have them, for root only."""
    with output_errors(target), open(source, "rb") as reader:
        old, new = _places(source, names), _places(target, names)
        descriptor = os.open(target, os.O_WRONLY)
        try:
            for name in names:
                for done in range(0, old[name].num_bytes, PIECE_BYTES):
                    reader.seek(old[name].offset + done)
                    values = reader.read(min(PIECE_BYTES, old[name].num_bytes - done))
                    _write_at(descriptor, values, new[name].offset + done)
        finally:
            os.close(descriptor)


# --- writing ------------------------------------------------------------------------------------------------


def write_arrays(path: Path, arrays: dict[str, DistributedArray], comm: Communicator) -> None:
    """Fill the datasets of a file made by `create_file`.  Collective.

    Values are cast to the datasets' types.  A rank whose part is empty takes part all the same.

    Raises
    ------
    OutputError
        On all ranks, if one of them could not write (disk full, quota, not a shared folder).
    """
    written = write_unread(path, arrays, comm)
    if written is not None:
        with agreed_errors(comm), output_errors(path):
            written.read()
        written.check()


def write_unread(path: Path, arrays: dict[str, DistributedArray], comm: Communicator) -> ReadBack | None:
    """As `write_arrays`, but for the reading back: whoever reads the file anyway is to do it.  Collective.

    Returns
    -------
    ReadBack or None
        To be given all of the file and then checked; None where writing is to be relied on.
    """
    _check_visible(path, comm, "write", OutputError)
    if comm.Get_size() > 1 and has_parallel_hdf5():
        on_root(comm, _set_aside, path, list(arrays))
        _write_collectively(path, arrays, comm)
        with agreed_errors(comm), output_errors(path):
            sync_to_disk(path)
        comm.Barrier()
        return ReadBack(path, on_root(comm, _places, path, list(arrays)), arrays, comm)
    if comm.Get_size() > 1:
        _say_serial_once(comm)
    _write_through_root(path, arrays, comm)
    return None


def _check_visible(path: Path, comm: Communicator, verb: str, error: type) -> None:
    """Raise if a rank does not see the file, before HDF5 would wait for that rank for ever.  Collective."""
    with agreed_errors(comm):
        if not path.exists():
            raise error(f"cannot {verb} {final_name(path)}: rank {comm.Get_rank()} on {socket.gethostname()} "
                        "does not see the file; its directory must be one that all nodes share")


def _say_serial_once(comm: Communicator) -> None:
    if comm.Get_rank() == 0 and not _said:
        _said.add(True)
        reason = f"{SERIAL_SWITCH}=1" if h5py.get_config().mpi else "this h5py is built without parallel HDF5"
        logging.getLogger("pfsolid").warning("%s: files are written plane by plane through rank 0", reason)


def _pieces(num_rows: int, row_bytes: int) -> list[slice]:
    """Cut the first axis so that a piece has at most PIECE_BYTES (but at least one row)."""
    step = max(1, PIECE_BYTES // max(1, row_bytes))
    return [slice(start, min(start + step, num_rows)) for start in range(0, num_rows, step)]


def _row_bytes(shape, itemsize: int) -> int:
    return int(np.prod(shape[1:], dtype=np.int64)) * itemsize


def _agreed_pieces(shape, itemsize: int, comm: Communicator) -> list[slice]:
    """`_pieces` of the local part, on every rank as many and as thick; some may be empty.  Collective."""
    row_bytes = largest(comm, _row_bytes(shape, itemsize))
    pieces = _pieces(shape[0] if 0 not in shape else 0, row_bytes)
    return pieces + [slice(0, 0)] * (largest(comm, len(pieces)) - len(pieces))


def _contiguous(values: np.ndarray, dtype) -> np.ndarray:
    """The values in C order and of a type; not copied if they are so already."""
    if values.flags.c_contiguous:
        return np.ascontiguousarray(values, dtype=dtype)
    copied = np.empty(values.shape, dtype)
    _copy(copied, values)
    return copied


def _copy(target: np.ndarray, source: np.ndarray) -> None:
    """``target[...] = source`` where one of them may be a transposed view."""
    if target.ndim < 3 or (target.flags.c_contiguous and source.flags.c_contiguous):
        target[...] = source
        return
    # One y at a time it is a transposition of x and z that the cache can hold: 4 to 10 times as fast.
    for y in range(target.shape[1]):
        target[:, y] = source[:, y]


def _write_collectively(path, arrays, comm) -> None:
    collective = _collective()
    with agreed_errors(comm), output_errors(path):
        file = h5py.File(path, "r+", driver="mpio", comm=comm)
    try:
        for name, array in arrays.items():
            dataset = file[name].id
            for piece in _agreed_pieces(array.local.shape, dataset.dtype.itemsize, comm):
                values = _contiguous(array.local[piece], dataset.dtype)
                with agreed_errors(comm), output_errors(path, DISK_FULL):  # MPI-IO does not say why
                    dataset.write(*_selection(dataset, array.slices, piece), values, dxpl=collective)
    finally:
        with agreed_errors(comm), output_errors(path, DISK_FULL):
            file.close()


def _collective():
    transfer = h5py.h5p.create(h5py.h5p.DATASET_XFER)
    transfer.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)
    return transfer


def _selection(dataset, slices, piece: slice):
    """Memory and file dataspaces of the rows ``piece`` of the part at ``slices``."""
    shape = (piece.stop - piece.start,) + tuple(s.stop - s.start for s in slices[1:])
    in_file = dataset.get_space()
    if 0 in shape:
        in_file.select_none()
        in_memory = h5py.h5s.create_simple((1,))
        in_memory.select_none()
        return in_memory, in_file
    start = (slices[0].start + piece.start,) + tuple(s.start for s in slices[1:])
    in_file.select_hyperslab(start, shape)
    return h5py.h5s.create_simple(shape), in_file


def _write_through_root(path, arrays, comm) -> None:
    is_root = comm.Get_rank() == 0
    places = on_root(comm, _places, path, list(arrays))
    descriptor = None
    with agreed_errors(comm), output_errors(path):
        descriptor = os.open(path, os.O_WRONLY) if is_root else None
    try:
        for name, array in arrays.items():
            offset, _, dtype = places[name]
            row_bytes = _row_bytes(array.global_shape, dtype.itemsize)
            owners = comm.allgather(array.slices)
            for rows in _pieces(array.global_shape[0], row_bytes):
                values = _gather_rows(array, rows, owners, dtype, comm)
                with agreed_errors(comm), output_errors(path):
                    if is_root:
                        _write_at(descriptor, values, offset + rows.start * row_bytes)
    finally:
        if is_root:
            os.close(descriptor)


def _as_bytes(values: np.ndarray) -> np.ndarray:
    """A view that MPI takes whatever the type is."""
    return values.reshape(-1).view(np.uint8)


def _gather_rows(array: DistributedArray, rows: slice, owners, dtype, comm) -> np.ndarray | None:
    """The global rows ``rows``, on root; None on the others."""
    rank, gathered = comm.Get_rank(), None
    if rank == 0:
        gathered = np.empty((rows.stop - rows.start,) + tuple(array.global_shape[1:]), dtype)
    for owner, slices in enumerate(owners):
        start, stop = max(rows.start, slices[0].start), min(rows.stop, slices[0].stop)
        shape = (stop - start,) + tuple(s.stop - s.start for s in slices[1:])
        if rank not in (0, owner) or min(shape) <= 0:
            continue
        if rank == owner:
            first = slices[0].start
            values = _contiguous(array.local[start - first:stop - first], dtype)
            if rank != 0:
                comm.Send(_as_bytes(values), 0)
        else:
            values = np.empty(shape, dtype)
            comm.Recv(_as_bytes(values), owner)
        if rank == 0:
            gathered[(slice(start - rows.start, stop - rows.start),) + tuple(slices[1:])] = values
    return gathered


# --- reading ------------------------------------------------------------------------------------------------


def check_inside(what: str, slices: tuple[slice, ...], shape: tuple[int, ...]) -> None:
    """Raise CheckpointError unless an array of this shape contains the slices.  Not collective."""
    if len(slices) != len(shape) or any(
            not 0 <= s.start <= s.stop <= n for s, n in zip(slices, shape, strict=True)):
        raise CheckpointError(f"{what} has shape {shape}, which does not contain {slices}")


def read_into(out: np.ndarray, path: Path, name: str, slices: tuple[slice, ...], comm: Communicator) -> None:
    """Read ``dataset[slices]`` into an array of that shape, any layout in memory.  Collective.

    The dataset must be known to exist and to hold these slices on every rank.

    Raises
    ------
    CheckpointError
        On all ranks, if one of them could not read.
    """
    options, transfer = {}, {}
    if comm.Get_size() > 1 and has_parallel_hdf5():
        options, transfer = dict(driver="mpio", comm=comm), dict(dxpl=_collective())
    _check_visible(path, comm, "read", CheckpointError)
    with agreed_errors(comm), damage_errors(path):
        file = h5py.File(path, "r", **options)
    with file:
        dataset = file[name].id
        for piece in _agreed_pieces(out.shape, out.dtype.itemsize, comm):
            wanted = out[piece]
            values = wanted if wanted.flags.c_contiguous else np.empty(wanted.shape, wanted.dtype)
            with agreed_errors(comm), damage_errors(path):
                dataset.read(*_selection(dataset, slices, piece), values, **transfer)
            if values is not wanted:
                _copy(wanted, values)
