"""`pfsolid grains`: polycrystals."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..text import as_word
from .options import a_path, add_threads, print_on_root, session_of

# Options and the keys of [grains] that they stand for.
_KEYS = {"shape": "shape", "voxel_nm": "voxel_size_nm", "grains": "number", "lognormal": "lognormal", "aspect": "aspect",
         "texture": "texture", "film_nm": "film_nm", "wetted": "wetted", "triple_line_nm": "triple_line_nm",
         "porosity": "porosity", "pore_nm": "pore_nm", "pores_label": "pores_label", "seed": "seed"}
_LISTS = ("shape", "voxel_nm", "aspect")


def add_commands(command: Callable[..., Any]) -> None:
    """Add `grains`."""
    sub = command("grains", _grains, "make a polycrystal: an image of labels, a grain each, with a table of volumes and "
                  "orientations beside it")
    sub.add_argument("-o", "--output", type=a_path, metavar="FILE.h5", required=True,
                     help="the image; FILE_grains.csv has a row for each grain")
    sub.add_argument("--force", action="store_true", help="replace both where they are there already")
    sub.add_argument("--shape", required=True, metavar="N", help="voxels: 128, or 128,128,64 along x, y, z")
    sub.add_argument("--voxel-nm", required=True, metavar="H", help="edge of a voxel, or three: 20 or 20,20,40")
    sub.add_argument("--grains", required=True, metavar="N", help="grains in the periodic cell")
    sub.add_argument("--lognormal", metavar="S", help="standard deviation of ln of their diameters (default: 0.35)")
    sub.add_argument("--aspect", metavar="A,B,C", help="how many times longer they are along x, y, z (default: 1,1,1)")
    sub.add_argument("--texture", metavar="TEXTURE", help="random (default), single, fibre:x, fibre:y or fibre:z")
    sub.add_argument("--film-nm", metavar="D", help="thickness of a second phase on the facets between grains")
    sub.add_argument("--wetted", metavar="F", help="share of the facets that have such a film (default: 1)")
    sub.add_argument("--triple-line-nm", metavar="D", help="diameter of channels of the second phase along triple lines")
    sub.add_argument("--porosity", metavar="P", help="volume fraction of spherical pores at random places")
    sub.add_argument("--pore-nm", metavar="D", help="about their diameter, which is set to meet the porosity")
    sub.add_argument("--pores-from", metavar="SOURCE", help="in place of those: a run directory, whose pores are where its "
                     "density is below 1/2, or an image of the same shape")
    sub.add_argument("--pores-label", metavar="LABEL", help="label of the pores in that image")
    sub.add_argument("--seed", metavar="N", help="another one, other grains (default: 1)")
    add_threads(sub)


def _grains(options: Namespace) -> None:
    from ..polycrystals.polycrystal import PORE, SECOND
    from ..workflows.grains import check_output, grains_lines, table_of, write_grains

    config = on_root(world(), _config, options)
    on_root(world(), check_output, options.output, options.force)
    with session_of(options, catch_signals=False) as session:
        made = write_grains(config, options.output, session)
    path, table = options.output, table_of(options.output)
    sigma = '--sigma "*=1e-4"'
    if any(made.voxels_between):
        values = zip((f",{SECOND}=1e-6", f",{PORE}=0"), made.voxels_between)
        sigma = f"--sigma-table {as_word(table)} --sigma grain=1e-4{''.join(value for value, voxels in values if voxels)}"
    print_on_root([*grains_lines(made, config), f"{path} and {table}; for example: pfsolid conduct {as_word(path)} {sigma}"])


def _config(options: Namespace) -> Any:
    from ..config.grains import grains_config
    from ..config.text import Override

    overrides = []
    for option, name in _KEYS.items():
        text = getattr(options, option)
        if text is None:
            continue
        value = f"[{text}]" if option in _LISTS and "," in text else text
        overrides.append(Override(f"grains.{name}={value}", f"--{option.replace('_', '-')}"))
    given = {} if options.pores_from is None else {"pores_from": options.pores_from}
    return grains_config(given, "pfsolid grains", overrides)
