"""OpenImpala: HYPRE's conjugate gradients preconditioned with its semicoarsening multigrid (pcg + smg).

Setting: {"eps"}, HYPRE's relative residual; OpenImpala's own is 1e-9.  Its Python interface has no argument for it, nor
for several phases; both are read from AMReX's input table, to which a file is added here as its own program does.
Below about 1e-8 it gives a value; above, its planes' fluxes differ by more than 1e-6 and it refuses (``stopped`` is
False), so the value is taken from the mean of the fluxes, as it would do.
Conventions: electrodes on the centres of the first and last voxels, but the length counted as N voxels.
"""

import ctypes
import tempfile

import numpy as np
from measure import run


def load():
    import openimpala
    from openimpala import _core as core

    session = openimpala.Session()
    session.__enter__()

    def solve(labels, sigma, setting):
        unit = max(sigma)
        inputs = f"hypre.eps = {setting['eps']}\n"
        if len(sigma) > 2:  # in units of the largest: PCG stops at once with a wrong value for conductivities of 1 and 3516
            inputs += f"tortuosity.active_phases = {' '.join(map(str, range(1, len(sigma))))}\n"
            inputs += f"tortuosity.phase_diffusivities = {' '.join(repr(s / unit) for s in sigma[1:])}\n"
        add_inputs(core, inputs)
        n = labels.shape[0]
        image = core.VoxelImage.from_numpy(np.ascontiguousarray(labels, dtype=np.int32), n)
        # Axis 0 of the array is OpenImpala's z.
        solver = core.TortuosityHypre(image, float((labels > 0).mean()), 1, openimpala.Direction.Z,
                                      openimpala.SolverType.PCG, ".", 0.0, 1.0, -1, False, core.PrecondType.SMG)
        try:
            solver.value()
            stopped = True
        except RuntimeError:
            stopped = False
        flux = np.abs(solver.plane_fluxes).mean() / (labels.shape[1] * labels.shape[2])
        yield unit * flux * n, solver.iterations, stopped

    return solve


def add_inputs(core, text: str) -> None:
    """amrex::ParmParse::addfile on a file with this text; the last entry of a name counts."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        add = ctypes.CDLL(core.__file__)._ZN5amrex9ParmParse7addfileERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE
        add.restype = None
        add(ctypes.byref(CxxString(file.name)))


class CxxString(ctypes.Structure):
    """A std::string of GCC's library that points at bytes of ours."""

    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t), ("capacity", ctypes.c_size_t * 2)]

    def __init__(self, text: str):
        super().__init__(text.encode(), len(text), (len(text), 0))


if __name__ == "__main__":
    run(load)
