"""Figures of a density: slices and the solid in three dimensions."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from ..grid import AXES
from ..io.peek import describe, read_strided
from . import planes
from .box import draw_structure, view_size
from .figure import BAR_WIDTH, MIN_BAR, WIDTH, add_axes, new_figure, plane_size
from .run_files import MAX_SAMPLES, RunFiles, flat_axis, middle_plane, thinning

VIEW = 5.6  # inches: the most a box is wide and high


def slices_figure(run: RunFiles) -> Figure:
    """The density on the planes in the middle."""
    grid = describe(run.fields_path, "rho").grid_nm
    flat = flat_axis(grid.shape)
    normals = (2, 1, 0) if flat is None else (flat,)
    sizes = np.array([plane_size(grid, normal) for normal in normals])
    gap, margins = 0.62, 1.7
    scale = min((WIDTH - margins - gap * (len(normals) - 1)) / sizes[:, 0].sum(), 5.2 / sizes[:, 1].max())
    sizes *= scale  # now in inches
    row = max(sizes[:, 1].max(), MIN_BAR)
    figure = new_figure(run, row + 1.3, "relative density")
    left = 0.5 + (WIDTH - margins - sizes[:, 0].sum() - gap * (len(normals) - 1)) / 2
    for normal, (width, height) in zip(normals, sizes):
        axes = add_axes(figure, left, 0.5 + (row - height) / 2, width, height)
        planes.draw_density(axes, middle_plane(run, "rho", normal), normal, grid)
        if flat is None:
            position = (grid.shape[normal] // 2 + 0.5) * grid.spacing[normal]
            axes.set_title(f"{AXES[normal]} = {position:.4g} nm")
        left += width + gap
    beside = max(left - gap + 0.2, left - gap - width / 2 + 0.6)  # not over the last panel's title
    planes.draw_density_bar(add_axes(figure, beside, 0.5, BAR_WIDTH, row))
    return figure


def structure_figure(run: RunFiles) -> Figure:
    """The solid in space."""
    rho, edges = sampled_density(run)
    size = view_size([e[-1] for e in edges])
    width, height = size * min(VIEW / size)  # inches
    row = max(height, 2.0)
    figure = new_figure(run, row + 1.2, "the solid, ρ ≥ ½")
    axes = add_axes(figure, 0.4 + (VIEW - width) / 2, 0.6 + (row - height) / 2, width, height)
    draw_structure(axes, rho, edges, matplotlib.colormaps[planes.DENSITY_MAP])
    planes.draw_density_bar(add_axes(figure, 6.75, 0.6 + row / 2 - 1.0, BAR_WIDTH, 2.0))
    return figure


def sampled_density(run: RunFiles) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """At most `MAX_SAMPLES` along an axis of the stored density, and where they are: `box.draw_structure`."""
    grid = describe(run.fields_path, "rho").grid_nm
    stride = thinning(grid.shape, MAX_SAMPLES)
    rho = read_strided(run.fields_path, "rho", stride)
    return rho, tuple(np.append(np.arange(n) * step * h, length)
                      for n, step, h, length in zip(rho.shape, stride, grid.spacing, grid.lengths))
