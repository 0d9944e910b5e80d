"""Resistances of a study's interfaces, at a temperature, as values of pairs of labels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..arrays import Floats, Integers
from ..config.classes import class_numbers
from ..config.image import ImageStudyConfig
from ..config.resistances import ANY_PAIR, AnglesConfig, FilmConfig, Rule, resistance_at, sides_of, thickness_nm
from ..errors import InputError
from ..grid import PeriodicGrid
from ..pairs import PairRules, PairValues
from ..polycrystals.misorientation import quaternions, symmetries
from ..text import listed
from ..units import M2_PER_CM2, NM_PER_M, S_PER_M


class Resistances:
    """Rules for pairs of labels of an image; their values follow from the temperature.

    A boundary's other properties, such as a capacitance, have the same rules: see `PairValues.with_values`.

    Parameters
    ----------
    study : ImageStudyConfig
        With a conductivity for each label: `ImageStudyConfig.with_labels`.
    labels : iterable of int
        That occur.

    Attributes
    ----------
    rules : PairValues
        With values of 0.
    """

    def __init__(self, study: ImageStudyConfig, labels: Iterable[int] = ()):
        self._study, self._labels = study, np.array(sorted(labels), np.int64)
        self._given: dict[str, Rule] = study.phases.interface_resistance_ohm_cm2
        self._order = [pair for pair in self._given if pair == ANY_PAIR]
        self._order += [pair for pair in self._given if pair != ANY_PAIR]
        # A label beside a class is a class of its own.
        self._singles = [int(side) for pair in self._order if pair != ANY_PAIR and not all(
            side.isdigit() for side in sides_of(pair)) for side in sides_of(pair) if side.isdigit()]
        self._numbers = {name: number for number, name in enumerate(
            dict.fromkeys([*study.phases.classes, *map(str, self._singles)]), 1)}
        self.rules = self._rules()

    def at(self, temperature: float | None) -> PairValues:
        """R in nm/(S/m), for a grid that counts in nm.

        Parameters
        ----------
        temperature : float or None
            K.

        Returns
        -------
        PairValues

        Raises
        ------
        InputError
            A law does not hold there, or a film conducts better than its grains.
        """
        values: list[float] = [] if ANY_PAIR in self._given else [0.0]
        sigma: Floats | None = None
        for pair in self._order:
            rule, resistivity = self._given[pair], (np.nan, np.nan)
            if isinstance(rule, FilmConfig) and not all(len(self._members(side)) for side in sides_of(pair)):
                values.append(0.0)  # in a part of an image that lacks a class
                continue
            if isinstance(rule, FilmConfig):
                sigma = self._study.sigma_S_per_m(temperature) / S_PER_M if sigma is None else sigma
                first, second = sides_of(pair)
                resistivity = self._resistivity(first, sigma), self._resistivity(second, sigma)
            values += resistance_at(pair, rule, temperature, self._study.conduction.extrapolate, resistivity)
        return self.rules.with_values(np.array(values) * M2_PER_CM2 * NM_PER_M)

    def check(self, counts: dict[int, int], grid_nm: PeriodicGrid) -> None:
        """See that rules are for what occurs, that grains have angles where these matter, and that boundaries are thin.

        Parameters
        ----------
        counts : dict of int to int
            Voxels of each label.
        grid_nm : PeriodicGrid

        Raises
        ------
        InputError
            They are not.
        """
        for pair in self._order:
            what = f"phases.interface_resistance_ohm_cm2 = {pair!r}"
            sides = sides_of(pair)
            for side in sides:
                members = self._members(side)
                if not len(members):
                    raise InputError(f"{what}: no label of class {side} occurs; the image has {listed(sorted(counts))}")
                angles = self._study.phases.euler_deg
                lost = [label for label in members.tolist() if label not in angles]
                if isinstance(self._given[pair], AnglesConfig) and lost:
                    raise InputError(f"{what}: goes by the misorientation of crystals, and label {lost[0]} has no angles "
                                     f"(phases.euler_deg){f', nor have {len(lost) - 1} more' if lost[1:] else ''}")
                thick = thickness_nm(self._given[pair])
                volume = np.prod(grid_nm.spacing) * np.mean([counts.get(label, 0) for label in members.tolist()])
                size = float(np.cbrt(6 / np.pi * volume))
                if thick is not None and thick >= size:
                    raise InputError(f"{what}: boundaries of delta_nm = {thick:g} are thicker than the grains between them "
                                     f"({size:.3g} nm in the mean)")

    def _members(self, side: str) -> Integers:
        """Labels that occur and are meant by one side of a pair."""
        if side == "*":
            return self._labels
        if side.isdigit():
            return np.array([int(side)])
        found: Integers = self._labels[self._classes_of(self._labels) == self._numbers[side]]
        return found

    def _resistivity(self, side: str, sigma: Floats) -> float:
        """1 / sigma (ohm cm) of one side; NaN where it has more than one."""
        values = sigma[self._members(side)]
        if values.ndim == 3:
            off = np.abs(values[:, ~np.eye(3, dtype=bool)]).max(initial=0.0)
            values = np.diagonal(values, axis1=1, axis2=2) if off == 0 else np.full(2, np.nan)
        low, high = float(np.min(values)), float(np.max(values))
        return 1 / high if low > 0 and high - low <= 1e-9 * high else np.nan

    def _classes_of(self, labels: Integers) -> Integers:
        found = class_numbers(self._study.phases.classes, labels)
        for label in self._singles:
            found[labels == label] = self._numbers[str(label)]
        return found

    def _rules(self) -> PairValues:
        rules, highest = PairRules(), int(self._labels.max(initial=0))
        for pair in self._order:
            rule = self._given[pair]
            limits = rule.misorientation_deg if isinstance(rule, AnglesConfig) else ()
            values = [0.0] * (len(limits) + 1)
            if pair == ANY_PAIR:
                rules.put_others(values, limits)
                continue
            a, b = sides_of(pair)
            if a.isdigit() and b.isdigit():
                rules.put_pair((int(a), int(b)), 0.0)
            else:
                rules.put_classes((self._numbers[a], self._numbers[b]), pair, values, limits)
        if not self._numbers and not any(isinstance(rule, AnglesConfig) for rule in self._given.values()):
            return rules.made()
        phases = self._study.phases
        classes = self._classes_of(np.arange(highest + 1)).astype(np.int32)
        if phases.crystal_symmetry is None:
            return rules.made(classes)
        turns = np.zeros((highest + 1, 4))
        known = [label for label in phases.euler_deg if label <= highest]
        turns[known] = quaternions(np.array([phases.euler_deg[label] for label in known]))
        return rules.made(classes, turns, symmetries(phases.crystal_symmetry))
