"""Newnham's connectivity class of a two-phase medium, and the share of each phase that percolates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grid import AXES
from ..parallel.collective import PlaneExchange, Reducer
from .clusters import find_clusters, percolating_axes


@dataclass(frozen=True)
class Percolation:
    """How one phase hangs together; see :mod:`pfsolid.morphology.clusters`.

    Attributes
    ----------
    axes : str
        Axes along which some cluster percolates: '', 'x', 'yz' ...
    fraction : tuple of 3 float
        Fraction of the phase's voxels in clusters that percolate along x, y, z; 0 for an empty phase and along an axis of
        one voxel, which is none.
    largest_fraction : float
        Fraction of the phase's voxels in its largest cluster.
    num_clusters : int
    dimension : int or None
        Largest number of independent winding vectors of a cluster: 0 bodies, 1 channels, 2 sheets, 3 a network.
        A slanted channel wraps two or three axes and is of dimension 1.  None for an image that is not periodic.
    """

    axes: str
    fraction: tuple[float, float, float]
    largest_fraction: float
    num_clusters: int
    dimension: int | None


@dataclass(frozen=True)
class Connectivity:
    """Percolation of the filler, of the matrix and, where it was asked for, of the surface layer.

    Attributes
    ----------
    extended_axes : str
        Those that count: 'xyz', or 'xy' of an image one voxel thick.
    """

    filler: Percolation
    matrix: Percolation
    extended_axes: str
    surface: Percolation | None = None

    @property
    def filler_axes(self) -> str:
        return self.filler.axes

    @property
    def matrix_axes(self) -> str:
        return self.matrix.axes

    @property
    def label(self) -> str:
        """'0-3', '1-3', '2-2' ...: the number of axes that count along which filler and matrix percolate."""
        return f"{len(self.filler.axes)}-{len(self.matrix.axes)}"


def classify(filler_mask: np.ndarray, reducer: Reducer, ghosts: PlaneExchange,
             surface_mask: np.ndarray | None = None, periodic: bool = True) -> Connectivity:
    """Newnham's class a-b: a = number of axes along which the filler percolates, b = the same for the matrix.

    Collective.  Voxels of a phase touch by their faces, as they do in conduction.
    R. E. Newnham, D. P. Skinner, L. E. Cross, Mater. Res. Bull. 13 (1978) 525, doi:10.1016/0025-5408(78)90161-7.

    Parameters
    ----------
    filler_mask : ndarray of bool, local (n0, n1, n2)
        All that is not filler is matrix.
    surface_mask : ndarray of bool, local (n0, n1, n2), optional
        A third phase of interest, such as the surface layer; it does not enter the class.
    periodic : bool
        False for an image that ends at its faces: what percolates reaches from one to the other.

    Returns
    -------
    Connectivity
    """
    filler = find_percolation(filler_mask, reducer, ghosts, periodic)
    matrix = find_percolation(np.logical_not(filler_mask), reducer, ghosts, periodic)
    surface = None if surface_mask is None else find_percolation(surface_mask, reducer, ghosts, periodic)
    extended = "".join(axis for axis, counts in zip(AXES, _extended(filler_mask, reducer)) if counts)
    return Connectivity(filler, matrix, extended, surface)


def _extended(mask: np.ndarray, reducer: Reducer) -> tuple[bool, bool, bool]:
    """Axes of more than one voxel."""
    shape = (sum(reducer.gather(mask.shape[0])), *mask.shape[1:])
    return tuple(n > 1 for n in shape)


def find_percolation(mask: np.ndarray, reducer: Reducer, ghosts: PlaneExchange, periodic: bool = True) -> Percolation:
    """Percolation along axes of more than one voxel of those where ``mask``, local (n0, n1, n2), is not 0.  Collective.

    Parameters
    ----------
    mask : ndarray, local (n0, n1, n2)
    reducer : Reducer
    ghosts : PlaneExchange
    periodic : bool
        False for an image that ends at its faces.

    Returns
    -------
    Percolation
    """
    extended = _extended(mask, reducer)
    clusters = find_clusters(mask, reducer, ghosts, periodic=tuple(periodic and counts for counts in extended))
    axes = "".join(axis for axis, percolates in zip(AXES, clusters.percolates) if percolates)
    dimension = int(clusters.winding_rank.max(initial=0)) if periodic else None
    return Percolation(axes, clusters.percolating_fraction, clusters.largest_fraction, clusters.num_clusters, dimension)


def connects_electrodes(mask: np.ndarray, reducer: Reducer, ghosts: PlaneExchange) -> bool:
    """Whether some cluster of ``mask``, local (n0, n1, n2), reaches from the first to the last plane along x.

    Collective.  No step wraps the cell.  Found as wrapping along x of the same image with a conducting plate put between
    its last and its first plane and an insulating one on the faces normal to y and z.

    Parameters
    ----------
    mask : ndarray, local (n0, n1, n2)
    reducer : Reducer
    ghosts : PlaneExchange

    Returns
    -------
    bool
    """
    last = reducer.rank == reducer.size - 1
    n0, n1, n2 = mask.shape
    padded = np.zeros((n0 + last, n1 + 1, n2 + 1), bool)
    padded[:n0, :n1, :n2] = mask
    if last:
        padded[n0, :n1, :n2] = True
    return percolating_axes(padded, reducer, ghosts)[0]
