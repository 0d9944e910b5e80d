"""Pages of the documentation whose blocks are run: ```python in one namespace, ```shell by bash, each before its ```text.

What a block prints must be what the page says: the same words, numbers within `TOLERANCE`.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
PAGES = [*TUTORIALS, *(ROOT / "docs" / "howto" / name for name in ("figures.md", "impedance.md"))]  # whose blocks are run
# Last digits printed differ where FFTW or the processor rounds otherwise; the widest digit is one of ten.
TOLERANCE = 0.1
LIMIT_S = 240  # for a block of shell lines: under load each command takes seconds to start

_BLOCK = re.compile(r"^```(python|shell)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, its text, what the page says it prints (None: nothing is said), and its place."""

    language: str
    code: str
    said: str | None
    end: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(found[1], found[2], found[3], found.end()) for found in _BLOCK.finditer(text)]


def outputs_of(page: Path, folder: Path) -> list[tuple[Block, str]]:
    """What each block prints, run in a folder that sees the checkout's inputs."""
    (folder / "inputs").symlink_to(ROOT / "inputs")
    found, names = [], {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for block in blocks_of(page):
            found.append((block, _python(block, page, names) if block.language == "python" else _shell(block)))
    return found


def _python(block: Block, page: Path, names: dict) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.code, str(page), "exec"), names)
    return printed.getvalue()


def _shell(block: Block) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-e", "-c", block.code], env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode:
        raise AssertionError(f"exit status {done.returncode} of\n{block.code}{done.stdout}{done.stderr}")
    return done.stdout


def is_as_said(printed: str, said: str) -> bool:
    """The same words, and numbers that differ by less than `TOLERANCE`; times of day and seconds may be any."""
    words = [_NUMBER.sub("#", text).split() for text in (printed, said)]
    numbers = [[float(number) for number in _NUMBER.findall(text)] for text in (printed, said)]
    near = (abs(one - other) <= TOLERANCE * max(abs(one), abs(other)) for one, other in zip(*numbers))
    return words[0] == words[1] and all(near)
