"""Phases, face conductances and effective conductivities of cells that can be solved by hand."""

import numpy as np
import pytest
from helpers.builders import conduct, divide_labels, effective_conductivity, make_transform

from pfsolid.conduction.effective import preconditioner_precision, solve_tensor
from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.krylov import CGResult
from pfsolid.conduction.phases import check_conductivities, labels_from_density
from pfsolid.errors import ConvergenceError, InputError

RNG = np.random.default_rng(1)
RANDOM = RNG.integers(0, 3, (9, 8, 7)).astype(np.uint8)


def layers(shape, axis, widths):
    """Labels 0, 1, 2, ... in layers normal to an axis."""
    profile = np.repeat(np.arange(len(widths)), widths).astype(np.uint8)
    return np.broadcast_to(np.expand_dims(profile, tuple({0, 1, 2} - {axis})), shape).copy()


def solve_all_axes(labels, sigma, **options):
    """Without asking what percolates."""
    transform = make_transform(labels.shape)
    return effective_conductivity(divide_labels(labels, transform), sigma, transform, (True,) * 3, **options)


# --- phases and faces ---------------------------------------------------------------------------------------


def test_thresholds():
    rho = np.array([0.0, 0.0999, 0.1, 0.5, 0.9, 0.9001, 1.0]).reshape(7, 1, 1)
    labels = labels_from_density(rho, 0.1, 0.9, make_transform(rho.shape))
    # A threshold itself belongs to the surface: pore is below, bulk above.
    assert labels[1:-1].ravel().tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert labels[0, 0, 0] == 2 and labels[-1, 0, 0] == 0  # periodic ghosts


def face(axis, pair, sigma, spacing=1.0, resistance=None):
    """Conductivity of the face between two labels, normal to an axis."""
    shape = [1, 1, 1]
    shape[axis] = 2
    transform = make_transform(tuple(shape), spacing, dtype="float64")
    labels = divide_labels(np.array(pair, np.uint8).reshape(shape), transform)
    return ConductionSystem(labels, np.array(sigma), transform, resistance).faces[axis, 1, 0, 0]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_faces_between_labels(axis):
    for pair, mean in {(0, 1): 0.0, (1, 1): 1.0, (1, 2): 1.5, (2, 1): 1.5, (2, 2): 3.0, (0, 0): 0.0}.items():
        assert face(axis, pair, [0.0, 1.0, 3.0], (1.0, 2.0, 0.5)) == mean
    sigma = [[1.0, 2.0, 0.0], [3.0, 2.0, 5.0]]
    assert face(axis, (0, 1), sigma) == [1.5, 2.0, 0.0][axis] and face(axis, (1, 1), sigma) == [3.0, 2.0, 5.0][axis]


@pytest.mark.parametrize("axis, h", [(0, 1.0), (1, 2.0), (2, 0.5)])
def test_interface_resistance_in_series(axis, h):
    def conducts(a, b, sigma=(1.0, 3.0, 0.0), value=0.7):
        return face(axis, (a, b), sigma, (1.0, 2.0, 0.5), {(1, 0): value})

    assert conducts(0, 1) == conducts(1, 0) == pytest.approx(h / (h / 2 * (1 + 1 / 3) + 0.7), rel=1e-15)
    assert [conducts(n, n) for n in range(3)] == [1, 3, 0] and conducts(0, 2) == conducts(2, 1) == 0
    assert conducts(0, 1, value=np.inf) == 0 and conducts(0, 0, value=np.inf) == 1


@pytest.mark.parametrize("resistance, says", [({(0, 1): -1.0}, "not be negative"), ({(0, 1): np.nan}, "not be negative"),
                                              ({(0, 0): 1.0}, "two different labels"), ({(0, 3): 1.0}, "from 0 to 1"),
                                              ({(0, 1): 1.0, (1, 0): 2.0}, "given twice")])
def test_bad_interface_resistance(resistance, says):
    with pytest.raises(InputError, match=says):
        face(0, (0, 1), np.ones(2), resistance=resistance)


@pytest.mark.parametrize("sigma", [(-1.0, 1.0), (1.0, np.nan), (np.inf, 1.0), ((1.0, 1.0, -1.0), (1.0, 1.0, 1.0))])
def test_bad_conductivities(sigma):
    with pytest.raises(InputError, match="finite and not negative"):
        check_conductivities(np.array(sigma))
    with pytest.raises(InputError):
        solve_all_axes(RANDOM % 2, sigma)


TENSOR = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("tensor, says", [(TENSOR - 2 * np.eye(3), "eigenvalues"), (np.triu(TENSOR), "symmetric"),
                                          (TENSOR * np.nan, "finite"), (TENSOR[:2], "3 x 3 tensor")])
def test_bad_conductivity_tensors(tensor, says):
    with pytest.raises(InputError, match=says):
        check_conductivities(np.array([tensor]))


def test_tensors_are_for_another_discretisation():
    check_conductivities(np.array([TENSOR, 0 * TENSOR]))
    with pytest.raises(InputError, match="label 1 .* element discretisation"):
        face(0, (0, 1), [np.eye(3), TENSOR])
    diagonal = np.array([np.eye(3), np.diag([1.0, 2.0, 3.0])])
    assert np.array_equal(solve_all_axes(RANDOM % 2, diagonal).tensor,
                          solve_all_axes(RANDOM % 2, [[1, 1, 1], [1, 2, 3]]).tensor)


def test_label_without_conductivity():
    with pytest.raises(InputError, match="label 2 has no conductivity: 2 are given"):
        solve_all_axes(RANDOM, (1.0, 2.0))


def test_precision_of_the_transform():
    assert preconditioner_precision(1e-4) == "float32"
    assert preconditioner_precision(1e-9) == "float64"


# --- cells with a known tensor ------------------------------------------------------------------------------


def test_uniform_medium_needs_no_iteration():
    result = conduct(np.ones((6, 5, 4), np.uint8), (0.0, 2.5))
    assert np.array_equal(result.tensor, 2.5 * np.eye(3))
    assert result.iterations == (0, 0, 0) and result.relative_error == (0, 0, 0) and result.asymmetry == 0


LAMINATES = {"isotropic": [1.0, 30.0, 3e-3], "contrast 1e8": [1e-8, 1e-4, 1.0],
             "anisotropic": [[1.0, 30.0, 2.0], [0.3, 0.0, 7.0], [5.0, 3.0, 3e-3]]}


@pytest.mark.parametrize("resistance", [0.0, 3.0])
@pytest.mark.parametrize("sigma", LAMINATES.values(), ids=LAMINATES)
@pytest.mark.parametrize("axis", range(3))
def test_laminate(axis, sigma, resistance):
    """Harmonic mean across, arithmetic along: exact, for a linear potential in each layer is exact on voxels.

    So is a resistance of the interfaces, of which there are two like it: the third, that closes the cell, has none.
    """
    shape, spacing = tuple(12 if i == axis else 4 for i in range(3)), (0.5, 1.0, 2.0)
    widths, sigma = [3, 4, 5], np.array(sigma)
    each = sigma if sigma.ndim == 2 else np.repeat(sigma[:, None], 3, axis=1)
    # The error of the value is of the order of rtol; that of a double-precision solve to 1e-12 is rounding.
    transform = make_transform(shape, spacing)
    fractions = np.array(widths) / 12
    expected = fractions @ each
    across = each[:, axis]
    series = fractions @ (1 / across) + 2 * resistance / (12 * spacing[axis]) if across.all() else np.inf
    expected[axis] = 1 / series
    result = effective_conductivity(divide_labels(layers(shape, axis, widths), transform), sigma, transform, expected > 0,
                                    rtol=1e-12, interface_resistance={(0, 1): resistance, (2, 1): resistance})
    assert np.allclose(np.diag(result.tensor), expected, rtol=1e-10)
    assert np.allclose(result.tensor - np.diag(np.diag(result.tensor)), 0, atol=1e-10)


@pytest.mark.parametrize("axis", range(3))
def test_laminate_with_an_insulating_layer(axis):
    shape = tuple(8 if i == axis else 4 for i in range(3))
    result = conduct(layers(shape, axis, [2, 6]), (0.0, 4.0))
    expected = np.full(3, 3.0)
    expected[axis] = 0.0
    assert np.diag(result.tensor)[axis] == 0.0  # exactly, and without a solve
    assert np.allclose(np.diag(result.tensor), expected, rtol=1e-14)
    assert result.percolating == tuple(i != axis for i in range(3))
    assert result.iterations[axis] == 0


def test_insulator_everywhere():
    result = conduct(RANDOM, (0.0, 0.0, 0.0))
    assert np.all(result.tensor == 0.0) and result.iterations == (0, 0, 0)
    assert result.percolating == (False,) * 3 and result.mean == 0.0


def test_isolated_conductor():
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    result = conduct(labels, (0.0, 1.0))
    assert np.all(result.tensor == 0.0)


def test_a_slanted_channel_conducts_both_its_axes_equally():
    """One staircase wire round x and y: whatever drives it, the same current leaves along both, so rank one.

    2 n voxels of cross section h^2 in a row under the voltage n h (E_x + E_y), its flux averaged over the
    cell.
    """
    n = 6
    labels = np.zeros((n, n, 3), np.uint8)
    for i in range(n):
        labels[i, i, 1] = labels[i, (i + 1) % n, 1] = 1
    result = conduct(labels, (0.0, 1.0), rtol=1e-8, dtype="float64")
    expected = 1 / (2 * n * 3)
    assert result.percolating == (True, True, False)
    assert np.allclose(result.tensor[:2, :2], expected, rtol=1e-7)
    assert np.all(result.tensor[2] == 0)


@pytest.mark.parametrize("shape", [(8, 6, 1), (8, 1, 6), (1, 8, 6)])
def test_one_voxel_thick(shape):
    """Along the thin axis nothing changes: the arithmetic mean, without a solve.  Across it a 2-D problem."""
    labels = np.random.default_rng(2).integers(0, 2, shape).astype(np.uint8)
    thick = conduct(np.repeat(labels, 3, axis=shape.index(1)), (1.0, 7.0), rtol=1e-10, dtype="float64")
    thin = conduct(labels, (1.0, 7.0), rtol=1e-10, dtype="float64")
    assert np.allclose(thin.tensor, thick.tensor, rtol=1e-8, atol=1e-8)
    axis = shape.index(1)
    assert thin.iterations[axis] == 0
    assert thin.tensor[axis, axis] == pytest.approx(1 + 6 * labels.mean(), rel=1e-14)


def test_single_voxel():
    assert np.array_equal(conduct(np.ones((1, 1, 1), np.uint8), (0.0, 3.0)).tensor, 3 * np.eye(3))


# --- invariances --------------------------------------------------------------------------------------------


def solve_random(labels=RANDOM, sigma=(0.2, 1.0, 5.0), **options):
    return conduct(labels, sigma, **{"rtol": 1e-9, "dtype": "float64"} | options)


def test_units_carry_over():
    first, second = solve_random(), solve_random(sigma=(0.2e-9, 1e-9, 5e-9))
    assert np.allclose(second.tensor, 1e-9 * first.tensor, rtol=1e-12)
    assert first.iterations == second.iterations


def test_only_the_shape_of_a_voxel_counts():
    first, second = solve_random(spacing=(1.0, 2.0, 3.0)), solve_random(spacing=(1e-9, 2e-9, 3e-9))
    # The residual tensor is that of rtol 1e-9 with slightly different rounding.
    assert np.allclose(first.tensor, second.tensor, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("axes", [(1, 2, 0), (2, 1, 0), (0, 2, 1)])
def test_permuted_axes_permute_the_tensor(axes):
    spacing = (1.0, 0.7, 1.3)
    tensor = solve_random(spacing=spacing).tensor
    permuted = solve_random(RANDOM.transpose(axes).copy(), spacing=tuple(spacing[a] for a in axes)).tensor
    assert np.allclose(permuted, tensor[np.ix_(axes, axes)], rtol=0, atol=1e-8)


def test_reflection_and_translation():
    tensor = solve_random().tensor
    moved = solve_random(np.roll(RANDOM, (2, 3, 4), (0, 1, 2))).tensor
    mirrored = solve_random(RANDOM[::-1].copy()).tensor
    sign = np.array([-1, 1, 1])
    assert np.allclose(moved, tensor, rtol=0, atol=1e-8)
    assert np.allclose(mirrored, tensor * np.outer(sign, sign), rtol=0, atol=1e-8)


def test_two_cells_are_as_good_as_one():
    tensor = solve_random().tensor
    assert np.allclose(solve_random(np.tile(RANDOM, (2, 1, 2))).tensor, tensor, rtol=0, atol=1e-8)


def test_precision_of_the_preconditioner_does_not_matter():
    single, double = solve_random(rtol=1e-5, dtype="float32"), solve_random(rtol=1e-5)
    assert single.iterations == double.iterations
    assert np.allclose(single.tensor, double.tensor, rtol=1e-6, atol=1e-6)


# --- where to start and when to stop ------------------------------------------------------------------------


def solve_from(guesses, sigma=(0.2, 1.0, 5.0), labels=RANDOM, **options):
    """Value, and the potentials that a next solve may start from."""
    transform = make_transform(labels.shape, **options)
    potentials, values = {}, {}

    def keep(axis, system):
        potentials[axis] = system.potential.copy()

    def watch(axis, iteration, value, error):
        values[axis] = value

    result = effective_conductivity(divide_labels(labels, transform), sigma, transform, (True,) * 3, rtol=1e-6,
                                    guesses=guesses, on_solved=keep, on_iteration=watch)
    return result, potentials, values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_starting_from_the_solution(dtype):
    cold, potentials, _ = solve_from(None, dtype=dtype)
    warm, again, _ = solve_from(potentials, dtype=dtype)
    # An iteration is needed where the bound on the error is above it by more than the last iteration went below rtol.
    assert max(warm.iterations) <= 2 < min(cold.iterations)
    assert np.allclose(warm.tensor, cold.tensor, rtol=2e-6, atol=2e-6)
    assert max(warm.relative_error) <= 1e-6
    for axis in range(3):
        assert np.allclose(again[axis], potentials[axis], atol=1e-2)


def test_starting_from_another_temperature():
    """Conductivities some percent off: fewer iterations; energy and error are those of the value, guess included."""
    sigma = np.array([0.0, 1.0, 0.03])
    _, potentials, _ = solve_from(None, sigma * [1, 1, 0.9])
    cold, _, _ = solve_from(None, sigma)
    warm, _, values = solve_from(potentials, sigma)
    assert all(w <= 0.8 * c for w, c in zip(warm.iterations, cold.iterations))
    for axis in range(3):
        # Both within the 1e-6 that was asked for, times the two that the estimate may be off by.
        assert warm.tensor[axis, axis] == pytest.approx(cold.tensor[axis, axis], rel=2e-6)
        assert values[axis] == pytest.approx(warm.tensor[axis, axis], rel=1e-9)


def test_any_guess_will_do():
    cold, _, _ = solve_from(None)
    noise = {axis: np.random.default_rng(axis).standard_normal(RANDOM.shape) for axis in range(3)}
    assert np.allclose(solve_from(noise)[0].tensor, cold.tensor, rtol=4e-6, atol=4e-6)


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
@pytest.mark.parametrize("pore", [0.0, 1e-18])
def test_blocked_but_said_to_percolate(pore, rtol):
    """sigma_eff is below what can be told from 0: the solve ends there, at once."""
    labels = 1 - (RANDOM == 0).astype(np.uint8)
    labels[4] = 0
    for dtype in ("float32", "float64"):
        transform = make_transform(labels.shape, dtype=dtype)
        result = effective_conductivity(divide_labels(labels, transform), (pore, 1.0), transform, (True, False, False),
                                        rtol=rtol, max_iterations=100)
        assert abs(result.tensor[0, 0]) < 1e-12 and result.relative_error[0] <= rtol


def test_nothing_conducts_but_said_to_percolate():
    transform = make_transform((4, 4, 4))
    result = effective_conductivity(np.zeros((6, 4, 4), np.uint8), (0.0, 1.0), transform, (True,) * 3)
    assert np.array_equal(result.tensor, np.zeros((3, 3))) and result.iterations == (0, 0, 0)


# --- what a caller can see of a solve -----------------------------------------------------------------------


def test_progress():
    progress = []
    result = solve_random(rtol=1e-6, on_iteration=lambda *values: progress.append(values))
    for axis in range(3):
        own = [values for values in progress if values[0] == axis]
        assert [values[1] for values in own] == list(range(1, result.iterations[axis] + 1))
        values = [value for _, _, value, _ in own]
        # sigma_eff is approached from above: the energy of any trial potential is too high.
        assert np.all(np.diff(values) <= 0)
        assert values[-1] == pytest.approx(result.tensor[axis, axis], rel=1e-9)
        assert own[-1][3] == pytest.approx(result.relative_error[axis], rel=1e-12) and own[-1][3] <= 1e-6


def test_running_out_of_iterations():
    with pytest.raises(ConvergenceError, match="3 iterations"):
        solve_random(max_iterations=3)


def test_an_interrupt_ends_the_solve():
    def interrupt(axis, iteration, value, error):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_random(on_iteration=interrupt)


def test_current_density():
    """Its mean is the column of the tensor, and there is none in the insulator."""
    sigma = np.array([0.0, 1.0, 5.0])
    currents = {}

    def keep(axis, system):
        # The system is solved in units of the largest conductivity.
        currents[axis] = sigma.max() * system.current_density(axis, dtype=np.float64)

    labels = np.where(np.indices((9, 8, 7)).sum(0) % 4 == 0, 0, 1 + RANDOM % 2).astype(np.uint8)
    result = conduct(labels, sigma, rtol=1e-12, dtype="float64", on_solved=keep)
    assert result.percolating == (True,) * 3
    for axis, current in currents.items():
        # The tensor converges as the square of the potential; the flux, first order, is good to sqrt(1e-12).
        assert np.allclose(current.mean(axis=(0, 1, 2)), result.tensor[axis], atol=1e-5)
        assert np.all(current[labels == 0] == 0.0)


def test_residual_is_that_of_the_potential():
    """A u = b, with A and b written once more in numpy."""
    transform = make_transform(RANDOM.shape, (1.0, 0.7, 1.3))
    sigma = np.array([0.2, 1.0, 5.0])
    found = {}

    def check(axis, system):
        field = np.zeros(RANDOM.shape)
        for i, h in enumerate((1.0, 0.7, 1.3)):
            ahead = np.roll(RANDOM, -1, i)
            face = 2 * sigma[RANDOM] * sigma[ahead] / (sigma[RANDOM] + sigma[ahead])
            flux = face * ((i == axis) - (np.roll(system.potential, -1, i) - system.potential) / h)
            found[axis, i] = flux.mean()
            field -= (flux - np.roll(flux, 1, i)) / h
        unit = sigma.max()
        assert np.allclose(field / unit, system.residual, atol=1e-12)
        assert np.abs(field).max() < 1e-4

    result = effective_conductivity(divide_labels(RANDOM, transform), sigma, transform, (True,) * 3, rtol=1e-11,
                                    on_solved=check)
    for (axis, other), flux in found.items():
        assert flux == pytest.approx(result.tensor[axis, other], abs=1e-4)


def test_any_system_and_any_solver():
    """solve_tensor with a solver of a few lines: steepest descent, each step of which is a first of conjugate gradients."""
    def descend(system, is_converged, max_iterations, on_iteration=None):
        energy = 0.0
        for iteration in range(max_iterations):
            r_z = system.precondition()
            if is_converged(energy, 5 * r_z):  # 1 / spectrum_start
                return CGResult(energy, 5 * r_z, iteration)
            alpha = r_z / system.advance_direction(0.0)
            system.update(alpha)
            energy += alpha * r_z

    transform = make_transform(RANDOM.shape)
    system = ConductionSystem(divide_labels(RANDOM, transform), np.array([0.2, 0.5, 1.0]), transform)
    plain = solve_tensor(system, [0, 2], 1e-7, solver=descend)
    usual = solve_tensor(system, [0, 2], 1e-7)
    assert plain.percolating == (True, False, True) and np.all(plain.tensor[1] == 0)
    assert min(np.array(plain.iterations)[[0, 2]]) > max(usual.iterations)
    assert np.allclose(plain.tensor, usual.tensor, rtol=0, atol=2e-7)


def test_blocks_and_threads_do_not_change_the_operator():
    """p . A p through blocks of planes, for as many blocks as one and as four threads have."""
    values = []
    for threads in (1, 4):
        transform = make_transform(RANDOM.shape, threads=threads)
        system = ConductionSystem(divide_labels(RANDOM, transform), np.array([0.2, 1.0, 5.0]), transform)
        transform.real[...] = np.random.default_rng(3).standard_normal(RANDOM.shape)
        values.append(system.advance_direction(0.0))
    # The same terms in another order.
    assert values[0] == pytest.approx(values[1], rel=1e-13)
