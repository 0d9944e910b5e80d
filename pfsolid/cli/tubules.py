"""`pfsolid tubules`: aligned tubules and columns."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ..errors import InputError
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..text import as_word
from .options import a_path, add_threads, print_on_root, session_of

# Options and the keys of [tubules] that they stand for.
_KEYS = ("shape", "pitch_nm", "length_nm", "diameter_nm", "wall_nm", "section", "cells", "ends", "gap_nm", "root_nm")
_LISTS = ("shape", "cells")


def add_commands(command: Callable[..., Any]) -> None:
    """Add `tubules`."""
    sub = command("tubules", _tubules, "make aligned tubules or columns on a hexagonal lattice, along z: an image of "
                  "labels, 0 between them, 1 walls, 2 inside, 3 roots; inputs with [tubules] are conducted without it")
    sub.add_argument("input", type=a_path, nargs="?", metavar="INPUT", help="a TOML file with the section [tubules], such "
                     "as those of inputs/mixed_conductors")
    sub.add_argument("-o", "--output", type=a_path, metavar="FILE.h5", required=True, help="the image")
    sub.add_argument("--force", action="store_true", help="replace it where it is there already")
    sub.add_argument("--shape", metavar="NX,NY,NZ", help="voxels: 64,112,64 along x, y, z; 1.73 times as many along y "
                     "as along x make them square")
    sub.add_argument("--pitch-nm", metavar="P", help="from axis to axis")
    sub.add_argument("--length-nm", metavar="L", help="of the cell along z")
    sub.add_argument("--diameter-nm", metavar="D", help="outside; of a hexagon from side to side")
    sub.add_argument("--wall-nm", metavar="W", help="of the walls; without it they are columns")
    sub.add_argument("--section", metavar="SHAPE", help="hexagon (default) or circle")
    sub.add_argument("--cells", metavar="A,B", help="rectangles of two along x and y (default: 1,1)")
    sub.add_argument("--ends", metavar="ENDS", help="at z = 0: rooted (default), or free, --gap-nm short of it")
    sub.add_argument("--gap-nm", metavar="G", help="between z = 0 and free ends")
    sub.add_argument("--root-nm", metavar="R", help="first part of the walls that is another material, label 3")
    add_threads(sub)


def _tubules(options: Namespace) -> None:
    from ..workflows.tubules import check_output, tubules_lines, write_tubules

    config = on_root(world(), _config, options)
    on_root(world(), check_output, options.output, options.force)
    with session_of(options, catch_signals=False) as session:
        made = write_tubules(config, options.output, session)
    print_on_root([*tubules_lines(made), f"{options.output}; for example: pfsolid conduct {as_word(options.output)} "
                   "--sigma 0=0,1=1e-3,*=0"])


def _config(options: Namespace) -> Any:
    from ..config.text import Override
    from ..config.tubules import tubules_config, tubules_of_file

    given = {name: getattr(options, name) for name in _KEYS if getattr(options, name) is not None}
    if options.input is None and not given:
        raise InputError("pfsolid tubules: give an INPUT with the section [tubules], or --shape, --pitch-nm, --length-nm "
                         "and --diameter-nm")
    overrides = [Override(f"tubules.{name}=" + (f"[{text}]" if name in _LISTS else text), f"--{name.replace('_', '-')}")
                 for name, text in given.items()]
    raw = {} if options.input is None else tubules_of_file(options.input)
    return tubules_config(raw, str(options.input or "pfsolid tubules"), overrides)
