"""Pictures of results: each function draws into Axes and returns them.

>>> import matplotlib; matplotlib.use("agg")
>>> import numpy as np
>>> import pfsolid as pf
>>> axes = pf.plot.labels(pf.Image(np.eye(16, dtype=int), voxel_nm=20, names={0: "pore", 1: "solid"}))
>>> axes.get_xlabel(), axes.get_ylabel()
('x (nm)', 'y (nm)')

Without ``axes`` a new figure of pyplot is made.  Nothing is shown and no style is changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Patch

from ..arrays import Array
from ..errors import InputError
from ..grid import AXES, PeriodicGrid, three
from ..plots import planes
from ..plots.box import draw_structure
from ..plots.colours import COLOURS
from ..plots.conduction import draw_arrhenius
from ..plots.morphology import AXIS_COLOURS
from ..plots.run_files import MAX_SAMPLES, thinning
from ..plots.sweep_curves import draw_means, point_of
from ..plots.sweep_table import described
from .arguments import in_xyz_order
from .pictures import normal_of, palette_of, plane_index

__all__ = ["arrhenius", "conductivity", "current", "density", "history", "labels", "structure", "sweep"]


def labels(image: Any, normal: str | None = None, index: int | None = None, axes: Any = None) -> Any:
    """A plane of an image, a colour for each label.

    Parameters
    ----------
    image : Image
    normal : {'x', 'y', 'z'}, optional
        Normal of the plane; by default the axis of one voxel, or z.
    index : int, optional
        Which plane, in voxels; by default the middle one.
    axes : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> axes = pf.plot.labels(pf.Image(np.eye(16, dtype=int), voxel_nm=20, names={0: "pore", 1: "solid"}))
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['0 pore', '1 solid']
    """
    axes = _axes(axes)
    plane, axis = image.plane(normal, index)
    shape = list(plane.shape)
    shape.insert(axis, 1)
    grid = PeriodicGrid(three(shape), image.voxel_nm or (1.0,) * 3)
    known = np.unique(plane)
    palette = palette_of(int(known.max()) + 1, image.names)
    _show(axes, plane, axis, grid, image.voxel_nm is not None, cmap=ListedColormap(palette), vmin=-0.5,
          vmax=len(palette) - 0.5, interpolation="nearest")
    names = [f"{label} {image.names[label]}" if label in image.names else str(label) for label in known]
    axes.legend(handles=[Patch(color=palette[label], label=name) for label, name in zip(known, names)],
                loc="upper left", bbox_to_anchor=(1, 1), frameon=False, handlelength=1)
    return axes


def density(structure: Any, normal: str | None = None, index: int | None = None, axes: Any = None) -> Any:
    """A plane of the density of a `Microstructure` or a `Run`; parameters as for `labels`.

    Parameters
    ----------
    structure : Microstructure or Run
    normal, index, axes
        As for `labels`.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import pfsolid as pf
    >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    >>> pf.plot.density(grown).get_xlim()
    (0.0, 28.0)
    """
    axes = _axes(axes)
    rho = in_xyz_order(np.asarray(structure.density), structure.axes)
    axis, grid = normal_of(rho.shape, normal), PeriodicGrid(three(rho.shape), structure.voxel_nm)
    plane = np.take(rho, plane_index(rho.shape[axis], index), axis)
    image = planes.show_plane(axes, plane, axis, grid, cmap=planes.DENSITY_MAP,
                              norm=planes.DENSITY_NORM, interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label="relative density ρ")
    return axes


def structure(sample: Any, axes: Any = None) -> Any:
    """The solid of a `Microstructure` or a `Run` in space, ρ >= 1/2, cut off at its periodic cell; of more than 96 voxels
    along an axis some are left out.

    Parameters
    ----------
    sample : Microstructure or Run
    axes : matplotlib.axes.Axes, optional
        To draw into; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If it has fewer than three dimensions.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import pfsolid as pf
    >>> grown = pf.grow(16, 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=1)
    >>> [text.get_text() for text in pf.plot.structure(grown).texts if "nm" in text.get_text()]
    ['x (nm)', 'y (nm)', 'z (nm)']
    """
    rho = in_xyz_order(np.asarray(sample.density), sample.axes)
    if 1 in rho.shape:
        raise InputError("pfsolid.plot.structure: needs three dimensions; pfsolid.plot.density draws two")
    axes = _axes(axes)
    stride = thinning(rho.shape, MAX_SAMPLES)
    edges = tuple(np.append(np.arange(0, n, step) * h, n * h) for n, step, h in zip(rho.shape, stride, sample.voxel_nm))
    draw_structure(axes, rho[tuple(slice(None, None, step) for step in stride)], edges, colormaps[planes.DENSITY_MAP])
    axes.set_aspect("equal")
    return axes


def history(structure: Any, *quantities: str, axes: Any = None) -> Any:
    """Columns of the history of a `Microstructure` or a `Run` over reduced time.

    Parameters
    ----------
    structure : Microstructure or Run
    quantities : str
        Names of columns; by default the sizes of pores and walls.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such column.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import pfsolid as pf
    >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    >>> axes = pf.plot.history(grown, "surface_fraction", "mean_density")
    >>> len(axes.lines), axes.get_xscale()
    (2, 'log')
    """
    columns = structure.history
    quantities = quantities or ("pore_size_nm", "wall_size_nm")
    for name in quantities:
        if name not in columns:
            raise InputError(f"pfsolid.plot.history: {name!r} is no column of the history; there are {', '.join(columns)}")
    axes = _axes(axes)
    for name in quantities:
        axes.plot(columns["reduced_time"], columns[name], label=name)
    axes.set_xscale("log")
    axes.set_xlabel(r"reduced time $t\,/\,(\lambda^2/16wM)$")
    axes.legend()
    return axes


def conductivity(found: Any, axes: Any = None) -> Any:
    """The diagonal of the tensor with its interval; of several temperatures `arrhenius`.

    Parameters
    ----------
    found : Conductivity
    axes : matplotlib.axes.Axes, optional
        To draw into; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> labels = np.random.default_rng(1).random((8, 8, 8)) < 0.7
    >>> axes = pf.plot.conductivity(pf.conductivity(labels, {0: 0, 1: 1e-3}, voxel_nm=10, fields=False))
    >>> axes.get_ylabel()
    'effective conductivity (S/cm)'
    """
    if len(found.temperatures) > 1:
        return arrhenius(found, axes)
    axes = _axes(axes)
    value, (low, high) = np.diag(found.tensor), found.interval
    for axis, name in enumerate(AXES):
        if np.isnan(value[axis]):
            continue
        spread = [[value[axis] - low[axis]], [high[axis] - value[axis]]] if np.isfinite(high[axis]) else None
        axes.errorbar([axis], [value[axis]], spread, fmt="o", capsize=4, color=AXIS_COLOURS[name])
    axes.set_xticks(range(3), [rf"$\sigma_{{{name}{name}}}$" for name in AXES])
    axes.set_xlim(-0.5, 2.5)
    axes.set_ylabel("effective conductivity (S/cm)")
    axes.set_ylim(bottom=0)
    return axes


def arrhenius(found: Any, axes: Any = None) -> Any:
    """Effective conductivity over 1000 / T, the mean of the diagonal, with the activation energy of sigma T.

    Parameters
    ----------
    found : Conductivity
    axes : matplotlib.axes.Axes, optional
        To draw into; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there are fewer than two temperatures at which it conducts.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> labels = np.random.default_rng(1).random((8, 8, 8)) < 0.7
    >>> law = {"value": 1e-3, "at_K": 300, "activation_energy_eV": 0.3}
    >>> found = pf.conductivity(labels, {0: 0, 1: law}, voxel_nm=10, temperature_K=[300, 350], fields=False)
    >>> pf.plot.arrhenius(found).get_yscale()
    'log'
    """
    points = [(one.temperature_K, one.mean_S_per_cm, 0.0) for one in found.result.temperature_series or ()
              if one.mean_S_per_cm]
    if len(points) < 2:
        raise InputError("pfsolid.plot.arrhenius: needs the conductivity at two temperatures or more")
    axes = _axes(axes)
    draw_arrhenius(axes, points, found.result.activation and found.result.activation.activation_energy_eV)
    return axes


def current(found: Any, direction: str | None = None, normal: str | None = None, index: int | None = None,
            axes: Any = None) -> Any:
    """A plane of the magnitude of J over the mean of J along the field, on a logarithmic scale.

    Parameters
    ----------
    found : Conductivity
        With fields, on one rank.
    direction : {'x', 'y', 'z'}, optional
        Of the applied field; by default the first there is a current for.
    normal, index, axes
        As for `labels`; by default the plane holds the field.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> labels = np.random.default_rng(1).random((8, 8, 8)) < 0.7
    >>> found = pf.conductivity(labels, {0: 0, 1: 1e-3}, voxel_nm=10, directions="x")
    >>> pf.plot.current(found).get_xlim()
    (0.0, 80.0)
    """
    direction = direction or next(iter(found.directions), "x")
    part = found.current_field(direction)
    along = AXES.index(direction)
    field = in_xyz_order(part.array, part.axes)
    if normal is None and 1 not in field.shape[:3]:
        normal = "y" if direction == "z" else "z"
    axis, grid = normal_of(field.shape[:3], normal), PeriodicGrid(three(field.shape[:3]), part.voxel_nm)
    magnitude = np.linalg.norm(np.take(field, plane_index(field.shape[axis], index), axis), axis=-1)
    magnitude /= float(field[..., along].mean(dtype=float))
    axes = _axes(axes)
    image = planes.show_plane(axes, np.where(magnitude > 0, magnitude, np.nan), axis, grid, cmap=planes.CURRENT_MAP,
                              norm=LogNorm(*planes.log_limits(magnitude)), interpolation="nearest")
    axes.figure.colorbar(image, ax=axes, label=planes.relative_current(along), extend="both")
    return axes


def sweep(table: Any, x: str, y: str = "sigma_mean_S_per_cm", axes: Any = None) -> Any:
    """A column of a sweep over another: samples, their means with bars, and a curve for each value of what else varies.

    Bars are half the 95 % interval of the mean over the samples (Student's t), for conductivities with the error of the grid
    in quadrature; of one sample the grid's alone.  Nothing is averaged but samples of the same inputs.

    Parameters
    ----------
    table : Sweep or DataFrame
        Of `Sweep.table`.
    x, y : str
        Names of columns.
    axes : matplotlib.axes.Axes, optional
        To draw into; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such column.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import pandas as pd
    >>> import pfsolid as pf
    >>> table = pd.DataFrame({"microstructure.porosity": [0.3, 0.3, 0.4, 0.4], "microstructure.seed": [1, 2, 1, 2],
    ...                       "surface_fraction": [0.20, 0.22, 0.18, 0.19]})
    >>> axes = pf.plot.sweep(table.drop(columns="microstructure.seed"), "microstructure.porosity", "surface_fraction")
    >>> axes.get_ylabel()
    'surface_fraction'
    """
    table = table.table() if hasattr(table, "table") else table
    for name in (x, y):
        if name not in table:
            raise InputError(f"pfsolid.plot.sweep: {name!r} is no column; there are {', '.join(map(str, table.columns))}")
    axes = _axes(axes)
    known = table[table[y].notna()]
    further = [key for key in known.columns if "." in key and key not in (x, y) and known[key].astype(str).nunique() > 1
               and not _one_to_one(known, x, key)]
    grid = "grid_relative_error" if y.startswith("sigma_") and "grid_relative_error" in known else None
    curves = list(known.groupby(further, sort=False)) if further else [((), known)]
    for number, (values, rows) in enumerate(curves):
        points = [point_of(at, part[y].to_numpy(float), part[grid].to_numpy(float) if grid else np.full(len(part), np.nan))
                  for at, part in rows.groupby(x)]
        label = described(further, values if isinstance(values, tuple) else (values,))
        draw_means(axes, points, COLOURS[number % len(COLOURS)], label or "mean")
    if further:
        axes.legend()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return axes


def _one_to_one(table: Any, x: str, key: str) -> bool:
    """Whether two columns were varied together."""
    pairs = set(zip(table[x].astype(str), table[key].astype(str)))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def _axes(axes: Any) -> Any:
    if axes is not None:
        return axes
    from matplotlib import pyplot  # so that a notebook shows the figure; who gives axes needs none of it

    return pyplot.subplots(layout="constrained")[1]


def _show(axes: Any, plane: Array, axis: int, grid: PeriodicGrid, edges_known: bool, **options: Any) -> None:
    planes.show_plane(axes, plane, axis, grid, **options)
    if not edges_known:
        axes.set_xlabel(axes.get_xlabel().replace("nm", "voxels"))
        axes.set_ylabel(axes.get_ylabel().replace("nm", "voxels"))
