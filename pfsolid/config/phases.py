"""What the labels of an image are and conduct: the section [phases]."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, model_validator

from ..arrays import Array
from ..labels import MAX_LABEL, MOST_APART
from ..text import listed, one_line
from ..units import S_PER_M
from .classes import CLASSES, EULER, as_classes, as_euler, class_numbers, ranges_of, turned
from .conduction import MAX_CONDUCTIVITY, as_conductivity, conductivity_at
from .naming import REST, as_label, put_once
from .resistances import ANY_PAIR, RESISTANCES, AnglesConfig, as_resistances, sides_of
from .text import Section, key, shown

_LABELS = f"a table of labels from 0 to {MAX_LABEL}"
_NAMES = f"{_LABELS} with a name in quotes each, on one line"
_SIGMA = "for each label a number, a law { value, at_K, activation_energy_eV }, three numbers or the three rows of a tensor"
_RELATIVE = "a table of numbers between 0 and 1, for example { grain = 0.1, \"grain:grain\" = 0.3 }"
_CARRIERS = ("a table of carriers, words of letters and digits, each with a table of conductivities, for example "
             "{ ion = { \"1\" = 1e-3 }, electron = { \"2\" = 5e-3 } }")


def _as_sigma(value: Any) -> Any:
    """A conductivity, or a diagonal or full tensor as a tuple of numbers or rows."""
    if not (isinstance(value, (list, tuple)) and value and not isinstance(value[0], dict)
            and isinstance(value[0], (int, float, list, tuple))):
        return as_conductivity(value)
    try:
        numbers = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("neither a vector nor a tensor") from None
    if numbers.shape not in ((3,), (3, 3)) or not np.all(np.abs(numbers) <= MAX_CONDUCTIVITY):
        raise ValueError("neither a vector nor a tensor")
    tensor = np.diag(numbers) if numbers.ndim == 1 else numbers
    if not np.array_equal(tensor, tensor.T) or np.linalg.eigvalsh(tensor)[0] < -1e-12 * np.abs(tensor).max():
        raise ValueError("not symmetric and positive")
    return tuple(map(tuple, numbers.tolist())) if numbers.ndim == 2 else tuple(numbers.tolist())


def _as_sigmas(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(_SIGMA)
    found: dict[Any, Any] = {}
    for name, one in value.items():
        try:
            label, sigma = as_label(name), _as_sigma(one)
        except ValueError as error:
            raise ValueError(f"{_SIGMA}; label {one_line(name)} = {shown(one)}: {_problem(one, error)}") from None
        put_once(found, label, sigma, f"label {label}")
    return dict(sorted(found.items()))


def _as_sigmas_of_classes(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(_SIGMA)
    found: dict[Any, Any] = {}
    for name, one in value.items():
        try:
            found[name] = _as_sigma(one)
        except ValueError as error:
            raise ValueError(f"{_SIGMA}; {one_line(str(name))} = {shown(one)}: {_problem(one, error)}") from None
    return found


def _as_relative(value: Any) -> Any:
    if not isinstance(value, dict) or not all(isinstance(one, (int, float)) and not isinstance(one, bool) and 0 < one < 1
                                              for one in value.values()):
        raise ValueError(_RELATIVE)
    return {str(name): float(one) for name, one in value.items()}


def _problem(value: Any, error: ValueError) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and " no label" not in str(error):
        return f"must be from 0 to {MAX_CONDUCTIVITY:g}"
    return str(error).rpartition("; ")[2]  # a mistake inside a law comes after the list of what is allowed


def _as_names(value: Any) -> Any:
    if not isinstance(value, dict) or not all(isinstance(text, str) and text.strip() and text.isprintable()
                                              for text in value.values()):
        raise ValueError(_NAMES)
    found: dict[Any, Any] = {}
    for name, text in value.items():
        label, text = as_label(name), text.strip()
        put_once(found, label, text, f"label {label}")
    return found


def _as_carriers(value: Any) -> Any:
    """Of each carrier the conductivities, that of all labels that are not given (REST) among them, 0 if it is not."""
    if not isinstance(value, dict) or not all(isinstance(table, dict) and table and re.fullmatch(r"[A-Za-z]\w{0,31}", name)
                                              for name, table in value.items()):
        raise ValueError(_CARRIERS)
    found: dict[Any, Any] = {}
    for name, table in value.items():
        rest = table.get(REST, 0.0)
        if isinstance(rest, bool) or not isinstance(rest, (int, float)) or not 0 <= rest <= MAX_CONDUCTIVITY:
            raise ValueError(f"{_CARRIERS}; {name}: \"{REST}\" = {shown(rest)}")
        try:
            labels = _as_sigmas({label: one for label, one in table.items() if label != REST})
        except ValueError as error:
            raise ValueError(f"carrier {name}: {error}") from None
        found[name] = labels | {REST: float(rest)}
    return found


def _as_name(value: Any) -> Any:
    if not (isinstance(value, str) and value.strip() and value.isprintable()):
        raise ValueError("a name in quotes on one line")
    return value.strip()


Sigmas = Annotated[dict[Any, Any], BeforeValidator(_as_sigmas)]
SigmasOfClasses = Annotated[dict[Any, Any], BeforeValidator(_as_sigmas_of_classes)]
Classes = Annotated[dict[Any, Any], BeforeValidator(as_classes)]
Euler = Annotated[dict[Any, Any], BeforeValidator(as_euler)]
RelativeErrors = Annotated[dict[Any, Any], BeforeValidator(_as_relative)]
Carriers = Annotated[dict[Any, Any], BeforeValidator(_as_carriers)]
Names = Annotated[dict[Any, Any], BeforeValidator(_as_names)]
OneName = Annotated[str, BeforeValidator(_as_name)]
Resistances = Annotated[dict[Any, Any], BeforeValidator(as_resistances)]


class PhasesConfig(Section):
    sigma_S_per_cm: Sigmas = key("S/cm of each label", {}, allowed=_SIGMA)
    sigma_of_classes_S_per_cm: SigmasOfClasses = key(
        "S/cm of the labels of a class that have none of their own: along the crystal's axes where they have angles", {},
        allowed=_SIGMA.replace("label", "class"))
    sigma_of_others_S_per_cm: float | None = key(
        "S/cm of all labels that are not given (\"*\" among the others)", None, ge=0, le=MAX_CONDUCTIVITY)
    carriers_S_per_cm: Carriers = key(
        "in place of those: S/cm of each label for each carrier; labels that are not given do not conduct it", {},
        allowed=_CARRIERS)
    names: Names = key("what the labels are; their names may stand wherever a label does", {}, allowed=_NAMES)
    name_of_others: OneName | None = key(
        "what all labels without a name are together (\"*\" among the names)", None,
        allowed="a name in quotes on one line")
    reference: int | None = key(
        "label whose conductivity the formation factor refers to; the best conductor if not set", None, ge=0, le=MAX_LABEL)
    classes: Classes = key("classes of labels, which may stand wherever a conductivity or a resistance is for labels", {},
                           allowed=CLASSES)
    euler_deg: Euler = key("Bunge's phi1, Phi, phi2 of each label's crystal, degrees", {}, allowed=EULER)
    crystal_symmetry: Literal["cubic", "hexagonal", "trigonal", "tetragonal", "orthorhombic", "none"] | None = key(
        "of all crystals, for resistances by misorientation", None)
    interface_resistance_ohm_cm2: Resistances = key(
        "ohm cm^2, resistance of the interfaces between two labels or classes; \"*:*\" for all other pairs", {},
        allowed=RESISTANCES)
    interface_normals: Literal["smoothed", "faces"] = key(
        "normals of interfaces that resist: smoothed for any shape; faces where all are boxes, as voxels are", "smoothed")
    relative_errors: RelativeErrors = key(
        "how far conductivities and resistances may be off, relative, one standard deviation: by label, class or pair", {},
        allowed=_RELATIVE)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.carriers_S_per_cm:
            return self._known_of_carriers()
        for name in self.sigma_of_classes_S_per_cm:
            if name not in self.classes:
                raise ValueError(f"phases.sigma_S_per_cm: there is no class or name {name!r}; classes are "
                                 f"{', '.join(self.classes) or 'none'} (phases.classes, --class)")
        if not self.sigma_S_per_cm and not self.sigma_of_classes_S_per_cm and self.sigma_of_others_S_per_cm is None:
            raise ValueError(f"phases.sigma_S_per_cm = {{}}: must be {_SIGMA}")
        if self.reference is not None and not self.knows(self.reference):
            raise ValueError(f"phases.reference = {self.reference}: must be one of the labels with a conductivity, "
                             f"{', '.join(map(str, self.sigma_S_per_cm))}")
        conducts = self.reference and self.sigma_of(self.reference)
        if self.reference is not None and not np.any(np.asarray(conducts, dtype=object)):
            raise ValueError(f"phases.reference = {self.reference}: must be the label of a conductor, and this one has 0")
        return self

    def _known_of_carriers(self) -> Self:
        others = {"sigma_S_per_cm": self.sigma_S_per_cm, "classes": self.classes,
                  "sigma_of_others_S_per_cm": self.sigma_of_others_S_per_cm is not None,
                  "reference": self.reference is not None, "interface_resistance_ohm_cm2": self.interface_resistance_ohm_cm2,
                  "relative_errors": self.relative_errors}
        given = [name for name, value in others.items() if value]
        if given:
            raise ValueError(f"phases.{given[0]}: does not go with phases.carriers_S_per_cm, as it would be one carrier's: "
                             "conduct that one by itself")
        return self

    @model_validator(mode="after")
    def _resists(self) -> Self:
        given = self.interface_resistance_ohm_cm2
        for pair, rule in given.items():
            what = f"phases.interface_resistance_ohm_cm2 = {pair!r}"
            sides = sides_of(pair) if pair != ANY_PAIR else ()
            for side in sides:
                if not side.isdigit() and side not in self.classes:
                    raise ValueError(f"{what}: there is no class or name {side!r}; classes are "
                                     f"{', '.join(self.classes) or 'none'} (phases.classes, --class)")
                if side.isdigit() and not self.knows(int(side)):
                    raise ValueError(f"{what}: label {side} has no conductivity in phases.sigma_S_per_cm")
            one, *more = [side for side in sides if side.isdigit()] or [""]
            if one and not more and (of := self.class_of(int(one))) is not None:
                raise ValueError(f"{what}: label {one} is of class {of}: give \"{of}:...\", or a pair of labels")
            if isinstance(rule, AnglesConfig) and not self.euler_deg:
                raise ValueError(f"{what}: goes by the misorientation of crystals, and none has angles: give "
                                 "phases.euler_deg, or a table with phi1_deg, Phi_deg, phi2_deg")
            if isinstance(rule, AnglesConfig) and self.crystal_symmetry is None:
                raise ValueError(f"{what}: goes by the misorientation of crystals: give phases.crystal_symmetry "
                                 "(--crystal-symmetry): cubic, hexagonal, trigonal, tetragonal, orthorhombic or none")
        return self

    @model_validator(mode="after")
    def _errors_are_of_something(self) -> Self:
        known = {*map(str, self.sigma_S_per_cm), *self.sigma_of_classes_S_per_cm, *self.interface_resistance_ohm_cm2}
        known |= {REST} if self.sigma_of_others_S_per_cm is not None else set()
        for name in self.relative_errors:
            if name not in known:
                raise ValueError(f"phases.relative_errors: {name} has no conductivity or resistance of its own; "
                                 f"{listed(sorted(known))} have")
        return self

    def knows(self, label: int) -> bool:
        """Whether a label has a conductivity: its own, that of its class or that of the others."""
        return (label in self.sigma_S_per_cm or self.sigma_of_others_S_per_cm is not None
                or self.class_of(label) in self.sigma_of_classes_S_per_cm)

    def sigma_of(self, label: int) -> Any:
        """What is given for a label (S/cm), by the crystal's axes where it is its class's; None where nothing is."""
        of_class = self.sigma_of_classes_S_per_cm.get(self.class_of(label) or "", self.sigma_of_others_S_per_cm)
        return self.sigma_S_per_cm.get(label, of_class)

    def source_of(self, label: int) -> str:
        """What a label has its conductivity from: its number, the name of its class, or * for the others."""
        name = self.class_of(label) if self.classes else None
        return str(label) if label in self.sigma_S_per_cm else name if name in self.sigma_of_classes_S_per_cm else REST

    def class_of(self, label: int) -> str | None:
        """Name of a label's class; None where it has none."""
        number = int(class_numbers(self.classes, np.array([label]))[0]) if self.classes else 0
        found: str | None = [None, *self.classes][number]
        return found

    def sigma_of_labels(self, labels: Iterable[int]) -> dict[int, Any]:
        """What labels conduct (S/cm) that have none of their own: as their class, turned to the sample, or the others.

        Those that have none are left out.

        Raises
        ------
        ValueError
            A grain has no angles where others of its class have, and their conductivity is not the same along all axes.
        """
        wanted = np.array(sorted(set(labels) - set(self.sigma_S_per_cm)), np.int64)
        found: dict[Any, Any] = {}
        numbers = class_numbers(self.classes, wanted) if self.classes else np.zeros(len(wanted), np.int64)
        for number, name in enumerate([None, *self.classes]):
            members = wanted[numbers == number].tolist()
            sigma = self.sigma_of_classes_S_per_cm.get(name or "", self.sigma_of_others_S_per_cm)
            if sigma is None or not members:
                continue
            if isinstance(sigma, float) or is_law(sigma) or not any(label in self.euler_deg for label in members):
                found |= dict.fromkeys(members, sigma)
                continue
            lost = [label for label in members if label not in self.euler_deg]
            if lost:
                raise ValueError(f"phases.euler_deg: label {lost[0]} of class {name} has no angles, and {name} does not "
                                 f"conduct alike along all axes{f', nor have {len(lost) - 1} more' if lost[1:] else ''}")
            found |= dict(zip(members, turned(sigma, np.array([self.euler_deg[label] for label in members]))))
        return found

    @property
    def groups(self) -> dict[int, int] | None:
        """For each label with a conductivity the lowest of those that it counts with in results; None where all count apart.

        Labels without a name count together by their classes, or under `name_of_others`; without these, where there are too
        many to count apart, by their conductivity, and where these are too many as well, all together.
        """
        nameless = [label for label in self.sigma_S_per_cm if label not in self.names]
        kinds = self._kinds(nameless)
        if kinds is None:
            return None
        first: dict[object, int] = {}
        for label in sorted(nameless):
            first.setdefault(kinds[label], label)
        return {label: first[kinds[label]] if label in kinds else label for label in self.sigma_S_per_cm}

    def _kinds(self, nameless: list[int]) -> dict[int, object] | None:
        """What the labels without a name count together by; None where all count apart."""
        kinds: dict[int, object] = {}
        if self.classes:
            numbers = class_numbers(self.classes, np.array(nameless, np.int64)).tolist()
            apart = self.relative_errors
            kinds = {label: (number,) if str(label) not in apart else label for label, number in zip(nameless, numbers)
                     if number}
        rest = [label for label in nameless if label not in kinds]
        if self.name_of_others is not None:
            return kinds | dict.fromkeys(rest, 0)
        if len(self.sigma_S_per_cm) <= MOST_APART:
            return kinds | {label: label for label in rest} if kinds else None
        by_sigma: dict[int, object] = {label: self.sigma_S_per_cm[label] for label in rest}
        return kinds | (by_sigma if len(set(by_sigma.values())) <= MOST_APART else dict.fromkeys(rest, 0))

    @property
    def names_of_all(self) -> dict[int, str]:
        """A name of every label that has a conductivity, or of the lowest of those that count together."""
        groups = self.groups
        if groups is None:
            return {label: self.names.get(label, f"label {label}") for label in self.sigma_S_per_cm}
        sizes = Counter(groups.values())
        return {label: self.names.get(label) or (
            str(label) not in self.relative_errors and self.classes and self.class_of(label)) or self.name_of_others or (
            f"{sizes[label]} labels from {label} on" if sizes[label] > 1 else f"label {label}") for label in sizes}

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        first: dict[str, int] = {}
        for label, name in self.names_of_all.items():
            if first.setdefault(name, label) != label:  # results are kept by name
                raise ValueError(f"phases.names: labels {first[name]} and {label} are both called {name!r}; names must "
                                 "differ")
        return self

    @model_validator(mode="after")
    def _classes_have_names(self) -> Self:
        for name in self.classes:
            if name in self.names.values() or name == self.name_of_others:
                raise ValueError(f"phases.classes: {name!r} is the name of labels too; give the class another one")
        return self

    @property
    def tensors(self) -> dict[int, Array]:
        """Conductivities (S/cm) that have elements off the diagonal, by label, those of turned crystals among them."""
        given = self.sigma_S_per_cm | self.sigma_of_labels(self.euler_deg)
        for name, sigma in self.sigma_of_classes_S_per_cm.items():
            if self.classes[name] != REST:
                given.setdefault(ranges_of(self.classes[name])[0][0], sigma)
            else:
                given.setdefault(MAX_LABEL, sigma)  # whichever these labels are
        return {label: np.array(value) for label, value in given.items()
                if isinstance(value, tuple) and isinstance(value[0], tuple)
                and np.any(np.array(value)[~np.eye(3, dtype=bool)])}


def with_axes(value: Array, rank: int) -> Array:
    """A scalar or diagonal as a diagonal (rank 1) or a tensor (rank 2).

    Parameters
    ----------
    value : ndarray
    rank : int

    Returns
    -------
    ndarray
    """
    if value.ndim < rank:
        value = np.broadcast_to(value, 3)
    return np.diag(value) if value.ndim < rank else value


def is_law(value: Any) -> bool:
    """Whether a conductivity depends on the temperature."""
    return isinstance(value, tuple) and not isinstance(value[0], (float, tuple))


def sigma_at(label: int, value: Any, temperature: float | None, extrapolate: bool) -> Any:
    """What is given of a label at a temperature.

    Parameters
    ----------
    label : int
    value : object
        S/cm, or a law.
    temperature : float or None
        K.
    extrapolate : bool

    Returns
    -------
    float or tuple
        S/cm.
    """
    if not is_law(value):
        return value
    return conductivity_at(f"phases.sigma_S_per_cm of label {label}", value, temperature, extrapolate) / S_PER_M
