"""Rows of a slab in the kernels of a multigrid cycle: where they lie in memory, and what is summed along them."""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from ..kernel import kernel

# Bytes that one request for memory brings; what is asked of the processor: for reading, into the second cache, data.
LINE_BYTES = 64
_READ, _SECOND_CACHE, _DATA = 0, 2, 1


@intrinsic
def _prefetch(typing_context, array, index):
    """Ask for the line that holds a number of an array as it lies in memory, and do not wait for it."""
    def generate(context, builder, signature, arguments):
        first = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(first, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(function, [place, number(_READ), number(_SECOND_CACHE), number(_DATA)])
        return context.get_dummy_value()

    return numba.types.void(array, numba.types.uintp), generate


def _without_compiling(array, index):
    """Kernels that are not compiled have no use for it."""


prefetch = _without_compiling if numba.config.DISABLE_JIT else _prefetch


@kernel(fast=True, divides=True)
def places_of(faces, rows, i, j, last, ahead):
    """Where in memory a row, 0 ... 4, and its faces, 5 ... 9, begin: itself, behind and ahead along x, then along y.

    ``rows`` are those of a plane of the array with ghost planes.  Face 9 is that along z.
    """
    planes, n1, n2 = faces.shape[1], faces.shape[2], faces.shape[3]
    plane, of_faces = rows * n2, n1 * n2
    here = (i + 1) * plane + j * n2
    along_y = (planes + i + 1) * of_faces
    return (np.uintp(here), np.uintp(here - plane), np.uintp(here + plane), np.uintp((i + 1) * plane + last * n2),
            np.uintp((i + 1) * plane + ahead * n2), np.uintp(i * of_faces + j * n2), np.uintp((i + 1) * of_faces + j * n2),
            np.uintp(along_y + last * n2), np.uintp(along_y + j * n2), np.uintp((2 * planes + i + 1) * of_faces + j * n2))


@kernel(fast=True, divides=True)
def add_row_sums(flow, step, adds, out, I, J):
    """out[I, J] = or += sums of ``step`` neighbours of a row."""
    n2 = flow.size
    whole = n2 // step
    if step == 2:
        if adds:
            for k in range(whole):
                out[I, J, k] += flow[2 * k] + flow[2 * k + 1]
        else:
            for k in range(whole):
                out[I, J, k] = flow[2 * k] + flow[2 * k + 1]
    else:
        for k in range(whole):
            out[I, J, k] = out[I, J, k] + flow[k] if adds else flow[k]
    if whole * step < n2:
        out[I, J, whole] = out[I, J, whole] + flow[n2 - 1] if adds else flow[n2 - 1]


@kernel(fast=True, divides=True)
def target_of(first, i, step):
    """Plane of the coarse array, with ghost planes, that plane i is a child of; whether it is not the first child here."""
    own = (first + step - 1) // step
    return (first + i) // step - own + 1, i > 0 and (first + i) % step != 0


@kernel(fast=True, divides=True)
def dot_plane(x, f, i):
    """Sum of f x over plane i.

    Parameters
    ----------
    x : ndarray (n0 + 2, n1 or more, n2)
        With ghost planes.
    f : ndarray (n0, n1, n2)
    i : int

    Returns
    -------
    float
    """
    total = 0.0
    for j in range(f.shape[1]):
        for k in range(f.shape[2]):
            total += np.float64(x[i + 1, j, k]) * np.float64(f[i, j, k])
    return total


@kernel(fast=True, divides=True)
def add_energy(p, faces, inverse_h2, i, start, face_sums):
    """face_sums[i] = p.Ap over the faces in plane i, and over those to the plane before where that is in the same block."""
    n1, n2 = p.shape[1], p.shape[2]
    along_x = along_y = along_z = 0.0
    for j in range(n1):
        ahead = j + 1 if j + 1 < n1 else 0
        for k in range(n2):
            step = np.float64(p[i + 1, ahead, k]) - np.float64(p[i + 1, j, k])
            along_y += faces[1, i + 1, j, k] * step * step
        for k in range(n2 - 1):
            step = np.float64(p[i + 1, j, k + 1]) - np.float64(p[i + 1, j, k])
            along_z += faces[2, i + 1, j, k] * step * step
        step = np.float64(p[i + 1, j, 0]) - np.float64(p[i + 1, j, n2 - 1])
        along_z += faces[2, i + 1, j, n2 - 1] * step * step
        if i > start:
            for k in range(n2):
                step = np.float64(p[i + 1, j, k]) - np.float64(p[i, j, k])
                along_x += faces[0, i, j, k] * step * step
    face_sums[i, 0] = inverse_h2[1] * along_y + inverse_h2[2] * along_z
    face_sums[i, 1] = inverse_h2[0] * along_x
