"""Blocks of voxels that become one, by the majority of their labels."""

from __future__ import annotations

import numpy as np
from numba import prange

from ...kernel import kernel


def majority(fine: np.ndarray, steps: tuple[int, int, int]) -> np.ndarray:
    """The most frequent label of each block; of equally many the one that its block has first, so no label is preferred.

    Parameters
    ----------
    fine : ndarray of uint8 or uint32 (steps[0], n1 * steps[1], n2 * steps[2])
        One page of blocks.
    steps : tuple of 3 int
        Voxels of a block along each axis.

    Returns
    -------
    ndarray (n1, n2)
    """
    out = np.empty((fine.shape[1] // steps[1], fine.shape[2] // steps[2]), fine.dtype)
    _majority(fine, steps, out)
    return out


@kernel(parallel=True)
def _majority(fine, steps, out):
    for j in prange(out.shape[0]):
        values = np.empty(steps[0] * steps[1] * steps[2], fine.dtype)
        counts = np.empty(values.size, np.int64)
        for k in range(out.shape[1]):
            found = 0
            for a in range(steps[0]):
                for b in range(j * steps[1], (j + 1) * steps[1]):
                    for c in range(k * steps[2], (k + 1) * steps[2]):
                        at = 0
                        while at < found and values[at] != fine[a, b, c]:
                            at += 1
                        if at == found:
                            values[at], counts[at] = fine[a, b, c], 0
                            found += 1
                        counts[at] += 1
            best = 0
            for at in range(1, found):
                if counts[at] > counts[best]:
                    best = at
            out[j, k] = values[best]
