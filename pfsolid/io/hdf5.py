"""HDF5 files: the arrays that go into them, and how root makes one.

Root alone makes a file: its attributes, and its datasets with their place in the file allocated but not
written.  All ranks then fill in the values (`transfer`).

HDF5 1.10 ends the process with a segmentation fault if it cannot write its own metadata for want of space.
So it makes the file in memory, where the datasets are holes, and plain writes carry its metadata to the disk.

Importing this module switches HDF5's file locks off for the whole process (unless HDF5_USE_FILE_LOCKING is set).
"""

from __future__ import annotations

import errno
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..parallel.communicator import several_ranks
from .files import check_free_space, create_file_anew, output_errors

# Read by HDF5 at every file that is opened, so it stays in this process's environment, and in those it starts.  Locks have
# no use here, files being written under a name of their own, and some cluster file systems refuse them.
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")

# Debian's h5py decides at its first import which flavour it is, and sees mpirun, but not srun.  The one with MPI starts it.
_flavour = os.environ.get("H5PY_ALWAYS_USE_MPI")
if several_ranks():
    os.environ.setdefault("H5PY_ALWAYS_USE_MPI", "1")
try:
    import h5py
finally:
    if _flavour is None:
        os.environ.pop("H5PY_ALWAYS_USE_MPI", None)

SERIAL_SWITCH = "PFSOLID_SERIAL_HDF5"
LENGTHS_NM = 1e-6, 1e9  # edges of voxels that a file may give, as the inputs may
_ALIGNMENT = 8  # which reading back relies on
METADATA_BYTES = 64 * 2**10  # a generous bound for HDF5's own part of a file, and for each dataset's


@dataclass(frozen=True)
class DistributedArray:
    """This rank's part of a global array.

    Attributes
    ----------
    local : ndarray
        Any layout in memory; a view is fine.  May be empty.
    global_shape : tuple of int
    slices : tuple of slice
        Where ``local`` lies in the global array, with explicit start and stop.
    """

    local: np.ndarray
    global_shape: tuple[int, ...]
    slices: tuple[slice, ...]

    def __post_init__(self):
        placed = tuple(s.stop - s.start for s in self.slices)
        if self.local.shape != placed or len(self.global_shape) != len(placed):
            raise ValueError(f"a local array of shape {self.local.shape} does not fit slices {self.slices} "
                             f"of a global array of shape {self.global_shape}")

    def transposed(self) -> DistributedArray:
        """The same values as a view with the axes x, y, z reversed; a fourth axis (components) stays last."""
        axes = reversed_space(self.local.ndim)
        return DistributedArray(self.local.transpose(axes), tuple(self.global_shape[i] for i in axes),
                                tuple(self.slices[i] for i in axes))


@dataclass(frozen=True)
class Layout:
    """A dataset to be made: what root needs to know of it.

    Attributes
    ----------
    scales : tuple of str
        Names of the coordinates along its axes, if the file has them.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    attributes: dict = field(default_factory=dict)
    scales: tuple[str, ...] = ()

    @property
    def num_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def reversed_space(ndim: int) -> tuple[int, ...]:
    """Axes for ``transpose`` between [x, y, z(, component)] and [z, y, x(, component)]."""
    return (2, 1, 0) + tuple(range(3, ndim))


def is_scale(stored) -> bool:
    """Whether what is stored under a name is the coordinates of an axis."""
    return isinstance(stored, h5py.Dataset) and bool(h5py.h5ds.is_scale(stored.id))


def has_parallel_hdf5() -> bool:
    """Whether several ranks write one HDF5 file together (PFSOLID_SERIAL_HDF5=1 says no)."""
    return bool(h5py.get_config().mpi) and os.environ.get(SERIAL_SWITCH, "") != "1"


# --- on one rank --------------------------------------------------------------------------------------------


def create_file(path: Path, layouts: dict[str, Layout], attributes: dict, texts: dict[str, str] | None = None,
                userblock_bytes: int = 0, coordinates: dict[str, tuple[np.ndarray, str]] | None = None) -> None:
    """Make a file with empty datasets, for root only.

    Parameters
    ----------
    path : Path
        Overwritten.
    layouts : dict of Layout
        Stored contiguously; their values are undefined until written.
    attributes : dict
        Of the file: strings, numbers, lists of either.
    texts : dict of str, optional
        Long strings, stored as datasets.
    userblock_bytes : int
        Room before the HDF5 part, 0 or a power of two from 512.
    coordinates : dict of (ndarray, str), optional
        Values and units of dimension scales, by which readers such as xarray name the axes.

    Raises
    ------
    OutputError
        If there is not enough space, or no permission.
    """
    texts = {name: text.encode("utf-8") for name, text in (texts or {}).items()}
    coordinates = coordinates or {}
    metadata = (METADATA_BYTES * (1 + len(layouts)) + sum(map(len, texts.values()))
                + sum(values.nbytes for values, _ in coordinates.values()))
    check_free_space(path, metadata + sum(layout.num_bytes for layout in layouts.values()))
    with output_errors(path), open(create_file_anew(path), "wb", buffering=0) as target, _in_memory() as made:
        with h5py.File(made, "w", userblock_size=userblock_bytes, alignment_threshold=1,
                       alignment_interval=_ALIGNMENT) as file:
            file.attrs.update(attributes)
            for name, text in texts.items():
                file.create_dataset(name, data=np.bytes_(text) if text else h5py.Empty("S1"))
            for name, (values, units) in coordinates.items():
                file.create_dataset(name, data=values).attrs["units"] = units
                file[name].make_scale(name)
            for name, layout in layouts.items():
                dataset = file.create_dataset(name, layout.shape, layout.dtype, dcpl=_allocated_at_once())
                dataset.attrs.update(layout.attributes)
                for axis, scale in enumerate(layout.scales):
                    dataset.dims[axis].attach_scale(file[scale])
        _copy_with_holes(made.fileno(), target.fileno())
        os.fsync(target.fileno())


def _in_memory() -> io.RawIOBase:
    """A file without a name, of which only what is written takes memory."""
    return open(os.memfd_create("pfsolid"), "w+b", buffering=0)


def _copy_with_holes(source: int, target: int) -> None:
    """Copy what has been written to a file, and its length; ENXIO is how the system says that nothing more was."""
    end, position = os.fstat(source).st_size, 0
    while position < end:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
        hole = os.lseek(source, position, os.SEEK_HOLE)
        while position < hole:
            # A disk that fills up takes a part of it first, and says why at the next try.
            position += os.pwrite(target, os.pread(source, hole - position, position), position)
    os.ftruncate(target, end)


def _allocated_at_once():
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties
