"""Images of more labels than a byte holds: laminates by formula, and images that equal others with the labels merged."""

import csv
import json

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.pairs import PairValues, pair_value

N = 300


def one_label_each(two):
    """An image of 0 and 1 with a label of its own for each voxel that is not 0."""
    return np.where(two == 0, 0, 1 + np.arange(two.size).reshape(two.shape)).astype(np.uint32)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def test_a_laminate_of_more_than_255_labels(here, run_cli):
    """Across the layers resistivities add up, with one resistance for all interfaces too; along them conductivities."""
    sigma = 10.0 ** np.random.default_rng(1).uniform(-4, -2, N)
    labels = np.random.default_rng(2).permutation(N) * 7 + 1000  # not in order, and with gaps
    np.save("layers.npy", np.broadcast_to(labels[:, None, None], (N, 2, 2)).astype(np.uint16))
    with open("sigma.csv", "w", newline="") as file:
        csv.writer(file).writerows([("label", "sigma_S_per_cm"), *zip(labels.tolist(), map(repr, sigma.tolist()))])
    common = ["conduct", "layers.npy", "--sigma-table", "sigma.csv", "--voxel-nm", "20", "--tolerance", "1e-10", "--set",
              "output.figures=false"]
    assert run_cli(*common, "-o", "plain")[0] == 0
    tensor = np.array(result_of(here / "plain")["sigma_eff_S_per_cm"])
    # Solved to 1e-10.
    assert np.diag(tensor) == pytest.approx([sigma.mean(), sigma.mean(), 1 / np.mean(1 / sigma)], rel=1e-9)
    resistance, voxel_cm = 1e-3, 20e-7
    assert run_cli(*common, "-o", "resists", "--resistance", f"*:*={resistance}", "--directions", "z")[0] == 0
    found = result_of(here / "resists")["sigma_eff_S_per_cm"][2][2]
    assert found == pytest.approx(1 / (np.mean(1 / sigma) + resistance / voxel_cm), rel=1e-9)
    pair = f"{labels[4]}:{labels[5]}=0"  # of 300 interfaces one has none
    assert run_cli(*common, "-o", "but_one", "--resistance", f"*:*={resistance},{pair}", "--directions", "z")[0] == 0
    found = result_of(here / "but_one")["sigma_eff_S_per_cm"][2][2]
    assert found == pytest.approx(1 / (np.mean(1 / sigma) + resistance / voxel_cm * (N - 1) / N), rel=1e-9)


def test_more_than_65536_labels_equal_the_image_with_the_labels_merged(here, run_cli):
    """To the last bit of tensor, bars and shares of the current."""
    two = (np.random.default_rng(3).random((44, 42, 46)) < 0.85).astype(np.uint8)
    many = one_label_each(two)
    assert np.unique(many).size > 65536
    np.save("two.npy", two)
    np.save("many.npy", many)
    common = ["--voxel-nm", "10", "--set", "output.figures=false", "--tolerance", "1e-3"]
    assert run_cli("conduct", "two.npy", "--sigma", "0=0,1=1e-3", "--names", "0=pore,1=grain", "-o", "a", *common)[0] == 0
    assert run_cli("conduct", "many.npy", "--sigma", "0=0,*=1e-3", "--names", "0=pore,*=grain", "-o", "b", *common)[0] == 0
    one, other = result_of(here / "a"), result_of(here / "b")
    for key in ("sigma_eff_S_per_cm", "error_bar", "currents", "headline"):
        assert one[key] == other[key], key
    for name in ("pore", "grain"):  # sums of 69 000 fractions: rounding
        assert one["phases"][name]["fraction"] == pytest.approx(other["phases"][name]["fraction"], rel=1e-12)
        assert one["phases"][name]["sigma_S_per_cm"] == other["phases"][name]["sigma_S_per_cm"]
    assert run_cli("measure", "two.npy", "--voxel-nm", "10", "--names", "0=pore,1=grain", "-o", "a.json")[0] == 0
    assert run_cli("measure", "many.npy", "--voxel-nm", "10", "--names", "0=pore,*=grain", "-o", "b.json")[0] == 0
    one, other = (json.loads((here / name).read_text())["morphology"] for name in ("a.json", "b.json"))
    for found in (one, other):
        del found["seconds"]
    assert one == other


def test_results_by_conductivity_where_labels_are_too_many_to_count_apart():
    array = one_label_each((np.random.default_rng(1).random((8, 8, 8)) < 0.8).astype(np.uint8))
    sigma = {int(label): 0.0 if label == 0 else [1e-3, 2e-3][label % 2] for label in np.unique(array)}
    found = pf.conductivity(array, sigma, voxel_nm=10, directions="x", names={0: "pore"})
    even, odd = (int((array[array > 0] % 2 == rest).sum()) for rest in (0, 1))
    names = {name: part.fraction for name, part in found.result.phases.items()}
    lowest = [int(array[(array > 0) & (array % 2 == rest)].min()) for rest in (0, 1)]
    assert names == {"pore": (array == 0).mean(), f"{even} labels from {lowest[0]} on": even / 512,
                     f"{odd} labels from {lowest[1]} on": odd / 512}
    assert sum(found.current_share["x"].values()) == pytest.approx(1)
    merged = np.where(array == 0, 0, 1 + array % 2)
    assert np.array_equal(found.tensor, pf.conductivity(merged, {0: 0, 1: 1e-3, 2: 2e-3}, voxel_nm=10,
                                                        directions="x").tensor, equal_nan=True)


def test_full_tensors_of_many_labels():
    """Layers with a tensor each, in elements: the laminate formula along the layers and across."""
    rng = np.random.default_rng(5)
    tensors = {1000 + n: (np.diag(rng.uniform(1, 2, 3)) + 0.2).tolist() for n in range(N)}
    array = np.broadcast_to(1000 + np.arange(N)[:, None, None], (N, 2, 2))
    found = pf.conductivity(array, tensors, voxel_nm=10, directions="z", tolerance=1e-8)
    s = np.array(list(tensors.values()))
    assert found.tensor[2, 2] == pytest.approx(1 / np.mean(1 / s[:, 2, 2]), rel=1e-7)


@pytest.mark.parametrize("options, words", [
    (["--sigma", "0=0,16777216=1"], "'16777216' is no label from 0 to 16777215"),
    (["--sigma", "0=0,5=1"], "nor have 300 others of the 302 labels of the image: give thresholds"),
    (["--sigma", "*=0"], "at least one label must conduct"),
    (["--sigma", "*=1", "--names", "0=a,*=a"], "gives a label or a name twice"),
    (["--sigma", "*=1", "--resistance", "*:1=3"], "pairs of labels or classes with a resistance"),
    (["--sigma", "*=1", "--resistance", "*:*=-3"], "pairs of labels or classes with a resistance")])
def test_bad_input(here, run_cli, options, words):
    np.save("a.npy", np.concatenate([np.zeros(19), 1000 + np.arange(301)]).reshape(5, 8, 8).astype(np.uint16))
    status, _, error = run_cli("conduct", "a.npy", "--voxel-nm", "1", *options)
    assert status == 2 and words in error and not (here / "a_conduct").exists()


def test_too_many_phases_to_measure(here, run_cli):
    np.save("a.npy", np.arange(512).reshape(8, 8, 8))
    status, _, error = run_cli("measure", "a.npy", "--voxel-nm", "1")
    assert status == 2 and "has 512 values, more phases than 64: give --names 0=pore,*=grains" in error


def test_values_of_pairs():
    rng = np.random.default_rng(1)
    pairs = {tuple(pair): float(value) for pair, value in zip(rng.integers(0, 1 << 24, (50, 2)).tolist(), rng.random(50))}
    for others in (0.0, 7.0):
        found = PairValues.of(pairs, others)
        for (a, b), value in pairs.items():
            assert pair_value(found.table, a, b) == pair_value(found.table, np.uint32(b), np.uint32(a)) == value
        assert pair_value(found.table, 3, 4) == others and pair_value(found.table, 5, 5) == 0
    for given, words in (({(1, 1): 1.0}, "two different labels"), ({(0, 1): 1.0, (1, 0): 2.0}, "given twice")):
        with pytest.raises(pf.InputError, match=words):
            PairValues.of(given)
