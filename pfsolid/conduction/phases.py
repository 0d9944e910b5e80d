"""Phases of a voxel image: labels and the conductance of the face between two of them."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..spectral import SlabTransform
from . import kernels

PORE, SURFACE, BULK = 0, 1, 2


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


def empty_labels(transform: SlabTransform) -> np.ndarray:
    """Room for the labels of a slab and its ghost planes."""
    n0, n1, n2 = transform.local_shape
    return np.empty((n0 + 2, n1, n2), dtype=np.uint8)


def check_conductivities(sigma: np.ndarray) -> None:
    """Raise InputError unless every conductivity is finite and not negative."""
    for label, value in enumerate(np.atleast_1d(sigma)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"conductivity of label {label} is {value}: it must be finite and not negative")


def face_conductances(sigma: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Harmonic means 2 s_a s_b / (s_a + s_b) over h_i^2; exactly 0 where either side insulates.

    Parameters
    ----------
    sigma : ndarray (num_labels,)

    Returns
    -------
    ndarray (3, num_labels, num_labels)
    """
    a, b = np.asarray(sigma, dtype=float)[:, None], np.asarray(sigma, dtype=float)[None, :]
    total = a + b
    mean = np.divide(2 * a * b, total, out=np.zeros_like(total), where=total > 0)
    return np.stack([mean / h**2 for h in spacing])
