"""Second-order semi-implicit Fourier integration of the Cahn–Hilliard equation with error control.

Reduced units: d rho/dt = laplacian( f'(rho) - sum_i kappa_i d_i^2 rho ), f = rho^2 (1 - rho)^2, kappa = 1/8 when
isotropic (:mod:`pfsolid.phasefield.free_energy`).  Variable-step SBDF2 after Wang & Ruuth, J. Comput. Math. 26 (2008)
838 (no DOI), with the linear stabilisation S (rho - extrapolated rho) of Shen & Yang,
doi:10.3934/dcds.2010.28.1669; the semi-implicit Fourier form is Zhu, Chen, Shen & Tikare,
doi:10.1103/PhysRevE.60.3564.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError
from ..spectral.transform import SlabTransform
from . import kernels
from .free_energy import NONE, REDUCED_KAPPA
from .resample import resample

# In the wells f'' = 2.  A slow mode of stiff SBDF2 is stable for (f'' - S) / S <= 1/3 (roots of z^2 + 2rz - r), so
# S >= 3/2; a larger S only adds error.
STABILISATION = 1.5
# SBDF2 is zero-stable for step ratios below 1 + sqrt(2).
MAX_GROWTH = 1.5
# In equilibrium every step keeps the tolerance, and steps that grow without end lead to a time of infinity.  No structure
# changes at such times: those of interest end below 1e6.
LONGEST_STEP = 1e9
MIN_SHRINK = 0.2
SMALLEST_STEP = 1e-10
# The error, in units of the tolerance, at which `_factor` halves the step.
_HALVES = (0.9 / 0.5) ** 2
# A rms fluctuation of rho below this is a uniform field: errors are not measured against its rounding.
SMALLEST_FLUCTUATION = 1e-6
# A step that is to end at some time ends there but for rounding.
ON_TIME = 1 - 1e-12


@dataclass(frozen=True)
class StepControl:
    """What the step size has to keep.

    Attributes
    ----------
    tolerance : float
        Bound on the rms difference between the second-order step and the first-order one embedded in it, relative to
        the rms fluctuation of rho, and on the largest such error of rho anywhere, which the rms of a large cell does not
        see where a single neck closes.  0 keeps the step fixed.
    max_step : float
        Largest step (reduced time).
    """

    tolerance: float
    max_step: float = LONGEST_STEP


@dataclass(frozen=True)
class StepReport:
    """One accepted step: what a loop needs to go on and a history to record.

    ``error`` is what the tolerance bounds, the larger of the two;
    ``energy`` is F/V in units of 16 w; ``observed`` is what the observer returned, None if there was none.
    """

    time: float
    step: float
    error: float
    energy: float
    rejections: int
    observed: object = None


def sbdf2_coefficients(step: float, previous: float | None) -> tuple[float, float, float, float, float]:
    """Weights of rho_n, rho_n-1, g_n, g_n-1 and of the new rho for step ratio omega = step / previous.

    (1 + 2w)/(1 + w) rho_new = (1 + w) rho_n - w^2/(1 + w) rho_n-1 + step [ ... (1 + w) g_n - w g_n-1 ... ];
    w = 0, which stands for no previous step, is the Euler method.
    """
    ratio = 0.0 if previous is None else step / previous
    return 1 + ratio, -ratio**2 / (1 + ratio), 1 + ratio, -ratio, (1 + 2 * ratio) / (1 + ratio)


class CahnHilliard:
    """The state of a Cahn–Hilliard run and how it advances.

    Parameters
    ----------
    transform : SlabTransform
        On a grid in units of the surface depth.  Its buffers belong to the stepper while it is in use.
    kappa : tuple of 3 float
        Gradient energy coefficient along each axis, reduced.
    stabilisation : float
    off_diagonal : tuple of 3 float
        kappa_yz, kappa_xz and kappa_xy, reduced: with ``kappa`` a positive definite matrix.

    Attributes
    ----------
    rho_hat, rho_hat_before, g_hat_before : ndarray, complex, local spectral shape
        Unnormalised transforms of rho now and one step ago, and of f'(rho) - S rho one step ago: with ``time``,
        ``last_step``, ``next_step``, ``energy`` the whole state.
    """

    def __init__(self, transform: SlabTransform, kappa=(REDUCED_KAPPA,) * 3, stabilisation: float = STABILISATION,
                 off_diagonal=NONE):
        self.transform = transform
        self.stabilisation = stabilisation
        self._scale = 1.0 / transform.grid.num_voxels
        # Of the constant-coefficient part that is implicit; it is the unit of mobility here.
        self._reference_mobility = 1.0
        self._k_squared = tuple(k**2 for k in transform.wavenumbers())
        self._kappa_k_squared = tuple(kappa_i * k2 for kappa_i, k2 in zip(kappa, self._k_squared))
        self._tilt = tilt_of(transform, off_diagonal)
        self.rho_hat, self.rho_hat_before, self._rho_hat_new, self.g_hat_before, self._g_hat_kept = (
            np.zeros_like(transform.spectral) for _ in range(5))
        self._plane_sums = np.empty((transform.spectral_shape[0], 3))
        # rho of the last two steps, to see where it leaves its course: single precision is far below any tolerance.
        self._rho_now, self._rho_before = (np.zeros(transform.local_shape, dtype=np.float32) for _ in range(2))
        self._plane_energy = np.empty(transform.local_shape[0])
        self._peaks = np.empty((transform.local_shape[0], transform.local_shape[2]))
        # A rise of F below what rounding of the sums can cause is not a rise.
        self._energy_slack = 1e-12 if transform.real.dtype == np.float64 else 1e-6
        self.time = 0.0
        self.last_step = None
        self.next_step = None
        self.energy = math.inf
        self.num_steps = 0
        self._fluctuation = SMALLEST_FLUCTUATION**2

    def start(self, first_step: float) -> None:
        """Collective: begin from rho in ``transform.real``."""
        self.transform.forward()
        self.rho_hat[...] = self.transform.spectral
        self.rho_hat_before[...] = self.transform.spectral
        self.next_step = first_step
        self.last_step = None
        gradient = self._gradient_energy()
        self.energy = self.refresh() + gradient

    def take_over(self, other: CahnHilliard) -> None:
        """Collective: go on from where another one stands, on another grid of the same cell.

        Both densities of the two-step formula are moved, so no new start is needed; the explicit part and the energy are
        those of this grid.

        Parameters
        ----------
        other : CahnHilliard
            Whose transform's buffers are lost.
        """
        self._move_from(other, "rho_hat_before")
        self.rho_hat[...] = self.rho_hat_before
        self.refresh()
        self.g_hat_before[...] = self.transform.spectral
        self._move_from(other, "rho_hat")
        self.energy = self._gradient_energy() + self.refresh()
        for name in ("time", "last_step", "next_step", "num_steps"):
            setattr(self, name, getattr(other, name))

    def _move_from(self, other: CahnHilliard, name: str) -> None:
        other.transform.spectral[...] = getattr(other, name)
        other.transform.backward()
        other.transform.real *= other._scale
        resample(other.transform, self.transform)
        self.transform.forward()
        getattr(self, name)[...] = self.transform.spectral

    def refresh(self) -> float:
        """Collective: put the explicit part of the present field into the transform's buffer; bulk energy density.

        To be called after the buffers were used for something else and after the state was loaded.
        """
        for field in (self.rho_hat_before, self.rho_hat):
            self.transform.spectral[...] = field
            self.transform.backward()
            energy, _ = self._begin_explicit_part(0.0)
            self._rho_now, self._rho_before = self._rho_before, self._rho_now
        self._finish_explicit_part()
        return energy

    def density(self) -> np.ndarray:
        """Collective: rho in ``transform.real``.  Call `refresh` before the next step."""
        self.transform.spectral[...] = self.rho_hat
        self.transform.backward()
        self.transform.real *= self._scale
        return self.transform.real

    def step(self, control: StepControl, until: float = math.inf, observe=None) -> StepReport:
        """Collective: one accepted step, not beyond ``until``.

        Tries again with a smaller step when the error is above the tolerance or the energy has risen.  The error of the
        first step, and of the first after `start` was called again, is that of the Euler method.

        Parameters
        ----------
        control : StepControl
        until : float
            Reduced time not to be passed; the step before it is shortened so that no tiny one is left.
        observe : callable, optional
            ``observe(field, scale)`` with rho = scale * field, local, read-only; called before the field is reused.

        Raises
        ------
        ConvergenceError
            If no step above 1e-10 is accepted.
        """
        wanted = min(self.next_step, control.max_step)
        rejections = 0
        while True:
            step = _fit_before(wanted, until - self.time)
            error, observed = self._try(step, control.tolerance, observe)
            if error <= _allowed(control.tolerance):
                break
            rejections += 1
            wanted = step * _factor(control.tolerance, error)
            if wanted < SMALLEST_STEP:
                raise ConvergenceError(f"the phase-field step fell below {SMALLEST_STEP:g} at reduced time "
                                       f"{self.time:.6g}: the field is not finite or the energy cannot fall")
        if control.tolerance and not (step < wanted and error < control.tolerance):
            # A step shortened to meet ``until`` says nothing against the longer one.
            self.next_step = min(step * _factor(control.tolerance, error), control.max_step)
        elif step == wanted:
            self.next_step = wanted
        return StepReport(self.time, step, error, self.energy, rejections, observed)

    def _try(self, step: float, tolerance: float, observe) -> tuple[float, object]:
        """Collective: one step, or the state as it was if the error is above what is allowed; error, observation."""
        first, observed = self.last_step is None, None
        error, gradient = self._attempt(step)
        if not error <= _allowed(tolerance):
            self.transform.spectral[...] = self._g_hat_kept
            return error, observed
        self.transform.backward()
        if observe is not None:
            observed = observe(self.transform.real, self._scale)
        ratio = 0.0 if first else step / self.last_step
        energy, largest = self._begin_explicit_part(ratio)
        energy += gradient
        # Off the straight course by h (h + h_before) rho'' / 2, of which h^2 rho'' / 2 is the Euler method's error as in
        # the rms; of a first step, which has no course, half the change.
        error = max(error, largest * (0.5 if first else ratio / (1 + ratio)))
        if tolerance and not energy <= self.energy + self._energy_slack * abs(self.energy):
            error = max(error, _HALVES * tolerance)
        if not (error <= _allowed(tolerance) or first):
            self._give_back_candidate()
            return error, observed
        # A first step is judged when it is done, so that all of its errors say how much shorter it must be.
        before = self.time, self.last_step, self.energy, self.num_steps
        self._rotate(step, energy)
        self._finish_explicit_part()
        if first and tolerance:
            error = max(error, self._error_of_euler(step))
            if not error <= _allowed(tolerance):
                self._take_back_first()
                self.time, self.last_step, self.energy, self.num_steps = before
        return error, observed

    def _attempt(self, step: float) -> tuple[float, float]:
        """Candidate for the new field; relative error, 0 without a step before, and gradient energy density."""
        now, before, g_now, g_before, lead = sbdf2_coefficients(step, self.last_step)
        kernels.advance(self.transform.spectral, self._g_hat_kept, self.g_hat_before, self.rho_hat,
                        self.rho_hat_before, self._rho_hat_new, self._k_squared, self._kappa_k_squared,
                        self._tilt, self.transform.weights,
                        (now, before, g_now, g_before, lead, step * self._reference_mobility, self.stabilisation),
                        self._plane_sums)
        mean = abs(self._rho_hat_new[0, 0, 0]) if self.transform.holds_mean else 0.0
        difference, gradient, square, mean = self.transform.reducer.sum(
            np.append(self._plane_sums.sum(axis=0), mean)) * self._scale
        self._fluctuation = max(square * self._scale - mean**2, SMALLEST_FLUCTUATION**2)
        error = 0.0 if self.last_step is None else math.sqrt(difference * self._scale / self._fluctuation)
        return error, 0.5 * gradient * self._scale

    def _error_of_euler(self, step: float) -> float:
        """Collective: relative rms error of the first step, when the explicit part at its end is in the buffer."""
        sums = np.empty(self.rho_hat.shape[0])
        kernels.euler_error(self.transform.spectral, self.g_hat_before, self.rho_hat, self.rho_hat_before, self._k_squared,
                            self._kappa_k_squared, self._tilt, self.transform.weights, step * self._reference_mobility,
                            self.stabilisation, sums)
        return math.sqrt(self.transform.reducer.sum(sums.sum())[0] * self._scale**2 / self._fluctuation)

    def _give_back_candidate(self) -> None:
        """Collective: undo what `_begin_explicit_part` has overwritten."""
        self.transform.spectral[...] = self.rho_hat_before
        self.transform.backward()
        self._to_explicit_part(0.0)
        self.transform.spectral[...] = self._g_hat_kept

    def _take_back_first(self) -> None:
        """Undo the rotation of a first step, before which there is nothing."""
        self.rho_hat[...] = self.rho_hat_before
        self.transform.spectral[...] = self.g_hat_before
        self._rho_now[...] = self._rho_before

    def _begin_explicit_part(self, ratio: float) -> tuple[float, float]:
        """Collective: take the transform's buffer from N rho towards the explicit part, keeping rho.

        Bulk energy density of rho, and the most by which rho departs anywhere from its course over the last two steps.
        """
        self._to_explicit_part(ratio)
        energy, largest = self.transform.reducer.sum_and_max(self._plane_energy.sum(), self._peaks.max())
        return energy * self._scale, largest

    def _to_explicit_part(self, ratio: float) -> None:
        """The same on this rank, into `_plane_energy` and `_peaks`."""
        kernels.explicit_part(self.transform.real, self._scale, self.stabilisation, self._rho_now, self._rho_before, ratio,
                              self._plane_energy, self._peaks)

    def _finish_explicit_part(self) -> None:
        """Collective: leave the explicit part's transform in the buffer; rho_hat is the present field by now."""
        self.transform.forward()

    def _gradient_energy(self) -> float:
        qx, qy, qz = np.ix_(*self._kappa_k_squared)
        total = 0.0
        for i, plane in enumerate(self.rho_hat):
            q = (qx[i] + qy[0]) + qz[0]
            if self._tilt is not None:
                wx, wy, wz, yz, xz, xy = self._tilt
                q = q + xy * wx[i] * wy[:, None] + (xz * wx[i] + yz * wy[:, None]) * wz
            total += float(np.sum(self.transform.weights * q * np.abs(plane) ** 2))
        return 0.5 * self.transform.reducer.sum(total)[0] * self._scale**2

    def _rotate(self, step: float, energy: float) -> None:
        self.rho_hat_before, self.rho_hat, self._rho_hat_new = self.rho_hat, self._rho_hat_new, self.rho_hat_before
        self.g_hat_before, self._g_hat_kept = self._g_hat_kept, self.g_hat_before
        self._rho_now, self._rho_before = self._rho_before, self._rho_now
        self.time += step
        self.last_step = step
        self.energy = energy
        self.num_steps += 1


def odd_wavenumbers(transform: SlabTransform) -> tuple[np.ndarray, ...]:
    """Wavenumbers for a first derivative: zero at an even axis's Nyquist frequency, where it has no sign."""
    wavenumbers = []
    for k, n, h in zip(transform.wavenumbers(), transform.grid.shape, transform.grid.spacing):
        nyquist = np.pi / h * (1 - 1e-9)
        wavenumbers.append(np.where((n % 2 == 0) & (np.abs(k) > nyquist), 0.0, k))
    return tuple(wavenumbers)


def tilt_of(transform: SlabTransform, off_diagonal) -> tuple | None:
    """What kernels need of the off-diagonal kappa: wavenumbers along each axis, and twice kappa_yz, kappa_xz, kappa_xy.

    None where there is none: the kernels of that type of argument are those of a diagonal kappa.
    """
    if not any(off_diagonal):
        return None
    return (*odd_wavenumbers(transform), *(2.0 * value for value in off_diagonal))


def _allowed(tolerance: float) -> float:
    """Largest error of a step that is accepted."""
    return 1.2 * tolerance if tolerance else math.inf


def _factor(tolerance: float, error: float) -> float:
    """Change of step that brings an error ~ step^2 to the tolerance, with a margin."""
    if not math.isfinite(error):
        return MIN_SHRINK
    return min(MAX_GROWTH, max(MIN_SHRINK, 0.9 * math.sqrt(tolerance / max(error, 1e-300))))


def _fit_before(step: float, remaining: float) -> float:
    """The step, or what lands on the end of the interval in one or two equal steps."""
    if step >= remaining * (1 - 1e-12):
        return remaining
    return remaining / 2 if 2 * step > remaining else step
