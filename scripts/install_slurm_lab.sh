#!/usr/bin/env bash
# Installs SLURM's daemons, for tests/campaign/test_slurm.py to start on this machine in a folder of their own. For
# continuous integration; nothing else needs them, and nothing is left running.
set -euo pipefail

packages=(slurmctld slurmd slurm-client munge)
missing=no
for program in slurmctld slurmd sbatch munged; do command -v "$program" >/dev/null || missing=yes; done
if [ $missing = no ]; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install_slurm_lab: needs root and apt-get; without SLURM its tests are skipped"
    exit 0
fi

# The packages would start daemons of the whole machine, where there is something to start them with.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
install() { "${apt[@]}" install --no-install-recommends "${packages[@]}"; }
install >/dev/null 2>&1 || { "${apt[@]}" update >/dev/null && install >/dev/null; }
echo "install_slurm_lab: $(slurmctld -V) after $SECONDS s"
