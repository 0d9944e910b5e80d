"""Options and small acts that the commands of `pfsolid` share."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

from ..errors import InputError
from ..parallel.collective import world

running: list[Path] = []  # the run directory at work, for what is said when a rank dies


def add_set(sub) -> None:
    sub.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides",
                     help="replace a value of the input; can be repeated")


def add_output(sub, text: str) -> None:
    sub.add_argument("-o", "--output", type=Path, metavar="DIR", help=text)
    sub.add_argument("--force", action="store_true", help="replace the results that an earlier run left there")


def add_threads(sub) -> None:
    sub.add_argument("--threads", type=int, metavar="N",
                     help="threads on each rank (default: all cores on one rank, 1 under mpirun)")


def edges_of(text: str | None) -> tuple[float, float, float] | None:
    """Edges of a voxel (nm) from `--voxel-nm`: one number, or three for x, y, z."""
    if text is None:
        return None
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) not in (1, 3) or not all(0 < edge < math.inf for edge in edges):
        raise InputError(f"--voxel-nm {text}: must be a positive length in nm, or three for x, y, z: 20 or 20,20,40")
    return tuple(edges * 3)[:3]


def session_of(options, config=None):
    from ..workflows.console import open_session  # after the arguments: numba takes a second to load

    threads = options.threads
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads}: at least 1 is needed")
    if threads is None and config is not None:
        threads = config.parallel.threads
    return open_session(threads)


def print_on_root(lines: list[str]) -> None:
    if world().Get_rank() != 0:
        return
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:  # whoever reads, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def draw(directory: Path, session) -> None:
    if session.is_root:
        try:
            for path in all_figures(directory):
                session.say(f"figure {path}")
        except Exception as error:  # a picture that fails must not cost a finished run
            session.warn(f"no figures: {error}; try again with: pfsolid plot {directory}")


def all_figures(directory: Path) -> list[Path]:
    """Draw all that there is to draw.  For one rank."""
    from ..plots.clusters import plot_clusters
    from ..plots.conduction import plot_conduction
    from ..plots.morphology import plot_morphology
    from ..plots.run import plot_run
    from ..workflows.image import is_image_study

    currents = plot_conduction(directory)
    if is_image_study(directory):
        return currents
    return plot_run(directory) + plot_morphology(directory) + plot_clusters(directory) + currents
