"""The figure of `pfsolid rev`: a property in sub-volumes of several sizes, how it scatters, in how many it percolates."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..results.representative import PropertyResult, RepresentativeResult
from ..theory.representative import NORMAL
from .colours import COLOURS
from .figure import new_figure
from .run_files import RunFiles

_WHOLE = "s"


def representative_figure(run: RunFiles) -> Figure:
    """What `pfsolid rev` has found."""
    found, grid = run.result.representative, run.result.grid
    figure = new_figure(run, 6.4 if _conductivities(found) else 3.6, "is the sample large enough?")
    draw_representative(figure, found, float(np.prod(grid.shape)), min(grid.voxel_size_nm))
    return figure


def draw_representative(figure: Figure, found: RepresentativeResult, num_voxels: float, voxel_nm: float) -> None:
    """Draw the panels into an empty figure.

    Parameters
    ----------
    figure : Figure
    found : RepresentativeResult
    num_voxels, voxel_nm : float
        Of the image, and their edge in nm, to place it among its sub-volumes.
    """
    fractions = [one for one in found.properties if one.boundary is None]
    conductivities = _conductivities(found)
    rows = [fractions, conductivities] if conductivities else [fractions]
    panels = figure.subplots(len(rows), 2, squeeze=False)
    bottom, top = (0.075, 0.9) if conductivities else (0.13, 0.84)
    figure.subplots_adjust(left=0.085, right=0.985, bottom=bottom, top=top, hspace=0.3, wspace=0.24)
    for (values, scatter), properties in zip(panels, rows):
        for number, one in enumerate(properties):
            colour = COLOURS[number % len(COLOURS)]
            dimensions = 3 if all(n > 1 for n in one.sizes[0].voxels) else 2
            edge = num_voxels ** (1 / dimensions) * voxel_nm
            _draw_values(values, one, edge, colour)
            _draw_scatter(scatter, one, edge, colour, dimensions)
        first = properties[0]
        values.set_ylabel("volume fraction" if first.boundary is None else f"{_symbol(first)} (S/cm)")
        values.set_ylim(bottom=0)
        values.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        scatter.set_ylabel("standard deviation / mean")
        scatter.set_yscale("log")
        scatter.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        scatter.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        scatter.yaxis.set_minor_formatter(NullFormatter())
        target = found.relative_error / NORMAL
        scatter.axhline(target, color="0.45", linestyle="--", linewidth=1)
        scatter.annotate(f"± {100 * found.relative_error:g} % with 95 %", (0.02, target), xycoords=("axes fraction", "data"),
                         fontsize=8, color="0.35", va="bottom")
        for axes in (values, scatter):
            axes.set_xlabel("edge (nm)")
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.grid(True, color="0.9", linewidth=0.6)
            axes.set_axisbelow(True)
        values.legend(loc="best")


def _conductivities(found: RepresentativeResult) -> list[PropertyResult]:
    """Of each boundary condition the mean over axes, or the only one."""
    last: dict[str, PropertyResult] = {}
    for one in found.properties:
        if one.boundary is not None:
            last[one.boundary] = one  # the mean comes last
    return list(last.values())


def _symbol(one: PropertyResult) -> str:
    return "σ, mean over axes" if one.name == "sigma_mean" else f"σ along {one.name[-1]}"


def _draw_values(axes: Any, one: PropertyResult, edge: float, colour: str) -> None:
    """Mean of each size with the 95 % interval of the mean, the whole image with its own."""
    edges = [size.edge_nm for size in one.sizes]
    name = one.boundary or one.name.removeprefix("fraction of ")
    axes.errorbar(edges, [size.mean for size in one.sizes], [size.mean_error for size in one.sizes], color=colour,
                  marker="o", markersize=4, linewidth=1.2, capsize=2.5, label=name)
    axes.errorbar([edge], [one.value], [[max(one.value - one.low, 0)], [max(one.high - one.value, 0)]], color=colour,
                  marker=_WHOLE, markersize=6, capsize=4)
    for size in one.sizes:
        probability = size.percolation_probability
        if probability is not None and probability < 1:
            axes.annotate(f"{100 * probability:.0f} %", (size.edge_nm, size.mean), fontsize=7, color=colour,
                          textcoords="offset points", xytext=(4, 5))


def _draw_scatter(axes: Any, one: PropertyResult, edge: float, colour: str, dimensions: int) -> None:
    """Deviation over the mean of each size with its interval, the law through those that it is fitted to."""
    sizes = [size for size in one.sizes if size.mean > 0 and size.standard_deviation > 0]
    if not sizes:
        return
    for fitted in (True, False):
        some = [size for size in sizes if size.fitted == fitted]
        edges = np.array([size.edge_nm for size in some])
        relative = np.array([size.standard_deviation / size.mean for size in some])
        # of normal values the logarithm of s has the deviation 1 / sqrt(2 (n - 1))
        spread = np.exp(NORMAL / np.sqrt([2.0 * (size.number - 1) for size in some]))
        if some:
            axes.errorbar(edges, relative, [relative - relative / spread, relative * spread - relative], color=colour,
                          marker="o", markersize=4, markerfacecolor=colour if fitted else "white", linestyle="none",
                          capsize=2.5)
    if one.value > 0 and one.sample_relative:
        there = np.geomspace(min(size.edge_nm for size in sizes), edge, 20)
        law = one.sample_relative / NORMAL * (there / edge) ** (-dimensions * one.exponent_taken / 2)
        axes.plot(there, law, color=colour, linewidth=1)
        axes.plot([edge], [one.sample_relative / NORMAL], color=colour, marker=_WHOLE, markersize=6)
