"""Full tensors with interfaces that resist, up to 64^3 voxels: a check."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from ..conduction.effective import EffectiveConductivity
from ..conduction.phases import check_conductivities
from ..conduction.split_nodes import MOST_VOXELS, solve_split
from ..config.conduction import SolverConfig
from ..errors import InputError
from ..morphology.interface_normals import face_norms
from ..parallel.communicator import Communicator
from .found import Conduction
from .medium import Medium

_REASON = "split: nodes of their own for each grain, full tensors and resistances together, as a check"


def check_split(num_voxels: int, comm: Communicator) -> None:
    """See that an image is small enough, and that one rank has all of it.

    Parameters
    ----------
    num_voxels : int
    comm : Communicator

    Raises
    ------
    InputError
        It is not.
    """
    if num_voxels > MOST_VOXELS:
        raise InputError(f"conduction.solver = \"split\": is a check for up to 64 x 64 x 64 voxels, and these are "
                         f"{num_voxels}; take a crop, or scalar or diagonal conductivities with another solver")
    if comm.Get_size() > 1:
        raise InputError("conduction.solver = \"split\": is a check that runs on one rank")


def solve_split_conduction(medium: Medium, settings: SolverConfig, axes: Sequence[int]) -> Conduction:
    """As `solve_conduction`, by split nodes: tensors at every temperature, no statistics of currents.

    Parameters
    ----------
    medium : Medium
        Periodic, on one rank.
    settings : SolverConfig
    axes : sequence of int

    Returns
    -------
    Conduction

    Raises
    ------
    InputError, ConvergenceError
    """
    started, transform = time.monotonic(), medium.transform
    check_split(transform.grid.num_voxels, transform.comm)
    temperatures = settings.temperatures or (None,)
    first = np.asarray(medium.sigma_at(temperatures[0]), float)
    series = []
    for temperature in temperatures:
        sigma = np.asarray(medium.sigma_at(temperature), float)
        check_conductivities(sigma)
        unit = float(np.max(sigma)) or 1.0
        resistance = medium.resistance_at(temperature, len(sigma))
        norms = np.ones((3, *transform.local_shape))
        if medium.interface_normals == "smoothed":
            found = face_norms(medium.labels, transform.grid.spacing, transform.ghosts, True, float,
                               resistance.only(np.isfinite))
            norms = found[:, 1:]
        wraps = medium.percolating_by_faces(sigma, resistance)
        solved = solve_split(medium.labels[1:-1], _tensors(sigma) / unit, transform.grid.spacing, resistance.scaled(unit),
                             norms, tuple(axis for axis in axes if wraps[axis]), settings.max_iterations)
        tensor = solved.tensor * unit
        blocked = [axis for axis in axes if not wraps[axis]]
        tensor[np.ix_(blocked, axes)] = tensor[np.ix_(axes, blocked)] = 0.0
        x, y, z = (axis in axes and bool(wraps[axis]) for axis in range(3))
        series.append(EffectiveConductivity(tensor, solved.relative_error, solved.iterations, (x, y, z), 0.0))
    counts = medium.counts_of(len(first))
    return Conduction(tuple(axes), temperatures, tuple(series), counts / transform.grid.num_voxels, first, _REASON, {}, None,
                      np.full(3, np.nan), time.monotonic() - started, groups=medium.groups)


def _tensors(sigma: Floats) -> Floats:
    """Numbers and diagonals as tensors."""
    if sigma.ndim == 3:
        return sigma
    diagonal = np.repeat(sigma[:, None], 3, axis=1) if sigma.ndim == 1 else sigma
    return np.asarray(diagonal[:, :, None] * np.eye(3), float)
