"""The same array in pfsolid, TauFactor and PoreSpy, as their users write it: lines, value, processor seconds.

    scripts/install_peers.sh
    python scripts/docs/compare_codes.py [--size 64]

Each program below is run as it stands in a process of its own; its lines are counted, and the line that computes is timed in
processor seconds, on one thread, after a first call on a small array.  Prints the table of docs/python.md.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import ROOT
from scipy import ndimage

PEERS = Path(os.environ.get("PFSOLID_PEERS_VENV", ROOT / ".venv-peers")) / "bin" / "python"
PROGRAMS = {
    "pfsolid": (sys.executable, """
import numpy as np
import pfsolid as pf
pores = np.load("pores.npy")
found = pf.conductivity(pores, {0: 0, 1: 1}, voxel_nm=10, boundary="electrodes", directions="z")
print(found.tortuosity_factor[2])
"""),
    "TauFactor": (PEERS, """
import numpy as np
from taufactor import Solver
pores = np.load("pores.npy")
found = Solver(pores, device="cpu"); found.solve(verbose=False)
print(float(np.ravel(found.tau)[0]))
"""),
    "PoreSpy": (PEERS, """
import numpy as np
from porespy.simulations import tortuosity_fd
pores = np.load("pores.npy")
found = tortuosity_fd(pores == 1, 0)
print(found.tortuosity)
"""),
}
# What is run: the first call on a corner of the array, then the same line again, timed.
HARNESS = """
import resource, warnings
warnings.simplefilter("ignore")
def used():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
{before}
whole, pores = pores, np.ascontiguousarray(pores[:16, :16, :16])
{line}
pores, started = whole, used()
{line}
seconds = used() - started
{after}
print(seconds)
"""


def sample(size: int) -> np.ndarray:
    """Smoothed noise cut at its median: pores, 1, are half of the volume and percolate."""
    field = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((size,) * 3), 3.0)
    return (field > np.median(field)).astype(np.uint8)


def measured(python, program: str, folder: Path) -> tuple[int, float, float]:
    """Lines, value and seconds of one program."""
    lines = program.strip().splitlines()
    computing = next(number for number, line in enumerate(lines) if line.startswith("found"))
    code = HARNESS.format(before="\n".join(lines[:computing]), line=lines[computing], after="\n".join(lines[computing + 1:]))
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    done = subprocess.run([str(python), "-c", code], cwd=folder, capture_output=True, text=True, env=os.environ | one,
                          timeout=3600)
    if done.returncode:
        raise SystemExit(done.stderr)
    numbers = [float(line) for line in done.stdout.split() if re.fullmatch(r"[\d.e+-]+", line)]
    return len(lines), numbers[-2], numbers[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "pores.npy", sample(size))
        tight = PROGRAMS["pfsolid"][1].replace('directions="z"', 'directions="z", tolerance=1e-8, error="none"')
        reference = measured(sys.executable, tight, Path(folder))[1]
        print(f"{size}^3 voxels, tortuosity factor along the first axis; pfsolid with tolerance 1e-8: {reference:.5f}\n")
        print("| | lines | tortuosity factor | from that | processor seconds |\n|---|---|---|---|---|")
        for name, (python, program) in PROGRAMS.items():
            lines, value, seconds = measured(python, program, Path(folder))
            print(f"| {name} | {lines} | {value:.4f} | {100 * (value / reference - 1):+.2f} % | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
