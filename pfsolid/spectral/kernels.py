"""Kernels that turn the real Fourier transform of reordered planes into cosine series, and back."""

from __future__ import annotations

from numba import prange

from ..kernel import kernel


@kernel(parallel=True, fast=True)
def cosines_from_fourier(planes, twiddle_y, twiddle_z):
    """In place: two cosine coefficients for each Fourier coefficient of planes in Makhoul's order.

    ``planes[i, k1, k2]`` becomes c(k1, k2) + 1j c(k1, n2 - k2), with c(k1, k2) the sum of f cos(pi k1 (2 j + 1) / 2 n1)
    cos(pi k2 (2 k + 1) / 2 n2) and c(k1, n2) = 0.  Makhoul, doi:10.1109/TASSP.1980.1163351, along both axes: one real
    sequence along y in the real parts and one in the imaginary parts, which k1 and n1 - k1 tell apart.
    The twiddles are exp(-1j pi k / 2 n), that of y halved.
    """
    n0, n1 = planes.shape[:2]
    for i in prange(n0):
        for k1 in range(n1 // 2 + 1):
            _pair_to_cosines(planes[i, k1], planes[i, (n1 - k1) % n1], twiddle_y[k1], twiddle_z)


@kernel(fast=True)
def _pair_to_cosines(first, second, twiddle, twiddle_z):
    # Separate real numbers: the compiler does not vectorise complex products.
    yr, yi = twiddle.real, twiddle.imag
    for k in range(first.size):
        zr, zi = twiddle_z[k].real, twiddle_z[k].imag
        vr, vi, wr, wi = first[k].real, first[k].imag, second[k].real, second[k].imag
        pr, pi = zr * vr - zi * vi, zr * vi + zi * vr
        qr, qi = zr * wr - zi * wi, zr * wi + zi * wr
        ar, ai, br, bi = pr + qr, pi - qi, -(pi + qi), pr - qr
        second[k] = complex(-(yr * ai + yi * ar), -(yr * bi + yi * br))
        first[k] = complex(yr * ar - yi * ai, yr * br - yi * bi)


@kernel(parallel=True, fast=True)
def fourier_from_cosines(planes, twiddle_y, twiddle_z):
    """In place: the inverse of :func:`cosines_from_fourier`; the twiddles are the same but that of y is not halved."""
    n0, n1 = planes.shape[:2]
    for i in prange(n0):
        # c(n1, k2) = 0 is nowhere: row 0 has no partner but itself, with the same twiddle for both of its parts.
        _row_from_cosines(planes[i, 0], twiddle_z)
        for k1 in range(1, n1 // 2 + 1):
            _pair_from_cosines(planes[i, k1], planes[i, n1 - k1], twiddle_y[k1], twiddle_z)


@kernel(fast=True)
def _row_from_cosines(row, twiddle_z):
    for k in range(row.size):
        zr, zi = twiddle_z[k].real, twiddle_z[k].imag
        pr, pi = row[k].real, -row[k].imag
        row[k] = complex(zr * pr + zi * pi, zr * pi - zi * pr)


@kernel(fast=True)
def _pair_from_cosines(first, second, twiddle, twiddle_z):
    yr, yi = twiddle.real, twiddle.imag
    for k in range(first.size):
        zr, zi = twiddle_z[k].real, twiddle_z[k].imag
        cr, ci, dr, di = first[k].real, first[k].imag, second[k].real, second[k].imag
        ar, ai = yr * cr - yi * dr, -yr * dr - yi * cr
        br, bi = yr * ci - yi * di, -yr * di - yi * ci
        pr, pi, qr, qi = ar + bi, ai - br, ar - bi, -ai - br
        second[k] = complex(zr * qr + zi * qi, zr * qi - zi * qr)
        first[k] = complex(zr * pr + zi * pi, zr * pi - zi * pr)
