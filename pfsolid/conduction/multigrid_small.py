"""Small levels of a multigrid cycle as one compiled call: what a call from Python takes is more than their work.

A cycle is a list of steps (operation, level), the same for every cycle; all numbers of these levels lie in one array.
"""

from __future__ import annotations

import numpy as np

from ..kernel import kernel
from .multigrid_kernels import ascend, close, descend

# Sweep down from x = 0; the same for what a first cycle has left; sweep up; sum of the two cycles; direct solve.
_DESCEND, _AGAIN, _ASCEND, _ADD, _SOLVE = range(5)
# Numbers of one level begin at a cache line each.
_ALIGNED = 16


class SmallLevels:
    """The levels from ``first`` on, the last of which is solved directly; their arrays are moved into one.

    Every rank holds all of each.

    Parameters
    ----------
    levels : list of Level
        All of a hierarchy.
    first : int
        Above 0.
    inverse : ndarray (n, n)
        Of the matrix of the last level.
    """

    def __init__(self, levels, first: int, inverse: np.ndarray):
        self._levels, self._first, self._inverse = levels, first, inverse
        self._programs = {}
        small = levels[first:]
        places, size = [], 0
        for level in small:
            n0, n1, n2 = level.shape
            for count in ((n0 + 2) * (n1 + 1) * n2, (n0 + 2) * n1 * n2, (n0 + 2) * n1 * n2, 3 * (n0 + 1) * n1 * n2):
                size += -size % _ALIGNED + _ALIGNED  # the sweeps read one number before the first row
                places.append(size)
                size += count
        self._values = np.zeros(size + _ALIGNED, small[0].faces.dtype)
        self._geometry = np.array([[*level.shape, *places[4 * m:4 * m + 4], *level.steps] for m, level in enumerate(small)])
        self._weights = np.array([level.weights for level in small], self._values.dtype)
        self._plane_sums = np.zeros(max(level.shape[0] for level in small))
        for m, level in enumerate(small):
            n0, n1, n2 = level.shape
            shapes = (n0 + 2, n1 + 1, n2), (n0 + 2, n1, n2), (n0 + 2, n1, n2), (3, n0 + 1, n1, n2)
            x, p, f, faces = (self._values[place:place + np.prod(shape)].reshape(shape)
                              for place, shape in zip(places[4 * m:4 * m + 4], shapes))
            faces[...] = level.faces
            level.x, level.p, level.f, level.faces = x, p, f[1:-1], faces
            above = levels[first + m - 1]
            if above.whole:
                above.inflow = f

    def cycle(self, q: int, twice: bool, alpha: float) -> float:
        """As `pfsolid.conduction.multigrid_levels.Hierarchy.cycle`; not for the last level."""
        program = self._programs.get((q, twice))
        if program is None:
            steps = _steps_of_cycle(q, len(self._levels) - 1, twice, _DESCEND)
            program = self._programs[q, twice] = np.array(steps) - [[0, self._first]]
        level = self._levels[q]
        _run(program, self._values, self._geometry, self._weights, level.inverse_h2, level.damping, level.periodic,
             self._inverse, float(alpha), level.u, self._plane_sums)
        return float(self._plane_sums[:level.num_planes].sum())


def _steps_of_cycle(q: int, last: int, twice: bool, begins: int) -> list:
    if q == last:
        return [(_SOLVE, q)]
    steps = [(begins, q), *_steps_of_cycle(q + 1, last, twice, _DESCEND)]
    if twice and q + 1 < last:
        steps += [*_steps_of_cycle(q + 1, last, twice, _AGAIN), (_ADD, q + 1)]
    return [*steps, (_ASCEND, q)]


@kernel(fast=True, divides=True)
def _run(program, values, geometry, weights, inverse_h2, damping, periodic, inverse, alpha, u, plane_sums):
    """Steps of a cycle; before the first one f -= alpha A p and u += alpha p."""
    nothing = np.empty((0, 0, 0))
    for m in range(program.shape[0]):
        operation, q = program[m, 0], program[m, 1]
        n0, n1, n2 = geometry[q, 0], geometry[q, 1], geometry[q, 2]
        plane = n1 * n2
        at_x, at_p, at_f, at_faces = geometry[q, 3], geometry[q, 4], geometry[q, 5], geometry[q, 6]
        x = values[at_x:at_x + (n0 + 2) * (plane + n2)].reshape((n0 + 2, n1 + 1, n2))
        p = values[at_p:at_p + (n0 + 2) * plane].reshape((n0 + 2, n1, n2))
        f = values[at_f + plane:at_f + (n0 + 1) * plane].reshape((n0, n1, n2))
        faces = values[at_faces:at_faces + 3 * (n0 + 1) * plane].reshape((3, n0 + 1, n1, n2))
        if operation == _SOLVE:
            _multiply(inverse, f.reshape(-1), x)
        elif operation == _ADD:
            for i in range(1, n0 + 1):
                for j in range(n1):
                    for k in range(n2):
                        x[i, j, k] += p[i, j, k]
        else:
            N0, N1, N2 = geometry[q + 1, 0], geometry[q + 1, 1], geometry[q + 1, 2]
            steps = geometry[q, 7], geometry[q, 8], geometry[q, 9]
            weight, place = (weights[q, 0], weights[q, 1], weights[q, 2]), (0, n0, periodic)
            step = alpha if m == 0 else 0.0
            if operation == _AGAIN:
                step = 1.0
                for i in range(1, n0 + 1):
                    for j in range(n1):
                        for k in range(n2):
                            p[i, j, k] = x[i, j, k]
                close(p, periodic)
            if operation == _ASCEND:
                at_coarse = geometry[q + 1, 3]
                coarse = values[at_coarse:at_coarse + (N0 + 2) * (N1 + 1) * N2].reshape((N0 + 2, N1 + 1, N2))
                for stage in range(3):
                    if stage > 0:
                        close(x, periodic)
                    ascend(stage, 0, n0, f, x, faces, weight, damping, place, steps, coarse, plane_sums)
            else:
                at_coarse = geometry[q + 1, 5]
                coarse = values[at_coarse:at_coarse + (N0 + 2) * N1 * N2].reshape((N0 + 2, N1, N2))
                for stage in range(3):
                    if stage > 0:
                        close(x, periodic)
                    descend(stage, 0, n0, step, p, inverse_h2, u if m == 0 else nothing, f, x, faces, weight, damping, place,
                            steps, coarse)


@kernel(fast=True)
def _multiply(matrix, vector, x):
    """x = matrix vector, inside the ghost planes of x."""
    n1, n2 = x.shape[1] - 1, x.shape[2]
    for row in range(vector.size):
        total = 0.0
        for column in range(vector.size):
            total += matrix[row, column] * vector[column]
        i, rest = divmod(row, n1 * n2)
        x[i + 1, rest // n2, rest % n2] = total
