"""A person's own sinks of growth: what they are shown of each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..phasefield import growth
from .arguments import in_array_order


class GrowthState:
    """Where growth stands; what a sink of `pfsolid.grow` is called with.

    It goes on with the growth: keep what it gives, not it.  With ``comm``, `density` and `row` are collective.
    """

    def __init__(self, state: growth.GrowthState, axes: str):
        self._state, self._axes = state, axes

    @property
    def step(self) -> int:
        """Time steps made; 0 at the beginning."""
        return self._state.step

    @property
    def time(self) -> float:
        """Reduced time, in lambda^2 / (16 w M)."""
        return self._state.time

    @property
    def reason(self) -> str | None:
        """Why it has ended; None as long as it goes on."""
        return self._state.reason

    @property
    def density(self) -> npt.NDArray[Any]:
        """rho (n0, n1[, n2]) in the caller's order of axes, a copy; with ``comm`` this rank's part."""
        return np.array(in_array_order(self._state.density, self._axes), np.float64, order="C")

    @property
    def row(self) -> dict[str, Any]:
        """The columns of the history for this step, also where the history has no row of it; None where there is nothing."""
        return self._state.measured().to_dict()

    def stop(self, reason: str) -> None:
        """End it after this step; the reason becomes the microstructure's.

        Parameters
        ----------
        reason : str
        """
        self._state.reason = self._state.reason or str(reason)


class Sink(Protocol):
    """What records growth.  With ``comm`` both are called on every rank, and `due` must say the same on each."""

    def due(self, state: GrowthState) -> bool:
        """Whether there is something to record; asked of the beginning and after each step."""

    def write(self, state: GrowthState) -> object:
        """Record it."""


class _Inward:
    """A person's sink, as the time loop calls it."""

    def __init__(self, sink: Sink, axes: str):
        self._sink, self._axes = sink, axes

    def due(self, state: growth.GrowthState) -> bool:
        return bool(self._sink.due(GrowthState(state, self._axes)))

    def write(self, state: growth.GrowthState) -> None:
        self._sink.write(GrowthState(state, self._axes))


def inward(sinks: Sequence[Sink], axes: str, name: str) -> list[growth.Sink]:
    """What the time loop calls for a person's sinks.

    Parameters
    ----------
    sinks : sequence of Sink
    axes : str
        Order of the axes that they are shown.
    name : str
        Of the function that they were given to.

    Returns
    -------
    list of pfsolid.phasefield.growth.Sink

    Raises
    ------
    InputError
        One of them is none.
    """
    needed = "with methods due(state) and write(state)"
    if not isinstance(sinks, Sequence):
        raise InputError(f"{name}: sinks = {sinks!r}: must be a list of objects {needed}")
    for index, sink in enumerate(sinks):
        if isinstance(sink, type) or not (callable(getattr(sink, "due", None)) and callable(getattr(sink, "write", None))):
            raise InputError(f"{name}: sinks[{index}] = {sink!r}: must be an object {needed}")
    return [_Inward(sink, axes) for sink in sinks]
