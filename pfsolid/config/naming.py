"""Labels by name in the raw values of a study of an image: wherever a label stands, its number takes the name's place."""

from __future__ import annotations

import re
from typing import Any

from ..errors import InputError
from ..labels import MAX_LABEL
from ..text import one_line

REST = "*"  # in a table: all labels that are not given
CLASS_NAME = r"[A-Za-z_][\w-]{0,63}"
_LABEL_DIGITS = len(str(MAX_LABEL))
_ERROR = re.compile(r"\s*([\d.eE+-]+?)\s*(?:±|\+-|\+/-)\s*([\d.eE+-]+)\s*(%?)\s*")


def as_label(name: object) -> int:
    """A label by the digits it is written with.

    Raises
    ------
    ValueError
        It is none.
    """
    if not re.fullmatch(rf"\d{{1,{_LABEL_DIGITS}}}", str(name)) or int(str(name)) > MAX_LABEL:
        raise ValueError(f"{one_line(str(name))!r} is no label from 0 to {MAX_LABEL}")
    return int(str(name))


def put_once(found: dict[Any, Any], place: Any, value: Any, what: str) -> None:
    """Refuses what two spellings of one number, such as 1 and 01, give twice: the last would win unseen.

    Parameters
    ----------
    found : dict
        To put it in.
    place, value : object
    what : str
        For the message.

    Raises
    ------
    ValueError
    """
    if place in found:
        raise ValueError(f"a table that gives {what} once: it stands there twice")
    found[place] = value


def number_labels(raw: dict[str, Any]) -> None:
    """Put numbers in the place of names, and the conductivity of the rest in a key of its own.

    Raises
    ------
    InputError
        A name that no label has, or two.
    """
    phases, image, layer = (raw.get(name) for name in ("phases", "image", "layer"))
    if not isinstance(phases, dict):
        return
    names = phases.get("names")
    if isinstance(names, dict) and REST in names:
        phases["names"] = names = dict(names)
        phases["name_of_others"] = names.pop(REST)
    classes = phases.get("classes")
    numbers = _Numbers(names if isinstance(names, dict) else {}, classes if isinstance(classes, dict) else {})
    errors: dict[str, float] = {}
    if isinstance(classes, dict):
        phases["classes"] = {name: _of_class(labels, numbers) for name, labels in classes.items()}
    sigma = phases.get("sigma_S_per_cm")
    if isinstance(sigma, dict):
        sigma = numbers.of_keys(_without_errors(sigma, errors, numbers), "phases.sigma_S_per_cm")
        if REST in sigma:
            phases["sigma_of_others_S_per_cm"] = sigma.pop(REST)
        of_classes = {name: sigma.pop(name) for name in list(sigma) if name in numbers.classes}
        if of_classes:
            phases["sigma_of_classes_S_per_cm"] = {**phases.get("sigma_of_classes_S_per_cm", {}), **of_classes}
        phases["sigma_S_per_cm"] = sigma
    carriers = phases.get("carriers_S_per_cm")
    if isinstance(carriers, dict):
        phases["carriers_S_per_cm"] = {
            name: numbers.of_keys(table, f"carrier {name}") if isinstance(table, dict) else table
            for name, table in carriers.items()}
    resistances = phases.get("interface_resistance_ohm_cm2")
    if isinstance(resistances, dict):
        key = "phases.interface_resistance_ohm_cm2"
        resistances = _without_errors(resistances, errors, numbers)
        phases["interface_resistance_ohm_cm2"] = numbers.of_keys(resistances, key, pairs=True)
    impedance = raw.get("impedance")
    for name, pairs in (("permittivity", False), ("boundary_capacitance_F_per_cm2", True)):
        if isinstance(impedance, dict) and isinstance(impedance.get(name), dict):
            impedance[name] = numbers.of_keys(impedance[name], f"impedance.{name}", pairs)
    if errors:
        given = phases.get("relative_errors", {})
        phases["relative_errors"] = {**given, **errors} if isinstance(given, dict) else given
    sections = {"phases": phases, "layer": layer, "image": image, "electrode": raw.get("electrode")}
    for place in ("phases.reference", "layer.on", "layer.label", "layer.facing", "image.exclude", "electrode.active"):
        name, key = place.split(".")
        section = sections[name]
        if isinstance(section, dict) and isinstance(section.get(key), (str, list)):
            section[key] = numbers.of_value(section[key], place)


def _of_class(labels: Any, numbers: _Numbers) -> Any:
    """Names among the labels of a class as numbers."""
    if isinstance(labels, list):
        return [numbers.of(one, "phases.classes") if isinstance(one, str) else one for one in labels]
    return labels


def _without_errors(table: dict[str, Any], errors: dict[str, float], numbers: _Numbers) -> dict[str, Any]:
    """Values without their errors, which stand in ``errors`` as parts of the values: \"1e-3 ± 2e-4\" or \"30 ± 10%\"."""
    found = {}
    for name, value in table.items():
        found[name] = value
        law = isinstance(value, dict) and isinstance(value.get("value"), str)
        parts = re.fullmatch(_ERROR, text) if isinstance(text := value["value"] if law else value, str) else None
        try:
            number, error = (float(one) for one in parts.groups()[:2]) if parts else (0.0, 0.0)
        except ValueError:
            continue
        if parts is None:
            continue
        relative = error / 100 if parts[3] else error / number if number else 0.0
        if not 0 < relative < 1:
            raise InputError(f"{one_line(str(name))} = {one_line(text)}: an error must be above 0 and below the value")
        found[name] = {**value, "value": number} if law else number
        place = ":".join(numbers.of(part, "phases") for part in str(name).split(":"))
        sides = [part.strip() for part in place.split(":")]
        if len(sides) == 2 and sides != ["*", "*"]:  # as pairs are written: labels first, each rising
            sides = sorted((one for one in sides if one.isdigit()), key=int) + sorted(
                one for one in sides if not one.isdigit())
        errors[":".join(str(int(one)) if one.isdigit() else one for one in sides)] = relative
    return found


class _Numbers:
    """Numbers of labels by their names; names of classes stay as they are."""

    def __init__(self, names: dict[Any, Any], classes: dict[str, Any]):
        self.classes = {str(name) for name in classes}
        self._labels: dict[str, list[str]] = {}
        for label, name in names.items():
            self._labels.setdefault(str(name).strip(), []).append(str(label))

    def of(self, text: str, key: str) -> str:
        """The number of a name; numbers, and what is said wrong without any names, as they are."""
        text = text.strip()
        if re.fullmatch(r"-?\d+", text) or text == REST or text in self.classes or not self._labels:
            return text
        labels = self._labels.get(text, [])
        if len(labels) != 1:
            known = ", ".join(f"{one[0]} {name}" for name, one in self._labels.items())
            known += f"; classes are {', '.join(sorted(self.classes))}" if self.classes else ""
            raise InputError(f"{key}: {'no label is' if not labels else 'several labels are'} called {one_line(text)!r}; "
                             f"named are {known}")
        return labels[0]

    def of_keys(self, table: dict[Any, Any], key: str, pairs: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for text, value in table.items():
            parts = str(text).split(":") if pairs else [str(text)]
            number = ":".join(self.of(part, key) for part in parts)
            if number in found:
                raise InputError(f"{key}: {one_line(str(text))} stands there twice, by name and by number")
            found[number] = value
        return found

    def of_value(self, value: Any, key: str) -> Any:
        if isinstance(value, list):
            return [self.of_value(one, key) for one in value]
        if not isinstance(value, str):
            return value
        number = self.of(value, key)
        return int(number) if re.fullmatch(r"\d{1,9}", number) else value
