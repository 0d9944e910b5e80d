"""The dataset of a sweep: a row for each case that is done, in HDF5 and CSV, with a card that says what is in it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ..config.text import shown
from ..errors import CheckpointError, InputError
from ..grid import AXES
from ..io.records import atomic_write_text, csv_text
from ..json_values import finite
from ..results.conduction import ConductionResult
from ..results.morphology import MorphologyResult
from ..results.run import SEPARATED, UNSEPARATED, HistoryRow
from ..text import as_word
from ..units import NM
from .dataset import Stack, read_stored, write_dataset
from .image_columns import columns_of_image
from .plan import Plan, load_plan
from .state import CaseRecord, Seen, has_separated, kept_path, look, read_failure, read_records

DATASET, TABLE, CARD = "dataset.h5", "dataset.csv", "dataset.md"
TENSOR = "sigma_eff_S_per_cm"
_FIELDS = {"rho": (np.dtype("f4"), np.nan), "phase": (np.dtype("u1"), 255)}
_MISSING_SHOWN = 20



def _conduction(of: Callable[[ConductionResult], Any]) -> Callable[[CaseRecord], Any]:
    return lambda record: None if record.result.conduction is None else of(record.result.conduction)


def _final(of: Callable[[HistoryRow], Any]) -> Callable[[CaseRecord], Any]:
    return lambda record: None if record.result.growth is None else of(record.result.growth.final)


def _morphology(of: Callable[[MorphologyResult], Any]) -> Callable[[CaseRecord], Any]:
    return lambda record: None if record.result.morphology is None else of(record.result.morphology)


def _largest(errors: Iterable[float | None]) -> float | None:
    return max((error for error in errors if error is not None), default=None)


def _later(record: CaseRecord) -> None:
    """What no case knows by itself."""


# Column: (its value of a case's record, meaning).  None is an empty cell.
COLUMNS: dict[str, tuple[Callable[[CaseRecord], Any], str]] = {
    "replica": (lambda case: case.replica, "number of the sample at its point"),
    "seed": (lambda case: case.seed, "of the random noise"),
    "state": (lambda case: SEPARATED if has_separated(case) else UNSEPARATED,
              "separated; or unseparated: the phases had not when growth ended, so there is no conductivity"),
    "porosity": (lambda case: case.result.porosity, "1 - <rho>"),
    **{f"sigma_{AXES[i]}{AXES[j]}_S_per_cm": (_conduction(lambda found, i=i, j=j: found.sigma_eff_S_per_cm[i, j]),
                                              "S/cm, effective conductivity")
       for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))},
    "sigma_mean_S_per_cm": (_conduction(lambda found: found.mean_S_per_cm),
                            "S/cm, mean of the diagonal over the axes of more than one voxel"),
    "solver_relative_error": (_conduction(lambda found: _largest(found.solver_relative_error_xyz)),
                              "largest estimated relative error of sigma_xx, yy, zz"),
    "grid_relative_error": (_conduction(lambda found: _largest(found.error_bar.grid_relative_xyz)),
                            "largest estimated relative error of sigma_xx, yy, zz by the voxels (result.json: method)"),
    "sample_relative_error": (_later, "half the 95 % interval (Student's t) of the mean of sigma_mean over the samples at "
                                      "its point, by that mean; none of a single sample"),
    "samples": (_later, "behind sample_relative_error: separated replicas at its point, copies of each other counted once"),
    **{f"sigma_{short}_S_per_cm": (_conduction(lambda found, phase=phase: found.phases[phase].sigma_S_per_cm
                                               if phase in found.phases else None), f"S/cm, of the {phase}")
       for short, phase in (("pore", "pore"), ("surf", "surface"), ("bulk", "bulk"))},
    "activation_energy_eV": (_conduction(lambda found: found.activation and found.activation.activation_energy_eV),
                             "eV, where there are several temperatures"),
    "surface_depth_nm": (lambda case: float(f"{case.result.reduced_units.length_m / NM:.12g}"), "nm, lambda"),
    "pore_size_nm": (_final(lambda row: row.pore_size_nm), "nm, mean chord of the pores at rho = 1/2"),
    "wall_size_nm": (_final(lambda row: row.wall_size_nm), "nm, mean chord of the walls at rho = 1/2"),
    "spacing_nm": (_final(lambda row: row.spacing_nm), "nm, 2 pi / <k> of the structure factor"),
    "pore_fraction": (_final(lambda row: row.pore_fraction), "of the volume, rho below rho_pore"),
    "surface_fraction": (_final(lambda row: row.surface_fraction), "of the volume, rho between the thresholds"),
    "bulk_fraction": (_final(lambda row: row.bulk_fraction), "of the volume, rho above rho_bulk"),
    "interface_per_nm": (_morphology(lambda found: found.surface.area_crofton_per_nm),
                         "nm^2/nm^3, area of rho = 1/2 (Crofton)"),
    "connectivity": (_morphology(lambda found: found.connectivity.label), "axes along which filler - matrix percolate"),
    "filler_percolates": (_morphology(lambda found: found.connectivity.filler.percolates_along), "axes"),
    "matrix_percolates": (_morphology(lambda found: found.connectivity.matrix.percolates_along), "axes"),
    "surface_percolates": (_morphology(lambda found: found.connectivity.surface
                                       and found.connectivity.surface.percolates_along), "axes"),
    "energy_J_per_m3": (_final(lambda row: row.energy_J_per_m3), "J/m^3, free energy at the end"),
    "reduced_time": (_final(lambda row: row.reduced_time), "lambda^2/(16 w M), of growth"),
    "steps": (lambda case: case.result.growth and case.result.growth.steps, "time steps"),
    "stopped_because": (lambda case: case.result.growth and case.result.growth.reason, "why growth ended"),
    "warnings": (lambda case: "; ".join(case.warnings), "what the run warned of"),
    "seconds": (lambda case: case.seconds, "s, wall clock of the last attempt"),
    "ranks": (lambda case: case.ranks, "MPI ranks"),
    "attempts": (lambda case: case.attempts, "workers that began the case"),
    "pfsolid_version": (lambda case: case.result.provenance.pfsolid_version, "that computed it"),
    "git_commit": (lambda case: case.result.provenance.git_commit, "of pfsolid; + if its files were changed"),
    "created": (lambda case: case.result.provenance.created, "when, UTC"),
}
# What a case over an image has of these.
OF_EVERY_CASE = ("warnings", "seconds", "ranks", "attempts", "pfsolid_version", "git_commit", "created")
# What a field that has not separated does not have.
_OF_STRUCTURE = (*(name for name in COLUMNS if name.startswith("sigma_")), "solver_relative_error", "grid_relative_error",
                 "activation_energy_eV", "pore_size_nm", "wall_size_nm", "interface_per_nm", "connectivity",
                 "filler_percolates", "matrix_percolates", "surface_percolates")
# Copies differ by how their surfaces fall on the voxels, samples by of order 1, in the shares of their longest waves.
_COPIES_DIFFER = 0.01


def collect(directory: Path, with_fields: bool = False) -> list[str]:
    """Write dataset.h5, dataset.csv and dataset.md of what is done so far, for one rank; what to tell the person.

    Raises
    ------
    InputError
        Nothing is done, or fields are asked for that the sweep does not keep or that differ in size.
    OutputError
    """
    directory = Path(directory)
    plan, seen, started = load_plan(directory), look(directory), time.monotonic()
    kept = [name for name in plan.keep if name in _FIELDS]
    if with_fields and not kept:
        raise InputError(f'--fields: the sweep in {directory} keeps none; plan it with keep = ["phase"] or ["rho"]')
    found = _rows(plan, directory, seen)
    rows = found.rows
    if not rows:
        raise InputError(f"{directory} has no case that is done; see pfsolid sweep status {as_word(directory)}")
    missing = _missing(plan, directory, seen, found.damaged)
    stacks = {name: _stack(directory, name, [row["case"] for row in rows]) for name in kept} if with_fields else {}
    _write(plan, directory, found, missing, stacks)
    counts = ", ".join(f"{count} {state}" for state, count in Counter(missing["state"]).items())
    unseparated = sum(row.get("state") == UNSEPARATED for row in rows)
    return [f"{len(rows)} of {len(plan.cases)} cases" + (f"; without a result: {counts}" if counts else ""),
            *([f"{unseparated} of them unseparated: no conductivity"] if unseparated else []),
            *(f"written {directory / name}" for name in (DATASET, TABLE, CARD)),
            f"in {time.monotonic() - started:.1f} s"]


def _write(plan: Plan, directory: Path, found: _Rows, missing: dict[str, list[Any]], stacks: dict[str, Stack]) -> None:
    rows, tensors, meanings = found.rows, found.tensors, _meanings(plan, found)
    columns = list(rows[0])
    tables = {"cases": {name: [row[name] for row in rows] for name in columns}, "missing": missing}
    attributes = {"sweep": plan.name, "base": json.dumps(plan.base), "axes": json.dumps(plan.keys),
                  "planned": len(plan.cases)}
    arrays = {} if tensors.size == 0 else {TENSOR: tensors}
    write_dataset(directory / DATASET, tables, arrays, stacks, len(rows), meanings, attributes)
    lines = (["" if value is None else value for value in row.values()] for row in rows)
    atomic_write_text(directory / TABLE, csv_text([columns, *lines]))
    atomic_write_text(directory / CARD, _card(plan, rows, missing, meanings, stacks))


def table_of(directory: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A row for each case that is done so far, in the order of the plan, and what the columns mean; for one rank.

    Raises
    ------
    InputError, CheckpointError
        It is no sweep, or its plan is damaged.
    """
    plan = load_plan(directory)
    found = _rows(plan, directory, look(directory))
    meanings = _meanings(plan, found)
    columns = found.rows[0] if found.rows else ("case", *plan.keys, *(COLUMNS if plan.kind.has_seeds else OF_EVERY_CASE))
    return found.rows, {name: meanings[name] for name in columns}


@dataclass(frozen=True)
class _Rows:
    """Rows in the order of the plan, their tensors (none of several carriers), cases whose result is damaged and why, and
    what columns mean that not every sweep has."""

    rows: list[dict[str, Any]]
    tensors: np.ndarray[Any, Any]
    damaged: dict[str, str]
    meanings: dict[str, str]


def _rows(plan: Plan, directory: Path, seen: Seen) -> _Rows:
    rows, tensors, damaged, strengths = [], [], {}, []
    meanings: dict[str, str] = {}
    nothing = np.full((3, 3), np.nan)
    for case_id, record in read_records(directory, [case.id for case in plan.cases if case.id in seen.done]):
        if isinstance(record, CheckpointError):
            damaged[case_id] = str(record)
            continue
        conduction, growth = record.result.conduction, record.result.growth
        rows.append(_row(plan, record) if plan.kind.has_seeds else _row_of_image(plan, record, meanings))
        if record.result.carriers is not None:
            continue
        tensors.append(nothing if conduction is None or not has_separated(record) else conduction.sigma_eff_S_per_cm)
        strengths.append(growth and growth.low_modes)
    if plan.kind.has_seeds:
        _fill_sample_errors(rows, strengths, plan.keys)
    else:  # images have phases of their own
        columns = dict.fromkeys(name for row in rows for name in row if name not in OF_EVERY_CASE)
        rows = [{name: row.get(name) for name in (*columns, *OF_EVERY_CASE)} for row in rows]
    return _Rows(rows, np.array(tensors if len(tensors) == len(rows) else [], dtype=float), damaged, meanings)


def _fill_sample_errors(rows: list[dict[str, Any]], strengths: list[tuple[float, ...] | None],
                        keys: tuple[str, ...]) -> None:
    """The third part of the error bar, which no case knows by itself: from the samples at a point that are done."""
    points: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(rows):
        points.setdefault(tuple(row[name] for name in keys), []).append(i)
    for replicas in points.values():
        known = [i for i in replicas if rows[i]["state"] == SEPARATED and rows[i]["sigma_mean_S_per_cm"] is not None]
        chosen = _different([strengths[i] for i in known])
        error = half_interval([rows[known[i]]["sigma_mean_S_per_cm"] for i in chosen])
        for i in known:
            rows[i] |= {"samples": len(chosen), "sample_relative_error": error}


def _different(strengths: list[tuple[float, ...] | None]) -> list[int]:
    """The first of each set of samples that are copies of each other, such as one nucleus at different places."""
    chosen: list[int] = []
    for i, one in enumerate(strengths):
        if one is None or not any(_alike(one, strengths[j]) for j in chosen):
            chosen.append(i)
    return chosen


def _alike(one: tuple[float, ...], other: tuple[float, ...] | None) -> bool:
    if other is None:
        return False
    return bool(np.linalg.norm(np.subtract(one, other)) <= _COPIES_DIFFER * np.linalg.norm(one))


def half_interval(values: Any) -> float | None:
    """Half the 95 % interval of the mean of independent values, by that mean; None of fewer than two, or a mean of 0.

    t s / sqrt(n) with Student's t of n - 1 degrees of freedom: 12.7 for two values, 2.3 for ten, 1.96 for many.
    """
    values = np.array(values, dtype=float)
    n = values.size
    if n < 2 or not values.mean() > 0:
        return None
    return float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n) / values.mean())


def _row(plan: Plan, record: CaseRecord) -> dict[str, Any]:
    row = {"case": record.case} | {name: _cell(record.values[name]) for name in plan.keys}
    row |= {name: finite(of(record)) for name, (of, _) in COLUMNS.items()}
    return row if row["state"] == SEPARATED else row | dict.fromkeys(_OF_STRUCTURE)


def _row_of_image(plan: Plan, record: CaseRecord, meanings: dict[str, str]) -> dict[str, Any]:
    row = {"case": record.case} | {name: _cell(record.values[name]) for name in plan.keys}
    for name, (value, meaning) in columns_of_image(record).items():
        row[name] = finite(value)
        meanings.setdefault(name, meaning)
    return row | {name: finite(COLUMNS[name][0](record)) for name in OF_EVERY_CASE}


def _cell(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) else shown(value)


def _missing(plan: Plan, directory: Path, seen: Seen, damaged: dict[str, str]) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {"case": [], **{name: [] for name in plan.keys}, "seed": [], "state": [], "reason": []}
    for case in plan.cases:
        if case.id in damaged:
            state, reason = "damaged", damaged[case.id]
        elif case.id in seen.done:
            continue
        elif case.id in seen.failed:
            state, reason = "failed", read_failure(directory, case.id)
        else:
            state, reason = "missing", ""
        for name, value in {"case": case.id, **{name: _cell(case.values[name]) for name in plan.keys}, "seed": case.seed,
                            "state": state, "reason": reason}.items():
            table[name].append(value)
    return table


def _meanings(plan: Plan, found: _Rows) -> dict[str, str]:
    columns = {name: meaning for name, (_, meaning) in COLUMNS.items()} | found.meanings
    return {"case": "id; follows from the input", **columns, **{name: "input, varied by the sweep" for name in plan.keys},
            TENSOR: "S/cm, effective conductivity, (case, 3, 3)", "state": "missing, failed or damaged", "reason": "why"}


def _stack(directory: Path, name: str, ids: list[str]) -> Stack:
    """A kept field of all cases, read one by one as it is written."""
    dtype, fill = _FIELDS[name]
    first = next((kept_path(directory, one, name) for one in ids if kept_path(directory, one, name).exists()), None)
    if first is None:
        raise InputError(f"--fields: no case of {directory} has kept its {name}")
    sample, attributes = read_stored(first, name)

    def arrays():
        for one in ids:
            path = kept_path(directory, one, name)
            array = read_stored(path, name)[0] if path.exists() else None
            if array is not None and array.shape != sample.shape:
                raise InputError(f"--fields: the grids differ ({sample.shape} and {array.shape}, z y x), so the fields do "
                                 "not stack; collect without --fields")
            yield array

    return Stack(sample.shape, dtype, arrays(), fill, {"axes": "case z y x", "units": attributes["units"]})


# --- the card -----------------------------------------------------------------------------------------------


def _card(plan: Plan, rows: list[dict[str, Any]], missing: dict[str, list[Any]], meanings: dict[str, str],
          stacks: dict[str, Stack]) -> str:
    """A data card: what the table holds, where it is from, what is missing."""
    commits = Counter(f"pfsolid {row['pfsolid_version']}, commit {row['git_commit'] or 'unknown'}" for row in rows)
    created = sorted(row["created"] for row in rows)
    warned = [row for row in rows if row["warnings"]]
    unseparated = sum(row.get("state") == UNSEPARATED for row in rows)
    core_hours = sum(row["seconds"] * row["ranks"] for row in rows) / 3600
    what = "microstructures" if plan.kind.has_seeds else "images"
    lines = [f"# Dataset {plan.name}", "",
             f"{len(rows)} of {len(plan.cases)} {what} and their effective conductivity, computed "
             f"{created[0]} to {created[-1]} in {core_hours:.2g} core-hours.", "",
             f"- `{TABLE}`: one row a case. `{DATASET}`: the same columns under `/cases`, the tensors as `/{TENSOR}`"
             + (f", fields {', '.join(f'`/fields/{name}`' for name in stacks)} (case, z, y, x)" if stacks else "") + ".",
             *(f"- made by {text}: {count} cases" for text, count in commits.items()), "",
             "## What varies", "", "| key | values |", "|---|---|"]
    for name in plan.keys:
        values = list(dict.fromkeys(shown(case.values[name]) for case in plan.cases))
        lines.append(f"| {name} | {', '.join(values)} |")
    lines += ["", "Replicas differ in `microstructure.seed` only."] if plan.kind.has_seeds else []
    lines += ["", "## What is missing", ""]
    lines += _missing_lines(missing) or ["Nothing."]
    lines += ["", f"Of {unseparated} cases the phases had not separated when growth ended (`state`): they have no "
              "conductivity and count in no statistics."] if unseparated else []
    lines += ["", f"## Warnings\n\n{len(warned)} cases warned of something (column `warnings`)."] if warned else []
    lines += ["", "## Columns", "", "| column | meaning |", "|---|---|"]
    lines += [f"| {name} | {meanings[name]} |" for name in rows[0]]
    lines += ["", "## Base input", "", "```json", json.dumps(plan.base, indent=1), "```", ""]
    return "\n".join(lines)


def _missing_lines(missing: dict[str, list[Any]]) -> list[str]:
    counts = Counter(missing["state"])
    lines = [f"- {count} {state}" for state, count in counts.items()]
    told = [i for i, state in enumerate(missing["state"]) if state != "missing"][:_MISSING_SHOWN]
    lines += [f"- {missing['case'][i]}, {missing['state'][i]}: {missing['reason'][i]}" for i in told]
    return lines + (["", f"All are under `/missing` in `{DATASET}`."] if lines else [])
