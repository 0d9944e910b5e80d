"""Effective-medium theory as a use case: tables and maps of conductivity over porosity, surface depth and pore radius."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.files import make_folder
from ..io.records import atomic_write_text, csv_text
from ..io.run_directory import check_apart
from ..materials.electrolytes import electrolyte
from ..theory import effective_medium
from ..theory.effective_medium import AS_PRINTED, SPHERE, CoatedPores, Reading
from ..theory.models import MODELS, Theory
from ..theory.validity import check_lengths
from ..units import S_PER_M

MAP_DEPTHS_OVER_RADIUS = (0.007, 0.107)  # of Figures 2c, 2d, 3c, 3d
MAP_POINTS = 81


def conductivities(material: str, temperature_K: float | None, matrix: float | None, surface: float | None,
                   pore: float) -> tuple[CoatedPores, dict[str, str]]:
    """Conductivities (S/cm) of matrix, surface and pore, from a material unless given, and for each a line with its source.

    Parameters
    ----------
    material : str
        Looked up only for what is not given.
    temperature_K : float or None
        None: the temperature the material's own values hold at.
    matrix, surface : float or None
        S/cm.
    pore : float
        S/cm.

    Raises
    ------
    InputError
        If the material is unknown or lacks a value.
    """
    found = {"matrix": (matrix, "given"), "surface": (surface, "given"), "pore": (pore, "given")}
    for name in ("matrix", "surface"):
        if found[name][0] is None:
            found[name] = _from_material(material, name, temperature_K)
    phases = CoatedPores(*(found[name][0] for name in ("pore", "surface", "matrix")))
    return phases, {name: f"sigma of the {name} {value:.4g} S/cm: {source}" for name, (value, source) in found.items()}


def _from_material(material: str, phase: str, temperature_K: float | None) -> tuple[float, str]:
    data = electrolyte(material)
    value = data.matrix_conductivity() if phase == "matrix" else data.find("conductivity", phase)
    if value is None:
        raise InputError(f"{material}: no conductivity of the {phase} is known; give --sigma-{phase}-S-per-cm")
    if temperature_K is None:
        return value.value, f"{material} at {value.at_K:g} K, {value.provenance}"
    return data.sigma(value.kind, temperature_K) / S_PER_M, f"{material} at {temperature_K:g} K, {value.provenance}"


COLUMNS = ("porosity", "surface_depth_nm", "pore_radius_nm", "depth_over_radius", "core_fraction", "sigma_eff_S_per_cm",
           "lower_bound_S_per_cm", "upper_bound_S_per_cm")


def tabulate(theory: Theory, porosities, depths_nm, radii_nm) -> np.ndarray:
    """All combinations, a row each, with the columns `COLUMNS`; porosity varies fastest.

    Raises
    ------
    InputError
        If a depth is negative, a radius not positive, or a combination outside the range of validity.
    """
    check_lengths({"surface depth (nm)": depths_nm}, zero_allowed=True)
    check_lengths({"pore radius (nm)": radii_nm})
    depth, radius, porosity = (values.ravel() for values in np.meshgrid(depths_nm, radii_nm, porosities, indexing="ij"))
    ratio = depth / radius
    core = effective_medium.core_fraction(ratio, MODELS[theory.model].dimension)
    sigma, bounds = theory.conductivity(porosity, ratio), theory.bounds(porosity, ratio)
    return np.stack([porosity, depth, radius, ratio, core, sigma, *bounds], axis=1)


def table_lines(theory: Theory, table: np.ndarray) -> list[str]:
    """The table for a person."""
    kind = "Hashin–Shtrikman" if MODELS[theory.model].dimension == SPHERE else "Wiener"
    lines = ["porosity  depth (nm)  radius (nm)  depth/radius  core fraction  sigma_eff (S/cm)  bounds (S/cm)"]
    above = False
    for porosity, depth, radius, ratio, core, sigma, lower, upper in table:
        outside = sigma > upper * (1 + 1e-9)
        above |= outside
        lines.append(f"{porosity:8.4g}  {depth:10.4g}  {radius:11.4g}  {ratio:12.4g}  {core:13.4g}  {sigma:14.4e}"
                     f"{' *' if outside else '  '}  {lower:.3e} ... {upper:.3e}")
    lines.append(f"bounds: {kind}, of core, surface layer and matrix in these proportions")
    if above:
        lines.append("* above the upper bound: no isotropic material of these three phases conducts so well; eq 8 takes "
                     "core and surface of a particle to be in parallel (compare --composite coated)")
    return lines


def csv_of(table: np.ndarray, columns=COLUMNS) -> str:
    """Comma-separated text with a header, all digits."""
    return csv_text([columns, *table.tolist()])


def write_new(path: Path, text: str, force: bool, sources=()) -> Path:
    """Write a text file; an existing one only with ``force``, and none of the sources.

    Raises
    ------
    InputError, OutputError
    """
    check_apart(path, sources)
    if path.exists() and not force:
        raise InputError(f"{path} exists; give another name or --force")
    make_folder(path.parent)
    atomic_write_text(path, text)
    return path


# --- maps -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Map:
    """Conductivity over porosity and λ/r.

    Attributes
    ----------
    theory : Theory
    name : str
        Of its files.
    figure : str
        Of the paper.
    profiles : tuple of float
        Porosities of its lines.
    porosity : ndarray, (n,)
    depth_over_radius : ndarray, (m,)
    sigma : ndarray, (m, n)
        S/cm.
    """

    theory: Theory
    name: str
    figure: str
    profiles: tuple[float, ...]
    porosity: np.ndarray
    depth_over_radius: np.ndarray
    sigma: np.ndarray

    @property
    def csv(self) -> str:
        """A row for each pair."""
        ratio, porosity = np.meshgrid(self.depth_over_radius, self.porosity, indexing="ij")
        return csv_of(np.stack([porosity, ratio, self.sigma], axis=-1).reshape(-1, 3),
                      ("porosity", "depth_over_radius", "sigma_eff_S_per_cm"))


# Model, name, figures, porosities of the profiles; the map goes from the first to the last.  The paper trusts eq 8 between
# 8 and 40 % of pores, and the pillars up to 35 %.
_MAPS = (("gemt", "emt_spheres", "Figures 2c, 2d", (0.08, 0.16, 0.24, 0.32, 0.40)),
         ("brick", "emt_pillars", "Figures 3c, 3d", (0.05, 0.15, 0.25, 0.35)))


def paper_maps(phases: CoatedPores, percolation_threshold: float, exponent: float,
               reading: Reading = AS_PRINTED) -> list[Map]:
    """Figures 2c, 2d (spheres, eq 8) and 3c, 3d (pillars) of Hu 2017.

    Raises
    ------
    InputError
    """
    ratios = np.linspace(*MAP_DEPTHS_OVER_RADIUS, MAP_POINTS)
    maps = []
    for model, name, figure, profiles in _MAPS:
        theory = Theory(model, phases, percolation_threshold, exponent, reading)
        porosity = np.linspace(profiles[0], profiles[-1], MAP_POINTS)
        sigma = theory.conductivity(porosity, ratios[:, None])
        maps.append(Map(theory, name, figure, profiles, porosity, ratios, sigma))
    return maps
