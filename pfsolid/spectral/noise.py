"""Seeded random fields that are the same at every rank count.

Each global plane (index along x) has its own counter-based stream, Philox keyed by (seed, plane), so a rank
draws just its own planes and no numbers are skipped or communicated.
"""

from __future__ import annotations

import numpy as np

from ..parallel.collective import Reducer


def plane_generator(seed: int, plane: int) -> np.random.Generator:
    """The random stream of one global plane."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, plane], dtype=np.uint64)))


def fill_gaussian(field: np.ndarray, first_plane: int, seed: int, reducer: Reducer) -> None:
    """Fill a local slab with unit Gaussian noise whose global mean is zero.

    Collective: the mean is removed after a sum over all ranks, taken plane by plane in global order, so that the
    result is the same to the last bit at every rank count.

    Parameters
    ----------
    field : ndarray, local (n0, n1, n2)
        Overwritten.
    first_plane : int
        Global index of ``field[0]``.
    seed : int
        0 <= seed < 2**64.
    reducer : Reducer
    """
    plane_means = np.empty(field.shape[0])
    for i in range(field.shape[0]):
        plane = plane_generator(seed, first_plane + i).standard_normal(field.shape[1:])
        plane_means[i] = plane.mean()
        field[i] = plane
    field -= reducer.concatenate(plane_means).mean()
