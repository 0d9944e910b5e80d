"""The directory of a run: what is in it, who may write into it, and how new results take the place of old ones.

A launch has the directory to itself (`one_writer`).  Where results stand already, ``--force`` makes the new ones in ``.new``
inside it; the old ones go when the new ones are whole, by renames, in two stages that a later launch can bring to their end.
Only files that pfsolid writes are ever moved or removed, and only from a directory that carries its marker.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, Interrupted
from ..parallel.collective import on_root
from ..text import as_word
from .files import output_errors, sync_to_disk, temporary_name, write_file_anew
from .one_writer import LOCK, only_writer
from .records import atomic_write_text

INPUT = "input.toml"  # as resolved
LOG = "log"
HISTORY = "history.csv"
FIELDS = "fields.h5"
RESULT = "result.json"
MORPHOLOGY = "morphology.json"  # of `pfsolid measure`
SUBVOLUMES = "subvolumes.csv"  # of `pfsolid rev`
SPECTRUM = "spectrum.csv"  # of `pfsolid impedance`: the first direction and temperature
SPECTRA = "spectra"  # the others
REPORT = "report.html"  # of `pfsolid report`
PROFILES = "profiles.csv"  # of several carriers
EXPORTS = {"pybamm": "pybamm.json", "bpx": "bpx.json", "json": "transport.json"}  # of `pfsolid conduct --export`
CHECKPOINTS = "checkpoints"
KNOWN_POINTS = "points.json"  # in SOLVED: frequencies that are done
KNOWN_SUBVOLUMES = "subvolumes.json"  # in SOLVED: those that are done
SOLVED = "solved"  # what an unfinished solve has come to, in folders of checkpoints
SNAPSHOTS = "snapshots"
FIGURES = "figures"
FIGURE_FORMATS = "png", "pdf", "svg"

# What a run writes: files, and folders with the patterns of the files in them.  The result is the first to go and the last
# to come: what stands beside it is whole.
FILES = (RESULT, FIELDS, "fields.xdmf", HISTORY, MORPHOLOGY, SUBVOLUMES, SPECTRUM, PROFILES, REPORT,
         *EXPORTS.values(), LOG, INPUT)
_CHECKPOINT = ("step_[0-9]*.h5", ".step_[0-9]*.h5.part")
_DRAWN = ("slices", "structure_3d", "evolution", "conduction", "currents", "arrhenius", "clusters", "morphology",
          "representative", "electrode", "impedance", "impedance_maps", "conduction_*")  # that of each carrier
FOLDERS = {
    CHECKPOINTS: _CHECKPOINT,
    **{f"{SOLVED}/{name}": _CHECKPOINT for name in ("first", "x", "y", "z", "stopped")},
    SOLVED: tuple(name for known in (KNOWN_SUBVOLUMES, KNOWN_POINTS) for name in (known, f".{known}.part")),
    SPECTRA: ("[xyz]*.csv", ".[xyz]*.csv.part"),
    SNAPSHOTS: ("rho_[0-9]*.h5", ".rho_[0-9]*.h5.part", "series.xdmf", ".series.xdmf.part"),
    FIGURES: tuple(name for drawn in _DRAWN for kind in FIGURE_FORMATS
                   for name in (f"{drawn}.{kind}", f".{drawn}.{kind}.part")),
}
# Tells a run directory from a folder that happens to have a `log` or `figures` of somebody else's.
MARKER = ".pfsolid"
MARKER_TEXT = "This directory was made by pfsolid; --force lets another run replace its results.\n"
NEW = ".new"  # results on their way, while the old ones stand
_STOPPED = ".stopped"  # this run ended on request, to be gone on with
_EXCHANGE = ".exchange"  # in NEW: it is whole; 1: the old results go, 2: the new ones come


@dataclass(frozen=True)
class RunDirectory:
    """Where one launch writes.

    Attributes
    ----------
    home : Path
        What the user calls it.
    path : Path
        Where the results go now: ``home``, or a folder in it while old results stand there.
    goes_on : bool
        Whether they are those of a run that was interrupted.
    made : bool
        Whether this launch has made the directory.
    """

    home: Path
    path: Path
    goes_on: bool = False
    made: bool = False

    @property
    def replaces(self) -> bool:
        """Whether old results stand until the new ones are whole."""
        return self.path != self.home


@contextmanager
def new_run(home, text: str, force: bool, comm, about: dict | None = None, sources=(),
            on_lost=lambda: None) -> Iterator[RunDirectory]:
    """The block makes a run in a directory of its own; old results are replaced when it has ended.  Collective.

    After an error the old results are as they were; what was made goes too, unless there is a checkpoint to go on from.
    The same input in a directory where it was stopped on request goes on, whatever ``force`` is: a job that is queued again
    comes to its end.

    Parameters
    ----------
    home : Path
    text : str
        The resolved input, which is written there.
    force : bool
        Old results of pfsolid may be replaced.
    about : dict, optional
        Texts to be kept with the directory (`about_run`).
    sources : sequence of Path
        What is read meanwhile, which must not be replaced.
    on_lost : callable
        See `only_writer`.

    Raises
    ------
    InputError
        On all ranks, before anything is changed: the directory is not empty, is a file, cannot be written, is not one of
        pfsolid's, is in use, or is or holds or lies in one of the sources.
    """
    home = Path(home)
    made = on_root(comm, _make, home, force, sources)
    try:
        with only_writer(home, comm, on_lost):
            place = on_root(comm, _begin, home, made, text, force, about or {})
            with _until_settled(place, comm):
                yield place
    finally:
        if made and comm.Get_rank() == 0:
            with suppress(OSError):
                home.rmdir()  # where nothing has come of it


@contextmanager
def interrupted_run(home, comm, on_lost=lambda: None) -> Iterator[RunDirectory]:
    """The block goes on with the run of a directory.  Collective.

    Raises
    ------
    InputError
        On all ranks: the directory is in use, or cannot be written.
    """
    home = Path(home)
    with only_writer(home, comm, on_lost):
        place = on_root(comm, _reopen, home)
        with _until_settled(place, comm):
            yield place


@contextmanager
def _until_settled(place: RunDirectory, comm):
    """Afterwards new results are in their place, or the directory is ready to be gone on with, or as it was before."""
    on_this = comm.Get_rank() == 0
    try:
        yield
    except Interrupted:
        if on_this:
            with suppress(OSError):
                (place.path / _STOPPED).touch()
        raise
    except BaseException as error:
        if on_this and not place.goes_on and not _has_checkpoint(place.path):
            with suppress(OSError):
                _give_up(place, isinstance(error, InputError))
        raise
    if place.replaces:
        on_root(comm, _exchange, place.home)


# --- what a directory is ------------------------------------------------------------------------------------


def is_run_directory(path) -> bool:
    """Whether a run was made in this directory: its marker decides.  For one rank."""
    try:
        with open(Path(path) / MARKER, "rb") as file:
            return file.read(len(MARKER_TEXT)) == MARKER_TEXT.encode()
    except OSError:
        return False


def looks_like_run(path) -> bool:
    """As `is_run_directory`, for what is only read: one of which the hidden marker was not copied counts.  For one rank."""
    path = Path(path)
    results = any((path / name).exists() for name in (HISTORY, RESULT, FIELDS))
    return is_run_directory(path) or (results and (path / INPUT).exists())


def about_run(path) -> dict:
    """The texts that were kept with a directory; none if it has none.  For one rank."""
    try:
        return tomllib.loads((Path(path) / MARKER).read_text(encoding="utf-8").removeprefix(MARKER_TEXT))
    except (OSError, ValueError):
        return {}


def unfinished_part(home) -> Path:
    """Where the run to go on with is: results on their way to replace those of the directory, or itself.  For one rank."""
    home = Path(home)
    return home / NEW if (home / NEW / INPUT).is_file() else home


def home_of(path: Path) -> Path:
    """What the user calls the directory of results that are on their way."""
    return path.parent if path.name == NEW else path


def is_half_exchanged(home) -> bool:
    """Whether a launch was ended while new results took the place of old ones.  For one rank."""
    return is_run_directory(home) and (Path(home) / NEW / _EXCHANGE).exists()


def finish_exchange(home, comm) -> bool:
    """Bring to its end what `is_half_exchanged`; whether there was something to do.  Collective.

    Raises
    ------
    InputError, OutputError
    """
    if not on_root(comm, is_half_exchanged, home):
        return False
    with only_writer(home, comm):
        return on_root(comm, _recover, Path(home))


def check_apart(output: Path, sources) -> None:
    """Raise InputError if an output is one of the sources, or holds it, or lies in it.  For one rank.

    Folders of other runs may lie in a run directory: only its own files and folders are closed to them.
    """
    output = Path(output).absolute()
    place = output.resolve()
    for source in sources:
        source = Path(source).resolve()
        if place == source or place in source.parents:
            raise InputError(f"{output} {'is' if place == source else 'holds'} the source {source}: give another -o")
        inside = place.relative_to(source).parts if source in place.parents else ()
        if inside and (not looks_like_run(source) or inside[0] in (*FILES, *FOLDERS, NEW, MARKER, LOCK)):
            raise InputError(f"{output} lies in the source {source}: give another -o")


def check_output_file(path: Path, force: bool, sources=(), is_own=lambda path: True) -> None:
    """Raise InputError unless a file may be written there.  For one rank.

    Parameters
    ----------
    force : bool
        What ``is_own(path)`` knows for an earlier output of the same kind may be replaced.
    """
    path = Path(path)
    check_apart(path, sources)
    if path.is_dir():
        raise InputError(f"{path} is a directory; the output needs a name of its own (-o)")
    if path.exists():
        if not force:
            raise InputError(f"{path} exists; give another -o, or --force")
        if not is_own(path) or (looks_like_run(path.parent) and path.name in FILES
                                  and path.name not in (MORPHOLOGY, REPORT)):
            raise InputError(f"{path} is not what this command has written, so --force does not replace it; give another -o")
    if not path.absolute().parent.is_dir():
        raise InputError(f"cannot write {path}: its directory does not exist")


# --- beginning, on root -------------------------------------------------------------------------------------


def _make(home: Path, force: bool, sources) -> bool:
    """Make the directory; whether it was not there.  Nothing else is changed, and nothing at all where it cannot be used."""
    check_apart(home, sources)
    try:
        made = not home.exists()
        home.mkdir(parents=True, exist_ok=True)
        found = _entries(home)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(place for place in (home, *home.parents) if place.exists() and not place.is_dir())
        raise InputError(f"{file} is a file; the output directory needs a name of its own (-o)") from error
    except OSError as error:
        raise InputError(f"cannot make the output directory {home}: {error.strerror}") from error
    if found and not is_run_directory(home):
        _check_replaceable(home, found, force)
    return made


def _begin(home: Path, made: bool, text: str, force: bool, about: dict) -> RunDirectory:
    _recover(home)
    for path in (home / NEW, home):
        if _was_stopped(path, text):
            (path / _STOPPED).unlink()
            return RunDirectory(home, path, goes_on=True)
    found = _entries(home)
    if found:
        _check_replaceable(home, found, force)
    path = home
    try:
        _remove_new(home)
        if any(name in found for name in (RESULT, FIELDS, HISTORY, MORPHOLOGY, *FOLDERS)):
            path = home / NEW
            path.mkdir()
        else:
            _remove_results(home)
        lines = "".join(f"{name} = {_quoted(value)}\n" for name, value in about.items())
        write_file_anew(path / MARKER, (MARKER_TEXT + lines).encode())
    except OSError as error:
        raise InputError(f"cannot write in the output directory {home}: {error.strerror}") from error
    atomic_write_text(path / INPUT, text)
    return RunDirectory(home, path, made=made)


def _reopen(home: Path) -> RunDirectory:
    _recover(home)
    path = unfinished_part(home)
    (path / _STOPPED).unlink(missing_ok=True)
    return RunDirectory(home, path, goes_on=True)


def _entries(home: Path) -> list[str]:
    """What stands in a directory, without what is the launches' own."""
    own = (LOCK, NEW, MARKER, _STOPPED)
    return sorted(entry.name for entry in home.iterdir() if entry.name not in own and ".claim" not in entry.name)


def _was_stopped(path: Path, text: str) -> bool:
    try:
        return (path / _STOPPED).exists() and (path / INPUT).read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def _check_replaceable(home: Path, found: list[str], force: bool) -> None:
    if not force:
        if is_run_directory(home) and INPUT in found and RESULT not in found:
            raise InputError(f"{home} exists, and the run in it is not finished; go on with: pfsolid resume "
                             f"{as_word(home)}, give another -o, or --force")
        raise InputError(f"{home} exists; give another -o, or --force")
    if not is_run_directory(home):
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise InputError(f"{home} is not a directory of pfsolid (it holds {shown}, and no {MARKER}), so --force does not "
                         "touch it; give another -o")
    if not os.access(home, os.W_OK | os.X_OK, effective_ids=True):
        raise InputError(f"cannot write in the output directory {home}: no permission")


def _has_checkpoint(path: Path) -> bool:
    return any(any((path / folder).glob(_CHECKPOINT[0])) for folder, names in FOLDERS.items() if names == _CHECKPOINT)


def _give_up(place: RunDirectory, by_mistake: bool) -> None:
    """Of a launch that leaves nothing to go on from: its folder, or after a mistake of the user's what it had written."""
    if place.replaces:
        _remove_new(place.home)
    elif by_mistake:
        _remove_results(place.home)
        if place.made:
            (place.home / MARKER).unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return "'''" + text.replace("'''", "") + "'''"


# --- new results in the place of old ones, on root ----------------------------------------------------------


def _exchange(home: Path) -> None:
    """From the first line on the new results are known to be whole, and a later launch can end what was begun."""
    new = home / NEW
    with output_errors(home):
        (new / _STOPPED).unlink(missing_ok=True)
        write_file_anew(temporary_name(new / _EXCHANGE), b"1")
        os.replace(temporary_name(new / _EXCHANGE), new / _EXCHANGE)
        sync_to_disk(new)
        _recover(home)


def _recover(home: Path) -> bool:
    """Bring an exchange to its end; whether there was one."""
    new = home / NEW
    stage = new / _EXCHANGE
    if not stage.exists():
        return False
    with output_errors(home):
        if stage.read_bytes() == b"1":
            _remove_results(home)
            write_file_anew(temporary_name(stage), b"2")
            os.replace(temporary_name(stage), stage)
            sync_to_disk(new)
        for folder in FOLDERS:
            if (new / folder).is_dir():
                (home / folder).mkdir(parents=True, exist_ok=True)
                for entry in (new / folder).iterdir():
                    os.replace(entry, home / folder / entry.name)
        for name in (MARKER, *reversed(FILES)):
            with suppress(FileNotFoundError):
                os.replace(new / name, home / name)
        sync_to_disk(home)
        _remove_new(home)
    return True


def _remove_new(home: Path) -> None:
    new = home / NEW
    if new.is_symlink():
        new.unlink()
    elif new.exists():
        shutil.rmtree(new)


def _remove_results(path: Path) -> None:
    for name in (*FILES, _STOPPED):
        (path / name).unlink(missing_ok=True)
        temporary_name(path / name).unlink(missing_ok=True)
    for name, patterns in FOLDERS.items():
        folder = path / name
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            for pattern in patterns:
                for entry in folder.glob(pattern):
                    entry.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()
