"""Distributed real Fourier transform on slabs.

Real fields are divided into slabs along x, their transforms along y.  Transforms work in place on two buffers that
belong to the plan, ``real`` and ``spectral``, and are not normalised: a backward after a forward multiplies by
``grid.num_voxels``, a factor that callers fold into a multiplication they do anyway.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.communicator import Communicator, largest, smallest
from . import kernels
from .plans import Library, library_for, make_plans
from .wisdom import others_kept_out, plan_caches, read_or_nothing, write_if_possible

# Of this process: which transforms have been planned by measuring, and what each FFTW knew after its last of a precision.
_planned: set[tuple] = set()
_latest_wisdom: dict[tuple[str, str], str] = {}


class SlabTransform:
    """Real-to-complex transform of a periodic grid over the ranks of a communicator.

    Collective, as are `forward` and `backward`.  It holds memory and communicators until it is closed: use it in a `with`
    block, or call `close`.

    Parameters
    ----------
    grid : PeriodicGrid
    comm : Communicator
        On one rank FFTW is that of pyfftw, whether MPI is there or not; on several it is mpi4py-fft's.
    dtype : {'float64', 'float32'}
    threads : int
        FFTW threads on each rank.
    planning : {'measure', 'estimate'}
        'measure' times several plans (seconds for 256^3) and is up to 1.7x faster than 'estimate'.  What it finds is
        kept in a file of the user's (`plan_caches`), so that it is done once for each machine and size and a repeated
        run gets the same plans, hence the same bits.
    wisdom : str, optional
        `wisdom` of an earlier process, to be used before the file's.

    Attributes
    ----------
    real : ndarray, local (n0, n1_global, n2_global)
        Input of `forward`, which destroys it; output of `backward`.
    spectral : ndarray, complex, local (n0_global, n1, n2_global // 2 + 1)
        Output of `forward`; input of `backward`, which destroys it.
    local_slice, spectral_slice : tuple of slice
        Where the two buffers lie in the global arrays.
    weights : ndarray (n2_global // 2 + 1,)
        How often each coefficient along z stands in the full spectrum, for Parseval sums: 1 or 2.
    reducer : Reducer
    ghosts : PlaneExchange
    wisdom : str
        What FFTW has measured; hand it to a later process to get identical plans.  Empty after 'estimate'.

    Raises
    ------
    InputError
        If there are more ranks than planes along x or y.
    """

    periodic = True
    _transforms_x = True

    def __init__(self, grid: PeriodicGrid, comm: Communicator, dtype="float64", threads: int = 1,
                 planning: str = "measure", wisdom: str | None = None):
        check_rank_count(grid, comm.Get_size())
        self.grid = grid
        self.threads = threads
        self.reducer = Reducer(comm)
        self.ghosts = PlaneExchange(comm)
        self.wisdom = ""
        self._layout = grid, comm, np.dtype(dtype), threads, planning, self._transforms_x
        if planning == "estimate":
            self._plans = make_plans(*self._layout)
        else:
            self._plan_measured(comm, wisdom)
        self.real, self.spectral = self._plans.real, self._plans.spectral
        self.local_slice, self.spectral_slice = self._plans.local_slice, self._plans.spectral_slice
        self.local_shape = self.real.shape
        self.spectral_shape = self.spectral.shape
        n2 = grid.shape[2]
        self.weights = np.full(n2 // 2 + 1, 2.0)
        self.weights[0] = 1.0
        if n2 % 2 == 0:
            self.weights[-1] = 1.0

    def _plan_measured(self, comm: Communicator, wisdom: str | None) -> None:
        """What this process has planned before FFTW knows: no files, no texts sent round."""
        grid, _, dtype, *options = self._layout
        library = library_for(comm, dtype)
        caches = plan_caches(library.name, dtype)
        key = (library.name, dtype.str, grid.shape, comm.Get_size(), comm.Get_rank(), *options, *caches)
        if wisdom is None and smallest(comm, int(key in _planned)):
            self._plans = make_plans(*self._layout)
            self.wisdom = _latest_wisdom[library.name, dtype.str]
            return
        self._make_measured_plans(comm, library, caches, wisdom)
        _planned.add(key)
        _latest_wisdom[library.name, dtype.str] = self.wisdom

    def _make_measured_plans(self, comm: Communicator, library: Library, caches: list[Path], wisdom: str | None) -> None:
        """Plans all ranks will choose again: what any rank had to measure goes to all, and to the user's file."""
        known = comm.bcast([wisdom or "", read_or_nothing(caches)] if comm.Get_rank() == 0 else None)
        for text in known:
            library.import_wisdom(text)
        before = library.export_wisdom()
        self._plans = make_plans(*self._layout)
        after = library.export_wisdom()
        self.wisdom = comm.bcast(after)
        if not largest(comm, int(after != before)):
            return
        gathered = comm.gather(after)
        if comm.Get_rank() == 0:
            with others_kept_out(caches):
                # Others may have measured the same meanwhile: what stands in the file is what all take from here on.
                library.forget_wisdom()
                for text in (wisdom or "", read_or_nothing(caches), *sorted(set(gathered))):
                    library.import_wisdom(text)
                self.wisdom = library.export_wisdom()
                write_if_possible(caches, self.wisdom)
        self.wisdom = comm.bcast(self.wisdom)
        # Ranks that measured the same transform may have found different plans: settle on one.
        self._plans.close()
        library.forget_wisdom()
        library.import_wisdom(self.wisdom)
        self._plans = make_plans(*self._layout)

    @property
    def comm(self) -> Communicator:
        """What it was made on."""
        return self._layout[1]

    @property
    def first_plane(self) -> int:
        """Global x index of ``real[0]``."""
        return self.local_slice[0].start

    @property
    def holds_mean(self) -> bool:
        """Whether ``spectral[0, 0, 0]`` on this rank is the global sum of the field."""
        return self.spectral_slice[1].start == 0

    def forward(self) -> np.ndarray:
        """``spectral`` = transform of ``real``; collective, in place, unnormalised."""
        self._plans.forward_planes()
        self._plans.planes_to_spectral()
        return self.spectral

    def backward(self) -> np.ndarray:
        """``real`` = ``grid.num_voxels`` times the inverse transform of ``spectral``; collective."""
        self._plans.spectral_to_planes()
        self._plans.backward_planes()
        return self.real

    def wavenumbers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Angular wavenumbers k_i along each axis for the local part of the spectrum."""
        n, h = self.grid.shape, self.grid.spacing
        full = [2 * np.pi * np.fft.fftfreq(n[i], h[i]) for i in range(2)]
        full.append(2 * np.pi * np.fft.rfftfreq(n[2], h[2]))
        return tuple(np.ascontiguousarray(k[s]) for k, s in zip(full, self.spectral_slice))

    def difference_symbols(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvalues (2 - 2 cos k_i h_i) / h_i^2 of minus the second difference along each axis, local part."""
        return tuple((2 - 2 * np.cos(k * h)) / h**2 for k, h in zip(self.wavenumbers(), self.grid.spacing))

    def coordinates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Voxel-centre coordinates of the local slab as an open mesh that broadcasts to ``local_shape``."""
        axes = np.ogrid[self.local_slice]
        return tuple((index + 0.5) * h for index, h in zip(axes, self.grid.spacing))

    @property
    def num_bytes(self) -> int:
        """Memory of the plan's buffers on this rank."""
        plans = self._plans
        return sum({a.ctypes.data: a.nbytes for a in (plans.real, plans.planes, plans.spectral)}.values())

    def close(self) -> None:
        """Collective: give back the plan's memory and communicators.  No harm if it is closed already."""
        if self._plans is not None:
            self._plans.close()
        self._plans = self.real = self.spectral = None

    def __enter__(self) -> SlabTransform:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class CosineSlabTransform(SlabTransform):
    """Cosine series along y and z, for a cell between plane electrodes: insulating sides, u = 0 at both ends of x.

    The sides and the electrodes are the outer faces of the outer voxels, half a voxel from their centres: the field goes
    on beyond them as its mirror image, along x with the opposite sign.  What diagonalises second differences is then the
    DCT-II along y and z.  The x axis is left as it is: a tridiagonal system for each pair of cosines costs less than a
    sine transform.  The DCT is a real Fourier transform of planes in Makhoul's order (doi:10.1109/TASSP.1980.1163351),
    which takes a quarter of the time of FFTW's own (128^3, single precision, 2 threads).

    Parameters and attributes are those of SlabTransform but for what follows; ``wavenumbers`` has no meaning here.

    Attributes
    ----------
    real : ndarray, local (n0, n1_global, n2_global)
        Planes in Makhoul's order: voxel (i, j, k) is at ``real[i, rows[j], columns[k]]``.
    rows, columns : ndarray of int (n1_global,), (n2_global,)
    spectral : ndarray, complex, local (n0_global, n1, n2_global // 2 + 1)
        ``spectral[i, k1, k2]`` = c(k1, k2) + 1j c(k1, n2 - k2) of plane i, where c(k1, k2) is the sum of
        f cos(pi k1 (2 j + 1) / 2 n1) cos(pi k2 (2 k + 1) / 2 n2).  A backward after a forward multiplies by n1 n2.
    weights : ndarray (n1,), ndarray (2 (n2_global // 2 + 1),)
        How often the square of each coefficient counts in Parseval sums, along y and, real and imaginary parts in turns,
        along z: a sum of squares over a plane is that of the coefficients over n1 n2.
    """

    periodic = False
    _transforms_x = False

    def __init__(self, grid: PeriodicGrid, comm: Communicator, dtype="float64", threads: int = 1,
                 planning: str = "measure", wisdom: str | None = None):
        super().__init__(grid, comm, dtype, threads, planning, wisdom)
        self.ghosts = PlaneExchange(comm, mirrored=True)
        n1, n2 = grid.shape[1:]
        self.rows, self.columns = _makhoul_order(n1), _makhoul_order(n2)
        self._twiddles = [np.exp(-0.5j * np.pi * np.arange(n) / length).astype(self.spectral.dtype)
                          for n, length in ((n1, n1), (n2 // 2 + 1, n2))]
        along_z = np.column_stack([self.weights, self.weights])
        along_z[0, 1] = 0.0
        along_y = np.full(n1, 2.0)
        along_y[0] = 1.0
        self.weights = along_y[self.spectral_slice[1]].copy(), along_z.ravel()

    def forward(self) -> np.ndarray:
        """``spectral`` = cosine coefficients of the planes in ``real``; collective, in place, unnormalised."""
        self._plans.forward_planes()
        kernels.cosines_from_fourier(self._plans.planes, self._twiddles[0] / 2, self._twiddles[1])
        self._plans.planes_to_spectral()
        return self.spectral

    def backward(self) -> np.ndarray:
        """``real`` = n1 n2 times the planes that have the coefficients ``spectral``; collective."""
        self._plans.spectral_to_planes()
        kernels.fourier_from_cosines(self._plans.planes, *self._twiddles)
        self._plans.backward_planes()
        return self.real

    def difference_symbols(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of minus the second difference along y, local part, and z, real and imaginary parts in turns."""
        n, h = self.grid.shape, self.grid.spacing
        k1, k2 = np.arange(n[1])[self.spectral_slice[1]], np.arange(n[2] // 2 + 1)
        along_z = np.column_stack([k2, n[2] - k2]).ravel()
        return tuple((2 - 2 * np.cos(np.pi * k / length)) / step**2
                     for k, length, step in ((k1, n[1], h[1]), (along_z, n[2], h[2])))


def _makhoul_order(n: int) -> np.ndarray:
    """Where each of n samples goes: the even ones to the front, the odd ones backwards to the end."""
    index = np.arange(n)
    return np.where(index % 2 == 0, index // 2, n - 1 - index // 2)


def slab_of(grid: PeriodicGrid, comm: Communicator) -> tuple[slice, slice, slice]:
    """This rank's part of a real field, ``SlabTransform.local_slice``, without a transform."""
    planes, left_over = divmod(grid.shape[0], comm.Get_size())
    rank = comm.Get_rank()
    start = rank * planes + min(rank, left_over)
    return (slice(start, start + planes + (rank < left_over)), *(slice(0, n) for n in grid.shape[1:]))


def too_many_ranks(grid: PeriodicGrid, num_ranks: int) -> bool:
    """Whether a slab would be empty."""
    return num_ranks > min(grid.shape[:2])


def check_rank_count(grid: PeriodicGrid, num_ranks: int, axis_names: str = AXES) -> None:
    """Raise InputError where a slab would be empty; ``axis_names`` where the grid is a turned one."""
    axis = 0 if grid.shape[0] <= grid.shape[1] else 1
    if too_many_ranks(grid, num_ranks):
        raise InputError(f"{num_ranks} ranks are too many: a grid of {' x '.join(map(str, grid.shape))} voxels is "
                         f"divided into slabs and has {grid.shape[axis]} planes along {axis_names[axis]}; "
                         f"use at most {grid.shape[axis]} ranks, and threads (--threads) beyond")
