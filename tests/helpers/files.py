"""Files as runs write them, and folders that cannot be written in."""

import os
from contextlib import contextmanager

from pfsolid.io.series import Field, write_fields


def write_field(path, name, array, grid_nm, units, attributes, comm) -> None:
    """One field beside those that the file has.  Collective."""
    write_fields(path, {name: Field(array, units)}, grid_nm, attributes, comm)


@contextmanager
def without_permission(folder):
    """Inside, this process cannot write in the folder (root may do anything, so it becomes somebody else)."""
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        for parent in folder.parents:
            if not os.stat(parent).st_mode & 0o011 == 0o011:
                parent.chmod(os.stat(parent).st_mode | 0o011)
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
