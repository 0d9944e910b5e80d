"""Where the current goes: shares of the phases, current focusing, and the transport numbers of batteries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..grid import AXES
from ..labels import count_labels
from ..parallel.collective import Reducer
from ..results import conduction as results
from . import current_kernels as kernels
from .dissipation import Dissipation
from .finite_volumes import FiniteVolumes

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
_BLOCKS = 16  # of planes, each with histograms of its own
_DIGITS = (24, 16, 8, 0)  # of a single-precision number, eight bits each

# Between two looks at the currents the error of sigma_eff falls by this factor, theirs by about its root.
_NEARER = 30.0
# Their error is taken as this multiple of what changed, and never as less than a part of a share, of the value or of <J>: on
# a plateau of the iteration little changes.  Of 236 looks (balls, noise, voxels by lot and grown structures of 14^3 to 24^3,
# contrasts of 30 to 1e8 and 0, tolerances of 1e-2 and 1e-4) no share was further off, a percentile in 1.7 % and the maximum
# in 0.4 %, by 2.4 times at the most.
_CHANGES = 3.0
_LEAST_SHARE, _LEAST_VALUE = 1e-3, 5e-3
# What is near enough: of a share, and of a percentile or a maximum relative to it.
_SHARE_GOAL, _VALUE_GOAL = 5e-3, 2e-2
# Currents are kept in single precision; with an error of sigma_eff below _EXACT they have no other error.
_SINGLE, _EXACT = 1e-6, 1e-13


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
    errors : tuple of float, optional
        Of the percentiles and, last, of the maximum: how far they may be off because the potential is not exact.
    """

    percentiles: tuple[float, ...]
    maximum: float
    voxel: tuple[int, int, int]
    errors: tuple[float, ...] | None = None

    def result(self) -> results.Focusing:
        """For result.json."""
        names = ("percentile_50", "percentile_90", "percentile_99", "percentile_99_9", "maximum")
        errors = None if self.errors is None else results.FocusingErrors(**dict(zip(names, self.errors)))
        values = [None if math.isnan(value) else value for value in (*self.percentiles, self.maximum)]
        return results.Focusing(**dict(zip(names, values)), maximum_at_voxel=self.voxel,
                                errors=errors)

    def scaled(self, factor: float) -> Focusing:
        """Of a mean current 1 / ``factor`` times as large."""
        return replace(self, percentiles=tuple(factor * value for value in self.percentiles), maximum=factor * self.maximum,
                       errors=self.errors and tuple(factor * error for error in self.errors))

    def judged_by(self, before: Focusing) -> Focusing:
        """With errors, from what has changed."""
        values, old = np.array([*self.percentiles, self.maximum]), np.array([*before.percentiles, before.maximum])
        least = _LEAST_VALUE * np.maximum(values, 1.0)
        errors = np.where((values == 0) & (old == 0), 0.0, np.maximum(_CHANGES * np.abs(values - old), least))
        return replace(self, errors=tuple(errors.tolist()))


@dataclass(frozen=True)
class PhaseCurrent:
    """What a phase does for the current.

    Attributes
    ----------
    fraction : float
        Of the volume.
    share : float
        Of the current: the integral of J_axis over the phase, as far as it reaches inside voxels, over that over all.
        Shares add to 1; one may be negative where current flows back.
    focusing : Focusing
    share_error : float, optional
        How far the share may be off because the potential is not exact.
    """

    fraction: float
    share: float
    focusing: Focusing
    share_error: float | None = None

    def judged_by(self, before: PhaseCurrent) -> PhaseCurrent:
        """With errors, from what has changed."""
        idle = self.share == 0 and before.share == 0
        error = 0.0 if idle else max(_CHANGES * abs(self.share - before.share), _LEAST_SHARE)
        return replace(self, share_error=error, focusing=self.focusing.judged_by(before.focusing))


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
    dissipation : Dissipation, optional
        Where power and voltage go.
    """

    axis: int
    mean: float
    focusing: Focusing
    phases: dict[int, PhaseCurrent]
    dissipation: Dissipation | None = None

    def within(self, share: float, excluded: tuple[int, ...]) -> CurrentStatistics:
        """Per volume of a field of view, see `pfsolid.homogenization.found.Conduction.within`."""
        phases = {label: replace(phase, fraction=phase.fraction / share, focusing=phase.focusing.scaled(share))
                  for label, phase in self.phases.items() if label not in excluded}
        over_all = self.focusing.scaled(share)
        over_all = replace(over_all, percentiles=(math.nan,) * len(over_all.percentiles))
        return replace(self, mean=self.mean / share, focusing=over_all, phases=phases)

    def result(self, names: dict[int, str] | None = None) -> results.Currents:
        """For result.json; ``names`` of labels in place of their numbers."""
        names = names or {}
        phases = {names.get(label, str(label)): results.PhaseCurrents(
            fraction=phase.fraction, current_share=phase.share, current_share_error=phase.share_error,
            current_over_mean=phase.focusing.result()) for label, phase in self.phases.items()}
        return results.Currents(field_along=AXES[self.axis], current_over_mean=self.focusing.result(), phases=phases)

    @classmethod
    def from_plain(cls, data: dict) -> CurrentStatistics:
        """Of what ``dataclasses.asdict`` and JSON have made of one."""
        def focusing(plain: dict) -> Focusing:
            return Focusing(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})

        phases = {int(label): PhaseCurrent(**phase | {"focusing": focusing(phase["focusing"])})
                  for label, phase in data["phases"].items()}
        power = data.get("dissipation")
        return cls(data["axis"], data["mean"], focusing(data["focusing"]), phases, power and Dissipation.from_plain(power))

    def placed(self, axis: int, voxel: Callable[[tuple], tuple]) -> CurrentStatistics:
        """The same along ``axis`` of another grid, where ``voxel(v)`` says which of its voxels is v."""
        def moved(focusing: Focusing) -> Focusing:
            return replace(focusing, voxel=voxel(focusing.voxel))

        phases = {label: replace(phase, focusing=moved(phase.focusing)) for label, phase in self.phases.items()}
        return replace(self, axis=axis, focusing=moved(self.focusing), phases=phases)

    def shared_out(self, carried: np.ndarray) -> CurrentStatistics:
        """With the shares of phases that carry so much, (num_phases,); some may have no voxel whose centre is in them."""
        unseen = PhaseCurrent(0.0, 0.0, Focusing((0.0,) * len(PERCENTILES), 0.0, (0, 0, 0)))
        shares = (carried / carried.sum()).tolist()
        phases = {label: replace(self.phases.get(label, unseen), share=share) for label, share in enumerate(shares)
                  if share or label in self.phases}
        return replace(self, phases=phases)

    def judged_by(self, before: CurrentStatistics) -> CurrentStatistics:
        """With errors, from what has changed since the error of sigma_eff was _NEARER times as large."""
        phases = {label: phase.judged_by(before.phases.get(label, phase)) for label, phase in self.phases.items()}
        power = self.dissipation and before.dissipation and self.dissipation.judged_by(before.dissipation)
        return replace(self, phases=phases, focusing=self.focusing.judged_by(before.focusing), dissipation=power)

    def exact(self) -> CurrentStatistics:
        """With the errors of single precision."""
        def rounded(focusing: Focusing) -> Focusing:
            return replace(focusing, errors=tuple(_SINGLE * value for value in (*focusing.percentiles, focusing.maximum)))

        phases = {label: replace(phase, share_error=_SINGLE * abs(phase.share), focusing=rounded(phase.focusing))
                  for label, phase in self.phases.items()}
        return replace(self, phases=phases, focusing=rounded(self.focusing),
                       dissipation=self.dissipation and self.dissipation.exact())

    @property
    def settled(self) -> bool:
        """Whether the errors are small enough."""
        focusing = self.focusing
        values = np.array([*focusing.percentiles, focusing.maximum])
        return ((self.dissipation is None or self.dissipation.settled)
                and all(phase.share_error <= _SHARE_GOAL for phase in self.phases.values())
                and bool(np.all(np.array(focusing.errors) <= _VALUE_GOAL * np.maximum(values, 1.0))))


def settled_statistics(solve, labels: np.ndarray, reducer: Reducer, groups: np.ndarray | None = None) -> CurrentStatistics:
    """Statistics of the currents of a solved field, with their errors; goes on solving where these are large.  Collective.

    The error of a current is of first order in the potential's, that of sigma_eff of second: at a contrast of 1e6 a share
    may be off by a half where sigma_eff is right to 1 %.  So the iteration goes on, with as many steps again at the most,
    and what changes meanwhile tells how far the currents may be off.

    Parameters
    ----------
    solve : pfsolid.conduction.effective.Solve
        Left with the potential that the statistics are of.
    labels : ndarray of uint8 or uint32, local (n0, n1, n2)
        Without ghost planes.
    reducer : Reducer
    groups : ndarray of int, optional
        See `current_statistics`.
    """
    def look() -> CurrentStatistics:
        found = current_statistics(solve.system.current_density(solve.axis), labels, solve.axis, reducer, groups)
        if isinstance(solve.system, FiniteVolumes):
            found = replace(found, dissipation=solve.system.dissipation(solve.axis, groups))
        carried = solve.system.phase_currents(solve.axis)
        return found if carried is None else found.shared_out(carried)

    found, most = look(), 2 * solve.iterations
    while solve.relative_error > _EXACT:
        before, error = found, solve.relative_error
        arrived = solve.go_on(max(error / _NEARER, _EXACT), max(most - solve.iterations, 1))
        found = look().judged_by(before)
        if found.settled or not arrived or solve.iterations >= most:
            return found
    return found.exact()


def current_statistics(current: np.ndarray, labels: np.ndarray, axis: int, reducer: Reducer,
                       groups: np.ndarray | None = None) -> CurrentStatistics:
    """Shares of the phases, percentiles and maxima of |J| / <J_axis>.  Collective.

    Percentiles are found bit by bit in four passes of counting, without gathering or sorting the field.  A
    cell-centred J is the mean of the fluxes through a voxel's two faces along each axis.

    Parameters
    ----------
    current : ndarray of float32, local (n0, n1, n2, 3)
        Cell-centred, such as `ConductionSystem.current_density`.
    labels : ndarray of uint8 or uint32, local (n0, n1, n2)
        Without ghost planes.
    axis : int
        Of the applied field.
    reducer : Reducer
    groups : ndarray of int (num_labels,), optional
        For each label the one that it counts with; by default itself.

    Raises
    ------
    InputError
        If no current flows along the axis.
    """
    current = np.asarray(current, np.float32)  # percentiles are exact in it
    counts = count_labels(labels, reducer, 0 if groups is None else len(groups))
    rows = np.zeros(counts.size, np.int64)
    if groups is None:
        present = np.flatnonzero(counts)
        rows[present] = np.arange(present.size)
    else:
        counts = np.bincount(groups, counts, counts.size)
        present = np.flatnonzero(counts)
        rows[present] = np.arange(present.size)
        rows = rows[groups]
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
