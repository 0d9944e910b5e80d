"""Spectra of a medium: at each frequency its effective admittivity, each solve from those of the frequencies before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..arrays import Floats
from ..conduction.admittance import AdmittanceSystem
from ..conduction.cocg import ModulusMultigrid, solve_field
from ..conduction.effective import ROUNDING
from ..conduction.phases import diagonal_conductivities
from ..errors import InputError
from ..units import NM_PER_M, VACUUM_PERMITTIVITY
from .medium import Medium

# Potentials of so many frequencies are combined for the next.
_EARLIER = 3
# The preconditioner is made anew where an admittivity of labels or boundaries has changed by more than this factor.
_CHANGED = 2.0


@dataclass(frozen=True)
class Dielectric:
    """What stores charge.

    Attributes
    ----------
    permittivity : ndarray (num_labels,)
        Relative, of each label.
    capacitance : ndarray (num_rules,) or float
        F/m^2 of the boundaries between labels that resist, by the rules of the resistances; or of all of them.
    """

    permittivity: Floats
    capacitance: Floats | float = 0.0


@dataclass(frozen=True)
class Point:
    """One frequency of a spectrum.

    Attributes
    ----------
    admittivity : complex
        S/m, effective.
    relative_error : float
        Estimated, of its modulus; of its phase in radians.
    iterations, restarts : int
    """

    admittivity: complex
    relative_error: float
    iterations: int
    restarts: int = 0


@dataclass(frozen=True)
class SpectrumProgress:
    """How far a spectrum has come.

    Attributes
    ----------
    along : str
    temperature : float or None
        K.
    frequency : float
        Hz.
    iteration : int
    relative_error : float
    """

    along: str
    temperature: float | None
    frequency: float
    iteration: int
    relative_error: float


Watch = Callable[[SpectrumProgress], object]
Known = Callable[[int, float], Point | None]
OnSolved = Callable[[int, float, Point, AdmittanceSystem], object]


class SpectrumSolver:
    """Effective admittivities of a medium at a temperature.  Every method is collective.

    y = sigma + i omega eps_0 eps_r of each label, 1 / R + i omega C of each boundary.

    Parameters
    ----------
    medium : Medium
        Of scalar or diagonal conductivities; a capacitance counts where its ``interface_resistance`` is above 0.
    dielectric : Dielectric
    temperature : float, optional
        K.

    Raises
    ------
    InputError
        If a conductivity or resistance is not allowed.
    """

    def __init__(self, medium: Medium, dielectric: Dielectric, temperature: float | None = None) -> None:
        self._medium, self._temperature = medium, temperature
        self._sigma = diagonal_conductivities(np.asarray(medium.sigma_at(temperature), float))
        self._permittivity = VACUUM_PERMITTIVITY * np.asarray(dielectric.permittivity, float)
        # What insulates everywhere conducts by its permittivity alone: any unit will do.
        self._unit = float(self._sigma.max()) or VACUUM_PERMITTIVITY
        resistance = medium.resistance_at(temperature, len(self._sigma))
        capacitance = resistance.with_values(np.broadcast_to(dielectric.capacitance, resistance.values.shape))
        self._resistance = resistance.scaled(self._unit)
        self._capacitance = capacitance.scaled(1 / NM_PER_M / self._unit)
        low, high = (value * self._unit for value in medium.plate_resistance)
        self.system = AdmittanceSystem(medium.labels, medium.transform, self._resistance, self._capacitance,
                                       medium.interface_normals, (low, high), medium.contacts)
        self._present = medium.counts_of(len(self._sigma)) > 0
        self._preconditioner: ModulusMultigrid | None = None
        self._built = np.empty(0)

    @property
    def boundary_area_per_nm(self) -> float:
        """Of boundaries that resist, per volume (1/nm)."""
        return self.system.boundary_area()

    def solve(self, axis: int, frequencies: Sequence[float], rtol: float = 1e-4, max_iterations: int = 5000,
              watch: Watch | None = None, known: Known | None = None, on_solved: OnSolved | None = None) -> list[Point]:
        """The spectrum for a field along an axis of the grid.

        Parameters
        ----------
        axis : int
        frequencies : sequence of float
            Hz, in an order in which neighbours are alike.
        rtol : float
            Of the estimated relative error at each frequency.
        max_iterations : int
            At each frequency.
        watch : callable, optional
            ``watch(progress)``; may raise to stop.
        known : callable, optional
            ``known(axis, frequency)``: a point that needs no solving, or None.
        on_solved : callable, optional
            ``on_solved(axis, frequency, point, system)`` while the potential is at hand.

        Returns
        -------
        list of Point

        Raises
        ------
        InputError
            No current passes.
        ConvergenceError
        """
        points: list[Point] = []
        earlier: list[npt.NDArray[np.generic]] = []
        for frequency in frequencies:
            point = known(axis, frequency) if known is not None else None
            if point is None:
                point = self._point(axis, frequency, rtol, max_iterations, earlier, watch)
                earlier = (earlier + [self._kept()])[-_EARLIER:]
                if on_solved is not None:
                    on_solved(axis, frequency, point, self.system)
            points.append(point)
        return points

    def _point(self, axis: int, frequency: float, rtol: float, max_iterations: int, earlier: list[npt.NDArray[np.generic]],
               watch: Watch | None) -> Point:
        preconditioner = self._set(2 * np.pi * frequency)
        along = self._medium.axis_names[axis]

        def report(iteration: int, value: complex, error: float) -> None:
            if watch is not None:
                watch(SpectrumProgress(along, self._temperature, frequency, iteration, error))

        report(0, 0j, np.inf)
        found = solve_field(self.system, preconditioner, axis, rtol, max_iterations, earlier, report)
        if abs(found.value) <= 2 * ROUNDING * abs(self.system.start_value):
            raise InputError(f"no current passes along {along}, at no frequency: resistances that are infinite block it and "
                             "have no capacitance")
        return Point(self._unit * found.value, found.relative_error, found.iterations, found.restarts)

    def _set(self, omega: float) -> ModulusMultigrid:
        """Put the frequency into the faces; a preconditioner that fits them."""
        y = (self._sigma + 1j * omega * self._permittivity[:, None]) / self._unit
        self.system.at(y, omega)
        now = np.abs(np.concatenate([y[self._present].ravel(), self._boundaries(omega)]))
        now = now[now > 0]
        if self._preconditioner is None or now.size != self._built.size or (
                np.abs(np.log(now / self._built)).max(initial=0.0) > np.log(_CHANGED)):
            self._preconditioner, self._built = ModulusMultigrid(self.system), now
        return self._preconditioner

    def _boundaries(self, omega: float) -> npt.NDArray[np.complex128]:
        """1 / R + i omega C of each rule that resists."""
        resistance = self._resistance.values
        resists = resistance > 0
        found: npt.NDArray[np.complex128] = 1 / resistance[resists] + 1j * omega * self._capacitance.values[resists]
        return found

    def _kept(self) -> npt.NDArray[np.generic]:
        """The potential with ghost planes, in the precision of directions."""
        kept = np.empty_like(self.system.direction)
        kept[:, 1:-1] = self.system.potential
        self.system.fill_ghosts(kept)
        return kept
