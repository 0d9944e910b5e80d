"""`pfsolid sweep plan | run | status | retry | collect | plot`: many cases from one input."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..text import as_word, one_line, plural
from .options import a_count, a_path, add_look, add_set, look_of, print_on_root


def add_commands(command) -> None:
    """Add `sweep` and what stands under it; ``command(name, function, text)`` makes a parser."""
    group = command("sweep", None, "run many cases: vary keys of an input, on a laptop or a cluster")
    parsers = group.add_subparsers(metavar="COMMAND", required=True)

    def sub(name, function, text):
        parser = parsers.add_parser(name, help=text, description=text)
        parser.set_defaults(command=function)
        return parser

    parser = sub("plan", _plan, "list and check the cases of a sweep, and say what it will cost and how to launch it")
    parser.add_argument("sweep", type=a_path, metavar="SWEEP", help="a TOML file, see inputs/sweeps/")
    add_set(parser)
    parser.add_argument("-o", "--output", type=a_path, metavar="DIR",
                        help="directory of the sweep (default: runs/<its name>); an earlier plan there is extended")
    parser.add_argument("--force", action="store_true",
                        help="drop cases of the earlier plan that are not in this one; their results stay")

    parser = sub("run", _run, "run all cases that are not done; bare on all cores, or under mpirun")
    parser.add_argument("directory", type=a_path, metavar="DIR")
    parser.add_argument("--ranks-per-case", type=a_count("--ranks-per-case"), default=1, metavar="K",
                        help="ranks that share a case (default: 1)")
    parser.add_argument("--slice", metavar="I/N", help="only the I-th of N equal parts, I from 1: for the tasks of an array")
    parser.add_argument("--workers", type=a_count("--workers"), metavar="N",
                        help="processes, without mpirun (default: one a core)")
    parser.add_argument("--threads", type=a_count("--threads"), metavar="N", help="threads on each rank (default: 1)")

    parser = sub("run-case", _run_case, "run one case, for workflow engines: status 0 if it is done, 1 if it has failed, 85 "
                 "if it is to be run again")
    parser.add_argument("directory", type=a_path, metavar="DIR")
    parser.add_argument("case", metavar="CASE", help="its id, or its row in cases.csv, from 1")
    parser.add_argument("--threads", type=a_count("--threads"), metavar="N", help="threads on each rank (default: 1)")

    parser = sub("status", _status, "say what is done, running, failed and missing, and how long it will take")
    parser.add_argument("directory", type=a_path, metavar="DIR")

    parser = sub("retry", _retry, "let the next run try failed cases again")
    parser.add_argument("directory", type=a_path, metavar="DIR")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all that failed)")

    parser = sub("collect", _collect, "write dataset.h5, dataset.csv and a data card of what is done so far")
    parser.add_argument("directory", type=a_path, metavar="DIR")
    parser.add_argument("--fields", action="store_true", help="also the fields that the sweep keeps, in dataset.h5")

    parser = sub("plot", _plot, "draw figures from the dataset: conductivity, phase diagram, gallery")
    parser.add_argument("directory", type=a_path, metavar="DIR")
    add_look(parser)


def _plan(options) -> None:
    print_on_root(on_root(world(), _plan_on_root, options))


def _plan_on_root(options) -> list[str]:
    from ..config.sweep import read_sweep
    from ..sweeps.plan import make_plan, plan_lines, store_plan, with_known_ids
    from ..sweeps.state import look

    plan = make_plan(read_sweep(options.sweep, options.overrides), str(options.sweep))
    directory = options.output or Path("runs") / plan.name
    plan = with_known_ids(plan, directory)
    num_new, num_dropped = store_plan(plan, directory, options.force)
    done = look(directory).done
    return plan_lines(plan, directory, num_new, num_dropped, sum(case.id in done for case in plan.cases))


def _run(options) -> int:
    from ..sweeps.launch import Launch, run_sweep

    return run_sweep(Launch(options.directory, _part(options.slice), options.ranks_per_case, options.workers,
                            options.threads), world())


def _run_case(options) -> int:
    from ..sweeps.launch import run_case

    return run_case(options.directory, options.case, world(), options.threads)


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if not found:
        raise InputError(f"--slice {one_line(text)}: must be I/N, such as 3/80")
    return int(found[1]), int(found[2])


def _status(options) -> None:
    print_on_root(on_root(world(), _status_on_root, options.directory))


def _status_on_root(directory: Path) -> list[str]:
    from ..sweeps.plan import load_plan
    from ..sweeps.state import status_lines

    return status_lines(load_plan(directory), directory)


def _retry(options) -> None:
    from ..sweeps.state import retry

    chosen = on_root(world(), retry, options.directory, options.cases)
    print_on_root([f"{plural(len(chosen), 'case')} to be tried again; go on with: "
                   f"pfsolid sweep run {as_word(options.directory)}" if chosen else "no case has failed"])


def _collect(options) -> None:
    from ..sweeps.collect import collect

    print_on_root(on_root(world(), collect, options.directory, options.fields))


def _plot(options) -> None:
    print_on_root(on_root(world(), _plot_on_root, options))


def _plot_on_root(options) -> list[str]:
    from ..plots.sweep import plot_sweep

    made, left_out = plot_sweep(options.directory, look_of(options.format, options.dpi, options.styles))
    return [*map(str, made), *left_out]
