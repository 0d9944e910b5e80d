"""Crops and blocks of voxels that become one, of files in any order of axes, for conduction and measures alike."""

import json

import numpy as np
import pytest

import pfsolid as pf


def binned(array, n):
    """By the majority in each block; of equally many the label that is met first."""
    shape = tuple(m // n for m in array.shape)
    found = np.empty(shape, array.dtype)
    for place in np.ndindex(shape):
        block = array[tuple(slice(n * at, n * (at + 1)) for at in place)].ravel()
        labels, first, counts = np.unique(block, return_index=True, return_counts=True)
        found[place] = labels[counts == counts.max()][np.argmin(first[counts == counts.max()])]
    return found


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yzx"])
@pytest.mark.parametrize("highest", [3, 70_000])
def test_blocks_have_the_label_of_most_of_their_voxels(axes, highest):
    array = np.random.default_rng(1).choice([0, 1, 2, highest], (9, 8, 11))
    image = pf.Image(array, voxel_nm=(10, 20, 30), axes=axes, bin=2)
    assert np.array_equal(image.to_array(), binned(array, 2)) and image.binned_nm == (20, 40, 60)
    crop = [[2, 8], [], [1, 8]]
    part = array[tuple({"x": slice(2, 8), "y": slice(None), "z": slice(1, 8)}[name] for name in axes)]
    assert np.array_equal(pf.Image(array, axes=axes, crop=crop, bin=3).to_array(), binned(part, 3))


def test_thin_layers_and_ties():
    """A layer thinner than half a block is lost, one of half of it stays where it comes first; nothing is made up."""
    array = np.zeros((4, 4, 8), int)
    array[:, :, 1] = 1          # one of four voxels of its block
    array[:, :, 4:6] = 2        # half of its block, and first in it
    found = pf.Image(array, bin=4).to_array()
    assert found.tolist() == [[[0, 2]]]
    assert pf.Image(np.arange(16).reshape(4, 4), bin=2).to_array().tolist() == [[0, 2], [8, 10]]  # two dimensions


def test_the_commands_take_the_same_part(tmp_path, monkeypatch, run_cli):
    monkeypatch.chdir(tmp_path)
    array = np.random.default_rng(2).choice(3, (13, 12, 14), p=(0.2, 0.4, 0.4)).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    np.save("a.npy", array.astype(np.uint8))
    np.save("b.npy", binned(array[:25, 2:, :24], 2).astype(np.uint8))
    options = ["--crop", "0:24,2:24,0:25", "--bin", "2", "--voxel-nm", "5"]
    sigma = ["--sigma", "0=0,1=1e-3,2=2e-3", "--set", "output.figures=false", "--boundary", "electrodes"]
    assert run_cli("conduct", "a.npy", *options, *sigma, "-o", "one")[0] == 0
    assert run_cli("conduct", "b.npy", "--voxel-nm", "10", *sigma, "-o", "other")[0] == 0
    one, other = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "other"))
    assert one["sigma_eff_S_per_cm"] == other["sigma_eff_S_per_cm"] and one["grid"] == other["grid"]
    assert run_cli("measure", "a.npy", *options, "-o", "one.json")[0] == 0
    assert run_cli("measure", "b.npy", "--voxel-nm", "10", "-o", "other.json")[0] == 0
    one, other = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "other.json"))
    for found in (one, other):
        del found["morphology"]["seconds"]
    assert one["morphology"] == other["morphology"] and one["grid"] == other["grid"]
    status, _, error = run_cli("measure", "a.npy", "--voxel-nm", "5", "--crop", "0:99,:,:")
    assert status == 2 and "crop 0:99 along x: a.npy has the voxels 0:28 there" in error
    status, _, error = run_cli("conduct", "a.npy", *sigma, "--voxel-nm", "5", "--bin", "30", "-o", "none")
    assert status == 2 and "bin 30: more than the 28 voxels along x" in error and not (tmp_path / "none").exists()
    status, _, error = run_cli("measure", "a.npy", "--voxel-nm", "5", "--values", "density", "--bin", "2")
    assert status == 2 and "is for labels, not for a density" in error


def test_validate_says_what_an_image_is(tmp_path, monkeypatch, run_cli):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.array([0, 0, 0, 5], np.uint16).repeat(54).reshape(6, 6, 6))
    status, said, _ = run_cli("validate", "a.npy")
    assert status == 0 and "0 75 %, 5 25 %" in said and "6 x 6 x 6" in said and "give --voxel-nm" in said
    monkeypatch.setattr("pfsolid.workflows.image_review.available_bytes", lambda: 1)
    assert "more ranks" in run_cli("validate", "a.npy")[1]
    (tmp_path / "b.tif").write_bytes(b"nothing")
    status, said, _ = run_cli("validate", "b.tif")
    assert status == 2 and "error: " in said
    np.save("c.npy", np.full((3, 3, 3), 0.5))
    status, said, _ = run_cli("validate", "c.npy")
    assert status == 0 and "is no label" in said


def test_validate_says_what_reaches_from_end_to_end(tmp_path, monkeypatch, run_cli):
    """A straight channel along x, one that turns from x to y, and what is left; the time is that of its voxels."""
    monkeypatch.chdir(tmp_path)
    image = np.zeros((6, 8, 10), np.uint8)  # z, y, x
    image[1, 2, :] = 1
    image[4, 3, :5] = image[4, 3:, 4] = 2
    np.save("a.npy", image)
    status, said, _ = run_cli("validate", "a.npy")
    assert status == 0 and "0 along x, y, z; 1 along x; 2 nowhere" in said and "time for conduct" in said
    monkeypatch.setattr("pfsolid.workflows.image_review.available_bytes", lambda: 1000)
    assert "not looked for: that takes 3.8 KiB" in run_cli("validate", "a.npy")[1]


def test_validate_of_a_study_says_time_and_memory_of_what_it_makes(tmp_path, monkeypatch, run_cli):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text("[tubules]\nshape = [40, 70, 6]\npitch_nm = 100\nlength_nm = 60\ndiameter_nm = 80\n"
                                     "[phases.sigma_S_per_cm]\n0 = 0.0\n1 = 1e-3\n")
    status, said, _ = run_cli("validate", "s.toml")
    assert status == 0 and "40 x 70 x 6" in said and "rough time" in said
