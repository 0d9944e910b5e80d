"""Numbers for a person: as many digits as their error allows, and values inside their intervals as printed."""

import math

import numpy as np
import pytest

from pfsolid.text import in_binary_units, in_words, interval, percent, to_digits


@pytest.mark.parametrize("value, error, text", [
    (3.6512e-4, 2e-5, "3.7e-4"), (3.6512e-4, 2e-6, "3.65e-4"), (3.6512e-4, 4e-8, "3.6512e-4"),
    (3.6512e-4, 1.5e-3, "4e-4"),  # a bar of 410 % leaves one digit
    (3.6512e-4, None, "3.65e-4"), (9.97e-4, 2e-5, "1.00e-3"), (123.4, 3.0, "123"), (1234.0, 30.0, "1230"),
    (0.0123, 0.002, "0.012"), (-2.53e-5, 1e-6, "-2.5e-5"), (0.0, 0.1, "0"), (2.0, 0.0, "2.00000"),
    (0.99999999999, 0.0, "1.00000"), (9.9999999e-4, 1e-14, "1.00000e-3"), (0.99999999, None, "1.00"),  # no digit more
])
def test_digits_of_a_value(value, error, text):
    assert to_digits(value, error) == text


def test_an_interval_shares_its_power_of_ten():
    assert interval(3.65e-4, 3.52e-4, 3.89e-4) == "3.5 … 3.9e-4"
    assert interval(9.7e-4, 9.6e-4, 10.2e-4) == "0.96 … 1.02e-3"
    assert interval(1.5, 1.5, 1.52) == "1.50 … 1.52"
    assert interval(0.0, 0.0, 0.0) == "0 … 0"


@pytest.mark.parametrize("seed", range(200))
def test_a_rounded_value_is_inside_its_rounded_interval(seed):
    rng = np.random.default_rng(seed)
    value, relative = 10 ** rng.uniform(-12, 12), 10 ** rng.uniform(-7, 1.5)
    error = relative * value
    low, high = max(value - rng.random() * error, 0.0), value + rng.random() * error
    first, last = interval(value, low, high, error).split(" … ")
    mantissa, _, power = last.partition("e")
    scale = 10.0 ** int(power or 0)
    low_shown, high_shown, shown = float(first) * scale, float(mantissa) * scale, float(to_digits(value, error))
    # Numbers that are the same on paper differ by rounding in double precision.
    assert low_shown <= shown * (1 + 1e-12) and shown <= high_shown * (1 + 1e-12)
    # Six digits are the most that is written; ends that lie on the last one may stay there.
    assert low_shown <= low * (1 + 1e-5) and high <= high_shown * (1 + 1e-5)
    digits = len(to_digits(value, error).partition("e")[0].replace(".", "").strip("0"))
    assert digits <= max(2, math.ceil(-math.log10(relative)) + 1)


def test_percent():
    assert [percent(share) for share in (0.06, 0.0035, 4.1, 0.0)] == ["6 %", "0.35 %", "410 %", "0 %"]


@pytest.mark.parametrize("seconds, text", [
    (0, "0 s"), (-1, "0 s"), (2e-6, "0.002 ms"), (0.00832, "8.3 ms"), (0.0994, "99 ms"), (0.0996, "0.1 s"), (0.25, "0.25 s"),
    (0.9994, "1 s"), (1, "1 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3599.6, "1 h 00 min"),
    (18720, "5 h 12 min"), (172799, "47 h 59 min"), (172800, "2 days 0 h"), (3 * 86400 - 1, "3 days 0 h"),
    (1e7, "115 days 18 h")])
def test_durations(seconds, text):
    assert in_words(seconds) == text


@pytest.mark.parametrize("number, text", [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (12345678, "11.8 MiB"),
                                          (3e8, "286.1 MiB"), (2**50, "1024.0 TiB")])
def test_memory(number, text):
    assert in_binary_units(number) == text
