"""Normals at the faces of a voxel image: areas of surfaces that are known, and what must not turn a normal."""

import numpy as np
import pytest
from helpers.builders import ALONE

from pfsolid.morphology.interface_normals import REACH, face_norms, padded_labels
from pfsolid.parallel.collective import PlaneExchange


def norms_of(labels, spacing=(1.0, 1.0, 1.0), periodic=True, dtype="float64"):
    """|n|_1 of a whole image on one rank."""
    ghosted = np.zeros((labels.shape[0] + 2, *labels.shape[1:]), labels.dtype)
    ghosted[1:-1] = labels
    return face_norms(ghosted, spacing, PlaneExchange(ALONE, mirrored=not periodic), periodic, dtype)


def area(labels, spacing=(1.0, 1.0, 1.0), **options):
    norms = norms_of(labels, spacing, **options)[:, 1:]
    faces = np.prod(spacing) / np.array(spacing)
    return sum(face * np.sum(1 / norm[norm > 0]) for face, norm in zip(faces, norms))


def layers(direction, shape, period):
    """Two labels in layers along an integer direction, ``period`` steps of its projection to each pair."""
    steps = sum(d * i for d, i in zip(direction, np.indices(shape)))
    return (steps % period < period // 2).astype(np.uint8)


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0), (3, 2, 0), (3, 1, 2)])
def test_planes(direction):
    shape = (48, 48, 48)
    true = 2 * np.prod(shape) * np.linalg.norm(direction) / 48
    # Taps farther than seven voxels are left out: measured 0.04 % at most.
    assert area(layers(direction, shape, 48)) == pytest.approx(true, rel=5e-4)


def test_planes_of_unequal_voxels():
    """2 x + y in voxels of 1 x 1/2 x 2 is the plane at 45 degrees."""
    shape, spacing = (48, 48, 4), (1.0, 0.5, 2.0)
    true = 2 * np.prod(shape) * np.prod(spacing) * np.hypot(2, 2) / 48
    assert area(layers((2, 1, 0), shape, 48), spacing) == pytest.approx(true, rel=5e-4)


@pytest.mark.parametrize("radius, tolerance", [(12.0, 0.012), (20.0, 0.005)])
def test_balls(radius, tolerance):
    """The voxels' own scatter: caps of whole planes at the poles of a ball, -1.1 to 0.6 % at these radii."""
    x = np.indices((48, 48, 48)) - 23.5
    assert area((np.sum(x**2, axis=0) < radius**2).astype(np.uint8)) == pytest.approx(4 * np.pi * radius**2, rel=tolerance)


def test_gyroid():
    """Area 3.0914 a^2 of the minimal surface in a cell of edge a; the nodal approximation has 0.1 % less."""
    x, y, z = 2 * np.pi * (np.indices((64, 64, 64)) + 0.5) / 64
    labels = (np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x) > 0).astype(np.uint8)
    assert area(labels) == pytest.approx(3.0914 * 64**2, rel=0.005)


@pytest.mark.parametrize("edge", [2, 5, 8])
@pytest.mark.parametrize("unlike", [True, False])
def test_equal_boxes(edge, unlike):
    """By symmetry the normal of a face between equal boxes is along an axis up to the edges, whatever their labels."""
    i = np.indices((2 * edge,) * 3) // edge
    labels = (i[0] + 2 * i[1] + 4 * i[2] if unlike else i.sum(axis=0) % 2).astype(np.uint8)
    norms = norms_of(labels, (1.0, 0.7, 1.3))
    assert np.abs(norms[norms > 0] - 1).max() < 1e-9


def test_other_labels_do_not_turn_it():
    """A third label along an edge leaves the normal of the other two where it was."""
    labels = np.zeros((32, 32, 1), np.uint8)
    labels[16:] = 1
    labels[:, 16:] = 2
    norms = norms_of(labels)[0, 1:]
    # Half of the surroundings is gone, on both sides alike.
    assert np.allclose(norms[15, :16], 1, atol=1e-12)


def test_any_integer_and_single_precision():
    labels = layers((2, 1, 0), (24, 24, 2), 24)
    norms = norms_of(labels)
    assert np.allclose(norms_of(labels.astype(np.int32) * 100000), norms, rtol=1e-13)
    assert np.allclose(norms_of(labels, dtype="float32"), norms, rtol=1e-7)


def test_open_cell_is_an_eighth_of_its_mirror_images():
    labels = np.random.default_rng(1).integers(0, 3, (6, 5, 7)).astype(np.uint8)
    whole = labels
    for axis in range(3):
        whole = np.concatenate([whole, np.flip(whole, axis)], axis)
    ours, mirrored = norms_of(labels, periodic=False), norms_of(whole)
    assert np.allclose(ours[:, 1:], mirrored[:, 1:7, :5, :7], atol=1e-13)
    assert np.all(ours[1, :, -1] == 0) and np.all(ours[2, :, :, -1] == 0)  # no face closes the cell
    assert np.all(ours[0, [0, -1]] == 0) and np.all(ours[1:, 0] == 0)


def test_a_cell_smaller_than_the_filter():
    labels = np.arange(3, dtype=np.uint8).reshape(3, 1, 1)
    ghosted = np.concatenate([labels[-1:], labels, labels[:1]])
    padded = padded_labels(ghosted, PlaneExchange(ALONE), True)
    assert padded.shape == (3 + 2 * REACH, 1 + 2 * REACH, 1 + 2 * REACH)
    assert np.array_equal(padded[:, 0, 0], (np.arange(3 + 2 * REACH) - REACH) % 3)
