"""Shares of power and voltage: laminates and bricks by formula, the sum rule, finite differences, plates, many rules."""

import numpy as np
import pytest
from helpers.builders import ALONE, divide_labels, make_transform

from pfsolid.conduction.dissipation import MOST_RULES, PAIRS, rows_of_rules
from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.krylov import conjugate_gradients
from pfsolid.grid import PeriodicGrid
from pfsolid.pairs import PairRules, PairValues
from pfsolid.spectral.transform import CosineSlabTransform


def solved(labels, sigma, resistance=None, axis=0, spacing=1.0, plates=(0.0, 0.0), normals="faces"):
    """The system with the potential of a field, and sigma_eff."""
    if any(plates):
        transform = CosineSlabTransform(PeriodicGrid(labels.shape, (spacing,) * 3), ALONE, "float64", planning="estimate")
    else:
        transform = make_transform(labels.shape, spacing, dtype="float64")
    system = ConductionSystem(divide_labels(labels.astype(np.uint8), transform), sigma, transform, resistance, normals,
                              plates)
    energy = system.start(axis)
    found = conjugate_gradients(system, lambda energy, estimate: estimate < 1e-13 * energy, 2000)
    return system, energy - found.energy


def random_labels(shape=(10, 9, 8), kinds=3):
    return np.random.default_rng(5).integers(0, kinds, shape)


def test_layers_in_series_and_side_by_side():
    """Resistances add up across, R among them; along, conductances do and no current passes the interfaces."""
    labels = np.repeat([0, 1], [3, 5])[:, None, None] * np.ones((1, 4, 4), int)
    system, _ = solved(labels, np.array([2.0, 0.5]), {(0, 1): 3.0})
    found = system.dissipation(0)
    parts = np.array([3 / 2, 5 / 0.5, 2 * 3.0])
    shares = parts / parts.sum()
    assert [found.phases[0].power, found.phases[1].power, found.interfaces["0:1"].power] == pytest.approx(shares)
    assert [found.phases[0].voltage, found.phases[1].voltage, found.interfaces["0:1"].voltage] == pytest.approx(shares)
    along = solved(labels, np.array([2.0, 0.5]), {(0, 1): 3.0}, axis=1)[0].dissipation(1)
    assert [along.phases[0].power, along.phases[1].power] == pytest.approx([6 / 8.5, 2.5 / 8.5]) and not along.interfaces
    # Of all lines along the field 3 of 8 run in the first.
    assert [along.phases[0].voltage, along.phases[1].voltage] == pytest.approx([3 / 8, 5 / 8])


@pytest.mark.parametrize("axis", (0, 1, 2))
def test_shares_are_derivatives(axis):
    """Against central differences of whole solves; they add to 1, as sigma_eff is of first degree in sigma and 1 / R."""
    labels, sigma, pairs = random_labels(), np.array([1.0, 0.2, 3.0]), {(0, 1): 0.5, (1, 2): 2.0}
    found = solved(labels, sigma, pairs, axis)[0].dissipation(axis)
    total = sum(part.power for part in [*found.phases.values(), *found.interfaces.values()])
    assert total == pytest.approx(1, abs=1e-12)
    assert sum(part.voltage for part in [*found.phases.values(), *found.interfaces.values()]) == pytest.approx(1)
    step = 1e-3  # errors of third order, 1e-7, and of the solves, 1e-13 / 1e-3
    for label in range(3):
        values = [solved(labels, sigma * np.where(np.arange(3) == label, 1 + sign * step, 1), pairs, axis)[1]
                  for sign in (1, -1)]
        assert found.phases[label].power == pytest.approx(np.log(values[0] / values[1]) / (2 * step), abs=1e-6)
    for pair in pairs:
        values = [solved(labels, sigma, pairs | {pair: pairs[pair] * (1 + sign * step)}, axis)[1] for sign in (1, -1)]
        name = "{}:{}".format(*pair)
        assert found.interfaces[name].power == pytest.approx(-np.log(values[0] / values[1]) / (2 * step), abs=1e-6)


def test_plates_have_their_share():
    labels = np.repeat([0, 1], [3, 5])[:, None, None] * np.ones((1, 4, 3), int)
    found = solved(labels, np.array([2.0, 0.1]), {(0, 1): 3.0}, plates=(1.0, 0.5))[0].dissipation(0)
    parts = np.array([3 / 2, 5 / 0.1, 3.0, 1.5])
    assert [found.phases[0].power, found.phases[1].power, found.interfaces["0:1"].power,
            found.plates.power] == pytest.approx(parts / parts.sum())


def test_insulators_have_none():
    labels = random_labels(kinds=2)
    found = solved(labels, np.array([0.0, 2.0]), {(0, 1): 1.0})[0].dissipation(0)
    assert found.phases[0].power == 0 and found.phases[1].power == pytest.approx(1) and not found.interfaces


def test_groups_and_many_rules():
    """Labels by groups; rules of single pairs share a row where there are many, and areas are by rule."""
    labels = random_labels(kinds=20)
    pairs = {(a, b): 1.0 + a for a in range(20) for b in range(a)}
    system, _ = solved(labels, np.full(20, 2.0), pairs)
    found = system.dissipation(0, np.arange(20) // 10 * 10)
    assert set(found.phases) == {0, 10} and set(found.interfaces) == {PAIRS} and len(pairs) > MOST_RULES
    unlike = sum(np.count_nonzero(labels != np.roll(labels, -1, axis)) for axis in range(3))
    assert system.areas_of_rules[system.rules.index(PAIRS), 0] == unlike
    few = PairRules()
    few.put_others([1.0])
    few.put_pair((1, 2), 3.0)
    assert rows_of_rules(few.made())[1] == ["*:*", "1:2"] and rows_of_rules(PairValues())[1] == ["*:*"]
