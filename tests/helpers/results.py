"""Small results, made of the classes that a run makes its own of."""

from dataclasses import replace

import numpy as np

from pfsolid.results.conduction import ConductionResult, ErrorBar, GridInterval, PhaseOfMedium
from pfsolid.results.morphology import (
    ByShape,
    ChordsResult,
    ConnectivityResult,
    MorphologyResult,
    PhaseConnectivity,
    SurfaceResult,
    TwoPointCorrelation,
)
from pfsolid.results.run import SCHEMA_VERSION, GridOf, GrowthResult, HistoryRow, Provenance, ReducedUnits, Result

MADE = Provenance(pfsolid_version="0", git_commit="c0ffee", created="2026-01-01T00:00:00+00:00", num_ranks=1,
                  threads_per_rank=1, seed=1)
FINAL = HistoryRow(
    step=100, reduced_time=300.0, reduced_step=1.0, energy_J_per_m3=1e7, mean_density=0.6, porosity=0.4, pore_fraction=0.3,
    surface_fraction=0.2, bulk_fraction=0.5, pore_size_nm=5.0, wall_size_nm=None, spacing_nm=9.0)
UNITS = ReducedUnits(length_m=1.4e-9, energy_density_J_per_m3=1e9, time_s=None)


def bar_of(solver=(0.0,) * 3, grid=(None,) * 3, intervals=None, sample=None) -> ErrorBar:
    part = intervals and GridInterval(grid_interval_S_per_cm_xyz=intervals, grid_best_S_per_cm_xyz=(None,) * 3)
    return ErrorBar(solver_relative_xyz=solver, grid_relative_xyz=grid, grid=part, sample_relative_of_mean=sample)


def conduction_of(tensor, phases=None, **more) -> ConductionResult:
    """Of a tensor in S/cm; ``phases`` by name: (label, fraction, S/cm)."""
    tensor = np.array(tensor, float)
    given = {name: PhaseOfMedium(label=label, fraction=fraction, sigma_S_per_cm=sigma)
             for name, (label, fraction, sigma) in (phases or {}).items()}
    known = {"mean_S_per_cm": float(np.nanmean(np.diag(tensor))), "error_bar": bar_of(),
             "solver_relative_error_xyz": (0.0,) * 3,
             "iterations_xyz": (1, 1, 1), "conducting_phases_percolate_xyz": (True,) * 3, "applied_field_V_per_m": 1.0,
             "conduction_seconds": 0.0}
    return ConductionResult(sigma_eff_S_per_cm=tensor, sigma_eff_S_per_m=100 * tensor, phases=given, **known | more)


def morphology_of(connectivity="3-3", crofton=0.1) -> MorphologyResult:
    phase = PhaseConnectivity(percolates_along="xyz", percolating_fraction_xyz=(1.0,) * 3)
    chords = ChordsResult(mean_nm=5.0, mean_nm_xyz=(5.0,) * 3, wrapping_fraction_xyz=(0.0,) * 3, voxel_nm_xyz=(0.5,) * 3,
                          counts_by_voxels_xyz=(np.array([0, 1]),) * 3)
    none = np.zeros(0)
    correlation = TwoPointCorrelation(filler_fraction=0.4, first_zero_nm=None, first_zero_nm_xyz=(None,) * 3, r_nm=none,
                                      S2=none, r_nm_xyz=(none,) * 3, S2_xyz=(none,) * 3)
    return MorphologyResult(
        connectivity=ConnectivityResult(label=connectivity, filler=phase, matrix=phase),
        surface=SurfaceResult(area_per_nm=crofton, area_crofton_per_nm=crofton, porosity_by_mean=0.4),
        filler_radius_nm=ByShape(spheres=1.0, pillars=1.0), lambda_over_r=ByShape(spheres=1.0, pillars=1.0),
        pore_chords=chords, wall_chords=chords, two_point_correlation=correlation, seconds=0.0)


def result_of(conduction=None, shape=(12, 10, 8), **more) -> Result:
    """Of a run that has grown its density."""
    final = replace(FINAL, **more.pop("final", {}))
    growth = GrowthResult(reason="made 100 steps", steps=100, wall_clock_s=0.0, final=final,
                          low_modes=more.pop("low_modes", None))
    known = {"title": "a run", "state": "separated", "porosity": 0.4, "mean_density": 0.6, "growth": growth,
             "reduced_units": UNITS, "morphology": morphology_of()}
    return Result(schema_version=SCHEMA_VERSION, conduction=conduction, grid=GridOf(shape=shape, voxel_size_nm=(0.5,) * 3),
                  provenance=MADE, **known | more)
