"""Complex conduction: laminates, bricks, checkerboards, limits, a direct solve, and the error that is claimed."""

import numpy as np
import pytest
from helpers import admittances, multigrid_images
from helpers.admittances import direct_value, solved, system_of
from helpers.builders import ALONE

from pfsolid.conduction.cocg import ModulusMultigrid, solve_field
from pfsolid.errors import InputError
from pfsolid.pairs import PairValues

FREQUENCIES = np.logspace(-3, 3, 10)
R, C = 3.0, 0.3


def y_of(omega, sigma=(1.0, 0.01), permittivity=(0.1, 0.5)):
    return np.array(sigma) + 1j * omega * np.array(permittivity)


def boundary_of(omega, resistance=R, capacitance=C):
    return 1 / (1 / resistance + 1j * omega * capacitance)


def layers(shape, thickness, axis):
    return np.broadcast_to((np.arange(shape[axis]) // thickness % 2).reshape([-1 if a == axis else 1 for a in range(3)]),
                           shape).astype(np.uint8)


def cubes(n, edge):
    """Every cube has another label."""
    number = np.arange(n) // edge
    side = n // edge
    return ((number[:, None, None] * side + number[None, :, None]) * side + number[None, None, :]).astype(np.uint8)


def oblique(n):
    """Layers at 45 degrees, half of either label."""
    i, j = np.indices((n, n))
    return ((i + j) % n < n // 2).astype(np.uint8)[..., None]


# --- exact cases ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("along", [0, 1, 2])
def test_layers_along_and_across_at_ten_frequencies(along):
    system = system_of(layers((8, 8, 8), 2, along), spacing=(1.0, 0.5, 2.0), resistance=R, capacitance=C)
    thickness = 2 * system.spacing[along]
    for omega in FREQUENCIES:
        y = y_of(omega)
        across = 1 / (np.mean(1 / y) + boundary_of(omega) / thickness)
        for axis in range(3):
            expected = across if axis == along else y.mean()
            # The solver stops at 1e-12; what is asked for is 1e-10.
            assert solved(system, y, omega, axis).value == pytest.approx(expected, rel=1e-10)


def test_layers_between_electrodes_with_resistances_of_plates():
    system = system_of(layers((8, 4, 4), 4, 0), electrodes=True, resistance=R, capacitance=C, plate_resistance=(0.5, 2.0))
    y = y_of(1.0)
    expected = 8 / (4 / y[0] + 4 / y[1] + boundary_of(1.0) + 2.5)
    assert solved(system, y).value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("omega", [1e-6, 0.1, 10.0, 1e4])
def test_cubes_of_one_kind_with_r_and_c_on_all_faces(omega):
    system = system_of(cubes(8, 4), resistance=R, capacitance=C)
    y = np.full(8, 1 + 0.1j * omega)
    assert solved(system, y, omega).value == pytest.approx(1 / (1 / y[0] + boundary_of(omega) / 4), rel=1e-10)


@pytest.mark.parametrize("normals", ["smoothed", "faces"])
def test_boundaries_of_infinite_resistance_conduct_by_their_capacitance(normals):
    system = system_of(cubes(16, 8), resistance=np.inf, capacitance=C, normals=normals)
    y, omega = np.ones(8, complex), 0.7
    # Smoothed normals are those of the cubes but for the rounding of their sums.
    assert solved(system, y, omega).value == pytest.approx(1 / (1 + 1 / (1j * omega * C) / 8), rel=1e-6)


def test_checkerboard_is_the_geometric_mean_with_the_order_of_its_corners():
    """Dykhne's sqrt(y1 y2), of complex admittivities too; u grows as r^s at corners, tan(pi s / 4)^2 being y1 / y2."""
    y, errors = np.array([1 + 0.1j, 0.05 + 0.02j]), []
    order = 2 * (4 / np.pi * np.arctan(np.sqrt(y[1] / y[0]))).real
    for n in (8, 16, 32):
        i, j = np.indices((n, n)) // (n // 2)
        value = solved(system_of(((i + j) % 2).astype(np.uint8)[..., None]), y).value
        errors.append(abs(value / np.sqrt(y[0] * y[1]) - 1))
    # The error is the energy near the corners, h^2s, and the next order is not gone on so few voxels.
    assert errors[2] < 0.2 and abs(np.log2(errors[1] / errors[2]) - order) < 0.15


def test_oblique_layers_converge_to_the_rotated_tensor_and_equal_a_direct_solve():
    y, errors = np.array([1 + 0.5j, 0.1 + 1j]), []
    expected = (y.mean() + 1 / np.mean(1 / y)) / 2
    for n in (8, 16, 32):
        labels = oblique(n)
        value = solved(system_of(labels), y).value
        assert value == pytest.approx(direct_value(labels, y), rel=1e-10)
        errors.append(abs(value / expected - 1))
    # First order: the staircase's corners are a part 1 / n of a layer.
    assert all(1.7 < a / b < 2.4 for a, b in zip(errors, errors[1:]))


@pytest.mark.parametrize("electrodes", [False, True])
def test_any_image_equals_a_direct_solve(electrodes):
    rng = np.random.default_rng(3)
    for kind in (multigrid_images.three_phases, multigrid_images.balls, multigrid_images.wires):
        labels = kind((7, 6, 5), rng)
        y = rng.random((3, 3)) + 1j * 10 ** rng.uniform(-3, 3, (3, 3))
        system = system_of(labels, electrodes, (1.0, 0.7, 1.3), R, C)
        expected = direct_value(labels, y, 0, (1.0, 0.7, 1.3), boundary_of(0.4), electrodes)
        assert solved(system, y, 0.4).value == pytest.approx(expected, rel=1e-9)


def test_limits_are_those_of_conductivities_and_of_permittivities():
    labels = multigrid_images.balls((8, 8, 8), np.random.default_rng(1))
    sigma, permittivity = np.array([1.0, 0.02]), np.array([0.3, 4.0])
    system = system_of(labels)
    low, high = (solved(system, sigma + 1j * omega * permittivity).value for omega in (1e-9, 1e9))
    of_sigma, of_permittivity = (multigrid_images.exact_value(multigrid_images.system_of(labels, one), 0)
                                 for one in (sigma, permittivity))
    # What the other part adds is of the order of omega tau and of its inverse.
    assert low == pytest.approx(of_sigma, rel=1e-8)
    assert high / 1e9 == pytest.approx(1j * of_permittivity, rel=1e-8)


def test_passive_everywhere():
    rng = np.random.default_rng(5)
    for omega in FREQUENCIES:
        value = solved(system_of(multigrid_images.by_lot((6, 6, 6), rng)), y_of(omega, (1.0, 0.0), (0.2, 1.0))).value
        assert value.real >= 0 and value.imag >= 0


# --- the solver -------------------------------------------------------------------------------------------------


def test_earlier_potentials_are_combined():
    """Two of them span that of a third frequency where one admittivity is all that varies: there is nothing to iterate."""
    system = system_of(layers((8, 4, 4), 2, 0), resistance=R, capacitance=C)
    earlier = []
    for omega in (0.1, 1.0, 10.0):
        found = solved(system, y_of(omega), omega, earlier=earlier)
        kept = np.zeros_like(system.direction)
        kept[:, 1:-1] = system.potential
        system.fill_ghosts(kept)
        earlier.append(kept)
    assert found.iterations == 0
    assert found.value == pytest.approx(1 / (np.mean(1 / y_of(10.0)) + boundary_of(10.0) / 2), rel=1e-10)


class _Identity:
    """A preconditioner under which r . M r of what follows is 0."""

    smallest = 1.0

    def __init__(self, system):
        self.direction = np.empty_like(system.residual)

    def apply(self, residual):
        self.direction[...] = residual
        return float(np.sum(residual**2)) / residual[0].size


def test_goes_on_where_r_m_r_is_zero():
    """Two channels side by side whose forces are 1 and i times the same: r . r = 0 at the start."""
    system = system_of(np.zeros((2, 2, 1), np.uint8))
    # Nothing flows between the channels; forces are differences of the faces within them, made equal but for i.
    system.faces[...] = 0.0
    system.faces[0, 0, :, 0, 0], system.faces[0, 0, 1, 0, 0] = 1.0, 2.0
    system.faces[0, 0, :, 1, 0], system.faces[1, 0, 1, 1, 0] = 1.0, 1.0
    found = solve_field(system, _Identity(system), 0, 1e-12, 50)
    expected = (1 / (0.5 / 1 + 0.5 / 2) + 1 / (0.5 / 1 + 0.5 / (1 + 1j))) / 2  # faces in series
    assert found.restarts > 0 and found.value == pytest.approx(expected, rel=1e-10)


def test_a_field_across_plane_electrodes_is_refused():
    system = system_of(layers((4, 4, 4), 2, 0), electrodes=True)
    with pytest.raises(InputError, match="between plane electrodes"):
        solved(system, y_of(1.0), axis=1)


def test_capacitances_of_pairs():
    """A pair of its own beside all others: three layers of two voxels, so three boundaries, two of them the pair's."""
    labels = np.repeat(np.array([0, 1, 0, 2], np.uint8), 2)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    system = system_of(labels, resistance=PairValues.of({(0, 1): 1.0}, 4.0), capacitance=PairValues.of({(0, 1): 2.0}, 0.5))
    y, omega = np.array([1.0, 2.0, 3.0]), 0.8
    total = (4 / y[0] + 2 / y[1] + 2 / y[2] + 2 * boundary_of(omega, 1.0, 2.0) + 2 * boundary_of(omega, 4.0, 0.5)) / 8
    assert solved(system, y, omega).value == pytest.approx(1 / total, rel=1e-10)


def test_claimed_errors_hold_on_stops_of_all_kinds():
    """True over claimed error at each iteration; the whole study, of many more, is in docs/verification.md."""
    rng, ratios = np.random.default_rng(11), []
    for kind in multigrid_images.KINDS:
        labels = kind((9, 8, 10), rng)
        system = admittances.system_of(labels, resistance=10 ** rng.uniform(-1, 1.5), capacitance=1.0, comm=ALONE)
        y = 10 ** rng.uniform(-4, 0, 3) + 1j * 10 ** rng.uniform(-6, 1, 3)
        exact = solved(system, y, rtol=1e-13).value
        stops: list = []
        solve_field(system, ModulusMultigrid(system), 0, 1e-10, 300,
                    on_iteration=lambda _, *stop, stops=stops: stops.append(stop))
        # A tolerance is 0.1 at the most, and below 1e-9 the reference has no digits to spare.
        ratios += [abs(value / exact - 1) / error for value, error in stops if 1e-9 < error <= 0.1]
    assert len(ratios) > 30 and max(ratios) < 1.5 and np.mean(np.array(ratios) <= 1) > 0.95
