"""Aligned tubules or columns on a hexagonal lattice: what is between them, their walls, and what is inside, as labels.

The interlayer of porous mixed conductors (S. Y. Kim and J. Li, Energy Mater. Adv. 2021, 1519569, doi:10.34133/2021/1519569,
Figure 3): tubules along z, from the electrolyte, z = 0, to the current collector.  Nothing varies along z where they run
through, so that each conducts by itself: sigma_zz is the sum of area fraction times conductivity, on any grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .arrays import Array, Floats, Labels
from .errors import InputError
from .grid import PeriodicGrid

BETWEEN, WALL, LUMEN, ROOT = range(4)
PARTS = ("between", "wall", "lumen", "root")
SECTIONS = ("hexagon", "circle")
ENDS = ("rooted", "free")
# Normals of the sides of a hexagon whose sides face its six neighbours.
_NORMALS = [(math.cos(angle), math.sin(angle)) for angle in (0.0, math.pi / 3, 2 * math.pi / 3)]


@dataclass(frozen=True)
class Pages:
    """Labels z, y, x, of which there are three different planes at the most: before free ends, through roots, beyond.

    Attributes
    ----------
    shape : tuple of 3 int
    sections : tuple of 3 ndarray of uint8 (ny, nx)
    planes : tuple of 2 int
        Of the gap and of the roots; one of them is 0.
    """

    shape: tuple[int, int, int]
    sections: tuple[Array, Array, Array]
    planes: tuple[int, int]
    dtype = np.dtype(np.uint8)

    def __getitem__(self, index: tuple[int, slice, slice]) -> Array:
        plane, rows, columns = index
        gap, root = self.planes
        return self.sections[0 if plane < gap else 1 if plane < root else 2][rows, columns]


@dataclass(frozen=True)
class Tubules:
    """A periodic cell of them, ``cells`` times the rectangle of two tubules that has the edges pitch and sqrt(3) pitch.

    Attributes
    ----------
    shape : tuple of 3 int
        Voxels along x, y, z.
    pitch_nm : float
        nm, from axis to axis; neighbours lie along x.
    length_nm : float
        nm, of the cell along z.
    diameter_nm : float
        nm, outside; of a hexagon from side to side.
    wall_nm : float or None
        nm; None: columns, wall through and through.
    section : {'hexagon', 'circle'}
    cells : tuple of 2 int
        Rectangles along x and y.
    ends : {'rooted', 'free'}
        At z = 0: up to it, or ``gap_nm`` short of it.  At the other end they always run up to it.
    gap_nm : float
    root_nm : float
        The walls' first part of that length is of another material; 0: none is.

    Raises
    ------
    InputError
        There is no such thing, or its voxels are too coarse.
    """

    shape: tuple[int, int, int]
    pitch_nm: float
    length_nm: float
    diameter_nm: float
    wall_nm: float | None = None
    section: str = "hexagon"
    cells: tuple[int, int] = (1, 1)
    ends: str = "rooted"
    gap_nm: float = 0.0
    root_nm: float = 0.0

    def __post_init__(self) -> None:
        if self.diameter_nm > self.pitch_nm:
            raise InputError(f"diameter_nm = {self.diameter_nm:g}: must be at most pitch_nm = {self.pitch_nm:g}, where they "
                             "touch")
        if self.wall_nm is not None and not 2 * self.wall_nm < self.diameter_nm:
            raise InputError(f"wall_nm = {self.wall_nm:g}: must be below half of diameter_nm = {self.diameter_nm:g}; "
                             "columns have none")
        if (self.ends == "free") != (self.gap_nm > 0):
            raise InputError(f"gap_nm = {self.gap_nm:g}: is for ends = \"free\", which need one; ends = \"{self.ends}\"")
        if self.gap_nm > 0 and self.root_nm > 0:
            raise InputError(f"root_nm = {self.root_nm:g}: free ends have no root; gap_nm = {self.gap_nm:g}")
        grid = self.grid_nm
        for name, value in (("gap_nm", self.gap_nm), ("root_nm", self.root_nm)):
            if value > 0 and not 0 < self._planes(value) < self.shape[2]:
                raise InputError(f"{name} = {value:g}: must be a plane of voxels or more ({grid.spacing[2]:.4g} nm along z) "
                                 f"and less than length_nm = {self.length_nm:g}")
        across = max(grid.spacing[:2])
        parts = (self.diameter_nm,) if self.wall_nm is None else (self.wall_nm, self.diameter_nm - 2 * self.wall_nm)
        thinnest = min(parts)
        if thinnest < across:
            raise InputError(f"the thinnest of diameter_nm, wall_nm and what is inside is {thinnest:.4g} nm, and voxels "
                             f"have edges of {grid.spacing[0]:.4g} x {grid.spacing[1]:.4g} nm across z: give "
                             "shape more of them")

    @property
    def grid_nm(self) -> PeriodicGrid:
        """Voxels with edges in nm; those along x and y differ, as sqrt(3) is no ratio of whole numbers."""
        lengths = self.cells[0] * self.pitch_nm, self.cells[1] * math.sqrt(3) * self.pitch_nm, self.length_nm
        nx, ny, nz = self.shape
        return PeriodicGrid(self.shape, (lengths[0] / nx, lengths[1] / ny, lengths[2] / nz))

    def _planes(self, length_nm: float) -> int:
        """Planes of voxels whose middle lies within a length from z = 0."""
        return int(math.floor(length_nm / self.length_nm * self.shape[2] + 0.5))

    def _distances(self) -> Floats:
        """nm, from the nearest axis, by the measure in which a tubule is a ball: (nx, ny), of the middles of voxels."""
        grid, found = self.grid_nm, np.full(self.shape[:2], np.inf)
        edges = self.pitch_nm, math.sqrt(3) * self.pitch_nm
        for offset in (0.25, 0.75):  # the two tubules of a rectangle
            x, y = (((np.arange(n) + 0.5) * h / edge - offset + 0.5) % 1.0 - 0.5 for n, h, edge in
                    zip(self.shape[:2], grid.spacing[:2], edges))
            x, y = np.meshgrid(x * edges[0], y * edges[1], indexing="ij")
            if self.section == "circle":
                distance = np.hypot(x, y)
            else:
                distance = np.max([np.abs(x * nx + y * ny) for nx, ny in _NORMALS], axis=0)
            np.minimum(found, distance, out=found)
        return found

    def section_labels(self) -> Labels:
        """Labels across z where the tubules run through, (nx, ny)."""
        distances, radius = self._distances(), self.diameter_nm / 2
        labels = np.where(distances <= radius, WALL, BETWEEN)
        if self.wall_nm is not None:
            labels[distances <= radius - self.wall_nm] = LUMEN
        return labels.astype(np.uint8)

    def labels(self, part: slice = slice(None)) -> Labels:
        """Labels of all voxels, (nx, ny, nz), or of a part of them along x."""
        section = self.section_labels()[part]
        found = np.repeat(section[:, :, np.newaxis], self.shape[2], axis=2)
        found[:, :, :self._planes(self.gap_nm)] = BETWEEN
        found[section == WALL, :self._planes(self.root_nm)] = ROOT
        return found

    def pages(self) -> Pages:
        """The labels as an array z, y, x that holds a section alone."""
        section = np.ascontiguousarray(self.section_labels().T)
        rooted = np.where(section == WALL, ROOT, section).astype(np.uint8)
        planes = self._planes(self.gap_nm), self._planes(self.root_nm)
        return Pages(self.shape[::-1], (np.full_like(section, BETWEEN), rooted, section), planes)

    def area_fractions(self) -> dict[str, float]:
        """Shares of the cross-section where the tubules run through, as the voxels have them: between, wall, lumen."""
        counts = np.bincount(self.section_labels().ravel(), minlength=ROOT)
        return {PARTS[label]: float(counts[label] / counts.sum()) for label in range(2 if self.wall_nm is None else 3)}

    def drawn_fractions(self) -> dict[str, float]:
        """The same of the tubules themselves, which finer voxels lead to.

        Examples
        --------
        >>> round(Tubules((64, 64, 8), 100, 100, diameter_nm=80, wall_nm=20).drawn_fractions()["wall"], 12)
        0.48
        """
        share = math.pi / (2 * math.sqrt(3)) if self.section == "circle" else 1.0  # of the hexagon about a circle
        outer = share * (self.diameter_nm / self.pitch_nm) ** 2
        if self.wall_nm is None:
            return {"between": 1 - outer, "wall": outer}
        inner = share * ((self.diameter_nm - 2 * self.wall_nm) / self.pitch_nm) ** 2
        return {"between": 1 - outer, "wall": outer - inner, "lumen": inner}

    @property
    def runs_through(self) -> bool:
        """Whether nothing varies along z."""
        return self.gap_nm == 0 and self.root_nm == 0

    def described(self) -> str:
        """One line for a person."""
        what = "columns" if self.wall_nm is None else f"tubules of {self.wall_nm:g} nm wall"
        ends = f"free ends {self.gap_nm:g} nm from z = 0" if self.ends == "free" else "rooted"
        ends += f" by {self.root_nm:g} nm of another material" if self.root_nm else ""
        grid = self.grid_nm
        edges = " x ".join(f"{edge:.4g}" for edge in grid.spacing)
        return (f"{2 * self.cells[0] * self.cells[1]} {what}, {self.section}s of {self.diameter_nm:g} nm {self.pitch_nm:g} "
                f"nm apart, {ends}; {' x '.join(map(str, self.shape))} voxels of {edges} nm")
