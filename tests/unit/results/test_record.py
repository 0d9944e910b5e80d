"""Frozen classes as tables of JSON."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pfsolid.errors import InputError
from pfsolid.results.record import Array, PerAxis, Record, key


@dataclass(frozen=True, eq=False, kw_only=True)
class Part(Record):
    count: int = key("how many")


@dataclass(frozen=True, eq=False, kw_only=True)
class More(Record):
    energy: float = key("its first key tells whether there is one")
    error: float | None = key("may be null")


@dataclass(frozen=True, eq=False, kw_only=True)
class Whole(Record):
    value: float = key("a number")
    flag: bool = key("true or false", older=True)
    name: str = key("axes", name="class", pattern="x?y?z?", older="xyz")
    array: Array = key("numbers", shape=(2,), older=None)
    triple: PerAxis = key("by axis", older=None)
    either: float | Array = key("a number or an array", older=0.0)
    parts: dict[str, Part] = key("by name", older=None)
    list_of: tuple[Part, ...] | None = key("some", absent="where there are none")
    more: More | None = key("beside the others", inline=True, absent="sometimes")
    anything: Any = key("whatever", older=None)


FULL = {"value": 1, "flag": False, "class": "xz", "array": [1.0, None], "triple": [1, None, 2.5], "either": [[1, 2]],
        "parts": {"a": {"count": 3}}, "list_of": [{"count": 1}, {"count": 2}], "energy": 0.5, "error": None,
        "anything": {"b": [1]}}


def test_there_and_back():
    whole = Whole.from_dict(json.loads(json.dumps(FULL)) | {"unknown": 1})
    assert whole.to_dict() == FULL and whole == Whole.from_dict(whole.to_dict())
    assert np.isnan(whole.array[1]) and whole.parts["a"].count == 3 and whole.more.energy == 0.5
    assert [type(number) for number in whole.to_dict()["either"][0]] == [int, int]  # counts stay whole numbers


def test_what_is_absent_is_not_written_and_what_is_unknown_is_null():
    whole = Whole(value=np.float64(np.nan))
    written = whole.to_dict()
    assert written["value"] is None and written["array"] is None
    assert not {"list_of", "energy", "error"} & set(written)
    assert Whole.from_dict({"value": 2.0}).more is None


@pytest.mark.parametrize("change, says", [
    ({"value": "x"}, "value is str, not a number"), ({"value": True}, "value is bool"), ({"value": None}, "value is None"),
    ({"flag": 1}, "flag is int"), ({"class": "zx"}, "class = 'zx' must be"), ({"array": [1]}, "array is no array of 2"),
    ({"array": ["1", "2"]}, "array is no array"), ({"array": [[1], [2, 3]]}, "array is no array"),
    ({"array": 5}, "array is no"), ({"array": [True, False]}, "array is no array"),
    ({"triple": [1, 2]}, "triple is no list of 3"), ({"triple": [1, "2", 3]}, "triple[1] is str"),
    ({"parts": []}, "parts is no table"), ({"parts": {"a": {}}}, "parts.a has no count"),
    ({"parts": {"a": {"count": 1.5}}}, "parts.a.count is float, not a whole number"),
    ({"list_of": [5]}, "list_of[0] is no table"), ({"energy": "x"}, "energy is str"), ({"either": "x"}, "either is str")])
def test_what_does_not_fit_is_named(change, says):
    with pytest.raises(InputError) as caught:
        Whole.from_dict(FULL | change)
    assert says in str(caught.value)


@pytest.mark.parametrize("data", [[], 5, None, "x"])
def test_no_table(data):
    with pytest.raises(InputError, match="it is no table of keys and values"):
        Whole.from_dict(data)
    with pytest.raises(InputError, match="it has no value"):
        Whole.from_dict({})
