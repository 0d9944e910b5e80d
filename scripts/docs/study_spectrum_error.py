"""True over claimed error of complex admittivities, at stops on images that are hard to judge.

    python scripts/docs/study_spectrum_error.py [--seeds 200:240] [--csv FILE]

Each image is solved at five frequencies one after another, as spectra are, to a tolerance of 1e-2, 1e-3, 1e-4 or 1e-6; what
is true is a solve to 1e-13 by itself.
"""

import argparse
import csv
from pathlib import Path

import common  # noqa: F401 (puts the tests on the path)
import numpy as np
from helpers import multigrid_images
from helpers.admittances import solved, system_of

import pfsolid as pf
from pfsolid.conduction.cocg import ModulusMultigrid, solve_field

FREQUENCIES = np.logspace(-2, 2, 5)
TOLERANCES = 1e-2, 1e-3, 1e-4, 1e-6


def polycrystal(_shape, rng):
    """Grains that are all alike but for the boundaries between them."""
    made = pf.grains(20, 50.0, int(rng.integers(16, 40)), seed=int(rng.integers(1_000_000)))
    return made.labels.astype(np.uint8)


def blocks(_shape, rng):
    """Three phases in blocks of four voxels."""
    return np.kron(rng.integers(0, 3, (5, 5, 5)), np.ones((4, 4, 4), int)).astype(np.uint8)


KINDS = (*multigrid_images.KINDS, polycrystal, blocks)


def stops(kind, seed):
    """(tolerance, true error, claimed error, iterations) of one image."""
    rng = np.random.default_rng(seed)
    labels = kind(tuple(rng.integers(6, 16, 3)), rng)
    resistance = 0.0 if rng.random() < 0.3 else 10 ** rng.uniform(-2, 2) * 4
    options = dict(electrodes=bool(rng.random() < 0.3), resistance=resistance, capacitance=10 ** rng.uniform(-2, 1))
    number = int(labels.max()) + 1
    sigma, permittivity = 10 ** rng.uniform(-6, 0, number), 10 ** rng.uniform(-2, 1, number)
    if kind is polycrystal:
        sigma[:], permittivity[:] = 1.0, permittivity[0]
    for tolerance in TOLERANCES:
        system, earlier, preconditioner = system_of(labels, **options), [], None
        for index, omega in enumerate(FREQUENCIES):
            y = np.repeat((sigma + 1j * omega * permittivity)[:, None], 3, axis=1)
            exact = solved(system_of(labels, **options), y, omega, rtol=1e-13).value
            system.at(y, omega)
            if index % 2 == 0:  # so that some are of the frequency before
                preconditioner = ModulusMultigrid(system)
            found = solve_field(system, preconditioner, 0, tolerance, 500, earlier)
            kept = np.empty_like(system.direction)
            kept[:, 1:-1] = system.potential
            system.fill_ghosts(kept)
            earlier = [*earlier, kept][-3:]
            yield tolerance, abs(found.value / exact - 1), found.relative_error, found.iterations


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="200:240")
    parser.add_argument("--csv", type=Path, default=Path("spectrum_error.csv"))
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    with options.csv.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["kind", "seed", "tolerance", "true", "claimed", "iterations"])
        for seed in range(first, last):
            kind = KINDS[seed % len(KINDS)]
            for row in stops(kind, seed):
                rows.writerow([kind.__name__, seed, *row])
            file.flush()
    data = np.genfromtxt(options.csv, delimiter=",", names=True, dtype=None, encoding="utf-8")
    ratio = data["true"] / data["claimed"]
    ratio = ratio[data["claimed"] > 1e-11]
    quantiles = ", ".join(f"{one:.2f}" for one in np.quantile(ratio, (0.05, 0.5, 0.95, 1)))
    above = 100 * np.mean(ratio > 1)
    print(f"{ratio.size} stops; true over claimed at 5, 50, 95 and 100 %: {quantiles}; above 1: {above:.2f} %")


if __name__ == "__main__":
    main()
