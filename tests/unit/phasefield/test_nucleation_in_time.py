"""Nuclei that appear during the run."""

import numpy as np
import pytest
from helpers.builders import make_transform, run_until

from pfsolid.errors import InputError
from pfsolid.phasefield.nucleation import plan_nucleation
from pfsolid.phasefield.nucleation_in_time import insert_nuclei, plan_events
from pfsolid.phasefield.observables import value_at
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
    schedules = [plan_events(plan, seed, duration=10.0) for seed in range(num_seeds)]
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
    schedule = plan_events(plan_of(transform, 6.0), 3, duration=4.0)
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
    place = np.array([[0.5, 0.52, 0.51]])
    assert insert_nuclei(stepper, plan, place, 1e-3) == 1
    assert stepper.time == time
    rho = stepper.density().copy()
    assert abs(rho.mean() - MEAN) < 1e-12
    assert rho[12, 12, 12] < 0.05
    stepper.refresh()
    assert insert_nuclei(stepper, plan, place, 1e-3) == 0  # it is pore already
    taken = np.count_nonzero(rho < 0.5)
    while stepper.time < 40:
        stepper.step(StepControl(0.03), 40.0)
    grown = stepper.density()
    assert np.count_nonzero(grown < 0.5) > 1.5 * taken
    assert abs(grown.mean() - MEAN) < 1e-12


def test_without_a_rate_there_is_no_schedule():
    transform = make_transform((24, 24, 24), SPACING)
    with pytest.raises(InputError, match="number density or a rate"):
        plan_events(plan_nucleation(transform.grid, MEAN), 1, duration=1.0)


# --- the grid -----------------------------------------------------------------------------------------------

EDGE = 24 * SPACING


def grown_with_events(n, expected=3.0, duration=2.0, end=6.0, tolerance=2e-3, seed=4):
    """The same cell on n^3 voxels: the times of its events, and the stepper after nucleation and some growth."""
    transform = make_transform((n,) * 3, EDGE / n)
    plan = plan_of(transform, expected)
    schedule = plan_events(plan, seed, duration)
    transform.real[...] = MEAN
    stepper = CahnHilliard(transform)
    stepper.start(1e-3)
    while stepper.time < end * (1 - 1e-12):
        before = stepper.time
        stepper.step(StepControl(tolerance), min(end, schedule.next_time(before)))
        due = schedule.due(before, stepper.time)
        if len(due):
            insert_nuclei(stepper, plan, due, 1e-3)
    return schedule, stepper


@pytest.mark.parametrize("expected", [1.0, 3.0, 40.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_events_follow_from_cell_and_seed(expected, seed):
    """The same places and times, to the last bit, on every grid of the cell, flat ones and other voxel shapes included."""
    schedules = []
    for shape in ((24, 24, 24), (32, 32, 32), (64, 64, 64), (48, 32, 24)):
        transform = make_transform(shape, tuple(EDGE / n for n in shape))
        schedules.append(plan_events(plan_of(transform, expected), seed, duration=2.0))
    for schedule in schedules[1:]:
        assert np.array_equal(schedule.times, schedules[0].times)
        assert np.array_equal(schedule.places, schedules[0].places)
    assert not np.array_equal(schedules[0].places, plan_events(plan_of(transform, expected), seed + 2, 2.0).places)


def test_places_are_uniform():
    """Mean 1/2 and variance 1/12 of 2000 places along each axis, within four standard errors; axes are not correlated."""
    plan = plan_of(make_transform((24, 24, 24), SPACING), 10.0)
    places = np.concatenate([plan_events(plan, seed, 1.0).places for seed in range(200)])
    n = len(places)
    assert np.all(np.abs(places.mean(axis=0) - 0.5) < 4 / np.sqrt(12 * n))
    # The variance of (x - 1/2)^2 is 1/180.
    assert np.all(np.abs(places.var(axis=0) - 1 / 12) < 4 / np.sqrt(180 * n))
    assert np.all(np.abs(np.corrcoef(places.T) - np.eye(3)) < 4 / np.sqrt(n))


def test_the_grown_field_converges_in_the_grid():
    """rho at 60 points of the cell: apart by less and less as the voxels become smaller, at the same events.

    Interfaces have 2.8, 4.2 and 5.6 voxels to their width; the spectrum of a tanh profile falls as exp(-pi^2 n / 4) to the
    Nyquist frequency of n voxels, 1e-3 and 3e-5, and the steps' own error is 2e-3.
    """
    values = []
    for n in (24, 36, 48):
        schedule, stepper = grown_with_events(n)
        # Half of the points near the first nucleus.
        points = np.random.default_rng(1).uniform(0, EDGE, (60, 3))
        points[:30] = schedule.places[0] * EDGE + 0.15 * (points[:30] - EDGE / 2)
        values.append(np.array([value_at(point, stepper.rho_hat, stepper.transform) for point in points]))
    coarse, medium, fine = values
    assert fine.min() < 0.1  # some lie in a pore
    assert np.abs(coarse - fine).max() < 0.02
    assert np.abs(medium - fine).max() < 0.006


def test_the_step_after_a_nucleation_obeys_the_tolerance():
    """However long the first step that is asked for: what comes after the event is as with a short one."""
    fields = []
    for first_step in (1e-4, 50.0):
        transform = make_transform((24, 24, 24), SPACING)
        plan = plan_of(transform, 1.0)
        transform.real[...] = MEAN
        stepper = CahnHilliard(transform)
        stepper.start(1e-3)
        run_until(stepper, 1.0, StepControl(0.01))
        assert insert_nuclei(stepper, plan, np.full((1, 3), 0.37), first_step) == 1
        reports = run_until(stepper, 3.0, StepControl(0.01))
        assert max(report.error for report in reports) <= 1.2 * 0.01
        assert (reports[0].rejections > 0) == (first_step == 50.0)
        fields.append(stepper.density().copy())
    # Each is within a few steps' errors of the truth.
    assert np.abs(fields[0] - fields[1]).max() < 0.02
