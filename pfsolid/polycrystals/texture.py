"""Orientations of grains: Bunge's Euler angles (phi1, Phi, phi2), in degrees.

Bunge, Texture Analysis in Materials Science (1982), doi:10.1016/C2013-0-11769-2: the sample's axes are turned by phi1 about
z, by Phi about the new x and by phi2 about the new z into the crystal's.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..grid import AXES
from ..spectral.noise import plane_generator

_ORIENTATIONS = 2  # a stream of random numbers of its own, beside those of the diagram
TEXTURES = "random, single, or fibre:x, fibre:y, fibre:z"


def euler_angles(texture: str, num_grains: int, seed: int) -> npt.NDArray[Any]:
    """An orientation for each grain.  The same on every rank.

    Parameters
    ----------
    texture : str
        'random': uniform on SO(3).  'fibre:z': the crystal's c axis along the sample's z, or along x or y, and any angle
        about it.  'single': all as the sample.
    num_grains, seed : int

    Returns
    -------
    ndarray (num_grains, 3)
        Degrees: 0 <= phi1, phi2 < 360, 0 <= Phi <= 180.

    Raises
    ------
    InputError
        There is no such texture.
    """
    first, second, third = plane_generator(seed, _ORIENTATIONS).random((3, num_grains))
    angles = np.zeros((num_grains, 3))
    fibre = re.fullmatch(f"fibre:([{AXES}])", texture)
    if texture == "random":
        angles[:] = np.column_stack([360 * first, np.degrees(np.arccos(1 - 2 * second)), 360 * third])
    elif fibre:
        # c is (sin phi1 sin Phi, -cos phi1 sin Phi, cos Phi) in the sample's axes.
        angles[:, :2] = {"x": (90.0, 90.0), "y": (180.0, 90.0), "z": (0.0, 0.0)}[fibre[1]]
        angles[:, 2] = 360 * third
    elif texture != "single":
        raise InputError(f"texture = {texture!r}: must be {TEXTURES}")
    return angles


def rotations(angles: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Matrices that turn a crystal's vectors into the sample's: rows of the crystal's axes, transposed.

    Parameters
    ----------
    angles : ndarray (n, 3)
        Degrees.

    Returns
    -------
    ndarray (n, 3, 3)
        ``v_sample = R v_crystal``; a tensor turns as ``R T R^T``.
    """
    phi1, phi, phi2 = np.radians(angles).T
    c1, s1, c, s, c2, s2 = np.cos(phi1), np.sin(phi1), np.cos(phi), np.sin(phi), np.cos(phi2), np.sin(phi2)
    return np.stack([
        np.column_stack([c1 * c2 - s1 * s2 * c, -c1 * s2 - s1 * c2 * c, s1 * s]),
        np.column_stack([s1 * c2 + c1 * s2 * c, -s1 * s2 + c1 * c2 * c, -c1 * s]),
        np.column_stack([s2 * s, c2 * s, c]),
    ], axis=1)
