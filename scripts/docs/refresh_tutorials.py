"""Runs the blocks of docs/tutorials and writes what they print under them.  Read the difference before you commit it.

    python scripts/docs/refresh_tutorials.py [PAGE.md ...]
"""

import sys
import tempfile
from pathlib import Path

import common  # noqa: F401 (puts the tests on the path)
from helpers.pages import TUTORIALS, outputs_of


def refresh(page: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outputs = outputs_of(page, Path(folder))
    text = page.read_text(encoding="utf-8")
    for block, printed in reversed(outputs):
        if block.said is not None:
            start = text.rindex("```text\n", 0, block.end) + len("```text\n")
            text = text[:start] + printed.rstrip() + "\n```\n" + text[block.end:]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or TUTORIALS:
        refresh(Path(name).resolve())
