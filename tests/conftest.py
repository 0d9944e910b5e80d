"""Puts this directory on the import path, for `helpers`, and keeps the kernels to one thread.

The fields of the tests are small, and under mpirun the ranks fill the cores.
"""

import numba

numba.set_num_threads(1)
