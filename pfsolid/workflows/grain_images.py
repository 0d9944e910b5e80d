"""The labels of grains plane by plane: as a part of a polycrystal, and as the image of a study."""

from __future__ import annotations

import functools
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..config.grains import GrainsConfig
from ..errors import InputError
from ..io.images.description import ArrayImage
from ..polycrystals.diagram import PowerDiagram
from ..polycrystals.polycrystal import plan_polycrystal
from ..polycrystals.second_phase import mark_pores, mark_second

_PLANES = 32  # that are made at a time for a study: a block of the kernels


class _Pages:
    """Labels of a study's grains as an array along x, y, z of which only what is looked at is made, planes at a time."""

    def __init__(self, config: GrainsConfig):
        self._config = config
        self.shape, self.dtype = config.shape, np.dtype(np.uint32)
        self._kept: tuple[int, npt.NDArray[Any]] | None = None

    def __getitem__(self, index: tuple[int, slice, slice]) -> npt.NDArray[Any]:
        plane, rows, columns = index
        first = plane // _PLANES * _PLANES
        if self._kept is None or self._kept[0] != first:
            labels = np.empty((min(_PLANES, self.shape[0] - first), *self.shape[1:]), np.uint32)
            fill_grains(self._config, planned(self._config)[0], first, labels)
            self._kept = first, labels
        return np.asarray(self._kept[1][plane - first, rows, columns])


@functools.lru_cache(maxsize=4)  # a sweep solves on the same grains again, and a study is read before it is solved
def planned(config: GrainsConfig) -> tuple[PowerDiagram, npt.NDArray[Any]]:
    """Diagram and orientations; the same on every rank.

    Parameters
    ----------
    config : GrainsConfig

    Returns
    -------
    PowerDiagram
    ndarray (num_grains, 3)

    Raises
    ------
    InputError
        Volumes that cannot be had.
    """
    return plan_polycrystal(config.grid_nm, config.number, config.lognormal, config.aspect, config.texture, config.seed)


def fill_grains(config: GrainsConfig, diagram: PowerDiagram, first: int, labels: npt.NDArray[Any]) -> float:
    """Labels of some planes, with all that is between grains but the pores of a file.

    Parameters
    ----------
    config : GrainsConfig
    diagram : PowerDiagram
        See `planned`.
    first : int
        Global index of ``labels[0]``.
    labels : ndarray of uint32, local (n0, n1, n2)
        Overwritten.

    Returns
    -------
    float
        Diameter of spherical pores, nm; 0: there are none.

    Raises
    ------
    InputError
        Pores as large as the cell.
    """
    grid = config.grid_nm
    diagram.label(grid, first, labels)
    mark_second(diagram, config.between, grid, first, config.seed, labels)
    return mark_pores(diagram.lengths, config.between, grid, first, config.seed, labels, config.number + 1)


def image_of_grains(config: GrainsConfig) -> ArrayImage:
    """The labels as the image of a study, which is made where it is read.

    Parameters
    ----------
    config : GrainsConfig

    Returns
    -------
    ArrayImage

    Raises
    ------
    InputError
        Pores are to come from a file.
    """
    if config.pores_from is not None:
        raise InputError(f"grains.pores_from = {config.pores_from!r}: is for pfsolid grains; make the image with it, and "
                         "give that as image.file")
    return ArrayImage(cast(Any, _Pages(config)), "grains", config.voxel_size_nm, ("xyz", "as pfsolid makes grains"))
