"""What conduction found, as the part of result.json and as lines for a person."""

from __future__ import annotations

import math

import numpy as np

from ..conduction.transport import transport_numbers
from ..config.conduction import SolverConfig
from ..grid import AXES
from ..materials.arrhenius import ELEMENTARY_CHARGE, fit_arrhenius
from ..units import S_PER_M
from .solve import Conduction

NO_REPLICAS = "one sample: repeat it with other seeds, or other parts of the image, for its spread"
_COUNT = {2: "two", 3: "three"}


def conduction_result(found: Conduction, names: dict[int, str], settings: SolverConfig, reference: int | None = None,
                      isotropic: bool = False) -> dict:
    """The conduction part of result.json.

    Parameters
    ----------
    names : dict of int to str
        Of the labels.
    reference : int, optional
        Label that the formation factor refers to.
    isotropic : bool
        The axes are alike but for chance, so that their spread tells of the sample's part in the error.
    """
    effective = found.effective
    result = {
        "sigma_eff_S_per_cm": effective.tensor / S_PER_M,
        "sigma_eff_S_per_m": effective.tensor,
        "mean_S_per_cm": mean_of(found) / S_PER_M,
        "field_axes": "".join(AXES[axis] for axis in found.axes),
        "error_bar": error_bar(found, isotropic),
        "solver": found.solver,
        "solver_relative_error_xyz": effective.relative_error,
        "iterations_xyz": effective.iterations,
        "conducting_phases_percolate_xyz": effective.percolating,
        "flux_asymmetry": effective.asymmetry,
        "phases": _phases(found, names),
        "transport": {AXES[axis]: _transport(found, axis, reference).as_dict() for axis in found.axes
                      if _conducts(found, axis)},
        "currents": {AXES[axis]: currents.as_dict(names) for axis, currents in found.currents.items()},
        "relative_tolerance": settings.relative_tolerance,
        "applied_field_V_per_m": settings.applied_field_V_per_m,
        "conduction_seconds": found.seconds,
    }
    return result | _temperatures(found)


def mean_of(found: Conduction, index: int = 0) -> float:
    """Mean of the diagonal over the axes asked for (S/m), at the temperature of that index."""
    return float(np.mean(np.diag(found.series[index].tensor)[list(found.axes)]))


def error_bar(found: Conduction, isotropic: bool) -> dict:
    """The three parts of the error of sigma_eff, relative: solver and grid for each axis, sample for the mean."""
    diagonal = np.diag(found.effective.tensor)
    sample, values = None, diagonal[list(found.axes)]
    if isotropic and values.size > 1 and values.mean() > 0:
        sample = values.std(ddof=1) / math.sqrt(values.size) / values.mean()
    return {"solver_relative_xyz": found.effective.relative_error} | _grid_part(found, diagonal) | {
        "sample_relative_of_mean": sample,
        "sample_method": f"spread of the {_COUNT[values.size]} axes" if sample is not None else NO_REPLICAS,
    }


def _grid_part(found: Conduction, diagonal: np.ndarray) -> dict:
    if found.grid is None:
        return {"grid_relative_xyz": [None] * 3, "grid_method": None}
    solved = [axis in found.axes and value > 0 for axis, value in enumerate(diagonal)]
    change = np.where(np.outer(solved, solved), found.grid.tensor - found.effective.tensor, 0.0)
    away = np.diag(change)
    relative = [found.grid.reach * abs(away[axis]) / diagonal[axis] if solved[axis] else None for axis in range(3)]
    return {"grid_relative_xyz": relative, "grid_method": found.grid.method,
            "grid_best_S_per_cm_xyz": (diagonal + found.grid.best * away) / S_PER_M,
            "grid_other_S_per_cm": found.grid.tensor / S_PER_M,
            "grid_error_S_per_cm": found.grid.reach * _bound_of(change) / S_PER_M}


def _bound_of(change: np.ndarray) -> np.ndarray:
    """How large each element of a change of one sign can be, as a quadratic form, also where it is small by chance.

    |c_ij| <= sqrt(c_ii c_jj), which an element off the diagonal has to be given room for.
    """
    diagonal = np.sqrt(np.abs(np.diag(change)))
    return np.maximum(np.abs(change), np.outer(diagonal, diagonal))


def _phases(found: Conduction, names: dict[int, str]) -> dict:
    phases = {}
    for label, name in names.items():
        shares = {AXES[axis]: currents.phases[label].share for axis, currents in found.currents.items()
                  if label in currents.phases}
        phases[name] = {"label": label, "fraction": found.fractions[label], "sigma_S_per_cm": found.sigma[label] / S_PER_M,
                        "current_share_for_field_along": shares}
    return phases


def _along(found: Conduction, axis: int) -> np.ndarray:
    """Conductivity of each label along an axis (S/m)."""
    index = [(), (axis,), (axis, axis)][found.sigma.ndim - 1]
    return found.sigma[(slice(None), *index)]


def _conducts(found: Conduction, axis: int) -> bool:
    """Whether anything in the image does, along an axis."""
    return bool(np.any(_along(found, axis)[found.fractions > 0] > 0))


def _transport(found: Conduction, axis: int, reference: int | None):
    return transport_numbers(found.effective.tensor[axis, axis], _along(found, axis), found.fractions, reference)


def _temperatures(found: Conduction) -> dict:
    if found.temperatures == (None,):
        return {}
    series = [{"temperature_K": temperature, "sigma_eff_S_per_cm": one.tensor / S_PER_M,
               "mean_S_per_cm": mean_of(found, index) / S_PER_M, "solver_relative_error_xyz": one.relative_error,
               "iterations_xyz": one.iterations}
              for index, (temperature, one) in enumerate(zip(found.temperatures, found.series))]
    result = {"temperature_K": found.temperatures[0], "temperature_series": series}
    means = [mean_of(found, index) for index in range(len(series))]
    if len(series) > 1 and min(means) > 0:
        fit = fit_arrhenius(found.temperatures, means)
        error = fit.standard_error
        result["activation_energy_eV"] = fit.activation_energy / ELEMENTARY_CHARGE
        result["activation_energy_standard_error_eV"] = None if error is None else error / ELEMENTARY_CHARGE
        result["activation_energy_of"] = "sigma T, mean of the diagonal"
        result["largest_deviation_from_arrhenius"] = fit.largest_residual
    return result


# --- for a person -------------------------------------------------------------------------------------------


def conduction_lines(found: Conduction, names: dict[int, str], isotropic: bool = False) -> list[str]:
    """The tensor in S/cm with its error bar, tortuosity, shares of the current, and the activation energy."""
    effective = found.effective
    at = "" if found.temperatures[0] is None else f" at {found.temperatures[0]:g} K"
    lines = [f"effective conductivity{at} (S/cm), solved with {found.solver}:"]
    for row in effective.tensor / S_PER_M:
        lines.append("   " + "  ".join("      -     " if math.isnan(value) else f"{value:12.5e}" for value in row))
    axes = ", ".join(AXES[axis] for axis in found.axes)
    lines.append(f"mean over {axes}: {mean_of(found) / S_PER_M:.5e} S/cm; iterations "
                 f"{', '.join(str(effective.iterations[axis]) for axis in found.axes)}")
    lines.append(_error_line(found, isotropic))
    conducting = [axis for axis in found.axes if effective.percolating[axis]]
    if conducting:
        factors = ", ".join(f"{_transport(found, axis, None).tortuosity_factor:.4g}" for axis in conducting)
        lines.append(f"tortuosity factor <sigma>/sigma_eff along {', '.join(AXES[a] for a in conducting)}: {factors}")
    if found.currents:
        lines.append(_share_line(found, names))
    blocked = [AXES[axis] for axis in found.axes if not effective.percolating[axis]]
    if blocked:
        lines.append(f"no conducting cluster percolates along {', '.join(blocked)}: exactly 0 there")
    return lines + _temperature_lines(found)


def _error_line(found: Conduction, isotropic: bool) -> str:
    bar = error_bar(found, isotropic)
    solver = ", ".join(f"{bar['solver_relative_xyz'][axis]:.1e}" for axis in found.axes)
    parts = [f"solver {solver}"]
    grid = [bar["grid_relative_xyz"][axis] for axis in found.axes]
    if found.grid is None:
        conducting = any(found.effective.percolating[axis] for axis in found.axes)
        parts.append("grid not estimated"
                     + (' (grid_error = "refinement" does, on voxels of half the edge)' if conducting else ""))
    else:
        values = ", ".join("-" if value is None else f"{value:.1e}" for value in grid)
        parts.append(f"grid {values} ({bar['grid_method'].split(':')[0]})" + _off_diagonal_text(bar, found.axes))
    sample = bar["sample_relative_of_mean"]
    parts.append("sample not known from one" if sample is None
                 else f"sample {sample:.1e} of the mean, from the spread of the axes")
    return f"relative error: {'; '.join(parts)}"


def _off_diagonal_text(bar: dict, axes) -> str:
    """The grid part of what stands off the diagonal, where there is any."""
    error = bar["grid_error_S_per_cm"][np.ix_(axes, axes)]
    largest = np.max(error[~np.eye(len(axes), dtype=bool)], initial=0.0)
    return f", off the diagonal {largest:.1e} S/cm at most" if largest > 0 else ""


def _share_line(found: Conduction, names: dict[int, str]) -> str:
    currents = next(iter(found.currents.values()))
    shares = ", ".join(f"{names.get(label, label)} {with_error(100 * phase.share, 100 * phase.share_error)} % (of the "
                       f"volume {100 * phase.fraction:.3g} %)" for label, phase in currents.phases.items())
    largest = with_error(currents.focusing.maximum, currents.focusing.errors[-1])
    return f"current along {AXES[currents.axis]}: {shares}; largest |J|/<J> {largest}"


def with_error(value: float, error: float) -> str:
    """With no more digits than the error allows: '49.9 ± 0.3'; three at the most."""
    if not error > 0.5 * 10 ** (math.floor(math.log10(abs(value))) - 2 if value else -np.inf):
        return f"{value:.3g}"
    decimals = -math.floor(math.log10(error))
    shown = [f"{round(number, decimals):.{max(decimals, 0)}f}" for number in (value, error)]
    return " ± ".join(shown)


def _temperature_lines(found: Conduction) -> list[str]:
    if len(found.temperatures) < 2:
        return []
    lines = ["temperature (K)  sigma_eff (S/cm)  iterations"]
    for index, (temperature, one) in enumerate(zip(found.temperatures, found.series)):
        lines.append(f"{temperature:15g}  {mean_of(found, index) / S_PER_M:16.5e}  {', '.join(map(str, one.iterations))}")
    result = _temperatures(found)
    if "activation_energy_eV" in result:
        lines.append(f"activation energy of sigma T: {result['activation_energy_eV']:.4f} eV")
    return lines
