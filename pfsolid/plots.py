"""The figures of a run, drawn from its files alone.

For one process.  A field is never read as a whole: slices read one plane, the statistics and the 3-D view every few
voxels.  Matplotlib is used through Figure and the Agg canvas, without a display and without pyplot.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image, ImageOps

from .errors import InputError
from .grid import AXES
from .io.files import damage_errors, make_folder, output_errors, publish, temporary_name
from .io.peek import describe, read_plane, read_strided
from .io.series import list_fields
from .plots_3d import draw_structure
from .workflows.homogenize import FIELDS, PHASES
from .workflows.run import RESULT, read_result
from .workflows.simulate import HISTORY

DPI = 130
WIDTH = 7.6  # inches: just under 1000 pixels, what a page shows without scaling
STYLE = {"font.size": 9, "axes.titlesize": 9.5, "axes.labelsize": 9, "legend.fontsize": 8, "legend.frameon": False,
         "xtick.labelsize": 8, "ytick.labelsize": 8, "axes.linewidth": 0.7, "lines.linewidth": 1.6,
         "font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans", "path.simplify": True}

DENSITY_MAP, SIGMA_MAP, CURRENT_MAP = "YlGnBu_r", "viridis", "plasma"
NO_CURRENT = "#d4d7db"
PHASE_COLOURS = {"pore": "#5b6770", "surface": "#d55e00", "bulk": "#0072b2"}  # Okabe and Ito's, and a grey
GUIDE = "0.45"

OVERSAMPLING = 2  # of the 3-D view, whose faces are drawn without antialiasing
MAX_BYTES = 290_000
COLOUR_STEPS = 1, 4, 8  # of 256, tried until a file is small enough
MARGIN = 12  # pixels around a figure
MAX_PIXELS = 512  # along an axis of a slice
MAX_SAMPLES = 96  # along an axis of the 3-D view and of the statistics
CURRENT_DECADES = 4


@dataclass(frozen=True)
class _Run:
    """What the figures of a directory share; ``None`` and empty for what is not there."""

    directory: Path
    title: str
    state: tuple[str, ...]
    history: dict[str, np.ndarray]
    result: dict
    fields: tuple[str, ...]

    @property
    def fields_path(self) -> Path:
        return self.directory / FIELDS


def plot_run(directory: Path) -> list[Path]:
    """Draw what can be drawn of a run into ``directory/figures``.

    ``slices.png`` and, in 3-D, ``structure_3d.png`` need ``rho`` in fields.h5, ``evolution.png`` needs history.csv,
    ``conduction.png`` needs result.json with a conductivity and ``phase`` and a current density in fields.h5.

    Parameters
    ----------
    directory : Path
        Of a run, finished or not.

    Returns
    -------
    list of Path
        The figures made.

    Raises
    ------
    InputError
        If the directory does not exist or holds nothing to draw.
    CheckpointError
        If a file is damaged.
    OutputError
        If a figure cannot be written.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"{directory} is not a directory")
    run = _read_run(directory)
    drawings = _drawings(run)
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: no {HISTORY} with a row in it and no fields in {FIELDS}")
    folder = directory / "figures"
    make_folder(folder)
    paths = []
    for name, draw in drawings.items():
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
            paths.append(_save(draw(run), folder / f"{name}.png"))
    return paths


def _drawings(run: _Run) -> dict:
    drawings = {}
    if "rho" in run.fields:
        drawings["slices"] = _slices
    if _current_axis(run) is not None:
        drawings["conduction"] = _conduction
    if run.history:
        drawings["evolution"] = _evolution
    if "rho" in run.fields and _flat_axis(describe(run.fields_path, "rho").grid_nm.shape) is None:
        drawings["structure_3d"] = _structure
    return drawings


# --- reading ------------------------------------------------------------------------------------------------------


def _read_run(directory: Path) -> _Run:
    history = _read_history(directory / HISTORY) if (directory / HISTORY).exists() else {}
    result = read_result(directory) if (directory / RESULT).exists() else {}
    fields = tuple(list_fields(directory / FIELDS)) if (directory / FIELDS).exists() else ()
    title = result.get("title") or directory.resolve().name
    return _Run(directory, title, _state(history, result), history, result, fields)


def _read_history(path: Path) -> dict[str, np.ndarray]:
    """Columns of the table by name, NaN for what is empty or not finite; empty without a complete row."""
    with damage_errors(path):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # a run is writing it just now, or was killed doing so
            lines.pop()
        rows = list(csv.DictReader(lines))
        table = {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}
    return {name: np.where(np.isfinite(column), column, np.nan) for name, column in table.items()}


def _state(history: dict, result: dict) -> tuple[str, ...]:
    """Porosity and reduced time of what is stored, as far as they are known."""
    porosity = result.get("porosity")
    time = result.get("growth", {}).get("final", {}).get("reduced_time")
    if porosity is None and history:
        porosity = 1 - history["mean_density"][-1]
    if time is None and history:
        time = history["reduced_time"][-1]
    described = (("porosity", porosity, ".3f"), ("reduced time", time, ".4g"))
    return tuple(f"{name} {value:{form}}" for name, value, form in described if value is not None and math.isfinite(value))


# --- common to the figures ----------------------------------------------------------------------------------------


def _new_figure(run: _Run, height: float, caption: str, layout: str = "constrained") -> Figure:
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle("\n".join((run.title, ", ".join((caption, *run.state)))), fontsize=10, parse_math=False)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    """As a PNG without the white margins."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    rows, columns = (np.flatnonzero((pixels < 255).any(axis=(2, other))) for other in (1, 0))
    image = Image.fromarray(pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1])
    image = ImageOps.expand(image.reduce(round(figure.dpi / DPI)), MARGIN, "white")
    contents = (_png(image, step) for step in COLOUR_STEPS)
    content = next((c for c in contents if len(c) <= MAX_BYTES), None) or _png(image, COLOUR_STEPS[-1])
    temporary = temporary_name(path)
    with output_errors(path):
        temporary.write_bytes(content)
        publish(temporary, path)
    return path


def _png(image: Image.Image, step: int) -> bytes:
    """With every colour channel rounded to multiples of ``step``, which makes the file smaller."""
    stream = io.BytesIO()
    image = image.point([min(255, (value + step // 2) // step * step) for value in range(256)] * 3)
    image.save(stream, format="PNG", optimize=True, dpi=(DPI, DPI))
    return stream.getvalue()


def _flat_axis(shape) -> int | None:
    """The axis a 2-D grid does not have."""
    return next((axis for axis in (2, 1, 0) if shape[axis] == 1), None)


def _stride(shape, most: int) -> tuple[int, int, int]:
    return tuple(-(-n // most) for n in shape)


def _middle_plane(run: _Run, name: str, normal: int) -> np.ndarray:
    shape = describe(run.fields_path, name).grid_nm.shape
    return read_plane(run.fields_path, name, normal, shape[normal] // 2, max(_stride(shape, MAX_PIXELS)))


def _show_plane(axes, plane: np.ndarray, normal: int, grid, **options):
    """Draw the plane [a, b] of a field normal to an axis over the other two axes in nm."""
    across, up = (axis for axis in range(3) if axis != normal)
    image = axes.imshow(plane.T, origin="lower", extent=(0, grid.lengths[across], 0, grid.lengths[up]), **options)
    axes.set_xlabel(f"{AXES[across]} (nm)")
    axes.set_ylabel(f"{AXES[up]} (nm)")
    return image


# --- the structure ------------------------------------------------------------------------------------------------


def _slices(run: _Run) -> Figure:
    grid = describe(run.fields_path, "rho").grid_nm
    flat = _flat_axis(grid.shape)
    normals = (2, 1, 0) if flat is None else (flat,)
    sizes = [tuple(length for axis, length in enumerate(grid.lengths) if axis != normal) for normal in normals]
    widths, heights = zip(*sizes)
    scale = min((WIDTH - 1.2 - 0.6 * len(normals)) / sum(widths), 5.0 / max(heights))  # inches per nm
    figure = _new_figure(run, max(2.4, scale * max(heights) + 1.3), "relative density", layout="compressed")
    panels = figure.subplots(1, len(normals), width_ratios=widths, squeeze=False)[0]
    for axes, normal in zip(panels, normals):
        image = _show_plane(axes, _middle_plane(run, "rho", normal), normal, grid, cmap=DENSITY_MAP,
                            norm=Normalize(0, 1), interpolation="bilinear")
        if flat is None:
            axes.set_title(f"{AXES[normal]} = {grid.shape[normal] // 2 * grid.spacing[normal]:.4g} nm")
    _density_bar(figure, image, panels)
    return figure


def _density_bar(figure: Figure, mappable, axes, **options) -> None:
    bar = figure.colorbar(mappable, ax=axes, label="relative density ρ", **options)
    bar.set_ticks([0, 0.5, 1], labels=["0  pore", "0.5", "1  solid"])


def _structure(run: _Run) -> Figure:
    grid = describe(run.fields_path, "rho").grid_nm
    stride = _stride(grid.shape, MAX_SAMPLES)
    rho = read_strided(run.fields_path, "rho", stride)
    edges = tuple(np.append(np.arange(n) * step * h, length)
                  for n, step, h, length in zip(rho.shape, stride, grid.spacing, grid.lengths))
    figure = _new_figure(run, 6.8, "solid, ρ ≥ ½", layout="none")
    figure.set_dpi(OVERSAMPLING * DPI)
    axes = figure.add_axes((0.02, 0.0, 0.84, 0.94), projection="3d", computed_zorder=False)
    draw_structure(axes, rho, edges, matplotlib.colormaps[DENSITY_MAP])
    _density_bar(figure, ScalarMappable(Normalize(0, 1), DENSITY_MAP), axes, cax=figure.add_axes((0.89, 0.33, 0.02, 0.3)))
    return figure


# --- conduction ---------------------------------------------------------------------------------------------------


def _current_axis(run: _Run) -> int | None:
    """Axis of the applied field of the stored current density; None if there is none to be shown."""
    tensor = run.result.get("sigma_eff_S_per_m")
    if tensor is None or "phase" not in run.fields:
        return None
    stored = (axis for axis in range(3) if f"current_density_{AXES[axis]}" in run.fields)
    return next((axis for axis in stored if (tensor[axis][axis] or 0) > 0), None)


def _conduction(run: _Run) -> Figure:
    axis = _current_axis(run)
    name = f"current_density_{AXES[axis]}"
    grid = describe(run.fields_path, name).grid_nm
    normal = _flat_axis(grid.shape)
    if normal is None:
        normal = 1 if axis == 2 else 2
    mean = run.result["sigma_eff_S_per_m"][axis][axis] * run.result["applied_field_V_per_m"]
    stride = _stride(grid.shape, MAX_SAMPLES)
    current = read_strided(run.fields_path, name, stride) / mean
    phase = read_strided(run.fields_path, "phase", stride)
    magnitude = np.linalg.norm(current, axis=-1)
    limits = _log_limits(magnitude)

    figure = _new_figure(run, 6.6, f"conduction, field along {AXES[axis]}")
    panels = figure.add_gridspec(2, 2, height_ratios=(1.6, 1))
    _draw_sigma(figure.add_subplot(panels[0, 0]), _middle_plane(run, "phase", normal), normal, grid, run.result["phases"])
    axes = figure.add_subplot(panels[0, 1])
    plane = np.linalg.norm(_middle_plane(run, name, normal), axis=-1) / mean
    colours = matplotlib.colormaps[CURRENT_MAP].with_extremes(bad=NO_CURRENT)
    image = _show_plane(axes, np.ma.masked_less_equal(plane, 0), normal, grid, cmap=colours, norm=LogNorm(*limits),
                        interpolation="nearest")
    _side_bar(image, rf"$|J|\,/\,\langle J_{AXES[axis]}\rangle$", extend="both")
    axes.set_title(rf"current density, $\langle J_{AXES[axis]}\rangle$ = {mean:.3g} A/m$^2$", loc="left")
    _draw_shares(figure.add_subplot(panels[1, :]), magnitude, current[..., axis], phase, axis, run.result["phases"], limits)
    return figure


def _side_bar(image, label: str, distance: float = 1.04, **options):
    """A colour bar as high as its picture."""
    axes = image.axes
    return axes.figure.colorbar(image, cax=axes.inset_axes((distance, 0, 0.05, 1)), label=label, **options)


def _log_limits(values: np.ndarray) -> tuple[float, float]:
    """What a logarithmic scale should show: up to the 99.5 percentile of the positive values, not more than 4 decades."""
    low, high = np.percentile(values[values > 0], [0.5, 99.5])
    return max(low, high * 10.0**-CURRENT_DECADES) / 1.1, high * 1.1


def _draw_sigma(axes, phase: np.ndarray, normal: int, grid, phases: dict) -> None:
    """Local conductivity on a logarithmic scale, insulating phases in a colour of their own."""
    sigma = np.zeros(len(PHASES))
    for name, label in PHASES.items():
        sigma[label] = phases[name]["sigma_S_per_cm"]
    conducting = sigma[sigma > 0]
    colours = matplotlib.colormaps[SIGMA_MAP].with_extremes(bad=NO_CURRENT)
    image = _show_plane(axes, np.ma.masked_less_equal(sigma[phase], 0), normal, grid, cmap=colours,
                        norm=LogNorm(conducting.min() / 3, conducting.max() * 3), interpolation="nearest")
    bar = _side_bar(image, "σ (S/cm)", distance=1.1)
    for name, label in PHASES.items():
        if sigma[label] > 0:
            bar.ax.axhline(sigma[label], color="k", linewidth=1)
            bar.ax.annotate(name, (0, sigma[label]), (-2, 0), xycoords=("axes fraction", "data"),
                            textcoords="offset points", ha="right", va="center", fontsize=7, rotation=90)
    insulators = " and ".join(name for name, label in PHASES.items() if sigma[label] == 0)
    if insulators:
        axes.legend(handles=[Patch(color=NO_CURRENT, label=f"{insulators}: σ = 0")], loc="lower right",
                    bbox_to_anchor=(1.02, 1), borderaxespad=0, handlelength=1)
    axes.set_title("conductivity", loc="left")


def _draw_shares(axes, magnitude, along, phase, axis: int, phases: dict, limits) -> None:
    """Histogram of |J| by phase, and what each phase has of the volume and carries of the current."""
    bins = np.geomspace(limits[0] / 3, limits[1] * 3, 90)
    for name, label in PHASES.items():
        here = phase == label
        if (magnitude[here] > 0).any():
            share = along[here].sum() / along.sum()
            axes.hist(np.clip(magnitude[here], bins[0], bins[-1]), bins, histtype="stepfilled", alpha=0.8,
                      weights=np.full(np.count_nonzero(here), 100 / phase.size), color=PHASE_COLOURS[name],
                      label=f"{name}: {phases[name]['fraction']:.1%} of the volume, {share:.1%} of the current")
    axes.set_xscale("log")
    axes.set_xlim(bins[0], bins[-1])
    axes.set_xlabel(rf"$|J|\,/\,\langle J_{AXES[axis]}\rangle$")
    axes.set_ylabel("share of all voxels (%)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, handlelength=1)


# --- evolution ----------------------------------------------------------------------------------------------------


def _evolution(run: _Run) -> Figure:
    history = run.history
    time = history["reduced_time"]
    figure = _new_figure(run, 6.2, "evolution")
    (energy, sizes), (steps, fractions) = panels = figure.subplots(2, 2, sharex=True)
    for axes in panels.flat:
        axes.set_xscale("log")
        axes.set_yscale("linear" if axes is fractions else "log")
    _draw_line(energy, time, history["energy_J_per_m3"] / 1e6, "#333333")
    energy.set_ylabel("energy density (MJ/m³)")
    _draw_sizes(sizes, time, history)
    _draw_line(steps, time, history["reduced_step"], "#333333")
    steps.set_ylabel("time step (reduced)")
    for name in PHASES:
        _draw_line(fractions, time, history[f"{name}_fraction"], PHASE_COLOURS[name], name, positive=False)
    fractions.set_ylabel("volume fraction")
    fractions.set_ylim(0, 1)
    fractions.legend()
    for axes in panels.flat:
        if axes is not fractions:
            _plain_ticks(axes)
        axes.grid(True, color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    for axes in panels[1]:
        axes.set_xlabel(r"reduced time $t\,/\,(\lambda^2/16wM)$")
    seconds = history["time_s"] / time
    if np.isfinite(seconds[-1]):
        for axes in panels[0]:
            factor = seconds[-1]
            axes.secondary_xaxis("top", functions=(lambda t: t * factor, lambda s: s / factor)).set_xlabel("time (s)")
    return figure


def _draw_line(axes, time, values, colour, label=None, positive=True) -> None:
    good = np.isfinite(time) & np.isfinite(values) & (time > 0) & ((values > 0) | (not positive))
    marker = "o" if np.count_nonzero(good) < 20 else ""
    axes.plot(time[good], values[good], color=colour, label=label, marker=marker, markersize=3.5)


def _draw_sizes(axes, time, history: dict) -> None:
    lines = (("wall_size_nm", "walls, mean chord", "#0072b2"), ("spacing_nm", "spacing 2π/⟨k⟩", "#009e73"),
             ("pore_size_nm", "pores, mean chord", "#cc79a7"))
    for name, label, colour in lines:
        _draw_line(axes, time, history[name], colour, label)
    axes.set_ylabel("size (nm)")
    last = np.array([history[name][-1] for name, _, _ in lines])
    if np.isfinite(last).any() and time[-1] > time[0] > 0:
        largest = np.nanmax(last)
        guide = np.array([max(time[-1] / 30, time[0]), time[-1]])
        axes.plot(guide, 1.3 * largest * (guide / guide[1]) ** (1 / 3), color=GUIDE, linestyle="--", linewidth=1.1,
                  label=r"$\propto t^{1/3}$")
        # The first pores are few and the walls between them longer than the box.
        axes.set_ylim(top=min(axes.get_ylim()[1], 5 * largest))
    axes.legend()


def _plain_ticks(axes) -> None:
    """On a logarithmic scale of less than two decades, numbers in place of powers."""
    low, high = axes.get_ylim()
    if high / low < 100:
        subs = (1, 2, 5) if high / low > 10 else (1, 1.5, 2, 3, 4, 5, 6, 8)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
