"""Density fields from files of every format, and what is said of files that hold none."""

import h5py
import numpy as np
import pytest
import tifffile
from builders import ALONE

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.images import describe_image, read_image_slab
from pfsolid.io.series import write_field

SHAPE = (5, 4, 3)
WHOLE = tuple(slice(0, n) for n in SHAPE)
PART = (slice(1, 4), slice(0, 4), slice(0, 3))


@pytest.fixture
def rho():
    return np.random.default_rng(1).random(SHAPE)


def write(path, rho, kind):
    """rho in one of the formats; the name to read it by."""
    stack = rho.transpose(2, 1, 0)
    if kind == "npy":
        np.save(path / "a.npy", rho)
    elif kind == "npy, Fortran order":
        np.save(path / "a.npy", np.asfortranarray(rho))
    elif kind == "npy, big-endian":
        np.save(path / "a.npy", rho.astype(">f8"))
    elif kind.startswith("tif"):
        # Without a description tifffile takes every page for an image of its own; with ImageJ's they are one stack.
        order = ">" if "big-endian" in kind else "<"
        options = dict(imagej=True) if "ImageJ" in kind else dict(photometric="minisblack")
        if "deflate" in kind:
            options["compression"] = "zlib"
        tifffile.imwrite(path / "a.tif", stack.astype("f4"), byteorder=order, **options)
        return path / "a.tif"
    elif kind == "fields":
        array = DistributedArray(rho, SHAPE, WHOLE)
        write_field(path / "fields.h5", "rho", array, PeriodicGrid(SHAPE, (0.5, 0.6, 0.7)), "1", {}, ALONE)
        return path
    else:
        with h5py.File(path / "b.h5", "w") as file:
            file.create_dataset("scans/one", data=rho, chunks=(2, 2, 2), compression="gzip")
        return f"{path}/b.h5:scans/one"
    return path / "a.npy"


KINDS = ["npy", "npy, Fortran order", "npy, big-endian", "tif", "tif, big-endian", "tif, ImageJ", "tif, deflate",
         "fields", "hdf5"]


@pytest.mark.parametrize("kind", KINDS)
def test_formats(tmp_path, rho, kind):
    path = write(tmp_path, rho, kind)
    info = describe_image(path)
    assert info.shape == SHAPE
    assert info.spacing_nm == ((0.5, 0.6, 0.7) if kind == "fields" else None)
    rtol = 1e-6 if "tif" in kind else 0  # stored as float32
    for slices in (WHOLE, PART):
        density = read_image_slab(path, slices, ALONE, expected_shape=SHAPE)
        assert density.dtype == np.float64 and density.flags.c_contiguous
        assert np.allclose(density, rho[slices], rtol=rtol, atol=0)


def test_pages_without_a_description(tmp_path, rho):
    """As scanners write them: every page by itself."""
    with tifffile.TiffWriter(tmp_path / "a.tiff") as file:
        for page in (rho > 0.5).transpose(2, 1, 0):
            file.write(page.astype("u1") * 255, photometric="minisblack", metadata=None, contiguous=False)
    assert describe_image(tmp_path / "a.tiff").shape == SHAPE
    density = read_image_slab(tmp_path / "a.tiff", WHOLE, ALONE, full_scale=255)
    assert np.array_equal(density, rho > 0.5)


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "f4"])
def test_types(tmp_path, rho, dtype):
    np.save(tmp_path / "a.npy", (rho > 0.5).astype(dtype))
    assert np.array_equal(read_image_slab(tmp_path / "a.npy", WHOLE, ALONE), rho > 0.5)


def test_two_dimensions(tmp_path, rho):
    np.save(tmp_path / "a.npy", rho[:, :, 0])
    tifffile.imwrite(tmp_path / "a.tif", rho[:, :, 0].T)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rho"] = rho[:, :, 0]
    for name in ("a.npy", "a.tif", "a.h5"):
        assert describe_image(tmp_path / name).shape == (5, 4, 1)
        density = read_image_slab(tmp_path / name, (*PART[:2], slice(0, 1)), ALONE)
        assert np.array_equal(density, rho[1:4, :, :1])


def test_overshoot_of_a_computed_field_is_kept(tmp_path, rho):
    rho[0, 0, 0], rho[1, 1, 1] = -0.03, 1.05
    np.save(tmp_path / "a.npy", rho)
    assert np.array_equal(read_image_slab(tmp_path / "a.npy", WHOLE, ALONE), rho)


# --- what is refused ----------------------------------------------------------------------------------------------


def refused(path, words, slices=WHOLE, **options):
    with pytest.raises(InputError, match=words) as caught:
        read_image_slab(path, slices, ALONE, **options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 350


@pytest.mark.parametrize("value, words", [
    (np.nan, r"at voxel \(2, 3, 1\) is nan; a density must be a finite number"),
    (-np.inf, r"at voxel \(2, 3, 1\) is -inf"), (1.5, r"the value 1.5 at voxel \(2, 3, 1\) is no density"),
    (-0.5, "the value -0.5 .*full_scale")])
def test_values(tmp_path, rho, value, words):
    rho[2, 3, 1] = value
    np.save(tmp_path / "a.npy", rho)
    refused(tmp_path / "a.npy", words, PART)


def test_grey_values(tmp_path, rho):
    np.save(tmp_path / "a.npy", np.round(200 * rho + 50).astype("u1"))
    refused(tmp_path / "a.npy", "no density, which is 0 in a pore and 1 in the solid; full_scale sets")
    refused(tmp_path / "a.npy", "full_scale 0 must be above 0", full_scale=0)


def test_another_shape(tmp_path, rho):
    np.save(tmp_path / "a.npy", rho)
    refused(tmp_path / "a.npy", "5 x 4 x 3 voxels and the grid 4 x 4 x 4", expected_shape=(4, 4, 4))
    refused(tmp_path / "a.npy", "up to 6 x 4 x 3", (slice(0, 6), *WHOLE[1:]))


def test_not_an_image(tmp_path, rho):
    np.save(tmp_path / "line.npy", rho[0, 0])
    np.save(tmp_path / "complex.npy", rho * 1j)
    np.save(tmp_path / "objects.npy", np.array([[None, 1]]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("0 1\n1 0\n")
    (tmp_path / "text.tif").write_text("0 1\n1 0\n")
    (tmp_path / "text.h5").write_text("0 1\n1 0\n")
    (tmp_path / "a.png").write_text("")
    (tmp_path / "empty").mkdir()
    tifffile.imwrite(tmp_path / "colours.tif", np.zeros((4, 4, 3), "u1"), photometric="rgb")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["density"] = rho
    for name, words in {"line.npy": "shape \\(3,\\)", "complex.npy": "not real numbers", "objects.npy": "objects.npy",
                        "text.npy": "not a .npy file", "text.tif": "cannot read .*text.tif",
                        "text.h5": "cannot read .*text.h5", "a.png": "an image is read from .npy, .tif",
                        "colours.tif": "colours", "empty": "fields.h5 does not exist",
                        "missing.npy": "missing.npy does not exist", "missing.tif": "missing.tif does not exist",
                        "missing.h5:a": "missing.h5 does not exist",
                        "other.h5": "no dataset rho \\(it has density\\); name one as .*:DATASET",
                        "other.h5:b/c": "no dataset b/c"}.items():
        refused(tmp_path / name, words)
    assert np.array_equal(read_image_slab(f"{tmp_path}/other.h5:density", WHOLE, ALONE), rho)


def test_a_truncated_file(tmp_path, rho):
    for kind, name in (("npy", "a.npy"), ("tif", "a.tif")):
        path = write(tmp_path, rho, kind)
        data = path.read_bytes()
        path.write_bytes(data[:len(data) // 2])
        refused(path, f"{name}")
