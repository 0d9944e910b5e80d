"""Periodic power diagrams (Laguerre-Voronoi): every point belongs to the grain whose |x - seed|^2 - weight is least.

In a stretched metric grains are longer along some axes.  The weights that give grains wanted volumes exist and are unique
but for a constant; they are found as in Bourne, Kok, Roper & Spanjer, Phil. Mag. 100 (2020) 2677,
doi:10.1080/14786435.2020.1790053, here by damped steps of the weights on a grid that does not depend on the image's, with
seeds that move towards their grains' centres first: without that long thin grains come out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from ..errors import InputError
from ..grid import PeriodicGrid
from ..spectral.noise import plane_generator
from .kernels import label_voxels

# Streams of random numbers of one seed.
_SEEDS, _VOLUMES = 0, 1
MIN_GRAINS, MAX_GRAINS = 2, 10_000_000
# Voxels of a grain on which volumes are fitted, and of all grains together at most.
_VOXELS_A_GRAIN, _MOST_VOXELS = 1000, 160**3
_MOST_ITERATIONS, _CENTRING, _MOMENTUM = 200, 8, 0.5
# What a fit is to reach with 99 % of the grains, and with what it still passes: of each volume, relative to the mean.
_TOLERANCE, _WORST = 0.02, 0.2
# Voxels: of so many a volume may be off where grains have few on the grid of the fit.
_ROUNDING = _VISIBLE = 8
# Share of the grains that may be swallowed by larger ones, which takes small ones of a wide distribution only.
_LOST = 0.01


@dataclass(frozen=True)
class PowerDiagram:
    """Grains that fill a periodic cell.

    Attributes
    ----------
    lengths : tuple of 3 float
        Edges of the cell.
    seeds : ndarray (num_grains, 3)
        In the cell, in the same unit.
    weights : ndarray (num_grains,)
        Of |x - seed|^2 in the metric, in which lengths along an axis are divided by its aspect.
    aspect : tuple of 3 float
        How many times longer grains are along each axis; their product is 1.
    """

    lengths: tuple[float, float, float]
    seeds: npt.NDArray[Any]
    weights: npt.NDArray[Any]
    aspect: tuple[float, float, float]

    @property
    def num_grains(self) -> int:
        """How many there are."""
        return len(self.weights)

    def label(self, grid: PeriodicGrid, first_plane: int, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Number of the grain of each voxel of a slab, by the voxel's centre.

        Parameters
        ----------
        grid : PeriodicGrid
            Of the whole cell, in voxels of any size.
        first_plane : int
            Global index of ``labels[0]``.
        labels : ndarray of uint32, local (n0, n1, n2)
            Overwritten.

        Returns
        -------
        ndarray
            ``labels``.
        """
        aspect = self.aspect
        spacing = tuple(length / n / a for length, n, a in zip(self.lengths, grid.shape, aspect))
        metric = tuple(length / a for length, a in zip(self.lengths, aspect))
        label_voxels(labels, first_plane, spacing, metric, self.seeds / aspect, self.weights)
        return labels

    def facet_normal(self, first: int, second: int, point: Sequence[float]) -> npt.NDArray[Any]:
        """Unit normal of the facet between two grains nearest to a point, from the first to the second: exact.

        In a small cell two grains meet by several images, whose facets have different normals.

        Parameters
        ----------
        first, second : int
        point : sequence of 3 float

        Returns
        -------
        ndarray (3,)
        """
        ends = [self.seeds[grain] + np.multiply(self.lengths, np.round(np.subtract(point, self.seeds[grain]) / self.lengths))
                for grain in (first, second)]
        normal = (ends[1] - ends[0]) / np.square(self.aspect)
        return np.asarray(normal / np.linalg.norm(normal))


def stretch(aspect: Sequence[float]) -> tuple[float, float, float]:
    """Aspects with a product of 1."""
    a, b, c = (float(one) for one in aspect)
    mean = (a * b * c) ** (1 / 3)
    return a / mean, b / mean, c / mean


def lognormal_volumes(num_grains: int, spread: float, seed: int) -> npt.NDArray[Any]:
    """Volumes that sum to 1, of grains whose diameters are log-normal: its quantiles, in random order.

    Parameters
    ----------
    num_grains : int
    spread : float
        Standard deviation of ln of the diameter.
    seed : int

    Returns
    -------
    ndarray (num_grains,)
    """
    quantiles = (np.arange(num_grains) + 0.5) / num_grains
    volumes = np.exp(3 * spread * ndtri(quantiles))
    return plane_generator(seed, _VOLUMES).permutation(volumes / volumes.sum())


def fit_diagram(lengths: Sequence[float], num_grains: int, spread: float = 0.0, aspect: Sequence[float] = (1, 1, 1),
                seed: int = 1) -> PowerDiagram:
    """A random diagram whose grains have log-normal diameters.  The same on every rank.

    Parameters
    ----------
    lengths : sequence of 3 float
        Edges of the cell.
    num_grains : int
    spread : float
        Standard deviation of ln of the diameter of the sphere of a grain's volume; 0: all alike.
    aspect : sequence of 3 float
        How many times longer grains are along each axis, up to a common factor.
    seed : int

    Returns
    -------
    PowerDiagram

    Raises
    ------
    InputError
        If volumes cannot be had so.
    """
    a, b, c = (float(length) for length in lengths)
    factors = stretch(aspect)
    seeds = plane_generator(seed, _SEEDS).random((num_grains, 3)) * (a, b, c)
    diagram = PowerDiagram((a, b, c), seeds, np.zeros(num_grains), factors)
    wanted = lognormal_volumes(num_grains, spread, seed) * (a * b * c)
    return _fitted(diagram, wanted)


def _fitted(diagram: PowerDiagram, wanted: npt.NDArray[Any]) -> PowerDiagram:
    """Seeds near the centres of grains, and weights by which they have the volumes."""
    grid = _grid_of_fit(diagram)
    labels = np.empty(grid.shape, np.uint32)
    voxel = math.prod(grid.spacing)
    radii = np.cbrt(wanted * 3 / (4 * np.pi))
    # Large grains begin with large weights: else small ones beside them would have to be freed first.
    diagram = replace(diagram, weights=radii**2)
    allowed = max(_TOLERANCE, _ROUNDING * voxel / wanted.mean())
    gain, off_before, momentum = 0.5, math.inf, np.zeros(diagram.num_grains)
    for iteration in range(_MOST_ITERATIONS):
        diagram.label(grid, 0, labels)
        volumes = np.bincount(labels.ravel(), minlength=diagram.num_grains) * voxel
        errors = np.abs(volumes - wanted) / wanted.mean()
        off, worst = float(np.quantile(errors, 0.99)), float(errors.max())
        lost = np.mean((volumes == 0) & (wanted > _VISIBLE * voxel))
        if iteration >= _CENTRING:
            if off < allowed and worst < 5 * allowed and lost <= _LOST:
                return diagram
            if off > off_before:
                gain = max(0.7 * gain, 0.1)
        off_before = off
        # A sphere's volume grows by about pi R for each unit of its weight, its neighbours as far away as its diameter.
        step = gain * (wanted - volumes) / (np.pi * radii)
        momentum = _MOMENTUM * momentum + np.clip(step, -0.3 * radii**2, 0.3 * radii**2)
        weights = diagram.weights + momentum
        seeds = _centres(diagram, grid, labels, volumes > 0) if iteration < _CENTRING else diagram.seeds
        diagram = replace(diagram, seeds=seeds, weights=weights - weights.mean())
    if lost > _LOST or worst > _WORST:
        raise InputError(f"grains: the volumes of {diagram.num_grains} grains could not be fitted: {100 * worst:.2g} % of "
                         "the mean volume are missing; take a smaller spread, fewer grains or another seed")
    return diagram


def _grid_of_fit(diagram: PowerDiagram) -> PeriodicGrid:
    """Voxels that are cubes in the metric, as many for each grain as there may be."""
    metric = np.divide(diagram.lengths, diagram.aspect)
    total = min(_VOXELS_A_GRAIN * diagram.num_grains, _MOST_VOXELS)
    shape = np.maximum(np.ceil(metric * np.cbrt(total / metric.prod())), 1).astype(int)
    n0, n1, n2 = (int(n) for n in shape)
    h0, h1, h2 = (length / n for length, n in zip(diagram.lengths, (n0, n1, n2)))
    return PeriodicGrid((n0, n1, n2), (h0, h1, h2))


def _centres(diagram: PowerDiagram, grid: PeriodicGrid, labels: npt.NDArray[Any],
             there: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Centres of the grains, near their seeds; a grain that is not there keeps its seed."""
    owner = labels.ravel()
    counts = np.maximum(np.bincount(owner, minlength=diagram.num_grains), 1)
    seeds = diagram.seeds.copy()
    for axis, (n, h, length) in enumerate(zip(grid.shape, grid.spacing, diagram.lengths)):
        places = (np.arange(n) + 0.5) * h
        shape = [1, 1, 1]
        shape[axis] = n
        distance = np.broadcast_to(places.reshape(shape), grid.shape).ravel() - diagram.seeds[owner, axis]
        distance -= length * np.round(distance / length)
        moved = np.bincount(owner, distance, minlength=diagram.num_grains) / counts
        seeds[:, axis] = np.where(there, (seeds[:, axis] + moved) % length, seeds[:, axis])
    return seeds
