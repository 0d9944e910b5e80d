"""The iterative-perturbation solver: its value, its known rate, its estimate, and the guard that gives up early."""

import numpy as np
import pytest
from helpers.builders import HU_SIGMA, divide_labels, effective_conductivity, grow_labels, make_transform

from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.perturbation import make_perturbation
from pfsolid.errors import ConvergenceError


def random_labels(shape=(12, 10, 8), seed=1):
    return np.random.default_rng(seed).choice(3, shape, p=[0.3, 0.4, 0.3]).astype(np.uint8)


def tensor(labels, sigma, solver=None, axes=(True, True, True), **options):
    transform = make_transform(labels.shape)
    more = {} if solver is None else {"solver": solver}
    return effective_conductivity(divide_labels(labels, transform), sigma, transform, axes, **more, **options)


def solver_for(sigma):
    return make_perturbation(min(sigma) / max(sigma), 1.0)


@pytest.mark.parametrize("sigma", [(0.2, 1.0, 5.0), (1.0, 1.0, 0.1), (0.0, 1.0, 0.3)])
def test_same_tensor_as_conjugate_gradients(sigma):
    labels = random_labels()
    expected = tensor(labels, sigma, rtol=1e-10)
    found = tensor(labels, sigma, solver_for(sigma), rtol=1e-8)
    # Both share one discretisation: what is left is the tolerance.
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=4e-8 * expected.tensor.max())
    assert min(found.iterations) > max(expected.iterations) / 2


def test_a_uniform_medium_needs_none_and_a_layered_one_few():
    assert tensor(np.ones((6, 5, 4), np.uint8), (0.0, 2.0), make_perturbation(0.0, 1.0)).iterations == (0, 0, 0)
    layers = np.zeros((8, 6, 4), np.uint8)
    layers[:5] = 1
    result = tensor(layers, (1.0, 3.0), solver_for((1.0, 3.0)), rtol=1e-9)
    # Harmonic and arithmetic mean of 3 layers of 1 and 5 of 3.
    assert np.allclose(result.tensor.diagonal(), [8 / (3 + 5 / 3), 18 / 8, 18 / 8], rtol=2e-9)


@pytest.mark.parametrize("contrast", [3.0, 10.0, 30.0])
def test_rate_is_that_of_the_contrast(contrast):
    """From a random start, which excites every mode, the error of u shrinks by (c - 1) / (c + 1) an iteration.

    Its energy, which the decrements sum to, by the square; the modes inside uniform regions have exactly that rate, and
    no mode is slower.
    """
    labels = (np.arange(16)[:, None, None] // 8 + np.zeros((16, 8, 8))).astype(np.uint8)
    transform = make_transform(labels.shape)
    system = ConductionSystem(divide_labels(labels, transform), np.array([1 / contrast, 1.0]), transform)
    system.start(1, np.random.default_rng(1).standard_normal(labels.shape))
    energies = []
    make_perturbation(1 / contrast, 1.0)(system, lambda energy, estimate: estimate <= 1e-9 * energy, 1000,
                                         lambda iteration, energy, estimate: energies.append(energy))
    ratios = np.diff(energies)[1:] / np.diff(energies)[:-1]
    expected = ((contrast - 1) / (contrast + 1)) ** 2
    resolved = np.diff(energies)[1:] > 1e-9 * energies[-1]
    # All modes at both ends of the spectrum have the same rate: it is there from early on.
    assert np.all(ratios[resolved] <= expected * (1 + 1e-6))
    assert ratios[resolved][-1] == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("sigma", [(1 / 30, 1.0, 1.0), (1 / 30, 1.0, 0.2), (1.0, 1 / 30, 1 / 30), (0.0, 1.0, 0.1)])
def test_estimate(sigma):
    """On a microstructure: the true error is between a tenth of the estimate and twice it, wherever a solve stops."""
    labels = grow_labels((24, 24, 24), 0.4)
    exact = tensor(labels, sigma, rtol=1e-10).tensor[0, 0]
    for rtol in (1e-2, 1e-3, 1e-4, 1e-5):
        found = tensor(labels, sigma, solver_for(sigma), (True, False, False), rtol=rtol)
        true = found.tensor[0, 0] / exact - 1
        assert 0.1 <= true / found.relative_error[0] <= 2 and found.relative_error[0] <= rtol


@pytest.mark.parametrize("sigma", [(1.0, 1e-6, 1e-6), (0.0, 1.0, 1e-8)])
def test_it_gives_up_early_and_names_the_alternative(sigma):
    labels = random_labels()
    tried = []
    with pytest.raises(ConvergenceError, match='use solver = "fft"'):
        tensor(labels, sigma, solver_for(sigma), on_iteration=lambda *values: tried.append(values))
    assert len(tried) < 100
    # The alternative does it.
    assert max(tensor(labels, sigma).relative_error) <= 1e-4


def test_the_guard_lets_slow_convergence_be():
    """Contrast 3516 and zeros: some hundred iterations, at a rate that reaches the tolerance."""
    labels = grow_labels((24, 24, 24), 0.4)
    found = tensor(labels, HU_SIGMA, make_perturbation(0.0, 1.0), (True, False, False), rtol=1e-3)
    assert found.tensor[0, 0] == pytest.approx(tensor(labels, HU_SIGMA, rtol=1e-8).tensor[0, 0], rel=2e-3)
    with pytest.raises(ConvergenceError, match="would not do"):
        tensor(labels, HU_SIGMA, make_perturbation(0.0, 1.0), (True, False, False), rtol=1e-6, max_iterations=500)


def test_running_out_of_iterations():
    with pytest.raises(ConvergenceError, match="5 iterations"):
        tensor(random_labels(), (0.2, 1.0, 5.0), solver_for((0.2, 1.0, 5.0)), rtol=1e-8, max_iterations=5)


def test_progress_can_stop_it():
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tensor(random_labels(), (0.2, 1.0, 5.0), solver_for((0.2, 1.0, 5.0)), on_iteration=stop)
