"""What the functions of the API share in reading their arguments, and the words of their errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..config.naming import REST
from ..errors import InputError
from ..grid import T
from ..io.images.description import ArrayImage

# Keys of the input as arguments of the functions; the longer ones first.
_ARGUMENTS = {
    "image.directions (--directions)": "directions",
    "image.voxel_size_nm (--voxel-nm)": "voxel_nm", "--voxel-nm": "voxel_nm", "--filler": "filler", "--boundary": "boundary",
    "--names": "names", "--exclude": "exclude", "--active": "active", "--values": "values",
    "image.voxel_size_nm": "voxel_nm", "image.plate_resistance_ohm_cm2": "plate_resistance",
    "phases.interface_resistance_ohm_cm2": "resistance", "phases.interface_normals": "interface_normals",
    "phases.sigma_S_per_cm": "sigma", "phases.sigma_of_others_S_per_cm": "sigma['*']",
    "phases.names": "names", "phases.reference": "reference",
    "conduction.sigma_pore_S_per_cm": "sigma['pore']", "conduction.sigma_surf_S_per_cm": "sigma['surface']",
    "conduction.sigma_bulk_S_per_cm": "sigma['bulk']", "sigma_pore_S_per_cm": "sigma['pore']",
    "sigma_surf_S_per_cm": "sigma['surface']", "sigma_bulk_S_per_cm": "sigma['bulk']",
    "conduction.temperature_K": "temperature_K", "conduction.solver": "solver", "conduction.grid_error": "error",
    "conduction.relative_tolerance": "tolerance", "conduction.extrapolate": "extrapolate", "grid.shape": "shape",
    "rev.sizes (--sizes)": "sizes", "rev.sizes": "sizes", "(--sizes) ": "", "rev.most": "most",
    "grains.number": "grains", "grains.voxel_size_nm": "voxel_nm", "grains.shape": "shape", "grains.lognormal": "lognormal",
    "grains.aspect": "aspect", "grains.texture": "texture", "grains.seed": "seed",
    "rev.boundaries": "boundary", "rev.relative_error": "relative_error",
    "grid.voxel_size_nm": "voxel_nm", "material.name": "material", "microstructure.porosity": "porosity",
    "microstructure.seed": "seed", "material.surface_": "surface_", "microstructure.shape_factor_x": "shape_factors[0]",
    "microstructure.shape_factor_y": "shape_factors[1]",
    # What the command line advises.
    "another -o": "another directory", "--force": "force=True", "(--workers)": "(workers)", "--fields": "fields",
    "pfsolid sweep plan SWEEP.toml -o DIR": "pfsolid.sweep",
}
_IMAGE_KEY = re.compile(r"\bimage\.(boundary|directions|crop|exclude|thresholds|axes|contact)\b")
_LAYER_KEY = re.compile(r"\blayer\.(on|facing|label|width_nm)\b")


@contextmanager
def in_arguments(function: str) -> Iterator[None]:
    """Say the InputErrors of a block in the words of a function's arguments, not in those of an input file.

    Parameters
    ----------
    function : str
        With its package, as 'pfsolid.grow'.

    Raises
    ------
    InputError
        As raised in the block, in other words.
    """
    try:
        yield
    except InputError as error:
        text = str(error)
        for name, argument in _ARGUMENTS.items():
            text = text.replace(name, argument)
        text = _LAYER_KEY.sub(r"layer['\1']", _IMAGE_KEY.sub(r"\1", text))
        text = text.replace(f"{function}: {function}: ", f"{function}: ")
        raise InputError(text) from None


def plain(value: Any) -> Any:
    """Numbers of Python's own for NumPy's, lists for arrays and tuples, also inside mappings."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key.item() if isinstance(key, np.generic) else key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def path_of(path: object, function: str) -> Path:
    """A file or directory that was given, as a path.

    Parameters
    ----------
    path : str or Path
    function : str
        Which was given it, for the message.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If it is no text and no path.
    """
    if not isinstance(path, (str, os.PathLike)) or isinstance(path, bytes):
        raise InputError(f"{function}: {path!r}: must be the name of a file or directory, or a Path")
    return Path(path)


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None, as an input has them."""
    return {name: plain(value) for name, value in values.items() if value is not None}


def label_of(name: Any, names: Mapping[int, str], argument: str) -> Any:
    """The label of that name, of False and True 0 and 1; numbers, '*' for all others, and what else is no name, as they are.

    Parameters
    ----------
    name : int, str or bool
    names : dict of int to str
    argument : str
        Which it was given in, for the message.

    Returns
    -------
    int or str

    Raises
    ------
    InputError
        If a name is that of no label.
    """
    if isinstance(name, (bool, np.bool_, np.integer)):
        return int(name)
    if not isinstance(name, str) or name == REST or re.fullmatch(r"\d+", name):
        return name
    found = [label for label, one in names.items() if one == name]
    if not found:
        known = ", ".join(f"{label} {one}" for label, one in names.items()) or "none"
        raise InputError(f"{argument}: no label is called {name!r}; named are {known}")
    return found[0]


def contacts_given(contact: Any) -> tuple[list[Any] | None, dict[int, ArrayImage]]:
    """What an input has for contacts, and the arrays among them by their ends.

    Parameters
    ----------
    contact : float, array, path, None or a pair of them

    Returns
    -------
    list or None
    dict of int to ArrayImage

    Raises
    ------
    InputError
        An array is no picture.
    """
    if contact is None:
        return None, {}
    pair = list(contact) if isinstance(contact, (tuple, list)) and len(contact) == 2 else [contact, None]
    texts, masks = [], {}
    for end, one in enumerate(pair):
        array = np.asarray(one) if one is not None and not isinstance(one, (str, Path)) else np.array(0)
        if array.ndim == 0:
            texts.append("" if one is None else str(one) if isinstance(one, Path) else plain(one))
            continue
        if array.ndim != 2 or array.dtype.kind not in "biu":
            raise InputError(f"contact: an array of two dimensions of whole numbers or bool is needed, 0 where the end is "
                             f"free, not {array.dtype} of the shape {array.shape}")
        texts.append("an array")
        masks[end] = ArrayImage((array != 0).astype(np.uint8), "the array")
    return texts, masks


def edges(voxel_nm: Any) -> Any:
    """One edge for all, or three along x, y, z; of two, the first for z too, along which there is one voxel."""
    value = plain(voxel_nm)
    if isinstance(value, list) and len(value) == 2:
        return [*value, value[0]]
    return value


def in_array_order(field: Array, axes: str) -> Array:
    """A field (nx, ny, nz[, 3]) as an array with its axes in that order, as a view; components stay x, y, z and last.

    Parameters
    ----------
    field : ndarray
    axes : str
        Order of the array's axes, first index first.

    Returns
    -------
    ndarray
        A view.
    """
    order = ["xyz".index(name) for name in axes]
    if len(order) == 2:
        order = [*order, 2]
    turned = field.transpose(*order, *range(3, field.ndim))
    return turned[:, :, 0] if len(axes) == 2 else turned


def in_xyz_order(array: Array, axes: str) -> Array:
    """An array with its axes in that order (n0, n1[, n2][, 3]) as a field by x, y, z, as a view; the other way round.

    Parameters
    ----------
    array : ndarray
    axes : str
        Order of the array's axes, first index first.

    Returns
    -------
    ndarray
        A view.
    """
    if len(axes) == 2:
        array, axes = array[:, :, np.newaxis], axes + "z"
    return array.transpose(*(axes.index(name) for name in "xyz"), *range(3, array.ndim))


def by_axes(values: Sequence[T], axes: str) -> tuple[T, ...]:
    """What there is one of along x, y and z, in the order of an array's axes.

    Parameters
    ----------
    values : sequence of 3
    axes : str
        Order of the array's axes, first index first.

    Returns
    -------
    tuple of 2 or 3
    """
    return tuple(values["xyz".index(name)] for name in axes)
