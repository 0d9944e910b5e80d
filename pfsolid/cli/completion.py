"""`pfsolid completion`: a script that completes commands, options, their values and the keys of `--set` in a shell.

Everything stands in the script: while one types, no Python is started.
"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from collections.abc import Iterator

from .options import print_on_root

_HEAD = """# Written by `pfsolid completion`: anew after an update.
"""
_ZSH = """(( $+functions[compdef] )) || { autoload -U compinit && compinit -i; }
autoload -U +X bashcompinit && bashcompinit
"""
_TAIL = """
_pfsolid() {
    local current=${COMP_WORDS[COMP_CWORD]} before= place= word at  # in terms that zsh has as well
    for ((at = 1; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]} before=${COMP_WORDS[at]}
        case " $(_pfsolid_commands "$place") " in
            *" $word "*) place=${place:+$place }$word ;;
        esac
    done
    COMPREPLY=($(compgen -W "$(_pfsolid_values "$place $before")" -- "$current"))
    case "${COMPREPLY[0]-}" in
        *=) compopt -o nospace 2>/dev/null || true ;;  # the value follows
    esac
    [ ${#COMPREPLY[@]} = 0 ] || return 0
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$(_pfsolid_options "$place")" -- "$current"))
    elif [[ $before != -* ]]; then
        COMPREPLY=($(compgen -W "$(_pfsolid_commands "$place")" -- "$current"))
    fi
}
complete -o default -F _pfsolid pfsolid
"""


def add_commands(command, parser: ArgumentParser) -> None:
    """Hang `completion` into the command line, after all that it completes; ``parser`` is the whole."""
    sub = command("completion", lambda options: print_on_root([script_of(parser, options.shell).rstrip()]),
                  "a script for the shell that completes commands, options and keys")
    sub.add_argument("shell", nargs="?", choices=["bash", "zsh"], default="bash", help="default: bash")


def script_of(parser: ArgumentParser, shell: str = "bash") -> str:
    """The script for a parser with all its subparsers.

    Parameters
    ----------
    parser : ArgumentParser
    shell : {'bash', 'zsh'}

    Returns
    -------
    str
    """
    commands, options, values = {}, {}, {}
    for place, one in _parsers(parser):
        commands[place] = [name for name, _ in _subparsers(one)]
        shown = [action for action in one._actions if action.help != argparse.SUPPRESS]
        options[place] = [name for action in shown for name in action.option_strings]
        for action in one._actions:
            for name in action.option_strings or [place.rpartition(" ")[2]]:
                words = _keys() if name == "--set" else list(action.choices or []) if action.nargs != argparse.PARSER else []
                if words:
                    values[f"{place} {name}"] = words
    return _HEAD + _ZSH * (shell == "zsh") + "".join(map(_function, ("commands", "options", "values"),
                                                         (commands, options, values))) + _TAIL


def _function(name: str, words: dict[str, list[str]]) -> str:
    lines = [f'        "{place}") echo "{" ".join(map(str, found))}" ;;' for place, found in words.items() if found]
    return "\n".join([f"_pfsolid_{name}() {{", '    case "$1" in', *lines, "    esac", "}", ""])


def _parsers(parser: ArgumentParser, place: str = "") -> Iterator[tuple[str, ArgumentParser]]:
    """Every parser with the words that lead to it."""
    yield place, parser
    for name, sub in _subparsers(parser):
        yield from _parsers(sub, f"{place} {name}".strip())


def _subparsers(parser: ArgumentParser) -> Iterator[tuple[str, ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _keys() -> list[str]:
    """What can stand before the = of `--set`."""
    from ..config.image import ImageStudyConfig  # takes a while to load
    from ..config.run import RunConfig
    from ..config.text import section_models

    found: dict[str, None] = {}
    for schema in (RunConfig, ImageStudyConfig):
        sections = section_models(schema)
        found |= {f"{name}=": None for name in schema.model_fields if name not in sections}
        found |= {f"{name}.{key}=": None for name, section in sections.items() for key in section.model_fields}
    return list(found)
