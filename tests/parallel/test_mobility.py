"""A run with M(rho) divided over ranks against the same run on one."""

import numpy as np
import pytest
from helpers.builders import ALONE, gather, make_transform

from pfsolid.phasefield.initial import fill_noise
from pfsolid.phasefield.mobility import VariableMobilityCahnHilliard
from pfsolid.phasefield.steppers import StepControl


@pytest.mark.parametrize("shape", [(15, 9, 7), (16, 16, 16), (12, 10, 1)])
def test_twenty_steps(comm, shape):
    """As for the constant mobility: 1e-10 is rounding of the transform, grown by a few e-foldings at most."""
    runs = []
    for one in (comm, ALONE):
        transform = make_transform(shape, 0.4, one)
        fill_noise(transform, 0.6, 0.05, seed=1)
        stepper = VariableMobilityCahnHilliard(transform, pore_ratio=0.1, surface_fraction=1.0)
        stepper.start(1e-3)
        runs.append((stepper, [stepper.step(StepControl(1e-3)) for _ in range(20)]))
    (divided, reports), (alone, expected) = runs
    assert np.allclose(gather(divided.density(), comm), alone.density(), rtol=0, atol=1e-10)
    assert [report.energy for report in reports] == pytest.approx([report.energy for report in expected], rel=1e-10)
    assert len(set(comm.allgather(tuple(report.time for report in reports)))) == 1
