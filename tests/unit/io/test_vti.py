"""VTK ImageData: files as VTK 9.7 writes them, a writer of the other encodings, and what is refused.

Besides these, 384 files written by VTK (point and cell data, four types, every mode, compressor, byte order and header
type, several blocks) were read back without a difference.
"""

import base64
import lzma
import zlib

import numpy as np
import pytest
from helpers.builders import ALONE

from pfsolid.errors import InputError
from pfsolid.io.images import vti
from pfsolid.io.images.slab import describe_image, read_label_slab
from pfsolid.io.images.vti import open_vti

# Values 0 3 1 4 2 0 ..., x the fastest.
SMALL = (np.arange(12) * 3 % 5).reshape(2, 2, 3).transpose(2, 1, 0)
ASCII = "0 3 1 4 2 0\n        3 1 4 2 0 3"
BASE64 = "GAAAAAAAAwABAAQAAgAAAAMAAQAEAAIAAAADAA=="
ZLIB_64 = "AQAAAAAAAAAgAAAAAAAAABgAAAAAAAAAFQAAAAAAAAA=eF5jYGBmYGRgYWBiYEBhAQABNgAY"
APPENDED_64 = "_GAAAAAAAAAAAAAMAAQAEAAIAAAADAAEABAACAAAAAwA="


def xml(text="", layout="ascii", section="PointData", appended="", kind="UInt16", shape=(3, 2, 2), **file) -> bytes:
    cells = int(section == "CellData")
    extent = " ".join(f"0 {n - 1 + cells}" for n in shape)
    attributes = "".join(f' {name}="{value}"' for name, value in file.items())
    return (f'<?xml version="1.0"?>\n<VTKFile type="ImageData" version="1.0"{attributes}>\n'
            f'  <ImageData WholeExtent="{extent}" Origin="0 0 0" Spacing="2 3 4">\n  <Piece Extent="{extent}">\n'
            f'    <{section} Scalars="labels">\n      <DataArray type="{kind}" Name="labels" format="{layout}" '
            f'offset="0" RangeMin="0">\n        {text}\n      </DataArray>\n    </{section}>\n  </Piece>\n  </ImageData>\n'
            f'{appended}').encode()


def inline(*text, **options) -> bytes:
    return xml(*text, **options) + b"</VTKFile>\n"


def appended(data: bytes, encoding: str, **options) -> bytes:
    tag = f'  <AppendedData encoding="{encoding}">\n   '
    return xml(layout="appended", appended=tag, **options) + data + b"\n  </AppendedData>\n</VTKFile>\n"


def read(path, name=None):
    with open_vti(path, name) as (array, page):
        nx, ny, nz = array.shape
        return array, np.stack([page(k).reshape(ny, nx).T.copy() for k in range(nz)], axis=-1)


@pytest.mark.parametrize("content", [
    inline(ASCII), inline(ASCII, section="CellData", kind="Float32"),
    inline(BASE64, layout="binary", section="CellData", byte_order="LittleEndian", header_type="UInt32"),
    inline(ZLIB_64, layout="binary", section="CellData", header_type="UInt64", compressor="vtkZLibDataCompressor"),
    appended(APPENDED_64.encode(), "base64", header_type="UInt64")],
    ids=["ascii", "cells", "base64", "zlib", "appended"])
def test_as_vtk_writes_it(tmp_path, content):
    path = tmp_path / "a.vti"
    path.write_bytes(content)
    array, found = read(path)
    assert np.array_equal(found, SMALL)
    assert (array.name, array.spacing) == ("labels", (2, 3, 4))
    info = describe_image(path)
    assert (info.shape, info.spacing, info.spacing_nm, info.axes) == ((3, 2, 2), (2, 3, 4), None, "zyx")
    part = slice(1, 3), slice(0, 2), slice(1, 2)
    assert np.array_equal(read_label_slab(f"{path}:labels", part, ALONE), SMALL[part])


@pytest.mark.parametrize("block_size", [7, 64, 60, 1000])  # pages across blocks, whole blocks at the end, one block
@pytest.mark.parametrize("compress, name", [(zlib.compress, "vtkZLibDataCompressor"),
                                            (lzma.compress, "vtkLZMADataCompressor")])
def test_compressed_blocks(tmp_path, block_size, compress, name):
    image = np.random.default_rng(1).integers(0, 9, (6, 5, 4)).astype("u1")
    data = image.tobytes(order="F")
    blocks = [data[i:i + block_size] for i in range(0, len(data), block_size)]
    packed = [compress(block) for block in blocks]
    header = np.array([len(blocks), block_size, len(data) % block_size, *map(len, packed)], ">u4").tobytes()
    options = dict(kind="UInt8", shape=image.shape, byte_order="BigEndian", compressor=name)
    path = tmp_path / "a.vti"
    path.write_bytes(appended(b"_" + header + b"".join(packed), "raw", **options))
    assert np.array_equal(read(path)[1], image)
    text = (base64.b64encode(header) + base64.b64encode(b"".join(packed))).decode()
    path.write_bytes(inline(text, layout="binary", **options))
    assert np.array_equal(read(path)[1], image)


@pytest.mark.parametrize("order", ["<", ">"])
def test_raw_and_a_length_coded_by_itself(tmp_path, order):
    """The values hold what would be tags in XML."""
    data = SMALL.astype(order + "f8").tobytes(order="F")
    data = data[:-8] + b"</x>&<y>"
    length = np.array([len(data)], order + "u4").tobytes()
    options = dict(kind="Float64", byte_order="BigEndian" if order == ">" else "LittleEndian")
    (tmp_path / "raw.vti").write_bytes(appended(b"_" + length + data, "raw", **options))
    text = (base64.b64encode(length) + base64.b64encode(data)).decode()
    (tmp_path / "two.vti").write_bytes(inline(text, layout="binary", **options))
    for name in ("raw.vti", "two.vti"):
        found = read(tmp_path / name)[1]
        assert np.array_equal(found.ravel(order="F")[:-1], SMALL.ravel(order="F")[:-1])
        assert found[-1, -1, -1] == np.frombuffer(b"</x>&<y>", order + "f8")[0]


def test_a_text_longer_than_a_chunk_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setattr(vti, "_CHUNK", 50)  # smaller than the XML's own elements
    image = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    path = tmp_path / "a.vti"
    path.write_bytes(inline(" ".join(map(str, image.ravel(order="F"))), shape=image.shape))
    assert np.array_equal(read(path)[1], image)
    with open_vti(path) as (_, page):
        for k in (3, 0, 5):
            assert np.array_equal(page(k).reshape(5, 4).T, image[:, :, k])


def test_two_dimensions_as_points_and_cells(tmp_path):
    path = tmp_path / "a.vti"
    path.write_bytes(inline("0 3 1 4 2 0", shape=(3, 2, 1)))
    assert read(path)[0].shape == (3, 2, 1)
    flat = inline("0 3 1 4 2 0", shape=(3, 2, 1), section="CellData").replace(b"0 3 0 2 0 1", b"0 3 0 2 0 0")
    path.write_bytes(flat)
    assert np.array_equal(read(path)[1], SMALL[:, :, :1])


def second_array(content: bytes, mark: bytes = b"") -> bytes:
    more = b'<DataArray type="UInt8" Name="mask" format="ascii">' + b"1 " * 12 + b"</DataArray>\n</PointData>"
    return content.replace(b"</PointData>", more).replace(b' Scalars="labels"', mark)


def test_several_arrays(tmp_path):
    path = tmp_path / "a.vti"
    path.write_bytes(second_array(inline(ASCII), b' Scalars="mask"'))
    assert (read(path)[1] == 1).all()
    assert np.array_equal(read(path, "labels")[1], SMALL)
    path.write_bytes(second_array(inline(ASCII)))
    with pytest.raises(InputError, match="several arrays of scalars .it has labels, mask.; name one as .*:ARRAY"):
        read(path)
    with pytest.raises(InputError, match="has no array phase of scalars"):
        read(path, "phase")


@pytest.mark.parametrize("content, words", [
    (b"", "cannot read .*not VTK's XML"), (b"<a>\n", "not VTK's XML, or is cut short"),
    (b"<VTKFile type='UnstructuredGrid'></VTKFile>", "holds UnstructuredGrid; ImageData"),
    (inline(ASCII).replace(b"</Piece>", b"</Piece><Piece Extent='0 1 0 1 0 1'/>"), "in 2 pieces"),
    (inline(ASCII).replace(b"Piece Extent=\"0 2", b"Piece Extent=\"0 1"), "its piece is not the whole"),
    (inline(ASCII, kind="Bit"), "holds Bit as ascii, which is not read"),
    (inline(ASCII).replace(b" RangeMin", b" NumberOfComponents='3' RangeMin"), "no array of scalars .it has none"),
    (inline(ZLIB_64, layout="binary", compressor="vtkLZ4DataCompressor"), "by vtkLZ4DataCompressor; vtkZLib.* are read"),
    (inline(ASCII[:-2]), "ends before the last voxel"), (inline(ASCII.replace("4", "x")), "cannot read"),
    (inline(BASE64[:-8], layout="binary"), "cannot read"),
    (inline(BASE64[:9] + "\n" + BASE64[9:], layout="binary"), "cannot read"),
    (appended(b"_\x18\0\0\0" + bytes(23), "raw")[:-37], "ends before the last voxel"),
    (appended(b"_\x01\0\0\0\x18\0\0\0\0\0\0\0\x0a\0\0\0" + bytes(30), "raw", compressor="vtkZLibDataCompressor"),
     "cannot read")])
def test_what_is_refused(tmp_path, content, words):
    path = tmp_path / "a.vti"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        info = describe_image(path)
        read_label_slab(path, tuple(slice(0, n) for n in info.shape), ALONE)
    assert "\n" not in str(caught.value)


def lengths(length: int, header: str = "UInt32", values: bytes = b"\0" * 24) -> bytes:
    data = b"_" + np.array([length], "<u4" if header == "UInt32" else "<u8").tobytes() + values
    return appended(data, "raw", byte_order="LittleEndian", header_type=header)


@pytest.mark.parametrize("content, words", [
    (lengths(5), "said to take 5 bytes, and the extent needs 24"), (lengths(2**32 - 1), "said to take 4294967295 bytes"),
    (lengths(2**63, "UInt64"), "said to take 9223372036854775808 bytes"), (lengths(48, values=b"\0" * 48), "take 48 bytes"),
    (lengths(0), "said to take 0 bytes"), (lengths(24, "UInt16"), "lengths of the type UInt16; UInt32 and UInt64"),
    (lengths(24).replace(b'offset="0"', b'offset="-9"'), "has no place in appended data"),
    (lengths(24).replace(b'offset="0"', b""), "has no place in appended data"),
    (lengths(24).replace(b'encoding="raw"', b""), "has no place in appended data"),
    (inline("", layout="appended"), "has no place in appended data"),
    (inline(ASCII + " 7"), "numbers stand behind the last voxel"),
    (inline(ASCII).replace(b"WholeExtent", b"Whole"), "has no WholeExtent of six whole numbers"),
    (inline(ASCII).replace(b'="0 2', b'="0 1e30'), "has no WholeExtent"),
    (inline(ASCII).replace(b'="0 2', b'="0 2' + b"0" * 30),
     "says that it has 2" + "0" * 29 + "1 x 2 x 2 voxels, which cannot be"),
    (inline(ASCII).replace(b'="0 2', b'="2 0'), "voxels, which cannot be"),
    (inline(ASCII).replace(b'="0 2', b'="2'), "has no WholeExtent"),
    (inline(ASCII).replace(b'Spacing="2 3 4"', b'Spacing="2 3"'), "its Spacing is not three lengths above 0"),
    (inline(ASCII).replace(b'Spacing="2 3 4"', b'Spacing="2 3 inf"'), "its Spacing is not three lengths")])
def test_what_a_file_says_is_compared_with_what_it_holds(tmp_path, content, words):
    test_what_is_refused(tmp_path, content, words)


@pytest.mark.parametrize("compress, name", [(zlib.compress, "vtkZLibDataCompressor"),
                                            (lzma.compress, "vtkLZMADataCompressor")])
@pytest.mark.parametrize("stored, said, words", [(100_000_000, 24, "a block unpacks to more bytes than it says"),
                                                 (20, 24, "a block unpacks to fewer bytes"),
                                                 (30, 30, "said to take 30 bytes")])
def test_blocks_that_unpack_to_something_else(tmp_path, compress, name, stored, said, words):
    packed = compress(bytes(stored))
    header = np.array([1, said, 0, len(packed)], "<u4").tobytes()
    content = appended(b"_" + header + packed, "raw", byte_order="LittleEndian", compressor=name)
    test_what_is_refused(tmp_path, content, words)


@pytest.mark.parametrize("shape", [(10, 1, 1), (13, 1, 1), (32, 1, 1), (9, 1, 1)])
def test_a_length_that_begins_like_a_space(tmp_path, shape):
    """9, 10, 13 and 32 bytes: tabulator, line feed, carriage return, space."""
    image = (np.arange(shape[0]) % 3 + 1).astype("u1").reshape(shape)
    data = b"_" + np.array([image.size], "<u4").tobytes() + image.tobytes()
    (tmp_path / "a.vti").write_bytes(appended(data, "raw", kind="UInt8", shape=shape, byte_order="LittleEndian"))
    assert np.array_equal(read(tmp_path / "a.vti")[1], image)
