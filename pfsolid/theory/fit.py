"""Percolation threshold and exponent of the general effective-medium equation, fitted to simulated conductivities.

The residuals are those of ln sigma, all of the same weight: the spread between samples, not the solver's error, is what
blurs a simulation, and near a threshold it is a factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq, least_squares, minimize_scalar

from ..errors import InputError
from .effective_medium import AS_PRINTED, COMPOSITES, CoatedPores, Reading, coated_pores, solve_gem

MIN_POINTS, MIN_POROSITIES = 4, 3  # two parameters, and something left to judge the scatter by
# The search: logit p_c and ln t, wide enough for anything that a sweep can tell.
LOW, HIGH = np.array([-5.0, np.log(0.1)]), np.array([5.0, np.log(10.0)])
ROUNDING = 1e-7  # of ln sigma: data closer to the theory than this are taken to scatter by it
SPHERE_RADIUS_PER_CHORD = 0.75


@dataclass(frozen=True)
class PercolationFit:
    """Threshold and exponent that describe a set of conductivities best.

    Attributes
    ----------
    percolation_threshold, exponent : float
        p_c, a value of g / g_f or g, and t.
    threshold_interval, exponent_interval : tuple of 2 float
        Profile-likelihood intervals.  An end that the data leave open is at the end of the search: 0.0067 or 0.9933,
        0.1 or 10.
    confidence : float
        Of the intervals, e.g. 0.95.
    scatter : float
        Standard deviation of ln sigma about the fit; 0.69 is a factor of two.
    num_points : int
    """

    percolation_threshold: float
    exponent: float
    threshold_interval: tuple[float, float]
    exponent_interval: tuple[float, float]
    confidence: float
    scatter: float
    num_points: int


def radius_from_chord(mean_chord) -> np.ndarray:
    """r = (3/4) <l>: the radius of spheres whose mean chord is <l>, 4 V/S of any body being its mean chord.

    Chords of all lines that hit the pores (µ-randomness); for pores that are not spheres, the r with the same surface
    per volume, S/V = 3/r.
    """
    return SPHERE_RADIUS_PER_CHORD * np.asarray(mean_chord, float)


def fit_percolation(porosity, sigma, depth_over_radius, phases: CoatedPores, confidence: float = 0.95,
                    reading: Reading = AS_PRINTED) -> PercolationFit:
    """p_c and t of `three_phase_gem` by least squares in ln sigma, with their confidence intervals.

    An interval holds all values of one parameter for which the sum of squares, least over the other one, is at most
    S_min [1 + F(1, n - 2; confidence) / (n - 2)]: the profile likelihood with an unknown scatter.

    Parameters
    ----------
    porosity, sigma, depth_over_radius : array_like, (n,)
        One entry a sample: g, conductivity (> 0, in the unit of ``phases``) and λ/r; the last may be a single number.
    phases : CoatedPores
    confidence : float
        In (0, 1).
    reading : Reading
        Of eq 8; with ``threshold_of="porosity"`` p_c is a porosity.

    Returns
    -------
    PercolationFit

    Raises
    ------
    InputError
        With fewer than 4 samples or 3 porosities, a conductivity that is not positive, or a porosity beyond g_f.

    Examples
    --------
    >>> import numpy as np
    >>> from pfsolid.theory import CoatedPores, fit_percolation, three_phase_gem
    >>> phases = CoatedPores(core=0, surface=3e-3, matrix=1e-6)
    >>> porosity = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    >>> sigma = three_phase_gem(porosity, 0.1, phases, percolation_threshold=0.32, exponent=0.85)
    >>> found = fit_percolation(porosity, sigma, 0.1, phases)
    >>> round(found.percolation_threshold, 4), round(found.exponent, 4)
    (0.32, 0.85)
    """
    model = _model(porosity, sigma, depth_over_radius, phases, reading)
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence:g}: must lie between 0 and 1")
    best = _best(model, _grid_start(model))
    squares, freedom = max(np.sum(model(best) ** 2), model.num_points * ROUNDING**2), model.num_points - 2
    limit = squares * (1 + stats.f.ppf(confidence, 1, freedom) / freedom)
    (low_p, high_p), (low_t, high_t) = (_profile_interval(model, best, which, limit) for which in (0, 1))
    p, t = _parameters(best)
    return PercolationFit(float(p), float(t), (_sigmoid(low_p), _sigmoid(high_p)), (np.exp(low_t), np.exp(high_t)),
                          confidence, float(np.sqrt(squares / freedom)), model.num_points)


def bootstrap_percolation(porosity, sigma, depth_over_radius, groups, phases: CoatedPores, num_draws: int = 200,
                          confidence: float = 0.95, seed: int = 1,
                          reading: Reading = AS_PRINTED) -> np.ndarray:
    """Intervals of p_c and t from samples drawn again, with replacement, within their groups.

    Unlike the profile likelihood this takes the misfit of the theory as given and asks what other samples of the same
    porosities would have told.  A group of one sample is always drawn as it is.

    Parameters
    ----------
    groups : array_like, (n,)
        What tells replicas: samples with equal entries differ in their seed alone.
    num_draws, seed : int
    porosity, sigma, depth_over_radius, phases, confidence, reading
        As in `fit_percolation`.

    Returns
    -------
    ndarray, (2, 2)
        [[p_c low, p_c high], [t low, t high]].

    Raises
    ------
    InputError
        As `fit_percolation`.
    """
    model = _model(porosity, sigma, depth_over_radius, phases, reading)
    members = [np.flatnonzero(np.asarray(groups) == group) for group in np.unique(groups)]
    start = _best(model, _grid_start(model))
    rng = np.random.default_rng(seed)
    draws = [_parameters(_best(model.drawn(np.concatenate([rng.choice(rows, rows.size) for rows in members])), start))
             for _ in range(num_draws)]
    return np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0).T


def agreement_range(porosity, ratio, factor: float = 2.0) -> tuple[float, float] | None:
    """The longest unbroken range of measured porosities in which theory and simulation differ by at most a factor.

    Parameters
    ----------
    porosity, ratio : array_like, (n,)
        And theory over simulation there; samples of one porosity are to be averaged before.
    factor : float

    Returns
    -------
    (low, high) or None
        The first and the last porosity of the range; None where nothing agrees.
    """
    order = np.argsort(porosity)
    porosity = np.asarray(porosity, float)[order]
    agrees = np.abs(np.log(np.asarray(ratio, float)[order])) <= np.log(factor)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], agrees.astype(int), [0]])))
    runs = [(porosity[first], porosity[end - 1]) for first, end in zip(edges[::2], edges[1::2])]
    return max(((float(low), float(high)) for low, high in runs), key=lambda run: run[1] - run[0], default=None)


@dataclass(frozen=True)
class _Model:
    """Residuals ln(theory / sigma) as a function of (logit p_c, ln t).

    Volume fractions and conductivities of coated pores and matrix, (2, n), do not depend on these two.
    """

    fractions: np.ndarray
    sigmas: np.ndarray
    core: np.ndarray
    log_sigma: np.ndarray
    reading: Reading

    @property
    def num_points(self) -> int:
        return self.log_sigma.size

    def __call__(self, point) -> np.ndarray:
        p, t = _parameters(point)
        # Beyond what there is room for the pores never percolate; the search may pass through it.
        p = np.minimum(self.reading.threshold_of_particles(p, self.core), 1 - 1e-9)
        return np.log(solve_gem(self.fractions, self.sigmas, p, t)) - self.log_sigma

    def drawn(self, rows) -> _Model:
        return _Model(self.fractions[:, rows], self.sigmas[:, rows], self.core[rows], self.log_sigma[rows], self.reading)


def _model(porosity, sigma, depth_over_radius, phases, reading: Reading) -> _Model:
    porosity, sigma, depth_over_radius = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(values, float)) for values in (porosity, sigma, depth_over_radius)))
    num_porosities = np.unique(porosity.round(3)).size
    if porosity.size < MIN_POINTS or num_porosities < MIN_POROSITIES:
        raise InputError(f"{porosity.size} samples at {num_porosities} porosities: fitting a threshold and an exponent "
                         f"needs at least {MIN_POINTS} samples at {MIN_POROSITIES} porosities")
    if not np.all((sigma > 0) & np.isfinite(sigma)):
        raise InputError("a conductivity to be fitted is not positive; leave out samples that do not conduct")
    if not np.all(np.asarray(phases.matrix) > 0):
        raise InputError("conductivity of the matrix 0: the fit is one of ln sigma and needs a matrix that conducts")
    filled, core = coated_pores(porosity, depth_over_radius)
    sigmas = np.broadcast_arrays(COMPOSITES[reading.composite](core, phases), phases.matrix)
    return _Model(np.stack([filled, 1 - filled]), np.stack(sigmas), core, np.log(sigma), reading)


def _parameters(point):
    """p_c and t of a point of the search, one or many (..., 2)."""
    point = np.asarray(point)
    return _sigmoid(point[..., 0]), np.exp(point[..., 1])


def _sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def _grid_start(model: _Model) -> np.ndarray:
    """The best point of a coarse grid: the sum of squares has several minima where data are few."""
    points = np.stack(np.meshgrid(np.linspace(-3.5, 3.5, 29), np.log(np.geomspace(0.2, 5, 21)), indexing="ij"), axis=-1)
    squares = np.sum(model(points[:, :, None]) ** 2, axis=-1)
    return points[np.unravel_index(np.argmin(squares), squares.shape)]


def _best(model: _Model, start) -> np.ndarray:
    return least_squares(model, start, bounds=(LOW, HIGH), xtol=1e-10, ftol=1e-12, gtol=1e-12).x


def _profile_interval(model: _Model, best, which: int, limit: float) -> tuple[float, float]:
    """Where the sum of squares, least over the other parameter, passes the limit on either side of the best.

    Found to about one per cent of the interval's half-width.
    """
    other = 1 - which
    covariance, reach = _linear_region(model, best, limit)

    def excess(value: float) -> float:
        def squares(partner: float) -> float:
            point = np.empty(2)
            point[which], point[other] = value, partner
            return float(np.sum(model(point) ** 2))

        slope = covariance[0, 1] / covariance[which, which]
        centre = best[other] + slope * (value - best[which])
        low, centre, high = np.clip([centre - reach[other], centre, centre + reach[other]], LOW[other], HIGH[other])
        found = minimize_scalar(squares, bounds=(low, high), method="bounded", options={"xatol": 0.03 * reach[other]})
        return min(found.fun, squares(centre)) - limit

    def end(direction: int) -> float:
        inside, step = best[which], reach[which] / 3
        while True:
            outside = np.clip(inside + direction * step, LOW[which], HIGH[which])
            if excess(outside) > 0:
                return brentq(excess, inside, outside, xtol=5e-3 * reach[which])
            if outside in (LOW[which], HIGH[which]):
                return outside
            inside = outside

    return tuple(float(end(direction)) for direction in (-1, 1))


def _linear_region(model: _Model, best, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of a linear model, scaled to the limit, and three times its half-widths within the search."""
    jacobian = least_squares(model, best, bounds=(LOW - 1, HIGH + 1), max_nfev=1).jac
    normal = jacobian.T @ jacobian
    ridge = 1e-9 * np.trace(normal) * np.eye(2)  # a parameter that the data do not feel has a wide region, not none
    covariance = np.linalg.inv(normal + ridge) * (limit - np.sum(model(best) ** 2))
    return covariance, np.minimum(3 * np.sqrt(np.diag(covariance)), HIGH - LOW)
