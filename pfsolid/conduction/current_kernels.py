"""Passes over a current density: what each phase carries, its greatest value, counts for its percentiles.

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
