"""Figures of effective-medium theory: maps over porosity and λ/r with line profiles, and a fit beside its simulations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterMathtext, LogLocator

from ..theory.effective_medium import CoatedPores, core_fraction
from ..theory.models import Theory, reading_text
from ..workflows.fit_sweep import FittedSweep
from ..workflows.theory import Map
from .figure import WIDTH, save_figure

EXPERIMENT = 1.64e-4  # S/cm, nanoporous beta-Li3PS4, Liu et al. 2013 as quoted in Hu 2017, which gives no porosity for it
LINES = ("#0072b2", "#009e73", "#e69f00", "#d55e00", "#cc79a7")
SHADES = 40
RATIO = "surface depth / pore radius  λ/r"
SIGMA = "effective conductivity (S/cm)"


def plot_map(chart: Map, directory: Path) -> Path:
    """Map of ln sigma over porosity and λ/r, and its profiles at four porosities; the figure's path.

    Raises
    ------
    OutputError
    """
    return save_figure(directory, chart.name, lambda: _map_figure(chart))


def plot_fit(fitted: FittedSweep, directory: Path) -> Path:
    """Simulated and fitted conductivity over porosity; the figure's path.

    Raises
    ------
    OutputError
    """
    return save_figure(directory, "emt_fit", lambda: _fit_figure(fitted))


def new_figure(height: float) -> Figure:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _map_figure(chart: Map) -> Figure:
    figure = new_figure(3.6)
    figure.get_layout_engine().set(wspace=0.08)
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    levels = np.geomspace(chart.sigma.min(), chart.sigma.max(), SHADES + 1)
    place = 100 * chart.porosity, chart.depth_over_radius, chart.sigma
    picture = left.contourf(*place, levels=levels, norm=LogNorm(), cmap="viridis")
    left.contour(*place, colors="white", linewidths=0.5, levels=LogLocator(subs=(1.0, 3.0)).tick_values(*levels[[0, -1]]))
    left.set(xlabel="porosity (%)", ylabel=RATIO)
    figure.colorbar(picture, ax=left, label=SIGMA, ticks=LogLocator(), format=LogFormatterMathtext())
    for porosity, colour in zip(chart.profiles[::-1], LINES):
        right.semilogy(chart.depth_over_radius, chart.theory.conductivity(porosity, chart.depth_over_radius), color=colour,
                       label=f"{100 * porosity:.0f} %")
    right.set(xlabel=RATIO, ylabel=SIGMA)
    right.set_ylim(top=3 * chart.sigma.max())
    right.legend(ncols=3, title="porosity", loc="upper left")
    figure.suptitle(f"{chart.figure}: {chart.theory.about}", fontsize=9)
    return figure


def _fit_figure(fitted: FittedSweep) -> Figure:
    figure = new_figure(4.6)
    axes = figure.subplots()
    samples = fitted.samples
    for rows, face, label in ((fitted.fitted, "#0072b2", "simulated, fitted"), (~fitted.fitted, "white", "simulated")):
        axes.semilogy(100 * samples.porosity[rows], samples.sigma[rows], "o", color="#0072b2", markersize=4,
                      markerfacecolor=face, markeredgewidth=0.8, label=label)
    for theory, ratios, style, label in _curves(fitted):
        porosity, sigma = _along(theory, samples.porosity, ratios)
        axes.semilogy(100 * porosity, sigma, style, label=label)
    axes.axhline(EXPERIMENT, color="black", linewidth=0.8, linestyle="-.", label="experiment (Liu 2013), 1.64e-4 S/cm")
    if fitted.agreement:
        low, high = fitted.agreement
        axes.axvspan(100 * low, 100 * high, color="#009e73", alpha=0.12, linewidth=0,
                     label=f"fit and mean over replicas within a factor of two: {100 * low:.0f}–{100 * high:.0f} %")
    axes.set(xlabel={"chord": "porosity (%)", "phases": "pore phase (%)"}[samples.geometry], ylabel=SIGMA)
    axes.legend()
    return figure


def _curves(fitted: FittedSweep) -> list:
    """The fit and the paper's parameters, both with the λ/r of these samples, and the paper's own curve."""
    phases = CoatedPores(*(float(np.median(value)) for value in vars(fitted.samples.phases).values()))
    measured = fitted.samples.depth_over_radius
    fit = fitted.fit
    return [
        (Theory("gemt", phases, fit.percolation_threshold, fit.exponent, fitted.reading), measured, "-",
         f"fit{reading_text(fitted.reading)}: p_c = {fit.percolation_threshold:.3f}, t = {fit.exponent:.2f}, "
         "λ/r as measured"),
        (Theory("gemt", phases), measured, "--", "Hu 2017: p_c = 0.32, t = 0.85, λ/r as measured here"),
        (Theory("gemt", phases), np.full(measured.shape, 0.1), ":", "Hu 2017: the same, λ/r = 0.1"),
    ]


def _along(theory: Theory, porosities: np.ndarray, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve over porosity with λ/r interpolated between a smooth fit of the samples', as far as it is valid."""
    porosity = np.linspace(porosities.min(), porosities.max(), 300)
    ratio = np.polynomial.Polynomial.fit(porosities, ratios, min(3, np.unique(porosities).size - 1))(porosity)
    valid = (ratio >= 0) & (porosity <= core_fraction(np.maximum(ratio, 0)))
    return porosity[valid], theory.conductivity(porosity[valid], ratio[valid])
