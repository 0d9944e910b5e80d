"""Effective conductivity tensor of a labelled periodic microstructure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spectral import SlabTransform
from .krylov import conjugate_gradients
from .operator import ConductionSystem
from .phases import check_conductivities

# Single-precision transforms in the preconditioner change neither value nor iteration count down to here.
_SINGLE_PRECISION_RTOL = 1e-7


@dataclass(frozen=True)
class EffectiveConductivity:
    """Result of :func:`effective_conductivity`, in the unit of ``sigma``.

    Attributes
    ----------
    tensor : ndarray (3, 3)
        Symmetric, positive semi-definite.
    relative_error : tuple of 3 float
        Estimated solver error of the diagonal elements, relative to each.
    iterations : tuple of 3 int
    percolating : tuple of 3 bool
        Axes along which the conducting phases wrap the cell; the others' rows and columns are exactly 0.
    asymmetry : float
        Largest |<J_i> for E_j - <J_j> for E_i| relative to the mean of the diagonal: a check on the solves, which
        converges more slowly than the tensor itself.
    """

    tensor: np.ndarray
    relative_error: tuple[float, float, float]
    iterations: tuple[int, int, int]
    percolating: tuple[bool, bool, bool]
    asymmetry: float

    @property
    def mean(self) -> float:
        """(s_xx + s_yy + s_zz) / 3."""
        return float(np.trace(self.tensor) / 3)


def preconditioner_precision(rtol: float) -> str:
    """Precision the transform needs for a relative tolerance of sigma_eff."""
    return "float32" if rtol >= _SINGLE_PRECISION_RTOL else "float64"


def effective_conductivity(labels: np.ndarray, sigma, transform: SlabTransform, percolating, rtol: float = 1e-4,
                           max_iterations: int = 5000, on_iteration=None, on_solved=None) -> EffectiveConductivity:
    """Solve div[ sigma (E - grad u) ] = 0, u periodic, for E along x, y, z: sigma_eff E = <sigma (E - grad u)>.

    Collective.  7-point finite volumes with harmonic face conductances; conjugate gradients preconditioned with the
    FFT inverse of the discrete Laplacian, stopped on the estimated error of sigma_eff.

    Parameters
    ----------
    labels : ndarray of uint8, local (n0 + 2, n1, n2)
        Phase of each voxel, with ghost planes along x (:func:`pfsolid.conduction.phases.labels_from_density`).
    sigma : sequence of float (num_labels,)
        Conductivity of each label; exact zeros are insulators.
    transform : SlabTransform
    percolating : sequence of 3 bool
        Axes along which the voxels with sigma > 0 wrap the cell; the others are not solved for.
    rtol : float
        Bound on the estimated relative error of each diagonal element.
    on_iteration : callable, optional
        ``on_iteration(axis, iteration, value, relative_error)``; may raise to stop.
    on_solved : callable, optional
        ``on_solved(axis, system)`` while the potential of that axis is at hand; collective.  The system counts
        conductivities in units of the largest.

    Raises
    ------
    InputError
        If a conductivity is negative or not finite, or a label has none.
    ConvergenceError
        If ``rtol`` is not met in ``max_iterations``.

    Notes
    -----
    The tensor is the bilinear form <(E_i - grad u_i) sigma (E_j - grad u_j)> = <J_i of u_j> - <u_i r_j>, whose error
    is of second order in those of u, as the energy's is.  It is evaluated in double from u: the energy that conjugate
    gradients sum up carries the rounding errors of the transform, which matter where sigma_eff is far below the mean
    conductivity it is subtracted from.
    """
    sigma = np.asarray(sigma, dtype=float)
    check_conductivities(sigma)
    highest = int(transform.reducer.max(int(labels.max())))
    if highest >= sigma.size:
        raise InputError(f"label {highest} has no conductivity: {sigma.size} are given, for labels 0 to {sigma.size - 1}")
    tensor = np.zeros((3, 3))
    fluxes = np.zeros((3, 3))
    error, iterations = [0.0] * 3, [0] * 3
    axes = [axis for axis in range(3) if percolating[axis] and sigma.max() > 0]
    if axes:
        unit = sigma.max()
        system = ConductionSystem(labels, sigma / unit, transform)
        potentials = {}
        for axis in axes:
            error[axis], iterations[axis] = _solve(system, axis, rtol, max_iterations, on_iteration, unit)
            fluxes[axis] = system.mean_flux(axis)
            tensor[axis, axis] = fluxes[axis, axis] - system.mean_product(system.potential, system.residual)
            for other, potential in potentials.items():
                tensor[axis, other] = tensor[other, axis] = (
                    fluxes[axis, other] - system.mean_product(potential, system.residual))
            if axis != axes[-1]:
                potentials[axis] = system.potential.astype(np.float32)
            if on_solved is not None:
                on_solved(axis, system)
        tensor *= unit
    scale = np.trace(tensor) / 3
    solved = fluxes[np.ix_(axes, axes)] * sigma.max()
    asymmetry = float(np.abs(solved - solved.T).max() / scale) if len(axes) > 1 and scale > 0 else 0.0
    return EffectiveConductivity(tensor, tuple(error), tuple(iterations), tuple(bool(p) for p in percolating),
                                 asymmetry)


def _solve(system: ConductionSystem, axis: int, rtol: float, max_iterations: int, on_iteration, unit: float):
    """Solve for a unit field along ``axis``; relative error of its diagonal element and number of iterations."""
    upper = system.start(axis)

    def report(iteration, energy, estimate):
        if on_iteration is not None:
            on_iteration(axis, iteration, (upper - energy) * unit, estimate / (upper - energy))

    result = conjugate_gradients(system, lambda energy, estimate: estimate <= rtol * (upper - energy),
                                 max_iterations, report)
    return result.error_estimate / (upper - result.energy), result.iterations
