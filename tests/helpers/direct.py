"""Effective conductivities by a direct sparse solve, written apart from the package: what its solvers are held to.

Every function takes the whole image, [x, y, z], and returns what a unit field gives, in the unit of the conductivities.
"""

import itertools

import numpy as np
from scipy.sparse import coo_matrix, csgraph, identity
from scipy.sparse.linalg import spsolve

# Added to the diagonal in its own units: makes what floats regular, and is far below the contrasts of the tests.
REGULAR = 1e-13


def by_label(labels, values) -> np.ndarray:
    """Conductivity tensor of each voxel, (n0, n1, n2, 3, 3), from numbers, diagonals and tensors of the labels."""
    table = {label: _tensor(value) for label, value in values.items()}
    return np.array([table[label] for label in labels.ravel().tolist()]).reshape(*labels.shape, 3, 3)


def _tensor(value) -> np.ndarray:
    value = np.asarray(value, float)
    return np.diag(np.broadcast_to(value, 3)) if value.ndim < 2 else value


def mirrored(labels, tensors):
    """A cell and its images beyond the upper end of each axis, the tensors turned round as mirrors do."""
    for axis in range(3):
        turn = np.diag(np.where(np.arange(3) == axis, -1.0, 1.0))
        labels = np.concatenate([labels, np.flip(labels, axis)], axis)
        tensors = np.concatenate([tensors, turn @ np.flip(tensors, axis) @ turn], axis)
    return labels, tensors


def face_conductivities(labels, tensors, spacing, resistance=None) -> np.ndarray:
    """Of the face ahead of each voxel along each axis, (3, n0, n1, n2): half voxels and, between labels, R in series."""
    faces = []
    for axis, h in enumerate(spacing):
        here, there = tensors[..., axis, axis], np.roll(tensors[..., axis, axis], -1, axis)
        pairs = zip(labels.ravel().tolist(), np.roll(labels, -1, axis).ravel().tolist())
        between = np.array([(resistance or {}).get((min(pair), max(pair)), 0.0) for pair in pairs]).reshape(labels.shape)
        with np.errstate(divide="ignore"):
            faces.append(1 / (0.5 / here + 0.5 / there + between / h))
    return np.array(faces)


def periodic_volumes(faces, spacing) -> np.ndarray:
    """The tensor of finite volumes in a periodic cell; exactly 0 along axes that no path of faces wraps."""
    shape = faces.shape[1:]
    cell = np.arange(np.prod(shape)).reshape(shape)
    rows, columns, values, forces, tensor = [], [], [], np.zeros((3, cell.size)), np.zeros((3, 3))
    for axis, h in enumerate(spacing):
        here, there, s = cell.ravel(), np.roll(cell, -1, axis).ravel(), faces[axis].ravel()
        rows += [here, there, here, there]
        columns += [here, there, there, here]
        values += [s / h**2, s / h**2, -s / h**2, -s / h**2]
        np.add.at(forces[axis], there, s / h)
        np.add.at(forces[axis], here, -s / h)
        tensor[axis, axis] = s.mean()
    potentials = _solve(rows, columns, values, forces)
    tensor -= forces @ potentials.T / cell.size
    blocked = [not _wraps(faces > 0, axis) for axis in range(3)]
    tensor[blocked] = tensor[:, blocked] = 0.0
    return tensor


def plate_volumes(faces, ends, spacing, axis) -> float:
    """A network of resistors between plates at both ends of an axis, sides insulated; ``ends``: of the voxels themselves."""
    shape = faces.shape[1:]
    cell = np.arange(np.prod(shape)).reshape(shape)
    volume = np.prod(spacing)
    rows, columns, values, force = [], [], [], np.zeros(cell.size)
    edges = []
    for a, h in enumerate(spacing):
        inner = tuple(slice(None, -1) if b == a else slice(None) for b in range(3))
        here, there = cell[inner].ravel(), np.roll(cell, -1, a)[inner].ravel()
        g = faces[a][inner].ravel() * volume / h**2
        rows += [here, there, here, there]
        columns += [here, there, there, here]
        values += [g, g, -g, -g]
        edges.append((here[g > 0], there[g > 0]))
    h = spacing[axis]
    plates = [np.take(cell, end, axis).ravel() for end in (0, -1)]
    conductances = [2 * np.take(ends, end, axis).ravel() * volume / h**2 for end in (0, -1)]
    for nodes, g in zip(plates, conductances):
        rows.append(nodes)
        columns.append(nodes)
        values.append(g)
    force[plates[0]] += conductances[0]  # the first plate is at 1, the last at 0
    here, there = (np.concatenate(part) for part in zip(*edges))
    parts = csgraph.connected_components(coo_matrix((np.ones(here.size), (here, there)), (cell.size,) * 2), False)[1]
    if not set(parts[plates[0][conductances[0] > 0]]) & set(parts[plates[1][conductances[1] > 0]]):
        return 0.0
    potential = _solve(rows, columns, values, force[None])[0]
    current = np.sum(conductances[1] * potential[plates[1]])
    length = h * shape[axis]
    return current * length**2 / (volume * cell.size)


def periodic_elements(tensors, spacing) -> np.ndarray:
    """The tensor of trilinear elements in a periodic cell, 2 x 2 x 2 Gauss points a voxel, which are exact."""
    shape = tensors.shape[:3]
    cell = np.arange(np.prod(shape)).reshape(shape)
    corners = list(itertools.product((0, 1), repeat=3))
    nodes = np.stack([np.roll(cell, [-c for c in corner], (0, 1, 2)).ravel() for corner in corners], axis=1)
    flat = tensors.reshape(-1, 3, 3)
    stiffness, drive = np.zeros((cell.size, 8, 8)), np.zeros((cell.size, 8, 3))
    for point in itertools.product((0.5 - 0.5 / 3**0.5, 0.5 + 0.5 / 3**0.5), repeat=3):
        gradient = np.empty((3, 8))
        for n, corner in enumerate(corners):
            weights = [x if c else 1 - x for x, c in zip(point, corner)]
            for axis in range(3):
                others = np.prod([w for a, w in enumerate(weights) if a != axis])
                gradient[axis, n] = (1 if corner[axis] else -1) / spacing[axis] * others
        stiffness += np.einsum("an,vab,bm->vnm", gradient, flat, gradient) / 8
        drive += np.einsum("an,vab->vnb", gradient, flat) / 8
    forces = np.zeros((3, cell.size))
    for axis in range(3):
        np.add.at(forces[axis], nodes.ravel(), drive[..., axis].ravel())
    rows, columns = np.repeat(nodes, 8, axis=1).ravel(), np.tile(nodes, (1, 8)).ravel()
    potentials = _solve([rows], [columns], [stiffness.ravel()], forces)
    tensor = flat.mean(axis=0) - forces @ potentials.T / cell.size
    along = np.diagonal(tensors, axis1=3, axis2=4)
    faces = np.stack([(along[..., axis] > 0) & (np.roll(along[..., axis], -1, axis) > 0) for axis in range(3)])
    blocked = [not _wraps(faces, axis) for axis in range(3)]
    tensor[blocked] = tensor[:, blocked] = 0.0
    return tensor


def _solve(rows, columns, values, forces) -> np.ndarray:
    n = forces.shape[1]
    matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (n, n)).tocsc()
    matrix = matrix + REGULAR * matrix.diagonal().max() * identity(n, format="csc")
    return np.atleast_2d(spsolve(matrix, forces.T).T)


def _wraps(open_faces, axis) -> bool:
    """Whether a path through open faces winds around the cell along an axis.

    In a stack of n cells along it, closed upon itself, a voxel is then joined to its copy in the next one unless the path
    winds by a multiple of n.
    """
    return any(_joins_copies(np.concatenate([open_faces] * n, axis + 1), n, axis) for n in (2, 3))


def _joins_copies(faces, times, axis) -> bool:
    shape = faces.shape[1:]
    cell = np.arange(np.prod(shape)).reshape(shape)
    here = np.concatenate([cell[faces[a]] for a in range(3)])
    there = np.concatenate([np.roll(cell, -1, a)[faces[a]] for a in range(3)])
    parts = csgraph.connected_components(coo_matrix((np.ones(here.size), (here, there)), (cell.size,) * 2), False)[1]
    first, second = np.split(parts.reshape(shape), times, axis)[:2]
    return bool(np.any(first == second))
