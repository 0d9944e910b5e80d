"""Prints what the installed pfsolid requires, apart from what is bound to MPI.

    requirements.py            # extras included, but for those of `docs` and `types`
    requirements.py docs       # those of one extra alone

For the set-up scripts: mpi4py, mpi4py-fft, h5py and petsc4py come from the distribution or are built against
the cluster's MPI, with the NumPy they belong to; pip would bring others.
"""

import re
import sys
from importlib.metadata import requires

HANDLED_ELSEWHERE = {"numpy", "mpi4py", "mpi4py-fft", "h5py", "petsc4py"}

wanted = sys.argv[1] if len(sys.argv) > 1 else None
for line in requires("pfsolid"):
    requirement, _, marker = line.partition(";")
    extra = re.search(r"extra == ['\"](.+)['\"]", marker)
    extra = extra[1] if extra else None
    named = re.match(r"[\w.-]+", requirement)[0] not in HANDLED_ELSEWHERE
    if named and (extra == wanted if wanted else extra not in ("docs", "types")):
        print(re.sub(r"[ ()]", "", requirement))  # older setuptools write "name (>=1)", which a shell would split
