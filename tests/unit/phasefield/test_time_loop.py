"""The time loop by itself: no input, no session, no file; and what is attached to it."""

import numpy as np
import pytest
from helpers.builders import make_transform

from pfsolid.phasefield.free_energy import REDUCED_KAPPA, ReducedUnits
from pfsolid.phasefield.growth import GrowthState, Kinetics, Stop, grow
from pfsolid.phasefield.initial import fill_noise

KINETICS = Kinetics((REDUCED_KAPPA,) * 3)
UNITS = ReducedUnits.from_surface(0.3, 1.4e-9)


@pytest.fixture
def begin():
    def make() -> GrowthState:
        transform = make_transform((8, 8, 8), (0.5,) * 3)
        fill_noise(transform, 0.5, 0.1, 1)
        state = GrowthState(KINETICS.stepper(transform), UNITS, 1.4, (0.1, 0.9))
        state.stepper.start(KINETICS.first_step)
        return state
    return make


class Recorder:
    """The density at equal times: of physics no word is needed for it."""

    interval = 0.25

    def __init__(self):
        self.seen = []

    def next_time(self, time):
        return self.interval * (np.floor(time / self.interval + 1e-9) + 1)

    def due(self, state):
        return state.step == 0 or state.time >= self.next_time(state.before) * (1 - 1e-12)

    def write(self, state):
        self.seen.append((state.time, state.density.copy(), state.measured().porosity))


def test_a_sink_is_met_at_its_times_and_conserves_mass(begin):
    recorder, state = Recorder(), begin()
    grow(state, KINETICS, Stop(time=1.0), sinks=[recorder])
    assert state.reason == "reached reduced time 1"
    assert [time for time, *_ in recorder.seen] == pytest.approx([0, 0.25, 0.5, 0.75, 1.0], rel=1e-12)
    for _, rho, _ in recorder.seen:
        assert rho.mean() == pytest.approx(0.5, abs=1e-14)  # the zero mode is never touched


def test_looking_changes_no_bit(begin):
    class Curious:
        def due(self, state):
            return True

        def write(self, state):
            assert state.density.shape == (8, 8, 8) and state.measured().step == state.step

    watched, left_alone = begin(), begin()
    grow(watched, KINETICS, Stop(steps=25), sinks=[Curious()])
    grow(left_alone, KINETICS, Stop(steps=25))
    assert watched.step == left_alone.step == 25 and watched.time == left_alone.time
    assert (watched.density == left_alone.density).all()


def test_watch_and_sinks_may_end_it(begin):
    class Enough(Exception):
        pass

    def enough(state):
        if state.step == 3:
            raise Enough

    state = begin()
    with pytest.raises(Enough):
        grow(state, KINETICS, Stop(steps=25), watch=enough)
    assert state.step == 3 and state.reason is None
    grow(state, KINETICS, Stop(steps=25))  # and it can go on from there
    assert state.step == 25
