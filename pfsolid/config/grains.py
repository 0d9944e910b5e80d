"""The section [grains]: a polycrystal that is made."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator, model_validator

from ..errors import InputError
from ..grid import PeriodicGrid
from ..labels import MAX_LABEL
from ..polycrystals.polycrystal import check_request
from ..polycrystals.second_phase import BetweenGrains
from ..polycrystals.texture import TEXTURES
from .resolved import write_toml
from .run import Length, VoxelCount, as_edges, as_tuple
from .text import Section, apply_overrides, key, shown, validated

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
    film_nm: float = key("nm, thickness of a second phase on the facets between grains; 0: none", 0.0, ge=0, le=1e9)
    wetted: float = key("share of the facets that have such a film, drawn one by one", 1.0, gt=0, le=1)
    triple_line_nm: float = key("nm, diameter of channels of the second phase along triple lines; 0: none", 0.0, ge=0,
                                le=1e9)
    porosity: float = key("volume fraction of spherical pores at random places; 0: none", 0.0, ge=0, le=0.9)
    pore_nm: float | None = key("nm, about the diameter of pores, which is set to meet the porosity", None, gt=0, le=1e9)
    pores_from: str | None = key(
        "in place of those: a run directory, whose pores are where its density is below 1/2, or an image of the same shape",
        None)
    pores_label: int | None = key("label of the pores in that image", None, ge=0, le=MAX_LABEL)
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

    @model_validator(mode="after")
    def _goes_together(self) -> GrainsConfig:
        try:
            check_request(self.shape, self.number)
        except InputError as error:
            raise ValueError(str(error)) from None
        coarsest = max(self.voxel_size_nm)
        for name, width in (("film_nm", self.film_nm), ("triple_line_nm", self.triple_line_nm), ("pore_nm", self.pore_nm)):
            if width and width < coarsest:
                raise ValueError(f"grains.{name} = {width:g}: must be at least the edge of a voxel, {coarsest:g} nm, or it "
                                 "has holes where it should have none; take finer voxels, or a resistance for a thin film")
        if self.wetted < 1 and not self.film_nm:
            raise ValueError(f"grains.wetted = {self.wetted:g}: has no meaning without grains.film_nm")
        if (self.porosity > 0) != (self.pore_nm is not None):
            missing = "grains.pore_nm" if self.porosity else "grains.porosity"
            raise ValueError(f"grains.porosity = {self.porosity:g}: pores need {missing} as well")
        if self.pores_from is not None and self.porosity:
            raise ValueError(f"grains.pores_from = {shown(self.pores_from)}: goes in place of grains.porosity")
        if self.pores_label is not None and self.pores_from is None:
            raise ValueError(f"grains.pores_label = {self.pores_label}: has no meaning without grains.pores_from")
        size = (math.prod(self.grid_nm.lengths) / self.number) ** (1 / 3)
        widest = max(self.film_nm, self.triple_line_nm)
        if widest >= size:
            raise ValueError(f"grains.film_nm = {self.film_nm:g}, grains.triple_line_nm = {self.triple_line_nm:g}: must be "
                             f"below the size of a grain, {size:.4g} nm (the cube root of its volume)")
        return self

    @property
    def between(self) -> BetweenGrains:
        """What there is beside grains."""
        return BetweenGrains(self.film_nm, self.wetted, self.triple_line_nm, self.porosity, self.pore_nm or 0.0)

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
    return study.grains


def grains_toml(config: GrainsConfig) -> str:
    """The section with its defaults, as an input."""
    return write_toml(GrainsStudy(grains=config), HEADING)
