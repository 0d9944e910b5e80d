"""Measurements on the conduction solver that have a known answer.

The tests beside this file hold them to a tolerance; scripts/docs/verification_figures.py draws them.
"""

from typing import NamedTuple

import numpy as np
from helpers.builders import HU_SIGMA, conduct, grow_labels

# --- convergence with the grid ------------------------------------------------------------------------------


def checkerboard_errors(num_voxels=(16, 32, 64, 128, 256), sigma=(1.0, 10.0)) -> tuple[np.ndarray, np.ndarray]:
    """Voxels along the cell of 2 x 2 squares, and sigma_xx / sqrt(s1 s2) - 1.

    sqrt(s1 s2) is exact: Keller, doi:10.1063/1.1704146; Dykhne, Sov. Phys. JETP 32 (1971) 63.
    """
    def solve(n):
        square = 2 * np.arange(n) // n
        labels = ((square[:, None] + square) % 2).astype(np.uint8)[:, :, None]
        # Two decades below the smallest grid error.
        return conduct(labels, sigma, rtol=1e-6).tensor[0, 0]

    exact = np.sqrt(sigma[0] * sigma[1])
    return np.array(num_voxels), np.array([solve(n) / exact - 1 for n in num_voxels])


def checkerboard_order(sigma=(1.0, 10.0)) -> float:
    """The order that the corners allow: where four squares meet, u ~ r^a with a = (4 / pi) arctan sqrt(s1 / s2).

    The energy near it is ~ r^(2a), and so is the error of voxels of that size.
    """
    return 2 * (4 / np.pi) * np.arctan(np.sqrt(sigma[0] / sigma[1]))


# Volume fraction: (sigma_eff with perfectly conducting spheres, with insulating ones) in a matrix of 1.
# Multipole solution; for perfect conductors McPhedran & McKenzie, doi:10.1098/rspa.1978.0031, print the same.
SPHERE_ARRAY = {0.1: (1.33356, 0.857112), 0.2: (1.75588, 0.726703), 0.3: (2.33288, 0.605661)}
# Conductivity that stands for infinite: sigma_eff falls short by less than 10 / ratio, far below the grid
# error.
PERFECT = 1e6


def voxel_sphere(num_voxels: int, fraction: float, centre) -> np.ndarray:
    """The voxels nearest to ``centre``, as many as make the volume fraction; a cubic periodic cell."""
    distances = [np.abs((np.arange(num_voxels) + 0.5 - c + num_voxels / 2) % num_voxels - num_voxels / 2) ** 2
                 for c in centre]
    squared = np.add.outer(np.add.outer(distances[0], distances[1]), distances[2]).ravel()
    inside = np.argsort(squared, kind="stable")[:round(fraction * num_voxels**3)]
    labels = np.zeros(num_voxels**3, dtype=np.uint8)
    labels[inside] = 1
    return labels.reshape((num_voxels,) * 3)


# Voxels along the cell: positions of the sphere.
SPHERE_SAMPLES = {16: 6, 24: 6, 32: 4, 48: 2, 64: 1}


def sphere_array_errors(fraction: float, insulating: bool) -> tuple[np.ndarray, np.ndarray]:
    """Voxels along the cell and the mean relative error of sigma_eff over several positions of the sphere.

    A sphere centred on the lattice has a volume that jumps with the grid by up to 5 %, which would hide the
    order. Off the lattice the number of voxels is exact, and what the position does is averaged out.
    """
    exact = SPHERE_ARRAY[fraction][int(insulating)]
    rng = np.random.default_rng(1)

    def solve(n):
        labels = voxel_sphere(n, fraction, n * rng.random(3))
        return conduct(labels, (1.0, 0.0 if insulating else PERFECT), rtol=1e-4).mean

    means = np.array([np.mean([solve(n) for _ in range(count)]) for n, count in SPHERE_SAMPLES.items()])
    return np.array(list(SPHERE_SAMPLES)), means / exact - 1


def fitted_order(num_voxels, errors) -> float:
    """p of |error| ~ h^p, least squares."""
    return -np.polyfit(np.log(num_voxels), np.log(np.abs(errors)), 1)[0]


def extrapolated(num_voxels, errors) -> float:
    """Error at h = 0 of a parabola in h through all grids, least squares."""
    return np.polynomial.polynomial.polyfit(1 / np.asarray(num_voxels), errors, 2)[0]


# --- is the error estimate an honest one --------------------------------------------------------------------


class Stop(NamedTuple):
    """Where a solve with relative tolerance ``rtol`` stops: its true and its estimated relative error."""

    microstructure: str
    contrast: str
    axis: int
    rtol: float
    iterations: int
    true: float
    estimated: float


# Edge in voxels, porosity, seed, reduced time of growth.  The spinodal ends at 0.21 and 0.79; at 0.25 growth
# is slow.
MICROSTRUCTURES = ((40, 0.25, 1, 80.0), (32, 0.32, 2, 20.0), (48, 0.32, 1, 20.0), (48, 0.40, 24, 30.0),
                   (40, 0.45, 3, 20.0), (40, 0.50, 23, 20.0), (40, 0.60, 4, 20.0), (32, 0.68, 5, 30.0))
# Conductivities of pore, surface and bulk.
CONTRASTS = {"1, zeros": (0.0, 1.0, 1.0), "30": (1 / 30, 1.0, 0.2), "30, zeros": (0.0, 1.0, 1 / 30),
             "3516, zeros": HU_SIGMA}
# The poor phase between the insulator and the good one.  Its spectrum begins below the ratio of the
# conductivities, by a factor that nothing tells in advance.
RESISTIVE_SURFACE = {"1000, zeros, resistive surface": (0.0, 1e-3, 1.0)}
TOLERANCES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)


def stops(microstructures=MICROSTRUCTURES, contrasts=CONTRASTS) -> list[Stop]:
    """Every stop of every microstructure, contrast, axis and tolerance.

    One solve to 1e-11 gives both the exact value and, through ``on_iteration``, what each looser tolerance
    would have stopped at.
    """
    found = []
    for edge, porosity, seed, time in microstructures:
        labels = grow_labels((edge,) * 3, porosity, seed=seed, time=time)
        for contrast, sigma in contrasts.items():
            found += _stops_of_solve(f"{edge}^3, {100 * porosity:.0f} %", labels, contrast, sigma)
    return found


def _stops_of_solve(microstructure, labels, contrast, sigma) -> list[Stop]:
    progress = {0: [], 1: [], 2: []}

    def record(axis, *values):
        progress[axis].append(values)

    exact = conduct(labels, sigma, dtype="float64", rtol=1e-11, on_iteration=record).tensor.diagonal()
    found = []
    for axis in range(3):
        for rtol in TOLERANCES:
            # Nothing to stop in an axis that does not percolate.
            for iteration, value, estimated in progress[axis]:
                if estimated <= rtol:
                    true = value / exact[axis] - 1
                    found.append(Stop(microstructure, contrast, axis, rtol, iteration, true, estimated))
                    break
    # A solve that has ended at rounding error tells nothing about the estimate.
    return [stop for stop in found if stop.true > 1e-10]
