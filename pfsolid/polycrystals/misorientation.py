"""Turns of crystals as unit quaternions, and those that leave a crystal as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Floats

# Axes and angles (degrees) that generate the proper rotations of a lattice.
_GENERATORS: dict[str, list[tuple[tuple[float, float, float], float]]] = {
    "none": [],
    "orthorhombic": [((0, 0, 1), 180), ((1, 0, 0), 180)],
    "tetragonal": [((0, 0, 1), 90), ((1, 0, 0), 180)],
    "trigonal": [((0, 0, 1), 120), ((1, 0, 0), 180)],
    "hexagonal": [((0, 0, 1), 60), ((1, 0, 0), 180)],
    "cubic": [((0, 0, 1), 90), ((1, 1, 1), 120)],
}
SYMMETRIES = tuple(_GENERATORS)


def quaternions(angles: Floats) -> Floats:
    """Of Bunge's Euler angles: the turn of `pfsolid.polycrystals.texture.rotations`.

    Parameters
    ----------
    angles : ndarray (n, 3)
        Degrees.

    Returns
    -------
    ndarray (n, 4)
        (cos w/2, axis sin w/2).
    """
    phi1, phi, phi2 = np.radians(np.asarray(angles, float)).reshape(-1, 3).T / 2
    cosine, sine = np.cos(phi), np.sin(phi)
    return np.column_stack([cosine * np.cos(phi1 + phi2), sine * np.cos(phi1 - phi2), sine * np.sin(phi1 - phi2),
                            cosine * np.sin(phi1 + phi2)])


def product(p: Sequence[Any], q: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
    """The turn q, then p.

    Parameters
    ----------
    p, q : sequence of 4 float or ndarray

    Returns
    -------
    tuple of 4 float
    """
    a, b, c, d = p
    e, f, g, h = q
    return (a * e - b * f - c * g - d * h, a * f + b * e + c * h - d * g, a * g + c * e + d * f - b * h,
            a * h + d * e + b * g - c * f)


def symmetries(lattice: str) -> Floats:
    """Proper rotations of a lattice: 24 of a cubic one, 12 of a hexagonal, 6, 8, 4 of trigonal, tetragonal, orthorhombic.

    Parameters
    ----------
    lattice : str
        Of SYMMETRIES.

    Returns
    -------
    ndarray (num_symmetries, 4)
    """
    generators = []
    for axis, angle in _GENERATORS[lattice]:
        half, length = np.radians(angle) / 2, np.linalg.norm(axis)
        generators.append((np.cos(half), *(np.sin(half) * np.array(axis) / length)))
    found, new = [(1.0, 0.0, 0.0, 0.0)], [(1.0, 0.0, 0.0, 0.0)]
    while new:
        candidates = [product(generator, one) for one in new for generator in generators]
        new = []
        for one in candidates:
            # q and -q are one turn.
            if not any(abs(abs(float(np.dot(one, other))) - 1) < 1e-9 for other in found):
                found.append(one)
                new.append(one)
    return np.array(found)


def misorientations(first: Floats, second: Floats, lattice: str) -> Floats:
    """Angles between the crystals of pairs: the least of q2^-1 q1 over all turns that leave the lattice as it is.

    Parameters
    ----------
    first, second : ndarray (n, 3)
        Bunge's Euler angles, degrees.
    lattice : str
        Of SYMMETRIES.

    Returns
    -------
    ndarray (n,)
        Degrees.

    Examples
    --------
    >>> import numpy as np
    >>> angles = misorientations(np.array([[0.0, 0, 0]]), np.array([[80.0, 0, 0]]), "cubic")
    >>> np.round(angles, 6)
    array([10.])
    """
    a, b = quaternions(first), quaternions(second)
    between = np.stack(product((b * (1, -1, -1, -1)).T, a.T), axis=1)
    # The turn by q s has cos(w/2) = |<q, s^-1>|, and with s also s^-1 leaves the lattice; a turn before q is one after it.
    largest = np.abs(between @ symmetries(lattice).T).max(axis=1)
    return np.degrees(2 * np.arccos(np.minimum(largest, 1.0)))
