"""What conduction found, of one medium or of several that were solved one axis each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..arrays import Floats
from ..conduction.currents import CurrentStatistics
from ..conduction.effective import EffectiveConductivity
from ..orientation import Orientation
from .grid_error import GridPart

# Grains below this many voxels across are smaller than the filter that finds the normals.
FEWEST_VOXELS = 8.0
T = TypeVar("T")


@dataclass(frozen=True)
class Interfaces:
    """What is known of interfaces that resist.

    Attributes
    ----------
    area_per_volume : float
        1 / (unit of the spacing).
    smallest : float
        6 V / S of the label for which it is least, in the largest voxel edges: the edge of cubes, the diameter of balls,
        three times the width of layers.
    smallest_label : int
    rules : mapping of str to (float, float, float)
        Of conductors' interfaces by their rules: area per volume, mean resistance in spacing / (S/m), and which part of what
        they cost on coarse voxels the staircase costs, 1 - 1 / <|n|_1^2>.
    """

    area_per_volume: float
    smallest: float
    smallest_label: int
    rules: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    @property
    def is_fine(self) -> bool:
        """Whether grains are large enough for their normals to be found."""
        return self.smallest >= FEWEST_VOXELS


@dataclass(frozen=True)
class Conduction:
    """What was found.

    Attributes
    ----------
    axes : tuple of int
        Those along which a field was asked for; of the others nothing is known.
    temperatures : tuple of (float or None)
        K.
    series : tuple of EffectiveConductivity
        S/m, one for each temperature.
    fractions : ndarray (num_labels,)
        Volume fraction of each label.
    sigma : ndarray (num_labels[, 3[, 3]])
        S/m, at the first temperature.
    solver : str
        Who solved, and why.
    currents : dict of int to CurrentStatistics
        For each axis solved for, at the first temperature.
    grid : GridPart or None
        At the first temperature.
    flux_jumps : ndarray (3,)
        S/m, at the first temperature (:meth:`pfsolid.conduction.finite_volumes.FiniteVolumes.flux_jumps`); NaN of axes not
        solved for, and of elements.
    seconds : float
    interfaces : Interfaces or None
        Where some resist and something percolates; None too if their faces were taken as they are.
    percolates_alike : bool
        Of a density: conductors of each quality and better percolate along all axes that were asked for, or along none.
    groups : ndarray of int (num_labels,), optional
        For each label the one it counts with in ``currents``.
    input_errors : tuple of 3 (float or None), optional
        Relative, along the axes: what errors of conductivities and resistances make.
    """

    axes: tuple[int, ...]
    temperatures: tuple[float | None, ...]
    series: tuple[EffectiveConductivity, ...]
    fractions: Floats
    sigma: Floats
    solver: str
    currents: dict[int, CurrentStatistics]
    grid: GridPart | None
    flux_jumps: Floats
    seconds: float
    interfaces: Interfaces | None = None
    percolates_alike: bool = True
    groups: npt.NDArray[np.int64] | None = None
    input_errors: tuple[float | None, float | None, float | None] | None = None

    @property
    def effective(self) -> EffectiveConductivity:
        """At the first temperature."""
        return self.series[0]

    def turned(self, orientation: Orientation) -> Conduction:
        """The same by other axes: all that has a direction, coordinates included."""
        currents = [one.placed(orientation.turn_axis(axis), orientation.turn) for axis, one in self.currents.items()]
        return replace(self, axes=tuple(sorted(map(orientation.turn_axis, self.axes))),
                       grid=self.grid and self.grid.turned(orientation),
                       flux_jumps=orientation.turn_tensor(self.flux_jumps, 1),
                       series=tuple(one.turned(orientation) for one in self.series),
                       sigma=orientation.turn_tensor(self.sigma, self.sigma.ndim - 1),
                       currents={one.axis: one for one in currents})

    def within(self, share: float, excluded: tuple[int, ...]) -> Conduction:
        """The same per volume of a field of view that has that share of the image; ``excluded`` labels lie outside.

        Means over the image are sums over the field of view.  Percentiles over all voxels would count what lies outside:
        they are NaN; those of phases stay.

        Parameters
        ----------
        share : float
            Of the image's volume.
        excluded : tuple of int
            Labels.

        Returns
        -------
        Conduction
        """
        grid = self.grid and replace(self.grid, best=self.grid.best / share, low=self.grid.low / share,
                                     high=self.grid.high / share,
                                     tensor=None if self.grid.tensor is None else self.grid.tensor / share)
        fractions = self.fractions / share
        fractions[[label for label in excluded if label < fractions.size]] = 0.0
        surfaces = self.interfaces and replace(
            self.interfaces, area_per_volume=self.interfaces.area_per_volume / share,
            rules={name: (area / share, value, steps) for name, (area, value, steps) in self.interfaces.rules.items()})
        return replace(self, interfaces=surfaces, grid=grid, fractions=fractions, flux_jumps=self.flux_jumps / share,
                       series=tuple(replace(one, tensor=one.tensor / share) for one in self.series),
                       currents={axis: one.within(share, excluded) for axis, one in self.currents.items()})

    def diagonal_only(self) -> Conduction:
        """Without what lies off the diagonals: plates across a field say nothing of the currents across it."""
        series = tuple(replace(one, tensor=_on_diagonal(np.diag(one.tensor)), asymmetry=0.0) for one in self.series)
        grid = self.grid
        if grid is not None and grid.tensor is not None:
            grid = replace(grid, tensor=_on_diagonal(np.diag(grid.tensor)))
        return replace(self, series=series, grid=grid)


def joined(solved: Sequence[Conduction]) -> Conduction:
    """One result of several that were solved along an axis each: of an axis is taken what was found along it.

    Off the diagonal of tensors nothing is known: NaN, as where there is no grid part.
    """
    first = solved[0]
    if len(solved) == 1:
        return first
    along = {one.axes[0]: one for one in solved}

    def each(values: Callable[[Conduction], Sequence[T] | Floats], absent: T) -> tuple[T, T, T]:
        x, y, z = (values(along[axis])[axis] if axis in along else absent for axis in range(3))
        return x, y, z

    def effective(index: int) -> EffectiveConductivity:
        return EffectiveConductivity(
            tensor=_on_diagonal(each(lambda one: np.diag(one.series[index].tensor), np.nan)),
            relative_error=each(lambda one: one.series[index].relative_error, 0.0),
            iterations=each(lambda one: one.series[index].iterations, 0),
            percolating=each(lambda one: one.series[index].percolating, False), asymmetry=0.0)

    solver = next((one.solver for one in solved if any(one.effective.percolating)), first.solver)
    return replace(first, axes=tuple(one.axes[0] for one in solved), solver=solver, grid=_joined_grid(along),
                   series=tuple(map(effective, range(len(first.series)))),
                   currents={axis: current for one in solved for axis, current in one.currents.items()},
                   flux_jumps=np.array(each(lambda one: one.flux_jumps, np.nan)), seconds=sum(one.seconds for one in solved))


def _joined_grid(along: Mapping[int, Conduction]) -> GridPart | None:
    """The grid part of all axes; NaN where one has none, as that which does not percolate."""
    parts = {axis: one.grid for axis, one in along.items() if one.grid is not None}
    if not parts:
        return None
    first = next(iter(parts.values()))

    def each(values: Callable[[GridPart], Floats]) -> Floats:
        return np.array([values(parts[axis])[axis] if axis in parts else np.nan for axis in range(3)])

    others = {axis: np.diag(part.tensor) for axis, part in parts.items() if part.tensor is not None}
    other = [others[axis][axis] if axis in others else np.nan for axis in range(3)]
    return replace(first, best=each(lambda part: part.best), low=each(lambda part: part.low),
                   high=each(lambda part: part.high), tensor=_on_diagonal(other) if others else None)


def _on_diagonal(values: Sequence[float] | Floats) -> Floats:
    """A tensor with three values on its diagonal and NaN off it."""
    return np.where(np.eye(3, dtype=bool), values, np.nan)
