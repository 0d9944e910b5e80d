"""Nuclei placed by several ranks against the same by one."""

import numpy as np
import pytest
from helpers.builders import ALONE, HU_SPACING, gather, make_transform

from pfsolid.errors import InputError
from pfsolid.phasefield.nucleation import plan_nucleation, seed_nuclei


@pytest.mark.parametrize("factors", [(1, 1), (3000, 1), (20, 20), (3000, 3000)])
@pytest.mark.parametrize("options", [{}, {"expected": 2.5}])
def test_same_bits_at_every_rank_count(comm, factors, options):
    kappa = (factors[0] / 8, factors[1] / 8, 1 / 8)
    transforms = [make_transform((30, 32, 28), HU_SPACING, one) for one in (comm, ALONE)]
    plan = plan_nucleation(transforms[0].grid, 0.81, kappa, **options)
    numbers = [seed_nuclei(transform, plan, seed=3) for transform in transforms]
    assert numbers[0] == numbers[1] >= 1
    assert np.array_equal(gather(transforms[0].real, comm), transforms[1].real)


def test_single_precision(comm):
    transform = make_transform((30, 32, 28), HU_SPACING, comm, dtype="float32")
    seed_nuclei(transform, plan_nucleation(transform.grid, 0.81), seed=3)
    total = transform.reducer.sum(transform.real.sum(dtype=np.float64))[0]
    # Each value is rounded to 6e-8.
    assert total / transform.grid.num_voxels == pytest.approx(0.81, abs=1e-7)


def test_refused_by_all(comm):
    transform = make_transform((30, 32, 28), HU_SPACING, comm)
    with pytest.raises(InputError, match="cannot fit"):
        plan_nucleation(transform.grid, 0.97)
