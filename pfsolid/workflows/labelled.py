"""Measure an image of labels, every label a phase: the numbers as a table, as rows for a spreadsheet, as a dictionary."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..config.naming import REST
from ..errors import InputError
from ..grid import AXES
from ..morphology.correlation import padded_grid
from ..morphology.measure import chords_result, correlation_result, rounded, thickness_result
from ..morphology.multiphase import Areas, Multiphase, PhaseMeasures, measure_phases
from ..morphology.open_image import OpenImage
from ..morphology.plates import NEEDS, THROUGH
from ..morphology.triple_lines import TripleLine
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.session import Session
from ..results.measured import GRAINS
from ..results.morphology import (
    AreasResult,
    InterfaceResult,
    LabelledPhase,
    LabelMorphology,
    PhaseConnectivity,
    PlatesResult,
    TripleLineResult,
)
from ..spectral.transform import SlabTransform, slab_of
from ..text import one_line
from .measured_source import MeasuredSource, label_named

_RULES = {
    "through": "percolates", "first": "is connected to the plate where the axis begins",
    "last": "is connected to the plate where the axis ends", "either": "is connected to a plate",
}


def label_lines(found: LabelMorphology) -> list[str]:
    """A summary for a person."""
    axes = [axis for axis in range(3) if any(one.plates.both_plates_xyz[axis] is not None for one in found.phases)]
    rows = [["phase", "volume", "percolates", *(f"through {AXES[axis]}" for axis in axes), "one plate", "no plate",
             "area 1/nm", "chord nm", "thickness nm"]]
    for one in found.phases:
        rows.append([one.name, f"{one.volume_fraction:.4f}", one.connectivity.percolates_along or "-",
                     *(_share(one.plates.both_plates_xyz[axis]) for axis in axes),
                     *("/".join(_share(part[axis]) for axis in axes)
                       for part in (one.plates.one_plate_xyz, one.plates.no_plate_xyz)),
                     _number(one.area.area_normals_per_nm), _number(one.chords.mean_nm), _number(one.thickness.mean_nm)])
    lines = _columns(rows)
    lines += ["interfaces, nm^2/nm^3:"] + _columns([["between", "normals", "faces", "Crofton"]] + [
        [" | ".join(one.names), *(map(_number, (one.area.area_normals_per_nm, one.area.area_faces_per_nm,
                                                one.area.area_crofton_per_nm)))] for one in found.interfaces])
    if found.triple_lines:
        lines += [f"triple lines, nm/nm^3 (active: {_rule(found)}):"] + _columns(
            [["between", "all", *(f"active {AXES[axis]}" for axis in axes), "cut off"]] + [
                [" | ".join(one.names), _number(one.length_per_nm2),
                 *(_number(one.active_per_nm2_xyz[axis]) for axis in axes),
                 "/".join(_number(one.cut_off_per_nm2_xyz[axis]) for axis in axes)] for one in found.triple_lines])
    return lines


def _rule(found: LabelMorphology) -> str:
    if set(found.active_if.values()) == {THROUGH}:
        return f"each of the three phases {_RULES[THROUGH]} along the axis"
    return ", ".join(f"{name} {_RULES[need]}" for name, need in found.active_if.items())


def label_rows(found: LabelMorphology) -> Iterator[tuple]:
    """For a spreadsheet: quantity, phases, axis, value, unit."""
    yield "quantity", "phases", "axis", "value", "unit"
    written = found.to_dict()
    for one in written["phases"]:
        for key, value in one.items():
            yield from _rows_of(key, one["name"], value)
        for part in ("chords", "thickness"):
            for key in ("mean_nm", "mean_nm_xyz", "largest_nm", "d50_nm"):
                yield from _rows_of(f"{part}_{key}", one["name"], one[part].get(key))
    for one in [*written["interfaces"], *written["triple_lines"]]:
        for key, value in one.items():
            if key not in ("labels", "names"):
                yield from _rows_of(key, "|".join(one["names"]), value)


_UNITS = {"per_nm2": "1/nm^2", "per_nm": "1/nm", "nm": "nm", "voxels": "voxels"}


def _rows_of(key: str, phases: str, value) -> Iterator[tuple]:
    """One row for a number, three for what there is one of for each axis; none for texts, lists and what is not there."""
    name, along = (key.removesuffix("_xyz"), AXES) if key.endswith("_xyz") else (key, "")
    ending = next((end for end in _UNITS if name.endswith(end)), None)
    for axis, one in zip(along, value or ()) if along else [("", value)]:
        if isinstance(one, (int, float)) and key != "label":
            yield name, phases, axis, one, _UNITS.get(ending, "1")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  " + "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
            for row in rows]


def measure_labels(asked: MeasuredSource, session: Session, excluded: tuple[int, ...] = (),
                   needs: dict[int, str] | None = None) -> LabelMorphology:
    """Read an image of labels and measure it.  Collective.

    Parameters
    ----------
    asked : MeasuredSource
    excluded : tuple of int
        Labels outside the field of view: no phase, and no volume.
    needs : dict of int to str, optional
        What phases must be connected to where a triple line is active; through where not said.

    Raises
    ------
    InputError
    """
    started = time.monotonic()
    phase, labels, rest = asked.read_phases(session.comm, excluded)
    needs = {rest if label == REST else label: need for label, need in (needs or {}).items()}
    for label in needs:
        if label not in labels:
            raise InputError(f"--active {label}: the image has no such phase; it has {', '.join(map(str, labels[:20]))}")
    if not labels:
        raise InputError(f"--exclude {', '.join(map(str, excluded))}: {asked.info.name} has no other label")
    wanted = tuple(needs.get(label, THROUGH) for label in labels)
    grid, periodic = asked.grid_nm, asked.boundary == "periodic"
    with SlabTransform(grid if periodic else padded_grid(grid), session.comm, threads=session.threads) as transform:
        cell = transform if periodic else OpenImage(grid, Reducer(session.comm), PlaneExchange(session.comm, mirrored=True),
                                                    slab_of(grid, session.comm), mirrored=asked.boundary == "mirror")
        measured = measure_phases(phase, cell, transform, len(labels), wanted,
                                  lambda text: session.progress(lambda: f"measuring: {text}"))
    names = tuple(asked.name_of((label,)) for label in labels)
    return rounded(LabelMorphology(
        field_of_view_nm3=measured.volume, field_of_view_fraction=measured.voxels / grid.num_voxels,
        excluded_labels=tuple(sorted(excluded)),
        phases=tuple(_phase(label, name, one, measured) for label, name, one in zip(labels, names, measured.phases)),
        interfaces=tuple(InterfaceResult(labels=(labels[a], labels[b]), names=(names[a], names[b]),
                                         area=_areas(area, measured)) for (a, b), area in measured.pairs.items()),
        triple_lines=tuple(_triple_line(line, labels, names, measured) for line in measured.lines),
        triple_lines_per_nm2=sum(line.length for line in measured.lines) / measured.volume,
        active_if=dict(zip(names, wanted)), seconds=time.monotonic() - started))


def _phase(label: int, name: str, one: PhaseMeasures, measured: Multiphase) -> LabelledPhase:
    found = one.connectivity
    return LabelledPhase(
        label=label, name=name, voxels=one.voxels, volume_fraction=one.voxels / measured.voxels,
        connectivity=PhaseConnectivity(
            percolates_along=found.percolates_along, percolating_fraction_xyz=found.percolating_fraction,
            largest_cluster_fraction=found.largest_fraction, num_clusters=found.num_clusters, dimension=found.dimension),
        plates=PlatesResult(both_plates_xyz=found.both_plates, one_plate_xyz=found.one_plate, no_plate_xyz=found.no_plate),
        area=_areas(one.area, measured), chords=chords_result(one.chords, 1.0),
        thickness=thickness_result(one.thickness, 1.0), two_point_correlation=correlation_result(one.correlation, 1.0))


def _areas(area: Areas, measured: Multiphase) -> AreasResult:
    return AreasResult(area_normals_per_nm=area.normals / measured.volume, area_faces_per_nm=area.faces / measured.volume,
                       area_crofton_per_nm=area.crofton / measured.volume)


def _triple_line(line: TripleLine, labels: tuple[int, ...], names: tuple[str, ...],
                 measured: Multiphase) -> TripleLineResult:
    def by_axis(lengths):
        return tuple(length / measured.volume if is_axis else math.nan
                     for length, is_axis in zip(lengths, measured.extended))

    a, b, c = line.phases
    return TripleLineResult(
        labels=(labels[a], labels[b], labels[c]), names=(names[a], names[b], names[c]),
        length_per_nm2=line.length / measured.volume, active_per_nm2_xyz=by_axis(line.active),
        cut_off_per_nm2_xyz=by_axis(line.cut_off))


@dataclass(frozen=True)
class LabelOptions:
    """What is said of an image of labels, each of which is a phase.

    Attributes
    ----------
    values : {'labels', 'grains', 'density'} or None
        What the values are; None: whole numbers are labels.
    exclude : str or None
        Labels outside the field of view.
    active : str or None
        LABEL=NEED,...: what phases must be connected to where a triple line is active.
    csv : Path or None
        Where the numbers go as a table too.
    orientations : str, dict or None
        Of grains: the file that has them, or Bunge's angles by label.
    crystal_symmetry : str or None
        Of grains: their lattice.
    """

    values: str | None = None
    exclude: str | None = None
    active: str | None = None
    csv: Path | None = None
    orientations: str | Mapping[int, Any] | None = None
    crystal_symmetry: str | None = None

    def check(self, asked: MeasuredSource) -> None:
        """Raise InputError for what has no meaning for a density or for one label against all others."""
        given = {"--exclude": self.exclude, "--active": self.active, "--csv": self.csv}
        name = next((name for name, value in given.items() if value is not None), None)
        if name and not asked.labelled:
            what = "one label against all others (--filler)" if asked.filler is not None else "a density"
            raise InputError(f"{name}: is for images of which every label is a phase, not for {what}; see --values")
        of_grains = {"--orientations": self.orientations, "--crystal-symmetry": self.crystal_symmetry}
        name = next((name for name, value in of_grains.items() if value is not None), None)
        if name and self.values != GRAINS:
            raise InputError(f"{name}: is for grains: give --values grains")
        if self.values == GRAINS and self.active is not None:
            raise InputError(f"--active {one_line(self.active)}: is for phases, not for --values grains")
        if self.values is not None and asked.filler is not None:
            raise InputError(f"--values {self.values}: does not go with --filler")

    def excluded(self, asked: MeasuredSource) -> tuple[int, ...]:
        """The labels outside the field of view; InputError for one that is none or stands there twice."""
        entries = [entry.strip() for entry in self.exclude.split(",")] if self.exclude else []
        found = tuple(label_named(entry, asked.names, asked.info.name, "--exclude") for entry in entries)
        if len(set(found)) < len(found):
            raise InputError(f"--exclude {one_line(self.exclude)}: a label stands there twice")
        return found

    def needs(self, asked: MeasuredSource) -> dict[int, str]:
        """What phases must be connected to; InputError for what is no need, no label or stands there twice."""
        found: dict[int, str] = {}
        for entry in self.active.split(",") if self.active else ():
            name, _, need = (part.strip() for part in entry.partition("="))
            if need not in NEEDS:
                raise InputError(f"--active {one_line(entry.strip())}: must be LABEL=NEED with commas between, NEED one of "
                                 f"{', '.join(NEEDS)}")
            label = label_named(name, asked.names, asked.info.name, "--active")
            if label in found:
                raise InputError(f"--active {one_line(self.active)}: {one_line(name)} stands there twice")
            found[label] = need
        return found


def table_text(rows) -> str:
    """Rows as CSV."""
    return "".join(",".join(_cell(value) for value in row) + "\n" for row in rows)


def _cell(value) -> str:
    text = repr(value) if isinstance(value, (float, np.floating)) else str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if set(text) & set(',"\n') else text
