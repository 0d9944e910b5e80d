"""Compiled loops of what lies at the boundaries of a power diagram: films on facets, channels along triple lines; and pores.

At a point x of grain i the rival j has f_j = power_j - power_i >= 0, linear in x with the gradient g_j = 2 (s_i - s_j) in
the metric: the facet's plane is f_j / |g_j| away, exactly.  The nearest plane's foot always lies on the facet itself, as
grains are convex; of the others it is seen whether some grain comes before.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from .kernels import BLOCK, LARGE_BLOCK, candidates_of, wrapped

# What rounding may make of a power that is 0, relative to |g|^2: a foot on the edge of a facet belongs to it.
_ROUNDING = 1e-12
# Planes closer to parallel than this (sin^2 of their angle) meet in no line.
_PARALLEL = 1e-10


@kernel(parallel=True)
def mark_boundaries(labels, first_plane, spacing, lengths, aspect, seeds, weights, half_width, wetted, hash_key, line_radius,
                    second):
    """Give voxels at boundaries the label ``second``: within ``half_width`` of a wetted facet or ``line_radius`` of a line.

    What a voxel gets depends on the voxel alone, not on blocks, threads or ranks.

    Parameters
    ----------
    labels : ndarray of uint32, local (n0, n1, n2)
        Of the grains; overwritten.
    first_plane : int
        Global index of ``labels[0]``.
    spacing, lengths : tuple of 3 float
        Of a voxel and the cell, in the metric of the diagram: over ``aspect``.
    aspect : tuple of 3 float
    seeds, weights : ndarray
        In the metric, as `label_voxels` takes them.
    half_width, line_radius : float
        True lengths; 0: none.
    wetted : float
        Share of the facets that have a film, drawn for each pair of grains; 1: all.
    hash_key : int
    second : int
    """
    n0, n1, n2 = labels.shape
    b0, b1, b2 = (n0 - 1) // LARGE_BLOCK + 1, (n1 - 1) // LARGE_BLOCK + 1, (n2 - 1) // LARGE_BLOCK + 1
    far = max(half_width, line_radius)
    reach = far / min(aspect[0], aspect[1], aspect[2])
    for block in prange(b0 * b1 * b2):
        everyone, some = np.arange(len(weights)), np.empty(len(weights), np.int64)
        few, least = np.empty(len(weights), np.int64), np.empty(len(weights))
        first = (block // (b1 * b2) * LARGE_BLOCK, block // b2 % b1 * LARGE_BLOCK, block % b2 * LARGE_BLOCK)
        last = (min(first[0] + LARGE_BLOCK, n0), min(first[1] + LARGE_BLOCK, n1), min(first[2] + LARGE_BLOCK, n2))
        num_some = candidates_of(first, last, first_plane, reach, spacing, lengths, seeds, weights, everyone, len(weights),
                                 least, some)
        for i in range(first[0], last[0], BLOCK):
            for j in range(first[1], last[1], BLOCK):
                for k in range(first[2], last[2], BLOCK):
                    end = (min(i + BLOCK, last[0]), min(j + BLOCK, last[1]), min(k + BLOCK, last[2]))
                    num_few = candidates_of((i, j, k), end, first_plane, reach, spacing, lengths, seeds, weights, some,
                                            num_some, least, few)
                    if num_few > 1:
                        _mark_block(labels, (i, j, k), end, first_plane, spacing, lengths, aspect, seeds, weights, few,
                                    num_few, half_width, wetted, hash_key, line_radius, second)


@kernel()
def _mark_block(labels, first, last, first_plane, spacing, lengths, aspect, seeds, weights, candidates, count, half_width,
                wetted, hash_key, line_radius, second):
    rivals, owners = np.empty((count, 5)), np.empty(count, np.int64)
    far = max(half_width, line_radius)
    for i in range(first[0], last[0]):
        for j in range(first[1], last[1]):
            for k in range(first[2], last[2]):
                owner = labels[i, j, k]
                x = ((first_plane + i + 0.5) * spacing[0], (j + 0.5) * spacing[1], (k + 0.5) * spacing[2])
                num = _rivals(x, owner, lengths, aspect, seeds, weights, candidates, count, far, rivals, owners)
                if (half_width > 0.0 and _on_film(rivals, owners, num, owner, half_width, wetted, hash_key)
                        or line_radius > 0.0 and _on_line(rivals, num, line_radius)):
                    labels[i, j, k] = second


@kernel()
def _rivals(x, owner, lengths, aspect, seeds, weights, candidates, count, far, rivals, owners):
    """Of the grains whose plane is nearer than ``far``: f, its gradient and the square of that; their number."""
    ox, oy, oz = (wrapped(x[0] - seeds[owner, 0], lengths[0]), wrapped(x[1] - seeds[owner, 1], lengths[1]),
                  wrapped(x[2] - seeds[owner, 2], lengths[2]))
    own = ox * ox + oy * oy + oz * oz - weights[owner]
    found = 0
    for index in range(count):
        grain = candidates[index]
        if grain == owner:
            continue
        dx, dy, dz = (wrapped(x[0] - seeds[grain, 0], lengths[0]), wrapped(x[1] - seeds[grain, 1], lengths[1]),
                      wrapped(x[2] - seeds[grain, 2], lengths[2]))
        f = max(dx * dx + dy * dy + dz * dz - weights[grain] - own, 0.0)
        gx, gy, gz = 2 * (dx - ox) / aspect[0], 2 * (dy - oy) / aspect[1], 2 * (dz - oz) / aspect[2]
        square = gx * gx + gy * gy + gz * gz
        if f * f < far * far * square:
            rivals[found, 0], rivals[found, 1], rivals[found, 2], rivals[found, 3] = f, gx, gy, gz
            rivals[found, 4] = square
            owners[found] = grain
            found += 1
    return found


@kernel()
def _on_film(rivals, owners, num, owner, half_width, wetted, hash_key):
    for index in range(num):
        f, square = rivals[index, 0], rivals[index, 4]
        if f * f >= half_width * half_width * square:
            continue
        if wetted >= 1.0:
            return True
        if _uniform(min(owner, owners[index]), max(owner, owners[index]), hash_key) >= wetted:
            continue
        step = -f / square
        if _is_first(rivals, num, step * rivals[index, 1], step * rivals[index, 2], step * rivals[index, 3]):
            return True
    return False


@kernel()
def _on_line(rivals, num, radius):
    """Whether the point nearest in a line where three grains tie is within the radius, and no fourth comes before there."""
    for index in range(num):
        for other in range(index):
            a, c = rivals[index, 4], rivals[other, 4]
            b = (rivals[index, 1] * rivals[other, 1] + rivals[index, 2] * rivals[other, 2]
                 + rivals[index, 3] * rivals[other, 3])
            det = a * c - b * b
            if det <= _PARALLEL * a * c:
                continue
            alpha = (c * rivals[index, 0] - b * rivals[other, 0]) / det
            beta = (a * rivals[other, 0] - b * rivals[index, 0]) / det
            if alpha * rivals[index, 0] + beta * rivals[other, 0] >= radius * radius:
                continue
            if _is_first(rivals, num, -alpha * rivals[index, 1] - beta * rivals[other, 1],
                         -alpha * rivals[index, 2] - beta * rivals[other, 2],
                         -alpha * rivals[index, 3] - beta * rivals[other, 3]):
                return True
    return False


@kernel()
def _is_first(rivals, num, vx, vy, vz):
    """Whether no rival comes before the grain at the point a step away."""
    for index in range(num):
        there = rivals[index, 0] + rivals[index, 1] * vx + rivals[index, 2] * vy + rivals[index, 3] * vz
        if there < -_ROUNDING * rivals[index, 4]:
            return False
    return True


@kernel()
def _uniform(first, second, hash_key):
    """A number from 0 to 1 that a pair of grains and the key say: two rounds of splitmix64."""
    state = np.uint64(hash_key)
    for value in (first, second):
        state = (state ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)) * 2.0**-53


@kernel()
def fill_spheres(labels, first_plane, num_planes, spacing, centres, radius, label):
    """Give voxels whose centres lie in a sphere a label.

    Parameters
    ----------
    labels : ndarray of uint32, local (n0, n1, n2)
        Overwritten.
    first_plane, num_planes : int
        Global index of ``labels[0]``, and planes of the whole cell.
    spacing : tuple of 3 float
    centres : ndarray (num_spheres, 3)
        In the periodic cell.
    radius : float
        Below half the shortest edge of the cell.
    label : int
    """
    n0, n1, n2 = labels.shape
    for sphere in range(len(centres)):
        x, y, z = centres[sphere] / np.array(spacing) - 0.5
        rx, ry, rz = radius / spacing[0], radius / spacing[1], radius / spacing[2]
        for i in range(int(np.ceil(x - rx)), int(np.floor(x + rx)) + 1):
            plane = i % num_planes - first_plane
            if not 0 <= plane < n0:
                continue
            for j in range(int(np.ceil(y - ry)), int(np.floor(y + ry)) + 1):
                for k in range(int(np.ceil(z - rz)), int(np.floor(z + rz)) + 1):
                    if ((i - x) / rx)**2 + ((j - y) / ry)**2 + ((k - z) / rz)**2 <= 1.0:
                        labels[plane, j % n1, k % n2] = label
