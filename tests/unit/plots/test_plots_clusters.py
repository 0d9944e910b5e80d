"""The view of the filler's clusters, from fields.h5."""

import json

import numpy as np
import pytest
from helpers.results import result_of
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.series import Field, write_fields
from pfsolid.morphology.clusters import find_clusters
from pfsolid.parallel.collective import PlaneExchange, Reducer
from pfsolid.parallel.communicator import alone
from pfsolid.plots import clusters as plots

SHAPE = (16, 12, 20)


@pytest.fixture(autouse=True)
def small_view(monkeypatch):
    monkeypatch.setattr(plots, "REFINED_SAMPLES", 32)  # the usual ones take seconds


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
    paths = plots.plot_clusters(tmp_path)
    assert paths == [tmp_path / "figures" / "clusters.png"]
    with Image.open(paths[0]) as image:
        assert min(image.size) > 400


def test_a_large_field_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "MAX_SAMPLES", 8)
    store(tmp_path, channel_and_pores())
    assert len(plots.plot_clusters(tmp_path)) == 1


@pytest.mark.parametrize("rho, name", [(np.ones((4, 4, 4)), "rho"), (np.zeros((8, 8, 1)), "rho"),
                                       (np.zeros((4, 4, 4)), "phi")], ids=["no filler", "2-D", "no rho"])
def test_nothing_to_draw(tmp_path, rho, name):
    store(tmp_path, rho, name)
    assert plots.plot_clusters(tmp_path) == []
    assert not (tmp_path / "figures").exists()


def test_a_directory_without_fields_and_none_at_all(tmp_path):
    assert plots.plot_clusters(tmp_path) == []
    with pytest.raises(InputError, match="is not a directory"):
        plots.plot_clusters(tmp_path / "nowhere")


def test_the_percolating_are_grey_and_the_largest_isolated_differ():
    clusters = label(channel_and_pores())
    colours = plots.colour_clusters(clusters)[clusters.labels]
    assert colours[7, 2, 0] == 0  # the channel
    assert colours[0, 8, 9] == colours[15, 8, 9] == 1  # the largest isolated one, through the face
    assert colours[9, 7, 2] == 2


def test_colours_are_taken_in_turn():
    rho = np.ones((40, 4, 4))
    rho[::4, 1, 1] = 0
    colours = plots.colour_clusters(label(rho))
    assert colours.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3]


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


def test_walls_have_the_colour_of_their_cluster():
    """Brightness varies with the light, hue does not: all faces of a cluster share the direction of its colour."""
    rho = channel_and_pores()
    clusters = label(rho)
    axes = Figure().add_subplot()
    plots.draw_clusters(axes, rho, clusters, edges_of(SHAPE))
    walls = max(axes.collections, key=lambda drawn: len(drawn.get_paths()))  # the box has a few faces and edges
    faces = walls.get_facecolors()[:, :3]
    hues = np.array([to_rgb(colour) for colour in plots.PALETTE[:3]])
    cosines = faces @ hues.T / np.linalg.norm(faces, axis=1)[:, None] / np.linalg.norm(hues, axis=1)
    assert cosines.max(axis=1).min() > 1 - 1e-6
    assert set(cosines.argmax(axis=1)) == {0, 1, 2}


def test_the_nearest_cluster_is_sought_through_the_faces():
    labels = np.zeros((8, 4, 4), np.int32)
    labels[0], labels[4] = 1, 2
    nearest = plots._nearest_cluster(labels, (1.0, 1.0, 1.0))
    assert (nearest[7] == 1).all() and (nearest[1] == 1).all()
    assert (nearest[[3, 5]] == 2).all()
