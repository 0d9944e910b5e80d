"""Whether a PNG or a page of a TIFF holds all of its rows, no more than it says, and none that were lost.

The libraries that decode them fill what is missing with zeros, which are a label like any other, and unpack whatever a
compressed stream makes of itself.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 20
_MOST_AT_ONCE = 1 << 26  # bytes that may be unpacked before a stream is looked at piece by piece
_DEFLATE_RATIO = 1032  # the most that deflate packs
_DEFLATE, _LZMA = (8, 32946), 34925  # TIFF's numbers of its compressions


def check_png(path: Path) -> None:
    """Raise ValueError unless the chunks are whole and the pixels of all rows are there.

    The format: W3C, Portable Network Graphics (PNG) Specification, https://www.w3.org/TR/png-3/.
    """
    with open(path, "rb") as file:
        if file.read(8) != _PNG:
            raise ValueError("it is not a PNG file")
        stream, needed, held = zlib.decompressobj(), None, 0
        while True:
            kind, data = _chunk(file)
            if kind == b"IHDR":
                needed = _png_bytes(data)
            elif kind == b"IDAT" and needed is not None:
                held += _unpacked_bytes(stream, data, needed - held)
            elif kind == b"IEND":
                break
    if held != (needed or -1):
        raise ValueError(f"its pixels have {'more' if needed and held > needed else 'fewer'} rows than the picture")


def _chunk(file) -> tuple[bytes, bytes]:
    head = file.read(8)
    if len(head) < 8:
        raise ValueError("it is cut short")
    length, kind = struct.unpack(">I4s", head)
    data, checksum = file.read(length), file.read(4)
    if len(data) < length or len(checksum) < 4:
        raise ValueError("it is cut short")
    if zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(checksum, "big"):
        raise ValueError("it is damaged: the checksum of a chunk is not that of its contents")
    return kind, data


def _png_bytes(header: bytes) -> int:
    """Of the unpacked rows, each with the byte of its filter."""
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS[colours]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // step_x), -(-(height - y) // step_y)) for x, y, step_x, step_y in passes)
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0 and rows > 0)


def _unpacked_bytes(stream, data: bytes, wanted: int) -> int:
    """What a piece of a stream unpacks to, counted up to a little more than is wanted."""
    found = 0
    while data and found <= wanted and not stream.eof:
        found += len(stream.decompress(data, _PIECE))
        data = stream.unconsumed_tail
    return found


def check_tiff_chain(path: Path) -> None:
    """Raise ValueError where the pages of a TIFF, each of which names the next, lead back to an earlier one."""
    with open(path, "rb") as file:
        start = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(start[:2])
        version = struct.unpack(order + "H", start[2:4])[0] if order and len(start) == 16 else None
        if version not in (42, 43):
            return  # another kind, or damaged: whoever decodes it says so
        # TIFF and BigTIFF: the types of a count and of a place in the file, and the bytes of an entry.
        count, place, entry = ("H", "I", 12) if version == 42 else ("Q", "Q", 20)
        count, place = struct.Struct(order + count), struct.Struct(order + place)
        offset, seen = place.unpack_from(start, 4 if version == 42 else 8)[0], set()
        while offset:
            if offset in seen:
                raise ValueError("its pages lead back to an earlier one")
            seen.add(offset)
            file.seek(min(offset, 2**63 - 1))
            found = file.read(count.size)
            if len(found) < count.size:
                return
            file.seek(min(offset + count.size + entry * count.unpack(found)[0], 2**63 - 1))
            found = file.read(place.size)
            if len(found) < place.size:
                return
            offset = place.unpack(found)[0]


def check_tiff_page(page, keyframe, file_bytes: int, read) -> None:
    """Raise ValueError unless all parts of a page are in the file, and unpack to no more than the page.

    Parameters
    ----------
    page : tifffile.TiffPage or TiffFrame
    keyframe : tifffile.TiffPage
        That describes it.
    file_bytes : int
    read : callable
        ``read(offset, count)`` of the file's bytes.
    """
    parts = list(zip(page.dataoffsets, page.databytecounts))
    if not parts or any(offset == 0 or count == 0 for offset, count in parts):
        raise ValueError("parts of a page were never written")
    if max(offset + count for offset, count in parts) > file_bytes:
        raise ValueError("a page goes on behind the end of the file")
    compression, held = int(keyframe.compression), sum(count for _, count in parts)
    if compression == 1 and 8 * held < keyframe.imagewidth * keyframe.imagelength * keyframe.bitspersample:
        raise ValueError(f"a page has {held} bytes, and needs more for its pixels")
    if compression in _DEFLATE and keyframe.nbytes > _DEFLATE_RATIO * held + _PIECE:
        raise ValueError(f"a page has {held} bytes, which cannot hold its {keyframe.nbytes} bytes of pixels")
    if compression in _DEFLATE or compression == _LZMA:
        for offset, count in parts:
            _check_no_bomb(read, offset, count, 2 * keyframe.nbytes + _MOST_AT_ONCE, compression)


def _check_no_bomb(read, offset: int, count: int, most: int, compression: int) -> None:
    """Raise ValueError where a stream unpacks to more than ``most`` bytes, of which only a piece is held at a time."""
    if compression in _DEFLATE and count * _DEFLATE_RATIO <= most:
        return
    data, found = read(offset, count), 0
    stream = lzma.LZMADecompressor() if compression == _LZMA else zlib.decompressobj()
    while found <= most and not stream.eof:
        piece = stream.decompress(data, _PIECE)
        data = b"" if compression == _LZMA else stream.unconsumed_tail
        found += len(piece)
        if not piece and (not data or getattr(stream, "needs_input", False)):
            break
    if found > most:
        raise ValueError("its compressed data unpack to far more than its pixels")
