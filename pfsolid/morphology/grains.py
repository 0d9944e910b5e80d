"""Grains of an image of labels: volumes, centres, boundaries of each two, and how crystals differ across them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..grid import PeriodicGrid
from ..kernel import kernel
from ..labels import count_labels
from ..parallel.collective import PlaneExchange, Reducer
from .interface_normals import face_norms

_SHIFT = 1 << 32  # of the lower label in the key of a pair


@dataclass(frozen=True, eq=False)
class GrainMeasures:
    """Grains and the boundaries between them; lengths in the unit of the grid's spacing.  The same on every rank.

    Attributes
    ----------
    labels : ndarray of int (num_grains,)
        Those that occur and are grains.
    voxels : ndarray of int (num_grains,)
    centres : ndarray (num_grains, 3)
        x, y, z, in the periodic cell.
    pairs : ndarray of int (num_pairs, 2)
        Places in ``labels`` of grains that touch.
    areas : ndarray (num_pairs,)
        Of their boundaries, each face over its |n|_1.
    faces : ndarray (num_pairs,)
        The same by all faces of the voxels.
    free : float
        Area of grains towards what is no grain.
    """

    labels: npt.NDArray[Any]
    voxels: npt.NDArray[Any]
    centres: npt.NDArray[Any]
    pairs: npt.NDArray[Any]
    areas: npt.NDArray[Any]
    faces: npt.NDArray[Any]
    free: float

    @property
    def neighbours(self) -> npt.NDArray[Any]:
        """How many grains each one touches."""
        return np.bincount(self.pairs.ravel(), minlength=len(self.labels))

    @property
    def boundary(self) -> npt.NDArray[Any]:
        """Area of each grain towards other grains."""
        return np.bincount(self.pairs.ravel(), np.repeat(self.areas, 2), minlength=len(self.labels))


def measure_grains(labels: npt.NDArray[Any], grid: PeriodicGrid, first_plane: int, ghosts: PlaneExchange, reducer: Reducer,
                   periodic: bool, others: tuple[int, ...] = ()) -> GrainMeasures:
    """Measure the grains of an image.  Collective.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        The ghost planes are filled.
    grid : PeriodicGrid
    first_plane : int
        Global index of the slab's first plane.
    ghosts : PlaneExchange
        Periodic, or mirrored for an image that ends at its faces.
    reducer : Reducer
    periodic : bool
    others : tuple of int
        Labels that are no grains: pores, a second phase.

    Returns
    -------
    GrainMeasures
    """
    ghosts.fill(labels)
    counts = count_labels(labels[1:-1], reducer).astype(np.int64)
    grains = np.setdiff1d(np.flatnonzero(counts), others)
    sums = np.zeros((len(counts), 6))
    _sum_places(labels, first_plane, *(_places(n, length, periodic) for n, length in zip(grid.shape, grid.lengths)), sums)
    centres = _centres(reducer.sum(sums)[grains], counts[grains], grid, periodic)
    keys, areas, faces = _boundaries(labels, grid, ghosts, periodic)
    parts = reducer.gather((keys, areas, faces))
    keys, (areas, faces) = _joined(*(np.concatenate(column) for column in zip(*parts)))
    ends = np.stack([keys // _SHIFT, keys % _SHIFT], axis=1)
    inside = np.isin(ends, grains)
    both = inside.all(axis=1)
    return GrainMeasures(grains, counts[grains], centres, np.searchsorted(grains, ends[both]), areas[both], faces[both],
                         float(areas[inside.any(axis=1) & ~both].sum()))


def _places(n: int, length: float, periodic: bool) -> npt.NDArray[Any]:
    """Of each voxel along an axis: where its centre is, or the unit vector that stands for that in a periodic cell."""
    centres = (np.arange(n) + 0.5) / n
    angles = 2 * np.pi * centres
    return np.column_stack([np.cos(angles), np.sin(angles)] if periodic else [centres * length, np.zeros(n)])


def _centres(sums: npt.NDArray[Any], counts: npt.NDArray[Any], grid: PeriodicGrid, periodic: bool) -> npt.NDArray[Any]:
    """Means of places; the direction of the mean of unit vectors where a grain may lie across the faces of the cell."""
    if not periodic:
        return np.asarray(sums[:, ::2] / counts[:, np.newaxis])
    return np.asarray(np.arctan2(sums[:, 1::2], sums[:, ::2]) % (2 * np.pi) / (2 * np.pi) * np.array(grid.lengths))


@kernel()
def _sum_places(labels, first_plane, along_x, along_y, along_z, sums):
    """``sums[label]`` += x, y, z of each voxel, two numbers each."""
    for i in range(labels.shape[0] - 2):
        for j in range(labels.shape[1]):
            for k in range(labels.shape[2]):
                label = labels[i + 1, j, k]
                for c in range(2):
                    sums[label, c] += along_x[first_plane + i, c]
                    sums[label, 2 + c] += along_y[j, c]
                    sums[label, 4 + c] += along_z[k, c]


def _boundaries(labels: npt.NDArray[Any], grid: PeriodicGrid, ghosts: PlaneExchange,
                periodic: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Pairs of labels that touch in this slab, as keys, and the areas of their boundaries: by normals, and plain."""
    norms = face_norms(labels, grid.spacing, ghosts, periodic)
    hx, hy, hz = grid.spacing
    num = int(np.count_nonzero(norms[:, 1:]))
    keys, areas, faces = np.empty(num, np.int64), np.empty(num), np.empty(num)
    _list_faces(labels, norms, (hy * hz, hx * hz, hx * hy), keys, areas, faces)
    keys, (areas, faces) = _joined(keys, areas, faces)
    return keys, areas, faces


@kernel()
def _list_faces(labels, norms, face_areas, keys, areas, faces):
    """Of each face ahead of a voxel between unlike labels: both labels as a key, its area over |n|_1, its area."""
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    count = 0
    for axis in range(3):
        for i in range(n0):
            for j in range(n1):
                for k in range(n2):
                    norm = norms[axis, i + 1, j, k]
                    if norm == 0.0:
                        continue
                    here = np.int64(labels[i + 1, j, k])
                    there = np.int64(labels[i + 1 + (axis == 0), (j + (axis == 1)) % n1, (k + (axis == 2)) % n2])
                    keys[count] = min(here, there) * _SHIFT + max(here, there)
                    areas[count], faces[count] = face_areas[axis] / norm, face_areas[axis]
                    count += 1


def _joined(keys: npt.NDArray[Any], *values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[npt.NDArray[Any]]]:
    """Each key once, rising, and the sums of its values."""
    once, place = np.unique(keys, return_inverse=True)
    return once, [np.bincount(place, column, minlength=len(once)) for column in values]
