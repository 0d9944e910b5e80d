"""Resampling by Fourier series at every rank count."""

import numpy as np
import pytest
from helpers.builders import ALONE, gather, make_transform

from pfsolid.errors import InputError
from pfsolid.io.images.slab import read_image_slab
from pfsolid.phasefield.resample import resample

CELL = (6.0, 5.0, 4.0)
# The modes below need 5, 7 and 7 voxels along x, y, z.
SHAPES = [(12, 10, 8), (9, 11, 7), (16, 8, 10), (5, 7, 9), (24, 20, 16)]


def on_cell(shape, comm, **options):
    return make_transform(shape, tuple(length / n for length, n in zip(CELL, shape)), comm, **options)


def series(transform):
    """A field of a few modes, sampled at the voxels' centres."""
    x, y, z = (2 * np.pi * points / length for points, length in zip(transform.coordinates(), CELL))
    return (0.7 + 0.2 * np.cos(2 * x + 0.3) * np.sin(3 * y) + 0.1 * np.cos(3 * z - y + 1.0)
            + 0.05 * np.sin(x + 2 * y + 3 * z))


def resampled(field, old, new, comm):
    source, target = on_cell(old, comm), on_cell(new, comm)
    source.real[...] = field[source.local_slice] if isinstance(field, np.ndarray) else field(source)
    resample(source, target)
    return target


@pytest.mark.parametrize("old", SHAPES)
@pytest.mark.parametrize("new", SHAPES)
def test_exact_for_what_both_can_represent(comm, old, new):
    target = resampled(series, old, new, comm)
    assert np.allclose(target.real, series(target), rtol=0, atol=1e-13)


@pytest.mark.parametrize("old, new", [((6, 8, 6), (9, 12, 10)), ((6, 5, 8), (12, 9, 8)), ((6, 4, 4), (6, 4, 4)),
                                      ((8, 8, 8), (16, 9, 8))])
def test_there_and_back(comm, old, new):
    """Noise has all modes of its grid, Nyquist's with them: a finer grid keeps them and gives them back."""
    noise = np.random.default_rng(3).random(old)
    finer = gather(resampled(noise, old, new, comm).real, comm)
    assert finer.mean() == pytest.approx(noise.mean(), abs=1e-14)
    assert np.allclose(gather(resampled(finer, new, old, comm).real, comm), noise, rtol=0, atol=1e-13)


@pytest.mark.parametrize("old, new", [((12, 16, 10), (8, 6, 4)), ((12, 9, 10), (5, 12, 6)), ((8, 8, 8), (7, 4, 5))])
def test_mean_of_noise_on_a_coarser_grid(comm, old, new):
    noise = np.random.default_rng(4).random(old)
    coarse = gather(resampled(noise, old, new, comm).real, comm)
    assert coarse.mean() == pytest.approx(noise.mean(), abs=1e-14)


@pytest.mark.parametrize("old, new", [((12, 16, 10), (8, 6, 4)), ((6, 8, 6), (9, 12, 10)), ((8, 5, 6), (4, 10, 6))])
def test_against_the_sum_of_the_series(comm, old, new):
    """Every mode by hand: a coefficient of Nyquist's frequency is shared by both signs; the coarser axis bounds."""
    noise = np.random.default_rng(5).random(old)
    values = noise.astype(complex)
    for axis, (n, m) in enumerate(zip(old, new)):
        matrix = np.zeros((m, n), complex)
        for f in range(-(min(n, m) // 2), min(n, m) // 2 + 1):
            share = 0.5 if 2 * abs(f) == n else 1.0
            there = np.exp(2j * np.pi * f * (np.arange(m) + 0.5) / m)
            here = np.exp(-2j * np.pi * f * (np.arange(n) + 0.5) / n)
            matrix += share * np.outer(there, here) / n
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    assert np.abs(values.imag).max() < 1e-13
    result = gather(resampled(noise, old, new, comm).real, comm)
    assert np.allclose(result, values.real, rtol=0, atol=1e-13)


def test_two_dimensions_and_single_precision(comm):
    source, target = (make_transform((n, n, 1), (12 / n, 12 / n, 1.0), comm, dtype="float32") for n in (12, 20))
    for transform in (source, target):
        x, y, _ = transform.coordinates()
        transform.real[...] = 0.5 + 0.3 * np.cos(np.pi * x / 6) * np.sin(np.pi * y / 3) + 0 * transform.real
    expected = target.real.copy()
    resample(source, target)
    assert np.allclose(target.real, expected, atol=1e-6)


def test_another_cell_is_refused(comm):
    with pytest.raises(InputError, match="resampling changes the voxels, not the cell"):
        resample(on_cell((12, 10, 8), comm), make_transform((12, 10, 8), 1.0, comm))


# --- from a file to another grid ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.npy", "a.tif"])
def test_an_image_on_another_grid(comm, shared_tmp_path, name):
    """What one program writes, each rank reads its slab of, and all put on a finer grid."""
    import tifffile
    if comm.rank == 0:
        whole = series(on_cell((12, 10, 8), ALONE))
        np.save(shared_tmp_path / "a.npy", whole.T)
        tifffile.imwrite(shared_tmp_path / "a.tif", whole.transpose(2, 1, 0))
    comm.Barrier()
    source, target = on_cell((12, 10, 8), comm), on_cell((15, 20, 11), comm)
    source.real[...] = read_image_slab(shared_tmp_path / name, source.local_slice, comm)
    resample(source, target)
    assert np.allclose(target.real, series(target), rtol=0, atol=1e-13)


def test_a_bad_value_on_one_rank_is_refused_by_all(comm, shared_tmp_path):
    if comm.rank == 0:
        field = np.full((12, 10, 8), 0.5)
        field[11, 2, 3] = np.nan
        np.save(shared_tmp_path / "a.npy", field.T)
    comm.Barrier()
    with pytest.raises(InputError, match=r"\(11, 2, 3\) is nan"):
        read_image_slab(shared_tmp_path / "a.npy", on_cell((12, 10, 8), comm).local_slice, comm)
