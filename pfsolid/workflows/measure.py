"""Measure a density field: what kind of microstructure it is, in numbers."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ..config.conduction import DEFAULT_THRESHOLDS
from ..errors import InputError
from ..grid import PeriodicGrid
from ..io.images.formats import ArrayLayout
from ..io.images.slab import ImageInfo, describe_image, read_image_slab
from ..io.provenance import provenance
from ..io.records import write_json
from ..io.run_directory import MORPHOLOGY
from ..morphology.measure import measure
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..spectral.transform import SlabTransform, check_rank_count, slab_of


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
    pores, walls = (_length(found[name]["mean_nm"]) for name in ("pore_chords", "wall_chords"))
    return [f"connectivity {connectivity['class']}: {phases}",
            f"interface {found['surface']['area_crofton_per_nm']:.4g} nm^2/nm^3, mean chords: pores {pores}, walls {walls}"]


def _length(value: float | None) -> str:
    return "endless" if value is None else f"{value:.4g} nm"


def _axes(names: str) -> str:
    return f"percolates along {', '.join(names)}" if names else "does not percolate"


def measure_file(source: str, session: Session, filler: int | None = None, voxel_nm: float | None = None,
                 output: Path | None = None, force: bool = False, axes: str | None = None) -> tuple[Path, dict]:
    """Measure an image or the density of a run and write the numbers as JSON.  Collective.

    Parameters
    ----------
    source : str
        What `pfsolid.io.images` reads: a run directory, HDF5, npy, TIFF.
    filler : int, optional
        Label of the filler in a label image; without it the values are densities.
    voxel_nm : float, optional
        Edge of a voxel where the file does not say it.
    output : Path, optional
        Default: morphology.json in the run directory, or beside the file.
    axes : str, optional
        Order of the axes of an array, 'zyx' or another; default: as the file says, or zyx.

    Raises
    ------
    InputError
    """
    layout = ArrayLayout(axes)
    info = on_root(session.comm, describe_image, source, layout)
    grid_nm = _grid_of(info, voxel_nm)
    check_rank_count(grid_nm, session.reducer.size)
    path = output or _default_output(Path(source), info)
    on_root(session.comm, _check_output, path, force)
    session.say(info.order_line)
    rho = _read(source, layout, info, grid_nm, filler, session)
    found = characterize(rho, grid_nm, DEFAULT_THRESHOLDS, None, session, distributions=True)
    result = {"source": str(source), "axes_order": info.axes, "filler_label": filler, "morphology": found,
              "grid": {"shape": grid_nm.shape, "voxel_size_nm": grid_nm.spacing},
              "provenance": provenance(session.comm, seed=None, threads=session.threads, input_text="")}
    on_root(session.comm, write_json, path, result)
    return path, found


def _grid_of(info: ImageInfo, voxel_nm: float | None) -> PeriodicGrid:
    if voxel_nm is not None and not voxel_nm > 0:
        raise InputError(f"--voxel-nm {voxel_nm:g}: a positive length is needed")
    if info.spacing_nm is not None and voxel_nm is None:
        return PeriodicGrid(info.shape, info.spacing_nm)
    if voxel_nm is None:
        raise InputError(f"{info.name} does not say how large its voxels are: give --voxel-nm")
    return PeriodicGrid(info.shape, (voxel_nm,) * 3)


def _read(source: str, layout: ArrayLayout, info: ImageInfo, grid_nm: PeriodicGrid, filler: int | None,
          session: Session) -> np.ndarray:
    slices = slab_of(grid_nm, session.comm)
    if filler is None:
        return read_image_slab(source, slices, session.comm, layout=layout).astype(np.float64)
    if info.dtype.kind not in "iub":
        raise InputError(f"--filler {filler}: {info.name} holds {info.dtype}, and labels are whole numbers")
    scale = 1.0 if info.dtype.kind == "b" else float(np.iinfo(info.dtype).max)
    labels = np.rint(read_image_slab(source, slices, session.comm, full_scale=scale, layout=layout) * scale)
    return (labels != filler).astype(np.float64)


def _default_output(source: Path, info: ImageInfo) -> Path:
    return source / MORPHOLOGY if source.is_dir() else info.path.with_name(f"{info.path.stem}_{MORPHOLOGY}")


def _check_output(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise InputError(f"{path} exists; give another -o, or --force")
    if not path.absolute().parent.is_dir():
        raise InputError(f"cannot write {path}: its directory does not exist")
