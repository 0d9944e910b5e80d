"""Panels that show a plane of a field, and the colours of density and current."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from ..grid import AXES, PeriodicGrid

DENSITY_MAP, CURRENT_MAP = "YlGnBu_r", "plasma"
DENSITY_NORM = Normalize(0, 1)
NO_CURRENT = "#d4d7db"
CURRENT_DECADES = 4


def draw_density(axes, rho: np.ndarray, normal: int, grid_nm: PeriodicGrid) -> None:
    """Draw rho on a plane [a, b] normal to an axis."""
    show_plane(axes, rho, normal, grid_nm, cmap=DENSITY_MAP, norm=DENSITY_NORM, interpolation="bilinear")


def draw_density_bar(axes) -> None:
    """Draw the colour bar of rho."""
    colours = ScalarMappable(DENSITY_NORM, DENSITY_MAP)
    bar = axes.figure.colorbar(colours, cax=axes, label="relative density ρ")
    bar.set_ticks([0, 0.5, 1], labels=["0  pore", "0.5", "1  solid"])


def log_limits(magnitude: np.ndarray) -> tuple[float, float]:
    """Where most of the positive values lie: up to the 99.5 percentile, not more than 4 decades."""
    if not (magnitude > 0).any():
        return 0.1, 10.0
    low, high = np.percentile(magnitude[magnitude > 0], [0.5, 99.5])
    return max(low, high * 10.0**-CURRENT_DECADES) / 1.1, high * 1.1


def relative_current(axis: int) -> str:
    """The label of |J| / <J>, of a field along an axis."""
    return rf"$|J|\,/\,\langle J_{AXES[axis]}\rangle$"


def show_plane(axes, plane: np.ndarray, normal: int, grid_nm: PeriodicGrid, **options):
    """Draw a plane to scale.

    Parameters
    ----------
    axes : Axes
    plane : ndarray (n_a, n_b)
    normal : int
        Axis of its normal.
    grid_nm : PeriodicGrid
    **options
        Of ``Axes.imshow``.

    Returns
    -------
    AxesImage
    """
    across, up = (axis for axis in range(3) if axis != normal)
    lengths = grid_nm.lengths
    image = axes.imshow(plane.T, origin="lower", extent=(0, lengths[across], 0, lengths[up]), **options)
    axes.set_xlabel(f"{AXES[across]} (nm)")
    axes.set_ylabel(f"{AXES[up]} (nm)")
    return image

