"""What tests of several modules and the verification cases build: transforms, runs, microstructures, solves."""

from dataclasses import replace
from functools import cache

import numpy as np

from pfsolid.conduction.effective import EffectiveConductivity
from pfsolid.conduction.phases import labels_from_density
from pfsolid.grid import PeriodicGrid
from pfsolid.homogenization.medium import Medium
from pfsolid.labels import empty_labels
from pfsolid.morphology.clusters import percolating_axes
from pfsolid.morphology.open_image import OpenImage
from pfsolid.parallel.collective import PlaneExchange, Reducer
from pfsolid.parallel.communicator import alone
from pfsolid.phasefield.initial import fill_noise
from pfsolid.phasefield.steppers import CahnHilliard, StepControl
from pfsolid.spectral.transform import SlabTransform, slab_of

ALONE = alone()

# Hu 2017, doi:10.1021/acsami.7b11292: 0.5 nm voxels in units of the surface depth, and the three
# conductivities (pore, surface, bulk) in S/cm; the contrast of the last two is 3516.
HU_SPACING = 0.5 / 1.4
HU_SIGMA = (0.0, 3.14e-3, 8.93e-7)
HU_THRESHOLDS = 0.1, 0.9

USUAL_CONTROL = StepControl(1e-3)


def make_transform(shape, spacing=1.0, comm=ALONE, **options) -> SlabTransform:
    """A transform on a grid; a single spacing stands for all three axes.  Plans are not timed: tests are small."""
    spacing = (spacing,) * 3 if np.isscalar(spacing) else spacing
    return SlabTransform(PeriodicGrid(shape, spacing), comm, **{"planning": "estimate"} | options)


def make_open_image(shape, spacing=1.0, comm=ALONE) -> OpenImage:
    """An image that ends at its faces; see `make_transform`."""
    grid = PeriodicGrid(shape, (spacing,) * 3 if np.isscalar(spacing) else spacing)
    return OpenImage(grid, Reducer(comm), PlaneExchange(comm, mirrored=True), slab_of(grid, comm))


def gather(local, comm, axis=0) -> np.ndarray:
    """The global array of a divided one, on every rank."""
    return np.concatenate(comm.allgather(np.ascontiguousarray(local)), axis=axis)


def start_from(rho, transform, first_step=1e-3, **options) -> CahnHilliard:
    """A stepper that begins from rho: its values on the slab, or a function that is given the transform."""
    transform.real[...] = rho(transform) if callable(rho) else rho
    stepper = CahnHilliard(transform, **options)
    stepper.start(first_step)
    return stepper


def start_from_noise(transform, mean, amplitude=0.02, seed=1, first_step=1e-3) -> CahnHilliard:
    fill_noise(transform, mean, amplitude, seed)
    stepper = CahnHilliard(transform)
    stepper.start(first_step)
    return stepper


def run_until(stepper, time, control=USUAL_CONTROL) -> list:
    """Step to a reduced time, which is met exactly; the reports of all steps."""
    reports = []
    while stepper.time < time * (1 - 1e-12):
        reports.append(stepper.step(control, time))
    return reports


@cache
def grow_density(shape, porosity, seed=1, time=20.0, spacing=HU_SPACING) -> np.ndarray:
    """rho of a microstructure grown from noise on one rank; read-only, for it is kept for the next caller."""
    stepper = start_from_noise(make_transform(shape, spacing), 1 - porosity, seed=seed)
    # Any well separated structure will do, so the tolerance is a loose one.
    run_until(stepper, time, StepControl(1e-2))
    rho = stepper.density().copy()
    rho.flags.writeable = False
    return rho


def grow_labels(shape, porosity, **options) -> np.ndarray:
    """Its phases 0 pore, 1 surface, 2 bulk: the global array, without ghost planes."""
    transform = make_transform(shape)
    return labels_from_density(grow_density(shape, porosity, **options), *HU_THRESHOLDS, transform)[1:-1]


def divide_labels(labels, transform) -> np.ndarray:
    """This rank's slab, with ghost planes, of a global array of labels."""
    local = empty_labels(transform)
    local[1:-1] = labels[transform.local_slice]
    transform.ghosts.fill(local)
    return local


def effective_conductivity(local, sigma, transform, axes, interface_resistance=None, interface_normals="smoothed",
                           plate_resistance=(0.0, 0.0), **options) -> EffectiveConductivity:
    """Of this rank's labels, solved along the axes that ``axes`` flags, whether they percolate or not."""
    medium = Medium(local, lambda _: np.asarray(sigma, float), transform, interface_resistance=interface_resistance or {},
                    interface_normals=interface_normals, plate_resistance=plate_resistance)
    return replace(medium.at(), percolating=tuple(map(bool, axes))).solve(**options)


def conduct(labels, sigma, spacing=1.0, comm=ALONE, dtype="float32", **options):
    """Effective conductivity of a global array of labels; the axes that percolate are found here."""
    transform = make_transform(labels.shape, spacing, comm, dtype=dtype)
    local = divide_labels(np.asarray(labels), transform)
    conducting = np.asarray(sigma)[local[1:-1]] > 0
    percolating = percolating_axes(conducting, transform.reducer, transform.ghosts)
    return effective_conductivity(local, sigma, transform, percolating, **options)


def periodic_distance(shape, spacing, centre, axes=(0, 1, 2)):
    """Distance to a point, or to a line along the axes left out."""
    square = np.zeros(shape)
    for axis in axes:
        length = shape[axis] * spacing[axis]
        x = (np.arange(shape[axis]) + 0.5) * spacing[axis] - centre[axis]
        x -= length * np.round(x / length)
        square = square + (x**2).reshape([-1 if i == axis else 1 for i in range(3)])
    return np.sqrt(square)


def tanh_profile(distance, depth):
    return 0.5 * (1 + np.tanh(2 * distance / depth))
