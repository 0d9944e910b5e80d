"""A view of the microstructure in space: the solid cut off at the box, its pores open and shaded.

A parallel projection onto ordinary axes.  Matplotlib's own 3-D axes take ten seconds for 1e5 faces, and their
numbers and names run into each other when the box is not a cube.
"""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D
from scipy import ndimage

from ..grid import AXES

try:
    from skimage.measure import marching_cubes
except ImportError:
    marching_cubes = None  # the pore walls then consist of voxel faces

LEVEL = 0.5
ELEVATION, AZIMUTH = np.deg2rad([24.0, -52.0])  # of the viewer, who sees the faces x = max, y = 0 and z = max
RIGHT = np.array([-np.sin(AZIMUTH), np.cos(AZIMUTH), 0])
UP = np.array([-np.sin(ELEVATION) * np.cos(AZIMUTH), -np.sin(ELEVATION) * np.sin(AZIMUTH), np.cos(ELEVATION)])
TOWARDS = np.cross(RIGHT, UP)
SEEN, HIDDEN = np.array([1, 0, 1]), np.array([0, 1, 0])  # corners of the unit box: the nearest, the farthest
RULERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0]])  # where the edges with the numbers begin
LIGHT = np.array([0.15, -0.55, 0.82]) / np.linalg.norm([0.15, -0.55, 0.82])
PANE_COLOUR = "#eceef1"
CUT_PIXELS = 512  # along the edges of the faces that cut the solid


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
    lengths = np.array([e[-1] for e in edges])
    _draw_box(axes, lengths)
    polygons = pore_walls(rho, edges)
    normals = np.cross(polygons[:, 1] - polygons[:, 0], polygons[:, 2] - polygons[:, 0])
    polygons = polygons[normals @ TOWARDS > 0]  # the others show their backs, which are inside the solid
    polygons = polygons[np.argsort(polygons.mean(axis=1) @ TOWARDS)]  # the nearest last, over the others
    shades = _wall_colours(polygons, rho, edges, colours)
    # Antialiased faces would leave seams where they meet.
    axes.add_collection(PolyCollection(_project(polygons), facecolors=shades, edgecolors="none",
                                       antialiased=False, zorder=2), autolim=False)
    for axis in range(3):
        _draw_cut(axes, rho, edges, axis, colours)
        _draw_ruler(axes, axis, lengths)


def _project(points: np.ndarray) -> np.ndarray:
    """Points (..., 3) to the plane of the picture (..., 2)."""
    return points @ np.stack([RIGHT, UP], axis=-1)


def _lit(normals: np.ndarray, dark: float) -> np.ndarray:
    return dark + (1 - dark) * np.clip(normals @ LIGHT, 0, 1)


# --- pore walls ---------------------------------------------------------------------------------------------


def pore_walls(rho: np.ndarray, edges) -> np.ndarray:
    """Polygons (n, 3 or 4, 3) in nm between solid and pore, counterclockwise as seen from the pore.

    Parameters
    ----------
    rho, edges
        As for `draw_structure`.
    """
    periodic = np.pad(rho, (0, 1), mode="wrap")
    solid = periodic >= LEVEL
    if solid.all() or not solid.any():
        return np.empty((0, 3, 3))
    polygons = _isosurface(periodic) if marching_cubes else _voxel_faces(solid)
    for axis, positions in enumerate(edges):
        polygons[..., axis] = np.interp(polygons[..., axis], np.arange(positions.size), positions)
    return polygons


def _isosurface(periodic: np.ndarray) -> np.ndarray:
    vertices, triangles, _, _ = marching_cubes(periodic, LEVEL, gradient_direction="ascent")
    return vertices[triangles].astype(float)


def _voxel_faces(solid: np.ndarray) -> np.ndarray:
    """Squares between neighbouring samples of which one is solid, in units of the samples."""
    squares = []
    for axis in range(3):
        b, c = (axis + 1) % 3, (axis + 2) % 3
        step = np.diff(solid.astype(np.int8), axis=axis)
        for change in (-1, 1):  # solid before, solid after
            centres = np.argwhere(step == change) + 0.5 * np.eye(3)[axis]
            around = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)][::-change]
            corners = np.array([u * np.eye(3)[b] + v * np.eye(3)[c] for u, v in around])
            squares.append(centres[:, None, :] + corners)
    return np.concatenate(squares)


def _wall_colours(polygons: np.ndarray, rho: np.ndarray, edges, colours: Colormap) -> np.ndarray:
    """Colours (n, 3) lit from above, and darker the more solid there is in front of the wall."""
    centres = polygons.mean(axis=1)
    index = np.stack([np.interp(centres[:, a], e, np.arange(e.size)) for a, e in enumerate(edges)])
    normals = _directions_of_fall(rho, index, edges)
    solid = np.pad((rho >= LEVEL).astype(np.float32), (0, 1), mode="wrap")
    density = ndimage.gaussian_filter(solid, 3.0, mode="constant")  # the light comes from outside
    in_front = ndimage.map_coordinates(density, index + 2.0 * normals.T, order=1, mode="constant")
    ambient = np.clip(1.25 - 1.3 * in_front, 0.15, 1)
    return np.array(colours(LEVEL)[:3]) * (_lit(normals, 0.45) * ambient)[:, None]


def _directions_of_fall(rho: np.ndarray, index: np.ndarray, edges) -> np.ndarray:
    """Unit vectors (n, 3) against the gradient of rho: facets lit by these look like one smooth wall."""
    rho = ndimage.gaussian_filter(rho, 0.8, mode="wrap")
    falls = [(np.roll(rho, 1, axis) - np.roll(rho, -1, axis)) / e[1] for axis, e in enumerate(edges)]
    vectors = np.stack([ndimage.map_coordinates(fall, index, order=1, mode="grid-wrap") for fall in falls])
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(float).tiny)).T


# --- the box ------------------------------------------------------------------------------------------------


def _draw_cut(axes, rho: np.ndarray, edges, axis: int, colours: Colormap) -> None:
    """Paint rho on the solid part of the face normal to ``axis`` that is seen."""
    b, c = (other for other in range(3) if other != axis)
    pixels = (np.arange(CUT_PIXELS) + 0.5) / CUT_PIXELS
    places = [np.interp(pixels * edges[a][-1], edges[a], np.arange(edges[a].size)) for a in (b, c)]
    # Straight lines between the samples as in the isosurface; whole voxels with voxel faces.
    density = ndimage.map_coordinates(np.take(rho, 0, axis), np.meshgrid(*places, indexing="ij"),
                                      order=1 if marching_cubes else 0, mode="grid-wrap")
    picture = colours(density)
    picture[..., :3] *= _lit(np.sign(TOWARDS[axis]) * np.eye(3)[axis], 0.78)
    picture[..., 3] = density >= LEVEL
    sides = _project(np.diag([e[-1] for e in edges]))
    place = Affine2D(np.vstack([np.column_stack([sides[b], sides[c], sides[axis] * SEEN[axis]]), [0, 0, 1]]))
    image = AxesImage(axes, origin="lower", extent=(0, 1, 0, 1), interpolation="bilinear",
                      transform=place + axes.transData, zorder=3)
    image.set_data(picture.swapaxes(0, 1))
    axes.add_artist(image)


def _draw_box(axes, lengths: np.ndarray) -> None:
    """The limits of the picture, the three faces behind, and the edges."""
    corners = np.array(list(itertools.product((0, 1), repeat=3)))
    flat = _project(corners * lengths)
    axes.set_xlim(flat[:, 0].min(), flat[:, 0].max())
    axes.set_ylim(flat[:, 1].min(), flat[:, 1].max())
    axes.set_axis_off()
    panes = []
    for axis in range(3):
        around = [HIDDEN.copy() for _ in range(4)]
        for corner, (u, v) in zip(around, [(0, 0), (1, 0), (1, 1), (0, 1)]):
            corner[(axis + 1) % 3], corner[(axis + 2) % 3] = u, v
        panes.append(_project(np.array(around) * lengths))
    axes.add_collection(PolyCollection(panes, facecolors=PANE_COLOUR, zorder=0), autolim=False)
    before, behind = [], []
    for a, b in itertools.combinations(corners, 2):
        if np.abs(a - b).sum() == 1:
            hidden = (a == HIDDEN).all() or (b == HIDDEN).all()
            (behind if hidden else before).append(_project(np.array([a, b]) * lengths))
    for lines, colour, width, order in ((behind, "0.6", 0.6, 1), (before, "0.15", 0.9, 4)):
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round",
                                           clip_on=False, zorder=order), autolim=False)


def _draw_ruler(axes, axis: int, lengths: np.ndarray) -> None:
    """Numbers and the name of an axis along one of the lower or right edges of the box."""
    start = RULERS[axis] * lengths
    along = _project(np.eye(3)[axis])
    outwards = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    unit = 0.01 * view_size(lengths).max()
    places = dict(ha="left" if outwards[0] > 0.3 else "right" if outwards[0] < -0.3 else "center",
                  va="top" if outwards[1] < -0.3 else "center")
    wanted = MaxNLocator(max(1, round(7 * lengths[axis] / lengths.max())), steps=(1, 2, 5, 10))
    for value in wanted.tick_values(0, lengths[axis]):
        if -1e-9 <= value <= lengths[axis] * (1 + 1e-9):
            at = _project(start) + value * along
            axes.plot(*np.transpose([at, at + unit * outwards]), color="0.15", linewidth=0.9, clip_on=False,
                      zorder=4)
            axes.text(*(at + 1.6 * unit * outwards), f"{value:g}", fontsize=8, **places)
    beside = _project(start) + 0.5 * lengths[axis] * along + 8 * unit * outwards
    axes.text(*beside, f"{AXES[axis]} (nm)", fontsize=9, ha="center", va="center",
              rotation=np.rad2deg(np.arctan2(along[1], along[0])))
