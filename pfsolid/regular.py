"""Names that lead to no ordinary file: opening or reading a pipe, a socket or a device may wait for ever."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

_KINDS = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
          (stat.S_ISBLK, "a device"))


def refuse_special(path) -> None:
    """Raise OSError where a name leads to a pipe, a socket or a device; what is not there is left to who opens it."""
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = os.stat(path).st_mode
        for is_kind, name in _KINDS:
            if is_kind(mode):
                raise OSError(f"it is {name}, not a file")
