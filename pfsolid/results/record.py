"""Frozen dataclasses that are tables of JSON: each field a key with its meaning, its unit and when it is absent."""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..json_values import finite
from ..text import one_line

Array = npt.NDArray[Any]
PerAxis = tuple[float | None, float | None, float | None]  # along x, y, z

_KEY = "key"
_WORDS: dict[type, str] = {int: "whole number", float: "number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Key:
    """What is said of a key of JSON.

    Attributes
    ----------
    meaning, unit : str
    absent : str
        When there is no such key, its field then being None; empty if there always is one.
    name : str
        Of the key where it is not the field's, which are names of Python's.
    inline : bool
        The keys of the field's record stand beside the others, not in a table of their own.
    shape : tuple of int
        Of an array, where it is known.
    pattern : str
        Regular expression of a text, where not every text will do.
    """

    meaning: str
    unit: str = ""
    absent: str = ""
    name: str = ""
    inline: bool = False
    shape: tuple[int, ...] = ()
    pattern: str = ""


def key(meaning: str, unit: str = "", *, absent: str = "", name: str = "", inline: bool = False,
        shape: tuple[int, ...] = (), pattern: str = "", older: Any = dataclasses.MISSING) -> Any:
    """A field of a `Record`.

    Parameters
    ----------
    meaning, unit, absent, name, inline, shape, pattern
        See `Key`.
    older
        What stands for it in files of versions that did not write it.

    Returns
    -------
    dataclasses.Field
    """
    default = None if absent else older
    return dataclasses.field(default=default, metadata={_KEY: Key(meaning, unit, absent, name, inline, shape, pattern)})


class Record:
    """Base of frozen dataclasses that are tables of JSON.

    A field that may be absent is None then and not written; any other None, NaN or infinity is written as null.  Two are
    equal if they are written alike.

    Attributes
    ----------
    newest : int or None
        Of a whole file: the highest ``schema_version`` that is read.
    """

    newest: ClassVar[int | None] = None

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, lists, tables and texts of Python's own, null where there is no number."""
        found: dict[str, Any] = {}
        for name, said in keys_of(type(self)):
            value = getattr(self, name)
            if value is None and said.absent:
                continue
            if said.inline:
                found |= value.to_dict()
            else:
                found[said.name or name] = _written(value)
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], place: str = "") -> Self:
        """What `to_dict` has made a table of; keys that are not known do not matter.

        Parameters
        ----------
        data : mapping
        place : str
            Where it stands, for the message.

        Returns
        -------
        Record
            Of this class.

        Raises
        ------
        InputError
            A key is missing or its value is not of its kind, or the file is of a newer version.
        """
        if not isinstance(data, Mapping):
            raise InputError(f"{place or 'it'} is no table of keys and values")
        version = data.get("schema_version")
        if cls.newest is not None and isinstance(version, int) and version > cls.newest:
            raise InputError(f"schema_version {version} is of a newer pfsolid; this one reads up to {cls.newest}")
        values = {}
        for name, said, read, optional in _readers(cls):  # type: ignore[arg-type]
            if said.inline:
                values[name] = read(data, place)
                continue
            written = said.name or name
            where = f"{place}.{written}".lstrip(".")
            if written in data:
                values[name] = read(data[written], where)
            elif not optional:
                raise InputError(f"{place or 'it'} has no {written}")
        return cls(**values)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


def keys_of(record: type[Record]) -> Iterator[tuple[str, Key]]:
    """Names of the fields of a class, and what is said of each."""
    for one in dataclasses.fields(record):  # type: ignore[arg-type]
        yield one.name, one.metadata[_KEY]


@functools.cache
def _readers(record: type[Record]) -> list[tuple[str, Key, Callable[[Any, str], Any], bool]]:
    """Of each field its name, its key, what reads it, and whether it may be missing."""
    hints, readers = typing.get_type_hints(record), []
    for one in dataclasses.fields(record):  # type: ignore[arg-type]
        said: Key = one.metadata[_KEY]
        read = (_inline_reader if said.inline else _reader)(hints[one.name], said)
        readers.append((one.name, said, read, one.default is not dataclasses.MISSING))
    return readers


def _written(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, dict):
        return {str(name): _written(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(one) for one in value]
    return finite(value)


def _reader(hint: Any, said: Key) -> Callable[[Any, str], Any]:
    """``read(value, place)`` for a value of that kind."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union_reader([one for one in arguments if one is not types.NoneType], said)
    if origin is dict:
        return functools.partial(_read_table, _reader(arguments[1], said))
    if origin is tuple:
        length = None if arguments[-1] is ... else len(arguments)
        return functools.partial(_read_list, _reader(arguments[0], said), length)
    if hint is Any:
        return lambda value, place: value
    if origin is np.ndarray:
        return functools.partial(_read_array, said.shape)
    if hint in _WORDS:
        return functools.partial(_read_scalar, hint, said.pattern)
    record: type[Record] = hint
    return record.from_dict


def _inline_reader(hint: Any, said: Key) -> Callable[[Any, str], Any]:
    """Of keys beside others: there is no such record where the first of them is missing or null."""
    record = next(one for one in (*typing.get_args(hint), hint) if one is not types.NoneType)
    first = next(said.name or name for name, said in keys_of(record))

    def read(data: Any, place: str) -> Any:
        return None if said.absent and data.get(first) is None else record.from_dict(data, place)

    return read


def _union_reader(kinds: list[Any], said: Key) -> Callable[[Any, str], Any]:
    """Of None or a value; a number or an array where it may be either."""
    readers = {typing.get_origin(kind) is np.ndarray: _reader(kind, said) for kind in kinds}

    def read(value: Any, place: str) -> Any:
        if value is None:
            return None
        one = readers.get(isinstance(value, list)) or next(iter(readers.values()))
        return one(value, place)

    return read


def _read_scalar(kind: type, pattern: str, value: Any, place: str) -> Any:
    # true and false are whole numbers to Python, and JSON has but one kind of number
    if isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) == (kind is bool):
        if pattern and not re.fullmatch(pattern, str(value)):
            raise InputError(f"{place} = {one_line(str(value))!r} must be {pattern}")
        return value
    raise InputError(f"{place} is {type(value).__name__}, not a {_WORDS[kind]}")


def _read_list(read: Callable[[Any, str], Any], length: int | None, value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or length not in (None, len(value)):
        raise InputError(f"{place} is no list" + ("" if length is None else f" of {length}"))
    return tuple(read(one, f"{place}[{index}]") for index, one in enumerate(value))


def _read_table(read: Callable[[Any, str], Any], value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{place} is no table of keys and values")
    return {name: read(one, f"{place}.{name}") for name, one in value.items()}


def _read_array(shape: tuple[int, ...], value: Any, place: str) -> Array:
    """Numbers, NaN for null."""
    try:
        array = np.array(value)
        if array.dtype.kind == "O" or not array.size:
            array = np.array(value, float)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{place} is no array of numbers") from None
    if array.dtype.kind not in "iuf" or not array.ndim or (shape and array.shape != shape):
        raise InputError(f"{place} is no array of {' x '.join(map(str, shape)) + ' ' if shape else ''}numbers")
    return array
