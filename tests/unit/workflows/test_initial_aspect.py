"""A density from a file: it must have the cell's edges, or at least its aspect."""

import h5py
import numpy as np
import pytest
import tifffile

from pfsolid.config.run import config_from_dict
from pfsolid.errors import InputError
from pfsolid.parallel.communicator import alone
from pfsolid.workflows.console import open_session
from pfsolid.workflows.run import run
from pfsolid.workflows.simulate import grow
from pfsolid.workflows.start import check_initial_field

CUBE = {"shape": [24, 24, 24], "voxel_size_nm": 0.5}
FLAT = {"shape": [24, 24, 1], "voxel_size_nm": 0.5}
LONG = {"shape": [24, 12, 12], "voxel_size_nm": [0.5, 0.25, 1.0]}


def config_of(path, grid, porosity=0.4):
    return config_from_dict({
        "grid": grid, "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
        "microstructure": {"porosity": porosity, "initial_field": str(path)}, "evolution": {"max_steps": 1},
        "output": {"figures": False}})


def saved(folder, shape):
    """A field of so many voxels along x, y, z, that says its order and no voxel size."""
    with h5py.File(folder / "field.h5", "w") as file:
        file["rho"] = np.full(shape[::-1], 0.6)
        file["rho"].attrs["axes"] = "z y x"
    return folder / "field.h5"


@pytest.mark.parametrize("shape, grid", [
    ((24, 24, 24), CUBE), ((12, 12, 12), CUBE), ((16, 16, 16), CUBE), ((12, 12, 1), FLAT),
    ((24, 12, 12), LONG),  # the run's own voxels
    ((12, 6, 6), LONG)])
def test_fields_of_the_cells_aspect(tmp_path, shape, grid):
    assert check_initial_field(config_of(saved(tmp_path, shape), grid)).shape == shape


@pytest.mark.parametrize("shape, grid, words", [
    ((24, 24, 12), CUBE, ["12 x 12 x 12 nm", "24 x 24 x 24 voxels", "stretched"]),
    ((12, 24, 24), CUBE, ["12 x 12 x 12 nm", "stretched"]),
    ((24, 24, 24), FLAT, ["12 x 12 x 0.5 nm", "24 x 24 x 24 voxels"]),
    ((12, 12, 12), LONG, ["12 x 3 x 12 nm", "12 x 12 x 12 voxels"])])
def test_fields_of_another_aspect_are_refused(tmp_path, shape, grid, words):
    """In one line with both, before anything is replaced."""
    config = config_of(saved(tmp_path, shape), grid)
    old = tmp_path / "out"
    old.mkdir()
    (old / "input.toml").write_text("an older run")
    with pytest.raises(InputError) as caught:
        run(config, old, open_session(1, alone()), force=True)
    message = str(caught.value)
    assert "\n" not in message and "microstructure.initial_field" in message and all(word in message for word in words)
    assert (old / "input.toml").read_text() == "an older run"


def tiff(folder, shape, pixel_nm):
    """As ImageJ writes it, with pixels of so many nm."""
    path = folder / "field.tif"
    tifffile.imwrite(path, np.full(shape, 0.6, "f4"), imagej=True, resolution=(1 / pixel_nm,) * 2, metadata={"unit": "nm"})
    return path


def test_a_tiff_with_a_pixel_size_is_compared_in_nm(tmp_path):
    path = tiff(tmp_path, (24, 24), 0.5)
    assert check_initial_field(config_of(path, FLAT)).spacing_nm[0] == pytest.approx(0.5)
    growth = grow(config_of(path, FLAT), tmp_path, open_session(1, alone()))
    assert growth.rho.mean() == pytest.approx(0.6, abs=1e-6)
    with pytest.raises(InputError, match=r"24 x 24 x 1 nm and the cell 12 x 12 x 0.5 nm"):
        check_initial_field(config_of(tiff(tmp_path, (24, 24), 1.0), FLAT))
