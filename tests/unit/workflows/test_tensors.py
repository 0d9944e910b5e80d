"""Full tensors in mirror images and between electrodes, zero components, and what is refused, from the command line."""

import json

import numpy as np
import pytest
from helpers.builders import ALONE
from helpers.direct import by_label, mirrored, periodic_elements

from pfsolid.config.image import study_from_text
from pfsolid.errors import InputError
from pfsolid.io.series import read_field

TIGHT = ("--axes-order", "xyz", "--tolerance", "1e-9", "--set", "output.figures=false")
CRYSTAL = ((1.0, 0.5, 0.0), (0.5, 2.0, 0.0), (0.0, 0.0, 3.0))
SIGMA = f"1={json.dumps(CRYSTAL)}"


@pytest.fixture
def conduct(tmp_path, run_cli):
    """Run the command on an array; result.json, or what it says when it exits with status 2."""

    def run(image, *options, fails=False):
        np.save(tmp_path / "image.npy", image)
        output = tmp_path / "out"
        status, said, error = run_cli("conduct", tmp_path / "image.npy", "--voxel-nm", "1", "-o", output, "--force", *TIGHT,
                                      *options)
        if fails:
            assert status == 2 and not output.exists(), said
            assert error.count("\n") == 1 and error.startswith("pfsolid: "), error
            return error
        assert not status, error
        return json.loads((output / "result.json").read_text())

    return run


def tensor_of(result) -> np.ndarray:
    return np.array(result["sigma_eff_S_per_cm"], float)


def test_herringbone(conduct):
    """Two labels that are mirror images across x, made by hand: xy = 0 and, for thin layers, xx = 1, yy = det = 1.75."""
    image = np.ones((8, 2, 2), np.uint8)
    image[4:] = 2
    other = ((1.0, -0.5, 0.0), (-0.5, 2.0, 0.0), (0.0, 0.0, 3.0))
    found = tensor_of(conduct(image, "--sigma", f"{SIGMA},2={json.dumps(other)}"))
    # Layers normal to x: sigma_yy - sigma_xy^2 / sigma_xx of each is all that is left of it along y.
    assert found == pytest.approx(np.diag([1.0, 1.75, 3.0]), abs=1e-8)


@pytest.mark.parametrize("shape", [(4, 5, 3), (5, 4, 1), (1, 4, 3)])
def test_mirror_and_electrodes_are_the_same_cell(conduct, shape):
    """Both against a direct solve of the mirrored cell, also where a plane is its own image but its tensors are not."""
    labels = np.random.default_rng(2).integers(1, 3, shape).astype(np.uint8)
    rotated = ((2.0, 0.3, 0.2), (0.3, 0.5, 0.1), (0.2, 0.1, 0.4))
    options = ("--sigma", f"{SIGMA},2={json.dumps(rotated)}")
    right = periodic_elements(mirrored(labels, by_label(labels, {1: CRYSTAL, 2: rotated}))[1], (1.0,) * 3)
    axes = [axis for axis in range(3) if shape[axis] > 1]
    images = tensor_of(conduct(labels, *options, "--boundary", "mirror"))[np.ix_(axes, axes)]
    assert images == pytest.approx(np.diag(np.diag(right))[np.ix_(axes, axes)], abs=1e-8)
    assert np.array_equal(images != 0, np.eye(len(axes), dtype=bool))
    plates = tensor_of(conduct(labels, *options, "--boundary", "electrodes"))
    assert np.diag(plates)[axes] == pytest.approx(np.diag(right)[axes], rel=1e-8)
    assert np.isnan(plates[~np.eye(3, dtype=bool)]).all()


def test_one_crystal_between_plates(conduct):
    """xx where the sides are far apart, 1 / (sigma^-1)_xx = xx - xy^2 / yy where they force the current straight."""
    def along_x(shape):
        image = np.ones(shape, np.uint8)
        return tensor_of(conduct(image, "--sigma", SIGMA, "--boundary", "electrodes", "--directions", "x"))[0, 0]

    wide, wider, long, longer = (along_x(shape) for shape in ((2, 16, 2), (2, 32, 2), (16, 2, 2), (32, 2, 2)))
    # What the ends do falls as one over the length: extrapolated from twice it.
    assert 2 * wider - wide == pytest.approx(1.0, abs=2e-4)
    assert 2 * longer - long == pytest.approx(0.875, abs=2e-4)
    assert 0.875 < longer < long < wide < wider < 1


def test_stored_between_plates(conduct, tmp_path):
    """Fields and coordinates are the image's: of the mirror images nothing is left."""
    labels = np.ones((4, 6, 5), np.uint8)
    labels[2] = 0
    labels[2, 1, 3] = 1
    found = conduct(labels, "--sigma", f"0=0,{SIGMA}", "--boundary", "electrodes", "--directions", "x")
    assert found["grid"]["shape"] == [4, 6, 5]
    assert found["currents"]["x"]["current_over_mean"]["maximum_at_voxel"] == [2, 1, 3]
    whole = tuple(slice(0, n) for n in labels.shape)
    assert np.array_equal(read_field(tmp_path / "out" / "fields.h5", "phase", whole, ALONE), labels)
    current = read_field(tmp_path / "out" / "fields.h5", "current_density_x", whole, ALONE)
    assert np.all(current[labels == 0] == 0) and current[2, 1, 3, 0] > 0
    # The same current through every plane: sigma_eff times the default field of 10 V/m.
    through = current[..., 0].mean(axis=(1, 2))
    assert through == pytest.approx(np.full(4, 1000 * found["sigma_eff_S_per_cm"][0][0]), rel=0.2)
    assert through.mean() == pytest.approx(1000 * found["sigma_eff_S_per_cm"][0][0], rel=1e-4)


@pytest.mark.parametrize("boundary", ["periodic", "mirror", "electrodes"])
@pytest.mark.parametrize("second", ["[0,1,1]", "[[0,0,0],[0,1,0.5],[0,0.5,1]]"])
def test_a_component_that_is_zero(conduct, boundary, second):
    """Layers, one of which conducts along them only: exactly 0 across, and what it is along."""
    image = np.ones((6, 6, 6), np.uint8)
    image[2:4] = 2
    found = conduct(image, "--sigma", f"1=1,2={second}", "--boundary", boundary)
    tensor = tensor_of(found)
    assert tensor[0, 0] == 0 and found["conducting_phases_percolate_xyz"] == [False, True, True]
    assert found["transport"]["x"]["tortuosity_factor"] is None and set(found["currents"]) == {"y", "z"}
    if "[[" not in second or boundary == "periodic":
        assert tensor[1:, 1:][np.eye(2, dtype=bool)] == pytest.approx([1, 1], rel=1e-8)


def test_a_crystal_that_conducts_along_lines_only(conduct):
    """sigma = (1, 1)(1, 1) in x and y: its mirror images meet in points only.  No part of it is 0, and yet nothing flows."""
    line = "1=[[1,1,0],[1,1,0],[0,0,1]]"
    found = conduct(np.ones((4, 4, 2), np.uint8), "--sigma", line, "--boundary", "periodic")
    assert tensor_of(found) == pytest.approx(np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]]), abs=1e-8)
    layers = np.ones((4, 4, 2), np.uint8)
    layers[2:] = 2
    found = conduct(layers, "--sigma", f"{line},2=[[1,-1,0],[-1,1,0],[0,0,1]]")
    # Layers normal to x: 1 across, yy - xy^2 / xx = 0 along y.
    assert tensor_of(found)[0, 0] == pytest.approx(1, rel=1e-8)
    assert tensor_of(found)[1, 1] == 0 and found["transport"]["y"]["tortuosity_factor"] is None


def test_blocking_interfaces(conduct):
    image = np.ones((6, 4, 4), np.uint8)
    image[3:] = 2
    found = conduct(image, "--sigma", "1=1,2=2", "--resistance", "2:1=inf")
    assert tensor_of(found)[0, 0] == 0 and found["transport"]["x"]["tortuosity_factor"] is None
    assert tensor_of(found)[1, 1] == pytest.approx(1.5, rel=1e-8)


@pytest.mark.parametrize("options, words", [
    (("--sigma", "0=1,00=2"), "label 0 once"),
    (("--sigma", "0=1,0=2"), "0 stands there twice"),
    (("--sigma", "0=1,1=1", "--resistance", "0:1=1,1:0=2"), "the pair 0:1 once"),
    (("--sigma", "0=1,1=1", "--resistance", "0:1=1,00:01=2"), "the pair 0:1 once"),
    (("--sigma", "0=1,1=1", "--set", 'phases.names={"1" = "a", "001" = "b"}'), "label 1 once"),
    (("--sigma", "0=1,1=1", "--set", 'phases.names={"0" = "a", "1" = "a"}'), "both called 'a'"),
    (("--sigma", "0=1,1=1", "--set", 'phases.names={"0" = "label 1"}'), "both called 'label 1'"),
    (("--sigma", "0=1,1=1", "--set", 'image.labels={"0" = 0, "-0" = 1}'), "the value 0 once"),
    (("--sigma", f"0=1,{SIGMA}", "--resistance", "0:1=1"), "does not go with a resistance of interfaces"),
    (("--sigma", f"0=1,{SIGMA}", "--solver", "petsc"), "does not go with conduction.solver"),
    (("--sigma", "0=1,1=1", "--resistance", "1:9=1"), "label 9 has no conductivity"),
    (("--sigma", "0=0,1=1", "--set", "phases.reference=0"), "must be the label of a conductor"),
    (("--sigma", "0=1,1=1", "--solver", "petsc", "--set", "conduction.petsc_options=pc_type"), "must follow an option"),
])
def test_refused(conduct, options, words):
    assert words in conduct(np.ones((3, 3, 3), np.uint8), *options, fails=True)


def test_labels_given_twice_in_toml():
    with pytest.raises(InputError, match="label 1 once"):
        study_from_text('[image]\nfile = "a.npy"\n[phases.sigma_S_per_cm]\n1 = 1.0\n01 = 2.0\n', "the test")


def test_options_given_twice(run_cli, tmp_path):
    status, _, error = run_cli("conduct", tmp_path / "image.npy", "--sigma", "0=1", "--sigma", "1=1")
    assert status == 2 and "argument --sigma: is given twice" in error
