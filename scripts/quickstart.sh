#!/usr/bin/env bash
# From a fresh clone to a conductivity tensor and its pictures:  scripts/quickstart.sh [output directory]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
output=${1:-$root/runs/quickstart}

bash "$root/scripts/setup.sh"
source "$root/scripts/env.sh"
pfsolid run "$root/inputs/quickstart.toml" -o "$output" --force
