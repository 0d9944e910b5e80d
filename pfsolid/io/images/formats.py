"""Files that hold a voxel image, each opened as a description and a function that reads one page.

===============================  ===============================================================================
``FILE.npy``                     an array, mapped, not loaded
``FILE.tif``, ``FILE.tiff``      pages, rows, columns; read page by page
``FILE.png``                     one page of grey values
``FILE.h5[:DATASET]``, ``.hdf5``  pfsolid's fields (``rho`` unless named) or any dataset
``FILE.vti[:ARRAY]``             VTK ImageData (:mod:`pfsolid.io.images.vti`), its only or active scalars unless named
``DIRECTORY``                    of a run: its fields.h5
any other                        plain numbers, with a `RawLayout`
===============================  ===============================================================================

The axes of arrays, pages included, are z, y, x (or y, x) unless an `ArrayLayout` says otherwise, or the dataset does: by an
attribute ``axes`` ('z y x'), ilastik's ``axistags`` or the labels of its dimensions.  In VTI x is fastest.
"""

from __future__ import annotations

import json
import logging
import lzma
import math
import re
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...orientation import Orientation, order_of_axes
from ..hdf5 import h5py
from .vti import open_vti

FORMATS = ".npy, .tif, .tiff, .png, .h5, .hdf5, .vti, the directory of a run, or any file with its shape and type"
_WITH_DATASETS = (".h5", ".hdf5", ".vti")
_DAMAGE = (OSError, ValueError, KeyError, IndexError, RuntimeError, TypeError, ArithmeticError, struct.error, zlib.error,
           lzma.LZMAError)
_NM_OF_UNIT = {"nm": 1.0, "um": 1e3, "µm": 1e3, "\\u00b5m": 1e3, "micron": 1e3, "microns": 1e3, "mm": 1e6}
_UNSAID = {"zyx": "as arrays have them that do not say", "xyz": "as the older version that wrote the input took arrays"}
_BY_FORMAT = "as the format has them"


@dataclass(frozen=True)
class ImageInfo:
    """What a file holds.

    Attributes
    ----------
    path : Path
        The file itself.
    dataset : str or None
        Inside an HDF5 or VTI file.
    shape : tuple of 3 int
        Voxels along x, y, z.
    dtype : numpy.dtype
    spacing_nm : tuple of 3 float or None
        Where the file says so.
    axes : str
        In the order of the file, slowest first: 'zyx', or 'yx' of one page.
    axes_from : str
        How that is known.
    axes_said : bool
        Whether the file, its format or the caller says it; else it is the default.
    spacing : tuple of 3 float or None
        In a unit that the file does not name (VTI).
    """

    path: Path
    dataset: str | None
    shape: tuple[int, int, int]
    dtype: np.dtype
    spacing_nm: tuple[float, float, float] | None
    axes: str
    axes_from: str
    axes_said: bool = True
    spacing: tuple[float, float, float] | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.path}:{self.dataset}" if self.dataset else str(self.path)

    @property
    def order_line(self) -> str:
        """The order of the axes, for a person."""
        return f"order of axes in {self.name}: {', '.join(self.axes)}, {self.axes_from}"

    @property
    def order(self) -> Orientation:
        """What turns x, y, z into the axes of the file; a single page lies along z."""
        return Orientation.named(self.axes.rjust(3, "z"))


@dataclass(frozen=True)
class RawLayout:
    """What one must know to read a file of nothing but numbers.

    Attributes
    ----------
    shape : tuple of 3 int
        Voxels along x, y, z.
    dtype : str
        NumPy's name with its byte order: 'uint8', '>u2' (big-endian), '<f4' ...
    offset_bytes : int
        Of the header to be skipped.
    fastest_axis : {'x', 'z'}
        Along which voxels follow each other in the file: x as scanners, ImageJ and ParaView write them, z as
        ``array[x, y, z].tofile`` does.
    """

    shape: tuple[int, int, int]
    dtype: str
    offset_bytes: int = 0
    fastest_axis: str = "x"


@dataclass(frozen=True)
class ArrayLayout:
    """The order in which an array has its axes.

    Attributes
    ----------
    axes : str or None
        'zyx', 'xyz' or another; 'yx' or 'xy' in two dimensions, where three letters count without their z.  None: as the
        file says.
    unsaid : str
        The order of npy and HDF5 files that do not say.
    """

    axes: str | None = None
    unsaid: str = "zyx"


Layout = RawLayout | ArrayLayout


@contextmanager
def opened_image(path, layout: Layout = ArrayLayout()):
    """ImageInfo and ``page(index, rows, columns)`` of an image, open inside the block; what fails is an InputError.

    ``index`` counts along the slowest axis of the file, rows and columns are slices along the other two, in the order
    in which the file has them: `ImageInfo.order`.
    """
    raw = isinstance(layout, RawLayout)
    file, dataset = (Path(path), None) if raw else _parse(path)
    openers = {".npy": _open_npy, ".tif": _open_tiff, ".tiff": _open_tiff, ".png": _open_png, ".h5": _open_hdf5,
               ".hdf5": _open_hdf5, ".vti": _open_vti}
    opener = _open_raw if raw else openers.get(file.suffix.lower())
    if opener is None:
        raise InputError(f"{path}: an image is read from {FORMATS}")
    try:
        with opener(file, dataset, layout) as (info, page):
            if info.dtype.kind not in "biuf":
                raise InputError(f"{info.name} holds {info.dtype}, not real numbers")
            yield info, page
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist") from error
    except _DAMAGE as error:
        raise InputError(f"cannot read {file}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    if "imagecodecs" in text:
        return f"{text}; install it with pip, or store the image uncompressed or with deflate (zip) compression"
    return text


def _parse(path) -> tuple[Path, str | None]:
    """File and dataset of DIRECTORY, FILE or FILE:DATASET."""
    text = str(path)
    if Path(text).is_dir():
        return Path(text) / "fields.h5", None
    before, colon, after = text.rpartition(":")
    if colon and after and Path(before).suffix.lower() in _WITH_DATASETS:
        return Path(before), after
    return Path(text), None


def _shape_3d(name: str, shape) -> tuple[int, ...]:
    """The shape with a first axis of one voxel, the page, where there are two."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{name} has the shape {tuple(shape)}; two or three dimensions are needed")
    return (1,) * (3 - len(shape)) + tuple(int(n) for n in shape)


def _describe_array(path: Path, dataset: str | None, array, spacing_nm: tuple | None, layout: ArrayLayout,
                    said: tuple[str, str] | None = None, fixed: bool = False) -> ImageInfo:
    """ImageInfo of an array, of which `_shape_3d` has made pages.

    Parameters
    ----------
    spacing_nm : tuple of 3 float or None
        Along the axes of the array, that of the page first.
    said : tuple of 2 str, optional
        The order that the file or its format has, and how that is known.
    fixed : bool
        Another order than that contradicts the file.
    """
    name = f"{path}:{dataset}" if dataset else str(path)
    shape = _shape_3d(name, array.shape)
    axes, known_from = said or (layout.unsaid, _UNSAID[layout.unsaid])
    if layout.axes is not None:
        contradicted = fixed and said is not None and _for_dimensions(layout.axes, array) != _for_dimensions(axes, array)
        if contradicted:
            raise InputError(f'the order of axes "{layout.axes}" is asked for, and {name} says that it has '
                             f'{", ".join(axes)}: leave the order out')
        axes, known_from = layout.axes, "as asked for"
    axes = _for_dimensions(axes, array)
    if len(axes) != len(array.shape):
        raise InputError(f'the order of axes "{axes}" is one of two, and {name} has three')
    back = Orientation.named(axes.rjust(3, "z")).inverse
    return ImageInfo(path, dataset, back.turn(shape), np.dtype(array.dtype), spacing_nm and back.turn(spacing_nm), axes,
                     known_from, said is not None or layout.axes is not None)


def _for_dimensions(axes: str, array) -> str:
    """Of three axes the two of a picture."""
    return axes.replace("z", "") if len(array.shape) == 2 else axes


# --- NumPy, plain numbers -----------------------------------------------------------------------------------


@contextmanager
def _open_npy(path: Path, _, layout: ArrayLayout):
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise InputError(f"cannot read {path}: it is not a .npy file")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    info = _describe_array(path, None, array, None, layout)
    pages = array if array.ndim == 3 else array[None]
    yield info, lambda index, rows, columns: pages[index, rows, columns]


@contextmanager
def _open_raw(path: Path, _, layout: RawLayout):
    shape, dtype = _check_layout(layout)
    num_bytes, needed = path.stat().st_size, layout.offset_bytes + math.prod(shape) * dtype.itemsize
    if num_bytes < needed:
        raise InputError(f"{path} has {num_bytes} bytes, and {' x '.join(map(str, shape))} voxels of type {layout.dtype} "
                         f"after {layout.offset_bytes} bytes need {needed}")
    axes = "xyz" if layout.fastest_axis == "z" else "zyx"
    info = ImageInfo(path, None, shape, dtype, None, axes, f"{layout.fastest_axis} fastest in the raw file")
    array = np.memmap(path, dtype, "r", layout.offset_bytes, info.order.turn(shape))
    yield info, lambda index, rows, columns: array[index, rows, columns]


def _check_layout(layout: RawLayout) -> tuple[tuple[int, int, int], np.dtype]:
    try:
        dtype = np.dtype(layout.dtype)
    except TypeError as error:
        raise InputError(f"{layout.dtype} is no type of number; uint8, <u2, >u2, <f4 and the like are") from error
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

    with Image.open(path) as picture:
        if picture.mode not in ("1", "L", "I", "I;16", "I;16B"):
            raise InputError(f"{path} has colours; grey values are needed")
        pixels = np.asarray(picture)
    yield (_describe_array(path, None, pixels, None, layout, ("yx", _BY_FORMAT)),
           lambda index, rows, columns: pixels[rows, columns])


@contextmanager
def _open_tiff(path: Path, _, layout: ArrayLayout):
    import tifffile  # takes as long to import as all the rest of io

    with _complaints(path), tifffile.TiffFile(path) as file:
        series = file.series[0]
        if "S" in series.axes:
            raise InputError(f"{path} has colours; a stack of grey values is needed")
        edges = _imagej_spacing(file)
        info = _describe_array(path, None, series, edges and edges[::-1], layout, ("zyx", _BY_FORMAT))
        num_pages, rows, columns = _shape_3d(str(path), series.shape)
        if len(series.pages) == num_pages:
            def page(index, first, second):
                return series.pages[index].asarray()[first, second]
        else:  # ImageJ keeps a large stack in one piece behind its first page
            stack = tifffile.memmap(path, mode="r").reshape(num_pages, rows, columns)

            def page(index, first, second):
                return stack[index, first, second]
        yield info, page


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


def _imagej_spacing(file) -> tuple[float, float, float] | None:
    """Edges of a voxel along columns, rows and pages, in nm, where ImageJ has written them with a unit."""
    described = file.imagej_metadata or {}
    unit = _NM_OF_UNIT.get(str(described.get("unit", "")).lower())
    tags = file.pages[0].tags
    if unit is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    (pixels_x, length_x), (pixels_y, length_y) = tags["XResolution"].value, tags["YResolution"].value
    if not (pixels_x and pixels_y):
        return None
    x, y = unit * length_x / pixels_x, unit * length_y / pixels_y
    return x, y, unit * float(described.get("spacing", x / unit))


# --- containers ---------------------------------------------------------------------------------------------


@contextmanager
def _open_hdf5(path: Path, name: str | None, layout: ArrayLayout):
    if not path.exists():
        raise FileNotFoundError(path)
    name = name or "rho"
    with h5py.File(path, "r") as file:
        dataset = file.get(name)
        if not isinstance(dataset, h5py.Dataset):
            stored = [key for key, value in file.items() if isinstance(value, h5py.Dataset)]
            raise InputError(f"{path} has no dataset {name} (it has {', '.join(stored) or 'none'}); "
                             f"name one as {path}:DATASET")
        axes = _axes_of_dataset(dataset)
        info = _describe_array(path, name, dataset, _spacing_of_dataset(path, dataset), layout,
                               axes and (axes, "as the file says"), fixed=True)
        if dataset.ndim == 3:
            yield info, lambda index, first, second: dataset[index, first, second]
        else:
            yield info, lambda index, first, second: dataset[first, second]


def _axes_of_dataset(dataset: h5py.Dataset) -> str | None:
    """The order of axes that a dataset has among its attributes: ``axes``, ilastik's tags, or labels of dimensions."""
    attributes = dataset.attrs
    candidates = [_text(attributes[name]) for name in ("axes", "DIMENSION_LABELS") if name in attributes]
    if "axistags" in attributes:
        tags = json.loads(_text(attributes["axistags"]))
        candidates.append(" ".join(axis["key"] for axis in tags["axes"]))
    orders = [order for order in map(order_of_axes, candidates) if order and len(order) == dataset.ndim]
    return orders[0] if orders else None


def _text(value) -> str:
    """An attribute of text, or of several texts."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return " ".join(map(_text, value.ravel().tolist())) if isinstance(value, np.ndarray) else str(value)


def _spacing_of_dataset(path: Path, dataset: h5py.Dataset) -> tuple[float, float, float] | None:
    """Edges of a voxel in nm along the axes of the dataset; a picture is as thick as its first edge."""
    edges = dataset.attrs.get("spacing_nm")
    if edges is None:
        return None
    edges = [float(h) for h in np.ravel(edges)]
    if len(edges) != dataset.ndim:
        raise InputError(f"{path}:{dataset.name[1:]}: its spacing_nm has {len(edges)} lengths, and it {dataset.ndim} axes")
    return (edges[0],) * (3 - len(edges)) + tuple(edges)


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
