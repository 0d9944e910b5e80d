"""``auto``: which solver for which microstructure, from its contrast and its percolation margin.

Measured on grown microstructures and on voxels drawn by lot (docs/conduction.md): where the good conductors form one network
the FFT solver needs 3 to 100 iterations at any contrast and wins, also with all else insulating.  As they approach their
percolation threshold, current has to find its way through single voxels and dead ends abound; the FFT solver then takes
hundreds or thousands of iterations and multigrid still ten.  How far away the threshold is shows in the share of the good
conductors' voxels that lie in clusters which wrap the cell: 1 far from it, 0 below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Good conductors: what has at least this part of the best conductivity.
_GOOD = 1e-3
# The share of their voxels in wrapping clusters from which on the FFT solver wins.
_MARGIN = 0.9


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
    name : {'fft', 'petsc'}
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


def choose_solver(contrast: Contrast, margin: float, petsc_is_installed: bool) -> SolverChoice:
    """Pick the solver that measurements say is the faster one.

    Parameters
    ----------
    contrast : Contrast
    margin : float
        Share of the good conductors' voxels that lie in clusters which wrap the cell (or join the electrodes) along the axis
        to be solved for; the smallest where there are several.  Not looked at unless ``contrast.has_poor``.
    petsc_is_installed : bool
    """
    spread = f"contrast {contrast.extremes:.4g}" + (" and insulators" if contrast.has_insulators else "")
    if not contrast.has_poor:
        return SolverChoice("fft", f"fft: {spread}; there are no poor conductors")
    share = f"{100 * margin:.1f} % of the voxels of good conductors lie in clusters that percolate"
    if margin >= _MARGIN:
        return SolverChoice("fft", f"fft: {spread}; {share}, far from the percolation threshold")
    if not petsc_is_installed:
        return SolverChoice("fft", f"fft: {spread}; only {share}: petsc may be faster, but petsc4py is not installed")
    return SolverChoice("petsc", f"petsc: {spread}; only {share}, near or below the percolation threshold")
