"""Cells with an exact conductivity, and how far from it the two discretisations and faces below the voxel are.

The tests beside this file hold them to tolerances and orders; scripts/docs/conduction_figures.py draws them.
"""

from functools import partial
from math import comb
from typing import NamedTuple

import numpy as np
from conduction_cases import PERFECT, SPHERE_ARRAY, voxel_sphere
from helpers.systems import solve_elements, solve_faces, solve_volumes

from pfsolid.conduction.faces import subvoxel_faces

# Two decades and more below the smallest grid error.
RTOL = 1e-5
SCHEMES = ("finite volumes", "elements", "subvoxel")


# --- exact values -------------------------------------------------------------------------------------------


def laminate_tensor(fractions, tensors, normal) -> np.ndarray:
    """Layers with full tensors: current along the normal and field in the plane are the same in all.

    Milton, The Theory of Composites, doi:10.1017/CBO9780511613357, chapter 9.
    """
    n = np.asarray(normal) / np.linalg.norm(normal)
    s = np.asarray(tensors, dtype=float)
    sn = s @ n
    nsn = sn @ n

    def mean(values):
        return np.tensordot(fractions, values, 1)

    coupling = mean(sn / nsn[:, None])
    return mean(s - sn[:, :, None] * sn[:, None, :] / nsn[:, None, None]) + np.outer(coupling, coupling) / mean(1 / nsn)


def crystal(angle, s1, s2, s3=1.0) -> np.ndarray:
    """diag(s1, s2, s3) turned about z."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return turn @ np.diag([s1, s2, s3]) @ turn.T


def cylinder_array(fraction, ratio, num_multipoles=12) -> float:
    """Conductivity across a square array of cylinders in a matrix of 1, by Rayleigh's multipoles.

    Perrins, McKenzie & McPhedran, doi:10.1098/rspa.1979.0160.  With the potential outside Re sum (A_l z^l + B_l z^-l),
    odd l, a cylinder of radius a gives B_l = A_l a^2l (1 - ratio) / (1 + ratio), the others A_l = delta_l1 - sum_m
    C(l + m - 1, l) S_(l+m) B_m with the lattice sums S; S_2 = pi makes 1 the mean field.
    """
    index = np.arange(-60, 61)
    lattice = index[:, None] + 1j * index
    lattice = lattice[lattice != 0]
    sums = {k: float(np.sum(lattice**-float(k)).real) for k in range(4, 4 * num_multipoles, 4)} | {2: np.pi}
    orders = 2 * np.arange(num_multipoles) + 1
    own = (1 + ratio) / (1 - ratio) if np.isfinite(ratio) else -1.0
    matrix = np.array([[comb(i + j - 1, i) * sums.get(int(i + j), 0.0) for j in orders] for i in orders])
    matrix += np.diag(own * np.sqrt(fraction / np.pi) ** (-2.0 * orders))
    return 1 - 2 * np.pi * np.linalg.solve(matrix, np.eye(num_multipoles)[0])[0]


# Perfectly conducting cylinders, square array, table 1 of Perrins, McKenzie & McPhedran.
PERRINS = {0.1: 1.222, 0.2: 1.500, 0.3: 1.860, 0.4: 2.351, 0.5: 3.080, 0.6: 4.342, 0.7: 7.433}


def neutral_coating(core_fraction) -> float:
    """Conductivity of a coating that hides an insulating core of this part of the sphere in a matrix of 1.

    Hashin, doi:10.1115/1.3636446: the coated sphere leaves the field outside as it was, so any number of them does.
    """
    return (2 + core_fraction) / (2 * (1 - core_fraction))


# --- cells --------------------------------------------------------------------------------------------------


def slanted_layers(num_voxels, turns=(1, 1)) -> np.ndarray:
    """Two layers of equal width, their normal along ``turns``, on a periodic square."""
    i, j = np.indices((num_voxels, num_voxels))
    phase = (turns[0] * i + turns[1] * j) % num_voxels
    return (2 * phase >= num_voxels).astype(np.uint8)[:, :, None]


def checkerboard(num_voxels) -> np.ndarray:
    square = 2 * np.arange(num_voxels) // num_voxels
    return ((square[:, None] + square) % 2).astype(np.uint8)[:, :, None]


def from_centre(num_voxels, centre) -> np.ndarray:
    """Distance of each voxel, in cells, from the nearest lattice point ``centre``; in two or three dimensions."""
    axes = [((np.arange(num_voxels) + 0.5) / num_voxels - c + 0.5) % 1 - 0.5 for c in centre]
    squares = sum(x**2 for x in np.ix_(*axes))
    return np.sqrt(squares).reshape((num_voxels,) * len(centre) + (1,) * (3 - len(centre)))


def voxel_discs(distances, fractions) -> np.ndarray:
    """Labels 1, 2, ... for the voxels nearest to the centre, as many as make the volume fractions; the rest 0."""
    labels = np.zeros(distances.size, dtype=np.uint8)
    order = np.argsort(distances, axis=None, kind="stable")
    ends = np.round(np.cumsum(fractions) * distances.size).astype(int)
    for label, (start, end) in enumerate(zip([0, *ends], ends), 1):
        labels[order[start:end]] = label
    return labels.reshape(distances.shape)


def diffuse(distances, radius, depth) -> np.ndarray:
    """rho of a pore with its surface at a radius, in equilibrium."""
    return 0.5 * (1 + np.tanh(2 * (distances - radius) / depth))


# --- errors -------------------------------------------------------------------------------------------------


def slanted_laminate(num_voxels, rng) -> dict:
    labels, sigma = slanted_layers(num_voxels), (1.0, 10.0)
    exact = laminate_tensor((0.5, 0.5), [s * np.eye(3) for s in sigma], (1, 1, 0))[0, 0]
    return {"finite volumes": solve_volumes(labels, sigma, axes=[0], rtol=RTOL).tensor[0, 0] / exact - 1,
            "elements": solve_elements(labels, sigma, axes=[0], rtol=RTOL).tensor[0, 0] / exact - 1}


SLANTED_CRYSTALS = (crystal(0.5, 1.0, 10.0), crystal(-0.3, 5.0, 0.5))


def slanted_crystals(num_voxels, rng) -> dict:
    exact = laminate_tensor((0.5, 0.5), SLANTED_CRYSTALS, (1, 1, 0))
    tensor = solve_elements(slanted_layers(num_voxels), SLANTED_CRYSTALS, axes=(0, 1), rtol=RTOL).tensor
    return {"elements": np.trace(tensor[:2, :2]) / np.trace(exact[:2, :2]) - 1}


def crystals_along_the_axes(num_voxels, rng) -> dict:
    labels, sigma = checkerboard(num_voxels), np.array([[1.0, 10.0, 1.0], [10.0, 1.0, 1.0]])
    exact = np.sqrt(10)
    return {"finite volumes": solve_volumes(labels, sigma, axes=[0], rtol=RTOL).tensor[0, 0] / exact - 1,
            "elements": solve_elements(labels, sigma, axes=[0], rtol=RTOL).tensor[0, 0] / exact - 1}


def crystals_along_the_diagonals(num_voxels, rng) -> dict:
    sigma = [crystal(angle, 1.0, 10.0) for angle in (np.pi / 4, -np.pi / 4)]
    tensor = solve_elements(checkerboard(num_voxels), sigma, axes=[0], rtol=RTOL).tensor
    return {"elements": tensor[0, 0] / np.sqrt(10) - 1}


def cylinders(fraction, ratio):
    """The case of a square array of cylinders, at a random position."""
    exact = cylinder_array(fraction, ratio)
    sigma = np.array([1.0, PERFECT if np.isinf(ratio) else ratio])
    radius = np.sqrt(fraction / np.pi)

    def errors(num_voxels, rng) -> dict:
        distances = from_centre(num_voxels, rng.random(2))
        labels = voxel_discs(distances, [fraction])
        # A matrix (rho = 1) around the cylinders; the depth only says how well the grid resolves the interface.
        rho = diffuse(distances, radius, 0.1)
        return {"finite volumes": mean_across(solve_volumes(labels, sigma, axes=(0, 1), rtol=RTOL)) / exact - 1,
                "elements": mean_across(solve_elements(labels, sigma, axes=(0, 1), rtol=RTOL)) / exact - 1,
                "subvoxel": mean_across(solve_rho(rho, (0.5,), sigma[::-1], ratio < 1, axes=(0, 1))) / exact - 1}

    return errors


def solve_rho(rho, thresholds, sigma, best_percolates, **options):
    """With faces below the voxel."""
    return solve_faces(partial(subvoxel_faces, best_percolates=best_percolates), rho, thresholds, sigma,
                       **{"rtol": RTOL} | options)


def mean_across(result) -> float:
    return np.mean(np.diag(result.tensor)[:2])


def spheres(fraction, insulating):
    """The case of a simple cubic array of spheres, at a random position."""
    exact = SPHERE_ARRAY[fraction][int(insulating)]
    sigma = np.array([1.0, 0.0 if insulating else PERFECT])
    radius = (3 * fraction / 4 / np.pi) ** (1 / 3)

    def errors(num_voxels, rng) -> dict:
        centre = rng.random(3)
        labels = voxel_sphere(num_voxels, fraction, num_voxels * centre)
        rho = diffuse(from_centre(num_voxels, centre), radius, 0.1)
        return {"finite volumes": solve_volumes(labels, sigma, rtol=RTOL).mean / exact - 1,
                "elements": solve_elements(labels, sigma, rtol=RTOL).mean / exact - 1,
                "subvoxel": solve_rho(rho, (0.5,), sigma[::-1], insulating).mean / exact - 1}

    return errors


def neutral_spheres(num_voxels, rng) -> dict:
    """Insulating cores, half of each sphere, under a coating that makes them invisible; 30 % by volume."""
    fraction, core = 0.3, 0.5
    sigma = np.array([1.0, 0.0, neutral_coating(core)])
    outer = (3 * fraction / 4 / np.pi) ** (1 / 3)
    inner = outer * core ** (1 / 3)
    distances = from_centre(num_voxels, rng.random(3))
    labels = voxel_discs(distances, [core * fraction, (1 - core) * fraction])
    # rho = 0.1 at the core's surface, 0.9 at the coating's.
    rho = diffuse(distances, (inner + outer) / 2, (outer - inner) / np.arctanh(0.8))
    return {"finite volumes": solve_volumes(labels, sigma, rtol=RTOL).mean - 1,
            "elements": solve_elements(labels, sigma, rtol=RTOL).mean - 1,
            "subvoxel": solve_rho(rho, (0.1, 0.9), sigma[[1, 2, 0]], False).mean - 1}


class Case(NamedTuple):
    """Errors of the schemes, as a function of the voxels along the cell and a random generator for positions.

    ``samples``: voxels along the cell and, for each, the number of positions whose errors are averaged.
    """

    errors: object
    samples: dict


_PLANE, _PLACED, _CELL = ({16: 1, 32: 1, 64: 1, 128: 1}, {16: 8, 32: 6, 64: 4, 128: 2}, {12: 4, 16: 4, 24: 3, 32: 2})
CASES = {
    "layers at 45°, 1 : 10": Case(slanted_laminate, _PLANE),
    "layers at 45°, two crystals": Case(slanted_crystals, _PLANE),
    "checkerboard of crystals at 0° and 90°": Case(crystals_along_the_axes, _PLANE),
    "checkerboard of crystals at ±45°": Case(crystals_along_the_diagonals, _PLANE),
    "cylinders, insulating, 30 %": Case(cylinders(0.3, 0.0), _PLACED),
    "cylinders, 1 : 10, 40 %": Case(cylinders(0.4, 10.0), _PLACED),
    "cylinders, perfect, 30 %": Case(cylinders(0.3, np.inf), _PLACED),
    "spheres, insulating, 20 %": Case(spheres(0.2, True), _CELL),
    "spheres, perfect, 20 %": Case(spheres(0.2, False), _CELL),
    "neutral coated spheres, 30 %": Case(neutral_spheres, _CELL),
}


def measure(name, samples=None) -> tuple[np.ndarray, dict]:
    """Voxels along the cell and, for each scheme that can do the case, the mean relative errors."""
    case = CASES[name]
    rng = np.random.default_rng(1)
    sizes, found = [], {}
    for num_voxels, count in (samples or case.samples).items():
        each = [case.errors(num_voxels, rng) for _ in range(count)]
        sizes.append(num_voxels)
        for scheme in each[0]:
            found.setdefault(scheme, []).append(np.mean([errors[scheme] for errors in each]))
    return np.array(sizes), {scheme: np.array(errors) for scheme, errors in found.items()}
