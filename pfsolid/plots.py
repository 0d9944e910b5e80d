"""The figures of a run, drawn from its files alone.

For one process.  A field is never read as a whole: slices read one plane, statistics and the 3-D view some of
the voxels.  Matplotlib is used through Figure and the Agg canvas, without a display and without pyplot.
"""

from __future__ import annotations

import csv
import io
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image, ImageOps
from scipy import ndimage

from . import plots_planes as planes
from .errors import CheckpointError, InputError
from .grid import AXES
from .io.files import damage_errors, make_folder, output_errors, publish, temporary_name
from .io.peek import describe, read_plane, read_strided
from .io.series import list_fields
from .plots_3d import draw_structure, view_size
from .workflows.fields import FIELDS
from .workflows.homogenize import PHASES
from .workflows.run import RESULT, read_result
from .workflows.simulate import HISTORY

FIGURES = "figures"
DPI = 130
WIDTH = 7.6  # inches: just under 1000 pixels, what a page shows without scaling
MARGIN = 12  # pixels around a figure
BAR_WIDTH, MIN_BAR = 0.13, 1.2  # inches: of colour bars, and their smallest height
STYLE = {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans", "font.size": 9,
         "axes.titlesize": 9.5, "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8,
         "legend.fontsize": 8, "legend.frameon": False, "axes.linewidth": 0.7, "lines.linewidth": 1.6}
MAX_BYTES = 290_000
COLOUR_STEPS = 1, 4, 8  # of 256, tried until a file is small enough

MAX_PIXELS = 512  # along an axis of a slice
MAX_SAMPLES = 96  # along an axis of the 3-D view and of the statistics
REFINED_SAMPLES = 128  # up to which a small field is interpolated for the 3-D view
OVERSAMPLING = 2  # of the 3-D view, whose faces are drawn without antialiasing

SIZES = (("wall_size_nm", "walls, mean chord", "#0072b2"), ("spacing_nm", "spacing 2π/⟨k⟩", "#009e73"),
         ("pore_size_nm", "pores, mean chord", "#cc79a7"))
NEEDED_COLUMNS = ("reduced_time", "time_s", "reduced_step", "energy_J_per_m3", "mean_density",
                  *(f"{name}_fraction" for name in PHASES), *(name for name, _, _ in SIZES))


@dataclass(frozen=True)
class _Run:
    """What the figures of a directory share; empty for what is not there.

    ``state`` says what is known of porosity and time, ``history`` has the columns of history.csv to be drawn.
    """

    fields_path: Path
    title: str
    state: tuple[str, ...]
    history: dict[str, np.ndarray]
    result: dict
    fields: tuple[str, ...]


def plot_run(directory) -> list[Path]:
    """Draw what can be drawn of a run into ``directory/figures``.

    ``slices.png`` and, in 3-D, ``structure_3d.png`` need ``rho`` in fields.h5; ``evolution.png`` needs
    history.csv; ``conduction.png`` needs a conductivity in result.json and ``phase`` and a current density in
    fields.h5.

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
        If the directory does not exist or holds nothing to draw, or result.json is damaged.
    CheckpointError
        If another file is damaged.
    OutputError
        If a figure cannot be written.
    """
    directory = Path(directory)
    run = read_run(directory)
    drawings = _drawings(run)
    if not drawings:
        raise InputError(f"{directory} holds nothing to draw: no {HISTORY} with rows in it and no density "
                         f"in {FIELDS}")
    return [save_figure(directory, name, lambda draw=draw: draw(run)) for name, draw in drawings.items()]


def save_figure(directory: Path, name: str, draw) -> Path:
    """Draw with the common style, ``draw()`` returning the figure, and write ``figures/<name>.png``."""
    make_folder(directory / FIGURES)
    with matplotlib.style.context(["default", STYLE]):
        return _save(draw(), directory / FIGURES / f"{name}.png")


def _drawings(run: _Run) -> dict:
    drawings = {}
    if "rho" in run.fields:
        drawings["slices"] = _slices
    if _current_axis(run) is not None:
        drawings["conduction"] = _conduction
    if run.history:
        drawings["evolution"] = _evolution
    if "rho" in run.fields and flat_axis(describe(run.fields_path, "rho").grid_nm.shape) is None:
        drawings["structure_3d"] = _structure
    return drawings


# --- reading ------------------------------------------------------------------------------------------------


def read_run(directory: Path) -> _Run:
    """What the files of a run directory say of it, the fields left on the disk.

    Raises
    ------
    InputError
        If the directory does not exist or result.json is damaged.
    CheckpointError
        If another file is damaged.
    """
    if not directory.is_dir():
        raise InputError(f"{directory} is not a directory")
    fields_path = directory / FIELDS
    history = _read_history(directory / HISTORY) if (directory / HISTORY).exists() else {}
    result = read_result(directory) if (directory / RESULT).exists() else {}
    fields = tuple(list_fields(fields_path)) if fields_path.exists() else ()
    title = textwrap.shorten(result.get("title") or directory.resolve().name, 100, placeholder=" ...")
    return _Run(fields_path, title, _state(history, result), history, result, fields)


def _read_history(path: Path) -> dict[str, np.ndarray]:
    """The needed columns by name, NaN for what is empty or not finite; empty without a complete row."""
    with damage_errors(path):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # a run is writing it just now, or was killed doing so
            lines.pop()
        rows = list(csv.DictReader(lines))
        missing = [name for name in NEEDED_COLUMNS if rows and name not in rows[0]]
        if missing:
            raise CheckpointError(f"{path} has no column {', '.join(missing)}")
        columns = {name: [float(row[name] or "nan") for row in rows] for name in NEEDED_COLUMNS if rows}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}


def _state(history: dict, result: dict) -> tuple[str, ...]:
    porosity = result.get("porosity")
    time = result.get("growth", {}).get("final", {}).get("reduced_time")
    if porosity is None and history:
        porosity = 1 - history["mean_density"][-1]
    if time is None and history:
        time = history["reduced_time"][-1]
    described = (("porosity", porosity, ".3f"), ("reduced time", time, ".4g"))
    return tuple(f"{name} {value:{form}}" for name, value, form in described
                 if value is not None and math.isfinite(value))


def flat_axis(shape) -> int | None:
    """The axis that a 2-D grid does not have."""
    return next((axis for axis in (2, 1, 0) if shape[axis] == 1), None)


def thinning(shape, most: int) -> tuple[int, int, int]:
    return tuple(-(-n // most) for n in shape)


def middle_plane(run: _Run, name: str, normal: int) -> np.ndarray:
    shape = describe(run.fields_path, name).grid_nm.shape
    return read_plane(run.fields_path, name, normal, shape[normal] // 2, max(thinning(shape, MAX_PIXELS)))


# --- writing ------------------------------------------------------------------------------------------------


def new_figure(run: _Run, height: float, caption: str) -> Figure:
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.suptitle(f"{run.title}\n{', '.join((caption, *run.state))}", fontsize=10, parse_math=False,
                    y=1 - 0.08 / height, va="top")
    return figure


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float, **options):
    """Axes at a place given in inches: to let matplotlib find a layout takes it longer than to draw."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), **options)


def _save(figure: Figure, path: Path) -> Path:
    """As a PNG without the white margins."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    rows, columns = (np.flatnonzero((pixels < 255).any(axis=(2, other))) for other in (1, 0))
    image = Image.fromarray(pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1])
    image = ImageOps.expand(image.reduce(round(figure.dpi / DPI)), MARGIN, "white")
    for step in COLOUR_STEPS:
        content = _png(image, step)
        if len(content) <= MAX_BYTES:
            break
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


# --- structure ----------------------------------------------------------------------------------------------


def _slices(run: _Run) -> Figure:
    grid = describe(run.fields_path, "rho").grid_nm
    flat = flat_axis(grid.shape)
    normals = (2, 1, 0) if flat is None else (flat,)
    sizes = np.array([plane_size(grid, normal) for normal in normals])
    gap, margins = 0.62, 1.7
    scale = min((WIDTH - margins - gap * (len(normals) - 1)) / sizes[:, 0].sum(), 5.2 / sizes[:, 1].max())
    sizes *= scale  # now in inches
    row = max(sizes[:, 1].max(), MIN_BAR)
    figure = new_figure(run, row + 1.3, "relative density")
    left = 0.5 + (WIDTH - margins - sizes[:, 0].sum() - gap * (len(normals) - 1)) / 2
    for normal, (width, height) in zip(normals, sizes):
        axes = add_axes(figure, left, 0.5 + (row - height) / 2, width, height)
        planes.draw_density(axes, middle_plane(run, "rho", normal), normal, grid)
        if flat is None:
            position = (grid.shape[normal] // 2 + 0.5) * grid.spacing[normal]
            axes.set_title(f"{AXES[normal]} = {position:.4g} nm")
        left += width + gap
    beside = max(left - gap + 0.2, left - gap - width / 2 + 0.6)  # not over the last panel's title
    planes.draw_density_bar(add_axes(figure, beside, 0.5, BAR_WIDTH, row))
    return figure


def plane_size(grid, normal: int) -> tuple[float, float]:
    """Width and height in nm of the picture of a plane."""
    across, up = (length for axis, length in enumerate(grid.lengths) if axis != normal)
    return across, up


def _structure(run: _Run) -> Figure:
    grid = describe(run.fields_path, "rho").grid_nm
    stride = thinning(grid.shape, MAX_SAMPLES)
    rho = read_strided(run.fields_path, "rho", stride)
    edges = [np.append(np.arange(n) * step * h, length)
             for n, step, h, length in zip(rho.shape, stride, grid.spacing, grid.lengths)]
    refinement = REFINED_SAMPLES // max(rho.shape)
    if refinement > 1:
        rho = ndimage.zoom(rho, refinement, mode="grid-wrap", grid_mode=True)
        edges = [np.linspace(0, length, n + 1) for n, length in zip(rho.shape, grid.lengths)]
    size = view_size(grid.lengths)
    width, height = size * min(5.6 / size)  # inches
    row = max(height, 2.0)
    figure = new_figure(run, row + 1.2, "the solid, ρ ≥ ½")
    figure.set_dpi(OVERSAMPLING * DPI)
    axes = add_axes(figure, 0.4 + (5.6 - width) / 2, 0.6 + (row - height) / 2, width, height)
    draw_structure(axes, rho, tuple(edges), matplotlib.colormaps[planes.DENSITY_MAP])
    planes.draw_density_bar(add_axes(figure, 6.75, 0.6 + row / 2 - 1.0, BAR_WIDTH, 2.0))
    return figure


# --- conduction ---------------------------------------------------------------------------------------------


def _current_axis(run: _Run) -> int | None:
    """Axis of the applied field of the stored current density; None if there is none to be shown."""
    tensor = run.result.get("sigma_eff_S_per_m")
    if tensor is None or "phase" not in run.fields:
        return None
    stored = (axis for axis in range(3) if f"current_density_{AXES[axis]}" in run.fields)
    return next((axis for axis in stored if tensor[axis][axis] > 0), None)


def _conduction(run: _Run) -> Figure:
    axis, phases = _current_axis(run), run.result["phases"]
    name = f"current_density_{AXES[axis]}"
    grid = describe(run.fields_path, name).grid_nm
    normal = flat_axis(grid.shape)
    if normal is None:
        normal = 1 if axis == 2 else 2  # the plane holds the field
    mean = run.result["sigma_eff_S_per_m"][axis][axis] * run.result["applied_field_V_per_m"]
    stride = thinning(grid.shape, MAX_SAMPLES)
    current = read_strided(run.fields_path, name, stride) / mean
    limits = planes.log_limits(np.linalg.norm(current, axis=-1))

    across, up = plane_size(grid, normal)
    scale = min(2.4 / across, 4.5 / up)  # inches per nm
    row, shares = max(up * scale, MIN_BAR), 1.75
    figure = new_figure(run, row + shares + 2.1, f"conduction, field along {AXES[axis]}")
    axes, bar_axes = _add_map(figure, 0.5, 1.35 + shares, across * scale, up * scale, row, gap=0.25)
    planes.draw_sigma(axes, bar_axes, middle_plane(run, "phase", normal), normal, grid, phases)
    axes, bar_axes = _add_map(figure, 4.35, 1.35 + shares, across * scale, up * scale, row, gap=0.1)
    magnitude = np.linalg.norm(middle_plane(run, name, normal), axis=-1) / mean
    planes.draw_current(axes, bar_axes, magnitude, normal, grid, axis, mean, limits)
    labels = read_strided(run.fields_path, "phase", stride)
    planes.draw_shares(add_axes(figure, 0.5, 0.5, 6.6, shares), current, labels, axis, phases, limits)
    return figure


def _add_map(figure: Figure, left: float, bottom: float, width: float, height: float, row: float, gap: float):
    """Axes of a picture and, beside it, of its colour bar, which is as high as the row they stand in."""
    return (add_axes(figure, left, bottom + (row - height) / 2, width, height),
            add_axes(figure, left + width + gap, bottom, BAR_WIDTH, row))


# --- evolution ----------------------------------------------------------------------------------------------


def _evolution(run: _Run) -> Figure:
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
        axes.set_yscale("linear" if axes is fractions else "log")
        axes.grid(True, color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    _draw_line(energy, time, history["energy_J_per_m3"] / 1e6, "#333333")
    energy.set_ylabel("energy density (MJ/m³)")
    _draw_sizes(sizes, time, history)
    _draw_line(steps, time, history["reduced_step"], "#333333")
    steps.set_ylabel("time step (reduced)")
    for name in PHASES:
        _draw_line(fractions, time, history[f"{name}_fraction"], planes.PHASE_COLOURS[name], name)
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
