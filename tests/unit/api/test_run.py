"""Directories of the command line opened from Python: fields, history, numbers, and going on from them."""

import json

import numpy as np
import pytest

import pfsolid as pf

INPUT = """
[grid]
shape = [12, 10, 8]
voxel_size_nm = 0.9
[material]
surface_energy_eV_per_A2 = 0.020
surface_depth_nm = 1.4
[microstructure]
porosity = 0.4
noise_amplitude = 0.2
[evolution]
max_steps = 100
[conduction]
sigma_bulk_S_per_cm = 8.93e-7
sigma_surf_S_per_cm = 3.14e-3
[output]
figures = false
"""
pytestmark = pytest.mark.filterwarnings("ignore::pfsolid.PfsolidWarning")  # the box is small


@pytest.fixture
def directory(tmp_path, run_cli):
    (tmp_path / "tiny.toml").write_text(INPUT)
    status, _, error = run_cli("run", tmp_path / "tiny.toml", "-o", tmp_path / "run")
    assert status == 0, error
    return tmp_path / "run"


def test_a_run_is_opened_read_and_gone_on_with(directory):
    run = pf.open_run(directory)
    stored = json.loads((directory / "result.json").read_text())
    assert np.array_equal(run.tensor, stored["sigma_eff_S_per_cm"]) and run.result.porosity == stored["porosity"]
    assert "\n" not in repr(run) and stored["headline"] in repr(run) and "S/cm" in run._repr_html_()
    assert run.density.shape == (8, 10, 12) and {"rho", "phase"} <= set(run.fields)
    assert 1 - run.density.mean() == pytest.approx(stored["porosity"], abs=1e-12)
    assert run.history["step"][-1] == 100 and run.history["energy_J_per_m3"][0] > run.history["energy_J_per_m3"][-1]
    grown = run.microstructure
    assert grown.separated and grown.reason == stored["growth"]["reason"]
    # The density is stored to the last bit, so conduction on it is the run's own.
    assert np.array_equal(run.conductivity().tensor, run.tensor)
    other = run.conductivity({"bulk": 1e-3, "surface": 1e-3, "pore": 1e-3})
    assert other.tensor == pytest.approx(1e-3 * np.eye(3), rel=1e-9, abs=1e-12)  # uniform
    assert run.measure().to_dict()["surface"]["area_per_nm"] == pytest.approx(stored["morphology"]["surface"]["area_per_nm"])
    assert np.array_equal(run.image.to_array(), run.field("phase")) and np.array_equal(run.image.to_array(),
                                                                                       grown.image.to_array())
    with pytest.raises(pf.InputError, match="no field 'sigma'"):
        run.field("sigma")
    xarray = pytest.importorskip("xarray")
    data = run.to_xarray()
    assert isinstance(data, xarray.Dataset) and data.rho.dims == ("z", "y", "x") and data.rho.attrs["units"] == "1"
    assert data.current_density_x.attrs["units"] == "A/m^2" and data.energy_J_per_m3.dims == ("step",)
    assert np.array_equal(data.x, 0.9 * (np.arange(12) + 0.5))


def test_a_study_of_an_image_is_opened(tmp_path, run_cli):
    labels = np.repeat([0, 1], 4)[:, None, None] * np.ones((8, 6, 4), np.uint8)
    np.save(tmp_path / "layers.npy", labels)
    assert run_cli("conduct", tmp_path / "layers.npy", "--sigma", "0=1e-3,1=3e-3", "--voxel-nm", "20", "--set",
                   "output.figures=false")[0] == 0
    run = pf.open_run(tmp_path / "layers_conduct")
    assert run.tensor[2, 2] == pytest.approx(1.5e-3, rel=1e-4)  # the harmonic mean, to the tolerance
    assert np.array_equal(run.image.to_array(), labels) and run.history == {}
    with pytest.raises(pf.InputError, match="nothing was grown there"):
        _ = run.microstructure


def test_what_is_no_finished_run(tmp_path, directory):
    for path, says in ((tmp_path, "is not the directory of a run"), (tmp_path / "no", "does not exist")):
        with pytest.raises(pf.InputError, match=says):
            pf.open_run(path)
    (directory / "result.json").unlink()
    with pytest.raises(pf.InputError, match="is not finished; go on with: pfsolid resume"):
        pf.open_run(directory)


def test_a_grown_structure_is_saved_for_the_command_line(tmp_path, run_cli):
    grown = pf.grow((8, 10, 12), 0.9, 0.4, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until={"max_steps": 100},
                    options={"microstructure": {"noise_amplitude": 0.2}})
    folder = grown.save(tmp_path / "saved")
    status, printed, _ = run_cli("info", folder)
    assert status == 0 and "made 100 steps" in printed and "fields.h5: rho" in printed
    status, _, error = run_cli("resume", folder)
    assert status == 2 and "is finished" in error
    again = pf.open_run(folder)
    assert np.array_equal(again.density, grown.density) and again.microstructure.axes == "zyx"
    for name, values in grown.history.items():
        assert np.array_equal(again.history[name], values, equal_nan=True)
    sigma = {"bulk": 1e-4, "surface": 1e-3}
    status, _, error = run_cli("conduct", folder, "--set", "conduction.sigma_bulk_S_per_cm=1e-4", "--set",
                               "conduction.sigma_surf_S_per_cm=1e-3", "--set", "output.figures=false")
    assert status == 0, error
    assert np.array_equal(pf.open_run(folder / "conduct").tensor, grown.conductivity(sigma).tensor)
    with pytest.raises(pf.InputError, match="saved"):
        grown.save(folder)
    assert pf.open_run(grown.save(folder, force=True)).result.porosity == grown.porosity
