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
from .multigrid_coarsening import add_row_sums, target_of

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
def _restrict_residual(x, f, faces, weights, first, i, steps, coarse, flow):
    """coarse = or += the sums of f - A x over the children in plane i."""
    real = faces.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    target, adds = target_of(first, i, steps[0])
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
            add_row_sums(flow, steps[2], adds, coarse, target, j // steps[1])


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


@kernel(fast=True, divides=True)
def _close(x, periodic):
    """Ghost planes of x where the slab is the whole cell."""
    last = x.shape[0] - 2
    for j in range(x.shape[1]):
        for k in range(x.shape[2]):
            x[0, j, k] = x[last, j, k] if periodic else -x[1, j, k]
            x[last + 1, j, k] = x[1, j, k] if periodic else -x[last, j, k]


@kernel(parallel=True, fast=True, divides=True)
def descend(stages, alpha, p, inverse_h2, u, f, x, faces, weights, damping, place, block_starts, steps, coarse):
    """Stages 0, 1, 2 of: f -= alpha A p and u += alpha p, one sweep on A x = f from x = 0, coarse = sums of f - A x.

    ``stages``: the first one and that after the last.  ``alpha`` = 0 leaves f and u alone.  Before stage 0 p's ghost planes
    must be filled, before 1 and 2 those of x: between stages that is done here, for the slab is the whole cell then.
    ``steps`` are the voxels along each axis that make one of ``coarse``, local (n0 + 2, n1, n2): what belongs to the last
    plane of the rank before is left in its plane 0.
    """
    n2 = f.shape[2]
    first = place[0]
    for stage in range(stages[0], stages[1]):
        if stage > stages[0]:
            _close(x, place[2])
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
    parent, _ = target_of(first, i, steps[0])
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
def ascend(stages, f, x, faces, weights, damping, place, block_starts, steps, coarse, plane_sums):
    """Stages 0, 1, 2 of: x += what ``coarse`` says of all its children, the adjoint sweep on A x = f, sums of f x.

    ``stages`` as in :func:`descend`.  Ghost planes of ``coarse`` must be filled before stage 0.
    """
    n2 = f.shape[2]
    first = place[0]
    for stage in range(stages[0], stages[1]):
        if stage > stages[0]:
            _close(x, place[2])
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
