"""Conjugate gradients preconditioned by a multigrid cycle on the finite volumes themselves.

The preconditioner is spectrally equivalent to the operator, whatever the contrast: iterations are few, and r . M r is the
energy of the error within a small factor.  Coarse levels give the potential to start from.

The potential is kept in double, and so is the residual where rounding would show; what is preconditioned and the direction
of the search have the precision of the system's faces.  No Fourier transform is used.
"""

from __future__ import annotations

import numpy as np

from ..errors import ConvergenceError, InputError
from .finite_volumes import FiniteVolumes
from .krylov import CGResult
from .multigrid_clusters import exponents_of, good_clusters
from .multigrid_estimate import EquivalentErrorEstimate
from .multigrid_levels import Hierarchy

# Iterations on each coarser level before the first one, and how few voxels the first of them may have.
_START_ITERATIONS, _START_VOXELS = 2, 512
# Below this r.z has lost its digits: going on would only amplify rounding errors in the null space of A.
_EXHAUSTED = 1e-27
# Of single precision, and how much of the tolerance it may take.
_ROUNDING, _SHARE_OF_ROUNDING = 2.0**-24, 0.1
# Behind pinholes that says nothing: r . z, over that of the start, at which the residual is taken up in double.
_SINGLE_REACHES = 1e-9


class MultigridSolver:
    """Conjugate gradients with geometric multigrid, called like :func:`pfsolid.conduction.krylov.conjugate_gradients`.

    The levels are kept for further fields on the same system.  Collective.

    Raises
    ------
    InputError
        When called with a system that is not of finite volumes.
    ConvergenceError
        If the tolerance is not met in ``max_iterations``, or the cycle is not positive definite.
    """

    def __init__(self) -> None:
        self._system = self._preconditioner = None

    def __call__(self, system, is_converged, max_iterations: int, on_iteration=None) -> CGResult:
        if system is not self._system:
            if not isinstance(system, FiniteVolumes):
                raise InputError('solver = "multigrid" works on finite volumes only, not on elements or full tensors: '
                                 'use solver = "fft"')
            self._preconditioner = Multigrid(system)
            self._system = system
        return self._preconditioner.solve(is_converged, max_iterations, on_iteration)


class Multigrid:
    """The preconditioner M for a system of finite volumes: a symmetric cycle, and shifts of isolated good conductors.

    Every method is collective.
    """

    def __init__(self, system):
        self._system = system
        self._num_voxels = system.transform.grid.num_voxels
        self._exhausted = 0.0  # what r . z is when its digits are gone, for this field
        self._levels = Hierarchy(system)
        finest, reducer = self._levels.levels[0], system.transform.reducer
        self._exponents = exponents_of(finest, reducer)
        self._clusters = good_clusters(finest, self._exponents, reducer)

    def precondition(self, alpha: float = 0.0) -> float:
        """r -= alpha A p and u += alpha p, then z = M r; r . z, a mean over the voxels.

        W-cycles are positive definite by construction; should rounding break one, V-cycles take over.  Where r is
        nothing but rounding, as with few voxels and a tight tolerance, the sign says nothing: 0.

        Raises
        ------
        ConvergenceError
            If V-cycles are not positive definite either.
        """
        r_z = self._cycle(alpha)
        if r_z < -self._exhausted and self._levels.twice:
            self._levels.twice = False
            r_z = self._cycle(0.0)
        if -self._exhausted <= r_z < 0:
            return 0.0
        if not r_z >= 0:  # nan too
            raise ConvergenceError(f'the multigrid cycle is not positive definite (r . z = {r_z:.1e}): use solver = "fft"')
        return r_z

    def remaining_energy(self) -> float:
        """Of the present residual: r . M r or, if that is more, the energy of the best step along M r."""
        r_z = self.precondition()
        curvature = self._levels.advance(0, 0.0) / self._num_voxels
        return max(r_z, r_z**2 / curvature) if curvature > 0 else r_z

    def apply(self, field: np.ndarray) -> float:
        """z = M f of any field f, local (n0, n1, n2), in `solution`; f . z, a mean over the voxels.

        Below 0 where neither W- nor, from then on, V-cycles are positive definite on it.
        """
        r_z = self._cycle(0.0, field)
        if r_z < 0 and self._levels.twice:
            self._levels.twice = False
            r_z = self._cycle(0.0, field)
        return r_z

    @property
    def twice(self) -> bool:
        """Whether cycles are W-cycles; another preconditioner where that has changed."""
        return self._levels.twice

    def _cycle(self, alpha: float, field: np.ndarray | None = None) -> float:
        finest = self._levels.levels[0]
        finest.f = self._system.residual if field is None else field
        r_z = self._levels.cycle(0, alpha)
        for clusters in self._clusters:
            r_z += clusters.add(finest.f, finest.x)
        return r_z / self._num_voxels

    @property
    def solution(self) -> np.ndarray:
        """z of the last call, local (n0, n1, n2)."""
        return self._levels.levels[0].x[1:-1, :-1]

    def solve(self, is_converged, max_iterations: int, on_iteration=None) -> CGResult:
        """Conjugate gradients from where ``system.start`` has put u.

        Parameters
        ----------
        is_converged : callable
            ``is_converged(energy, error_estimate)``, of what has been gained since the start.
        max_iterations : int
        on_iteration : callable, optional
            ``on_iteration(iteration, energy, error_estimate)``.

        Returns
        -------
        CGResult

        Raises
        ------
        ConvergenceError
            If ``max_iterations`` do not do, or the cycle is not positive definite.
        """
        system, errors = self._system, EquivalentErrorEstimate()
        floor = self._reach_of_single()
        single = system.evaluates_anew and is_converged(0.0, floor)
        self._levels.levels[0].f = system.residual_as(np.float32 if single else np.float64)
        energy, alpha = self._start_on_coarse_levels() if system.starts_from_zero else (0.0, 0.0)
        system.starts_from_zero = False
        self._exhausted = 0.0
        r_z = first = self.precondition(alpha)
        self._exhausted = _EXHAUSTED * first
        iteration, beta = 0, 0.0
        while True:
            # The step to come tells most of what is left; where there is none, r lies in the null space of A.
            curvature = self._levels.advance(0, beta) / self._num_voxels if r_z > self._exhausted else 0.0
            alpha = r_z / curvature if curvature > 0 else 0.0
            estimate = errors.add(alpha, r_z) if alpha else 0.0
            if iteration and on_iteration is not None:
                on_iteration(iteration, energy, estimate)
            if not alpha or is_converged(energy, estimate):
                return CGResult(energy, estimate, iteration)
            if iteration == max_iterations:
                raise ConvergenceError(f"multigrid: {max_iterations} iterations left an error of about {estimate:.2e} in an "
                                       f"energy of {energy:.6e}; raise max_iterations or relative_tolerance")
            if single and (estimate < floor or r_z < _SINGLE_REACHES * first):
                single = False
                system.refresh_residual()
                errors, beta, r_z = EquivalentErrorEstimate(errors), 0.0, self.precondition()
                continue
            energy += alpha * r_z
            was_twice = self._levels.twice
            r_z_before, r_z = r_z, self.precondition(alpha)
            beta = r_z / r_z_before
            iteration += 1
            if self._levels.twice != was_twice:  # To another preconditioner directions and coefficients mean nothing.
                errors, beta = EquivalentErrorEstimate(errors), 0.0

    def _reach_of_single(self) -> float:
        """Error of the energy down to which a residual in single precision will do; infinite where it will not.

        Each number is wrong by 6e-8 of the currents around it, and a poor conductor carries that as far as the cell is long.
        """
        exponents = self._exponents
        if self._levels.levels[0].faces.dtype == np.float64 or not exponents.size:
            return np.inf
        contrast = 2.0 ** (exponents[-1] - exponents[0] + 1)
        largest = 2.0 ** (exponents[-1] + 1) * min(self._system.spacing) ** 2
        return contrast * max(self._system.transform.grid.shape) ** 2 * _ROUNDING**2 * largest / _SHARE_OF_ROUNDING

    def _start_on_coarse_levels(self) -> tuple[float, float]:
        """Put what the coarse levels know of the solution into p; the energy gained by a step along it, and that step.

        (0, 0) if there are too few voxels.
        """
        levels = self._levels
        sizes = [level.num_voxels for level in levels.levels]
        last = max((q for q, size in enumerate(sizes) if size >= _START_VOXELS), default=0)
        if last == 0:
            return 0.0, 0.0
        for q in range(last):
            levels.restrict(q)
        curvature = slope = 0.0
        for q in range(last, 0, -1):
            self._iterate(q, slope / curvature if curvature > 0 else 0.0)
            curvature, slope = levels.interpolate(q - 1)
        return (slope**2 / curvature / self._num_voxels, slope / curvature) if curvature > 0 else (0.0, 0.0)

    def _iterate(self, q: int, alpha: float) -> None:
        """A few iterations of conjugate gradients for u on level q, after a first step along what p holds."""
        levels = self._levels
        levels.levels[q].u[...] = 0
        f_x, beta = levels.cycle(q, alpha), 0.0
        for iteration in range(_START_ITERATIONS):
            curvature = levels.advance(q, beta)
            if not f_x > 0 or not curvature > 0:
                return
            alpha = f_x / curvature
            if iteration == _START_ITERATIONS - 1:
                levels.update(q, alpha)
                return
            f_x_before, f_x = f_x, levels.cycle(q, alpha)
            beta = f_x / f_x_before
