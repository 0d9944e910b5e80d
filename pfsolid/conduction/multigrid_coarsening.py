"""Kernels that make the levels of a multigrid cycle: conductances between aggregates, and what is carried between levels.

Arrays are those of :mod:`pfsolid.conduction.multigrid_kernels`.  Loops run along rows and read and write a few of them at a
time, or the compiler does not make vectors of them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from ..kernel import kernel
from .multigrid_rows import add_energy, add_row_sums, dot_plane, places_of, target_of

# Of a number in double precision as an integer: bits below the exponent, them alone, what exponents are counted from, 1.0.
_MANTISSA_BITS, _MANTISSA, _EXPONENT_BIAS, _ONE = 52, (1 << 52) - 1, 1023, 1023 << 52
# Numbers between 1 and 2 whose product surely does not overflow.
_MOST_FACTORS = 512


@kernel(parallel=True, fast=True, divides=True)
def restrict(f, first, block_starts, steps, coarse):
    """coarse = the sums of f over all children, planes as in :func:`pfsolid.conduction.multigrid_kernels.descend`."""
    real = coarse.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    for block in prange(block_starts.size - 1):
        row = np.empty(n2, coarse.dtype)
        for i in range(block_starts[block], block_starts[block + 1]):
            target, adds = target_of(first, i, steps[0])
            for j in range(n1):
                for k in range(n2):
                    row[k] = real(f[i, j, k])
                add_row_sums(row, steps[2], adds or j % steps[1] != 0, coarse, target, j // steps[1])


@kernel()
def sum_logarithms(faces, planes, out):
    """out[i, 0, axis] = sum of the logarithms of the faces above 0 in plane i, out[i, 1, axis] how many those are.

    A number is 2^e m with m from 1 to 2: exponents are added, and what few m make together has one logarithm.
    """
    row = np.empty(faces.shape[3])
    bits = row.view(np.int64)
    for i in planes:
        for axis in range(3):
            exponents = positive = 0
            logarithms = 0.0
            for j in range(faces.shape[2]):
                count = 0
                for k in range(row.size):
                    value = np.float64(faces[axis, i + 1, j, k])
                    row[k] = value if value > 0 else 1.0
                    count += value > 0
                for k in range(row.size):
                    exponents += (bits[k] >> _MANTISSA_BITS) - _EXPONENT_BIAS
                    bits[k] = (bits[k] & _MANTISSA) | _ONE
                positive += count
                for start in range(0, row.size, _MOST_FACTORS):
                    product = 1.0
                    for k in range(start, min(start + _MOST_FACTORS, row.size)):
                        product *= row[k]
                    logarithms += math.log(product)
            out[i, 0, axis] = logarithms + math.log(2.0) * exponents
            out[i, 1, axis] = positive


@kernel(parallel=True, fast=True, divides=True)
def interpolate(coarse, along_x, along_y, along_z, f, p, faces, inverse_h2, block_starts, face_sums, plane_sums):
    """p = trilinear interpolation of ``coarse``, which has ghost planes; sums of f p, and p.Ap as `advance` leaves it.

    ``along_a``: parents of the planes, rows or voxels and what lies beside those, (2, n_a), and how much of that to take.
    """
    parents, shares = along_z
    for block in prange(block_starts.size - 1):
        row = np.empty(coarse.shape[2], coarse.dtype)
        start = block_starts[block]
        for i in range(start, block_starts[block + 1]):
            I, I_beside, t = along_x[0][0, i], along_x[0][1, i], along_x[1][i]
            for j in range(p.shape[1]):
                J, J_beside, s = along_y[0][0, j], along_y[0][1, j], along_y[1][j]
                for K in range(row.size):
                    row[K] = ((1 - t) * ((1 - s) * coarse[I, J, K] + s * coarse[I, J_beside, K])
                              + t * ((1 - s) * coarse[I_beside, J, K] + s * coarse[I_beside, J_beside, K]))
                for k in range(p.shape[2]):
                    p[i + 1, j, k] = (1 - shares[k]) * row[parents[0, k]] + shares[k] * row[parents[1, k]]
            add_energy(p, faces, inverse_h2, i, start, face_sums)
            plane_sums[i] = dot_plane(p, f, i)


@kernel(fast=True, divides=True)
def _two_best(c, at, k, last_k, along_x, along_y, along_z, over_z, way_behind, way_ahead):
    """The two best conductivities among the six faces of voxel k of a row.

    ``along_a`` and what it is multiplied with: what makes conductivities of the two conductances along axis a.
    """
    one, other = c[at[5] + k] * (along_x[0] * over_z), c[at[6] + k] * (along_x[1] * over_z)
    best, second = (one, other) if one > other else (other, one)
    for value in (c[at[7] + k] * (along_y[0] * over_z), c[at[8] + k] * (along_y[1] * over_z),
                  c[at[9] + last_k] * (along_z * way_behind), c[at[9] + k] * (along_z * way_ahead)):
        lower = value if value < best else best
        second = lower if lower > second else second
        best = value if value > best else best
    return best, second


@kernel(fast=True, divides=True)
def _strongest_in_plane(faces, first, num_planes, periodic, lengths, over_z, way_z, i, best, second, slot):
    """The two best conductivities among the faces of each voxel of plane i of the slab, in ``best[slot]`` and ``second``.

    A conductance times the distance of the two centres over the area of the face is a conductivity.
    """
    real = faces.dtype.type
    n1, n2 = faces.shape[2], faces.shape[3]
    zero, one, end = np.uintp(0), np.uintp(1), np.uintp(n2 - 1)
    x, y, _ = lengths
    c, bests, seconds = faces.reshape(-1), best.reshape(-1), second.reshape(-1)
    here = x[first + i]
    behind = 0.5 * (here + x[first + i - 1]) if periodic or first + i > 0 else here
    ahead = 0.5 * (here + x[(first + i + 1) % num_planes]) if periodic or first + i + 1 < num_planes else here
    for j in range(n1):
        last = j - 1 if j > 0 else n1 - 1
        next_j = j + 1 if j + 1 < n1 else 0
        at = places_of(faces, n1, i, j, last, next_j)
        along_x = real(behind / y[j]), real(ahead / y[j])
        along_y = real(0.5 * (y[j] + y[last]) / here), real(0.5 * (y[j] + y[next_j]) / here)
        along_z = real(1 / (here * y[j]))
        to = np.uintp((slot * n1 + j) * n2)
        for k in range(np.uintp(n2)):
            bests[to + k], seconds[to + k] = _two_best(c, at, k, k - one, along_x, along_y, along_z, over_z[k], way_z[0, k],
                                                       way_z[1, k])
        if periodic:
            bests[to], seconds[to] = _two_best(c, at, zero, end, along_x, along_y, along_z, over_z[0], way_z[0, 0],
                                               way_z[1, 0])


@kernel(fast=True, divides=True)
def _ways(z, over_z, way_z):
    """1 / the lengths along a row; the ways to the voxels behind and ahead."""
    for k in range(z.size):
        over_z[k] = 1 / z[k]
        way_z[0, k] = 0.5 * (z[k] + z[k - 1 if k > 0 else z.size - 1])
        way_z[1, k] = 0.5 * (z[k] + z[k + 1 if k + 1 < z.size else 0])


@kernel(fast=True, divides=True)
def strongest_at_ends(faces, first, num_planes, periodic, lengths, best, second):
    """The two best conductivities among the faces of each voxel of the slab's first and last plane, in planes 1 and 2."""
    over_z, way_z = np.empty(faces.shape[3], faces.dtype), np.empty((2, faces.shape[3]), faces.dtype)
    _ways(lengths[2], over_z, way_z)
    _strongest_in_plane(faces, first, num_planes, periodic, lengths, over_z, way_z, 0, best, second, 1)
    _strongest_in_plane(faces, first, num_planes, periodic, lengths, over_z, way_z, faces.shape[1] - 2, best, second, 2)


@kernel(fast=True, divides=True)
def _share(kappa, best, second):
    """What resists of a way added in a voxel, where the other faces of the voxel conduct better than this one."""
    one = type(kappa)(1)
    other = second if kappa >= best * type(kappa)(0.999) else best
    return kappa / other if kappa < other else one


@kernel(fast=True, divides=True)
def _grown(face, kappa, way, extra, other_extra, best, second, other_best, other_second):
    """A conductance, over what the way through it grows by if ``extra`` are added on its two sides; at least half of it.

    ``kappa`` is its conductivity.
    """
    half = type(face)(0.5)
    part = way / (way + extra * _share(kappa, best, second) + other_extra * _share(kappa, other_best, other_second))
    return face * (part if part > half else half)


@kernel(parallel=True, fast=True, divides=True)
def coarsen_faces(faces, first, num_planes, periodic, steps, lengths, coarse_lengths, end_best, end_second, block_starts,
                  coarse):
    """Conductances of the faces between aggregates: sums over their fine faces, each times what the way has grown by.

    The way between the two voxels' centres grows to that between the aggregates' centres, but where other faces of a voxel
    conduct better than this one (a hole in a wall) what is added resists less in proportion.  ``lengths``: edges of the
    planes, rows and columns of all voxels; ``end_best`` and ``end_second``, (4, n1, n2): what :func:`strongest_at_ends`
    finds, with the planes before and after the slab; ``block_starts``: of the planes of ``coarse``.  The faces along x
    towards the rank after and, in plane 0 along y and z, the parts of aggregates that the rank before owns, are left to be
    exchanged.
    """
    real = faces.dtype.type
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    N1, N2 = coarse.shape[2], coarse.shape[3]
    x, y, z = lengths
    X, Y, Z = coarse_lengths
    own = (first + steps[0] - 1) // steps[0]
    for block in prange(block_starts.size - 1):
        over_z, way_z = np.empty(n2, faces.dtype), np.empty((2, n2), faces.dtype)
        _ways(z, over_z, way_z)
        row, extra_z = np.empty(n2, faces.dtype), np.empty((2, n2), faces.dtype)
        for k in range(n2):
            next_k = k + 1 if k + 1 < n2 else 0
            extra_z[0, k] = 0.5 * (Z[k // steps[2]] - z[k])
            extra_z[1, k] = 0.5 * (Z[next_k // steps[2]] - z[next_k])
        best, second = np.empty((2, n1, n2), faces.dtype), np.empty((2, n1, n2), faces.dtype)  # of two planes at a time
        held = -2
        for I in range(block_starts[block], block_starts[block + 1]):
            # Plane I of faces along x stands before aggregate own + I, those along y and z belong to aggregate own + I - 1.
            before = min((own + I) * steps[0] - first, n0)
            for axis in (1, 2):
                for J in range(N1):
                    for K in range(N2):
                        coarse[axis, I, J, K] = real(0)
            for i in range(max((own + I - 1) * steps[0] - first, 0), before):
                s = i % 2
                if held != i:
                    _strongest_in_plane(faces, first, num_planes, periodic, lengths, over_z, way_z, i, best, second, s)
                held = i
                for J in range(N1):
                    j = min((J + 1) * steps[1], n1) - 1
                    next_j = j + 1 if j + 1 < n1 else 0
                    way = real(0.5 * (y[j] + y[next_j]))
                    factor = real(0.5 * (y[j] + y[next_j]) / x[first + i])
                    extra, other_extra = real(0.5 * (Y[J] - y[j])), real(0.5 * (Y[J + 1 if J + 1 < N1 else 0] - y[next_j]))
                    for k in range(n2):
                        face = faces[1, i + 1, j, k]
                        row[k] = _grown(face, face * (factor * over_z[k]), way, extra, other_extra, best[s, j, k],
                                        second[s, j, k], best[s, next_j, k], second[s, next_j, k])
                    add_row_sums(row, steps[2], True, coarse[1], I, J)
                for j in range(n1):  # ahead of every voxel; those between aggregates are taken
                    factor = real(1 / (x[first + i] * y[j]))
                    for k in range(n2 - 1):
                        face = faces[2, i + 1, j, k]
                        row[k] = _grown(face, face * (factor * way_z[1, k]), way_z[1, k], extra_z[0, k], extra_z[1, k],
                                        best[s, j, k], second[s, j, k], best[s, j, k + 1], second[s, j, k + 1])
                    face = faces[2, i + 1, j, n2 - 1]
                    row[n2 - 1] = _grown(face, face * (factor * way_z[1, n2 - 1]), way_z[1, n2 - 1], extra_z[0, n2 - 1],
                                         extra_z[1, n2 - 1], best[s, j, n2 - 1], second[s, j, n2 - 1], best[s, j, 0],
                                         second[s, j, 0])
                    for K in range(N2):
                        coarse[2, I, j // steps[1], K] += row[min((K + 1) * steps[2], n2) - 1]
            for i in (before - 1, before):
                if held != i:
                    if 0 <= i < n0:
                        _strongest_in_plane(faces, first, num_planes, periodic, lengths, over_z, way_z, i, best, second,
                                            i % 2)
                    else:
                        best[i % 2] = end_best[0 if i < 0 else 3]
                        second[i % 2] = end_second[0 if i < 0 else 3]
            held = before
            at_low, at_high = not periodic and first + before == 0, not periodic and first + before == num_planes
            behind, ahead = x[first + before - 1], x[(first + before) % num_planes]
            extra = real(0.0 if at_low else 0.5 * (X[own + I - 1] - behind))
            other_extra = real(0.0 if at_high else 0.5 * (X[(own + I) % X.size] - ahead))
            way_x = 0.5 * ((0.0 if at_low else behind) + (0.0 if at_high else ahead))
            whole_way = 2 * way_x if at_low or at_high else way_x
            s, other = (before - 1) % 2, before % 2
            for j in range(n1):
                factor, way = real(whole_way / y[j]), real(way_x)
                for k in range(n2):
                    face = faces[0, before, j, k]
                    row[k] = _grown(face, face * (factor * over_z[k]), way, extra, other_extra, best[s, j, k],
                                    second[s, j, k], best[other, j, k], second[other, j, k])
                add_row_sums(row, steps[2], j % steps[1] != 0, coarse[0], I, j // steps[1])
