"""Compiled kernels of images of many phases: which phases meet at faces and edges of voxels, and where.

``phase`` numbers the phases from 0; voxels of ``num_phases`` and above are outside the field of view and meet nothing.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from .interface_normals import REACH, pair_gradient
from .kernels import pair_share

# A component of a tangent below this is none: the line runs along the ends of the image and does not leave it there.
_ALONG_ENDS = 1e-3
# Two gradients whose cross product is shorter than this part of their product do not say how a line runs.
_PARALLEL = 1e-6


@kernel(parallel=True)
def count_pairs(phase, steps, planes, wraps, fill_ends, num_phases, counts):
    """``counts[i, a, b, d]`` = voxels of a plane that differ in phase, a < b, from the voxel ``steps[d]`` away.

    ``phase`` has ghost planes.  ``planes`` are the global number of its first plane and that of all; pairs count by
    `pair_share`.
    """
    n0, n1, n2 = phase.shape[0] - 2, phase.shape[1], phase.shape[2]
    for i in prange(n0):
        for d in range(steps.shape[0]):
            dx, dy, dz = steps[d]
            along_x = pair_share(planes[0] + i, dx, planes[1], wraps[0], fill_ends)
            for j in range(n1):
                along_y = along_x * pair_share(j, dy, n1, wraps[1], fill_ends)
                if along_y == 0:
                    continue
                row, other = phase[i + 1, j], phase[i + 1 + dx, (j + dy) % n1]
                for k in range(n2):
                    at = k + dz
                    at = at if 0 <= at < n2 else at + n2 if at < 0 else at - n2
                    a, b = row[k], other[at]
                    if a != b and a < num_phases and b < num_phases:
                        counts[i, min(a, b), max(a, b), d] += along_y * pair_share(k, dz, n2, wraps[2], fill_ends)


@kernel(parallel=True)
def mark_open_faces(phase, planes, wraps, num_phases, open_faces):
    """Which faces lie between voxels of one phase, for `label_slab_through_faces`.

    ``open_faces[i + 1, j, k]``: bits 1, 2, 4 for the faces ahead of voxel (i, j, k); plane 0: bit 1 for those behind.
    """
    n1, n2 = phase.shape[1:]
    for plane in prange(open_faces.shape[0]):
        i = plane - 1
        goes_on = wraps[0] or 0 <= planes[0] + i < planes[1] - 1
        for j in range(n1):
            for k in range(n2):
                here = phase[plane, j, k]
                found = 0
                if here < num_phases:
                    if goes_on and phase[plane + 1, j, k] == here:
                        found = 1
                    if plane > 0 and (wraps[1] or j < n1 - 1) and phase[plane, j + 1 if j < n1 - 1 else 0, k] == here:
                        found |= 2
                    if plane > 0 and (wraps[2] or k < n2 - 1) and phase[plane, j, k + 1 if k < n2 - 1 else 0] == here:
                        found |= 4
                open_faces[plane, j, k] = found


@kernel()
def _around(axis, corner):
    """Steps x, y, z from a voxel to the four round the edge ahead of it that runs along ``axis``, one after the other."""
    first = 1 if corner in (1, 2) else 0
    second = 1 if corner in (2, 3) else 0
    if axis == 0:
        return 0, first, second
    if axis == 1:
        return second, 0, first
    return first, second, 0


@kernel()
def _distinct(a, b, c, d):
    """How many different ones there are of four."""
    return 1 + (b != a) + (c != a and c != b) + (d != a and d != b and d != c)


@kernel()
def _phases_around(padded, axis, i, j, k, found):
    """The phases round an edge, into ``found``."""
    for corner in range(4):
        dx, dy, dz = _around(axis, corner)
        found[corner] = padded[i + REACH + dx, j + REACH + dy, k + REACH + dz]


@kernel(parallel=True)
def count_triple_edges(padded, wraps, planes, num_phases, counts):
    """``counts[i]`` = entries that `list_triple_edges` makes of the edges ahead of the voxels of plane i."""
    n0, n1, n2 = padded.shape[0] - 2 * REACH, padded.shape[1] - 2 * REACH, padded.shape[2] - 2 * REACH
    for i in prange(n0):
        four = np.empty(4, np.int64)
        total = 0
        for axis in range(3):
            for j in range(n1):
                for k in range(n2):
                    if _is_edge(axis, planes[0] + i, j, k, wraps, planes[1], n1, n2):
                        _phases_around(padded, axis, i, j, k, four)
                        if four.max() < num_phases:
                            total += _entries(_distinct(four[0], four[1], four[2], four[3]))
        counts[i] = total


@kernel()
def _entries(distinct):
    return 4 if distinct == 4 else 1 if distinct == 3 else 0


@kernel()
def _is_edge(axis, i, j, k, wraps, n0, n1, n2):
    """Whether the edge ahead of a voxel along ``axis`` lies inside the image."""
    return ((axis == 0 or wraps[0] or i < n0 - 1) and (axis == 1 or wraps[1] or j < n1 - 1)
            and (axis == 2 or wraps[2] or k < n2 - 1))


@kernel(fast=True)
def _tangent(padded, trio, axis, i, j, k, taps_x, taps_y, taps_z, inverse_h):
    """Unit tangent of the line where phases a, b, c meet, in whose sense they follow each other: grad f_ab x grad f_bc.

    f_ab is the smoothed 1_b - 1_a.  Where the three fill the surroundings both other products of two are the same vector,
    whatever the angles between the interfaces.  0 where it is too short to have a direction.
    """
    first = (int(axis != 0), int(axis != 1), int(axis != 2))
    along_x, along_y, along_z = taps_x[i, first[0]], taps_y[j, first[1]], taps_z[k, first[2]]
    ux, uy, uz = pair_gradient(padded, trio[0], trio[1], i, j, k, first, along_x, along_y, along_z, inverse_h)
    vx, vy, vz = pair_gradient(padded, trio[1], trio[2], i, j, k, first, along_x, along_y, along_z, inverse_h)
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    length = np.sqrt(x * x + y * y + z * z)
    if length <= _PARALLEL * np.sqrt((ux * ux + uy * uy + uz * uz) * (vx * vx + vy * vy + vz * vz)):
        return 0.0, 0.0, 0.0
    return x / length, y / length, z / length


@kernel()
def _sense(four, trio):
    """1 or -1: the trio follow each other round the edge counterclockwise or clockwise; 0 where one stands between twice."""
    sense, last = 0, -1
    for turn in range(8):
        phase = four[turn % 4]
        place = 0 if phase == trio[0] else 1 if phase == trio[1] else 2 if phase == trio[2] else -1
        if place < 0 or place == last:
            continue
        if last >= 0:
            step = 1 if place == (last + 1) % 3 else -1
            if sense != 0 and step != sense:
                return 0
            sense = step
        last = place
    return sense


@kernel()
def _state(padded, flags, trio, axis, i, j, k):
    """Bits of `find_plates` that the voxels of all three phases round an edge have; of one phase twice, either's."""
    state = 255
    for phase in trio:
        own = 0
        for corner in range(4):
            dx, dy, dz = _around(axis, corner)
            if padded[i + REACH + dx, j + REACH + dy, k + REACH + dz] == phase:
                own |= flags[i + 1 + dx, (j + dy) % flags.shape[1], (k + dz) % flags.shape[2]]
        state &= own
    return state


@kernel(parallel=True)
def list_triple_edges(padded, flags, taps, inverse_h, spacing, planes, ends, num_phases, starts, keys, states, lengths):
    """The edges where three phases meet, each with the length of line that it stands for: its projection on the tangent.

    Edges have a sense, that of the phases round them, and where the path of edges runs back they count negative.  An edge
    between four phases stands for two lines, of which there are two ways: each of its four triples gets half.

    Parameters
    ----------
    flags : ndarray of uint8, local (n0 + 2, n1, n2)
        What each voxel is connected to.
    ends : tuple of (3 bool, bool)
        Along which axes the image goes on, and whether its ends count for the half voxel beyond.
    starts : ndarray (n0,)
        Where the entries of each plane begin.
    keys, states, lengths
        Overwritten: (a N + b) N + c of the phases a < b < c, what all three are connected to, length.
    """
    n0, n1, n2 = padded.shape[0] - 2 * REACH, padded.shape[1] - 2 * REACH, padded.shape[2] - 2 * REACH
    wraps, fill_ends = ends
    taps_x, taps_y, taps_z = taps
    for i in prange(n0):
        four = np.empty(4, np.int64)
        trio = np.empty(3, np.int64)
        place = starts[i]
        for axis in range(3):
            for j in range(n1):
                for k in range(n2):
                    if not _is_edge(axis, planes[0] + i, j, k, wraps, planes[1], n1, n2):
                        continue
                    _phases_around(padded, axis, i, j, k, four)
                    distinct = _distinct(four[0], four[1], four[2], four[3])
                    if distinct < 3 or four.max() >= num_phases:
                        continue
                    ordered = np.sort(four)
                    for left_out in range(_entries(distinct)):
                        count = 0
                        for m in range(4):
                            twice = m > 0 and ordered[m] == ordered[m - 1]
                            if twice or (distinct == 4 and m == left_out):
                                continue
                            trio[count] = ordered[m]
                            count += 1
                        tx, ty, tz = _tangent(padded, trio, axis, i, j, k, taps_x, taps_y, taps_z, inverse_h)
                        share = 0.5 if distinct == 4 else 1.0
                        if axis != 0 and abs(tx) > _ALONG_ENDS:
                            share *= pair_share(planes[0] + i, 1, planes[1], wraps[0], fill_ends)
                        if axis != 1 and abs(ty) > _ALONG_ENDS:
                            share *= pair_share(j, 1, n1, wraps[1], fill_ends)
                        if axis != 2 and abs(tz) > _ALONG_ENDS:
                            share *= pair_share(k, 1, n2, wraps[2], fill_ends)
                        keys[place] = (trio[0] * num_phases + trio[1]) * num_phases + trio[2]
                        states[place] = _state(padded, flags, trio, axis, i, j, k)
                        along = tx if axis == 0 else ty if axis == 1 else tz
                        lengths[place] = share * spacing[axis] * _sense(four, trio) * along
                        place += 1
