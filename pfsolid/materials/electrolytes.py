"""Electrolytes and the values known of them; none without its source.

The data stand in electrolytes.toml beside this module.  The loader refuses a value that lacks its unit, method, kind,
temperature or source, and a source without a DOI.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from ..errors import InputError
from ..text import one_line
from ..units import S_PER_M
from .arrhenius import ELEMENTARY_CHARGE, Branch, conductivity

DATA = Path(__file__).with_name("electrolytes.toml")

KINDS = ("bulk", "apparent grain boundary", "specific grain boundary", "surface", "total")
METHODS = ("measured", "DFT", "MD")
CARRIERS = ("ions", "electrons")
UNITS = {"conductivity": "S/cm", "activation energy": "eV", "surface energy": "eV/A^2", "surface depth": "nm",
         "interface resistance": "ohm cm^2"}

_REQUIRED = ("quantity", "value", "unit", "method", "source", "where")
_OPTIONAL = ("kind", "carrier", "at_K", "temperature", "activation_energy_eV", "from_K", "to_K", "quoted_from", "note")
_NEED_A_KIND = ("conductivity", "activation energy")
_DOI = re.compile(r"10\.\d{4,9}/\S+")


@dataclass(frozen=True)
class Source:
    """Where a number was read."""

    doi: str
    citation: str


@dataclass(frozen=True)
class Value:
    """One number and what it is.

    Attributes
    ----------
    quantity : str
        A key of `UNITS`.
    value : float
        In ``unit``.
    method : str
        One of `METHODS`.
    source : Source
    where : str
        Where in the source.
    kind : str or None
        One of `KINDS`, for conductivities and activation energies.
    carrier : str
        One of `CARRIERS`.
    at_K, activation_energy_eV : float or None
        Temperature of a conductivity, and its activation energy.
    from_K, to_K : float or None
        The range that the source states.
    temperature, quoted_from, note : str
        The temperature in the source's words, whom the source gives for the number, and what else to know.
    """

    quantity: str
    value: float
    unit: str
    method: str
    source: Source
    where: str
    kind: str | None = None
    carrier: str = "ions"
    at_K: float | None = None
    activation_energy_eV: float | None = None
    from_K: float | None = None
    to_K: float | None = None
    temperature: str = ""
    quoted_from: str = ""
    note: str = ""

    @property
    def range_K(self) -> tuple[float, float]:
        """Temperatures the source gives a conductivity for; without a stated range, its own."""
        return (self.at_K if self.from_K is None else self.from_K, self.at_K if self.to_K is None else self.to_K)

    @property
    def branch(self) -> Branch:
        """A conductivity as an Arrhenius branch (SI)."""
        energy = None if self.activation_energy_eV is None else ELEMENTARY_CHARGE * self.activation_energy_eV
        low, high = self.range_K
        return Branch(S_PER_M * self.value, self.at_K, energy, lowest=low, highest=high)

    @property
    def provenance(self) -> str:
        """Kind, method and source on one line."""
        what = " ".join(filter(None, (self.kind, self.quantity)))
        return f"{what}, {self.method}, doi:{self.source.doi}, {self.where}"


@dataclass(frozen=True, repr=False)
class Electrolyte:
    """A material and all values known of it, the preferred one of each kind first."""

    name: str
    about: str
    values: tuple[Value, ...]

    def find(self, quantity: str, kind: str | None = None, carrier: str = "ions") -> Value | None:
        """The first value of a quantity and kind, or None.

        Parameters
        ----------
        quantity : str
            Such as 'conductivity'.
        kind : str, optional
            Such as 'bulk'; by default any.
        carrier : str

        Returns
        -------
        Value or None
        """
        for value in self.values:
            if value.quantity == quantity and value.kind == kind and value.carrier == carrier:
                return value
        return None

    def matrix_conductivity(self) -> Value | None:
        """What the solid itself conducts: the bulk where that is known apart, else the total."""
        return self.find("conductivity", "bulk") or self.find("conductivity", "total")

    def sigma(self, kind: str, temperature: float | None, extrapolate: bool = False) -> float:
        """Ionic conductivity (S/m) of a kind at a temperature (K).

        Parameters
        ----------
        kind : str
            Such as 'bulk'.
        temperature : float
            K.
        extrapolate : bool
            Follow the law beyond the temperatures of its source.

        Returns
        -------
        float
            S/m.

        Raises
        ------
        InputError
            If it is not known, no temperature is given, or the source's range is left without asking.
        """
        value = self.find("conductivity", kind)
        if value is None:
            raise InputError(f"{self.name}: no {kind} conductivity is known; there is {self.kinds_text()}")
        try:
            return conductivity([value.branch], temperature, extrapolate)
        except InputError as error:
            raise InputError(f"{self.name}, {kind} conductivity: {error}") from None

    def sigma_S_per_cm(self, kind: str, temperature_K: float | None, extrapolate: bool = False) -> float:
        """`sigma` in S/cm.

        Parameters
        ----------
        kind : str
            Such as 'bulk'.
        temperature_K : float
            K.
        extrapolate : bool
            Follow the law beyond the temperatures of its source.

        Returns
        -------
        float
            S/cm.
        """
        return self.sigma(kind, temperature_K, extrapolate) / S_PER_M

    def __repr__(self) -> str:
        return f"{self.name}: {self.kinds_text()}"

    def _repr_html_(self) -> str:
        """A row for each value, with its source."""
        rows = [("", "value", "at", "method", "source")]
        for one in self.values:
            what = " ".join(filter(None, (one.kind, "electronic" if one.carrier == "electrons" else "", one.quantity)))
            at = f"{one.at_K:g} K" if one.at_K is not None else one.temperature
            rows.append((what, f"{one.value:g} {one.unit}", at, one.method, f"doi:{one.source.doi}, {one.where}"))
        lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<b>{escape(self.name)}</b>, {escape(self.about)}<table>{lines}</table>"

    def kinds_text(self) -> str:
        """What is known, in words."""
        return ", ".join(dict.fromkeys(" ".join(filter(None, (v.kind, v.quantity))) for v in self.values))


def electrolyte(name: str) -> Electrolyte:
    """The electrolyte of this name.

    Raises
    ------
    InputError
        If there is none; the nearest names are offered.

    Examples
    --------
    >>> from pfsolid import materials
    >>> materials.get("beta-Li3PS4").find("surface depth").value
    1.4
    """
    known = load_electrolytes()
    if name in known:
        return known[name]
    lower, wanted = {other.lower(): other for other in known}, str(name).lower()
    # A family's name first (NASICON, argyrodite, LGPS), then slips of the pen.
    near = [other for other, known_as in known.items() if wanted and wanted in f"{other} {known_as.about}".lower()]
    near = near or [lower[n] for n in difflib.get_close_matches(wanted, lower, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else "`pfsolid materials list` shows all"
    raise InputError(f"unknown material {one_line(str(name))!r}: {hint}")


@cache
def load_electrolytes(path: Path = DATA) -> dict[str, Electrolyte]:
    """All electrolytes of a data file by name.

    Raises
    ------
    InputError
        If a value is incomplete.
    """
    raw = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    sources = {name: _source(name, table) for name, table in raw.get("source", {}).items()}
    found = {}
    for table in raw.get("electrolyte", []):
        name = table["name"]
        if name in found:
            raise InputError(f"{name}: stands twice in {path}")
        values = tuple(_value(name, entry, sources) for entry in table.get("value", []))
        found[name] = Electrolyte(name, table["about"], values)
    return found


def _source(name: str, table: dict) -> Source:
    if not _DOI.fullmatch(table.get("doi", "")) or not table.get("citation"):
        raise InputError(f"source {name}: needs a DOI and a citation")
    return Source(table["doi"], table["citation"])


def _value(name: str, entry: dict, sources: dict[str, Source]) -> Value:
    where = f"{name}, {entry.get('quantity', 'a value')}"
    missing = [key for key in _REQUIRED if not entry.get(key)]
    unknown = set(entry) - set(_REQUIRED) - set(_OPTIONAL)
    if missing or unknown:
        raise InputError(f"{where}: {'lacks ' + ', '.join(missing) if missing else 'has unknown keys ' + str(unknown)}")
    if entry["source"] not in sources:
        raise InputError(f"{where}: source {entry['source']!r} is not among the sources")
    if UNITS.get(entry["quantity"]) != entry["unit"]:
        raise InputError(f"{where}: unit {entry['unit']!r}, must be one of {UNITS}")
    if entry["method"] not in METHODS or entry.get("carrier", "ions") not in CARRIERS:
        raise InputError(f"{where}: method must be one of {METHODS}, carrier one of {CARRIERS}")
    if entry["quantity"] in _NEED_A_KIND and (entry.get("kind") not in KINDS or not entry.get("temperature")):
        raise InputError(f"{where}: needs a temperature and a kind of {KINDS}")
    if entry["quantity"] == "conductivity" and "at_K" not in entry:
        raise InputError(f"{where}: needs at_K")
    return Value(**{**entry, "source": sources[entry["source"]]})
