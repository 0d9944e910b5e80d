"""How every contestant of benchmark_peers.py is measured, each in a process and an environment of its own.

A runner calls :func:`run` with a function that solves one image to one setting.  It is warmed up on a tiny image first,
so that what is timed is the way from the image in memory to the value; what came before is reported as the start.
One JSON line for each value goes to standard output, which the contestant itself cannot write on.
"""

import gc
import json
import os
import sys
import time

import numpy as np

WARM_UP_SIZE = 16


def run(load) -> None:
    """Measure ``solve(labels, sigma, setting)``, which ``load()`` imports; argv: image.npy, JSON of sigma and settings.

    ``solve`` yields one or more tuples (value, iterations, stopped): the effective conductivity along x after as many
    iterations, and whether the code would have stopped here by itself.  Time counts from its call to each yield.
    """
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    path, sigma, settings = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    bare = memory("VmRSS")
    started = time.perf_counter()
    solve = load()
    for _ in solve(tiny_image(len(sigma)), sigma, settings[0]):
        pass
    start_seconds = time.perf_counter() - started
    labels = np.load(path)
    for setting in settings:
        gc.collect()  # what an earlier setting left behind is not this one's memory
        reset_peak()
        started, cpu_started = time.perf_counter(), time.process_time()
        for value, iterations, stopped in solve(labels, sigma, setting):
            seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
            result = {"setting": setting, "seconds": seconds, "cpu_seconds": cpu_seconds, "value": float(value),
                      "iterations": int(iterations), "stopped": bool(stopped), "start_seconds": start_seconds,
                      "peak_bytes": memory("VmHWM") - bare}
            print(json.dumps(result), file=lines, flush=True)


def tiny_image(num_labels: int) -> np.ndarray:
    """All labels, and a conducting path along every axis."""
    labels = np.ones((WARM_UP_SIZE,) * 3, dtype=np.uint8)
    labels[4:8, 4:8, 4:8] = 0
    labels[-4:, :, -4:] = num_labels - 1
    return labels


def memory(what: str) -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(what))


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
