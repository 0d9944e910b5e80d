"""The arguments of `pfsolid.conductivity` and `pfsolid.rev` as the study of an image that they describe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config.classes import text_of_labels
from ..config.image import ImageStudyConfig
from ..config.naming import number_labels
from ..config.resistances import ANY_PAIR
from ..config.sigma_table import LabelTable, check_sigma_table, read_sigma_table
from ..config.text import validated
from ..errors import InputError
from .arguments import given, label_of, plain
from .image import Image

_NAME = "pfsolid.conductivity"


def study_of(image: Image, sigma: object, layer: object, resistance: object, exclude: object, reference: object,
             interface_normals: object, settings: dict[str, Any], of_image: dict[str, Any],
             rev: dict[str, Any] | None = None, function: str = _NAME, carriers: object = None,
             electrode: dict[str, Any] | None = None, classes: object = None, crystal_symmetry: object = None,
             table: object = None, impedance: dict[str, Any] | None = None) -> ImageStudyConfig:
    """The study that the arguments of a function describe.

    Parameters
    ----------
    image : Image
    sigma, layer, resistance, exclude, reference, interface_normals
        As of `pfsolid.conductivity`.
    settings, of_image, rev, electrode : dict
        Keys of the sections [conduction], [image] and, if there are such, [rev] and [electrode].
    function : str
        Whose arguments they are, for messages.
    carriers : dict, optional
        In place of ``sigma``, one for each carrier.
    classes, crystal_symmetry, table
        As of `pfsolid.conductivity`, whose ``table`` this is.

    Returns
    -------
    ImageStudyConfig

    Raises
    ------
    InputError
    """
    if not isinstance(settings["extrapolate"], bool):
        raise InputError(f"{function}: extrapolate = {settings['extrapolate']!r}: must be True or False")
    tabled, of_grains = (_tabled(one, function) for one in (sigma, table))
    if of_grains is None and table is not None:
        raise InputError(f"{function}: table = {table!r}: must be a table, or the name of a file, with the column label")
    values = _conductivities(sigma, function) if tabled is None else _of_table(tabled)
    tabled, of_grains = tabled or LabelTable(), of_grains or LabelTable()
    if both := [label for label in of_grains.sigma if label in map(str, values)]:
        raise InputError(f"{function}: sigma and table both give label {both[0]}: leave it out of one")
    values |= _of_table(of_grains)
    names = _merged(_merged(image.names, tabled.names, function), of_grains.names, function)
    known = _classes(classes, [tabled, of_grains], names, function)
    conductivities = {label if label in known else str(label_of(label, names, "sigma")): value
                      for label, value in values.items()}
    if len(conductivities) < len(values):
        raise InputError(f"{function}: sigma gives a label twice, by its number and by its name")
    phases: dict[str, Any] = {"sigma_S_per_cm": conductivities, "names": {str(label): name for label, name in names.items()}}
    phases |= given(classes=known or None, crystal_symmetry=crystal_symmetry,
                    euler_deg={str(label): angles for label, angles in (tabled.angles | of_grains.angles).items()} or None)
    if carriers is not None:
        phases = {"names": phases["names"], "carriers_S_per_cm": _carriers(carriers, names, function)}
    phases |= given(interface_normals=interface_normals, reference=label_of(plain(reference), names, "reference"))
    if resistance is not None:
        phases["interface_resistance_ohm_cm2"] = _pairs(resistance, names, known, function)
    of_image |= given(file=str(image._source), voxel_size_nm=image.voxel_nm, axes=image._layout.axes, crop=image.crop,
                      thresholds=image.thresholds, bin=image.bin)
    of_image["exclude"] = [label_of(one, names, "exclude") for one in listed(exclude)]
    raw = {"image": of_image, "phases": phases, "conduction": settings}
    raw |= given(rev=rev, electrode=electrode)
    if impedance is not None:
        raw["impedance"] = impedance | {
            "permittivity": {label if label in known else str(label_of(plain(label), names, "permittivity")): plain(value)
                             for label, value in impedance["permittivity"].items()},
            "boundary_capacitance_F_per_cm2": _pairs(impedance["boundary_capacitance_F_per_cm2"], names, known, function,
                                                     "boundary_capacitance")}
    if layer is not None:
        raw["layer"] = _layer(layer, names, function)
    number_labels(raw)
    study: ImageStudyConfig = validated(ImageStudyConfig, raw, function)
    return study


def _tabled(sigma: Any, function: str) -> LabelTable | None:
    """What a file or a table says; None of what is neither."""
    if isinstance(sigma, (str, Path)):
        return read_sigma_table(Path(sigma), f"{function}: sigma = {str(sigma)!r}")
    if hasattr(sigma, "columns"):  # of pandas, which is not loaded for it
        if getattr(sigma.index, "name", None) == "label":
            sigma = sigma.reset_index()
        columns = [str(name) for name in sigma.columns]
        rows = zip(*(map(_cell, plain(sigma[name].to_numpy())) for name in sigma.columns))
        return check_sigma_table(columns, map(list, rows), f"{function}: sigma")
    return None


def _of_table(table: LabelTable) -> dict[Any, Any]:
    """S/cm by label; a text with its error stays one."""
    return {label: float(value) if isinstance(value, str) and _is_number(value) else value
            for label, value in table.sigma.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _classes(classes: Any, tables: list[LabelTable], names: Mapping[int, str], function: str) -> dict[str, Any]:
    """Labels of classes as an input writes them."""
    found: dict[str, Any] = {}
    if classes is not None and not isinstance(classes, Mapping):
        raise InputError(f"{function}: classes = {classes!r}: must be labels by classes: {{'grain': range(1, 301), 'pore': "
                         "0}")
    for name, labels in (classes or {}).items():
        labels = list(labels) if isinstance(labels, range) else plain(labels)
        several = labels if isinstance(labels, list) else [labels]
        as_text = isinstance(labels, str) and re.fullmatch(r"[\d\s,-]+|\*", labels)
        found[str(name)] = labels if as_text else [label_of(one, names, f"classes[{name!r}]") for one in several]
    for table in tables:
        for name, labels in table.classes.items():
            if name in found:
                raise InputError(f"{function}: the class {name!r} is given twice: leave it out of one")
            found[name] = text_of_labels(labels)
    return found


def _conductivities(sigma: Any, function: str) -> dict[Any, Any]:
    """S/cm by number or name."""
    if not isinstance(sigma, Mapping) and hasattr(sigma, "index") and hasattr(sigma, "items"):
        sigma = dict(sigma.items())
    if not isinstance(sigma, Mapping):
        raise InputError(f"{function}: sigma = {sigma!r}: must be S/cm of each label, for example {{0: 0, 1: 1e-3}}, or the "
                         "name of a table")
    found: dict[Any, Any] = plain(sigma)
    return found


def _carriers(carriers: Any, names: Mapping[int, str], function: str) -> dict[str, Any]:
    """Conductivities by carrier and label, as an input writes them."""
    if not isinstance(carriers, Mapping) or not carriers or not all(isinstance(name, str) for name in carriers):
        raise InputError(f"{function}: carriers = {carriers!r}: must be such as {{'ion': {{1: 1e-3}}, 'electron': "
                         "{2: 5e-3}}")
    found = {}
    for name, sigma in carriers.items():
        table = _tabled(sigma, function)
        values = _conductivities(sigma, function) if table is None else _of_table(table)
        found[name] = {str(label_of(label, names, f"carriers[{name!r}]")): value for label, value in values.items()}
        if len(found[name]) < len(values):
            raise InputError(f"{function}: carriers[{name!r}] gives a label twice, by its number and by its name")
    return found


def _cell(value: object) -> str:
    """As a file has it: nothing for NaN, no point in whole numbers."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _merged(names: Mapping[int, str], tabled: Mapping[int, str], function: str) -> dict[int, str]:
    for label, name in tabled.items():
        if names.get(label, name) != name:
            raise InputError(f"{function}: sigma: label {label} is called {name!r} in the table and "
                             f"{names[label]!r} in names")
    return {**names, **tabled}


def listed(labels: object) -> Iterable[Any]:
    """One label or several."""
    labels = plain(labels)
    return labels if isinstance(labels, list) else [labels]


def _pairs(resistance: object, names: Mapping[int, str], classes: Mapping[str, Any], function: str,
           argument: str = "resistance") -> dict[str, Any]:
    """Resistances by pairs as an input writes them."""
    found: dict[str, Any] = {}
    if not isinstance(resistance, Mapping):
        resistance = {None: resistance}
    for pair, value in resistance.items():
        sides = tuple(pair.split(":")) if isinstance(pair, str) else pair
        if not (isinstance(sides, tuple) and len(sides) == 2):
            unit = "ohm cm^2" if argument == "resistance" else "F/cm^2"
            raise InputError(f"{function}: {argument} = {resistance.get(None, resistance)!r}: must be {unit} by pairs of "
                             f"labels or classes: {{(1, 2): 30, 'grain:grain': 5}}, and '{ANY_PAIR}' for all other pairs")
        sides = tuple(side.strip() if isinstance(side, str) else plain(side) for side in sides)
        key = ANY_PAIR if sides == ("*", "*") else ":".join(
            side if side in classes or isinstance(side, str) and side.isdigit() else
            str(label_of(side, names, argument)) for side in sides)
        if key in found:
            raise InputError(f"{function}: {argument} gives {key} twice")
        found[key] = plain(value)
    return found


def _layer(layer: object, names: Mapping[int, str], function: str) -> dict[str, Any]:
    """A layer's labels by number."""
    if not isinstance(layer, Mapping):
        raise InputError(f"{function}: layer = {layer!r}: must be such as dict(label=2, on=1, facing=(0,), width_nm=40)")
    found: dict[str, Any] = plain(layer)
    for key in {"label", "on"} & set(found):
        found[key] = label_of(found[key], names, f"layer[{key!r}]")
    if "facing" in found:
        found["facing"] = [label_of(one, names, "layer['facing']") for one in listed(found["facing"])]
    return found
