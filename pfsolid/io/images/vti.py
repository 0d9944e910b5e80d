"""VTK ImageData in XML (.vti), read page by page: one array of scalars in one piece, all encodings.

The XML around the numbers is parsed as a stream that remembers where in the file the numbers stand, so that neither
numbers behind it nor those within it are held in memory.  Format: the VTK User's Guide, "XML File Formats",
https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html.
"""

from __future__ import annotations

import base64
import lzma
import math
import mmap
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.parsers import expat

import numpy as np

from ...errors import InputError

_TYPES = {"Int8": "i1", "UInt8": "u1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4", "Int64": "i8",
          "UInt64": "u8", "Float32": "f4", "Float64": "f8"}
_DECOMPRESSORS = {"vtkZLibDataCompressor": zlib.decompressobj, "vtkLZMADataCompressor": lzma.LZMADecompressor}
_CHUNK = 1 << 20
_SPACES = b" \t\r\n"


@dataclass(frozen=True)
class VtiArray:
    """One array of a file.

    Attributes
    ----------
    name : str
    shape : tuple of 3 int
        Values along x, y, z; x is the fastest in the file.
    dtype : numpy.dtype
        With the byte order of the file.
    spacing : tuple of 3 float
    encoding : {'ascii', 'base64', 'raw'}
    start, end : int
        Bytes of the file between which its numbers stand; those of appended data end where they say themselves.
    header : numpy.dtype
        Of the lengths in front of binary numbers.
    compressor : str or None
    """

    name: str
    shape: tuple[int, int, int]
    dtype: np.dtype
    spacing: tuple[float, float, float]
    encoding: str
    start: int
    end: int
    header: np.dtype
    compressor: str | None


@contextmanager
def open_vti(path: Path, name: str | None = None):
    """The description of an array and ``page(k)``, the values of its plane z = k, x the fastest.  For one process.

    Without a name it is the only array of scalars, or the one marked as active.  Pages are fastest in rising order.

    Raises
    ------
    InputError
        Not ImageData, several pieces, vectors, no such array, an unknown compressor.
    ValueError, OSError
        Damaged.
    """
    outline = _read_outline(path)
    array = _describe(path, outline, _choose(path, outline, name))
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        num_values = math.prod(array.shape[:2])
        if array.encoding == "ascii":
            yield array, _AsciiPages(content, array, num_values).read
        else:
            read = _payload(content, array)
            size = num_values * array.dtype.itemsize
            yield array, lambda index: np.frombuffer(_exactly(read(index * size, size), size), array.dtype)


# --- the XML around the numbers -----------------------------------------------------------------------------


class _Outline:
    """What expat's calls leave: attributes of the elements, and where the text of each array stands."""

    def __init__(self, parser):
        self.file, self.image, self.pieces = {}, {}, []
        self.active, self.arrays = set(), []
        self.appended = None
        self._parser, self._section = parser, None
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end

    def _start(self, tag: str, attributes: dict) -> None:
        if tag == "VTKFile":
            self.file = attributes
        elif tag == "ImageData":
            self.image = attributes
        elif tag == "Piece":
            self.pieces.append(attributes)
        elif tag in ("PointData", "CellData"):
            self._section = tag
            self.active.add((tag, attributes.get("Scalars")))
        elif tag == "DataArray" and self._section:
            self.arrays.append({**attributes, "section": self._section})
            self._parser.CharacterDataHandler = self._text
        elif tag == "AppendedData":
            self.appended = {**attributes, "start": self._parser.CurrentByteIndex}
            raise StopIteration

    def _text(self, _) -> None:
        self.arrays[-1]["start"] = self._parser.CurrentByteIndex
        self._parser.CharacterDataHandler = None  # where it begins is all that is wanted

    def _end(self, tag: str) -> None:
        self._parser.CharacterDataHandler = None
        if tag == "DataArray" and self._section:
            self.arrays[-1]["end"] = self._parser.CurrentByteIndex
        elif tag in ("PointData", "CellData"):
            self._section = None


def _read_outline(path: Path) -> _Outline:
    parser = expat.ParserCreate()
    outline = _Outline(parser)
    with open(path, "rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except StopIteration:
            file.seek(outline.appended["start"])
            mark = file.read(_CHUNK).index(b"_")
            outline.appended["start"] += mark + 1
        except expat.ExpatError as error:
            raise InputError(f"cannot read {path}: it is not VTK's XML, or is cut short ({error})") from error
    if outline.file.get("type") != "ImageData":
        raise InputError(f"{path} holds {outline.file.get('type', 'no VTK data')}; ImageData (.vti) is needed")
    if len(_numbers(outline.image, "WholeExtent", "", int)) != 6:
        raise InputError(f"{path}: its ImageData has no WholeExtent of six whole numbers")
    whole = outline.image["WholeExtent"]
    if len(outline.pieces) != 1 or outline.pieces[0].get("Extent", whole).split() != whole.split():
        raise InputError(f"{path} is in {len(outline.pieces)} pieces, or its piece is not the whole; "
                         "store the image in one piece")
    return outline


def _numbers(attributes: dict, name: str, default: str, kind) -> list:
    """The numbers of an attribute; none where it is not made of them."""
    try:
        return [kind(word) for word in attributes.get(name, default).split()]
    except ValueError:
        return []


def _choose(path: Path, outline: _Outline, name: str | None) -> dict:
    scalars = [array for array in outline.arrays if array.get("NumberOfComponents", "1") in ("0", "1")]
    if name is not None:
        found = [array for array in scalars if array.get("Name") == name]
    else:
        active = [array for array in scalars if (array["section"], array.get("Name")) in outline.active]
        found = active if len(active) == 1 else scalars
    if len(found) != 1:
        names = ", ".join(str(array.get("Name")) for array in scalars) or "none"
        count = "several arrays" if found else "no array" if name is None else f"no array {name}"
        raise InputError(f"{path} has {count} of scalars (it has {names}); name one as {path}:ARRAY")
    return found[0]


def _describe(path: Path, outline: _Outline, chosen: dict) -> VtiArray:
    extent = _numbers(outline.image, "WholeExtent", "", int)
    points = [high - low + 1 for low, high in zip(extent[::2], extent[1::2])]
    shape = tuple(points if chosen["section"] == "PointData" else (max(n - 1, 1) for n in points))
    order = ">" if outline.file.get("byte_order") == "BigEndian" else "<"
    kind, layout, compressor = chosen.get("type"), chosen.get("format"), outline.file.get("compressor")
    if kind not in _TYPES or layout not in ("ascii", "binary", "appended"):
        raise InputError(f"{path}:{chosen.get('Name')} holds {kind} as {layout}, which is not read")
    if layout != "ascii" and compressor is not None and compressor not in _DECOMPRESSORS:
        raise InputError(f"{path} is compressed by {compressor}; {' and '.join(_DECOMPRESSORS)} are read")
    header = outline.file.get("header_type", "UInt32")
    if header not in ("UInt32", "UInt64"):
        raise InputError(f"{path} has lengths of the type {header}; UInt32 and UInt64 are possible")
    start, end, encoding = chosen.get("start", 0), chosen.get("end", 0), "ascii" if layout == "ascii" else "base64"
    if layout == "appended":
        offset, encoding = _numbers(chosen, "offset", "", int), (outline.appended or {}).get("encoding")
        if len(offset) != 1 or offset[0] < 0 or encoding not in ("raw", "base64"):
            raise InputError(f"{path}:{chosen.get('Name')} has no place in appended data, raw or base64")
        start = outline.appended["start"] + offset[0]
    spacing = tuple(_numbers(outline.image, "Spacing", "1 1 1", float))
    if len(spacing) != 3 or not all(0 < h < math.inf for h in spacing):
        raise InputError(f"{path}: its Spacing is not three lengths above 0")
    return VtiArray(chosen.get("Name", ""), shape, np.dtype(order + _TYPES[kind]), spacing, encoding, start, end,
                    np.dtype(order + _TYPES[header]), compressor)


# --- the numbers --------------------------------------------------------------------------------------------


def _payload(content, array: VtiArray):
    """``read(begin, count)`` of the decoded and decompressed bytes of an array."""
    start = array.start
    # Not of raw bytes: a length of 10, 13 or 32 begins like that.
    while array.encoding != "raw" and content[start:start + 1] in (b" ", b"\t", b"\r", b"\n"):
        start += 1
    source = _raw_source if array.encoding == "raw" else _base64_source
    read, size = source(content, start), array.header.itemsize
    needed = math.prod(array.shape) * array.dtype.itemsize
    if array.compressor is None:
        _check_length(int(np.frombuffer(_exactly(read(0, size), size), array.header)[0]), needed)
        # Some writers end the code after the length, with '=' for what is missing to three bytes.
        separate = source is _base64_source and content[start + _coded(size) - 1:start + _coded(size)] == b"="
        if separate:
            return source(content, start + _coded(size))
        return lambda begin, count: read(begin + size, count)
    num_blocks = int(np.frombuffer(_exactly(read(0, size), size), array.header)[0])
    if num_blocks == 0:
        _check_length(0, needed)
    length = (3 + num_blocks) * size
    block_size, last, *sizes = (int(n) for n in np.frombuffer(_exactly(read(0, length), length), array.header)[1:])
    last = last or block_size  # 0: the last block is as long as the others
    _check_length((num_blocks - 1) * block_size + last, needed)
    blocks = source(content, start + (length if array.encoding == "raw" else _coded(length)))
    return _decompressed(blocks, block_size, last, sizes, _DECOMPRESSORS[array.compressor])


def _check_length(stored: int, needed: int) -> None:
    if stored != needed:
        raise ValueError(f"its values are said to take {stored} bytes, and the extent needs {needed}")


def _raw_source(content, start: int):
    return lambda begin, count: content[start + begin:start + begin + count]


def _base64_source(content, start: int):
    def read(begin, count):
        groups = content[start + begin // 3 * 4:start + _coded(begin + count)]
        return base64.b64decode(groups, validate=True)[begin % 3:begin % 3 + count]

    return read


def _coded(num_bytes: int) -> int:
    """Length in base64."""
    return -(-num_bytes // 3) * 4


def _decompressed(blocks, block_size: int, last_size: int, sizes: list[int], decompressor):
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()

    @lru_cache(maxsize=2)
    def block(index: int) -> bytes:
        expected = last_size if index == len(sizes) - 1 else block_size
        # One byte more than there must be shows what unpacks to too much, however much that is.
        found = decompressor().decompress(_exactly(blocks(starts[index], sizes[index]), sizes[index]), expected + 1)
        if len(found) != expected:
            raise ValueError(f"a block unpacks to {'more' if len(found) > expected else 'fewer'} bytes than it says")
        return found

    def read(begin, count):
        first, last = begin // block_size, (begin + count - 1) // block_size
        joined = b"".join(block(index) for index in range(first, last + 1))
        return joined[begin - first * block_size:begin - first * block_size + count]

    return read


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError("it ends before the last voxel")
    return data


class _AsciiPages:
    """Numbers as text, which can only be read from the beginning: a page behind the last one starts anew."""

    def __init__(self, content, array: VtiArray, num_values: int):
        self._content, self._array, self._num_values, self._num_pages = content, array, num_values, array.shape[2]
        self._rewind()

    def _rewind(self) -> None:
        self._next, self._position = 0, self._array.start
        self._values = np.empty(0, self._array.dtype)

    def read(self, index: int) -> np.ndarray:
        if index < self._next:
            self._rewind()
        while self._next <= index:
            while self._values.size < self._num_values:
                self._values = np.concatenate([self._values, self._parse_chunk()])
            page, self._values = self._values[:self._num_values], self._values[self._num_values:]
            self._next += 1
        if self._next == self._num_pages and (self._values.size or self._content[self._position:self._array.end].strip()):
            raise ValueError("numbers stand behind the last voxel")
        return page

    def _parse_chunk(self) -> np.ndarray:
        stop = min(self._position + _CHUNK, self._array.end)
        while stop < self._array.end and self._content[stop] not in _SPACES:
            stop += 1
        words = self._content[self._position:stop].split()
        if not words and stop >= self._array.end:
            raise ValueError("it ends before the last voxel")
        self._position = stop
        return np.array(words, dtype="S").astype(self._array.dtype)
