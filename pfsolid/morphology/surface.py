"""Phase fractions and the area of the interface, from the density and, as a check, from phase changes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import SphericalVoronoi

from ..parallel.slab import Slab
from . import kernels

SOLID = 0.5  # rho from which a voxel counts as solid

# One of each pair of opposite steps to the 26 neighbours of a voxel, none of them backwards along x.
_STEPS = np.array([step for step in itertools.product([-1, 0, 1], repeat=3) if step > (0, 0, 0)])


@dataclass(frozen=True)
class Surface:
    """Fractions of the volume, and the area of the interface; lengths in the unit of the grid's spacing.

    Attributes
    ----------
    pore_fraction, surface_fraction, bulk_fraction : float
        rho < rho_pore, between, rho > rho_bulk.
    porosity_by_threshold : float
        Fraction with rho < 1/2.
    porosity_by_mean : float
        1 - <rho>.
    area_per_volume : float
        <|grad G|>, G = 3 rho^2 - 2 rho^3: by the coarea formula the area of the surfaces rho = c, averaged over c with
        weight 6 c (1 - c), over the volume.  <|grad rho|> itself, with weight 1, falls short where curvature keeps rho
        off 0 and 1 (5 % in a young bicontinuous structure).
    area_per_volume_crofton : float
        Of the voxel image rho >= 1/2, from phase changes along 13 directions.
    """

    pore_fraction: float
    surface_fraction: float
    bulk_fraction: float
    porosity_by_threshold: float
    porosity_by_mean: float
    area_per_volume: float
    area_per_volume_crofton: float

    @property
    def filler_radius_spheres(self) -> float:
        """r = 3 phi / S of the filler, as if it were spheres; NaN without an interface."""
        return self._radius(3)

    @property
    def filler_radius_pillars(self) -> float:
        """r = 2 phi / S of the filler, as if it were circular pillars."""
        return self._radius(2)

    def _radius(self, dimension: int) -> float:
        area = self.area_per_volume
        return dimension * self.porosity_by_threshold / area if area > 0 else math.nan


def survey_surface(rho: np.ndarray, transform: Slab, rho_pore: float, rho_bulk: float
                   ) -> tuple[Surface, np.ndarray]:
    """Phase fractions, porosity and area, in one pass over rho and one over the phases.

    Collective.  The gradient is by central differences.  Exact for a flat interface normal to an axis that rho crosses
    monotonically; for others the error is of fourth order in spacing / depth.  Largest error measured on oblique
    planes rho = 1/2 [1 + tanh(2 d / depth)]: 0.3 % with 2.8 voxels to the depth, 0.7 % with 2, 3.5 % with 1; 11 %
    on a binary image, for which the area by Crofton is the better.  What varies from voxel to voxel, such as
    noise, is smoothed, and an axis of two voxels counts as uniform.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)

    Returns
    -------
    Surface
    solid : ndarray of uint8, local (n0 + 2, n1, n2)
        1 where rho >= 1/2, with ghost planes along x.
    """
    grid, reducer = transform.grid, transform.reducer
    n0, n1, n2 = rho.shape
    solid = np.empty((n0 + 2, n1, n2), np.uint8)
    sums = np.empty((n0, 5))
    before, after = outer_planes(rho, transform)
    kernels.survey(rho, before, after, (rho_pore, SOLID, rho_bulk), grid.spacing, solid, sums)
    transform.ghosts.fill(solid)
    crofton = area_by_crofton(solid, transform)
    n = grid.num_voxels
    pore, bulk, open_, total, slope = reducer.sum(sums.sum(axis=0)).tolist()
    return Surface(pore / n, (n - pore - bulk) / n, bulk / n, open_ / n, (n - total) / n, slope / n, crofton), solid


def area_by_crofton(solid: np.ndarray, transform: Slab) -> float:
    """Area over volume of the interface of a voxel image.

    Collective.  S/V = 2 sum_d c_d p_d, with p_d the phase changes for each unit of length along direction d, over the
    13 directions to the neighbours of a voxel, and c_d the share of the sphere nearest to that direction: Crofton's
    formula (J. Ohser, F. Mücklich, Statistical Analysis of Microstructures in Materials Science, Wiley 2000).
    Right on average over orientations; a single plane is off by -7 to +2 % on cubic voxels, -16 to +10 % on 1 x 1 x 3.

    Parameters
    ----------
    solid : ndarray of uint8, local (n0 + 2, n1, n2)
        The phase, 0 or 1, with ghost planes.
    """
    grid = transform.grid
    counts = np.empty((solid.shape[0] - 2, len(_STEPS)), np.int64)
    kernels.count_changes(solid, _STEPS, counts)
    changes = transform.reducer.sum(counts.sum(axis=0))
    lengths, shares = _crofton_directions(grid.spacing)
    return float(2 * np.sum(shares * changes / lengths) / grid.num_voxels)


@lru_cache(maxsize=8)
def _crofton_directions(spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Length of each step, and the share of the sphere nearest to it or its opposite."""
    vectors = _STEPS * np.array(spacing)
    lengths = np.linalg.norm(vectors, axis=1)
    units = vectors / lengths[:, None]
    voronoi = SphericalVoronoi(np.concatenate([units, -units]))
    voronoi.sort_vertices_of_regions()
    areas = voronoi.calculate_areas().reshape(2, -1).sum(axis=0)
    return lengths, areas / areas.sum()


def outer_planes(slab: np.ndarray, transform: Slab) -> tuple[np.ndarray, np.ndarray]:
    """The planes before and after a slab, local (n0, n1, n2), periodic.  Collective."""
    planes = np.empty((4, *slab.shape[1:]), slab.dtype)
    planes[1], planes[2] = slab[0], slab[-1]
    transform.ghosts.fill(planes)
    return planes[0], planes[3]
