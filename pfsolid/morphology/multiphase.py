"""All measures of an image of several phases: volumes, connections, areas of pairs, triple lines, sizes, correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..parallel.slab import Slab
from ..spectral.transform import SlabTransform
from .areas import ALONG_AXES, STEPS, areas_by_normals, crofton_area
from .correlation import Correlation, correlate_within
from .open_image import fills_ends, wrapping_axes
from .pair_kernels import count_pairs
from .plates import NEEDS, PhaseConnectivity, find_plates
from .sizes import Chords, measure_phase_chords
from .thickness import Thickness, measure_thickness
from .triple_lines import TripleLine, measure_triple_lines

MAX_PHASES = 64
_BYTES_OF_COUNTS = 1 << 25


@dataclass(frozen=True)
class Areas:
    """An area by three ways of counting faces and phase changes, see :mod:`pfsolid.morphology.areas`.

    Attributes
    ----------
    normals, faces, crofton : float
        In the square of the unit of the grid's spacing: each face over its |n|_1, all faces, Crofton's formula.
    """

    normals: float
    faces: float
    crofton: float


@dataclass(frozen=True)
class PhaseMeasures:
    """One phase; lengths in the unit of the grid's spacing.

    Attributes
    ----------
    voxels : int
    connectivity : PhaseConnectivity
    area : Areas
        Towards all other phases.
    chords : Chords
    thickness : Thickness
    correlation : Correlation
        Of its indicator, over pairs of voxels inside the field of view.
    """

    voxels: int
    connectivity: PhaseConnectivity
    area: Areas
    chords: Chords
    thickness: Thickness
    correlation: Correlation


@dataclass(frozen=True)
class Multiphase:
    """What an image of several phases is, in numbers; the same on every rank and at every rank count.

    Attributes
    ----------
    phases : tuple of PhaseMeasures
    pairs : dict of (int, int) to Areas
        Of the phases a < b that touch.
    lines : tuple of TripleLine
    voxels : int
        Of the field of view.
    voxel_volume : float
    extended : tuple of 3 bool
        Axes of more than one voxel.
    """

    phases: tuple[PhaseMeasures, ...]
    pairs: dict[tuple[int, int], Areas]
    lines: tuple[TripleLine, ...]
    voxels: int
    voxel_volume: float
    extended: tuple[bool, bool, bool]

    @property
    def volume(self) -> float:
        """Of the field of view."""
        return self.voxels * self.voxel_volume


def measure_phases(phase: np.ndarray, cell: Slab, transform: SlabTransform, num_phases: int, needs: tuple[str, ...],
                   tell=lambda text: None) -> Multiphase:
    """Measure an image of labels.  Collective; overwrites the buffers of the transform.

    Parameters
    ----------
    phase : ndarray of uint8, local (n0 + 2, n1, n2)
        Numbers from 0 on; voxels of ``num_phases`` and above are outside the field of view.  The ghost planes are filled.
    cell : Slab
        The transform, or an `OpenImage`.
    transform : SlabTransform
        Of the periodic cell; for an `OpenImage` one on :func:`pfsolid.morphology.correlation.padded_grid`.
    num_phases : int
        MAX_PHASES at most.
    needs : tuple of str
        What each phase must be connected to where a triple line is active, see `find_plates`.
    tell : callable
        Is told what is being measured.

    Returns
    -------
    Multiphase
        In the unit of the grid's spacing.

    Raises
    ------
    InputError
        More than MAX_PHASES phases, or none.
    """
    if not 1 <= num_phases <= MAX_PHASES:
        raise InputError(f"{num_phases} phases: from 1 to {MAX_PHASES} are measured; give those that are alike one label")
    if len(needs) != num_phases or not set(needs) <= set(NEEDS):
        raise InputError(f"what phases must be connected to is one of {', '.join(NEEDS)} for each, not {needs}")
    cell.ghosts.fill(phase)
    inside = phase[1:-1] < num_phases
    voxels = cell.reducer.sum(np.bincount(phase[1:-1].ravel(), minlength=256)[:num_phases]).astype(int).tolist()
    tell("connections of the phases")
    connections, flags = find_plates(phase, cell, num_phases, needs)
    tell("areas")
    pairs, areas, changes = _measure_areas(phase, cell, num_phases)
    tell("triple lines")
    lines = measure_triple_lines(phase, flags, cell, num_phases)
    tell("chords")
    chords = measure_phase_chords(phase, cell, voxels, changes)
    found = []
    for index in range(num_phases):
        tell(f"thickness and correlation of phase {index + 1} of {num_phases}")
        own = phase[1:-1] == index
        thickness = measure_thickness(own, cell, inside & ~own)
        found.append(PhaseMeasures(voxels[index], connections[index], areas[index], chords[index], thickness,
                                   correlate_within(own, inside, cell, transform)))
    return Multiphase(tuple(found), pairs, tuple(lines), sum(voxels), cell.grid.volume / cell.grid.num_voxels,
                      tuple(n > 1 for n in cell.grid.shape))


def _measure_areas(phase: np.ndarray, cell: Slab, num_phases: int) -> tuple[dict, list[Areas], np.ndarray]:
    """Areas of the pairs that touch, of each phase, and the changes (num_phases, 3) of each phase along the axes."""
    grid = cell.grid
    h = np.array(grid.spacing)
    plain = _count(phase, ALONG_AXES, cell, num_phases, False)
    every = _count(phase, STEPS, cell, num_phases, fills_ends(cell))
    by = {"normals": areas_by_normals(phase, cell, num_phases), "faces": plain @ (h.prod() / h),
          "crofton": crofton_area(every, grid)}
    touching = [tuple(map(int, pair)) for pair in np.argwhere(every.any(axis=2))]
    pairs = {pair: Areas(**{name: float(area[pair]) for name, area in by.items()}) for pair in touching}
    sums = {name: area.sum(axis=0) + area.sum(axis=1) for name, area in by.items()}
    areas = [Areas(**{name: float(total[index]) for name, total in sums.items()}) for index in range(num_phases)]
    along = [int(np.flatnonzero((STEPS == step).all(axis=1))[0]) for step in ALONG_AXES]
    changes = every[:, :, along]
    return pairs, areas, changes.sum(axis=0) + changes.sum(axis=1)


def _count(phase: np.ndarray, steps: np.ndarray, cell: Slab, num_phases: int, fill_ends: bool) -> np.ndarray:
    """Phase changes between each two phases along each step, (num_phases, num_phases, num_steps).  Collective."""
    totals = np.zeros((num_phases, num_phases, len(steps)))
    num_planes = phase.shape[0] - 2
    at_once = max(1, min(num_planes, _BYTES_OF_COUNTS // totals.nbytes))
    for start in range(0, num_planes, at_once):
        stop = min(start + at_once, num_planes)
        counts = np.zeros((stop - start, *totals.shape))
        count_pairs(phase[start:stop + 2], steps, (cell.first_plane + start, cell.grid.shape[0]), wrapping_axes(cell),
                    fill_ends, num_phases, counts)
        totals += counts.sum(axis=0)  # multiples of 1/64: exact in any order
    return cell.reducer.sum(totals)
