"""All of morphology.json: what `pfsolid measure` has found, of what, and what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .morphology import GrainMorphology, LabelMorphology, MorphologyResult
from .record import Record, key
from .run import GridOf, Provenance

MORPHOLOGY_SCHEMA_VERSION = 1
OPEN = "open"
LABELS = "labels"
GRAINS = "grains"
NO_SERIES = "an image that ends has no Fourier series; --boundary mirror or periodic gives one"
_OF_LABELS = "of one label against the others"
_OF_DENSITIES = "of a density"


@dataclass(frozen=True, eq=False, kw_only=True)
class TakenFor(Record):
    """Labels that were taken for the filler, or for the matrix."""

    labels: tuple[int, ...] = key("their numbers")
    name: str = key("their names")
    fraction: float = key("of the volume")


@dataclass(frozen=True, eq=False, kw_only=True)
class _Measured(Record):
    """What all kinds of the file begin with."""

    newest = MORPHOLOGY_SCHEMA_VERSION
    schema_version: int | None = key("of this form; this page is of 1", absent="in files of 0.1")
    source: str = key("file of the image or density")
    axes_order: str = key("order of the axes that it was read in", older="")
    boundary: str = key("how the image goes on: open, periodic or mirror")


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredLabels(_Measured):
    """morphology.json of an image of which every label is a phase."""

    values: str = key("labels", pattern=LABELS)
    morphology: LabelMorphology = key("what was found")
    grid: GridOf = key("the voxels")
    provenance: Provenance = key("what made it")


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredGrains(_Measured):
    """morphology.json of an image of which every label is a grain."""

    values: str = key("grains", pattern=GRAINS)
    morphology: GrainMorphology = key("what was found")
    grid: GridOf = key("the voxels")
    provenance: Provenance = key("what made it")


@dataclass(frozen=True, eq=False, kw_only=True)
class MeasuredTwo(_Measured):
    """morphology.json of a density, or of one label against all others.

    Where the image ends at its faces there is no structure factor, and in its place the key says why: ``refused``.
    """

    filler_label: int | None = key("the label that was asked for; null of a density")
    rho_pore: float | None = key("density below which a voxel is pore", absent=_OF_LABELS)
    rho_bulk: float | None = key("density above which a voxel is bulk", absent=_OF_LABELS)
    thresholds_from: str | None = key("who said so", absent=_OF_LABELS)
    surface_depth_nm: float | None = key("depth of the surface, for lambda over r", "nm",
                                         absent=f"{_OF_LABELS}, and where it is not known")
    phases: dict[str, TakenFor] | None = key("what was taken for `filler` and `matrix`", absent=_OF_DENSITIES)
    morphology: MorphologyResult = key("what was found")
    grid: GridOf = key("the voxels")
    provenance: Provenance = key("what made it")

    def to_dict(self) -> dict[str, Any]:
        """As `Record.to_dict`."""
        written = super().to_dict()
        if self.boundary == OPEN:
            written["morphology"]["structure_factor"] = {"refused": NO_SERIES}
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], place: str = "") -> Self:
        """As `Record.from_dict`.

        Parameters
        ----------
        data : mapping
        place : str
            Where it stands, for the message.

        Returns
        -------
        MeasuredTwo

        Raises
        ------
        InputError
        """
        morphology = data.get("morphology") if isinstance(data, Mapping) else None
        if isinstance(morphology, Mapping) and "refused" in (morphology.get("structure_factor") or {}):
            data = {**data, "morphology": {name: one for name, one in morphology.items() if name != "structure_factor"}}
        return super().from_dict(data, place)


def measured_from_dict(data: Mapping[str, Any], place: str = "") -> MeasuredLabels | MeasuredGrains | MeasuredTwo:
    """Of what morphology.json holds, of all versions since 0.1.

    Parameters
    ----------
    data : mapping
    place : str
        The file, for the message.

    Returns
    -------
    MeasuredLabels, MeasuredGrains or MeasuredTwo

    Raises
    ------
    InputError
        It is no such file, or one of a newer version.
    """
    values = data.get("values") if isinstance(data, Mapping) else None
    kinds: dict[Any, type[MeasuredLabels | MeasuredGrains]] = {LABELS: MeasuredLabels, GRAINS: MeasuredGrains}
    return kinds.get(values, MeasuredTwo).from_dict(data, place)
