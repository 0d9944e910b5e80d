"""Compiled loops of power diagrams on a periodic grid."""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel

# Voxels along the edge of a block, whose voxels share a short list of grains that may be theirs, and of a block of blocks,
# from whose list it is taken: else 100 000 grains would be looked at for every small block.
BLOCK, LARGE_BLOCK = 8, 32


@kernel(inline=True)
def wrapped(distance, length):
    """The image of a distance that is nearest to 0 in a period."""
    return distance - length * np.round(distance / length)


@kernel(parallel=True)
def label_voxels(labels, first_plane, spacing, lengths, seeds, weights):
    """Label of each voxel: the grain whose |x - seed|^2 - weight is least; the lower one where two are equal.

    A block's grains are those that can own a voxel of it: by the triangle inequality on the torus no other can come below
    the best one's largest value.  What a voxel gets depends on the voxel alone, not on blocks, threads or ranks.

    Parameters
    ----------
    labels : ndarray of uint32, local (n0, n1, n2)
        Overwritten.
    first_plane : int
        Global index of ``labels[0]``.
    spacing, lengths : tuple of 3 float
        Of a voxel and the cell, in the metric of the diagram.
    seeds : ndarray (num_grains, 3)
    weights : ndarray (num_grains,)
    """
    n0, n1, n2 = labels.shape
    b0, b1, b2 = (n0 - 1) // LARGE_BLOCK + 1, (n1 - 1) // LARGE_BLOCK + 1, (n2 - 1) // LARGE_BLOCK + 1
    for block in prange(b0 * b1 * b2):
        everyone, some = np.arange(len(weights)), np.empty(len(weights), np.int64)
        few, least = np.empty(len(weights), np.int64), np.empty(len(weights))
        first = (block // (b1 * b2) * LARGE_BLOCK, block // b2 % b1 * LARGE_BLOCK, block % b2 * LARGE_BLOCK)
        last = (min(first[0] + LARGE_BLOCK, n0), min(first[1] + LARGE_BLOCK, n1), min(first[2] + LARGE_BLOCK, n2))
        num_some = candidates_of(first, last, first_plane, 0.0, spacing, lengths, seeds, weights, everyone, len(weights),
                                 least, some)
        for i in range(first[0], last[0], BLOCK):
            for j in range(first[1], last[1], BLOCK):
                for k in range(first[2], last[2], BLOCK):
                    end = (min(i + BLOCK, last[0]), min(j + BLOCK, last[1]), min(k + BLOCK, last[2]))
                    num_few = candidates_of((i, j, k), end, first_plane, 0.0, spacing, lengths, seeds, weights, some,
                                            num_some, least, few)
                    _label_block(labels, (i, j, k), end, first_plane, spacing, lengths, seeds, weights, few, num_few)


@kernel()
def candidates_of(first, last, first_plane, reach, spacing, lengths, seeds, weights, among, num_among, least, found):
    """Of some grains those that may own a voxel from ``first`` to before ``last``, in the same order; their number.

    For other kernels.  With ``reach`` also those that may own a point so far from such a voxel, in the metric.
    """
    centre = ((first_plane + 0.5 * (first[0] + last[0])) * spacing[0], 0.5 * (first[1] + last[1]) * spacing[1],
              0.5 * (first[2] + last[2]) * spacing[2])
    radius = 0.5 * np.sqrt(((last[0] - first[0]) * spacing[0])**2 + ((last[1] - first[1]) * spacing[1])**2
                           + ((last[2] - first[2]) * spacing[2])**2) + reach
    bound = np.inf
    for index in range(num_among):
        grain = among[index]
        dx = wrapped(centre[0] - seeds[grain, 0], lengths[0])
        dy = wrapped(centre[1] - seeds[grain, 1], lengths[1])
        dz = wrapped(centre[2] - seeds[grain, 2], lengths[2])
        distance = np.sqrt(dx * dx + dy * dy + dz * dz)
        nearest = max(distance - radius, 0.0)
        least[index] = nearest * nearest - weights[grain]
        bound = min(bound, (distance + radius)**2 - weights[grain])
    count = 0
    for index in range(num_among):
        # The radius reaches half a voxel beyond the last centre: no grain is left out by rounding.
        if least[index] <= bound:
            found[count] = among[index]
            count += 1
    return count


@kernel()
def _label_block(labels, first, last, first_plane, spacing, lengths, seeds, weights, candidates, count):
    near = np.empty((count, 4))  # a candidate's image that is nearest to the block, and its weight
    one_image = True  # is the nearest to each voxel of it
    for index in range(count):
        for axis in range(3):
            low = 0.5 + first[axis] + (first_plane if axis == 0 else 0)
            middle, half = (low + 0.5 * (last[axis] - first[axis] - 1)) * spacing[axis], \
                0.5 * (last[axis] - first[axis] - 1) * spacing[axis]
            away = wrapped(seeds[candidates[index], axis] - middle, lengths[axis])
            near[index, axis] = middle + away
            one_image &= abs(away) + half < 0.5 * lengths[axis]
        near[index, 3] = weights[candidates[index]]
    for i in range(first[0], last[0]):
        x = (first_plane + i + 0.5) * spacing[0]
        for j in range(first[1], last[1]):
            y = (j + 0.5) * spacing[1]
            for k in range(first[2], last[2]):
                z = (k + 0.5) * spacing[2]
                best, owner = np.inf, 0
                for index in range(count):
                    dx, dy, dz = x - near[index, 0], y - near[index, 1], z - near[index, 2]
                    if not one_image:
                        dx, dy, dz = wrapped(dx, lengths[0]), wrapped(dy, lengths[1]), wrapped(dz, lengths[2])
                    power = dx * dx + dy * dy + dz * dz - near[index, 3]
                    if power < best:
                        best, owner = power, candidates[index]
                labels[i, j, k] = owner
