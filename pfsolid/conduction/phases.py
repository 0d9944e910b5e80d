"""Phases of a voxel image: labels, their conductivities, and which faces between them conduct."""

from __future__ import annotations

import numpy as np

from ..aligned import aligned_empty
from ..errors import InputError
from ..labels import empty_labels
from ..pairs import PairValues
from ..spectral.transform import SlabTransform
from . import interface_kernels, kernels, label_kernels

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
    components = tuple(range(1, sigma.ndim))
    bad = ~np.isfinite(sigma) if sigma.ndim == 3 else ~(np.isfinite(sigma) & (sigma >= 0))
    for label in _first(bad.any(axis=components)):
        raise InputError(f"conductivity of label {label} is {_text(sigma[label])}: it must be finite and not negative")
    if sigma.ndim < 3:
        return
    rounding = _ROUNDING * np.abs(sigma).max(axis=components)
    for label in _first(np.abs(sigma - sigma.transpose(0, 2, 1)).max(axis=components) > rounding):
        raise InputError(f"conductivity tensor of label {label} is {_text(sigma[label])}: it must be symmetric")
    eigenvalues = np.linalg.eigvalsh(sigma)
    for label in _first(eigenvalues[:, 0] < -rounding):
        raise InputError(f"conductivity tensor of label {label} is {_text(sigma[label])}: its eigenvalues "
                         f"{_text(eigenvalues[label])} must not be negative")


def _first(bad: np.ndarray) -> list[int]:
    """The first label that is, in a list; or none."""
    return np.flatnonzero(bad)[:1].tolist()


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
        for label in _first(np.any(sigma[:, ~np.eye(3, dtype=bool)], axis=1)):
            raise InputError(f"conductivity tensor of label {label} is {_text(sigma[label])}: the 7-point discretisation "
                             f"takes diagonal tensors only; use the element discretisation")
        return np.ascontiguousarray(np.diagonal(sigma, axis1=1, axis2=2))
    return sigma


def open_faces_of_labels(labels: np.ndarray, sigma: np.ndarray, interface_resistance: PairValues,
                         periodic: bool) -> np.ndarray:
    """Which faces conduct, one byte a voxel: what :mod:`pfsolid.morphology.clusters` finds the axes from that percolate.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        With ghost planes.
    sigma : ndarray (num_labels,), (num_labels, 3) or diagonal (num_labels, 3, 3)
        Of which only what is 0 matters.
    interface_resistance : PairValues
        Of which only infinity matters: it blocks.
    periodic : bool
        Whether the last faces along y and z close the cell; along x the ghost planes say it.

    Returns
    -------
    ndarray of uint8, local (n0 + 1, n1, n2)
        As of :func:`pfsolid.morphology.clusters.open_faces_of`.
    """
    conducts = ((diagonal_conductivities(sigma) > 0) @ (1, 2, 4)).astype(np.uint8)
    blocks = interface_resistance.only(np.isinf)
    found = aligned_empty((labels.shape[0] - 1, *labels.shape[1:]), np.uint8)
    if blocks.is_zero:
        label_kernels.open_faces_of_labels(labels, conducts, periodic, found)
        return found
    interface_kernels.open_faces_of_labels(labels, conducts, blocks.table, periodic, found)
    return found


def check_resistances(interface_resistance, num_labels: int) -> PairValues:
    """R of pairs of labels, from {(a, b): R} or as they are.

    Parameters
    ----------
    interface_resistance : PairValues, dict or None
    num_labels : int
        With a conductivity.

    Returns
    -------
    PairValues

    Raises
    ------
    InputError
    """
    if isinstance(interface_resistance, PairValues):
        return interface_resistance
    for (a, b), value in (interface_resistance or {}).items():
        if not (0 <= a < num_labels and 0 <= b < num_labels and a != b):
            raise InputError(f"interface resistance between labels {a} and {b}: two different labels from 0 to "
                             f"{num_labels - 1} are needed")
        if not value >= 0:
            raise InputError(f"interface resistance between labels {a} and {b} is {value}: it must not be negative")
    return PairValues.of(interface_resistance)


def unlike_faces(labels: np.ndarray, reducer, kinds: np.ndarray) -> float:
    """Part of the faces that lie between voxels of different kinds, without those at the ends of y and z.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        With ghost planes.
    kinds : ndarray of int (num_labels,)
        Of the labels: those that conduct alike, without a resistance between them, are of one kind.
    """
    unlike = pairs = 0
    here, ahead = None, kinds[labels[1]]
    for i in range(1, labels.shape[0] - 1):
        here, ahead = ahead, kinds[labels[i + 1]]
        for a, b in ((here, ahead), (here[1:], here[:-1]), (here[:, 1:], here[:, :-1])):
            unlike += np.count_nonzero(a != b)
            pairs += a.size
    unlike, pairs = reducer.sum([unlike, pairs])
    return float(unlike / max(pairs, 1))
