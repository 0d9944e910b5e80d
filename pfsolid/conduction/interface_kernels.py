"""Kernels for faces that resist and faces that are open; arrays as those of :mod:`pfsolid.conduction.kernels`."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel


@kernel(inline=True)
def _in_series(table, resistance, axis, here, other, norm):
    conductivity = table[axis, here, other]
    return conductivity / (1 + conductivity * norm * resistance[axis, here, other])


@kernel(parallel=True)
def put_in_series(labels, table, resistance, periodic, faces):
    """``table[a, l, m]`` in series with ``resistance[a, l, m]`` times |n|_1, which ``faces`` holds before."""
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    closing = 1.0 if periodic else 0.0
    for i in prange(n0 + 1):
        for j in range(n1):
            for k in range(n2):
                here = labels[i, j, k]
                faces[0, i, j, k] = _in_series(table, resistance, 0, here, labels[i + 1, j, k], faces[0, i, j, k])
                if i > 0:
                    y_next, y_share = (labels[i, j + 1, k], 1.0) if j + 1 < n1 else (labels[i, 0, k], closing)
                    z_next, z_share = (labels[i, j, k + 1], 1.0) if k + 1 < n2 else (labels[i, j, 0], closing)
                    faces[1, i, j, k] = y_share * _in_series(table, resistance, 1, here, y_next, faces[1, i, j, k])
                    faces[2, i, j, k] = z_share * _in_series(table, resistance, 2, here, z_next, faces[2, i, j, k])


@kernel(parallel=True)
def sum_interfaces(labels, norms, face_areas, areas):
    """Add up face area / |n|_1 of the faces ahead of each plane, to both their labels; (n0, num_labels) ``areas``."""
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    for i in prange(n0):
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
                        areas[i, labels[i + 1, j, k]] += face_areas[axis] / norm
                        areas[i, other] += face_areas[axis] / norm


@kernel(parallel=True)
def open_faces_of_labels(labels, opens, periodic, open_faces):
    """Bits 1, 2, 4 where the face ahead along x, y, z has them in ``opens[l, m]``; plane 0: along x, behind the slab."""
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
                open_faces[i, j, k] = ((opens[here, labels[i + 1, j, k]] & along_x)
                                       | (opens[here, labels[i, j_next, k]] & in_row)
                                       | (opens[here, labels[i, j, k_next]] & along_z & in_plane))
            if not periodic:
                open_faces[i, j, n2 - 1] &= along_x | along_y
