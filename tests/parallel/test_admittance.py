"""Complex conduction divided over ranks against the same on one."""

import numpy as np
import pytest
from helpers.admittances import solved, system_of
from helpers.builders import ALONE
from helpers.multigrid_images import balls, three_phases


@pytest.mark.parametrize("electrodes", [False, True])
@pytest.mark.parametrize("kind", [balls, three_phases])
def test_same_values_and_iterations(comm, kind, electrodes):
    labels = kind((11, 8, 7), np.random.default_rng(4))
    y = np.array([1 + 0.1j, 0.01 + 1j, 0.3 + 0.2j])
    options = dict(electrodes=electrodes, spacing=(1.0, 0.7, 1.3), resistance=3.0, capacitance=0.2, normals="smoothed")
    expected = solved(system_of(labels, comm=ALONE, **options), y, 0.5, rtol=1e-8)
    system = system_of(labels, comm=comm, **options)
    found = solved(system, y, 0.5, rtol=1e-8)
    assert found.iterations == expected.iterations
    # The same operations on each voxel, sums by planes; what is left is rounding within sums, far below the tolerance.
    assert found.value == pytest.approx(expected.value, rel=1e-11)
    assert system.boundary_area() == pytest.approx(system_of(labels, comm=ALONE, **options).boundary_area(), rel=1e-12)
