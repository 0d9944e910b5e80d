"""The text side of the input: TOML in, and one clear line for each mistake; `resolved` writes it.

Nothing here knows what the keys mean.  A schema is a pydantic model whose fields are plain keys or sections,
and whose keys are declared with :func:`key`.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from ..errors import InputError
from ..regular import refuse_special
from ..text import one_line

MAX_FILE_BYTES = 1 << 20
MAX_NAME = 100  # letters of a key
MAX_PARTS = 100  # of a dotted key
MAX_DEPTH = 20  # of lists and tables in each other; the deepest key there is has 4
MAX_INTEGER = 10**300  # a double holds it; keys have limits of their own
_NAME_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# A TOML parser's time grows with the square of the parts of a key, to minutes for what fits into a file.
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_NAME_PART}(?:[ \t]*+\.[ \t]*+{_NAME_PART}){{{MAX_PARTS}}}")
OVERRIDE_SOURCE = "--set"
NAMES_OF_FILES = "image.file", "microstructure.initial_field"  # keys
KINDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text in quotes"}


def key(meaning: str, default: Any = ..., *, allowed: str | None = None, **limits: Any) -> Any:
    """Declare one key of a section.

    Parameters
    ----------
    meaning : str
        What it is, with its unit: the comment in the resolved text and the explanation in an error.
    default : optional
        Without it the key is required; None makes it optional.
    allowed : str, optional
        What a value must be, where that does not follow from the type and the limits.
    **limits
        ``gt``, ``ge``, ``lt``, ``le`` as pydantic has them.
    """
    extra = {"allowed": allowed, "limits": limits}
    return Field(default, description=meaning, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """Exact types (true is not 1, "1" is not 1), finite numbers, known keys, no changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def encodable(text: str) -> str:
    """The text itself, if it can be written; else a ValueError says what is needed."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("UTF-8 text") from None
    return text


# --- reading ---


def read_text(path: Any) -> str:
    """The text of an input file; InputError says why there is none."""
    path = Path(path)
    try:
        if not path.is_relative_to("/dev/fd") and str(path) != "/dev/stdin":  # what a shell passes as <(command)
            refuse_special(path)
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory; name the input file itself") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"{path}: more than {MAX_FILE_BYTES} bytes long; an input file is a short TOML text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a UTF-8 text; an input file is a short TOML text") from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text; InputError gives the line and column of a mistake."""
    try:
        return _checked_toml(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is a bare ValueError
        problem, _, place = str(error).partition(" (at ")
        where = f"at {place.rstrip(')')}" if place else "here"
        raise InputError(f"{source}: not valid TOML {where}: {problem[:1].lower()}{problem[1:]}") from None


def _checked_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text that hold no number beyond those of floating point, nor what is nested beyond sense.

    Raises
    ------
    _Excess
        Beyond the limits, which everything behind relies on.
    ValueError, RecursionError
        Not TOML.
    """
    if _LONG_KEY.search(text):
        raise _Excess(f"a key of more than {MAX_PARTS} parts")
    tables = tomllib.loads(text)
    level = [tables]
    for _ in range(MAX_DEPTH):
        inner = []
        for value in level:
            inner += value.values() if isinstance(value, dict) else value
        if any(isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER for value in inner):
            raise _Excess("a whole number of more than 300 digits")
        level = [value for value in inner if isinstance(value, (dict, list))]
        if not level:
            return tables
    raise _Excess(f"lists and tables nested deeper than {MAX_DEPTH}")


class _Excess(ValueError):
    """Valid in form, but beyond what an input may hold."""


class Override(str):
    """``section.key=value`` with the option of the command that it stands for, which messages name."""

    option: str = OVERRIDE_SOURCE

    def __new__(cls, text: str, option: str):
        made = super().__new__(cls, text)
        made.option = option
        return made


def apply_overrides(raw: dict[str, Any], overrides: Any) -> dict[tuple[str, ...], str]:
    """Put ``section.key=value`` strings into ``raw``; return where, with the option of the command each comes from.

    A value is read as TOML; what is not TOML is taken as a text, so quotes can be left out.
    """
    places = {}
    for override in overrides:
        option = getattr(override, "option", OVERRIDE_SOURCE)
        name, equals, value = (part.strip() for part in override.partition("="))
        place = tuple(name.split(".", 1))
        if not (equals and value and all(place) and len(name) <= MAX_NAME and name.isprintable()):
            raise InputError(f"{OVERRIDE_SOURCE} {one_line(override)}: must be section.key=value, "
                             "for example microstructure.porosity=0.4")
        if len(place) == 1:
            raw[name] = _override_value(name, value, option)
            places[place] = option
            continue
        section, inner = place
        if section not in raw:
            raw[section] = {}
            places[section,] = option
        elif places.get((section,), option) != option:
            places[section,] = "command line"  # what is wrong with a section may come of any of them
        if isinstance(raw[section], dict):
            raw[section][inner] = _override_value(name, value, option)
            places[place] = option
    return places


def _override_value(name: str, text: str, option: str) -> Any:
    try:
        parsed = _checked_toml(f"value = {text}")
    except _Excess as error:
        raise InputError(f"{option} {name}={one_line(text)}: holds {error}") from None
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _check_text(raw: Any, source: str, places: dict[Any, Any], place: str = "") -> None:
    """Raise InputError for a text that is not UTF-8, such as the name of a file: no input and no result could hold it."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            _check_text(str(name), source, places, f"a key of {place or 'the input'}")
            _check_text(value, source, places, f"{place}.{name}" if place else str(name))
    elif isinstance(raw, (list, tuple)):
        for value in raw:
            _check_text(value, source, places, place)
    elif isinstance(raw, str) and any("\ud800" <= letter <= "\udfff" for letter in raw):
        advice = "rename the file, or give it a link" if place in NAMES_OF_FILES else "a text must be UTF-8"
        raise InputError(f"{places.get(tuple(place.split('.', 1)), source)}: {place}: {ascii(raw)} is not UTF-8; {advice}")


def validated(schema: type[BaseModel], raw: dict[str, Any], source: str, places: dict[Any, Any] | None = None) -> Any:
    """``schema`` filled from ``raw``; InputError names every key that is wrong, one line each.

    Parameters
    ----------
    source : str
        Stands before each message: the file's name.
    places : dict, optional
        From `apply_overrides`; these mistakes are the command line's, not the file's.
    """
    _check_text(raw, source, places or {})
    try:
        return schema.model_validate(raw)
    except ValidationError as error:
        found = _describe(error.errors(include_url=False), raw, schema)
    lines = [f"{(places or {}).get(place, source)}: {message}" for place, message in found.items()]
    if len(lines) > 1:
        lines.insert(0, f"{source}: {len(lines)} problems")
    raise InputError("\n".join(lines)) from None


def problems_of(schema: type[BaseModel], raw: dict[str, Any]) -> list[str]:
    """What is wrong with a table that stands for a value, a message for each key; nothing where all is well."""
    try:
        schema.model_validate(raw)
    except ValidationError as error:
        return list(_describe(error.errors(include_url=False), raw, schema).values())
    return []


# --- explaining mistakes ---


def section_models(schema: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The sections of a schema by name."""
    found = {}
    for name, field in schema.model_fields.items():
        for kind in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found[name] = kind
    return found


def _describe(errors: list[dict], raw: dict, schema: type[BaseModel]) -> dict[tuple, str]:
    """One message for each wrong key, by its place; unknown keys first."""
    sections = section_models(schema)
    found, meant = {}, set()
    for error in errors:
        if error["type"] == "extra_forbidden":
            place = _place(error, sections)
            found[place], suggestions = _unknown(place, raw, schema, sections)
            meant.update(suggestions)
    for error in errors:
        place = _place(error, sections)
        # A misspelt key is one mistake, not an unknown key and a missing one.
        if place not in found and not (_is_missing(error) and ".".join(place) in meant):
            found[place] = _message(error, place, raw, schema, sections)
    return found


def _place(error: dict, sections: dict) -> tuple:
    """The key that is wrong, without what pydantic adds for a value inside it."""
    return error["loc"][:2 if error["loc"][:1] and error["loc"][0] in sections else 1]


def _dotted(place: tuple) -> str:
    """The name of a key on one line, as it is written in TOML where that is not too long."""
    return one_line(".".join(_toml_key(part) for part in place))


def _is_missing(error: dict) -> bool:
    return error["type"] == "missing" and len(error["loc"]) <= 2  # deeper: one of three numbers


def _message(error: dict, place: tuple, raw: dict, schema: type[BaseModel], sections: dict) -> str:
    is_section = len(place) == 1 and place[0] in sections
    if error["type"] == "value_error" and (is_section or not place):
        return str(error["ctx"]["error"])
    name = _dotted(place)
    if is_section:
        if not _is_missing(error):
            return f"{name} = {shown(raw[name])}: must be a section, [{name}]"
        required = [k for k, field in sections[name].model_fields.items() if field.is_required()]
        return f"missing section [{name}]" + (f": it must give {', '.join(required)}" if required else "")
    field = (sections[place[0]] if len(place) == 2 else schema).model_fields[place[-1]]
    if _is_missing(error):
        return f"missing key {name}: must be {allowed_values(field)} ({field.description})"
    value = raw[place[0]][place[1]] if len(place) == 2 else raw[place[0]]
    return f"{name} = {shown(value)}: must be {_requirement(error, field)} ({field.description})"


def _requirement(error: dict, field: FieldInfo) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    extra = field.json_schema_extra
    if error["type"] == "finite_number" and not extra["allowed"]:
        return "a finite number"
    if error["type"].startswith(("greater", "less")) and not extra["allowed"]:
        return range_text(**extra["limits"])
    return allowed_values(field)


def allowed_values(field: FieldInfo) -> str:
    """What a key accepts, in words."""
    extra = field.json_schema_extra
    if extra["allowed"]:
        return extra["allowed"]
    kinds = [k for k in (field.annotation, *typing.get_args(field.annotation)) if k in KINDS]
    if not kinds:
        return " or ".join(toml_value(choice) for choice in typing.get_args(field.annotation))
    return f"{KINDS[kinds[0]]} {range_text(**extra['limits'])}".rstrip()


def range_text(gt: Any = None, ge: Any = None, lt: Any = None, le: Any = None) -> str:
    """Limits in words: 'between' leaves the ends out, 'from ... to' takes them in."""
    if gt is not None and lt is not None:
        return f"between {gt} and {lt}"
    if ge is not None and le is not None:
        return f"from {ge} to {le}"
    words = {"above": gt, "at least": ge, "below": lt, "at most": le}
    return " and ".join(f"{word} {limit}" for word, limit in words.items() if limit is not None)


def _unknown(place: tuple, raw: dict, schema: type[BaseModel], sections: dict) -> tuple[str, list[str]]:
    """The message for an unknown key or section, and the keys that may have been meant."""
    if len(place) == 1 and isinstance(raw[place[0]], dict):
        near = difflib.get_close_matches(place[0][:MAX_NAME].lower(), sections, n=1)
        hint = f"did you mean [{near[0]}]?" if near else f"there are {', '.join(f'[{s}]' for s in sections)}"
        return f"unknown section [{_dotted(place)}]: {hint}", near
    near = nearest_keys(place, schema)
    if near:
        return f"unknown key {_dotted(place)}: did you mean {' or '.join(near)}?", near
    if len(place) == 2:
        keys = ", ".join(sections[place[0]].model_fields)
        return f"unknown key {_dotted(place)}: [{place[0]}] has {keys}", []
    return f"unknown key {_dotted(place)}: keys stand in the sections {', '.join(f'[{s}]' for s in sections)}", []


def nearest_keys(place: tuple, schema: type[BaseModel]) -> list[str]:
    """Full names of the known keys nearest to an unknown one; of its own section first, then of all."""
    sections = section_models(schema)
    everywhere = [(name,) for name in schema.model_fields if name not in sections]
    everywhere += [(name, k) for name, model in sections.items() for k in model.model_fields]
    here = [known for known in everywhere if known[:-1] == place[:-1]]
    wanted = place[-1][:MAX_NAME].lower()  # the time of a comparison grows with the product of the lengths

    def closest(keys):
        names = {known[-1].lower(): known for known in keys}
        return [names[n] for n in difflib.get_close_matches(wanted, names, n=1)]

    near = ([known for known in everywhere if known[-1].lower() == wanted]
            or _beginning_with(wanted, here) or closest(here)
            or _beginning_with(wanted, everywhere) or closest(everywhere))
    return [".".join(known) for known in near]


def _beginning_with(wanted: str, keys: list[tuple]) -> list[tuple]:
    """A name without its unit (two at most: a quantity may be given in two units)."""
    return [known for known in keys if len(wanted) > 2 and known[-1].lower().startswith(wanted)][:2]


# --- writing ---


def toml_value(value: Any) -> str:
    """A number, text, bool, table or sequence of them as TOML that reads back equal, on one line.

    One table stands without brackets for a list of one.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml_key(name)} = {toml_value(v)}" for name, v in value.items()) + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but TOML also wants DEL escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], BaseModel):
        return toml_value(value[0])
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return repr(value)


def _toml_key(name: Any) -> str:
    return str(name) if re.fullmatch(r"[A-Za-z0-9_-]+", str(name)) else toml_value(str(name))


def shown(value: Any) -> str:
    """A wrong value for an error message: as in the file, on one line, not too long."""
    return one_line(toml_value(value))
