"""What a file says of the image in it, and the order of the axes of its arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...orientation import Orientation

_UNSAID = {"zyx": "as arrays have them that do not say", "xyz": "as the older version that wrote the input took arrays"}


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
        In a unit that the file does not name (VTI, MetaImage).
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


@dataclass(frozen=True)
class ArrayImage:
    """An array in the place of a file: whatever takes a path of an image takes one of these.

    Attributes
    ----------
    array : ndarray (n0, n1[, n2]), or what has its shape and dtype and gives pages of it
        In memory or mapped: a rank looks at its own part of it only.
    name : str
        What it is called in messages.
    spacing_nm : tuple of 3 float, optional
        Edges of voxels along the axes of the array.
    said : tuple of 2 str, optional
        The order of its axes and how that is known, where it is no matter of the caller's.
    """

    array: Any
    name: str = "the array"
    spacing_nm: tuple[float, float, float] | None = None
    said: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.name


def shape_3d(name: str, shape) -> tuple[int, ...]:
    """The shape with a first axis of one voxel, the page, where there are two."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"{name} has the shape {tuple(shape)}; two or three dimensions are needed")
    return (1,) * (3 - len(shape)) + tuple(int(n) for n in shape)


def describe_array(path: Path, dataset: str | None, array, spacing_nm: tuple | None, layout: ArrayLayout,
                    said: tuple[str, str] | None = None, fixed: bool = False, spacing: tuple | None = None) -> ImageInfo:
    """ImageInfo of an array, of which `shape_3d` has made pages.

    Parameters
    ----------
    spacing_nm : tuple of 3 float or None
        Along the axes of the array, that of the page first.
    said : tuple of 2 str, optional
        The order that the file or its format has, and how that is known.
    fixed : bool
        Another order than that contradicts the file.
    spacing : tuple of 3 float, optional
        As ``spacing_nm``, in a unit that the file does not name.
    """
    name = f"{path}:{dataset}" if dataset else str(path)
    shape = shape_3d(name, array.shape)
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
                     known_from, said is not None or layout.axes is not None, spacing and back.turn(spacing))


def _for_dimensions(axes: str, array) -> str:
    """Of three axes the two of a picture."""
    return axes.replace("z", "") if len(array.shape) == 2 else axes
