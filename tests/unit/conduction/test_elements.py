"""Trilinear elements against a dense assembly, exact tensors, bounds and invariances."""

from itertools import product

import numpy as np
import pytest
from helpers.builders import ALONE, conduct, divide_labels, make_transform
from helpers.direct import by_label, periodic_elements
from helpers.systems import solve_elements

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.elements import ElementSystem, conductivity_tensors
from pfsolid.conduction.krylov import conjugate_gradients
from pfsolid.errors import InputError
from pfsolid.grid import PeriodicGrid
from pfsolid.spectral.transform import CosineSlabTransform

RNG = np.random.default_rng(1)
LABELS = RNG.integers(0, 3, (5, 4, 3)).astype(np.uint8)
SPACING = (1.0, 0.7, 1.3)
FACTORS = RNG.standard_normal((3, 3, 3))
SIGMAS = {
    "numbers": np.array([0.2, 1.0, 5.0]),
    "with zeros": np.array([0.0, 1.0, 0.1]),
    "diagonals": RNG.random((3, 3)),
    "tensors": FACTORS @ FACTORS.transpose(0, 2, 1),
    "conducts in planes only": np.array([np.eye(3) - 1 / 3, np.eye(3), np.diag([1.0, 0, 0])]),
}
# Solved to this in double precision what is left is rounding, multiplied by the contrast.
TIGHT = 1e-12


def dense_tensor(labels, sigma, spacing):
    """The same elements with 2 x 2 x 2 Gauss points, assembled and inverted as a dense matrix."""
    shape, tensors = labels.shape, conductivity_tensors(sigma)
    index = np.arange(labels.size).reshape(shape)
    corners = np.array(list(product((0, 1), repeat=3)))
    matrix, load, mean = np.zeros((labels.size,) * 2), np.zeros((labels.size, 3)), np.zeros((3, 3))
    for voxel in np.ndindex(shape):
        nodes = [index[tuple((np.array(voxel) + corner) % shape)] for corner in corners]
        mean += tensors[labels[voxel]] / labels.size
        for point in product(0.5 + np.array([-1, 1]) / np.sqrt(12), repeat=3):
            values = np.where(corners, point, 1 - np.array(point))
            gradients = np.stack([(2 * corners[:, a] - 1) * np.delete(values, a, 1).prod(1) / spacing[a]
                                  for a in range(3)], axis=1)
            np.add.at(matrix, np.ix_(nodes, nodes), gradients @ tensors[labels[voxel]] @ gradients.T / 8)
            np.add.at(load, nodes, gradients @ tensors[labels[voxel]] / 8)
    potentials = np.linalg.pinv(matrix, rcond=1e-12, hermitian=True) @ load
    return mean - load.T @ potentials / labels.size


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4, 1), (1, 4, 3), (2, 1, 1)])
@pytest.mark.parametrize("sigma", SIGMAS.values(), ids=SIGMAS)
def test_against_a_dense_assembly(shape, sigma):
    labels = LABELS[tuple(slice(n) for n in shape)]
    expected = dense_tensor(labels, sigma, SPACING)
    result = solve_elements(labels, sigma, SPACING, rtol=TIGHT)
    assert np.allclose(result.tensor, expected, rtol=0, atol=1e-10 * np.abs(sigma).max())


def is_semidefinite(matrix) -> bool:
    # Rounding, and the error of the two solves, TIGHT.
    return np.linalg.eigvalsh(matrix).min() > -1e-10


@pytest.mark.parametrize("sigma", [(0.2, 1.0, 5.0), (0.0, 1.0, 0.1), (1.0, 1e4, 1e2)])
def test_bounds_from_above_and_below(sigma):
    """Elements bound the voxel image from above and finite volumes from below, on any grid, the closer the finer."""
    labels = np.random.default_rng(2).choice(3, (6, 5, 4), p=[0.15, 0.5, 0.35]).astype(np.uint8)
    options = {"spacing": np.array(SPACING), "dtype": "float64", "rtol": TIGHT}
    above, below = [], []
    for split in (1, 2, 4):
        fine = labels.repeat(split, 0).repeat(split, 1).repeat(split, 2)
        halved = options | {"spacing": options["spacing"] / split}
        above.append(solve_elements(fine, sigma, **halved).tensor / max(sigma))
        below.append(conduct(fine, sigma, **halved).tensor / max(sigma))
    assert all(is_semidefinite(a - b) for a in above for b in below)
    assert is_semidefinite(above[0] - above[1]) and is_semidefinite(above[1] - above[2])
    # Of finite volumes refinement is not known to raise every element; the bracket narrows all the same.
    gaps = [np.trace(a - b) for a, b in zip(above, below)]
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("sigma", [2.5, (1.0, 2.0, 3.0), [[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 3.0]]])
def test_a_single_crystal_needs_no_iteration(sigma):
    result = solve_elements(np.zeros((6, 5, 4), np.uint8), [sigma], SPACING)
    assert result.iterations == (0, 0, 0)
    # The zeros are sums of terms that cancel.
    assert np.allclose(result.tensor, conductivity_tensors([sigma])[0], rtol=1e-14, atol=1e-14)


def test_the_preconditioner_is_the_inverse_in_a_uniform_medium():
    """From any guess one iteration leads to u = 0."""
    transform = make_transform((6, 5, 4), SPACING)
    system = ElementSystem(divide_labels(np.zeros((6, 5, 4), np.uint8), transform), [3.0], transform)
    guess = RNG.standard_normal((6, 5, 4))
    result = solve_tensor(system, [1], rtol=TIGHT, guesses={1: guess})
    assert result.iterations[1] == 1 and result.tensor[1, 1] == pytest.approx(3.0, rel=1e-13)
    assert np.ptp(system.potential) < 1e-13 * np.ptp(guess)


def test_spectrum_lies_between_the_conductivities():
    """Rayleigh quotients of P A: element by element the energies compare as the conductivities do."""
    transform = make_transform(LABELS.shape, SPACING)
    ghosted = divide_labels(LABELS, transform)
    fields = RNG.standard_normal((20, *LABELS.shape))
    quotients = []
    for field in fields:
        energies = []
        for sigma in (SIGMAS["tensors"], np.ones(3)):
            system = ElementSystem(ghosted, sigma, transform)
            transform.real[...] = field
            energies.append(system.advance_direction(0.0))
        quotients.append(energies[0] / energies[1])
    eigenvalues = np.linalg.eigvalsh(SIGMAS["tensors"])
    assert eigenvalues.min() < min(quotients) and max(quotients) < eigenvalues.max()
    system = ElementSystem(ghosted, SIGMAS["tensors"], transform)
    assert system.spectrum_start == pytest.approx(eigenvalues.min())
    assert ElementSystem(ghosted, np.zeros(3), transform).spectrum_start == 1.0
    assert ElementSystem(ghosted, SIGMAS["with zeros"], transform).spectrum_start == pytest.approx(0.1)


def test_start_from_a_guess():
    """The energy of the guess is returned; from the solution nothing is left to do."""
    transform = make_transform(LABELS.shape, SPACING)
    system = ElementSystem(divide_labels(LABELS, transform), SIGMAS["tensors"], transform)
    solved = solve_tensor(system, [0], rtol=TIGHT)
    solution = system.potential.copy()
    again = solve_tensor(system, [0], rtol=1e-6, guesses={0: solution})
    assert again.iterations[0] <= 1 and again.tensor[0, 0] == pytest.approx(solved.tensor[0, 0], rel=1e-12)
    assert system.start(0, solution) == pytest.approx(solved.tensor[0, 0], rel=1e-12)
    # The energy is quadratic about the solution.
    energies = [system.start(0, factor * solution) for factor in (0.0, 1.0, 2.0)]
    assert energies[0] == pytest.approx(energies[2], rel=1e-10) and energies[0] > energies[1]


def test_current_density_has_the_tensor_as_its_mean():
    currents = {}

    def keep(axis, system):
        currents[axis] = system.current_density(axis, dtype=np.float64)

    transform = make_transform(LABELS.shape, SPACING)
    system = ElementSystem(divide_labels(LABELS, transform), SIGMAS["tensors"], transform)
    tensor = solve_tensor(system, (0, 1, 2), rtol=1e-14, on_solved=keep).tensor
    for axis, current in currents.items():
        # The flux is of first order in an error whose square is the tensor's.
        assert np.allclose(current.mean(axis=(0, 1, 2)), tensor[axis], atol=1e-6)


def test_no_current_in_an_insulator():
    """Conductors that are isolated or end dead, and corners of nothing but insulators, are no obstacle."""
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:, 1:3, 1:3] = 1  # a channel
    labels[2, 3:6, 1:3] = 1  # its dead end
    labels[6:7, 5:6, 6:7] = 1
    transform = make_transform(labels.shape)
    system = ElementSystem(divide_labels(labels, transform), (0.0, 2.0), transform)
    result = solve_tensor(system, [0], rtol=1e-8)
    current = system.current_density(0, dtype=np.float64)
    assert np.all(current[labels == 0] == 0.0)
    # Straight, the channel alone has 2 * 4 / 64; the foot of the dead end shortens its way a little.
    assert 0.125 < result.tensor[0, 0] < 0.14


def test_blocks_and_threads_give_the_same_bits():
    """A node's sum is the same one however planes are divided: the product, hence every iterate but its sums."""
    products = []
    for threads in (1, 4):
        transform = make_transform((9, 8, 7), SPACING, threads=threads)
        labels = np.random.default_rng(4).integers(0, 3, (9, 8, 7)).astype(np.uint8)
        system = ElementSystem(divide_labels(labels, transform), SIGMAS["tensors"], transform)
        transform.real[...] = np.random.default_rng(3).standard_normal((9, 8, 7))
        system.advance_direction(0.0)
        system.update(1.0)
        system.residual[...] = 0.0
        system.update(-1.0)
        products.append(system.residual.copy())
    assert np.array_equal(*products)


def test_memory():
    """At most 70 bytes a voxel with the transform's buffers and the potentials kept for the tensor (2 x 4)."""
    shape = (32, 32, 32)
    transform = make_transform(shape, dtype="float32")
    system = ElementSystem(divide_labels(np.zeros(shape, np.uint8), transform), [1.0], transform)
    own = {id(a): a.nbytes for a in vars(system).values() if isinstance(a, np.ndarray)}
    assert (sum(own.values()) + transform.num_bytes) / 32**3 + 8 < 70


@pytest.mark.parametrize("sigma, message", [
    ([1.0, -1.0], "label 1 is -1.0: it must be finite and not negative"),
    ([np.nan], "label 0 is nan"),
    ([[1.0, 2.0]], "each label has a number, 3 numbers"),
    ([[[1.0, 0.5, 0], [0.4, 1, 0], [0, 0, 1]]], "it must be symmetric"),
    ([[[1.0, 2.0, 0], [2.0, 1, 0], [0, 0, 1]]], "must not be negative"),
])
def test_bad_conductivities(sigma, message):
    with pytest.raises(InputError, match=message):
        conductivity_tensors(sigma)


def test_periodic_cells_only():
    transform = CosineSlabTransform(PeriodicGrid((4, 4, 4), (1.0, 1.0, 1.0)), ALONE, planning="estimate")
    with pytest.raises(InputError, match="not plane electrodes"):
        ElementSystem(np.zeros((6, 4, 4), np.uint8), [1.0], transform)


def test_the_potential_of_a_voxel_is_the_mean_of_its_corners():
    transform = make_transform(LABELS.shape, SPACING)
    system = ElementSystem(divide_labels(LABELS, transform), SIGMAS["tensors"], transform)
    system.potential[...] = RNG.random(LABELS.shape)
    expected = np.zeros(LABELS.shape)
    for corner in product((0, -1), repeat=3):
        expected += np.roll(system.potential, corner, (0, 1, 2)) / 8
    assert system.voxel_potential() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("mirrored_axes", [(True, False, False), (False, True, True), (True, True, True)])
def test_a_mirror_image_has_mirrored_tensors(mirrored_axes):
    """Against the dense assembly of the same cell with a label of its own for each mirror image of a tensor."""
    labels, tensors = LABELS, by_label(LABELS, dict(enumerate(SIGMAS["tensors"])))
    for axis in np.flatnonzero(mirrored_axes):
        turn = np.diag(np.where(np.arange(3) == axis, -1.0, 1.0))
        labels = np.concatenate([labels, np.flip(labels, axis)], axis)
        tensors = np.concatenate([tensors, turn @ np.flip(tensors, axis) @ turn], axis)
    transform = make_transform(labels.shape, SPACING, dtype="float64")
    system = ElementSystem(divide_labels(labels, transform), SIGMAS["tensors"], transform, mirrored_axes)
    ours = solve_tensor(system, (0, 1, 2), rtol=TIGHT).tensor
    right = periodic_elements(tensors, SPACING)
    # The direct solve adds 1e-13 to its diagonal; the smallest eigenvalue here is 1e-3 of the largest.
    assert ours == pytest.approx(right, abs=1e-9 * np.trace(right))
    # The mean of the current density is the column of the tensor, whatever the signs.
    system.start(1)
    conjugate_gradients(system, lambda _, estimate: estimate <= TIGHT, 1000)
    mean = system.current_density(1, np.float64).mean(axis=(0, 1, 2))
    assert mean == pytest.approx(ours[:, 1], abs=1e-5 * np.trace(right))
