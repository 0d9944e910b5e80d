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
    open_area, parallel, length, resistance = _mixed(a, b, slope_1, slope_2, levels, sigma)
    if open_area < _SLIVER:
        return 0.0
    if length <= 0:
        return parallel
    normal = 1.0 if in_series else _normal_squared(a, b, slope_1, slope_2, h, h_1, h_2)
    return (1 - normal) * parallel + normal * open_area * length / resistance


@kernel()
def _mixed(a, b, slope_1, slope_2, levels, sigma):
    """Sums over the phases that conduct: a_m, a_m sigma_m, l_m, l_m / sigma_m."""
    open_area = parallel = length = resistance = 0.0
    for m in range(sigma.size):
        if sigma[m] > 0:
            area, link = _parts(a, b, slope_1, slope_2, levels, m)
            open_area += area
            parallel += area * sigma[m]
            length += link
            resistance += link / sigma[m]
    return open_area, parallel, length, resistance


@kernel()
def _parts(a, b, slope_1, slope_2, levels, m):
    """Parts a_m of the face and l_m of the link that are in phase m."""
    centre = 0.5 * (a + b)
    area = link = 1.0
    if m < levels.size:
        area, link = _area_below(centre, slope_1, slope_2, levels[m]), _link_below(a, b, levels[m])
    if m > 0:
        area -= _area_below(centre, slope_1, slope_2, levels[m - 1])
        link -= _link_below(a, b, levels[m - 1])
    return area, link


@kernel()
def _normal_squared(a, b, slope_1, slope_2, h, h_1, h_2):
    along, across = ((b - a) / h) ** 2, (slope_1 / h_1) ** 2 + (slope_2 / h_2) ** 2
    return along / (along + across) if along > 0 else 0.0


@kernel(parallel=True)
def share_out_fluxes(distance, levels, sigma, in_series, spacing, potential, edges, faces, axis, sums):
    """What each phase carries of the fluxes through the faces normal to ``axis`` of a plane, for a unit field along it.

    As the face is a mixture so is its flux: side by side each phase has a_m sigma_m of sum a sigma, one behind the other all
    of it along l_m of the link.  ``sums[i, m]`` add up to the fluxes of plane i.
    """
    n0, n1, n2 = potential.shape
    h, first, second = spacing[axis], 0 if axis > 0 else 1, 1 if axis > 1 else 2
    for i in prange(n0):
        sums[i] = 0.0
        after = potential[i + 1] if i + 1 < n0 and axis == 0 else edges[-1]
        for j in range(n1):
            j_next = j + 1 if j + 1 < n1 and axis == 1 else (0 if axis == 1 else j)
            for k in range(n2):
                k_next = k + 1 if k + 1 < n2 and axis == 2 else (0 if axis == 2 else k)
                if not faces[axis, i + 1, j, k] > 0:
                    continue
                beyond = after[j, k] if axis == 0 else potential[i, j_next, k_next]
                flux = faces[axis, i + 1, j, k] * (1.0 - (beyond - potential[i, j, k]) / h)
                i_next = i + 2 if axis == 0 else i + 1
                slope_1 = 0.5 * (_slope(distance, first, i + 1, j, k) + _slope(distance, first, i_next, j_next, k_next))
                slope_2 = 0.5 * (_slope(distance, second, i + 1, j, k) + _slope(distance, second, i_next, j_next, k_next))
                _share_out(flux, distance[i + 1, j, k], distance[i_next, j_next, k_next], slope_1, slope_2, h,
                           spacing[first], spacing[second], levels, sigma, in_series[axis], sums[i])


@kernel()
def _slope(field, axis, i, j, k):
    if axis == 0:
        return 0.5 * (field[i + 1, j, k] - field[i - 1, j, k])
    return _slope_y(field, i, j, k) if axis == 1 else _slope_z(field, i, j, k)


@kernel()
def _share_out(flux, a, b, slope_1, slope_2, h, h_1, h_2, levels, sigma, in_series, sums):
    open_area, parallel, length, resistance = _mixed(a, b, slope_1, slope_2, levels, sigma)
    normal = 1.0 if in_series else _normal_squared(a, b, slope_1, slope_2, h, h_1, h_2)
    if length <= 0:
        normal, resistance = 0.0, 1.0
    total = (1 - normal) * parallel + normal * open_area * length / resistance
    for m in range(sigma.size):
        if sigma[m] > 0:
            area, link = _parts(a, b, slope_1, slope_2, levels, m)
            sums[m] += flux * ((1 - normal) * area * sigma[m] + normal * open_area * link / resistance) / total


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
