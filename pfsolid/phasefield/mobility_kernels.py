"""Fused single-pass kernels of the flux div(M(rho) grad mu).

As in `kernels`: each stage reads and writes every array once, sums are kept for each plane.
"""

from __future__ import annotations

from numba import prange

from ..kernel import kernel


@kernel(parallel=True, fast=True)
def potential_and_mobility(field, scale, coefficients, mobility, now, before, ratio, plane_energy, peaks):
    """Replace rho / scale by f'(rho); ``mobility`` = scale M(rho) / M_reference.

    ``coefficients`` are M_p, M_s and a, the first two in units of the reference.  rho beyond its wells has their
    mobility, so that M is not negative.  ``now``, ``before``, ``ratio``, ``plane_energy`` and
    ``peaks`` as in `kernels.explicit_part`.
    """
    pore, solid, surface = coefficients
    n0, n1, n2 = field.shape
    for i in prange(n0):
        energy = 0.0
        peaks[i] = 0.0
        for j in range(n1):
            for k in range(n2):
                rho = scale * field[i, j, k]
                away = abs(rho - (1 + ratio) * now[i, j, k] + ratio * before[i, j, k])
                peaks[i, k] = max(peaks[i, k], away)
                before[i, j, k] = rho
                well = rho * (1 - rho)
                energy += well * well
                field[i, j, k] = 2 * well * (1 - 2 * rho)
                inside = min(max(rho, 0.0), 1.0)
                bulk = pore * (1 - inside) + solid * inside
                mobility[i, j, k] = scale * bulk * (1 - surface * (1 - 4 * inside * (1 - inside)))
        plane_energy[i] = energy


@kernel(parallel=True, fast=True)
def multiply(field, factor):
    """``field *= factor``."""
    n0, n1, n2 = field.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                field[i, j, k] *= factor[i, j, k]


@kernel(parallel=True, fast=True)
def begin_flux(buffer, rho_hat, mu_hat, total, k_squared, kappa_k_squared, tilt, not_differentiated, wavenumber,
               stabilisation):
    """From f' in ``buffer``: ``mu_hat``, the part of ``total`` without derivatives of M, i k mu in ``buffer``.

    ``total`` is -(div(M grad mu) - laplacian(S rho - sum kappa_i d_i^2 rho)), all in units of the reference mobility.
    ``wavenumber`` is zero but along one axis; ``not_differentiated`` is what k^2 has at the Nyquist modes, which have
    no first derivative: there the reference mobility is used.  ``tilt``: as in `kernels.advance`.
    """
    kx, ky, kz = k_squared
    qx, qy, qz = kappa_k_squared
    rx, ry, rz = not_differentiated
    wx, wy, wz = wavenumber
    if tilt is not None:
        tx, ty, tz, yz, xz, xy = tilt
    n0, n1, n2 = buffer.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                rho = rho_hat[i, j, k]
                q = qx[i] + qy[j] + qz[k]
                if tilt is not None:
                    q += xy * tx[i] * ty[j] + (xz * tx[i] + yz * ty[j]) * tz[k]
                mu = buffer[i, j, k] + q * rho
                mu_hat[i, j, k] = mu
                total[i, j, k] = (rx[i] + ry[j] + rz[k]) * mu - (kx[i] + ky[j] + kz[k]) * (q + stabilisation) * rho
                w = wx[i] + wy[j] + wz[k]
                buffer[i, j, k] = complex(-w * mu.imag, w * mu.real)


@kernel(parallel=True, fast=True)
def next_flux(buffer, mu_hat, total, wavenumber, next_wavenumber):
    """Take the divergence of the flux along one axis off ``total``; i k mu along the next in ``buffer``."""
    wx, wy, wz = wavenumber
    vx, vy, vz = next_wavenumber
    n0, n1, n2 = buffer.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                w = wx[i] + wy[j] + wz[k]
                v = vx[i] + vy[j] + vz[k]
                flux = buffer[i, j, k]
                mu = mu_hat[i, j, k]
                total[i, j, k] += complex(w * flux.imag, -w * flux.real)
                buffer[i, j, k] = complex(-v * mu.imag, v * mu.real)


@kernel(parallel=True, fast=True)
def end_flux(buffer, total, wavenumber, k_squared):
    """``buffer`` = what stands in place of f' - S rho: (``total`` without the last divergence) / k^2, 0 at k = 0."""
    wx, wy, wz = wavenumber
    kx, ky, kz = k_squared
    n0, n1, n2 = buffer.shape
    for i in prange(n0):
        for j in range(n1):
            for k in range(n2):
                k2 = kx[i] + ky[j] + kz[k]
                inverse = 1 / k2 if k2 > 0 else 0.0
                w = wx[i] + wy[j] + wz[k]
                flux = buffer[i, j, k]
                rest = total[i, j, k]
                buffer[i, j, k] = complex(inverse * (rest.real + w * flux.imag), inverse * (rest.imag - w * flux.real))
