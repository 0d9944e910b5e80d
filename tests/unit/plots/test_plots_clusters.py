"""The view of the filler's clusters, from fields.h5."""

import json

import matplotlib
import numpy as np
import pytest
from helpers.results import result_of
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.series import Field, write_fields
from pfsolid.morphology.clusters import find_clusters
from pfsolid.parallel.collective import PlaneExchange, Reducer
from pfsolid.parallel.communicator import alone
from pfsolid.plots import clusters as plots
from pfsolid.plots import structure
from pfsolid.plots.figure import save_figure
from pfsolid.plots.run_files import read_run

SHAPE = (16, 12, 20)


def channel_and_pores() -> np.ndarray:
    """A channel along z, a large pore that reaches through the face x = 0, a small one."""
    rho = np.ones(SHAPE)
    rho[6:9, 1:4] = 0
    rho[[15, 0, 1], 7:10, 8:12] = 0
    rho[9:11, 7:9, 2:4] = 0
    return rho


def label(rho):
    return find_clusters(rho < 0.5, Reducer(alone()), PlaneExchange(alone()))


def store(directory, rho, name="rho"):
    whole = DistributedArray(rho, rho.shape, tuple(slice(0, n) for n in rho.shape))
    write_fields(directory / "fields.h5", {name: Field(whole, "1")}, PeriodicGrid(rho.shape, (0.5,) * 3), {}, alone())


def edges_of(shape):
    return tuple(np.arange(n + 1.0) for n in shape)


@pytest.mark.parametrize("rho", [channel_and_pores(), np.zeros((6, 5, 4))], ids=["clusters", "all filler"])
def test_one_picture_is_drawn(tmp_path, rho):
    store(tmp_path, rho)
    (tmp_path / "result.json").write_text(json.dumps(result_of().to_dict()))
    path = save_figure(tmp_path, "clusters", lambda: plots.clusters_figure(read_run(tmp_path)))
    with Image.open(path) as image:
        assert min(image.size) > 400


def test_a_large_field_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "MAX_SAMPLES", 8)
    store(tmp_path, channel_and_pores())
    figure = plots.clusters_figure(read_run(tmp_path))
    assert "one of 2 × 2 × 3 voxels" in figure.get_suptitle()


def test_without_filler_there_is_nothing_to_draw(tmp_path):
    store(tmp_path, np.ones((4, 4, 4)))
    assert plots.clusters_figure(read_run(tmp_path)) is None


def test_the_largest_isolated_differ():
    clusters = label(channel_and_pores())
    colours = plots.colour_clusters(clusters)[clusters.labels]
    assert colours[0, 8, 9] == colours[15, 8, 9] == 0  # the largest isolated one, through the face
    assert colours[9, 7, 2] == 1


def test_colours_are_taken_in_turn():
    rho = np.ones((40, 4, 4))
    rho[::4, 1, 1] = 0
    colours = plots.colour_clusters(label(rho))
    assert colours.tolist() == [0, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3]


def test_the_legend_counts_clusters_and_volumes():
    handles, texts = plots.describe_clusters(label(channel_and_pores()))
    # 180 voxels in the channel, 36 and 8 in the pores
    assert texts == ["1 percolating cluster along z: 80.4% of the pore volume",
                     "2 isolated clusters: 19.6% of the pore volume"]
    assert [len(handle) for handle in handles[1:]] == [2]


@pytest.mark.parametrize("rho, text", [(np.zeros((4, 4, 4)), "1 percolating cluster along x, y, z: 100.0%"),
                                       (np.pad(np.zeros((2, 2, 2)), 1, constant_values=1), "1 isolated cluster: ")])
def test_the_legend_is_silent_on_what_is_not_there(rho, text):
    _, texts = plots.describe_clusters(label(rho))
    assert len(texts) == 1 and texts[0].startswith(text)


def test_isolated_clusters_have_their_colours_and_what_percolates_that_of_its_width():
    """Brightness varies with the light, hue does not."""
    rho = channel_and_pores()
    axes = Figure().add_subplot()
    scale = plots.draw_clusters(axes, rho, label(rho), edges_of(SHAPE))
    (picture,) = axes.images
    pixels = np.asarray(picture.get_array()).reshape(-1, 4)
    faces = pixels[pixels[:, 3] == 1, :3]
    # The channel is 3 samples wide everywhere.
    width = plots.local_thickness(rho < 0.5, plots._Alone(PeriodicGrid(SHAPE, (1.0,) * 3)))[7, 2].max()
    assert scale.vmax == pytest.approx(width, rel=0.01) and scale.vmin == 0  # of one width
    widest = [matplotlib.colormaps[plots.WIDTHS_MAP](value)[:3] for value in np.linspace(0, 1, 33)]
    hues = np.array([to_rgb(colour) for colour in plots.ISOLATED_COLOURS[:2]] + widest)
    cosines = faces @ hues.T / np.linalg.norm(faces, axis=1)[:, None] / np.linalg.norm(hues, axis=1)
    nearest = cosines.argmax(axis=1)
    assert np.mean(cosines.max(axis=1) > 0.999) > 0.95  # the few on a seam are between two colours
    assert {0, 1} <= set(nearest) and (nearest > 1).any()


def test_a_neck_is_seen_where_all_percolates():
    """One cluster along z: a channel of 8 with a neck of 2."""
    rho = np.ones((16, 16, 16))
    rho[4:12, 4:12] = 0
    rho[:, :, 6:10] = 1
    rho[7:9, 7:9, 6:10] = 0
    thickness = plots.local_thickness(rho < 0.5, plots._Alone(PeriodicGrid(rho.shape, (0.5,) * 3)))
    assert thickness[7, 7, 8] < 0.4 * thickness[7, 7, 0]
    smooth = plots._smooth(thickness, rho < 0.5)
    assert smooth[7, 7, 8] < 0.8 * smooth[7, 7, 0]


def test_the_nearest_cluster_is_sought_through_the_faces():
    labels = np.zeros((8, 4, 4), np.int32)
    labels[0], labels[4] = 1, 2
    nearest = plots._nearest_cluster(labels, (1.0, 1.0, 1.0))
    assert (nearest[7] == 1).all() and (nearest[1] == 1).all()
    assert (nearest[[3, 5]] == 2).all()
