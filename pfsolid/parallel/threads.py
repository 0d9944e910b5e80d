"""How many threads a rank takes."""

from __future__ import annotations

import os

import numba

from ..errors import InputError


def take_threads(threads: int | None, alone: bool) -> int:
    """Let numba's kernels run on so many threads of this rank; how many that are.

    Parameters
    ----------
    threads : int, optional
        None: all cores of a rank that is alone, else one.
    alone : bool
        No other rank wants the cores.

    Raises
    ------
    InputError
        If there are fewer cores than threads.
    """
    most = numba.config.NUMBA_NUM_THREADS
    if threads is None:
        threads = min(len(os.sched_getaffinity(0)), most) if alone else 1
    if not isinstance(threads, int) or not 1 <= threads <= most:
        raise InputError(f"threads = {threads}: this machine gives {most} cores to a rank, and 1 is the least")
    numba.set_num_threads(threads)
    return threads
