"""Measure an image of labels, every label a phase: the numbers as a table, as rows for a spreadsheet, as a dictionary."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.naming import REST
from ..errors import InputError
from ..grid import AXES, PeriodicGrid
from ..json_values import finite
from ..morphology.correlation import padded_grid
from ..morphology.measure import chords_result, correlation_result, rounded, thickness_result
from ..morphology.multiphase import Areas, Multiphase, measure_phases
from ..morphology.open_image import OpenImage
from ..morphology.plates import NEEDS, THROUGH, PhaseConnectivity
from ..morphology.triple_lines import TripleLine
from ..parallel.collective import PlaneExchange, Reducer
from ..parallel.session import Session
from ..spectral.transform import SlabTransform, slab_of
from ..text import one_line
from .measured_source import MeasuredSource, label_named

_RULES = {
    "through": "percolates", "first": "is connected to the plate where the axis begins",
    "last": "is connected to the plate where the axis ends", "either": "is connected to a plate",
}
_AREAS = ("normals", "faces", "crofton")


@dataclass(frozen=True)
class LabelMorphology:
    """What the phases of an image are, in numbers; the same on every rank and at every rank count.

    Attributes
    ----------
    labels : tuple of int
        Of the phases.
    names : tuple of str
        What they are called, or 'label 3'.
    excluded : tuple of int
        Labels outside the field of view.
    boundary : {'open', 'periodic', 'mirror'}
    needs : tuple of str
        What each phase must be connected to where a triple line is active: 'through', 'first', 'last', 'either'.
    grid_nm : PeriodicGrid
        Of the whole image.
    measured : Multiphase
        In nm.
    seconds : float
    """

    labels: tuple[int, ...]
    names: tuple[str, ...]
    excluded: tuple[int, ...]
    boundary: str
    needs: tuple[str, ...]
    grid_nm: PeriodicGrid
    measured: Multiphase
    seconds: float

    @property
    def volume_fractions(self) -> dict[str, float]:
        """Of each phase by its name, of the field of view."""
        return dict(zip(self.names, (one.voxels / self.measured.voxels for one in self.measured.phases)))

    @property
    def percolates(self) -> dict[str, str]:
        """The axes along which each phase percolates, by its name."""
        return dict(zip(self.names, (one.connectivity.percolates_along for one in self.measured.phases)))

    @property
    def area_per_nm(self) -> dict[tuple[str, str], float]:
        """Area of each interface per volume, 1/nm, by the names of its phases; faces weighted by their normals."""
        return {(self.names[a], self.names[b]): area.normals / self.measured.volume
                for (a, b), area in self.measured.pairs.items()}

    @property
    def triple_line_per_nm2(self) -> dict[tuple[str, str, str], float]:
        """Length of each triple line per volume, 1/nm^2, by the names of its phases."""
        return {tuple(self.names[index] for index in line.phases): line.length / self.measured.volume
                for line in self.measured.lines}

    def to_dict(self) -> dict:
        """Numbers, lists and texts of Python's own, None for what does not exist: docs/measure.md says what each is."""
        measured = self.measured
        return finite(rounded({
            "field_of_view_nm3": measured.volume, "field_of_view_fraction": measured.voxels / self.grid_nm.num_voxels,
            "excluded_labels": self.excluded,
            "phases": [self._phase(index) for index in range(len(self.labels))],
            "interfaces": [self._named(pair) | self._areas(area) for pair, area in measured.pairs.items()],
            "triple_lines": [self._named(line.phases) | self._line(line) for line in measured.lines],
            "triple_line_per_nm2": sum(line.length for line in measured.lines) / measured.volume,
            "active_if": {name: need for name, need in zip(self.names, self.needs)},
            "seconds": self.seconds}))

    def _named(self, indices) -> dict:
        return {"labels": [self.labels[index] for index in indices], "names": [self.names[index] for index in indices]}

    def _phase(self, index: int) -> dict:
        one = self.measured.phases[index]
        return {"label": self.labels[index], "name": self.names[index], "voxels": one.voxels,
                "volume_fraction": one.voxels / self.measured.voxels, **_connections(one.connectivity),
                **self._areas(one.area), "chords": chords_result(one.chords, 1.0).to_dict(),
                "thickness": thickness_result(one.thickness, 1.0).to_dict(),
                "two_point_correlation": correlation_result(one.correlation, 1.0).to_dict()}

    def _areas(self, area: Areas) -> dict:
        return {f"area_{name}_per_nm": getattr(area, name) / self.measured.volume for name in _AREAS}

    def _line(self, line: TripleLine) -> dict:
        return {"length_per_nm2": line.length / self.measured.volume,
                "active_per_nm2_xyz": self._by_axis(line.active), "cut_off_per_nm2_xyz": self._by_axis(line.cut_off)}

    def _by_axis(self, lengths) -> list[float]:
        return [length / self.measured.volume if is_axis else math.nan
                for length, is_axis in zip(lengths, self.measured.extended)]

    def lines(self) -> list[str]:
        """A summary for a person."""
        found = self.to_dict()
        axes = [axis for axis in range(3) if self.measured.extended[axis]]
        rows = [["phase", "volume", "percolates", *(f"through {AXES[axis]}" for axis in axes), "one plate", "no plate",
                 "area 1/nm", "chord nm", "thickness nm"]]
        for one in found["phases"]:
            rows.append([one["name"], f"{one['volume_fraction']:.4f}", one["percolates_along"] or "-",
                         *(_share(one["both_plates_xyz"][axis]) for axis in axes),
                         *("/".join(_share(one[key][axis]) for axis in axes) for key in ("one_plate_xyz", "no_plate_xyz")),
                         _number(one["area_normals_per_nm"]), _number(one["chords"]["mean_nm"]),
                         _number(one["thickness"]["mean_nm"])])
        lines = _columns(rows)
        lines += ["interfaces, nm^2/nm^3:"] + _columns([["between", "normals", "faces", "Crofton"]] + [
            [" | ".join(one["names"]), *(_number(one[f"area_{name}_per_nm"]) for name in _AREAS)]
            for one in found["interfaces"]])
        if found["triple_lines"]:
            lines += [f"triple lines, nm/nm^3 (active: {self._rule()}):"] + _columns(
                [["between", "all", *(f"active {AXES[axis]}" for axis in axes), "cut off"]] + [
                    [" | ".join(one["names"]), _number(one["length_per_nm2"]),
                     *(_number(one["active_per_nm2_xyz"][axis]) for axis in axes),
                     "/".join(_number(one["cut_off_per_nm2_xyz"][axis]) for axis in axes)] for one in found["triple_lines"]])
        return lines

    def _rule(self) -> str:
        if set(self.needs) == {THROUGH}:
            return f"each of the three phases {_RULES[THROUGH]} along the axis"
        return ", ".join(f"{name} {_RULES[need]}" for name, need in zip(self.names, self.needs))

    def rows(self) -> Iterator[tuple]:
        """For a spreadsheet: quantity, phases, axis, value, unit."""
        yield "quantity", "phases", "axis", "value", "unit"
        found = self.to_dict()
        for one in found["phases"]:
            for key, value in one.items():
                yield from _rows_of(key, one["name"], value)
            for part in ("chords", "thickness"):
                for key in ("mean_nm", "mean_nm_xyz", "largest_nm", "d50_nm"):
                    yield from _rows_of(f"{part}_{key}", one["name"], (one[part] or {}).get(key))
        for one in [*found["interfaces"], *found["triple_lines"]]:
            for key, value in one.items():
                if key not in ("labels", "names"):
                    yield from _rows_of(key, "|".join(one["names"]), value)

    def __repr__(self) -> str:
        volumes = ", ".join(f"{name} {share:.4g}" for name, share in self.volume_fractions.items())
        return f"LabelMorphology: {volumes}; {len(self.measured.pairs)} interfaces, {len(self.measured.lines)} triple lines"


_UNITS = {"per_nm2": "1/nm^2", "per_nm": "1/nm", "nm": "nm", "voxels": "voxels"}


def _rows_of(key: str, phases: str, value) -> Iterator[tuple]:
    """One row for a number, three for what there is one of for each axis; none for texts, lists and what is not there."""
    name, along = (key.removesuffix("_xyz"), AXES) if key.endswith("_xyz") else (key, "")
    ending = next((end for end in _UNITS if name.endswith(end)), None)
    for axis, one in zip(along, value or ()) if along else [("", value)]:
        if isinstance(one, (int, float)) and key != "label":
            yield name, phases, axis, one, _UNITS.get(ending, "1")


def _connections(found: PhaseConnectivity) -> dict:
    return {"percolates_along": found.percolates_along, "percolating_fraction_xyz": found.percolating_fraction,
            "largest_cluster_fraction": found.largest_fraction, "num_clusters": found.num_clusters,
            "dimension": found.dimension, "both_plates_xyz": found.both_plates, "one_plate_xyz": found.one_plate,
            "no_plate_xyz": found.no_plate}


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
    return LabelMorphology(labels, tuple(asked.name_of((label,)) for label in labels), tuple(sorted(excluded)),
                           asked.boundary, wanted, grid, measured, time.monotonic() - started)


@dataclass(frozen=True)
class LabelOptions:
    """What is said of an image of labels, each of which is a phase.

    Attributes
    ----------
    values : {'labels', 'density'} or None
        What the values are; None: whole numbers are labels.
    exclude : str or None
        Labels outside the field of view.
    active : str or None
        LABEL=NEED,...: what phases must be connected to where a triple line is active.
    csv : Path or None
        Where the numbers go as a table too.
    """

    values: str | None = None
    exclude: str | None = None
    active: str | None = None
    csv: Path | None = None

    def check(self, asked: MeasuredSource) -> None:
        """Raise InputError for what has no meaning for a density or for one label against all others."""
        given = {"--exclude": self.exclude, "--active": self.active, "--csv": self.csv}
        name = next((name for name, value in given.items() if value is not None), None)
        if name and not asked.labelled:
            what = "one label against all others (--filler)" if asked.filler is not None else "a density"
            raise InputError(f"{name}: is for images of which every label is a phase, not for {what}; see --values")
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
