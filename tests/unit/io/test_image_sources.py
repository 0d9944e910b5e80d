"""That what an image is made of is all there and is what it is said to be: pages, bytes, rows, links, units."""

import os
import re
import shutil
import struct
import warnings
import zlib

import h5py
import numpy as np
import pytest
import tifffile
from helpers.builders import ALONE
from PIL import Image

from pfsolid.errors import CheckpointError, InputError
from pfsolid.io.checkpoint import read_checkpoint
from pfsolid.io.images.formats import ArrayLayout, RawLayout
from pfsolid.io.images.imagej import imagej_spacing
from pfsolid.io.images.slab import describe_image, read_label_slab
from pfsolid.spectral.wisdom import read_or_nothing

SHAPE = (6, 5, 4)
LABELS = np.random.default_rng(4).integers(0, 3, SHAPE).astype("u1")
PAGES = LABELS.transpose(2, 1, 0)


def read(path, layout=ArrayLayout()):
    """All labels, [x, y, z]; npy and HDF5 say nothing of their axes here, and are written in this order."""
    if isinstance(layout, ArrayLayout) and not str(path).endswith((".tif", ".png")):
        layout = ArrayLayout(unsaid="xyz")
    shape = describe_image(path, layout).shape
    return read_label_slab(path, tuple(slice(0, n) for n in shape), ALONE, layout=layout)


def refused(path, words, **options):
    """An InputError of one line that is not longer than a person reads."""
    with pytest.raises(InputError, match=words) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


# --- TIFF ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["one writer", "appended", "compressed"])
def test_pages_written_one_by_one_are_one_stack(tmp_path, how):
    path = tmp_path / "a.tif"
    if how == "appended":
        for page in PAGES:
            tifffile.imwrite(path, page, append=True)
    else:
        with tifffile.TiffWriter(path) as file:
            for page in PAGES:
                file.write(page, compression="zlib" if how == "compressed" else None)
    assert np.array_equal(read(path), LABELS)


def test_stacks_written_one_by_one_are_one_stack(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for half in (PAGES[:2], PAGES[2:]):
            file.write(half, photometric="minisblack")
    assert np.array_equal(read(tmp_path / "a.tif"), LABELS)


@pytest.mark.parametrize("other", [PAGES[0][:3], PAGES[0].astype("u2"), PAGES])
def test_images_that_make_no_stack_are_named(tmp_path, other):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(PAGES[0])
        file.write(other, photometric="minisblack")
    refused(tmp_path / "a.tif",
            rf"holds 2 images that do not make one stack, of 5x6 uint8, {'x'.join(map(str, other.shape))} ")


@pytest.mark.parametrize("stack", [PAGES[:3], PAGES[:4], PAGES[:, :, :3], PAGES[:3].astype("f4")])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_what_tifffile_takes_for_colours(tmp_path, stack, compression):
    """A stack of 3 or 4 pages is stored like a picture in colours; only with its axes is it known for a stack."""
    path = tmp_path / "a.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tifffile's own
        tifffile.imwrite(path, stack, compression=compression, photometric="rgb")
        refused(path, r'has colours, or tifffile took 3 or 4 pages .* write a stack with photometric="minisblack"')
        tifffile.imwrite(path, stack, compression=compression, photometric="rgb", metadata={"axes": "ZYX"})
        assert np.array_equal(read(path), stack.transpose(2, 1, 0))
        tifffile.imwrite(path, stack, compression=compression, photometric="minisblack")  # the remedy
        assert np.array_equal(read(path), stack.transpose(2, 1, 0))


@pytest.mark.parametrize("bigtiff", [False, True])
def test_pages_that_lead_back_are_not_followed_for_ever(tmp_path, bigtiff):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as file:
        for page in PAGES:
            file.write(page, photometric="minisblack", metadata=None, contiguous=False)
    with tifffile.TiffFile(path) as file:
        offsets = [page.offset for page in file.pages]
        last = file.pages[-1]
        entries = len(last.tags)
    kind, count, entry = ("<Q", 8, 20) if bigtiff else ("<I", 2, 12)
    data = bytearray(path.read_bytes())
    for target in (offsets[0], offsets[2], offsets[-1]):
        struct.pack_into(kind, data, offsets[-1] + count + entries * entry, target)
        path.write_bytes(data)
        refused(path, "its pages lead back to an earlier one")


def test_a_strip_that_was_never_written_is_not_label_0(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PAGES[0] + 1, rowsperstrip=2, metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        counts = file.pages[0].tags["StripByteCounts"]
        counts.overwrite([counts.value[0], 0, counts.value[2]])
    refused(path, "cannot read .*a.tif: parts of a page were never written")


def test_a_bomb_in_a_tiff(tmp_path):
    """A strip of 30 bytes of pixels in whose place 200 MB are packed."""
    path = tmp_path / "a.tif"
    bomb = zlib.compress(bytes(200_000_000), 9)
    tifffile.imwrite(path, PAGES[0], metadata=None, compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        end = file.filehandle.size
        file.pages[0].tags["StripOffsets"].overwrite([end])
        file.pages[0].tags["StripByteCounts"].overwrite([len(bomb)])
    with open(path, "ab") as file:
        file.write(bomb)
    refused(path, "unpack to far more than its pixels")


class Described:
    """What `imagej_spacing` looks at, without a file."""

    def __init__(self, resolution=((1, 2), (1, 4)), **metadata):
        class Tag:
            pass

        self.imagej_metadata, page = metadata, Tag()
        page.tags = {}
        for name, value in zip(("XResolution", "YResolution"), resolution):
            page.tags[name] = Tag()
            page.tags[name].value = value
        self.pages = [page]


# Pixels per unit are 1/2 along x and 1/4 along y, so edges are 2 and 4 units.
@pytest.mark.parametrize("metadata, expected", [
    (dict(unit="um", spacing=3), (2000, 4000, 3000)), (dict(unit="nm", spacing=3), (2, 4, 3)),
    (dict(unit="um", yunit="um", zunit="nm", spacing=50), (2000, 4000, 50)),
    (dict(unit="micrometer", spacing=3), (2000, 4000, 3000)), (dict(unit="Nanometer", spacing=3), (2, 4, 3)),
    (dict(unit="\\u00B5m", spacing=3), (2000, 4000, 3000)), (dict(unit="\u00b5m", spacing=3), (2000, 4000, 3000)),
    (dict(unit="\u03bcm", spacing=3), (2000, 4000, 3000)), (dict(unit="mm", spacing=3e-6), (2e6, 4e6, 3)),
    (dict(unit="um", yunit="nm", zunit="mm", spacing=1), (2000, 4, 1e6)), (dict(unit="um", spacing=-3), (2000, 4000, 3000)),
    (dict(unit="um", zunit="furlong", spacing=3), None), (dict(unit="pixel", spacing=3), None), (dict(spacing=3), None),
    # ImageJ leaves a depth of 1 out, other programs one that they do not know: that is not 2 because x is.
    (dict(unit="um"), None), (dict(unit="um", spacing="x"), None), (dict(unit="um", spacing=0), None)])
def test_units_of_imagej(metadata, expected):
    found = imagej_spacing(Described(**metadata), 5)
    assert found == (None if expected is None else pytest.approx(expected))


def test_units_of_imagej_without_a_depth():
    one = ((1, 1), (1, 1))
    assert imagej_spacing(Described(one, unit="um"), 5) == pytest.approx((1000, 1000, 1000))
    assert imagej_spacing(Described(unit="um"), 1) == pytest.approx((2000, 4000,
                                                                     2000))  # one page: its depth does not matter
    assert imagej_spacing(Described(((0, 1), (1, 1)), unit="um"), 1) is None


# --- PNG, npy, raw ------------------------------------------------------------------------------------------------


def png(width, height, rows, interlaced=0, damage=None) -> bytes:
    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum ^ (kind == damage))

    lines = b"".join(b"\0" + bytes(index % 3 for index in range(row, row + width)) for row in range(rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced))
            + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def test_rows_of_a_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(7, 8, 8))
    assert np.array_equal(read(path)[:, :, 0], np.add.outer(np.arange(7), np.arange(8)) % 3)
    path.write_bytes(png(7, 8, 3))
    refused(path, "cannot read .*a.png: its pixels have fewer rows than the picture")
    path.write_bytes(png(7, 8, 100_000))
    refused(path, "its pixels have more rows than the picture")
    path.write_bytes(png(7, 8, 8, damage=b"IDAT"))
    refused(path, "the checksum of a chunk is not that of its contents")
    path.write_bytes(png(20_000, 10_000, 3))
    refused(path, "more than the 179 million pixels that are read of a PNG; store it as TIFF or npy")
    Image.fromarray(LABELS[:, :, 0]).save(tmp_path / "picture.gif")
    shutil.move(tmp_path / "picture.gif", path)
    refused(path, "cannot read .*a.png")


@pytest.mark.parametrize("mode", ["L", "1", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (8, 8), (33, 9)])
def test_pngs_of_every_depth_are_whole(tmp_path, mode, size):
    """1, 8 and 16 bits, as Pillow writes them: rows are counted in bytes of each kind."""
    values = np.random.default_rng(2).integers(0, 2, size[::-1])
    Image.fromarray(values.astype({"L": "u1", "1": "?", "I;16": "u2"}[mode])).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png")[:, :, 0], values.T)


def test_an_interlaced_png_is_counted_by_its_passes(tmp_path):
    """5 x 5 pixels in seven passes, as the specification has them."""
    # Passes: (1,1) (1,1) (2,1) (1,2) (3,1) (2,3) (5,2) as columns, rows; each row has its filter's byte.
    passes = [(1, 1), (1, 1), (2, 1), (1, 2), (3, 1), (2, 3), (5, 2)]
    data = b"".join((b"\0" + b"\1" * columns) * rows for columns, rows in passes)
    whole, path = png(5, 5, 0, interlaced=1), tmp_path / "a.png"

    def with_pixels(pixels):
        body = zlib.compress(pixels)
        start = whole.index(b"IDAT") - 4
        chunk = struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
        return whole[:start] + chunk + whole[-12:]

    path.write_bytes(with_pixels(data))
    assert np.array_equal(read(path)[:, :, 0], np.ones((5, 5)))
    path.write_bytes(with_pixels(data[:-6]))
    refused(path, "fewer rows")


@pytest.mark.parametrize("header", [b"((((", b"{'descr':" + b"(" * 500,
                                    b"{'descr': 'O', 'fortran_order': False, 'shape': (2,), }",
                                    b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999, 99999999, 99999999), }",
                                    b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2, 2), }", b"\xff\xfe", b"{}"])
def test_headers_of_npy(tmp_path, header):
    header = header.ljust(117) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64))
    refused(tmp_path / "a.npy", "a.npy")


def test_two_arrays_in_one_npy(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.save(file, LABELS)
        np.save(file, LABELS)
    refused(tmp_path / "a.npy", r"has 248 bytes more than the array that its header describes")


def test_bytes_that_would_be_left_over_of_a_raw_file(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(352) + LABELS.tobytes(order="F"))
    refused(path, r"has 472 bytes, and 6 x 5 x 4 voxels of type u1 after 0 bytes need 120: 352 are left over; .*"
                  r"give image.raw_offset \(--raw-offset 352\)", layout=RawLayout(SHAPE, "u1"))
    assert np.array_equal(read(path, layout=RawLayout(SHAPE, "u1", 352)), LABELS)  # the remedy
    path.write_bytes(LABELS.astype("<u2").tobytes(order="F"))
    refused(path, "120 are left over; is the shape or the type another", layout=RawLayout(SHAPE, "u1"))
    assert np.array_equal(read(path, layout=RawLayout(SHAPE, "<u2")), LABELS)


@pytest.mark.parametrize("kind", ["f4,(", "(", "8,8", "O", "V5", "(2,)u1", "u1,u1", "datetime64", "S1", "c8", "", "\n",
                                  "f4" * 9999])
def test_types_of_raw_files(tmp_path, kind):
    (tmp_path / "a.raw").write_bytes(bytes(120))
    refused(tmp_path / "a.raw", "is no type of real number", layout=RawLayout(SHAPE, kind))


# --- HDF5 ---------------------------------------------------------------------------------------------------------


def virtual(path, *parts):
    """A dataset put together along its first axis from (file, first, last + 1)."""
    layout = h5py.VirtualLayout(SHAPE, "u1")
    for source, start, stop in parts:
        layout[start:stop] = h5py.VirtualSource(source, "v", shape=SHAPE)[start:stop]
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("rho", layout)


def test_sources_of_a_virtual_dataset(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(tmp_path / "one.h5", "w") as file:
        file["v"] = LABELS
    virtual(path, ("one.h5", 0, 2), ("two.h5", 2, 6))
    refused(path, "/rho is put together from two.h5, which does not exist")
    shutil.copy(tmp_path / "one.h5", tmp_path / "two.h5")
    assert np.array_equal(read(path), LABELS)
    virtual(path, ("one.h5", 0, 2))
    refused(path, "from others that hold 40 of its 120 values; the rest would be its fill value")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["w"] = LABELS
    virtual(path, ("two.h5", 0, 6))
    refused(path, "two.h5, which has no dataset v")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["v"] = LABELS[:3]
    refused(path, r"which has the shape \(3, 5, 4\) and not \(6, 5, 4\)")
    virtual(path, (str(tmp_path.parent / "one.h5"), 0, 6))
    refused(path, "outside the folder of the file; copy it there")


@pytest.mark.parametrize("shape", [SHAPE, (3, 5, 4), (6, 5, 5)])
def test_a_virtual_dataset_of_the_whole_of_another(tmp_path, shape):
    """As the manual of h5py has it, layout[...] = source: HDF5 keeps no shape of the source then."""
    layout = h5py.VirtualLayout(SHAPE, "u1")
    layout[...] = h5py.VirtualSource("one.h5", "v", shape=SHAPE)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("rho", layout)
    with h5py.File(tmp_path / "one.h5", "w") as file:
        file["v"] = np.resize(LABELS, shape)
    if shape == SHAPE:
        assert np.array_equal(read(tmp_path / "a.h5"), LABELS)
    else:
        refused(tmp_path / "a.h5", re.escape(f"which has the shape {shape} and not {SHAPE}"))


def test_links_of_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(tmp_path / "one.h5", "w") as file:
        file["v"] = LABELS
    (tmp_path / "below").mkdir()
    shutil.copy(tmp_path / "one.h5", tmp_path / "below" / "one.h5")
    with h5py.File(path, "w") as file:
        file["g/v"] = LABELS
        for name, link in {"near": h5py.ExternalLink("one.h5", "/v"), "below": h5py.ExternalLink("below/one.h5", "v"),
                           "soft": h5py.SoftLink("/g/v"), "soft_near": h5py.SoftLink("near"),
                           "far": h5py.ExternalLink("../one.h5", "/v"), "etc": h5py.ExternalLink("/etc/one.h5", "/v"),
                           "gone": h5py.ExternalLink("gone.h5", "/v"), "round": h5py.ExternalLink("a.h5", "/round"),
                           "loop": h5py.SoftLink("/loop"), "nothing": h5py.SoftLink("/none")}.items():
            file[name] = link
    for name in ("g/v", "/g/v", "near", "below", "soft", "soft_near"):
        assert np.array_equal(read(f"{path}:{name}"), LABELS)
    for name, words in {"far": "far is a link to ../one.h5, outside the folder",
                        "etc": "outside the folder of the file; copy it",
                        "gone": "gone.h5, which does not exist", "round": "lead round", "loop": "lead round",
                        "nothing": r"has no dataset nothing \(it has g/v\)", "g": "no dataset g"}.items():
        refused(f"{path}:{name}", words)


def test_external_storage_of_hdf5(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    (tmp_path / "values.bin").write_bytes(LABELS.tobytes())
    with h5py.File(path, "w") as file:
        for name, source, start in (("rho", "values.bin", 0), ("late", "values.bin", 8), ("far", "/etc/hosts", 0),
                                    ("no", "no.bin", 0)):
            file.create_dataset(name, SHAPE, "u1", external=[(source, start, LABELS.nbytes)])
    monkeypatch.chdir(tmp_path.parent)  # a name counts from the file, not from here
    assert np.array_equal(read(path), LABELS)
    refused(f"{path}:late", "values.bin, which ends before the last of them")
    refused(f"{path}:far", "outside the folder")
    refused(f"{path}:no", "no.bin, which does not exist")


@pytest.mark.parametrize("spacing, words", [
    ((1.0, 2.0), "spacing_nm has 2 lengths, and it 3 axes"), (5.0, "spacing_nm has 1 lengths"), ("5 nm", "lengths in nm"),
    ((1e300,) * 3, "edges of 1e\\+300 x .* lengths from 1e-06 to 1e\\+09"), ((np.nan, 1, 1), "edges of nan"),
    ((0, 1, 1), "edges of 0")])
def test_spacings_of_hdf5(tmp_path, spacing, words):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rho"] = LABELS
        file["rho"].attrs["spacing_nm"] = spacing
    refused(tmp_path / "a.h5", words)


def test_shapes_that_cannot_be(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("rho", (2**41, 2, 2), "u1", chunks=(1, 1, 1))
    refused(tmp_path / "a.h5", "which cannot be")


# --- names --------------------------------------------------------------------------------------------------------


def test_pipes_and_devices_are_not_waited_for(tmp_path):
    for name in ("a.npy", "a.tif", "a.png", "a.h5", "a.vti", "step_00000001.h5", "fftw.wisdom"):
        os.mkfifo(tmp_path / name)
    for name in ("a.npy", "a.tif", "a.png", "a.h5", "a.vti"):
        refused(tmp_path / name, "cannot read .*: it is a named pipe, not a file")
    refused("/dev/zero", "it is a device, not a file", layout=RawLayout(SHAPE, "u1"))
    with pytest.raises(CheckpointError, match="named pipe"):
        read_checkpoint(tmp_path / "step_00000001.h5", ALONE)
    assert read_or_nothing([tmp_path / "fftw.wisdom"]) == ""


@pytest.mark.parametrize("name", ["x" * 300 + ".npy", "a\0.npy", "x/" * 3000 + "a.npy"])
def test_names_that_no_file_has(name):
    refused(name, "cannot read|does not exist|is read from")
