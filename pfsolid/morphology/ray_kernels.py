"""Where rays through a box of samples first meet a body, that of straight lines between the samples."""

from __future__ import annotations

import numpy as np

from ..kernel import kernel

NOTHING, WALL = -1, 3  # what a ray meets; 0, 1, 2: the body where a face of the box cuts it, by the axis


@kernel(inline=True)
def between_samples(field, x, y, z):
    """Trilinear between the samples; beyond them the value of the outermost ones."""
    nx, ny, nz = field.shape
    x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
    i, j, k = int(x), int(y), int(z)
    a, b, c = min(i + 1, nx - 1), min(j + 1, ny - 1), min(k + 1, nz - 1)
    x, y, z = x - i, y - j, z - k
    near = (1 - y) * ((1 - z) * field[i, j, k] + z * field[i, j, c]) + y * ((1 - z) * field[i, b, k] + z * field[i, b, c])
    far = (1 - y) * ((1 - z) * field[a, j, k] + z * field[a, j, c]) + y * ((1 - z) * field[a, b, k] + z * field[a, b, c])
    return (1 - x) * near + x * far


@kernel()
def first_meetings(field, room, box, places, right, up, towards, level, reach, step, bisections):
    """What each ray ``right u + up v + towards t`` meets first, from the viewer's side on, and where.

    Parameters
    ----------
    field : ndarray of float32 (nx, ny, nz)
        Samples; the body is where it is at least ``level``.
    room : ndarray of float32 (nx, ny, nz)
        Distance from each sample to the nearest one of the body, in spacings.
    box : ndarray (3,)
        Lengths, in units of the samples as all that follows.
    places : ndarray (n, 2)
        u and v of each ray.
    right, up, towards : ndarray (3,)
        ``towards`` the viewer, with no component of 0.
    level : float
    reach : float
        A ray leaps by as much as its room is more than this.
    step : float
        The least leap.
    bisections : int
        Of the last leap.

    Returns
    -------
    ndarray of int8 (n,)
        `NOTHING`, the axis whose face cuts the body there, or `WALL`.
    ndarray (n, 3)
        Where; without a meaning for `NOTHING`.
    """
    met, index = np.full(len(places), NOTHING, np.int8), np.empty((len(places), 3))
    unit = 1 / np.sqrt(towards[0] ** 2 + towards[1] ** 2 + towards[2] ** 2)
    for ray in range(len(places)):
        u, v = places[ray]
        x, y, z = right[0] * u + up[0] * v, right[1] * u + up[1] * v, right[2] * u + up[2] * v
        start, stop, face = np.inf, -np.inf, 0
        for axis, base in enumerate((x, y, z)):
            ends = (0 - base) / towards[axis], (box[axis] - base) / towards[axis]
            if max(ends) < start:
                start, face = max(ends), axis
            stop = max(stop, min(ends))
        last = at = start
        while start > stop:
            i, j, k = x + at * towards[0], y + at * towards[1], z + at * towards[2]
            here = room[int(np.rint(i)), int(np.rint(j)), int(np.rint(k))]
            if here < reach + step and between_samples(field, i, j, k) >= level:
                met[ray] = face if at == start else WALL
                within, before = at, last
                for _ in range(bisections if at < start else 0):
                    middle = 0.5 * (within + before)
                    i, j, k = x + middle * towards[0], y + middle * towards[1], z + middle * towards[2]
                    if between_samples(field, i, j, k) >= level:
                        within = middle
                    else:
                        before = middle
                middle = 0.5 * (within + before)
                index[ray, 0], index[ray, 1], index[ray, 2] = \
                    x + middle * towards[0], y + middle * towards[1], z + middle * towards[2]
                break
            if at <= stop:
                break
            last = at
            at = max(last - max(here - reach, step) * unit, stop)
    return met, index
