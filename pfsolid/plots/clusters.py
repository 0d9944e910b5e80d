"""A view of the filler (rho < 1/2, the pores) in space: its isolated clusters, and how wide the percolating ones are."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch
from scipy import ndimage

from ..grid import AXES, PeriodicGrid
from ..io.peek import describe
from ..morphology.clusters import Clusters, find_clusters
from ..morphology.thickness import local_thickness
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.communicator import alone
from ..text import plural
from .box import draw_body, view_size
from .figure import BAR_WIDTH, add_axes, new_figure
from .rays import LEVEL, Body
from .run_files import RunFiles
from .structure import VIEW, sampled_density

WIDTHS_MAP = "viridis"
ISOLATED_COLOURS = ("#d55e00", "#cc79a7", "#e69f00", "#b2182b", "#f4a6c6", "#7f3b08")  # none of viridis
LEGEND = 0.55  # inches
SMOOTHING = 1.5  # samples, of the thickness
PADDING = 2  # samples beyond the periodic faces in which the nearest filler is sought; walls are within one


@dataclass(frozen=True)
class _Alone:
    """A whole cell on one rank, for the measures: a `Slab`."""

    grid: PeriodicGrid
    reducer = Reducer(alone())
    ghosts = PlaneExchange(alone())
    periodic = True
    first_plane = 0


def clusters_figure(run: RunFiles) -> Figure | None:
    """The filler's clusters; None without filler.

    They are of the samples that are drawn, at most `MAX_SAMPLES` along an axis: on larger grids the thinnest channels may
    be cut.  For one process.
    """
    rho, edges = sampled_density(run)
    if not (rho < LEVEL).any():
        return None
    clusters = find_clusters(rho < LEVEL, _Alone.reducer, _Alone.ghosts)
    size = view_size([e[-1] for e in edges])
    width, height = size * min(VIEW / size)  # inches
    row = max(height, 2.0)
    figure = new_figure(run, row + LEGEND + 0.95, f"clusters of the filler, ρ < ½{_sampling(run, rho)}")
    axes = add_axes(figure, 0.4 + (VIEW - width) / 2, 0.6 + (row - height) / 2, width, height)
    widths = draw_clusters(axes, rho, clusters, edges)
    if widths is not None:
        bar = add_axes(figure, 6.75, 0.6 + row / 2 - 1.0, BAR_WIDTH, 2.0)
        figure.colorbar(ScalarMappable(widths, WIDTHS_MAP), cax=bar, label="local thickness where it percolates (nm)")
    handles, labels = describe_clusters(clusters)
    figure.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 1 - 0.45 / figure.get_figheight()),
                  handler_map={tuple: HandlerTuple(None, pad=0)}, handlelength=3.5)
    return figure


def _sampling(run: RunFiles, rho: np.ndarray) -> str:
    stride = [-(-n // m) for n, m in zip(describe(run.fields_path, "rho").grid_nm.shape, rho.shape)]
    return "" if max(stride) == 1 else f" at one of {' × '.join(map(str, stride))} voxels"


def draw_clusters(axes, rho: np.ndarray, clusters: Clusters, edges: tuple[np.ndarray, ...]) -> Normalize | None:
    """Draw the filler of a periodic field in its box: what percolates by its local thickness, the rest by cluster.

    Parameters
    ----------
    axes : Axes
        As wide and high as `box.view_size`.
    rho : ndarray (nx, ny, nz)
    clusters : Clusters
        Of ``rho < 1/2``.
    edges : tuple of 3 ndarray, (nx + 1,), (ny + 1,), (nz + 1,)
        Position of each sample and, last, the length of the box (nm).

    Returns
    -------
    Normalize or None
        Of the colours of the thickness (nm); None where nothing percolates.
    """
    spacing = tuple(float(e[1]) for e in edges)
    percolating = np.append(False, clusters.winding_rank > 0)
    widths = _smooth(local_thickness(clusters.labels > 0, _Alone(PeriodicGrid(rho.shape, spacing))),
                     percolating[clusters.labels])
    scale = _scale(widths[percolating[clusters.labels]])
    owner = _nearest_cluster(clusters.labels, spacing)
    palette = np.array([to_rgb(colour) for colour in ISOLATED_COLOURS])[colour_clusters(clusters)]

    def paint(hits) -> np.ndarray:
        labels = owner[tuple(np.rint(place).astype(np.intp) % n for place, n in zip(hits.index, rho.shape))]
        colours, wide = palette[labels], percolating[labels]
        if scale is not None:
            here = ndimage.map_coordinates(widths, hits.index[:, wide], order=1, mode="grid-wrap")
            colours[wide] = matplotlib.colormaps[WIDTHS_MAP](scale(here))[:, :3]
        return colours

    draw_body(axes, Body(1 - rho, edges), paint, paint)
    return scale


def _smooth(thickness: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A mean over the neighbours that are meant: at the walls spheres of whole voxels leave specks."""
    weights = ndimage.gaussian_filter(where.astype(np.float32), SMOOTHING, mode="wrap")
    found = ndimage.maximum_filter(np.where(where, thickness, 0), 3, mode="wrap") * where
    return ndimage.gaussian_filter(found, SMOOTHING, mode="wrap") / np.maximum(weights, np.finfo(np.float32).tiny)


def _scale(widths: np.ndarray) -> Normalize | None:
    """From the narrowest to the widest; of one width from 0, of none at all None."""
    if not widths.size:
        return None
    low, high = float(widths.min()), float(widths.max())
    return Normalize(low, high) if high - low > 1e-3 * high else Normalize(0, high or 1.0)


def colour_clusters(clusters: Clusters) -> np.ndarray:
    """Place in ``ISOLATED_COLOURS`` of the colour of each label that does not percolate; 0 of the others.

    The largest isolated clusters have colours of their own; the smaller ones take them in turn.
    """
    isolated = np.flatnonzero(clusters.winding_rank == 0)
    isolated = isolated[np.argsort(-clusters.sizes[isolated], kind="stable")]
    colours = np.zeros(clusters.num_clusters + 1, np.uint8)
    colours[isolated + 1] = np.arange(isolated.size) % len(ISOLATED_COLOURS)
    return colours


def describe_clusters(clusters: Clusters) -> tuple[list, list[str]]:
    """Handles and texts of the legend: how many clusters percolate, along which axes, with which share."""
    percolating = clusters.winding_rank > 0
    total = clusters.sizes.sum()
    handles, labels = [], []
    if percolating.any():
        along = ", ".join(axis for axis, wraps in zip(AXES, clusters.percolates) if wraps)
        handles.append(tuple(Patch(color=matplotlib.colormaps[WIDTHS_MAP](share)) for share in np.linspace(0, 1, 5)))
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
