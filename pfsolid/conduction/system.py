"""What is solved: the interface between discretisations and solvers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..spectral.transform import SlabTransform


class System(Protocol):
    """A u = b with A u = -div(sigma grad u) and b that of a unit field E along one axis, whatever the discretisation.

    What :func:`pfsolid.conduction.effective.solve_tensor` and the solvers work on.  All products are means over the voxels,
    global and the same on every rank; every method but `update` is collective.

    Attributes
    ----------
    transform : SlabTransform
        Of the grid; its ``real`` buffer holds what is preconditioned.
    potential, residual : ndarray of float64, local (n0, n1, n2)
        u and r = b - A u.
    spectrum_start : float
        Rough lower end of the spectrum of P A.
    """

    transform: SlabTransform
    potential: np.ndarray
    spectrum_start: float

    @property
    def residual(self) -> np.ndarray:
        """r."""

    def start(self, axis: int, guess: np.ndarray | None = None) -> float:
        """Set b for a unit field along ``axis``, u = guess or 0, and r.

        Returns the energy of u, <(E - grad u) sigma (E - grad u)>, from which r . A^-1 r is left to gain: sigma_eff.
        """

    def resume(self) -> None:
        """Make ready for a solve that goes on from the u and r of now."""

    def precondition(self) -> float:
        """z = P r; returns r . z."""

    def advance_direction(self, beta: float) -> float:
        """p = z + beta p; returns p . A p."""

    def update(self, alpha: float) -> None:
        """u += alpha p, r -= alpha A p."""

    def mean_flux(self, axis: int) -> np.ndarray:
        """<J>, (3,), of u in a unit field along ``axis``; may compute r anew; a solve after it needs `start` or `resume`."""

    def mean_work(self) -> float:
        """<u r>, right after `mean_flux`."""

    def current_density(self, axis: int, dtype=np.float32) -> np.ndarray:
        """J of each voxel, local (n0, n1, n2, 3); a solve after it needs `start` or `resume`."""

    def phase_currents(self, axis: int) -> np.ndarray | None:
        """What each phase carries of <J_axis>, (num_phases,), where it is cut inside voxels; None where voxels are whole."""

    def voxel_potential(self) -> np.ndarray:
        """u at the centres of the voxels, local (n0, n1, n2); a solve after it needs `start` or `resume`."""

    def mean_product(self, a: np.ndarray, b: np.ndarray) -> float:
        """<a b> of two fields, local (n0, n1, n2)."""
