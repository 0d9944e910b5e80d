"""Effective conductivity of an image of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from ..arrays import Array
from ..conduction.system import System
from ..config.conduction import SolverConfig
from ..errors import InputError
from ..grid import AXES, PeriodicGrid, three
from ..homogenization import battery
from ..homogenization.found import Conduction
from ..homogenization.image import ImageConduction
from ..homogenization.medium import Medium
from ..homogenization.parts import Part, tell_of_spacing
from ..homogenization.report import conduction_result
from ..homogenization.solve import OnSolved
from ..machine.warmup import ensure_compiled
from ..orientation import Orientation
from ..parallel.quiet import quiet_session
from ..results.conduction import ConductionResult
from ..spectral.transform import SlabTransform
from ..text import interval, to_digits
from ..units import S_PER_M
from ..workflows.fields import placed
from . import pictures
from .arguments import by_axes, contacts_given, given, in_arguments, in_array_order, in_xyz_order
from .image import as_image, check_same_on_all_ranks
from .optional import field_array, package
from .study import study_of

_NAME = "pfsolid.conductivity"
_UNKNOWN_GRID = 5e-3  # relative, where the grid part is not known: at most three digits


@dataclass(frozen=True, eq=False)
class ErrorParts:
    """Relative errors of sigma_eff, part by part.

    Attributes
    ----------
    solver : ndarray (3,)
        Along x, y, z.
    grid : ndarray (3,)
        Along x, y, z; NaN where it was not estimated.
    sample : float
        Of the mean, from the spread of axes that are alike but for chance; NaN where there is but one value.
    """

    solver: Array
    grid: Array
    sample: float


@dataclass(frozen=True, eq=False)
class CurrentField:
    """This rank's part of a current density.

    Attributes
    ----------
    array : ndarray of float32 (n0, n1[, n2], 3)
        A/m^2 in a field of 1 V/m, by the axes of the image; components x, y, z last.
    slices : tuple of slice
        Where it lies in the whole, along the axes of the image.
    axes : str
        Order of the image's axes.
    voxel_nm : tuple of 3 float
        nm, along x, y, z.
    """

    array: Array
    slices: tuple[slice, ...]
    axes: str
    voxel_nm: tuple[float, float, float]


@dataclass(frozen=True, eq=False, repr=False)
class Conductivity:
    """What `conductivity` found; the same on every rank but for `current_density`.

    What stands along the axes does so by name, x, y, z, whatever the order of the array's axes.  NaN stands for what was not
    asked for, 0 is exact: nothing that conducts percolates there.

    Attributes
    ----------
    tensor : ndarray (3, 3)
        S/cm, at the first temperature.
    interval : (ndarray (3,), ndarray (3,))
        S/cm, lower and upper ends of the diagonal elements, by the errors of solver and grid.
    error : ErrorParts
    tortuosity_factor : ndarray (3,)
        <sigma> / sigma_eff; infinite where nothing percolates.
    macmullin : ndarray (3,)
        sigma_ref / sigma_eff, the formation factor; likewise.
    percolates : tuple of 3 bool
        Whether what conducts percolates along x, y, z.
    current_share : dict
        {'x': {name of a label: its share of the current for a field along x}}.
    temperatures : tuple of float
        K; empty where none was given.
    tensors : ndarray (num_temperatures or 1, 3, 3)
        S/cm at each temperature.
    solver : str
        Who solved, and why.
    result : ConductionResult
        All numbers, as result.json has them.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> pores = np.repeat([0, 1], [6, 2]) * np.ones((4, 4, 1), int)                   # straight along z, three quarters
    >>> found = pf.conductivity(pores, {0: 4e-3, 1: 0}, voxel_nm=10, directions="z")
    >>> found.percolates[2], round(float(found.tensor[2, 2]), 7), round(float(found.tortuosity_factor[2]), 6)
    (True, 0.003, 1.0)
    """

    tensor: Array
    interval: tuple[Array, Array]
    error: ErrorParts
    tortuosity_factor: Array
    macmullin: Array
    percolates: tuple[bool, bool, bool]
    current_share: dict[str, dict[str, float]]
    temperatures: tuple[float, ...]
    tensors: Array
    solver: str
    result: ConductionResult
    _currents: dict[str, CurrentField] = field(default_factory=dict)

    def current_density(self, direction: str) -> Array:
        """Current density for a field of 1 V/m along a direction.

        J = sigma (E - grad u) in the centre of each voxel: the mean of the fluxes through its two faces along each axis.

        Parameters
        ----------
        direction : {'x', 'y', 'z'}

        Returns
        -------
        ndarray of float32 (n0, n1[, n2], 3)
            A/m^2, by the axes of the image; components x, y, z last.  With ``comm`` this rank's part: `current_slices`.

        Raises
        ------
        InputError
            If no field was solved for along that direction, or fields were not kept.
        """
        return self.current_field(direction).array

    def current_slices(self, direction: str) -> tuple[slice, ...]:
        """Where this rank's `current_density` lies in the whole, along the axes of the image."""
        return self.current_field(direction).slices

    @property
    def directions(self) -> str:
        """Axes that there is a current for."""
        return "".join(name for name in AXES if name in self._currents)

    def current_field(self, direction: str) -> CurrentField:
        """`current_density` with its place, axes and voxels.

        Raises
        ------
        InputError
            As `current_density`.
        """
        if direction not in self._currents:
            known = ", ".join(self._currents) or "none"
            raise InputError(f"current_density({direction!r}): there is a current along {known}; where nothing percolates "
                             "none flows, and with fields=False none is kept")
        return self._currents[direction]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the fields as numbers, lists and texts of Python's own: the conduction part of result.json."""
        return self.result.to_dict()

    def to_series(self) -> Any:
        """The numbers as a row for a table, a pandas.Series: names as the columns of a sweep's table where they are in one.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        pandas = package("pandas", "Conductivity.to_series")
        row = {f"sigma_{AXES[a]}{AXES[b]}_S_per_cm": self.tensor[a, b]
               for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))}
        row["sigma_mean_S_per_cm"] = self.result.mean_S_per_cm
        for axis, name in enumerate(AXES):
            row |= {f"sigma_{name}{name}_low_S_per_cm": self.interval[0][axis],
                    f"sigma_{name}{name}_high_S_per_cm": self.interval[1][axis],
                    f"tortuosity_factor_{name}": self.tortuosity_factor[axis], f"macmullin_{name}": self.macmullin[axis],
                    f"percolates_{name}": self.percolates[axis]}
        return pandas.Series(row, name=self.temperatures[0] if self.temperatures else None)

    def to_xarray(self) -> Any:
        """Current densities and tensors as an xarray.Dataset with coordinates and units, of this rank's part.

        Raises
        ------
        InputError
            If xarray is not installed.
        """
        xarray = package("xarray", "Conductivity.to_xarray")
        names = {"component": list(AXES), "field": list(AXES)}
        tensor = xarray.DataArray(self.tensors, names, ("case", "component", "field"),
                                  attrs={"units": "S/cm", "long_name": "effective conductivity"})
        if self.temperatures:
            tensor = tensor.rename(case="temperature").assign_coords(
                temperature=("temperature", list(self.temperatures), {"units": "K"}))
        fields = {f"current_density_{name}": field_array(
            one.array, one.voxel_nm, one.axes, f"current_density_{name}", "A/m^2",
            f"current density in 1 V/m along {name}", one.slices) for name, one in self._currents.items()}
        return xarray.Dataset({"sigma_eff": tensor} | fields)

    def plot(self, direction: str | None = None, **options: Any) -> Any:
        """The tensor with its interval, of several temperatures an Arrhenius plot, for a direction its current.

        Parameters
        ----------
        direction : {'x', 'y', 'z'}, optional
        **options
            As for `pfsolid.plot.conductivity`, or for `pfsolid.plot.current`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from . import plot  # loads matplotlib

        return plot.conductivity(self, **options) if direction is None else plot.current(self, direction, **options)

    def to_pybamm(self, domain: str, component: str = "electrolyte", direction: str | None = None, phase: str | None = None,
                  porosity: float | None = None) -> dict[str, float]:
        """Parameters of PyBaMM for the option {"transport efficiency": "tortuosity factor"}.

        Parameters
        ----------
        domain : {'negative electrode', 'separator', 'positive electrode'}
        component : {'electrolyte', 'electrode'}
            Whose conductivity this is: that of the ions in the electrolyte, or of the electrons in the electrode.
        direction : {'x', 'y', 'z'}, optional
            Through the cell; needed where fields were applied along several.
        phase : str, optional
            Name of the phase that carries it, by default the reference of `macmullin`.
        porosity : float, optional
            Volume fraction of the electrolyte in the cell model; by default as in the image.

        Returns
        -------
        dict
            For `pybamm.ParameterValues.update`: porosity, tortuosity factor and, of an electrode, its own conductivity.

        Raises
        ------
        InputError
            If nothing percolates along it, or an argument cannot be.

        Examples
        --------
        >>> import numpy as np
        >>> import pfsolid as pf
        >>> walls = np.repeat([0, 1], [5, 3]) * np.ones((4, 4, 1), int)        # straight pores, five eighths of the volume
        >>> found = pf.conductivity(walls, {0: 1e-2, 1: 0}, voxel_nm=100, directions="z")
        >>> {name: round(value, 3) for name, value in found.to_pybamm("separator").items()}
        {'Separator porosity': 0.625, 'Separator tortuosity factor (electrolyte)': 1.0}
        """
        with in_arguments("Conductivity.to_pybamm"):
            return battery.to_pybamm(self.result, domain, component, direction, phase, porosity)

    def to_bpx(self, domain: str, component: str = "electrolyte", direction: str | None = None,
               phase: str | None = None) -> dict[str, Any]:
        """The part of a BPX file that follows: porosity and transport efficiency, or an electrode's effective conductivity.

        Parameters
        ----------
        domain, component, direction, phase
            As for `to_pybamm`.

        Returns
        -------
        dict
            To be merged into the file: {'Parameterisation': {'Separator': {...}}}.

        Raises
        ------
        InputError
        """
        with in_arguments("Conductivity.to_bpx"):
            return battery.to_bpx(self.result, domain, component, direction, phase)

    def __repr__(self) -> str:
        return self.result.headline

    def _repr_html_(self) -> str:
        rows = []
        for name in self.result.field_axes:
            axis = AXES.index(name)
            value, low, high = self.tensor[axis, axis], self.interval[0][axis], self.interval[1][axis]
            width = value * _UNKNOWN_GRID if np.isnan(high - low) else max(high - value, value - low)
            ends = "grid not estimated" if np.isnan(high - low) else f"{interval(value, low, high, width)} S/cm"
            shares = ", ".join(f"{phase} {100 * share:.3g} %" for phase, share in self.current_share.get(name, {}).items())
            cells = [name, f"{to_digits(value, width)} S/cm", ends, f"{self.tortuosity_factor[axis]:.4g}", shares]
            rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
        heads = ("along", "effective conductivity", "interval", "tortuosity factor", "share of the current")
        rows.insert(0, "".join(f"<th>{head}</th>" for head in heads))
        return pictures.beside(f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>", self._picture())

    def _picture(self) -> str:
        """|J| of the first current in the middle plane, by its logarithm over two decades."""
        if not self._currents:
            return ""
        one = next(iter(self._currents.values()))
        field = in_xyz_order(one.array, one.axes)
        axis = pictures.normal_of(field.shape, None)
        plane = np.linalg.norm(np.take(field, pictures.plane_index(field.shape[axis], None), axis), axis=-1)
        highest = float(plane.max())
        if not highest > 0:
            return ""
        return pictures.of_values(np.log10(np.maximum(plane / highest, 1e-2)), -2.0, 0.0)


def conductivity(image: Any, sigma: Any, voxel_nm: Any = None, boundary: str = "periodic", directions: str | None = None,
                 temperature_K: Any = None, layer: Mapping[str, Any] | None = None,
                 resistance: Mapping[Any, float] | None = None, error: str = "auto", solver: str = "auto",
                 tolerance: float = 1e-4, *, plate_resistance: Any = None, contact: Any = None,
                 interface_normals: str | None = None, exclude: Any = (), reference: int | str | None = None,
                 extrapolate: bool = False, axes: str | None = None, names: Mapping[int, str] | None = None,
                 thresholds: Any = None, classes: Mapping[str, Any] | None = None, table: Any = None,
                 crystal_symmetry: str | None = None, fields: bool = True, comm: Any = None, threads: int | None = None,
                 progress: bool | Callable[[str], object] | None = None) -> Conductivity:
    """Effective conductivity of a voxel image: div[sigma (E - grad u)] = 0, sigma_eff E = <sigma (E - grad u)>.

    The same functions as `pfsolid conduct IMAGE`, with the same numbers.  Collective over ``comm``.

    Parameters
    ----------
    image : Image or array_like (n0, n1[, n2])
        Labels, or grey values with ``thresholds``.  With ``comm`` the whole array on every rank (it may be a mapped
        one), of which each looks at its own part.
    sigma : dict, str, Path or pandas.DataFrame
        S/cm of each label, by number or name, '*' of all others: a number, three along x, y, z, a symmetric tensor (3, 3),
        or a law {'value': S/cm, 'at_K': K, 'activation_energy_eV': eV}; 0 is exact.  Of an array of bool {False: 0, True:
        1e-3}.  A table, or the name of a CSV file, has the columns label, sigma_S_per_cm and, if wanted, name.
    voxel_nm : float or 3 floats, optional
        nm, edges of a voxel along x, y, z, where the image does not say them.
    boundary : {'periodic', 'mirror', 'electrodes'}
        mirror: the image's mirror images make it periodic; electrodes: plates across the field, insulating sides.
    directions : str, optional
        Axes to apply a field along, 'z' or 'xy'; by default all of more than one voxel.
    temperature_K : float or sequence of float, optional
        K; laws need it.
    layer : dict, optional
        A layer by distance: {'label': 2, 'on': 1, 'facing': (0,), 'width_nm': 40}: label 2, on label 1, within 40 nm of 0.
    resistance : dict, optional
        ohm cm^2 of the interfaces between two labels or classes: {(1, 2): 30, "grain:grain": 5}, and {"*:*": 2} for all
        other pairs; inf blocks.  In place of a number a law {'value', 'at_K', 'activation_energy_eV'}; D / sigma of
        {'apparent_S_per_cm', 'D_nm'}; delta / sigma of {'specific_S_per_cm', 'delta_nm'}; what a film in the place of grain
        adds, {'film_S_per_cm', 'delta_nm'}; or {'misorientation_deg': [15], 'ohm_cm2': [1, 30]}.
    error : {'auto', 'estimate', 'refinement', 'none'}
        How the grid's part of the error is found: from what the solve leaves behind, or on voxels of half the edge.
    solver : {'auto', 'multigrid', 'fft', 'petsc', 'perturbation', 'split'}
        split: full tensors together with resistances, a check for up to 64^3 voxels.
    tolerance : float
        Relative error allowed in sigma_eff.
    plate_resistance : 2 floats, optional
        ohm cm^2 between the electrodes and the image, where it begins and where it ends along the field.
    contact : float, array, path, or a pair of them, optional
        Where the first electrode (of a pair: the first and the last) touches the image: on a disc of that radius (nm) about
        the middle, or where a picture of the end is not 0; None in a pair: everywhere.  The picture's axes are the other
        two, in the order z, y, x.
    interface_normals : {'smoothed', 'faces'}, optional
        Normals of interfaces that resist: faces where all are boxes.
    exclude : label or sequence of labels
        Numbers or names of labels outside the field of view, such as round a cylinder: neither conductor nor volume.
    reference : int or str, optional
        Label that `Conductivity.macmullin` refers to; by default the best conductor.
    extrapolate : bool
        Follow laws beyond the temperatures of their sources.
    axes, names, thresholds
        As for `Image`, where an array is given.
    classes : dict, optional
        Labels that have something in common: {'grain': range(1, 301), 'pore': 0}, '*' for all others.  A class may stand for
        labels in ``sigma`` and ``resistance``, and results are told of it as one.
    table : str, Path or pandas.DataFrame, optional
        Classes and crystals' angles, as ``sigma`` takes them, beside a ``sigma`` of classes: columns label, class, phi1_deg,
        Phi_deg, phi2_deg (Bunge); such as ``made.to_dataframe()`` of `pfsolid.grains`.
    crystal_symmetry : {'cubic', 'hexagonal', 'trigonal', 'tetragonal', 'orthorhombic', 'none'}, optional
        Of all crystals; needed where a resistance goes by misorientation.
    fields : bool
        Keep the current densities, 12 bytes for each voxel and direction.
    comm : mpi4py.MPI.Intracomm, optional
        Divides the image over its ranks.  None: this process computes all of it, and MPI is neither loaded nor started.
    threads : int, optional
        By default all cores that the environment's limits leave; one with several ranks.
    progress : bool or callable, optional
        True: a line on standard error; or a function that is called with a text and may raise to stop.

    Returns
    -------
    Conductivity

    Raises
    ------
    InputError
        A ValueError, in one line, before anything is computed: also where a layer or a resistance is for a label that does
        not occur in the image.  A conductivity of such a label is a `PfsolidWarning`.
    ConvergenceError
        A RuntimeError: the tolerance is not met.

    Notes
    -----
    Finite volumes with harmonic conductances of faces, conjugate gradients with a Fourier preconditioner; full tensors by
    trilinear elements.  M. R. Hestenes, E. Stiefel, J. Res. NBS 49 (1952) 409, doi:10.6028/jres.049.044.
    No file is written, no handler installed; warnings are `PfsolidWarning`.  The first call compiles the kernels, once for
    an installation (one to three minutes).

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> layers = np.repeat([0, 1, 0, 1], 2)[:, None, None] * np.ones((8, 4, 4), int)    # across z, the first axis
    >>> found = pf.conductivity(layers, sigma={0: 1e-3, 1: 3e-3}, voxel_nm=10)
    >>> [round(float(s), 7) for s in found.tensor.diagonal()]       # along x and y arithmetic, along z harmonic mean
    [0.002, 0.002, 0.0015]
    >>> found.current_share["x"]["label 1"].__round__(3)
    0.75
    """
    with in_arguments(_NAME):
        image = as_image(image, voxel_nm=voxel_nm, axes=axes, names=names, thresholds=thresholds)
        texts, masks = contacts_given(contact)
        settings = given(solver=solver, grid_error=None if error == "auto" else error, relative_tolerance=tolerance,
                         temperature_K=temperature_K, extrapolate=extrapolate)
        study = study_of(image, sigma, layer, resistance, exclude, reference, interface_normals, settings,
                         given(boundary=boundary, directions=directions, plate_resistance_ohm_cm2=plate_resistance,
                               contact=texts), classes=classes, crystal_symmetry=crystal_symmetry, table=table)
        with quiet_session(comm, threads, progress) as session:
            check_same_on_all_ranks(image, session.reducer)
            ensure_compiled(study, session)
            problem = ImageConduction(study, image._source, session, masks)
            tell_of_spacing(study, problem.info, session)
            keeper = FieldKeeper(image.axes)
            found = problem.solve(keeper.watch if fields else None)
    return conductivity_of(found, problem.study.names, study.conduction, study.phases.reference, keeper.kept)


class FieldKeeper:
    """Keeps the current densities of the axes that are solved, in an order of axes.

    Attributes
    ----------
    kept : dict of str to CurrentField
    """

    def __init__(self, axes: str):
        self._axes = axes
        self.kept: dict[str, CurrentField] = {}

    def watch(self, part: Part, medium: Medium) -> OnSolved:
        """For `ImageConduction.solve`.

        Parameters
        ----------
        part : Part
        medium : Medium

        Returns
        -------
        callable
            See `keeper_of`.
        """
        return self.keeper_of(part.unmirrored_grid_nm, medium.transform, part.orientation)

    def keeper_of(self, grid_nm: PeriodicGrid, transform: SlabTransform,
                  orientation: Orientation = Orientation()) -> OnSolved:
        """``on_solved`` for `pfsolid.homogenization.solve.solve_conduction`.

        Parameters
        ----------
        grid_nm : PeriodicGrid
            Of the fields.
        transform : SlabTransform
            Of the computation.
        orientation : Orientation
            What turned the axes of the fields into those of the computation.

        Returns
        -------
        callable
        """
        def keep(axis: int, system: System, unit: float) -> None:
            current = system.current_density(axis)
            current *= unit  # of a unit field, 1 V/m
            local, slices = placed(current, grid_nm, transform, orientation)
            array = np.ascontiguousarray(in_array_order(local, self._axes))
            self.kept[orientation.names[axis]] = CurrentField(array, by_axes(slices, self._axes), self._axes,
                                                              grid_nm.spacing)

        return keep


def _interval_of(found: Conduction) -> tuple[Array, Array]:
    """Lower and upper end of the diagonal (S/cm), each (3,): the grid's interval, and the solver's error at either end."""
    value = np.diag(found.effective.tensor)
    solver = value * np.array(found.effective.relative_error)
    ends = (np.full(3, np.nan),) * 2 if found.grid is None else (found.grid.low, found.grid.high)
    low, high = (np.where(value == 0, 0.0, end + sign * solver) / S_PER_M for sign, end in zip((-1, 1), ends))
    return np.maximum(low, 0.0), high


def conductivity_of(found: Conduction, names: dict[int, str], settings: SolverConfig, reference: int | None,
                    currents: dict[str, CurrentField], axes_alike: bool = False) -> Conductivity:
    """What was found, as `Conductivity` has it.

    Parameters
    ----------
    found : Conduction
    names : dict of int to str
        Of the labels.
    settings : SolverConfig
    reference : int, optional
        Label that the MacMullin number refers to.
    currents : dict of str to CurrentField
        That were kept.
    axes_alike : bool
        But for chance.

    Returns
    -------
    Conductivity
    """
    result = conduction_result(found, names, settings, reference, axes_alike)
    bar = result.error_bar
    tensors = np.array([one.tensor for one in found.series]) / S_PER_M
    numbers = np.full((2, 3), np.nan)
    for name, values in (result.transport or {}).items():
        numbers[:, AXES.index(name)] = [np.inf if value is None else value
                                        for value in (values.tortuosity_factor, values.macmullin_number)]
    share = {AXES[axis]: {names.get(label, str(label)): phase.share for label, phase in one.phases.items()}
             for axis, one in found.currents.items()}
    sample = bar.sample_relative_of_mean
    parts = ErrorParts(np.array(bar.solver_relative_xyz, float), np.array(bar.grid_relative_xyz, float),
                       np.nan if sample is None else sample)
    return Conductivity(tensors[0], _interval_of(found), parts, numbers[0], numbers[1],
                        three(map(bool, found.effective.percolating)), share,
                        tuple(t for t in found.temperatures if t is not None), tensors, found.solver, result, currents)
