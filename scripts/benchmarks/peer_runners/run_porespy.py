"""PoreSpy's tortuosity_fd on an OpenPNM network: one phase, all bonds between its voxels alike.

Setting: {"solver", "tol"}: "amg" (PyAMG's Ruge-Stuben multigrid, its default) or "amg-cg" (the same as a preconditioner of
conjugate gradients; the fastest found).
Conventions: electrodes on the centres of the first and last voxels, N - 1 voxels apart.
"""

from measure import run


def load():
    import openpnm
    import pyamg
    from porespy.simulations import tortuosity_fd

    class Multigrid(openpnm.solvers.IterativeSolver):
        accelerator = None

        def solve(self, A, b, callback):
            hierarchy = pyamg.ruge_stuben_solver(A.tocsr())
            return hierarchy.solve(b, tol=self.tol, maxiter=self.maxiter, accel=self.accelerator, callback=callback,
                                   return_info=True)

    class AcceleratedMultigrid(Multigrid):
        accelerator = "cg"

    solvers = {"amg": Multigrid, "amg-cg": AcceleratedMultigrid}

    def solve(labels, sigma, setting):
        count = []
        solver = counted(solvers[setting["solver"]], count)(tol=setting["tol"], maxiter=10000)
        result = tortuosity_fd(labels == 1, 0, solver=solver)
        yield sigma[1] / result.formation_factor, len(count), result.converged

    return solve


def counted(base, count):
    """A solver that notes each iteration."""
    class Counted(base):
        def solve(self, A, b, **options):
            return super().solve(A, b, callback=lambda _: count.append(1), **options)
    return Counted


if __name__ == "__main__":
    run(load)
