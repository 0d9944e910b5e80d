"""Packages that are not needed to run, and what results become with them: pandas, xarray."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from ..errors import InputError
from ..grid import AXES
from .arguments import by_axes


def package(name: str, purpose: str):
    """An optional package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"{purpose} needs the package {name}: pip install {name}") from None


def coordinates(shape, voxel_nm, axes: str, slices=None) -> dict:
    """Centres of voxels along each axis of an array, for xarray: nm, or voxels where the edges are not known."""
    unit = "voxel" if voxel_nm is None else "nm"
    edges = by_axes(voxel_nm or (1.0,) * 3, axes)
    first = [part.start or 0 for part in slices] if slices else [0] * len(axes)
    return {name: (name, (np.arange(n) + start + 0.5) * edge, {"units": unit, "long_name": f"{name}, centre of the voxel"})
            for name, n, start, edge in zip(axes, shape, first, edges)}


def field_array(values: np.ndarray, voxel_nm, axes: str, name: str, units: str, long_name: str, slices=None):
    """A field as an xarray.DataArray; vectors have the components x, y, z last."""
    xarray = package("xarray", "to_xarray")
    dims, coords = list(axes), coordinates(values.shape, voxel_nm, axes, slices)
    if values.ndim > len(axes):
        dims, coords = [*dims, "component"], coords | {"component": list(AXES)}
    return xarray.DataArray(values, coords, dims, name, {"units": units, "long_name": long_name})
