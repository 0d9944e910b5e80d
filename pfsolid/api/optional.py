"""Packages that are not needed to run, and what results become with them: pandas, xarray."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..grid import AXES
from .arguments import by_axes


def package(name: str, purpose: str) -> Any:
    """An optional package.

    Parameters
    ----------
    name : str
    purpose : str
        What needs it, for the message.

    Returns
    -------
    module

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"{purpose} needs the package {name}: pip install {name}") from None


def coordinates(shape: Sequence[int], voxel_nm: Sequence[float] | None, axes: str,
                slices: Sequence[slice] | None = None) -> dict[str, Any]:
    """Centres of voxels along each axis of an array, for xarray: nm, or voxels where the edges are not known.

    Parameters
    ----------
    shape : sequence of int
        Of the array, or of this rank's part of it.
    voxel_nm : 3 floats, optional
        nm, along x, y, z.
    axes : str
        Order of the array's axes, first index first.
    slices : sequence of slice, optional
        Where a part lies in the whole.

    Returns
    -------
    dict
        For each axis its dimension, its centres and their attributes.
    """
    unit = "voxel" if voxel_nm is None else "nm"
    edges = by_axes(voxel_nm or (1.0,) * 3, axes)
    first = [part.start or 0 for part in slices] if slices else [0] * len(axes)
    return {name: (name, (np.arange(n) + start + 0.5) * edge, {"units": unit, "long_name": f"{name}, centre of the voxel"})
            for name, n, start, edge in zip(axes, shape, first, edges)}


def field_array(values: Array, voxel_nm: Sequence[float] | None, axes: str, name: str, units: str, long_name: str,
                slices: Sequence[slice] | None = None) -> Any:
    """A field as an xarray.DataArray; vectors have the components x, y, z last.

    Parameters
    ----------
    values : ndarray (n0, n1[, n2][, 3])
    voxel_nm, axes, slices
        As for `coordinates`.
    name, units, long_name : str

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    InputError
        If xarray is not installed.
    """
    xarray = package("xarray", "to_xarray")
    dims, coords = list(axes), coordinates(values.shape, voxel_nm, axes, slices)
    if values.ndim > len(axes):
        dims, coords = [*dims, "component"], coords | {"component": list(AXES)}
    return xarray.DataArray(values, coords, dims, name, {"units": units, "long_name": long_name})
