"""Solves along chosen axes with each discretisation, for the tests and cases that compare them."""

from helpers.builders import ALONE, divide_labels, make_transform

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.elements import ElementSystem
from pfsolid.conduction.faces import FaceSystem
from pfsolid.conduction.finite_volumes import ConductionSystem


def solve_labels(make_system, labels, sigma, spacing=1.0, comm=ALONE, dtype="float64", axes=(0, 1, 2), **options):
    """Effective conductivity of a global array of labels."""
    transform = make_transform(labels.shape, spacing, comm, dtype=dtype)
    return solve_tensor(make_system(divide_labels(labels, transform), sigma, transform), axes, **options)


def solve_volumes(*arguments, **options):
    """By finite volumes."""
    return solve_labels(ConductionSystem, *arguments, **options)


def solve_elements(*arguments, **options):
    """By trilinear elements."""
    return solve_labels(ElementSystem, *arguments, **options)


def solve_faces(build, rho, *arguments, spacing=1.0, comm=ALONE, dtype="float64", axes=(0, 1, 2), **options):
    """Effective conductivity of a global density with the faces that ``build`` makes of it."""
    transform = make_transform(rho.shape, spacing, comm, dtype=dtype)
    faces = build(rho[transform.local_slice], *arguments, transform, dtype)
    return solve_tensor(FaceSystem(faces, transform), axes, **options)
