"""Kernels that find the conductivity of each face from a density between the voxels' centres.

``faces[a, i + 1, j, k]`` belongs to the face between voxel (i, j, k) and the next one along axis a; plane 0 holds the faces
normal to x towards the slab before.  Fields of voxels carry one ghost plane at each end of the slab.
"""

from __future__ import annotations

from numba import prange

from ..kernel import kernel

# Faces open by less than this conduct too little to matter, and would only stretch the spectrum.
_SLIVER = 0.01


@kernel(parallel=True)
def harmonic_faces(sigma, faces):
    """Harmonic mean of the two voxels at each face, exactly 0 beside an insulating one."""
    n1, n2 = sigma.shape[1:]
    for i in prange(faces.shape[1]):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                here = sigma[i, j, k]
                faces[0, i, j, k] = _harmonic(here, sigma[i + 1, j, k])
                faces[1, i, j, k] = _harmonic(here, sigma[i, j_next, k])
                faces[2, i, j, k] = _harmonic(here, sigma[i, j, k_next])


@kernel()
def _harmonic(a, b):
    return 2 * a * b / (a + b) if a + b > 0 else 0.0


@kernel(parallel=True)
def subvoxel_faces(distance, levels, sigma, in_series, spacing, faces):
    """Faces of the phases into which ``levels`` divide a distance that is taken as linear between the voxels.

    ``in_series``: for the faces normal to x, y and z, whether the mean along the link is taken.
    """
    n1, n2 = distance.shape[1:]
    hx, hy, hz = spacing
    for i in prange(faces.shape[1]):
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 else 0
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 else 0
                here, x_next = distance[i, j, k], distance[i + 1, j, k]
                dy, dz = _slope_y(distance, i, j, k), _slope_z(distance, i, j, k)
                faces[0, i, j, k] = _face(here, x_next, 0.5 * (dy + _slope_y(distance, i + 1, j, k)),
                                          0.5 * (dz + _slope_z(distance, i + 1, j, k)), hx, hy, hz, levels, sigma,
                                          in_series[0])
                if i == 0:
                    faces[1, i, j, k] = faces[2, i, j, k] = 0.0
                    continue
                dx = 0.5 * (x_next - distance[i - 1, j, k])
                dx_y = 0.5 * (distance[i + 1, j_next, k] - distance[i - 1, j_next, k])
                dx_z = 0.5 * (distance[i + 1, j, k_next] - distance[i - 1, j, k_next])
                faces[1, i, j, k] = _face(here, distance[i, j_next, k], 0.5 * (dx + dx_y),
                                          0.5 * (dz + _slope_z(distance, i, j_next, k)), hy, hx, hz, levels, sigma,
                                          in_series[1])
                faces[2, i, j, k] = _face(here, distance[i, j, k_next], 0.5 * (dx + dx_z),
                                          0.5 * (dy + _slope_y(distance, i, j, k_next)), hz, hx, hy, levels, sigma,
                                          in_series[2])


@kernel()
def _slope_y(field, i, j, k):
    n1 = field.shape[1]
    return 0.5 * (field[i, j + 1 if j + 1 < n1 else 0, k] - field[i, j - 1 if j > 0 else n1 - 1, k])


@kernel()
def _slope_z(field, i, j, k):
    n2 = field.shape[2]
    return 0.5 * (field[i, j, k + 1 if k + 1 < n2 else 0] - field[i, j, k - 1 if k > 0 else n2 - 1])


@kernel()
def _face(a, b, slope_1, slope_2, h, h_1, h_2, levels, sigma, in_series):
    """Conductivity between centres with the values a and b; slopes a voxel along the two other axes."""
    open_area = parallel = length = resistance = 0.0
    area_before = link_before = 0.0
    for m in range(sigma.size):
        last = m == levels.size
        area = 1.0 if last else _area_below(0.5 * (a + b), slope_1, slope_2, levels[m])
        link = 1.0 if last else _link_below(a, b, levels[m])
        if sigma[m] > 0:
            open_area += area - area_before
            parallel += (area - area_before) * sigma[m]
            length += link - link_before
            resistance += (link - link_before) / sigma[m]
        area_before, link_before = area, link
    if open_area < _SLIVER:
        return 0.0
    if length <= 0:
        return parallel
    normal = 1.0
    if not in_series:
        along, across = ((b - a) / h) ** 2, (slope_1 / h_1) ** 2 + (slope_2 / h_2) ** 2
        normal = along / (along + across) if along > 0 else 0.0
    return (1 - normal) * parallel + normal * open_area * length / resistance


@kernel()
def _link_below(a, b, level):
    """Part of the line from a to b that is below a level."""
    low, high = min(a, b), max(a, b)
    if level <= low:
        return 0.0
    if level >= high:
        return 1.0
    return (level - low) / (high - low)


@kernel()
def _area_below(centre, slope_1, slope_2, level):
    """Part of a unit square, on which a linear function has these slopes and this value in the centre, below a level."""
    large, small = max(abs(slope_1), abs(slope_2)), min(abs(slope_1), abs(slope_2))
    above_lowest = level - centre + 0.5 * (large + small)
    if above_lowest <= 0:
        return 0.0
    if above_lowest >= large + small:
        return 1.0
    if small < 1e-6 * large:
        return min(max((level - centre) / large + 0.5, 0.0), 1.0)
    area = above_lowest**2
    if above_lowest > small:
        area -= (above_lowest - small) ** 2
    if above_lowest > large:
        area -= (above_lowest - large) ** 2
    return area / (2 * large * small)
