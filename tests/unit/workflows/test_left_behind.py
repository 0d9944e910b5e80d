"""What a run leaves: history to the last state, snapshots from the first on, nothing open after an error."""

import csv
import gc
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers.builders import ALONE

from pfsolid.config.image import study_from_text
from pfsolid.config.run import config_from_dict
from pfsolid.errors import ConvergenceError, InputError, Interrupted
from pfsolid.homogenization import medium
from pfsolid.io.checkpoint import load_latest
from pfsolid.io.run_directory import CHECKPOINTS, HISTORY, SNAPSHOTS
from pfsolid.parallel.collective import Reducer
from pfsolid.parallel.session import Session
from pfsolid.spectral.transform import SlabTransform
from pfsolid.workflows import sinks
from pfsolid.workflows.density import homogenize
from pfsolid.workflows.image import conduct_image
from pfsolid.workflows.simulate import grow

RAW = {
    "grid": {"shape": [10, 9, 8], "voxel_size_nm": 0.7},
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "microstructure": {"porosity": 0.45, "noise_amplitude": 0.2},
    "evolution": {"max_steps": 25},
    "conduction": {"sigma_bulk_S_per_cm": 8.93e-7, "sigma_surf_S_per_cm": 3.14e-3, "sigma_pore_S_per_cm": 1e-8},
    "output": {"figures": False, "history_interval_steps": 10},
}


def config_with(**sections):
    return config_from_dict({**RAW, **{name: RAW.get(name, {}) | more for name, more in sections.items()}})


def session():
    return Session(ALONE, Reducer(ALONE), 1)


def steps_in(folder) -> list[int]:
    with open(folder / HISTORY, newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


class StopsAt(Session):
    """In which a signal comes after some looks."""

    looks = 0
    step = 0

    def __getattribute__(self, name):
        if name == "stop_requested":
            self.looks += 1
            return "SIGUSR1" if self.looks >= self.step else None
        return super().__getattribute__(name)


# --- history ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps, expected", [(25, [10, 20, 25]), (20, [10, 20]), (3, [3])])
def test_history_ends_with_the_last_state(tmp_path, steps, expected):
    grow(config_with(evolution={"max_steps": steps}), tmp_path, session())
    assert steps_in(tmp_path) == expected


def test_a_stopped_run_has_its_last_state_too_and_once_resumed_the_rows_of_one_that_was_not(tmp_path):
    config = config_with()
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = grow(config, tmp_path / "whole", session())
    stopping = StopsAt(ALONE, Reducer(ALONE), 1)
    stopping.step = 13
    with pytest.raises(Interrupted):
        grow(config, tmp_path / "parts", stopping)
    checkpoint, _ = load_latest(tmp_path / "parts" / CHECKPOINTS, ALONE)
    assert steps_in(tmp_path / "parts") == [10, checkpoint.step] and checkpoint.step % 10
    again = grow(config, tmp_path / "parts", session(), checkpoint)
    assert (tmp_path / "parts" / HISTORY).read_bytes() == (tmp_path / "whole" / HISTORY).read_bytes()
    assert (again.rho == whole.rho).all()


# --- snapshots ------------------------------------------------------------------------------------------------


def times_in(folder) -> list[float]:
    tree = ElementTree.parse(folder / SNAPSHOTS / "series.xdmf")
    return [float(one.get("Value")) for one in tree.iter("Time")]


def test_snapshots_begin_at_time_zero_and_a_running_series_lists_them(tmp_path, monkeypatch):
    seen = []
    config = config_with(evolution={"max_steps": None, "max_reduced_time": 0.02},
                         output={"snapshot_interval_reduced_time": 0.005, "checkpoint_interval_s": 1e-9})
    write = sinks.write_checkpoint

    def looking(*arguments):
        seen.append(len(times_in(tmp_path)))
        return write(*arguments)

    monkeypatch.setattr(sinks, "write_checkpoint", looking)
    grow(config, tmp_path, session())
    assert times_in(tmp_path) == pytest.approx([0.0, 0.005, 0.01, 0.015, 0.02])
    assert seen[0] == 1 and seen == sorted(seen)


# --- closed on every error -------------------------------------------------------------------------------------


@pytest.fixture
def open_transforms(monkeypatch):
    """Those that were made and are not closed."""
    found = set()
    make, close = SlabTransform.__init__, SlabTransform.close

    def made(self, *arguments, **options):
        make(self, *arguments, **options)
        found.add(id(self))

    def closed(self):
        close(self)
        found.discard(id(self))

    monkeypatch.setattr(SlabTransform, "__init__", made)
    monkeypatch.setattr(SlabTransform, "close", closed)
    gc.collect()
    return found


def fails(*_, **__):
    raise ConvergenceError("as asked for")


@pytest.mark.parametrize("where", ["solve_tensor", "count_labels", "settings_of_second"])
def test_transforms_of_a_run_are_closed_when_conduction_fails(monkeypatch, open_transforms, where):
    monkeypatch.setattr("pfsolid.homogenization.density.settings_of_second" if where == "settings_of_second"
                        else f"pfsolid.homogenization.medium.{where}", fails)
    config = config_with(conduction={"grid_error": "refinement"})
    rho = np.random.default_rng(1).integers(0, 2, config.grid.shape).astype(float)
    with pytest.raises(ConvergenceError):
        homogenize(rho, config.grid_nm, config.conduction, None, session(), config.output, {})
    assert not open_transforms


def test_transforms_are_closed_when_growing_fails(tmp_path, monkeypatch, open_transforms):
    monkeypatch.setattr("pfsolid.phasefield.steppers.CahnHilliard.step", fails)
    with pytest.raises(ConvergenceError):
        grow(config_with(), tmp_path, session())
    assert not open_transforms


STUDY = """
[image]
file = {file!r}
voxel_size_nm = 1.0
boundary = {boundary!r}
[phases]
sigma_S_per_cm = {{ "0" = 1e-8, "1" = 1e-3 }}
[conduction]
solver = {solver!r}
grid_error = {error!r}
[output]
figures = false
"""


@pytest.mark.parametrize("boundary, solver, error", [
    ("periodic", "fft", "none"), ("electrodes", "fft", "none"), ("periodic", "petsc", "none"),
    ("periodic", "fft", "refinement")])
def test_transforms_of_an_image_are_closed_when_solving_fails(tmp_path, monkeypatch, open_transforms, boundary, solver,
                                                              error):
    np.save(tmp_path / "image.npy", np.random.default_rng(1).integers(0, 2, (6, 6, 6)).astype("u1"))
    text = STUDY.format(file=str(tmp_path / "image.npy"), boundary=boundary, solver=solver, error=error)
    study = study_from_text(text, "test")
    monkeypatch.setattr(medium, "solve_tensor", fails)
    closed = []
    monkeypatch.setattr("pfsolid.conduction.petsc.PetscSolver.close", lambda self: closed.append(self))
    with pytest.raises(ConvergenceError):
        conduct_image(study, tmp_path / "out", session())
    assert not open_transforms and bool(closed) == (solver == "petsc")


def test_transforms_of_an_image_are_closed_when_it_is_refused(tmp_path, open_transforms):
    np.save(tmp_path / "image.npy", np.full((6, 6, 6), 3, "u1"))
    study = study_from_text(STUDY.format(file=str(tmp_path / "image.npy"), boundary="periodic", solver="fft", error="none"),
                            "test")
    with pytest.raises(InputError, match="label 3|conductivity"):
        conduct_image(study, tmp_path / "out", session())
    assert not open_transforms
