#!/usr/bin/env bash
# Makes .venv, ready to run pfsolid, on a machine with apt (Debian 12 or newer, Ubuntu 24.04 or newer).
# Safe to run again: where nothing has changed it returns at once.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${PFSOLID_VENV:-$root/.venv}
log=$root/logs/setup.log
source "$root/scripts/lib.sh"
python=/usr/bin/python3      # the packages below belong to the system's Python; another one on PATH cannot load them

# Everything that is bound to MPI comes from the distribution, so that all of it uses one and the same MPI.
apt_packages=(python3 python3-venv python3-numpy python3-mpi4py python3-mpi4py-fft
              python3-h5py python3-h5py-mpi python3-petsc4py openmpi-bin)

export PYTHONNOUSERSITE=1    # a NumPy under ~/.local would hide the one the MPI packages were built for

# A moved or copied .venv does not work (its scripts name their interpreter), nor does one of another Python.
identity() { echo "$root $("$python" -V 2>&1)"; }
stamp() { (cd "$root" && { identity; cat scripts/setup.sh scripts/requirements.py setup.py pyproject.toml; } | sha256sum); }

works() {
    # Looked up, not imported: that would start MPI and take seconds. -P: not from the directory we happen to be in.
    "$venv/bin/python" -P -c 'import sys
from importlib.util import find_spec
names = "pfsolid numpy mpi4py mpi4py_fft pyfftw h5py petsc4py numba scipy matplotlib pydantic tifffile pytest pytest_timeout hypothesis"
sys.exit(any(find_spec(name) is None for name in names.split()))' >/dev/null 2>&1
}

ready() { [ -e "$venv/stamp" ] && [ "$(cat "$venv/stamp")" = "$(stamp)" ] && works; }

if ready || [ -e "$venv/made-by-install_cluster" ]; then exit 0; fi

mkdir -p "$root/logs"
exec 9<"$root/scripts"
command -v flock >/dev/null && flock 9     # one set-up at a time in a checkout
if ready; then exit 0; fi
: >"$log"

# --- 1. the system's packages -----------------------------------------------------------------------------------
missing=()
for package in "${apt_packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
    [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null ||
        die "this machine has no apt; install against your own MPI instead: scripts/install_cluster.sh (README, 'On a cluster')"
    as_root=(env)
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "root is needed once, for: apt-get install ${missing[*]} (there is no sudo here; ask your administrator)"
        as_root=(sudo env)
    fi
    apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    run "reading the package lists" "${apt[@]}" update
    run "installing ${#missing[@]} system packages (${missing[*]})" "${apt[@]}" install --no-install-recommends "${missing[@]}"
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "pfsolid needs Python 3.11 or newer and this system's is $("$python" -V): use scripts/install_cluster.sh (README, 'On a cluster')"

# --- 2. the environment -----------------------------------------------------------------------------------------
if [ "$(cat "$venv/identity" 2>/dev/null)" != "$(identity)" ]; then
    run "making .venv" "$python" -m venv --clear --system-site-packages "$venv"
    identity >"$venv/identity"
fi

# Another NumPy than the one the MPI packages were built for breaks all of them: it must not move.
"$python" -c 'import numpy; print(f"numpy=={numpy.__version__}")' >"$venv/constraints.txt"

# The distribution keeps petsc4py beside PETSc, off the path. The real-number build, the newest where there are several.
petsc4py=$(ls -d /usr/lib/petscdir/petsc3*/*-linux-gnu-real/lib/python3/dist-packages 2>/dev/null | sort -V | tail -n 1) || true
[ -n "$petsc4py" ] || die "petsc4py is not where the package python3-petsc4py should have put it (/usr/lib/petscdir)"
echo "$petsc4py" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/petsc4py-debian.pth"

# --- 3. pfsolid and the rest of what setup.py asks for ----------------------------------------------------------
pip=("$venv/bin/python" -m pip --disable-pip-version-check install -q -c "$venv/constraints.txt")
run "installing the build tools" "${pip[@]}" setuptools wheel
# --no-deps: the distribution's h5py goes under another name, and pip would add a serial one on top of it.
run "installing pfsolid (editable)" "${pip[@]}" --no-deps --no-build-isolation -e "$root"
# On the path as well: from the folder above a checkout named pfsolid, `python -m pfsolid` would find that folder alone.
echo "$root" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pfsolid-checkout.pth"
mapfile -t requirements < <("$venv/bin/python" "$root/scripts/requirements.py")
[ ${#requirements[@]} -gt 0 ] || die "pfsolid's own requirements could not be read back"
run "installing ${#requirements[@]} Python packages" "${pip[@]}" "${requirements[@]}"

# --- 4. does it work? -------------------------------------------------------------------------------------------
run "checking the environment" env H5PY_ALWAYS_USE_MPI=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    "$venv/bin/python" -c '
import numba, matplotlib, pydantic, scipy, tifffile, mpi4py_fft, pyfftw, h5py, pfsolid
from petsc4py import PETSc
assert h5py.get_config().mpi, "h5py is the serial one"'
works || die "the environment is incomplete: remove $venv and try again"
stamp >"$venv/stamp"
echo "setup: ready after $SECONDS s"
