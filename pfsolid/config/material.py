"""Values that an input takes from the data of an electrolyte.

``material = "beta-Li3PS4"``, or ``[material] name = "beta-Li3PS4"``, puts what the input does not give itself into its
places before the input is checked.  What was put there is written to ``material.sources``, a line for each value with its
source, so the resolved input stands for itself: read again, it looks nothing up, whatever has become of the data by then.
"""

from __future__ import annotations

from ..errors import InputError
from ..materials.electrolytes import Electrolyte, Value, electrolyte
from .conduction import as_conductivity
from .text import toml_value

NAME, SOURCES = "name", "sources"
SURFACE_ENERGY = "surface_energy_eV_per_A2"
SURFACE_DEPTH = "surface_depth_nm"
# Keys any of which stands for the value.
_SPELLINGS = {SURFACE_ENERGY: (SURFACE_ENERGY, "surface_energy_J_per_m2")}


def expand_material(raw: dict) -> None:
    """A bare name in place of the section becomes its key ``name``."""
    if isinstance(raw.get("material"), str):
        raw["material"] = {NAME: raw["material"]}


def material_overrides(overrides) -> list[str]:
    """``material=NAME`` among the overrides changes the name, not the section."""
    pairs = [(override, *override.partition("=")) for override in overrides]
    return [f"material.{NAME}={value}" if key.strip() == "material" else override for override, key, _, value in pairs]


def fill_from_material(raw: dict, source: str, places=()) -> None:
    """Put the values of the named electrolyte where the input gives none; note where they come from.

    Parameters
    ----------
    raw : dict
        The tables of an input, changed in place.
    source : str
        Stands before the message of an error.
    places : collection of tuple
        What the command line changed: the user's own values, whatever they are.

    Raises
    ------
    InputError
        If the electrolyte is unknown, or nothing is known of it that the input leaves to it.
    """
    material = raw.get("material")
    if not isinstance(material, dict) or not isinstance(material.get(NAME), str):
        return
    name, notes = material[NAME], material.get(SOURCES)
    if notes is not None and not (isinstance(notes, (list, tuple)) and all(isinstance(note, str) for note in notes)):
        return  # the check of the section says so
    kept = [note for note in notes or [] if _still_holds(note, name, raw, places)]
    missing = [(section, key) for section, key in _places(raw) if not _given(raw[section], key)]
    if missing or notes is None:
        try:
            data = electrolyte(name)
            kept += [_fill(raw, section, key, data) for section, key in missing]
        except InputError as error:
            raise InputError(f"{source}: material.{NAME} = {toml_value(name)}: {error}") from None
    material[SOURCES] = kept


def split_note(note: str) -> tuple[str, str, str]:
    """Key, value and source of a line of ``material.sources``."""
    place, _, rest = note.partition(" = ")
    value, _, origin = rest.partition(": ")
    return place, value, origin


def _places(raw: dict) -> list[tuple[str, str]]:
    places = [("material", SURFACE_ENERGY), ("material", SURFACE_DEPTH)]
    if isinstance(raw.get("conduction"), dict):
        places += [("conduction", "sigma_bulk_S_per_cm"), ("conduction", "sigma_surf_S_per_cm")]
    return places


def _given(section: dict, key: str) -> bool:
    return any(section.get(spelling) is not None for spelling in _SPELLINGS.get(key, (key,)))


def _fill(raw: dict, section: str, key: str, data: Electrolyte) -> str:
    found, needed = {
        SURFACE_ENERGY: (data.find("surface energy"), "surface energy"),
        SURFACE_DEPTH: (data.find("surface depth"), "surface depth"),
        "sigma_bulk_S_per_cm": (data.matrix_conductivity(), "bulk or total conductivity"),
        "sigma_surf_S_per_cm": (data.find("conductivity", "surface"), "surface conductivity"),
    }[key]
    if found is None:
        raise InputError(f"no {needed} is known of it, so {section}.{key} must be given (known: {data.kinds_text()})")
    raw[section][key] = _as_law(found) if found.quantity == "conductivity" else found.value
    return f"{section}.{key} = {_text(section, raw[section][key])}: {data.name}, {found.provenance}"


def _as_law(value: Value) -> dict:
    """A conductivity as the table that stands for a law in [conduction]."""
    law = {"value": value.value, "at_K": value.at_K}
    if value.activation_energy_eV is not None:
        low, high = value.range_K
        law |= {"activation_energy_eV": value.activation_energy_eV, "from_K": low, "to_K": high}
    return law


def _still_holds(note: str, name: str, raw: dict, places) -> bool:
    """Whether a noted value still stands in its place; one of another material is taken out, to be looked up anew."""
    place, value, origin = split_note(note)
    section, _, key = place.partition(".")
    table = raw.get(section)
    if (section, key) in places or not isinstance(table, dict) or _text(section, table.get(key)) != value:
        return False
    if origin.startswith(f"{name}, "):
        return True
    del table[key]
    return False


def _text(section: str, value) -> str:
    """A value as the resolved input has it."""
    try:
        return toml_value(as_conductivity(value) if section == "conduction" else value)
    except ValueError:  # the check of the section says what is wrong
        return ""
