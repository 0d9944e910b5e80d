"""The figures of a sweep, from datasets whose numbers are made up."""

import matplotlib.style
import numpy as np
import pytest
from helpers import results
from helpers.sweeps import plan_in, record_of
from matplotlib.figure import Figure
from PIL import Image

import pfsolid as pf
from pfsolid.cli.main import main
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.sealed_json import write_sealed_json
from pfsolid.io.series import Field, write_fields
from pfsolid.parallel.communicator import alone
from pfsolid.plots import sweep as plots_sweep
from pfsolid.plots.sweep import plot_sweep
from pfsolid.plots.sweep_curves import ZERO, ZERO_STRIP, Point, draw_points, make_zero_strip, point_of
from pfsolid.plots.sweep_gallery import _layout
from pfsolid.plots.sweep_phases import _Cells, _edges_between
from pfsolid.plots.sweep_table import described, evenly, label_of, read_table, spread
from pfsolid.sweeps.collect import collect
from pfsolid.sweeps.pick import tidy
from pfsolid.sweeps.state import kept_path, result_path
from pfsolid.theory.effective_medium import CoatedPores, three_phase_gem

X, Y, POROSITY = "microstructure.shape_factor_x", "microstructure.shape_factor_y", "microstructure.porosity"
FACTORS = "".join(f'[[axis]]\nkey = "microstructure.shape_factor_{a}"\nlogspace = [1, 100, 3]\n' for a in "xy")
ONE_POROSITY = f'[[axis]]\nkey = "{POROSITY}"\nvalues = [0.4]\n'
SHAPES = FACTORS + ONE_POROSITY
SHAPE = (6, 5, 4)


def result_of(case, sigma=(3e-4, 2e-4, 1e-4), connectivity="3-3", surface=0.3):
    """As `sweeps.record_of`, with these conductivities, class and share of the surface."""
    result = results.result_of(results.conduction_of(np.diag(sigma)), porosity=case.values[POROSITY], state=None,
                               morphology=results.morphology_of(connectivity), final={"surface_fraction": surface})
    return record_of(case, result=result)


def sweep_of(folder, skip=lambda case: False, result=lambda case: {}, **parts):
    """A collected sweep: its directory and plan."""
    plan, directory = plan_in(folder, **parts)
    tidy(plan, directory)
    for case in plan.cases:
        if not skip(case):
            write_sealed_json(result_path(directory, case.id), result_of(case, **result(case)).to_dict())
            if "phase" in plan.keep:
                keep_phase(kept_path(directory, case.id, "phase"))
    collect(directory)
    return directory, plan


def keep_phase(path):
    labels = np.indices(SHAPE).sum(axis=0).astype(np.uint8) % 3
    whole = DistributedArray(labels, SHAPE, tuple(slice(0, n) for n in SHAPE))
    write_fields(path, {"phase": Field(whole, "1")}, PeriodicGrid(SHAPE, (0.5,) * 3), {}, alone())


def shapes(case):
    """Rods along x or y where one factor is large, plates where both are."""
    x, y = case.values[X] > 5, case.values[Y] > 5
    return {"sigma": (1e-4 if x else 1e-6, 1e-4 if y else 1e-6, 0.0),
            "connectivity": "2-2" if x and y else "1-3" if x or y else "0-3"}


def names(paths):
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 250
    return [path.stem for path in paths]


# --- what is drawn ------------------------------------------------------------------------------------------


def test_porosities(tmp_path):
    directory, _ = sweep_of(tmp_path)
    paths, left_out = plot_sweep(directory)
    assert names(paths) == ["sigma_porosity", "sigma_axes"]
    assert len(left_out) == 1 and 'keep = ["phase"]' in left_out[0]


def test_shape_factors_of_an_unfinished_sweep(tmp_path):
    directory, _ = sweep_of(tmp_path, lambda case: case.values[X] == case.values[Y] == 10, shapes, axes=SHAPES,
                            head='keep = ["phase"]')
    paths, left_out = plot_sweep(directory)
    assert names(paths) == ["sigma_axes", "phase_diagram", "gallery"] and not left_out


def test_further_axes_make_rows_of_diagrams(tmp_path):
    porosities = f'[[axis]]\nkey = "{POROSITY}"\nvalues = [0.4, 0.45]\n'
    directory, _ = sweep_of(tmp_path, result=shapes, axes=FACTORS + porosities, head="")
    assert names(plot_sweep(directory)[0]) == ["sigma_porosity", "sigma_axes", "phase_diagram"]


def test_an_axis_of_words_and_one_of_lists(tmp_path):
    axes = ('[[axis]]\nkey = "grid.shape"\nvalues = [[12, 10, 8], [16, 10, 8]]\n'
            '[[axis]]\nkey = "conduction.profile"\nvalues = ["steps", "subvoxel"]\n' + ONE_POROSITY)
    directory, _ = sweep_of(tmp_path, axes=axes, head="")
    assert names(plot_sweep(directory)[0]) == ["sigma_axes"]


def test_nothing_separated(tmp_path):
    directory, _ = sweep_of(tmp_path, result=lambda case: {"surface": 1.0})
    with pytest.raises(InputError, match="nothing to draw: no conductivities.*; no gallery"):
        plot_sweep(directory)


def test_the_command_says_what_it_made(tmp_path, capsys):
    directory, _ = sweep_of(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main(["sweep", "plot", str(directory)])
    lines = capsys.readouterr().out.splitlines()
    assert leaving.value.code == 0 and len(lines) == 3
    assert lines[0].endswith("sigma_porosity.png") and lines[2].startswith("no gallery")


@pytest.mark.parametrize("spoil, message", [
    (lambda directory: (directory / "dataset.h5").unlink(),
     "dataset.h5 does not exist; make it with: pfsolid sweep collect"),
    (lambda directory: (directory / "plan.json").unlink(), "is not the directory of a sweep")])
def test_refused(tmp_path, spoil, message):
    directory, _ = sweep_of(tmp_path)
    spoil(directory)
    with pytest.raises(InputError, match=message):
        plot_sweep(directory)


# --- what the figures say -----------------------------------------------------------------------------------


def test_what_has_not_separated_is_left_out(tmp_path):
    directory, plan = sweep_of(tmp_path, result=lambda case: {"surface": 0.95 if case.values[POROSITY] == 0.35 else 0.3})
    table = read_table(directory)
    assert table.separated.tolist() == [case.values[POROSITY] != 0.35 for case in plan.cases]
    assert np.isnan(table.numbers["sigma_xx_S_per_cm"]).tolist() == (~table.separated).tolist()
    assert "6 cases, 2 of them left out: not separated" in table.caption


def test_curves_over_porosity(tmp_path):
    """Means of the replicas with their error; the theory is the paper's, with the depth and conductivities of the case."""
    directory, _ = sweep_of(tmp_path, result=lambda case: {"sigma": (1e-4 * (1 + case.replica),) * 3})
    with matplotlib.style.context("default"):
        (axes,) = plots_sweep._porosity_figure(read_table(directory)).axes
    (mean,) = (box.lines[0] for box in axes.containers)
    np.testing.assert_allclose(mean.get_xdata().astype(float), [35, 40, 45])
    np.testing.assert_allclose(mean.get_ydata(), 1.5e-4)
    (bars,) = axes.containers[0].lines[2]
    # Two samples, 1e-4 and 2e-4: t = 12.706 times their standard deviation 1e-4 / sqrt(2) over sqrt(2).
    assert {round(np.ptp(segment[:, 1]) / 2, 8) for segment in bars.get_segments()} == {round(12.7062 * 0.5e-4, 8)}
    theory = next(line for line in axes.lines if str(line.get_label()).startswith("EMT"))
    expected = three_phase_gem(theory.get_xdata() / 100, 0.1, CoatedPores(0.0, 3.14e-3, 8.93e-7), 0.32, 0.85)
    np.testing.assert_allclose(theory.get_ydata(), expected, rtol=1e-9)  # the depth is stored to 12 digits
    assert any("1.64e-4" in str(line.get_label()) for line in axes.lines)


def test_bars_join_the_samples_and_the_grid():
    values = np.array([0.8, 1.0, 1.2])
    sample = 4.302653 * 0.2 / np.sqrt(3)  # Student's t of two degrees of freedom, from a table
    assert point_of(0, values, np.full(3, np.nan)).error == pytest.approx(sample, rel=1e-6)
    assert point_of(0, values, np.array([0.1, 0.3, 0.2])).error == pytest.approx(np.hypot(sample, 0.3), rel=1e-6)
    assert point_of(0, values[:1], np.array([0.1])).error == pytest.approx(0.08)
    assert np.isnan(point_of(0, values[:1], np.array([np.nan])).error)
    assert point_of(0, values, np.zeros(3), sample_error=0.5).error == pytest.approx(0.5)
    assert np.isnan(point_of(0, np.array([np.nan]), np.array([0.1])).mean)


def test_curves_that_are_zero_at_one_place_do_not_hide_each_other():
    axes = Figure().subplots()
    axes.set_yscale("log")
    for colour in ("C0", "C1", "C2"):
        draw_points(axes, [Point(1.0, np.zeros(1), 0.0, np.nan), Point(2.0, np.ones(1), 1.0, 0.1)], colour, colour)
    make_zero_strip([axes])
    zeros = [line for line in axes.lines if line.get_gid() == ZERO]
    heights = [line.get_ydata()[0] * axes.get_window_extent().height for line in zeros]  # pixels
    sizes = [line.get_markersize() * axes.figure.dpi / 72 for line in zeros]
    assert len(zeros) == 3 and (-np.diff(heights) >= max(sizes)).all()
    assert all(0 < line.get_ydata()[0] < ZERO_STRIP for line in zeros)


def test_zeros_stand_in_a_strip_and_no_line_leads_to_them(tmp_path):
    directory, _ = sweep_of(tmp_path, result=lambda case: {"sigma": (0.0,) * 3} if case.values[POROSITY] > 0.42 else {})
    (axes,) = plots_sweep._porosity_figure(read_table(directory)).axes
    (zeros,) = [line for line in axes.lines if line.get_gid() == ZERO]
    assert list(zeros.get_xdata()) == pytest.approx([45])
    (mean,) = (box.lines[0] for box in axes.containers)
    assert np.isfinite(mean.get_ydata()).tolist() == [True, True, False]
    lowest = np.concatenate([line.get_ydata() for line in axes.lines if line.get_gid() != ZERO])
    lowest = lowest[np.isfinite(lowest) & (lowest > 0)].min()
    strip = axes.transLimits.transform(axes.transScale.transform((40, lowest)))[1]
    assert zeros.get_ydata()[0] < strip  # below all that is on the logarithmic scale
    assert "σ = 0" in [text.get_text() for text in axes.texts]


def test_each_axis_alone_with_the_others_held(tmp_path):
    """sigma = depth x (1 - porosity): over each key the values at one value of the other, and no mean over it."""
    axes = ONE_POROSITY.replace("[0.4]", "[0.35, 0.4, 0.45]")
    axes += '[[axis]]\nkey = "material.surface_depth_nm"\nvalues = [1.0, 2.0]\n'

    def sigma(case):
        return {"sigma": (case.values["material.surface_depth_nm"] * (1 - case.values[POROSITY]),) * 3}

    directory, _ = sweep_of(tmp_path, result=sigma, axes=axes, head="")
    table = read_table(directory)
    held, values, groups = plots_sweep._along(table, POROSITY)
    assert (held, values, len(groups)) == (["material.surface_depth_nm"], (2.0,), 3)
    figure = plots_sweep._axes_figure(table)
    over_porosity, over_depth = figure.axes
    assert over_porosity.get_title("left") == "at surface depth 2 nm"
    np.testing.assert_allclose(over_porosity.containers[0].lines[0].get_ydata(), 2 * (1 - np.array([0.35, 0.4, 0.45])))
    assert over_depth.get_title("left") == "at porosity 0.4"
    np.testing.assert_allclose(over_depth.containers[0].lines[0].get_ydata(), [0.6, 1.2])


def test_from_python_a_curve_for_each_value_of_what_else_varies():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({POROSITY: [0.35, 0.4] * 2, "material.surface_depth_nm": [1.0, 1.0, 2.0, 2.0],
                              "sigma_mean_S_per_cm": [1.0, 2.0, 3.0, 4.0]})
    drawn = pf.plot.sweep(frame, POROSITY, axes=Figure().add_subplot())
    assert [list(one.lines[0].get_ydata()) for one in drawn.containers] == [[1, 2], [3, 4]]
    assert [text.get_text() for text in drawn.get_legend().get_texts()] == ["surface depth 1 nm", "surface depth 2 nm"]


def test_axes_varied_together_are_not_held(tmp_path):
    directory, _ = sweep_of(tmp_path, result=shapes, axes=SHAPES.replace("logspace", 'zip = "both"\nlogspace'), head="")
    held, _, groups = plots_sweep._along(read_table(directory), X)
    assert held == [] and [value for value, _ in groups] == pytest.approx([1, 10, 100])


def test_cells_of_the_phase_diagram(tmp_path):
    directory, _ = sweep_of(tmp_path, lambda case: case.values[X] == case.values[Y] == 100, shapes, axes=SHAPES,
                            head="replicas = 2")
    table = read_table(directory)
    cells = _Cells.of(table, np.arange(len(table.cases)))
    kinds = ["0-3", "1-3", "2-2"]
    classes = cells.most_frequent([kinds.index(kind) for kind in table.connectivity])
    assert classes.tolist() == [[0, 1, 1], [1, 2, 2], [1, 2, -1]]
    sigma = cells.mean(table.numbers["sigma_xx_S_per_cm"])
    np.testing.assert_allclose(sigma, [[1e-6] * 3, [1e-4] * 3, [1e-4, 1e-4, np.nan]])
    # Between the first and second row and column: three edges each; none at the missing cell.
    edge = 10**0.5
    assert {tuple(map(tuple, np.round(line, 6))) for line in cells.boundaries(classes)} == {
        tuple((round(a, 6), round(b, 6)) for a, b in line) for low, high in zip(cells.edges[0][:-1], cells.edges[0][1:])
        for line in (((edge, low), (edge, high)), ((low, edge), (high, edge)))}
    assert {name for _, name in cells.names(classes, kinds)} == {"1-3", "2-2"}


def test_edges_are_halfway_in_the_logarithm():
    np.testing.assert_allclose(_edges_between(np.array([1.0, 100.0, 1e4])), [0.1, 10, 1e3, 1e5])


def test_gallery_of_crossed_and_of_zipped_axes(tmp_path):
    directory, _ = sweep_of(tmp_path, lambda case: case.values[X] == 1, shapes, axes=SHAPES, head='keep = ["phase"]')
    lines = _layout(read_table(directory))
    assert [[tile.row is None for tile in line] for line in lines] == [[True, False, False]] * 3
    assert [tile.title for tile in lines[0]] == ["x = 1", "x = 10", "x = 100"]
    assert [line[0].side for line in lines] == ["y = 100", "y = 10", "y = 1"]  # upwards as in the diagram
    zipped = SHAPES.replace("logspace", 'zip = "both"\nlogspace')
    directory, _ = sweep_of(tmp_path, result=shapes, axes=zipped, head='keep = ["phase"]', name="zipped")
    assert [[tile.title for tile in line] for line in _layout(read_table(directory))] == [
        ["x = 1\ny = 1", "x = 10\ny = 10", "x = 100\ny = 100"]]


def test_words_of_the_figures():
    assert label_of("material.surface_depth_nm") == "surface depth (nm)"
    assert label_of("material.surface_energy_eV_per_A2") == "surface energy (eV/Å²)"
    assert described([X, "material.surface_depth_nm"], [1234.5, 1.4]) == "x = 1230, surface depth 1.4 nm"
    assert evenly(list(range(40)), 4) == [0, 13, 26, 39] and evenly([1, 2], 4) == [1, 2]
    assert spread(np.array([1.0, np.nan, 3.0])) == (2.0, 1.0, 3.0) and np.isnan(spread(np.array([]))).all()
