"""The converged value of an image in each convention, independent of all contestants: SciPy's conjugate gradients on the
percolating voxels with PyAMG's smoothed aggregation, to 1e-12 of the residual; the value from the energy.

Setting: {"electrodes": "faces" | "centres" | "ghosts"}: on the outer faces of the first and last voxels, N apart; on
their centres, N - 1 apart; on the centres of one more voxel that repeats them, N + 1 apart.
"""

from measure import run

RESIDUAL = 1e-12


def load():
    import numpy as np
    import pyamg
    import scipy.sparse as sp
    from scipy import ndimage
    from scipy.sparse.linalg import cg

    def solve(labels, sigma, setting):
        sigma = np.asarray(sigma, dtype=float)
        unit = sigma.max()
        field = np.where(percolates(sigma[labels] > 0), sigma[labels] / unit, 0.0)
        centres = setting["electrodes"] == "centres"
        n = len(field)
        unknown = field > 0
        if centres:
            unknown[0] = unknown[-1] = False
        number = np.full(field.shape, -1)
        number[unknown] = np.arange(np.count_nonzero(unknown))
        known = np.zeros(field.shape)
        known[-1] = 1.0
        faces = list(bonds(field, number, known))
        if not centres:
            factor = 2.0 if setting["electrodes"] == "faces" else 1.0
            for plane, potential in ((0, 0.0), (-1, 1.0)):
                inside = number[plane] >= 0
                count = np.count_nonzero(inside)
                faces.append((factor * field[plane][inside], number[plane][inside], np.full(count, -1),
                              np.zeros(count), np.full(count, potential)))
        g, a, b, potential_a, potential_b = (np.concatenate(part) for part in zip(*faces))
        size = np.count_nonzero(unknown)
        both = (a >= 0) & (b >= 0)
        diagonal = np.bincount(a[a >= 0], g[a >= 0], size) + np.bincount(b[b >= 0], g[b >= 0], size)
        matrix = sp.coo_array((-g[both], (a[both], b[both])), shape=(size, size))
        matrix = (matrix + matrix.T + sp.diags_array(diagonal)).tocsr()
        matrix = sp.csr_matrix((matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)), matrix.shape)
        to_b, to_a = (a >= 0) & (b < 0), (a < 0) & (b >= 0)
        right = np.bincount(a[to_b], (g * potential_b)[to_b], size) + np.bincount(b[to_a], (g * potential_a)[to_a], size)
        iterations = []
        hierarchy = pyamg.smoothed_aggregation_solver(matrix)
        u, info = cg(matrix, right, rtol=RESIDUAL, M=hierarchy.aspreconditioner(), maxiter=2000,
                     callback=lambda _: iterations.append(1))
        values = np.append(u, 0.0)
        difference = np.where(a >= 0, values[a], potential_a) - np.where(b >= 0, values[b], potential_b)
        length = {"faces": n, "centres": n - 1, "ghosts": n + 1}[setting["electrodes"]]
        yield unit * (g * difference**2).sum() * length / field[0].size, len(iterations), info == 0

    def percolates(conducting):
        """Voxels in a cluster that touches both electrodes; the others carry nothing."""
        clusters, _ = ndimage.label(conducting)
        through = np.intersect1d(clusters[0], clusters[-1])
        return np.isin(clusters, through[through > 0])

    def bonds(field, number, known):
        """Conductance, unknowns (-1: none) and known potentials of both sides, of each face between two voxels."""
        for axis in range(3):
            low = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
            high = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
            a, b = field[low], field[high]
            inside = (a > 0) & (b > 0) & ((number[low] >= 0) | (number[high] >= 0))
            yield ((2 * a * b)[inside] / (a + b)[inside], number[low][inside], number[high][inside],
                   known[low][inside], known[high][inside])

    return solve


if __name__ == "__main__":
    run(load)
