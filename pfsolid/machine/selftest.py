"""A small run of every parallel part, with answers that are known: `python -m pfsolid.machine.selftest`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ..errors import PfsolidError
from ..grid import PeriodicGrid
from ..homogenization.medium import Medium
from ..io.checkpoint import load_latest, write_checkpoint
from ..io.hdf5 import DistributedArray
from ..labels import empty_labels
from ..parallel.collective import on_root
from ..parallel.communicator import world
from ..parallel.launch import leave_together
from ..phasefield.initial import fill_noise
from ..phasefield.steppers import CahnHilliard, StepControl
from ..spectral.transform import SlabTransform

_SHAPE = (16, 12, 10)


def selftest(comm) -> list[str]:
    """Failures, empty if all is well.  Collective."""
    with SlabTransform(PeriodicGrid(_SHAPE, (0.5, 0.5, 0.5)), comm) as transform:
        return _failures(transform, comm)


def _failures(transform: SlabTransform, comm) -> list[str]:
    checks = {"transform": _transform_error, "phase field": _mass_error, "checkpoint": _checkpoint_error,
              "conduction": _conduction_error}
    failures = []
    for name, check in checks.items():
        try:
            error = transform.reducer.max(check(transform, comm))
        except PfsolidError as problem:
            failures.append(f"{name}: {problem}")
            continue
        if not error < 1e-10:  # all four are exact but for rounding
            failures.append(f"{name}: error {error:.1e}")
    return failures


def _transform_error(transform, _comm) -> float:
    fill_noise(transform, 0.5, 0.1, 1)
    before = transform.real.copy()
    transform.forward()
    transform.spectral *= 1 / transform.grid.num_voxels
    return float(np.abs(transform.backward() - before).max())


def _mass_error(transform, _comm) -> float:
    stepper = CahnHilliard(transform)
    fill_noise(transform, 0.5, 0.1, 1)
    stepper.start(1e-3)
    for _ in range(5):
        stepper.step(StepControl(0.03))
    mean = transform.reducer.sum(stepper.density().sum())[0] / transform.grid.num_voxels
    return abs(mean - 0.5)


def _checkpoint_error(transform, comm) -> float:
    fill_noise(transform, 0.5, 0.1, 1)
    folder = on_root(comm, tempfile.TemporaryDirectory)
    try:
        array = DistributedArray(transform.real, transform.grid.shape, transform.local_slice)
        write_checkpoint(Path(folder.name), {"rho": array}, {}, comm, 1)
        checkpoint, _ = load_latest(Path(folder.name), comm)
        return float(np.abs(checkpoint.load("rho", transform.local_slice) - transform.real).max())
    finally:
        on_root(comm, folder.cleanup)


def _conduction_error(transform, _comm) -> float:
    labels = empty_labels(transform)
    labels[...] = np.arange(_SHAPE[2]) % 2  # sheets normal to z of conductivities 1 and 3
    effective = Medium(labels, lambda _: np.array([1.0, 3.0]), transform).at().solve(rtol=1e-12)
    return float(np.abs(effective.tensor - np.diag([2.0, 2.0, 1.5])).max())


def _main() -> None:
    comm = world()
    failures = selftest(comm)
    if comm.Get_rank() == 0:
        print(f"self-test on {comm.Get_size()} ranks: " + ("passed" if not failures else "; ".join(failures)))
    leave_together(comm, 1 if failures else 0)


if __name__ == "__main__":
    _main()
