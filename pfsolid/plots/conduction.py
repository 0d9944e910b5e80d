"""Figures of conduction on labelled voxels: where the current runs, which phase carries it, and with what temperature.

Drawn from a finished directory: labels and current density in fields.h5, the numbers in result.json.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure

from ..conduction.phases import PHASES
from ..grid import AXES, PeriodicGrid
from ..io.peek import describe, read_strided
from ..materials.arrhenius import BOLTZMANN, ELEMENTARY_CHARGE
from ..results.conduction import ConductionResult, Currents
from . import planes
from .colours import COLOURS, PHASE_COLOURS
from .figure import BAR_WIDTH, MIN_BAR, WIDTH, add_axes, log_ticks, new_figure, plane_size, sparse_minor_ticks
from .run_files import MAX_SAMPLES, RunFiles, flat_axis, middle_plane, thinning

HISTOGRAM_BINS = 80
MAP_WIDTH, MAP_HEIGHT, HISTOGRAM_HEIGHT = 2.55, 4.0, 1.7  # inches; of the maps at most
LEFT_MAP, RIGHT_MAP, SHARES = 0.65, 4.0, 5.15  # inches from the left
MARKS = {"percentile_50": "o", "percentile_90": "|", "percentile_99": "|", "percentile_99_9": "|", "maximum": "x"}
ZERO_CELSIUS = 273.15


@dataclass(frozen=True)
class PhaseStyle:
    """A phase as the figures show it: ``fraction`` of the volume and ``share`` of the current between 0 and 1.

    ``sigma`` is its conductivity as text, empty where that is more than a number.
    """

    label: int
    name: str
    colour: str
    fraction: float
    share: float
    sigma: str = ""


# --- currents -----------------------------------------------------------------------------------------------


def currents_of(run: RunFiles) -> dict[str, ConductionResult]:
    """What conducts, by what stands before the axis in the names of its fields: nothing, or of several carriers "ion_"."""
    if run.result is None:
        return {}
    several = {f"{name}_": one for name, one in (run.result.carriers or {}).items()}
    return several if run.result.conduction is None else {"": run.result.conduction}


def current_axis(run: RunFiles, carrier: str = "") -> int | None:
    """Axis of the applied field of a stored current whose statistics are known; None if there is none to be shown.

    Parameters
    ----------
    run : RunFiles
    carrier : str
        A key of `currents_of`.

    Returns
    -------
    int or None
    """
    found = currents_of(run).get(carrier)
    known = found and found.currents or {}
    stored = (axis for axis, name in enumerate(AXES) if f"current_density_{carrier}{name}" in run.fields and name in known)
    return next(stored, None) if "phase" in run.fields else None


def conduction_figure(run: RunFiles, carrier: str = "") -> Figure:
    """A plane of the phases and of the current density, how the current is distributed, and which phase carries it.

    Parameters
    ----------
    run : RunFiles
    carrier : str
        A key of `currents_of`.

    Returns
    -------
    Figure
    """
    axis, found = current_axis(run, carrier), currents_of(run)[carrier]
    name, statistics = f"current_density_{carrier}{AXES[axis]}", found.currents[AXES[axis]]
    grid = describe(run.fields_path, name).grid_nm
    normal = flat_axis(grid.shape)
    if normal is None:
        normal = 1 if axis == 2 else 2  # the plane holds the field
    mean = found.sigma_eff_S_per_m[axis][axis] * found.applied_field_V_per_m
    stride = thinning(grid.shape, MAX_SAMPLES)
    magnitude = np.linalg.norm(read_strided(run.fields_path, name, stride), axis=-1) / mean
    labels = read_strided(run.fields_path, "phase", stride)
    phases = _phase_styles(found, statistics)
    limits = planes.log_limits(magnitude)

    size = np.array(plane_size(grid, normal))
    width, height = size * min(MAP_WIDTH / size[0], MAP_HEIGHT / size[1])
    row, strip = max(height, MIN_BAR), 0.25 + 0.21 * len(phases)
    below = strip + HISTOGRAM_HEIGHT + 1.3
    figure = new_figure(run, row + below + 0.85, f"{carrier.strip('_') or 'conduction'}, field along {AXES[axis]}")
    maps = [add_axes(figure, left, below + (row - height) / 2, width, height) for left in (LEFT_MAP, RIGHT_MAP)]
    plane = middle_plane(run, "phase", normal)
    draw_phase_plane(maps[0], plane, normal, grid, phases)
    current = np.linalg.norm(middle_plane(run, name, normal), axis=-1) / mean
    draw_current_plane(maps[1], current, plane, normal, grid, limits)
    position = "" if grid.shape[normal] == 1 else \
        f", {AXES[normal]} = {(grid.shape[normal] // 2 + 0.5) * grid.spacing[normal]:.4g} nm"
    maps[0].set_title(f"phases{position}", loc="left")
    maps[1].set_title(rf"current density, $\langle J_{AXES[axis]}\rangle$ = {mean:.3g} A/m$^2$", loc="left")
    bar = add_axes(figure, RIGHT_MAP + width + 0.12, below, BAR_WIDTH, row)
    figure.colorbar(ScalarMappable(LogNorm(*limits), planes.CURRENT_MAP), cax=bar, label=planes.relative_current(axis),
                    extend="both")
    sparse_minor_ticks(bar.yaxis)
    names = 0.3 + 0.065 * max(8, *(len(phase.name) for phase in phases))
    lower = add_axes(figure, names, 0.5, 4.9 - names, strip)
    upper = add_axes(figure, names, 0.5 + strip + 0.2, 4.9 - names, HISTOGRAM_HEIGHT, sharex=lower)
    upper.tick_params(labelbottom=False)
    draw_percentiles(lower, statistics, phases)
    draw_histograms(upper, magnitude, labels, phases, limits, statistics.current_over_mean.maximum)
    lower.set_xlabel(planes.relative_current(axis))
    draw_shares(add_axes(figure, SHARES, 0.5, 2.3, strip + 0.2 + HISTOGRAM_HEIGHT), phases)
    return figure


def _phase_styles(found: ConductionResult, statistics: Currents) -> list[PhaseStyle]:
    """The phases that occur, by label."""
    styles, spare = [], iter(COLOURS * 32)
    for name, phase in found.phases.items():
        label = PHASES.get(name) if phase.label is None else phase.label
        if name in statistics.phases:
            one = statistics.phases[name]
            colour = PHASE_COLOURS.get(name) or next(spare)
            sigma = np.unique(np.asarray(phase.sigma_S_per_cm, float))
            styles.append(PhaseStyle(label, name, colour, one.fraction, one.current_share,
                                     f"{_scientific(sigma[0])} S/cm" if sigma.size == 1 else ""))
    return styles


def _scientific(value: float) -> str:
    """To three digits, as 3.14e-3."""
    digits, exponent = f"{value:.2e}".split("e")
    return f"{float(digits):g}e{int(exponent)}" if value else "0"


def draw_phase_plane(axes, labels: np.ndarray, normal: int, grid_nm: PeriodicGrid, phases: list[PhaseStyle]) -> None:
    """Draw a plane of labels, each phase in its colour.

    Parameters
    ----------
    axes : Axes
    labels : ndarray (n_a, n_b)
    normal : int
        Axis of the plane's normal.
    grid_nm : PeriodicGrid
    phases : list of PhaseStyle
    """
    colours = np.array([to_rgb(planes.NO_CURRENT)] * (int(labels.max()) + 1))
    for phase in phases:
        if phase.label < len(colours):
            colours[phase.label] = to_rgb(phase.colour)
    across, up = (axis for axis in range(3) if axis != normal)
    axes.imshow(colours[labels].swapaxes(0, 1), origin="lower", interpolation="nearest",
                extent=(0, grid_nm.lengths[across], 0, grid_nm.lengths[up]))
    axes.set_xlabel(f"{AXES[across]} (nm)")
    axes.set_ylabel(f"{AXES[up]} (nm)")


def draw_current_plane(axes, magnitude: np.ndarray, labels: np.ndarray, normal: int, grid_nm: PeriodicGrid,
                       limits: tuple[float, float]) -> None:
    """Draw |J| / <J> of a plane on a logarithmic scale, and the outlines of the phases.

    Parameters
    ----------
    magnitude, labels : ndarray (n_a, n_b)
    normal : int
        Axis of the plane's normal.
    limits : tuple of 2 float
        Of the colours.
    """
    colours = matplotlib.colormaps[planes.CURRENT_MAP].with_extremes(bad=planes.NO_CURRENT)
    planes.show_plane(axes, np.ma.masked_less_equal(magnitude, 0), normal, grid_nm, cmap=colours,
                      norm=LogNorm(*limits), interpolation="nearest")
    across, up = (axis for axis in range(3) if axis != normal)
    centres = [(np.arange(n) + 0.5) / n * grid_nm.lengths[axis] for n, axis in zip(labels.shape, (across, up))]
    for label in np.unique(labels)[1:]:
        if min(labels.shape) > 1:
            axes.contour(*centres, (labels == label).T, [0.5], colors="white", linewidths=0.35, alpha=0.8)


def draw_histograms(axes, magnitude: np.ndarray, labels: np.ndarray, phases: list[PhaseStyle], limits,
                    highest: float) -> None:
    """Draw how |J| / <J> of each phase is distributed, in shares of all voxels.

    Parameters
    ----------
    magnitude, labels : ndarray (nx, ny, nz)
        Samples of the volume.
    limits : tuple of 2 float
        Within which most of them lie.
    highest : float
        The maximum.
    """
    bins = np.geomspace(limits[0] / 3, limits[1] * 3, HISTOGRAM_BINS)
    for phase in phases:
        values = magnitude[(labels == phase.label) & (magnitude > 0)]
        if values.size:
            weights = np.full(values.size, 100 / labels.size)
            axes.hist(np.clip(values, bins[0], bins[-1]), bins, weights=weights, histtype="stepfilled", alpha=0.35,
                      color=phase.colour)
            axes.hist(np.clip(values, bins[0], bins[-1]), bins, weights=weights, histtype="step", linewidth=1.2,
                      color=phase.colour)
    axes.set_xscale("log")
    axes.set_xlim(bins[0], max(bins[-1], 1.3 * highest))
    sparse_minor_ticks(axes.xaxis)
    log_ticks(axes.xaxis, *axes.get_xlim())
    axes.set_ylabel("share of all voxels (%)")


def draw_percentiles(axes, statistics: Currents, phases: list[PhaseStyle]) -> None:
    """Draw the percentiles and the maximum of |J| / <J> in the cell and in each phase that carries current.

    Parameters
    ----------
    axes : Axes
    statistics : Currents
        Of one direction of the field.
    phases : list of PhaseStyle
    """
    rows = [("all", "0.2", statistics.current_over_mean)]
    rows += [(phase.name, phase.colour, statistics.phases[phase.name].current_over_mean) for phase in phases]
    rows = [row for row in rows if row[2].maximum > 0]
    for height, (name, colour, values) in enumerate(reversed(rows)):
        points = {key: getattr(values, key) for key in MARKS if (getattr(values, key) or 0) > 0}
        axes.plot(list(points.values()), [height] * len(points), color=colour, linewidth=1)
        for key, value in points.items():
            axes.plot(value, height, MARKS[key], color=colour, markersize=5 if MARKS[key] != "|" else 8)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
    for text, (_, colour, _) in zip(axes.get_yticklabels(), reversed(rows)):
        text.set_color(colour)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(True, axis="x", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("o median   | 90, 99, 99.9 %   × maximum, of the voxels", fontsize=7.5, loc="right", pad=2)


def draw_shares(axes, phases: list[PhaseStyle]) -> None:
    """Draw what each phase has of the volume and carries of the current, as bars.

    Parameters
    ----------
    axes : Axes
    phases : list of PhaseStyle
    """
    for height, phase in enumerate(reversed(phases)):
        axes.annotate(f"{phase.name}{', ' * bool(phase.sigma)}{phase.sigma}", (0, height + 0.27), (2, 0),
                      textcoords="offset points", va="bottom", color=phase.colour, parse_math=False)
        for value, offset, alpha in ((phase.fraction, 0.12, 0.4), (phase.share, -0.17, 1.0)):
            axes.barh(height + offset, 100 * value, 0.26, color=phase.colour, alpha=alpha)
            text = f"{100 * value:.3g} % of the {'volume' if offset > 0 else 'current'}"
            inside = value > 0.5
            axes.annotate(text, (max(100 * value, 0), height + offset), (-3 if inside else 3, 0), va="center", fontsize=7,
                          textcoords="offset points", ha="right" if inside else "left",
                          color="white" if inside and alpha == 1 else "black")
    axes.set_yticks([])
    axes.set_ylim(-0.4, len(phases) - 0.3)
    axes.set_xlim(min(0, *(100 * phase.share for phase in phases)), 100)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("share (%)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


# --- temperature --------------------------------------------------------------------------------------------


def temperature_series(found: ConductionResult | None) -> list[tuple[float, float, float]]:
    """(temperature in K, sigma_eff in S/cm, its estimated error) of a result; only what conducts."""
    series = []
    for one in found and found.temperature_series or ():
        errors = [error for error in one.solver_relative_error_xyz if error is not None]
        if one.mean_S_per_cm:
            series.append((one.temperature_K, one.mean_S_per_cm, one.mean_S_per_cm * max(errors, default=0)))
    return series


def arrhenius_figure(run: RunFiles) -> Figure:
    """sigma_eff of several temperatures."""
    found = run.result.conduction
    series, energy = temperature_series(found), found.activation and found.activation.activation_energy_eV
    figure = new_figure(run, 4.6, "effective conductivity and temperature")
    draw_arrhenius(add_axes(figure, 0.8, 0.5, WIDTH - 0.9, 3.05), series, energy)
    return figure


def draw_arrhenius(axes, series, energy: float | None = None) -> None:
    """Draw sigma_eff over 1000 / T, with the temperature in °C along the top.

    Parameters
    ----------
    series : sequence of (T in K, sigma_eff in S/cm, error in S/cm)
    energy : float, optional
        Activation energy of sigma T in eV, drawn as sigma T = A exp(-E_a / k_B T) through the middle of the points.
    """
    temperature, sigma, error = (np.array(column, float) for column in zip(*sorted(series)))
    if energy is not None:
        exponent = energy * ELEMENTARY_CHARGE / BOLTZMANN
        offset = np.mean(np.log(sigma * temperature) + exponent / temperature)
        fine = 1 / np.linspace(1 / temperature[0], 1 / temperature[-1], 100)
        axes.plot(1000 / fine, np.exp(offset - exponent / fine) / fine, color="0.5", linewidth=1.2,
                  label=rf"$\sigma T \propto \exp(-E_a / k_B T)$, $E_a$ = {energy:.4g} eV")
    axes.errorbar(1000 / temperature, sigma, error, fmt="o", color="#0072b2", markersize=5, capsize=2,
                  label=r"$\sigma_\mathrm{eff}$, mean of the diagonal")
    axes.set_yscale("log")
    log_ticks(axes.yaxis, *axes.get_ylim())
    axes.set_xlabel("1000 / T (1/K)")
    axes.set_ylabel("effective conductivity (S/cm)")
    top = axes.secondary_xaxis("top", functions=(_celsius, _inverse_kelvin))
    top.set_xlabel("temperature (°C)")
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper right")


def _celsius(inverse):
    """Of 1000 / T in 1/K."""
    return 1000 / np.maximum(inverse, 1e-9) - ZERO_CELSIUS


def _inverse_kelvin(celsius):
    return 1000 / np.maximum(celsius + ZERO_CELSIUS, 1e-9)
