"""Values as JSON has them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """A NumPy scalar or array or a path as what Python's json knows.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
        return value.decode() if isinstance(value, bytes) else value
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def finite(data: Any) -> Any:
    """Nested data with NumPy values as numbers and lists, and null for what JSON has no number for."""
    if isinstance(data, dict):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    if isinstance(data, np.ndarray):
        return finite(data.tolist())
    if data is None:
        return None
    data = plain(data)
    return None if isinstance(data, float) and not math.isfinite(data) else data
