"""The figure of the morphology from result.json alone."""

import json

import numpy as np
import pytest
from helpers.builders import grow_density, make_transform
from PIL import Image

from pfsolid.errors import InputError
from pfsolid.morphology.measure import measure
from pfsolid.plots.morphology import plot_morphology


def write_result(directory, rho, **options):
    report = measure(np.array(rho), make_transform(rho.shape, 0.5), **options).as_dict()
    (directory / "result.json").write_text(json.dumps({"title": "a run", "morphology": report}))


@pytest.mark.parametrize("distributions", [True, False])
def test_one_picture_is_drawn(tmp_path, distributions):
    write_result(tmp_path, grow_density((20, 24, 16), 0.5), distributions=distributions)
    paths = plot_morphology(tmp_path)
    assert paths == [tmp_path / "figures" / "morphology.png"]
    with Image.open(paths[0]) as image:
        assert min(image.size) > 600


def test_a_thin_laminate_is_drawn(tmp_path):
    rho = np.zeros((12, 4, 1))
    rho[3:] = 1
    write_result(tmp_path, rho, distributions=True)
    assert len(plot_morphology(tmp_path)) == 1


def test_a_uniform_cell_or_a_run_that_was_not_measured_has_no_picture(tmp_path):
    write_result(tmp_path, np.ones((4, 4, 4)), distributions=True)
    assert plot_morphology(tmp_path) == []
    (tmp_path / "result.json").write_text("{}")
    assert plot_morphology(tmp_path) == []


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a directory"):
        plot_morphology(tmp_path / "nowhere")
