"""Points of a sweep with their errors, and curves through them on a logarithmic axis that has a place for zero."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.ticker import FixedLocator

from ..sweeps.collect import half_interval
from .figure import log_ticks

ZERO = "zero"  # how lines in the strip are known
ZERO_STRIP = 0.09  # of the height of the axes, below the logarithmic part
BARS = "bars: sample (95 %) and grid error in quadrature; with one sample the grid's alone"


@dataclass(frozen=True)
class Point:
    """A place along an axis: the values of its samples, their mean, and the error of that mean (NaN: not known)."""

    at: float
    values: np.ndarray
    mean: float
    error: float


def point_of(at: float, values: np.ndarray, grid_errors: np.ndarray, sample_error: float | None = None) -> Point:
    """The mean of samples with both parts of its error in quadrature.

    Parameters
    ----------
    at : float
    values, grid_errors : ndarray (samples,)
        Conductivities, and the relative error of each by the grid; NaN where not known.
    sample_error : float, optional
        Relative, of the mean; by default half the 95 % interval of the values (Student's t).

    Returns
    -------
    Point
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return Point(at, known, np.nan, np.nan)
    sample = half_interval(known) if sample_error is None else sample_error
    grid = grid_errors[np.isfinite(values)]
    parts = [part for part in (sample, *grid[np.isfinite(grid)].max(initial=-1, keepdims=True)) if part is not None]
    parts = [part for part in parts if np.isfinite(part) and part >= 0]
    mean = float(known.mean())
    return Point(at, known, mean, mean * float(np.hypot.reduce(parts)) if parts else np.nan)


def draw_points(axes, points: list[Point], colour: str, label: str | None, marker: str = "o", line: bool = True,
                samples: bool = True) -> None:
    """Draw samples, means and bars; means of zero stand in the strip of `make_zero_strip`, and no line leads there.

    Parameters
    ----------
    axes : Axes
        With a logarithmic scale.
    points : list of Point
        In the order of the line.
    colour, label, marker
        Of matplotlib.
    line, samples : bool
        Whether means are joined, and single samples shown.
    """
    zeros = [point.at for point in points if point.mean == 0]
    # NaN breaks the line where there is none to be drawn.
    draw_means(axes, [point if point.mean > 0 else replace(point, mean=np.nan) for point in points], colour, label, marker,
               line, samples)
    if zeros:
        axes.plot(zeros, np.full(len(zeros), 0.5 * ZERO_STRIP), "v", color=colour, markersize=5, clip_on=False,
                  transform=axes.get_xaxis_transform(), gid=ZERO)


def draw_means(axes, points: list[Point], colour: str, label: str | None, marker: str = "o", line: bool = True,
               samples: bool = True) -> None:
    """Draw samples, means and bars, on any scale.

    Parameters
    ----------
    axes, points, colour, label, marker, line, samples
        As for `draw_points`.
    """
    at, mean, error = (np.array([getattr(point, name) for point in points]) for name in ("at", "mean", "error"))
    axes.errorbar(at, mean, np.nan_to_num(error), color=colour, marker=marker, markersize=4.5, capsize=2.5, elinewidth=1,
                  linestyle="-" if line else "", label=label)
    several = [point for point in points if samples and point.values.size > 1]
    if several:
        axes.plot(np.repeat([one.at for one in several], [one.values.size for one in several]),
                  np.concatenate([one.values for one in several]), ".",
                  color=colour, markersize=4, alpha=0.5)


def make_zero_strip(panels) -> None:
    """Below the logarithmic part a strip for σ = 0, if any has been drawn: when all curves are there, each in a lane of it.

    Parameters
    ----------
    panels : list of Axes
        Which share the axis of conductivities.
    """
    lines = [(axes, line) for axes in panels for line in axes.lines]
    drawn = [np.asarray(line.get_ydata(), float) for axes, line in lines if line.get_transform() == axes.transData]
    positive = np.concatenate(drawn) if drawn else np.empty(0)
    positive = positive[np.isfinite(positive) & (positive > 0)]
    low, high = (positive.min() / 1.5, positive.max() * 1.5) if positive.size else (1e-1, 1.0)
    log_ticks(panels[0].yaxis, low, high)
    if not any(line.get_gid() == ZERO for _, line in lines):
        return
    panels[0].set_ylim((low * (low / high) ** (ZERO_STRIP / (1 - ZERO_STRIP))), high)
    for axes in panels:
        axes.axhline(low, color="0.6", linewidth=0.8, linestyle=":")
        _give_lanes([line for line in axes.lines if line.get_gid() == ZERO])
    panels[0].annotate("σ = 0", (0, 0.5 * ZERO_STRIP), (-6, 0), xycoords="axes fraction", textcoords="offset points",
                       ha="right", va="center", fontsize="small")
    axis = panels[0].yaxis
    for ticks, replace_ticks in ((axis.get_major_locator(), axis.set_major_locator),
                                 (axis.get_minor_locator(), axis.set_minor_locator)):
        replace_ticks(FixedLocator([value for value in ticks.tick_values(low, high) if low <= value <= high]))


def _give_lanes(lines: list) -> None:
    """Curves that are zero at the same place would hide each other's markers: the first one stands highest."""
    for lane, line in enumerate(reversed(lines)):
        height = line.axes.get_window_extent().height * 72 / line.axes.figure.dpi * ZERO_STRIP / len(lines)  # points
        line.set_ydata(np.full(len(line.get_xdata()), (lane + 0.5) * ZERO_STRIP / len(lines)))
        line.set_markersize(min(line.get_markersize(), 0.9 * height))
