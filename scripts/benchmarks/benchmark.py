"""Speed and memory of pfsolid against the bare FFTW transforms it stands on.

    python scripts/benchmarks/benchmark.py fft [--sizes 64 128 256]  our transform against FFTW's own
    python scripts/benchmarks/benchmark.py step                      one Cahn-Hilliard step
    python scripts/benchmarks/benchmark.py conduction                one conjugate gradient iteration
    python scripts/benchmarks/benchmark.py conduction --peers        against TauFactor, OpenImpala, PoreSpy
    python scripts/benchmarks/benchmark.py ranks [--size 128]        1 rank x 2 threads against 2 ranks x 1 thread
    python scripts/benchmarks/benchmark.py memory [--size 256]       peak memory of both solvers, bytes per voxel

Everything that is compared is measured in turns in one run, so that a busy machine slows both alike; the ratios are
what to look at.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
from mpi4py_fft import fftw

from pfsolid.conduction.finite_volumes import ConductionSystem
from pfsolid.conduction.phases import labels_from_density
from pfsolid.grid import PeriodicGrid
from pfsolid.parallel.communicator import world
from pfsolid.parallel.launch import environment_for_mpirun
from pfsolid.phasefield.initial import fill_noise
from pfsolid.phasefield.steppers import CahnHilliard, StepControl
from pfsolid.spectral.transform import SlabTransform

SPACING = 0.5 / 1.4  # voxels of 0.5 nm, surface depth 1.4 nm
SIGMA = np.array([0.0, 1.0, 1 / 3516])  # pore, surface, bulk of Hu 2017
ROUNDS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fft", "step", "conduction", "ranks", "memory", "worker"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--size", type=int)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peers", action="store_true", help="compare with other codes; first scripts/install_peers.sh")
    parser.add_argument("--rounds", type=int, default=3, help="of --peers: the best counts; 0 draws again what there is")
    parser.add_argument("--output", type=Path, default=Path("runs/peers"), help="of --peers: 'docs' for the documentation")
    parser.add_argument("--before", type=Path, help="of --peers: checkout of an older pfsolid, with its .venv")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "worker":
        worker(options)
    elif options.what == "ranks":
        compare_ranks(options.size or 128)
    elif options.what == "conduction" and options.peers:
        from benchmark_peers import compare_peers  # matplotlib, which the rest does not need

        compare_peers(options.size or 128, options.threads, options.rounds, options.output, options.before)
    elif options.what == "memory":
        compare_memory(options.size or 256, options.threads)
    else:
        for n in options.sizes:
            compare = {"fft": compare_fft, "step": compare_step, "conduction": compare_conduction}[options.what]
            compare(n, options.threads)


def bare_pair(n: int, threads: int):
    """A forward and a backward transform with FFTW alone, out of place, measured plans."""
    real = fftw.aligned((n, n, n), dtype=float)
    forward = fftw.rfftn(real, axes=(0, 1, 2), threads=threads, flags=(fftw.FFTW_MEASURE,))
    backward = fftw.irfftn(forward.output_array, axes=(0, 1, 2), threads=threads, flags=(fftw.FFTW_MEASURE,),
                           output_array=real)
    real[...] = 0.5

    def seconds() -> float:
        started = time.perf_counter()
        forward(None, None)
        backward(None, None)
        spent = time.perf_counter() - started
        real[...] = 0.5  # unnormalised: it would overflow after some rounds
        return spent

    seconds()
    return seconds


def best_bare(n: int, most_threads: int):
    """The faster of one thread and all."""
    candidates = {threads: bare_pair(n, threads) for threads in sorted({1, most_threads})}
    times = {threads: min(pair() for _ in range(5)) for threads, pair in candidates.items()}
    best = min(times, key=times.get)
    return best, candidates[best]


def timed(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def in_turns(first, second) -> tuple[float, float]:
    """Median seconds of two functions that time themselves, called in turns."""
    times = np.array([(first(), second()) for _ in range(ROUNDS)])
    return tuple(np.median(times, axis=0))


def report(what: str, n: int, ours: float, bare: float, threads: int, limit: str = "") -> None:
    print(f"{what:<12} {n:4d}^3  {ours * 1e3:8.2f} ms   FFTW pair ({threads} threads) {bare * 1e3:8.2f} ms   "
          f"ratio {ours / bare:5.2f} {limit}", flush=True)


def transform_of(n: int, threads: int, dtype: str = "float64") -> SlabTransform:
    numba.set_num_threads(threads)
    return SlabTransform(PeriodicGrid((n,) * 3, (SPACING,) * 3), world(), dtype, threads)


def compare_fft(n: int, threads: int) -> None:
    best, bare = best_bare(n, threads)
    transform = transform_of(n, threads)
    transform.real[...] = 0.5

    def pair():
        transform.forward()
        transform.backward()

    def ours() -> float:
        spent = timed(pair)
        transform.real[...] = 0.5
        return spent

    report("transform", n, *in_turns(ours, bare), best)


def stepper_of(n: int, threads: int, dtype: str = "float64"):
    """A stepper, past compilation, and a function that makes one step."""
    transform = transform_of(n, threads, dtype)
    stepper = CahnHilliard(transform)
    fill_noise(transform, 0.68, 0.02, 1)
    stepper.start(1e-3)
    control = StepControl(0.0)  # fixed step: no rejections among what is timed
    stepper.step(control)
    return stepper, lambda: stepper.step(control)


def compare_step(n: int, threads: int) -> None:
    best, bare = best_bare(n, threads)
    _, step = stepper_of(n, threads)
    report("step", n, *in_turns(lambda: timed(step), bare), best, "(asked: <= 1.8)")


def system_of(n: int, threads: int, dtype: str):
    """A conduction system on a field with a surface everywhere, and a function that makes one iteration."""
    transform = transform_of(n, threads, dtype)
    waves = [np.sin(2 * np.pi * 3 * x / length) for x, length in zip(transform.coordinates(), transform.grid.lengths)]
    rho = 0.5 + 0.35 * (waves[0] + waves[1] + waves[2])
    labels = labels_from_density(rho, 0.1, 0.9, transform)
    system = ConductionSystem(labels, SIGMA, transform)
    system.start(0)
    state = {"r_z": system.precondition(), "beta": 0.0}

    def iterate():
        alpha = state["r_z"] / system.advance_direction(state["beta"])
        system.update(alpha)
        before, state["r_z"] = state["r_z"], system.precondition()
        state["beta"] = state["r_z"] / before

    iterate()
    return system, iterate


def compare_conduction(n: int, threads: int) -> None:
    best, bare = best_bare(n, threads)
    for dtype in ("float32", "float64"):
        _, iterate = system_of(n, threads, dtype)
        report(f"CG {dtype}", n, *in_turns(lambda iterate=iterate: timed(iterate), bare), best, "(asked: <= 2.0)")


# --- other processes --------------------------------------------------------------------------------------------------


def worker(options) -> None:
    """Part of `ranks` and `memory`: prints one number on root."""
    case, n, threads = options.case, options.size, options.threads
    make = {"step": lambda: stepper_of(n, threads)[1], "conduction": lambda: system_of(n, threads, "float32")[1]}
    if case.startswith("memory"):
        # Peak of the whole process less that of a tiny problem, which holds Python, the libraries and the compiler.
        kind = case.split("-")[1]
        {"step": stepper_of, "conduction": lambda m, t: system_of(m, t, "float32")}[kind](16, threads)
        base = peak_bytes()
        function = make[kind]()
        for _ in range(3):
            function()
        print("RESULT", peak_bytes() - base, base, flush=True)
        return
    function = make[case]()
    comm, times = world(), []
    for _ in range(ROUNDS):
        comm.Barrier()
        times.append(timed(lambda: (function(), comm.Barrier())))
    if comm.Get_rank() == 0:
        print("RESULT", np.median(times), flush=True)


def peak_bytes() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


def launch(ranks: int, threads: int, case: str, n: int) -> list[float]:
    command = [sys.executable, __file__, "worker", "--case", case, "--size", str(n), "--threads", str(threads)]
    if ranks > 1:
        command = [shutil.which("mpirun"), "-n", str(ranks)] + command
    done = subprocess.run(command, capture_output=True, text=True, env=environment_for_mpirun(), timeout=900)
    found = re.search(r"RESULT (.*)", done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return [float(x) for x in found[1].split()]


def compare_ranks(n: int) -> None:
    for case in ("step", "conduction"):
        # Other processes can only slow one down: the best of several launches in turns is the fair figure.
        one, two = np.min([(launch(1, 2, case, n)[0], launch(2, 1, case, n)[0]) for _ in range(4)], axis=0)
        print(f"{case:<12} {n:4d}^3  1 rank x 2 threads {one * 1e3:8.2f} ms   2 ranks {two * 1e3:8.2f} ms   "
              f"ratio {two / one:5.2f} (asked: <= 1.6)", flush=True)


def compare_memory(n: int, threads: int) -> None:
    for case in ("step", "conduction"):
        growth, base = launch(1, threads, f"memory-{case}", n)
        print(f"{case:<12} {n:4d}^3  {growth / n**3:6.1f} bytes per voxel, and {base / 2**20:.0f} MiB for the program "
              f"itself; together {(growth + base) / n**3:.1f} (asked: <= 110)", flush=True)


if __name__ == "__main__":
    main()
