"""A Cahn–Hilliard run divided over ranks against the same run on one."""

import numpy as np
import pytest
from helpers.builders import ALONE, gather, make_transform, run_until, start_from_noise

from pfsolid.errors import ConvergenceError
from pfsolid.phasefield.observables import Observer, mean_density, mean_spacing
from pfsolid.phasefield.steppers import StepControl

SHAPES = [(15, 9, 7), (16, 16, 16), (12, 10, 1)]
SPACING = 0.4


def pair_of_steppers(comm, shape):
    """The same start divided over all ranks and, on each of them, alone."""
    return [start_from_noise(make_transform(shape, SPACING, one), 0.6) for one in (comm, ALONE)]


@pytest.mark.parametrize("shape", SHAPES)
def test_thirty_steps(comm, shape):
    """Fields, energies and steps agree to 1e-10: rounding of the transform, grown by a few e-foldings at most."""
    runs = []
    for stepper in pair_of_steppers(comm, shape):
        reports = [stepper.step(StepControl(1e-3)) for _ in range(30)]
        runs.append((stepper, reports))
    (divided, reports), (alone, expected) = runs
    assert np.allclose(gather(divided.density(), comm), alone.density(), rtol=0, atol=1e-10)
    for name in ("time", "step", "energy"):
        ours, whole = ([getattr(report, name) for report in each] for each in (reports, expected))
        assert np.allclose(ours, whole, rtol=1e-10)
    assert [report.rejections for report in reports] == [report.rejections for report in expected]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_rank_takes_the_same_steps(comm, shape):
    """Times that differ in the last bit would let one rank leave a loop that the others stay in."""
    stepper = pair_of_steppers(comm, shape)[0]
    reports = run_until(stepper, 0.5)
    assert len(set(comm.allgather(tuple(report.time for report in reports)))) == 1
    assert len(set(comm.allgather(stepper.energy))) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_same_bits_when_repeated(comm, shape):
    spectra = []
    for _ in range(2):
        stepper = pair_of_steppers(comm, shape)[0]
        run_until(stepper, 0.3)
        spectra.append(stepper.rho_hat)
    assert np.array_equal(*spectra)


@pytest.mark.parametrize("shape", SHAPES)
def test_observables(comm, shape):
    measured = []
    for stepper in pair_of_steppers(comm, shape):
        run_until(stepper, 4.0, StepControl(1e-2))
        spacing, mean = (measure(stepper.rho_hat, stepper.transform) for measure in (mean_spacing, mean_density))
        census = Observer(stepper.transform, 0.3, 0.7)(stepper.density(), 1.0)
        measured.append((spacing, mean, census))
    (spacing, mean, census), (spacing_alone, mean_alone, census_alone) = measured
    assert spacing == pytest.approx(spacing_alone, rel=1e-9)
    assert mean == pytest.approx(0.6, rel=1e-13) and mean_alone == pytest.approx(0.6, rel=1e-13)
    # Counts of voxels and faces: equal, but for their division by the volume.
    assert vars(census) == pytest.approx(vars(census_alone), rel=1e-14)


def test_a_field_that_is_not_finite_is_reported_by_all(comm):
    transform = make_transform((15, 9, 7), SPACING, comm)
    stepper = start_from_noise(transform, 0.6)
    stepper.density()
    if comm.rank == comm.size - 1:
        transform.real[0, 0, 0] = np.nan
    stepper.start(1e-3)
    with pytest.raises(ConvergenceError):
        stepper.step(StepControl(1e-3))
