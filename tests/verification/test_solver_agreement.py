"""The solvers on one discretisation against each other, and the two discretisations, on every class of microstructure.

A part of scripts/docs/study_conduction.py, which does it on twenty larger ones (docs/conduction.md).
"""

import numpy as np
import pytest
from conduction_exact_cases import diffuse, from_centre
from conduction_grid_cases import phases
from helpers.builders import ALONE, HU_SIGMA, grow_density, make_transform
from helpers.systems import solve_elements, solve_volumes

from pfsolid.conduction.perturbation import make_perturbation
from pfsolid.conduction.petsc import PetscSolver, petsc_is_installed
from pfsolid.errors import ConvergenceError
from pfsolid.morphology.clusters import percolating_axes

N, RTOL = 24, 1e-4
DEPTH = 2.8 / N
CENTRE = (0.1, 0.2, 0.3)
EVERY_AXIS = np.ones((N, N, N))
# Named by the number of axes along which pores and solid extend, as in Hu 2017; conductivities in S/cm, far from 1.
STRUCTURES = {
    "0-3, a spherical pore": lambda: diffuse(from_centre(N, CENTRE), 0.3, DEPTH),
    "1-3, a pore along z": lambda: diffuse(from_centre(N, CENTRE[:2]), 0.3, DEPTH) * EVERY_AXIS,
    "2-2, plates": lambda: diffuse(np.abs(np.arange(N) - N // 2)[None, None] / N, 0.2, DEPTH) * EVERY_AXIS,
    "3-1, a solid rod along z": lambda: 1 - diffuse(from_centre(N, CENTRE[:2]), 0.3, DEPTH) * EVERY_AXIS,
    "3-3, 32 %": lambda: grow_density((N, N, N), 0.32),
    "3-3, 50 %": lambda: grow_density((N, N, N), 0.50),
    "3-2, 66 %": lambda: grow_density((N, N, N), 0.66),
}


@pytest.fixture(scope="module", params=STRUCTURES)
def image(request):
    labels = phases(STRUCTURES[request.param]())
    transform = make_transform(labels.shape)
    conducting = np.asarray(HU_SIGMA)[labels] > 0
    axes = [a for a, along in enumerate(percolating_axes(conducting, transform.reducer, transform.ghosts)) if along]
    return labels, axes


def agree(one, other, axes) -> bool:
    """Whether two results are as near to each other as they say; an estimated error may be half of the true one."""
    a, b = np.diag(one.tensor)[axes], np.diag(other.tensor)[axes]
    allowed = 2 * (np.array(one.relative_error)[axes] + np.array(other.relative_error)[axes]) + 1e-12
    return bool(np.all(np.abs(a - b) <= allowed * np.maximum(a, b)))


@pytest.mark.parametrize("name", STRUCTURES)
def test_classes_are_as_named(name):
    rho = STRUCTURES[name]()
    transform = make_transform(rho.shape)
    pores, solid = (sum(percolating_axes(mask, transform.reducer, transform.ghosts)) for mask in (rho < 0.5, rho > 0.5))
    assert name.split(",")[0] == f"{pores}-{solid}"


@pytest.mark.parametrize("kind", ["-pc_type hypre", "-pc_type gamg"])
def test_fft_and_petsc(image, kind):
    if not petsc_is_installed():
        pytest.skip("petsc4py is not installed")
    labels, axes = image
    petsc = PetscSolver(ALONE, kind)
    assert agree(solve_volumes(labels, HU_SIGMA, axes=axes, rtol=RTOL),
                 solve_volumes(labels, HU_SIGMA, axes=axes, rtol=RTOL, solver=petsc), axes)
    petsc.close()


def test_fft_and_perturbation(image):
    """The paper's method gives up where the surface layers are islands: its rate is that of the contrast there."""
    labels, axes = image
    fixed_point = make_perturbation(min(HU_SIGMA), max(HU_SIGMA))
    expected = solve_volumes(labels, HU_SIGMA, axes=axes, rtol=RTOL)
    try:
        found = solve_volumes(labels, HU_SIGMA, axes=axes, rtol=RTOL, solver=fixed_point, max_iterations=3000)
    except ConvergenceError:
        assert expected.tensor[axes[0], axes[0]] < 1e-2 * max(HU_SIGMA)
    else:
        assert agree(expected, found, axes)


def test_discretisations_bracket(image):
    """Finite volumes below, elements above; on voxels halved both come nearer, from their sides."""
    labels, axes = image
    halved = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    found = [solve(which, HU_SIGMA, axes=axes, rtol=1e-6).tensor
             for which, solve in ((labels, solve_volumes), (halved, solve_volumes),
                                  (halved, solve_elements), (labels, solve_elements))]
    # The estimated errors are those of the solver; the bounds hold for exact solutions.
    for lower, upper in zip(found, found[1:]):
        low, high = np.diag(lower)[axes], np.diag(upper)[axes]
        assert np.all(low <= high * (1 + 1e-5))
