"""A 3-D view of the microstructure, drawn with matplotlib: the solid cut off at the box, its pores open and shaded."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap
from matplotlib.image import AxesImage
from matplotlib.transforms import Affine2D
from mpl_toolkits.mplot3d import proj3d
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from scipy import ndimage

try:
    from skimage.measure import marching_cubes
except ImportError:
    marching_cubes = None  # the pore walls then consist of voxel faces

LEVEL = 0.5
ELEVATION, AZIMUTH = 24.0, -52.0  # degrees
LIGHT = np.array([0.15, -0.55, 0.82]) / np.linalg.norm([0.15, -0.55, 0.82])
PANE_COLOUR = "#eceef1"
CUT_PIXELS = 512  # along the edges of the faces that cut the solid


def draw_structure(axes, rho: np.ndarray, edges: tuple[np.ndarray, ...], colours: Colormap) -> None:
    """Draw the solid rho >= 1/2 of a periodic field in its box.

    Parameters
    ----------
    axes : Axes3D
        With ``computed_zorder=False``.
    rho : ndarray (nx, ny, nz)
        Samples of the field.
    edges : tuple of 3 ndarray, (nx + 1,), (ny + 1,), (nz + 1,)
        Position of each sample and, last, the length of the box (nm).
    colours : Colormap
        Of rho from 0 to 1: seen where the box cuts the solid; the pore walls have its middle.
    """
    lengths = np.array([e[-1] for e in edges])
    _set_up_view(axes, lengths)
    towards = _towards_viewer()
    polygons = _pore_walls(rho, edges)
    normals = np.cross(polygons[:, 1] - polygons[:, 0], polygons[:, 2] - polygons[:, 0])
    polygons = polygons[normals @ towards > 0]  # the others show their backs, which are inside the solid
    axes.add_collection(_Walls(polygons, _wall_colours(polygons, rho, edges, colours), zorder=2), autolim=False)
    for axis in range(3):
        _draw_cut(axes, rho, edges, axis, towards, colours)
    _draw_box(axes, lengths, towards)


def _set_up_view(axes, lengths) -> None:
    axes.set_proj_type("ortho")
    axes.view_init(ELEVATION, AZIMUTH)
    axes.set_box_aspect(tuple(lengths), zoom=1.0)  # an array would be changed
    for name, length in zip("xyz", lengths):
        getattr(axes, f"set_{name}lim")(0, length)
        getattr(axes, f"set_{name}label")(f"{name} (nm)")
        getattr(axes, f"{name}axis").set_pane_color(PANE_COLOUR)
    axes.grid(False)


def _towards_viewer() -> np.ndarray:
    e, a = np.deg2rad([ELEVATION, AZIMUTH])
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def _project(axes, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) in nm to the plane of the picture (n, 2), and how far away they are (n,)."""
    x, y, depth = proj3d.proj_transform(*points.T, axes.get_proj())
    return np.stack([x, y], axis=-1), np.asarray(depth)


def _lit(normals: np.ndarray, dark: float) -> np.ndarray:
    return dark + (1 - dark) * np.clip(normals @ LIGHT, 0, 1)


# --- pore walls ---------------------------------------------------------------------------------------------------


class _Walls(PolyCollection):
    """Polygons (n, corners, 3) in 3-D, the nearer ones over those farther away.

    Does as arrays what takes mplot3d's Poly3DCollection a loop over them, of 10 s for 1e5.
    """

    def __init__(self, polygons: np.ndarray, colours: np.ndarray, **options):
        super().__init__([], antialiased=False, **options)  # antialiased faces would leave seams where they meet
        self._polygons, self._colours = polygons, colours

    def do_3d_projection(self) -> float:
        """What mplot3d calls before it draws."""
        count, corners, _ = self._polygons.shape
        flat, depth = _project(self.axes, self._polygons.reshape(-1, 3))
        farthest_first = np.argsort(-depth.reshape(count, corners).mean(axis=1))
        self.set_verts(flat.reshape(count, corners, 2)[farthest_first])
        self.set_facecolor(self._colours[farthest_first])
        return 0.0


def _pore_walls(rho: np.ndarray, edges) -> np.ndarray:
    """Polygons (n, 3 or 4, 3) in nm between solid and pore, counterclockwise as seen from the pore."""
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
    solid = ndimage.gaussian_filter(np.pad((rho >= LEVEL).astype(np.float32), (0, 1), mode="wrap"), 3.0, mode="constant")
    around = ndimage.map_coordinates(solid, index + 2.0 * normals.T, order=1, mode="constant")  # none outside the box
    ambient = np.clip(1.25 - 1.3 * around, 0.15, 1)
    return np.array(colours(LEVEL)[:3]) * (_lit(normals, 0.45) * ambient)[:, None]


def _directions_of_fall(rho: np.ndarray, index: np.ndarray, edges) -> np.ndarray:
    """Unit vectors (n, 3) against the gradient of rho: facets lit by these look like one smooth wall."""
    rho = ndimage.gaussian_filter(rho, 0.8, mode="wrap")
    falls = [(np.roll(rho, 1, axis) - np.roll(rho, -1, axis)) / e[1] for axis, e in enumerate(edges)]
    vectors = np.stack([ndimage.map_coordinates(fall, index, order=1, mode="grid-wrap") for fall in falls], axis=-1)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(float).tiny)


# --- the box ------------------------------------------------------------------------------------------------------


def _draw_cut(axes, rho: np.ndarray, edges, axis: int, towards: np.ndarray, colours: Colormap) -> None:
    """Paint rho on the solid part of the box face normal to ``axis`` that the viewer sees."""
    b, c = (other for other in range(3) if other != axis)
    sides = np.diag([e[-1] for e in edges])
    corner = sides[axis] * (towards[axis] > 0)
    places = np.stack(np.meshgrid(*[np.interp((np.arange(CUT_PIXELS) + 0.5) / CUT_PIXELS * edges[a][-1], edges[a],
                                              np.arange(edges[a].size)) for a in (b, c)], indexing="ij"))
    # Straight lines between the samples as in the isosurface; whole voxels with voxel faces.
    density = ndimage.map_coordinates(np.take(rho, 0, axis), places, order=1 if marching_cubes else 0, mode="grid-wrap")
    picture = colours(density)
    picture[..., :3] *= _lit(np.sign(towards[axis]) * np.eye(3)[axis], 0.78)
    picture[..., 3] = density >= LEVEL
    flat, _ = _project(axes, np.array([corner, corner + sides[b], corner + sides[c]]))
    place = Affine2D(np.vstack([np.column_stack([flat[1] - flat[0], flat[2] - flat[0], flat[0]]), [0, 0, 1]]))
    image = AxesImage(axes, origin="lower", extent=(0, 1, 0, 1), interpolation="bilinear",
                      transform=place + axes.transData, zorder=3)
    image.set_data(picture.swapaxes(0, 1))
    axes.add_artist(image)


def _draw_box(axes, lengths: np.ndarray, towards: np.ndarray) -> None:
    corners = np.array(list(itertools.product((0, 1), repeat=3)))
    farthest = (towards < 0).astype(int)
    before, behind = [], []
    for a, b in itertools.combinations(corners, 2):
        if np.abs(a - b).sum() == 1:
            hidden = (a == farthest).all() or (b == farthest).all()
            (behind if hidden else before).append([a * lengths, b * lengths])
    axes.add_collection3d(Line3DCollection(behind, colors="0.6", linewidths=0.6, zorder=1))
    axes.add_collection3d(Line3DCollection(before, colors="0.15", linewidths=0.9, zorder=4))
