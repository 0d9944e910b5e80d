"""Arrays by what they hold, for annotations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # of more than one type
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8] | npt.NDArray[np.uint32]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
