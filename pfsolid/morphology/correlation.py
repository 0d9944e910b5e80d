"""Two-point correlation and structure factor of a field, by Fourier transform."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len

from ..grid import PeriodicGrid
from ..spectral.transform import SlabTransform
from . import kernels
from .open_image import OpenImage

_ROUNDING = 32  # relative fluctuation, in units of the precision, that is none


@dataclass(frozen=True)
class Correlation:
    """Second-order statistics of the fluctuation f - <f>; lengths in the unit of the grid's spacing.

    S(k) = V |f_k|^2 = integral of C(r) exp(-i k r) dV with f_k the Fourier coefficients of f, and
    C(r) = <(f(x) - <f>) (f(x + r) - <f>)>.  For the indicator of a phase of fraction phi, C(r) + phi^2 is S2(r), the
    probability that both ends of r lie in the phase.

    Attributes
    ----------
    mean, variance : float
        <f> and C(0).
    k, structure_factor : ndarray
        Averages over shells in k; the shells go up to the smallest of the axes' Nyquist wavenumbers.
    k_xyz, structure_factor_xyz : tuple of 3 ndarray
        Along the axes.
    r, covariance : ndarray
        Averages over shells in r, up to half the shortest edge; r[0] = 0.
    r_xyz, covariance_xyz : tuple of 3 ndarray
        Along the axes, up to half of each edge.
    mean_k : float
        <k> = sum k S / sum S over all modes.
    mean_k_xyz : tuple of 3 float
        The same for |k_x|, |k_y|, |k_z|.

    An open image has no Fourier series: all that is of k is None.
    """

    mean: float
    variance: float
    k: np.ndarray | None
    structure_factor: np.ndarray | None
    k_xyz: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    structure_factor_xyz: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    r: np.ndarray
    covariance: np.ndarray
    r_xyz: tuple[np.ndarray, np.ndarray, np.ndarray]
    covariance_xyz: tuple[np.ndarray, np.ndarray, np.ndarray]
    mean_k: float | None
    mean_k_xyz: tuple[float, float, float] | None

    @property
    def spacing(self) -> float:
        """2 pi / <k>; infinite for a uniform field, NaN for an open image."""
        return math.nan if self.mean_k is None else _wavelength(self.mean_k)

    @property
    def spacing_xyz(self) -> tuple[float, float, float]:
        """2 pi / <|k_i|>; infinite along an axis on which nothing varies, NaN for an open image."""
        return (math.nan,) * 3 if self.mean_k_xyz is None else tuple(_wavelength(k) for k in self.mean_k_xyz)

    @property
    def first_zero(self) -> float:
        """Smallest r at which the shell average of C vanishes, interpolated; NaN if there is none."""
        return find_first_zero(self.r, self.covariance)

    @property
    def first_zero_xyz(self) -> tuple[float, float, float]:
        return tuple(find_first_zero(r, c) for r, c in zip(self.r_xyz, self.covariance_xyz))


def correlate(field: np.ndarray, transform: SlabTransform) -> Correlation:
    """Structure factor and correlation of a field by one forward and one backward transform.

    Collective; overwrites both buffers of the transform, where ``field`` may lie.

    Parameters
    ----------
    field : ndarray, local (n0, n1, n2)
        The density, or the indicator of a phase.

    Returns
    -------
    Correlation
    """
    grid, reducer = transform.grid, transform.reducer
    transform.real[...] = field
    spectrum = transform.forward()
    zero_mode = spectrum[0, 0, 0].real if transform.holds_mean else 0.0
    mean = reducer.sum(zero_mode)[0] / grid.num_voxels
    if transform.holds_mean:
        spectrum[0, 0, 0] = 0
    # So scaled, the backward transform gives the covariance, and S is the power times the volume.
    kernels.to_power(spectrum, 1 / grid.num_voxels**2)
    k, power, moments = _shells_in_k(spectrum, transform)
    if moments[0] <= (_ROUNDING * np.finfo(transform.real.dtype).eps * mean) ** 2:  # a uniform field
        spectrum[...] = 0
        power, moments = np.zeros_like(power), [0.0] * len(moments)
    k_xyz, power_xyz = _power_along_axes(spectrum, transform)
    covariance = transform.backward()
    variance = moments[0]
    mean_k, *mean_k_xyz = (m / variance if variance > 0 else 0.0 for m in moments[1:])
    return Correlation(mean, variance, k, power * grid.volume, k_xyz, tuple(p * grid.volume for p in power_xyz),
                       *_shells_in_r(covariance, transform, grid), *_covariance_along_axes(covariance, transform, grid),
                       mean_k, tuple(mean_k_xyz))


def padded_grid(grid: PeriodicGrid) -> PeriodicGrid:
    """The grid on which `correlate_open` transforms: half as many voxels more along each axis, so nothing meets itself."""
    return PeriodicGrid(tuple(n if n == 1 else next_fast_len(n + n // 2) for n in grid.shape), grid.spacing)


def correlate_open(field: np.ndarray, image: OpenImage, transform: SlabTransform) -> Correlation:
    """Correlation of an image that ends at its faces: the mean over all pairs of its voxels at distance r.

    Collective; overwrites both buffers of the transform.  C(r) = sum f(x) f(x + r) / number of pairs - <f>^2, by padding
    with zeros; for the indicator of a phase the first term is S2(r) without bias.

    Parameters
    ----------
    field : ndarray, local (n0, n1, n2) of the image
    image : OpenImage
    transform : SlabTransform
        On the `padded_grid`.

    Returns
    -------
    Correlation
    """
    grid, padded = image.grid, transform.grid
    mean = image.reducer.sum(float(field.sum(dtype=np.float64)))[0] / grid.num_voxels
    _place(field, image, transform)
    kernels.to_power(transform.forward(), 1 / padded.num_voxels)
    covariance = transform.backward()
    pairs = [np.maximum(n - np.minimum(i, p - i), 1.0) for n, p, i in zip(grid.shape, padded.shape, _places(transform))]
    in_plane = np.multiply.outer(pairs[1], pairs[2])
    for plane, number in zip(covariance, pairs[0]):
        plane /= number * in_plane
        plane -= mean**2
    origin = float(covariance[0, 0, 0]) if transform.first_plane == 0 else 0.0
    variance = image.reducer.sum(origin)[0]
    if variance <= _ROUNDING * np.finfo(covariance.dtype).eps * mean**2:  # a uniform field
        covariance[...] = variance = 0.0
    r_xyz, covariance_xyz = _covariance_along_axes(covariance, transform, grid)
    return Correlation(mean, variance, None, None, None, None,
                       *_shells_in_r(covariance, transform, grid), r_xyz, covariance_xyz, None, None)


def correlate_within(field: np.ndarray, inside: np.ndarray, cell, transform: SlabTransform) -> Correlation:
    """Correlation of a phase in a field of view that is not the whole image: the mean over all pairs of voxels inside it.

    Collective; overwrites both buffers of the transform.  C(r) + <f>^2 = S2(r) without bias.

    Parameters
    ----------
    field : ndarray of bool, local (n0, n1, n2)
        The phase.
    inside : ndarray of bool, local (n0, n1, n2)
        The field of view, in which the phase lies.
    cell : Slab
        Of the image: a transform's, or an `OpenImage`.
    transform : SlabTransform
        On the cell's own grid if it is periodic, else on the `padded_grid`.

    Returns
    -------
    Correlation
    """
    grid, reducer = cell.grid, cell.reducer
    number = reducer.sum([np.count_nonzero(field), np.count_nonzero(inside)])
    mean = float(number[0] / max(number[1], 1))
    pairs = np.maximum(_pairs_of(inside, cell, transform), 1)  # as many as there are: whole numbers
    covariance = _pairs_of(field, cell, transform)
    covariance /= pairs
    covariance -= mean**2
    r_xyz, covariance_xyz = _covariance_along_axes(covariance, transform, grid)
    return Correlation(mean, mean - mean**2, None, None, None, None, *_shells_in_r(covariance, transform, grid), r_xyz,
                       covariance_xyz, None, None)


def _pairs_of(field: np.ndarray, cell, transform: SlabTransform) -> np.ndarray:
    """How many pairs of voxels that are 1 there are at each distance, (n0, n1, n2) of the transform."""
    _place(field, cell, transform)
    kernels.to_power(transform.forward(), 1 / transform.grid.num_voxels)
    return np.rint(transform.backward())


def _place(field: np.ndarray, image, transform: SlabTransform) -> None:
    """Put an image into the first corner of the transform's buffer, 0 elsewhere: planes go to the ranks that have them."""
    first, reducer = image.first_plane, image.reducer
    slabs = reducer.gather((transform.first_plane, transform.local_shape[0]))
    parcels = [(first + max(start - first, 0), field[max(start - first, 0):max(start + planes - first, 0)])
               for start, planes in slabs]
    transform.real[...] = 0
    for start, planes in reducer.exchange(parcels):
        at = start - transform.first_plane
        transform.real[at:at + len(planes), :field.shape[1], :field.shape[2]] = planes


def _places(transform: SlabTransform) -> list[np.ndarray]:
    """Global index of the local voxels along each axis."""
    return [np.arange(part.start, part.stop) for part in transform.local_slice]


def find_first_zero(r: np.ndarray, values: np.ndarray) -> float:
    """First zero of a sampled function that starts positive, by linear interpolation; NaN if there is none."""
    below = np.flatnonzero(values <= 0)
    if not below.size or below[0] == 0:
        return math.nan
    i = below[0]
    return float(r[i - 1] + (r[i] - r[i - 1]) * values[i - 1] / (values[i - 1] - values[i]))


def _wavelength(k: float) -> float:
    return 2 * math.pi / k if k > 0 else math.inf


def _varying_axes(grid) -> tuple[int, ...]:
    """Axes of more than one voxel; all, if there is none."""
    return grid.extended_axes or (0, 1, 2)


def _shells_in_k(spectrum, transform: SlabTransform) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """k and mean power of each shell, and the sums of power times 1, |k|, |kx|, |ky|, |kz|."""
    grid = transform.grid
    axes = _varying_axes(grid)
    width = 2 * math.pi / max(grid.lengths[axis] for axis in axes)
    nyquist = math.pi / max(grid.spacing[axis] for axis in axes)
    num_shells = int(nyquist / width + 0.5) + 1
    shells = np.zeros((spectrum.shape[0], num_shells, 3))
    moments = np.empty((spectrum.shape[0], 5))
    kernels.spectrum_shells(spectrum, transform.wavenumbers(), transform.weights, width, shells, moments)
    k, power = _shell_means(transform.reducer.sum(shells.sum(axis=0))[1:])  # the first holds the mean alone
    return k, power, transform.reducer.sum(moments.sum(axis=0)).tolist()


def _shells_in_r(covariance, transform: SlabTransform, grid: PeriodicGrid) -> tuple[np.ndarray, np.ndarray]:
    """r and mean covariance of each shell, up to half the shortest edge of ``grid``, which the transform's may pad."""
    axes = _varying_axes(grid)
    width = min(grid.spacing[axis] for axis in axes)
    num_shells = int(0.5 * min(grid.lengths[axis] for axis in axes) / width + 1e-9) + 1
    coordinates = tuple((np.minimum(i, n - i) * h) ** 2
                        for i, n, h in zip(_places(transform), transform.grid.shape, grid.spacing))
    shells = np.zeros((covariance.shape[0], num_shells, 3))
    kernels.distance_shells(covariance, coordinates, width, shells)
    return _shell_means(transform.reducer.sum(shells.sum(axis=0)))


def _shell_means(shells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From number, sum of position and sum of value of each shell; empty shells are left out."""
    number, position, value = shells[shells[:, 0] > 0].T
    return position / number, value / number


def _power_along_axes(spectrum, transform: SlabTransform) -> tuple[tuple, tuple]:
    """k and power of the modes that vary along one axis only, up to its Nyquist wavenumber."""
    grid, reducer = transform.grid, transform.reducer
    power = spectrum.real
    along_x, along_z = power[:, 0, 0].copy(), power[0, 0].copy()
    if not transform.holds_mean:
        along_x[:] = along_z[:] = 0
    lines = reducer.sum(along_x), reducer.concatenate(power[0, :, 0].astype(np.float64)), reducer.sum(along_z)
    k = tuple(2 * math.pi / length * np.arange(1, n // 2 + 1) for n, length in zip(grid.shape, grid.lengths))
    return k, tuple(line[1:n // 2 + 1] for line, n in zip(lines, grid.shape))


def _covariance_along_axes(covariance, transform: SlabTransform, grid: PeriodicGrid) -> tuple[tuple, tuple]:
    reducer = transform.reducer
    along_y, along_z = covariance[0, :, 0].copy(), covariance[0, 0].copy()
    if transform.first_plane != 0:
        along_y[:] = along_z[:] = 0
    lines = reducer.concatenate(covariance[:, 0, 0].astype(np.float64)), reducer.sum(along_y), reducer.sum(along_z)
    r = tuple(h * np.arange(n // 2 + 1) for n, h in zip(grid.shape, grid.spacing))
    return r, tuple(line[:n // 2 + 1] for line, n in zip(lines, grid.shape))
