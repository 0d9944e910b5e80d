"""``auto``: which solver for which image, from its contrast, its percolation margin and how well it is resolved.

Measured on grown microstructures and on voxels drawn by lot (docs/conduction.md).  On a microstructure that is resolved by
several voxels geometric multigrid takes a few iterations at any contrast, also at the percolation threshold.  Where the good
conductors are near or below their threshold *and* hang together by single voxels, its aggregates join what is not joined,
and PETSc's algebraic multigrid, whose set-up is dearer, is the faster one.  How far the threshold is shows in the share of
the good conductors' voxels that lie in clusters which percolate: 1 far above it, 0 below.  How well they are resolved shows
in the share of such a voxel's six neighbours that are good conductors too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange

from ..kernel import kernel
from ..spectral.transform import SlabTransform

# Good conductors: what has at least this part of the best conductivity.
_GOOD = 1e-3
# Below both of these PETSc is the faster one; docs/conduction.md says how much is lost where the choice is wrong.
_MARGIN, _COORDINATION = 0.95, 0.7


@dataclass(frozen=True)
class Contrast:
    """How the conductivities of an image fall into good and poor ones.

    Attributes
    ----------
    good : ndarray of bool (num_labels,)
        The labels that have at least a thousandth of the best conductivity.
    extremes : float
        Ratio of the largest to the smallest conductivity above 0.
    has_insulators, has_poor : bool
        Whether there are voxels of conductivity 0; whether there are any that are not good.
    """

    good: np.ndarray
    extremes: float
    has_insulators: bool
    has_poor: bool


@dataclass(frozen=True)
class SolverChoice:
    """The solver that ``auto`` stands for.

    Attributes
    ----------
    name : {'multigrid', 'fft', 'petsc'}
    reason : str
        One sentence for the log and the result.
    """

    name: str
    reason: str


def contrast_of(sigma, counts) -> Contrast:
    """Contrast of an image.

    Parameters
    ----------
    sigma : sequence (num_labels,), (num_labels, 3) or (num_labels, 3, 3)
        Conductivity of each label; of a tensor the largest element of the diagonal counts.
    counts : sequence of int (num_labels,)
        Voxels of each label, over all ranks.
    """
    sigma = np.asarray(sigma, dtype=float)
    if sigma.ndim == 3:
        sigma = np.diagonal(sigma, axis1=1, axis2=2)
    best = sigma if sigma.ndim == 1 else sigma.max(axis=1)
    present = np.asarray(counts) > 0
    positive = best[present & (best > 0)]
    good = (best > 0) & (best >= _GOOD * positive.max(initial=0.0))
    extremes = float(positive.max() / positive.min()) if positive.size else 1.0
    return Contrast(good, extremes, bool(np.any(present & (best == 0))), bool(np.any(present & ~good)))


def coordination(labels: np.ndarray, good: np.ndarray, transform: SlabTransform) -> float:
    """Mean share of a good conductor's neighbours, six a voxel, that are good conductors too.  Collective.

    Near 1 in thick walls, 2/3 in a flat layer of one voxel, the volume fraction where voxels are drawn by lot.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.
    good : ndarray of bool (num_labels,)
    """
    plane_counts = np.empty((transform.local_shape[0], 2))
    _count_contacts(labels, good, plane_counts)
    contacts, voxels = transform.reducer.sum(plane_counts.sum(axis=0))
    return float(contacts / (3 * voxels)) if voxels else 0.0


def choose_solver(contrast: Contrast, margins: dict[str, float], coordination: float,
                  petsc_is_at_hand: bool) -> SolverChoice:
    """Pick the solver that measurements say is the faster one.

    Parameters
    ----------
    contrast : Contrast
    margins : dict of str to float
        For each axis to be solved for, the share of the good conductors' voxels in clusters that percolate along it; the
        smallest decides.
    coordination : float
        Their mean share of neighbours that conduct well; see `coordination`.
    petsc_is_at_hand : bool
        It is installed, and MPI, which it takes, in use.

    Notes
    -----
    Margins and coordination are not looked at unless ``contrast.has_poor``.
    """
    spread = f"contrast {contrast.extremes:.4g}" + (" and insulators" if contrast.has_insulators else "")
    if not contrast.has_poor:
        return SolverChoice("multigrid", f"multigrid: {spread}, hence no poor conductors")
    margin = min(margins.values())
    percent = ", ".join(f"{100 * share:.0f}" for share in margins.values())
    share = f"{percent} % of the good conductors' voxels percolate along {', '.join(margins)}"
    if margin >= _MARGIN:
        return SolverChoice("multigrid", f"multigrid: {spread}; {share}: far from the threshold")
    if coordination >= _COORDINATION:
        return SolverChoice("multigrid", f"multigrid: {spread}; {share}, but they are resolved ({100 * coordination:.0f} % "
                                         "of their neighbours are alike)")
    unresolved = f"{spread}; {share}, by single voxels ({100 * coordination:.0f} % of their neighbours are alike)"
    if not petsc_is_at_hand:
        return SolverChoice("multigrid", f"multigrid: {unresolved}: petsc would be faster, and is taken by itself only "
                                         "on several ranks with petsc4py")
    return SolverChoice("petsc", f"petsc: {unresolved}")


@kernel(parallel=True)
def _count_contacts(labels, good, plane_counts):
    """Of each plane: pairs of good voxels across the faces ahead of it and in it; good voxels."""
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    for i in prange(n0):
        contacts, voxels = 0, 0
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                if good[labels[i + 1, j, k]]:
                    voxels += 1
                    contacts += (int(good[labels[i + 2, j, k]]) + int(good[labels[i + 1, j_next, k]])
                                 + int(good[labels[i + 1, j, k + 1 if k + 1 < n2 else 0]]))
        plane_counts[i, 0] = contacts
        plane_counts[i, 1] = voxels
