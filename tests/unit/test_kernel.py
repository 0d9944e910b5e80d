"""Every compiled kernel is on the list that the warm-up walks, and the warm-up compiles them all."""

import ast
import subprocess
import sys
from pathlib import Path

import pfsolid

ROOT = Path(pfsolid.__file__).parent

# Prints what is left uncompiled after both kinds of runs, of the kernels that Python calls: those that other kernels call
# come along with them, also out of the cache.
UNCOMPILED = """
from pfsolid.kernel import KERNELS
from pfsolid.machine.warmup import compile_all
for interface_diffusion in (0.0, 1.0):
    compile_all({"precision": "double", "interface_diffusion": interface_diffusion, "relative_tolerance": 1e-4})
called = {(k.__module__, name) for k in KERNELS for name in k.py_func.__code__.co_names}
print("left:", *(f"{k.__module__}.{k.__name__}" for k in KERNELS
                 if not k.signatures and (k.__module__, k.__name__) not in called))
"""


def test_kernels_are_made_by_one_decorator():
    """numba's own decorators stand in kernel.py alone, so that no kernel is missing from the list."""
    users = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "numba":
                users |= {path.name for alias in node.names if alias.name != "prange"}
    assert users == {"kernel.py"}


def test_warm_up_compiles_every_kernel():
    found = subprocess.run([sys.executable, "-c", UNCOMPILED], capture_output=True, text=True, timeout=280, check=True)
    assert found.stdout.splitlines()[-1] == "left:"
