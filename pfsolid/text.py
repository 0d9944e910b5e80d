"""Numbers for a person: counts, durations and amounts of memory, one format each."""

from __future__ import annotations

import math

BINARY_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


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
