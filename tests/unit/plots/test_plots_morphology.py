"""The figure of the morphology from result.json alone."""

import json

import numpy as np
import pytest
from helpers.builders import grow_density, make_transform
from helpers.results import result_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pfsolid.morphology.measure import measure
from pfsolid.plots.morphology import draw_morphology, measured
from pfsolid.plots.run import plot_run
from pfsolid.plots.run_files import read_run


def write_result(directory, rho, **options):
    report = measure(np.array(rho), make_transform(rho.shape, 0.5), **options).result()
    (directory / "result.json").write_text(json.dumps(result_of(morphology=report).to_dict()))


@pytest.mark.parametrize("distributions", [True, False])
def test_one_picture_is_drawn(tmp_path, distributions):
    write_result(tmp_path, grow_density((20, 24, 16), 0.5), distributions=distributions)
    paths, _ = plot_run(tmp_path)
    assert paths == [tmp_path / "figures" / "morphology.png"]
    with Image.open(paths[0]) as image:
        assert min(image.size) > 600


def test_a_thin_laminate_is_drawn(tmp_path):
    rho = np.zeros((12, 4, 1))
    rho[3:] = 1
    write_result(tmp_path, rho, distributions=True)
    assert len(plot_run(tmp_path)[0]) == 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_of_one_voxel_is_not_drawn(axis):
    rho = np.moveaxis(grow_density((24, 20, 1), 0.4), 2, axis)
    report = measure(rho.copy(), make_transform(rho.shape, 0.5), distributions=True).result()
    figure = Figure()
    draw_morphology(figure, report)
    named = [text.get_text() for panel in figure.axes[:2] for text in panel.get_legend().get_texts()]
    drawn = {name[-1] for name in named if name.startswith("along ")}
    assert drawn == set("xyz") - {"xyz"[axis]}
    chords = figure.axes[2].get_legend().get_texts()
    assert all("endless" not in text.get_text() or "100" not in text.get_text() for text in chords)


def test_a_uniform_cell_or_a_run_that_was_not_measured_has_no_picture(tmp_path):
    write_result(tmp_path, np.ones((4, 4, 4)), distributions=True)
    assert measured(read_run(tmp_path)) is None
    (tmp_path / "result.json").write_text(json.dumps(result_of(morphology=None).to_dict()))
    assert measured(read_run(tmp_path)) is None


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_labels_of_marks_stay_inside(axis):
    """At 32^3 the first zero of S2 - phi^2 is near the end of what is drawn."""
    shape = tuple(32 if name == axis else 8 for name in "xyz")
    position = np.arange(32).reshape(tuple(32 if name == axis else 1 for name in "xyz"))
    report = measure(np.broadcast_to(0.5 + 0.45 * np.cos(2 * np.pi * position / 32), shape).copy(),
                     make_transform(shape, 0.5), distributions=False).result()
    figure = Figure()
    FigureCanvasAgg(figure)
    draw_morphology(figure, report)
    figure.canvas.draw()
    for panel in figure.axes[:2]:
        inside = panel.get_window_extent()
        for mark in panel.texts:
            box = mark.get_window_extent()
            assert inside.x0 - 1 <= box.x0 and box.x1 <= inside.x1 + 1
