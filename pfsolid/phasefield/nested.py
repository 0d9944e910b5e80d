"""Growth on nested grids: early stages on coarser ones, the end on the one that is asked for.

A structure that coarsens needs fewer voxels than it will be measured on: what is to be resolved is the interface, and
errors of the time steps hide those of the grid as long as that is so.  A coarse grid holds the same field as the finest,
without its short waves: a change of grid moves both densities that a step needs, by their Fourier series (`resample`), and
the two-step formula goes on without a new start.  Reduced units (`pfsolid.phasefield.free_energy`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from scipy.fft import next_fast_len

from ..grid import PeriodicGrid
from ..spectral.transform import SlabTransform, too_many_ranks
from .free_energy import REDUCED_KAPPA
from .resample import resample
from .steppers import ON_TIME, CahnHilliard

# Voxels in sqrt(kappa_ii / kappa_33) lambda that a grid must have, and until when they are enough: while the phases
# separate, density differences are small and interfaces wide; later they have their full depth.
WIDTH_OF_SEPARATION, END_OF_SEPARATION = 1.4, 2.0
WIDTH_OF_COARSENING = 2.1
# Reduced time on the finest grid at the end: the profile of an interface adapts within lambda^2 / (16 w M) of it.
SETTLING = 1.0
# Of grids with fewer voxels along an axis the effect was not measured, and nothing is gained.
SMALLEST_FINEST = 64
# Of the next grid's voxels: a stage with more saves less than a change of grid costs.
LARGEST_SHARE = 0.8


@dataclass(frozen=True)
class Stage:
    """A grid, and the reduced time until which growth is on it; infinite: to the end."""

    grid: PeriodicGrid
    until: float


def plan_stages(grid: PeriodicGrid, kappa: Sequence[float], end: float, num_ranks: int = 1) -> tuple[Stage, ...]:
    """The grids of a run, the coarsest first and ``grid`` last.

    Parameters
    ----------
    grid : PeriodicGrid
        In units of the surface depth.
    kappa : sequence of 3 float
        Gradient energy coefficients.
    end : float
        Reduced time at which growth ends at the latest; may be infinite.
    num_ranks : int
        A grid with fewer planes is left out.

    Returns
    -------
    tuple of Stage
    """
    stages = [Stage(grid, math.inf)]
    if min(grid.shape) < SMALLEST_FINEST:
        return tuple(stages)
    for width, until in ((WIDTH_OF_COARSENING, end - SETTLING), (WIDTH_OF_SEPARATION, END_OF_SEPARATION)):
        coarse, finer = _coarsest(grid, kappa, width), stages[0]
        until = min(until, end - SETTLING)
        too_short = until <= (END_OF_SEPARATION if width == WIDTH_OF_COARSENING else 0)
        if too_short or coarse.num_voxels > LARGEST_SHARE * finer.grid.num_voxels or too_many_ranks(coarse, num_ranks):
            continue
        stages.insert(0, Stage(coarse, until))
    return tuple(stages)


def _coarsest(grid: PeriodicGrid, kappa: Sequence[float], width: float) -> PeriodicGrid:
    """The fewest voxels, in numbers of small factors, that have ``width`` voxels in the depth of every interface."""
    shape = []
    for n, h, kappa_i in zip(grid.shape, grid.spacing, kappa):
        needed = math.ceil(n * width * h / math.sqrt(kappa_i / REDUCED_KAPPA) - 1e-9)
        shape.append(min(n, next_fast_len(max(needed, 1), real=True)))
    n0, n1, n2 = shape
    return PeriodicGrid((n0, n1, n2), tuple(length / n for length, n in zip(grid.lengths, shape)))


class NestedGrids:
    """The grids of a run, and how its state gets from one to the next.  A ``with`` block gives back their memory.

    Parameters
    ----------
    stages : sequence of Stage
    open_transform : callable
        ``open_transform(grid)``: a SlabTransform.  Collective.
    make_stepper : callable
        ``make_stepper(transform)``: a CahnHilliard without a density.
    """

    def __init__(self, stages: Sequence[Stage], open_transform: Callable[[PeriodicGrid], SlabTransform],
                 make_stepper: Callable[[SlabTransform], CahnHilliard]):
        self._stages = tuple(stages)
        self._open_transform, self._make_stepper = open_transform, make_stepper
        self._opened: list[SlabTransform] = []

    def __enter__(self) -> NestedGrids:
        return self

    def __exit__(self, *_: object) -> None:
        for transform in self._opened:
            transform.close()

    @property
    def finest(self) -> PeriodicGrid:
        """The grid that is asked for."""
        return self._stages[-1].grid

    def are_done(self, stepper: CahnHilliard) -> bool:
        """Whether a stepper is on the grid that is asked for."""
        return stepper.transform.grid.shape == self.finest.shape

    def end_of_stage(self, stepper: CahnHilliard) -> float:
        """The reduced time at which it is to leave its grid."""
        return math.inf if self.are_done(stepper) else self._stage_at(stepper.time).until

    def begin(self, fill: Callable[[SlabTransform], object], first_step: float) -> CahnHilliard:
        """A stepper on the coarsest grid, with what the finest would begin with but for its short waves.  Collective.

        Parameters
        ----------
        fill : callable
            ``fill(transform)`` puts the density at the start into ``transform.real``, on the finest grid.
        first_step : float

        Returns
        -------
        CahnHilliard
        """
        self._plan()
        fine = self._open(self.finest)
        fill(fine)
        if len(self._stages) > 1:
            coarse = self._open(self._stages[0].grid)
            resample(fine, coarse)
            fine.close()
        stepper = self._make_stepper(self._opened[-1])
        stepper.start(first_step)
        return stepper

    def reopen(self, shape: Sequence[int]) -> CahnHilliard:
        """A stepper without a density, on a grid of that shape: where an earlier launch stood.  Collective."""
        self._plan()
        n0, n1, n2 = shape
        grid = PeriodicGrid((n0, n1, n2), tuple(length / n for length, n in zip(self.finest.lengths, shape)))
        return self._make_stepper(self._open(self.finest if grid.shape == self.finest.shape else grid))

    def due(self, stepper: CahnHilliard, is_ending: bool) -> CahnHilliard:
        """A stepper with the same state on the grid that is due, or the one that is given.  Collective.

        Parameters
        ----------
        stepper : CahnHilliard
            Not to be used any longer where another one comes back.
        is_ending : bool
            What remains is for the finest grid.

        Returns
        -------
        CahnHilliard
        """
        grid = self.finest if is_ending else self._stage_at(stepper.time).grid
        if grid.num_voxels <= stepper.transform.grid.num_voxels:
            return stepper
        finer = self._make_stepper(self._open(grid))
        finer.take_over(stepper)
        stepper.transform.close()
        return finer

    def on_finest(self, transform: SlabTransform) -> npt.NDArray[Any]:
        """The field in ``transform.real``, which is destroyed, on the finest grid: local, a copy.  Collective."""
        with self._open_transform(self.finest) as fine:
            resample(transform, fine)
            return fine.real.copy()

    def _stage_at(self, time: float) -> Stage:
        return next(stage for stage in self._stages if time < stage.until * ON_TIME)

    def _plan(self) -> None:
        """Measure plans for all grids before anything is kept: a checkpoint on the first has those of the others."""
        for stage in self._stages[:-1]:
            self._open_transform(stage.grid).close()

    def _open(self, grid: PeriodicGrid) -> SlabTransform:
        transform = self._open_transform(grid)
        self._opened.append(transform)
        return transform
