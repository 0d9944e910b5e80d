"""A look into stored fields by one process: a plane, or every few voxels, of what may not fit in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from ..grid import AXES
from ..parallel.communicator import alone
from .files import damage_errors
from .hdf5 import h5py
from .series import FieldInfo, describe_field

SIEVE_BYTES = 512  # HDF5's 64 KiB for each scattered value would read all of the file for a plane normal to x


def describe(path, name: str) -> FieldInfo:
    """`series.describe_field` for one process.

    Raises
    ------
    CheckpointError
        No such file or field, or not one of pfsolid's.
    """
    return describe_field(path, name, alone())


def read_plane(path, name: str, axis: int, index: int, stride: int = 1) -> np.ndarray:
    """One plane of a stored field, for one process.

    Parameters
    ----------
    path : Path
    name : str
    axis : int
        Normal of the plane: 0, 1, 2 for x, y, z.
    index : int
        Voxel along ``axis``.
    stride : int
        Take every ``stride``-th voxel of the plane along both its axes.

    Returns
    -------
    ndarray, (n_a, n_b) or (n_a, n_b, 3)
        The other two axes in the order x, y, z, then the components of a vector.

    Raises
    ------
    CheckpointError
        As `describe`, or if there is no such plane.
    """
    shape = describe(path, name).grid_nm.shape
    if not 0 <= index < shape[axis]:
        raise CheckpointError(f"{path}: field {name} has {shape[axis]} planes along {AXES[axis]}, "
                              f"not one at {index}")
    every = slice(None, None, stride)
    selection = [every] * 3
    selection[2 - axis] = index  # axes in the file: z, y, x
    if axis != 0:  # whole rows: HDF5 would take them apart
        selection[2] = slice(None)
    with damage_errors(path), _open(path) as file:
        plane = file[name][tuple(selection)]
    if axis != 0:
        plane = plane[:, every]
    return np.ascontiguousarray(plane.swapaxes(0, 1))


def read_strided(path, name: str, stride: tuple[int, int, int]) -> np.ndarray:
    """Every few voxels of a stored field, for one process.  Holds one plane of the field at a time.

    Parameters
    ----------
    path : Path
    name : str
    stride : tuple of 3 int
        Along x, y, z: voxels 0, stride, 2 stride, ...

    Returns
    -------
    ndarray (nx, ny, nz) or (nx, ny, nz, 3), n = ceil(voxels / stride)

    Raises
    ------
    CheckpointError
        As `describe`.
    """
    describe(path, name)
    step_x, step_y, step_z = stride
    with damage_errors(path), _open(path) as file:
        dataset = file[name]
        planes = [dataset[z][::step_y, ::step_x].copy() for z in range(0, dataset.shape[0], step_z)]
    return np.ascontiguousarray(np.stack(planes).swapaxes(0, 2))


def _open(path) -> h5py.File:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_sieve_buf_size(SIEVE_BYTES)
    return h5py.File(h5py.h5f.open(bytes(Path(path)), h5py.h5f.ACC_RDONLY, access))
