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
    assert np.array_equal(run.tensor, stored["sigma_eff_S_per_cm"]) and run.result["porosity"] == stored["porosity"]
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
