"""Full tensors and interfaces that resist, on nodes that are split where grains meet: a check, for small images.

Trilinear elements on the voxels, as :mod:`pfsolid.conduction.elements` has them, but each grain has nodes of its own: across
a face between two labels the potential may jump, and 1/2 int [u]^2 / (R |n|_1) is added to the energy.  Where R is 0 nodes
are joined, where it blocks they are not coupled.  Laminates and bricks are exact.  The matrix is assembled and solved by
conjugate gradients with its diagonal: several hundred bytes and ten times the work a voxel of what the other solvers need.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from ..arrays import Array, Floats, Integers
from ..errors import ConvergenceError
from ..kernel import kernel
from ..pairs import PairTable, PairValues, pair_value

MOST_VOXELS = 64**3
_CORNERS = list(itertools.product((0, 1), repeat=3))
_FIRST, _TIGHTER = 1e-8, 1e-2  # residual relative to the load, and how much smaller it is the second time
_EXACT = 1e-11


@dataclass(frozen=True)
class SplitSolution:
    """What was found.

    Attributes
    ----------
    tensor : ndarray (3, 3)
        In the unit of the conductivities; NaN of axes not asked for.
    relative_error : tuple of 3 float
        Of the diagonal: ten times what the last hundredth of the residual has changed.
    iterations : tuple of 3 int
    """

    tensor: Floats
    relative_error: tuple[float, float, float]
    iterations: tuple[int, int, int]


@kernel()
def _values_between(labels, others, table, out):
    """R of each face, 0 within a label."""
    for face in range(labels.size):
        out[face] = pair_value(table, labels[face], others[face])


def solve_split(labels: Array, sigma: Floats, spacing: tuple[float, float, float], resistance: PairValues, norms: Array,
                axes: tuple[int, ...], max_iterations: int) -> SplitSolution:
    """Effective tensor of a periodic image.

    Parameters
    ----------
    labels : ndarray of int (n0, n1, n2)
        The whole image.
    sigma : ndarray (num_labels, 3, 3)
    spacing : tuple of 3 float
    resistance : PairValues
        In spacing / sigma.
    norms : ndarray (3, n0, n1, n2)
        |n|_1 of the face ahead of each voxel along each axis.
    axes : tuple of int
        To apply a field along.
    max_iterations : int

    Returns
    -------
    SplitSolution

    Raises
    ------
    ConvergenceError
    """
    nodes, faces = _split(labels, sigma, resistance.table)
    conducts = (np.abs(sigma).max(axis=(1, 2)) > 0)[labels.ravel()]
    stiffness, drive = _element_matrices(sigma, spacing)
    matrix = _assembled(nodes, labels.ravel(), stiffness, conducts) + _coupling(nodes, faces, norms, spacing)
    loads = np.zeros((3, nodes.max() + 1))
    for axis in range(3):
        np.add.at(loads[axis], nodes[conducts].ravel(), drive[labels.ravel()[conducts], :, axis].ravel())
    volume = float(np.prod(spacing)) * labels.size
    mean = sigma[labels.ravel()].mean(axis=0)
    potentials, errors, iterations = {}, [0.0] * 3, [0] * 3
    for axis in axes:
        rough, first = _conjugate_gradients(matrix, loads[axis], None, _FIRST, max_iterations)
        fine, second = _conjugate_gradients(matrix, loads[axis], rough, _FIRST * _TIGHTER, max_iterations)
        values = [mean[axis, axis] - _energy(matrix, loads[axis], one) / volume for one in (rough, fine)]
        errors[axis] = 10 * abs(values[0] - values[1]) / max(values[1], 1e-300) + _EXACT
        iterations[axis], potentials[axis] = first + second, fine
    tensor = np.full((3, 3), np.nan)
    for a, b in itertools.product(axes, repeat=2):
        cross = loads[a] @ potentials[b] + loads[b] @ potentials[a] - potentials[a] @ (matrix @ potentials[b])
        tensor[a, b] = mean[a, b] - cross / volume
    return SplitSolution(tensor, (errors[0], errors[1], errors[2]), (iterations[0], iterations[1], iterations[2]))


def _energy(matrix: csr_matrix, load: Floats, potential: Floats) -> float:
    """2 f u - u A u: stationary at the solution."""
    return float(2 * load @ potential - potential @ (matrix @ potential))


def _split(labels: Array, sigma: Floats, table: PairTable) -> tuple[Integers, list[tuple[Integers, Integers, Floats]]]:
    """Nodes of each voxel's corners, (num_voxels, 8), and of each axis the faces: voxels here and there, and R."""
    voxels = np.arange(labels.size).reshape(labels.shape)
    conducts = np.abs(sigma).max(axis=(1, 2)) > 0
    here_nodes, there_nodes, faces = [], [], []
    for axis in range(3):
        here, there = voxels.ravel(), np.roll(voxels, -1, axis).ravel()
        value = np.empty(labels.size)
        _values_between(labels.ravel()[here], labels.ravel()[there], table, value)
        value[~(conducts[labels.ravel()[here]] & conducts[labels.ravel()[there]])] = np.inf
        joined = value == 0
        for ahead, behind in _pairs_of_corners(axis):
            here_nodes.append(8 * here[joined] + ahead)
            there_nodes.append(8 * there[joined] + behind)
        faces.append((here, there, value))
    rows, columns = np.concatenate(here_nodes), np.concatenate(there_nodes)
    graph = coo_matrix((np.ones(rows.size, bool), (rows, columns)), (8 * labels.size,) * 2)
    nodes: Integers = connected_components(graph, directed=False)[1].astype(np.int64).reshape(labels.size, 8)
    return nodes, faces


def _pairs_of_corners(axis: int) -> list[tuple[int, int]]:
    """Corners of the face ahead along an axis: of this voxel, and of the next one."""
    ahead = [corner for corner, place in enumerate(_CORNERS) if place[axis]]
    return [(corner, corner - (4, 2, 1)[axis]) for corner in ahead]


def _element_matrices(sigma: Floats, spacing: tuple[float, float, float]) -> tuple[Floats, Floats]:
    """int B^T sigma B, (num_labels, 8, 8), and int B^T sigma, (num_labels, 8, 3): 2 x 2 x 2 Gauss points are exact."""
    stiffness, drive = np.zeros((len(sigma), 8, 8)), np.zeros((len(sigma), 8, 3))
    weight = float(np.prod(spacing)) / 8
    for point in itertools.product((0.5 - 0.5 / 3**0.5, 0.5 + 0.5 / 3**0.5), repeat=3):
        gradient = np.empty((3, 8))
        for node, corner in enumerate(_CORNERS):
            weights = [x if c else 1 - x for x, c in zip(point, corner)]
            for axis in range(3):
                others = np.prod([w for a, w in enumerate(weights) if a != axis])
                gradient[axis, node] = (1 if corner[axis] else -1) / spacing[axis] * others
        stiffness += weight * np.einsum("an,lab,bm->lnm", gradient, sigma, gradient)
        drive += weight * np.einsum("an,lab->lnb", gradient, sigma)
    return stiffness, drive


def _assembled(nodes: Integers, labels: Array, stiffness: Floats, conducts: npt.NDArray[Any]) -> csr_matrix:
    own, size = nodes[conducts], int(nodes.max()) + 1
    rows, columns = np.repeat(own, 8, axis=1).ravel(), np.tile(own, (1, 8)).ravel()
    return coo_matrix((stiffness[labels[conducts]].ravel(), (rows, columns)), (size, size)).tocsr()


def _coupling(nodes: Integers, faces: list[tuple[Integers, Integers, Floats]], norms: Array,
              spacing: tuple[float, float, float]) -> csr_matrix:
    """int [u]^2 / (R |n|_1) over faces with a finite resistance; the jump is bilinear on each."""
    size, parts = int(nodes.max()) + 1, []
    line = np.array([[2.0, 1.0], [1.0, 2.0]]) / 6
    mass = np.kron(line, line)
    jump = np.hstack([np.eye(4), -np.eye(4)])
    shape = jump.T @ mass @ jump
    for axis, (here, there, value) in enumerate(faces):
        used = (value > 0) & np.isfinite(value)
        pairs = _pairs_of_corners(axis)
        both = np.hstack([nodes[here[used]][:, [ahead for ahead, _ in pairs]],
                          nodes[there[used]][:, [behind for _, behind in pairs]]])
        area = float(np.prod(spacing)) / spacing[axis]
        scale = area / (value[used] * np.maximum(norms[axis].ravel()[used], 1.0))
        parts.append((np.repeat(both, 8, axis=1).ravel(), np.tile(both, (1, 8)).ravel(),
                      (scale[:, None] * shape.ravel()).ravel()))
    rows, columns, values = (np.concatenate(part) for part in zip(*parts))
    return coo_matrix((values, (rows, columns)), (size, size)).tocsr()


def _conjugate_gradients(matrix: csr_matrix, load: Floats, guess: Floats | None, tolerance: float,
                         most: int) -> tuple[Floats, int]:
    """With the diagonal as preconditioner; the matrix is singular, the load is not in its kernel."""
    diagonal = matrix.diagonal()
    inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
    u = np.zeros_like(load) if guess is None else guess.copy()
    r = load - matrix @ u
    z = inverse * r
    p, r_z, goal = z.copy(), r @ z, tolerance**2 * (load @ (inverse * load))
    for iteration in range(most):
        if r_z <= goal:
            return u, iteration
        a_p = matrix @ p
        alpha = r_z / (p @ a_p)
        u += alpha * p
        r -= alpha * a_p
        z = inverse * r
        before, r_z = r_z, r @ z
        p = z + (r_z / before) * p
    raise ConvergenceError(f"split nodes: {most} iterations do not do (conduction.max_iterations)")
