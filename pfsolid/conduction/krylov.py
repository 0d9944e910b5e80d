"""Conjugate gradients with an estimate of the energy error.

In CG the error of the solution in the energy norm, squared, is sum_{j >= k} alpha_j (r_j . z_j) (Hestenes & Stiefel
1952, doi:10.6028/jres.049.044).  Where the quantity wanted is the energy itself, as sigma_eff is, this sum is its
error.  The last known term bounds it from below.  A Gauss-Radau rule bounds it from above, given a lower bound mu of
the spectrum (Meurant & Tichy, doi:10.1007/s11075-012-9591-9).  On voxels of high contrast CG converges in stairs: a
plateau, on which the terms fall to 1e-3 of the error, then a drop.  Estimates from the terms alone stop on the first
plateau; the upper bound alone is 100 times too high after each drop.  The estimate is a weighted geometric mean of
the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ..errors import ConvergenceError
from .system import System

# Fitted on 658 stops (8 microstructures, contrast 1, 30, 3516, with zeros, 7 tolerances): true / estimated stays below 2
# throughout and above 0.1 in 86 %; docs/verification.md has the table.  On 1467 others 6 were above 2.
_UPPER_WEIGHT = 0.82
# The spectrum of the preconditioned operator starts at about the ratio of the extreme conductivities; insulators push it
# down to a fraction of that.  Once the smallest Ritz value has come near, part of it is the sharper bound.
_SAFETY, _RITZ_SAFETY, _RITZ_NEAR = 0.5, 0.35, 2.0
# A Ritz value takes time in proportion to the iterations so far and changes ever more slowly: every n-th after 32 n.
_RITZ_INTERVAL = 32
# Below this r.z has lost its digits: going on would only amplify rounding errors in the null space of A.
_EXHAUSTED = 1e-27


@dataclass(frozen=True)
class CGResult:
    """What a solver did, whichever it was.

    Attributes
    ----------
    energy : float
        r . A^-1 r of the residual it started from, as found: the sum of the decrements.
    error_estimate : float
        Estimate of what is missing from ``energy``.
    iterations : int
    """

    energy: float
    error_estimate: float
    iterations: int


class Solver(Protocol):
    """What solves a system that has been started, as :func:`conjugate_gradients` does."""

    def __call__(self, system: System, is_converged: Callable[[float, float], bool], max_iterations: int,
                 on_iteration: Callable[[int, float, float], object] | None = None) -> CGResult: ...


class EnergyErrorEstimate:
    """Estimates sum_{j >= k} alpha_j (r_j . z_j) from the coefficients up to iteration k.

    Parameters
    ----------
    spectrum_start : float
        Rough lower end of the spectrum of the preconditioned operator.
    """

    def __init__(self, spectrum_start: float):
        self._start = spectrum_start
        self._alpha: list[float] = []
        self._beta: list[float] = []
        self._mu = _SAFETY * spectrum_start
        self._gamma = 1 / self._mu
        self._next_ritz = 1

    def upper_bound(self, r_z: float) -> float:
        """Bound on r . A^-1 r from the spectrum and what has been added so far."""
        return max(self._gamma, 0.0) * r_z

    def add(self, alpha: float, beta: float, decrement: float, r_z: float) -> float:
        """Take up one iteration and the r . z after it; estimate of the remaining energy."""
        self._alpha.append(alpha)
        self._beta.append(beta)
        self._gamma = _radau_step(self._gamma, alpha, beta, self._mu)
        if len(self._alpha) >= self._next_ritz:
            self._next_ritz += 1 + len(self._alpha) // _RITZ_INTERVAL
            ritz = self._smallest_ritz_value()
            if ritz < _RITZ_NEAR * self._start:
                self._restart(_RITZ_SAFETY * ritz)
        if self._gamma <= 0:  # mu was above the spectrum after all: start again below it
            self._restart(0.5 * self._mu)
        upper = self.upper_bound(r_z)
        return upper**_UPPER_WEIGHT * decrement ** (1 - _UPPER_WEIGHT)

    def _restart(self, mu: float) -> None:
        self._mu, self._gamma = mu, 1 / mu
        for alpha, beta in zip(self._alpha, self._beta):
            self._gamma = _radau_step(self._gamma, alpha, beta, mu)

    def _smallest_ritz_value(self) -> float:
        alpha, beta = np.array(self._alpha), np.array(self._beta[:-1])
        if alpha.size == 1:
            return 1 / alpha[0]
        diagonal = 1 / alpha
        diagonal[1:] += beta / alpha[:-1]
        return eigh_tridiagonal(diagonal, np.sqrt(beta) / alpha[:-1], eigvals_only=True,
                                select="i", select_range=(0, 0))[0]


def _radau_step(gamma: float, alpha: float, beta: float, mu: float) -> float:
    if beta == 0:  # solved exactly, where gamma may be alpha
        return 1 / mu
    return (gamma - alpha) / (mu * (gamma - alpha) + beta)


def conjugate_gradients(system: System, is_converged: Callable[[float, float], bool], max_iterations: int,
                        on_iteration: Callable[[int, float, float], object] | None = None) -> CGResult:
    """Solve A u = b from where ``system.start`` has put u.  Collective.

    This is the interface of every solver that :func:`pfsolid.conduction.effective.solve_tensor` can be given: after it
    returns, ``system.potential`` is u and ``system.residual`` is b - A u.

    Parameters
    ----------
    system : System
        Started.
    is_converged : callable
        ``is_converged(energy, error_estimate) -> bool``, of what has been gained since the start.
    max_iterations : int
    on_iteration : callable, optional
        ``on_iteration(iteration, energy, error_estimate)``; may raise to stop.

    Raises
    ------
    ConvergenceError
        If the tolerance is not met in ``max_iterations``.
    """
    errors = EnergyErrorEstimate(system.spectrum_start)
    r_z = first = system.precondition()
    beta = energy = 0.0
    estimate = errors.upper_bound(r_z)
    if is_converged(energy, estimate):
        return CGResult(energy, estimate, 0)
    for iteration in range(max_iterations):
        if r_z <= _EXHAUSTED * first:
            return CGResult(energy, 0.0, iteration)
        curvature = system.advance_direction(beta)
        if curvature <= 0:  # what is left of r lies in the null space of A
            return CGResult(energy, 0.0, iteration)
        alpha = r_z / curvature
        system.update(alpha)
        energy += alpha * r_z
        r_z_before, r_z = r_z, system.precondition()
        beta = r_z / r_z_before
        estimate = errors.add(alpha, beta, alpha * r_z_before, r_z)
        if on_iteration is not None:
            on_iteration(iteration + 1, energy, estimate)
        if is_converged(energy, estimate):
            return CGResult(energy, estimate, iteration + 1)
    raise ConvergenceError(f"conjugate gradients: {max_iterations} iterations left an error of about {estimate:.2e} in "
                           f"an energy of {energy:.6e}; raise max_iterations or relative_tolerance")
