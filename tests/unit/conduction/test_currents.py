"""Shares and focusing of the current: laminates, percentiles by sorting, transport numbers of what is known exactly."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.builders import ALONE, conduct, divide_labels, grow_labels, make_transform

from pfsolid.conduction.currents import PERCENTILES, current_statistics, settled_statistics
from pfsolid.conduction.effective import Solve
from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.krylov import conjugate_gradients
from pfsolid.conduction.transport import transport_numbers
from pfsolid.errors import InputError
from pfsolid.homogenization.report import with_error
from pfsolid.parallel.collective import Reducer

SIGMA = (0.0, 1.0, 10.0)


def statistics(current, labels, axis=0):
    return current_statistics(np.asarray(current, np.float32), np.asarray(labels, np.uint8), axis, Reducer(ALONE))


def solve(labels, axis, sigma=SIGMA):
    """The conductivity along an axis, and the statistics of its current."""
    found = {}

    def keep(solved_axis, system):
        found[solved_axis] = statistics(system.current_density(solved_axis), labels, solved_axis)

    tensor = conduct(labels, sigma, on_solved=keep, rtol=1e-8, dtype="float64").tensor
    return tensor[axis, axis], found[axis]


def laminate(normal, labels=(0, 1, 1, 2, 2, 2)):
    """Layers of the three phases, with fractions 1/6, 1/3, 1/2."""
    shape = [4, 4, 4]
    shape[normal] = len(labels)
    return np.broadcast_to(np.expand_dims(labels, tuple({0, 1, 2} - {normal})), shape)


@pytest.mark.parametrize("axis, normal", [(0, 1), (1, 2), (2, 0)])
def test_layers_side_by_side_share_by_conductance(axis, normal):
    """E is uniform: share f_i sigma_i / <sigma>, |J| / <J> = sigma_i / <sigma>."""
    sigma_eff, found = solve(laminate(normal), axis)
    mean = (1 / 3 + 10 / 2)
    assert sigma_eff == pytest.approx(mean, rel=1e-7)
    for label, fraction in enumerate((1 / 6, 1 / 3, 1 / 2)):
        phase = found.phases[label]
        assert phase.fraction == pytest.approx(fraction)
        # The currents are stored in single precision.
        assert phase.share == pytest.approx(fraction * SIGMA[label] / mean, rel=1e-6)
        for value in (*phase.focusing.percentiles, phase.focusing.maximum):
            assert value == pytest.approx(SIGMA[label] / mean, rel=1e-6)
    # Of all voxels, 1/6 carry nothing and 1/2 the most: the median lies on the edge, so it is the lower one's.
    assert found.focusing.percentiles == pytest.approx((1 / mean, 10 / mean, 10 / mean, 10 / mean), rel=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_layers_one_behind_the_other_share_by_volume(axis):
    """J is uniform."""
    labels = laminate(axis, (1, 1, 2, 2, 2, 2))
    sigma_eff, found = solve(labels, axis)
    assert sigma_eff == pytest.approx(1 / (1 / 3 + 2 / 30), rel=1e-7)
    assert set(found.phases) == {1, 2}
    assert [found.phases[label].share for label in (1, 2)] == pytest.approx([1 / 3, 2 / 3], rel=1e-6)
    assert found.focusing.percentiles + (found.focusing.maximum,) == pytest.approx([1] * 5, rel=1e-6)


def test_a_grown_structure():
    """Shares add to one, an insulator carries next to nothing, and the mean of the shares' currents is sigma_eff."""
    labels = grow_labels((24, 24, 24), 0.32)
    sigma_eff, found = solve(labels, 2, (0.0, 100.0, 1.0))
    assert sum(phase.share for phase in found.phases.values()) == pytest.approx(1, abs=1e-12)
    assert found.phases[0].share == 0 == found.phases[0].focusing.maximum
    assert found.phases[1].share > 0.9 > found.phases[1].fraction
    # On the scale of the best conductor; rtol 1e-8, single-precision currents.
    assert found.mean * 100 == pytest.approx(sigma_eff, rel=1e-4)
    assert found.focusing.maximum == max(phase.focusing.maximum for phase in found.phases.values()) > 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 7), (11, 13, 17), (40, 5, 5)])
@pytest.mark.parametrize("spread", [0.1, 3, 15])
def test_percentiles_against_sorting(shape, spread):
    """The same single-precision numbers, whatever their range; ties and zeros among them."""
    rng = np.random.default_rng(1)
    current = (rng.normal(size=(*shape, 3)) * np.exp(spread * rng.normal(size=(*shape, 1)))).astype(np.float32)
    current[rng.random(shape) < 0.3] = 0
    current[rng.random(shape) < 0.1] = (3, 0, 4)
    current[0, 0, 0, 0] = 1
    labels = rng.choice([0, 7, 255], shape)
    found = statistics(current, labels)
    magnitude = np.sqrt(np.square(current, dtype=np.float64).sum(axis=-1)).astype(np.float32)
    mean = current[..., 0].mean(dtype=np.float64)
    assert found.mean == pytest.approx(mean, rel=1e-9, abs=1e-12 * magnitude.max())
    for here, focusing in [(slice(None), found.focusing)] + [(labels == label, phase.focusing)
                                                            for label, phase in found.phases.items()]:
        ordered = np.sort(magnitude[here].ravel())
        expected = [ordered[math.ceil(ordered.size * Fraction(str(p)) / 100) - 1] for p in PERCENTILES]
        assert np.array_equal((np.array(focusing.percentiles) * abs(found.mean)).astype(np.float32), expected)
        assert focusing.maximum * abs(found.mean) == pytest.approx(magnitude[here].max(), rel=1e-12)
        assert magnitude[focusing.voxel] == magnitude[here].max()
    assert set(found.phases) == set(labels.ravel().tolist())


def test_the_999th_of_a_thousand():
    """99.9 % of 1000 is 999.0000000000001 in binary."""
    current = np.zeros((10, 10, 10, 3))
    current[..., 1] = np.arange(1, 1001).reshape(10, 10, 10)
    found = statistics(current, np.zeros((10, 10, 10)), axis=1)
    assert [value * found.mean for value in found.focusing.percentiles] == pytest.approx([500, 900, 990, 999])
    assert found.focusing.voxel == (9, 9, 9)


def test_a_current_that_flows_backwards():
    """Shares are those of J_axis; |J| counts by its amount, against the amount of the mean."""
    current = np.zeros((4, 1, 1, 3))
    current[:, 0, 0, 0] = [-3, -3, -3, 1]
    found = statistics(current, np.array([0, 0, 0, 1]).reshape(4, 1, 1))
    assert (found.mean, found.phases[0].share, found.phases[1].share) == (-2, 9 / 8, -1 / 8)
    assert found.phases[1].focusing.maximum == 0.5 and found.focusing.voxel == (0, 0, 0)


def test_no_current():
    with pytest.raises(InputError, match="no current flows along y"):
        statistics(np.zeros((2, 2, 2, 3)), np.zeros((2, 2, 2)), axis=1)


def test_what_result_json_gets():
    found = solve(laminate(1), 0)[1].result({0: "pore", 2: "surface"}).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    assert list(found["phases"]) == ["pore", "1", "surface"] and found["field_along"] == "x"
    assert set(found["current_over_mean"]) == {"percentile_50", "percentile_90", "percentile_99", "percentile_99.9",
                                               "maximum", "maximum_at_voxel"}


# --- transport numbers ------------------------------------------------------------------------------------------------


def test_one_conducting_phase():
    """tau = eps sigma_0 / sigma_eff, N_M = tau / eps = F; Bruggeman's eps^1.5 gives tau = eps^-1/2."""
    eps, sigma_0 = 0.36, 2.0
    found = transport_numbers(sigma_0 * eps**1.5, (0.0, sigma_0), (1 - eps, eps))
    assert found.tortuosity_factor == pytest.approx(eps**-0.5)
    assert found.macmullin_number == found.formation_factor == pytest.approx(eps**-1.5)
    assert found.macmullin_number == pytest.approx(found.tortuosity_factor / eps)
    assert found.reference == 1


def test_straight_layers_are_not_tortuous():
    sigma_eff, current = solve(laminate(1), 0)
    found = transport_numbers(sigma_eff, SIGMA, [current.phases[label].fraction for label in range(3)])
    assert found.tortuosity_factor == pytest.approx(1, rel=1e-7)
    assert found.macmullin_number == pytest.approx(10 / (1 / 3 + 5), rel=1e-7)
    assert transport_numbers(sigma_eff, SIGMA, (1 / 6, 1 / 3, 1 / 2), reference=1).macmullin_number == pytest.approx(
        found.macmullin_number / 10)


def test_labels_that_do_not_occur_do_not_count():
    """Their conductivity may be unknown (NaN); a reference may be named that does not occur."""
    found = transport_numbers(1.0, (math.nan, 2.0, 50.0), (0, 1, 0))
    assert (found.tortuosity_factor, found.macmullin_number, found.reference) == (2, 2, 1)
    assert transport_numbers(1.0, (math.nan, 2.0, 50.0), (0, 1, 0), reference=2).macmullin_number == 50


def test_what_does_not_conduct():
    found = transport_numbers(0.0, (0.0, 1.0), (0.9, 0.1))
    assert found.tortuosity_factor == found.formation_factor == math.inf
    assert found.result().to_dict() == {"tortuosity_factor": None, "macmullin_number": None, "formation_factor": None,
                               "reference_label": 1}
    for sigma, reference in (((0.0, 0.0), None), ((0.0, 1.0), 0), ((0.0, 1.0), 2), ((0.0, math.nan), 1)):
        with pytest.raises(InputError, match="does not conduct: it is no reference"):
            transport_numbers(0.0, sigma, (0.5, 0.5), reference)


def balls(shape, count, radius, seed):
    """Overlapping balls in a periodic cell."""
    centres = np.random.default_rng(seed).uniform(0, shape, (count, 3))
    away = np.abs(np.indices(shape)[..., None] - centres.T[:, None, None, None])
    away = np.minimum(away, np.reshape(shape, (3, 1, 1, 1, 1)) - away)
    return ((away**2).sum(axis=0) < radius**2).any(axis=-1).astype(np.uint8)


@pytest.mark.parametrize("rtol", [1e-2, 1e-4])
@pytest.mark.parametrize("sigma", [(1e-6, 1.0), (1e-3, 1.0), (1.0, 1e-6)])
def test_currents_are_as_good_as_they_say(sigma, rtol):
    """Against the same solved to rounding: at a contrast of 1e6 the first values were a quarter off, and a share a half."""
    labels = balls((16, 16, 16), 9, 3.2, seed=0)
    true, told = (settled(labels, np.array(sigma), tolerance) for tolerance in (1e-15, rtol))
    for label, phase in told.phases.items():
        assert abs(phase.share - true.phases[label].share) <= phase.share_error
    assert max(phase.share_error for phase in told.phases.values()) < 0.05
    values, right = (np.array([*one.focusing.percentiles, one.focusing.maximum]) for one in (told, true))
    assert np.all(np.abs(values - right) <= told.focusing.errors)
    # Near enough for two digits, unless as many iterations again have not done it.
    assert np.all(np.array(told.focusing.errors) <= 0.2 * np.maximum(values, 1))


def settled(labels, sigma, rtol):
    transform = make_transform(labels.shape, dtype="float64")
    system = ConductionSystem(divide_labels(labels, transform), sigma, transform)
    solve = Solve(system, 0, conjugate_gradients)
    solve.run(rtol, 5000)
    return settled_statistics(solve, labels, transform.reducer)


def test_exact_currents_need_no_more_iterations():
    """Layers in parallel: the first potential, 0, is the solution."""
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:, 2:] = 1
    found = settled(labels, np.array([1.0, 0.25]), 1e-4)
    assert found.phases[0].share == pytest.approx(0.8, rel=1e-6) and found.phases[0].share_error < 1e-5


@pytest.mark.parametrize("value, error, text", [
    (49.93, 0.34, "49.9 ± 0.3"), (49.93, 0.03, "49.9"), (83.21, 0.1, "83.2 ± 0.1"), (0.0, 0.0, "0"),
    (12345.0, 200.0, "12300 ± 200"), (1.2345, 0.0001, "1.23")])
def test_digits_that_the_error_allows(value, error, text):
    assert with_error(value, error) == text
