"""Spectra of an image of labels: its parts on grids, one spectrum for each direction and temperature, and their reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats
from ..conduction.admittance import AdmittanceSystem
from ..config.image import ImageStudyConfig
from ..config.impedance import ImpedanceConfig
from ..errors import InputError
from ..io.images.description import ArrayImage
from ..labels import label_counts
from ..parallel.session import Session
from ..results.impedance import ArcFitResult, ArcResult, ImpedanceResult, InferredResult, SpectrumResult
from ..text import percent
from ..theory.circuits import FEWEST_POINTS, ArcFit, fit_two_arcs, kramers_kronig_residual, series_impedance
from ..units import M2_PER_CM2, NM_PER_M, S_PER_M, VACUUM_PERMITTIVITY
from .image import ImageConduction
from .impedance import Dielectric, Point, SpectrumProgress, SpectrumSolver
from .medium import Medium
from .parts import Part

_CM_PER_NM, _CM_PER_UM = 1e-7, 1e-4
# Values that differ by no more are one.
_ALIKE = 1e-9
_ITERATIONS_BETWEEN_LOOKS = 5

Place = tuple[str, float | None, float]  # direction, temperature (K), frequency (Hz)
OnMap = Callable[[Part, Medium, Place, AdmittanceSystem], object]


@dataclass(frozen=True)
class Truth:
    """What was put in, NaN where that is not one number.

    Attributes
    ----------
    sigma : float
        S/m, of all that conducts.
    permittivity : float
        Of the same.
    resistance : float
        ohm m^2, of the boundaries.
    capacitance : float
        F/m^2.
    """

    sigma: float
    permittivity: float
    resistance: float
    capacitance: float


class ImageSpectra:
    """The spectra of an image, ready to be solved: what cannot be used has been refused.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
        With a section [impedance].
    source : str or ArrayImage
        Where the labels are.
    session : Session
    masks : dict of int to ArrayImage, optional
        As for `ImageConduction`.

    Attributes
    ----------
    problem : ImageConduction
    study : ImageStudyConfig
    asked : ImpedanceConfig

    Raises
    ------
    InputError
        Before anything is computed.
    """

    def __init__(self, study: ImageStudyConfig, source: str | ArrayImage, session: Session,
                 masks: dict[int, Any] | None = None) -> None:
        if study.impedance is None:
            raise InputError("impedance.frequencies_Hz: is missing: give frequencies and permittivities (--frequencies, "
                             "--permittivity)")
        self.asked: ImpedanceConfig = study.impedance
        self.problem = ImageConduction(study, source, session, masks)
        self.study, self.info, self._session = self.problem.study, self.problem.info, session
        self._boundary_area, self._truths = 0.0, dict[float | None, Truth]()
        try:
            self._permittivity = self._permittivities()
        except InputError:
            self.close()
            raise

    def close(self) -> None:
        """Give back what has been read and not been solved.  Collective."""
        self.problem.close()

    def _permittivities(self) -> Floats:
        """Of each label; 0 outside the field of view, and of labels that do not occur."""
        phases, found = self.study.phases, np.zeros(max([*self.study.phases.sigma_S_per_cm, *self.study.image.exclude]) + 1)
        for label in label_counts(self.problem.first_labels, self._session.reducer):
            if label in self.study.image.exclude:
                continue
            value = self.asked.permittivity_of(label, phases.class_of(label))
            if value is None:
                raise InputError(f"impedance.permittivity (--permittivity): label {label} has none; at a frequency whatever "
                                 "conducts or insulates has one: give it, or \"*\" for all others")
            found[label] = value
        return found

    def solve(self, known: Mapping[Place, Point] | None = None, keep: Callable[[Place, Point], object] | None = None,
              on_map: OnMap | None = None) -> ImpedanceResult:
        """Solve all spectra, once.  Collective.

        Parameters
        ----------
        known : mapping, optional
            Points that need no solving.
        keep : callable, optional
            ``keep(place, point)`` when one is solved.
        on_map : callable, optional
            ``on_map(part, medium, place, system)`` at the frequencies of maps, while the potential is at hand.

        Returns
        -------
        ImpedanceResult

        Raises
        ------
        ConvergenceError, Interrupted
        """
        points: dict[tuple[str, float | None], list[Point]] = {}
        for part, medium in self.problem.media():
            for temperature in self.study.conduction.temperatures or (None,):
                solver = SpectrumSolver(medium, self._dielectric(medium, temperature), temperature)
                self._boundary_area = solver.boundary_area_per_nm
                for axis in part.fields:
                    name = part.orientation.names[axis]
                    points[name, temperature] = self._solve_one(part, medium, solver, axis, temperature, known or {}, keep,
                                                                on_map)
        return self._result(points)

    def _dielectric(self, medium: Medium, temperature: float | None) -> Dielectric:
        rules = medium.resistance_at(temperature, self._permittivity.size)
        capacitance = np.array([self.asked.capacitance_F_per_m2(name.partition(" ")[0]) for name in rules.names])
        sigma = np.asarray(medium.sigma_at(temperature), float).reshape(len(self._permittivity), -1)
        conducts = (sigma.max(axis=1) > 0) & (medium.counts_of(len(sigma)) > 0)
        resists = rules.values > 0
        self._truths[temperature] = Truth(
            _one(sigma[conducts]), _one(self._permittivity[conducts]), _one(rules.values[resists]) / NM_PER_M,
            _one(capacitance[resists]))
        return Dielectric(self._permittivity, capacitance)

    def _solve_one(self, part: Part, medium: Medium, solver: SpectrumSolver, axis: int, temperature: float | None,
                   known: Mapping[Place, Point], keep: Callable[[Place, Point], object] | None,
                   on_map: OnMap | None) -> list[Point]:
        name, settings = part.orientation.names[axis], self.study.conduction

        def recall(_: int, frequency: float) -> Point | None:
            wanted = on_map is not None and frequency in self.asked.map_frequencies_Hz  # a map takes the potential
            return None if wanted else known.get((name, temperature, frequency))

        def solved(_: int, frequency: float, point: Point, system: AdmittanceSystem) -> None:
            place = name, temperature, frequency
            self._session.got_on = True
            if keep is not None:
                keep(place, point)
            if on_map is not None and frequency in self.asked.map_frequencies_Hz:
                on_map(part, medium, place, system)

        return solver.solve(axis, self.asked.frequencies_Hz, settings.relative_tolerance, settings.max_iterations,
                            self._watch, recall, solved)

    def _watch(self, now: SpectrumProgress) -> None:
        """Shows where things are; raises Interrupted on a signal or when the time is over, on all ranks together."""
        where = "" if now.temperature is None else f" at {now.temperature:g} K"
        text = f"along {now.along}{where}, {now.frequency:.4g} Hz"
        error = f": error about {percent(now.relative_error)}" if now.relative_error < 1 else ""
        self._session.progress(lambda: f"solving {text}{error}")
        if now.iteration % _ITERATIONS_BETWEEN_LOOKS == 0:
            self._session.attend(f"solving {text}")

    # --- what comes of it -------------------------------------------------------------------------------------------

    def _result(self, points: dict[tuple[str, float | None], list[Point]]) -> ImpedanceResult:
        unit = "ohm cm" if self.asked.thickness_um is None else "ohm cm^2" if self.asked.area_cm2 is None else "ohm"
        spectra = [self._spectrum(*place, of_place) for place, of_place in points.items()]
        return ImpedanceResult(
            frequencies_Hz=self.asked.frequencies_Hz, impedance_unit=unit, boundary_area_per_nm=self._boundary_area,
            map_frequencies_Hz=self.asked.map_frequencies_Hz, spectra=tuple(spectra))

    def _spectrum(self, direction: str, temperature: float | None, points: list[Point]) -> SpectrumResult:
        frequencies = np.array(self.asked.frequencies_Hz)
        y = np.array([point.admittivity for point in points]) / self.problem.field_of_view
        resistivity = S_PER_M / y  # ohm cm
        z = self._impedance(frequencies, resistivity)
        residual = None
        if frequencies.size >= FEWEST_POINTS:
            residual = float(np.abs(kramers_kronig_residual(frequencies, resistivity)).max())
        return SpectrumResult(
            direction=direction, temperature_K=temperature, Z_real=_floats(z.real), Z_imag=_floats(z.imag),
            sigma_real_S_per_cm=_floats(y.real / S_PER_M), sigma_imag_S_per_cm=_floats(y.imag / S_PER_M),
            permittivity=_floats(y.imag / (2 * np.pi * frequencies * VACUUM_PERMITTIVITY)),
            relative_error=tuple(point.relative_error for point in points),
            iterations=tuple(point.iterations for point in points), kramers_kronig_residual=residual,
            fit=None if self.asked.fit == "none" else self._fit(frequencies, resistivity, temperature))

    def _impedance(self, frequencies: Floats, resistivity: Any) -> Any:
        """In the unit of the result."""
        asked = self.asked
        if asked.thickness_um is None:
            return resistivity
        per_area = resistivity * asked.thickness_um * _CM_PER_UM + series_impedance(
            frequencies, asked.double_layer_F_per_cm2, asked.cpe_S_sn_per_cm2, asked.warburg_ohm_cm2_per_sqrt_s)
        return per_area / (asked.area_cm2 or 1.0)

    def _fit(self, frequencies: Floats, resistivity: Any, temperature: float | None) -> ArcFitResult:
        asked = self.asked
        noise = np.random.default_rng(asked.seed).standard_normal((2, frequencies.size))
        measured = resistivity + asked.noise * np.abs(resistivity) * (noise[0] + 1j * noise[1])
        found = fit_two_arcs(frequencies, measured, asked.fit == "cpe")
        bulk, boundary = (_arc(found, number) for number in (0, 1))
        return ArcFitResult(circuit=asked.fit, noise=asked.noise, seed=asked.seed, misfit=found.misfit, bulk=bulk,
                            boundary=boundary, inferred=tuple(_inferred(found, self._truths[temperature],
                                                                        self._boundary_area)))


def _arc(found: ArcFit, number: int) -> ArcResult:
    r, tau, c = found.resistances[number], found.times[number], found.capacitances[number]
    of_r, of_tau = found.factors[number]
    return ArcResult(
        resistivity_ohm_cm=float(r), resistivity_interval_ohm_cm=_interval(r, of_r), time_constant_s=float(tau),
        exponent=float(found.exponents[number]), capacitance_F_per_cm=float(c),
        capacitance_interval_F_per_cm=_interval(c, of_r * of_tau))


def _inferred(found: ArcFit, truth: Truth, boundary_area_per_nm: float) -> list[InferredResult]:
    """What the brick-layer model makes of two arcs: boundaries across the current, one each edge D of a cube.

    D is known to it from pictures, 3 / S_V: the edge of cubes with as much boundary per volume.
    """
    (r_bulk, r_boundary), (c_bulk, c_boundary) = found.resistances, found.capacitances
    of_r, of_c = found.factors[:, 0], found.factors.prod(axis=1)
    resistance, capacitance = truth.resistance / M2_PER_CM2, truth.capacitance * M2_PER_CM2
    rows = [("bulk conductivity", "S/cm", 1 / r_bulk, of_r[0], truth.sigma / S_PER_M),
            ("bulk permittivity", "1", c_bulk * 100 / VACUUM_PERMITTIVITY, of_c[0], truth.permittivity),
            ("boundary conductivity", "S/cm", 1 / r_boundary, of_r[1], np.nan)]
    if boundary_area_per_nm > 0:
        edge = 3 / boundary_area_per_nm
        rows[2] = (*rows[2][:4], edge * _CM_PER_NM / resistance)
        rows += [("boundary resistance", "ohm cm^2", r_boundary * edge * _CM_PER_NM, of_r[1], resistance),
                 ("boundary capacitance", "F/cm^2", c_boundary / (edge * _CM_PER_NM), of_c[1], capacitance),
                 ("grain size by resistance", "nm", resistance / r_boundary / _CM_PER_NM, of_r[1], edge),
                 ("grain size by capacitance", "nm", c_boundary / capacitance / _CM_PER_NM if capacitance else np.nan,
                  of_c[1], edge)]
    made = []
    for name, unit, value, factor, put_in in rows:
        if not np.isfinite(value):
            continue
        known = bool(np.isfinite(put_in) and put_in > 0)
        low, high = _interval(value, factor)
        made.append(InferredResult(name=name, unit=unit, inferred=float(value), low=low, high=high,
                                   put_in=float(put_in) if known else None,
                                   bias=float(value / put_in - 1) if known else None))
    return made


def _interval(value: float, factor: float) -> tuple[float | None, float | None]:
    return (float(value / factor), float(value * factor)) if np.isfinite(factor) else (None, None)


def _one(values: Floats) -> float:
    """The value that all have; NaN where they differ or there are none, or where it blocks."""
    if not values.size or not np.all(np.isfinite(values)) or np.ptp(values) > _ALIKE * np.abs(values).max():
        return np.nan
    return float(values.flat[0])


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, values))


def lines_of(found: ImpedanceResult) -> list[str]:
    """What is printed of spectra, for a person.

    Parameters
    ----------
    found : ImpedanceResult

    Returns
    -------
    list of str
    """
    lines = []
    for one in found.spectra:
        first, last = ((one.Z_real[i], one.Z_imag[i]) for i in (0, -1))
        text = "; ".join(f"{f:.3g} Hz {re:.4g} {'-' if im < 0 else '+'} {abs(im):.4g}i" for f, (re, im) in zip(
            (found.frequencies_Hz[0], found.frequencies_Hz[-1]), (first, last)))
        residual = "" if one.kramers_kronig_residual is None else f", Kramers-Kronig {one.kramers_kronig_residual:.1e}"
        lines.append(f"Z along {one.name}: {text} {found.impedance_unit} (solver {percent(max(one.relative_error))}"
                     f"{residual})")
        if one.fit is not None:
            lines.append(f"  an experiment would infer (two {one.fit.circuit.upper()} arcs, misfit "
                         f"{percent(one.fit.misfit)}):")
            lines += [f"    {row.line}" for row in one.fit.inferred]
    return lines
