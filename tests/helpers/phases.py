"""Images of several phases whose measures are known, and how they are measured on a slab."""

import numpy as np

from pfsolid.morphology.correlation import padded_grid
from pfsolid.morphology.multiphase import Multiphase, measure_phases
from pfsolid.morphology.open_image import OpenImage

from .builders import ALONE, make_open_image, make_transform


def ghosted(labels, cell) -> np.ndarray:
    """This rank's slab of an image with its ghost planes."""
    part = labels[cell.local_slice[0]]
    phase = np.zeros((len(part) + 2, *part.shape[1:]), np.uint8)
    phase[1:-1] = part
    cell.ghosts.fill(phase)
    return phase


def make_cell(shape, boundary="open", spacing=1.0, comm=ALONE):
    """What is measured, and the transform for its correlations."""
    if boundary == "periodic":
        transform = make_transform(shape, spacing, comm)
        return transform, transform
    image = make_open_image(shape, spacing, comm)
    image = OpenImage(image.grid, image.reducer, image.ghosts, image.local_slice, mirrored=boundary == "mirror")
    return image, make_transform(padded_grid(image.grid).shape, spacing, comm)


def measured(labels, boundary="open", spacing=1.0, needs=None, comm=ALONE, num_phases=None) -> Multiphase:
    """All measures of an image; labels from ``num_phases`` on are outside."""
    num_phases = num_phases or int(labels.max()) + 1
    cell, transform = make_cell(labels.shape, boundary, spacing, comm)
    return measure_phases(ghosted(labels, cell), cell, transform, num_phases, needs or ("through",) * num_phases)


def sectors(n, direction, angles) -> tuple[np.ndarray, float]:
    """Three wedges round a line through the middle of n^3 voxels, with the angles (degrees) where they begin; its length."""
    t = np.array(direction, float) / np.linalg.norm(direction)
    x = np.moveaxis(np.indices((n, n, n)), 0, -1) + 0.5 - n / 2 - [0.13, 0.21, 0.37]
    u = np.cross(t, [0.3, 0.5, 0.8])
    u /= np.linalg.norm(u)
    angle = np.degrees(np.arctan2(x @ np.cross(t, u), x @ u)) % 360
    return (np.searchsorted(angles, angle, side="right") % 3).astype(np.uint8), n / np.abs(t).max()


def halved_ball(n, radius, normal) -> np.ndarray:
    """A ball of phases 1 and 2, divided by a plane through its centre, in phase 0."""
    x = np.moveaxis(np.indices((n, n, n)), 0, -1) + 0.5 - n / 2 - [0.2, -0.3, 0.1]
    return np.where((x**2).sum(-1) < radius**2, np.where(x @ np.array(normal) > 0, 1, 2), 0).astype(np.uint8)


def random_phases(shape, seed=1, num_phases=3) -> np.ndarray:
    """Grains of two or three voxels: every phase in many bodies."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, num_phases, [-(-n // 2) for n in shape])
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)[tuple(map(slice, shape))]
    return np.where(rng.random(shape) < 0.15, rng.integers(0, num_phases, shape), fine).astype(np.uint8)
