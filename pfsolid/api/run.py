"""Directories of finished runs, opened from Python."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..config.run import config_from_text
from ..config.text import parse_toml, read_text
from ..errors import InputError
from ..grid import AXES
from ..io.files import damage_errors
from ..io.peek import describe, read_strided
from ..io.run_directory import FIELDS, HISTORY, INPUT, RESULT, looks_like_run
from ..io.series import list_fields
from ..results.run import UNSEPARATED, Result
from ..workflows.run import read_result
from .arguments import in_array_order, path_of
from .conductivity import Conductivity
from .growth import Microstructure
from .image import Image, read_image
from .morphology import Morphology
from .optional import field_array, package

_NAME = "pfsolid.open_run"
_AXES = "zyx"  # of the arrays that come out
_EVERY = (1, 1, 1)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a finished run, a study of an image or conduction on a stored density has left; fields are read when asked for.

    Attributes
    ----------
    directory : Path
    result : Result
        All of result.json; its ``to_dict()`` has numbers, lists and texts of Python's own.

    Examples
    --------
    >>> import pfsolid as pf
    >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    >>> run = pf.open_run(grown.save(folder / "run"))
    >>> round(run.result.porosity, 3), run.density.shape
    (0.5, (1, 40, 40))
    """

    directory: Path
    result: Result

    @property
    def tensor(self) -> Array:
        """sigma_eff (3, 3) in S/cm as stored; NaN where there is none."""
        found = self.result.conduction
        return np.full((3, 3), np.nan) if found is None else np.array(found.to_dict()["sigma_eff_S_per_cm"], float)

    @property
    def fields(self) -> list[str]:
        """Names of the stored fields."""
        path = self.directory / FIELDS
        return list_fields(path) if path.exists() else []

    def field(self, name: str) -> Array:
        """A stored field, such as 'rho', 'phase' or 'current_density_x', as an array (nz, ny, nx[, 3]).

        Raises
        ------
        InputError
            If there is none of that name.
        CheckpointError
            If the file is damaged.
        """
        if name not in self.fields:
            raise InputError(f"{self.directory} has no field {name!r}; there are {', '.join(self.fields) or 'none'}")
        return in_array_order(read_strided(self.directory / FIELDS, name, _EVERY), _AXES)

    @property
    def axes(self) -> str:
        """Order of the axes of `density` and `field`."""
        return _AXES

    @property
    def voxel_nm(self) -> tuple[float, float, float]:
        """nm, along x, y, z."""
        return self.result.grid.voxel_size_nm

    @property
    def density(self) -> Array:
        """rho (nz, ny, nx), of a run."""
        return self.field("rho")

    @property
    def history(self) -> dict[str, Array]:
        """Columns of history.csv, NaN where there is nothing; empty of what was not grown here."""
        path = self.directory / HISTORY
        if not path.exists():
            return {}
        with damage_errors(path), open(path, encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
            return {name: np.array([float(row[place] or "nan") for row in rows]) for place, name in enumerate(names)}

    @property
    def microstructure(self) -> Microstructure:
        """The density as `grow` gives one.

        Raises
        ------
        InputError
            If it is not one that was grown.
        """
        growth = self.result.growth
        if growth is None:
            raise InputError(f"{self.directory}: nothing was grown there; its labels are `image`, its fields `field(name)`")
        text = read_text(self.directory / INPUT)
        raw = {name: part for name, part in parse_toml(text, str(self.directory / INPUT)).items() if name != "conduction"}
        density, config = self.density, config_from_text(text, str(self.directory / INPUT))
        whole = tuple(slice(0, n) for n in density.shape)
        porosity = float(1 - density.mean()) if self.result.porosity is None else self.result.porosity
        return Microstructure(density, whole, self.voxel_nm, _AXES, growth.reason, self.result.state != UNSEPARATED,
                              porosity, self.history, raw, config, None, growth)

    @property
    def image(self) -> Image:
        """The phases as labels, where they are stored; else those of the density."""
        if "phase" not in self.fields:
            return self.microstructure.image
        phases = {} if self.result.conduction is None else self.result.conduction.to_dict()["phases"]
        names = {one["label"]: name for name, one in phases.items()}
        return read_image(f"{self.directory / FIELDS}:phase", self.voxel_nm, _AXES, names)

    def measure(self, distributions: bool = False, *, threads: int | None = None,
                progress: bool | Callable[[str], object] | None = None) -> Morphology:
        """Measure the density anew: `Microstructure.measure`.

        Parameters
        ----------
        distributions, threads, progress
            As there.

        Returns
        -------
        Morphology
        """
        return self.microstructure.measure(distributions, threads=threads, progress=progress)

    def conductivity(self, sigma: Mapping[Any, Any] | None = None, **options: Any) -> Conductivity:
        """Solve conduction on the density with other conductivities: `Microstructure.conductivity`.

        Without any, those of the run's own input.
        """
        if sigma is None and not options:
            raw = parse_toml(read_text(self.directory / INPUT), str(self.directory / INPUT)).get("conduction", {})
            return self.microstructure.solve_section(raw)
        return self.microstructure.conductivity(sigma, **options)

    def to_xarray(self) -> Any:
        """Stored fields and history as an xarray.Dataset with dimensions, coordinates in nm, and units.

        Raises
        ------
        InputError
            If xarray is not installed.
        """
        xarray = package("xarray", "Run.to_xarray")
        found = {}
        for name in self.fields:
            units = describe(self.directory / FIELDS, name).units
            found[name] = field_array(self.field(name), self.voxel_nm, _AXES, name, units, name.replace("_", " "))
        history = self.history
        steps = history.pop("step", np.empty(0))
        found |= {name: ("step", values) for name, values in history.items() if name not in found}
        coordinates = {"step": steps.astype(int)} if history else {}
        return xarray.Dataset(found, coordinates, {"title": self.result.title})

    def plot(self, normal: str | None = None, index: int | None = None, axes: Any = None) -> Any:
        """A plane of the density, or of the labels of an image, as a picture.

        Parameters
        ----------
        normal, index, axes
            As for `pfsolid.plot.labels`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        return (self.microstructure if "rho" in self.fields and self.result.growth else self.image).plot(
            normal, index, axes)

    def __repr__(self) -> str:
        found, growth = self.result.conduction, self.result.growth
        what = found.headline if found else growth.reason if growth else "no conductivity"
        return f"Run {self.directory}: {what}"

    def _repr_html_(self) -> str:
        rows = [("title", self.result.title), ("voxels", " x ".join(map(str, self.result.grid.shape)))]
        rows += [] if self.result.porosity is None else [("porosity", f"{self.result.porosity:.4g}")]
        rows += [(f"sigma_{name}{name}", f"{self.tensor[axis, axis]:.4g} S/cm") for axis, name in enumerate(AXES)
                 if np.isfinite(self.tensor[axis, axis])]
        rows += [("fields", ", ".join(self.fields))]
        lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows)
        return f"<b>{escape(str(self.directory))}</b><table>{lines}</table>"


def open_run(directory: str | Path) -> Run:
    """The directory of a finished run, of `pfsolid run`, `conduct` or `Microstructure.save`.

    Parameters
    ----------
    directory : str or Path

    Returns
    -------
    Run

    Raises
    ------
    InputError
        It holds none, or one that is not finished.

    Examples
    --------
    >>> import pfsolid as pf
    >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    >>> run = pf.open_run(grown.save(folder / "grown"))
    >>> run.fields, run.density.shape
    (['rho'], (1, 40, 40))
    """
    directory = path_of(directory, _NAME)
    if not looks_like_run(directory):
        raise InputError(f"{directory} is not the directory of a run" if directory.exists()
                         else f"{directory} does not exist")
    if not (directory / RESULT).exists():
        raise InputError(f"the run in {directory} is not finished; go on with: pfsolid resume {directory}")
    return Run(directory, read_result(directory))
