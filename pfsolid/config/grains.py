"""The section [grains]: a polycrystal that is made."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from ..errors import InputError
from ..grid import PeriodicGrid
from ..polycrystals.polycrystal import check_request
from ..polycrystals.texture import TEXTURES
from .resolved import write_toml
from .run import Length, VoxelCount, as_edges, as_tuple
from .text import Section, apply_overrides, key, validated

HEADING = "pfsolid grains, with every default filled in"


def as_shape(value: Any) -> Any:
    """One number stands for a cube."""
    return (value,) * 3 if isinstance(value, int) and not isinstance(value, bool) else as_tuple(value)


class GrainsConfig(Section):
    shape: Annotated[tuple[VoxelCount, VoxelCount, VoxelCount], BeforeValidator(as_shape)] = key(
        "voxels along x, y, z; one number for a cube", allowed="a whole number from 2 to 4096, or three in brackets")
    voxel_size_nm: Annotated[tuple[Length, Length, Length], BeforeValidator(as_edges)] = key(
        "nm, edge of a voxel, or three along x, y, z", allowed="a length from 1e-06 to 1e+09, or three in brackets")
    number: int = key("grains in the periodic cell", ge=2, le=10_000_000)
    lognormal: float = key("standard deviation of ln of their diameters; 0: volumes all alike", 0.35, ge=0, le=0.6)
    aspect: Annotated[tuple[float, float, float], BeforeValidator(as_tuple)] = key(
        "how many times longer they are along x, y, z, up to a common factor", (1.0, 1.0, 1.0),
        allowed="three numbers from 0.05 to 20")
    texture: str = key("orientations: random, single, or c along an axis and any angle about it, fibre:x, fibre:y, fibre:z",
                       "random", allowed=TEXTURES)
    seed: int = key("the number that positions, sizes and orientations follow from", 1, ge=0, le=2**63 - 1)

    @field_validator("aspect")
    @classmethod
    def _aspect_in_range(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(0.05 <= one <= 20 for one in value):
            raise ValueError("three numbers from 0.05 to 20")
        return value

    @field_validator("texture")
    @classmethod
    def _known_texture(cls, value: str) -> str:
        if value not in ("random", "single") and not re.fullmatch("fibre:[xyz]", value):
            raise ValueError(TEXTURES)
        return value

    @property
    def grid_nm(self) -> PeriodicGrid:
        """The grid with its spacing in nm."""
        return PeriodicGrid(self.shape, self.voxel_size_nm)


class GrainsStudy(Section):
    """An input of grains alone."""

    grains: GrainsConfig


def grains_config(raw: dict[str, Any], source: str, overrides: Any = ()) -> GrainsConfig:
    """The section, checked as far as it can be without making it.

    Parameters
    ----------
    raw : dict
        Keys and values.
    source : str
        What messages begin with.
    overrides : sequence of str
        See `apply_overrides`.

    Returns
    -------
    GrainsConfig

    Raises
    ------
    InputError
        One line for each mistake.
    """
    tables: dict[str, Any] = {"grains": dict(raw)}
    places = apply_overrides(tables, overrides)
    study: GrainsStudy = validated(GrainsStudy, tables, source, places)
    try:
        check_request(study.grains.shape, study.grains.number)
    except InputError as error:
        raise InputError(f"{places.get(('grains', 'number'), source)}: {error}") from None
    return study.grains


def grains_toml(config: GrainsConfig) -> str:
    """The section with its defaults, as an input."""
    return write_toml(GrainsStudy(grains=config), HEADING)
