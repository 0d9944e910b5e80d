"""Sub-volumes of an image of labels, which do not overlap: where they lie, and what one of them has and conducts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config.image import ImageStudyConfig
from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..io.images.description import ArrayImage
from ..io.images.slab import ImageWindow, Labelling, read_label_slab
from ..labels import count_labels
from ..orientation import Orientation
from ..parallel.collective import Reducer
from ..parallel.communicator import alone
from ..parallel.session import Session
from ..theory.representative import FEWEST
from ..units import S_PER_M
from .image import ImageConduction
from .parts import layout_of
from .solve import GRID_RTOL

# Of the shortest edge; as many sizes are taken as are asked for, the largest first.
_DIVISORS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
_NUM_SIZES = 3
_SMALLEST = 8  # voxels: below, a sub-volume is faces
_WANTED = 8  # sub-volumes of a size that is chosen for somebody
_SEED = 20  # of which sub-volumes are taken where there are more than enough


@dataclass(frozen=True)
class SubVolume:
    """A box of voxels.

    Attributes
    ----------
    size : int
        Its edge in voxels of the smallest edge, by which it is called.
    first, shape : tuple of 3 int
        By x, y, z, after the image's own crop.
    """

    size: int
    first: tuple[int, int, int]
    shape: tuple[int, int, int]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Its voxels along x, y, z."""
        x, y, z = (slice(start, start + n) for start, n in zip(self.first, self.shape))
        return x, y, z


def box_of(size: int, grid_nm: PeriodicGrid) -> tuple[int, int, int]:
    """Voxels of a box whose edges are ``size`` times the smallest voxel edge, as nearly as voxels allow.

    Parameters
    ----------
    size : int
    grid_nm : PeriodicGrid

    Returns
    -------
    tuple of 3 int
        Along x, y, z; 1 along an axis of one voxel.
    """
    unit = min(grid_nm.spacing[axis] for axis in grid_nm.real_axes)
    x, y, z = (max(1, round(size * unit / h)) if axis in grid_nm.real_axes else 1
               for axis, h in enumerate(grid_nm.spacing))
    return x, y, z


def sub_volumes(size: int, grid_nm: PeriodicGrid, most: int) -> list[SubVolume]:
    """Boxes of a size side by side, centred; of more than ``most`` some are drawn, always the same ones.

    Parameters
    ----------
    size : int
        Edge in voxels of the smallest edge.
    grid_nm : PeriodicGrid
    most : int

    Returns
    -------
    list of SubVolume

    Raises
    ------
    InputError
        It is larger than the image, or there are too few for a variance.
    """
    box = box_of(size, grid_nm)
    numbers = [n // m for n, m in zip(grid_nm.shape, box)]
    total = math.prod(numbers)
    image = " x ".join(map(str, grid_nm.shape))
    if total == 0:
        raise InputError(f"rev.sizes = {size}: sub-volumes of {' x '.join(map(str, box))} voxels do not fit into the image "
                         f"of {image}")
    if total < FEWEST:
        raise InputError(f"rev.sizes = {size}: the image of {image} voxels holds {total} such sub-volume"
                         f"{'' if total == 1 else 's'} side by side, and {FEWEST} are the fewest that say how values "
                         "scatter; give smaller ones")
    margins = [(n - count * m) // 2 for n, count, m in zip(grid_nm.shape, numbers, box)]
    chosen = np.arange(total)
    if total > most:
        chosen = np.sort(np.random.default_rng([_SEED, size]).choice(total, most, replace=False))
    places = np.column_stack(np.unravel_index(chosen, numbers)).tolist()
    return [SubVolume(size, tuple(a + k * m for a, k, m in zip(margins, place, box)), box) for place in places]


def sizes_for(grid_nm: PeriodicGrid) -> list[int]:
    """Up to four sizes with eight sub-volumes or more each, from parts of the shortest edge.

    Raises
    ------
    InputError
        The image is too small for two sizes.
    """
    unit = min(grid_nm.spacing[axis] for axis in grid_nm.real_axes)
    shortest = min(grid_nm.lengths[axis] for axis in grid_nm.real_axes) / unit
    found = []
    for divisor in _DIVISORS:
        size = int(shortest / divisor + 1e-6)
        numbers = [n // m for n, m in zip(grid_nm.shape, box_of(size, grid_nm))] if size >= _SMALLEST else [0]
        if math.prod(numbers) >= _WANTED and size not in found:
            found.append(size)
    if len(found) < 2:
        raise InputError(f"the image of {' x '.join(map(str, grid_nm.shape))} voxels is too small to be divided: two sizes "
                         f"of sub-volumes are needed, {_WANTED} of each, with edges of {_SMALLEST} voxels or more; give "
                         "rev.sizes (--sizes) for smaller ones")
    return found[:_NUM_SIZES]


class _Silent(Session):
    """The session of one sub-volume of many: what would be said of each is said of all by the caller."""

    def say(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def progress(self, make_text: Callable[[], str]) -> None:
        pass


@dataclass(frozen=True)
class Measured:
    """What a sub-volume has.

    Attributes
    ----------
    fractions : dict of int to float
        Of each label.
    sigma_S_per_cm : dict of (str, str) to float
        By boundary condition and axis; 0 where nothing percolates.
    percolates : dict of (str, str) to bool
    """

    fractions: dict[int, float]
    sigma_S_per_cm: dict[tuple[str, str], float]
    percolates: dict[tuple[str, str], bool]


class SubVolumes:
    """Measures sub-volumes, each by this rank for itself.

    Parameters
    ----------
    study : ImageStudyConfig
        ``rev.boundaries`` are the conditions; none: volume fractions only.
    source : str or ArrayImage
    grid_nm : PeriodicGrid
        Of the image, after its crop.
    threads : int
    """

    def __init__(self, study: ImageStudyConfig, source: Any, grid_nm: PeriodicGrid, threads: int):
        self._study, self._source, self._grid = study, source, grid_nm
        self._session = _Silent(alone(), Reducer(alone()), threads)
        crop = tuple(pair or None for pair in study.image.crop or (None,) * 3)
        self._window = ImageWindow(crop, orientation=Orientation(), bin=study.image.bin)
        self._labelling = Labelling(study.image.thresholds or (), study.image.labels or {})

    def measure(self, place: SubVolume, boundaries: Sequence[str]) -> Measured | None:
        """What a sub-volume has and conducts.

        Parameters
        ----------
        place : SubVolume
        boundaries : sequence of str
            Conditions to solve under.

        Returns
        -------
        Measured or None
            None where a part of it lies outside the field of view.

        Raises
        ------
        InputError
            A value is no label, or a label has no conductivity.
        ConvergenceError
        """
        labels = read_label_slab(self._source, place.slices, alone(), self._window, self._labelling, layout_of(self._study))
        excluded = list(self._study.image.exclude)
        counts = count_labels(labels, self._session.reducer, max(excluded, default=-1) + 1)
        if counts[excluded].any():
            return None
        sigma, percolates = {}, {}
        for boundary in boundaries:
            problem = ImageConduction(self._study_of(boundary), ArrayImage(labels, "a sub-volume"), self._session,
                                      all_labels_occur=False)
            found = problem.solve(with_currents=False)
            for axis in found.axes:
                sigma[boundary, AXES[axis]] = float(found.effective.tensor[axis, axis]) / S_PER_M
                percolates[boundary, AXES[axis]] = bool(found.effective.percolating[axis])
        fractions = {int(label): float(counts[label] / labels.size) for label in np.flatnonzero(counts)}
        return Measured(fractions, sigma, percolates)

    def _study_of(self, boundary: str) -> ImageStudyConfig:
        """The study of labels that have been read: of the scatter no more digits are needed than of a grid part."""
        image = self._study.image.model_copy(update={
            "file": "", "axes": "xyz", "crop": None, "bin": 1, "thresholds": None, "labels": None, "exclude": (),
            "raw_shape": None, "raw_dtype": None, "boundary": boundary, "voxel_size_nm": self._grid.spacing})
        settings = self._study.conduction
        conduction = settings.model_copy(update={
            "grid_error": "none", "relative_tolerance": max(GRID_RTOL, settings.relative_tolerance),
            "temperature_K": settings.temperatures[:1] or None})
        return self._study.model_copy(update={"image": image, "conduction": conduction})
