"""The section [tubules]: aligned tubules or columns that are made, in the place of an image or to become one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from ..errors import InputError
from ..hexagonal import Tubules
from .resolved import write_toml
from .run import LENGTH_LIMITS, VoxelCount, as_tuple
from .text import Section, apply_overrides, key, parse_toml, read_text, validated

HEADING = "pfsolid tubules, with every default filled in"
_LENGTH: dict[str, Any] = LENGTH_LIMITS
_CELLS = "two whole numbers from 1 to 64"


class TubulesConfig(Section):
    shape: Annotated[tuple[VoxelCount, VoxelCount, VoxelCount], BeforeValidator(as_tuple)] = key(
        "voxels along x, y, z; about 1.73 times as many along y as along x make them square",
        allowed="three whole numbers from 1 to 4096")
    pitch_nm: float = key("nm, from the axis of one to the next; they lie on a hexagonal lattice, neighbours along x",
                          **_LENGTH)
    length_nm: float = key("nm, of the cell along z", **_LENGTH)
    diameter_nm: float = key("nm, outside; of a hexagon from side to side", **_LENGTH)
    wall_nm: float | None = key("nm, of the walls; columns without an inside if not set", None, **_LENGTH)
    section: Literal["hexagon", "circle"] = key("what they are across z; hexagons as wide as the pitch are a honeycomb",
                                                "hexagon")
    cells: Annotated[tuple[int, int], BeforeValidator(as_tuple)] = key(
        "rectangles pitch x sqrt(3) pitch along x and y, of two tubules each", (1, 1), allowed=_CELLS)
    ends: Literal["rooted", "free"] = key("at z = 0: rooted run up to it, free ones end gap_nm short of it; at the other "
                                          "end all run up to it", "rooted")
    gap_nm: float = key("nm, between z = 0 and free ends", 0.0, ge=0, le=_LENGTH["le"])
    root_nm: float = key("nm, first part of the walls that is another material, label 3", 0.0, ge=0, le=_LENGTH["le"])

    @model_validator(mode="after")
    def _can_be(self) -> TubulesConfig:
        if not all(1 <= one <= 64 for one in self.cells):
            raise ValueError(f"tubules.cells = {list(self.cells)}: must be {_CELLS}")
        try:
            Tubules(**dict(self))
        except InputError as error:
            raise ValueError(f"tubules.{error}") from None
        return self

    @property
    def tubules(self) -> Tubules:
        """What the section describes."""
        return Tubules(**dict(self))


class TubulesStudy(Section):
    """An input of tubules alone."""

    tubules: TubulesConfig


def tubules_config(raw: dict[str, Any], source: str, overrides: Any = ()) -> TubulesConfig:
    """The section, checked.

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
    TubulesConfig

    Raises
    ------
    InputError
        One line for each mistake.
    """
    tables: dict[str, Any] = {"tubules": dict(raw)}
    places = apply_overrides(tables, overrides)
    study: TubulesStudy = validated(TubulesStudy, tables, source, places)
    return study.tubules


def tubules_of_file(path: Any) -> dict[str, Any]:
    """Keys and values of the section [tubules] of an input.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict

    Raises
    ------
    InputError
        There is none.
    """
    found = parse_toml(read_text(path), str(path)).get("tubules")
    if not isinstance(found, dict):
        raise InputError(f"{path}: has no section [tubules]")
    return found


def tubules_toml(config: TubulesConfig) -> str:
    """The section with its defaults, as an input."""
    return write_toml(TubulesStudy(tubules=config), HEADING)
