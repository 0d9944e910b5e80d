"""Options and small acts that the commands of `pfsolid` share."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from ..errors import InputError, PfsolidError
from ..parallel.communicator import world
from ..process import loading
from ..text import as_word, on_screen, one_line

running: list[Path] = []  # the run directory at work, for what is said when a rank dies


MAX_NAME_BYTES, MAX_PATH_BYTES = 255, 4095  # what Linux and its file systems take
MAX_MESSAGE = 300  # letters of what argparse says, which quotes words of any length
MAX_COUNT = 1_000_000  # of ranks, threads, workers: beyond any machine
MOST_DPI = 1200  # a page of a figure is then 80 million pixels
FORMATS = "png", "pdf", "svg"
CROP = "X0:X1,Y0:Y1,Z0:Z1"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaint is an InputError of one line, and not the usage of the whole command."""

    def error(self, message: str):
        raise InputError(f"{one_line(' '.join(message.split()), MAX_MESSAGE)} (see {self.prog} --help)")

    def _get_value(self, action, arg_string):
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            # An InputError of a type is a ValueError too, of which argparse only says that the value is invalid.
            if isinstance(error.__context__, InputError):
                raise error.__context__ from None
            raise


def a_path(text: str) -> Path:
    """The type of an argument that names a file or a directory: names that no file system takes are refused here.

    Everything behind may then ask whether a file exists without minding that the question itself can fail.
    """
    check_name(text)
    return Path(text)


def check_name(text: str) -> str:
    """The text itself; InputError if it can be the name of no file."""
    try:
        name = os.fsencode(text)
    except UnicodeEncodeError:
        raise InputError(f"{one_line(text)}: is no name of a file") from None
    if not name or b"\0" in name:
        raise InputError(f"{one_line(text)!r}: is no name of a file")
    longest = max(map(len, name.split(b"/")))
    if longest > MAX_NAME_BYTES or len(name) > MAX_PATH_BYTES:
        raise InputError(f"{one_line(text)}: is too long for the name of a file: {longest} letters in one part, {len(name)} "
                         f"in all, where {MAX_NAME_BYTES} and {MAX_PATH_BYTES} are possible")
    return text


def a_count(option: str, most: int = MAX_COUNT):
    """The type of an option that counts: ranks, threads, workers."""
    def count(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 7 and 1 <= int(text) <= most):
            raise InputError(f"{option} {one_line(text)}: a whole number from 1 to {most} is needed")
        return int(text)

    return count


def add_set(sub, text: str = "replace a value of the input; can be repeated") -> None:
    sub.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides", help=text)


def add_output(sub, text: str) -> None:
    sub.add_argument("-o", "--output", type=a_path, metavar="DIR", help=text)
    sub.add_argument("--force", action="store_true", help="replace the results that an earlier run left there")


def add_threads(sub) -> None:
    sub.add_argument("--threads", type=a_count("--threads"), metavar="N",
                     help="threads on each rank (default: 1 of several ranks, else all cores the environment allows)")


def crop_of(text: str) -> tuple[tuple[int, int] | None, ...]:
    """Voxels along x, y, z of `--crop`, None for all of an axis.

    Raises
    ------
    InputError
    """
    one = r"(\d{1,9}:\d{1,9}|:)"
    found = re.fullmatch(f"{one},{one},{one}", text.replace(" ", ""))
    if not found:
        raise InputError(f"--crop {one_line(text)}: must be {CROP}")
    pairs = (None if part == ":" else tuple(map(int, part.split(":"))) for part in found.groups())
    return tuple(pair and (pair[0], pair[1]) for pair in pairs)


def edges_of(text: str | None) -> tuple[float, float, float] | None:
    """Edges of a voxel (nm) from `--voxel-nm`: one number, or three for x, y, z."""
    if text is None:
        return None
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) not in (1, 3) or not all(1e-6 <= edge <= 1e9 for edge in edges):
        raise InputError(f"--voxel-nm {one_line(text)}: must be a positive length in nm, or three for x, y, z: 20 or "
                         "20,20,40 (from 1e-06 to 1e+09)")
    return tuple(edges * 3)[:3]


def session_of(options, config=None, catch_signals: bool = True):
    """The session of a command, for a `with` block; ``catch_signals`` where the computation looks for them."""
    from ..workflows.console import open_session  # after the arguments: numba takes a second to load

    threads = options.threads
    if threads is None and config is not None:
        threads = config.parallel.threads
    return open_session(threads, catch_signals=catch_signals)


def print_on_root(lines: list[str]) -> None:
    if world().Get_rank() == 0:
        print("\n".join(lines), flush=True)


def draw_again(directory: Path, look: tuple) -> None:
    """Draw the figures of files that may have been changed since, and print their paths.  For one rank.

    Parameters
    ----------
    directory : Path
    look : tuple
        Of `look_of`.

    Raises
    ------
    InputError
        There is no result, or one that pfsolid did not write and that lacks what the figures show.
    Exception
        A figure could not be drawn; the others are there.
    """
    from ..plots.run import plot_run

    try:
        _, failures = plot_run(directory, look_of(*look), lambda _number, _total, path: print(path, flush=True))
    except Exception as error:
        raise _mistake_in_result(directory, error) from error
    for name, error in list(failures.items())[:-1]:
        print(f"pfsolid: no figure {name}: {on_screen(str(error))}", file=sys.stderr)
    for error in list(failures.values())[-1:]:
        raise _mistake_in_result(directory, error) from error


def _mistake_in_result(directory: Path, error: Exception) -> Exception:
    """The error itself, or what is wrong with result.json where that explains it."""
    from ..io.sealed_json import is_stamped
    from ..workflows.run import RESULT

    path = directory / RESULT
    if isinstance(error, PfsolidError) or not isinstance(
            error, (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)) or \
            not path.exists() or is_stamped(path):
        return error
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return InputError(f"{path} is not as pfsolid writes it, and cannot be drawn: {reason}")


def look_of(kind: str | bool | None = None, dpi: int | None = None, styles=()):
    """How figures are to be drawn, as asked for on the command line or by ``output.figures``.

    Parameters
    ----------
    kind : str or bool, optional
        The format; PNG where no text says otherwise.
    dpi : int, optional
    styles : sequence of str

    Returns
    -------
    Look
    """
    from ..plots.figure import Look

    return Look(kind if isinstance(kind, str) else Look.format, dpi, tuple(styles))


def add_look(sub) -> None:
    """The options of what draws: `look_of`."""
    sub.add_argument("--format", choices=FORMATS, help="of the files (default: png)")
    sub.add_argument("--dpi", type=a_count("--dpi", MOST_DPI), metavar="N",
                     help="dots per inch (default: 130; in pdf and svg 300, of what is drawn as pixels)")
    sub.add_argument("--style", action="append", default=[], metavar="NAME|FILE", dest="styles",
                     help="a style of matplotlib, over your matplotlibrc; can be repeated")


def draw(directory: Path, session, kind: str | bool = True) -> None:
    """Figures of what is finished; a signal from here on ends the process, and costs nothing else.

    Parameters
    ----------
    directory : Path
    session : Session
    kind : str or bool
        The format, as ``output.figures`` says it.
    """
    if session.stop_requested:
        session.say(f"no figures, because a signal came; draw them with: pfsolid plot {as_word(directory)}")
        return
    session.signals.close()
    if session.is_root:
        session.say("drawing figures")
        again = f"try again with: pfsolid plot {as_word(directory)}"
        try:
            with loading():
                from ..plots.run import plot_run

            _, failures = plot_run(directory, look_of(kind),
                                   lambda number, total, path: session.say(f"figure {number} of {total}: {path}"))
            for name, error in failures.items():
                session.warn(f"no figure {name}: {error}; {again}")
        except Exception as error:  # pictures that fail must not cost a finished run
            session.warn(f"no figures: {error}; {again}")
