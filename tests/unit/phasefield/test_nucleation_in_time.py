"""Nuclei that appear during the run."""

import numpy as np
import pytest
from helpers.builders import make_transform

from pfsolid.errors import InputError
from pfsolid.phasefield.nucleation import plan_nucleation
from pfsolid.phasefield.nucleation_in_time import insert_nuclei, plan_events
from pfsolid.phasefield.steppers import CahnHilliard, StepControl

SPACING = 0.5 / 1.4
MEAN = 0.85


def plan_of(transform, expected):
    return plan_nucleation(transform.grid, MEAN, expected=expected)


def test_number_and_times_of_events():
    """Over many seeds the number is Poisson distributed with the mean asked for, and the times are uniform."""
    transform = make_transform((24, 24, 24), SPACING)
    expected, num_seeds = 5.0, 200
    plan = plan_of(transform, expected)
    schedules = [plan_events(transform, plan, seed, duration=10.0) for seed in range(num_seeds)]
    counts = np.array([schedule.times.size for schedule in schedules])
    # Four standard errors; the least of one event in a run adds exp(-5) to the mean.
    assert abs(counts.mean() - expected) < 4 * np.sqrt(expected / num_seeds) + np.exp(-expected)
    assert 0.6 < counts.var() / expected < 1.5
    times = np.concatenate([schedule.times for schedule in schedules])
    assert times.max() <= 10.0
    assert abs(times.mean() - 5.0) < 4 * 10 / np.sqrt(12 * times.size)
    for schedule in schedules[:5]:
        assert np.all(np.diff(schedule.times) >= 0)


def test_every_event_is_due_once():
    transform = make_transform((24, 24, 24), SPACING)
    schedule = plan_events(transform, plan_of(transform, 6.0), 3, duration=4.0)
    now, seen = 0.0, 0
    while np.isfinite(schedule.next_time(now)):
        then = schedule.next_time(now)
        seen += len(schedule.due(now, then))
        now = then
    assert seen == schedule.times.size
    assert len(schedule.due(now, 100.0)) == 0


def test_an_inserted_nucleus_keeps_the_mass_and_grows():
    transform = make_transform((24, 24, 24), SPACING)
    plan = plan_of(transform, 1.0)
    transform.real[...] = MEAN
    stepper = CahnHilliard(transform)
    stepper.start(1e-3)
    stepper.step(StepControl(0.03))
    time = stepper.time
    voxel = np.array([[12, 12, 12]])
    assert insert_nuclei(stepper, plan, voxel, 1e-3) == 1
    assert stepper.time == time
    rho = stepper.density().copy()
    assert abs(rho.mean() - MEAN) < 1e-12
    assert rho[12, 12, 12] < 0.05
    stepper.refresh()
    assert insert_nuclei(stepper, plan, voxel, 1e-3) == 0  # it is pore already
    taken = np.count_nonzero(rho < 0.5)
    while stepper.time < 40:
        stepper.step(StepControl(0.03), 40.0)
    grown = stepper.density()
    assert np.count_nonzero(grown < 0.5) > 1.5 * taken
    assert abs(grown.mean() - MEAN) < 1e-12


def test_without_a_rate_there_is_no_schedule():
    transform = make_transform((24, 24, 24), SPACING)
    with pytest.raises(InputError, match="number density or a rate"):
        plan_events(transform, plan_nucleation(transform.grid, MEAN), 1, duration=1.0)
