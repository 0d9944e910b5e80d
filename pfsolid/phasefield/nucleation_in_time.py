"""Nucleation during the run: each nucleus is put into the field at the time of its event.  Reduced units.

Events are a Poisson process in time and space, the first passage of p = 1 - exp(-j dt) for each voxel and step (Simmons,
Shen & Wang, doi:10.1016/S1359-6462(00)00517-0) in the limit of small voxels and short steps: the same on every grid, at
every rank count and step size.  An event inside what has already transformed has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spectral.transform import SlabTransform
from .nucleation import NucleationPlan, draw_nuclei, events_within, sphere_coordinates
from .observables import value_at
from .steppers import CahnHilliard


@dataclass(frozen=True)
class Schedule:
    """Nucleation events in order of time.

    Attributes
    ----------
    times : ndarray (num_events,)
    places : ndarray (num_events, 3)
        In the cell, as fractions of its edges.
    """

    times: np.ndarray
    places: np.ndarray

    def next_time(self, now: float) -> float:
        """Time of the first event that is still to come; infinite after the last."""
        index = self._done(now)
        return float(self.times[index]) if index < self.times.size else np.inf

    def due(self, before: float, now: float) -> np.ndarray:
        """Places of the events after ``before`` and up to ``now``."""
        return self.places[self._done(before):self._done(now)]

    def _done(self, now: float) -> int:
        # A step that is to end at an event ends there but for rounding.
        return int(np.searchsorted(self.times, now * (1 + 1e-12), side="right"))


def plan_events(plan: NucleationPlan, seed: int, duration: float) -> Schedule:
    """All events of a nucleation period that starts at 0, the same on every rank.

    Raises
    ------
    InputError
        If the plan does not count events: then there is no rate.
    """
    if not plan.events_are_counted:
        raise InputError("nucleation over a period needs a number density or a rate")
    times, places = events_within(plan, seed)
    return Schedule(times * duration, places)


def insert_nuclei(stepper: CahnHilliard, plan: NucleationPlan, places: np.ndarray, first_step: float) -> int:
    """Put nuclei into the present field and start the integration anew from there; how many.  Collective.

    Where the field is nearer to the nuclei's phase than to the matrix there is nothing to be done.
    The density outside them makes up for what they take.  The energy rises by their surfaces: that is the barrier.
    """
    transform = stepper.transform
    free = [place for place in places
            if abs(value_at(place * transform.grid.lengths, stepper.rho_hat, transform) - plan.nucleus_density) > 0.5]
    if not free:
        return 0
    rho = stepper.density().copy()
    before = _mean(rho, transform)
    draw_nuclei(transform, plan, sphere_coordinates(np.array(free), transform.grid, plan))
    nuclei = transform.real
    new = rho + (plan.nucleus_density - rho) * nuclei
    outside = 1 - nuclei
    new += outside * ((before - _mean(new, transform)) / _mean(outside, transform))
    transform.real[...] = new
    stepper.start(first_step)
    return len(free)


def _mean(field: np.ndarray, transform: SlabTransform) -> float:
    return float(transform.reducer.concatenate(field.mean(axis=(1, 2))).mean())
