"""How pfsolid scales: what it moves per step, a model calibrated with 1-4 ranks, and its predictions to 1024 ranks.

    python scripts/scaling_model.py measure [--sizes 64 128] [--seconds 8]    times on this machine, into docs/data
    python scripts/scaling_model.py                                           tables and docs/figures/scaling_*.png

`measure` keeps the shortest time of each case over all its calls: other programs can only slow a step down.
"""
import argparse
import csv
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from benchmark import stepper_of, system_of, timed, transform_of

from pfsolid.parallel import environment_for_mpirun, world

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "docs" / "data" / "scaling_measured.csv"
COLUMNS = ("case", "size", "ranks", "threads", "best_ms", "median_ms", "calls")
CASES = ("step", "iteration", "pair_double", "pair_single")
LAYOUTS = ((1, 1), (1, 2), (2, 1), (3, 1), (4, 1))  # ranks, threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="draw", choices=["draw", "measure", "worker"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--seconds", type=float, default=8.0, help="to spend on each case")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "worker":
        worker(options.case, options.sizes[0], options.threads, options.seconds)
    elif options.what == "measure":
        measure(options.sizes, options.seconds)


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


if __name__ == "__main__":
    main()
