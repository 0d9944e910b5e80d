"""True over claimed solver error, on images that are hard to judge: docs/verification.md, docs/data/solver_error*.csv.

    python scripts/docs/study_solver_error.py [CSV [FIRST_SEED [fft]]]
    python scripts/docs/study_solver_error.py report        table and figure of docs/verification.md from the four CSV files

Every image is solved once to 1e-12, which gives the exact value and, through what is recorded of each iteration, where a
multigrid solve with a looser tolerance would have stopped, and what it would have claimed there.  The FFT solver, whose stop
a multigrid cycle confirms, is run anew to each tolerance.
"""

import csv
import sys
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from common import BLUE, GREY, ORANGE, put_tables, save, table  # noqa: E402
from helpers.builders import grow_labels  # noqa: E402
from helpers.multigrid_images import balls, by_lot, pairs, pinholes, system_of, three_phases, wires  # noqa: E402

from pfsolid.conduction.confirmation import CheckedConjugateGradients  # noqa: E402
from pfsolid.conduction.effective import solve_tensor  # noqa: E402
from pfsolid.conduction.multigrid import MultigridSolver  # noqa: E402
from pfsolid.errors import ConvergenceError  # noqa: E402

TOLERANCES = 1e-2, 1e-3, 1e-4, 1e-5, 1e-6
COLUMNS = "family", "image", "contrast", "boundary", "axis", "tolerance", "iterations", "true", "claimed", "ratio"


def walls(n, seed):
    """The pinholes of the report: insulating walls two voxels thick with one open column each."""
    rng, labels = np.random.default_rng(seed), np.ones((n,) * 3, np.uint8)
    for low in (4, 10, 16):
        labels[low:low + 2] = 0
        y, z = rng.integers(0, n, 2)
        labels[low:low + 2, y, z] = 1
    return labels


def serpentine(n, seed):
    """A channel that turns back at every wall, as wide as the walls are apart."""
    gap = 2 + seed % 3
    labels = np.ones((n,) * 3, np.uint8)
    for number, low in enumerate(range(0, n - gap, gap + 1)):
        labels[low] = 0
        labels[low, :gap] = 1 if number % 2 else 0
        labels[low, -gap:] = 0 if number % 2 else 1
    return labels


def maze(n, seed):
    """Channels one voxel wide along a random spanning tree of a coarse lattice, with a few loops."""
    rng, cells = np.random.default_rng(seed), n // 2
    labels = np.zeros((2 * cells,) * 3, np.uint8)
    labels[::2, ::2, ::2] = 1
    for axis in range(3):
        where = [slice(0, None, 2)] * 3
        where[axis] = slice(1, None, 2)
        labels[tuple(where)] = rng.random((cells,) * 3) < 0.45
    return labels


def diagonal_wires(shape, rng):
    """Channels one voxel wide that run in steps along two or three axes at once."""
    labels = np.zeros(shape, np.uint8)
    for _ in range(2):
        axes = rng.permutation(3)[:rng.integers(2, 4)]
        where = [int(rng.integers(n)) for n in shape]
        for step in range(axes.size * int(np.lcm.reduce([shape[axis] for axis in axes]))):
            labels[tuple(where)] = 1
            axis = axes[step % axes.size]
            where[axis] = (where[axis] + 1) % shape[axis]
    return labels


def large_walls(shape, rng):
    """Walls at places by lot across an axis by lot, one or two voxels thick, with one straight hole each."""
    labels = np.ones(shape, np.uint8)
    along = np.moveaxis(labels, int(rng.integers(3)), 0)
    planes = along.shape[0]
    for wall in rng.choice(planes, planes // 4, replace=False):
        along[wall] = 0
        if rng.random() < 0.5:
            along[(wall + 1) % planes] = 0
    closed = [wall for wall in range(planes) if not along[wall].any()]
    for wall in closed:
        if wall - 1 not in closed:
            hole = rng.integers(along.shape[1]), rng.integers(along.shape[2])
        along[(wall, *hole)] = 1
    return labels


def larger_images(first_seed=0):
    """As `images`, with odd sizes and walls large against their holes."""
    for seed in range(first_seed, first_seed + 3):
        rng = np.random.default_rng(seed)
        for contrast in (1e-2, 1e-4, 1e-6):
            yield "pairs", f"few pairs {seed}", pairs((8, 8, 8), rng), (contrast, 1.0)
            yield "wires", f"diagonal wires {seed}", diagonal_wires((15, 16, 13), rng), (contrast, 1.0)
            yield "pinholes", f"large poor walls {seed}", large_walls((33, 31, 32), rng), (contrast, 1.0)
        yield "wires", f"diagonal wires {seed}", diagonal_wires((16, 16, 16), rng), (0.0, 1.0)
        yield "pinholes", f"large walls {seed}", large_walls((33, 31, 32), rng), (0.0, 1.0)
        yield "pinholes", f"walls of 36 {seed}", walls(36, seed), (0.0, 1.0)
        yield "noise", f"three phases, 3516 {seed}", three_phases((17, 16, 19), rng), (0.0, 1.0, 1 / 3516)


def images(first_seed=0):
    """family, name, labels, conductivities."""
    for seed in range(first_seed, first_seed + 3):
        for contrast in (1e-1, 1e-3, 1e-5, 1e-8):
            rng = np.random.default_rng(seed)
            yield "balls", f"balls {seed}", balls((20,) * 3, rng, 30, 2.3), (contrast, 1.0)
            yield "near balls", f"near balls {seed}", balls((20,) * 3, rng, 14, 4.0), (contrast, 1.0)
            yield "pairs", f"pairs {seed}", pairs((16,) * 3, rng), (contrast, 1.0)
            yield "wires", f"wires {seed}", wires((16,) * 3, rng), (contrast, 1.0)
            yield "pinholes", f"poor walls {seed}", walls(20, seed), (contrast, 1.0)
            yield "noise", f"lot {seed}", by_lot((16,) * 3, rng), (contrast, 1.0)
            yield "noise", f"three phases {seed}", three_phases((16,) * 3, rng), (0.0, 1.0, contrast)
        yield "pinholes", f"walls {seed}", walls(20, seed), (0.0, 1.0)
        yield "pinholes", f"thin walls {seed}", pinholes((20,) * 3, np.random.default_rng(seed)), (0.0, 1.0)
        yield "serpentines", f"serpentine {seed}", serpentine(20, seed), (0.0, 1.0)
        yield "mazes", f"maze {seed}", maze(20, seed), (0.0, 1.0)
        yield "noise", f"60 % {seed}", (np.random.default_rng(seed).random((20,) * 3) < 0.6).astype(np.uint8), (0.0, 1.0)
    for porosity in (0.26, 0.32, 0.4):
        labels = grow_labels((32,) * 3, porosity, seed=1 + first_seed, time=20.0)
        for sigma in ((0.0, 1.0, 1.0), (0.0, 1.0, 1 / 3516), (1e-4, 1.0, 1.0), (0.0, 1e-3, 1.0)):
            yield "grown", f"grown {100 * porosity:.0f} % {sigma}", labels, sigma


def trajectory(labels, sigma, electrodes, axis):
    """The exact value, and iteration, value and claimed relative error of each iteration."""
    log = []
    found = solve_tensor(system_of(labels, sigma, electrodes), (axis,), 1e-12, 400, MultigridSolver(),
                         on_iteration=lambda _, *values: log.append(values))
    return found.tensor[axis, axis], log


def stops(labels, sigma, electrodes, axis):
    """tolerance, iterations, true and claimed error."""
    exact, log = trajectory(labels, sigma, electrodes, axis)
    if exact <= 1e-12 * max(sigma):
        return
    for tolerance in TOLERANCES:
        stop = next((row for row in log if row[2] <= tolerance), None)
        # What has ended at rounding error tells nothing of the estimate.
        if stop is not None and stop[1] / exact - 1 > 1e-10:
            yield tolerance, stop[0], stop[1] / exact - 1, stop[2]


def stops_of_fft(labels, sigma, electrodes, axis):
    """The same of the FFT solver."""
    exact, _ = trajectory(labels, sigma, electrodes, axis)
    if exact <= 1e-12 * max(sigma):
        return
    for tolerance in TOLERANCES[::2]:
        found = solve_tensor(system_of(labels, sigma, electrodes), (axis,), tolerance, 3000, CheckedConjugateGradients())
        true = found.tensor[axis, axis] / exact - 1
        if true > 1e-10:
            yield tolerance, found.iterations[axis], true, found.relative_error[axis]


def main(path, first_seed=0, solver="multigrid"):
    stops_of = stops_of_fft if solver == "fft" else stops
    rows = []
    for family, name, labels, sigma in chain(images(first_seed), larger_images(first_seed)):
        contrast = max(sigma) / min(value for value in sigma if value > 0)
        for electrodes, axis in ((False, 0), (False, 2), (True, 0)):
            try:
                found = list(stops_of(labels, sigma, electrodes, axis))
            except ConvergenceError as error:
                print(f"{name}: {error}")
                continue
            rows += [(family, name, f"{contrast:.3g}", "electrodes" if electrodes else "periodic", "xyz"[axis], tolerance,
                      iterations, f"{true:.3e}", f"{claimed:.3e}", f"{true / claimed:.3f}")
                     for tolerance, iterations, true, claimed in found]
        print(name, sigma, len(rows), flush=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    for family in sorted({row[0] for row in rows}) + [""]:
        ratios = np.array([float(row[-1]) for row in rows if row[0] == family or not family])
        print(f"{family or 'all':12s} {ratios.size:5d} stops: median {np.median(ratios):.2f}, largest {ratios.max():.2f}, "
              f"above 1 {100 * np.mean(ratios > 1):.1f} %, above 1.5 {100 * np.mean(ratios > 1.5):.1f} %")


STUDIES = (("multigrid, fitted on these", "solver_error"), ("multigrid, held out", "solver_error_others"),
           ("multigrid, fresh", "solver_error_fresh"), ("fft, confirmed", "solver_error_fft"))


def report() -> None:
    """Distribution of true over claimed error by family."""
    rows, held_out = [], {}
    for study, name in STUDIES:
        with open(ROOT / "docs" / "data" / f"{name}.csv", newline="") as file:
            found = [(row["family"], float(row["ratio"])) for row in csv.DictReader(file)]
        for family in [None, *sorted({family for family, _ in found})]:
            ratios = np.array([ratio for one, ratio in found if family in (None, one)])
            quantiles = [f"{value:.2f}" for value in np.quantile(ratios, (0.05, 0.5, 0.95, 1.0))]
            rows.append([study, family or "**all**", str(ratios.size), *quantiles,
                         f"{100 * np.mean(ratios > 1):.2f} %", str(np.count_nonzero(ratios > 1.5))])
            if family and study in (STUDIES[2][0], STUDIES[3][0]):
                held_out.setdefault(study, {})[family] = ratios
    put_tables(ROOT / "docs" / "verification.md", {"solver_error": table(
        ["solver", "images", "stops", "5 %", "median", "95 %", "largest", "> 1", "> 1.5"], rows)})
    draw(held_out)


def draw(held_out) -> None:
    """A dot for each stop, by family."""
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.add_subplot(ylabel="true over claimed solver error", yscale="log", ylim=(1e-4, 10))
    families = sorted(set().union(*held_out.values()))
    rng = np.random.default_rng(0)
    for shift, colour, (study, found) in zip((-0.2, 0.2), (BLUE, ORANGE), held_out.items()):
        for place, family in enumerate(families):
            ratios = np.maximum(found.get(family, np.empty(0)), 1e-4)
            places = place + shift + rng.uniform(-0.14, 0.14, ratios.size)
            axes.plot(places, ratios, ".", color=colour, markersize=2, alpha=0.5,
                      label=study if place == 0 else None)
            if ratios.size:
                axes.hlines(np.median(ratios), place + shift - 0.17, place + shift + 0.17, color="black", linewidth=1.2)
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.axhline(1.5, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xticks(range(len(families)), families, rotation=20)
    axes.legend(loc="lower left", markerscale=4)
    save(figure, "solver_error")


if __name__ == "__main__":
    if sys.argv[1:] == ["report"]:
        report()
        sys.exit()
    arguments = sys.argv[1:] or [ROOT / "docs" / "data" / "solver_error.csv"]
    main(arguments[0], *map(int, arguments[1:2]), *arguments[2:3])
