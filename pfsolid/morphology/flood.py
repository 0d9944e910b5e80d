"""Whether current gets through, by a flood over open faces with 64 voxels in a word: a tenth of the time of union-find.

A flood says at once that there is a way.  That there is none, or one that winds around a periodic cell, it says only in the
simplest cases; :mod:`pfsolid.morphology.clusters` asks it first and finds out by union-find what it leaves open.
"""

from __future__ import annotations

import numpy as np

from ..kernel import kernel

# Sweeps up and down before it is given up: a serpentine needs one for each of its bends.
_MOST_SWEEPS = 32
# Voxels of a periodic cell that a flood is started from before it is given up.
_MOST_SEEDS = 3


def reaches_far_electrode(open_faces: np.ndarray) -> bool | None:
    """Whether open faces lead from the electrode before the first plane to that after the last; None: not found out.

    Parameters
    ----------
    open_faces : ndarray of uint8 (n0 + 1, n1, n2)
        Of the whole image; see :func:`pfsolid.morphology.clusters.open_faces_of`.
    """
    x, y, z = _packed(open_faces)
    filled = np.zeros_like(y)
    filled[0] = x[0]
    for _ in range(_MOST_SWEEPS):
        changed = _sweep(x, y, z, filled)
        if (filled[-1] & x[-1]).any():
            return True
        if not changed:
            return False
    return None


def surely_wraps(open_faces: np.ndarray) -> tuple[bool, bool, bool]:
    """Axes of a periodic cell along which a cluster surely closes on itself; of the others nothing is said.

    A flood that crosses no periodic face and finds both sides of an open one has found such a cluster.
    """
    x, y, z = _packed(open_faces)
    n0, n1, n2 = y.shape[0], open_faces.shape[1], open_faces.shape[2]
    found = np.zeros(3, bool)
    for seed in range(_MOST_SEEDS):
        plane = (2 * seed + 1) * n0 // (2 * _MOST_SEEDS)
        conducting = np.flatnonzero(open_faces[plane + 1] == 7)
        if not conducting.size:
            continue
        j, k = divmod(int(conducting[conducting.size // 2]), n2)
        filled = np.zeros_like(y)
        filled[plane, j, k // 64] = np.uint64(1) << np.uint64(k % 64)
        for _ in range(_MOST_SWEEPS):
            changed = _sweep(x, y, z, filled)
            last, bit = divmod(n2 - 1, 64)
            across_z = (filled[:, :, last] & z[:, :, last]) >> np.uint64(bit) & filled[:, :, 0] & np.uint64(1)
            found |= [bool((filled[0] & filled[-1] & x[-1]).any()),
                      bool((filled[:, 0] & filled[:, n1 - 1] & y[:, n1 - 1]).any()), bool(across_z.any())]
            if found.all():
                return True, True, True
            if not changed:
                break
    return tuple(found.tolist())


def _packed(open_faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bits of the faces along x, (n0 + 1, n1, words), y and z, (n0, n1, words)."""
    planes, n1, n2 = open_faces.shape
    bits = np.zeros((3, planes, n1, -(-n2 // 64)), np.uint64)
    _pack(open_faces, bits)
    return bits[0], bits[1, 1:], bits[2, 1:]


@kernel()
def _pack(open_faces, bits):
    for i in range(open_faces.shape[0]):
        for j in range(open_faces.shape[1]):
            for word in range(bits.shape[3]):
                x = y = z = np.uint64(0)
                start = 64 * word
                for k in range(start, min(start + 64, open_faces.shape[2])):
                    here = np.uint64(open_faces[i, j, k])
                    place = np.uint64(k - start)
                    x |= (here & np.uint64(1)) << place
                    y |= (here >> np.uint64(1) & np.uint64(1)) << place
                    z |= (here >> np.uint64(2)) << place
                bits[0, i, j, word] = x
                bits[1, i, j, word] = y
                bits[2, i, j, word] = z


@kernel()
def _spread(filled, links):
    """Spread within a word: bit k of ``links`` joins bits k and k + 1 (parallel prefix, after Kogge & Stone)."""
    up, down = links << np.uint64(1), links
    for step in (1, 2, 4, 8, 16, 32):
        shift = np.uint64(step)
        filled |= up & (filled << shift)
        up &= up << shift
    for step in (1, 2, 4, 8, 16, 32):
        shift = np.uint64(step)
        filled |= down & (filled >> shift)
        down &= down >> shift
    return filled


@kernel()
def _sweep(x, y, z, filled):
    """Once up and once down through all rows, across no periodic face; whether anything was reached."""
    n0, n1, words = filled.shape
    top = np.uint64(63)
    changed = False
    for way in range(2):
        for plane in range(n0):
            i = plane if way == 0 else n0 - 1 - plane
            for row in range(n1):
                j = row if way == 0 else n1 - 1 - row
                for w in range(words):
                    before = filled[i, j, w]
                    value = before
                    if i > 0:
                        value |= filled[i - 1, j, w] & x[i, j, w]
                    if i + 1 < n0:
                        value |= filled[i + 1, j, w] & x[i + 1, j, w]
                    if j > 0:
                        value |= filled[i, j - 1, w] & y[i, j - 1, w]
                    if j + 1 < n1:
                        value |= filled[i, j + 1, w] & y[i, j, w]
                    if w > 0:
                        value |= (filled[i, j, w - 1] & z[i, j, w - 1]) >> top
                    if w + 1 < words:
                        value |= (filled[i, j, w + 1] << top) & z[i, j, w]
                    if value == 0:
                        continue
                    value = _spread(value, z[i, j, w])
                    if value != before:
                        filled[i, j, w] = value
                        changed = True
    return changed
