"""What labels are and conduct as a table in a file, or in columns: label, S/cm or a class, name, angles of the crystal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..text import listed, one_line

_SCALAR = "sigma_S_per_cm"
_DIAGONAL = tuple(f"sigma_{axis}_S_per_cm" for axis in "xyz")
_TENSOR = tuple(f"sigma_{axes}_S_per_cm" for axes in ("xx", "yy", "zz", "yz", "xz", "xy"))
_ANGLES = ("phi1_deg", "Phi_deg", "phi2_deg")
# Of the table beside an image of grains: they say where grains are, not what they conduct.
_GEOMETRY = ("volume_nm3", "diameter_nm", "x_nm", "y_nm", "z_nm")
_NEEDED = ("a header label,sigma_S_per_cm and, if wanted, name; or in the place of sigma_S_per_cm sigma_x_S_per_cm, y, z; "
           "or sigma_xx_S_per_cm, yy, zz, yz, xz, xy; or class; and phi1_deg, Phi_deg, phi2_deg of crystals")
_NUMBER = r"-?\.?\d[\d.eE+-]*"


@dataclass
class LabelTable:
    """What a table says of labels.

    Attributes
    ----------
    sigma : dict of str to (str or list)
        S/cm by label or ``*``: text of a number, perhaps with its error, three numbers, or three rows.
    names : dict of int to str
    classes : dict of str to list of int
        Labels of each class.
    angles : dict of int to list of 3 float
        Degrees.
    """

    sigma: dict[str, str | list[Any]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    classes: dict[str, list[int]] = field(default_factory=dict)
    angles: dict[int, list[float]] = field(default_factory=dict)


def read_sigma_table(path: Path, source: str) -> LabelTable:
    """Label and what it conducts, its name, class and angles of each row of a CSV file; lines with # in front say nothing.

    Parameters
    ----------
    path : Path
    source : str
        What named it, for messages.

    Returns
    -------
    LabelTable

    Raises
    ------
    InputError
        No such file, other columns, or an entry that is no number; it names the row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    import csv  # for a table only: commands that compute nothing load little

    header, *rows = list(csv.reader(lines, skipinitialspace=True)) or [[]]
    return check_sigma_table(header, rows, source)


def check_sigma_table(header: Sequence[str], rows: Iterable[Sequence[str]], source: str) -> LabelTable:
    """Rows of text as `read_sigma_table` returns them.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : iterable of sequences of str
    source : str
        What named it, for messages.

    Returns
    -------
    LabelTable

    Raises
    ------
    InputError
        As there.
    """
    columns, rows = [column.strip() for column in header], list(rows)
    given = _conductivity_columns(columns)
    if given is None or not rows:
        raise InputError(f"{source}: must have {_NEEDED}, and rows below; it begins with "
                         f"{one_line(','.join(columns)) or 'nothing'}")
    found, seen = LabelTable(), set()
    for row in rows:
        cells = dict(zip(columns, [cell.strip() for cell in row] + [""] * len(columns)))
        wrong = _put_row(found, cells, given)
        if not wrong and len(row) > len(columns):
            wrong = "has more entries than the header has columns"
        if wrong:
            raise InputError(f"{source}: {one_line(','.join(row))}: {wrong}")
        label = cells["label"] if cells["label"] == "*" else str(int(cells["label"]))
        if label in seen:
            raise InputError(f"{source}: label {label} stands in the table twice")
        seen.add(label)
    return found


def _conductivity_columns(columns: list[str]) -> tuple[str, ...] | None:
    """The columns that hold conductivities, perhaps none beside a class or angles; None where columns are wrong."""
    known = {"label", "name", "class", *_ANGLES, *_GEOMETRY, _SCALAR, *_DIAGONAL, *_TENSOR}
    if len(set(columns)) < len(columns) or not set(columns) <= known or "label" not in columns:
        return None
    if 0 < len(set(_ANGLES) & set(columns)) < 3:
        return None
    sets = [one for one in ((_SCALAR,), _DIAGONAL, _TENSOR) if set(one) & set(columns)]
    if len(sets) > 1 or sets and not set(sets[0]) <= set(columns):
        return None
    return sets[0] if sets else () if {"class", *_ANGLES} & set(columns) else None


def _put_row(found: LabelTable, cells: Mapping[str, str], given: tuple[str, ...]) -> str:
    """Take in a row; what is wrong with it, or nothing."""
    from .naming import CLASS_NAME  # for a table only: commands that compute nothing load little

    text, kind, name = cells["label"], cells.get("class", ""), cells.get("name", "")
    if not re.fullmatch(r"\d{1,9}|\*", text):
        return "a label (or *) and S/cm are needed"
    if text == "*" and (name or kind or any(cells.get(one) for one in _ANGLES)):
        return "* is all other labels, which have no name, class or angles together"
    label = text if text == "*" else str(int(text))
    values = [cells[column] for column in given]
    if not any(values) and (kind or not given):
        pass  # as its class, or only turned
    elif given == (_SCALAR,):
        if not re.fullmatch(rf"{_NUMBER}(\s*(±|\+-|\+/-)\s*{_NUMBER}\s*%?)?", values[0]) or values[0].startswith("-"):
            return "a label (or *) and S/cm are needed"
        found.sigma[label] = values[0]
    else:
        numbers = _numbers(values)
        if numbers is None:
            return f"numbers are needed in {', '.join(given)}"
        xx, yy, zz, *off = numbers
        yz, xz, xy = off or (0.0, 0.0, 0.0)
        found.sigma[label] = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]] if any((yz, xz, xy)) else [xx, yy, zz]
    if kind:
        if not re.fullmatch(CLASS_NAME, kind):
            return "a class is a word of letters and digits"
        found.classes.setdefault(kind, []).append(int(label))
    if name:
        found.names[int(label)] = name
    angles = [cells.get(column, "") for column in _ANGLES]
    if any(angles):
        turn = _numbers(angles)
        if turn is None:
            return f"numbers are needed in {', '.join(_ANGLES)}"
        if not (abs(turn[0]) <= 360 and 0 <= turn[1] <= 180 and abs(turn[2]) <= 360):
            return f"angles out of range: {listed(_ANGLES)} are degrees, Phi from 0 to 180, the others from -360 to 360"
        found.angles[int(label)] = turn
    return ""


def _numbers(texts: list[str]) -> list[float] | None:
    """Finite numbers, or None."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None
