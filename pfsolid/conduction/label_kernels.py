"""Passes over labelled voxels: which faces conduct, how well, and the flux through them from conductivities in double.

``sigma``, (1 or 3, num_labels), has one row where every label conducts alike along all axes.  Each label is looked up once
for each row: what is then done with the conductivities of a plane becomes vectors, which a look-up for each face cannot.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel


@kernel(inline=True)
def harmonic_mean(a, b):
    """Of two conductivities: exactly 0 where either is; for other kernels.

    Parameters
    ----------
    a, b : float

    Returns
    -------
    float
    """
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


@kernel()
def _look_up(labels, sigma, i, slot, out):
    """out[slot] = conductivities of plane i of the labels; (2, 1 or 3, n1, n2)."""
    for a in range(sigma.shape[0]):
        for j in range(labels.shape[1]):
            for k in range(labels.shape[2]):
                out[slot, a, j, k] = sigma[a, labels[i, j, k]]


@kernel(parallel=True, divides=True)
def faces_of_labels(labels, sigma, periodic, block_starts, faces):
    """The harmonic mean of the two voxels beside each face.

    Parameters
    ----------
    labels : ndarray, local (n0 + 2, n1, n2)
    sigma : ndarray (1 or 3, num_labels)
    periodic : bool
        Whether the last faces along y and z close the cell, or insulate.
    block_starts : ndarray of int
        Of the planes of ``faces``.
    faces : ndarray, local (3, n0 + 1, n1, n2)
        Out.
    """
    n1, n2 = labels.shape[1], labels.shape[2]
    closing = 1.0 if periodic else 0.0
    y = 1 if sigma.shape[0] > 1 else 0
    z = 2 * y
    for block in prange(block_starts.size - 1):
        of_planes = np.empty((2, sigma.shape[0], n1, n2))
        _look_up(labels, sigma, block_starts[block], block_starts[block] % 2, of_planes)
        for i in range(block_starts[block], block_starts[block + 1]):
            s, ahead = i % 2, 1 - i % 2
            _look_up(labels, sigma, i + 1, ahead, of_planes)
            for j in range(n1):
                for k in range(n2):
                    faces[0, i, j, k] = harmonic_mean(of_planes[s, 0, j, k], of_planes[ahead, 0, j, k])
            if i == 0:
                continue
            for j in range(n1):
                j_next, share = (j + 1, 1.0) if j + 1 < n1 else (0, closing)
                for k in range(n2):
                    faces[1, i, j, k] = share * harmonic_mean(of_planes[s, y, j, k], of_planes[s, y, j_next, k])
                for k in range(n2 - 1):
                    faces[2, i, j, k] = harmonic_mean(of_planes[s, z, j, k], of_planes[s, z, j, k + 1])
                faces[2, i, j, n2 - 1] = closing * harmonic_mean(of_planes[s, z, j, n2 - 1], of_planes[s, z, j, 0])


@kernel()
def open_faces_of_labels(labels, conducts, periodic, open_faces):
    """As `pfsolid.conduction.interface_kernels.open_faces_of_labels`, where no pair of labels blocks.

    Parameters
    ----------
    labels : ndarray, local (n0 + 2, n1, n2)
    conducts : ndarray of uint8 (num_labels,)
        Bits 1, 2, 4 where a label conducts along x, y, z.
    periodic : bool
    open_faces : ndarray of uint8, local (n0 + 1, n1, n2)
        Out.
    """
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    along_x, along_y, along_z = np.uint8(1), np.uint8(2), np.uint8(4)
    closing = np.uint8(255 if periodic else 0)
    bits = np.empty((2, n1, n2), np.uint8)
    for i in range(n0 + 2):
        s, behind = i % 2, 1 - i % 2
        for j in range(n1):
            for k in range(n2):
                bits[s, j, k] = conducts[labels[i, j, k]]
            if i > 0:
                for k in range(n2):
                    open_faces[i - 1, j, k] = bits[behind, j, k] & bits[s, j, k] & along_x
        if i < 2:
            continue
        # Plane i - 1, all of which is known now.
        for j in range(n1):
            j_next, in_row = (j + 1, along_y) if j + 1 < n1 else (0, closing & along_y)
            for k in range(n2):
                open_faces[i - 1, j, k] |= bits[behind, j, k] & bits[behind, j_next, k] & in_row
            for k in range(n2 - 1):
                open_faces[i - 1, j, k] |= bits[behind, j, k] & bits[behind, j, k + 1] & along_z
            open_faces[i - 1, j, n2 - 1] |= bits[behind, j, n2 - 1] & bits[behind, j, 0] & closing & along_z


@kernel(fast=True, divides=True)
def _fluxes_ahead(potential, after, of_planes, slots, axes, place, closing, spacing, field, along_x, along_y, along_z):
    """Flux through the faces ahead of each voxel of a row, along x, y and z.

    ``after``: the potential of the plane after it and which plane of it; ``slots``: of that plane and of this one in
    ``of_planes``; ``place``: (i, j) of the row.
    """
    beyond, plane_beyond = after
    ahead, s = slots
    y, z = axes
    i, j = place
    hx, hy, hz = spacing
    ex, ey, ez = field
    n1, n2 = potential.shape[1], potential.shape[2]
    for k in range(n2):
        along_x[k] = (harmonic_mean(of_planes[s, 0, j, k], of_planes[ahead, 0, j, k])
                      * (ex - (beyond[plane_beyond, j, k] - potential[i, j, k]) / hx))
    j_next, share = (j + 1, 1.0) if j + 1 < n1 else (0, closing)
    for k in range(n2):
        along_y[k] = (share * harmonic_mean(of_planes[s, y, j, k], of_planes[s, y, j_next, k])
                      * (ey - (potential[i, j_next, k] - potential[i, j, k]) / hy))
    for k in range(n2 - 1):
        along_z[k + 1] = (harmonic_mean(of_planes[s, z, j, k], of_planes[s, z, j, k + 1])
                          * (ez - (potential[i, j, k + 1] - potential[i, j, k]) / hz))
    last = n2 - 1
    along_z[n2] = along_z[0] = (closing * harmonic_mean(of_planes[s, z, j, last], of_planes[s, z, j, 0])
                                * (ez - (potential[i, j, 0] - potential[i, j, last]) / hz))


@kernel(parallel=True, fast=True, divides=True)
def residual_of_labels(potential, edges, labels, sigma, periodic, spacing, axis, block_starts, residual, plane_sums):
    """-div J for a unit field.  The flux through a face is found once, and kept for the voxel behind, in a block of planes.

    Parameters
    ----------
    potential, residual : ndarray, local (n0, n1, n2)
        ``residual`` is the result.
    edges : ndarray (4, n1, n2)
        The first and the last are the potential before and after the slab.
    labels : ndarray, local (n0 + 2, n1, n2)
    sigma : ndarray (1 or 3, num_labels)
    periodic : bool
    spacing : (float, float, float)
    axis : int
        Of the field.
    block_starts : ndarray of int
        Of planes.
    plane_sums : ndarray (n0, 4)
        Out: what `pfsolid.conduction.kernels.mean_fluxes` sums up over each plane, and potential times residual.
    """
    n0, n1, n2 = potential.shape
    hx, hy, hz = spacing
    field = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    closing = 1.0 if periodic else 0.0
    y = 1 if sigma.shape[0] > 1 else 0
    axes = y, 2 * y
    for block in prange(block_starts.size - 1):
        of_planes, behind_x = np.empty((2, sigma.shape[0], n1, n2)), np.empty((n1, n2))
        along_x, along_y, behind_y, along_z = np.empty(n2), np.empty(n2), np.empty(n2), np.empty(n2 + 1)
        start = block_starts[block]
        # Plane i of the potential is plane i + 1 of the labels.
        _look_up(labels, sigma, start, start % 2, of_planes)
        _look_up(labels, sigma, start + 1, 1 - start % 2, of_planes)
        before, plane_before = (potential, start - 1) if start > 0 else (edges, 0)
        for j in range(n1):
            for k in range(n2):
                behind_x[j, k] = (harmonic_mean(of_planes[start % 2, 0, j, k], of_planes[1 - start % 2, 0, j, k])
                                  * (field[0] - (potential[start, j, k] - before[plane_before, j, k]) / hx))
        for i in range(start, block_starts[block + 1]):
            s, ahead = 1 - i % 2, i % 2
            _look_up(labels, sigma, i + 2, ahead, of_planes)
            after = (potential, i + 1) if i + 1 < n0 else (edges, edges.shape[0] - 1)
            for k in range(n2):
                behind_y[k] = (closing * harmonic_mean(of_planes[s, y, n1 - 1, k], of_planes[s, y, 0, k])
                               * (field[1] - (potential[i, 0, k] - potential[i, n1 - 1, k]) / hy))
            total_x = total_y = total_z = work = 0.0
            for j in range(n1):
                _fluxes_ahead(potential, after, of_planes, (ahead, s), axes, (i, j), closing, spacing, field, along_x,
                              along_y, along_z)
                for k in range(n2):
                    left = ((behind_x[j, k] - along_x[k]) / hx + (behind_y[k] - along_y[k]) / hy
                            + (along_z[k] - along_z[k + 1]) / hz)
                    residual[i, j, k] = left
                    work += potential[i, j, k] * left
                    total_x += behind_x[j, k] + along_x[k]
                    total_y += along_y[k]
                    total_z += along_z[k + 1]
                for k in range(n2):
                    behind_x[j, k] = along_x[k]
                    behind_y[k] = along_y[k]
            plane_sums[i, 0] = 0.5 * total_x
            plane_sums[i, 1] = total_y
            plane_sums[i, 2] = total_z
            plane_sums[i, 3] = work
