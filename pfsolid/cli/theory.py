"""`pfsolid emt`, `emt fit SWEEP` and `emt map`: effective-medium theory from the command line."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..errors import InputError
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..text import one_line
from .options import a_path, add_output, print_on_root

MODEL_NAMES = ("gemt", "bruggeman", "maxwell-garnett", "brick")
MOST_VALUES = 100_000
THRESHOLD, EXPONENT = 0.32, 0.85  # of Hu 2017
_TABLE_OPTIONS = {"porosity": "--porosity", "depths": "--surface-depth-nm", "radii": "--pore-radius-nm", "csv": "--csv",
                  "model": "--model"}
_FITTED_OPTIONS = {"percolation_threshold": "--percolation-threshold", "exponent": "--exponent"}


def add_commands(command) -> None:
    """Hang `emt` into the command line; ``command(name, function, text)`` makes a parser."""
    sub = command("emt", _evaluate, "effective conductivity by effective-medium theory: a value or a table")
    sub.add_argument("--porosity", metavar="G", help="volume fraction of pores: 0.32, 0.1,0.2 or 0.05:0.5:0.05")
    sub.add_argument("--surface-depth-nm", metavar="L", dest="depths", help="depth λ of the surface layer; also a list")
    sub.add_argument("--pore-radius-nm", metavar="R", dest="radii", help="radius r of the pores; also a list")
    sub.add_argument("--model", choices=MODEL_NAMES, help="default gemt; brick: along hollow pillars")
    sub.add_argument("--csv", type=a_path, metavar="FILE", help="write the table there too")
    sub.add_argument("--force", action="store_true", help="replace existing files")
    _add_parameters(sub, plain=True)

    actions = sub.add_subparsers(metavar="[fit SWEEP | map]", required=False)
    text = "fit percolation threshold and exponent to a finished sweep, or to any table of simulations"
    fit = actions.add_parser("fit", help=text, description=text)
    fit.set_defaults(command=_fit)
    fit.add_argument("source", type=a_path, metavar="SWEEP", help="directory of a collected sweep, or a CSV file")
    fit.add_argument("--porosity-range", default="0.08:0.40", metavar="LOW:HIGH", help="samples to fit (default 0.08:0.40)")
    fit.add_argument("--geometry", choices=("chord", "phases"), default="chord",
                     help="λ/r from the mean pore chord, or from the fractions of the phases (default chord)")
    fit.add_argument("--surface-depth-nm", type=float, metavar="L", dest="depth", help="for a table that does not have it")
    fit.add_argument("--confidence", type=float, default=0.95, metavar="C", help="of the intervals (default 0.95)")
    add_output(fit, "write the rows, the fit and a figure there")
    _add_material(fit, plain=False)
    _add_reading(fit, plain=False)

    text = "maps and profiles over porosity and surface depth / pore radius: Figures 2c, 2d, 3c and 3d of Hu 2017"
    chart = actions.add_parser("map", help=text, description=text)
    chart.set_defaults(command=_map)
    add_output(chart, "output directory (default: runs/emt_map)")
    _add_parameters(chart, plain=False)


def _add_material(sub, plain: bool) -> None:
    """Conductivities.  Below `emt`, a default would overwrite what was given before the word fit or map."""
    default = (lambda value: value) if plain else (lambda _: argparse.SUPPRESS)
    sub.add_argument("--material", default=default("beta-Li3PS4"), metavar="NAME",
                     help="where conductivities that are not given are looked up (default beta-Li3PS4)")
    sub.add_argument("--temperature-K", type=float, default=default(None), metavar="T", dest="temperature",
                     help="of the material (default: where its values were measured)")
    for name, value in (("matrix", None), ("surface", None), ("pore", 0.0)):
        sub.add_argument(f"--sigma-{name}-S-per-cm", type=float, default=default(value), metavar="S", dest=f"sigma_{name}",
                         help=f"conductivity of the {name}")


def _add_parameters(sub, plain: bool) -> None:
    _add_material(sub, plain)
    default = (lambda value: value) if plain else (lambda _: argparse.SUPPRESS)
    sub.add_argument("--percolation-threshold", type=float, default=default(None), metavar="P",
                     help=f"p_c (default {THRESHOLD:g})")
    sub.add_argument("--exponent", type=float, default=default(None), metavar="T", help=f"t (default {EXPONENT:g})")
    _add_reading(sub, plain)


def _add_reading(sub, plain: bool) -> None:
    default = (lambda value: value) if plain else (lambda _: argparse.SUPPRESS)
    sub.add_argument("--composite", choices=("parallel", "coated"), default=default("parallel"),
                     help="a coated pore in eq 8: core and surface in parallel, as printed, or the exact coated sphere")
    sub.add_argument("--threshold-of", choices=("particles", "porosity"), default=default("particles"),
                     help="p_c is a value of g/g_f, the coated pores, as printed, or of the porosity g")


def _refuse(options, action: str, foreign: dict[str, str]) -> None:
    """What stands before the word fit or map and has no meaning there."""
    for name, option in foreign.items():
        if getattr(options, name) is not None:
            raise InputError(f"{option} does not go with `emt {action}`")


def parse_values(option: str, text: str | None) -> list[float]:
    """'0.32', '0.1,0.2' or '0.05:0.5:0.05' (both ends included) as numbers.

    Raises
    ------
    InputError
    """
    if text is None:
        raise InputError(f"{option} is needed, such as {option} 0.32, 0.1,0.2 or 0.05:0.5:0.05")
    values = []
    for part in text.split(","):
        try:
            numbers = [float(word) for word in part.split(":")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
            raise InputError(f"{option} {one_line(text)}: a number, numbers with commas, or first:last:step")
        values += _steps(option, *numbers) if len(numbers) == 3 else numbers
    return values


def _steps(option: str, first: float, last: float, step: float) -> list[float]:
    if step == 0 or not 0 <= (last - first) / step < math.inf:
        raise InputError(f"{option} {first:g}:{last:g}:{step:g}: the step must lead from the first to the last")
    count = math.floor((last - first) / step * (1 + 1e-12) + 1e-9) + 1
    if count > MOST_VALUES:
        raise InputError(f"{option} {first:g}:{last:g}:{step:g}: {count} values; at most {MOST_VALUES} are allowed")
    return [float(f"{first + index * step:.12g}") for index in range(count)]


def _conductivities(options):
    from ..workflows.theory import conductivities

    return conductivities(options.material, options.temperature, options.sigma_matrix, options.sigma_surface,
                          options.sigma_pore)


def _reading(options):
    from ..theory.effective_medium import Reading

    return Reading(options.composite, options.threshold_of)


def _parameters(options) -> tuple:
    """p_c, t and how eq 8 is read."""
    return (THRESHOLD if options.percolation_threshold is None else options.percolation_threshold,
            EXPONENT if options.exponent is None else options.exponent, _reading(options))


def _evaluate(options) -> None:
    print_on_root(on_root(world(), _evaluate_on_root, options))


def _evaluate_on_root(options) -> list[str]:
    from ..theory.models import Theory
    from ..workflows.theory import csv_of, table_lines, tabulate, write_new

    porosities, depths, radii = (parse_values(_TABLE_OPTIONS[name], getattr(options, name))
                                 for name in ("porosity", "depths", "radii"))
    number = len(porosities) * len(depths) * len(radii)
    if number > MOST_VALUES:
        raise InputError(f"{number} combinations: at most {MOST_VALUES} are allowed")
    phases, sources = _conductivities(options)
    theory = Theory(options.model or "gemt", phases, *_parameters(options))
    table = tabulate(theory, porosities, depths, radii)
    lines = [theory.about, *sources.values(), "", *table_lines(theory, table)]
    if options.csv:
        lines.append(f"written to {write_new(options.csv, csv_of(table), options.force)}")
    return lines


def _fit(options) -> None:
    _refuse(options, "fit", _TABLE_OPTIONS | _FITTED_OPTIONS)
    print_on_root(on_root(world(), _fit_on_root, options))


def _fit_on_root(options) -> list[str]:
    from ..workflows.fit_sweep import fit_lines, fit_samples, read_samples, write_fit

    try:
        low, high = map(float, options.porosity_range.split(":"))
    except ValueError:
        raise InputError(f"--porosity-range {options.porosity_range}: two numbers are needed, such as 0.08:0.40") from None
    phases, sources = _conductivities(options)
    samples = read_samples(options.source, phases, options.geometry, options.depth)
    fitted = fit_samples(samples, low, high, _reading(options), options.confidence)
    lines = [*(line for name, line in sources.items() if name not in samples.in_table), "", *fit_lines(fitted)]
    if options.output:
        from ..plots.theory import plot_fit  # here: loading matplotlib takes longer than the fit

        paths = write_fit(fitted, options.output, options.force, options.source)
        lines += [f"written to {path}" for path in [*paths, plot_fit(fitted, options.output)]]
    return lines


def _map(options) -> None:
    _refuse(options, "map", _TABLE_OPTIONS)
    print_on_root(on_root(world(), _map_on_root, options))


def _map_on_root(options) -> list[str]:
    from ..plots.theory import plot_map
    from ..workflows.theory import paper_maps, write_new

    phases, sources = _conductivities(options)
    lines = list(sources.values())
    directory = options.output or Path("runs") / "emt_map"
    for chart in paper_maps(phases, *_parameters(options)):
        table = write_new(directory / f"{chart.name}.csv", chart.csv, options.force)
        lines += [f"{chart.figure}: {chart.theory.about}", f"   {table}", f"   {plot_map(chart, directory)}"]
    return lines
