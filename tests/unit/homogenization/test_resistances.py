"""Resistances by pairs, classes, misorientation and laws: which rule counts, what it is worth, what is refused."""

import io
import itertools

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.config.image import study_from_text, study_to_toml
from pfsolid.homogenization.resistances import Resistances
from pfsolid.materials.arrhenius import BOLTZMANN, ELEMENTARY_CHARGE
from pfsolid.pairs import PairRules, misorientation, pair_kind, pair_value
from pfsolid.polycrystals.misorientation import SYMMETRIES, quaternions, symmetries
from pfsolid.polycrystals.texture import rotations
from pfsolid.units import M2_PER_CM2, NM_PER_M

OHM_CM2 = M2_PER_CM2 * NM_PER_M


def study(text, sigma='{ grain = 1e-3, pore = 0 }'):
    return study_from_text(f'[image]\nfile = "none.npy"\nvoxel_size_nm = 1\n[phases]\nsigma_S_per_cm = {sigma}\n'
                           f'classes = {{ pore = 0, grain = "1-9" }}\n{text}', "test")


def values_of(text, pairs, temperature=None, labels=range(10), **options):
    given = study(text, **options)
    assert study_from_text(study_to_toml(given), "again").phases == given.phases  # what is written reads back equal
    found = Resistances(given.with_labels(labels), labels).at(temperature)
    return [pair_value(found.table, *pair) / OHM_CM2 for pair in pairs]


def resist(table):
    return f"interface_resistance_ohm_cm2 = {table}\n"


def test_the_most_specific_rule_counts():
    """Whatever the order in which they are written."""
    rules = ['"*:*" = 1', '"grain:grain" = 2', '"grain:pore" = 3', '"1:2" = 4', '"0:9" = 5']
    for order in itertools.islice(itertools.permutations(rules), 0, None, 17):
        found = values_of(resist("{" + ", ".join(order) + "}"), [(1, 3), (0, 1), (2, 1), (9, 0), (4, 4)])
        assert found == pytest.approx([2, 3, 4, 5, 0])
    assert values_of(resist('{ "grain:grain" = 2 }'), [(0, 1), (1, 2)]) == pytest.approx([0, 2])


def test_a_label_beside_a_class():
    """A label that has no class stands for itself."""
    text = resist('{ "10:grain" = 7, "*:*" = 1 }')
    sigma = '{ grain = 1e-3, pore = 0, "10" = 1e-2 }'
    assert values_of(text, [(10, 3), (10, 0), (2, 3)], labels=range(11), sigma=sigma) == pytest.approx([7, 1, 1])


def test_laws_and_conductivities_of_boundaries():
    """R = D / sigma_apparent = delta / sigma_specific; 1 / R follows Arrhenius' law, times T as conductivities do."""
    law = '{ value = 20.0, at_K = 300, activation_energy_eV = 0.5 }'
    factor = 350 / 300 * np.exp(0.5 * ELEMENTARY_CHARGE / BOLTZMANN * (1 / 350 - 1 / 300))
    at = "[conduction]\ntemperature_K = 350\n"
    assert values_of(resist(f'{{ "grain:grain" = {law} }}') + at, [(1, 2)], 350) == pytest.approx([20 * factor])
    table = ('{ "grain:grain" = { apparent_S_per_cm = 2e-5, D_nm = 1000 }, '
             '"1:2" = { specific_S_per_cm = 1e-7, delta_nm = 2 } }')
    assert values_of(resist(table), [(1, 3), (1, 2)]) == pytest.approx([1e-4 / 2e-5, 2e-7 / 1e-7])
    sigma_law = '{ value = 1e-7, at_K = 300, activation_energy_eV = 0.5 }'
    table = f'{{ "1:2" = {{ specific_S_per_cm = {sigma_law}, delta_nm = 2 }} }}'
    assert values_of(resist(table) + at, [(1, 2)], 350) == pytest.approx([2 * factor])


def test_a_film_counts_what_it_adds():
    """delta (1 / sigma_film - 1 / sigma_grain): none where both are alike, half of each side between two grains."""
    table = '{ "grain:grain" = { film_S_per_cm = 1e-5, delta_nm = 10 } }'
    assert values_of(resist(table), [(1, 2)]) == pytest.approx([1e-6 * (1e5 - 1e3)])
    assert values_of(resist(table.replace("1e-5", "1e-3")), [(1, 2)]) == pytest.approx([0], abs=1e-12)
    of_two = '{ "1:2" = { film_S_per_cm = 1e-5, delta_nm = 10 } }'
    found = values_of(resist(of_two), [(1, 2)], sigma='{ grain = 1e-3, pore = 0, "2" = 1e-4 }')
    assert found == pytest.approx([1e-6 * (1e5 - 0.5e3 - 0.5e4)])


def test_by_misorientation():
    angles = 'euler_deg = { "1" = [0, 0, 0], "2" = [10, 0, 0], "3" = [40, 0, 0], "4" = [88, 0, 0], "5" = [0, 20, 0] }\n'
    table = '{ "grain:grain" = { misorientation_deg = [5, 15], ohm_cm2 = [1, 2, 3] }, "*:*" = 9, "1:5" = 4 }'
    pairs = [(1, 2), (1, 3), (1, 4), (2, 4), (2, 5), (1, 5), (0, 1)]
    text = angles + 'crystal_symmetry = "cubic"\n' + resist(table)
    labels = range(6)
    # 88 degrees about a fourfold axis are 2; 78 are 12; about two axes of 10 and 20: above 15.
    assert values_of(text, pairs, labels=labels) == pytest.approx([2, 3, 1, 2, 3, 4, 9])
    lower = text.replace('"cubic"', '"orthorhombic"')
    assert values_of(lower, pairs, labels=labels) == pytest.approx([2, 3, 3, 3, 3, 4, 9])


@pytest.mark.parametrize("lattice, order", list(zip(SYMMETRIES, (1, 4, 8, 6, 12, 24))))
def test_symmetries_are_groups(lattice, order):
    found = symmetries(lattice)
    assert len(found) == order and np.allclose(np.linalg.norm(found, axis=1), 1)


@pytest.mark.parametrize("lattice, highest", [("none", 180), ("orthorhombic", 120), ("hexagonal", 93.842),
                                              ("cubic", 62.800)])
def test_angles_of_random_crystals(lattice, highest):
    """The largest there can be (Mackenzie 1958 for cubic ones), and by rotation matrices apart from quaternions."""
    rng = np.random.default_rng(2)
    angles = np.column_stack([360 * rng.random(300), np.degrees(np.arccos(1 - 2 * rng.random(300))), 360 * rng.random(300)])
    turns, turn, group = quaternions(angles), rotations(angles), symmetries(lattice)
    w, x, y, z = group.T
    matrices = np.array([[1 - 2 * (y**2 + z**2), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                         [2 * (x * y + z * w), 1 - 2 * (x**2 + z**2), 2 * (y * z - x * w)],
                         [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x**2 + y**2)]]).transpose(2, 0, 1)
    for a, b in zip(range(0, 300, 2), range(1, 300, 2)):
        traces = np.trace(matrices @ (turn[a].T @ turn[b]), axis1=1, axis2=2)
        expected = np.degrees(np.arccos(np.clip((traces.max() - 1) / 2, -1, 1)))
        found = misorientation(turns, group, a, b)
        assert found == pytest.approx(expected, abs=1e-5) and found < highest + 1e-3


def test_rules_have_numbers_and_names():
    """What whoever counts by rules, as sensitivities and spectra do, builds on."""
    rules = PairRules()
    rules.put_others([1.0])
    rules.put_classes((1, 1), "grain:grain", [2.0, 3.0], [15.0])
    rules.put_pair((4, 2), 5.0)
    turns = quaternions(np.array([[0.0, 0, 0], [0, 0, 0], [30, 0, 0], [0, 0, 0], [0, 0, 0]]))
    found = rules.made(np.array([0, 1, 1, 1, 1], np.int32), turns, symmetries("cubic"))
    names = [found.names[pair_kind(found.table, *pair)] for pair in ((0, 1), (1, 3), (2, 3), (2, 4))]
    assert names == ["*:*", "grain:grain up to 15 deg", "grain:grain above 15 deg", "2:4"]
    capacitance = found.with_values(np.arange(4.0))
    assert pair_value(capacitance.table, 2, 3) == 2.0


# --- the whole way -----------------------------------------------------------------------------------------


def cubes(edge=6):
    i = np.indices((2 * edge,) * 3) // edge
    return i[0] + 2 * i[1] + 4 * i[2]


def test_classes_in_results(tmp_path):
    """Cubes of two classes: 1 / (1 / sigma + R / D) as for single labels, shares by class."""
    labels = cubes()
    sides = labels >= 4  # across z in the order zyx: x
    sigma = np.where(sides, 1e-3, 2e-3)
    found = pf.conductivity(labels, {"good": 2e-3, "poor": 1e-3}, voxel_nm=50, classes={"good": range(4), "poor": "*"},
                            resistance={"good:poor": 0.03, "good:good": 0.0}, fields=False, interface_normals="faces")
    length = 12 * 50e-7
    across = length / (np.sum(50e-7 / sigma[0, 0]) + 2 * 0.03)
    assert found.tensor[0, 0] == pytest.approx(across, rel=1e-6)
    assert set(found.result.phases) == {"good", "poor"} and found.result.phases["good"].fraction == 0.5
    assert found.current_share["x"] == pytest.approx({"good": 0.5, "poor": 0.5}, abs=1e-5)
    assert found.current_share["y"] == pytest.approx({"good": 2 / 3, "poor": 1 / 3}, abs=1e-5)


def test_crystals_turned_by_a_table(tmp_path):
    """Layers of one crystal turned by 90 degrees: resistivities add up across, conductivities along."""
    table = tmp_path / "grains.csv"
    table.write_text("label,class,phi1_deg,Phi_deg,phi2_deg\n0,grain,0,0,0\n1,grain,90,0,0\n2,hole,,,\n3,hole,,,\n")
    labels = (np.arange(8) // 4)[None, None, :] * np.ones((4, 4, 1), int)  # across x
    with pytest.raises(pf.InputError, match="no label of class hole"):
        pf.conductivity(labels, {"grain": [1e-3, 4e-3, 2e-3], "hole": 0}, voxel_nm=10, table=table,
                        resistance={"grain:hole": 1}, fields=False)
    found = pf.conductivity(labels, {"grain": [1e-3, 4e-3, 2e-3], "hole": 0}, voxel_nm=10, table=table, fields=False)
    expected = np.array([2 / (1 / 1e-3 + 1 / 4e-3), 2.5e-3, 2e-3])
    assert np.diag(found.tensor) == pytest.approx(expected, rel=1e-6)


REFUSED = [
    (resist('{ "grain:grain" = 1, "grain: grain" = 2 }'), "stands there twice"),
    (resist('{ "1:2" = 1, "2:1" = 2 }'), "stands there twice"),
    (resist('{ "grain:grain" = -1 }'), "from 0"),
    (resist('{ "grain:glass" = 1 }'), "no class or name 'glass'"),
    (resist('{ "0:grain" = 1 }'), 'label 0 is of class pore: give "pore:...'),
    (resist('{ "grain:grain" = { apparent_S_per_cm = 1e-5 } }'), "D_nm"),
    (resist('{ "grain:grain" = { specific_S_per_cm = 0, delta_nm = 2 } }'), "above 0"),
    (resist('{ "grain:grain" = { misorientation_deg = [15], ohm_cm2 = [1, 2] } }'), "none has angles"),
    ('euler_deg = { "1" = [0, 0, 0] }\n' + resist('{ "grain:grain" = { misorientation_deg = [15], ohm_cm2 = [1, 2] } }'),
     "crystal_symmetry"),
    (resist('{ "grain:grain" = { misorientation_deg = [15, 5], ohm_cm2 = [1, 2, 3] } }'), "rising"),
    (resist('{ "grain:grain" = { misorientation_deg = [15], ohm_cm2 = [1] } }'), "one more than angles"),
    (resist('{ "grain:grain" = { value = 1, at_K = 300, activation_energy_eV = 0.5 } }'), "temperature_K"),
    ('euler_deg = { "1" = [0, 190, 0] }\n', "Phi from 0 to 180"),
    ('names = { "1" = "grain" }\n', "is the name of labels too"),
    ('relative_errors = { glass = 0.1 }\n', "glass has no conductivity or resistance"),
]


@pytest.mark.parametrize("text, words", REFUSED)
def test_refused(text, words):
    with pytest.raises(pf.InputError, match=words):
        study(text)


@pytest.mark.parametrize("classes, words", [
    ('{ grain = "1-9", pore = "5" }', "label 5 is in grain and in pore"), ('{ grain = "9-1" }', "ends before it begins"),
    ('{ a = "*", b = "*" }', "both all others"), ('{ grain = "1,1" }', "stands there twice"), ('{ "a b" = 1 }', "a b"),
])
def test_classes_refused(classes, words):
    with pytest.raises(pf.InputError, match=words):
        study_from_text(f'[image]\nfile = "a.npy"\n[phases]\nsigma_S_per_cm = {{ "*" = 1 }}\nclasses = {classes}\n', "test")


@pytest.mark.parametrize("sigma, resistance, words", [
    ({"grain": 1e-3}, {"grain:grain": {"film_S_per_cm": 2e-3, "delta_nm": 5}}, "the film conducts better"),
    ({"grain": 1e-3}, {"grain:grain": {"film_S_per_cm": 1e-4, "delta_nm": 500}}, "thicker than the grains"),
    ({"grain": 1e-3, 3: 5e-3}, {"grain:grain": {"film_S_per_cm": 1e-4, "delta_nm": 5}}, "one conductivity above 0 on each"),
    ({"grain": 1e-3, 3: 5e-3}, {"grain:none": 5}, "none"),
])
def test_refused_with_the_image(sigma, resistance, words):
    with pytest.raises(pf.InputError, match=words):
        pf.conductivity(cubes(), sigma, voxel_nm=50, classes={"grain": "*"}, resistance=resistance)


def test_a_missing_grain():
    """Crystals that conduct alike along all axes need no angles; others do, each of them."""
    one = {"classes": {"grain": "0-7"}, "voxel_nm": 50, "fields": False}
    frame = "label,class,phi1_deg,Phi_deg,phi2_deg\n" + "".join(f"{label},,10,20,30\n" for label in range(7))
    with pytest.raises(pf.InputError, match="label 7 of class grain has no angles"):
        pandas = pytest.importorskip("pandas")
        pf.conductivity(cubes(), {"grain": [1e-3, 1e-3, 1e-4]}, table=pandas.read_csv(io.StringIO(frame)), **one)


def test_errors_of_inputs_are_kept():
    given = study(resist('{ "grain:grain" = "30 ± 20%", "1:2" = "5 +- 1" }'), sigma='{ grain = "1e-3 ± 2e-4", pore = 0 }')
    assert given.phases.relative_errors == pytest.approx({"grain:grain": 0.2, "1:2": 0.2, "grain": 0.2})
    assert given.phases.interface_resistance_ohm_cm2 == {"grain:grain": 30.0, "1:2": 5.0}
    with pytest.raises(pf.InputError, match="below the value"):
        study("", sigma='{ grain = "1e-3 ± 2e-3", pore = 0 }')
