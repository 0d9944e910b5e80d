"""Densities and labels from files of every format, and what is said of files that hold none."""

import importlib.util
import json

import h5py
import numpy as np
import pytest
import tifffile
from helpers.builders import ALONE
from helpers.files import write_field
from PIL import Image

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.images.formats import ArrayLayout, RawLayout
from pfsolid.io.images.slab import ImageWindow, Labelling, describe_image, read_image_slab, read_label_slab
from pfsolid.labels import check_label_known, label_counts
from pfsolid.orientation import Orientation
from pfsolid.parallel.collective import Reducer

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
        np.save(path / "a.npy", stack)
    elif kind == "npy, Fortran order":
        np.save(path / "a.npy", np.asfortranarray(stack))
    elif kind == "npy, big-endian":
        np.save(path / "a.npy", stack.astype(">f8"))
    elif kind.startswith("tif"):
        # Without a description tifffile takes every page for an image of its own; with ImageJ's they are one stack.
        order = ">" if "big-endian" in kind else "<"
        options = dict(imagej=True) if "ImageJ" in kind else dict(photometric="minisblack")
        if "deflate" in kind:
            options["compression"] = "zlib"
        options["bigtiff"] = "BigTIFF" in kind
        tifffile.imwrite(path / "a.tif", stack.astype("f4"), byteorder=order, **options)
        return path / "a.tif"
    elif kind == "fields":
        array = DistributedArray(rho, SHAPE, WHOLE)
        write_field(path / "fields.h5", "rho", array, PeriodicGrid(SHAPE, (0.5, 0.6, 0.7)), "1", {}, ALONE)
        return path
    else:
        with h5py.File(path / "b.h5", "w") as file:
            file.create_dataset("scans/one", data=stack, chunks=(2, 2, 2), compression="gzip")
        return f"{path}/b.h5:scans/one"
    return path / "a.npy"


KINDS = ["npy", "npy, Fortran order", "npy, big-endian", "tif", "tif, big-endian", "tif, ImageJ", "tif, deflate",
         "tif, BigTIFF, big-endian", "fields", "hdf5"]


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
    np.save(tmp_path / "a.npy", (rho > 0.5).astype(dtype).T)
    assert np.array_equal(read_image_slab(tmp_path / "a.npy", WHOLE, ALONE), rho > 0.5)


def test_two_dimensions(tmp_path, rho):
    np.save(tmp_path / "a.npy", rho[:, :, 0].T)
    tifffile.imwrite(tmp_path / "a.tif", rho[:, :, 0].T)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rho"] = rho[:, :, 0].T
    for name in ("a.npy", "a.tif", "a.h5"):
        assert describe_image(tmp_path / name).shape == (5, 4, 1)
        density = read_image_slab(tmp_path / name, (*PART[:2], slice(0, 1)), ALONE)
        assert np.array_equal(density, rho[1:4, :, :1])


def test_overshoot_of_a_computed_field_is_kept(tmp_path, rho):
    rho[0, 0, 0], rho[1, 1, 1] = -0.03, 1.05
    np.save(tmp_path / "a.npy", rho.T)
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
    np.save(tmp_path / "a.npy", rho.T)
    refused(tmp_path / "a.npy", words, PART)


def test_grey_values(tmp_path, rho):
    np.save(tmp_path / "a.npy", np.round(200 * rho + 50).astype("u1").T)
    refused(tmp_path / "a.npy", "no density, which is 0 in a pore and 1 in the solid; full_scale sets")
    refused(tmp_path / "a.npy", "full_scale 0 must be above 0", full_scale=0)


def test_another_shape(tmp_path, rho):
    np.save(tmp_path / "a.npy", rho.T)
    refused(tmp_path / "a.npy", "5 x 4 x 3 voxels and the grid 4 x 4 x 4", expected_shape=(4, 4, 4))
    refused(tmp_path / "a.npy", "up to 6 x 4 x 3", (slice(0, 6), *WHOLE[1:]))


def test_not_an_image(tmp_path, rho):
    np.save(tmp_path / "line.npy", rho[0, 0])
    np.save(tmp_path / "complex.npy", rho * 1j)
    np.save(tmp_path / "objects.npy", np.array([[None, 1]]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("0 1\n1 0\n")
    (tmp_path / "text.tif").write_text("0 1\n1 0\n")
    (tmp_path / "text.h5").write_text("0 1\n1 0\n")
    (tmp_path / "a.gif").write_text("")
    (tmp_path / "empty").mkdir()
    tifffile.imwrite(tmp_path / "colours.tif", np.zeros((4, 4, 3), "u1"), photometric="rgb")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["density"], file["more"] = rho.T, rho.T
    for name, words in {"line.npy": "shape \\(3,\\)", "complex.npy": "not real numbers", "objects.npy": "objects.npy",
                        "text.npy": "not a .npy file", "text.tif": "cannot read .*text.tif",
                        "text.h5": "cannot read .*text.h5", "a.gif": "an image is read from .npy, .tif",
                        "colours.tif": "colours", "empty": "fields.h5 does not exist",
                        "missing.npy": "missing.npy does not exist", "missing.tif": "missing.tif does not exist",
                        "missing.h5:a": "missing.h5 does not exist",
                        "other.h5": "no dataset rho \\(it has density, more\\); name one as .*:DATASET",
                        "other.h5:b/c": "no dataset b/c"}.items():
        refused(tmp_path / name, words)
    assert np.array_equal(read_image_slab(f"{tmp_path}/other.h5:density", WHOLE, ALONE), rho)


def test_a_truncated_file(tmp_path, rho):
    for kind, name in (("npy", "a.npy"), ("tif", "a.tif")):
        path = write(tmp_path, rho, kind)
        data = path.read_bytes()
        path.write_bytes(data[:len(data) // 2])
        refused(path, f"{name}")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_no_truncated_stack_passes_for_a_smaller_one(tmp_path, compression, bigtiff):
    """tifffile only logs that the chain of pages leads beyond the end of the file, and goes on with those it has."""
    stack = np.random.default_rng(2).integers(0, 3, (6, 9, 8)).astype("u1")
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as file:
        for page in stack:
            file.write(page, photometric="minisblack", metadata=None, contiguous=False, compression=compression)
    data = path.read_bytes()
    assert describe_image(path).shape == (8, 9, 6)
    for size in range(0, len(data) - 1, 37):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match="cannot read"):
            read_label_slab(path, (slice(0, 8), slice(0, 9), slice(0, 6)), ALONE)


def test_a_compression_without_its_library(tmp_path):
    """Pillow writes LZW, which tifffile reads with imagecodecs only."""
    pytest.importorskip("PIL.features").check("libtiff") or pytest.skip("Pillow without libtiff")
    if importlib.util.find_spec("imagecodecs"):
        pytest.skip("imagecodecs is installed")
    Image.fromarray(np.zeros((4, 5), "u1")).save(tmp_path / "a.tif", compression="tiff_lzw")
    refused(tmp_path / "a.tif", "LZW.*'imagecodecs' package; install it with pip, or store the image uncompressed",
            (slice(0, 5), slice(0, 4), slice(0, 1)))


# --- the order of axes --------------------------------------------------------------------------------------------


def write_dataset(path, array, labels=(), **attributes):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("a", data=array)
        dataset.attrs.update(attributes)
        for dimension, label in zip(dataset.dims, labels):
            dimension.label = label
    return f"{path}:a"


@pytest.mark.parametrize("order", ["xyz", "xzy", "yxz", "yzx", "zxy", "zyx"])
@pytest.mark.parametrize("kind", ["npy", "tif", "axes", "axes, list", "axistags", "dimension labels"])
def test_every_order_of_axes(tmp_path, rho, kind, order):
    """An array in any order is the same image, whether the caller says the order or the file does."""
    array = rho.transpose(["xyz".index(axis) for axis in order])
    layout = ArrayLayout(order) if kind in ("npy", "tif") else ArrayLayout()
    path, tags = tmp_path / f"a.{kind}", json.dumps({"axes": [{"key": axis, "typeFlags": 2} for axis in order]})
    if kind == "npy":
        np.save(path, array)
    elif kind == "tif":
        tifffile.imwrite(path, array, photometric="minisblack")
    else:
        said = {"axes": {"axes": " ".join(order)}, "axes, list": {"axes": list(order.upper())},
                "axistags": {"axistags": np.bytes_(tags)}, "dimension labels": {"labels": order}}[kind]
        path = write_dataset(tmp_path / "a.h5", array, spacing_nm=[1.0 + "xyz".index(axis) for axis in order], **said)
    info = describe_image(path, layout)
    assert (info.shape, info.axes, info.axes_said) == (SHAPE, order, True)
    assert info.spacing_nm == (None if layout.axes else (1, 2, 3))
    for slices in (WHOLE, PART):
        assert np.array_equal(read_image_slab(path, slices, ALONE, layout=layout), rho[slices])


def test_pictures_have_two_axes(tmp_path, rho):
    """Three letters count without their z."""
    np.save(tmp_path / "a.npy", rho[:, :, 0])
    tifffile.imwrite(tmp_path / "a.tif", rho[:, :, 0])
    write_dataset(tmp_path / "a.h5", rho[:, :, 0], spacing_nm=[1.0, 2.0])
    for name in ("a.npy", "a.tif", "a.h5:a"):
        for order in ("xy", "xyz", "xzy"):
            info = describe_image(tmp_path / name, ArrayLayout(order))
            assert (info.shape, info.axes) == ((5, 4, 1), "xy")
            found = read_image_slab(tmp_path / name, (*WHOLE[:2], slice(0, 1)), ALONE, layout=ArrayLayout(order))
            assert np.array_equal(found, rho[:, :, :1])
        assert describe_image(tmp_path / name).shape == (4, 5, 1)
    assert info.spacing_nm == (1, 2, 1)


def test_orders_that_do_not_fit(tmp_path, rho):
    np.save(tmp_path / "a.npy", rho)
    refused(tmp_path / "a.npy", "\"yx\" is one of two, and .*a.npy has three", layout=ArrayLayout("yx"))
    refused(write(tmp_path, rho, "fields"), '"xyz" is asked for, and .*fields.h5:rho says that it has z, y, x: leave',
            layout=ArrayLayout("xyz"))
    assert describe_image(tmp_path, ArrayLayout("zyx")).shape == SHAPE
    refused(write_dataset(tmp_path / "b.h5", rho, spacing_nm=[1.0, 2.0]), "spacing_nm has 2 lengths, and it 3 axes")


def test_what_is_said_of_the_order(tmp_path, rho):
    np.save(tmp_path / "a.npy", rho)
    assert describe_image(tmp_path / "a.npy").order_line.endswith("a.npy: z, y, x, as arrays have them that do not say")
    assert not describe_image(tmp_path / "a.npy").axes_said
    older = describe_image(tmp_path / "a.npy", ArrayLayout(unsaid="xyz"))
    assert older.shape == SHAPE and "x, y, z, as the older version that wrote the input took arrays" in older.order_line
    path = write_dataset(tmp_path / "b.h5", rho, axes="rows columns pages", labels=("", "depth", ""))
    assert describe_image(path).axes == "zyx" and not describe_image(path).axes_said


# --- labels ---------------------------------------------------------------------------------------------------------

LABELS = np.random.default_rng(3).integers(0, 3, SHAPE)


def read_labels(path, window=ImageWindow(), part=None, **options):
    """All of the grid that a window makes, or a part of it."""
    shape = window.grid_shape(describe_image(path, options.get("layout", ArrayLayout())))
    found = read_label_slab(path, part or tuple(slice(0, n) for n in shape), ALONE, window, **options)
    assert found.dtype == np.uint8 and (part or found.shape == shape)
    return found


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i4", ">i4", "f4", ">f8"])
@pytest.mark.parametrize("kind", ["npy", "tif", "raw", "raw, z fastest"])
def test_whole_numbers_are_labels(tmp_path, kind, dtype):
    labels, layout = LABELS.astype(dtype), ArrayLayout()
    path = tmp_path / f"a.{kind[:3]}"
    if kind == "npy":
        np.save(path, labels.T)
    elif kind == "tif":
        tifffile.imwrite(path, labels.transpose(2, 1, 0), byteorder=">" if dtype[0] == ">" else "<",
                         photometric="minisblack")
    else:
        layout = RawLayout(SHAPE, dtype, 11, "z" if "z" in kind else "x")
        path.write_bytes(b"eleven byte" + labels.tobytes(order="C" if "z" in kind else "F"))
    assert np.array_equal(read_labels(path, layout=layout), LABELS)
    assert np.array_equal(read_labels(path, part=PART, layout=layout), LABELS[PART])


def test_a_picture(tmp_path):
    Image.fromarray(LABELS[:, :, 0].T.astype("u1") * 100).save(tmp_path / "a.png")
    assert describe_image(tmp_path / "a.png").shape == (5, 4, 1)
    assert np.array_equal(read_labels(tmp_path / "a.png", labelling=Labelling((50, 150))), LABELS[:, :, :1])
    Image.fromarray(np.zeros((4, 5, 3), "u1")).save(tmp_path / "colours.png")
    refused(tmp_path / "colours.png", "has colours")


def test_the_spacing_of_imagej(tmp_path):
    stack = LABELS.transpose(2, 1, 0).astype("u1")
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, resolution=(50, 40), metadata={"unit": "um", "spacing": 0.03})
    assert describe_image(tmp_path / "a.tif").spacing_nm == pytest.approx((20, 25, 30))
    tifffile.imwrite(tmp_path / "b.tif", stack, imagej=True, resolution=(50, 40), metadata={"unit": "pixel"})
    assert describe_image(tmp_path / "b.tif").spacing_nm is None


@pytest.mark.parametrize("kind", ["npy", "tif"])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("mirrored", [(False, False, False), (True, False, False), (False, True, True)])
def test_windows_against_numpy(tmp_path, kind, axes, mirrored):
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, LABELS.T)
    else:
        tifffile.imwrite(path, LABELS.transpose(2, 1, 0).astype("u1"), photometric="minisblack")
    window = ImageWindow((None, (1, 4), (0, 2)), mirrored, Orientation(axes))
    expected = LABELS[:, 1:4, 0:2]
    for axis in np.flatnonzero(mirrored):
        expected = np.concatenate([expected, np.flip(expected, axis)], axis)
    expected = expected.transpose(axes)
    assert np.array_equal(read_labels(path, window), expected)
    for start in range(expected.shape[0]):  # before, across and behind the mirror
        for stop in range(start + 1, expected.shape[0] + 1):
            part = (slice(start, stop), *(slice(0, n) for n in expected.shape[1:]))
            assert np.array_equal(read_labels(path, window, part), expected[start:stop])


def test_thresholds_and_tables(tmp_path):
    grey = np.array([0, 99, 100, 101, 200, 255, 100, 0]).reshape(2, 2, 2)
    np.save(tmp_path / "a.npy", grey.astype(">u2").T)
    found = read_labels(tmp_path / "a.npy", labelling=Labelling((100, 200)))
    assert found.ravel().tolist() == [0, 0, 1, 1, 2, 2, 1, 0]
    np.save(tmp_path / "b.npy", (grey + 0.5).T)
    assert read_labels(tmp_path / "b.npy", labelling=Labelling((100.5,))).ravel().tolist() == [0, 0, 1, 1, 1, 1, 1, 0]
    table = {0: 3, 99: 1, 100: 0, 101: 0, 200: 7, 255: 255}
    found = read_labels(tmp_path / "a.npy", labelling=Labelling(values=table))
    assert found.ravel().tolist() == [table[value] for value in grey.ravel().tolist()]
    np.save(tmp_path / "c.npy", grey > 99)
    assert read_labels(tmp_path / "c.npy", labelling=Labelling(values={0: 1, 1: 0})).sum() == 3


@pytest.mark.parametrize("value, dtype, options, words", [
    (np.nan, "f4", {}, r"at voxel \(2, 3, 1\) is nan, which is not a finite number"),
    (np.nan, "f8", {"thresholds": (1.0,)}, r"at voxel \(2, 3, 1\) is nan, which is not"),
    (-np.inf, "f4", {"values": {0: 0, 1: 1, 2: 2}}, r"at voxel \(2, 3, 1\) is -inf, which is not"),
    (1.5, ">f4", {}, r"at voxel \(2, 3, 1\) is 1.5, which is no label, a whole number from 0 to 16777215: give thresholds"),
    (2**24, "u4", {}, r"is 16777216, which is no label"), (-1, "i4", {}, r"is -1, which is no label"),
    (7, "u1", {"values": {0: 0, 1: 1, 2: 2}}, "is 7, which has no label: the table has 0, 1, 2")])
@pytest.mark.parametrize("kind", ["npy", "tif"])
def test_values_without_a_label(tmp_path, kind, value, dtype, options, words):
    labels = LABELS.astype(dtype)
    labels[2, 3, 1] = value
    if kind == "npy":
        np.save(tmp_path / "a.npy", labels.T)
    else:
        tifffile.imwrite(tmp_path / "a.tif", labels.transpose(2, 1, 0), photometric="minisblack")
    for part in (WHOLE, PART):
        with pytest.raises(InputError, match=words):
            read_labels(tmp_path / f"a.{kind}", part=part, labelling=Labelling(**options))


@pytest.mark.parametrize("make, words", [
    (lambda: Labelling((1, 2), {0: 1}), "not by both"), (lambda: Labelling((2, 1)), "finite and rising"),
    (lambda: Labelling((1, float("nan"))), "finite and rising"), (lambda: Labelling((0, float("inf"))), "finite and"),
    (lambda: Labelling(values={0: 2**24}), "label 16777216: whole numbers"),
    (lambda: Labelling(values={0: 0.5}), "label 0.5")])
def test_labellings_that_make_no_sense(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("window, words", [
    (ImageWindow(((0, 6), None, None)), "crop 0:6 along x: .* has the voxels 0:5 there"),
    (ImageWindow((None, (3, 3), None)), "crop 3:3 along y"), (ImageWindow((None, None, (-1, 2))), "crop -1:2 along z")])
def test_windows_that_do_not_fit(tmp_path, window, words):
    np.save(tmp_path / "a.npy", LABELS.T)
    with pytest.raises(InputError, match=words):
        read_labels(tmp_path / "a.npy", window)
    with pytest.raises(InputError, match="makes 5 x 4 x 3 voxels and is asked for those up to 6 x 4 x 3"):
        read_labels(tmp_path / "a.npy", part=(slice(0, 6), *WHOLE[1:]))


@pytest.mark.parametrize("layout, words", [
    (RawLayout((5, 4, 4), "u1"), "has 60 bytes, and 5 x 4 x 4 voxels of type u1 after 0 bytes need 80"),
    (RawLayout(SHAPE, "u1", 1), "after 1 bytes need 61"), (RawLayout((5, 4), "u1"), "three positive whole numbers"),
    (RawLayout((5, 4, 0), "u1"), "three positive"), (RawLayout(SHAPE, "grey"), "grey is no type of real number"),
    (RawLayout(SHAPE, "c8"), "c8 is no type of real number"), (RawLayout(SHAPE, "S1"), "no type of real"),
    (RawLayout(SHAPE, "u1", -1), "header of -1 bytes"), (RawLayout(SHAPE, "u1", 0, "y"), "fastest axis y")])
def test_raw_files_that_do_not_fit(tmp_path, layout, words):
    (tmp_path / "a.bin").write_bytes(bytes(60))
    with pytest.raises(InputError, match=words):
        describe_image(tmp_path / "a.bin", layout)
    with pytest.raises(InputError, match="nothing.raw does not exist"):
        describe_image(tmp_path / "nothing.raw", RawLayout(SHAPE, "u1"))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 6, 5), (6, 1, 5), (6, 5, 1)])
@pytest.mark.parametrize("kind", ["npy", "tif"])
def test_one_voxel_thick_and_of_one_label(tmp_path, shape, kind):
    image = np.full(shape, 4, "u1")
    if kind == "npy":
        np.save(tmp_path / "a.npy", image.T)
    else:
        tifffile.imwrite(tmp_path / "a.tif", image.transpose(2, 1, 0), photometric="minisblack")
    assert np.array_equal(read_labels(tmp_path / f"a.{kind}"), image)
    window = ImageWindow(mirrored=(True, True, True))
    assert read_labels(tmp_path / f"a.{kind}", window).shape == tuple(2 * n for n in shape)
    assert label_counts(image, Reducer(ALONE)) == {4: image.size}


def test_labels_that_lack_something_are_told_with_all_that_occur():
    counts = label_counts(np.repeat(np.uint8([0, 2, 255]), [50, 40, 10]).reshape(10, 5, 2), Reducer(ALONE))
    assert counts == {0: 50, 2: 40, 255: 10}
    check_label_known(counts, {0, 1, 2, 255}, "conductivity")
    with pytest.raises(InputError, match=r"label 2 has no conductivity; the image has the labels 0 \(50 voxels, 50 %\), "
                                         r"2 \(40 .*, 255 \(10 voxels, 10 %\), and given are 0, 1$"):
        check_label_known(counts, {0, 1}, "conductivity")
