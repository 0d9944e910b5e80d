"""Effective conductivity tensor: unit fields along the axes, one linear system each, whatever the discretisation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..errors import ConvergenceError, Interrupted
from ..orientation import Orientation
from .krylov import conjugate_gradients
from .system import System

# Down to here single precision in the preconditioner, the direction of the search and the conductivities of the faces
# changes neither value nor, by more than one or two, iteration count.
_SINGLE_PRECISION_RTOL = 1e-7
# A value below this part of the energy it is subtracted from is rounding: nothing to converge to.
ROUNDING = 1e-13


@dataclass(frozen=True)
class EffectiveConductivity:
    """What :func:`solve_tensor` finds, in the unit of the system's conductivities.

    Attributes
    ----------
    tensor : ndarray (3, 3)
        Symmetric, positive semi-definite; rows and columns of axes that were not solved for are exactly 0.
    relative_error : tuple of 3 float
        Estimated solver error of the diagonal elements, relative to each, or to 1e-13 of the mean conductivity where
        an element is below it, that is, 0 but for rounding.
    iterations : tuple of 3 int
    percolating : tuple of 3 bool
        Axes that were solved for: those along which the conducting phases wrap the cell.
    asymmetry : float
        Largest |<J_i> for E_j - <J_j> for E_i| relative to the mean of the diagonal: a check on the solves, which
        converges more slowly than the tensor itself.
    """

    tensor: np.ndarray
    relative_error: tuple[float, float, float]
    iterations: tuple[int, int, int]
    percolating: tuple[bool, bool, bool]
    asymmetry: float

    @property
    def mean(self) -> float:
        """(s_xx + s_yy + s_zz) / 3."""
        return float(np.trace(self.tensor) / 3)

    def turned(self, orientation: Orientation) -> EffectiveConductivity:
        """The same by other axes."""
        turn = orientation.turn
        return replace(self, tensor=orientation.turn_tensor(self.tensor), relative_error=turn(self.relative_error),
                       iterations=turn(self.iterations), percolating=turn(self.percolating))


def preconditioner_precision(rtol: float) -> str:
    """Precision the transform, and with it what a system keeps in its type, needs for a relative tolerance of sigma_eff."""
    return "float32" if rtol >= _SINGLE_PRECISION_RTOL else "float64"


def solve_tensor(system: System, axes, rtol: float = 1e-4, max_iterations: int = 5000, solver=conjugate_gradients,
                 guesses=None, on_iteration=None, on_solved=None, settle=None, memory=None) -> EffectiveConductivity:
    """Tensor of any system, in its units.  Collective.

    Parameters
    ----------
    system : System
    axes : sequence of int
        Axes to solve for.
    rtol : float
        Bound on the estimated relative error of each diagonal element.
    solver : callable
        With the signature and duties of :func:`pfsolid.conduction.krylov.conjugate_gradients`.
    guesses : dict, optional
        {axis: potential to start from, ndarray, local (n0, n1, n2)}, such as that of another temperature.
    on_iteration : callable, optional
        ``on_iteration(axis, iteration, value, relative_error)``; may raise to stop.
    on_solved : callable, optional
        ``on_solved(axis, system)`` while the potential of that axis is at hand; collective.
    settle : callable, optional
        ``settle(axis, solve)`` once ``rtol`` is met, for what wants a better potential than sigma_eff does: with ``solve``,
        a :class:`Solve`, it can go on; collective.
    memory : SolveMemory, optional
        What an earlier launch has solved; it is told of each axis.

    Raises
    ------
    ConvergenceError
        If ``rtol`` is not met in ``max_iterations``.

    Notes
    -----
    The tensor is the bilinear form <(E_i - grad u_i) sigma (E_j - grad u_j)> = <J_i of u_j> - <u_i r_j>, whose error
    is of second order in those of u, as the energy's is.  It is evaluated in double from u: the energy that conjugate
    gradients sum up carries the rounding errors of single precision, which matter where sigma_eff is far below the mean
    conductivity it is subtracted from.
    """
    tensor, fluxes = np.zeros((3, 3)), np.zeros((3, 3))
    error, iterations = [0.0] * 3, [0] * 3
    potentials = {}
    for axis in axes:
        known = memory and memory.recall(axis, axes)
        if known is None:
            guess = (guesses or {}).get(axis)
            solve = _solved(system, axis, rtol, max_iterations, solver, guess, on_iteration, settle, memory)
            error[axis], iterations[axis] = solve.relative_error, solve.iterations
            fluxes[axis] = system.mean_flux(axis)
            tensor[axis, axis] = fluxes[axis, axis] - system.mean_work()
            for other, potential in potentials.items():
                tensor[axis, other] = tensor[other, axis] = (
                    fluxes[axis, other] - system.mean_product(potential, system.residual))
        else:
            error[axis], iterations[axis] = known.relative_error, known.iterations
            fluxes[axis], tensor[axis] = known.flux, known.row
            tensor[:, axis] = known.row
            if known.potential is None:
                continue
            system.start(axis, known.potential)
            system.potential[...] = known.potential  # with the bits that single precision takes from a guess
        if axis != axes[-1]:
            potentials[axis] = system.potential.astype(np.float32)
        if on_solved is not None:
            on_solved(axis, system)
        if memory and known is None:
            # Of later axes the row has zeros, which they replace.
            memory.keep(axis, SolvedAxis(error[axis], iterations[axis], fluxes[axis].copy(), tensor[axis].copy(),
                                         system.potential))
    solved = fluxes[np.ix_(axes, axes)]
    scale = np.trace(solved) / max(len(axes), 1)
    asymmetry = float(np.abs(solved - solved.T).max() / scale) if len(axes) > 1 and scale > 0 else 0.0
    return EffectiveConductivity(tensor, tuple(error), tuple(iterations), tuple(axis in axes for axis in range(3)),
                                 asymmetry)


@dataclass(frozen=True)
class SolvedAxis:
    """What the solve of an axis leaves.

    Attributes
    ----------
    relative_error : float
    iterations : int
    flux : ndarray (3,)
        <J>.
    row : ndarray (3,)
        Of the tensor, as far as the axes before it tell.
    potential : ndarray, local (n0, n1, n2), or None
        None: it is not wanted any more.
    """

    relative_error: float
    iterations: int
    flux: np.ndarray
    row: np.ndarray
    potential: np.ndarray | None


class SolveMemory(Protocol):
    """What has been solved of one tensor, over several launches.  Every method is collective."""

    def recall(self, axis: int, axes) -> SolvedAxis | None:
        """An axis that is solved, with its potential as long as one of ``axes`` is not or the caller wants it."""

    def guess(self, axis: int) -> tuple[np.ndarray, int] | None:
        """Potential and iterations of a solve that was stopped."""

    def keep(self, axis: int, solved: SolvedAxis) -> None:
        """Called when an axis is solved."""

    def stop(self, axis: int, potential: np.ndarray, iterations: int) -> None:
        """Called when the solve of an axis is stopped."""


def _solved(system: System, axis: int, rtol: float, max_iterations: int, solver, guess, on_iteration, settle,
            memory: SolveMemory | None) -> Solve:
    """The solve of one axis, from where an earlier launch was stopped if there is such."""
    begun = memory and memory.guess(axis)
    if begun:
        guess = begun[0]
    solve = Solve(system, axis, solver, guess, on_iteration)
    before = begun[1] if begun else 0
    try:
        solve.run(rtol, max_iterations)
        if settle is not None:
            settle(axis, solve)
    except Interrupted:
        if memory:
            memory.stop(axis, system.potential, before + solve.seen)
        raise
    solve.iterations += before
    return solve


class Solve:
    """One unit field on one system, solved in one go or several.  Collective.

    Parameters
    ----------
    system, solver, on_iteration
        As for :func:`solve_tensor`.
    axis : int
    guess : ndarray, optional

    Attributes
    ----------
    relative_error : float
        Estimated, of the energy of the present potential: sigma_eff.
    iterations : int
        Until now.
    seen : int
        Iterations that were reported until now.
    """

    def __init__(self, system: System, axis: int, solver, guess=None, on_iteration=None):
        self.system, self.axis = system, axis
        self.relative_error, self.iterations, self.seen = math.inf, 0, 0
        self._solver, self._on_iteration = solver, on_iteration
        self._value = system.start(axis, guess)
        self._floor = ROUNDING * self._value

    @property
    def is_zero(self) -> bool:
        """Whether sigma_eff is 0 but for rounding."""
        return self._value <= self._floor

    def run(self, rtol: float, max_iterations: int) -> None:
        """Iterate until the estimated relative error is at most ``rtol``.

        Raises
        ------
        ConvergenceError
            If ``max_iterations`` do not do.
        """
        before, done = self._value, self.iterations

        def relative(energy, estimate):
            scale = max(before - energy, self._floor)
            return estimate / scale if scale > 0 else 0.0

        def report(iteration, energy, estimate):
            self.seen = done + iteration
            self._on_iteration(self.axis, done + iteration, before - energy, relative(energy, estimate))

        result = self._solver(self.system, lambda energy, estimate: relative(energy, estimate) <= rtol, max_iterations,
                              self._on_iteration and report)
        self.relative_error = relative(result.energy, result.error_estimate)
        self.iterations = done + result.iterations
        self._value = before - result.energy

    def go_on(self, rtol: float, max_iterations: int) -> bool:
        """As `run`, from where it stands; False where ``max_iterations`` do not do: a little better than before, then."""
        self.system.resume()
        try:
            self.run(rtol, max_iterations)
        except ConvergenceError:
            self.iterations += max_iterations
            return False
        return True
