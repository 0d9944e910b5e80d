#!/usr/bin/env python
"""Runs and sweeps under random faults: injects them, goes on as a user would, and compares with the undisturbed result.

    python tests/campaign/faults/fault_campaign.py --count 50                    every kind, at least 50 injections each
    python tests/campaign/faults/fault_campaign.py --kind run-kill --count 10 --seed 7 --csv /tmp/faults.csv
    python tests/campaign/faults/fault_campaign.py --summary docs/data/faults.csv

An injection is one row of the CSV file; a chain is a run or a sweep that suffers several and is then brought to its end
and judged.  Stopped and started again, the campaign goes on with the next chain.  docs/faults.md explains the kinds.
"""

import argparse
import csv
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fault_injection import COLUMNS, Bench, Row  # noqa: E402
from fault_launches import LAUNCH_KINDS  # noqa: E402
from fault_runs import RUN_KINDS  # noqa: E402
from fault_studies import STUDY_KINDS  # noqa: E402
from fault_sweeps import SWEEP_KINDS  # noqa: E402
from helpers.faults import can_mount  # noqa: E402

KINDS = RUN_KINDS | STUDY_KINDS | SWEEP_KINDS | LAUNCH_KINDS
_WRITING = threading.Lock()


def why_not(kind: str) -> str:
    """Why a kind cannot be had on this machine; empty if it can."""
    if kind.endswith("disk-full") and not can_mount():
        return "mounting a small disk needs root"
    if kind.endswith("clock") and not shutil.which("cc"):
        return "the clock needs a C compiler"
    return ""


def run_chain(kind: str, number: int, seed: int, bench: Bench) -> list[Row]:
    """One chain of a kind."""
    chain = bench.chain(kind, number, seed)
    KINDS[kind](chain)
    return chain.close()


def read_rows(path: Path) -> list[dict]:
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def append_rows(path: Path, rows: list[Row]) -> None:
    with _WRITING, open(path, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not file.tell():
            writer.writerow(COLUMNS)
        writer.writerows(row.values() for row in rows)


def fill(kind: str, count: int, seed: int, bench: Bench, path: Path) -> None:
    """Chains of a kind until there are ``count`` injections of that seed in the file."""
    known = [row for row in read_rows(path) if (row["kind"], row["seed"]) == (kind, str(seed))]
    injected, number = len(known), max((int(row["chain"]) for row in known), default=0)
    while injected < count and not bench.out_of_time():
        number += 1
        rows = run_chain(kind, number, seed, bench)
        append_rows(path, rows)
        injected += len(rows)
        bad = [row for row in rows if row.bad]
        print(f"{time.strftime('%H:%M:%S')} {kind} {number}: {len(rows)} injected"
              + "".join(f"\n    {row.where}: {row.verdict} {row.message}" for row in bad), flush=True)


def summary(rows: list[dict]) -> str:
    """A Markdown table: a line for each kind, and the sum."""
    lines = ["| kind | faults injected | results compared | lost | wrong | error not explained | hangs | processes left |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for kind in [*KINDS, "all"]:
        mine = [row for row in rows if kind in ("all", row["kind"])]
        if mine:
            verdicts = Counter(row["verdict"] for row in mine)
            chains = len({(row["kind"], row["seed"], row["commit"], row["chain"]) for row in mine})
            bad = " | ".join(str(verdicts[name]) for name in ("lost", "wrong", "unclear", "hang", "orphans"))
            lines.append(f"| {kind} | {len(mine)} | {chains} | {bad} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="default: all")
    parser.add_argument("--count", type=int, default=50, help="injections of each kind, at least (default: 50)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="kinds at once (default: 2)")
    parser.add_argument("--minutes", type=float, default=600, help="begin no chain after that")
    parser.add_argument("--csv", type=Path, default=ROOT / "docs" / "data" / "faults.csv")
    parser.add_argument("--work", type=Path, help="where the runs are made (default: a temporary folder)")
    parser.add_argument("--summary", type=Path, metavar="CSV", help="only print the table of a file")
    options = parser.parse_args()
    if options.summary:
        print(summary(read_rows(options.summary)))
        return 0
    kinds = options.kind or list(KINDS)
    for kind in list(kinds):
        if reason := why_not(kind):
            print(f"{kind}: skipped, {reason}")
            kinds.remove(kind)
    bench = Bench(options.work or Path(tempfile.mkdtemp(prefix="pfsolid-faults-")), options.minutes)
    with ThreadPoolExecutor(options.jobs) as pool:
        filled = [pool.submit(fill, kind, options.count, options.seed, bench, options.csv) for kind in kinds]
    for one in filled:
        one.result()
    rows = read_rows(options.csv)
    print(summary(rows))
    return int(any(row["verdict"] != "ok" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
