#!/usr/bin/env bash
# What `pip install .` alone gives an ordinary user: a fresh environment, no root, and on PATH no MPI and no compiler.
#   scripts/test_plain.sh                          `pfsolid doctor`, the commands on tiny cases, a part of the unit tests
#   scripts/test_plain.sh COMMAND...               something else in that environment, in a copy of this checkout
# The last line is "plain: ..."; skipped where this user cannot become an ordinary one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ordinary=()
if [ "$(id -u)" = 0 ]; then
    ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)      # nobody
    "${ordinary[@]}" true 2>/dev/null || { echo "plain: skipped, root cannot become an ordinary user here"; exit 0; }
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

mkdir "$place/bin" "$place/source" "$place/tmp"
find /bin/ /usr/bin/ -maxdepth 1 ! -type d ! -name '*gcc*' ! -name '*g++*' ! -name '*cpp*' ! -name 'cc' ! -name 'c++' ! -name 'c[89]9*' \
    ! -name 'clang*' ! -name 'ld*' ! -name 'mpi*' ! -name '*mpi' ! -name 'ort*' ! -name 'ompi*' ! -name 'prte*' ! -name 'h5*' \
    -exec ln -sf -t "$place/bin" {} +
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -c | tar -x -C "$place/source"
if [ "$(id -u)" = 0 ]; then chown -R 65534:65534 "$place"; fi
chmod 755 "$place"

cat >"$place/inside" <<'INSIDE'
set -euo pipefail
cd "$HOME/source"
python3 -m venv "$HOME/venv"
"$HOME/venv/bin/pip" --disable-pip-version-check install -q ".[test]"
export PATH=$HOME/venv/bin:$PATH
# Not the folder beside us: what pip has installed.
mv pfsolid "$HOME/not-installed"
echo "plain: installed after $SECONDS s"
"$@"
INSIDE
cat >"$place/use" <<'USE'
set -euo pipefail
pfsolid doctor
export NUMBA_DISABLE_JIT=1      # on so small grids kernels as Python are sooner done than compiled
results=$(mktemp -d)
step() { echo "plain: pfsolid $1"; pfsolid "$@" >>"$results/log" 2>&1 || { status=$?; tail -n 20 "$results/log"; exit "$status"; }; }
tiny=(--set "grid.shape=[12,10,8]" --set output.figures=false)
step run inputs/quickstart.toml "${tiny[@]}" --set evolution.max_steps=40 -o "$results/run"
step conduct inputs/images/cathode.tif --sigma 0=0,1=1e-3,2=0 --crop 0:10,0:10,0:10 -o "$results/image"
step measure "$results/run"
step plot "$results/run"
step info "$results/run"
echo "plain: a run that is stopped and resumed"
status=0
pfsolid run inputs/quickstart.toml "${tiny[@]}" --set evolution.max_steps=150 -o "$results/stopped" >>"$results/log" 2>&1 &
# The signal comes while it steps, however long a loaded machine takes to get there; a short run may be over by then.
until [ -s "$results/stopped/history.csv" ] || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
kill -USR1 $! 2>/dev/null || true
wait $! || status=$?
if [ "$status" = 85 ]; then step resume "$results/stopped"; else [ "$status" = 0 ]; fi
cat >"$results/sweep.toml" <<TOML
base = "$PWD/inputs/quickstart.toml"
[[axis]]
key = "microstructure.porosity"
values = [0.4, 0.5]
TOML
step sweep plan "$results/sweep.toml" "${tiny[@]}" --set evolution.max_steps=30 -o "$results/sweep"
step sweep run "$results/sweep"
step sweep collect "$results/sweep"
PYTHONPATH=tests python -m pytest -q -p no:cacheprovider tests/unit/test_packaging.py tests/unit/spectral tests/unit/io \
    tests/unit/parallel/test_communicator.py tests/unit/theory tests/unit/materials
USE
[ $# -gt 0 ] || set -- bash "$place/use"
start=$SECONDS
status=0
env -i HOME="$place" PATH="$place/bin" TMPDIR="$place/tmp" LANG=C.UTF-8 MPLBACKEND=Agg \
    ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} ${PIP_CONFIG_FILE:+PIP_CONFIG_FILE="$PIP_CONFIG_FILE"} \
    "${ordinary[@]}" bash "$place/inside" "$@" </dev/null || status=$?
echo "plain: exit status $status after $((SECONDS - start)) s"
exit $status
