"""What all figures share: sizes, style, axes placed in inches, and how a figure is written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter
from PIL import Image, ImageOps

from ..errors import InputError
from ..io.files import make_folder, output_errors, publish, temporary_name, write_file_anew
from ..io.run_directory import FIGURES
from ..text import one_line
from .run_files import RunFiles

DPI = {"png": 130, "pdf": 300, "svg": 300}  # of what is drawn as pixels in a vector format
WIDTH = 7.6  # inches: a PNG of just under 1000 pixels, what a page shows without scaling
MARGIN = 12 / 130  # inches around a figure
BAR_WIDTH, MIN_BAR = 0.13, 1.2  # inches: of colour bars, and their smallest height
# Where the user's own settings of matplotlib say nothing.
STYLE = {"font.family": ["DejaVu Sans"], "mathtext.fontset": "dejavusans", "font.size": 9.0,
         "axes.titlesize": 9.5, "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8,
         "legend.fontsize": 8, "legend.frameon": False, "axes.linewidth": 0.7, "lines.linewidth": 1.6}


@dataclass(frozen=True)
class Look:
    """How figures are drawn and written.

    Attributes
    ----------
    format : {'png', 'pdf', 'svg'}
    dpi : int, optional
        By default matplotlib's ``savefig.dpi`` where the user has set it, else `DPI`.
    styles : tuple of str
        Styles of matplotlib, names or files, the last first heard; over the user's settings, which are over ours.
    """

    format: str = "png"
    dpi: int | None = None
    styles: tuple[str, ...] = ()

    def __post_init__(self):
        with matplotlib.rc_context():
            self._take_styles()

    def apply(self) -> None:
        """Set matplotlib's settings: to be called within an ``rc_context``."""
        known, defaults = matplotlib.rcParams, matplotlib.rcParamsDefault
        known.update({name: value for name, value in STYLE.items() if known[name] == defaults[name]})
        self._take_styles()
        chosen = self.dpi or (DPI[self.format] if known["savefig.dpi"] == "figure" else known["savefig.dpi"])
        known["figure.dpi"] = known["savefig.dpi"] = chosen

    def _take_styles(self) -> None:
        for style in self.styles:
            import matplotlib.style  # reads a folder of files

            try:
                matplotlib.style.use(style)
            except (OSError, ValueError, TypeError) as error:
                raise InputError(f"{one_line(style)}: is no style of matplotlib, neither a name nor a file: "
                                 f"{one_line(str(error))}") from error


def save_figure(directory: Path, name: str, draw, look: Look = Look()) -> Path | None:
    """Draw in a look, and write ``figures/<name>.<format>``.

    Parameters
    ----------
    directory : Path
        In which ``figures`` is.
    name : str
    draw : callable
        Returns the figure, or None if there is nothing to be seen.
    look : Look

    Returns
    -------
    Path or None
        Of the file; None without a figure.

    Raises
    ------
    OutputError
    """
    make_folder(directory / FIGURES)
    path = directory / FIGURES / f"{name}.{look.format}"
    with matplotlib.rc_context():
        look.apply()
        figure = draw()
        content = figure and _content(figure, look.format)
    if content is None:
        return None
    temporary = temporary_name(path)
    with output_errors(path):
        write_file_anew(temporary, content)
        publish(temporary, path)
    return path


def new_figure(run: RunFiles, height: float, caption: str) -> Figure:
    """A figure with nothing but its title, which says what is known of the run's state.

    Parameters
    ----------
    run : RunFiles
    height : float
        In inches.
    caption : str
        What it shows.

    Returns
    -------
    Figure
        `WIDTH` inches wide.
    """
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    figure.suptitle(f"{run.title}\n{', '.join((caption, *run.state))}", fontsize=10, parse_math=False,
                    y=1 - 0.08 / height, va="top")
    return figure


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float, **options):
    """Axes at a place given in inches: to let matplotlib find a layout takes it longer than to draw.

    Parameters
    ----------
    left, bottom, width, height : float
        Of the frame.
    **options
        Of ``Figure.add_axes``.

    Returns
    -------
    Axes
    """
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), **options)


def _content(figure: Figure, kind: str) -> bytes:
    """The file, without the margins that nothing is drawn in."""
    stream = io.BytesIO()
    if kind == "png":
        _trimmed(figure).save(stream, format="PNG", dpi=(figure.dpi, figure.dpi), compress_level=4)  # 6 takes twice as long
    else:  # without the date: the same result gives the same file
        figure.savefig(stream, format=kind, bbox_inches="tight", pad_inches=MARGIN,
                       metadata={"pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind])
    return stream.getvalue()


def _trimmed(figure: Figure) -> Image.Image:
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    background = pixels[0, 0]
    rows, columns = (np.flatnonzero((pixels != background).any(axis=(2, other))) for other in (1, 0))
    image = Image.fromarray(pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1])
    return ImageOps.expand(image, round(MARGIN * figure.dpi), tuple(background.tolist()))


def sparse_minor_ticks(axis) -> None:
    """On a logarithmic axis of several decades ticks at 2 and 5 alone: to make one takes a millisecond."""
    axis.set_minor_locator(LogLocator(subs=(2, 5)))


def log_ticks(axis, low: float, high: float) -> None:
    """Numbers between the powers of ten too, where there are few of those.

    Parameters
    ----------
    axis : Axis
        Logarithmic.
    low, high : float
        Between which ticks are wanted.
    """
    if high / low < 300:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
        axis.set_minor_formatter(NullFormatter())


def plane_size(grid, normal: int) -> tuple[float, float]:
    """Width and height in nm of the picture of a plane.

    Parameters
    ----------
    grid : PeriodicGrid
        In nm.
    normal : int
        Axis of the plane's normal.

    Returns
    -------
    tuple of 2 float
    """
    across, up = (length for axis, length in enumerate(grid.lengths) if axis != normal)
    return across, up
