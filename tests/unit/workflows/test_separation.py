"""What a run does that has not separated: its stops wait for it, and without it there is no conductivity."""

import csv
import json

import numpy as np
import pytest

from pfsolid.config.review import find_errors
from pfsolid.config.run import config_from_dict
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.series import Field, write_fields
from pfsolid.parallel.communicator import alone
from pfsolid.workflows.console import open_session
from pfsolid.workflows.resume import check_resumable
from pfsolid.workflows.run import run
from pfsolid.workflows.simulate import grow
from pfsolid.workflows.stored_density import conduct

RAW = {
    "grid": {"shape": [24, 24, 24], "voxel_size_nm": 0.5},
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "microstructure": {"porosity": 0.4},
    "conduction": {"sigma_bulk_S_per_cm": 8.93e-7, "sigma_surf_S_per_cm": 3.14e-3, "grid_error": "none"},
    "output": {"figures": False},
}


def config_of(evolution, **sections):
    raw = {name: dict(values) for name, values in RAW.items()}
    for name, values in sections.items():
        raw.setdefault(name, {}).update(values)
    return config_from_dict(raw | {"evolution": evolution})


@pytest.fixture
def session():
    return open_session(1, alone())


def history(directory):
    with open(directory / "history.csv", newline="") as file:
        return [{name: float(value) if value else None for name, value in row.items()} for row in csv.DictReader(file)]


# --- the stops wait -----------------------------------------------------------------------------------------


def test_near_equilibrium_can_be_asked_for_from_noise(tmp_path, session):
    """F of noise hardly changes: below the tolerance long before anything has separated, where the run used to stop."""
    result = run(config_of({"energy_rate_tolerance": 0.05}), tmp_path / "out", session)
    rows = history(tmp_path / "out")
    early = [row for row in rows if row["energy_rate"] is not None and row["energy_rate"] < 0.05
             and row["surface_fraction"] > 0.9]
    assert early  # the old stop
    final = result.growth.final
    assert "energy_rate_tolerance" in result.growth.reason and result.state == "separated"
    assert final.surface_fraction < 0.5 and min(final.pore_fraction, final.bulk_fraction) > 0.1
    assert result.conduction.mean_S_per_cm > 0


def test_a_pore_size_of_noise_is_none(tmp_path, session):
    """The first rows have chords longer than this; the run goes on until pores have."""
    growth = grow(config_of({"mean_pore_size_nm": 2.0}), tmp_path, session)
    sizes = [row["pore_size_nm"] for row in history(tmp_path) if row["surface_fraction"] > 0.9]
    assert any(size is not None and size > 2.0 for size in sizes)
    assert growth.separated and growth.summary.final.pore_size_nm >= 2.0


DISSOLVING = {"porosity": 0.15, "start": "nucleation"}


@pytest.mark.parametrize("stop", [{"energy_rate_tolerance": 0.01}, {"mean_pore_size_nm": 5.0}])
def test_what_dissolves_comes_to_an_end(tmp_path, session, stop):
    """A pore below the critical size in a metastable matrix: the field becomes uniform, and neither stop would be met."""
    n = 24
    away = (np.indices((n, n, n)) + 0.5 - n / 2) * 0.5 / 1.4
    ball = 0.5 - 0.5 * np.tanh(2 * (np.sqrt((away**2).sum(axis=0)) - 0.5))
    rho = 1 - ball
    rho *= 0.85 / rho.mean()
    np.save(tmp_path / "ball.npy", rho)
    config = config_of(stop, microstructure=DISSOLVING | {"initial_field": str(tmp_path / "ball.npy")})
    growth = grow(config, tmp_path, session)
    assert "have not separated" in growth.summary.reason and not growth.separated
    assert np.ptp(growth.rho) < 1e-3


def test_a_cell_too_short_along_its_only_soft_axis_is_refused():
    """12 nm are more than the shortest wave, but not times the root of a shape factor of 100."""
    flat = {"shape": [24, 1, 1]}
    stiff = config_of({"max_steps": 1}, grid=flat, microstructure={"shape_factor_x": 100.0})
    assert any("the noise would decay" in line for line in find_errors(stiff))
    assert not find_errors(config_of({"max_steps": 1}, grid=flat))


# --- the end without ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("evolution", [{"max_steps": 20}, {"max_reduced_time": 0.02}])
def test_an_unseparated_end_has_no_conductivity(tmp_path, session, evolution):
    result = run(config_of(evolution), tmp_path / "out", session)
    stored = json.loads((tmp_path / "out" / "result.json").read_text())
    for one in (result.to_dict(), stored):
        assert one["state"] == "unseparated"
        assert one["sigma_eff_S_per_cm"] is one["sigma_eff_S_per_m"] is one["mean_S_per_cm"] is None
        assert "error_bar" not in one and "phases" not in one
    assert "unseparated" in (tmp_path / "out" / "log").read_text()
    with pytest.raises(InputError, match="is finished"):
        check_resumable(tmp_path / "out")


def test_the_thresholds_are_those_of_the_run(tmp_path, session):
    """The same field is separated by thresholds that its phases reach."""
    evolution = {"max_reduced_time": 2.5}
    usual = grow(config_of(evolution), tmp_path, session)
    middle = float(np.median(usual.rho))
    wide = {"rho_pore": middle - 0.01, "rho_bulk": middle + 0.01}
    assert not usual.separated
    assert grow(config_of(evolution, conduction=wide), tmp_path, session, with_history=False).separated


@pytest.mark.parametrize("rho, state", [(0.6 + 0.2 * np.cos(np.arange(8)), "unseparated"), (np.ones(8), "separated"),
                                        (np.repeat([0.0, 1.0], 4), "separated")])
def test_conduction_on_a_stored_density_asks_too(tmp_path, session, rho, state):
    """All surface has no conductivity, as at the end of a run; a dense solid had nothing to separate."""
    path, shape = tmp_path / "fields.h5", (8, 4, 4)
    array = DistributedArray(np.broadcast_to(rho[:, None, None], shape).copy(), shape, tuple(slice(0, n) for n in shape))
    write_fields(path, {"rho": Field(array, "1")}, PeriodicGrid(shape, (0.5,) * 3), {}, alone())
    result = conduct(path, config_of({"max_steps": 1}, grid={"shape": list(shape)}), [], tmp_path / "out", session)
    stored = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result.state == state == stored["state"]
    assert (stored["mean_S_per_cm"] is None) == (result.conduction is None) == (state == "unseparated")
