"""Columns of a sweep over images: what its cases have found, by carrier and phase, which each image has its own of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..grid import AXES
from ..results.conduction import ConductionResult
from ..results.electrode import ElectrodeAxis
from .state import CaseRecord

_COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def columns_of_image(record: CaseRecord) -> dict[str, tuple[Any, str]]:
    """Values of a case with their meanings, in order.

    Parameters
    ----------
    record : CaseRecord
        Of an image.

    Returns
    -------
    dict of str to (value, str)
    """
    result, found = record.result, {}
    shape, edges = result.grid.shape, result.grid.voxel_size_nm
    for axis, n, edge in zip(AXES, shape, edges):
        found[f"voxels_{axis}"] = n, f"voxels along {axis}, cropped and binned"
        found[f"edge_{axis}_nm"] = edge, f"nm, edge of a voxel along {axis}"
    found["boundary"] = result.boundary, "periodic, mirror or electrodes"
    if result.conduction is not None:
        found |= _of_conduction(result.conduction, "", "")
        for name, phase in result.conduction.phases.items():
            found[f"fraction_{name}"] = phase.fraction, f"of the volume, {name}"
    for carrier, one in (result.carriers or {}).items():
        found |= _of_conduction(one, f"{carrier}_", f" of {carrier}")
        for name, phase in one.phases.items():
            found.setdefault(f"fraction_{name}", (phase.fraction, f"of the volume, {name}"))
    for axis, both in ({} if result.electrode is None else result.electrode.axes).items():
        found |= _of_electrode(axis, both)
    return found


def _of_conduction(one: ConductionResult, prefix: str, of: str) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for i, j in _COMPONENTS:
        component = f"{prefix}sigma_{AXES[i]}{AXES[j]}_S_per_cm"
        found[component] = one.sigma_eff_S_per_cm[i, j], f"S/cm, effective conductivity{of}"
    found[f"{prefix}sigma_mean_S_per_cm"] = one.mean_S_per_cm, f"S/cm, mean of the diagonal over the axes asked for{of}"
    found[f"{prefix}solver_relative_error"] = (
        _largest(one.solver_relative_error_xyz), f"largest estimated relative error of sigma_xx, yy, zz{of}")
    found[f"{prefix}grid_relative_error"] = (
        _largest(one.error_bar.grid_relative_xyz), f"largest estimated relative error of sigma_xx, yy, zz by the voxels{of}")
    for axis, through in zip(AXES, one.conducting_phases_percolate_xyz):
        value = int(through) if axis in one.field_axes else None
        found[f"{prefix}percolates_{axis}"] = value, f"1: what conducts{of} percolates along {axis}"
    for axis in AXES:
        factor = None if one.transport is None or axis not in one.transport else one.transport[axis].tortuosity_factor
        found[f"{prefix}tortuosity_factor_{axis}"] = factor, f"<sigma> / sigma_eff along {axis}{of}"
    if one.activation is not None:
        found[f"{prefix}activation_energy_eV"] = (
            one.activation.activation_energy_eV, f"eV, where there are several temperatures{of}")
    return found


def _of_electrode(axis: str, both: ElectrodeAxis) -> dict[str, tuple[Any, str]]:
    return {f"ambipolar_{axis}_S_per_cm": (both.ambipolar_S_per_cm, f"S/cm, s1 s2/(s1 + s2) along {axis}"),
            f"active_reached_by_both_{axis}": (both.active_reached_by_both, "share of the active material that both "
                                               f"carriers reach along {axis}"),
            f"active_area_{axis}_per_nm": (both.active_area_per_nm, f"nm^2/nm^3, of active surface along {axis}"),
            f"electrode_tortuosity_{axis}": (both.electrode_tortuosity, f"Nguyen et al. 2020, along {axis}")}


def _largest(errors: Iterable[float | None]) -> float | None:
    return max((error for error in errors if error is not None), default=None)
