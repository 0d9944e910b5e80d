"""Files that hold a voxel image, each opened as a description and a function that reads one page.

===============================  ===============================================================================
``FILE.npy``                     array [x, y, z] (or [x, y]), mapped, not loaded
``FILE.tif``, ``FILE.tiff``      pages along z, rows along y, columns along x; read page by page
``FILE.png``                     one page of grey values
``FILE.h5[:DATASET]``, ``.hdf5``  pfsolid's fields (``rho`` unless named) or any dataset [x, y, z];
                                 with an attribute ``axes`` that begins with 'z y x' in that order
``FILE.vti[:ARRAY]``             VTK ImageData (:mod:`pfsolid.io.images.vti`), its only or active scalars unless named
``DIRECTORY``                    of a run: its fields.h5
any other                        plain numbers, with a `RawLayout`
===============================  ===============================================================================
"""

from __future__ import annotations

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
from ..hdf5 import h5py
from .vti import open_vti

FORMATS = ".npy, .tif, .tiff, .png, .h5, .hdf5, .vti, the directory of a run, or any file with its shape and type"
_WITH_DATASETS = (".h5", ".hdf5", ".vti")
_DAMAGE = (OSError, ValueError, KeyError, IndexError, RuntimeError, TypeError, ArithmeticError, struct.error, zlib.error,
           lzma.LZMAError)
_NM_OF_UNIT = {"nm": 1.0, "um": 1e3, "µm": 1e3, "\\u00b5m": 1e3, "micron": 1e3, "microns": 1e3, "mm": 1e6}


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
    slowest_axis : int
        Along which the file's pages follow each other: 0 for x, 2 for z.
    spacing : tuple of 3 float or None
        In a unit that the file does not name (VTI).
    """

    path: Path
    dataset: str | None
    shape: tuple[int, int, int]
    dtype: np.dtype
    spacing_nm: tuple[float, float, float] | None
    slowest_axis: int
    spacing: tuple[float, float, float] | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.path}:{self.dataset}" if self.dataset else str(self.path)


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


@contextmanager
def opened_image(path, raw: RawLayout | None = None):
    """ImageInfo and ``page(index, rows, columns)`` of an image, open inside the block; what fails is an InputError.

    ``index`` counts along the slowest axis of the file, rows and columns are slices along the other two in the order
    in which the file has them: [y, z] for x, [y, x] for z.
    """
    file, dataset = _parse(path, raw)
    openers = {".npy": _open_npy, ".tif": _open_tiff, ".tiff": _open_tiff, ".png": _open_png, ".h5": _open_hdf5,
               ".hdf5": _open_hdf5, ".vti": _open_vti}
    opener = openers.get(file.suffix.lower()) if raw is None else _open_raw
    if opener is None:
        raise InputError(f"{path}: an image is read from {FORMATS}")
    try:
        with opener(file, dataset if raw is None else raw) as (info, page):
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


def _parse(path, raw: RawLayout | None) -> tuple[Path, str | None]:
    """File and dataset of DIRECTORY, FILE or FILE:DATASET."""
    text = str(path)
    if raw is not None:
        return Path(text), None
    if Path(text).is_dir():
        return Path(text) / "fields.h5", None
    before, colon, after = text.rpartition(":")
    if colon and after and Path(before).suffix.lower() in _WITH_DATASETS:
        return Path(before), after
    return Path(text), None


def _shape_3d(name: str, shape) -> tuple[int, ...]:
    """The shape with a third axis of one voxel where there are two."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{name} has the shape {tuple(shape)}; two or three dimensions are needed")
    return tuple(int(n) for n in shape)


# --- NumPy, plain numbers -----------------------------------------------------------------------------------


@contextmanager
def _open_npy(path: Path, _):
    with open(path, "rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise InputError(f"cannot read {path}: it is not a .npy file")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    shape = _shape_3d(str(path), array.shape)
    array = array.reshape(shape) if len(shape) == 3 else array[:, :, None]
    yield ImageInfo(path, None, array.shape, array.dtype, None, 0), lambda i, rows, columns: array[i, rows, columns]


@contextmanager
def _open_raw(path: Path, layout: RawLayout):
    shape, dtype = _check_layout(layout)
    num_bytes, needed = path.stat().st_size, layout.offset_bytes + math.prod(shape) * dtype.itemsize
    if num_bytes < needed:
        raise InputError(f"{path} has {num_bytes} bytes, and {' x '.join(map(str, shape))} voxels of type {layout.dtype} "
                         f"after {layout.offset_bytes} bytes need {needed}")
    if layout.fastest_axis == "z":
        array = np.memmap(path, dtype, "r", layout.offset_bytes, shape)
        yield ImageInfo(path, None, shape, dtype, None, 0), lambda i, rows, columns: array[i, rows, columns]
    else:
        array = np.memmap(path, dtype, "r", layout.offset_bytes, shape[::-1])
        yield ImageInfo(path, None, shape, dtype, None, 2), lambda k, rows, columns: array[k, rows, columns]


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
def _open_png(path: Path, _):
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode not in ("1", "L", "I", "I;16", "I;16B"):
            raise InputError(f"{path} has colours; grey values are needed")
        pixels = np.asarray(picture)
    yield (ImageInfo(path, None, (pixels.shape[1], pixels.shape[0], 1), pixels.dtype, None, 2),
           lambda index, rows, columns: pixels[rows, columns])


@contextmanager
def _open_tiff(path: Path, _):
    import tifffile  # takes as long to import as all the rest of io

    with _complaints(path), tifffile.TiffFile(path) as file:
        series = file.series[0]
        if "S" in series.axes:
            raise InputError(f"{path} has colours; a stack of grey values is needed")
        shape = _shape_3d(str(path), series.shape)
        num_pages, rows, columns = shape if len(shape) == 3 else (1, *shape)
        if len(series.pages) == num_pages:
            def page(index, first, second):
                return series.pages[index].asarray()[first, second]
        else:  # ImageJ keeps a large stack in one piece behind its first page
            stack = tifffile.memmap(path, mode="r").reshape(num_pages, rows, columns)

            def page(index, first, second):
                return stack[index, first, second]
        info = ImageInfo(path, None, (columns, rows, num_pages), np.dtype(series.dtype), _imagej_spacing(file), 2)
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
    """Voxel edges in nm where ImageJ has written them with a unit."""
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
def _open_hdf5(path: Path, name: str | None):
    if not path.exists():
        raise FileNotFoundError(path)
    name = name or "rho"
    with h5py.File(path, "r") as file:
        dataset = file.get(name)
        if not isinstance(dataset, h5py.Dataset):
            stored = [key for key, value in file.items() if isinstance(value, h5py.Dataset)]
            raise InputError(f"{path} has no dataset {name} (it has {', '.join(stored) or 'none'}); "
                             f"name one as {path}:DATASET")
        shape = _shape_3d(f"{path}:{name}", dataset.shape)
        reverse = str(dataset.attrs.get("axes", "")).startswith("z y x")
        if len(shape) == 2:
            reverse, shape = False, (*shape, 1)
        spacing = dataset.attrs.get("spacing_nm")
        if spacing is not None:
            spacing = tuple(float(h) for h in (spacing[::-1] if reverse else spacing))
        info = ImageInfo(path, name, shape[::-1] if reverse else shape, dataset.dtype, spacing, 2 if reverse else 0)
        if dataset.ndim == 3:
            yield info, lambda index, first, second: dataset[index, first, second]
        else:
            yield info, lambda index, first, second: dataset[index, first][:, None]


@contextmanager
def _open_vti(path: Path, name: str | None):
    with open_vti(path, name) as (array, read_page):
        columns, rows, _ = array.shape
        info = ImageInfo(path, array.name, array.shape, array.dtype, None, 2, array.spacing)

        def page(index, first, second):
            return read_page(index).reshape(rows, columns)[first, second]

        yield info, page
