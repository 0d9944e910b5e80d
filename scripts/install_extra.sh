#!/usr/bin/env bash
# Puts the packages of extras of setup.py that setup.sh leaves out into its environment.
#   scripts/install_extra.sh docs types
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
source scripts/env.sh
for extra in "$@"; do
    mapfile -t requirements < <(python scripts/requirements.py "$extra")
    python -m pip --disable-pip-version-check install -q -c .venv/constraints.txt "${requirements[@]}"
done
