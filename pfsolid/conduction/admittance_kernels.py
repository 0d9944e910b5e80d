"""Kernels of finite volumes with complex faces; real and imaginary parts lie in arrays of their own, which makes vectors.

``faces``, local (2, 3, n0 + 1, n1, n2), are those of :mod:`pfsolid.conduction.kernels` twice; the direction ``p``,
(2, n0 + 2, n1, n2), has ghost planes, everything else, (2, n0, n1, n2), is the bare slab.  Products are bilinear: nothing is
conjugated.  Sums are kept for each plane, in double.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ..kernel import kernel
from ..pairs import pair_value


@kernel()
def _in_series(y, resistance, capacitance, omega, inverse_h, axis, here, other, norm):
    """Half a voxel of each label with the boundary between them: 1 / R + i omega C per area, divided by |n|_1."""
    a, b = y[here, axis], y[other, axis]
    if a == 0 or b == 0:
        return 0j
    total = 0.5 / a + 0.5 / b
    resists = pair_value(resistance, here, other)
    if resists > 0:
        passes = complex(0.0 if np.isinf(resists) else 1 / resists, omega * pair_value(capacitance, here, other))
        if passes == 0:
            return 0j
        total += norm * inverse_h[axis] / passes
    return 1 / total


@kernel(parallel=True)
def faces_of_admittivities(labels, y, resistance, capacitance, omega, inverse_h, periodic, norms, faces):
    """faces from ``y[label, axis]`` and two `PairValues.table`; ``norms`` are |n|_1, or of size 0 where all are 1.

    Parameters
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
    y : ndarray of complex (num_labels, 3)
    resistance, capacitance : tuple
        `PairValues.table`.
    omega : float
    inverse_h : tuple of 3 float
    periodic : bool
    norms : ndarray, local (3, n0 + 1, n1, n2), or of size 0
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
        What is filled.
    """
    n0, n1, n2 = labels.shape[0] - 2, labels.shape[1], labels.shape[2]
    plain = norms.size == 0
    for i in prange(n0 + 1):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            y_share = 1.0 if periodic or j + 1 < n1 else 0.0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                z_share = 1.0 if periodic or k + 1 < n2 else 0.0
                here = labels[i, j, k]
                # Equal labels here: a call hands over all that tells of pairs, and most faces have no use for it.
                other = labels[i + 1, j, k]
                value = y[here, 0] if here == other else _in_series(
                    y, resistance, capacitance, omega, inverse_h, 0, here, other, 1.0 if plain else norms[0, i, j, k])
                faces[0, 0, i, j, k], faces[1, 0, i, j, k] = value.real, value.imag
                if i == 0:
                    for axis in (1, 2):
                        faces[0, axis, 0, j, k] = faces[1, axis, 0, j, k] = 0.0
                    continue
                other = labels[i, j_next, k]
                value = y[here, 1] if here == other else _in_series(
                    y, resistance, capacitance, omega, inverse_h, 1, here, other, 1.0 if plain else norms[1, i, j, k])
                faces[0, 1, i, j, k], faces[1, 1, i, j, k] = y_share * value.real, y_share * value.imag
                other = labels[i, j, k_next]
                value = y[here, 2] if here == other else _in_series(
                    y, resistance, capacitance, omega, inverse_h, 2, here, other, 1.0 if plain else norms[2, i, j, k])
                faces[0, 2, i, j, k], faces[1, 2, i, j, k] = z_share * value.real, z_share * value.imag


@kernel(parallel=True, fast=True)
def right_hand_side(faces, spacing, axis, residual):
    """residual = -(y_+ - y_-) / h along ``axis``, for a unit field.

    Parameters
    ----------
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    spacing : float
    axis : int
    residual : ndarray, local (2, n0, n1, n2)
        What is filled.
    """
    n0, n1, n2 = residual.shape[1:]
    for i in prange(n0):
        for part in range(2):
            for j in range(n1):
                for k in range(n2):
                    ahead = np.float64(faces[part, axis, i + 1, j, k])
                    if axis == 0:
                        behind = np.float64(faces[part, 0, i, j, k])
                    elif axis == 1:
                        behind = np.float64(faces[part, 1, i + 1, j - 1 if j > 0 else n1 - 1, k])
                    else:
                        behind = np.float64(faces[part, 2, i + 1, j, k - 1 if k > 0 else n2 - 1])
                    residual[part, i, j, k] = (behind - ahead) / spacing


@kernel(parallel=True, fast=True)
def work(faces, potential, spacing, axis, plane_sums):
    """Sum over each plane of b u, (n0, 2), b being `right_hand_side`.

    Parameters
    ----------
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    potential : ndarray, local (2, n0, n1, n2)
    spacing : float
    axis : int
    plane_sums : ndarray (n0, 2)
        What is filled.
    """
    n0, n1, n2 = potential.shape[1:]
    behind = 0 if axis == 0 else 1
    for i in prange(n0):
        real = imaginary = 0.0
        for j in range(n1):
            j_last = j if axis != 1 else (j - 1 if j > 0 else n1 - 1)
            i_last = i + behind
            for k in range(n2):
                k_last = k if axis != 2 else (k - 1 if k > 0 else n2 - 1)
                re = np.float64(faces[0, axis, i_last, j_last, k_last]) - np.float64(faces[0, axis, i + 1, j, k])
                im = np.float64(faces[1, axis, i_last, j_last, k_last]) - np.float64(faces[1, axis, i + 1, j, k])
                real += re * potential[0, i, j, k] - im * potential[1, i, j, k]
                imaginary += re * potential[1, i, j, k] + im * potential[0, i, j, k]
        plane_sums[i, 0] = real / spacing
        plane_sums[i, 1] = imaginary / spacing


@kernel(parallel=True, fast=True)
def advance(p, real, imaginary, beta):
    """p = z + beta p, z = real + i imaginary.

    Parameters
    ----------
    p : ndarray, local (2, n0 + 2, n1, n2)
    real, imaginary : ndarray, local (n0, n1, n2)
    beta : complex
    """
    n0, n1, n2 = real.shape
    b_re, b_im = real.dtype.type(beta.real), real.dtype.type(beta.imag)
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                re, im = p[0, i + 1, j, k], p[1, i + 1, j, k]
                p[0, i + 1, j, k] = real[i, j, k] + (b_re * re - b_im * im)
                p[1, i + 1, j, k] = imaginary[i, j, k] + (b_re * im + b_im * re)


@kernel(parallel=True, fast=True)
def energy(p, q, faces, inverse_h2, end_shares, plane_sums):
    """p . A q, (n0, 2), of two fields with ghost planes.

    Of the faces at the two ends of the slab along x only ``end_shares`` count.

    Parameters
    ----------
    p, q : ndarray, local (2, n0 + 2, n1, n2)
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    inverse_h2 : tuple of 3 float
    end_shares : tuple of 2 float
    plane_sums : ndarray (n0, 2)
        What is filled.
    """
    n0, n1, n2 = p.shape[1] - 2, p.shape[2], p.shape[3]
    for i in prange(n0):
        real = imaginary = 0.0
        for axis in range(3):
            weight = inverse_h2[axis]
            for j in range(n1):
                j_next = j if axis != 1 else (j + 1 if j + 1 < n1 else 0)
                i_next = i + 2 if axis == 0 else i + 1
                share = weight * end_shares[1] if axis == 0 and i == n0 - 1 else weight
                re = im = 0.0
                for k in range(n2):
                    k_next = k if axis != 2 else (k + 1 if k + 1 < n2 else 0)
                    p_re = np.float64(p[0, i_next, j_next, k_next]) - np.float64(p[0, i + 1, j, k])
                    p_im = np.float64(p[1, i_next, j_next, k_next]) - np.float64(p[1, i + 1, j, k])
                    q_re = np.float64(q[0, i_next, j_next, k_next]) - np.float64(q[0, i + 1, j, k])
                    q_im = np.float64(q[1, i_next, j_next, k_next]) - np.float64(q[1, i + 1, j, k])
                    both, crossed = p_re * q_re - p_im * q_im, p_re * q_im + p_im * q_re
                    re += faces[0, axis, i + 1, j, k] * both - faces[1, axis, i + 1, j, k] * crossed
                    im += faces[0, axis, i + 1, j, k] * crossed + faces[1, axis, i + 1, j, k] * both
                real += share * re
                imaginary += share * im
        if i == 0 and end_shares[0] > 0:
            share = inverse_h2[0] * end_shares[0]
            for j in range(n1):
                for k in range(n2):
                    p_re = np.float64(p[0, 1, j, k]) - np.float64(p[0, 0, j, k])
                    p_im = np.float64(p[1, 1, j, k]) - np.float64(p[1, 0, j, k])
                    q_re = np.float64(q[0, 1, j, k]) - np.float64(q[0, 0, j, k])
                    q_im = np.float64(q[1, 1, j, k]) - np.float64(q[1, 0, j, k])
                    both, crossed = p_re * q_re - p_im * q_im, p_re * q_im + p_im * q_re
                    real += share * (faces[0, 0, 0, j, k] * both - faces[1, 0, 0, j, k] * crossed)
                    imaginary += share * (faces[0, 0, 0, j, k] * crossed + faces[1, 0, 0, j, k] * both)
        plane_sums[i, 0] = real
        plane_sums[i, 1] = imaginary


@kernel(fast=True)
def _outflow(p, faces, inverse_h2, i, j, k, j_last, j_next, k_last, k_next):
    """(A p) of voxel (i, j, k): its real and imaginary part."""
    real = imaginary = 0.0
    here_re, here_im = np.float64(p[0, i + 1, j, k]), np.float64(p[1, i + 1, j, k])
    re, im = here_re - p[0, i + 2, j, k], here_im - p[1, i + 2, j, k]
    real += inverse_h2[0] * (faces[0, 0, i + 1, j, k] * re - faces[1, 0, i + 1, j, k] * im)
    imaginary += inverse_h2[0] * (faces[0, 0, i + 1, j, k] * im + faces[1, 0, i + 1, j, k] * re)
    re, im = here_re - p[0, i, j, k], here_im - p[1, i, j, k]
    real += inverse_h2[0] * (faces[0, 0, i, j, k] * re - faces[1, 0, i, j, k] * im)
    imaginary += inverse_h2[0] * (faces[0, 0, i, j, k] * im + faces[1, 0, i, j, k] * re)
    re, im = here_re - p[0, i + 1, j_next, k], here_im - p[1, i + 1, j_next, k]
    real += inverse_h2[1] * (faces[0, 1, i + 1, j, k] * re - faces[1, 1, i + 1, j, k] * im)
    imaginary += inverse_h2[1] * (faces[0, 1, i + 1, j, k] * im + faces[1, 1, i + 1, j, k] * re)
    re, im = here_re - p[0, i + 1, j_last, k], here_im - p[1, i + 1, j_last, k]
    real += inverse_h2[1] * (faces[0, 1, i + 1, j_last, k] * re - faces[1, 1, i + 1, j_last, k] * im)
    imaginary += inverse_h2[1] * (faces[0, 1, i + 1, j_last, k] * im + faces[1, 1, i + 1, j_last, k] * re)
    re, im = here_re - p[0, i + 1, j, k_next], here_im - p[1, i + 1, j, k_next]
    real += inverse_h2[2] * (faces[0, 2, i + 1, j, k] * re - faces[1, 2, i + 1, j, k] * im)
    imaginary += inverse_h2[2] * (faces[0, 2, i + 1, j, k] * im + faces[1, 2, i + 1, j, k] * re)
    re, im = here_re - p[0, i + 1, j, k_last], here_im - p[1, i + 1, j, k_last]
    real += inverse_h2[2] * (faces[0, 2, i + 1, j, k_last] * re - faces[1, 2, i + 1, j, k_last] * im)
    imaginary += inverse_h2[2] * (faces[0, 2, i + 1, j, k_last] * im + faces[1, 2, i + 1, j, k_last] * re)
    return real, imaginary


@kernel(fast=True)
def _step(p, a_re, a_im, faces, inverse_h2, potential, residual, i, j, k, j_last, j_next, k_last, k_next):
    flow_re, flow_im = _outflow(p, faces, inverse_h2, i, j, k, j_last, j_next, k_last, k_next)
    residual[0, i, j, k] -= a_re * flow_re - a_im * flow_im
    residual[1, i, j, k] -= a_re * flow_im + a_im * flow_re
    re, im = np.float64(p[0, i + 1, j, k]), np.float64(p[1, i + 1, j, k])
    potential[0, i, j, k] += a_re * re - a_im * im
    potential[1, i, j, k] += a_re * im + a_im * re


@kernel(parallel=True, fast=True)
def update(p, alpha, faces, inverse_h2, potential, residual):
    """potential += alpha p, residual -= alpha A p.

    Parameters
    ----------
    p : ndarray, local (2, n0 + 2, n1, n2)
    alpha : complex
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    inverse_h2 : tuple of 3 float
    potential, residual : ndarray, local (2, n0, n1, n2)
    """
    n0, n1, n2 = residual.shape[1:]
    a_re, a_im, end = alpha.real, alpha.imag, n2 - 1
    for i in prange(n0):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            j_last = j - 1 if j > 0 else n1 - 1
            _step(p, a_re, a_im, faces, inverse_h2, potential, residual, i, j, 0, j_last, j_next, end, 1 if end else 0)
            for k in range(1, end):
                _step(p, a_re, a_im, faces, inverse_h2, potential, residual, i, j, k, j_last, j_next, k - 1, k + 1)
            if end > 0:
                _step(p, a_re, a_im, faces, inverse_h2, potential, residual, i, j, end, j_last, j_next, end - 1, 0)


@kernel(parallel=True, fast=True)
def dot(a, b, plane_sums):
    """Sum over each plane of a b, (n0, 2): of complex fields without ghost planes.

    Parameters
    ----------
    a, b : ndarray, local (2, n0, n1, n2)
    plane_sums : ndarray (n0, 2)
        What is filled.
    """
    n0, n1, n2 = a.shape[1:]
    for i in prange(n0):
        real = imaginary = 0.0
        for j in range(n1):
            for k in range(n2):
                a_re, a_im = np.float64(a[0, i, j, k]), np.float64(a[1, i, j, k])
                b_re, b_im = np.float64(b[0, i, j, k]), np.float64(b[1, i, j, k])
                real += a_re * b_re - a_im * b_im
                imaginary += a_re * b_im + a_im * b_re
        plane_sums[i, 0] = real
        plane_sums[i, 1] = imaginary


@kernel(parallel=True, fast=True)
def modulus(faces, out):
    """|y| of each face.

    Parameters
    ----------
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    out : ndarray, local (3, n0 + 1, n1, n2)
        What is filled.
    """
    for i in prange(out.shape[1]):
        for axis in range(3):
            for j in range(out.shape[2]):
                for k in range(out.shape[3]):
                    re, im = np.float64(faces[0, axis, i, j, k]), np.float64(faces[1, axis, i, j, k])
                    out[axis, i, j, k] = np.sqrt(re * re + im * im)


@kernel(parallel=True)
def current_magnitude(potential, edges, faces, spacing, axis, out):
    """|J|, the root of the sum of |J_a|^2, in the centres of the voxels, for a unit field along ``axis``.

    Parameters
    ----------
    potential : ndarray, local (2, n0, n1, n2)
    edges : ndarray (2, 4, n1, n2)
        The potential around the ends of the slab: before it, its first and last plane, after it.
    faces : ndarray, local (2, 3, n0 + 1, n1, n2)
    spacing : tuple of 3 float
    axis : int
    out : ndarray, local (n0, n1, n2)
        What is filled.
    """
    n0, n1, n2 = potential.shape[1:]
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                total = 0.0
                for a in range(3):
                    field = 1.0 if a == axis else 0.0
                    j_next = j if a != 1 else (j + 1 if j + 1 < n1 else 0)
                    j_last = j if a != 1 else (j - 1 if j > 0 else n1 - 1)
                    k_next = k if a != 2 else (k + 1 if k + 1 < n2 else 0)
                    k_last = k if a != 2 else (k - 1 if k > 0 else n2 - 1)
                    i_last = i + (0 if a == 0 else 1)
                    re = im = 0.0
                    before_re, before_im = potential[0, i, j_last, k_last], potential[1, i, j_last, k_last]
                    after_re, after_im = potential[0, i, j_next, k_next], potential[1, i, j_next, k_next]
                    if a == 0:
                        before_re = potential[0, i - 1, j, k] if i > 0 else edges[0, 0, j, k]
                        before_im = potential[1, i - 1, j, k] if i > 0 else edges[1, 0, j, k]
                        after_re = potential[0, i + 1, j, k] if i + 1 < n0 else edges[0, 3, j, k]
                        after_im = potential[1, i + 1, j, k] if i + 1 < n0 else edges[1, 3, j, k]
                    ahead_re = field - (after_re - potential[0, i, j, k]) / spacing[a]
                    ahead_im = -(after_im - potential[1, i, j, k]) / spacing[a]
                    behind_re = field - (potential[0, i, j, k] - before_re) / spacing[a]
                    behind_im = -(potential[1, i, j, k] - before_im) / spacing[a]
                    re += faces[0, a, i + 1, j, k] * ahead_re - faces[1, a, i + 1, j, k] * ahead_im
                    im += faces[0, a, i + 1, j, k] * ahead_im + faces[1, a, i + 1, j, k] * ahead_re
                    re += faces[0, a, i_last, j_last, k_last] * behind_re - faces[1, a, i_last, j_last, k_last] * behind_im
                    im += faces[0, a, i_last, j_last, k_last] * behind_im + faces[1, a, i_last, j_last, k_last] * behind_re
                    total += 0.25 * (re * re + im * im)
                out[i, j, k] = np.sqrt(total)
