"""Phases of a voxel image: labels, their conductivities and the conductance of the face between two of them."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..labels import empty_labels
from ..spectral.transform import SlabTransform
from . import interface_kernels, kernels

PORE, SURFACE, BULK = 0, 1, 2
PHASES = {"pore": PORE, "surface": SURFACE, "bulk": BULK}
NAMES = {label: name for name, label in PHASES.items()}
# What the elements of a symmetric tensor may differ by when they were computed by rotating one.
_ROUNDING = 1e-12


def labels_from_density(rho: np.ndarray, rho_pore: float, rho_bulk: float, transform: SlabTransform) -> np.ndarray:
    """Collective: 0 pore (rho < rho_pore), 1 surface, 2 bulk (rho > rho_bulk), uint8 with ghost planes along x.

    J.-M. Hu et al., doi:10.1021/acsami.7b11292, section 2.3.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)

    Returns
    -------
    ndarray of uint8, local (n0 + 2, n1, n2)
    """
    labels = empty_labels(transform)
    kernels.threshold_labels(rho, rho_pore, rho_bulk, labels)
    transform.ghosts.fill(labels)
    return labels


def check_conductivities(sigma: np.ndarray) -> None:
    """Raise InputError unless every label's conductivity is finite, symmetric and not negative.

    Parameters
    ----------
    sigma : ndarray
        Of each label: a number (num_labels,), the diagonal (num_labels, 3) or the tensor (num_labels, 3, 3).
    """
    sigma = np.asarray(sigma, dtype=float)
    if sigma.ndim not in (1, 2, 3) or sigma.shape[1:] not in ((), (3,), (3, 3)) or not len(sigma):
        raise InputError(f"conductivities of shape {sigma.shape}: each label has a number, 3 numbers (along x, y, z) or a "
                         f"3 x 3 tensor")
    for label, value in enumerate(sigma):
        if not np.all(np.isfinite(value)):
            raise InputError(f"conductivity of label {label} is {_text(value)}: it must be finite and not negative")
        if value.ndim < 2:
            if np.any(value < 0):
                raise InputError(f"conductivity of label {label} is {_text(value)}: it must be finite and not negative")
            continue
        scale = np.abs(value).max()
        if np.abs(value - value.T).max() > _ROUNDING * scale:
            raise InputError(f"conductivity tensor of label {label} is {_text(value)}: it must be symmetric")
        if np.linalg.eigvalsh(value)[0] < -_ROUNDING * scale:
            raise InputError(f"conductivity tensor of label {label} is {_text(value)}: its eigenvalues "
                             f"{_text(np.linalg.eigvalsh(value))} must not be negative")


def _text(value: np.ndarray) -> str:
    return str(value.tolist())


def diagonal_conductivities(sigma: np.ndarray) -> np.ndarray:
    """Conductivity of each label along x, y, z, (num_labels, 3), from any shape that is allowed.

    Raises
    ------
    InputError
        If a conductivity is not allowed, or a tensor has elements off the diagonal.
    """
    sigma = np.asarray(sigma, dtype=float)
    check_conductivities(sigma)
    if sigma.ndim == 1:
        return np.repeat(sigma[:, None], 3, axis=1)
    if sigma.ndim == 3:
        for label, value in enumerate(sigma):
            if np.any(value[~np.eye(3, dtype=bool)]):
                raise InputError(f"conductivity tensor of label {label} is {_text(value)}: the 7-point discretisation "
                                 f"takes diagonal tensors only; use the element discretisation")
        return np.ascontiguousarray(np.diagonal(sigma, axis1=1, axis2=2))
    return sigma


def face_conductances(sigma: np.ndarray, spacing: tuple[float, float, float], interface_resistance=None) -> np.ndarray:
    """1 / [h_i (h_i / 2 s_a + h_i / 2 s_b + R_ab)]; exactly 0 where either side insulates.

    Without R the harmonic mean of the two conductivities over h_i^2.

    Parameters
    ----------
    sigma : ndarray (num_labels,), (num_labels, 3) or diagonal (num_labels, 3, 3)
    interface_resistance : dict, optional
        {(a, b): R}: area-specific resistance of the faces between labels a and b, either way, in units of length /
        sigma; infinity blocks them.

    Returns
    -------
    ndarray (3, num_labels, num_labels)

    Raises
    ------
    InputError
    """
    sigma = diagonal_conductivities(sigma)
    series = resistance_table(interface_resistance or {}, len(sigma))
    table = np.zeros((3, len(sigma), len(sigma)))
    for axis, h in enumerate(spacing):
        a, b = sigma[:, None, axis], sigma[None, :, axis]
        total = a + b
        mean = np.divide(2 * a * b, total, out=np.zeros_like(total), where=total > 0)
        blocked = np.isinf(series) | (mean == 0)
        table[axis] = np.where(blocked, 0.0, mean / (1 + mean * np.where(blocked, 0.0, series) / h)) / h**2
    return table


def open_faces_of_labels(labels: np.ndarray, table: np.ndarray, periodic: bool) -> np.ndarray:
    """Which faces conduct, one byte a voxel: what :mod:`pfsolid.morphology.clusters` finds the axes from that percolate.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.
    table : ndarray (3, num_labels, num_labels)
        Of :func:`face_conductances`.
    periodic : bool
        Whether the last faces along y and z close the cell; along x the ghost planes say it.

    Returns
    -------
    ndarray of uint8, local (n0 + 1, n1, n2)
        As of :func:`pfsolid.morphology.clusters.open_faces_of`.
    """
    found = np.empty((labels.shape[0] - 1, *labels.shape[1:]), np.uint8)
    opens = np.tensordot((1, 2, 4), table > 0, 1).astype(np.uint8)
    interface_kernels.open_faces_of_labels(labels, opens, periodic, found)
    return found


def resistance_table(interface_resistance: dict, num_labels: int) -> np.ndarray:
    """R of each pair of labels, (num_labels, num_labels), from {(a, b): R}.

    Raises
    ------
    InputError
    """
    table = np.zeros((num_labels, num_labels))
    given = {}
    for (a, b), value in interface_resistance.items():
        if not (0 <= a < num_labels and 0 <= b < num_labels and a != b):
            raise InputError(f"interface resistance between labels {a} and {b}: two different labels from 0 to "
                             f"{num_labels - 1} are needed")
        if not value >= 0:
            raise InputError(f"interface resistance between labels {a} and {b} is {value}: it must not be negative")
        if given.setdefault(frozenset((a, b)), value) != value:
            raise InputError(f"interface resistance between labels {a} and {b} is given twice: "
                             f"{given[frozenset((a, b))]} and {value}")
        table[a, b] = table[b, a] = value
    return table


def unlike_faces(labels: np.ndarray, reducer) -> float:
    """Part of the faces that lie between voxels of different labels, without those at the ends of y and z.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.
    """
    unlike = pairs = 0
    for i in range(1, labels.shape[0] - 1):
        for a, b in ((labels[i], labels[i + 1]), (labels[i, 1:], labels[i, :-1]), (labels[i, :, 1:], labels[i, :, :-1])):
            unlike += np.count_nonzero(a != b)
            pairs += a.size
    unlike, pairs = reducer.sum([unlike, pairs])
    return float(unlike / max(pairs, 1))
