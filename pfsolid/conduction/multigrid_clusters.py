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
from . import multigrid_runs as bits

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
    thresholds : ndarray (3,)
        Of the conductivities of faces along each axis.
    good : ndarray of uint64
        The faces that are good ones by them, packed: see :mod:`pfsolid.conduction.multigrid_runs`.
    holes : ndarray of uint64, local (n0 + 2, n1, words)
        Voxels that are joined to none.
    smallest : int
        Voxels of a cluster that counts.
    reducer : Reducer
    """

    def __init__(self, level, thresholds: np.ndarray, good: np.ndarray, holes: np.ndarray, smallest: int, reducer):
        self._reducer = reducer
        n0, n1, n2 = level.num_planes, *level.shape[1:]
        runs, number, local_sizes = _clusters_of_slab(good, holes, n2, smallest)
        counts = np.array(reducer.gather(local_sizes.size))
        before, total = int(counts[:reducer.rank].sum()), int(counts.sum())
        number[number > 0] += before
        planes = np.zeros((4, n1, n2), np.int32)  # before the slab, its first and its last, after it
        for at, plane in ((1, 0), (2, n0 - 1)):
            bits.paint(runs, number, n1, plane, plane, planes[at:at + 1])
        level.ghosts.fill(planes)
        pairs = reducer.concatenate(_pairs(level, good, holes, planes)).reshape(-1, 2)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(total + 1, total + 1))
        _, of_number = connected_components(graph, directed=False)
        own = slice(before + 1, before + 1 + local_sizes.size)
        sizes = reducer.sum(np.bincount(of_number[own], local_sizes, of_number.max() + 1))
        kept = sizes >= smallest
        kept[of_number[0]] = False  # voxels that have no number
        if level.periodic:
            kept[np.argmax(sizes)] &= np.count_nonzero(kept) > 1 and sizes.max() <= _LARGEST_SHARE * np.prod(level.shape)
        else:
            kept &= reducer.sum(_on_electrodes(level, thresholds, of_number[planes[[1, 2]]], sizes.size)) == 0
        self.num_clusters = int(kept.sum())
        if not self.num_clusters:
            return
        number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)[of_number[number]]
        clusters = np.zeros((n0 + 2, n1, n2), np.int32)
        bits.paint(runs, number, n1, 0, n0 - 1, clusters[1:-1])
        level.ghosts.fill(clusters)
        mine = number[1:] > 0
        self._runs = np.stack([runs[0, mine], runs[1, mine] + n2 * runs[2, mine], number[1:][mine] - 1])
        surface = np.zeros(self.num_clusters)
        _surfaces(level.faces, level.inverse_h2, level.first, level.shape[0], level.periodic, self._runs, clusters, surface)
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
    words = -(-level.shape[2] // bits.WORD)
    holes = np.zeros((level.num_planes + 2, level.shape[1], words), np.uint64)
    # The first threshold is above insulators.
    of_faces = np.array([_of_faces(level, threshold) for threshold in (lower_ends[0], *thresholds)])
    good = np.zeros((len(of_faces), 3, level.num_planes + 1, level.shape[1], words), np.uint64)
    bits.pack(level.faces, of_faces, good)
    packed = list(zip(of_faces, good))
    found = [GoodClusters(level, *of_threshold, holes, _SMALLEST, reducer) for of_threshold in packed[1:]]
    counts = np.where(np.array(level.weights) > 0, ~np.uint64(0), np.uint64(0))
    for of_threshold in packed:
        number = bits.find_holes(of_threshold[1], counts, level.shape[2], holes)
        if reducer.sum(number)[0]:
            level.ghosts.fill(holes)
            found.append(GoodClusters(level, *of_threshold, holes, _SMALLEST_CHAMBER, reducer))
    return [clusters for clusters in found if clusters.num_clusters]


def _of_faces(level, threshold: float) -> np.ndarray:
    """Threshold of what the faces along each axis have."""
    dtype = level.faces.dtype
    return np.maximum(threshold / np.array(level.inverse_h2), np.finfo(dtype).tiny).astype(dtype)


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


def _clusters_of_slab(good: np.ndarray, holes: np.ndarray, n2: int, smallest: int):
    """Runs of the slab, the cluster of each (from 1) after that of none, sizes of the clusters."""
    slab = good.shape[1] - 1, *good.shape[2:]
    links, starts, ends = (np.empty(slab, np.uint64) for _ in range(3))
    before = np.empty(slab, np.int32)
    num_runs = bits.mark_runs(good, holes, n2, links, starts, ends, before)
    runs = np.empty((3, num_runs), np.int64)
    bits.list_runs(starts, ends, runs)
    parent = np.arange(num_runs + 1, dtype=np.int32)
    bits.join_runs(good, holes, n2, links, starts, before, parent)
    number = np.zeros(num_runs + 1, np.int32)
    sizes = bits.number_clusters(good, starts, before, runs, smallest, parent, number)
    return runs, number, sizes


def _pairs(level, good: np.ndarray, holes: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """Clusters that a good face between this slab and the next one joins, (2 n)."""
    if not level.periodic and level.first + level.num_planes == level.shape[0]:
        return np.zeros(0, np.int64)
    words = good[0, -1] & ~holes[-2] & ~holes[-1]
    joined = (words[..., None] >> np.arange(bits.WORD, dtype=np.uint64) & np.uint64(1)).astype(bool)
    joined = joined.reshape(len(words), -1)[:, :level.shape[2]]
    return np.unique(np.stack([planes[2][joined], planes[3][joined]], axis=1), axis=0).ravel()


def _on_electrodes(level, thresholds: np.ndarray, clusters: np.ndarray, size: int) -> np.ndarray:
    """How often each cluster touches an electrode by a good face, on this rank."""
    touches = np.zeros(size)
    for plane, at_end in ((0, level.first == 0), (-1, level.first + level.num_planes == level.shape[0])):
        if at_end:
            np.add.at(touches, clusters[plane][level.faces[0, plane] >= thresholds[0]], 1.0)
    return touches


@kernel()
def _surfaces(faces, inverse_h2, first, num_planes, periodic, runs, clusters, surface):
    """What each cluster conducts to the voxels around it; twice what to those of other clusters."""
    n1, n2 = faces.shape[2], faces.shape[3]
    for m in range(runs.shape[1]):
        i, j = divmod(runs[0, m], n1)
        last, start = divmod(runs[1, m], n2)
        here = runs[2, m] + 1
        last_j, next_j = (j - 1 if j > 0 else n1 - 1), (j + 1 if j + 1 < n1 else 0)
        total = 0.0
        for k in range(start, last + 1):
            last_k, next_k = (k - 1 if k > 0 else n2 - 1), (k + 1 if k + 1 < n2 else 0)
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
