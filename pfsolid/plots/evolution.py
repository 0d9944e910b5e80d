"""Figure of a run's history: energy, sizes, steps, fractions over time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..conduction.phases import PHASES
from .colours import PHASE_COLOURS
from .figure import new_figure, sparse_minor_ticks
from .run_files import SIZES, RunFiles


def evolution_figure(run: RunFiles) -> Figure:
    """Energy, sizes, time steps and fractions over time."""
    history = run.history
    time = history["reduced_time"]
    seconds_known = history["time_s"][-1] > 0 and time[-1] > 0
    figure = new_figure(run, 6.2, "evolution")
    top = 0.85 if seconds_known else 0.92
    panels = figure.subplots(2, 2, sharex=True)
    figure.subplots_adjust(left=0.08, right=0.99, bottom=0.07, top=top, hspace=0.08)
    (energy, sizes), (steps, fractions) = panels
    for axes in panels.flat:
        axes.set_xscale("log")
        sparse_minor_ticks(axes.xaxis)
        if axes is not fractions:
            axes.set_yscale("log")
            sparse_minor_ticks(axes.yaxis)
        axes.grid(True, color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    _draw_line(energy, time, history["energy_J_per_m3"] / 1e6, "#333333")
    energy.set_ylabel("energy density (MJ/m³)")
    _draw_sizes(sizes, time, history)
    _draw_line(steps, time, history["reduced_step"], "#333333")
    steps.set_ylabel("time step (reduced)")
    for name in PHASES:
        _draw_line(fractions, time, history[f"{name}_fraction"], PHASE_COLOURS[name], name)
    fractions.set_ylabel("volume fraction")
    fractions.set_ylim(0, 1)
    fractions.legend()
    for axes in (energy, sizes, steps):
        _plain_ticks(axes)
    for axes in panels[1]:
        axes.set_xlabel(r"reduced time $t\,/\,(\lambda^2/16wM)$")
    if seconds_known:
        _add_seconds(panels[0], history["time_s"][-1] / time[-1])
    return figure


def _draw_line(axes, time, values, colour, label=None) -> None:
    good = np.isfinite(values) & (time > 0)
    if axes.get_yscale() == "log":
        good &= values > 0
    marker = "o" if np.count_nonzero(good) < 20 else ""
    axes.plot(time[good], values[good], color=colour, label=label, marker=marker, markersize=3.5)


def _draw_sizes(axes, time, history: dict) -> None:
    for name, label, colour in SIZES:
        _draw_line(axes, time, history[name], colour, label)
    axes.set_ylabel("size (nm)")
    last = [history[name][-1] for name, _, _ in SIZES if history[name][-1] > 0]
    if last and time[-1] > time[0] > 0:
        guide = np.array([max(time[-1] / 30, time[0]), time[-1]])
        axes.plot(guide, 1.3 * max(last) * (guide / guide[1]) ** (1 / 3), color="0.45", linestyle="--",
                  linewidth=1.1, label=r"$\propto t^{1/3}$")
        # The first pores are few, and the walls between them longer than the box.
        axes.set_ylim(top=min(axes.get_ylim()[1], 5 * max(last)))
    axes.legend()


def _add_seconds(panels, unit: float) -> None:
    """The time in s along the top; ``unit`` is a reduced time of 1 in s."""
    for axes in panels:
        top = axes.secondary_xaxis("top", functions=(lambda reduced: reduced * unit, lambda s: s / unit))
        top.set_xlabel("time (s)")


def _plain_ticks(axes) -> None:
    """On a logarithmic scale of less than two decades or so, numbers in place of powers."""
    low, high = axes.get_ylim()
    if high / low < 300:
        subs = (1, 2, 5) if high / low > 10 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
