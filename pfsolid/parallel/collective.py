"""Everything that talks to MPI apart from the transform: reductions, neighbour planes, agreed errors.

A communicator enters here and in :mod:`pfsolid.spectral`; physics modules are handed a :class:`Reducer` and never
see it.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from .agreement import agreed_errors, all_come, on_root, raise_together
from .communicator import Communicator, largest, smallest

__all__ = ["PlaneExchange", "Reducer", "agreed_errors", "all_come", "on_root", "raise_together", "split_into_groups"]

T = TypeVar("T")


class Reducer:
    """Global sums and extrema.  Every method is collective.

    Sums run in rank order on every rank, so a repeated run at the same rank count gives the same bits.
    """

    def __init__(self, comm: Communicator):
        self._comm = comm
        self.rank = comm.Get_rank()
        self.size = comm.Get_size()

    def sum(self, values) -> np.ndarray:
        """Elementwise sum over ranks of a short vector (float64), the same bits on every rank."""
        values = np.atleast_1d(np.ascontiguousarray(values, dtype=np.float64))
        if self.size == 1:
            return values.copy()
        gathered = np.empty((self.size,) + values.shape)
        self._comm.Allgather(values, gathered)
        return gathered.sum(axis=0)

    def sum_and_max(self, value: float, largest: float) -> tuple[float, float]:
        """Sum over ranks of one number and maximum of another in one message, the same bits on every rank."""
        if self.size == 1:
            return float(value), float(largest)
        gathered = np.empty((self.size, 2))
        self._comm.Allgather(np.array([value, largest], dtype=np.float64), gathered)
        return float(gathered[:, 0].sum()), float(gathered[:, 1].max())

    def max(self, value: float) -> float:
        return largest(self._comm, value)

    def min(self, value: float) -> float:
        return smallest(self._comm, value)

    def any(self, flag: bool) -> bool:
        return bool(largest(self._comm, int(flag)))

    def concatenate(self, values: np.ndarray) -> np.ndarray:
        """Per-plane values of all ranks, in global plane order."""
        return np.concatenate(self._comm.allgather(values))

    def gather(self, value) -> list:
        """One picklable value a rank, in rank order, on every rank.  For small things."""
        return self._comm.allgather(value)

    def exchange(self, parcels: list) -> list:
        """One picklable parcel for each rank; what each rank has for this one, in rank order."""
        return self._comm.alltoall(parcels)

    def from_root(self, value: T) -> T:
        """Root's value on every rank."""
        found: T = self._comm.bcast(value, root=0)
        return found


class PlaneExchange:
    """Fills the two ghost planes of a slab array from the neighbours along x.

    Works on arrays of shape ``(n0 + 2, n1, n2)`` whose interior is ``[1:-1]``.

    Parameters
    ----------
    comm : Communicator
    mirrored : bool
        The field goes on beyond the first and last face along x as its mirror image, not periodically.

    Attributes
    ----------
    end_shares : tuple of 2 float
        What counts of a sum over the faces before and after this slab, if each face is to count once over all ranks,
        and half if it is a mirror.
    """

    def __init__(self, comm: Communicator, mirrored: bool = False):
        self._comm = comm
        size, rank = comm.Get_size(), comm.Get_rank()
        self._low, self._high = (rank - 1) % size, (rank + 1) % size
        self._mirror_low, self._mirror_high = mirrored and rank == 0, mirrored and rank == size - 1
        self.end_shares = (0.5 if self._mirror_low else 0.0, 0.5 if self._mirror_high else 1.0)

    def fill(self, ghosted: np.ndarray, odd: bool = False) -> None:
        """Collective.  Sets ``ghosted[0]`` and ``ghosted[-1]``; ``odd`` if the field changes sign in a mirror."""
        if self._comm.Get_size() == 1:
            ghosted[0] = ghosted[-2]
            ghosted[-1] = ghosted[1]
        else:
            self._comm.Sendrecv(ghosted[1], self._low, 1, ghosted[-1], self._high, 1)
            self._comm.Sendrecv(ghosted[-2], self._high, 2, ghosted[0], self._low, 2)
        if self._mirror_low:
            ghosted[0] = -ghosted[1] if odd else ghosted[1]
        if self._mirror_high:
            ghosted[-1] = -ghosted[-2] if odd else ghosted[-2]

    def fill_deep(self, ghosted: np.ndarray, depth: int) -> None:
        """Collective.  Sets ``depth`` ghost planes at each end of ``ghosted``, local (n0 + 2 depth, n1, n2).

        Slabs may be thinner than that: plane by plane from the inside out, what a neighbour sends may be a ghost of its own.
        """
        last = ghosted.shape[0] - depth - 1
        for step in range(depth):
            first_ghost, last_ghost = ghosted[depth - 1 - step], ghosted[last + 1 + step]
            first_sent, last_sent = ghosted[depth + step], ghosted[last - step]
            if self._comm.Get_size() == 1:
                first_ghost[...], last_ghost[...] = last_sent, first_sent
            else:
                self._comm.Sendrecv(first_sent, self._low, 4, last_ghost, self._high, 4)
                self._comm.Sendrecv(last_sent, self._high, 5, first_ghost, self._low, 5)
            if self._mirror_low:
                first_ghost[...] = first_sent
            if self._mirror_high:
                last_ghost[...] = last_sent

    def next_plane(self, slab: np.ndarray, out: np.ndarray) -> None:
        """Collective.  ``out`` = the first plane of the slab that follows this one, periodically."""
        if self._comm.Get_size() == 1:
            out[...] = slab[0]
            return
        self._comm.Sendrecv(slab[0], self._low, 3, out, self._high, 3)


def split_into_groups(comm: Communicator, ranks_per_group: int) -> Communicator:
    """Collective: the communicator of this rank's group of ``ranks_per_group`` successive ranks."""
    return comm.Split(comm.Get_rank() // ranks_per_group, comm.Get_rank())
