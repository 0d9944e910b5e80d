"""The validated input of conduction on an image of labels: `pfsolid conduct IMAGE` or `pfsolid conduct STUDY.toml`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, PrivateAttr, field_validator, model_validator

from ..errors import InputError
from ..grid import AXES
from ..labels import MAX_LABEL
from ..orientation import ORDERS
from ..text import as_word
from ..units import S_PER_M
from .conduction import SolverConfig
from .electrode import ElectrodeConfig
from .grains import GrainsConfig
from .impedance import ImpedanceConfig
from .made import name_grains, turn_grains, with_made_image
from .naming import REST, as_label, number_labels, put_once
from .phases import PhasesConfig, is_law, sigma_at, with_axes
from .resistances import is_resisting_law
from .resolved import was_written_without, write_toml
from .rev import RevConfig
from .run import LENGTH_LIMITS, AxesOrder, Length, Title, as_edges, as_tuple
from .text import Section, apply_overrides, key, parse_toml, read_text, shown, validated
from .tubules import TubulesConfig

_HEADING = "pfsolid image study, with every default filled in"
_OLD_NAMES = {"field_axes": "directions"}  # of keys of [image]
_CONTACTS = ("the radius of a disc in nm or the name of a picture for the first plate, or two in brackets for both; \"\" is "
             "all of it")
_PLATES = "two resistances from 0 (inf blocks) in brackets"
_CROP = "three pairs [first, last + 1] of voxels along x, y, z; [] takes all of an axis"


def _as_plates(value: Any) -> Any:
    values = as_tuple(value)
    if not isinstance(values, tuple) or len(values) != 2:
        raise ValueError(_PLATES)
    if any(isinstance(one, bool) or not isinstance(one, (int, float)) or not one >= 0 for one in values):
        raise ValueError(_PLATES)
    return tuple(map(float, values))


def _as_contacts(value: Any) -> Any:
    values = as_tuple(value)
    values = values if isinstance(values, tuple) else (values, "")
    if len(values) != 2 or not any(values):
        raise ValueError(_CONTACTS)
    for one in values:
        if isinstance(one, bool) or not isinstance(one, (int, float, str)) or not isinstance(one, str) and not one > 0:
            raise ValueError(_CONTACTS)
    return tuple(one if isinstance(one, str) else float(one) for one in values)


def _as_label_map(value: Any) -> Any:
    text = f"a table of whole numbers with a label from 0 to {MAX_LABEL} each"
    if not (isinstance(value, dict) and value):
        raise ValueError(text)
    if not all(re.fullmatch(r"-?\d{1,18}", str(name)) and type(label) is int for name, label in value.items()):
        raise ValueError(text)
    found: dict[int, int] = {}
    for name, label in value.items():
        put_once(found, int(name), as_label(label), f"the value {int(name)}")
    return found


def _as_crop(value: Any) -> Any:
    rows = as_tuple(value)
    if not (isinstance(rows, tuple) and len(rows) == 3):
        raise ValueError(_CROP)
    rows = tuple(as_tuple(row) for row in rows)
    pairs = all(isinstance(row, tuple) and len(row) in (0, 2) and all(type(n) is int for n in row) for row in rows)
    if not pairs or any(not 0 <= row[0] < row[1] for row in rows if row):
        raise ValueError(f"{_CROP}, each pair rising from 0 or more")
    return rows


LabelMap = Annotated[dict[int, int], BeforeValidator(_as_label_map)]
Plates = Annotated[tuple[Any, ...], BeforeValidator(_as_plates)]
ContactPair = Annotated[tuple[Any, ...], BeforeValidator(_as_contacts)]
Crop = Annotated[tuple[Any, ...], BeforeValidator(_as_crop)]


class ImageConfig(Section):
    file: str = key("the image: .tif, .npy, .h5[:DATASET], .vti, .zarr, .nrrd, .mhd, .nii, .mrc, .raw, a folder of slices, "
                    "or a run directory")
    axes: AxesOrder | None = key(
        "order of an array's axes, first index first; as the file says, or zyx, if not set", None, allowed=ORDERS)
    voxel_size_nm: Annotated[tuple[Length, Length, Length] | None, BeforeValidator(as_edges)] = key(
        "nm, edge of a voxel along x, y, z, where the file does not say it", None,
        allowed="a length from 1e-06 to 1e+09, or three in brackets")
    crop: Crop | None = key("part of the image to take, in voxels along x, y, z", None, allowed=_CROP)
    bin: int = key("voxels along each axis that become one, by the majority of their labels", 1, ge=1, le=64)
    thresholds: Annotated[tuple[float, ...] | None, BeforeValidator(as_tuple)] = key(
        "grey values: label 0 below the first, 1 from there to the second ...", None,
        allowed="rising grey values in brackets")
    labels: LabelMap | None = key("label of each value of the image, for example { 0 = 0, 255 = 1 }", None,
                                  allowed=f"a table of whole numbers with a label from 0 to {MAX_LABEL} each")
    exclude: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = key(
        "labels outside the field of view, such as round a cylinder: neither conductor nor volume", (),
        allowed="labels in brackets")
    raw_shape: Annotated[tuple[int, int, int] | None, BeforeValidator(as_tuple)] = key(
        "voxels along x, y, z of a raw file", None, allowed="three whole numbers")
    raw_dtype: str | None = key("type of a raw file's values as NumPy writes it: uint8, >u2 ...", None)
    raw_offset: int = key("bytes before the first value of a raw file", 0, ge=0)
    raw_fastest_axis: Literal["x", "z"] = key("axis along which a raw file's values follow each other", "x")
    boundary: Literal["periodic", "mirror", "electrodes"] = key(
        "periodic; mirror: its mirror images make it so; electrodes: plates across the field, insulating sides",
        "periodic")
    directions: str | None = key("axes along which a field is applied; all of more than one voxel if not set", None,
                                 allowed="letters of \"xyz\"")
    plate_resistance_ohm_cm2: Plates = key(
        "ohm cm^2, between each electrode and the image, where it begins and where it ends along the field", (0.0, 0.0),
        allowed=_PLATES)
    contact: ContactPair | None = key(
        "where the electrodes touch the image: on discs about the middle of its ends, or where pictures of them are not 0",
        None, allowed=_CONTACTS)

    @model_validator(mode="after")
    def _can_touch(self) -> Self:
        if self.contact is None:
            return self
        if self.boundary != "electrodes":
            raise ValueError(f"image.contact = {list(self.contact)}: needs image.boundary = \"electrodes\", and it is "
                             f"\"{self.boundary}\"")
        if any(isinstance(one, str) and one for one in self.contact) and len(self.directions or "xyz") != 1:
            raise ValueError(f"image.contact = {list(self.contact)}: a picture is of the ends along one axis: give it as "
                             "image.directions (--directions)")
        return self

    @model_validator(mode="after")
    def _has_plates(self) -> Self:
        if any(self.plate_resistance_ohm_cm2) and self.boundary != "electrodes":
            raise ValueError(f"image.plate_resistance_ohm_cm2 = {list(self.plate_resistance_ohm_cm2)}: needs image.boundary "
                             f"= \"electrodes\", and it is \"{self.boundary}\"")
        return self

    @model_validator(mode="after")
    def _one_labelling(self) -> Self:
        if self.thresholds is not None and self.labels is not None:
            raise ValueError("image: thresholds and labels are two ways of the same: give one")
        if (self.raw_shape is None) != (self.raw_dtype is None):
            raise ValueError("image: raw_shape and raw_dtype go together")
        if self.raw_shape is None and (self.raw_offset or self.raw_fastest_axis != "x"):
            raise ValueError("image: raw_offset and raw_fastest_axis have no meaning without raw_shape and raw_dtype")
        if self.axes is not None and self.raw_shape is not None:
            raise ValueError(f"image.axes = {shown(self.axes)}: of a raw file image.raw_fastest_axis says the order")
        return self

    @field_validator("directions")
    @classmethod
    def _directions(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value or set(value) - set(AXES) or len(set(value)) != len(value):
            raise ValueError("letters of \"xyz\", each once at most")
        return "".join(sorted(value))

    @field_validator("thresholds")
    @classmethod
    def _rising(cls, value: Any) -> Any:
        if value is not None and (not value or any(a >= b for a, b in zip(value, value[1:]))):
            raise ValueError("rising grey values in brackets")
        return value


class LayerConfig(Section):
    on: int = key("label that the layer covers", ge=0, le=MAX_LABEL)
    facing: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = key(
        "labels from which it is measured", allowed="labels in brackets")
    width_nm: float = key("nm, from the faces of those voxels", **LENGTH_LIMITS)
    label: int = key("label that its voxels get", ge=0, le=MAX_LABEL)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if not self.facing or self.on in self.facing:
            raise ValueError(f"layer.facing = {list(self.facing)}: must be labels other than layer.on = {self.on}")
        return self


class ImageOutputConfig(Section):
    save_current: bool = key("store the current density with the labels", True)
    save_potential: bool = key("store the potential with the labels", False)
    figures: bool | Literal["png", "pdf", "svg"] = key("draw the figures at the end: as PNG (true), or in this format", True,
                                                       allowed='true, false, "png", "pdf" or "svg"')


class ImageParallelConfig(Section):
    threads: int | None = key("threads on each rank", None, ge=1, le=4096)
    wall_clock_limit_s: float | None = key("s, stop after running so long, to be resumed", None, gt=0)


class ImageStudyConfig(Section):
    """What conduction on an image is told."""

    title: Title = key("what this is", "")
    image: ImageConfig
    phases: PhasesConfig
    layer: LayerConfig | None = None
    tubules: TubulesConfig | None = None
    grains: GrainsConfig | None = None
    rev: RevConfig | None = None
    electrode: ElectrodeConfig | None = None
    impedance: ImpedanceConfig | None = None
    conduction: SolverConfig = SolverConfig()
    output: ImageOutputConfig = ImageOutputConfig()
    parallel: ImageParallelConfig = ImageParallelConfig()
    # Of a version that took arrays for x, y, z: it wrote no order of axes.
    _older: bool = PrivateAttr(False)

    @property
    def unsaid_axes(self) -> str:
        """The order of axes of an array that does not say its own."""
        return "xyz" if self._older else "zyx"

    @model_validator(mode="before")
    @classmethod
    def _what_follows(cls, raw):
        """What is made is the image; an electrode ends at its separator and its collector, unless something else is said."""
        if isinstance(raw, dict):
            raw = with_made_image(raw)
        if isinstance(raw, dict) and isinstance(raw.get("image"), dict) and isinstance(raw.get("phases"), dict) \
                and raw["phases"].get("carriers_S_per_cm") and "boundary" not in raw["image"]:
            return raw | {"image": raw["image"] | {"boundary": "electrodes"}}
        return raw

    @model_validator(mode="after")
    def _fits(self) -> Self:
        carriers = self.phases.carriers_S_per_cm
        if self.rev is not None and carriers:
            raise ValueError("rev: does not go with phases.carriers_S_per_cm: give one carrier's sigma_S_per_cm")
        if self.electrode is not None and len(carriers) != 2:
            raise ValueError("electrode: is for two carriers in phases.carriers_S_per_cm (--carrier)")
        if self.impedance is not None:
            self.impedance.check(self.phases, self.image, self.conduction)
        if self.impedance is not None and self.rev is not None:
            raise ValueError("impedance: does not go with the section [rev]")
        for name in carriers:
            try:
                self.of_carrier(name)._check()
            except ValueError as error:
                raise ValueError(f"carrier {name}: {error}") from None
        return self if carriers else self._check()

    def of_carrier(self, name: str) -> ImageStudyConfig:
        """The study of one of the carriers by itself."""
        sigma = dict(self.phases.carriers_S_per_cm[name])
        phases = {"sigma_of_others_S_per_cm": sigma.pop(REST), "sigma_S_per_cm": sigma, "carriers_S_per_cm": {}}
        study = self.model_copy(update={"phases": self.phases.model_copy(update=phases), "electrode": None})
        study._older = self._older
        return study

    def _check(self) -> Self:
        sigma = self.phases.sigma_S_per_cm
        if self.layer is not None:
            for label in (self.layer.label, self.layer.on):
                if not self.phases.knows(label):
                    raise ValueError(f"layer: label {label} has no conductivity in phases.sigma_S_per_cm")
        for label in self.image.exclude:
            if label in sigma or not 0 <= label <= MAX_LABEL:
                raise ValueError(f"image.exclude: label {label} " + (
                    "has a conductivity in phases.sigma_S_per_cm; what lies outside has none" if label in sigma
                    else f"is none from 0 to {MAX_LABEL}"))
        laws = [f"label {label}" for label, value in sigma.items() if is_law(value)]
        laws += [f"class {name}" for name, value in self.phases.sigma_of_classes_S_per_cm.items() if is_law(value)]
        laws += [f"the resistance of {pair}" for pair, rule in self.phases.interface_resistance_ohm_cm2.items()
                 if is_resisting_law(rule)]
        self.conduction.check_laws(laws)
        self._check_tensors()
        self._check_contact()
        highest = max(float(np.max(self.sigma_S_per_m(T), initial=0.0, where=~np.isnan(self.sigma_S_per_m(T))))
                      for T in self.conduction.temperatures or (None,))
        highest = max(highest, self.phases.sigma_of_others_S_per_cm or 0.0)
        of_classes = self.phases.sigma_of_classes_S_per_cm.values()
        if highest == 0 and not any(is_law(one) or np.any(np.asarray(one)) for one in of_classes):
            raise ValueError("phases.sigma_S_per_cm: at least one label must conduct")
        return self

    def _check_contact(self) -> None:
        if self.image.contact is not None and self.conduction.solver == "perturbation":
            raise ValueError("image.contact: does not go with conduction.solver = \"perturbation\", which does not converge "
                             "where a potential is held at some faces only; use another")

    def _check_tensors(self) -> None:
        """Full tensors are solved on the voxels' corners, and what is made for faces does not go with them."""
        tensors = self.phases.tensors
        if self.conduction.solver == "split":
            if self.image.boundary != "periodic" or self.conduction.grid_error == "refinement":
                raise ValueError("conduction.solver = \"split\": is for image.boundary = \"periodic\" and one grid; use "
                                 "another, or conduction.grid_error = \"none\"")
            return
        if not tensors:
            return
        what = f"phases.sigma_S_per_cm: label {next(iter(tensors))} has a full tensor, which does not go with"
        if any(self.phases.interface_resistance_ohm_cm2.values()) or any(self.image.plate_resistance_ohm_cm2):
            raise ValueError(f"{what} a resistance of interfaces or plates; give a number or three, or, up to 64^3 voxels, "
                             "use conduction.solver = \"split\"")
        if self.image.contact is not None:
            raise ValueError(f"{what} image.contact; give a number or three")
        if self.conduction.solver in ("petsc", "multigrid"):
            raise ValueError(f"{what} conduction.solver = \"{self.conduction.solver}\"; give a number or three, or use "
                             "\"fft\"")

    def sigma_S_per_m(self, temperature: float | None) -> np.ndarray:
        """Conductivity of each label (S/m): (num_labels,), or (num_labels, 3[, 3]) where one has a tensor.

        A label that is not given counts as NaN: it must not occur in the image.  Those outside the field of view have 0.
        """
        values = {label: np.asarray(sigma_at(label, value, temperature, self.conduction.extrapolate))
                  for label, value in self.phases.sigma_S_per_cm.items()}
        rank = max((value.ndim for value in values.values()), default=0)
        table = np.full((max((*values, *self.image.exclude), default=0) + 1, *(3,) * rank), np.nan)
        table[list(self.image.exclude)] = 0.0
        for label, value in values.items():
            table[label] = with_axes(value, rank)
        return S_PER_M * table

    def with_labels(self, labels) -> ImageStudyConfig:
        """The same with the conductivity of its class, or of the others, given to each of the labels that has none."""
        missing = set(labels) - set(self.phases.sigma_S_per_cm) - set(self.image.exclude)
        try:
            added = self.phases.sigma_of_labels(missing)
        except ValueError as error:
            raise InputError(str(error)) from None
        if not added:
            return self
        sigma = dict(sorted((self.phases.sigma_S_per_cm | added).items()))
        study = self.model_copy(update={"phases": self.phases.model_copy(update={"sigma_S_per_cm": sigma})})
        study._older = self._older
        return study

    @property
    def names(self) -> dict[int, str]:
        """A name of every label that has a conductivity, or of the lowest of those that count together."""
        return self.phases.names_of_all

    @property
    def groups(self) -> np.ndarray | None:
        """For each label up to the highest the one that it counts with in results; None where each counts by itself."""
        groups = self.phases.groups
        if groups is None:
            return None
        table = np.arange(max(*groups, *self.image.exclude, 0) + 1)
        table[list(groups)] = list(groups.values())
        return table


def study_from_text(text: str, source: str, overrides=()) -> ImageStudyConfig:
    """An image study from TOML text; ``source`` names it in errors."""
    return study_from_tables(parse_toml(text, source), source, overrides, text)


def study_from_tables(raw: dict, source: str, overrides=(), text: str = "") -> ImageStudyConfig:
    """An image study from its tables, which are changed in place.

    Parameters
    ----------
    raw : dict
    source : str
        Names it in errors.
    overrides : sequence of str
        See `apply_overrides`.
    text : str
        What the tables were read from, if they were.

    Returns
    -------
    ImageStudyConfig

    Raises
    ------
    InputError
        A line for each mistake.
    """
    image = raw.get("image")
    if image is None and "grid" in raw:
        raise InputError(f"{source}: is the input of a run: pfsolid run {as_word(source)}; for other conductivities on what "
                         "a run has grown: pfsolid conduct DIR")
    older = was_written_without(text, _HEADING, "axes") or isinstance(image, dict) and bool(_OLD_NAMES.keys() & image)
    places = apply_overrides(raw, overrides)
    _rename(raw, source, places)
    name_grains(raw)
    number_labels(raw)
    try:
        turn_grains(raw)
    except (ValueError, InputError) as error:
        raise InputError(f"{source}: {error}") from None
    study = validated(ImageStudyConfig, raw, source, places)
    study._older = older
    return study


def _rename(raw: dict, source: str, places: dict) -> None:
    """Give keys of older versions their names of today."""
    image = raw.get("image")
    for old, new in _OLD_NAMES.items():
        if not isinstance(image, dict) or old not in image:
            continue
        if new in image:
            raise InputError(f"{source}: image.{new} and image.{old}, its older name, are both given: give one")
        image[new] = image.pop(old)
        if ("image", old) in places:
            places["image", new] = places["image", old]


def read_study(path, overrides=()) -> ImageStudyConfig:
    """Read and check a study; InputError names every key that is wrong."""
    return study_from_text(read_text(path), str(path), overrides)


def study_to_toml(study: ImageStudyConfig) -> str:
    """Every key with its value and meaning.  Reads back equal."""
    return write_toml(study, _HEADING)
