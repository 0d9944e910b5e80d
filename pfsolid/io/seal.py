"""A seal over all bytes of a file, so that damage is found before anything tries to make sense of them.

HDF5 itself can crash or loop on damaged metadata, and checksums of the stored values would leave names,
shapes, offsets and attributes unguarded.  So the checksum is over the bytes of the file, whatever they mean,
and stands in front of them as a short text in the user block, the room that HDF5 leaves at the start of a
file for others (``head -5 step_00000100.h5`` shows it; h5dump and h5py read on as if it were not there)::

    pfsolid checkpoint
    schema 1
    bytes 2103808
    block 16777216
    crc32 1f2e3d4c

The CRC-32 (zlib's) of each block after the seal is taken by the ranks in turn, and the seal has the CRC-32 of
these, little-endian, in order: any number of ranks can verify what any other number wrote, at the speed of
the disk or 1 to 2 GB/s a rank.  One changed byte, and any change within 32 neighbouring bits, is found for
certain; of other damage one in 4e9 cases is not.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from ..parallel.collective import agreed_errors, on_root
from .files import damage_errors, output_errors
from .readback import READ_BYTES, ReadBack

SEAL_BYTES = 512  # HDF5's smallest user block
BLOCK_BYTES = 16 * 2**20
MAGIC = b"pfsolid checkpoint\n"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def write_seal(path: Path, schema: int, comm, written: ReadBack | None = None) -> None:
    """Seal a complete file whose first SEAL_BYTES are free.  Collective.

    Parameters
    ----------
    written : ReadBack, optional
        Checked by the way: what is read for the checksum is read once.

    Raises
    ------
    OutputError
    """
    def write(num_bytes: int, checksum: int) -> None:
        with output_errors(path), open(path, "r+b") as file:
            file.write(_seal(schema, num_bytes, checksum))

    with agreed_errors(comm), output_errors(path):
        num_bytes = os.path.getsize(path)
        own = _own_checksums(path, num_bytes, comm, written)
    if written is not None:
        written.check()
    on_root(comm, write, num_bytes, _combined(own, comm))


def check_seal(path: Path, schema: int, comm) -> None:
    """Verify every byte of a file.  Collective.

    Raises
    ------
    CheckpointError
        On all ranks, with the file's name and what is wrong: missing, foreign, of another schema, truncated,
        damaged.
    """
    num_bytes, checksum = on_root(comm, _read_seal, path, schema)
    with agreed_errors(comm), damage_errors(path):
        own = _own_checksums(path, num_bytes, comm)
    if _combined(own, comm) != checksum:
        raise CheckpointError(f"{path} is damaged: its checksum is not that of its contents")


def _seal(schema: int, num_bytes: int, checksum: int) -> bytes:
    text = MAGIC + f"schema {schema}\nbytes {num_bytes}\nblock {BLOCK_BYTES}\ncrc32 {checksum:08x}\n".encode()
    return text.ljust(SEAL_BYTES, b"\n")


def _read_seal(path: Path, schema: int) -> tuple[int, int]:
    """Number of bytes and checksum, for root only."""
    with damage_errors(path), open(path, "rb") as file:
        start = file.read(2 * SEAL_BYTES)
        actual = os.fstat(file.fileno()).st_size
    if not start.startswith(MAGIC):
        raise CheckpointError(f"{path} {_foreign(start)}")
    found = re.match(rb"schema (\d{1,9})\n", start[len(MAGIC):])
    if found and int(found[1]) != schema:
        raise CheckpointError(f"{path} has checkpoint schema {int(found[1])}; this pfsolid reads {schema}")
    fields = re.search(rb"\nbytes (\d{1,18})\nblock \d+\ncrc32 ([0-9a-f]{8})\n", start[:SEAL_BYTES])
    if fields and actual < int(fields[1]):
        raise CheckpointError(f"{path} is truncated: {actual} of {int(fields[1])} bytes are there")
    # The seal has no checksum of its own: it must be, to the last byte, the one that its numbers make.
    if not fields or start[:SEAL_BYTES] != _seal(schema, int(fields[1]), int(fields[2], 16)):
        raise CheckpointError(f"{path} is damaged: its first {SEAL_BYTES} bytes")
    if actual > int(fields[1]):
        raise CheckpointError(f"{path} is damaged: {actual - int(fields[1])} bytes stand after its end")
    return int(fields[1]), int(fields[2], 16)


def _foreign(start: bytes) -> str:
    if len(start) < SEAL_BYTES:
        return f"is truncated or not a pfsolid checkpoint: it has only {len(start)} bytes"
    if start.startswith(HDF5_SIGNATURE):
        return "is an HDF5 file but not a pfsolid checkpoint"
    if start[SEAL_BYTES:].startswith(HDF5_SIGNATURE):
        return "has no seal of pfsolid: it is foreign, was not completed, or is damaged at its start"
    return "is not a pfsolid checkpoint"


def _own_checksums(path: Path, num_bytes: int, comm, written: ReadBack | None = None) -> list[int]:
    """CRC-32 of every size-th block from this rank's on.  Not collective."""
    checksums = []
    with open(path, "rb", buffering=0) as file:
        first = SEAL_BYTES + comm.Get_rank() * BLOCK_BYTES
        for start in range(first, num_bytes, comm.Get_size() * BLOCK_BYTES):
            file.seek(start)
            checksums.append(_checksum(file, min(BLOCK_BYTES, num_bytes - start), written))
    return checksums


def _checksum(file, num_bytes: int, written: ReadBack | None) -> int:
    buffer = memoryview(bytearray(min(READ_BYTES, num_bytes)))
    checksum = 0
    while num_bytes:
        start = file.tell()
        count = _fill(buffer[:min(len(buffer), num_bytes)], file)
        if not count:
            break  # the file has just become shorter; its checksum will not agree
        if written is not None:
            written.add(start, buffer[:count])
        checksum = zlib.crc32(buffer[:count], checksum)
        num_bytes -= count
    return checksum


def _fill(buffer: memoryview, file) -> int:
    """Read until the buffer is full or the file ends, which one call need not do; the number of bytes."""
    done = 0
    while done < len(buffer) and (count := file.readinto(buffer[done:])):
        done += count
    return done


def _combined(own: list[int], comm) -> int:
    """Collective: the CRC-32 of all blocks' checksums in the order of the blocks."""
    by_rank = comm.allgather(own)
    size = len(by_rank)
    in_order = [by_rank[k % size][k // size] for k in range(sum(map(len, by_rank)))]
    return zlib.crc32(np.array(in_order, dtype="<u4").tobytes())
