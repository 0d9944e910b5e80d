"""Elements and faces below the voxel divided over ranks against the same on one."""

import numpy as np
import pytest
from helpers.builders import ALONE, divide_labels, gather, make_transform
from helpers.systems import solve_elements, solve_faces

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.elements import ElementSystem
from pfsolid.conduction.faces import smooth_faces, subvoxel_faces

SHAPES = [(15, 9, 7), (12, 10, 1)]
SPACING = (1.0, 0.7, 1.3)
FACTORS = np.random.default_rng(5).standard_normal((3, 3, 3))
SIGMAS = {"with zeros": np.array([0.0, 1.0, 0.1]), "tensors": FACTORS @ FACTORS.transpose(0, 2, 1) + 0.1 * np.eye(3)}
OPTIONS = {"spacing": SPACING, "rtol": 1e-6}
BUILDERS = {"smooth": (smooth_faces, [(0.0, 0.1), (0.5, 3.0), (1.0, 2.0)]),
            "subvoxel": (subvoxel_faces, (0.1, 0.9), (0.0, 1.0, 0.2))}


def assert_same(divided, alone):
    """Rounding is another one on each rank count, and the tensor is a sum over voxels: 1e-9."""
    assert divided.iterations == alone.iterations
    assert np.allclose(divided.tensor, alone.tensor, rtol=0, atol=1e-9 * np.abs(alone.tensor).max())
    assert divided.relative_error == pytest.approx(alone.relative_error, rel=1e-5)


@pytest.mark.parametrize("sigma", SIGMAS.values(), ids=SIGMAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_elements(comm, shape, sigma):
    # Few enough insulating voxels for the rest to percolate.
    labels = np.random.default_rng(1).choice(3, shape, p=[0.1, 0.5, 0.4]).astype(np.uint8)
    assert_same(solve_elements(labels, sigma, comm=comm, **OPTIONS), solve_elements(labels, sigma, comm=ALONE, **OPTIONS))


def test_fields_of_elements(comm):
    labels = np.random.default_rng(1).integers(0, 3, (15, 9, 7)).astype(np.uint8)
    kept = []
    for one in (comm, ALONE):
        transform = make_transform(labels.shape, SPACING, one)
        system = ElementSystem(divide_labels(labels, transform), SIGMAS["tensors"], transform)
        solve_tensor(system, [1], rtol=1e-10)
        kept.append((system.potential.copy(), system.current_density(1, dtype=np.float64), system.voxel_potential()))
    # Of first order in an error whose square is the tensor's, but the two runs stop at the same one.
    for divided, alone in zip(*kept):
        assert np.allclose(gather(divided, comm), alone, atol=1e-9)


@pytest.mark.parametrize("build, arguments", [(b, a) for b, *a in BUILDERS.values()], ids=BUILDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_faces(comm, shape, build, arguments):
    """Each rank's faces are the bits of a whole one's, and so is what is solved on them but for rounding."""
    # Above 0.15 with most of its voxels: percolates.
    rho = np.random.default_rng(2).random(shape) ** 0.3
    parts = []
    for one in (comm, ALONE):
        transform = make_transform(shape, SPACING, one)
        parts.append(build(rho[transform.local_slice], *arguments, transform))
    start = make_transform(shape, SPACING, comm).first_plane
    planes = slice(start, start + parts[0].shape[1])
    assert np.array_equal(parts[0][0], parts[1][0, planes])
    assert np.array_equal(parts[0][1:, 1:], parts[1][1:, planes][:, 1:])
    assert_same(solve_faces(build, rho, *arguments, comm=comm, **OPTIONS),
                solve_faces(build, rho, *arguments, comm=ALONE, **OPTIONS))
