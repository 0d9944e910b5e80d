"""Voxel edges as ImageJ and OME write them into a TIFF: units and lengths in them."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from .units import nm_of


def tiff_spacing(file, num_pages: int) -> tuple[float, float, float] | None:
    """Voxel edges in nm along x, y, z as ImageJ or OME have written them; None where they have not."""
    return ome_spacing(file) if file.is_ome else imagej_spacing(file, num_pages)


def ome_spacing(file) -> tuple[float, float, float] | None:
    """Voxel edges in nm from the description of OME (``PhysicalSizeX`` and its unit, micrometres if there is none)."""
    pixels = next((one for one in ElementTree.fromstring(file.ome_metadata).iter() if one.tag.endswith("Pixels")), None)
    if pixels is None:
        return None
    edges = []
    for axis in "XYZ":
        size = _number(pixels.get(f"PhysicalSize{axis}"))
        if axis == "Z" and math.isnan(size) and pixels.get("SizeZ") == "1":
            edges.append(edges[0])
            continue
        edges.append(size * (nm_of(pixels.get(f"PhysicalSize{axis}Unit", "µm")) or math.nan))
    return tuple(edges) if all(math.isfinite(h) and h > 0 for h in edges) else None


def imagej_spacing(file, num_pages: int) -> tuple[float, float, float] | None:
    """Voxel edges in nm where ImageJ has written them with units; None where one of them is not known.

    ImageJ writes ``spacing``, the depth of a page, unless it is 1; other programs leave it out where they do not know.
    """
    described = file.imagej_metadata or {}
    unit, tags = described.get("unit", ""), file.pages[0].tags
    nm_x, nm_y, nm_z = (nm_of(described.get(name) or unit) for name in ("unit", "yunit", "zunit"))
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


def _number(value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
