"""`pfsolid measure --values grains`: a polycrystal to numbers, and a row for each grain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..io.images.slab import Labelling, read_label_slab
from ..io.orientations import Angles, angles_beside, read_angles
from ..morphology.grains import GrainMeasures, measure_grains
from ..parallel.collective import PlaneExchange, on_root
from ..parallel.session import Session
from ..polycrystals.misorientation import misorientations
from ..results.morphology import BoundariesResult, GrainMorphology, GrainSizes, MisorientationResult
from ..spectral.transform import slab_of
from .measured_source import MeasuredSource

_COLUMNS = ("label", "class", "volume_nm3", "diameter_nm", "x_nm", "y_nm", "z_nm", "neighbours", "boundary_nm2", "phi1_deg",
            "Phi_deg", "phi2_deg")
_GRAIN = "grain"
_BIN_DEG = 5.0
_DIGITS = 8


def measure_as_grains(asked: MeasuredSource, session: Session, excluded: tuple[int, ...] = (),
                      orientations: str | Mapping[int, Any] | None = None, symmetry: str | None = None) -> GrainMorphology:
    """Read an image of labels, each a grain, and measure it.  Collective.

    Parameters
    ----------
    asked : MeasuredSource
    excluded : tuple of int
        Labels that are no grains.
    orientations : str or dict, optional
        Where Bunge's angles are (see `pfsolid.io.orientations.read_angles`), or themselves by label; those in the image's
        own file, if not given.
    symmetry : str, optional
        Of the lattice, for misorientations.

    Returns
    -------
    GrainMorphology

    Raises
    ------
    InputError
    """
    started = time.monotonic()
    grid, periodic = asked.grid_nm, asked.boundary == "periodic"
    if asked.boundary == "mirror":
        raise InputError("--boundary mirror: grains are measured open or periodic; an open image has no boundary at its "
                         "ends either")
    angles = on_root(session.comm, _angles, asked, orientations)
    if symmetry is not None and angles is None:
        raise InputError(f"--crystal-symmetry {symmetry}: needs orientations: give --orientations FILE")
    slices = slab_of(grid, session.comm)
    part = read_label_slab(asked.source, slices, session.comm, asked.window, Labelling(), asked.layout)
    labels = np.empty((part.shape[0] + 2, *part.shape[1:]), part.dtype)
    labels[1:-1] = part
    session.progress(lambda: "measuring: grains and their boundaries")
    ghosts = PlaneExchange(session.comm, mirrored=not periodic)
    found = measure_grains(labels, grid, slices[0].start, ghosts, session.reducer, periodic, excluded)
    if not len(found.labels):
        raise InputError(f"--exclude {', '.join(map(str, excluded))}: {asked.info.name} has no other label")
    euler = None if angles is None else np.array([angles.get(int(label), (np.nan,) * 3) for label in found.labels])
    voxel = grid.volume / grid.num_voxels
    return GrainMorphology(
        num_grains=len(found.labels), volume_fraction=float(found.voxels.sum() / grid.num_voxels),
        excluded_labels=tuple(sorted(excluded)), voxels_per_grain=float(found.voxels.mean()), sizes=_sizes(found, voxel),
        boundaries=_boundaries(found, voxel),
        misorientation=None if euler is None or symmetry is None else _misorientation(found, euler, symmetry),
        labels=found.labels, volumes_nm3=found.voxels * voxel, centres_nm=found.centres, neighbours=found.neighbours,
        boundary_nm2=found.boundary, euler_deg=euler, seconds=time.monotonic() - started)


def _angles(asked: MeasuredSource, orientations: str | Mapping[int, Any] | None) -> Angles | None:
    if isinstance(orientations, Mapping):
        return dict(orientations)
    if orientations is not None:
        return read_angles(orientations, "--orientations")
    try:
        return angles_beside(asked.info.path, asked.info.dataset)
    except OSError:  # an array, or a file that only others read
        return None


def _sizes(found: GrainMeasures, voxel: float) -> GrainSizes:
    diameters = np.cbrt(6 / np.pi * found.voxels * voxel)
    return GrainSizes(mean_nm=float(diameters.mean()), by_volume_nm=float(np.average(diameters, weights=found.voxels)),
                      smallest_nm=float(diameters.min()), largest_nm=float(diameters.max()),
                      sd_of_ln=float(np.log(diameters).std()))


def _boundaries(found: GrainMeasures, voxel: float) -> BoundariesResult:
    volume = float(found.voxels.sum() * voxel)
    area = float(found.areas.sum()) / volume
    return BoundariesResult(
        area_normals_per_nm=area, area_faces_per_nm=float(found.faces.sum()) / volume,
        brick_3_over_S_nm=3 / area if area else None, intercept_2_over_S_nm=2 / area if area else None,
        facets=len(found.pairs), neighbours=float(found.neighbours.mean()), free_per_nm=found.free / volume)


def _misorientation(found: GrainMeasures, euler: npt.NDArray[Any], symmetry: str) -> MisorientationResult | None:
    """Of the boundaries whose two grains have orientations; None where there are none."""
    known = ~np.isnan(euler).any(axis=1)[found.pairs].any(axis=1)
    pairs, areas = found.pairs[known], found.areas[known]
    if not len(pairs):
        return None
    angles = misorientations(euler[pairs[:, 0]], euler[pairs[:, 1]], symmetry)
    edges = np.arange(0, 180 + _BIN_DEG, _BIN_DEG)
    edges = edges[:np.searchsorted(edges, angles.max()) + 2]
    shares = np.histogram(angles, edges, weights=areas)[0] / areas.sum()
    return MisorientationResult(symmetry=symmetry, mean_deg=float(np.average(angles, weights=areas)), bin_edges_deg=edges,
                                area_fraction=shares)


def grain_lines(found: GrainMorphology) -> list[str]:
    """What a person is told.

    Parameters
    ----------
    found : GrainMorphology

    Returns
    -------
    list of str
    """
    sizes, boundaries = found.sizes, found.boundaries
    lines = [f"{found.num_grains} grains, {found.voxels_per_grain:.4g} voxels each in the mean, "
             f"{100 * found.volume_fraction:.4g} % of the image",
             f"diameters (of spheres of their volumes): mean {sizes.mean_nm:.4g} nm, by volume {sizes.by_volume_nm:.4g}, "
             f"from {sizes.smallest_nm:.4g} to {sizes.largest_nm:.4g}, standard deviation of ln {sizes.sd_of_ln:.3f}"]
    if boundaries.facets:
        lines.append(f"boundaries: S_V {boundaries.area_normals_per_nm:.4g} nm^2/nm^3, {boundaries.facets} facets, "
                     f"{boundaries.neighbours:.3g} neighbours a grain; brick layer D = 3/S_V = "
                     f"{boundaries.brick_3_over_S_nm:.4g} nm, mean intercept 2/S_V = "
                     f"{boundaries.intercept_2_over_S_nm:.4g} nm")
    if found.misorientation:
        lines.append(f"misorientation ({found.misorientation.symmetry}): mean {found.misorientation.mean_deg:.3g} degrees "
                     "by area")
    return lines


def grain_rows(found: GrainMorphology) -> Iterator[tuple[Any, ...]]:
    """A row for each grain, and the header: a table that `--sigma-table` takes.

    Parameters
    ----------
    found : GrainMorphology

    Yields
    ------
    tuple
    """
    yield _COLUMNS
    euler = np.full((found.num_grains, 3), np.nan) if found.euler_deg is None else found.euler_deg
    diameters = np.cbrt(6 / np.pi * found.volumes_nm3)
    for place, label in enumerate(found.labels.tolist()):
        angles = ["" if np.isnan(one) else _shown(one) for one in euler[place]]
        numbers = map(_shown, (found.volumes_nm3[place], diameters[place], *found.centres_nm[place]))
        yield label, _GRAIN, *numbers, int(found.neighbours[place]), _shown(found.boundary_nm2[place]), *angles


def _shown(value: float) -> str:
    return f"{value:.{_DIGITS}g}"
