"""How an image is laid on grids: one for all fields, or one for each field between its electrodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools
from ..config.image import ImageStudyConfig
from ..errors import InputError
from ..grid import AXES, PeriodicGrid, three
from ..io.images.description import ArrayImage, ArrayLayout, ImageInfo, Layout, RawLayout
from ..io.images.slab import ImageWindow
from ..orientation import Orientation
from ..parallel.session import Session

_SPACING_RTOL = 2e-3  # of lengths that somebody has rounded


@dataclass(frozen=True)
class Part:
    """One way of laying the image on a grid, and the axes of the grid to solve for.

    Attributes
    ----------
    source : str or ArrayImage
        Of the labels.
    window : ImageWindow
    fields : tuple of int
    grid_nm : PeriodicGrid
        Of the computation.
    between_plates : bool
    """

    source: str | ArrayImage
    window: ImageWindow
    fields: tuple[int, ...]
    grid_nm: PeriodicGrid
    between_plates: bool = False

    @property
    def orientation(self) -> Orientation:
        """What turned the image into this part."""
        return self.window.orientation

    @property
    def image_grid_nm(self) -> PeriodicGrid:
        """The grid by the image's x, y, z; between electrodes without its mirror images."""
        return self.unmirrored_grid_nm if self.between_plates else self.orientation.inverse.turn_grid(self.grid_nm)

    @property
    def unmirrored_grid_nm(self) -> PeriodicGrid:
        """The same without mirror images, whatever they are for."""
        grid = self.orientation.inverse.turn_grid(self.grid_nm)
        return PeriodicGrid(three(n // (1 + m) for n, m in zip(grid.shape, self.window.mirrored)), grid.spacing)

    @property
    def is_periodic(self) -> bool:
        """Whether it is solved in a periodic cell: its own, or that with its mirror images."""
        return not self.between_plates or any(self.window.mirrored)


def layout_of(study: ImageStudyConfig) -> Layout:
    """The order of the axes of the image, or the layout of its numbers."""
    image = study.image
    if image.raw_shape is None or image.raw_dtype is None:  # they go together
        return ArrayLayout(image.axes, study.unsaid_axes)
    return RawLayout(image.raw_shape, image.raw_dtype, image.raw_offset, image.raw_fastest_axis)


def parts_of(study: ImageStudyConfig, source: str | ArrayImage, info: ImageInfo) -> list[Part]:
    """All field axes at once where the cell is periodic; each for itself between electrodes, the field's axis first.

    Full tensors between electrodes are solved in the periodic cell of eight mirror images, whose planes of symmetry across
    the field have one potential and along it insulate: the same problem, on eight times the voxels.

    Parameters
    ----------
    study : ImageStudyConfig
    source : str or ArrayImage
    info : ImageInfo
        Of that source.

    Returns
    -------
    list of Part

    Raises
    ------
    InputError
        The edges of voxels are not known, or no field can be applied.
    """
    image = study.image
    crop = tuple(pair or None for pair in image.crop or (None,) * 3)
    whole = _part(study, source, info, ImageWindow(crop, bin=image.bin), ())
    fields = field_axes(study, whole.grid_nm)
    between_plates = image.boundary == "electrodes"
    if between_plates and not study.phases.tensors:
        windows = [ImageWindow(crop, orientation=Orientation.beginning_with(axis), bin=image.bin) for axis in fields]
        return [_part(study, source, info, window, (0,), between_plates) for window in windows]
    turned = _turned_round(study)
    # An axis of one voxel is its own mirror image, but for tensors that are not.
    mirrored = three(image.boundary != "periodic" and (n > 1 or turned[axis]) for axis, n in enumerate(whole.grid_nm.shape))
    return [_part(study, source, info, ImageWindow(crop, mirrored, bin=image.bin), fields, between_plates)]


def tell_of_spacing(study: ImageStudyConfig, info: ImageInfo, session: Session) -> None:
    """Warn where the voxels that were asked for are not those that the file speaks of.

    Parameters
    ----------
    study : ImageStudyConfig
    info : ImageInfo
        Of the file.
    session : Session
    """
    given = study.image.voxel_size_nm
    if given is None:
        return
    if info.spacing_nm is not None and not np.allclose(given, info.spacing_nm, rtol=_SPACING_RTOL, atol=0):
        session.warn(f"{info.name} says that its voxels have edges of {_edges(info.spacing_nm)} nm; {_edges(given)} nm are "
                     "taken, as asked for")
    # Without a unit only the proportions mean anything, and three times 1 is what programs write that know none.
    if info.spacing is not None and set(info.spacing) != {1.0}:
        ratio = np.divide(given, info.spacing)
        if not np.allclose(ratio, ratio[0], rtol=_SPACING_RTOL, atol=0):
            session.warn(f"{info.name} says that the edges of its voxels are as {_edges(info.spacing)}; {_edges(given)} nm "
                         "are taken, as asked for")


def _edges(values: Iterable[float]) -> str:
    """Of three lengths."""
    return " x ".join(f"{value:.5g}" for value in values)


def asked_axes(study: ImageStudyConfig) -> str:
    """Names of the axes that a field is asked for along."""
    return study.image.directions or AXES


def field_axes(study: ImageStudyConfig, grid_nm: PeriodicGrid) -> tuple[int, ...]:
    """The axes to apply a field along: of those asked for, the ones of more than one voxel.

    Parameters
    ----------
    study : ImageStudyConfig
    grid_nm : PeriodicGrid
        By the image's axes.

    Returns
    -------
    tuple of int

    Raises
    ------
    InputError
        There is none.
    """
    asked = asked_axes(study)
    fields = tuple(axis for axis in grid_nm.real_axes if AXES[axis] in asked)
    if not fields:
        raise InputError(f"image.directions = \"{asked}\": the image is one voxel thick along {', '.join(asked)}, so that "
                         f"is no direction of it; {', '.join(AXES[axis] for axis in grid_nm.real_axes)} can be had")
    return fields


def _turned_round(study: ImageStudyConfig) -> Bools:
    """Axes along which a mirror image of some tensor is another one."""
    tensors = study.phases.tensors.values()
    across = [(tensor != 0) & ~np.eye(3, dtype=bool) for tensor in tensors]
    found: Bools = np.any(np.reshape(across, (-1, 3)), axis=0)
    return found


def _part(study: ImageStudyConfig, source: str | ArrayImage, info: ImageInfo, window: ImageWindow,
          fields: tuple[int, ...], between_plates: bool = False) -> Part:
    spacing = study.image.voxel_size_nm or info.spacing_nm
    if spacing is None:
        hint = "" if info.spacing is None else f" in a unit (it says {_edges(info.spacing)})"
        raise InputError(f"{info.name} does not say how large its voxels are{hint}: give image.voxel_size_nm (--voxel-nm)")
    grid = PeriodicGrid(window.image_shape(info), window.edges(info, spacing))
    return Part(source, window, fields, window.orientation.turn_grid(grid), between_plates)
