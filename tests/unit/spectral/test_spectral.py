"""The transform on one rank against numpy.fft; its division over ranks is tested in tests/parallel."""

import numpy as np
import pytest
import scipy.fft
from helpers.builders import ALONE, make_transform

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.plans import library_for, make_plans
from pfsolid.spectral.transform import CosineSlabTransform, check_rank_count, slab_of
from pfsolid.spectral.wisdom import plan_caches

SHAPES = [(8, 6, 4), (7, 5, 9), (6, 5, 1), (1, 4, 6), (16, 1, 1), (5, 6, 2)]
# Rounding of a transform grows with log N; the largest here has 315 points.
ROUNDING = {"float64": 1e-14, "float32": 1e-6}


def random_field(shape):
    return np.random.default_rng(1).standard_normal(shape)


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_forward_and_backward(shape, dtype):
    transform, field = make_transform(shape, dtype=dtype), random_field(shape)
    assert transform.real.dtype == dtype and transform.local_shape == shape
    transform.real[...] = field
    exact = np.fft.rfftn(field)
    assert np.allclose(transform.forward(), exact, rtol=0, atol=ROUNDING[dtype] * np.abs(exact).max())
    assert np.allclose(transform.backward(), field.size * field, rtol=0, atol=ROUNDING[dtype] * field.size * 3)


@pytest.mark.parametrize("shape", SHAPES)
def test_parseval_with_the_weights(shape):
    transform, field = make_transform(shape), random_field(shape)
    transform.real[...] = field
    total = np.sum(transform.weights * np.abs(transform.forward()) ** 2) / field.size
    assert total == pytest.approx(np.sum(field**2), rel=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_wavenumbers_differentiate(shape):
    """A wave along each axis and its second derivative, and its second difference from the other symbol."""
    spacing = (0.5, 0.3, 0.2)
    transform = make_transform(shape, spacing)
    laplacian = -sum(k**2 for k in np.ix_(*transform.wavenumbers()))
    difference = -sum(np.ix_(*transform.difference_symbols()))
    x = transform.coordinates()
    for axis in range(3):
        k = 2 * np.pi / transform.grid.lengths[axis] if shape[axis] > 1 else 0.0
        wave = np.broadcast_to(np.cos(k * x[axis]), shape)
        stencil = (np.roll(wave, 1, axis) - 2 * wave + np.roll(wave, -1, axis)) / spacing[axis] ** 2
        for symbol, expected in ((laplacian, -k**2 * wave), (difference, stencil)):
            transform.real[...] = wave
            transform.forward()
            transform.spectral *= symbol / wave.size
            # Rounding is that of the largest symbol, about 4 / 0.2^2.
            assert np.allclose(transform.backward(), expected, atol=1e-12)


def test_coordinates_are_voxel_centres():
    transform = make_transform((4, 3, 2), (0.5, 1.0, 2.0))
    x, y, z = transform.coordinates()
    assert (x + y + z).shape == (4, 3, 2)
    assert np.array_equal(x.ravel(), [0.25, 0.75, 1.25, 1.75])
    assert np.array_equal(z.ravel(), [1.0, 3.0])


def test_one_rank_holds_everything():
    transform = make_transform((4, 3, 2))
    assert transform.holds_mean and transform.first_plane == 0
    assert transform.local_slice == slab_of(transform.grid, ALONE) == (slice(0, 4), slice(0, 3), slice(0, 2))
    assert transform.num_bytes == transform.real.nbytes + transform.spectral.nbytes


@pytest.mark.parametrize("num_threads", [1, 2])
def test_threads_do_not_change_the_transform(num_threads):
    field = random_field((16, 16, 16))
    transform = make_transform(field.shape, threads=num_threads)
    transform.real[...] = field
    assert np.allclose(transform.forward(), np.fft.rfftn(field), atol=1e-12)


def test_wisdom_gives_the_same_plan_again():
    field = random_field((24, 20, 18))
    first = make_transform(field.shape, planning="measure")
    first.real[...] = field
    again = make_transform(field.shape, planning="measure", wisdom=first.wisdom)
    again.real[...] = field
    assert np.array_equal(first.forward(), again.forward())
    assert "fftw" in first.wisdom


@pytest.fixture
def forgetful(tmp_path, monkeypatch):
    """A user whose caches are empty, a process that has planned nothing: the file of wisdom, and a way to forget again."""
    library = library_for(ALONE, np.dtype(np.float64))
    monkeypatch.setenv("PFSOLID_CACHE", str(tmp_path / "asked"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def forget():
        library.forget_wisdom()
        monkeypatch.setattr("pfsolid.spectral.transform._planned", set())

    known = library.export_wisdom()
    forget()
    yield plan_caches(library.name, np.float64)[0], forget
    library.forget_wisdom()
    library.import_wisdom(known)


def plans_of(wisdom: str) -> set[str]:
    return {line.strip() for line in wisdom.splitlines() if line.strip().startswith("(fftw_")}


def test_what_others_write_while_this_process_measures_is_kept(forgetful, monkeypatch):
    file, forget = forgetful
    theirs = make_transform((10, 9, 8), planning="measure").wisdom
    file.unlink()
    forget()

    def plan_while_others_write(*arguments):
        plans = make_plans(*arguments)
        if not file.exists():
            file.write_text(theirs)
        return plans

    monkeypatch.setattr("pfsolid.spectral.transform.make_plans", plan_while_others_write)
    ours = make_transform((12, 9, 8), planning="measure").wisdom
    assert plans_of(theirs) and plans_of(theirs) <= plans_of(file.read_text()) and file.read_text() == ours


def test_wisdom_that_is_given_comes_before_that_of_the_file(forgetful):
    """A checkpoint's plans go on, whatever another launch has measured since."""
    file, forget = forgetful
    given = make_transform((24, 20, 18), planning="measure").wisdom
    for _ in range(60):  # measuring again finds another plan sooner or later
        forget()
        file.unlink()
        other = make_transform((24, 20, 18), planning="measure").wisdom
        if plans_of(other) != plans_of(given):
            break
    else:
        pytest.skip("this machine measures the same plan each time")
    forget()
    assert plans_of(given) <= plans_of(make_transform((24, 20, 18), planning="measure", wisdom=given).wisdom)


def test_closed_transform_lets_its_memory_go():
    transform = make_transform((4, 4, 4))
    transform.close()
    assert transform.real is None and transform.spectral is None


@pytest.mark.parametrize("shape, planes, axis", [((4, 8, 8), 4, "x"), ((8, 3, 8), 3, "y"), ((2, 2, 9), 2, "x")])
def test_too_many_ranks(shape, planes, axis):
    grid = PeriodicGrid(shape, (1.0, 1.0, 1.0))
    check_rank_count(grid, planes)
    with pytest.raises(InputError, match=f"{planes} planes along {axis}; use at most {planes} ranks"):
        check_rank_count(grid, planes + 1)


# --- cosine series along y and z ----------------------------------------------------------------------------


def cosine_transform(shape, spacing=(1.0,) * 3, **options):
    """A transform, and the indices that put a field into its order."""
    transform = CosineSlabTransform(PeriodicGrid(shape, spacing), ALONE, **{"planning": "estimate"} | options)
    return transform, np.ix_(range(shape[0]), transform.rows, transform.columns)


def packed(coefficients):
    """c(k1, k2) + 1j c(k1, n2 - k2), with c(k1, n2) = 0."""
    n2 = coefficients.shape[2]
    padded = np.concatenate([coefficients, np.zeros_like(coefficients[:, :, :1])], axis=2)
    k2 = np.arange(n2 // 2 + 1)
    return padded[:, :, k2] + 1j * padded[:, :, n2 - k2]


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_cosine_forward_and_backward(shape, dtype):
    (transform, order), field = cosine_transform(shape, dtype=dtype), random_field(shape)
    transform.real[order] = field
    # scipy's DCT-II is twice the sum, along each of two axes.
    exact = packed(scipy.fft.dctn(field, type=2, axes=(1, 2)) / 4)
    assert np.allclose(transform.forward(), exact, rtol=0, atol=2 * ROUNDING[dtype] * np.abs(exact).max())
    n = shape[1] * shape[2]
    assert np.allclose(transform.backward()[order], n * field, rtol=0, atol=2 * ROUNDING[dtype] * n * 3)


@pytest.mark.parametrize("shape", SHAPES)
def test_cosine_parseval_with_the_weights(shape):
    (transform, order), field = cosine_transform(shape), random_field(shape)
    transform.real[order] = field
    along_y, along_z = transform.weights
    parts = transform.forward().view(float)
    total = np.sum(along_y[:, None] * along_z * parts**2) / (shape[1] * shape[2])
    assert total == pytest.approx(np.sum(field**2), rel=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_cosine_symbols_are_those_of_second_differences_in_a_mirror(shape):
    (transform, order), field = cosine_transform(shape, (0.5, 0.3, 0.2)), random_field(shape)
    extended = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    expected = sum(-np.diff(part, 2, axis) / h**2 for axis, h, part in
                   ((1, 0.3, extended[:, :, 1:-1]), (2, 0.2, extended[:, 1:-1])))
    along_y, along_z = transform.difference_symbols()
    transform.real[order] = field
    transform.forward().view(float)[...] *= (along_y[:, None] + along_z) / (shape[1] * shape[2])
    # Rounding is that of the largest symbol, about 4 / 0.2^2.
    assert np.allclose(transform.backward()[order], expected, atol=1e-12)
