"""Figures of conduction from the files of a directory: currents in any number of phases, temperatures."""

import json

import matplotlib
import numpy as np
import pytest
from helpers.builders import ALONE, grow_labels
from helpers.results import conduction_of, result_of
from matplotlib.figure import Figure
from PIL import Image

from pfsolid.conduction.currents import current_statistics
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.series import Field, write_fields
from pfsolid.materials.arrhenius import BOLTZMANN, ELEMENTARY_CHARGE
from pfsolid.parallel.collective import Reducer
from pfsolid.plots import conduction as plots
from pfsolid.plots.figure import Look
from pfsolid.plots.run import plot_run
from pfsolid.plots.run_files import read_run
from pfsolid.results.conduction import Activation, AtTemperature

MOST_BYTES = 500_000
NAMES = ("pore", "surface", "bulk", "electrolyte", "binder")
SIGMA = np.array([0.0, 3.14e-3, 8.93e-7, 1e-3, 1e-5])  # S/cm
FIELD_V_PER_M = 10.0


def uniform_field(labels, axis):
    """The current that layers along an axis would carry (A/m^2), a little uneven."""
    current = np.zeros(labels.shape + (3,), np.float32)
    current[..., axis] = 100 * SIGMA[labels] * FIELD_V_PER_M * np.random.default_rng(1).uniform(0.5, 1.5, labels.shape)
    return current


def store(directory, labels, axis=0, spacing=(0.5, 0.5, 0.5), **more):
    """fields.h5 and result.json as `pfsolid conduct` leaves them; ``more`` of what conduction found."""
    labels = np.asarray(labels, np.uint8)
    current = uniform_field(labels, axis)
    fields = {"phase": labels, f"current_density_{'xyz'[axis]}": current}
    write_fields(directory / "fields.h5",
                 {name: Field(DistributedArray(array, array.shape, tuple(slice(0, n) for n in array.shape)), "1")
                  for name, array in fields.items()}, PeriodicGrid(labels.shape, spacing), {}, ALONE)
    tensor = np.zeros((3, 3))
    tensor[axis, axis] = current[..., axis].mean() / FIELD_V_PER_M / 100
    phases = {NAMES[label]: (label, float(np.mean(labels == label)), SIGMA[label]) for label in np.unique(labels).tolist()}
    statistics = current_statistics(current, labels, axis, Reducer(ALONE)).result(dict(enumerate(NAMES)))
    found = conduction_of(tensor, phases, applied_field_V_per_m=FIELD_V_PER_M, currents={"xyz"[axis]: statistics}, **more)
    (directory / "result.json").write_text(json.dumps(result_of(found, title="$a test & {").to_dict()))


def drawn(directory):
    paths, failures = plot_run(directory)
    assert not failures
    for path in paths:
        assert path.parent == directory / "figures" and path.stat().st_size < MOST_BYTES
        with Image.open(path) as image:
            assert image.width <= 1024
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
    return [path.stem for path in paths]


def series(temperatures, energy=0.3):
    temperatures = np.array(temperatures, float)
    inverse = 1 / temperatures - 1 / 300
    values = 1e-4 * 300 / temperatures * np.exp(-energy * ELEMENTARY_CHARGE / BOLTZMANN * inverse)
    return tuple(at(T, value, (1e-4, None, 2e-4)) for T, value in zip(temperatures.tolist(), values.tolist()))


def at(temperature, mean, errors):
    return AtTemperature(temperature_K=temperature, sigma_eff_S_per_cm=mean * np.eye(3), mean_S_per_cm=mean,
                         solver_relative_error_xyz=errors, iterations_xyz=(1, 1, 1))


@pytest.mark.parametrize("shape, axis", [((20, 24, 16), 0), ((20, 24, 16), 2), ((24, 20, 1), 1), ((2, 30, 16), 1)])
def test_currents(tmp_path, shape, axis):
    store(tmp_path, grow_labels((24, 24, 24), 0.4)[:shape[0], :shape[1], :shape[2]], axis, (0.5, 0.6, 0.7))
    assert drawn(tmp_path) == ["conduction"]


def test_five_phases_one_of_which_carries_nothing(tmp_path):
    labels = np.random.default_rng(2).integers(0, 5, (8, 8, 8)).repeat(3, 0).repeat(3, 1)
    store(tmp_path, labels)
    assert drawn(tmp_path) == ["conduction"]


def test_one_phase(tmp_path):
    store(tmp_path, np.full((6, 6, 6), 1))
    assert drawn(tmp_path) == ["conduction"]


def test_temperatures_with_and_without_an_activation_energy(tmp_path):
    store(tmp_path, np.full((6, 6, 6), 1), temperature_series=series([350, 250, 300]),
          activation=Activation(activation_energy_eV=0.3))
    assert drawn(tmp_path) == ["conduction", "arrhenius"]
    (tmp_path / "fields.h5").unlink()
    assert drawn(tmp_path) == ["arrhenius"]
    store(tmp_path, np.full((6, 6, 6), 1), temperature_series=series([300]))
    assert drawn(tmp_path) == ["conduction"]


def test_points_lie_on_the_line_of_their_activation_energy():
    values = plots.temperature_series(conduction_of(np.eye(3), temperature_series=series([250, 300, 400])))
    assert [error / value for _, value, error in values] == pytest.approx([2e-4] * 3)
    axes = Figure().subplots()
    plots.draw_arrhenius(axes, values, 0.3)
    line = axes.get_lines()[0].get_xydata()
    for temperature, value, _ in values:
        # Interpolated between 100 points.
        assert np.interp(1000 / temperature, line[::-1, 0], np.log(line[::-1, 1])) == pytest.approx(np.log(value), abs=1e-3)


def test_what_does_not_conduct_is_left_out():
    lost = at(200.0, 0.0, (0.0, 0.0, 0.0))
    assert len(plots.temperature_series(conduction_of(np.eye(3), temperature_series=(lost, *series([300, 310]))))) == 2


def test_shares_and_percentiles_as_drawn(tmp_path):
    store(tmp_path, np.random.default_rng(3).integers(0, 3, (9, 9, 9)))
    found = read_run(tmp_path).result.conduction
    statistics = found.currents["x"]
    phases = plots._phase_styles(found, statistics)
    assert [(phase.name, phase.label) for phase in phases] == [("pore", 0), ("surface", 1), ("bulk", 2)]
    axes = Figure().subplots()
    plots.draw_shares(axes, phases)
    widths = [bar.get_width() for bar in axes.patches]
    assert sum(widths[::2]) == pytest.approx(100) and sum(widths[1::2]) == pytest.approx(100)
    axes = Figure().subplots()
    plots.draw_percentiles(axes, statistics, phases)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["bulk", "surface", "all"]  # from below; pores carry nothing


def test_the_maps_of_phases_and_current_stand_side_by_side(tmp_path):
    """In two dimensions too, where a legend had been cut off: what is drawn lies within the figure."""
    store(tmp_path, np.random.default_rng(3).integers(0, 3, (24, 20)).repeat(2, 0)[:, :, None], axis=1)
    with matplotlib.rc_context():
        Look().apply()
        figure = plots.conduction_figure(read_run(tmp_path))
        figure.canvas.draw()
    inside = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
    phases, current = figure.axes[:2]
    assert phases.get_title("left") == "phases" and "current density" in current.get_title("left")
    assert phases.get_xlim() == current.get_xlim() and phases.get_xlabel() == "x (nm)"
