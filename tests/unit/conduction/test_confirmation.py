"""What confirms the stop of conjugate gradients with the FFT preconditioner."""

import numpy as np
import pytest
from helpers.builders import divide_labels, make_transform
from helpers.multigrid_images import dense_matrix, exact_value, pinholes, system_of, three_phases

from pfsolid.conduction.confirmation import CheckedConjugateGradients, _volumes
from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.elements import ElementSystem


def elements_of(labels, sigma, spacing=(1.0, 1.0, 1.0)):
    transform = make_transform(labels.shape, spacing)
    return ElementSystem(divide_labels(labels, transform), np.array(sigma), transform)


def element_matrix(system) -> np.ndarray:
    columns = []
    for unit in np.eye(system.potential.size):
        system._direction[1:-1].flat = unit
        system.transform.ghosts.fill(system._direction)
        system._apply(np.zeros(3))
        columns.append(system._product.ravel().copy())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("sigma", [(0.01, 1.0, 0.2), (0.0, 1.0, 1e-6), np.outer([0.01, 1.0, 0.2], [1.0, 0.3, 5.0])])
def test_edges_bound_elements(sigma):
    """The energy of elements is between 1/9 and 1 of that of their edges, at any contrast and edge of the voxels."""
    system = elements_of(three_phases((6, 5, 7), np.random.default_rng(0)), sigma, (1.0, 0.7, 2.0))
    edges, elements = dense_matrix(_volumes(system)), element_matrix(system)
    # To rounding of the edges' conductivities in single precision, 6e-8.
    for difference in (edges - elements, elements - edges / 9):
        assert np.linalg.eigvalsh(difference)[0] >= -1e-7 * np.linalg.eigvalsh(edges)[-1]


@pytest.mark.parametrize("electrodes", [False, True])
def test_stop_behind_pinholes(electrodes):
    """Where the coefficients of conjugate gradients alone stopped at errors 26 times the claimed one."""
    labels = pinholes((13, 8, 8), np.random.default_rng(2))
    exact = exact_value(system_of(labels, (0.0, 1.0), electrodes), 0)
    for rtol in (1e-2, 1e-4, 1e-6):
        found = solve_tensor(system_of(labels, (0.0, 1.0), electrodes), (0,), rtol, 500, CheckedConjugateGradients())
        # 1.5 is asked; docs/verification.md has the stops.
        assert found.tensor[0, 0] / exact - 1 <= 1.5 * found.relative_error[0] + 1e-10
        assert found.relative_error[0] <= rtol


def test_a_stop_that_is_not_confirmed_goes_on():
    """The iteration alone stops earlier, and both end within the tolerance asked for."""
    labels = np.ones((20, 20, 20), np.uint8)
    for low, (j, k) in zip((4, 10, 16), np.random.default_rng(1).integers(0, 20, (3, 2))):
        labels[low:low + 2] = 0
        labels[low:low + 2, j, k] = 1
    alone, checked = (solve_tensor(system_of(labels, (0.0, 1.0)), (0,), 1e-4, 500, *solver)
                      for solver in ((), (CheckedConjugateGradients(),)))
    assert alone.iterations[0] <= checked.iterations[0] and checked.relative_error[0] <= 1e-4
