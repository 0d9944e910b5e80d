"""Measure a density field: what kind of microstructure it is, in numbers."""

from __future__ import annotations

import time

import numpy as np

from ..grid import PeriodicGrid
from ..morphology.correlation import padded_grid
from ..morphology.measure import measure
from ..morphology.open_image import OpenImage
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.session import Session
from ..spectral.transform import SlabTransform, slab_of


def characterize(rho: np.ndarray, grid_nm: PeriodicGrid, thresholds: tuple[float, float], surface_depth_nm: float | None,
                 session: Session, distributions: bool = False, periodic: bool = True, labels: bool = False) -> dict:
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
                        lambda: session.attend("measuring the microstructure")).as_dict()
    if not labels:
        found["surface"] |= {"rho_pore": low, "rho_bulk": high}
    return found | {"seconds": time.monotonic() - started}


# --- for a person -------------------------------------------------------------------------------------------


def morphology_lines(found: dict, names: dict[str, str] | None = None) -> list[str]:
    """A summary for a person.

    Parameters
    ----------
    found : dict
        From `characterize`.
    names : dict, optional
        What to call filler and matrix, where they are labels.
    """
    names = names or {}
    connectivity = found["connectivity"]
    phases = ", ".join(f"{names.get(name, name)} {_axes(connectivity[name]['percolates_along'])}"
                       for name in ("filler", "matrix", "surface") if name in connectivity)
    of = "" if connectivity["axes"] == "xyz" else f" of {len(connectivity['axes'])} axes"
    surface = found["surface"]
    chords = ", ".join(f"{name} {_length(found[f'{key}_chords']['mean_nm'])}" for name, key in _keys(names).items())
    return [_fractions_line(surface, names),
            f"connectivity {connectivity['class']}{of}: {phases}",
            f"interface {surface['area_per_nm']:.4g} nm^2/nm^3, by the {surface['area_is_by']}",
            f"mean chords (2 x length in the phase / phase changes{'' if names else ', at rho = 1/2'}): {chords}"]


def _fractions_line(surface: dict, names: dict[str, str]) -> str:
    """Porosity is 1 - <rho>; what else goes by thresholds is called a phase, or said to be a volume below one."""
    if names:
        filler = surface["filler_fraction"]
        return f"volume: {names['filler']} {filler:.4f}, {names['matrix']} {1 - filler:.4f}"
    return (f"porosity {surface['porosity_by_mean']:.4f} (1 - <rho>), volume below rho = 1/2 "
            f"{surface['porosity_by_threshold']:.4f}; phases: pore {surface['pore_fraction']:.4f} "
            f"(rho < {surface['rho_pore']:g}), surface {surface['surface_fraction']:.4f}, "
            f"bulk {surface['bulk_fraction']:.4f} (rho > {surface['rho_bulk']:g})")


def _keys(names: dict[str, str]) -> dict[str, str]:
    """How the two phases are called in the report, by what a person is told."""
    return {names[name]: name for name in ("filler", "matrix")} if names else {"pores": "pore", "walls": "wall"}


def more_lines(found: dict, names: dict[str, str]) -> list[str]:
    """What only `pfsolid measure` prints: the other areas, chords along the axes, thickness."""
    surface, axes = found["surface"], found["connectivity"]["axes"]
    areas = {"all faces (exact for boxes)": "area_faces_per_nm",
             "faces weighted by 1/(|nx|+|ny|+|nz|)": "area_normals_per_nm",
             "Crofton's formula (right on average over directions)": "area_crofton_per_nm"}
    if surface["area_per_nm"] == surface["area_normals_per_nm"]:
        del areas["faces weighted by 1/(|nx|+|ny|+|nz|)"]
    lines = ["  by " + ", ".join(f"{name} {surface[key]:.4g}" for name, key in areas.items())]
    for name, key in _keys(names).items():
        means = found[f"{key}_chords"]["mean_nm_xyz"]
        along = ", ".join(f"{axis} {_length(means['xyz'.index(axis)])}" for axis in axes)
        thickness = _length(found[f"{key}_thickness"]["mean_nm"])
        lines.append(f"  {name}: mean chords along {along}; mean local thickness {thickness}")
    return lines


def _length(value: float | None) -> str:
    return "endless" if value is None else f"{value:.4g} nm"


def _axes(names: str) -> str:
    return f"percolates along {', '.join(names)}" if names else "does not percolate"
