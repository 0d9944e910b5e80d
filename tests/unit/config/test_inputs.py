"""The shipped inputs: each is valid as it stands, and a small version of each runs to a conductivity."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pfsolid.config.review import review
from pfsolid.config.run import config_from_text, read_config, to_toml
from pfsolid.workflows.console import open_session
from pfsolid.workflows.run import run

INPUTS = sorted((Path(__file__).resolve().parents[3] / "inputs").glob("*.toml"))
SMALL = ["grid.shape=[24, 24, 24]", "evolution.max_reduced_time=40", "output.figures=false",
         "conduction.relative_tolerance=1e-3"]
# In the small cell the two particles of seed 1 touch and percolate; at full size they are apart.
APART = {"peo_insulating_filler": ["microstructure.seed=2"]}
# Boltzmann's constant in eV/K, to seven digits.
BOLTZMANN_EV = 8.617333e-5


def named(name) -> Path:
    return next(path for path in INPUTS if path.stem == name)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_is_valid_and_says_what_it_is(path):
    config = read_config(path)
    found = review(config, num_cores=8)
    assert found.errors == [] and config.title
    anisotropic = len(set(config.reduced_kappa)) > 1  # rods and layers are meant to wrap the cell
    expected = ("memory", "wider than the cell") if anisotropic else ("memory",)  # memory is the test machine's affair
    assert not [w for w in found.warnings if not any(part in w for part in expected)]
    assert f"pfsolid run inputs/{path.name}" in path.read_text() and path.read_text().startswith("#")
    assert config_from_text(to_toml(config), "again") == config


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_is_of_laptop_size(path):
    """Up to 96^3; the paper's own case is the exception."""
    assert math.prod(read_config(path).grid.shape) <= 96**3 or path.stem == "li3ps4_porosity32"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """result.json of the small version of an input; each is run once."""
    kept = {}

    def of(name, *overrides):
        if (name, overrides) not in kept:
            config = read_config(named(name), [*SMALL, *APART.get(name, []), *overrides])
            out = tmp_path_factory.mktemp(name) / "out"
            run(config, out, open_session(threads=1))
            kept[name, overrides] = json.loads((out / "result.json").read_text())
        return kept[name, overrides]

    return of


@pytest.mark.parametrize("name", [path.stem for path in INPUTS])
def test_a_small_version_runs(result, name):
    found = result(name)
    tensor = np.array(found["sigma_eff_S_per_cm"])
    best = max(phase["sigma_S_per_cm"] for phase in found["phases"].values())
    # Symmetric to its last bit, and below the best phase (Wiener).
    assert np.array_equal(tensor, tensor.T) and 0 < np.diag(tensor).max() <= best


def test_pillars_conduct_along_themselves(result):
    """Along x the layers are in parallel, so sigma_xx is their share of sigma_surf and more; across, they are far apart."""
    found = result("pillars_along_x", "conduction.profile=steps")  # whole voxels, as the fractions count them
    along, *across = np.diag(found["sigma_eff_S_per_cm"])
    surface = found["phases"]["surface"]
    parallel = sum(phase["fraction"] * phase["sigma_S_per_cm"] for phase in found["phases"].values())
    # Nothing varies along x, so the arithmetic mean is exact; 1e-6: of the printed fractions and the solver.
    assert along == pytest.approx(parallel, rel=1e-6) and along > surface["fraction"] * surface["sigma_S_per_cm"]
    assert max(across) < along / 10


def test_layers_conduct_within_themselves_only(result):
    tensor = np.array(result("laminate")["sigma_eff_S_per_cm"])
    assert tensor[0, 0] == pytest.approx(tensor[1, 1], rel=1e-6) and tensor[2, 2] == 0


def test_separate_fillers_barely_help(result):
    """With perfect layers each particle counts as a perfect conductor: 1 + 2g over 1 - g times the matrix (Maxwell-Garnett).

    Not a bound for few, large particles, hence the factor of 2; the layers' share in parallel would be 200 times more.
    """
    found = result("peo_insulating_filler")
    share = 1 - found["phases"]["bulk"]["fraction"]
    assert 1e-8 < found["mean_S_per_cm"] < 2 * 1e-8 * (1 + 2 * share) / (1 - share)


def test_a_percolating_filler_carries_the_current(result):
    found = result("peo_conducting_filler")
    assert 1e-5 < found["mean_S_per_cm"] < found["phases"]["pore"]["fraction"] * 1e-3


def test_the_series_lies_between_its_laws():
    """Over the whole range bulk and surface follow 0.47 and 0.26 eV from the values at 298.15 K."""
    conduction = read_config(named("temperature_series")).conduction
    assert conduction.temperatures == (273.15, 298.15, 323.15, 348.15, 373.15)
    for temperature in conduction.temperatures:
        _, surface, bulk = conduction.sigma_S_per_m_at(temperature)
        for value, room, energy in ((surface, 0.314, 0.26), (bulk, 8.93e-5, 0.47)):
            law = room * 298.15 / temperature * math.exp(-energy / BOLTZMANN_EV * (1 / temperature - 1 / 298.15))
            assert value == pytest.approx(law, rel=1e-6)
