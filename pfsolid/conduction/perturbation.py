"""The Fourier iterative-perturbation method: a fixed point with a homogeneous reference medium sigma_0.

    sigma_0 lap(u_{n+1}) = div[ sigma E - (sigma - sigma_0) grad u_n ],    that is    u_{n+1} = u_n + P (b - A u_n) / sigma_0

with P the inverse of the Laplacian (S. Y. Hu, L. Q. Chen, Acta Mater. 49 (2001) 1879, doi:10.1016/S1359-6454(01)00118-5;
used for conduction in J.-M. Hu et al., doi:10.1021/acsami.7b11292, equation 7; Moulinec & Suquet's basic scheme,
doi:10.1016/S0045-7825(97)00218-1, is the same for the gradient).  Here the discrete operators are those of the other
solvers, so that they agree to the tolerance.  The spectrum of P A lies between the extreme conductivities s_min and s_max;
their mean is the best reference, and the error shrinks by (s_max - s_min) / (s_max + s_min) an iteration at worst
(Eyre & Milton, doi:10.1051/epjap:1999150).  With insulators, to which that bound gives no hope, it converges on this
discretisation all the same, as the slow modes are those inside an insulator, which nothing drives (Moulinec, Suquet &
Milton, doi:10.1002/nme.5777, discuss when it does); what stops it is a high contrast between phases that conduct.
"""

from __future__ import annotations

import math

from ..errors import ConvergenceError
from .krylov import CGResult
from .system import System

# The estimate is a geometric mean: the ratio of the last two decrements, which can only rise, gives too low a value, the
# lower end of the spectrum too high a one.
_UPPER_WEIGHT = 1 / 3
# Insulators push the lower end of the spectrum below the ratio of the conductivities.
_SAFETY = 0.5
# Iterations before the guard looks: the first ones tell little.
_PATIENCE = 20


def make_perturbation(lowest: float, highest: float):
    """The solver for conductivities between two extremes, called like `pfsolid.conduction.krylov.conjugate_gradients`.

    Parameters
    ----------
    lowest, highest : float
        Extreme conductivities of the image, insulators included, in the unit of the system.

    Returns
    -------
    callable
        Raises ConvergenceError as soon as the present rate says that ``max_iterations`` will not do.
    """
    step = 2 / (lowest + highest)

    def perturbation(system: System, is_converged, max_iterations: int, on_iteration=None) -> CGResult:
        """Solve A u = b from where ``system.start`` has put u, by u += P (b - A u) / sigma_0.  Collective."""
        energy = decrement = 0.0
        estimates = []
        slowest = max(1 - step * system.spectrum_start, 0.0) ** 2
        r_z = system.precondition()
        for iteration in range(1, max_iterations + 1):
            if r_z <= 0:
                return CGResult(energy, 0.0, iteration - 1)
            curvature = system.advance_direction(0.0)
            system.update(step)
            before, decrement = decrement, step * (2 * r_z - step * curvature)
            energy += decrement
            r_z = system.precondition()
            estimates.append(_estimate(decrement, before, r_z, step, system.spectrum_start))
            if on_iteration is not None:
                on_iteration(iteration, energy, estimates[-1])
            if is_converged(energy, estimates[-1]):
                return CGResult(energy, estimates[-1], iteration)
            rate = max(slowest, decrement / before if before > 0 else 0.0)
            _give_up_if_hopeless(estimates, rate, energy, is_converged, max_iterations)
        raise ConvergenceError(_advice(f"{max_iterations} iterations left an error of about {estimates[-1]:.1e} in an "
                                       f"energy of {energy:.6e}"))

    return perturbation


def _estimate(decrement: float, before: float, r_z: float, step: float, spectrum_start: float) -> float:
    """Of the sum of all decrements to come."""
    if not 0 < decrement < before:
        return r_z / (_SAFETY * spectrum_start)
    lower = decrement**2 / (before - decrement)
    slowest_mode = (1 - math.sqrt(decrement / before)) / step
    upper = r_z / (_SAFETY * min(slowest_mode, spectrum_start))
    return upper**_UPPER_WEIGHT * lower ** (1 - _UPPER_WEIGHT)


def _give_up_if_hopeless(estimates: list[float], rate: float, energy: float, is_converged, max_iterations: int) -> None:
    """Raise if ``max_iterations`` will not do: neither at ``rate`` from here on, nor going on as before.

    The longer it takes, the slower are the modes that are left: going on as before means that each doubling of the
    iterations gains what the last one has.
    """
    done = len(estimates)
    if done < _PATIENCE:
        return
    now, then = estimates[-1], estimates[done // 2 - 1]
    gain = min(now / then, 1.0) if math.isfinite(now) else 1.0
    at_the_end = now * min(gain ** math.log2(max_iterations / done), rate ** (max_iterations - done))
    if not is_converged(energy + now - at_the_end, at_the_end):
        raise ConvergenceError(_advice(
            f"after {done} iterations the error, about {now:.1e} in an energy of {energy:.6e}, is {gain:.2g} of that after "
            f"{done // 2}: {max_iterations} would not do"))


def _advice(what: str) -> str:
    return f"perturbation: {what}; its rate is that of the contrast: use solver = \"fft\""
