"""Growth on nested grids: which grids, what a change of grid keeps, and that the end is on the grid that is asked for."""

import math

import numpy as np
import pytest
from helpers.builders import ALONE, make_transform

from pfsolid.config.run import config_from_dict
from pfsolid.errors import Interrupted
from pfsolid.grid import PeriodicGrid
from pfsolid.io.checkpoint import load_latest
from pfsolid.io.run_directory import CHECKPOINTS
from pfsolid.phasefield import nested
from pfsolid.phasefield.free_energy import REDUCED_KAPPA
from pfsolid.phasefield.growth import Kinetics
from pfsolid.phasefield.nested import NestedGrids, Stage, plan_stages
from pfsolid.workflows.console import open_session
from pfsolid.workflows.simulate import grow

ISOTROPIC = (REDUCED_KAPPA,) * 3
RAW = {
    "grid": {"shape": [24, 26, 20], "voxel_size_nm": 0.5},
    "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
    "microstructure": {"porosity": 0.45, "noise_amplitude": 0.1},
    "evolution": {"max_reduced_time": 8.0, "nested_grids": "on"},
    "output": {"figures": False, "history_interval_steps": 5},
}


@pytest.fixture(autouse=True)
def small_grids(monkeypatch):
    monkeypatch.setattr(nested, "SMALLEST_FINEST", 16)


def grid(shape, spacing):
    return PeriodicGrid(shape, (spacing,) * 3 if isinstance(spacing, float) else spacing)


def planned(*arguments, **options):
    return [(stage.grid.shape, stage.until) for stage in plan_stages(*arguments, **options)]


def test_stages_have_the_width_that_is_needed():
    """1.4 voxels in the depth until t = 2, 2.1 after, of 2.8; the last unit of time on the finest."""
    assert planned(grid((128, 128, 128), 1 / 2.8), ISOTROPIC, 200.0) == [
        ((64,) * 3, 2.0), ((96,) * 3, 199.0), ((128,) * 3, math.inf)]
    # Twice the width along x, by its shape factor; 90 needs 67.5 and 45: the next numbers that a transform likes.
    assert planned(grid((90, 90, 90), 1 / 2.8), (4 * REDUCED_KAPPA, *ISOTROPIC[1:]), 200.0)[:2] == [
        ((24, 45, 45), 2.0), ((36, 72, 72), 199.0)]
    # Hardly finer than needed: one coarse stage; coarser than needed: none.
    assert planned(grid((64, 64, 64), 1 / 2.2), ISOTROPIC, 200.0) == [((45,) * 3, 2.0), ((64,) * 3, math.inf)]
    assert len(planned(grid((64, 64, 64), 1.0), ISOTROPIC, 200.0)) == 1


def test_stages_of_short_runs_many_ranks_and_two_dimensions():
    fine = grid((128, 128, 128), 1 / 2.8)
    assert planned(fine, ISOTROPIC, 2.5)[0] == ((64,) * 3, 1.5) and len(planned(fine, ISOTROPIC, 2.5)) == 2
    assert len(planned(fine, ISOTROPIC, 1.0)) == 1
    assert [shape[0] for shape, _ in planned(fine, ISOTROPIC, math.inf, 80)] == [96, 128]
    assert len(planned(grid((1, 128, 128), 1 / 2.8), ISOTROPIC, 200.0)) == 1


def test_edges_of_the_cell_stay():
    for stage in plan_stages(grid((90, 75, 66), (0.31, 0.3, 0.29)), ISOTROPIC, 100.0):
        assert stage.grid.lengths == pytest.approx((90 * 0.31, 75 * 0.3, 66 * 0.29), rel=1e-14)


def make_grids(fine, coarse):
    stages = [Stage(coarse, 2.0), Stage(fine, math.inf)]
    return NestedGrids(stages, lambda one: make_transform(one.shape, one.spacing), Kinetics(ISOTROPIC).stepper)


def test_begins_with_the_long_waves_of_the_finest():
    fine, coarse = grid((20, 18, 24), 0.3), grid((10, 9, 12), 0.6)
    values = np.random.default_rng(1).normal(0.5, 0.1, fine.shape)

    def fill(transform):
        transform.real[...] = values

    with make_grids(fine, coarse) as grids:
        stepper = grids.begin(fill, 1e-3)
        got = np.fft.rfftn(stepper.density()) / coarse.num_voxels
    wanted = np.fft.rfftn(values) / fine.num_voxels
    # Both are samples at voxel centres, which differ by half a voxel's difference: a phase.  Away from Nyquist's frequency
    # nothing else is changed but for rounding.
    for i, j, k in ((0, 0, 0), (1, 2, 3), (-2, 3, 5), (4, -4, 1)):
        phase = sum(f * (1 / n - 1 / m) for f, n, m in zip((i, j, k), coarse.shape, fine.shape))
        assert got[i, j, k] == pytest.approx(wanted[i, j, k] * np.exp(1j * np.pi * phase), abs=1e-15)


def test_a_change_of_grid_keeps_both_steps_and_the_energy():
    """A density that both grids resolve has the same F, and the next step on either leads to the same density."""
    fine, coarse = grid((24, 24, 20), 0.4), grid((12, 12, 10), 0.8)
    x, y, z = (2 * np.pi * (np.arange(n) + 0.5) / n for n in coarse.shape)

    def fill(transform):
        n0, n1, n2 = transform.grid.shape
        x, y, z = np.ix_(*(2 * np.pi * (np.arange(n) + 0.5) / n for n in (n0, n1, n2)))
        transform.real[...] = 0.5 + 0.02 * np.cos(x + y) + 0.01 * np.sin(z - x)

    control = Kinetics(ISOTROPIC, tolerance=0.0).control  # steps of one size
    with make_grids(fine, coarse) as grids:
        stepper = grids.begin(fill, 0.01)
        for _ in range(4):
            stepper.step(control)
        finer = Kinetics(ISOTROPIC).stepper(make_transform(fine.shape, fine.spacing))
        finer.take_over(stepper)
        # F of the fourth power of a few waves is exact on both.
        assert finer.energy == pytest.approx(stepper.energy, rel=1e-12)
        stepper.refresh()
        finer.step(control), stepper.step(control)
        assert (finer.time, finer.num_steps) == (stepper.time, stepper.num_steps)
        # The third harmonics of waves of 0.02 are all that the coarse grid could fold back.
        assert finer.energy == pytest.approx(stepper.energy, rel=1e-10)


def run_of(changes=None, directory=None, session=None, checkpoint=None, sinks=()):
    raw = {name: {**section, **(changes or {}).get(name, {})} for name, section in RAW.items()}
    return grow(config_from_dict(raw), directory, session or open_session(1, ALONE), checkpoint, attributes={}, sinks=sinks)


def test_ends_near_the_run_on_one_grid():
    nested_one, plain = run_of(), run_of({"evolution": {"nested_grids": "off"}})
    assert nested_one.rho.shape == plain.rho.shape and nested_one.summary.reason == plain.summary.reason
    assert nested_one.rho.mean() == pytest.approx(plain.rho.mean(), abs=1e-14)  # mass goes with the zero mode
    first, second = (one.summary.final.energy_J_per_m3 for one in (nested_one, plain))
    # What the pairs of docs/microstructure.md allow, with room for one small sample.
    assert first == pytest.approx(second, rel=0.02) and first != second


class Shapes:
    """What a sink is shown."""

    def __init__(self):
        self.seen = []

    def due(self, state):
        return True

    def write(self, state):
        self.seen.append((state.stepper.transform.grid.shape, state.density.shape, state.measured().mean_density))


def test_sinks_are_shown_the_grid_that_is_asked_for_and_looking_changes_no_bit():
    shapes = Shapes()
    looked_at = run_of(sinks=[shapes])
    assert {shown for _, shown, _ in shapes.seen} == {(24, 26, 20)}
    assert [here for here in dict.fromkeys(here for here, *_ in shapes.seen)] == [(12, 15, 10), (18, 20, 15), (24, 26, 20)]
    assert {round(mean, 12) for *_, mean in shapes.seen} == {0.55}
    assert np.array_equal(looked_at.rho, run_of().rho)


def test_what_ends_by_its_structure_ends_on_the_finest():
    """The mean pore size is met on a coarse grid: one unit of time later it is over."""
    ended = run_of({"evolution": {"max_reduced_time": 500.0, "mean_pore_size_nm": 4.5}})
    assert ended.summary.reason.startswith("mean pore size reached 4.") and 2 < ended.summary.final.reduced_time < 400
    assert ended.rho.shape == (24, 26, 20)


class StopAt:
    """A session in which a signal comes after so many steps."""

    def __init__(self, step):
        self._session, self._looks, self._step = open_session(1, ALONE), 0, step

    def __getattr__(self, name):
        return getattr(self._session, name)

    def look_around(self, due=False):
        self._looks += 1
        return ("a signal came", True) if self._looks == self._step else ("", False)


@pytest.mark.parametrize("evolution", [{}, {"max_reduced_time": 500.0, "mean_pore_size_nm": 4.5}])
def test_goes_on_from_every_stage_to_the_last_bit(tmp_path, evolution):
    """Checkpoints on each grid, and just before and in the settling time of a run that ends by its structure."""
    changes = {"evolution": evolution}
    (tmp_path / "whole").mkdir()
    shapes = Shapes()
    whole = run_of(changes, tmp_path / "whole", sinks=[shapes])
    grids = [here for here, *_ in shapes.seen]
    changed = [step for step in range(1, len(grids)) if grids[step] != grids[step - 1]]
    for step in (3, changed[0] - 1, changed[0], changed[1] - 1, len(grids) - 2):
        folder = tmp_path / str(step)
        folder.mkdir()
        with pytest.raises(Interrupted):
            run_of(changes, folder, StopAt(step))
        checkpoint, _ = load_latest(folder / CHECKPOINTS, ALONE)
        assert checkpoint.step == step and tuple(checkpoint.state["grid"]) == grids[step]
        resumed = run_of(changes, folder, checkpoint=checkpoint)
        assert np.array_equal(resumed.rho, whole.rho) and resumed.summary.steps == whole.summary.steps
        assert (folder / "history.csv").read_text() == (tmp_path / "whole" / "history.csv").read_text()


def test_by_itself_only_where_it_was_tried():
    """auto: from noise, in three dimensions, with one width of the interface and one mobility."""
    def stages(**sections):
        raw = {name: {**section, **sections.get(name, {})} for name, section in RAW.items()}
        raw["evolution"] = {"max_reduced_time": 50.0, "nested_grids": "auto"} | sections.get("evolution", {})
        return len(config_from_dict(raw).stages())

    assert stages() == 3
    for section in ({"microstructure": {"porosity": 0.15}}, {"microstructure": {"porosity": 0.32}},
                    {"microstructure": {"shape_factor_x": 2.0}},
                    {"material": {"interface_diffusion": 1.0}}, {"evolution": {"max_steps": 100}},
                    {"microstructure": {"initial_field": "some.h5"}}):
        assert stages(**section) == 1
    assert stages(microstructure={"shape_factor_x": 2.0}, evolution={"nested_grids": "on"}) == 3
