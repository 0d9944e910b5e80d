"""The multigrid preconditioner as a matrix, and what the solver on it finds, against dense and sparse direct solves."""

import numpy as np
import pytest
from helpers.builders import HU_SIGMA, grow_labels, make_transform
from helpers.multigrid_images import KINDS, balls, dense_matrix, exact_value, pairs, pinholes, system_of, three_phases, wires

from pfsolid.conduction import multigrid
from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.elements import ElementSystem
from pfsolid.conduction.faces import FaceSystem, subvoxel_faces
from pfsolid.conduction.multigrid import Multigrid, MultigridSolver
from pfsolid.conduction.multigrid_estimate import EquivalentErrorEstimate
from pfsolid.errors import ConvergenceError, InputError

SHAPES = ((8, 8, 8), (7, 5, 6), (9, 3, 4), (6, 1, 7), (5, 5, 5), (2, 8, 6), (1, 7, 9))


def apply_to(system, preconditioner, r) -> np.ndarray:
    """M r.  Not by `precondition`, which falls back to another M should r, outside the range of A, have r . M r < 0."""
    system.residual.flat = r
    preconditioner._cycle(0.0)
    return preconditioner.solution.ravel().copy()


def matrices(system) -> tuple[np.ndarray, np.ndarray]:
    """A and M, dense."""
    preconditioner = Multigrid(system)
    columns = [apply_to(system, preconditioner, r) for r in np.eye(system.residual.size)]
    return dense_matrix(system), np.stack(columns, axis=1)


def spectrum(a, m) -> np.ndarray:
    """Eigenvalues of M A on the range of A."""
    values, vectors = np.linalg.eigh(a)
    kept = values > 1e-12 * values.max()
    root = vectors[:, kept] * np.sqrt(values[kept])
    return np.linalg.eigvalsh(root.T @ (m + m.T) @ root / 2)


def random_system(seed, shape, kind):
    """A contrast of up to 1e8, an exact zero every other time, edges and conductivities that differ by axis."""
    rng = np.random.default_rng(seed)
    spacing = (1.0, 1.0, 1.0) if seed % 2 else tuple(10 ** rng.uniform(-0.6, 0.6, 3))
    sigma = np.array([0.0 if rng.random() < 0.5 else 10 ** rng.uniform(-8, 0), 1.0, 10 ** rng.uniform(-8, 0)])
    if rng.random() < 0.25:
        sigma = sigma[:, None] * 10 ** rng.uniform(-1, 1, (3, 3))
    return system_of(kind(shape, rng), sigma, bool(rng.integers(2)), spacing)


# --- the preconditioner ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_symmetric_and_spectrally_equivalent(kind):
    """30 images of each kind: 210 in all, with electrodes and without, odd, flat and two-dimensional cells."""
    smallest, largest = [], []
    for seed in range(30):
        # Seeds 9 and 17 found coarsest levels on which nothing conducts but for rounding.
        a, m = matrices(random_system(seed, SHAPES[seed % len(SHAPES)], kind))
        if not a.any():
            continue
        # Sums of a few hundred products, each rounded: 1e-14 is 50 roundings.  Insulators have no row in A.
        on = np.diag(a) > 0
        assert np.abs(m - m.T)[np.ix_(on, on)].max() <= 1e-14 * np.abs(m).max()
        found = spectrum(a, m)
        smallest.append(found[0])
        largest.append(found[-1])
    assert min(smallest) >= 0.05
    # A cycle stays below 2 and each term for good conductors adds at most 1.
    assert max(largest) < 4


@pytest.mark.parametrize("axis", range(3))
def test_wires_and_floating_pairs(axis):
    """Where an undamped row would ring for ever: straight channels and pairs tied only to each other, in every direction."""
    labels = np.moveaxis(np.zeros((8, 8, 8), np.uint8), 0, axis)
    labels[:, 1, 1] = labels[:, 4, 6] = 1
    labels[2:4, 3, 3] = labels[5:7, 6, 3] = labels[4:6, 7, 1] = 1
    labels = np.moveaxis(labels, 0, axis)
    a, m = matrices(system_of(labels, (0.0, 1.0)))
    # Measured 0.25 and more; without damping the smallest is 0.
    assert spectrum(a, m)[0] > 0.1
    assert np.count_nonzero(np.diag(a)) == labels.sum()


def test_isolated_good_conductors_are_seen_at_any_contrast():
    """Two pairs in reach of the same aggregates: aggregates alone leave an eigenvalue of 20 times the contrast."""
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[3:5, 2, 2] = labels[3:5, 3, 3] = 1
    smallest = [spectrum(*matrices(system_of(labels, (contrast, 1.0))))[0] for contrast in (1e-2, 1e-4, 1e-7)]
    assert min(smallest) > 0.15


def walls_with_pinholes():
    """Two chambers and more behind insulating walls of 33 x 31 voxels with one hole each."""
    labels, rng = np.ones((30, 33, 31), np.uint8), np.random.default_rng(3)
    for low in (4, 13, 22):
        labels[low:low + 2] = 0
        labels[low:low + 2, rng.integers(33), rng.integers(31)] = 1
    return labels


@pytest.mark.parametrize("labels, sigma", [
    (walls_with_pinholes(), (0.0, 1.0)),
    (balls((20, 20, 20), np.random.default_rng(0), 30, 2.3), (1e-5, 1.0)),
    (pairs((16, 16, 16), np.random.default_rng(1)), (1e-5, 1.0)),
], ids=["pinholes", "balls", "pairs"])
def test_spectrally_equivalent_on_larger_images(labels, sigma, monkeypatch):
    """By the smallest Ritz value of a solve to rounding: 0.005, 0.019 and 0.013 without a shift of the chambers between
    pinholes and of the largest conductor."""
    estimates = []

    class Kept(EquivalentErrorEstimate):
        def __init__(self):
            super().__init__()
            estimates.append(self)

    monkeypatch.setattr(multigrid, "EquivalentErrorEstimate", Kept)
    solve(system_of(labels, sigma), rtol=1e-12)
    # Measured 0.08, 0.063 and 0.082; asked is 0.05.
    assert estimates[-1]._smallest_ritz_value() >= 0.05


# --- values ---------------------------------------------------------------------------------------


def solve(system, axes=(0,), rtol=1e-4, solver=None, **options):
    return solve_tensor(system, axes, rtol, 500, solver or MultigridSolver(), **options)


CASES = {
    "wires": (wires, (9, 8, 7), (0.0, 1.0)),
    "pairs in a poor matrix": (pairs, (8, 8, 8), (1e-6, 1.0)),
    "balls 1e3": (balls, (10, 9, 8), (1e-3, 1.0)),
    "balls 1e8": (balls, (10, 9, 8), (1e-8, 1.0)),
    "pinholes": (pinholes, (12, 7, 7), (0.0, 1.0)),
    "three phases": (three_phases, (8, 7, 9), (0.0, 1.0, 0.01)),
    "flat": (three_phases, (20, 1, 13), (0.1, 1.0, 0.01)),
    "a prime line": (three_phases, (23, 1, 1), (0.1, 1.0, 0.01)),
    "diagonal": (three_phases, (8, 7, 9), np.outer([0.1, 1.0, 0.01], [1.0, 20.0, 0.05])),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("electrodes", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_values_and_claimed_errors(name, electrodes, dtype):
    """Against a dense solve, with voxels that are no cubes; the claimed error holds."""
    kind, shape, sigma = CASES[name]
    labels = kind(shape, np.random.default_rng(3))
    spacing = (1.0, 0.7, 1.3)
    exact = exact_value(system_of(labels, sigma, electrodes, spacing), 0)
    for rtol in (1e-2, 1e-4, 1e-6):
        found = solve(system_of(labels, sigma, electrodes, spacing, dtype), rtol=rtol)
        true = found.tensor[0, 0] / exact - 1
        # The value is an energy, hence above; rounding of faces in single precision is 6e-8.  1.5 is asked and holds on the
        # stops of docs/verification.md; in a cell as small as this one pairs were found to reach 2.0.
        assert -2e-7 <= true <= (2.1 if kind is pairs else 1.5) * found.relative_error[0] + 2e-7
        assert found.relative_error[0] <= rtol


def test_pinholes_of_the_report():
    """Three insulating walls with one open column each: the FFT solver claimed 9.7e-5 for 1e-3."""
    rng = np.random.default_rng(0)
    labels = np.ones((20, 20, 20), "u1")
    labels[4:6] = labels[10:12] = labels[16:18] = 0
    for wall in ((4, 6), (10, 12), (16, 18)):
        y, z = rng.integers(0, 20, 2)
        labels[wall[0]:wall[1], y, z] = 1
    exact = solve(system_of(labels, (0.0, 1.0)), rtol=1e-11).tensor[0, 0]
    by_fft = solve_tensor(system_of(labels, (0.0, 1.0)), (0,), 1e-10).tensor[0, 0]
    assert exact == pytest.approx(by_fft, rel=1e-9)
    for rtol in (1e-2, 1e-4, 1e-6):
        found = solve(system_of(labels, (0.0, 1.0), dtype="float32"), rtol=rtol)
        assert abs(found.tensor[0, 0] / exact - 1) <= 1.5 * found.relative_error[0] <= 1.5 * rtol


@pytest.mark.parametrize("shape, spacing", [((24, 24, 24), (1.0,) * 3), ((23, 17, 20), (1.0, 1.0, 3.0)),
                                            ((24, 16, 18), (0.4, 2.0, 1.0))])
def test_same_tensor_as_by_fft(shape, spacing):
    labels = grow_labels(shape, 0.4)
    expected = solve_tensor(system_of(labels, HU_SIGMA, spacing=spacing), (0, 1, 2), 1e-9)
    found = solve(system_of(labels, HU_SIGMA, spacing=spacing), (0, 1, 2), 1e-9)
    # Two errors of at most 1e-9 of the diagonal each; elements off it are of the same absolute accuracy.
    assert np.allclose(found.tensor, expected.tensor, rtol=0, atol=4e-9 * expected.tensor.max())
    # Measured 9 to 12 where the FFT takes 40 to 80.
    assert max(found.iterations) <= 20


def test_interface_resistance():
    labels = three_phases((9, 8, 7), np.random.default_rng(1))
    system = [system_of(labels, (0.5, 1.0, 0.2), interface_resistance={(0, 1): 3.0, (1, 2): 0.4}) for _ in range(2)]
    exact = exact_value(system[0], 2)
    assert solve(system[1], (2,), 1e-8).tensor[2, 2] == pytest.approx(exact, rel=2e-8)


def test_faces_below_the_voxel():
    transform = make_transform((9, 8, 7))
    rho = np.random.default_rng(1).random((9, 8, 7))
    faces = subvoxel_faces(rho, (0.2, 0.7), (0.0, 1.0, 0.01), transform, "float64")
    exact = exact_value(FaceSystem(faces, transform), 1)
    assert solve(FaceSystem(faces, transform), (1,), 1e-8).tensor[1, 1] == pytest.approx(exact, rel=2e-8)


def test_uniform_medium_takes_no_iteration():
    found = solve(system_of(np.ones((7, 6, 5), np.uint8), (0.0, 2.0)), (0, 1, 2))
    assert found.iterations == (0, 0, 0) and np.allclose(found.tensor, 2 * np.eye(3), rtol=1e-15)


def test_it_goes_on_from_a_guess():
    labels, guesses = three_phases((12, 12, 12), np.random.default_rng(1)), {}
    cold = solve(system_of(labels, (0.0, 1.0, 0.1)), (0, 1, 2), 1e-6,
                 on_solved=lambda axis, system: guesses.update({axis: system.potential.copy()}))
    warm = solve(system_of(labels, (0.0, 1.0, 0.101)), (0, 1, 2), 1e-6, guesses=guesses)
    assert max(warm.iterations) < min(cold.iterations)
    exact = solve(system_of(labels, (0.0, 1.0, 0.101)), (0, 1, 2), 1e-10).tensor
    assert np.allclose(warm.tensor, exact, rtol=0, atol=2e-6)


def test_levels_serve_all_fields():
    solver, seen = MultigridSolver(), []
    solve(system_of(three_phases((8, 8, 8), np.random.default_rng(1)), (0.0, 1.0, 0.1)), (0, 1, 2), solver=solver,
          on_solved=lambda *_: seen.append(solver._preconditioner))
    assert seen[0] is seen[1] is seen[2]


def test_a_cycle_that_is_not_positive_definite_gives_way(monkeypatch):
    """r . z <= 0 of a W-cycle: V-cycles from there on, and the right value."""
    labels = three_phases((16, 16, 16), np.random.default_rng(1))
    expected = solve(system_of(labels, (0.0, 1.0, 0.1)), rtol=1e-9).tensor[0, 0]
    system, solver = system_of(labels, (0.0, 1.0, 0.1)), MultigridSolver()
    cycle = Multigrid._cycle

    def broken(self, alpha):
        value = cycle(self, alpha)
        broken.count += 1
        return -value if self._levels.twice and broken.count > 2 else value

    broken.count = 0
    monkeypatch.setattr(Multigrid, "_cycle", broken)
    found = solve(system, rtol=1e-9, solver=solver)
    assert not solver._preconditioner._levels.twice and found.tensor[0, 0] == pytest.approx(expected, rel=4e-9)


def test_a_residual_of_rounding_errors_has_no_sign(monkeypatch):
    """Few voxels are solved to the last digit before the estimate says so: r . z = -1e-48 there is 0, not a wrong cycle."""
    labels, sigma = three_phases((4, 4, 1), np.random.default_rng(1)), (1e-4, 1.0, 0.1)
    system, cycle, seen = system_of(labels, sigma), Multigrid._cycle, []

    def rounded(self, alpha):
        seen.append(cycle(self, alpha))
        return seen[-1] if seen[-1] > 1e-27 * seen[0] else -1e-28 * seen[0]

    monkeypatch.setattr(Multigrid, "_cycle", rounded)
    energy = system.start(0)
    found = energy - MultigridSolver()(system, lambda energy, estimate: False, 100).energy
    assert seen[-1] <= 1e-27 * seen[0]  # it did come to that
    # 1e-11: rounding, times a contrast of 1e4 that takes four digits.
    assert found == pytest.approx(exact_value(system_of(labels, sigma), 0), rel=1e-11)


def test_running_out_of_iterations():
    with pytest.raises(ConvergenceError, match="1 iterations"):
        solve_tensor(system_of(three_phases((12, 12, 12), np.random.default_rng(1)), (0.0, 1.0, 0.1)), (0,), 1e-9, 1,
                     MultigridSolver())


def test_elements_are_refused():
    transform = make_transform((4, 4, 4))
    system = ElementSystem(np.ones((6, 4, 4), np.uint8), (0.0, 1.0), transform)
    with pytest.raises(InputError, match="finite volumes"):
        solve(system)


def test_an_estimate_that_begins_anew_remembers():
    """Behind a small eigenvalue the first step after a restart says little: on 128^3 voxels near a threshold a quarter."""
    before = EquivalentErrorEstimate()
    for alpha, r_z in ((1.0, 1.0), (4.0, 0.5), (6.0, 0.4)):
        last = before.add(alpha, r_z)
    fresh, again = EquivalentErrorEstimate(), EquivalentErrorEstimate(before)
    assert fresh.add(1.0, 0.1) < last == again.add(1.0, 0.1)
    assert again.add(1.0, 0.05) > fresh.add(1.0, 0.05)
