"""Connected clusters of one phase on the grid, and the axes along which they percolate.

A cluster percolates along a periodic axis if it wraps the cell there: some closed path inside it crosses the
periodic faces of that axis more often one way than the other.  It then is an endless channel of the periodic medium.
To reach from one face of the cell to the other is neither necessary nor sufficient for that.  Along an axis where an
image ends it percolates if it reaches from its first plane to its last.

Each edge of the graph of touching voxels carries the periodic faces it crosses as an integer vector; the sum
over a closed path is its winding vector.  A cluster's winding vectors form a lattice, found by union-find
with displacements: whenever an edge closes a cycle, the cycle's winding is a generator (J. Machta et al.,
Phys. Rev. E 54 (1996) 1332, doi:10.1103/PhysRevE.54.1332).  Only steps through periodic faces and between
ranks need that; they are reduced to the distinct ones before they are gathered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..parallel.collective import PlaneExchange, Reducer
from .flood import reaches_far_electrode, surely_wraps
from .union_find import (
    count_independent,
    join_cells,
    label_open_slab,
    label_slab_through_faces,
    list_crossings,
    list_open_crossings,
    relabel,
)


@dataclass(frozen=True)
class Clusters:
    """The clusters of a phase.  All but ``labels`` is global, the same on every rank and at every rank count.

    Attributes
    ----------
    labels : ndarray of int32, local (n0, n1, n2)
        Cluster 1..num_clusters of each voxel, in the order of the clusters' first voxels in the global array;
        0 outside the phase.
    sizes : ndarray of int64 (num_clusters,)
        Voxels of each cluster; ``sizes[i]`` belongs to label i + 1.
    wraps : ndarray of bool (num_clusters, 3)
        Whether the cluster percolates along x, y, z: wraps the cell, or reaches from end to end.
    winding_rank : ndarray of uint8 (num_clusters,)
        Number of independent winding vectors: 0 an isolated body, 1 a channel, 2 a sheet, 3 a network.
        A slanted channel wraps two or three axes and has rank 1.  Axes that are not periodic add none.
    """

    labels: np.ndarray
    sizes: np.ndarray
    wraps: np.ndarray
    winding_rank: np.ndarray

    @property
    def num_clusters(self) -> int:
        return len(self.sizes)

    @property
    def percolates(self) -> tuple[bool, bool, bool]:
        """Whether any cluster percolates along x, y, z."""
        return tuple(self.wraps.any(axis=0).tolist())

    @property
    def percolating_fraction(self) -> tuple[float, float, float]:
        """Fraction of the phase's voxels in clusters that percolate along x, y, z; 0 for an empty phase."""
        total = max(int(self.sizes.sum()), 1)
        return tuple(float(self.sizes[wraps].sum() / total) for wraps in self.wraps.T)

    @property
    def largest_fraction(self) -> float:
        """Fraction of the phase's voxels in its largest cluster; 0 for an empty phase."""
        return float(self.sizes.max() / self.sizes.sum()) if self.num_clusters else 0.0


def find_clusters(mask_local: np.ndarray, reducer: Reducer, ghosts: PlaneExchange,
                  connectivity: int = 6, periodic: tuple[bool, bool, bool] = (True, True, True)) -> Clusters:
    """Clusters of the voxels where ``mask_local`` is not zero.

    Collective.  On a periodic axis of one voxel, every voxel touches itself through the periodic face and wraps the
    axis; one that is not periodic is no axis.  Needs 4 bytes a voxel for the labels and 4 for each run of voxels along z;
    what is gathered has one entry for each cluster and for each distinct contact across the faces of a slab.

    Parameters
    ----------
    mask_local : ndarray of bool or number, local (n0, n1, n2)
        Slab along x of at least one plane; slabs stand in rank order.
    reducer : Reducer
    ghosts : PlaneExchange
    connectivity : {6, 26}
        6: voxels touch by a face; 26: by a face, edge or corner.
    periodic : tuple of 3 bool
        False along axes where the image ends.

    Returns
    -------
    Clusters

    Raises
    ------
    InputError
        If ``connectivity`` is neither 6 nor 26.
    """
    clusters = _number_clusters(*_analyse(mask_local, reducer, ghosts, connectivity, periodic), reducer)
    for axis in np.flatnonzero(np.logical_not(periodic)):
        clusters.wraps[_reaching_both_ends(clusters.labels, axis, reducer), axis] = True
    return clusters


def find_clusters_through_faces(open_faces: np.ndarray, reducer: Reducer, ghosts: PlaneExchange) -> Clusters:
    """As `find_clusters`, of voxels that hang together through open faces; one that has none belongs to no cluster.

    Collective.  What current can flow through is not a matter of voxels alone: an interface may block it, and a voxel
    may conduct along some axes only.

    Parameters
    ----------
    open_faces : ndarray of uint8, local (n0 + 1, n1, n2)
        See `open_faces_of`.
    """
    return _number_clusters(*_analyse_faces(open_faces, reducer, ghosts), reducer)


def open_faces_of(faces: np.ndarray) -> np.ndarray:
    """Which faces conduct, one byte a voxel, from the conductivities of a system of finite volumes.

    Parameters
    ----------
    faces : ndarray, local (3, n0 + 1, n1, n2)
        ``[a, i + 1, j, k]``: of the face between voxel (i, j, k) and the next one along axis a; open where it is above 0.

    Returns
    -------
    ndarray of uint8, local (n0 + 1, n1, n2)
        ``[i + 1, j, k]``: bits 1, 2, 4 for the faces along x, y, z; plane 0: bit 1 only, for the faces behind the slab.
    """
    found = (faces[0] > 0).view(np.uint8).copy()
    for axis in (1, 2):
        found[1:] |= (faces[axis, 1:] > 0).view(np.uint8) << axis
    return found


def axes_percolating_through_faces(open_faces: np.ndarray, reducer: Reducer, ghosts: PlaneExchange,
                                   periodic: bool = True) -> tuple[bool, bool, bool]:
    """Whether current can flow endlessly along x, y, z through open faces, or from one electrode to the other.

    Collective.  Exactly what decides whether an element of the diagonal of sigma_eff is above 0 in finite volumes.

    Parameters
    ----------
    open_faces : ndarray of uint8, local (n0 + 1, n1, n2)
        See `open_faces_of`.
    periodic : bool
        Otherwise there are electrodes at both ends of x, which the first and last voxels reach through the faces behind
        and ahead of them, and what is said of y and z is False.
    """
    alone = reducer.size == 1
    if periodic:
        if alone and all(surely := surely_wraps(open_faces)):
            return surely
        _, graph = _analyse_faces(open_faces, reducer, ghosts)
        return tuple((graph.cycles != 0).any(axis=0).tolist())
    if alone and (reaches := reaches_far_electrode(open_faces)) is not None:
        return reaches, False, False
    # Wrapping along x of the same cell with a conducting plate between its last and its first plane.
    behind_first = np.empty(open_faces.shape[1:], np.uint8)
    ghosts.next_plane(open_faces, behind_first)
    if reducer.rank == reducer.size - 1:
        open_faces = np.concatenate([open_faces, (6 | (behind_first & 1))[None]])
    _, graph = _analyse_faces(open_faces, reducer, ghosts)
    return bool((graph.cycles[:, 0] != 0).any()), False, False


def _number_clusters(slab: _Slab, graph: _Graph, reducer: Reducer) -> Clusters:
    # Ids rise with the components' first voxels, so a cluster's first voxel is in its root, its smallest id.
    is_root = graph.roots == np.arange(graph.nodes.size)
    joined = graph.nodes[~is_root]

    def number(roots):
        """Clusters 1..num_clusters of components that are roots: their places among the roots."""
        return roots - np.searchsorted(joined, roots)

    component_sizes = reducer.concatenate(_label(slab, graph, number))
    sizes = np.delete(component_sizes, joined - 1)
    clusters = number(graph.nodes[graph.roots]) - 1  # of the nodes, counted from 0
    np.add.at(sizes, clusters[~is_root], component_sizes[joined - 1])
    wraps = np.zeros((sizes.size, 3), bool)
    np.logical_or.at(wraps, clusters[graph.owners], graph.cycles != 0)
    winding_rank = np.zeros(sizes.size, np.uint8)
    winding_rank[clusters] = count_independent(graph.owners, graph.cycles, graph.nodes.size)[graph.roots]
    return Clusters(slab.runs, sizes, wraps, winding_rank)


def percolating_axes(mask_local: np.ndarray, reducer: Reducer, ghosts: PlaneExchange,
                     connectivity: int = 6) -> tuple[bool, bool, bool]:
    """Whether any cluster wraps the cell along x, y, z.

    Collective.  The same analysis as `find_clusters`, without labels and sizes: what is gathered grows with
    the contacts across the faces of slabs only, not with the number of clusters.
    """
    _, graph = _analyse(mask_local, reducer, ghosts, connectivity, (True, True, True))
    return tuple((graph.cycles != 0).any(axis=0).tolist())


@dataclass(frozen=True)
class _Slab:
    """The components of this rank's slab, open at its faces; see `label_open_slab`."""

    runs: np.ndarray
    component_of_run: np.ndarray
    num_components: int
    first_id: int  # a component's global id is first_id + its local number, which starts at 1


@dataclass(frozen=True)
class _Graph:
    """How the components of all slabs hang together; the same on every rank.

    ``nodes``: sorted global ids of the components that touch another one or themselves across a face;
    ``roots``: the index of the first node of each node's cluster; ``cycles``: non-zero winding vectors,
    ``owners``: the roots of their clusters.
    """

    nodes: np.ndarray
    roots: np.ndarray
    owners: np.ndarray
    cycles: np.ndarray


def _analyse(mask_local, reducer, ghosts, connectivity, periodic) -> tuple[_Slab, _Graph]:
    if connectivity not in (6, 26):
        raise InputError(f"connectivity {connectivity}: 6 (faces) or 26 (faces, edges and corners) is needed")
    reach = 0 if connectivity == 6 else 1
    mask = np.ascontiguousarray(mask_local)
    mask = (mask if mask.dtype == bool else mask != 0).view(np.uint8)
    runs, component_of_run, num_components = label_open_slab(mask, reach)
    first_id = sum(reducer.gather(num_components)[:reducer.rank])
    slab = _Slab(runs, component_of_run, num_components, first_id)
    steps = _half_neighbours(reach)

    def crossings(next_plane, x_winding, edges):
        return list_crossings(runs, component_of_run, next_plane, first_id, x_winding, steps, edges)

    return slab, _join_slabs(slab, crossings, reducer, ghosts, periodic)


def _analyse_faces(open_faces, reducer, ghosts) -> tuple[_Slab, _Graph]:
    runs, component_of_run, num_components = label_slab_through_faces(open_faces)
    first_id = sum(reducer.gather(num_components)[:reducer.rank])

    def crossings(next_plane, x_winding, edges):
        return list_open_crossings(runs, component_of_run, open_faces, next_plane, first_id, x_winding, edges)

    slab = _Slab(runs, component_of_run, num_components, first_id)
    return slab, _join_slabs(slab, crossings, reducer, ghosts)


def _join_slabs(slab: _Slab, crossings, reducer: Reducer, ghosts: PlaneExchange, periodic=(True,) * 3) -> _Graph:
    edges = _distinct_rows(_list_edges(slab, crossings, reducer, ghosts))
    edges = edges[~(edges[:, 2:].astype(bool) & np.logical_not(periodic)).any(axis=1)]
    return _build_graph(_distinct_rows(reducer.concatenate(edges)))


def _label(slab: _Slab, graph: _Graph, number) -> np.ndarray:
    """Overwrite ``slab.runs`` with the clusters of its voxels; return the sizes of the slab's components."""
    ids = slab.first_id + np.arange(slab.num_components + 1)
    here = slice(*np.searchsorted(graph.nodes, [ids[0] + 1, ids[-1] + 1]))
    ids[graph.nodes[here] - slab.first_id] = graph.nodes[graph.roots[here]]
    labels = number(ids)
    labels[0] = 0
    sizes = np.zeros(slab.num_components + 1, np.int64)
    relabel(slab.runs, slab.component_of_run, labels, sizes)
    return sizes[1:]


def _reaching_both_ends(labels: np.ndarray, axis: int, reducer: Reducer) -> np.ndarray:
    """Index of each cluster with voxels in the first and in the last plane along an axis of more than one."""
    if (sum(reducer.gather(labels.shape[0])) if axis == 0 else labels.shape[axis]) == 1:
        return np.empty(0, labels.dtype)
    at_ends = []
    for end, rank in ((0, 0), (-1, reducer.size - 1)):
        here = axis > 0 or reducer.rank == rank
        found = np.unique(labels.take(end, axis)) if here else np.empty(0, labels.dtype)
        at_ends.append(reducer.concatenate(found))
    both = np.intersect1d(*at_ends)
    return both[both > 0] - 1


def _list_edges(slab: _Slab, crossings, reducer: Reducer, ghosts: PlaneExchange) -> np.ndarray:
    """Contacts across the faces of this slab, each face of a pair once: (id, id, winding along x, y, z)."""
    first = slab.component_of_run[slab.runs[:1]]
    first = np.where(first > 0, first + np.int64(slab.first_id), 0)
    next_plane = np.empty_like(first[0])
    ghosts.next_plane(first, next_plane)
    x_winding = int(reducer.rank == reducer.size - 1)
    edges = np.empty((0, 5), np.int64)
    count = crossings(next_plane, x_winding, edges)
    if count:
        edges = np.empty((count, 5), np.int64)
        crossings(next_plane, x_winding, edges)
    return edges


def _half_neighbours(reach: int) -> np.ndarray:
    """One of each pair of opposite steps to the neighbours of a voxel."""
    if reach == 0:
        return np.eye(3, dtype=np.int64)
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.ascontiguousarray(steps[len(steps) // 2 + 1:])  # sorted: the second half is minus the first


def _distinct_rows(rows: np.ndarray) -> np.ndarray:
    rows = rows[np.lexsort(rows.T[::-1])]
    differs = np.ones(len(rows), bool)
    differs[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return rows[differs]


def _build_graph(edges: np.ndarray) -> _Graph:
    nodes, ends = np.unique(edges[:, :2], return_inverse=True)
    ends = ends.reshape(-1, 2)
    winding = np.ascontiguousarray(edges[:, 2:])
    roots, cells = join_cells(ends, winding, nodes.size)
    cycles = cells[ends[:, 0]] + winding - cells[ends[:, 1]]
    winds = cycles.any(axis=1)
    return _Graph(nodes, roots, roots[ends[winds, 0]], cycles[winds])
