"""`pf.measure` beside TauFactor and PoreSpy on the same arrays: values and processor seconds, the table of docs/measure.md.

    scripts/install_peers.sh
    python scripts/docs/compare_measures.py [--size 128] [--turns 3]

Arrays: a halved ball of radius 0.3125 N, whose areas and triple line are known, and the cathode of make_sample_image.py, of
whose Gaussian fields they are known in the mean, as it is and with all lengths twice as many voxels.  Every code has a
process of its own on one thread and is warmed up on a corner; they take turns, and the least of each is shown.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import ROOT
from make_sample_image import FRACTION_ACTIVE, FRACTION_PORE, cathode
from scipy.special import ndtri

PEERS = Path(os.environ.get("PFSOLID_PEERS_VENV", ROOT / ".venv-peers")) / "bin" / "python"
HARNESS = """
import json, os, resource, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
lines = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
whole = np.load(sys.argv[1])
def used():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
def timed(name, function, found):
    m = len(whole) // 2
    function(np.ascontiguousarray(whole[m + 16:m + 48, m - 16:m + 16, m - 16:m + 16]))
    began = used()
    values = function(whole)
    found[name] = [used() - began, {key: float(value) for key, value in values.items()}]
found = {}
"""
# What each measures, per volume in voxels: its own functions, the calls that its documentation shows.
PROGRAMS = {
    "pfsolid": (sys.executable, """
import pfsolid as pf
def measure(array):
    one = pf.measure(pf.Image(array, voxel_nm=1))
    both = {tuple(part.labels): part.area for part in one.interfaces}
    values = {"fraction": one.phases[1].volume_fraction}
    for way in ("faces", "normals", "crofton"):
        values[f"area 1|2 ({way})"] = getattr(both[1, 2], f"area_{way}_per_nm")
        values[f"area of 1 ({way})"] = getattr(one.phases[1].area, f"area_{way}_per_nm")
    values["triple line"] = sum(part.length_per_nm2 for part in one.triple_lines)
    values["through"] = one.phases[1].plates.both_plates_xyz[2]
    values["thickness"] = one.phases[1].thickness.mean_nm
    return values
timed("all of it", measure, found)
"""),
    "TauFactor": (PEERS, """
import torch
torch.set_num_threads(1)
from taufactor import metrics as m
timed("fraction", lambda a: {"fraction": m.volume_fraction(a)["1"]}, found)
timed("faces", lambda a: {"area 1|2 (faces)": m.interfacial_areas(a, device="cpu").get((1, 2), 0)}, found)
timed("gradient", lambda a: {"area of 1 (gradient)": m.specific_surface_area(a, device="cpu")["1"]}, found)
timed("marching", lambda a: {"area of 1 (marching cubes)": m.specific_surface_area(
    a, method="marching_cubes", device="cpu", phases={"1": 1})["1"]}, found)
edges = lambda n: 3 * n * (n - 1) ** 2 / n**3
timed("triple line", lambda a: {"triple line (edges)": m.triple_phase_boundary(a.astype(int)) * edges(len(a))}, found)
def through(a):
    masks, shares = m.extract_through_feature(a, 1, "x")
    return {"through": np.ravel(shares)[0]}
timed("through", through, found)
"""),
    "PoreSpy": (PEERS, """
import porespy as ps
ps.settings.tqdm["disable"] = True
timed("fraction", lambda a: {"fraction": ps.metrics.phase_fraction(a)[1]}, found)
def areas(a):
    regions = a.astype(int) + 1
    own = ps.metrics.region_surface_areas(regions)
    pairs = ps.metrics.region_interface_areas(regions, own)
    between = {tuple(sorted(map(int, pair))): area for pair, area in zip(pairs.conns, np.ravel(pairs.area))}
    return {"area 1|2 (marching cubes)": between.get((1, 2), 0) / a.size, "area of 1 (marching cubes)": own[1] / a.size}
timed("areas", areas, found)
def through(a):
    inlets, outlets = np.zeros(a.shape, bool), np.zeros(a.shape, bool)
    inlets[0], outlets[-1] = True, True
    left = ps.filters.trim_nonpercolating_paths(a == 1, inlets=inlets, outlets=outlets)
    return {"through": left.sum() / (a == 1).sum()}
timed("through", through, found)
timed("thickness", lambda a: {"thickness": 2 * ps.filters.local_thickness(a == 1)[a == 1].mean()}, found)
"""),
}


def halved_ball(n: int) -> tuple[np.ndarray, dict[str, float]]:
    """Labels, and what is right per volume."""
    radius, middle = 0.3125 * n, n / 2 + np.array([0.21, 0.37, 0.11])
    z, y, x = (np.arange(n) + 0.5 - at for at in middle)
    square = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
    labels = np.where(square <= radius**2, np.where(x > 0, 1, 2), 0).astype(np.uint8)
    disc, volume = np.pi * radius**2, n**3
    return labels, {"area 1|2": disc / volume, "area of 1": 3 * disc / volume, "triple line": 2 * np.pi * radius / volume,
                    "fraction": 2 / 3 * np.pi * radius**3 / volume, "through": 0.0}


def of_gaussian_fields(scale: float) -> dict[str, float]:
    """What the cathode's fields have in the mean (Rice): level sets of area E|grad g| p(u), E|grad g| = s sqrt(8/pi), and
    lines of length E|grad g1 x grad g2| p(u1) p(u2), the mean of the product being 2 s1 s2; per volume in voxels."""
    u1, u2 = ndtri(1 - FRACTION_ACTIVE), ndtri(FRACTION_PORE / (1 - FRACTION_ACTIVE))
    s1, s2 = (1 / (np.sqrt(2) * length * scale) for length in (4.0, 2.0))  # of correlations exp(-r^2 / (4 length^2))
    p1, p2 = (np.exp(-u * u / 2) / np.sqrt(2 * np.pi) for u in (u1, u2))
    active, between = np.sqrt(8 / np.pi) * s1 * p1, np.sqrt(8 / np.pi) * s2 * p2
    pore = FRACTION_PORE / (1 - FRACTION_ACTIVE)
    on_active = active * (1 - pore)
    return {"area 1|2": on_active, "area of 1": on_active + (1 - FRACTION_ACTIVE) * between,
            "triple line": 2 * s1 * s2 * p1 * p2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    ball, right = halved_ball(options.size)
    with tempfile.TemporaryDirectory() as folder:
        cases = [("halved ball", ball, right)]
        cases += [(f"cathode, lengths times {scale:g}", cathode(options.size, scale), of_gaussian_fields(scale))
                  for scale in (1.0, 2.0)]
        for name, array, exact in cases:
            path = Path(folder) / f"{name.replace(' ', '_')}.npy"
            np.save(path, array)
            show(name, [(code, one_turn(code, path)) for _ in range(options.turns) for code in PROGRAMS], exact)


def one_turn(code: str, path: Path) -> dict:
    python, program = PROGRAMS[code]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run([python, "-c", HARNESS + program + "\nprint(json.dumps(found), file=lines, flush=True)", path],
                          capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{code}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def show(name: str, turns: list[tuple[str, dict]], exact: dict[str, float]) -> None:
    print(f"\n{name}\n")
    for code in PROGRAMS:
        mine = [found for who, found in turns if who == code]
        for what in mine[0]:
            seconds = min(found[what][0] for found in mine)
            for key, value in mine[0][what][1].items():
                known = next((right for of, right in exact.items() if key.startswith(of)), None)
                off = "" if not known else f" ({100 * (value / known - 1):+.1f} %)"
                print(f"| {code} | {what} | {seconds:.2f} s | {key} | {value:.5g}{off} |")


if __name__ == "__main__":
    main()
