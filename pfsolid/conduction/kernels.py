"""Fused kernels of the conduction solver: 7-point finite volumes on labelled voxels.

``labels`` and the direction ``p`` carry one ghost plane at each end of the slab along x; everything else is the bare
slab.  ``table[i, a, b]`` is the conductance of a face normal to axis i between labels a and b, divided by h_i^2: a
harmonic mean, exactly 0 beside an insulating voxel.  Sums are kept for each plane and added in plane order by the
caller.
"""

from __future__ import annotations

from numba import njit, prange

_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, parallel=True)
def threshold_labels(field, rho_pore, rho_bulk, labels):
    """Label 0 where rho < rho_pore, 2 where rho > rho_bulk, else 1; the interior of the ghosted ``labels``."""
    n0, n1, n2 = field.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                rho = field[i, j, k]
                labels[i + 1, j, k] = 0 if rho < rho_pore else (2 if rho > rho_bulk else 1)


@njit(cache=True, parallel=True, fastmath=_FAST)
def right_hand_side(labels, conductance, spacing, axis, residual, work, plane_sums):
    """residual = -(s_+ - s_-) / h along ``axis`` for a unit field; work = the same; sum s_+ of each plane."""
    n0, n1, n2 = residual.shape
    for i in prange(n0):
        total = 0.0
        for j in range(n1):
            for k in range(n2):
                here = labels[i + 1, j, k]
                if axis == 0:
                    ahead, behind = labels[i + 2, j, k], labels[i, j, k]
                elif axis == 1:
                    ahead = labels[i + 1, j + 1 if j + 1 < n1 else 0, k]
                    behind = labels[i + 1, j - 1 if j > 0 else n1 - 1, k]
                else:
                    ahead = labels[i + 1, j, k + 1 if k + 1 < n2 else 0]
                    behind = labels[i + 1, j, k - 1 if k > 0 else n2 - 1]
                plus = conductance[here, ahead]
                total += plus
                value = (conductance[here, behind] - plus) / spacing
                residual[i, j, k] = value
                work[i, j, k] = value
        plane_sums[i] = total


@njit(cache=True, parallel=True, fastmath=_FAST)
def advance_direction(p, z, beta, labels, table, block_starts, plane_sums):
    """p = z + beta p, and p.Ap over the faces normal to y and z and those normal to x inside a block of planes.

    A thread works through a block with two planes in cache; the faces between blocks, whose far side another thread
    may not have written yet, are left to :func:`faces_between_blocks`.
    """
    n0, n1, n2 = z.shape
    tx, ty, tz = table[0], table[1], table[2]
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        for i in range(start, end):
            energy_yz = 0.0
            energy_x = 0.0
            for j in range(n1):
                for k in range(n2):
                    p[i + 1, j, k] = z[i, j, k] + beta * p[i + 1, j, k]
            for j in range(n1):
                j_next = j + 1 if j + 1 < n1 else 0
                for k in range(n2 - 1):
                    here = labels[i + 1, j, k]
                    value = p[i + 1, j, k]
                    dy = p[i + 1, j_next, k] - value
                    dz = p[i + 1, j, k + 1] - value
                    energy_yz += ty[here, labels[i + 1, j_next, k]] * dy * dy
                    energy_yz += tz[here, labels[i + 1, j, k + 1]] * dz * dz
                here = labels[i + 1, j, n2 - 1]
                value = p[i + 1, j, n2 - 1]
                dy = p[i + 1, j_next, n2 - 1] - value
                dz = p[i + 1, j, 0] - value
                energy_yz += ty[here, labels[i + 1, j_next, n2 - 1]] * dy * dy
                energy_yz += tz[here, labels[i + 1, j, 0]] * dz * dz
            plane_sums[i, 0] = energy_yz
            if i > start:
                for j in range(n1):
                    for k in range(n2):
                        dx = p[i + 1, j, k] - p[i, j, k]
                        energy_x += tx[labels[i, j, k], labels[i + 1, j, k]] * dx * dx
                plane_sums[i - 1, 1] = energy_x


@njit(cache=True, parallel=True, fastmath=_FAST)
def faces_between_blocks(p, labels, table, block_starts, plane_sums):
    """The x faces that :func:`advance_direction` left out; needs the ghost planes of p."""
    n1, n2 = p.shape[1:]
    tx = table[0]
    for block in prange(block_starts.size - 1):
        i = block_starts[block + 1]
        energy = 0.0
        for j in range(n1):
            for k in range(n2):
                dx = p[i + 1, j, k] - p[i, j, k]
                energy += tx[labels[i, j, k], labels[i + 1, j, k]] * dx * dx
        plane_sums[i - 1, 1] = energy


@njit(cache=True, parallel=True, fastmath=_FAST)
def update(p, alpha, labels, table, potential, residual, work):
    """potential += alpha p, residual -= alpha A p, work = residual."""
    n0, n1, n2 = residual.shape
    tx, ty, tz = table[0], table[1], table[2]
    for i in prange(n0):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            j_last = j - 1 if j > 0 else n1 - 1
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                k_last = k - 1 if k > 0 else n2 - 1
                here = labels[i + 1, j, k]
                value = p[i + 1, j, k]
                flow = (tx[here, labels[i + 2, j, k]] * (value - p[i + 2, j, k])
                        + tx[here, labels[i, j, k]] * (value - p[i, j, k])
                        + ty[here, labels[i + 1, j_next, k]] * (value - p[i + 1, j_next, k])
                        + ty[here, labels[i + 1, j_last, k]] * (value - p[i + 1, j_last, k])
                        + tz[here, labels[i + 1, j, k_next]] * (value - p[i + 1, j, k_next])
                        + tz[here, labels[i + 1, j, k_last]] * (value - p[i + 1, j, k_last]))
                potential[i, j, k] += alpha * value
                left = residual[i, j, k] - alpha * flow
                residual[i, j, k] = left
                work[i, j, k] = left


@njit(cache=True, parallel=True, fastmath=_FAST)
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
                re, im = float(c.real), float(c.imag)
                total += weights[k] * inverse * (re * re + im * im)
                factor = scale * inverse
                spectrum[i, j, k] = complex(factor * re, factor * im)
        plane_sums[i] = total


@njit(cache=True, parallel=True, fastmath=_FAST)
def mean_fluxes(potential, next_plane, labels, table, spacing, axis, plane_sums):
    """Sum over each plane of the flux through the + faces along x, y, z for a unit field along ``axis``."""
    n0, n1, n2 = potential.shape
    hx, hy, hz = spacing
    ex, ey, ez = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    for i in prange(n0):
        total_x = total_y = total_z = 0.0
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                here = labels[i + 1, j, k]
                value = potential[i, j, k]
                ahead = potential[i + 1, j, k] if i + 1 < n0 else next_plane[j, k]
                total_x += table[0, here, labels[i + 2, j, k]] * (ex * hx - (ahead - value))
                total_y += table[1, here, labels[i + 1, j_next, k]] * (ey * hy - (potential[i, j_next, k] - value))
                total_z += table[2, here, labels[i + 1, j, k_next]] * (ez * hz - (potential[i, j, k_next] - value))
        plane_sums[i, 0] = hx * total_x
        plane_sums[i, 1] = hy * total_y
        plane_sums[i, 2] = hz * total_z


@njit(cache=True, parallel=True)
def current_density(ghosted, labels, table, spacing, axis, out):
    """Cell-centred flux, the mean of each voxel's two faces along x, y, z, for a unit field along ``axis``."""
    n0, n1, n2 = out.shape[:3]
    hx, hy, hz = spacing
    ex, ey, ez = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    for i in prange(n0):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            j_last = j - 1 if j > 0 else n1 - 1
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                k_last = k - 1 if k > 0 else n2 - 1
                here = labels[i + 1, j, k]
                value = ghosted[i + 1, j, k]
                out[i, j, k, 0] = 0.5 * hx * (
                    table[0, here, labels[i + 2, j, k]] * (ex * hx - ghosted[i + 2, j, k] + value)
                    + table[0, here, labels[i, j, k]] * (ex * hx - value + ghosted[i, j, k]))
                out[i, j, k, 1] = 0.5 * hy * (
                    table[1, here, labels[i + 1, j_next, k]] * (ey * hy - ghosted[i + 1, j_next, k] + value)
                    + table[1, here, labels[i + 1, j_last, k]] * (ey * hy - value + ghosted[i + 1, j_last, k]))
                out[i, j, k, 2] = 0.5 * hz * (
                    table[2, here, labels[i + 1, j, k_next]] * (ez * hz - ghosted[i + 1, j, k_next] + value)
                    + table[2, here, labels[i + 1, j, k_last]] * (ez * hz - value + ghosted[i + 1, j, k_last]))
