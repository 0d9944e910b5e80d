"""A pytest plugin for scripts/test.sh: several pytest processes share the tests, a file at a time.  Loaded with `-p share`.

All collect the same list, and each takes the next file of it that nobody has taken, so that all end at about the same time.
The first begins at the front, the others at the back: what compiles kernels and what needs none are at opposite ends, and
nothing is compiled twice at the same time.
"""

import os
from collections.abc import Iterator
from pathlib import Path

FOLDER, NUMBER = "PFSOLID_SHARE", "PFSOLID_SHARE_NUMBER"  # where files are taken; of this process, from 1
WITHOUT_KERNELS = tuple(f"tests/unit/{name}" for name in ("config", "materials", "theory", "plots", "io", "sweep"))


def in_order(files: list[Path], root: Path, number: int) -> list[Path]:
    """The files as process ``number`` takes them."""
    front = [file for file in files if not file.relative_to(root).as_posix().startswith(WITHOUT_KERNELS)]
    ordered = front + [file for file in files if file not in front]
    return ordered if number == 1 else ordered[::-1]


def take(folder: Path, name: str) -> bool:
    """Whether it was there to be taken."""
    try:
        os.close(os.open(folder / name.replace("/", "-"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def taken(session) -> Iterator:
    """The tests of the files that this process gets; a file is taken when the one before has begun its last."""
    by_file = {}
    for item in session.items:
        by_file.setdefault(item.path, []).append(item)
    root = session.config.rootpath
    for file in in_order(list(by_file), root, int(os.environ[NUMBER])):
        if take(Path(os.environ[FOLDER]), file.relative_to(root).as_posix()):
            yield from by_file[file]


def pytest_runtestloop(session):
    """pytest's own, over what is taken."""
    if FOLDER not in os.environ or session.testsfailed or session.config.option.collectonly:
        return None
    items = taken(session)
    item = next(items, None)
    while item is not None:
        following = next(items, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True
