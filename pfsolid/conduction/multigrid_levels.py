"""Levels of a multigrid cycle on finite volumes, and the cycle: a symmetric preconditioner for conjugate gradients.

Aggregates of 2 x 2 x 2 voxels, of fewer at the ends of odd sizes and along directions in which little is conducted, make
the next level.  The conductance between two of them is the sum of those of the faces between them, over what the way between
their centres grows by: half the Galerkin product of piecewise constant interpolation in the bulk (Braess,
doi:10.1007/BF02238511), and more, up to all of it, where a face is a hole in a wall.  Means in series along the way lose
connections one voxel wide, and the iteration with them.

Let M_c be what a coarse level does.  Two cycles on it are 2 M_c - M_c A_c M_c, which lies between 0 and A_c^-1 if the
eigenvalues of M_c A_c lie between 0 and 2; A_c is at least half the Galerkin product and the sweep converges by itself, so
those one level up do as well, and the coarsest level is solved directly: with W-cycles M is positive definite and M A below
2 on every image.
"""

from __future__ import annotations

import numpy as np

from ..aligned import aligned_empty, aligned_zeros
from ..parallel.collective import PlaneExchange
from ..parallel.communicator import alone
from . import kernels
from . import multigrid_coarsening as coarsening
from . import multigrid_kernels as multigrid
from .multigrid_small import SmallLevels

# What couples voxels of one colour counts as much more in the diagonal: less would let channels one voxel wide ring.
_DAMPING = 1.125
# Directions that conduct less than this part of the best are left for later: the sweep cannot smooth along them.
_WEAK = 1 / 3
# Levels up to this many voxels along each axis are solved directly; eigenvalues below this part of the largest conductance
# are 0.
_COARSEST, _NULL = 4, 1e-14
# Levels with at most as many voxels, or fewer planes a rank, are held and worked through by every rank.
_SMALL, _PLANES_A_RANK = 16**3, 2
# Those with at most as many are one compiled call, on one thread.
_ONE_CALL = 32**3
# Stages of a kernel that are done at once: (first, after the last).
_STAGES, _STAGES_WHOLE = ((0, 1), (1, 2), (2, 3)), ((0, 3),)
# Where no solution is summed up.
_NO_SOLUTION = np.empty((0, 0, 0))
# About so many planes tell which direction conducts best.
_PLANES_SAMPLED = 16


class Level:
    """One level, or this rank's slab of it.

    Attributes
    ----------
    shape : tuple of 3 int
        Global.
    lengths : list of 3 ndarray
        Edges of its voxels along each axis, in voxels of the finest level.
    first, num_planes : int
        This rank's planes.
    faces : ndarray, local (3, n0 + 1, n1, n2)
    weights : tuple of 3 float
        1 / h_a^2 of the finest level; 0 along an axis with one voxel.
    x, f, p, u : ndarray
        Solution, (n0 + 2, n1 + 1, n2), and right-hand side of a cycle, direction and solution of conjugate gradients.
    """

    def __init__(self, faces: np.ndarray, shape, lengths, first: int, inverse_h2, ghosts, periodic: bool, threads: int):
        self.faces, self.shape, self.lengths, self.first = faces, tuple(shape), lengths, first
        self.ghosts, self.periodic, self.threads = ghosts, periodic, threads
        real = faces.dtype.type
        self.num_planes = faces.shape[1] - 1
        self.inverse_h2 = tuple(float(w) for w in inverse_h2)
        alone_along = [n == 1 and (axis > 0 or periodic) for axis, n in enumerate(self.shape)]
        self.weights = tuple(real(0 if is_alone else w) for is_alone, w in zip(alone_along, inverse_h2))
        self.damping = real(_DAMPING)
        self.place = (first, self.shape[0], periodic)
        n0, n1, n2 = self.num_planes, *self.shape[1:]
        self.x = aligned_zeros((n0 + 2, n1 + 1, n2), real)
        self.p = aligned_empty((n0 + 2, n1, n2), real)
        self.steps, self.blocks, self.plane_sums = (1, 1, 1), _blocks(first, n0, threads, 1), np.zeros(n0)
        self.face_sums = np.zeros((n0 + 1, 2))
        faces[2, 0, -1, -1] = 0  # what lies before the first row along z
        self.whole = False  # whether this rank holds all planes

    def divide_along(self, steps) -> None:
        """Say how many voxels along each axis make one of the next level."""
        self.steps = steps
        self.blocks = _blocks(self.first, self.num_planes, self.threads, steps[0])

    @property
    def num_voxels(self) -> int:
        return int(np.prod(self.shape))


def _blocks(first: int, num_planes: int, threads: int, step: int) -> np.ndarray:
    """Ends of the blocks of planes of each thread; aggregates are not divided."""
    ends = np.linspace(0, num_planes, min(threads, num_planes) + 1).astype(np.int64)
    ends[1:-1] -= (first + ends[1:-1]) % step
    return np.unique(np.clip(ends, 0, num_planes))


class Hierarchy:
    """Levels for a system of finite volumes, and the cycle on them.  Every method is collective.

    Parameters
    ----------
    system : FiniteVolumes
        Its faces and potential are worked on in place; the first level's ``f`` is to be set before a cycle.

    Attributes
    ----------
    levels : list of Level
    twice : bool
        W-cycles; else V-cycles.
    """

    def __init__(self, system):
        transform = system.transform
        self._reducer, self._periodic = transform.reducer, transform.periodic
        self._threads = transform.threads
        self.twice = True
        self._inverse = None  # of the coarsest level
        shape = transform.grid.shape
        finest = Level(system.faces, shape, [np.ones(n) for n in shape], transform.first_plane,
                       [1 / h**2 for h in system.spacing], transform.ghosts, self._periodic, self._threads)
        finest.u = system.potential
        finest.whole = transform.reducer.size == 1
        self.levels = [finest]
        while steps := _steps(self.levels[-1], self._strengths(self.levels[-1])):
            self._add_level(steps)
        self._small = None
        self._first_small = next((q for q, level in enumerate(self.levels[1:-1], 1)
                                  if level.whole and level.num_voxels <= _ONE_CALL), len(self.levels))
        if self._first_small < len(self.levels):
            self._small = SmallLevels(self.levels, self._first_small, self._coarsest_inverse())

    def _mean(self, level: Level, planes: np.ndarray) -> np.ndarray:
        """Sum of what each plane has, in the order of all planes."""
        return (planes if level.whole else self._reducer.concatenate(planes)).sum(axis=0)

    def _strengths(self, level: Level) -> np.ndarray:
        """What couples neighbours along each axis: the geometric mean, for few good faces say nothing of the others.

        Faces of 0 count by their number: chambers with a few holes between them are made one each before they are joined.
        """
        logarithms, positive, all_of_them = self._mean(level, _logarithms(level))
        return positive / all_of_them * np.exp(logarithms / np.maximum(positive, 1)) * level.inverse_h2

    def _add_level(self, steps) -> None:
        fine = self.levels[-1]
        fine.divide_along(steps)
        shape = tuple(-(-n // s) for n, s in zip(fine.shape, steps))
        lengths = [np.add.reduceat(length, np.arange(0, length.size, s)) for length, s in zip(fine.lengths, steps)]
        first = -(-fine.first // steps[0])
        num_planes = -(-(fine.first + fine.num_planes) // steps[0]) - first
        faces = aligned_empty((3, num_planes + 1, *shape[1:]), fine.faces.dtype)
        place = fine.first, fine.shape[0], self._periodic
        ends = [np.empty((4, *fine.shape[1:]), faces.dtype) for _ in range(2)]
        coarsening.strongest_at_ends(fine.faces, *place, tuple(fine.lengths), *ends)
        for field in ends:
            fine.ghosts.fill(field)
        coarsening.coarsen_faces(fine.faces, *place, steps, tuple(fine.lengths), tuple(lengths), *ends,
                                 _blocks(0, num_planes + 1, self._threads, 1), faces)
        if not fine.whole:
            self._exchange_faces(fine, faces, steps)
        elif self._periodic:
            faces[0, -1] = faces[0, 0]
        fine.inflow = aligned_zeros((num_planes + 2, *shape[1:]), faces.dtype)
        fine.owned = slice(first, first + num_planes)
        ghosts, whole = fine.ghosts, fine.whole
        if not whole and (int(np.prod(shape)) <= _SMALL or self._reducer.min(num_planes) < _PLANES_A_RANK):
            faces = _all_faces(faces, self._reducer)
            ghosts, whole, first = PlaneExchange(alone(), mirrored=not self._periodic), True, 0
        level = Level(faces, shape, lengths, first, fine.inverse_h2, ghosts, self._periodic, self._threads)
        level.whole = whole
        level.f = fine.inflow[1:-1] if fine.whole else np.zeros((level.num_planes, *shape[1:]), faces.dtype)
        level.u = aligned_zeros(level.f.shape)
        self.levels.append(level)

    def _exchange_faces(self, fine: Level, faces: np.ndarray, steps) -> None:
        """Add the parts that the rank after has of this one's last aggregates; the faces towards its first ones."""
        after = np.empty_like(faces[0, 0])
        fine.ghosts.next_plane(faces[0], after)
        if self._periodic or self._reducer.rank < self._reducer.size - 1:
            faces[0, -1] = after
        for axis in (1, 2):
            fine.ghosts.next_plane(faces[axis], after)
            if fine.first + fine.num_planes < fine.shape[0]:
                faces[axis, -1] += after

    def restrict(self, q: int) -> None:
        """Right-hand side of level q + 1: the sums of that of level q."""
        fine = self.levels[q]
        coarsening.restrict(fine.f, fine.first, fine.blocks, fine.steps, fine.inflow)
        self._take_inflow(q)

    def _take_inflow(self, q: int) -> None:
        """``inflow`` of level q becomes the right-hand side of the next one, wherever that is; if both are whole, it is."""
        fine, coarse = self.levels[q], self.levels[q + 1]
        inflow = fine.inflow
        if not fine.whole:
            after = np.empty_like(inflow[0])
            fine.ghosts.next_plane(inflow, after)
            if fine.first + fine.num_planes < fine.shape[0]:
                inflow[-2] += after
            inflow[0] = 0.0
            coarse.f[...] = self._reducer.concatenate(inflow[1:-1]) if coarse.whole else inflow[1:-1]

    def _seen_from(self, q: int, field: np.ndarray) -> np.ndarray:
        """A field of level q + 1, whose ghost planes are filled here, as level q's slab needs it."""
        fine, coarse = self.levels[q], self.levels[q + 1]
        coarse.ghosts.fill(field, odd=True)
        return field[fine.owned.start:fine.owned.stop + 2] if coarse.whole and not fine.whole else field

    def cycle(self, q: int = 0, alpha: float = 0.0) -> float:
        """x = M f on a level, after f -= alpha A p and u += alpha p.

        Parameters
        ----------
        q : int
            Of the level.
        alpha : float

        Returns
        -------
        float
            Sum of f x over all voxels.
        """
        level = self.levels[q]
        if q == len(self.levels) - 1:
            return self._solve_coarsest(q, alpha)
        if q >= self._first_small:
            return self._small.cycle(q, self.twice, alpha)
        for stages in _STAGES_WHOLE if level.whole else _STAGES:
            if stages[0] > 0:
                level.ghosts.fill(level.x, odd=True)
            self._sweep(True, level, stages, alpha, level.inflow)
        self._take_inflow(q)
        self._solve_next(q)
        coarse = self._seen_from(q, self.levels[q + 1].x)
        for stages in _STAGES_WHOLE if level.whole else _STAGES:
            if stages[0] > 0:
                level.ghosts.fill(level.x, odd=True)
            self._sweep(False, level, stages, 0.0, coarse)
        return float(self._mean(level, level.plane_sums))

    @staticmethod
    def _sweep(down: bool, level: Level, stages, alpha: float, coarse: np.ndarray) -> None:
        multigrid.sweep(down, stages, float(alpha), level.p, level.inverse_h2, level.u, level.f, level.x, level.faces,
                        level.weights, level.damping, level.place, level.blocks, level.steps, coarse, level.plane_sums)

    def _solve_next(self, q: int) -> None:
        """x of level q + 1 from one cycle or two."""
        self.cycle(q + 1)
        if not self.twice or q + 2 >= len(self.levels):
            return
        coarse = self.levels[q + 1]
        u, coarse.u = coarse.u, _NO_SOLUTION
        coarse.p[1:-1] = coarse.x[1:-1, :-1]
        coarse.ghosts.fill(coarse.p, odd=True)
        self.cycle(q + 1, 1.0)
        coarse.x[1:-1, :-1] += coarse.p[1:-1]
        coarse.u = u

    def _solve_coarsest(self, q: int, alpha: float) -> float:
        level = self.levels[q]
        if alpha:
            self.update(q, alpha)
        f = level.f if level.whole else self._reducer.concatenate(level.f)
        x = (self._coarsest_inverse() @ f.ravel()).reshape(f.shape)
        level.x[1:-1, :-1] = x[level.first:level.first + level.num_planes]
        return float(np.vdot(f, x))

    def _coarsest_inverse(self) -> np.ndarray:
        if self._inverse is None:
            level = self.levels[-1]
            faces = level.faces if level.whole else _all_faces(level.faces, self._reducer)
            self._inverse = _pseudo_inverse(faces, level.inverse_h2, self._periodic)
        return self._inverse

    def update(self, q: int, alpha: float) -> None:
        """f -= alpha A p and u += alpha p on level q."""
        level = self.levels[q]
        multigrid.update(alpha, level.p, level.inverse_h2, level.periodic, level.u, level.f, level.faces)

    def advance(self, q: int, beta: float) -> float:
        """p = x + beta p on a level.

        Parameters
        ----------
        q : int
            Of the level.
        beta : float
            0: p may hold anything before.

        Returns
        -------
        float
            p . A p summed over all voxels.
        """
        level = self.levels[q]
        multigrid.advance(level.p, level.x, level.faces.dtype.type(beta), level.faces, level.inverse_h2, level.blocks,
                          level.face_sums)
        return self._energy(level)

    def _energy(self, level: Level) -> float:
        """p . A p from the sums of a kernel that has made p in blocks; fills the ghost planes of p."""
        sums, blocks = level.face_sums, level.blocks
        level.ghosts.fill(level.p, odd=True)
        kernels.faces_between_blocks(level.p, level.faces, level.inverse_h2, blocks, level.ghosts.end_shares, sums)
        planes = sums[:-1, 0] + sums[1:, 1]
        planes[0] += sums[0, 1]
        return float(self._mean(level, planes))

    def interpolate(self, q: int) -> tuple[float, float]:
        """p of level q = u of level q + 1, trilinear between the centres of its voxels.

        Returns
        -------
        (float, float)
            p . A p and f . p, summed over all voxels.
        """
        fine, coarse = self.levels[q], self.levels[q + 1]
        coarse.p[1:-1] = coarse.u
        field = self._seen_from(q, coarse.p)
        along = [_interpolation(old, new, s, axis > 0, self._periodic)
                 for axis, (old, new, s) in enumerate(zip(fine.lengths, coarse.lengths, fine.steps))]
        # The planes of `field` begin with the ghost plane before the first aggregate that this rank owns.
        rows = slice(fine.first, fine.first + fine.num_planes)
        parents, shares = along[0]
        along[0] = parents[:, rows] + 1 - fine.owned.start, shares[rows]
        ways = ((np.ascontiguousarray(parents), shares.astype(field.dtype)) for parents, shares in along)
        coarsening.interpolate(field, *ways, fine.f, fine.p, fine.faces, fine.inverse_h2, fine.blocks, fine.face_sums,
                               fine.plane_sums)
        return self._energy(fine), float(self._mean(fine, fine.plane_sums))


def _all_faces(faces: np.ndarray, reducer) -> np.ndarray:
    """Those of all slabs.  Collective."""
    inner = reducer.concatenate(np.ascontiguousarray(faces[:, 1:].swapaxes(0, 1))).swapaxes(0, 1)
    out = aligned_empty((3, inner.shape[1] + 1, *faces.shape[2:]), faces.dtype)
    out[:, :1] = reducer.from_root(faces[:, :1].copy())
    out[:, 1:] = inner
    return out


def _pseudo_inverse(faces: np.ndarray, inverse_h2, periodic: bool) -> np.ndarray:
    """Of A on a small grid.  Null vectors by the largest conductance: all of A may be 0 but for rounding."""
    values, vectors = np.linalg.eigh(_dense(faces, inverse_h2, periodic))
    largest = max(float(w) * float(along.max()) for w, along in zip(inverse_h2, faces[:, 1:]))
    kept = vectors[:, values > _NULL * largest]
    return (kept / values[values > _NULL * largest]) @ kept.T


def _dense(faces: np.ndarray, inverse_h2, periodic: bool) -> np.ndarray:
    """A on a small grid, in double."""
    number = np.arange(faces[0, 1:].size).reshape(faces[0, 1:].shape)
    matrix = np.zeros((number.size, number.size))
    for axis in range(3):
        if number.shape[axis] == 1 and (axis > 0 or periodic):
            continue
        conductances = inverse_h2[axis] * faces[axis, 1:].astype(np.float64)
        here, ahead = number, np.roll(number, -1, axis)
        if axis == 0 and not periodic:
            for end in (0, -1):
                at = number[end].ravel()
                matrix[at, at] += 2 * inverse_h2[0] * faces[0, end].ravel().astype(np.float64)
            here, ahead, conductances = here[:-1], ahead[:-1], conductances[:-1]
        here, ahead, conductances = here.ravel(), ahead.ravel(), conductances.ravel()
        np.add.at(matrix, (here, here), conductances)
        np.add.at(matrix, (ahead, ahead), conductances)
        np.add.at(matrix, (here, ahead), -conductances)
        np.add.at(matrix, (ahead, here), -conductances)
    return matrix


def _steps(level: Level, strengths: np.ndarray):
    """How many voxels along each axis make one of the next level; None where there shall be none."""
    sizes = np.array(level.shape)
    strengths = np.where(sizes > 1, strengths, 0.0)
    if sizes.max() <= _COARSEST:
        return None
    if not strengths.any():
        strengths = (sizes > 1).astype(float)
    return tuple(2 if s >= _WEAK * strengths.max() else 1 for s in strengths)


def _logarithms(level: Level) -> np.ndarray:
    """Of the faces along each axis in each plane: sum of the logarithms, how many are above 0, how many; (n0, 3, 3)."""
    interval = max(1, level.shape[0] // _PLANES_SAMPLED)
    out = np.zeros((level.num_planes, 3, 3))
    planes = np.arange(-level.first % interval, level.num_planes, interval)
    coarsening.sum_logarithms(level.faces, planes, out)
    out[planes, 2] = np.prod(level.shape[1:])
    return out


def _interpolation(fine: np.ndarray, coarse: np.ndarray, step: int, inside_slab: bool, periodic: bool):
    """Of each fine voxel along an axis: its aggregate and the one beside it, (2, n); the share of that one in its value."""
    centre = np.cumsum(fine) - fine / 2
    of_parent = np.cumsum(coarse) - coarse / 2
    parent = np.arange(fine.size) // step
    offset = centre - of_parent[parent]
    beside = parent + np.where(offset < 0, -1, 1)
    wrapped = beside % coarse.size
    distance = (coarse[parent] + coarse[wrapped]) / 2
    if inside_slab:
        if periodic:
            beside = wrapped
        else:  # insulating sides
            beside = np.clip(beside, 0, coarse.size - 1)
    return np.stack([parent, beside]), np.abs(offset) / distance
