"""Images as other programs keep them: folders of slices, libraries' formats, axes of one voxel, groups, edges of voxels."""

import json
import sys

import h5py
import numpy as np
import pytest
import tifffile
from helpers.builders import ALONE
from PIL import Image

from pfsolid.errors import InputError
from pfsolid.io.images.formats import ArrayLayout
from pfsolid.io.images.slab import describe_image, read_label_slab

LABELS = np.random.default_rng(1).integers(0, 5, (5, 4, 3)).astype(np.uint8)  # z, y, x
EDGES = (10.0, 20.0, 40.0)  # nm along x, y, z


def read(path, layout=ArrayLayout()):
    """The labels as z, y, x."""
    info = describe_image(path, layout)
    return read_label_slab(path, tuple(slice(0, n) for n in info.shape), ALONE, layout=layout).transpose(2, 1, 0), info


def write_slices(folder, labels=LABELS, kind=".tif", name="slice_{}"):
    folder.mkdir(exist_ok=True)
    for index, page in enumerate(labels):
        file = folder / f"{name.format(index + 8)}{kind}"  # 8 ... 12: by their letters 10 would come first
        tifffile.imwrite(file, page) if kind == ".tif" else Image.fromarray(page).save(file)
    return folder


@pytest.mark.parametrize("kind", [".tif", ".png"])
def test_slices_stand_in_natural_order(tmp_path, kind):
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan" / "notes.txt").write_text("of the microscope")
    labels, info = read(write_slices(tmp_path / "scan", kind=kind))
    assert np.array_equal(labels, LABELS) and info.shape == (3, 4, 5) and info.axes == "zyx"
    assert f"slice_8{kind} to slice_12{kind}" in info.order_line and "without" not in info.order_line
    (tmp_path / "scan" / f"slice_10{kind}").unlink()
    assert "without number 10" in describe_image(tmp_path / "scan").order_line


def test_slices_that_make_no_image_are_named(tmp_path):
    folder = write_slices(tmp_path / "scan")
    with pytest.raises(InputError, match="fields.h5 does not exist, and the folder holds no slices"):
        (tmp_path / "empty").mkdir()
        describe_image(tmp_path / "empty")
    tifffile.imwrite(folder / "slice_10.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"slice_8.tif has 3 x 4 uint8, slice_10.tif has 4 x 4 uint8"):
        describe_image(folder)
    tifffile.imwrite(folder / "slice_10.tif", np.zeros((4, 3), np.uint16))
    with pytest.raises(InputError, match=r"slice_10.tif has 3 x 4 uint16"):
        describe_image(folder)
    tifffile.imwrite(folder / "slice_10.tif", np.zeros((2, 4, 3), np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match="slice_10.tif has 2 pages"):
        describe_image(folder)
    Image.fromarray(LABELS[0]).save(folder / "slice_11.png")
    with pytest.raises(InputError, match="several kinds, slice_8.tif and slice_11.png"):
        describe_image(folder)


def write_nrrd(path):
    import nrrd

    nrrd.write(str(path), LABELS.transpose(2, 1, 0), {"spacings": EDGES, "space units": ["nm"] * 3, "space dimension": 3})


def write_mhd(path):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(LABELS)
    image.SetSpacing(EDGES)
    SimpleITK.WriteImage(image, str(path))


def write_nifti(path):
    import nibabel

    image = nibabel.Nifti1Image(LABELS.transpose(2, 1, 0), np.diag([*(h / 1000 for h in EDGES), 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, path)


def write_mrc(path):
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(LABELS.astype(np.int16))
        file.voxel_size = tuple(10 * h for h in EDGES)  # angstrom, x first


def write_zarr(path):
    import zarr

    store = zarr.open_group(str(path), mode="w")
    store.create_dataset("0", data=LABELS[None, None], chunks=(1, 1, 2, 2, 2))
    store.attrs["multiscales"] = [{
        "version": "0.4", "datasets": [{"path": "0", "coordinateTransformations": [
            {"type": "scale", "scale": [1, 1, *(h / 1000 for h in reversed(EDGES))]}]}],
        "axes": [{"name": "t"}, {"name": "c"}] + [{"name": name, "unit": "micrometer"} for name in "zyx"]}]


WRITERS = {"a.nrrd": ("nrrd", write_nrrd), "a.mhd": ("SimpleITK", write_mhd), "a.mha": ("SimpleITK", write_mhd),
           "a.nii": ("nibabel", write_nifti), "a.nii.gz": ("nibabel", write_nifti), "a.mrc": ("mrcfile", write_mrc),
           "a.zarr": ("zarr", write_zarr)}


@pytest.mark.parametrize("name", WRITERS)
def test_formats_of_other_libraries(tmp_path, name, monkeypatch):
    library, write = WRITERS[name]
    pytest.importorskip(library)
    write(tmp_path / name)
    labels, info = read(tmp_path / name)
    assert np.array_equal(labels, LABELS)
    # MetaImage names no unit.
    assert (info.spacing if library == "SimpleITK" else info.spacing_nm) == pytest.approx(EDGES)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"a\..* needs the package .*: pip install .*pfsolid\[images\]"):
        describe_image(tmp_path / name)


@pytest.mark.parametrize("name, text", [("a.nrrd", b"NRRD0004\ntype: uint8\n"), ("a.nii", b"\0" * 400), ("a.mrc", b"MAP "),
                                        ("a.mhd", b"ObjectType = Image\nNDims = 3\n")])
def test_damaged_files_of_other_libraries(tmp_path, name, text, capfd):
    pytest.importorskip(WRITERS[name][0])
    (tmp_path / name).write_bytes(text)
    with pytest.raises(InputError, match=rf"cannot read .*{name}"):
        describe_image(tmp_path / name)


@pytest.mark.parametrize("shape", [(5, 4, 3, 1), (1, 5, 4, 3), (1, 1, 5, 4, 3), (1, 5, 4, 3, 1)])
def test_axes_of_one_voxel_are_none(tmp_path, shape):
    array = LABELS.reshape(shape)
    np.save(tmp_path / "a.npy", array)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/exported_data"] = array
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
    for name in ("a.npy", "a.h5", "a.tif"):
        labels, info = read(tmp_path / name)
        assert np.array_equal(labels, LABELS) and info.shape == (3, 4, 5)


def test_ilastik_and_what_has_channels(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        tags = {"axes": [{"key": key} for key in "xyzc"]}
        file["exported_data"] = LABELS.transpose(2, 1, 0)[..., None]
        file["exported_data"].attrs["axistags"] = json.dumps(tags)
        file["exported_data"].attrs["spacing_nm"] = [*EDGES, 1.0]
    labels, info = read(tmp_path / "a.hdf")
    assert np.array_equal(labels, LABELS) and info.axes == "xyz" and info.spacing_nm == EDGES
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["p"] = np.zeros((4, 5, 6, 2))
        file["p"].attrs["axes"] = "z y x c"
    with pytest.raises(InputError, match="has 2 values along its axis c"):
        describe_image(tmp_path / "b.hdf5")
    np.save(tmp_path / "c.npy", np.zeros((4, 5, 6, 2)))
    with pytest.raises(InputError, match=r"has the shape \(4, 5, 6, 2\)"):
        describe_image(tmp_path / "c.npy")


def test_datasets_in_groups_are_found_or_listed(tmp_path):
    with h5py.File(tmp_path / "a.dream3d", "w") as file:
        cells = file.create_group("DataContainers/Image/CellData")
        cells["FeatureIds"] = LABELS[..., None].astype(np.int32)
        file["DataContainers/Image/_SIMPL_GEOMETRY/SPACING"] = np.array([1, 2, 4], "f4")
    labels, info = read(tmp_path / "a.dream3d")
    assert np.array_equal(labels, LABELS) and info.spacing == (1, 2, 4) and info.spacing_nm is None
    with h5py.File(tmp_path / "a.dream3d", "a") as file:
        file["DataContainers/Image/CellData/Phases"] = LABELS[..., None]
    with pytest.raises(InputError, match="no dataset rho .*CellData/FeatureIds, .*CellData/Phases"):
        describe_image(tmp_path / "a.dream3d")
    assert np.array_equal(read(f"{tmp_path}/a.dream3d:DataContainers/Image/CellData/Phases")[0], LABELS)


def test_edges_of_ome_and_fiji(tmp_path):
    metadata = {"axes": "ZYX"} | {f"PhysicalSize{axis}": h for axis, h in zip("XYZ", EDGES)}
    metadata |= {f"PhysicalSize{axis}Unit": "nm" for axis in "XY"} | {"PhysicalSizeZ": 0.04}  # Z in micrometres, the default
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS, ome=True, metadata=metadata, photometric="minisblack")
    assert describe_image(tmp_path / "a.ome.tif").spacing_nm == pytest.approx(EDGES)
    tifffile.imwrite(tmp_path / "b.tif", LABELS, imagej=True, resolution=(100.0, 50.0),
                     metadata={"unit": "\\u00B5m", "spacing": 0.04, "axes": "ZYX"})
    assert describe_image(tmp_path / "b.tif").spacing_nm == pytest.approx(EDGES)
