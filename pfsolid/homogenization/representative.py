"""Is a sample large enough?  Sub-volumes of an image of labels, shared out over the ranks, and what they say of the whole.

The statistics are those of :mod:`pfsolid.theory.representative`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..config.image import ImageStudyConfig
from ..config.rev import RevConfig
from ..errors import InputError, Interrupted
from ..grid import AXES, PeriodicGrid
from ..io.images.description import ImageInfo
from ..labels import label_counts
from ..parallel.session import Session
from ..results.representative import NeededResult, PropertyResult, RepresentativeResult, SizeResult
from ..text import plural
from ..theory.representative import FEWEST, NORMAL, Representativity, Sizes, judge, share_interval
from ..units import S_PER_M
from .image import ImageConduction
from .subvolumes import Measured, SubVolume, SubVolumes, sizes_for, sub_volumes

_WRITE_EVERY_S = 5.0
WHOLE = SubVolume(0, (0, 0, 0), (0, 0, 0))


@dataclass
class Survey:
    """What is known of an image and its sub-volumes.

    Attributes
    ----------
    study : ImageStudyConfig
        With the conductivity of all labels.
    info : ImageInfo
    grid_nm : PeriodicGrid
        Of the image.
    directions : str
    places : list of SubVolume
        The largest first.
    rows : dict of SubVolume to Measured or None
        Of those that are done, the whole image under `WHOLE`; None: partly outside the field of view.
    """

    study: ImageStudyConfig
    info: ImageInfo
    grid_nm: PeriodicGrid
    directions: str
    places: list[SubVolume]
    digest: str
    fractions: dict[int, float]
    rows: dict[SubVolume, Measured | None] = field(default_factory=dict)

    @property
    def rev(self) -> RevConfig:
        """What is asked."""
        return self.study.rev or RevConfig()

    @property
    def boundaries(self) -> tuple[str, ...]:
        """Conditions at the faces; none: volume fractions only."""
        return self.rev.boundaries

    def done(self, place: SubVolume) -> Measured:
        """What a sub-volume in the field of view, or the whole image, has."""
        row = self.rows[place]
        assert row is not None, place
        return row


def with_rev(study: ImageStudyConfig) -> ImageStudyConfig:
    """With a section [rev], its defaults if there is none.

    Raises
    ------
    InputError
        The study has what belongs to one pair of electrodes, or several carriers.
    """
    if any(study.image.plate_resistance_ohm_cm2):
        raise InputError("image.plate_resistance_ohm_cm2: belongs to the electrodes of the whole image, and has no meaning "
                         "for sub-volumes of it")
    if study.image.contact is not None:
        raise InputError("image.contact: belongs to the electrodes of the whole image, and has no meaning for sub-volumes")
    if study.phases.carriers_S_per_cm:
        raise InputError("phases.carriers_S_per_cm: sub-volumes are solved for one carrier at a time; give its "
                         "conductivities as phases.sigma_S_per_cm (--sigma)")
    if study.rev is not None:
        return study
    return study.model_copy(update={"rev": RevConfig()})


def begin_survey(study: ImageStudyConfig, source: Any, session: Session,
                 digest: Callable[..., str] | None = None) -> Survey:
    """Look at the image: what cannot be used is refused here.  Collective.

    Parameters
    ----------
    study : ImageStudyConfig
    source : str or ArrayImage
    session : Session
    digest : callable, optional
        ``digest(labels, reducer)``: by what the image is known again.

    Returns
    -------
    Survey
        Nothing of which has been measured.

    Raises
    ------
    InputError
    """
    study = with_rev(study)
    rev = study.rev or RevConfig()
    with closing(_whole(study, source, session, (rev.boundaries or ("periodic",))[0])) as problem:
        part = problem.parts[0]
        grid = part.unmirrored_grid_nm
        known_by = digest(problem.first_labels, session.reducer) if digest else ""
        counts = label_counts(problem.first_labels, session.reducer)
        inside = {label: n for label, n in counts.items() if label not in study.image.exclude}
        fractions = {label: n / sum(inside.values()) for label, n in inside.items()}
        axes = sorted(axis for one in problem.parts for axis in map(one.orientation.inverse.turn_axis, one.fields))
        sizes = rev.sizes or sizes_for(grid)
        places = [place for size in sizes for place in sub_volumes(size, grid, rev.most)]
        return Survey(problem.study, problem.info, grid, "".join(AXES[axis] for axis in axes), places, known_by, fractions)


def _whole(study: ImageStudyConfig, source: Any, session: Session, boundary: str) -> ImageConduction:
    image = study.image.model_copy(update={"boundary": boundary})
    is_solved = bool((study.rev or RevConfig()).boundaries)
    return ImageConduction(study.model_copy(update={"image": image}), source, session, all_labels_occur=is_solved)


def survey(found: Survey, source: Any, session: Session, keep: Callable[[dict[Any, Any]], None] = lambda rows: None) -> None:
    """Measure what has not been measured: sub-volumes by one rank each, in turns, then the whole image by all.  Collective.

    Parameters
    ----------
    found : Survey
        Its rows are filled.
    source : str or ArrayImage
    session : Session
    keep : callable
        Called on root with all rows now and then, and before an end on request.

    Raises
    ------
    Interrupted, ConvergenceError
    """
    alone = SubVolumes(found.study, source, found.grid_nm, session.threads)
    left = [place for place in found.places if place not in found.rows]
    rank, ranks, kept = session.reducer.rank, session.reducer.size, time.monotonic()
    for first in range(0, len(left), ranks):
        turn = left[first:first + ranks]
        _stop_if_asked(session, keep, found)
        text = f"sub-volume {len(found.rows) + 1} of {len(found.places)}, {' x '.join(map(str, turn[0].shape))} voxels"
        session.progress(lambda text=text: text)
        mine, error = None, None
        try:
            mine = alone.measure(turn[rank], found.boundaries) if rank < len(turn) else None
        except Exception as one:  # the other ranks wait
            error = one
        for place, (measured, failure) in zip(turn, session.reducer.gather((mine, error))):
            if failure is not None:
                raise failure
            found.rows[place] = measured
        session.got_on = True
        if session.is_root and time.monotonic() - kept > _WRITE_EVERY_S:
            keep(found.rows)
            kept = time.monotonic()
    if WHOLE not in found.rows:
        found.rows[WHOLE] = _measure_whole(found, source, session, keep)


def _stop_if_asked(session: Session, keep: Callable[..., None], found: Survey) -> None:
    try:
        session.attend("measuring sub-volumes")
    except Interrupted:
        if session.is_root:
            keep(found.rows)
        raise


def _measure_whole(found: Survey, source: Any, session: Session, keep: Callable[..., None]) -> Measured:
    """Collective."""
    sigma, percolates = {}, {}
    for boundary in found.boundaries:
        _stop_if_asked(session, keep, found)
        session.hold_progress()
        with closing(_whole(found.study, source, session, boundary)) as problem:
            solved = problem.solve(with_currents=False)
        for axis in solved.axes:
            sigma[boundary, AXES[axis]] = float(solved.effective.tensor[axis, axis]) / S_PER_M
            percolates[boundary, AXES[axis]] = bool(solved.effective.percolating[axis])
    return Measured(found.fractions, sigma, percolates)


# --- from rows to what is said of them ----------------------------------------------------------------------


def representative_of(found: Survey) -> RepresentativeResult:
    """The statistics of a finished survey.

    Raises
    ------
    InputError
        Sub-volumes of fewer than two sizes lie in the field of view.
    """
    names = found.study.names
    inside = [place for place in found.places if found.rows[place] is not None]
    groups = {size: [place for place in inside if place.size == size] for size in dict.fromkeys(p.size for p in inside)}
    groups = {size: places for size, places in groups.items() if len(places) >= FEWEST}
    if not groups:
        raise InputError("rev: no size has four sub-volumes inside the field of view; give smaller ones (--sizes) or a crop")
    properties = []
    for label in sorted(found.fractions):
        values = {size: np.array([found.done(place).fractions.get(label, 0.0) for place in places])
                  for size, places in groups.items()}
        whole = found.fractions[label]
        properties.append(_property(found, f"fraction of {names.get(label, f'label {label}')}", None, groups, values, None,
                                    whole, whole * (1 - whole)))
    for boundary in found.boundaries:
        for name, axes in _asked(found.directions):
            values, through = {}, {}
            for size, places in groups.items():
                rows = [found.done(place) for place in places]
                values[size] = np.array([np.mean([row.sigma_S_per_cm[boundary, axis] for axis in axes]) for row in rows])
                through[size] = np.array([all(row.percolates[boundary, axis] for axis in axes) for row in rows])
            whole = float(np.mean([found.done(WHOLE).sigma_S_per_cm[boundary, axis] for axis in axes]))
            properties.append(_property(found, name, boundary, groups, values, through, whole, _local_variance(found, axes)))
    return RepresentativeResult(relative_error=found.rev.relative_error, sub_volumes=len(inside),
                                outside=len(found.places) - len(inside), properties=tuple(properties))


def _asked(directions: str) -> list[tuple[str, str]]:
    each = [(f"sigma_{axis}{axis}", axis) for axis in directions]
    return each if len(directions) == 1 else [*each, ("sigma_mean", directions)]


def _local_variance(found: Survey, axes: str) -> float:
    """Of sigma (S/cm) over the voxels, the mean over axes."""
    temperatures = found.study.conduction.temperatures
    table = found.study.sigma_S_per_m(temperatures[0] if temperatures else None) / S_PER_M
    table = np.diagonal(table, axis1=1, axis2=2) if table.ndim == 3 else table
    local = np.array([np.mean(np.broadcast_to(table[label], 3)[[AXES.index(axis) for axis in axes]])
                      for label in found.fractions])
    weights = np.array(list(found.fractions.values()))
    return float(weights @ local**2 - (weights @ local) ** 2)


def _property(found: Survey, name: str, boundary: str | None, groups: dict[int, list[SubVolume]],
              values: dict[int, Any], through: dict[int, Any] | None,
              whole: float, local_variance: float) -> PropertyResult:
    grid, real = found.grid_nm, found.grid_nm.real_axes
    dimensions, unit = len(real), min(grid.spacing[axis] for axis in real)

    def volume_of(shape: tuple[int, int, int]) -> float:
        return float(np.prod([shape[axis] * grid.spacing[axis] for axis in real]))

    volumes = [volume_of(places[0].shape) for places in groups.values()]
    edges = [volume ** (1 / dimensions) for volume in volumes]
    sizes = Sizes(tuple(edges), tuple(volumes), tuple(values.values()),
                  tuple(np.ones(len(one), bool) for one in values.values()) if through is None else tuple(through.values()))
    judged = judge(sizes, min(grid.lengths[axis] for axis in real), volume_of(grid.shape), whole,
                   found.rev.relative_error, dimensions, shifts=through is not None)
    law = judged.law
    range_ = law.integral_range(local_variance)
    return PropertyResult(
        name=name, boundary=boundary, unit="1" if through is None else "S/cm", value=whole, low=judged.low,
        high=judged.high if through is not None else min(judged.high, 1.0), sample_relative=_over(judged.sample, whole),
        faces_relative=_over(judged.faces, whole), exponent=law.exponent, exponent_low=law.low, exponent_high=law.high,
        exponent_taken=law.taken, integral_range_nm=range_ ** (1 / dimensions) if range_ > 0 else None,
        needed=_needed(judged, unit),
        sizes=tuple(_size(places[0].shape, edges[number], sizes, number, judged, through is not None)
                    for number, places in enumerate(groups.values())))


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def _needed(judged: Representativity, unit: float) -> NeededResult | None:
    one = judged.needed
    if one is None:
        return None

    voxels = None if one.edge is None else max(1, math.ceil(one.edge / unit - 1e-6))
    return NeededResult(relative_error=one.relative, edge_nm=one.edge, edge_voxels=voxels, unsaid=one.unsaid or None,
                        decided_by="faces" if one.by_faces else "scatter", number=one.number, number_edge_nm=one.of_edge,
                        number_edge_voxels=None if one.of_edge is None else round(one.of_edge / unit))


def _size(shape: tuple[int, int, int], edge: float, sizes: Sizes, number: int, judged: Representativity,
          percolates: bool) -> SizeResult:
    values, through = sizes.values[number], sizes.through[number]
    deviation = float(np.std(values, ddof=1))
    low, high = share_interval(int(through.sum()), len(through))
    return SizeResult(voxels=shape, edge_nm=edge, number=len(values), mean=float(values.mean()),
                      mean_error=NORMAL * deviation / math.sqrt(len(values)), standard_deviation=deviation,
                      percolation_probability=float(through.mean()) if percolates else None,
                      percolation_low=low if percolates else None, percolation_high=high if percolates else None,
                      fitted=number in judged.fitted)


def columns_of(found: Survey) -> tuple[list[str], list[list[Any]]]:
    """Names and rows of the table of sub-volumes, the whole image last; empty cells of what lies outside."""
    labels = sorted(found.fractions)
    keys = [(boundary, axis) for boundary in found.boundaries for axis in found.directions]
    names = ["size_voxels", *(f"first_{axis}" for axis in AXES), *(f"voxels_{axis}" for axis in AXES),
             *(f"fraction_{label}" for label in labels),
             *(f"sigma_{axis}{axis}_{boundary}_S_per_cm" for boundary, axis in keys)]
    rows = []
    for place in [*found.places, WHOLE]:
        measured = found.rows[place]
        shape = found.grid_nm.shape if place == WHOLE else place.shape
        cells: list[Any] = [""] * (len(labels) + len(keys))
        if measured is not None:
            cells = [*(measured.fractions.get(label, 0.0) for label in labels),
                     *(measured.sigma_S_per_cm[one] for one in keys)]
        rows.append(["whole" if place == WHOLE else place.size, *place.first, *shape, *cells])
    return names, rows


def lines_of(found: RepresentativeResult) -> list[str]:
    """For a person."""
    outside = f"; {found.outside} more lie partly outside the field of view" if found.outside else ""
    lines = [f"{plural(found.sub_volumes, 'sub-volume')}{outside}; intervals hold with 95 %"]
    for one in found.properties:
        lines.append(one.line)
        shares = [(size.percolation_probability, size) for size in one.sizes if size.percolation_probability is not None]
        if any(share < 1 for share, _ in shares):
            lines.append("  percolates in " + ", ".join(f"{100 * share:.3g} % of {size.number} "
                                                        f"({'x'.join(map(str, size.voxels))})" for share, size in shares))
        if one.exponent is not None and one.exponent_taken != 1:
            lines.append(f"  scatter falls as V^-{one.exponent / 2:.2f}, not V^-0.5 (exponent {one.exponent:.2f}, "
                         f"{one.exponent_low:.2f} … {one.exponent_high:.2f})")
    return lines
