"""`pfsolid conduct IMAGE` from the command line to result.json, against what can be calculated by hand."""

import json
import re

import h5py
import numpy as np
import pytest
import tifffile
from helpers.builders import grow_labels

# Solved to 1e-8, so that what differs by more is wrong.
TIGHT = ("--tolerance", "1e-8", "--set", "output.figures=false")
CLOSE = dict(rel=1e-7)


@pytest.fixture
def conduct(tmp_path, run_cli):
    """Write an image [x, y, z], run the command, return result.json; with ``fails`` what it says on exit status 2."""

    def run(image, *options, name="image.npy", fails=False, output="out"):
        path, output = tmp_path / name, tmp_path / output
        if image is not None:
            np.save(path, image.T)
        status, _, error = run_cli("conduct", path, "-o", output, *options)
        if fails:
            assert status == 2 and not output.exists(), error
            assert error.count("\n") == 1 and error.startswith("pfsolid: "), error
            return error
        assert not status, error
        return json.loads((output / "result.json").read_text())

    return run


def laminate(shape=(12, 6, 4)):
    """Layers normal to x: one third label 0, two thirds label 1."""
    image = np.ones(shape, np.uint8)
    image[: shape[0] // 3] = 0
    return image


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_layers(conduct, boundary):
    """Series and parallel: tensor, tortuosity factor, formation factor and shares of the current."""
    found = conduct(laminate(), "--voxel-nm", "20", "--sigma", "0=1e-3,1=4e-3", "--boundary", boundary, *TIGHT)
    tensor = np.array(found["sigma_eff_S_per_cm"], dtype=float)
    series, parallel = 1 / (1 / 3 / 1e-3 + 2 / 3 / 4e-3), 1 / 3 * 1e-3 + 2 / 3 * 4e-3
    assert np.diag(tensor) == pytest.approx([series, parallel, parallel], **CLOSE)
    assert found["transport"]["x"]["tortuosity_factor"] == pytest.approx(parallel / series, **CLOSE)
    assert found["transport"]["x"]["formation_factor"] == pytest.approx(4e-3 / series, **CLOSE)
    shares = found["phases"]["label 0"]["current_share_for_field_along"]
    assert shares["x"] == pytest.approx(1 / 3, rel=1e-5)  # currents are stored in single precision
    assert shares["y"] == pytest.approx(1e-3 / 3 / parallel, rel=1e-5)
    if boundary != "electrodes":
        # Trilinear elements are exact for layers along the voxels.
        assert max(found["error_bar"]["grid_relative_xyz"]) < 1e-6


def test_electrodes_are_the_mirrored_image(conduct):
    """The same problem, solved by cosine series and by four or eight times the voxels; axes are exchanged on reading."""
    labels = grow_labels((16, 12, 10), 0.4, seed=3)
    options = ("--voxel-nm", "0.5,0.5,0.6", "--sigma", "0=0,1=3.14e-3,2=8.93e-7", *TIGHT)
    mirrored = np.array(conduct(labels, *options, "--boundary", "mirror")["sigma_eff_S_per_cm"])
    plates = conduct(labels, *options, "--boundary", "electrodes", "--force")["sigma_eff_S_per_cm"]
    assert [plates[i][i] for i in range(3)] == pytest.approx(np.diag(mirrored), **CLOSE)
    assert plates[0][1] is None  # not known
    only_y = conduct(labels, *options, "--boundary", "electrodes", "--directions", "y", "--force")
    assert only_y["sigma_eff_S_per_cm"][1][1] == pytest.approx(mirrored[1, 1], **CLOSE)
    assert only_y["mean_S_per_cm"] == pytest.approx(mirrored[1, 1], **CLOSE) and "x" not in only_y["transport"]


def test_resistance_between_layers(conduct):
    """n faces in series add n R: two in a periodic cell, one between electrodes; an infinite one blocks."""
    options = ("--voxel-nm", "20", "--sigma", "0=1e-3,1=4e-3", "--directions", "x", *TIGHT)
    length, layers = 240e-7, 80e-7 / 1e-3 + 160e-7 / 4e-3  # cm, ohm cm^2
    periodic = conduct(laminate(), *options, "--resistance", "0:1=0.01")
    assert periodic["sigma_eff_S_per_cm"][0][0] == pytest.approx(length / (layers + 2 * 0.01), **CLOSE)
    plates = conduct(laminate(), *options, "--resistance", "1:0=0.01", "--boundary", "electrodes", "--force")
    assert plates["sigma_eff_S_per_cm"][0][0] == pytest.approx(length / (layers + 0.01), **CLOSE)
    blocked = conduct(laminate(), *options, "--resistance", "0:1=inf", "--force")
    # Nothing but rounding errors: of the mean conductivity, 3e-3.
    assert abs(blocked["sigma_eff_S_per_cm"][0][0]) < 1e-13


def test_layer_by_distance(conduct):
    """A layer of two voxels on each side of the wall, which conducts a thousand times better."""
    found = conduct(laminate(), "--voxel-nm", "20", "--sigma", "0=0,1=1e-6,5=1e-3", "--layer", "5:1,0,40", *TIGHT)
    assert found["phases"]["label 5"]["fraction"] == pytest.approx(4 / 12)
    assert found["sigma_eff_S_per_cm"][1][1] == pytest.approx(4 / 12 * 1e-3 + 4 / 12 * 1e-6, **CLOSE)
    assert found["sigma_eff_S_per_cm"][0][0] == 0 and found["conducting_phases_percolate_xyz"] == [False, True, True]


def test_tensors(conduct):
    """One label with a full tensor is that tensor; a diagonal one beside it needs no elements."""
    full = [[3e-3, 1e-3, 0.0], [1e-3, 2e-3, 5e-4], [0.0, 5e-4, 1e-3]]
    found = conduct(np.ones((4, 5, 6), np.uint8), "--voxel-nm", "1", "--sigma", f"1={full}", *TIGHT)
    assert np.array(found["sigma_eff_S_per_cm"]) == pytest.approx(np.array(full), **CLOSE)
    assert found["error_bar"]["grid_relative_xyz"] == [None] * 3
    found = conduct(laminate(), "--voxel-nm", "1", "--sigma", "0=[1e-3,2e-3,3e-3],1=4e-3", *TIGHT, "--force")
    assert found["sigma_eff_S_per_cm"][1][1] == pytest.approx((2e-3 + 2 * 4e-3) / 3, **CLOSE)


def test_directions_between_electrodes(conduct):
    """One label, a conductivity for each direction: that of the label, whatever axis the field is along."""
    found = conduct(np.ones((6, 6, 6), np.uint8), "--voxel-nm", "1", "--sigma", "1=[1e-3,2e-3,3e-3]", "--boundary",
                    "electrodes", *TIGHT)
    assert np.diag(np.array(found["sigma_eff_S_per_cm"], float)) == pytest.approx([1e-3, 2e-3, 3e-3], **CLOSE)
    for axis in "xyz":
        assert found["transport"][axis]["tortuosity_factor"] == pytest.approx(1, **CLOSE)
        assert found["currents"][axis]["field_along"] == axis


@pytest.mark.parametrize("axis", "xyz")
def test_layers_of_directions_between_electrodes(conduct, axis):
    """Layers normal to each axis in turn: in series along it, in parallel across, each with the element of its own axis."""
    normal = "xyz".index(axis)
    image = np.moveaxis(laminate((12, 6, 4)), 0, normal)
    sigma = np.array([[1e-3, 2e-3, 3e-3], [7e-3, 5e-3, 4e-3]])
    found = conduct(image, "--voxel-nm", "1,2,3", "--sigma", "0=[1e-3,2e-3,3e-3],1=[7e-3,5e-3,4e-3]", "--boundary",
                    "electrodes", *TIGHT)
    expected = sigma[0] / 3 + 2 * sigma[1] / 3
    expected[normal] = 1 / (1 / 3 / sigma[0, normal] + 2 / 3 / sigma[1, normal])
    assert np.diag(np.array(found["sigma_eff_S_per_cm"], float)) == pytest.approx(expected, **CLOSE)


def test_coordinates_between_electrodes(conduct):
    """One neck in a wall: the voxel of the largest current is the neck, by the image's axes, whatever the field's axis."""
    for axis, neck in enumerate([(3, 1, 2), (1, 2, 5), (4, 0, 2)]):
        image = np.ones((6, 5, 7), np.uint8)
        wall = [slice(None)] * 3
        wall[axis] = neck[axis]
        image[tuple(wall)] = 0
        image[neck] = 1
        found = conduct(image, "--voxel-nm", "1", "--sigma", "0=0,1=1", "--boundary", "electrodes", *TIGHT, "--force")
        assert found["currents"]["xyz"[axis]]["current_over_mean"]["maximum_at_voxel"] == list(neck)


def test_what_is_said_between_electrodes(tmp_path, run_cli):
    """Channels along z: nothing flows along x and y, and the lines say z."""
    image = np.zeros((4, 4, 5), np.uint8)
    image[1, 2] = 1
    np.save(tmp_path / "image.npy", image.T)
    status, said, error = run_cli("conduct", tmp_path / "image.npy", "--voxel-nm", "1", "--sigma", "0=0,1=1", "--boundary",
                                  "electrodes", "-o", tmp_path / "out", "--set", "output.figures=false")
    assert not status, error
    assert "current along z: " in said and "tortuosity factor <sigma>/sigma_eff along z: 1" in said
    assert "no conducting cluster percolates along x, y: exactly 0 there" in said


def test_temperatures(conduct):
    """One conducting phase: sigma_eff has the activation energy of its law, and later temperatures start warm."""
    labels = (grow_labels((16, 16, 16), 0.4, seed=2) > 0).astype(np.uint8)
    law = "{value=1e-3,at_K=300,activation_energy_eV=0.31}"
    found = conduct(labels, "--voxel-nm", "1", "--sigma", f"0=0,1={law}", "--temperature", "300,340,400", *TIGHT)
    assert found["activation_energy_eV"] == pytest.approx(0.31, rel=1e-6)
    iterations = [one["iterations_xyz"] for one in found["temperature_series"]]
    # In units of the conductivity the three problems are the same: nothing is left to do.
    assert min(iterations[0]) > 3 and max(max(later) for later in iterations[1:]) <= 1


def test_nothing_conducts_through(conduct):
    blocked = laminate()
    found = conduct(blocked, "--voxel-nm", "1", "--sigma", "0=0,1=1", "--directions", "x")
    assert found["sigma_eff_S_per_cm"][0][0] == 0 and found["iterations_xyz"] == [0, 0, 0]
    assert found["transport"]["x"]["tortuosity_factor"] is None
    found = conduct(np.zeros((6, 6, 6), np.uint8), "--voxel-nm", "1", "--sigma", "0=0,1=1", "--force")
    assert np.array(found["sigma_eff_S_per_cm"]).tolist() == np.zeros((3, 3)).tolist()


def test_one_voxel_thick_and_crop(conduct):
    """Two-dimensional images, and a part of one."""
    flat = laminate((12, 6, 4))[:, :, 0]
    whole = conduct(flat, "--voxel-nm", "5", "--sigma", "0=1,1=2", *TIGHT)
    assert whole["grid"]["shape"] == [12, 6, 1]
    assert whole["sigma_eff_S_per_cm"][0][0] == pytest.approx(1 / (1 / 3 + 2 / 3 / 2), **CLOSE)
    part = conduct(flat, "--voxel-nm", "5", "--sigma", "0=1,1=2", "--crop", "2:6,:,:", "--force", *TIGHT)
    assert part["grid"]["shape"] == [4, 6, 1]
    assert part["sigma_eff_S_per_cm"][1][1] == pytest.approx(1.5, **CLOSE)


def test_big_endian_tiff_and_thresholds(conduct, tmp_path):
    grey = np.where(laminate() == 0, 700, 40000).astype(">u2")
    path = tmp_path / "grey.tif"
    tifffile.imwrite(path, grey.transpose(2, 1, 0), byteorder=">", photometric="minisblack")
    found = conduct(None, "--voxel-nm", "1", "--sigma", "0=1,1=2", "--threshold", "1000", *TIGHT, name="grey.tif")
    assert found["phases"]["label 0"]["fraction"] == pytest.approx(1 / 3)
    assert found["sigma_eff_S_per_cm"][1][1] == pytest.approx(5 / 3, **CLOSE)


def test_study_in_toml_repeats_itself(conduct, tmp_path):
    """The input.toml that a study leaves is one."""
    first = conduct(laminate(), "--voxel-nm", "20", "--sigma", "0=1e-3,1=4e-3", *TIGHT)
    (tmp_path / "study.toml").write_text((tmp_path / "out" / "input.toml").read_text())
    again = conduct(None, "--force", name="study.toml")
    assert again["sigma_eff_S_per_cm"] == first["sigma_eff_S_per_cm"]


@pytest.mark.parametrize("options, says", [
    (("--sigma", "0=0,1=nan"), "label 1 = nan"),
    (("--sigma", "0=-1,1=1"), "label 0 = -1"),
    (("--sigma", "0=0"), "at least one label must conduct"),
    (("--sigma", "0=0,1=1", "--set", "phases.colour=1"), "phases.colour"),
    (("--sigma", "0"), "LABEL=VALUE"),
    (("--sigma", "0=0,1=1", "--boundary", "electrodes", "--directions", "xw"), "image.directions"),
    (("--sigma", "0=0,1=1", "--crop", "0:99,:,:"), "crop 0:99 along x"),
    (("--sigma", "0=0,1=1", "--crop", "nonsense"), "X0:X1"),
    (("--sigma", "0=0,1={value=1,at_K=300,activation_energy_eV=0.3}"), "conduction.temperature_K"),
    (("--sigma", "0=0,1=1", "--solver", "petsc", "--set", "conduction.relative_tolerance=2"), "relative_tolerance"),
    (("--sigma", "0=0,1=1", "--resistance", "0:0=1"), "interface_resistance"),
    (("--sigma", "1=[[1,2,0],[2,1,0],[0,0,1]]"), "not symmetric and positive"),
])
def test_mistakes_cost_a_line(conduct, options, says):
    assert says in conduct(laminate(), "--voxel-nm", "1", *options, fails=True)


def test_mistakes_that_the_image_tells(conduct, tmp_path):
    """What can be known only with the file: no voxel size, no file, values that are no labels."""
    assert "--voxel-nm" in conduct(laminate(), "--sigma", "0=0,1=1", fails=True)
    assert "does not exist" in conduct(None, "--voxel-nm", "1", "--sigma", "0=0,1=1", name="no.npy", fails=True)


def test_label_without_conductivity(tmp_path, run_cli):
    """Known when the image has been read: the labels that occur are listed."""
    np.save(tmp_path / "image.npy", laminate().T)
    status, _, error = run_cli("conduct", tmp_path / "image.npy", "--voxel-nm", "1", "--sigma", "1=1", "-o",
                               tmp_path / "out")
    assert status == 2
    assert "label 0 has no conductivity" in error and "0 (96 voxels, 33.3 %)" in error


@pytest.mark.parametrize("value", [np.nan, 5.0])
def test_values_are_refused_before_results_are_replaced(tmp_path, run_cli, value):
    """Also with --force: the image is read before the old directory is emptied."""
    path, output = tmp_path / "image.npy", tmp_path / "out"
    np.save(path, laminate())
    command = ("conduct", path, "--voxel-nm", "1", "--sigma", "0=1,1=2", "-o", output, "--set", "output.figures=false")
    assert not run_cli(*command)[0]
    before = (output / "result.json").read_bytes()
    image = laminate().astype(np.float32)
    image[3, 2, 1] = value
    np.save(path, image.T)
    assert run_cli(*command, "--force")[0] == 2
    assert (output / "result.json").read_bytes() == before


def test_info_and_validate_know_a_study(conduct, tmp_path, run_cli):
    conduct(laminate(), "--voxel-nm", "20", "--sigma", "0=1e-3,1=[4e-3,4e-3,4e-3]", "--boundary", "electrodes", *TIGHT)
    status, said, _ = run_cli("info", tmp_path / "out")
    assert not status and "electrodes, grid 12 x 6 x 4" in said and "[0.004, 0.004, 0.004] S/cm" in said
    status, said, _ = run_cli("validate", tmp_path / "out" / "input.toml")
    assert status == 0 and "12 x 6 x 4 voxels" in said and said.endswith("valid\n")
    status, said, _ = run_cli("validate", tmp_path / "out" / "input.toml", "--set", "image.file=nowhere.npy")
    assert status == 2 and "nowhere.npy" in said and "not valid" in said


def test_no_label_conducts_along_an_axis(conduct):
    found = conduct(laminate(), "--voxel-nm", "1", "--sigma", "0=[1,1,0],1=[2,2,0]", *TIGHT)
    assert found["sigma_eff_S_per_cm"][2] == [0, 0, 0]


@pytest.mark.parametrize("solver", ["multigrid", "fft", "petsc", "perturbation"])
def test_every_solver_finds_the_same(conduct, solver):
    """Layers and a microstructure of contrast 20 with insulators, to the tolerance of each."""
    labels = grow_labels((16, 12, 10), 0.4, seed=3)
    options = ("--voxel-nm", "1", "--sigma", "0=0,1=2e-3,2=1e-4")
    found = conduct(labels, *options, "--solver", solver, "--tolerance", "1e-6")
    exact = conduct(labels, *options, *TIGHT, "--force")
    assert np.array(found["sigma_eff_S_per_cm"]) == pytest.approx(np.array(exact["sigma_eff_S_per_cm"]), rel=1e-5, abs=1e-9)
    assert found["solver"] == f"{solver}, as asked for" and exact["solver"].startswith("multigrid: contrast 20")


def test_perturbation_gives_up_and_names_another(conduct, tmp_path, run_cli):
    np.save(tmp_path / "image.npy", grow_labels((16, 12, 10), 0.4, seed=3).T)
    command = ["conduct", tmp_path / "image.npy", "--voxel-nm", "1", "--sigma", "0=1e-7,1=1,2=1e-7", "-o", tmp_path / "out"]
    status, _, error = run_cli(*command, "--solver", "perturbation")
    assert status == 1 and "fft" in error
    assert run_cli(*command, "--tolerance", "1e-2", "--set", "output.figures=false", "--force")[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    status, _, error = run_cli(*command, "--solver", "perturbation", "--force")
    assert status == 1 and f"the earlier results in {tmp_path / 'out'} are as they were" in error
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_refinement_is_the_same_image_on_finer_voxels(conduct, boundary):
    """The grid part by voxels of half the edge."""
    image = np.random.default_rng(1).choice(3, (12, 10, 1)).astype(np.uint8)
    options = ("--voxel-nm", "2", "--sigma", "0=1e-5,1=1e-3,2=1e-4", "--boundary", boundary, *TIGHT)
    found = conduct(image, *options, "--set", "conduction.grid_error=refinement")
    fine = image.repeat(2, 0).repeat(2, 1)
    options = ("--voxel-nm", "1,1,2", *options[2:])
    expected = np.array(conduct(fine, *options, "--set", "conduction.grid_error=none", "--force")["sigma_eff_S_per_cm"])
    for axis in range(2):
        # Solved to 1e-3; the change, of which 2.3 times are the error, is some per cent.
        assert found["error_bar"]["grid_other_S_per_cm"][axis][axis] == pytest.approx(expected[axis][axis], rel=1e-3)
        change = expected[axis][axis] / found["sigma_eff_S_per_cm"][axis][axis] - 1
        assert found["error_bar"]["grid_relative_xyz"][axis] == pytest.approx(2.3 * change, abs=2.3e-3)
        assert change > 0.01


# --- the order of axes ----------------------------------------------------------------------------------------------

# Layers of 1 and 3 normal to z of an array z, y, x: in series 1.5, in parallel 2.
PAGES = np.zeros((8, 12, 16), np.uint8)
PAGES[4:] = 1
ACROSS_Z, ACROSS_X = [2, 2, 1.5], [1.5, 2, 2]
LAYERED = ("--voxel-nm", "1", "--sigma", "0=1,1=3", *TIGHT)


def diagonal(found) -> np.ndarray:
    return np.diag(np.array(found["sigma_eff_S_per_cm"], float))


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.h5", "a.h5, axes"])
def test_the_same_array_is_the_same_image(conduct, tmp_path, name):
    """Whatever it is stored in; and the other way round where that is asked for, or where the file says so."""
    path = tmp_path / name.partition(",")[0]
    if path.suffix == ".tif":
        tifffile.imwrite(path, PAGES, photometric="minisblack")
    elif path.suffix == ".npy":
        np.save(path, PAGES)
    else:
        with h5py.File(path, "w") as file:
            file["rho"] = PAGES
            if "axes" in name:
                file["rho"].attrs["axes"] = "z y x"
    found = conduct(None, *LAYERED, name=path.name)
    assert diagonal(found) == pytest.approx(ACROSS_Z, **CLOSE)
    assert found["axes_order"] == "zyx" and found["grid"]["shape"] == [16, 12, 8]
    turned = (*LAYERED, "--axes-order", "xyz", "--force")
    if "axes" in name:
        return
    found = conduct(None, *turned, name=path.name)
    assert diagonal(found) == pytest.approx(ACROSS_X, **CLOSE) and found["grid"]["shape"] == [8, 12, 16]


def test_an_image_of_ones_own_is_read_as_it_was_written(conduct, tmp_path):
    conduct(laminate((6, 5, 4)), *LAYERED)
    again = conduct(None, *LAYERED, name="out/fields.h5:phase", fails=False, output="again")
    assert diagonal(again) == pytest.approx([1 / (1 / 3 + 2 / 9), 7 / 3, 7 / 3], **CLOSE)


def test_the_order_is_said_and_kept(conduct, tmp_path, run_cli):
    """One line of the order; input.toml gives it, so that it means the same to any later default."""
    np.save(tmp_path / "image.npy", PAGES)
    command = ("conduct", tmp_path / "image.npy", "-o", tmp_path / "out", *LAYERED)
    status, said, error = run_cli(*command)
    assert not status, error
    lines = [line for line in said.splitlines() if "order of axes" in line]
    assert len(lines) == 1 and "image.npy: z, y, x, as arrays have them that do not say" in lines[0]
    assert '\naxes = "zyx"' in (tmp_path / "out" / "input.toml").read_text()
    said = run_cli(*command, "--force", "--axes-order", "X, Y, Z")[1]
    assert "image.npy: x, y, z, as asked for" in said
    assert '\naxes = "xyz"' in (tmp_path / "out" / "input.toml").read_text()


OLDER = """# pfsolid image study, with every default filled in
title = ""

[image]
file = "{path}"
voxel_size_nm = [1.0, 1.0, 1.0]
# crop: not set                             # part of the image to take, in voxels along x, y, z
boundary = "periodic"
field_axes = "xyz"                          # axes along which a field is applied

[phases]
sigma_S_per_cm = {{ 0 = 1.0, 1 = 3.0 }}     # S/cm of each label

[output]
figures = false
"""


@pytest.mark.parametrize("lost", ["", 'field_axes = "xyz"', "# pfsolid image study, with every default filled in"])
def test_an_input_of_an_older_version_means_what_it_meant(conduct, tmp_path, run_cli, lost):
    """Arrays were x, y, z then: told by the heading without a word of axes, or by the older name of a key."""
    np.save(tmp_path / "image.npy", PAGES)
    (tmp_path / "study.toml").write_text(OLDER.format(path=tmp_path / "image.npy").replace(lost, "", 1))
    status, said, error = run_cli("conduct", tmp_path / "study.toml", "-o", tmp_path / "out")
    assert not status, error
    assert [line for line in said.splitlines() if "x, y, z, as the older version that wrote the input took arrays" in line]
    assert diagonal(json.loads((tmp_path / "out" / "result.json").read_text())) == pytest.approx(ACROSS_X, rel=1e-4)
    # What is written now says it, and means the same.
    (tmp_path / "study.toml").write_text((tmp_path / "out" / "input.toml").read_text())
    again = conduct(None, "--force", name="study.toml")
    assert diagonal(again) == pytest.approx(ACROSS_X, rel=1e-4)
    new = conduct(None, "--force", "--axes-order", "zyx", name="study.toml")
    assert diagonal(new) == pytest.approx(ACROSS_Z, rel=1e-4)


def test_a_tiff_of_an_older_input(conduct, tmp_path):
    """The format says its order: it was z, y, x then as well."""
    tifffile.imwrite(tmp_path / "image.tif", PAGES, photometric="minisblack")
    (tmp_path / "study.toml").write_text(OLDER.format(path=tmp_path / "image.tif"))
    assert diagonal(conduct(None, name="study.toml")) == pytest.approx(ACROSS_Z, rel=1e-4)


@pytest.mark.parametrize("name", ["--directions", "--axes"])
def test_directions_have_an_older_name(conduct, name):
    found = conduct(PAGES.T, *LAYERED, name, "zx")
    assert found["field_axes"] == "xz" and np.isnan(diagonal(found)).tolist() == [False, True, False]


def test_a_key_has_an_older_name(conduct):
    """On the command line it says nothing of the age of a file: the array is z, y, x as ever."""
    options = ("--voxel-nm", "1", "--sigma", "0=1,1=3", "--set", "image.field_axes=xz")
    assert conduct(PAGES.T, *options)["sigma_eff_S_per_cm"][2][2] == pytest.approx(1.5, rel=1e-4)
    error = conduct(PAGES.T, *options, "--directions", "x", "--force", fails=True, output="other")
    assert "image.directions and image.field_axes, its older name, are both given" in error


# --- fewer dimensions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
@pytest.mark.parametrize("flat", "xyz")
def test_an_axis_of_one_voxel_is_no_axis(conduct, boundary, flat):
    """Layers in the plane: in series 1.5e-3, in parallel 2e-3, mean 1.75e-3; nothing is known of what is no axis."""
    normal, thin = [axis for axis in range(3) if axis != "xyz".index(flat)][0], "xyz".index(flat)
    shape = [6, 6, 6]
    shape[normal], shape[thin] = 8, 1
    image = np.zeros(shape, np.uint8)
    image[(slice(None),) * normal + (slice(0, 4),)] = 1
    found = conduct(image, "--voxel-nm", "1", "--sigma", "0=1e-3,1=3e-3", "--boundary", boundary, *TIGHT)
    expected = np.full(3, 2e-3)
    expected[normal], expected[thin] = 1.5e-3, np.nan
    assert diagonal(found) == pytest.approx(expected, nan_ok=True, **CLOSE)
    assert found["mean_S_per_cm"] == pytest.approx(1.75e-3, **CLOSE)
    assert flat not in found["field_axes"] and flat not in found["transport"] and flat not in found["currents"]
    assert not found["conducting_phases_percolate_xyz"][thin]
    assert found["grid"]["shape"][thin] == 1


def test_one_dimension(conduct):
    """A row of voxels conducts in series."""
    image = np.zeros((1, 10, 1), np.uint8)
    image[:, :4] = 1
    found = conduct(image, "--voxel-nm", "1", "--sigma", "0=1e-3,1=4e-3", *TIGHT)
    series = 1 / (0.6 / 1e-3 + 0.4 / 4e-3)
    assert found["field_axes"] == "y" and found["mean_S_per_cm"] == pytest.approx(series, **CLOSE)


def test_a_crop_to_one_voxel_is_flat(conduct):
    """Also for mirrors: a plane is its own mirror image."""
    image = laminate((12, 6, 4))
    options = ("--voxel-nm", "1", "--sigma", "0=1,1=2", "--boundary", "mirror", *TIGHT)
    found = conduct(image, *options, "--crop", ":,:,1:2")
    assert found["grid"]["shape"] == [24, 12, 1] and found["field_axes"] == "xy"
    asked = conduct(image, *options, "--crop", ":,:,1:2", "--directions", "yz", "--force")
    assert asked["field_axes"] == "y" and asked["mean_S_per_cm"] == pytest.approx(5 / 3, **CLOSE)


def test_a_field_along_no_axis_is_refused(conduct):
    error = conduct(laminate()[:, :, :1], *LAYERED, "--directions", "z", fails=True)
    assert 'image.directions = "z": the image is one voxel thick along z' in error and "x, y can be had" in error


def test_a_single_voxel(conduct):
    found = conduct(np.ones((1, 1, 1), np.uint8), "--voxel-nm", "1", "--sigma", "1=[1,2,3]", *TIGHT)
    assert diagonal(found) == pytest.approx([1, 2, 3], **CLOSE) and found["mean_S_per_cm"] == pytest.approx(2, **CLOSE)


# --- what resists ---------------------------------------------------------------------------------


def oblique_layers(n, direction, period):
    """Two labels, 1 and 2, in layers along an integer direction of a 2-D image."""
    i = np.indices((n, n))
    return (((direction[0] * i[0] + direction[1] * i[1]) % period >= period // 2) + 1).astype(np.uint8)


@pytest.mark.parametrize("direction", [(1, 1), (2, 1)])
def test_two_grids_know_oblique_interfaces(conduct, direction):
    """Four layers on 128 voxels, R = d / sigma: `grid_best` within 1 %, and every component within the bar.

    320 nm; sigma_n = sigma / 2 across, sigma along, turned by the layers' angle.
    """
    normal = np.array(direction) / np.linalg.norm(direction)
    width_cm = 32 / np.linalg.norm(direction) * 2.5e-7
    true = 1e-3 * np.eye(2) - 0.5e-3 * np.outer(normal, normal)
    found = conduct(oblique_layers(128, direction, 64), "--voxel-nm", "2.5", "--sigma", "1=1e-3,2=1e-3", "--resistance",
                    f"1:2={width_cm / 1e-3!r}", "--axes", "xy", "--set", "conduction.grid_error=refinement", *TIGHT)
    assert found["interface_normals"] == "smoothed"
    value = np.array(found["sigma_eff_S_per_cm"], dtype=float)[:2, :2]
    bar = found["error_bar"]
    assert bar["grid_best_S_per_cm_xyz"][:2] == pytest.approx(np.diag(true), rel=0.01)
    assert np.all(np.abs(value - true) <= np.array(bar["grid_error_S_per_cm"])[:2, :2])
    assert np.all(np.abs(np.diag(value - true)) <= np.array(bar["grid_relative_xyz"][:2]) * np.diag(value))
    assert value[0, 0] == pytest.approx(true[0, 0], rel=0.05)  # not the 17 % of the staircase's area


def test_boxes_need_no_second_grid(conduct):
    """Cubes are exact on either grid, whichever normals are taken."""
    i = np.indices((12, 12, 12)) // 6
    found = conduct((i.sum(axis=0) % 2).astype(np.uint8), "--voxel-nm", "10", "--sigma", "0=1e-3,1=1e-3", "--resistance",
                    "0:1=0.01", "--set", "conduction.grid_error=refinement", *TIGHT)
    assert found["sigma_eff_S_per_cm"][1][1] == pytest.approx(60e-7 / (60e-7 / 1e-3 + 0.01), **CLOSE)
    assert max(found["error_bar"]["grid_relative_xyz"]) < 1e-5
    faces = conduct((i.sum(axis=0) % 2).astype(np.uint8), "--voxel-nm", "10", "--sigma", "0=1e-3,1=1e-3", "--resistance",
                    "0:1=0.01", "--set", "phases.interface_normals=faces", "--force", *TIGHT)
    assert faces["interface_normals"] == "faces"
    assert np.allclose(faces["sigma_eff_S_per_cm"], found["sigma_eff_S_per_cm"], rtol=1e-12, atol=1e-15)


def test_small_grains_are_said(conduct, tmp_path):
    """Cubes of four voxels: under the eight that the normals need."""
    i = np.indices((8, 8, 8)) // 4
    options = "--voxel-nm", "1", "--sigma", "0=1,1=1", "--resistance", "0:1=1e-6", *TIGHT
    conduct((i.sum(axis=0) % 2).astype(np.uint8), *options)
    assert "grains of label 0 are 4 voxels across" in (tmp_path / "out" / "log").read_text()
    conduct(np.kron(i.sum(axis=0) % 2, np.ones((3, 3, 3))).astype(np.uint8), *options, "--force")
    assert "voxels across" not in (tmp_path / "out" / "log").read_text()


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_what_is_blocked_is_exactly_0(conduct, boundary):
    """By an infinite resistance, or by a component that is 0: no percolation, no tortuosity, the other axes as they are."""
    layer = np.ones((6, 6, 6), np.uint8)
    layer[2:4] = 2
    for options in (("--sigma", "1=1,2=[0,1,1]"), ("--sigma", "1=1,2=1", "--resistance", "1:2=inf")):
        if boundary == "electrodes":
            options += ("--axes", "x")
        found = conduct(layer, "--voxel-nm", "1", *options, "--boundary", boundary, *TIGHT, "--force")
        tensor = np.array(found["sigma_eff_S_per_cm"], dtype=float)
        assert tensor[0, 0] == 0 and found["transport"]["x"]["tortuosity_factor"] is None
        assert not found["conducting_phases_percolate_xyz"][0]
        if boundary != "electrodes":
            assert found["conducting_phases_percolate_xyz"] == [False, True, True]
            assert [tensor[1, 1], tensor[2, 2]] == pytest.approx([1, 1], **CLOSE)


def test_percolation_in_steps_through_faces(conduct):
    """Each label conducts along one axis only: together they are stairs from end to end."""
    image = np.indices((6, 6, 1)).sum(axis=0).astype(np.uint8) % 2
    found = conduct(image, "--voxel-nm", "1", "--sigma", "0=[1,0,0],1=[0,1,0]", *TIGHT)
    # No face has a conductor on both sides.
    assert np.all(np.array(found["sigma_eff_S_per_cm"])[:2, :2] == 0)  # one voxel is no axis
    assert found["conducting_phases_percolate_xyz"] == [False] * 3


def test_plates_that_resist(conduct):
    """L / sigma + R1 + R2 along each axis; only one of the plates, and one that blocks."""
    options = "--voxel-nm", "20,10,30", "--sigma", "1=1e-3", "--boundary", "electrodes", *TIGHT
    uniform = np.ones((5, 6, 7), np.uint8)
    found = conduct(uniform, *options, "--plate-resistance", "1e-3,2e-3")
    lengths = np.array([100e-7, 60e-7, 210e-7])
    expected = lengths / (lengths / 1e-3 + 3e-3)
    assert np.diag(np.array(found["sigma_eff_S_per_cm"], dtype=float)) == pytest.approx(expected, **CLOSE)
    assert found["plate_resistance_ohm_cm2"] == [1e-3, 2e-3]
    one = conduct(uniform, *options, "--plate-resistance", "0,2e-3", "--axes", "y", "--force")
    assert one["sigma_eff_S_per_cm"][1][1] == pytest.approx(60e-7 / (60e-7 / 1e-3 + 2e-3), **CLOSE)
    blocked = conduct(uniform, *options, "--plate-resistance", "inf,0", "--axes", "x", "--force")
    assert blocked["sigma_eff_S_per_cm"][0][0] == 0 and not blocked["conducting_phases_percolate_xyz"][0]


@pytest.mark.parametrize("options, says", [
    (("--plate-resistance", "1,2"), "electrodes"),
    (("--plate-resistance", "1,2", "--boundary", "mirror"), "electrodes"),
    (("--plate-resistance", "1", "--boundary", "electrodes"), "plate_resistance_ohm_cm2"),
    (("--plate-resistance=-1,0", "--boundary", "electrodes"), "plate_resistance_ohm_cm2"),
    (("--plate-resistance", "nan,0", "--boundary", "electrodes"), "plate_resistance_ohm_cm2"),
    (("--resistance", "0:9=1"), "label 9"),
    (("--resistance", "0:1=1", "--set", "phases.interface_normals=exact"), "interface_normals"),
    (("--sigma", "0=1,1=[[1,0.5,0],[0.5,2,0],[0,0,3]]", "--resistance", "0:1=1"), "full tensor"),
    (("--sigma", "0=1,1=[[1,0.5,0],[0.5,2,0],[0,0,3]]", "--resistance", "0:1=inf"), "full tensor"),
])
def test_resistances_that_cannot_be(conduct, options, says):
    options = options if "--sigma" in options else ("--sigma", "0=1,1=1", *options)
    assert says in conduct(laminate(), "--voxel-nm", "1", *options, fails=True)


# --- what a file says and holds ---------------------------------------------------------------------------------


def test_a_raw_file_with_its_header(conduct, tmp_path):
    """An L-shaped bar along y: 3/4 along y exactly, the others from a direct solution of the same voxels."""
    bar = np.zeros((8, 12, 16), "u1")
    bar[:, :, 8:] = 1
    bar[4:] = 1
    (tmp_path / "h.raw").write_bytes(bytes(352) + bar.tobytes())
    options = ("--raw", "16,12,8,uint8", "--sigma", "0=0,1=1", "--voxel-nm", "1", "--boundary", "electrodes", *TIGHT)
    error = conduct(None, *options, name="h.raw", fails=True)
    assert "has 1888 bytes" in error and "need 1536: 352 are left over" in error and "(--raw-offset 352)" in error
    found = conduct(None, *options, "--raw-offset", "352", name="h.raw")
    diagonal = [found["sigma_eff_S_per_cm"][i][i] for i in range(3)]
    assert diagonal[1] == pytest.approx(0.75, **CLOSE)
    # An L of 16 x 8 voxels without its corner of 8 x 4: the difference equations, solved by elimination.
    assert diagonal[0] == pytest.approx(between_plates(bar[:, 0, :].T), **CLOSE)
    assert diagonal[2] == pytest.approx(between_plates(bar[:, 0, :]), **CLOSE)


def between_plates(image):
    """Conductivity of 0s and 1s along the first axis, half a voxel from plate to centre, by elimination."""
    n, m = image.shape
    matrix, right = np.zeros((n * m, n * m)), np.zeros(n * m)
    number = np.arange(n * m).reshape(n, m)
    for i, j in np.argwhere(image == 0):
        matrix[number[i, j], number[i, j]] = 1
    for i, j in np.argwhere(image == 1):
        here = number[i, j]
        for a, b in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            if 0 <= a < n and 0 <= b < m and image[a, b]:
                matrix[here, here] += 1
                matrix[here, number[a, b]] -= 1
        if i in (0, n - 1):
            matrix[here, here] += 2
            right[here] += 2 * (i == 0)
    potential = np.linalg.solve(matrix, right)
    return 2 * (1 - potential[:m])[image[0] == 1].sum() * n / m


def test_names_stand_for_one_phase_each(conduct):
    """Results are filed by name: of two phases of one name one would be lost, and the fractions would not add up to 1."""
    options = ("--voxel-nm", "20", "--sigma", "0=1e-3,1=4e-3")
    for names, words in (('{0="SE",1="SE"}', "labels 0 and 1 are both called 'SE'"),
                         ('{0="SE",1=" SE "}', "labels 0 and 1 are both called 'SE'"),
                         ('{0="label 1"}', "labels 0 and 1 are both called 'label 1'"), ('{0="a\\nb"}', "on one line"),
                         ('{0="\\u001b[31m"}', "on one line"), ('{0=" "}', "name in quotes"),
                         ('{0="a",00="b"}', "label 0 once: it stands there twice")):
        assert words in conduct(laminate(), *options, "--set", f"phases.names={names}", fails=True)
    found = conduct(laminate(), *options, "--set", 'phases.names={0="pore",1="SE"}', *TIGHT)
    assert sum(phase["fraction"] for phase in found["phases"].values()) == 1


@pytest.mark.parametrize("sigma, options, words", [
    ("0=1e-3,1=1,01=2", (), "label 1 once: it stands there twice"), ("0=1e-3,1=1", ("--set", "image.labels={0=0,1=1,01=0}"),
                                                  "the value 1 once: it stands there twice"),
    ("0=1e-3,1=1", ("--resistance", "0:1=1,1:0=2"), "the pair 0:1 once: it stands there twice")])
def test_what_is_given_twice_in_any_spelling(conduct, sigma, options, words):
    assert words in conduct(laminate(), "--voxel-nm", "20", "--sigma", sigma, *options, fails=True)


def test_edges_that_are_not_those_of_the_file(conduct, tmp_path, run_cli):
    """ImageJ's in nm, VTI's without a unit, where only their proportions say something."""
    def warned(name, *options):
        status, printed, error = run_cli("conduct", tmp_path / name, "-o", tmp_path / "out", "--force", "--sigma",
                                         "0=1e-3,1=1",
                                         "--set", "output.figures=false", "--tolerance", "1e-2", *options)
        assert not status, error
        return [line for line in printed.splitlines() if line.startswith("warning") and "edges" in line]

    tifffile.imwrite(tmp_path / "a.tif", laminate().T, imagej=True, resolution=(50, 50),
                     metadata={"unit": "um", "spacing": 0.02})
    assert not warned("a.tif") and not warned("a.tif", "--voxel-nm", "20")
    assert "edges of 20 x 20 x 20 nm; 20 x 20 x 40 nm are taken" in warned("a.tif", "--voxel-nm", "20,20,40")[0]
    extent = "0 2 0 2 0 2"
    (tmp_path / "a.vti").write_text(
        f'<VTKFile type="ImageData"><ImageData WholeExtent="{extent}" Spacing="1 1 2"><Piece Extent="{extent}"><CellData>'
        '<DataArray type="UInt8" Name="a" format="ascii">0 1 1 0 1 1 0 0</DataArray></CellData></Piece></ImageData>'
        "</VTKFile>")
    assert not warned("a.vti", "--voxel-nm", "20,20,40")
    assert "edges of its voxels are as 1 x 1 x 2; 20 x 20 x 20 nm are taken" in warned("a.vti", "--voxel-nm", "20")[0]
    error = run_cli("conduct", tmp_path / "a.vti", "--sigma", "0=1,1=1")[2]
    assert "does not say how large its voxels are in a unit (it says 1 x 1 x 2): give" in error


# --- the grid's error ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
def test_conductors_that_touch_by_edges_do_not_spoil_the_bar(conduct, boundary):
    """Two bars that meet in an edge only: against voxels split in 2 and 4, extrapolated; along the bars exact."""
    image = np.zeros((16, 16, 4), np.uint8)
    image[2:8, 2:8] = image[8:14, 8:14] = 1

    def solve(n):
        options = ("--voxel-nm", str(4 / n), "--sigma", "0=1e-6,1=1", "--axes", "xz", "--boundary", boundary, "--force")
        return conduct(image.repeat(n, 0).repeat(n, 1).repeat(n, 2), *options, *TIGHT)

    found, twice, four = (solve(n) for n in (1, 2, 4))
    value, second, third = (one["sigma_eff_S_per_cm"][0][0] for one in (found, twice, four))
    bar = found["error_bar"]
    low, high = bar["grid_interval_S_per_cm_xyz"][0]
    limit = third + (third - second) ** 2 / (2 * second - value - third)
    assert low <= value < limit <= high < 1.3 * value
    assert abs(bar["grid_best_S_per_cm_xyz"][0] - limit) < abs(value - limit)
    assert bar["grid_relative_xyz"][2] < 1e-9


def test_headline_of_an_image(conduct, tmp_path):
    """The value stands inside the interval that is printed, and neither has more digits than the bar allows."""
    image = (grow_labels((16, 16, 16), 0.4, seed=2) > 0).astype(np.uint8)
    found = conduct(image, "--voxel-nm", "1", "--sigma", "0=0,1=1e-3", "--axes", "z", "--boundary", "electrodes")
    assert found["headline"] in (tmp_path / "out" / "log").read_text()
    pattern = r"sigma_zz = (\S+)e-4 \(grid (\S+) … (\S+)e-4\) S/cm; one sample"
    value, low, high = re.fullmatch(pattern, found["headline"]).groups()
    assert float(low) <= float(value) <= float(high) and len(value) == 3
