"""The studies behind docs/conduction.md: which solver, how many iterations, and do they agree.

    python scripts/docs/study_conduction.py agreement|time|contrast|size|threshold|large|all [-o DIR] [--threads N]
    python scripts/docs/study_conduction.py report [-o DIR]

Every finished case is one JSON line in DIR/cond_STUDY.jsonl; a case that stands there is not computed again, so an
interrupted study goes on where it stopped.  ``report`` draws docs/figures/cond_*.png, writes docs/data/cond_*.csv and
prints the tables of docs/conduction.md from whatever is there.  Times are seconds of the processor on one thread, which
other programs on the machine hardly change.
"""

import argparse
import time
from pathlib import Path

import numba
import numpy as np

import common  # puts the package and the tests on the path  # isort: skip

from helpers.builders import divide_labels  # noqa: E402
from study_microstructure import Ledger, advance, configure  # noqa: E402
from study_microstructure import begin as begin_growth  # noqa: E402

from pfsolid.conduction.effective import preconditioner_precision, solve_tensor  # noqa: E402
from pfsolid.conduction.elements import ElementSystem  # noqa: E402
from pfsolid.conduction.finite_volumes import ConductionSystem  # noqa: E402
from pfsolid.conduction.krylov import conjugate_gradients  # noqa: E402
from pfsolid.conduction.perturbation import make_perturbation  # noqa: E402
from pfsolid.conduction.petsc import PetscSolver  # noqa: E402
from pfsolid.conduction.phases import labels_from_density  # noqa: E402
from pfsolid.errors import ConvergenceError  # noqa: E402
from pfsolid.grid import PeriodicGrid  # noqa: E402
from pfsolid.morphology.clusters import find_clusters  # noqa: E402
from pfsolid.morphology.connectivity import find_percolation  # noqa: E402
from pfsolid.parallel.communicator import world  # noqa: E402
from pfsolid.phasefield.resample import resample  # noqa: E402
from pfsolid.spectral.transform import SlabTransform  # noqa: E402

HU = (0.0, 1.0, 1 / 3516)  # pore, surface, bulk, in units of the surface's
THRESHOLDS = 0.1, 0.9
TOLERANCE = 1e-4
MOST = 3000  # iterations
SOLVERS = ("fft", "boomeramg", "gamg", "perturbation")


# --- microstructures -------------------------------------------------------------------------------------------------


def labels_of(structure: dict, directory: Path, threads: int = 1) -> np.ndarray:
    """Labels 0 pore, 1 surface, 2 bulk; grown once and kept in DIR."""
    if "random" in structure:
        # Voxels drawn by lot, 30 % of the conducting ones of the good phase: a percolation threshold of the textbook.
        p, n = structure["random"], structure["n"]
        draw = np.random.default_rng(structure["seed"])
        return draw.choice(3, (n,) * 3, p=[1 - p, 0.3 * p, 0.7 * p]).astype(np.uint8)
    name = "cond_" + "_".join(f"{key}{value}" for key, value in sorted(structure.items())) + ".npy"
    path = directory / name
    if not path.exists():
        np.save(path, _grow(structure, threads).astype(np.float32))
    rho = np.load(path)
    transform = transform_of(rho.shape)
    labels = labels_from_density(rho, *THRESHOLDS, transform)[1:-1].copy()
    transform.close()
    return labels


def _grow(structure: dict, threads: int) -> np.ndarray:
    config = configure(structure["porosity"], structure["seed"], (structure["n"],) * 3, x=structure.get("x", 1),
                       y=structure.get("y", 1), start="noise" if "start" in structure else "auto")
    stepper, _ = begin_growth(config, threads)
    transform = stepper.transform
    if "start" in structure:
        transform.real[...] = _body(transform, **structure)
        stepper.start(1e-3)
    advance(stepper, structure.get("t", 100.0))
    rho = stepper.density().copy()
    transform.close()
    if "refined_to" in structure:
        rho = _refine(rho, structure["refined_to"])
    return rho


def _body(transform, porosity: float, start: str, **_) -> np.ndarray:
    """A spherical pore, or a solid rod along z, in the middle of the cell."""
    lengths = transform.grid.lengths
    along = 3 if start == "sphere" else 2
    squared = sum((x - length / 2) ** 2 for x, length in list(zip(transform.coordinates(), lengths))[:along])
    if start == "sphere":
        radius = (3 * porosity * np.prod(lengths) / (4 * np.pi)) ** (1 / 3)
    else:
        radius = ((1 - porosity) * lengths[0] * lengths[1] / np.pi) ** 0.5
    outside = 0.5 * (1 + np.tanh(2 * (np.sqrt(squared) - radius)))
    return np.broadcast_to(outside if start == "sphere" else 1 - outside, transform.local_shape)


def _refine(rho: np.ndarray, n: int) -> np.ndarray:
    source = SlabTransform(PeriodicGrid(rho.shape, (n / rho.shape[0],) * 3), world(), planning="estimate")
    target = SlabTransform(PeriodicGrid((n,) * 3, (1.0,) * 3), world(), planning="estimate")
    source.real[...] = rho
    resample(source, target)
    fine = target.real.copy()
    source.close()
    target.close()
    return fine


def transform_of(shape, rtol: float = TOLERANCE, threads: int = 1) -> SlabTransform:
    return SlabTransform(PeriodicGrid(tuple(shape), (1.0,) * 3), world(), preconditioner_precision(rtol), threads)


# --- solving ---------------------------------------------------------------------------------------------------------


def solver_of(name: str, sigma):
    if name == "perturbation":
        return make_perturbation(min(sigma) / max(sigma), 1.0)
    if name in ("boomeramg", "gamg"):
        return PetscSolver(world(), {"boomeramg": "-pc_type hypre", "gamg": "-pc_type gamg"}[name])
    return conjugate_gradients


def solve(labels, sigma, name: str, axes=(0,), rtol: float = TOLERANCE, kind=ConductionSystem, most: int = MOST,
          threads: int = 1) -> dict:
    """Value, estimated error and iterations of each axis, processor seconds of all; or what it failed of."""
    transform = transform_of(labels.shape, rtol, threads)
    system = kind(divide_labels(labels, transform), np.array(sigma) / max(sigma), transform)
    solver = solver_of(name, sigma)
    progress, marks = [], [time.process_time()]
    try:
        result = solve_tensor(system, axes, rtol, most, solver,
                              on_iteration=lambda *values: progress.append((*values, time.process_time())))
    except ConvergenceError as error:
        return {"failed": str(error), "after": len(progress), "seconds": time.process_time() - marks[0]}
    finally:
        if name in ("boomeramg", "gamg"):
            solver.close()
        transform.close()
    return {"value": [max(sigma) * result.tensor[a, a] for a in axes], "iterations": [result.iterations[a] for a in axes],
            "error": [result.relative_error[a] for a in axes], "seconds": time.process_time() - marks[0],
            # Until the first iteration is over: a set-up, if there is one.
            "first": progress[0][-1] - marks[0] if progress else 0.0, "progress": progress}


def without_progress(row: dict) -> dict:
    return {key: value for key, value in row.items() if key != "progress"}


def margins(labels, sigma) -> dict:
    """What can be known before a solve: contrast, share of the conducting voxels in wrapping clusters, mean share of a
    conducting voxel's neighbours that conduct; both also for the best conductor alone."""
    transform = transform_of(labels.shape)
    positive = [s for s, count in zip(sigma, np.bincount(labels.ravel(), minlength=3)) if s > 0 and count]
    found = {"contrast": max(positive) / min(positive)}
    for name, mask in (("conducting", np.array(sigma)[labels] > 0), ("best", np.array(sigma)[labels] == max(sigma))):
        clusters = find_clusters(mask, transform.reducer, transform.ghosts)
        wrapping = clusters.wraps.any(axis=1)
        found[f"{name}_fraction"] = float(mask.mean())
        found[f"{name}_wrapping"] = float(clusters.sizes[wrapping].sum() / max(clusters.sizes.sum(), 1))
        contacts = np.mean([(mask & np.roll(mask, 1, a)).sum() for a in range(3)])
        found[f"{name}_neighbours"] = float(contacts / max(mask.sum(), 1))
    transform.close()
    return found


# --- agreement -------------------------------------------------------------------------------------------------------


def agreement_cases() -> list[dict]:
    grown = [{"porosity": p} for p in (0.19, 0.30, 0.32, 0.40, 0.50, 0.60, 0.70)]
    # At 3 to 13 % no nucleus fits into 48^3, and 77 % is too close to the end of the spinodal to grow.
    seeded = [{"porosity": p, "start": "sphere", "t": 20.0} for p in (0.03, 0.08, 0.13)]
    seeded += [{"porosity": 0.77, "start": "rod", "t": 20.0}]
    shaped = [{"porosity": p, "x": x, "y": y} for x, y, p in (
        (3000, 1, 0.10), (3000, 1, 0.19), (3000, 1, 0.30), (1, 3000, 0.19), (20, 1, 0.19), (5, 5, 0.40), (20, 20, 0.40),
        (3000, 3000, 0.19), (3000, 3000, 0.30))]
    return [{**case, "seed": 1, "n": 48} for case in grown + seeded + shaped]


def agree(case, threads, directory) -> dict:
    labels = labels_of(case, directory)
    transform = transform_of(labels.shape)
    masks = {"filler": labels == 0, "matrix": labels == 2, "conducting": labels > 0}
    along = {name: find_percolation(mask, transform.reducer, transform.ghosts).axes for name, mask in masks.items()}
    transform.close()
    axes = ["xyz".index(axis) for axis in along["conducting"]]
    row = {"class": f"{len(along['filler'])}-{len(along['matrix'])}", "axes": along["conducting"],
           "porosity_voxels": float(masks["filler"].mean())}
    for name, solver, kind in (("fft", "fft", ConductionSystem), ("boomeramg", "boomeramg", ConductionSystem),
                               ("gamg", "gamg", ConductionSystem), ("elements", "fft", ElementSystem)):
        row[name] = without_progress(solve(labels, HU, solver, axes, kind=kind))
    fine = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    row["fft_fine"] = without_progress(solve(fine, HU, "fft", axes))
    row["elements_fine"] = without_progress(solve(fine, HU, "fft", axes, kind=ElementSystem))
    row["shown"] = f"{row['class']} {row['axes']} {row['fft']['value']} {row['elements']['value']}"
    return row


# --- iterations and time ---------------------------------------------------------------------------------------------


def time_cases() -> list[dict]:
    kinds = [("porosity", 0.26), ("porosity", 0.32), ("porosity", 0.50)] + [("random", p) for p in (0.34, 0.36, 0.40, 0.60)]
    structures = [{name: p, "seed": 1, "n": n} for n in (64, 96) for name, p in kinds]
    sigmas = [[0.0, 1.0, 1.0]] + [s for c in (30.0, 3516.0, 1e6, 1e8) for s in ([1 / c, 1.0, 1.0], [0.0, 1.0, 1 / c])]
    sigmas += [[0.0, 1 / c, 1.0] for c in (3516.0, 1e6)]
    # The larger ones only where the smaller ones differ.
    return [{**structure, "sigma": sigma} for structure in structures for sigma in sigmas
            if structure["n"] == 64 or sigma in ([0.0, 1.0, 1.0], [0.0, 1.0, 1 / 3516], [0.0, 1.0, 1e-6])]


def compare_times(case, threads, directory) -> dict:
    structure = {key: value for key, value in case.items() if key != "sigma"}
    labels = labels_of(structure, directory)
    row = margins(labels, case["sigma"])
    for name in ("fft", "boomeramg", "gamg"):
        row[name] = without_progress(solve(labels, case["sigma"], name, most=1000))
    row["shown"] = "  ".join(f"{name} {row[name].get('iterations')} {row[name]['seconds']:.2f} s"
                             for name in ("fft", "boomeramg", "gamg"))
    return row


def contrast_cases() -> list[dict]:
    return [{"porosity": 0.4, "seed": 1, "n": 64, "kind": kind, "contrast": float(10**k), "solver": name}
            for kind in ("pores conduct", "insulating pores") for k in range(9) for name in SOLVERS] + [
            {"porosity": 0.4, "seed": 1, "n": 64, "kind": "pores conduct", "contrast": np.inf, "solver": name}
            for name in SOLVERS]


def count_contrast(case, threads, directory) -> dict:
    labels = labels_of({key: case[key] for key in ("porosity", "seed", "n")}, directory)
    poor = 1 / case["contrast"]
    sigma = (poor, 1.0, 1.0) if case["kind"] == "pores conduct" else (0.0, 1.0, poor)
    return _counted(labels, sigma, case["solver"])


def size_cases() -> list[dict]:
    """The same voxels in larger cells, and the same cell with finer voxels."""
    larger = [{"porosity": 0.4, "seed": 1, "n": n, "t": 20.0} for n in (32, 64, 96, 128, 192, 256)]
    finer = [{"porosity": 0.4, "seed": 1, "n": 32, "t": 20.0, "refined_to": n} for n in (32, 64, 96, 128, 192, 256)]
    # Multigrid and the fixed point on the larger grids would take minutes each to say the same again.
    return [{**structure, "sigma": list(sigma), "solver": name} for structure in larger + finer
            for sigma in ((0.0, 1.0, 1.0), HU) for name in SOLVERS
            if max(structure["n"], structure.get("refined_to", 0)) <= (256 if name == "fft" else 128)]


def count_size(case, threads, directory) -> dict:
    structure = {key: value for key, value in case.items() if key not in ("sigma", "solver")}
    return _counted(labels_of(structure, directory, threads), case["sigma"], case["solver"])


def _counted(labels, sigma, name) -> dict:
    row = without_progress(solve(labels, sigma, name))
    return row | {"shown": f"{row.get('iterations', row.get('failed'))}"}


THRESHOLD_POROSITIES = (0.26, 0.28, 0.30, 0.32, 0.34, 0.36, 0.40)
ESTIMATE_TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5)


def threshold_cases() -> list[dict]:
    grown = [{"porosity": p, "seed": seed, "n": 64} for p in THRESHOLD_POROSITIES for seed in (1, 2, 3)]
    return grown + [{"random": p, "seed": seed, "n": 48} for p in (0.33, 0.34, 0.36, 0.40, 0.50) for seed in (1, 2, 3)]


def count_threshold(case, threads, directory) -> dict:
    """Iterations near a threshold, and the true error against its estimate at several tolerances."""
    labels = labels_of(case, directory)
    row = margins(labels, HU)
    exact = solve(labels, HU, "boomeramg", rtol=1e-10)["value"][0]
    for name in SOLVERS:
        found = solve(labels, HU, name, rtol=min(ESTIMATE_TOLERANCES) if name != "perturbation" else TOLERANCE)
        row[name] = without_progress(found) | {"stops": [
            [rtol, *_stop(found["progress"], rtol, exact)] for rtol in ESTIMATE_TOLERANCES
            if any(estimate <= rtol for _, _, _, estimate, _ in found["progress"])]} if "progress" in found else found
    row["shown"] = "  ".join(f"{name} {[stop[1] for stop in row[name].get('stops', [])]}" for name in SOLVERS)
    return row


def _stop(progress, rtol: float, exact: float) -> tuple[int, float, float]:
    """Where a solve with this tolerance stops: iteration, true and estimated relative error."""
    for _, iteration, value, estimate, _ in progress:
        if estimate <= rtol:
            return iteration, value / exact - 1, estimate
    raise ValueError(f"no stop at {rtol}")


def large_cases() -> list[dict]:
    return [{"porosity": 0.4, "seed": 1, "n": 256, "t": 20.0, "threads": 2}]


def solve_large(case, threads, directory) -> dict:
    """The three-phase tensor; wall-clock seconds here."""
    labels = labels_of({key: value for key, value in case.items() if key != "threads"}, directory, threads)
    numba.set_num_threads(case["threads"])
    started = time.monotonic()
    row = without_progress(solve(labels, HU, "fft", (0, 1, 2), threads=case["threads"]))
    return row | {"wall": time.monotonic() - started, "shown": f"{row['iterations']} {time.monotonic() - started:.1f} s"}


STUDIES = {"agreement": (agreement_cases, agree), "contrast": (contrast_cases, count_contrast),
           "threshold": (threshold_cases, count_threshold), "time": (time_cases, compare_times),
           "size": (size_cases, count_size), "large": (large_cases, solve_large)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*STUDIES, "all", "report"])
    parser.add_argument("-o", "--output", type=Path, default=common.ROOT / "runs" / "study_conduction")
    parser.add_argument("--threads", type=int, default=1, help="for growing; solves are timed on one")
    options = parser.parse_args()
    ledgers = {name: Ledger(options.output, f"cond_{name}") for name in STUDIES}
    if options.what == "report":
        from study_conduction_report import report

        report({name: [row for row in ledger.rows() if row["case"] in STUDIES[name][0]()]
                for name, ledger in ledgers.items()})
        return
    numba.set_num_threads(options.threads)
    small = labels_of({"random": 0.5, "seed": 1, "n": 16}, options.output)
    for name in SOLVERS:  # compiled and loaded before anything is timed
        solve(small, (0.5, 1.0, 1.0), name)
    for name in STUDIES if options.what == "all" else [options.what]:
        cases, function = STUDIES[name]
        ledgers[name].compute(cases(), function, options.threads)


if __name__ == "__main__":
    main()
