"""Conduction on the conducting voxels alone with PETSc: conjugate gradients and algebraic multigrid.

The FFT solver inverts a Laplacian on the whole cell; every bottleneck of the microstructure costs it iterations.  Here the
matrix of the same finite volumes is assembled without the insulating voxels, and multigrid (BoomerAMG where PETSc has
hypre, otherwise GAMG) sees the microstructure itself: few iterations, each of them dear, after a set-up that is dearer still
but serves all fields.  The recurrence of conjugate gradients and the estimate of the error are those of
:mod:`pfsolid.conduction.krylov`; PETSc, which runs on the communicator it is handed, multiplies and preconditions.
"""

from __future__ import annotations

import ctypes
import shlex
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count

import numpy as np

from ..errors import ConvergenceError, InputError
from ..parallel.communicator import Communicator
from ..parallel.serial import ONE_RANK
from .krylov import CGResult, conjugate_gradients
from .system import System
from .voxel_matrix import build_voxel_matrix

# Coarsening and interpolation for three dimensions: on our microstructures half the time of hypre's defaults.
_BOOMERAMG = {"pc_type": "hypre", "pc_hypre_type": "boomeramg", "pc_hypre_boomeramg_coarsen_type": "HMIS",
              "pc_hypre_boomeramg_interp_type": "ext+i", "pc_hypre_boomeramg_P_max": "4", "pc_hypre_boomeramg_agg_nl": "1"}
# Its own smoother, Chebyshev with Jacobi, is no longer positive definite at contrasts of 1e6.
_GAMG = {"pc_type": "gamg", "mg_levels_ksp_type": "richardson", "mg_levels_pc_type": "sor"}
# Clusters of voxels are tied to nothing, which makes A singular, on the coarsest grid too.  The preconditioner, and it
# alone, is made for a matrix with a diagonal that much larger.
_SHIFT = 1e-10
# Lower end of the preconditioned spectrum until Ritz values come near it.  BoomerAMG keeps it there at every contrast; with
# others single eigenvalues of 1e-3 turn up late.
_SPECTRUM_START = {"hypre": 0.3}
_SPECTRUM_START_OF_OTHERS = 0.01
_numbers = count()
_held = []


class PetscSolver:
    """Conjugate gradients with PETSc's multigrid, called like :func:`pfsolid.conduction.krylov.conjugate_gradients`.

    The set-up is kept for further fields on the same system.  Every method is collective.

    Parameters
    ----------
    comm : Communicator
        The communicator that the systems' transform was made on.
    options : str
        Options of PETSc's preconditioner as they would stand on the command line of a PETSc program, to replace or add to
        those chosen here: ``"-pc_type gamg -pc_gamg_threshold 0.01"``.

    Raises
    ------
    InputError
        If petsc4py is not installed or made for complex numbers, or PETSc does not know an option.

    Notes
    -----
    PETSc is set up on first use, on ``comm``, without its signal handlers, and sees nothing of this program's own command
    line.  It runs one thread on each rank.
    """

    def __init__(self, comm, options: str = ""):
        self._options = parse_options(options)
        self._petsc, self._comm = load_petsc(comm)
        self._system = self._voxels = None

    def __call__(self, system: System, is_converged, max_iterations: int, on_iteration=None) -> CGResult:
        if system is not self._system:
            self.close()
            self._voxels = _ConductingVoxels(system, self._comm, self._petsc, self._options)
            self._system = system
        self._voxels.take(system.residual)
        try:
            with _petsc_errors(self._petsc, ConvergenceError):
                return conjugate_gradients(self._voxels, is_converged, max_iterations, on_iteration)
        finally:
            self._voxels.give(system.potential, system.residual)

    def close(self) -> None:
        """Give back the memory of the set-up."""
        if self._voxels is not None:
            self._voxels.destroy()
            self._system = self._voxels = None


class _ConductingVoxels:
    """A d = r on the voxels that conduct, in the form conjugate gradients want; mean products as on the whole cell."""

    def __init__(self, system: System, comm, petsc, options: dict):
        matrix = build_voxel_matrix(system, petsc.IntType)
        self._reducer, self._num_voxels = system.transform.reducer, system.transform.grid.num_voxels
        self._unknowns = matrix.unknowns
        rows = matrix.starts.size - 1
        sizes = rows, matrix.num_rows
        self._matrix = petsc.Mat().createAIJ((sizes, sizes), csr=(matrix.starts, matrix.columns, matrix.values), comm=comm)
        self._matrix.setOption(petsc.Mat.Option.SPD, True)
        self._x, self._r, self._z, self._p, self._Ap = (np.zeros(rows) for _ in range(5))
        self._r_vec, self._z_vec, self._p_vec, self._Ap_vec = (
            petsc.Vec().createWithArray(array, size=sizes, comm=comm) for array in (self._r, self._z, self._p, self._Ap))
        del matrix
        with _petsc_errors(petsc, InputError):
            self._preconditioner = _set_up(petsc, comm, self._matrix, options)
        self.spectrum_start = _SPECTRUM_START.get(self._preconditioner.getType(), _SPECTRUM_START_OF_OTHERS)

    def take(self, residual: np.ndarray) -> None:
        self._r[:] = residual[self._unknowns]
        self._x[:] = 0.0
        self._p[:] = 0.0

    def give(self, potential: np.ndarray, residual: np.ndarray) -> None:
        potential[self._unknowns] += self._x
        residual[self._unknowns] = self._r

    def precondition(self) -> float:
        self._preconditioner.apply(self._r_vec, self._z_vec)
        r_z = self._mean_product(self._r, self._z)
        if not r_z >= 0:  # nan too
            raise ConvergenceError(f"PETSc's preconditioner is not positive definite (r . z = {r_z:.1e}): leave "
                                   "petsc_options empty, or use solver = \"fft\"")
        return r_z

    def advance_direction(self, beta: float) -> float:
        self._p *= beta
        self._p += self._z
        self._matrix.mult(self._p_vec, self._Ap_vec)
        return self._mean_product(self._p, self._Ap)

    def update(self, alpha: float) -> None:
        self._x += alpha * self._p
        self._r -= alpha * self._Ap

    def destroy(self) -> None:
        for thing in (self._preconditioner, self._matrix, self._r_vec, self._z_vec, self._p_vec, self._Ap_vec):
            thing.destroy()

    def _mean_product(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(self._reducer.sum(np.vdot(a, b))[0]) / self._num_voxels


def _set_up(petsc, comm, matrix, options: dict):
    """The preconditioner of ``matrix``; InputError names the options that PETSc did not ask for."""
    chosen = options.get("pc_type", "hypre" if _has_hypre(petsc) else "gamg")
    defaults = {"hypre": _BOOMERAMG, "gamg": _GAMG}.get(chosen, {})
    prefix = f"pfsolid{next(_numbers)}_"
    database = petsc.Options(prefix)
    for name, value in (defaults | options).items():
        database[name] = value
    regular = matrix.copy()
    regular.setDiagonal((1 + _SHIFT) * regular.getDiagonal())
    preconditioner = petsc.PC().create(comm)
    preconditioner.setOptionsPrefix(prefix)
    preconditioner.setOperators(matrix, regular)
    try:
        preconditioner.setFromOptions()
        preconditioner.setUp()
        unused = [name for name in options if not _was_used(petsc, prefix + name)]
    finally:
        for name in defaults | options:
            database.delValue(name)
    if unused:
        raise InputError(f"petsc_options: PETSc's preconditioner {preconditioner.getType()!r} knows no "
                         f"{', '.join('-' + name for name in unused)}; allowed are options of PETSc's PC objects")
    regular.destroy()
    return preconditioner


def parse_options(text: str) -> dict[str, str | None]:
    """``"-a 1 -b"`` as {"a": "1", "b": None}.

    Raises
    ------
    InputError
        If a value has no option before it.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"petsc_options = {text!r}: {error}") from None
    options, name = {}, None
    for word in words:
        # "-0.5" is a value.
        if word.startswith("-") and word[1:2].isalpha():
            name = word[1:]
            options[name] = None
        elif name is not None and options[name] is None:
            options[name] = word
        else:
            raise InputError(f"petsc_options = {text!r}: {word!r} must follow an option, as in \"-pc_type gamg\"")
    return options


def petsc_is_installed() -> bool:
    """Whether petsc4py is there to be imported."""
    return find_spec("petsc4py") is not None


def petsc_is_at_hand(comm: Communicator) -> bool:
    """Whether it can be taken without being asked for: one rank by itself does not start MPI for it."""
    return comm is not ONE_RANK and petsc_is_installed()


def load_petsc(comm: Communicator):
    """Collective: the module petsc4py.PETSc, initialised on ``comm`` if nobody has done so before, and MPI's ``comm``.

    PETSc is bound to MPI: on one rank this starts it.

    Raises
    ------
    InputError
        If petsc4py cannot be imported, or PETSc calculates with complex numbers.
    """
    is_first = "petsc4py.PETSc" not in sys.modules
    try:
        if comm is ONE_RANK:
            from mpi4py import MPI

            comm = MPI.COMM_SELF
        if is_first:
            import petsc4py

            # Each call makes petsc4py collect garbage once more at the end, collectively over all ranks: one, however many
            # solvers a rank has had.  PETSc's signal handlers would replace those that write a checkpoint.
            petsc4py.init(["pfsolid", "-no_signal_handler"], comm=comm)
        from petsc4py import PETSc
    except ImportError as error:
        raise InputError(f"solver = \"petsc\" needs petsc4py, which cannot be imported ({error}): on a cluster install it "
                         "with bash scripts/install_cluster.sh --petsc, on Debian and Ubuntu with apt-get install "
                         "python3-petsc4py; or use solver = \"fft\"") from None
    if np.dtype(PETSc.ScalarType).kind == "c":
        raise InputError("solver = \"petsc\": this PETSc was built for complex numbers and a real one is needed; "
                         "use solver = \"fft\"")
    if is_first:
        # PETSc's own communicator lives as long as objects on it do, which Python collects rank by rank.  If it is gone on
        # some ranks and not on others at the end, PetscFinalize hangs: hold on to it.
        _held.append(PETSc.COMM_WORLD.duplicate())
    return PETSc, comm


def _has_hypre(petsc) -> bool:
    return petsc.Sys.hasExternalPackage("hypre")


def _was_used(petsc, name: str) -> bool:
    """Whether PETSc has read an option; petsc4py does not pass this question on."""
    used = ctypes.c_int(0)
    ctypes.CDLL(petsc.__file__).PetscOptionsUsed(None, name.encode(), ctypes.byref(used))
    return bool(used.value)


@contextmanager
def _petsc_errors(petsc, kind):
    """Turn PETSc's errors into ours, with the last line of what it says."""
    try:
        yield
    except petsc.Error as error:
        reason = str(error).strip().splitlines()[-1].split("] ", 1)[-1]
        raise kind(f"PETSc: {reason}") from None
