"""Conductivities of labels as a table in a file, or in columns: label, S/cm and, if wanted, name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import InputError
from ..text import one_line

COLUMNS = ("label", "sigma_S_per_cm", "name")
_NEEDED = "a header label,sigma_S_per_cm and, if wanted, name"


def read_sigma_table(path: Path, source: str) -> list[tuple[str, str, str]]:
    """Label, S/cm and name of each row of a CSV file; lines that begin with # say nothing.

    Parameters
    ----------
    path : Path
    source : str
        What named it, for messages.

    Returns
    -------
    list of (str, str, str)
        The label is a number or ``*``, all others; the name may be empty.

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


def check_sigma_table(header: Sequence[str], rows: Iterable[Sequence[str]], source: str) -> list[tuple[str, str, str]]:
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
    list of (str, str, str)

    Raises
    ------
    InputError
        As there.
    """
    columns, rows = [column.strip() for column in header], list(rows)
    if tuple(columns) not in (COLUMNS, COLUMNS[:2]) or not rows:
        raise InputError(f"{source}: must have {_NEEDED}, and rows below; it begins with "
                         f"{one_line(','.join(columns)) or 'nothing'}")
    found = []
    for row in rows:
        cells = [cell.strip() for cell in row] + [""] * (3 - len(row))
        if not (len(row) in (2, len(columns)) and re.fullmatch(r"\d{1,9}|\*", cells[0])
                and re.fullmatch(r"\.?\d[\d.eE+-]*", cells[1])) or (cells[0] == "*" and cells[2]):
            raise InputError(f"{source}: {one_line(','.join(row))}: a label (or *) and S/cm are needed")
        found.append((cells[0], cells[1], cells[2]))
    return found
