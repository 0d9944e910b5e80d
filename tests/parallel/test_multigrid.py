"""Multigrid divided over ranks against the same on one: the same iterations, and the same numbers but for rounding."""

import numpy as np
import pytest
from helpers.builders import ALONE, HU_SIGMA, grow_labels
from helpers.multigrid_images import balls, pinholes, system_of, three_phases

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.multigrid import Multigrid, MultigridSolver

SPACING = (1.0, 0.7, 1.3)
CASES = {
    "three phases": (three_phases, (19, 9, 7), (0.0, 1.0, 0.05)),
    "flat": (three_phases, (22, 8, 1), (0.0, 1.0, 0.05)),
    "balls": (balls, (14, 15, 12), (1e-5, 1.0)),
    "chambers": (pinholes, (13, 17, 11), (0.0, 1.0)),
    "one plane a rank": (three_phases, (4, 9, 12), (0.1, 1.0, 0.05)),
}


def solve(labels, sigma, comm, electrodes, dtype, spacing=SPACING, rtol=1e-6):
    progress = []
    axes = (0,) if electrodes else tuple(axis for axis, n in enumerate(labels.shape) if n > 1)
    found = solve_tensor(system_of(labels, sigma, electrodes, spacing, dtype, comm), axes, rtol, 300, MultigridSolver(),
                         on_iteration=lambda *values: progress.append(values))
    return found, progress


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("electrodes", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_same_iterations_and_values(comm, name, electrodes, dtype):
    kind, shape, sigma = CASES[name]
    labels = kind(shape, np.random.default_rng(2))
    expected, alone = solve(labels, sigma, ALONE, electrodes, dtype)
    found, progress = solve(labels, sigma, comm, electrodes, dtype)
    assert found.iterations == expected.iterations and len(set(comm.allgather(tuple(progress)))) == 1
    # The same operations on each voxel and sums by planes; what is left is the order within sums of double numbers, that
    # the last iterations amplify: 1e-7 is asked.
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=1e-7 * expected.tensor.max())


def test_grown_microstructure(comm):
    labels = grow_labels((36, 30, 33), 0.4)
    expected, _ = solve(labels, HU_SIGMA, ALONE, False, "float32", (1.0,) * 3, 1e-4)
    found, _ = solve(labels, HU_SIGMA, comm, False, "float32", (1.0,) * 3, 1e-4)
    assert found.iterations == expected.iterations and max(found.iterations) <= 10
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=1e-7 * expected.tensor.max())


@pytest.mark.parametrize("electrodes", [False, True])
def test_one_application(comm, electrodes):
    """M r, to rounding, for cells whose slabs begin with odd planes and whose coarse levels stay divided."""
    labels = three_phases((37, 40, 40), np.random.default_rng(1))
    outcomes = []
    for each in (comm, ALONE):
        system = system_of(labels, (0.3, 1.0, 0.05), electrodes, SPACING, "float64", each)
        slab = system.transform.local_slice[0]
        system.residual[...] = np.random.default_rng(3).standard_normal(labels.shape)[slab]
        preconditioner = Multigrid(system)
        r_z = preconditioner.precondition()
        outcomes.append((r_z, np.concatenate(each.allgather(preconditioner.solution.copy()))))
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-12)
    # Every sum over neighbours is the same; the shifts of clusters add up in another order.
    assert np.allclose(outcomes[0][1], outcomes[1][1], rtol=0, atol=1e-12 * np.abs(outcomes[1][1]).max())
