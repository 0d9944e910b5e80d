"""Solve conduction on a density field: the phases of a run, its conductivity, and the fields that stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..conduction.effective import preconditioner_precision
from ..conduction.phases import NAMES
from ..config.conduction import ConductionConfig
from ..grid import AXES, PeriodicGrid
from ..homogenization.density import density_grid_part, density_medium, percolates_alike
from ..homogenization.found import Conduction
from ..homogenization.solve import solve_conduction
from ..homogenization.watch import watched_by
from ..io.run_directory import FIELDS
from ..parallel.session import Session
from ..spectral.transform import SlabTransform
from .fields import FieldStore, store_solution


def homogenize(rho: np.ndarray, grid_nm: PeriodicGrid, conduction: ConductionConfig, directory: Path | None,
               session: Session, output=None, attributes: dict | None = None, memory=None, watch=None,
               with_currents: bool = True) -> Conduction:
    """Label the voxels, find what percolates, solve for the tensor; write phases and current density.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
        Slab of this rank.
    directory : Path, optional
        None: no fields are stored.
    output : OutputConfig, optional
        Whether the current density and the potential are stored, for a field along the first percolating axis.
    attributes : dict, optional
        Provenance for the fields' file.
    memory : SolvedOnDisk, optional
        What earlier launches have solved.
    watch : callable, optional
        ``watch(grid_nm, transform)`` before it is solved; returns what `solve_conduction` takes as ``on_solved``.
    with_currents : bool
        Whether the statistics of the current are wanted too.

    Raises
    ------
    Interrupted, ConvergenceError, OutputError
    """
    precision = preconditioner_precision(conduction.relative_tolerance)
    with SlabTransform(grid_nm, session.comm, precision, session.threads) as transform:
        medium = density_medium(rho, conduction, transform)
        store = None
        if directory is not None:
            store = FieldStore(directory / FIELDS, grid_nm, transform, session, attributes or {})
            names = ", ".join(f"{label} {name}" for label, name in NAMES.items())
            store.write("phase", medium.labels[1:-1], "1", phases=names)
        saved, seen = [], watch and watch(grid_nm, transform)

        def keep(axis, system, unit):
            if seen:
                seen(axis, system, unit)
            if store is not None and not saved:
                saved.append(axis)
                store_solution(store, system, axis, AXES[axis], unit, output, conduction.applied_field_V_per_m)

        found = solve_conduction(medium, conduction, watched_by(session), axes=grid_nm.real_axes, on_solved=keep,
                                 memory=memory, with_currents=with_currents)
        alike = percolates_alike(medium, found)
    return replace(found, percolates_alike=alike, grid=density_grid_part(rho, grid_nm, conduction, found, session, memory))
