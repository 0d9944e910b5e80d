"""The command line: `pfsolid run | resume | conduct | measure | plot | info | validate | doctor`.

Works bare and under mpirun.  Exit status: 0 done, 1 a fault while running, 2 a mistake in the input or the command,
85 stopped on request with a checkpoint.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from typing import Any

from .. import __version__
from ..errors import EXIT_CHECKPOINTED, EXIT_FAULT, EXIT_INPUT, InputError, PfsolidError
from ..parallel.communicator import Communicator, rank_by_launcher, world
from ..parallel.launch import end_all_ranks_on_uncaught_errors, leave_together, under_mpirun
from ..text import as_word, on_screen
from . import completion, conduct, grains, impedance, materials, rev, sweep, theory, tubules
from .options import CROP, Parser, a_count, a_path, add_look, add_output, add_set, add_threads, check_name, crop_of, running
from .run import (
    doctor_command,
    info_command,
    measure_command,
    plot_command,
    report_command,
    resume_command,
    run_command,
    validate_command,
    warmup_command,
)

_MEANINGS = {EXIT_INPUT: "a mistake in the input or the command", EXIT_CHECKPOINTED: "stopped on request, to be resumed"}


def main(arguments=None) -> None:
    """Entry point; always leaves through `leave_together`."""
    end_all_ranks_on_uncaught_errors(_advice)
    comm = _ranks()
    try:
        status = _dispatch(arguments)
    except PfsolidError as error:
        if comm.Get_rank() == 0:
            print(f"pfsolid: {on_screen(str(error))}", file=sys.stderr)
            if error.exit_status == EXIT_FAULT:
                print(_advice(), end="", file=sys.stderr)
        status = error.exit_status
    if status in _MEANINGS and under_mpirun() and comm.Get_rank() == 0:
        print(f"pfsolid: {_MEANINGS[status]}: exit status {status}, which mpirun takes for a failure and calls an abort",
              file=sys.stderr)
    leave_together(comm, status)


def _ranks() -> Communicator:
    try:
        return world()
    except InputError as error:  # no MPI: the ranks are strangers to each other
        if rank_by_launcher() == 0:
            print(f"pfsolid: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


def _dispatch(arguments) -> int:
    options = _parse(arguments)
    return options.command(options) or 0


def _parse(arguments):
    """Parsed on every rank; what argparse prints comes from root alone."""
    parser = _build_parser()
    if world().Get_rank() != 0:
        _silence(parser)
    try:
        return parser.parse_args(_with_signs(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as stop:
        leave_together(world(), stop.code or 0)


def _with_signs(arguments) -> list[str]:
    """Values that begin with a minus, such as -0.5,0.5, joined to the option they follow, for which argparse takes them."""
    joined: list[str] = []
    for word in arguments:
        if joined and re.match(r"-[.\d]", word) and re.fullmatch(r"--[a-z][\w-]*", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _silence(parser: argparse.ArgumentParser) -> None:
    """Print nothing, the parsers of subcommands included."""
    parser._print_message = lambda *_: None
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                _silence(sub)


def _build_parser() -> argparse.ArgumentParser:
    # For each of its words, over and over, argparse would look for a translation in four files that are not there: a third
    # of all calls of the file system that a command makes.
    argparse._ = str  # type: ignore[attr-defined]
    parser = Parser(
        prog="pfsolid", description="Phase-field microstructures of solid electrolytes and their effective ionic "
        "conductivity.  Runs bare and as `mpirun -n 4 pfsolid ...`.")
    parser.add_argument("--version", action="version", version=f"pfsolid {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, function: Callable[..., Any], text: str) -> Any:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=function)
        return sub

    sub = command("run", run_command, "grow a microstructure and solve conduction on it")
    sub.add_argument("input", type=a_path, metavar="INPUT", help="a TOML file, see inputs/")
    add_set(sub)
    add_output(sub, "output directory (default: runs/<name of the input>)")
    add_threads(sub)

    sub = command("resume", resume_command, "go on with an interrupted run")
    sub.add_argument("directory", type=a_path, metavar="DIR")
    add_set(sub, "change how it is executed: wall-clock limit, intervals, threads, figures; can be repeated")
    add_threads(sub)

    conduct.add_commands(command)
    impedance.add_commands(command)
    rev.add_commands(command)
    grains.add_commands(command)
    tubules.add_commands(command)

    sub = command("measure", measure_command, "measure a microstructure: connectivity, surface, sizes, correlations")
    sub.add_argument("source", type=check_name, metavar="DIR|FILE",
                     help="a run directory, a density or an image of labels: .h5[:DATASET], .npy, .tif ...")
    sub.add_argument("--filler", metavar="LABEL", help="labels: this one against all others, by number or "
                     "name; without it every label is a phase")
    sub.add_argument("--names", metavar="LABEL=NAME,...", help="what the labels are called: 0=pore,1=SE,2=CAM")
    sub.add_argument("--values", choices=["labels", "grains", "density"], help="what the values are (default: labels, each "
                     "a phase, if they are whole numbers); grains: each label but the excluded is a grain")
    sub.add_argument("--exclude", metavar="LABEL,...", help="labels: those outside the field of view, such as round a "
                     "cylinder: no phase, and no volume; grains: those that are none")
    sub.add_argument("--orientations", metavar="FILE", help="grains: a table with label, phi1_deg, Phi_deg, phi2_deg, or a "
                     "file of Neper or DREAM.3D (default: what the image's own file says)")
    sub.add_argument("--crystal-symmetry", choices=["cubic", "hexagonal", "trigonal", "tetragonal", "orthorhombic", "none"],
                     help="grains: of the lattice, for misorientations")
    sub.add_argument("--active", metavar="LABEL=NEED,...", help="labels: what a phase must be connected to where a triple "
                     "line is active: through (default), first, last or either of two plates")
    sub.add_argument("--csv", type=a_path, metavar="FILE", help="labels: the numbers as a table too; grains: a row for "
                     "each")
    sub.add_argument("--boundary", choices=["open", "periodic", "mirror"], help="how it goes on beyond its faces (default: "
                     "periodic for the fields of a run, open for images)")
    sub.add_argument("--voxel-nm", metavar="H", help="edge of a voxel, or three: 20 or 20,20,40; where the file does not "
                     "say it")
    sub.add_argument("--axes-order", metavar="ORDER", help="axes of an array, first index first: zyx (default where the "
                     "file does not say), xyz ...; yx or xy in two dimensions")
    sub.add_argument("--crop", type=crop_of, metavar=CROP, help="part of the image; : is all of an axis")
    sub.add_argument("--bin", type=a_count("--bin"), metavar="N", help="labels: voxels along each axis that become one, "
                     "by the majority")
    add_output(sub, "output file (default: morphology.json in the directory, or beside the file)")
    add_threads(sub)

    sub = command("plot", plot_command, "draw the figures of a run")
    sub.add_argument("directory", type=a_path, metavar="DIR")
    add_look(sub)

    sub = command("report", report_command, "write one page to hand on: numbers, pictures and a view to turn in one HTML "
                  "file, of a run, a study of an image, a survey or a sweep")
    sub.add_argument("directory", type=a_path, metavar="DIR")
    add_output(sub, "output file (default: report.html in the directory)")

    sub = command("info", info_command, "say what a run directory holds")
    sub.add_argument("directory", type=a_path, metavar="DIR")

    sub = command("validate", validate_command, "check an input and say what a run would do, without running it; of an "
                  "image its labels, voxels, and the memory it takes")
    sub.add_argument("input", type=a_path, metavar="INPUT|IMAGE")
    add_set(sub)
    add_threads(sub)
    sub.add_argument("--ranks", type=a_count("--ranks"), metavar="N",
                     help="number of ranks to plan for (default: this launch's)")

    materials.add_commands(command)
    sweep.add_commands(command)
    theory.add_commands(command)
    completion.add_commands(command, parser)
    sub = command("warmup", warmup_command, "compile, on all cores, what any later command needs, which the first of its "
                  "kind else does: before many jobs on a cluster, in a recipe of a container")
    add_threads(sub)
    command("doctor", doctor_command, "check the installation: MPI, FFTW, HDF5, PETSc, and a test on two ranks")
    return parser


def _advice() -> str:
    from ..io.run_directory import NEW, RESULT  # takes a while to load

    if not running or not running[-1].is_dir():
        return ""
    if (running[-1] / RESULT).exists() and not (running[-1] / NEW).exists():
        return f"pfsolid: the earlier results in {running[-1]} are as they were\n"
    return (f"pfsolid: the last good checkpoint, if one was written, stays in {running[-1]}; "
            f"go on with: pfsolid resume {as_word(running[-1])}\n")
