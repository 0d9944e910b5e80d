"""The documentation's site can be made without a warning: links between pages, references to names, tables of contents.

Skipped where the packages of the extra `docs` are not installed; continuous integration installs them.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
needs_docs = pytest.mark.skipif(not all(map(find_spec, ("sphinx", "myst_parser", "furo", "sphinx_copybutton"))),
                                reason="needs the extra `docs`")


@needs_docs
def test_site_has_no_warning(tmp_path):
    sphinx = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(sphinx, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0 and (tmp_path / "reference" / "api.html").exists(), done.stderr
