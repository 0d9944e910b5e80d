"""`pfsolid measure`: an image or the density of a run to numbers in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..config.estimate import PROGRAM_BYTES
from ..errors import damage_is_a_mistake
from ..io.images.formats import ArrayLayout
from ..io.images.slab import ImageWindow
from ..io.provenance import provenance
from ..io.records import atomic_write_text, write_json
from ..io.run_directory import MORPHOLOGY, check_output_file
from ..parallel.collective import on_root
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..results.measured import (
    GRAINS,
    LABELS,
    MORPHOLOGY_SCHEMA_VERSION,
    NO_SERIES,
    OPEN,
    MeasuredGrains,
    MeasuredLabels,
    MeasuredTwo,
    TakenFor,
)
from ..results.morphology import MorphologyResult
from ..results.run import GridOf
from ..spectral.transform import check_rank_count
from .labelled import LabelOptions, label_lines, label_rows, measure_labels, table_text
from .measure import characterize, more_lines, morphology_lines
from .measured_grains import grain_lines, grain_rows, measure_as_grains
from .measured_source import MeasuredSource, describe_source

_BYTES_PER_VOXEL = 24  # the density and its transform: less than this it never takes

_BOUNDARIES = {
    "open": "the image ends at its faces",
    "periodic": "it goes on beyond its faces as it begins on the other side",
    "mirror": "it goes on beyond its faces as its mirror image",
}


def measure_file(source: str, session: Session, filler: str | None = None, voxel_nm: tuple | None = None,
                 boundary: str | None = None, names: dict[int, str] | None = None, output: Path | None = None,
                 force: bool = False, axes: str | None = None, labelled: LabelOptions | None = None,
                 window: ImageWindow = ImageWindow()) -> tuple[Path, list[str]]:
    """Measure an image or the density of a run and write the numbers as JSON.  Collective.

    Parameters
    ----------
    source : str
        What `pfsolid.io.images` reads: a run directory, HDF5, npy, TIFF.
    filler : str, optional
        Number or name of the filler's label in an image of labels; without it the values are densities.
    voxel_nm : tuple of 3 float, optional
        Edges of a voxel where the file does not say them.
    boundary : {'open', 'periodic', 'mirror'}, optional
        How the image goes on beyond its faces; periodic for the fields of a run, else open.
    names : dict, optional
        What the labels are called.
    output : Path, optional
        Default: morphology.json in the run directory, or beside the file.
    axes : str, optional
        Order of the axes of an array, 'zyx' or another; default: as the file says, or zyx.
    labelled : LabelOptions, optional
        What there is to say of an image of labels, each a phase.
    window : ImageWindow
        Part of it, and how many of its voxels become one.

    Returns
    -------
    path : Path
    lines : list of str
        For a person.

    Raises
    ------
    InputError
    """
    options = labelled or LabelOptions()
    with damage_is_a_mistake():
        asked = on_root(session.comm, describe_source, source, filler, voxel_nm, boundary, names, ArrayLayout(axes),
                        options.values, window)
    options.check(asked)
    check_rank_count(asked.grid_nm, session.reducer.size)
    check_memory(asked.grid_nm.num_voxels, _BYTES_PER_VOXEL, PROGRAM_BYTES, session.comm, str(source))
    path = output or _default_output(Path(source), asked)
    on_root(session.comm, check_output_file, path, force, [asked.info.path], _is_measured)
    if options.csv is not None:
        on_root(session.comm, check_output_file, options.csv, force, [asked.info.path, path], _is_table)
    if options.values == GRAINS:
        return path, _measure_grains(asked, options, session, path)
    if asked.labelled:
        return path, _measure_phases(asked, options, session, path)
    rho, labels = asked.read(session.comm)
    found = characterize(rho, asked.grid_nm, asked.thresholds, asked.surface_depth_nm, session, distributions=True,
                         periodic=asked.boundary != OPEN, labels=labels is not None)
    result = MeasuredTwo(**_about(asked, session), **_phases(asked, labels, found), morphology=found)
    on_root(session.comm, write_json, path, result.to_dict())
    words = {} if labels is None else {"filler": asked.name_of((asked.filler,)), "matrix": asked.name_of(labels)}
    return path, [*_source_lines(asked), *morphology_lines(found, words), *more_lines(found, words)]


def _measure_phases(asked: MeasuredSource, options: LabelOptions, session: Session, path: Path) -> list[str]:
    """Measure, write, and say what a person is told."""
    excluded = options.excluded(asked)
    found = measure_labels(asked, session, excluded, options.needs(asked))
    result = MeasuredLabels(**_about(asked, session), values=LABELS, morphology=found)
    on_root(session.comm, write_json, path, result.to_dict())
    lines = [asked.info.order_line, f"boundary {asked.boundary}: {_BOUNDARIES[asked.boundary]} ({asked.boundary_from})"]
    if excluded:
        lines.append(f"outside the field of view: {', '.join(map(str, excluded))}; all is per volume of the other "
                     f"{100 * found.field_of_view_fraction:.4g} % of the image")
    if options.csv is not None:
        on_root(session.comm, atomic_write_text, options.csv, table_text(label_rows(found)))
    return [*lines, *asked.remarks, *label_lines(found), *([f"table {options.csv}"] if options.csv else [])]


def _measure_grains(asked: MeasuredSource, options: LabelOptions, session: Session, path: Path) -> list[str]:
    """Measure, write, and say what a person is told."""
    excluded = options.excluded(asked)
    found = measure_as_grains(asked, session, excluded, options.orientations, options.crystal_symmetry)
    result = MeasuredGrains(**_about(asked, session), values=GRAINS, morphology=found)
    on_root(session.comm, write_json, path, result.to_dict())
    if options.csv is not None:
        on_root(session.comm, atomic_write_text, options.csv, table_text(grain_rows(found)))
    return [*_source_lines(asked), *grain_lines(found), *([f"table {options.csv}"] if options.csv else [])]


def _is_table(path: Path) -> bool:
    """Whether a file is a table of `measure_file`."""
    try:
        return path.read_bytes().startswith((b"quantity,phases,axis,value,unit", b"label,class,volume_nm3,"))
    except OSError:
        return False


def _about(asked: MeasuredSource, session: Session) -> dict[str, Any]:
    """What every file begins and ends with.  Collective."""
    return {"schema_version": MORPHOLOGY_SCHEMA_VERSION, "source": str(asked.source), "axes_order": asked.info.axes,
            "boundary": asked.boundary, "grid": GridOf(shape=asked.grid_nm.shape, voxel_size_nm=asked.grid_nm.spacing),
            "provenance": provenance(session.comm, seed=None, threads=session.threads, input_text="")}


def _phases(asked: MeasuredSource, labels: tuple[int, ...] | None, found: MorphologyResult) -> dict[str, Any]:
    """What was taken for what."""
    if labels is None:
        return {"filler_label": None, "rho_pore": asked.thresholds[0], "rho_bulk": asked.thresholds[1],
                "thresholds_from": asked.thresholds_from, "surface_depth_nm": asked.surface_depth_nm}
    fraction = found.surface.filler_fraction
    return {"filler_label": asked.filler, "phases": {
        "filler": TakenFor(labels=(asked.filler,), name=asked.name_of((asked.filler,)), fraction=fraction),
        "matrix": TakenFor(labels=labels, name=asked.name_of(labels), fraction=1 - fraction)}}


def _source_lines(asked: MeasuredSource) -> list[str]:
    lines = [asked.info.order_line, f"boundary {asked.boundary}: {_BOUNDARIES[asked.boundary]} ({asked.boundary_from})"]
    if asked.labelled:
        return lines + asked.remarks
    if asked.filler is None:
        lines.append(f"surface layer: thresholds {asked.thresholds_from}")
    if asked.boundary == OPEN:
        lines.append(f"no structure factor: {NO_SERIES}")
    return lines + asked.remarks


def _default_output(source: Path, asked: MeasuredSource) -> Path:
    in_run = source.is_dir() and asked.info.path != source  # not a folder of slices
    return source / MORPHOLOGY if in_run else asked.info.path.with_name(f"{asked.info.path.stem}_{MORPHOLOGY}")


def _is_measured(path: Path) -> bool:
    """Whether a file is one of `measure_file`."""
    try:
        return "morphology" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False
