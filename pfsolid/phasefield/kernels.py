"""Fused single-pass kernels of the Cahn–Hilliard step.

Memory bandwidth is what a step costs beyond its transforms, so each stage reads and writes every array once and
collects its sums on the way.  Sums are kept for each plane and added up by the caller in plane order: the result
does not depend on how planes are shared out among threads.
"""

from __future__ import annotations

import math

from numba import prange

from ..kernel import kernel


@kernel(parallel=True, fast=True)
def explicit_part(field, scale, stabilisation, now, before, ratio, plane_energy, peaks):
    """Replace rho / scale by f'(rho) - S rho; energy and the largest departure from a straight course (reduced units).

    ``now`` and ``before`` are rho one and two steps ago; the latter is replaced by rho.  ``plane_energy[i]`` receives
    sum f(rho), ``peaks[i, k]`` the largest |rho - now - ratio (now - before)| over j: a maximum for each k, unlike one
    for the plane, costs no more than the memory it reads.
    """
    n0, n1, n2 = field.shape
    for i in prange(n0):
        energy = 0.0
        peaks[i] = 0.0
        for j in range(n1):
            for k in range(n2):
                rho = scale * field[i, j, k]
                away = abs(rho - (1 + ratio) * now[i, j, k] + ratio * before[i, j, k])
                peaks[i, k] = max(peaks[i, k], away)
                before[i, j, k] = rho
                well = rho * (1 - rho)
                energy += well * well
                field[i, j, k] = 2 * well * (1 - 2 * rho) - stabilisation * rho
        plane_energy[i] = energy


@kernel(parallel=True, fast=True)
def advance(g_hat, g_hat_kept, g_hat_before, rho_hat, rho_hat_before, rho_hat_new,
            k_squared, kappa_k_squared, tilt, weights, coefficients, plane_sums):
    """One variable-step SBDF2 update of every mode and the stabilised Euler update it is compared with.

    ``g_hat`` (the transform's buffer) holds the explicit part at the present time on entry and the new field on
    return; ``g_hat_kept`` receives a copy of the former for the next step or another try of this one.
    ``tilt`` are wavenumbers and off-diagonal coefficients of kappa (`steppers.tilt_of`), or None: then nothing is compiled
    for them.  ``plane_sums[i]`` receives, over the full spectrum, sum |SBDF2 - Euler|^2, sum k.kappa.k |rho|^2 and
    sum |rho|^2.
    """
    kx, ky, kz = k_squared
    qx, qy, qz = kappa_k_squared
    now, before, g_now, g_before, lead, step, stabilisation = coefficients
    if tilt is not None:
        wx, wy, wz, yz, xz, xy = tilt
    n0, n1, n2 = g_hat.shape
    for i in prange(n0):
        difference = 0.0
        gradient = 0.0
        square = 0.0
        for j in range(n1):
            k_xy = kx[i] + ky[j]
            q_xy = qx[i] + qy[j]
            if tilt is not None:
                q_xy += xy * wx[i] * wy[j]
                slope = xz * wx[i] + yz * wy[j]
            for k in range(n2):
                mobility_k = step * (k_xy + kz[k])
                q = q_xy + qz[k]
                if tilt is not None:
                    q += slope * wz[k]
                g = g_hat[i, j, k]
                c = rho_hat[i, j, k]
                implicit = mobility_k * (q + stabilisation)
                explicit = mobility_k * (g_now * g + g_before * g_hat_before[i, j, k])
                new = (now * c + before * rho_hat_before[i, j, k] - explicit) * (1 / (lead + implicit))
                d = (c - mobility_k * g) * (1 / (1 + implicit)) - new
                size = weights[k] * (new.real * new.real + new.imag * new.imag)
                difference += weights[k] * (d.real * d.real + d.imag * d.imag)
                gradient += q * size
                square += size
                g_hat_kept[i, j, k] = g
                rho_hat_new[i, j, k] = new
                g_hat[i, j, k] = new
        plane_sums[i, 0] = difference
        plane_sums[i, 1] = gradient
        plane_sums[i, 2] = square


@kernel(parallel=True, fast=True)
def euler_error(g_hat, g_hat_before, rho_hat, rho_hat_before, k_squared, kappa_k_squared, tilt, weights, step,
                stabilisation, plane_sums):
    """``plane_sums[i]`` = sum |d|^2 over the full spectrum, d the error of one stabilised Euler step.

    d = (step / 2) k^2 [g now - g before - (kappa k^2 + S)(rho now - rho before)] / (1 + step k^2 (kappa k^2 + S)): the
    distance from the trapezoidal rule in both parts, held back in stiff modes as the step itself is.
    """
    kx, ky, kz = k_squared
    qx, qy, qz = kappa_k_squared
    if tilt is not None:
        wx, wy, wz, yz, xz, xy = tilt
    n0, n1, n2 = g_hat.shape
    for i in prange(n0):
        total = 0.0
        for j in range(n1):
            k_xy = kx[i] + ky[j]
            q_xy = qx[i] + qy[j]
            if tilt is not None:
                q_xy += xy * wx[i] * wy[j]
                slope = xz * wx[i] + yz * wy[j]
            for k in range(n2):
                mobility_k = step * (k_xy + kz[k])
                implicit = q_xy + qz[k] + stabilisation
                if tilt is not None:
                    implicit += slope * wz[k]
                d = (g_hat[i, j, k] - g_hat_before[i, j, k]) - implicit * (rho_hat[i, j, k] - rho_hat_before[i, j, k])
                d *= 0.5 * mobility_k / (1 + mobility_k * implicit)
                total += weights[k] * (d.real * d.real + d.imag * d.imag)
        plane_sums[i] = total


@kernel(parallel=True)
def census(field, scale, next_plane, rho_pore, rho_bulk, plane_counts):
    """Count phases and phase changes in each plane of rho = scale * field.

    ``next_plane`` is the plane that follows the slab.  ``plane_counts[i]`` receives the voxels with rho < rho_pore,
    rho > rho_bulk and rho < 1/2, and the faces along x, y, z on whose sides rho - 1/2 differs in sign.
    """
    n0, n1, n2 = field.shape
    half = 0.5 / scale
    low = rho_pore / scale
    high = rho_bulk / scale
    for i in prange(n0):
        pore = bulk = open_ = cross_x = cross_y = cross_z = 0
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                value = field[i, j, k]
                behind = field[i + 1, j, k] if i + 1 < n0 else next_plane[j, k]
                pore += value < low
                bulk += value > high
                open_ += value < half
                cross_x += (value < half) != (behind < half)
                cross_y += (value < half) != (field[i, j_next, k] < half)
                cross_z += (value < half) != (field[i, j, k_next] < half)
        plane_counts[i, 0] = pore
        plane_counts[i, 1] = bulk
        plane_counts[i, 2] = open_
        plane_counts[i, 3] = cross_x
        plane_counts[i, 4] = cross_y
        plane_counts[i, 5] = cross_z


@kernel(parallel=True, fast=True)
def structure_moments(rho_hat, k_squared, weights, holds_mean, plane_sums):
    """Sum |rho|^2 and sum |k| |rho|^2 of each plane of the spectrum, the mean left out."""
    kx, ky, kz = k_squared
    n0, n1, n2 = rho_hat.shape
    for i in prange(n0):
        total = 0.0
        first = 0.0
        for j in range(n1):
            for k in range(n2):
                c = rho_hat[i, j, k]
                size = weights[k] * (c.real * c.real + c.imag * c.imag)
                if holds_mean and i == 0 and j == 0 and k == 0:
                    size = 0.0
                total += size
                first += math.sqrt(kx[i] + ky[j] + kz[k]) * size
        plane_sums[i, 0] = total
        plane_sums[i, 1] = first
