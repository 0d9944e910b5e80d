"""Microstructures from Python: grown, measured and solved with the numbers of the command line."""

import json
import pickle

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.io.series import read_field
from pfsolid.parallel.communicator import alone

MATERIAL = {"surface_energy_J_per_m2": 0.3, "surface_depth_nm": 1.4}
SIGMA = {"bulk": 1e-3, "surface": 5e-3, "pore": 1e-6}
INPUT = """
[grid]
shape = [20, 16, 12]
voxel_size_nm = [0.7, 0.7, 0.8]
[material]
surface_energy_J_per_m2 = 0.3
surface_depth_nm = 1.4
[microstructure]
porosity = 0.4
seed = 3
[evolution]
max_reduced_time = 30
[conduction]
sigma_bulk_S_per_cm = 1e-3
sigma_surf_S_per_cm = 5e-3
sigma_pore_S_per_cm = 1e-6
[output]
figures = false
"""


@pytest.fixture(scope="module")
def grown():
    return pf.grow((12, 16, 20), (0.7, 0.7, 0.8), 0.4, until=30, seed=3, **MATERIAL)


def test_grow_measure_conduct_in_five_lines():
    sample = pf.grow(16, 0.7, porosity=0.4, until=30, **MATERIAL)
    shape = sample.measure()
    found = sample.conductivity(SIGMA)
    assert shape.porosity == pytest.approx(0.4, abs=1e-6)  # the mean is conserved
    # Wiener's bounds by the phases' own fractions.
    fractions = {name: one["fraction"] for name, one in found.to_dict()["phases"].items()}
    arithmetic = sum(fractions[name] * SIGMA[name] for name in SIGMA)
    harmonic = 1 / sum(fractions[name] / SIGMA[name] for name in SIGMA)
    assert np.all((np.diag(found.tensor) > harmonic) & (np.diag(found.tensor) < arithmetic))


def test_numbers_are_those_of_the_command_line_bit_for_bit(grown, tmp_path, run_cli):
    (tmp_path / "input.toml").write_text(INPUT)
    status, _, error = run_cli("run", tmp_path / "input.toml", "-o", tmp_path / "run")
    assert status == 0, error
    stored = json.loads((tmp_path / "run/result.json").read_text())
    whole = slice(0, 20), slice(0, 16), slice(0, 12)
    rho = read_field(tmp_path / "run/fields.h5", "rho", whole, alone())
    assert grown.density.shape == (12, 16, 20) and np.array_equal(grown.density, rho.T)
    assert grown.reason == stored["growth"]["reason"]
    for name, values in pf.open_run(tmp_path / "run").history.items():
        assert np.array_equal(grown.history[name], values, equal_nan=True), name
    assert grown.history["step"][-1] == stored["growth"]["steps"]  # the last state is there
    found = grown.conductivity(SIGMA).to_dict()
    for name, value in found.items():
        if name != "conduction_seconds":
            assert value == stored[name], name
    measured = grown.measure().to_dict()
    for name, value in measured.items():
        if name != "seconds":
            assert value == stored["morphology"][name], name


def test_history_has_a_column_for_each_quantity(grown):
    assert grown.history["step"][0] == 10 and np.all(np.diff(grown.history["step"])[:-1] == 10)
    # The energy of a gradient flow falls.
    assert np.all(np.diff(grown.history["energy_J_per_m3"]) < 0)
    assert np.isnan(grown.history["time_s"]).all()  # no mobility was given


def test_image_has_the_phases_of_the_density(grown):
    labels = grown.image.to_array()
    assert labels.shape == grown.density.shape
    assert np.array_equal(labels == 0, grown.density < 0.1) and np.array_equal(labels == 2, grown.density > 0.9)
    steps = pf.conductivity(grown.image, SIGMA)
    assert np.diag(steps.tensor) == pytest.approx(
        np.diag(grown.conductivity(SIGMA, options={"subvoxel": False}).tensor), rel=1e-6)


def test_pictures_have_two_axes():
    sample = pf.grow((24, 20), 0.7, 0.3, until=30, axes="yx", **MATERIAL)
    assert sample.density.shape == (24, 20)
    found = sample.conductivity(SIGMA)
    assert found.current_density("y").shape == (24, 20, 3) and np.isnan(found.tensor[2, 2])
    assert "24 x 20 voxels (y, x)" in repr(sample)


def test_rods_lie_along_the_axis_of_that_name():
    rods = pf.grow((8, 32, 32), 0.7, 0.7, until=40, shape_factors=(3000, 1), **MATERIAL)  # z, y, x
    along, across = rods.density.std(axis=2), rods.density.std(axis=1)
    assert along.max() < 0.05 < across.max()


def test_every_step_can_be_watched_and_stopped():
    rows = []
    pf.grow((1, 16, 16), 0.7, 0.5, until={"max_steps": 30}, on_step=rows.append, **MATERIAL)
    assert [row["step"] for row in rows] == [10, 20, 30]

    def stop(_row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pf.grow((1, 16, 16), 0.7, 0.5, until=1000, on_step=stop, **MATERIAL)


def test_can_be_pickled(grown):
    again = pickle.loads(pickle.dumps(grown))
    assert np.array_equal(again.density, grown.density) and again.measure().connectivity == grown.measure().connectivity


def test_a_material_gives_what_is_not_given():
    sample = pf.grow((1, 32, 32), 0.7, 0.3, "beta-Li3PS4", until=40)
    found = sample.conductivity(temperature_K=298.15)
    assert 0 < found.tensor[0, 0] and found.temperatures == (298.15,)


def test_what_has_not_separated_has_no_conductivity():
    with pytest.warns(pf.PfsolidWarning, match="not separated"):
        young = pf.grow((1, 16, 16), 0.7, 0.5, until={"max_steps": 1}, **MATERIAL)
    with pytest.raises(pf.InputError, match="have not separated"):
        young.conductivity(SIGMA)


@pytest.mark.parametrize("arguments, says", [
    ({"porosity": 1.4}, "porosity = 1.4: must be"),
    ({"until": None}, "until is missing"),
    ({"until": {"steps": 3}}, "evolution.steps"),
    ({"shape": (8, 8, 8, 8)}, "shape = .*along z, y, x"),
    ({"shape": 1}, "shape = .*8 voxels or more"),
    ({"axes": "abc"}, "axes = 'abc'"),
    ({"material": "cheese"}, "material = \"cheese\""),
    ({"surface_depth_nm": None}, "surface_depth_nm"),
    ({"shape_factors": 3}, "shape_factors = 3"),
    ({"options": {"evolution": {"wall_clock_limit_s": 3.0}}}, "no meaning without a directory"),
    ({"options": {"grid": {"shape": [1, 2, 3]}}}, r"options\['grid'\]"),
    ({"options": {"microstructure": {"seed": 3}}}, "given twice"),
])
def test_likely_mistakes(arguments, says):
    usual = {"shape": (1, 16, 16), "voxel_nm": 0.7, "porosity": 0.5, "until": 20} | MATERIAL
    with pytest.raises(ValueError, match=says) as caught:
        pf.grow(**usual | arguments)
    assert isinstance(caught.value, pf.InputError) and "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments, says", [
    ({"sigma": 1e-3}, "sigma = 0.001: must be S/cm of pore, surface, bulk"),
    ({"sigma": {"solid": 1.0}}, "no label is called 'solid'"),
    ({"sigma": {"bulk": 1.0}}, r"sigma\['surface'\]"),
    ({"sigma": SIGMA, "options": {"solver": "fft"}}, r"options\['solver'\]"),
    ({"sigma": SIGMA, "tolerance": 3.0}, "tolerance = 3.0"),
])
def test_likely_mistakes_in_conducting(grown, arguments, says):
    with pytest.raises(pf.InputError, match=says) as caught:
        grown.conductivity(**arguments)
    assert "\n" not in str(caught.value)


class Recorder:
    """Each step's density and row."""

    def __init__(self, last=None):
        self.last, self.seen = last, []

    def due(self, state):
        return True

    def write(self, state):
        self.seen.append((state.step, state.density, state.row, state.reason))
        if state.step == self.last:
            state.stop("enough")


def test_own_sinks_see_each_step_in_the_callers_axes_and_may_end_it():
    recorder = Recorder(last=7)
    ended = pf.grow((4, 16, 18), 0.7, 0.5, until={"max_steps": 30}, sinks=[recorder], **MATERIAL)
    alone = pf.grow((4, 16, 18), 0.7, 0.5, until={"max_steps": 7}, **MATERIAL)
    assert [step for step, *_ in recorder.seen] == list(range(8))
    assert ended.reason == "enough" and np.array_equal(ended.density, alone.density)  # looking changes no bit
    _, density, row, reason = recorder.seen[-1]
    assert np.array_equal(density, ended.density) and density.shape == (4, 16, 18) and reason is None
    assert ended.history["step"].tolist() == [7] and row["energy_J_per_m3"] == ended.history["energy_J_per_m3"][-1]
    assert not np.shares_memory(density, recorder.seen[-2][1])


@pytest.mark.parametrize("sinks, message", [
    (Recorder(), "sinks = .*must be a list"), ([Recorder], r"sinks\[0\] = <class"),
    ([Recorder(), print], r"sinks\[1\] = <built-in function print>: must be an object with methods due")])
def test_what_is_no_sink_is_refused(sinks, message):
    with pytest.raises(pf.InputError, match=message):
        pf.grow((1, 16, 16), 0.7, 0.5, until={"max_steps": 3}, sinks=sinks, **MATERIAL)
