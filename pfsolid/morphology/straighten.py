"""An image on voxels of half the edge, with the staircases of its interfaces straightened out.

Cutting voxels in eight leaves every staircase as it was: what is an error of the staircase, such as the detours that
current along an oblique interface takes, does not shrink with it.  Here each small voxel takes the label whose indicator,
smoothed by a Gaussian of 3/4 of a voxel, is greatest in its centre.  Planes at any angle become the staircases of half the
step, planes along the voxels and the edges between equal boxes stay what they are, the corners of a lone box lose an eighth
of a voxel.
Voxels of walls and threads that are one voxel thick keep their label: smoothing would take them away.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from ..pairs import PairValues, pair_value
from ..parallel.collective import PlaneExchange

# Voxels of the image.  A narrower Gaussian leaves staircases at 20 degrees as they are.
_WIDTH, _REACH = 0.75, 3
# Where the indicators are sampled, away from the small voxels' centres: on a staircase at 45 degrees every third of them
# lies on the interface, and all of these have to go to the same side.
_SHIFT = (0.05, 0.035, 0.02)
_DEPTH = 2 * _REACH + 2
_MOST = 26  # neighbours of a voxel


def straighten_halved(labels: np.ndarray, times, first_plane: int, pairs: PairValues, ghosts: PlaneExchange,
                      periodic: bool) -> None:
    """Straighten the interfaces of an image whose voxels have been repeated.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        Overwritten, but for its ghost planes.
    times : sequence of 3 int
        How often each voxel stands along each axis: 2, or 1 where the image is one voxel thick.
    first_plane : int
        Global index of ``labels[1]``.
    pairs : PairValues
        Above 0 for labels that may take voxels from each other.
    ghosts : PlaneExchange
    periodic : bool
        How the image goes on, see :func:`pfsolid.morphology.interface_normals.padded_labels`.
    """
    sides = ((0, 0), (_DEPTH, _DEPTH), (_DEPTH, _DEPTH))
    n0 = labels.shape[0] - 2
    padded = np.empty((n0 + 2 * _DEPTH, *(n + 2 * _DEPTH for n in labels.shape[1:])), labels.dtype)
    padded[_DEPTH:_DEPTH + n0] = np.pad(labels[1:-1], sides, mode="wrap" if periodic else "symmetric")
    ghosts.fill_deep(padded, _DEPTH)
    taps = np.stack([_taps(n, shift) for n, shift in zip(times, _SHIFT)])
    _straighten(padded, tuple(times), first_plane, pairs.table, taps, labels)


def _taps(times: int, shift: float) -> np.ndarray:
    """Weights of the voxels around, (2, 2 _REACH + 1), for the first and the second half of one."""
    places = np.arange(-_REACH, _REACH + 1.0)
    if times == 1:
        return np.array([places == 0.0] * 2, float)
    weights = np.array([np.exp(-0.5 * ((places - half - shift) / _WIDTH) ** 2) for half in (-0.25, 0.25)])
    return weights / weights.sum(axis=1, keepdims=True)


@kernel()
def _is_thin(padded, times, corner):
    """Whether what a voxel belongs to is one voxel thick along some axis."""
    x, y, z = corner
    own = padded[corner]
    return ((padded[x - times[0], y, z] != own and padded[x + times[0], y, z] != own)
            or (padded[x, y - times[1], z] != own and padded[x, y + times[1], z] != own)
            or (padded[x, y, z - times[2]] != own and padded[x, y, z + times[2]] != own))


@kernel()
def _find_rivals(padded, times, corner, pairs, rivals):
    """Labels of the neighbouring voxels that may take this one; how many."""
    own = padded[corner]
    count = 0
    for x in range(-1, 2):
        for y in range(-1, 2):
            for z in range(-1, 2):
                label = padded[corner[0] + times[0] * x, corner[1] + times[1] * y, corner[2] + times[2] * z]
                known = not pair_value(pairs, own, label) > 0
                for at in range(count):
                    known = known or rivals[at] == label
                if not known:
                    rivals[count] = label
                    count += 1
    return count


@kernel()
def _smoothed(padded, times, corner, label, along_x, along_y, along_z):
    """The smoothed indicator of a label; the voxels of the image are found by one of their copies."""
    total = 0.0
    for x in range(-_REACH, _REACH + 1):
        for y in range(-_REACH, _REACH + 1):
            row = 0.0
            for z in range(-_REACH, _REACH + 1):
                if padded[corner[0] + times[0] * x, corner[1] + times[1] * y, corner[2] + times[2] * z] == label:
                    row += along_z[z + _REACH]
            total += along_x[x + _REACH] * along_y[y + _REACH] * row
    return total


@kernel(parallel=True)
def _straighten(padded, times, first_plane, pairs, taps, labels):
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    for i in prange(n0):
        rivals = np.empty(_MOST, labels.dtype)
        half_x = (first_plane + i) % times[0]
        for j in range(n1):
            half_y = j % times[1]
            for k in range(n2):
                half_z = k % times[2]
                corner = (i - half_x + _DEPTH, j - half_y + _DEPTH, k - half_z + _DEPTH)
                count = _find_rivals(padded, times, corner, pairs, rivals)
                if count == 0 or _is_thin(padded, times, corner):
                    continue
                best = padded[corner]
                most = _smoothed(padded, times, corner, best, taps[0, half_x], taps[1, half_y], taps[2, half_z])
                for at in range(count):
                    value = _smoothed(padded, times, corner, rivals[at], taps[0, half_x], taps[1, half_y], taps[2, half_z])
                    if value > most:
                        most, best = value, rivals[at]
                labels[i + 1, j, k] = best
