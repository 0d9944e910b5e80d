"""Arrays that begin at a cache line; large ones in huge pages, whose memory is kept for the next solve.

Rows of them are loaded in half as many pieces.  The system gives memory in pages of 2 MB 500 times less often than in pages
of 4 KB, and a page that was given once costs nothing: a tenth of the time of a solve on 128^3 voxels was first touch.
What is kept, 128 MB at most, is that of arrays that nothing refers to any more.
"""

from __future__ import annotations

import mmap
import sys

import numpy as np
import numpy.typing as npt

_LINE = 64
_HUGE_PAGE = 1 << 21
# Arrays from here on are given pages of their own, where the system has huge ones.
_LARGE = 1 << 20
# Bytes that are kept for later, and how much larger than what is asked for a piece of them may be.
_MOST_KEPT, _MOST_LARGER = 1 << 27, 1.25
_PRIVATE = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)

_kept: dict[int, npt.NDArray[np.uint8]] = {}  # memory that no array refers to, by where it begins


class _Lease:
    """What the arrays in a piece of memory refer to: when the last of them is gone, the piece is kept or given back."""

    def __init__(self, memory: npt.NDArray[np.uint8]):
        self._memory, self._place = memory, memory.ctypes.data
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        if sum(one.size for one in tuple(_kept.values())) + self._memory.size <= _MOST_KEPT:
            _kept[self._place] = self._memory


def _new(size: int) -> npt.NDArray[np.uint8]:
    """Zeros in huge pages, which the system gives at first use."""
    memory = mmap.mmap(-1, size + _HUGE_PAGE, flags=_PRIVATE)
    memory.madvise(mmap.MADV_HUGEPAGE)
    found = np.frombuffer(memory, np.uint8)
    start = -found.ctypes.data % _HUGE_PAGE
    return found[start:start + size]


def _kept_or_new(size: int) -> npt.NDArray[np.uint8]:
    """So many bytes or more."""
    size += -size % _HUGE_PAGE
    for place, one in sorted(_kept.items(), key=lambda item: item[1].size):
        # Another thread may have taken it just now.
        if size <= one.size <= _MOST_LARGER * size and _kept.pop(place, None) is not None:
            return np.asarray(_Lease(one))
    return np.asarray(_Lease(_new(size)))


def aligned_empty(shape, dtype) -> np.ndarray:
    """As numpy.empty.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray
        C-contiguous.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if _has_pages_of_its_own(size):
        return _kept_or_new(size)[:size].view(dtype).reshape(shape)
    memory = np.empty(size + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    return memory[start:start + size].view(dtype).reshape(shape)


def aligned_zeros(shape, dtype=np.float64) -> np.ndarray:
    """As numpy.zeros, but written now.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray
        C-contiguous.
    """
    out = aligned_empty(shape, dtype)
    out[...] = 0
    return out


def untouched_zeros(shape, dtype=np.float64) -> np.ndarray:
    """As numpy.zeros: takes no memory before it is written or read, and then huge pages.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    ndarray
        C-contiguous.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if _has_pages_of_its_own(size):
        return _new(size).view(dtype).reshape(shape)
    return aligned_zeros(shape, dtype)


def _has_pages_of_its_own(size: int) -> bool:
    return size >= _LARGE and sys.platform == "linux"
