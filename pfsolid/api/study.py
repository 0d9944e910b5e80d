"""The arguments of `pfsolid.conductivity` and `pfsolid.rev` as the study of an image that they describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config.image import ANY_PAIR, ImageStudyConfig
from ..config.naming import number_labels
from ..config.sigma_table import check_sigma_table, read_sigma_table
from ..config.text import validated
from ..errors import InputError
from .arguments import given, label_of, plain
from .image import Image

_NAME = "pfsolid.conductivity"


def study_of(image: Image, sigma: object, layer: object, resistance: object, exclude: object, reference: object,
             interface_normals: object, settings: dict[str, Any], of_image: dict[str, Any],
             rev: dict[str, Any] | None = None, function: str = _NAME, carriers: object = None,
             electrode: dict[str, Any] | None = None) -> ImageStudyConfig:
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

    Returns
    -------
    ImageStudyConfig

    Raises
    ------
    InputError
    """
    if not isinstance(settings["extrapolate"], bool):
        raise InputError(f"{function}: extrapolate = {settings['extrapolate']!r}: must be True or False")
    values, tabled = _conductivities(sigma, function)
    names = _merged(image.names, tabled, function)
    conductivities = {str(label_of(label, names, "sigma")): value for label, value in values.items()}
    if len(conductivities) < len(values):
        raise InputError(f"{function}: sigma gives a label twice, by its number and by its name")
    phases: dict[str, Any] = {"sigma_S_per_cm": conductivities, "names": {str(label): name for label, name in names.items()}}
    if carriers is not None:
        phases = {"names": phases["names"], "carriers_S_per_cm": _carriers(carriers, names, function)}
    phases |= given(interface_normals=interface_normals, reference=label_of(plain(reference), names, "reference"))
    if resistance is not None:
        phases["interface_resistance_ohm_cm2"] = _pairs(resistance, names, function)
    of_image |= given(file=str(image._source), voxel_size_nm=image.voxel_nm, axes=image._layout.axes, crop=image.crop,
                      thresholds=image.thresholds, bin=image.bin)
    of_image["exclude"] = [label_of(one, names, "exclude") for one in listed(exclude)]
    raw = {"image": of_image, "phases": phases, "conduction": settings}
    raw |= given(rev=rev, electrode=electrode)
    if layer is not None:
        raw["layer"] = _layer(layer, names, function)
    number_labels(raw)
    study: ImageStudyConfig = validated(ImageStudyConfig, raw, function)
    return study


def _conductivities(sigma: Any, function: str) -> tuple[dict[Any, Any], dict[int, str]]:
    """S/cm by number or name, and the names of a table."""
    if isinstance(sigma, (str, Path)):
        return _of_rows(read_sigma_table(Path(sigma), f"{function}: sigma = {str(sigma)!r}"), function)
    if hasattr(sigma, "columns"):  # of pandas, which is not loaded for it
        columns = [str(name) for name in sigma.columns]
        rows = zip(*(map(_cell, plain(sigma[name].to_numpy())) for name in sigma.columns))
        return _of_rows(check_sigma_table(columns, map(list, rows), f"{function}: sigma"), function)
    if not isinstance(sigma, Mapping) and hasattr(sigma, "index") and hasattr(sigma, "items"):
        sigma = dict(sigma.items())
    if not isinstance(sigma, Mapping):
        raise InputError(f"{function}: sigma = {sigma!r}: must be S/cm of each label, for example {{0: 0, 1: 1e-3}}, or the "
                         "name of a table")
    return plain(sigma), {}


def _carriers(carriers: Any, names: Mapping[int, str], function: str) -> dict[str, Any]:
    """Conductivities by carrier and label, as an input writes them."""
    if not isinstance(carriers, Mapping) or not carriers or not all(isinstance(name, str) for name in carriers):
        raise InputError(f"{function}: carriers = {carriers!r}: must be such as {{'ion': {{1: 1e-3}}, 'electron': "
                         "{2: 5e-3}}")
    found = {}
    for name, sigma in carriers.items():
        values, _ = _conductivities(sigma, function)
        found[name] = {str(label_of(label, names, f"carriers[{name!r}]")): value for label, value in values.items()}
        if len(found[name]) < len(values):
            raise InputError(f"{function}: carriers[{name!r}] gives a label twice, by its number and by its name")
    return found


def _of_rows(rows: list[tuple[str, str, str]], function: str) -> tuple[dict[Any, Any], dict[int, str]]:
    values: dict[Any, Any] = {}
    for label, text, _ in rows:
        if label in values:
            raise InputError(f"{function}: sigma: label {label} stands in the table twice")
        values[label] = _number(text, function)
    return values, {int(label): name for label, _, name in rows if name}


def _number(text: str, function: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{function}: sigma: {text!r} in the table is no number") from None


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


def _pairs(resistance: object, names: Mapping[int, str], function: str) -> dict[str, Any]:
    """Resistances by pairs as an input writes them."""
    if not isinstance(resistance, Mapping) or not all(
            pair == ANY_PAIR or isinstance(pair, tuple) and len(pair) == 2 for pair in resistance):
        raise InputError(f"{function}: resistance = {resistance!r}: must be ohm cm^2 by pairs of labels: {{(1, 2): 30}}, "
                         f"and '{ANY_PAIR}' for all other pairs")
    return {ANY_PAIR if pair in (ANY_PAIR, ("*", "*")) else
            ":".join(str(label_of(plain(one), names, "resistance")) for one in pair): plain(value)
            for pair, value in resistance.items()}


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
