"""Brick layers: conduction through straight pillars, and through grains with boundaries of their own conductivity.

Impedance spectroscopy reports an *apparent* boundary conductivity: thickness of the sample over boundary resistance
and area, as if the boundaries filled the sample.  The *specific* one belongs to the material of the boundary.  They
differ by the ratio of grain size and boundary thickness, often a thousand; a value without the word is useless.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .bounds import wiener_bounds
from .effective_medium import CYLINDER, CoatedPores, coated_pores, parallel_composite
from .validity import check_conductivities, check_lengths


def parallel_pillars(porosity, depth_over_radius, phases: CoatedPores) -> np.ndarray:
    """sigma_zz = (g/g_f) sigma_c + (1 - g/g_f) sigma_m along straight hollow pillars, g_f = (1 + λ/r)^-2.

    Exact along the pillars whatever their arrangement, as long as their surface layers do not overlap.

    Parameters
    ----------
    porosity : array_like
        g, volume fraction of the cores; at most g_f.
    depth_over_radius : array_like
        λ/r.
    phases : CoatedPores

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Raises
    ------
    InputError
        If the porosity is beyond g_f, or another argument out of range.

    Notes
    -----
    J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292, section 2.4.

    Examples
    --------
    >>> round(float(parallel_pillars(0.2, 0.0, CoatedPores(0.0, 1.0, 1.0))), 9)      # 1 - g, of empty pores without a layer
    0.8
    """
    filled, core = coated_pores(porosity, depth_over_radius, CYLINDER)
    return (filled * parallel_composite(core, phases) + (1 - filled) * phases.matrix)[()]


def apparent_boundary_conductivity(sigma_specific, thickness, grain_size) -> np.ndarray:
    """sigma_apparent = sigma_specific D / δ: what impedance with the sample's own geometry reports.

    Parameters
    ----------
    sigma_specific : array_like
        Conductivity of the boundary's material, any unit.
    thickness, grain_size : array_like
        δ and D, the mean distance of boundaries along the current, in one unit; δ <= D.

    Returns
    -------
    ndarray
        In the unit of ``sigma_specific``.

    Raises
    ------
    InputError

    Notes
    -----
    S. M. Haile, D. L. West, J. Campbell, J. Mater. Res. 13 (1998) 1576; J. Fleig and J. Maier, J. Eur. Ceram. Soc. 19
    (1999) 693, on where a brick layer holds.
    """
    return (np.asarray(sigma_specific, float) / _boundary_share(sigma_specific, thickness, grain_size))[()]


def specific_boundary_conductivity(sigma_apparent, thickness, grain_size) -> np.ndarray:
    """sigma_specific = sigma_apparent δ / D, the inverse of `apparent_boundary_conductivity`.

    Where grains and boundaries have about the same permittivity, δ / D is the ratio of the two capacitances of the
    impedance spectrum, grain over boundary.

    Parameters
    ----------
    sigma_apparent : array_like
        Any unit.
    thickness, grain_size : array_like
        As in `apparent_boundary_conductivity`.

    Returns
    -------
    ndarray
        In the unit of ``sigma_apparent``.
    """
    return (np.asarray(sigma_apparent, float) * _boundary_share(sigma_apparent, thickness, grain_size))[()]


def series_conductivity(sigma_grain, sigma_apparent) -> np.ndarray:
    """1 / sigma = 1 / sigma_grain + 1 / sigma_apparent: the resistances of grains and boundaries add up.

    Parameters
    ----------
    sigma_grain, sigma_apparent : array_like
        Conductivity of the grains and *apparent* one of the boundaries, in one unit.

    Returns
    -------
    ndarray
        In that unit.

    Raises
    ------
    InputError
    """
    check_conductivities({"grain conductivity": sigma_grain, "apparent boundary conductivity": sigma_apparent})
    grain, boundary = np.asarray(sigma_grain, float), np.asarray(sigma_apparent, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((grain > 0) & (boundary > 0), 1 / (1 / grain + 1 / boundary), 0.0)[()]


def brick_layer(sigma_grain, sigma_specific, thickness, grain_size) -> np.ndarray:
    """Cubic grains with walls: columns of grain and boundary in series, beside them the walls along the current,

    sigma = (1 - β)² / [(1 - β) / sigma_g + β / sigma_b] + [1 - (1 - β)²] sigma_b,  β = δ/D.

    The columns do not exchange current with the walls, so this is a lower bound on the conductivity of the same cubes; for
    walls that conduct badly it is the series model, for walls that conduct well the parallel one.

    Parameters
    ----------
    sigma_grain, sigma_specific : array_like
        Conductivity of the grains and *specific* one of the boundaries, in one unit.
    thickness, grain_size : array_like
        δ and D in one unit; D is the period, wall included; δ <= D.

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Raises
    ------
    InputError

    Notes
    -----
    M. J. Verkerk, B. J. Middelhuis, A. J. Burggraaf, Solid State Ionics 6 (1982) 159; J.-H. Hwang, D. S. McLachlan,
    T. O. Mason, J. Electroceram. 3 (1999) 7.

    Examples
    --------
    >>> round(float(brick_layer(1.0, 0.1, 1.0, 10.0)), 4)                     # 0.81 / (0.9 + 0.1 / 0.1) + 0.019
    0.4453
    """
    share = _boundary_share(sigma_specific, thickness, grain_size)
    columns = (1 - share) ** 2
    series = wiener_bounds([1 - share, share], [sigma_grain, sigma_specific]).lower
    return (columns * series + (1 - columns) * np.asarray(sigma_specific, float))[()]


def _boundary_share(sigma, thickness, grain_size) -> np.ndarray:
    """β = δ / D."""
    check_conductivities({"boundary conductivity": sigma})
    check_lengths({"boundary thickness": thickness, "grain size": grain_size})
    share = np.asarray(thickness, float) / np.asarray(grain_size, float)
    if np.any(share > 1):
        raise InputError("boundary thickness: must not exceed the grain size, which is the distance of the boundaries")
    return share
