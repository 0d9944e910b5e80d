"""Measure a density field: what kind of microstructure it is, in numbers."""

from __future__ import annotations

import time

import numpy as np

from ..grid import PeriodicGrid
from ..morphology.measure import measure
from ..spectral import SlabTransform
from .session import Session


def characterize(rho: np.ndarray, grid_nm: PeriodicGrid, thresholds: tuple[float, float], surface_depth_nm: float | None,
                 session: Session, distributions: bool = False) -> dict:
    """The morphology section of result.json.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    thresholds : tuple of 2 float
        rho_pore and rho_bulk.
    distributions : bool
        Also the local thickness of pores and walls, which takes longer than all the rest.
    """
    started = time.monotonic()
    transform = SlabTransform(grid_nm, session.comm, threads=session.threads)
    # The filler ends at rho = 1/2, so the surface layer of the measurement reaches at least to there.
    low, high = min(thresholds[0], 0.5), max(thresholds[1], 0.5)
    found = measure(rho, transform, low, high, surface_depth_nm, distributions).as_dict()
    transform.close()
    return found | {"seconds": time.monotonic() - started}


def morphology_lines(found: dict) -> list[str]:
    """A summary for a person."""
    connectivity = found["connectivity"]
    phases = ", ".join(f"{name} {_axes(connectivity[name]['percolates_along'])}"
                       for name in ("filler", "matrix", "surface") if name in connectivity)
    return [f"connectivity {connectivity['class']}: {phases}; interface {found['surface']['area_per_nm']:.4g} nm^2/nm^3"]


def _axes(names: str) -> str:
    return f"percolates along {', '.join(names)}" if names else "does not percolate"
