"""Passes over faces that say where voltage and power go: into labels, and into interfaces that resist, by their rules.

``rows[label]`` and ``kind_rows[rule]`` are rows of the sums, the latter after those of labels; the last is that of plates.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from ..pairs import pair_kind, pair_value


@kernel()
def _share_out(sums, flux, face, half_here, half_there, row_here, row_there, row_between, along):
    """Of one face: squares of the flux times what resists to ``sums[0]``; along the field the drops to ``sums[1]``."""
    between = max(1.0 / face - half_here - half_there, 0.0) if row_between >= 0 else 0.0
    sums[0, row_here] += flux * flux * half_here
    sums[0, row_there] += flux * flux * half_there
    if row_between >= 0:
        sums[0, row_between] += flux * flux * between
    if along:
        sums[1, row_here] += flux * half_here
        sums[1, row_there] += flux * half_there
        if row_between >= 0:
            sums[1, row_between] += flux * between


@kernel()
def _row_between(table, kind_rows, here, there):
    """Row of the interface between two labels; -1 where it does not resist."""
    if here == there or pair_value(table, here, there) == 0:
        return np.int64(-1)
    return kind_rows[pair_kind(table, here, there)]


@kernel(parallel=True)
def dissipation(potential, edges, faces, labels, half, rows, table, kind_rows, shares, spacing, axis, sums):
    """Sums over each plane, (n0, 2, num_rows), for a unit field along ``axis``: power, and voltage along the field.

    Parameters
    ----------
    potential, edges, faces
        As of `pfsolid.conduction.finite_volumes.FiniteVolumes`.
    labels : ndarray, local (n0 + 2, n1, n2)
        With ghost planes.
    half : ndarray (3, num_labels)
        1 / 2 sigma of each label along each axis, 0 of an insulator.
    rows, kind_rows : ndarray of int
    table : tuple
        `PairValues.table`.
    shares : (float, float)
        Of the faces at either end of the slab; 1/2 at an electrode, where the face is half a voxel and the plate.
    spacing : tuple of 3 float
    axis : int
    sums : ndarray (n0, 2, num_rows)
        Overwritten.
    """
    n0, n1, n2 = potential.shape
    ex, ey, ez = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    plates = sums.shape[2] - 1
    for i in prange(n0):
        sums[i] = 0.0
        own = sums[i]
        after = potential[i + 1] if i + 1 < n0 else edges[-1]
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                here, label = potential[i, j, k], labels[i + 1, j, k]
                row = rows[label]
                if i == 0 and shares[0] == 0.5 and faces[0, 0, j, k] > 0:
                    flux = faces[0, 0, j, k] * (ex - (here - edges[0, j, k]) / spacing[0])
                    _share_out_end(own, flux, faces[0, 0, j, k], half[0, label], row, plates)
                face = faces[0, i + 1, j, k]
                if face > 0:
                    flux = face * (ex - (after[j, k] - here) / spacing[0])
                    if i + 1 == n0 and shares[1] == 0.5:
                        _share_out_end(own, flux, face, half[0, label], row, plates)
                    else:
                        other = labels[i + 2, j, k]
                        _share_out(own, flux, face, half[0, label], half[0, other], row, rows[other],
                                   _row_between(table, kind_rows, label, other), axis == 0)
                face = faces[1, i + 1, j, k]
                if face > 0:
                    other = labels[i + 1, j_next, k]
                    _share_out(own, face * (ey - (potential[i, j_next, k] - here) / spacing[1]), face, half[1, label],
                               half[1, other], row, rows[other], _row_between(table, kind_rows, label, other), axis == 1)
                face = faces[2, i + 1, j, k]
                if face > 0:
                    other = labels[i + 1, j, k_next]
                    _share_out(own, face * (ez - (potential[i, j, k_next] - here) / spacing[2]), face, half[2, label],
                               half[2, other], row, rows[other], _row_between(table, kind_rows, label, other), axis == 2)


@kernel()
def _share_out_end(sums, flux, face, half, row, plates):
    """Half a voxel, and the plate behind it."""
    plate = 0.5 * max(1.0 / face - 2 * half, 0.0)
    sums[0, row] += flux * flux * half
    sums[0, plates] += flux * flux * plate
    sums[1, row] += flux * half
    sums[1, plates] += flux * plate


@kernel(parallel=True)
def areas_of_rules(labels, conducts, norms, table, kind_rows, periodic, face_areas, block_starts, areas):
    """Add up face area / |n|_1 of the faces ahead of each voxel between conductors that resist, by their rules.

    Parameters
    ----------
    labels : ndarray, local (n0 + 2, n1, n2)
        With ghost planes.
    conducts : ndarray of bool (num_labels,)
    norms : ndarray, local (3, n0 + 1, n1, n2)
        |n|_1 of each face.
    table, kind_rows
        As of `dissipation`, rules from row 0.
    periodic : bool
        Whether the last faces along y and z close the cell.
    face_areas : ndarray (3,)
    block_starts : ndarray of int (num_blocks + 1,)
        Of blocks of planes.
    areas : ndarray (num_blocks, num_rows, 3)
        Added to: the area, the area times its finite resistance, and the area times |n|_1 squared.
    """
    n1, n2 = labels.shape[1], labels.shape[2]
    for block in prange(block_starts.size - 1):
        for i in range(block_starts[block], block_starts[block + 1]):
            for j in range(n1):
                for k in range(n2):
                    here = labels[i + 1, j, k]
                    for axis in range(3):
                        if axis == 0:
                            other = labels[i + 2, j, k]
                        elif axis == 1:
                            if j + 1 == n1 and not periodic:
                                continue
                            other = labels[i + 1, j + 1 if j + 1 < n1 else 0, k]
                        else:
                            if k + 1 == n2 and not periodic:
                                continue
                            other = labels[i + 1, j, k + 1 if k + 1 < n2 else 0]
                        if here == other or not (conducts[here] and conducts[other]):
                            continue
                        value = pair_value(table, here, other)
                        norm = norms[axis, i + 1, j, k]
                        if value > 0 and not np.isinf(value) and norm > 0:
                            row = kind_rows[pair_kind(table, here, other)]
                            areas[block, row, 0] += face_areas[axis] / norm
                            areas[block, row, 1] += face_areas[axis] / norm * value
                            areas[block, row, 2] += face_areas[axis] * norm
