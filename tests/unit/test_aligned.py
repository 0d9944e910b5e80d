"""Memory of large arrays: aligned, never shared by two that live, taken up again, and not hoarded."""

import gc

import numpy as np
import pytest

from pfsolid import aligned

pytestmark = pytest.mark.skipif(not hasattr(aligned.mmap, "MADV_HUGEPAGE"), reason="no huge pages on this system")

LARGE = aligned._LARGE


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    gc.collect()
    monkeypatch.setattr(aligned, "_kept", {})


@pytest.mark.parametrize("size", [1, 1000, LARGE, 3 * LARGE + 5])
def test_arrays_begin_at_a_cache_line_and_hold_their_type(size):
    found = aligned.aligned_empty((size, 2), np.float32)
    assert found.shape == (size, 2) and found.dtype == np.float32 and found.flags.c_contiguous and found.flags.writeable
    assert found.ctypes.data % 64 == 0
    for zeros in (aligned.aligned_zeros((size,)), aligned.untouched_zeros((size,), np.complex64)):
        assert not zeros.any() and zeros.shape == (size,)


def test_what_lives_is_not_given_again():
    """A view alone keeps the memory of its array."""
    first = aligned.aligned_empty((LARGE,), np.uint8)
    first[:] = 1
    view = first[10:20]
    del first
    second = aligned.aligned_empty((LARGE,), np.uint8)
    second[:] = 2
    assert (view == 1).all() and not np.shares_memory(view, second)


def test_what_is_gone_is_taken_up_again_where_it_fits():
    first = aligned.aligned_empty((4 * LARGE,), np.uint8)
    place = first.ctypes.data
    del first
    small = aligned.aligned_empty((LARGE,), np.uint8)  # a quarter of it would be wasted
    again = aligned.aligned_zeros((LARGE // 2,), np.float64)
    assert small.ctypes.data != place and again.ctypes.data == place and not again.any()


def test_zeros_are_new():
    """Nothing of what was in memory before."""
    first = aligned.aligned_empty((LARGE,), np.uint8)
    first[:] = 1
    del first
    assert not aligned.untouched_zeros((LARGE,), np.uint8).any()


def test_no_more_is_kept_than_said(monkeypatch):
    monkeypatch.setattr(aligned, "_MOST_KEPT", 5 * LARGE)
    arrays = [aligned.aligned_empty((2 * LARGE,), np.uint8) for _ in range(4)]
    del arrays
    assert len(aligned._kept) == 2
