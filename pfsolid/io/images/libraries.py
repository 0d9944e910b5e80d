"""Images of formats for which other people keep libraries: Zarr, NRRD, MetaImage, NIfTI, MRC.

They come with ``pip install pfsolid[images]``; each is loaded when a file of its kind is opened.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np

from ...errors import InputError
from .arrays import Squeezed, pages_of, squeezed
from .description import ArrayLayout, describe_array
from .units import nm_of

_NIFTI_UNITS = {1: 1e9, 2: 1e6, 3: 1e3}  # of xyzt_units: m, mm, micrometre


def _library(name: str, path: Path):
    """A module; InputError where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        kept = {"nrrd": "pynrrd"}.get(name, name)
        raise InputError(f"{path} needs the package {kept} to be read: pip install {kept}, or pfsolid[images] for all "
                         "formats") from error


@contextmanager
def open_nrrd(path: Path, _, layout: ArrayLayout):
    """NRRD: values with x fastest; edges from ``spacings`` or ``space directions``, in ``space units``."""
    values, header = _library("nrrd", path).read(str(path))
    edges = header.get("spacings")
    if edges is None and "space directions" in header:
        edges = np.linalg.norm(np.asarray(header["space directions"], float), axis=1)
    units = header.get("space units") or header.get("units") or []
    nm = [nm_of(unit) for unit in units]
    yield from _described(path, values, "xyz", edges, nm[:3] if nm and None not in nm else None, layout)


@contextmanager
def open_metaimage(path: Path, _, layout: ArrayLayout):
    """MetaImage (.mhd with .raw, .mha): z, y, x as SimpleITK gives arrays; it does not say its unit."""
    itk = _library("SimpleITK", path)
    image = itk.ReadImage(str(path))
    yield from _described(path, itk.GetArrayViewFromImage(image), "zyx"[-image.GetDimension():], image.GetSpacing()[::-1],
                          None, layout)


@contextmanager
def open_nifti(path: Path, _, layout: ArrayLayout):
    """NIfTI (.nii, .nii.gz): x, y, z, edges in the unit of ``xyzt_units``."""
    image = _library("nibabel", path).load(path)
    unit = _NIFTI_UNITS.get(int(image.header["xyzt_units"]) & 7)
    yield from _described(path, np.asanyarray(image.dataobj), "xyz", image.header.get_zooms(), unit and [unit] * 3, layout)


@contextmanager
def open_mrc(path: Path, _, layout: ArrayLayout):
    """MRC (.mrc, .rec, .map): z, y, x, edges in angstrom."""
    with _library("mrcfile", path).mmap(path, mode="r", permissive=False) as file:
        size = file.voxel_size
        edges = [float(size.z), float(size.y), float(size.x)]
        yield from _described(path, file.data, "zyx", edges[-file.data.ndim:], [0.1] * 3, layout)


@contextmanager
def open_zarr(path: Path, name: str | None, layout: ArrayLayout):
    """Zarr: an array, or one of a group; axes and edges as OME-NGFF (0.4) writes them, or ``_ARRAY_DIMENSIONS``."""
    stored = _library("zarr", path).open(str(path), mode="r")
    scales = (dict(stored.attrs).get("multiscales") or [{}])[0]
    datasets = scales.get("datasets") or []
    if name is None and datasets:
        name = datasets[0]["path"]
    if name is not None and name not in stored:
        raise InputError(f"{path} has no array {name}; it has {_arrays(stored)}")
    array = stored if name is None else stored[name]
    if not hasattr(array, "shape"):
        raise InputError(f"{path} is a group; name an array of it as {path}:ARRAY: it has {_arrays(array)}")
    axes = [axis["name"] for axis in scales.get("axes") or []] or list(array.attrs.get("_ARRAY_DIMENSIONS", []))
    nm = [nm_of(axis.get("unit", "")) for axis in scales.get("axes") or []]
    edges = next((one["scale"] for entry in datasets if entry["path"] == name
                  for one in entry.get("coordinateTransformations", []) if one.get("type") == "scale"), None)
    kept = squeezed(f"{path}:{name}" if name else str(path), array, axes)
    if edges is not None and len(edges) == len(array.shape):
        edges, nm = kept.take(edges), kept.take(nm)
    order = "".join(kept.take(axes)).lower() if len(axes) == len(array.shape) else ""
    said = order if sorted(order) in (list("xyz"), list("xy")) else None
    known = nm if edges is not None and nm and None not in nm else None
    yield from _described(path, kept, said, edges, known, layout, name)


def _arrays(group) -> str:
    """Those of a group and of the groups in it, by name."""
    names, groups = [], [("", group)]
    while groups and len(names) < 9:
        before, one = groups.pop()
        names += [f"{before}{name}" for name, _ in one.arrays()]
        groups += [(f"{before}{name}/", inner) for name, inner in one.groups()]
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "none"


def _described(path: Path, values, axes: str | None, edges, nm, layout: ArrayLayout, name: str | None = None):
    """ImageInfo and pages of an array; ``axes``, ``edges`` and ``nm``, the unit, go by the axes of the array."""
    kept = values if isinstance(values, Squeezed) else squeezed(str(path), values)
    if kept is not values and len(values.shape) > 3:
        at_front = len(values.shape) - 1 in kept.kept
        axes = "".join(kept.take(axes.rjust(len(values.shape), "t") if at_front else axes.ljust(len(values.shape), "t")))
        edges, nm = (part if part is None or len(part) < len(values.shape) else kept.take(part) for part in (edges, nm))
    edges = None if edges is None else tuple(float(edge) for edge in edges)[:kept.ndim]
    if edges is None or len(edges) < kept.ndim or not all(np.isfinite(edge) and edge > 0 for edge in edges):
        edges = nm = None
    in_nm = tuple(edge * unit for edge, unit in zip(edges, nm)) if nm is not None else None
    info = describe_array(path, name, kept, _three(in_nm), layout, axes and (axes, "as the file says"),
                          fixed=axes is not None, spacing=None if in_nm else _three(edges))
    yield info, pages_of(kept)


def _three(edges):
    """Edges of a page: as thick as its first edge."""
    return edges and (edges[0],) * (3 - len(edges)) + edges
