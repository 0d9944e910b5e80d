"""Solve conduction on a density field: the phases of a run, its conductivity, and the fields that stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..conduction.effective import preconditioner_precision
from ..conduction.faces import FaceSystem, smooth_faces, subvoxel_faces
from ..conduction.phases import BULK, PORE, SURFACE, labels_from_density
from ..config_conduction import ConductionConfig
from ..grid import AXES, PeriodicGrid
from ..morphology.clusters import percolating_axes
from ..phasefield.resample import resample
from ..spectral import SlabTransform
from .fields import FIELDS, FieldStore, store_solution
from .session import Session
from .solve import DENSITY_BRACKET, DENSITY_HALVED, Conduction, GridPart, Medium, settings_of_second, solve_conduction

PHASES = {"pore": PORE, "surface": SURFACE, "bulk": BULK}
NAMES = {label: name for name, label in PHASES.items()}


def homogenize(rho: np.ndarray, grid_nm: PeriodicGrid, conduction: ConductionConfig, directory: Path | None,
               session: Session, output, attributes: dict) -> Conduction:
    """Label the voxels, find what percolates, solve for the tensor; write phases and current density.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
        Slab of this rank.
    directory : Path, optional
        None: no fields are stored.
    output : OutputConfig
        Whether the current density and the potential are stored, for a field along the first percolating axis.
    attributes : dict
        Provenance for the fields' file.

    Raises
    ------
    Interrupted, ConvergenceError, OutputError
    """
    precision = preconditioner_precision(conduction.relative_tolerance)
    transform = SlabTransform(grid_nm, session.comm, precision, session.threads)
    medium = _medium(rho, conduction, transform)
    store = None
    if directory is not None:
        store = FieldStore(directory / FIELDS, grid_nm, transform, session, attributes)
        store.write("phase", medium.labels[1:-1], "1", phases=", ".join(f"{label} {name}" for label, name in NAMES.items()))
    saved = []

    def keep(axis, system, unit):
        if store is not None and not saved:
            saved.append(axis)
            store_solution(store, system, axis, AXES[axis], unit, output, conduction.applied_field_V_per_m)

    found = solve_conduction(medium, conduction, session, on_solved=keep)
    transform.close()
    if conduction.grid_error == "refinement":
        found = replace(found, grid=_refined(rho, grid_nm, conduction, found, session))
    return found


def _medium(rho: np.ndarray, conduction: ConductionConfig, transform: SlabTransform) -> Medium:
    """The phases of a density, with faces that look inside the voxels if they are asked for.  Collective."""
    thresholds = conduction.rho_pore, conduction.rho_bulk
    labels = labels_from_density(rho, *thresholds, transform)
    make_system = conducting = None
    if conduction.subvoxel:
        def make_system(sigma):
            best = (sigma == sigma.max())[labels[1:-1]]
            connected = any(percolating_axes(best, transform.reducer, transform.ghosts))
            return FaceSystem(subvoxel_faces(rho, thresholds, sigma, transform, transform.real.dtype, connected), transform)
    elif conduction.profile == "linear":
        half_way = thresholds[0], sum(thresholds) / 2, thresholds[1]

        def make_system(sigma):
            return FaceSystem(smooth_faces(rho, list(zip(half_way, sigma)), transform, transform.real.dtype), transform)

        conducting = np.interp(rho, half_way, conduction.sigma_S_per_m) > 0

    def sigma_at(temperature):
        return np.array(conduction.sigma_S_per_m_at(temperature))

    return Medium(labels, sigma_at, transform, make_system=make_system, bracket=DENSITY_BRACKET, conducting=conducting)


def _refined(rho: np.ndarray, grid_nm: PeriodicGrid, conduction: ConductionConfig, found: Conduction,
             session: Session) -> GridPart:
    """The tensor on voxels of half the edge, the density interpolated by its Fourier series.  Collective."""
    fine_nm = grid_nm.halved()
    source = SlabTransform(grid_nm, session.comm, threads=session.threads)
    target = SlabTransform(fine_nm, session.comm, threads=session.threads)
    source.real[...] = rho
    resample(source, target)
    fine_rho = target.real.copy()
    source.close()
    target.close()
    settings = settings_of_second(conduction, found)
    transform = SlabTransform(fine_nm, session.comm, preconditioner_precision(settings.relative_tolerance), session.threads)
    fine = solve_conduction(_medium(fine_rho, settings, transform), settings, session)
    transform.close()
    return GridPart(tensor=fine.effective.tensor, **DENSITY_HALVED)
