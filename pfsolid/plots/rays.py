"""What is seen of an isosurface in a periodic box: a picture by rays, in parallel projection.

A ray ends where it meets the body ``field >= 1/2``, on a face of the box (the cut) or behind one (a wall), as that of
straight lines between the samples.  It leaps as far as no sample of the body is near, so that empty boxes cost little.
Matplotlib's own 3-D axes take ten seconds for 1e5 faces, and in a vector format those faces would be its whole size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..arrays import Array
from ..morphology.ray_kernels import NOTHING, WALL, first_meetings

LEVEL = 0.5
ELEVATION, AZIMUTH = np.deg2rad([24.0, -52.0])  # of the viewer, who sees the faces x = max, y = 0 and z = max
RIGHT = np.array([-np.sin(AZIMUTH), np.cos(AZIMUTH), 0])
UP = np.array([-np.sin(ELEVATION) * np.cos(AZIMUTH), -np.sin(ELEVATION) * np.sin(AZIMUTH), np.cos(ELEVATION)])
TOWARDS = np.cross(RIGHT, UP)
LIGHT = np.array([0.15, -0.55, 0.82]) / np.linalg.norm([0.15, -0.55, 0.82])
DARK_WALL, DARK_CUT = 0.45, 0.78  # brightness of what faces away from the light
STEP = 0.5  # of a ray near the body, in spacings
# In spacings: from a point to the nearest sample at most sqrt(3)/2, from the isosurface to a sample of the body sqrt(3).
REACH = 1.5 * np.sqrt(3)
BISECTIONS = 4  # of a step: to 1/32 of a spacing
SEAM = 0.15  # difference of colour between neighbouring pixels beyond which both are drawn from more rays
SUBPIXELS = 3  # along each axis of such a pixel
MOST_SEAMS = 0.3  # of the picture: noise is no smoother for more rays, and takes long


def project(points: Array) -> Array:
    """Points (..., 3) to the plane of the picture (..., 2)."""
    return points @ np.stack([RIGHT, UP], axis=-1)


@dataclass(frozen=True)
class Hits:
    """Where rays end: ``index`` (3, n) in units of the samples, ``values`` (n,) of the field there."""

    index: Array
    values: Array


class Body:
    """The part ``field >= 1/2`` of a periodic box, ready to be looked at.

    Parameters
    ----------
    field : ndarray (nx, ny, nz)
        Samples.
    edges : tuple of 3 ndarray, (nx + 1,), (ny + 1,), (nz + 1,)
        Position of each sample and, last, the length of the box (nm); only the last interval may be a shorter one.
    """

    def __init__(self, field: Array, edges):
        self.lengths = np.array([e[-1] for e in edges])
        self._spacing = np.array([e[1] for e in edges])
        self._last = [(e[-1] - e[-2]) / e[1] for e in edges]  # interval, in spacings
        field = np.ascontiguousarray(field, np.float32)
        self._field = self._closed(field)
        solid = self._field >= LEVEL
        self._room = ndimage.distance_transform_edt(~solid).astype(np.float32) if solid.any() else \
            np.full(solid.shape, np.inf, np.float32)
        smooth = ndimage.gaussian_filter(field, 0.8, mode="wrap")
        # By these, not by the surface itself, for those of straight lines have facets.
        self._falls = [self._closed((np.roll(smooth, 1, axis) - np.roll(smooth, -1, axis)) / h)
                       for axis, h in enumerate(self._spacing)]
        self._density = ndimage.gaussian_filter(solid.astype(np.float32), 3.0, mode="constant")  # light is from outside

    def _closed(self, samples: Array) -> Array:
        """With one more plane along each axis, such that the first one is met at the end of the box."""
        for axis, interval in enumerate(self._last):
            last, first = samples.take([-1], axis), samples.take([0], axis)
            samples = np.concatenate([samples, last + (first - last) / np.float32(interval)], axis)
        return samples

    def picture(self, columns: int, rows: int, paint_cut, paint_wall) -> Array:
        """RGBA between 0 and 1, the first row below; clear where no ray ends.

        Parameters
        ----------
        columns, rows : int
            Pixels across and up.
        paint_cut, paint_wall : callable
            ``(Hits) -> (n, 3)``, or one colour (3,) for all.

        Returns
        -------
        ndarray of float32 (rows, columns, 4)
        """
        low, high = self.frame()
        pixel = (high - low) / (columns, rows)
        places = np.stack(np.meshgrid(*((np.arange(n) + 0.5) for n in (columns, rows)), indexing="xy"), axis=-1)
        image = self._colours(low + places.reshape(-1, 2) * pixel, paint_cut, paint_wall).reshape(rows, columns, 4)
        seams = _seams(image)
        if seams.mean() > MOST_SEAMS:
            return image
        inner = (np.stack(np.meshgrid(*[np.arange(SUBPIXELS)] * 2), axis=-1).reshape(-1, 2) + 0.5) / SUBPIXELS - 0.5
        finer = (places[seams][:, None] + inner).reshape(-1, 2)
        colours = self._colours(low + finer * pixel, paint_cut, paint_wall).reshape(-1, len(inner), 4)
        opacity = colours[..., 3].mean(axis=1)
        # The mean colour is that of what is seen, and the background shows through the rest.
        image[seams, :3] = colours[..., :3].sum(axis=1) / np.maximum(colours[..., 3].sum(axis=1), 1)[:, None]
        image[seams, 3] = opacity
        return image

    def frame(self) -> tuple[Array, Array]:
        """Lower left and upper right of the picture of the box (2,)."""
        sides = project(np.diag(self.lengths))
        return np.minimum(sides, 0).sum(axis=0), np.maximum(sides, 0).sum(axis=0)

    def _colours(self, places: Array, paint_cut, paint_wall) -> Array:
        """Of the rays through points (n, 2) of the picture: RGBA (n, 4), all 0 where none ends."""
        box, right, up, towards = (vector / self._spacing for vector in (self.lengths, RIGHT, UP, TOWARDS))
        met, index = first_meetings(self._field, self._room, box, places, right, up, towards, LEVEL, REACH, STEP, BISECTIONS)
        colours = np.zeros((len(places), 4), np.float32)
        colours[met != NOTHING, 3] = 1
        cut, wall = np.flatnonzero((met != NOTHING) & (met != WALL)), np.flatnonzero(met == WALL)
        on_cut, on_wall = index[cut].T, index[wall].T
        shade = np.array([_lit(np.sign(TOWARDS[axis]) * np.eye(3)[axis], DARK_CUT) for axis in range(3)])
        paint = paint_cut(Hits(on_cut, _at(self._field, on_cut))) if callable(paint_cut) else paint_cut
        colours[cut, :3] = np.asarray(paint) * shade[met[cut]][:, None]
        paint = paint_wall(Hits(on_wall, np.full(wall.size, LEVEL))) if callable(paint_wall) else paint_wall
        colours[wall, :3] = np.asarray(paint) * self._wall_light(on_wall)[:, None]
        return colours

    def _wall_light(self, index: Array) -> Array:
        """Lit from above, and darker the more of the body there is in front of the wall."""
        normals = np.stack([_at(fall, index) for fall in self._falls])
        normals /= np.maximum(np.linalg.norm(normals, axis=0), np.finfo(np.float32).tiny)
        in_front = ndimage.map_coordinates(self._density, index + 2.0 * normals, order=1, mode="constant")
        return _lit(normals.T, DARK_WALL) * np.clip(1.25 - 1.3 * in_front, 0.15, 1)


def _at(samples: Array, index: Array) -> Array:
    return ndimage.map_coordinates(samples, index, order=1, mode="nearest")


def _lit(normals: Array, dark: float) -> Array:
    return dark + (1 - dark) * np.clip(normals @ LIGHT, 0, 1)


def _seams(image: Array) -> Array:
    """Pixels (rows, columns) that differ from a neighbour."""
    seams = np.zeros(image.shape[:2], bool)
    across = (np.abs(np.diff(image, axis=1)) > SEAM).any(axis=-1)
    up = (np.abs(np.diff(image, axis=0)) > SEAM).any(axis=-1)
    for side in (seams[:, 1:], seams[:, :-1]):
        side |= across
    for side in (seams[1:], seams[:-1]):
        side |= up
    return seams
