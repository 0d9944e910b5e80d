"""Compiled kernels of :mod:`pfsolid.morphology.clusters`: components of a slab, and of a graph over cells.

Components of a slab are found as if the slab ended at its faces, with unions between runs of voxels along z;
trees are joined so that a root is the smallest index of its tree.  Steps through a periodic face are few, and
they alone need displacements; they make the edges of a graph whose nodes are the components of all slabs.
"""

from __future__ import annotations

import numpy as np

from ..kernel import kernel


@kernel()
def find(parent, i):
    """The root of i's tree, half the way to which is cut short."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel()
def unite(parent, a, b):
    """Make one tree of those of a and b."""
    a, b = find(parent, a), find(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel()
def _count_runs(mask):
    n0, n1, n2 = mask.shape
    count = 0
    for x in range(n0):
        for y in range(n1):
            row = mask[x, y]
            before = 0
            for z in range(n2):
                inside = 1 if row[z] else 0
                count += inside & (1 - before)
                before = inside
    return count


@kernel()
def _number_runs(inside, row, num_runs):
    """Write the index of each voxel's run along z, counting on from ``num_runs``; 0 outside the phase."""
    before = False
    for z in range(row.size):
        if inside[z]:
            if not before:
                num_runs += 1
            row[z] = num_runs
        else:
            row[z] = 0
        before = inside[z] != 0
    return num_runs


@kernel()
def _join_rows(row, other, reach, parent):
    """Unite the runs of two neighbouring rows that touch: at the same z, or within ``reach`` of it."""
    n = row.size
    last_a, last_b = 0, 0
    for z in range(n):
        a = row[z]
        if a == 0:
            continue
        for other_z in range(max(z - reach, 0), min(z + reach + 1, n)):
            b = other[other_z]
            if b != 0 and (a != last_a or b != last_b):
                unite(parent, a, b)
                last_a, last_b = a, b


@kernel()
def _number_trees(parent):
    """Turn parents into tree numbers 1..n, in the order of the roots; index 0 stays 0.  Returns n."""
    count = 0
    for i in range(1, parent.size):
        if parent[i] == i:
            count += 1
            parent[i] = count
        else:
            parent[i] = parent[parent[i]]  # a parent is smaller than its child: it has its number already
    return count


@kernel()
def label_open_slab(mask, reach):
    """Components of one slab without its periodic faces.

    Parameters
    ----------
    mask : ndarray of uint8, local (n0, n1, n2)
    reach : int
        0: voxels touch by a face; 1: by a face, edge or corner.

    Returns
    -------
    runs : ndarray of int32, local (n0, n1, n2)
        Index of each voxel's run along z, 0 outside the phase.
    component_of_run : ndarray of int32
        Component 1..num_components of each run, numbered by their first voxels; entry 0 is 0.
    num_components : int
    """
    n0, n1, n2 = mask.shape
    runs = np.empty((n0, n1, n2), np.int32)
    parent = np.arange(0, _count_runs(mask) + 1, 1, np.int32)
    num_runs = 0
    for x in range(n0):
        for y in range(n1):
            row = runs[x, y]
            num_runs = _number_runs(mask[x, y], row, num_runs)
            if y > 0:
                _join_rows(row, runs[x, y - 1], reach, parent)
            if x > 0:
                for other_y in range(max(y - reach, 0), min(y + reach + 1, n1)):
                    _join_rows(row, runs[x - 1, other_y], reach, parent)
    num_components = _number_trees(parent)
    return runs, parent, num_components


@kernel()
def _crossed(i, n):
    """Which way a step that ended at index i of an axis of n voxels left the cell: -1, 0 or 1."""
    return -1 if i < 0 else (1 if i >= n else 0)


@kernel()
def list_crossings(runs, component_of_run, next_plane, first_id, x_winding, directions, edges):
    """List the steps that leave the open slab: through a periodic face, or into the next slab.

    Called twice: with an ``edges`` of no rows to count, then to fill.  Equal steps in a row are listed once.

    Parameters
    ----------
    runs, component_of_run : see `label_open_slab`
    next_plane : ndarray of int64 (n1, n2)
        Global component ids in the first plane of the next slab (periodic); 0 outside the phase.
    first_id : int; a global id is ``first_id`` + local component
    x_winding : int
        1 if the next slab is reached through the periodic face, else 0.
    directions : ndarray of int (num_directions, 3); half of a voxel's neighbours, 0 <= step along x
    edges : ndarray of int64 (num_edges, 5)
        Overwritten: id, neighbour's id, periodic faces crossed along x, y, z on the way there.

    Returns
    -------
    num_edges : int
    """
    n0, n1, n2 = runs.shape
    count = 0
    for d in range(directions.shape[0]):
        dx, dy, dz = directions[d]
        last = (0, 0, 0, 0, 0)
        for x in range(n0):
            leaves = x + dx == n0
            wx = x_winding if leaves else 0
            for y in range(n1):
                wy = _crossed(y + dy, n1)
                other_y = y + dy - wy * n1
                start, stop = (0, n2) if leaves or wy != 0 else (n2 - 1, n2) if dz > 0 else (0, -dz)
                for z in range(start, stop):
                    if runs[x, y, z] == 0:
                        continue
                    wz = _crossed(z + dz, n2)
                    if leaves:
                        b = next_plane[other_y, z + dz - wz * n2]
                    else:
                        other = runs[x + dx, other_y, z + dz - wz * n2]
                        b = first_id + component_of_run[other] if other != 0 else 0
                    step = (first_id + component_of_run[runs[x, y, z]], b, wx, wy, wz)
                    if b == 0 or step == last:
                        continue
                    last = step
                    if edges.shape[0] > 0:
                        edges[count] = step
                    count += 1
    return count


@kernel()
def _is_joined(open_faces, x, y, z):
    """Whether any of a voxel's six faces is open."""
    n1, n2 = open_faces.shape[1:]
    return (open_faces[x + 1, y, z] | (open_faces[x, y, z] & 1) | (open_faces[x + 1, y - 1 if y > 0 else n1 - 1, z] & 2)
            | (open_faces[x + 1, y, z - 1 if z > 0 else n2 - 1] & 4)) != 0


@kernel()
def _number_joined_runs(open_faces, x, y, row, num_runs):
    """As `_number_runs`, of runs that end at closed faces; 0 for a voxel all of whose faces are closed."""
    for z in range(row.size):
        if not _is_joined(open_faces, x, y, z):
            row[z] = 0
            continue
        if z == 0 or not open_faces[x + 1, y, z - 1] & 4:
            num_runs += 1
        row[z] = num_runs
    return num_runs


@kernel()
def _join_through(row, other, faces, bit, parent):
    """Unite the runs of two neighbouring rows through the open ones of the faces between them."""
    last_a, last_b = 0, 0
    for z in range(row.size):
        if faces[z] & bit and (row[z] != last_a or other[z] != last_b):
            last_a, last_b = row[z], other[z]
            unite(parent, last_a, last_b)


@kernel()
def label_slab_through_faces(open_faces):
    """As `label_open_slab`, of voxels that are joined by open faces only.

    Parameters
    ----------
    open_faces : ndarray of uint8, local (n0 + 1, n1, n2)
        ``[i + 1, j, k]``: bits 1, 2, 4 for the faces ahead of voxel (i, j, k) along x, y, z; bit 1 of plane 0: the face
        behind the slab.
    """
    n0, n1, n2 = open_faces.shape[0] - 1, open_faces.shape[1], open_faces.shape[2]
    runs = np.empty((n0, n1, n2), np.int32)
    num_runs = 0
    for x in range(n0):
        for y in range(n1):
            num_runs = _number_joined_runs(open_faces, x, y, runs[x, y], num_runs)
    parent = np.arange(0, num_runs + 1, 1, np.int32)
    for x in range(n0):
        for y in range(n1):
            if y > 0:
                _join_through(runs[x, y], runs[x, y - 1], open_faces[x + 1, y - 1], 2, parent)
            if x > 0:
                _join_through(runs[x, y], runs[x - 1, y], open_faces[x, y], 1, parent)
    num_components = _number_trees(parent)
    return runs, parent, num_components


@kernel()
def list_open_crossings(runs, component_of_run, open_faces, next_plane, first_id, x_winding, edges):
    """As `list_crossings`, through open faces only."""
    n0, n1, n2 = runs.shape
    count = 0
    for axis in range(3):
        last = (0, 0, 0, 0, 0)
        for x in range(n0 - 1 if axis == 0 else 0, n0):
            for y in range(n1 - 1 if axis == 1 else 0, n1):
                for z in range(n2 - 1 if axis == 2 else 0, n2):
                    if not open_faces[x + 1, y, z] & (1 << axis):
                        continue
                    if axis == 0:
                        b = next_plane[y, z]
                    else:
                        b = first_id + component_of_run[runs[x, 0 if axis == 1 else y, 0 if axis == 2 else z]]
                    step = (first_id + component_of_run[runs[x, y, z]], b, x_winding if axis == 0 else 0,
                            1 if axis == 1 else 0, 1 if axis == 2 else 0)
                    if step == last:
                        continue
                    last = step
                    if edges.shape[0] > 0:
                        edges[count] = step
                    count += 1
    return count


@kernel()
def relabel(runs, component_of_run, new_labels, sizes):
    """Overwrite ``runs`` with ``new_labels`` of the components; add up their ``sizes`` (0: outside)."""
    n0, n1, n2 = runs.shape
    for x in range(n0):
        for y in range(n1):
            row = runs[x, y]
            for z in range(n2):
                component = component_of_run[row[z]]
                row[z] = new_labels[component]
                sizes[component] += 1


@kernel()
def _find_cell(parent, cell, i):
    """Root of node i and the cell of i as seen from it; halves the path."""
    x, y, z = 0, 0, 0
    while parent[i] != i:
        p = parent[i]
        for axis in range(3):
            cell[i, axis] += cell[p, axis]
        parent[i] = parent[p]
        x, y, z = x + cell[i, 0], y + cell[i, 1], z + cell[i, 2]
        i = parent[i]
    return i, x, y, z


@kernel()
def join_cells(ends, winding, num_nodes):
    """Components of a graph whose edges lead to other periodic cells.

    A node's cell is the periodic image of it that is reached from its root inside the tree.  ``winding`` is
    what an edge adds to the cell on the way from its first to its second end.

    Parameters
    ----------
    ends : ndarray of int (num_edges, 2)
    winding : ndarray of int (num_edges, 3)

    Returns
    -------
    roots : ndarray of int64 (num_nodes,)
        Smallest node of each node's component.
    cells : ndarray of int64 (num_nodes, 3)
    """
    parent = np.arange(num_nodes)
    cell = np.zeros((num_nodes, 3), np.int64)
    for e in range(ends.shape[0]):
        a, ax, ay, az = _find_cell(parent, cell, ends[e, 0])
        b, bx, by, bz = _find_cell(parent, cell, ends[e, 1])
        if a == b:
            continue
        low, high, sign = (a, b, 1) if a < b else (b, a, -1)
        parent[high] = low
        cell[high, 0] = sign * (ax + winding[e, 0] - bx)
        cell[high, 1] = sign * (ay + winding[e, 1] - by)
        cell[high, 2] = sign * (az + winding[e, 2] - bz)
    for i in range(num_nodes):
        p = parent[i]
        if p != i:  # p < i: its own path is flat already
            for axis in range(3):
                cell[i, axis] += cell[p, axis]
            parent[i] = parent[p]
    return parent, cell


@kernel()
def count_independent(owners, vectors, num_owners):
    """Number of linearly independent vectors of each owner, 0 to 3, in exact integer arithmetic.

    Parameters
    ----------
    owners : ndarray of int (n,)
    vectors : ndarray of int64 (n, 3), none of them zero

    Returns
    -------
    ndarray of uint8 (num_owners,)
    """
    rank = np.zeros(num_owners, np.uint8)
    kept = np.zeros((num_owners, 3), np.int64)  # the first vector, then the normal of the first two's plane
    for i in range(owners.size):
        owner, v = owners[i], vectors[i]
        x, y, z = kept[owner]
        if rank[owner] == 0:
            kept[owner] = v
            rank[owner] = 1
        elif rank[owner] == 1:
            nx, ny, nz = y * v[2] - z * v[1], z * v[0] - x * v[2], x * v[1] - y * v[0]
            if nx != 0 or ny != 0 or nz != 0:
                kept[owner] = (nx, ny, nz)
                rank[owner] = 2
        elif rank[owner] == 2 and x * v[0] + y * v[1] + z * v[2] != 0:
            rank[owner] = 3
    return rank
