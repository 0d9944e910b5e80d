"""Microstructures grown by phase separation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..arrays import Array
from ..conduction.phases import NAMES, PHASES
from ..config.conduction import ConductionConfig
from ..config.review import review
from ..config.run import STOP_CONDITIONS, RunConfig, config_from_dict
from ..errors import InputError
from ..grid import AXES
from ..machine.warmup import ensure_compiled
from ..orientation import order_of_axes
from ..parallel.collective import Reducer
from ..parallel.quiet import quiet_session
from ..results.run import HISTORY_COLUMNS, GrowthResult, HistoryRow
from ..spectral.transform import slab_of
from ..workflows.density import homogenize
from ..workflows.measure import characterize
from ..workflows.run import axes_alike, report_growth
from ..workflows.save import save_growth
from ..workflows.simulate import Growth, thresholds
from ..workflows.simulate import grow as grow_density
from ..workflows.sinks import Rows
from .arguments import by_axes, edges, given, in_arguments, in_array_order, in_xyz_order, label_of, path_of, plain
from .conductivity import Conductivity, FieldKeeper, conductivity_of
from .image import Image
from .morphology import Morphology
from .optional import field_array
from .pictures import normal_of, of_values, plane_index
from .sinks import Sink, inward

_NAME = "pfsolid.grow"
_SECTIONS = ("material", "microstructure", "nucleation", "evolution", "output", "parallel")
_UNUSED = {"evolution": ("wall_clock_limit_s",), "parallel": ("threads",),
           "output": ("checkpoint_interval_s", "snapshot_interval_reduced_time", "save_current", "save_potential",
                      "figures")}

# Keys of [conduction] that are arguments, or of the stored fields.
_ARGUMENTS = ("temperature_K", "grid_error", "solver", "relative_tolerance", "extrapolate", "applied_field_V_per_m")


@dataclass(frozen=True, eq=False, repr=False)
class Microstructure:
    """A grown density of solid: 0 in the pores, 1 in the solid, periodic.

    Attributes
    ----------
    density : ndarray of float64 (n0, n1[, n2])
        In the order of `axes`; with ``comm`` this rank's part, which lies at `slices`.
    slices : tuple of slice
    voxel_nm : tuple of 3 float
        nm, along x, y, z.
    axes : str
    reason : str
        Why it stopped.
    separated : bool
        Whether the phases have separated; if not, there is no conductivity to be had.
    porosity : float
        1 - <rho>.
    history : dict of str to ndarray
        A column for each quantity, as in history.csv: 'step', 'reduced_time', 'energy_J_per_m3', 'pore_size_nm' ...; NaN
        where there is none.
    """

    density: Array
    slices: tuple[slice, ...]
    voxel_nm: tuple[float, float, float]
    axes: str
    reason: str
    separated: bool
    porosity: float
    history: dict[str, Array]
    _raw: dict[str, Any]
    _config: RunConfig
    _comm: Any
    _summary: GrowthResult

    @property
    def image(self) -> Image:
        """The phases as labels: 0 pore (rho < 0.1), 1 surface, 2 bulk (rho > 0.9).  Whole on every rank; collective."""
        low, high = thresholds(self._config)
        labels = ((self.density >= low).astype(np.uint8) + (self.density > high)).astype(np.uint8)
        if self._comm is not None:
            parts = Reducer(self._comm).gather(labels)
            labels = np.concatenate(parts, axis=self.axes.index("x"))
        return Image(labels, self.voxel_nm, self.axes, NAMES)

    def measure(self, distributions: bool = False, *, threads: int | None = None,
                progress: bool | Callable[[str], object] | None = None) -> Morphology:
        """Connectivity, fractions, surface, chords and correlations.  Collective.

        Parameters
        ----------
        distributions : bool
            Also local thickness and the area by normals, which take several times as long.
        threads, progress
            As for `pfsolid.conductivity`.

        Returns
        -------
        Morphology

        Examples
        --------
        >>> import pfsolid as pf
        >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
        >>> round(grown.measure().porosity, 3)
        0.5
        """
        with quiet_session(self._comm, threads, progress) as session:
            found = characterize(self._local, self._config.grid_nm, thresholds(self._config),
                                 self._config.material.surface_depth_nm, session, distributions)
        return Morphology(found)

    def conductivity(self, sigma: Mapping[Any, Any] | None = None, temperature_K: Any = None, error: str = "auto",
                     solver: str = "auto", tolerance: float = 1e-4, *, extrapolate: bool = False,
                     options: Mapping[str, Any] | None = None, fields: bool = True, threads: int | None = None,
                     progress: bool | Callable[[str], object] | None = None) -> Conductivity:
        """Effective conductivity of the grown density.  Collective.

        As the section [conduction] of a run: the same functions, the same numbers.

        Parameters
        ----------
        sigma : dict, optional
            S/cm of 'bulk', 'surface' and 'pore' (0 if not given): a number, or a law {'value': S/cm, 'at_K': K,
            'activation_energy_eV': eV}.  What is not given comes from ``material``, where it was grown of one.
        temperature_K, error, solver, tolerance, extrapolate, fields, threads, progress
            As for `pfsolid.conductivity`.
        options : dict, optional
            Other keys of [conduction]: {'subvoxel': True}, {'rho_pore': 0.2} ...

        Returns
        -------
        Conductivity

        Raises
        ------
        InputError
            If the phases have not separated, or an argument cannot be.
        ConvergenceError

        Examples
        --------
        >>> import pfsolid as pf
        >>> grown = pf.grow((1, 40, 40), 0.7, 0.3, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
        >>> found = grown.conductivity({"bulk": 1e-3, "surface": 2e-3, "pore": 1e-5})
        >>> bool(1e-5 < found.tensor[0, 0] < 2e-3)
        True
        """
        name = "Microstructure.conductivity"
        with in_arguments(name):
            if not self.separated:
                raise InputError(f"{name}: the phases have not separated ({self.reason}), so there is no conductivity to be "
                                 "had; let it grow for longer (until)")
            section = _conduction(name, sigma, options) | given(
                temperature_K=temperature_K, grid_error=None if error == "auto" else error, solver=solver,
                relative_tolerance=tolerance, extrapolate=extrapolate)
            return self.solve_section(section, fields, threads, progress)

    def solve_section(self, section: dict[str, Any], fields: bool = True, threads: int | None = None,
                      progress: bool | Callable[[str], object] | None = None) -> Conductivity:
        """`conductivity` by the keys of [conduction] of an input file.  Collective.

        Parameters
        ----------
        section : dict
        fields, threads, progress
            As for `conductivity`.

        Returns
        -------
        Conductivity
        """
        config = config_from_dict(self._raw | {"conduction": section}, "Microstructure.conductivity")
        conduction = cast(ConductionConfig, config.conduction)  # its section was given
        keeper = FieldKeeper(self.axes)
        with quiet_session(self._comm, threads, progress) as session:
            ensure_compiled(config, session)
            found = homogenize(self._local, config.grid_nm, conduction, None, session,
                               watch=keeper.keeper_of if fields else None)
        return conductivity_of(found, NAMES, conduction, None, keeper.kept, axes_alike(config, config.grid_nm))

    def save(self, directory: str | Path, force: bool = False) -> Path:
        """Write it as the directory of a run, which the command line opens: info, measure, conduct, plot.  Collective.

        Parameters
        ----------
        directory : str or Path
            New or empty.
        force : bool
            Replace results of pfsolid that stand there.

        Returns
        -------
        Path

        Raises
        ------
        InputError
            It holds something else.
        OutputError
            It cannot be written.

        Examples
        --------
        >>> import pfsolid as pf
        >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
        >>> pf.open_run(grown.save(folder / "grown")).microstructure
        Microstructure of 1 x 40 x 40 voxels (z, y, x), porosity 0.5: reached reduced time 20
        """
        directory = path_of(directory, "Microstructure.save")
        with in_arguments("Microstructure.save"), quiet_session(self._comm) as session:
            growth = Growth(self._local, self._summary, self.separated, np.empty(0))
            save_growth(growth, self.history, self._config, directory, session, force)
        return directory

    def plot(self, normal: str | None = None, index: int | None = None, axes: Any = None) -> Any:
        """A plane of the density as a picture: `pfsolid.plot.density`, which see.

        Parameters
        ----------
        normal, index, axes
            As there.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from .plot import density  # loads matplotlib

        return density(self, normal, index, axes)

    def to_xarray(self) -> Any:
        """The density as an xarray.DataArray, with the centres of the voxels as coordinates."""
        return field_array(self.density, self.voxel_nm, self.axes, "rho", "1", "relative density", self.slices)

    def _repr_html_(self) -> str:
        rho = in_xyz_order(self.density, self.axes)
        axis = normal_of(rho.shape, None)
        plane = np.take(rho, plane_index(rho.shape[axis], None), axis)
        return f"<div>{escape(repr(self))}</div>{of_values(plane, 0.0, 1.0)}"

    @property
    def _local(self) -> Array:
        """The density by x, y, z."""
        return np.ascontiguousarray(in_xyz_order(self.density, self.axes), dtype=np.float64)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.density.shape))
        state = "" if self.separated else ", unseparated"
        return (f"Microstructure of {size} voxels ({', '.join(self.axes)}), porosity {self.porosity:.4g}{state}: "
                f"{self.reason}")


def _conduction(name: str, sigma: Any, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Conductivities of phases as [conduction] has them."""
    keys = {"pore": "sigma_pore_S_per_cm", "surface": "sigma_surf_S_per_cm", "bulk": "sigma_bulk_S_per_cm"}
    found = {}
    if sigma is not None:
        phases = {label_of(phase, NAMES, "sigma"): value for phase, value in plain(sigma).items()} if isinstance(
            sigma, Mapping) else None
        if phases is None or not set(phases) <= set(NAMES):
            raise InputError(f"{name}: sigma = {sigma!r}: must be S/cm of {', '.join(PHASES)}, for example "
                             "{'bulk': 1e-4, 'surface': 1e-3}")
        found = {keys[NAMES[label]]: value for label, value in phases.items()}
    for option, value in plain(options or {}).items():
        if option in keys.values() or option in _ARGUMENTS:
            raise InputError(f"{name}: options[{option!r}]: is said by another argument, or has no meaning here")
        found[option] = value
    return found


def grow(shape: Any, voxel_nm: Any, porosity: float, material: str | None = None, *,
         surface_energy_J_per_m2: float | None = None, surface_depth_nm: float | None = None, until: Any = None,
         seed: int = 1, shape_factors: Sequence[float] = (1.0, 1.0), axes: str = "zyx",
         options: Mapping[str, Mapping[str, Any]] | None = None, on_step: Callable[[dict[str, Any]], object] | None = None,
         sinks: Sequence[Sink] = (), comm: Any = None, threads: int | None = None,
         progress: bool | Callable[[str], object] | None = None) -> Microstructure:
    """Grow a microstructure by phase separation (Cahn-Hilliard), from noise or nuclei.

    d rho/dt = M lap(df/d rho - kappa lap rho), f = 16 w rho^2 (1 - rho)^2, periodic; time in lambda^2 / (16 w M).  The same
    functions as `pfsolid run`, with the same numbers; nothing is written.  Collective over ``comm``.

    Parameters
    ----------
    shape : int or sequence of int
        Voxels along the axes of the density, in the order of ``axes``; two for a picture.
    voxel_nm : float or 3 floats
        nm, edges of a voxel along x, y, z.
    porosity : float
        Volume fraction of pores.
    material : str, optional
        An electrolyte of `pfsolid materials list`, which gives what is not given here.
    surface_energy_J_per_m2, surface_depth_nm : float, optional
        gamma and lambda: rho goes from 0.1 to 0.9 over 1.0986 lambda.
    until : float or dict
        Reduced time at which to stop; or the conditions of [evolution]: {'mean_pore_size_nm': 20, 'max_steps': 5000}.
    seed : int
        The number that the noise follows from.
    shape_factors : 2 floats
        kappa_11/kappa_33 and kappa_22/kappa_33: large for rods along x, along y, both for plates normal to z.
    axes : str
        Order of the axes of the density, first index first.
    options : dict, optional
        Other keys of an input file by section: {'evolution': {'step_tolerance': 0.01}}.
    on_step : callable, optional
        ``on_step(row)`` every ten steps, and with the last state: a row of the history, on every rank; may raise to stop.
    sinks : sequence of objects
        What you record yourself, or stop by: ``due(state)`` is asked of the beginning and after each step, and where it is
        true ``write(state)`` is called, with a `pfsolid.api.sinks.GrowthState`: `step`, `time`, `density`, `row`, `reason`,
        and `stop(reason)`.
    comm, threads, progress
        As for `pfsolid.conductivity`.

    Returns
    -------
    Microstructure

    Raises
    ------
    InputError
        A ValueError, before anything is computed.
    ConvergenceError
        The time steps have come to nothing.

    Notes
    -----
    J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341, doi:10.1021/acsami.7b11292.

    Examples
    --------
    >>> import pfsolid as pf
    >>> grown = pf.grow((1, 40, 40), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    >>> grown.density.shape, grown.reason
    ((1, 40, 40), 'reached reduced time 20')
    """
    with in_arguments(_NAME):
        order = order_of_axes(axes) if isinstance(axes, str) else None
        if order is None:
            raise InputError(f"{_NAME}: axes = {axes!r}: must be 'zyx' or another order of the axes")
        raw, order = _input(shape, order, options, until, given(
            material={"name": material, "surface_energy_J_per_m2": surface_energy_J_per_m2,
                      "surface_depth_nm": surface_depth_nm},
            microstructure={"porosity": porosity, "seed": seed, "shape_factors": shape_factors},
            grid={"voxel_size_nm": edges(voxel_nm)}))
        config = config_from_dict(raw, _NAME)
        attached = inward(sinks, order, _NAME)
        with quiet_session(comm, threads, progress) as session:
            checked = review(config, session.reducer.size, session.threads)
            checked.raise_errors()
            for warning in checked.warnings:
                session.warn(warning)
            ensure_compiled(config, session)
            rows: list[HistoryRow] = []

            def record(row: HistoryRow) -> None:
                rows.append(row)
                if on_step is not None:
                    on_step(row.to_dict())

            growth = grow_density(config, None, session, sinks=[*attached, Rows(record)])
            report_growth(growth, session)
    history = {name: np.array([getattr(row, name) for row in rows], float) for name in HISTORY_COLUMNS}
    slices = by_axes(slab_of(config.grid_nm, session.comm), order)
    porosity = 1 - growth.summary.final.mean_density
    return Microstructure(in_array_order(growth.rho, order), slices, config.grid_nm.spacing, order,
                          growth.summary.reason, growth.separated, porosity, history, raw, config, comm, growth.summary)


def _input(shape: Any, axes: str, options: Any, until: Any, raw: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The input that the arguments describe, and the order of the axes for so many dimensions."""
    shape = plain(shape)
    shape = [shape] * 3 if isinstance(shape, int) else shape
    if isinstance(shape, list) and len(shape) == 2:
        axes = axes.replace("z", "")
    if not isinstance(shape, list) or len(shape) != len(axes):
        raise InputError(f"{_NAME}: shape = {shape!r}: must be voxels along {', '.join(axes)}, or one number for a cube")
    voxels = dict(zip(axes, shape))
    raw["grid"]["shape"] = [voxels.get(name, 1) for name in AXES]
    raw["material"] = given(**raw["material"])
    raw["microstructure"] |= _shape_factors(raw["microstructure"].pop("shape_factors"))
    if until is None:
        raise InputError(f"{_NAME}: until is missing: must be a reduced time, or a dict of {', '.join(STOP_CONDITIONS)}")
    raw["evolution"] = plain(until) if isinstance(until, Mapping) else {"max_reduced_time": plain(until)}
    for section, keys in plain(options or {}).items():
        if section not in _SECTIONS or not isinstance(keys, Mapping):
            raise InputError(f"{_NAME}: options[{section!r}]: must be a dict of keys of {', '.join(_SECTIONS)}")
        twice = [key for key in keys if key in raw.get(section, {})]
        unused = [key for key in keys if key in _UNUSED.get(section, ())]
        if twice or unused:
            reason = "is given twice" if twice else "has no meaning without a directory"
            raise InputError(f"{_NAME}: options[{section!r}][{(twice or unused)[0]!r}]: {reason}")
        raw[section] = raw.get(section, {}) | keys
    return raw, axes


def _shape_factors(values: Any) -> dict[str, Any]:
    if not isinstance(values, list) or len(values) != 2:
        raise InputError(f"{_NAME}: shape_factors = {values!r}: must be two numbers, along x and along y")
    return {"shape_factor_x": values[0], "shape_factor_y": values[1]}
