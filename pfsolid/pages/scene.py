"""What the view to turn shows: labels, and how much current each voxel carries, thinned to what a page can hold."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from ..conduction.phases import PHASES
from ..grid import AXES
from ..io.peek import describe, read_strided
from ..io.run_directory import FIELDS
from ..io.series import list_fields
from ..plots.colours import COLOURS, PHASE_COLOURS
from ..results.conduction import ConductionResult
from ..results.run import Result

MAX_SAMPLES = 64  # along each axis: the view has a quad for each face of a voxel that is seen
_DECADES = 2.0  # of |J| / <J> to either side of 1
_COLOURS = 12
_CURRENT = "current_density_"
_MOST_LABELS = 255  # that bytes can tell apart
_PERCENTILE = 99.9


def scene_of(directory: Path, result: Result) -> dict[str, Any] | None:
    """The scene of a directory with fields; None where there is none, or one of two dimensions.

    Parameters
    ----------
    directory : Path
    result : Result

    Returns
    -------
    dict or None
        As the page's script takes it: `shape` and `edges` of the samples, `labels`, `phases`, `current` or None.
    """
    path = directory / FIELDS
    fields = list_fields(path) if path.exists() else []
    name = next((one for one in ("phase", "rho") if one in fields), None)
    if name is None:
        return None
    grid = describe(path, name).grid_nm
    if min(grid.shape) < 2:
        return None
    nx, ny, nz = grid.shape
    steps = -(-nx // MAX_SAMPLES), -(-ny // MAX_SAMPLES), -(-nz // MAX_SAMPLES)
    labels = read_strided(path, name, steps)
    if name == "rho":
        labels = (labels >= 0.5).astype(np.uint8)
    told = result
    if labels.max() > _MOST_LABELS:  # grains: neighbours have different colours, mostly
        labels = labels % len(COLOURS)
        told = dataclasses.replace(result, conduction=None, carriers=None)
    edges = [h * step for h, step in zip(grid.spacing, steps)]
    return {"shape": list(labels.shape), "edges": edges, "labels": _packed(labels.astype(np.uint8)),
            "phases": _phases(labels, name, told), "current": _current(path, fields, steps, result),
            "every": max(steps)}


def _conductions(result: Result) -> list[ConductionResult]:
    """Of each carrier."""
    if result.carriers is not None:
        return list(result.carriers.values())
    return [] if result.conduction is None else [result.conduction]


def _packed(values: npt.NDArray[np.uint8]) -> str:
    """Bytes with x fastest, as text."""
    return base64.b64encode(values.tobytes(order="F")).decode("ascii")


def _phases(labels: npt.NDArray[Any], name: str, result: Result) -> list[dict[str, Any]]:
    """Names and colours; what does not conduct is not shown at first, where something does."""
    known = [int(label) for label in np.unique(labels)]
    if name == "rho":
        names: dict[int | None, str] = {0: "pore", 1: "solid"}
        conducts: set[int | None] = {1}
    else:
        found = _conductions(result)
        phases = found[0].phases if found else {}
        names = {one.label: title for title, one in phases.items()}
        if not names and result.growth is not None:
            names = {label: title for label, title in enumerate(PHASES)}
        conducts = {one.label for carrier in found for one in carrier.phases.values()
                    if np.any(np.asarray(one.sigma_S_per_cm) > 0)}
    spare = iter(COLOURS * (len(known) // len(COLOURS) + 1))
    shown: set[int | None] = conducts & set(known)
    if len(shown) == len(known) and len(known) > 1:  # a full box hides what is in it: the first is left open
        best = None if not _conductions(result) else max(
            _conductions(result)[0].phases.values(), key=lambda one: float(np.max(np.asarray(one.sigma_S_per_cm)))).label
        shown = {best} if best in known else shown
    return [{"label": label, "name": names.get(label, f"label {label}"), "shown": label in (shown or known),
             "colour": PHASE_COLOURS.get(names.get(label, "")) or next(spare)} for label in known]


def _current(path: Path, fields: list[str], steps: tuple[int, int, int], result: Result) -> dict[str, Any] | None:
    """|J| over its mean, by its logarithm: 0 where nothing flows, else 1 to 255 over four decades or fewer."""
    name = next((one for one in fields if one.startswith(_CURRENT) and one[-1] in AXES), None)
    if name is None or not _conductions(result):
        return None
    carrier = name.removeprefix(_CURRENT)[:-2]
    size = np.linalg.norm(read_strided(path, name, steps), axis=-1)
    mean = float(size.mean())
    if not mean > 0:
        return None
    top = min(float(np.log10(np.percentile(size, _PERCENTILE) / mean)), _DECADES)
    low = top - 2 * _DECADES + 1
    with np.errstate(divide="ignore"):
        levels = (np.log10(size / mean) - low) / (top - low)
    values = np.where(size > 0, 1 + 254 * np.clip(np.nan_to_num(levels, neginf=0.0), 0, 1), 0).astype(np.uint8)
    colours = [[round(255 * part) for part in matplotlib.colormaps["plasma"](at)[:3]] for at in np.linspace(0, 1, _COLOURS)]
    of = f" of {carrier}" if carrier else ""
    return {"name": f"current{of}, field along {name[-1]}", "values": _packed(values), "colours": colours,
            "ends": [f"{10**low:.2g}", "|J| / ⟨|J|⟩", f"{10**top:.2g}"]}
