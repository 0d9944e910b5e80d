"""Prints what the installed pfsolid requires, extras included, apart from what is bound to MPI.

For the set-up scripts: mpi4py, mpi4py-fft, h5py and petsc4py come from the distribution or are built against
the cluster's MPI, with the NumPy they belong to; pip would bring others.
"""

import re
from importlib.metadata import requires

HANDLED_ELSEWHERE = {"numpy", "mpi4py", "mpi4py-fft", "h5py", "petsc4py"}

for line in requires("pfsolid"):
    requirement = line.partition(";")[0].strip()
    if re.match(r"[\w.-]+", requirement)[0] not in HANDLED_ELSEWHERE:
        print(requirement)
