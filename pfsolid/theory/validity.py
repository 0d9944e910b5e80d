"""What the formulas of this package accept, and the messages for what they do not."""

from __future__ import annotations

import numpy as np

from ..errors import InputError

# Far outside anything physical in any usual unit: they keep squares, cubes and ratios from leaving the doubles.
SIGMA_LIMITS = 1e-60, 1e60
LENGTH_LIMITS = 1e-30, 1e30
EXPONENT_LIMITS = 1e-3, 1e3
THRESHOLD_MARGIN = 1e-12


def check_conductivities(sigmas: dict, limits: tuple[float, float] = (0.0, np.inf)) -> None:
    """Every conductivity (name: value or array) must be finite and not negative, and 0 or within limits.

    Parameters
    ----------
    sigmas : dict of str to array_like
        By what they are called in a message.
    limits : (float, float)
        Of those above 0.

    Raises
    ------
    InputError
    """
    for name, values in sigmas.items():
        values = np.asarray(values, dtype=float)
        bad = ~((values >= 0) & np.isfinite(values))
        if bad.any():
            raise InputError(f"{name} {_first(values, bad):g}: a conductivity must be finite and at least 0")
        _check_limits(name, values, limits)


def _check_limits(name: str, values: np.ndarray, limits: tuple[float, float]) -> None:
    low, high = limits
    bad = (values != 0) & ~((values >= low) & (values <= high))
    if bad.any():
        raise InputError(f"{name} {_first(values, bad):g}: from {low:g} to {high:g} is possible")


def check_lengths(lengths: dict, zero_allowed: bool = False, limits: tuple[float, float] = LENGTH_LIMITS) -> None:
    """Every length (name: value or array) must be finite and positive, or at least 0, and within limits.

    Parameters
    ----------
    lengths : dict of str to array_like
        By what they are called in a message.
    zero_allowed : bool
    limits : (float, float)
        Of those above 0.

    Raises
    ------
    InputError
    """
    for name, values in lengths.items():
        values = np.asarray(values, dtype=float)
        bad = ~(((values >= 0) if zero_allowed else (values > 0)) & np.isfinite(values))
        if bad.any():
            raise InputError(f"{name} {_first(values, bad):g}: must be finite and "
                             f"{'at least' if zero_allowed else 'above'} 0")
        _check_limits(name, values, limits)


def check_percolation(percolation_threshold, exponent) -> None:
    """The threshold must lie in (0, 1), the exponent must be positive.

    Parameters
    ----------
    percolation_threshold, exponent : array_like

    Raises
    ------
    InputError
    """
    thresholds = np.asarray(percolation_threshold, dtype=float)
    bad = ~((thresholds >= THRESHOLD_MARGIN) & (thresholds <= 1 - THRESHOLD_MARGIN))
    if bad.any():
        raise InputError(f"percolation threshold {_first(thresholds, bad):g}: must lie between 0 and 1, both excluded by "
                         f"{THRESHOLD_MARGIN:g}")
    check_lengths({"exponent": exponent}, limits=EXPONENT_LIMITS)


def check_fractions(fractions: list[np.ndarray]) -> None:
    """Volume fractions must not be negative and must add up to 1.

    Raises
    ------
    InputError
    """
    for values in fractions:
        bad = ~(values >= 0)
        if bad.any():
            raise InputError(f"volume fraction {_first(values, bad):g}: must be at least 0")
    total = np.asarray(sum(fractions))
    bad = ~(np.abs(total - 1) <= 1e-9)
    if bad.any():
        raise InputError(f"volume fractions add up to {_first(total, bad):g}: must be 1")


def check_porosity(porosity, core_fraction) -> None:
    """The porosity must lie in 0 ... g_f: beyond, the composite particles fill more than the whole volume.

    Parameters
    ----------
    porosity : array_like
        g.
    core_fraction : array_like
        g_f; they broadcast.

    Raises
    ------
    InputError
    """
    porosity, core_fraction = np.broadcast_arrays(np.asarray(porosity, float), np.asarray(core_fraction, float))
    bad = ~((porosity >= 0) & (porosity <= 1))
    if bad.any():
        raise InputError(f"porosity {_first(porosity, bad):g}: must lie between 0 and 1")
    bad = porosity > core_fraction * (1 + 1e-12)
    if bad.any():
        value, limit = _first(porosity, bad), _first(core_fraction, bad)
        raise InputError(f"porosity {value:g}: pores with their surface layer would fill {value / limit:.4g} of the "
                         f"volume; with this surface depth over pore radius the porosity may be at most {limit:.4g}")


def check_threshold_has_room(percolation_threshold, of_particles) -> None:
    """A threshold of the porosity must be below g_f, which is a threshold of coated pores below 1.

    Parameters
    ----------
    percolation_threshold : array_like
        As a porosity.
    of_particles : array_like
        The same as a fraction of coated pores.

    Raises
    ------
    InputError
    """
    percolation_threshold, of_particles = np.broadcast_arrays(np.asarray(percolation_threshold, float), of_particles)
    bad = of_particles >= 1
    if bad.any():
        value = _first(percolation_threshold, bad)
        raise InputError(f"percolation threshold {value:g}: as a porosity it must be below "
                         f"{value / _first(of_particles, bad):.4g}, where pores with their surface layer fill everything")


def _first(values: np.ndarray, bad: np.ndarray) -> float:
    return float(values[bad].flat[0])
