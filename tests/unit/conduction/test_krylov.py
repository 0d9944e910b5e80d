"""Conjugate gradients and the energy-error estimate on small matrices, where all is known exactly."""

import numpy as np
import pytest

from pfsolid.conduction.krylov import EnergyErrorEstimate, conjugate_gradients
from pfsolid.errors import ConvergenceError


class DenseSystem:
    """A x = b with preconditioner P, in the form that conjugate gradients are handed."""

    def __init__(self, A, b, P=None):
        self.A, self.P = A, np.eye(len(b)) if P is None else P
        self.residual, self.x, self.p = b.copy(), np.zeros_like(b), np.zeros_like(b)
        values = np.linalg.eigvals(self.P @ A).real
        self.spectrum_start = values[values > 0].min()

    def precondition(self):
        self.z = self.P @ self.residual
        return float(self.residual @ self.z)

    def advance_direction(self, beta):
        self.p = self.z + beta * self.p
        return float(self.p @ self.A @ self.p)

    def update(self, alpha):
        self.x += alpha * self.p
        self.residual -= alpha * self.A @ self.p


def spread_matrix(n, condition, seed=1):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return basis @ np.diag(np.geomspace(1 / condition, 1, n)) @ basis.T, rng.standard_normal(n)


def relative(rtol):
    return lambda energy, estimate: estimate <= rtol * energy


@pytest.mark.parametrize("condition", [1.0, 10.0, 1e3])
def test_solution_and_energy(condition):
    A, b = spread_matrix(30, condition)
    system = DenseSystem(A, b)
    result = conjugate_gradients(system, relative(1e-13), 200)
    exact = np.linalg.solve(A, b)
    # An energy error of 1e-13 is a solution error of its root, in the energy norm.
    assert np.sqrt((system.x - exact) @ A @ (system.x - exact)) <= 1e-6 * np.sqrt(b @ exact)
    assert result.energy == pytest.approx(b @ exact, rel=1e-12)


def test_exact_preconditioner_takes_one_iteration():
    A, b = spread_matrix(30, 1e3)
    result = conjugate_gradients(DenseSystem(A, b, np.linalg.inv(A)), relative(1e-12), 50)
    assert result.iterations == 1
    assert result.energy == pytest.approx(b @ np.linalg.solve(A, b), rel=1e-12)


def test_nothing_to_solve():
    A, b = spread_matrix(10, 10.0)
    result = conjugate_gradients(DenseSystem(A, 0 * b), relative(1e-4), 50)
    assert (result.energy, result.error_estimate, result.iterations) == (0.0, 0.0, 0)


def test_preconditioner_changes_the_iterations_not_the_energy():
    A, b = spread_matrix(40, 1e4)
    scaled = np.geomspace(1, 30, 40)
    A, b = A * np.outer(scaled, scaled), b * scaled
    exact = b @ np.linalg.solve(A, b)
    plain = conjugate_gradients(DenseSystem(A, b), relative(1e-12), 2000)
    better = conjugate_gradients(DenseSystem(A, b, np.diag(scaled**-2.0)), relative(1e-12), 2000)
    assert plain.energy == pytest.approx(exact, rel=1e-9) and better.energy == pytest.approx(exact, rel=1e-9)
    assert better.iterations < plain.iterations


@pytest.mark.parametrize("condition", [10.0, 1e2, 1e4])
@pytest.mark.parametrize("seed", range(5))
def test_estimate_against_the_true_error(condition, seed):
    """At every iteration within 1/50 and 4 of the true error, while there is any, if the spectrum's start is known.

    It is a mean of an upper and a lower bound that are far apart where CG stands still.  What is asked of it
    where solves stop, on microstructures, is in tests/verification.
    """
    A, b = spread_matrix(60, condition, seed)
    exact = b @ np.linalg.solve(A, b)
    ratios = []

    def compare(iteration, energy, estimate):
        true = exact - energy
        if true > 1e-10 * exact:
            ratios.append(true / estimate)

    conjugate_gradients(DenseSystem(A, b), relative(1e-12), 1000, compare)
    assert len(ratios) > 5
    assert max(ratios) <= 4 and min(ratios) >= 0.02


def test_estimate_recovers_from_a_wrong_start_of_the_spectrum():
    """Told a spectrum that starts 100 times too high, it is right again once CG has seen the lowest part."""
    A, b = spread_matrix(60, 1e3)
    system = DenseSystem(A, b)
    system.spectrum_start *= 100
    exact = b @ np.linalg.solve(A, b)
    result = conjugate_gradients(system, relative(1e-8), 1000)
    assert exact - result.energy <= 2 * result.error_estimate


def test_estimate_is_zero_at_the_end():
    errors = EnergyErrorEstimate(1.0)
    assert errors.add(alpha=1.0, beta=0.0, decrement=2.0, r_z=0.0) == 0.0


def test_running_out_of_iterations():
    A, b = spread_matrix(60, 1e4)
    with pytest.raises(ConvergenceError, match="5 iterations"):
        conjugate_gradients(DenseSystem(A, b), relative(1e-8), 5)


def test_progress_is_reported_and_can_stop_the_solve():
    A, b = spread_matrix(60, 1e4)
    seen = []

    def stop_at_three(iteration, energy, estimate):
        seen.append((iteration, energy, estimate))
        if iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conjugate_gradients(DenseSystem(A, b), relative(1e-8), 50, stop_at_three)
    iterations, energies, estimates = zip(*seen)
    assert iterations == (1, 2, 3)
    assert energies[0] < energies[1] < energies[2] and min(estimates) > 0


def test_what_lies_in_the_null_space_is_left():
    """A singular matrix and a right-hand side not quite in its range, as rounding leaves it."""
    A = np.diag([0.0, 1.0, 2.0])
    result = conjugate_gradients(DenseSystem(A, np.array([1e-17, 0.0, 0.0]), np.eye(3)), lambda *_: False, 10)
    assert result.iterations == 0 and result.energy == 0


def test_small_enough_from_the_start():
    A, b = spread_matrix(30, 10.0)
    result = conjugate_gradients(DenseSystem(A, 1e-6 * b), lambda energy, estimate: estimate <= 1e-6, 50)
    assert result.iterations == 0
    # An upper bound: half the start of the spectrum, 1 / 10, is below all of it.
    assert 1e-12 * b @ np.linalg.solve(A, b) <= result.error_estimate <= 1e-6
