"""Fused kernels of trilinear finite elements on labelled voxels.

In a voxel u = (H_0 + H_x a + H_y b + H_z c + H_xy a b + H_xz a c + H_yz b c + H_xyz a b c) / 8, with a, b, c in [-1, 1]
and H the Hadamard transform of its eight corner values: sums with the signs of a, b, c.  Integrated exactly, the energy
of a diagonal conductivity is a sum of squares of the H, and that of an off-diagonal element couples few of them, so a
table of six numbers a label stands for its 8 x 8 matrix.  ``table[label]`` is the conductivity xx, yy, zz, yz, xz, xy
with element ab divided by 16 h_a h_b.

Node (i, j, k) is the corner of voxel (i, j, k) with the lowest coordinates; the voxel has the nodes i and i + 1.  ``labels``
and nodal fields marked as ghosted carry one plane more at each end of the slab along x.

``sign_x``, ghosted, ``sign_y`` and ``sign_z`` are -1 where the cell is a mirror image along that axis: the mirror image of a
crystal has the elements ab with one of a, b along the axis the other way round.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel


@kernel(fast=True)
def _row_modes(field, i, j, modes):
    """Rows 0 to 3 of ``modes``: the Hadamard transform over x and y of the four rows of nodes about one of voxels."""
    n1, n2 = field.shape[1:]
    j_next = j + 1 if j + 1 < n1 else 0
    for k in range(n2):
        low, high = field[i, j, k], field[i + 1, j, k]
        low_next, high_next = field[i, j_next, k], field[i + 1, j_next, k]
        modes[0, k] = (low + low_next) + (high + high_next)
        modes[1, k] = (high + high_next) - (low + low_next)
        modes[2, k] = (low_next - low) + (high_next - high)
        modes[3, k] = (high_next - high) - (low_next - low)
    for m in range(4):
        modes[m, n2] = modes[m, 0]


@kernel(fast=True)
def _row_fluxes(modes, labels, table, full, sign_x, sign_y, sign_z, jump_x, jump_y, jump_z):
    """Rows 4 to 10: derivatives of the energy with respect to H_x, H_y, H_xy, H_z, H_xz, H_yz, H_xyz; voxel k at k + 1."""
    n2 = labels.size
    for k in range(n2):
        label = labels[k]
        xx, yy, zz = table[label, 0], table[label, 1], table[label, 2]
        h_x = modes[1, k] + modes[1, k + 1] + jump_x
        h_y = modes[2, k] + modes[2, k + 1] + jump_y
        h_z = modes[0, k + 1] - modes[0, k] + jump_z
        modes[4, k + 1] = xx * h_x
        modes[5, k + 1] = yy * h_y
        modes[6, k + 1] = (xx + yy) * (1 / 3) * (modes[3, k] + modes[3, k + 1])
        modes[7, k + 1] = zz * h_z
        modes[8, k + 1] = (xx + zz) * (1 / 3) * (modes[1, k + 1] - modes[1, k])
        modes[9, k + 1] = (yy + zz) * (1 / 3) * (modes[2, k + 1] - modes[2, k])
        modes[10, k + 1] = (xx + yy + zz) * (1 / 9) * (modes[3, k + 1] - modes[3, k])
    if full:
        for k in range(n2):
            label = labels[k]
            yz = sign_y * sign_z[k] * table[label, 3]
            xz = sign_x * sign_z[k] * table[label, 4]
            xy = sign_x * sign_y * table[label, 5]
            h_x = modes[1, k] + modes[1, k + 1] + jump_x
            h_y = modes[2, k] + modes[2, k + 1] + jump_y
            h_z = modes[0, k + 1] - modes[0, k] + jump_z
            h_xy = (1 / 3) * (modes[3, k] + modes[3, k + 1])
            h_xz = (1 / 3) * (modes[1, k + 1] - modes[1, k])
            h_yz = (1 / 3) * (modes[2, k + 1] - modes[2, k])
            modes[4, k + 1] += xy * h_y + xz * h_z
            modes[5, k + 1] += xy * h_x + yz * h_z
            modes[6, k + 1] += xz * h_yz + yz * h_xz
            modes[7, k + 1] += xz * h_x + yz * h_y
            modes[8, k + 1] += xy * h_yz + yz * h_xy
            modes[9, k + 1] += xy * h_xz + xz * h_xy
    for m in range(4, 11):
        modes[m, 0] = modes[m, n2]


@kernel(fast=True)
def _add_row(modes, product, i, j, start, end):
    """Add what a row of voxels gives to its nodes in those of the planes i and i + 1 that lie in [start, end)."""
    n1, n2 = product.shape[1:]
    j_next = j + 1 if j + 1 < n1 else 0
    for k in range(n2):
        mean = modes[7, k] - modes[7, k + 1]
        x = modes[4, k] + modes[4, k + 1] + modes[8, k] - modes[8, k + 1]
        y = modes[5, k] + modes[5, k + 1] + modes[9, k] - modes[9, k + 1]
        xy = modes[6, k] + modes[6, k + 1] + modes[10, k] - modes[10, k + 1]
        modes[0, k], modes[1, k] = mean - x, y - xy
        modes[2, k], modes[3, k] = mean + x, y + xy
    if i >= start:
        for k in range(n2):
            product[i, j, k] += modes[0, k] - modes[1, k]
        for k in range(n2):
            product[i, j_next, k] += modes[0, k] + modes[1, k]
    if i + 1 < end:
        for k in range(n2):
            product[i + 1, j, k] += modes[2, k] - modes[3, k]
        for k in range(n2):
            product[i + 1, j_next, k] += modes[2, k] + modes[3, k]


@kernel(parallel=True, fast=True)
def apply(field, labels, table, full, sign_x, sign_y, sign_z, jump, block_starts, scratch, product, plane_sums):
    """product = A (field - jump . r), field ghosted; sum field * product of each plane.

    A thread works through a block of planes of nodes, and through the voxels between two blocks both threads do: each for
    its own nodes.  So the sums at a node are always the same ones in the same order.
    """
    n1, n2 = product.shape[1:]
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        modes = scratch[block]
        product[start:end] = 0.0
        for i in range(start - 1, end):
            for j in range(n1):
                _row_modes(field, i + 1, j, modes)
                _row_fluxes(modes, labels[i + 1, j], table, full, sign_x[i + 1], sign_y[j], sign_z, jump[0], jump[1],
                            jump[2])
                _add_row(modes, product, i, j, start, end)
            if i >= start:
                total = 0.0
                for j in range(n1):
                    for k in range(n2):
                        total += field[i + 1, j, k] * product[i, j, k]
                plane_sums[i] = total


@kernel(parallel=True, fast=True)
def advance(p, z, beta):
    """p = z + beta p in the interior of the ghosted p."""
    n0, n1, n2 = z.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                p[i + 1, j, k] = z[i, j, k] + beta * p[i + 1, j, k]


@kernel(parallel=True, fast=True)
def update(p, product, alpha, potential, residual, work):
    """potential += alpha p, residual -= alpha product, work = residual."""
    n0, n1, n2 = residual.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                potential[i, j, k] += alpha * p[i + 1, j, k]
                left = residual[i, j, k] - alpha * product[i, j, k]
                residual[i, j, k] = left
                work[i, j, k] = left


@kernel(parallel=True, fast=True)
def apply_green(spectrum, stiffness, mass, scale, weights, plane_sums):
    """spectrum *= scale / symbol, the mean set to 0; sum |spectrum|^2 / symbol of each plane.

    The symbol is that of the elements of a uniform medium: k_x m_y m_z + m_x k_y m_z + m_x m_y k_z, with k the stiffness
    and m the mass of linear elements along each axis.
    """
    (kx, ky, kz), (mx, my, mz) = stiffness, mass
    n0, n1, n2 = spectrum.shape
    for i in prange(n0):
        total = 0.0
        for j in range(n1):
            across = kx[i] * my[j] + mx[i] * ky[j]
            along = mx[i] * my[j]
            for k in range(n2):
                symbol = across * mz[k] + along * kz[k]
                inverse = 1 / symbol if symbol > 0 else 0.0
                c = spectrum[i, j, k]
                re, im = np.float64(c.real), np.float64(c.imag)  # numba's float() keeps single precision
                total += weights[k] * inverse * (re * re + im * im)
                factor = scale * inverse
                spectrum[i, j, k] = complex(factor * re, factor * im)
        plane_sums[i] = total


@kernel(fast=True)
def _current(field, labels, tensors, sign_x, sign_y, sign_z, spacing, axis, i, j, k):
    """Mean current density of voxel (i, j, k), for a unit field along ``axis``."""
    n1, n2 = field.shape[1:]
    j_next = j + 1 if j + 1 < n1 else 0
    k_next = k + 1 if k + 1 < n2 else 0
    a, b, c, d = field[i + 1, j, k], field[i + 1, j, k_next], field[i + 1, j_next, k], field[i + 1, j_next, k_next]
    e, f, g, h = field[i + 2, j, k], field[i + 2, j, k_next], field[i + 2, j_next, k], field[i + 2, j_next, k_next]
    field_x = (1.0 if axis == 0 else 0.0) - (e + f + g + h - a - b - c - d) / (4 * spacing[0])
    field_y = (1.0 if axis == 1 else 0.0) - (c + d + g + h - a - b - e - f) / (4 * spacing[1])
    field_z = (1.0 if axis == 2 else 0.0) - (b + d + f + h - a - c - e - g) / (4 * spacing[2])
    s = tensors[labels[i + 1, j, k]]
    # In the crystal's own axes, mirrored with it; then back.
    field_x, field_y, field_z = sign_x[i + 1] * field_x, sign_y[j] * field_y, sign_z[k] * field_z
    return (sign_x[i + 1] * (s[0, 0] * field_x + s[0, 1] * field_y + s[0, 2] * field_z),
            sign_y[j] * (s[1, 0] * field_x + s[1, 1] * field_y + s[1, 2] * field_z),
            sign_z[k] * (s[2, 0] * field_x + s[2, 1] * field_y + s[2, 2] * field_z))


@kernel(parallel=True)
def mean_currents(field, labels, tensors, sign_x, sign_y, sign_z, spacing, axis, plane_sums):
    """Sum of the current density over each plane of voxels, for a unit field along ``axis``."""
    n1, n2 = field.shape[1:]
    for i in prange(plane_sums.shape[0]):
        x = y = z = 0.0
        for j in range(n1):
            for k in range(n2):
                current = _current(field, labels, tensors, sign_x, sign_y, sign_z, spacing, axis, i, j, k)
                x += current[0]
                y += current[1]
                z += current[2]
        plane_sums[i, 0] = x
        plane_sums[i, 1] = y
        plane_sums[i, 2] = z


@kernel(parallel=True)
def current_density(field, labels, tensors, sign_x, sign_y, sign_z, spacing, axis, out):
    """Mean current density of each voxel, for a unit field along ``axis``."""
    n1, n2 = field.shape[1:]
    for i in prange(out.shape[0]):
        for j in range(n1):
            for k in range(n2):
                current = _current(field, labels, tensors, sign_x, sign_y, sign_z, spacing, axis, i, j, k)
                out[i, j, k, 0] = current[0]
                out[i, j, k, 1] = current[1]
                out[i, j, k, 2] = current[2]
