"""Fields in HDF5; `pfsolid.io.xdmf` describes them for ParaView.

``fields.h5``
    Named fields on one grid.  Adding a field writes the whole file anew under a temporary name (the values of
    the other fields are copied byte by byte) and renames it, so it is never seen half written.
``snapshots/rho_00000123.h5``
    One file for each snapshot in time: a crash while writing one cannot touch the others.

In the file the axes are z, y, x (and then the components of a vector), the reverse of those in memory,
because XDMF and ParaView take the last one for x.  Every dataset has the attributes ``axes``, ``units`` and
``spacing_nm`` (in the order of the axes), the file has whatever provenance the caller gives.  Dimension scales ``x``, ``y``
and ``z`` hold the centres of the voxels in nm, so that xarray and netCDF tools name the axes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import CheckpointError, OutputError
from ..grid import AXES, PeriodicGrid
from ..parallel.collective import agreed_errors, on_root
from ..text import one_line
from .files import damage_errors, make_folder, output_errors, replaced_file
from .hdf5 import LENGTHS_NM, DistributedArray, Layout, create_file, h5py, is_scale, reversed_space
from .hdf5_sources import check_own
from .records import plain
from .transfer import check_inside, copy_values, read_into, write_arrays

FORMAT = "pfsolid fields"
SCHEMA_VERSION = 1
_COMPONENT = "component"
_OF_SCALES = ("DIMENSION_LIST", "DIMENSION_LABELS")  # attributes that refer to places in their own file


@dataclass(frozen=True)
class Field:
    """A field to be written.

    Attributes
    ----------
    array : DistributedArray, global (nx, ny, nz) or (nx, ny, nz, 3)
        In memory's order of axes; a vector with its components last (``np.moveaxis(J, 0, -1)`` is enough).
    units : str
        '1' for a dimensionless one.
    attributes : dict
        More to be stored with the dataset.
    dtype : str, optional
        Stored type, e.g. 'float32' for a picture; default: the array's.
    """

    array: DistributedArray
    units: str
    attributes: dict = field(default_factory=dict)
    dtype: str | None = None


@dataclass(frozen=True)
class FieldInfo:
    """What a file says of a field.

    Attributes
    ----------
    grid_nm : PeriodicGrid
        Spacing in nm.
    num_components : int
        3 for a vector.
    units : str
    dtype : numpy.dtype
    attributes, file_attributes : dict
        Of the dataset and of its file.
    """

    grid_nm: PeriodicGrid
    num_components: int
    units: str
    dtype: np.dtype
    attributes: dict
    file_attributes: dict


# --- writing ------------------------------------------------------------------------------------------------


def write_fields(path, fields: dict[str, Field], grid_nm: PeriodicGrid, attributes: dict, comm,
                 keep_others: bool = True) -> None:
    """Put fields into a file, beside those of other names that it has already.  Collective.

    Parameters
    ----------
    path : Path
        Replaced as a whole; its folder must exist.
    fields : dict of Field
    grid_nm : PeriodicGrid
        Spacing in nm.
    attributes : dict
        Of the file: provenance.  Nested values are stored as JSON.
    comm : Communicator
    keep_others : bool
        False: what the file held before does not matter and is not even read.

    Raises
    ------
    OutputError
        On all ranks: disk full, no permission, or the file is there already with another grid or by another
        program.
    """
    _write(Path(path), fields, grid_nm, attributes, comm, keep_others)


def _write(path: Path, fields, grid_nm, attributes, comm, keep_others: bool) -> None:
    with agreed_errors(comm):
        _check_shapes(path, fields, grid_nm)
    with replaced_file(path, comm) as temporary:
        on_root(comm, _create, path, temporary, fields, grid_nm, attributes, keep_others)
        write_arrays(temporary, {name: one.array.transposed() for name, one in fields.items()}, comm)


def write_snapshot(folder, step: int, reduced_time: float, fields: dict[str, Field], grid_nm: PeriodicGrid,
                   attributes: dict, comm) -> Path:
    """Write one moment of a series as ``folder/<first field>_<step>.h5``.  Collective.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    step : int
    reduced_time : float
        What ParaView shows as the time.
    fields, grid_nm, attributes, comm
        As for `write_fields`.

    Raises
    ------
    OutputError
    """
    folder = Path(folder)
    on_root(comm, make_folder, folder)
    path = folder / f"{next(iter(fields))}_{step:08d}.h5"
    attributes = {**attributes, "step": step, "reduced_time": reduced_time}
    _write(path, fields, grid_nm, attributes, comm, keep_others=False)
    return path


def drop_snapshots_after(folder, step: int, comm) -> int:
    """Remove the snapshots of later steps, which a run resumed at ``step`` will make anew; their number.  Collective."""
    def drop() -> int:
        later = [path for path in list_snapshots(folder) if _step(path) > step]
        for path in later:
            with output_errors(path):
                path.unlink()
        return len(later)

    return on_root(comm, drop)


def list_snapshots(folder) -> list[Path]:
    """Snapshot files in order of their steps, for one rank; none if there is no such folder."""
    found = [path for path in Path(folder).glob("*_*.h5") if _step(path) is not None]
    return sorted(found, key=lambda path: (_step(path), path.name))


def _step(path: Path) -> int | None:
    found = re.fullmatch(r"[^.].*_(\d{8,})\.h5", path.name)
    return int(found[1]) if found else None


def _check_shapes(path, fields, grid_nm) -> None:
    for name, one in fields.items():
        if one.array.global_shape[:3] != grid_nm.shape or one.array.global_shape[3:] not in ((), (3,)):
            raise OutputError(f"cannot write {path}: field {name} of shape {one.array.global_shape} is not "
                              f"on the grid {grid_nm.shape}")


def _create(path: Path, temporary: Path, fields: dict[str, Field], grid_nm: PeriodicGrid, attributes: dict,
            keep_others: bool) -> None:
    """Root's part: the file with all datasets, the values of those that stay copied."""
    kept, file_attributes = {}, {}
    if keep_others and path.exists():
        with output_errors(path):
            layouts, file_attributes = _existing(path, grid_nm)
        kept = {name: layout for name, layout in layouts.items() if name not in fields}
    file_attributes.update(format=FORMAT, schema_version=SCHEMA_VERSION, **_storable(attributes))
    new = {name: _layout(one, grid_nm) for name, one in fields.items()}
    layouts = {**kept, **new}
    create_file(temporary, layouts, file_attributes, coordinates=_coordinates(grid_nm, layouts.values()))
    if kept:
        copy_values(path, temporary, list(kept))


def _layout(one: Field, grid_nm: PeriodicGrid) -> Layout:
    axes = "z y x" + (" component" if len(one.array.global_shape) == 4 else "")
    attributes = {"axes": axes, "units": one.units, "spacing_nm": np.array(grid_nm.spacing[::-1]),
                  **_storable(one.attributes)}
    dtype = np.dtype(one.dtype or one.array.local.dtype)
    if dtype.kind == "b":
        dtype = np.dtype("u1")  # HDF5 has no truth values, and ParaView does not read h5py's
    return _layout_with_scales(one.array.transposed().global_shape, dtype, attributes)


def _layout_with_scales(shape: tuple[int, ...], dtype: np.dtype, attributes: dict) -> Layout:
    return Layout(shape, dtype, attributes, (*AXES[::-1], *([_COMPONENT] if len(shape) == 4 else [])))


def _coordinates(grid_nm: PeriodicGrid, layouts: Iterable[Layout]) -> dict[str, tuple[np.ndarray, str]]:
    centres = {name: ((np.arange(n) + 0.5) * h, "nm") for name, n, h in zip(AXES, grid_nm.shape, grid_nm.spacing)}
    return centres | ({_COMPONENT: (np.arange(3), "1")} if any(_COMPONENT in one.scales for one in layouts) else {})


def _existing(path: Path, grid_nm: PeriodicGrid) -> tuple[dict[str, Layout], dict]:
    layouts = {}
    with h5py.File(path, "r") as file:
        if file.attrs.get("format") != FORMAT:
            raise OutputError(f"cannot add a field to {path}: it is not a fields file of pfsolid")
        for name in _fields_in(file):
            dataset = file[name]
            same_spacing = np.array_equal(dataset.attrs["spacing_nm"], grid_nm.spacing[::-1])
            if not same_spacing or dataset.shape[:3] != grid_nm.shape[::-1]:
                raise OutputError(f"cannot add a field to {path}: its field {name} has another grid")
            layouts[name] = _layout_with_scales(dataset.shape, dataset.dtype, _own_attributes(dataset))
        return layouts, dict(file.attrs)


def _fields_in(file: h5py.File) -> list[str]:
    """All that is stored but the coordinates of the axes."""
    return [name for name, stored in file.items() if not is_scale(stored)]


def _own_attributes(stored) -> dict:
    return {name: value for name, value in stored.attrs.items() if name not in _OF_SCALES}


def _storable(attributes: dict) -> dict:
    """Values HDF5 takes as attributes: strings, numbers, flat arrays; JSON for the rest (None, nested)."""
    def storable(value):
        if isinstance(value, (str, int, float, np.generic, np.ndarray)):
            return value
        return json.dumps(value, default=plain)

    return {name: storable(value) for name, value in attributes.items()}


# --- reading ------------------------------------------------------------------------------------------------


def describe_field(path, name: str, comm) -> FieldInfo:
    """Grid and units of a stored field.  Collective.

    Raises
    ------
    CheckpointError
        On all ranks: no such file or field, not HDF5, or not in the layout of `write_fields`.
    """
    return on_root(comm, _describe, Path(path), name)


def read_field(path, name: str, slices: tuple[slice, ...], comm) -> np.ndarray:
    """This rank's part of a stored field, axes x, y, z (, component).  Collective.

    Parameters
    ----------
    path : Path
    name : str
    slices : tuple of 3 slice
        In the order x, y, z: ``transform.local_slice``.
    comm : Communicator

    Returns
    -------
    ndarray, local (nx, ny, nz) or (nx, ny, nz, 3)
        C order, in the stored dtype.

    Raises
    ------
    CheckpointError
        As `describe_field`, or if the slices lie outside the field.
    """
    path = Path(path)
    info = describe_field(path, name, comm)
    with agreed_errors(comm):
        check_inside(f"{path}: field {name}", slices, info.grid_nm.shape)
    if info.num_components > 1:
        slices = (*slices, slice(0, info.num_components))
    out = np.empty(tuple(s.stop - s.start for s in slices), info.dtype)
    axes = reversed_space(out.ndim)
    read_into(out.transpose(axes), path, name, tuple(slices[i] for i in axes), comm)
    return out


def list_fields(path) -> list[str]:
    """Names of the fields in a file, for one rank.

    Raises
    ------
    CheckpointError
    """
    with damage_errors(path), h5py.File(path, "r") as file:
        return _fields_in(file)


def attributes_of_any(path: Path, name: str) -> tuple[dict, dict]:
    """Attributes of a dataset and of its file, whoever wrote them; nothing for a file that is not HDF5.  For one rank."""
    if not h5py.is_hdf5(path):
        return {}, {}
    with damage_errors(path), h5py.File(path, "r") as file:
        return tuple({key: plain(value) for key, value in _own_attributes(place).items()} for place in (file[name], file))


def _describe(path: Path, name: str) -> FieldInfo:
    with damage_errors(path), h5py.File(path, "r") as file:
        check_own(file, path, name)
        if name not in file:
            raise CheckpointError(f"{path} has no field {name} (it has {', '.join(_fields_in(file)) or 'none'})")
        dataset = file[name]
        attributes = {key: plain(value) for key, value in _own_attributes(dataset).items()}
        if not str(attributes.get("axes")).startswith("z y x") or getattr(dataset, "ndim", 0) not in (3, 4):
            raise CheckpointError(f"{path}: {name} is not a field of pfsolid (no attribute axes = 'z y x')")
        grid = PeriodicGrid(dataset.shape[2::-1], _spacing_of(attributes, path, name)[::-1])
        components = dataset.shape[3] if dataset.ndim == 4 else 1
        return FieldInfo(grid, components, attributes["units"], dataset.dtype, attributes,
                         {key: plain(value) for key, value in file.attrs.items()})


def _spacing_of(attributes: dict, path: Path, name: str) -> tuple[float, ...]:
    spacing = attributes.get("spacing_nm")
    low, high = LENGTHS_NM
    if not (isinstance(spacing, list) and len(spacing) == 3
            and all(isinstance(h, (int, float)) and low <= h <= high for h in spacing)):
        raise CheckpointError(f"{path}: {name} has spacing_nm = {one_line(str(spacing))}, and not three lengths from "
                              f"{low:g} to {high:g} nm")
    return tuple(map(float, spacing))
