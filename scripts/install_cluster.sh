#!/usr/bin/env bash
# Installs pfsolid against a cluster's own MPI, FFTW and HDF5 (and PETSc). Load their modules first, for example
#     module load gcc openmpi python fftw hdf5        # the MPI flavours of FFTW and HDF5, and of one and the same MPI
#     scripts/install_cluster.sh
# Options:
#   --petsc            build petsc4py as well (PETSc's module must be loaded)
#   --python PROGRAM   the Python to use, 3.11 or newer (default: python3)
#   --launch COMMAND   how to start two ranks for the check at the end (default: "mpirun -n 2"; "srun -n 2" in a job)
# The environment goes into .venv, or into $PFSOLID_VENV. A library in an unusual place is found through MPICC (on Cray:
# cc), FFTW_DIR, HDF5_DIR, PETSC_DIR and PETSC_ARCH.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${PFSOLID_VENV:-$root/.venv}
log=$root/logs/install_cluster.log
source "$root/scripts/lib.sh"

python=python3 petsc=no launch="mpirun -n 2"
while [ $# -gt 0 ]; do
    case $1 in
        --petsc) petsc=yes ;;
        --python) python=${2:?--python needs a program}; shift ;;
        --launch) launch=${2:?--launch needs a command}; shift ;;
        -h | --help) sed -n '2,/^set/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; exit 0 ;;
        *) die "unknown option $1 (see --help)" ;;
    esac
    shift
done
if [ -e "$venv" ] && [ ! -e "$venv/made-by-install_cluster" ]; then
    die "$venv exists and was not made by this script: remove it, or name another place in PFSOLID_VENV"
fi
mkdir -p "$root/logs"
: >"$log"
export PYTHONNOUSERSITE=1
if [ -n "${PYTHONPATH:-}" ]; then
    echo "install_cluster: note: PYTHONPATH is set; packages there would hide the ones built here, so it is ignored. Unset it in jobs too."
    unset PYTHONPATH
fi

# --- 1. what is there? All that is missing is said at once ---------------------------------------------------------
problems=()
mpicc=${MPICC:-mpicc}
command -v "$mpicc" >/dev/null || problems+=("MPI: no $mpicc on PATH (load the MPI module, or set MPICC)")

# Python.h is needed to build, the venv module to start.
"$python" - >>"$log" 2>&1 <<'PY' ||
import os, sys, sysconfig, venv, ensurepip
assert sys.version_info >= (3, 11), sys.version
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")), "no Python.h"
PY
    problems+=("Python: $python must be 3.11 or newer, with venv and the C headers (python3-dev or a Python module; see --python)")

pkg() { pkg-config "$@" 2>/dev/null || true; }

# compiles HEADER: does the compiler find it by itself?
compiles() { echo "#include <$1>" | "$mpicc" -E -x c - >/dev/null 2>>"$log"; }

# FFTW: mpi4py-fft looks in the system's directories and in these two.
fftw=${FFTW_DIR:-${FFTW_ROOT:-${FFTW_HOME:-${EBROOTFFTW:-}}}}
if [ -n "$fftw" ]; then
    if [[ $fftw == */lib* && ! -d $fftw/include ]]; then fftw=$(dirname "$fftw"); fi      # Cray's is the lib directory
    export FFTW_INCLUDE_DIR=$fftw/include FFTW_LIBRARY_DIR=$fftw/lib
    [ -d "$FFTW_LIBRARY_DIR" ] || FFTW_LIBRARY_DIR=$fftw/lib64
elif [ -n "$(pkg --modversion fftw3)" ]; then
    FFTW_INCLUDE_DIR=$(pkg --variable=includedir fftw3) FFTW_LIBRARY_DIR=$(pkg --variable=libdir fftw3)
    export FFTW_INCLUDE_DIR FFTW_LIBRARY_DIR
fi
if [ -n "${FFTW_INCLUDE_DIR:-}" ]; then [ -e "$FFTW_INCLUDE_DIR/fftw3.h" ]; else compiles fftw3.h; fi ||
    problems+=("FFTW: no fftw3.h${fftw:+ in $FFTW_INCLUDE_DIR} (load the FFTW module, or set FFTW_DIR)")

# HDF5: the first place that holds an HDF5 built with MPI.
parallel_hdf5() {
    local header
    for header in "$1"/include/H5pubconf*.h; do
        grep -Eqs '^#define H5_HAVE_PARALLEL 1' "$header" && return 0
    done
    return 1
}
hdf5=
h5pcc=$(command -v h5pcc || true)
for place in "${HDF5_DIR:-}" "${HDF5_ROOT:-}" "${HDF5_HOME:-}" "${EBROOTHDF5:-}" "$(pkg --variable=prefix hdf5)" \
             "${h5pcc:+$(dirname "$(dirname "$h5pcc")")}" /usr/lib/"$(gcc -print-multiarch 2>/dev/null || true)"/hdf5/{openmpi,mpich}; do
    if [ -n "$place" ] && parallel_hdf5 "$place"; then hdf5=$place; break; fi
done

# PETSc: version and number type from its headers.
if [ $petsc = yes ]; then
    PETSC_DIR=${PETSC_DIR:-$(pkg --variable=prefix PETSc)}
    PETSC_DIR=${PETSC_DIR:-$(pkg --variable=prefix petsc)}
    header() { cat "$PETSC_DIR/include/$1" "$PETSC_DIR/${PETSC_ARCH:-.}/include/$1" 2>/dev/null || true; }
    number() { header petscversion.h | awk -v name="PETSC_VERSION_$1" '$1 == "#define" && $2 == name { print $3; exit }'; }
    petsc_series=$(number MAJOR).$(number MINOR) petsc_version=$(number MAJOR).$(number MINOR).$(number SUBMINOR)
    if [ "$petsc_series" = . ]; then
        problems+=("PETSc: not found (load its module, or set PETSC_DIR and PETSC_ARCH; or leave out --petsc, it is optional)")
    elif header petscconf.h | grep -Eq '^#define PETSC_USE_(COMPLEX|REAL_SINGLE) '; then
        problems+=("PETSc: $PETSC_DIR is a complex or single-precision build; pfsolid needs real doubles")
    fi
fi

if [ ${#problems[@]} -gt 0 ]; then
    printf 'install_cluster: missing: %s\n' "${problems[@]}" >&2
    die "nothing was installed (details: $log)"
fi
echo "install_cluster: Python  $("$python" -c 'import sys; print(sys.version.split()[0], sys.executable)')"
echo "install_cluster: MPI     $(command -v "$mpicc")"
echo "install_cluster: FFTW    ${FFTW_LIBRARY_DIR:-where the compiler looks}"
echo "install_cluster: HDF5    ${hdf5:-none with MPI found (load the parallel HDF5 module, or set HDF5_DIR): taking a serial h5py; files are then written through rank 0}"
if [ $petsc = yes ]; then echo "install_cluster: PETSc   $petsc_version $PETSC_DIR ${PETSC_ARCH:-}"; fi

# --- 2. the environment --------------------------------------------------------------------------------------------
run "making the environment" "$python" -m venv --clear "$venv"
touch "$venv/made-by-install_cluster"       # setup.sh leaves such an environment alone
pip=("$venv/bin/python" -m pip --disable-pip-version-check install -q)
# No isolation: in isolation each package would first build an mpi4py of its own, with any MPI and tens of GB of memory.
# No cache: it may hold a package built against another MPI.
build=("${pip[@]}" --no-cache-dir --no-build-isolation --no-deps)

run "installing the build tools" "${pip[@]}" 'setuptools>=77,<81' wheel 'cython>=3,<4' pkgconfig
run "installing pfsolid (editable)" "${pip[@]}" --no-deps --no-build-isolation -e "$root"
# On the path as well: from the folder above a checkout named pfsolid, `python -m pfsolid` would find that folder alone.
echo "$root" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pfsolid-checkout.pth"
mapfile -t requirements < <("$venv/bin/python" "$root/scripts/requirements.py")
[ ${#requirements[@]} -gt 0 ] || die "pfsolid's own requirements could not be read back"
run "installing ${#requirements[@]} Python packages" "${pip[@]}" numpy "${requirements[@]}"

export CC=$mpicc MPICC=$mpicc
if [ -n "${FFTW_LIBRARY_DIR:-}" ]; then     # so that FFTW is found at run time without its module
    fftw_ldflags="-Wl,-rpath,$FFTW_LIBRARY_DIR"
fi
run "building mpi4py" "${build[@]}" --no-binary=mpi4py mpi4py
run "building mpi4py-fft" env LDFLAGS="${LDFLAGS:-} ${fftw_ldflags:-}" "${build[@]}" --no-binary=mpi4py-fft mpi4py-fft
if [ -n "$hdf5" ]; then
    run "building h5py with MPI (a few minutes)" env HDF5_MPI=ON HDF5_DIR="$hdf5" "${build[@]}" --no-binary=h5py h5py
else
    run "installing a serial h5py" "${pip[@]}" h5py
fi
if [ $petsc = yes ]; then
    # petsc4py belongs to PETSc's series. Older ones build only with older setuptools, which newer Pythons do not run.
    if "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
        run "setuptools for petsc4py" "${pip[@]}" 'setuptools==65.*'
    fi
    export PETSC_DIR
    run "building petsc4py (a few minutes)" "${build[@]}" "petsc4py>=$petsc_series,<=$petsc_version"
fi

# --- 3. does it work? ----------------------------------------------------------------------------------------------
cat >"$venv/check.py" <<'PY'
import importlib.util, tempfile
import h5py, numba, numpy as np
from mpi4py import MPI
from mpi4py_fft import PFFT, newDistArray
import pfsolid

comm = MPI.COMM_WORLD
fft = PFFT(comm, (16, 16, 16), dtype="d")
u = newDistArray(fft, False)
u[:] = np.random.default_rng(comm.rank).random(u.shape)
assert np.allclose(fft.backward(fft.forward(u)), u), "the transform"
if h5py.get_config().mpi:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        with h5py.File(comm.bcast(folder) + "/check.h5", "w", driver="mpio", comm=comm) as file:
            file.create_dataset("rank", (comm.size,), "i4")[comm.rank] = comm.rank
        comm.Barrier()
if importlib.util.find_spec("petsc4py"):
    from petsc4py import PETSc
    vector = PETSc.Vec().createMPI(10, comm=comm)
    vector.set(1)
    assert vector.sum() == 10, "PETSc"
if comm.rank == 0:
    vendor = MPI.get_vendor()
    print(f"{comm.size} ranks of {vendor[0]} {'.'.join(map(str, vendor[1]))}; mpi in h5py: {h5py.get_config().mpi}")
assert comm.size == 2, f"{comm.size} rank(s) came up, not 2: does the launcher belong to this MPI?"
PY
source "$root/scripts/env.sh"
echo "install_cluster: checking with: $launch"
if ! (cd "$root/logs" && $launch "$venv/bin/python" "$venv/check.py" </dev/null); then
    die "the check failed. Where a login node may not run MPI, run this in a job instead: $launch $venv/bin/python $venv/check.py"
fi
echo "install_cluster: ready after $SECONDS s. In jobs: load the same modules, then  source scripts/env.sh"
