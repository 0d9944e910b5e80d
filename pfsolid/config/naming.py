"""Labels by name in the raw values of a study of an image: wherever a label stands, its number takes the name's place."""

from __future__ import annotations

import re

from ..errors import InputError
from ..text import one_line

REST = "*"  # in a table: all labels that are not given


def number_labels(raw: dict) -> None:
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
    numbers = _Numbers(names if isinstance(names, dict) else {})
    sigma = phases.get("sigma_S_per_cm")
    if isinstance(sigma, dict):
        phases["sigma_S_per_cm"] = sigma = numbers.of_keys(sigma, "phases.sigma_S_per_cm")
        if REST in sigma:
            phases["sigma_of_others_S_per_cm"] = sigma.pop(REST)
    carriers = phases.get("carriers_S_per_cm")
    if isinstance(carriers, dict):
        phases["carriers_S_per_cm"] = {
            name: numbers.of_keys(table, f"carrier {name}") if isinstance(table, dict) else table
            for name, table in carriers.items()}
    resistances = phases.get("interface_resistance_ohm_cm2")
    if isinstance(resistances, dict):
        key = "phases.interface_resistance_ohm_cm2"
        phases["interface_resistance_ohm_cm2"] = numbers.of_keys(resistances, key, pairs=True)
    sections = {"phases": phases, "layer": layer, "image": image, "electrode": raw.get("electrode")}
    for place in ("phases.reference", "layer.on", "layer.label", "layer.facing", "image.exclude", "electrode.active"):
        name, key = place.split(".")
        section = sections[name]
        if isinstance(section, dict) and isinstance(section.get(key), (str, list)):
            section[key] = numbers.of_value(section[key], place)


class _Numbers:
    """Numbers of labels by their names."""

    def __init__(self, names: dict):
        self._labels: dict[str, list[str]] = {}
        for label, name in names.items():
            self._labels.setdefault(str(name).strip(), []).append(str(label))

    def of(self, text: str, key: str) -> str:
        """The number of a name; numbers, and what is said wrong without any names, as they are."""
        text = text.strip()
        if re.fullmatch(r"-?\d+", text) or text == REST or not self._labels:
            return text
        labels = self._labels.get(text, [])
        if len(labels) != 1:
            known = ", ".join(f"{one[0]} {name}" for name, one in self._labels.items())
            raise InputError(f"{key}: {'no label is' if not labels else 'several labels are'} called {one_line(text)!r}; "
                             f"named are {known}")
        return labels[0]

    def of_keys(self, table: dict, key: str, pairs: bool = False) -> dict:
        found: dict = {}
        for text, value in table.items():
            parts = str(text).split(":") if pairs else [str(text)]
            number = ":".join(self.of(part, key) for part in parts)
            if number in found:
                raise InputError(f"{key}: {one_line(str(text))} stands there twice, by name and by number")
            found[number] = value
        return found

    def of_value(self, value, key: str):
        if isinstance(value, list):
            return [self.of_value(one, key) for one in value]
        if not isinstance(value, str):
            return value
        number = self.of(value, key)
        return int(number) if re.fullmatch(r"\d{1,9}", number) else value
