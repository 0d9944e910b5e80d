"""Small views of the microstructures of a sweep: the phases on three faces of each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.transforms import Affine2D

from ..conduction.phases import PHASES
from ..config.text import shown
from ..grid import AXES, PeriodicGrid
from ..io.peek import describe, read_plane
from ..sweeps.state import kept_path
from . import box as view
from .colours import PHASE_COLOURS
from .run_files import MAX_SAMPLES, flat_axis, thinning
from .sweep_table import SHAPE_FACTORS, Table, described, evenly
from .theory import new_figure

PHASE = "phase"
COLUMNS, MOST_ROWS = 4, 4
TILE = 1.72  # inches
SHADES = 0.8, 0.92, 1.0  # of the faces normal to x, y, z
COLOURS = np.array([to_rgba(PHASE_COLOURS[name]) for name in sorted(PHASES, key=PHASES.get)])


@dataclass(frozen=True)
class _Tile:
    """One view: what stands above it and, in the first column, beside it; its row in the table, None if there is none."""

    title: str
    side: str
    row: int | None


def has_pictures(table: Table) -> bool:
    """Whether a case that is done has left its phases."""
    return any(kept_path(table.directory, case.id, PHASE).exists() for case in table.cases) if PHASE in table.plan.keep \
        else False


def draw_gallery(table: Table) -> Figure:
    """Cases in columns and rows by two keys where these are crossed, else one after another.

    Further keys have their first value; of replicas the first that is there is shown.
    """
    lines = _layout(table)
    figure = new_figure(0.8 + len(lines) * (TILE + 0.35))
    panels = figure.subplots(len(lines), max(map(len, lines)), squeeze=False)
    sizes = set()
    for axes in panels.flat:
        axes.set_axis_off()
    for line, tiles in zip(panels, lines):
        for axes, tile in zip(line, tiles):
            axes.set_title(tile.title, fontsize=8.5)
            axes.text(-0.04, 0.5, tile.side, rotation=90, ha="right", va="center", fontsize=8.5, transform=axes.transAxes)
            if tile.row is None:
                axes.text(0.5, 0.5, "missing", ha="center", va="center", color="0.5", transform=axes.transAxes)
            else:
                sizes.add(_draw_tile(axes, table, tile.row))
    figure.legend(handles=[Patch(color=PHASE_COLOURS[name], label=name) for name in PHASES], ncols=3,
                  loc="outside lower center")
    cells = " × ".join(f"{length:g}" for length in sizes.pop()) + " nm" if len(sizes) == 1 else "different sizes"
    figure.suptitle(f"{table.caption}\nphases on the faces of cells of {cells}; class and mean conductivity{_held(table)}",
                    fontsize=9)
    return figure


# --- which cases --------------------------------------------------------------------------------------------


def _layout(table: Table) -> list[list[_Tile]]:
    keys = table.varied()
    pair = _pair(table, keys)
    values = [[value for (value,), _ in table.points([key])] for key in pair]
    if _crosses(table, pair):
        return _crossed(table, pair, evenly(values[0], COLUMNS), evenly(values[1], MOST_ROWS))
    chosen = evenly([point for point, _ in table.points(keys)], 2 * COLUMNS)
    tiles = [_Tile(described(keys, point).replace(", ", "\n"), "", _row_of(table, dict(zip(keys, point))))
             for point in chosen]
    return [tiles[start:start + COLUMNS] for start in range(0, len(tiles), COLUMNS)]


def _pair(table: Table, keys: list[str]) -> tuple[str, ...]:
    """The keys of columns and rows: the shape factors, or the first two, that with more values across."""
    if set(SHAPE_FACTORS) <= set(keys):
        return SHAPE_FACTORS
    return tuple(sorted(keys[:2], key=lambda key: -len(table.points([key]))))


def _crosses(table: Table, pair: tuple[str, ...]) -> bool:
    return len(pair) == 2 and len(table.points(pair)) == len(table.points(pair[:1])) * len(table.points(pair[1:]))


def _crossed(table: Table, pair, across: list, down: list) -> list[list[_Tile]]:
    further = {key: value for key, value in table.plan.cases[0].values.items() if key not in pair}
    if pair == SHAPE_FACTORS:
        down = down[::-1]  # upwards, as in the phase diagram
    return [[_Tile(described(pair[:1], [a]) if b is down[0] else "", described(pair[1:], [b]) if a is across[0] else "",
                   _row_of(table, further | {pair[0]: a, pair[1]: b})) for a in across] for b in down]


def _held(table: Table) -> str:
    """What the further keys are of crossed ones, which have their first value."""
    keys = table.varied()
    pair = _pair(table, keys)
    further = [key for key in keys if key not in pair] if _crosses(table, pair) else []
    first = table.plan.cases[0].values
    return f"\nat {described(further, [first[key] for key in further])}" if further else ""


def _row_of(table: Table, wanted: dict) -> int | None:
    wanted = {key: shown(value) for key, value in wanted.items()}
    rows = [row for row, case in enumerate(table.cases)
            if all(shown(case.values[key]) == value for key, value in wanted.items())
            and kept_path(table.directory, case.id, PHASE).exists()]
    return min(rows, key=lambda row: table.cases[row].replica, default=None)


# --- one case -----------------------------------------------------------------------------------------------


def _draw_tile(axes, table: Table, row: int) -> tuple[float, ...]:
    """The phases of a case and what was found; the lengths of its cell in nm."""
    path = kept_path(table.directory, table.cases[row].id, PHASE)
    grid = describe(path, PHASE).grid_nm
    flat = flat_axis(grid.shape)
    axes.set_aspect("equal")
    if flat is None:
        _draw_cube(axes, path, grid)
    else:
        across, up = (axis for axis in range(3) if axis != flat)
        plane = read_plane(path, PHASE, flat, 0, max(thinning(grid.shape, MAX_SAMPLES)))
        axes.imshow(COLOURS[plane].swapaxes(0, 1), origin="lower", extent=(0, grid.lengths[across], 0, grid.lengths[up]))
    sigma = table.numbers["sigma_mean_S_per_cm"][row]
    found = [table.connectivity[row], f"{sigma:.1e} S/cm" if sigma > 0 else "0 S/cm" if sigma == 0 else "",
             "" if table.separated[row] else "not separated"]
    axes.text(0.5, -0.04, "   ".join(filter(None, found)), ha="center", va="top", fontsize=8, transform=axes.transAxes)
    return tuple(round(length, 6) for length in grid.lengths)


def _draw_cube(axes, path, grid: PeriodicGrid) -> None:
    """The faces x = max, y = 0 and z = max in parallel projection."""
    lengths = np.array(grid.lengths)
    sides = view.project(np.diag(lengths))
    stride = max(thinning(grid.shape, MAX_SAMPLES))
    outlines = []
    for axis in range(3):
        b, c = (other for other in range(3) if other != axis)
        start = sides[axis] * view.SEEN[axis]
        plane = read_plane(path, PHASE, axis, (grid.shape[axis] - 1) * int(view.SEEN[axis]), stride)
        place = Affine2D(np.vstack([np.column_stack([sides[b], sides[c], start]), [0, 0, 1]]))
        image = AxesImage(axes, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest",
                          transform=place + axes.transData)
        image.set_data((COLOURS[plane] * (*[SHADES[axis]] * 3, 1.0)).swapaxes(0, 1))
        axes.add_artist(image)
        outlines.append([start, start + sides[b], start + sides[b] + sides[c], start + sides[c]])
        along = sides[axis] / np.linalg.norm(sides[axis])
        beside = view.project(view.RULERS[axis] * lengths) + sides[axis] / 2
        axes.text(*(beside + 0.06 * view.view_size(lengths).max() * np.array([along[1], -along[0]])), AXES[axis], fontsize=7,
                  ha="center", va="center")
    axes.add_collection(PolyCollection(outlines, facecolors="none", edgecolors="0.15", linewidths=0.6, zorder=4))
    corners = np.concatenate(outlines)
    axes.set_xlim(corners[:, 0].min(), corners[:, 0].max())
    axes.set_ylim(corners[:, 1].min(), corners[:, 1].max())
