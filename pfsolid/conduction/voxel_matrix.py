"""The finite volumes of the conducting voxels as compressed sparse rows, divided over the ranks like the slabs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange

from ..errors import InputError
from ..kernel import kernel
from .finite_volumes import FiniteVolumes
from .system import System

_ROW = 7  # entries of a row at the most


@dataclass(frozen=True)
class VoxelMatrix:
    """Rows of A for the voxels of this slab that conduct to another one, in the order of the voxels.

    Attributes
    ----------
    unknowns : ndarray of bool, local (n0, n1, n2)
        The voxels that have a row.
    num_rows : int
        Over all ranks.
    starts, columns, values : ndarray
        Compressed rows: where each one starts, global numbers in ascending order, conductances over h^2.
    """

    unknowns: np.ndarray
    num_rows: int
    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def build_voxel_matrix(system: System, int_type=np.int32) -> VoxelMatrix:
    """Collective: the matrix of a system of finite volumes, periodic or between plane electrodes.

    Parameters
    ----------
    system : pfsolid.conduction.finite_volumes.FiniteVolumes
    int_type : dtype
        Of the row and column numbers.

    Raises
    ------
    InputError
        If the rows cannot be numbered with ``int_type``, or the system is none of finite volumes.
    """
    if not isinstance(system, FiniteVolumes):
        raise InputError("solver = \"petsc\" is for finite volumes, with one conductivity for each face; use \"fft\"")
    transform, faces = system.transform, system.faces
    # On an axis of one voxel, each is its own neighbour.
    conductances = tuple(0.0 if transform.periodic and n == 1 else 1 / h**2
                         for n, h in zip(transform.grid.shape, system.spacing))
    n0, n1, n2 = transform.local_shape
    # The number of a voxel's row, counted from 1; 0 without one.  Mirror images beyond electrodes get the negative.
    numbers = np.zeros((n0 + 2, n1, n2), dtype=np.int64)
    rows_of_plane = np.empty(n0, dtype=np.int64)
    _mark_rows(faces, conductances, numbers, rows_of_plane)
    counts = transform.reducer.gather(int(rows_of_plane.sum()))
    if max(sum(counts), _ROW * max(counts)) > np.iinfo(int_type).max:
        raise InputError(f"{sum(counts)} conducting voxels are too many for this PETSc, which counts with "
                         f"{8 * np.dtype(int_type).itemsize} bits: use solver = \"fft\", or a PETSc built with "
                         "--with-64-bit-indices")
    before = sum(counts[:transform.reducer.rank])
    _number_rows(numbers, 1 + before + np.concatenate([[0], np.cumsum(rows_of_plane)]))
    transform.ghosts.fill(numbers, odd=True)
    starts = np.zeros(counts[transform.reducer.rank] + 1, dtype=int_type)
    _write_rows(faces, conductances, numbers, before, starts, np.empty(0, dtype=int_type), np.empty(0))
    np.cumsum(starts, out=starts)
    columns, values = np.empty(starts[-1], dtype=int_type), np.empty(starts[-1])
    _write_rows(faces, conductances, numbers, before, starts, columns, values)
    return VoxelMatrix(numbers[1:-1] > 0, sum(counts), starts, columns, values)


@kernel(parallel=True)
def _mark_rows(faces, inverse_h2, numbers, rows_of_plane):
    """numbers = 1 where a voxel conducts to anything; how many do in each plane."""
    x, y, z = inverse_h2
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    for i in prange(n0):
        rows_of_plane[i] = 0
        for j in range(n1):
            for k in range(n2):
                total = (x * (faces[0, i, j, k] + faces[0, i + 1, j, k])
                         + y * (faces[1, i + 1, j, k] + faces[1, i + 1, j - 1 if j > 0 else n1 - 1, k])
                         + z * (faces[2, i + 1, j, k] + faces[2, i + 1, j, k - 1 if k > 0 else n2 - 1]))
                if total > 0:
                    numbers[i + 1, j, k] = 1
                    rows_of_plane[i] += 1


@kernel(parallel=True)
def _number_rows(numbers, first_of_plane):
    n0, n1, n2 = numbers.shape
    for i in prange(n0 - 2):
        number = first_of_plane[i]
        for j in range(n1):
            for k in range(n2):
                if numbers[i + 1, j, k] > 0:
                    numbers[i + 1, j, k] = number
                    number += 1


@kernel()
def _add(columns, values, length, column, value):
    """Add to a short row, in ascending order; its length.  A neighbour may come twice, through two periodic faces."""
    at = length
    while at > 0 and columns[at - 1] > column:
        at -= 1
    if at > 0 and columns[at - 1] == column:
        values[at - 1] += value
        return length
    for to in range(length, at, -1):
        columns[to] = columns[to - 1]
        values[to] = values[to - 1]
    columns[at] = column
    values[at] = value
    return length + 1


@kernel(parallel=True)
def _write_rows(faces, inverse_h2, numbers, before, starts, columns, values):
    """Fill ``columns`` and ``values``; if they have no room yet, write the length of row i to ``starts[i + 1]``."""
    x, y, z = inverse_h2
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    for i in prange(n0):
        row_columns = np.empty(_ROW, np.int64)
        row_values = np.empty(_ROW)
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            j_last = j - 1 if j > 0 else n1 - 1
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                k_last = k - 1 if k > 0 else n2 - 1
                own = numbers[i + 1, j, k]
                if own == 0:
                    continue
                row_columns[0] = own
                row_values[0] = 0.0
                length = 1
                for value, other in (
                        (x * faces[0, i + 1, j, k], numbers[i + 2, j, k]), (x * faces[0, i, j, k], numbers[i, j, k]),
                        (y * faces[1, i + 1, j, k], numbers[i + 1, j_next, k]),
                        (y * faces[1, i + 1, j_last, k], numbers[i + 1, j_last, k]),
                        (z * faces[2, i + 1, j, k], numbers[i + 1, j, k_next]),
                        (z * faces[2, i + 1, j, k_last], numbers[i + 1, j, k_last])):
                    if value > 0 and other > 0:
                        length = _add(row_columns, row_values, length, own, value)
                        length = _add(row_columns, row_values, length, other, -value)
                    elif value > 0:  # an electrode: the potential of the mirror image is the opposite one
                        length = _add(row_columns, row_values, length, own, 2 * value)
                local = own - 1 - before
                if values.size == 0:
                    starts[local + 1] = length
                else:
                    for at in range(length):
                        columns[starts[local] + at] = row_columns[at] - 1
                        values[starts[local] + at] = row_values[at]
