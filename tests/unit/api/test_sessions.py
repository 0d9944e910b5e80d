"""How people sit at it: cells in one process, stopped by the interrupt key; the same tensor by three doors."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.parallel.launch import environment_for_mpirun, python_module

# As a kernel does it: each cell is run in one namespace, and what it raises is told while the kernel goes on.
KERNEL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
names = {}
for cell in sys.stdin.read().split("# %%"):
    try:
        exec(cell, names)
    except BaseException as error:
        print("raised", type(error).__name__, flush=True)
"""
CELLS = """
import numpy as np, pfsolid as pf
labels = np.random.default_rng(1).integers(0, 2, (48, 48, 48))
working = lambda *_: print("working", flush=True)
# %%
pf.grow(24, 0.7, 0.4, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until={"max_steps": 10**6}, on_step=working)
# %%
found = pf.conductivity(labels, {0: 1e-6, 1: 1.0}, voxel_nm=1, solver="fft", tolerance=1e-12, progress=working)
# %%
layers = np.repeat([0, 1], 4)[:, None, None] * np.ones((8, 8, 8), int)
print("sigma", pf.conductivity(layers, {0: 1e-3, 1: 3e-3}, voxel_nm=20, directions="z").tensor[2, 2])
# %%
grown = pf.grow((1, 24, 24), 0.7, 0.4, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=10)
print("grown", grown.density.shape)
"""


def test_cells_are_interrupted_and_the_next_ones_run():
    process = subprocess.Popen([sys.executable, "-P", "-W", "ignore", "-c", KERNEL], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment_for_mpirun())
    process.stdin.write(CELLS)
    process.stdin.close()
    told, stopped = [], 0
    for line in process.stdout:
        told.append(line.split())
        if told[-1] == ["raised", "KeyboardInterrupt"]:
            stopped += 1
        elif told[-1] == ["working"] and sum(one == ["raised", "KeyboardInterrupt"] for one in told) == stopped:
            if len(told) < 2 or told[-2] != ["working"]:  # the first of its cell
                os.kill(process.pid, signal.SIGINT)
    assert process.wait(60) == 0, process.stderr.read()
    process.stderr.close()
    assert stopped == 2 and sum(one[0] == "raised" for one in told) == 2
    results = {one[0]: one[1:] for one in told}
    assert float(results["sigma"][0]) == pytest.approx(1.5e-3, rel=1e-4)  # the harmonic mean, to the tolerance
    assert results["grown"] == ["(1,", "24,", "24)"]


def test_the_same_tensor_by_three_doors(tmp_path):
    """From Python, by the command line, and by the command line on three ranks."""
    labels = (np.random.default_rng(2).random((10, 12, 14)) < 0.6).astype(np.uint8)
    np.save(tmp_path / "image.npy", labels)
    command = [*python_module("pfsolid"), "conduct", str(tmp_path / "image.npy"), "--sigma", "0=1e-6,1=1e-3", "--voxel-nm",
               "20", "--tolerance", "1e-8", "--directions", "z", "--set", "output.figures=false", "--threads", "1", "-o"]
    tensors = [pf.conductivity(labels, {0: 1e-6, 1: 1e-3}, voxel_nm=20, directions="z", tolerance=1e-8, threads=1).tensor]
    for launcher, name in (([], "one"), (["mpirun", "-n", "3", "--oversubscribe"], "three")):
        done = subprocess.run([*launcher, *command, str(tmp_path / name)], capture_output=True, text=True, timeout=250,
                              env=environment_for_mpirun() | {"OMPI_MCA_mpi_yield_when_idle": "1"})
        assert done.returncode == 0, done.stderr
        tensors.append(json.loads((tmp_path / name / "result.json").read_text())["sigma_eff_S_per_cm"])
    assert tensors[0][2, 2] == tensors[1][2][2]
    assert tensors[2][2][2] == pytest.approx(tensors[0][2, 2], rel=3e-8)  # sums in another order, within the tolerance
