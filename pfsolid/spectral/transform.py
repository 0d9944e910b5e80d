"""Distributed real Fourier transform on slabs; the one place that knows mpi4py-fft.

Real fields are divided into slabs along x, their transforms along y.  Transforms work in place on two buffers that
belong to the plan, ``real`` and ``spectral``, and are not normalised: a backward after a forward multiplies by
``grid.num_voxels``, a factor that callers fold into a multiplication they do anyway.
"""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from mpi4py_fft import fftw
from mpi4py_fft.libfft import FFT
from mpi4py_fft.pencil import Pencil, Subcomm

from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..parallel.collective import PlaneExchange, Reducer
from . import kernels
from .wisdom import export_wisdom, import_wisdom, plan_caches, read_or_nothing, write_if_possible

# Of this process: which transforms have been planned by measuring, and what FFTW knew after the last one of a precision.
_planned: set[tuple] = set()
_latest_wisdom: dict[str, str] = {}


def _in_place_fftn(array, **options):
    """Plan the transform along x on one buffer: faster than mpi4py-fft's two (1.5x at 256^3) and half the memory."""
    return fftw.fftn(array, output_array=array, **options)


class SlabTransform:
    """Real-to-complex transform of a periodic grid over the ranks of a communicator.

    Collective, as are `forward` and `backward`.  It holds memory and communicators until it is closed: use it in a `with`
    block, or call `close`.

    Parameters
    ----------
    grid : PeriodicGrid
    comm : mpi4py.MPI.Comm
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

    def __init__(self, grid: PeriodicGrid, comm: MPI.Comm, dtype="float64", threads: int = 1,
                 planning: str = "measure", wisdom: str | None = None):
        check_rank_count(grid, comm.Get_size())
        self.grid = grid
        self.threads = threads
        self.reducer = Reducer(comm)
        self.ghosts = PlaneExchange(comm)
        dtype = np.dtype(dtype)
        self._library = fftw.get_fftw_lib(dtype)
        self.wisdom = ""
        options = dict(threads=threads, planner_effort=f"FFTW_{planning.upper()}")
        if planning == "estimate":
            self._make_plans(comm, dtype, options)
        else:
            self._plan_measured(comm, dtype, options, wisdom)
        self.real = self._stages[0].forward.input_array
        self.spectral = self._stages[-1].forward.output_array
        self.local_shape = self.real.shape
        self.spectral_shape = self.spectral.shape
        n2 = grid.shape[2]
        self.weights = np.full(n2 // 2 + 1, 2.0)
        self.weights[0] = 1.0
        if n2 % 2 == 0:
            self.weights[-1] = 1.0

    def _make_plans(self, comm: MPI.Comm, dtype: np.dtype, options: dict) -> None:
        # mpi4py-fft's PFFT would move the division from x to z, in runs of 16 n2 / (2 ranks) bytes.  Its layers put
        # together so that it goes to y send longer runs (1.4x faster at 256^3 on 2 ranks) and allow twice the ranks.
        n0, n1, n2 = self.grid.shape
        self._slabs = Subcomm(comm, [comm.Get_size(), 1, 1])
        real = Pencil(self._slabs, (n0, n1, n2), 1)
        before = spectral = Pencil(self._slabs, (n0, n1, n2 // 2 + 1), 1)
        at_once = comm.Get_size() == 1 and self._transforms_x
        self._stages = [FFT(real.subshape, (0, 1, 2) if at_once else (1, 2), dtype, **options)]
        self._transfer = None
        if comm.Get_size() > 1:
            complex_dtype = self._stages[0].forward.output_array.dtype
            spectral = before.pencil(0)
            self._transfer = before.transfer(spectral, complex_dtype)
            if self._transforms_x:
                self._stages.append(FFT(spectral.subshape, (0,), complex_dtype,
                                        transforms={(0,): (_in_place_fftn, fftw.ifftn)}, **options))
        self.local_slice = _slices(real)
        self.spectral_slice = _slices(spectral)

    def _plan_measured(self, comm: MPI.Comm, dtype: np.dtype, options: dict, wisdom: str | None) -> None:
        """What this process has planned before FFTW knows: no files, no texts sent round."""
        key = (dtype.str, self.grid.shape, comm.Get_size(), comm.Get_rank(), self._transforms_x, *options.values(),
               *plan_caches(dtype))
        if wisdom is None and comm.allreduce(int(key in _planned), op=MPI.MIN):
            self._make_plans(comm, dtype, options)
            self.wisdom = _latest_wisdom[dtype.str]
            return
        self._make_measured_plans(comm, dtype, options, wisdom)
        _planned.add(key)
        _latest_wisdom[dtype.str] = self.wisdom

    def _make_measured_plans(self, comm: MPI.Comm, dtype: np.dtype, options: dict, wisdom: str | None) -> None:
        """Plans all ranks will choose again: what any rank had to measure goes to all, and to the user's file."""
        # FFTW takes wisdom only once its threads are set up, which the first plan does.
        fftw.rfftn(fftw.aligned((2,), dtype=dtype), flags=(fftw.FFTW_ESTIMATE,))
        caches = plan_caches(dtype)
        known = comm.bcast([wisdom or "", read_or_nothing(caches)] if comm.Get_rank() == 0 else None)
        for text in reversed(known):
            import_wisdom(self._library, text)
        before = export_wisdom(self._library)
        self._make_plans(comm, dtype, options)
        after = export_wisdom(self._library)
        self.wisdom = comm.bcast(after)
        if not comm.allreduce(int(after != before), op=MPI.MAX):
            return
        gathered = comm.gather(after)
        if comm.Get_rank() == 0:
            for text in sorted(set(gathered)):
                import_wisdom(self._library, text)
            self.wisdom = export_wisdom(self._library)
            write_if_possible(caches, self.wisdom)
        self.wisdom = comm.bcast(self.wisdom)
        # Ranks that measured the same transform may have found different plans: settle on one.
        self._free_plans()
        self._library.forget_wisdom()
        import_wisdom(self._library, self.wisdom)
        self._make_plans(comm, dtype, options)

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
        first, last = self._stages[0].forward, self._stages[-1].forward
        first(normalize=False)
        if self._transfer is not None:
            self._transfer.forward(first.output_array, last.input_array)
            last(normalize=False)
        return self.spectral

    def backward(self) -> np.ndarray:
        """``real`` = ``grid.num_voxels`` times the inverse transform of ``spectral``; collective."""
        first, last = self._stages[-1].backward, self._stages[0].backward
        first(normalize=False)
        if self._transfer is not None:
            self._transfer.backward(first.output_array, last.input_array)
            last(normalize=False)
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
        buffers = {a.ctypes.data: a.nbytes for part in self._stages
                   for a in (part.forward.input_array, part.forward.output_array)}
        return sum(buffers.values())

    def close(self) -> None:
        """Collective: give back the plan's memory and communicators.  No harm if it is closed already."""
        if self._stages is not None:
            self._free_plans()
        self.real = self.spectral = None

    def __enter__(self) -> SlabTransform:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _free_plans(self) -> None:
        if self._transfer is not None:
            self._transfer.destroy()
        self._slabs.destroy()
        # mpi4py-fft's FFT objects refer to themselves: their buffers would stay until the garbage collector comes by.
        for stage in self._stages or ():
            vars(stage).clear()
        self._transfer = self._stages = None


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

    def __init__(self, grid: PeriodicGrid, comm: MPI.Comm, dtype="float64", threads: int = 1,
                 planning: str = "measure", wisdom: str | None = None):
        super().__init__(grid, comm, dtype, threads, planning, wisdom)
        self.ghosts = PlaneExchange(comm, mirrored=True)
        self._planes = self.spectral
        if self._transfer is not None:
            self.spectral = fftw.aligned([s.stop - s.start for s in self.spectral_slice], dtype=self._planes.dtype)
            self.spectral_shape = self.spectral.shape
        n1, n2 = grid.shape[1:]
        self.rows, self.columns = _makhoul_order(n1), _makhoul_order(n2)
        self._twiddles = [np.exp(-0.5j * np.pi * np.arange(n) / length).astype(self._planes.dtype)
                          for n, length in ((n1, n1), (n2 // 2 + 1, n2))]
        along_z = np.column_stack([self.weights, self.weights])
        along_z[0, 1] = 0.0
        along_y = np.full(n1, 2.0)
        along_y[0] = 1.0
        self.weights = along_y[self.spectral_slice[1]].copy(), along_z.ravel()

    def forward(self) -> np.ndarray:
        """``spectral`` = cosine coefficients of the planes in ``real``; collective, in place, unnormalised."""
        self._stages[0].forward(normalize=False)
        kernels.cosines_from_fourier(self._planes, self._twiddles[0] / 2, self._twiddles[1])
        if self._transfer is not None:
            self._transfer.forward(self._planes, self.spectral)
        return self.spectral

    def backward(self) -> np.ndarray:
        """``real`` = n1 n2 times the planes that have the coefficients ``spectral``; collective."""
        if self._transfer is not None:
            self._transfer.backward(self.spectral, self._planes)
        kernels.fourier_from_cosines(self._planes, *self._twiddles)
        self._stages[0].backward(normalize=False)
        return self.real

    def difference_symbols(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues of minus the second difference along y, local part, and z, real and imaginary parts in turns."""
        n, h = self.grid.shape, self.grid.spacing
        k1, k2 = np.arange(n[1])[self.spectral_slice[1]], np.arange(n[2] // 2 + 1)
        along_z = np.column_stack([k2, n[2] - k2]).ravel()
        return tuple((2 - 2 * np.cos(np.pi * k / length)) / step**2
                     for k, length, step in ((k1, n[1], h[1]), (along_z, n[2], h[2])))

    @property
    def num_bytes(self) -> int:
        """Memory of the buffers on this rank."""
        return super().num_bytes + (0 if self._transfer is None else self.spectral.nbytes)

    def close(self) -> None:
        """Collective: give back the plan's memory and communicators."""
        super().close()
        self._planes = None


def _makhoul_order(n: int) -> np.ndarray:
    """Where each of n samples goes: the even ones to the front, the odd ones backwards to the end."""
    index = np.arange(n)
    return np.where(index % 2 == 0, index // 2, n - 1 - index // 2)


def _slices(pencil: Pencil) -> tuple[slice, ...]:
    return tuple(slice(start, start + n) for start, n in zip(pencil.substart, pencil.subshape))


def slab_of(grid: PeriodicGrid, comm: MPI.Comm) -> tuple[slice, slice, slice]:
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
