"""The study behind the grid part of the error bar: how far values are from the limit of fine grids.

    python scripts/docs/study_grid_error.py density|image|held_out [-o DIR] [--part K/N]
    python scripts/docs/study_grid_error.py report

``density``: 60 grown, spherical and gyroidal densities with 2.8 voxels to the surface depth: on the grid itself, on half
the voxels along each axis (the spectrum cut), and on grids 2 and 4 times finer (the Fourier series).  ``image``: 52 label
images, and the same with each voxel split in 2 and 4.  Every case is two sets of conductivities and at most two axes.
On both the multiples of homogenization/grid_error.py were chosen; ``held_out`` is 60 other densities to judge them by, an
axis each, first with the paper's conductivities.  What
stands in docs/data/grid_error_STUDY.csv is not computed again; fields are kept in DIR.  ``report`` draws
docs/figures/grid_error_bar.png and brings tables of docs/conduction.md up to date.  About an hour on one core.
"""

import argparse
import csv
from functools import partial
from pathlib import Path

import common  # puts tests/ and tests/verification on the path
import matplotlib.style
import numba
import numpy as np
from conduction_grid_cases import phases
from helpers.builders import ALONE, HU_THRESHOLDS, divide_labels, grow_density, make_transform
from helpers.systems import solve_elements
from matplotlib.figure import Figure

from pfsolid.conduction.effective import solve_tensor
from pfsolid.conduction.faces import FaceSystem, SubvoxelSystem, smooth_faces
from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.phases import unlike_faces
from pfsolid.homogenization import grid_error as ge
from pfsolid.morphology.clusters import percolating_axes
from pfsolid.parallel.collective import Reducer
from pfsolid.phasefield.resample import resample
from pfsolid.text import percent

VOXELS_PER_DEPTH = 2.8
# Of pore, surface and bulk.
SIGMAS = {"hu": (0.0, 1.0, 1 / 3516), "0:1:0.1": (0.0, 1.0, 0.1), "0:1:1": (0.0, 1.0, 1.0), "0:0.01:1": (0.0, 0.01, 1.0),
          "0.1:1:0.1": (0.1, 1.0, 0.1), "1e-3:1:1e-2": (1e-3, 1.0, 1e-2)}
IMAGE_SIGMAS = {"1:10": (1.0, 0.1, 0.03), "100": (0.01, 1.0, 0.1), "0:1:hu": (0.0, 1.0, 1 / 3516), "0:1:1": (0.0, 1.0, 1.0),
                "1e4": (1e-4, 1.0, 1e-2), "1e6": (1e-6, 1e-3, 1.0)}
HALF_WAY = (HU_THRESHOLDS[0], sum(HU_THRESHOLDS) / 2, HU_THRESHOLDS[1])
KINDS = "grown", "balls", "gyroid"
DOCUMENT = common.ROOT / "docs" / "conduction.md"


# --- densities ------------------------------------------------------------------------------------------------------


def periodic_squares(n, centre):
    """Squared distances in voxels along x, y and z from the nearest image of a point."""
    return np.ix_(*[((np.arange(n) + 0.5 - c + n / 2) % n - n / 2) ** 2 for c in centre])


def profile(distance):
    """Equilibrium over a distance in voxels, positive in the solid."""
    return 0.5 * (1 + np.tanh(2 * distance / VOXELS_PER_DEPTH))


def grown(n, porosity, seed, time):
    return grow_density((n,) * 3, porosity, seed=seed, time=time)


def balls(n, count, seed, solid):
    """Balls at random places, of pore or of solid; they may overlap."""
    rng = np.random.default_rng(seed)
    distance = np.full((n,) * 3, -np.inf)
    for _ in range(count):
        centre, radius = n * rng.random(3), n * rng.uniform(0.15, 0.3)
        distance = np.maximum(distance, radius - np.sqrt(sum(periodic_squares(n, centre))))
    return profile(distance if solid else -distance)


def gyroid(n, periods, offset, seed):
    shift = np.random.default_rng(seed).random(3)
    x, y, z = np.ix_(*[2 * np.pi * periods * ((np.arange(n) + 0.5) / n + s) for s in shift])
    level = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x) - offset
    # Its mean gradient at the surface is 1.5, in units of x.
    return profile(level / 1.5 * n / (2 * np.pi * periods))


def density_cases():
    """Name, what makes the density, names of the conductivities."""
    made = []
    for seed, porosity in enumerate((0.25, 0.28, 0.3, 0.32, 0.34, 0.36, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65) * 3, 11):
        n, time = ((32, 20.0), (24, 20.0), (32, 50.0))[(seed - 11) % 3]
        made.append((f"grown {n} {porosity} {seed}", partial(grown, n, porosity, seed, time)))
    for seed in range(12):
        n, solid = (24, 32)[seed % 2], seed % 4 > 1
        made.append((f"balls {n} {'solid' if solid else 'pores'} {seed}", partial(balls, n, 3 + seed, seed, solid)))
    for seed in range(12):
        n, offset = (24, 32)[seed % 2], (-0.6, -0.3, 0.0, 0.3, 0.6)[seed % 5]
        made.append((f"gyroid {n} {seed}", partial(gyroid, n, 1 + (seed % 4 == 3), offset, seed)))
    return with_sigmas(made)


def with_sigmas(made) -> list[tuple]:
    """Cases with the paper's conductivities and one of the other sets each."""
    others = [name for name in SIGMAS if name != "hu"]
    return [(name, make, ("hu", others[i % len(others)])) for i, (name, make) in enumerate(made)]


def held_out_cases():
    """Other seeds, porosities, sizes, times of growth, radii, offsets, in three sets: the first two mended the multiples."""
    made = []
    grids = (((20, 40.0), (24, 30.0), (22, 60.0), (28, 25.0)), ((24, 50.0), (20, 30.0), (26, 80.0), (22, 35.0)),
             ((22, 45.0), (26, 30.0), (20, 50.0), (24, 70.0)))
    for k in range(60):
        of, k = divmod(k, 20)
        seed = 1000 * (of + 1) + 1 + k
        n, time = grids[of][k % 4]
        porosity = round(0.27 + (0.0, 0.01, -0.005)[of] + 0.02 * k, 3)
        made.append((f"grown {n} {porosity} {seed}", partial(grown, n, porosity, seed, time)))
        n, solid = (22, 20, 26)[(k + of) % 3], k % 2 == 1
        count = 2 + k // 2 + of
        made.append((f"balls {n} {'solid' if solid else 'pores'} {seed}", partial(balls, n, count, seed, solid)))
        n, offset = (26, 20, 22)[(k + of) % 3], -0.7 + 0.075 * k + 0.03 * of
        made.append((f"gyroid {n} {seed}", partial(gyroid, n, 1 + (k % 5 == 4), offset, seed)))
    return with_sigmas(made)


def percolates(mask) -> np.ndarray:
    transform = make_transform(mask.shape)
    return np.array(percolating_axes(mask, transform.reducer, transform.ghosts))


def moved(rho, n) -> np.ndarray:
    """The density on n voxels along each axis, by its Fourier series."""
    source, target = make_transform(rho.shape), make_transform((n,) * 3, rho.shape[0] / n)
    source.real[...] = rho
    resample(source, target)
    return target.real.copy()


def solve(system, axes, rtol) -> tuple[np.ndarray, np.ndarray]:
    """Diagonal of the tensor, and jumps of the flux."""
    jumps = np.zeros(3)

    def keep(axis, system):
        jumps[axis] = system.flux_jumps(axis)

    return np.diag(solve_tensor(system, list(axes), rtol, on_solved=keep).tensor), jumps


class Density:
    """A density with conductivities: its value on grids of the same cell."""

    def __init__(self, rho, sigma_name, most_axes=2):
        self.rho, self.sigma, self.n = rho, np.array(SIGMAS[sigma_name]), rho.shape[0]
        self.axes = np.flatnonzero(percolates(self.sigma[phases(rho)] > 0))[:most_axes]
        self.connected = percolates((self.sigma == self.sigma.max())[phases(rho)])

    def value(self, scheme, m, rtol):
        """On m voxels along each axis, and its jumps of the flux; 0 where nothing percolates by voxels, as in the code."""
        field = self.rho if m == self.n else moved(self.rho, m)
        transform = make_transform(field.shape, self.n / m, dtype="float32")
        conducting = self.sigma[phases(field)] > 0
        if scheme == "linear":
            conducting = np.interp(field, HALF_WAY, self.sigma) > 0
            system = FaceSystem(smooth_faces(field, list(zip(HALF_WAY, self.sigma)), transform), transform)
        elif scheme == "below":
            system = SubvoxelSystem(field, HU_THRESHOLDS, self.sigma, transform, best_percolates=self.connected)
        else:
            system = ConductionSystem(divide_labels(phases(field), transform), self.sigma, transform)
        return solve(system, [a for a in self.axes if percolates(conducting)[a]], rtol)

    def faces_below(self) -> dict:
        """Columns of the default, and of whole voxels on the same grid."""
        n, value = self.n, self.value
        (steps, steps_jumps), (below, below_jumps) = value("steps", n, 1e-5), value("below", n, 1e-5)
        return {"steps": steps, "below": below, "below_half": value("below", -(-n // 2), 1e-5)[0],
                "below_2": value("below", 2 * n, 2e-4)[0], "below_4": value("below", 4 * n, 2e-4)[0],
                "steps_jumps": steps_jumps, "below_jumps": below_jumps}


def density_rows(name, rho, sigma_name) -> list[dict]:
    one = Density(rho, sigma_name)
    if not one.axes.size:
        return []
    n, value = one.n, one.value
    columns = one.faces_below() | {
        "linear": value("linear", n, 1e-5)[0], "linear_half": value("linear", n // 2, 1e-5)[0],
        "linear_2": value("linear", 2 * n, 2e-4)[0],
        "elements": np.diag(solve_elements(phases(rho), one.sigma, axes=one.axes, dtype="float32", rtol=1e-4).tensor)}
    return as_rows(name, sigma_name, one.axes, columns)


def held_out_rows(name, rho, sigma_name) -> list[dict]:
    """One axis, the default and whole voxels alone."""
    one = Density(rho, sigma_name, most_axes=1)
    return as_rows(name, sigma_name, one.axes, one.faces_below()) if one.axes.size else []


def as_rows(name, sigma_name, axes, columns) -> list[dict]:
    return [{"case": name, "sigma": sigma_name, "axis": int(axis)} | {key: f"{v[axis]:.6e}" for key, v in columns.items()}
            for axis in axes]


# --- images ---------------------------------------------------------------------------------------------------------


def voronoi(n, grains, seed):
    """Grains of three phases."""
    rng = np.random.default_rng(seed)
    squares = [sum(periodic_squares(n, point)) for point in n * rng.random((grains, 3))]
    return rng.integers(0, 3, grains).astype(np.uint8)[np.argmin(squares, axis=0)]


def coated(n, count, seed):
    """Cores 0 with coatings 1 of one to two voxels, which meet by faces, edges and corners, in a matrix 2."""
    rng = np.random.default_rng(seed)
    core, outer = np.full((n,) * 3, np.inf), np.full((n,) * 3, np.inf)
    for _ in range(count):
        centre, radius = n * rng.random(3), n * rng.uniform(0.12, 0.25)
        distance = np.sqrt(sum(periodic_squares(n, centre)))
        core, outer = np.minimum(core, distance - radius), np.minimum(outer, distance - radius - 1.3)
    return np.where(core < 0, 0, np.where(outer < 0, 1, 2)).astype(np.uint8)


def islands(n, count, seed):
    """Balls of two phases in a third."""
    rng = np.random.default_rng(seed)
    labels = np.full((n,) * 3, 2, np.uint8)
    for k in range(count):
        centre, radius = n * rng.random(3), n * rng.uniform(0.1, 0.2)
        labels[sum(periodic_squares(n, centre)) < radius**2] = k % 2
    return labels


def noise(n, share, seed):
    """Drawn by lot: most of the good voxels touch by edges or corners."""
    return np.random.default_rng(seed).choice(3, (n,) * 3, p=[share, (1 - share) / 2, (1 - share) / 2]).astype(np.uint8)


def grown_image(porosity, seed):
    return phases(grown(24, porosity, seed, 20.0))


def image_cases():
    made = [(f"grown {porosity} {seed}", partial(grown_image, porosity, seed))
            for seed, porosity in enumerate((0.25, 0.28, 0.32, 0.36, 0.4, 0.5, 0.55, 0.6, 0.68) * 2, 41)]
    for seed in range(10):
        made.append((f"voronoi {seed}", partial(voronoi, 24, 12 + 4 * seed, seed)))
        made.append((f"coated {seed}", partial(coated, 24, 4 + seed, seed)))
        made.append((f"islands {seed}", partial(islands, 24, 6 + 2 * seed, seed)))
    made += [(f"noise {seed}", partial(noise, 16, 0.1 + 0.1 * seed, seed)) for seed in range(4)]
    names = list(IMAGE_SIGMAS)
    second = (1, 2, 3, 4, 5, 3, 1, 2, 3)  # so that each set meets every kind of image
    return [(name, make, (names[i % 6], names[(i + second[i // 6]) % 6])) for i, (name, make) in enumerate(made)]


def image_rows(name, labels, sigma_name) -> list[dict]:
    sigma = np.array(IMAGE_SIGMAS[sigma_name])
    axes = np.flatnonzero(percolates(sigma[labels] > 0))[:2]

    def volumes(times, rtol):
        split = labels.repeat(times, 0).repeat(times, 1).repeat(times, 2)
        transform = make_transform(split.shape, 1 / times, dtype="float32")
        return solve(ConductionSystem(divide_labels(split, transform), sigma, transform), axes, rtol)

    if not axes.size:
        return []
    value, jumps = volumes(1, 1e-6)
    unlike = unlike_faces(divide_labels(labels, make_transform(labels.shape)), Reducer(ALONE))
    columns = {"volumes": value, "volumes_2": volumes(2, 1e-5)[0], "volumes_4": volumes(4, 1e-4)[0],
               "elements": np.diag(solve_elements(labels, sigma, axes=axes, dtype="float32", rtol=1e-4).tensor),
               "jumps": jumps, "unlike": np.full(3, unlike)}
    return as_rows(name, sigma_name, axes, columns)


# --- bookkeeping ----------------------------------------------------------------------------------------------------

STUDIES = {"density": (density_cases, density_rows), "image": (image_cases, image_rows),
           "held_out": (held_out_cases, held_out_rows)}


def read(study) -> list[dict]:
    path = common.DATA / f"grid_error_{study}.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(study, directory: Path, part, num_parts) -> None:
    cases, rows_of = STUDIES[study]
    path = common.DATA / f"grid_error_{study}.csv"
    done = {(row["case"], row["sigma"]) for row in read(study)}
    mine = cases()[part::num_parts]
    for name, make, sigma in ((name, make, sigmas[turn]) for turn in (0, 1) for name, make, sigmas in mine):
        if (name, sigma) in done:
            continue
        kept = directory / f"{study} {name}.npy"
        if not kept.exists():
            np.save(kept, make())
        rows = rows_of(name, np.load(kept), sigma)
        if rows:
            new = not path.exists()
            with path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, rows[0] if new else read(study)[0])
                writer.writerows([dict(zip(rows[0], rows[0]))] * new + rows)
        print(f"{name}, {sigma}: {len(rows)} axes", flush=True)


# --- report ---------------------------------------------------------------------------------------------------------


def columns_of(rows) -> dict[str, np.ndarray]:
    numbers = [key for key in rows[0] if key not in ("case", "sigma")]
    return {key: np.array([float(row[key]) for row in rows]) for key in numbers}


def judged(values, limits, changes, shares, more=0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Relative error of the values and of the best estimates, the bar, and whether the interval holds the limit."""
    # `grid_part` takes one value for each axis; here each row is a case of its own.
    part = ge.grid_part(values, changes, shares, more=more)
    bar = np.maximum(part.high - values, values - part.low) / values
    holds = (part.low <= limits * (1 + 1e-9)) & (limits <= part.high * (1 + 1e-9))
    return np.abs(limits / values - 1), np.abs(limits / part.best - 1), bar, holds


def judged_below(c, limits):
    """Of faces below the voxel, by half the voxels."""
    changes = believed(c["below"], c["below_half"])
    return judged(c["below"], limits, changes, ge.BELOW_HALF, ge.below_jumps(c["below"], c["below_jumps"], 1.0))


def believed(values, coarse):
    """The change to the value, as far as it is believed."""
    return np.clip(values - coarse, -ge.MOST_CHANGE * values, ge.MOST_CHANGE * values)


def counted(study) -> tuple[list[dict], np.ndarray]:
    """Rows that count, and their limits: those with an interface, and a value to be wrong about."""
    rows = [row for row in read(study) if float(row["below"]) > 0]
    limits = np.array([float(row["below_4"]) + (float(row["below_4"]) - float(row["below_2"])) * 2 / 3 for row in rows])
    # A cell that has not separated is all surface, and exact on any grid.
    kept = [k for k, row in enumerate(rows) if abs(float(row["steps"]) - limits[k]) > 1e-6 * limits[k]]
    return [rows[k] for k in kept], limits[kept]


def densities() -> tuple[dict, list[dict]]:
    """The judgement of each profile; and the rows that count."""
    rows, limits = counted("density")
    c = columns_of(rows)
    linear = c["linear"] > 0
    linear_limits = (c["linear_2"] + (c["linear_2"] - c["linear"]) / 3)[linear]
    values = c["linear"][linear]
    found = {
        "subvoxel": judged_below(c, limits),
        "steps": judged(c["steps"], limits, c["steps_jumps"], ge.STEPS_JUMPS),
        "linear": judged(values, linear_limits, believed(values, c["linear_half"][linear]), ge.LINEAR_HALF),
        "subvoxel, refinement": judged(c["below"], limits, c["below_2"] - c["below"], ge.BELOW_TWICE),
    }
    return found, [row | {"limit": limit} for row, limit in zip(rows, limits)]


def images() -> dict:
    rows = [row for row in read("image") if float(row["jumps"]) > 1e-9 * float(row["volumes"])]
    c = columns_of(rows)
    first, second = c["volumes_2"] - c["volumes"], c["volumes_4"] - c["volumes_2"]
    ratio = np.clip(second / first, 0.1, 0.9)
    limits = c["volumes_4"] + second * ratio / (1 - ratio)
    resolved = c["unlike"] < ge.UNRESOLVED
    return {name: judged(c["volumes"][chosen], limits[chosen], c["jumps"][chosen], shares)
            for name, chosen, shares in (("image", resolved, ge.IMAGE_JUMPS),
                                         ("image of single voxels", ~resolved, ge.UNRESOLVED_JUMPS))}


def bars_table(found) -> str:
    lines = []
    for name, (error, best, bar, holds) in found.items():
        lines.append([name, str(error.size), *(percent(np.median(v)) for v in (error, best, bar)),
                      f"{np.median(bar / np.maximum(error, 1e-6)):.1f}", f"{100 * holds.mean():.0f} %"])
    return common.table(["what", "values", "error", "error of `grid_best`", "bar", "bar / error", "holds the limit"], lines)


def ten_samples(rows) -> str:
    """One set of conductivities each, axis x or the first that percolates; every fifth, so that all kinds are there."""
    chosen = {}
    for row in rows:
        if row["sigma"] == "hu":
            chosen.setdefault(row["case"], row)
    lines = []
    for row in list(chosen.values())[::5][:10]:
        c = {key: float(value) for key, value in row.items() if key not in ("case", "sigma", "axis")}
        part = ge.grid_part(*(np.full(3, v) for v in (c["below"], believed(c["below"], c["below_half"]))), ge.BELOW_HALF,
                            more=ge.below_jumps(c["below"], c["below_jumps"], 1.0))
        values = c["limit"], c["below"], part.low[0], part.high[0], part.best[0]
        limit, below, low, high, best = (f"{value:.4g}" for value in values)
        lines.append([row["case"], limit, below, f"{low} … {high}", best, common.percent(c["below"] / c["limit"] - 1, 1),
                      common.percent(c["steps"] / c["limit"] - 1, 1)])
    return common.table(["density, voxels, porosity, seed", "limit", "`subvoxel`", "interval", "`grid_best`",
                         "error of `subvoxel`", "of `steps`"], lines)


def draw(found) -> None:
    matplotlib.style.use("default")
    matplotlib.rcParams.update(common.STYLE)
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    for axes, (name, (error, _, bar, holds)) in zip(figure.subplots(1, 4, sharex=True, sharey=True), found.items()):
        axes.loglog([1e-4, 3], [1e-4, 3], "-", color=common.GREY, linewidth=0.8)
        axes.loglog([1e-4, 1], [3e-4, 3], ":", color=common.GREY, linewidth=0.8)
        for chosen, colour in ((holds, common.BLUE), (~holds, common.RED)):
            axes.loglog(np.maximum(error[chosen], 1e-4), np.maximum(bar[chosen], 1e-4), ".", color=colour, alpha=0.6)
        axes.set(title=f"{name}: holds {100 * holds.mean():.0f} % of {error.size}", xlabel="distance to the limit / value",
                 xlim=(1e-4, 3), ylim=(1e-4, 3))
    figure.axes[0].set_ylabel("error bar / value")
    common.save(figure, "grid_error_bar")


def held_out() -> tuple[dict, list[dict]]:
    """The judgement of the default on the sets with which it was mended, and on the last; rows of the last."""
    rows, limits = counted("held_out")
    kinds = np.array([row["case"].split()[0] for row in rows])
    last = np.array([int(row["case"].split()[-1]) > 3000 for row in rows])
    c = columns_of(rows)
    chosen = {"sets 1 and 2, with which it was mended": ~last, "**set 3**": last}
    chosen |= {f"set 3: {kind}": last & (kinds == kind) for kind in KINDS}
    found = {name: judged_below({key: column[which] for key, column in c.items()}, limits[which])
             for name, which in chosen.items()}
    found["set 3, `steps`"] = judged(c["steps"][last], limits[last], c["steps_jumps"][last], ge.STEPS_JUMPS)
    return found, [row | {"limit": limit} for row, limit, which in zip(rows, limits, last) if which]


def report() -> None:
    found, rows = densities()
    found |= images()
    draw({name: found[name] for name in ("subvoxel", "steps", "linear", "image")})
    judged_apart, others = held_out()
    common.put_tables(DOCUMENT, {"gridbars": bars_table(found), "heldout": bars_table(judged_apart),
                                 "tensamples": ten_samples(others)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", choices=[*STUDIES, "report"])
    parser.add_argument("-o", type=Path, default=Path("."), metavar="DIR", help="where fields are kept (default: here)")
    parser.add_argument("--part", default="0/1", metavar="K/N", help="every Nth case from the Kth on, for several processes")
    options = parser.parse_args()
    numba.set_num_threads(1)
    if options.study == "report":
        return report()
    return run(options.study, options.o, *map(int, options.part.split("/")))


if __name__ == "__main__":
    main()
