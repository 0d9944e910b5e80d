"""Conjugate gradients for complex symmetric systems (COCG), with a real multigrid preconditioner.

H. A. van der Vorst, J. B. M. Melissen, IEEE Trans. Magn. 26 (1990) 706, doi:10.1109/20.106415: the recurrences of conjugate
gradients with products that do not conjugate.  M is a multigrid cycle on the moduli |y| of the faces, of which real and
imaginary part take one each.  The iteration breaks down where r . M r or p . A p is 0 and r is not: then z = M r is taken
alone, by conj(z) . r / conj(z) . A z, which are not 0, and the recurrence begins anew.

No energy is minimised.  Since Re y and Im y are not negative, Re[exp(-i pi / 4) y] >= |y| / sqrt(2) on every face, so
|r . A^-1 r| <= sqrt(2) conj(r) . |A|^-1 r.  How far M may be from |A|^-1 the smallest Ritz value of M A tells, that of the
tridiagonal matrix that the coefficients make, by a power that was fitted (docs/verification.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError
from .admittance import AdmittanceSystem
from .effective import ROUNDING
from .multigrid import Multigrid

# sqrt(2) is the bound's; the factor, and over which power of the smallest Ritz value, are fitted on 3264 stops.
_FACTOR, _RITZ_POWER = 2**0.5 * 0.78, 0.7
# No eigenvalue is believed that is lower.  A Ritz value takes time in proportion to the iterations so far, and changes ever
# more slowly: every n-th after 32 n.
_LOWEST, _RITZ_INTERVAL = 1e-3, 32
# Below this part of conj(r) . M r the product r . M r counts as 0; steps longer than that tell that p . A p does.
_BREAKDOWN, _LONGEST = 1e-6, 1e4
# Eigenvalues of the products of earlier potentials below this part of the largest are rounding.
_DEPENDENT = 1e-13
_CONJUGATE = np.array([1, -1], np.float32)[:, None, None, None]


class ModulusMultigrid:
    """The preconditioner: a multigrid cycle on the moduli of the faces of a system, as they are when it is made.

    Parameters
    ----------
    system : AdmittanceSystem
    """

    def __init__(self, system: AdmittanceSystem):
        self._faces = _Faces(system)
        self._multigrid = Multigrid(self._faces)
        self.smallest = 1.0  # eigenvalue of M A that was seen so far
        self.direction = np.empty((2, *system.transform.local_shape), system.faces.dtype)

    def apply(self, residual: np.ndarray) -> float:
        """z = M r in `direction`; conj(r) . z.  Collective.

        Raises
        ------
        ConvergenceError
            If the cycle is not positive definite.
        """
        while True:
            was_twice, total = self._multigrid.twice, 0.0
            for part, out in zip(residual, self.direction):
                total += self._multigrid.apply(part)
                out[...] = self._multigrid.solution
            if self._multigrid.twice == was_twice:
                break
        if not total >= 0:
            raise ConvergenceError(f"the multigrid cycle is not positive definite (r . z = {total:.1e})")
        return total


class _Faces:
    """What a hierarchy of levels is made from."""

    def __init__(self, system: AdmittanceSystem):
        self.transform, self.spacing = system.transform, system.spacing
        self.faces, self.potential = system.modulus(), system.potential[0]


@dataclass(frozen=True)
class FieldSolution:
    """What a field was solved to.

    Attributes
    ----------
    value : complex
        y_eff, in the unit of the system.
    relative_error : float
        Estimated, of its modulus; likewise in radians of its phase.
    iterations : int
    restarts : int
        After breakdowns.
    """

    value: complex
    relative_error: float
    iterations: int
    restarts: int


def solve_field(system: AdmittanceSystem, preconditioner: ModulusMultigrid, axis: int, rtol: float, max_iterations: int,
                earlier: Sequence[np.ndarray] = (), on_iteration: Callable[[int, complex, float], object] | None = None
                ) -> FieldSolution:
    """Solve for a unit field along an axis, from the best combination of potentials of other frequencies.  Collective.

    Parameters
    ----------
    system : AdmittanceSystem
        Its faces are set.
    preconditioner : ModulusMultigrid
        Of the same or a neighbouring frequency.
    axis : int
    rtol : float
        Of the estimated relative error.
    max_iterations : int
    earlier : sequence of ndarray, local (2, n0 + 2, n1, n2)
        With ghost planes.
    on_iteration : callable, optional
        ``on_iteration(iteration, value, relative_error)``; may raise to stop.

    Returns
    -------
    FieldSolution

    Raises
    ------
    ConvergenceError
        If ``rtol`` is not met in ``max_iterations``.
    """
    value = system.start(axis)
    floor = ROUNDING * abs(value)
    value -= _combine(system, earlier)
    z, seen = preconditioner.direction, _Coefficients(preconditioner.smallest)
    iteration = restarts = 0
    rho_before, begins = 1.0 + 0j, True
    while True:
        energy = preconditioner.apply(system.residual)
        rho = system.dot(system.residual, z)
        # The step to come is known before it is made, and tells of M A.
        beta = 0j if begins else rho / rho_before
        curvature = system.advance(z[0], z[1], beta) if energy > 0 else 0j
        sound = abs(rho) > _BREAKDOWN * energy and abs(rho) < _LONGEST * abs(curvature)
        alpha = rho / curvature if sound else 0j
        error = seen.factor(alpha, beta) * energy / max(abs(value), floor)
        if iteration and on_iteration is not None:
            on_iteration(iteration, value, error)
        if error <= rtol or energy == 0:
            preconditioner.smallest = seen.smallest
            return FieldSolution(system.value(), error, iteration, restarts)
        if iteration == max_iterations:
            raise ConvergenceError(f"cocg: {max_iterations} iterations left a relative error of about {error:.2e} in "
                                   f"{value:.6g}; raise max_iterations or relative_tolerance")
        if not sound:
            curvature = system.advance(z[0], z[1], 0j)
            alpha = energy / system.product(system.direction * _CONJUGATE, system.direction)
            restarts += 1
        system.update(alpha)
        value -= alpha * (2 * rho - alpha * curvature)
        rho_before, begins = rho, not sound
        iteration += 1


class _Coefficients:
    """Of the iteration so far: what they say of the smallest eigenvalue of M A.

    Parameters
    ----------
    smallest : float
        What neighbouring systems have shown.
    """

    def __init__(self, smallest: float):
        self.smallest = smallest
        self._alpha: list[complex] = []
        self._beta: list[complex] = []
        self._next = 1

    def factor(self, alpha: complex, beta: complex) -> float:
        """|r . A^-1 r| over conj(r) . M r, at most, before a step; 0 of ``alpha`` where the recurrence begins anew."""
        if not alpha:
            self._alpha, self._beta, self._next = [], [], 1
        else:
            self._alpha.append(alpha)
            self._beta.append(beta)
            if len(self._alpha) >= self._next:
                self._next += 1 + len(self._alpha) // _RITZ_INTERVAL
                self.smallest = min(self.smallest, self._smallest_ritz_value())
        return _FACTOR * float(max(self.smallest, _LOWEST) ** -_RITZ_POWER)

    def _smallest_ritz_value(self) -> float:
        alpha, beta = np.array(self._alpha), np.array(self._beta[1:])
        beside = np.sqrt(beta) / alpha[:-1]
        matrix = np.diag(1 / alpha) + np.diag(beside, 1) + np.diag(beside, -1)
        matrix[1:, 1:] += np.diag(beta / alpha[:-1])
        return float(np.abs(np.linalg.eigvals(matrix)).min())


def _combine(system: AdmittanceSystem, earlier: Sequence[np.ndarray]) -> complex:
    """u = sum a_k v_k with r . v_k = 0 for all k, as Galerkin has it; what that takes off the value.  Collective."""
    if not earlier:
        return 0j
    products = np.array([[system.product(v, w) if k <= m else 0j for m, w in enumerate(earlier)]
                         for k, v in enumerate(earlier)])
    products = products + np.triu(products, 1).T
    slopes = np.array([system.dot(v[:, 1:-1], system.residual) for v in earlier])
    shares = np.linalg.lstsq(products, slopes, rcond=_DEPENDENT)[0]
    system.direction[...] = 0.0
    for share, v in zip(shares, earlier):
        system.direction[0] += share.real * v[0] - share.imag * v[1]
        system.direction[1] += share.real * v[1] + share.imag * v[0]
    system.update(1.0 + 0j)
    return complex(shares @ slopes)
