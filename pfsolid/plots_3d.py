"""A 3-D view of the microstructure, drawn with matplotlib: the solid cut off at the box, its pores open and shaded."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.colors import Colormap
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection
from scipy import ndimage

try:
    from skimage.measure import marching_cubes
except ImportError:
    marching_cubes = None  # the surface then consists of voxel faces

LEVEL = 0.5
ELEVATION, AZIMUTH = 24.0, -52.0  # degrees; the box faces x = max, y = 0 and z = max are seen
LIGHT = np.array([0.15, -0.55, 0.82]) / np.linalg.norm([0.15, -0.55, 0.82])
PANE_COLOUR = "#eceef1"
ZOOM = 1.0
OUTSIDE = -1e6  # rho beyond the box: so low that the solid ends at the box to a millionth of a voxel


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
    towards = _direction(ELEVATION, AZIMUTH)
    polygons, normals = _solid_surface(rho, edges)
    seen = normals @ towards > 0
    polygons, normals = polygons[seen], normals[seen]
    shades = _shaded(polygons, normals, rho, edges, colours)
    # Antialiased faces would leave seams where they meet.
    axes.add_collection3d(Poly3DCollection(polygons, facecolors=shades, edgecolors="none", antialiased=False, zorder=2))
    axes.set_proj_type("ortho")
    axes.view_init(ELEVATION, AZIMUTH)
    _draw_box(axes, np.array([e[-1] for e in edges]), towards)


def _direction(elevation: float, azimuth: float) -> np.ndarray:
    """Unit vector from the box to the viewer."""
    e, a = np.deg2rad([elevation, azimuth])
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def _solid_surface(rho: np.ndarray, edges) -> tuple[np.ndarray, np.ndarray]:
    """Polygons (n, 3 or 4, 3) in nm that enclose rho >= 1/2 within the box, and their outward unit normals."""
    periodic = np.pad(rho, (0, 1), mode="wrap")
    enclosed = np.pad(periodic, 1, constant_values=OUTSIDE)
    if not (rho >= LEVEL).any():
        return np.empty((0, 3, 3)), np.empty((0, 3))
    polygons = (_marching_cubes if marching_cubes else _voxel_faces)(enclosed)
    for axis, positions in enumerate(edges):
        polygons[..., axis] = np.interp(polygons[..., axis] - 1, np.arange(positions.size), positions)
    normals = np.cross(polygons[:, 1] - polygons[:, 0], polygons[:, 2] - polygons[:, 0])
    area = np.linalg.norm(normals, axis=1)
    return polygons[area > 0], normals[area > 0] / area[area > 0, None]


def _marching_cubes(enclosed: np.ndarray) -> np.ndarray:
    vertices, triangles, _, _ = marching_cubes(enclosed, LEVEL)
    return vertices[triangles[:, ::-1]].astype(float)


def _shaded(polygons, normals, rho, edges, colours) -> np.ndarray:
    """Colours (n, 3): rho on the faces of the box; on the walls of the pores light, and dark where it is narrow."""
    centres = polygons.mean(axis=1)
    index = np.stack([np.interp(centres[:, a], e, np.arange(e.size)) for a, e in enumerate(edges)])
    lengths = np.array([e[-1] for e in edges])
    tolerance = 1e-4 * lengths.min()
    cut = ((polygons < tolerance).all(axis=1) | (polygons > lengths - tolerance).all(axis=1)).any(axis=1)
    result = np.empty((len(polygons), 3))
    density = ndimage.map_coordinates(rho, index[:, cut], order=1, mode="grid-wrap")
    result[cut] = colours(density)[:, :3] * _lit(normals[cut], 0.75)[:, None]
    smooth = _smooth_normals(rho, index[:, ~cut], edges)
    # Ambient light: how little solid there is around a point in front of the wall; nothing outside the box.
    solid = ndimage.gaussian_filter(np.pad((rho >= LEVEL).astype(np.float32), (0, 1), mode="wrap"), 3.0, mode="constant")
    around = ndimage.map_coordinates(solid, index[:, ~cut] + 2.0 * smooth.T, order=1, mode="constant")
    ambient = np.clip(1.25 - 1.3 * around, 0.15, 1)
    result[~cut] = np.array(colours(LEVEL)[:3]) * (_lit(smooth, 0.45) * ambient)[:, None]
    return result


def _lit(normals: np.ndarray, dark: float) -> np.ndarray:
    return dark + (1 - dark) * np.clip(normals @ LIGHT, 0, 1)


def _smooth_normals(rho: np.ndarray, index: np.ndarray, edges) -> np.ndarray:
    """Directions (n, 3) in which rho falls: facets lit by them look like one smooth wall."""
    rho = ndimage.gaussian_filter(rho, 0.8, mode="wrap")
    slopes = [(np.roll(rho, 1, axis) - np.roll(rho, -1, axis)) / e[1] for axis, e in enumerate(edges)]
    normals = np.stack([ndimage.map_coordinates(slope, index, order=1, mode="grid-wrap") for slope in slopes], axis=-1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.finfo(float).tiny)


def _draw_box(axes, lengths, towards) -> None:
    corners = np.array(list(itertools.product((0, 1), repeat=3)))
    hidden = (towards < 0).astype(int)  # the corner farthest from the viewer
    segments, behind = [], []
    for a, b in itertools.combinations(corners, 2):
        if np.abs(a - b).sum() == 1:
            back = (a == hidden).all() or (b == hidden).all()
            (behind if back else segments).append([a * lengths, b * lengths])
    axes.add_collection3d(Line3DCollection(behind, colors="0.6", linewidths=0.6, zorder=1))
    axes.add_collection3d(Line3DCollection(segments, colors="0.15", linewidths=0.9, zorder=3))
    axes.set_box_aspect(tuple(lengths), zoom=ZOOM)  # an array would be changed
    for name, length in zip("xyz", lengths):
        getattr(axes, f"set_{name}lim")(0, length)
        getattr(axes, f"set_{name}label")(f"{name} (nm)")
        getattr(axes, f"{name}axis").set_pane_color(PANE_COLOUR)
    axes.grid(False)
