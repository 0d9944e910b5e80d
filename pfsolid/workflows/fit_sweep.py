"""What simulations tell the theory: a table of simulated conductivities read, p_c and t fitted, theory set beside it.

The table is `dataset.csv` of a collected sweep or any CSV file with a header; columns are found by name, see `COLUMNS`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.files import damage_errors
from ..io.records import write_json
from ..io.run_directory import check_apart
from ..text import as_word
from ..theory.effective_medium import AS_PRINTED, CoatedPores, Reading, core_fraction, three_phase_gem
from ..theory.fit import PercolationFit, agreement_range, bootstrap_percolation, fit_percolation, radius_from_chord
from ..theory.models import MODELS, reading_text
from ..theory.validity import check_lengths
from .theory import csv_of, write_new

DATASET = "dataset.csv"
FIT, FIT_ROWS = "emt_fit.json", "emt_fit.csv"
ROUNDING = 1e-9  # 1 - <rho> of a run asked for 0.4 is 0.4000000000000002
TRUSTED = (0.08, 0.40)  # porosities for which Hu 2017 finds eq 8 and simulation consistent

# What is read, and the names it goes by; the first that is there counts.  A dot in a name reads as an underscore.
COLUMNS = {
    "porosity": ("porosity_measured", "porosity_by_threshold", "measured_porosity", "porosity"),
    "nominal": ("porosity_nominal", "microstructure_porosity", "porosity_input", "porosity"),
    "sigma": ("sigma_eff_S_per_cm", "sigma_eff_mean_S_per_cm", "mean_S_per_cm", "sigma_mean_S_per_cm"),
    "depth": ("surface_depth_nm", "material_surface_depth_nm"),
    "chord": ("pore_chord_nm", "pore_chords_mean_nm", "morphology_pore_chords_mean_nm", "pore_size_nm"),
    "pore": ("pore_fraction", "phases_pore_fraction", "fraction_pore"),
    "surface": ("surface_fraction", "phases_surface_fraction", "fraction_surface"),
    "sigma_matrix": ("sigma_bulk_S_per_cm", "conduction_sigma_bulk_S_per_cm"),
    "sigma_surface": ("sigma_surf_S_per_cm", "conduction_sigma_surf_S_per_cm"),
    "sigma_pore": ("sigma_pore_S_per_cm", "conduction_sigma_pore_S_per_cm"),
}
GEOMETRIES = {
    "chord": "g = porosity (measured at rho = 1/2 where the table has it, else 1 - <rho>); r = 3/4 of the mean pore chord",
    "phases": "g = fraction of the pore phase and g/g_f = fraction of pore and surface phases, as conduction sees them; "
              "λ/r = (g/g_f / g)^(1/3) - 1",
}


@dataclass(frozen=True)
class Samples:
    """Simulated conductivities with what the theory needs of each sample; arrays (n,).

    Attributes
    ----------
    porosity : ndarray
        g of the theory.
    group : ndarray of int
        Replicas have equal numbers: the same porosity asked for and the same λ.
    depth_over_radius, sigma : ndarray
        λ/r and S/cm.
    phases : CoatedPores
        S/cm; numbers or arrays (n,).
    geometry : str
        A key of `GEOMETRIES`.
    in_table : tuple of str
        Of matrix, surface and pore those whose conductivities are the table's own.
    notes : tuple of str
        What was left out or assumed.
    """

    porosity: np.ndarray
    group: np.ndarray
    depth_over_radius: np.ndarray
    sigma: np.ndarray
    phases: CoatedPores
    geometry: str = "chord"
    in_table: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def chosen(self, rows) -> Samples:
        """Those of the rows, an index or a mask."""
        phases = CoatedPores(*(np.broadcast_to(value, self.sigma.shape)[rows] for value in vars(self.phases).values()))
        return replace(self, porosity=self.porosity[rows], group=self.group[rows], sigma=self.sigma[rows],
                       depth_over_radius=self.depth_over_radius[rows], phases=phases)


@dataclass(frozen=True)
class FittedSweep:
    """A fit, and how far it describes all samples.

    Attributes
    ----------
    samples : Samples
        Those to which the theory applies, fitted or not.
    fitted : ndarray of bool, (n,)
    theory : ndarray, (n,)
        S/cm, with the fitted parameters.
    fit : PercolationFit
    bootstrap : ndarray, (2, 2)
        Intervals of p_c and t from replicas drawn again.
    porosity_at_threshold : float
        Where g / g_f passes p_c in these samples; NaN if it does not.
    agreement : tuple of 2 float or None
        Porosities between which the geometric mean over replicas is within a factor of two of theory.
    reading : Reading
    """

    samples: Samples
    fitted: np.ndarray
    theory: np.ndarray
    fit: PercolationFit
    bootstrap: np.ndarray
    porosity_at_threshold: float
    agreement: tuple[float, float] | None
    reading: Reading


def read_samples(source: Path, phases: CoatedPores, geometry: str = "chord", depth_nm: float | None = None) -> Samples:
    """Samples of a sweep's directory or a CSV file.

    Parameters
    ----------
    source : Path
    phases : CoatedPores
        S/cm, for the conductivities that the table does not have.
    geometry : str
        A key of `GEOMETRIES`.
    depth_nm : float or None
        λ, for a table that does not have it.

    Raises
    ------
    InputError
        If it does not exist, is empty, or a column is missing.
    CheckpointError
        If it cannot be read.
    """
    path = source / DATASET if source.is_dir() else source
    if not path.exists():
        raise InputError(f"{path} does not exist" + (f"; make it with: pfsolid sweep collect {as_word(source)}"
                                                     if source.is_dir() else ""))
    column = _reader(path)
    porosity, depth_over_radius = _geometry(column, geometry, depth_nm)
    sigma = column("sigma")
    own = {name: column(f"sigma_{name}", needed=False) for name in ("pore", "surface", "matrix")}
    phases = CoatedPores(*(_or_else(values, otherwise) for values, otherwise in zip(own.values(), vars(phases).values())))
    asked = [_or_else(column(key, needed=False), otherwise) for key, otherwise in (("nominal", porosity), ("depth", 0.0))]
    _, group = np.unique(np.stack(np.broadcast_arrays(*asked)).round(9), axis=1, return_inverse=True)
    return _usable(Samples(porosity, group, depth_over_radius, sigma, phases, geometry,
                           tuple(name for name, values in own.items() if values is not None)))


def _reader(path: Path) -> Callable:
    with damage_errors(path), open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    if not rows:
        raise InputError(f"{path} holds no rows")
    names = {(name or "").strip().replace(".", "_"): name for name in rows[0]}

    def column(key: str, needed: bool = True) -> np.ndarray | None:
        found = next((names[alias] for alias in COLUMNS[key] if alias in names), None)
        if found is None:
            if needed:
                raise InputError(f"{path} has none of the columns {', '.join(COLUMNS[key])}; it has {', '.join(names)}")
            return None
        return np.array([_number(row[found]) for row in rows])

    return column


def _number(text: str | None) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return np.nan  # an empty cell, or the word of a case that failed


def _or_else(values: np.ndarray | None, otherwise):
    return otherwise if values is None else np.where(np.isfinite(values), values, otherwise)


def _geometry(column: Callable, geometry: str, depth_nm: float | None) -> tuple[np.ndarray, np.ndarray]:
    """g and λ/r of each row."""
    if geometry == "phases":
        pore, surface = column("pore"), column("surface")
        with np.errstate(invalid="ignore", divide="ignore"):
            return pore, ((pore + surface) / pore) ** (1 / 3) - 1
    if depth_nm is not None:
        check_lengths({"surface depth (nm)": depth_nm}, zero_allowed=True)
    depth = column("depth") if depth_nm is None else depth_nm
    with np.errstate(divide="ignore"):
        return column("porosity"), depth / radius_from_chord(column("chord"))


def _usable(samples: Samples) -> Samples:
    """Without the rows that say nothing or to which the theory does not apply, which are counted."""
    finite = np.isfinite(samples.sigma) & np.isfinite(samples.porosity) & np.isfinite(samples.depth_over_radius)
    conducts = finite & (samples.sigma > 0)
    with np.errstate(invalid="ignore"):
        valid = conducts & (samples.porosity <= (1 + samples.depth_over_radius) ** -3.0)
    counts = {"have no value": np.sum(~finite), "do not conduct": np.sum(finite & ~conducts),
              "are too porous for coated pores that keep apart": np.sum(conducts & ~valid)}
    notes = tuple(f"{number} samples {what}: left out" for what, number in counts.items() if number)
    return replace(samples.chosen(valid), notes=notes)


def fit_samples(samples: Samples, low: float = TRUSTED[0], high: float = TRUSTED[1], reading: Reading = AS_PRINTED,
                confidence: float = 0.95) -> FittedSweep:
    """Fit p_c and t to the samples between two porosities and compare theory with all of them.

    Raises
    ------
    InputError
        If too few samples lie between, see `pfsolid.theory.fit.fit_percolation`.
    """
    if not 0 <= low < high <= 1:
        raise InputError(f"porosity range {low:g}:{high:g}: two porosities between 0 and 1 are needed, the lower first")
    fitted = (samples.porosity > low - ROUNDING) & (samples.porosity < high + ROUNDING)
    used = samples.chosen(fitted)
    data = used.porosity, used.sigma, used.depth_over_radius
    fit = fit_percolation(*data, used.phases, confidence, reading)
    bootstrap = bootstrap_percolation(*data, used.group, used.phases, confidence=confidence,
                                      reading=reading)
    theory = three_phase_gem(samples.porosity, samples.depth_over_radius, samples.phases, fit.percolation_threshold,
                             fit.exponent, reading)
    groups = _group_means(samples, np.log(theory / samples.sigma))
    core = core_fraction(samples.depth_over_radius)
    at_threshold = _crossing(samples.porosity, samples.porosity / core
                             - reading.threshold_of_particles(fit.percolation_threshold, core))
    return FittedSweep(samples, fitted, theory, fit, bootstrap, at_threshold,
                       agreement_range(groups[0], np.exp(groups[1])), reading)


def _crossing(porosity: np.ndarray, excess: np.ndarray) -> float:
    """The porosity at which a straight line through the few samples nearest to it has no excess; NaN without a change."""
    if not excess.min() < 0 < excess.max():
        return np.nan
    near = np.argsort(np.abs(excess))[:10]
    return float(np.polynomial.polynomial.polyfit(excess[near], porosity[near], 1)[0])


def _group_means(samples: Samples, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over replicas of the porosity and of some values."""
    _, group = np.unique(samples.group, return_inverse=True)
    count = np.bincount(group)
    return np.bincount(group, samples.porosity) / count, np.bincount(group, values) / count


def fit_lines(fitted: FittedSweep) -> list[str]:
    """The fit for a person."""
    fit, percent = fitted.fit, f"{100 * fitted.fit.confidence:g} %"
    of = {"particles": "of g/g_f", "porosity": "of g"}[fitted.reading.threshold_of]
    rows = [(f"percolation threshold p_c ({of})", fit.percolation_threshold, fit.threshold_interval, fitted.bootstrap[0]),
            ("exponent t", fit.exponent, fit.exponent_interval, fitted.bootstrap[1])]
    lines = [MODELS["gemt"].about + reading_text(fitted.reading), *fitted.samples.notes,
             *(f"sigma of the {name}: the table's" for name in fitted.samples.in_table),
             f"geometry: {GEOMETRIES[fitted.samples.geometry]}",
             f"λ/r of the fitted samples {_span(fitted.samples.depth_over_radius[fitted.fitted])}",
             f"{fit.num_points} samples, porosity {_span(fitted.samples.porosity[fitted.fitted])}"]
    lines += [f"{name} = {value:.4g}; {percent} interval {low:.4g} ... {high:.4g} (likelihood), "
              f"{drawn[0]:.4g} ... {drawn[1]:.4g} (replicas drawn again)" for name, value, (low, high), drawn in rows]
    if np.isfinite(fitted.porosity_at_threshold) and fitted.reading.threshold_of == "particles":
        lines.append(f"these samples reach p_c at a porosity of {fitted.porosity_at_threshold:.3g}")
    lines.append(f"scatter about the fit: a factor of {np.exp(fit.scatter):.3g} (one standard deviation of ln sigma)")
    if fitted.agreement:
        low, high = fitted.agreement
        lines.append(f"theory and simulation agree within a factor of two for porosities {low:.3g} ... {high:.3g}")
    else:
        lines.append("theory and simulation agree within a factor of two nowhere")
    return lines


def _span(values: np.ndarray) -> str:
    return f"{values.min():.3g} ... {values.max():.3g}"


def write_fit(fitted: FittedSweep, directory: Path, force: bool, source: Path) -> list[Path]:
    """emt_fit.csv, a row a sample, and emt_fit.json; their paths.

    Raises
    ------
    InputError
        If they are there already and ``force`` is not given, or would take the place of ``source``.
    OutputError
    """
    check_apart(directory / FIT, [source])
    samples, fit = fitted.samples, fitted.fit
    columns = ("group", "porosity", "depth_over_radius", "sigma_eff_S_per_cm", "theory_S_per_cm", "fitted")
    rows = np.stack([samples.group, samples.porosity, samples.depth_over_radius, samples.sigma, fitted.theory,
                     fitted.fitted], axis=1)
    table = write_new(directory / FIT_ROWS, csv_of(rows, columns), force, [source])
    write_json(directory / FIT, {
        "model": "three-phase GEMT", "composite": fitted.reading.composite,
        "threshold_of": fitted.reading.threshold_of, "geometry": GEOMETRIES[samples.geometry],
        "percolation_threshold": fit.percolation_threshold, "exponent": fit.exponent, "confidence": fit.confidence,
        "percolation_threshold_interval": fit.threshold_interval, "exponent_interval": fit.exponent_interval,
        "percolation_threshold_bootstrap": fitted.bootstrap[0], "exponent_bootstrap": fitted.bootstrap[1],
        "scatter_ln_sigma": fit.scatter, "num_samples": fit.num_points,
        "porosity_at_threshold": fitted.porosity_at_threshold, "agreement_within_factor_2": fitted.agreement,
        "notes": samples.notes})
    return [table, directory / FIT]
