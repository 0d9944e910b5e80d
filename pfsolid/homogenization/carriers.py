"""Several carriers in one image: a conduction problem for each, and what two of them do together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats
from ..config.electrode import ElectrodeConfig
from ..config.image import ImageStudyConfig
from ..errors import InputError
from ..grid import AXES
from ..labels import label_counts
from ..morphology.open_image import OpenImage
from ..parallel.collective import PlaneExchange
from ..parallel.session import Session
from ..results.conduction import ConductionResult
from ..results.electrode import VALID, ElectrodeAxis, ElectrodeResult, FrontResult
from ..theory.electrode import PorousElectrode, ambipolar_conductivity
from ..units import NM, S_PER_M
from .electrode import Electrode, profile
from .found import Conduction
from .image import ImageConduction, turned_sigma
from .medium import Medium
from .parts import Part
from .report import conduction_result
from .solve import Memory

_CM2_PER_M2 = 1e4


class CarriersConduction:
    """Conduction of each carrier on one image, ready to be solved: what cannot be used has been refused.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
        With carriers.
    source : str or ArrayImage
    session : Session

    Attributes
    ----------
    study : ImageStudyConfig
    first : ImageConduction
        Of the first carrier.
    profiles : dict of (str, int) to dict
        By carrier and axis, once solved: see `pfsolid.homogenization.electrode.profile`.

    Raises
    ------
    InputError
        A carrier has no conductor in the image, or the active material does not occur.
    """

    def __init__(self, study: ImageStudyConfig, source: Any, session: Session):
        self.study, self.session, self._source = study, session, source
        self.names = tuple(study.phases.carriers_S_per_cm)
        self.first = ImageConduction(study.of_carrier(self.names[0]), source, session)
        self.counts = label_counts(self.first.first_labels, session.reducer)
        self.studies = {name: study.of_carrier(name).with_labels(self.counts) for name in self.names}
        self.info, self.parts = self.first.info, self.first.parts
        self.profiles: dict[tuple[str, int], dict[str, list[float]]] = {}
        self._surveys: dict[int, dict[str, Any]] = {}
        try:
            self._check()
        except InputError:
            self.close()
            raise

    def _check(self) -> None:
        for name, study in self.studies.items():
            if not any(np.any(np.asarray(self._sigma_of(study, label))) for label in self.counts):
                raise InputError(f"carrier {name}: no label of the image conducts it; the image has "
                                 f"{', '.join(map(str, list(self.counts)[:20]))}")
        for label in self._settings.active or ():
            if label not in self.counts:
                raise InputError(f"electrode.active: label {label} does not occur; the image has "
                                 f"{', '.join(map(str, list(self.counts)[:20]))}")

    @staticmethod
    def _sigma_of(study: ImageStudyConfig, label: int) -> Floats:
        values = study.sigma_S_per_m((study.conduction.temperatures or (None,))[0])
        found: Floats = np.nan_to_num(values[label])
        return found

    @property
    def _settings(self) -> ElectrodeConfig:
        return self.study.electrode or ElectrodeConfig()

    @property
    def active(self) -> tuple[int, ...]:
        """Labels of the active material: as asked for, or those that conduct all carriers."""
        if self._settings.active is not None:
            return self._settings.active
        return tuple(label for label in self.counts
                     if all(np.any(self._sigma_of(study, label)) for study in self.studies.values()))

    def solve(self, watch: Callable[[str, Part, Medium], Any] | None = None, memory: Memory | None = None
              ) -> dict[str, Conduction]:
        """Solve for each carrier, once.  Collective.

        Parameters
        ----------
        watch : callable, optional
            ``watch(carrier, part, medium)``, else as for `ImageConduction.solve`.
        memory : Memory, optional

        Returns
        -------
        dict of str to Conduction
        """
        found = {}
        for index, name in enumerate(self.names):
            problem = self.first if index == 0 else ImageConduction(self.study.of_carrier(name), self._source, self.session)

            def seen(part: Part, medium: Medium, name: str = name) -> Any:
                return self._watch(name, part, medium, watch, memory)

            found[name] = problem.solve(seen, memory and _OneCarrier(memory, name))
        for name in self.names:
            for axis in range(3):
                if memory and (noted := memory.noted(f"profile {name}", axis)):
                    self.profiles.setdefault((name, axis), noted)
        return found

    def close(self) -> None:
        """Give back what has been read and not been solved.  Collective."""
        self.first.close()

    def _watch(self, name: str, part: Part, medium: Medium, watch: Any, memory: Memory | None) -> Any:
        stored = watch(name, part, medium) if watch is not None else None
        if medium.transform.periodic:  # mirrored for full tensors, or without plates
            return stored
        axis = part.orientation.inverse.turn_axis(0)
        grid = medium.transform.grid
        x, y, z = medium.transform.local_slice
        cell = OpenImage(grid, medium.transform.reducer, PlaneExchange(self.session.comm, mirrored=True), (x, y, z))
        if name == self.names[0] and len(self.names) == 2:
            self._survey(axis, part, medium, cell, memory)

        def keep(solved_axis: int, system: Any, unit: float) -> None:
            if stored is not None:
                stored(solved_axis, system, unit)
            data = profile(system, unit, medium.labels[1:-1], self._along(name, part), cell)
            self.profiles[name, axis] = data
            if memory:
                memory.note(f"profile {name}", axis, data)

        return keep

    def _along(self, name: str, part: Part) -> Floats:
        """Conductivity of each label along the part's first axis (S/m)."""
        study = self.studies[name]
        sigma = turned_sigma(study, part.orientation, (study.conduction.temperatures or (None,))[0])
        if sigma.ndim == 1:
            return sigma
        along: Floats = sigma[:, 0] if sigma.ndim == 2 else sigma[:, 0, 0]
        return along

    def _survey(self, axis: int, part: Part, medium: Medium, cell: OpenImage, memory: Memory | None) -> None:
        known = memory and memory.noted("electrode", axis)
        if not known:
            one, other = (self._along(name, part) for name in self.names)
            size = max(one.size, other.size)
            sigma = tuple(np.append(values, np.zeros(size - values.size)) for values in (one, other))
            self.session.progress(lambda: f"what both carriers reach along {AXES[axis]}")
            known = Electrode(medium.labels, medium.transform, cell, (sigma[0], sigma[1]), self.active).survey(
                self.study.conduction.relative_tolerance)
            if memory:
                memory.note("electrode", axis, known)
        self._surveys[axis] = known

    # --- results --------------------------------------------------------------------------------------------

    def results(self, found: dict[str, Conduction]) -> dict[str, ConductionResult]:
        """Of each carrier, as result.json has it."""
        return {name: conduction_result(one, self.studies[name].names, self.study.conduction)
                for name, one in found.items()}

    def electrode(self, results: dict[str, ConductionResult]) -> ElectrodeResult | None:
        """What two carriers do together; None of another number of them."""
        if len(self.names) != 2:
            return None
        names = self.studies[self.names[0]].names
        axes = {name: self._axis(AXES.index(name), [results[one] for one in self.names])
                for name in results[self.names[0]].field_axes}
        return ElectrodeResult(carriers=(self.names[0], self.names[1]), valid=VALID, axes=axes,
                               active=tuple(dict.fromkeys(names.get(label, f"label {label}") for label in self.active)))

    def _axis(self, axis: int, pair: list[ConductionResult]) -> ElectrodeAxis:
        sigma = [float(one.sigma_eff_S_per_cm[axis][axis]) for one in pair]
        one, other = (bar.grid.grid_interval_S_per_cm_xyz[axis] if (bar := each.error_bar).grid is not None else None
                      for each in pair)
        interval = None
        if one is not None and other is not None:
            low, high = (float(ambipolar_conductivity(one[end], other[end])) for end in (0, 1))
            interval = low, high
        survey, share = self._surveys.get(axis, {}), self.first.field_of_view
        reached, area = survey.get("reached"), survey.get("area")
        area = None if area is None else area / share
        return ElectrodeAxis(
            ambipolar_S_per_cm=float(ambipolar_conductivity(*sigma)), ambipolar_interval_S_per_cm=interval,
            transport_number=sigma[0] / sum(sigma) if sum(sigma) > 0 else None,
            active_reached_by=None if reached is None else dict(zip(self.names, reached)),
            active_reached_by_both=survey.get("both"), active_area_per_nm=area,
            electrode_tortuosity=survey.get("tortuosity"),
            electrolyte_fraction=None if survey.get("fraction") is None else survey["fraction"] / share,
            front=self._front(axis, sigma, area))

    def _front(self, axis: int, sigma: list[float], area: float | None) -> FrontResult | None:
        """By linear kinetics; None where nothing reacts, or a carrier does not get through."""
        current = self._settings.exchange_current_A_per_m2
        if current is None or not area or not min(sigma) > 0:
            return None
        length = self.parts[0].unmirrored_grid_nm.lengths[axis] * NM
        one = PorousElectrode(length, sigma[0] * S_PER_M, sigma[1] * S_PER_M, area / NM, current,
                              self._settings.temperature_K)
        near, far = (float(one.reaction_rate(x)) * length for x in (0.0, length))
        return FrontResult(thickness_nm=length / NM, nu=one.nu, penetration_depth_nm=one.penetration_depth / NM,
                           resistance_ohm_cm2=one.resistance * _CM2_PER_M2, reaction_at_separator=near,
                           reaction_at_collector=far)


@dataclass(frozen=True)
class _OneCarrier:
    """The memory of one carrier among several."""

    memory: Memory
    name: str

    def of(self, name: str, transform: Any) -> Any:
        return self.memory.of(f"{self.name} {name}", transform)

    def note(self, name: str, axis: int, data: dict[str, Any]) -> None:
        self.memory.note(f"{self.name} {name}", axis, data)

    def noted(self, name: str, axis: int) -> dict[str, Any] | None:
        return self.memory.noted(f"{self.name} {name}", axis)


PROFILE_COLUMNS = ("along", "carrier", "position_nm", "area_fraction", "mean_sigma_S_per_cm", "tortuosity", "reaction")


def profile_rows(problem: CarriersConduction, electrode: ElectrodeResult | None) -> list[tuple[Any, ...]]:
    """Plane by plane along each axis: what conducts each carrier, its local tortuosity, and where the electrode reacts.

    Parameters
    ----------
    problem : CarriersConduction
        Solved.
    electrode : ElectrodeResult or None

    Returns
    -------
    list of tuple
        By `PROFILE_COLUMNS`; the reaction is its rate over its mean, empty without kinetics.
    """
    rows = []
    grid, share = problem.parts[0].unmirrored_grid_nm, problem.first.field_of_view
    for (name, axis), data in sorted(problem.profiles.items(), key=lambda one: (one[0][1], problem.names.index(one[0][0]))):
        front = None if electrode is None else electrode.axes[AXES[axis]].front
        for plane, values in enumerate(zip(data["area_fraction"], data["sigma_S_per_m"], data["tortuosity"])):
            x = (plane + 0.5) * grid.spacing[axis]
            fraction, sigma, tortuosity = values
            reaction = "" if front is None else reaction_at(front, x)
            rows.append((AXES[axis], name, x, fraction / share, sigma / share / S_PER_M, tortuosity, reaction))
    return rows


def reaction_at(front: FrontResult, position_nm: float) -> float:
    """Reaction rate over its mean: A cosh(nu (1 - x/L)) + B cosh(nu x/L), from its values at both ends.

    Parameters
    ----------
    front : FrontResult
    position_nm : float
        From the separator.

    Returns
    -------
    float
    """
    near, far = front.reaction_at_separator, front.reaction_at_collector
    share, nu = position_nm / front.thickness_nm, front.nu
    if nu < 1e-6:
        return near + (far - near) * share

    def part(one: float) -> float:  # sinh(nu one) / sinh(nu), without overflow
        return float(np.exp(nu * (one - 1)) * np.expm1(-2 * nu * one) / np.expm1(-2 * nu))

    return near * part(1 - share) + far * part(share)
