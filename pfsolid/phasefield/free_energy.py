"""The double-well free energy and the units it defines.

    F = int [ 16 w rho^2 (1 - rho)^2 + 1/2 sum_ij kappa_ij (d_i rho) (d_j rho) ] dV

J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292, eqs 1 and 2;
rho = 1 is the solid, rho = 0 the pore.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SPINODAL_LOW = 0.5 - 0.5 / math.sqrt(3)
SPINODAL_HIGH = 0.5 + 0.5 / math.sqrt(3)

# Growth times, or times of the slowest diffusion, after which what has not separated will not.
_PATIENCE = 100.0
# Waves along each axis that are looked at for the fastest.
_MOST_WAVES = 64

# kappa and the bulk energy in reduced units: length lambda, energy density 16 w, time lambda^2 / (16 w M).
REDUCED_KAPPA = 0.125
NONE = (0.0, 0.0, 0.0)  # off-diagonal kappa_yz, kappa_xz, kappa_xy


@dataclass(frozen=True)
class ReducedUnits:
    """What one reduced unit is worth.

    Attributes
    ----------
    length : float
        Surface depth lambda (m): the tanh profile goes from rho = 0.10 to 0.90 over 1.0986 lambda.
    energy_density : float
        16 w (J/m^3), w the height of the barrier between the wells.
    mobility : float or None
        M (m^5/(J s)) of d rho/dt = div(M grad mu), if known; gives reduced time its seconds.
    """

    length: float
    energy_density: float
    mobility: float | None = None

    @classmethod
    def from_surface(cls, surface_energy: float, surface_depth: float, mobility: float | None = None) -> ReducedUnits:
        """From gamma (J/m^2) and lambda (m): w = 3 gamma / (4 lambda)."""
        return cls(surface_depth, 12 * surface_energy / surface_depth, mobility)

    @property
    def barrier(self) -> float:
        """w (J/m^3)."""
        return self.energy_density / 16

    @property
    def kappa(self) -> float:
        """Gradient energy coefficient kappa = 2 w lambda^2 = (3/2) gamma lambda (J/m)."""
        return REDUCED_KAPPA * self.energy_density * self.length**2

    @property
    def surface_energy(self) -> float:
        """gamma (J/m^2)."""
        return self.energy_density * self.length / 12

    @property
    def time(self) -> float | None:
        """Seconds in one reduced time, lambda^2 / (16 w M); None without a mobility."""
        return None if self.mobility is None else self.length**2 / (self.energy_density * self.mobility)


def bulk_energy(rho):
    """f = rho^2 (1 - rho)^2 in units of 16 w."""
    return (rho * (1 - rho)) ** 2


def bulk_potential(rho):
    """f' = 2 rho (1 - rho)(1 - 2 rho) in units of 16 w."""
    return 2 * rho * (1 - rho) * (1 - 2 * rho)


def bulk_curvature(rho):
    """f'' = 2 - 12 rho (1 - rho) in units of 16 w; negative inside the spinodal."""
    return 2 - 12 * rho * (1 - rho)


def inside_spinodal(rho: float) -> bool:
    """Whether a uniform field of this density is unstable to small fluctuations."""
    return SPINODAL_LOW < rho < SPINODAL_HIGH


def growth_rate(rho, k, kappa=REDUCED_KAPPA):
    """Linear growth rate of mode k about a uniform rho, k^2 (-f'' - kappa k^2), reduced units."""
    return k**2 * (-bulk_curvature(rho) - kappa * k**2)


def fastest_growing_wavelength(rho: float) -> float:
    """2 pi / k_max with k_max^2 = -f'' / (2 kappa), in units of lambda.  Only inside the spinodal."""
    return 2 * math.pi / math.sqrt(-bulk_curvature(rho) / (2 * REDUCED_KAPPA))


def kappa_matrix(kappa, off_diagonal=NONE) -> np.ndarray:
    """kappa_ij from its diagonal and kappa_yz, kappa_xz, kappa_xy."""
    yz, xz, xy = off_diagonal
    return np.diag(kappa) + np.array([[0.0, xy, xz], [xy, 0.0, yz], [xz, yz, 0.0]])


def largest_growth_rate(rho: float, lengths, kappa=(REDUCED_KAPPA,) * 3, off_diagonal=NONE) -> float:
    """Largest k^2 (-f'' - sum kappa_ij k_i k_j) of the waves that fit a periodic cell; 0 where none grows.

    Parameters
    ----------
    lengths : sequence of 3 float
        Edges of the cell in units of lambda; 0 along an axis that is none.
    """
    drive = -bulk_curvature(rho)
    if drive <= 0:
        return 0.0
    matrix = kappa_matrix(kappa, off_diagonal)
    waves = []
    # On the ellipsoid k.kappa.k = drive the largest k_i is the root of drive times the inverse's diagonal.
    for length, reach in zip(lengths, np.sqrt(drive * np.diag(np.linalg.inv(matrix)))):
        most = min(_MOST_WAVES, int(length / (2 * math.pi) * reach * (1 + 1e-12)))
        waves.append(2 * math.pi / (length or 1.0) * np.arange(-most if any(off_diagonal) else 0, most + 1))
    k = np.meshgrid(*waves, indexing="ij", sparse=True)
    k_squared = sum(along**2 for along in k)
    cost = sum(matrix[i, j] * k[i] * k[j] for i in range(3) for j in range(3) if matrix[i, j])
    return float(np.max(k_squared * (drive - cost)))


def separation_time(rho: float, lengths, kappa=(REDUCED_KAPPA,) * 3, mobility: float = 1.0, off_diagonal=NONE) -> float:
    """Reduced time after which a cell that has not separated will not.

    100 times the growth time of its fastest wave, or, where none grows, the time in which nuclei feed on the whole cell:
    100 times L^2 / (4 pi^2 f''(1)), L its longest edge.
    """
    rate = largest_growth_rate(rho, lengths, kappa, off_diagonal) or (2 * math.pi / max(lengths)) ** 2 * bulk_curvature(1.0)
    return _PATIENCE / (rate * mobility) if mobility else math.inf
