"""What is measured on the way: phase fractions, whether the phases have separated, pore size, spacing, mass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..spectral.transform import SlabTransform
from . import kernels

# Of the volume between the thresholds: what has separated is below even at the first moment (figures/evolution.png).
LARGEST_SURFACE = 0.9
# Modes along each axis, of either sign, that tell samples apart.
_LOW_MODES = 2
_NUM_STRENGTHS = 32


def is_separated(pore, surface, bulk):
    """Whether a field has separated: at most 0.9 of it is surface, and both phases are there.

    Parameters
    ----------
    pore, surface, bulk : float or ndarray
        Fractions of the volume below, between and above the thresholds.
    """
    return (surface <= LARGEST_SURFACE) & (pore > 0) & (bulk > 0)


@dataclass(frozen=True)
class Census:
    """Fractions of the volume and sizes in units of the grid's spacing.

    Attributes
    ----------
    pore, surface, bulk : float
        Fractions with rho < rho_pore, between, and rho > rho_bulk.
    porosity : float
        Fraction with rho < 1/2.
    pore_size, wall_size : float
        Mean chord lengths of rho < 1/2 and rho >= 1/2 along the grid's axes: 2 * volume / crossings, averaged over
        the axes along which anything is crossed; infinite where nothing is.  As `pfsolid.morphology.sizes` has them.
    """

    pore: float
    surface: float
    bulk: float
    porosity: float
    pore_size: float
    wall_size: float

    @property
    def separated(self) -> bool:
        return bool(is_separated(self.pore, self.surface, self.bulk))


class Observer:
    """Measures rho = scale * field on a slab with preallocated work arrays; collective."""

    def __init__(self, transform: SlabTransform, rho_pore: float, rho_bulk: float):
        self._transform = transform
        self._thresholds = rho_pore, rho_bulk
        self._counts = np.empty((transform.local_shape[0], 6), dtype=np.int64)
        self._next_plane = np.empty(transform.local_shape[1:], dtype=transform.real.dtype)

    def __call__(self, field: np.ndarray, scale: float) -> Census:
        transform = self._transform
        transform.ghosts.next_plane(field, self._next_plane)
        kernels.census(field, scale, self._next_plane, *self._thresholds, self._counts)
        pore, bulk, open_, *crossings = transform.reducer.sum(self._counts.sum(axis=0))
        n, spacing = transform.grid.num_voxels, transform.grid.spacing
        # An axis along which nothing changes has no chords.
        faces = [c / h for c, h in zip(crossings, spacing) if c]
        return Census(pore / n, 1 - (pore + bulk) / n, bulk / n, open_ / n,
                      *(_chord(voxels, faces) for voxels in (open_, n - open_)))


def _chord(voxels: float, faces: list[float]) -> float:
    if not voxels:
        return 0.0
    return 2 * len(faces) * voxels / sum(faces) if sum(faces) else math.inf


def mean_spacing(rho_hat: np.ndarray, transform: SlabTransform) -> float:
    """2 pi / <k>, <k> = sum k |rho_k|^2 / sum |rho_k|^2 over k != 0: the spacing of the structure; collective.

    In the units of the grid's spacing; infinite for a uniform field.
    """
    k_squared = tuple(k**2 for k in transform.wavenumbers())
    sums = np.empty((rho_hat.shape[0], 2))
    kernels.structure_moments(rho_hat, k_squared, transform.weights, transform.holds_mean, sums)
    total, first = transform.reducer.sum(sums.sum(axis=0))
    return 2 * math.pi * total / first if first else math.inf


def mean_density(rho_hat: np.ndarray, transform: SlabTransform) -> float:
    """<rho> from the zero mode; collective."""
    local = rho_hat[0, 0, 0].real if transform.holds_mean else 0.0
    return transform.reducer.sum(local)[0] / transform.grid.num_voxels


def low_mode_strengths(rho_hat: np.ndarray, transform: SlabTransform) -> np.ndarray:
    """|rho_k|^2 of the longest waves over their sum, the 32 largest in order of size; collective.

    The same for samples that are shifted, mirrored or (in a cube) turned copies of each other, to what the grid
    resolves: a shift by part of a voxel changes the shares by less than 1e-3 (Hu's 0.5 nm voxels).  Zeros for a uniform
    field.
    """
    frequencies = [np.rint(k * length / (2 * math.pi)).astype(int)
                   for k, length in zip(transform.wavenumbers(), transform.grid.lengths)]
    # Both signs of the Nyquist frequency of a short axis are one mode; along z negative ones are not stored.
    rows = [np.flatnonzero(np.abs(f) <= _LOW_MODES) for f in frequencies]
    places = [frequencies[axis][rows[axis]] + (_LOW_MODES if axis < 2 else 0) for axis in range(3)]
    strengths = np.zeros((2 * _LOW_MODES + 1, 2 * _LOW_MODES + 1, _LOW_MODES + 1))
    strengths[np.ix_(*places)] = np.abs(rho_hat[np.ix_(*rows)]) ** 2
    strengths = transform.reducer.sum(strengths)
    strengths[_LOW_MODES, _LOW_MODES, 0] = 0
    # Each mode with its opposite, of which only those along z are stored once.
    everything = np.sort(np.concatenate([strengths.ravel(), strengths[..., 1:].ravel()]))[::-2]
    return everything[:_NUM_STRENGTHS] / (everything.sum() or 1.0)


def value_at(point, rho_hat: np.ndarray, transform: SlabTransform) -> float:
    """rho of the Fourier series at a point of the cell, wherever it is; collective.

    Parameters
    ----------
    point : sequence of 3 float
        In the units of the grid's spacing, from the cell's corner: voxel centres are at (i + 1/2) spacing.
    """
    waves = [np.exp(1j * k * (x - 0.5 * h)) for k, x, h in zip(transform.wavenumbers(), point, transform.grid.spacing)]
    local = np.einsum("ijk,i,j,k->", rho_hat, waves[0], waves[1], transform.weights * waves[2], optimize=True)
    return float(transform.reducer.sum(local.real)[0] / transform.grid.num_voxels)
