"""Solve conduction on a density field and write the result of a run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..conduction.effective import EffectiveConductivity, effective_conductivity, preconditioner_precision
from ..conduction.phases import BULK, PORE, SURFACE, labels_from_density
from ..config import S_PER_M, ConductionConfig
from ..errors import Interrupted
from ..grid import AXES, PeriodicGrid
from ..io.hdf5 import DistributedArray
from ..io.series import Field, write_fields
from ..morphology.clusters import percolating_axes
from ..spectral import SlabTransform
from .session import Session

FIELDS = "fields.h5"
PHASES = {"pore": PORE, "surface": SURFACE, "bulk": BULK}
# Looking for a signal takes a reduction over the ranks: not in every iteration.
_ITERATIONS_BETWEEN_LOOKS = 5


@dataclass(frozen=True)
class Homogenization:
    """Conductivity of a microstructure.

    Attributes
    ----------
    effective : EffectiveConductivity
        S/m.
    phase_fractions : dict
    seconds : float
    """

    effective: EffectiveConductivity
    phase_fractions: dict
    seconds: float


def homogenize(rho: np.ndarray, grid_nm: PeriodicGrid, conduction: ConductionConfig, directory: Path, session: Session,
               save_current: bool, attributes: dict) -> Homogenization:
    """Label the voxels, find what percolates, solve for the tensor; write phases and current density.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
        Slab of this rank.
    save_current : bool
        Store the current density for a field along the first percolating axis.
    attributes : dict
        Provenance for the fields' file.

    Raises
    ------
    Interrupted, ConvergenceError, OutputError
    """
    started = time.monotonic()
    transform = SlabTransform(grid_nm, session.comm, preconditioner_precision(conduction.relative_tolerance),
                              session.threads)
    labels = labels_from_density(rho, conduction.rho_pore, conduction.rho_bulk, transform)
    inner = labels[1:-1]
    sigma = np.array(conduction.sigma_S_per_m)
    percolating = percolating_axes(sigma[inner] > 0, session.reducer, transform.ghosts)
    store = _FieldStore(directory / FIELDS, grid_nm, transform, session, attributes)
    store.write("phase", inner, "1", phases="0 pore, 1 surface, 2 bulk")
    saved = []

    def keep_current(axis, system):
        if save_current and not saved:
            saved.append(axis)
            current = system.current_density(axis)
            current *= sigma.max() * conduction.applied_field_V_per_m
            store.write(f"current_density_{AXES[axis]}", current, "A/m^2",
                        applied_field_V_per_m=conduction.applied_field_V_per_m, applied_axis=AXES[axis])

    effective = effective_conductivity(labels, sigma, transform, percolating, conduction.relative_tolerance,
                                       conduction.max_iterations, _watcher(session), keep_current)
    counts = session.reducer.sum(np.bincount(inner.ravel(), minlength=len(PHASES)))
    fractions = {name: counts[label] / grid_nm.num_voxels for name, label in PHASES.items()}
    transform.close()
    return Homogenization(effective, fractions, time.monotonic() - started)


def result_of(homogenization: Homogenization, conduction: ConductionConfig) -> dict:
    """The conduction part of result.json."""
    effective = homogenization.effective
    sigma = dict(zip(PHASES, conduction.sigma_S_per_m))
    return {
        "sigma_eff_S_per_cm": effective.tensor / S_PER_M,
        "sigma_eff_S_per_m": effective.tensor,
        "mean_S_per_cm": effective.mean / S_PER_M,
        "solver_relative_error_xyz": effective.relative_error,
        "iterations_xyz": effective.iterations,
        "conducting_phases_percolate_xyz": effective.percolating,
        "flux_asymmetry": effective.asymmetry,
        "phases": {name: {"fraction": fraction, "sigma_S_per_cm": sigma[name] / S_PER_M}
                   for name, fraction in homogenization.phase_fractions.items()},
        "rho_pore": conduction.rho_pore,
        "rho_bulk": conduction.rho_bulk,
        "relative_tolerance": conduction.relative_tolerance,
        "applied_field_V_per_m": conduction.applied_field_V_per_m,
        "conduction_seconds": homogenization.seconds,
    }


def tensor_lines(homogenization: Homogenization) -> list[str]:
    """The tensor for a person, S/cm, with the error of its diagonal."""
    effective = homogenization.effective
    lines = ["effective conductivity (S/cm):"]
    for row in effective.tensor / S_PER_M:
        lines.append("   " + "  ".join(f"{value:12.5e}" for value in row))
    errors = ", ".join(f"{error:.1e}" for error in effective.relative_error)
    lines.append(f"mean {effective.mean / S_PER_M:.5e} S/cm; relative error of the solver {errors}; "
                 f"iterations {', '.join(map(str, effective.iterations))}")
    blocked = [axis for axis, through in zip(AXES, effective.percolating) if not through]
    if blocked:
        lines.append(f"no conducting cluster wraps the cell along {', '.join(blocked)}: exactly 0 there")
    return lines


class _FieldStore:
    """Adds fields of this run to its file."""

    def __init__(self, path: Path, grid_nm: PeriodicGrid, transform: SlabTransform, session: Session, attributes: dict):
        self.path, self.grid_nm, self.transform = path, grid_nm, transform
        self.session, self.attributes = session, attributes

    def write(self, name: str, local: np.ndarray, units: str, **more) -> None:
        components = local.shape[3:]
        array = DistributedArray(local, self.grid_nm.shape + components,
                                 self.transform.local_slice + tuple(slice(0, n) for n in components))
        write_fields(self.path, {name: Field(array, units, more)}, self.grid_nm, self.attributes, self.session.comm)


def _watcher(session: Session):
    """Shows the iterations and stops on a signal, on all ranks together."""

    def watch(axis, iteration, value, relative_error):
        session.progress(lambda: f"sigma_{AXES[axis] * 2}  iteration {iteration:4d}  {value / S_PER_M:.5e} S/cm  "
                                 f"estimated relative error {relative_error:.1e}")
        if iteration % _ITERATIONS_BETWEEN_LOOKS == 0 and session.reducer.any(session.stop_requested is not None):
            raise Interrupted(f"stopped on a signal while solving for a field along {AXES[axis]}")

    return watch
