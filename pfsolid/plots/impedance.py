"""Figures of `pfsolid impedance`: Nyquist and Bode plots, and where the current goes at some frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..grid import AXES
from ..io.peek import describe
from ..results.impedance import ImpedanceResult
from .colours import COLOURS
from .figure import new_figure
from .run_files import RunFiles, middle_plane

_MAP = "current_"
_MOST_MAPS = 6


def impedance_figure(run: RunFiles) -> Figure:
    """Z in the complex plane with equal axes and marked decades, its modulus and its phase."""
    figure = new_figure(run, 6.6, "impedance")
    draw_impedance(figure, run.result.impedance)
    return figure


def draw_impedance(figure: Figure, found: ImpedanceResult) -> None:
    """Draw the panels into an empty figure.

    Parameters
    ----------
    figure : Figure
    found : ImpedanceResult
    """
    grid = figure.add_gridspec(2, 2, left=0.1, right=0.985, bottom=0.08, top=0.9, hspace=0.32, wspace=0.26,
                               height_ratios=(1.25, 1))
    nyquist, modulus, phase = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    f = np.array(found.frequencies_Hz)
    unit = found.impedance_unit.replace("ohm", "Ω").replace("^2", "²").replace(" ", "\u2009")
    for number, one in enumerate(found.spectra):
        colour = COLOURS[number % len(COLOURS)]
        z = np.array(one.Z_real) + 1j * np.array(one.Z_imag)
        nyquist.plot(z.real, -z.imag, color=colour, marker="o", markersize=2.5, linewidth=1.2, label=one.name)
        _mark_decades(nyquist, f, z, colour, number == 0)
        modulus.loglog(f, np.abs(z), color=colour)
        phase.semilogx(f, np.degrees(np.angle(z)), color=colour)
    nyquist.set_aspect("equal", adjustable="datalim")
    nyquist.set_xlabel(f"Z′ ({unit})")
    nyquist.set_ylabel(f"−Z″ ({unit})")
    modulus.set_ylabel(f"|Z| ({unit})")
    phase.set_ylabel("phase (degrees)")
    for axes in (modulus, phase):
        axes.set_xlabel("frequency (Hz)")
    for axes in (nyquist, modulus, phase):
        axes.grid(True, color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    nyquist.ticklabel_format(style="sci", scilimits=(-2, 4), useMathText=True)
    nyquist.legend(loc="upper right", title="along")


def _mark_decades(axes: Any, f: Any, z: Any, colour: str, with_text: bool) -> None:
    """Whole decades that lie apart on the curve."""
    logs = np.log10(f)
    span, last = np.ptp(z.real) + np.ptp(z.imag), None
    for index in np.flatnonzero(np.abs(logs - np.round(logs)) < 1e-6):
        axes.plot(z[index].real, -z[index].imag, color=colour, marker="o", markersize=5.5)
        if with_text and (last is None or abs(z[index] - last) > 0.045 * span):
            axes.annotate(f"$10^{{{round(logs[index])}}}$", (z[index].real, -z[index].imag), fontsize=8, color="0.3",
                          textcoords="offset points", xytext=(3, 6))
            last = z[index]


def maps_of(run: RunFiles) -> list[str]:
    """Names of the stored currents."""
    return [name for name in run.fields if name.startswith(_MAP) and name.endswith(("Hz", "K"))]


def maps_figure(run: RunFiles) -> Figure:
    """|J| over the modulus of its mean, in the middle plane along the field, one scale for all."""
    names = maps_of(run)[:_MOST_MAPS]
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    height = 1.5 + (6.2 / columns if columns > 1 else 4.5) * rows
    figure = new_figure(run, height, "current over its mean, in the middle plane")
    panels = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    figure.subplots_adjust(left=0.07, right=0.88, bottom=0.55 / height, top=1 - 0.95 / height, wspace=0.2, hspace=0.3)
    planes, shown = [], None
    for name in names:
        along = AXES.index(name[len(_MAP)])
        shape = describe(run.fields_path, name).grid_nm.shape
        normal = next(axis for axis in (1, 0, 2) if axis != along and (shape[axis] > 1 or axis == 2))
        if min(shape) == 1:
            normal = shape.index(1)
        planes.append((name, normal, np.log10(np.maximum(middle_plane(run, name, normal), 1e-12))))
    # A scale for all, the same above 1 as below; few voxels leave it.
    reach = max(0.1, max(float(np.quantile(np.abs(plane), 0.995)) for _, _, plane in planes))
    for axes, (name, normal, plane) in zip(panels, planes):
        shown = axes.imshow(plane.T, origin="lower", cmap="inferno", vmin=-reach, vmax=reach, interpolation="nearest")
        across = [axis for axis in AXES if axis != AXES[normal]]
        direction, _, at = name.removeprefix(_MAP).partition("_")
        axes.set_title(f"along {direction}, {at.replace('Hz', ' Hz').replace('_', ', ')}")
        axes.set_xlabel(f"{across[0]} (voxels)")
        axes.set_ylabel(f"{across[1]} (voxels)")
    for axes in panels[len(names):]:
        axes.set_visible(False)
    bar = figure.colorbar(shown, cax=figure.add_axes((0.91, 0.2, 0.018, 0.55)))
    ends = [-reach, -reach / 2, 0.0, reach / 2, reach]
    bar.set_ticks(ends, labels=[f"{10**one:.2g}" for one in ends])
    bar.set_label("|J| / |⟨J⟩|")
    return figure

