"""pfsolid: from the surface physics of a solid electrolyte to its effective ionic conductivity."""

import os as _os

__version__ = "0.1.0"

# Idle OpenMP threads of numba must sleep, not spin: spinning ones keep the cores from FFTW's threads and a step takes
# 2.5 times as long.  The runtime reads this when it is loaded, hence before anything else.
_os.environ.setdefault("OMP_WAIT_POLICY", "passive")
