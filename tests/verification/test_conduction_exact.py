"""Both discretisations and faces below the voxel in cells with an exact conductivity; docs/conduction.md has the numbers."""

import numpy as np
import pytest
from conduction_cases import fitted_order
from conduction_exact_cases import (
    CASES,
    PERRINS,
    SLANTED_CRYSTALS,
    checkerboard,
    crystal,
    cylinder_array,
    laminate_tensor,
    measure,
    neutral_coating,
    slanted_layers,
)
from conduction_grid_cases import SMOOTH_SIGMAS, smooth_errors
from helpers.builders import HU_SIGMA, conduct, grow_labels
from helpers.systems import solve_elements, solve_volumes

# --- the exact values themselves ----------------------------------------------------------------------------


def test_cylinder_arrays_as_printed():
    for fraction, printed in PERRINS.items():
        # Printed to three decimals.
        assert cylinder_array(fraction, np.inf) == pytest.approx(printed, abs=5.1e-4)
        # Keller's reciprocity, doi:10.1063/1.1704146.
        for ratio in (0.1, 10.0):
            assert cylinder_array(fraction, ratio) * cylinder_array(fraction, 1 / ratio) == pytest.approx(1, rel=1e-10)


def test_laminate_formula():
    """Arithmetic and harmonic means, and a crystal cut into layers of itself."""
    scalars = [np.eye(3), 4 * np.eye(3)]
    assert np.allclose(laminate_tensor((0.25, 0.75), scalars, (0, 1, 0)), np.diag([3.25, 1 / (0.25 + 0.75 / 4), 3.25]))
    one = crystal(0.4, 1.0, 10.0)
    assert np.allclose(laminate_tensor((0.25, 0.75), [one, one], (1, 2, 0)), one)


def test_coating_of_nothing():
    assert neutral_coating(0.0) == 1.0 and neutral_coating(0.5) == 2.5


# --- exact on any grid --------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", range(3))
def test_flat_laminates_with_full_tensors(axis):
    """The potential is linear in each layer, which elements represent: exact to the solver's 1e-12."""
    rng = np.random.default_rng(axis)
    factors = rng.standard_normal((3, 3, 3))
    tensors = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(3)
    labels = np.moveaxis(np.broadcast_to(np.repeat([0, 1, 2], [2, 5, 3]), (3, 2, 10)), 2, axis).astype(np.uint8)
    exact = laminate_tensor((0.2, 0.5, 0.3), tensors, np.eye(3)[axis])
    found = solve_elements(labels, tensors, (1.0, 0.7, 1.3), rtol=1e-12).tensor
    assert np.allclose(found, exact, rtol=0, atol=1e-10 * np.abs(exact).max())


def channel_with_dead_end(n=12) -> tuple[np.ndarray, np.ndarray]:
    channel = np.zeros((n, n, n), np.uint8)
    channel[:, 2:5, 2:5] = 1
    ended = channel.copy()
    ended[4, 5, 3] = 1  # a foot of one voxel
    ended[3:7, 6:9, 2:5] = 1
    return channel, ended


def test_dead_ends_carry_nothing():
    """Behind a foot of one voxel no current can return: finite volumes see the channel alone, 9 voxels of 144."""
    channel, ended = channel_with_dead_end()
    for labels in (channel, ended):
        result = conduct(labels, (0.0, 1.0), rtol=1e-10, dtype="float64")
        assert result.percolating == (True, False, False)
        assert result.tensor[0, 0] == pytest.approx(9 / 144, rel=1e-8)
    # Through a foot of finite width a little does, and elements see it from above.
    above = solve_elements(ended, (0.0, 1.0), axes=[0], rtol=1e-8).tensor[0, 0]
    assert 9 / 144 < above < 1.02 * 9 / 144


def test_no_percolation_is_zero_at_once():
    ended = channel_with_dead_end()[1]
    ended[8] = 0
    result = conduct(ended, (0.0, 1.0))
    assert np.all(result.tensor == 0.0) and result.iterations == (0, 0, 0)


def test_contact_along_edges():
    """A checkerboard with an insulator: 0 by faces and in the limit, and by elements ever less on finer grids.

    The exact sqrt(s1 s2) is 0.
    """
    assert np.all(conduct(checkerboard(8), (0.0, 1.0)).tensor[:2, :2] == 0.0)
    found = [solve_elements(checkerboard(n), (0.0, 1.0), axes=[0], rtol=1e-8).tensor[0, 0] for n in (4, 8, 16, 32)]
    assert np.all(np.diff(found) < 0) and found[-1] > 0


# --- convergence with the grid ------------------------------------------------------------------------------

# Fewer positions and smaller grids than in the figures, for time.
FEWER = {"cylinders": {16: 4, 32: 3, 64: 2}, "spheres": {12: 3, 16: 3, 24: 2}, "neutral": {12: 3, 16: 3, 24: 2}}
# A surface made of voxels is first order; corners where crystals meet are what their singularity makes them; insulating
# and perfectly conducting curved surfaces cut by faces are second order.  Intervals: what few positions scatter by.
FIRST, CORNERS, SECOND = (0.5, 1.4), (1.1, 1.4), (1.6, 2.5)
ORDERS = {
    "layers at 45°, 1 : 10": {"finite volumes": (0.99, 1.01), "elements": (0.95, 1.1)},
    "layers at 45°, two crystals": {"elements": (0.99, 1.01)},
    "checkerboard of crystals at 0° and 90°": {"finite volumes": CORNERS, "elements": CORNERS},
    "checkerboard of crystals at ±45°": {"elements": CORNERS},
    "cylinders, insulating, 30 %": {"finite volumes": FIRST, "elements": FIRST, "subvoxel": SECOND},
    "cylinders, perfect, 30 %": {"finite volumes": FIRST, "elements": FIRST, "subvoxel": SECOND},
    "spheres, insulating, 20 %": {"finite volumes": FIRST, "subvoxel": SECOND},
}
# Largest error on the finest grid, in percent: about twice what was found.
LIMITS = {
    "layers at 45°, 1 : 10": (1.6, 0.4, None),
    "layers at 45°, two crystals": (None, 1.5, None),
    "checkerboard of crystals at 0° and 90°": (1.6, 0.8, None),
    "checkerboard of crystals at ±45°": (None, 0.8, None),
    "cylinders, insulating, 30 %": (3.5, 1.2, 0.1),
    "cylinders, 1 : 10, 40 %": (0.6, 1.7, 0.3),
    "cylinders, perfect, 30 %": (0.8, 2.5, 0.05),
    "spheres, insulating, 20 %": (5.0, 1.0, 0.3),
    "neutral coated spheres, 30 %": (8.0, 1.0, 1.0),
}


@pytest.mark.parametrize("name", LIMITS)
def test_convergence(name):
    num_voxels, errors = measure(name, FEWER.get(name.split(",")[0].split()[0]))
    for scheme, limit in zip(("finite volumes", "elements", "subvoxel"), LIMITS[name]):
        if limit is not None:
            assert abs(errors[scheme][-1]) < limit / 100, scheme
    for scheme, (low, high) in ORDERS.get(name, {}).items():
        assert low < fitted_order(num_voxels, errors[scheme]) < high, scheme


@pytest.mark.parametrize("turns", [(1, 1), (1, 2)])
def test_slanted_crystals_off_the_diagonal(turns):
    """All elements of the tensor of layers that the grid cuts at a rational angle."""
    exact = laminate_tensor((0.5, 0.5), SLANTED_CRYSTALS, (*turns, 0))
    errors = [np.linalg.norm(solve_elements(slanted_layers(n, turns), SLANTED_CRYSTALS, rtol=1e-6).tensor - exact)
              / np.linalg.norm(exact) for n in (32, 64)]
    assert errors[1] < 0.03 and errors[0] / errors[1] == pytest.approx(2, abs=0.1)


# --- what the two discretisations say about the grid error --------------------------------------------------


@pytest.mark.parametrize("sigma", [HU_SIGMA, (1 / 30, 1.0, 0.2)])
def test_bracket_of_a_grown_microstructure(sigma):
    """The same image on finer and finer voxels stays between the two, and their weighted mean was near it all along.

    Of 69 such values (docs/conduction.md) all lie between, 0.45 to 0.67 of the way from finite volumes to elements.
    """
    labels = grow_labels((24, 24, 24), 0.4, seed=3)
    rtol, below, above = 1e-5, [], []
    for split in (1, 2):
        fine = labels.repeat(split, 0).repeat(split, 1).repeat(split, 2)
        below.append(solve_volumes(fine, sigma, axes=[0], rtol=rtol, dtype="float32").tensor[0, 0])
        above.append(solve_elements(fine, sigma, axes=[0], rtol=rtol, dtype="float32").tensor[0, 0])
    assert below[0] < below[1] < above[1] < above[0]
    # First order, or a little more: the limit is where both extrapolate to.
    limit = (2 * below[1] - below[0] + 2 * above[1] - above[0]) / 2
    assert 0.5 < (limit - below[0]) / (above[0] - below[0]) < 0.75


def test_faces_below_the_voxel_reduce_the_grid_error():
    """On a gyroid with two and three voxels to the depth of its interface, at the paper's conductivities.

    Measured against 96^3 the factors are above 50; the limit of 60^3 taken here is good to a few tenths of a per cent.
    """
    found = smooth_errors("gyroid", SMOOTH_SIGMAS["0 : 3.14e-3 : 8.93e-7 S/cm"], (2, 3), finest=10, num_positions=1)
    assert found.uncertainty < 0.005
    assert np.all(found.errors["finite volumes"] > 0.1) and np.all(found.errors["subvoxel"] < 0.02)


def test_every_case_is_held_to_something():
    # Perfect spheres take a minute for the contrast of 10^6 and are left to the figure.
    assert set(CASES) - set(LIMITS) == {"spheres, perfect, 20 %"}
