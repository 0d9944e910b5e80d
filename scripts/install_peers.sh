#!/usr/bin/env bash
# Makes .venv-peers: the codes that `scripts/benchmarks/benchmark.py conduction --peers` measures pfsolid against, at fixed versions.
# They have an environment of their own: nothing of pfsolid needs them. Safe to run again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${PFSOLID_PEERS_VENV:-$root/.venv-peers}
log=$root/logs/install_peers.log
source "$root/scripts/lib.sh"
export PYTHONNOUSERSITE=1

# TauFactor runs on torch; where pip offers a CPU build of it (2.13.0+cpu), that is taken, else the large default one.
# PoreSpy leaves the linear algebra to OpenPNM, and that to PyAMG. OpenImpala needs the Open MPI that setup.sh installs.
packages=(torch==2.13.0 taufactor==1.2.1 openimpala==4.4.9 porespy==3.2.0 openpnm==3.6.4 pyamg==5.4.1)
stamp() { { "$python" -V; printf '%s\n' "$root" "${packages[@]}"; } | sha256sum; }
python=$(command -v python3.11 || command -v python3)

if [ "$(cat "$venv/stamp" 2>/dev/null)" = "$(stamp)" ]; then exit 0; fi
mkdir -p "$root/logs"
: >"$log"
run "making $(basename "$venv")" "$python" -m venv --clear "$venv"
run "installing ${packages[*]}" "$venv/bin/python" -m pip --disable-pip-version-check install -q "${packages[@]}"
run "checking the environment" "$venv/bin/python" -c 'import taufactor, openimpala, porespy, openpnm, pyamg'
stamp >"$venv/stamp"
echo "install_peers: ready after $SECONDS s"
