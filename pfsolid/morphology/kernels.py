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
def survey(rho, before, after, thresholds, spacing, at_end, wraps, solid, plane_sums):
    """Mark the solid and sum what is local to a voxel.

    ``before`` and ``after`` are the planes around the slab; ``thresholds`` are rho of pore, solid and bulk;
    ``at_end[i]`` says whether plane i is the first or last of an image that ends along x, where its copy stands beyond
    it, and ``wraps`` whether the image goes on periodically along y and z.  ``plane_sums[i]`` receives the voxels of pore,
    bulk and rho < solid, sum rho and sum |grad G|, G = 3 rho^2 - 2 rho^3, by central differences, one-sided at ends.
    """
    n0, n1, n2 = rho.shape
    low, middle, high = thresholds
    cy, cz = 0.5 / spacing[1], 0.5 / spacing[2]
    for i in prange(n0):
        cx = (1.0 if at_end[i] else 0.5) / spacing[0]
        down = rho[i - 1] if i > 0 else before
        up = rho[i + 1] if i + 1 < n0 else after
        pore = bulk = open_ = 0
        total = 0.0
        slope = 0.0
        for j in range(n1):
            row = rho[i, j]
            left = rho[i, j - 1] if j > 0 else rho[i, n1 - 1] if wraps[0] else row
            right = rho[i, j + 1] if j + 1 < n1 else rho[i, 0] if wraps[0] else row
            c_y = cy if wraps[0] or 0 < j < n1 - 1 else 2 * cy
            for k in range(n2):
                value = row[k]
                k_before = k - 1 if k > 0 else n2 - 1 if wraps[1] else 0
                k_after = k + 1 if k + 1 < n2 else 0 if wraps[1] else k
                c_z = cz if wraps[1] or 0 < k < n2 - 1 else 2 * cz
                gx = cx * (_sharpen(up[j, k]) - _sharpen(down[j, k]))
                gy = c_y * (_sharpen(right[k]) - _sharpen(left[k]))
                gz = c_z * (_sharpen(row[k_after]) - _sharpen(row[k_before]))
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
def pair_share(i, step, n, wraps, fill_ends):
    """How often the pair of places i and i + step counts on an axis of n places; step is -1, 0 or 1.

    Not at all where it leaves an open image.  With ``fill_ends`` the two pairs nearest to an end stand for the half voxel
    beyond them too, in which nothing can be seen, and count 1 1/4 times.
    """
    if step == 0 or wraps:
        return 1.0
    low = min(i, i + step)
    if low < 0 or low > n - 2:
        return 0.0
    if not fill_ends:
        return 1.0
    near = min(2, n - 1)
    return 1.0 + 0.5 / near * ((low < near) + (low >= n - 1 - near))


@kernel()
def _count_changes(row, other, step, wraps, fill_ends):
    """Sum of `pair_share` over the k with row[k] != other[k + step]; step is -1, 0 or 1."""
    n = row.size
    first, stop = max(0, -step), n - max(0, step)
    changes = 0
    for k in range(first, stop):
        changes += row[k] != other[k + step]
    if step == 0:
        return float(changes)
    if wraps:
        last = n - 1 if step == 1 else 0
        return float(changes + (row[last] != other[n - 1 - last]))
    filled = 0.0
    for k in range(first, stop):
        if row[k] != other[k + step] and (k < first + 2 or k >= stop - 2):
            filled += pair_share(k, step, n, wraps, fill_ends) - 1.0
    return changes + filled


@kernel(parallel=True)
def count_changes(solid, steps, first_plane, num_planes, wraps, fill_ends, plane_counts):
    """``plane_counts[i, d]`` = voxels of a plane whose phase differs from that of the voxel ``steps[d]`` away.

    Steps are -1, 0 or 1 along each axis, and not -1 along x.  Plane i is ``first_plane + i`` of ``num_planes``.  Along axes
    without ``wraps`` pairs count by `pair_share`.
    """
    n1 = solid.shape[1]
    for i in prange(solid.shape[0] - 2):
        for d in range(steps.shape[0]):
            dx, dy, dz = steps[d]
            changes = 0.0
            along_x = pair_share(first_plane + i, dx, num_planes, wraps[0], fill_ends)
            for j in range(n1):
                share = along_x * pair_share(j, dy, n1, wraps[1], fill_ends)
                if share > 0:
                    other = solid[i + 1 + dx, (j + dy) % n1]
                    changes += share * _count_changes(solid[i + 1, j], other, dz, wraps[2], fill_ends)
            plane_counts[i, d] = changes


@kernel()
def _add_chords(line, wraps, num_phases, histogram):
    """Count the runs of each phase that end inside a line, or on a periodic one, at other phases on both sides.

    Returns whether the line has one value only.
    """
    n = line.size
    first = 0 if wraps else 1
    while first < n and line[first] == line[first - 1]:
        first += 1
    if first == n:
        return True
    length = 0
    behind = line[first - 1]
    for step in range(n if wraps else n - 1 - first):
        k = first + step
        k = k if k < n else k - n
        here, ahead = line[k], line[k + 1 if k + 1 < n else 0]
        length += 1
        if here != ahead:
            if behind < num_phases and here < num_phases and ahead < num_phases:
                histogram[here, length] += 1
            length, behind = 0, here
    return False


@kernel(parallel=True)
def chords_on_lines(lines, wraps, histograms, uniform):
    """Chords along the last axis of ``lines``; ``wraps`` says whether it is periodic.

    ``histograms[i, phase, length]`` counts chords; ``uniform[i, phase]`` lines of one phase from end to end.  Values beyond
    the phases are outside: chords that end there are cut.
    """
    num_phases = uniform.shape[1]
    for i in prange(lines.shape[0]):
        for j in range(lines.shape[1]):
            line = lines[i, j]
            if _add_chords(line, wraps, num_phases, histograms[i]) and line[0] < num_phases:
                uniform[i, line[0]] += 1


@kernel()
def _line_distances(targets, spacing, cap, wraps, squared):
    """Squared distance from each point of a line, periodic or not, to the nearest target on it, at most ``cap``."""
    n = targets.size
    squared[:] = cap
    for direction in range(2):
        steps = -1  # no target met yet
        for step in range(2 * n if wraps else n):
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
def plane_distances(targets, spacing, cap, wraps, squared):
    """Squared distance from each voxel to the nearest target in its own plane, at most ``cap``.

    ``spacing`` is that along y and z, and ``wraps`` says whether these are periodic.
    """
    n0, n1, n2 = targets.shape
    for i in prange(n0):
        rows = np.empty((n1, n2), np.float32)
        for j in range(n1):
            _line_distances(targets[i, j], spacing[1], cap, wraps[1], rows[j])
        plane = squared[i]
        plane[:] = rows
        for step in range(1, n1 // 2 + 1 if wraps[0] else n1):
            offset = np.float32((step * spacing[0]) ** 2)
            if offset >= plane.max():
                break
            for j in range(n1):
                below, above = j - step, j + step
                if wraps[0]:
                    below, above = below % n1, above % n1
                elif below < 0 and above >= n1:
                    continue
                # Beyond an end there is nothing: the row on the other side stands for it.
                left = rows[below if below >= 0 else above]
                right = rows[above if above < n1 else below]
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
