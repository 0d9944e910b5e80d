"""Small sweeps for the tests of planning, running and collecting."""

import csv
from dataclasses import replace
from pathlib import Path

from pfsolid.config.sweep import read_sweep
from pfsolid.sweeps.collect import collect
from pfsolid.sweeps.plan import Plan, make_plan, store_plan
from pfsolid.sweeps.state import CaseRecord

from .results import conduction_of, result_of

# 12 x 10 x 8: uneven slabs on 4 ranks.  The steps suffice for all three phases to be there.
BASE = """
[base.grid]
shape = [12, 10, 8]
voxel_size_nm = 0.9
[base.material]
surface_energy_eV_per_A2 = 0.020
surface_depth_nm = 1.4
[base.microstructure]
noise_amplitude = 0.2
[base.evolution]
max_steps = {steps}
[base.conduction]
sigma_bulk_S_per_cm = 8.93e-7
sigma_surf_S_per_cm = 3.14e-3
"""
POROSITIES = """
[[axis]]
key = "microstructure.porosity"
values = [0.35, 0.40, 0.45]
"""
# What two computations of the same case need not share.
TRANSIENT = ("seconds", "created", "attempts", "git_commit")


def sweep_text(head="replicas = 2", axes=POROSITIES, steps=100) -> str:
    return head + "\n" + BASE.format(steps=steps) + axes


def write_sweep(folder: Path, **parts) -> Path:
    path = folder / "tiny.toml"
    path.write_text(sweep_text(**parts))
    return path


def plan_in(folder: Path, name="sweep", **parts) -> tuple[Plan, Path]:
    """A plan, and the directory it was stored in."""
    path = write_sweep(folder, **parts)
    plan = make_plan(read_sweep(path), str(path))
    store_plan(plan, folder / name)
    return plan, folder / name


TENSOR = [[3e-4, 1e-5, 0.0], [1e-5, 2e-4, 0.0], [0.0, 0.0, 1e-4]]


def record_of(case, **changes) -> CaseRecord:
    """As a worker makes it; ``changes`` of it or, under ``result``, of its result."""
    result = result_of(conduction_of(TENSOR, mean_S_per_cm=2e-4, solver_relative_error_xyz=(1e-5, 9e-5, 2e-5)),
                       porosity=case.values["microstructure.porosity"])
    record = CaseRecord(case=case.id, values=case.values, replica=case.replica, seed=case.seed, seconds=2.0, ranks=1,
                        threads=1, attempts=1, warnings=("not separated",), result=result)
    return replace(record, **changes)


def dataset(directory: Path) -> list[dict]:
    """Rows of the collected table without what two computations of the same need not share."""
    collect(directory)
    with open(directory / "dataset.csv", newline="") as file:
        return [{name: value for name, value in row.items() if name not in TRANSIENT} for row in csv.DictReader(file)]
