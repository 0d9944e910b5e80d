"""An electrode between two plates, a separator and a collector: what each carrier reaches, tortuosity, profiles.

All of one part of an image that has the field along its first axis and ends at plates across it, its sides insulating.  The
first carrier comes from the first plate, the second from the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Bools, Floats, Labels
from ..conduction.finite_volumes import ConductionSystem
from ..conduction.multigrid import MultigridSolver
from ..conduction.system import System
from ..labels import empty_labels
from ..morphology.areas import areas_by_normals
from ..morphology.clusters import find_clusters
from ..morphology.interface_normals import face_norms
from ..morphology.open_image import OpenImage
from ..spectral.transform import SlabTransform

_FIRST, _LAST = 0, -1
_OPEN = (False, False, False)
_MAX_ITERATIONS = 5000


@dataclass(frozen=True)
class Electrode:
    """What is asked about.

    Attributes
    ----------
    labels : ndarray of uint8 or uint32, local (n0 + 2, n1, n2)
        With ghost planes.
    transform : CosineSlabTransform
    cell : OpenImage
        The same slab.
    sigma : tuple of 2 ndarray (num_labels,)
        Conductivity of each label along the first axis, for each carrier.
    active : tuple of int
        Labels of the active material.
    """

    labels: Labels
    transform: SlabTransform
    cell: OpenImage
    sigma: tuple[Floats, Floats]
    active: tuple[int, ...]

    def survey(self, rtol: float) -> dict[str, Any]:
        """Plain data: shares of the active material, its area, electrode tortuosity; None for what is not.  Collective.

        Parameters
        ----------
        rtol : float
            Of the tortuosity.

        Returns
        -------
        dict
            reached, both, area, tortuosity, fraction: see `pfsolid.results.electrode.ElectrodeAxis`.
        """
        inner = self.labels[1:-1]
        networks = [connected_to_plate((sigma > 0)[inner], self.cell, end)
                    for sigma, end in zip(self.sigma, (_FIRST, _LAST))]
        found: dict[str, Any] = dict.fromkeys(("reached", "both", "area", "tortuosity", "fraction"))
        active = np.isin(inner, self.active)
        if self.cell.reducer.any(bool(active.any())):
            found |= self._reached(active, networks)
        return found | self._tortuosity(inner, rtol)

    def _reached(self, active: Bools, networks: list[Bools]) -> dict[str, Any]:
        """Of the active material's bodies, those that hang together by faces: which a carrier enters, or touches."""
        cell = self.cell
        bodies = find_clusters(active, cell.reducer, cell.ghosts, periodic=_OPEN)
        met = []
        for network in networks:
            touched = np.unique(bodies.labels[active & _and_neighbours(network, cell)])
            one = np.zeros(bodies.num_clusters, bool)
            one[cell.reducer.concatenate(touched) - 1] = True
            met.append(one)
        both = np.concatenate([[False], met[0] & met[1]])[bodies.labels]
        shares = [float(bodies.sizes[one].sum() / bodies.sizes.sum()) for one in (*met, met[0] & met[1])]
        phase = empty_labels(self.transform)
        phase[1:-1] = np.where(both, 0, np.where(networks[0] & ~active, 1, 2))
        slab: Any = cell  # a Slab but for mypy, which wants attributes that can be set
        area = areas_by_normals(phase, slab, 3)[0, 1] / cell.grid.volume
        return {"reached": shares[:2], "both": shares[2], "area": float(area)}

    def _tortuosity(self, inner: Labels, rtol: float) -> dict[str, Any]:
        """3 epsilon sigma_0 A R / L, R = <sigma |grad psi|^2> V / I^2, with I leaving evenly through the walls.

        The phase is the first carrier's best conductor, as far as it hangs together with the first plate; the last plate
        insulates.  H.-T. Nguyen et al., npj Comput. Mater. 6 (2020) 123, doi:10.1038/s41524-020-00386-4.
        """
        transform, grid, reducer = self.transform, self.transform.grid, self.cell.reducer
        phase = empty_labels(transform)
        phase[1:-1] = (self.sigma[0] == self.sigma[0].max())[inner]
        fraction = float(reducer.sum(np.count_nonzero(phase[1:-1]))[0] / grid.num_voxels)
        transform.ghosts.fill(phase)
        connected = connected_to_plate(phase[1:-1] > 0, self.cell, _FIRST)
        outflow = _wall_area(phase, self.cell) * connected
        total = float(reducer.sum(outflow.sum())[0])
        if not total > 0:
            return {"tortuosity": None, "fraction": fraction}
        phase[1:-1] = connected
        transform.ghosts.fill(phase)
        system = ConductionSystem(phase, np.array([0.0, 1.0]), transform, plate_resistance=(0.0, np.inf))
        system.start(0)
        voxel = float(np.prod(grid.spacing))
        np.divide(outflow, total * voxel, out=system.residual)
        system.resume()
        solved = MultigridSolver()(system, lambda energy, estimate: estimate <= rtol * energy, _MAX_ITERATIONS)
        length, area = grid.lengths[0], grid.lengths[1] * grid.lengths[2]
        return {"tortuosity": 3 * fraction * area / length * solved.energy * grid.volume, "fraction": fraction}


def connected_to_plate(mask: Bools, cell: OpenImage, end: int) -> Bools:
    """Voxels of a mask that hang together, by faces, with the first or the last plane across the first axis.  Collective.

    Parameters
    ----------
    mask : ndarray of bool, local (n0, n1, n2)
    cell : OpenImage
    end : {0, -1}
        The first plane, or the last.

    Returns
    -------
    ndarray of bool, local (n0, n1, n2)
    """
    reducer = cell.reducer
    clusters = find_clusters(mask, reducer, cell.ghosts, periodic=_OPEN)
    here = reducer.rank == (0 if end == _FIRST else reducer.size - 1)
    touching = np.unique(clusters.labels[end]) if here else np.empty(0, clusters.labels.dtype)
    table = np.zeros(clusters.num_clusters + 1, bool)
    table[reducer.concatenate(touching)] = True
    table[0] = False
    found: Bools = table[clusters.labels]
    return found


def _and_neighbours(mask: Bools, cell: OpenImage) -> Bools:
    """With all voxels that share a face with one of it.  Collective."""
    ghosted = np.zeros((mask.shape[0] + 2, *mask.shape[1:]), np.uint8)
    ghosted[1:-1] = mask
    cell.ghosts.fill(ghosted)
    found: Bools = (ghosted[:-2] | ghosted[1:-1] | ghosted[2:]) > 0
    for axis in (1, 2):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        found[tuple(behind)] |= mask[tuple(ahead)]
        found[tuple(ahead)] |= mask[tuple(behind)]
    return found


def _wall_area(phase: Labels, cell: OpenImage) -> Floats:
    """Of each voxel the true area of its faces towards other labels: face area / |n|_1.  Collective.

    ``phase`` has ghost planes.
    """
    spacing = cell.grid.spacing
    norms = face_norms(phase, spacing, cell.ghosts, False, np.float64)
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    x, y, z = (np.prod(spacing) / h * one for h, one in zip(spacing, inverse))
    found: Floats = x[:-1] + x[1:] + y[1:] + np.roll(y[1:], 1, 1) + z[1:] + np.roll(z[1:], 1, 2)
    return found


def profile(system: System, unit: float, labels: Labels, sigma: Floats, cell: OpenImage) -> dict[str, list[float]]:
    """Plane by plane across the first axis, for a carrier that has been solved for.  Collective.

    Parameters
    ----------
    system : System
        With the potential of a unit field along the first axis.
    unit : float
        S/m, in which it counts.
    labels : ndarray of uint8 or uint32, local (n0, n1, n2)
        Without ghost planes.
    sigma : ndarray (num_labels,)
        S/m, along the first axis.
    cell : OpenImage

    Returns
    -------
    dict of list (num_planes,)
        area_fraction: of the plane, what conducts; sigma_S_per_m: its mean; tortuosity: that times the field in it over the
        current.  The field is that of the plane's potential, the mean weighted with sigma: the mean of tortuosity over
        sigma is 1 / sigma_eff exactly.
    """
    potential = system.voxel_potential()
    current = system.current_density(0)[..., 0]
    sums = np.empty((labels.shape[0], 4))
    for plane, (one, u, j) in enumerate(zip(labels, potential, current)):
        s = sigma[one]
        sums[plane] = np.count_nonzero(s), s.sum(), (s * u).sum(), j.sum(dtype=float)
    sums = cell.reducer.concatenate(sums)
    num, thickness = cell.grid.shape[1] * cell.grid.shape[2], cell.grid.spacing[0]
    length = thickness * len(sums)
    # Behind the first plate nothing, before the last all of the drop has come.
    drop = (np.arange(len(sums)) + 0.5) * thickness - sums[:, 2] / sums[:, 1]
    middles = np.concatenate([[0.0], (drop[1:] + drop[:-1]) / 2, [length]])
    field = np.diff(middles) / thickness
    mean = sums[:, 1] / num
    flux = unit * sums[:, 3].mean() / num
    return {"area_fraction": (sums[:, 0] / num).tolist(), "sigma_S_per_m": mean.tolist(),
            "tortuosity": (mean * field / flux).tolist()}
