"""The error of the grid where the exact value is a limit: smooth interfaces on coarse grids and grown microstructures.

tests/verification/test_conduction_exact.py holds some of it to tolerances; scripts/docs/conduction_figures.py draws it all.
"""

from typing import NamedTuple

import numpy as np
from conduction_cases import CONTRASTS
from conduction_exact_cases import SCHEMES, diffuse, from_centre, solve_rho
from helpers.builders import HU_SIGMA, HU_THRESHOLDS, grow_density, make_transform
from helpers.systems import solve_elements, solve_volumes

from pfsolid.morphology.clusters import percolating_axes
from pfsolid.phasefield.resample import resample


def phases(rho) -> np.ndarray:
    """Pore, surface and bulk by the thresholds of the paper, which belong to the surface."""
    return (rho >= HU_THRESHOLDS[0]).astype(np.uint8) + (rho > HU_THRESHOLDS[1])


# --- a smooth interface on coarse grids ---------------------------------------------------------------------


def gyroid(num_voxels, depth, centre=(0.1, 0.2, 0.3), offset=0.3) -> np.ndarray:
    """rho of a gyroid in a unit cell with an interface of the given depth; its solid has a little less than half."""
    x, y, z = np.ix_(*[2 * np.pi * ((np.arange(num_voxels) + 0.5) / num_voxels - c) for c in centre])
    level = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x) - offset
    # Its mean gradient at the surface is 1.5, in units of x.
    return 0.5 * (1 + np.tanh(2 * level / 1.5 / (2 * np.pi) / depth))


def sphere_of_rho(num_voxels, depth, centre=(0.1, 0.2, 0.3), radius=0.35) -> np.ndarray:
    return diffuse(from_centre(num_voxels, centre), radius, depth)


# Pore, surface and bulk.
SMOOTH_SIGMAS = {"0 : 3.14e-3 : 8.93e-7 S/cm": HU_SIGMA, "0 : 1 : 0.1": (0.0, 1.0, 0.1), "0.1 : 1 : 0.1": (0.1, 1.0, 0.1)}
# Whether the surface, which conducts best in all of them, percolates.
SMOOTH_FIELDS = {"gyroid": (gyroid, True), "spherical pores": (sphere_of_rho, False)}
# The cell has six depths of the interface; voxels in each of them.
DEPTHS_PER_CELL = 6
VOXELS_PER_DEPTH = (2, 3, 4, 6, 8)


def smooth_value(name, sigma, num_voxels, scheme, centre) -> float:
    """sigma_xx of a density sampled on a grid, phases by the thresholds of the paper."""
    field, best_percolates = SMOOTH_FIELDS[name]
    rho = field(num_voxels, 1 / DEPTHS_PER_CELL, centre)
    options = {"axes": [0], "dtype": "float32", "rtol": 1e-4}
    if scheme == "subvoxel":
        return solve_rho(rho, HU_THRESHOLDS, sigma, best_percolates, **options).tensor[0, 0]
    solve = solve_elements if scheme == "elements" else solve_volumes
    return solve(phases(rho), sigma, **options).tensor[0, 0]


class SmoothErrors(NamedTuple):
    """Root mean square of the relative errors of each scheme, the value they are taken from and its own uncertainty."""

    errors: dict
    exact: float
    uncertainty: float


def smooth_errors(name, sigma, voxels_per_depth=VOXELS_PER_DEPTH, finest=16, num_positions=2) -> SmoothErrors:
    """Errors at several positions on the grid, against the limit of two grids finer than these.

    The limit is that of the mean of the two discretisations, extrapolated to first order, and that of faces below the
    voxel; their mean is taken, and half their difference is its uncertainty.
    """
    sigma = np.asarray(sigma) / max(sigma)
    centres = np.random.default_rng(2).random((num_positions, 3))

    def limit(scheme):
        coarse, fine = (smooth_value(name, sigma, DEPTHS_PER_CELL * n, scheme, centres[0]) for n in (finest // 2, finest))
        return 2 * fine - coarse

    voxels, below = (limit("finite volumes") + limit("elements")) / 2, limit("subvoxel")
    exact = (voxels + below) / 2

    def error(scheme, n):
        found = [smooth_value(name, sigma, DEPTHS_PER_CELL * n, scheme, centre) for centre in centres]
        return np.sqrt(np.mean((np.array(found) / exact - 1) ** 2))

    return SmoothErrors({scheme: np.array([error(scheme, n) for n in voxels_per_depth]) for scheme in SCHEMES}, exact,
                        abs(voxels - below) / 2 / exact)


# --- grown microstructures ----------------------------------------------------------------------------------

# Edge in voxels, 2.8 of them to the depth of the interface; porosity, seed, reduced time of growth.
GROWN = ((32, 0.25, 1, 80.0), (24, 0.32, 2, 20.0), (32, 0.32, 1, 20.0), (28, 0.37, 7, 20.0), (32, 0.40, 24, 30.0),
         (24, 0.45, 3, 20.0), (32, 0.50, 23, 20.0), (28, 0.55, 8, 40.0), (24, 0.60, 4, 20.0), (24, 0.68, 5, 30.0))


class GridError(NamedTuple):
    """sigma along one axis: by the schemes on the grid itself, and where finer grids lead to.

    ``voxels``: limit of the same image on finer voxels.  ``smooth``: limit of the density on finer grids, with
    ``halved``, finite volumes on voxels of half the edge, on the way.
    """

    microstructure: str
    contrast: str
    axis: int
    volumes: float
    elements: float
    subvoxel: float
    halved: float
    voxels: float
    smooth: float

    @property
    def gap(self) -> float:
        return self.elements - self.volumes


def grown_grid_errors(microstructures=GROWN, contrasts=CONTRASTS) -> list[GridError]:
    """For each microstructure, contrast and axis that percolates; of 28^3 and 32^3 the first of these only.

    The limits are from grids 2 and 4 times finer: the mean of both discretisations, each extrapolated to first order.
    """
    found = []
    for edge, porosity, seed, time in microstructures:
        rho = grow_density((edge,) * 3, porosity, seed=seed, time=time)
        for contrast, sigma in contrasts.items():
            sigma = np.asarray(sigma) / max(sigma)
            axes = np.flatnonzero(_percolates(sigma[phases(rho)] > 0))[:3 if edge <= 24 else 1]
            if axes.size:
                found += _grid_errors_of(f"{edge}^3, {100 * porosity:.0f} %", rho, contrast, sigma, axes)
    return found


def _grid_errors_of(microstructure, rho, contrast, sigma, axes) -> list[GridError]:
    def solve(scheme, image, split):
        options = {"axes": list(axes), "spacing": 1 / split, "dtype": "float32", "rtol": 2e-4}
        return np.diag(scheme(image, sigma, **options).tensor)[axes]

    def limit(images):
        (coarse_low, coarse_high), (fine_low, fine_high) = (
            [solve(scheme, image, split) for scheme in (solve_volumes, solve_elements)] for split, image in images.items())
        return coarse_low, fine_low + fine_high - (coarse_low + coarse_high) / 2

    labels = phases(rho)
    voxels = limit({split: labels.repeat(split, 0).repeat(split, 1).repeat(split, 2) for split in (2, 4)})[1]
    halved, smooth = limit({split: phases(refined(rho, split)) for split in (2, 4)})
    best_percolates = any(_percolates(sigma[labels] == 1))
    below = np.diag(solve_rho(rho, HU_THRESHOLDS, sigma, best_percolates, axes=list(axes), dtype="float32",
                              rtol=2e-4).tensor)[axes]
    columns = (axes, solve(solve_volumes, labels, 1), solve(solve_elements, labels, 1), below, halved, voxels, smooth)
    return [GridError(microstructure, contrast, *values) for values in zip(*columns)]


def refined(rho, split) -> np.ndarray:
    """The density on finer voxels, by its Fourier series."""
    source = make_transform(rho.shape)
    target = make_transform(tuple(split * n for n in rho.shape), 1 / split)
    source.real[...] = rho
    resample(source, target)
    return target.real.copy()


def _percolates(mask):
    transform = make_transform(mask.shape)
    return percolating_axes(mask, transform.reducer, transform.ghosts)
