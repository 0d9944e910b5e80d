"""Conduction on an image of labels: its parts on grids, their layers and interfaces, and the results by the image's axes.

Where the labels come from, a file or an array, is the business of :mod:`pfsolid.io.images`; where results go, of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Bools, Floats, Integers, Labels
from ..conduction.effective import preconditioner_precision
from ..conduction.phases import unlike_faces
from ..config.conduction import SolverConfig
from ..config.estimate import PROGRAM_BYTES, conduction_bytes_per_voxel
from ..config.image import ImageStudyConfig, LayerConfig
from ..config.resistances import resists_finitely
from ..errors import InputError
from ..grid import AXES, PeriodicGrid, three
from ..io.images.description import ArrayImage, ImageInfo
from ..io.images.slab import Labelling, describe_image, read_label_slab
from ..labels import check_label_known, empty_labels, label_counts, label_dtype
from ..morphology.layers import surface_layer
from ..morphology.straighten import straighten_halved
from ..orientation import Orientation
from ..parallel.collective import Reducer, on_root
from ..parallel.memory import check_memory
from ..parallel.session import Session
from ..spectral.transform import CosineSlabTransform, SlabTransform, check_rank_count
from ..text import listed
from ..units import M2_PER_CM2, NM_PER_M
from .boundaries import input_errors, staircase_shares
from .contacts import contacts_of, read_contacts
from .found import FEWEST_VOXELS, Conduction, joined
from .grid_error import (
    CONTACT_JUMPS,
    IMAGE_JUMPS,
    IMAGE_TWICE,
    INTERFACES_TWICE,
    UNRESOLVED,
    UNRESOLVED_JUMPS,
    WIDER,
    GridPart,
    grid_part,
)
from .medium import Medium
from .parts import Part, field_axes, layout_of, parts_of
from .resistances import Resistances
from .solve import Memory, OnSolved, check_solver, settings_of_second, solve_conduction
from .split import check_split, solve_split_conduction
from .watch import watched_by

WatchParts = Callable[[Part, Medium], OnSolved | None]


@dataclass(frozen=True)
class LabelledImage:
    """A part as it is solved, and how many of its voxels are a layer that was laid on it."""

    medium: Medium
    num_laid: int


class ImageConduction:
    """The conduction of an image of labels, ready to be solved: what cannot be used has been refused.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
        Its ``image.file`` is not looked at.
    source : str or ArrayImage
        Where the labels are.
    session : Session
    masks : dict of int to ArrayImage, optional
        In the place of the files of ``image.contact``, for the first (0) and the last (1) plate.
    all_labels_occur : bool
        Whether labels that a layer or a resistance is for must occur: not in a part of a larger image.

    Attributes
    ----------
    info : ImageInfo
    parts : list of Part
    masks : dict of int to ndarray
        Of `read_contacts`.

    Raises
    ------
    InputError
        Before anything is computed.
    """

    def __init__(self, study: ImageStudyConfig, source: str | ArrayImage, session: Session,
                 masks: dict[int, Any] | None = None, *, all_labels_occur: bool = True) -> None:
        self.study, self.session = study, session
        self.info = on_root(session.comm, describe_image, source, layout_of(study))
        self.parts = parts_of(study, source, self.info)
        for part in self.parts:
            check_rank_count(part.grid_nm, session.reducer.size, part.orientation.names)
        grid_nm = self.parts[0].grid_nm
        check_memory(grid_nm.num_voxels, conduction_bytes_per_voxel(study.conduction, grid_nm), PROGRAM_BYTES, session.comm,
                     self.info.name)
        check_solver(study.conduction, session.comm)
        if study.conduction.solver == "split":
            check_split(grid_nm.num_voxels, session.comm)
        self.masks = on_root(session.comm, read_contacts, study, self.parts[0].unmirrored_grid_nm, masks)
        self._first: LabelledImage | None = self._read(self.parts[0])
        counts = label_counts(self.first_labels, session.reducer)
        if all_labels_occur:
            self._check_labels_used(counts)
        self._given = study.phases
        self.study = study.with_labels(counts)
        if all_labels_occur:
            self._check_resistances(counts)
        self._inside = self._field_of_view(counts)

    def _check_labels_used(self, counts: dict[int, int]) -> None:
        """Raise InputError where a layer or a resistance is for a label that does not occur; of a conductivity warn.

        A table of conductivities may be for many images, and a small part of one may lack a phase.
        """
        study, laid = self.study, set()
        if study.layer is not None:
            # All of the label that it covers may have become layer.
            laid = {study.layer.label, *([study.layer.on] if self._at_hand.num_laid else [])}
        asked = [(f"layer.{name}", label) for name, labels in self._layer_labels() for label in labels]
        asked += [(f"phases.interface_resistance_ohm_cm2 = {pair!r}", int(label))
                  for pair in study.phases.interface_resistance_ohm_cm2 for label in pair.split(":") if label.isdigit()]
        for key, label in asked:
            if label not in counts and label not in laid:
                self.close()
                raise InputError(f"{key}: {_does_not_occur(label, counts)}")
        unused = [label for label in study.phases.sigma_S_per_cm if label not in counts and label not in laid]
        if unused:
            self.session.warn(f"the image has no label {listed(unused)}, which a conductivity is given for; it has "
                              f"{listed(counts)}")

    def _check_resistances(self, counts: dict[int, int]) -> None:
        """Raise InputError where a resistance is for what does not occur, or cannot be at some temperature."""
        try:
            found = Resistances(self.study, counts)
            found.check(counts, self.parts[0].grid_nm)
            for temperature in self.study.conduction.temperatures or (None,):
                found.at(temperature)
        except InputError:
            self.close()
            raise

    def _layer_labels(self) -> list[tuple[str, tuple[int, ...]]]:
        layer = self.study.layer
        return [] if layer is None else [("on", (layer.on,)), ("facing", layer.facing)]

    def _field_of_view(self, counts: dict[int, int]) -> float:
        """Its share of the image.  Collective.

        Raises
        ------
        InputError
            An excluded label does not occur, or what lies outside is not the same all along an axis of the field: its faces
            across the field would be no electrodes, and what is left no sample with a cross-section.
        """
        excluded = self.study.image.exclude
        for label in excluded:
            if label not in counts:
                self.close()
                raise InputError(f"image.exclude: {_does_not_occur(label, counts)}")
        if not excluded:
            return 1.0
        outside, reducer = np.isin(self.first_labels, excluded), self.session.reducer
        part = self.parts[0]
        whole = PeriodicGrid(part.orientation.inverse.turn(part.grid_nm.shape), (1.0,) * 3)
        uneven = [axis for axis in field_axes(self.study, whole)
                  if _varies_along(outside, part.orientation.turn_axis(axis), reducer)]
        if uneven:
            self.close()
            can = [name for axis, name in enumerate(AXES)
                   if not _varies_along(outside, part.orientation.turn_axis(axis), reducer)]
            raise InputError(f"image.exclude: the field of view is not the same all along {AXES[uneven[0]]}, so there is no "
                             f"conductivity of it that way; give image.directions (--directions) {', '.join(can) or 'none'} "
                             "or a crop")
        total = sum(counts.values())
        return (total - sum(counts[label] for label in excluded)) / total

    @property
    def _at_hand(self) -> LabelledImage:
        if self._first is None:
            raise RuntimeError("what was read has been solved")
        return self._first

    @property
    def first_labels(self) -> Labels:
        """This rank's labels of the first part, local (n0, n1, n2); until it is solved."""
        return self._at_hand.medium.labels[1:-1]

    @property
    def field_of_view(self) -> float:
        """Its share of the image."""
        return self._inside

    def solve(self, watch: WatchParts | None = None, memory: Memory | None = None, with_currents: bool = True) -> Conduction:
        """Solve all parts, once; what was found, by the image's axes.  Collective.

        Parameters
        ----------
        watch : callable, optional
            ``watch(part, medium)`` before a part is solved; returns None, or what `solve_conduction` takes as ``on_solved``.
        memory : Memory, optional
            What earlier launches have solved.
        with_currents : bool
            False: only the tensor, with no estimate of the grid's error.

        Returns
        -------
        Conduction

        Raises
        ------
        ConvergenceError, Interrupted
        """
        solved = []
        for number, part in enumerate(self.parts):
            image, self._first = self._first or self._read(part), None
            on_solved = watch(part, image.medium) if watch is not None else None
            found = _solve_part(self.study, part, image, self.session, on_solved, memory, f"part {number}", with_currents,
                                self.masks)
            solved.append(_in_image(found, part, self.info))
        found = joined(solved)
        if self.study.image.exclude:
            found = found.within(self._inside, self.study.image.exclude)
        _warn_of_small_grains(found, self.session)
        return replace(found, input_errors=input_errors(found, self._given))

    def media(self) -> Iterator[tuple[Part, Medium]]:
        """Each part with its medium, once; the medium's transform is closed when the next is asked for.  Collective."""
        for part in self.parts:
            image, self._first = self._first or self._read(part), None
            with image.medium.transform:
                _tell_of_layer(self.study, image, self.session)
                yield part, image.medium

    def close(self) -> None:
        """Give back what has been read and not been solved.  Collective."""
        if self._first is not None:
            self._first.medium.transform.close()
            self._first = None

    def _read(self, part: Part) -> LabelledImage:
        return _read_part(self.study, part, part.grid_nm, self.study.conduction, self.session, self.masks)


# --- the computation ----------------------------------------------------------------------------------------


def _solve_part(study: ImageStudyConfig, part: Part, image: LabelledImage, session: Session, on_solved: OnSolved | None,
                memory: Memory | None, name: str, with_currents: bool, masks: dict[int, Floats]) -> Conduction:
    """What a part conducts, by the axes of its grid; closes the transform."""
    with image.medium.transform:
        _tell_of_layer(study, image, session)
        if study.conduction.solver == "split":
            return solve_split_conduction(image.medium, study.conduction, part.fields)
        found = solve_conduction(image.medium, study.conduction, watched_by(session), axes=part.fields,
                                 on_solved=on_solved, memory=memory, name=name, with_currents=with_currents)
        unlike = unlike_faces(image.medium.labels, session.reducer, _kinds(image.medium, found.sigma, found.temperatures[0]))
    grid = _grid_part(study, part, found, unlike < UNRESOLVED, session, memory, name, masks)
    if grid is not None:
        edges = [part.grid_nm.spacing[axis] for axis in part.grid_nm.real_axes]
        steps = staircase_shares(found, sum(edges) / len(edges))
        grid = replace(grid, high=grid.high + steps * np.diag(found.effective.tensor))
    return replace(found, grid=grid)


def _kinds(medium: Medium, sigma: Floats, temperature: float | None) -> Integers:
    """Of labels: those that conduct alike, without resistances between them, are of one kind."""
    if not medium.resistance_at(temperature, len(sigma)).is_zero:
        return np.arange(len(sigma))
    kinds: Integers = np.unique(sigma.reshape(len(sigma), -1), axis=0, return_inverse=True)[1].reshape(-1)
    return kinds


def _grid_part(study: ImageStudyConfig, part: Part, found: Conduction, resolved: bool, session: Session,
               memory: Memory | None, name: str, masks: dict[int, Floats]) -> GridPart | None:
    """The grid's part in the error, by the method asked for; None where there is none.  Collective."""
    values = np.diag(found.effective.tensor)
    if study.conduction.grid_error == "refinement":
        fine = _refined(study, part, found, session, memory, f"{name} halved", masks)
        shares = INTERFACES_TWICE if _is_straightened(study) else IMAGE_TWICE
        if (found.interfaces is not None and not found.interfaces.is_fine) or study.image.contact is not None:
            shares = shares.widened(WIDER)
        return grid_part(values, np.diag(fine) - values, shares, fine)
    if study.conduction.grid_error == "none" or np.all(np.isnan(found.flux_jumps)):
        return None
    shares = UNRESOLVED_JUMPS if not resolved else IMAGE_JUMPS if study.image.contact is None else CONTACT_JUMPS
    return grid_part(values, found.flux_jumps, shares)


def _refined(study: ImageStudyConfig, part: Part, found: Conduction, session: Session, memory: Memory | None,
             name: str, masks: dict[int, Floats]) -> Floats:
    """The tensor (S/m) of the same image on voxels of half the edge, with the layer laid on them anew.  Collective."""
    settings = settings_of_second(study.conduction, found)
    image = _read_part(study, part, part.grid_nm.halved(), settings, session, masks)
    with image.medium.transform:
        _tell_of_layer(study, image, session, " on voxels of half the edge")
        # Its currents settle too, which takes the tensor beyond the tolerance: what is exact on both grids has no error.
        fine = solve_conduction(image.medium, settings, watched_by(session), axes=part.fields, memory=memory, name=name)
    return fine.effective.tensor


def _read_part(study: ImageStudyConfig, part: Part, grid_nm: PeriodicGrid, settings: SolverConfig,
               session: Session, masks: dict[int, Floats]) -> LabelledImage:
    """The image on a grid: that of the part, or the same in voxels of half the edge.  Collective."""
    kind = SlabTransform if part.is_periodic else CosineSlabTransform
    precision = preconditioner_precision(settings.relative_tolerance)
    with ExitStack() as until_read:
        transform = until_read.enter_context(kind(grid_nm, session.comm, precision, session.threads))
        labels = _read_labels(study, part, transform, session)
        num_laid = 0
        if study.layer is not None:
            num_laid = _lay_surface(study.layer, labels, transform)
        counts = label_counts(labels[1:-1], session.reducer)
        study = study.with_labels(counts)
        check_label_known(counts, {*study.phases.sigma_S_per_cm, *study.image.exclude}, "conductivity")
        contacts = contacts_of(study, part.orientation, grid_nm, masks)
        until_read.pop_all()  # whoever solves closes it
    return LabelledImage(Medium(labels, lambda temperature: turned_sigma(study, part.orientation, temperature), transform,
                         part.orientation.names, Resistances(study, counts).at, study.phases.interface_normals,
                         _plate_resistances(study), contacts, mirrored=part.window.mirrored, groups=study.groups),
                         num_laid)


def _read_labels(study: ImageStudyConfig, part: Part, transform: SlabTransform, session: Session) -> Labels:
    """Ghosted labels of this rank's slab; on a halved grid each voxel twice, the interfaces that resist straightened."""
    halved = transform.grid != part.grid_nm
    times = [fine // coarse for fine, coarse in zip(transform.grid.shape, part.grid_nm.shape)]
    voxels = three(slice(s.start // n, -(-s.stop // n)) for s, n in zip(transform.local_slice, times))
    image = read_label_slab(part.source, voxels, session.comm, part.window,
                            Labelling(study.image.thresholds or (), study.image.labels or {}), layout_of(study))
    if halved:
        for axis, n in enumerate(times):
            image = image.repeat(n, axis)
        first = transform.local_slice[0].start - times[0] * voxels[0].start
        image = image[first:first + transform.local_shape[0]]
    laid = label_dtype(study.layer.label if study.layer is not None else 0)
    labels = empty_labels(transform, np.result_type(image, laid))
    labels[1:-1] = image
    if halved:
        if _is_straightened(study):
            counts = label_counts(image, session.reducer)
            pairs = Resistances(study.with_labels(counts), counts).at((study.conduction.temperatures or (None,))[0])
            straighten_halved(labels, times, transform.first_plane, pairs.only(np.isfinite), transform.ghosts,
                              transform.periodic)
    transform.ghosts.fill(labels)
    return labels


def _lay_surface(layer: LayerConfig, labels: Labels, transform: SlabTransform) -> int:
    """Put the layer into the labels; its number of voxels."""
    return surface_layer(labels, layer.on, layer.facing, layer.width_nm, transform, layer.label, (transform.periodic,) * 3)


def _does_not_occur(label: int, counts: dict[int, int]) -> str:
    return f"label {label} does not occur; the image has {listed(counts)}"


def _tell_of_layer(study: ImageStudyConfig, image: LabelledImage, session: Session, where: str = "") -> None:
    if study.layer is None:
        return
    grid_nm = image.medium.transform.grid
    if not where:
        _warn_of_thin(study.layer.width_nm, grid_nm, session)
    session.say(f"surface layer{where}: {image.num_laid} voxels, {100 * image.num_laid / grid_nm.num_voxels:.3g} % of the "
                "volume")


def _warn_of_thin(width_nm: float, grid_nm: PeriodicGrid, session: Session) -> None:
    voxels = width_nm / max(grid_nm.spacing[axis] for axis in grid_nm.real_axes)
    if voxels < 2:
        session.warn(f"the surface layer is {voxels:.2g} voxels wide: curved, its volume may come out 20 % too small")


def turned_sigma(study: ImageStudyConfig, orientation: Orientation, temperature: float | None) -> Floats:
    """Conductivities in S/m by the grid's axes; labels between those given do not occur and count as insulators.

    Parameters
    ----------
    study : ImageStudyConfig
    orientation : Orientation
        What turned the image's axes into the grid's.
    temperature : float, optional
        K.

    Returns
    -------
    ndarray (num_labels[, 3[, 3]])
        S/m.
    """
    sigma = np.nan_to_num(study.sigma_S_per_m(temperature))
    return orientation.turn_tensor(sigma, sigma.ndim - 1)


def _plate_resistances(study: ImageStudyConfig) -> tuple[float, float]:
    """Likewise."""
    low, high = (value * M2_PER_CM2 * NM_PER_M for value in study.image.plate_resistance_ohm_cm2)
    return low, high


def _is_straightened(study: ImageStudyConfig) -> bool:
    """On smaller voxels an interface's staircase must have smaller steps; blocked ones and boxes' faces stay as they are."""
    rules = study.phases.interface_resistance_ohm_cm2.values()
    return study.phases.interface_normals == "smoothed" and any(map(resists_finitely, rules))


def _warn_of_small_grains(found: Conduction, session: Session) -> None:
    if found.interfaces is not None and not found.interfaces.is_fine:
        session.warn(f"grains of label {found.interfaces.smallest_label} are {found.interfaces.smallest:.2g} voxels across: "
                     f"under {FEWEST_VOXELS:g} their interfaces' normals, and with them resistances, are uncertain")


def _in_image(found: Conduction, part: Part, info: ImageInfo) -> Conduction:
    """What was found on a part, by the image's axes; of a voxel and its mirror images, the voxel."""
    found = found.turned(part.orientation.inverse)

    def unmirrored(voxel: tuple[int, int, int]) -> tuple[int, int, int]:
        return three(map(int, part.window.unmirrored(voxel, info)))

    found = replace(found, currents={axis: one.placed(axis, unmirrored) for axis, one in found.currents.items()})
    return found.diagonal_only() if part.between_plates and part.is_periodic else found


def _varies_along(mask: Bools, axis: int, reducer: Reducer) -> bool:
    """Whether a mask, local (n0, n1, n2), is not the same in all planes across an axis.  Collective."""
    first = reducer.from_root(mask[:1]) if axis == 0 else mask.take([0], axis)
    return bool(reducer.any(bool((mask != first).any())))
