"""From a density to its tensor: three phases, faces below the voxel, and a conductivity that follows the density."""

import numpy as np
import pytest
from helpers.builders import ALONE, grow_density

from pfsolid.conduction.phases import NAMES
from pfsolid.config.conduction import ConductionConfig
from pfsolid.config.run import OutputConfig
from pfsolid.grid import PeriodicGrid
from pfsolid.homogenization.report import conduction_lines, conduction_result
from pfsolid.parallel.collective import Reducer
from pfsolid.parallel.session import Session
from pfsolid.workflows.density import homogenize

THREE = dict(sigma_pore_S_per_cm=0.001, sigma_surf_S_per_cm=1.0, sigma_bulk_S_per_cm=0.1)


def solve(rho, **settings):
    usual = {"relative_tolerance": 1e-8, "grid_error": "none", "profile": "steps"}
    conduction = ConductionConfig(**usual | THREE | settings)
    session = Session(ALONE, Reducer(ALONE), 1)
    return homogenize(rho, PeriodicGrid(rho.shape, (0.5,) * 3), conduction, None, session, OutputConfig(), {})


def wave(num_voxels=64):
    """A density between 0 and 1 that varies along x."""
    rho = 0.5 + 0.5 * np.sin(2 * np.pi * (np.arange(num_voxels) + 0.5) / num_voxels)
    return np.broadcast_to(rho[:, None, None], (num_voxels, 4, 4)).copy()


@pytest.mark.parametrize("solver", ["multigrid", "fft", "petsc", "perturbation"])
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


@pytest.mark.parametrize("axis", range(3))
def test_no_sample_part_where_the_good_conductor_percolates_along_some_axes_only(axis):
    """A pore along one axis: its surface carries all of the current there, and the poor bulk along the others."""
    n = 12
    y, z = np.ogrid[:n, :n]
    pore = np.hypot(y + 0.5 - n / 2, z + 0.5 - n / 2) - 3.0
    line = 0.5 + 0.5 * np.tanh(2 * pore / 2.8)
    rho = np.ascontiguousarray(np.moveaxis(np.broadcast_to(line, (n, n, n)), 0, axis))
    for bulk, alike in ((1e-3, False), (0.5, True)):  # beside a bulk half as good the axes differ by little
        found = solve(rho, sigma_pore_S_per_cm=0.0, sigma_bulk_S_per_cm=bulk, relative_tolerance=1e-3)
        assert found.effective.percolating == (True,) * 3 and found.percolates_alike == alike
        settings = ConductionConfig(**THREE | {"sigma_bulk_S_per_cm": bulk})
        result = conduction_result(found, NAMES, settings, axes_alike=True)
        assert (result.error_bar.sample_relative_of_mean is not None) == alike
        said = "sample not known from one, whose good conductors percolate along some axes only"
        assert any(said in line for line in conduction_lines(found, NAMES, result)) == (not alike)
        assert ("sigma_xx = " in result.headline) == (not alike)


@pytest.mark.parametrize("flat", [0, 1, 2])
def test_two_dimensions_have_two_axes(flat):
    """A plane of any orientation: mean, sample part and percolation are those of its own two axes, as of that along x, y.

    A stack of identical planes conducts in parallel along the third: with insulating pores beside a good surface that is
    a hundred times what the plane does, and no part of it.
    """
    rho = grow_density((24, 20, 1), 0.4, seed=2)
    thin = np.moveaxis(rho, 2, flat)
    conduction = ConductionConfig(relative_tolerance=1e-8, grid_error="none", **THREE)
    plane, found = solve(rho), solve(thin)
    axes = [axis for axis in range(3) if axis != flat]
    values = np.diag(found.effective.tensor)
    assert found.axes == tuple(axes) and np.isnan(values[flat]) and not found.effective.percolating[flat]
    # Both are solved to 1e-8.
    assert values[axes] == pytest.approx(np.diag(plane.effective.tensor)[:2], rel=1e-7)
    result = conduction_result(found, NAMES, conduction, axes_alike=True)
    assert result.mean_S_per_cm == pytest.approx(values[axes].mean() / 100, rel=1e-12)
    # Standard error of the mean of two: half their distance; Student's t with one degree of freedom is tan(0.475 pi).
    half = abs(values[axes[0]] - values[axes[1]]) / 2 / values[axes].mean()
    assert result.error_bar.sample_relative_of_mean == pytest.approx(np.tan(0.475 * np.pi) * half, rel=1e-3)
    assert "xyz"[flat] not in result.field_axes and "xyz"[flat] not in result.transport
    names = ", ".join("xyz"[axis] for axis in axes)
    assert result.headline.startswith("sigma = ") and any(f"along {names}: " in line
                                                             for line in conduction_lines(found, NAMES, result))


def test_one_dimension_has_one_axis():
    """Series along the line; one axis has no spread."""
    found = solve(wave()[:, :1, :1], profile="linear")
    sigma = 100 * np.interp(wave()[:, 0, 0], [0.1, 0.5, 0.9], [0.001, 1.0, 0.1])
    result = conduction_result(found, NAMES, ConductionConfig(**THREE), axes_alike=True)
    assert result.field_axes == "x" and result.error_bar.sample_relative_of_mean is None
    assert result.mean_S_per_cm == pytest.approx(1 / np.mean(1 / sigma) / 100, rel=1e-6)


def test_a_wall_of_one_voxel_blocks_faces_below_the_voxel():
    """Its own centres are pores, though the faces before and behind it are open: exactly 0 across."""
    rho = np.ones((4, 4, 12))
    rho[:, :, 5:8] = 0.4, 0.05, 0.4
    found = solve(rho, profile="subvoxel", sigma_pore_S_per_cm=0.0)
    assert found.effective.percolating == (True, True, False) and found.effective.tensor[2, 2] == 0
