"""How many threads a rank takes: what is asked for, else what the site leaves it.  For the command line and for Python."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numba

from ..errors import InputError
from ..process import dropped
from ..text import plural

_LIMITS = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK")
_CGROUPS = Path("/sys/fs/cgroup")


def take_threads(threads: int | None, num_ranks: int) -> tuple[int, int]:
    """Let numba's kernels run on so many threads of this rank; how many that are, and how many they were before.

    Parameters
    ----------
    threads : int, optional
        None: `default_threads`.  A number that is asked for may pass the limits of the environment, as it is younger,
        but not what numba was started with, which is NUMBA_NUM_THREADS or the cores this process may run on.
    num_ranks : int
        Of the launch.

    Raises
    ------
    InputError
        If there are fewer cores than threads, or numba cannot start them.
    """
    most = numba.config.NUMBA_NUM_THREADS
    if threads is None:
        threads = default_threads(num_ranks)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InputError(f"threads = {threads!r}: must be a whole number from 1 to {most}")
    if threads > most:
        raise InputError(f"threads = {threads}: {_why_no_more(most, threads)}")
    try:
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
    except ValueError as error:  # the layer asked for is not there
        layer = numba.config.THREADING_LAYER
        raise InputError(f"NUMBA_THREADING_LAYER={layer}: {' '.join(str(error).split())}; unset it") from None
    return threads, before


def default_threads(num_ranks: int) -> int:
    """One of several ranks takes one thread; one that is alone takes what all limits leave.

    The limits are the cores this process may run on, the processor time that its control group gets, NUMBA_NUM_THREADS,
    OMP_NUM_THREADS and SLURM_CPUS_PER_TASK.
    """
    if num_ranks > 1:
        return 1
    asked = [int(_limit(name)) for name in _LIMITS if _is_number(_limit(name))]
    return min([len(os.sched_getaffinity(0)), numba.config.NUMBA_NUM_THREADS, *asked, *_cores_of_control_group()])


def remarks_on_limits() -> list[str]:
    """What of the environment's settings means nothing, or slows all down, in a line each."""
    odd = dropped + [f"{name}={os.environ[name]}" for name in _LIMITS if _limit(name) and not _is_number(_limit(name))]
    remarks = [f"{setting} is no number of threads and not heeded" for setting in odd]
    if numba.config.DISABLE_JIT:
        remarks.append("NUMBA_DISABLE_JIT=1: kernels run as Python, a hundred times slower; unset it")
    return remarks


def remarks_on_waiting(threads: int) -> list[str]:
    """The same of threads that wait."""
    if threads > 1 and os.environ.get("OMP_WAIT_POLICY", "").lower() == "active":
        return ["OMP_WAIT_POLICY=active: idle threads keep the cores from those that work, and steps take up to 2.5 times "
                "as long; unset it, or make it passive"]
    return []


def _limit(name: str) -> str:
    """OMP_NUM_THREADS may be a list, of which the first is for the outermost level."""
    return os.environ.get(name, "").partition(",")[0].strip()


def _is_number(text: str) -> bool:
    return text.isdecimal() and int(text) > 0


def _cores_of_control_group() -> list[int]:
    """What a container's share of processor time comes to, in whole cores, the group's and those of the groups above it.

    More threads than that are all halted for the rest of each period once it is used up.
    """
    shares = []
    for folder in _control_groups():
        with suppress(OSError, ValueError):  # version 2: "max 100000" where there is no limit
            quota, period = (folder / "cpu.max").read_text().split()
            shares.append(int(quota) / int(period))
        with suppress(OSError, ValueError, ZeroDivisionError):  # version 1: -1
            quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
            shares += [quota / period] if quota > 0 else []
    return [max(1, int(share)) for share in shares]


def _control_groups() -> list[Path]:
    """Folders of this process's groups, the root's included, which is a container's own."""
    folders = [_CGROUPS, _CGROUPS / "cpu"]
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            root = _CGROUPS / controllers if controllers else _CGROUPS
            folders += [root / one for one in map(str, [Path(path.lstrip("/")), *Path(path.lstrip("/")).parents])]
    return folders


def _why_no_more(most: int, threads: int) -> str:
    if "NUMBA_NUM_THREADS" in os.environ:
        return f"NUMBA_NUM_THREADS={most} allows no more than that"
    everything = os.cpu_count() or most
    if most < threads <= everything:
        return (f"this launch gives a rank {plural(most, 'core')} of {everything}; give it more: mpirun --map-by "
                f"slot:PE={threads}, srun --cpus-per-task={threads}, or mpirun --bind-to none")
    return f"this machine has {plural(everything, 'core')}; use at most as many threads for all its ranks together"
