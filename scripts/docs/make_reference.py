"""Writes docs/reference/inputs.md and commands.md from the schemas and the parser themselves.

    python scripts/docs/make_reference.py

tests/unit/test_docs.py holds that the pages are what this writes.
"""

import argparse

from common import ROOT

from pfsolid.cli.main import _build_parser
from pfsolid.config.image import ImageStudyConfig
from pfsolid.config.run import RunConfig
from pfsolid.config.sweep import AxisSection, SweepSection
from pfsolid.config.text import allowed_values, section_models, toml_value

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
        "## Sweep\n\n`pfsolid sweep plan SWEEP.toml`. `base` is an input of a run: a file beside this one, or its sections\n"
        "as `[base.grid]`, `[base.material]` …\n\n" + key_table(SweepSection),
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
        "# Commands\n\nAll of them run bare and as `mpirun -n N pfsolid …`. [Exit status](exit_status.md): 0, 1, 2 or 85.\n",
        *map(command_part, parsers_of(_build_parser()))])


PAGE_WRITERS = {"inputs.md": inputs_page, "commands.md": commands_page}


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for name, write in PAGE_WRITERS.items():
        (PAGES / name).write_text(write(), encoding="utf-8")
