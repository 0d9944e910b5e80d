"""result.json: what a run, conduction on an image or on a stored density has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .conduction import ConductionResult
from .electrode import ElectrodeResult
from .impedance import ImpedanceResult
from .morphology import MorphologyResult
from .record import Record, key
from .representative import RepresentativeResult

SCHEMA_VERSION = 1
# What growth ends as.
SEPARATED, UNSEPARATED = "separated", "unseparated"
_NOT_GROWN = "where nothing was grown"
_OF_IMAGES = "of conduction on images"
_NOT_OF_IMAGES = "but of conduction on images"
_NO_CONDUCTION = ("sigma_eff_S_per_cm", "sigma_eff_S_per_m", "mean_S_per_cm")


@dataclass(frozen=True, eq=False, kw_only=True)
class HistoryRow(Record):
    """A state of growth: a row of history.csv."""

    step: int = key("time steps made")
    reduced_time: float = key("time in lambda^2 / (16 w M)")
    time_s: float | None = key("time; null where the mobility is not known", "s", older=None)
    reduced_step: float = key("length of the last time step")
    energy_J_per_m3: float = key("free energy", "J/m^3")
    mean_density: float = key("<rho>")
    porosity: float | None = key("volume below rho = 1/2", older=None)
    pore_fraction: float = key("volume below `rho_pore`")
    surface_fraction: float = key("volume between the thresholds")
    bulk_fraction: float = key("volume above `rho_bulk`")
    pore_size_nm: float | None = key("mean chord of the pores; null: endless", "nm")
    wall_size_nm: float | None = key("mean chord of the walls; null: endless", "nm")
    spacing_nm: float | None = key("2 pi / <k>; null of a uniform density", "nm")
    energy_rate: float | None = key("|d ln F / d ln t| since the last row; null in the first", older=None)
    step_error: float | None = key("estimated error of the last time step; null where none was made", older=None)
    rejections: int | None = key("time steps given up since the last", older=None)


HISTORY_COLUMNS = tuple(HistoryRow.__dataclass_fields__)


@dataclass(frozen=True, eq=False, kw_only=True)
class GrowthResult(Record):
    """How the microstructure was grown."""

    reason: str = key("why it stopped")
    steps: int = key("time steps")
    wall_clock_s: float = key("of growing, over all launches", "s")
    final: HistoryRow = key("the last state")
    low_modes: tuple[float, ...] | None = key("strengths of the longest waves, by which samples are told apart",
                                              absent="but of the cases of sweeps")


@dataclass(frozen=True, eq=False, kw_only=True)
class ReducedUnits(Record):
    """Units of the phase-field equation."""

    length_m: float = key("lambda", "m")
    energy_density_J_per_m3: float = key("16 w", "J/m^3")
    time_s: float | None = key("lambda^2 / (16 w M); null where the mobility is not known", "s")


@dataclass(frozen=True, eq=False, kw_only=True)
class MaterialOf(Record):
    """Where the numbers of the material are from."""

    name: str | None = key("of the electrolyte; null: not by name")
    sources: tuple[str, ...] = key("papers")


@dataclass(frozen=True, eq=False, kw_only=True)
class GridOf(Record):
    """The voxels."""

    shape: tuple[int, int, int] = key("number along x, y, z")
    voxel_size_nm: tuple[float, float, float] = key("edges", "nm")


@dataclass(frozen=True, eq=False, kw_only=True)
class Provenance(Record):
    """Which program, libraries, machine and input made it."""

    program: str = key("pfsolid", older="pfsolid")
    pfsolid_version: str = key("its version")
    git_commit: str | None = key("its commit, + if files were changed; null outside a checkout")
    created: str = key("when, UTC, ISO 8601")
    host: str = key("on which machine", older="")
    platform: str = key("its system", older="")
    num_ranks: int = key("MPI ranks")
    threads_per_rank: int = key("threads of each")
    seed: int | None = key("of the noise; null where nothing is random")
    input_sha256: str = key("SHA-256 of input.toml", older="")
    units: str = key("how units are written", older="")
    python_version: str = key("of Python", older="")
    numpy_version: str = key("of NumPy", older="")
    mpi4py_version: str = key("of mpi4py, or that it was not used", older="")
    mpi_version: str = key("of the MPI library, or that it was not used", older="")
    transform_version: str = key("of what calls FFTW: pyfftw or mpi4py-fft", older="")
    mpi4py_fft_version: str | None = key("of mpi4py-fft", absent="but in files of 0.1")
    fftw_version: str = key("of FFTW", older="")
    h5py_version: str = key("of h5py", older="")
    hdf5_version: str = key("of HDF5, serial or parallel", older="")


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(Record):
    """All of result.json but its checksum.

    Where growth ended before the phases had separated there is no conductivity: `conduction` is None, and
    ``sigma_eff_S_per_cm``, ``sigma_eff_S_per_m`` and ``mean_S_per_cm`` are written as null.
    """

    newest = SCHEMA_VERSION
    schema_version: int | None = key("of this form; this page is of 1", absent="in files of 0.1", older=None)
    title: str = key("of the input")
    source: str | None = key("file of the image or density", absent="of runs that have grown theirs")
    boundary: str | None = key("periodic, mirror or electrodes", absent=_NOT_OF_IMAGES)
    axes_order: str | None = key("order of the axes that the image was read in", absent=_NOT_OF_IMAGES)
    state: str | None = key("separated or unseparated", absent=_OF_IMAGES)
    mean_density: float | None = key("<rho>", absent=_OF_IMAGES)
    porosity: float | None = key("1 - <rho>", absent=_OF_IMAGES)
    growth: GrowthResult | None = key("growth", absent=_NOT_GROWN)
    reduced_units: ReducedUnits | None = key("units of the equation", absent=_NOT_GROWN)
    kappa_J_per_m: float | None = key("gradient coefficient", "J/m", absent=_NOT_GROWN)
    barrier_J_per_m3: float | None = key("w, barrier between the wells", "J/m^3", absent=_NOT_GROWN)
    surface_energy_J_per_m2: float | None = key("of the surface", "J/m^2", absent=_NOT_GROWN)
    morphology: MorphologyResult | None = key("the microstructure in numbers", absent=_OF_IMAGES)
    interface_normals: str | None = key("by which normals interfaces resist", absent="where none does")
    plate_resistance_ohm_cm2: tuple[float, float] | None = key("of the electrodes", "ohm cm^2", absent="where none resists")
    contact: tuple[str, str] | None = key("radius (nm) or picture of where each electrode touches the image; empty: all of "
                                          "it", absent="where both touch all of it")
    conduction: ConductionResult | None = key("effective conductivity", inline=True,
                                              absent="without conduction")
    carriers: dict[str, ConductionResult] | None = key("of each carrier by its name what else stands beside the other keys: "
                                                       "its effective conductivity", absent="but of several carriers")
    electrode: ElectrodeResult | None = key("what two carriers do together", absent="but of two carriers")
    representative: RepresentativeResult | None = key("whether the sample is large enough", absent="but of `pfsolid rev`")
    impedance: ImpedanceResult | None = key("spectra", absent="but of `pfsolid impedance`")
    rho_pore: float | None = key("density below which a voxel is pore", absent=f"{_OF_IMAGES}, and without conduction")
    rho_bulk: float | None = key("density above which a voxel is bulk", absent=f"{_OF_IMAGES}, and without conduction")
    material: MaterialOf | None = key("sources of the numbers", absent="where the input names none")
    grid: GridOf = key("the voxels of density or image")
    provenance: Provenance = key("what made it")

    def to_dict(self) -> dict[str, Any]:
        """As `Record.to_dict`."""
        written = super().to_dict()
        if self.state == UNSEPARATED:
            written |= dict.fromkeys(_NO_CONDUCTION)
        return written
