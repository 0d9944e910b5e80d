"""What every stepper must hold, whatever its mobility: its state is all it needs, and looking at it changes nothing."""

from collections.abc import Callable

import numpy as np

from pfsolid.phasefield.steppers import CahnHilliard

from .builders import run_until


def assert_state_can_be_carried_over(make: Callable[[], CahnHilliard]) -> None:
    """What a checkpoint holds is enough to go on with the same bits."""
    whole, resumed = make(), make()
    run_until(whole, 0.3)
    for name in ("rho_hat", "rho_hat_before", "g_hat_before"):
        getattr(resumed, name)[...] = getattr(whole, name)
    for name in ("time", "last_step", "next_step", "energy", "num_steps"):
        setattr(resumed, name, getattr(whole, name))
    resumed.refresh()
    for stepper in (whole, resumed):
        run_until(stepper, 0.6)
    assert np.array_equal(whole.rho_hat, resumed.rho_hat)
    assert whole.energy == resumed.energy and whole.num_steps == resumed.num_steps


def assert_looking_changes_nothing(make: Callable[[], CahnHilliard]) -> None:
    """After `density` and `refresh` the next steps have the same bits: outputs do not alter a run."""
    watched, left_alone = make(), make()
    for stepper in (watched, left_alone):
        run_until(stepper, 0.2)
    watched.density()
    watched.refresh()
    for stepper in (watched, left_alone):
        run_until(stepper, 0.4)
    assert np.array_equal(watched.rho_hat, left_alone.rho_hat)
