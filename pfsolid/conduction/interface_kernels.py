"""Kernels for faces that resist and faces that are open; arrays as those of :mod:`pfsolid.conduction.kernels`."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from ..pairs import pair_value
from .label_kernels import harmonic_mean


@kernel()
def _in_series(sigma, resistance, inverse_h, axis, here, other, norm):
    conductivity = harmonic_mean(sigma[here, axis], sigma[other, axis])
    value = pair_value(resistance, here, other)
    if np.isinf(value):
        return 0.0
    return conductivity / (1 + conductivity * norm * value * inverse_h[axis])


@kernel(parallel=True)
def put_in_series(labels, sigma, resistance, inverse_h, periodic, faces):
    """``sigma[label, axis]`` in series with a `PairValues.table` times |n|_1, which ``faces`` holds before."""
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    closing = 1.0 if periodic else 0.0
    for i in prange(n0 + 1):
        for j in range(n1):
            for k in range(n2):
                here = labels[i, j, k]
                faces[0, i, j, k] = _in_series(sigma, resistance, inverse_h, 0, here, labels[i + 1, j, k],
                                               faces[0, i, j, k])
                if i > 0:
                    y_next, y_share = (labels[i, j + 1, k], 1.0) if j + 1 < n1 else (labels[i, 0, k], closing)
                    z_next, z_share = (labels[i, j, k + 1], 1.0) if k + 1 < n2 else (labels[i, j, 0], closing)
                    faces[1, i, j, k] = y_share * _in_series(sigma, resistance, inverse_h, 1, here, y_next,
                                                             faces[1, i, j, k])
                    faces[2, i, j, k] = z_share * _in_series(sigma, resistance, inverse_h, 2, here, z_next,
                                                             faces[2, i, j, k])


@kernel(parallel=True)
def sum_interfaces(labels, norms, face_areas, block_starts, areas):
    """Add up face area / |n|_1 of the faces ahead of each voxel, to both their labels.

    ``areas``, (num_blocks, num_labels), has a row for each block of planes.
    """
    n1, n2 = labels.shape[1], labels.shape[2]
    for block in prange(block_starts.size - 1):
        for i in range(block_starts[block], block_starts[block + 1]):
            for j in range(n1):
                for k in range(n2):
                    for axis in range(3):
                        norm = norms[axis, i + 1, j, k]
                        if norm > 0:
                            if axis == 0:
                                other = labels[i + 2, j, k]
                            elif axis == 1:
                                other = labels[i + 1, j + 1 if j + 1 < n1 else 0, k]
                            else:
                                other = labels[i + 1, j, k + 1 if k + 1 < n2 else 0]
                            areas[block, labels[i + 1, j, k]] += face_areas[axis] / norm
                            areas[block, other] += face_areas[axis] / norm


@kernel()
def _opens(conducts, blocks, here, other):
    return conducts[here] & conducts[other] if pair_value(blocks, here, other) == 0 else np.uint8(0)


@kernel(parallel=True)
def open_faces_of_labels(labels, conducts, blocks, periodic, open_faces):
    """Bits 1, 2, 4 where the face ahead along x, y, z is open; plane 0: along x, behind the slab.

    Open where both labels have the bit in ``conducts`` and have no value in ``blocks``, a `PairValues.table`.
    """
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    along_x, along_y, along_z = np.uint8(1), np.uint8(2), np.uint8(4)
    for i in prange(n0 + 1):
        in_plane = np.uint8(0 if i == 0 else 255)
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            in_row = along_y & in_plane if periodic or j + 1 < n1 else np.uint8(0)
            for k in range(n2):
                here = labels[i, j, k]
                k_next = k + 1 if k + 1 < n2 else 0
                open_faces[i, j, k] = ((_opens(conducts, blocks, here, labels[i + 1, j, k]) & along_x)
                                       | (_opens(conducts, blocks, here, labels[i, j_next, k]) & in_row)
                                       | (_opens(conducts, blocks, here, labels[i, j, k_next]) & along_z & in_plane))
            if not periodic:
                open_faces[i, j, n2 - 1] &= along_x | along_y
