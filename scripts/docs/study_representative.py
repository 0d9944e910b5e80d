"""Do the intervals of `pfsolid rev` hold?  Crops of random fields, each taken for the only image there is.

    python scripts/docs/study_representative.py            # half an hour of a core; goes on where it was stopped
    python scripts/docs/study_representative.py --page     # the table into docs/representative.md

Four pieces of 192³, each periodic and of its own seed: Gaussian noise smoothed by a Gaussian of two voxels and cut so that
60 % conduct, and overlapping spheres of radius 5 at random places that fill 60 % and conduct.  Volume fractions of all 256
crops of 48³; conductivities along z of 48 of them.  The true fraction is known; the true conductivity is the mean over 8
other periodic cells of 96³ along x, y and z.
"""

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from common import ROOT
from scipy import ndimage, special

import pfsolid as pf

TABLE = ROOT / "docs" / "data" / "representative.csv"
TRUTH = ROOT / "docs" / "data" / "representative_truth.csv"
PAGE = ROOT / "docs" / "representative.md"
COLUMNS = ["structure", "crop", "name", "boundary", "value", "low", "high", "sample", "faces", "exponent", "exponent_low",
           "exponent_high"]
PIECES, PIECE, CROP, SOLVED, CELLS, CELL, MOST = 4, 192, 48, 12, 8, 96, 32
FRACTION, SMOOTH, RADIUS = 0.6, 2.0, 5.0
SIGMA = {0: 0.0, 1: 1.0}
NAMES = {"fraction of label 1": "fraction", "sigma_zz": "sigma_zz"}


def gaussian(n: int, rng) -> np.ndarray:
    impulse = np.zeros(8 * int(4 * SMOOTH) + 1)
    impulse[len(impulse) // 2] = 1.0
    deviation = math.sqrt(np.sum(ndimage.gaussian_filter1d(impulse, SMOOTH) ** 2)) ** 3
    field = ndimage.gaussian_filter(rng.standard_normal((n, n, n), np.float32), SMOOTH, mode="wrap")
    return (field > -special.ndtri(FRACTION) * deviation).astype(np.uint8)


def spheres(n: int, rng) -> np.ndarray:
    density = -math.log(1 - FRACTION) / (4 / 3 * math.pi * RADIUS**3)
    covered = np.zeros((n, n, n), np.uint8)
    reach = np.arange(-int(RADIUS) - 1, int(RADIUS) + 2)
    for centre in rng.random((rng.poisson(density * n**3), 3)) * n:
        voxel = np.floor(centre).astype(int)
        near = [reach + i for i in voxel]
        parts = [(one + 0.5 - c) ** 2 for one, c in zip(near, centre)]
        inside = parts[0][:, None, None] + parts[1][:, None] + parts[2] <= RADIUS**2
        covered[np.ix_(*(one % n for one in near))] |= inside
    return covered


STRUCTURES = {"gaussian": gaussian, "spheres": spheres}


def truths(cells: int) -> None:
    """Conductivity of the infinite medium in units of the conductor's."""
    known = read(TRUTH)
    for name, make in STRUCTURES.items():
        for cell in range(cells):
            if not any(row["structure"] == name and row["cell"] == str(cell) for row in known):
                labels = make(CELL, np.random.default_rng([77, cell]))
                found = pf.conductivity(labels, SIGMA, voxel_nm=1, error="none", fields=False, tolerance=1e-3, threads=1)
                row = {"structure": name, "cell": str(cell),
                       **{axis: f"{found.tensor[i, i]:.5g}" for i, axis in enumerate("xyz")}}
                known.append(row)
                append(TRUTH, list(row), row)


def read(path: Path) -> list[dict]:
    return list(csv.DictReader(path.open())) if path.exists() else []


def append(path: Path, columns: list[str], row: dict) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            table.writeheader()
        table.writerow(row)


def measure() -> None:
    done = {(row["structure"], int(row["crop"])) for row in read(TABLE)}
    per_piece = (PIECE // CROP) ** 3
    solved = np.linspace(0, per_piece - 1, SOLVED).astype(int)
    for piece in range(PIECES):
        pieces = {name: make(PIECE, np.random.default_rng([15, piece])) for name, make in STRUCTURES.items()}
        for crop in range(per_piece):
            for name, labels in pieces.items():
                if (name, piece * per_piece + crop) in done:
                    continue
                first = np.multiply(np.unravel_index(crop, (PIECE // CROP,) * 3), CROP)
                image = labels[tuple(slice(i, i + CROP) for i in first)]
                found = pf.rev(image, SIGMA if crop in solved else None, voxel_nm=1, directions="z", most=MOST, threads=1)
                for one in found.result.properties:
                    if one.name in NAMES:
                        append(TABLE, COLUMNS, {"structure": name, "crop": piece * per_piece + crop, **row_of(one)})


def row_of(one) -> dict:
    numbers = {"value": one.value, "low": one.low, "high": one.high, "sample": one.value * one.sample_relative,
               "faces": one.value * one.faces_relative, "exponent": one.exponent, "exponent_low": one.exponent_low,
               "exponent_high": one.exponent_high}
    return {"name": NAMES[one.name], "boundary": one.boundary or "",
            **{key: f"{value:.4g}" for key, value in numbers.items()}}


def page_table() -> str:
    rows, truth = read(TABLE), {}
    cells = read(TRUTH)
    heads = ("structure", "property", "condition", "crops", "mean off by", "their deviation", "bar by scatter",
             "scatter holds", "with faces", "g, median", "holds 1")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in STRUCTURES:
        truth["fraction"] = FRACTION
        truth["sigma_zz"] = np.mean([float(row[axis]) for row in cells if row["structure"] == name for axis in "xyz"])
        for what, boundary in (("fraction", ""), ("sigma_zz", "electrodes"), ("sigma_zz", "periodic")):
            some = [row for row in rows if (row["structure"], row["name"], row["boundary"]) == (name, what, boundary)]
            if not some:
                continue
            column = {key: np.array([float(row[key]) for row in some]) for key in COLUMNS[4:]}
            true = truth[what]
            by_scatter = np.mean(np.abs(column["value"] - true) <= column["sample"])
            whole = np.mean((column["low"] <= true) & (true <= column["high"]))
            holds_one = np.mean((column["exponent_low"] <= 1) & (column["exponent_high"] >= 1))
            row = [name, what, boundary or "-", len(some), f"{100 * (column['value'].mean() / true - 1):+.1f} %",
                     f"{100 * np.std(column['value']) / true:.2g} %",
                     f"± {100 * np.median(column['sample'] / column['value']):.2g} %", f"{100 * by_scatter:.1f} %",
                     f"{100 * whole:.1f} %", f"{np.median(column['exponent']):.2f}", f"{100 * holds_one:.0f} %"]
            lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="store_true")
    if parser.parse_args().page:
        text = PAGE.read_text(encoding="utf-8")
        head, _, rest = text.partition("<!-- begin coverage -->\n")
        tail = rest.partition("<!-- end coverage -->")[2]
        PAGE.write_text(f"{head}<!-- begin coverage -->\n{page_table()}<!-- end coverage -->{tail}", encoding="utf-8")
    else:
        truths(4)
        measure()
        truths(CELLS)
