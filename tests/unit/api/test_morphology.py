"""Measures from Python: plates whose numbers are known, the command line's own numbers, likely mistakes."""

import json

import numpy as np
import pytest

import pfsolid as pf

# Across z, the first axis: 4 voxels of 0, 4 of 1, twice.
PLATES = np.repeat([0, 1, 0, 1], 4)[:, None, None] * np.ones((16, 8, 8), np.uint8)


def test_plates():
    found = pf.measure(pf.Image(PLATES, voxel_nm=2, names={0: "pore", 1: "solid"}), filler="pore", boundary="periodic")
    assert found.percolates == {"filler": "xy", "matrix": "xy"}
    assert found.porosity == pytest.approx(0.5)
    assert found.area_per_nm == pytest.approx(4 / 32, rel=1e-6)  # four faces in 32 nm
    assert "\n" not in repr(found) and "filler 0.5 of the volume" in repr(found)


def test_numbers_are_those_of_the_command_line_bit_for_bit(tmp_path, run_cli):
    array = np.random.default_rng(2).integers(0, 3, (9, 8, 7)).astype(np.uint8)
    np.save(tmp_path / "image.npy", array)
    status, _, error = run_cli("measure", tmp_path / "image.npy", "--filler", "1", "--voxel-nm", "2", "-o",
                               tmp_path / "m.json")
    assert status == 0, error
    stored = json.loads((tmp_path / "m.json").read_text())["morphology"]
    for image in (array, pf.read_image(tmp_path / "image.npy")):
        for name, value in pf.measure(image, voxel_nm=2, filler=1).to_dict().items():
            if name not in ("seconds", "structure_factor"):
                assert value == stored[name], name


def test_what_is_cropped_is_not_measured():
    whole = pf.Image(PLATES, voxel_nm=2, crop=[[], [], (0, 6)])
    part = pf.Image(PLATES[:6], voxel_nm=2)
    assert pf.measure(whole, filler=0).porosity == pf.measure(part, filler=0).porosity == pytest.approx(4 / 6)


@pytest.mark.parametrize("arguments, says", [
    ({"voxel_nm": None}, "give voxel_nm"),
    ({"boundary": "electrodes"}, "boundary = 'electrodes': must be"),
    ({"filler": "water"}, "filler water: a whole number, or the name"),
    ({"filler": 7}, "filler 7: .* has no such label"),
    ({"image": PLATES * 3, "filler": None}, "is no density.*give filler"),
])
def test_likely_mistakes(arguments, says):
    usual = {"image": PLATES, "voxel_nm": 2, "filler": 0}
    with pytest.raises(ValueError, match=says) as caught:
        pf.measure(**usual | arguments)
    assert isinstance(caught.value, pf.InputError) and "--" not in str(caught.value)
