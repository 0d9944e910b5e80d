"""A view of a microstructure in space: a body cut off at its periodic box, with the box and rulers around it."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap
from matplotlib.ticker import MaxNLocator

from ..grid import AXES
from .rays import LEVEL, RIGHT, UP, Body, project

SEEN, HIDDEN = np.array([1, 0, 1]), np.array([0, 1, 0])  # corners of the unit box: the nearest, the farthest
RULERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]])  # where the edges with the numbers begin
PANE_COLOUR = "#eceef1"


def view_size(lengths) -> np.ndarray:
    """Width and height of the picture of a box, in the units of its edges."""
    return np.abs([RIGHT, UP]) @ lengths


def draw_structure(axes, rho: np.ndarray, edges: tuple[np.ndarray, ...], colours: Colormap) -> None:
    """Draw the solid rho >= 1/2 of a periodic field in its box.

    Parameters
    ----------
    axes : Axes
        As wide and high as `view_size`; numbers and names stand outside.
    rho : ndarray (nx, ny, nz)
        Samples of the field.
    edges : tuple of 3 ndarray, (nx + 1,), (ny + 1,), (nz + 1,)
        Position of each sample and, last, the length of the box (nm).
    colours : Colormap
        Of rho from 0 to 1: seen where the box cuts the solid; the pore walls have its middle.
    """
    draw_body(axes, Body(rho, edges), lambda hits: colours(hits.values)[:, :3], colours(LEVEL)[:3])


def draw_body(axes, body: Body, paint_cut, paint_wall) -> None:
    """Draw a body and its box, in as many pixels as the figure has there.

    Parameters
    ----------
    axes : Axes
        As wide and high as `view_size`.
    body : Body
    paint_cut, paint_wall : callable or colour
        As for `Body.picture`.
    """
    draw_box(axes, body.lengths)
    columns, rows = (max(1, round(size)) for size in axes.bbox.size)
    (left, below), (right, above) = body.frame()
    axes.imshow(body.picture(columns, rows, paint_cut, paint_wall), origin="lower", extent=(left, right, below, above),
                aspect="auto", interpolation="nearest", zorder=2)
    for axis in range(3):
        _draw_ruler(axes, axis, body.lengths)


def draw_box(axes, lengths: np.ndarray) -> None:
    """The limits of the picture, the three faces behind, and the edges.

    Parameters
    ----------
    axes : Axes
    lengths : ndarray (3,)
        Of the edges, in nm.
    """
    corners = np.array(list(itertools.product((0, 1), repeat=3)))
    flat = project(corners * lengths)
    axes.set_xlim(flat[:, 0].min(), flat[:, 0].max())
    axes.set_ylim(flat[:, 1].min(), flat[:, 1].max())
    axes.set_axis_off()
    panes = []
    for axis in range(3):
        around = [HIDDEN.copy() for _ in range(4)]
        for corner, (u, v) in zip(around, [(0, 0), (1, 0), (1, 1), (0, 1)]):
            corner[(axis + 1) % 3], corner[(axis + 2) % 3] = u, v
        panes.append(project(np.array(around) * lengths))
    axes.add_collection(PolyCollection(panes, facecolors=PANE_COLOUR, zorder=0), autolim=False)
    before, behind = [], []
    for a, b in itertools.combinations(corners, 2):
        if np.abs(a - b).sum() == 1:
            hidden = (a == HIDDEN).all() or (b == HIDDEN).all()
            (behind if hidden else before).append(project(np.array([a, b]) * lengths))
    for lines, colour, width, order in ((behind, "0.6", 0.6, 1), (before, "0.15", 0.9, 4)):
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round",
                                           clip_on=False, zorder=order), autolim=False)


def _draw_ruler(axes, axis: int, lengths: np.ndarray) -> None:
    """Numbers and the name of an axis along one of the lower or right edges of the box."""
    start = RULERS[axis] * lengths
    along = project(np.eye(3)[axis])
    outwards = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    unit = 0.01 * view_size(lengths).max()
    places = dict(ha="left" if outwards[0] > 0.3 else "right" if outwards[0] < -0.3 else "center",
                  va="top" if outwards[1] < -0.3 else "center")
    wanted = MaxNLocator(max(1, round(7 * lengths[axis] / lengths.max())), steps=(1, 2, 5, 10))
    for value in wanted.tick_values(0, lengths[axis]):
        if -1e-9 <= value <= lengths[axis] * (1 + 1e-9):
            at = project(start) + value * along
            axes.plot(*np.transpose([at, at + unit * outwards]), color="0.15", linewidth=0.9, clip_on=False,
                      zorder=4)
            axes.text(*(at + 1.6 * unit * outwards), f"{value:g}", fontsize=8, **places)
    beside = project(start) + 0.5 * lengths[axis] * along + 8 * unit * outwards
    axes.text(*beside, f"{AXES[axis]} (nm)", fontsize=9, ha="center", va="center",
              rotation=np.rad2deg(np.arctan2(along[1], along[0])))
