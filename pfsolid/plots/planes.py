"""Panels that show a plane of a field: density, conductivity, current; and how the current is shared out."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Patch

from ..conduction.phases import PHASES
from ..grid import AXES, PeriodicGrid
from .colours import PHASE_COLOURS

DENSITY_MAP, SIGMA_MAP, CURRENT_MAP = "YlGnBu_r", "viridis", "plasma"
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


def draw_sigma(axes, bar_axes, labels: np.ndarray, normal: int, grid_nm: PeriodicGrid, phases: dict) -> None:
    """Draw the local conductivity on a logarithmic scale, insulating phases in a colour of their own.

    Parameters
    ----------
    bar_axes : Axes
        Place of the colour bar.
    labels : ndarray of int (n_a, n_b)
    phases : dict
        Of result.json: ``{name: {"sigma_S_per_cm": ...}}``.
    """
    sigma = np.zeros(len(PHASES))
    for name, label in PHASES.items():
        sigma[label] = phases[name].sigma_S_per_cm
    conducting = sigma[sigma > 0]
    colours = matplotlib.colormaps[SIGMA_MAP].with_extremes(bad=NO_CURRENT)
    image = show_plane(axes, np.ma.masked_less_equal(sigma[labels], 0), normal, grid_nm, cmap=colours,
                        norm=LogNorm(conducting.min() / 3, conducting.max() * 3), interpolation="nearest")
    axes.figure.colorbar(image, cax=bar_axes, label="σ (S/cm)")
    for name, label in PHASES.items():
        if sigma[label] > 0:
            bar_axes.axhline(sigma[label], color="k", linewidth=1)
            bar_axes.annotate(name, (0, sigma[label]), (-2, 0), xycoords=("axes fraction", "data"),
                              textcoords="offset points", ha="right", va="center", fontsize=7, rotation=90)
    insulators = " and ".join(name for name, label in PHASES.items() if sigma[label] == 0)
    if insulators:
        bar_axes.legend(handles=[Patch(color=NO_CURRENT, label=f"0: {insulators}")], loc="upper left",
                        bbox_to_anchor=(-0.6, 0), borderpad=0.7, handlelength=1, handletextpad=0.5)
    axes.set_title("conductivity", loc="left")


def draw_current(axes, bar_axes, magnitude: np.ndarray, normal: int, grid_nm: PeriodicGrid, axis: int,
                 mean: float, limits: tuple[float, float]) -> None:
    """Draw |J| / <J_axis> on a plane.

    Parameters
    ----------
    bar_axes : Axes
        Place of the colour bar.
    magnitude : ndarray (n_a, n_b)
        |J| / <J_axis>.
    mean : float
        <J_axis> in A/m^2.
    limits : tuple of 2 float
        Of the colours: `log_limits`.
    """
    colours = matplotlib.colormaps[CURRENT_MAP].with_extremes(bad=NO_CURRENT)
    image = show_plane(axes, np.ma.masked_less_equal(magnitude, 0), normal, grid_nm, cmap=colours,
                        norm=LogNorm(*limits), interpolation="nearest")
    axes.figure.colorbar(image, cax=bar_axes, label=relative_current(axis), extend="both")
    axes.set_title(rf"current density, $\langle J_{AXES[axis]}\rangle$ = {mean:.3g} A/m$^2$", loc="left")


def log_limits(magnitude: np.ndarray) -> tuple[float, float]:
    """Where most of the positive values lie: up to the 99.5 percentile, not more than 4 decades."""
    if not (magnitude > 0).any():
        return 0.1, 10.0
    low, high = np.percentile(magnitude[magnitude > 0], [0.5, 99.5])
    return max(low, high * 10.0**-CURRENT_DECADES) / 1.1, high * 1.1


def draw_shares(axes, magnitude: np.ndarray, labels: np.ndarray, axis: int, phases: dict, limits) -> None:
    """Draw histograms of |J| by phase; say what each phase has of the volume and carries of the current.

    Parameters
    ----------
    magnitude : ndarray (nx, ny, nz)
        |J| / <J_axis> at samples of the volume.
    labels : ndarray (nx, ny, nz)
    phases : dict
        Of result.json, by name.
    """
    bins = np.geomspace(limits[0] / 3, limits[1] * 3, 90)
    for name, label in PHASES.items():
        values = magnitude[(labels == label) & (magnitude > 0)]
        if values.size:
            share = (phases[name].current_share_for_field_along or {}).get(AXES[axis])
            carried = "" if share is None else f",\n{100 * share:.1f} % of the current"
            axes.hist(np.clip(values, bins[0], bins[-1]), bins, histtype="stepfilled", alpha=0.8,
                      weights=np.full(values.size, 100 / labels.size), color=PHASE_COLOURS[name],
                      label=f"{name}: {100 * phases[name].fraction:.1f} % of the volume{carried}")
    axes.set_xscale("log")
    axes.set_xlim(bins[0], bins[-1])
    axes.set_xlabel(relative_current(axis))
    axes.set_ylabel("share of all voxels (%)")
    if axes.patches:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, handlelength=1,
                    columnspacing=1.4)


def relative_current(axis: int) -> str:
    return rf"$|J|\,/\,\langle J_{AXES[axis]}\rangle$"


def show_plane(axes, plane: np.ndarray, normal: int, grid_nm: PeriodicGrid, **options):
    across, up = (axis for axis in range(3) if axis != normal)
    lengths = grid_nm.lengths
    image = axes.imshow(plane.T, origin="lower", extent=(0, lengths[across], 0, lengths[up]), **options)
    axes.set_xlabel(f"{AXES[across]} (nm)")
    axes.set_ylabel(f"{AXES[up]} (nm)")
    return image

