"""Transforms of a whole field by one rank, by the FFTW that comes with pyfftw; nothing of MPI."""

from __future__ import annotations

import numpy as np

from ..aligned import untouched_zeros
from ..errors import InputError
from ..grid import PeriodicGrid

try:
    import pyfftw
except ImportError as error:
    raise InputError(f"transforms on one rank need pyfftw, which cannot be imported ({error}): pip install pyfftw") from None

_PRECISIONS = ("float64", "float32")  # in pyfftw's order


class WholeLibrary:
    """See `Library`."""

    name = "pyfftw"

    def __init__(self, dtype: np.dtype):
        self._place = _PRECISIONS.index(np.dtype(dtype).name)

    def export_wisdom(self) -> str:
        return pyfftw.export_wisdom()[self._place].decode("ascii")

    def import_wisdom(self, wisdom: str) -> None:
        if wisdom:
            self._import([wisdom.encode("ascii") if place == self._place else b"" for place in range(3)])

    def forget_wisdom(self) -> None:
        known = list(pyfftw.export_wisdom())
        known[self._place] = b""
        pyfftw.forget_wisdom()
        self._import(known)

    @staticmethod
    def _import(texts: list[bytes]) -> None:
        pyfftw.import_wisdom(tuple(texts))


class WholePlans:
    """See `Plans`."""

    def __init__(self, grid: PeriodicGrid, dtype: np.dtype, threads: int, planning: str, transforms_x: bool):
        n0, n1, n2 = grid.shape
        half = (n0, n1, n2 // 2 + 1)
        self.real = pyfftw.empty_aligned(grid.shape, dtype)
        self.spectral = self.planes = pyfftw.empty_aligned(half, np.result_type(dtype, np.complex64))
        axes = (0, 1, 2) if transforms_x else (1, 2)
        options = dict(axes=axes, flags=(f"FFTW_{planning.upper()}", "FFTW_DESTROY_INPUT"), threads=threads)
        self._forward = pyfftw.FFTW(self.real, self.spectral, **options)
        self._backward = pyfftw.FFTW(self.spectral, self.real, direction="FFTW_BACKWARD", **options)
        # Measuring has left something in them; where it was not needed, and no transform is, these take no memory.
        self.real = untouched_zeros(grid.shape, dtype)
        self.spectral = self.planes = untouched_zeros(half, self.spectral.dtype)
        self._forward.update_arrays(self.real, self.spectral)
        self._backward.update_arrays(self.spectral, self.real)
        self.local_slice = tuple(slice(0, n) for n in grid.shape)
        self.spectral_slice = tuple(slice(0, n) for n in half)

    def forward_planes(self) -> None:
        self._forward.execute()

    def backward_planes(self) -> None:
        self._backward.execute()

    def planes_to_spectral(self) -> None:
        """They are the same array, and transformed along x already."""

    def spectral_to_planes(self) -> None:
        """As `planes_to_spectral`."""

    def close(self) -> None:
        self._forward = self._backward = self.real = self.planes = self.spectral = None


def versions() -> dict[str, str]:
    """Of pyfftw and the FFTW in it."""
    return {"transform": f"pyfftw {pyfftw.__version__}", "fftw": f"fftw-{pyfftw.fftw_version}"}
