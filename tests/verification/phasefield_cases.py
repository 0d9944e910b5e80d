"""Measurements on the Cahn–Hilliard stepper that have a known answer.

The tests beside this file hold them to a tolerance; scripts/docs/verification_figures.py draws them.  Reduced
units (:mod:`pfsolid.phasefield.free_energy`) unless said otherwise.
"""

import math

import numpy as np
from helpers.builders import make_transform, run_until, start_from, start_from_noise

from pfsolid.phasefield.free_energy import REDUCED_KAPPA, ReducedUnits
from pfsolid.phasefield.observables import mean_density
from pfsolid.phasefield.steppers import StepControl

# --- a flat surface at rest ---------------------------------------------------------------------------------


def relax_flat_surfaces(voxels_per_lambda: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A slab of solid between two surfaces, from a profile three times too wide to rest.

    Returns x, rho, the exact rho = (1 + tanh 2x) / 2 and the surface energy: the energy of the column over
    its two surfaces.  They are 8 apart, where the tails of the exact profile have fallen to exp(-16).
    """
    transform = make_transform((16 * voxels_per_lambda, 1, 1), 1 / voxels_per_lambda)
    x = transform.coordinates()[0]
    distance = 4 - np.abs(x - 8)
    stepper = start_from(0.5 * (1 + np.tanh(2 * distance / 3)), transform)
    run_until(stepper, 50.0, StepControl(1e-3))
    gamma = stepper.energy * transform.grid.lengths[0] / 2
    return x.ravel(), stepper.density().ravel(), 0.5 * (1 + np.tanh(2 * distance)).ravel(), gamma


# --- growth and decay of small waves ------------------------------------------------------------------------


def measure_growth_rates(mean: float, axis: int = 0, kappa=(REDUCED_KAPPA,) * 3) -> tuple[np.ndarray, np.ndarray]:
    """k and d ln|rho_k| / dt of ten waves along one axis about a uniform density.

    All waves run at once: at an amplitude of 1e-7 what one does to another is 1e-7 of what is measured.
    """
    shape, spacing = [1, 1, 1], 0.25
    shape[axis] = 64
    transform = make_transform(tuple(shape), spacing)
    k = 2 * np.pi * np.arange(1, 11) / transform.grid.lengths[axis]
    x = transform.coordinates()[axis]
    waves = sum(np.cos(k_i * x + i) for i, k_i in enumerate(k))
    stepper = start_from(mean + 1e-7 * waves, transform, first_step=5e-4, kappa=kappa)
    where = tuple(slice(1, 11) if i == axis else 0 for i in range(3))
    # The Euler step at the start has the error of a lower order: begin after a few steps.
    run_until(stepper, 0.02, StepControl(0))
    before = np.abs(stepper.rho_hat[where])
    run_until(stepper, 0.12, StepControl(0))
    return k, np.log(np.abs(stepper.rho_hat[where]) / before) / 0.1


def growth_rates_of_modes(modes, kappa, off_diagonal, make_stepper) -> tuple[np.ndarray, np.ndarray]:
    """Wave vectors (modes, 3) and d ln|rho_k| / dt of waves in space about rho = 1/2, all at once as above."""
    transform = make_transform((12, 12, 12), 0.75)
    vectors = 2 * np.pi * np.array(modes) / np.array(transform.grid.lengths)
    place = transform.coordinates()
    waves = sum(np.cos(sum(k * x for k, x in zip(vector, place)) + i) for i, vector in enumerate(vectors))
    transform.real[...] = 0.5 + 1e-7 * waves
    stepper = make_stepper(transform, kappa, off_diagonal=off_diagonal)
    stepper.start(2e-3)
    run_until(stepper, 0.02, StepControl(0))
    at = tuple(np.array(modes).T)
    before = np.abs(stepper.rho_hat[at])
    run_until(stepper, 0.12, StepControl(0))
    return vectors, np.log(np.abs(stepper.rho_hat[at]) / before) / 0.1


def turned_structures() -> tuple[np.ndarray, np.ndarray]:
    """The density of a rod-like kappa and, read back at the turned places, that of the same kappa turned by 45 degrees.

    u(x, y) of period L is v(x', y') = u((x' + y')/sqrt 2, (x' - y')/sqrt 2) of period sqrt(2) L, and on N points each
    v[i, j] = u[i + j, i - j], indices modulo N.
    """
    n, length = 64, 9.0
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    phase = 2 * np.pi / n
    first = 0.45 + 0.05 * (np.cos(phase * i + 1) + np.cos(phase * j) + np.cos(phase * (i + j))
                           + np.cos(phase * (2 * i - j) + 2))
    fields = []
    for start, edge, kappa, xy in ((first, length, (4.0, 1.0), 0.0),
                                   (first[(i + j) % n, (i - j) % n], math.sqrt(2) * length, (2.5, 2.5), 1.5)):
        transform = make_transform((n, n, 1), edge / n)
        kappa = tuple(REDUCED_KAPPA * factor for factor in (*kappa, 1.0))
        stepper = start_from(start[..., None], transform, kappa=kappa, off_diagonal=(0.0, 0.0, REDUCED_KAPPA * xy))
        run_until(stepper, 20.0, StepControl(0.003))
        fields.append(stepper.density()[..., 0].copy())
    return fields[0][(i + j) % n, (i - j) % n], fields[1]


# --- what is conserved and what falls -----------------------------------------------------------------------


def drift_of_mass(shape, tolerance: float) -> tuple[int, float]:
    """Steps and change of <rho> over a run from noise to a structure at rest."""
    stepper = start_from_noise(make_transform(shape, 0.5), 0.6)
    run_until(stepper, 3000.0, StepControl(tolerance))
    by_mode = mean_density(stepper.rho_hat, stepper.transform)
    return stepper.num_steps, max(abs(by_mode - 0.6), abs(stepper.density().mean() - 0.6))


def energies_from_noise(mean: float, seed: int, time=200.0, tolerance=1e-2, first_step=1e-3) -> np.ndarray:
    """F / V at the start and after every step of a run from noise."""
    stepper = start_from_noise(make_transform((24, 20, 18), 0.45), mean, seed=seed, first_step=first_step)
    start = stepper.energy
    return np.array([start] + [report.energy for report in run_until(stepper, time, StepControl(tolerance))])


# --- order in time ------------------------------------------------------------------------------------------


def smooth_density(transform) -> np.ndarray:
    """A few long waves of finite amplitude on a box of edge 8: smooth, nonlinear from the start."""
    x, y, _ = (2 * np.pi * c / 8 for c in transform.coordinates())
    return 0.45 + 0.15 * np.cos(x) * np.cos(y) + 0.1 * np.sin(2 * x + y) + 0.05 * np.cos(x - 2 * y)


def fixed_step_errors(num_steps=(40, 80, 160, 320), num_reference=2560, time=1.0) -> tuple[np.ndarray, np.ndarray]:
    """Steps and rms errors of rho at a fixed time against a run with far smaller steps on the same grid."""
    def final(count):
        stepper = start_from(smooth_density, make_transform((32, 32, 1), 0.25), first_step=time / count)
        run_until(stepper, time, StepControl(0))
        return stepper.density().copy()

    reference = final(num_reference)
    errors = [math.sqrt(np.mean((final(count) - reference) ** 2)) for count in num_steps]
    return time / np.array(num_steps), np.array(errors)


def adaptive_errors(tolerances=(1e-2, 3e-3, 1e-3, 3e-4), reference=1e-5, time=5.0) -> tuple[list, list, list]:
    """For each tolerance, at a fixed time: rms error of rho, error of the energy, steps taken."""
    def final(tolerance):
        stepper = start_from(smooth_density, make_transform((32, 32, 1), 0.25), first_step=1e-4)
        run_until(stepper, time, StepControl(tolerance))
        return stepper.density().copy(), stepper.energy, stepper.num_steps

    rho_exact, energy_exact, _ = final(reference)
    runs = [final(tolerance) for tolerance in tolerances]
    return ([math.sqrt(np.mean((rho - rho_exact) ** 2)) for rho, _, _ in runs],
            [abs(energy / energy_exact - 1) for _, energy, _ in runs],
            [steps for _, _, steps in runs])


# --- PFHub benchmark 1a -------------------------------------------------------------------------------------

# github.com/usnistgov/pfhub benchmarks/benchmark1.ipynb; Jokisaari et al., doi:10.1016/j.commatsci.2016.09.022.
# With c = 0.3 + 0.4 rho its energy is ours: 16 w = 5 * 0.4^4, kappa = 2 * 0.4^2, M = 5 / 0.4^2.
PFHUB = ReducedUnits(length=math.sqrt(0.32 / (2 * 0.008)), energy_density=0.128, mobility=31.25)
PFHUB_EDGE = 200.0
# Time: total energy of a Fourier method on 128^2 and 200^2 cell-centred samples with two independent integrators,
# which agree to 4 digits (3 at t = 20).
PFHUB_REFERENCE = {1.0: 318.859, 5.0: 316.40, 10.0: 297.90, 20.0: 213.0, 50.0: 167.37}
# Lowest and highest of five results uploaded to PFHub (PRISMS-PF, MEMPHIS, MEUMAPPS, MOOSE, FEniCS).
PFHUB_UPLOADS = {1.0: (318.827, 318.861), 5.0: (316.144, 317.31), 10.0: (295.743, 309.27), 20.0: (203.323, 228.57),
                 50.0: (164.84, 176.50)}


def pfhub_density(transform) -> np.ndarray:
    x, y, _ = (c * PFHUB.length for c in transform.coordinates())
    c = 0.5 + 0.01 * (np.cos(0.105 * x) * np.cos(0.11 * y) + (np.cos(0.13 * x) * np.cos(0.087 * y)) ** 2
                      + np.cos(0.025 * x - 0.15 * y) * np.cos(0.07 * x - 0.02 * y))
    return (c - 0.3) / 0.4


def run_pfhub(num_voxels: int, tolerance: float) -> tuple[np.ndarray, np.ndarray, dict]:
    """Times, energies and the energies at the times of the reference, in the units of the benchmark."""
    edge = PFHUB_EDGE / num_voxels / PFHUB.length
    transform = make_transform((num_voxels, num_voxels, 1), (edge, edge, 1.0))
    stepper = start_from(pfhub_density, transform)
    total = PFHUB.energy_density * PFHUB_EDGE**2
    times, energies, at_reference = [0.0], [stepper.energy * total], {}
    for time in PFHUB_REFERENCE:
        reports = run_until(stepper, time / PFHUB.time, StepControl(tolerance))
        times += [report.time * PFHUB.time for report in reports]
        energies += [report.energy * total for report in reports]
        at_reference[time] = energies[-1]
    return np.array(times), np.array(energies), at_reference
