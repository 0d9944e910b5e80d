"""The studies behind docs/microstructure.md: which microstructures are generated, and what they cost.

    python scripts/docs/study_microstructure.py classes|percolation|coarsening|efficiency|all [-o DIR] [--threads N]
    python scripts/docs/study_microstructure.py report [-o DIR]

Every finished case is one JSON line in DIR/STUDY.jsonl; a case that stands there is not computed again, so an
interrupted study goes on where it stopped.  ``report`` draws docs/figures/micro_*.png, writes docs/data/*.csv and
brings the tables in docs/microstructure.md up to date from whatever is there.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numba
import numpy as np

import common  # noqa: F401  puts the package and the tests on the path  # isort: skip

from pfsolid.conduction.effective import preconditioner_precision  # noqa: E402
from pfsolid.conduction.phases import labels_from_density  # noqa: E402
from pfsolid.config.run import config_from_dict  # noqa: E402
from pfsolid.grid import PeriodicGrid  # noqa: E402
from pfsolid.homogenization.medium import Medium  # noqa: E402
from pfsolid.morphology.connectivity import find_percolation  # noqa: E402
from pfsolid.morphology.measure import measure  # noqa: E402
from pfsolid.parallel.communicator import world  # noqa: E402
from pfsolid.phasefield.free_energy import REDUCED_KAPPA  # noqa: E402
from pfsolid.phasefield.initial import fill_noise  # noqa: E402
from pfsolid.phasefield.mobility import VariableMobilityCahnHilliard  # noqa: E402
from pfsolid.phasefield.nucleation import seed_nuclei  # noqa: E402
from pfsolid.phasefield.observables import mean_spacing  # noqa: E402
from pfsolid.phasefield.steppers import CahnHilliard, StepControl  # noqa: E402
from pfsolid.spectral.transform import SlabTransform  # noqa: E402

DEPTH_NM = 1.4
TOLERANCE = 0.03  # the default of `pfsolid run`
SIGMA = 100 * np.array([0.0, 3.14e-3, 8.93e-7])  # pore, surface, bulk (S/m)
CUBE = (96, 96, 96)
HALF_NM = (0.5, 0.5, 0.5)


# --- cases that are kept ---------------------------------------------------------------------------------------------


class Ledger:
    """The finished cases of a study, one JSON line each."""

    def __init__(self, directory: Path, study: str):
        self.directory = directory
        self.path = directory / f"{study}.jsonl"
        directory.mkdir(parents=True, exist_ok=True)

    def rows(self) -> list[dict]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]

    def compute(self, cases, function, threads: int) -> None:
        """Call ``function(case, threads, directory)`` for each case that is not there yet."""
        done = {_name(row["case"]) for row in self.rows()}
        missing = [case for case in cases if _name(case) not in done]
        print(f"{self.path}: {len(done)} cases done, {len(missing)} to do", flush=True)
        for number, case in enumerate(missing, 1):
            started = time.monotonic()
            row = {"case": case} | function(case, threads, self.directory)
            row["seconds"] = round(time.monotonic() - started, 2)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            shown = row.get("shown", "")
            print(f"  {number}/{len(missing)}  {_name(case)}  {row['seconds']:.1f} s  {shown}", flush=True)


def _name(case: dict) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(case.items())).replace("(", "[").replace(")", "]")


# --- growing ---------------------------------------------------------------------------------------------------------


def configure(porosity, seed, shape=CUBE, voxel_nm=HALF_NM, x=1.0, y=1.0, a=0.0, start="auto"):
    """A validated input, as `pfsolid run` would read it."""
    return config_from_dict({
        "grid": {"shape": list(shape), "voxel_size_nm": [float(h) for h in voxel_nm]},
        "material": {"surface_energy_J_per_m2": 0.32, "surface_depth_nm": DEPTH_NM, "interface_diffusion": float(a)},
        "microstructure": {"porosity": porosity, "seed": seed, "start": start, "shape_factor_x": float(x),
                           "shape_factor_y": float(y)},
        "evolution": {"max_reduced_time": 1.0}})


def begin(config, threads: int, stabilisation=None):
    """A stepper with the initial field of a configuration; how many nuclei were placed (0: noise)."""
    numba.set_num_threads(threads)
    transform = SlabTransform(config.reduced_grid, world(), threads=threads)
    nuclei = 0
    if config.nucleates:
        nuclei = seed_nuclei(transform, config.plan_nuclei(), config.microstructure.seed)
    else:
        fill_noise(transform, config.mean_density, config.microstructure.noise_amplitude, config.microstructure.seed)
    a = config.material.interface_diffusion
    options = {} if stabilisation is None else {"stabilisation": stabilisation}
    if a:
        stepper = VariableMobilityCahnHilliard(transform, config.reduced_kappa, surface_fraction=a)
    else:
        stepper = CahnHilliard(transform, config.reduced_kappa, **options)
    stepper.start(1e-3)
    return stepper, nuclei


def advance(stepper, until: float, tolerance: float = TOLERANCE) -> None:
    while stepper.time < until * (1 - 1e-12):
        stepper.step(StepControl(tolerance), until)


def measured(stepper) -> dict:
    """The morphology section of result.json, without the distributions."""
    rho = stepper.density().copy()
    found = measure(rho, stepper.transform, 0.1, 0.9, 1.0).result(DEPTH_NM).to_dict()
    stepper.refresh()
    return found


def brief(found: dict) -> dict:
    connectivity = found["connectivity"]
    phases = {name: {"axes": connectivity[name]["percolates_along"],
                     "fraction": connectivity[name]["percolating_fraction_xyz"],
                     "largest": connectivity[name]["largest_cluster_fraction"],
                     "clusters": connectivity[name]["num_clusters"], "dimension": connectivity[name]["dimension"]}
              for name in ("filler", "matrix", "surface")}
    return {"class": connectivity["class"], **phases, "area_per_nm": found["surface"]["area_per_nm"],
            "surface_fraction": found["surface"]["surface_fraction"],
            "pore_chord_nm": found["pore_chords"]["mean_nm_xyz"]}


# --- 1: classes ------------------------------------------------------------------------------------------------------


CLASS_TIMES = (100.0, 300.0, 1000.0)
PAPER_CLASS = {(1, 1): "0-3", (3000, 1): "1-3", (1, 3000): "1-3", (20, 20): "2-3", (3000, 3000): "2-2"}
# (20, 20) in a wider cell: the interface is 6.3 nm wide along x and y, so 1 nm voxels resolve it there.
WIDE = {"shape": [160, 160, 96], "voxel_nm": [1.0, 1.0, 0.5]}


def class_cases() -> list[dict]:
    cube = {"shape": list(CUBE), "voxel_nm": list(HALF_NM)}
    cases = [{"x": x, "y": y, "seed": seed, **cube} for seed in (1, 2, 3) for x, y in PAPER_CLASS]
    return cases + [{"x": 20, "y": 20, "seed": seed, **WIDE} for seed in (1, 2, 3)]


def field_path(case, directory: Path) -> Path:
    return directory / f"class_{case['x']}_{case['y']}_{case['shape'][0]}_seed{case['seed']}.npy"


def grow_class(case, threads, directory) -> dict:
    config = configure(0.19, case["seed"], case["shape"], case["voxel_nm"], case["x"], case["y"])
    stepper, nuclei = begin(config, threads)
    at = {}
    for end in CLASS_TIMES:
        advance(stepper, end)
        at[f"{end:g}"] = brief(measured(stepper)) | {"energy": stepper.energy, "steps": stepper.num_steps}
    if case["seed"] <= 2:  # for the pictures
        np.save(field_path(case, directory), stepper.density().astype(np.float32))
    stepper.transform.close()
    return {"nuclei": nuclei, "nucleates": config.nucleates, "at": at,
            "shown": f"{nuclei} nuclei, " + ", ".join(row["class"] for row in at.values())}


# --- 2: percolation --------------------------------------------------------------------------------------------------


POROSITIES = (0.03, 0.08, 0.13, 0.18, 0.22, 0.25, 0.28, 0.30, 0.32, 0.34, 0.37, 0.40, 0.50, 0.58, 0.62, 0.65, 0.68,
              0.70, 0.73, 0.77)
NEAR_THRESHOLDS = (0.28, 0.30, 0.32, 0.34, 0.58, 0.62, 0.65, 0.68, 0.70, 0.73)


def percolation_cases() -> list[dict]:
    # At 3 % no nucleus fits into 96^3.
    cases = [{"porosity": porosity, "seed": seed, "n": 128 if porosity < 0.04 else 96, "t": 300.0}
             for seed in (1, 2, 3, 4, 5, 6) for porosity in (POROSITIES if seed < 4 else NEAR_THRESHOLDS)]
    cases += [{"porosity": porosity, "seed": seed, "n": 64, "t": 300.0} for seed in (1, 2, 3, 4, 5, 6)
              for porosity in NEAR_THRESHOLDS]  # a second size of the cell
    # At 22 % noise grows too slowly: the field is still uniform at t = 300.
    return cases + [{"porosity": 0.22, "seed": seed, "n": 96, "t": 300.0, "start": "nucleation"} for seed in (1, 2, 3)]


def grow_porosity(case, threads, directory) -> dict:
    config = configure(case["porosity"], case["seed"], (case["n"],) * 3, start=case.get("start", "auto"))
    stepper, nuclei = begin(config, threads)
    advance(stepper, case["t"])
    found = brief(measured(stepper))
    rho = stepper.density().copy()
    transform = stepper.transform
    for name, mask in (("dense", rho > 0.9), ("empty", rho < 0.1)):
        phase = find_percolation(mask, transform.reducer, transform.ghosts)
        found[name] = {"axes": phase.axes, "fraction": phase.fraction}
    transform.close()
    sigma = conductivity(rho, config.grid_nm, threads)
    shown = f"{found['class']} pore {found['filler']['axes']} solid {found['matrix']['axes']} " \
            f"surface {found['surface']['axes']} sigma {np.mean(sigma):.2e}"
    return {"nuclei": nuclei, "steps": stepper.num_steps, **found, "sigma_S_per_cm_xyz": list(sigma), "shown": shown}


def conductivity(rho, grid_nm, threads, rtol: float = 1e-3) -> np.ndarray:
    """Diagonal of sigma_eff (S/cm)."""
    transform = SlabTransform(grid_nm, world(), preconditioner_precision(rtol), threads)
    labels = labels_from_density(rho, 0.1, 0.9, transform)
    tensor = Medium(labels, lambda _: SIGMA, transform).at().solve(rtol=rtol).tensor
    transform.close()
    return np.diag(tensor) / 100


# --- 3: coarsening ---------------------------------------------------------------------------------------------------


BULK_DIFFUSION = {"a": 0.0, "n": 128, "voxel_nm": 0.6, "t": 2000.0}
# With the default tolerance of 0.03 the structure lags behind in time: a check on the exponent.
ACCURATE = {"a": 0.0, "n": 96, "voxel_nm": 0.6, "t": 1000.0, "tolerance": 0.005}
# At a = 1 longer or less accurate steps leave rho outside [-0.1, 1.1]: see docs/microstructure.md.
INTERFACE_DIFFUSION = {"a": 1.0, "n": 96, "voxel_nm": 0.6, "t": 1000.0, "tolerance": 0.01, "max_step": 0.5}


def coarsening_cases() -> list[dict]:
    cases = [{"seed": seed, **kind} for kind, seeds in ((INTERFACE_DIFFUSION, 4), (BULK_DIFFUSION, 6), (ACCURATE, 6))
             for seed in range(1, seeds + 1)]
    widths = [{"width_factor": factor, "axis": axis} for factor, axis in
              ((0.5, 2), (1, 0), (1, 2), (20, 0), (20, 1), (3000, 0), (3000, 1), (6000, 0))]
    return widths + cases


def coarsen(case, threads, directory) -> dict:
    if "width_factor" in case:
        return relax_interface(case["width_factor"], case["axis"])
    config = configure(0.5, case["seed"], (case["n"],) * 3, (case["voxel_nm"],) * 3, a=case["a"])
    stepper, _ = begin(config, threads)
    times, spacings, energies, steps = [], [], [], []
    following, told = 1.0, time.monotonic()
    control = StepControl(case.get("tolerance", TOLERANCE), case.get("max_step", math.inf))
    while stepper.time < case["t"]:
        stepper.step(control, case["t"])
        if stepper.time >= following:
            times.append(stepper.time)
            spacings.append(mean_spacing(stepper.rho_hat, stepper.transform) * DEPTH_NM)
            energies.append(stepper.energy)
            steps.append(stepper.num_steps)
            following *= 1.08
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"    {_name(case)}: t {stepper.time:.4g}, {stepper.num_steps} steps", flush=True)
    rho = stepper.density()
    lowest, highest = float(rho.min()), float(rho.max())
    stepper.transform.close()
    return {"time": times, "spacing_nm": spacings, "energy": energies, "steps": steps, "range": [lowest, highest],
            "shown": f"{stepper.num_steps} steps, spacing {spacings[-1]:.2f} nm"}


def relax_interface(factor: float, axis: int) -> dict:
    """10-90 % width of a flat interface normal to an axis whose kappa is ``factor`` times 1/8; units of lambda."""
    kappa = [REDUCED_KAPPA] * 3
    kappa[axis] *= factor
    width = math.sqrt(factor)
    places, line = relax_line(0.25, kappa, axis, width, 50 * max(factor, 1))
    near = (line > 0.02) & (line < 0.98)
    # Between the samples as in the exact profile, a tanh: arctanh(2 rho - 1) is a straight line.
    ends = np.interp(np.arctanh([-0.8, 0.8]), np.arctanh(2 * line[near] - 1), places[near])
    measured_width = float(ends[1] - ends[0])
    return {"width": measured_width, "expected": math.log(9) / 2 * width,
            "shown": f"{measured_width / width:.5f} sqrt(factor)"}


def relax_line(spacing: float, kappa, axis: int, width: float, until: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (lambda) and rho across one of two flat interfaces normal to an axis, relaxed from 1.3 times too wide."""
    count = 2 * math.ceil(10 * max(width, 1) / spacing)
    shape = [2, 2, 2]
    shape[axis] = count
    transform = SlabTransform(PeriodicGrid(tuple(shape), (spacing,) * 3), world())
    positions = transform.coordinates()[axis]
    length = count * spacing
    rough = 1.3 * width  # three tenths too wide at the start
    transform.real[...] = 0.5 + 0.5 * (np.tanh(2 * (positions - length / 4) / rough)
                                       - np.tanh(2 * (positions - 3 * length / 4) / rough) - 1)
    stepper = CahnHilliard(transform, tuple(kappa))
    stepper.start(1e-3)
    advance(stepper, until, 1e-5)
    line = np.moveaxis(stepper.density(), axis, 0)[:count // 2, 0, 0].copy()
    transform.close()
    return np.arange(count // 2) * spacing, line


# --- 4: efficiency ---------------------------------------------------------------------------------------------------


EFFICIENCY = {"n": 64, "porosity": 0.4, "t": 100.0}


def efficiency_cases() -> list[dict]:
    cases = []
    for begun in ({}, {"from": 10.0}):  # from noise, from a structure
        cases += [{"scheme": "adaptive", "tolerance": tol, **EFFICIENCY, **begun}
                  for tol in (1e-4, 0.1, 0.03, 0.01, 0.003, 0.001)]
        cases += [{"scheme": "first order", "S": S, "dt": dt, **EFFICIENCY, **begun}
                  for dt in (0.2, 0.1, 0.05, 0.02, 0.01) for S in (0.0, 1.5)]
    cases += [{"cost": "transforms"}, {"cost": "anisotropic step", "n": 96}, {"cost": "measurement", "n": 128}]
    return cases


def run_efficiency(case, threads, directory) -> dict:
    if "cost" in case:
        return COSTS[case["cost"]](case, threads)
    config = configure(case["porosity"], 1, (case["n"],) * 3)
    stepper, _ = begin(config, threads, case.get("S"))
    if "from" in case:
        stepper.transform.real[...] = _structure_at(case["from"], config, threads, directory)
        stepper.start(1e-3)
        stepper.time = case["from"]
    count = count_transforms(stepper.transform)
    if case["scheme"] == "adaptive":
        advance(stepper, case["t"], case["tolerance"])
    else:
        stepper.next_step = case["dt"]
        while stepper.time < case["t"] * (1 - 1e-9):
            stepper.last_step = None  # no step before: the Euler method
            stepper.step(StepControl(0), case["t"])
    ffts, steps, energy = count[0], stepper.num_steps, stepper.energy
    rho = stepper.density().astype(np.float32)
    path = directory / f"reference_{case.get('from', 0):g}.npy"
    if case.get("tolerance") == 1e-4:
        np.save(path, rho)
    error = float(np.std(rho - np.load(path)) / np.std(np.load(path)))
    stepper.transform.close()
    return {"ffts": ffts, "steps": steps, "energy": energy, "field_error": error,
            "shown": f"{ffts} FFTs, {steps} steps, error {error:.2e}, F {energy:.8f}"}


def _structure_at(end: float, config, threads: int, directory: Path) -> np.ndarray:
    """The field at a time, computed with tolerance 1e-3 and kept."""
    path = directory / f"structure_{end:g}.npy"
    if not path.exists():
        stepper, _ = begin(config, threads)
        advance(stepper, end, 1e-3)
        np.save(path, stepper.density())
        stepper.transform.close()
    return np.load(path)


def count_transforms(transform) -> list[int]:
    """A number in a list that goes up with every transform, forward or backward."""
    count = [0]

    def counted(function):
        def call(*arguments):
            count[0] += 1
            return function(*arguments)
        return call

    transform.forward, transform.backward = counted(transform.forward), counted(transform.backward)
    return count


def _transforms_of_a_step(case, threads) -> dict:
    found = {}
    for name, a in (("constant", 0.0), ("variable", 1.0)):
        stepper, _ = begin(configure(0.4, 1, (32,) * 3, a=a), threads)
        advance(stepper, 1.0)
        count, before = count_transforms(stepper.transform), stepper.num_steps
        for _ in range(50):
            stepper.step(StepControl(1e-3))
        found[name] = count[0] / (stepper.num_steps - before)
        stepper.transform.close()
    return found | {"shown": f"{found}"}


def _anisotropic_step(case, threads) -> dict:
    """Shortest time of a step (s), the two kinds in turn."""
    steppers = [begin(configure(0.4, 1, (case["n"],) * 3, x=x, y=x), threads)[0] for x in (1, 3000)]
    shortest = [math.inf, math.inf]
    for _ in range(60):
        for i, stepper in enumerate(steppers):
            started = time.perf_counter()
            stepper.step(StepControl(0))
            shortest[i] = min(shortest[i], time.perf_counter() - started)
    for stepper in steppers:
        stepper.transform.close()
    return {"isotropic_s": shortest[0], "anisotropic_s": shortest[1], "threads": threads,
            "shown": f"{shortest[1] / shortest[0]:.3f}"}


def _measurement(case, threads) -> dict:
    stepper, _ = begin(configure(0.4, 1, (case["n"],) * 3), threads)
    started = time.perf_counter()
    advance(stepper, 300.0)
    generation = time.perf_counter() - started
    measured(stepper)  # compiles, plans
    started = time.perf_counter()
    measured(stepper)
    seconds = time.perf_counter() - started
    steps = stepper.num_steps
    stepper.transform.close()
    return {"generation_s": generation, "measurement_s": seconds, "steps": steps, "threads": threads,
            "shown": f"{seconds:.2f} s of {generation:.1f} s"}


COSTS = {"transforms": _transforms_of_a_step, "anisotropic step": _anisotropic_step, "measurement": _measurement}

STUDIES = {"classes": (class_cases, grow_class), "percolation": (percolation_cases, grow_porosity),
           "coarsening": (coarsening_cases, coarsen), "efficiency": (efficiency_cases, run_efficiency)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=[*STUDIES, "all", "report"])
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/microstructure"))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    chosen = {"all": list(STUDIES), "report": []}.get(options.study, [options.study])
    for study in chosen:
        cases, function = STUDIES[study]
        Ledger(options.output, study).compute(cases(), function, options.threads)
    if options.study in ("all", "report"):
        from study_microstructure_report import report
        report({study: Ledger(options.output, study).rows() for study in STUDIES},
               lambda case: field_path(case, options.output))


if __name__ == "__main__":
    main()
