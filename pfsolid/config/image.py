"""The validated input of conduction on an image of labels: `pfsolid conduct IMAGE` or `pfsolid conduct STUDY.toml`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, PrivateAttr, field_validator, model_validator

from ..errors import InputError
from ..grid import AXES
from ..labels import MAX_LABEL, MOST_APART
from ..orientation import ORDERS
from ..text import as_word, one_line
from ..units import S_PER_M
from .conduction import MAX_CONDUCTIVITY, SolverConfig, as_conductivity, conductivity_at
from .electrode import ElectrodeConfig
from .naming import REST, number_labels
from .resolved import was_written_without, write_toml
from .rev import RevConfig
from .run import LENGTH_LIMITS, AxesOrder, Length, Title, as_edges, as_tuple
from .text import Section, apply_overrides, key, parse_toml, read_text, shown, validated
from .tubules import TubulesConfig, with_made_image

_LABELS = f"a table of labels from 0 to {MAX_LABEL}"
_NAMES = f"{_LABELS} with a name in quotes each, on one line"
_SIGMA = "for each label a number, a law { value, at_K, activation_energy_eV }, three numbers or the three rows of a tensor"
_CARRIERS = ("a table of carriers, words of letters and digits, each with a table of conductivities, for example "
             "{ ion = { \"1\" = 1e-3 }, electron = { \"2\" = 5e-3 } }")
_RESISTANCES = ("a table of pairs of labels with a resistance from 0 (inf blocks), for example { \"0:1\" = 10.0 }, "
                "\"*:*\" for all other pairs")
ANY_PAIR = "*:*"  # of two labels that differ
_LABEL_DIGITS = len(str(MAX_LABEL))
_HEADING = "pfsolid image study, with every default filled in"
_OLD_NAMES = {"field_axes": "directions"}  # of keys of [image]
_CONTACTS = ("the radius of a disc in nm or the name of a picture for the first plate, or two in brackets for both; \"\" is "
             "all of it")
_PLATES = "two resistances from 0 (inf blocks) in brackets"
_CROP = "three pairs [first, last + 1] of voxels along x, y, z; [] takes all of an axis"


def _label(name) -> int:
    if not re.fullmatch(rf"\d{{1,{_LABEL_DIGITS}}}", str(name)) or int(name) > MAX_LABEL:
        raise ValueError(f"{one_line(str(name))!r} is no label from 0 to {MAX_LABEL}")
    return int(name)


def _as_sigma(value):
    """A conductivity, or a diagonal or full tensor as a tuple of numbers or rows."""
    if not (isinstance(value, (list, tuple)) and value and not isinstance(value[0], dict)
            and isinstance(value[0], (int, float, list, tuple))):
        return as_conductivity(value)
    try:
        numbers = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("neither a vector nor a tensor") from None
    if numbers.shape not in ((3,), (3, 3)) or not np.all(np.abs(numbers) <= MAX_CONDUCTIVITY):
        raise ValueError("neither a vector nor a tensor")
    tensor = np.diag(numbers) if numbers.ndim == 1 else numbers
    if not np.array_equal(tensor, tensor.T) or np.linalg.eigvalsh(tensor)[0] < -1e-12 * np.abs(tensor).max():
        raise ValueError("not symmetric and positive")
    return tuple(map(tuple, numbers.tolist())) if numbers.ndim == 2 else tuple(numbers.tolist())


def _as_sigmas(value):
    if not isinstance(value, dict):
        raise ValueError(_SIGMA)
    found = {}
    for name, one in value.items():
        try:
            label, sigma = _label(name), _as_sigma(one)
        except ValueError as error:
            raise ValueError(f"{_SIGMA}; label {one_line(name)} = {shown(one)}: {_problem(one, error)}") from None
        _put(found, label, sigma, f"label {label}")
    return dict(sorted(found.items()))


def _put(found: dict, place, value, what: str) -> None:
    """Refuses what two spellings of one number, such as 1 and 01, give twice: the last would win unseen."""
    if place in found:
        raise ValueError(f"a table that gives {what} once: it stands there twice")
    found[place] = value


def _problem(value, error: ValueError) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and " no label" not in str(error):
        return f"must be from 0 to {MAX_CONDUCTIVITY:g}"
    return str(error).rpartition("; ")[2]  # a mistake inside a law comes after the list of what is allowed


def _as_names(value):
    if not isinstance(value, dict) or not all(isinstance(text, str) and text.strip() and text.isprintable()
                                              for text in value.values()):
        raise ValueError(_NAMES)
    found = {}
    for name, text in value.items():
        label, text = _label(name), text.strip()
        _put(found, label, text, f"label {label}")
    return found


def _as_carriers(value):
    """Of each carrier the conductivities, that of all labels that are not given (REST) among them, 0 if it is not."""
    if not isinstance(value, dict) or not all(isinstance(table, dict) and table and re.fullmatch(r"[A-Za-z]\w{0,31}", name)
                                              for name, table in value.items()):
        raise ValueError(_CARRIERS)
    found = {}
    for name, table in value.items():
        rest = table.get(REST, 0.0)
        if isinstance(rest, bool) or not isinstance(rest, (int, float)) or not 0 <= rest <= MAX_CONDUCTIVITY:
            raise ValueError(f"{_CARRIERS}; {name}: \"{REST}\" = {shown(rest)}")
        try:
            labels = _as_sigmas({label: one for label, one in table.items() if label != REST})
        except ValueError as error:
            raise ValueError(f"carrier {name}: {error}") from None
        found[name] = labels | {REST: float(rest)}
    return found


def _as_name(value):
    if not (isinstance(value, str) and value.strip() and value.isprintable()):
        raise ValueError("a name in quotes on one line")
    return value.strip()


def _as_resistances(value):
    if not isinstance(value, dict):
        raise ValueError(_RESISTANCES)
    found = {}
    for name, resistance in value.items():
        a, colon, b = str(name).partition(":")
        number = isinstance(resistance, (int, float)) and not isinstance(resistance, bool)
        others = re.sub(r"\s", "", str(name)) == ANY_PAIR
        if not (colon and number and resistance >= 0) or not others and (
                "*" in (a.strip(), b.strip()) or _label(a.strip()) == _label(b.strip())):
            raise ValueError(f"{_RESISTANCES}; {shown(name)} = {shown(resistance)}")
        pair = ANY_PAIR if others else f"{min(int(a), int(b))}:{max(int(a), int(b))}"
        _put(found, pair, float(resistance), f"the pair {pair}")
    return found


def _as_plates(value):
    values = as_tuple(value)
    if not isinstance(values, tuple) or len(values) != 2:
        raise ValueError(_PLATES)
    if any(isinstance(one, bool) or not isinstance(one, (int, float)) or not one >= 0 for one in values):
        raise ValueError(_PLATES)
    return tuple(map(float, values))


def _as_contacts(value):
    values = as_tuple(value)
    values = values if isinstance(values, tuple) else (values, "")
    if len(values) != 2 or not any(values):
        raise ValueError(_CONTACTS)
    for one in values:
        if isinstance(one, bool) or not isinstance(one, (int, float, str)) or not isinstance(one, str) and not one > 0:
            raise ValueError(_CONTACTS)
    return tuple(one if isinstance(one, str) else float(one) for one in values)


def _as_label_map(value):
    text = f"a table of whole numbers with a label from 0 to {MAX_LABEL} each"
    if not (isinstance(value, dict) and value):
        raise ValueError(text)
    if not all(re.fullmatch(r"-?\d{1,18}", str(name)) and type(label) is int for name, label in value.items()):
        raise ValueError(text)
    found = {}
    for name, label in value.items():
        _put(found, int(name), _label(label), f"the value {int(name)}")
    return found


def _as_crop(value):
    rows = as_tuple(value)
    if not (isinstance(rows, tuple) and len(rows) == 3):
        raise ValueError(_CROP)
    rows = tuple(as_tuple(row) for row in rows)
    pairs = all(isinstance(row, tuple) and len(row) in (0, 2) and all(type(n) is int for n in row) for row in rows)
    if not pairs or any(not 0 <= row[0] < row[1] for row in rows if row):
        raise ValueError(f"{_CROP}, each pair rising from 0 or more")
    return rows


Sigmas = Annotated[dict, BeforeValidator(_as_sigmas)]
Carriers = Annotated[dict, BeforeValidator(_as_carriers)]
Names = Annotated[dict, BeforeValidator(_as_names)]
OneName = Annotated[str, BeforeValidator(_as_name)]
Resistances = Annotated[dict, BeforeValidator(_as_resistances)]
LabelMap = Annotated[dict, BeforeValidator(_as_label_map)]
Plates = Annotated[tuple, BeforeValidator(_as_plates)]
ContactPair = Annotated[tuple, BeforeValidator(_as_contacts)]
Crop = Annotated[tuple, BeforeValidator(_as_crop)]


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
    def _can_touch(self):
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
    def _has_plates(self):
        if any(self.plate_resistance_ohm_cm2) and self.boundary != "electrodes":
            raise ValueError(f"image.plate_resistance_ohm_cm2 = {list(self.plate_resistance_ohm_cm2)}: needs image.boundary "
                             f"= \"electrodes\", and it is \"{self.boundary}\"")
        return self

    @model_validator(mode="after")
    def _one_labelling(self):
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
    def _directions(cls, value):
        if value is None:
            return None
        if not value or set(value) - set(AXES) or len(set(value)) != len(value):
            raise ValueError("letters of \"xyz\", each once at most")
        return "".join(sorted(value))

    @field_validator("thresholds")
    @classmethod
    def _rising(cls, value):
        if value is not None and (not value or any(a >= b for a, b in zip(value, value[1:]))):
            raise ValueError("rising grey values in brackets")
        return value


class PhasesConfig(Section):
    sigma_S_per_cm: Sigmas = key("S/cm of each label", {}, allowed=_SIGMA)
    sigma_of_others_S_per_cm: float | None = key(
        "S/cm of all labels that are not given (\"*\" among the others)", None, ge=0, le=MAX_CONDUCTIVITY)
    carriers_S_per_cm: Carriers = key(
        "in place of those: S/cm of each label for each carrier; labels that are not given do not conduct it", {},
        allowed=_CARRIERS)
    names: Names = key("what the labels are; their names may stand wherever a label does", {}, allowed=_NAMES)
    name_of_others: OneName | None = key(
        "what all labels without a name are together (\"*\" among the names)", None,
        allowed="a name in quotes on one line")
    reference: int | None = key(
        "label whose conductivity the formation factor refers to; the best conductor if not set", None, ge=0, le=MAX_LABEL)
    interface_resistance_ohm_cm2: Resistances = key(
        "ohm cm^2, resistance of the interfaces between two labels; \"*:*\" for all other pairs", {}, allowed=_RESISTANCES)
    interface_normals: Literal["smoothed", "faces"] = key(
        "normals of interfaces that resist: smoothed for any shape; faces where all are boxes, as voxels are", "smoothed")

    @model_validator(mode="after")
    def _known(self):
        if self.carriers_S_per_cm:
            return self._known_of_carriers()
        if not self.sigma_S_per_cm and self.sigma_of_others_S_per_cm is None:
            raise ValueError(f"phases.sigma_S_per_cm = {{}}: must be {_SIGMA}")
        if self.reference is not None and not self.knows(self.reference):
            raise ValueError(f"phases.reference = {self.reference}: must be one of the labels with a conductivity, "
                             f"{', '.join(map(str, self.sigma_S_per_cm))}")
        conducts = self.reference and self.sigma_S_per_cm.get(self.reference, self.sigma_of_others_S_per_cm)
        if self.reference is not None and not np.any(np.asarray(conducts, dtype=object)):
            raise ValueError(f"phases.reference = {self.reference}: must be the label of a conductor, and this one has 0")
        return self

    def _known_of_carriers(self):
        others = {"sigma_S_per_cm": self.sigma_S_per_cm,
                  "sigma_of_others_S_per_cm": self.sigma_of_others_S_per_cm is not None,
                  "reference": self.reference is not None, "interface_resistance_ohm_cm2": self.interface_resistance_ohm_cm2}
        given = [name for name, value in others.items() if value]
        if given:
            raise ValueError(f"phases.{given[0]}: does not go with phases.carriers_S_per_cm, as it would be one carrier's: "
                             "conduct that one by itself")
        return self

    @model_validator(mode="after")
    def _resists(self):
        given = self.interface_resistance_ohm_cm2
        for pair in given:
            for label in map(int, pair.split(":") if pair != ANY_PAIR else ()):
                if not self.knows(label):
                    raise ValueError(f"phases.interface_resistance_ohm_cm2 = {pair!r}: label {label} has no conductivity in "
                                     "phases.sigma_S_per_cm")
        return self

    def knows(self, label: int) -> bool:
        """Whether a label has a conductivity, its own or that of the others."""
        return label in self.sigma_S_per_cm or self.sigma_of_others_S_per_cm is not None

    @property
    def groups(self) -> dict[int, int] | None:
        """For each label with a conductivity the lowest of those that it counts with in results; None where all count apart.

        Labels without a name count together under `name_of_others`; without it, where there are too many to count apart,
        by their conductivity, and where these are too many as well, all together.
        """
        nameless = [label for label in self.sigma_S_per_cm if label not in self.names]
        if self.name_of_others is not None:
            kinds = dict.fromkeys(nameless, 0)
        elif len(self.sigma_S_per_cm) <= MOST_APART:
            return None
        else:
            kinds = {label: self.sigma_S_per_cm[label] for label in nameless}
            if len(set(kinds.values())) > MOST_APART:
                kinds = dict.fromkeys(nameless, 0)
        first: dict = {}
        for label in sorted(nameless):
            first.setdefault(kinds[label], label)
        return {label: first[kinds[label]] if label in kinds else label for label in self.sigma_S_per_cm}

    @property
    def names_of_all(self) -> dict[int, str]:
        """A name of every label that has a conductivity, or of the lowest of those that count together."""
        groups = self.groups
        if groups is None:
            return {label: self.names.get(label, f"label {label}") for label in self.sigma_S_per_cm}
        sizes = Counter(groups.values())
        return {label: self.names.get(label) or self.name_of_others or (
            f"{sizes[label]} labels from {label} on" if sizes[label] > 1 else f"label {label}") for label in sizes}

    @model_validator(mode="after")
    def _names_differ(self):
        first: dict[str, int] = {}
        for label, name in self.names_of_all.items():
            if first.setdefault(name, label) != label:  # results are kept by name
                raise ValueError(f"phases.names: labels {first[name]} and {label} are both called {name!r}; names must "
                                 "differ")
        return self

    @property
    def tensors(self) -> tuple[int, ...]:
        """Labels whose conductivity has elements off the diagonal."""
        return tuple(label for label, value in self.sigma_S_per_cm.items()
                     if isinstance(value, tuple) and isinstance(value[0], tuple)
                     and np.any(np.array(value)[~np.eye(3, dtype=bool)]))


class LayerConfig(Section):
    on: int = key("label that the layer covers", ge=0, le=MAX_LABEL)
    facing: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = key(
        "labels from which it is measured", allowed="labels in brackets")
    width_nm: float = key("nm, from the faces of those voxels", **LENGTH_LIMITS)
    label: int = key("label that its voxels get", ge=0, le=MAX_LABEL)

    @model_validator(mode="after")
    def _apart(self):
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
    rev: RevConfig | None = None
    electrode: ElectrodeConfig | None = None
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
        """Tubules are the image; an electrode ends at its separator and its collector, unless something else is said."""
        if isinstance(raw, dict) and raw.get("tubules") is not None:
            raw = with_made_image(raw)
        if isinstance(raw, dict) and isinstance(raw.get("image"), dict) and isinstance(raw.get("phases"), dict) \
                and raw["phases"].get("carriers_S_per_cm") and "boundary" not in raw["image"]:
            return raw | {"image": raw["image"] | {"boundary": "electrodes"}}
        return raw

    @model_validator(mode="after")
    def _fits(self):
        carriers = self.phases.carriers_S_per_cm
        if self.rev is not None and carriers:
            raise ValueError("rev: does not go with phases.carriers_S_per_cm: give one carrier's sigma_S_per_cm")
        if self.electrode is not None and len(carriers) != 2:
            raise ValueError("electrode: is for two carriers in phases.carriers_S_per_cm (--carrier)")
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

    def _check(self):
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
        self.conduction.check_laws(laws)
        self._check_tensors()
        self._check_contact()
        highest = max(float(np.max(self.sigma_S_per_m(T), initial=0.0, where=~np.isnan(self.sigma_S_per_m(T))))
                      for T in self.conduction.temperatures or (None,))
        highest = max(highest, self.phases.sigma_of_others_S_per_cm or 0.0)
        if highest == 0:
            raise ValueError("phases.sigma_S_per_cm: at least one label must conduct")
        return self

    def _check_contact(self) -> None:
        if self.image.contact is not None and self.conduction.solver == "perturbation":
            raise ValueError("image.contact: does not go with conduction.solver = \"perturbation\", which does not converge "
                             "where a potential is held at some faces only; use another")

    def _check_tensors(self) -> None:
        """Full tensors are solved on the voxels' corners, and what is made for faces does not go with them."""
        tensors = self.phases.tensors
        if not tensors:
            return
        what = f"phases.sigma_S_per_cm: label {tensors[0]} has a full tensor, which does not go with"
        if any(self.phases.interface_resistance_ohm_cm2.values()) or any(self.image.plate_resistance_ohm_cm2):
            raise ValueError(f"{what} a resistance of interfaces or plates; give a number or three")
        if self.image.contact is not None:
            raise ValueError(f"{what} image.contact; give a number or three")
        if self.conduction.solver in ("petsc", "multigrid"):
            raise ValueError(f"{what} conduction.solver = \"{self.conduction.solver}\"; give a number or three, or use "
                             "\"fft\"")

    def sigma_S_per_m(self, temperature: float | None) -> np.ndarray:
        """Conductivity of each label (S/m): (num_labels,), or (num_labels, 3[, 3]) where one has a tensor.

        A label that is not given counts as NaN: it must not occur in the image.  Those outside the field of view have 0.
        """
        values = {label: np.asarray(_sigma_at(label, value, temperature, self.conduction.extrapolate))
                  for label, value in self.phases.sigma_S_per_cm.items()}
        rank = max((value.ndim for value in values.values()), default=0)
        table = np.full((max((*values, *self.image.exclude), default=0) + 1, *(3,) * rank), np.nan)
        table[list(self.image.exclude)] = 0.0
        for label, value in values.items():
            table[label] = _with_axes(value, rank)
        return S_PER_M * table

    def with_labels(self, labels) -> ImageStudyConfig:
        """The same with the conductivity of the others given to each of the labels that has none."""
        rest = self.phases.sigma_of_others_S_per_cm
        missing = set(labels) - set(self.phases.sigma_S_per_cm) - set(self.image.exclude)
        if rest is None or not missing:
            return self
        sigma = dict(sorted((self.phases.sigma_S_per_cm | dict.fromkeys(missing, rest)).items()))
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


def _with_axes(value: np.ndarray, rank: int) -> np.ndarray:
    """A scalar or diagonal as a diagonal (rank 1) or a tensor (rank 2)."""
    if value.ndim < rank:
        value = np.broadcast_to(value, 3)
    return np.diag(value) if value.ndim < rank else value


def is_law(value) -> bool:
    """Whether a conductivity depends on the temperature."""
    return isinstance(value, tuple) and not isinstance(value[0], (float, tuple))


def _sigma_at(label: int, value, temperature, extrapolate):
    """S/cm."""
    if not is_law(value):
        return value
    return conductivity_at(f"phases.sigma_S_per_cm of label {label}", value, temperature, extrapolate) / S_PER_M


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
    number_labels(raw)
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
