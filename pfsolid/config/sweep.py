"""The input of a sweep: a base input, axes over any of its keys, replicas.

    base = "../quickstart.toml"         # beside this file; or the sections of an input as [base.grid], [base.material] ...
    replicas = 5                        # samples of each point: seeds seed, seed + 1, ... of the base
    keep = ["phase"]                    # fields to keep of each case

    [[axis]]
    key = "microstructure.porosity"
    linspace = [0.25, 0.75, 11]

Axes are crossed; those with the same ``zip`` go together, value by value.  A base with [image], [tubules] or [grains] is a
study of an image; ``image.file`` and ``image.crop`` are keys like others.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from ..errors import InputError
from ..text import one_line
from .image import ImageStudyConfig
from .made import MADE
from .material import expand_material, material_overrides
from .run import RunConfig, is_of_older_version
from .text import Section, apply_overrides, key, nearest_keys, parse_toml, read_text, section_models, shown, validated

KEEPABLE = ("rho", "phase", "history", "currents")
MAX_CASES = 1_000_000
MAX_POINTS = 100_000
SEED = "microstructure.seed"
# Of a number on an axis: an id must not hang on the last bit of some machine's logarithm.
_DIGITS = 10

_FromList = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Values = Annotated[tuple[Any, ...] | None, _FromList]


class SweepSection(Section):
    """The keys of a sweep that stand outside its tables."""

    name: str | None = key(
        "name of the sweep, and of its folder; the file's if not given", None,
                    allowed="letters, digits, spaces, _ . + -, beginning with a letter or digit: it names a folder")
    replicas: int = key("samples of each point, with successive seeds", 1, ge=1, le=100_000)
    keep: Annotated[tuple[str, ...], _FromList] = key(
        "what each case leaves besides its result; currents stand in it: where the current goes takes iterations of its own",
                    (), allowed=f"a list of {', '.join(KEEPABLE)}")

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name):
        if name is not None and not is_folder_name(name):
            raise ValueError(cls.model_fields["name"].json_schema_extra["allowed"])
        return name


def is_folder_name(text: str) -> bool:
    """Whether a text can only name a folder right where it is made: not one elsewhere, nor a hidden one."""
    return re.fullmatch(r"[^\W_][\w .+-]{0,99}", text) is not None


class AxisSection(Section):
    """One [[axis]]."""

    values: Values = key("the values themselves", None, allowed="a list of one value or more")
    linspace: Values = key("first, last and number of values", None, allowed="[first, last, number]")
    logspace: Values = key("first, last and number, evenly spaced in the logarithm", None, allowed="[first, last, number]")
    zip: str | None = key("axes of the same zip go together", None)
    # Last, for it hides the function.
    key: str = key("the key of the input that varies", allowed='a text such as "microstructure.porosity"')


@dataclass(frozen=True)
class Axis:
    """Values of one key."""

    key: str
    values: tuple[Any, ...]
    zip: str | None


@dataclass(frozen=True)
class SweepConfig:
    """A sweep as its file describes it.

    Attributes
    ----------
    base : dict
        Sections of the base input as read, not validated.
    """

    name: str
    base: dict[str, Any]
    axes: tuple[Axis, ...]
    replicas: int
    keep: tuple[str, ...]


def read_sweep(path, overrides=()) -> SweepConfig:
    """Read a sweep's file and its base.

    Parameters
    ----------
    overrides : sequence of str
        ``section.key=value``, applied to the base input.

    Raises
    ------
    InputError
        A line for each mistake.
    """
    path = Path(path)
    return sweep_from_dict(parse_toml(read_text(path), str(path)), str(path), path.parent, path.stem, overrides)


def sweep_from_dict(raw: dict[str, Any], source: str, folder: Path, name: str, overrides=()) -> SweepConfig:
    """A sweep of the keys of such a file.

    Parameters
    ----------
    raw : dict
    source : str
        Where they are from, for messages.
    folder : Path
        Where the name of a base input is looked for.
    name : str
        Of the sweep, where it says none.
    overrides : sequence of str
        As for `read_sweep`.

    Raises
    ------
    InputError
        A line for each mistake.
    """
    raw = dict(raw)
    axes, base = raw.pop("axis", []), raw.pop("base", None)
    if not (isinstance(axes, list) and axes and all(isinstance(axis, dict) for axis in axes)):
        raise InputError(f"{source}: a sweep needs at least one [[axis]] with a key and its values")
    errors, made, found = [], [], []
    head = _collect(errors, validated, SweepSection, raw, source)
    base = _collect(found, _base, base, source, folder, overrides)
    schema = ImageStudyConfig if base is not None and is_of_images(base) else RunConfig
    schemas = (schema,) if base is not None else (RunConfig, ImageStudyConfig)  # a base that is wrong does not say which
    for number, axis in enumerate(axes, 1):
        made.append(_collect(errors, _axis, axis, f"{source}: axis {number}", schemas))
    if head:
        errors += [f"{source}: keep = {shown(name)}: must be {' or '.join(KEEPABLE)}" for name in head.keep
                   if name not in KEEPABLE]
        if schema is ImageStudyConfig:
            errors += [f"{source}: {name} = {shown(getattr(head, name))}: is for runs; images are taken as they are"
                       for name, none in (("replicas", 1), ("keep", ())) if getattr(head, name) != none]
    errors += found
    if not errors:
        errors = _disagreements(made, head.replicas, source)
    if errors:
        raise InputError("\n".join(errors))
    return SweepConfig(name if head.name is None else head.name, base, tuple(made), head.replicas, head.keep)


def is_of_images(base: dict[str, Any]) -> bool:
    """Whether a base input is a study of an image."""
    return any(name in base for name in ("image", *MADE))


def _collect(errors: list[str], function, *arguments):
    """The function's value; its InputError's lines go to ``errors``."""
    try:
        return function(*arguments)
    except InputError as error:
        errors += problem_lines(error)
        return None


def problem_lines(error: InputError) -> list[str]:
    """The lines of an error without the first that counts them."""
    lines = str(error).splitlines()
    return lines[1:] if len(lines) > 1 and lines[0].endswith(" problems") else lines


def _base(base, sweep: str, folder: Path, overrides) -> dict:
    if isinstance(base, str):
        source = folder / base
        text = read_text(source)
        base = parse_toml(text, str(source))
        start = base.get("microstructure")
        if is_of_older_version(text) and isinstance(start, dict) and "initial_field" in start:
            raise InputError(f"{source}: was written by an older version, which took arrays for x, y, z: add to its "
                             'microstructure initial_field_axes = "xyz", or "zyx" where that is what the file holds')
    elif not isinstance(base, dict):
        raise InputError(f'{sweep}: base must be given: the name of an input file beside this one, or its sections as '
                         "[base.grid], [base.material] ...")
    expand_material(base)  # so that an axis can go into the section of a material that was given by name alone
    apply_overrides(base, material_overrides(overrides))
    return base


def _axis(raw: dict[str, Any], source: str, schemas: tuple[Any, ...]) -> Axis:
    section = validated(AxisSection, raw, source)
    source = f"{source}, {one_line(section.key)}"
    _check_key(section.key, source, schemas)
    given = [name for name in ("values", "linspace", "logspace") if getattr(section, name) is not None]
    if len(given) != 1:
        raise InputError(f"{source}: exactly one of values, linspace and logspace must be given, "
                         f"{'both are' if len(given) == 2 else 'all are' if given else 'none is'}")
    values = getattr(section, given[0])
    if given[0] != "values":
        values = _spaced(given[0], values, source)
    if not values:
        raise InputError(f"{source}: values = []: must be a list of one value or more")
    return Axis(section.key, values, section.zip)


def _check_key(name: str, source: str, schemas: tuple[Any, ...]) -> None:
    place = tuple(name.split(".", 1))
    for sections in map(section_models, schemas):
        if len(place) == 2 and place[0] in sections and place[1] in sections[place[0]].model_fields:
            return
    near = nearest_keys(place, schemas[0])
    example = "image.crop" if schemas[0] is ImageStudyConfig else "microstructure.porosity"
    hint = f"did you mean {' or '.join(near)}?" if near else f'keys are written as "{example}"'
    raise InputError(f"{source}: unknown key: {hint}")


def _spaced(kind: str, values: tuple, source: str) -> tuple:
    """Evenly spaced values, whole numbers where the ends and all values are."""
    def is_number(value):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)

    wrong = f"{source}: {kind} = {shown(values)}: must be [first, last, number]"
    if len(values) != 3 or not all(map(is_number, values)) or not isinstance(values[2], int):
        raise InputError(wrong)
    first, last, count = values
    if not 1 <= count <= MAX_POINTS:
        raise InputError(f"{wrong}, with a number from 1 to {MAX_POINTS}")
    if kind == "logspace" and not (first > 0 and last > 0):
        raise InputError(f"{wrong}, with both ends above 0")
    points = []
    for i in range(count):
        t = i / (count - 1) if count > 1 else 0.0
        point = first * (last / first) ** t if kind == "logspace" else first + (last - first) * t
        points.append(float(f"{point:.{_DIGITS}g}"))
    if isinstance(first, int) and isinstance(last, int) and all(p.is_integer() for p in points):
        points = [int(p) for p in points]
    return tuple(points)


def _disagreements(axes: list[Axis], replicas: int, source: str) -> list[str]:
    """What is wrong with the axes together."""
    errors = []
    keys = [axis.key for axis in axes]
    errors += [f"{source}: {name} is on {keys.count(name)} axes" for name in dict.fromkeys(keys) if keys.count(name) > 1]
    for group in groups_of(axes):
        lengths = {axis.key: len(axis.values) for axis in group}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} has {count}" for name, count in lengths.items())
            errors.append(f'{source}: the axes of zip = {shown(group[0].zip)} must have the same number of values: {counts}')
    if SEED in keys and replicas > 1:
        errors.append(f"{source}: replicas = {replicas} with an axis over {SEED}: give one of them")
    if not errors and math.prod(len(group[0].values) for group in groups_of(axes)) * replicas > MAX_CASES:
        errors.append(f"{source}: more than {MAX_CASES} cases")
    return errors


def groups_of(axes) -> list[list[Axis]]:
    """Axes that go together, in the order of the file."""
    groups: dict = {}
    for number, axis in enumerate(axes):
        groups.setdefault(number if axis.zip is None else axis.zip, []).append(axis)
    return list(groups.values())
