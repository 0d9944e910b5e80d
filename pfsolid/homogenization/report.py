"""What conduction found, as the part of result.json and as lines for a person."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..arrays import Bools, Floats
from ..conduction.currents import CurrentStatistics
from ..conduction.transport import TransportNumbers, transport_numbers
from ..config.conduction import SolverConfig
from ..grid import AXES, three
from ..materials.arrhenius import ELEMENTARY_CHARGE, fit_arrhenius
from ..results.conduction import Activation, AtTemperature, ConductionResult, Currents, ErrorBar, GridInterval, PhaseOfMedium
from ..results.record import PerAxis
from ..text import MOST_DIGITS, interval, percent, to_digits
from ..units import S_PER_M
from .boundaries import boundaries_result, boundary_lines, power_shares
from .found import Conduction
from .grid_error import GridPart

NO_REPLICAS = "one sample: repeat it with other seeds, or other parts of the image, for its spread"
_UNLIKE = "good conductors percolate along some axes only, whose spread says nothing: repeat it with other seeds"
_UNKNOWN_GRID = 5e-3  # relative, where the grid part is not known: at most three digits
_BELOW_ALL_DIGITS = 0.5 * 10.0 ** (1 - MOST_DIGITS)  # relative: no digit that is written shows it
STUDENT_T = {2: 12.71, 3: 4.303}  # 97.5 % of the means of so many values lie below so many of their standard errors
_COUNT = {2: "two axes: Student's t with 1 degree of freedom", 3: "three axes: Student's t with 2 degrees of freedom"}


def conduction_result(found: Conduction, names: dict[int, str], settings: SolverConfig, reference: int | None = None,
                      axes_alike: bool = False) -> ConductionResult:
    """The conduction part of result.json.

    Parameters
    ----------
    names : dict of int to str
        Of the labels.
    reference : int, optional
        Label that the formation factor refers to.
    axes_alike : bool
        But for chance, so that their spread tells of the sample's part in the error.

    Returns
    -------
    ConductionResult
    """
    effective, axes = found.effective, found.axes
    result = ConductionResult(
        sigma_eff_S_per_cm=effective.tensor / S_PER_M,
        sigma_eff_S_per_m=effective.tensor,
        mean_S_per_cm=mean_of(found) / S_PER_M,
        field_axes="".join(AXES[axis] for axis in axes),
        error_bar=error_bar(found, axes_alike),
        solver=found.solver,
        solver_relative_error_xyz=effective.relative_error,
        iterations_xyz=effective.iterations,
        conducting_phases_percolate_xyz=effective.percolating,
        flux_asymmetry=effective.asymmetry,
        phases=_phases(found, names),
        transport={AXES[axis]: _transport(found, axis, reference).result() for axis in axes if _conducts(found, axis)},
        currents={AXES[axis]: _currents(currents, names) for axis, currents in found.currents.items()},
        boundaries=boundaries_result(found, mean_of(found)),
        relative_tolerance=settings.relative_tolerance,
        applied_field_V_per_m=settings.applied_field_V_per_m,
        conduction_seconds=found.seconds,
        temperature_K=found.temperatures[0],
        temperature_series=_temperatures(found),
        activation=_activation(found))
    return replace(result, headline=headline(result))


def _currents(found: CurrentStatistics, names: dict[int, str]) -> Currents:
    """With shares of power and voltage."""
    power = None if found.dissipation is None else power_shares(found.dissipation, names)
    return replace(found.result(names), power=power)


def mean_of(found: Conduction, index: int = 0) -> float:
    """Mean of the diagonal over the axes asked for.

    Parameters
    ----------
    found : Conduction
    index : int
        Of the temperature.

    Returns
    -------
    float
        S/m.
    """
    return float(np.mean(np.diag(found.series[index].tensor)[list(found.axes)]))


def error_bar(found: Conduction, axes_alike: bool) -> ErrorBar:
    """The three parts of the error of sigma_eff, relative: solver and grid for each axis, sample for the mean.

    Of the grid also the interval and the best estimate, in S/cm.

    Parameters
    ----------
    found : Conduction
    axes_alike : bool
        But for chance.

    Returns
    -------
    ErrorBar
    """
    diagonal = np.diag(found.effective.tensor)
    sample, values = None, diagonal[list(found.axes)]
    unlike = axes_alike and not found.percolates_alike
    if axes_alike and not unlike and values.size in STUDENT_T and np.all(values > 0):
        sample = STUDENT_T[values.size] * values.std(ddof=1) / math.sqrt(values.size) / values.mean()
    relative, interval = _grid_part(found, diagonal)
    method = _UNLIKE if unlike else NO_REPLICAS
    if sample is not None:
        method = f"95 %, from the spread of the {_COUNT[values.size]}"
    return ErrorBar(
        solver_relative_xyz=found.effective.relative_error, grid_relative_xyz=relative,
        grid_method=None if found.grid is None else found.grid.method, grid=interval, sample_relative_of_mean=sample,
        sample_method=method, inputs_relative_xyz=found.input_errors)


def _grid_part(found: Conduction, diagonal: Floats) -> tuple[PerAxis, GridInterval | None]:
    """Relative errors along the axes, and the interval they are from."""
    if found.grid is None:
        return (None, None, None), None
    solved = [axis in found.axes and value > 0 for axis, value in enumerate(diagonal)]
    low, high, best = found.grid.low, found.grid.high, found.grid.best
    relative = three(float(max(high[axis] - diagonal[axis], diagonal[axis] - low[axis]) / diagonal[axis]) if solved[axis]
                     else None for axis in range(3))
    errors = np.array([(error or 0.0) * diagonal[axis] if solved[axis] else 0.0 for axis, error in enumerate(relative)])
    other = found.grid.tensor
    return relative, GridInterval(
        grid_interval_S_per_cm_xyz=three((float(low[axis]) / S_PER_M, float(high[axis]) / S_PER_M) if solved[axis] else None
                                         for axis in range(3)),
        grid_best_S_per_cm_xyz=three(float(best[axis]) / S_PER_M if solved[axis] else 0.0 if axis in found.axes else None
                                     for axis in range(3)),
        grid_other_S_per_cm=None if other is None else other / S_PER_M,
        grid_error_S_per_cm=_errors_of_tensor(found.effective.tensor, found.grid, errors) / S_PER_M)


def _errors_of_tensor(tensor: Floats, grid: GridPart, errors: Floats) -> Floats:
    """The bar of every component, from those of the diagonal.

    Off it sqrt(e_ii e_jj), as large as a change of one sign can be as a quadratic form, also where it is small by chance;
    more where another grid says so.
    """
    bars: Floats = np.sqrt(np.outer(errors, errors))
    if grid.tensor is None:
        return bars
    change = np.nan_to_num(np.abs(grid.tensor - tensor))
    return np.where(bars > 0, np.maximum(bars, grid.reach * change), 0.0)


def _phases(found: Conduction, names: dict[int, str]) -> dict[str, PhaseOfMedium]:
    phases = {}
    for label, name in names.items():
        shares = {AXES[axis]: currents.phases[label].share for axis, currents in found.currents.items()
                  if label in currents.phases}
        fraction, sigma = found.fractions[label], found.sigma[label]
        if found.groups is not None:
            fraction, sigma = _of_group(found, found.groups == label)
        phases[name] = PhaseOfMedium(label=label, fraction=fraction, sigma_S_per_cm=sigma / S_PER_M,
                                     current_share_for_field_along=shares)
    return phases


def _of_group(found: Conduction, members: Bools) -> tuple[float, Floats]:
    """Volume fraction of some labels, and their conductivity: of all that occur, or the mean over their volume."""
    weights, sigma = found.fractions[members], found.sigma[members]
    total, alike = weights.sum(), bool((sigma == sigma[0]).all())
    return float(total), sigma[0] if alike or not total > 0 else np.tensordot(weights, sigma, 1) / total


def _along(found: Conduction, axis: int) -> Floats:
    """Conductivity of each label along an axis (S/m)."""
    sigma = found.sigma
    return sigma if sigma.ndim == 1 else sigma[:, axis] if sigma.ndim == 2 else sigma[:, axis, axis]


def _conducts(found: Conduction, axis: int) -> bool:
    """Whether anything in the image does, along an axis."""
    return bool(np.any(_along(found, axis)[found.fractions > 0] > 0))


def _transport(found: Conduction, axis: int, reference: int | None) -> TransportNumbers:
    return transport_numbers(found.effective.tensor[axis, axis], _along(found, axis), found.fractions, reference)


def _temperatures(found: Conduction) -> tuple[AtTemperature, ...] | None:
    return tuple(AtTemperature(temperature_K=temperature, sigma_eff_S_per_cm=one.tensor / S_PER_M,
                               mean_S_per_cm=mean_of(found, index) / S_PER_M, solver_relative_error_xyz=one.relative_error,
                               iterations_xyz=one.iterations)
                 for index, (temperature, one) in enumerate(zip(found.temperatures, found.series))
                 if temperature is not None) or None


def _activation(found: Conduction) -> Activation | None:
    """Arrhenius' law, where several temperatures conduct."""
    means = [mean_of(found, index) for index in range(len(found.series))]
    if len(means) < 2 or not min(means) > 0:
        return None
    fit = fit_arrhenius(found.temperatures, means)
    error = fit.standard_error
    return Activation(activation_energy_eV=fit.activation_energy / ELEMENTARY_CHARGE,
                      activation_energy_standard_error_eV=None if error is None else error / ELEMENTARY_CHARGE,
                      activation_energy_of="sigma T, mean of the diagonal",
                      largest_deviation_from_arrhenius=fit.largest_residual)


# --- for a person -------------------------------------------------------------------------------------------


def headline(result: ConductionResult) -> str:
    """The line that goes into a paper: sigma_eff in S/cm, where the grid may put it, and what is known of the sample.

    'sigma = 3.7e-4 S/cm (grid 3.5 … 3.9e-4; sample ± 6 %, one sample)': the mean where the axes are alike but for chance,
    else each axis; never more digits than the error allows.

    Parameters
    ----------
    result : ConductionResult
        Also as read from a file.
    """
    bar, axes = result.error_bar, [AXES.index(name) for name in result.field_axes]
    solver = [error or 0.0 for error in bar.solver_relative_xyz]
    at = "" if result.temperature_K is None else f" at {result.temperature_K:g} K"
    values = {axis: float(result.sigma_eff_S_per_cm[axis][axis]) for axis in axes}
    sample, intervals = bar.sample_relative_of_mean, None if bar.grid is None else bar.grid.grid_interval_S_per_cm_xyz
    if intervals is None and any(error is not None for error in bar.grid_relative_xyz):  # of an older version
        intervals = three(None if error is None else (max(values.get(axis, 0.0) * (1 - error), 0.0),
                                                      max(values.get(axis, 0.0) * (1 + error), 0.0))
                          for axis, error in enumerate(bar.grid_relative_xyz))
    if sample is not None:
        ends = None if intervals is None else _mean_ends([intervals[axis] for axis in axes])
        value = float(result.mean_S_per_cm)
        text, grid = _value_and_grid(value, ends, max(max(solver), sample) * value)
        return f"sigma{at} = {text} S/cm ({grid}; sample ± {percent(sample)}, one sample)"
    texts = []
    for axis, value in values.items():
        pair = None if intervals is None else intervals[axis]
        text, grid = _value_and_grid(value, pair, solver[axis] * value)
        texts.append(f"sigma_{AXES[axis] * 2} = {text}" + (f" ({grid})" if value > 0 else ""))
    return f"{', '.join(texts)} S/cm{at}; one sample"


def _mean_ends(intervals: list[tuple[float, float] | None]) -> tuple[float, float]:
    """Mean of the ends, of axes that all have an interval."""
    known = [one for one in intervals if one is not None]
    return sum(low for low, _ in known) / len(known), sum(high for _, high in known) / len(known)


def _value_and_grid(value: float, ends: tuple[float, float] | None, other_error: float) -> tuple[str, str]:
    """A value and what to say of its grid, to the digits that all parts of the error allow together."""
    if ends is None:
        return to_digits(value, max(other_error, value * _UNKNOWN_GRID)), "grid not estimated"
    grid_error = max(value - ends[0], ends[1] - value)
    error = max(other_error, grid_error)
    # Ends that six digits do not tell from the value are no interval; rounded outwards they would be one of 1e-6.
    if grid_error < value * _BELOW_ALL_DIGITS:
        return to_digits(value, error), f"grid ± {percent(grid_error / value)}"
    return to_digits(value, error), f"grid {interval(value, *ends, error)}"


def conduction_lines(found: Conduction, names: dict[int, str], result: ConductionResult) -> list[str]:
    """The headline, the tensor to the digits of its error, tortuosity, shares of the current, and the activation energy.

    Parameters
    ----------
    found : Conduction
    names : dict of int to str
        Of the labels.
    result : ConductionResult
        The same for result.json.

    Returns
    -------
    list of str
    """
    effective, bar = found.effective, result.error_bar
    lines = [result.headline, "effective conductivity (S/cm):"]
    lines += ["   " + "  ".join(f"{text:>9}" for text in row) for row in tensor_texts(found.effective.tensor / S_PER_M, bar)]
    lines.append(f"error bar: {'; '.join(_error_parts(found, bar))}")
    conducting = [axis for axis in found.axes if effective.percolating[axis]]
    if conducting:
        factors = ", ".join(_factor_text(found, bar, axis) for axis in conducting)
        lines.append(f"tortuosity factor <sigma>/sigma_eff along {', '.join(AXES[a] for a in conducting)}: {factors}")
    if found.currents:
        lines.append(_share_line(found, names))
    lines += boundary_lines(found, names, result.boundaries, found.input_errors)
    blocked = [AXES[axis] for axis in found.axes if not effective.percolating[axis]]
    if blocked:
        lines.append(f"no conducting cluster percolates along {', '.join(blocked)}: exactly 0 there")
    return lines + _temperature_lines(found, result)


def solver_lines(found: Conduction) -> list[str]:
    """For the log: who solved, how long it took to converge, and the tensor to all its digits."""
    iterations = ", ".join(str(found.effective.iterations[axis]) for axis in found.axes)
    lines = [f"solved with {found.solver}; iterations {iterations}"]
    return lines + ["   " + "  ".join("      -     " if math.isnan(value) else f"{value:12.5e}" for value in row)
                    for row in found.effective.tensor / S_PER_M]


def relative_error(bar: ErrorBar, axis: int) -> float:
    """Of solver and grid together, for the digits of what is printed.

    Parameters
    ----------
    bar : ErrorBar
    axis : int

    Returns
    -------
    float
    """
    grid = bar.grid_relative_xyz[axis]
    return max(bar.solver_relative_xyz[axis] or 0.0, _UNKNOWN_GRID if grid is None else grid)


def tensor_texts(tensor: Floats, bar: ErrorBar) -> list[list[str]]:
    """The components to the digits that their errors allow.

    Parameters
    ----------
    tensor : ndarray (3, 3)
        S/cm; NaN where nothing was solved.
    bar : ErrorBar

    Returns
    -------
    list of 3 lists of 3 str
    """
    errors = [relative_error(bar, axis) * tensor[axis, axis] for axis in range(3)]

    def text(i: int, j: int) -> str:
        value, error = tensor[i, j], math.sqrt(errors[i] * errors[j])
        if math.isnan(value):
            return "-"
        if i != j:  # rounding of the solve, where nothing else is wrong: of no account beside the diagonal's last digit
            error = max(error, _BELOW_ALL_DIGITS * math.sqrt(tensor[i, i] * tensor[j, j]))
        return "0" if i != j and abs(value) < error else to_digits(value, error)

    return [[text(i, j) for j in range(3)] for i in range(3)]


def _factor_text(found: Conduction, bar: ErrorBar, axis: int) -> str:
    factor = _transport(found, axis, None).tortuosity_factor
    return to_digits(factor, relative_error(bar, axis) * factor)


def _error_parts(found: Conduction, bar: ErrorBar) -> list[str]:
    if found.grid is None:
        conducting = any(found.effective.percolating[axis] for axis in found.axes)
        grid = "grid not estimated" + (' (grid_error = "refinement" does, on voxels of half the edge)' if conducting else "")
    else:
        errors = [bar.grid_relative_xyz[axis] for axis in found.axes]
        grid = f"grid {', '.join('-' if error is None else percent(error) for error in errors)} ({bar.grid_method})"
    solver = ", ".join(percent(bar.solver_relative_xyz[axis] or 0.0) for axis in found.axes)
    sample = bar.sample_relative_of_mean
    unknown = "sample not known from one" + (", whose good conductors percolate along some axes only"
                                             if bar.sample_method == _UNLIKE else "")
    return [grid, f"solver {solver}", unknown if sample is None
            else f"sample {percent(sample)} of the mean ({bar.sample_method})"]


def _share_line(found: Conduction, names: dict[int, str]) -> str:
    currents = next(iter(found.currents.values()))
    shares = ", ".join(f"{names.get(label, label)} {with_error(100 * phase.share, 100 * (phase.share_error or 0.0))} % "
                       f"(of the volume {100 * phase.fraction:.3g} %)" for label, phase in currents.phases.items())
    errors = currents.focusing.errors
    largest = with_error(currents.focusing.maximum, errors[-1] if errors else 0.0)
    return f"current along {AXES[currents.axis]}: {shares}; largest |J|/<J> {largest}"


def with_error(value: float, error: float) -> str:
    """With no more digits than the error allows: '49.9 ± 0.3'; three at the most.

    Parameters
    ----------
    value, error : float

    Returns
    -------
    str
    """
    if not error > 0.5 * 10 ** (math.floor(math.log10(abs(value))) - 2 if value else -np.inf):
        return f"{value:.3g}"
    decimals = -math.floor(math.log10(error))
    shown = [f"{round(number, decimals):.{max(decimals, 0)}f}" for number in (value, error)]
    return " ± ".join(shown)


def _temperature_lines(found: Conduction, result: ConductionResult) -> list[str]:
    if len(found.temperatures) < 2:
        return []
    lines = ["temperature (K)  sigma_eff (S/cm)  iterations"]
    error = max(relative_error(result.error_bar, axis) for axis in found.axes)
    for index, (temperature, one) in enumerate(zip(found.temperatures, found.series)):
        mean = mean_of(found, index) / S_PER_M
        lines.append(f"{temperature:15g}  {to_digits(mean, error * mean):>16}  {', '.join(map(str, one.iterations))}")
    if result.activation is not None:
        lines.append(f"activation energy of sigma T: {result.activation.activation_energy_eV:.4f} eV")
    return lines
