"""Fused kernels of the conduction solver: 7-point finite volumes.

``faces[a, i + 1, j, k]``, local (3, n0 + 1, n1, n2), is the conductivity between the centres of voxel (i, j, k) and the
next one along axis a; plane 0 of axis 0 holds the faces towards the slab before, that of the other axes is not used.  The
last along y and z close the periodic cell, and are 0 where it has insulating sides.  Labels and the direction ``p`` carry
one ghost plane at each end of the slab along x; everything else is the bare slab.  Looking conductances up in a table of
label pairs instead takes three times as long: it cannot be vectorised.

``reordered`` says that the planes of ``z`` and ``work`` are in Makhoul's order (`CosineSlabTransform`).
Sums are kept for each plane and added in plane order by the caller.  np.float64(x) stands where single-precision numbers
have to be taken in double: numba's float(x) leaves them as they are.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel


@kernel(parallel=True)
def threshold_labels(field, rho_pore, rho_bulk, labels):
    """Label 0 where rho < rho_pore, 2 where rho > rho_bulk, else 1; the interior of the ghosted ``labels``."""
    n0, n1, n2 = field.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                rho = field[i, j, k]
                labels[i + 1, j, k] = 0 if rho < rho_pore else (2 if rho > rho_bulk else 1)


@kernel(parallel=True, fast=True)
def sum_faces(faces, axis, plane_sums):
    """Sum over each plane of (s_+ + s_-) / 2 along ``axis``."""
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    for i in prange(n0):
        total = 0.0
        for j in range(n1):
            for k in range(n2):
                total += faces[axis, i + 1, j, k]
        if axis == 0:
            before = 0.0
            for j in range(n1):
                for k in range(n2):
                    before += faces[0, i, j, k]
            total = 0.5 * (total + before)
        plane_sums[i] = total


@kernel(parallel=True, fast=True)
def right_hand_side(faces, spacing, axis, residual):
    """residual = -(s_+ - s_-) / h along ``axis``, for a unit field."""
    n0, n1, n2 = residual.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                ahead = np.float64(faces[axis, i + 1, j, k])
                if axis == 0:
                    behind = np.float64(faces[0, i, j, k])
                elif axis == 1:
                    behind = np.float64(faces[1, i + 1, j - 1 if j > 0 else n1 - 1, k])
                else:
                    behind = np.float64(faces[2, i + 1, j, k - 1 if k > 0 else n2 - 1])
                residual[i, j, k] = (behind - ahead) / spacing


@kernel(fast=True)
def _row_of(j, n1, reordered):
    if not reordered:
        return j
    return j // 2 if j % 2 == 0 else n1 - 1 - j // 2


@kernel(fast=True)
def _store_row(values, reordered, out):
    """out = values.  Two samples at a time in Makhoul's order: so the compiler vectorises it, 3x faster."""
    n2 = out.size
    if reordered:
        for m in range(n2 // 2):
            out[m] = values[2 * m]
            out[n2 - 1 - m] = values[2 * m + 1]
        if n2 % 2 == 1:
            out[n2 // 2] = values[n2 - 1]
    else:
        for k in range(n2):
            out[k] = values[k]


@kernel(fast=True)
def _advance_row(z, reordered, beta, p):
    """p = z + beta p."""
    n2 = z.size
    if reordered:
        for m in range(n2 // 2):
            p[2 * m] = z[m] + beta * p[2 * m]
            p[2 * m + 1] = z[n2 - 1 - m] + beta * p[2 * m + 1]
        if n2 % 2 == 1:
            p[n2 - 1] = z[n2 // 2] + beta * p[n2 - 1]
    else:
        for k in range(n2):
            p[k] = z[k] + beta * p[k]


@kernel(fast=True)
def _energy_between(faces, one, other):
    """Sum of faces (other - one)^2."""
    total = 0.0
    for k in range(faces.size):
        difference = np.float64(other[k]) - np.float64(one[k])
        total += faces[k] * difference * difference
    return total


@kernel(parallel=True)
def place(field, reordered, out):
    """out = field, in the order of the transform."""
    n0, n1 = field.shape[:2]
    for i in prange(n0):
        for j in range(n1):
            _store_row(field[i, j], reordered, out[i, _row_of(j, n1, reordered)])


@kernel(parallel=True, fast=True)
def advance_direction(p, z, beta, reordered, faces, inverse_h2, block_starts, face_sums):
    """p = z + beta p, and p.Ap over the faces normal to y and z and those normal to x inside a block of planes.

    A thread works through a block with two planes in cache; the faces between blocks, whose far side another thread
    may not have written yet, are left to :func:`faces_between_blocks`.  ``face_sums[i]`` belongs to plane i: its own
    faces, and those towards plane i - 1.
    """
    n0, n1, n2 = z.shape
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        for i in range(start, end):
            for j in range(n1):
                _advance_row(z[i, _row_of(j, n1, reordered)], reordered, beta, p[i + 1, j])
            energy_x = energy_y = energy_z = 0.0
            for j in range(n1):
                here = p[i + 1, j]
                energy_y += _energy_between(faces[1, i + 1, j], here, p[i + 1, j + 1 if j + 1 < n1 else 0])
                energy_z += _energy_between(faces[2, i + 1, j, :n2 - 1], here[:n2 - 1], here[1:])
                closing = np.float64(here[0]) - np.float64(here[n2 - 1])
                energy_z += faces[2, i + 1, j, n2 - 1] * closing * closing
                if i > start:
                    energy_x += _energy_between(faces[0, i, j], p[i, j], here)
            face_sums[i, 0] = inverse_h2[1] * energy_y + inverse_h2[2] * energy_z
            face_sums[i, 1] = inverse_h2[0] * energy_x


@kernel(parallel=True, fast=True)
def faces_between_blocks(p, faces, inverse_h2, block_starts, end_shares, face_sums):
    """The x faces that :func:`advance_direction` left out; needs the ghost planes of p.

    Of the faces at the two ends of the slab only ``end_shares`` count.
    """
    for block in prange(block_starts.size):
        i = block_starts[block]
        share = 1.0
        if block == 0:
            share = end_shares[0]
        elif block == block_starts.size - 1:
            share = end_shares[1]
        energy = 0.0
        if share > 0:
            for j in range(p.shape[1]):
                energy += _energy_between(faces[0, i, j], p[i, j], p[i + 1, j])
        face_sums[i, 1] = share * inverse_h2[0] * energy


@kernel(fast=True)
def _outflow(p, faces, inverse_h2, i, j, k, j_last, j_next, k_last, k_next):
    """(A p) of voxel (i, j, k)."""
    here = np.float64(p[i + 1, j, k])
    along_x = faces[0, i + 1, j, k] * (here - p[i + 2, j, k]) + faces[0, i, j, k] * (here - p[i, j, k])
    along_y = (faces[1, i + 1, j, k] * (here - p[i + 1, j_next, k])
               + faces[1, i + 1, j_last, k] * (here - p[i + 1, j_last, k]))
    along_z = (faces[2, i + 1, j, k] * (here - p[i + 1, j, k_next])
               + faces[2, i + 1, j, k_last] * (here - p[i + 1, j, k_last]))
    return inverse_h2[0] * along_x + inverse_h2[1] * along_y + inverse_h2[2] * along_z


@kernel(parallel=True, fast=True)
def update(p, alpha, faces, inverse_h2, potential, residual, reordered, work):
    """potential += alpha p, residual -= alpha A p, work = residual."""
    n0, n1, n2 = residual.shape
    for i in prange(n0):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            j_last = j - 1 if j > 0 else n1 - 1
            end = n2 - 1
            residual[i, j, 0] -= alpha * _outflow(p, faces, inverse_h2, i, j, 0, j_last, j_next, end, 1 if end else 0)
            for k in range(1, end):
                residual[i, j, k] -= alpha * _outflow(p, faces, inverse_h2, i, j, k, j_last, j_next, k - 1, k + 1)
            if end > 0:
                residual[i, j, end] -= alpha * _outflow(p, faces, inverse_h2, i, j, end, j_last, j_next, end - 1, 0)
            for k in range(n2):
                potential[i, j, k] += alpha * p[i + 1, j, k]
            _store_row(residual[i, j], reordered, work[i, _row_of(j, n1, reordered)])


@kernel(parallel=True, fast=True)
def apply_green(spectrum, symbols, scale, holds_mean, weights, plane_sums):
    """spectrum *= scale / (sum of symbols), the mean set to 0; sum |spectrum|^2 / (sum of symbols) of each plane."""
    sx, sy, sz = symbols
    n0, n1, n2 = spectrum.shape
    for i in prange(n0):
        total = 0.0
        for j in range(n1):
            s_xy = sx[i] + sy[j]
            for k in range(n2):
                symbol = s_xy + sz[k]
                inverse = 1 / symbol if symbol > 0 else 0.0
                c = spectrum[i, j, k]
                # In double whatever the transform's precision: squares of small single values would underflow.
                re, im = np.float64(c.real), np.float64(c.imag)
                total += weights[k] * inverse * (re * re + im * im)
                factor = scale * inverse
                spectrum[i, j, k] = complex(factor * re, factor * im)
        plane_sums[i] = total


@kernel(parallel=True, fast=True)
def solve_columns(spectrum, symbols, spacing, scale, weights, block_starts, scratch, row_sums):
    """spectrum = scale (D + symbols)^-1 spectrum, D the second difference along x with u = 0 at the outer faces.

    One tridiagonal system for each cosine of the real (n0, n1, 2 nz) ``spectrum``: elimination down the columns of a
    row, substitution back up.  ``row_sums`` receives the weighted products of the spectrum before and after.
    ``scratch[block]``, (n0 + 1, 2 nz), holds the inverse pivots and what is carried from plane to plane.
    """
    n0, n1, num_columns = spectrum.shape
    sy, sz = symbols
    wy, wz = weights
    h2 = spacing * spacing
    for block in prange(block_starts.size - 1):
        for j in range(block_starts[block], block_starts[block + 1]):
            total = 0.0
            for k in range(num_columns):
                scratch[block, n0, k] = 0.0
            for i in range(n0):
                ends = (1.0 if i == 0 else 0.0) + (1.0 if i == n0 - 1 else 0.0)
                energy = 0.0
                for k in range(num_columns):
                    before = scratch[block, i - 1, k] if i > 0 else 0.0
                    inverse = 1 / (2.0 + ends + h2 * (sy[j] + sz[k]) - before)
                    value = spectrum[i, j, k] + before * scratch[block, n0, k]
                    scratch[block, i, k] = inverse
                    scratch[block, n0, k] = value
                    spectrum[i, j, k] = value * inverse
                    energy += wz[k] * value * value * inverse
                total += energy
            row_sums[j] = h2 * wy[j] * total
            for k in range(num_columns):
                scratch[block, n0, k] = 0.0
            for i in range(n0 - 1, -1, -1):
                for k in range(num_columns):
                    value = spectrum[i, j, k] + scratch[block, i, k] * scratch[block, n0, k]
                    scratch[block, n0, k] = value
                    spectrum[i, j, k] = scale * h2 * value


@kernel(parallel=True, fast=True)
def mean_fluxes(potential, edges, faces, spacing, axis, plane_sums):
    """Sum over each plane of the flux through the faces along x, y, z for a unit field along ``axis``.

    Along x the mean of the two faces of each voxel, so that the faces at plane electrodes count half.  ``edges[0]`` and
    ``edges[-1]`` are the potential before and after the slab.
    """
    n0, n1, n2 = potential.shape
    hx, hy, hz = spacing
    ex, ey, ez = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    for i in prange(n0):
        total_x = total_y = total_z = 0.0
        before = potential[i - 1] if i > 0 else edges[0]
        after = potential[i + 1] if i + 1 < n0 else edges[-1]
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                here = potential[i, j, k]
                total_x += (faces[0, i + 1, j, k] * (ex - (after[j, k] - here) / hx)
                            + faces[0, i, j, k] * (ex - (here - before[j, k]) / hx))
                total_y += faces[1, i + 1, j, k] * (ey - (potential[i, j_next, k] - here) / hy)
                total_z += faces[2, i + 1, j, k] * (ez - (potential[i, j, k_next] - here) / hz)
        plane_sums[i, 0] = 0.5 * total_x
        plane_sums[i, 1] = total_y
        plane_sums[i, 2] = total_z


@kernel(parallel=True)
def current_density(potential, edges, faces, spacing, axis, out):
    """Cell-centred flux, the mean of each voxel's two faces along x, y, z, for a unit field along ``axis``."""
    n0, n1, n2 = potential.shape
    hx, hy, hz = spacing
    ex, ey, ez = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    for i in prange(n0):
        before = potential[i - 1] if i > 0 else edges[0]
        after = potential[i + 1] if i + 1 < n0 else edges[-1]
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            j_last = j - 1 if j > 0 else n1 - 1
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                k_last = k - 1 if k > 0 else n2 - 1
                here = potential[i, j, k]
                out[i, j, k, 0] = 0.5 * (
                    faces[0, i + 1, j, k] * (ex - (after[j, k] - here) / hx)
                    + faces[0, i, j, k] * (ex - (here - before[j, k]) / hx))
                out[i, j, k, 1] = 0.5 * (
                    faces[1, i + 1, j, k] * (ey - (potential[i, j_next, k] - here) / hy)
                    + faces[1, i + 1, j_last, k] * (ey - (here - potential[i, j_last, k]) / hy))
                out[i, j, k, 2] = 0.5 * (
                    faces[2, i + 1, j, k] * (ez - (potential[i, j, k_next] - here) / hz)
                    + faces[2, i + 1, j, k_last] * (ez - (here - potential[i, j, k_last]) / hz))
