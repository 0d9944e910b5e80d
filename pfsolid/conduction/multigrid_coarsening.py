"""Kernels that make the levels of a multigrid cycle: conductances between aggregates, and what is carried between levels.

Arrays are those of :mod:`pfsolid.conduction.multigrid_kernels`.  Loops run along rows and read and write a few of them at a
time, or the compiler does not make vectors of them.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel


@kernel(fast=True, divides=True)
def add_row_sums(flow, step, adds, out, I, J):
    """out[I, J] = or += sums of ``step`` neighbours of a row."""
    n2 = flow.size
    whole = n2 // step
    if step == 2:
        if adds:
            for k in range(whole):
                out[I, J, k] += flow[2 * k] + flow[2 * k + 1]
        else:
            for k in range(whole):
                out[I, J, k] = flow[2 * k] + flow[2 * k + 1]
    else:
        for k in range(whole):
            out[I, J, k] = out[I, J, k] + flow[k] if adds else flow[k]
    if whole * step < n2:
        out[I, J, whole] = out[I, J, whole] + flow[n2 - 1] if adds else flow[n2 - 1]


@kernel(fast=True, divides=True)
def target_of(first, i, step):
    """Plane of the coarse array, with ghost planes, that plane i is a child of; whether it is not the first child here."""
    own = (first + step - 1) // step
    return (first + i) // step - own + 1, i > 0 and (first + i) % step != 0


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


@kernel(parallel=True, fast=True, divides=True)
def interpolate(coarse, along_x, along_y, along_z, x):
    """x = trilinear interpolation of ``coarse``, which has ghost planes.

    ``along_a``, (3, n_a): parent of each plane, row or voxel, the one beside it, and how much of that one to take.
    """
    for i in prange(along_x.shape[1]):
        row = np.empty(coarse.shape[2], coarse.dtype)
        I, I_beside, t = int(along_x[0, i]), int(along_x[1, i]), along_x[2, i]
        for j in range(along_y.shape[1]):
            J, J_beside, s = int(along_y[0, j]), int(along_y[1, j]), along_y[2, j]
            for K in range(row.size):
                row[K] = ((1 - t) * ((1 - s) * coarse[I, J, K] + s * coarse[I, J_beside, K])
                          + t * ((1 - s) * coarse[I_beside, J, K] + s * coarse[I_beside, J_beside, K]))
            for k in range(along_z.shape[1]):
                r = along_z[2, k]
                x[i + 1, j, k] = (1 - r) * row[int(along_z[0, k])] + r * row[int(along_z[1, k])]


@kernel(fast=True, divides=True)
def _take_up(faces, a, i, row, factor, weight, best, second, j):
    """Take factor * weight * (a row of faces in plane i) up among the two largest of the voxels of row j of plane i."""
    for k in range(weight.size):
        value = faces[a, i, row, k] * (factor * weight[k])
        largest = best[i, j, k]
        lower = value if value < largest else largest
        before = second[i, j, k]
        second[i, j, k] = lower if lower > before else before
    for k in range(weight.size):
        value = faces[a, i, row, k] * (factor * weight[k])
        largest = best[i, j, k]
        best[i, j, k] = value if value > largest else largest


@kernel(fast=True, divides=True)
def _take_up_along_row(faces, i, factor, weight, best, second, j):
    """The same with the faces along z behind and ahead of each voxel."""
    _take_up(faces, 2, i, j, factor, weight, best, second, j)
    end = weight.size - 1
    value = faces[2, i, j, end] * (factor * weight[end])
    second[i, j, 0] = max(min(value, best[i, j, 0]), second[i, j, 0])
    best[i, j, 0] = max(value, best[i, j, 0])
    for k in range(end):
        value = faces[2, i, j, k] * (factor * weight[k])
        largest = best[i, j, k + 1]
        lower = value if value < largest else largest
        before = second[i, j, k + 1]
        second[i, j, k + 1] = lower if lower > before else before
    for k in range(end):
        value = faces[2, i, j, k] * (factor * weight[k])
        largest = best[i, j, k + 1]
        best[i, j, k + 1] = value if value > largest else largest


@kernel(parallel=True, fast=True, divides=True)
def strongest_faces(faces, first, num_planes, periodic, lengths, best, second):
    """The two best conductivities among the faces of each voxel, inside the ghost planes of ``best`` and ``second``.

    ``lengths``: edges of the planes, rows and columns of all voxels.  A conductance times the distance of the two centres
    over the area of the face is a conductivity.
    """
    real = faces.dtype.type
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    x, y, z = lengths
    for i in prange(n0):
        over_z, way_z = np.empty(n2, faces.dtype), np.empty(n2, faces.dtype)
        for k in range(n2):
            over_z[k] = 1 / z[k]
            way_z[k] = 0.5 * (z[k] + z[k + 1 if k + 1 < n2 else 0])
        here = x[first + i]
        behind = 0.5 * (here + x[first + i - 1]) if periodic or first + i > 0 else here
        ahead = 0.5 * (here + x[(first + i + 1) % num_planes]) if periodic or first + i + 1 < num_planes else here
        for j in range(n1):
            last_j = j - 1 if j > 0 else n1 - 1
            next_j = j + 1 if j + 1 < n1 else 0
            factor = real(behind / y[j])
            for k in range(n2):
                best[i + 1, j, k] = faces[0, i, j, k] * (factor * over_z[k])
            for k in range(n2):
                second[i + 1, j, k] = real(0)
            _take_up(faces, 0, i + 1, j, real(ahead / y[j]), over_z, best, second, j)
            _take_up(faces, 1, i + 1, last_j, real(0.5 * (y[j] + y[last_j]) / here), over_z, best, second, j)
            _take_up(faces, 1, i + 1, j, real(0.5 * (y[j] + y[next_j]) / here), over_z, best, second, j)
            _take_up_along_row(faces, i + 1, real(1 / (here * y[j])), way_z, best, second, j)


@kernel(fast=True, divides=True)
def _grown(faces, a, i, j, factor, weight, way, extra, other_extra, best, second, plane, row, other_plane, other_row, out):
    """out = a row of faces along x or y, each times what the way through it has grown by, from ``way`` by what is added in
    the voxels on both sides; factor * weight * (a face) is its conductivity.  At least half of each is left.
    """
    real = faces.dtype.type
    one, half, nearly = real(1), real(0.5), real(0.999)
    for k in range(out.size):
        kappa = faces[a, i, j, k] * (factor * weight[k])
        largest = best[plane, row, k]
        other = second[plane, row, k] if kappa >= largest * nearly else largest
        share = kappa / other if kappa < other else one
        largest = best[other_plane, other_row, k]
        other = second[other_plane, other_row, k] if kappa >= largest * nearly else largest
        other_share = kappa / other if kappa < other else one
        part = way / (way + extra * share + other_extra * other_share)
        out[k] = faces[a, i, j, k] * (part if part > half else half)


@kernel(fast=True, divides=True)
def _grown_along_row(faces, i, j, factor, ways, extra, other_extra, best, second, out):
    """The same of the faces along z ahead of the voxels of a row, with what is added to each."""
    real = faces.dtype.type
    one, half, nearly = real(1), real(0.5), real(0.999)
    end = out.size - 1
    for k in range(end + 1):
        ahead = k + 1 if k < end else 0
        kappa = faces[2, i, j, k] * (factor * ways[k])
        largest = best[i, j, k]
        other = second[i, j, k] if kappa >= largest * nearly else largest
        share = kappa / other if kappa < other else one
        largest = best[i, j, ahead]
        other = second[i, j, ahead] if kappa >= largest * nearly else largest
        other_share = kappa / other if kappa < other else one
        part = ways[k] / (ways[k] + extra[k] * share + other_extra[k] * other_share)
        out[k] = faces[2, i, j, k] * (part if part > half else half)


@kernel(parallel=True, fast=True, divides=True)
def coarsen_faces(faces, first, num_planes, periodic, steps, lengths, coarse_lengths, best, second, coarse):
    """Conductances of the faces between aggregates: sums over their fine faces, each times what the way has grown by.

    The way between the two voxels' centres grows to that between the aggregates' centres, but where other faces of a voxel
    conduct better than this one (a hole in a wall) what is added resists less in proportion.  ``best`` and ``second`` are
    those of :func:`strongest_faces`.  The faces along x towards the rank after and, in plane 0 along y and z, the parts of
    aggregates that the rank before owns, are left to be exchanged.
    """
    real = faces.dtype.type
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    N0, N1, N2 = coarse.shape[1] - 1, coarse.shape[2], coarse.shape[3]
    x, y, z = lengths
    X, Y, Z = coarse_lengths
    own = (first + steps[0] - 1) // steps[0]
    for I in prange(N0 + 1):
        row, over_z, way_z = np.empty(n2, faces.dtype), np.empty(n2, faces.dtype), np.empty(n2, faces.dtype)
        extra_z, extra_next_z = np.empty(n2, faces.dtype), np.empty(n2, faces.dtype)
        for k in range(n2):
            next_k = k + 1 if k + 1 < n2 else 0
            over_z[k] = 1 / z[k]
            way_z[k] = 0.5 * (z[k] + z[next_k])
            extra_z[k] = 0.5 * (Z[k // steps[2]] - z[k])
            extra_next_z[k] = 0.5 * (Z[next_k // steps[2]] - z[next_k])
        # Plane I of faces along x stands before aggregate own + I, those along y and z belong to aggregate own + I - 1.
        before = min((own + I) * steps[0] - first, n0)
        low, high = max((own + I - 1) * steps[0] - first, 0), min((own + I) * steps[0] - first, n0)
        at_low, at_high = not periodic and first + before == 0, not periodic and first + before == num_planes
        behind, ahead = x[first + before - 1], x[(first + before) % num_planes]
        extra_behind = 0.0 if at_low else 0.5 * (X[own + I - 1] - behind)
        extra_ahead = 0.0 if at_high else 0.5 * (X[(own + I) % X.size] - ahead)
        way_x = 0.5 * ((0.0 if at_low else behind) + (0.0 if at_high else ahead))
        whole_way = 2 * way_x if at_low or at_high else way_x
        for j in range(n1):
            _grown(faces, 0, before, j, real(whole_way / y[j]), over_z, real(way_x), real(extra_behind), real(extra_ahead),
                   best, second, before, j, before + 1, j, row)
            add_row_sums(row, steps[2], j % steps[1] != 0, coarse[0], I, j // steps[1])
        for axis in (1, 2):
            for J in range(N1):
                for K in range(N2):
                    coarse[axis, I, J, K] = real(0)
        for i in range(low, high):
            for J in range(N1):
                j = min((J + 1) * steps[1], n1) - 1
                next_j = j + 1 if j + 1 < n1 else 0
                way_y = 0.5 * (y[j] + y[next_j])
                _grown(faces, 1, i + 1, j, real(way_y / x[first + i]), over_z, real(way_y), real(0.5 * (Y[J] - y[j])),
                       real(0.5 * (Y[J + 1 if J + 1 < N1 else 0] - y[next_j])), best, second, i + 1, j, i + 1, next_j, row)
                add_row_sums(row, steps[2], True, coarse[1], I, J)
            for j in range(n1):  # ahead of every voxel; those between aggregates are taken
                _grown_along_row(faces, i + 1, j, real(1 / (x[first + i] * y[j])), way_z, extra_z, extra_next_z, best,
                                 second, row)
                for K in range(N2):
                    coarse[2, I, j // steps[1], K] += row[min((K + 1) * steps[2], n2) - 1]
