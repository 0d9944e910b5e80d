"""What ``auto`` picks, on images where the answer is known from measurements, and what it says."""

import numpy as np
import pytest
from helpers.builders import HU_SIGMA, divide_labels, grow_labels, make_transform

from pfsolid.conduction.selection import choose_solver, contrast_of, coordination
from pfsolid.morphology.connectivity import find_percolation


def choose(labels, sigma, petsc=True):
    """As a workflow does it, for all axes along which the good conductors might be wanted."""
    labels = np.asarray(labels, np.uint8)
    transform = make_transform(labels.shape)
    contrast = contrast_of(sigma, np.bincount(labels.ravel(), minlength=len(sigma)))
    found = find_percolation(contrast.good[labels], transform.reducer, transform.ghosts)
    near = coordination(divide_labels(labels, transform), contrast.good, transform)
    return choose_solver(contrast, dict(zip("xyz", found.fraction)), near, petsc)


def by_lot(share, n=24, seed=1):
    """Voxels drawn by lot, 30 % of the conducting ones surface."""
    return np.random.default_rng(seed).choice(3, (n,) * 3, p=[1 - share, 0.3 * share, 0.7 * share]).astype(np.uint8)


@pytest.mark.parametrize("sigma", [HU_SIGMA, (0.0, 1.0, 1.0), (1e-8, 1.0, 1.0), (0.0, 1e-6, 1.0)])
@pytest.mark.parametrize("porosity", [0.3, 0.4, 0.6])
def test_multigrid_on_grown_microstructures(porosity, sigma):
    assert choose(grow_labels((32, 32, 32), porosity), sigma).name == "multigrid"


@pytest.mark.parametrize("share, sigma", [(0.36, (0.0, 1.0, 1.0)), (0.4, HU_SIGMA), (0.5, (0.0, 1.0, 1e-6)),
                                          (0.34, (1e-6, 1.0, 1.0))])
def test_petsc_on_single_voxels_near_the_threshold(share, sigma):
    choice = choose(by_lot(share), sigma)
    assert choice.name == "petsc" and "single voxels" in choice.reason


def test_without_petsc_it_says_what_is_missed():
    choice = choose(by_lot(0.36), (0.0, 1.0, 1.0), petsc=False)
    assert choice.name == "multigrid" and "only on several ranks with petsc4py" in choice.reason


def test_it_says_what_percolates_along_which_axis():
    labels = np.zeros((16, 16, 16), np.uint8)
    labels[:, :, 4:12] = 1  # a plate normal to z
    choice = choose(labels, (1e-6, 1.0))
    assert "100, 100, 0 % of the good conductors' voxels percolate along x, y, z" in choice.reason


def test_single_voxels_far_from_the_threshold_or_without_contrast():
    assert "far from the threshold" in choose(by_lot(0.8), (0.0, 1.0, 1.0)).reason
    assert choose(by_lot(0.36), (0.1, 1.0, 1.0)).reason == "multigrid: contrast 10, hence no poor conductors"


def test_reason_names_the_contrast():
    reason = choose(grow_labels((32, 32, 32), 0.4), HU_SIGMA).reason
    assert reason.startswith("multigrid: contrast 3516 and insulators; ")


def test_contrast():
    found = contrast_of([0.0, 1.0, 1e-2, 1e-5], [5, 5, 5, 5])
    assert found.good.tolist() == [False, True, True, False] and found.extremes == pytest.approx(1e5)
    assert found.has_insulators and found.has_poor
    # What is not there does not count.
    found = contrast_of([0.0, 1.0, 1e-2, 1e-5], [0, 5, 5, 0])
    assert found.extremes == pytest.approx(100) and not found.has_insulators and not found.has_poor
    tensors = np.array([np.diag([1e-9, 1.0, 1e-9]), np.diag([0.1, 0.1, 0.1])])
    assert contrast_of(tensors, [1, 1]).good.all() and contrast_of(tensors.diagonal(axis1=1, axis2=2), [1, 1]).good.all()
    assert contrast_of([0.0, 0.0], [3, 4]).extremes == 1.0 and not contrast_of([0.0, 0.0], [3, 4]).good.any()


@pytest.mark.parametrize("make, expected", [
    (lambda labels: labels[...].fill(1), 1.0),
    (lambda labels: labels[:, :, 3].fill(1), 2 / 3),
    (lambda labels: labels[:, 2, 3].fill(1), 1 / 3),
    (lambda labels: labels[1, 2, 3:4].fill(1), 0.0),
    (lambda labels: None, 0.0)], ids=["full", "layer", "wire", "voxel", "nothing"])
def test_coordination(make, expected):
    labels = np.zeros((6, 5, 7), np.uint8)
    make(labels)
    transform = make_transform(labels.shape)
    assert coordination(divide_labels(labels, transform), np.array([False, True]), transform) == pytest.approx(expected)
