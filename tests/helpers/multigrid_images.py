"""Images that are hard for a multigrid cycle, and the matrices of what is solved on them."""

import numpy as np
from helpers.builders import ALONE, divide_labels

from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform, SlabTransform


def by_lot(shape, rng):
    """Voxels drawn by lot."""
    return (rng.random(shape) < rng.uniform(0.2, 0.8)).astype(np.uint8)


def three_phases(shape, rng):
    """Three phases drawn by lot."""
    return rng.choice(3, shape, p=[0.3, 0.4, 0.3]).astype(np.uint8)


def wires(shape, rng):
    """Straight channels one voxel wide, along every axis."""
    labels = np.zeros(shape, np.uint8)
    for axis in range(3):
        for _ in range(2):
            where = [int(rng.integers(n)) for n in shape]
            where[axis] = slice(None)
            labels[tuple(where)] = 1
    return labels


def pairs(shape, rng):
    """Pairs of voxels that touch nothing but each other, or each other's neighbours."""
    labels = np.zeros(shape, np.uint8)
    for _ in range(int(np.prod(shape)) // 20):
        where, axis = [int(rng.integers(n)) for n in shape], int(rng.integers(3))
        labels[tuple(where)] = 1
        where[axis] = (where[axis] + 1) % shape[axis]
        labels[tuple(where)] = 1
    return labels


def balls(shape, rng, count=6, radius=1.8):
    """Balls, some of which overlap or nearly touch."""
    labels = np.zeros(shape, np.uint8)
    for _ in range(count):
        squared = 0.0
        for axis, (n, x) in enumerate(zip(shape, np.indices(shape))):
            distance = np.abs(x - rng.random() * n)
            squared = squared + np.minimum(distance, n - distance) ** 2
        labels[squared < radius**2] = 1
    return labels


def pinholes(shape, rng):
    """Insulating walls normal to x with one open voxel each."""
    labels = np.ones(shape, np.uint8)
    for wall in range(0, shape[0], 4):
        labels[wall] = 0
        labels[wall, rng.integers(shape[1]), rng.integers(shape[2])] = 1
    return labels


def plates(shape, rng):
    """Layers one voxel thick."""
    axis = int(rng.integers(3))
    labels = np.zeros(shape, np.uint8)
    labels[(slice(None),) * axis + (slice(0, None, 2),)] = 1
    return labels


KINDS = (by_lot, three_phases, wires, pairs, balls, pinholes, plates)


def system_of(labels, sigma, electrodes=False, spacing=(1.0, 1.0, 1.0), dtype="float64", comm=ALONE, **options):
    """Finite volumes on a global array of labels."""
    kind = CosineSlabTransform if electrodes else SlabTransform
    transform = kind(PeriodicGrid(labels.shape, spacing), comm, dtype=dtype, planning="estimate")
    return ConductionSystem(divide_labels(labels, transform), np.array(sigma, float), transform, **options)


def dense_matrix(system) -> np.ndarray:
    """A of a system on one rank, face by face."""
    shape = system.potential.shape
    number = np.arange(np.prod(shape)).reshape(shape)
    matrix = np.zeros((number.size,) * 2)
    for axis, h in enumerate(system.spacing):
        conductance = system.faces[axis, 1:].astype(float) / h**2
        here, ahead = number.ravel(), np.roll(number, -1, axis).ravel()
        values = conductance.ravel().copy()
        if axis == 0 and not system.transform.periodic:
            last = np.zeros(shape, bool)
            last[-1] = True
            values[last.ravel()] = 0.0
            # Half a voxel from the electrodes, hence twice the conductance.
            for plane, faces in ((0, system.faces[0, 0]), (-1, system.faces[0, -1])):
                at = number[plane].ravel()
                np.add.at(matrix, (at, at), 2 * faces.ravel().astype(float) / h**2)
        for row, column, sign in ((here, here, 1), (ahead, ahead, 1), (here, ahead, -1), (ahead, here, -1)):
            np.add.at(matrix, (row, column), sign * values)
    return matrix


def exact_value(system, axis) -> float:
    """sigma_eff along ``axis`` by a dense least-squares solve."""
    start = system.start(axis)
    b = system.residual.ravel().copy()
    # Null vectors have eigenvalues of rounding size, and b no part in them.
    values, vectors = np.linalg.eigh(dense_matrix(system))
    coefficients = vectors.T @ b
    kept = values > 1e-13 * values.max()
    return start - float(np.sum(coefficients[kept] ** 2 / values[kept])) / b.size
