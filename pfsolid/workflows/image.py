"""Conduction on an image of labels: from a file to a directory with its conductivity."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..conduction.effective import preconditioner_precision
from ..conduction.phases import check_conductivities
from ..config.conduction import SolverConfig
from ..config.estimate import PROGRAM_BYTES, conduction_bytes_per_voxel
from ..config.image import ImageStudyConfig, study_to_toml
from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..homogenization.report import conduction_lines, conduction_result
from ..homogenization.solve import IMAGE_HALVED, Conduction, GridPart, Medium, settings_of_second, solve_conduction
from ..io.images.formats import ImageInfo, RawLayout
from ..io.images.slab import ImageWindow, Labelling, describe_image, read_label_slab
from ..io.provenance import provenance
from ..io.records import atomic_write_text, write_json
from ..io.run_directory import FIELDS, INPUT, LOG, RESULT, prepare_run_directory
from ..io.series import write_xdmf
from ..labels import check_label_known, empty_labels, label_counts
from ..morphology.layers import surface_layer
from ..parallel.collective import on_root
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..spectral.transform import CosineSlabTransform, SlabTransform, check_rank_count
from ..text import in_words, plural
from ..units import M2_PER_CM2, NM_PER_M
from .console import log_to
from .fields import FieldStore, store_solution


@dataclass(frozen=True)
class _Part:
    """One way of laying the image on a grid, and the axes of the grid to solve for."""

    window: ImageWindow
    fields: tuple[int, ...]
    grid_nm: PeriodicGrid

    @property
    def axis_names(self) -> str:
        return "".join(AXES[axis] for axis in self.window.axes)


@dataclass(frozen=True)
class _Image:
    """A part as it is solved, and how many of its voxels are a layer that was laid on it."""

    medium: Medium
    num_laid: int


def conduct_image(study: ImageStudyConfig, directory: Path, session: Session, force: bool = False) -> dict:
    """Read an image, lay its layer, solve conduction, leave everything in ``directory``.  Collective.

    Returns
    -------
    dict
        What result.json holds.

    Raises
    ------
    InputError
        Before anything is computed.
    Interrupted, ConvergenceError, OutputError
    """
    started = time.monotonic()
    info = on_root(session.comm, describe_image, study.image.file, _raw_layout(study))
    parts = _parts(study, info)
    for part in parts:
        check_rank_count(part.grid_nm, session.reducer.size)
    grid_nm = parts[0].grid_nm
    check_memory(grid_nm.num_voxels, conduction_bytes_per_voxel(study.conduction, grid_nm), PROGRAM_BYTES, session.comm,
                 info.name)
    # Values that cannot be used are refused here, before anything is replaced.
    first = _read_part(study, parts[0], parts[0].grid_nm, study.conduction, session)
    directory = prepare_run_directory(directory, force, session.comm)
    text = study_to_toml(study)
    on_root(session.comm, atomic_write_text, directory / INPUT, text)
    log_to(directory / LOG, session)
    session.say(_headline(study, info, parts[0], session))
    record = provenance(session.comm, seed=None, threads=session.threads, input_text=text)
    file_grid = _in_file_order(parts[0])
    stored = set()
    solved = []
    for part in parts:
        image = first if part is parts[0] else _read_part(study, part, part.grid_nm, study.conduction, session)
        solved.append(_solve_part(study, part, image, session, directory / FIELDS, file_grid, record | {"input": text},
                                  stored))
    found = _joined(solved, parts)
    result = {"title": study.title, "source": str(study.image.file), "boundary": study.image.boundary,
              "grid": {"shape": file_grid.shape, "voxel_size_nm": file_grid.spacing}}
    result |= conduction_result(found, study.names, study.conduction, study.phases.reference)
    for line in conduction_lines(found, study.names):
        session.say(line)
    write_xdmf(directory / FIELDS, session.comm)
    on_root(session.comm, write_json, directory / RESULT, result | {"provenance": record})
    session.say(f"done in {in_words(time.monotonic() - started)}: {directory / RESULT}")
    return result


def is_image_study(directory: Path) -> bool:
    """Whether a directory holds one.  For one rank."""
    path = Path(directory) / INPUT
    return path.is_file() and "\n[image]\n" in path.read_text(encoding="utf-8")


# --- the image and its grid ---------------------------------------------------------------------------------


def _raw_layout(study: ImageStudyConfig) -> RawLayout | None:
    image = study.image
    if image.raw_shape is None:
        return None
    return RawLayout(image.raw_shape, image.raw_dtype, image.raw_offset, image.raw_fastest_axis)


def _parts(study: ImageStudyConfig, info: ImageInfo) -> list[_Part]:
    """All field axes at once where the cell is periodic; each for itself between electrodes, the field's axis first."""
    image = study.image
    crop = tuple(pair or None for pair in image.crop or (None,) * 3)
    fields = tuple(AXES.index(name) for name in image.field_axes)
    if image.boundary != "electrodes":
        # An axis of one voxel is its own mirror image.
        mirrored = tuple(image.boundary == "mirror" and n > 1 for n in info.shape)
        return [_part(study, info, ImageWindow(crop, mirrored), fields)]
    orders = [(axis, *(other for other in range(3) if other != axis)) for axis in fields]
    return [_part(study, info, ImageWindow(crop, axes=order), (0,)) for order in orders]


def _part(study: ImageStudyConfig, info: ImageInfo, window: ImageWindow, fields: tuple) -> _Part:
    spacing = study.image.voxel_size_nm or info.spacing_nm
    if spacing is None:
        raise InputError(f"{info.name} does not say how large its voxels are: give image.voxel_size_nm (--voxel-nm)")
    return _Part(window, fields, PeriodicGrid(window.grid_shape(info), window.in_grid_order(spacing)))


def _in_file_order(part: _Part) -> PeriodicGrid:
    order = np.argsort(part.window.axes)
    return PeriodicGrid(*(tuple(values[i] for i in order) for values in (part.grid_nm.shape, part.grid_nm.spacing)))


def _headline(study: ImageStudyConfig, info: ImageInfo, part: _Part, session: Session) -> str:
    shape = " x ".join(map(str, _in_file_order(part).shape))
    return (f"pfsolid: conduction on {study.title or info.name}: {shape} voxels, {study.image.boundary}, on "
            f"{plural(session.reducer.size, 'rank')} x {plural(session.threads, 'thread')}")


# --- the computation ----------------------------------------------------------------------------------------


def _solve_part(study: ImageStudyConfig, part: _Part, image: _Image, session: Session, fields: Path, file_grid: PeriodicGrid,
                attributes: dict, stored: set) -> Conduction:
    """Labels, layer and solve of one part; labels and the first current go to a file, and to ``stored`` that they did."""
    medium = image.medium
    _tell_of_layer(study, image, session)
    store = FieldStore(fields, file_grid, medium.transform, session, attributes, part.window.axes)
    if "phase" not in stored:
        stored.add("phase")
        store.write("phase", medium.labels[1:-1], "1",
                    phases=", ".join(f"{label} {name}" for label, name in study.names.items()))

    def keep(axis, system, unit):
        if "solution" not in stored:
            stored.add("solution")
            store_solution(store, system, axis, part.axis_names[axis], unit, study.output,
                           study.conduction.applied_field_V_per_m)

    found = solve_conduction(medium, study.conduction, session, part.fields, keep)
    medium.transform.close()
    if study.conduction.grid_error == "refinement":
        found = replace(found, grid=_refined(study, part, found, session))
    return found


def _refined(study: ImageStudyConfig, part: _Part, found: Conduction, session: Session) -> GridPart:
    """The tensor of the same image on voxels of half the edge, with the layer laid on them anew.  Collective."""
    settings = settings_of_second(study.conduction, found)
    image = _read_part(study, part, part.grid_nm.halved(), settings, session)
    _tell_of_layer(study, image, session, " on voxels of half the edge")
    fine = solve_conduction(image.medium, settings, session, part.fields)
    image.medium.transform.close()
    return GridPart(tensor=fine.effective.tensor, **IMAGE_HALVED)


def _read_part(study: ImageStudyConfig, part: _Part, grid_nm: PeriodicGrid, settings: SolverConfig,
               session: Session) -> _Image:
    """The image on a grid: that of the part, or the same in voxels of half the edge.  Collective."""
    kind = CosineSlabTransform if study.image.boundary == "electrodes" else SlabTransform
    precision = preconditioner_precision(settings.relative_tolerance)
    transform = kind(grid_nm, session.comm, precision, session.threads)
    labels = _read_labels(study, part, transform, session)
    num_laid = 0
    if study.layer is not None:
        num_laid = _lay_surface(study, labels, transform, session)
    check_label_known(label_counts(labels[1:-1], session.reducer), study.phases.sigma_S_per_cm, "conductivity")
    return _Image(Medium(labels, lambda temperature: _checked(study, temperature), transform, part.axis_names,
                         _resistances(study)), num_laid)


def _read_labels(study: ImageStudyConfig, part: _Part, transform: SlabTransform, session: Session) -> np.ndarray:
    """Ghosted labels of this rank's slab; on a halved grid each voxel twice."""
    labels = empty_labels(transform)
    halved = transform.grid != part.grid_nm
    times = [fine // coarse for fine, coarse in zip(transform.grid.shape, part.grid_nm.shape)]
    voxels = tuple(slice(s.start // n, -(-s.stop // n)) for s, n in zip(transform.local_slice, times))
    image = read_label_slab(study.image.file, voxels, session.comm, part.window,
                            Labelling(study.image.thresholds or (), study.image.labels or {}), _raw_layout(study),
                            None if halved else labels[1:-1])
    if halved:
        for axis, n in enumerate(times):
            image = image.repeat(n, axis)
        first = transform.local_slice[0].start - times[0] * voxels[0].start
        labels[1:-1] = image[first:first + transform.local_shape[0]]
    transform.ghosts.fill(labels)
    return labels


def _lay_surface(study: ImageStudyConfig, labels: np.ndarray, transform: SlabTransform, session: Session) -> int:
    """Put the layer into the labels; its number of voxels."""
    layer = study.layer
    counts = label_counts(labels[1:-1], session.reducer)
    check_label_known({n: counts[n] for n in counts if n == layer.on or n in layer.facing}, counts, "voxels")
    periodic = (study.image.boundary != "electrodes",) * 3
    return surface_layer(labels, layer.on, layer.facing, layer.width_nm, transform, layer.label, periodic)


def _tell_of_layer(study: ImageStudyConfig, image: _Image, session: Session, where: str = "") -> None:
    if study.layer is None:
        return
    grid_nm = image.medium.transform.grid
    if not where:
        _warn_of_thin(study.layer.width_nm, grid_nm, session)
    session.say(f"surface layer{where}: {image.num_laid} voxels, {100 * image.num_laid / grid_nm.num_voxels:.3g} % of the "
                "volume")


def _warn_of_thin(width_nm: float, grid_nm: PeriodicGrid, session: Session) -> None:
    voxels = width_nm / max(grid_nm.spacing)
    if voxels < 2:
        session.warn(f"the surface layer is {voxels:.2g} voxels wide: curved, its volume may come out 20 % too small")


def _checked(study: ImageStudyConfig, temperature: float | None) -> np.ndarray:
    """Conductivities in S/m; labels between those given do not occur and count as insulators."""
    sigma = np.nan_to_num(study.sigma_S_per_m(temperature))
    check_conductivities(sigma)
    return sigma


def _resistances(study: ImageStudyConfig) -> dict:
    """In nm/(S/m), for a grid that counts in nm."""
    found = {}
    for pair, value in study.phases.interface_resistance_ohm_cm2.items():
        a, b = map(int, pair.split(":"))
        found[a, b] = value * M2_PER_CM2 * NM_PER_M
    return found


def _joined(solved: list[Conduction], parts: list[_Part]) -> Conduction:
    """One result from the axes that were solved each for itself."""
    first = solved[0]
    if len(parts) == 1 and parts[0].window.axes == (0, 1, 2):
        return first
    axes = tuple(part.window.axes[0] for part in parts)
    series = []
    for index in range(len(first.temperatures)):
        ones = [one.series[index] for one in solved]
        tensor = np.full((3, 3), np.nan)
        error, iterations, percolating = [0.0] * 3, [0] * 3, [False] * 3
        for axis, one in zip(axes, ones):
            tensor[axis, axis] = one.tensor[0, 0]
            error[axis], iterations[axis], percolating[axis] = one.relative_error[0], one.iterations[0], one.percolating[0]
        series.append(replace(ones[0], tensor=tensor, relative_error=tuple(error), iterations=tuple(iterations),
                              percolating=tuple(percolating), asymmetry=0.0))
    currents = {axis: one.currents[0] for axis, one in zip(axes, solved) if 0 in one.currents}
    grid = None
    if first.grid is not None:
        tensor = np.full((3, 3), np.nan)
        for axis, one in zip(axes, solved):
            tensor[axis, axis] = one.grid.tensor[0, 0]
        grid = replace(first.grid, tensor=tensor)
    return replace(first, axes=axes, series=tuple(series), currents=currents, grid=grid,
                   seconds=sum(one.seconds for one in solved))
