"""The phase diagram of connectivity over both shape factors, with the conductivity as colour: Figures 4a, b of Hu 2017."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from scipy import ndimage

from .figure import BAR_WIDTH, add_axes
from .sweep_table import SHAPE_FACTORS, Table, described, evenly, label_of, spread
from .theory import new_figure

# Okabe and Ito's colours for the classes of Hu 2017 and 3-3, then for any others.
CLASS_COLOURS = {"0-3": "#56b4e9", "1-3": "#e69f00", "2-3": "#009e73", "2-2": "#cc79a7", "3-3": "#f0e442"}
OTHER_COLOURS = ("#d55e00", "#0072b2", "#999999", "#5b6770")
MOST_ROWS = 3
LEFT, SIDE, GAP, BELOW, ROW = 0.75, 2.1, 0.15, 1.1, 3.5  # inches
BAR_BELOW = 0.62  # inches
SMALLEST_REGION = 0.02  # of the phase diagram, to be given its name


def draw_phase_diagram(table: Table) -> Figure:
    """Classes of connectivity over both shape factors, with sigma_xx and sigma_yy as colours: Figures 4a, b of Hu 2017."""
    further = [key for key in table.varied() if key not in SHAPE_FACTORS]
    everything = [(values, rows) for values, rows in table.groups(further) if any(table.connectivity[row] for row in rows)]
    chosen = evenly(everything, MOST_ROWS)
    columns = [name for name in ("xx", "yy") if (table.numbers[f"sigma_{name}_S_per_cm"] > 0).any()]
    figure = new_figure(0.3 + ROW * len(chosen))
    figure.set_layout_engine("none")
    names = _class_names(table)
    for number, (values, rows) in enumerate(chosen):
        bottom = ROW * (len(chosen) - 1 - number) + BELOW
        line = [add_axes(figure, LEFT + i * (SIDE + GAP), bottom, SIDE, SIDE) for i in range(len(columns) + 1)]
        _draw_diagrams(line, table, rows, columns, names)
        for axes, title in zip(line, [f"σ$_{{{name}}}$" for name in columns] + ["connectivity, filler–matrix (share)"]):
            axes.set(title=title, xlabel=label_of(SHAPE_FACTORS[0]))
            axes.tick_params(labelleft=axes is line[0])
        line[0].set_ylabel("\n".join(filter(None, (described(further, values), label_of(SHAPE_FACTORS[1])))))
    left_out = f"; {len(chosen)} of {len(everything)} diagrams" if len(chosen) < len(everything) else ""
    figure.suptitle(table.caption + left_out, fontsize=9, y=1 - 0.12 / figure.get_figheight(), va="top")
    return figure


def _class_names(table: Table) -> list[str]:
    """Classes that occur, the paper's first."""
    found = Counter(filter(None, table.connectivity))
    return [name for name in CLASS_COLOURS if name in found] + sorted(set(found) - set(CLASS_COLOURS))


def _draw_diagrams(line, table: Table, rows: np.ndarray, columns: list[str], names: list[str]) -> None:
    """One row of panels: conductivities in one scale of colours, then the classes."""
    cells = _Cells.of(table, rows)
    classes = cells.most_frequent([names.index(name) if name else -1 for name in table.connectivity])
    pictures = {name: cells.mean(table.numbers[f"sigma_{name}_S_per_cm"]) for name in columns}
    if pictures:
        positive = np.concatenate([picture[picture > 0] for picture in pictures.values()])
        norm = LogNorm(positive.min(), positive.max()) if positive.size else None
    for axes, picture in zip(line, pictures.values()):
        image = axes.pcolormesh(*cells.edges, np.ma.masked_invalid(picture).T, cmap="viridis", norm=norm, rasterized=True)
    if pictures:
        figure, (left, bottom) = line[0].figure, line[0].get_position().p0 * line[0].figure.get_size_inches()
        wide = len(columns) * (SIDE + GAP) - GAP
        figure.colorbar(image, cax=add_axes(figure, left, bottom - BAR_BELOW, wide, BAR_WIDTH), orientation="horizontal",
                        label="effective conductivity (S/cm)")
    colours = ListedColormap([CLASS_COLOURS.get(name) or OTHER_COLOURS[i % len(OTHER_COLOURS)]
                              for i, name in enumerate(names)])
    line[-1].pcolormesh(*cells.edges, np.ma.masked_less(classes, 0).T, cmap=colours, vmin=-0.5, vmax=len(names) - 0.5)
    known = classes[classes >= 0]
    line[-1].legend(handles=[Patch(color=colours(i), label=f"{name}: {np.mean(known == i):.0%}")
                             for i, name in enumerate(names) if (known == i).any()], loc="upper left", ncols=3,
                    bbox_to_anchor=(-0.05, -0.2), columnspacing=1, handlelength=1)
    for axes in line:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.add_collection(LineCollection(cells.boundaries(classes), colors="black", linewidths=1.0), autolim=False)
        for at, name in cells.names(classes, names):
            axes.text(*at, name, ha="center", va="center", fontsize=8, fontweight="bold",
                      path_effects=[withStroke(linewidth=2.2, foreground="white")])


@dataclass(frozen=True)
class _Cells:
    """The plane of both shape factors: values and edges of the cells around them, and the rows in each cell."""

    values: tuple[np.ndarray, np.ndarray]
    edges: tuple[np.ndarray, np.ndarray]
    rows: dict[tuple[int, int], list[int]]

    @classmethod
    def of(cls, table: Table, chosen: np.ndarray) -> _Cells:
        values = tuple(np.unique([case.values[key] for case in table.plan.cases]).astype(float) for key in SHAPE_FACTORS)
        rows = {}
        for row in chosen:
            cell = tuple(int(np.searchsorted(v, table.cases[row].values[key])) for v, key in zip(values, SHAPE_FACTORS))
            rows.setdefault(cell, []).append(row)
        return cls(values, tuple(_edges_between(v) for v in values), rows)

    def _filled(self, nothing, value) -> np.ndarray:
        picture = np.full([v.size for v in self.values], nothing)
        for cell, rows in self.rows.items():
            picture[cell] = value(rows)
        return picture

    def mean(self, column: np.ndarray) -> np.ndarray:
        return self._filled(np.nan, lambda rows: spread(column[rows])[0])

    def most_frequent(self, codes: list[int]) -> np.ndarray:
        """The class of most rows of each cell, -1 where none is known."""
        return self._filled(-1, lambda rows: max(known := [codes[row] for row in rows if codes[row] >= 0],
                                                 key=known.count, default=-1))

    def boundaries(self, classes: np.ndarray) -> list:
        """Edges between neighbouring cells of different known classes, as lines [(x, y), (x, y)]."""
        x, y = self.edges
        known = classes >= 0
        across = (classes[1:] != classes[:-1]) & known[1:] & known[:-1]
        up = (classes[:, 1:] != classes[:, :-1]) & known[:, 1:] & known[:, :-1]
        return [[(x[i + 1], y[j]), (x[i + 1], y[j + 1])] for i, j in np.argwhere(across)] + \
               [[(x[i], y[j + 1]), (x[i + 1], y[j + 1])] for i, j in np.argwhere(up)]

    def names(self, classes: np.ndarray, names: list[str]):
        """A place well inside each region that is not too small, and the name of its class."""
        for code, name in enumerate(names):
            regions, count = ndimage.label(classes == code)
            for region in range(1, count + 1):
                here = regions == region
                if here.sum() >= max(2, SMALLEST_REGION * here.size):
                    depth = ndimage.distance_transform_edt(np.pad(here, 1))[1:-1, 1:-1]
                    i, j = np.unravel_index(depth.argmax(), depth.shape)
                    yield (self.values[0][i], self.values[1][j]), name


def _edges_between(values: np.ndarray) -> np.ndarray:
    """Edges of cells around positive values, halfway in the logarithm."""
    inner = np.sqrt(values[1:] * values[:-1])
    return np.concatenate([[values[0]**2 / inner[0]], inner, [values[-1]**2 / inner[-1]]])
