"""Compiled kernels of the measures: one pass over the density, phase changes, chords, distances, shell sums.

Everything is collected for each plane (or row of columns) and added up by the caller in order, so that results do
not depend on how planes are shared out among threads.  ``solid`` is the phase, 0 or 1, with ghost planes along x.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from ..kernel import kernel

# Rounds half shells up, however the last digit falls, so that the unit of length does not matter.
_ROUND = 0.5 + 1e-9


@kernel(inline=True)
def _sharpen(rho):
    """3 rho^2 - 2 rho^3 between 0 and 1: a density that is flat near 0 and 1."""
    rho = min(max(rho, 0.0), 1.0)
    return rho * rho * (3 - 2 * rho)


@kernel(parallel=True, fast=True)
def survey(rho, before, after, thresholds, spacing, solid, plane_sums):
    """Mark the solid and sum what is local to a voxel.

    ``before`` and ``after`` are the planes around the slab; ``thresholds`` are rho of pore, solid and bulk.
    ``plane_sums[i]`` receives the voxels of pore, bulk and rho < solid, sum rho and sum |grad G|, G = 3 rho^2 -
    2 rho^3, by central differences.
    """
    n0, n1, n2 = rho.shape
    low, middle, high = thresholds
    cx, cy, cz = 0.5 / spacing[0], 0.5 / spacing[1], 0.5 / spacing[2]
    for i in prange(n0):
        down = rho[i - 1] if i > 0 else before
        up = rho[i + 1] if i + 1 < n0 else after
        pore = bulk = open_ = 0
        total = 0.0
        slope = 0.0
        for j in range(n1):
            left = rho[i, j - 1] if j > 0 else rho[i, n1 - 1]
            right = rho[i, j + 1] if j + 1 < n1 else rho[i, 0]
            row = rho[i, j]
            for k in range(n2):
                value = row[k]
                k_before = k - 1 if k > 0 else n2 - 1
                k_after = k + 1 if k + 1 < n2 else 0
                gx = cx * (_sharpen(up[j, k]) - _sharpen(down[j, k]))
                gy = cy * (_sharpen(right[k]) - _sharpen(left[k]))
                gz = cz * (_sharpen(row[k_after]) - _sharpen(row[k_before]))
                slope += math.sqrt(gx * gx + gy * gy + gz * gz)
                total += value
                pore += value < low
                bulk += value > high
                open_ += value < middle
                solid[i + 1, j, k] = 0 if value < middle else 1
        plane_sums[i, 0] = pore
        plane_sums[i, 1] = bulk
        plane_sums[i, 2] = open_
        plane_sums[i, 3] = total
        plane_sums[i, 4] = slope


@kernel()
def _count_changes(row, other, step):
    """Number of k with row[k] != other[k + step], periodic; step is -1, 0 or 1."""
    n = row.size
    changes = 0
    for k in range(max(0, -step), n - max(0, step)):
        changes += row[k] != other[k + step]
    if step == 1:
        changes += row[n - 1] != other[0]
    elif step == -1:
        changes += row[0] != other[n - 1]
    return changes


@kernel(parallel=True)
def count_changes(solid, steps, plane_counts):
    """``plane_counts[i, d]`` = voxels of a plane whose phase differs from that of the voxel ``steps[d]`` away.

    Steps are -1, 0 or 1 along each axis, and not -1 along x.
    """
    n1 = solid.shape[1]
    for i in prange(solid.shape[0] - 2):
        for d in range(steps.shape[0]):
            changes = 0
            for j in range(n1):
                other = solid[i + 1 + steps[d, 0], (j + steps[d, 1]) % n1]
                changes += _count_changes(solid[i + 1, j], other, steps[d, 2])
            plane_counts[i, d] = changes


@kernel()
def _add_chords(line, histogram):
    """Count the runs of each value on a periodic line; returns whether it has only one."""
    n = line.size
    first = 0
    while first < n and line[first] == line[first - 1]:
        first += 1
    if first == n:
        return True
    length = 0
    for step in range(n):
        k = first + step
        k = k if k < n else k - n
        length += 1
        if line[k] != line[k + 1 if k + 1 < n else 0]:
            histogram[line[k], length] += 1
            length = 0
    return False


@kernel(parallel=True)
def chords_in_planes(solid, histograms_y, histograms_z, wrapping):
    """Chords along y and z of each plane.

    ``histograms[i, phase, length]`` counts chords; ``wrapping[i, axis, phase]`` counts lines of one phase, axis 0
    being y.
    """
    n1, n2 = solid.shape[1:]
    for i in prange(solid.shape[0] - 2):
        plane = solid[i + 1]
        for k in range(n2):
            if _add_chords(plane[:, k], histograms_y[i]):
                wrapping[i, 0, plane[0, k]] += 1
        for j in range(n1):
            if _add_chords(plane[j], histograms_z[i]):
                wrapping[i, 1, plane[j, 0]] += 1


@kernel(parallel=True)
def measure_heads(solid, heads):
    """``heads[j, k]`` = planes from the slab's first on that have the phase of the first."""
    n0 = solid.shape[0] - 2
    n1, n2 = heads.shape
    for j in prange(n1):
        for k in range(n2):
            i = 1
            while i < n0 and solid[i + 1, j, k] == solid[1, j, k]:
                i += 1
            heads[j, k] = i


@kernel(parallel=True)
def chords_along_x(solid, continued, histograms):
    """Chords along x that begin in this slab, ``histograms[j, phase, length]``.

    ``continued[j, k]`` is by how much a chord that reaches the slab's last plane goes on in the slabs that follow.
    """
    n0 = solid.shape[0] - 2
    n1, n2 = continued.shape
    for j in prange(n1):
        start = np.full(n2, -1, np.int32)
        for i in range(n0):
            for k in range(n2):
                phase = solid[i, j, k]
                if phase != solid[i + 1, j, k]:
                    if start[k] >= 0:
                        histograms[j, phase, i - start[k]] += 1
                    start[k] = i
        for k in range(n2):
            if start[k] >= 0:
                histograms[j, solid[n0, j, k], n0 - start[k] + continued[j, k]] += 1


@kernel()
def _line_distances(targets, spacing, cap, squared):
    """Squared distance from each point of a periodic line to the nearest target on it, at most ``cap``."""
    n = targets.size
    squared[:] = cap
    for direction in range(2):
        steps = -1  # no target met yet
        for step in range(2 * n):
            k = step % n
            if direction == 1:
                k = n - 1 - k
            if targets[k]:
                steps = 0
            elif steps >= 0:
                steps += 1
            if steps >= 0:
                squared[k] = min(squared[k], np.float32((steps * spacing) ** 2))


@kernel(parallel=True)
def plane_distances(targets, spacing, cap, squared):
    """Squared distance from each voxel to the nearest target in its own plane, periodic, at most ``cap``.

    ``spacing`` is that along y and z.
    """
    n0, n1, n2 = targets.shape
    for i in prange(n0):
        rows = np.empty((n1, n2), np.float32)
        for j in range(n1):
            _line_distances(targets[i, j], spacing[1], cap, rows[j])
        plane = squared[i]
        plane[:] = rows
        for step in range(1, n1 // 2 + 1):
            offset = np.float32((step * spacing[0]) ** 2)
            if offset >= plane.max():
                break
            for j in range(n1):
                left = rows[j - step if j >= step else j - step + n1]
                right = rows[j + step if j + step < n1 else j + step - n1]
                for k in range(n2):
                    plane[j, k] = min(plane[j, k], min(left[k], right[k]) + offset)


@kernel(parallel=True, fast=True)
def spectrum_shells(power, wavenumbers, weights, width, shells, moments):
    """Sums over shells of |k|, and moments of |k|, of a power spectrum whose mean is zero.

    ``shells[i, shell]`` receives the number of modes, sum |k| and sum power for each plane, shell being |k| / width
    rounded; ``moments[i]`` sum power times 1, |k|, |kx|, |ky|, |kz|.
    """
    kx, ky, kz = wavenumbers
    n0, n1, n2 = power.shape
    for i in prange(n0):
        total = first = first_x = first_y = first_z = 0.0
        for j in range(n1):
            for k in range(n2):
                norm = math.sqrt(kx[i] * kx[i] + ky[j] * ky[j] + kz[k] * kz[k])
                value = weights[k] * power[i, j, k].real
                total += value
                first += norm * value
                first_x += abs(kx[i]) * value
                first_y += abs(ky[j]) * value
                first_z += abs(kz[k]) * value
                shell = int(norm / width + _ROUND)
                if shell < shells.shape[1]:
                    shells[i, shell, 0] += weights[k]
                    shells[i, shell, 1] += weights[k] * norm
                    shells[i, shell, 2] += value
        moments[i, 0] = total
        moments[i, 1] = first
        moments[i, 2] = first_x
        moments[i, 3] = first_y
        moments[i, 4] = first_z


@kernel(parallel=True)
def to_power(spectrum, scale):
    """Replace each coefficient c by scale |c|^2."""
    n0, n1, n2 = spectrum.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                c = spectrum[i, j, k]
                spectrum[i, j, k] = scale * (c.real * c.real + c.imag * c.imag)


@kernel(parallel=True, fast=True)
def distance_shells(field, coordinates, width, shells):
    """``shells[i, shell]`` = number of voxels, sum of distance and sum of field for each plane.

    ``coordinates`` are the squared shortest periodic distances to voxel 0 along each axis.
    """
    dx, dy, dz = coordinates
    n0, n1, n2 = field.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                distance = math.sqrt(dx[i] + dy[j] + dz[k])
                shell = int(distance / width + _ROUND)
                if shell < shells.shape[1]:
                    shells[i, shell, 0] += 1
                    shells[i, shell, 1] += distance
                    shells[i, shell, 2] += field[i, j, k]
