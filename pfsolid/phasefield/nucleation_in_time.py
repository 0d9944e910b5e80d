"""Nucleation during the run: each nucleus is put into the field at the time of its event.  Reduced units.

A voxel's event comes at t = -ln(1 - u) / j, u being its own uniform number: the first passage of the Poisson process
with p = 1 - exp(-j dt) for each voxel and step (Simmons, Shen & Wang, doi:10.1016/S1359-6462(00)00517-0) in the limit of
short steps, the same at every rank count and step size.  An event inside what has already transformed has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spectral.transform import SlabTransform
from .nucleation import NucleationPlan, draw_nuclei, event_numbers, sphere_coordinates
from .steppers import CahnHilliard


@dataclass(frozen=True)
class Schedule:
    """Nucleation events in order of time.

    Attributes
    ----------
    times : ndarray (num_events,)
    voxels : ndarray of int (num_events, 3)
    """

    times: np.ndarray
    voxels: np.ndarray

    def next_time(self, now: float) -> float:
        """Time of the first event that is still to come; infinite after the last."""
        index = self._done(now)
        return float(self.times[index]) if index < self.times.size else np.inf

    def due(self, before: float, now: float) -> np.ndarray:
        """Voxels of the events after ``before`` and up to ``now``."""
        return self.voxels[self._done(before):self._done(now)]

    def _done(self, now: float) -> int:
        # A step that is to end at an event ends there but for rounding.
        return int(np.searchsorted(self.times, now * (1 + 1e-12), side="right"))


def plan_events(transform: SlabTransform, plan: NucleationPlan, seed: int, duration: float) -> Schedule:
    """All events of a nucleation period that starts at 0.  Collective.

    Raises
    ------
    InputError
        If the plan does not count events: then there is no rate.
    """
    if not plan.events_are_counted:
        raise InputError("nucleation over a period needs a number density or a rate")
    numbers, voxels = event_numbers(transform, plan, seed)
    times = -np.log1p(-numbers) * duration * transform.grid.num_voxels / plan.expected
    within = times <= duration
    if not within.any():  # a plan that expects a nucleus gets at least one
        within[:1] = True
    return Schedule(np.minimum(times[within], duration), voxels[within])


def insert_nuclei(stepper: CahnHilliard, plan: NucleationPlan, voxels: np.ndarray, first_step: float) -> int:
    """Put nuclei into the present field and start the integration anew from there; how many.  Collective.

    The density outside them makes up for what they take.  The energy rises by their surfaces: that is the barrier.
    """
    transform = stepper.transform
    rho = stepper.density().copy()
    free = [voxel for voxel in voxels if _is_matrix(rho, voxel, plan, transform)]
    if not free:
        stepper.refresh()
        return 0
    before = _mean(rho, transform)
    draw_nuclei(transform, plan, sphere_coordinates(np.array(free), transform.grid, plan))
    nuclei = transform.real
    new = rho + (plan.nucleus_density - rho) * nuclei
    outside = 1 - nuclei
    new += outside * ((before - _mean(new, transform)) / _mean(outside, transform))
    transform.real[...] = new
    stepper.start(first_step)
    return len(free)


def _is_matrix(rho: np.ndarray, voxel: np.ndarray, plan: NucleationPlan, transform: SlabTransform) -> bool:
    """Whether a voxel, wherever it is, is still nearer to the matrix than to the nuclei's phase."""
    i = voxel[0] - transform.first_plane
    mine = rho[i, voxel[1], voxel[2]] if 0 <= i < rho.shape[0] else 0.0
    return abs(transform.reducer.sum(mine)[0] - plan.nucleus_density) > 0.5


def _mean(field: np.ndarray, transform: SlabTransform) -> float:
    return float(transform.reducer.concatenate(field.mean(axis=(1, 2))).mean())
