"""From a density to its tensor: three phases, faces below the voxel, and a conductivity that follows the density."""

import numpy as np
import pytest
from helpers.builders import ALONE, grow_density

from pfsolid.config.conduction import ConductionConfig
from pfsolid.config.run import OutputConfig
from pfsolid.grid import PeriodicGrid
from pfsolid.parallel.collective import Reducer
from pfsolid.parallel.session import Session
from pfsolid.workflows.density import homogenize

THREE = dict(sigma_pore_S_per_cm=0.001, sigma_surf_S_per_cm=1.0, sigma_bulk_S_per_cm=0.1)


def solve(rho, **settings):
    conduction = ConductionConfig(**{"relative_tolerance": 1e-8, "grid_error": "none"} | THREE | settings)
    session = Session(ALONE, Reducer(ALONE), 1)
    return homogenize(rho, PeriodicGrid(rho.shape, (0.5,) * 3), conduction, None, session, OutputConfig(), {})


def wave(num_voxels=64):
    """A density between 0 and 1 that varies along x."""
    rho = 0.5 + 0.5 * np.sin(2 * np.pi * (np.arange(num_voxels) + 0.5) / num_voxels)
    return np.broadcast_to(rho[:, None, None], (num_voxels, 4, 4)).copy()


@pytest.mark.parametrize("solver", ["fft", "petsc", "perturbation"])
def test_linear_profile(solver):
    """Harmonic mean of sigma(rho) along x, arithmetic mean across: the voxels' own, exactly."""
    rho = wave()
    found = solve(rho, profile="linear", solver=solver, max_iterations=50000)
    sigma = 100 * np.interp(rho[:, 0, 0], [0.1, 0.5, 0.9], [0.001, 1.0, 0.1])
    # The tensor is known to the solver's tolerance; faces are kept in single precision.
    assert found.effective.tensor[0, 0] == pytest.approx(1 / np.mean(1 / sigma), rel=1e-6)
    assert found.effective.tensor[1, 1] == pytest.approx(np.mean(sigma), rel=1e-6)


def test_profiles_differ():
    steps, linear = (solve(wave(), profile=profile).effective.tensor[1, 1] for profile in ("steps", "linear"))
    assert steps > 1.2 * linear  # the whole surface layer has the surface's conductivity, not its middle alone


def test_what_conducts_between_insulators_is_found():
    """With an insulating surface the linear profile still conducts beyond half-way; pores insulate exactly."""
    settings = dict(sigma_pore_S_per_cm=0.0, sigma_surf_S_per_cm=0.0)
    rho = grow_density((16, 16, 16), 0.4)
    assert solve(rho, **settings).effective.tensor[0, 0] <= solve(rho, profile="linear", **settings).effective.tensor[0, 0]
    blocked = solve(wave(), profile="linear", sigma_pore_S_per_cm=0.0).effective
    assert blocked.percolating == (False, True, True) and blocked.tensor[0, 0] == 0


def test_refinement_is_the_grid_part_of_a_profile():
    found = solve(wave(16), profile="linear", grid_error="refinement", relative_tolerance=1e-4)
    fine = wave(32)[:, 0, 0]
    expected = 1 / np.mean(1 / np.interp(fine, [0.1, 0.5, 0.9], [0.1, 100.0, 10.0]))
    assert found.grid.tensor[0, 0] == pytest.approx(expected, rel=1e-3)  # solved to 1e-3
