"""What a microstructure is grown from: noise, nuclei, or the density of a file."""

from __future__ import annotations

import numpy as np

from ..config.run import RunConfig
from ..errors import InputError
from ..grid import PeriodicGrid
from ..io.images.formats import ArrayLayout, ImageInfo
from ..io.images.slab import describe_image, read_image_slab
from ..parallel.collective import on_root
from ..parallel.session import Session
from ..phasefield.initial import fill_noise
from ..phasefield.nucleation import seed_nuclei
from ..phasefield.resample import resample
from ..spectral.transform import SlabTransform

# Files give voxel edges to so many digits.
_EDGES_ALIKE = 1e-3
# A porosity given to three digits is meant to be that of the file.
_POROSITY_SLACK = 1e-3


def fill_initial(config: RunConfig, transform: SlabTransform, session: Session) -> None:
    """The density at the start into ``transform.real``: noise, nuclei, or that of a file.  Collective.

    Parameters
    ----------
    config : RunConfig
    transform : SlabTransform
        On the reduced grid.
    session : Session

    Raises
    ------
    InputError
        The file does not fit the cell, or has another porosity.
    """
    start = config.microstructure
    if start.initial_field is not None:
        _fill_from_file(config, transform, session)
        return
    if not config.nucleates:
        fill_noise(transform, config.mean_density, start.noise_amplitude, start.seed)
        return
    plan = config.plan_nuclei()
    session.say(plan.description)
    if config.nucleation.duration_reduced_time is not None:
        transform.real[...] = config.mean_density
        return
    session.say(f"{seed_nuclei(transform, plan, start.seed)} nuclei placed")


def layout_of_initial(config: RunConfig) -> ArrayLayout:
    """The order of the axes of the initial field."""
    return ArrayLayout(config.microstructure.initial_field_axes, config.unsaid_axes)


def _fill_from_file(config: RunConfig, transform: SlabTransform, session: Session) -> None:
    """The density of a file, resampled by its Fourier series where its grid is another one."""
    source, layout = config.microstructure.initial_field, layout_of_initial(config)
    info = on_root(session.comm, check_initial_field, config)
    grid = PeriodicGrid(info.shape, tuple(length / n for length, n in zip(config.reduced_grid.lengths, info.shape)))
    with SlabTransform(grid, session.comm, precision_of(config), session.threads) as coarse:
        coarse.real[...] = read_image_slab(source, coarse.local_slice, session.comm, layout=layout)
        mean = session.reducer.sum(float(coarse.real.sum(dtype=float)))[0] / grid.num_voxels
        if abs(mean - config.mean_density) > _POROSITY_SLACK:
            raise InputError(f"microstructure.porosity = {config.microstructure.porosity!r}: the porosity of "
                             f"{info.name} is {1 - mean:.4f}; give that one")
        resample(coarse, transform)
    session.say(f"initial field {info.name}, {' x '.join(map(str, info.shape))} voxels, porosity {1 - mean:.4f}")
    session.say(info.order_line)


def check_initial_field(config: RunConfig) -> ImageInfo:
    """What a run starts from, if that fits its cell; for one rank.

    Raises
    ------
    InputError
        The edges that the file gives, or the cell divided by its voxels, are not those of a field in this cell.
    """
    info, cell = describe_image(config.microstructure.initial_field, layout_of_initial(config)), config.grid_nm
    # An axis of one voxel on both sides is none, whatever its edge.
    axes = [axis for axis in range(3) if (info.shape[axis], cell.shape[axis]) != (1, 1)]
    if info.spacing_nm is not None:
        edges = [n * h for n, h in zip(info.shape, info.spacing_nm)]
        if any(abs(edges[axis] / cell.lengths[axis] - 1) > _EDGES_ALIKE for axis in axes):
            raise InputError(f"microstructure.initial_field: {info.name} is {_by(edges)} nm and the cell "
                             f"{_by(cell.lengths)} nm; a field must have the edges of the cell")
        return info
    # Without a voxel size the voxels are taken to be cubes (or what the file says), or to have the shape of the run's.
    voxels = (np.divide(cell.lengths, info.shape) / (info.spacing or 1.0))[axes]
    refined = np.divide(info.shape, cell.shape)[axes]
    if np.ptp(voxels) > _EDGES_ALIKE * voxels.max() and np.ptp(refined) > _EDGES_ALIKE * refined.max():
        raise InputError(f"microstructure.initial_field: {info.name} has {_by(info.shape)} voxels and the cell is "
                         f"{_by(cell.lengths)} nm ({_by(cell.shape)} voxels), so that the field would be stretched; give "
                         "one of the cell's aspect, or one that says its voxel size")
    return info


def _by(values) -> str:
    return " x ".join(f"{value:.6g}" for value in values)


def precision_of(config: RunConfig) -> str:
    """Of the numbers of the field."""
    return "float64" if config.parallel.precision == "double" else "float32"
