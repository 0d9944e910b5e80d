"""Text for a person: counts, durations, memory, values with an error and what others have written, one format each."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Collection

BINARY_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
MAX_SHOWN = 60  # letters of foreign text


def in_binary_units(num_bytes: int) -> str:
    """12345678 as '11.8 MiB'."""
    power = min(int(math.log(max(num_bytes, 1), 1024)), len(BINARY_UNITS) - 1)
    return f"{num_bytes / 1024**power:.{1 if power else 0}f} {BINARY_UNITS[power]}"


def in_words(seconds: float) -> str:
    """A duration for a person: 8.3 ms, 0.25 s, 42 s, 3 min 20 s, 5 h 12 min, 3 days 4 h."""
    if 0 < seconds < 0.9995:
        return f"{1000 * seconds:.2g} ms" if seconds < 0.0995 else f"{seconds:.2g} s"
    seconds = max(0, int(round(seconds)))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} days {hours % 24} h"


def plural(number: int, name: str) -> str:
    """1 as '1 rank', any other number as '3 ranks'."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def listed(values: Collection[object], most: int = 10) -> str:
    """'0, 1, 2'; of many the first ones: '0, 1, 2 and 40 more'."""
    shown = ", ".join(map(str, itertools.islice(values, most)))
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


def one_line(text: str, most: int = MAX_SHOWN) -> str:
    """Foreign text for a message: without line breaks and other control characters, and not too long."""
    shown = on_screen(text[:most + 1]).replace("\n", "\N{REPLACEMENT CHARACTER}")
    return shown if len(shown) <= most else f"{shown[:most - 4]} ..."


def as_word(path: object) -> str:
    """The name of a file as a shell takes it, for a command that is advised: 'my runs/a', ./-a."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def on_screen(text: str) -> str:
    """Text that a terminal or a log takes as it is: control codes and halves of characters are replaced."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


# --- values with an error -----------------------------------------------------------------------------------

MOST_DIGITS = 6
UNKNOWN_ERROR_DIGITS = 3
# From this part of the value on, one digit is all there is.
_TWO_DIGITS_BELOW = 1.0
# Powers of ten that are written out.
_PLAIN = range(-2, 4)


def to_digits(value: float, error: float | None) -> str:
    """A value to the digits that its error allows: 3.6512e-4 with 2e-5 as '3.7e-4', with 2e-3 as '4e-4'.

    The last digit is that of the error's first, but for a second one where the error is below the value.  At most
    six digits; three where the error is not known (None).
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    unit = _last_digit(value, error)
    return _written([round(value / 10.0**unit)], unit)


def interval(value: float, low: float, high: float, error: float | None = None) -> str:
    """The ends of an interval around a value, to the digits that `to_digits` gives it: '3.5 … 3.9e-4'.

    Rounded outwards, so that the rounded value stays inside.

    Parameters
    ----------
    error : float, optional
        That of the value; default: the larger distance to an end.
    """
    if value == 0 or not math.isfinite(value):
        return f"{low:g} … {high:g}"
    unit = _last_digit(value, max(value - low, high - value) if error is None else error)
    # What is on the digit but for rounding stays on it.
    return _written([math.floor(low / 10.0**unit + 1e-6), math.ceil(high / 10.0**unit - 1e-6)], unit)


def percent(share: float) -> str:
    """A relative error in per cent, to two digits and never as nothing: '6 %', '0.35 %', '410 %'."""
    return "0 %" if share == 0 else f"{float(f'{100 * share:.2g}'):g} %"


def _last_digit(value: float, error: float | None) -> int:
    """The power of ten of the last digit that is written."""
    # Of the value as it is written: 0.99999999 is 1.00000, and 1.000000 would be a seventh digit.
    first = math.floor(math.log10(float(f"{abs(value):.{MOST_DIGITS - 1}e}")))
    if error is None:
        return first - UNKNOWN_ERROR_DIGITS + 1
    if error <= 0:
        return first - MOST_DIGITS + 1
    least = 1 if error < _TWO_DIGITS_BELOW * abs(value) else 0
    return first - min(max(first - math.floor(math.log10(error)), least), MOST_DIGITS - 1)


def _written(numbers: list[int], unit: int) -> str:
    """Numbers x 10^unit, with one power of ten for all: that of the last."""
    power = unit + len(str(abs(numbers[-1]))) - 1
    if power in _PLAIN:
        return " … ".join(f"{number * 10.0**unit:.{max(-unit, 0)}f}" for number in numbers)
    decimals = max(power - unit, 0)
    return " … ".join(f"{number / 10.0**decimals:.{decimals}f}" for number in numbers) + f"e{power}"
