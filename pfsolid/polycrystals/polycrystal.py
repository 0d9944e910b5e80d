"""A polycrystal: grains that fill a periodic cell, their volumes and orientations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..grid import PeriodicGrid
from .diagram import PowerDiagram, fit_diagram
from .texture import euler_angles

FEW_GRAINS = 16
COLUMNS = ("label", "class", "volume_nm3", "diameter_nm", "x_nm", "y_nm", "z_nm", "phi1_deg", "Phi_deg", "phi2_deg")
GRAIN, SECOND, PORE = "grain", "second_phase", "pore"  # classes
Row = tuple[int | float | str | None, ...]


@dataclass(frozen=True)
class Polycrystal:
    """Grains by number, which is their label; the next label is the second phase's, and that after it the pores'.

    Attributes
    ----------
    diagram : PowerDiagram
        In nm.
    angles : ndarray (num_grains, 3)
        Bunge's Euler angles, degrees.
    voxels : ndarray of int (num_grains,)
        Of each grain, on the grid of the image.
    voxel_nm3 : float
    voxels_between : tuple of 2 int
        Of the second phase and the pores.
    pore_nm : float
        Diameter of spherical pores; 0: there are none.
    """

    diagram: PowerDiagram
    angles: npt.NDArray[Any]
    voxels: npt.NDArray[Any]
    voxel_nm3: float
    voxels_between: tuple[int, int] = (0, 0)
    pore_nm: float = 0.0

    @property
    def fractions(self) -> tuple[float, float]:
        """Volume fractions of the second phase and the pores."""
        second, pores = self.voxels_between
        total = int(self.voxels.sum()) + second + pores
        return second / total, pores / total

    @property
    def diameters_nm(self) -> npt.NDArray[Any]:
        """Of spheres of the grains' volumes."""
        return np.asarray(np.cbrt(6 / np.pi * self.voxels * self.voxel_nm3))

    def rows(self) -> list[Row]:
        """A row of `COLUMNS` for each grain, and one for the second phase and the pores where there are any."""
        volumes = self.voxels * self.voxel_nm3
        columns = (volumes, self.diameters_nm, *self.diagram.seeds.T, *self.angles.T)
        rows: list[Row] = [(label, GRAIN, *map(float, values)) for label, values in enumerate(zip(*columns))]
        for offset, (name, voxels) in enumerate(zip((SECOND, PORE), self.voxels_between)):
            if voxels:
                rows.append((self.diagram.num_grains + offset, name, voxels * self.voxel_nm3, *(None,) * 7))
        return rows

    def warnings(self) -> list[str]:
        """What makes less of it than it seems."""
        found, few = [], self.diagram.num_grains
        if few < FEW_GRAINS:
            found.append(f"{few} grains: fewer than {FEW_GRAINS} in a periodic cell have themselves for neighbours; "
                         "what holds for them need not hold for a large sample")
        gone = int(np.count_nonzero(self.voxels == 0))
        if gone:
            found.append(f"{gone} of {few} grains have no voxel: they are too small for this grid, or larger ones have "
                         "swallowed them")
        return found


def check_request(shape: Sequence[int], num_grains: int) -> None:
    """See that so many grains can be in so many voxels.

    Parameters
    ----------
    shape : sequence of 3 int
    num_grains : int

    Raises
    ------
    InputError
        They cannot.
    """
    if any(n < 2 for n in shape):
        raise InputError(f"grains.shape = {list(shape)}: grains are made in three dimensions, of two voxels or more along "
                         "each axis")
    voxels = math.prod(shape)
    if not 2 <= num_grains <= voxels // 8:
        raise InputError(f"grains.number = {num_grains}: must be from 2 to {voxels // 8}, an eighth of the {voxels} voxels")


def plan_polycrystal(grid_nm: PeriodicGrid, num_grains: int, spread: float, aspect: Sequence[float], texture: str,
                     seed: int) -> tuple[PowerDiagram, npt.NDArray[Any]]:
    """Diagram and orientations, which do not depend on the voxels: a finer grid shows the same grains.  Same on every rank.

    Parameters
    ----------
    grid_nm : PeriodicGrid
        In nm.
    num_grains : int
    spread, aspect
        See `pfsolid.polycrystals.diagram.fit_diagram`.
    texture : str
        See `pfsolid.polycrystals.texture.euler_angles`.
    seed : int

    Returns
    -------
    PowerDiagram
    ndarray (num_grains, 3)
        Bunge's Euler angles, degrees.

    Raises
    ------
    InputError
    """
    check_request(grid_nm.shape, num_grains)
    angles = euler_angles(texture, num_grains, seed)
    return fit_diagram(grid_nm.lengths, num_grains, spread, aspect, seed), angles
