"""The communicator of a process by itself: what stands in for MPI's where no other rank is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class OneRank:
    """A communicator of one rank, with the calls of mpi4py's that the package makes (`Communicator`).

    Values come back as the very objects that were handed in, not as copies.  There is one of it, `ONE_RANK`.
    """

    def Get_rank(self) -> int:
        return 0

    def Get_size(self) -> int:
        return 1

    def Abort(self, errorcode: int = 1) -> None:
        raise SystemExit(errorcode)

    def Barrier(self) -> None:
        """Everybody is there."""

    def Ibarrier(self) -> OneRank:
        return self

    def Test(self) -> bool:
        """Of a request, which `Ibarrier` returns: everybody has come."""
        return True

    def Split(self, color: int = 0, key: int = 0) -> OneRank:
        return self

    def Free(self) -> None:
        """There is nothing to give back."""

    def bcast(self, value, root: int = 0):
        return value

    def gather(self, value, root: int = 0) -> list:
        return [value]

    def allgather(self, value) -> list:
        return [value]

    def alltoall(self, values: list) -> list:
        return list(values)

    def Allgather(self, sent: np.ndarray, received: np.ndarray) -> None:
        received[...] = sent

    def Sendrecv(self, sent: np.ndarray, dest: int, sendtag: int, received: np.ndarray, source: int, recvtag: int) -> None:
        received[...] = sent

    def Send(self, values: np.ndarray, dest: int) -> None:
        raise RuntimeError("one rank by itself has nobody to send to")

    def Recv(self, values: np.ndarray, source: int) -> None:
        raise RuntimeError("one rank by itself has nobody to receive from")

    def __repr__(self) -> str:
        return "ONE_RANK"

    def __reduce__(self) -> str:
        return "ONE_RANK"


ONE_RANK = OneRank()
