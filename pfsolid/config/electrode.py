"""The section [electrode] of an image study with two carriers: its active material and its kinetics."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from .run import as_tuple
from .text import Section, key


class ElectrodeConfig(Section):
    active: Annotated[tuple[int, ...] | None, BeforeValidator(as_tuple)] = key(
        "labels of the active material; those that conduct both carriers if not set", None, allowed="labels in brackets")
    exchange_current_A_per_m2: float | None = key(
        "A/m^2 of active surface, of kinetics that are linear in the overpotential", None, gt=0, le=1e9)
    temperature_K: float = key("K, of the kinetics", 298.15, gt=0, le=1e5)
