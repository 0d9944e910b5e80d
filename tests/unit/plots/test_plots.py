"""Figures from the files of a run, whole and with pieces missing; and the reading of parts of a field."""

import csv
import json

import matplotlib
import numpy as np
import pytest
from helpers.results import conduction_of, result_of
from PIL import Image

from pfsolid.conduction.currents import current_statistics
from pfsolid.errors import CheckpointError, InputError, OutputError
from pfsolid.grid import PeriodicGrid
from pfsolid.io.hdf5 import DistributedArray
from pfsolid.io.peek import read_plane, read_strided
from pfsolid.io.series import Field, write_fields
from pfsolid.parallel.collective import Reducer
from pfsolid.parallel.communicator import world
from pfsolid.plots import run as plots_run
from pfsolid.plots.figure import Look, save_figure
from pfsolid.plots.rays import REACH, Body, project
from pfsolid.plots.run import plot_run
from pfsolid.plots.run_files import NEEDED_COLUMNS, read_run
from pfsolid.plots.structure import structure_figure

ALL = {"slices", "conduction", "evolution", "structure_3d", "clusters"}
MOST_BYTES = 500_000  # a few of the largest, the 3-D views, go onto a page
MOST_PIXELS = 1024  # across: what a page shows without scaling
SIGMA_S_PER_CM = {"pore": 0.0, "surface": 3.14e-3, "bulk": 8.93e-7}
FIELD_V_PER_M = 10.0


def gyroid(shape):
    """A smooth bicontinuous structure between 0 and 1."""
    x, y, z = np.meshgrid(*[2 * np.pi * np.arange(n) / n for n in shape], indexing="ij")
    level = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
    return 0.5 + 0.5 * np.tanh(3 * level)


def store(directory, fields, spacing=(0.5, 0.5, 0.5)):
    """Fields of one shape (and components) as fields.h5."""
    def whole(array):
        return Field(DistributedArray(array, array.shape, tuple(slice(0, n) for n in array.shape)), "1")

    grid = PeriodicGrid(next(iter(fields.values())).shape[:3], spacing)
    path = directory / "fields.h5"
    write_fields(path, {name: whole(array) for name, array in fields.items()}, grid, {}, world())
    return path


def store_history(directory, num_rows=30, **columns):
    """history.csv of a structure that coarsens as t^(1/3); ``columns`` are other values, '' for no value."""
    time = np.geomspace(0.01, 300, num_rows)
    values = {name: (time ** (1 / 3)).tolist() for name in NEEDED_COLUMNS}
    fraction = np.linspace(0.1, 0.4, num_rows).tolist()
    values |= {name: fraction for name in values if name.endswith("_fraction")}
    values |= {"reduced_time": time.tolist(), "mean_density": [0.6] * num_rows} | columns
    with open(directory / "history.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *values])
        writer.writerows([step, *row] for step, row in enumerate(zip(*values.values())))


def phases_and_current(rho, axis=0):
    """Labels, and the current that parallel conductors would carry."""
    labels = np.digitize(rho, [0.1, 0.9]).astype(np.uint8)
    sigma = 100 * np.array(list(SIGMA_S_PER_CM.values()))
    current = np.zeros(rho.shape + (3,), dtype=np.float32)
    current[..., axis] = sigma[labels] * FIELD_V_PER_M
    return labels, current


def store_result(directory, labels, current, axis=0, title="gyroid"):
    tensor = np.zeros((3, 3))
    tensor[axis, axis] = current[..., axis].mean() / FIELD_V_PER_M / 100
    phases = {name: (label, float(np.mean(labels == label)), sigma)
              for label, (name, sigma) in enumerate(SIGMA_S_PER_CM.items())}
    statistics = {}
    if current.any():
        found = current_statistics(current, labels, axis, Reducer(world())).result(dict(enumerate(SIGMA_S_PER_CM)))
        statistics["xyz"[axis]] = found
    found = conduction_of(tensor, phases, applied_field_V_per_m=FIELD_V_PER_M, currents=statistics)
    (directory / "result.json").write_text(json.dumps(result_of(found, title=title).to_dict()))


def store_run(directory, rho, axis=0, spacing=(0.5, 0.5, 0.5), **options):
    labels, current = phases_and_current(rho, axis)
    fields = {"rho": rho, "phase": labels, f"current_density_{'xyz'[axis]}": current}
    store(directory, fields, spacing)
    store_history(directory)
    store_result(directory, labels, current, axis, **options)


def drawn(directory):
    """Names of the figures, each of which must be a picture of the right size with something in it."""
    told = []
    paths, failures = plot_run(directory, say=lambda *what: told.append(what))
    assert not failures and [path for _, _, path in told] == paths
    for path in paths:
        assert path.parent == directory / "figures"
        assert path.stat().st_size < MOST_BYTES
        with Image.open(path) as image:
            assert image.width <= MOST_PIXELS
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
    assert sorted((directory / "figures").iterdir()) == sorted(paths)
    return {path.stem for path in paths}


# --- whole runs ---------------------------------------------------------------------------------------------


def test_all_figures_of_a_run(tmp_path):
    settings = dict(matplotlib.rcParams)
    store_run(tmp_path, gyroid((24, 20, 16)), spacing=(0.5, 0.6, 0.7), title="$gyroid_{ & 40 % {")
    assert drawn(tmp_path) == ALL
    assert dict(matplotlib.rcParams) == settings


def test_two_dimensional_run_has_one_slice_and_no_view(tmp_path):
    store_run(tmp_path, gyroid((32, 24, 1)))
    assert drawn(tmp_path) == ALL - {"structure_3d", "clusters"}


def test_conduction_alone_along_another_axis(tmp_path):
    """What `pfsolid conduct` leaves: no density."""
    labels, current = phases_and_current(gyroid((12, 12, 12)), axis=2)
    store(tmp_path, {"phase": labels, "current_density_z": current})
    store_result(tmp_path, labels, current, axis=2)
    assert drawn(tmp_path) == {"conduction"}


@pytest.mark.parametrize("density", [0.0, 0.6])
def test_uniform_field(tmp_path, density):
    rho = np.full((8, 8, 8), density)
    labels, current = phases_and_current(rho)
    store(tmp_path, {"rho": rho, "phase": labels, "current_density_x": current})
    store_result(tmp_path, labels, current)
    # Without solid there is no conduction, without pores there are no clusters of them.
    assert drawn(tmp_path) == {"slices", "structure_3d"} | ({"conduction"} if density else {"clusters"})


# --- pieces missing -----------------------------------------------------------------------------------------


def test_only_a_history(tmp_path):
    store_history(tmp_path)
    assert drawn(tmp_path) == {"evolution"}
    assert drawn(tmp_path) == {"evolution"}  # once more, over the old one


def test_only_a_microstructure(tmp_path):
    store(tmp_path, {"rho": gyroid((8, 8, 8))})
    (tmp_path / "result.json").write_text(json.dumps(result_of(title="", porosity=None).to_dict()))
    assert drawn(tmp_path) == {"slices", "structure_3d", "clusters"}


@pytest.mark.parametrize("missing", ["result", "current", "percolation"])
def test_without_a_current_there_is_no_conduction_figure(tmp_path, missing):
    labels, current = phases_and_current(gyroid((8, 8, 8)))
    store(tmp_path, {"phase": labels} | ({} if missing == "current" else {"current_density_x": current}))
    if missing != "result":
        store_result(tmp_path, labels, 0 * current if missing == "percolation" else current)
    with pytest.raises(InputError, match="nothing to draw"):
        plot_run(tmp_path)


def test_conductor_between_the_samples(tmp_path):
    """A sheet one voxel thick that the sampling of every second voxel does not meet."""
    rho = np.zeros((4, 4, 128))
    rho[:, :, 65] = 1
    labels, current = phases_and_current(rho)
    store(tmp_path, {"phase": labels, "current_density_x": current})
    store_result(tmp_path, labels, current)
    assert drawn(tmp_path) == {"conduction"}


def test_nothing_to_draw(tmp_path):
    with pytest.raises(InputError, match="is not a directory"):
        plot_run(tmp_path / "missing")
    with pytest.raises(InputError, match="nothing to draw"):
        plot_run(tmp_path)
    store_history(tmp_path, num_rows=0)
    with pytest.raises(InputError, match="nothing to draw"):
        plot_run(tmp_path)
    assert not (tmp_path / "figures").exists()


# --- histories ----------------------------------------------------------------------------------------------


def test_empty_cells_and_values_that_are_not_finite(tmp_path):
    store_history(tmp_path, 6, pore_size_nm=["", "", "inf", 1.0, 2.0, "nan"], spacing_nm=[""] * 6,
                  wall_size_nm=["inf"] * 6, time_s=[""] * 6, energy_J_per_m3=[3e6, 2e6, 1e6, 0.0, -1.0, ""])
    assert drawn(tmp_path) == {"evolution"}


def test_one_row(tmp_path):
    store_history(tmp_path, 1)
    assert drawn(tmp_path) == {"evolution"}


def test_row_at_time_zero_and_row_being_written(tmp_path):
    store_history(tmp_path, 2, reduced_time=[0.0, 1.0], time_s=[0.0, 5.0])
    with open(tmp_path / "history.csv", "a") as file:
        file.write("2,30")
    assert drawn(tmp_path) == {"evolution"}


# --- damage -------------------------------------------------------------------------------------------------


def test_damaged_files(tmp_path):
    path = store(tmp_path, {"rho": gyroid((8, 8, 8))})
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="fields.h5"):
        plot_run(tmp_path)
    path.unlink()
    store_history(tmp_path, 2, spacing_nm=["many", 1])
    with pytest.raises(CheckpointError, match="history.csv.*many"):
        plot_run(tmp_path)
    (tmp_path / "history.csv").write_text("step,reduced_time\n1,0.1\n")
    with pytest.raises(CheckpointError, match="no column time_s"):
        plot_run(tmp_path)
    (tmp_path / "result.json").write_text("{")
    (tmp_path / "history.csv").unlink()
    with pytest.raises(InputError, match="result.json is damaged"):
        plot_run(tmp_path)


def test_figures_is_a_file(tmp_path):
    store_history(tmp_path)
    (tmp_path / "figures").write_text("")
    made, failures = plot_run(tmp_path)
    assert not made and isinstance(failures["evolution"], OutputError) and "is a file" in str(failures["evolution"])


def test_a_figure_that_fails_costs_no_other(tmp_path, monkeypatch):
    store(tmp_path, {"rho": gyroid((8, 8, 1))})
    store_history(tmp_path)

    def fail(run):
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(plots_run, "slices_figure", fail)
    made, failures = plot_run(tmp_path)
    assert [path.stem for path in made] == ["evolution"]
    assert list(failures) == ["slices"] and isinstance(failures["slices"], ZeroDivisionError)


# --- looks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, start", [("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_vector_formats(tmp_path, kind, start):
    store(tmp_path, {"rho": gyroid((8, 8, 1))})
    (path,), _ = plot_run(tmp_path, Look(kind))
    content = path.read_bytes()
    assert path.name == f"slices.{kind}" and content.startswith(start)
    if kind == "pdf":  # the same result gives the same file; matplotlib names what an SVG refers to at random
        plot_run(tmp_path, Look(kind))
        assert path.read_bytes() == content


def test_views_in_a_vector_format_are_pixels(tmp_path):
    """So that a page is not a hundred thousand polygons."""
    store(tmp_path, {"rho": gyroid((8, 8, 8))})
    path = save_figure(tmp_path, "view", lambda: structure_figure(read_run(tmp_path)), Look("pdf", dpi=60))
    assert b"/Subtype /Image" in path.read_bytes() and path.stat().st_size < 200_000


def test_the_users_settings_are_over_ours_and_styles_over_them(tmp_path):
    with matplotlib.rc_context({"font.size": 13.0, "savefig.dpi": 77}):
        with matplotlib.rc_context():
            Look().apply()
            seen = matplotlib.rcParams
            assert (seen["font.size"], seen["figure.dpi"], seen["axes.linewidth"]) == (13.0, 77, 0.7)
        style = tmp_path / "paper.mplstyle"
        style.write_text("font.size: 6\n")
        with matplotlib.rc_context():
            Look(dpi=300, styles=(str(style),)).apply()
            assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["figure.dpi"]) == (6.0, 300)
    with pytest.raises(InputError, match="no-such: is no style of matplotlib"):
        Look(styles=("no-such",))


# --- parts of a field ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("components", [(), (3,)])
def test_planes_and_strided_samples(tmp_path, components):
    values = np.random.default_rng(1).random((7, 6, 5) + components)
    path = store(tmp_path, {"rho": values})
    for axis in range(3):
        for stride in (1, 2, 4):
            plane = read_plane(path, "rho", axis, 3, stride)
            assert np.array_equal(plane, np.take(values, 3, axis)[::stride, ::stride])
    assert np.array_equal(read_strided(path, "rho", (1, 1, 1)), values)
    assert np.array_equal(read_strided(path, "rho", (3, 2, 4)), values[::3, ::2, ::4])


def test_parts_that_are_not_there(tmp_path):
    path = store(tmp_path, {"rho": gyroid((4, 4, 4))})
    with pytest.raises(CheckpointError, match="no field mu"):
        read_plane(path, "mu", 0, 0)
    with pytest.raises(CheckpointError, match="no field mu"):
        read_strided(path, "mu", (1, 1, 1))
    with pytest.raises(CheckpointError, match="4 planes along z, not one at 4"):
        read_plane(path, "rho", 2, 4)
    with pytest.raises(CheckpointError, match="does not exist"):
        read_plane(tmp_path / "other.h5", "rho", 0, 0)


# --- rays ---------------------------------------------------------------------------------------------------


def edges_of(shape, spacing):
    return tuple(np.arange(n + 1) * h for n, h in zip(shape, spacing))


def in_space(body, hits, spacing):
    return hits.index.T * spacing


def test_rays_meet_a_sphere():
    """A solid sphere in the middle of a box of other voxels along each axis: its outline, and where rays end."""
    shape, spacing, radius, centre = (32, 40, 50), (1.25, 1.0, 0.8), 12.0, 20.0
    edges = edges_of(shape, spacing)
    x, y, z = np.meshgrid(*[e[:-1] for e in edges], indexing="ij")
    distance = np.sqrt((x - centre) ** 2 + (y - centre) ** 2 + (z - centre) ** 2)
    body = Body(0.5 + 0.5 * np.tanh(2 * (radius - distance) / 3), edges)
    met = []

    def paint(hits):
        met.append(in_space(body, hits, spacing))
        return np.ones((hits.values.size, 3))

    picture = body.picture(150, 160, paint, paint)
    points = np.concatenate(met)
    # Straight lines between the samples are off by h^2 / (8 radius) < 2 %; rays are bisected to 1/32 of a spacing.
    assert np.linalg.norm(points - centre, axis=1) == pytest.approx(radius, rel=0.02)
    low, high = body.frame()
    area = picture[..., 3].sum() * np.prod((high - low) / (150, 160))
    assert area == pytest.approx(np.pi * radius**2, rel=0.02)
    rows, columns = np.nonzero(picture[..., 3] > 0.5)
    middle = low + (np.array([columns.mean(), rows.mean()]) + 0.5) * (high - low) / (150, 160)
    np.testing.assert_allclose(middle, project(np.full(3, centre)), atol=0.2)  # a pixel


def test_rays_pass_by_and_through_and_end_on_the_faces():
    shape, spacing = (12, 10, 8), (1.0, 1.0, 1.0)
    edges = edges_of(shape, spacing)
    assert not Body(np.zeros(shape), edges).picture(40, 40, (1, 1, 1), (1, 1, 1)).any()
    faces = []

    def paint(hits):
        faces.append(hits.index)
        return np.ones((hits.values.size, 3))

    full = Body(np.ones(shape), edges).picture(40, 40, paint, paint)
    low, high = Body(np.ones(shape), edges).frame()
    # The outline of a box: the sum of its three faces, foreshortened.
    sides = project(np.diag(shape))
    outline = sum(abs(np.linalg.det(sides[[a, b]])) for a, b in ((0, 1), (1, 2), (0, 2)))
    assert full[..., 3].sum() * np.prod((high - low) / 40) == pytest.approx(outline, rel=0.02)
    x, y, z = np.concatenate(faces, axis=1)
    on_face = np.isclose(x, 12) | np.isclose(y, 0, atol=1e-9) | np.isclose(z, 8)
    assert on_face.all()  # the nearest three, whatever is behind


def test_a_leap_does_not_cross_a_sheet():
    """A sheet of one sample far from the viewer: rays leap towards it, and none gets through."""
    rho = np.zeros((40, 40, 40))
    rho[:, 36] = 1
    seen = Body(rho, edges_of(rho.shape, (1.0,) * 3)).picture(60, 60, (1, 1, 1), (1, 1, 1))[..., 3]
    full = Body(np.ones_like(rho), edges_of(rho.shape, (1.0,) * 3)).picture(60, 60, (1, 1, 1), (1, 1, 1))[..., 3]
    # All of the picture of the sheet's own face, which is the face y = 0 shifted: a parallelogram.
    sides = project(np.diag(rho.shape))
    low, high = Body(rho, edges_of(rho.shape, (1.0,) * 3)).frame()
    area = abs(np.linalg.det(sides[[0, 2]])) / np.prod((high - low) / 60)
    assert seen.sum() >= 0.98 * area and full.sum() > seen.sum()
    assert REACH > 2.5  # from a point to the sample beside it, and from that one's neighbour to the surface


def test_a_shorter_last_interval_ends_where_the_box_does():
    """101 voxels sampled at every second: the 51st sample is a voxel from the end, and the field goes on there."""
    samples = np.arange(0, 101, 2)
    edges = (np.append(samples * 1.0, 101.0), np.arange(5.0), np.arange(5.0))
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * samples / 101)
    body = Body(np.broadcast_to(wave[:, None, None], (51, 4, 4)), edges)
    # At the end of the box, 50.5 intervals from its beginning, the field has its first value again.
    line = body._field[:, 0, 0]
    assert 0.5 * (line[50] + line[51]) == pytest.approx(wave[0], abs=1e-6)
