"""All measures of a microstructure at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spectral.transform import SlabTransform
from .connectivity import Connectivity, Percolation, classify
from .correlation import Correlation, correlate
from .sizes import Chords, measure_chords
from .surface import Surface, survey_surface
from .thickness import Thickness, measure_thickness


@dataclass(frozen=True)
class Morphology:
    """What a microstructure is, in numbers; the same on every rank.  The filler is rho < 1/2.

    Lengths are in the unit of the grid's spacing.

    Attributes
    ----------
    connectivity : Connectivity
        Of filler, matrix and surface layer (rho_pore <= rho <= rho_bulk).
    surface : Surface
    pores, walls : Chords
    density : Correlation
        Of rho: S(k), 2 pi / <k>.
    filler : Correlation
        Of the indicator of the filler: S2(r), first zero.
    surface_depth : float or None
    pore_thickness, wall_thickness : Thickness or None
        None where distributions were not asked for.
    """

    connectivity: Connectivity
    surface: Surface
    pores: Chords
    walls: Chords
    density: Correlation
    filler: Correlation
    surface_depth: float | None = None
    pore_thickness: Thickness | None = None
    wall_thickness: Thickness | None = None

    def as_dict(self, unit_nm: float = 1.0) -> dict:
        """For result.json: plain numbers, lists and strings, None for what does not exist (no NaN, no infinity).

        Parameters
        ----------
        unit_nm : float
            Length in nm of the unit of the grid's spacing.
        """
        radii = {"spheres": self.surface.filler_radius_spheres, "pillars": self.surface.filler_radius_pillars}
        described = {
            "connectivity": _describe_connectivity(self.connectivity),
            "surface": _describe_surface(self.surface, unit_nm),
            "filler_radius_nm": {shape: r * unit_nm for shape, r in radii.items()},
            "lambda_over_r": {shape: self._lambda_over(r) for shape, r in radii.items()},
            "pore_chords": _describe_chords(self.pores, unit_nm),
            "wall_chords": _describe_chords(self.walls, unit_nm),
            "structure_factor": _describe_spectrum(self.density, unit_nm),
            "two_point_correlation": _describe_correlation(self.filler, unit_nm),
            "pore_thickness": _describe_thickness(self.pore_thickness, unit_nm),
            "wall_thickness": _describe_thickness(self.wall_thickness, unit_nm),
        }
        return _plain({name: part for name, part in described.items() if part is not None})

    def _lambda_over(self, radius: float) -> float | None:
        return None if self.surface_depth is None or not radius else self.surface_depth / radius


def measure(rho: np.ndarray, transform: SlabTransform, rho_pore: float = 0.1, rho_bulk: float = 0.9,
            surface_depth: float | None = None, distributions: bool = False) -> Morphology:
    """Measure a density: connectivity, fractions, surface, chords, correlations.

    Collective; overwrites the buffers of the transform.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    rho_pore, rho_bulk : float
        Pore below, bulk above, surface layer between; 0 < rho_pore <= 1/2 <= rho_bulk < 1.
    surface_depth : float, optional
        In the unit of the grid's spacing; for lambda / r of effective-medium theory.
    distributions : bool
        Also the local thickness of pores and walls, which takes about seven times as long as all the rest.

    Raises
    ------
    InputError
        If the slab is not the transform's, thresholds are out of range or rho is not finite; on every rank.
    """
    _check(rho, transform, rho_pore, rho_bulk)
    if np.may_share_memory(rho, transform.real):
        rho = rho.copy()
    surface, solid = survey_surface(rho, transform, rho_pore, rho_bulk)
    if not math.isfinite(surface.porosity_by_mean):
        raise InputError("the density holds values that are not finite (NaN or infinity)")
    filler = solid[1:-1] == 0
    layer = (rho >= rho_pore) & (rho <= rho_bulk)
    connectivity = classify(filler, transform.reducer, transform.ghosts, layer)
    chords = measure_chords(solid, transform)
    correlations = correlate(rho, transform), correlate(filler, transform)
    thickness = [measure_thickness(phase, transform) for phase in (filler, ~filler)] if distributions else []
    return Morphology(connectivity, surface, *chords, *correlations, surface_depth, *thickness)


def _check(rho: np.ndarray, transform: SlabTransform, rho_pore: float, rho_bulk: float) -> None:
    if not 0 < rho_pore <= 0.5 <= rho_bulk < 1:
        raise InputError(f"rho_pore {rho_pore} and rho_bulk {rho_bulk}: 0 < rho_pore <= 0.5 <= rho_bulk < 1 is needed")
    shapes = transform.reducer.gather((np.shape(rho), transform.local_shape))
    for rank, (given, needed) in enumerate(shapes):
        if given != needed:
            raise InputError(f"density of shape {given} on rank {rank}: its slab has shape {needed}")


def _describe_connectivity(connectivity: Connectivity) -> dict:
    described = {"class": connectivity.label}
    for name in ("filler", "matrix", "surface"):
        phase: Percolation = getattr(connectivity, name)
        if phase is not None:
            described[name] = {"percolates_along": phase.axes, "percolating_fraction_xyz": phase.fraction,
                               "largest_cluster_fraction": phase.largest_fraction, "num_clusters": phase.num_clusters,
                               "dimension": phase.dimension}
    return described


def _describe_surface(surface: Surface, unit: float) -> dict:
    return {"pore_fraction": surface.pore_fraction, "surface_fraction": surface.surface_fraction,
            "bulk_fraction": surface.bulk_fraction, "porosity_by_threshold": surface.porosity_by_threshold,
            "porosity_by_mean": surface.porosity_by_mean, "area_per_nm": surface.area_per_volume / unit,
            "area_crofton_per_nm": surface.area_per_volume_crofton / unit}


def _describe_chords(chords: Chords, unit: float) -> dict:
    return {"mean_nm": chords.mean * unit, "mean_nm_xyz": [mean * unit for mean in chords.mean_xyz],
            "wrapping_fraction_xyz": chords.wrapping_fraction,
            "voxel_nm_xyz": [h * unit for h in chords.spacing], "counts_by_voxels_xyz": chords.counts}


def _describe_spectrum(density: Correlation, unit: float) -> dict:
    return {"mean_k_per_nm": density.mean_k / unit, "spacing_nm": density.spacing * unit,
            "spacing_nm_xyz": [length * unit for length in density.spacing_xyz],
            "k_per_nm": density.k / unit, "S_nm3": density.structure_factor * unit**3,
            "k_per_nm_xyz": [k / unit for k in density.k_xyz],
            "S_nm3_xyz": [s * unit**3 for s in density.structure_factor_xyz]}


def _describe_correlation(filler: Correlation, unit: float) -> dict:
    squared = filler.mean**2
    return {"filler_fraction": filler.mean, "first_zero_nm": filler.first_zero * unit,
            "first_zero_nm_xyz": [zero * unit for zero in filler.first_zero_xyz],
            "r_nm": filler.r * unit, "S2": filler.covariance + squared,
            "r_nm_xyz": [r * unit for r in filler.r_xyz], "S2_xyz": [c + squared for c in filler.covariance_xyz]}


def _describe_thickness(thickness: Thickness | None, unit: float) -> dict | None:
    if thickness is None:
        return None
    return {"mean_nm": thickness.mean * unit, "largest_nm": thickness.largest * unit,
            "d10_nm": thickness.quantile(0.1) * unit, "d50_nm": thickness.quantile(0.5) * unit,
            "d90_nm": thickness.quantile(0.9) * unit, "diameter_nm": thickness.diameters * unit,
            "volume_fraction_at_least": thickness.larger}


def _plain(value):
    """Lists and numbers of Python's own; None for what is not finite; floats to 8 digits, below which is rounding."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value
