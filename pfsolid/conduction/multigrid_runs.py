"""Runs of voxels along z that good faces join, and the clusters of a slab that runs make, with 64 voxels in a word.

``good``, (3, n0 + 1, n1, words), has a bit for each face of :mod:`pfsolid.conduction.kernels` that conducts well; ``holes``,
(n0 + 2, n1, words), one for each voxel that is joined to none.  A voxel with no such face belongs to no run: where good
conductors are few so are the runs, and what is done for each of them takes little.
"""

from __future__ import annotations

import numpy as np

from ..kernel import kernel
from ..morphology.union_find import find, unite

WORD = 64


@kernel()
def pack(faces, thresholds, good):
    """Bits of the faces that conduct at least so much.

    Parameters
    ----------
    faces : ndarray, local (3, n0 + 1, n1, n2)
    thresholds : ndarray (m, 3)
        Of the faces along each axis.
    good : ndarray of uint64 (m, 3, n0 + 1, n1, words)
    """
    n2 = faces.shape[3]
    row = np.zeros(good.shape[4] * WORD, np.uint8)
    eights = row.view(np.uint64)
    for a in range(3):
        for i in range(0 if a == 0 else 1, faces.shape[1]):
            for j in range(faces.shape[2]):
                for m in range(thresholds.shape[0]):
                    threshold = thresholds[m, a]
                    for k in range(n2):
                        row[k] = faces[a, i, j, k] >= threshold
                    for w in range(good.shape[4]):
                        word = np.uint64(0)
                        for part in range(8):  # eight bytes of 0 or 1 become the highest byte of a product
                            byte = (eights[8 * w + part] * np.uint64(0x0102040810204080)) >> np.uint64(56)
                            word |= byte << np.uint64(8 * part)
                        good[m, a, i, j, w] = word


@kernel()
def count_bits(word):
    """How many bits of a word are 1, by sums of ever more of them."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel()
def _lowest(word):
    """Place of the lowest bit of a word that is not 0."""
    return count_bits((word & (~word + np.uint64(1))) - np.uint64(1))


@kernel()
def _from_behind(row, plane, j, w, n2):
    """Bits of the voxels behind along z, that of the last voxel for the first; ``row`` (planes, n1, words)."""
    if w > 0:
        carried = row[plane, j, w - 1] >> np.uint64(WORD - 1)
    else:
        carried = (row[plane, j, row.shape[2] - 1] >> np.uint64((n2 - 1) % WORD)) & np.uint64(1)
    return (row[plane, j, w] << np.uint64(1)) | carried


@kernel()
def _from_ahead(row, plane, j, w, n2):
    """Bits of the voxels ahead along z, that of the first voxel for the last."""
    last = row.shape[2] - 1
    if w < last:
        return (row[plane, j, w] >> np.uint64(1)) | (row[plane, j, w + 1] << np.uint64(WORD - 1))
    return (row[plane, j, w] >> np.uint64(1)) | ((row[plane, j, 0] & np.uint64(1)) << np.uint64((n2 - 1) % WORD))


@kernel()
def find_holes(good, counts, n2, holes):
    """A bit where a voxel has two good faces, and these opposite each other.

    Parameters
    ----------
    good, holes : ndarray of uint64
        The bits go into the inner planes of ``holes``.
    counts : ndarray of uint64 (3,)
        For each axis a word of ones, or 0 where its faces do not count.
    n2 : int
        Voxels in a row.

    Returns
    -------
    int
        How many there are.
    """
    n0, n1 = good.shape[1] - 1, good.shape[2]
    total = 0
    for i in range(n0):
        for j in range(n1):
            j_last = j - 1 if j > 0 else n1 - 1
            for w in range(good.shape[3]):
                x, x_last = good[0, i + 1, j, w] & counts[0], good[0, i, j, w] & counts[0]
                y, y_last = good[1, i + 1, j, w] & counts[1], good[1, i + 1, j_last, w] & counts[1]
                z, z_last = good[2, i + 1, j, w] & counts[2], _from_behind(good[2], i + 1, j, w, n2) & counts[2]
                found = ((x & x_last & ~(y | y_last | z | z_last)) | (y & y_last & ~(x | x_last | z | z_last))
                         | (z & z_last & ~(x | x_last | y | y_last)))
                holes[i + 1, j, w] = found
                total += count_bits(found)
    return total


@kernel()
def _linked_z(good, holes, i, j, w, n2):
    """Which voxels of a word are joined to the one ahead along z, the last one of the row to its first."""
    return good[2, i + 1, j, w] & ~holes[i + 1, j, w] & ~_from_ahead(holes, i + 1, j, w, n2)


@kernel()
def _linked_y(good, holes, i, j, w):
    """Likewise along y."""
    j_next = j + 1 if j + 1 < good.shape[2] else 0
    return good[1, i + 1, j, w] & ~holes[i + 1, j, w] & ~holes[i + 1, j_next, w]


@kernel()
def _linked_x(good, holes, i, j, w):
    """Which voxels of plane i are joined to the one behind along x, in this slab."""
    return good[0, i, j, w] & ~holes[i, j, w] & ~holes[i + 1, j, w]


@kernel()
def _closing(w, n2):
    """The bit of the last voxel of a row, in its last word."""
    return np.uint64(1) << np.uint64((n2 - 1) % WORD) if w == (n2 - 1) // WORD else np.uint64(0)


@kernel()
def mark_runs(good, holes, n2, links, starts, ends, before):
    """First and last voxels of all runs.  What has a good face out of the slab has one.

    Parameters
    ----------
    good, holes : ndarray of uint64
    n2 : int
        Voxels in a row.
    links : ndarray of uint64 (n0, n1, words)
        Out: which voxels are joined to the one ahead, the last one of a row to its first.
    starts, ends : ndarray of uint64 (n0, n1, words)
        Out.
    before : ndarray of int32 (n0, n1, words)
        Out: how many runs begin in words before.

    Returns
    -------
    int
        How many there are.
    """
    n0, n1, words = starts.shape
    for i in range(n0):
        for j in range(n1):
            for w in range(words):
                links[i, j, w] = _linked_z(good, holes, i, j, w, n2)
    count = 0
    for i in range(n0):
        for j in range(n1):
            j_last = j - 1 if j > 0 else n1 - 1
            for w in range(words):
                along = links[i, j, w]
                joined = along | _from_behind(links, i, j, w, n2)
                joined |= _linked_y(good, holes, i, j, w) | _linked_y(good, holes, i, j_last, w)
                joined |= good[0, 0, j, w] if i == 0 else _linked_x(good, holes, i, j, w)
                joined |= good[0, n0, j, w] if i == n0 - 1 else _linked_x(good, holes, i + 1, j, w)
                joined &= (_closing(w, n2) << np.uint64(1)) - np.uint64(1)  # what the last voxel is joined to begins the row
                along_behind = _from_behind(links, i, j, w, n2)
                if w == 0:
                    along_behind &= ~np.uint64(1)
                starts[i, j, w] = joined & ~along_behind
                ends[i, j, w] = joined & ~(along & ~_closing(w, n2))
                before[i, j, w] = count
                count += count_bits(starts[i, j, w])
    return count


@kernel()
def list_runs(starts, ends, runs):
    """Of each run: its row of the slab, its first and its last voxel.

    Parameters
    ----------
    starts, ends : ndarray of uint64 (n0, n1, words)
    runs : ndarray of int64 (3, num_runs)
        Out.
    """
    n0, n1, words = starts.shape
    one = np.uint64(1)
    first = last = 0
    for i in range(n0):
        for j in range(n1):
            for w in range(words):
                bits = starts[i, j, w]
                while bits != 0:
                    runs[0, first] = i * n1 + j
                    runs[1, first] = WORD * w + _lowest(bits)
                    first += 1
                    bits &= bits - one
                bits = ends[i, j, w]
                while bits != 0:
                    runs[2, last] = WORD * w + _lowest(bits)
                    last += 1
                    bits &= bits - one


@kernel()
def _run_at(starts, before, i, j, w, bit):
    """Which run, from 1, a voxel of word w belongs to; ``bit`` is its own."""
    return before[i, j, w] + count_bits(starts[i, j, w] & (bit | (bit - np.uint64(1))))


@kernel()
def _join_word(linked, links, starts, before, one, other, w, parent):
    """Unite the runs of two rows (i, j) where voxels of word w are joined, once for each two that lie side by side."""
    along = (links[one[0], one[1], w] & links[other[0], other[1], w] & linked) << np.uint64(1)
    bits = linked & ~along
    while bits != 0:
        bit = bits & (~bits + np.uint64(1))
        unite(parent, _run_at(starts, before, one[0], one[1], w, bit), _run_at(starts, before, other[0], other[1], w, bit))
        bits &= bits - np.uint64(1)


@kernel()
def join_runs(good, holes, n2, links, starts, before, parent):
    """Unite runs of the slab that good faces join.

    Parameters
    ----------
    good, holes, links, starts, before : ndarray
        See `mark_runs`.
    n2 : int
        Voxels in a row.
    parent : ndarray of int32 (num_runs + 1,)
        Of each run, from 1, in its tree.
    """
    n0, n1, words = starts.shape
    last = words - 1
    end = _closing(last, n2)
    for i in range(n0):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            if n2 > 1 and links[i, j, last] & end:
                unite(parent, _run_at(starts, before, i, j, 0, np.uint64(1)), _run_at(starts, before, i, j, last, end))
            for w in range(words):
                linked = _linked_y(good, holes, i, j, w)
                if linked:
                    _join_word(linked, links, starts, before, (i, j), (i, j_next), w, parent)
                if i > 0:
                    linked = _linked_x(good, holes, i, j, w)
                    if linked:
                        _join_word(linked, links, starts, before, (i - 1, j), (i, j), w, parent)


@kernel()
def number_clusters(good, starts, before, runs, smallest, parent, number):
    """Clusters 1 ... n of the slab in the order of their first voxels.

    Parameters
    ----------
    good, starts, before, runs, parent : ndarray
        See `mark_runs`, `list_runs` and `join_runs`.
    smallest : int
        What has less voxels has a number only where a good face leads out of the slab, else 0.
    number : ndarray of int32 (num_runs + 1,)
        Out: the cluster of each run, from 1; zeros before.

    Returns
    -------
    ndarray of int64
        Voxels of each cluster.
    """
    n0, n1, words = starts.shape
    num_runs = runs.shape[1]
    leads_out = np.zeros(num_runs + 1, np.bool_)
    for plane, face in ((0, 0), (n0 - 1, n0)):
        for j in range(n1):
            for w in range(words):
                bits = good[0, face, j, w]
                while bits != 0:
                    bit = bits & (~bits + np.uint64(1))
                    leads_out[find(parent, _run_at(starts, before, plane, j, w, bit))] = True
                    bits &= bits - np.uint64(1)
    for run in range(1, num_runs + 1):
        number[run] = runs[2, run - 1] - runs[1, run - 1] + 1
    for run in range(num_runs, 0, -1):  # a parent is smaller than its child
        if parent[run] != run:
            number[parent[run]] += number[run]
    sizes = np.empty(num_runs, np.int64)
    count = 0
    for run in range(1, num_runs + 1):
        if parent[run] != run:
            number[run] = number[parent[run]]
        elif number[run] >= smallest or leads_out[run]:
            sizes[count] = number[run]
            count += 1
            number[run] = count
        else:
            number[run] = 0
    return sizes[:count].copy()


@kernel()
def paint(runs, number, n1, first_plane, last_plane, out):
    """The cluster of each voxel in some planes of the slab.

    Parameters
    ----------
    runs : ndarray of int64 (3, num_runs)
    number : ndarray of int32 (num_runs + 1,)
        The cluster of each run, from 1; 0 leaves ``out`` as it is.
    n1 : int
        Rows in a plane.
    first_plane, last_plane : int
    out : ndarray of int32 (last_plane - first_plane + 1, n1, n2)
    """
    for m in range(runs.shape[1]):
        i, j = divmod(runs[0, m], n1)
        if first_plane <= i <= last_plane and number[m + 1] != 0:
            for k in range(runs[1, m], runs[2, m] + 1):
                out[i - first_plane, j, k] = number[m + 1]
