"""How pfsolid scales: what it moves per step, a model calibrated with 1-4 ranks, and its predictions to 1024 ranks.

    python scripts/benchmarks/scaling_model.py measure [--sizes 64 128] [--seconds 8]   times on this machine, into docs/data
    python scripts/benchmarks/scaling_model.py [--memory-GB-s 320] [--network-GB-s 25]   tables and scaling_*.png

`measure` keeps the shortest time of each case over all its calls: other programs can only slow a step down.  The options
describe the cluster that is predicted (`Machine`); docs/scaling.md says what the model assumes.
"""

import argparse
import csv
import math
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import matplotlib.style
import numpy as np
from benchmark import stepper_of, system_of, timed, transform_of
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))
from common import BLUE, FIGURES, GREEN, GREY, ORANGE, RED, ROOT, STYLE, save, table  # noqa: E402

from pfsolid.parallel.communicator import world
from pfsolid.parallel.launch import environment_for_mpirun

MEASURED = ROOT / "docs" / "data" / "scaling_measured.csv"
COLUMNS = ("case", "size", "ranks", "threads", "best_ms", "median_ms", "calls")
CASES = ("step", "iteration", "pair_double", "pair_single")
LAYOUTS = ((1, 1), (1, 2), (2, 1), (3, 1), (4, 1))  # ranks, threads
CALIBRATION = 128  # grid whose times set the rates: beyond the caches, as the grids that are predicted
GRIDS, CORES = (128, 256, 512, 1024), (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MOST_THREADS = 8
CORES_MEASURED = 2


@dataclass(frozen=True)
class Machine:
    """The cluster that is predicted: full two-socket nodes with one 200 Gbit/s adapter."""

    cores_per_node: float = 64
    memory_GB_s: float = 320
    cache_MB_per_core: float = 4
    network_GB_s: float = 25
    alltoall_share: float = 0.5  # of the network's speed that an exchange among all reaches
    latency_us: float = 2  # of each message, one after another


@dataclass(frozen=True)
class Work:
    """One step or iteration: bytes a voxel that cross the memory bus, counted from the kernels, and what is sent.

    ``passes`` is of the kernels and both transforms, ``packing`` of both exchanges; ``stored`` is held, as measured.
    """

    case: str
    pair: str
    name: str
    complex_bytes: int
    passes: float
    packing: float
    stored: float
    ghost_bytes: int = 0
    sums: int = 2


STEP = Work("step", "pair_double", "Cahn–Hilliard step", 16, 168, 64, 75)
ITERATION = Work("iteration", "pair_single", "CG iteration", 8, 128, 32, 70, ghost_bytes=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="draw", choices=["draw", "measure", "worker"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--seconds", type=float, default=8.0, help="to spend on each case")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    for one in fields(Machine):
        parser.add_argument("--" + one.name.replace("_", "-"), type=float, default=one.default)
    options = parser.parse_args()
    if options.what == "worker":
        worker(options.case, options.sizes[0], options.threads, options.seconds)
    elif options.what == "measure":
        measure(options.sizes, options.seconds)
    else:
        report(Machine(*(getattr(options, one.name) for one in fields(Machine))))


# --- measuring --------------------------------------------------------------------------------------------------------


def pair_of(n: int, threads: int, dtype: str):
    """A forward and a backward transform."""
    transform = transform_of(n, threads, dtype)
    transform.real[...] = 0.0

    def pair():
        transform.forward()
        transform.backward()

    return pair


def worker(case: str, n: int, threads: int, seconds: float) -> None:
    """Prints shortest and median time of one call and the number of calls."""
    make = {"step": lambda: stepper_of(n, threads)[1], "iteration": lambda: system_of(n, threads, "float32")[1],
            "pair_double": lambda: pair_of(n, threads, "float64"), "pair_single": lambda: pair_of(n, threads, "float32")}
    function, comm, times = make[case](), world(), []
    end = time.monotonic() + seconds
    while comm.bcast(time.monotonic() < end):
        comm.Barrier()
        times.append(timed(lambda: (function(), comm.Barrier())))
    if comm.Get_rank() == 0:
        print("RESULT", 1e3 * min(times), 1e3 * np.median(times), len(times), flush=True)


def launch(case: str, n: int, ranks: int, threads: int, seconds: float) -> list[str]:
    command = [sys.executable, __file__, "worker", "--case", case, "--sizes", str(n), "--threads", str(threads),
               "--seconds", str(seconds)]
    if ranks > 1:
        command = [shutil.which("mpirun"), "-n", str(ranks), "--oversubscribe", *command]
    done = subprocess.run(command, capture_output=True, text=True, env=environment_for_mpirun(), timeout=900)
    found = re.search(r"RESULT (\S+) (\S+) (\S+)", done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return [f"{float(found[1]):.4g}", f"{float(found[2]):.4g}", found[3]]


def measure(sizes: list[int], seconds: float) -> None:
    """Adds to the table of an earlier measurement: of the same case the shorter time stays."""
    table = read_measured() if MEASURED.exists() else {}
    for n in sizes:
        for case in CASES:
            for ranks, threads in LAYOUTS:
                best, median, calls = launch(case, n, ranks, threads, seconds)
                print(case, n, ranks, threads, best, median, calls, flush=True)
                place = case, n, ranks, threads
                if place not in table or float(best) < table[place][0]:
                    table[place] = float(best), float(median), int(calls)
    with open(MEASURED, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *((*place, *table[place]) for place in sorted(table))])


def read_measured() -> dict[tuple, tuple]:
    """(case, size, ranks, threads): (shortest and median ms, calls)."""
    with open(MEASURED, encoding="utf-8", newline="") as file:
        return {(row["case"], int(row["size"]), int(row["ranks"]), int(row["threads"])):
                (float(row["best_ms"]), float(row["median_ms"]), int(row["calls"])) for row in csv.DictReader(file)}


# --- the model --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """Of one core of the machine that was measured, with its memory to itself.

    ``transform`` is the pair's seconds over N log2 N, ``kernels`` the seconds a voxel of all else, ``copying`` the bytes
    a second at which an exchange between ranks of one node moves a rank's spectrum, ``threads`` the efficiency of two.
    """

    transform: float
    kernels: float
    copying: float
    threads: float


def rates_of(work: Work, measured: dict) -> Rates:
    """The exchange is that of the step, whose spectra are larger, for both."""
    n = CALIBRATION

    def seconds(case: str, ranks: int, threads: int) -> float:
        return measured[case, n, ranks, threads][0] / 1e3

    whole, pair = seconds(work.case, 1, 1), seconds(work.pair, 1, 1)
    exchange = (seconds(STEP.case, 2, 1) - seconds(STEP.case, 1, 1) / 2) / 2
    return Rates(pair / (n**3 * math.log2(n**3)), (whole - pair) / n**3, spectrum_bytes(STEP, n, 2) / exchange,
                 whole / (2 * seconds(work.case, 1, 2)))


def spectrum_bytes(work: Work, n: int, ranks: int) -> float:
    """Of the fullest rank: what it sends and what it receives in a transform, but for its own part."""
    return work.complex_bytes * math.ceil(n / ranks) * n * (n // 2 + 1)


def predict(work: Work, rates: Rates, machine: Machine, n: int, ranks: int, threads: int = 1) -> dict[str, float]:
    """Seconds of one step or iteration by what they are spent on."""
    voxels = math.ceil(n / ranks) * n * n
    here = min(ranks, max(1, int(machine.cores_per_node) // threads))  # ranks on a node
    bandwidth = 1e9 * machine.memory_GB_s / here
    cached = 1e6 * machine.cache_MB_per_core * threads / (work.stored * voxels)
    from_memory = max(0.0, 1 - cached) / bandwidth
    efficiency = rates.threads if threads > 1 else 1.0
    alone = voxels * (rates.transform * math.log2(n**3) + rates.kernels) / (threads * efficiency)
    compute = max(alone, work.passes * voxels * from_memory)
    if ranks == 1:
        return {"computing": compute, "copying": 0.0, "network": 0.0, "messages": 0.0}
    sent, outside = spectrum_bytes(work, n, ranks), 1 - here / ranks
    latency = 1e-6 * machine.latency_us
    network = sent * outside * here / (1e9 * machine.network_GB_s * machine.alltoall_share)
    planes = 2 * work.ghost_bytes * n * n / (1e9 * machine.network_GB_s)
    messages = 2 * (ranks - 1) + work.sums * math.ceil(math.log2(ranks)) + (2 if work.ghost_bytes else 0)
    return {"computing": compute,
            "copying": max(2 * sent / rates.copying, work.packing * voxels * from_memory),  # MPI copies with one thread
            "network": 2 * network + planes, "messages": latency * messages}


def best(work: Work, rates: Rates, machine: Machine, n: int, cores: int) -> tuple[float, int, int]:
    """Seconds, ranks and threads of the fastest division of the cores that the slabs allow."""
    choices = [(cores // threads, threads) for threads in (2**k for k in range(MOST_THREADS.bit_length()))
               if cores % threads == 0 and cores // threads <= n]
    return min((sum(predict(work, rates, machine, n, *choice).values()), *choice) for choice in choices)


# --- tables and figures -----------------------------------------------------------------------------------------------


def report(machine: Machine) -> None:
    measured = read_measured()
    rates = {work: rates_of(work, measured) for work in (STEP, ITERATION)}
    for work, rate in rates.items():
        print(f"\n{work.name}: pair {1e9 * rate.transform * math.log2(CALIBRATION**3):.2f} ns a voxel at {CALIBRATION}^3, "
              f"kernels {1e9 * rate.kernels:.2f}, exchange {rate.copying / 1e9:.2f} GB/s a rank, "
              f"two threads {rate.threads:.0%}\n")
        print(measured_table(work, rate, measured))
        print("\n" + strong_table(work, rate, machine))
    print("\n" + exchange_table() + "\n\n" + memory_table())
    with matplotlib.style.context(["default", STYLE]):
        save(strong_figure(rates, machine, measured), "scaling_strong")
        save(weak_figure(rates, machine), "scaling_weak")
    print(f"\n{FIGURES.relative_to(ROOT)}/scaling_strong.png, scaling_weak.png")


def measured_table(work: Work, rates: Rates, measured: dict) -> str:
    """Measured and modelled ms; ranks beyond the cores of the machine share them."""
    rows = []
    for n in sorted({place[1] for place in measured}):
        for ranks, threads in LAYOUTS:
            if (work.case, n, ranks, threads) in measured:
                model = sum(predict(work, rates, Machine(), n, ranks, threads).values()) * max(1, ranks / CORES_MEASURED)
                time_ms = measured[work.case, n, ranks, threads][0]
                rows.append([f"{n}³", f"{ranks} × {threads}", f"{time_ms:.3g}", f"{1e3 * model:.3g}"])
    return table(["grid", "ranks × threads", "measured (ms)", "model (ms)"], rows)


def strong_table(work: Work, rates: Rates, machine: Machine) -> str:
    """Time, best division and, beyond one node, efficiency against a full one."""
    rows, node = [], int(machine.cores_per_node)
    for cores in (1, 16, *(cores for cores in CORES if cores >= node)):
        row = [str(cores)]
        for n in GRIDS[1:]:
            seconds, ranks, threads = best(work, rates, machine, n, cores)
            against = f", {node * best(work, rates, machine, n, node)[0] / (cores * seconds):.0%}" if cores > node else ""
            row.append(f"{in_short(seconds)} ({ranks} × {threads}{against})")
        rows.append(row)
    return table(["cores", *(f"{n}³" for n in GRIDS[1:])], rows)


def exchange_table() -> str:
    """What a rank sends in a step and in an iteration."""
    rows = []
    for n in GRIDS[1:]:
        for ranks in (16, 64, n):
            sent = [2 * spectrum_bytes(work, n, ranks) * (1 - 1 / ranks) for work in (STEP, ITERATION)]
            megabytes = [f"{each / 1e6:.2g}" if each < 99e6 else f"{each / 1e6:.0f}" for each in sent]
            rows.append([f"{n}³", str(ranks), *megabytes, str(2 * (ranks - 1)), f"{sent[0] / (2 * (ranks - 1)) / 1e3:.0f}",
                         f"{2 * ITERATION.ghost_bytes * n * n / 1e6:.1f}"])
    return table(["grid", "ranks", "step (MB)", "iteration (MB)", "messages", "kB a message of the step",
                  "ghost planes of an iteration (MB)"], rows)


def memory_table() -> str:
    """Held by all ranks, and by the fullest of some."""
    rows = []
    for n in GRIDS[1:]:
        row = [f"{n}³", str(n)]
        for work in (STEP, ITERATION):
            row += [f"{work.stored * math.ceil(n / ranks) * n * n / 1e9:.2g}" for ranks in (1, 64, n)]
        rows.append(row)
    shares = ["one of 64", "one of the most"]
    return table(["grid", "most ranks", "phase field, all ranks (GB)", *shares, "conduction, all (GB)", *shares], rows)


def in_short(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def strong_figure(rates: dict, machine: Machine, measured: dict) -> Figure:
    figure = Figure(figsize=(7.4, 3.6), layout="constrained")
    for axes, (work, rate) in zip(figure.subplots(1, 2, sharey=True), rates.items()):
        for n, colour in zip(GRIDS, (GREY, BLUE, GREEN, ORANGE)):
            pure = [cores for cores in CORES if cores <= n]
            axes.loglog(pure, [1e3 * sum(predict(work, rate, machine, n, cores).values()) for cores in pure], "-",
                        color=colour, label=f"{n}³, a rank a core")
            axes.loglog(CORES, [1e3 * best(work, rate, machine, n, cores)[0] for cores in CORES], ":", color=colour)
            axes.loglog(CORES, [1e3 * best(work, rate, machine, n, 1)[0] / cores for cores in CORES], "-", color=colour,
                        alpha=0.25, linewidth=0.7)
            points = {ranks: measured[work.case, n, ranks, 1][0] for ranks in range(1, 5)
                      if (work.case, n, ranks, 1) in measured}
            own = [ranks for ranks in points if ranks <= CORES_MEASURED]
            shared = [ranks for ranks in points if ranks > CORES_MEASURED]
            axes.plot(own, [points[ranks] for ranks in own], "o", color=colour)
            axes.plot(shared, [points[ranks] for ranks in shared], "o", color=colour, markerfacecolor="white")
        axes.axvline(machine.cores_per_node, color=RED, linewidth=0.6, linestyle="--")
        axes.set(title=work.name, xlabel="cores")
        axes.set_xticks(CORES[::2], CORES[::2])
        axes.minorticks_off()
    figure.axes[0].set_ylabel("time (ms)")
    figure.axes[0].plot([], [], "k:", label="best ranks × threads")
    figure.axes[0].plot([], [], "k-", alpha=0.25, linewidth=0.7, label="ideal")
    figure.axes[0].plot([], [], "ko", label="measured, two cores")
    figure.axes[0].plot([], [], "ko", markerfacecolor="white", label="measured, ranks sharing them")
    figure.axes[0].plot([], [], "--", color=RED, linewidth=0.6, label="one node is full")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def weak_figure(rates: dict, machine: Machine) -> Figure:
    """Efficiency at constant voxels a core, and what the time is spent on at 128³ a core."""
    figure = Figure(figsize=(7.4, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (work, rate), colour in zip(rates.items(), (BLUE, ORANGE)):
        for side, style in ((64, "o--"), (128, "s-")):
            cores = [1, 8, 64, 512]
            times = [best(work, rate, machine, round(side * count ** (1 / 3)), count)[0] for count in cores]
            left.semilogx(cores, [100 * times[0] / seconds for seconds in times], style, color=colour,
                          label=f"{work.name}, {side}³ a core")
    left.set(xlabel="cores", ylabel="weak-scaling efficiency (%)", ylim=(0, 105))
    left.set_xticks(cores, cores)
    left.minorticks_off()
    left.legend(loc="lower left")
    shares = [predict(STEP, rates[STEP], machine, round(128 * count ** (1 / 3)), count) for count in cores]
    bottom = np.zeros(len(cores))
    for part, colour in zip(shares[0], (BLUE, GREEN, ORANGE, GREY)):
        heights = np.array([1e3 * share[part] for share in shares])
        right.bar(range(len(cores)), heights, 0.6, bottom, color=colour, label=part)
        bottom += heights
    right.set_xticks(range(len(cores)), [f"{count}\n{round(128 * count ** (1 / 3))}³" for count in cores])
    right.set(xlabel="cores and grid", ylabel="Cahn–Hilliard step (ms)")
    right.legend()
    return figure


if __name__ == "__main__":
    main()
