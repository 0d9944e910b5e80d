"""What lies between grains and in them: films on facets, channels along triple lines, pores.

Films and channels are where the distance to the facet or line, known exactly from the power diagram, is small enough, so
that they do not depend on voxels.  Pores are overlapping spheres at random places, their diameter set to meet the volume
fraction, or whatever another image says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from ..errors import InputError
from ..grid import PeriodicGrid
from ..spectral.noise import plane_generator
from .boundary_kernels import fill_spheres, mark_boundaries
from .diagram import PowerDiagram

# Streams of random numbers of one seed, after those of the diagram and the orientations.
_WETTED, _PORES = 10, 11
# Points along the longest edge on which the diameter of pores is set: their volume is right to about 0.1 %.
_POINTS = 64
_MOST_SPHERES = 1_000_000


@dataclass(frozen=True)
class BetweenGrains:
    """What there is beside grains; nothing by default.

    Attributes
    ----------
    film_nm : float
        Thickness of the second phase on facets, nm.
    wetted : float
        Share of the facets that have it, drawn one by one.
    line_nm : float
        Diameter of its channels along triple lines, nm.
    porosity : float
        Volume fraction of spherical pores.
    pore_nm : float
        About their diameter, nm.
    """

    film_nm: float = 0.0
    wetted: float = 1.0
    line_nm: float = 0.0
    porosity: float = 0.0
    pore_nm: float = 0.0

    @property
    def has_second(self) -> bool:
        """Whether there is a second phase."""
        return self.film_nm > 0 or self.line_nm > 0


def mark_second(diagram: PowerDiagram, between: BetweenGrains, grid_nm: PeriodicGrid, first_plane: int, seed: int,
                labels: npt.NDArray[Any]) -> None:
    """Put films and channels into the labels of a slab, as number ``diagram.num_grains``.

    Parameters
    ----------
    diagram : PowerDiagram
    between : BetweenGrains
    grid_nm : PeriodicGrid
        Of the whole cell.
    first_plane : int
        Global index of ``labels[0]``.
    seed : int
        The grains'; it says which facets are wetted.
    labels : ndarray of uint32, local (n0, n1, n2)
        Of the grains; overwritten.
    """
    if not between.has_second:
        return
    aspect = diagram.aspect
    spacing = tuple(length / n / a for length, n, a in zip(diagram.lengths, grid_nm.shape, aspect))
    metric = tuple(length / a for length, a in zip(diagram.lengths, aspect))
    hash_key = int(plane_generator(seed, _WETTED).integers(2**62))
    mark_boundaries(labels, first_plane, spacing, metric, aspect, diagram.seeds / aspect, diagram.weights,
                    0.5 * between.film_nm, between.wetted, hash_key, 0.5 * between.line_nm, diagram.num_grains)


def plan_pores(lengths: tuple[float, float, float], between: BetweenGrains,
               seed: int) -> tuple[npt.NDArray[Any], float]:
    """Centres and the radius of pores.  The same on every rank.

    n = -ln(1 - phi) V / (pi d^3/6) spheres of diameter d that may overlap leave 1 - phi in the mean over samples; in this
    one they are given the diameter that makes it exact.

    Parameters
    ----------
    lengths : tuple of 3 float
        nm, of the cell.
    between : BetweenGrains
    seed : int

    Returns
    -------
    ndarray (num_pores, 3)
        nm.
    float
        nm.

    Raises
    ------
    InputError
        Pores larger than the cell, or too many.
    """
    wanted = -math.log1p(-between.porosity) * math.prod(lengths) / (math.pi / 6 * between.pore_nm**3)
    if wanted > _MOST_SPHERES:
        raise InputError(f"grains.pore_nm = {between.pore_nm:g}: {wanted:.3g} pores would be needed, and {_MOST_SPHERES} "
                         "are the most; take larger ones")
    centres = plane_generator(seed, _PORES).random((max(1, round(wanted)), 3)) * lengths
    step = max(lengths) / _POINTS
    edges = [(np.arange(n) + 0.5) * (length / n) for length in lengths for n in (max(1, round(length / step)),)]
    points = np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1).reshape(-1, 3)
    distances = cKDTree(centres, boxsize=lengths).query(points)[0]
    radius = float(np.quantile(distances, between.porosity))
    if max(2 * radius, between.pore_nm) >= min(lengths):
        raise InputError(f"grains.pore_nm = {between.pore_nm:g}: pores are as large as the cell, {min(lengths):g} nm; take "
                         "smaller ones")
    return centres, radius


def mark_pores(lengths: tuple[float, float, float], between: BetweenGrains, grid_nm: PeriodicGrid, first_plane: int,
               seed: int, labels: npt.NDArray[Any], label: int) -> float:
    """Put spherical pores into the labels of a slab.

    Parameters
    ----------
    lengths : tuple of 3 float
        nm, of the cell.
    between, grid_nm, first_plane, seed, labels
        See `mark_second`.
    label : int
        Of the pores.

    Returns
    -------
    float
        Diameter of the pores, nm; 0: there are none.

    Raises
    ------
    InputError
        See `plan_pores`.
    """
    if between.porosity <= 0:
        return 0.0
    centres, radius = plan_pores(lengths, between, seed)
    fill_spheres(labels, first_plane, grid_nm.shape[0], grid_nm.spacing, centres, radius, label)
    return 2 * radius
