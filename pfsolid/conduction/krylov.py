"""Conjugate gradients with an estimate of the energy error.

In CG the error of the solution in the energy norm, squared, is sum_{j >= k} alpha_j (r_j . z_j) (Hestenes & Stiefel
1952, doi:10.6028/jres.049.044; numerically sound: Strakos & Tichy, ETNA 13 (2002) 56).  Where the quantity wanted is
the energy itself, as sigma_eff is, this sum is its error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError


@dataclass(frozen=True)
class CGResult:
    """What conjugate gradients did.

    Attributes
    ----------
    energy : float
        b . A^-1 b as found: the sum of the decrements.
    error_estimate : float
        Estimate of what is missing from ``energy``.
    iterations : int
    decrements : ndarray (iterations,)
        alpha_j (r_j . z_j).
    """

    energy: float
    error_estimate: float
    iterations: int
    decrements: np.ndarray


def conjugate_gradients(system, is_converged, max_iterations: int, on_iteration=None) -> CGResult:
    """Solve A x = b from x = 0.  Collective.

    Parameters
    ----------
    system : object
        ``precondition() -> r . z`` (z = P r), ``advance_direction(beta) -> p . A p`` (p = z + beta p) and
        ``update(alpha)`` (x += alpha p, r -= alpha A p).  The sums are global and the same on every rank.
    is_converged : callable
        ``is_converged(energy, error_estimate) -> bool``.
    max_iterations : int
    on_iteration : callable, optional
        ``on_iteration(iteration, energy, error_estimate)``; may raise to stop.

    Raises
    ------
    ConvergenceError
        If the tolerance is not met in ``max_iterations``.
    """
    decrements = np.empty(max_iterations)
    r_z = system.precondition()
    beta, energy, estimate = 0.0, 0.0, 0.0
    for iteration in range(max_iterations):
        if r_z == 0.0:
            return CGResult(energy, 0.0, iteration, decrements[:iteration].copy())
        alpha = r_z / system.advance_direction(beta)
        system.update(alpha)
        decrements[iteration] = alpha * r_z
        energy += alpha * r_z
        estimate = remaining_energy(decrements[:iteration + 1])
        if on_iteration is not None:
            on_iteration(iteration + 1, energy, estimate)
        if is_converged(energy, estimate):
            return CGResult(energy, estimate, iteration + 1, decrements[:iteration + 1].copy())
        r_z_before, r_z = r_z, system.precondition()
        beta = r_z / r_z_before
    raise ConvergenceError(f"conjugate gradients: {max_iterations} iterations left an estimated relative error of "
                           f"{estimate / max(energy, 1e-300):.2e} in the energy; raise max_iterations")


def remaining_energy(decrements: np.ndarray) -> float:
    """placeholder"""
    return np.inf
