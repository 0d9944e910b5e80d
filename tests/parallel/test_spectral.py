"""The divided transform against numpy.fft of the whole field."""

import numpy as np
import pytest
from helpers.builders import ALONE, gather, make_transform
from mpi4py import MPI
from mpi4py_fft.libfft import FFT
from mpi4py_fft.pencil import Transfer

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.parallel.collective import PlaneExchange
from pfsolid.spectral.distributed import DistributedPlans
from pfsolid.spectral.transform import CosineSlabTransform, slab_of
from pfsolid.spectral.whole import WholePlans

SHAPES = [(15, 9, 7), (16, 16, 16), (12, 10, 1), (5, 7, 8), (4, 4, 2)]
# Rounding of a transform, relative to its largest value.
ROUNDING = {"float64": 1e-14, "float32": 1e-6}


def whole_field(shape):
    return np.random.default_rng(1).standard_normal(shape)


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_backward(comm, shape, dtype):
    transform, field = make_transform(shape, comm=comm, dtype=dtype), whole_field(shape)
    transform.real[...] = field[transform.local_slice]
    spectrum = gather(transform.forward(), comm, axis=1)
    exact = np.fft.rfftn(field)
    assert spectrum.shape == exact.shape
    assert np.allclose(spectrum, exact, rtol=0, atol=ROUNDING[dtype] * np.abs(exact).max())
    back = gather(transform.backward(), comm)
    assert np.allclose(back, field.size * field, rtol=0, atol=ROUNDING[dtype] * field.size * np.abs(field).max())


def test_several_ranks_transform_by_mpi4py_fft(comm):
    plans = make_transform((8, 7, 6), comm=comm)._plans
    if comm.size == 1:
        assert isinstance(plans, WholePlans)
    else:
        assert isinstance(plans._in_planes, FFT) and isinstance(plans._along_x, FFT)
        assert isinstance(plans._transfer, Transfer)


@pytest.mark.ranks(1, 3)
@pytest.mark.parametrize("transforms_x", [True, False])
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_one_rank_gets_from_pyfftw_what_mpi4py_fft_gives_it(shape, dtype, transforms_x):
    grid, field = PeriodicGrid(shape, (1.0, 1.0, 1.0)), whole_field(shape)
    ours, theirs = (kind(*of, np.dtype(dtype), 1, "estimate", transforms_x) for kind, of in (
        (WholePlans, (grid,)), (DistributedPlans, (grid, MPI.COMM_SELF))))
    for plans in (ours, theirs):
        plans.real[...] = field
        plans.forward_planes()
        plans.planes_to_spectral()
    scale = np.abs(theirs.spectral).max()
    assert np.allclose(ours.spectral, theirs.spectral, rtol=0, atol=ROUNDING[dtype] * scale)
    assert (ours.local_slice, ours.spectral_slice) == (theirs.local_slice, theirs.spectral_slice)
    for plans in (ours, theirs):
        plans.spectral_to_planes()
        plans.backward_planes()
    assert np.allclose(ours.real, theirs.real, rtol=0, atol=ROUNDING[dtype] * np.abs(theirs.real).max())
    ours.close()
    theirs.close()


@pytest.mark.parametrize("shape", SHAPES)
def test_slices_cover_the_arrays_in_rank_order(comm, shape):
    transform = make_transform(shape, comm=comm)
    assert transform.local_slice == slab_of(transform.grid, comm)
    assert transform.real.shape == transform.local_shape == tuple(s.stop - s.start for s in transform.local_slice)
    assert transform.spectral.shape == transform.spectral_shape == tuple(
        s.stop - s.start for s in transform.spectral_slice)
    for axis, slices in ((0, transform.local_slice), (1, transform.spectral_slice)):
        indices = gather(np.arange(shape[axis])[slices[axis]], comm)
        assert np.array_equal(indices, np.arange(shape[axis]))
    assert transform.first_plane == transform.local_slice[0].start


@pytest.mark.parametrize("shape", SHAPES)
def test_one_rank_holds_the_mean(comm, shape):
    transform, field = make_transform(shape, comm=comm), whole_field(shape)
    transform.real[...] = field[transform.local_slice]
    transform.forward()
    means = comm.allgather(transform.spectral[0, 0, 0] if transform.holds_mean else None)
    held = [mean for mean in means if mean is not None]
    assert len(held) == 1 and held[0] == pytest.approx(field.sum(), rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_parseval_with_the_weights(comm, shape):
    transform, field = make_transform(shape, comm=comm), whole_field(shape)
    transform.real[...] = field[transform.local_slice]
    local = np.sum(transform.weights * np.abs(transform.forward()) ** 2) / field.size
    assert transform.reducer.sum(local)[0] == pytest.approx(np.sum(field**2), rel=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_wavenumbers_and_coordinates(comm, shape):
    divided, alone = make_transform(shape, (0.5, 0.3, 0.2), comm), make_transform(shape, (0.5, 0.3, 0.2))
    for axis in range(3):
        for ours, whole in ((divided.wavenumbers(), alone.wavenumbers()),
                            (divided.difference_symbols(), alone.difference_symbols())):
            assert np.array_equal(ours[axis], whole[axis][divided.spectral_slice[axis]])
    assert np.array_equal(gather(divided.coordinates()[0], comm), alone.coordinates()[0])


def test_laplacian_of_a_wave(comm):
    transform = make_transform((15, 9, 7), (0.5, 0.3, 0.2), comm)
    k = [2 * np.pi * m / length for m, length in zip((2, 1, 3), transform.grid.lengths)]
    wave = np.cos(sum(k_i * x for k_i, x in zip(k, transform.coordinates())))
    transform.real[...] = wave
    transform.forward()
    transform.spectral *= -sum(k_i**2 for k_i in np.ix_(*transform.wavenumbers())) / transform.grid.num_voxels
    exact = -sum(k_i**2 for k_i in k) * wave
    assert np.allclose(transform.backward(), exact, atol=1e-10)  # rounding times the largest k^2, 1e4


def test_more_ranks_than_planes(comm):
    make_transform((comm.size, comm.size, 4), comm=comm)
    for shape in ((comm.size - 1, 8, 8), (8, comm.size - 1, 8)):
        if min(shape) > 0:
            with pytest.raises(InputError, match="ranks are too many"):
                make_transform(shape, comm=comm)


def test_single_precision_halves_the_memory(comm):
    single, double = (make_transform((16, 16, 16), comm=comm, dtype=dtype) for dtype in ROUNDING)
    sizes = comm.allgather((single.num_bytes, double.num_bytes))
    assert all(2 * min(pair) == max(pair) for pair in sizes)


def test_wisdom_gives_the_same_plan_again(comm):
    """What a restart at the same rank count needs to go on with the same bits."""
    field = whole_field((15, 9, 7))
    first = make_transform(field.shape, comm=comm, planning="measure")
    again = make_transform(field.shape, comm=comm, planning="measure", wisdom=first.wisdom)
    for transform in (first, again):
        transform.real[...] = field[transform.local_slice]
        transform.forward()
    assert np.array_equal(first.spectral, again.spectral)


def test_closing(comm):
    transform = make_transform((8, 8, 8), comm=comm)
    transform.close()
    assert transform.real is None


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_cosine_series(comm, shape, dtype):
    field = whole_field(shape)
    divided, alone = (CosineSlabTransform(PeriodicGrid(shape, (1.0, 0.7, 1.3)), c, dtype, planning="estimate")
                      for c in (comm, ALONE))
    for transform in (divided, alone):
        transform.real[...] = field[transform.local_slice]
    spectrum, exact = gather(divided.forward(), comm, axis=1), alone.forward()
    assert spectrum.shape == exact.shape and divided.spectral_shape == divided.spectral.shape
    assert np.allclose(spectrum, exact, rtol=0, atol=ROUNDING[dtype] * np.abs(exact).max())
    n = shape[1] * shape[2]
    assert np.allclose(gather(divided.backward(), comm), n * field, rtol=0, atol=2 * ROUNDING[dtype] * n * 4)
    for ours, whole in zip(divided.difference_symbols() + divided.weights, alone.difference_symbols() + alone.weights):
        part = divided.spectral_slice[1] if whole.size == shape[1] and ours.size != whole.size else slice(None)
        assert np.array_equal(ours, whole[part])
    divided.close()


def test_planes_in_a_mirror(comm):
    """Even and odd images beyond the ends, neighbours' planes between ranks; each face counts once over all ranks."""
    ghosts = PlaneExchange(comm, mirrored=True)
    ghosted = np.empty((4, 2, 2))
    ghosted[1:-1] = np.array([2.0 * comm.rank + 1, 2.0 * comm.rank + 2])[:, None, None]
    for odd in (False, True):
        ghosts.fill(ghosted, odd)
        sign = -1 if odd else 1
        below = sign * 1.0 if comm.rank == 0 else 2.0 * comm.rank
        above = sign * 2.0 * comm.size if comm.rank == comm.size - 1 else 2.0 * comm.rank + 3
        assert np.all(ghosted[0] == below) and np.all(ghosted[-1] == above)
    shares = comm.allgather(ghosts.end_shares)
    assert shares[0][0] == shares[-1][1] == 0.5
    assert all(here[1] + after[0] == 1 for here, after in zip(shares, shares[1:]))
