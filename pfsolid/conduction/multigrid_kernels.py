"""Fused kernels of a multigrid cycle on 7-point finite volumes.

``faces`` are those of :mod:`pfsolid.conduction.kernels`; what flows through one is ``weights[a] * faces * difference``, with
``weights`` 1 / h_a^2, or 0 where the cell has one voxel along a.  ``x``, local (n0 + 2, n1 + 1, n2), has ghost planes, odd
in plane electrodes, and one spare row; ``p`` is (n0 + 2, n1, n2) and everything else the bare slab.

A sweep goes through rows coloured by i + j.  Within a colour only the two neighbours along a row are coupled, and the first
and last row and plane where the cell is periodic with an odd number of them.  There the sweep is Jacobi's, with a diagonal
to which these couplings are added once more, times ``damping - 1`` (an l1 smoother: Baker, Falgout, Kolev & Yang,
doi:10.1137/100798806).  The sweep thus converges by itself in the energy norm on every image: without that addition two
voxels tied only to each other, or a straight channel one voxel wide, would oscillate for ever.

Rows are addressed in the arrays as they lie in memory, with unsigned numbers and to their full length: loops over 64 or 128
voxels then have no remainder.  At the two ends of a row such a loop takes what lies beside it in memory for a neighbour.
Where sides are insulating the face between the two is 0; in a periodic cell the ends are done once more, with their
neighbours.

A block of planes is gone through once, with the last few planes in cache; what needs planes of other blocks or ranks is left
to two more stages, with ghost planes filled before each.  Every number is the same however planes are divided.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from .multigrid_rows import LINE_BYTES, add_energy, add_row_sums, dot_plane, places_of, prefetch, target_of

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
def _inflow(x, c, weights, real, at, k, last_k, next_k):
    """What flows into voxel k of a row from its six neighbours; ``weights`` of the faces, of type ``real``."""
    before, after, behind_y, ahead_y, along = weights
    here = real(x[at[0] + k])
    return (before * c[at[5] + k] * (x[at[1] + k] - here) + after * c[at[6] + k] * (x[at[2] + k] - here)
            + behind_y * c[at[7] + k] * (x[at[3] + k] - here) + ahead_y * c[at[8] + k] * (x[at[4] + k] - here)
            + along * (c[at[9] + last_k] * (x[at[0] + last_k] - here) + c[at[9] + k] * (x[at[0] + next_k] - here)))


@kernel(fast=True, divides=True)
def _beside(x, c, weights, at, k):
    """The same from the four neighbours in other rows, to a voxel at 0."""
    before, after, behind_y, ahead_y, _ = weights
    return (before * c[at[5] + k] * x[at[1] + k] + after * c[at[6] + k] * x[at[2] + k]
            + behind_y * c[at[7] + k] * x[at[3] + k] + ahead_y * c[at[8] + k] * x[at[4] + k])


@kernel(fast=True, divides=True)
def _held(c, weights, at, k, last_k):
    """What the sweep takes for the diagonal."""
    before, after, behind_y, ahead_y, along = weights
    return (before * c[at[5] + k] + after * c[at[6] + k] + behind_y * c[at[7] + k] + ahead_y * c[at[8] + k]
            + along * (c[at[9] + last_k] + c[at[9] + k]))


@kernel(fast=True, divides=True)
def _relaxed_from_0(x, f, c, flows, holds, real, start, at, source, k, last_k):
    """A voxel after a sweep that began with x = 0, everywhere or in its row."""
    held = _held(c, holds, at, k, last_k)
    flow = real(f[source + k])
    if start == _IN_COLOUR:
        flow += _beside(x, c, flows, at, k)
    return flow / held if held > 0 else real(0)


@kernel(fast=True, divides=True)
def _relaxed(x, f, c, flows, holds, real, at, source, k, last_k, next_k):
    """A voxel after a sweep; 0 if no face leads to it."""
    held = _held(c, holds, at, k, last_k)
    flow = real(f[source + k]) + _inflow(x, c, flows, real, at, k, last_k, next_k)
    return x[at[0] + k] + flow / held if held > 0 else real(0)


@kernel(fast=True, divides=True)
def _fetch_rows(f, faces, i, j):
    """Ask for rows j and j + 1 of plane i of f and of its faces ahead, which lie side by side in memory."""
    planes, n1, n2 = faces.shape[1], faces.shape[2], faces.shape[3]
    c, sources = faces.reshape(-1), f.reshape(-1)
    row, plane, of_axis = np.uintp((i * n1 + j) * n2), np.uintp(n1 * n2), np.uintp(planes * n1 * n2)
    both = np.uintp(2 * n2 if j + 1 < n1 else n2)
    for k in range(np.uintp(0), both, np.uintp(LINE_BYTES // faces.itemsize)):
        prefetch(c, row + plane + k)
        prefetch(c, row + plane + of_axis + k)
        prefetch(c, row + plane + of_axis + of_axis + k)
    for k in range(np.uintp(0), both, np.uintp(LINE_BYTES // f.itemsize)):
        prefetch(sources, row + k)


@kernel(fast=True, divides=True)
def _relax_plane(x, f, faces, weights, damping, place, i, colour, start, row, fetches=False):
    """One colour of a sweep on A x = f in plane i.  ``place``: plane 0 within all, their number, whether periodic.

    ``fetches``: what the next plane will need is asked for meanwhile.
    """
    real = faces.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    first, num_planes, periodic = place
    zero, one, end = np.uintp(0), np.uintp(1), np.uintp(n2 - 1)
    c, values, sources = faces.reshape(-1), x.reshape(-1), f.reshape(-1)
    before, after, held_before, held_after = _ends_of_plane(first + i, num_planes, periodic, weights[0], damping,
                                                            start != _NOWHERE)
    alike = n1 % 2 == 1
    if alike:  # The last row shall see the first one as it was.
        for k in range(n2):
            x[i + 1, n1, k] = x[i + 1, 0, k]
    for j in range((first + i + colour) % 2, n1, 2):
        last = j - 1 if j > 0 else n1 - 1
        ahead = j + 1 if j + 1 < n1 or alike else 0
        at = places_of(faces, n1 + 1, i, j, last, ahead)
        source = np.uintp((i * n1 + j) * n2)
        if fetches:
            _fetch_rows(f, faces, i + 1, j)
        behind_y = ahead_y = held_last = held_ahead = weights[1]
        if alike and j == 0:
            held_last = weights[1] * damping
            behind_y = behind_y if start == _NOWHERE else behind_y - behind_y
        if alike and j == n1 - 1:
            held_ahead = weights[1] * damping
            ahead_y = ahead_y if start == _NOWHERE else ahead_y - ahead_y
        flows = before, after, behind_y, ahead_y, weights[2]
        holds = held_before, held_after, held_last, held_ahead, weights[2] * damping
        # By way of ``row``: the compiler cannot tell the rows of x apart.
        if start == _EVERYWHERE:
            for k in range(np.uintp(n2)):
                row[k] = _relaxed_from_0(values, sources, c, flows, holds, real, _EVERYWHERE, at, source, k, k - one)
        elif start == _IN_COLOUR:
            for k in range(np.uintp(n2)):
                row[k] = _relaxed_from_0(values, sources, c, flows, holds, real, _IN_COLOUR, at, source, k, k - one)
        else:
            for k in range(np.uintp(n2)):
                row[k] = _relaxed(values, sources, c, flows, holds, real, at, source, k, k - one, k + one)
        if periodic and start != _NOWHERE:
            row[0] = _relaxed_from_0(values, sources, c, flows, holds, real, start, at, source, zero, end)
        elif periodic:
            row[0] = _relaxed(values, sources, c, flows, holds, real, at, source, zero, end, one if n2 > 1 else zero)
            row[n2 - 1] = _relaxed(values, sources, c, flows, holds, real, at, source, end, end - one if n2 > 1 else end,
                                   zero)
        for k in range(np.uintp(n2)):
            values[at[0] + k] = row[k]


@kernel(fast=True, divides=True)
def _ringing(x, c, weight, excess, at, k, last_k, next_k):
    """What the l1 diagonal and the voxel's own row leave of f - A x, where the other rows were at 0 in a sweep."""
    more = excess * x[at[0] + k]
    return weight * (c[at[9] + last_k] * (x[at[0] + last_k] + more) + c[at[9] + k] * (x[at[0] + next_k] + more))


@kernel(fast=True, divides=True)
def _left_in_first(x, c, flows, excess, at, k, last_k, next_k):
    """f - A x of the colour that came first: f is what its own diagonal holds."""
    return _ringing(x, c, flows[4], excess, at, k, last_k, next_k) + _beside(x, c, flows, at, k)


@kernel(fast=True, divides=True)
def _left(x, f, c, flows, real, at, source, k, last_k, next_k):
    """f - A x of any voxel; 0 of one that no face leads to."""
    flow = real(f[source + k]) + _inflow(x, c, flows, real, at, k, last_k, next_k)
    return flow if _held(c, flows, at, k, last_k) > 0 else real(0)


@kernel(fast=True, divides=True)
def _restrict_residual(x, f, faces, weights, damping, place, i, steps, coarse, row):
    """coarse = or += the sums of f - A x over the children in plane i, after the sweep from x = 0."""
    real = faces.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    first, num_planes, periodic = place
    zero, one, end = np.uintp(0), np.uintp(1), np.uintp(n2 - 1)
    second, before_end = (one, end - one) if n2 > 1 else (zero, end)
    c, values, sources = faces.reshape(-1), x.reshape(-1), f.reshape(-1)
    before, after, _, _ = _ends_of_plane(first + i, num_planes, periodic, weights[0], damping, True)
    flows = before, after, weights[1], weights[1], weights[2]
    all_flows = weights[0], weights[0], weights[1], weights[1], weights[2]
    excess = damping - real(1)
    target, adds = target_of(first, i, steps[0])
    # Where a row has a neighbour of its own colour in another row or plane, nothing cancels.
    coupled = periodic and num_planes % 2 == 1 and (first + i == 0 or first + i == num_planes - 1)
    for j in range(n1):
        last = j - 1 if j > 0 else n1 - 1
        ahead = j + 1 if j + 1 < n1 else 0
        at = places_of(faces, n1 + 1, i, j, last, ahead)
        source = np.uintp((i * n1 + j) * n2)
        if j % steps[1] == 0:
            for k in range(n2):
                row[k] = real(0)
        at_0, at_end = row[0], row[n2 - 1]
        if coupled or n1 % 2 == 1 and (j == 0 or j == n1 - 1):
            for k in range(np.uintp(n2)):
                row[k] += _left(values, sources, c, all_flows, real, at, source, k, k - one, k + one)
            if periodic:
                row[n2 - 1] = at_end + _left(values, sources, c, all_flows, real, at, source, end, before_end, zero)
                row[0] = at_0 + _left(values, sources, c, all_flows, real, at, source, zero, end, second)
        elif (first + i + j) % 2 == 0:
            for k in range(np.uintp(n2)):
                row[k] += _left_in_first(values, c, flows, excess, at, k, k - one, k + one)
            if periodic:
                row[n2 - 1] = at_end + _left_in_first(values, c, flows, excess, at, end, before_end, zero)
                row[0] = at_0 + _left_in_first(values, c, flows, excess, at, zero, end, second)
        else:
            for k in range(np.uintp(n2)):
                row[k] += _ringing(values, c, weights[2], excess, at, k, k - one, k + one)
            if periodic:
                row[n2 - 1] = at_end + _ringing(values, c, weights[2], excess, at, end, before_end, zero)
                row[0] = at_0 + _ringing(values, c, weights[2], excess, at, zero, end, second)
        if (j + 1) % steps[1] == 0 or j == n1 - 1:
            add_row_sums(row, steps[2], adds, coarse, target, j // steps[1])


@kernel(fast=True, divides=True)
def _update_plane(p, alpha, faces, inverse_h2, periodic, u, f, i):
    """u += alpha p, f -= alpha A p, in the precision of f; no u where that is empty."""
    real = f.dtype.type
    n1, n2 = f.shape[1], f.shape[2]
    zero, one, end = np.uintp(0), np.uintp(1), np.uintp(n2 - 1)
    c, values, sources = faces.reshape(-1), p.reshape(-1), f.reshape(-1)
    along_x, along_y, along_z = (real(alpha * inverse_h2[0]), real(alpha * inverse_h2[1]), real(alpha * inverse_h2[2]))
    flows = along_x, along_x, along_y, along_y, along_z
    for j in range(n1):
        last = j - 1 if j > 0 else n1 - 1
        ahead = j + 1 if j + 1 < n1 else 0
        at = places_of(faces, n1, i, j, last, ahead)
        source = np.uintp((i * n1 + j) * n2)
        at_0, at_end = f[i, j, 0], f[i, j, n2 - 1]
        for k in range(np.uintp(n2)):
            sources[source + k] += _inflow(values, c, flows, real, at, k, k - one, k + one)
        if periodic:
            f[i, j, n2 - 1] = at_end + _inflow(values, c, flows, real, at, end, end - one if n2 > 1 else end, zero)
            f[i, j, 0] = at_0 + _inflow(values, c, flows, real, at, zero, end, one if n2 > 1 else zero)
        if u.shape[0] > 0:
            for k in range(n2):
                u[i, j, k] += alpha * p[i + 1, j, k]


@kernel(parallel=True, fast=True, divides=True)
def update(alpha, p, inverse_h2, periodic, u, f, faces):
    """u += alpha p, f -= alpha A p; needs the ghost planes of p."""
    for i in prange(f.shape[0]):
        _update_plane(p, alpha, faces, inverse_h2, periodic, u, f, i)


@kernel(fast=True, divides=True)
def close(x, periodic):
    """Ghost planes of x where the slab is the whole cell."""
    last = x.shape[0] - 2
    for j in range(x.shape[1]):
        for k in range(x.shape[2]):
            x[0, j, k] = x[last, j, k] if periodic else -x[1, j, k]
            x[last + 1, j, k] = x[1, j, k] if periodic else -x[last, j, k]


@kernel(fast=True, divides=True)
def descend(stage, start, end, alpha, p, inverse_h2, u, f, x, faces, weights, damping, place, steps, coarse):
    """Stage 0, 1 or 2, in a block of planes, of: f -= alpha A p and u += alpha p, one sweep on A x = f from x = 0,
    coarse = sums of f - A x.

    ``alpha`` = 0 leaves f and u alone.  Before stage 0 p's ghost planes must be filled, before 1 and 2 those of x.
    ``steps`` are the voxels along each axis that make one of ``coarse``, local (n0 + 2, n1, n2): what belongs to the last
    plane of the rank before is left in its plane 0.
    """
    first = place[0]
    row = np.empty(f.shape[2], faces.dtype)
    # The first child of an aggregate is to come first: no aggregate may begin in stage 2 and end in stage 0.
    inner = start + 2 + (first + start) % steps[0]
    if stage == 0:
        for i in range(start, end):
            if alpha != 0:
                _update_plane(p, alpha, faces, inverse_h2, place[2], u, f, i)
            _relax_plane(x, f, faces, weights, damping, place, i, 0, _EVERYWHERE, row)
            if i >= start + 2:
                _relax_plane(x, f, faces, weights, damping, place, i - 1, 1, _IN_COLOUR, row)
            if i - 2 >= inner:
                _restrict_residual(x, f, faces, weights, damping, place, i - 2, steps, coarse, row)
    elif stage == 1:
        _relax_plane(x, f, faces, weights, damping, place, start, 1, _IN_COLOUR, row)
        if end > start + 1:
            _relax_plane(x, f, faces, weights, damping, place, end - 1, 1, _IN_COLOUR, row)
    else:
        for i in range(start, end):
            if i < inner or i >= end - 2:
                _restrict_residual(x, f, faces, weights, damping, place, i, steps, coarse, row)


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
def ascend(stage, start, end, f, x, faces, weights, damping, place, steps, coarse, plane_sums):
    """Stage 0, 1 or 2, in a block of planes, of: x += what ``coarse`` says of all its children, the adjoint sweep on
    A x = f, sums of f x.  Ghost planes of ``coarse`` must be filled before stage 0, those of x before 1 and 2."""
    row = np.empty(f.shape[2], faces.dtype)
    if stage == 0:
        for i in range(start, end):
            _prolong_plane(x, coarse, place[0], i, steps)
            if i >= start + 2:
                _relax_plane(x, f, faces, weights, damping, place, i - 1, 1, _NOWHERE, row, True)
            if i >= start + 4:
                _relax_plane(x, f, faces, weights, damping, place, i - 2, 0, _NOWHERE, row)
                plane_sums[i - 2] = dot_plane(x, f, i - 2)
    elif stage == 1:
        _relax_plane(x, f, faces, weights, damping, place, start, 1, _NOWHERE, row)
        if end > start + 1:
            _relax_plane(x, f, faces, weights, damping, place, end - 1, 1, _NOWHERE, row)
    else:
        for i in range(start, end):
            if i < start + 2 or i >= end - 2:
                _relax_plane(x, f, faces, weights, damping, place, i, 0, _NOWHERE, row)
                plane_sums[i] = dot_plane(x, f, i)


@kernel(parallel=True, fast=True, divides=True)
def sweep(down, stages, alpha, p, inverse_h2, u, f, x, faces, weights, damping, place, block_starts, steps, coarse,
          plane_sums):
    """Stages of :func:`descend` or, not ``down``, of :func:`ascend`, in all blocks: the first one to that before the last.

    Ghost planes of x are filled here between stages, for the slab is the whole cell then.
    """
    for stage in range(stages[0], stages[1]):
        if stage > stages[0]:
            close(x, place[2])
        for block in prange(block_starts.size - 1):
            start, end = block_starts[block], block_starts[block + 1]
            if down:
                descend(stage, start, end, alpha, p, inverse_h2, u, f, x, faces, weights, damping, place, steps, coarse)
            else:
                ascend(stage, start, end, f, x, faces, weights, damping, place, steps, coarse, plane_sums)


@kernel(parallel=True, fast=True, divides=True)
def advance(p, x, beta, faces, inverse_h2, block_starts, face_sums):
    """p = x + beta p and p.Ap, but for the faces between blocks: as `pfsolid.conduction.kernels.advance_direction`."""
    n1, n2 = p.shape[1], p.shape[2]
    for block in prange(block_starts.size - 1):
        start, end = block_starts[block], block_starts[block + 1]
        for i in range(start, end):
            for j in range(n1):
                if beta == 0:  # p may hold anything
                    for k in range(n2):
                        p[i + 1, j, k] = x[i + 1, j, k]
                else:
                    for k in range(n2):
                        p[i + 1, j, k] = x[i + 1, j, k] + beta * p[i + 1, j, k]
            add_energy(p, faces, inverse_h2, i, start, face_sums)
