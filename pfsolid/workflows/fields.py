"""The file of fields that a run or an image study leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..grid import PeriodicGrid
from ..io.hdf5 import DistributedArray
from ..io.series import Field, write_fields
from ..orientation import Orientation
from ..parallel.session import Session
from ..spectral.transform import SlabTransform
from ..units import NM_PER_M


@dataclass(frozen=True)
class FieldStore:
    """Adds fields to ``fields.h5``.

    Attributes
    ----------
    path : Path
    grid_nm : PeriodicGrid
        Of the file; where it is smaller than the computation's, the first voxels along each axis are stored.
    transform : SlabTransform
        Of the computation.
    session : Session
    attributes : dict
        Provenance.
    orientation : Orientation
        What turned the file's axes into those of the computation.
    """

    path: Path
    grid_nm: PeriodicGrid
    transform: SlabTransform
    session: Session
    attributes: dict
    orientation: Orientation = Orientation()

    def write(self, name: str, local: np.ndarray, units: str, **more) -> None:
        """Collective: a scalar, local (n0, n1, n2), or a vector with its components last, along the computation's axes."""
        components = local.shape[3:]
        kept, slices = placed(local, self.grid_nm, self.transform, self.orientation)
        array = DistributedArray(kept, self.grid_nm.shape + components, slices + tuple(slice(0, n) for n in components))
        write_fields(self.path, {name: Field(array, units, more)}, self.grid_nm, self.attributes, self.session.comm)


def placed(local: np.ndarray, grid_nm: PeriodicGrid, transform: SlabTransform, orientation: Orientation):
    """A field of a computation by the axes it was turned from, as far as it lies in their grid, and where that is.

    Parameters
    ----------
    local : ndarray, local (n0, n1, n2[, 3])
    grid_nm : PeriodicGrid
        Where it is smaller than the computation's, the first voxels along each axis are kept: no mirror images.
    transform : SlabTransform
        Of the computation.
    orientation : Orientation
        What turned those axes into the computation's.

    Returns
    -------
    kept : ndarray
        A view, or a copy of a vector field that turns.
    slices : tuple of 3 slice
    """
    back = orientation.inverse
    slices = tuple(slice(min(s.start, n), min(s.stop, n))
                   for s, n in zip(back.turn(transform.local_slice), grid_nm.shape))
    return back.turn_field(local)[tuple(slice(0, s.stop - s.start) for s in slices)], slices


def store_solution(store: FieldStore, system, axis: int, name: str, unit: float, output, field: float) -> None:
    """Current density and potential of a solved axis, as far as ``output`` asks for them.  Collective.

    Parameters
    ----------
    system : object
        Solved for a unit field along ``axis``, with conductivities in units of ``unit`` (S/m).
    name : str
        Of the axis in the file, with that of a carrier before it where there are several: ion_x.
    output : object
        With save_current and save_potential.
    field : float
        V/m.
    """
    about = dict(applied_field_V_per_m=field, applied_axis=name[-1])
    if output.save_current:
        current = system.current_density(axis)
        current *= unit * field
        store.write(f"current_density_{name}", current, "A/m^2", **about)
    if output.save_potential:
        # Without the part -E . r of the applied field; the spacing is in nm.
        store.write(f"potential_{name}", (system.voxel_potential() * (field / NM_PER_M)).astype(np.float32), "V", **about)
