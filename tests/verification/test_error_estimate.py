"""Is the estimated error of sigma_eff an honest one?  docs/verification.md has the distribution and its reason."""

import numpy as np
import pytest
from conduction_cases import RESISTIVE_SURFACE, TOLERANCES, stops
from helpers.builders import HU_SIGMA, conduct, grow_labels


def ratios(found):
    return np.array([stop.true / stop.estimated for stop in found])


@pytest.fixture(scope="module")
def found():
    return stops()


def test_cases(found):
    assert len(found) > 600
    assert len({stop.microstructure for stop in found}) == 8 and len({stop.contrast for stop in found}) == 4


def test_the_error_is_never_far_above_its_estimate(found):
    worst = max(found, key=lambda stop: stop.true / stop.estimated)
    assert worst.true <= 2 * worst.estimated, worst


def test_the_error_is_seldom_far_below_its_estimate(found):
    """CG converges in stairs: where a solve stops just after a drop, it has done better than it could know."""
    assert np.mean(ratios(found) < 0.1) < 0.2
    assert np.mean(ratios(found) < 0.01) < 0.03
    assert np.median(ratios(found)) > 0.15


def test_a_resistive_surface_is_the_hard_case():
    """Seldom above 2 even where the poor phase lies between insulator and conductor."""
    hard = ratios(stops(((40, 0.45, 3, 20.0), (40, 0.60, 4, 20.0), (32, 0.68, 5, 30.0)), RESISTIVE_SURFACE))
    assert len(hard) > 40 and np.mean(hard > 2) < 0.1


@pytest.mark.parametrize("rtol", TOLERANCES)
def test_solves_with_a_tolerance_stop_there(rtol):
    """What the recorded progress of one long solve says of a looser tolerance is what a solve with it does."""
    labels = grow_labels((32,) * 3, 0.32, seed=2, time=20.0)
    recorded = [stop for stop in stops(((32, 0.32, 2, 20.0),), {"3516, zeros": HU_SIGMA}) if stop.rtol == rtol]
    result = conduct(labels, HU_SIGMA, rtol=rtol)
    exact = conduct(labels, HU_SIGMA, rtol=1e-11, dtype="float64").tensor.diagonal()
    assert [stop.iterations for stop in recorded] == list(result.iterations)
    for stop, value, reference, error in zip(recorded, result.tensor.diagonal(), exact, result.relative_error):
        assert error == pytest.approx(stop.estimated, rel=1e-3) and error <= rtol
        assert value / reference - 1 == pytest.approx(stop.true, rel=1e-2, abs=1e-9)
