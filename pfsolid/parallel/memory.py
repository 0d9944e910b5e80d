"""Whether what is to be computed fits into the memory of the nodes, asked before a large file is read."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..text import in_binary_units, plural
from .collective import on_root
from .communicator import node_of

_ROOT = Path("/")
_LIMITS = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))  # cgroup 2 and 1


def check_memory(num_voxels: int, bytes_per_voxel: float, program_bytes: float, comm, what: str = "the image",
                 remedy: str = "crop it, make its voxels coarser, or use more nodes") -> None:
    """Raise InputError where a node has not the memory that its ranks' slabs need.  Collective.

    Parameters
    ----------
    num_voxels : int
        Of the grid, over all ranks.
    bytes_per_voxel : float
        At the peak of the computation.
    program_bytes : float
        Of a rank, besides.
    comm : Communicator
    what, remedy : str
        What is too large and what to do, for the message.

    Raises
    ------
    InputError
        On all ranks, with what is needed and what there is on the node that is worst off.
    """
    with node_of(comm) as node:
        here = node.Get_size() * (num_voxels / comm.Get_size() * bytes_per_voxel + program_bytes)
        available = on_root(node, available_bytes)
        nodes = comm.allgather((available, here, node.Get_size()) if available is not None else None)
    worst = min((n for n in nodes if n is not None), key=lambda n: n[0] - n[1], default=None)
    if worst is None or worst[1] <= worst[0]:
        return
    available, needed, num_ranks = worst
    raise InputError(f"{what} has {num_voxels:,} voxels of about {bytes_per_voxel:.0f} bytes: that takes "
                     f"{in_binary_units(int(needed))} for the {plural(num_ranks, 'rank')} on a node, which has "
                     f"{in_binary_units(int(available))} free; {remedy}")


def available_bytes(root: Path = _ROOT) -> int | None:
    """Memory that processes on this node can still take: the system's and that of the job's control groups.

    Parameters
    ----------
    root : Path
        Of the file system with /proc and /sys, for tests.

    Returns
    -------
    int or None
        None where the system does not say.
    """
    found = [_room_in(folder) for folder in _control_groups(root)] + [_free_in_system(root)]
    return min((room for room in found if room is not None), default=None)


def _free_in_system(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _control_groups(root: Path) -> list[Path]:
    """Folders of this process's memory groups and of all above them, whose limits hold too."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            mount = root / "sys/fs/cgroup" / controllers
            inside = mount / path.lstrip("/")
            # In a container the path may be the host's, of which only the mount is to be seen.
            folders += [folder for folder in (inside, *inside.parents) if folder.is_relative_to(mount)]
    return folders


def _room_in(folder: Path) -> int | None:
    """Limit less use of a group; what it holds of files can be given up."""
    for limit_name, use_name in _LIMITS:
        try:
            limit, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit_name, use_name))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):  # no such file, or no limit: 'max'
            continue
        reclaimable = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
        return max(0, limit - used + reclaimable)
    return None
