"""The section [rev] of an image study: `pfsolid rev`, is the sample large enough?"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from .text import Section, key

BOUNDARIES = ("electrodes", "periodic", "mirror")
_BOUNDARIES = f"a list of {', '.join(BOUNDARIES)}, each once at most; empty: volume fractions only"
_SIZES = "a list of different whole numbers from 2"


def _as_boundaries(value: Any) -> Any:
    value = tuple(value) if isinstance(value, list) else value
    if not isinstance(value, tuple) or any(one not in BOUNDARIES for one in value) or len(set(value)) < len(value):
        raise ValueError(_BOUNDARIES)
    return value


def _as_sizes(value: Any) -> Any:
    value = tuple(value) if isinstance(value, list) else value
    if value is None:
        return None
    if not (isinstance(value, tuple) and value and all(type(one) is int and one >= 2 for one in value)) \
            or len(set(value)) < len(value):
        raise ValueError(_SIZES)
    return tuple(sorted(value, reverse=True))


class RevConfig(Section):
    sizes: Annotated[tuple[int, ...] | None, BeforeValidator(_as_sizes)] = key(
        "edges of the sub-volumes, in voxels of the smallest edge; by parts of the image if not set", None, allowed=_SIZES)
    boundaries: Annotated[tuple[str, ...], BeforeValidator(_as_boundaries)] = key(
        "conditions at the faces of sub-volumes and image, instead of image.boundary", ("electrodes", "periodic"),
        allowed=_BOUNDARIES)
    most: int = key("sub-volumes of a size; of more some are drawn", 64, ge=4, le=100_000)
    relative_error: float = key("half of the 95 % interval over the mean, for which a size is wanted", 0.05, gt=0, lt=1)
