"""Rigid shifts of good conductors that lie isolated in a poor one: what aggregates of voxels cannot represent.

Where two of them are in reach of one aggregate the coarse levels see one conductor, and no sweep moves either as a whole:
the smallest eigenvalue of M A is then about 30 times the ratio of the conductivities, and r . M r does not see what may be
all of the error.  So M gets one term for each, Z D^-1 Z^T: Z is 1 on the conductor's voxels, D what its surface conducts,
with faces towards other conductors counted twice (Z^T A Z is diagonal but for these).  M A was found
between 0.02 and 4 then, whatever the contrast.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..kernel import kernel

# Between good and poor lies a range this wide, in powers of 2, in which no face is.
_GAP = 3
# The widest gaps count: each takes a term of its own.
_MOST_GAPS = 3
# Range of binary exponents that faces are counted over.
_LOWEST, _NUM_EXPONENTS = -300, 601


class GoodClusters:
    """Voxels that faces above a threshold connect, in clusters of two or more.  Collective.

    Without the largest in a periodic cell: it may move with everything else, what matters is how the others move against it.
    Without those that such a face connects to an electrode: they cannot move.

    Parameters
    ----------
    level : Level
        The finest.
    threshold : float
    reducer : Reducer
    """

    def __init__(self, level, threshold: float, reducer):
        self._reducer = reducer
        n0, n1, n2 = level.num_planes, *level.shape[1:]
        clusters = np.zeros((n0 + 2, n1, n2), np.int32)
        count = _number_clusters(level.faces, level.faces.dtype.type(threshold), clusters)
        counts = np.array(reducer.gather(count))
        inner = clusters[1:-1]
        inner += np.int32(counts[:reducer.rank].sum())
        level.ghosts.fill(clusters)
        total = int(counts.sum())
        joined = _pairs(level, threshold, clusters)
        pairs = reducer.concatenate(joined).reshape(-1, 2)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(total + 1, total + 1))
        _, of_number = connected_components(graph, directed=False)
        sizes = np.zeros(of_number.max() + 1)
        for plane in inner:
            sizes += np.bincount(of_number[plane].ravel(), minlength=sizes.size)
        sizes = reducer.sum(sizes)
        kept = sizes >= 2
        if level.periodic:
            kept[np.argmax(sizes)] = False
        else:
            kept &= reducer.sum(_on_electrodes(level, threshold, of_number[inner[[0, -1]]], sizes.size)) == 0
        number = np.where(kept, np.cumsum(kept), 0)[of_number].astype(np.int32)
        self.num_clusters = int(kept.sum())
        if not self.num_clusters:
            return
        clusters = number[clusters]
        self._voxels = np.flatnonzero(clusters[1:-1]).astype(np.int64)
        self._clusters = clusters[1:-1].ravel()[self._voxels] - 1
        surface = np.zeros(self.num_clusters)
        _surfaces(level.faces, level.inverse_h2, level.first, level.shape[0], level.periodic, clusters, surface)
        surface = reducer.sum(surface)
        self._inverse = np.where(surface > 0, 1 / np.where(surface > 0, surface, 1.0), 0.0)
        self._sums = np.zeros(self.num_clusters)

    def add(self, f: np.ndarray, x: np.ndarray) -> float:
        """x += Z D^-1 Z^T f; f . Z D^-1 Z^T f.  Collective."""
        _sum_clusters(f, self._voxels, self._clusters, self._sums)
        sums = self._reducer.sum(self._sums)
        shifts = self._inverse * sums
        _shift_clusters(shifts, self._voxels, self._clusters, f.shape[2] * f.shape[1], f.shape[2], x)
        return float(np.dot(sums, shifts))


def good_clusters(level, reducer) -> list[GoodClusters]:
    """Clusters of good conductors of the finest level, for each wide gap between conductances.  Collective."""
    counts = np.zeros(_NUM_EXPONENTS)
    _count_exponents(level.faces, counts)
    present = np.flatnonzero(reducer.sum(counts))
    gaps = np.diff(present)
    widest = [i for i in np.argsort(-gaps, kind="stable")[:_MOST_GAPS] if gaps[i] > _GAP]
    found = [GoodClusters(level, 2.0 ** (present[i + 1] + _LOWEST - 1), reducer) for i in sorted(widest)]
    return [clusters for clusters in found if clusters.num_clusters]


@kernel()
def _count_exponents(faces, counts):
    for a in range(3):
        for i in range(1, faces.shape[1]):
            for j in range(faces.shape[2]):
                last = np.float64(0.0)
                where = 0
                for k in range(faces.shape[3]):
                    value = np.float64(faces[a, i, j, k])
                    if value != last and value > 0:
                        where = min(max(math.frexp(value)[1] - _LOWEST, 0), _NUM_EXPONENTS - 1)
                        last = value
                    if value > 0:
                        counts[where] += 1


@kernel()
def _find(parent, i):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel()
def _unite(parent, a, b):
    a, b = _find(parent, a), _find(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel()
def _join_rows(faces, threshold, a, i, j, one, other, parent):
    """Unite the runs of two rows where the face between them, ``faces[a, i, j]``, is a good one."""
    last_one = last_other = -1
    for k in range(one.size):
        if faces[a, i, j, k] >= threshold and (one[k] != last_one or other[k] != last_other):
            last_one, last_other = one[k], other[k]
            _unite(parent, last_one, last_other)


@kernel()
def _number_clusters(faces, threshold, clusters):
    """Clusters 1 ... n of a slab, by runs along z; ``clusters`` has ghost planes, which are left alone.  Returns n."""
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    num_runs = 0
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                if k == 0 or not faces[2, i + 1, j, k - 1] >= threshold:
                    num_runs += 1
                clusters[i + 1, j, k] = num_runs
    parent = np.arange(0, num_runs + 1, 1, np.int32)
    for i in range(n0):
        for j in range(n1):
            row = clusters[i + 1, j]
            if n2 > 1 and faces[2, i + 1, j, n2 - 1] >= threshold:
                _unite(parent, row[0], row[n2 - 1])
            _join_rows(faces, threshold, 1, i + 1, j, row, clusters[i + 1, j + 1 if j + 1 < n1 else 0], parent)
            if i > 0:
                _join_rows(faces, threshold, 0, i, j, clusters[i, j], row, parent)
    count = 0
    for run in range(1, num_runs + 1):
        if parent[run] == run:
            count += 1
            parent[run] = count
        else:
            parent[run] = parent[parent[run]]  # a parent is smaller than its child: it has its number already
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                clusters[i + 1, j, k] = parent[clusters[i + 1, j, k]]
    return count


def _pairs(level, threshold: float, clusters: np.ndarray) -> np.ndarray:
    """Clusters that a good face between this slab and the next one joins, (2 n)."""
    if not level.periodic and level.first + level.num_planes == level.shape[0]:
        return np.zeros(0, np.int64)
    good = level.faces[0, -1] >= threshold
    return np.unique(np.stack([clusters[-2][good], clusters[-1][good]], axis=1), axis=0).ravel()


def _on_electrodes(level, threshold: float, clusters: np.ndarray, size: int) -> np.ndarray:
    """How often each cluster touches an electrode by a good face, on this rank."""
    touches = np.zeros(size)
    for plane, at_end in ((0, level.first == 0), (-1, level.first + level.num_planes == level.shape[0])):
        if at_end:
            np.add.at(touches, clusters[plane][level.faces[0, plane] >= threshold], 1.0)
    return touches


@kernel()
def _surfaces(faces, inverse_h2, first, num_planes, periodic, clusters, surface):
    """What each cluster conducts to the voxels around it; twice what to those of other clusters."""
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    for i in range(n0):
        for j in range(n1):
            last_j, next_j = (j - 1 if j > 0 else n1 - 1), (j + 1 if j + 1 < n1 else 0)
            for k in range(n2):
                here = clusters[i + 1, j, k]
                if here == 0:
                    continue
                last_k, next_k = (k - 1 if k > 0 else n2 - 1), (k + 1 if k + 1 < n2 else 0)
                total = 0.0
                if not periodic and first + i == 0:
                    total += 2 * inverse_h2[0] * faces[0, i, j, k]
                else:
                    total += _across(here, clusters[i, j, k]) * inverse_h2[0] * faces[0, i, j, k]
                if not periodic and first + i == num_planes - 1:
                    total += 2 * inverse_h2[0] * faces[0, i + 1, j, k]
                else:
                    total += _across(here, clusters[i + 2, j, k]) * inverse_h2[0] * faces[0, i + 1, j, k]
                total += inverse_h2[1] * (_across(here, clusters[i + 1, last_j, k]) * faces[1, i + 1, last_j, k]
                                          + _across(here, clusters[i + 1, next_j, k]) * faces[1, i + 1, j, k])
                total += inverse_h2[2] * (_across(here, clusters[i + 1, j, last_k]) * faces[2, i + 1, j, last_k]
                                          + _across(here, clusters[i + 1, j, next_k]) * faces[2, i + 1, j, k])
                surface[here - 1] += total


@kernel()
def _across(here, there):
    return 0.0 if there == here else (1.0 if there == 0 else 2.0)


@kernel()
def _sum_clusters(f, voxels, clusters, sums):
    flat = f.ravel()
    sums[:] = 0.0
    for m in range(voxels.size):
        sums[clusters[m]] += flat[voxels[m]]


@kernel()
def _shift_clusters(shifts, voxels, clusters, plane, row, x):
    for m in range(voxels.size):
        i, inside = divmod(voxels[m], plane)
        j, k = divmod(inside, row)
        x[i + 1, j, k] += shifts[clusters[m]]
