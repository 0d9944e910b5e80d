"""What a microstructure is, in numbers.

The filler is what lies below a density of 1/2, the pores, or the label that was asked for; the matrix is all else.  Keys of
densities speak of pores and walls, those of labels of filler and matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

from .record import Array, PerAxis, Record, key

_OF_LABELS, _OF_DENSITIES = "of labels", "of a density"
_NOT_MEASURED = "where distributions were not asked for"


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseConnectivity(Record):
    """How one phase hangs together."""

    percolates_along: str = key("axes along which a cluster of it percolates: '', 'x', 'yz' ...")
    percolating_fraction_xyz: PerAxis = key("of its voxels, in clusters that percolate along x, y, z")
    largest_cluster_fraction: float | None = key("of its voxels, in the largest cluster", older=None)
    num_clusters: int | None = key("clusters", older=None)
    dimension: int | None = key("independent directions in which a cluster goes on for ever; null of an open image",
                                older=None)


@dataclass(frozen=True, eq=False, kw_only=True)
class ConnectivityResult(Record):
    """Newnham's connectivity."""

    label: str = key("axes along which filler and matrix percolate: '3-3'", name="class")
    axes: str = key("the axes that count: those of more than one voxel", older="xyz", pattern="x?y?z?")
    filler: PhaseConnectivity = key("the filler")
    matrix: PhaseConnectivity = key("the matrix")
    surface: PhaseConnectivity | None = key("the surface layer", absent=_OF_LABELS)


@dataclass(frozen=True, eq=False, kw_only=True)
class SurfaceResult(Record):
    """Volume fractions, and the area of the interface by volume."""

    pore_fraction: float | None = key("volume below `rho_pore`", absent=_OF_LABELS)
    surface_fraction: float | None = key("volume between the thresholds", absent=_OF_LABELS)
    bulk_fraction: float | None = key("volume above `rho_bulk`", absent=_OF_LABELS)
    porosity_by_threshold: float | None = key("volume below 1/2", absent=_OF_LABELS)
    porosity_by_mean: float | None = key("1 - <rho>", absent=_OF_LABELS)
    filler_fraction: float | None = key("volume of the filler", absent=_OF_DENSITIES)
    area_per_nm: float = key("the one of the areas that is right for this field", "1/nm")
    area_gradient_per_nm: float | None = key("by the gradient of the density", "1/nm", absent=_OF_LABELS)
    area_normals_per_nm: float | None = key("faces of the voxels, weighted by their normals; null: not measured", "1/nm",
                                            older=None)
    area_faces_per_nm: float | None = key("faces of the voxels", "1/nm", older=None)
    area_crofton_per_nm: float | None = key("by Crofton's formula", "1/nm", older=None)
    area_is_by: str = key("which of them `area_per_nm` is", older="")
    rho_pore: float | None = key("threshold", absent=_OF_LABELS)
    rho_bulk: float | None = key("threshold", absent=_OF_LABELS)


@dataclass(frozen=True, eq=False, kw_only=True)
class ByShape(Record):
    """A length or a ratio for two shapes of the filler."""

    spheres: float | None = key("for spheres, r = 3 V / S; null: none")
    pillars: float | None = key("for pillars, r = 2 V / S; null: none")


@dataclass(frozen=True, eq=False, kw_only=True)
class ChordsResult(Record):
    """Chords of a phase along the axes."""

    mean_nm: float | None = key("2 x length in the phase / phase changes; null: endless", "nm")
    mean_nm_xyz: PerAxis = key("the same along x, y, z", "nm")
    wrapping_fraction_xyz: PerAxis = key("of the phase, on lines along x, y, z that never leave it; "
                                                          "null along an axis of one voxel")
    cut_fraction_xyz: PerAxis | None = key("of the phase, in chords cut by an end of the image", older=None)
    voxel_nm_xyz: tuple[float, float, float] = key("edges of a voxel", "nm")
    counts_by_voxels_xyz: tuple[Array, Array, Array] = key(
        "numbers of whole chords of 0, 1, 2 ... voxels along x, y, z")


@dataclass(frozen=True, eq=False, kw_only=True)
class StructureFactor(Record):
    """Structure factor of the density."""

    mean_k_per_nm: float | None = key("<k> = sum k S / sum S", "1/nm")
    spacing_nm: float | None = key("2 pi / <k>; null of a uniform density", "nm")
    spacing_nm_xyz: PerAxis = key("the same for |k_x|, |k_y|, |k_z|", "nm")
    k_per_nm: Array = key("wavenumbers of the shells", "1/nm")
    S_nm3: Array = key("mean over each shell", "nm^3")
    k_per_nm_xyz: tuple[Array, Array, Array] = key("wavenumbers along the axes", "1/nm")
    S_nm3_xyz: tuple[Array, Array, Array] = key("S along the axes", "nm^3")


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoPointCorrelation(Record):
    """Two-point correlation S2 of the filler."""

    filler_fraction: float = key("of the volume, S2 at 0")
    first_zero_nm: float | None = key("least distance at which S2 is the square of the fraction; null: none", "nm")
    first_zero_nm_xyz: PerAxis = key("the same along x, y, z", "nm")
    r_nm: Array = key("distances of the shells", "nm")
    S2: Array = key("mean over each shell")
    r_nm_xyz: tuple[Array, Array, Array] = key("distances along the axes", "nm")
    S2_xyz: tuple[Array, Array, Array] = key("S2 along the axes")


@dataclass(frozen=True, eq=False, kw_only=True)
class ThicknessResult(Record):
    """Local thickness of a phase: the diameter of the largest sphere in it that holds a point."""

    mean_nm: float | None = key("mean over the phase; null: there is none", "nm")
    largest_nm: float | None = key("largest", "nm")
    d10_nm: float | None = key("that a tenth of the phase falls short of", "nm")
    d50_nm: float | None = key("that half of the phase falls short of", "nm")
    d90_nm: float | None = key("that nine tenths of the phase fall short of", "nm")
    diameter_nm: Array = key("diameters", "nm")
    volume_fraction_at_least: Array = key("of the phase, at least so thick")


@dataclass(frozen=True, eq=False, kw_only=True)
class MorphologyResult(Record):
    """What a microstructure is, in numbers."""

    connectivity: ConnectivityResult = key("which phases percolate")
    surface: SurfaceResult = key("fractions and areas")
    filler_radius_nm: ByShape = key("radius of the filler by its volume and area", "nm")
    lambda_over_r: ByShape = key("surface depth by that radius; null where there is none")
    pore_chords: ChordsResult | None = key("chords of the pores", absent=_OF_LABELS)
    wall_chords: ChordsResult | None = key("chords of the walls", absent=_OF_LABELS)
    filler_chords: ChordsResult | None = key("chords of the filler", absent=_OF_DENSITIES)
    matrix_chords: ChordsResult | None = key("chords of the matrix", absent=_OF_DENSITIES)
    structure_factor: StructureFactor | None = key("of the density", absent="of an open image")
    two_point_correlation: TwoPointCorrelation = key("of the filler")
    pore_thickness: ThicknessResult | None = key("of the pores", absent=f"{_OF_LABELS}, and {_NOT_MEASURED}")
    wall_thickness: ThicknessResult | None = key("of the walls", absent=f"{_OF_LABELS}, and {_NOT_MEASURED}")
    filler_thickness: ThicknessResult | None = key("of the filler", absent=f"{_OF_DENSITIES}, and {_NOT_MEASURED}")
    matrix_thickness: ThicknessResult | None = key("of the matrix", absent=f"{_OF_DENSITIES}, and {_NOT_MEASURED}")
    seconds: float | None = key("wall clock of measuring", "s", absent="in the first files of 0.1")

    @property
    def chords(self) -> tuple[ChordsResult | None, ChordsResult | None]:
        """Of filler and matrix, whatever they are called."""
        return self.filler_chords or self.pore_chords, self.matrix_chords or self.wall_chords

    @property
    def thickness(self) -> tuple[ThicknessResult | None, ThicknessResult | None]:
        """Of filler and matrix, whatever they are called."""
        return self.filler_thickness or self.pore_thickness, self.matrix_thickness or self.wall_thickness


@dataclass(frozen=True, eq=False, kw_only=True)
class AreasResult(Record):
    """An area by the volume of the field of view, three ways."""

    area_normals_per_nm: float | None = key("faces of the voxels, weighted by their normals", "1/nm")
    area_faces_per_nm: float | None = key("faces of the voxels", "1/nm")
    area_crofton_per_nm: float | None = key("by Crofton's formula", "1/nm")


@dataclass(frozen=True, eq=False, kw_only=True)
class PlatesResult(Record):
    """Which part of a phase is connected to plates at the ends of each axis; null along an axis of one voxel."""

    both_plates_xyz: PerAxis = key("of its voxels, connected to both")
    one_plate_xyz: PerAxis = key("of its voxels, connected to one: dead ends")
    no_plate_xyz: PerAxis = key("of its voxels, connected to none")


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledPhase(Record):
    """A label of an image, as a phase."""

    label: int = key("its number")
    name: str = key("what it is called")
    voxels: int = key("number of them", "voxels")
    volume_fraction: float = key("of the field of view")
    connectivity: PhaseConnectivity = key("how it hangs together", inline=True)
    plates: PlatesResult = key("what it is connected to", inline=True)
    area: AreasResult = key("towards all other phases", inline=True)
    chords: ChordsResult = key("its chords")
    thickness: ThicknessResult = key("its local thickness")
    two_point_correlation: TwoPointCorrelation = key("of its indicator, over pairs inside the field of view")


@dataclass(frozen=True, eq=False, kw_only=True)
class InterfaceResult(Record):
    """The interface of two phases."""

    labels: tuple[int, int] = key("their numbers")
    names: tuple[str, str] = key("their names")
    area: AreasResult = key("its area", inline=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class TripleLineResult(Record):
    """The line where three phases meet, by the volume of the field of view."""

    labels: tuple[int, int, int] = key("their numbers")
    names: tuple[str, str, str] = key("their names")
    length_per_nm2: float = key("all of it", "1/nm^2")
    active_per_nm2_xyz: PerAxis = key("where each phase is connected as `active_if` says, along x, y, z", "1/nm^2")
    cut_off_per_nm2_xyz: PerAxis = key("where some phase is not, for want of its connection alone", "1/nm^2")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LabelMorphology(Record):
    """What the phases of an image of labels are, in numbers; the same on every rank and at every rank count.

    Volumes, areas and lengths are by the volume of the field of view.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> plates = np.repeat([0, 1], 4)[:, None, None] * np.ones((8, 8, 8), int)        # across z, the first axis
    >>> found = pf.measure(plates, voxel_nm=2, boundary="periodic", names={0: "pore", 1: "solid"})
    >>> found.volume_fractions, found.area_per_nm["pore", "solid"]                    # two faces in 16 nm
    ({'pore': 0.5, 'solid': 0.5}, 0.125)
    """

    field_of_view_nm3: float = key("volume of the field of view", "nm^3")
    field_of_view_fraction: float = key("its part of the image")
    excluded_labels: tuple[int, ...] = key("labels outside it")
    phases: tuple[LabelledPhase, ...] = key("the phases")
    interfaces: tuple[InterfaceResult, ...] = key("of the phases that touch")
    triple_lines: tuple[TripleLineResult, ...] = key("of the phases that meet")
    triple_lines_per_nm2: float = key("all triple lines together", "1/nm^2", name="triple_line_per_nm2")
    active_if: dict[str, str] = key("what each phase must be connected to where a triple line is active: through, first, "
                                    "last, either")
    seconds: float = key("wall clock of measuring", "s")

    @property
    def labels(self) -> tuple[int, ...]:
        """Of the phases."""
        return tuple(one.label for one in self.phases)

    @property
    def names(self) -> tuple[str, ...]:
        """What the phases are called, or 'label 3'."""
        return tuple(one.name for one in self.phases)

    @property
    def volume_fractions(self) -> dict[str, float]:
        """Of each phase by its name, of the field of view."""
        return {one.name: one.volume_fraction for one in self.phases}

    @property
    def percolates(self) -> dict[str, str]:
        """The axes along which each phase percolates, by its name."""
        return {one.name: one.connectivity.percolates_along for one in self.phases}

    @property
    def area_per_nm(self) -> dict[tuple[str, str], float | None]:
        """Area of each interface per volume, 1/nm, by the names of its phases; faces weighted by their normals."""
        return {one.names: one.area.area_normals_per_nm for one in self.interfaces}

    @property
    def triple_line_per_nm2(self) -> dict[tuple[str, str, str], float]:
        """Length of each triple line per volume, 1/nm^2, by the names of its phases."""
        return {one.names: one.length_per_nm2 for one in self.triple_lines}

    def __repr__(self) -> str:
        volumes = ", ".join(f"{name} {share:.4g}" for name, share in self.volume_fractions.items())
        return f"LabelMorphology: {volumes}; {len(self.interfaces)} interfaces, {len(self.triple_lines)} triple lines"


@dataclass(frozen=True, eq=False, kw_only=True)
class GrainSizes(Record):
    """Diameters of the spheres of the grains' volumes."""

    mean_nm: float = key("mean over the grains", "nm")
    by_volume_nm: float = key("mean, each grain weighted by its volume", "nm")
    smallest_nm: float = key("least", "nm")
    largest_nm: float = key("largest", "nm")
    sd_of_ln: float = key("standard deviation of ln of them: the spread of a log-normal distribution")


@dataclass(frozen=True, eq=False, kw_only=True)
class BoundariesResult(Record):
    """Boundaries between grains, by the volume of the grains."""

    area_normals_per_nm: float = key("S_V: faces of the voxels, weighted by their normals", "1/nm")
    area_faces_per_nm: float = key("faces of the voxels: exact for boxes, 1.5 times as much for other shapes", "1/nm")
    brick_3_over_S_nm: float | None = key("3/S_V: edge of cubes with as much boundary; null: there is none", "nm")
    intercept_2_over_S_nm: float | None = key("2/S_V: mean intercept between boundaries", "nm")
    facets: int = key("pairs of grains that touch")
    neighbours: float = key("mean number of grains that one touches")
    free_per_nm: float = key("area of grains towards what is no grain", "1/nm")


@dataclass(frozen=True, eq=False, kw_only=True)
class MisorientationResult(Record):
    """Angles between the crystals of grains that touch: the least over the turns that the lattice allows."""

    symmetry: str = key("of the lattice")
    mean_deg: float = key("mean, weighted by the area of the boundary", "degrees")
    bin_edges_deg: Array = key("edges of the classes", "degrees")
    area_fraction: Array = key("of the boundaries, in each class")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class GrainMorphology(Record):
    """What the grains of a polycrystal are, in numbers; every label is a grain but those that are excluded."""

    num_grains: int = key("labels that occur and are grains")
    volume_fraction: float = key("of the image, in grains")
    excluded_labels: tuple[int, ...] = key("labels that are no grains: pores, a second phase")
    voxels_per_grain: float = key("mean")
    sizes: GrainSizes = key("how large grains are")
    boundaries: BoundariesResult = key("between grains")
    misorientation: MisorientationResult | None = key("across boundaries", absent="where orientations or the lattice were "
                                                                                 "not given")
    labels: Array = key("of the grains")
    volumes_nm3: Array = key("of each grain", "nm^3")
    centres_nm: Array = key("of each grain: x, y, z", "nm")
    neighbours: Array = key("of each grain: how many it touches")
    boundary_nm2: Array = key("of each grain: area towards others", "nm^2")
    euler_deg: Array | None = key("of each grain: Bunge's phi1, Phi, phi2; null where it has none", "degrees",
                                  absent="where orientations were not given")
    seconds: float = key("wall clock of measuring", "s")

    def __repr__(self) -> str:
        sizes, boundaries = self.sizes, self.boundaries
        return (f"GrainMorphology: {self.num_grains} grains of {sizes.mean_nm:.4g} nm, spread of ln {sizes.sd_of_ln:.3g}; "
                f"boundaries {boundaries.area_normals_per_nm:.4g} nm^2/nm^3, {boundaries.neighbours:.4g} neighbours each")
