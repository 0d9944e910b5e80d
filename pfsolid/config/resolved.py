"""The input as it was taken: every key with its value and meaning, in TOML that reads back equal."""

from __future__ import annotations

import re

from pydantic import BaseModel

from .text import section_models, toml_value

COMMENT_COLUMN = 44


def write_toml(config: BaseModel, heading: str) -> str:
    """Every key of a configuration with its value and meaning; what is not set stands as a comment."""
    sections = section_models(type(config))
    lines = [f"# {heading}"]
    lines += [_line(config, name) for name in type(config).model_fields if name not in sections]
    for name in sections:
        section = getattr(config, name)
        if section is None:
            lines += ["", f"# [{name}]: not set"]
            continue
        lines += ["", f"[{name}]"] + [_line(section, k) for k in type(section).model_fields]
    return "\n".join(lines) + "\n"


def was_written_without(text: str, heading: str, name: str) -> bool:
    """Whether `write_toml`, which names every key, wrote a text when there was no key of that name yet."""
    lines = text.splitlines()
    return f"# {heading}" in lines and not any(re.match(rf"(# )?{name}\b", line) for line in lines)


def _line(section: BaseModel, name: str) -> str:
    value, meaning = getattr(section, name), type(section).model_fields[name].description
    if value is None:
        return f"# {name}: not set".ljust(COMMENT_COLUMN) + f"  # {meaning}"
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        texts = "".join(f"    {toml_value(text)},\n" for text in value)
        return f"{name} = [".ljust(COMMENT_COLUMN) + f"  # {meaning}\n{texts}]"
    return f"{name} = {toml_value(value)}".ljust(COMMENT_COLUMN) + f"  # {meaning}"
