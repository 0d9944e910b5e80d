"""pfsolid against the codes users run today, on the same images: accuracy against seconds.

    scripts/install_peers.sh
    python scripts/benchmarks/benchmark.py conduction --peers [--size 128] [--rounds 3] [--output runs/peers] [--before DIR]

Every contestant solves the same voxel image between plane electrodes with insulating sides, with its tolerance swept;
the error of each value is against the converged value of the same grid in the contestant's own conventions
(peer_runners/run_reference.py, which shares no code with any of them).  Each runs in a process of its own, warmed up on
a tiny image; the contestants take turns, and the best of the rounds counts.  What is compared is the processor time of one
thread each: other work on a machine disturbs it less than the clock's.  ``--before`` names the checkout of an older pfsolid
with its own .venv.  What has been measured is kept in runs/peers_SIZE/measured.jsonl: a run that was stopped goes on.
Writes OUTPUT/data/cond_peers.csv and OUTPUT/figures/cond_peers.png; ``--output docs`` brings those of the documentation up
to date.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from pfsolid.conduction.phases import labels_from_density
from pfsolid.grid import PeriodicGrid
from pfsolid.parallel.communicator import world
from pfsolid.phasefield.initial import fill_noise
from pfsolid.phasefield.steppers import CahnHilliard, StepControl
from pfsolid.spectral.transform import SlabTransform

ROOT = Path(__file__).resolve().parents[2]
RUNNERS = Path(__file__).with_name("peer_runners")
PEERS_PYTHON = Path(os.environ.get("PFSOLID_PEERS_VENV", ROOT / ".venv-peers")) / "bin" / "python"
SPACING = 0.5 / 1.4  # voxels of 0.5 nm, surface depth 1.4 nm
POROSITY, REDUCED_TIME, SEED = 0.4, 200.0, 1
CONTRAST = 3516.0  # surface to bulk in Hu 2017
TARGETS = (1e-3, 1e-4)
TIMEOUT_S = 1800
FLOOR = 1e-9  # of the errors drawn: below it the converged values are not known better
STYLE = {"font.size": 8.5, "axes.titlesize": 9, "legend.frameon": False, "legend.fontsize": 7.5, "lines.markersize": 4,
         "lines.linewidth": 1.2, "axes.spines.top": False, "axes.spines.right": False}


@dataclass(frozen=True)
class Case:
    """An image; conductivities of its labels."""

    name: str
    title: str
    sigma: tuple[float, ...]


@dataclass(frozen=True, eq=False)  # each is itself; its settings have no hash
class Contestant:
    """A code in one configuration; ``settings`` from loose to tight."""

    code: str
    runner: str
    settings: tuple[dict, ...]
    cases: tuple[str, ...]
    electrodes: str
    threads: int = 1
    is_slow: bool = False  # one round has to do


CASES = (Case("two-phase", "pore 0, solid 1", (0.0, 1.0)),
         Case("three-phase", f"pore 0, bulk 1, surface {CONTRAST:.0f}", (0.0, 1.0, CONTRAST)))
BOTH = tuple(case.name for case in CASES)
COLOURS = {"pfsolid": "#0072b2", "pfsolid before": "#56b4e9", "TauFactor": "#d55e00", "OpenImpala": "#009e73",
           "PoreSpy": "#cc79a7"}


def contestants(threads: int, before: Path | None) -> list[Contestant]:
    """All of them, each in what was found to be its fastest configurations on CPUs."""
    rtols = (1e-1, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-8)
    found = []
    for count in sorted({1, threads}):
        ours = tuple({"rtol": rtol, "threads": count} for rtol in rtols)
        found.append(Contestant("pfsolid", "run_pfsolid.py", ours, BOTH, "faces", count))
        if before:
            found.append(Contestant("pfsolid before", "run_pfsolid.py", ours, BOTH, "faces", count))
        setting = {"threads": count, "max_iterations": 800, "max_seconds": 1200, "conv_crit": 1e-2}
        found.append(Contestant("TauFactor", "run_taufactor.py", (setting,), BOTH[:1], "faces", count))
        found.append(Contestant("TauFactor", "run_taufactor.py", (setting,), BOTH[1:], "ghosts", count))
    residuals = tuple({"eps": eps, "threads": 1} for eps in (1e-3, 1e-4, 1e-9))
    found.append(Contestant("OpenImpala", "run_openimpala.py", residuals, BOTH, "centres", is_slow=True))
    for solver, tols in {"amg-cg": (1e-5, 1e-6, 1e-8), "amg": (1e-6, 1e-7, 1e-9)}.items():
        settings = tuple({"solver": solver, "tol": tol, "threads": 1} for tol in tols)
        found.append(Contestant("PoreSpy", "run_porespy.py", settings, BOTH[:1], "centres", is_slow=True))
    return found


def compare_peers(size: int, threads: int, rounds: int, output: Path, before: Path | None = None) -> None:
    """Grow the images, run everything in turns, print the tables, write the data and the figure."""
    if not PEERS_PYTHON.exists():
        sys.exit("the other codes are not installed: run scripts/install_peers.sh first")
    work = ROOT / "runs" / f"peers_{size}"
    work.mkdir(parents=True, exist_ok=True)
    grow_images(size, threads, work)
    kept = work / "measured.jsonl"
    if rounds:
        field = contestants(threads, before)
        measure_in_turns([c for c in field if not c.is_slow], rounds, work, kept, before)
        measure_in_turns([c for c in field if c.is_slow], 1, work, kept, before)
    references = {(case.name, electrodes): reference(case, electrodes, work)
                  for case in CASES for electrodes in ("faces", "centres", "ghosts")}
    rows = summarise(kept, references, size)
    write_table(rows, output / "data" / "cond_peers.csv")
    draw(rows, size, output / "figures" / "cond_peers.png")
    print(markdown(rows, references, size, threads))


def measure_in_turns(field: list[Contestant], rounds: int, work: Path, kept: Path, before: Path | None) -> None:
    """One JSON line in ``kept`` for each value of each contestant; what it has already is not measured again."""
    known = [json.loads(text) for text in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    with kept.open("a", encoding="utf-8") as file:
        for number in range(rounds):
            for case in CASES:
                for contestant in (c for c in field if case.name in c.cases):
                    identity = {"case": case.name, "code": contestant.code, "electrodes": contestant.electrodes,
                                "round": number + 1}
                    if any(identity.items() <= line.items() and line["setting"] in contestant.settings for line in known):
                        continue
                    load = os.getloadavg()[0]
                    checkout = before if contestant.code == "pfsolid before" else None
                    for line in launch(contestant.runner, case, contestant.settings, work, contestant.threads, checkout):
                        print(json.dumps(identity | {"load": load} | line), file=file, flush=True)
                    print(f"round {number + 1}/{rounds}  {case.name}  {contestant.code}  load before {load:.1f}", flush=True)


def grow_images(size: int, threads: int, work: Path) -> None:
    """One microstructure by phase separation: cut at rho = 1/2, and into pore, bulk and surface."""
    if all((work / f"{case.name}.npy").exists() for case in CASES):
        return
    transform = SlabTransform(PeriodicGrid((size,) * 3, (SPACING,) * 3), world(), threads=threads)
    fill_noise(transform, 1 - POROSITY, 0.02, SEED)
    stepper = CahnHilliard(transform)
    stepper.start(1e-3)
    while stepper.time < REDUCED_TIME * (1 - 1e-12):
        stepper.step(StepControl(1e-2), REDUCED_TIME)
    rho = stepper.density()
    np.save(work / "two-phase.npy", (rho > 0.5).astype(np.uint8))
    pore_surface_bulk = labels_from_density(rho, 0.1, 0.9, transform)[1:-1]
    np.save(work / "three-phase.npy", np.array([0, 2, 1], dtype=np.uint8)[pore_surface_bulk])


def reference(case: Case, electrodes: str, work: Path) -> float:
    """The converged value, kept beside the image."""
    path = work / f"{case.name}-{electrodes}.json"
    if not path.exists():
        found = launch("run_reference.py", case, ({"electrodes": electrodes},), work, 1)
        if not found or not found[0]["stopped"]:
            sys.exit(f"no converged value for {case.name}, electrodes on the {electrodes}")
        path.write_text(json.dumps(found[0]), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))["value"]


def launch(runner: str, case: Case, settings, work: Path, threads: int, checkout: Path | None = None) -> list[dict]:
    """What a contestant printed; where it fails, what it managed before.  ``checkout``: of an older pfsolid."""
    python, script = sys.executable if runner == "run_pfsolid.py" else str(PEERS_PYTHON), RUNNERS / runner
    if checkout:
        python, script = str(checkout / ".venv" / "bin" / "python"), next(checkout.glob(f"scripts/**/peer_runners/{runner}"))
    command = [python, str(script), str(work / f"{case.name}.npy"), json.dumps(case.sigma), json.dumps(settings)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    if runner != "run_pfsolid.py":
        # pfsolid's own choice for threads that share cores with FFTW's; the others have theirs.
        environment.pop("OMP_WAIT_POLICY", None)
    with open(work / f"{Path(runner).stem}.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=work, env=environment)
        try:
            printed, _ = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    if process.returncode:
        print(f"  {runner} ended with {process.returncode}; see {log.name}", flush=True)
    return [json.loads(line) for line in printed.splitlines()]


# --- what comes out ---------------------------------------------------------------------------------------------------


def summarise(kept: Path, references: dict, size: int) -> list[dict]:
    """A row for each setting, or for each look at a contestant on its way, in the order they were first measured."""
    groups = {}
    for text in kept.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        key = line["case"], line["code"], line["electrodes"], json.dumps(line["setting"]), line["iterations"]
        groups.setdefault(key, []).append(line)
    return [row_of(key, lines, references[key[0], key[2]], size) for key, lines in groups.items()]


def row_of(key, lines: list[dict], expected: float, size: int) -> dict:
    case, code, electrodes, setting, iterations = key
    if code == "OpenImpala":  # counts the length between the centres as N voxels
        expected *= size / (size - 1)
    best = min(lines, key=lambda line: line["cpu_seconds"])
    return {"size": size, "case": case, "code": code, "setting": setting, "electrodes": electrodes,
            "seconds": min(line["seconds"] for line in lines),
            "median_seconds": float(np.median([line["seconds"] for line in lines])),
            "cpu_seconds": best["cpu_seconds"], "rounds": len(lines),
            "iterations": iterations, "value": best["value"], "converged_value": expected,
            "relative_error": abs(best["value"] / expected - 1), "gives_value": best["stopped"],
            "peak_MB": best["peak_bytes"] / 1e6, "start_seconds": min(line["start_seconds"] for line in lines)}


def curves(rows: list[dict], case: str, code: str) -> dict[tuple, list[dict]]:
    """A code's rows for each configuration, (threads, solver), from loose to tight."""
    found = {}
    for row in rows:
        if (row["case"], row["code"]) == (case, code):
            setting = json.loads(row["setting"])
            found.setdefault((setting["threads"], setting.get("solver", "")), []).append(row)
    return found


def fastest_to(target: float, rows: list[dict], case: str, code: str, threads: int, by: str = "cpu_seconds") -> dict | None:
    """The quickest setting within ``target`` from which on all tighter ones are: no lucky crossings of zero."""
    within = []
    for (count, _), curve in curves(rows, case, code).items():
        wrong = [k for k, row in enumerate(curve) if row["relative_error"] > target]
        within += curve[(wrong[-1] + 1 if wrong else 0):] if count == threads else []
    return min(within, key=lambda row: row[by], default=None)


def write_table(rows: list[dict], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.7g}" if isinstance(value, float) else value for name, value in row.items()}
                         for row in rows)


def markdown(rows: list[dict], references: dict, size: int, threads: int) -> str:
    """The tables of docs/performance.md."""
    lines = []
    for case in CASES:
        lines += ["", f"| {case.name}, {size}³ ({case.title}) | error | processor seconds, one thread | times pfsolid's "
                      f"| iterations | memory (MB) | seconds, 1 thread | {threads} threads | value |", "|" + "---|" * 9]
        for target in TARGETS:
            ours = fastest_to(target, rows, case.name, "pfsolid", 1)
            for code in COLOURS:
                best = fastest_to(target, rows, case.name, code, 1)
                if best is None:
                    if curves(rows, case.name, code):
                        lines.append(f"| {code} | {target:.0e} | not reached | | | | | | |")
                    continue
                several = fastest_to(target, rows, case.name, code, threads, "seconds")
                ratio = f"{best['cpu_seconds'] / ours['cpu_seconds']:.1f}" if ours else ""
                lines.append(f"| {code} | {target:.0e} | {best['cpu_seconds']:.3g} | {ratio} | {best['iterations']} | "
                             f"{best['peak_MB']:.0f} | {best['seconds']:.3g} | {several['seconds'] if several else 0:.3g} | "
                             f"{best['value']:.6g} |")
        lines += ["", "converged: " + ", ".join(f"{where} {references[case.name, where]:.8g}"
                                                for where in ("faces", "centres", "ghosts"))]
    return "\n".join(lines)


def draw(rows: list[dict], size: int, path: Path) -> None:
    """Error against seconds for each case; our error against the tolerance asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(9.2, 3.6), layout="constrained")
        panels = figure.subplots(1, 3, width_ratios=(1, 1, 0.75))
        for axes, case in zip(panels, CASES):
            draw_case(axes, rows, case, size)
        draw_tolerance(panels[2], rows)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
        figure.savefig(path, dpi=110)


def draw_case(axes, rows: list[dict], case: Case, size: int) -> None:
    """Each configuration of a code a line, the first the darkest.

    A ring is where TauFactor stops by itself; a hollow point is one at which OpenImpala refuses to give its value.
    """
    for code, colour in COLOURS.items():
        for number, curve in enumerate(curves(rows, case.name, code).values()):
            look = {"color": colour, "alpha": 0.4 if number else 1, "zorder": 3 if code == "pfsolid" else 2}
            seconds, errors = [row["cpu_seconds"] for row in curve], [max(row["relative_error"], FLOOR) for row in curve]
            axes.loglog(seconds, errors, label=None if number else code, marker="" if code == "TauFactor" else "o", **look)
            gives = [row["gives_value"] for row in curve]
            if code == "TauFactor" and any(gives):
                first = gives.index(True)
                axes.plot(seconds[first], errors[first], "o", fillstyle="none", markersize=7, **look)
            if code == "OpenImpala":
                refused = [k for k, given in enumerate(gives) if not given]
                axes.plot(np.take(seconds, refused), np.take(errors, refused), "o", markerfacecolor="white", **look)
    for target in TARGETS:
        axes.axhline(target, color="0.75", linewidth=0.7, linestyle=":", zorder=1)
    axes.set(xlabel="processor time from the image to the value (s)", ylabel="relative error of the value",
             title=f"{case.name}, {size}³: {case.title}", ylim=(FLOOR / 2, 0.5))


def draw_tolerance(axes, rows: list[dict]) -> None:
    for case, fill in zip(CASES, ("full", "none")):
        ours = [row for row in rows if (row["case"], row["code"]) == (case.name, "pfsolid")]
        ours = [row for row in ours if json.loads(row["setting"])["threads"] == 1]
        asked = [json.loads(row["setting"])["rtol"] for row in ours]
        axes.loglog(asked, [max(row["relative_error"], FLOOR) for row in ours], "o-", color=COLOURS["pfsolid"],
                    fillstyle=fill, label=case.name)
    limits = np.array(axes.get_xlim())
    axes.loglog(limits, limits, color="0.6", linewidth=0.8, linestyle="--", zorder=1)
    axes.set(xlabel="tolerance asked of pfsolid", ylabel="relative error of the value", title="pfsolid: asked and got",
             ylim=(FLOOR / 2, 0.5))
    axes.legend()
