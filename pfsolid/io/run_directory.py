"""The directory of a run: what is in it, and who may overwrite it."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from ..parallel.collective import on_root
from .files import temporary_name

INPUT = "input.toml"  # as resolved
LOG = "log"
HISTORY = "history.csv"
FIELDS = "fields.h5"
RESULT = "result.json"
MORPHOLOGY = "morphology.json"  # of `pfsolid measure`
CHECKPOINTS = "checkpoints"
SNAPSHOTS = "snapshots"
FIGURES = "figures"

# What a run writes: files, and folders with the patterns of the files in them.
FILES = (INPUT, LOG, HISTORY, FIELDS, "fields.xdmf", RESULT)
FOLDERS = {
    CHECKPOINTS: ("step_*.h5", ".step_*.h5.part"),
    SNAPSHOTS: ("*_[0-9]*.h5", ".*_[0-9]*.h5.part", "*.xdmf"),
    FIGURES: ("*.png", "*.pdf", "*.svg"),
}
# Tells a run directory from a folder that happens to have a `log` or `figures` of somebody else's.
MARKER = ".pfsolid"
MARKER_TEXT = "This directory was made by pfsolid; --force lets another run replace its results.\n"


def prepare_run_directory(path, force: bool, comm) -> Path:
    """Make an empty run directory, or empty an old one if told to.  Collective.

    With ``force`` only files that pfsolid writes are removed, and only from a directory that a run has made.

    Raises
    ------
    InputError
        On all ranks: the directory is not empty, is a file, cannot be written, or is not a run directory.
    """
    path = Path(path)
    on_root(comm, _prepare, path, force)
    return path


def is_run_directory(path) -> bool:
    """Whether a run was made in this directory.  For one rank."""
    path = Path(path)
    results = any((path / name).exists() for name in (HISTORY, RESULT, FIELDS))
    return (path / MARKER).exists() or (results and (path / INPUT).exists())


def _prepare(path: Path, force: bool) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        found = sorted(entry.name for entry in path.iterdir())
    except (FileExistsError, NotADirectoryError) as error:
        file = next(place for place in (path, *path.parents) if place.exists() and not place.is_dir())
        raise InputError(f"{file} is a file; the output directory needs a name of its own (-o)") from error
    except OSError as error:
        raise InputError(f"cannot make the output directory {path}: {error.strerror}") from error
    if found:
        _check_replaceable(path, found, force)
    try:
        _remove_results(path)
        (path / MARKER).write_text(MARKER_TEXT)
    except OSError as error:
        raise InputError(f"cannot write in the output directory {path}: {error.strerror}") from error


def _check_replaceable(path: Path, found: list[str], force: bool) -> None:
    if not force:
        raise InputError(f"{path} exists; give another -o, resume it with pfsolid resume, or --force")
    if not is_run_directory(path):
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise InputError(f"{path} is not a directory of pfsolid (it holds {shown}), so --force does not "
                         "touch it; give another -o")
    if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
        raise InputError(f"cannot write in the output directory {path}: no permission")


def _remove_results(path: Path) -> None:
    for name in FILES:
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
