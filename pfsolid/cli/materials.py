"""`pfsolid materials list | show NAME | surface | hopping`: what is known of electrolytes, what energies make of it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ..errors import InputError
from ..units import S_PER_M
from . import hopping
from .options import print_on_root

if TYPE_CHECKING:
    from ..materials.electrolytes import Electrolyte, Value

_SHORT = {"apparent grain boundary": "app. gb", "specific grain boundary": "spec. gb"}
_WIDTH = 110


def add_commands(command) -> None:
    """Hang `materials` into the command line; ``command(name, function, text)`` makes a parser."""
    text = "electrolytes that inputs can name, with their sources; conductivities from activation energies"
    sub = command("materials", None, text)
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    text = "one line for each value"
    listing = actions.add_parser("list", help=text, description=text)
    listing.set_defaults(command=_list)
    text = "all that is known of one, with sources; at a temperature, its conductivities there"
    show = actions.add_parser("show", help=text, description=text)
    show.add_argument("name", metavar="NAME")
    show.add_argument("--temperature-K", type=float, metavar="T", dest="temperature", help="temperature in K")
    show.add_argument("--extrapolate", action="store_true",
                      help="follow activation energies beyond the temperatures their sources give")
    show.set_defaults(command=_show)
    hopping.add_actions(actions)


def _list(_options) -> None:
    from ..materials.electrolytes import load_electrolytes  # after the arguments, like all that takes time to load

    rows = [("name", "what", "value", "at", "Ea (eV)", "method")]
    for name, data in load_electrolytes().items():
        rows += [(name if i == 0 else "", *_row(value)) for i, value in enumerate(data.values)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    print_on_root(lines + ["sources: pfsolid materials show NAME"])


def _row(value: Value) -> tuple[str, ...]:
    kind = _SHORT.get(value.kind, value.kind)
    what = " ".join(filter(None, (kind, "electronic" if value.carrier == "electrons" else None, value.quantity)))
    energy = "" if value.activation_energy_eV is None else f"{value.activation_energy_eV:g}"
    return what, f"{value.value:g} {value.unit}", _temperature(value), energy, value.method


def _temperature(value: Value) -> str:
    if value.at_K is not None:
        return f"{value.at_K:g} K"
    if value.from_K is not None:
        return f"from {value.from_K:g} K" if value.to_K is None else f"{value.from_K:g} to {value.to_K:g} K"
    return ""


def _show(options) -> None:
    from ..materials.arrhenius import checked_temperature
    from ..materials.electrolytes import electrolyte

    if options.temperature is not None:
        try:
            checked_temperature(options.temperature)
        except InputError as error:
            raise InputError(f"--temperature-K: {error}") from None
    data = electrolyte(options.name)
    lines = [f"{data.name}: {data.about}"]
    for value in data.values:
        lines += _described(value)
    if options.temperature is not None:
        lines += _at(data, options.temperature, options.extrapolate)
    print_on_root(lines)


def _described(value: Value) -> list[str]:
    what, number, temperature, energy, method = _row(value)
    head = f"  {value.kind + ' ' if value.kind in _SHORT else ''}{what.removeprefix(_SHORT.get(value.kind, '') + ' ')}"
    facts = [number, temperature and f"at {temperature}".replace("at from", "from"), energy and f"Ea {energy} eV", method]
    lines = [f"{head}: {', '.join(filter(None, facts))}"]
    told = {"temperature": value.temperature, "source": f"{value.source.citation}, doi:{value.source.doi}",
            "where": value.where, "from": value.quoted_from, "note": value.note}
    for name, text in told.items():
        if text:
            lines += textwrap.wrap(text, _WIDTH, initial_indent=f"      {name:<12}", subsequent_indent=" " * 18,
                                   break_on_hyphens=False)
    return lines


def _at(data: Electrolyte, temperature: float, extrapolate: bool) -> list[str]:
    """The ionic conductivities at a temperature; InputError where none is known there."""
    from ..materials.arrhenius import RANGE_MARGIN

    kinds = dict.fromkeys(v.kind for v in data.values if v.quantity == "conductivity" and v.carrier == "ions")
    if not kinds:
        raise InputError(f"{data.name}: no conductivity is known; there is {data.kinds_text()}")
    lines, refused = [f"at {temperature:g} K:"], []
    for kind in kinds:
        try:
            sigma = data.sigma(kind, temperature, extrapolate) / S_PER_M
        except InputError as error:
            refused.append(error)
            lines.append(f"  not {kind}: {str(error).partition(': ')[2]}")
            continue
        outside = data.find("conductivity", kind).branch.distance(temperature) > RANGE_MARGIN
        lines.append(f"  {kind} conductivity  {sigma:.4g} S/cm{'  (beyond the range of its source)' if outside else ''}")
    if len(refused) == len(kinds):
        raise refused[0]
    return lines
