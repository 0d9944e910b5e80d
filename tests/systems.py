"""Solves with elements and with faces below the voxel, for the tests and cases that compare discretisations."""

from builders import ALONE, divide_labels, make_transform

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.elements import ElementSystem
from pfsolid.conduction.faces import FaceSystem


def solve_elements(labels, sigma, spacing=1.0, comm=ALONE, dtype="float64", axes=(0, 1, 2), **options):
    """Effective conductivity of a global array of labels by trilinear elements."""
    transform = make_transform(labels.shape, spacing, comm, dtype=dtype)
    return solve_tensor(ElementSystem(divide_labels(labels, transform), sigma, transform), axes, **options)


def solve_faces(build, rho, *arguments, spacing=1.0, comm=ALONE, dtype="float64", axes=(0, 1, 2), **options):
    """Effective conductivity of a global density with the faces that ``build`` makes of it."""
    transform = make_transform(rho.shape, spacing, comm, dtype=dtype)
    faces = build(rho[transform.local_slice], *arguments, transform, dtype)
    return solve_tensor(FaceSystem(faces, transform), axes, **options)
