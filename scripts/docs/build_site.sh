#!/usr/bin/env bash
# Makes the documentation's site in build/site; every warning is an error.
#   --links      also asks every address it names
#   --install    only installs what is needed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash scripts/setup.sh
source scripts/env.sh
if ! python -c 'import sphinx, myst_parser, furo, sphinx_copybutton' 2>/dev/null; then
    mapfile -t requirements < <(python scripts/requirements.py docs)
    python -m pip --disable-pip-version-check install -q -c .venv/constraints.txt "${requirements[@]}"
fi
[ "${1:-}" != --install ] || exit 0
python -m sphinx -q -W --keep-going -b html docs build/site
if [ "${1:-}" = --links ]; then python -m sphinx -q -b linkcheck docs build/links; fi
echo "site: build/site/index.html"
