"""Measures from Python: plates whose numbers are known, the command line's own numbers, likely mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.results.measured import measured_from_dict

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


def test_every_label_is_a_phase(tmp_path, run_cli):
    """The cylinder's surroundings are no phase and no volume; the same numbers from a file, and as a table."""
    array = np.random.default_rng(3).integers(1, 4, (8, 7, 9)).astype(np.uint8)
    array[:, 0] = 9
    image = pf.Image(array, voxel_nm=2, names={1: "pore", 2: "SE", 3: "CAM"})
    found = pf.measure(image, exclude=9, active={"SE": "first", "CAM": "last", "pore": "either"})
    assert sum(found.volume_fractions.values()) == pytest.approx(1) and set(found.volume_fractions) == {"pore", "SE", "CAM"}
    assert set(found.area_per_nm) == {("pore", "SE"), ("pore", "CAM"), ("SE", "CAM")} and "\n" not in repr(found)
    described = found.to_dict()
    assert described["field_of_view_fraction"] == pytest.approx(6 / 7)
    np.save(tmp_path / "image.npy", array)
    status, out, error = run_cli("measure", tmp_path / "image.npy", "--voxel-nm", "2", "--names", "1=pore,2=SE,3=CAM",
                                 "--exclude", "9", "--active", "SE=first,CAM=last,pore=either", "--csv", tmp_path / "t.csv")
    assert status == 0, error
    assert "pore | SE | CAM" in out and "outside the field of view: 9" in out
    stored = json.loads((tmp_path / "image_morphology.json").read_text())["morphology"]
    assert {k: v for k, v in stored.items() if k != "seconds"} == {k: v for k, v in described.items() if k != "seconds"}
    rows = [line.split(",") for line in (tmp_path / "t.csv").read_text().splitlines()]
    assert rows[0] == ["quantity", "phases", "axis", "value", "unit"] and all(len(row) == 5 for row in rows)
    [area] = [row for row in rows if row[:2] == ["area_normals_per_nm", "pore|SE"]]
    assert float(area[3]) == pytest.approx(found.area_per_nm["pore", "SE"], rel=1e-7) and area[4] == "1/nm"


@pytest.mark.parametrize("name, kind", [
    ("labels", pf.LabelMorphology), ("filler", pf.Morphology), ("density", pf.Morphology)])
def test_what_the_command_has_written_is_opened_in_every_form(name, kind, tmp_path, run_cli):
    """A file of 0.1, and that of today: the same keys, and a number of its form."""
    old = Path(__file__).parents[2] / f"data/morphology/measured_{name}_0.1.json"
    known = {key: value for key, value in json.loads(old.read_text()).items() if (key, value) != ("surface_depth_nm", None)}
    found = pf.open_morphology(old)
    assert isinstance(found, kind) and measured_from_dict(known).to_dict() == known
    with pytest.raises(pf.InputError, match="schema_version 2 is of a newer pfsolid"):
        measured_from_dict(known | {"schema_version": 2})
    np.save(tmp_path / "image.npy", np.random.default_rng(5).integers(1, 3, (6, 5, 4)) if name != "density" else
            np.random.default_rng(6).random((6, 5, 4)))
    filler = ["--filler", "1"] if name == "filler" else []
    status, _, error = run_cli("measure", tmp_path / "image.npy", "--voxel-nm", "2", *filler)
    assert status == 0, error
    written = json.loads((tmp_path / "image_morphology.json").read_text())
    assert set(written) == set(known) | {"schema_version"} and written["morphology"].keys() == known["morphology"].keys()
    assert measured_from_dict(written).to_dict() == written


@pytest.mark.parametrize("text, says", [("[]", "is no table"), ("{", "line 1"), ("{}", "has no source"),
                                        ('{"values": "labels", "source": 5}', "source is int")])
def test_what_is_no_file_of_measures(text, says, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(pf.InputError, match=f"a.json: .*{says}"):
        pf.open_morphology(tmp_path / "a.json")


def test_what_is_cropped_is_not_measured():
    whole = pf.Image(PLATES, voxel_nm=2, crop=[[], [], (0, 6)])
    part = pf.Image(PLATES[:6], voxel_nm=2)
    assert pf.measure(whole, filler=0).porosity == pf.measure(part, filler=0).porosity == pytest.approx(4 / 6)


@pytest.mark.parametrize("arguments, says", [
    ({"voxel_nm": None}, "give voxel_nm"),
    ({"boundary": "electrodes"}, "boundary = 'electrodes': must be"),
    ({"filler": "water"}, "filler water: a whole number, or the name"),
    ({"filler": 7}, "filler 7: .* has no such label"),
    ({"image": PLATES * 3.0, "filler": None}, "is no density.*give values labels, or filler"),
    ({"filler": None, "exclude": 7}, "exclude 7: .* has no such label; it has 0, 1"),
    ({"filler": None, "exclude": [0, 1]}, "has no other label"),
    ({"filler": None, "exclude": "water"}, "exclude water: a whole number, or the name"),
    ({"filler": None, "active": {0: "left"}}, "active 0=left: must be .*through, first, last, either"),
    ({"filler": None, "active": {5: "first"}}, "active 5: the image has no such phase"),
    ({"exclude": 1}, "exclude: is for images of which every label is a phase"),
    ({"values": "grey", "filler": None}, "values = 'grey': must be"),
    ({"values": "labels"}, "does not go with filler"),
    ({"image": PLATES + 0.5, "filler": None, "values": "labels"}, "which is no label"),
])
def test_likely_mistakes(arguments, says):
    usual = {"image": PLATES, "voxel_nm": 2, "filler": 0}
    with pytest.raises(ValueError, match=says) as caught:
        pf.measure(**usual | arguments)
    assert isinstance(caught.value, pf.InputError) and "--" not in str(caught.value)
