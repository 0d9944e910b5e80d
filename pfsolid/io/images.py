"""Density fields from files: NumPy arrays, TIFF stacks, HDF5 datasets, and the fields of a run.

===============================  ===============================================================================
``FILE.npy``                     array [x, y, z] (or [x, y]), mapped, not loaded
``FILE.tif``, ``FILE.tiff``      pages along z, rows along y, columns along x; read page by page
``FILE.h5[:DATASET]``, ``.hdf5``  pfsolid's fields (``rho`` unless named) or any dataset [x, y, z];
                                 with an attribute ``axes`` that begins with 'z y x' in that order
``DIRECTORY``                    of a run: its fields.h5
===============================  ===============================================================================

Each rank reads its own slab, one page at a time.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..parallel import agreed_errors
from .hdf5 import h5py

FORMATS = ".npy, .tif, .tiff, .h5, .hdf5 or the directory of a run"
# A phase field passes its wells by some percent; grey values of an image are far beyond these.
DENSITY_BOUNDS = (-0.25, 1.25)


@dataclass(frozen=True)
class ImageInfo:
    """What a file holds.

    Attributes
    ----------
    path : Path
        The file itself.
    dataset : str or None
        Inside an HDF5 file.
    shape : tuple of 3 int
        Voxels along x, y, z.
    dtype : numpy.dtype
    spacing_nm : tuple of 3 float or None
        Where the file says so.
    slowest_axis : int
        Along which the file's pages follow each other: 0 for x, 2 for z.
    """

    path: Path
    dataset: str | None
    shape: tuple[int, int, int]
    dtype: np.dtype
    spacing_nm: tuple[float, float, float] | None
    slowest_axis: int

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.path}:{self.dataset}" if self.dataset else str(self.path)


def describe_image(path) -> ImageInfo:
    """Shape, type and spacing of an image, its values not read.  For one rank: ``on_root(comm, describe_image, path)``.

    Raises
    ------
    InputError
        Missing, unreadable, of another format, not two- or three-dimensional, not real numbers.
    """
    with _opened(path) as (info, _):
        return info


def read_image_slab(path, slices: tuple[slice, slice, slice], comm, full_scale: float = 1.0,
                    expected_shape: tuple[int, int, int] | None = None) -> np.ndarray:
    """This rank's part of an image as a density, value / ``full_scale``.  Collective.

    Parameters
    ----------
    path : str or Path
    slices : tuple of 3 slice
        Along x, y, z, with explicit start and stop: ``slab_of(grid, comm)`` or ``transform.local_slice``.
    comm : mpi4py.MPI.Comm
    full_scale : float
        The value that stands for the solid; 255 for a binary image of 8 bits.
    expected_shape : tuple of 3 int, optional
        Of the grid that is to be filled.

    Returns
    -------
    ndarray of float64, local (n0, n1, n2)
        Not clipped: a field that was computed passes 0 and 1 by a few percent.

    Raises
    ------
    InputError
        On all ranks: as `describe_image`, another shape, a value that is not finite, one that is no density.
    """
    with agreed_errors(comm):
        if not (np.isfinite(full_scale) and full_scale > 0):
            raise InputError(f"{path}: full_scale {full_scale:g} must be above 0")
        with _opened(path) as (info, page):
            _check_shape(info, slices, expected_shape)
            density = np.empty([s.stop - s.start for s in slices])
            _read_pages(density, page, slices, info.slowest_axis)
        density /= full_scale
        _check_values(info.name, density, slices, full_scale)
    return density


def _read_pages(out: np.ndarray, page, slices, slowest_axis: int) -> None:
    x, y, z = slices
    if slowest_axis == 0:
        for i in range(out.shape[0]):
            out[i] = page(x.start + i, y, z)
    else:
        for k in range(out.shape[2]):
            out[:, :, k] = page(z.start + k, y, x).T


def _check_shape(info: ImageInfo, slices, expected) -> None:
    if expected is not None and tuple(expected) != info.shape:
        raise InputError(f"{info.name} has {_voxels(info.shape)} voxels and the grid {_voxels(expected)}")
    if any(s.start < 0 or s.stop > n for s, n in zip(slices, info.shape)):
        raise InputError(f"{info.name} has {_voxels(info.shape)} voxels and is asked for those up to "
                         f"{_voxels(s.stop for s in slices)}")


def _voxels(shape) -> str:
    return " x ".join(map(str, shape))


def _check_values(name: str, density: np.ndarray, slices, full_scale: float) -> None:
    low, high = DENSITY_BOUNDS
    for i, plane in enumerate(density):
        if plane.size == 0 or (plane.min() >= low and plane.max() <= high):  # false for NaN
            continue
        j, k = np.argwhere(~((plane >= low) & (plane <= high)))[0]
        voxel = tuple(int(s.start + index) for s, index in zip(slices, (i, j, k)))
        value = plane[j, k] * full_scale
        if not np.isfinite(value):
            raise InputError(f"{name}: the value at voxel {voxel} is {value:g}; a density must be a finite number")
        raise InputError(f"{name}: the value {value:g} at voxel {voxel} is no density, which is 0 in a pore and "
                         f"{full_scale:g} in the solid; full_scale sets the value that stands for the solid")


# --- opening ------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path):
    """ImageInfo and ``page(index, rows, columns)`` of an image, open inside the block; what fails is an InputError."""
    file, dataset = _parse(path)
    openers = {".npy": _open_npy, ".tif": _open_tiff, ".tiff": _open_tiff, ".h5": _open_hdf5, ".hdf5": _open_hdf5}
    opener = openers.get(file.suffix.lower())
    if opener is None:
        raise InputError(f"{path}: an image is read from {FORMATS}")
    try:
        with opener(file, dataset) as (info, page):
            if info.dtype.kind not in "biuf":
                raise InputError(f"{info.name} holds {info.dtype}, not real numbers")
            yield info, page
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist") from error
    except (OSError, ValueError, KeyError, IndexError, RuntimeError, TypeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read {file}: {reason}") from error


def _parse(path) -> tuple[Path, str | None]:
    """File and dataset of DIRECTORY, FILE or FILE:DATASET."""
    text = str(path)
    if Path(text).is_dir():
        return Path(text) / "fields.h5", None
    before, colon, after = text.rpartition(":")
    if colon and after and Path(before).suffix.lower() in (".h5", ".hdf5"):
        return Path(before), after
    return Path(text), None


def _shape_3d(name: str, shape) -> tuple[int, ...]:
    """The shape with a third axis of one voxel where there are two."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{name} has the shape {tuple(shape)}; two or three dimensions are needed")
    return tuple(int(n) for n in shape)


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
def _open_tiff(path: Path, _):
    import tifffile  # takes as long to import as all the rest of io

    with tifffile.TiffFile(path) as file:
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
        yield ImageInfo(path, None, (columns, rows, num_pages), np.dtype(series.dtype), None, 2), page


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
