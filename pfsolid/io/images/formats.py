"""Files that hold a voxel image, each opened as a description and a function that reads one page.

===============================  ===============================================================================
``FILE.npy``                     an array, mapped, not loaded
``FILE.tif``, ``FILE.tiff``      pages, rows, columns; read page by page
``FILE.png``                     one page of grey values
``FILE.h5[:DATASET]``            (``.hdf5 .hdf .dream3d``) pfsolid's fields (``rho`` unless named), the only dataset, or any
``FILE.vti[:ARRAY]``             VTK ImageData (:mod:`pfsolid.io.images.vti`), its only or active scalars unless named
``FILE.tesr``                    Neper's cells (:mod:`pfsolid.io.images.neper`)
``FILE.nrrd``, ``.mhd``, ...       by the libraries of :mod:`pfsolid.io.images.libraries`; ``STORE.zarr[:ARRAY]``
``DIRECTORY``                    of a run: its fields.h5; or of slices (:mod:`pfsolid.io.images.folder`)
any other                        plain numbers, with a `RawLayout`
an `ArrayImage`                  an array that is there already
===============================  ===============================================================================

The axes of arrays, pages included, are z, y, x (or y, x) unless an `ArrayLayout` says otherwise, or the dataset does: by an
attribute ``axes`` ('z y x'), ilastik's ``axistags`` or the labels of its dimensions.  In VTI x is fastest.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import re
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import InputError
from ...orientation import order_of_axes
from ...regular import refuse_special
from ...text import one_line
from ..hdf5 import LENGTHS_NM, h5py, is_scale
from ..hdf5_sources import open_dataset
from .arrays import Squeezed, pages_of, squeezed
from .completeness import check_png, check_tiff_chain, check_tiff_page
from .description import ArrayImage, ArrayLayout, ImageInfo, Layout, RawLayout, describe_array, shape_3d
from .folder import SLICES, open_folder, slices_in
from .imagej import tiff_spacing
from .libraries import open_metaimage, open_mrc, open_nifti, open_nrrd, open_zarr
from .neper import open_tesr
from .vti import open_vti

FORMATS = (".npy, .tif, .tiff, .png, .h5, .hdf5, .hdf, .dream3d, .vti, .nrrd, .nhdr, .mhd, .mha, .nii, .nii.gz, .mrc, .rec, "
           ".map, .zarr, .tesr, a folder of slices, the directory of a run, or any file with its shape and type")
_HDF5 = (".h5", ".hdf5", ".hdf", ".dream3d")
_WITH_DATASETS = (*_HDF5, ".vti", ".zarr")
MAX_AXIS, MAX_BYTES = 2**40, 2**60  # of a shape that can be meant
MAX_REASON = 250  # letters of what a library says
_TYPE_NAME = re.compile("[<>=|]?[A-Za-z]{1,12}[0-9]{0,3}")
_KINDS = "biuf"  # of NumPy's types: the real numbers
_BY_FORMAT = "as the format has them"


@contextmanager
def opened_image(path, layout: Layout = ArrayLayout()):
    """ImageInfo and ``page(index, rows, columns)`` of an image, open inside the block; what fails is an InputError.

    ``index`` counts along the slowest axis of the file, rows and columns are slices along the other two, in the order
    in which the file has them: `ImageInfo.order`.
    """
    if isinstance(path, ArrayImage):
        info = describe_array(Path(path.name), None, path.array, path.spacing_nm, layout, path.said)
        _check(info)
        yield info, pages_of(path.array)
        return
    raw = isinstance(layout, RawLayout)
    with _readable(Path(path)):
        file, dataset = (Path(path), None) if raw else _parse(path)
    opener = _open_raw if raw else _opener_of(file)
    if opener is None:
        with _readable(file):
            file.stat()  # what is not there has no format
        raise InputError(f"{path}: an image is read from {FORMATS}")
    with ExitStack() as opened:
        with _readable(file):
            if not file.is_dir():
                refuse_special(file)
            info, page = opened.enter_context(opener(file, dataset, layout))
            _check(info)
        yield info, functools.partial(_read_page, file, page)


def _opener_of(file: Path):
    """What opens a file of its kind; None where nothing does."""
    if file.is_dir() and file.suffix.lower() != ".zarr":
        return _open_slices
    suffix = ".nii" if file.name.lower().endswith(".nii.gz") else file.suffix.lower()
    return {".npy": _open_npy, ".tif": _open_tiff, ".tiff": _open_tiff, ".png": _open_png, ".vti": _open_vti,
            **dict.fromkeys(_HDF5, _open_hdf5), ".nrrd": open_nrrd, ".nhdr": open_nrrd, ".mhd": open_metaimage,
            ".mha": open_metaimage, ".nii": open_nifti, ".mrc": open_mrc, ".rec": open_mrc, ".map": open_mrc,
            ".zarr": open_zarr, ".tesr": open_tesr}.get(suffix)


def _open_slices(path: Path, _, layout: ArrayLayout):
    def open_slice(file):
        check = _open_png if file.suffix.lower() == ".png" else _open_tiff
        return check(file, None, ArrayLayout())

    return open_folder(path, layout, open_slice)


@contextmanager
def _readable(file: Path):
    """Whatever a library says of foreign bytes in the block is an InputError: there is no end of what they raise."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist") from error
    except Exception as error:
        raise InputError(f"cannot read {one_line(str(file), MAX_REASON)}: {_reason(error)}") from error


def _read_page(file: Path, page, *index) -> np.ndarray:
    with _readable(file):
        return page(*index)


def _check(info: ImageInfo) -> None:
    if info.dtype.kind not in _KINDS:
        raise InputError(f"{info.name} holds {info.dtype}, not real numbers")
    if max(info.shape) > MAX_AXIS or math.prod(info.shape) * info.dtype.itemsize > MAX_BYTES or min(info.shape) < 1:
        raise InputError(f"{info.name} says that it has {' x '.join(map(str, info.shape))} voxels, which cannot be")
    low, high = LENGTHS_NM
    if info.spacing_nm is not None and not all(low <= h <= high for h in info.spacing_nm):
        raise InputError(f"{info.name} says that its voxels have edges of {_times(info.spacing_nm)} nm; lengths from "
                         f"{low:g} to {high:g} nm are possible")


def _times(values) -> str:
    return " x ".join(f"{value:g}" for value in values)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    text = text if len(text) <= MAX_REASON else f"{text[:MAX_REASON - 4]} ..."
    if "imagecodecs" in text:
        return f"{text}; install it with pip, or store the image uncompressed or with deflate (zip) compression"
    return text


def _parse(path) -> tuple[Path, str | None]:
    """File and dataset of DIRECTORY, FILE or FILE:DATASET."""
    text = str(path)
    folder = Path(text)
    if folder.is_dir():
        if folder.suffix.lower() == ".zarr":
            return folder, None
        if not (folder / "fields.h5").exists() and not slices_in(folder):
            raise InputError(f"{folder / 'fields.h5'} does not exist, and the folder holds no slices ({', '.join(SLICES)}) "
                             "either")
        return folder / "fields.h5" if (folder / "fields.h5").exists() else folder, None
    before, colon, after = text.rpartition(":")
    if colon and after and Path(before).suffix.lower() in _WITH_DATASETS:
        return Path(before), after
    return Path(text), None


# --- NumPy, plain numbers -----------------------------------------------------------------------------------


@contextmanager
def _open_npy(path: Path, _, layout: ArrayLayout):
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise InputError(f"cannot read {path}: it is not a .npy file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    left = path.stat().st_size - array.offset - array.nbytes
    if left:
        raise InputError(f"{path} has {left} bytes more than the array that its header describes, as where two arrays were "
                         "saved to one file")
    array = squeezed(str(path), array)
    yield describe_array(path, None, array, None, layout), pages_of(array)


@contextmanager
def _open_raw(path: Path, _, layout: RawLayout):
    shape, dtype = _check_layout(layout)
    num_bytes, needed = path.stat().st_size, layout.offset_bytes + math.prod(shape) * dtype.itemsize
    if num_bytes != needed:
        raise InputError(f"{path} has {num_bytes} bytes, and {' x '.join(map(str, shape))} voxels of type {layout.dtype} "
                         f"after {layout.offset_bytes} bytes need {needed}{_left_over(num_bytes - needed, layout)}")
    axes = "xyz" if layout.fastest_axis == "z" else "zyx"
    info = ImageInfo(path, None, shape, dtype, None, axes, f"{layout.fastest_axis} fastest in the raw file")
    array = np.memmap(path, dtype, "r", layout.offset_bytes, info.order.turn(shape))
    yield info, lambda index, rows, columns: array[index, rows, columns]


def _left_over(left: int, layout: RawLayout) -> str:
    """What may be done about bytes that would not be read."""
    if left < 0:
        return ""
    return (f": {left} are left over; is the shape or the type another?  For a header of as many bytes give "
            f"image.raw_offset (--raw-offset {layout.offset_bytes + left})")


def _check_layout(layout: RawLayout) -> tuple[tuple[int, int, int], np.dtype]:
    wrong = f"{one_line(str(layout.dtype))} is no type of real number; uint8, <u2, >u2, <f4 and the like are"
    if not _TYPE_NAME.fullmatch(str(layout.dtype)):  # of other text NumPy makes records, or nothing, or float64
        raise InputError(wrong)
    try:
        dtype = np.dtype(layout.dtype)
    except TypeError as error:
        raise InputError(wrong) from error
    if dtype.kind not in _KINDS:
        raise InputError(wrong)
    if len(layout.shape) != 3 or any(int(n) != n or n < 1 for n in layout.shape):
        raise InputError(f"a raw image of {tuple(layout.shape)} voxels: three positive whole numbers are needed")
    if layout.offset_bytes < 0 or layout.fastest_axis not in ("x", "z"):
        raise InputError(f"a raw image with a header of {layout.offset_bytes} bytes and the fastest axis "
                         f"{layout.fastest_axis}: 0 or more, and x or z, are needed")
    return tuple(int(n) for n in layout.shape), dtype


# --- pictures -----------------------------------------------------------------------------------------------


@contextmanager
def _open_png(path: Path, _, layout: ArrayLayout):
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=["PNG"]) as picture:
                if picture.mode not in ("1", "L", "I", "I;16", "I;16B"):
                    raise InputError(f"{path} has colours; grey values are needed")
                check_png(path)
                pixels = np.asarray(picture)
    except Image.DecompressionBombError as error:
        most = 2 * Image.MAX_IMAGE_PIXELS / 1e6
        raise InputError(f"{path} has more than the {most:.0f} million pixels that are read of a PNG; store it as TIFF or "
                         "npy") from error
    yield (describe_array(path, None, pixels, None, layout, ("yx", _BY_FORMAT)),
           lambda index, rows, columns: pixels[rows, columns])


@contextmanager
def _open_tiff(path: Path, _, layout: ArrayLayout):
    import tifffile  # takes as long to import as all the rest of io

    check_tiff_chain(path)
    with _complaints(path), tifffile.TiffFile(path) as file:
        series = _alike(path, file)
        if "S" in series[0].axes:
            raise InputError(f"{path} has colours{_taken_for_colours(file)}; a stack of grey values is needed")
        whole = squeezed(str(path), series[0]).shape
        in_each, rows, columns = shape_3d(str(path), whole)
        pages = [(one, index) for one in series for index in range(in_each)]
        shape = whole if len(series) == 1 else (len(pages), rows, columns)
        edges = tiff_spacing(file, len(pages))
        info = describe_array(path, None, _Stack(shape, np.dtype(series[0].dtype)), edges and edges[::-1], layout,
                               ("zyx", _BY_FORMAT))
        if len(series[0].pages) == in_each:
            def page(index, first, second):
                one, place = pages[index]
                check_tiff_page(one.pages[place], one.keyframe, file.filehandle.size, functools.partial(_bytes_at, file))
                return one.pages[place].asarray().reshape(rows, columns)[first, second]
        else:  # ImageJ keeps a large stack in one piece behind its first page
            if len(series) > 1:
                raise InputError(f"{path} holds {len(series)} stacks of {in_each} pages; store one")
            stack = _in_one_piece(path, series[0]).reshape(in_each, rows, columns)

            def page(index, first, second):
                return stack[index, first, second]
        yield info, page


class _Stack(NamedTuple):
    """What all pages of a TIFF are together."""

    shape: tuple[int, ...]
    dtype: np.dtype


def _alike(path: Path, file) -> list:
    """The series of a TIFF, which together are one stack: pages that were written one by one, each as its own image."""
    series = list(file.series)
    if not series:
        raise InputError(f"{path} holds no image")
    kinds = list(dict.fromkeys(f"{'x'.join(map(str, one.shape))} {one.dtype}" for one in series))
    if len(kinds) > 1:
        raise InputError(f"{path} holds {len(series)} images that do not make one stack, of {', '.join(kinds[:4])}"
                         f"{' ...' if len(kinds) > 4 else ''}; store the one that is meant in a file of its own")
    return series


def _taken_for_colours(file) -> str:
    """tifffile writes a stack whose first or last axis has 3 or 4 as the colours of one picture, unless it is told."""
    if not file.is_shaped and not str(file.pages[0].software).startswith("tifffile"):
        return ""
    return (", or tifffile took 3 or 4 pages or columns for them when it wrote it: write a stack with "
            "photometric=\"minisblack\"")


def _bytes_at(file, offset: int, count: int) -> bytes:
    file.filehandle.seek(offset)
    return file.filehandle.read(count)


def _in_one_piece(path: Path, series) -> np.ndarray:
    import tifffile

    if series.dataoffset is not None:
        return tifffile.memmap(path, mode="r")
    check_tiff_page(series.pages[0], series.keyframe, path.stat().st_size, functools.partial(_bytes_at, series.parent))
    return series.asarray()


@contextmanager
def _complaints(path: Path):
    """Refuse a stack of which tifffile has lost pages, which it only logs; odd tags do no harm."""
    logger, said = logging.getLogger("tifffile"), []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: said.append(record.getMessage())
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        lost = next((text for text in said if re.search("page|corrupted|circular", text)), None)
        if lost is not None:  # whatever else went wrong came of it
            reason = " ".join(re.sub(r"<[^>]*> ", "", lost).split())
            raise InputError(f"cannot read {path}: {reason}; it is damaged or cut short")


# --- containers ---------------------------------------------------------------------------------------------


@contextmanager
def _open_hdf5(path: Path, name: str | None, layout: ArrayLayout):
    if not path.exists():
        raise FileNotFoundError(path)
    with h5py.File(path, "r") as file:
        name = name or ("rho" if "rho" in file else _only_dataset(file))
        dataset = open_dataset(file, path, name)
        if dataset is None:
            raise InputError(f"{path} has no dataset {name} (it has {_listed(_datasets(file))}); name one as {path}:DATASET")
        axes = _axes_of_dataset(dataset)
        kept = squeezed(f"{path}:{name}", dataset, axes or ())
        edges = _spacing_of_dataset(path, dataset, kept)
        info = describe_array(path, name, kept, edges, layout, axes and ("".join(kept.take(axes)), "as the file says"),
                              fixed=True, spacing=None if edges else _dream3d_spacing(file, name))
        yield info, pages_of(kept)


def _datasets(file: h5py.File) -> list[str]:
    """Names of all that are no scale of another."""
    stored = []
    file.visititems(lambda key, value: None if is_scale(value) or not isinstance(value, h5py.Dataset)
                    else stored.append(key))
    return stored


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:8]) or 'none'}{', ...' if len(names) > 8 else ''}"


def _only_dataset(file: h5py.File) -> str:
    """The one that can be an image, where there is one; else the name that stands for pfsolid's own."""
    axes = {name: sum(n > 1 for n in file[name].shape or ()) for name in _datasets(file) if file[name].dtype.kind in _KINDS}
    fit = [name for name, number in axes.items() if number in (2, 3)] or [name for name in axes if axes[name] > 3]
    return fit[0] if len(fit) == 1 else "rho"


def _dream3d_spacing(file: h5py.File, name: str) -> tuple[float, float, float] | None:
    """Edges along z, y, x as DREAM.3D keeps them beside its arrays, in a unit it does not name."""
    *groups, _ = name.strip("/").split("/")
    for depth in range(len(groups), 0, -1):
        stored = file.get("/".join([*groups[:depth], "_SIMPL_GEOMETRY", "SPACING"]))
        if isinstance(stored, h5py.Dataset) and stored.shape == (3,) and np.all(stored[:] > 0):
            return tuple(float(edge) for edge in stored[:][::-1])
    return None


def _axes_of_dataset(dataset: h5py.Dataset) -> str | None:
    """The names of the axes that a dataset has among its attributes: ``axes``, ilastik's tags, or labels of dimensions."""
    attributes = dataset.attrs
    candidates = [_text(attributes[name]) for name in ("axes", "DIMENSION_LABELS") if name in attributes]
    if "axistags" in attributes:
        tags = json.loads(_text(attributes["axistags"]))
        candidates.append(" ".join(axis["key"] for axis in tags["axes"]))
    names = [re.sub(r"[\s,]+", "", text).lower() for text in candidates]
    known = [order for order in names if len(order) == dataset.ndim and order_of_axes(re.sub("[ct]", "", order))]
    return known[0] if known else None


def _text(value) -> str:
    """An attribute of text, or of several texts."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return " ".join(map(_text, value.ravel().tolist())) if isinstance(value, np.ndarray) else str(value)


def _spacing_of_dataset(path: Path, dataset: h5py.Dataset, kept: Squeezed) -> tuple[float, float, float] | None:
    """Edges of a voxel in nm along the axes of the dataset; a picture is as thick as its first edge."""
    stored = dataset.attrs.get("spacing_nm")
    if stored is None:
        return None
    edges, name = np.ravel(stored), f"{path}:{dataset.name[1:]}"
    if edges.dtype.kind not in "iuf":
        raise InputError(f"{name} has an attribute spacing_nm = {one_line(str(stored))}: lengths in nm are needed")
    if edges.size != dataset.ndim:
        raise InputError(f"{name}: its spacing_nm has {edges.size} lengths, and it {dataset.ndim} axes")
    edges = tuple(map(float, kept.take(edges)))
    return (edges[0],) * (3 - len(edges)) + edges


@contextmanager
def _open_vti(path: Path, name: str | None, layout: ArrayLayout):
    if layout.axes is not None:
        raise InputError(f'the order of axes "{layout.axes}" is asked for, and {path} is a VTI file, where x is fastest: '
                         "leave the order out")
    with open_vti(path, name) as (array, read_page):
        columns, rows, _ = array.shape
        info = ImageInfo(path, array.name, array.shape, array.dtype, None, "zyx", "x fastest, as in any VTI file",
                         spacing=array.spacing)

        def page(index, first, second):
            return read_page(index).reshape(rows, columns)[first, second]

        yield info, page
