"""Measure a density field: what kind of microstructure it is, in numbers."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..grid import PeriodicGrid
from ..morphology.correlation import padded_grid
from ..morphology.measure import measure
from ..morphology.open_image import OpenImage
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.session import Session
from ..results.morphology import MorphologyResult, SurfaceResult
from ..spectral.transform import SlabTransform, slab_of


def characterize(rho: np.ndarray, grid_nm: PeriodicGrid, thresholds: tuple[float, float], surface_depth_nm: float | None,
                 session: Session, distributions: bool = False, periodic: bool = True,
                 labels: bool = False) -> MorphologyResult:
    """The morphology section of result.json.  Collective.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    thresholds : tuple of 2 float
        rho_pore and rho_bulk.
    distributions : bool
        Also the local thickness of pores and walls and the area by normals, which take longer than all the rest.
    periodic : bool
        False: the density ends at its faces.
    labels : bool
        ``rho`` is 0 on one label and 1 on the others.

    Raises
    ------
    Interrupted
    """
    started = time.monotonic()
    image = None
    if not periodic:
        image = OpenImage(grid_nm, Reducer(session.comm), PlaneExchange(session.comm, mirrored=True),
                          slab_of(grid_nm, session.comm))
    # The filler ends at rho = 1/2, so the surface layer of the measurement reaches at least to there.
    low, high = min(thresholds[0], 0.5), max(thresholds[1], 0.5)
    grid = grid_nm if periodic else padded_grid(grid_nm)
    with SlabTransform(grid, session.comm, threads=session.threads) as transform:
        found = measure(rho, transform, low, high, surface_depth_nm, distributions, image, labels,
                        lambda: session.attend("measuring the microstructure")).result()
    if not labels:
        found = replace(found, surface=replace(found.surface, rho_pore=low, rho_bulk=high))
    return replace(found, seconds=time.monotonic() - started)


# --- for a person -------------------------------------------------------------------------------------------


def morphology_lines(found: MorphologyResult, names: dict[str, str] | None = None) -> list[str]:
    """A summary for a person.

    Parameters
    ----------
    found : MorphologyResult
    names : dict, optional
        What to call filler and matrix, where they are labels.
    """
    names = names or {}
    connectivity, surface = found.connectivity, found.surface
    parts = {"filler": connectivity.filler, "matrix": connectivity.matrix, "surface": connectivity.surface}
    phases = ", ".join(f"{names.get(name, name)} {_axes(part.percolates_along)}" for name, part in parts.items() if part)
    of = "" if connectivity.axes == "xyz" else f" of {len(connectivity.axes)} axes"
    chords = ", ".join(f"{name} {_length(one.mean_nm)}" for name, one in zip(_called(names), found.chords))
    return [_fractions_line(surface, names),
            f"connectivity {connectivity.label}{of}: {phases}",
            f"interface {surface.area_per_nm:.4g} nm^2/nm^3, by the {surface.area_is_by}",
            f"mean chords (2 x length in the phase / phase changes{'' if names else ', at rho = 1/2'}): {chords}"]


def _fractions_line(surface: SurfaceResult, names: dict[str, str]) -> str:
    """Porosity is 1 - <rho>; what else goes by thresholds is called a phase, or said to be a volume below one."""
    if names:
        filler = surface.filler_fraction
        return f"volume: {names['filler']} {filler:.4f}, {names['matrix']} {1 - filler:.4f}"
    return (f"porosity {surface.porosity_by_mean:.4f} (1 - <rho>), volume below rho = 1/2 "
            f"{surface.porosity_by_threshold:.4f}; phases: pore {surface.pore_fraction:.4f} "
            f"(rho < {surface.rho_pore:g}), surface {surface.surface_fraction:.4f}, "
            f"bulk {surface.bulk_fraction:.4f} (rho > {surface.rho_bulk:g})")


def _called(names: dict[str, str]) -> tuple[str, str]:
    """What a person is told for filler and matrix."""
    return (names["filler"], names["matrix"]) if names else ("pores", "walls")


def more_lines(found: MorphologyResult, names: dict[str, str]) -> list[str]:
    """What only `pfsolid measure` prints: the other areas, chords along the axes, thickness."""
    surface, axes = found.surface, found.connectivity.axes
    areas = {"all faces (exact for boxes)": surface.area_faces_per_nm,
             "faces weighted by 1/(|nx|+|ny|+|nz|)": surface.area_normals_per_nm,
             "Crofton's formula (right on average over directions)": surface.area_crofton_per_nm}
    if surface.area_per_nm == surface.area_normals_per_nm:
        del areas["faces weighted by 1/(|nx|+|ny|+|nz|)"]
    lines = ["  by " + ", ".join(f"{name} {area:.4g}" for name, area in areas.items())]
    for name, chords, thickness in zip(_called(names), found.chords, found.thickness):
        along = ", ".join(f"{axis} {_length(chords.mean_nm_xyz['xyz'.index(axis)])}" for axis in axes)
        lines.append(f"  {name}: mean chords along {along}; mean local thickness {_length(thickness.mean_nm)}")
    return lines


def _length(value: float | None) -> str:
    return "endless" if value is None else f"{value:.4g} nm"


def _axes(names: str) -> str:
    return f"percolates along {', '.join(names)}" if names else "does not percolate"
