"""TauFactor: successive over-relaxation on torch.  One run gives the whole curve: its state after every 100 iterations.

Setting: {"threads", "max_iterations", "max_seconds", "conv_crit"}; ``stopped`` is its own test with that conv_crit.
Conventions: two phases: electrodes on the outer faces of the first and last voxels; several: on the centres of one more
voxel on either side, which repeats the conductivity of the voxel next to it, so that they are N + 1 voxels apart.
"""

import time

import numpy as np
from measure import run

CHECK_INTERVAL = 100  # TauFactor's own
TAU_CHANGE = 2e-3  # and its second condition


def load():
    import torch
    from taufactor import MultiPhaseSolver, Solver

    def solve(labels, sigma, setting):
        torch.set_num_threads(setting["threads"])
        started = time.perf_counter()
        if len(sigma) == 2:
            solver = Solver(labels, D_0=sigma[1], device="cpu")
        else:
            solver = MultiPhaseSolver(labels, dict(enumerate(sigma[1:], 1)), device="cpu")
        tau = -1.0
        while solver.iter < setting["max_iterations"] and time.perf_counter() - started < setting["max_seconds"]:
            solver.solve(iter_limit=solver.iter + CHECK_INTERVAL, conv_crit=0, verbose=False)
            flux = solver.flux_1d
            before, tau = tau, float(solver.tau[0])
            stopped = 1 - flux.min() / flux.max() < setting["conv_crit"] and abs(tau - before) < TAU_CHANGE
            yield np.ravel(solver.D_eff)[0], solver.iter, stopped

    return solve


if __name__ == "__main__":
    run(load)
