"""Full tensors and resistances together, on split nodes: laminates and bricks by formula, other solvers, what is refused."""

import numpy as np
import pytest

import pfsolid as pf

A = np.array([[2.0, 0.6, 0.1], [0.6, 1.0, -0.2], [0.1, -0.2, 1.5]])


def turned(angle):
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    found = turn @ A @ turn.T
    return 0.5 * (found + found.T)


def conduct(labels, sigma, resistance=None, **options):
    options = {"solver": "split", "interface_normals": "faces", "fields": False, "axes": "xyz"} | options
    return pf.conductivity(labels, {label: one.tolist() if isinstance(one, np.ndarray) else one
                                    for label, one in sigma.items()}, voxel_nm=10, resistance=resistance, **options)


def laminate(tensors, lengths, jump):
    """Layers across x, (cm), and the sum of R (ohm cm^2): J_x and E_y, E_z are the same in all of them.

    With S = sigma and B = S_xx^-1 [1, -S_xy, -S_xz]: means of 1 / S_xx, of S_xj / S_xx and of the Schur complement.
    """
    total = sum(lengths)
    weights = [length / total for length in lengths]
    inverse = sum(w / s[0, 0] for w, s in zip(weights, tensors)) + jump / total
    slope = sum(w * s[0, 1:] / s[0, 0] for w, s in zip(weights, tensors))
    schur = sum(w * (s[1:, 1:] - np.outer(s[0, 1:], s[0, 1:]) / s[0, 0]) for w, s in zip(weights, tensors))
    found = np.empty((3, 3))
    found[0, 0] = 1 / inverse
    found[0, 1:] = found[1:, 0] = slope / inverse
    found[1:, 1:] = schur + np.outer(slope, slope) / inverse
    return found


@pytest.mark.parametrize("jump", [0.0, 1e-6, 1e-4])
def test_laminates_of_turned_tensors_with_resistances_are_exact(jump):
    labels = np.repeat([0, 1, 2], [2, 3, 3])[:, None, None] * np.ones((1, 3, 2), int)
    tensors = [turned(angle) for angle in (0.0, 0.7, 2.0)]
    found = conduct(labels, dict(enumerate(tensors)), {"*:*": jump})
    expected = laminate(tensors, [2e-6, 3e-6, 3e-6], 3 * jump)
    assert np.allclose(found.tensor, expected, rtol=1e-7, atol=1e-7)  # of the conjugate gradients


def test_bricks_and_the_fields_of_elements():
    """1 / (1 / sigma + R / D); without resistances what the solver for full tensors says."""
    i = np.indices((6, 6, 6)) // 3
    bricks = i[0] + 2 * i[1] + 4 * i[2]
    found = conduct(bricks, {"*": 2.0}, {"*:*": 30e-7 / 2.0})
    assert np.allclose(found.tensor, np.eye(3), atol=1e-8)
    labels = np.random.default_rng(3).integers(0, 3, (7, 6, 5))
    tensors = {label: turned(angle) for label, angle in enumerate((0.0, 0.7, 2.0))}
    split, whole = (conduct(labels, tensors, solver=solver, tolerance=1e-8).tensor for solver in ("split", "fft"))
    assert np.allclose(split, whole, rtol=1e-6, atol=1e-7)


def test_insulators_and_blocking_interfaces():
    labels = np.repeat([0, 1], 4)[:, None, None] * np.ones((1, 3, 3), int)
    blocked = conduct(labels, {0: 1.0, 1: 2.0}, {"0:1": np.inf}).tensor
    assert blocked[0, 0] == 0 and np.diag(blocked)[1:] == pytest.approx([1.5, 1.5])
    empty = conduct(labels, {0: 0.0, 1: 2.0}, {"0:1": 1e-6}).tensor
    assert empty[0, 0] == 0 and np.diag(empty)[1:] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("labels, options, words", [
    (np.zeros((65, 64, 64), int), {}, "up to 64 x 64 x 64 voxels, and these are 266240"),
    (np.zeros((4, 4, 4), int), {"boundary": "mirror"}, "periodic"),
    (np.zeros((4, 4, 4), int), {"error": "refinement"}, "one grid"),
    (np.eye(4, dtype=int)[None] * np.ones((4, 1, 1), int), {"solver": "auto", "resistance": {"0:1": 1.0}},
     'up to 64\\^3 voxels, use conduction.solver = "split"|solver'),
])
def test_refused(labels, options, words):
    with pytest.raises(pf.InputError, match=words):
        conduct(labels, {"*": 1.0, 0: A} if "resistance" in options else {"*": 1.0}, **options)
