"""Voxel images as densities or labels: what part of a file becomes the slab of a rank, and what its values mean.

Each rank reads its own slab, one page at a time.  The formats are those of :mod:`pfsolid.io.images.formats`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from ...errors import InputError
from ...grid import AXES
from ...labels import MAX_LABEL, label_dtype
from ...orientation import Orientation
from ...parallel.collective import Reducer, agreed_errors
from .binning import majority
from .formats import ArrayLayout, ImageInfo, Layout, opened_image

# A phase field passes its wells by some percent; grey values of an image are far beyond these.
DENSITY_BOUNDS = (-0.25, 1.25)


@dataclass(frozen=True)
class ImageWindow:
    """Which voxels of an image make the grid, and in what order.

    The image is cropped, then binned, then mirrored, then turned; ``crop`` and ``mirrored`` speak of the image's x, y, z.

    Attributes
    ----------
    crop : tuple of 3 (start, stop) or None
        Voxels along each axis, the last one not included; None for all of an axis.
    mirrored : tuple of 3 bool
        Axes along which the image is followed by its mirror image: twice as many voxels, and periodic without a jump.
        Along each axis it then conducts as the image does between plane electrodes, with insulating sides (where
        conductivities are scalars or diagonal).
    orientation : Orientation
        What turns the image's axes into those of the grid.
    bin : int
        Voxels along each axis of more than one that become one; those that fill no block at the end are left out.
    """

    crop: tuple = (None, None, None)
    mirrored: tuple[bool, bool, bool] = (False, False, False)
    orientation: Orientation = Orientation()
    bin: int = 1

    def grid_shape(self, info: ImageInfo) -> tuple[int, int, int]:
        """Voxels along the axes of the grid.

        Raises
        ------
        InputError
            If the crop is empty or goes beyond the image.
        """
        return self.orientation.turn(self.image_shape(info))

    def image_shape(self, info: ImageInfo) -> tuple[int, int, int]:
        """The same along the image's x, y, z."""
        return tuple((1 + bool(mirrored)) * ((stop - start) // step)
                     for mirrored, (start, stop), step in zip(self.mirrored, self._cropped(info), self.steps(info)))

    def steps(self, info: ImageInfo) -> tuple[int, int, int]:
        """Voxels of the image that make one, along x, y, z."""
        return tuple(self.bin if stop - start > 1 else 1 for start, stop in self._cropped(info))

    def edges(self, info: ImageInfo, spacing) -> tuple[float, float, float]:
        """Edges of the grid's voxels along the image's x, y, z.

        Parameters
        ----------
        info : ImageInfo
        spacing : sequence of 3 float
            Those of its own voxels.

        Returns
        -------
        tuple of 3 float
        """
        return tuple(float(h) * step for h, step in zip(spacing, self.steps(info)))

    def file_box(self, info: ImageInfo, box) -> tuple[slice, slice, slice]:
        """Voxels of the image that a box of cropped and binned ones is made of.

        Parameters
        ----------
        info : ImageInfo
        box : sequence of 3 slice
            Along x, y, z.

        Returns
        -------
        tuple of 3 slice
        """
        return tuple(slice(start + step * s.start, start + step * s.stop)
                     for s, (start, _), step in zip(box, self._cropped(info), self.steps(info)))

    def file_voxels(self, info: ImageInfo, slices) -> list[np.ndarray]:
        """For each axis of the image, its voxel for each of the grid's inside ``slices``; of an image that is not binned."""
        return [index + start for index, (start, _) in zip(self.image_voxels(info, slices), self._cropped(info))]

    def image_voxels(self, info: ImageInfo, slices) -> list[np.ndarray]:
        """The same of the image as it is cropped and binned.

        Parameters
        ----------
        info : ImageInfo
        slices : sequence of 3 slice
            Of the grid.

        Returns
        -------
        list of 3 ndarray

        Raises
        ------
        InputError
            The grid is not as large.
        """
        shape = self.grid_shape(info)
        if any(part.start < 0 or part.stop > length for part, length in zip(slices, shape)):
            raise InputError(f"{info.name} makes {_voxels(shape)} voxels and is asked for those up to "
                             f"{_voxels(s.stop for s in slices)}")
        return list(self.unmirrored([np.arange(s.start, s.stop) for s in self.orientation.inverse.turn(slices)], info))

    def unmirrored(self, voxel, info: ImageInfo) -> tuple:
        """The voxel of the cropped image, or voxels along each axis, of which those of the mirrored one are copies."""
        return tuple(np.minimum(v, n - 1 - v) if mirrored else v
                     for v, mirrored, n in zip(voxel, self.mirrored, self.image_shape(info)))

    def _cropped(self, info: ImageInfo) -> list[tuple[int, int]]:
        ranges = [(0, n) if part is None else tuple(part) for part, n in zip(self.crop, info.shape)]
        for axis, (start, stop), n in zip(AXES, ranges, info.shape):
            if not 0 <= start < stop <= n:
                raise InputError(f"crop {start}:{stop} along {axis}: {info.name} has the voxels 0:{n} there")
            if 1 < stop - start < self.bin:
                raise InputError(f"bin {self.bin}: more than the {stop - start} voxels along {axis}")
        return ranges


@dataclass(frozen=True)
class Labelling:
    """How the values of an image become labels from 0 on; by default whole numbers stand for themselves.

    Attributes
    ----------
    thresholds : tuple of float
        Rising grey values: label 0 below the first, 1 from there to below the second, and so on.
    values : dict of int to int
        Label of each value; others are refused.  Not together with thresholds.
    """

    thresholds: tuple[float, ...] = ()
    values: dict[int, int] = field(default_factory=dict)

    def __post_init__(self):
        if self.thresholds and self.values:
            raise InputError("an image is labelled by thresholds or by a table of its values, not by both")
        if len(self.thresholds) > MAX_LABEL:
            raise InputError(f"{len(self.thresholds)} thresholds: {MAX_LABEL} are the most")
        # Written so that it is false for NaN.
        if not all(a < b for a, b in itertools.pairwise((-np.inf, *self.thresholds, np.inf))):
            raise InputError(f"thresholds {', '.join(f'{t:g}' for t in self.thresholds)}: they must be finite and rising")
        for label in self.values.values():
            if label not in range(MAX_LABEL + 1):
                raise InputError(f"label {label}: whole numbers from 0 to {MAX_LABEL} are possible")

    def dtype_for(self, values: np.dtype) -> type:
        """Of labels before they are known, from the type of the values."""
        if self.thresholds or self.values:
            return label_dtype(max(len(self.thresholds), *self.values.values(), 0))
        return label_dtype(0 if values.itemsize == 1 else MAX_LABEL)

    def apply(self, page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels of an array of values, and where a value has none."""
        finite = np.isfinite(page)
        if self.thresholds:
            # Not right=True: a value at a threshold lies above it.
            return np.digitize(page, self.thresholds).astype(self.dtype_for(page.dtype)), ~finite
        if self.values:
            return self._look_up(page)
        bad = ~(finite & (page >= 0) & (page <= MAX_LABEL))
        if page.dtype.kind == "f":
            bad |= page != np.floor(page)
        return np.where(bad, 0, page).astype(self.dtype_for(page.dtype)), bad

    def _look_up(self, page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = np.array(sorted(self.values))
        labels = np.array([self.values[value] for value in known.tolist()], self.dtype_for(page.dtype))
        place = np.minimum(np.searchsorted(known, page), known.size - 1)
        return labels[place], known[place] != page

    def complaint(self, value) -> str:
        """What is wrong with a value that has no label."""
        if not np.isfinite(value):
            return "which is not a finite number"
        if self.values:
            return f"which has no label: the table has {', '.join(map(str, sorted(self.values)))}"
        return f"which is no label, a whole number from 0 to {MAX_LABEL}: give thresholds, or a label for each value"


def describe_image(path, layout: Layout = ArrayLayout()) -> ImageInfo:
    """Shape, type and spacing of an image, its values not read.  For one rank: ``on_root(comm, describe_image, path)``.

    Parameters
    ----------
    path : str or Path
    layout : RawLayout or ArrayLayout
        What plain numbers are; in what order an array has its axes.

    Raises
    ------
    InputError
        Missing, unreadable, of another format, not two- or three-dimensional, not real numbers, in another order of axes.
    """
    with opened_image(path, layout) as (info, _):
        return info


def read_label_slab(path, slices: tuple[slice, slice, slice], comm, window: ImageWindow = ImageWindow(),
                    labelling: Labelling = Labelling(), layout: Layout = ArrayLayout()) -> np.ndarray:
    """This rank's part of an image as labels.  Collective.

    Parameters
    ----------
    path : str or Path
    slices : tuple of 3 slice
        Of the grid that the window makes: ``slab_of(grid, comm)`` or ``transform.local_slice``.
    comm : Communicator
    window : ImageWindow
        By default all of the image as it lies.
    labelling : Labelling
        By default whole numbers stand for themselves.
    layout : RawLayout or ArrayLayout
        As for `describe_image`.

    Returns
    -------
    ndarray of uint8 or uint32, local (n0, n1, n2)
        The same type on all ranks: uint8 where no rank has a label above 255.

    Raises
    ------
    InputError
        On all ranks: as `describe_image`, a window that does not fit, a value that has no label; it names the first
        one of the lowest rank that finds any, in the file's voxels x, y, z and as the file has it.
    """
    with agreed_errors(comm):
        with opened_image(path, layout) as (info, page):
            voxels = window.image_voxels(info, slices)
            out = np.empty([s.stop - s.start for s in slices], labelling.dtype_for(info.dtype))
            target = window.orientation.inverse.turn_field(out)
            box = tuple(slice(int(index.min()), int(index.max()) + 1) for index in voxels)
            if all((np.diff(index) == 1).all() for index in voxels):
                _read_labels(target, page, window.file_box(info, box), info, labelling, window.steps(info))
            else:  # mirrored: backwards, or each voxel twice
                part = np.empty([s.stop - s.start for s in box], out.dtype)
                _read_labels(part, page, window.file_box(info, box), info, labelling, window.steps(info))
                _unfold(part, [index - s.start for index, s in zip(voxels, box)], target)
    highest = Reducer(comm).max(int(out.max()) if out.size else 0)
    return out.astype(label_dtype(highest), copy=False)


def _unfold(part: np.ndarray, voxels: list[np.ndarray], target: np.ndarray) -> None:
    """target[i, j, k] = part[x[i], y[j], z[k]], a plane at a time."""
    x, y, z = voxels
    for i, source in enumerate(x):
        target[i] = part[source][np.ix_(y, z)]


def _read_labels(out: np.ndarray, page, box, info: ImageInfo, labelling: Labelling, steps) -> None:
    """Labels of a box of the image along x, y, z, ``steps`` of its voxels along each axis becoming one."""
    pages, rows, columns = info.order.turn(box)
    steps = info.order.turn(steps)
    for index, placed in enumerate(info.order.turn_field(out)):
        first = pages.start + index * steps[0]
        block = [_labels_of(page, first + more, rows, columns, info, labelling) for more in range(steps[0])]
        placed[...] = block[0] if steps == (1, 1, 1) else majority(np.array(block, out.dtype), steps)


def _labels_of(page, number: int, rows: slice, columns: slice, info: ImageInfo, labelling: Labelling) -> np.ndarray:
    values = page(number, rows, columns)
    labels, bad = labelling.apply(values)
    if bad.any():
        place = np.argwhere(bad)[0]
        voxel = info.order.inverse.turn((number, int(rows.start + place[0]), int(columns.start + place[1])))
        value = values[tuple(place)]
        raise InputError(f"{info.name}: the value at voxel {voxel} is {value}, {labelling.complaint(value)}")
    return labels


def _pages(out: np.ndarray, page, box, order: Orientation):
    """Each page of the file inside a box along x, y, z: its number there, its place in ``out``, and its values."""
    pages, rows, columns = order.turn(box)
    for index, placed in enumerate(order.turn_field(out)):
        yield index, placed, page(pages.start + index, rows, columns)


def read_image_slab(path, slices: tuple[slice, slice, slice], comm, full_scale: float = 1.0,
                    expected_shape: tuple[int, int, int] | None = None, layout: ArrayLayout = ArrayLayout(),
                    advice: str = "full_scale sets the value that stands for the solid") -> np.ndarray:
    """This rank's part of an image as a density, value / ``full_scale``.  Collective.

    Parameters
    ----------
    path : str or Path
    slices : tuple of 3 slice
        Along x, y, z, with explicit start and stop: ``slab_of(grid, comm)`` or ``transform.local_slice``.
    comm : Communicator
    full_scale : float
        The value that stands for the solid; 255 for a binary image of 8 bits.
    expected_shape : tuple of 3 int, optional
        Of the grid that is to be filled.
    layout : ArrayLayout
        As for `describe_image`.
    advice : str
        What to do about a value that is no density.

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
        with opened_image(path, layout) as (info, page):
            _check_shape(info, slices, expected_shape)
            density = np.empty([s.stop - s.start for s in slices])
            for _, placed, values in _pages(density, page, slices, info.order):
                placed[...] = values
        density /= full_scale
        check_density(info.name, density, slices, full_scale, advice)
    return density


def _check_shape(info: ImageInfo, slices, expected) -> None:
    if expected is not None and tuple(expected) != info.shape:
        raise InputError(f"{info.name} has {_voxels(info.shape)} voxels and the grid {_voxels(expected)}")
    if any(s.start < 0 or s.stop > n for s, n in zip(slices, info.shape)):
        raise InputError(f"{info.name} has {_voxels(info.shape)} voxels and is asked for those up to "
                         f"{_voxels(s.stop for s in slices)}")


def _voxels(shape) -> str:
    return " x ".join(map(str, shape))


def check_density(name: str, density: np.ndarray, slices, full_scale: float = 1.0, advice: str = "") -> None:
    """Raise InputError, naming the first voxel, where a density is not finite or beyond `DENSITY_BOUNDS`.  Not collective.

    Parameters
    ----------
    name : str
        Of the file, for the message.
    density : ndarray, local (n0, n1, n2)
    slices : tuple of 3 slice
        Where it lies, along x, y, z.
    full_scale : float
        What stands for the solid in the file.
    advice : str
        Ends the message.
    """
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
                         f"{full_scale:g} in the solid{advice and '; '}{advice}")
