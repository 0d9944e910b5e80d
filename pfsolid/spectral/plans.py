"""What a slab transform is made of: FFTW's plans, on one rank by itself or on several."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..grid import PeriodicGrid
from ..parallel.communicator import Communicator


class Library(Protocol):
    """An FFTW and what it has measured, for one precision.

    Attributes
    ----------
    name : str
        Apart from other builds of FFTW: they do not take each other's measurements.
    """

    name: str

    def export_wisdom(self) -> str:
        """All that it knows in this process; nothing where there is not even memory for it."""

    def import_wisdom(self, wisdom: str) -> None:
        """Add to what it knows in this process; what another version has measured is passed over."""

    def forget_wisdom(self) -> None:
        """Of this precision."""


class Plans(Protocol):
    """Buffers and transforms between them; collective.

    Attributes
    ----------
    real : ndarray, local (n0, n1_global, n2_global)
    planes : ndarray, complex, local (n0, n1_global, n2_global // 2 + 1)
        Transforms of the planes of ``real``; on one rank the same array as ``spectral``.
    spectral : ndarray, complex, local (n0_global, n1, n2_global // 2 + 1)
    local_slice, spectral_slice : tuple of slice
        Where ``real`` and ``spectral`` lie in the global arrays.
    """

    real: np.ndarray
    planes: np.ndarray
    spectral: np.ndarray
    local_slice: tuple[slice, ...]
    spectral_slice: tuple[slice, ...]

    def forward_planes(self) -> None:
        """``real`` to ``planes``."""

    def planes_to_spectral(self) -> None:
        """``planes`` to ``spectral``: division along y, transform along x if there is to be one."""

    def spectral_to_planes(self) -> None: ...

    def backward_planes(self) -> None: ...

    def close(self) -> None:
        """Give back memory and communicators."""


def library_for(comm: Communicator, dtype: np.dtype) -> Library:
    """FFTW by pyfftw on one rank, under MPI or not, so that the bits are the same; by mpi4py-fft on several."""
    if comm.Get_size() == 1:
        from .whole import WholeLibrary

        return WholeLibrary(dtype)
    from .distributed import DistributedLibrary

    return DistributedLibrary(dtype)


def make_plans(grid: PeriodicGrid, comm: Communicator, dtype: np.dtype, threads: int, planning: str,
               transforms_x: bool) -> Plans:
    """Collective: the plans of `library_for` the same arguments.

    Parameters
    ----------
    planning : {'measure', 'estimate'}
    transforms_x : bool
        Whether ``spectral`` is transformed along x, too.
    """
    if comm.Get_size() == 1:
        from .whole import WholePlans

        return WholePlans(grid, dtype, threads, planning, transforms_x)
    from .distributed import DistributedPlans

    return DistributedPlans(grid, comm, dtype, threads, planning, transforms_x)


def transform_versions(comm: Communicator) -> dict[str, str]:
    """Which transform the ranks of a communicator use, and the FFTW below it."""
    if comm.Get_size() == 1:
        from .whole import versions
    else:
        from .distributed import versions
    return versions()
