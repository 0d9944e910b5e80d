"""All measures of a microstructure at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..parallel.slab import Slab
from ..results.morphology import (
    ByShape,
    ChordsResult,
    ConnectivityResult,
    MorphologyResult,
    PhaseConnectivity,
    StructureFactor,
    SurfaceResult,
    ThicknessResult,
    TwoPointCorrelation,
)
from ..results.record import Record
from ..spectral.transform import SlabTransform
from .connectivity import Connectivity, Percolation, classify
from .correlation import Correlation, correlate, correlate_open
from .open_image import OpenImage
from .sizes import Chords, measure_chords
from .surface import Surface, survey_surface
from .thickness import Thickness, measure_thickness


@dataclass(frozen=True)
class Morphology:
    """What a microstructure is, in numbers; the same on every rank.  The filler is rho < 1/2, the pores of a density.

    Lengths are in the unit of the grid's spacing.

    Attributes
    ----------
    connectivity : Connectivity
        Of filler, matrix and, for a density, surface layer (rho_pore <= rho <= rho_bulk).
    surface : Surface
    pores, walls : Chords
        Of filler and matrix.
    density : Correlation
        Of rho: S(k), 2 pi / <k>.
    filler : Correlation
        Of the indicator of the filler: S2(r), first zero.
    surface_depth : float or None
    pore_thickness, wall_thickness : Thickness or None
        None where distributions were not asked for.
    labels : bool
        Of two labels, which are neither pores nor walls and have no surface layer.
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
    labels: bool = False

    def result(self, unit_nm: float = 1.0) -> MorphologyResult:
        """For result.json: floats to 8 digits, below which is rounding, None for what is not finite.

        Parameters
        ----------
        unit_nm : float
            Length in nm of the unit of the grid's spacing.
        """
        first, second = ("filler", "matrix") if self.labels else ("pore", "wall")
        radii = {"spheres": self.surface.filler_radius_spheres, "pillars": self.surface.filler_radius_pillars}
        return rounded(MorphologyResult(
            connectivity=_connectivity(self.connectivity),
            surface=_surface(self.surface, unit_nm, self.labels),
            filler_radius_nm=ByShape(**{shape: r * unit_nm for shape, r in radii.items()}),
            lambda_over_r=ByShape(**{shape: self._lambda_over(r) for shape, r in radii.items()}),
            structure_factor=_spectrum(self.density, unit_nm),
            two_point_correlation=correlation_result(self.filler, unit_nm),
            **{f"{first}_chords": chords_result(self.pores, unit_nm), f"{second}_chords": chords_result(self.walls, unit_nm),
               f"{first}_thickness": thickness_result(self.pore_thickness, unit_nm),
               f"{second}_thickness": thickness_result(self.wall_thickness, unit_nm)}))

    def _lambda_over(self, radius: float) -> float | None:
        return None if self.surface_depth is None or not radius else self.surface_depth / radius


def measure(rho: np.ndarray, transform: SlabTransform, rho_pore: float = 0.1, rho_bulk: float = 0.9,
            surface_depth: float | None = None, distributions: bool = False, image: OpenImage | None = None,
            labels: bool = False, attend: Callable[[], None] = lambda: None) -> Morphology:
    """Measure a density: connectivity, fractions, surface, chords, correlations.

    Collective; overwrites the buffers of the transform.

    Parameters
    ----------
    rho : ndarray, local (n0, n1, n2)
    transform : SlabTransform
        Of the periodic cell; for an open image one on `pfsolid.morphology.correlation.padded_grid`.
    rho_pore, rho_bulk : float
        Pore below, bulk above, surface layer between; 0 < rho_pore <= 1/2 <= rho_bulk < 1.
    surface_depth : float, optional
        In the unit of the grid's spacing; for lambda / r of effective-medium theory.
    distributions : bool
        Also the local thickness of pores and walls and the area by the normals of the faces, which take several times as
        long as all the rest.
    image : OpenImage, optional
        The density is not periodic: it ends at its faces.
    labels : bool
        ``rho`` is 0 on one label and 1 on the others: no surface layer, and the area is that by the normals.
    attend : callable
        Called between the parts, on every rank; may raise to stop.

    Returns
    -------
    Morphology

    Raises
    ------
    InputError
        If the slab is not the transform's, thresholds are out of range or rho is not finite; on every rank.
    """
    cell = image or transform
    _check(rho, cell, rho_pore, rho_bulk)
    if np.may_share_memory(rho, transform.real):
        rho = rho.copy()
    surface, solid = survey_surface(rho, cell, rho_pore, rho_bulk, distributions or labels)
    if not math.isfinite(surface.porosity_by_mean):
        raise InputError("the density holds values that are not finite (NaN or infinity)")
    filler = solid[1:-1] == 0
    layer = None if labels else (rho >= rho_pore) & (rho <= rho_bulk)
    attend()
    connectivity = classify(filler, cell.reducer, cell.ghosts, layer, cell.periodic)
    attend()
    chords = measure_chords(solid, cell)
    attend()
    correlations = [correlate(field, transform) if image is None else correlate_open(field, image, transform)
                    for field in (rho, filler)]
    thickness = [None, None]
    for number, phase in enumerate((filler, ~filler) if distributions else ()):
        attend()
        thickness[number] = measure_thickness(phase, cell)
    return Morphology(connectivity, surface, *chords, *correlations, surface_depth, *thickness, labels)


def _check(rho: np.ndarray, cell: Slab, rho_pore: float, rho_bulk: float) -> None:
    if not 0 < rho_pore <= 0.5 <= rho_bulk < 1:
        raise InputError(f"rho_pore {rho_pore} and rho_bulk {rho_bulk}: 0 < rho_pore <= 0.5 <= rho_bulk < 1 is needed")
    shapes = cell.reducer.gather((np.shape(rho), cell.local_shape))
    for rank, (given, needed) in enumerate(shapes):
        if given != needed:
            raise InputError(f"density of shape {given} on rank {rank}: its slab has shape {needed}")


def _connectivity(connectivity: Connectivity) -> ConnectivityResult:
    phases = {name: getattr(connectivity, name) for name in ("filler", "matrix", "surface")}
    return ConnectivityResult(label=connectivity.label, axes=connectivity.extended_axes,
                              **{name: phase and _percolation(phase) for name, phase in phases.items()})


def _percolation(phase: Percolation) -> PhaseConnectivity:
    return PhaseConnectivity(percolates_along=phase.axes, percolating_fraction_xyz=phase.fraction,
                             largest_cluster_fraction=phase.largest_fraction, num_clusters=phase.num_clusters,
                             dimension=phase.dimension)


def _surface(surface: Surface, unit: float, labels: bool) -> SurfaceResult:
    areas = {"area_per_nm": surface.area_per_volume, "area_normals_per_nm": surface.area_by_normals,
             "area_faces_per_nm": surface.area_by_faces, "area_crofton_per_nm": surface.area_by_crofton}
    areas = {name: None if area is None else area / unit for name, area in areas.items()}
    if labels:
        return SurfaceResult(filler_fraction=surface.porosity_by_threshold, area_is_by=surface.area_is_by, **areas)
    return SurfaceResult(pore_fraction=surface.pore_fraction, surface_fraction=surface.surface_fraction,
                         bulk_fraction=surface.bulk_fraction, porosity_by_threshold=surface.porosity_by_threshold,
                         porosity_by_mean=surface.porosity_by_mean, area_is_by=surface.area_is_by,
                         area_gradient_per_nm=surface.area_by_gradient / unit, **areas)


def chords_result(chords: Chords, unit: float) -> ChordsResult:
    """For result.json, with lengths in ``unit`` nm.

    Parameters
    ----------
    chords : Chords
    unit : float
        nm, of the lengths.

    Returns
    -------
    ChordsResult
    """
    return ChordsResult(mean_nm=chords.mean * unit, mean_nm_xyz=tuple(mean * unit for mean in chords.mean_xyz),
                        wrapping_fraction_xyz=chords.wrapping_fraction, cut_fraction_xyz=chords.cut_fraction,
                        voxel_nm_xyz=tuple(h * unit for h in chords.spacing), counts_by_voxels_xyz=tuple(chords.counts))


def _spectrum(density: Correlation, unit: float) -> StructureFactor | None:
    if density.k is None:
        return None
    return StructureFactor(
        mean_k_per_nm=density.mean_k / unit, spacing_nm=density.spacing * unit,
        spacing_nm_xyz=tuple(length * unit for length in density.spacing_xyz),
        k_per_nm=density.k / unit, S_nm3=density.structure_factor * unit**3,
        k_per_nm_xyz=tuple(k / unit for k in density.k_xyz),
        S_nm3_xyz=tuple(s * unit**3 for s in density.structure_factor_xyz))


def correlation_result(filler: Correlation, unit: float) -> TwoPointCorrelation:
    """For result.json, with lengths in ``unit`` nm.

    Parameters
    ----------
    filler : Correlation
    unit : float
        nm, of the lengths.

    Returns
    -------
    TwoPointCorrelation
    """
    squared = filler.mean**2
    return TwoPointCorrelation(
        filler_fraction=filler.mean, first_zero_nm=filler.first_zero * unit,
        first_zero_nm_xyz=tuple(zero * unit for zero in filler.first_zero_xyz),
        r_nm=filler.r * unit, S2=filler.covariance + squared,
        r_nm_xyz=tuple(r * unit for r in filler.r_xyz), S2_xyz=tuple(c + squared for c in filler.covariance_xyz))


def thickness_result(thickness: Thickness | None, unit: float) -> ThicknessResult | None:
    """For result.json, with lengths in ``unit`` nm; None where there is none.

    Parameters
    ----------
    thickness : Thickness, optional
    unit : float
        nm, of the lengths.

    Returns
    -------
    ThicknessResult or None
    """
    if thickness is None:
        return None
    return ThicknessResult(
        mean_nm=thickness.mean * unit, largest_nm=thickness.largest * unit, d10_nm=thickness.quantile(0.1) * unit,
        d50_nm=thickness.quantile(0.5) * unit, d90_nm=thickness.quantile(0.9) * unit,
        diameter_nm=thickness.diameters * unit, volume_fraction_at_least=thickness.larger)


def rounded(value):
    """The same with floats to 8 digits, below which is rounding, and None for those that are not finite."""
    if isinstance(value, Record):
        return type(value)(**{name: rounded(one) for name, one in vars(value).items()})
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind != "f" else np.array([float(f"{one:.8g}") for one in value.tolist()])
    if isinstance(value, (list, tuple)):
        return tuple(rounded(item) for item in value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value
