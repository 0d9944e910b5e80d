"""What all figures share: sizes, style, axes placed in inches, and how a figure is written."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from ..io.files import make_folder, output_errors, publish, temporary_name, write_file_anew
from ..io.run_directory import FIGURES
from .run_files import RunFiles

DPI = 130
WIDTH = 7.6  # inches: just under 1000 pixels, what a page shows without scaling
MARGIN = 12  # pixels around a figure
BAR_WIDTH, MIN_BAR = 0.13, 1.2  # inches: of colour bars, and their smallest height
STYLE = {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans", "font.size": 9,
         "axes.titlesize": 9.5, "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8,
         "legend.fontsize": 8, "legend.frameon": False, "axes.linewidth": 0.7, "lines.linewidth": 1.6}
MAX_BYTES = 290_000
COLOUR_STEPS = 1, 4, 8  # of 256, tried until a file is small enough


def save_figure(directory: Path, name: str, draw) -> Path:
    """Draw with the common style, ``draw()`` returning the figure, and write ``figures/<name>.png``."""
    make_folder(directory / FIGURES)
    with matplotlib.style.context(["default", STYLE]):
        return _save(draw(), directory / FIGURES / f"{name}.png")


def new_figure(run: RunFiles, height: float, caption: str) -> Figure:
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
        write_file_anew(temporary, content)
        publish(temporary, path)
    return path


def _png(image: Image.Image, step: int) -> bytes:
    """With every colour channel rounded to multiples of ``step``, which makes the file smaller."""
    stream = io.BytesIO()
    image = image.point([min(255, (value + step // 2) // step * step) for value in range(256)] * 3)
    image.save(stream, format="PNG", optimize=True, dpi=(DPI, DPI))
    return stream.getvalue()


def plane_size(grid, normal: int) -> tuple[float, float]:
    """Width and height in nm of the picture of a plane."""
    across, up = (length for axis, length in enumerate(grid.lengths) if axis != normal)
    return across, up
