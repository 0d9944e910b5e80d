"""Impedance spectra of an image of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ..conduction.admittance import AdmittanceSystem
from ..errors import InputError
from ..homogenization.medium import Medium
from ..homogenization.parts import Part, tell_of_spacing
from ..homogenization.spectra import ImageSpectra, Place, lines_of
from ..machine.warmup import ensure_compiled
from ..parallel.quiet import quiet_session
from ..results.impedance import ArcFitResult, ImpedanceResult, SpectrumResult
from ..text import one_line
from ..workflows.fields import placed
from .arguments import by_axes, given, in_arguments, in_array_order
from .conductivity import CurrentField
from .image import as_image, check_same_on_all_ranks
from .optional import package
from .study import study_of

_NAME = "pfsolid.impedance"


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    """What `impedance` found for a field along one axis; the same on every rank but for `maps`.

    Attributes
    ----------
    frequencies : ndarray (num_frequencies,)
        Hz.
    Z : ndarray of complex (num_frequencies,)
        Impedance in `unit`, elements in series included; Im Z < 0 where it is capacitive.
    unit : str
        'ohm', 'ohm cm^2' or 'ohm cm'.
    admittivity : ndarray of complex (num_frequencies,)
        S/cm, effective, of the sample alone.
    permittivity : ndarray (num_frequencies,)
        Im(admittivity) / (omega eps_0).
    relative_error : ndarray (num_frequencies,)
        Of the solver: of the modulus, and of the phase in radians.
    direction : str
    temperature : float or None
        K.
    fit : ArcFitResult or None
        What an experiment would have inferred.
    result : ImpedanceResult
        All numbers, of all directions and temperatures, as result.json has them.
    maps : dict of float to CurrentField
        {frequency: abs(J) over the modulus of its mean} at the frequencies asked for.
    """

    frequencies: npt.NDArray[np.float64]
    Z: npt.NDArray[np.complex128]
    unit: str
    admittivity: npt.NDArray[np.complex128]
    permittivity: npt.NDArray[np.float64]
    relative_error: npt.NDArray[np.float64]
    direction: str
    temperature: float | None
    fit: ArcFitResult | None
    result: ImpedanceResult
    maps: dict[float, CurrentField]
    _others: dict[tuple[str, float | None], Spectrum]

    def along(self, direction: str, temperature: float | None = None) -> Spectrum:
        """The spectrum for another direction or temperature.

        Parameters
        ----------
        direction : {'x', 'y', 'z'}
        temperature : float, optional
            K; by default the first.

        Returns
        -------
        Spectrum

        Raises
        ------
        InputError
            There is none.
        """
        for (name, kelvin), one in self._others.items():
            if name == direction and temperature in (None, kelvin):
                return one
        raise InputError(f"Spectrum.along({direction!r}, {temperature!r}): there are "
                         f"{', '.join(one.name for one in self.result.spectra)}")

    def to_dict(self) -> dict[str, Any]:
        """All numbers as lists, numbers and texts of Python's own: the part `impedance` of result.json."""
        return self.result.to_dict()

    def to_dataframe(self) -> Any:
        """Frequencies as rows of a pandas.DataFrame: f_Hz, Z_real, Z_imag, sigma_real_S_per_cm and so on.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        return package("pandas", "Spectrum.to_dataframe").DataFrame({
            "f_Hz": self.frequencies, "Z_real": self.Z.real, "Z_imag": self.Z.imag,
            "sigma_real_S_per_cm": self.admittivity.real, "sigma_imag_S_per_cm": self.admittivity.imag,
            "permittivity": self.permittivity, "relative_error": self.relative_error})

    def plot(self, figure: Any = None) -> Any:
        """Nyquist and Bode plots of all directions, in a new figure of pyplot unless one is given.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ..plots.impedance import draw_impedance  # loads matplotlib

        if figure is None:
            from matplotlib import pyplot

            figure = pyplot.figure(figsize=(7.6, 6.6))
        draw_impedance(figure, self.result)
        return figure

    def __repr__(self) -> str:
        return "\n".join(lines_of(self.result))

    def _repr_html_(self) -> str:
        return "".join(f"<div>{escape(line)}</div>" for line in lines_of(self.result))


def impedance(image: Any, sigma: Any, frequencies: Any, permittivity: Mapping[Any, float], voxel_nm: Any = None,
              boundary: str = "periodic", directions: str | None = None, temperature_K: Any = None,
              resistance: Mapping[Any, Any] | None = None, boundary_capacitance: Mapping[Any, Any] | None = None,
              layer: Mapping[str, Any] | None = None, tolerance: float = 1e-4, *, thickness_um: float | None = None,
              area_cm2: float | None = None, double_layer: float | None = None, cpe: Any = None,
              warburg: float | None = None, fit: str | None = None, noise: float = 0.0, seed: int = 1, maps: Any = (),
              plate_resistance: Any = None, interface_normals: str | None = None, exclude: Any = (),
              extrapolate: bool = False, axes: str | None = None, names: Mapping[int, str] | None = None,
              classes: Any = None, thresholds: Any = None, comm: Any = None, threads: int | None = None,
              progress: bool | Callable[[str], object] | None = None) -> Spectrum:
    """Impedance spectrum of a voxel image: div[y (E - grad u)] = 0, y_eff E = <y (E - grad u)>, Z = L / (A y_eff).

    Each label has y = sigma + i omega eps_0 eps_r, each boundary 1 / R + i omega C per area.  The same functions as
    `pfsolid impedance IMAGE`, with the same numbers.  Collective over ``comm``.

    Parameters
    ----------
    image, sigma, voxel_nm, boundary, directions, temperature_K, layer, plate_resistance, interface_normals, exclude
        As for `pfsolid.conductivity`; conductivities are numbers, three along the axes, or laws.
    frequencies : str or sequence of float
        Hz, rising: '1:1e9:10', from, to and how many a decade, or all of them.
    permittivity : dict
        Relative permittivity of each label, by number, name or class, '*' of all others; insulators have one too.
    resistance : dict, optional
        ohm cm^2 of boundaries, as for `pfsolid.conductivity`: {'*:*': 30}.
    boundary_capacitance : dict, optional
        F/cm^2 of boundaries that have a resistance, by the same keys, or {'delta_nm': 2, 'permittivity': 10} of a film.
    tolerance : float
        Relative error allowed at each frequency.
    thickness_um, area_cm2 : float, optional
        Of the sample: Z is in ohm cm^2 with the one and in ohm with both, else in ohm cm.
    double_layer : float, optional
        F/cm^2 in series with the sample, of both electrodes together.
    cpe : 2 floats, optional
        Q (S s^n/cm^2) and n of a constant-phase element in series.
    warburg : float, optional
        ohm cm^2 s^-1/2, in series.
    fit : {'rc', 'cpe'}, optional
        Fit two arcs to the sample's spectrum, and say what the brick-layer model infers beside what is true.
    noise, seed
        Relative standard deviation of what is fitted, and of which numbers.
    maps : sequence of float
        Hz, of the spectrum, at which abs(J) is kept.
    extrapolate, axes, names, classes, thresholds, comm, threads, progress
        As for `pfsolid.conductivity`.

    Returns
    -------
    Spectrum
        For the first direction and temperature; `Spectrum.along` has the others.

    Raises
    ------
    InputError
        A ValueError, in one line, before anything is computed.
    ConvergenceError
        A RuntimeError: the tolerance is not met.

    Notes
    -----
    Conjugate gradients without conjugation (H. A. van der Vorst, J. B. M. Melissen, doi:10.1109/20.106415) with a multigrid
    cycle on abs(y).  The grid's part in the error is not estimated.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> cubes = np.indices((8, 8, 8)) // 4
    >>> cubes = (4 * cubes[0] + 2 * cubes[1] + cubes[2]).astype(np.uint8)        # eight grains with an edge of 4 voxels
    >>> found = pf.impedance(cubes, {"*": 1e-4}, "1:1e8:4", {"*": 50}, voxel_nm=250, directions="z", fit="rc",
    ...                      resistance={"*:*": 2.0}, boundary_capacitance={"*:*": 1e-7}, interface_normals="faces")
    >>> bulk, boundary = found.fit.bulk, found.fit.boundary
    >>> round(bulk.resistivity_ohm_cm), round(boundary.resistivity_ohm_cm)        # 1 / sigma, and R / D
    (10000, 20000)
    """
    with in_arguments(_NAME):
        image = as_image(image, voxel_nm=voxel_nm, axes=axes, names=names, thresholds=thresholds)
        settings = given(relative_tolerance=tolerance, temperature_K=temperature_K, extrapolate=extrapolate)
        asked = given(frequencies_Hz=frequencies, thickness_um=thickness_um, area_cm2=area_cm2, fit=fit, noise=noise,
                      double_layer_F_per_cm2=double_layer, cpe_S_sn_per_cm2=cpe, warburg_ohm_cm2_per_sqrt_s=warburg,
                      seed=seed, map_frequencies_Hz=maps)
        for name, value in (("permittivity", permittivity), ("boundary_capacitance", boundary_capacitance or {})):
            if not isinstance(value, Mapping):
                raise InputError(f"{_NAME}: {name} = {one_line(repr(value))}: must be a dict, for example "
                                 + ("{0: 1, 1: 15}" if name == "permittivity" else "{'*:*': 1e-6}"))
        asked["permittivity"], asked["boundary_capacitance_F_per_cm2"] = permittivity, boundary_capacitance or {}
        study = study_of(image, sigma, layer, resistance, exclude, None, interface_normals, settings,
                         given(boundary=boundary, directions=directions, plate_resistance_ohm_cm2=plate_resistance),
                         function=_NAME, classes=classes, impedance=asked)
        with quiet_session(comm, threads, progress) as session:
            check_same_on_all_ranks(image, session.reducer)
            ensure_compiled(study, session)
            problem = ImageSpectra(study, image._source, session)
            tell_of_spacing(study, problem.info, session)
            keeper = _MapKeeper(image.axes)
            found = problem.solve(on_map=keeper.keep if study.impedance and study.impedance.map_frequencies_Hz else None)
    return _spectra_of(found, keeper)


class _MapKeeper:
    """Keeps abs(J) over the modulus of its mean."""

    def __init__(self, axes: str):
        self._axes = axes
        self.kept: dict[tuple[str, float | None], dict[float, CurrentField]] = {}

    def keep(self, part: Part, medium: Medium, place: Place, system: AdmittanceSystem) -> None:
        """For `ImageSpectra.solve`."""
        direction, temperature, frequency = place
        grid = part.unmirrored_grid_nm
        local, slices = placed(system.current_magnitude() / abs(system.value()), grid, medium.transform, part.orientation)
        array = np.ascontiguousarray(in_array_order(local, self._axes))
        self.kept.setdefault((direction, temperature), {})[frequency] = CurrentField(
            array, by_axes(slices, self._axes), self._axes, grid.spacing)


def _spectra_of(found: ImpedanceResult, keeper: _MapKeeper) -> Spectrum:
    """The first one, which knows the others."""
    made: dict[tuple[str, float | None], Spectrum] = {}
    for one in found.spectra:
        made[one.direction, one.temperature_K] = _spectrum(found, one, keeper, made)
    return next(iter(made.values()))


def _spectrum(found: ImpedanceResult, one: SpectrumResult, keeper: _MapKeeper,
              others: dict[tuple[str, float | None], Spectrum]) -> Spectrum:
    z, y = (np.array(real) + 1j * np.array(imaginary) for real, imaginary in (
        (one.Z_real, one.Z_imag), (one.sigma_real_S_per_cm, one.sigma_imag_S_per_cm)))
    return Spectrum(np.array(found.frequencies_Hz), z, found.impedance_unit, y, np.array(one.permittivity),
                    np.array(one.relative_error), one.direction, one.temperature_K, one.fit, found,
                    keeper.kept.get((one.direction, one.temperature_K), {}), others)
