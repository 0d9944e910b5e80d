#!/usr/bin/env bash
# Makes the documentation's site in build/site; every warning is an error.  With --links also asks every address it names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash scripts/setup.sh
source scripts/env.sh
python -c 'import sphinx, myst_parser, furo, sphinx_copybutton' 2>/dev/null || bash scripts/install_extra.sh docs
python -m sphinx -q -W --keep-going -b html docs build/site
if [ "${1:-}" = --links ]; then python -m sphinx -q -b linkcheck docs build/links; fi
echo "site: build/site/index.html"
