"""Text for a person: counts, durations, amounts of memory and what others have written, one format each."""

from __future__ import annotations

import math

BINARY_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
MAX_SHOWN = 60  # letters of foreign text


def in_binary_units(num_bytes: int) -> str:
    """12345678 as '11.8 MiB'."""
    power = min(int(math.log(max(num_bytes, 1), 1024)), len(BINARY_UNITS) - 1)
    return f"{num_bytes / 1024**power:.{1 if power else 0}f} {BINARY_UNITS[power]}"


def in_words(seconds: float) -> str:
    """A duration for a person: 42 s, 3 min 20 s, 5 h 12 min."""
    seconds = max(0, int(round(seconds)))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def plural(number: int, name: str) -> str:
    """1 as '1 rank', any other number as '3 ranks'."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def one_line(text: str, most: int = MAX_SHOWN) -> str:
    """Foreign text for a message: without line breaks and other control characters, and not too long."""
    shown = on_screen(text[:most + 1]).replace("\n", "\N{REPLACEMENT CHARACTER}")
    return shown if len(shown) <= most else f"{shown[:most - 4]} ..."


def on_screen(text: str) -> str:
    """Text that a terminal or a log takes as it is: control codes and halves of characters are replaced."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
