"""How all phases of an image hang together: clusters of one phase each, what they reach, and what is left in dead ends.

All phases at once: voxels that touch by a face are joined where they are of one phase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grid import AXES
from ..parallel.slab import Slab
from .clusters import find_clusters_through_faces
from .pair_kernels import mark_open_faces

# What a phase must be connected to along an axis.
THROUGH, FIRST, LAST, EITHER = "through", "first", "last", "either"
NEEDS = (THROUGH, FIRST, LAST, EITHER)


@dataclass(frozen=True)
class PhaseConnectivity:
    """How one phase hangs together.  What there is one of for each axis is NaN along axes of one voxel, which are none.

    Attributes
    ----------
    percolates_along : str
        Axes along which some cluster wraps a periodic cell, or reaches from end to end of an image: '', 'x', 'yz' ...
    percolating_fraction : tuple of 3 float
        Fraction of the phase in clusters that percolate along x, y, z.
    largest_fraction : float
        Fraction of the phase in its largest cluster.
    num_clusters : int
    dimension : int or None
        Largest number of independent directions in which a cluster wraps the cell; None for an image that ends.
    both_plates, one_plate, no_plate : tuple of 3 float
        Fractions of the phase in clusters that touch both, one or none of two plates on the faces across x, y, z, all other
        faces insulating: what conducts from plate to plate, what is connected to one only (a dead end), what is isolated.
    """

    percolates_along: str
    percolating_fraction: tuple[float, float, float]
    largest_fraction: float
    num_clusters: int
    dimension: int | None
    both_plates: tuple[float, float, float]
    one_plate: tuple[float, float, float]
    no_plate: tuple[float, float, float]


def find_plates(phase: np.ndarray, cell: Slab, num_phases: int, needs: tuple[str, ...]
                ) -> tuple[list[PhaseConnectivity], np.ndarray]:
    """Connectivity of each phase, and what each voxel is connected to.  Collective.

    Parameters
    ----------
    phase : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes; voxels of ``num_phases`` and above are outside and conduct nothing.
    cell : Slab
        A transform's, or an `OpenImage`.
    needs : tuple of {'through', 'first', 'last', 'either'}, one for each phase
        What its voxels must be connected to along an axis, for the flags: 'through', a cluster that percolates; 'first' and
        'last', the plate where the axis begins or ends; 'either', one of them.

    Returns
    -------
    list of PhaseConnectivity
    flags : ndarray of uint8, local (n0 + 2, n1, n2)
        With ghost planes.  Bits 0, 1, 2: connected along x, y, z as the phase must be; 3, 4, 5: connected to anything there.
    """
    extended = np.array(cell.grid.shape) > 1
    ended = _find_bodies(phase, cell, num_phases, (False,) * 3)
    touches = _touching(ended.labels, ended.phases.size, cell, extended)
    if cell.periodic:
        through = _find_bodies(phase, cell, num_phases, tuple(extended.tolist()))
        percolating = through.wraps
    else:
        through, percolating = ended, touches.all(axis=2)
    flags = np.empty(phase.shape, np.uint8)
    of_phase = np.array([*needs, ""])
    met = {FIRST: touches[:, :, 0], LAST: touches[:, :, 1], EITHER: touches.any(axis=2)}
    need = of_phase[ended.phases][:, None]
    to_plates = sum((need == name) & reached for name, reached in met.items()).astype(bool)
    flags[1:-1] = _table(to_plates, met[EITHER])[ended.labels]
    flags[1:-1] |= _table((of_phase[through.phases][:, None] == THROUGH) & percolating, percolating)[through.labels]
    cell.ghosts.fill(flags)
    return _described(ended, touches, through, percolating, cell, num_phases, extended), flags


@dataclass(frozen=True)
class _Bodies:
    """Connected bodies of one phase each: the number of each voxel, 0 outside; of each body what `Clusters` has."""

    labels: np.ndarray
    sizes: np.ndarray
    wraps: np.ndarray
    winding_rank: np.ndarray
    phases: np.ndarray


def _find_bodies(phase: np.ndarray, cell: Slab, num_phases: int, wraps: tuple[bool, bool, bool]) -> _Bodies:
    """Collective."""
    reducer, inside = cell.reducer, phase[1:-1] < num_phases
    faces = np.empty((phase.shape[0] - 1, *phase.shape[1:]), np.uint8)
    mark_open_faces(phase, (cell.first_plane, cell.grid.shape[0]), wraps, num_phases, faces)
    found = find_clusters_through_faces(faces, reducer, cell.ghosts)
    alone = inside & (found.labels == 0)  # voxels without a neighbour of their phase
    numbers = reducer.gather(int(np.count_nonzero(alone)))
    before = found.num_clusters + sum(numbers[:reducer.rank])
    found.labels[alone] = np.arange(before + 1, before + 1 + numbers[reducer.rank])
    more = sum(numbers)
    sizes = np.concatenate([found.sizes, np.ones(more, np.int64)])
    owners = np.full(sizes.size + 1, 255, np.uint8)
    owners[found.labels] = np.where(inside, phase[1:-1], 255)
    phases = np.minimum.reduce(reducer.gather(owners))[1:]
    return _Bodies(found.labels, sizes, np.concatenate([found.wraps, np.zeros((more, 3), bool)]),
                   np.concatenate([found.winding_rank, np.zeros(more, np.uint8)]), phases)


def _touching(labels: np.ndarray, num_bodies: int, cell: Slab, extended: np.ndarray) -> np.ndarray:
    """Whether each body has voxels in the first and in the last plane across each axis, (num_bodies, 3, 2).  Collective."""
    touches = np.zeros((num_bodies, 3, 2), bool)
    for axis in np.flatnonzero(extended):
        for end, rank in ((0, 0), (1, cell.reducer.size - 1)):
            here = axis > 0 or cell.reducer.rank == rank
            found = np.unique(labels.take(-end, axis)) if here else np.empty(0, labels.dtype)
            found = cell.reducer.concatenate(found)
            touches[found[found > 0] - 1, axis, end] = True
    return touches


def _table(met: np.ndarray, connected: np.ndarray) -> np.ndarray:
    """Flags of each body, that of voxels outside first."""
    bits = np.concatenate([met, connected], axis=1) @ (1 << np.arange(6))
    return np.concatenate([[0], bits]).astype(np.uint8)


def _described(ended: _Bodies, touches, through: _Bodies, percolating, cell: Slab, num_phases: int, extended
               ) -> list[PhaseConnectivity]:
    def volumes(bodies: _Bodies, which) -> np.ndarray:
        """Voxels of each phase in the bodies that are meant along each axis, (num_phases, 3)."""
        return np.stack([np.bincount(bodies.phases, bodies.sizes * one, num_phases) for one in which.T], axis=1)

    total = np.maximum(np.bincount(ended.phases, ended.sizes, num_phases), 1)[:, None]
    ends = touches.sum(axis=2)
    parts = [np.where(extended, volumes(bodies, which) / total, np.nan)
             for bodies, which in ((through, percolating), (ended, ends == 2), (ended, ends == 1), (ended, ends == 0))]
    found = []
    for index in range(num_phases):
        own = through.phases == index
        axes = "".join(name for name, one in zip(AXES, percolating[own].any(axis=0)) if one)
        dimension = int(through.winding_rank[own].max(initial=0)) if cell.periodic else None
        largest = float(through.sizes[own].max(initial=0) / total[index, 0])
        fraction, both, one, none = (tuple(part[index].tolist()) for part in parts)
        found.append(PhaseConnectivity(axes, fraction, largest, int(own.sum()), dimension, both, one, none))
    return found
