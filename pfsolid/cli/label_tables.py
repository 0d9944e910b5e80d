"""What is given by labels on the command line, as the TOML it stands for: conductivities, names, resistances."""

from __future__ import annotations

import re
from typing import Any

from ..config.sigma_table import LabelTable
from ..errors import InputError
from ..text import one_line


def names_of(text: str | None) -> dict[int | str, str]:
    """Names of labels from `--names`; that of all others by "*".

    Raises
    ------
    InputError
    """
    names: dict[int | str, str] = {}
    for entry in text.split(",") if text else ():
        label, equals, name = (part.strip() for part in entry.partition("="))
        if not (equals and name and re.fullmatch(r"-?\d{1,18}|\*", label)):
            raise InputError(f"--names {one_line(text)}: must be LABEL=NAME with commas between, for example 0=pore,1=LPS")
        place = label if label == "*" else int(label)
        if place in names or name in names.values():
            raise InputError(f"--names {one_line(text)}: {one_line(entry.strip())} gives a label or a name twice")
        names[place] = name
    return names


def entries_of(text: str, option: str) -> list[tuple[str, str]]:
    """``0=0,1=[1,2,3]`` as pairs; commas in brackets separate nothing.

    Parameters
    ----------
    text : str
    option : str
        For messages.

    Returns
    -------
    list of (str, str)

    Raises
    ------
    InputError
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    pairs = [part.partition("=") for part in parts]
    if not all(name.strip() and equals and value.strip() for name, equals, value in pairs):
        raise InputError(f"{option} {one_line(text)}: must be LABEL=VALUE with commas between, for example 0=0,1=1e-3")
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def table_of(entries: list[tuple[str, str]], option: str) -> str:
    """Pairs as an inline table.

    Parameters
    ----------
    entries : list of (str, str)
    option : str
        For messages.

    Returns
    -------
    str

    Raises
    ------
    InputError
        A name stands there twice.
    """
    seen: set[str] = set()
    for name, _ in entries:
        if name in seen:
            raise InputError(f"{option}: {one_line(name)} stands there twice")
        seen.add(name)
    # TOML wants a digit before the point.
    values = [re.sub(r"(?<![\w.])\.(?=\d)", "0.", _with_error(value)) for _, value in entries]
    return "{ " + ", ".join(f"{quoted(name)} = {value}" for name, value in zip((name for name, _ in entries), values)) + " }"


def _with_error(value: str) -> str:
    """1e-3 ± 1e-4 as text, which is what it is in TOML."""
    return quoted(value) if re.fullmatch(r"[\d.eE+-]+\s*(±|\+-|\+/-)\s*[\d.eE+-]+\s*%?", value) else value


def carriers_table(texts: list[str]) -> str:
    """What `--carrier` says, each time of one, as an inline table of tables."""
    found: dict[str, str] = {}
    for text in texts:
        name, colon, table = text.partition(":")
        name = name.strip()
        if not (colon and re.fullmatch(r"[A-Za-z]\w{0,31}", name)):
            raise InputError(f"--carrier {one_line(text)}: must be NAME:LABEL=S,... for example ion:1=1e-3,2=1e-6")
        if name in found:
            raise InputError(f"--carrier: {name} stands there twice")
        found[name] = table_of(entries_of(table, "--carrier"), "--carrier")
    return "{ " + ", ".join(f"{name} = {table}" for name, table in found.items()) + " }"


def names_table(names: dict[int | str, str]) -> str:
    """Names as an inline table."""
    return "{ " + ", ".join(f"{quoted(str(label))} = {quoted(name)}" for label, name in names.items()) + " }"


def label_text(text: str) -> str:
    """A label as TOML has it: a number, or the name of one."""
    return text.strip() if re.fullmatch(r"\s*\d+\s*", text) else quoted(text.strip())


def quoted(text: object) -> str:
    """As a text in TOML, or a list of numbers."""
    from ..config.text import toml_value  # after the arguments: it takes a while to load

    return toml_value(text)


def classes_of(texts: list[str] | None) -> dict[str, str]:
    """Labels of classes from `--class`, each time of one.

    Raises
    ------
    InputError
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, labels = (part.strip() for part in text.partition("="))
        if not (equals and name and labels):
            raise InputError(f"--class {one_line(text)}: must be NAME=LABELS, for example grain=1-300, pore=0,7 or "
                             "grain=*")
        if name in found:
            raise InputError(f"--class: {one_line(name)} stands there twice")
        found[name] = labels
    return found


def conductivities(text: str | None, table: LabelTable | None, path: object,
                   names_text: str | None) -> tuple[list[tuple[str, str]], dict[int | str, str]]:
    """Conductivities by label and names, from `--sigma`, `--sigma-table` and `--names` together.

    Parameters
    ----------
    text : str or None
        Of `--sigma`.
    table : LabelTable or None
    path : object
        Of the table.
    names_text : str or None
        Of `--names`.

    Returns
    -------
    list of (str, str)
        Label and S/cm as TOML has it.
    dict
        Names by label.

    Raises
    ------
    InputError
        A label is given twice.
    """
    given = entries_of(text, "--sigma") if text is not None else []
    names = names_of(names_text)
    table = table or LabelTable()
    for number, name in table.names.items():
        if names.setdefault(number, name) != name:
            raise InputError(f"--sigma-table {path}: label {number} is called {one_line(name)} there and "
                             f"{one_line(names[number])} by --names")
    called = {name: str(label) for label, name in names.items()}
    for entry, value in given:
        label = _plain(called.get(entry, entry))
        if label in table.sigma:
            raise InputError(f"--sigma {one_line(entry)}={one_line(value)} and --sigma-table {path} both give label "
                             f"{label}: leave it out of one")
    values = [(label, _written(sigma)) for label, sigma in table.sigma.items()]
    return [*given, *values], names


def _written(sigma: str | list[Any]) -> str:
    """As TOML."""
    if isinstance(sigma, list):
        return quoted(sigma)
    return sigma if re.fullmatch(r"[\d.eE+-]+", sigma) else quoted(sigma)


def _plain(label: str) -> str:
    """01 as 1."""
    return str(int(label)) if label.isdecimal() else label
