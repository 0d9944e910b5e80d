"""One decorator for every compiled kernel, and the list of them all."""

from __future__ import annotations

from numba import njit

# Sums may be taken in another order and quotients as products, so that loops become vectors; NaN and infinity keep their
# meaning, on which the checks of a field rely.
_FAST_MATH = {"reassoc", "contract", "nsz", "arcp"}

KERNELS: list = []  # of the modules that are loaded, in the order of their loading


def kernel(parallel: bool = False, fast: bool = False, inline: bool = False, divides: bool = False):
    """Decorator: compile with numba at the first call, keep the machine code on disk, put the kernel on the list.

    Parameters
    ----------
    parallel : bool
        Its ``prange`` loops are divided over the threads.
    fast : bool
        Rounding may differ from that of the source's order, the same on every call.
    divides : bool
        Division by zero is not an error but infinity, without which loops with a division do not become vectors.
    inline : bool
        Becomes part of the kernels that call it and is not compiled by itself.
    """
    def make(function):
        compiled = njit(cache=True, parallel=parallel, fastmath=_FAST_MATH if fast else False,
                        inline="always" if inline else "never", error_model="numpy" if divides else "python")(function)
        KERNELS.append(compiled)
        return compiled

    return make
