"""Units of length as microscopes and their programs spell them."""

from __future__ import annotations

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


def nm_of(unit) -> float | None:
    """Length of a unit in nm; None of one that is not known."""
    return _NM_OF_UNIT.get(str(unit).strip().strip('"').lower().replace("\u03bc", "\u00b5"))  # Greek mu for the sign micro
