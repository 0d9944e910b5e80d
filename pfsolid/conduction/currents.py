"""Where the current goes: shares of the phases, current focusing, and the transport numbers of batteries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..grid import AXES
from ..labels import count_labels
from ..parallel.collective import Reducer
from . import current_kernels as kernels

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
_BLOCKS = 16  # of planes, each with histograms of its own
_DIGITS = (24, 16, 8, 0)  # of a single-precision number, eight bits each


@dataclass(frozen=True)
class Focusing:
    """How |J| / <J_axis> is distributed over the voxels of a phase, or of the cell.

    Attributes
    ----------
    percentiles : tuple of float
        For each p of PERCENTILES the least value that p % of the voxels do not exceed.  Exact for cell-centred
        currents in single precision, at any number of ranks.
    maximum : float
    voxel : tuple of 3 int
        The first where the maximum is, in the grid.
    """

    percentiles: tuple[float, ...]
    maximum: float
    voxel: tuple[int, int, int]

    def as_dict(self) -> dict:
        """For result.json."""
        values = {f"percentile_{p:g}": value for p, value in zip(PERCENTILES, self.percentiles)}
        return values | {"maximum": self.maximum, "maximum_at_voxel": self.voxel}


@dataclass(frozen=True)
class PhaseCurrent:
    """What a phase does for the current.

    Attributes
    ----------
    fraction : float
        Of the volume.
    share : float
        Of the current: the sum of J_axis over the phase's voxels over that over all.  Shares add to 1; one may be
        negative where current flows back.
    focusing : Focusing
    """

    fraction: float
    share: float
    focusing: Focusing


@dataclass(frozen=True)
class CurrentStatistics:
    """Statistics of a current density, for a field along one axis; the same on every rank.

    Attributes
    ----------
    axis : int
    mean : float
        <J_axis>, in the unit of the current density.
    focusing : Focusing
        Over all voxels, those that carry nothing included.
    phases : dict of int to PhaseCurrent
        For each label that occurs.
    """

    axis: int
    mean: float
    focusing: Focusing
    phases: dict[int, PhaseCurrent]

    def as_dict(self, names: dict[int, str] | None = None) -> dict:
        """For result.json; ``names`` of labels in place of their numbers."""
        names = names or {}
        phases = {names.get(label, str(label)): {"fraction": phase.fraction, "current_share": phase.share,
                                                 "current_over_mean": phase.focusing.as_dict()}
                  for label, phase in self.phases.items()}
        return {"field_along": AXES[self.axis], "current_over_mean": self.focusing.as_dict(), "phases": phases}

    def placed(self, axis: int, voxel: Callable[[tuple], tuple]) -> CurrentStatistics:
        """The same along ``axis`` of another grid, where ``voxel(v)`` says which of its voxels is v."""
        def moved(focusing: Focusing) -> Focusing:
            return replace(focusing, voxel=voxel(focusing.voxel))

        phases = {label: replace(phase, focusing=moved(phase.focusing)) for label, phase in self.phases.items()}
        return replace(self, axis=axis, focusing=moved(self.focusing), phases=phases)


def current_statistics(current: np.ndarray, labels: np.ndarray, axis: int, reducer: Reducer) -> CurrentStatistics:
    """Shares of the phases, percentiles and maxima of |J| / <J_axis>.  Collective.

    Percentiles are found bit by bit in four passes of counting, without gathering or sorting the field.  A
    cell-centred J is the mean of the fluxes through a voxel's two faces along each axis.

    Parameters
    ----------
    current : ndarray of float32, local (n0, n1, n2, 3)
        Cell-centred, such as `ConductionSystem.current_density`.
    labels : ndarray of uint8, local (n0, n1, n2)
        Without ghost planes.
    axis : int
        Of the applied field.
    reducer : Reducer

    Raises
    ------
    InputError
        If no current flows along the axis.
    """
    current = np.asarray(current, np.float32)  # percentiles are exact in it
    counts = count_labels(labels, reducer)
    present = np.flatnonzero(counts)
    rows = np.zeros(counts.size, np.int64)
    rows[present] = np.arange(present.size)
    totals, maxima, voxels = _survey(current, labels, rows, present.size, axis, reducer)
    num_voxels = counts.sum()
    mean = totals[-1] / num_voxels
    if not abs(mean) > 0:
        raise InputError(f"no current flows along {AXES[axis]}: there is nothing to share out")
    sizes = np.append(counts[present], num_voxels)
    percentiles = _percentiles(current, labels, rows, sizes, reducer) / abs(mean)
    found = [Focusing(tuple(values.tolist()), maximum / abs(mean), voxel)
             for values, maximum, voxel in zip(percentiles, maxima, voxels)]
    phases = {int(label): PhaseCurrent(float(counts[label] / num_voxels), float(total / totals[-1]), focusing)
              for label, total, focusing in zip(present, totals, found)}
    return CurrentStatistics(axis, float(mean), found[-1], phases)


def _survey(current, labels, rows, num_phases: int, axis: int, reducer: Reducer):
    """Sum of J_axis, greatest |J| and its voxel for each phase and for all."""
    n0 = labels.shape[0]
    sums, highest = np.empty((n0, num_phases + 1)), np.empty((n0, num_phases + 1), np.float32)
    place = np.empty((n0, num_phases + 1, 2), np.int64)
    kernels.survey_current(current, labels, rows, axis, sums, highest, place)
    first_plane = sum(reducer.gather(n0)[:reducer.rank])
    best = []
    for row in range(num_phases + 1):
        plane = int(highest[:, row].argmax())
        best.append((float(highest[plane, row]), (first_plane + plane, *place[plane, row].tolist())))
    every = reducer.gather(best)
    # The first rank wins a tie, as the first plane did.
    winners = [max((rank[row] for rank in every), key=lambda one: one[0]) for row in range(num_phases + 1)]
    return reducer.sum(sums.sum(axis=0)), [value for value, _ in winners], [voxel for _, voxel in winners]


def _percentiles(current, labels, rows, sizes: np.ndarray, reducer: Reducer) -> np.ndarray:
    """|J| of rank ceil(p/100 n) among the n voxels of each row, (num_rows, num_percentiles)."""
    # A percentage such as 99.9 is not a binary fraction: without the rounding 1000 voxels would give rank 1000, not 999.
    wanted = np.maximum(np.ceil(np.round(np.outer(sizes, PERCENTILES) / 100, 6)), 1)
    known = np.zeros(wanted.shape, np.int64)
    starts = np.linspace(0, labels.shape[0], min(_BLOCKS, labels.shape[0]) + 1).astype(np.int64)
    counts = np.empty((starts.size - 1, *wanted.shape, 256), np.int64)
    for shift in _DIGITS:
        kernels.count_digits(current, labels, rows, known, shift, starts, counts)
        local = counts.sum(axis=0)
        below = reducer.sum(local.ravel()).reshape(local.shape).cumsum(axis=-1)
        digit = (below < wanted[..., None]).sum(axis=-1)
        before = np.take_along_axis(below, np.maximum(digit - 1, 0)[..., None], axis=-1)[..., 0]
        wanted -= np.where(digit > 0, before, 0)
        known = known << 8 | digit
    return known.astype(np.uint32).view(np.float32).astype(float)
