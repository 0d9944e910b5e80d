"""Classes of labels, such as the grains and the pores of a ceramic: which labels, what they conduct, how they are turned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..arrays import Floats, Integers
from ..polycrystals.texture import rotations
from .naming import CLASS_NAME, REST, as_label, put_once
from .text import shown

CLASSES = ("a table of classes, words of letters and digits, each with its labels: numbers, ranges or \"*\" for all others, "
           "for example { pore = 0, grain = \"1-300\" }")
EULER = "three angles in degrees for each label: phi1 and phi2 from -360 to 360, Phi from 0 to 180"
_ROUNDING = 1e-12  # of a tensor that a turn by a right angle leaves diagonal


def as_classes(value: Any) -> dict[str, str]:
    """Labels of each class as text, '0,3-7' or '*'; ValueError says what is wrong.

    Parameters
    ----------
    value : object
        A table of an input: numbers, lists of them, or text.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
    """
    if not isinstance(value, dict):
        raise ValueError(CLASSES)
    found: dict[str, str] = {}
    for name, labels in value.items():
        if not re.fullmatch(CLASS_NAME, str(name)):
            raise ValueError(f"{CLASSES}; {shown(name)}")
        text = ",".join(map(str, labels)) if isinstance(labels, (list, tuple)) else str(labels)
        try:
            found[name] = REST if text.strip() == REST else text_of(ranges_of(text))
        except ValueError as error:
            raise ValueError(f"{CLASSES}; {name} = {shown(labels)}: {error}") from None
    rest = [name for name, text in found.items() if text == REST]
    if len(rest) > 1:
        raise ValueError(f"{CLASSES}; {rest[0]} and {rest[1]} are both all others")
    _check_apart(found)
    return found


def ranges_of(text: str) -> list[tuple[int, int]]:
    """'0,3-7' as [(0, 0), (3, 7)], rising.

    Raises
    ------
    ValueError
        It is no such text.
    """
    found = []
    for part in text.split(","):
        first, dash, last = (one.strip() for one in part.partition("-"))
        low = as_label(first)
        high = as_label(last) if dash else low
        if high < low:
            raise ValueError(f"{part.strip()!r} is no range: it ends before it begins")
        found.append((low, high))
    return sorted(found)


def text_of(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges as text, those that touch joined.

    Raises
    ------
    ValueError
        A label stands in two.
    """
    joined: list[list[int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1]:
            raise ValueError(f"label {first} stands there twice")
        if joined and first == joined[-1][1] + 1:
            joined[-1][1] = last
        else:
            joined.append([first, last])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in joined)


def text_of_labels(labels: Iterable[int]) -> str:
    """Single labels as such a text."""
    return text_of((label, label) for label in sorted(labels))


def _check_apart(classes: Mapping[str, str]) -> None:
    every = sorted((*one, name) for name, text in classes.items() if text != REST for one in ranges_of(text))
    for (_, last, name), (first, _, other) in zip(every, every[1:]):
        if first <= last:
            raise ValueError(f"{CLASSES}; label {first} is in {name} and in {other}")


def class_numbers(classes: Mapping[str, str], labels: Integers) -> Integers:
    """Class of each label: 0 for none, else its place among the classes, from 1.

    Parameters
    ----------
    classes : mapping
        Of `as_classes`.
    labels : ndarray of int

    Returns
    -------
    ndarray of int
    """
    rest = [number for number, text in enumerate(classes.values(), 1) if text == REST]
    found: Integers = np.full(len(labels), rest[0] if rest else 0, np.int64)
    every = sorted((first, last, number) for number, text in enumerate(classes.values(), 1) if text != REST
                   for first, last in ranges_of(text))
    if every:
        first, last, number = np.array(every).T
        place = np.searchsorted(first, labels, "right") - 1
        inside = (place >= 0) & (labels <= last[place])
        found[inside] = number[place[inside]]
    return found


def as_euler(value: Any) -> dict[int, tuple[float, float, float]]:
    """Bunge's angles by label; ValueError says what is wrong.

    Parameters
    ----------
    value : object
        A table of an input.

    Returns
    -------
    dict of int to (float, float, float)

    Raises
    ------
    ValueError
    """
    if not isinstance(value, dict):
        raise ValueError(EULER)
    found: dict[int, tuple[float, float, float]] = {}
    for name, angles in value.items():
        label = as_label(name)
        numbers = isinstance(angles, (list, tuple)) and len(angles) == 3 and all(
            isinstance(one, (int, float)) and not isinstance(one, bool) for one in angles)
        if not (numbers and abs(angles[0]) <= 360 and 0 <= angles[1] <= 180 and abs(angles[2]) <= 360):
            raise ValueError(f"{EULER}; label {label} = {shown(angles)}")
        phi1, phi, phi2 = map(float, angles)
        put_once(found, label, (phi1, phi, phi2), f"label {label}")
    return found


def turned(crystal: Any, angles: Floats) -> list[Any]:
    """A crystal's conductivity in the sample's axes, for each orientation.

    Parameters
    ----------
    crystal : tuple
        Three numbers along the crystal's axes, or the rows of a tensor.
    angles : ndarray (n, 3)
        Degrees.

    Returns
    -------
    list of tuple
        Three numbers where the result is diagonal, else rows.
    """
    tensor = np.asarray(crystal, float)
    tensor = np.diag(tensor) if tensor.ndim == 1 else tensor
    turn = rotations(angles)
    found = turn @ tensor @ turn.transpose(0, 2, 1)
    found = 0.5 * (found + found.transpose(0, 2, 1))
    off = np.abs(found[:, ~np.eye(3, dtype=bool)]).max(axis=1) > _ROUNDING * np.abs(tensor).max()
    return [tuple(map(tuple, one.tolist())) if full else tuple(np.diag(one).tolist()) for one, full in zip(found, off)]
