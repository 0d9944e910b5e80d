"""Is a sample large enough?  How far a property of sub-volumes scatters, what follows for the whole image and for others.

A property Z of a sub-volume of volume V scatters about that of the infinite medium with a variance

    Var Z(V) = Var z (A / V)^g,    g = 1 where correlations are short,

Var z being that of the local property and A the integral range, the volume of one independent piece (Kanit et al. 2003,
doi:10.1016/S0020-7683(03)00143-4).  g is fitted; 1 is taken where its interval holds 1.  Faces, where the boundary condition
disturbs the field, shift the mean by b / L, L being the edge.

>>> import numpy as np
>>> law = variance_law([1.0, 8.0, 64.0], [0.64, 0.08, 0.01], [512, 64, 8])
>>> law.taken, round(law.deviation(512.0), 3)
(1.0, 0.035)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import polygamma, psi

Array = npt.NDArray[np.float64]
COVERAGE = 0.95
NORMAL = 1.959964  # of COVERAGE, two-sided
DRAWS = 4000
FARTHEST = 8  # times the image's edge: there the scatter is 23 times smaller than any that was seen
_LOWEST = 0.05  # exponent: not to divide by nothing
# What g seems to be where it is 1 and the sizes are 1.5 to 8 correlation lengths: 0.70 to 0.83 (docs/representative.md).
_SEEMING = 0.7
FEWEST = 4  # sub-volumes that say anything of a variance


@dataclass(frozen=True)
class VarianceLaw:
    """Var Z(V) = exp(a) V^-g.

    Attributes
    ----------
    exponent, low, high : float
        g as fitted and its 95 % interval; NaN of a single size, which says nothing of it.
    taken : float
        g that is used: 1 where the interval holds it.
    log_scale : float
        a.
    draws : ndarray (DRAWS, 2)
        a and g of the bootstrap.  A g above 1 and the fitted one is chance; one below makes the interval of an image wider,
        where ``taken`` is 1 down to 0.7.
    """

    exponent: float
    low: float
    high: float
    taken: float
    log_scale: float
    draws: Array

    def deviation(self, volume: float) -> float:
        """Standard deviation of Z in a volume."""
        return math.exp(0.5 * (self.log_scale - self.taken * math.log(volume)))

    def half_width(self, volume: float, seed: int = 0) -> float:
        """Half of the 95 % interval about the value of one sample, the law's own uncertainty in it.

        The quantile of |s* N| over the bootstrap's deviations s*, N normal: of a single size Student's interval.

        Parameters
        ----------
        volume : float
        seed : int
            Of the normal numbers.

        Returns
        -------
        float
            In the unit of Z.
        """
        deviations = np.exp(0.5 * (self.draws[:, 0] - self.draws[:, 1] * math.log(volume)))
        normal = np.random.default_rng(seed).standard_normal(len(deviations))
        return float(np.quantile(np.abs(deviations * normal), COVERAGE))

    def volume_for(self, half_width: float) -> float:
        """The volume whose Z is within a half width with 95 %; 0 where nothing scatters."""
        if self.log_scale == -math.inf:
            return 0.0
        return math.exp((self.log_scale - 2 * math.log(half_width / NORMAL)) / self.taken)

    def integral_range(self, variance: float) -> float:
        """A, for the variance of the local property; NaN where g is not 1 or nothing varies."""
        return math.exp(self.log_scale) / variance if self.taken == 1 and variance > 0 else math.nan


def variance_law(volumes: npt.ArrayLike, variances: npt.ArrayLike, counts: npt.ArrayLike, excess: float = 0.0,
                 seed: int = 0) -> VarianceLaw:
    """Fit the law to the variances of independent sub-volumes of several sizes.

    Parameters
    ----------
    volumes, variances, counts : sequence of float (num_sizes,)
        Of a sub-volume; of Z over the sub-volumes, with n - 1; n.
    excess : float
        Excess kurtosis of Z: n values then say as much of a variance as (n - 1) / (1 + excess (n - 1) / 2 n) normal ones.
    seed : int
        Of the bootstrap, which is parametric: variances s^2 nu / chi^2_nu.  Drawing the values themselves with replacement
        holds the deviation of 8 normal values in 73 % of cases, not in 95.

    Returns
    -------
    VarianceLaw

    Notes
    -----
    Weighted least squares of ln s^2, whose bias psi(nu / 2) - ln(nu / 2) is taken off and whose variance is psi'(nu / 2).
    Sizes cut from the same image are correlated, the slope being better known than it says.
    """
    volumes, variances, counts = (np.asarray(values, float) for values in (volumes, variances, counts))
    rng = np.random.default_rng(seed)
    if not np.all(variances > 0):
        nothing = np.column_stack([np.full(DRAWS, -np.inf), np.ones(DRAWS)])
        return VarianceLaw(math.nan, math.nan, math.nan, 1.0, -math.inf, nothing)
    freedom = (counts - 1) / (1 + max(excess, 0.0) * (counts - 1) / (2 * counts))
    logs = np.log(variances) - psi(freedom / 2) + np.log(freedom / 2)
    weights = 1 / polygamma(1, freedom / 2)
    drawn = np.log(variances) + np.log(freedom / rng.chisquare(freedom, (DRAWS, len(freedom))))
    x = np.log(volumes)
    mean_x = np.average(x, weights=weights)

    def scale_for(values: Array, exponent: npt.ArrayLike) -> Array:
        return np.asarray(np.average(values + np.multiply.outer(exponent, x), axis=-1, weights=weights))

    if len(x) == 1:
        return VarianceLaw(math.nan, math.nan, math.nan, 1.0, float(np.log(variances[0]) + x[0]),
                           np.column_stack([scale_for(drawn, np.ones(DRAWS)), np.ones(DRAWS)]))
    slope = weights * (x - mean_x) / np.sum(weights * (x - mean_x) ** 2)
    exponent, exponents = -float(logs @ slope), -(drawn @ slope)
    exponents += exponent - np.mean(exponents)
    low, high = np.quantile(exponents, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    is_one = low <= 1 <= high
    taken = 1.0 if is_one else max(exponent, _LOWEST)
    used = np.clip(exponents, _SEEMING if is_one else _LOWEST, max(1.0, taken))
    return VarianceLaw(exponent, float(low), float(high), taken, float(scale_for(logs, taken)),
                       np.column_stack([scale_for(drawn, used), used]))


def excess_kurtosis(groups: Sequence[Array]) -> float:
    """Of values of several groups, each in units of its own deviation about its own mean; at least 0."""
    scaled = [(np.asarray(one) - np.mean(one)) / np.std(one) for one in groups if len(one) >= FEWEST and np.std(one) > 0]
    if not scaled:
        return 0.0
    values = np.concatenate(scaled)
    return max(float(np.mean(values**4)) - 3.0, 0.0)


def edge_shift(edges: npt.ArrayLike, means: npt.ArrayLike, variances: npt.ArrayLike, edge: float, value: float) -> float:
    """b of mean(L) = m + b / L, by least squares through the value of the whole image; 0 of no smaller size.

    Parameters
    ----------
    edges, means, variances : array_like (num_sizes,)
        Of sub-volumes smaller than the image; the variances are those of the means about that of all of the image's parts.
    edge, value : float
        Of the whole image.

    Returns
    -------
    float
    """
    inverse = 1 / np.asarray(edges, float) - 1 / edge
    weights = 1 / np.maximum(np.asarray(variances, float), np.finfo(float).tiny)
    weights = weights / weights.max() if weights.size else weights
    spread = float(weights @ inverse**2)
    return float((weights * inverse) @ (np.asarray(means, float) - value)) / spread if spread > 0 else 0.0


def share_interval(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a probability (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Parameters
    ----------
    hits, total : int

    Returns
    -------
    tuple of 2 float
    """
    share, z2 = hits / total, NORMAL**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = NORMAL * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return max(centre - half, 0.0), min(centre + half, 1.0)


@dataclass(frozen=True)
class Sizes:
    """Values of one property in sub-volumes of several sizes.

    Attributes
    ----------
    edges, volumes : tuple of float (num_sizes,)
        Edge and volume of a sub-volume, in any one unit of length.
    values : tuple of ndarray (num_sizes, n)
    through : tuple of ndarray of bool (num_sizes, n)
        Whether the sub-volume has the property at all, such as percolation.
    """

    edges: tuple[float, ...]
    volumes: tuple[float, ...]
    values: tuple[Array, ...]
    through: tuple[npt.NDArray[np.bool_], ...]

    @property
    def representative(self) -> list[int]:
        """Sizes that the law is fitted to: those of which every sub-volume percolates; all, if these are fewer than two."""
        whole = [number for number, one in enumerate(self.through) if one.all()]
        return whole if len(whole) > 1 else list(range(len(self.edges)))


@dataclass(frozen=True)
class Needed:
    """What a relative error takes.

    Attributes
    ----------
    relative : float
        Half of the 95 % interval over the mean.
    edge : float or None
        Edge of one sample, cubic, in the unit of the sizes; None where what was measured does not say it.
    by_faces : bool
        It is the shift by the faces that decides, not the scatter.
    number, of_edge : int, float, or None
        As good: the mean of so many of that edge, the largest that was measured; None where the faces shift those too far,
        or some of them do not percolate.
    unsaid : str
        Why there is no edge; empty where there is one.
    """

    relative: float
    edge: float | None
    by_faces: bool
    number: int | None
    of_edge: float | None
    unsaid: str = ""


@dataclass(frozen=True)
class Representativity:
    """What sub-volumes say of an image and of others.

    Attributes
    ----------
    law : VarianceLaw
    shift : float
        b: the faces change the mean by b / L.
    value : float
        Of the whole image.
    sample, faces : float
        Half of the 95 % interval by scatter, and b / L of the image.
    low, high : float
        The interval about the infinite medium's value: scatter, and on their side the faces.
    needed : Needed or None
        None where the image has no value.
    fitted : list of int
        Sizes that the law is fitted to.
    """

    law: VarianceLaw
    shift: float
    value: float
    sample: float
    faces: float
    low: float
    high: float
    needed: Needed | None
    fitted: list[int]


def judge(sizes: Sizes, edge: float, volume: float, value: float, relative: float, dimensions: int = 3,
          shifts: bool = True) -> Representativity:
    """What the sub-volumes of an image say of it.

    Parameters
    ----------
    sizes : Sizes
    edge, volume, value : float
        Of the whole image: its shortest edge, volume and property.
    relative : float
        The error asked for, 0.05 for 5 %.
    dimensions : int
        Volumes are edges to this power.
    shifts : bool
        Whether faces change the property; those of volume fractions are what they are.

    Returns
    -------
    Representativity
    """
    fitted = sizes.representative
    groups = [sizes.values[number] for number in fitted]
    law = variance_law([sizes.volumes[number] for number in fitted], [np.var(one, ddof=1) for one in groups],
                       list(map(len, groups)), excess_kurtosis(groups))
    smaller = [number for number in fitted if sizes.edges[number] < edge]
    shift = 0.0
    if shifts and smaller:
        shift = edge_shift([sizes.edges[number] for number in smaller], [sizes.values[number].mean() for number in smaller],
                           [_variance_of_mean(sizes, number, volume) for number in smaller], edge, value)
    sample, faces = law.half_width(volume), shift / edge
    limit = value - faces  # of the infinite medium, but for scatter
    low, high = max(min(value, limit) - sample, 0.0), max(value, limit) + sample
    needed = _needed(law, sizes, fitted, shift, limit, relative, dimensions, edge) if value > 0 and limit > 0 else None
    return Representativity(law, shift, value, sample, faces, low, high, needed, fitted)


def _variance_of_mean(sizes: Sizes, number: int, volume: float) -> float:
    """Of the mean over the sub-volumes of a size about that over all of the image: parts that were not drawn, margins."""
    values = sizes.values[number]
    covered = min(len(values) * sizes.volumes[number] / volume, 1.0)
    return float(np.var(values, ddof=1)) / len(values) * (1.1 - covered)


def _needed(law: VarianceLaw, sizes: Sizes, fitted: list[int], shift: float, mean: float, relative: float,
            dimensions: int, image_edge: float) -> Needed:
    allowed = relative * mean
    by_scatter = law.volume_for(allowed) ** (1 / dimensions)
    by_faces = 2 * abs(shift) / allowed  # half of what is allowed
    largest = max(fitted, key=lambda number: sizes.volumes[number])
    number = None
    blocked = not sizes.through[largest].all()
    if sizes.edges[largest] >= by_faces and not blocked:
        number = max(1, math.ceil((NORMAL * law.deviation(sizes.volumes[largest]) / allowed) ** 2))
    edge = max(by_scatter, by_faces)
    unsaid = _unsaid(law, edge, by_scatter, image_edge, blocked)
    return Needed(relative, None if unsaid else edge, by_faces > by_scatter, number,
                  None if number is None else sizes.edges[largest], unsaid)


def _unsaid(law: VarianceLaw, edge: float, by_scatter: float, image_edge: float, blocked: bool) -> str:
    """Why an edge that was computed says nothing; empty where it does."""
    if blocked:
        return "in some of the largest sub-volumes nothing percolates: take larger ones"
    if law.taken != 1 and by_scatter > image_edge:
        return ("scatter does not fall as V^-0.5 yet, so that it cannot be drawn on beyond the image: sub-volumes are "
                "smaller than what they scatter by, or too few")
    if edge > FARTHEST * image_edge:
        return f"it would be more than {FARTHEST} times the image's edge, too far beyond what was measured"
    return ""
