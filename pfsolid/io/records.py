"""Small text files of a run: JSON, the history table, and where the numbers come from."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from contextlib import suppress
from pathlib import Path

from ..errors import CheckpointError
from ..json_values import finite, plain
from ..parallel.collective import on_root
from .files import damage_errors, output_errors, publish, temporary_name, write_file_anew

UNITS = "the unit is part of each name (_nm, _s, _S_per_cm ...); a name without one is dimensionless"


def atomic_write_text(path, text: str) -> None:
    """Replace a text file as a whole.  For one rank: ``on_root(comm, atomic_write_text, path, text)``.

    Raises
    ------
    OutputError
    """
    path = Path(path)
    temporary = temporary_name(path)
    with output_errors(path):
        try:
            write_file_anew(temporary, text.encode("utf-8"))
            publish(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise


def write_json(path, data) -> None:
    """Replace a JSON file.  NumPy values become numbers and lists, NaN and infinity, which JSON lacks, null.

    For one rank: ``on_root(comm, write_json, path, data)``.

    Raises
    ------
    OutputError
    """
    atomic_write_text(path, json.dumps(finite(data), indent=2, allow_nan=False) + "\n")


class CsvHistory:
    """A growing table, one row a step, each row in the file as soon as it is appended.

    Collective: made and used by all ranks together, written by root.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Names with their units; the first is ``step``.
    comm : Communicator
    resume_after : int, optional
        Keep the rows of an existing file up to this step and drop those after it, and a last line that was
        not completed.  Without it the file starts anew.

    Raises
    ------
    OutputError
        If the file cannot be written.
    CheckpointError
        If the file to go on with has other columns or is not such a table.
    """

    def __init__(self, path, columns, comm, resume_after: int | None = None):
        self.path = Path(path)
        self.columns = tuple(columns)
        self._comm = comm
        self._file = None
        on_root(comm, self._open, resume_after)

    def append(self, row: dict) -> None:
        """Write one row.  Floats keep all their digits; None is an empty cell.

        Raises
        ------
        OutputError
            On all ranks, if the disk is full.
        """
        on_root(self._comm, self._append, row)

    def close(self) -> None:
        """Close the file.  Not collective, for what there is to be said was said by `append`: also after an error."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def __enter__(self) -> CsvHistory:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _open(self, resume_after) -> None:
        kept = [] if resume_after is None or not self.path.exists() else self._rows_until(resume_after)
        atomic_write_text(self.path, csv_text([self.columns, *kept]))
        with output_errors(self.path):
            self._file = open(self.path, "a", encoding="utf-8", newline="")

    def _append(self, row: dict) -> None:
        if set(row) != set(self.columns):
            raise ValueError(f"a row of {self.path.name} has the columns {', '.join(self.columns)}, "
                             f"not {', '.join(row)}")
        with output_errors(self.path):
            values = ["" if row[name] is None else plain(row[name]) for name in self.columns]
            self._file.write(csv_text([values]))
            self._file.flush()

    def _rows_until(self, step: int) -> list[list[str]]:
        with damage_errors(self.path):
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            if lines and not lines[-1].endswith("\n"):
                lines.pop()
            header, *rows = csv.reader(lines) if lines else [[]]
            if tuple(header) != self.columns:
                found = textwrap.shorten(", ".join(header), 200, placeholder=" ...")
                raise CheckpointError(f"{self.path} has the columns {found} and not "
                                      f"{', '.join(self.columns)}; move it away to go on without it")
            return [row for row in rows if len(row) == len(header) and int(row[0]) <= step]


def csv_text(rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
