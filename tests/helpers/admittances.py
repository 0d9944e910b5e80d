"""Complex conduction for tests: solvers of ours on small images, and a direct solve written apart from the package."""

import numpy as np
from helpers.builders import ALONE, divide_labels
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

from pfsolid.conduction.admittance import AdmittanceSystem
from pfsolid.conduction.cocg import ModulusMultigrid, solve_field
from pfsolid.grid import PeriodicGrid
from pfsolid.pairs import PairValues
from pfsolid.spectral.transform import CosineSlabTransform, SlabTransform


def system_of(labels, electrodes=False, spacing=(1.0, 1.0, 1.0), resistance=0.0, capacitance=0.0, normals="faces",
              dtype="float64", comm=ALONE, **options) -> AdmittanceSystem:
    """On a global array of labels; every boundary has one R and C unless they are `PairValues`."""
    kind = CosineSlabTransform if electrodes else SlabTransform
    transform = kind(PeriodicGrid(labels.shape, spacing), comm, dtype=dtype, planning="estimate")
    pairs = [one if isinstance(one, PairValues) else PairValues.of(None, one) for one in (resistance, capacitance)]
    return AdmittanceSystem(divide_labels(labels, transform), transform, *pairs, normals, **options)


def solved(system, y, omega=1.0, axis=0, rtol=1e-12, earlier=(), on_iteration=None):
    """The solution for y of each label, (num_labels[, 3])."""
    y = np.asarray(y, complex)
    system.at(np.repeat(y[:, None], 3, axis=1) if y.ndim == 1 else y, omega)
    return solve_field(system, ModulusMultigrid(system), axis, rtol, 300, earlier, on_iteration)


def direct_value(labels, y, axis=0, spacing=(1.0, 1.0, 1.0), boundary=0.0, electrodes=False) -> complex:
    """y_eff by sparse elimination; ``boundary`` is the impedance per area between unlike labels."""
    y = np.asarray(y, complex)
    y = np.repeat(y[:, None], 3, axis=1) if y.ndim == 1 else y
    cell = np.arange(labels.size).reshape(labels.shape)
    rows, columns, values, force, mean = [], [], [], np.zeros(labels.size, complex), 0j
    for along, h in enumerate(spacing):
        here, there = y[labels, along], np.roll(y[labels, along], -1, along)
        between = np.where(labels != np.roll(labels, -1, along), boundary, 0.0)
        face = 1 / (0.5 / here + 0.5 / there + between / h)
        if electrodes:
            face[(slice(None),) * along + (-1,)] = 0.0
        a, b, c = cell.ravel(), np.roll(cell, -1, along).ravel(), face.ravel() / h**2
        rows += [a, b, a, b]
        columns += [a, b, b, a]
        values += [c, c, -c, -c]
        if electrodes and along == 0:  # half a voxel to either plate, whose potential is fixed
            for plane, sign in ((0, -1), (-1, 1)):
                ends = cell[plane].ravel()
                conductances = 2 * y[labels[plane], 0].ravel() / h**2
                rows.append(ends)
                columns.append(ends)
                values.append(conductances)
                if axis == 0:
                    force[ends] -= sign * conductances * h / 2
                    mean += conductances.sum() * h**2 / 4
        if along == axis:
            np.add.at(force, b, c * h)
            np.add.at(force, a, -c * h)
            mean += face.sum()
    matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tolil()
    if not electrodes:  # a constant is free
        matrix[0, 0] = matrix[0, 0] * 2
    u = splu(matrix.tocsc()).solve(force)
    return (mean - force @ u) / labels.size
