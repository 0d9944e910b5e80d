"""Rigid shifts of what is tied to the rest by little: what aggregates of voxels cannot represent.

First, of good conductors that lie isolated in a poor one.

Where two of them are in reach of one aggregate the coarse levels see one conductor, and no sweep moves either as a whole:
the smallest eigenvalue of M A is then about 30 times the ratio of the conductivities, and r . M r does not see what may be
all of the error.  So M gets one term for each, Z D^-1 Z^T: Z is 1 on the conductor's voxels, D what its surface conducts,
with faces towards other conductors counted twice (Z^T A Z is diagonal but for these).

Then, of chambers of a good conductor that are joined by single voxels only, pinholes in a wall.  Where an aggregate has
voxels on both sides the wall is not there for the coarse levels, and the smallest eigenvalue is about that of one hole over
the wall's voxels.  docs/conduction.md has the eigenvalues that were found.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..kernel import kernel
from ..morphology.union_find import find, unite
from .aligned import aligned_zeros

# Between good and poor lies a range this wide, in powers of 2, in which no face is.
_GAP = 3
# The widest gaps count: each takes a term of its own.
_MOST_GAPS = 3
# Clusters have at least so many voxels, chambers at least so many: a term moves more than what a sweep does.
_SMALLEST, _SMALLEST_CHAMBER = 2, 27
# Largest part of a periodic cell that is shifted: others are in reach of what is larger, and few.
_LARGEST_SHARE = 0.1
# Of a number in double precision as an integer: bits below the exponent, how many exponents, what they are counted from.
_MANTISSA_BITS, _NUM_EXPONENTS, _EXPONENT_BIAS = 52, 2048, 1023


class GoodClusters:
    """Voxels that faces above a threshold connect.  Collective.

    Without those that such a face connects to an electrode: they cannot move.  In a periodic cell the largest could stay as
    well, but to move all the others against it takes a shift of each: the smallest eigenvalue falls with their number.

    Parameters
    ----------
    level : Level
        The finest.
    threshold : float
        Of a conductance: what `level.faces` have along an axis, times its 1 / h^2.
    holes : ndarray of int8, local (n0 + 2, n1, n2)
        Voxels that are joined to none.
    smallest : int
        Voxels of a cluster that counts.
    reducer : Reducer
    """

    def __init__(self, level, threshold: float, holes: np.ndarray, smallest: int, reducer):
        self._reducer = reducer
        thresholds = _of_faces(level, threshold)
        n0, n1, n2 = level.num_planes, *level.shape[1:]
        clusters = aligned_zeros((n0 + 2, n1, n2), np.int32)
        local_sizes = _number_clusters(level.faces, thresholds, holes, smallest, clusters)
        counts = np.array(reducer.gather(local_sizes.size))
        before, total = int(counts[:reducer.rank].sum()), int(counts.sum())
        if before:
            clusters[1:-1] += np.where(clusters[1:-1] > 0, np.int32(before), np.int32(0))
        level.ghosts.fill(clusters)
        pairs = reducer.concatenate(_pairs(level, thresholds, holes, clusters)).reshape(-1, 2)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(total + 1, total + 1))
        _, of_number = connected_components(graph, directed=False)
        own = slice(before + 1, before + 1 + local_sizes.size)
        sizes = reducer.sum(np.bincount(of_number[own], local_sizes, of_number.max() + 1))
        kept = sizes >= smallest
        kept[of_number[0]] = False  # voxels that have no number
        if level.periodic:
            kept[np.argmax(sizes)] &= np.count_nonzero(kept) > 1 and sizes.max() <= _LARGEST_SHARE * np.prod(level.shape)
        else:
            kept &= reducer.sum(_on_electrodes(level, thresholds, of_number[clusters[[1, -2]]], sizes.size)) == 0
        number = np.where(kept, np.cumsum(kept), 0)[of_number].astype(np.int32)
        self.num_clusters = int(kept.sum())
        if not self.num_clusters:
            return
        _renumber(number, clusters)
        runs = np.empty((3, _count_runs(clusters)), np.int64)
        _find_runs(clusters, runs)
        self._runs = runs
        surface = np.zeros(self.num_clusters)
        _surfaces(level.faces, level.inverse_h2, level.first, level.shape[0], level.periodic, clusters, surface)
        surface = reducer.sum(surface)
        self._inverse = np.where(surface > 0, 1 / np.where(surface > 0, surface, 1.0), 0.0)
        self._sums = np.zeros(self.num_clusters)

    def add(self, f: np.ndarray, x: np.ndarray) -> float:
        """x += Z D^-1 Z^T f; f . Z D^-1 Z^T f.  Collective."""
        _sum_runs(f, self._runs, self._sums)
        sums = self._reducer.sum(self._sums)
        shifts = self._inverse * sums
        _shift_runs(shifts, self._runs, f.shape[1], x)
        return float(np.dot(sums, shifts))


def exponents_of(level, reducer) -> np.ndarray:
    """Exponents, in binary, that conductances above 0 have, in order.  Collective."""
    exponents = np.zeros(_NUM_EXPONENTS, np.uint8)
    _mark_exponents(level.faces, level.inverse_h2, exponents)
    return np.flatnonzero(reducer.sum(exponents[1:].astype(float))) + 1 - _EXPONENT_BIAS


def good_clusters(level, present: np.ndarray, reducer) -> list[GoodClusters]:
    """Clusters and chambers of good conductors of the finest level, for each wide gap between conductances.  Collective.

    ``present``: the exponents that conductances have.
    """
    if not present.size:
        return []
    gaps = np.diff(present)
    widest = [i for i in np.argsort(-gaps, kind="stable")[:_MOST_GAPS] if gaps[i] > _GAP]
    lower_ends = 2.0 ** (present - 1)  # of what has these exponents, with room for rounding
    thresholds = [lower_ends[i + 1] for i in sorted(widest)]
    holes = np.zeros((level.num_planes + 2, *level.shape[1:]), np.int8)
    found = [GoodClusters(level, threshold, holes, _SMALLEST, reducer) for threshold in thresholds]
    for threshold in (lower_ends[0], *thresholds):  # the first is above insulators
        number = _find_holes(level.faces, _of_faces(level, threshold), np.array(level.weights), holes)
        if reducer.sum(number)[0]:
            level.ghosts.fill(holes)
            found.append(GoodClusters(level, threshold, holes, _SMALLEST_CHAMBER, reducer))
    return [clusters for clusters in found if clusters.num_clusters]


def _of_faces(level, threshold: float) -> np.ndarray:
    """Threshold of what the faces along each axis have."""
    dtype = level.faces.dtype
    return np.maximum(threshold / np.array(level.inverse_h2), np.finfo(dtype).tiny).astype(dtype)


@kernel()
def _find_holes(faces, thresholds, weights, holes):
    """holes = 1 where a voxel has two good faces, and these opposite each other; how many there are."""
    count = 0
    for i in range(1, faces.shape[1]):
        for j in range(faces.shape[2]):
            for k in range(faces.shape[3]):
                along_x = int(faces[0, i - 1, j, k] >= thresholds[0]) + int(faces[0, i, j, k] >= thresholds[0])
                along_y = int(faces[1, i, j - 1, k] >= thresholds[1]) + int(faces[1, i, j, k] >= thresholds[1])
                along_z = int(faces[2, i, j, k - 1] >= thresholds[2]) + int(faces[2, i, j, k] >= thresholds[2])
                along_x = along_x if weights[0] > 0 else 0
                along_y = along_y if weights[1] > 0 else 0
                along_z = along_z if weights[2] > 0 else 0
                is_hole = along_x + along_y + along_z == 2 and max(along_x, along_y, along_z) == 2
                holes[i, j, k] = is_hole
                count += is_hole
    return count


@kernel()
def _mark_exponents(faces, inverse_h2, exponents):
    """1 for each biased binary exponent that occurs among the conductances; 0 is that of 0."""
    row = np.empty(faces.shape[3])
    bits = row.view(np.uint64)
    shift = np.uint64(_MANTISSA_BITS)
    for a in range(3):
        for i in range(0 if a == 0 else 1, faces.shape[1]):
            for j in range(faces.shape[2]):
                for k in range(row.size):
                    row[k] = faces[a, i, j, k] * inverse_h2[a]
                for k in range(row.size):
                    exponents[bits[k] >> shift] = 1


@kernel()
def _join_rows(faces, thresholds, a, i, j, one, other, holes_of_one, holes_of_other, parent):
    """Unite the runs of two rows where the face between them, ``faces[a, i, j]``, is a good one."""
    last_one = last_other = -1
    for k in range(one.size):
        if (faces[a, i, j, k] >= thresholds[a] and (one[k] != last_one or other[k] != last_other)
                and not holes_of_one[k] and not holes_of_other[k]):
            last_one, last_other = one[k], other[k]
            unite(parent, last_one, last_other)


@kernel()
def _number_clusters(faces, thresholds, holes, smallest, clusters):
    """Clusters 1 ... n of a slab, by runs along z; ``clusters`` has ghost planes, which are left alone.  Their sizes.

    What has less than ``smallest`` voxels has a number only where a good face leads out of the slab, else 0.
    """
    n0, n1, n2 = faces.shape[1] - 1, faces.shape[2], faces.shape[3]
    num_runs = 0
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                if (k == 0 or not faces[2, i + 1, j, k - 1] >= thresholds[2] or holes[i + 1, j, k - 1]
                        or holes[i + 1, j, k]):
                    num_runs += 1
                clusters[i + 1, j, k] = num_runs
    parent = np.arange(0, num_runs + 1, 1, np.int32)
    for i in range(n0):
        for j in range(n1):
            row = clusters[i + 1, j]
            ends_are_holes = holes[i + 1, j, 0] or holes[i + 1, j, n2 - 1]
            if n2 > 1 and faces[2, i + 1, j, n2 - 1] >= thresholds[2] and not ends_are_holes:
                unite(parent, row[0], row[n2 - 1])
            next_j = j + 1 if j + 1 < n1 else 0
            _join_rows(faces, thresholds, 1, i + 1, j, row, clusters[i + 1, next_j], holes[i + 1, j], holes[i + 1, next_j],
                       parent)
            if i > 0:
                _join_rows(faces, thresholds, 0, i, j, clusters[i, j], row, holes[i, j], holes[i + 1, j], parent)
    of_run = np.zeros(num_runs + 1, np.int32)
    for i in range(n0):
        for j in range(n1):
            start = 0
            for k in range(1, n2 + 1):
                if k == n2 or clusters[i + 1, j, k] != clusters[i + 1, j, start]:
                    of_run[clusters[i + 1, j, start]] = k - start
                    start = k
    leads_out = np.zeros(num_runs + 1, np.bool_)
    for plane, face in ((1, 0), (n0, n0)):
        for j in range(n1):
            for k in range(n2):
                if faces[0, face, j, k] >= thresholds[0]:
                    leads_out[find(parent, clusters[plane, j, k])] = True
    for run in range(num_runs, 0, -1):  # a parent is smaller than its child
        if parent[run] != run:
            of_run[parent[run]] += of_run[run]
    sizes = np.empty(num_runs, np.int64)
    count = 0
    for run in range(1, num_runs + 1):
        if parent[run] != run:
            of_run[run] = of_run[parent[run]]
        elif of_run[run] >= smallest or leads_out[run]:
            sizes[count] = of_run[run]
            count += 1
            of_run[run] = count
        else:
            of_run[run] = 0
    _renumber(of_run, clusters[1:-1])
    return sizes[:count].copy()


@kernel()
def _renumber(number, clusters):
    """clusters = number[clusters]."""
    for i in range(clusters.shape[0]):
        for j in range(clusters.shape[1]):
            for k in range(clusters.shape[2]):
                clusters[i, j, k] = number[clusters[i, j, k]]


def _pairs(level, thresholds: np.ndarray, holes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Clusters that a good face between this slab and the next one joins, (2 n)."""
    if not level.periodic and level.first + level.num_planes == level.shape[0]:
        return np.zeros(0, np.int64)
    good = (level.faces[0, -1] >= thresholds[0]) & (holes[-2] == 0) & (holes[-1] == 0)
    return np.unique(np.stack([clusters[-2][good], clusters[-1][good]], axis=1), axis=0).ravel()


def _on_electrodes(level, thresholds: np.ndarray, clusters: np.ndarray, size: int) -> np.ndarray:
    """How often each cluster touches an electrode by a good face, on this rank."""
    touches = np.zeros(size)
    for plane, at_end in ((0, level.first == 0), (-1, level.first + level.num_planes == level.shape[0])):
        if at_end:
            np.add.at(touches, clusters[plane][level.faces[0, plane] >= thresholds[0]], 1.0)
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
def _count_runs(clusters):
    """Stretches along z that lie in one cluster each."""
    count = 0
    for i in range(1, clusters.shape[0] - 1):
        for j in range(clusters.shape[1]):
            last = 0
            for k in range(clusters.shape[2]):
                if clusters[i, j, k] not in (0, last):
                    count += 1
                last = clusters[i, j, k]
    return count


@kernel()
def _find_runs(clusters, runs):
    """Of each run: which row of the slab, its first and last voxel in it as k + n2 l, its cluster from 0."""
    n1, n2 = clusters.shape[1], clusters.shape[2]
    m = -1
    for i in range(1, clusters.shape[0] - 1):
        for j in range(n1):
            last = 0
            for k in range(n2):
                here = clusters[i, j, k]
                if here not in (0, last):
                    m += 1
                    runs[0, m] = (i - 1) * n1 + j
                    runs[1, m] = k
                    runs[2, m] = here - 1
                if here != 0:
                    runs[1, m] = runs[1, m] % n2 + n2 * k
                last = here


@kernel()
def _sum_runs(f, runs, sums):
    n1, n2 = f.shape[1], f.shape[2]
    sums[:] = 0.0
    for m in range(runs.shape[1]):
        i, j = divmod(runs[0, m], n1)
        last, first = divmod(runs[1, m], n2)
        total = 0.0
        for k in range(first, last + 1):
            total += f[i, j, k]
        sums[runs[2, m]] += total


@kernel()
def _shift_runs(shifts, runs, n1, x):
    n2 = x.shape[2]
    for m in range(runs.shape[1]):
        i, j = divmod(runs[0, m], n1)
        last, first = divmod(runs[1, m], n2)
        shift = shifts[runs[2, m]]
        for k in range(first, last + 1):
            x[i + 1, j, k] += shift
