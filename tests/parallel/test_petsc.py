"""The solver on PETSc divided over ranks against the same on one."""

import numpy as np
import pytest
from helpers.builders import ALONE, HU_SIGMA, divide_labels, effective_conductivity, gather, grow_labels, make_transform
from mpi4py import MPI

from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.petsc import PetscSolver, load_petsc
from pfsolid.conduction.selection import coordination
from pfsolid.conduction.voxel_matrix import build_voxel_matrix
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform

pytest.importorskip("petsc4py")
KINDS = {"boomeramg": "-pc_type hypre", "gamg": "-pc_type gamg"}
SPACING = (1.0, 0.7, 1.3)


def random_labels(shape):
    labels = np.random.default_rng(1).choice(3, shape, p=[0.3, 0.4, 0.3]).astype(np.uint8)
    labels[4:6] = 0  # a rank may have no row at all
    labels[4:6, 1:4, -1] = 1
    return labels


def make(shape, comm, electrodes):
    if electrodes:
        return CosineSlabTransform(PeriodicGrid(shape, SPACING), comm, planning="estimate")
    return make_transform(shape, SPACING, comm)


def tensor(labels, sigma, comm, solver=None, electrodes=False, **options):
    transform = make(labels.shape, comm, electrodes)
    axes = (True, False, False) if electrodes else tuple(n > 1 for n in labels.shape)
    more = {} if solver is None else {"solver": solver}
    found = effective_conductivity(divide_labels(labels, transform), sigma, transform, axes, **more, **options)
    if solver is not None:
        solver.close()
    return found


@pytest.mark.parametrize("electrodes", [False, True])
@pytest.mark.parametrize("shape", [(11, 6, 5), (8, 7, 1)])
def test_matrix(comm, shape, electrodes):
    """The same rows, whoever holds them."""
    matrices = []
    for one in (comm, ALONE):
        transform = make(shape, one, electrodes)
        system = ConductionSystem(divide_labels(random_labels(shape), transform), (0.0, 1.0, 0.3), transform)
        matrices.append(build_voxel_matrix(system))
    divided, alone = matrices
    assert divided.num_rows == alone.num_rows
    assert np.array_equal(gather(divided.unknowns, comm), alone.unknowns)
    assert np.array_equal(gather(np.diff(divided.starts), comm), np.diff(alone.starts))
    assert np.array_equal(gather(divided.columns, comm), alone.columns)
    assert np.array_equal(gather(divided.values, comm), alone.values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape, electrodes", [((11, 9, 7), False), ((11, 8, 1), False), ((11, 9, 7), True)])
def test_tensor(comm, shape, electrodes, kind):
    labels, sigma = random_labels(shape), (0.0, 1.0, 0.05)
    expected = tensor(labels, sigma, ALONE, electrodes=electrodes, rtol=1e-9)
    found = tensor(labels, sigma, comm, PetscSolver(comm, KINDS[kind]), electrodes, rtol=1e-9)
    # Multigrid is another one at each number of ranks; what it converges to is not.
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=4e-9 * expected.tensor.max())


def test_grown_microstructure(comm):
    labels = grow_labels((24, 18, 21), 0.4)
    expected = tensor(labels, HU_SIGMA, ALONE, rtol=1e-10)
    progress = []
    found = tensor(labels, HU_SIGMA, comm, PetscSolver(comm), rtol=1e-4,
                   on_iteration=lambda *values: progress.append(values))
    true = np.abs(found.tensor.diagonal() / expected.tensor.diagonal() - 1)
    assert np.all(true <= 2 * np.array(found.relative_error)) and max(found.iterations) <= 12
    assert len(progress) == sum(found.iterations) and len(set(comm.allgather(tuple(progress)))) == 1


def test_part_of_the_ranks(comm):
    """Two groups with a solver each, one of which does more: nothing in it is collective over all ranks."""
    load_petsc(comm)  # should this test run alone: PETSc must not be initialised on what is freed below
    half = comm.Split(comm.rank % 2, comm.rank)
    labels, sigma = random_labels((11, 9, 7)), (0.0, 1.0, 0.05)
    expected = tensor(labels, sigma, ALONE, rtol=1e-9).tensor
    for _ in range(1 + comm.rank % 2):
        found = tensor(labels, sigma, half, PetscSolver(half), rtol=1e-9).tensor
        assert np.allclose(found, expected, rtol=0, atol=4e-9 * expected.max())
    half.Free()


def test_coordination(comm):
    """What ``auto`` looks at to choose this solver: a count, hence the same to the last bit."""
    labels = random_labels((11, 9, 7))
    found = [coordination(divide_labels(labels, transform), np.array([False, True, True]), transform)
             for transform in (make((11, 9, 7), comm, False), make((11, 9, 7), ALONE, False))]
    assert found[0] == found[1] > 0


def test_errors_are_raised_on_all_ranks(comm):
    with pytest.raises(InputError, match="knows no -pc_typo"):
        tensor(random_labels((11, 9, 7)), (0.0, 1.0, 0.05), comm, PetscSolver(comm, "-pc_typo 1"))
    assert comm.allreduce(1, op=MPI.SUM) == comm.size
