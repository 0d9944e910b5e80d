"""Passes over a current: what each phase carries, its greatest value, counts for its percentiles, jumps between faces.

``rows[label]`` is the row of a phase in the results; the row after the last is that of all phases together.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from ..kernel import kernel


@kernel()
def _magnitude(current, i, j, k):
    # Squares of single-precision currents leave its range; float() would keep it.
    x, y, z = np.float64(current[i, j, k, 0]), np.float64(current[i, j, k, 1]), np.float64(current[i, j, k, 2])
    return np.float32(math.sqrt(x * x + y * y + z * z))


@kernel(parallel=True)
def survey_current(current, labels, rows, axis, sums, highest, place):
    """For each plane and row: sum of J_axis, greatest |J| (-1 without a voxel) and the first place where it is, (j, k)."""
    n0, n1, n2 = labels.shape
    last = sums.shape[1] - 1
    for i in prange(n0):
        sums[i] = 0.0
        highest[i] = -1.0
        place[i] = 0
        for j in range(n1):
            for k in range(n2):
                row = rows[labels[i, j, k]]
                value = _magnitude(current, i, j, k)
                sums[i, row] += current[i, j, k, axis]
                if value > highest[i, row]:
                    highest[i, row] = value
                    place[i, row, 0] = j
                    place[i, row, 1] = k
        for row in range(last):
            sums[i, last] += sums[i, row]
            if highest[i, row] > highest[i, last]:
                highest[i, last] = highest[i, row]
                place[i, last] = place[i, row]


@kernel(parallel=True)
def count_digits(current, labels, rows, known, shift, block_starts, counts):
    """Histograms of the next eight bits of |J| in single precision, whose order as integers is that of the numbers.

    ``counts[block, row, q, digit]`` counts the values whose bits above ``shift + 8`` are ``known[row, q]``.
    """
    n1, n2 = labels.shape[1:]
    last, num_values = known.shape[0] - 1, known.shape[1]
    for block in prange(block_starts.size - 1):
        counts[block] = 0
        line = np.empty(n2, np.float32)
        bits = line.view(np.uint32)
        for i in range(block_starts[block], block_starts[block + 1]):
            for j in range(n1):
                for k in range(n2):
                    line[k] = _magnitude(current, i, j, k)
                for k in range(n2):
                    row = rows[labels[i, j, k]]
                    rest = np.int64(bits[k]) >> shift
                    digit, above = rest & 255, rest >> 8
                    for q in range(num_values):
                        if above == known[row, q]:
                            counts[block, row, q, digit] += 1
                        if above == known[last, q]:
                            counts[block, last, q, digit] += 1


@kernel(parallel=True)
def flux_jumps_of_labels(potential, edges, faces, labels, resistivity, spacing, axis, plane_sums):
    """Sum over each plane of sum_i (J_i+ - J_i-)^2 / 6 sigma_i, J_i- and J_i+ through a voxel's two faces along axis i.

    For a unit field along ``axis``; ``edges[0]`` and ``edges[-1]`` are the potential before and after the slab.
    ``resistivity[i, label]`` is 1 / sigma_i, and 0 of an insulator, whose faces carry nothing.
    """
    n0, n1, n2 = potential.shape
    for i in prange(n0):
        total = 0.0
        before = potential[i - 1] if i > 0 else edges[0]
        after = potential[i + 1] if i + 1 < n0 else edges[-1]
        for j in range(n1):
            for k in range(n2):
                label = labels[i, j, k]
                x, y, z = _jumps(potential, before, after, faces, spacing, axis, i, j, k)
                total += resistivity[0, label] * x * x + resistivity[1, label] * y * y + resistivity[2, label] * z * z
        plane_sums[i] = total / 6


@kernel(parallel=True)
def flux_jumps_of_faces(potential, edges, faces, spacing, axis, plane_sums):
    """As :func:`flux_jumps_of_labels`, with sigma_i the mean of the two faces."""
    n0, n1, n2 = potential.shape
    for i in prange(n0):
        total = 0.0
        before = potential[i - 1] if i > 0 else edges[0]
        after = potential[i + 1] if i + 1 < n0 else edges[-1]
        for j in range(n1):
            j_last = j - 1 if j > 0 else n1 - 1
            for k in range(n2):
                k_last = k - 1 if k > 0 else n2 - 1
                x, y, z = _jumps(potential, before, after, faces, spacing, axis, i, j, k)
                total += _over(x, faces[0, i, j, k], faces[0, i + 1, j, k])
                total += _over(y, faces[1, i + 1, j_last, k], faces[1, i + 1, j, k])
                total += _over(z, faces[2, i + 1, j, k_last], faces[2, i + 1, j, k])
        plane_sums[i] = total / 6


@kernel()
def _over(jump, a, b):
    mean = 0.5 * (np.float64(a) + np.float64(b))
    return jump * jump / mean if mean > 0 else 0.0


@kernel()
def _jumps(potential, before, after, faces, spacing, axis, i, j, k):
    """J+ - J- of a voxel along x, y, z; ``before`` and ``after`` are the planes of the potential beside its own."""
    n1, n2 = potential.shape[1:]
    hx, hy, hz = spacing
    ex, ey, ez = (1.0 if axis == 0 else 0.0), (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    j_next, j_last = (j + 1 if j + 1 < n1 else 0), (j - 1 if j > 0 else n1 - 1)
    k_next, k_last = (k + 1 if k + 1 < n2 else 0), (k - 1 if k > 0 else n2 - 1)
    here = potential[i, j, k]
    x = faces[0, i + 1, j, k] * (ex - (after[j, k] - here) / hx) - faces[0, i, j, k] * (ex - (here - before[j, k]) / hx)
    y = (faces[1, i + 1, j, k] * (ey - (potential[i, j_next, k] - here) / hy)
         - faces[1, i + 1, j_last, k] * (ey - (here - potential[i, j_last, k]) / hy))
    z = (faces[2, i + 1, j, k] * (ez - (potential[i, j, k_next] - here) / hz)
         - faces[2, i + 1, j, k_last] * (ez - (here - potential[i, j, k_last]) / hz))
    return x, y, z
