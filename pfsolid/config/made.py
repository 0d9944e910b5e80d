"""Images of studies that are made, by a section in the place of a file: [tubules], [grains]."""

from __future__ import annotations

from typing import Any

from ..polycrystals.polycrystal import GRAIN, PORE, SECOND
from ..polycrystals.texture import euler_angles

MADE = ("tubules", "grains")  # sections, which image.file then names
# Keys of [image] for an image that is read and not made.
_OF_FILES = ("voxel_size_nm", "axes", "thresholds", "labels", "raw_shape", "raw_dtype")
_MOST_ANGLES = 10_000  # more do not fit into an input


def with_made_image(raw: dict[str, Any]) -> dict[str, Any]:
    """An image study; with a section that makes its image, that is what the image is, and nothing is said of a file.

    Parameters
    ----------
    raw : dict
        Of an image study.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        Something is, or two sections make it.
    """
    sections = [name for name in MADE if raw.get(name) is not None]
    image = raw.get("image", {})
    if not sections or not isinstance(image, dict):
        return raw
    section = sections[0]
    if len(sections) > 1:
        raise ValueError(f"{section}: and the section [{sections[1]}] both make the image: give one of them")
    if image.get("file", section) != section:
        raise ValueError(f"image.file = {image['file']!r}: the section [{section}] makes the image: give one of them")
    given = [name for name in _OF_FILES if image.get(name) is not None]
    if given:
        raise ValueError(f"image.{given[0]}: is for an image that is read, and the section [{section}] makes this one")
    return raw | {"image": image | {"file": section}}


def name_grains(raw: dict[str, Any]) -> None:
    """Say in the tables of a study with [grains] which labels are grains, second phase and pores, unless it does so itself.

    Parameters
    ----------
    raw : dict
        Changed in place.
    """
    grains, phases = raw.get("grains"), raw.get("phases")
    if isinstance(grains, dict) and isinstance(phases, dict) and type(number := grains.get("number")) is int and number > 0:
        phases.setdefault("classes", {GRAIN: f"0-{number - 1}", SECOND: str(number), PORE: str(number + 1)})


def turn_grains(raw: dict[str, Any]) -> None:
    """Give crystals of [grains] their angles, where something depends on these and the study does not give others.

    Parameters
    ----------
    raw : dict
        After names have become numbers; changed in place.

    Raises
    ------
    ValueError
        More than an input has room for.
    """
    grains, phases = raw.get("grains"), raw.get("phases")
    if not isinstance(grains, dict) or not isinstance(phases, dict) or "euler_deg" in phases:
        return
    resistances = phases.get("interface_resistance_ohm_cm2")
    rules = resistances.values() if isinstance(resistances, dict) else ()
    needed = isinstance(phases.get("sigma_of_classes_S_per_cm", {}).get(GRAIN), list) or any(
        isinstance(rule, dict) and "misorientation_deg" in rule for rule in rules)
    number, seed, texture = grains.get("number"), grains.get("seed", 1), grains.get("texture", "random")
    if not needed or type(number) is not int or type(seed) is not int or not isinstance(texture, str):
        return
    if number > _MOST_ANGLES:
        raise ValueError(f"grains.number = {number}: an input has no room for the angles of more than {_MOST_ANGLES} "
                         "crystals; make the image with pfsolid grains and give its table (--sigma-table)")
    angles = euler_angles(texture, number, seed).round(6).tolist()
    phases["euler_deg"] = {str(label): row for label, row in enumerate(angles)}
