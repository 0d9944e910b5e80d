"""A density field as a medium, and the error of its grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Floats
from ..conduction.effective import preconditioner_precision
from ..conduction.faces import FaceSystem, SubvoxelSystem, smooth_faces
from ..conduction.finite_volumes import FiniteVolumes
from ..conduction.phases import labels_from_density
from ..config.conduction import ConductionConfig
from ..errors import ConvergenceError
from ..grid import PeriodicGrid
from ..morphology.clusters import percolating_axes
from ..parallel.session import Session
from ..phasefield.resample import resample
from ..spectral.transform import SlabTransform, too_many_ranks
from .found import Conduction
from .grid_error import (
    BELOW_HALF,
    BELOW_TWICE,
    LINEAR_HALF,
    LINEAR_TWICE,
    MOST_CHANGE,
    STEPS_JUMPS,
    STEPS_TWICE,
    GridPart,
    below_jumps,
    grid_part,
)
from .medium import Medium
from .solve import Memory, settings_of_second, solve_conduction
from .watch import watched_by


def density_medium(rho: Floats, conduction: ConductionConfig, transform: SlabTransform) -> Medium:
    """The phases of a density, with faces that look inside the voxels unless whole ones are asked for.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    conduction : ConductionConfig
    transform : SlabTransform

    Returns
    -------
    Medium
    """
    thresholds = conduction.rho_pore, conduction.rho_bulk
    labels = labels_from_density(rho, *thresholds, transform)
    make_system: Callable[[Floats], FiniteVolumes] | None = None
    if conduction.profile == "subvoxel":
        def make_system(sigma: Floats) -> FiniteVolumes:
            best = (sigma == sigma.max())[labels[1:-1]]
            along = percolating_axes(best, transform.reducer, transform.ghosts)
            return SubvoxelSystem(rho, thresholds, sigma, transform, transform.real.dtype, along)
    elif conduction.profile == "linear":
        half_way = thresholds[0], sum(thresholds) / 2, thresholds[1]

        def make_system(sigma: Floats) -> FiniteVolumes:
            return FaceSystem(smooth_faces(rho, list(zip(half_way, sigma)), transform, transform.real.dtype), transform)

    def sigma_at(temperature: float | None) -> Floats:
        return np.array(conduction.sigma_S_per_m_at(temperature))

    return Medium(labels, sigma_at, transform, make_system=make_system)


def percolates_alike(medium: Medium, found: Conduction) -> bool:
    """Whether good conductors percolate along all axes of ``found`` or along none, by voxels.  Collective.

    If not, the values along the axes are not of one kind, and their spread is no error of their mean.  Good are those above
    each gap of more than _APART between the conductivities.

    Parameters
    ----------
    medium : Medium
    found : Conduction
        Of that medium.

    Returns
    -------
    bool
    """
    levels = np.unique(found.sigma[found.sigma > 0])
    for level, below in zip(levels, [0.0, *levels]):
        if level <= _APART * below:
            continue
        good = (found.sigma >= level)[medium.labels[1:-1]]
        along = percolating_axes(good, medium.transform.reducer, medium.transform.ghosts)
        if len({along[axis] for axis in found.axes}) > 1:
            return False
    return True


def density_grid_part(rho: Floats, grid_nm: PeriodicGrid, conduction: ConductionConfig, found: Conduction,
                      session: Session, memory: Memory | None = None) -> GridPart | None:
    """The grid's part in the error of what was found, by the method asked for; None where there is none.  Collective.

    By default thresholded voxels are judged by the jumps of the flux between their faces; faces below the voxel and linear
    profiles by the same density on half the voxels along each axis, its spectrum cut, at an eighth of the work.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    grid_nm : PeriodicGrid
    conduction : ConductionConfig
    found : Conduction
    session : Session
    memory : Memory, optional
        Of earlier launches.

    Returns
    -------
    GridPart or None

    Raises
    ------
    ConvergenceError, Interrupted
        On twice the voxels.
    """
    values = np.diag(found.effective.tensor)
    if conduction.grid_error == "none" or not any(found.effective.percolating):
        return None
    if conduction.grid_error == "refinement":
        fine = _on_grid(rho, grid_nm, grid_nm.halved(), conduction, found, session, memory)
        return grid_part(values, np.diag(fine) - values, _TWICE[conduction.profile], fine)
    if conduction.profile == "steps":
        return grid_part(values, found.flux_jumps, STEPS_JUMPS)
    coarse_nm = grid_nm.doubled()
    if coarse_nm == grid_nm or too_many_ranks(coarse_nm, session.reducer.size):
        return None
    try:
        coarse = _on_grid(rho, grid_nm, coarse_nm, conduction, found, session, memory)
    except ConvergenceError as error:
        session.warn(f"the grid part of the error is not estimated: on half the voxels along each axis, {error}")
        return None
    # Islands that grow together on half the voxels change the value by orders, and say no more than that it is uncertain.
    changes: Floats = np.clip(values - np.diag(coarse), -MOST_CHANGE * values, MOST_CHANGE * values)
    if conduction.profile == "linear":
        return grid_part(values, changes, LINEAR_HALF, coarse)
    more = below_jumps(values, found.flux_jumps, found.sigma[found.fractions > 0].max())
    return grid_part(values, changes, BELOW_HALF, coarse, more)


# As much as axes differ by chance.
_APART = 10.0
_TWICE = {"subvoxel": BELOW_TWICE, "steps": STEPS_TWICE, "linear": LINEAR_TWICE}


def _on_grid(rho: Floats, grid_nm: PeriodicGrid, other_nm: PeriodicGrid, conduction: ConductionConfig,
             found: Conduction, session: Session, memory: Memory | None) -> Floats:
    """The tensor (S/m) of the density on another grid, where its Fourier series or as much of it as fits takes it."""
    with (SlabTransform(grid_nm, session.comm, threads=session.threads) as source,
          SlabTransform(other_nm, session.comm, threads=session.threads) as target):
        source.real[...] = rho
        resample(source, target)
        other_rho = target.real.copy()
    settings = settings_of_second(conduction, found)
    precision = preconditioner_precision(settings.relative_tolerance)
    with SlabTransform(other_nm, session.comm, precision, session.threads) as transform:
        other = solve_conduction(density_medium(other_rho, settings, transform), settings, watched_by(session),
                                 axes=found.axes, memory=memory, name="other grid", with_currents=False)
    return other.effective.tensor
