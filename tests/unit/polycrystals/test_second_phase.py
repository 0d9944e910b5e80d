"""Films, channels along triple lines and pores of polycrystals: exact cases, distances on a finer grid, what is refused."""

import csv
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from helpers.builders import ALONE
from scipy.ndimage import distance_transform_edt

import pfsolid as pf
from pfsolid.config.grains import GrainsConfig
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.polycrystals.diagram import PowerDiagram
from pfsolid.polycrystals.second_phase import BetweenGrains, mark_second, plan_pores
from pfsolid.workflows.console import open_session
from pfsolid.workflows.grains import make_grains

CELL = {"shape": 32, "voxel_nm": 20, "grains": 20, "seed": 4}


def marked(diagram, shape, between, first_plane=0, planes=None):
    grid = PeriodicGrid(shape, tuple(length / n for length, n in zip(diagram.lengths, shape)))
    labels = np.empty((planes or shape[0], *shape[1:]), np.uint32)
    diagram.label(grid, first_plane, labels)
    mark_second(diagram, between, grid, first_plane, 1, labels)
    return labels


def test_films_between_flat_layers_are_exact():
    """Two facets at 0.6 and -0.1 of the cell, each 0.1 thick: 4 of 40 planes each; also where the metric is stretched."""
    seeds = np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]])
    for aspect in ((1.0, 1.0, 1.0), (2.0, 0.5, 1.0)):
        diagram = PowerDiagram((1.0, 1.0, 1.0), seeds, np.array([0.1, 0.0]) / aspect[0]**2, aspect)
        labels = marked(diagram, (40, 4, 4), BetweenGrains(film_nm=0.1))
        assert np.flatnonzero((labels == 2).all(axis=(1, 2))).tolist() == [22, 23, 24, 25, 34, 35, 36, 37]
        assert np.bincount(labels.ravel()).tolist() == [24 * 16, 8 * 16, 8 * 16]


def test_channels_along_lines_of_a_honeycomb():
    """Columns of equal hexagons: two lines in each, of the cross-section pi d^2/4, half a voxel more or less at its rim."""
    width, height = 1.0, np.sqrt(3.0)
    diagram = PowerDiagram((width, height, 0.5), np.array([[0.25, 0.25 * height, 0.25], [0.75, 0.75 * height, 0.25]]),
                           np.zeros(2), (1.0, 1.0, 1.0))
    labels = marked(diagram, (120, 208, 2), BetweenGrains(line_nm=0.3))
    # A column is its own neighbour through the cell's faces, which is no boundary: the three grains of a line must differ.
    assert not (labels == 2).any()
    seeds = np.concatenate([diagram.seeds, diagram.seeds + (width, 0, 0), diagram.seeds + (2 * width, 0, 0)])
    diagram = PowerDiagram((3 * width, height, 0.5), seeds, np.zeros(6), (1.0, 1.0, 1.0))
    labels = marked(diagram, (360, 208, 2), BetweenGrains(line_nm=0.3))
    share = np.mean(labels == 6)
    assert share == pytest.approx(12 * np.pi * 0.15**2 / (3 * height), rel=0.01)


@pytest.mark.parametrize("aspect", [(1, 1, 1), (1, 1, 2)])
def test_distances_are_those_to_where_labels_meet(aspect):
    """Voxels that meet other grains, or two of them, as a second opinion on where facets and lines are."""
    n, h, width = 96, 640 / 96, 70.0
    arguments = {"shape": n, "voxel_nm": h, "grains": 20, "lognormal": 0.0, "seed": 4, "aspect": aspect}
    around = np.stack([np.roll(pf.grains(**arguments).labels, shift, (0, 1, 2)) for shift in np.ndindex(2, 2, 2)])
    around.sort(axis=0)
    kinds = 1 + np.count_nonzero(np.diff(around, axis=0), axis=0)  # at the corner before each voxel
    for kind, least in (("film_nm", 2), ("triple_line_nm", 3)):
        met = np.pad(kinds >= least, 12, mode="wrap")
        distance = distance_transform_edt(~met, sampling=h)[12:-12, 12:-12, 12:-12]
        made = pf.grains(**arguments, **{kind: width}).labels == 20
        # A voxel's centre is sqrt(3)/2 of its edge from that corner, and the facet or line may be as far on its other side.
        sure = np.sqrt(3) * h
        # Three grains may meet at a corner without a line through it, where one of them is thin: hardly ever.
        assert np.mean(made[distance < 0.5 * width - sure]) > 0.998
        assert np.mean(made[distance > 0.5 * width + sure]) < 0.002


def test_slabs_are_parts_of_the_whole():
    config = GrainsConfig(shape=(24, 20, 16), voxel_size_nm=10.0, number=20, film_nm=15.0, wetted=0.6, triple_line_nm=30.0,
                          porosity=0.1, pore_nm=40.0)
    made, whole = make_grains(config, open_session(1, ALONE))
    part = np.empty((11, 20, 16), np.uint32)
    made.diagram.label(config.grid_nm, 5, part)
    mark_second(made.diagram, config.between, config.grid_nm, 5, config.seed, part)
    pores = whole[5:16] == 21
    assert np.array_equal(part[~pores], whole[5:16][~pores])
    assert made.voxels.sum() + sum(made.voxels_between) == whole.size


def test_wetted_facets_are_some_of_all():
    """Drawn for each pair: of the film as large a share in the mean, and nothing that is not in all of it."""
    every = pf.grains(48, 20, 100, film_nm=30).labels == 100
    shares = []
    for wetted in (0.25, 0.5, 0.75):
        some = pf.grains(48, 20, 100, film_nm=30, wetted=wetted).labels == 100
        assert not (some & ~every).any()
        shares.append(some.sum() / every.sum())
    # 1400 facets of unequal size: three standard errors of a share are about 0.06; where films overlap one is enough.
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.1)


def test_thin_films_have_the_area_of_the_facets():
    """Where films overlap they have less volume, in second order of the thickness; S_V by the faces of the labels."""
    kinds = {"shape": 96, "voxel_nm": 10, "grains": 30, "lognormal": 0.0}
    thin, thick = (pf.grains(**kinds, film_nm=film).second_phase_fraction / film for film in (10, 20))
    labels = pf.grains(**kinds).labels
    faces = sum(np.count_nonzero(labels != np.roll(labels, 1, axis)) for axis in range(3)) / labels.size / 10
    # Facets of every direction: |n|_1 is 3/2 in the mean, 400 facets and more come near to that.
    assert 2 * thin - thick == pytest.approx(faces / 1.5, rel=0.03)


@pytest.mark.parametrize("porosity, pore_nm", [(0.02, 120), (0.3, 80), (0.6, 60)])
def test_porosity_is_met(porosity, pore_nm):
    centres, radius = plan_pores((640.0, 640.0, 640.0), BetweenGrains(porosity=porosity, pore_nm=pore_nm), 1)
    assert 2 * radius == pytest.approx(pore_nm, rel=0.15)
    made = pf.grains(64, 10, 20, porosity=porosity, pore_nm=pore_nm)
    # 262144 voxels, and as many points on which the diameter is set.
    assert made.porosity == pytest.approx(porosity, rel=0.02)


def test_pores_of_an_array(tmp_path):
    pores = np.zeros((12, 16, 20), bool)
    pores[2:5, :, 3:9] = True
    plain = pf.grains((12, 16, 20), 5, 18)
    made = pf.grains((12, 16, 20), 5, 18, pores=pores)
    assert np.array_equal(made.labels == 19, pores) and np.array_equal(made.labels[~pores], plain.labels[~pores])
    assert made.classes == {"grain": range(18), "pore": 19} and made.porosity == pytest.approx(pores.mean())
    with pytest.raises(InputError, match="array of bool of shape"):
        pf.grains((12, 16, 20), 5, 18, pores=pores.T)
    with pytest.raises(InputError, match="in place of porosity"):
        pf.grains((12, 16, 20), 5, 18, pores=pores, porosity=0.1, pore_nm=20)


def test_pores_of_a_file(tmp_path):
    """A label of an image, and a density below 1/2."""
    rng = np.random.default_rng(1)
    rho = rng.random((12, 16, 20))
    np.save(tmp_path / "rho.npy", rho)
    np.save(tmp_path / "labels.npy", np.where(rho < 0.5, 3, 7))
    tables = []
    for name, label in (("rho.npy", []), ("labels.npy", ["--pores-label", "3"])):
        path = tmp_path / f"{name}.h5"
        command = [sys.executable, "-P", "-m", "pfsolid", "grains", "-o", path, "--shape", "20,16,12", "--voxel-nm", "5",
                   "--grains", "18", "--threads", "1", "--pores-from", tmp_path / name, *label]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 and f"pores, label 19: {100 * np.mean(rho < 0.5):.3g} %" in done.stdout, done.stderr
        with h5py.File(path) as file:
            assert np.array_equal(file["labels"][()] == 19, rho < 0.5)
        with open(path.with_name(f"{name}_grains.csv"), newline="") as file:
            tables.append(list(csv.DictReader(file)))
    assert tables[0] == tables[1] and tables[0][-1]["class"] == "pore" and tables[0][-1]["phi1_deg"] == ""
    done = subprocess.run([*command[:-2], "--force"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "--pores-label" in done.stderr and len(done.stderr.splitlines()) == 1


def test_films_do_not_depend_on_the_voxels():
    coarse, fine = (pf.grains(n, 640 / n, 30, seed=3, film_nm=40, triple_line_nm=60, wetted=0.5).labels for n in (32, 96))
    assert np.array_equal(coarse, fine[1::3, 1::3, 1::3])


@pytest.mark.parametrize("change, says", [
    ({"film_nm": 10}, "film_nm = 10: must be at least the edge of a voxel, 20 nm"),
    ({"triple_line_nm": 19}, "triple_line_nm = 19: must be at least"), ({"film_nm": -1}, "film_nm = -1"),
    ({"film_nm": 300}, "below the size of a grain"), ({"wetted": 0.5}, "no meaning without grains.film_nm"),
    ({"film_nm": 40, "wetted": 0}, "wetted = 0"), ({"porosity": 0.1}, "pores need grains.pore_nm"),
    ({"pore_nm": 50}, "pores need grains.porosity"), ({"porosity": 0.95, "pore_nm": 50}, "porosity = 0.95"),
    ({"porosity": 0.1, "pore_nm": 5}, "pore_nm = 5: must be at least"),
    ({"porosity": 0.5, "pore_nm": 900}, "as large as the cell"),
])
def test_what_cannot_be_is_refused(change, says):
    with pytest.raises(InputError, match=says) as caught:
        pf.grains(**CELL | change)
    assert len(str(caught.value).splitlines()) == 1


def test_nothing_between_grains_by_default():
    assert not BetweenGrains().has_second and replace(BetweenGrains(), line_nm=1.0).has_second
    made = pf.grains(**CELL)
    assert made.second_phase_fraction == made.porosity == 0.0 and list(made.classes) == ["grain"]
