"""Hu 2017 reproduced: every figure and number of J.-M. Hu et al., ACS Appl. Mater. Interfaces 9 (2017) 33341.

    python scripts/reproduce_hu2017.py --quick                    # minutes: small cells, few seeds
    python scripts/reproduce_hu2017.py                            # what docs/reproduction.md shows
    python scripts/reproduce_hu2017.py --full                     # the paper's sizes: hours to days
    python scripts/reproduce_hu2017.py --figure 2a --figure 3a    # only these
    mpirun -n 8 python scripts/reproduce_hu2017.py --full         # one case a rank at a time; --ranks-per-case K
    python scripts/reproduce_hu2017.py --full --slice $SLURM_ARRAY_TASK_ID/20 --compute   # the task of an array
    python scripts/reproduce_hu2017.py --report                   # tables and figures from what is there

It stands on sweeps (DIR/sweeps/…, `pfsolid sweep status` tells how far they are): what is done stays done, a case that was
stopped goes on from its checkpoint.  DIR/data/*.csv, DIR/figures/*.png and DIR/reproduction.md come of it, each as soon as
its sweep has ended.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path[:0] = [str(Path(__file__).resolve().parent / "docs")]

import common  # noqa: E402  puts the package on the path  # isort: skip
from hu2017 import closer, report, sweeps  # noqa: E402

from pfsolid.errors import PfsolidError  # noqa: E402
from pfsolid.parallel.agreement import on_root  # noqa: E402
from pfsolid.parallel.communicator import world  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", action="append", choices=report.FIGURES, metavar="F",
                        help=f"only this; again for more: {', '.join(report.FIGURES)}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="small cells and few seeds")
    size.add_argument("--full", dest="size", action="store_const", const="full", help="the paper's cells and seeds")
    parser.add_argument("--seeds", type=_positive, metavar="N",
                        help="at most so many of each case; a later launch adds to them")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="default: runs/hu2017")
    parser.add_argument("--slice", type=_slice, metavar="I/N", help="only the I-th of N parts of each sweep, from 1")
    parser.add_argument("--workers", type=int, metavar="N", help="processes without mpirun (default: one a core)")
    parser.add_argument("--ranks-per-case", type=int, default=1, metavar="K", help="ranks that share a case (default 1)")
    parser.add_argument("--threads", type=int, metavar="N", help="of each rank (default 1)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--compute", action="store_true", help="no report: for the tasks of an array")
    only.add_argument("--report", action="store_true", help="compute nothing")
    parser.set_defaults(size="standard")
    return parser.parse_args()


def _slice(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]*)/([1-9][0-9]*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError("must be I/N, such as 3/20")
    return int(found[1]), int(found[2])


def _positive(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError("must be a whole number from 1 on")
    return int(text)


def main() -> int:
    options = arguments()
    directory = options.output or common.ROOT / "runs" / "hu2017"
    status = 0
    for name in sweeps.sweeps_of(options.figure, options.size):
        if not options.report:
            place = sweeps.plan(name, options.size, directory, options.seeds)
            status = max(status, sweeps.run(place, options.slice, options.workers, options.threads, options.ranks_per_case))
            if status == 85:  # told to stop: the next launch goes on
                return status
        if not options.compute:
            on_root(world(), _gather, name, options.size, directory)
    if not options.compute:
        on_root(world(), report.write, directory, options.figure)
    return status


def _gather(name: str, size: str, directory: Path) -> None:
    """The CSV file of a sweep, as far as it is done, with what a second look at its fields gives."""
    place = directory / "sweeps" / f"{name}_{size}"
    if not sweeps.is_begun(place):
        return
    rows = closer.with_closer_look(name, sweeps.rows_of(place), place)
    sweeps.write_rows(rows, directory / "data" / sweeps.data_file(name, size))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PfsolidError as error:
        print(f"reproduce_hu2017: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
