"""ruff finds nothing; mypy, strict: what is complete stays so, and elsewhere no more is missing than was.

Skipped where they are not installed; continuous integration installs them (the extra `types`).
"""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPLETE = ("pfsolid/__init__.py", "pfsolid/api/", "pfsolid/arrays.py", "pfsolid/errors.py", "pfsolid/grid.py",
            "pfsolid/homogenization/", "pfsolid/json_values.py", "pfsolid/orientation.py", "pfsolid/results/",
            "pfsolid/text.py", "pfsolid/units.py")
# Errors of the strict mode elsewhere, with the mypy of the extra: may only fall.
MOST_ERRORS = 2210


@pytest.mark.skipif(find_spec("ruff") is None, reason="needs the extra `types`")
def test_style():
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "-q", "."], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(find_spec("mypy") is None, reason="needs the extra `types`")
def test_types(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "pfsolid"],
                          cwd=ROOT, capture_output=True, text=True, timeout=280)
    errors = re.findall(r"^pfsolid/.*: error: .*$", done.stdout, re.MULTILINE)
    assert errors or "no issues" in done.stdout, done.stderr
    strict = [line for line in errors if line.startswith(COMPLETE)]
    assert not strict, "\n".join(strict)
    assert len(errors) <= MOST_ERRORS, \
        f"{len(errors)} errors, at the most {MOST_ERRORS} may be: python -m mypy --strict pfsolid"
