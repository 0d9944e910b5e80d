"""Whether a file holds what was meant to be written, with every byte of it read once by one rank.

The ranks' parts lie scattered over the file: each looking for its own would read nearly all of it.  So the rank that has
values in memory and the rank that reads them in the file each add up ``weight(position) * bits`` modulo 2^64, and the sums
over all ranks are compared.  Weights are odd, so that a change of any one value is found for certain, and scattered
over the 64 bits, so that another change (a hole, a piece in another's place) agrees by chance once in 2^64.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import OutputError
from .files import final_name
from .hdf5 import DistributedArray

READ_BYTES = 2**20
DISK_FULL = "; is the disk full or a quota exceeded?"
_CHUNK = 2**16  # values at a time, whose positions and weights stay in the cache
_MASK = 2**64 - 1


class Place(NamedTuple):
    """Where a dataset's values lie in the file."""

    offset: int
    num_bytes: int
    dtype: np.dtype


class ReadBack:
    """What a file must hold, and what has been read of it.  Made and checked by all ranks together.

    Parameters
    ----------
    path : Path
    places : dict of Place
        Offsets are multiples of 8.
    arrays : dict of DistributedArray
        What was written there, cast to the places' types.
    comm : Communicator
    """

    def __init__(self, path: Path, places: dict[str, Place], arrays: dict[str, DistributedArray], comm):
        self.path, self._places, self._comm = Path(path), places, comm
        self._promised = self._over_ranks({name: sum_of_array(array, places[name].dtype) for name, array in arrays.items()})
        self._found = dict.fromkeys(arrays, 0)

    def add(self, offset: int, raw: memoryview) -> None:
        """Count what this rank has read of the file from ``offset`` on; multiples of 8 bytes but for the file's end."""
        for name, place in self._places.items():
            if place.offset is None:
                continue
            start, stop = max(offset, place.offset), min(offset + len(raw), place.offset + place.num_bytes)
            if start < stop:
                self._found[name] += sum_of_bytes(raw[start - offset:stop - offset], place.dtype, start - place.offset)

    def read(self) -> None:
        """Read this rank's share of the values, and count it."""
        rank, size = self._comm.Get_rank(), self._comm.Get_size()
        with open(self.path, "rb") as file:
            for place in self._places.values():
                first, last = (place.num_bytes * r // size // 16 * 16 for r in (rank, rank + 1))
                last = place.num_bytes if rank == size - 1 else last
                for start in range(first, last, READ_BYTES):
                    file.seek(place.offset + start)
                    self.add(place.offset + start, memoryview(file.read(min(READ_BYTES, last - start))))

    def check(self) -> None:
        """Collective, when all has been read.

        Raises
        ------
        OutputError
            On all ranks, if the file holds something else.
        """
        found = self._over_ranks(self._found)
        for name, promised in self._promised.items():
            if found[name] != promised:
                raise OutputError(f"cannot write {final_name(self.path)}: {name} does not read back as it was "
                                  f"written{DISK_FULL}")

    def _over_ranks(self, sums: dict[str, int]) -> dict[str, int]:
        gathered = self._comm.allgather(list(sums.values()))
        return {name: sum(column) & _MASK for name, column in zip(sums, zip(*gathered))}


def sum_of_array(array: DistributedArray, dtype) -> int:
    """Of this rank's part, as it stands in the file, modulo 2^64."""
    local, total = array.local, 0
    if not local.size:
        return 0
    axis = int(np.argmax(np.abs(local.strides)))  # runs of memory stay whole, also of a transposed view
    step = max(1, _CHUNK * local.shape[axis] // local.size)
    for start in range(0, local.shape[axis], step):
        part = [slice(None)] * local.ndim
        part[axis] = slice(start, start + step)
        values = local[tuple(part)].astype(dtype, order="K", copy=False)
        positions = _positions(array, axis, start, values.shape)
        parts = [values.real, values.imag] if values.dtype.kind == "c" else [values]
        for number, one in enumerate(parts):
            total += _weighted(positions * np.uint64(len(parts)) + np.uint64(number), one.view(f"u{one.itemsize}"))
    return total & _MASK


def sum_of_bytes(raw: memoryview, dtype, offset: int) -> int:
    """Of bytes of a dataset from ``offset`` on, modulo 2^64."""
    itemsize = np.dtype(dtype).itemsize // (2 if np.dtype(dtype).kind == "c" else 1)
    words, total = np.frombuffer(raw, f"u{itemsize}"), 0
    for chunk in _chunks(words.size):
        positions = np.arange(chunk.start, chunk.stop, dtype=np.uint64) + np.uint64(offset // itemsize)
        total += _weighted(positions, words[chunk])
    return total & _MASK


def _chunks(size: int) -> Iterator[slice]:
    for start in range(0, size, _CHUNK):
        yield slice(start, min(start + _CHUNK, size))


def _positions(array: DistributedArray, axis: int, start: int, shape: tuple[int, ...]) -> np.ndarray:
    """Place of each value in the whole array, counted in C order."""
    positions = np.zeros((1,) * len(shape), np.uint64)
    for i, n in enumerate(shape):
        first = array.slices[i].start + (start if i == axis else 0)
        along = np.arange(first, first + n, dtype=np.uint64) * np.uint64(np.prod(array.global_shape[i + 1:], dtype=np.int64))
        positions = positions + along.reshape([n if j == i else 1 for j in range(len(shape))])
    return positions


def _weighted(positions: np.ndarray, words: np.ndarray) -> int:
    weights = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    weights ^= weights >> np.uint64(32)
    weights *= np.uint64(0xD6E8FEB86659FD93)
    weights |= np.uint64(1)
    weights *= words
    return int(weights.sum())
