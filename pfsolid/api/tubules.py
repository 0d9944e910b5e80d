"""Aligned tubules and columns in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from ..config.tubules import tubules_config
from ..errors import InputError
from ..hexagonal import PARTS
from ..hexagonal import Tubules as _Geometry
from ..orientation import order_of_axes
from ..parallel.memory import available_bytes
from ..text import in_binary_units
from .arguments import given, in_arguments, in_array_order, plain
from .image import Image

_NAME = "pfsolid.tubules"


@dataclass(frozen=True, eq=False, repr=False)
class Tubules:
    """Aligned tubules or columns along z, as labels: 0 between them, 1 walls, 2 inside, 3 roots.

    Attributes
    ----------
    labels : ndarray of uint8 (n0, n1, n2)
        In the order of `axes`.
    voxel_nm : tuple of 3 float
        nm, along x, y, z; those along x and y differ, as sqrt(3) is no ratio of whole numbers.
    axes : str
    area_fractions : dict of str to float
        Shares of the cross-section where the tubules run through, as the voxels have them: 'between', 'wall', 'lumen'.
    drawn_fractions : dict of str to float
        The same without voxels.
    """

    labels: Array
    voxel_nm: tuple[float, float, float]
    axes: str
    area_fractions: dict[str, float]
    drawn_fractions: dict[str, float]
    _made: _Geometry = field(repr=False)

    @property
    def image(self) -> Image:
        """The labels as an image, to be conducted, measured or drawn."""
        names = {int(label): PARTS[label] for label in np.unique(self.labels)}
        return Image(self.labels, self.voxel_nm, self.axes, names)

    def __repr__(self) -> str:
        return self._made.described()


def tubules(shape: Any, pitch_nm: float, length_nm: float, diameter_nm: float, wall_nm: float | None = None,
            section: str = "hexagon", cells: Any = (1, 1), ends: str = "rooted", gap_nm: float = 0.0,
            root_nm: float = 0.0, *, axes: str = "zyx") -> Tubules:
    """Aligned tubules or columns on a hexagonal lattice, along z: the interlayer of porous mixed conductors.

    Where they run through, sigma_zz is the sum over the labels of area fraction times conductivity, on any grid; the area
    fraction of walls is that of hexagons, (D^2 - (D - 2 W)^2) / P^2, or pi / (2 sqrt(3)) of it for circles, to what the
    voxels make of it.  Not collective: each process has all of them.

    Parameters
    ----------
    shape : 3 ints
        Voxels along the axes of the labels, in the order of ``axes``.
    pitch_nm : float
        nm, P, from axis to axis; neighbours lie along x.
    length_nm : float
        nm, of the cell along z.
    diameter_nm : float
        nm, D, outside; of a hexagon from side to side.
    wall_nm : float, optional
        nm, W; without it they are columns, wall through and through.
    section : str
        'hexagon' or 'circle'.
    cells : 2 ints
        Rectangles of P x sqrt(3) P along x and y, of two tubules each.
    ends : str
        At z = 0: 'rooted', up to it, or 'free', ``gap_nm`` short of it.  At the other end all run up to it.
    gap_nm, root_nm : float
        nm, between z = 0 and free ends; first part of rooted walls that is another material, label 3.
    axes : str
        Order of the axes of the labels, first index first.

    Returns
    -------
    Tubules

    Raises
    ------
    InputError
        There is no such thing, or its voxels are too coarse.

    Notes
    -----
    S. Y. Kim and J. Li, Energy Mater. Adv. 2021, 1519569, doi:10.34133/2021/1519569, Figure 3.

    Examples
    --------
    >>> import pfsolid as pf
    >>> made = pf.tubules((8, 112, 64), pitch_nm=300, length_nm=1000, diameter_nm=200, wall_nm=40)
    >>> made
    2 tubules of 40 nm wall, hexagons of 200 nm 300 nm apart, rooted; 64 x 112 x 8 voxels of 4.688 x 4.639 x 125 nm
    >>> found = pf.conductivity(made.image, {"between": 0, "wall": 1e-3, "lumen": 0}, directions="z")
    >>> round(float(found.tensor[2, 2]) / 1e-3 / made.area_fractions["wall"], 9)
    1.0
    """
    with in_arguments(_NAME):
        order = order_of_axes(axes) if isinstance(axes, str) else None
        if order is None or len(order) != 3:
            raise InputError(f"{_NAME}: axes = {axes!r}: must be 'zyx' or another order of three axes")
        sizes = plain(shape)
        if isinstance(sizes, list) and len(sizes) == 3:
            sizes = [sizes[order.index(name)] for name in "xyz"]
        config = tubules_config(given(shape=sizes, pitch_nm=plain(pitch_nm), length_nm=plain(length_nm),
                                      diameter_nm=plain(diameter_nm), wall_nm=plain(wall_nm), section=section,
                                      cells=plain(cells), ends=ends, gap_nm=plain(gap_nm), root_nm=plain(root_nm)), _NAME)
        made, free = config.tubules, available_bytes()
        if free is not None and made.grid_nm.num_voxels > free:
            raise InputError(f"{_NAME}: shape: labels of {made.grid_nm.num_voxels:,} voxels are more bytes than the "
                             f"{in_binary_units(free)} of memory that are free")
    grid = made.grid_nm
    hx, hy, hz = grid.spacing
    return Tubules(in_array_order(made.labels(), order), (hx, hy, hz), order, made.area_fractions(), made.drawn_fractions(),
                   made)
