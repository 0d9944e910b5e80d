"""The plan of a sweep: which cases there are, what they cost, how to launch them; and its directory.

``plan.json`` is sealed and says everything a worker needs.  Planning again over the same directory extends the sweep: a
case's id follows from what it computes, so that what is done stays done.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..config.estimate import PROGRAM_BYTES
from ..config.run import RunConfig
from ..config.sweep import SweepConfig, groups_of, problem_lines
from ..config.text import shown
from ..errors import CheckpointError, InputError
from ..io.files import make_folder
from ..io.records import atomic_write_text, csv_text
from ..io.sealed_json import read_sealed_json, write_sealed_json
from ..text import as_word, in_binary_units, one_line, plural
from .kinds import CaseConfig, Kind, first_seed, kind_of, tables_at

PLAN = "plan.json"
CASES_TABLE = "cases.csv"
SCHEMA = 1
LISTED = 10  # cases and mistakes on the screen; all cases are in cases.csv
RESULT_BYTES = 12_000
FIELD_BYTES_PER_VOXEL = {"rho": 4, "phase": 1, "history": 0, "currents": 0}
# Above this a rank's memory is a matter of how many of them share a node.
MAX_RANK_BYTES = 2e9
MAX_ARRAY_TASKS = 1000  # SLURM's MaxArraySize is 1001
TASK_CORES, TASK_SECONDS = 4, 600


@dataclass(frozen=True)
class Plan:
    """A sweep with its cases.

    Attributes
    ----------
    base : dict
        Sections of the base input.
    keys : tuple of str
        What varies.
    keep : tuple of str
        Fields each case leaves.
    cases : tuple of Case
        In the order of the axes.
    costs : tuple of float
        Expected core-seconds; relative to each other where nothing says how many steps there are.
    costs_known : bool
    """

    name: str
    base: dict[str, Any]
    keys: tuple[str, ...]
    keep: tuple[str, ...]
    cases: tuple[Case, ...]
    costs: tuple[float, ...]
    costs_known: bool

    @property
    def kind(self) -> Kind:
        """What its cases are."""
        return kind_of(self.base)

    def config_of(self, case: Case) -> CaseConfig:
        """The input of a case."""
        return config_at(self.base, case.values, case.seed, f"case {case.id}")


def make_plan(sweep: SweepConfig, source: str) -> Plan:
    """All cases of a sweep, each input checked.

    Raises
    ------
    InputError
        With a line for each different mistake and the number of cases that have it.
    """
    cases, costs, mistakes, seen = [], [], {}, {}
    kind, seed_of_base = kind_of(sweep.base), first_seed(sweep.base)
    for values in points_of(sweep):
        for number in range(sweep.replicas):
            has_seed = kind.has_seeds and "microstructure.seed" not in values and type(seed_of_base) is int
            seed = seed_of_base + number if has_seed else None
            try:
                config = config_at(sweep.base, values, seed, "case")
                case = case_at(config, values, number)
                kind.check(config)
                if case.id in seen:
                    raise InputError(f"the same case as {describe(seen[case.id])}")
                seen[case.id] = case
            except InputError as error:
                for line in problem_lines(error):
                    mistakes.setdefault(line.removeprefix("case: "), []).append(values)
                continue
            cases.append(case)
            costs.append(kind.seconds(config) or math.nan)
    if mistakes:
        lines = [f"{source}: {message} ({_which(where)})" for message, where in mistakes.items()]
        if len(lines) > LISTED:
            lines[LISTED:] = [f"{source}: ... and {len(lines) - LISTED} more"]
        raise InputError("\n".join(lines))
    known = not any(map(math.isnan, costs))
    if not known:
        costs = [float(kind.num_voxels(config_at(sweep.base, case.values, case.seed))) for case in cases]
    keys = tuple(axis.key for axis in sweep.axes)
    return Plan(sweep.name, sweep.base, keys, sweep.keep, tuple(cases), tuple(costs), known)


def _which(where: list[dict[str, Any]]) -> str:
    first = ", ".join(f"{name} = {shown(value)}" for name, value in where[0].items())
    return f"1 case: {first}" if len(where) == 1 else f"{len(where)} cases, the first: {first}"


def describe(case: Case) -> str:
    """A case's values for a person."""
    values = [f"{name.rpartition('.')[2]} = {shown(value)}" for name, value in case.values.items()]
    return ", ".join([*values, *([] if case.seed is None else [f"seed {case.seed}"])])


# --- the directory ------------------------------------------------------------------------------------------


def store_plan(plan: Plan, directory: Path, force: bool = False) -> tuple[int, int]:
    """Write or extend the plan of a directory, for one rank; numbers of cases that are new and that are dropped.

    Raises
    ------
    InputError
        The directory holds something else, another sweep, or cases that this plan lacks; those are dropped from the
        plan, with ``force``, and their results stay where they are.
    OutputError
    """
    directory = Path(directory)
    known, ids = set(), {case.id for case in plan.cases}
    if (directory / PLAN).exists():
        before = load_plan(directory)
        if before.name != plan.name:
            raise InputError(f'{directory} holds the sweep "{before.name}", not "{plan.name}"; give another -o')
        known = {case.id for case in before.cases}
        lost = [case for case in before.cases if case.id not in ids]
        if lost and not force:
            raise InputError(f"{directory} holds an earlier plan of this sweep, and {len(lost)} of its {len(known)} cases "
                             f"are not in this one, the first: {describe(lost[0])}; has the base input changed?  Give "
                             "another -o, or --force to drop them from the plan (their results stay)")
    elif directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory} exists and is not the directory of a sweep (it has no {PLAN}); give another -o")
    make_folder(directory)
    write_sealed_json(directory / PLAN, {"format": "pfsolid sweep", "schema": SCHEMA, **asdict(plan)})
    atomic_write_text(directory / CASES_TABLE, csv_text(
        [["case", *plan.keys, "replica", "seed"],
         *([case.id, *case.values.values(), case.replica, case.seed] for case in plan.cases)]))
    return len(ids - known), len(known - ids)


def with_known_ids(plan: Plan, directory: Path) -> Plan:
    """The plan with the ids that a directory knows its cases by: in older ones they have no letter.  For one rank."""
    if not (Path(directory) / PLAN).exists():
        return plan
    known = {case.id for case in load_plan(directory).cases}

    def stored(case: Case) -> Case:
        old = case.id.removeprefix(ID_LETTER)
        return replace(case, id=old) if old in known else case

    return replace(plan, cases=tuple(map(stored, plan.cases)))


def load_plan(directory: Path) -> Plan:
    """The plan of a sweep's directory, for one rank.

    Raises
    ------
    InputError
        There is none.
    CheckpointError
        It is damaged; planning again into another directory and moving ``cases`` there mends that.
    """
    path = Path(directory) / PLAN
    if not path.is_file():
        raise InputError(f"{directory} does not exist" if not Path(directory).exists()
                         else f"{directory} is not the directory of a sweep (it has no {PLAN}); "
                              "make one with: pfsolid sweep plan SWEEP.toml -o DIR")
    data = read_sealed_json(path)
    if data.pop("schema") != SCHEMA or data.pop("format") != "pfsolid sweep":
        raise CheckpointError(f"{path} is of another version of pfsolid")
    cases = tuple(Case(**case) for case in data["cases"])
    if not all(re.fullmatch(r"[A-Za-z0-9]{1,40}", case.id) for case in cases):  # files are named by them
        raise CheckpointError(f"{path} is damaged: it has cases whose names are not those of pfsolid")
    lists = {name: tuple(data[name]) for name in ("keys", "keep", "costs")}
    return Plan(**data | lists | {"cases": cases})


# --- what it costs ------------------------------------------------------------------------------------------


def case_bytes(plan: Plan, num_ranks: int = 1) -> float:
    """Memory of the fullest rank of the largest case, with the program's own."""
    return PROGRAM_BYTES + max(plan.kind.bytes(config, num_ranks) for config in different_grids(plan))


def different_grids(plan: Plan) -> list[CaseConfig]:
    """An input of each grid, precision and presence of conduction: what memory and plans depend on."""
    found = {}
    varying = [name for name in plan.keys
               if name.startswith(("grid.", "parallel.", "conduction.", "image.", "tubules.", "grains.", "phases."))]
    for case in plan.cases:
        found.setdefault(tuple(repr(case.values[name]) for name in varying), case)
    return [plan.config_of(case) for case in found.values()]


def plan_lines(plan: Plan, directory: Path, num_new: int, num_dropped: int, num_done: int) -> list[str]:
    """What `pfsolid sweep plan` prints."""
    width = max(map(len, plan.keys))
    lines = [f"sweep {plan.name}: {len(plan.cases)} cases in {directory}"
             + (f", {num_new} of them new, {num_done} done" if num_new < len(plan.cases) else "")
             + (f"; {num_dropped} dropped" if num_dropped else "")]
    for name in plan.keys:
        values = list(dict.fromkeys(shown(case.values[name]) for case in plan.cases))
        text = ", ".join(values) if len(values) <= 6 else f"{', '.join(values[:3])} ... {values[-1]} ({len(values)} values)"
        lines.append(f"  {name:<{width}}  {text}")
    lines += [f"  {case.id}  {describe(case)}" for case in plan.cases[:LISTED]]
    if len(plan.cases) > LISTED:
        lines.append(f"  ... all are listed in {directory / CASES_TABLE}")
    return lines + _cost_lines(plan) + _launch_lines(plan, directory)


def _cost_lines(plan: Plan) -> list[str]:
    grids = different_grids(plan)
    voxels = max(map(plan.kind.num_voxels, grids))
    disk = len(plan.cases) * (RESULT_BYTES + voxels * sum(FIELD_BYTES_PER_VOXEL[name] for name in plan.keep))
    hours = f"roughly {sum(plan.costs) / 3600:.2g} core-hours" if plan.costs_known else \
        "how long is not known beforehand (no number of steps or end time is given)"
    return [f"estimated: {hours}; {in_binary_units(int(case_bytes(plan)))} of memory for a case on one rank; "
            f"at most {in_binary_units(disk)} on disk"]


def ranks_per_case(plan: Plan) -> int:
    """Ranks for the largest case, such that each holds no more than MAX_RANK_BYTES."""
    ranks = 1
    most = min(map(plan.kind.most_ranks, different_grids(plan)))
    while case_bytes(plan, ranks) - PROGRAM_BYTES > MAX_RANK_BYTES and 2 * ranks <= most:
        ranks *= 2
    return ranks


def array_tasks(plan: Plan) -> int:
    """Tasks of a SLURM array: about ten minutes each on a few cores, within the usual limit."""
    wanted = math.ceil(sum(plan.costs) / (TASK_CORES * TASK_SECONDS)) if plan.costs_known else len(plan.cases)
    return max(1, min(wanted, len(plan.cases), MAX_ARRAY_TASKS))


def _launch_lines(plan: Plan, directory: Path) -> list[str]:
    ranks, tasks = ranks_per_case(plan), array_tasks(plan)
    word = as_word(directory)
    option = f" --ranks-per-case {ranks}" if ranks > 1 else ""
    laptop = "pfsolid sweep run" if ranks == 1 else "mpirun -n " + f"{ranks} pfsolid sweep run{option}"
    each = math.ceil(len(plan.cases) / tasks)
    return ["to run it:",
            f"  on this machine      {laptop} {word}",
            f"  in one allocation    mpirun -n N pfsolid sweep run{option} {word}",
            f"  as a SLURM array     sbatch --array=1-{tasks} jobs/sweep_array.sbatch {word} {tasks}"
            f"   ({plural(each, 'case')} a task)"]


def one_case(plan: Plan, name: str) -> Plan:
    """A case by itself.

    Parameters
    ----------
    plan : Plan
    name : str
        Its id, or its row in cases.csv, from 1.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        There is none.
    """
    if re.fullmatch(r"[0-9]{1,9}", name):
        place = int(name) - 1
        known = f"its rows are 1 to {len(plan.cases)}"
    else:
        place = next((i for i, case in enumerate(plan.cases) if case.id == name), -1)
        known = "its ids are in cases.csv"
    if not 0 <= place < len(plan.cases):
        raise InputError(f"CASE {one_line(name)}: the sweep has no such case; {known}")
    return replace(plan, cases=(plan.cases[place],), costs=(plan.costs[place],))


def slice_of(plan: Plan, part: int, parts: int) -> Plan:
    """The cases of one of several launches that share a sweep without meeting: equal shares of short and long ones.

    Raises
    ------
    InputError
        Unless 1 <= part <= parts.
    """
    if not 1 <= part <= parts:
        raise InputError(f"--slice {part}/{parts}: the first number must be from 1 to the second")
    by_cost = sorted(range(len(plan.cases)), key=lambda i: (-plan.costs[i], i))
    mine = sorted(by_cost[part - 1::parts])
    return replace(plan, cases=tuple(plan.cases[i] for i in mine), costs=tuple(plan.costs[i] for i in mine))


_ID_DIGITS = 12
ID_LETTER = "x"  # no digit of the rest


@dataclass(frozen=True)
class Case:
    """One run of a sweep.

    Attributes
    ----------
    id : str
        Follows from what is computed, and from nothing else.
    values : dict
        Of the axes' keys.
    replica : int
    seed : int or None
        None where nothing is random.
    """

    id: str
    values: dict[str, Any]
    replica: int
    seed: int | None


def points_of(sweep: SweepConfig) -> list[dict[str, Any]]:
    """Values of the axes' keys at each point, the last axis varying fastest."""
    rows = [[dict(zip([axis.key for axis in group], values)) for values in zip(*(axis.values for axis in group))]
            for group in groups_of(sweep.axes)]
    return [{name: value for part in parts for name, value in part.items()} for parts in itertools.product(*rows)]


def config_at(base: dict[str, Any], values: dict[str, Any], seed: int | None = None, source: str = "input") -> CaseConfig:
    """The input of one case: the base with the values of its axes and its seed.

    Raises
    ------
    InputError
    """
    return kind_of(base).config_of(tables_at(base, values, seed), source)


def case_at(config: CaseConfig, values: dict[str, Any], replica: int) -> Case:
    """The case that computes this input."""
    return Case(case_id(config), values, replica, config.microstructure.seed if isinstance(config, RunConfig) else None)


def case_id(config: CaseConfig) -> str:
    """A digest of what decides the result: the keys that are given, without titles, notes, output and threads.

    Keys with their default are left out, so that an id stays what it is when a version of pfsolid adds a key.  It begins
    with a letter: spreadsheets and pandas read 004894503504 and 1234567e0012 as numbers.
    """
    given = config.model_dump(mode="json", exclude_unset=True, exclude={"title": True, "output": True,
                                                                         "parallel": {"threads"},
                                                                         "material": {"sources"}})
    given = {name: part for name, part in given.items() if part}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return ID_LETTER + hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]
