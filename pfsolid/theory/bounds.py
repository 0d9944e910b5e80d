"""Rigorous bounds on the conductivity of a mixture whose volume fractions alone are known: Wiener, Hashin–Shtrikman."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .validity import check_conductivities, check_fractions


class Bounds(NamedTuple):
    """Lower and upper bound, in the unit of the conductivities."""

    lower: np.ndarray
    upper: np.ndarray


def wiener_bounds(fractions, sigmas) -> Bounds:
    """sigma_- = 1 / Σ f_i / sigma_i (series),  sigma_+ = Σ f_i sigma_i (parallel).

    They hold for every microstructure and every direction; laminates reach both.

    Parameters
    ----------
    fractions : sequence of array_like
        Volume fraction of each phase; they broadcast with the conductivities and add up to 1.
    sigmas : sequence of array_like
        Conductivity of each phase, at least 0, in any one unit.

    Returns
    -------
    Bounds
        In the unit of the conductivities.

    Raises
    ------
    InputError

    Notes
    -----
    O. Wiener, Abh. Sächs. Akad. Wiss. 32 (1912) 509.

    Examples
    --------
    >>> low, high = wiener_bounds((0.5, 0.5), (1.0, 3.0))
    >>> round(float(low), 9), round(float(high), 9)
    (1.5, 2.0)
    """
    fractions, sigmas = checked_phases(fractions, sigmas)
    return Bounds(comparison_average(fractions, sigmas, 0.0),
                  np.asarray(sum(f * s for f, s in zip(fractions, sigmas)))[()])


def hashin_shtrikman_bounds(fractions, sigmas) -> Bounds:
    """Bounds of an isotropic mixture in three dimensions: the best and the worst phase as comparison medium.

    sigma_± = Σ f_i sigma_i / (sigma_i + 2 sigma_0) / Σ f_i / (sigma_i + 2 sigma_0),  sigma_0 = max or min sigma_i,

    which is the familiar 1 / Σ f_i / (sigma_i + 2 sigma_0) - 2 sigma_0 without its cancellation.  With two phases
    Hashin's coated spheres reach both.

    Parameters
    ----------
    fractions, sigmas : sequence of array_like
        As in `wiener_bounds`.

    Returns
    -------
    Bounds
        In the unit of the conductivities.

    Raises
    ------
    InputError

    Notes
    -----
    Z. Hashin and S. Shtrikman, J. Appl. Phys. 33 (1962) 3125, doi:10.1063/1.1728579.

    Examples
    --------
    >>> low, high = hashin_shtrikman_bounds((0.5, 0.5), (1.0, 3.0))
    >>> round(float(low), 9), round(float(high), 9)
    (1.75, 1.875)
    """
    fractions, sigmas = checked_phases(fractions, sigmas)
    # A phase that is not there must not serve as the comparison medium.
    present = [np.where(f > 0, s, np.nan) for f, s in zip(fractions, sigmas)]
    return Bounds(*(comparison_average(fractions, sigmas, extreme(present, axis=0))
                    for extreme in (np.nanmin, np.nanmax)))


def checked_phases(fractions, sigmas) -> tuple[np.ndarray, np.ndarray]:
    """Fractions and conductivities as two arrays (phases, ...) of one shape.

    Parameters
    ----------
    fractions, sigmas : sequence of array_like
        Of each phase.

    Returns
    -------
    (ndarray (num_phases, ...), ndarray (num_phases, ...))

    Raises
    ------
    InputError
        If they are not volume fractions or conductivities.
    """
    arrays = np.broadcast_arrays(*(np.asarray(values, float) for values in (*fractions, *sigmas)))
    fractions, sigmas = np.stack(arrays[:len(fractions)]), np.stack(arrays[len(fractions):])
    check_fractions(list(fractions))
    check_conductivities({"sigma": sigmas})
    return fractions, sigmas


def comparison_average(fractions, sigmas, reference, dimension: int = 3) -> np.ndarray:
    """Σ f_i sigma_i w_i / Σ f_i w_i with the weights w_i = 1 / (sigma_i + (d - 1) sigma_0).

    Spheres (d = 3) or parallel cylinders across their axes (d = 2) of every phase in a comparison medium sigma_0,
    whose mean polarisation is zero.  sigma_0 = 0 gives the series value, sigma_0 of the matrix Maxwell–Garnett, of
    the poorest and the best phase the Hashin–Shtrikman bounds.

    Parameters
    ----------
    fractions, sigmas : array_like, (phases, ...)
    reference : array_like
        sigma_0, at least 0.
    dimension : int
        d, 2 or 3.

    Returns
    -------
    ndarray
        In the unit of the conductivities.
    """
    fractions, sigmas = np.asarray(fractions, float), np.asarray(sigmas, float)
    resistance = sigmas + (dimension - 1) * np.asarray(reference, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(fractions > 0, fractions / resistance, 0.0)  # inf: an insulator in an insulator
        mean = (weights * sigmas).sum(axis=0, where=np.isfinite(weights)) / weights.sum(axis=0)
    return mean[()]
