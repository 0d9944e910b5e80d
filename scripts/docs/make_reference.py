"""Writes docs/reference/inputs.md, and others from the schemas, the parser and the classes themselves.

    python scripts/docs/make_reference.py

tests/unit/test_docs.py holds that the pages are what this writes.
"""

import argparse
import inspect
import types
import typing

import numpy as np
from common import ROOT

from pfsolid.cli.main import _build_parser
from pfsolid.config.image import ImageStudyConfig
from pfsolid.config.run import RunConfig
from pfsolid.config.sweep import AxisSection, SweepSection
from pfsolid.config.text import allowed_values, section_models, toml_value
from pfsolid.results.measured import MORPHOLOGY_SCHEMA_VERSION, MeasuredGrains, MeasuredLabels, MeasuredTwo
from pfsolid.results.record import Key, Record, keys_of
from pfsolid.results.run import SCHEMA_VERSION, Result

PAGES = ROOT / "docs" / "reference"
WRITTEN_BY = "<!-- written by scripts/docs/make_reference.py -->\n\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def key_table(section) -> str:
    rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in section.model_fields.items():
        if field.is_required():
            default = "required"
        else:
            default = "not set" if field.default is None else f"`{toml_value(field.default)}`"
        rows.append(f"| `{name}` | {default} | {cell(allowed_values(field))} | {cell(field.description)} |")
    return "\n".join(rows) + "\n"


def schema_part(title: str, text: str, schema) -> str:
    sections = section_models(schema)
    parts = [f"## {title}\n\n{text}\n"]
    for name, section in sections.items():
        needed = "" if schema.model_fields[name].is_required() else ", may be left out"
        parts.append(f"### {title}: `[{name}]`{needed}\n\n{key_table(section)}")
    return "\n".join(parts)


def inputs_page() -> str:
    return WRITTEN_BY + "\n".join([
        "# Input keys\n\nInputs are TOML. Every key carries its unit in its name; an unknown key is an error that names "
        "the nearest one.\nAny key can be set from the command line with `--set section.key=value`. The `input.toml` in a\n"
        "result lists all of them as they were taken.\n",
        schema_part("Run", "`pfsolid run INPUT.toml`, `pf.grow(options={…})`. Outside the sections there may be `title`\n"
                    "and `material`, the name of an [electrolyte](../materials.md).", RunConfig),
        schema_part("Image study", "`pfsolid conduct STUDY.toml`; the options of `pfsolid conduct IMAGE` are these keys.",
                    ImageStudyConfig),
        "## Sweep\n\n`pfsolid sweep plan SWEEP.toml`. `base` is an input of a run or a study of an image: a file beside "
        "this one,\nor its sections as `[base.grid]`, `[base.material]` …\n\n" + key_table(SweepSection),
        "### Sweep: `[[axis]]`\n\n" + key_table(AxisSection)])


def parsers_of(parser: argparse.ArgumentParser):
    """The commands below a parser, in their order; those that only hold commands give theirs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                inner = list(parsers_of(sub))
                yield from inner or [sub]


def option_row(action: argparse.Action) -> str:
    """One argument; not by argparse's own formatter, which differs from Python to Python."""
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        value = ""
    else:
        value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    return f"| `{cell(f'{names} {value}'.strip())}` | {cell(action.help or '')} |"


def command_part(parser: argparse.ArgumentParser) -> str:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)
               and action.help != argparse.SUPPRESS]
    rows = [option_row(action) for action in sorted(actions, key=lambda action: bool(action.option_strings))]
    parts = [f"## {parser.prog}", (parser.description or "").strip()]
    if rows:
        parts.append("\n".join(["| argument | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def commands_page() -> str:
    return WRITTEN_BY + "\n".join([
        "# Commands\n\nAll of them run bare and as `mpirun -n N pfsolid …`. [Exit status](exit_status.md): 0, 1, 2 or "
        "85.\n\n"
        "Without `-o` what is computed from an input goes to `runs/<its name>`, into the current folder, and what is "
        "computed from a run or a file\nstays in the run's directory or beside the file. `emt`, `emt fit`, `materials` and "
        "`info` write no file unless told to.\n",
        *map(command_part, parsers_of(_build_parser()))])


SCALARS = {int: "whole number", float: "number", str: "text", bool: "true or false", typing.Any: "anything"}


def is_record(hint) -> bool:
    return isinstance(hint, type) and issubclass(hint, Record)


def without_null(hint) -> list:
    """The kinds of a value that is not null."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [one for one in typing.get_args(hint) if one is not types.NoneType]
    return [hint]


def kind_of(hint, said: Key) -> str:
    """What stands under a key, in words; the tables of records by links."""
    kinds = []
    for one in without_null(hint):
        origin, arguments = typing.get_origin(one), typing.get_args(one)
        if is_record(one):
            kinds.append(f"[{one.__name__}](#{one.__name__.lower()})")
        elif origin is np.ndarray:
            kinds.append(f"{' x '.join(map(str, said.shape))} numbers" if said.shape else "list of numbers")
        elif origin is dict:
            kinds.append(f"table by name of {kind_of(arguments[1], said)}")
        elif origin is tuple:
            count = "" if arguments[-1] is ... else f" of {len(arguments)}"
            kinds.append(f"list{count}: {kind_of(arguments[0], said)}")
        else:
            kinds.append(SCALARS[one])
    return " or ".join(kinds)


def records_in(hint) -> list[type[Record]]:
    """The classes that are named by a type."""
    return [hint] if is_record(hint) else [one for part in typing.get_args(hint) for one in records_in(part)]


def record_rows(record: type[Record], absent: str = "") -> tuple[list[str], list[type[Record]]]:
    """Rows of a class' keys, and the classes they lead to."""
    rows, inner, hints = [], [], typing.get_type_hints(record)
    for name, said in keys_of(record):
        if said.inline:
            more, further = record_rows(records_in(hints[name])[0], said.absent)
            rows += more
            inner += further
            continue
        inner += records_in(hints[name])
        cells = (f"`{said.name or name}`", kind_of(hints[name], said), said.unit, said.meaning, said.absent or absent)
        rows.append(f"| {' | '.join(cell(text).replace('<', '&lt;') for text in cells)} |")
    return rows, inner


def result_page() -> str:
    parts = [
        "# result.json\n\nWhat a run, `pfsolid conduct` on an image and on a stored density leave: JSON, with the SHA-256\n"
        "of the file with zeros in its place as the first entry. From Python `pfsolid.results.run.Result` is the same.\n\n"
        f"This is `schema_version` {SCHEMA_VERSION}. Files of all versions since 0.1 are read; keys that they lack are\n"
        "null or empty then. A file of a higher version is refused. Keys may be added without a new number; one that\n"
        "changes its meaning or goes away gives a new one. `null` stands for what has no number: not known, infinite.\n"]
    return WRITTEN_BY + "\n".join([*parts, *record_parts([Result])])


def morphology_page() -> str:
    return WRITTEN_BY + "\n".join([
        "# morphology.json\n\nWhat `pfsolid measure` leaves: one form where every label of an image is a phase, one where\n"
        "each is a grain, another of a density and of one label against all others. From Python `pfsolid.open_morphology`\n"
        "reads all of them.\n\n"
        f"This is `schema_version` {MORPHOLOGY_SCHEMA_VERSION}. Files of all versions since 0.1 are read; one of a higher\n"
        "version is refused. `null` stands for what has no number: not known, infinite, along an axis of one voxel.\n",
        *record_parts([MeasuredLabels, MeasuredGrains, MeasuredTwo])])


def record_parts(waiting: list[type[Record]]) -> list[str]:
    """A table of keys for each class, and for those that they lead to."""
    parts, done = [], set()
    while waiting:
        record = waiting.pop(0)
        if record in done:
            continue
        done.add(record)
        rows, inner = record_rows(record)
        head = ["| key | value | unit | meaning | absent |", "|---|---|---|---|---|"]
        said = inspect.getdoc(record).replace("<", "&lt;")
        parts.append("\n".join([f"## {record.__name__}", "", said, "", *head, *rows, ""]))
        waiting += inner
    return parts


PAGE_WRITERS = {"inputs.md": inputs_page, "commands.md": commands_page, "result_json.md": result_page,
                "morphology_json.md": morphology_page}


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for name, write in PAGE_WRITERS.items():
        (PAGES / name).write_text(write(), encoding="utf-8")
