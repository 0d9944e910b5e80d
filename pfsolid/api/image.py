"""Images of labels, in memory or in a file."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..arrays import Array
from ..config.image import ImageConfig
from ..config.naming import REST
from ..config.text import Section, validated
from ..errors import InputError
from ..grid import three
from ..io.images.description import ArrayImage, ArrayLayout, ImageInfo
from ..io.images.slab import ImageWindow, Labelling, describe_image, read_label_slab
from ..parallel.collective import Reducer
from ..parallel.communicator import alone
from . import pictures
from .arguments import by_axes, edges, given, in_arguments, in_array_order, in_xyz_order, label_of, plain
from .optional import field_array

_MOST_SAMPLED = 32  # voxels along each axis by which ranks see that they were given the same array


class _Study(Section):
    """As far as an image by itself is checked."""

    image: ImageConfig


@dataclass(frozen=True, eq=False)
class Image:
    """A voxel image of labels, with the edges of its voxels.

    Parameters
    ----------
    array : array_like (n0, n1[, n2])
        Labels, bool or whole numbers from 0 to 16 777 215, or grey values with ``thresholds``.  Not copied; may be mapped.
    voxel_nm : float or 3 floats, optional
        nm, edge of a voxel, or the edges along x, y, z.
    axes : str
        Order of the array's axes, first index first: 'zyx' as tifffile and scikit-image have it ('yx' in two dimensions).
    names : dict, optional
        What the labels are called: {0: 'pore', 1: 'solid'}.
    crop : 3 pairs, optional
        Voxels [first, last + 1] along x, y, z; an empty pair takes all of an axis.
    thresholds : sequence of float, optional
        Grey values: label 0 below the first, 1 from there to below the second, and so on.
    bin : int
        Voxels along each axis that become one, by the majority of their labels (of equally many the one that comes first);
        ``voxel_nm`` stays that of the array.

    Raises
    ------
    InputError
        If the array is not two- or three-dimensional or holds no real numbers, or an argument cannot be.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> image = pf.Image(np.eye(4, dtype=int), voxel_nm=20, names={0: "pore", 1: "solid"})
    >>> image
    Image of 4 x 4 voxels (y, x) of 20 nm: 0 pore, 1 solid
    >>> int(image.to_array().sum())
    4
    """

    array: Any
    voxel_nm: Any = None
    axes: str = "zyx"
    names: Mapping[int, str] = field(default_factory=dict)
    crop: Any = None
    thresholds: Any = None
    bin: int = 1
    _source: Any = field(default=None, repr=False)
    # Set with the others, from what they say.
    _info: ImageInfo = field(default=None, repr=False)  # type: ignore[assignment]
    _layout: ArrayLayout = field(default=None, repr=False)  # type: ignore[assignment]  # the order of axes as it was asked for

    def __post_init__(self) -> None:
        source = self._source
        with in_arguments("pfsolid.Image"):
            if source is None:
                source = ArrayImage(_array_of(self.array))
                object.__setattr__(self, "array", source.array)
            self._check(source)
            layout = ArrayLayout(self.axes and self.axes.lower())
            info = describe_image(source, layout)
            if len(info.axes) == 3 and np.size(self.voxel_nm) == 2:
                raise InputError(f"pfsolid.Image: voxel_nm = {self.voxel_nm!r}: must be one edge, or three along x, y, z")
            ImageWindow(self._crop, bin=self.bin).image_shape(info)  # says what is wrong with a crop
        spacing = edges(self.voxel_nm)
        if spacing is None:
            spacing = info.spacing_nm
        elif not isinstance(spacing, list):
            spacing = [spacing] * 3
        object.__setattr__(self, "voxel_nm", None if spacing is None else tuple(spacing))
        object.__setattr__(self, "axes", info.axes)
        object.__setattr__(self, "names", {label_of(label, {}, "names"): name for label, name in (self.names or {}).items()})
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_info", info)
        object.__setattr__(self, "_layout", layout)

    def _check(self, source: str | ArrayImage) -> None:
        """Arguments as the keys of an input are checked."""
        raw = given(file=str(source), axes=self.axes, voxel_size_nm=edges(self.voxel_nm), crop=self.crop,
                    thresholds=self.thresholds, bin=self.bin)
        validated(_Study, {"image": raw}, "pfsolid.Image")
        names = self.names or {}
        if not isinstance(names, Mapping) or not all(isinstance(name, str) and name for name in names.values()) \
                or not all(isinstance(label, int) and label >= 0 or label == REST for label in plain(names)):
            raise InputError(f"pfsolid.Image: names = {self.names!r}: must be a text for each label, such as {{0: 'pore'}}")
        if len(set(names.values())) < len(names):  # by name one of them would be lost
            raise InputError(f"pfsolid.Image: names = {self.names!r}: names of labels must differ")

    @property
    def binned_nm(self) -> tuple[float, ...] | None:
        """Edges of the voxels that there are after binning, along x, y, z; None where those of the array are not known."""
        return None if self.voxel_nm is None else ImageWindow(self._crop, bin=self.bin).edges(self._info, self.voxel_nm)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along the axes in their order, cropped."""
        return by_axes(ImageWindow(self._crop, bin=self.bin).image_shape(self._info), self.axes)

    @property
    def _crop(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(tuple(pair) or None for pair in plain(self.crop)) if self.crop is not None else (None,) * 3

    def to_array(self) -> Array:
        """The labels, uint8 or (where one is above 255) uint32, in the order of `axes`, cropped.

        Raises
        ------
        InputError
            If a value is no label.
        """
        window = ImageWindow(self._crop, bin=self.bin)
        whole = three(slice(0, n) for n in window.image_shape(self._info))
        with in_arguments("pfsolid.Image"):
            labels = read_label_slab(self._source, whole, alone(), window, Labelling(tuple(plain(self.thresholds) or ())),
                                     self._layout)
        return in_array_order(labels, self.axes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.to_array() if dtype is None else self.to_array().astype(dtype)

    def plane(self, normal: str | None = None, index: int | None = None) -> tuple[Array, int]:
        """A plane of labels, read by itself, and the axis of its normal.

        Parameters
        ----------
        normal : {'x', 'y', 'z'}, optional
            By default the axis of one voxel, or z.
        index : int, optional
            By default the middle one.

        Returns
        -------
        ndarray of uint8 or uint32 (n_a, n_b)
            By the other two axes in the order x, y, z.
        int
            0, 1 or 2 for x, y, z.
        """
        shape = ImageWindow(self._crop, bin=self.bin).image_shape(self._info)
        axis = pictures.normal_of(shape, normal)
        crop = [list(pair) if pair else [0, n] for pair, n in zip(self._crop, self._info.shape)]
        first = crop[axis][0] + pictures.plane_index(shape[axis], index) * self.bin
        crop[axis] = [first, first + 1]
        return np.take(in_xyz_order(as_image(self, crop=crop).to_array(), self.axes), 0, axis), axis

    def plot(self, normal: str | None = None, index: int | None = None, axes: Any = None) -> Any:
        """A plane as a picture: `pfsolid.plot.labels`, which see.

        Parameters
        ----------
        normal, index, axes
            As there.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from .plot import labels  # loads matplotlib

        return labels(self, normal, index, axes)

    def to_xarray(self) -> Any:
        """The labels as an xarray.DataArray, with the centres of the voxels as coordinates."""
        array = field_array(self.to_array(), self.binned_nm, self.axes, "labels", "1", "label")
        array.attrs["names"] = ", ".join(f"{label} {name}" for label, name in self.names.items())
        return array

    def _repr_html_(self) -> str:
        return f"<div>{escape(repr(self))}</div>{pictures.of_labels(self.plane()[0], self.names)}"

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        edges_nm = self.binned_nm
        edge = "unknown edges" if edges_nm is None else _edges_text(by_axes(edges_nm, self.axes))
        names = ", ".join(f"{label} {name}" for label, name in self.names.items())
        return f"Image of {size} voxels ({', '.join(self.axes)}) of {edge}" + (f": {names}" if names else "")


def _array_of(array: Any) -> Array:
    if isinstance(array, (str, Path)):
        raise InputError(f"pfsolid.Image: {str(array)!r} is no array; pfsolid.read_image({str(array)!r}) reads a file")
    if isinstance(array, np.ma.MaskedArray) and np.any(array.mask):
        raise InputError("the array has voxels that are masked: give them a label of their own, as array.filled(LABEL) does")
    return np.asanyarray(array)


def _edges_text(lengths: tuple[float, ...]) -> str:
    each = [f"{length:g}" for length in lengths]
    return f"{each[0]} nm" if len(set(each)) == 1 else f"{' x '.join(each)} nm"


def read_image(path: str | Path, voxel_nm: Any = None, axes: str | None = None, names: Mapping[int, str] | None = None,
               crop: Any = None, thresholds: Any = None, bin: int = 1) -> Image:
    """An image in a file; its voxels are read when they are needed, under MPI by each rank its own.

    Parameters
    ----------
    path : str or Path
        .tif, .npy, .h5[:DATASET], .vti[:ARRAY], .png, a folder of slices, the directory of a run; with the extra ``images``
        .zarr[:ARRAY], .nrrd, .mhd, .nii, .mrc.
    voxel_nm : float or 3 floats, optional
        nm, edges of a voxel along x, y, z; by default as the file says.
    axes : str, optional
        Order of the axes of the file's array; by default as the file says, or 'zyx'.
    names, crop, thresholds, bin
        As for `Image`.

    Returns
    -------
    Image

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, or holds no image.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> np.save(folder / "labels.npy", np.zeros((4, 5, 6), np.uint8))
    >>> pf.read_image(folder / "labels.npy", voxel_nm=(10, 10, 25))
    Image of 4 x 5 x 6 voxels (z, y, x) of 25 x 10 x 10 nm
    """
    # Without an order the file says it, and `Image` has it then.
    return Image(None, voxel_nm, cast(str, axes), names or {}, crop, thresholds, bin, _source=str(path))


def as_image(image: Any, **changed: Any) -> Image:
    """An image of an array, or an image with what is given besides."""
    changed = {name: value for name, value in changed.items() if value is not None}
    if not isinstance(image, Image):
        return Image(image, **changed)
    source = None if isinstance(image._source, ArrayImage) else image._source
    now = {name: getattr(image, name) for name in ("voxel_nm", "names", "crop", "thresholds", "bin")}
    now |= {"axes": image._layout.axes}
    return Image(image.array, **(now | changed), _source=source)


def check_same_on_all_ranks(image: Image, reducer: Reducer) -> None:
    """Refuse arrays that differ from rank to rank, such as each its part.  Collective.

    Parameters
    ----------
    image : Image
    reducer : Reducer

    Raises
    ------
    InputError
    """
    if reducer.size == 1 or not isinstance(image._source, ArrayImage):
        return
    array = image._source.array
    sample = array[tuple(slice(None, None, max(1, n // _MOST_SAMPLED)) for n in array.shape)]
    marks = reducer.gather((array.shape, str(array.dtype), zlib.crc32(np.ascontiguousarray(sample).tobytes())))
    if len(set(marks)) > 1:
        rank = next(rank for rank, mark in enumerate(marks) if mark != marks[0])
        raise InputError(f"the array of rank {rank} is not that of rank 0: with comm every rank is given the whole array "
                         "(it may be a mapped one) and looks at its own part of it")
