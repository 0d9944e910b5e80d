"""Voxel edges as ImageJ writes them into a TIFF: a unit, or one for each axis, and lengths in it."""

from __future__ import annotations

import math

_SPELLINGS = {
    1e-1: ("angstrom", "angstroms", "a", "å"),
    1.0: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    1e3: ("um", "µm", "\\u00b5m", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
    1e6: ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    1e7: ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    2.54e7: ("inch", "inches", "in"),
    1e9: ("m", "meter", "meters", "metre", "metres"),
}
_NM_OF_UNIT = {name: nm for nm, names in _SPELLINGS.items() for name in names}


def imagej_spacing(file, num_pages: int) -> tuple[float, float, float] | None:
    """Voxel edges in nm where ImageJ has written them with units; None where one of them is not known.

    ImageJ writes ``spacing``, the depth of a page, unless it is 1; other programs leave it out where they do not know.
    """
    described = file.imagej_metadata or {}
    unit, tags = described.get("unit", ""), file.pages[0].tags
    nm_x, nm_y, nm_z = (_nm_of(described.get(name) or unit) for name in ("unit", "yunit", "zunit"))
    if None in (nm_x, nm_y, nm_z) or "XResolution" not in tags or "YResolution" not in tags:
        return None
    (pixels_x, length_x), (pixels_y, length_y) = tags["XResolution"].value, tags["YResolution"].value
    if not (pixels_x and pixels_y and length_x and length_y):
        return None
    x, y = length_x / pixels_x, length_y / pixels_y
    depth = described.get("spacing")
    if depth is None:
        depth = x if num_pages == 1 or math.isclose(x, 1) else math.nan
    edges = nm_x * x, nm_y * y, nm_z * abs(_number(depth))
    return edges if all(math.isfinite(h) and h > 0 for h in edges) else None


def _nm_of(unit) -> float | None:
    return _NM_OF_UNIT.get(str(unit).strip().lower().replace("\u03bc", "\u00b5"))  # Greek mu for the sign micro


def _number(value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
