"""What `pfsolid measure` is given: where it ends, what its values are, and how a rank reads its part."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np

from ..config.conduction import DEFAULT_THRESHOLDS
from ..config.naming import REST
from ..config.run import RunConfig, config_from_text
from ..errors import InputError
from ..grid import PeriodicGrid
from ..io.images.formats import ArrayLayout
from ..io.images.slab import ImageInfo, ImageWindow, describe_image, read_image_slab, read_label_slab
from ..io.series import attributes_of_any
from ..morphology.multiphase import MAX_PHASES
from ..parallel.collective import Reducer
from ..results.measured import GRAINS, LABELS
from ..spectral.transform import slab_of
from ..text import one_line
from .simulate import thresholds

_MOST_NAMED = 6


@dataclass(frozen=True)
class MeasuredSource:
    """An image to be measured; the same on every rank.

    Attributes
    ----------
    source : str
    info : ImageInfo
    grid_nm : PeriodicGrid
        Of what is measured: with the mirror images.
    boundary : {'open', 'periodic', 'mirror'}
    boundary_from, thresholds_from : str
        Why these.
    filler : int or None
        Label of the filler; None for a density.
    names : dict of int to str
        That of all other labels, which are one phase then, by "*".
    thresholds : tuple of 2 float
    surface_depth_nm : float or None
    layout : ArrayLayout
        Order of the axes of the file's array.
    remarks : list of str
        What else a person should know.
    labelled : bool
        The values are labels, of which every one is a phase.
    window : ImageWindow
        Part of the image, and how many of its voxels become one.
    """

    source: str
    info: ImageInfo
    grid_nm: PeriodicGrid
    boundary: str
    boundary_from: str
    filler: int | None
    names: dict[int, str]
    thresholds: tuple[float, float]
    thresholds_from: str
    surface_depth_nm: float | None
    layout: ArrayLayout
    remarks: list[str] = field(default_factory=list)
    labelled: bool = False
    window: ImageWindow = ImageWindow()

    def name_of(self, labels: tuple[int, ...]) -> str:
        """Their names, or their numbers."""
        known = list(dict.fromkeys(self.names.get(label) or self.names.get(REST) or f"label {label}" for label in labels))
        return "+".join(known) if 0 < len(known) <= _MOST_NAMED else f"the {len(known)} other labels"

    def read(self, comm) -> tuple[np.ndarray, tuple[int, ...] | None]:
        """This rank's slab, 0 in the filler and 1 in the matrix, and the matrix's labels; None for a density.  Collective.

        Raises
        ------
        InputError
            The image cannot be read, its values are no densities or labels, or the filler does not occur.
        """
        slices = slab_of(self.grid_nm, comm)
        if self.filler is None:
            return self._read_density(slices, comm), None
        found = _OnePhase(self.filler)
        window = replace(self.window, mirrored=self._mirrored)
        others = read_label_slab(self.source, slices, comm, window, found, self.layout)
        labels = sorted(set().union(*Reducer(comm).gather(found.seen)))
        if self.filler not in labels:
            raise InputError(f"--filler {self.filler}: {self.info.name} has no such label; it has {_some(labels)}")
        return others.astype(np.float64), tuple(label for label in labels if label != self.filler)

    def read_phases(self, comm, excluded: tuple[int, ...] = ()) -> tuple[np.ndarray, tuple[int, ...], int | None]:
        """This rank's slab with ghost planes, (n0 + 2, n1, n2), in numbers from 0 on, and the labels that they stand for.

        Collective.  Those that are ``excluded`` have the numbers behind those.  The ghost planes are not filled.  Last, the
        lowest of the labels that are one phase because all others have a name, if there are any: it stands for them.

        Raises
        ------
        InputError
            The image cannot be read, its values are no labels or too many, or an excluded one does not occur.
        """
        slices = slab_of(self.grid_nm, comm)
        phase = np.zeros((slices[0].stop - slices[0].start + 2, *self.grid_nm.shape[1:]), np.uint8)
        apart = None if REST not in self.names else sorted({*self.names, *excluded} - {REST})
        found = _EveryPhase(apart)
        phase[1:-1] = read_label_slab(self.source, slices, comm, self.window, found, self.layout)
        reducer = Reducer(comm)
        seen = set().union(*reducer.gather(list(found.numbers)))
        rest = min(reducer.gather(found.lowest)) if None in seen else None
        labels = sorted(seen - {None} | ({rest} if rest is not None else set()))
        if len(labels) > _EveryPhase.MOST:
            raise InputError(f"{self.info.name} has {len(labels)} values, more phases than {MAX_PHASES}: give --names "
                             "0=pore,*=grains to make all others one phase, or --filler for one against all others")
        missing = [label for label in excluded if label not in labels]
        if missing:
            raise InputError(f"--exclude {missing[0]}: {self.info.name} has no such label; it has {_some(labels)}")
        kept = [label for label in labels if label not in excluded]
        order = {label: number for number, label in enumerate([*kept, *sorted(excluded)])}
        table = np.zeros(256, np.uint8)
        for label, number in found.numbers.items():
            table[number] = order[rest if label is None else label]
        phase[1:-1] = table[phase[1:-1]]
        return phase, tuple(kept), rest

    @property
    def _mirrored(self) -> tuple[bool, bool, bool]:
        # Of an image of labels the measures themselves know of the mirror.
        return tuple(self.boundary == "mirror" and n > 1 and not self.labelled for n in self.info.shape)

    def _read_density(self, slices, comm) -> np.ndarray:
        voxels = replace(self.window, mirrored=self._mirrored).file_voxels(self.info, slices)
        box = tuple(slice(int(index.min()), int(index.max()) + 1) for index in voxels)
        part = read_image_slab(self.source, box, comm, layout=self.layout,
                               advice="give --values labels, or --filler LABEL, if the values are labels")
        return part[np.ix_(*(index - s.start for index, s in zip(voxels, box)))]


class _OnePhase:
    """A labelling that is 0 on one label and 1 on all others, whatever whole numbers, and knows which it has seen."""

    def __init__(self, filler: int):
        self._filler = filler
        self.seen: set[int] = set()

    def apply(self, page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """0 or 1 (uint8), and where a value is no whole number."""
        bad = np.zeros(page.shape, bool)
        if page.dtype.kind == "f":
            bad = ~(np.isfinite(page) & (page == np.rint(page)))
        self.seen.update(int(value) for value in np.unique(page[~bad]))
        return (page != self._filler).astype(np.uint8), bad

    @staticmethod
    def dtype_for(_values) -> type:
        """Of 0 and 1."""
        return np.uint8

    @staticmethod
    def complaint(_value) -> str:
        """What is wrong with a value."""
        return "which is no label, a whole number"


class _EveryPhase:
    """A labelling that numbers whole values in the order in which they come, and knows the number of each.

    All but those that are ``apart``, where these are given, have the number of None; the lowest of them is kept.
    """

    MOST = 255

    def __init__(self, apart: list[int] | None = None):
        self._apart = apart
        self.numbers: dict[int | None, int] = {}
        self.lowest: float = np.inf

    def apply(self, page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers (uint8), and where a value is no whole number; those beyond `MOST` are for the caller to refuse."""
        bad = np.zeros(page.shape, bool)
        if page.dtype.kind == "f":
            bad = ~(np.isfinite(page) & (page == np.rint(page)))
            page = np.where(bad, 0, page)
        values, places = np.unique(page, return_inverse=True)
        labels: list[int | None] = [int(value) for value in values.tolist()]
        if self._apart is not None:
            together = ~np.isin(values, self._apart)
            if together.any():
                self.lowest = min(self.lowest, int(values[together][0]))
            labels = [None if one else label for one, label in zip(together.tolist(), labels)]
        for label in labels:
            self.numbers.setdefault(label, len(self.numbers))
        table = np.array([min(self.numbers[label], self.MOST) for label in labels], np.uint8)
        return table[places].reshape(page.shape), bad

    @staticmethod
    def dtype_for(_values) -> type:
        """Of numbers."""
        return np.uint8

    complaint = staticmethod(_OnePhase.complaint)


def _some(labels: list[int]) -> str:
    return ", ".join(map(str, labels[:20])) + (" ..." if len(labels) > 20 else "")


def describe_source(source: str, filler: str | None, voxel_nm: tuple | None, boundary: str | None,
                    names: dict[int, str] | None, layout: ArrayLayout, values: str | None = None,
                    window: ImageWindow = ImageWindow()) -> MeasuredSource:
    """Find out what is to be measured, no voxel read yet.  For one rank; see `pfsolid.workflows.measure_file`.

    Without ``values`` whole numbers are labels, as are all of which somebody gives the ``names``; others are a density.

    Raises
    ------
    InputError
    """
    info = describe_image(source, layout)
    text, known = _attributes_of(info)
    run = _run_of(text, info)
    spacing, remarks = _edges(info, voxel_nm)
    all_names = known | (names or {})
    whole = info.dtype.kind in "biu" or bool(names)
    labelled = filler is None and (values in (LABELS, GRAINS) or values is None and whole)
    if window.bin > 1 and not labelled and filler is None:
        raise InputError(f"--bin {window.bin}: is for labels, not for a density; see --values")
    found = MeasuredSource(source, info, PeriodicGrid(window.image_shape(info), spacing), *_boundary(boundary, run),
                           label_named(filler, all_names, info.name, "--filler"), all_names, DEFAULT_THRESHOLDS,
                           "by default, for the file has none", None, layout, remarks, labelled, window)
    if run is not None:
        found = replace(found, thresholds=thresholds(run), thresholds_from="of the run that made it",
                        surface_depth_nm=run.material.surface_depth_nm)
    shape = replace(window, mirrored=found._mirrored).grid_shape(info)
    return replace(found, grid_nm=PeriodicGrid(shape, window.edges(info, spacing)))


def _boundary(asked: str | None, run: RunConfig | None) -> tuple[str, str]:
    """How the image goes on, and why that is so."""
    if asked is not None:
        return asked, "as asked for"
    if run is None:
        return "open", "the default for images; --boundary periodic or mirror if it goes on"
    return "periodic", "as it was grown"


def _attributes_of(info: ImageInfo) -> tuple[str | None, dict[int, str]]:
    """The input that pfsolid stored with its own fields, and the names of their labels."""
    if info.dataset is None:
        return None, {}
    of_dataset, of_file = attributes_of_any(info.path, info.dataset)
    entries = str(of_dataset.get("phases", "")).split(",")
    pairs = (entry.strip().split(" ", 1) for entry in entries if re.match(r"\s*\d+ \S", entry))
    return of_file.get("input"), {int(label): name for label, name in pairs}


def _run_of(text: str | None, info: ImageInfo) -> RunConfig | None:
    """The run that grew a density; None for images and studies of them."""
    if not isinstance(text, str) or "[image]" in text:
        return None
    return config_from_text(text, f"the input stored in {info.path}")


def _edges(info: ImageInfo, voxel_nm: tuple | None) -> tuple[tuple, list[str]]:
    """Edges of a voxel (nm), and what is to be said about them."""
    if voxel_nm is None and info.spacing_nm is None:
        raise InputError(f"{info.name} does not say how large its voxels are: give --voxel-nm")
    if voxel_nm is None or info.spacing_nm is None or np.allclose(voxel_nm, info.spacing_nm, rtol=1e-6):
        return voxel_nm or info.spacing_nm, []
    asked, stored = (" x ".join(f"{h:g}" for h in edges) for edges in (voxel_nm, info.spacing_nm))
    return voxel_nm, [f"voxels of {asked} nm, as asked for with --voxel-nm; {info.name} says {stored} nm"]


def label_named(text: str | None, names: dict, image: str, option: str):
    """The label of that number or name, "*" of the name of all others; None of None.

    Raises
    ------
    InputError
        A name that no label has, or several.
    """
    if text is None:
        return None
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    labels = [label for label, name in names.items() if name == text]
    if labels == [REST] and option != "--active":
        raise InputError(f"{option} {one_line(text)}: that is what all other labels together are called, and one is needed")
    if len(labels) != 1:
        known = ", ".join(f"{label} {name}" for label, name in sorted(names.items(), key=str))
        known = known or "none: give some with --names 0=NAME,..."
        raise InputError(f"{option} {one_line(str(text))}: a whole number, or the name of one label of {image}; named "
                         f"are {known}")
    return labels[0]
