"""Spectra of impedance as an experimenter reads them: arcs of circuits, elements in series, the test of Kramers and Kronig.

Impedances may be of any one unit; angular frequencies are 2 pi f, and capacitive impedances have Im Z < 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from scipy.optimize import least_squares, nnls

from ..errors import InputError

Floats = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

FEWEST_POINTS = 4
NORMAL = 1.96  # half of the 95 % interval of a normal value, in standard deviations
_PER_DECADE = 7  # relaxation times in the test of Kramers and Kronig, and where a fit begins
_LOWEST_EXPONENT = 0.4
_MOST_EVALUATIONS = 2000
_FAR = 30.0  # in logarithms


def arcs(frequencies: ArrayLike, resistances: ArrayLike, times: ArrayLike, exponents: ArrayLike = 1.0) -> Complex:
    """Z = sum_k R_k / [1 + (i omega tau_k)^n_k]: resistors with a capacitor (n = 1) or a constant-phase element beside them.

    Parameters
    ----------
    frequencies : array_like (num_frequencies,)
        Hz.
    resistances, times, exponents : array_like (num_arcs,)
        R, tau (s) and n; the capacitance of an arc is tau / R.

    Returns
    -------
    ndarray of complex (num_frequencies,)
        In the unit of R.

    Examples
    --------
    >>> import numpy as np
    >>> from pfsolid.theory.circuits import arcs
    >>> complex(np.round(arcs([1e3], [2.0], [1 / (2e3 * np.pi)])[0], 9))        # the top of its arc
    (1-1j)
    """
    omega = 2j * np.pi * np.asarray(frequencies, float)[:, None]
    r, tau, n = (np.atleast_1d(np.asarray(one, float)) for one in (resistances, times, exponents))
    found: Complex = (r / (1 + (omega * tau) ** n)).sum(axis=1)
    return found


def series_impedance(frequencies: ArrayLike, double_layer: float | None = None, cpe: tuple[float, float] | None = None,
                     warburg: float | None = None) -> Complex:
    """Elements in series with a sample: 1 / (i omega C), 1 / [Q (i omega)^n], A_W (1 - i) / sqrt(omega).

    Parameters
    ----------
    frequencies : array_like (num_frequencies,)
        Hz.
    double_layer : float, optional
        C, of both electrodes together.
    cpe : (float, float), optional
        Q and n.
    warburg : float, optional
        A_W.

    Returns
    -------
    ndarray of complex (num_frequencies,)
        Times area, where C, Q and A_W are per area and times area.
    """
    omega = 2 * np.pi * np.asarray(frequencies, float)
    found = np.zeros(omega.shape, complex)
    if double_layer is not None:
        found += 1 / (1j * omega * double_layer)
    if cpe is not None:
        found += 1 / (cpe[0] * (1j * omega) ** cpe[1])
    if warburg is not None:
        found += warburg * (1 - 1j) / np.sqrt(omega)
    return found


def kramers_kronig_residual(frequencies: ArrayLike, impedance: ArrayLike) -> Complex:
    """What the linear test of Kramers and Kronig leaves: (Z - fit) / |Z|.

    The fit, linear least squares of relative errors, has a resistance, a capacitance and an inductance in series and arcs
    whose times cover the band and half a decade beyond, seven a decade: each obeys the relations, and so does whatever they
    can be made into.

    Parameters
    ----------
    frequencies : array_like (num_frequencies,)
        Hz.
    impedance : array_like of complex (num_frequencies,)

    Returns
    -------
    ndarray of complex (num_frequencies,)

    Raises
    ------
    InputError
        Fewer than four points.

    Notes
    -----
    B. A. Boukamp, J. Electrochem. Soc. 142 (1995) 1885, doi:10.1149/1.2044210.
    """
    f, z = _points(frequencies, impedance)
    omega = 2 * np.pi * f
    tau = _times(f)
    terms = np.concatenate([1 / (1 + 1j * omega[:, None] * tau), np.ones((f.size, 1)), 1 / (1j * omega[:, None]) * omega[0],
                            1j * omega[:, None] / omega[-1]], axis=1)
    weight = 1 / np.abs(z)
    matrix = np.concatenate([(weight[:, None] * terms).real, (weight[:, None] * terms).imag])
    wanted = np.concatenate([weight * z.real, weight * z.imag])
    shares = np.linalg.lstsq(matrix, wanted, rcond=1e-13)[0]
    found: Complex = weight * (z - terms @ shares)
    return found


@dataclass(frozen=True, eq=False)
class ArcFit:
    """Two arcs in series, fitted to a spectrum; the faster one first.

    Attributes
    ----------
    resistances, times, exponents : ndarray (2,)
        R in the unit of the impedance, tau in s, n.
    factors : ndarray (2, 2)
        R and tau of each arc lie in their values over and times this, with 95 %.
    misfit : float
        Root of the mean square of the relative errors, of real and imaginary parts together.
    """

    resistances: Floats
    times: Floats
    exponents: Floats
    factors: Floats
    misfit: float

    @property
    def capacitances(self) -> Floats:
        """tau / R."""
        return self.times / self.resistances


def fit_two_arcs(frequencies: ArrayLike, impedance: ArrayLike, constant_phase: bool = False) -> ArcFit:
    """Fit R_1 || C_1 and R_2 || C_2 in series, or constant-phase elements in place of C, as an experimenter does.

    Least squares of relative errors, begun where non-negative arcs at seven times a decade fall into two groups.

    Parameters
    ----------
    frequencies : array_like (num_frequencies,)
        Hz.
    impedance : array_like of complex (num_frequencies,)
    constant_phase : bool

    Returns
    -------
    ArcFit

    Raises
    ------
    InputError
        Fewer than four points.

    Examples
    --------
    >>> import numpy as np
    >>> from pfsolid.theory.circuits import arcs, fit_two_arcs
    >>> f = np.logspace(0, 8, 81)
    >>> found = fit_two_arcs(f, arcs(f, [100.0, 300.0], [1e-7, 1e-3]))
    >>> np.round(found.resistances, 6).tolist(), np.round(found.capacitances * 1e9, 6).tolist()
    ([100.0, 300.0], [1.0, 3333.333333])
    """
    f, z = _points(frequencies, impedance)
    per_arc = 3 if constant_phase else 2

    def model(p: Floats) -> Complex:
        of = p.reshape(2, per_arc)
        return arcs(f, np.exp(of[:, 0]), np.exp(of[:, 1]), of[:, 2] if constant_phase else 1.0)

    def errors(p: Floats) -> Floats:
        relative = (model(p) - z) / np.abs(z)
        return np.concatenate([relative.real, relative.imag])

    # Arcs that vanish may do so without an end: far outside the band and far below the others is far enough.
    log_z, log_tau = np.log(np.abs(z).max()), np.log(_times(f)[[0, -1]])
    low = [log_z - _FAR, log_tau[0] - _FAR, _LOWEST_EXPONENT][:per_arc] * 2
    high = [log_z + _FAR, log_tau[1] + _FAR, 1.0][:per_arc] * 2
    found = min((least_squares(errors, start, bounds=(low, high), x_scale="jac", max_nfev=_MOST_EVALUATIONS, xtol=1e-14,
                               ftol=1e-14, gtol=1e-14) for start in _starts(f, z, constant_phase)),
                key=lambda one: float(one.cost))
    of = found.x.reshape(2, per_arc)
    of_factors = _factors(found.jac, 2 * found.cost).reshape(2, per_arc)
    order = np.argsort(of[:, 1])
    exponents = of[:, 2] if constant_phase else np.ones(2)
    return ArcFit(np.exp(of[order, 0]), np.exp(of[order, 1]), exponents[order], of_factors[order, :2],
                  float(np.sqrt(2 * found.cost / (2 * f.size))))


def _factors(jacobian: Floats, squares: float) -> Floats:
    """exp of half the 95 % interval of each parameter; infinite where the data do not tell it."""
    left = max(jacobian.shape[0] - jacobian.shape[1], 1)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * squares / left
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    with np.errstate(over="ignore"):
        found: Floats = np.exp(NORMAL * deviation)
    return found


def _starts(f: Floats, z: Complex, constant_phase: bool) -> list[Floats]:
    """Parameters to begin from: non-negative arcs, in two groups by every time between them, the three most unlike."""
    tau = _times(f)
    terms = 1 / (1 + 2j * np.pi * f[:, None] * tau)
    weight = 1 / np.abs(z)
    matrix = np.concatenate([(weight[:, None] * terms).real, (weight[:, None] * terms).imag])
    shares, _ = nnls(matrix, np.concatenate([weight * z.real, weight * z.imag]))
    log_tau, starts = np.log(tau), []
    shares = shares + 1e-9 * shares.sum()
    for cut in range(1, tau.size):
        parts = slice(0, cut), slice(cut, None)
        sums = [shares[part].sum() for part in parts]
        means = [float(np.average(log_tau[part], weights=shares[part])) for part in parts]
        spread = sum(float((shares[part] * (log_tau[part] - mean) ** 2).sum()) for part, mean in zip(parts, means))
        values = [[np.log(total), mean, *([0.95] if constant_phase else [])] for total, mean in zip(sums, means)]
        starts.append((spread, np.array(values).ravel()))
    starts.sort(key=lambda one: one[0])
    return [start for _, start in starts[:9:4]]


def _times(f: Floats) -> Floats:
    """Relaxation times over the band and half a decade beyond, rising."""
    low, high = np.log10(1 / (2 * np.pi * f[-1])) - 0.5, np.log10(1 / (2 * np.pi * f[0])) + 0.5
    number = min(int(np.ceil((high - low) * _PER_DECADE)) + 1, max(2 * f.size - 3, 2))
    found: Floats = np.logspace(low, high, number)
    return found


def _points(frequencies: ArrayLike, impedance: ArrayLike) -> tuple[Floats, Complex]:
    f, z = np.asarray(frequencies, float), np.asarray(impedance, complex)
    if f.shape != z.shape or f.ndim != 1 or f.size < FEWEST_POINTS:
        raise InputError(f"a spectrum of {f.size} frequencies: at least {FEWEST_POINTS} are needed")
    if not (np.all(f > 0) and np.all(np.diff(f) > 0) and np.all(np.isfinite(z)) and np.all(z != 0)):
        raise InputError("a spectrum: frequencies must be above 0 and rise, impedances finite and not 0")
    return f, z
