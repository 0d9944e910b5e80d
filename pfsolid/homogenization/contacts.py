"""Electrodes that touch a part of an image's end only: discs, or what a two-dimensional image says."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Floats
from ..config.image import ImageStudyConfig
from ..errors import InputError
from ..grid import AXES, PeriodicGrid, three
from ..io.images.slab import ImageWindow, Labelling, describe_image, read_label_slab
from ..orientation import Orientation
from ..parallel.communicator import alone

# The scheme's disc is narrower than its faces by so much of a voxel's edge along the field: 0.23 to 0.27 for radii of 4 to
# 16 voxels, whose exact resistance is known (0.35 at a straight edge along the faces).  So the disc is made wider by it.
_NARROWER = 0.25
_SAMPLES = 8  # along each edge of a face, of how much of it lies in a disc
Contacts = tuple[Floats | None, Floats | None]  # where the image begins and where it ends; None: all of it


def read_contacts(study: ImageStudyConfig, grid_nm: PeriodicGrid, masks: dict[int, Any] | None = None) -> dict[int, Floats]:
    """Masks of the contacts that are given as images, by their ends 0 and 1.  Every rank reads all of them.

    Parameters
    ----------
    study : ImageStudyConfig
        With one direction where there is a mask.
    grid_nm : PeriodicGrid
        Of the image, by x, y, z.
    masks : dict, optional
        Arrays in the place of files: rows and columns are the other axes, in the order z, y, x.

    Returns
    -------
    dict of int to ndarray (n_a, n_b)
        1 where there is contact, by the other axes in the order x, y, z.

    Raises
    ------
    InputError
        There is no such image, or it has another size than the end of the image, or touches it nowhere.
    """
    found = {}
    for end, contact in enumerate(study.image.contact or ()):
        if not isinstance(contact, str) or not contact:
            continue
        axis = AXES.index(study.image.directions or "")
        source = (masks or {}).get(end, contact)
        name = "the array" if end in (masks or {}) else contact
        info = describe_image(source)
        whole = three(slice(0, n) for n in info.shape)
        columns_rows = read_label_slab(source, whole, alone(), ImageWindow(), Labelling())
        wanted = tuple(n for other, n in enumerate(grid_nm.shape) if other != axis)
        if info.shape[2] != 1 or columns_rows.shape[:2] != wanted:
            raise InputError(f"image.contact: {name} has {' x '.join(map(str, info.shape))} voxels, and the image's end "
                             f"along {AXES[axis]} has {' x '.join(map(str, wanted))}: a picture of that end is needed, 0 "
                             "where it is free")
        found[end] = (columns_rows[:, :, 0] > 0).astype(float)
        if not found[end].any():
            raise InputError(f"image.contact: {name} is 0 everywhere: nothing would touch the image")
    return found


def contacts_of(study: ImageStudyConfig, orientation: Orientation, grid_nm: PeriodicGrid, masks: dict[int, Floats]
                ) -> Contacts:
    """Share of each face of the first and last plane of a grid that its electrode touches.

    Parameters
    ----------
    study : ImageStudyConfig
    orientation : Orientation
        The field's axis first.
    grid_nm : PeriodicGrid
        Of the computation, turned; voxels may be those of the masks or half as wide.
    masks : dict of int to ndarray
        Of `read_contacts`.

    Returns
    -------
    tuple of 2 (ndarray (n1, n2) or None)

    Raises
    ------
    InputError
        A disc is smaller than a voxel or wider than the image.
    """
    found: list[Floats | None] = [None, None]
    for end, contact in enumerate(study.image.contact or ()):
        if end in masks:
            n1, n2 = grid_nm.shape[1:]
            mask = masks[end]
            found[end] = mask.repeat(n1 // mask.shape[0], 0).repeat(n2 // mask.shape[1], 1)
        elif contact:
            found[end] = _disc(float(contact), grid_nm, orientation)
    return found[0], found[1]


def _disc(radius: float, grid_nm: PeriodicGrid, orientation: Orientation) -> Floats:
    """Share of each face (n1, n2) that lies in a disc about the middle."""
    (_, *shape), (_, *edges) = grid_nm.shape, grid_nm.spacing
    for n, h, name in zip(shape, edges, orientation.names[1:]):
        if n > 1 and not h <= radius <= n * h / 2:
            raise InputError(f"image.contact = {radius:g}: a disc of that radius in nm on an end of {n} voxels of {h:g} nm "
                             f"along {name}: must be from one voxel to half of the end, {n * h / 2:g}")
    squares = []
    for n, h in zip(shape, edges):
        centres = (np.arange(_SAMPLES * n) + 0.5) * h / _SAMPLES - n * h / 2
        squares.append(centres**2 if n > 1 else 0 * centres)
    wide = radius + _NARROWER * grid_nm.spacing[0]
    inside = np.add.outer(*squares) <= wide**2
    shares: Floats = inside.reshape(shape[0], _SAMPLES, shape[1], _SAMPLES).mean((1, 3))
    return shares
