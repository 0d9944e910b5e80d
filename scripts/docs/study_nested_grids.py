"""Growth on nested grids against growth on one, in pairs of the same noise: docs/microstructure.md.

    python scripts/docs/study_nested_grids.py [PAIRS [EDGE ...]]      goes on where it was stopped; 24 pairs, edges 64 and 96
    python scripts/docs/study_nested_grids.py report                  table of docs/microstructure.md

A row is one growth and the conductivity of what has grown (pores insulate, the surface conducts 3516 times better than the
bulk), with the processor time of the growth on one thread.  Those of the same noise run one after the other: on one grid, on
nested ones, and, to see what the errors of the default steps are worth, on one grid with half the tolerance.
"""

import csv
import sys
import time
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
from common import put_tables, table

import pfsolid as pf

DATA = Path(__file__).resolve().parents[2] / "docs" / "data" / "nested_grids.csv"
COLUMNS = "edge", "porosity", "seed", "grids", "seconds", "energy", "surface_fraction", "sigma_xx", "sigma_yy", "sigma_zz"
POROSITIES = 0.32, 0.4, 0.6
WAYS = {"one": {"nested_grids": "off"}, "nested": {"nested_grids": "on"},
        "one, tolerance 0.015": {"nested_grids": "off", "step_tolerance": 0.015}}
CONTROLS = ("one, tolerance 0.015",)
SIGMA = {"pore": 0.0, "bulk": 8.93e-7, "surface": 3.14e-3}


def grown(edge, porosity, seed, way):
    """One row."""
    began = time.process_time()
    structure = pf.grow(edge, 0.5, porosity, surface_energy_J_per_m2=0.32, surface_depth_nm=1.4, until=200, seed=seed,
                        options={"evolution": WAYS[way]}, threads=1)
    seconds = time.process_time() - began
    history = structure.history
    sigma = np.diag(structure.conductivity(SIGMA, error="none", fields=False, threads=1).tensor)
    return (edge, porosity, seed, way, f"{seconds:.3f}", f"{history['energy_J_per_m3'][-1]:.8g}",
            f"{history['surface_fraction'][-1]:.6g}", *(f"{value:.6g}" for value in sigma))


def measure(pairs, edges):
    """Append what is missing."""
    done = {(row["edge"], row["porosity"], row["seed"], row["grids"]) for row in rows()}
    for way in WAYS:
        grown(edges[0], POROSITIES[0], 1, way)  # compile, and measure Fourier plans
    with open(DATA, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not file.tell():
            writer.writerow(COLUMNS)
        for edge, porosity, seed, way in product(edges, POROSITIES, range(1, pairs + 1), WAYS):
            if way in CONTROLS and (seed > 24 or edge != 64):
                continue  # what the steps are worth need be known once
            if (str(edge), str(porosity), str(seed), way) not in done:
                writer.writerow(grown(edge, porosity, seed, way))
                file.flush()


def rows():
    """Of the file."""
    if not DATA.exists():
        return []
    with open(DATA, newline="") as file:
        return list(csv.DictReader(file))


def differences():
    """By (edge, porosity, way): of each quantity pairs of values, and how many times less processor time it took."""
    noises = defaultdict(dict)
    for row in rows():
        sigma = np.mean([float(row[f"sigma_{axis}{axis}"]) for axis in "xyz"])
        noises[row["edge"], row["porosity"], row["seed"]][row["grids"]] = (
            float(row["energy"]), float(row["surface_fraction"]), sigma, float(row["seconds"]))
    found = defaultdict(list)
    for (edge, porosity, _), ways in noises.items():
        for way in set(ways) - {"one"}:
            found[edge, porosity, way].append((ways["one"], ways[way]))
    return {key: np.array(value) for key, value in sorted(found.items())}


def report():
    """Ratios of means with two standard errors, and in brackets the root mean square of single differences."""
    lines = []
    for (edge, porosity, way), values in differences().items():
        cells = []
        for quantity in range(3):
            one, other = values[:, :, quantity].T
            ratio = other.sum() / one.sum()
            error = 2 * np.std(other - ratio * one, ddof=1) / np.sqrt(len(one)) / one.mean()
            single = np.sqrt(np.mean((other - one) ** 2)) / one.mean()
            cells.append(f"{100 * (ratio - 1):+.2f} ± {100 * error:.2f} ({100 * single:.1f})")
        times = np.median(values[:, 0, 3] / values[:, 1, 3])
        lines.append([f"{edge}³", f"{100 * float(porosity):.0f} %", way, str(len(values)), *cells, f"{times:.1f}"])
    put_tables(Path(__file__).resolve().parents[2] / "docs" / "microstructure.md", {"nested_grids": table(
        ["grid", "pores", "against one grid", "pairs", "F (%)", "surface fraction (%)", "mean σ_eff (%)",
         "times less processor time"], lines)})


if __name__ == "__main__":
    if sys.argv[1:] == ["report"]:
        report()
    else:
        numbers = [int(word) for word in sys.argv[1:]]
        measure(numbers[0] if numbers else 24, numbers[1:] or [64, 96])
