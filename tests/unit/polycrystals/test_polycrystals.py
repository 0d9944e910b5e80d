"""Polycrystals: power diagrams against brute force, volumes, orientations, what is refused."""

import csv
import subprocess
import sys

import h5py
import numpy as np
import pytest
from helpers.builders import ALONE

import pfsolid as pf
from pfsolid.config.grains import GrainsConfig
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.polycrystals.diagram import PowerDiagram, fit_diagram, lognormal_volumes, stretch
from pfsolid.polycrystals.texture import euler_angles, rotations
from pfsolid.workflows.console import open_session
from pfsolid.workflows.grains import check_output, make_grains


def cell(shape, lengths):
    return PeriodicGrid(shape, tuple(length / n for length, n in zip(lengths, shape)))


def labelled(diagram, shape):
    return diagram.label(cell(shape, diagram.lengths), 0, np.empty(shape, np.uint32))


def power_of(diagram, shape):
    """|x - seed|^2 - weight in the metric over all images of a seed nearby, by brute force: (num_grains, *shape)."""
    points = np.meshgrid(*((np.arange(n) + 0.5) / n * length for n, length in zip(shape, diagram.lengths)), indexing="ij")
    squares = []
    for axis, length in enumerate(diagram.lengths):
        seeds = diagram.seeds[:, axis].reshape(-1, 1, 1, 1)
        images = [np.abs(points[axis] - seeds + shift * length) for shift in (-1, 0, 1)]
        squares.append((np.minimum.reduce(images) / diagram.aspect[axis]) ** 2)
    return sum(squares) - diagram.weights.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("lengths, aspect, num_grains", [((1.0, 1.0, 1.0), (1, 1, 1), 7), ((2.0, 1.0, 0.7), (1, 2, 5), 40)])
def test_labels_are_those_of_brute_force(lengths, aspect, num_grains):
    """Blocks and their lists leave no grain out; of equal ones the lower number counts."""
    rng = np.random.default_rng(num_grains)
    diagram = PowerDiagram(lengths, rng.random((num_grains, 3)) * lengths, 0.05 * rng.random(num_grains), stretch(aspect))
    shape = (37, 21, 45)  # neither whole blocks nor equal axes
    powers = power_of(diagram, shape)
    labels = labelled(diagram, shape)
    least = np.take_along_axis(powers, labels[np.newaxis].astype(int), 0)[0]
    # Where two grains are equal but for rounding either is right.
    assert np.allclose(least, powers.min(axis=0), rtol=0, atol=1e-13)
    assert np.mean(labels == powers.argmin(axis=0)) > 0.9999


def test_two_seeds_share_the_cell_in_planes():
    """Weights move the two planes between equal seeds by (w0 - w1) / 2d: volumes are exact."""
    seeds = np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]])
    diagram = PowerDiagram((1.0, 1.0, 1.0), seeds, np.array([0.1, 0.0]), (1.0, 1.0, 1.0))
    labels = labelled(diagram, (40, 4, 4))
    # 0.25 + 0.25 +- 0.1 / (2 * 0.5): grain 0 from -0.1 to 0.6, 28 of 40 planes.
    assert np.bincount(labels.ravel()).tolist() == [28 * 16, 12 * 16]
    assert np.allclose(diagram.facet_normal(0, 1, (0.6, 0.5, 0.5)), (1, 0, 0))
    assert np.allclose(diagram.facet_normal(0, 1, (0.95, 0.5, 0.5)), (-1, 0, 0))  # through the face of the cell


def test_normal_of_a_facet_in_a_stretched_metric():
    """Points of the facet, by bisection, lie in the plane that the normal says."""
    rng = np.random.default_rng(3)
    diagram = PowerDiagram((1.0, 1.0, 1.0), np.array([[0.3, 0.4, 0.5], [0.6, 0.55, 0.4]]), np.array([0.02, 0.0]),
                           stretch((1, 2, 3)))

    def difference(point):
        first, second = (np.sum(((point - seed) / diagram.aspect) ** 2) - weight
                         for seed, weight in zip(diagram.seeds, diagram.weights))
        return first - second

    points = []
    for _ in range(4):
        low, high = diagram.seeds[0] + 0.1 * rng.random(3), diagram.seeds[1] + 0.1 * rng.random(3)
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if difference(middle) < 0 else (low, middle)
        points.append(low)
    normal = diagram.facet_normal(0, 1, points[0])
    assert np.allclose((np.array(points[1:]) - points[0]) @ normal, 0, atol=1e-14)


@pytest.mark.parametrize("spread, aspect", [(0.0, (1, 1, 1)), (0.35, (1, 1, 1)), (0.5, (1, 1, 3))])
def test_fitted_volumes_are_those_wanted(spread, aspect):
    """Each within 2 % of the mean on the grid of the fit; on another grid the voxels of its surface come in addition."""
    diagram = fit_diagram((1.0, 1.3, 0.8), 120, spread, aspect, seed=2)
    wanted = lognormal_volumes(120, spread, 2)
    found = np.bincount(labelled(diagram, (90, 117, 72)).ravel(), minlength=120) / (90 * 117 * 72)
    assert np.abs(found - wanted).max() * 120 < 0.05
    if spread:
        logarithms = np.sort(np.log(np.cbrt(found)))
        standard = (logarithms - np.log(np.cbrt(wanted)).mean()) / spread
        from scipy.stats import kstest

        assert kstest(standard, "norm").statistic < 0.05  # as asked for


def test_aspect_makes_grains_long():
    """Second moments of the grains along the axes are as the squares of the aspects."""
    diagram = fit_diagram((1.0, 1.0, 1.0), 60, 0.0, (1, 1, 2), seed=4)
    labels = labelled(diagram, (48, 48, 48)).ravel()
    points = np.stack(np.meshgrid(*[(np.arange(48) + 0.5) / 48] * 3, indexing="ij"), -1).reshape(-1, 3)
    away = points - diagram.seeds[labels]
    away -= np.round(away)
    mean = np.stack([np.bincount(labels, away[:, axis]) for axis in range(3)], -1) / np.bincount(labels)[:, np.newaxis]
    moments = ((away - mean[labels]) ** 2).mean(axis=0)
    # Sixty cells: their shapes scatter.
    assert np.sqrt(moments[2] / moments[:2].mean()) == pytest.approx(2.0, rel=0.1)


def test_a_finer_grid_shows_the_same_grains():
    coarse, fine = (pf.grains(n, 640 / n, 30, seed=3).labels for n in (32, 96))
    # The middle one of three voxels along each axis has its centre where the coarse one has it.
    assert np.array_equal(coarse, fine[1::3, 1::3, 1::3])


def test_arrays_come_in_the_callers_order():
    turned, plain = (pf.grains((12, 16, 20) if axes == "xyz" else (20, 16, 12), (10, 20, 30), 17, axes=axes)
                     for axes in ("xyz", "zyx"))
    assert np.array_equal(turned.labels, plain.labels.transpose(2, 1, 0)) and plain.voxel_nm == (10, 20, 30)
    assert plain.volumes_nm3.sum() == pytest.approx(12 * 16 * 20 * 6000)


def test_random_orientations_are_uniform():
    """Means of functions that vanish or are known for the uniform distribution on SO(3)."""
    turn = rotations(euler_angles("random", 20000, 5))
    assert np.allclose(turn @ turn.transpose(0, 2, 1), np.eye(3), atol=1e-14) and np.allclose(np.linalg.det(turn), 1)
    # Each entry has mean 0 and mean square 1/3; 20 000 samples: 5 standard errors.
    assert np.abs(turn.mean(axis=0)).max() < 0.02 and np.abs((turn**2).mean(axis=0) - 1 / 3).max() < 0.011
    # The trace is 1 + 2 cos of the angle of the turn, whose mean square is 1.
    assert np.mean(np.trace(turn, axis1=1, axis2=2) ** 2) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("axis", "xyz")
def test_fibre_has_c_along_the_axis(axis):
    turn = rotations(euler_angles(f"fibre:{axis}", 5, 1))
    along = np.eye(3)["xyz".index(axis)]
    assert np.allclose(turn @ (0, 0, 1), along, atol=1e-12)
    assert len({tuple(np.round(one @ (1, 0, 0), 6)) for one in turn}) == 5  # any angle about it


def test_tensors_keep_their_principal_values():
    made = pf.grains(16, 20, 18)
    tensors = made.tensors([1.0, 2.0, 5.0])
    assert np.allclose(np.linalg.eigvalsh(tensors), (1, 2, 5))
    with pytest.raises(InputError, match="principal values"):
        made.tensors([1.0, 2.0])


def test_file_and_table(tmp_path):
    """What the command writes is what Python makes; the image is read as any other."""
    path = tmp_path / "poly.h5"
    command = [sys.executable, "-P", "-m", "pfsolid", "grains", "-o", path, "--shape", "20,16,12", "--voxel-nm", "5",
               "--grains", "18", "--seed", "7", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "18 grains in 100 x 80 x 60 nm" in done.stdout
    made = pf.grains((12, 16, 20), 5, 18, seed=7)
    with h5py.File(path) as file:
        assert np.array_equal(file["labels"], made.labels) and "number = 18" in file.attrs["input"]
    assert np.array_equal(pf.read_image(path).to_array(), made.labels)
    with open(tmp_path / "poly_grains.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["volume_nm3"]) for row in rows] == pytest.approx(made.volumes_nm3)
    assert [float(row["Phi_deg"]) for row in rows] == pytest.approx(made.euler_deg[:, 1], rel=1e-7)
    again = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert again.returncode == 2 and "--force" in again.stderr and len(again.stderr.splitlines()) == 1
    check_output(path, force=True)
    with h5py.File(tmp_path / "fields.h5", "w") as file:
        file["rho"] = np.ones((2, 2, 2))
    for other in ("fields.h5", "table.h5"):
        (tmp_path / "table.h5").write_text("mine")
        with pytest.raises(InputError, match="not written by pfsolid grains"):
            check_output(tmp_path / other, force=True)


@pytest.mark.parametrize("change, says", [
    ({"grains": 1}, "grains = 1: must be from 2"), ({"grains": 600}, "must be from 2 to 512"),
    ({"lognormal": 2.0}, "lognormal = 2"), ({"aspect": (1, 1)}, "aspect"), ({"aspect": (1, 1, 0)}, "aspect"),
    ({"texture": "cube"}, "texture = \"cube\""), ({"shape": (16, 16)}, "shape"), ({"shape": (1, 16, 16)}, "shape"),
    ({"seed": -1}, "seed = -1"), ({"axes": "xy"}, "axes"), ({"voxel_nm": 0}, "voxel_nm"),
])
def test_what_cannot_be_is_refused(change, says):
    arguments = {"shape": 16, "voxel_nm": 10, "grains": 10} | change
    with pytest.raises(InputError, match=says) as caught:
        pf.grains(**arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_few_grains_are_warned_of():
    with pytest.warns(pf.PfsolidWarning, match="fewer than 16"):
        pf.grains(16, 10, 4)


def test_slabs_are_parts_of_the_whole():
    """A slab begins anywhere: labels do not depend on where blocks lie."""
    config = GrainsConfig(shape=(24, 20, 16), voxel_size_nm=10.0, number=20)
    made, whole = make_grains(config, open_session(1, ALONE))
    part = np.empty((11, 20, 16), np.uint32)
    made.diagram.label(config.grid_nm, 5, part)
    assert np.array_equal(part, whole[5:16]) and made.voxels.sum() == whole.size


def test_equal_cubes_with_boundaries_are_exact():
    """Each grain resists D/sigma, each boundary R: sigma_eff = 1 / (1/sigma + R/D)."""
    index = np.arange(24) // 8
    labels = index[:, None, None] * 9 + index[:, None] * 3 + index
    sigma, edge_cm = 1e-3, 8 * 20e-7
    for ratio in (0.01, 1.0, 100.0):
        found = pf.conductivity(labels, {"*": sigma}, 20, resistance={"*:*": ratio * edge_cm / sigma}, fields=False,
                                interface_normals="faces", tolerance=1e-6)
        # The solver's tolerance.
        assert np.diag(found.tensor) == pytest.approx([sigma / (1 + ratio)] * 3, rel=2e-6)


def test_boundaries_of_a_polycrystal_hold_their_interval():
    """R sigma / D = 1 with D = 3/S_V: first order in the voxel; both intervals hold what the two grids lead to."""
    tensors, intervals = [], []
    for n in (24, 48):
        made = pf.grains(n, 1200 / n, 60, lognormal=0.0)
        found = pf.conductivity(made.image, {"*": 1e-3}, resistance={"*:*": 0.0336}, fields=False)
        tensors.append(np.diag(found.tensor))
        intervals.append(found.interval)
    limit = 2 * tensors[1] - tensors[0]
    for interval in intervals:
        low, high = interval
        assert (low < limit).all() and (limit < high).all()


def test_crystals_between_their_bounds():
    """Of grains turned every way: between the harmonic and the arithmetic mean of the crystal; alike, the crystal."""
    crystal = [1e-3, 1e-3, 1e-4]
    single, turned = (pf.grains(16, 20, 16, texture=texture) for texture in ("single", "random"))
    exact = pf.conductivity(single.image, dict(enumerate(single.tensors(crystal))), fields=False)
    assert np.allclose(exact.tensor, np.diag(crystal), rtol=0, atol=1e-15)
    tensors = turned.tensors(crystal)
    found = pf.conductivity(turned.image, dict(enumerate(tensors)), fields=False).tensor
    share = turned.volumes_nm3 / turned.volumes_nm3.sum()
    above = np.tensordot(share, tensors, 1) - found
    below = found - np.linalg.inv(np.tensordot(share, np.linalg.inv(tensors), 1))
    # Voigt and Reuss bounds as matrices: neither difference has a negative eigenvalue.
    assert np.linalg.eigvalsh(above).min() > 0 and np.linalg.eigvalsh(below).min() > 0
