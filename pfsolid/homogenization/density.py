"""A density field as a medium, and the same on voxels of half the edge."""

from __future__ import annotations

import numpy as np

from ..conduction.effective import preconditioner_precision
from ..conduction.faces import FaceSystem, smooth_faces, subvoxel_faces
from ..conduction.phases import labels_from_density
from ..config.conduction import ConductionConfig
from ..grid import PeriodicGrid
from ..morphology.clusters import percolating_axes
from ..parallel.session import Session
from ..phasefield.resample import resample
from ..spectral.transform import SlabTransform
from .solve import DENSITY_BRACKET, DENSITY_HALVED, Conduction, GridPart, Medium, settings_of_second, solve_conduction


def density_medium(rho: np.ndarray, conduction: ConductionConfig, transform: SlabTransform) -> Medium:
    """The phases of a density, with faces that look inside the voxels if they are asked for.  Collective."""
    thresholds = conduction.rho_pore, conduction.rho_bulk
    labels = labels_from_density(rho, *thresholds, transform)
    make_system = None
    if conduction.subvoxel:
        def make_system(sigma):
            best = (sigma == sigma.max())[labels[1:-1]]
            connected = any(percolating_axes(best, transform.reducer, transform.ghosts))
            return FaceSystem(subvoxel_faces(rho, thresholds, sigma, transform, transform.real.dtype, connected), transform)
    elif conduction.profile == "linear":
        half_way = thresholds[0], sum(thresholds) / 2, thresholds[1]

        def make_system(sigma):
            return FaceSystem(smooth_faces(rho, list(zip(half_way, sigma)), transform, transform.real.dtype), transform)

    def sigma_at(temperature):
        return np.array(conduction.sigma_S_per_m_at(temperature))

    return Medium(labels, sigma_at, transform, make_system=make_system, bracket=DENSITY_BRACKET)


def refined_density(rho: np.ndarray, grid_nm: PeriodicGrid, conduction: ConductionConfig, found: Conduction,
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
    fine = solve_conduction(density_medium(fine_rho, settings, transform), settings, session, grid_nm.real_axes)
    transform.close()
    return GridPart(tensor=fine.effective.tensor, **DENSITY_HALVED)
