"""A view of the filler (rho < 1/2, the pores) in space, coloured by its clusters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch
from scipy import ndimage

from ..grid import AXES
from ..io.peek import describe, read_strided
from ..morphology.clusters import Clusters, find_clusters
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.communicator import alone
from ..text import plural
from . import box as view
from .figure import DPI, add_axes, new_figure, save_figure
from .run_files import MAX_SAMPLES, flat_axis, read_run, thinning
from .structure import OVERSAMPLING, REFINED_SAMPLES

NAME = "clusters"
PERCOLATING_COLOUR = "#d6cfc0"  # warmer than the panes behind
ISOLATED_COLOURS = ("#e69f00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")  # Okabe and Ito's
PALETTE = (PERCOLATING_COLOUR, *ISOLATED_COLOURS)
PICTURE, LEGEND = 5.6, 0.55  # inches: the most the box is wide and high, and room for the legend
PADDING = 2  # samples beyond the periodic faces in which the nearest filler is sought; walls are within one


def plot_clusters(directory) -> list[Path]:
    """Draw ``directory/figures/clusters.png``: the filler's clusters, those that percolate in grey.

    Clusters are of the samples that are drawn, at most ``MAX_SAMPLES`` along an axis: on larger grids the
    thinnest channels may be cut.  For one process.

    Returns
    -------
    list of Path
        Empty for a 2-D grid, without ``rho`` in fields.h5 and without filler.

    Raises
    ------
    InputError
        If the directory does not exist or result.json is damaged.
    CheckpointError
        If another file is damaged.
    OutputError
        If the figure cannot be written.
    """
    directory = Path(directory)
    run = read_run(directory)
    if "rho" not in run.fields:
        return []
    grid = describe(run.fields_path, "rho").grid_nm
    if flat_axis(grid.shape) is not None:
        return []
    stride = thinning(grid.shape, MAX_SAMPLES)
    rho = read_strided(run.fields_path, "rho", stride)
    filler = rho < view.LEVEL
    if not filler.any():
        return []
    clusters = find_clusters(filler, Reducer(alone()), PlaneExchange(alone()))
    edges = tuple(np.append(np.arange(n) * step * h, length)
                  for n, step, h, length in zip(rho.shape, stride, grid.spacing, grid.lengths))
    return [save_figure(directory, NAME, lambda: _draw_figure(run, rho, clusters, edges, stride))]


def _draw_figure(run, rho: np.ndarray, clusters: Clusters, edges, stride) -> Figure:
    size = view.view_size([e[-1] for e in edges])
    width, height = size * min(PICTURE / size)  # inches
    sampling = "" if max(stride) == 1 else f" at one of {' × '.join(map(str, stride))} voxels"
    figure = new_figure(run, height + LEGEND + 0.95, f"clusters of the filler, ρ < ½{sampling}")
    figure.set_dpi(OVERSAMPLING * DPI)
    axes = add_axes(figure, (figure.get_figwidth() - width) / 2, 0.6, width, height)
    draw_clusters(axes, rho, clusters, edges)
    handles, labels = describe_clusters(clusters)
    figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 1 - 0.45 / figure.get_figheight()),
                  handler_map={tuple: HandlerTuple(None, pad=0)}, handlelength=3.5)
    return figure


def draw_clusters(axes, rho: np.ndarray, clusters: Clusters, edges: tuple[np.ndarray, ...]) -> None:
    """Draw the filler of a periodic field in its box, each cluster in its colour.

    Parameters
    ----------
    axes : Axes
        As wide and high as `box.view_size`.
    rho : ndarray (nx, ny, nz)
    clusters : Clusters
        Of ``rho < 1/2``.
    edges : tuple of 3 ndarray, (nx + 1,), (ny + 1,), (nz + 1,)
        Position of each sample and, last, the length of the box (nm).
    """
    lengths = np.array([e[-1] for e in edges])
    colours = colour_clusters(clusters)[_nearest_cluster(clusters.labels, [e[1] for e in edges])]
    filler, colours, edges = _refine(1 - rho, colours, edges)
    view._draw_box(axes, lengths)
    _draw_walls(axes, filler, colours, edges)
    for axis in range(3):
        for number, colour in enumerate(PALETTE):
            own = np.where(colours == number, filler, 0)
            if (np.take(own, 0, axis) >= view.LEVEL).any():
                view._draw_cut(axes, own, edges, axis, ListedColormap([colour]))
        view._draw_ruler(axes, axis, lengths)


def colour_clusters(clusters: Clusters) -> np.ndarray:
    """Place in ``PALETTE`` of the colour of each label; label 0, which has none, counts as percolating.

    The largest isolated clusters have colours of their own; the smaller ones take them in turn.
    """
    isolated = np.flatnonzero(clusters.winding_rank == 0)
    isolated = isolated[np.argsort(-clusters.sizes[isolated], kind="stable")]
    colours = np.zeros(clusters.num_clusters + 1, np.uint8)
    colours[isolated + 1] = 1 + np.arange(isolated.size) % len(ISOLATED_COLOURS)
    return colours


def describe_clusters(clusters: Clusters) -> tuple[list, list[str]]:
    """Handles and texts of the legend: how many clusters percolate, along which axes, with which share."""
    percolating = clusters.winding_rank > 0
    total = clusters.sizes.sum()
    handles, labels = [], []
    if percolating.any():
        along = ", ".join(axis for axis, wraps in zip(AXES, clusters.percolates) if wraps)
        handles.append(Patch(color=PERCOLATING_COLOUR))
        labels.append(f"{_count(percolating, 'percolating cluster')} along {along}: "
                      f"{clusters.sizes[percolating].sum() / total:.1%} of the pore volume")
    if not percolating.all():
        shown = ISOLATED_COLOURS[:np.count_nonzero(~percolating)]
        handles.append(tuple(Patch(color=colour) for colour in shown))
        labels.append(f"{_count(~percolating, 'isolated cluster')}: "
                      f"{clusters.sizes[~percolating].sum() / total:.1%} of the pore volume")
    return handles, labels


def _count(chosen: np.ndarray, name: str) -> str:
    return plural(np.count_nonzero(chosen), name)


def _nearest_cluster(labels: np.ndarray, spacing) -> np.ndarray:
    """The label of each sample or, outside the filler, of the filler nearest to it."""
    padded = np.pad(labels, PADDING, mode="wrap")
    nearest = ndimage.distance_transform_edt(padded == 0, spacing, return_distances=False, return_indices=True)
    return padded[tuple(nearest)][(slice(PADDING, -PADDING),) * 3]


def _refine(field: np.ndarray, colours: np.ndarray, edges):
    """A small field interpolated as in structure_3d.png, with the colours of its samples and their edges."""
    refinement = REFINED_SAMPLES // max(field.shape)
    if refinement <= 1:
        return field, colours, edges
    field = ndimage.zoom(field, refinement, mode="grid-wrap", grid_mode=True)
    for axis in range(3):
        colours = colours.repeat(refinement, axis)
    return field, colours, tuple(np.linspace(0, e[-1], n + 1) for n, e in zip(field.shape, edges))


def _draw_walls(axes, filler: np.ndarray, colours: np.ndarray, edges) -> None:
    polygons = view.pore_walls(filler, edges)  # the filler is here what the solid is there: seen from outside
    normals = np.cross(polygons[:, 1] - polygons[:, 0], polygons[:, 2] - polygons[:, 0])
    polygons = polygons[normals @ view.TOWARDS > 0]
    centres = polygons.mean(axis=1)
    order = np.argsort(centres @ view.TOWARDS)  # the nearest last, over the others
    polygons, centres = polygons[order], centres[order]
    samples = tuple(np.rint(np.interp(centres[:, axis], e, np.arange(e.size))).astype(int) % n
                    for axis, (e, n) in enumerate(zip(edges, filler.shape)))
    shades = view._wall_colours(polygons, filler, edges, ListedColormap(["white"]))
    tints = np.array([to_rgb(colour) for colour in PALETTE])[colours[samples]]
    axes.add_collection(PolyCollection(view._project(polygons), facecolors=shades * tints, edgecolors="none",
                                       antialiased=False, zorder=2), autolim=False)
