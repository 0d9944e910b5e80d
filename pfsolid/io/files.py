"""Writing a file so that what stood under its name before stays whole until the new one is complete.

A file is written under a temporary name in the same folder, synchronised with the disk and renamed.  Whoever
reads it, or finds it after a crash or on a full disk, sees the old contents or the new ones and nothing
between.
"""

from __future__ import annotations

import csv
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CheckpointError, OutputError, PfsolidError
from ..parallel.collective import agreed_errors, on_root
from ..regular import refuse_special
from ..text import in_binary_units

FREE_SPACE_MARGIN = 0.05


@contextmanager
def output_errors(path, hint: str = ""):
    """Turn the operating system's and HDF5's errors inside the block into OutputError.  Not collective.

    ``hint`` is added where the operating system's reason is not known.
    """
    try:
        yield
    except PfsolidError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise OutputError(f"cannot write {final_name(path)}: {_reason(error, hint)}") from error


@contextmanager
def damage_errors(path):
    """Turn the system's and HDF5's errors on reading in the block into CheckpointError.  Not collective.

    A pipe or device in place of the file is refused before the block, which would wait for it.
    """
    try:
        refuse_special(path)
        yield
    except PfsolidError:
        raise
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist") from error
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, csv.Error) as error:
        raise CheckpointError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: Exception, hint: str = "") -> str:
    """The operating system's reason, which HDF5 hides in a long text."""
    number = getattr(error, "errno", None)
    if number is None:
        inside = re.search(r"errno = (\d+)", str(error))
        number = int(inside[1]) if inside else None
    if number:
        return os.strerror(number)
    return (" ".join(str(error).split()) or type(error).__name__) + hint


def make_folder(path: Path) -> None:
    """Create a folder and its parents.

    Raises
    ------
    OutputError
        If there is a file of that name, or no permission.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"cannot write into {path}: it is a file, not a directory") from error
    except OSError as error:
        raise OutputError(f"cannot make the directory {path}: {_reason(error)}") from error


def free_bytes(folder: Path) -> int:
    """Bytes that this user can still write in a folder; a quota may allow less."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def check_free_space(path: Path, num_bytes: int) -> None:
    """Raise OutputError unless ``num_bytes`` and 5 % more are free where ``path`` is to be."""
    with output_errors(path):
        free = free_bytes(path.parent)
    needed = int(num_bytes * (1 + FREE_SPACE_MARGIN))
    if free < needed:
        raise OutputError(f"cannot write {final_name(path)}: it needs {in_binary_units(needed)} and only "
                          f"{in_binary_units(free)} are free on that disk")


def temporary_name(path: Path) -> Path:
    """Where the new contents of ``path`` are written.

    Hidden, in the same folder, the same at every attempt: the next overwrites what an interrupted one left.
    """
    return path.with_name(f".{path.name}.part")


def final_name(path: Path) -> Path:
    """Undo `temporary_name`, for messages; other names are returned as they are."""
    hidden = re.fullmatch(r"\.(.+)\.part", Path(path).name)
    return Path(path).with_name(hidden[1]) if hidden else path


def create_file_anew(path: Path) -> int:
    """Descriptor of a new, empty file to write into.

    Whatever stood under that name is removed, a link somebody has planted there too: it is never followed.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def write_file_anew(path: Path, data: bytes) -> None:
    """Contents for a file of `create_file_anew`."""
    with open(create_file_anew(path), "wb") as file:
        file.write(data)


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk.  Errors of earlier writes show here."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, path: Path) -> None:
    """Give a complete file its final name, at once and for good."""
    sync_to_disk(temporary)
    os.replace(temporary, path)
    sync_to_disk(path.parent)


@contextmanager
def replaced_file(path: Path, comm):
    """The block writes the file named by the value, which then takes the place of ``path``.  Collective.

    The block's errors must be the same on all ranks; after one the temporary file is removed and ``path`` is
    as it was.

    Raises
    ------
    OutputError
        If renaming fails.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        with agreed_errors(comm), output_errors(path):
            sync_to_disk(temporary)  # every node holds pages of its own
        on_root(comm, _publish_or_explain, temporary, path)
    except BaseException:
        if comm.Get_rank() == 0:
            with suppress(OSError):
                temporary.unlink()
        raise


def _publish_or_explain(temporary: Path, path: Path) -> None:
    with output_errors(path):
        publish(temporary, path)
