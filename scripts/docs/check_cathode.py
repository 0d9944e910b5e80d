"""The worked cathode at 128^3: every number of docs/tutorials/cathode.md against a computation of its own.

    python scripts/docs/check_cathode.py [--voxels 128]

The page's lines of shell and of Python are run on a folder of that many slices; beside what they find stands what NumPy
counts, `scipy.ndimage` connects, a network of resistors of `scipy.sparse` conducts by conjugate gradients, and what is
known of the Gaussian fields that the phases are made of.  Prints the table of that page.
"""

import argparse
import contextlib
import csv
import json
import re
import resource
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from common import ROOT
from compare_measures import of_gaussian_fields
from helpers.pages import blocks_of
from make_sample_image import FRACTION_ACTIVE, cathode
from scipy import integrate, ndimage, sparse, stats

PAGE = ROOT / "docs" / "tutorials" / "cathode.md"
H = 100.0  # nm
SE, CAM = 1, 2
SIGMA = {"ion": {SE: 1e-3}, "electron": {CAM: 5e-3}}


def resistors(stack: np.ndarray, sigma: dict[int, float]) -> float:
    """S/cm along z between plates, of voxels joined by resistors in series: conjugate gradients on what conducts and hangs
    together with a plate, stopped at 1e-10."""
    s = np.zeros(256)
    s[list(sigma)] = list(sigma.values())
    s = s[stack]
    bodies, _ = ndimage.label(s > 0)
    through = np.intersect1d(bodies[0], bodies[-1])
    inside = np.isin(bodies, through[through > 0])
    number = np.full(stack.shape, -1)
    number[inside] = np.arange(inside.sum())
    rows, columns, values = [], [], []
    for axis in range(3):
        one, two = (np.moveaxis(number, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        a, b = (np.moveaxis(s, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        joined = (one >= 0) & (two >= 0)
        rows.append(one[joined])
        columns.append(two[joined])
        values.append(2 * a[joined] * b[joined] / (a[joined] + b[joined]))
    i, j, g = map(np.concatenate, (rows, columns, values))
    size = int(inside.sum())
    diagonal, source = np.zeros(size), np.zeros(size)
    for plane, volts in ((0, 1.0), (-1, 0.0)):  # half a voxel from the plates
        here, own = number[plane], 2 * s[plane]
        np.add.at(diagonal, here[here >= 0], own[here >= 0])
        np.add.at(source, here[here >= 0], volts * own[here >= 0])
    np.add.at(diagonal, i, g)
    np.add.at(diagonal, j, g)
    matrix = sparse.csr_matrix((np.concatenate([diagonal, -g, -g]), (np.concatenate([np.arange(size), i, j]),
                                                                     np.concatenate([np.arange(size), j, i]))))
    potential, _ = sparse.linalg.cg(matrix, source, x0=source * 0 + 0.5, rtol=1e-10, maxiter=20000,
                                    M=sparse.diags(1 / diagonal))
    last = number[-1] >= 0
    current = np.sum(2 * s[-1][last] * potential[number[-1][last]])
    return float(current * stack.shape[0] / (stack.shape[1] * stack.shape[2]))


def reached_by_both(stack: np.ndarray) -> float:
    """Share of the active material in bodies that hang on the collector, the last plane, and that electrolyte touches which
    hangs on the separator, the first."""
    electrolyte, active = ndimage.label(stack == SE)[0], ndimage.label(stack == CAM)[0]
    wet = np.isin(electrolyte, np.setdiff1d(electrolyte[0], [0]))
    touched = ndimage.binary_dilation(wet, ndimage.generate_binary_structure(3, 1)) & (stack == CAM)
    bodies = np.intersect1d(np.setdiff1d(active[-1], [0]), np.unique(active[touched]))
    return float(np.isin(active, bodies).sum() / (stack == CAM).sum())


def faces(stack: np.ndarray, a: int, b: int) -> float:
    """Area of faces between two phases, 1/nm."""
    count = 0
    for axis in range(3):
        x = np.moveaxis(stack, axis, 0)
        count += np.sum((np.minimum(x[1:], x[:-1]) == min(a, b)) & (np.maximum(x[1:], x[:-1]) == max(a, b)))
    return count / stack.size / H


def sample_part(voxels: int) -> float:
    """Half the 95 % interval over the mean of the fraction of active material: the variance of a mean over the volume, from
    the covariance of a Gaussian field of correlation exp(-r^2 / (4 L^2)) that is cut at its quantile."""
    u, length = stats.norm.ppf(1 - FRACTION_ACTIVE), 4.0

    def covariance(r: float) -> float:  # d P(both above u) / d rho is the density of the pair at (u, u)
        rho = np.exp(-r * r / (4 * length**2))
        return integrate.quad(lambda t: np.exp(-u * u / (1 + t)) / (2 * np.pi * np.sqrt(1 - t * t)), 0, rho)[0]

    volume = integrate.quad(lambda r: 4 * np.pi * r * r * covariance(r), 1e-6, 40 * length, limit=200)[0]
    return 1.96 * np.sqrt(volume / voxels**3) / FRACTION_ACTIVE


def run_page(voxels: int) -> tuple[dict, dict, str, float]:
    """What the page's lines of Python and of shell find in the current folder: names, pybamm.json, what was printed,
    processor seconds of the shell lines."""
    sizes = ",".join(str(voxels // part) for part in (2, 3, 4))
    shell = next(block for block in blocks_of(PAGE) if block.language == "shell").code.replace("24,16,12", sizes)
    began = used(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["bash", "-e", "-c", shell], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds = used(resource.RUSAGE_CHILDREN) - began
    code = [block for block in blocks_of(PAGE) if block.language == "python"][-1].code
    names: dict = {}
    with contextlib.redirect_stdout(None):
        exec(code.replace("[24, 16, 12]", f"[{sizes}]"), names)
    return names, json.loads(Path("both/pybamm.json").read_text()), done.stdout, seconds


def used(who: int) -> float:
    return sum(resource.getrusage(who)[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxels", type=int, default=128)
    options = parser.parse_args()
    stack = cathode(options.voxels)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("slices").mkdir()
        for number, plane in enumerate(stack):
            tifffile.imwrite(f"slices/slice_{number}.tif", plane)
        names, exported, printed, seconds = run_page(options.voxels)
        with open("cathode.csv", newline="") as file:
            rows_of_csv = sum(1 for _ in csv.reader(file))
        page = Path("both/report.html").stat().st_size
    found, both, sample = names["found"], names["both"], names["sample"]
    sigma = {name: resistors(stack, one) for name, one in SIGMA.items()}
    known, fraction = of_gaussian_fields(1.0), float(np.mean(stack == SE))
    efficiency = sigma["ion"] / 1e-3
    share = found.phases[SE].plates.both_plates_xyz[2]
    clusters = ndimage.label(stack == SE)[0]
    through = np.setdiff1d(np.intersect1d(clusters[0], clusters[-1]), [0])
    area = next(one.area for one in found.interfaces if tuple(one.labels) == (SE, CAM))
    along, name = both.along("z"), "Positive electrode "
    rows = [
        ("fraction of SE", found.volume_fractions["SE"], fraction, "counted"),
        ("SE connected to both plates along z", share, float(np.isin(clusters, through).sum() / (stack == SE).sum()),
         "`ndimage.label`"),
        ("area SE \\| CAM by faces (1/nm)", area.area_faces_per_nm, faces(stack, SE, CAM), "counted"),
        ("area SE \\| CAM by normals (1/nm)", area.area_normals_per_nm, known["area 1|2"] / H,
         "mean of the Gaussian fields"),
        ("triple line (1/nm²)", found.triple_line_per_nm2["pore", "SE", "CAM"], known["triple line"] / H**2,
         "mean of the Gaussian fields"),
        ("σ_zz of ions (S/cm)", both["ion"].tensor[2, 2], sigma["ion"], "sparse resistors"),
        ("σ_zz of electrons (S/cm)", both["electron"].tensor[2, 2], sigma["electron"], "sparse resistors"),
        ("ambipolar σ_zz (S/cm)", along.ambipolar_S_per_cm, 1 / (1 / sigma["ion"] + 1 / sigma["electron"]), "of these"),
        ("CAM that both reach", along.active_reached_by_both, reached_by_both(stack), "`ndimage.label`"),
        ("PyBaMM: porosity", exported[f"{name}porosity"], fraction, "counted"),
        ("PyBaMM: tortuosity factor of the electrolyte", exported[f"{name}tortuosity factor (electrolyte)"],
         fraction / efficiency, "ε σ₀/σ of these"),
        ("PyBaMM: tortuosity factor of the electrode", exported[f"{name}tortuosity factor (electrode)"],
         (1 - fraction) * 5e-3 / sigma["electron"], "(1 − ε) σ₀/σ of these"),
        ("sample's part in the fraction of CAM", sample.of("fraction of CAM").sample_relative, sample_part(options.voxels),
         "covariance of the Gaussian field")]
    print(f"| {options.voxels}³ | pfsolid | otherwise | difference | by |\n|---|---|---|---|---|")
    for what, here, there, by in rows:
        print(f"| {what} | {here:.6g} | {there:.6g} | {100 * (here / there - 1):+.2g} % | {by} |")
    print(f"\ncathode.csv: {rows_of_csv} rows; report.html: {page / 1e6:.2f} MB; shell lines: {seconds:.0f} s of processors")
    print(re.sub(r"(?m)^", "  ", printed))


if __name__ == "__main__":
    main()
