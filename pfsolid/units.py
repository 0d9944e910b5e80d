"""Units that inputs and files count in, in SI."""

from __future__ import annotations

NM = 1e-9  # m
NM_PER_M = 1e9
M2_PER_CM2 = 1e-4
S_PER_M = 100.0  # in one S/cm
EV_PER_A2 = 16.02176634  # J/m^2
VACUUM_PERMITTIVITY = 8.8541878128e-12  # F/m
