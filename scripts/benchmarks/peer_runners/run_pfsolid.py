"""pfsolid itself, in its own environment; otherwise as the others.

Setting: {"rtol", "threads"}.  What is timed is what `pfsolid conduct` does with an image in memory: plans (from the
wisdom of earlier runs), labels, the check that the electrodes are connected, the solve, by multigrid as `auto` has it
between electrodes.
Conventions: electrodes on the outer faces of the first and last voxels, N apart.
"""

from measure import run


def load():
    import numba
    import numpy as np

    from pfsolid.conduction.effective import preconditioner_precision
    from pfsolid.conduction.multigrid import MultigridSolver
    from pfsolid.grid import PeriodicGrid
    from pfsolid.homogenization.medium import Medium
    from pfsolid.labels import empty_labels
    from pfsolid.parallel.communicator import world
    from pfsolid.spectral.transform import CosineSlabTransform

    def solve(labels, sigma, setting):
        numba.set_num_threads(setting["threads"])
        grid = PeriodicGrid(labels.shape, (1.0,) * 3)
        transform = CosineSlabTransform(grid, world(), preconditioner_precision(setting["rtol"]), setting["threads"])
        local = empty_labels(transform)
        local[1:-1] = labels
        transform.ghosts.fill(local)
        problem = Medium(local, lambda _: np.array(sigma, float), transform).at()
        found = problem.solve((0,), setting["rtol"], solver=MultigridSolver())
        yield found.tensor[0, 0], found.iterations[0], True
        transform.close()

    return solve


if __name__ == "__main__":
    run(load)
