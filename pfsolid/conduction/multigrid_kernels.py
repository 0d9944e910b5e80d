"""Fused kernels of a multigrid cycle on 7-point finite volumes.

``faces`` are those of :mod:`pfsolid.conduction.kernels`; what flows through one is ``weights[a] * faces * difference``, with
``weights`` 1 / h_a^2, or 0 where the cell has one voxel along a.  ``x``, local (n0 + 2, n1 + 1, n2), has ghost planes, odd
in plane electrodes, and one spare row; ``p`` is (n0 + 2, n1, n2) and everything else the bare slab.

A sweep goes through rows coloured by i + j.  Within a colour only the two neighbours along a row are coupled, and the first
and last row and plane where the cell is periodic with an odd number of them.  There the sweep is Jacobi's, with a diagonal
to which these couplings are added once more, times ``damping - 1`` (an l1 smoother: Baker, Falgout, Kolev & Yang,
doi:10.1137/100798806).  The sweep thus converges by itself in the energy norm on every image: without that addition two
voxels tied only to each other, or a straight channel one voxel wide, would oscillate for ever.

A block of planes is gone through once, with the last few planes in cache; what needs planes of other blocks or ranks is left
to two more stages, with ghost planes filled before each.  Every number is the same however planes are divided.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel

# What a sweep may take for granted: x = 0 everywhere, in the rows of the colour at hand, nowhere.
_EVERYWHERE, _IN_COLOUR, _NOWHERE = 0, 1, 2


@kernel(fast=True, divides=True)
def _ends_of_plane(plane, num_planes, periodic, weight, damping, zero_start):
    """Of the faces before and after a plane: what they count in the inflow, and what in the diagonal."""
    before = after = held_before = held_after = weight
    alike = periodic and num_planes % 2 == 1
    if plane == 0:
        if zero_start and (alike or not periodic):
            before = weight - weight
        held_before = weight + weight if not periodic else (weight * damping if alike else weight)
    if plane == num_planes - 1:
        if zero_start and (alike or not periodic):
            after = weight - weight
        held_after = weight + weight if not periodic else (weight * damping if alike else weight)
    return before, after, held_before, held_after


@kernel(fast=True, divides=True)
def _relax_plane(x, f, faces, weights, damping, place, i, colour, start, flow, held):
    """One colour of a sweep on A x = f in plane i.  ``place``: plane 0 within all, their number, whether periodic."""
    real = faces.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    first, num_planes, periodic = place
    before, after, held_before, held_after = _ends_of_plane(first + i, num_planes, periodic, weights[0], damping,
                                                            start != _NOWHERE)
    alike = n1 % 2 == 1
    if alike:  # The last row shall see the first one as it was.
        for k in range(n2):
            x[i + 1, n1, k] = x[i + 1, 0, k]
    along = weights[2]
    held_z = along * damping
    for j in range((first + i + colour) % 2, n1, 2):
        last = j - 1 if j > 0 else n1 - 1
        ahead = j + 1 if j + 1 < n1 or alike else 0
        behind_y = ahead_y = held_last = held_ahead = weights[1]
        if alike and j == 0:
            held_last = weights[1] * damping
            behind_y = behind_y if start == _NOWHERE else behind_y - behind_y
        if alike and j == n1 - 1:
            held_ahead = weights[1] * damping
            ahead_y = ahead_y if start == _NOWHERE else ahead_y - ahead_y
        for k in range(n2):
            held[k] = (held_before * faces[0, i, j, k] + held_after * faces[0, i + 1, j, k]
                       + held_last * faces[1, i + 1, last, k] + held_ahead * faces[1, i + 1, j, k])
        held[0] += held_z * (faces[2, i + 1, j, n2 - 1] + faces[2, i + 1, j, 0])
        for k in range(1, n2):
            held[k] += held_z * (faces[2, i + 1, j, k - 1] + faces[2, i + 1, j, k])
        if start == _EVERYWHERE:
            for k in range(n2):
                x[i + 1, j, k] = real(f[i, j, k]) / held[k] if held[k] > 0 else real(0)
            continue
        if start == _IN_COLOUR:
            for k in range(n2):
                flow[k] = (real(f[i, j, k]) + before * faces[0, i, j, k] * x[i, j, k]
                           + after * faces[0, i + 1, j, k] * x[i + 2, j, k])
            for k in range(n2):
                flow[k] += (behind_y * faces[1, i + 1, last, k] * x[i + 1, last, k]
                            + ahead_y * faces[1, i + 1, j, k] * x[i + 1, ahead, k])
            for k in range(n2):
                x[i + 1, j, k] = flow[k] / held[k] if held[k] > 0 else real(0)
            continue
        for k in range(n2):
            here = x[i + 1, j, k]
            flow[k] = (real(f[i, j, k]) + before * faces[0, i, j, k] * (x[i, j, k] - here)
                       + after * faces[0, i + 1, j, k] * (x[i + 2, j, k] - here))
        for k in range(n2):
            here = x[i + 1, j, k]
            flow[k] += (behind_y * faces[1, i + 1, last, k] * (x[i + 1, last, k] - here)
                        + ahead_y * faces[1, i + 1, j, k] * (x[i + 1, ahead, k] - here))
        _add_along_row(x, faces, along, i, j, flow)
        for k in range(n2):
            x[i + 1, j, k] += flow[k] / held[k] if held[k] > 0 else real(0)


@kernel(fast=True, divides=True)
def _add_along_row(x, faces, weight, i, j, flow):
    """flow += what comes from the neighbours along z."""
    end = flow.size - 1
    if end == 0:
        return
    flow[0] += weight * (faces[2, i + 1, j, end] * (x[i + 1, j, end] - x[i + 1, j, 0])
                         + faces[2, i + 1, j, 0] * (x[i + 1, j, 1] - x[i + 1, j, 0]))
    for k in range(1, end):
        here = x[i + 1, j, k]
        flow[k] += weight * (faces[2, i + 1, j, k - 1] * (x[i + 1, j, k - 1] - here)
                             + faces[2, i + 1, j, k] * (x[i + 1, j, k + 1] - here))
    flow[end] += weight * (faces[2, i + 1, j, end - 1] * (x[i + 1, j, end - 1] - x[i + 1, j, end])
                           + faces[2, i + 1, j, end] * (x[i + 1, j, 0] - x[i + 1, j, end]))


@kernel(fast=True, divides=True)
def _add_row_sums(flow, step, adds, out, I, J):
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
def _target(first, i, step):
    """Plane of the coarse array, with ghost planes, that plane i is a child of; whether it is not the first child here."""
    own = (first + step - 1) // step
    return (first + i) // step - own + 1, i > 0 and (first + i) % step != 0


@kernel(fast=True, divides=True)
def _restrict_residual(x, f, faces, weights, first, i, steps, coarse, flow):
    """coarse = or += the sums of f - A x over the children in plane i."""
    real = faces.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    target, adds = _target(first, i, steps[0])
    for j in range(n1):
        last = j - 1 if j > 0 else n1 - 1
        ahead = j + 1 if j + 1 < n1 else 0
        if j % steps[1] == 0:
            for k in range(n2):
                flow[k] = real(0)
        for k in range(n2):
            here = x[i + 1, j, k]
            flow[k] += (real(f[i, j, k]) + weights[0] * (faces[0, i, j, k] * (x[i, j, k] - here)
                                                         + faces[0, i + 1, j, k] * (x[i + 2, j, k] - here)))
        for k in range(n2):
            here = x[i + 1, j, k]
            flow[k] += weights[1] * (faces[1, i + 1, last, k] * (x[i + 1, last, k] - here)
                                     + faces[1, i + 1, j, k] * (x[i + 1, ahead, k] - here))
        _add_along_row(x, faces, weights[2], i, j, flow)
        if (j + 1) % steps[1] == 0 or j == n1 - 1:
            _add_row_sums(flow, steps[2], adds, coarse, target, j // steps[1])


@kernel(fast=True, divides=True)
def _update_plane(p, alpha, faces, inverse_h2, u, f, i, flow):
    """u += alpha p, f -= alpha A p, in double from p."""
    n1, n2 = f.shape[1], f.shape[2]
    end = n2 - 1
    for j in range(n1):
        last = j - 1 if j > 0 else n1 - 1
        ahead = j + 1 if j + 1 < n1 else 0
        for k in range(n2):
            here = np.float64(p[i + 1, j, k])
            flow[k] = inverse_h2[0] * (faces[0, i, j, k] * (here - p[i, j, k])
                                       + faces[0, i + 1, j, k] * (here - p[i + 2, j, k]))
            u[i, j, k] += alpha * here
        for k in range(n2):
            here = np.float64(p[i + 1, j, k])
            flow[k] += inverse_h2[1] * (faces[1, i + 1, last, k] * (here - p[i + 1, last, k])
                                        + faces[1, i + 1, j, k] * (here - p[i + 1, ahead, k]))
        closing = faces[2, i + 1, j, end] * (np.float64(p[i + 1, j, 0]) - p[i + 1, j, end])
        flow[0] += inverse_h2[2] * closing
        flow[end] -= inverse_h2[2] * closing
        for k in range(1, n2):
            flow[k] += inverse_h2[2] * faces[2, i + 1, j, k - 1] * (np.float64(p[i + 1, j, k]) - p[i + 1, j, k - 1])
        for k in range(end):
            flow[k] += inverse_h2[2] * faces[2, i + 1, j, k] * (np.float64(p[i + 1, j, k]) - p[i + 1, j, k + 1])
        for k in range(n2):
            f[i, j, k] -= alpha * flow[k]


@kernel(parallel=True, fast=True, divides=True)
def update(alpha, p, inverse_h2, u, f, faces):
    """u += alpha p, f -= alpha A p; needs the ghost planes of p."""
    for i in prange(f.shape[0]):
        _update_plane(p, alpha, faces, inverse_h2, u, f, i, np.empty(f.shape[2]))


@kernel(parallel=True, fast=True, divides=True)
def descend(stage, alpha, p, inverse_h2, u, f, x, faces, weights, damping, place, block_starts, steps, coarse):
    """Stages 0, 1, 2 of: f -= alpha A p and u += alpha p, one sweep on A x = f from x = 0, coarse = sums of f - A x.

    ``alpha`` = 0 leaves f and u alone.  Before stage 0 p's ghost planes must be filled, before 1 and 2 those of x.  ``steps``
    are the voxels along each axis that make one of ``coarse``, local (n0 + 2, n1, n2): what belongs to the last plane of the
    rank before is left in its plane 0.
    """
    n2 = f.shape[2]
    first = place[0]
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        flow, held = np.empty(n2, faces.dtype), np.empty(n2, faces.dtype)
        # The first child of an aggregate is to come first: no aggregate may begin in stage 2 and end in stage 0.
        inner = start + 2 + (first + start) % steps[0]
        if stage == 0:
            exact = np.empty(n2)
            for i in range(start, end):
                if alpha != 0:
                    _update_plane(p, alpha, faces, inverse_h2, u, f, i, exact)
                _relax_plane(x, f, faces, weights, damping, place, i, 0, _EVERYWHERE, flow, held)
                if i >= start + 2:
                    _relax_plane(x, f, faces, weights, damping, place, i - 1, 1, _IN_COLOUR, flow, held)
                if i - 2 >= inner:
                    _restrict_residual(x, f, faces, weights, first, i - 2, steps, coarse, flow)
        elif stage == 1:
            _relax_plane(x, f, faces, weights, damping, place, start, 1, _IN_COLOUR, flow, held)
            if end > start + 1:
                _relax_plane(x, f, faces, weights, damping, place, end - 1, 1, _IN_COLOUR, flow, held)
        else:
            for i in range(start, end):
                if i < inner or i >= end - 2:
                    _restrict_residual(x, f, faces, weights, first, i, steps, coarse, flow)


@kernel(fast=True, divides=True)
def _prolong_plane(x, coarse, first, i, steps):
    n1, n2 = x.shape[1] - 1, x.shape[2]
    parent, _ = _target(first, i, steps[0])
    for j in range(n1):
        J = j // steps[1]
        if steps[2] == 2:
            for k in range(n2 // 2):
                value = coarse[parent, J, k]
                x[i + 1, j, 2 * k] += value
                x[i + 1, j, 2 * k + 1] += value
            if n2 % 2 == 1:
                x[i + 1, j, n2 - 1] += coarse[parent, J, n2 // 2]
        else:
            for k in range(n2):
                x[i + 1, j, k] += coarse[parent, J, k]


@kernel(fast=True, divides=True)
def _dot_plane(x, f, i):
    total = 0.0
    for j in range(f.shape[1]):
        for k in range(f.shape[2]):
            total += np.float64(x[i + 1, j, k]) * np.float64(f[i, j, k])
    return total


@kernel(parallel=True, fast=True, divides=True)
def ascend(stage, f, x, faces, weights, damping, place, block_starts, steps, coarse, plane_sums):
    """Stages 0, 1, 2 of: x += what ``coarse`` says of all its children, the adjoint sweep on A x = f, sums of f x.

    Ghost planes of ``coarse`` must be filled before stage 0, those of x before stages 1 and 2.
    """
    n2 = f.shape[2]
    first = place[0]
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        flow, held = np.empty(n2, faces.dtype), np.empty(n2, faces.dtype)
        if stage == 0:
            for i in range(start, end):
                _prolong_plane(x, coarse, first, i, steps)
                if i >= start + 2:
                    _relax_plane(x, f, faces, weights, damping, place, i - 1, 1, _NOWHERE, flow, held)
                if i >= start + 4:
                    _relax_plane(x, f, faces, weights, damping, place, i - 2, 0, _NOWHERE, flow, held)
                    plane_sums[i - 2] = _dot_plane(x, f, i - 2)
        elif stage == 1:
            _relax_plane(x, f, faces, weights, damping, place, start, 1, _NOWHERE, flow, held)
            if end > start + 1:
                _relax_plane(x, f, faces, weights, damping, place, end - 1, 1, _NOWHERE, flow, held)
        else:
            for i in range(start, end):
                if i < start + 2 or i >= end - 2:
                    _relax_plane(x, f, faces, weights, damping, place, i, 0, _NOWHERE, flow, held)
                    plane_sums[i] = _dot_plane(x, f, i)


@kernel(parallel=True, fast=True, divides=True)
def advance(p, x, beta, faces, inverse_h2, block_starts, face_sums):
    """p = x + beta p and p.Ap, but for the faces between blocks: as `pfsolid.conduction.kernels.advance_direction`."""
    n1, n2 = p.shape[1], p.shape[2]
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        for i in range(start, end):
            for j in range(n1):
                for k in range(n2):
                    p[i + 1, j, k] = x[i + 1, j, k] + beta * p[i + 1, j, k]
            along_x = along_y = along_z = 0.0
            for j in range(n1):
                ahead = j + 1 if j + 1 < n1 else 0
                for k in range(n2):
                    step = np.float64(p[i + 1, ahead, k]) - np.float64(p[i + 1, j, k])
                    along_y += faces[1, i + 1, j, k] * step * step
                for k in range(n2 - 1):
                    step = np.float64(p[i + 1, j, k + 1]) - np.float64(p[i + 1, j, k])
                    along_z += faces[2, i + 1, j, k] * step * step
                step = np.float64(p[i + 1, j, 0]) - np.float64(p[i + 1, j, n2 - 1])
                along_z += faces[2, i + 1, j, n2 - 1] * step * step
                if i > start:
                    for k in range(n2):
                        step = np.float64(p[i + 1, j, k]) - np.float64(p[i, j, k])
                        along_x += faces[0, i, j, k] * step * step
            face_sums[i, 0] = inverse_h2[1] * along_y + inverse_h2[2] * along_z
            face_sums[i, 1] = inverse_h2[0] * along_x


@kernel(parallel=True, fast=True, divides=True)
def dot(f, x, plane_sums):
    """Sums of f x over each plane."""
    for i in prange(f.shape[0]):
        plane_sums[i] = _dot_plane(x, f, i)


@kernel(parallel=True, fast=True, divides=True)
def restrict(f, first, block_starts, steps, coarse):
    """coarse = the sums of f over all children, planes as in :func:`descend`."""
    real = coarse.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    for block in prange(block_starts.size - 1):
        row = np.empty(n2, coarse.dtype)
        for i in range(block_starts[block], block_starts[block + 1]):
            target, adds = _target(first, i, steps[0])
            for j in range(n1):
                for k in range(n2):
                    row[k] = real(f[i, j, k])
                _add_row_sums(row, steps[2], adds or j % steps[1] != 0, coarse, target, j // steps[1])


@kernel(parallel=True, fast=True, divides=True)
def interpolate(coarse, along_x, along_y, along_z, x):
    """x = trilinear interpolation of ``coarse``, which has ghost planes.

    ``along_a``, (3, n_a): parent of each plane, row or voxel, the one beside it, and how much of that one to take.
    """
    for i in prange(along_x.shape[1]):
        I, I_beside, t = int(along_x[0, i]), int(along_x[1, i]), along_x[2, i]
        for j in range(along_y.shape[1]):
            J, J_beside, s = int(along_y[0, j]), int(along_y[1, j]), along_y[2, j]
            for k in range(along_z.shape[1]):
                K, K_beside, r = int(along_z[0, k]), int(along_z[1, k]), along_z[2, k]
                here = ((1 - t) * ((1 - s) * coarse[I, J, K] + s * coarse[I, J_beside, K])
                        + t * ((1 - s) * coarse[I_beside, J, K] + s * coarse[I_beside, J_beside, K]))
                there = ((1 - t) * ((1 - s) * coarse[I, J, K_beside] + s * coarse[I, J_beside, K_beside])
                         + t * ((1 - s) * coarse[I_beside, J, K_beside] + s * coarse[I_beside, J_beside, K_beside]))
                x[i + 1, j, k] = (1 - r) * here + r * there


@kernel(fast=True, divides=True)
def _keep_largest(value, best):
    """Take ``value`` up among the two largest."""
    one, two = best
    return (value, one) if value > one else (one, max(two, value))


@kernel(parallel=True, fast=True, divides=True)
def strongest_faces(faces, first, num_planes, periodic, lengths, best):
    """The two best conductivities among the faces of each voxel; ``best``, (2, n0 + 2, n1, n2), inside its ghost planes.

    ``lengths``: edges of the planes, rows and columns of all voxels.  A conductance times the distance of the two centres
    over the area of the face is a conductivity.
    """
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    x, y, z = lengths
    for i in prange(n0):
        here = x[first + i]
        behind = 0.5 * (here + x[first + i - 1]) if periodic or first + i > 0 else here
        ahead = 0.5 * (here + x[(first + i + 1) % num_planes]) if periodic or first + i + 1 < num_planes else here
        for j in range(n1):
            last_j = j - 1 if j > 0 else n1 - 1
            next_j = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                last_k = k - 1 if k > 0 else n2 - 1
                next_k = k + 1 if k + 1 < n2 else 0
                area = y[j] * z[k]
                two = (0.0, 0.0)
                two = _keep_largest(faces[0, i, j, k] * behind / area, two)
                two = _keep_largest(faces[0, i + 1, j, k] * ahead / area, two)
                area = here * z[k]
                two = _keep_largest(faces[1, i + 1, last_j, k] * 0.5 * (y[j] + y[last_j]) / area, two)
                two = _keep_largest(faces[1, i + 1, j, k] * 0.5 * (y[j] + y[next_j]) / area, two)
                area = here * y[j]
                two = _keep_largest(faces[2, i + 1, j, last_k] * 0.5 * (z[k] + z[last_k]) / area, two)
                two = _keep_largest(faces[2, i + 1, j, k] * 0.5 * (z[k] + z[next_k]) / area, two)
                best[0, i + 1, j, k] = two[0]
                best[1, i + 1, j, k] = two[1]


@kernel(fast=True, divides=True)
def _reach(best, i, j, k, conductivity):
    """How much of the way to its aggregate's centre resists like a face: less where others of the voxel conduct better."""
    other = best[1, i + 1, j, k] if conductivity >= best[0, i + 1, j, k] * 0.999 else best[0, i + 1, j, k]
    return min(1.0, conductivity / other) if other > 0 else 1.0


@kernel(parallel=True, fast=True, divides=True)
def coarsen_faces(faces, first, num_planes, periodic, steps, lengths, coarse_lengths, best, coarse):
    """Conductances of the faces between aggregates: sums over their fine faces, each times what the way has grown by.

    The way between the two voxels' centres grows to that between the aggregates' centres, but where other faces of a voxel
    conduct better than this one (a hole in a wall) what is added resists less in proportion.  ``best`` is that of
    :func:`strongest_faces`.  The faces along x towards the rank after and, in plane 0 along y and z, the parts of
    aggregates that the rank before owns, are left to be exchanged.
    """
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    N0, N1, N2 = coarse.shape[1] - 1, coarse.shape[2], coarse.shape[3]
    x, y, z = lengths
    X, Y, Z = coarse_lengths
    own = (first + steps[0] - 1) // steps[0]
    for I in prange(N0 + 1):
        # Plane I of faces along x stands before aggregate own + I, those along y and z belong to aggregate own + I - 1.
        before = min((own + I) * steps[0] - first, n0)
        low, high = max((own + I - 1) * steps[0] - first, 0), min((own + I) * steps[0] - first, n0)
        at_low, at_high = not periodic and first + before == 0, not periodic and first + before == num_planes
        behind, ahead = x[first + before - 1], x[(first + before) % num_planes]
        extra_behind = 0.5 * (X[own + I - 1] - behind)
        extra_ahead = 0.5 * (X[(own + I) % X.size] - ahead)
        way_x = 0.5 * (behind + ahead)
        if at_low:
            extra_behind, way_x = 0.0, 0.5 * ahead
        if at_high:
            extra_ahead, way_x = 0.0, 0.5 * behind
        for J in range(N1):
            row = min((J + 1) * steps[1], n1) - 1
            next_row = row + 1 if row + 1 < n1 else 0
            way_y = 0.5 * (y[row] + y[next_row])
            extra_y, extra_next_y = 0.5 * (Y[J] - y[row]), 0.5 * (Y[J + 1 if J + 1 < N1 else 0] - y[next_row])
            for K in range(N2):
                last = min((K + 1) * steps[2], n2) - 1
                next_one = last + 1 if last + 1 < n2 else 0
                way_z = 0.5 * (z[last] + z[next_one])
                extra_z, extra_next_z = 0.5 * (Z[K] - z[last]), 0.5 * (Z[K + 1 if K + 1 < N2 else 0] - z[next_one])
                total_x = total_y = total_z = 0.0
                for j in range(J * steps[1], row + 1):
                    for k in range(K * steps[2], last + 1):
                        c = faces[0, before, j, k]
                        if c > 0:
                            kappa = c * way_x / (y[j] * z[k]) * (2.0 if at_low or at_high else 1.0)
                            way = way_x
                            if not at_low:
                                way += extra_behind * _reach(best, before - 1, j, k, kappa)
                            if not at_high:
                                way += extra_ahead * _reach(best, before, j, k, kappa)
                            total_x += c * max(way_x / way, 0.5)
                for i in range(low, high):
                    for k in range(K * steps[2], last + 1):
                        c = faces[1, i + 1, row, k]
                        if c > 0:
                            kappa = c * way_y / (x[first + i] * z[k])
                            way = (way_y + extra_y * _reach(best, i, row, k, kappa)
                                   + extra_next_y * _reach(best, i, next_row, k, kappa))
                            total_y += c * max(way_y / way, 0.5)
                    for j in range(J * steps[1], row + 1):
                        c = faces[2, i + 1, j, last]
                        if c > 0:
                            kappa = c * way_z / (x[first + i] * y[j])
                            way = (way_z + extra_z * _reach(best, i, j, last, kappa)
                                   + extra_next_z * _reach(best, i, j, next_one, kappa))
                            total_z += c * max(way_z / way, 0.5)
                coarse[0, I, J, K] = total_x
                coarse[1, I, J, K] = total_y
                coarse[2, I, J, K] = total_z
