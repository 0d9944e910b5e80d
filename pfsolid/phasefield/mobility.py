"""Cahn–Hilliard with a mobility that depends on the density.  Reduced units; the unit of mobility is M_s.

    d rho/dt = div( M(rho) grad mu ),  M = [M_p (1 - rho) + M_s rho] [1 - a (1 - 4 rho (1 - rho))]

a = 0 is bulk diffusion, a = 1 interface diffusion: 1 - a c^2 with c = 2 rho - 1 of Zhu, Chen, Shen & Tikare,
doi:10.1103/PhysRevE.60.3564.  (Eq 4 of Hu 2017, doi:10.1021/acsami.7b11292, is misprinted.)

After the same paper a part with a constant mobility M_0 is taken implicitly, as in `steppers`, and the rest of the flux
is extrapolated with the explicit part.  With the transform of -(div(M grad mu) - M_0 laplacian(S rho - sum kappa_i
d_i^2 rho)) over M_0 k^2 in place of f' - S rho, the update is that of `steppers`, and so is the control of the error
and the energy.  M_0 = max M: by the roots in `steppers` a stiff
mode is stable for (M - M_0) / M_0 between -1 and 1/3.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..spectral.transform import SlabTransform
from . import mobility_kernels
from .free_energy import NONE, REDUCED_KAPPA
from .steppers import STABILISATION, CahnHilliard, odd_wavenumbers

# Where M vanishes in the wells, the flux that is extrapolated is all there is, and neither the error estimate nor the
# energy sees rho leave [0, 1] by up to 1 at long steps.  At most this one (reduced time) it stays within 0.01
# (a = 1, 40^3, to t = 200, tolerance 0.03; docs/microstructure.md).
LARGEST_STEP = 0.3


def mobility(rho, pore_ratio: float = 1.0, surface_fraction: float = 0.0):
    """M(rho) in units of M_s; rho beyond 0 and 1 has the mobility there.

    Parameters
    ----------
    rho : float or ndarray
    pore_ratio : float
        M_p / M_s.
    surface_fraction : float
        a: 0 bulk diffusion, 1 interface diffusion.
    """
    rho = np.clip(rho, 0, 1)
    return (pore_ratio * (1 - rho) + rho) * (1 - surface_fraction * (1 - 4 * rho * (1 - rho)))


def largest_mobility(pore_ratio: float, surface_fraction: float) -> float:
    """max M over 0 <= rho <= 1: the implicit part's constant coefficient."""
    # M is a cubic in rho; its stationary points are the roots of a quadratic.
    bulk = np.polynomial.Polynomial([pore_ratio, 1 - pore_ratio])
    cubic = bulk * np.polynomial.Polynomial([1 - surface_fraction, 4 * surface_fraction, -4 * surface_fraction])
    stationary = [root.real for root in cubic.deriv().roots() if abs(root.imag) < 1e-9 and 0 <= root.real <= 1]
    return float(max(mobility(rho, pore_ratio, surface_fraction) for rho in (0.0, 1.0, *stationary)))


class VariableMobilityCahnHilliard(CahnHilliard):
    """The state of a Cahn–Hilliard run with M(rho) and how it advances: eight transforms a step, two for each flux.

    Derivatives are spectral and M multiplies on the voxels, so the discrete flux lowers the energy just as the
    continuous one does.  A mode at the Nyquist frequency has no first derivative; there M is the constant M_0.

    Parameters
    ----------
    transform, kappa, stabilisation, off_diagonal
        As for `CahnHilliard`.
    pore_ratio : float
        M_p / M_s >= 0.
    surface_fraction : float
        a, between 0 and 1.

    Raises
    ------
    InputError
        If M would be negative or zero everywhere.
    """

    def __init__(self, transform: SlabTransform, kappa=(REDUCED_KAPPA,) * 3, stabilisation: float = STABILISATION,
                 pore_ratio: float = 1.0, surface_fraction: float = 0.0, off_diagonal=NONE):
        if not (0 <= pore_ratio < np.inf and 0 <= surface_fraction <= 1):
            raise InputError(f"mobility with pore ratio {pore_ratio:g} and surface fraction {surface_fraction:g}: the "
                             "ratio must be 0 or more and the fraction between 0 and 1")
        super().__init__(transform, kappa, stabilisation, off_diagonal)
        self._reference_mobility = largest_mobility(pore_ratio, surface_fraction)
        self._coefficients = (pore_ratio / self._reference_mobility, 1 / self._reference_mobility,
                              float(surface_fraction))
        self._mobility = np.empty_like(transform.real)
        differentiated = odd_wavenumbers(transform)
        self._not_differentiated = tuple(k2 - k**2 for k2, k in zip(self._k_squared, differentiated))
        # One triple an axis, zero along the other two; an axis of one voxel has no flux.
        self._directions = [tuple(k if i == axis else np.zeros_like(k) for i, k in enumerate(differentiated))
                            for axis in range(3) if transform.grid.shape[axis] > 1]

    def _to_explicit_part(self, ratio: float) -> None:
        mobility_kernels.potential_and_mobility(self.transform.real, self._scale, self._coefficients, self._mobility,
                                                self._rho_now, self._rho_before, ratio, self._plane_energy,
                                                self._peaks)

    def _finish_explicit_part(self) -> None:
        transform = self.transform
        # Both are written anew by the next attempt and hold nothing that is needed before it.
        mu_hat, total = self._rho_hat_new, self._g_hat_kept
        if not self._directions:
            transform.spectral[...] = 0
            return
        transform.forward()
        mobility_kernels.begin_flux(transform.spectral, self.rho_hat, mu_hat, total, self._k_squared,
                                    self._kappa_k_squared, self._tilt, self._not_differentiated, self._directions[0],
                                    self.stabilisation)
        for direction, following in zip(self._directions, [*self._directions[1:], None]):
            transform.backward()
            mobility_kernels.multiply(transform.real, self._mobility)
            transform.forward()
            if following is not None:
                mobility_kernels.next_flux(transform.spectral, mu_hat, total, direction, following)
        mobility_kernels.end_flux(transform.spectral, total, direction, self._k_squared)
