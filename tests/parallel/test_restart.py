"""A run resumed on another number of ranks; too many ranks; what a rank count must not change."""

import json

import numpy as np
import pytest
from helpers.builders import ALONE

from pfsolid.config.run import config_from_dict, to_toml
from pfsolid.errors import Interrupted
from pfsolid.io.checkpoint import checkpoint_path, load_latest, read_checkpoint
from pfsolid.io.run_directory import CHECKPOINTS
from pfsolid.parallel.collective import on_root
from pfsolid.phasefield import nested
from pfsolid.workflows.console import open_session
from pfsolid.workflows.run import run
from pfsolid.workflows.simulate import grow

# 13 and 11 planes: the slabs of 2, 3 and 4 ranks are uneven.
RAW = {
    "grid": {"shape": [13, 11, 10], "voxel_size_nm": 0.5},
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "microstructure": {"porosity": 0.45, "noise_amplitude": 0.1},
    "evolution": {"max_steps": 130},
    "conduction": {"sigma_bulk_S_per_cm": 8.93e-7, "sigma_surf_S_per_cm": 3.14e-3},
    "output": {"figures": False},
}


@pytest.fixture
def config():
    return config_from_dict(RAW)


def interrupted_at(config, folder, session, step):
    """Grow until a step, where a signal seems to come; the checkpoint."""
    with pytest.raises(Interrupted, match="checkpoint .*step_"):
        grow(config, folder, _StopAt(session, step), attributes={})
    checkpoint, refusals = load_latest(folder / CHECKPOINTS, session.comm)
    assert checkpoint.step == step and not refusals
    return checkpoint


class _StopAt:
    """A session in which a signal comes on the last rank at some step."""

    def __init__(self, session, step):
        self._session, self._looks, self._step = session, 0, step

    def __getattr__(self, name):
        return getattr(self._session, name)

    def look_around(self, due=False):
        self._looks += 1
        last = self._session.reducer.rank == self._session.reducer.size - 1
        self._session.stop_requested = "SIGUSR1" if last and self._looks >= self._step else None
        seen = self._session.look_around(due)
        self._session.stop_requested = None
        return seen


def test_restart_on_another_rank_count(config, comm, shared_tmp_path):
    """Checkpoint on all ranks; go on for 100 steps on all of them and, from the same file, on one alone."""
    session = open_session(1, comm)
    folder = shared_tmp_path / "many"
    on_root(comm, folder.mkdir)
    checkpoint = interrupted_at(config, folder, session, 30)
    together = grow(config, folder, session, checkpoint)
    assert together.summary.steps == 130
    whole = np.concatenate(comm.allgather(together.rho))

    alone = open_session(1, ALONE)
    mine = shared_tmp_path / f"alone{comm.rank}"
    mine.mkdir()
    single = grow(config, mine, alone, load_at(folder, 30, ALONE))
    # The transforms of 1 and of n ranks round differently; 100 steps of a field of order 1 amplify that little.
    assert np.abs(single.rho - whole).max() < 1e-10
    comm.Barrier()


def load_at(folder, step, comm):
    """The checkpoint of a step, for any communicator."""
    return read_checkpoint(checkpoint_path(folder / CHECKPOINTS, step), comm)


def test_restart_of_one_rank_on_all(config, comm, shared_tmp_path):
    """The other way round: the checkpoint of one rank, read by all."""
    folder = shared_tmp_path / "one"
    if comm.rank == 0:
        folder.mkdir()
        interrupted_at(config, folder, open_session(1, ALONE), 30)
        path = folder / "copy"
        path.mkdir()
        reference = grow(config, path, open_session(1, ALONE), load_at(folder, 30, ALONE)).rho
    comm.Barrier()
    together = grow(config, folder, open_session(1, comm), load_at(folder, 30, comm))
    whole = np.concatenate(comm.allgather(together.rho))
    if comm.rank == 0:
        assert np.abs(whole - reference).max() < 1e-10  # as above


def test_whole_run_against_one_rank(config, comm, shared_tmp_path):
    """From the seed to the tensor; and the files are complete at any rank count."""
    session = open_session(1, comm)
    result = run(config, shared_tmp_path / "all", session)
    with open(shared_tmp_path / "all" / "result.json", encoding="utf-8") as file:
        stored = json.load(file)
    assert stored["provenance"]["num_ranks"] == comm.size
    assert (shared_tmp_path / "all" / "input.toml").read_text() == to_toml(config)
    comm.Barrier()
    alone = run(config, shared_tmp_path / f"self{comm.rank}", open_session(1, ALONE))
    tensor, reference = (np.array(r.to_dict()["sigma_eff_S_per_m"]) for r in (result, alone))
    # Thresholds turn a difference of rounding into another voxel only where rho is within 1e-10 of one.  What is left
    # is the single-precision preconditioner, which rounds differently: far below the tolerance of 1e-4.
    assert np.abs(tensor - reference).max() < 1e-6 * reference.max()


NUCLEATION = RAW | {
    "grid": {"shape": [24, 20, 22], "voxel_size_nm": 0.5},
    "microstructure": {"porosity": 0.15},
    "nucleation": {"number_density_per_um3": 3e6, "duration_reduced_time": 1.0},
    "evolution": {"max_steps": 60},
}


def test_nucleation_during_the_run_against_one_rank(comm, shared_tmp_path):
    """The same nuclei at the same times at every rank count."""
    config = config_from_dict(NUCLEATION)
    folder = shared_tmp_path / "all"
    on_root(comm, folder.mkdir)
    together = grow(config, folder, open_session(1, comm)).rho
    mine = shared_tmp_path / f"self{comm.rank}"
    mine.mkdir()
    alone = grow(config, mine, open_session(1, ALONE)).rho
    assert alone.min() < 0.1  # there are nuclei
    assert np.abs(np.concatenate(comm.allgather(together)) - alone).max() < 1e-10  # rounding, as above
    comm.Barrier()


def test_nested_grids_against_one_rank(comm, shared_tmp_path, monkeypatch):
    """Growth on three grids, stopped on the first and gone on with on another rank count."""
    monkeypatch.setattr(nested, "SMALLEST_FINEST", 16)
    config = config_from_dict(RAW | {"grid": {"shape": [26, 22, 20], "voxel_size_nm": 0.5},
                                     "evolution": {"max_reduced_time": 5.0, "nested_grids": "on"}})
    folder = shared_tmp_path / "many"
    session = open_session(1, comm)
    on_root(comm, folder.mkdir)
    checkpoint = interrupted_at(config, folder, session, 30)
    assert tuple(checkpoint.state["grid"]) == config.stages()[0].grid.shape != config.grid.shape
    together = grow(config, folder, session, checkpoint).rho
    mine = shared_tmp_path / f"alone{comm.rank}"
    mine.mkdir()
    alone = grow(config, mine, open_session(1, ALONE)).rho
    assert np.abs(np.concatenate(comm.allgather(together)) - alone).max() < 1e-10  # rounding, as above
    comm.Barrier()
