"""The solver on PETSc: its matrix, its results against the FFT solver, its options and how it treats the process."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers.builders import ALONE, HU_SIGMA, divide_labels, effective_conductivity, grow_labels, make_transform

from pfsolid.conduction.elements import ElementSystem
from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.petsc import PetscSolver, parse_options
from pfsolid.conduction.voxel_matrix import build_voxel_matrix
from pfsolid.errors import ConvergenceError, InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform

pytest.importorskip("petsc4py")
KINDS = {"boomeramg": "-pc_type hypre", "gamg": "-pc_type gamg"}
SPACING = (1.0, 0.7, 1.3)


def random_labels(shape, seed=1):
    return np.random.default_rng(seed).choice(3, shape, p=[0.3, 0.4, 0.3]).astype(np.uint8)


def transform_between(shape, electrodes):
    if electrodes:
        return CosineSlabTransform(PeriodicGrid(shape, SPACING), ALONE, planning="estimate")
    return make_transform(shape, SPACING)


def system_of(labels, sigma, electrodes=False):
    transform = transform_between(labels.shape, electrodes)
    return ConductionSystem(divide_labels(labels, transform), np.array(sigma, float), transform)


def tensor(labels, sigma, solver=None, electrodes=False, **options):
    transform = transform_between(labels.shape, electrodes)
    axes = (True, False, False) if electrodes else tuple(n > 1 for n in labels.shape)
    more = {} if solver is None else {"solver": solver}
    return effective_conductivity(divide_labels(labels, transform), sigma, transform, axes, **more, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_interfaces_and_plates_that_resist(kind):
    """The matrix has the faces as they are; both solvers to 1e-8."""
    options = {"rtol": 1e-8, "interface_resistance": {(0, 1): 2.0, (1, 2): np.inf}}
    labels, sigma = random_labels((8, 7, 6)), (0.2, 1.0, 0.3)
    solver = PetscSolver(ALONE, KINDS[kind])
    for electrodes, more in ((False, {}), (True, {"plate_resistance": (0.5, 3.0)})):
        ours = tensor(labels, sigma, solver, electrodes, **options, **more)
        other = tensor(labels, sigma, None, electrodes, **options, **more)
        assert np.allclose(ours.tensor, other.tensor, rtol=3e-8, atol=3e-8)
    solver.close()


# --- the matrix -----------------------------------------------------------------------------------


@pytest.mark.parametrize("electrodes", [False, True])
@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 4, 2), (6, 5, 1), (1, 3, 4)])
def test_matrix_is_the_operator(shape, electrodes):
    """Column by column: what `update` takes off the residual for a unit vector."""
    system = system_of(random_labels(shape), (0.0, 1.0, 0.3), electrodes)
    matrix = build_voxel_matrix(system)
    rows = matrix.starts.size - 1
    assert matrix.num_rows == rows == matrix.unknowns.sum()
    dense = np.zeros((rows, rows))
    for row in range(rows):
        entries = slice(matrix.starts[row], matrix.starts[row + 1])
        assert np.all(np.diff(matrix.columns[entries]) > 0)
        dense[row, matrix.columns[entries]] = matrix.values[entries]
    assert np.array_equal(dense, dense.T)
    system.start(0)
    for column, voxel in enumerate(zip(*np.nonzero(matrix.unknowns))):
        unit = np.zeros(shape)
        unit[voxel] = 1.0
        # A warm start: r = b - A u.
        system.start(0)
        b = system.residual.copy()
        system.start(0, unit)
        # Sums of a few products of order 1.
        assert np.allclose((b - system.residual)[matrix.unknowns], dense[:, column], rtol=0, atol=1e-13)
        assert not np.any((b - system.residual)[~matrix.unknowns])


def test_voxels_that_conduct_to_nothing_have_no_row():
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[1, 1, 1] = labels[3, :2, 3] = 1
    matrix = build_voxel_matrix(system_of(labels, (0.0, 1.0)))
    assert matrix.num_rows == 2 and matrix.unknowns[3, :2, 3].all()


def test_too_many_rows_for_the_integers():
    with pytest.raises(InputError, match="64-bit"):
        build_voxel_matrix(system_of(np.ones((4, 4, 4), np.uint8), (0.0, 1.0)), np.int8)


def test_elements_are_refused():
    transform = make_transform((4, 4, 4))
    system = ElementSystem(divide_labels(np.ones((4, 4, 4), np.uint8), transform), (0.0, 1.0), transform)
    with pytest.raises(InputError, match="finite volumes"):
        build_voxel_matrix(system)


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape, electrodes", [((9, 8, 7), False), ((10, 8, 1), False), ((9, 8, 7), True),
                                               ((4, 2, 3), False)])
def test_same_tensor_as_by_fft(shape, electrodes, kind):
    labels, sigma = random_labels(shape), (0.0, 1.0, 0.05)
    expected = tensor(labels, sigma, electrodes=electrodes, rtol=1e-9)
    found = tensor(labels, sigma, PetscSolver(ALONE, KINDS[kind]), electrodes, rtol=1e-9)
    # Two errors of at most 1e-9 of the diagonal each, the estimate being right within a factor of two.
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=4e-9 * expected.tensor.max())
    assert max(found.relative_error) <= 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigma", [HU_SIGMA, (1e-6, 1.0, 1.0), (0.0, 1e-3, 1.0)], ids=["Hu", "1e6", "resistive surface"])
def test_grown_microstructure(sigma, kind):
    """A solve to 1e-4 is right to twice what it estimates, in a few iterations."""
    labels = grow_labels((24, 24, 24), 0.4)
    exact = tensor(labels, sigma, rtol=1e-10).tensor
    found = tensor(labels, sigma, PetscSolver(ALONE, KINDS[kind]), rtol=1e-4)
    for axis in range(3):
        assert abs(found.tensor[axis, axis] / exact[axis, axis] - 1) <= 2 * found.relative_error[axis] <= 2e-4
    assert max(found.iterations) <= 12


def test_clusters_tied_to_nothing():
    """Near the percolation threshold of voxels drawn by lot: hundreds of isolated clusters, each with its constant."""
    labels = (np.random.default_rng(1).random((24, 24, 24)) < 0.36).astype(np.uint8)
    expected = tensor(labels, (0.0, 1.0), rtol=1e-8)
    for options in KINDS.values():
        found = tensor(labels, (0.0, 1.0), PetscSolver(ALONE, options), rtol=1e-8)
        assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=4e-8 * expected.tensor.max())
        assert max(found.iterations) < min(expected.iterations) / 5


def test_potential_and_residual_are_left_in_the_system():
    labels, sigma = random_labels((8, 7, 6)), (0.0, 1.0, 0.1)
    by_fft, by_petsc = [], []
    for kept, solver in ((by_fft, None), (by_petsc, PetscSolver(ALONE))):
        tensor(labels, sigma, solver, rtol=1e-12,
               on_solved=lambda axis, system, kept=kept: kept.append(system.current_density(axis, np.float64)))
    for a, b in zip(by_fft, by_petsc):
        # First order in an error whose square is 1e-12.
        assert np.allclose(a, b, atol=1e-5)


def test_it_goes_on_from_a_guess():
    labels, sigma = random_labels((8, 8, 8)), (0.0, 1.0, 0.1)
    guesses = {}
    cold = tensor(labels, sigma, PetscSolver(ALONE), rtol=1e-6,
                  on_solved=lambda axis, system: guesses.update({axis: system.potential.copy()}))
    warm = tensor(labels, (0.0, 1.0, 0.101), PetscSolver(ALONE), rtol=1e-6, guesses=guesses)
    assert max(warm.iterations) < min(cold.iterations)
    assert np.allclose(warm.tensor, tensor(labels, (0.0, 1.0, 0.101), rtol=1e-9).tensor, rtol=0, atol=2e-6)


def test_uniform_medium_takes_no_iteration():
    assert tensor(np.ones((6, 5, 4), np.uint8), (0.0, 2.0), PetscSolver(ALONE)).iterations == (0, 0, 0)


def test_running_out_of_iterations_and_stopping_on_request():
    labels = random_labels((8, 8, 8))
    with pytest.raises(ConvergenceError, match="1 iterations"):
        tensor(labels, (0.0, 1.0, 0.1), PetscSolver(ALONE), rtol=1e-9, max_iterations=1)

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tensor(labels, (0.0, 1.0, 0.1), PetscSolver(ALONE), rtol=1e-9, on_iteration=stop)


def test_one_set_up_serves_all_fields():
    solver = PetscSolver(ALONE)
    voxels = []
    tensor(random_labels((8, 8, 8)), (0.0, 1.0, 0.1), solver, on_solved=lambda *_: voxels.append(solver._voxels))
    assert voxels[0] is voxels[1] is voxels[2]
    solver.close()
    solver.close()  # does no harm


# --- options --------------------------------------------------------------------------------------


def test_options_are_read_as_on_a_command_line():
    assert parse_options("-a 1 -b -c -0.5 -d 'x y'") == {"a": "1", "b": None, "c": "-0.5", "d": "x y"}
    assert parse_options("") == {}


@pytest.mark.parametrize("text", ["1", "-a 1 2", "a 1", "-a 'x"])
def test_options_that_are_none(text):
    with pytest.raises(InputError, match="petsc_options"):
        parse_options(text)


@pytest.mark.parametrize("options, message", [
    ("-pc_type gamg -pc_gamg_thresold 0.1", "knows no -pc_gamg_thresold"),
    ("-ksp_type gmres", "knows no -ksp_type"),
    ("-pc_type nonsense", "nonsense"),
    ("-pc_type hypre -pc_hypre_boomeramg_strong_threshold -1", "[Ss]trong threshold")])
def test_unknown_options_are_errors(options, message):
    with pytest.raises(InputError, match=message):
        tensor(random_labels((6, 6, 6)), (0.0, 1.0, 0.1), PetscSolver(ALONE, options))


def test_options_reach_petsc_and_are_forgotten():
    labels, sigma = random_labels((8, 8, 8)), (0.0, 1.0, 0.1)
    iterations = [tensor(labels, sigma, PetscSolver(ALONE, options), rtol=1e-8).iterations[0]
                  for options in ("-pc_type jacobi", "-pc_type gamg -mg_levels_ksp_max_it 4", "")]
    assert iterations[0] > 2 * iterations[1] and iterations[2] == tensor(
        labels, sigma, PetscSolver(ALONE), rtol=1e-8).iterations[0]


def test_a_preconditioner_that_is_not_positive_definite_is_noticed():
    """One step of Richardson with a factor of -1 turns the sign of r . z."""
    with pytest.raises(ConvergenceError, match="positive definite"):
        tensor(random_labels((6, 6, 6)), (0.0, 1.0, 0.1),
               PetscSolver(ALONE, "-pc_type ksp -ksp_ksp_type richardson -ksp_ksp_max_it 1 -ksp_ksp_richardson_scale -1 "
                                  "-ksp_pc_type jacobi"))


# --- the process ----------------------------------------------------------------------------------


def test_signal_handlers_stay():
    """PETSc's own would take the place of those that write a checkpoint."""
    received = []
    before = signal.signal(signal.SIGUSR1, lambda *_: received.append(1))
    try:
        tensor(random_labels((6, 6, 6)), (0.0, 1.0, 0.1), PetscSolver(ALONE))
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert received == [1]


def test_fresh_process(tmp_path):
    """Set up in a process of its own: signals and arguments are left alone, and it ends without a word."""
    script = tmp_path / "script.py"
    script.write_text("""
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: print("signal"))
from pfsolid.conduction.petsc import load_petsc
from pfsolid.parallel.communicator import alone
load_petsc(alone())
os.kill(os.getpid(), signal.SIGUSR1)
print(sys.argv[1:], signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
""")
    done = subprocess.run([sys.executable, script, "-log_view", "-help"], capture_output=True, text=True, timeout=100)
    assert done.stdout == "signal\n['-log_view', '-help'] True\n" and done.returncode == 0, done.stderr


def test_without_petsc4py(monkeypatch):
    monkeypatch.setitem(sys.modules, "petsc4py", None)
    with pytest.raises(InputError, match="install_cluster.sh --petsc"):
        PetscSolver(ALONE)
