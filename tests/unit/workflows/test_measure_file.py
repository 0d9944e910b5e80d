"""`pfsolid measure` on files: what is taken for what, what is said, what is refused, on one rank."""

import json

import h5py
import numpy as np
import pytest
from helpers.builders import grow_density

from pfsolid.cli.label_tables import names_of
from pfsolid.cli.options import edges_of
from pfsolid.errors import InputError
from pfsolid.parallel.communicator import alone
from pfsolid.workflows.console import open_session
from pfsolid.workflows.measure_file import measure_file

RUN = """
[grid]
shape = [20, 24, 16]
voxel_size_nm = 0.5
[material]
surface_energy_eV_per_A2 = 0.02
surface_depth_nm = 1.4
[microstructure]
porosity = 0.4
[evolution]
max_steps = 3
[conduction]
sigma_bulk_S_per_cm = 1e-6
sigma_surf_S_per_cm = 1e-3
sigma_pore_S_per_cm = 0.0
rho_pore = 0.2
rho_bulk = 0.7
"""


def measured(path, *names, **options):
    output, lines = measure_file(str(path), open_session(1, alone()), *names, force=True, **options)
    return json.loads(output.read_text()), "\n".join(lines)


@pytest.fixture
def channel(tmp_path):
    """A channel along the first axis; a cube, so that the order of the axes only names it."""
    labels = np.ones((10, 10, 10), np.uint8)
    labels[:, 2:5, 3:6] = 7
    np.save(tmp_path / "channel.npy", labels)
    return tmp_path / "channel.npy"


def store_run(path, rho, **attributes):
    with h5py.File(path, "w") as file:
        file.attrs["input"] = RUN
        dataset = file.create_dataset("rho", data=rho.T)
        dataset.attrs.update({"axes": "z y x", "spacing_nm": [0.5] * 3} | attributes)


# --- boundaries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("boundary", "faces"), [(None, 9.6), ("open", 9.6), ("periodic", 9.6), ("mirror", 9.6)])
def test_the_ends_of_an_image(channel, boundary, faces):
    result, text = measured(channel, "7", (20.0,) * 3, boundary)
    assert result["boundary"] == (boundary or "open") and f"\nboundary {boundary or 'open'}: " in text
    found = result["morphology"]
    assert found["connectivity"]["class"] == "1-3"
    assert found["surface"]["area_faces_per_nm"] == pytest.approx(12 * 10 / 1000 / 20)
    assert ("refused" in found.get("structure_factor", {})) == (boundary in (None, "open"))
    edges = 20 if boundary == "mirror" else 10
    assert result["grid"] == {"shape": [edges] * 3, "voxel_size_nm": [20.0] * 3}


def test_half_an_image_has_one_interface_unless_it_goes_on(tmp_path):
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:4] = 1
    np.save(tmp_path / "half.npy", labels)
    for boundary, planes in ((None, 1), ("mirror", 1), ("periodic", 2)):
        surface = measured(tmp_path / "half.npy", "1", (1.0,) * 3, boundary)[0]["morphology"]["surface"]
        for area in ("area_per_nm", "area_normals_per_nm", "area_faces_per_nm"):
            assert surface[area] == pytest.approx(planes / 8)


def test_a_laminate_in_two_dimensions(tmp_path):
    labels = np.zeros((40, 60), np.uint8)
    labels[:20] = 1
    np.save(tmp_path / "laminate.npy", labels)
    for boundary in (None, "periodic", "mirror"):
        result, text = measured(tmp_path / "laminate.npy", "1", (10.0,) * 3, boundary)
        assert result["morphology"]["connectivity"]["class"] == "1-1" and "connectivity 1-1 of 2 axes" in text
        assert 1 in result["grid"]["shape"]


# --- labels ---------------------------------------------------------------------------------------


def test_labels_are_called_what_they_are(channel):
    result, text = measured(channel, "7", (20.0,) * 3)
    assert "label 7 percolates along" in text and "label 1 percolates along x, y, z" in text
    assert not any(word in text for word in ("pore", "wall", "surface", "rho"))
    phases = result["phases"]
    assert phases["filler"] == {"labels": [7], "name": "label 7", "fraction": pytest.approx(0.09)}
    assert phases["matrix"] == {"labels": [1], "name": "label 1", "fraction": pytest.approx(0.91)}
    assert not any(word in name for name in result["morphology"] for word in ("pore", "wall"))
    result, text = measured(channel, "void", (20.0,) * 3, names={7: "void", 1: "LPS"})
    assert result["filler_label"] == 7 and "void percolates along" in text and "LPS" in text


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16", "int32", "bool"])
def test_labels_of_any_type_that_holds_whole_numbers(tmp_path, dtype):
    values = {"bool": (0, 1), "uint16": (40000, 3), "int32": (-1, 100000)}.get(dtype, (0, 300))
    labels = np.full((6, 6, 6), values[0], dtype)
    labels[2:4] = values[1]
    np.save(tmp_path / "labels.npy", labels)
    result, _ = measured(tmp_path / "labels.npy", str(values[1]), (1.0,) * 3)
    assert result["morphology"]["surface"]["filler_fraction"] == pytest.approx(1 / 3)
    assert result["phases"]["matrix"]["labels"] == [values[0]]


def test_many_labels_are_not_listed(tmp_path):
    np.save(tmp_path / "grains.npy", np.arange(512).reshape(8, 8, 8))
    assert "the 511 other labels" in measured(tmp_path / "grains.npy", "5", (1.0,) * 3)[1]


@pytest.mark.parametrize(("filler", "says"), [
    ("3", "--filler 3: .* has no such label; it has 1, 7"), ("void", "--filler void: .*--names"),
    ("7.5", "--filler 7.5: a whole number"),
])
def test_what_is_no_filler(channel, filler, says):
    with pytest.raises(InputError, match=says):
        measured(channel, filler, (20.0,) * 3)
    assert not channel.with_name("channel_morphology.json").exists()


def test_values_between_labels_are_refused(tmp_path):
    np.save(tmp_path / "grey.npy", np.full((4, 4, 4), 0.5))
    with pytest.raises(InputError, match="0.5, which is no label, a whole number"):
        measured(tmp_path / "grey.npy", "1", (1.0,) * 3)


# --- edges of a voxel -----------------------------------------------------------------------------


def test_edges_of_each_axis(channel):
    result, _ = measured(channel, "7", edges_of("20,20,40"))
    assert result["grid"]["voxel_size_nm"] == [20.0, 20.0, 40.0]
    assert edges_of("20") == (20.0,) * 3 and edges_of(None) is None


@pytest.mark.parametrize("text", ["20um", "0", "-1", "nan", "inf", "1,2", "1,2,3,4", "", "1,,2"])
def test_edges_that_are_none(text):
    with pytest.raises(InputError, match=f"--voxel-nm {text}: must be a positive length in nm, or three"):
        edges_of(text)


def test_an_image_without_edges_is_refused_and_edges_that_differ_from_the_files_are_said(channel, tmp_path):
    with pytest.raises(InputError, match="give --voxel-nm"):
        measured(channel, "7")
    store_run(tmp_path / "fields.h5", grow_density((20, 24, 16), 0.4))
    assert "0.5 x 0.5 x 0.5" in measured(tmp_path / "fields.h5", None, (1.0,) * 3)[1]


# --- runs -----------------------------------------------------------------------------------------


def test_the_density_of_a_run_goes_by_its_own_thresholds_and_depth(tmp_path):
    rho = grow_density((20, 24, 16), 0.4)
    store_run(tmp_path / "fields.h5", rho)
    result, text = measured(tmp_path)
    assert result["boundary"] == "periodic" and "as it was grown" in text
    assert (result["rho_pore"], result["rho_bulk"], result["surface_depth_nm"]) == (0.2, 0.7, 1.4)
    surface = result["morphology"]["surface"]
    assert surface["pore_fraction"] == pytest.approx(np.mean(rho < 0.2))
    assert surface["surface_fraction"] == pytest.approx(np.mean((rho >= 0.2) & (rho <= 0.7)))
    radius = result["morphology"]["filler_radius_nm"]["spheres"]
    assert result["morphology"]["lambda_over_r"]["spheres"] == pytest.approx(1.4 / radius)


def test_a_density_of_which_nothing_is_known_is_an_open_image(tmp_path):
    np.save(tmp_path / "rho.npy", grow_density((20, 24, 16), 0.4))
    result, text = measured(tmp_path / "rho.npy", None, (0.5,) * 3)
    assert result["boundary"] == "open" and (result["rho_pore"], result["rho_bulk"]) == (0.1, 0.9)
    assert "by default" in text and "no structure factor" in text


def test_the_labels_of_a_run_havenames_of(tmp_path):
    labels = np.digitize(grow_density((20, 24, 16), 0.4), (0.1, 0.9)).astype(np.uint8)
    store_run(tmp_path / "fields.h5", labels, phases="0 pore, 1 surface, 2 bulk")
    result, text = measured(tmp_path / "fields.h5", "pore")
    assert result["filler_label"] == 0 and result["phases"]["matrix"]["name"] == "surface+bulk"
    assert result["boundary"] == "periodic" and "volume: pore" in text


# --- names ----------------------------------------------------------------------------------------


def test_names_of_labels():
    assert names_of("7=void, 1 = LPS") == {7: "void", 1: "LPS"} and names_of(None) == {}


@pytest.mark.parametrize("text", ["void", "7", "7=", "=void", "a=b", "7=void,7=x", "7=void,8=void", "7=void,"])
def test_names_that_are_none(text):
    with pytest.raises(InputError, match="--names"):
        names_of(text)
