"""Effective-medium formulas: McLachlan's general equation, Bruggeman, Maxwell–Garnett, and Hu's three-phase GEMT.

All of them are homogeneous of degree one in the conductivities, which may be in any one unit, and broadcast over
their arguments.  Two phases are solved in closed form, more by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .bounds import checked_phases, comparison_average
from .validity import (
    SIGMA_LIMITS,
    check_conductivities,
    check_lengths,
    check_percolation,
    check_porosity,
    check_threshold_has_room,
)

BRUGGEMAN_THRESHOLD = 1 / 3
BISECTIONS = 64  # of an interval of ln sigma: below the spacing of doubles
SPHERE, CYLINDER = 3, 2


@dataclass(frozen=True)
class CoatedPores:
    """Conductivities of a matrix with pores (or fillers) that carry a surface layer, in any one unit.

    Attributes
    ----------
    core, surface, matrix : float or ndarray
        sigma_f, sigma_s and sigma_m of eq 8.

    Raises
    ------
    InputError
        If one is negative, not finite or beyond `SIGMA_LIMITS`.
    """

    core: float
    surface: float
    matrix: float

    def __post_init__(self):
        check_conductivities({f"conductivity of the {name}": value for name, value in vars(self).items()}, SIGMA_LIMITS)


def gem(fractions, sigmas, percolation_threshold, exponent) -> np.ndarray:
    """McLachlan's general effective-medium equation, for two phases or more:

    Σ f_i (x_i - x) / (x_i + A x) = 0,  x = sigma^(1/t),  A = 1/p_c - 1.

    p_c is the volume fraction at which the best phase percolates among insulators, where
    sigma = sigma_1 ((f_1 - p_c) / (1 - p_c))^t.  p_c = 1/3 and t = 1 is Bruggeman's symmetric theory.

    Parameters
    ----------
    fractions : sequence of array_like
        Volume fraction of each phase; they broadcast with the rest and add up to 1.
    sigmas : sequence of array_like
        Conductivity of each phase, at least 0, in any one unit.
    percolation_threshold : array_like
        p_c, in (0, 1).
    exponent : array_like
        t > 0.

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Raises
    ------
    InputError
        If an argument is out of range, or 1/t so large that the contrast to the power 1/t leaves the range of
        floating point numbers.

    Notes
    -----
    D. S. McLachlan, M. Blaszkiewicz, R. E. Newnham, J. Am. Ceram. Soc. 73 (1990) 2187,
    doi:10.1111/j.1151-2916.1990.tb07576.x.  It is solved in the form
    Σ f_i x / (x_i + A x) = p_c, where what cancels at a threshold is f_1 - p_c, an exact difference of given numbers: the
    root keeps a relative error of about 1e-15 t there too, whatever the contrast.

    Examples
    --------
    >>> round(float(gem((0.6, 0.4), (1.0, 0.0), 0.2, 2.0)), 9)                # ((0.6 - 0.2) / (1 - 0.2))^2
    0.25
    """
    check_percolation(percolation_threshold, exponent)
    *phases, p, t = np.broadcast_arrays(*(np.asarray(values, float) for values in
                                          (*fractions, *sigmas, percolation_threshold, exponent)))
    return solve_gem(*checked_phases(phases[:len(fractions)], phases[len(fractions):]), p, t)


def solve_gem(fractions: np.ndarray, sigmas: np.ndarray, p, t) -> np.ndarray:
    """`gem` of arguments that have been checked: arrays (phases, ...), and p_c and t that broadcast with one phase.

    Parameters
    ----------
    fractions, sigmas : ndarray (num_phases, ...)
    p, t : ndarray
        Threshold and exponent.

    Returns
    -------
    ndarray
        In the unit of ``sigmas``.

    Raises
    ------
    InputError
        If the contrast to the power 1/t leaves the range of floating point numbers.
    """
    best = sigmas.max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.stack([np.where(best > 0, sigma / best, 0.0) ** (1 / t) for sigma in sigmas])
    lost = [np.any((power == 0) & (sigma > 0)) for power, sigma in zip(x, sigmas)]
    if any(lost):
        raise InputError(f"exponent {np.min(t):g}: too small for conductivities that lie so far apart")
    root = _two_phase_root(fractions, x, p) if len(x) == 2 else _bisected_root(fractions, x, p)
    return (best * root**t)[()]


def _two_phase_root(fractions, x, p) -> np.ndarray:
    """A x² - B x - x_1 x_2 = 0 with x_1 = 1: its root that is not negative."""
    best_fraction = np.where(x[0] >= x[1], fractions[0], 1 - fractions[0])
    poor = np.minimum(x[0], x[1])
    a = (1 - p) / p
    b = ((best_fraction - p) + (1 - best_fraction - p) * poor) / p
    root = np.sqrt(b * b + 4 * a * poor)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b >= 0, (b + root) / (2 * a), 2 * poor / (root - b))


def _bisected_root(fractions, x, p) -> np.ndarray:
    """The root for any number of phases with the largest x = 1, by bisection of ln x."""
    conducting = np.where(x > 0, fractions, 0.0).sum(axis=0)
    lowest = np.where((x > 0) & (fractions > 0), x, np.inf).min(axis=0)
    percolates = conducting > p
    # The root if all conducting phases were as poor as the poorest; the margin is for rounding.
    low = np.log(np.where(percolates, lowest * (conducting - p) / (1 - p), 1.0)) - 1e-9
    high = np.zeros_like(low)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        too_high = _gem_residual(fractions, x, p, np.exp(middle)) > 0
        low, high = np.where(too_high, low, middle), np.where(too_high, middle, high)
    return np.where(percolates, np.exp((low + high) / 2), 0.0)


def _gem_residual(fractions, x, p, trial) -> np.ndarray:
    """Σ f_i y / (x_i + A y) - p at the trial y, which increases with y.

    For phases poorer than y, y / (x_i + A y) is taken from its limit 1/A, and the limits are summed with p: what is
    left are terms that are small wherever the sum is flat.
    """
    a = (1 - p) / p
    richer = x > trial
    terms = fractions * np.where(richer, trial, -x / a) / (x + a * trial)
    return terms.sum(axis=0) - (np.where(richer, fractions, 0.0).sum(axis=0) - p) / a


def bruggeman(fractions, sigmas) -> np.ndarray:
    """Bruggeman's symmetric theory for spheres: Σ f_i (sigma_i - sigma) / (sigma_i + 2 sigma) = 0.

    Parameters
    ----------
    fractions, sigmas : sequence of array_like
        As in `gem`.

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Raises
    ------
    InputError

    Notes
    -----
    D. A. G. Bruggeman, Ann. Phys. 416 (1935) 636, doi:10.1002/andp.19354160705; R. Landauer, J. Appl. Phys. 23
    (1952) 779.

    Examples
    --------
    >>> round(float(bruggeman((0.5, 0.5), (0.0, 1.0))), 9)                   # (3 f - 1) / 2
    0.25
    """
    return gem(fractions, sigmas, BRUGGEMAN_THRESHOLD, 1.0)


def maxwell_garnett(fraction, sigma_inclusion, sigma_matrix, dimension: int = SPHERE) -> np.ndarray:
    """Maxwell–Garnett: spheres (or cylinders, across) in a matrix,

    (sigma - sigma_m) / (sigma + 2 sigma_m) = f (sigma_i - sigma_m) / (sigma_i + 2 sigma_m)  in three dimensions.

    Exact for Hashin's assemblage of coated spheres, the sphere being the inclusion and its coat the matrix.

    Parameters
    ----------
    fraction : array_like
        Volume fraction of the inclusions, 0 ... 1.
    sigma_inclusion, sigma_matrix : array_like
        In any one unit.
    dimension : int
        3, or 2 for parallel cylinders in a field across them.

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Raises
    ------
    InputError

    Notes
    -----
    J. C. Maxwell, A Treatise on Electricity and Magnetism, 1873, §314; J. C. Maxwell Garnett, Phil. Trans. R. Soc. A 203
    (1904) 385, doi:10.1098/rsta.1904.0024; Z. Hashin and S. Shtrikman, J. Appl. Phys. 33 (1962) 3125, doi:10.1063/1.1728579.

    Examples
    --------
    >>> round(float(maxwell_garnett(0.4, 0.0, 1.0)), 9)                       # 2 (1 - f) / (2 + f)
    0.5
    """
    fraction = np.asarray(fraction, float)
    fractions, sigmas = checked_phases([fraction, 1 - fraction], [sigma_inclusion, sigma_matrix])
    return comparison_average(fractions, sigmas, sigmas[1], dimension)


def core_fraction(depth_over_radius, dimension: int = SPHERE) -> np.ndarray:
    """g_f = (1 + λ/r)^-d, the volume fraction of the core in core and surface layer; d = 3 spheres, 2 pillars.

    Parameters
    ----------
    depth_over_radius : array_like
        λ/r.
    dimension : int
        3 spheres, 2 pillars.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        If λ/r is negative.
    """
    check_lengths({"surface depth over pore radius": depth_over_radius}, zero_allowed=True)
    return ((1 + np.asarray(depth_over_radius, float)) ** -dimension)[()]


def parallel_composite(core, phases: CoatedPores) -> np.ndarray:
    """Hu's composite particle, sigma_c = g_f sigma_f + (1 - g_f) sigma_s: core and shell in parallel.

    For a sphere this is the upper Wiener bound, which it cannot reach; `coated_composite` is exact.

    Parameters
    ----------
    core : array_like
        g_f, volume fraction of the core in the particle.
    phases : CoatedPores

    Returns
    -------
    ndarray
        In the unit of ``phases``.
    """
    core = np.asarray(core, float)
    return (core * phases.core + (1 - core) * phases.surface)[()]


def coated_composite(core, phases: CoatedPores) -> np.ndarray:
    """The sphere that can replace a coated one without disturbing the field outside it (Hashin); core is g_f.

    Parameters
    ----------
    core : array_like
        g_f, volume fraction of the core in the particle.
    phases : CoatedPores

    Returns
    -------
    ndarray
        In the unit of ``phases``.
    """
    return maxwell_garnett(core, phases.core, phases.surface)


COMPOSITES = {"parallel": parallel_composite, "coated": coated_composite}
THRESHOLDS = ("particles", "porosity")


@dataclass(frozen=True)
class Reading:
    """How eq 8 is read; the default is as printed.

    Attributes
    ----------
    composite : {"parallel", "coated"}
        The conductivity sigma_c of a coated pore: core and surface in parallel, or exact for a sphere.
    threshold_of : {"particles", "porosity"}
        Whether p_c is a value of g / g_f, the coated pores, or of g, the pores, at which the conducting network forms.
    """

    composite: str = "parallel"
    threshold_of: str = "particles"

    def __post_init__(self):
        if self.composite not in COMPOSITES or self.threshold_of not in THRESHOLDS:
            raise InputError(f"composite {self.composite}, threshold of {self.threshold_of}: must be one of "
                             f"{', '.join(COMPOSITES)} and one of {', '.join(THRESHOLDS)}")

    def threshold_of_particles(self, percolation_threshold, core) -> np.ndarray:
        """p_c as a fraction g / g_f; 1 or more where the pores would have to fill more than there is room for.

        Parameters
        ----------
        percolation_threshold : array_like
            p_c, as this reading takes it.
        core : array_like
            g_f, fraction of a composite particle that is its core.

        Returns
        -------
        ndarray
        """
        if self.threshold_of == "particles":
            return np.asarray(percolation_threshold, float)
        return np.asarray(percolation_threshold, float) / core


AS_PRINTED = Reading()


def coated_pores(porosity, depth_over_radius, dimension: int = SPHERE) -> tuple[np.ndarray, np.ndarray]:
    """Volume fraction g / g_f of the pores with their surface layer, and g_f of the core in each.

    Parameters
    ----------
    porosity, depth_over_radius : array_like
        g, volume fraction of the cores, and λ/r.
    dimension : int
        3 spheres, 2 pillars.

    Returns
    -------
    (ndarray, ndarray)
        g / g_f, and g_f.

    Raises
    ------
    InputError
        If they would fill more than the volume.
    """
    core = core_fraction(depth_over_radius, dimension)
    check_porosity(porosity, core)
    return np.minimum(np.asarray(porosity, float) / core, 1.0), core


def phase_fractions(porosity, depth_over_radius, dimension: int = SPHERE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Volume fractions of core, surface layer and matrix: g, g/g_f - g, 1 - g/g_f; errors as in `coated_pores`.

    Parameters
    ----------
    porosity, depth_over_radius : array_like
        g, volume fraction of the cores, and λ/r.
    dimension : int
        3 spheres, 2 pillars.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        Of core, surface layer and matrix.
    """
    filled, core = coated_pores(porosity, depth_over_radius, dimension)
    return filled * core, filled * (1 - core), 1 - filled


def three_phase_gem(porosity, depth_over_radius, phases: CoatedPores, percolation_threshold, exponent,
                    reading: Reading = AS_PRINTED) -> np.ndarray:
    """Eq 8 of Hu 2017: the general effective-medium equation for coated pores in a matrix,

    (g/g_f) (x_c - x)/(x_c + A x) + (1 - g/g_f) (x_m - x)/(x_m + A x) = 0,  x = sigma^(1/t),  A = 1/p_c - 1.

    Parameters
    ----------
    porosity : array_like
        g, volume fraction of the cores; at most g_f = (1 + λ/r)^-3.
    depth_over_radius : array_like
        α = λ/r, depth of the surface layer over the radius of the core.
    phases : CoatedPores
    percolation_threshold : array_like
        p_c; as printed a value of g / g_f.
    exponent : array_like
        t > 0.
    reading : Reading

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Raises
    ------
    InputError
        If an argument is out of range, the porosity beyond g_f above all.

    Notes
    -----
    J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292.

    Examples
    --------
    >>> round(float(three_phase_gem(0.2, 0.0, CoatedPores(0.0, 1.0, 1.0), 1 / 3, 1.0)), 9)      # as Bruggeman
    0.7
    """
    check_percolation(percolation_threshold, exponent)
    filled, core = coated_pores(porosity, depth_over_radius)
    threshold = reading.threshold_of_particles(percolation_threshold, core)
    check_threshold_has_room(percolation_threshold, threshold)
    return gem([filled, 1 - filled], [COMPOSITES[reading.composite](core, phases), phases.matrix], threshold, exponent)


def coated_maxwell_garnett(porosity, depth_over_radius, phases: CoatedPores) -> np.ndarray:
    """Maxwell–Garnett with coated spheres: `maxwell_garnett` of exact composite particles in the matrix.

    Exact for an assemblage of doubly coated spheres; it has no percolation threshold.  Arguments and errors as in
    `three_phase_gem`.

    Parameters
    ----------
    porosity, depth_over_radius, phases
        As in `three_phase_gem`.

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Examples
    --------
    >>> round(float(coated_maxwell_garnett(0.2, 0.0, CoatedPores(0.0, 1.0, 1.0))), 4)     # 2 (1 - g) / (2 + g)
    0.7273
    """
    filled, core = coated_pores(porosity, depth_over_radius)
    return maxwell_garnett(filled, coated_composite(core, phases), phases.matrix)


def coated_bruggeman(porosity, depth_over_radius, phases: CoatedPores) -> np.ndarray:
    """Bruggeman's theory of coated spheres and matrix; arguments and errors as in `three_phase_gem`.

    Parameters
    ----------
    porosity, depth_over_radius, phases
        As in `three_phase_gem`.

    Returns
    -------
    ndarray
        Effective conductivity, in the unit of the arguments and of the shape they broadcast to.

    Examples
    --------
    >>> round(float(coated_bruggeman(0.2, 0.0, CoatedPores(0.0, 1.0, 1.0))), 9)           # (3 (1 - g) - 1) / 2
    0.7
    """
    return three_phase_gem(porosity, depth_over_radius, phases, BRUGGEMAN_THRESHOLD, 1.0,
                           Reading(composite="coated"))

